//! References between artefacts: `Ref` elements, URNs, and identifiers as plain text.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::io::BufRead;

use crate::error::Result;
use crate::limits::CODE_BYTES_MAX;
use crate::model::ArtefactId;
use crate::sdmx::rows::{FlowKind, FlowRef};
use crate::sdmx::xml::Place;
use crate::sdmx::xml::{Source, Tag};

/// The version of an artefact for which a message gives none.
const DEFAULT_VERSION: &str = "1.0";

/// A reference as a message gives it.
#[derive(Debug)]
pub(in crate::sdmx) struct Reference {
    /// The class of what is referred to, such as `Codelist`, where it is said.
    pub(super) class: Option<String>,
    agency: Option<String>,
    /// The artefact that holds an item, where an item is referred to.
    parent: Option<String>,
    version: Option<String>,
    id: String,
    at: Place,
}

impl Reference {
    /// Reads the `Ref` or `URN` in the current element (2.1), or the URN or identifier that is its
    /// text (3.x), up to its end.
    pub(in crate::sdmx) fn read<R: BufRead>(
        source: &mut Source<'_, R>,
        within: &Tag,
    ) -> Result<Self> {
        let mut found: Option<Self> = None;
        source.begin_text();
        while let Some(tag) = source.child()? {
            match tag.name() {
                "Ref" => {
                    found = Some(Self::of_tag(source, &tag)?);
                    source.skip()?;
                }
                "URN" => {
                    let urn = source.text()?;
                    let parsed = Self::of_urn(source, &urn, tag.at)?;
                    found = found.or(Some(parsed));
                }
                _ => source.skip()?,
            }
        }
        let text = source.end_text();
        match found {
            Some(found) => Ok(found),
            None if text.starts_with("urn:") => Self::of_urn(source, &text, within.at),
            None if text.is_empty() => {
                let reason =
                    format!("{} refers to nothing: it has neither Ref nor URN", within.local());
                Err(source.error(within.at, reason))
            }
            None => Ok(Self {
                class: None,
                agency: None,
                parent: None,
                version: None,
                id: checked(source, within, "identifier", &text)?,
                at: within.at,
            }),
        }
    }

    fn of_urn<R: BufRead>(source: &Source<'_, R>, urn: &str, at: Place) -> Result<Self> {
        let reason = || format!("{urn:?} is no URN of SDMX");
        Self::parse_urn(urn, at).ok_or_else(|| source.error(at, reason()))
    }

    fn of_tag<R: BufRead>(source: &Source<'_, R>, tag: &Tag) -> Result<Self> {
        let text = |name: &str| tag.attribute(name).map(|value| value.trim().to_owned());
        Ok(Self {
            class: text("class"),
            agency: text("agencyID"),
            parent: text("maintainableParentID"),
            version: text("maintainableParentVersion").or(text("version")),
            id: required(source, tag, "id")?,
            at: tag.at,
        })
    }

    /// Parses `urn:sdmx:org.sdmx.infomodel.codelist.Code=ECB:CL_FREQ(1.0).A`.
    fn parse_urn(urn: &str, at: Place) -> Option<Self> {
        let (class, rest) = urn.strip_prefix("urn:sdmx:")?.split_once('=')?;
        let (agency, rest) = rest.split_once(':')?;
        let (id, rest) = rest.split_once('(')?;
        let (version, item) = rest.split_once(')')?;
        let class = class.rsplit('.').next().map(str::to_owned);
        let (agency, version) = (Some(agency.to_owned()), Some(version.to_owned()));
        let id = id.to_owned();
        Some(match item.strip_prefix('.') {
            Some(item) => {
                Self { class, agency, parent: Some(id), version, id: item.to_owned(), at }
            }
            None => Self { class, agency, parent: None, version, id, at },
        })
    }

    /// The maintainable artefact referred to.
    pub(super) fn artefact<R: BufRead>(&self, source: &Source<'_, R>) -> Result<ArtefactId> {
        self.id_of(source, self.parent.as_deref().unwrap_or(&self.id))
    }

    /// What data are published under: an artefact of this kind, where the reference says no other.
    /// A version that is a pattern (`1+.0.0`) is none.
    pub(in crate::sdmx) fn flow<R: BufRead>(
        self,
        source: &Source<'_, R>,
        kind: FlowKind,
    ) -> Result<FlowRef> {
        let kind = match self.class.as_deref() {
            Some("DataStructure") => FlowKind::DataStructure,
            Some("Dataflow") => FlowKind::Dataflow,
            Some("ProvisionAgreement") => FlowKind::ProvisionAgreement,
            _ => kind,
        };
        let reason = "the reference names no agencyID";
        let agency = self.agency.ok_or_else(|| source.error(self.at, reason))?;
        let version = self.version.filter(|version| !version.contains(['+', '*', '~']));
        Ok(FlowRef { kind, agency, id: self.id, version })
    }

    /// The item referred to, and the artefact that holds it.
    pub(super) fn item<R: BufRead>(self, source: &Source<'_, R>) -> Result<(ArtefactId, String)> {
        let reason = "the reference names no maintainableParentID";
        let parent = self.parent.as_deref().ok_or_else(|| source.error(self.at, reason))?;
        Ok((self.id_of(source, parent)?, self.id))
    }

    /// The item referred to, where the artefact is known from the place.
    pub(super) fn local(self) -> String {
        self.id
    }

    fn id_of<R: BufRead>(&self, source: &Source<'_, R>, id: &str) -> Result<ArtefactId> {
        let agency = self.agency.as_deref();
        let agency = agency.ok_or_else(|| source.error(self.at, "the reference names no agencyID"));
        let version = self.version.as_deref().unwrap_or(DEFAULT_VERSION);
        Ok(ArtefactId::new(agency?, id, version))
    }
}

/// The identifier of a maintainable artefact, from its tag.
pub(super) fn artefact_id<R: BufRead>(source: &Source<'_, R>, tag: &Tag) -> Result<ArtefactId> {
    let version = tag.attribute("version").map_or(DEFAULT_VERSION, str::trim);
    let (agency, id) = (required(source, tag, "agencyID")?, required(source, tag, "id")?);
    Ok(ArtefactId::new(agency, id, version))
}

/// An attribute that must be there: an identifier.
pub(super) fn required<R: BufRead>(
    source: &Source<'_, R>,
    tag: &Tag,
    name: &str,
) -> Result<String> {
    let value = tag.attribute(name).map_or("", str::trim);
    if value.is_empty() {
        return Err(source.error(tag.at, format!("{} has no {name}", tag.local())));
    }
    checked(source, tag, name, value)
}

/// An identifier that is not too long.
fn checked<R: BufRead>(
    source: &Source<'_, R>,
    tag: &Tag,
    name: &str,
    value: &str,
) -> Result<String> {
    if value.len() > CODE_BYTES_MAX {
        let reason = format!("the {name} has {} bytes; the limit is {CODE_BYTES_MAX}", value.len());
        return Err(source.error(tag.at, reason));
    }
    Ok(value.to_owned())
}
