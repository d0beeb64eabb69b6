//! Requests for data.
//!
//! Source: SDMX REST 1.5, section 4.4; SDMX REST 2.2.2, `doc/data.md`.

use crate::error::{Error, Result};
use crate::model::{AtObservation, DataQuery, DataSelection, Period, ReportingYearStart, Wanted};
use crate::sdmx::request::filter::{take_filters, take_start_and_end};
use crate::sdmx::request::flow::{FlowPattern, is_id};
use crate::sdmx::request::key::{self, KeyRule};
use crate::sdmx::request::preferences::PREFERENCES;
use crate::sdmx::request::text::{Parameters, decode, not_one_of, parameter, part, split_encoded};

/// A request for data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataRequest {
    /// Of which dataflows.
    pub flow: FlowPattern,
    /// How many positions its keys have.
    pub key_rule: KeyRule,
    /// The data providers asked for (REST 1.5); none of them for any.
    pub providers: Vec<String>,
    /// Which data, and what of them.
    pub query: DataQuery,
}

/// The parameters of REST 1.5, but for those of every resource.
const KNOWN_V1: [&str; 8] = [
    "startPeriod",
    "endPeriod",
    "updatedAfter",
    "firstNObservations",
    "lastNObservations",
    "dimensionAtObservation",
    "detail",
    "includeHistory",
];

/// The parameters of REST 2.2, but for those of every resource.
const KNOWN_V2: [&str; 13] = [
    "c[...]",
    "updatedAfter",
    "firstNObservations",
    "lastNObservations",
    "dimensionAtObservation",
    "attributes",
    "measures",
    "includeHistory",
    "offset",
    "limit",
    "sort",
    "asOf",
    "reportingYearStartDay",
];

impl DataRequest {
    /// Parses what follows `/data` in REST 1.5.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] and [`Error::Limit`] that name the parameter; [`Error::Unsupported`] for
    /// what the standard has and this database has not.
    pub(super) fn parse_v1(parts: &[&str], mut parameters: Parameters<'_>) -> Result<Self> {
        let (flow, key, provider) = match *parts {
            [flow] => (flow, None, None),
            [flow, key] => (flow, Some(key), None),
            [flow, key, provider] => (flow, Some(key), Some(provider)),
            _ => {
                let reason = "must be /data/{flowRef}/{key}/{providerRef}, the last two optional";
                return Err(Error::syntax("the path", reason));
            }
        };
        let keys = key::parse_v1(key)?;
        let filters = take_start_and_end(&mut parameters)?.into_iter().collect();
        let updated_after = take_moment(&mut parameters, "updatedAfter")?;
        let selection = DataSelection { keys, filters, updated_after, reporting_year_start: None };
        let (attributes, measures) = take_detail(&mut parameters)?;
        let mut query = DataQuery { selection, attributes, measures, ..DataQuery::default() };
        take_common(&mut parameters, &mut query)?;
        parameters.finish(&known(&KNOWN_V1), advice_v1)?;
        let flow = FlowPattern::parse_v1(flow)?;
        Ok(Self { flow, key_rule: KeyRule::Whole, providers: providers(provider)?, query })
    }

    /// Parses what follows `/data` in REST 2.2.
    ///
    /// # Errors
    ///
    /// Those of [`DataRequest::parse_v1`].
    pub(super) fn parse_v2(parts: &[&str], mut parameters: Parameters<'_>) -> Result<Self> {
        if parts.len() > 5 {
            let reason = "must be /data/{context}/{agencyID}/{resourceID}/{version}/{key}";
            return Err(Error::syntax("the path", reason));
        }
        let at = |index: usize| parts.get(index).copied();
        let flow = FlowPattern::parse_v2([at(0), at(1), at(2), at(3)])?;
        let selection = take_selection(key::parse_v2(at(4))?, &mut parameters)?;
        let mut query = DataQuery { selection, ..DataQuery::default() };
        query.attributes = take_attributes(&mut parameters)?;
        query.measures = take_measures(&mut parameters)?;
        query.offset = take_count(&mut parameters, "offset", 0)?.unwrap_or(0);
        query.limit = take_count(&mut parameters, "limit", 1)?;
        take_common(&mut parameters, &mut query)?;
        query.as_of = take_moment(&mut parameters, "asOf")?;
        if let (Some(as_of), Some(after)) = (query.as_of, query.selection.updated_after)
            && after > as_of
        {
            let reason = "is later than asOf: nothing is known then of what changes after";
            return Err(Error::syntax(parameter("updatedAfter"), reason));
        }
        if parameters.take("sort")?.is_some() {
            let what = "query parameter sort (data come by key, then by period)".to_owned();
            return Err(Error::Unsupported { what });
        }
        parameters.finish(&known(&KNOWN_V2), advice_v2)?;
        Ok(Self { flow, key_rule: KeyRule::Prefix, providers: Vec::new(), query })
    }
}

/// Parameters of one resource, and those of every resource.
pub(super) fn known(own: &[&'static str]) -> Vec<&'static str> {
    own.iter().copied().chain(PREFERENCES).collect()
}

/// What users of version 2 may look for in version 1.
pub(super) fn advice_v1(name: &str) -> Option<&'static str> {
    let is_filter = name.starts_with("c[");
    is_filter.then_some("filters are known in version 2 of the interface, under /sdmx/v2")
}

/// What users of version 1 may look for in version 2.
pub(super) fn advice_v2(name: &str) -> Option<&'static str> {
    match name {
        "startPeriod" | "endPeriod" => Some("write c[TIME_PERIOD]=ge:2020+le:2022"),
        "detail" => Some("write attributes= and measures="),
        _ => None,
    }
}

/// The selection of REST 2.2, for data and availability.
pub(super) fn take_selection(
    keys: Vec<Vec<Vec<String>>>,
    parameters: &mut Parameters<'_>,
) -> Result<DataSelection> {
    let filters = take_filters(parameters)?;
    let updated_after = take_moment(parameters, "updatedAfter")?;
    let name = "reportingYearStartDay";
    let reporting_year_start = parameters.take(name)?;
    if let Some(text) = &reporting_year_start {
        let checked = ReportingYearStart::parse(text);
        checked.map_err(|bad| Error::syntax(parameter(name), format!("is {text:?}: {bad}")))?;
    }
    Ok(DataSelection { keys, filters, updated_after, reporting_year_start })
}

/// What both versions have.
fn take_common(parameters: &mut Parameters<'_>, query: &mut DataQuery) -> Result<()> {
    query.first = take_count(parameters, "firstNObservations", 1)?;
    query.last = take_count(parameters, "lastNObservations", 1)?;
    query.has_history = take_history(parameters)?;
    let name = "dimensionAtObservation";
    query.at_observation = match parameters.take(name)?.as_deref() {
        None => AtObservation::Default,
        Some("AllDimensions") => AtObservation::All,
        Some(id) if is_id(id) => AtObservation::Dimension(id.to_owned()),
        Some(text) => {
            let reason = format!("is {text:?}; it is AllDimensions or the id of a dimension");
            return Err(Error::syntax(parameter(name), reason));
        }
    };
    Ok(())
}

/// A whole number that is not below `least`.
fn take_count(parameters: &mut Parameters<'_>, name: &str, least: u64) -> Result<Option<u64>> {
    let Some(text) = parameters.take(name)? else { return Ok(None) };
    let number = text.parse::<u64>().ok().filter(|number| *number >= least);
    let number = number.ok_or_else(|| {
        let reason = format!("is {text:?}; it must be a whole number from {least} on");
        Error::syntax(parameter(name), reason)
    })?;
    Ok(Some(number))
}

/// A moment as microseconds since 1970. A date is its first moment, and without a zone it is UTC.
/// A space is taken for `+`, as which it began before a form was encoded.
pub(super) fn take_moment(parameters: &mut Parameters<'_>, name: &str) -> Result<Option<i64>> {
    let Some(text) = parameters.take(name)? else { return Ok(None) };
    let text = text.replace(' ', "+");
    let is_moment = text.contains('T') && !text.contains('/') || text.len() == "2020-01-01".len();
    let period = Period::parse(&text).ok().filter(|_| is_moment);
    let span = period.and_then(|period| period.span(ReportingYearStart::default()));
    let moment = span.map(|span| span.start.and_utc().timestamp_micros());
    moment.map(Some).ok_or_else(|| {
        let reason = format!("is {text:?}; it must be a date and time, as in 2024-01-31T12:00:00Z");
        Error::syntax(parameter(name), reason)
    })
}

/// `detail` of REST 1.5, as attributes and measures.
fn take_detail(parameters: &mut Parameters<'_>) -> Result<(Wanted, Wanted)> {
    let detail = parameters.take("detail")?;
    match detail.as_deref().unwrap_or("full") {
        "full" => Ok((Wanted::All, Wanted::All)),
        "dataonly" => Ok((Wanted::None, Wanted::All)),
        "serieskeysonly" => Ok((Wanted::None, Wanted::None)),
        "nodata" => {
            let above =
                Wanted::Some { ids: Vec::new(), dataflow: true, series: true, observation: false };
            Ok((above, Wanted::None))
        }
        other => {
            let allowed = ["full", "dataonly", "serieskeysonly", "nodata"];
            Err(not_one_of(parameter("detail"), other, &allowed))
        }
    }
}

/// Words joined by commas, plain or encoded: identifiers never hold one.
fn take_words(parameters: &mut Parameters<'_>, name: &str) -> Result<Option<Vec<String>>> {
    let Some(raw) = parameters.take_raw(name) else { return Ok(None) };
    let at = parameter(name);
    let words = split_encoded(raw, ',').into_iter().map(|word| decode(word, &at));
    let words = words.collect::<Result<Vec<_>>>()?;
    if let Some(word) = words.iter().find(|word| !is_id(word)) {
        let reason = format!("has {word:?}; it is a list of ids, as in A,B");
        return Err(Error::syntax(at, reason));
    }
    Ok(Some(words))
}

fn take_attributes(parameters: &mut Parameters<'_>) -> Result<Wanted> {
    let Some(words) = take_words(parameters, "attributes")? else { return Ok(Wanted::All) };
    let has = |wanted: &str| words.iter().any(|word| word == wanted);
    if has("none") {
        return alone("attributes", "none", words.len()).map(|()| Wanted::None);
    }
    if has("dsd") || has("all") {
        return Ok(Wanted::All);
    }
    // Those of metadata structures (`msd`) there are none of.
    let levels = ["dataset", "series", "obs", "msd"];
    let ids: Vec<String> =
        words.iter().filter(|w| !levels.contains(&w.as_str())).cloned().collect();
    let [dataflow, series, observation] = ["dataset", "series", "obs"].map(has);
    if ids.is_empty() && !(dataflow || series || observation) {
        return Ok(Wanted::None);
    }
    Ok(Wanted::Some { ids, dataflow, series, observation })
}

fn take_measures(parameters: &mut Parameters<'_>) -> Result<Wanted> {
    let Some(ids) = take_words(parameters, "measures")? else { return Ok(Wanted::All) };
    for (word, wanted) in [("all", Wanted::All), ("none", Wanted::None)] {
        if ids.iter().any(|id| id == word) {
            return alone("measures", word, ids.len()).map(|()| wanted);
        }
    }
    Ok(Wanted::Some { ids, dataflow: false, series: false, observation: false })
}

fn alone(name: &str, word: &str, count: usize) -> Result<()> {
    let reason = || format!("has {word} among other words; it stands alone");
    if count == 1 { Ok(()) } else { Err(Error::syntax(parameter(name), reason())) }
}

fn take_history(parameters: &mut Parameters<'_>) -> Result<bool> {
    match parameters.take("includeHistory")?.as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(not_one_of(parameter("includeHistory"), other, &["true", "false"])),
    }
}

/// Data providers, `AGENCY,ID` joined by `+`; none of them for any.
pub(super) fn providers(text: Option<&str>) -> Result<Vec<String>> {
    let text = text.unwrap_or_default();
    if text.is_empty() || text == "all" {
        return Ok(Vec::new());
    }
    let at = part("providerRef");
    let mut providers = Vec::new();
    for raw in split_encoded(text, '+') {
        let provider = decode(raw, &at)?;
        let ids: Vec<&str> = provider.split(',').collect();
        let is_good = ids.len() <= 2 && ids.iter().all(|id| id.split('.').all(is_id));
        if !is_good {
            let reason =
                format!("is {provider:?}; a provider is ID or AGENCY,ID, several are joined by +");
            return Err(Error::syntax(at, reason));
        }
        providers.push(provider);
    }
    Ok(providers)
}
