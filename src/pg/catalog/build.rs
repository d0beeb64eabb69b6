//! From the description of a database to the rows of PostgreSQL's catalogue.

use std::collections::{HashMap, HashSet};

use crate::pg::catalog::describe::{Description, TableDescription, TableKind};
use crate::pg::catalog::statics::{OWNER, PG_CATALOG, PUBLIC, Shape, statics};
use crate::pg::catalog::value::Value;

/// Objects of users have numbers from here on, in PostgreSQL too.
const FIRST_USER_OID: u32 = 16_384;
/// The numbers of the catalogue relations that comments are of.
const OF_CLASS: u32 = 1_259;
const OF_NAMESPACE: u32 = 2_615;
const OF_DATABASE: u32 = 1_262;
/// The table access method that all tables name, and the one of their indexes.
const HEAP: u32 = 2;
const BTREE: u32 = 403;
/// The operator class of texts in an index, and the equality of texts.
const TEXT_OPS: i64 = 3_126;
const TEXT_EQUAL: i64 = 98;
/// The default collation.
const DEFAULT_COLLATION: u32 = 100;
/// Bytes of a page: what sizes of tables are counted in.
const PAGE_BYTES: u64 = 8_192;
/// Bytes of a row on such a page, as a guess: planners of clients divide one by the other.
const ROW_BYTES: u64 = 64;

/// The rows that follow from a database, by relation of `pg_catalog`.
pub(crate) struct Built {
    rows: HashMap<&'static str, Vec<Vec<Value>>>,
}

impl Built {
    /// The rows of a relation: PostgreSQL's own, then those of the database.
    pub(crate) fn rows(&self, name: &str) -> Vec<Vec<Value>> {
        let mut all = statics().rows(name);
        all.extend(self.rows.get(name).into_iter().flatten().cloned());
        all
    }
}

/// The rows that follow from a database.
pub(crate) fn build(description: &Description, database: &str) -> Built {
    let mut builder = Builder {
        numbers: Numbers::default(),
        rows: HashMap::new(),
        positions: HashMap::new(),
        tables: HashMap::new(),
        indexes: HashMap::new(),
    };
    builder.databases(database);
    let namespaces = builder.namespaces(description);
    let namespace =
        |table: &TableDescription| namespaces.get(&table.schema).copied().unwrap_or(PUBLIC);
    for table in &description.tables {
        let oid = builder.numbers.give("class", &table.schema, &table.name);
        builder.tables.insert((table.schema.clone(), table.name.clone()), oid);
    }
    for table in &description.tables {
        builder.table(table, namespace(table));
    }
    for table in &description.tables {
        builder.references(table, namespace(table));
    }
    Built { rows: builder.rows }
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

struct Builder {
    numbers: Numbers,
    rows: HashMap<&'static str, Vec<Vec<Value>>>,
    positions: HashMap<&'static str, Vec<usize>>,
    tables: HashMap<(String, String), u32>,
    indexes: HashMap<(String, String), u32>,
}

impl Builder {
    /// Adds a row to a relation. The names of its columns must be the same at each call.
    fn push(&mut self, relation: &'static str, names: &[&str], values: Vec<Value>) {
        let Some(shape) = statics().shape("pg_catalog", relation) else { return };
        let positions = self.positions.entry(relation).or_insert_with(|| shape.positions(names));
        let row = Shape::row(shape, positions, values);
        self.rows.entry(relation).or_default().push(row);
    }

    fn databases(&mut self, current: &str) {
        let own = self.numbers.give("database", "", "sdmxdb");
        let all = [(1, "template1", true), (4, "template0", true), (5, "postgres", false)];
        for (oid, name, is_template) in all.into_iter().chain([(own, "sdmxdb", false)]) {
            let allows = name != "template0";
            self.push(
                "pg_database",
                &[
                    "oid",
                    "datname",
                    "datdba",
                    "encoding",
                    "datlocprovider",
                    "datistemplate",
                    "datallowconn",
                    "datconnlimit",
                    "dattablespace",
                    "datcollate",
                    "datctype",
                ],
                vec![
                    Value::from(oid),
                    name.into(),
                    OWNER.into(),
                    Value::Int(6),
                    "c".into(),
                    is_template.into(),
                    allows.into(),
                    Value::Int(-1),
                    Value::Int(1_663),
                    "C.UTF-8".into(),
                    "C.UTF-8".into(),
                ],
            );
        }
        let columns = ["objoid", "classoid", "description"];
        if current == "sdmxdb" {
            let text = "official statistics: SDMX cubes as tables";
            let row = vec![own.into(), OF_DATABASE.into(), text.into()];
            self.push("pg_shdescription", &columns, row);
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
            let known = all.contains_key(schema);
            let new = |numbers: &mut Numbers| numbers.give("namespace", "", schema);
            let oid = *all.entry(schema.clone()).or_insert_with(|| new(&mut self.numbers));
            if !known {
                let columns = ["oid", "nspname", "nspowner"];
                let row = vec![oid.into(), Value::text(schema), OWNER.into()];
                self.push("pg_namespace", &columns, row);
            }
            if let Some(comment) = comment.as_ref().filter(|_| !known) {
                self.describe(oid, OF_NAMESPACE, 0, comment);
            }
        }
        all
    }

    fn describe(&mut self, object: u32, class: u32, part: usize, text: &str) {
        let columns = ["objoid", "classoid", "objsubid", "description"];
        let row = vec![object.into(), class.into(), number(part), Value::text(text)];
        self.push("pg_description", &columns, row);
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
            has_rules: !is_table,
            has_triggers: !table.references.is_empty(),
        };
        self.class(&class);
        self.row_type(&class);
        if !is_table {
            let rule = self.numbers.give("rule", &table.schema, &table.name);
            let columns = [
                "oid",
                "rulename",
                "ev_class",
                "ev_type",
                "ev_enabled",
                "is_instead",
                "ev_qual",
                "ev_action",
            ];
            let action = Value::text(table.definition.as_deref().unwrap_or_default());
            let row = vec![
                rule.into(),
                "_RETURN".into(),
                oid.into(),
                "1".into(),
                "O".into(),
                true.into(),
                "<>".into(),
                action,
            ];
            self.push("pg_rewrite", &columns, row);
        }
        if let Some(comment) = &table.comment {
            self.describe(oid, OF_CLASS, 0, comment);
        }
        for (place, column) in table.columns.iter().enumerate() {
            let (ty, modifier) = (column.type_oid, column.type_modifier);
            self.attribute(oid, place + 1, &column.name, ty, modifier, column.is_nullable);
            if let Some(comment) = &column.comment {
                self.describe(oid, OF_CLASS, place + 1, comment);
            }
        }
        if !table.primary_key.is_empty() {
            self.primary_key(table, oid, namespace);
        }
    }

    fn class(&mut self, class: &Class<'_>) {
        let pages = class.rows.map_or(0, |rows| (rows * ROW_BYTES).div_ceil(PAGE_BYTES));
        #[expect(clippy::cast_precision_loss, reason = "PostgreSQL keeps it as a float4")]
        let tuples = Value::Float(class.rows.map_or(-1.0, |rows| rows as f64));
        let pages =
            Value::Int(i64::try_from(pages.min(u64::from(i32::MAX.unsigned_abs()))).unwrap_or(0));
        let file = if class.access == 0 { 0 } else { class.oid };
        self.push(
            "pg_class",
            &[
                "oid",
                "relname",
                "relnamespace",
                "reltype",
                "relowner",
                "relam",
                "relfilenode",
                "relpages",
                "reltuples",
                "relallvisible",
                "relhasindex",
                "relpersistence",
                "relkind",
                "relnatts",
                "relhasrules",
                "relhastriggers",
                "relispopulated",
                "relreplident",
                "relacl",
            ],
            vec![
                class.oid.into(),
                class.name.into(),
                class.namespace.into(),
                class.row_type.into(),
                OWNER.into(),
                class.access.into(),
                file.into(),
                pages.clone(),
                tuples,
                pages,
                class.has_index.into(),
                "p".into(),
                class.kind.into(),
                number(class.columns),
                class.has_rules.into(),
                class.has_triggers.into(),
                true.into(),
                if class.kind == "i" { "n" } else { "d" }.into(),
                if class.kind == "i" {
                    Value::Null
                } else {
                    Value::array(["sdmxdb=arwdDxt/sdmxdb".into(), "=r/sdmxdb".into()])
                },
            ],
        );
    }

    /// The type of a table's rows.
    fn row_type(&mut self, class: &Class<'_>) {
        let io = |name: &str| -> Value {
            let found = statics().functions.get(name).and_then(|all| all.first());
            found.map_or(0, |function| function.oid).into()
        };
        self.push(
            "pg_type",
            &[
                "oid",
                "typname",
                "typnamespace",
                "typowner",
                "typlen",
                "typtype",
                "typcategory",
                "typisdefined",
                "typdelim",
                "typrelid",
                "typinput",
                "typoutput",
                "typreceive",
                "typsend",
                "typalign",
                "typstorage",
                "typtypmod",
            ],
            vec![
                class.row_type.into(),
                class.name.into(),
                class.namespace.into(),
                OWNER.into(),
                Value::Int(-1),
                "c".into(),
                "C".into(),
                true.into(),
                ",".into(),
                class.oid.into(),
                io("record_in"),
                io("record_out"),
                io("record_recv"),
                io("record_send"),
                "d".into(),
                "x".into(),
                Value::Int(-1),
            ],
        );
    }

    fn attribute(
        &mut self,
        relation: u32,
        place: usize,
        name: &str,
        ty: u32,
        modifier: i32,
        is_nullable: bool,
    ) {
        let Some(known) = statics().types.get(ty) else { return };
        self.push(
            "pg_attribute",
            &[
                "attrelid",
                "attname",
                "atttypid",
                "attstattarget",
                "attlen",
                "attnum",
                "attndims",
                "attcacheoff",
                "atttypmod",
                "attbyval",
                "attalign",
                "attstorage",
                "attnotnull",
                "attislocal",
                "attcollation",
            ],
            vec![
                relation.into(),
                name.into(),
                ty.into(),
                Value::Int(-1),
                Value::Int(known.length),
                number(place),
                i32::from(known.category == 'A').into(),
                Value::Int(-1),
                modifier.into(),
                known.by_value.into(),
                Value::text(&known.align),
                Value::text(&known.storage),
                (!is_nullable).into(),
                true.into(),
                known.collation.into(),
            ],
        );
    }

    fn primary_key(&mut self, table: &TableDescription, oid: u32, namespace: u32) {
        let name = format!("{}_pkey", table.name);
        let index = self.numbers.give("class", &table.schema, &name);
        self.indexes.insert((table.schema.clone(), name.clone()), index);
        let columns = table.primary_key.iter().filter_map(|place| table.columns.get(*place));
        let columns: Vec<_> = columns.collect();
        self.class(&Class {
            oid: index,
            name: &name,
            namespace,
            row_type: 0,
            access: BTREE,
            kind: "i",
            columns: columns.len(),
            rows: table.rows,
            has_index: false,
            has_rules: false,
            has_triggers: false,
        });
        for (place, column) in columns.iter().enumerate() {
            let (ty, modifier) = (column.type_oid, column.type_modifier);
            self.attribute(index, place + 1, &column.name, ty, modifier, true);
        }
        let keys = Value::array(table.primary_key.iter().map(|place| number(place + 1)));
        let each = |value: Value| Value::array(columns.iter().map(|_| value.clone()));
        self.push(
            "pg_index",
            &[
                "indexrelid",
                "indrelid",
                "indnatts",
                "indnkeyatts",
                "indisunique",
                "indisprimary",
                "indimmediate",
                "indisvalid",
                "indisready",
                "indislive",
                "indkey",
                "indcollation",
                "indclass",
                "indoption",
            ],
            vec![
                index.into(),
                oid.into(),
                number(columns.len()),
                number(columns.len()),
                true.into(),
                true.into(),
                true.into(),
                true.into(),
                true.into(),
                true.into(),
                keys.clone(),
                each(DEFAULT_COLLATION.into()),
                each(Value::Int(TEXT_OPS)),
                each(Value::Int(0)),
            ],
        );
        let constraint = self.numbers.give("constraint", &table.schema, &name);
        self.constraint(constraint, &name, namespace, "p", [oid, index, 0], [keys, Value::Null]);
    }

    /// A constraint on a table, with its index, to another table; the columns on both sides.
    fn constraint(
        &mut self,
        oid: u32,
        name: &str,
        namespace: u32,
        kind: &str,
        [table, index, foreign]: [u32; 3],
        [columns, foreign_columns]: [Value; 2],
    ) {
        let is_reference = kind == "f";
        let rule = |letter: &str| Value::from(if is_reference { letter } else { " " });
        let equal = match (&foreign_columns, is_reference) {
            (Value::Array(columns), true) => {
                Value::array(columns.iter().map(|_| Value::Int(TEXT_EQUAL)))
            }
            _ => Value::Null,
        };
        self.push(
            "pg_constraint",
            &[
                "oid",
                "conname",
                "connamespace",
                "contype",
                "convalidated",
                "conrelid",
                "conindid",
                "confrelid",
                "confupdtype",
                "confdeltype",
                "confmatchtype",
                "conislocal",
                "connoinherit",
                "conkey",
                "confkey",
                "conpfeqop",
                "conppeqop",
                "conffeqop",
            ],
            vec![
                oid.into(),
                name.into(),
                namespace.into(),
                kind.into(),
                true.into(),
                table.into(),
                index.into(),
                foreign.into(),
                rule("a"),
                rule("a"),
                rule("s"),
                true.into(),
                true.into(),
                columns,
                foreign_columns,
                equal.clone(),
                equal.clone(),
                equal,
            ],
        );
    }

    fn references(&mut self, table: &TableDescription, namespace: u32) {
        let number_of = |tables: &HashMap<(String, String), u32>, schema: &str, name: &str| {
            tables.get(&(schema.to_owned(), name.to_owned())).copied()
        };
        let Some(oid) = number_of(&self.tables, &table.schema, &table.name) else { return };
        for reference in &table.references {
            let foreign = number_of(&self.tables, &reference.schema, &reference.table);
            let Some(foreign) = foreign else { continue };
            let names = reference.columns.iter().filter_map(|place| table.columns.get(*place));
            let names: Vec<&str> = names.map(|column| column.name.as_str()).collect();
            let name = format!("{}_{}_fkey", table.name, names.join("_"));
            let index_name = format!("{}_pkey", reference.table);
            let index = number_of(&self.indexes, &reference.schema, &index_name).unwrap_or(0);
            let constraint = self.numbers.give("constraint", &table.schema, &name);
            let columns = |places: &[usize]| Value::array(places.iter().map(|p| number(p + 1)));
            let sides = [columns(&reference.columns), columns(&reference.foreign)];
            self.constraint(constraint, &name, namespace, "f", [oid, index, foreign], sides);
        }
    }
}

/// A row of `pg_class`.
struct Class<'a> {
    oid: u32,
    name: &'a str,
    namespace: u32,
    row_type: u32,
    access: u32,
    kind: &'a str,
    columns: usize,
    rows: Option<u64>,
    has_index: bool,
    has_rules: bool,
    has_triggers: bool,
}

fn number(place: usize) -> Value {
    Value::Int(i64::try_from(place).unwrap_or(0))
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
