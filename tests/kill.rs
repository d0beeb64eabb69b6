//! The program killed at any moment: what was acknowledged is there, and nothing is there in part.
//!
//! The real program loads files whose content depends on their number alone, now and then compacts
//! or makes a backup, and is killed after a delay that a counter spreads over the time it takes. Everything is then asked of a new
//! process: the sets of rows that it sees must be those of whole loads.

#[expect(dead_code, unreachable_pub, reason = "only whole numbers are drawn here")]
#[path = "../benches/support/random.rs"]
mod draws;
#[path = "sql/program.rs"]
mod program;

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::draws::Random;
use crate::program::{command, file, run};

/// Processes that are killed, unless the variable `SDMXDB_KILLS` says how many.
const KILLS: u32 = 100;
/// Rows of the largest load: too many for a manifest, so that it writes a segment file.
const ROWS_MAX: u64 = 6_000;

/// The rows of a load: years of its own, so that each row tells which load it is from.
///
/// Period and value are a function of the number of the load: `ITEM` X1, the month number as
/// period, the number of the load as value of the first row, random ones after it.
fn message(number: u32) -> (String, u64) {
    let mut random = Random::new(u64::from(number));
    // Every third load is small enough to travel inside its manifest.
    let rows =
        if number.is_multiple_of(3) { 1 + random.below(20) } else { 1 + random.below(ROWS_MAX) };
    let mut csv =
        "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,AREA,ITEM,TIME_PERIOD,OBS_VALUE,NOTE\n".to_owned();
    for row in 0..rows {
        let (area, item) = (
            ["AT", "BE", "CH", "W", "EU", "ZZ"][pick(row, 6)],
            ["X1", "X2", "_T", "x1"][pick(row / 6, 4)],
        );
        let (year, day) = (1000 + number, row / 24);
        let (month, day) = (day / 28 + 1, day % 28 + 1);
        let value = random.below(1_000_000);
        writeln!(csv, "dataflow,T:SMALL(1.0),I,D,{area},{item},{year}-{month:02}-{day:02},{value},load {number}")
            .expect("into a string");
    }
    (csv, rows)
}

fn pick(number: u64, bound: u64) -> usize {
    usize::try_from(number % bound).expect("small")
}

fn csv(at: &Path, sql: &str) -> Vec<String> {
    let run = run(at, &["sql", "db", "-c", sql, "--format", "csv"]).ok();
    run.text().lines().skip(1).map(str::to_owned).collect()
}

/// What a reader sees, exactly: loads by number with their rows and sums.
fn visible(at: &Path) -> Vec<String> {
    csv(
        at,
        "SELECT note, count(*), sum(obs_value), min(time_period), max(time_period) \
             FROM t.small WHERE freq = 'D' GROUP BY note ORDER BY note",
    )
}

/// What a reader must see of a load.
fn expected(number: u32) -> String {
    let (csv, rows) = message(number);
    let cells = csv.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    let (mut sum, mut periods) = (0_u64, BTreeSet::new());
    for cells in cells {
        sum += cells[7].parse::<u64>().expect("a number");
        periods.insert(cells[6].to_owned());
    }
    let (first, last) = (periods.first().expect("one"), periods.last().expect("one"));
    format!("load {number},{rows},{sum},{first},{last}")
}

#[test]
fn what_is_killed_leaves_whole_loads() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    run(at, &["load", "db", &file("tests/sql/data/small.xml")]).ok();
    let started = Instant::now();
    let mut acknowledged: BTreeSet<u32> = BTreeSet::new();
    for number in 0..4 {
        fs::write(at.join("rows.csv"), message(number).0).expect("written");
        run(at, &["load", "db", "rows.csv"]).ok();
        acknowledged.insert(number);
    }
    let usual = started.elapsed() / 4;
    let kills = env::var("SDMXDB_KILLS").ok().and_then(|count| count.parse().ok());
    let kills: u32 = kills.unwrap_or(KILLS);
    let (mut killed, mut loads) = (0, 0);
    // What each load leaves, made once: a thousand kills later all of them are looked for.
    let mut whole: Vec<String> = (0..4).map(expected).collect();
    for kill in 0..kills {
        let number = 4 + kill;
        fs::write(at.join("rows.csv"), message(number).0).expect("written");
        let arguments: &[&str] = match kill % 10 {
            3 => &["compact", "db", "--full"],
            6 => &["compact", "db"],
            8 => &["backup", "db", "backup.tar"],
            _ => &["load", "db", "rows.csv"],
        };
        let is_load = arguments[0] == "load";
        let mut child = command(at, arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        // 29 has no common divisor with 100: every hundredth of the time comes once, in no order.
        thread::sleep(usual * (kill * 29 % 100) / 100 + Duration::from_micros(100));
        // Too late if it has ended, which is fine.
        drop(child.kill());
        let is_done = child.wait().expect("it ends").success();
        loads += u32::from(is_load);
        killed += u32::from(!is_done);
        if is_done && is_load {
            acknowledged.insert(number);
        }
        if is_done && arguments[0] == "backup" {
            fs::remove_file(at.join("backup.tar")).expect("it was made");
        }
        whole.push(expected(number));
        check(at, &acknowledged, &whole);
    }
    println!("{killed} of {kills} were killed in time; {loads} loads, {} kept", acknowledged.len());
    assert!(killed >= kills / 5, "only {killed} of {kills} were killed in time");
    let check = run(at, &["check", "db"]).ok();
    assert!(check.text().contains("no problem found"), "{}", check.text());

    // The working catalogue is never the only copy of anything.
    let before = visible(at);
    fs::remove_dir_all(at.join("db/catalog")).expect("it was there");
    assert_eq!(visible(at), before, "without the working catalogue");
    fs::write(at.join("rows.csv"), message(7000).0).expect("written");
    run(at, &["load", "db", "rows.csv"]).ok();
    assert!(visible(at).contains(&expected(7000)), "the next load");
    assert_eq!(visible(at).len(), before.len() + 1);
    run(at, &["check", "db"]).ok();
}

/// Every acknowledged load is there; another is there whole or not at all.
fn check(at: &Path, acknowledged: &BTreeSet<u32>, whole: &[String]) {
    let (found, last) = (visible(at), whole.len() - 1);
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    for number in acknowledged {
        let load = whole[usize::try_from(*number).expect("small")].as_str();
        assert!(found.contains(load), "after load {last}: load {number} is lost");
    }
    let whole: BTreeSet<&str> = whole.iter().map(String::as_str).collect();
    let partial: Vec<_> = found.difference(&whole).collect();
    assert!(partial.is_empty(), "after load {last}: loads in part: {partial:?}");
}
