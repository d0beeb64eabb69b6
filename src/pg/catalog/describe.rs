//! What is in a database, as plain values: all that the catalogue of PostgreSQL is made of.

/// What a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// Data.
    Table,
    /// A query over data.
    View,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct ColumnDescription {
    /// Its name.
    pub name: String,
    /// The number of its type.
    pub type_oid: u32,
    /// The modifier of its type; -1 without one.
    pub type_modifier: i32,
    /// Whether it may be NULL.
    pub is_nullable: bool,
    /// What it means.
    pub comment: Option<String>,
}

/// That columns of a table are found in the primary key of another.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The columns, by position.
    pub columns: Vec<usize>,
    /// The schema of the other.
    pub schema: String,
    /// Its name.
    pub table: String,
    /// Its columns, by position.
    pub foreign: Vec<usize>,
}

/// A table.
#[derive(Clone, Debug)]
pub struct TableDescription {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: TableKind,
    /// How many rows it has, where that is known.
    pub rows: Option<u64>,
    /// What it means.
    pub comment: Option<String>,
    /// The query of a view.
    pub definition: Option<String>,
    /// Its columns, in order.
    pub columns: Vec<ColumnDescription>,
    /// The columns of the primary key, by position.
    pub primary_key: Vec<usize>,
    /// The foreign keys.
    pub references: Vec<Reference>,
}

/// All of a database that a session sees.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// The schemas, each with what it means.
    pub schemas: Vec<(String, Option<String>)>,
    /// The tables.
    pub tables: Vec<TableDescription>,
}
