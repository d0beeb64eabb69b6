//! Which dataflow a message means.

use crate::error::{Error, Result};
use crate::model::{Artefact, ArtefactId, Artefacts};
use crate::sdmx::rows::{FlowKind, FlowRef};
use crate::sdmx::structure::flow_of_agreement;

/// Dataflows that an error names; the rest are counted.
const NAMED: usize = 8;

/// Finds the dataflow that a message means. Of several that fit, it is `chosen`.
///
/// # Errors
///
/// [`Error::NotFound`] if none fits; [`Error::Invalid`] if several do and none is chosen.
pub(super) fn resolve(
    wanted: &FlowRef,
    all: &Artefacts,
    chosen: Option<&ArtefactId>,
) -> Result<ArtefactId> {
    let fits = |id: &ArtefactId| {
        id.agency == wanted.agency
            && id.id == wanted.id
            && wanted.version.as_ref().is_none_or(|version| id.version == *version)
    };
    if wanted.kind == FlowKind::ProvisionAgreement
        && let Some(flow) = agreed(all, fits)?
    {
        return Ok(flow);
    }
    let is_structure = wanted.kind == FlowKind::DataStructure;
    let found: Vec<&ArtefactId> = all
        .dataflows()
        .filter(|flow| fits(if is_structure { &flow.structure } else { &flow.identity.id }))
        .map(|flow| &flow.identity.id)
        .collect();
    let chosen = chosen.filter(|chosen| found.contains(chosen));
    match (found.as_slice(), chosen) {
        ([only], _) => Ok((*only).clone()),
        (_, Some(chosen)) => Ok(chosen.clone()),
        ([], _) => {
            let kind = if is_structure { "dataflow of data structure" } else { "dataflow" };
            let advice = "load its structure first, or together with the data";
            Err(Error::not_found(kind, format!("{wanted} ({advice})")))
        }
        (several, None) => {
            let names: Vec<String> = several.iter().take(NAMED).map(ToString::to_string).collect();
            let (count, names) = (several.len(), names.join(", "));
            let more = if count > NAMED { ", ..." } else { "" };
            let reason = format!(
                "{count} dataflows fit: {names}{more}; say which the data belong to (--dataflow)"
            );
            Err(Error::invalid(wanted.to_string(), reason))
        }
    }
}

/// The dataflow of the provision agreement that fits. Without the agreement, the dataflow of the
/// same name is meant.
fn agreed(all: &Artefacts, fits: impl Fn(&ArtefactId) -> bool) -> Result<Option<ArtefactId>> {
    for artefact in all.iter() {
        if let Artefact::Other { class, identity, xml } = artefact
            && class == "ProvisionAgreement"
            && fits(&identity.id)
        {
            return flow_of_agreement(xml);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Dataflow, Identity};

    fn flow(id: &str) -> Artefact {
        let identity = Identity::named(ArtefactId::parse(id).expect("an identifier"), "x");
        Artefact::Dataflow(Dataflow { identity, structure: ArtefactId::new("A", "DSD", "1.0") })
    }

    #[test]
    fn finds_the_one_dataflow_that_is_meant() {
        let schema = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/structure";
        let agreement = Artefact::Other {
            class: "ProvisionAgreement".to_owned(),
            identity: Identity::named(ArtefactId::new("A", "PA", "1.0"), "x"),
            xml: format!(
                "<s:ProvisionAgreement xmlns:s='{schema}' agencyID='A' id='PA'><s:StructureUsage>\
                 <Ref agencyID='A' id='F' version='2.0'/></s:StructureUsage></s:ProvisionAgreement>"
            ),
        };
        let all = Artefacts::from(vec![flow("A:F(1.0)"), flow("A:F(2.0)"), agreement]);
        let check = |kind, id: &str, version: Option<&str>, chosen: &str, expected: &str| {
            let (agency, id) = ("A".to_owned(), id.to_owned());
            let wanted = FlowRef { kind, agency, id, version: version.map(str::to_owned) };
            let chosen = ArtefactId::parse(chosen);
            let found = match resolve(&wanted, &all, chosen.as_ref()) {
                Ok(id) => id.to_string(),
                Err(error) => error.to_string(),
            };
            assert_eq!(found, expected);
        };
        check(FlowKind::Dataflow, "F", Some("1.0"), "", "A:F(1.0)");
        check(FlowKind::Dataflow, "F", None, "A:F(2.0)", "A:F(2.0)");
        check(FlowKind::ProvisionAgreement, "PA", None, "", "A:F(2.0)");
        check(FlowKind::ProvisionAgreement, "F", Some("1.0"), "", "A:F(1.0)");
        check(FlowKind::DataStructure, "DSD", None, "A:F(1.0)", "A:F(1.0)");
        let several =
            "2 dataflows fit: A:F(1.0), A:F(2.0); say which the data belong to (--dataflow)";
        check(FlowKind::DataStructure, "DSD", None, "", &format!("A:DSD: {several}"));
        check(FlowKind::Dataflow, "F", None, "A:G(1.0)", &format!("A:F: {several}"));
        let none = "dataflow A:G (load its structure first, or together with the data) not found";
        check(FlowKind::Dataflow, "G", None, "", none);
    }
}
