//! Random rows of the dataflows that the tests load.

use std::collections::BTreeSet;

use sdmxdb::model::{Action, PeriodForm, Slot};

use crate::cube::random::Random;
use crate::expected::Expected;
use crate::oracle::{Attributes, Row};
use crate::structures::{CROSS, MIX};

const FREQUENCIES: [&str; 7] = ["A", "D", "H", "M", "Q", "W", "X"];
const AREAS: [&str; 5] = ["AT", "BE", "CH", "a-b", "\u{d6}"];
const ITEMS: [&str; 7] = ["I1", "I10", "I2", "with space", "say \"x\"", "a,b", "~"];
const TEXTS: [&str; 13] =
    ["NaN", "#N/A", "<2.5", "01", "1E5", "+3", ".5", "1.", "-0", "INF", "a,b", "say \"x\"", " x "];
const WIDE: [&str; 5] = [
    "123456789012345678901234567890.5",
    "0.000000000001",
    "9223372036854775807",
    "-9223372036854775808",
    "99999999999999999999999999999999999999",
];

fn one<'a>(from: &[&'a str], random: &mut Random) -> &'a str {
    from[usize::try_from(random.below(from.len() as u64)).expect("small")]
}

fn number(random: &mut Random, below: u64) -> i32 {
    i32::try_from(random.below(below)).expect("small")
}

/// A key of [`MIX`].
pub(crate) fn mix_key(random: &mut Random) -> Vec<String> {
    let frequency = one(&FREQUENCIES, random);
    key_of(frequency, random)
}

fn key_of(frequency: &str, random: &mut Random) -> Vec<String> {
    vec![frequency.into(), one(&AREAS, random).into(), one(&ITEMS, random).into()]
}

/// A number that depends on a key only, so that a series keeps its form of periods.
fn kind(key: &[String], kinds: usize) -> usize {
    key.iter().flat_map(|code| code.bytes()).map(usize::from).sum::<usize>() % kinds
}

fn text(form: PeriodForm, index: i32) -> String {
    Slot { form, index }.to_string()
}

/// A period that a series may have: no two of a series cover the same time.
fn period(key: &[String], random: &mut Random) -> String {
    let month = |random: &mut Random| number(random, 12 * 60);
    match key[0].as_str() {
        "A" if kind(key, 3) == 0 => text(PeriodForm::ReportingYear, 1960 + number(random, 65)),
        "A" => text(PeriodForm::Year, 1960 + number(random, 65)),
        "M" if kind(key, 3) == 0 => text(PeriodForm::ReportingMonth, 1965 * 12 + month(random)),
        "M" => text(PeriodForm::Month, 1965 * 12 + month(random)),
        "Q" => text(PeriodForm::Quarter, 1965 * 4 + number(random, 240)),
        "W" => format!("{}-W{:02}", 2000 + number(random, 20), 1 + number(random, 52)),
        "D" => text(PeriodForm::Day, day(random)),
        "H" => minute(number(random, 60_000)),
        _ => mixed(random),
    }
}

/// A day, near the border of a chunk more often than not.
fn day(random: &mut Random) -> i32 {
    if random.chance(0.5) {
        return number(random, 22_000) - 5_500;
    }
    (number(random, 6) - 1) * 4_096 + number(random, 9) - 4
}

fn minute(minute: i32) -> String {
    let (day, rest) = (minute / 1_440, minute % 1_440);
    let (month, day) = (1 + day / 28, 1 + day % 28);
    format!("2020-{month:02}-{day:02}T{:02}:{:02}:00", rest / 60, rest % 60)
}

/// A period of any form, of which each form has years of its own.
fn mixed(random: &mut Random) -> String {
    match random.below(9) {
        0 => text(PeriodForm::Year, 1980 + number(random, 10)),
        1 => text(PeriodForm::ReportingYear, 1990 + number(random, 5)),
        2 => text(PeriodForm::Semester, 1995 * 2 + number(random, 10)),
        3 => text(PeriodForm::Month, 2000 * 12 + number(random, 36)),
        4 => text(PeriodForm::Quarter, 2003 * 4 + number(random, 12)),
        5 => text(PeriodForm::Day, 13_149 + number(random, 700)),
        6 => format!("2009-{:02}-{:02}/P1M", 1 + number(random, 12), 1 + number(random, 28)),
        7 => format!("2010-0{}-01T0{}:30:00Z", 1 + number(random, 9), number(random, 9)),
        _ => format!("{}-D{:03}", 2012 + number(random, 3), 1 + number(random, 365)),
    }
}

fn decimal(random: &mut Random) -> String {
    let scale = usize::try_from(random.below(7)).expect("small");
    let whole = random.below(100_000);
    let sign = if random.chance(0.2) && whole > 0 { "-" } else { "" };
    match scale {
        0 => format!("{sign}{whole}"),
        _ if random.chance(0.3) => format!("{sign}{whole}.{:0<scale$}", random.below(10)),
        _ => {
            let fraction = random.below(10_u64.pow(u32::try_from(scale).expect("small")));
            format!("{sign}{whole}.{fraction:0scale$}")
        }
    }
}

fn value(random: &mut Random) -> Option<String> {
    match random.below(100) {
        0..6 => None,
        6..9 => Some(one(&TEXTS, random).into()),
        9 => Some(one(&WIDE, random).into()),
        10..40 => Some(random.below(1_000).to_string()),
        40..60 => Some(format!("{}.{}", random.below(1_000), random.below(10))),
        _ => Some(decimal(random)),
    }
}

/// Attributes that a row speaks of, drawn with these chances from these texts.
fn attributes(random: &mut Random, from: &[(&str, f64, &[&str])]) -> Attributes {
    let mut drawn = Attributes::new();
    for (name, chance, texts) in from {
        if random.chance(*chance) {
            drawn.insert((*name).to_owned(), one(texts, random).to_owned());
        }
    }
    drawn
}

fn key_attributes(random: &mut Random, chance: f64) -> Attributes {
    attributes(
        random,
        &[
            ("TITLE", chance, &["Title, first", "Second", "Third \u{e9}"]),
            ("ITEM_UNIT", chance, &["KG", "EUR"]),
            ("ITEM_BASE", chance / 2.0, &["2010", "2015=100"]),
            ("PAIR_NOTE", chance / 2.0, &["note 1", "note 2"]),
            ("PRODUCER", chance / 8.0, &["ESTAT", "OECD"]),
        ],
    )
}

/// An observation of [`MIX`].
fn observation(key: Vec<String>, period: String, random: &mut Random) -> Row {
    let statuses = &["A", "A", "A", "A", "A", "A", "E", "P"];
    let attributes = attributes(
        random,
        &[("OBS_STATUS", 0.8, statuses), ("NOTE", 0.02, &["a \"note\"", "another, note"])],
    );
    let measures = vec![value(random), random.chance(0.3).then(|| decimal(random))];
    let series_attributes = key_attributes(random, 0.02);
    Row { flow: MIX.into(), key, period, measures, attributes, series_attributes }
}

/// A message of [`MIX`] with distinct observations.
pub(crate) fn mix(random: &mut Random) -> Vec<Row> {
    let mut rows = match random.below(20) {
        0 if random.chance(0.5) => run_of_days(random),
        0 => run_of_minutes(random),
        1..5 => attributes_only(random),
        5..12 => scattered(random, 5, 2),
        12..18 => scattered(random, 40, 6),
        _ => scattered(random, 600, 60),
    };
    let mut seen = BTreeSet::new();
    let is_attributes = |row: &Row| row.period.is_empty();
    rows.retain(|row| is_attributes(row) || seen.insert((row.key.clone(), row.period.clone())));
    rows
}

fn scattered(random: &mut Random, rows_max: u64, series_max: u64) -> Vec<Row> {
    let series: Vec<_> = (0..=random.below(series_max)).map(|_| mix_key(random)).collect();
    let count = 1 + random.below(rows_max);
    let row = |_| {
        let key = &series[usize::try_from(random.below(series.len() as u64)).expect("small")];
        let period = period(key, random);
        observation(key.clone(), period, random)
    };
    (0..count).map(row).collect()
}

/// Days in a row, over several chunks.
fn run_of_days(random: &mut Random) -> Vec<Row> {
    let key = key_of("D", random);
    let first = number(random, 10_000) - 5_000;
    let days = first..first + 200 + number(random, 4_500);
    let days: Vec<i32> = days.filter(|_| random.chance(0.97)).collect();
    let row = |day| observation(key.clone(), text(PeriodForm::Day, day), random);
    days.into_iter().map(row).collect()
}

/// Times of one series, more than a chunk holds after a few of them.
fn run_of_minutes(random: &mut Random) -> Vec<Row> {
    let key = vec!["H".to_owned(), "AT".to_owned(), one(&ITEMS[..2], random).to_owned()];
    let first = number(random, 10_000);
    let minutes = first..first + 200 + number(random, 1_800);
    let row = |at| observation(key.clone(), minute(at), random);
    let mut rows: Vec<Row> = minutes.map(row).collect();
    if random.chance(0.5) {
        rows.reverse();
    }
    rows
}

fn attributes_only(random: &mut Random) -> Vec<Row> {
    let count = 1 + random.below(4);
    let row = |_| {
        let mut key = mix_key(random);
        let mut series_attributes = key_attributes(random, 0.7);
        if random.chance(0.3) {
            // Only the item is given: only its own attributes may stand here.
            key[0].clear();
            key[1].clear();
            series_attributes.retain(|name, _| name.starts_with("ITEM"));
        }
        let (flow, measures) = (MIX.to_owned(), vec![None, None]);
        let (period, attributes) = (String::new(), Attributes::new());
        Row { flow, key, period, measures, attributes, series_attributes }
    };
    let rows = (0..count).map(row);
    rows.filter(|row: &Row| !row.series_attributes.is_empty()).collect()
}

/// A row that deletes a series.
pub(crate) fn series_to_delete(key: Vec<String>) -> (Action, Row) {
    let measures = vec![None, None];
    let (attributes, series_attributes) = (Attributes::new(), Attributes::new());
    let (flow, period) = (MIX.to_owned(), String::new());
    let row = Row { flow, key, period, measures, attributes, series_attributes };
    (Action::Delete, row)
}

/// A message of [`MIX`] that does everything, much of it to the same few observations.
pub(crate) fn actions(state: &Expected, random: &mut Random) -> Vec<(Action, Row)> {
    let known: Vec<(Vec<String>, String)> =
        state.oracle.found(MIX).map(|found| (found.key.clone(), found.period.to_owned())).collect();
    let mut moments: Vec<(Vec<String>, String)> = Vec::new();
    for _ in 0..=random.below(6) {
        let key = mix_key(random);
        let period = period(&key, random);
        moments.push(match known.get(draw(random, known.len().max(1))) {
            Some(known) if random.chance(0.7) => known.clone(),
            _ => (key, period),
        });
    }
    let (mut rows, mut run) = (Vec::new(), None);
    // An observation comes once among rows that ask for the same.
    let mut seen = BTreeSet::new();
    for _ in 0..=random.below(6) {
        let action = [Action::Merge, Action::Replace, Action::Delete][draw(random, 3)];
        if run != Some(action) {
            (run, seen) = (Some(action), BTreeSet::new());
        }
        for _ in 0..=random.below(5) {
            let (key, period) = moments[draw(random, moments.len())].clone();
            let is_first = seen.insert((key.clone(), period.clone()));
            rows.push(match action {
                Action::Delete => (action, deletion(key, period, random)),
                _ if is_first => (action, observation(key, period, random)),
                _ => (action, attributes_of(key, random)),
            });
        }
    }
    rows
}

fn draw(random: &mut Random, below: usize) -> usize {
    usize::try_from(random.below(below as u64)).expect("small")
}

/// A row without a period: attributes of keys, if any.
fn attributes_of(key: Vec<String>, random: &mut Random) -> Row {
    let mut series_attributes = key_attributes(random, 0.7);
    series_attributes.insert("TITLE".to_owned(), "One more".to_owned());
    let (attributes, measures) = (Attributes::new(), vec![None, None]);
    Row { flow: MIX.into(), key, period: String::new(), measures, attributes, series_attributes }
}

/// A row that deletes: an observation, or what lies around it; all of that, or some components.
fn deletion(mut key: Vec<String>, mut period: String, random: &mut Random) -> Row {
    if random.chance(0.4) {
        period.clear();
    }
    for code in &mut key {
        if random.chance(0.2) {
            code.clear();
        }
    }
    let (_, mut row) = series_to_delete(key);
    row.period = period;
    if random.chance(0.5) {
        let named = |names: &[&str], random: &mut Random| -> Attributes {
            let names = names.iter().filter(|_| random.chance(0.3));
            names.map(|name| ((*name).to_owned(), "-".to_owned())).collect()
        };
        row.measures = (0..2).map(|_| random.chance(0.4).then(|| "-".to_owned())).collect();
        row.attributes = named(&["OBS_STATUS", "NOTE"], random);
        let of_keys = ["TITLE", "ITEM_UNIT", "ITEM_BASE", "PAIR_NOTE", "PRODUCER"];
        row.series_attributes = named(&of_keys, random);
    }
    row
}

/// A message of [`CROSS`] with distinct observations.
pub(crate) fn cross(random: &mut Random) -> Vec<Row> {
    let mut seen = BTreeSet::new();
    let count = 1 + random.below(30);
    let row = |_| {
        let key = vec![one(&["F", "M", "T"], random).into(), format!("Y{}", random.below(40))];
        let attributes = attributes(random, &[("OBS_STATUS", 0.5, &["A", "E"])]);
        let series_attributes = attributes_of_cross(random);
        let measures = vec![random.chance(0.9).then(|| decimal(random))];
        let (flow, period) = (CROSS.to_owned(), String::new());
        Row { flow, key, period, measures, attributes, series_attributes }
    };
    let rows: Vec<Row> = (0..count).map(row).collect();
    rows.into_iter().filter(|row| seen.insert(row.key.clone())).collect()
}

fn attributes_of_cross(random: &mut Random) -> Attributes {
    attributes(random, &[("TITLE", 0.2, &["One", "Two"])])
}
