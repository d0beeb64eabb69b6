//! Differences of random histories, against a list of every cell after each commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::store::answer::fixture::{FLOW, HEADER, database, id};
use crate::store::changes::change::{AttributeChange, CellState};
use crate::store::{Changes, CompactOptions, Database, Difference, KeyFilter, LoadOptions};

/// Every cell: what a reader sees, by the text of its place.
#[derive(Clone, Default)]
pub(in crate::store) struct Model {
    /// Two values and two attributes, by key and period.
    pub(in crate::store) cells: BTreeMap<([String; 3], String), [String; 4]>,
    /// `TITLE` of series.
    pub(in crate::store) titles: BTreeMap<[String; 3], String>,
    /// `UNIT` by area and item.
    units: BTreeMap<[String; 2], String>,
    source: String,
}

/// Small numbers, always the same.
pub(in crate::store) struct Random(pub(in crate::store) u64);

impl Random {
    pub(in crate::store) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    pub(in crate::store) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.below(from.len() as u64)).expect("small")]
    }
}

const PERIODS: [&str; 7] =
    ["2020", "2021", "1890-05-01", "2020-01-01", "2020-W05", "2001-01-01T00:00:00/P1D", "2021-Q1"];

impl Model {
    /// Merges a few random rows, and returns them.
    fn merge(&mut self, random: &mut Random) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let mut rows = Vec::new();
        for _ in 0..=random.below(6) {
            let key = ["Z", random.pick(&["CH", "DE", "AT"]), random.pick(&["X", "Y"])];
            let key = key.map(str::to_owned);
            let period = random.pick(&PERIODS).to_owned();
            if !seen.insert((key.clone(), period.clone())) {
                continue;
            }
            let value = random.pick(&["1", "2", "2.0", "NaN"]);
            let rest = [
                random.pick(&["", "7"]),
                random.pick(&["", "A", "P"]),
                random.pick(&["", "a, b"]),
                random.pick(&["", "", "T1", "T2"]),
                random.pick(&["", "", "EUR", "USD"]),
                random.pick(&["", "", "here", "there"]),
            ];
            let [count, status, note, title, unit, source] = rest;
            let cell = self.cells.entry((key.clone(), period.clone())).or_default();
            for (known, text) in cell.iter_mut().zip([value, count, status, note]) {
                set(known, text);
            }
            set(self.titles.entry(key.clone()).or_default(), title);
            set(self.units.entry([key[1].clone(), key[2].clone()]).or_default(), unit);
            set(&mut self.source, source);
            let note = if note.is_empty() { String::new() } else { format!("\"{note}\"") };
            let key = key.join(",");
            rows.push(format!(
                "{key},{period},{value},{count},{status},{note},{title},{unit},,{source}"
            ));
        }
        rows
    }

    /// Does something random by action, and returns the rows of SDMX-CSV 2.1 that say so.
    fn act(&mut self, random: &mut Random) -> Vec<String> {
        let area = random.pick(&["CH", "DE", "AT"]);
        let item = random.pick(&["X", "Y"]);
        let period = random.pick(&PERIODS);
        let place = (["Z", area, item].map(str::to_owned), period.to_owned());
        let row = match random.below(5) {
            0 => {
                self.cells.retain(|(key, _), _| key[1] != area);
                self.units.retain(|key, _| key[0] != area);
                format!("D,,{area},,,,,,,,,,")
            }
            1 => {
                self.cells.remove(&place);
                format!("D,Z,{area},{item},{period},,,,,,,,")
            }
            2 => {
                self.cells.retain(|(key, known), _| key[2] != item || known != period);
                format!("D,,,{item},{period},,,,,,,,")
            }
            3 => {
                if let Some(cell) = self.cells.get_mut(&place) {
                    cell[2].clear();
                }
                format!("D,Z,{area},{item},{period},,,-,,,,,")
            }
            _ => {
                let [value, status] = [random.pick(&["8", "9"]), random.pick(&["", "B"])];
                let cell = [value, "", status, ""].map(str::to_owned);
                self.cells.insert(place, cell);
                format!("R,Z,{area},{item},{period},{value},,{status},,,,,")
            }
        };
        let cells = &self.cells;
        self.titles.retain(|key, _| cells.keys().any(|(known, _)| known == key));
        vec![row]
    }

    /// What differs, a line each.
    fn differences(&self, after: &Self) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        let places: BTreeSet<_> = self.cells.keys().chain(after.cells.keys()).collect();
        for (key, period) in places {
            let place = (key.clone(), period.clone());
            let text = |model: &Self| model.cells.get(&place).map(|cell| cell.join("|"));
            add(&mut lines, format!("{} {period}", key.join(".")), text(self), text(after));
        }
        let keys: BTreeSet<_> = self.titles.keys().chain(after.titles.keys()).collect();
        for key in keys {
            let text = |model: &Self| {
                let has = model.cells.keys().any(|(known, _)| known == key);
                model.titles.get(key).filter(|title| has && !title.is_empty()).cloned()
            };
            add(&mut lines, format!("{} TITLE", key.join(".")), text(self), text(after));
        }
        let keys: BTreeSet<_> = self.units.keys().chain(after.units.keys()).collect();
        for key in keys {
            let text = |model: &Self| model.units.get(key).filter(|unit| !unit.is_empty()).cloned();
            add(&mut lines, format!("*.{} UNIT", key.join(".")), text(self), text(after));
        }
        let text = |model: &Self| Some(model.source.clone()).filter(|text| !text.is_empty());
        add(&mut lines, "*.*.* SOURCE".to_owned(), text(self), text(after));
        lines
    }
}

fn set(known: &mut String, text: &str) {
    if !text.is_empty() {
        text.clone_into(known);
    }
}

#[expect(clippy::needless_pass_by_value, reason = "they are made for it")]
fn add(lines: &mut BTreeSet<String>, place: String, before: Option<String>, after: Option<String>) {
    if before != after {
        lines.insert(format!("{place}: {before:?} {after:?}"));
    }
}

/// A random history: the database, and every cell after each commit, from the second on.
pub(in crate::store) fn history(seed: u64, commits: usize) -> (Database, Vec<Model>) {
    let mut random = Random(seed * 0x9E37_79B9 + 1);
    let database = database(true, &[]);
    let mut model = Model::default();
    let mut models = vec![model.clone()];
    while models.len() < commits {
        let now = 1_000 * i64::try_from(models.len()).expect("few");
        let before = database.snapshot().expect("readable").number();
        let head = HEADER.strip_prefix("DATAFLOW").expect("its first column");
        let (head, prefix, rows) = match random.below(5) {
            0 => {
                let options = CompactOptions { is_full: true, ..CompactOptions::at(now) };
                database.compact(&options, &mut |_| Ok(())).expect("compacted");
                (String::new(), String::new(), Vec::new())
            }
            1 => {
                let head = format!("STRUCTURE,STRUCTURE_ID,ACTION{head}");
                (head, format!("dataflow,{FLOW}"), model.act(&mut random))
            }
            _ => (HEADER.to_owned(), FLOW.to_owned(), model.merge(&mut random)),
        };
        if !rows.is_empty() {
            let rows: Vec<String> = rows.iter().map(|row| format!("{prefix},{row}")).collect();
            let text = format!("{head}\n{}", rows.join("\n"));
            let mut load = database.begin_load(LoadOptions::at(now)).expect("begun");
            load.csv(text.as_bytes(), "x.csv").unwrap_or_else(|e| panic!("{e}\n{text}"));
            load.commit().expect("committed");
        }
        for _ in before..database.snapshot().expect("readable").number() {
            models.push(model.clone());
        }
    }
    (database, models)
}

fn key_text(change: &AttributeChange) -> String {
    let codes = change.key.iter().map(|code| code.as_deref().unwrap_or("*"));
    codes.collect::<Vec<_>>().join(".")
}

pub(in crate::store) fn cell_text(state: CellState) -> String {
    let mut texts: Vec<String> = Vec::new();
    for value in state.values {
        let mut text = Vec::new();
        value.write_to(&mut text);
        texts.push(String::from_utf8(text).expect("text"));
    }
    texts.extend(state.attributes.into_iter().map(Option::unwrap_or_default));
    texts.join("|")
}

#[test]
fn differences_are_those_of_all_cells() {
    for seed in 0..40 {
        let (database, models) = history(seed, 14);
        let mut random = Random(seed + 99);
        for _ in 0..30 {
            let mut pick = || usize::try_from(random.below(models.len() as u64)).expect("small");
            let (from, to) = (pick(), pick());
            let snapshot = |at: usize| database.snapshot_at(at as u64 + 1).expect("kept");
            let area = random.pick(&["", "CH", "DE"]);
            let codes = if area.is_empty() { vec![] } else { vec![area.to_owned()] };
            let filter = KeyFilter::any_of(vec![vec![vec![], codes]]);
            let open = || Changes::between(&snapshot(from), &snapshot(to), &id(), &filter);
            let mut expected = models[from].differences(&models[to]);
            let is_of = |line: &String| {
                area.is_empty() || line.contains(&format!(".{area}.")) || line.contains("SOURCE")
            };
            expected.retain(is_of);
            let mut found = BTreeSet::new();
            let mut changes = open().expect("compared");
            let flow = Arc::clone(changes.flow());
            let mut attribute = |change: AttributeChange| {
                let place =
                    format!("{} {}", key_text(&change), flow.attributes()[change.attribute].id);
                add(&mut found, place, change.before, change.after);
            };
            changes.partials().expect("read").into_iter().for_each(&mut attribute);
            let (mut last, mut cells) = (Vec::new(), Vec::new());
            let (mut appeared, mut vanished) = (0, 0);
            while let Some(change) = changes.next_series().expect("read") {
                assert!(last < change.key, "{last:?} {:?}", change.key);
                last.clone_from(&change.key);
                change.attributes.into_iter().for_each(&mut attribute);
                let series = |model: &Model| model.cells.keys().any(|(key, _)| key[..] == last[..]);
                assert_eq!(change.appeared, !series(&models[from]), "{last:?}");
                assert_eq!(change.vanished, !series(&models[to]), "{last:?}");
                appeared += u64::from(change.appeared);
                vanished += u64::from(change.vanished);
                for cell in change.cells {
                    let place = format!("{} {}", last.join("."), cell.period);
                    cells.push((place, cell.before.map(cell_text), cell.after.map(cell_text)));
                }
            }
            let count = |is: fn(bool, bool) -> bool| {
                let is = cells.iter().filter(|(_, old, new)| is(old.is_some(), new.is_some()));
                is.count() as u64
            };
            let total = open().expect("compared").total().expect("read");
            let counts = [total.inserted, total.changed, total.deleted];
            let expected_counts =
                [count(|old, _| !old), count(|old, new| old && new), count(|_, new| !new)];
            assert_eq!(counts, expected_counts);
            assert_eq!((total.appeared, total.vanished), (appeared, vanished));
            assert_eq!(total.is_empty(), expected.is_empty());
            for (place, before, after) in cells {
                add(&mut found, place, before, after);
            }
            assert_eq!(found, expected, "seed {seed}, from {from} to {to}, {area:?}");
        }
    }
}

#[test]
fn a_dataflow_that_is_new_is_all_inserted() {
    let rows = vec!["A,CH,X,2020,1,,,,,,,".to_owned(), "A,CH,X,2021,2,,,,,,,".to_owned()];
    let database = database(true, &[rows]);
    let snapshot = |at| database.snapshot_at(at).expect("kept");
    let total = |from, to| {
        let changes = Changes::between(&snapshot(from), &snapshot(to), &id(), &KeyFilter::all());
        changes.and_then(Changes::total)
    };
    let expected = Difference { inserted: 2, appeared: 1, ..Difference::default() };
    assert_eq!(total(0, 2).expect("compared"), expected);
    let keys = vec![["A", "CH", "X"].map(str::to_owned).to_vec()];
    let expected =
        Difference { deleted: 2, vanished: 1, vanished_keys: keys, ..Difference::default() };
    assert_eq!(total(2, 0).expect("compared"), expected);
    assert!(total(2, 2).expect("compared").is_empty());
    assert!(total(0, 0).is_err());
}
