//! Dataflows and a sink for the tests of this module.

use std::sync::Arc;

use crate::error::{Error, Problem, Result};
use crate::model::{Artefact, ArtefactId, Artefacts, Attachment, Attribute, Code, Codelist};
use crate::model::{DataStructure, Dataflow, Dimension, Flow, Identity, Measure, Representation};
use crate::model::{Names, Occurs, Row};
use crate::sdmx::rows::{FlowRef, RowSink};

/// A flow without concepts. The dimension `TIME_PERIOD` or one with a `*` is that of time; ids with
/// a `+` are coded, with a `#` of several values. Attributes are `ID` (observation), `ID/` (dataflow) or `ID/D1/D2`.
pub(in crate::sdmx) fn flow(
    id: &str,
    dimensions: &[&str],
    measures: &[&str],
    attributes: &[&str],
) -> Arc<Flow> {
    let id = ArtefactId::parse(id).unwrap();
    let list = ArtefactId::new("A", "CL", "1.0");
    let named = |id: &ArtefactId| Identity::named(id.clone(), "x");
    let representation = |id: &str| {
        let codelist = id.contains('+').then(|| list.clone());
        let occurs_max = id.contains('#').then_some(Occurs::Times(9));
        Some(Representation { codelist, occurs_max, ..Default::default() })
    };
    let plain = |id: &str| id.replace(['+', '*', '#'], "");
    let dimension = |id: &&str| Dimension {
        id: plain(id),
        representation: representation(id),
        ..Dimension::default()
    };
    let is_time = |id: &&&str| id.contains('*') || **id == "TIME_PERIOD";
    let measure = |id: &&str| Measure {
        id: plain(id),
        representation: representation(id),
        ..Measure::default()
    };
    let attribute = |id: &&str| {
        let mut parts = id.split('/').map(str::to_owned);
        let name = parts.next().unwrap();
        let on: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
        let attachment = match (id.contains('/'), on.is_empty()) {
            (false, _) => Attachment::Observation,
            (true, true) => Attachment::Dataflow,
            (true, false) => Attachment::Dimensions(on),
        };
        Attribute {
            id: plain(&name),
            representation: representation(&name),
            attachment,
            ..Attribute::default()
        }
    };
    let structure = DataStructure {
        identity: named(&id),
        dimensions: dimensions.iter().filter(|id| !is_time(id)).map(dimension).collect(),
        time: dimensions.iter().find(is_time).map(dimension),
        measures: measures.iter().map(measure).collect(),
        attributes: attributes.iter().map(attribute).collect(),
        groups: Vec::new(),
    };
    let codes = vec![Code {
        id: "A".to_owned(),
        names: Names::one("en", "Annual, all"),
        ..Default::default()
    }];
    let codelist = Codelist {
        identity: named(&list),
        is_partial: false,
        codes,
        is_value_list: false,
        extensions: Vec::new(),
    };
    let dataflow = Dataflow { identity: named(&id), structure: id.clone() };
    let artefacts = Artefacts::from(vec![
        Artefact::DataStructure(structure),
        Artefact::Codelist(codelist),
        Artefact::Dataflow(dataflow),
    ]);
    Arc::new(Flow::resolve(&id, &artefacts).unwrap())
}

/// Keeps what it is given as text, one line a row.
#[derive(Debug, Default)]
pub(in crate::sdmx) struct Kept {
    pub(in crate::sdmx) flows: Vec<Arc<Flow>>,
    pub(in crate::sdmx) named: Vec<String>,
    pub(in crate::sdmx) lines: Vec<String>,
    pub(in crate::sdmx) stops: bool,
}

impl RowSink for Kept {
    fn flow(&mut self, id: &FlowRef) -> Result<Arc<Flow>> {
        self.named.push(format!("{:?} {id}", id.kind));
        let index = (self.named.len() - 1).min(self.flows.len() - 1);
        Ok(Arc::clone(&self.flows[index]))
    }

    fn row(&mut self, flow: usize, row: &Row<'_>) -> Result<()> {
        let cells: Vec<&str> = row.cells.iter().map(|cell| cell.unwrap_or("\u{2205}")).collect();
        let Row { line, action, .. } = row;
        let columns = row.columns.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        self.lines.push(format!("{line} {flow} {action:?} [{}] {columns}", cells.join("|")));
        Ok(())
    }

    fn bad_record(&mut self, problem: Problem, raw: &[u8]) -> Result<()> {
        let raw = String::from_utf8_lossy(raw);
        self.lines.push(format!("bad {problem} <{raw}>"));
        if self.stops { Err(Error::bug("stopped")) } else { Ok(()) }
    }
}
