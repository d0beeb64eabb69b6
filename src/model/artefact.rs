//! What identifies, names and annotates an artefact.
//!
//! Source: SDMX 2.1 section 2, "Information Model", chapter 3 (the SDMX base package).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Identifies a maintainable artefact, as in `ECB:EXR(1.0)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ArtefactId {
    /// The maintenance agency, with its sub-agencies, as in `ECB.DISS`.
    pub agency: String,
    /// The identifier within the agency.
    pub id: String,
    /// The version, as written.
    pub version: String,
}

impl ArtefactId {
    /// The artefact `agency:id(version)`.
    pub fn new(
        agency: impl Into<String>,
        id: impl Into<String>,
        version: impl Into<String>,
    ) -> Self {
        Self { agency: agency.into(), id: id.into(), version: version.into() }
    }

    /// Parses `AGENCY:ID(VERSION)`; without a version, version `1.0` (the default of SDMX 2.1).
    pub fn parse(text: &str) -> Option<Self> {
        let (agency, rest) = text.trim().split_once(':')?;
        let (id, version) = match rest.split_once('(') {
            Some((id, version)) => (id, version.strip_suffix(')')?),
            None => (rest, "1.0"),
        };
        let plain = |part: &str| !part.is_empty() && !part.contains([':', '(', ')', ' ', ',']);
        (plain(agency) && plain(id) && plain(version)).then(|| Self::new(agency, id, version))
    }
}

impl fmt::Display for ArtefactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}({})", self.agency, self.id, self.version)
    }
}

/// A text in several languages, in the order of the message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names(pub Vec<(String, String)>);

impl Names {
    /// One text in one language.
    pub fn one(language: impl Into<String>, text: impl Into<String>) -> Self {
        Self(vec![(language.into(), text.into())])
    }

    /// The text in `language` (`fr`, or `fr-CH`, which falls back to `fr`), else in English, else
    /// the first. Absent if there is no text at all.
    ///
    /// Source: RFC 4647 section 3.4, "Lookup".
    pub fn best(&self, language: &str) -> Option<&str> {
        let primary = language.split('-').next().unwrap_or(language);
        [language, primary, "en"]
            .into_iter()
            .find_map(|wanted| self.exact(wanted))
            .or_else(|| self.0.first().map(|(_, text)| text.as_str()))
    }

    /// The text in exactly this language; languages differ not by case.
    pub fn exact(&self, language: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(language));
        found.map(|(_, text)| text.as_str())
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A note that an agency attached to an artefact or item. All are kept; some steer portals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// The identifier, where there is one.
    pub id: Option<String>,
    /// `AnnotationType`, such as `NOT_DISPLAYED`.
    pub kind: Option<String>,
    /// `AnnotationTitle`.
    pub title: Option<String>,
    /// `AnnotationURL`; of several, by language (SDMX 3.0), the first.
    pub url: Option<String>,
    /// `AnnotationValue` (SDMX 3.0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// `AnnotationText`, by language.
    pub texts: Names,
}

/// What every maintainable artefact carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The identifier.
    pub id: ArtefactId,
    /// Its names.
    pub names: Names,
    /// Its descriptions.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub descriptions: Names,
    /// Its annotations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
    /// Whether the agency declared it final (2.1) or the version is a stable one.
    #[serde(default)]
    pub is_final: bool,
    /// `validFrom`, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<String>,
    /// `validTo`, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<String>,
    /// `uri`: where more is said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// `structureURL`: where it can be had as a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structure_url: Option<String>,
    /// `serviceURL`: the service that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_url: Option<String>,
}

impl Identity {
    /// An identity with one English name and nothing else.
    pub fn named(id: ArtefactId, name: &str) -> Self {
        Self {
            id,
            names: Names::one("en", name),
            descriptions: Names::default(),
            annotations: Vec::new(),
            is_final: false,
            valid_from: None,
            valid_to: None,
            uri: None,
            structure_url: None,
            service_url: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_formats_references() {
        let check = |text: &str, expected: Option<&str>| {
            let found = ArtefactId::parse(text).map(|id| id.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("ECB:EXR(1.0)", Some("ECB:EXR(1.0)"));
        check("ECB.DISS:EXR(1.0.0-draft)", Some("ECB.DISS:EXR(1.0.0-draft)"));
        check("ECB:EXR", Some("ECB:EXR(1.0)"));
        check("EXR(1.0)", None);
        check("ECB:EXR(1.0", None);
        check("ECB:(1.0)", None);
    }

    #[test]
    fn falls_back_to_the_primary_language_then_to_english() {
        let names = Names(vec![
            ("de".into(), "Wechselkurse".into()),
            ("en".into(), "Exchange rates".into()),
            ("fr".into(), "Taux de change".into()),
        ]);
        assert_eq!(names.best("fr-CH"), Some("Taux de change"));
        assert_eq!(names.best("it"), Some("Exchange rates"));
        assert_eq!(Names::default().best("en"), None);
    }
}
