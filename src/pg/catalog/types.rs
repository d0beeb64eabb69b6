//! The types of PostgreSQL: numbers, names, and how one becomes another.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::pg::catalog::archive::Archive;

pub(crate) const BOOL: u32 = 16;
pub(crate) const CHAR: u32 = 18;
pub(crate) const NAME: u32 = 19;
pub(crate) const INT8: u32 = 20;
pub(crate) const INT2: u32 = 21;
pub(crate) const INT2VECTOR: u32 = 22;
pub(crate) const INT4: u32 = 23;
pub(crate) const REGPROC: u32 = 24;
pub(crate) const TEXT: u32 = 25;
pub(crate) const OID: u32 = 26;
pub(crate) const TID: u32 = 27;
pub(crate) const XID: u32 = 28;
pub(crate) const OIDVECTOR: u32 = 30;
pub(crate) const JSON: u32 = 114;
pub(crate) const FLOAT4: u32 = 700;
pub(crate) const FLOAT8: u32 = 701;
pub(crate) const UNKNOWN: u32 = 705;
pub(crate) const BPCHAR: u32 = 1042;
pub(crate) const VARCHAR: u32 = 1043;
pub(crate) const DATE: u32 = 1082;
pub(crate) const TIMESTAMP: u32 = 1114;
pub(crate) const TIMESTAMPTZ: u32 = 1184;
pub(crate) const NUMERIC: u32 = 1700;
pub(crate) const REGCLASS: u32 = 2205;
pub(crate) const REGTYPE: u32 = 2206;
pub(crate) const RECORD: u32 = 2249;
pub(crate) const ANYARRAY: u32 = 2277;
pub(crate) const REGNAMESPACE: u32 = 4089;
pub(crate) const REGROLE: u32 = 4096;
pub(crate) const TEXT_ARRAY: u32 = 1009;
const ANY: u32 = 2276;
const ANYELEMENT: u32 = 2283;
const ANYNONARRAY: u32 = 2776;
const ANYENUM: u32 = 3500;
const ANYCOMPATIBLE: u32 = 5077;
const ANYCOMPATIBLEARRAY: u32 = 5078;
const ANYCOMPATIBLENONARRAY: u32 = 5079;

/// The type of an expression or a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Type {
    /// Its number.
    pub(crate) oid: u32,
    /// What is behind the name: the length of a `varchar(n)` plus four. -1 for nothing.
    pub(crate) modifier: i32,
    /// The columns of a row.
    pub(crate) fields: Arc<[(String, Type)]>,
}

impl Type {
    /// A type without a modifier.
    pub(crate) fn of(oid: u32) -> Self {
        Self { oid, modifier: -1, fields: Arc::default() }
    }

    /// A row of these columns.
    pub(crate) fn row(fields: impl IntoIterator<Item = (String, Self)>) -> Self {
        Self { oid: RECORD, modifier: -1, fields: fields.into_iter().collect() }
    }

    /// Whether it is the type of a text between quotes, a NULL or a parameter nothing is known of.
    pub(crate) fn is_unknown(&self) -> bool {
        self.oid == UNKNOWN
    }
}

/// How a value of a type is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Int,
    Float,
    Text,
    Moment,
    Array,
    Row,
}

/// What is known of one type.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) namespace: u32,
    pub(crate) category: char,
    pub(crate) is_preferred: bool,
    pub(crate) element: u32,
    pub(crate) array: u32,
    pub(crate) length: i64,
    pub(crate) by_value: bool,
    pub(crate) align: String,
    pub(crate) storage: String,
    pub(crate) collation: u32,
    pub(crate) base: u32,
    pub(crate) base_modifier: i32,
}

/// All types of PostgreSQL by number and by name.
pub(crate) struct Types {
    known: HashMap<u32, Known>,
    names: HashMap<String, u32>,
    /// Casts that need not be asked for.
    implicit: HashSet<(u32, u32)>,
}

impl Types {
    /// The exported types.
    pub(crate) fn new(archive: &Archive) -> Self {
        let (mut known, mut names) = (HashMap::new(), HashMap::new());
        for row in archive.rows("pg_type") {
            let text = |column: usize| row.get(column).and_then(Option::as_deref).unwrap_or("");
            let number = |column: usize| text(column).parse().unwrap_or(0);
            let found = Known {
                name: text(1).to_owned(),
                namespace: number(2),
                length: text(4).parse().unwrap_or(-1),
                by_value: text(5) == "t",
                align: text(22).to_owned(),
                storage: text(23).to_owned(),
                collation: number(28),
                category: text(7).chars().next().unwrap_or('X'),
                is_preferred: text(8) == "t",
                element: number(13),
                array: number(14),
                base: number(25),
                base_modifier: text(26).parse().unwrap_or(-1),
            };
            names.entry(found.name.clone()).or_insert(number(0));
            known.insert(number(0), found);
        }
        let casts = archive.rows("pg_cast").filter_map(|row| {
            let cell = |column: usize| row.get(column).and_then(Option::as_deref);
            let pair = (cell(1)?.parse().ok()?, cell(2)?.parse().ok()?);
            (cell(4) == Some("i")).then_some(pair)
        });
        Self { known, names, implicit: casts.collect() }
    }

    /// What is known of a type.
    pub(crate) fn get(&self, oid: u32) -> Option<&Known> {
        self.known.get(&oid)
    }

    /// The type that a name of SQL or of the catalogue means: `integer`, `int4`, `name`.
    pub(crate) fn named(&self, name: &str) -> Option<u32> {
        let alias = match name {
            "int" | "integer" => INT4,
            "smallint" => INT2,
            "bigint" => INT8,
            "boolean" => BOOL,
            "real" => FLOAT4,
            "float" | "double precision" => FLOAT8,
            "decimal" => NUMERIC,
            "character varying" => VARCHAR,
            "character" => BPCHAR,
            "\"char\"" => CHAR,
            "timestamp without time zone" => TIMESTAMP,
            "timestamp with time zone" => TIMESTAMPTZ,
            _ => return self.names.get(name).copied(),
        };
        Some(alias)
    }

    /// The type itself, or what a domain is made of.
    pub(crate) fn base(&self, ty: &Type) -> Type {
        match self.get(ty.oid) {
            Some(known) if known.base != 0 => {
                Type { oid: known.base, modifier: known.base_modifier, fields: Arc::default() }
            }
            _ => ty.clone(),
        }
    }

    /// The type of an array's elements; vectors are arrays.
    pub(crate) fn element(&self, oid: u32) -> Option<u32> {
        let known = self.get(oid)?;
        let is_array = known.category == 'A' && known.element != 0;
        is_array.then_some(known.element)
    }

    /// The type of an array of these; text where there is none.
    pub(crate) fn array_of(&self, oid: u32) -> u32 {
        match self.get(oid) {
            Some(known) if known.array != 0 => known.array,
            _ => TEXT_ARRAY,
        }
    }

    /// How values of a type are kept.
    pub(crate) fn kind(&self, oid: u32) -> Kind {
        match oid {
            BOOL => Kind::Bool,
            INT8 | INT2 | INT4 | OID | XID => Kind::Int,
            FLOAT4 | FLOAT8 | NUMERIC => Kind::Float,
            TIMESTAMP | TIMESTAMPTZ | DATE => Kind::Moment,
            RECORD => Kind::Row,
            _ if is_registered(oid) => Kind::Int,
            _ => match self.get(oid) {
                Some(known) if known.base != 0 => self.kind(known.base),
                Some(known) if known.category == 'A' => Kind::Array,
                _ => Kind::Text,
            },
        }
    }

    /// Whether a number: the tower of them is int2, int4, int8, numeric, float4, float8.
    pub(crate) fn is_number(&self, oid: u32) -> bool {
        self.get(oid).is_some_and(|known| known.category == 'N')
    }

    /// Whether letters.
    pub(crate) fn is_text(&self, oid: u32) -> bool {
        oid == CHAR || self.get(oid).is_some_and(|known| known.category == 'S')
    }

    /// Whether a value of `from` may be passed where `to` is expected, without being asked for.
    pub(crate) fn coerces(&self, from: u32, to: u32) -> bool {
        if from == to || from == UNKNOWN || is_any(to) && self.fits(from, to) {
            return true;
        }
        let base = self.base(&Type::of(from)).oid;
        if let (Some(from), Some(to)) = (self.element(from), self.element(to)) {
            return self.coerces(from, to);
        }
        base == to || self.implicit.contains(&(base, to))
    }

    /// Whether a type fits a placeholder such as `anyarray`.
    fn fits(&self, from: u32, to: u32) -> bool {
        match to {
            ANYARRAY | ANYCOMPATIBLEARRAY => self.element(from).is_some(),
            ANYENUM => self.get(from).is_some_and(|known| known.category == 'E'),
            ANYNONARRAY | ANYCOMPATIBLENONARRAY => self.element(from).is_none(),
            _ => true,
        }
    }

    /// What a result declared as `declared` is, when the arguments were declared so and are these.
    pub(crate) fn result(&self, declared: u32, parameters: &[u32], found: &[u32]) -> u32 {
        if !is_any(declared) {
            return declared;
        }
        let wants_array = matches!(declared, ANYARRAY | ANYCOMPATIBLEARRAY);
        for (parameter, found) in parameters.iter().zip(found) {
            if *found == UNKNOWN {
                continue;
            }
            match *parameter {
                ANYARRAY | ANYCOMPATIBLEARRAY => {
                    let element = self.element(*found).unwrap_or(TEXT);
                    return if wants_array { self.array_of(element) } else { element };
                }
                other if is_any(other) => {
                    return if wants_array { self.array_of(*found) } else { *found };
                }
                _ => {}
            }
        }
        if wants_array { TEXT_ARRAY } else { TEXT }
    }

    /// The common type of several, as of the branches of a CASE or of a UNION.
    pub(crate) fn common(&self, all: impl IntoIterator<Item = u32>) -> u32 {
        let mut common = UNKNOWN;
        for next in all {
            if common == UNKNOWN {
                common = next;
            } else if next != UNKNOWN && next != common {
                common = self.wider(common, next);
            }
        }
        if common == UNKNOWN { TEXT } else { common }
    }

    fn wider(&self, a: u32, b: u32) -> u32 {
        let preferred = |oid: u32| self.get(oid).is_some_and(|known| known.is_preferred);
        let is_wider = self.coerces(a, b) && !self.coerces(b, a);
        if preferred(a) || !is_wider { a } else { b }
    }
}

/// Whether the number of an object that is shown by its name.
pub(crate) fn is_registered(oid: u32) -> bool {
    matches!(oid, REGPROC | 2202..=2204 | REGCLASS | REGTYPE | 3734 | 3769 | REGNAMESPACE)
        || matches!(oid, REGROLE | 4191)
}

/// Whether a placeholder for a type.
pub(crate) fn is_any(oid: u32) -> bool {
    matches!(
        oid,
        ANY | ANYARRAY
            | ANYELEMENT
            | ANYNONARRAY
            | ANYENUM
            | ANYCOMPATIBLE
            | ANYCOMPATIBLEARRAY
            | ANYCOMPATIBLENONARRAY
    )
}
