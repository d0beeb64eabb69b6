//! Anything that can be done to a database, in any order, against a map of what it should hold.
//!
//! Rows that merge, replace and delete, compactions, reverts, releases, redactions, forgetting,
//! restarts and backups; after each, what is read now and what is read of an earlier commit. The
//! variable `SDMXDB_CASES` says how many there are.

#![expect(
    clippy::absolute_paths,
    clippy::needless_for_each,
    clippy::match_wildcard_for_single_variants,
    clippy::semicolon_if_nothing_returned,
    clippy::if_then_some_else_none,
    reason = "a test reads better so"
)]
#![expect(clippy::panic, reason = "that is how a test fails")]

#[path = "../benches/support/cube.rs"]
mod cube;
mod oracle;
#[path = "store/reading.rs"]
mod reading;
#[path = "store/structures.rs"]
mod structures;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sdmxdb::catalog::CommitKind;
use sdmxdb::disk::MemoryDisk;
use sdmxdb::error::Error;
use sdmxdb::model::Zone;
use sdmxdb::store::{CompactOptions, Database, Editor, LoadOptions, Message, NewRelease, Outcome};
use sdmxdb::store::{Redaction, ReleaseTime, Revert};

use crate::cube::random::Random;
use crate::structures::STRICT_SHAPE;

/// Cases, unless a variable says how many.
const CASES: u64 = 4_000;
/// Cases of one database.
const CASES_OF_WORLD: u64 = 400;
/// One in so many cases everything is checked.
const CHECKED: u64 = 50;

/// Frequency, area and period.
type Key = (&'static str, &'static str, String);
/// Value and status.
type Cell = (Option<String>, Option<&'static str>);
type State = BTreeMap<Key, Cell>;

const FREQUENCIES: [&str; 2] = ["A", "M"];
const AREAS: [&str; 3] = ["AT", "BE", "CH"];

/// What a row says.
#[derive(Clone, Debug)]
enum Row {
    Merge(Key, Cell),
    Replace(Key, Cell),
    Delete { frequency: Option<&'static str>, area: Option<&'static str>, period: Option<String> },
    DeleteValue(Key),
}

impl Row {
    fn letter(&self) -> &'static str {
        match self {
            Self::Merge(..) => "M",
            Self::Replace(..) => "R",
            Self::Delete { .. } | Self::DeleteValue(_) => "D",
        }
    }

    fn line(&self) -> String {
        let cells = |(frequency, area, period): &Key, (value, status): &Cell| {
            let (value, status) = (value.as_deref().unwrap_or(""), status.unwrap_or(""));
            format!("{frequency},{area},{period},{value},{status}")
        };
        let cells = match self {
            Self::Merge(key, cell) | Self::Replace(key, cell) => cells(key, cell),
            Self::DeleteValue(key) => cells(key, &(Some("-".to_owned()), None)),
            Self::Delete { frequency, area, period } => format!(
                "{},{},{},,",
                frequency.unwrap_or(""),
                area.unwrap_or(""),
                period.as_deref().unwrap_or("")
            ),
        };
        format!("\ndataflow,{},{},{cells},,", STRICT_SHAPE.flow, self.letter())
    }

    fn apply(&self, state: &mut State) {
        match self {
            Self::Merge(key, (value, status)) => {
                let cell = state.entry(key.clone()).or_default();
                cell.0 = value.clone().or(cell.0.take());
                cell.1 = status.or(cell.1);
            }
            Self::Replace(key, cell) => drop(state.insert(key.clone(), cell.clone())),
            Self::Delete { frequency, area, period } => state.retain(|(f, a, p), _| {
                let is_hit = frequency.is_none_or(|frequency| frequency == *f)
                    && area.is_none_or(|area| area == *a)
                    && period.as_ref().is_none_or(|period| period == p);
                !is_hit
            }),
            Self::DeleteValue(key) => {
                if let Some(cell) = state.get_mut(key) {
                    cell.0 = None;
                    if cell.1.is_none() {
                        state.remove(key);
                    }
                }
            }
        }
    }
}

fn message(rows: &[Row]) -> String {
    STRICT_SHAPE.header() + &rows.iter().map(Row::line).collect::<String>() + "\n"
}

struct World {
    seed: u64,
    step: u64,
    random: Random,
    disk: MemoryDisk,
    database: Database,
    now: State,
    history: BTreeMap<u64, State>,
    redacted: BTreeSet<Key>,
    releases: u64,
    done: BTreeMap<&'static str, u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let disk = MemoryDisk::new();
        let database = open(&disk);
        let mut load = database.begin_load(LoadOptions::at(1)).expect("begun");
        load.structures(STRICT_SHAPE.artefacts()).expect("added");
        load.commit().expect("committed");
        let history = BTreeMap::from([(1, State::new())]);
        let (now, redacted, done) = (State::new(), BTreeSet::new(), BTreeMap::new());
        let random = Random::new(seed);
        Self { seed, step: 0, random, disk, database, now, history, redacted, releases: 0, done }
    }

    fn at(&self) -> String {
        format!("seed {} step {}", self.seed, self.step)
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.random.below(of.len() as u64)).expect("small")]
    }

    fn key(&mut self) -> Key {
        let (frequency, area) = (self.pick(&FREQUENCIES), self.pick(&AREAS));
        let number = self.random.below(40);
        let period = match frequency {
            "A" => (1990 + number).to_string(),
            _ => format!("{}-{:02}", 2000 + number / 12, 1 + number % 12),
        };
        (frequency, area, period)
    }

    fn cell(&mut self) -> Cell {
        let value = match self.random.below(6) {
            0 => None,
            1 => Some(self.random.below(9).to_string()),
            2 => Some(format!("{}.{:02}", self.random.below(1_000), self.random.below(100))),
            _ => Some(self.random.below(1 << 50).to_string()),
        };
        let status = if self.random.chance(0.5) { Some(self.pick(&["A", "E"])) } else { None };
        if value.is_none() && status.is_none() {
            (Some("0".to_owned()), None)
        } else {
            (value, status)
        }
    }

    /// Rows in which no cell comes twice within those that follow each other with one action.
    fn rows(&mut self) -> Vec<Row> {
        let mut rows = Vec::new();
        for _ in 0..=self.random.below(3) {
            let mut seen = BTreeSet::new();
            let kind = self.random.below(8);
            for _ in 0..=self.random.below(if kind < 5 { 30 } else { 3 }) {
                let key = self.key();
                if !seen.insert(key.clone()) {
                    continue;
                }
                let row = match kind {
                    0..4 => Row::Merge(key, self.cell()),
                    4 => Row::Replace(key, self.cell()),
                    5 if !self.redacted.contains(&key) => Row::DeleteValue(key),
                    6 => Row::Delete {
                        frequency: Some(key.0),
                        area: Some(key.1),
                        period: Some(key.2),
                    },
                    _ => Row::Delete {
                        frequency: Some(key.0).filter(|_| self.random.chance(0.8)),
                        area: Some(key.1).filter(|_| self.random.chance(0.8)),
                        period: Some(key.2).filter(|_| self.random.chance(0.7)),
                    },
                };
                rows.push(row);
            }
            // Another run of the same action would be the same run.
            let letter = rows.last().map(Row::letter);
            let first = rows.iter().rposition(|row| Some(row.letter()) != letter);
            let run = &rows[first.map_or(0, |first| first + 1)..];
            let distinct: BTreeSet<String> = run.iter().map(Row::line).collect();
            let cells = |row: &Row| match row {
                Row::Merge(key, _) | Row::Replace(key, _) => Some(key.clone()),
                Row::Delete { .. } | Row::DeleteValue(_) => None,
            };
            let keys: Vec<Key> = run.iter().filter_map(cells).collect();
            let unique: BTreeSet<&Key> = keys.iter().collect();
            if unique.len() < keys.len() || distinct.len() < run.len() {
                rows.truncate(first.map_or(0, |first| first + 1));
            }
        }
        rows
    }

    /// Notes which commits there are since, all with the same content.
    fn note(&mut self) {
        let last = self.database.snapshot().expect("read").number();
        let known = *self.history.last_key_value().expect("one").0;
        for number in known + 1..=last {
            self.history.insert(number, self.now.clone());
        }
    }

    fn load(&mut self) {
        let rows = self.rows();
        let before = self.now.clone();
        rows.iter().for_each(|row| row.apply(&mut self.now));
        let at = self.at();
        let options = LoadOptions::at(i64::try_from(self.step).expect("small"));
        let mut load = self.database.begin_load(options).expect("begun");
        load.csv(message(&rows).as_bytes(), "rows.csv")
            .unwrap_or_else(|error| panic!("{at}: {error}\n{rows:?}"));
        let report = load.commit().unwrap_or_else(|error| panic!("{at}: {error}"));
        if report.commit.is_none() {
            assert!(before == self.now, "{at}: a change was not seen");
        }
    }

    fn compact(&mut self) {
        let is_full = self.random.chance(0.3);
        let options = CompactOptions { is_full, ..CompactOptions::at(1) };
        self.database.compact(&options, &mut |_| Ok(())).expect("compacted");
    }

    fn revert(&mut self) {
        let snapshot = self.database.snapshot().expect("read");
        let last = snapshot.commits().rev().find(|record| record.kind == CommitKind::Change);
        let Some(number) = last.map(|record| record.number).filter(|number| *number > 1) else {
            return;
        };
        let Some(wanted) = self.history.get(&(number - 1)).cloned() else { return };
        // A redaction since is no change: what it took out stays out.
        let mut load = self.database.begin_load(LoadOptions::at(1)).expect("begun");
        match load.revert(&self.database, Revert::Commit(number)) {
            Ok(_) => {
                load.commit().unwrap_or_else(|error| panic!("{}: {error}", self.at()));
                self.now = wanted;
            }
            Err(Error::NotFound { .. }) => {}
            Err(error) => panic!("{}: {error}", self.at()),
        }
    }

    fn redact(&mut self) {
        let keys: Vec<Key> = self.history.values().flat_map(|s| s.keys().cloned()).collect();
        if keys.is_empty() {
            return;
        }
        let at = usize::try_from(self.random.below(keys.len() as u64)).expect("small");
        let key = keys[at].clone();
        let redaction = Redaction {
            flow: STRICT_SHAPE.id(),
            key: vec![key.0.to_owned(), key.1.to_owned()],
            period: key.2.clone(),
            has_attributes: false,
            reason: "a test".to_owned(),
            now: 1,
            author: String::new(),
            wait: Duration::ZERO,
        };
        let has_value = |state: &State| state.get(&key).is_some_and(|cell| cell.0.is_some());
        let is_there = self.history.values().any(has_value);
        match self.database.redact(&redaction) {
            Ok(_) => {}
            Err(Error::NotFound { .. }) if !is_there => {}
            Err(error) => panic!("{}: {key:?}: {error}", self.at()),
        }
        for state in self.history.values_mut().chain([&mut self.now]) {
            if let Some(cell) = state.get_mut(&key) {
                cell.0 = None;
            }
        }
        self.redacted.insert(key);
    }

    fn forget(&mut self) {
        let last = *self.history.last_key_value().expect("one").0;
        let first = last.saturating_sub(self.random.below(12)).max(1);
        let first = first.max(*self.history.first_key_value().expect("one").0);
        let mut writer = self.database.catalog().begin(Duration::ZERO).expect("begun");
        writer.forget(first).unwrap_or_else(|error| panic!("{}: {error}", self.at()));
        self.history = self.history.split_off(&first);
    }

    fn release(&mut self) {
        let (at, editor) = (self.at(), Editor::at(100, "office"));
        let name = format!("r{}", self.releases);
        self.releases += 1;
        let (title, notes) = (String::new(), String::new());
        let time = ReleaseTime::of(60_000_000, Zone::UTC);
        let new = NewRelease { name: name.clone(), title, notes, at: time, is_announced: false };
        self.database.create_release(new, &editor).expect("made");
        let rows = self.rows();
        let bytes = Cursor::new(message(&rows).into_bytes());
        let file = Message::open(Box::new(bytes), "rows.csv").expect("a message");
        let added = self.database.add_to_release(&name, vec![file], &editor);
        drop(added.unwrap_or_else(|error| panic!("{at}: {error}")));
        if self.random.chance(0.4) {
            self.load();
            self.note();
        }
        if self.random.chance(0.2) {
            self.database = open(&self.disk);
        }
        let released = self.database.release_now(&name, &editor);
        let released = released.unwrap_or_else(|error| panic!("{at}: {error}"));
        match released.outcome {
            Outcome::Refused { .. } => {
                drop(self.database.cancel_release(&name, &editor).expect("given up"))
            }
            _ => rows.iter().for_each(|row| row.apply(&mut self.now)),
        }
    }

    fn backup(&mut self) {
        let mut archive = Vec::new();
        let made = self.database.backup_to(&mut archive, |_, _| {}).expect("made");
        let disk = Arc::new(MemoryDisk::new());
        let path = Path::new("restored");
        let target = Arc::clone(&disk) as Arc<dyn sdmxdb::disk::Disk>;
        Database::restore_from(&target, &archive[..], path, |_, _| {}).expect("proved");
        let restored = Database::open_or_create_on(target, path).expect("opened");
        assert_eq!(restored.snapshot().expect("read").number(), made.commit);
        check(&restored, made.commit, &self.now, &self.at());
    }

    fn step(&mut self) {
        self.step += 1;
        let what = match self.random.below(100) {
            0..60 => "load",
            60..70 => "compact",
            70..76 => "revert",
            76..82 => "release",
            82..86 => "redact",
            86..90 => "forget",
            90..98 => "restart",
            _ => "backup",
        };
        match what {
            "load" => self.load(),
            "compact" => self.compact(),
            "revert" => self.revert(),
            "release" => self.release(),
            "redact" => self.redact(),
            "forget" => self.forget(),
            "restart" => self.database = open(&self.disk),
            _ => self.backup(),
        }
        *self.done.entry(what).or_default() += 1;
        self.note();
        let last = *self.history.last_key_value().expect("one").0;
        check(&self.database, last, &self.now, &format!("{} {what}", self.at()));
        let numbers: Vec<u64> = self.history.keys().copied().collect();
        let old = self.pick(&numbers);
        check(&self.database, old, &self.history[&old], &format!("{} {what}, old", self.at()));
        if self.step.is_multiple_of(CHECKED) {
            let problems = self.database.check(|_, _| {}).expect("listed").problems;
            assert!(problems.is_empty(), "{} {what}: {problems:?}", self.at());
        }
    }
}

fn open(disk: &MemoryDisk) -> Database {
    Database::open_or_create_on(Arc::new(disk.clone()), Path::new("db")).expect("opened")
}

/// Compares all observations of a commit.
fn check(database: &Database, number: u64, expected: &State, at: &str) {
    let snapshot = database.snapshot_at(number).unwrap_or_else(|e| panic!("{at}: {number}: {e}"));
    let cube = snapshot.cube(&STRICT_SHAPE.id()).expect("opened");
    let mut lines: Vec<String> = Vec::new();
    for ((frequency, area, period), (value, status)) in expected {
        let mut line = format!("{frequency}.{area} {period}|{}", value.as_deref().unwrap_or(""));
        if let Some(status) = status {
            write!(line, " OBS_STATUS={status}").expect("into a string");
        }
        lines.push(line);
    }
    lines.sort_unstable();
    let found = reading::all(&cube);
    let first = found.iter().zip(&lines).position(|(a, b)| a != b);
    let first = first.unwrap_or(found.len().min(lines.len()));
    assert!(
        found == lines,
        "{at}: commit {number}: {} rows instead of {}; {:?} instead of {:?}",
        found.len(),
        lines.len(),
        found.get(first),
        lines.get(first)
    );
}

#[test]
fn whatever_is_done_it_holds_what_it_should() {
    let cases = env::var("SDMXDB_CASES").ok().and_then(|cases| cases.parse().ok());
    let cases: u64 = cases.unwrap_or(CASES);
    let first = env::var("SDMXDB_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let mut done: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..cases.div_ceil(CASES_OF_WORLD) {
        let mut world = World::new(first + seed);
        (0..CASES_OF_WORLD).for_each(|_| world.step());
        world.done.into_iter().for_each(|(what, count)| *done.entry(what).or_default() += count);
    }
    println!("{done:?}");
    assert_eq!(done.len(), 8, "{done:?}");
}
