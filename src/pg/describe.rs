//! What a client is told of the columns of an answer, before any row.

use arrow::datatypes::{FieldRef, Schema};
use pgwire::messages::data::FieldDescription;

use crate::pg::types::{Format, WireType, wire_type};

/// One column of an answer.
#[derive(Clone, Debug)]
pub(super) struct Described {
    name: String,
    wire: WireType,
    /// The numbers of the table and the column that it is taken from; zeros for an expression.
    origin: (i32, i16),
}

impl Described {
    /// A column of text that is no column of a table.
    pub(super) fn text(name: &str) -> Self {
        Self { name: name.to_owned(), wire: WireType::of(25), origin: (0, 0) }
    }

    /// The columns of a schema; `origin` has the numbers of those that are columns of tables.
    pub(super) fn all(schema: &Schema, origin: impl Fn(usize) -> Option<(i32, i16)>) -> Vec<Self> {
        let describe = |(place, field): (usize, &FieldRef)| Self {
            name: field.name().clone(),
            wire: wire_type(field),
            origin: origin(place).unwrap_or_default(),
        };
        schema.fields().iter().enumerate().map(describe).collect()
    }

    /// The same, for a client that knows ASCII only.
    pub(super) fn in_ascii(mut self) -> Self {
        self.name = self.name.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
        self
    }

    /// The message's part, for values in this format.
    pub(super) fn field(self, format: Format) -> FieldDescription {
        let WireType { oid, length, modifier } = self.wire;
        let (table, column) = self.origin;
        FieldDescription::new(self.name, table, column, oid, length, modifier, format.code())
    }
}
