//! Rows of PostgreSQL's catalogue: which columns say what of an object.

use std::collections::HashMap;

use crate::pg::catalog::describe::ColumnDescription;
use crate::pg::catalog::statics::{OWNER, statics};
use crate::pg::catalog::value::Value;

/// The operator class of texts in an index, and the equality of texts.
const TEXT_OPS: i64 = 3_126;
const TEXT_EQUAL: i64 = 98;
/// The default collation.
const DEFAULT_COLLATION: i64 = 100;
/// The default tablespace.
const DEFAULT_TABLESPACE: i64 = 1_663;
/// The encoding of all texts.
const UTF8: i64 = 6;
/// Bytes of a page: what sizes of tables are counted in.
const PAGE_BYTES: u64 = 8_192;
/// Bytes of a row on such a page, as a guess: planners of clients divide one by the other.
const ROW_BYTES: u64 = 64;

/// What is said of an object: columns and their values. Other columns say nothing.
type Cells<'a> = &'a [(&'static str, Value)];

/// Rows by relation of `pg_catalog`.
#[derive(Default)]
pub(crate) struct Rows {
    all: HashMap<&'static str, Vec<Vec<Value>>>,
    /// Where the columns of a relation's rows stand: each of its rows has the same.
    places: HashMap<&'static str, Vec<usize>>,
}

/// A row of `pg_class`.
pub(crate) struct Class<'a> {
    pub(crate) oid: u32,
    pub(crate) name: &'a str,
    pub(crate) namespace: u32,
    pub(crate) row_type: u32,
    pub(crate) access: u32,
    pub(crate) kind: &'static str,
    pub(crate) columns: usize,
    pub(crate) rows: Option<u64>,
    pub(crate) has_index: bool,
    pub(crate) has_triggers: bool,
}

/// What a constraint asks, columns by position.
pub(crate) enum Constraint<'a> {
    PrimaryKey { columns: &'a [usize] },
    ForeignKey { columns: &'a [usize], table: u32, foreign: &'a [usize] },
}

impl Rows {
    /// All rows.
    pub(crate) fn into_all(self) -> HashMap<&'static str, Vec<Vec<Value>>> {
        self.all
    }

    fn push(&mut self, relation: &'static str, cells: Cells<'_>) {
        let Some(shape) = statics().shape("pg_catalog", relation) else { return };
        let places = self.places.entry(relation).or_insert_with(|| {
            shape.positions(&cells.iter().map(|(name, _)| *name).collect::<Vec<_>>())
        });
        let row = shape.row(places, cells.iter().map(|(_, value)| value.clone()));
        self.all.entry(relation).or_default().push(row);
    }

    pub(crate) fn database(&mut self, oid: u32, name: &str) {
        self.push(
            "pg_database",
            &[
                ("oid", oid.into()),
                ("datname", name.into()),
                ("datdba", OWNER.into()),
                ("encoding", Value::Int(UTF8)),
                ("datlocprovider", "c".into()),
                ("datistemplate", name.starts_with("template").into()),
                ("datallowconn", (name != "template0").into()),
                ("datconnlimit", Value::Int(-1)),
                ("dattablespace", Value::Int(DEFAULT_TABLESPACE)),
                ("datcollate", "C.UTF-8".into()),
                ("datctype", "C.UTF-8".into()),
            ],
        );
    }

    pub(crate) fn namespace(&mut self, oid: u32, name: &str) {
        self.push(
            "pg_namespace",
            &[("oid", oid.into()), ("nspname", name.into()), ("nspowner", OWNER.into())],
        );
    }

    /// What an object of a catalogue relation, or a part of it, means.
    pub(crate) fn describe(&mut self, object: u32, class: u32, part: usize, text: &str) {
        self.push(
            "pg_description",
            &[
                ("objoid", object.into()),
                ("classoid", class.into()),
                ("objsubid", number(part)),
                ("description", text.into()),
            ],
        );
    }

    /// What an object that all databases share means.
    pub(crate) fn describe_shared(&mut self, object: u32, class: u32, text: &str) {
        self.push(
            "pg_shdescription",
            &[("objoid", object.into()), ("classoid", class.into()), ("description", text.into())],
        );
    }

    pub(crate) fn class(&mut self, class: &Class<'_>) {
        let pages =
            class.rows.map_or(0, |rows| rows.saturating_mul(ROW_BYTES).div_ceil(PAGE_BYTES));
        let pages = Value::Int(i32::try_from(pages).unwrap_or(i32::MAX).into());
        #[expect(clippy::cast_precision_loss, reason = "PostgreSQL keeps it as a float4")]
        let tuples = class.rows.map_or(-1.0, |rows| rows as f64);
        let is_index = class.kind == "i";
        let rights = || Value::array(["sdmxdb=arwdDxt/sdmxdb".into(), "=r/sdmxdb".into()]);
        self.push(
            "pg_class",
            &[
                ("oid", class.oid.into()),
                ("relname", class.name.into()),
                ("relnamespace", class.namespace.into()),
                ("reltype", class.row_type.into()),
                ("relowner", OWNER.into()),
                ("relam", class.access.into()),
                ("relfilenode", if class.access == 0 { 0 } else { class.oid }.into()),
                ("relpages", pages.clone()),
                ("reltuples", Value::Float(tuples)),
                ("relallvisible", pages),
                ("relhasindex", class.has_index.into()),
                ("relpersistence", "p".into()),
                ("relkind", class.kind.into()),
                ("relnatts", number(class.columns)),
                ("relhasrules", (class.kind == "v").into()),
                ("relhastriggers", class.has_triggers.into()),
                ("relispopulated", true.into()),
                ("relreplident", if is_index { "n" } else { "d" }.into()),
                ("relacl", if is_index { Value::Null } else { rights() }),
            ],
        );
    }

    /// The type of a table's rows.
    pub(crate) fn row_type(&mut self, class: &Class<'_>) {
        let function = |name: &str| -> Value {
            let found = statics().functions.get(name).and_then(|all| all.first());
            found.map_or(0, |function| function.oid).into()
        };
        self.push(
            "pg_type",
            &[
                ("oid", class.row_type.into()),
                ("typname", class.name.into()),
                ("typnamespace", class.namespace.into()),
                ("typowner", OWNER.into()),
                ("typlen", Value::Int(-1)),
                ("typtype", "c".into()),
                ("typcategory", "C".into()),
                ("typisdefined", true.into()),
                ("typdelim", ",".into()),
                ("typrelid", class.oid.into()),
                ("typinput", function("record_in")),
                ("typoutput", function("record_out")),
                ("typreceive", function("record_recv")),
                ("typsend", function("record_send")),
                ("typalign", "d".into()),
                ("typstorage", "x".into()),
                ("typtypmod", Value::Int(-1)),
            ],
        );
    }

    /// The rule that a view is kept as.
    pub(crate) fn rule(&mut self, oid: u32, view: u32, definition: &str) {
        self.push(
            "pg_rewrite",
            &[
                ("oid", oid.into()),
                ("rulename", "_RETURN".into()),
                ("ev_class", view.into()),
                ("ev_type", "1".into()),
                ("ev_enabled", "O".into()),
                ("is_instead", true.into()),
                ("ev_qual", "<>".into()),
                ("ev_action", definition.into()),
            ],
        );
    }

    /// A column of a relation, counted from 1.
    pub(crate) fn attribute(&mut self, relation: u32, place: usize, column: &ColumnDescription) {
        let Some(known) = statics().types.get(column.type_oid) else { return };
        self.push(
            "pg_attribute",
            &[
                ("attrelid", relation.into()),
                ("attname", column.name.as_str().into()),
                ("atttypid", column.type_oid.into()),
                ("attstattarget", Value::Int(-1)),
                ("attlen", Value::Int(known.length)),
                ("attnum", number(place)),
                ("attndims", i32::from(known.category == 'A').into()),
                ("attcacheoff", Value::Int(-1)),
                ("atttypmod", column.type_modifier.into()),
                ("attbyval", known.by_value.into()),
                ("attalign", known.align.as_str().into()),
                ("attstorage", known.storage.as_str().into()),
                ("attnotnull", (!column.is_nullable).into()),
                ("atthasdef", column.generated.is_some().into()),
                ("attgenerated", if column.generated.is_some() { "s" } else { "" }.into()),
                ("attislocal", true.into()),
                ("attcollation", known.collation.into()),
            ],
        );
    }

    /// What a column is calculated from.
    pub(crate) fn expression(&mut self, oid: u32, relation: u32, place: usize, text: &str) {
        self.push(
            "pg_attrdef",
            &[
                ("oid", oid.into()),
                ("adrelid", relation.into()),
                ("adnum", number(place)),
                ("adbin", text.into()),
            ],
        );
    }

    /// The index of a primary key.
    pub(crate) fn index(&mut self, oid: u32, table: u32, columns: &[usize]) {
        let each = |value: i64| Value::array(columns.iter().map(|_| Value::Int(value)));
        self.push(
            "pg_index",
            &[
                ("indexrelid", oid.into()),
                ("indrelid", table.into()),
                ("indnatts", number(columns.len())),
                ("indnkeyatts", number(columns.len())),
                ("indisunique", true.into()),
                ("indisprimary", true.into()),
                ("indimmediate", true.into()),
                ("indisvalid", true.into()),
                ("indisready", true.into()),
                ("indislive", true.into()),
                ("indkey", numbers(columns)),
                ("indcollation", each(DEFAULT_COLLATION)),
                ("indclass", each(TEXT_OPS)),
                ("indoption", each(0)),
            ],
        );
    }

    /// A constraint on a table; `index` is the one that it rests on.
    pub(crate) fn constraint(
        &mut self,
        oid: u32,
        name: &str,
        namespace: u32,
        [table, index]: [u32; 2],
        kind: &Constraint<'_>,
    ) {
        let (letter, columns, foreign_table, foreign) = match kind {
            Constraint::PrimaryKey { columns } => ("p", columns, 0, None),
            Constraint::ForeignKey { columns, table, foreign } => {
                ("f", columns, *table, Some(foreign))
            }
        };
        let rule = |letter: &str| Value::from(if foreign.is_some() { letter } else { " " });
        let equal = || match foreign {
            Some(foreign) => Value::array(foreign.iter().map(|_| Value::Int(TEXT_EQUAL))),
            None => Value::Null,
        };
        self.push(
            "pg_constraint",
            &[
                ("oid", oid.into()),
                ("conname", name.into()),
                ("connamespace", namespace.into()),
                ("contype", letter.into()),
                ("convalidated", true.into()),
                ("conrelid", table.into()),
                ("conindid", index.into()),
                ("confrelid", foreign_table.into()),
                ("confupdtype", rule("a")),
                ("confdeltype", rule("a")),
                ("confmatchtype", rule("s")),
                ("conislocal", true.into()),
                ("connoinherit", true.into()),
                ("conkey", numbers(columns)),
                ("confkey", foreign.map_or(Value::Null, |foreign| numbers(foreign))),
                ("conpfeqop", equal()),
                ("conppeqop", equal()),
                ("conffeqop", equal()),
            ],
        );
    }
}

fn number(place: usize) -> Value {
    Value::Int(i64::try_from(place).unwrap_or(0))
}

/// The numbers of columns, from 1.
fn numbers(places: &[usize]) -> Value {
    Value::array(places.iter().map(|place| number(place + 1)))
}
