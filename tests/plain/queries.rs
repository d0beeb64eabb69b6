//! Random queries over a cube.

use crate::conditions::Draw;
use crate::cubes::World;

/// How near two answers have to be in one column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Near {
    /// The same text.
    #[default]
    Exact,
    /// A sum of any of the cube's values.
    Sum,
    /// A mean of them.
    Mean,
    /// A mean of squares.
    Variance,
    /// The square root of one.
    Deviation,
}

/// A query.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) sql: String,
    /// Whether it decides the order of its rows.
    pub(crate) is_ordered: bool,
    /// Of each column, by position.
    pub(crate) near: Vec<Near>,
}

impl Query {
    /// A query of which nothing is known but its text: any number may be a sum.
    pub(crate) fn repeated(sql: &str) -> Query {
        Query { sql: sql.to_owned(), is_ordered: false, near: vec![Near::Sum; 64] }
    }
}

/// One column of a query.
pub(crate) struct Column {
    pub(crate) expr: String,
    pub(crate) near: Near,
}

impl Column {
    pub(crate) fn exact(expr: impl Into<String>) -> Column {
        Column { expr: expr.into(), near: Near::Exact }
    }
}

/// Columns as they stand after SELECT, and how near each has to be.
pub(crate) fn listed(columns: &[Column]) -> (String, Vec<Near>) {
    let texts: Vec<&str> = columns.iter().map(|column| column.expr.as_str()).collect();
    (texts.join(", "), columns.iter().map(|column| column.near).collect())
}

/// Writes queries over one cube.
pub(crate) struct Writer<'a> {
    pub(crate) draw: Draw<'a>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(world: &'a World, seed: u64) -> Writer<'a> {
        Writer { draw: Draw::new(world, seed) }
    }

    pub(crate) fn table(&self) -> &'a str {
        &self.draw.world.table
    }

    /// The next query.
    pub(crate) fn query(&mut self) -> Query {
        match self.draw.below(100) {
            0..36 => self.groups(),
            36..48 => self.grouping_sets(),
            48..56 => self.distinct(),
            56..66 => self.rows(),
            66..70 => self.top(),
            70..84 => self.windows(),
            84..91 => self.subqueries(),
            91..98 => self.joins(),
            _ => self.union(),
        }
    }
}
