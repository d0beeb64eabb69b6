//! Drafts: what a load would do can be read before it is done, and leaves nothing behind.

use std::sync::Arc;

use sdmxdb::disk::MemoryDisk;
use sdmxdb::model::Measure;
use sdmxdb::model::{Action, Artefact, ArtefactId, DataStructure, Dataflow, Dimension, Identity};
use sdmxdb::store::{Database, LoadOptions, SeriesFilter, Snapshot};

const FLOW: &str = "A:F(1.0)";

fn id() -> ArtefactId {
    ArtefactId::parse(FLOW).expect("an identifier")
}

fn database() -> Database {
    let identity = Identity::named(id(), "a flow");
    let dimension = |id: &str| Dimension { id: id.to_owned(), ..Default::default() };
    let structure = DataStructure {
        identity: identity.clone(),
        dimensions: vec![dimension("FREQ"), dimension("AREA")],
        time: Some(dimension("TIME_PERIOD")),
        measures: vec![Measure { id: "OBS_VALUE".to_owned(), ..Default::default() }],
        attributes: Vec::new(),
        groups: Vec::new(),
    };
    let dataflow = Dataflow { identity, structure: id() };
    let database = Database::open_or_create_on(Arc::new(MemoryDisk::new()), "/db").expect("new");
    let mut load = database.begin_load(LoadOptions::at(1)).expect("begun");
    let artefacts = vec![Artefact::DataStructure(structure), Artefact::Dataflow(dataflow)];
    load.structures(artefacts).expect("sound");
    load.commit().expect("committed");
    database
}

fn rows(areas: &[&str], value: usize) -> String {
    let row = |area: &&str| format!("\n{FLOW},A,{area},2020,{value}");
    "DATAFLOW,FREQ,AREA,TIME_PERIOD,OBS_VALUE".to_owned()
        + &areas.iter().map(row).collect::<String>()
}

/// The areas of a snapshot, and how many observations it has.
fn content(snapshot: &Arc<Snapshot>) -> (Vec<String>, u64) {
    let cube = snapshot.cube(&id()).expect("open");
    let all = cube.select(&SeriesFilter::All).expect("selected");
    let areas = cube.codes(1).iter().map(str::to_owned).collect();
    (areas, cube.observation_count(&all).expect("counted"))
}

#[test]
fn what_is_prepared_can_be_read_and_is_what_a_commit_gives() {
    let database = database();
    let mut load = database.begin_load(LoadOptions::at(2)).expect("begun");
    load.csv(rows(&["AT", "BE"], 1).as_bytes(), "rows.csv").expect("read");
    let prepared = load.prepare().expect("prepared");
    let seen = prepared.snapshot().expect("a snapshot");
    assert_eq!(content(&seen), (vec!["AT".to_owned(), "BE".to_owned()], 2));
    assert_eq!(content(&database.snapshot().expect("read")).1, 0, "nobody else sees it");
    let report = prepared.commit().expect("committed");
    assert_eq!(report.commit, Some(seen.number()));
    let after = database.snapshot().expect("read");
    assert_eq!((after.state(), content(&after)), (seen.state(), content(&seen)));
}

#[test]
fn what_is_given_up_leaves_no_trace() {
    let database = database();
    let many: Vec<String> = (0..20_000).map(|n| format!("A{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut load = database.begin_load(LoadOptions::at(2)).expect("begun");
    load.csv(rows(&many, 1).as_bytes(), "rows.csv").expect("read");
    let prepared = load.prepare().expect("prepared");
    let seen = prepared.snapshot().expect("a snapshot");
    assert_eq!(content(&seen).1, 20_000, "in a file of its own");
    drop(prepared);
    let folder = database.catalog().segments_folder();
    assert_eq!(database.catalog().disk().list(&folder).expect("listed"), Vec::<String>::new());
    let mut load = database.begin_load(LoadOptions::at(3)).expect("begun");
    load.csv(rows(&["FR"], 1).as_bytes(), "rows.csv").expect("read");
    load.commit().expect("committed");
    assert_eq!(content(&database.snapshot().expect("read")), (vec!["FR".to_owned()], 1));
}

#[test]
fn a_draft_stands_on_a_draft_and_cannot_be_committed() {
    let database = database();
    let base = database.snapshot().expect("read");
    let mut first = database.draft(&base, LoadOptions::at(2)).expect("begun");
    let flow = first.flow(&id()).expect("is there");
    first
        .row(flow, Action::Merge, &[Some("A"), Some("AT"), Some("2020"), Some("1")])
        .expect("good");
    let first = first.prepare().expect("prepared").snapshot().expect("a snapshot");
    let mut second = database.draft(&first, LoadOptions::at(2)).expect("begun");
    // Another writer goes on beside drafts.
    let mut load = database.begin_load(LoadOptions::at(2)).expect("begun");
    load.csv(rows(&["ZZ"], 1).as_bytes(), "rows.csv").expect("read");
    load.commit().expect("committed");
    second.csv(rows(&["AT", "BE"], 2).as_bytes(), "rows.csv").expect("read");
    let prepared = second.prepare().expect("prepared");
    assert_eq!((prepared.report().counts.inserted, prepared.report().counts.changed), (1, 1));
    let second = prepared.snapshot().expect("a snapshot");
    assert_eq!(content(&second), (vec!["AT".to_owned(), "BE".to_owned()], 2));
    assert_eq!(content(&first), (vec!["AT".to_owned()], 1));
    assert!(prepared.commit().is_err());
    assert_eq!(content(&database.snapshot().expect("read")), (vec!["ZZ".to_owned()], 1));
    assert_eq!(content(&base).1, 0);
}

#[test]
fn a_bad_row_of_a_program_is_refused() {
    let database = database();
    let base = database.snapshot().expect("read");
    let mut draft = database.draft(&base, LoadOptions::at(2)).expect("begun");
    let flow = draft.flow(&id()).expect("is there");
    let row = [Some("A"), Some("AT"), Some("2020-13"), Some("1")];
    let error = draft.row(flow, Action::Merge, &row).expect_err("no such month").to_string();
    assert!(error.contains("TIME_PERIOD"), "{error}");
}

#[test]
fn a_time_between_commits_shows_the_one_before() {
    let database = database();
    for (time, area) in [(10, "AT"), (20, "BE")] {
        let mut load = database.begin_load(LoadOptions::at(time)).expect("begun");
        load.csv(rows(&[area], 1).as_bytes(), "rows.csv").expect("read");
        load.commit().expect("committed");
    }
    let count = |time| content(&database.snapshot_as_of(time).expect("known")).1;
    assert_eq!([9, 10, 19, 20, 99].map(count), [0, 1, 1, 2, 2]);
    assert!(database.snapshot_as_of(0).is_err());
}
