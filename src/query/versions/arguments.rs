//! The constants that functions over versions are called with.

use std::fmt::Display;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;

use crate::error::{Error, Result};
use crate::store::AsOf;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// The arguments of one call of a function.
pub(super) struct Arguments<'a> {
    pub(super) function: &'static str,
    /// How it is called, for whoever calls it otherwise.
    pub(super) usage: &'static str,
    pub(super) all: &'a [Expr],
}

impl Arguments<'_> {
    /// Refuses a call with fewer or more arguments.
    pub(super) fn check_count(&self, least: usize, most: usize) -> Result<()> {
        if (least..=most).contains(&self.all.len()) {
            return Ok(());
        }
        Err(self.refuse(format!("it has {} arguments", self.all.len())))
    }

    /// The text at a place; absent where there is none, or NULL.
    pub(super) fn text(&self, place: usize) -> Result<Option<&str>> {
        match self.constant(place)? {
            None => Ok(None),
            Some(value) => match value.try_as_str() {
                Some(text) => Ok(text),
                None => Err(self.refuse(format!("argument {} is no text", place + 1))),
            },
        }
    }

    /// The commit or the time at a place; absent where there is none, or NULL.
    pub(super) fn as_of(&self, place: usize) -> Result<Option<AsOf>> {
        let Some(value) = self.constant(place)? else { return Ok(None) };
        if value.is_null() {
            return Ok(None);
        }
        if let Some(text) = value.try_as_str() {
            return text.map(AsOf::parse).transpose();
        }
        let refused = || self.refuse(format!("argument {} is neither time nor commit", place + 1));
        let days = |value: &ScalarValue| match value {
            ScalarValue::Date32(Some(days)) => i64::from(*days).checked_mul(MICROS_PER_DAY),
            _ => None,
        };
        match value.data_type() {
            kind if kind.is_integer() => AsOf::parse(&value.to_string()).map(Some),
            DataType::Timestamp(_, zone) => {
                let unit = DataType::Timestamp(TimeUnit::Microsecond, zone);
                match value.cast_to(&unit).map_err(|_| refused())? {
                    ScalarValue::TimestampMicrosecond(Some(micros), _) => {
                        Ok(Some(AsOf::Time(micros)))
                    }
                    _ => Err(refused()),
                }
            }
            _ => days(value).map(|micros| Some(AsOf::Time(micros))).ok_or_else(refused),
        }
    }

    fn constant(&self, place: usize) -> Result<Option<&ScalarValue>> {
        match self.all.get(place) {
            None => Ok(None),
            Some(Expr::Literal(value, _)) => Ok(Some(value)),
            Some(_) => {
                let reason = format!("argument {} is no constant, which it must be", place + 1);
                Err(self.refuse(reason))
            }
        }
    }

    /// What is wrong, and what would be right.
    pub(super) fn refuse(&self, reason: impl Display) -> Error {
        Error::invalid(
            format!("function {}", self.function),
            format!("{reason}; write {}", self.usage),
        )
    }
}
