//! The catalogue of one database at one moment: its relations, and the names behind numbers.

use std::collections::HashMap;
use std::fmt;
use std::mem::take;
use std::sync::{Arc, OnceLock};

use crate::error::{Error, Result};
use crate::pg::catalog::build::{Built, build};
use crate::pg::catalog::describe::Description;
use crate::pg::catalog::own;
use crate::pg::catalog::relation::{Relation, Shared};
use crate::pg::catalog::session::SessionInfo;
use crate::pg::catalog::statics::{PG_CATALOG, PUBLIC, statics};
use crate::pg::catalog::types::{
    BPCHAR, CHAR, Known, NUMERIC, REGCLASS, REGNAMESPACE, REGPROC, REGROLE, REGTYPE, TIMESTAMP,
    TIMESTAMPTZ, VARCHAR,
};
use crate::pg::catalog::value::Value;
use crate::pg::catalog::views;

/// The catalogue of one database at one moment. Nothing changes once it is made; relations are made
/// when they are first read.
pub(crate) struct World {
    database: String,
    built: Built,
    relations: HashMap<&'static str, HashMap<&'static str, OnceLock<Shared>>>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World of {}", self.database)
    }
}

impl World {
    /// The catalogue of a database.
    pub(crate) fn new(description: &Description, database: &str) -> Self {
        let mut relations: HashMap<_, HashMap<_, _>> = HashMap::new();
        for (schema, name) in statics().shapes.keys() {
            relations.entry(*schema).or_default().insert(name.as_str(), OnceLock::new());
        }
        let built = build(description, database);
        Self { database: database.to_owned(), built, relations }
    }

    /// The name of the database.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// A relation of the catalogue. Absent if there is none of this name.
    ///
    /// # Errors
    ///
    /// Those of a view's query.
    pub(crate) fn relation(
        self: &Arc<Self>,
        schema: &str,
        name: &str,
        session: &SessionInfo,
    ) -> Result<Option<Shared>> {
        let Some(shape) = statics().shape(schema, name) else { return Ok(None) };
        if schema == "pg_catalog"
            && let Some(rows) = own::rows(name, shape, session)
        {
            return Ok(Some(Arc::new(Relation::new(shape.oid, shape.columns.clone(), rows))));
        }
        let Some(cell) = self.cell(schema, name) else { return Ok(None) };
        if let Some(made) = cell.get() {
            return Ok(Some(Arc::clone(made)));
        }
        let Some(rows) = views::rows(self, schema, name, session)? else {
            let has_rows = schema == "pg_catalog";
            let none = || Relation::new(shape.oid, shape.columns.clone(), Vec::new());
            return Ok(Some(if has_rows { self.own(name) } else { Arc::new(none()) }));
        };
        let made = Arc::new(Relation::new(shape.oid, shape.columns.clone(), rows));
        if views::follows_session(schema, name) {
            return Ok(Some(made));
        }
        Ok(Some(Arc::clone(cell.get_or_init(|| made))))
    }

    /// A relation of `pg_catalog` that does not follow from the session.
    pub(crate) fn own(&self, name: &str) -> Shared {
        let make = || {
            let shape = statics().shape("pg_catalog", name);
            let (oid, columns) =
                shape.map_or((0, Vec::new()), |shape| (shape.oid, shape.columns.clone()));
            Arc::new(Relation::new(oid, columns, self.built.take(name)))
        };
        match self.cell("pg_catalog", name) {
            Some(cell) => Arc::clone(cell.get_or_init(make)),
            None => make(),
        }
    }

    fn cell(&self, schema: &str, name: &str) -> Option<&OnceLock<Shared>> {
        self.relations.get(schema)?.get(name)
    }

    /// A cell of the row of `pg_catalog`'s `relation` whose `oid` is this.
    pub(crate) fn look_up(&self, relation: &str, oid: u32, column: &str) -> Value {
        let relation = self.own(relation);
        let (Some(key), Some(column)) = (relation.position("oid"), relation.position(column))
        else {
            return Value::Null;
        };
        match relation.find(key, &Value::from(oid)).first() {
            Some(row) => relation.value(*row, column),
            None => Value::Null,
        }
    }

    /// The numbers of the rows of `pg_catalog`'s `relation` whose `column` has this value.
    pub(crate) fn find(&self, relation: &str, column: &str, value: &Value) -> Vec<u32> {
        let relation = self.own(relation);
        let (Some(column), Some(oid)) = (relation.position(column), relation.position("oid"))
        else {
            return Vec::new();
        };
        let rows = relation.find(column, value).iter();
        rows.filter_map(|row| relation.value(*row, oid).as_oid()).collect()
    }

    /// The number of a schema.
    pub(crate) fn namespace(&self, name: &str) -> Option<u32> {
        self.find("pg_namespace", "nspname", &Value::text(name)).first().copied()
    }

    /// The name of a schema.
    pub(crate) fn namespace_name(&self, oid: u32) -> Option<String> {
        self.look_up("pg_namespace", oid, "nspname").as_text().map(str::to_owned)
    }

    /// The number of the table, view or index of this name; without a schema, along the search path.
    pub(crate) fn class(&self, schema: Option<&str>, name: &str) -> Option<u32> {
        self.in_schema("pg_class", "relname", "relnamespace", schema, name)
    }

    /// The number of a table's column.
    pub(crate) fn attribute(&self, table: u32, column: &str) -> Option<i16> {
        let attributes = self.own("pg_attribute");
        let position = |name: &str| attributes.position(name);
        let (of, name, number) = (position("attrelid")?, position("attname")?, position("attnum")?);
        let rows = attributes.find(of, &table.into()).iter();
        let mut rows = rows.filter(|row| attributes.value(**row, name).as_text() == Some(column));
        attributes.value(*rows.next()?, number).as_int()?.try_into().ok()
    }

    /// Makes what [`World::class`] and [`World::attribute`] look into, which the first of them does
    /// otherwise.
    pub(crate) fn index_names(&self) {
        let known = self.class(Some("pg_catalog"), "pg_class");
        let number = known.and_then(|known| self.attribute(known, "oid"));
        debug_assert_eq!(number, Some(1), "pg_class has a number");
    }

    /// The number of what has this name in a schema; without one, of what is seen without one.
    fn in_schema(
        &self,
        relation: &str,
        column: &str,
        namespace: &str,
        schema: Option<&str>,
        name: &str,
    ) -> Option<u32> {
        let found = self.find(relation, column, &Value::text(name));
        let of = |oid: u32| self.look_up(relation, oid, namespace).as_oid();
        if let Some(schema) = schema {
            let wanted = self.namespace(schema)?;
            return found.into_iter().find(|oid| of(*oid) == Some(wanted));
        }
        let system = found.iter().find(|oid| of(**oid) == Some(PG_CATALOG)).copied();
        system.or_else(|| found.into_iter().find(|oid| self.is_visible(relation, *oid, namespace)))
    }

    /// Whether what `relation` lists under a number is found by its name alone. Tables are, unless
    /// several schemas have one of that name: a name without a schema finds the only one.
    pub(crate) fn is_visible(&self, relation: &str, oid: u32, namespace: &str) -> bool {
        let Some(schema) = self.look_up(relation, oid, namespace).as_oid() else { return false };
        if schema == PG_CATALOG {
            return true;
        }
        if schema == statics().information_schema {
            return false;
        }
        if relation != "pg_class" {
            return schema == PUBLIC;
        }
        let column = "relname";
        let name = self.look_up(relation, oid, column);
        let others = self.find(relation, column, &name);
        let schema_of = |oid: u32| self.look_up(relation, oid, namespace).as_oid();
        let others = others.into_iter().filter(|other| {
            schema_of(*other).is_some_and(|found| found != statics().information_schema)
        });
        others.count() == 1
    }

    /// The number that a text names, for one of the types that show objects by name.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such object.
    pub(crate) fn resolve(&self, oid: u32, text: &str) -> Result<Value> {
        if let Ok(number) = text.parse::<u32>() {
            return Ok(Value::from(number));
        }
        if text == "-" {
            return Ok(Value::Int(0));
        }
        let (schema, name) = split_name(text);
        let schema = schema.as_deref();
        let (kind, found) = match oid {
            REGTYPE => ("type", self.type_named(text)),
            REGCLASS => ("table", self.class(schema, &name)),
            REGNAMESPACE => ("schema", self.namespace(&name)),
            REGROLE => {
                let roles = self.find("pg_authid", "rolname", &Value::text(&name));
                ("role", roles.first().copied())
            }
            _ => {
                let found = self.in_schema("pg_proc", "proname", "pronamespace", schema, &name);
                ("function", found)
            }
        };
        let missing = || Error::not_found(kind, text);
        found.map(Value::from).ok_or_else(missing)
    }

    /// The number of the type that a text names: `integer`, `pg_catalog.int4`, `text[]`.
    pub(crate) fn type_named(&self, text: &str) -> Option<u32> {
        let types = &statics().types;
        let text = text.trim();
        if let Some(element) = text.strip_suffix("[]") {
            let array = types.get(self.type_named(element)?)?.array;
            return (array != 0).then_some(array);
        }
        let plain = text.split_once('(').map_or(text, |(name, _)| name.trim_end());
        if let Some(found) = types.named(&plain.to_lowercase()) {
            return Some(found);
        }
        let (schema, name) = split_name(plain);
        if schema.is_none() || schema.as_deref() == Some("pg_catalog") {
            let system = if name == "char" { Some(CHAR) } else { types.named(&name) };
            if system.is_some() {
                return system;
            }
        }
        self.in_schema("pg_type", "typname", "typnamespace", schema.as_deref(), &name)
    }

    /// How a number of one of those types is shown.
    pub(crate) fn registered(&self, ty: u32, oid: u32) -> String {
        if oid == 0 {
            return "-".to_owned();
        }
        let name = match ty {
            REGTYPE => return self.format_type(oid, -1),
            REGNAMESPACE => self.namespace_name(oid),
            REGROLE => self.look_up("pg_authid", oid, "rolname").as_text().map(str::to_owned),
            REGCLASS => self.qualified("pg_class", oid, "relname", "relnamespace"),
            REGPROC | 2202 => self.function_name(oid),
            2203 | 2204 => self.qualified("pg_operator", oid, "oprname", "oprnamespace"),
            3734 => self.qualified("pg_ts_config", oid, "cfgname", "cfgnamespace"),
            3769 => self.qualified("pg_ts_dict", oid, "dictname", "dictnamespace"),
            _ => self.qualified("pg_collation", oid, "collname", "collnamespace"),
        };
        name.unwrap_or_else(|| oid.to_string())
    }

    /// The name of a function, with its schema where several have it.
    fn function_name(&self, oid: u32) -> Option<String> {
        let found = statics().function(oid)?;
        let is_only = statics().functions.get(&found.name).is_some_and(|all| all.len() == 1);
        let name = quote_name(&found.name);
        if is_only && found.namespace == PG_CATALOG {
            return Some(name);
        }
        Some(format!("{}.{name}", quote_name(&self.namespace_name(found.namespace)?)))
    }

    /// A name as it must be written: with its schema where it is not found without.
    fn qualified(&self, relation: &str, oid: u32, name: &str, namespace: &str) -> Option<String> {
        let found = self.look_up(relation, oid, name);
        let found = found.as_text()?;
        let quoted = quote_name(found);
        if self.is_visible(relation, oid, namespace) {
            return Some(quoted);
        }
        let schema = self.look_up(relation, oid, namespace).as_oid()?;
        Some(format!("{}.{quoted}", quote_name(&self.namespace_name(schema)?)))
    }

    /// `format_type`: the name of a type as SQL writes it.
    pub(crate) fn format_type(&self, oid: u32, modifier: i32) -> String {
        let types = &statics().types;
        if oid == 0 {
            return "-".to_owned();
        }
        let Some(known) = types.get(oid) else {
            let name = self.qualified("pg_type", oid, "typname", "typnamespace");
            return name.unwrap_or_else(|| "???".to_owned());
        };
        if known.element != 0 && known.length == -1 && known.name.starts_with('_') {
            return format!("{}[]", self.format_type(known.element, modifier));
        }
        let length = |name: &str| match modifier - 4 {
            length if modifier > 4 => format!("{name}({length})"),
            _ => name.to_owned(),
        };
        let digits = |name: &str| match modifier {
            0.. => format!("{name}({modifier})"),
            _ => name.to_owned(),
        };
        match known.name.as_str() {
            "bool" => "boolean".to_owned(),
            "int2" => "smallint".to_owned(),
            "int4" => "integer".to_owned(),
            "int8" => "bigint".to_owned(),
            "float4" => "real".to_owned(),
            "float8" => "double precision".to_owned(),
            "bpchar" if modifier <= 4 => "character".to_owned(),
            "char" => "\"char\"".to_owned(),
            "bit" => length("bit"),
            "varbit" => "bit varying".to_owned(),
            "interval" => "interval".to_owned(),
            "time" => "time without time zone".to_owned(),
            "timetz" => "time with time zone".to_owned(),
            _ => match oid {
                BPCHAR => length("character"),
                VARCHAR => length("character varying"),
                TIMESTAMP => format!("{} without time zone", digits("timestamp")),
                TIMESTAMPTZ => format!("{} with time zone", digits("timestamp")),
                NUMERIC if modifier > 4 => {
                    let (precision, scale) = ((modifier - 4) >> 16, (modifier - 4) & 0x7ff);
                    format!("numeric({precision},{scale})")
                }
                NUMERIC => "numeric".to_owned(),
                _ => in_schema(known),
            },
        }
    }
}

/// The name of a type, with its schema unless that is PostgreSQL's own.
fn in_schema(known: &Known) -> String {
    let name = quote_name(&known.name);
    if known.namespace == statics().information_schema {
        format!("information_schema.{name}")
    } else {
        name
    }
}

/// The schema and the name of `"Schema"."table"`; what is not between quotes in lower case.
pub(crate) fn split_name(text: &str) -> (Option<String>, String) {
    let (mut parts, mut part, mut within) = (Vec::new(), String::new(), false);
    let mut letters = text.trim().chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if within && letters.peek() == Some(&'"') => {
                letters.next();
                part.push('"');
            }
            '"' => within = !within,
            '.' if !within => parts.push(take(&mut part)),
            other if within => part.push(other),
            other => part.extend(other.to_lowercase()),
        }
    }
    (parts.pop(), part)
}

/// A name between quotes where it must be.
pub(crate) fn quote_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if starts && name.chars().all(plain) && !own::is_reserved(name) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_names_at_dots_outside_quotes() {
        let check = |text: &str, schema: Option<&str>, name: &str| {
            assert_eq!(split_name(text), (schema.map(str::to_owned), name.to_owned()), "{text}");
        };
        check("obs", None, "obs");
        check("public.Obs", Some("public"), "obs");
        check("\"a.b\".\"C\"\"d\"", Some("a.b"), "C\"d");
    }
}
