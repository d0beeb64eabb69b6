//! What is in a database, as plain values: all that the catalogue of PostgreSQL is made of.

/// What a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableKind {
    /// Data.
    Table,
    /// A query over data.
    View,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub(crate) struct ColumnDescription {
    /// Its name.
    pub(crate) name: String,
    /// The number of its type.
    pub(crate) type_oid: u32,
    /// The modifier of its type; -1 without one.
    pub(crate) type_modifier: i32,
    /// Whether it may be NULL.
    pub(crate) is_nullable: bool,
    /// What it is calculated from, if nobody can write it.
    pub(crate) generated: Option<String>,
    /// What it means.
    pub(crate) comment: Option<String>,
}

/// That columns of a table are found in the primary key of another.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    /// The columns, by position.
    pub(crate) columns: Vec<usize>,
    /// The schema of the other.
    pub(crate) schema: String,
    /// Its name.
    pub(crate) table: String,
    /// Its columns, by position.
    pub(crate) foreign: Vec<usize>,
}

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct TableDescription {
    /// Its schema.
    pub(crate) schema: String,
    /// Its name.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: TableKind,
    /// How many rows it has, where that is known.
    pub(crate) rows: Option<u64>,
    /// What it means.
    pub(crate) comment: Option<String>,
    /// The query of a view.
    pub(crate) definition: Option<String>,
    /// Its columns, in order.
    pub(crate) columns: Vec<ColumnDescription>,
    /// The columns of the primary key, by position.
    pub(crate) primary_key: Vec<usize>,
    /// The foreign keys.
    pub(crate) references: Vec<Reference>,
}

/// All of a database that a session sees.
#[derive(Clone, Debug, Default)]
pub(crate) struct Description {
    /// The schemas, each with what it means.
    pub(crate) schemas: Vec<(String, Option<String>)>,
    /// The tables.
    pub(crate) tables: Vec<TableDescription>,
}
