//! What the archive says, made ready once for the whole program: types, functions, and the shape
//! of every relation of `pg_catalog` and `information_schema`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use crate::pg::catalog::archive::{Row, archive};
use crate::pg::catalog::literal::parse_plain;
use crate::pg::catalog::relation::Column;
use crate::pg::catalog::types::{Kind, Type, Types};
use crate::pg::catalog::value::Value;

/// The schema of PostgreSQL's own catalogue.
pub(crate) const PG_CATALOG: u32 = 11;
/// The number of the schema `public`.
pub(crate) const PUBLIC: u32 = 2200;
/// The number of the role that owns everything.
pub(crate) const OWNER: u32 = 10;

/// A relation of the system: its number, its columns, and which of them may be NULL.
pub(crate) struct Shape {
    pub(crate) oid: u32,
    pub(crate) columns: Vec<Column>,
    is_nullable: Vec<bool>,
}

impl Shape {
    /// The positions of columns by name; those that are not there are left out.
    pub(crate) fn positions(&self, names: &[&str]) -> Vec<usize> {
        let position = |name: &&str| self.columns.iter().position(|column| column.name == **name);
        names.iter().filter_map(position).collect()
    }

    /// A row with these values, and with what stands for nothing in all other columns.
    pub(crate) fn row(
        &self,
        positions: &[usize],
        values: impl IntoIterator<Item = Value>,
    ) -> Vec<Value> {
        let nothing = |(column, nullable): (&Column, &bool)| {
            if *nullable { Value::Null } else { nothing(&column.ty) }
        };
        let mut row: Vec<Value> = self.columns.iter().zip(&self.is_nullable).map(nothing).collect();
        for (position, value) in positions.iter().zip(values) {
            if let Some(cell) = row.get_mut(*position) {
                *cell = value;
            }
        }
        row
    }
}

/// What stands for nothing in a column that may not be NULL.
fn nothing(ty: &Type) -> Value {
    match statics().types.kind(ty.oid) {
        Kind::Bool => Value::Bool(false),
        Kind::Int => Value::Int(0),
        Kind::Float => Value::Float(0.0),
        Kind::Text => Value::text(""),
        Kind::Array => Value::array([]),
        Kind::Moment | Kind::Row => Value::Null,
    }
}

/// A function of PostgreSQL.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) oid: u32,
    pub(crate) name: String,
    pub(crate) namespace: u32,
    pub(crate) variadic: u32,
    /// `f` a function, `a` an aggregate, `w` a window function, `p` a procedure.
    pub(crate) kind: char,
    pub(crate) is_strict: bool,
    pub(crate) returns_set: bool,
    pub(crate) defaults: usize,
    pub(crate) result: u32,
    pub(crate) parameters: Vec<u32>,
    /// The types and names of the columns of its result, where it has several.
    pub(crate) outputs: Vec<(String, u32)>,
    /// All arguments as `pg_get_function_arguments` names them: mode, name, type.
    pub(crate) arguments: Vec<(char, String, u32)>,
}

/// All of it.
pub(crate) struct Statics {
    pub(crate) types: Types,
    /// The relations by schema and name.
    pub(crate) shapes: HashMap<(&'static str, String), Shape>,
    /// The functions by name.
    pub(crate) functions: HashMap<String, Vec<Function>>,
    /// Where a function is by its number: its name, and its place among those of the name.
    places: HashMap<u32, (String, usize)>,
    /// The number of `information_schema`.
    pub(crate) information_schema: u32,
}

impl Statics {
    /// The shape of a relation.
    pub(crate) fn shape(&self, schema: &str, name: &str) -> Option<&Shape> {
        let schema = known_schema(schema)?;
        self.shapes.get(&(schema, name.to_owned()))
    }

    /// The function of a number.
    pub(crate) fn function(&self, oid: u32) -> Option<&Function> {
        let (name, place) = self.places.get(&oid)?;
        self.functions.get(name)?.get(*place)
    }

    /// The exported rows of a relation of `pg_catalog`.
    pub(crate) fn rows(&self, name: &str) -> Vec<Vec<Value>> {
        let Some(shape) = self.shape("pg_catalog", name) else { return Vec::new() };
        let value = |(column, cell): (&Column, Option<Cow<'_, str>>)| match cell {
            Some(text) => parse_plain(&self.types, column.ty.oid, &text),
            None => Value::Null,
        };
        let rows = archive().rows(name);
        rows.map(|row| shape.columns.iter().zip(row).map(value).collect()).collect()
    }
}

fn known_schema(schema: &str) -> Option<&'static str> {
    ["pg_catalog", "information_schema"].into_iter().find(|known| *known == schema)
}

/// What the archive says.
pub(crate) fn statics() -> &'static Statics {
    static STATICS: OnceLock<Statics> = OnceLock::new();
    STATICS.get_or_init(|| {
        let types = Types::new(archive());
        let mut namespaces = archive().rows("pg_namespace");
        let named = |row: Row<'_>| (text(&row, 1) == "information_schema").then(|| number(&row, 0));
        let information_schema = namespaces.find_map(named).unwrap_or(0);
        let shapes = shapes(information_schema);
        let functions = functions();
        let places = functions.iter().flat_map(|(name, all)| {
            all.iter().enumerate().map(|(place, found)| (found.oid, (name.clone(), place)))
        });
        Statics { types, shapes, places: places.collect(), functions, information_schema }
    })
}

fn text<'a>(row: &'a Row<'_>, column: usize) -> &'a str {
    row.get(column).and_then(Option::as_deref).unwrap_or("")
}

fn number(row: &Row<'_>, column: usize) -> u32 {
    text(row, column).parse().unwrap_or(0)
}

fn shapes(information_schema: u32) -> HashMap<(&'static str, String), Shape> {
    let mut columns: HashMap<u32, Vec<(Column, bool)>> = HashMap::new();
    for row in archive().rows("pg_attribute") {
        let modifier = text(&row, 8).parse().unwrap_or(-1);
        let ty = Type { modifier, ..Type::of(number(&row, 2)) };
        let column = Column { name: text(&row, 1).to_owned(), ty };
        columns.entry(number(&row, 0)).or_default().push((column, text(&row, 13) != "t"));
    }
    let mut shapes = HashMap::new();
    for row in archive().rows("pg_class") {
        let oid = number(&row, 0);
        let schema = match number(&row, 2) {
            PG_CATALOG => "pg_catalog",
            other if other == information_schema => "information_schema",
            _ => continue,
        };
        if !matches!(text(&row, 16), "r" | "v") {
            continue;
        }
        let (columns, is_nullable) = columns.remove(&oid).unwrap_or_default().into_iter().unzip();
        let shape = Shape { oid, columns, is_nullable };
        shapes.insert((schema, text(&row, 1).to_owned()), shape);
    }
    shapes
}

fn functions() -> HashMap<String, Vec<Function>> {
    let mut all: HashMap<String, Vec<Function>> = HashMap::new();
    for row in archive().rows("pg_proc") {
        let parameters: Vec<u32> =
            text(&row, 19).split_whitespace().filter_map(|oid| oid.parse().ok()).collect();
        let list = |column: usize| -> Vec<String> {
            let text = text(&row, column).trim_start_matches('{').trim_end_matches('}');
            text.split(',').filter(|part| !part.is_empty()).map(unquoted).collect()
        };
        let (types, modes, names) = (list(20), list(21), list(22));
        let all_types: Vec<u32> = if types.is_empty() {
            parameters.clone()
        } else {
            types.iter().filter_map(|oid| oid.parse().ok()).collect()
        };
        let arguments: Vec<(char, String, u32)> = all_types
            .iter()
            .enumerate()
            .map(|(place, oid)| {
                let mode = modes.get(place).and_then(|mode| mode.chars().next()).unwrap_or('i');
                (mode, names.get(place).cloned().unwrap_or_default(), *oid)
            })
            .collect();
        let outputs = arguments.iter().filter(|(mode, ..)| matches!(mode, 'o' | 'b' | 't'));
        let outputs = outputs.map(|(_, name, oid)| (name.clone(), *oid)).collect();
        let function = Function {
            oid: number(&row, 0),
            name: text(&row, 1).to_owned(),
            namespace: number(&row, 2),
            variadic: number(&row, 7),
            kind: text(&row, 9).chars().next().unwrap_or('f'),
            is_strict: text(&row, 12) == "t",
            returns_set: text(&row, 13) == "t",
            defaults: text(&row, 17).parse().unwrap_or(0),
            result: number(&row, 18),
            parameters,
            outputs,
            arguments,
        };
        all.entry(function.name.clone()).or_default().push(function);
    }
    all
}

fn unquoted(part: &str) -> String {
    part.trim_matches('"').to_owned()
}
