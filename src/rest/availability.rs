//! Answers with the values that occur.

use crate::error::Error;
use crate::model::ArtefactId;
use crate::rest::answer::Context;
use crate::rest::data::{candidates, empty, refuse_providers, too_many};
use crate::rest::failure::Failure;
use crate::rest::nearest::nearest;
use crate::rest::outlet::{Outcome, Outlet};
use crate::sdmx::request::AvailabilityRequest;
use crate::sdmx::structure::{select_available, write_availability};
use crate::store::{FlowState, availability};

/// Answers a request for the values that occur.
///
/// # Errors
///
/// Why there is no answer, or why it ends here.
pub(super) fn answer(
    context: &Context<'_>,
    request: &AvailabilityRequest,
    outlet: &mut Outlet,
) -> Result<Outcome, Failure> {
    let failed = |error: Error| context.failed(&error);
    let selection = &request.query.selection;
    let mut states = candidates(context, &request.flow, request.key_rule, selection)?;
    refuse_providers(&request.providers)?;
    if let ([state], true) = (states.as_slice(), request.flow.is_named()) {
        check_components(state, &request.query.components).map_err(failed)?;
    }
    states.retain(|state| check_components(state, &request.query.components).is_ok());
    let changed = states.iter().map(|state| state.stale_before).max();
    let ids: Vec<(&ArtefactId, i64)> =
        states.iter().map(|state| (&state.flow.id, state.stale_before)).collect();
    let (head, header) = context.head(&ids, changed);
    if context.is_known(&head) {
        outlet.begin(head);
        return Ok(Outcome::NotModified);
    }
    let mut found = Vec::new();
    for state in &states {
        let of = availability(&context.snapshot, &state.flow.id, &request.query);
        let of = of.map_err(failed)?;
        // What may be selected is listed even where nothing is selected now.
        if of.time.is_some() || of.dimensions.iter().any(|listed| !listed.codes.is_empty()) {
            found.push((*state, of));
        }
    }
    let (state, available) = match found.as_slice() {
        [(state, available)] => (state, available),
        [] => return Err(empty(context, &states, selection)),
        several => {
            let ids = several.iter().map(|(state, _)| state.flow.id.to_string());
            return Err(failed(too_many(ids)));
        }
    };
    let artefacts = context.snapshot.artefacts();
    let along = select_available(artefacts, available, &request.references).map_err(failed)?;
    let format = context.asked.structure_format().map_err(failed)?;
    context.send(outlet, head, |out| {
        let written = write_availability(out, format, &header, &state.flow, available, &along);
        written.map_err(|error| Error::io("write", "the answer", error))
    })
}

/// Refuses dimensions that the dataflow does not have.
fn check_components(state: &FlowState, components: &[String]) -> Result<(), Error> {
    let flow = &state.flow;
    let known = || {
        let dimensions = flow.components().iter().take(flow.measures_from());
        dimensions.map(|component| component.id.as_str())
    };
    let Some(unknown) = components.iter().find(|id| !known().any(|known| known == **id)) else {
        return Ok(());
    };
    let advice = match nearest(unknown, known()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("it has {}", known().collect::<Vec<_>>().join(", ")),
    };
    let reason = format!("is {unknown}, which is no dimension of {}; {advice}", flow.id);
    Err(Error::invalid("path part componentID", reason))
}
