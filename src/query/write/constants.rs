//! `VALUES` of an `INSERT`: constants and parameters need no query, and keep their digits.

use arrow::array::{StringViewArray, StringViewBuilder};
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{Expr, UnaryOperator, Value, Values};

use crate::error::{Error, Result};
use crate::query::write::layout::text;
use crate::query::write::texts::text_of;

/// Where a cell of `VALUES` comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constant {
    /// NULL or DEFAULT.
    Null,
    /// It stands there.
    Text(String),
    /// `$1` is 0.
    Parameter(usize),
    /// An expression, by its number among those that must be calculated.
    Calculated(usize),
}

/// The rows of `VALUES`.
#[derive(Clone, Debug, Default)]
pub(in crate::query) struct Constants {
    pub(super) rows: Vec<Vec<Constant>>,
    /// The expressions that must be calculated.
    pub(super) calculated: Vec<Expr>,
}

impl Constants {
    /// The rows as they are written, at most `width` cells each.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for rows of different or too great length.
    pub(super) fn new(values: &Values, width: usize) -> Result<Self> {
        let mut constants = Self::default();
        let first = values.rows.first().map_or(0, |row| row.content.len());
        for row in &values.rows {
            if row.content.len() != first {
                return Err(Error::invalid("VALUES", "lists must all be the same length"));
            }
            if row.content.len() > width {
                return Err(Error::invalid("INSERT", "has more expressions than target columns"));
            }
            let cells = row.content.iter().map(|cell| constants.constant(cell)).collect();
            constants.rows.push(cells);
        }
        Ok(constants)
    }

    fn constant(&mut self, expr: &Expr) -> Constant {
        constant(expr).unwrap_or_else(|| {
            self.calculated.push(expr.clone());
            Constant::Calculated(self.calculated.len() - 1)
        })
    }

    /// How many rows there are.
    pub(in crate::query) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The width of the rows.
    pub(super) fn width(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }

    /// The rows as columns, with the values of parameters and of calculated expressions.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a parameter without a value, or with one that has no text.
    pub(in crate::query) fn columns(
        &self,
        values: &[ScalarValue],
        calculated: &[StringViewArray],
    ) -> Result<Vec<StringViewArray>> {
        let parameters = values.iter().map(text_of).collect::<Result<Vec<Option<String>>>>()?;
        let mut columns = Vec::with_capacity(self.width());
        for column in 0..self.width() {
            let mut texts = StringViewBuilder::with_capacity(self.rows.len());
            for row in &self.rows {
                texts.append_option(match &row[column] {
                    Constant::Null => None,
                    Constant::Text(text) => Some(text.as_str()),
                    Constant::Parameter(number) => {
                        let value = parameters.get(*number).ok_or_else(|| {
                            Error::invalid(format!("${}", number + 1), "has no value")
                        })?;
                        value.as_deref()
                    }
                    Constant::Calculated(number) => text(calculated, *number, 0),
                });
            }
            columns.push(texts.finish());
        }
        Ok(columns)
    }
}

/// The constant or parameter that an expression is. Absent for one that must be calculated.
pub(super) fn constant(expr: &Expr) -> Option<Constant> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Null => Some(Constant::Null),
            Value::Number(digits, false) => Some(Constant::Text(digits.clone())),
            Value::Boolean(value) => Some(Constant::Text(value.to_string())),
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => {
                Some(Constant::Text(text.clone()))
            }
            Value::DollarQuotedString(text) => Some(Constant::Text(text.value.clone())),
            Value::Placeholder(name) => parameter(name),
            _ => None,
        },
        Expr::Identifier(name) if is_default(name.quote_style, &name.value) => Some(Constant::Null),
        Expr::Nested(inner) => constant(inner),
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => constant(expr).filter(is_number),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match constant(expr) {
            Some(Constant::Text(digits)) if digits.starts_with(|c: char| c.is_ascii_digit()) => {
                Some(Constant::Text(format!("-{digits}")))
            }
            _ => None,
        },
        // The type of a parameter is that of its value.
        Expr::Cast { expr, .. } => constant(expr).filter(|c| matches!(c, Constant::Parameter(_))),
        _ => None,
    }
}

fn is_number(constant: &Constant) -> bool {
    matches!(constant, Constant::Text(text) if text.starts_with(|c: char| c.is_ascii_digit()))
}

fn is_default(quote: Option<char>, name: &str) -> bool {
    quote.is_none() && name.eq_ignore_ascii_case("default")
}

fn parameter(name: &str) -> Option<Constant> {
    let number: usize = name.strip_prefix('$')?.parse().ok()?;
    number.checked_sub(1).map(Constant::Parameter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::write::syntax;
    use datafusion::sql::sqlparser::ast::SetExpr;

    #[test]
    fn constants_keep_their_digits() {
        let query = syntax::parse(
            "VALUES (1.50, -0.10, +2, 'a''b', NULL, default, true, $2, CAST($1 AS NUMERIC), 1 + 1, \
             - -1)",
        );
        let query = query.expect("a query");
        let SetExpr::Values(values) = *query.body else { panic!("VALUES") };
        let constants = Constants::new(&values, 11).expect("fits");
        let text = |text: &str| Constant::Text(text.to_owned());
        let expected = [
            text("1.50"),
            text("-0.10"),
            text("2"),
            text("a'b"),
            Constant::Null,
            Constant::Null,
            text("true"),
            Constant::Parameter(1),
            Constant::Parameter(0),
            Constant::Calculated(0),
            Constant::Calculated(1),
        ];
        assert_eq!(constants.rows, [expected]);
        assert!(Constants::new(&values, 10).is_err(), "one too many");
    }
}
