//! Answers with data.
//!
//! A request of version 2 may match several dataflows. Those that lack a component which is
//! asked about, and those without any result, do not count; if more than one is left, the request
//! is refused with their names: messages of several data sets are not written yet, and one made of
//! them would not be what the standard asks for, which is one data set for each.

use axum::http::StatusCode;

use crate::error::Error;
use crate::limits::REQUEST_FLOWS_MAX;
use crate::model::{ArtefactId, DataSelection};
use crate::rest::answer::Context;
use crate::rest::explain;
use crate::rest::failure::Failure;
use crate::rest::flows;
use crate::rest::formats::Format;
use crate::rest::outlet::{Outcome, Outlet};
use crate::sdmx::data::{DataFormat, Level, writer};
use crate::sdmx::request::{DataRequest, FlowPattern, KeyRule};
use crate::store::{DataMessage, FlowState};

/// Answers a request for data.
///
/// # Errors
///
/// Why there is no answer, or why it ends here.
pub(super) fn answer(
    context: &Context<'_>,
    request: &DataRequest,
    outlet: &mut Outlet,
) -> Result<Outcome, Failure> {
    let selection = &request.query.selection;
    let states = candidates(context, &request.flow, request.key_rule, selection)?;
    refuse_providers(&request.providers)?;
    let changed = states.iter().map(|state| state.stale_before).max();
    let ids: Vec<(&ArtefactId, i64)> =
        states.iter().map(|state| (&state.flow.id, state.stale_before)).collect();
    let (mut head, header) = context.head(&ids, changed);
    let open = |state: &FlowState| {
        let answer = DataMessage::open(&context.snapshot, &state.flow.id, &request.query);
        answer.map_err(|error| context.failed(&error))
    };
    let mut found = Vec::new();
    for state in &states {
        let answer = open(state)?;
        if !answer.is_empty() {
            found.push(answer);
        }
    }
    let answer = match found.as_slice() {
        [answer] => answer,
        [] => return Err(empty(context, &states, selection)),
        several => {
            let ids = several.iter().map(|answer| answer.flow().id.to_string());
            return Err(context.failed(&too_many(ids)));
        }
    };
    head.language = Some(context.language.clone());
    let id = &answer.flow().id;
    head.file_name = context.file_name(&format!("{}_{}_{}", id.agency, id.id, id.version));
    if context.is_known(&head) {
        outlet.begin(head);
        return Ok(Outcome::NotModified);
    }
    let Format::Data(format) = context.asked.format() else {
        return Err(context.failed(&Error::bug("a format of structures for data")));
    };
    refuse_time_series(format, answer)?;
    let artefacts = context.snapshot.artefacts();
    let scope = answer.scope(&header, artefacts, &context.language);
    context.send(outlet, head, |out| answer.write(&mut *writer(format, scope, out)).map(drop))
}

/// Refuses messages of time series that do not have time at the observation.
fn refuse_time_series(format: &DataFormat, answer: &DataMessage) -> Result<(), Failure> {
    let is_series =
        matches!(format, DataFormat::GenericSeriesXml21 | DataFormat::StructureSpecificSeriesXml21);
    let level = answer.scope_parts().level;
    if is_series && Some(level) != answer.flow().time_index().map(Level::Component) {
        let detail = "messages of time series have time at the observation; leave \
                      dimensionAtObservation out, or ask for another format";
        return Err(Failure::new(StatusCode::NOT_ACCEPTABLE, detail));
    }
    Ok(())
}

/// The dataflows that a request matches and that have what it speaks of.
///
/// # Errors
///
/// There is none, or none that has it.
pub(super) fn candidates<'a>(
    context: &'a Context<'_>,
    pattern: &FlowPattern,
    rule: KeyRule,
    selection: &DataSelection,
) -> Result<Vec<&'a FlowState>, Failure> {
    let failed = |error: Error| context.failed(&error);
    let mut states = flows::matching(&context.snapshot, pattern).map_err(failed)?;
    if states.len() > REQUEST_FLOWS_MAX {
        let (actual, limit) = (states.len() as u64, REQUEST_FLOWS_MAX as u64);
        let what = "the number of dataflows that one request matches";
        return Err(failed(Error::Limit { what, actual, limit }));
    }
    let unfit = states.iter().find_map(|state| flows::check(state, selection, rule).err());
    states.retain(|state| flows::check(state, selection, rule).is_ok());
    match unfit {
        // Whoever names the dataflow is told what is wrong with the rest.
        Some(error) if states.is_empty() && pattern.is_named() => return Err(failed(error)),
        Some(_) if states.is_empty() => {
            let detail = "no results: no dataflow has these components, or so many dimensions";
            return Err(Failure::not_found(detail));
        }
        Some(_) | None => {}
    }
    Ok(states)
}

/// Refuses to look for data providers, of which nothing is known: so no data are theirs.
///
/// # Errors
///
/// If there is one.
pub(super) fn refuse_providers(providers: &[String]) -> Result<(), Failure> {
    if providers.is_empty() {
        return Ok(());
    }
    let providers = providers.join("+");
    let detail = format!(
        "no results: it is not recorded which data are from {providers}; leave providerRef out, or \
         write all"
    );
    Err(Failure::not_found(detail))
}

/// Several dataflows have results, and one message can hold those of one.
pub(super) fn too_many(ids: impl Iterator<Item = String>) -> Error {
    let ids = ids.collect::<Vec<_>>().join(", ");
    Error::Unsupported {
        what: format!("one message about several dataflows (name one of {ids}); that"),
    }
}

/// Nothing matches: says why, as far as the index can tell.
pub(super) fn empty(
    context: &Context<'_>,
    states: &[&FlowState],
    selection: &DataSelection,
) -> Failure {
    let [state] = states else {
        let detail = format!("no results in any of {} dataflows", states.len());
        return Failure::not_found(detail);
    };
    let explained = context.snapshot.cube(&state.flow.id);
    let explained = explained.and_then(|cube| explain::empty(&cube, selection));
    match explained {
        Ok(detail) => Failure::not_found(detail),
        Err(error) => context.failed(&error),
    }
}
