//! Which dataflows a request for data or availability means.

use crate::error::{Error, Result};
use crate::model::{VersionChoice, VersionPattern};
use crate::sdmx::request::text::{decode, not_one_of, part, split_encoded};

/// What kind of artefact the data are asked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowContext {
    /// `dataflow`.
    Dataflow,
    /// `datastructure`: every dataflow of the structure.
    DataStructure,
    /// `provisionagreement`.
    ProvisionAgreement,
    /// `*`: any of these.
    Any,
}

impl FlowContext {
    /// The contexts, and how they are written.
    const ALL: [(&str, Self); 4] = [
        ("dataflow", Self::Dataflow),
        ("datastructure", Self::DataStructure),
        ("provisionagreement", Self::ProvisionAgreement),
        ("*", Self::Any),
    ];
}

/// Which dataflows are meant: several may match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowPattern {
    /// The kind of artefact that the other parts name.
    pub context: FlowContext,
    /// The agencies; none of them for any.
    pub agencies: Vec<String>,
    /// The identifiers; none of them for any.
    pub ids: Vec<String>,
    /// The versions, of which one must match.
    pub versions: Vec<VersionPattern>,
}

impl FlowPattern {
    /// Parses `AGENCY,ID,VERSION` of REST 1.5. Of one part it is the identifier, of two agency and
    /// identifier; the version is then the latest.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] for other texts.
    pub fn parse_v1(text: &str) -> Result<Self> {
        let at = part("flowRef");
        let parts = split_encoded(text, ',').into_iter().map(|part| decode(part, &at));
        let parts = parts.collect::<Result<Vec<_>>>()?;
        let (agency, id, version) = match parts.as_slice() {
            [id] => ("all", id.as_str(), "latest"),
            [agency, id] => (agency.as_str(), id.as_str(), "latest"),
            [agency, id, version] => (agency.as_str(), id.as_str(), version.as_str()),
            _ => return Err(Error::syntax(at, "has more than three parts: AGENCY,ID,VERSION")),
        };
        let version = if version.is_empty() { "latest" } else { version };
        Ok(Self {
            context: FlowContext::Dataflow,
            agencies: agencies(agency, &at)?,
            ids: ids(id, &at)?,
            versions: VersionPattern::parse_v1(version)?,
        })
    }

    /// Parses the parts `context`, `agencyID`, `resourceID` and `version` of REST 2.2; those that
    /// are left out, or empty, are `*`.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] that names the part.
    pub fn parse_v2(parts: [Option<&str>; 4]) -> Result<Self> {
        let [context, agency, id, version] = parts.map(|part| part.filter(|p| !p.is_empty()));
        let context = decode(context.unwrap_or("*"), "path part context")?;
        let known = FlowContext::ALL.iter().find(|(known, _)| *known == context);
        let Some((_, context)) = known else {
            let allowed = FlowContext::ALL.map(|(name, _)| name);
            return Err(not_one_of(part("context"), &context, &allowed));
        };
        let versions = match version {
            None => vec![VersionPattern::Any(VersionChoice::All)],
            Some(text) => VersionPattern::parse_v2(&decode(text, &part("version"))?)?,
        };
        Ok(Self {
            context: *context,
            agencies: list(agency, "agencyID", ',', agencies)?,
            ids: list(id, "resourceID", ',', ids)?,
            versions,
        })
    }

    /// Whether the request names the artefact, so that what does not fit it is an error of the
    /// request; not so where it looks through all there are.
    pub fn is_named(&self) -> bool {
        !self.ids.is_empty()
    }
}

/// Several agencies, identifiers or other words in one part of a path; none of them for all.
pub(super) fn list(
    text: Option<&str>,
    name: &str,
    separator: char,
    check: fn(&str, &str) -> Result<Vec<String>>,
) -> Result<Vec<String>> {
    let at = part(name);
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for text in split_encoded(text, separator) {
        let found = check(&decode(text, &at)?, &at)?;
        if found.is_empty() {
            return Ok(found);
        }
        all.extend(found);
    }
    Ok(all)
}

/// One agency, or none for all of them. Clients write `all`, `ALL` and `*`.
pub(super) fn agencies(text: &str, at: &str) -> Result<Vec<String>> {
    if text == "*" || text.eq_ignore_ascii_case("all") {
        return Ok(Vec::new());
    }
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    };
    if !text.split('.').all(is_part) {
        let reason = format!("is {text:?}; an agency is like ECB or ECB.DISS, all of them are *");
        return Err(Error::syntax(at, reason));
    }
    Ok(vec![text.to_owned()])
}

/// One identifier, or none for all.
pub(super) fn ids(text: &str, at: &str) -> Result<Vec<String>> {
    if text == "*" || text == "all" {
        return Ok(Vec::new());
    }
    if !is_id(text) {
        let reason = format!("is {text:?}; an id has letters, digits, _, -, @ and $");
        return Err(Error::syntax(at, reason));
    }
    Ok(vec![text.to_owned()])
}

/// Whether a text is an identifier of SDMX.
pub(super) fn is_id(text: &str) -> bool {
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '@' | '$');
    !text.is_empty() && text.chars().all(is_good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_one_to_three_parts() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let found = FlowPattern::parse_v1(text).ok();
            let found = found.map(|flow| (flow.agencies.join("+"), flow.ids.join("+")));
            let expected = expected.map(|(agency, id)| (agency.to_owned(), id.to_owned()));
            assert_eq!(found, expected, "{text}");
        };
        check("EXR", Some(("", "EXR")));
        check("ECB,EXR", Some(("ECB", "EXR")));
        check("ECB.DISS,EXR,1.0", Some(("ECB.DISS", "EXR")));
        check("ECB%2CEXR%2C1.0", Some(("ECB", "EXR")));
        check("all,EXR,latest", Some(("", "EXR")));
        check("ECB,EXR,1.0,x", None);
        check("ECB,E XR", None);
        check("1,EXR", None);
        check("ECB,EXR,+", None);
        check("", None);
    }

    #[test]
    fn parts_left_out_are_wildcards() {
        let check = |parts: [Option<&str>; 4]| FlowPattern::parse_v2(parts);
        let all = check([None, None, None, None]).expect("parses");
        assert!(all.context == FlowContext::Any && !all.is_named());
        let some = check([Some("dataflow"), Some("ECB,BIS"), Some("EXR"), Some("%2B")]);
        let some = some.expect("parses");
        assert_eq!(some.agencies, ["ECB", "BIS"]);
        assert!(some.is_named());
        assert!(check([Some("codelist"), None, None, None]).is_err());
        assert!(check([Some("dataflow"), Some("all"), Some("E.R"), None]).is_err());
    }
}
