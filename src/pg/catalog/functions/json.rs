//! JSON out of values.

#![expect(
    clippy::unnecessary_wraps,
    reason = "a function that cannot fail has the shape of those that can"
)]

use crate::error::Result;
use crate::pg::catalog::functions::{Body, Called};
use crate::pg::catalog::literal::write as write_text;
use crate::pg::catalog::statics::statics;
use crate::pg::catalog::types::{JSON, Type, UNKNOWN};
use crate::pg::catalog::value::Value;
use crate::pg::catalog::world::World;

pub(super) fn find(name: &str) -> Option<Body> {
    Some(match name {
        "json_build_object" | "jsonb_build_object" => build_object,
        "json_build_array" | "jsonb_build_array" => |called, arguments| {
            let parts = arguments.iter().enumerate();
            let parts =
                parts.map(|(place, value)| write(called.world, called.types.get(place), value));
            Ok(Value::text(format!("[{}]", parts.collect::<Vec<_>>().join(", "))))
        },
        "to_json" | "to_jsonb" | "row_to_json" => |called, arguments| {
            let value = arguments.first().unwrap_or(&Value::Null);
            Ok(Value::text(write(called.world, called.types.first(), value)))
        },
        _ => return None,
    })
}

fn build_object(called: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    let mut parts = Vec::new();
    for (pair, types) in arguments.chunks(2).zip(called.types.chunks(2)) {
        let [key, value] = pair else { continue };
        let key = types.first().map(|ty| write_text(called.world, ty, key)).unwrap_or_default();
        parts.push(format!("{} : {}", quoted(&key), write(called.world, types.get(1), value)));
    }
    Ok(Value::text(format!("{{{}}}", parts.join(", "))))
}

/// A value as JSON.
pub(crate) fn write(world: &World, ty: Option<&Type>, value: &Value) -> String {
    let unknown = Type::of(UNKNOWN);
    let ty = ty.unwrap_or(&unknown);
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) if statics().types.is_number(ty.oid) => number.to_string(),
        Value::Float(number) if number.is_finite() => write_text(world, ty, &Value::Float(*number)),
        Value::Text(text) if ty.oid == JSON => text.to_string(),
        Value::Array(values) => {
            let element = statics().types.element(ty.oid).map(Type::of);
            let parts = values.iter().map(|value| write(world, element.as_ref(), value));
            format!("[{}]", parts.collect::<Vec<_>>().join(","))
        }
        Value::Row(values) => {
            let parts = values.iter().zip(ty.fields.iter()).map(|(value, (name, ty))| {
                format!("{}:{}", quoted(name), write(world, Some(ty), value))
            });
            format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
        }
        other => quoted(&write_text(world, ty, other)),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
