//! A thousand random commits against an oracle that keeps every observation in a map.
//!
//! Also the sort on disk: a load that may use little memory must leave the same as one that may
//! use much.

#![expect(clippy::panic, reason = "that is how a test fails")]

#[path = "../benches/support/cube.rs"]
mod cube;
#[path = "store/expected.rs"]
mod expected;
mod oracle;
#[path = "store/random_rows.rs"]
mod random_rows;
#[path = "store/reading.rs"]
mod reading;
#[path = "store/small.rs"]
mod small;
#[path = "store/sorting.rs"]
mod sorting;
#[path = "store/structures.rs"]
mod structures;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use sdmxdb::disk::MemoryDisk;
use sdmxdb::model::{Action, Period, PeriodForm, Slot};
use sdmxdb::store::{Cube, Database, LoadOptions, PeriodFilter, ScanOrder, SeriesFilter, Snapshot};

use crate::cube::random::Random;
use crate::expected::Expected;
use crate::oracle::{ByPeriod, Decimal, Found, Row};
use crate::structures::{CROSS_SHAPE, MIX_SHAPE, Shape};

/// Observations above which deletes become more common than loads.
const OBSERVATIONS_WANTED: usize = 6_000;

/// A database with what it should hold.
struct World {
    seed: u64,
    random: Random,
    disk: MemoryDisk,
    database: Database,
    expected: Expected,
    number: u64,
    step: u64,
    kept: Vec<(Arc<Snapshot>, Expected)>,
    last: Vec<Row>,
    exact: usize,
    inexact: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let disk = MemoryDisk::new();
        let database = open(&disk);
        let mut load = database.begin_load(LoadOptions::at(1)).expect("begun");
        load.structures(MIX_SHAPE.artefacts()).expect("added");
        load.structures(CROSS_SHAPE.artefacts()).expect("added");
        let report = load.commit().expect("committed");
        assert_eq!((report.commit, report.named.len()), (Some(1), 2));
        Self {
            seed,
            random: Random::new(seed),
            disk,
            database,
            expected: Expected::default(),
            number: 1,
            step: 0,
            kept: Vec::new(),
            last: Vec::new(),
            exact: 0,
            inexact: 0,
        }
    }

    /// Where a failure can be found again.
    fn at(&self) -> String {
        format!("seed {} step {} commit {}", self.seed, self.step, self.number)
    }

    fn observations(&self) -> usize {
        self.expected.oracle.found(MIX_SHAPE.flow).count()
    }

    /// Loads and deletes something; true if that made a commit.
    fn change(&mut self) -> bool {
        self.step += 1;
        let before = self.expected.clone();
        let (shape, rows) = self.draw();
        let mut message = shape.header();
        let mut spoken_of = BTreeSet::new();
        for (action, row) in &rows {
            let letter = match action {
                Action::Merge => ['A', 'I', 'M'][row.period.len() % 3],
                Action::Replace => 'R',
                Action::Delete => 'D',
            };
            message = message + "\n" + &shape.line_of(letter, row);
            self.expected.apply(shape, *action, row);
            if *action != Action::Delete {
                spoken_of.insert((row.key.clone(), row.period.clone()));
            }
        }
        self.expected.oracle.settle();
        let options = LoadOptions::at(i64::try_from(self.step).expect("small"));
        let mut load = self.database.begin_load(options).expect("begun");
        load.csv(message.as_bytes(), "rows.csv")
            .unwrap_or_else(|error| panic!("{}: {error}", self.at()));
        let report = load.commit().unwrap_or_else(|error| panic!("{}: {error}", self.at()));
        let expected = (before != self.expected).then_some(self.number + 1);
        assert_eq!(report.commit, expected, "{}", self.at());
        let counts = before.counts(&self.expected, shape, &spoken_of);
        assert_eq!(report.counts, counts, "{}", self.at());
        assert_eq!(report.rows, rows.len() as u64, "{}", self.at());
        // A compaction may have followed the load.
        self.number = self.database.snapshot().expect("read").number();
        if shape.has_time {
            // Only what merges changes nothing when it comes again.
            let merges = rows.iter().all(|(action, _)| *action == Action::Merge);
            self.last = rows.into_iter().filter(|_| merges).map(|(_, row)| row).collect();
        }
        report.commit.is_some()
    }

    /// A random message: most merge, some delete series first, some do everything.
    fn draw(&mut self) -> (&'static Shape, Vec<(Action, Row)>) {
        let merges = |rows: Vec<Row>| rows.into_iter().map(|row| (Action::Merge, row)).collect();
        let crowded = self.observations() > OBSERVATIONS_WANTED;
        if self.random.chance(if crowded { 0.7 } else { 0.05 }) {
            let snapshot = self.database.snapshot().expect("read");
            let cube = snapshot.cube(&MIX_SHAPE.id()).expect("opened");
            let filter = random_filter(&cube, &mut self.random, 2);
            let keys = self.expected.series(MIX_SHAPE.flow, |key| passes(&cube, &filter, key));
            let mut rows: Vec<_> = keys.into_iter().map(random_rows::series_to_delete).collect();
            if self.random.chance(0.3) {
                rows.extend(merges(random_rows::mix(&mut self.random)));
            }
            return (&MIX_SHAPE, rows);
        }
        match self.random.below(24) {
            0 => (&CROSS_SHAPE, merges(random_rows::cross(&mut self.random))),
            1 => (&MIX_SHAPE, merges(self.last.clone())),
            2..6 => (&MIX_SHAPE, random_rows::actions(&self.expected, &mut self.random)),
            _ => (&MIX_SHAPE, merges(random_rows::mix(&mut self.random))),
        }
    }

    /// Loads the last message again, which must change nothing.
    fn load_again(&self) {
        let mut load = self.database.begin_load(LoadOptions::at(9)).expect("begun");
        load.csv(MIX_SHAPE.message(&self.last).as_bytes(), "again.csv").expect("read");
        let report = load.commit().expect("committed");
        assert_eq!(report.commit, None, "{}", self.at());
        assert_eq!(report.bytes, 0, "{}", self.at());
    }

    fn reopen(&mut self) {
        self.kept.clear();
        self.database = open(&self.disk);
        assert_eq!(self.database.snapshot().expect("read").number(), self.number, "{}", self.at());
    }

    fn keep(&mut self) {
        let snapshot = self.database.snapshot().expect("read");
        self.kept.push((snapshot, self.expected.clone()));
    }

    /// Compares some of the series that a random filter selects.
    fn check_some(&mut self) {
        let snapshot = self.database.snapshot().expect("read");
        let at = self.at();
        let cube = snapshot.cube(&MIX_SHAPE.id()).expect("opened");
        check_codes(&cube, &MIX_SHAPE, &self.expected, &at);
        let filter = random_filter(&cube, &mut self.random, 3);
        let selected = cube.select(&filter).expect("selected");
        let chosen = |found: Found<'_>| passes(&cube, &filter, found.key);
        let keys: BTreeSet<_> = self
            .expected
            .oracle
            .found(MIX_SHAPE.flow)
            .filter(|f| chosen(*f))
            .map(|f| f.key)
            .collect();
        let what = format!("{at} {filter:?}");
        assert_eq!(cube.series_count(&selected).expect("counted"), keys.len() as u64, "{what}");
        let count = cube.observation_count(&selected).expect("counted");
        let found = self.expected.oracle.found(MIX_SHAPE.flow).filter(|found| chosen(*found));
        assert_eq!(count, found.count() as u64, "{what}");
        if count < 3_000 {
            let order = random_order(&mut self.random);
            let expected = self.expected.lines(&MIX_SHAPE, &order, chosen);
            let lines =
                reading::lines(&cube, &filter, PeriodFilter::All, ScanOrder::ascending(order));
            compare(&lines, &expected, &what);
        }
    }

    /// Compares everything there is.
    fn check_all(&mut self) {
        let snapshot = self.database.snapshot().expect("read");
        let at = self.at();
        assert_eq!(snapshot.number(), self.number, "{at}");
        check_snapshot(&snapshot, &self.expected, &at);
        let cube = snapshot.cube(&MIX_SHAPE.id()).expect("opened");
        let order = random_order(&mut self.random);
        let expected = self.expected.lines(&MIX_SHAPE, &order, |_| true);
        let key = ScanOrder::ascending(order);
        let lines = reading::lines(&cube, &SeriesFilter::All, PeriodFilter::All, key.clone());
        compare(&lines, &expected, &at);
        for measure in 0..MIX_SHAPE.measures.len() {
            let (exact, inexact) = check_totals(&cube, &self.expected, measure, &at);
            self.exact += exact;
            self.inexact += inexact;
        }
        let slots = random_slots(&cube, &mut self.random);
        let wanted = |found: Found<'_>| match Period::parse(found.period).expect("a period") {
            Period::Other(_) => true,
            Period::Slot(slot) => is_in(&slots, slot),
        };
        let expected = self.expected.oracle.rows(MIX_SHAPE.flow, &[], wanted);
        let expected: Vec<String> =
            expected.into_iter().map(|found| self.expected.line(&MIX_SHAPE, found)).collect();
        let (all, periods) = (SeriesFilter::All, PeriodFilter::Slots(slots.clone()));
        let lines = reading::lines(&cube, &all, periods, ScanOrder::ascending([0]));
        compare(&lines, &expected, &format!("{at} {slots:?}"));
    }

    /// Compares snapshots kept and commits asked for by number.
    fn check_old(&self) {
        for (snapshot, expected) in &self.kept {
            let at = format!("{}: snapshot of commit {}", self.at(), snapshot.number());
            check_snapshot(snapshot, expected, &at);
            let again = self.database.snapshot_at(snapshot.number()).expect("opened");
            check_snapshot(&again, expected, &format!("{at}, again"));
        }
        assert!(self.database.snapshot_at(self.number + 1).is_err());
    }
}

fn open(disk: &MemoryDisk) -> Database {
    Database::open_or_create_on(Arc::new(disk.clone()), Path::new("db")).expect("opened")
}

/// Compares rows without printing thousands of them.
#[track_caller]
fn compare(found: &[String], expected: &[String], at: &str) {
    let first = found.iter().zip(expected).position(|(found, expected)| found != expected);
    let first = first.unwrap_or(found.len().min(expected.len()));
    assert!(
        found.len() == expected.len() && first == found.len(),
        "{at}: {} rows instead of {}; row {first} is\n{:?}\ninstead of\n{:?}",
        found.len(),
        expected.len(),
        found.get(first),
        expected.get(first)
    );
}

fn check_snapshot(snapshot: &Snapshot, expected: &Expected, at: &str) {
    for shape in [&MIX_SHAPE, &CROSS_SHAPE] {
        let cube = snapshot.cube(&shape.id()).expect("opened");
        check_codes(&cube, shape, expected, at);
        check_forms(&cube, shape, expected, at);
        let mut wanted = expected.lines(shape, &[], |_| true);
        wanted.sort_unstable();
        compare(&reading::all(&cube), &wanted, at);
        let all = cube.select(&SeriesFilter::All).expect("selected");
        let counts = (
            cube.series_count(&all).expect("counted"),
            cube.observation_count(&all).expect("counted"),
        );
        let series = expected.oracle.series_count(shape.flow) as u64;
        assert_eq!(counts, (series, wanted.len() as u64), "{at}");
    }
}

fn check_codes(cube: &Cube, shape: &Shape, expected: &Expected, at: &str) {
    let mut codes = expected.oracle.codes(shape.flow, |_| true);
    codes.resize(shape.dimensions.len(), BTreeSet::new());
    for (dimension, codes) in codes.iter().enumerate() {
        let table = cube.codes(dimension);
        assert!(table.iter().eq(codes.iter().copied()), "{at}: {table:?} instead of {codes:?}");
        for (number, code) in (0..).zip(codes) {
            assert_eq!(table.number(code), Some(number), "{at}");
        }
    }
}

fn check_forms(cube: &Cube, shape: &Shape, expected: &Expected, at: &str) {
    let mut hulls: BTreeMap<PeriodForm, Range<i32>> = BTreeMap::new();
    for found in expected.oracle.found(shape.flow) {
        let slot = match Period::parse(found.period) {
            _ if !shape.has_time => Slot::TIMELESS,
            Ok(Period::Slot(slot)) => slot,
            _ => Slot { form: PeriodForm::Other, index: 0 },
        };
        let hull = hulls.entry(slot.form).or_insert(slot.index..slot.index + 1);
        *hull = hull.start.min(slot.index)..hull.end.max(slot.index + 1);
    }
    let has_other = hulls.remove(&PeriodForm::Other).is_some();
    assert_eq!(cube.has_other_periods().expect("read"), has_other, "{at}");
    let hulls: Vec<_> = hulls.into_iter().collect();
    assert_eq!(cube.forms().expect("read"), hulls, "{at}");
}

/// Compares stored totals; gives how many series they answer for, and for how many they do not.
fn check_totals(cube: &Cube, expected: &Expected, measure: usize, at: &str) -> (usize, usize) {
    let all = cube.select(&SeriesFilter::All).expect("selected");
    let groups =
        expected.oracle.groups(MIX_SHAPE.flow, measure, &[0, 1, 2], ByPeriod::No, |_| true);
    let totals = reading::totals(cube, &all, measure);
    assert_eq!(totals.len(), groups.len(), "{at}");
    let mut exact = 0;
    for (key, totals) in &totals {
        if !totals.iter().all(|total| total.is_exact) {
            continue;
        }
        exact += 1;
        let statistics = &groups[&key.iter().map(String::as_str).collect::<Vec<_>>()];
        let decimal = |mantissa, scale: u8| Decimal { mantissa, scale: scale.into() };
        let mut sum = Decimal::default();
        let (mut count, mut min, mut max) = (0, None, None);
        for total in totals.iter().filter(|total| total.count > 0) {
            sum = sum.plus(decimal(total.sum, total.scale));
            count += u64::from(total.count);
            let (low, high) =
                (decimal(total.min.into(), total.scale), decimal(total.max.into(), total.scale));
            min = Some(min.filter(|min: &Decimal| min.compare(low).is_lt()).unwrap_or(low));
            max = Some(max.filter(|max: &Decimal| max.compare(high).is_gt()).unwrap_or(high));
        }
        let found = (sum, count, min, max);
        let wanted = (statistics.sum, statistics.count, statistics.min, statistics.max);
        assert_eq!(found, wanted, "{at} {key:?} measure {measure}");
    }
    (exact, totals.len() - exact)
}

fn random_order(random: &mut Random) -> Vec<usize> {
    let orders: [&[usize]; 6] = [&[], &[0, 1, 2], &[2, 1, 0], &[1], &[2, 0], &[1, 2, 0]];
    orders[usize::try_from(random.below(6)).expect("small")].to_vec()
}

/// A formula over codes that occur, of at most this depth.
fn random_filter(cube: &Cube, random: &mut Random, depth: u32) -> SeriesFilter {
    let parts = |random: &mut Random| {
        (0..=random.below(2)).map(|_| random_filter(cube, random, depth - 1)).collect()
    };
    match random.below(if depth == 0 { 4 } else { 7 }) {
        4 => SeriesFilter::And(parts(random)),
        5 => SeriesFilter::Or(parts(random)),
        6 => SeriesFilter::Not(Box::new(random_filter(cube, random, depth - 1))),
        _ => {
            let dimension = usize::try_from(random.below(3)).expect("small");
            let count = u32::try_from(cube.codes(dimension).len()).expect("few");
            let codes = (0..count).filter(|_| random.chance(0.3)).collect();
            SeriesFilter::Codes { dimension, codes }
        }
    }
}

fn passes(cube: &Cube, filter: &SeriesFilter, key: &[String]) -> bool {
    match filter {
        SeriesFilter::All => true,
        SeriesFilter::Codes { dimension, codes } => {
            let number = cube.codes(*dimension).number(&key[*dimension]);
            number.is_some_and(|number| codes.contains(&number))
        }
        SeriesFilter::And(all) => all.iter().all(|filter| passes(cube, filter, key)),
        SeriesFilter::Or(any) => any.iter().any(|filter| passes(cube, filter, key)),
        SeriesFilter::Not(filter) => !passes(cube, filter, key),
    }
}

/// Up to two ranges of slots of some of the forms that occur.
fn random_slots(cube: &Cube, random: &mut Random) -> Vec<(PeriodForm, Vec<Range<i32>>)> {
    let mut slots = Vec::new();
    for (form, hull) in cube.forms().expect("read") {
        let length = u64::try_from(hull.end - hull.start).expect("positive");
        let draw = |random: &mut Random| {
            hull.start + i32::try_from(random.below(length + 1)).expect("small")
        };
        let mut ends = [draw(random), draw(random), draw(random), draw(random)];
        ends.sort_unstable();
        if random.chance(0.8) {
            let ranges = [ends[0]..ends[1], ends[2]..ends[3]];
            slots.push((*form, ranges.into_iter().filter(|range| !range.is_empty()).collect()));
        }
    }
    slots
}

fn is_in(slots: &[(PeriodForm, Vec<Range<i32>>)], slot: Slot) -> bool {
    let form = slots.iter().find(|(form, _)| *form == slot.form);
    form.is_some_and(|(_, ranges)| ranges.iter().any(|range| range.contains(&slot.index)))
}

/// Runs until this many commits were made; gives the database for a last look.
fn run(seed: u64, commits: u64) -> World {
    let mut world = World::new(seed);
    while world.number < commits {
        let is_committed = world.change();
        if is_committed {
            world.check_some();
        }
        if world.step.is_multiple_of(25) {
            world.load_again();
            world.check_all();
        }
        if world.step.is_multiple_of(60) {
            world.keep();
        }
        if world.step.is_multiple_of(240) {
            world.check_old();
            world.reopen();
        }
    }
    world.check_all();
    world.check_old();
    world
}

#[test]
fn a_thousand_random_commits_are_what_the_oracle_says() {
    let world = run(1, 1_000);
    assert!(world.exact > world.inexact, "{} totals, {} without", world.exact, world.inexact);
    let snapshot = world.database.snapshot().expect("read");
    let cube = snapshot.cube(&MIX_SHAPE.id()).expect("opened");
    let chunks = reading::chunks_by_form(&cube);
    assert!(chunks.len() >= 8, "{chunks:?}");
}

#[test]
fn short_runs_of_other_seeds_are_too() {
    for seed in 2..22 {
        run(seed, 40);
    }
}
