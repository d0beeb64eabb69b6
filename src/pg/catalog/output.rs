//! Rows of the catalogue as Arrow, and values of parameters out of it.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float32Array, Float64Array, Int16Array, Int32Array,
    Int64Array, ListArray, RecordBatch, RecordBatchOptions, StringArray, TimestampMicrosecondArray,
    UInt32Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;

use crate::error::{Error, Result};
use crate::pg::catalog::literal::{parse, write};
use crate::pg::catalog::relation::Column;
use crate::pg::catalog::statics::statics;
use crate::pg::catalog::types::{
    BOOL, DATE, FLOAT4, FLOAT8, INT2, INT4, INT8, Kind, OID, TIMESTAMP, Type, UNKNOWN, VARCHAR,
    XID, is_registered,
};
use crate::pg::catalog::value::Value;
use crate::pg::catalog::world::World;
use crate::pg::types::TYPE_KEY;

/// Microseconds of a day.
const DAY_MICROS: i64 = 86_400_000_000;

/// The columns of an answer: each with its type in PostgreSQL under [`TYPE_KEY`].
pub(crate) fn schema(columns: &[Column]) -> SchemaRef {
    let fields = columns.iter().map(|column| field(&column.name, &column.ty));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A column of Arrow for one of PostgreSQL.
pub(crate) fn field(name: &str, ty: &Type) -> Field {
    let ty = statics().types.base(ty);
    let known = statics().types.get(ty.oid).map_or("text", |known| known.name.as_str());
    let known = match ty.modifier {
        modifier if ty.oid == VARCHAR && modifier > 4 => format!("varchar({})", modifier - 4),
        _ if known == "char" => "\"char\"".to_owned(),
        _ if known == "_char" => "\"char\"[]".to_owned(),
        _ => known.to_owned(),
    };
    let metadata = HashMap::from([(TYPE_KEY.to_owned(), known)]);
    Field::new(name, data_type(&ty), true).with_metadata(metadata)
}

fn data_type(ty: &Type) -> DataType {
    match ty.oid {
        BOOL => DataType::Boolean,
        INT2 => DataType::Int16,
        INT4 => DataType::Int32,
        INT8 => DataType::Int64,
        OID | XID => DataType::UInt32,
        FLOAT4 => DataType::Float32,
        FLOAT8 => DataType::Float64,
        DATE => DataType::Date32,
        TIMESTAMP => DataType::Timestamp(TimeUnit::Microsecond, None),
        1_184 => DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
        _ => match statics().types.element(ty.oid) {
            Some(element) => {
                let element = Type::of(element);
                DataType::List(Arc::new(field("item", &element)))
            }
            None => DataType::Utf8,
        },
    }
}

/// The rows as one batch.
///
/// # Errors
///
/// [`Error::Bug`] if a value is not of the type of its column.
pub(crate) fn batch(
    world: &World,
    columns: &[Column],
    schema: &SchemaRef,
    rows: &[Vec<Value>],
) -> Result<RecordBatch> {
    let arrays: Result<Vec<ArrayRef>> = columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let values = rows.iter().map(|row| row.get(place).unwrap_or(&Value::Null));
            array(world, &statics().types.base(&column.ty), &values.collect::<Vec<_>>())
        })
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    let batch = RecordBatch::try_new_with_options(Arc::clone(schema), arrays?, &options);
    batch.map_err(|error| bug(&error))
}

fn array(world: &World, ty: &Type, values: &[&Value]) -> Result<ArrayRef> {
    let int = |value: &Value| value.as_int();
    let all = || values.iter().copied();
    Ok(match data_type(ty) {
        DataType::Boolean => Arc::new(all().map(Value::as_bool).collect::<BooleanArray>()),
        DataType::Int16 => Arc::new(all().map(|v| int(v)?.try_into().ok()).collect::<Int16Array>()),
        DataType::Int32 => Arc::new(all().map(|v| int(v)?.try_into().ok()).collect::<Int32Array>()),
        DataType::Int64 => Arc::new(all().map(int).collect::<Int64Array>()),
        DataType::UInt32 => Arc::new(all().map(Value::as_oid).collect::<UInt32Array>()),
        #[expect(clippy::cast_possible_truncation, reason = "a float4 is one")]
        DataType::Float32 => {
            Arc::new(all().map(|v| v.as_float().map(|n| n as f32)).collect::<Float32Array>())
        }
        DataType::Float64 => Arc::new(all().map(Value::as_float).collect::<Float64Array>()),
        DataType::Date32 => {
            let day = |micros: i64| i32::try_from(micros.div_euclid(DAY_MICROS)).ok();
            Arc::new(all().map(|v| day(moment(v)?)).collect::<Date32Array>())
        }
        DataType::Timestamp(_, zone) => {
            let moments: TimestampMicrosecondArray = all().map(moment).collect();
            Arc::new(moments.with_timezone_opt(zone))
        }
        DataType::List(item) => {
            let element = Type::of(statics().types.element(ty.oid).unwrap_or(UNKNOWN));
            let lists = || values.iter().map(|value| value.as_array());
            let flat: Vec<&Value> = lists().flatten().flatten().collect();
            let offsets =
                OffsetBuffer::from_lengths(lists().map(|list| list.map_or(0, <[Value]>::len)));
            let nulls: NullBuffer =
                lists().map(|list| list.is_some()).collect::<Vec<bool>>().into();
            let flat = array(world, &element, &flat)?;
            let list = ListArray::try_new(item, offsets, flat, Some(nulls));
            Arc::new(list.map_err(|error| bug(&error))?)
        }
        _ => Arc::new(
            all()
                .map(|value| match value {
                    Value::Null => None,
                    value => Some(write(world, ty, value)),
                })
                .collect::<StringArray>(),
        ),
    })
}

fn moment(value: &Value) -> Option<i64> {
    match value {
        Value::Moment(moment) => Some(*moment),
        _ => None,
    }
}

fn bug(error: &ArrowError) -> Error {
    Error::bug(format!("an answer of the catalogue: {error}"))
}

/// The value of a parameter out of the text that a client sent for it.
///
/// # Errors
///
/// [`Error::Invalid`] if the text is no value of the type.
pub(crate) fn parameter(world: &World, oid: u32, text: &str) -> Result<Value> {
    let ty = Type::of(oid);
    if is_registered(oid) || statics().types.kind(oid) != Kind::Row {
        return parse(world, &ty, text);
    }
    Err(Error::invalid(text, "a row cannot be a parameter"))
}
