//! Requests for the values that occur.
//!
//! Source: SDMX REST 1.5, section 4.6.1; SDMX REST 2.2.2, `doc/availability.md`.

use crate::error::{Error, Result};
use crate::model::{AvailabilityMode, AvailabilityQuery, DataSelection, References};
use crate::sdmx::request::data::{advice_v1, advice_v2, known, providers};
use crate::sdmx::request::data::{take_moment, take_selection};
use crate::sdmx::request::filter::take_start_and_end;
use crate::sdmx::request::flow::{FlowPattern, ids, list};
use crate::sdmx::request::key::{self, KeyRule};
use crate::sdmx::request::text::{Parameters, decode, not_one_of, parameter, split_encoded};

/// A request for the values that occur.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvailabilityRequest {
    /// Of which dataflows.
    pub flow: FlowPattern,
    /// How many positions its keys have.
    pub key_rule: KeyRule,
    /// The data providers asked for (REST 1.5); none of them for any.
    pub providers: Vec<String>,
    /// Which data, and which dimensions.
    pub query: AvailabilityQuery,
    /// Which artefacts come along; none of them for nothing.
    pub references: Vec<References>,
}

/// What `references` can say here.
const REFERENCES: [&str; 8] = [
    "none",
    "all",
    "datastructure",
    "conceptscheme",
    "codelist",
    "valuelist",
    "dataflow",
    "dataproviderscheme",
];

impl AvailabilityRequest {
    /// Parses what follows `/availableconstraint` in REST 1.5.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] and [`Error::Limit`] that name the parameter.
    pub(super) fn parse_v1(parts: &[&str], mut parameters: Parameters<'_>) -> Result<Self> {
        let (Some(flow), 1..=4) = (parts.first(), parts.len()) else {
            let reason = "must be /availableconstraint/{flowRef}/{key}/{providerRef}/{componentID}";
            return Err(Error::syntax("the path", reason));
        };
        let at = |index: usize| parts.get(index).copied();
        let selection = DataSelection {
            keys: key::parse_v1(at(1))?,
            filters: take_start_and_end(&mut parameters)?.into_iter().collect(),
            updated_after: take_moment(&mut parameters, "updatedAfter")?,
            reporting_year_start: None,
        };
        let components = list(at(3), "componentID", '+', ids)?;
        let mode = take_mode(&mut parameters)?;
        let references = take_references(&mut parameters, &REFERENCES)?;
        let own = ["startPeriod", "endPeriod", "updatedAfter", "mode", "references"];
        parameters.finish(&known(&own), advice_v1)?;
        Ok(Self {
            flow: FlowPattern::parse_v1(flow)?,
            key_rule: KeyRule::Whole,
            providers: providers(at(2))?,
            query: AvailabilityQuery { selection, components, mode },
            references,
        })
    }

    /// Parses what follows `/availability` in REST 2.2.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] and [`Error::Limit`] that name the parameter.
    pub(super) fn parse_v2(parts: &[&str], mut parameters: Parameters<'_>) -> Result<Self> {
        if parts.len() > 6 {
            let reason = "must be /availability/{context}/{agencyID}/{resourceID}/{version}/{key}/\
                          {componentID}";
            return Err(Error::syntax("the path", reason));
        }
        let at = |index: usize| parts.get(index).copied();
        let flow = FlowPattern::parse_v2([at(0), at(1), at(2), at(3)])?;
        let selection = take_selection(key::parse_v2(at(4))?, &mut parameters)?;
        let components = list(at(5), "componentID", ',', ids)?;
        let mode = take_mode(&mut parameters)?;
        let references = take_references(&mut parameters, &REFERENCES)?;
        let own = ["c[...]", "updatedAfter", "reportingYearStartDay", "mode", "references"];
        parameters.finish(&known(&own), advice_v2)?;
        let query = AvailabilityQuery { selection, components, mode };
        let providers = Vec::new();
        Ok(Self { flow, key_rule: KeyRule::Prefix, providers, query, references })
    }
}

fn take_mode(parameters: &mut Parameters<'_>) -> Result<AvailabilityMode> {
    match parameters.take("mode")?.as_deref() {
        None | Some("exact") => Ok(AvailabilityMode::Exact),
        Some("available") => Ok(AvailabilityMode::Available),
        Some(other) => Err(not_one_of(parameter("mode"), other, &["exact", "available"])),
    }
}

/// `references`, of which only some words are `allowed`. Several are joined by commas, or by `+` as
/// elsewhere in REST 1.5.
pub(super) fn take_references(
    parameters: &mut Parameters<'_>,
    allowed: &[&str],
) -> Result<Vec<References>> {
    let Some(raw) = parameters.take_raw("references") else { return Ok(Vec::new()) };
    let at = parameter("references");
    let mut all = Vec::new();
    for raw in split_encoded(raw, ',').into_iter().flat_map(|raw| split_encoded(raw, '+')) {
        let word = decode(raw, &at)?;
        let parsed = References::parse(&word)
            .filter(|_| allowed.is_empty() || allowed.contains(&word.as_str()));
        let parsed = parsed.ok_or_else(|| {
            if !allowed.is_empty() {
                return not_one_of(at.clone(), &word, allowed);
            }
            let words = "none, parents, parentsandsiblings, ancestors, children, descendants, all, \
                         or a kind of artefact such as codelist";
            Error::syntax(at.clone(), format!("is {word:?}; it can be {words}"))
        })?;
        all.extend(parsed);
    }
    Ok(all)
}
