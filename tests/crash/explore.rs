//! Runs a workload, and then lets go wrong everything that can.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sdmxdb::disk::memory::Synced;
use sdmxdb::disk::{Crash, Disk, MemoryDisk, Operation};
use sdmxdb::error::{Error, Result};
use sdmxdb::store::{Database, Health, Snapshot};

use crate::reading;
use crate::workloads::{Step, Workload, setting};

/// States that a workload is found in, at least.
pub(crate) const STATES_MIN: usize = 500;
/// Seeds of random losses for each operation, at least.
const SEEDS_MIN: usize = 6;
/// The last commits that a stand tells of.
const COMMITS_KEPT: u64 = 4;
/// Commits of which each can be looked at, one by one.
const COMMITS_FEW: u64 = 20;
/// One in so many states is checked to the last sum, and crashes again while it recovers.
const THOROUGH: usize = 5;

fn open(disk: &MemoryDisk) -> Result<Database> {
    Database::open_or_create_on(Arc::new(disk.clone()), Path::new("db"))
}

/// All that a reader can see.
fn everything(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    for flow in snapshot.flows() {
        let cube = snapshot.cube(&flow.flow.id).expect("opened");
        lines.push(flow.flow.id.to_string());
        lines.extend(reading::all(&cube));
    }
    let artefacts = snapshot.state().artefacts().iter();
    lines.extend(artefacts.map(|artefact| format!("{artefact:?}")));
    lines.extend(snapshot.state().settings().map(|(name, value)| format!("{name}={value}")));
    lines
}

/// What stands after a step: the last commit, and each commit that can still be read.
struct Stand {
    last: u64,
    commits: BTreeMap<u64, Vec<String>>,
}

impl Stand {
    /// Reads all there is, but of many commits only some.
    fn of(database: &Database) -> Self {
        let last = database.snapshot().expect("read").number();
        let mut commits = BTreeMap::new();
        for number in (0..=last).filter(|number| *number < 2 || *number + COMMITS_KEPT > last) {
            match database.snapshot_at(number) {
                Ok(snapshot) => drop(commits.insert(number, everything(&snapshot))),
                Err(Error::NotFound { .. }) => {}
                Err(error) => panic!("commit {number}: {error}"),
            }
        }
        Self { last, commits }
    }
}

/// A workload that ran: its disk, and what stood after the beginning and after each step.
pub(crate) struct Run {
    workload: Workload,
    /// What was there when the steps began.
    base: MemoryDisk,
    /// The disk with the trace of all steps.
    disk: MemoryDisk,
    stands: Vec<Stand>,
    /// How long the trace was when each step returned, the beginning as the first.
    returned: Vec<usize>,
}

impl Run {
    pub(crate) fn new(workload: Workload) -> Self {
        let first = MemoryDisk::traced();
        if !workload.beginning.is_empty() {
            let database = open(&first).expect("made");
            for step in &workload.beginning {
                step(&database).expect("done");
            }
        }
        // What is there so far is durable: the trace begins here.
        let base = first.crash(first.trace().len(), Crash::Keep);
        let disk = base.crash(0, Crash::Keep);
        let database = open(&disk).expect("opened");
        let (mut stands, mut returned) = (vec![Stand::of(&database)], vec![disk.trace().len()]);
        for step in &workload.steps {
            step(&database).expect("done");
            stands.push(Stand::of(&database));
            returned.push(disk.trace().len());
        }
        Self { workload, base, disk, stands, returned }
    }

    /// How many steps had returned when the trace was so long.
    fn done(&self, at: usize) -> usize {
        self.returned.iter().filter(|returned| **returned <= at).count().saturating_sub(1)
    }

    fn step(&self, number: usize) -> Option<&Step> {
        self.workload.steps.get(number)
    }

    /// Lets the power fail behind every operation, in every way; gives the number of states.
    pub(crate) fn crash_everywhere(&self) -> usize {
        let length = self.disk.trace().len();
        let seeds = (STATES_MIN / (length + 1)).max(SEEDS_MIN);
        let fixed = [Crash::Keep, Crash::Drop, Crash::Names, Crash::Torn];
        let mut states = 0;
        for at in 0..=length {
            let random = (0..seeds).map(|seed| Crash::Random((at * seeds + seed) as u64));
            for mode in fixed.into_iter().chain(random) {
                states += 1;
                let what = format!("{mode:?} behind operation {at} of {length}");
                let crashed = self.disk.crash(at, mode);
                let done = self.done(at);
                self.check(&crashed, done, states % THOROUGH == 0, &what);
                if states % THOROUGH == 0 {
                    // And once more, somewhere in what was done to recover.
                    let recovery = crashed.trace().len();
                    let again = states * 31 % (recovery + 1);
                    let what = format!("{what}, then {mode:?} behind {again} of {recovery}");
                    self.check_again(&crashed.crash(again, mode), done, &what);
                    states += 1;
                }
            }
        }
        states
    }

    /// Opens what is left: what the steps that had returned made, and all of the next or nothing.
    fn check(&self, disk: &MemoryDisk, done: usize, thoroughly: bool, at: &str) {
        let database = open(disk).unwrap_or_else(|error| panic!("{at}: {error}"));
        assert_eq!(database.health(), Health::Good, "{at}");
        let done = self.check_stand(&database, done, thoroughly, at);
        if thoroughly {
            check_sums(&database, at);
        }
        // The next step works, and removes what was left over. Behind half a step the numbers are
        // others than those that are known.
        let is_half = database.snapshot().expect("read").number() != self.stands[done].last;
        let Some(step) = self.step(done).filter(|_| !is_half) else {
            let next = setting(200)(&database);
            next.unwrap_or_else(|error| panic!("{at}, one more: {error}"));
            return check_files(disk, &database, thoroughly, at);
        };
        step(&database).unwrap_or_else(|error| panic!("{at}, next: {error}"));
        let stand = &self.stands[done + 1];
        if stand.last == self.stands[done].last {
            // It may not have needed the lock, and then leaves all as it is.
            setting(200)(&database).unwrap_or_else(|error| panic!("{at}, one more: {error}"));
            return check_files(disk, &database, false, at);
        }
        let head = database.snapshot().expect("read");
        // Fewer where a compaction failed, which is not promised.
        let has_all = head.number() == stand.last;
        assert!(head.number() <= stand.last, "{at}, next: commit {}", head.number());
        assert!(everything(&head) == stand.commits[&stand.last], "{at}, next: other rows");
        if thoroughly && has_all {
            let found = Stand::of(&database);
            let names = |stand: &Stand| stand.commits.keys().copied().collect::<Vec<_>>();
            assert_eq!(names(&found), names(stand), "{at}, next");
            assert!(found.commits == stand.commits, "{at}, next: other rows in earlier commits");
            check_sums(&database, at);
        }
        check_files(disk, &database, thoroughly, at);
    }

    /// What is left may be what `done` steps left, or one step more; gives how many it was. A step
    /// that makes no commit counts as not done.
    fn check_stand(&self, database: &Database, done: usize, thoroughly: bool, at: &str) -> usize {
        let (before, after) = (&self.stands[done], self.stands.get(done + 1));
        let last = database.snapshot().expect("read").number();
        // A load may be followed by a compaction, as a commit of its own.
        let is_done = after.is_some_and(|after| last > before.last && last <= after.last);
        // That compaction is not promised: where it fails, the loads have happened all the same, with
        // lower numbers.
        if last < before.last {
            let found = everything(&database.snapshot().expect("read"));
            assert!(
                found == before.commits[&before.last],
                "{at}: commit {last} of {}",
                before.last
            );
            return done;
        }
        assert!(is_done || last == before.last, "{at}: commit {last} of {}", before.last);
        // Every commit that can be read without and with the step must be readable now.
        // What a redaction makes of commits that the next stand does not tell of is not known.
        let known = after.map_or(0, |after| after.last.saturating_sub(COMMITS_KEPT - 1));
        let first = if thoroughly { known } else { known.max(before.last) };
        for (number, rows) in before.commits.range(first..) {
            let other = after.map(|after| after.commits.get(number));
            match database.snapshot_at(*number) {
                Ok(snapshot) => {
                    let found = everything(&snapshot);
                    let is_right = found == *rows || other.flatten() == Some(&found);
                    assert!(is_right, "{at}: other rows than those of commit {number}");
                }
                Err(Error::NotFound { .. }) if other == Some(None) => {}
                Err(error) => panic!("{at}: commit {number}: {error}"),
            }
        }
        if let Some(after) = after.filter(|_| is_done) {
            let found = everything(&database.snapshot().expect("read"));
            assert!(found == after.commits[&last], "{at}: other rows than those of {last}");
        }
        done + usize::from(is_done)
    }

    /// After a second crash: as after the first, but the recovery may have done a step more.
    fn check_again(&self, disk: &MemoryDisk, done: usize, at: &str) {
        let database = open(disk).unwrap_or_else(|error| panic!("{at}: {error}"));
        assert_eq!(database.health(), Health::Good, "{at}");
        let last = database.snapshot().expect("read").number();
        let mut found = everything(&database.snapshot().expect("read"));
        // The recovery may have ended with a commit of its own, which only sets this.
        found.retain(|line| line != "test=200");
        let one_of = &self.stands[done..self.stands.len().min(done + 3)];
        let promised = self.stands[done].last;
        let mut known = one_of.iter().flat_map(|stand| stand.commits.range(promised..));
        assert!(
            known.any(|(_, rows)| *rows == found),
            "{at}: other rows than those of commit {last}"
        );
        check_sums(&database, at);
        setting(200)(&database).unwrap_or_else(|error| panic!("{at}, one more: {error}"));
        check_files(disk, &database, false, at);
    }

    /// Lets every operation fail, once alone and once with all behind it; gives how often the
    /// handle refused to write from then on, which it must after a failed sync, and how often it
    /// went on.
    pub(crate) fn fail_everywhere(&self) -> (usize, usize) {
        let (mut poisoned, mut usable) = (0, 0);
        let operations = self.disk.operations();
        for (at, is_for_good) in (0..operations).flat_map(|at| [(at, false), (at, true)]) {
            let disk = self.base.crash(0, Crash::Keep);
            let what = format!("operation {at} of {operations} fails, for good: {is_for_good}");
            if is_for_good {
                disk.fail_at(at);
            } else {
                disk.fail_once(at);
            }
            let Ok(database) = open(&disk) else {
                // It failed when it was made: that can be done again.
                disk.repair();
                open(&disk).unwrap_or_else(|error| panic!("{what}, again: {error}"));
                continue;
            };
            let failed = self.workload.steps.iter().position(|step| match step(&database) {
                Ok(()) => false,
                Err(Error::Io { .. }) => true,
                Err(error) => panic!("{what}: {error}"),
            });
            let Some(done) = failed else {
                // It was about what need not be: removing a temporary file, a checkpoint.
                disk.repair();
                drop(database);
                self.check(&disk, self.workload.steps.len(), true, &what);
                continue;
            };
            // It is read on while the disk fails, and by another program.
            self.check_stand(&database, done, true, &what);
            self.check_stand(&open(&disk).expect("opened"), done, false, &what);
            disk.repair();
            let is_failed = |operation: &Operation| match operation {
                Operation::Sync { outcome, .. } | Operation::SyncFolder { outcome, .. } => {
                    *outcome == Synced::Failed
                }
                _ => false,
            };
            let must_stop = disk.trace().iter().any(is_failed);
            match setting(100)(&database) {
                Ok(()) => {
                    assert!(!must_stop, "{what}: it wrote on after a failed sync");
                    usable += 1;
                }
                Err(error) => {
                    poisoned += 1;
                    let text = error.to_string();
                    assert!(text.contains("a sync failed before"), "{what}: {text}");
                    assert!(text.contains("open anew"), "{what}: {text}");
                    drop(database);
                    self.check(&disk, done, true, &what);
                }
            }
        }
        (poisoned, usable)
    }
}

/// Everything agrees with what is said about it, to the last checksum and sum.
fn check_sums(database: &Database, at: &str) {
    let mut text = String::new();
    for problem in &database.check(|_, _| {}).expect("read").problems {
        writeln!(text, "{problem}").expect("into a string");
    }
    assert!(text.is_empty(), "{at}: {text}");
}

/// There is no temporary file, and no segment that a writer left who died; where all states are
/// asked for, also none that no state needs.
fn check_files(disk: &MemoryDisk, database: &Database, thoroughly: bool, at: &str) {
    if thoroughly {
        // What a crash left of a forgetting goes with the next one.
        let first = database.catalog().first_kept().expect("known");
        let mut writer = database.catalog().begin(Duration::ZERO).expect("begun");
        if first > 0 {
            writer.forget(first).expect("forgotten");
        }
    }
    let last = database.snapshot().expect("read");
    let next = last.state().next_segment();
    let found = disk.list(Path::new("db/segments")).expect("listed");
    for name in &found {
        assert!(*name < next.file_name(), "{at}: {name} was left over");
    }
    for name in disk.list(Path::new("db/commits")).expect("listed") {
        assert!(Path::new(&name).extension().is_none_or(|e| e != "tmp"), "{at}: {name}");
    }
    if thoroughly && last.number() < COMMITS_FEW {
        let mut wanted = BTreeSet::new();
        for number in 0..=last.number() {
            let Ok(snapshot) = database.snapshot_at(number) else { continue };
            for live in snapshot.state().all_segments() {
                let path = database.catalog().locate(live).path;
                wanted.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
            }
        }
        for name in found {
            assert!(wanted.contains(&name), "{at}: {name} is needed by no state");
        }
    }
}
