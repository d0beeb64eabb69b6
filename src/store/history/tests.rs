//! Versions of random histories, against a list of every cell after each commit.

use std::collections::BTreeMap;

use std::sync::Arc;

use crate::store::answer::fixture::{FLOW, HEADER, database, id};
use crate::store::changes::tests::{Random, cell_text, history};
use crate::store::{Database, History, KeyFilter, LoadOptions, Snapshot, Version};

fn all(database: &Database, upto: u64, filter: &KeyFilter, after: Option<i64>) -> Vec<Version> {
    versions(database, &database.snapshot_at(upto).expect("kept"), filter, after)
}

fn versions(
    database: &Database,
    snapshot: &Arc<Snapshot>,
    filter: &KeyFilter,
    after: Option<i64>,
) -> Vec<Version> {
    let mut history = History::open(database, snapshot, &id(), filter, after).expect("opened");
    let mut versions = Vec::new();
    while let Some(version) = history.next().expect("read") {
        versions.push(version);
    }
    versions
}

/// A line as `key period state from to`, in numbers of commits.
fn line(version: Version) -> String {
    let key = version.key.join(".");
    let state = cell_text(version.state);
    format!("{key} {} {state} {} {:?}", version.period, version.commit, version.ended_by)
}

#[test]
fn versions_are_those_of_all_cells() {
    for seed in 100..140 {
        let (database, models) = history(seed, 14);
        let mut random = Random(seed);
        let times: Vec<i64> =
            database.snapshot().expect("readable").commits().map(|c| c.effective).collect();
        for _ in 0..10 {
            let upto = usize::try_from(random.below(models.len() as u64)).expect("small");
            let after = usize::try_from(random.below(models.len() as u64 + 1)).expect("small");
            let after = times.get(after).copied();
            let area = random.pick(&["", "CH", "DE"]);
            // Commit n made the model n - 1.
            let mut open: BTreeMap<_, (String, usize)> = BTreeMap::new();
            let mut expected = Vec::new();
            let mut end = |place: &([String; 3], String), (state, from): (String, usize), to| {
                let (key, period) = place;
                let moment = |commit: usize| times[commit - 1];
                let is_wanted = after.is_none_or(|after| {
                    moment(from) > after || Option::is_some_and(to, |to| moment(to) > after)
                });
                if is_wanted && (area.is_empty() || key[1] == area) {
                    let key = key.join(".");
                    expected.push(format!("{key} {period} {state} {from} {to:?}"));
                }
            };
            for (number, model) in (1..).zip(&models[..=upto]) {
                let gone: Vec<_> = open
                    .iter()
                    .filter(|(place, (state, _))| {
                        model.cells.get(*place).is_none_or(|cell| cell.join("|") != *state)
                    })
                    .map(|(place, _)| place.clone())
                    .collect();
                for place in gone {
                    let version = open.remove(&place).expect("is there");
                    end(&place, version, Some(number));
                }
                for (place, cell) in &model.cells {
                    open.entry(place.clone()).or_insert_with(|| (cell.join("|"), number));
                }
            }
            for (place, version) in open {
                end(&place, version, None);
            }
            let codes = if area.is_empty() { vec![] } else { vec![area.to_owned()] };
            let filter = KeyFilter::any_of(vec![vec![vec![], codes]]);
            let versions = all(&database, upto as u64 + 1, &filter, after);
            for version in &versions {
                let moment = |commit: u64| times[usize::try_from(commit).expect("small") - 1];
                assert_eq!(version.valid_from, moment(version.commit));
                assert_eq!(version.valid_to, version.ended_by.map(moment));
            }
            assert!(versions.is_sorted_by_key(|version| &version.key));
            let mut found: Vec<String> = versions.into_iter().map(line).collect();
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "seed {seed}, up to {upto}, after {after:?}, {area:?}");
        }
    }
}

#[test]
fn what_was_forgotten_is_not_told() {
    let row = |value: &str| format!("A,CH,X,2020,{value},,,,,,,");
    let loads: Vec<Vec<String>> = ["1", "2", "2", "3", "4"].map(|value| vec![row(value)]).to_vec();
    let database = database(true, &loads);
    let lines = |database: &Database| {
        let last = database.snapshot().expect("readable").number();
        let versions = all(database, last, &KeyFilter::all(), None);
        versions.into_iter().map(line).collect::<Vec<_>>()
    };
    // The third load is no commit: it brings what is there.
    let expected = ["1||| 2 Some(3)", "2||| 3 Some(4)", "3||| 4 Some(5)", "4||| 5 None"];
    let expected = expected.map(|state| format!("A.CH.X 2020 {state}"));
    assert_eq!(lines(&database), expected);
    let mut writer = database.catalog().begin(std::time::Duration::ZERO).expect("begun");
    writer.forget(4).expect("forgotten");
    drop(writer);
    assert_eq!(lines(&database), expected[2..]);
}

#[test]
fn a_draft_is_the_last_commit() {
    let row = |value: &str| format!("A,CH,X,2020,{value},,,,,,,");
    let database = database(true, &[vec![row("1")]]);
    let base = database.snapshot().expect("readable");
    let draft = |value: &str| {
        let mut load = database.draft(&base, LoadOptions::at(50)).expect("begun");
        load.csv(format!("{HEADER}\n{FLOW},{}", row(value)).as_bytes(), "x.csv").expect("sound");
        load.prepare().expect("sound").snapshot().expect("readable")
    };
    let draft = draft("2");
    let lines = || {
        let found = versions(&database, &draft, &KeyFilter::all(), Some(10));
        found.into_iter().map(line).collect::<Vec<_>>()
    };
    let expected = ["A.CH.X 2020 1||| 2 Some(3)", "A.CH.X 2020 2||| 3 None"];
    assert_eq!(lines(), expected);
    let mut load = database.begin_load(LoadOptions::at(60)).expect("begun");
    load.csv(format!("{HEADER}\n{FLOW},{}", row("3")).as_bytes(), "x.csv").expect("sound");
    load.commit().expect("committed");
    assert_eq!(lines(), expected, "another commit took its number");
}
