//! A flow with two measures, which SDMX-ML 2.1 cannot describe.

use sdmxdb::model::{Artefact, ArtefactId, Attachment, Attribute, DataStructure, Dataflow};
use sdmxdb::model::{Dimension, Identity, Measure, Representation, TextType};

/// `T:TWO(1.0)`: two dimensions, time, and the measures `OBS_VALUE` and `OBS_COUNT`.
pub(crate) fn artefacts() -> Vec<Artefact> {
    let id = ArtefactId::new("T", "TWO", "1.0");
    let text = |text_type| {
        Some(Representation { text_type: Some(text_type), ..Representation::default() })
    };
    let dimension = |id: &str| Dimension {
        id: id.to_owned(),
        representation: text(TextType::Text),
        ..Dimension::default()
    };
    let measure = |id: &str| Measure {
        id: id.to_owned(),
        representation: text(TextType::Decimal),
        ..Measure::default()
    };
    let status = Attribute {
        id: "OBS_STATUS".to_owned(),
        representation: text(TextType::Text),
        attachment: Attachment::Observation,
        ..Attribute::default()
    };
    let structure = DataStructure {
        identity: Identity::named(id.clone(), "Two measures"),
        dimensions: vec![dimension("FREQ"), dimension("AREA")],
        time: Some(dimension("TIME_PERIOD")),
        measures: vec![measure("OBS_VALUE"), measure("OBS_COUNT")],
        attributes: vec![status],
        groups: Vec::new(),
    };
    let identity = Identity::named(id.clone(), "Two measures");
    let flow = Dataflow { identity, structure: id };
    vec![Artefact::DataStructure(structure), Artefact::Dataflow(flow)]
}
