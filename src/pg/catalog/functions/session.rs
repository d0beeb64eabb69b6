//! Who asks, and with which settings.

use crate::error::{Error, Result};
use crate::pg::catalog::functions::{Body, Called, at, text_at};
use crate::pg::catalog::own::default_setting;
use crate::pg::catalog::session::{SERVER_VERSION, SERVER_VERSION_NUMBER, SessionInfo, version};
use crate::pg::catalog::value::Value;

pub(super) fn find(name: &str) -> Option<Body> {
    Some(match name {
        "version" => |_, _| Ok(Value::text(version())),
        "current_user" | "user" | "current_role" => {
            |called, _| Ok(Value::text(&called.session.user))
        }
        "session_user" => |called, _| Ok(Value::text(&called.session.session_user)),
        "current_database" | "current_catalog" => {
            |called, _| Ok(Value::text(&called.session.database))
        }
        "current_schema" => |called, _| Ok(Value::maybe(schemas(called, false).first())),
        "current_schemas" => |called, arguments| {
            let with_system = at(arguments, 0).as_bool() == Some(true);
            Ok(Value::array(schemas(called, with_system).iter().map(Value::text)))
        },
        "current_setting" => current_setting,
        "set_config" => |_, arguments| Ok(at(arguments, 1).clone()),
        "current_query" => |_, _| Ok(Value::text("")),
        "pg_backend_pid" => |called, _| Ok(called.session.backend_pid.into()),
        "pg_my_temp_schema" | "pg_trigger_depth" => |_, _| Ok(Value::Int(0)),
        "pg_is_other_temp_schema" => |_, _| Ok(Value::Bool(false)),
        "inet_client_addr" => |called, _| Ok(Value::maybe(called.session.client_address.as_ref())),
        "inet_server_addr" => |called, _| Ok(Value::maybe(called.session.server_address.as_ref())),
        "inet_client_port" => |called, _| {
            Ok(called.session.client_port.map_or(Value::Null, |port| Value::Int(port.into())))
        },
        "inet_server_port" => |called, _| Ok(Value::Int(called.session.server_port.into())),
        "now" | "transaction_timestamp" | "statement_timestamp" | "clock_timestamp" => {
            |called, _| Ok(Value::Moment(called.session.statement_start))
        }
        "pg_postmaster_start_time" | "pg_conf_load_time" => {
            |called, _| Ok(Value::Moment(called.session.server_start))
        }
        _ => return None,
    })
}

/// The schemas of the search path that there are, with PostgreSQL's own before them if asked for.
fn schemas(called: &Called<'_>, with_system: bool) -> Vec<String> {
    let path = called.session.search_path.iter();
    let known = path.filter(|schema| called.world.namespace(schema).is_some()).cloned();
    let mut all: Vec<String> = known.collect();
    if with_system && !all.iter().any(|schema| schema == "pg_catalog") {
        all.insert(0, "pg_catalog".to_owned());
    }
    all
}

/// The value of a setting. Absent if there is none of this name.
pub(crate) fn setting(session: &SessionInfo, name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    if let Some(value) = session.settings.get(&name) {
        return Some(value.clone());
    }
    Some(match name.as_str() {
        "server_version" => SERVER_VERSION.to_owned(),
        "server_version_num" => SERVER_VERSION_NUMBER.to_owned(),
        "search_path" => session.search_path.join(", "),
        "session_authorization" => session.session_user.clone(),
        "is_superuser" => if session.is_superuser { "on" } else { "off" }.to_owned(),
        "port" => session.server_port.to_string(),
        "sdmx.language" => session.language.clone(),
        _ => return default_setting(&name),
    })
}

fn current_setting(called: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    let name = text_at(arguments, 0);
    match setting(called.session, name) {
        Some(value) => Ok(Value::text(value)),
        None if at(arguments, 1).as_bool() == Some(true) => Ok(Value::Null),
        None => Err(Error::not_found("setting", name)),
    }
}
