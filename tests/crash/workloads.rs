//! What is done to a database when the power fails or the disk does.
//!
//! A workload has a beginning, during which all goes well, and steps. Each step depends on the
//! state before it and on nothing else, and makes one commit or none.

use std::fmt::Write as _;
use std::io::Cursor;
use std::time::Duration;

use sdmxdb::catalog::Draft;
use sdmxdb::error::Result;
use sdmxdb::model::Zone;
use sdmxdb::store::{CompactOptions, Database, Editor, LoadOptions, Message, NewRelease};
use sdmxdb::store::{Redaction, ReleaseTime, Revert};

use crate::cube::random::Random;
use crate::structures::{CROSS_SHAPE, STRICT_SHAPE};

/// Observations of loads whose segment is too large for a manifest.
const LARGE: i32 = 9_000;
/// Rows after which a load looks whether it must sort on disk.
const ROWS_BEFORE_SORT: i32 = 1 << 16;

/// A thing that is done.
pub(crate) type Step = Box<dyn Fn(&Database) -> Result<()> + Send + Sync>;

/// What is done, one thing after the other.
pub(crate) struct Workload {
    /// During which all goes well.
    pub(crate) beginning: Vec<Step>,
    /// During which it does not.
    pub(crate) steps: Vec<Step>,
}

fn day(number: i32) -> String {
    let (year, rest) = (1950 + number / 336, number % 336);
    format!("{year}-{:02}-{:02}", 1 + rest / 28, 1 + rest % 28)
}

/// Rows of annual series, or of daily ones, with values that do not pack.
fn rows(number: u64, frequency: &str, count: i32) -> String {
    let mut random = Random::new(number);
    let mut message = STRICT_SHAPE.header();
    for at in 0..count {
        let area = ["AT", "BE", "CH"][usize::try_from(at % 3).expect("small")];
        let slot = at / 3 + i32::try_from(number % 8).expect("small") * 7;
        let period = if frequency == "D" { day(slot) } else { (1900 + slot).to_string() };
        let value = random.below(1 << 60);
        let flow = STRICT_SHAPE.flow;
        write!(message, "\ndataflow,{flow},I,{frequency},{area},{period},{value},A,,")
            .expect("into a string");
    }
    message + "\n"
}

fn cross(number: u64) -> String {
    format!("{}\ndataflow,T:CROSS(1.0),I,F,Y{number},{number},,\n", CROSS_SHAPE.header())
}

/// Loads these messages as one commit.
fn load(messages: Vec<String>) -> Step {
    Box::new(move |database| {
        let mut load = database.begin_load(LoadOptions::at(7))?;
        for message in &messages {
            load.csv(message.as_bytes(), "rows.csv")?;
        }
        load.commit().map(drop)
    })
}

/// A few annual observations; the number says which, in part those of its neighbours.
fn small(number: u64) -> Step {
    load(vec![rows(number, "A", 40)])
}

fn large(number: u64) -> Step {
    load(vec![rows(number, "D", LARGE)])
}

/// What can be stored.
fn structures() -> Step {
    Box::new(|database| {
        let mut load = database.begin_load(LoadOptions::at(1))?;
        load.structures(STRICT_SHAPE.artefacts())?;
        load.structures(CROSS_SHAPE.artefacts())?;
        load.commit().map(drop)
    })
}

/// The same structures with one code more.
fn more_codes() -> Step {
    Box::new(|database| {
        let mut load = database.begin_load(LoadOptions::at(1))?;
        let mut shape = STRICT_SHAPE;
        shape.coded = &[
            ("FREQ", &["A", "M", "D", "X"]),
            ("AREA", &["AT", "BE", "CH", "DE"]),
            ("OBS_STATUS", &["A", "E"]),
        ];
        load.structures(shape.artefacts())?;
        load.commit().map(drop)
    })
}

/// Deletes the series of an area, by its number, and loads messages in the same commit.
fn delete(area: usize, messages: Vec<String>) -> Step {
    let area = ["AT", "BE", "CH"][area];
    Box::new(move |database| {
        let mut load = database.begin_load(LoadOptions::at(7))?;
        let (header, flow) = (STRICT_SHAPE.header(), STRICT_SHAPE.flow);
        let delete = format!("{header}\ndataflow,{flow},D,,{area},,,,,\n");
        load.csv(delete.as_bytes(), "delete.csv")?;
        for message in &messages {
            load.csv(message.as_bytes(), "rows.csv")?;
        }
        load.commit().map(drop)
    })
}

/// Forgets all before the commit that is so far before the last one.
fn forget(kept: u64) -> Step {
    Box::new(move |database| {
        let mut writer = database.catalog().begin(Duration::from_secs(10))?;
        let first = writer.state().number().saturating_sub(kept).max(1);
        writer.forget(first).map(drop)
    })
}

/// A load that is refused.
fn refused() -> Step {
    Box::new(|database| {
        let mut load = database.begin_load(LoadOptions::at(7))?;
        let message = rows(3, "D", 300) + "dataflow,T:STRICT(1.0),I,NONE,AT,2000,1,A,,\n";
        load.csv(message.as_bytes(), "rows.csv").expect_err("there is no such code");
        Ok(())
    })
}

/// A load that is prepared and given up: its files were written.
fn given_up() -> Step {
    Box::new(|database| {
        let mut load = database.begin_load(LoadOptions::at(7))?;
        load.csv(rows(5, "D", LARGE).as_bytes(), "rows.csv")?;
        drop(load.prepare()?);
        Ok(())
    })
}

/// A load that sorts on disk.
fn sorted(number: u64) -> Step {
    Box::new(move |database| {
        let options = LoadOptions { memory: 1 << 10, ..LoadOptions::at(7) };
        let mut load = database.begin_load(options)?;
        load.csv(rows(number, "D", ROWS_BEFORE_SORT + 50).as_bytes(), "rows.csv")?;
        load.commit().map(drop)
    })
}

/// A commit of a setting alone.
pub(crate) fn setting(value: u64) -> Step {
    Box::new(move |database| {
        let mut draft = Draft::default();
        draft.settings.insert("test".to_owned(), (value > 0).then(|| value.to_string()));
        database.catalog().begin(Duration::from_secs(10))?.commit(draft).map(drop)
    })
}

/// Loads a message in which each row has an action of its own.
fn actions(rows: &[&str]) -> Step {
    let flow = STRICT_SHAPE.flow;
    let rows = rows.iter().map(|row| {
        let (action, cells) = row.split_once(' ').expect("an action and cells");
        format!("\ndataflow,{flow},{action},{cells}")
    });
    load(vec![STRICT_SHAPE.header() + &rows.collect::<String>() + "\n"])
}

/// Brings segments together: what is worth it, or everything.
fn compact(is_full: bool) -> Step {
    Box::new(move |database| {
        let options = CompactOptions { is_full, ..CompactOptions::at(8) };
        database.compact(&options, &mut |_| Ok(())).map(drop)
    })
}

/// Takes the value of an area at a period out of every version.
fn redact(frequency: &str, area: &str, period: &str) -> Step {
    let (key, period) = (vec![frequency.to_owned(), area.to_owned()], period.to_owned());
    Box::new(move |database| {
        let redaction = Redaction {
            flow: STRICT_SHAPE.id(),
            key: key.clone(),
            period: period.clone(),
            has_attributes: false,
            reason: "a test".to_owned(),
            now: 9,
            author: String::new(),
            wait: Duration::from_secs(10),
        };
        database.redact(&redaction).map(drop)
    })
}

/// Undoes what the last commit did.
fn revert() -> Step {
    Box::new(|database| {
        let last = database.snapshot()?.number();
        let mut load = database.begin_load(LoadOptions::at(9))?;
        load.revert(database, Revert::Commit(last))?;
        load.commit().map(drop)
    })
}

/// When releases are due.
const MINUTE: i64 = 60_000_000;

fn editor() -> Editor {
    Editor::at(10, "office")
}

/// Makes a release, unless a crash left it.
fn create_release(name: &'static str) -> Step {
    Box::new(move |database| {
        if database.release(name).is_ok() {
            return Ok(());
        }
        let at = ReleaseTime::of(MINUTE, Zone::UTC);
        let (name, title, notes) = (name.to_owned(), String::new(), String::new());
        let new = NewRelease { name, title, notes, at, is_announced: false };
        database.create_release(new, &editor()).map(drop)
    })
}

/// Adds rows to it.
fn add_to_release(name: &'static str, message: String) -> Step {
    Box::new(move |database| {
        if !database.release(name)?.messages.is_empty() {
            // A crash left it, and the same rows may not come twice.
            return Ok(());
        }
        let bytes = Cursor::new(message.clone().into_bytes());
        let message = Message::open(Box::new(bytes), "rows.csv")?;
        database.add_to_release(name, vec![message], &editor()).map(drop)
    })
}

/// What whoever notices does at its time.
fn release_due() -> Step {
    Box::new(|database| database.release_due(2 * MINUTE).map(drop))
}

/// The workload of this name.
#[expect(clippy::too_many_lines, reason = "a list, a workload an arm")]
pub(crate) fn workload(name: &str) -> Workload {
    let begun = |more: Vec<Step>| {
        let mut beginning = vec![structures()];
        beginning.extend(more);
        beginning
    };
    let many = |count: u64| begun((1..count).map(small).collect());
    let (beginning, steps): (Vec<Step>, Vec<Step>) = match name {
        "first_loads" => (vec![], vec![structures(), small(1), small(2), small(3)]),
        "revisions" => (begun(vec![small(1)]), vec![small(9), small(17), small(25), small(33)]),
        "large_loads" => (begun(vec![]), vec![large(1), large(2), small(1)]),
        "revised_files" => (begun(vec![large(1)]), vec![large(9), load(vec![rows(17, "D", 90)])]),
        "deletes" => (
            begun(vec![small(1), large(2)]),
            vec![delete(1, vec![]), delete(0, vec![]), small(3), delete(0, vec![])],
        ),
        "deletes_and_loads" => (
            begun(vec![small(1), small(2)]),
            vec![
                delete(1, vec![rows(3, "A", 30)]),
                delete(2, vec![rows(4, "A", 3), cross(1)]),
                delete(0, vec![rows(5, "D", 40)]),
            ],
        ),
        "several_flows" => (
            begun(vec![]),
            vec![
                load(vec![rows(1, "A", 9), cross(1)]),
                load(vec![cross(2), rows(2, "D", LARGE), cross(3)]),
                load(vec![cross(4)]),
            ],
        ),
        "structures_change" => {
            (vec![structures(), small(1)], vec![more_codes(), small(2), structures(), small(3)])
        }
        "sorts_on_disk" => (begun(vec![small(1)]), vec![sorted(2), small(3)]),
        "a_checkpoint" => (many(62), vec![small(62), large(63), small(64), small(65)]),
        "a_second_checkpoint" => (many(126), vec![small(126), small(127), small(128)]),
        "forget_some" => (many(12), vec![forget(4), small(12), forget(2), small(13)]),
        "forget_files" => (
            begun(vec![large(1), large(9), small(1), large(17), small(2)]),
            vec![forget(1), small(3), forget(0)],
        ),
        "forget_all" => (many(5), vec![forget(0), small(5), forget(0), small(6)]),
        "forget_behind_checkpoints" => (many(70), vec![forget(3), small(70), forget(0)]),
        "refused_loads" => (begun(vec![small(1)]), vec![refused(), small(2), refused(), small(3)]),
        "loads_given_up" => (begun(vec![small(1)]), vec![given_up(), large(2), given_up()]),
        "the_same_again" => {
            (begun(vec![small(1)]), vec![small(1), large(2), large(2), small(1), small(4)])
        }
        "settings" => (begun(vec![]), vec![setting(1), setting(2), small(1), setting(0)]),
        "after_leftovers" => (
            // The writer of `given_up` clears away its files itself; one that is gone does not.
            begun(vec![large(1), small(1), small(2)]),
            vec![large(9), forget(1), large(17), small(4)],
        ),
        "actions" => (
            begun(vec![small(1), large(2)]),
            vec![
                actions(&["R A,AT,1910,1,E,,", "D A,BE,1911,,,,", "M A,CH,1912,3,A,,"]),
                actions(&["D A,AT,,,,,", "M A,AT,1910,5,A,t,u"]),
                actions(&["D ,,,,,,", "M A,AT,1950,5,A,,"]),
            ],
        ),
        "compactions" => (
            begun(vec![small(1), small(2), small(3)]),
            vec![compact(true), small(4), small(5), compact(true), compact(false)],
        ),
        "full_compactions" => (
            begun(vec![large(1), large(9), small(1), delete(0, vec![]), small(2)]),
            vec![compact(true), small(3), compact(true)],
        ),
        "compacted_and_forgotten" => (many(4), vec![compact(true), forget(0), small(9), forget(1)]),
        "redactions" => (
            begun(vec![small(1), small(9), small(17)]),
            vec![redact("A", "AT", "1910"), small(2), redact("A", "BE", "1911")],
        ),
        "redacted_files" => (
            begun(vec![large(1), small(1), large(9)]),
            vec![redact("D", "AT", "1950-02-05"), large(17), redact("D", "AT", "1950-02-06")],
        ),
        "redacted_checkpoints" => (many(66), vec![redact("A", "AT", "1910"), small(66), forget(1)]),
        "reverts" => (begun(vec![small(1), small(9)]), vec![revert(), small(17), revert()]),
        "releases" => (
            begun(vec![small(1)]),
            vec![
                create_release("first"),
                add_to_release("first", rows(9, "A", 30)),
                small(2),
                release_due(),
            ],
        ),
        "releases_of_large_messages" => (
            begun(vec![small(1), create_release("first")]),
            vec![add_to_release("first", rows(9, "D", LARGE)), release_due(), small(2)],
        ),
        name => panic!("there is no workload {name}"),
    };
    Workload { beginning, steps }
}
