//! The functions of PostgreSQL that statements over the catalogue call. Their arguments and results
//! are those of `pg_proc`; here is what they do.
//!
//! `arrays`, `text`, `moments` and `json` know nothing of a catalogue; `names`, `definition` and `rights` look
//! things up in it; `session` and `server` tell who asks and where; `pattern` matches texts.

mod arrays;
mod definition;
pub(crate) mod json;
mod moments;
mod names;
pub(crate) mod pattern;
mod rights;
mod server;
mod session;
mod text;

use std::sync::Arc;

use crate::error::Result;
use crate::pg::catalog::session::SessionInfo;
use crate::pg::catalog::types::Type;
use crate::pg::catalog::value::Value;
use crate::pg::catalog::world::World;

pub(crate) use session::setting;

/// What a function knows besides its arguments.
pub(crate) struct Called<'a> {
    pub(crate) world: &'a Arc<World>,
    pub(crate) session: &'a SessionInfo,
    /// The types of its arguments.
    pub(crate) types: &'a [Type],
    /// The type of its result; of one that returns a set, of one element.
    pub(crate) result: &'a Type,
}

/// A function. One that returns a set returns an array of what is in it.
pub(crate) type Body = fn(&Called<'_>, &[Value]) -> Result<Value>;

/// The function of a name. Which of several with one name is meant follows from the arguments.
pub(crate) fn find(name: &str) -> Option<Body> {
    arrays::find(name)
        .or_else(|| text::find(name))
        .or_else(|| json::find(name))
        .or_else(|| moments::find(name))
        .or_else(|| names::find(name))
        .or_else(|| definition::find(name))
        .or_else(|| rights::find(name))
        .or_else(|| session::find(name))
        .or_else(|| server::find(name))
}

/// Whether a function asks the catalogue, the session or the server, and not its arguments alone.
pub(crate) fn is_of_catalogue(name: &str) -> bool {
    let is_clock = matches!(name, "now" | "clock_timestamp" | "statement_timestamp" | "age");
    let found = names::find(name)
        .or_else(|| definition::find(name))
        .or_else(|| rights::find(name))
        .or_else(|| session::find(name))
        .or_else(|| server::find(name));
    found.is_some() && !is_clock && name != "pg_typeof"
}

/// The argument at a place, NULL behind the last.
fn at(arguments: &[Value], place: usize) -> &Value {
    arguments.get(place).unwrap_or(&Value::Null)
}

/// The text at a place, empty where there is none.
fn text_at(arguments: &[Value], place: usize) -> &str {
    at(arguments, place).as_text().unwrap_or_default()
}

/// The number of an object at a place, 0 where there is none.
fn oid_at(arguments: &[Value], place: usize) -> u32 {
    at(arguments, place).as_oid().unwrap_or(0)
}
