//! Rows that follow from the session: its settings, itself; and the words of SQL.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::pg::catalog::archive::{Row, archive};
use crate::pg::catalog::functions::setting;
use crate::pg::catalog::session::SessionInfo;
use crate::pg::catalog::statics::{OWNER, Shape, statics};
use crate::pg::catalog::value::Value;

/// The rows of a relation of `pg_catalog` that follow from the session; absent for all others.
pub(crate) fn rows(name: &str, shape: &Shape, session: &SessionInfo) -> Option<Vec<Vec<Value>>> {
    match name {
        "pg_settings" => Some(settings(shape, session)),
        "pg_stat_activity" => Some(vec![activity(shape, session)]),
        _ => None,
    }
}

fn settings(shape: &Shape, session: &SessionInfo) -> Vec<Vec<Value>> {
    let mut all = statics().rows("pg_settings");
    let columns = shape.positions(&["name", "setting", "source", "reset_val"]);
    let [name, value, source, reset] = columns.as_slice() else { return all };
    let mut known = Vec::with_capacity(all.len());
    for row in &mut all {
        let Some(found) = row.get(*name).and_then(Value::as_text).map(str::to_owned) else {
            continue;
        };
        if session.settings.contains_key(&found) {
            row[*source] = "session".into();
        }
        row[*value] = Value::maybe(setting(session, &found));
        known.push(found);
    }
    let names = ["name", "setting", "category", "context", "vartype", "source"];
    let own = shape.positions(&names);
    for (name, value) in &session.settings {
        if !known.contains(name) {
            let cells = [name, value, "Customized Options", "user", "string", "session"];
            let mut row = shape.row(&own, cells.map(Value::text).to_vec());
            row[*reset] = Value::text(value);
            all.push(row);
        }
    }
    all
}

fn activity(shape: &Shape, session: &SessionInfo) -> Vec<Value> {
    let names = [
        "pid",
        "datname",
        "usesysid",
        "usename",
        "application_name",
        "client_addr",
        "client_port",
        "backend_start",
        "xact_start",
        "query_start",
        "state_change",
        "state",
        "backend_type",
        "query",
    ];
    let moment = Value::Moment(session.statement_start);
    let values = vec![
        session.backend_pid.into(),
        Value::text(&session.database),
        OWNER.into(),
        Value::text(&session.user),
        Value::text(setting(session, "application_name").unwrap_or_default()),
        Value::maybe(session.client_address.as_ref()),
        session.client_port.map_or(Value::Null, |port| Value::Int(port.into())),
        moment.clone(),
        moment.clone(),
        moment.clone(),
        moment,
        "active".into(),
        "client backend".into(),
        Value::text(""),
    ];
    shape.row(&shape.positions(&names), values)
}

/// What PostgreSQL sets by default.
pub(crate) fn default_setting(name: &str) -> Option<String> {
    static DEFAULTS: OnceLock<HashMap<String, String>> = OnceLock::new();
    let defaults = DEFAULTS.get_or_init(|| {
        let pair = |row: Row<'_>| {
            let name = row.first()?.as_deref()?.to_ascii_lowercase();
            Some((name, row.get(1)?.as_deref().unwrap_or_default().to_owned()))
        };
        archive().rows("pg_settings").filter_map(pair).collect()
    });
    defaults.get(name).cloned()
}

/// Whether a word cannot be a name of its own in SQL.
pub(crate) fn is_reserved(word: &str) -> bool {
    static WORDS: OnceLock<HashMap<String, bool>> = OnceLock::new();
    let words = WORDS.get_or_init(|| {
        let pair = |row: Row<'_>| {
            // Only words that may be a name everywhere are written without quotes.
            let is_free = row.get(1)?.as_deref() == Some("U");
            Some((row.first()?.as_deref()?.to_owned(), !is_free))
        };
        archive().rows("pg_get_keywords").filter_map(pair).collect()
    });
    words.get(word).copied().unwrap_or(false)
}
