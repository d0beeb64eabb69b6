//! From the description of a database to the rows of PostgreSQL's catalogue.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use crate::pg::catalog::describe::{ColumnDescription, Description, TableDescription, TableKind};
use crate::pg::catalog::rows::{Class, Constraint, Rows};
use crate::pg::catalog::statics::{PG_CATALOG, PUBLIC, statics};
use crate::pg::catalog::value::Value;

/// Objects of users have numbers from here on, in PostgreSQL too.
const FIRST_USER_OID: u32 = 16_384;
/// The numbers of the catalogue relations that comments are of.
const OF_CLASS: u32 = 1_259;
const OF_NAMESPACE: u32 = 2_615;
const OF_DATABASE: u32 = 1_262;
/// How all tables are kept, and how their indexes are, as far as PostgreSQL is told.
const HEAP: u32 = 2;
const BTREE: u32 = 403;

/// The rows that follow from a database, by relation of `pg_catalog`.
pub(crate) struct Built {
    rows: Mutex<HashMap<&'static str, Vec<Vec<Value>>>>,
}

impl Built {
    /// The rows of a relation: PostgreSQL's own, then those of the database. They are given once,
    /// to whoever keeps them.
    pub(crate) fn take(&self, name: &str) -> Vec<Vec<Value>> {
        let mut all = statics().rows(name);
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(rows.remove(name).into_iter().flatten());
        all
    }
}

/// The rows that follow from a database.
pub(crate) fn build(description: &Description, database: &str) -> Built {
    let mut builder = Builder::default();
    builder.databases(database);
    let namespaces = builder.namespaces(description);
    let namespace =
        |table: &TableDescription| namespaces.get(&table.schema).copied().unwrap_or(PUBLIC);
    for table in &description.tables {
        let oid = builder.numbers.give("class", &table.schema, &table.name);
        builder.tables.insert((table.schema.clone(), table.name.clone()), oid);
        let others = table.references.iter();
        builder.referenced.extend(others.map(|other| (other.schema.clone(), other.table.clone())));
    }
    for table in &description.tables {
        builder.table(table, namespace(table));
    }
    for table in &description.tables {
        builder.references(table, namespace(table));
    }
    Built { rows: Mutex::new(builder.rows.into_all()) }
}

/// Gives each object a number that follows from its name, so that it is the same after a restart
/// and on every replica.
#[derive(Default)]
struct Numbers {
    used: HashSet<u32>,
}

impl Numbers {
    /// A number that no other object has: the hash of the names, or the next that is free.
    fn give(&mut self, kind: &str, schema: &str, name: &str) -> u32 {
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in [kind, "\0", schema, "\0", name].iter().flat_map(|part| part.bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        // Below 2^31: some clients keep a number of an object with a sign.
        let span = u64::from(i32::MAX.unsigned_abs() - FIRST_USER_OID);
        let mut number = FIRST_USER_OID + u32::try_from(hash % span).unwrap_or(0);
        while !self.used.insert(number) {
            number = if number >= i32::MAX.unsigned_abs() { FIRST_USER_OID } else { number + 1 };
        }
        number
    }
}

#[derive(Default)]
struct Builder {
    numbers: Numbers,
    rows: Rows,
    tables: HashMap<(String, String), u32>,
    indexes: HashMap<(String, String), u32>,
    /// Tables that a foreign key leads to.
    referenced: HashSet<(String, String)>,
}

impl Builder {
    fn databases(&mut self, current: &str) {
        let own = self.numbers.give("database", "", "sdmxdb");
        let all = [(1, "template1"), (4, "template0"), (5, "postgres"), (own, "sdmxdb")];
        for (oid, name) in all {
            self.rows.database(oid, name);
        }
        if current == "sdmxdb" {
            let text = "official statistics: SDMX cubes as tables";
            self.rows.describe_shared(own, OF_DATABASE, text);
        }
    }

    /// The numbers of the schemas by name. PostgreSQL's own are among the exported rows.
    fn namespaces(&mut self, description: &Description) -> HashMap<String, u32> {
        let mut all = HashMap::from([
            ("pg_catalog".to_owned(), PG_CATALOG),
            ("public".to_owned(), PUBLIC),
            ("information_schema".to_owned(), statics().information_schema),
        ]);
        for (schema, comment) in &description.schemas {
            if all.contains_key(schema) {
                continue;
            }
            let oid = self.numbers.give("namespace", "", schema);
            all.insert(schema.clone(), oid);
            self.rows.namespace(oid, schema);
            if let Some(comment) = comment {
                self.rows.describe(oid, OF_NAMESPACE, 0, comment);
            }
        }
        all
    }

    fn table(&mut self, table: &TableDescription, namespace: u32) {
        let key = (table.schema.clone(), table.name.clone());
        let Some(oid) = self.tables.get(&key).copied() else { return };
        let row_type = self.numbers.give("type", &table.schema, &table.name);
        let is_table = table.kind == TableKind::Table;
        let class = Class {
            oid,
            name: &table.name,
            namespace,
            row_type,
            access: if is_table { HEAP } else { 0 },
            kind: if is_table { "r" } else { "v" },
            columns: table.columns.len(),
            rows: table.rows,
            has_index: !table.primary_key.is_empty(),
            // PostgreSQL keeps a foreign key by triggers on both sides.
            has_triggers: !table.references.is_empty() || self.referenced.contains(&key),
        };
        self.rows.class(&class);
        self.rows.row_type(&class);
        if !is_table {
            let rule = self.numbers.give("rule", &table.schema, &table.name);
            self.rows.rule(rule, oid, table.definition.as_deref().unwrap_or_default());
        }
        if let Some(comment) = &table.comment {
            self.rows.describe(oid, OF_CLASS, 0, comment);
        }
        for (place, column) in table.columns.iter().enumerate() {
            self.rows.attribute(oid, place + 1, column);
            if let Some(text) = &column.generated {
                let name = format!("{}.{}", table.name, column.name);
                let number = self.numbers.give("expression", &table.schema, &name);
                self.rows.expression(number, oid, place + 1, text);
            }
            if let Some(comment) = &column.comment {
                self.rows.describe(oid, OF_CLASS, place + 1, comment);
            }
        }
        if !table.primary_key.is_empty() {
            self.primary_key(table, oid, namespace);
        }
    }

    fn primary_key(&mut self, table: &TableDescription, oid: u32, namespace: u32) {
        let name = format!("{}_pkey", table.name);
        let index = self.numbers.give("class", &table.schema, &name);
        self.indexes.insert((table.schema.clone(), name.clone()), index);
        let columns = table.primary_key.iter().filter_map(|place| table.columns.get(*place));
        let columns: Vec<&ColumnDescription> = columns.collect();
        self.rows.class(&Class {
            oid: index,
            name: &name,
            namespace,
            row_type: 0,
            access: BTREE,
            kind: "i",
            columns: columns.len(),
            rows: table.rows,
            has_index: false,
            has_triggers: false,
        });
        for (place, column) in columns.iter().enumerate() {
            let column =
                ColumnDescription { is_nullable: true, generated: None, ..(*column).clone() };
            self.rows.attribute(index, place + 1, &column);
        }
        self.rows.index(index, oid, &table.primary_key);
        let constraint = self.numbers.give("constraint", &table.schema, &name);
        let kind = Constraint::PrimaryKey { columns: &table.primary_key };
        self.rows.constraint(constraint, &name, namespace, [oid, index], &kind);
    }

    fn references(&mut self, table: &TableDescription, namespace: u32) {
        let number_of = |numbers: &HashMap<(String, String), u32>, schema: &str, name: &str| {
            numbers.get(&(schema.to_owned(), name.to_owned())).copied()
        };
        let Some(oid) = number_of(&self.tables, &table.schema, &table.name) else { return };
        for reference in &table.references {
            let foreign = number_of(&self.tables, &reference.schema, &reference.table);
            let Some(foreign) = foreign else { continue };
            let names = reference.columns.iter().filter_map(|place| table.columns.get(*place));
            let names: Vec<&str> = names.map(|column| column.name.as_str()).collect();
            let name = format!("{}_{}_fkey", table.name, names.join("_"));
            let key = format!("{}_pkey", reference.table);
            let index = number_of(&self.indexes, &reference.schema, &key).unwrap_or(0);
            let constraint = self.numbers.give("constraint", &table.schema, &name);
            let kind = Constraint::ForeignKey {
                columns: &reference.columns,
                table: foreign,
                foreign: &reference.foreign,
            };
            self.rows.constraint(constraint, &name, namespace, [oid, index], &kind);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_from_names_alone() {
        let (mut a, mut b) = (Numbers::default(), Numbers::default());
        let first = a.give("class", "ecb", "exr");
        assert_ne!(first, a.give("class", "ecb", "exr_labels"));
        assert_eq!(first, b.give("class", "ecb", "exr"));
        assert_eq!(b.give("class", "ecb", "exr"), first + 1);
    }
}
