//! Values of any type as the texts that a data message would have.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;

use crate::error::Result;
use crate::query::error::from_datafusion;

/// The texts of a column. Decimals and whole numbers keep their digits; a double has as few as
/// tell it from its neighbours, and no exponent; dates and moments are those of ISO 8601.
///
/// # Errors
///
/// [`crate::Error::Invalid`] for a type that has no text, such as a list.
pub(super) fn texts(values: &ArrayRef) -> Result<StringViewArray> {
    let texts: StringViewArray = match values.data_type() {
        DataType::Utf8View => return Ok(values.as_string_view().clone()),
        DataType::Float64 => {
            values.as_primitive::<Float64Type>().iter().map(|v| v.map(text_of_double)).collect()
        }
        DataType::Float32 => {
            let values = values.as_primitive::<Float32Type>().iter();
            let text =
                |v: f32| if v.is_finite() { v.to_string() } else { text_of_double(v.into()) };
            values.map(|v| v.map(text)).collect()
        }
        DataType::Null => (0..values.len()).map(|_| None::<&str>).collect(),
        _ => {
            let cast = cast(values, &DataType::Utf8View);
            let cast = cast.map_err(|error| from_datafusion(&DataFusionError::from(error)))?;
            cast.as_string_view().clone()
        }
    };
    Ok(texts)
}

/// The texts of all columns.
///
/// # Errors
///
/// Those of [`texts`].
pub(in crate::query) fn texts_of(batch: &RecordBatch) -> Result<Vec<StringViewArray>> {
    batch.columns().iter().map(texts).collect()
}

/// The text of one value. Absent for NULL.
///
/// # Errors
///
/// Those of [`texts`].
pub(super) fn text_of(value: &ScalarValue) -> Result<Option<String>> {
    match value {
        ScalarValue::Utf8(text) | ScalarValue::Utf8View(text) | ScalarValue::LargeUtf8(text) => {
            Ok(text.clone())
        }
        other => {
            let array = other.to_array().map_err(|error| from_datafusion(&error))?;
            let texts = texts(&Arc::clone(&array))?;
            Ok((!texts.is_null(0)).then(|| texts.value(0).to_owned()))
        }
    }
}

/// The shortest decimal that is read back as this double.
fn text_of_double(value: f64) -> String {
    match value {
        _ if value.is_nan() => "NaN".to_owned(),
        _ if value.is_infinite() => if value > 0.0 { "INF" } else { "-INF" }.to_owned(),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_what_a_message_would_say() {
        let check = |value: ScalarValue, expected: Option<&str>| {
            assert_eq!(text_of(&value).expect("a text").as_deref(), expected, "{value:?}");
        };
        check(ScalarValue::Float64(Some(1.5)), Some("1.5"));
        check(ScalarValue::Float64(Some(3.0)), Some("3"));
        check(ScalarValue::Float64(Some(1e21)), Some("1000000000000000000000"));
        check(ScalarValue::Float64(Some(1e-7)), Some("0.0000001"));
        check(ScalarValue::Float64(Some(f64::NAN)), Some("NaN"));
        check(ScalarValue::Float64(Some(f64::NEG_INFINITY)), Some("-INF"));
        check(ScalarValue::Float32(Some(0.1)), Some("0.1"));
        check(ScalarValue::Decimal128(Some(150), 5, 2), Some("1.50"));
        check(ScalarValue::Int64(Some(-7)), Some("-7"));
        check(ScalarValue::Boolean(Some(true)), Some("true"));
        check(ScalarValue::Utf8(Some("01".to_owned())), Some("01"));
        check(ScalarValue::Date32(Some(0)), Some("1970-01-01"));
        check(ScalarValue::Float64(None), None);
        check(ScalarValue::Null, None);
    }
}
