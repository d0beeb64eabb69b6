//! Answers with structures.

use axum::http::StatusCode;

use crate::error::Error;
use crate::model::{References, StructureQuery};
use crate::rest::answer::{Context, in_words, last_change};
use crate::rest::failure::Failure;
use crate::rest::nearest::nearest;
use crate::rest::outlet::{Outcome, Outlet};
use crate::sdmx::structure::{Selected, left_out, select, select_schema, write_structures};

/// Answers a request for structures.
///
/// # Errors
///
/// Why there is no answer, or why it ends here.
pub(super) fn answer(
    context: &Context<'_>,
    query: &StructureQuery,
    outlet: &mut Outlet,
) -> Result<Outcome, Failure> {
    let selected = select(context.snapshot.artefacts(), query);
    let selected = selected.map_err(|error| context.failed(&error))?;
    if selected.is_empty() {
        return Err(not_found(context, query));
    }
    send(context, &selected, outlet)
}

/// Answers a request for a schema with the structures that say what valid data are.
///
/// # Errors
///
/// Why there is no answer, or why it ends here.
pub(super) fn schema(
    context: &Context<'_>,
    query: &StructureQuery,
    outlet: &mut Outlet,
) -> Result<Outcome, Failure> {
    let failed = |error: Error| context.failed(&error);
    let artefacts = context.snapshot.artefacts();
    let alone = StructureQuery { references: Vec::<References>::new(), ..query.clone() };
    let matches = select(artefacts, &alone).map_err(failed)?;
    // Of several the latest, which stands last.
    let Some(shown) = matches.artefacts.last() else { return Err(not_found(context, query)) };
    let (class, id) = (shown.artefact.class(), &shown.artefact.identity().id);
    let selected = select_schema(artefacts, &class, id).map_err(failed)?;
    send(context, &selected, outlet)
}

fn send(
    context: &Context<'_>,
    selected: &Selected<'_>,
    outlet: &mut Outlet,
) -> Result<Outcome, Failure> {
    let format = context.asked.structure_format().map_err(|error| context.failed(&error))?;
    let without = left_out(format, selected);
    if without.len() == selected.artefacts.len() {
        let detail = "these artefacts are kept as they came, and can be answered only as the \
                      version of SDMX-ML that they came in; ask for another format";
        return Err(Failure::new(StatusCode::NOT_ACCEPTABLE, detail));
    }
    let (mut head, header) = context.head("structures", last_change(&context.snapshot));
    let languages = if context.asked.has_language() {
        head.language = Some(context.language.clone());
        vec![context.language.clone()]
    } else {
        Vec::new()
    };
    if context.is_known(&head) {
        outlet.begin(head);
        return Ok(Outcome::NotModified);
    }
    context.send(outlet, head, |out| {
        let written = write_structures(out, format, &header, selected, &languages);
        written.map_err(|error| Error::io("write", "the answer", error))
    })
}

/// No artefact matches: names the nearest of the same class.
fn not_found(context: &Context<'_>, query: &StructureQuery) -> Failure {
    let of_class =
        context.snapshot.artefacts().iter().filter(|artefact| {
            query.classes.is_empty() || query.classes.contains(&artefact.class())
        });
    let known: Vec<_> = of_class.map(|artefact| &artefact.identity().id).collect();
    let near = query.ids.iter().find_map(|id| {
        let near = nearest(id, known.iter().map(|known| known.id.as_str()))?;
        known.iter().find(|known| known.id == near)
    });
    let advice = match near {
        Some(near) => format!("; did you mean {near}?"),
        None => String::new(),
    };
    Failure::not_found(format!("no results: there is no {}{advice}", in_words(query)))
}
