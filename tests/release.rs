//! Releases: what is seen before, at and after their time, worked out by hand.

#![expect(clippy::panic, reason = "that is how a test fails")]

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use sdmxdb::disk::{Crash, Disk, MemoryDisk};
use sdmxdb::error::{Error, Result};
use sdmxdb::model::{Artefact, ArtefactId, Attachment, Attribute, Code, Codelist, DataStructure};
use sdmxdb::model::{Dataflow, Dimension, Identity, Measure, PeriodForm, Representation, Slot};
use sdmxdb::model::{Value, Zone};
use sdmxdb::store::{CalendarState, Changes, Database, Editor, KeyFilter, LoadOptions, Message};
use sdmxdb::store::{CommitKind, CommitRecord};
use sdmxdb::store::{NewRelease, Outcome, ReleaseState, ReleaseTime, Released, Snapshot};

const FLOW: &str = "A:F(1.0)";
const HEAD: &str = "DATAFLOW,FREQ,AREA,TIME_PERIOD,OBS_VALUE,OBS_STATUS";
const MINUTE: i64 = 60_000_000;
/// The time of the first load.
const BEGIN: i64 = 1_000 * MINUTE;

fn id() -> ArtefactId {
    ArtefactId::parse(FLOW).expect("an identifier")
}

fn structures(areas: &[&str]) -> Vec<Artefact> {
    let identity = Identity::named(id(), "a flow");
    let list = ArtefactId::new("A", "CL_AREA", "1.0");
    let code = |id: &&str| Code { id: (*id).to_owned(), ..Code::default() };
    let codelist = Codelist {
        identity: Identity::named(list.clone(), "areas"),
        is_partial: false,
        codes: areas.iter().map(code).collect(),
        is_value_list: false,
        extensions: Vec::new(),
    };
    let dimension = |id: &str| Dimension { id: id.to_owned(), ..Default::default() };
    let area = Dimension {
        representation: Some(Representation { codelist: Some(list), ..Default::default() }),
        ..dimension("AREA")
    };
    let status = Attribute {
        id: "OBS_STATUS".to_owned(),
        attachment: Attachment::Observation,
        ..Attribute::default()
    };
    let structure = DataStructure {
        identity: identity.clone(),
        dimensions: vec![dimension("FREQ"), area],
        time: Some(dimension("TIME_PERIOD")),
        measures: vec![Measure { id: "OBS_VALUE".to_owned(), ..Default::default() }],
        attributes: vec![status],
        groups: Vec::new(),
    };
    let dataflow = Dataflow { identity, structure: id() };
    vec![
        Artefact::Codelist(codelist),
        Artefact::DataStructure(structure),
        Artefact::Dataflow(dataflow),
    ]
}

/// Rows such as `AT 2020 1 A`.
fn csv(rows: &[&str]) -> String {
    let row = |row: &&str| format!("\n{FLOW},A,{}", row.replace(' ', ","));
    HEAD.to_owned() + &rows.iter().map(row).collect::<String>()
}

fn message(rows: &[&str]) -> Message {
    let bytes = Cursor::new(csv(rows).into_bytes());
    Message::open(Box::new(bytes), "rows.csv").expect("a message")
}

fn open(disk: &MemoryDisk) -> Database {
    Database::open_or_create_on(Arc::new(disk.clone()), Path::new("db")).expect("opened")
}

fn load(database: &Database, now: i64, rows: &[&str]) {
    let mut load = database.begin_load(LoadOptions::at(now)).expect("begun");
    load.csv(csv(rows).as_bytes(), "rows.csv").expect("good rows");
    load.commit().expect("committed");
}

/// A database with two observations, loaded at [`BEGIN`].
fn database(disk: &MemoryDisk) -> Database {
    let database = open(disk);
    let mut load = database.begin_load(LoadOptions::at(BEGIN)).expect("begun");
    load.structures(structures(&["AT", "BE"])).expect("sound");
    load.csv(csv(&["AT 2020 1 A", "BE 2020 2 A"]).as_bytes(), "rows.csv").expect("good");
    load.commit().expect("committed");
    database
}

fn by(minutes: i64) -> Editor {
    Editor::at(BEGIN + minutes * MINUTE, "anna")
}

fn at(minutes: i64) -> i64 {
    BEGIN + minutes * MINUTE
}

fn create(database: &Database, name: &str, minutes: i64, rows: &[&str]) {
    let new = NewRelease {
        name: name.to_owned(),
        title: format!("the title of {name}"),
        notes: String::new(),
        at: ReleaseTime::of(at(minutes), Zone::UTC),
        is_announced: false,
    };
    database.create_release(new, &by(1)).expect("made");
    if !rows.is_empty() {
        database.add_to_release(name, vec![message(rows)], &by(1)).expect("added");
    }
}

/// Every observation of a state, in words.
fn content(snapshot: &Arc<Snapshot>) -> String {
    let empty = Database::open_or_create_on(Arc::new(MemoryDisk::new()), Path::new("db"));
    let empty = empty.expect("made").snapshot().expect("read");
    let mut all = Changes::between(&empty, snapshot, &id(), &KeyFilter::all()).expect("compared");
    let mut lines = Vec::new();
    while let Some(series) = all.next_series().expect("read") {
        for cell in series.cells {
            let state = cell.after.expect("there");
            let value = match &state.values[0] {
                Value::Decimal(decimal) => decimal.to_string(),
                other => format!("{other:?}"),
            };
            let status = state.attributes[0].as_deref().unwrap_or("-");
            lines.push(format!("{} {} {value} {status}", series.key[1], cell.period));
        }
    }
    lines.join("; ")
}

fn now(database: &Database) -> String {
    content(&database.snapshot().expect("read"))
}

/// The commit that a release became.
fn made_by(database: &Database, release: &str) -> Option<CommitRecord> {
    let snapshot = database.snapshot().expect("read");
    let mut all = snapshot.commits().filter(|commit| commit.release.as_deref() == Some(release));
    let found = all.next().cloned();
    assert!(all.next().is_none(), "{release} is public twice");
    found
}

fn refused(database: &Database, minutes: i64) -> String {
    match &database.release_due(at(minutes)).expect("no error")[..] {
        [Released { outcome: Outcome::Refused { reason }, .. }] => reason.clone(),
        other => panic!("{other:?}"),
    }
}

fn published(database: &Database, minutes: i64) -> Vec<String> {
    let done = database.release_due(at(minutes)).expect("published");
    done.into_iter()
        .map(|Released { name, outcome }| match outcome {
            Outcome::Published { commit } => {
                assert_eq!(commit, made_by(database, &name).map(|record| record.number));
                name
            }
            Outcome::Refused { reason } => panic!("{name}: {reason}"),
        })
        .collect()
}

#[test]
fn a_release_is_seen_from_its_minute_on_and_not_before() {
    let disk = MemoryDisk::new();
    let database = database(&disk);
    let before = database.snapshot().expect("read");
    create(&database, "q1", 10, &["AT 2020 7 A", "AT 2021 8 P"]);
    assert_eq!(database.snapshot().expect("read").state(), before.state(), "no trace");
    assert_eq!(database.next_release().expect("known"), Some(at(10)));
    let seen = content(&database.preview("q1").expect("a preview"));
    assert_eq!(seen, "AT 2020 7 A; AT 2021 8 P; BE 2020 2 A");

    assert!(published(&database, 9).is_empty());
    assert_eq!(now(&database), "AT 2020 1 A; BE 2020 2 A");
    // Another program, which only reads, comes by later than the minute.
    let reader = open(&disk);
    assert_eq!(published(&reader, 95), ["q1"]);
    assert_eq!(now(&database), seen, "as the preview had it");
    assert!(published(&database, 96).is_empty(), "once");
    let record = made_by(&database, "q1").expect("there");
    assert_eq!((record.effective, record.loaded), (at(10), at(95)));
    assert_eq!((record.author.as_str(), record.message.as_str()), ("anna", "the title of q1"));
    let then = database.snapshot_as_of(at(10) - 1).expect("read");
    assert_eq!(content(&then), "AT 2020 1 A; BE 2020 2 A");
    assert_eq!(content(&database.snapshot_as_of(at(10)).expect("read")), seen);
    let state = database.release("q1").expect("kept").state;
    assert_eq!(state, ReleaseState::Released { commit: Some(record.number) });
    assert!(database.preview("q1").is_err());
}

#[test]
fn many_releases_wait_on_one_flow_and_go_in_the_order_of_their_times() {
    let disk = MemoryDisk::new();
    let database = database(&disk);
    create(&database, "late", 30, &["AT 2020 30 A"]);
    create(&database, "early", 10, &["BE 2020 10 A"]);
    create(&database, "other", 30, &["BE 2021 31 A"]);
    assert_eq!(published(&database, 10), ["early"]);
    assert_eq!(published(&database, 60), ["late", "other"]);
    assert_eq!(now(&database), "AT 2020 30 A; BE 2020 10 A; BE 2021 31 A");
    let time = |release| made_by(&database, release).expect("public").effective;
    assert_eq!((time("early"), time("late")), (at(10), at(30)));
    // As soon after as can be.
    assert!((at(30) + 1..at(30) + 5).contains(&time("other")), "{}", time("other"));
}

#[test]
fn a_load_comes_behind_what_was_due_before_it() {
    let database = database(&MemoryDisk::new());
    create(&database, "q1", 10, &["AT 2020 7 A"]);
    load(&database, at(11), &["AT 2020 9 A"]);
    assert_eq!(now(&database), "AT 2020 9 A; BE 2020 2 A");
    let snapshot = database.snapshot().expect("read");
    let changes = snapshot.commits().filter(|commit| commit.kind == CommitKind::Change);
    let releases: Vec<_> = changes.map(|commit| commit.release.as_deref()).collect();
    assert_eq!(releases, [None, Some("q1"), None]);
}

#[test]
fn what_was_corrected_meanwhile_is_not_undone() {
    let database = database(&MemoryDisk::new());
    create(&database, "q1", 10, &["AT 2020 7 A", "BE 2020 8 A"]);
    // Other cells, and the very value that comes, are no conflict.
    load(&database, at(2), &["AT 2019 5 A", "BE 2020 8 A"]);
    assert!(database.check_release("q1").expect("checked").conflicts.is_empty());
    load(&database, at(3), &["AT 2020 6 A"]);
    let warned = database.conflicting_releases(&[id()]).expect("checked");
    assert_eq!(warned.len(), 1);
    assert_eq!(
        warned[0].1.to_string(),
        "1 value that it changes was corrected since it was made: \
         A:F(1.0) A.AT 2020"
    );
    let reason = refused(&database, 10);
    assert!(reason.contains("A:F(1.0) A.AT 2020") && reason.contains("rebase"), "{reason}");
    assert_eq!(now(&database), "AT 2019 5 A; AT 2020 6 A; BE 2020 8 A");
    let kept = database.release("q1").expect("there");
    assert_eq!((kept.state, kept.refused.as_ref()), (ReleaseState::Pending, Some(&reason)));
    assert!(published(&database, 11).is_empty(), "it is not tried again");
    assert_eq!(database.next_release().expect("known"), None);

    database.rebase_release("q1", &by(12)).expect("accepted");
    assert_eq!(published(&database, 12), ["q1"]);
    assert_eq!(now(&database), "AT 2019 5 A; AT 2020 7 A; BE 2020 8 A");
    let record = made_by(&database, "q1").expect("public");
    assert_eq!(record.effective, at(12), "at its time it was not public");
}

#[test]
fn a_deletion_is_held_to_corrections_too() {
    let database = database(&MemoryDisk::new());
    create(&database, "gone", 10, &[]);
    let rows = "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,AREA,TIME_PERIOD,OBS_VALUE,OBS_STATUS\n\
                dataflow,A:F(1.0),D,A,AT,2020,,\n";
    let message = Message::open(Box::new(rows.as_bytes()), "gone.csv").expect("a message");
    database.add_to_release("gone", vec![message], &by(1)).expect("added");
    assert_eq!(content(&database.preview("gone").expect("a preview")), "BE 2020 2 A");
    load(&database, at(2), &["AT 2020 1 P"]);
    assert!(refused(&database, 10).contains("A.AT 2020"));
    database.rebase_release("gone", &by(11)).expect("accepted");
    assert_eq!(published(&database, 11), ["gone"]);
    assert_eq!(now(&database), "BE 2020 2 A");
}

#[test]
fn releases_that_carry_a_value_are_named() {
    let database = database(&MemoryDisk::new());
    create(&database, "same", 10, &["AT 2020 1 A"]);
    create(&database, "other", 10, &["BE 2020 8 A", "AT 2021 3 A"]);
    create(&database, "done", 5, &["AT 2020 4 A"]);
    database.cancel_release("done", &by(2)).expect("cancelled");
    let named = |key: [&str; 2], period| {
        database.releases_that_mention(&id(), &key, period).expect("known")
    };
    assert_eq!(named(["A", "AT"], "2020"), ["same"], "even if it is there already");
    assert_eq!(named(["A", "BE"], "2020"), ["other"]);
    assert_eq!(named(["A", "AT"], "2022"), Vec::<String>::new());
}

#[test]
fn structures_come_with_their_release() {
    let database = database(&MemoryDisk::new());
    create(&database, "fr", 10, &[]);
    let refused = database.add_to_release("fr", vec![message(&["FR 2020 3 A"])], &by(2));
    assert!(matches!(refused, Err(Error::Rows { .. })), "the code is not there");
    let files = database.catalog().release_files().expect("listed");
    assert_eq!(files, ["fr.0000000001.pending"], "nothing of what was refused is kept");
    assert!(database.release("fr").expect("there").messages.is_empty());

    // A whole new dataflow: its structures, and the rows that need them, in any order.
    let structures = include_bytes!("../sql/sample/structures.xml");
    let structures = Message::open(Box::new(&structures[..]), "structures.xml").expect("a message");
    let rates = "DATAFLOW,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE\n\
                 ECB:EXR(1.0),D,USD,EUR,SP00,A,2024-01-02,1.0956\n";
    let rates = Message::open(Box::new(rates.as_bytes()), "rates.csv").expect("a message");
    let added = database.add_to_release("fr", vec![rates, structures], &by(2)).expect("added");
    assert_eq!(added.prepared.report().counts.inserted, 1);
    let flows = |snapshot: &Snapshot| -> Vec<String> {
        snapshot.flows().iter().map(|state| state.flow.id.to_string()).collect()
    };
    let before = database.snapshot().expect("read");
    assert_eq!(flows(&before), [FLOW]);
    assert!(flows(&database.preview("fr").expect("a preview")).contains(&"ECB:EXR(1.0)".into()));
    assert_eq!(published(&database, 10), ["fr"]);
    assert!(flows(&database.snapshot().expect("read")).contains(&"ECB:EXR(1.0)".to_owned()));
    assert_eq!(flows(&before), [FLOW], "who reads goes on reading what was");
}

#[test]
fn a_release_can_be_moved_cancelled_and_made_public_at_once() {
    let disk = MemoryDisk::new();
    let database = database(&disk);
    create(&database, "a", 10, &["AT 2020 7 A"]);
    create(&database, "b", 10, &["BE 2020 8 A"]);
    create(&database, "c", 90, &["AT 2022 9 A"]);
    database.move_release("a", ReleaseTime::of(at(20), Zone::UTC), &by(2)).expect("moved");
    assert!(database.move_release("a", ReleaseTime::of(at(1), Zone::UTC), &by(2)).is_err());
    database.cancel_release("b", &by(2)).expect("cancelled");
    let files = database.catalog().release_files().expect("listed");
    assert!(!files.iter().any(|file| file.starts_with("b.") && file.ends_with(".message")));
    assert!(published(&database, 19).is_empty());
    let outcome = database.release_now("c", &by(19)).expect("published").outcome;
    let commit = made_by(&database, "c").map(|record| record.number);
    assert_eq!(outcome, Outcome::Published { commit });
    assert_eq!(published(&database, 20), ["a"]);
    assert_eq!(now(&database), "AT 2020 7 A; AT 2022 9 A; BE 2020 2 A");
    for name in ["a", "b", "c"] {
        let changed = database.cancel_release(name, &by(21));
        assert!(matches!(changed, Err(Error::Invalid { .. })), "{name} is done");
        let new = NewRelease {
            name: name.to_owned(),
            title: String::new(),
            notes: String::new(),
            at: ReleaseTime::of(at(99), Zone::UTC),
            is_announced: false,
        };
        let again = database.create_release(new, &by(21));
        assert!(matches!(again, Err(Error::Conflict { .. })), "{name} was used");
    }
    assert!(matches!(database.release("d"), Err(Error::NotFound { .. })));
}

#[test]
fn the_calendar_shows_what_was_announced_and_only_that() {
    let database = database(&MemoryDisk::new());
    let zone = Zone::parse("Europe/Vienna").expect("a zone");
    database.set_zone(zone, &by(1)).expect("set");
    assert_eq!(database.snapshot().expect("read").zone(), zone);
    create(&database, "secret", 10, &["AT 2020 7 A"]);
    create(&database, "open", 20, &["BE 2020 8 A"]);
    let before = database.snapshot().expect("read").number();
    database.announce_release("open", &by(2)).expect("announced");
    let calendar = |database: &Database| -> Vec<(String, i64, CalendarState)> {
        let lines = database.snapshot().expect("read").calendar().into_iter();
        lines.map(|line| (line.name, line.at, line.state)).collect()
    };
    let (announced, released) = (CalendarState::Announced, CalendarState::Released);
    assert_eq!(calendar(&database), [("open".to_owned(), at(20), announced)]);
    assert_eq!(database.snapshot().expect("read").number(), before + 1);
    database.move_release("open", ReleaseTime::of(at(30), zone), &by(3)).expect("moved");
    assert_eq!(calendar(&database), [("open".to_owned(), at(30), announced)]);
    assert_eq!(published(&database, 30).len(), 2);
    assert_eq!(calendar(&database), [("open".to_owned(), at(30), released)]);
    create(&database, "gone", 99, &[]);
    database.announce_release("gone", &by(31)).expect("announced");
    database.cancel_release("gone", &by(32)).expect("cancelled");
    assert_eq!(calendar(&database).len(), 1);
}

/// The states that a release may leave: before, and after.
const STATES: [&str; 2] = ["AT 2020 1 A; BE 2020 2 A", "AT 2020 7 A; BE 2020 2 A"];

fn is_published(database: &Database) -> bool {
    let snapshot = database.snapshot().expect("read");
    let named = snapshot.commits().filter(|commit| commit.release.is_some()).count();
    assert!(named <= 1, "published {named} times");
    assert_eq!(content(&snapshot), STATES[named]);
    named == 1
}

#[test]
fn every_crash_publishes_once_or_not_yet() {
    let disk = MemoryDisk::traced();
    let first = database(&disk);
    let begun = disk.trace().len();
    create(&first, "q1", 10, &["AT 2020 7 A"]);
    let made = disk.trace().len();
    assert_eq!(published(&first, 10), ["q1"]);
    let done = disk.trace().len();
    let mut modes = vec![Crash::Keep, Crash::Drop, Crash::Names, Crash::Torn];
    modes.extend((0..6).map(Crash::Random));
    let mut count = 0;
    for at in begun..=done {
        for mode in &modes {
            count += 1;
            let database = open(&disk.crash(at, *mode));
            let before = is_published(&database);
            assert!(at < done || before, "acknowledged");
            let known = database.release("q1");
            let is_ready = known.is_ok_and(|release| !release.messages.is_empty());
            assert!(at < made || is_ready || before, "{at} {mode:?}: a release was lost");
            database.release_due(self::at(10)).expect("goes on");
            // One without its message, which was not acknowledged, publishes nothing.
            assert_eq!(is_published(&database), before || is_ready);
            assert_eq!(database.next_release().expect("known"), None, "{at} {mode:?}");
            load(&database, self::at(11), &["BE 2030 1 A"]);
        }
    }
    assert!(count > 200, "{count} crash states");
}

#[test]
fn every_failure_leaves_a_release_to_be_published_later() {
    let mut failures = 0;
    for at in 0.. {
        let disk = MemoryDisk::traced();
        let database = database(&disk);
        create(&database, "q1", 10, &["AT 2020 7 A"]);
        disk.fail_at(disk.operations() + at);
        let result: Result<Vec<Released>> = database.release_due(self::at(10));
        is_published(&database);
        disk.repair();
        let again = open(&disk);
        again.release_due(self::at(10)).expect("goes on");
        assert!(is_published(&again), "{at}");
        assert_eq!(again.next_release().expect("known"), None);
        if result.is_ok() {
            break;
        }
        failures += 1;
    }
    assert!(failures > 8, "{failures}");
}

#[test]
fn a_damaged_release_is_told_and_holds_up_nobody() {
    let disk = MemoryDisk::new();
    let database = database(&disk);
    create(&database, "bad", 10, &["AT 2020 7 A"]);
    create(&database, "good", 10, &["BE 2020 8 A"]);
    disk.flip(Path::new("db/releases/bad.0000000002.pending"), 70, 1).expect("there");
    assert_eq!(published(&database, 10), ["good"]);
    assert!(matches!(database.release("bad"), Err(Error::Corrupt { .. })));
    let report = database.check(|_, _| {}).expect("checked");
    assert_eq!(report.problems.len(), 1);
    assert!(report.problems[0].to_string().contains("bad.0000000002.pending"));
    assert!(disk.exists(Path::new("db/releases/bad.0000000001.message")).expect("known"));
}

thread_local! {
    /// What the clock of [`clocked`] says.
    static CLOCK: Cell<i64> = const { Cell::new(0) };
}

/// A load at minute 5 that looks at a clock.
fn clocked() -> LoadOptions {
    LoadOptions { clock: Some(|| CLOCK.get()), ..LoadOptions::at(at(5)) }
}

/// Bytes that set the clock to minute 10 when the first of them is read, and look at what is public
/// when the last was.
struct Slow<'a> {
    bytes: Cursor<Vec<u8>>,
    reader: &'a Database,
    seen: &'a Cell<bool>,
}

impl Read for Slow<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        CLOCK.set(at(10));
        let count = self.bytes.read(out)?;
        if count == 0 {
            self.seen.set(made_by(self.reader, "q1").is_some());
        }
        Ok(count)
    }
}

/// A daily series longer than any buffer, and one annual observation.
fn long_message() -> Vec<u8> {
    let mut text = HEAD.to_owned();
    for day in 0..100_000 {
        let mut period = Vec::new();
        Slot { form: PeriodForm::Day, index: day }.write_to(&mut period);
        let period = String::from_utf8(period).expect("digits");
        write!(text, "\n{FLOW},D,BE,{period},{day},A").expect("into a string");
    }
    (text + &format!("\n{FLOW},A,AT,2020,8,A\n")).into_bytes()
}

#[test]
fn a_release_that_falls_due_in_a_long_load_does_not_wait_for_it() {
    let disk = MemoryDisk::new();
    let database = database(&disk);
    create(&database, "q1", 10, &["AT 2020 7 A"]);
    CLOCK.set(at(5));
    let (reader, seen) = (open(&disk), Cell::new(false));
    let mut load = database.begin_load(clocked()).expect("begun");
    let bytes = Cursor::new(long_message());
    load.csv(Slow { bytes, reader: &reader, seen: &seen }, "slow.csv").expect("good rows");
    assert!(seen.get(), "published while rows were read");
    assert_eq!(now(&reader), "AT 2020 7 A; BE 2020 2 A");
    let report = load.commit().expect("committed");
    // It is compared with what the release left.
    assert_eq!((report.counts.changed, report.counts.inserted), (1, 100_000));
    let release = made_by(&database, "q1").expect("published");
    assert_eq!(release.effective, at(10));
    assert_eq!(report.commit, Some(release.number + 1));
    assert!(now(&database).contains("AT 2020 8 A"));
    assert!(matches!(database.release("q1").expect("known").state, ReleaseState::Released { .. }));
    assert!(database.release_due(at(11)).expect("no error").is_empty(), "published once");
    let report = database.check(|_, _| {}).expect("read");
    assert!(report.problems.is_empty(), "{:?}", report.problems);
}

#[test]
fn a_release_waits_for_a_load_that_changes_what_it_relies_on() {
    let check = |areas: &[&str], rows: &[&str], expected: bool| {
        let disk = MemoryDisk::new();
        let database = database(&disk);
        create(&database, "q1", 10, rows);
        CLOCK.set(at(10));
        let mut load = database.begin_load(clocked()).expect("begun");
        load.structures(structures(areas)).expect("sound");
        load.csv(csv(&["BE 2021 5 A"]).as_bytes(), "rows.csv").expect("good rows");
        let prepared = load.prepare().expect("prepared");
        assert_eq!(made_by(&database, "q1").is_some(), expected, "{areas:?}");
        prepared.commit().expect("committed");
        let done = database.release_due(at(10)).expect("no error");
        assert_eq!(done.len(), usize::from(!expected));
        assert_eq!(now(&database), "AT 2020 7 A; BE 2020 2 A; BE 2021 5 A");
    };
    check(&["AT", "BE"], &["AT 2020 7 A"], true);
    check(&["AT", "BE", "CH"], &["AT 2020 7 A"], false);
}

#[test]
fn a_release_that_does_not_fit_yet_waits_for_the_load() {
    let disk = MemoryDisk::new();
    let database = database(&disk);
    create(&database, "q1", 10, &["AT 2020 7 A"]);
    load(&database, at(2), &["AT 2020 6 A"]);
    CLOCK.set(at(10));
    let mut load = database.begin_load(clocked()).expect("begun");
    load.csv(csv(&["BE 2021 5 A"]).as_bytes(), "rows.csv").expect("good rows");
    load.commit().expect("committed");
    let release = database.release("q1").expect("known");
    assert_eq!((release.state, release.refused.clone()), (ReleaseState::Pending, None));
    assert!(refused(&database, 10).contains("rebase"));
}

#[test]
fn every_crash_in_a_load_with_a_release_in_it_shows_neither_one_or_both() {
    let disk = MemoryDisk::traced();
    let database = database(&disk);
    create(&database, "q1", 10, &["AT 2020 7 A"]);
    CLOCK.set(at(10));
    let begun = disk.trace().len();
    let mut load = database.begin_load(clocked()).expect("begun");
    load.csv(csv(&["BE 2020 3 A"]).as_bytes(), "rows.csv").expect("good rows");
    load.commit().expect("committed");
    let done = disk.trace().len();
    let mut modes = vec![Crash::Keep, Crash::Drop, Crash::Names, Crash::Torn];
    modes.extend((0..6).map(Crash::Random));
    let both = "AT 2020 7 A; BE 2020 3 A";
    let mut found = [0; 3];
    for at in begun..=done {
        for mode in &modes {
            let database = open(&disk.crash(at, *mode));
            let text = now(&database);
            let states = ["AT 2020 1 A; BE 2020 2 A", "AT 2020 7 A; BE 2020 2 A", both];
            let state = states.iter().position(|state| *state == text);
            let state = state.unwrap_or_else(|| panic!("{at} {mode:?}: {text}"));
            assert!(at < done || state == 2, "acknowledged");
            found[state] += 1;
            database.release_due(self::at(10)).expect("goes on");
            assert!(made_by(&database, "q1").is_some());
            assert_eq!(database.next_release().expect("known"), None, "{at} {mode:?}");
        }
    }
    assert!(found.iter().all(|count| *count > 10), "{found:?}");
}
