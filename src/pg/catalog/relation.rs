//! Rows of the catalogue in memory, by column, with an index for whoever looks one up.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::pg::catalog::types::Type;
use crate::pg::catalog::value::Value;

/// A column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) ty: Type,
}

/// The values of a column.
enum Data {
    /// The same in each row, as most of what a catalogue says.
    Same(Value),
    /// One a row.
    Each(Vec<Value>),
}

type Index = HashMap<Value, Vec<u32>>;

/// Rows of one shape. Nothing changes once they are made.
pub(crate) struct Relation {
    /// The number of the relation in `pg_class`; 0 for rows of no relation.
    pub(crate) oid: u32,
    columns: Vec<Column>,
    data: Vec<Data>,
    len: usize,
    indexes: Vec<OnceLock<Index>>,
}

impl fmt::Debug for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Relation({}, {} rows)", self.oid, self.len)
    }
}

impl Relation {
    /// A relation of these rows; each has a value a column.
    pub(crate) fn new(oid: u32, columns: Vec<Column>, rows: Vec<Vec<Value>>) -> Self {
        let len = rows.len();
        let mut data: Vec<Vec<Value>> = columns.iter().map(|_| Vec::with_capacity(len)).collect();
        for row in rows {
            for (column, value) in data.iter_mut().zip(row) {
                column.push(value);
            }
        }
        let data = data.into_iter().map(|values| match values.first() {
            Some(first) if values.iter().all(|value| value == first) => Data::Same(first.clone()),
            _ => Data::Each(values),
        });
        let indexes = columns.iter().map(|_| OnceLock::new()).collect();
        Self { oid, data: data.collect(), columns, len, indexes }
    }

    /// The columns.
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// How many rows.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The position of a column.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// A value; nothing outside the rows or the columns.
    pub(crate) fn value(&self, row: u32, column: usize) -> Value {
        match self.data.get(column) {
            Some(Data::Same(value)) => value.clone(),
            Some(Data::Each(values)) => values.get(row as usize).cloned().unwrap_or(Value::Null),
            None => Value::Null,
        }
    }

    /// The rows in which a column has this value.
    pub(crate) fn find(&self, column: usize, value: &Value) -> &[u32] {
        self.index(column).and_then(|index| index.get(value)).map_or(&[], Vec::as_slice)
    }

    /// How many rows a value of the column is found in, on average.
    pub(crate) fn fan_out(&self, column: usize) -> usize {
        self.index(column).map_or(self.len, |index| self.len.div_ceil(index.len().max(1)))
    }

    fn index(&self, column: usize) -> Option<&Index> {
        let index = self.indexes.get(column)?;
        Some(index.get_or_init(|| {
            let mut found = Index::new();
            for row in 0..u32::try_from(self.len).unwrap_or(u32::MAX) {
                let value = self.value(row, column);
                if !value.is_null() {
                    found.entry(value).or_default().push(row);
                }
            }
            found
        }))
    }
}

/// A relation that several use.
pub(crate) type Shared = Arc<Relation>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::catalog::types::{INT4, TEXT};

    #[test]
    fn finds_rows_by_value() {
        let column = |name: &str, oid| Column { name: name.to_owned(), ty: Type::of(oid) };
        let columns = vec![column("a", INT4), column("b", TEXT)];
        let row = |a: i32, b: &str| vec![Value::from(a), Value::from(b)];
        let relation = Relation::new(0, columns, vec![row(1, "x"), row(2, "x"), row(1, "x")]);
        assert_eq!(relation.find(0, &Value::from(1)), [0, 2]);
        assert_eq!(relation.find(1, &Value::from("y")), [] as [u32; 0]);
        assert_eq!(relation.value(2, 1), Value::from("x"));
        assert_eq!((relation.fan_out(0), relation.fan_out(1)), (2, 3));
        assert_eq!(relation.position("b"), Some(1));
    }
}
