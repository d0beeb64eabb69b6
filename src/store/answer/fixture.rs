//! Small cubes for the tests of answers, and what a writer was told.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use crate::disk::MemoryDisk;
use crate::model::{Artefact, ArtefactId, Attachment, Attribute, Cell, ComponentFilter, DataQuery};
use crate::model::{DataStructure, Dataflow, Dimension, Identity, Measure, Operator, Term};
use crate::sdmx::data::{DataSet, DataWriter};
use crate::store::{DataAnswer, Database, LoadOptions, Snapshot, Written};

pub(in crate::store) const FLOW: &str = "A:F(1.0)";

/// The structure of the cubes: attributes of every level.
pub(in crate::store) const HEADER: &str = "DATAFLOW,FREQ,AREA,ITEM,TIME_PERIOD,OBS_VALUE,COUNT,STATUS,NOTE,\
                                 TITLE,UNIT,REPORTING_YEAR_START_DAY,SOURCE";

pub(in crate::store) fn id() -> ArtefactId {
    ArtefactId::parse(FLOW).expect("an identifier")
}

fn artefacts(has_time: bool) -> Vec<Artefact> {
    let identity = Identity::named(id(), "x");
    let dimension = |id: &str| Dimension { id: id.to_owned(), ..Default::default() };
    let measure = |id: &str| Measure { id: id.to_owned(), ..Default::default() };
    let on = |ids: &[&str]| Attachment::Dimensions(ids.iter().map(|i| (*i).to_owned()).collect());
    let attribute = |id: &str, attachment: Attachment| Attribute {
        id: id.to_owned(),
        attachment,
        ..Default::default()
    };
    let structure = DataStructure {
        identity: identity.clone(),
        dimensions: ["FREQ", "AREA", "ITEM"].map(dimension).to_vec(),
        time: has_time.then(|| dimension("TIME_PERIOD")),
        measures: ["OBS_VALUE", "COUNT"].map(measure).to_vec(),
        attributes: vec![
            attribute("STATUS", Attachment::Observation),
            attribute("NOTE", Attachment::Observation),
            attribute("TITLE", on(&["FREQ", "AREA", "ITEM"])),
            attribute("UNIT", on(&["AREA", "ITEM"])),
            attribute("REPORTING_YEAR_START_DAY", on(&["AREA"])),
            attribute("SOURCE", Attachment::Dataflow),
        ],
        groups: Vec::new(),
    };
    let dataflow = Dataflow { identity, structure: id() };
    vec![Artefact::DataStructure(structure), Artefact::Dataflow(dataflow)]
}

/// A database after these loads: rows as in [`HEADER`], without the identifier of the dataflow.
pub(in crate::store) fn database(has_time: bool, loads: &[Vec<String>]) -> Database {
    let disk = Arc::new(MemoryDisk::new());
    let database = Database::open_or_create_on(disk, "/db").expect("a new database");
    let mut load = database.begin_load(LoadOptions::at(1)).expect("begun");
    load.structures(artefacts(has_time)).expect("sound");
    load.commit().expect("committed");
    let header = if has_time { HEADER.to_owned() } else { HEADER.replace("TIME_PERIOD,", "") };
    for (time, rows) in (10..).zip(loads) {
        let mut load = database.begin_load(LoadOptions::at(time)).expect("begun");
        let mut text = header.clone();
        for row in rows {
            write!(text, "\n{FLOW},{row}").expect("into a string");
        }
        load.csv(text.as_bytes(), "rows.csv").unwrap_or_else(|error| panic!("{error}\n{text}"));
        load.commit().expect("committed");
    }
    database
}

/// `ge:2020+le:2021,2010` as a filter.
pub(super) fn filter(component: &str, text: &str) -> ComponentFilter {
    let operators = [
        ("eq", Operator::Equal),
        ("ne", Operator::NotEqual),
        ("lt", Operator::Less),
        ("le", Operator::LessOrEqual),
        ("gt", Operator::Greater),
        ("ge", Operator::GreaterOrEqual),
        ("co", Operator::Contains),
        ("nc", Operator::ContainsNot),
        ("sw", Operator::StartsWith),
        ("ew", Operator::EndsWith),
    ];
    let term = |term: &str| {
        let parsed = term.split_once(':').and_then(|(name, value)| {
            let found = operators.iter().find(|(known, _)| *known == name)?;
            Some(Term { operator: found.1, value: value.to_owned() })
        });
        parsed.unwrap_or(Term { operator: Operator::Equal, value: term.to_owned() })
    };
    let any_of = text.split(',').map(|all_of| all_of.split('+').map(term).collect()).collect();
    ComponentFilter { component: component.to_owned(), any_of }
}

/// What a writer was told, a line a call: absent cells are `~`.
#[derive(Default)]
pub(super) struct Told {
    pub(super) partials: Vec<String>,
    pub(super) series: Vec<String>,
    /// Observations, each with the number of its series.
    pub(super) observations: Vec<(usize, String)>,
    /// The data sets after the first, each with the number of observations before it.
    pub(super) sets: Vec<(usize, DataSet)>,
    pub(super) is_finished: bool,
    /// Refuses observations from this one on.
    pub(super) refuses_after: Option<usize>,
}

fn line(cells: &[Cell<'_>]) -> String {
    cells.iter().map(|cell| cell.unwrap_or("~")).collect::<Vec<_>>().join("|")
}

impl DataWriter for Told {
    fn begin(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn partial(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        let is_first = self.series.is_empty() || !self.sets.is_empty();
        assert!(is_first, "partial keys come first");
        self.partials.push(line(cells));
        Ok(())
    }

    fn series(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.series.push(line(cells));
        Ok(())
    }

    fn observation(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        if self.refuses_after.is_some_and(|count| self.observations.len() >= count) {
            return Err(io::Error::other("gone"));
        }
        self.observations.push((self.series.len(), line(cells)));
        Ok(())
    }

    fn next_set(&mut self, set: &DataSet) -> io::Result<()> {
        self.sets.push((self.observations.len(), *set));
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.is_finished = true;
        Ok(())
    }
}

/// What an answer tells a writer.
pub(super) fn ask(snapshot: &Arc<Snapshot>, query: &DataQuery) -> (DataAnswer, Told, Written) {
    let answer = DataAnswer::open(snapshot, &id(), query).expect("a sound query");
    let mut told = Told::default();
    let written = answer.write(&mut told).expect("a writer that takes all");
    assert!(told.is_finished);
    (answer, told, written)
}
