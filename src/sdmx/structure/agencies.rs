//! The agencies of a scheme that is kept as XML: the one class of those that all formats write.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use crate::error::Result;
use crate::limits::STRUCTURE_BYTES_MAX;
use crate::model::Names;
use crate::sdmx::structure::named::Named;
use crate::sdmx::structure::reference::required;
use crate::sdmx::xml::Source;

/// The class of the scheme.
pub(super) const AGENCY_SCHEME: &str = "AgencyScheme";

/// An agency: who it is; how to reach it is not kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Agency {
    pub(super) id: String,
    pub(super) names: Names,
    pub(super) descriptions: Names,
}

/// Reads the agencies of an `AgencyScheme` element. What cannot be read was refused when the
/// message was, so it is passed over here.
pub(super) fn agencies(xml: &str) -> Vec<Agency> {
    let mut found = Vec::new();
    // An error ends the reading; what came before it is as good as ever.
    drop(read(xml, &mut found));
    found
}

fn read(xml: &str, found: &mut Vec<Agency>) -> Result<()> {
    let mut source = Source::new(xml.as_bytes(), AGENCY_SCHEME, STRUCTURE_BYTES_MAX)?;
    source.root()?;
    while let Some(tag) = source.child()? {
        if tag.name() != "Agency" {
            source.skip()?;
            continue;
        }
        let id = required(&source, &tag, "id")?;
        let mut named = Named::default();
        while let Some(child) = source.child()? {
            named.take(&mut source, &child)?;
        }
        let Named { names, descriptions, .. } = named;
        found.push(Agency { id, names, descriptions });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_agencies_and_passes_over_what_is_no_xml() {
        let xml = r#"<s:AgencyScheme xmlns:s="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/structure"
            xmlns:c="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/common">
            <c:Name>All</c:Name><s:Agency id="A"><c:Name xml:lang="fr">Une</c:Name><s:Contact><c:Name>
            N</c:Name></s:Contact></s:Agency><s:Agency id="B"/></s:AgencyScheme>"#;
        let names = Names::one("fr", "Une");
        let none = Names::default;
        let expected = [
            Agency { id: "A".into(), names, descriptions: none() },
            Agency { id: "B".into(), names: none(), descriptions: none() },
        ];
        assert_eq!(agencies(xml), expected);
        assert_eq!(agencies(&xml[..xml.len() - 30]), expected[..1]);
        assert_eq!(agencies("<"), []);
    }
}
