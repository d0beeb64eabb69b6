//! Rights. The database only reads: whoever sees an object may read it, and nobody may change one.

#![expect(
    clippy::unnecessary_wraps,
    reason = "a function that cannot fail has the shape of those that can"
)]

use crate::error::Result;
use crate::pg::catalog::functions::{Body, Called, at};
use crate::pg::catalog::value::Value;

pub(super) fn find(name: &str) -> Option<Body> {
    Some(match name {
        "has_table_privilege"
        | "has_any_column_privilege"
        | "has_column_privilege"
        | "has_database_privilege"
        | "has_function_privilege"
        | "has_schema_privilege"
        | "has_language_privilege"
        | "has_type_privilege"
        | "has_tablespace_privilege"
        | "has_sequence_privilege"
        | "has_server_privilege"
        | "has_foreign_data_wrapper_privilege" => may,
        "has_parameter_privilege" => |_, _| Ok(Value::Bool(false)),
        "pg_has_role" => |called, _| Ok(Value::Bool(called.session.is_superuser)),
        "row_security_active" => |_, _| Ok(Value::Bool(false)),
        "acldefault" => |_, _| Ok(Value::array([])),
        _ => return None,
    })
}

/// Whether all that the last argument names is a way of reading.
fn may(_: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    let wanted = at(arguments, arguments.len().saturating_sub(1));
    let wanted = wanted.as_text().unwrap_or_default().to_uppercase();
    let reads = |right: &str| matches!(right.trim(), "SELECT" | "USAGE" | "EXECUTE" | "CONNECT");
    // Any of several is enough.
    Ok(Value::Bool(wanted.split(',').any(reads)))
}
