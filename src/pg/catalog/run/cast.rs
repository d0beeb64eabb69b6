//! One type of value as another.

use crate::error::{Error, Result};
use crate::pg::catalog::literal;
use crate::pg::catalog::statics::statics;
use crate::pg::catalog::types::{BOOL, Kind, Type, UNKNOWN, is_registered};
use crate::pg::catalog::value::Value;
use crate::pg::catalog::world::World;

/// A value as one of another type.
///
/// # Errors
///
/// [`Error::Invalid`] if it is none; [`Error::NotFound`] for the name of what is not there.
pub(crate) fn cast(world: &World, value: &Value, from: &Type, to: &Type) -> Result<Value> {
    let types = &statics().types;
    let (from, to) = (types.base(from), types.base(to));
    Ok(match (value, types.kind(to.oid)) {
        (Value::Null, _) => Value::Null,
        (Value::Text(text), Kind::Text) => Value::text(literal::fit(text, &to)),
        (Value::Text(text), _) => literal::parse(world, &to, text)?,
        (Value::Int(number), Kind::Int) => {
            let is_object = is_registered(to.oid) || is_registered(from.oid);
            if !is_object && !literal::fits(*number, to.oid) {
                let name = world.format_type(to.oid, -1);
                return Err(Error::invalid(name, "out of range"));
            }
            value.clone()
        }
        (Value::Int(number), Kind::Bool) => Value::Bool(*number != 0),
        (Value::Int(_), Kind::Float) => value.as_float().map_or(Value::Null, Value::Float),
        (Value::Float(number), Kind::Int) => rounded(*number)?,
        (Value::Bool(flag), Kind::Int) => Value::Int(i64::from(*flag)),
        (Value::Bool(flag), Kind::Text) if from.oid == BOOL => {
            Value::text(if *flag { "true" } else { "false" })
        }
        (Value::Array(values), Kind::Array) => {
            let element = |ty: &Type| Type::of(types.element(ty.oid).unwrap_or(UNKNOWN));
            let (from, to) = (element(&from), element(&to));
            let cast: Result<Vec<Value>> =
                values.iter().map(|value| cast(world, value, &from, &to)).collect();
            Value::array(cast?)
        }
        (_, Kind::Text) => Value::text(literal::fit(&literal::write(world, &from, value), &to)),
        _ => value.clone(),
    })
}

/// The nearest whole number, the even one of two.
fn rounded(number: f64) -> Result<Value> {
    let nearest = number.round_ties_even();
    #[expect(clippy::cast_possible_truncation, reason = "the bounds were looked at")]
    let within = (nearest.abs() < 9.2e18).then_some(nearest as i64);
    within.map(Value::Int).ok_or_else(|| Error::invalid("bigint", "out of range"))
}
