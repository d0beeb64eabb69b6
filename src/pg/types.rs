//! Which PostgreSQL type a column has on the wire, and which Arrow type a parameter has.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};

use crate::error::Error;
use crate::pg::types::known::{by_oid, oid_of_name};

mod known;

pub use known::{array_of, catalogue_name, element_of, oids};

/// The key in the metadata of a field under which its PostgreSQL type stands, as SQL writes it.
pub const TYPE_KEY: &str = "pg.type";

/// The name of the time zone that moments have in Arrow.
const UTC: &str = "+00:00";

/// The precision and scale of a parameter of type `numeric` before its value is known.
const NUMERIC_DEFAULT: (u8, i8) = (38, 10);

/// What `RowDescription` says of the type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireType {
    /// The object identifier of the type.
    pub oid: u32,
    /// Bytes of a value; -1 where they vary.
    pub length: i16,
    /// What stands between parentheses after the type's name, in its own coding; -1 for nothing.
    pub modifier: i32,
}

impl WireType {
    /// The type of this number, without a modifier; of one that is not known, of varying length.
    pub fn of(oid: u32) -> Self {
        let length = if element_of(oid).is_some() {
            -1
        } else {
            by_oid(oid).map_or(-1, |known| known.length)
        };
        Self { oid, length, modifier: -1 }
    }

    fn with_modifier(self, modifier: i32) -> Self {
        Self { modifier, ..self }
    }
}

/// How the bytes of a value are to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// As people write it.
    #[default]
    Text,
    /// As the function `typsend` of the type gives it.
    Binary,
}

impl Format {
    /// The format of a code of the protocol: 0 or 1.
    pub fn from_code(code: i16) -> Option<Self> {
        match code {
            0 => Some(Self::Text),
            1 => Some(Self::Binary),
            _ => None,
        }
    }

    /// The code of the protocol.
    pub fn code(self) -> i16 {
        match self {
            Self::Text => 0,
            Self::Binary => 1,
        }
    }
}

/// Why a text of a client is refused, in PostgreSQL's words and with its state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct WireError {
    /// The five characters that programs look at.
    pub sqlstate: &'static str,
    /// The words that people read.
    pub message: String,
}

impl WireError {
    /// A refusal.
    pub fn new(sqlstate: &'static str, message: impl Into<String>) -> Self {
        Self { sqlstate, message: message.into() }
    }
}

impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        Self::invalid(error.sqlstate, error.message)
    }
}

/// The type of a column on the wire: what its metadata says under [`TYPE_KEY`], if values of its
/// Arrow type can be sent as that, else what the Arrow type is in PostgreSQL.
pub fn wire_type(field: &Field) -> WireType {
    let declared = field.metadata().get(TYPE_KEY).and_then(|text| parse_type(text));
    declared
        .filter(|wire| is_sent_as(field.data_type(), wire.oid))
        .unwrap_or_else(|| natural_type(field.data_type()))
}

/// The Arrow type that a parameter of a type has, absent for types that cannot be parameters.
pub fn arrow_type(oid: u32) -> Option<DataType> {
    if let Some(element) = element_of(oid) {
        let element = arrow_type(element)?;
        return Some(DataType::List(Arc::new(Field::new_list_field(element, true))));
    }
    Some(match oid {
        oids::BOOL => DataType::Boolean,
        oids::BYTEA => DataType::Binary,
        oids::INT2 => DataType::Int16,
        oids::INT4 => DataType::Int32,
        oids::INT8 => DataType::Int64,
        oids::OID | oids::XID | oids::CID => DataType::UInt32,
        oids::FLOAT4 => DataType::Float32,
        oids::FLOAT8 => DataType::Float64,
        oids::NUMERIC => DataType::Decimal128(NUMERIC_DEFAULT.0, NUMERIC_DEFAULT.1),
        oids::DATE => DataType::Date32,
        oids::TIME => DataType::Time64(TimeUnit::Microsecond),
        oids::TIMESTAMP => DataType::Timestamp(TimeUnit::Microsecond, None),
        oids::TIMESTAMPTZ => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
        oids::INTERVAL => DataType::Interval(IntervalUnit::MonthDayNano),
        0
        | oids::TEXT
        | oids::UNKNOWN
        | oids::VARCHAR
        | oids::BPCHAR
        | oids::NAME
        | oids::CHAR
        | oids::JSON
        | oids::JSONB
        | oids::XML
        | oids::UUID
        | oids::REFCURSOR => DataType::Utf8,
        other if is_reg(other) => DataType::Utf8,
        _ => return None,
    })
}

/// Parses a type as SQL or the catalogue writes it: `varchar(3)`, `"char"`, `_text`, `oid[]`,
/// `information_schema.sql_identifier`. Absent for a type that this server never sends.
pub fn parse_type(text: &str) -> Option<WireType> {
    let text = text.trim();
    // As many brackets as there are: PostgreSQL has one type for any number of dimensions.
    let element = text.trim_end_matches("[]");
    if element.len() < text.len() {
        let element = parse_scalar(element)?;
        return array_of(element.oid).map(|oid| WireType::of(oid).with_modifier(element.modifier));
    }
    parse_scalar(text)
}

fn parse_scalar(text: &str) -> Option<WireType> {
    if let Some(domain) = text.strip_prefix("information_schema.") {
        return domain_type(domain);
    }
    let text = text.strip_prefix("pg_catalog.").unwrap_or(text);
    let (name, arguments) = split_arguments(text)?;
    let oid = oid_of_name(name)?;
    let wire = WireType::of(oid);
    let bounds: Vec<i32> = match arguments {
        Some(list) => list.split(',').map(|one| one.trim().parse().ok()).collect::<Option<_>>()?,
        // `character` alone is one character, but `bpchar` is any number.
        None if matches!(name, "char" | "character") => vec![1],
        None => return Some(wire),
    };
    let modifier = match (oid, bounds.as_slice()) {
        (oids::VARCHAR | oids::BPCHAR, &[length]) => length.checked_add(4)?,
        (oids::NUMERIC, &[precision]) => numeric_modifier(precision, 0)?,
        (oids::NUMERIC, &[precision, scale]) => numeric_modifier(precision, scale)?,
        (oids::TIME | oids::TIMESTAMP | oids::TIMESTAMPTZ, &[digits]) => digits,
        _ => return None,
    };
    Some(wire.with_modifier(modifier))
}

/// Writes a type as SQL does, for people: `character varying(3)`.
pub fn type_name(wire: WireType) -> String {
    if let Some(element) = element_of(wire.oid) {
        return format!("{}[]", type_name(WireType { oid: element, ..wire }));
    }
    let Some(known) = by_oid(wire.oid) else { return "???".to_owned() };
    match (wire.oid, wire.modifier) {
        (_, ..0) => known.sql.to_owned(),
        (oids::VARCHAR | oids::BPCHAR, modifier) => format!("{}({})", known.sql, modifier - 4),
        (oids::NUMERIC, modifier) => {
            let bounds = modifier - 4;
            format!("{}({},{})", known.sql, bounds >> 16, bounds & 0xffff)
        }
        (_, digits) => match known.sql.split_once(' ') {
            Some((first, rest)) => format!("{first}({digits}) {rest}"),
            None => format!("{}({digits})", known.sql),
        },
    }
}

/// Marks a column as `varchar(length)`.
#[must_use]
pub fn with_varchar(field: Field, length: usize) -> Field {
    with_type(field, &format!("varchar({length})"))
}

/// Marks a column as of a PostgreSQL type, in the words of [`parse_type`].
#[must_use]
pub fn with_type(field: Field, name: &str) -> Field {
    let mut metadata = field.metadata().clone();
    metadata.insert(TYPE_KEY.to_owned(), name.to_owned());
    field.with_metadata(metadata)
}

/// Whether values of the type are numbers of the catalogue that print as names.
pub(super) fn is_reg(oid: u32) -> bool {
    matches!(
        oid,
        oids::REGPROC
            | oids::REGPROCEDURE
            | oids::REGOPER
            | oids::REGOPERATOR
            | oids::REGCLASS
            | oids::REGTYPE
            | oids::REGCONFIG
            | oids::REGDICTIONARY
            | oids::REGNAMESPACE
            | oids::REGROLE
    )
}

/// Whether the text of the type is the value itself, and its binary form too.
pub(super) fn is_plain_text(oid: u32) -> bool {
    matches!(
        oid,
        oids::TEXT
            | oids::VARCHAR
            | oids::BPCHAR
            | oids::NAME
            | oids::UNKNOWN
            | oids::JSON
            | oids::XML
            | oids::REFCURSOR
            | oids::PG_NODE_TREE
    )
}

/// `numeric(10, 2)` as its name and what stands between the parentheses; the words after them
/// belong to the name.
fn split_arguments(text: &str) -> Option<(&str, Option<&str>)> {
    let Some((name, rest)) = text.split_once('(') else { return Some((text, None)) };
    let (arguments, after) = rest.split_once(')')?;
    let name = match (name.trim_end(), after.trim()) {
        ("timestamp", "with time zone") => "timestamptz",
        (name, "") | (name @ ("time" | "timestamp"), "without time zone") => name,
        _ => return None,
    };
    Some((name, Some(arguments)))
}

fn domain_type(name: &str) -> Option<WireType> {
    Some(match name {
        "sql_identifier" => WireType::of(oids::NAME),
        "cardinal_number" => WireType::of(oids::INT4),
        "character_data" => WireType::of(oids::VARCHAR),
        "yes_or_no" => WireType::of(oids::VARCHAR).with_modifier(7),
        "time_stamp" => WireType::of(oids::TIMESTAMPTZ).with_modifier(2),
        _ => return None,
    })
}

fn numeric_modifier(precision: i32, scale: i32) -> Option<i32> {
    let fits = (1..=1000).contains(&precision) && (0..=1000).contains(&scale);
    fits.then_some(((precision << 16) | scale) + 4)
}

fn natural_type(data_type: &DataType) -> WireType {
    let oid = match data_type {
        DataType::Boolean => oids::BOOL,
        DataType::Int8 | DataType::Int16 => oids::INT2,
        DataType::Int32 | DataType::UInt8 | DataType::UInt16 => oids::INT4,
        DataType::Int64 | DataType::UInt32 => oids::INT8,
        DataType::UInt64 => oids::NUMERIC,
        DataType::Float16 | DataType::Float32 => oids::FLOAT4,
        DataType::Float64 => oids::FLOAT8,
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => {
            let scale = i32::from(*scale).max(0);
            let modifier = numeric_modifier(i32::from(*precision), scale).unwrap_or(-1);
            return WireType::of(oids::NUMERIC).with_modifier(modifier);
        }
        DataType::Date32 | DataType::Date64 => oids::DATE,
        DataType::Time32(_) | DataType::Time64(_) => oids::TIME,
        DataType::Timestamp(_, None) => oids::TIMESTAMP,
        DataType::Timestamp(_, Some(_)) => oids::TIMESTAMPTZ,
        DataType::Interval(_) | DataType::Duration(_) => oids::INTERVAL,
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => oids::BYTEA,
        DataType::Dictionary(_, values) => return natural_type(values),
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::FixedSizeList(element, _)
        | DataType::Map(element, _) => return list_type(element),
        DataType::Struct(_) => oids::RECORD,
        DataType::RunEndEncoded(_, values) => return natural_type(values.data_type()),
        DataType::Null
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Union(..) => oids::TEXT,
    };
    WireType::of(oid)
}

/// PostgreSQL has one type for arrays of any number of dimensions.
fn list_type(element: &Field) -> WireType {
    let inner = wire_type(element);
    let oid = match element_of(inner.oid) {
        Some(_) => inner.oid,
        None => array_of(inner.oid).unwrap_or(1009),
    };
    WireType::of(oid).with_modifier(inner.modifier)
}

/// Whether values of an Arrow type can be sent as a PostgreSQL type.
fn is_sent_as(data_type: &DataType, oid: u32) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => is_written_as_text(oid),
        DataType::Dictionary(_, values) => is_sent_as(values, oid),
        integer if integer.is_integer() => {
            let widths = [oids::INT2, oids::INT4, oids::INT8, oids::NUMERIC];
            let numbers = [oids::OID, oids::XID, oids::CID];
            let byte = oid == oids::CHAR && *integer == DataType::Int8;
            widths.contains(&oid) || numbers.contains(&oid) || is_reg(oid) || byte
        }
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::FixedSizeList(element, _) => match oid {
            oids::INT2VECTOR => is_sent_as(element.data_type(), oids::INT2),
            oids::OIDVECTOR => is_sent_as(element.data_type(), oids::OID),
            _ => {
                let nested = natural_type(element.data_type()).oid;
                let element_oid = element_of(oid);
                element_oid.is_some_and(|oid| is_sent_as(element.data_type(), oid))
                    || (element_of(nested).is_some() && is_sent_as(element.data_type(), oid))
            }
        },
        DataType::FixedSizeBinary(16) => matches!(oid, oids::UUID | oids::BYTEA),
        DataType::Null => true,
        other => natural_type(other).oid == oid,
    }
}

/// Whether a text column may hold the text form of values of the type.
fn is_written_as_text(oid: u32) -> bool {
    let written = [oids::CHAR, oids::JSONB, oids::UUID, oids::TID, oids::XID, oids::ACLITEM];
    let opaque = [oids::INET, oids::CIDR, oids::PG_LSN, oids::INT2VECTOR, oids::OIDVECTOR];
    is_plain_text(oid)
        || written.contains(&oid)
        || opaque.contains(&oid)
        || oid == oids::ANYARRAY
        || is_reg(oid)
        || element_of(oid).is_some()
}

impl fmt::Display for WireType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&type_name(*self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrow_types_have_types_of_postgresql() {
        let check = |data_type: DataType, oid: u32, length: i16, modifier: i32| {
            let wire = wire_type(&Field::new("x", data_type, true));
            assert_eq!(wire, WireType { oid, length, modifier });
        };
        let list = |of: DataType| DataType::List(Arc::new(Field::new_list_field(of, true)));
        check(DataType::Utf8View, 25, -1, -1);
        check(
            DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8)),
            25,
            -1,
            -1,
        );
        check(DataType::Int8, 21, 2, -1);
        check(DataType::UInt32, 20, 8, -1);
        check(DataType::UInt64, 1700, -1, -1);
        check(DataType::Decimal128(10, 2), 1700, -1, (10 << 16 | 2) + 4);
        check(DataType::Timestamp(TimeUnit::Nanosecond, Some("Z".into())), 1184, 8, -1);
        check(DataType::Null, 25, -1, -1);
        check(list(DataType::Int64), 1016, -1, -1);
        check(list(list(DataType::Boolean)), 1000, -1, -1);
        check(
            list(DataType::Struct(vec![Field::new("a", DataType::Int32, true)].into())),
            2287,
            -1,
            -1,
        );
    }

    #[test]
    fn metadata_changes_the_type_where_values_allow_it() {
        let check = |data_type: DataType, name: &str, oid: u32, modifier: i32| {
            let wire = wire_type(&with_type(Field::new("x", data_type, true), name));
            assert_eq!((wire.oid, wire.modifier), (oid, modifier), "{name}");
        };
        check(DataType::Utf8View, "varchar(3)", 1043, 7);
        check(DataType::Utf8, "character varying", 1043, -1);
        check(DataType::Utf8, "bpchar(1)", 1042, 5);
        check(DataType::Utf8, "char", 1042, 5);
        check(DataType::Utf8, "\"char\"", 18, -1);
        check(DataType::Utf8, "pg_catalog.name", 19, -1);
        check(DataType::Utf8, "information_schema.sql_identifier", 19, -1);
        check(DataType::Utf8, "information_schema.yes_or_no", 1043, 7);
        check(DataType::Int32, "information_schema.cardinal_number", 23, -1);
        check(DataType::UInt32, "oid", 26, -1);
        check(DataType::Int64, "regclass", 2205, -1);
        check(DataType::Int64, "int", 23, -1);
        check(DataType::Utf8, "_aclitem", 1034, -1);
        let list = DataType::List(Arc::new(Field::new_list_field(DataType::UInt32, true)));
        check(list.clone(), "oidvector", 30, -1);
        check(list.clone(), "_oid", 1028, -1);
        check(list, "oid[]", 1028, -1);
        check(DataType::Utf8, "text[][]", 1009, -1);
        check(DataType::Utf8, &"_".repeat(100_000), 25, -1);
        check(DataType::Decimal128(38, 10), "numeric", 1700, -1);
        check(DataType::Timestamp(TimeUnit::Microsecond, None), "timestamp(3)", 1114, 3);
        // Values of these cannot be sent as such.
        check(DataType::Utf8, "integer", 25, -1);
        check(DataType::Float64, "oid", 701, -1);
        check(DataType::Utf8, "no such type", 25, -1);
        check(DataType::Utf8, "varchar(x)", 25, -1);
        check(DataType::Utf8, "varchar(2147483647)", 25, -1);
    }

    #[test]
    fn names_read_back() {
        for name in [
            "integer",
            "character varying(3)",
            "numeric(10,2)",
            "timestamp(3) with time zone",
            "time without time zone",
            "\"char\"",
            "text[]",
            "character(1)",
            "interval",
        ] {
            let wire = parse_type(name).expect(name);
            assert_eq!(type_name(wire), name);
        }
        let field = with_varchar(Field::new("x", DataType::Utf8, true), 12);
        assert_eq!(wire_type(&field).modifier, 16);
        assert_eq!(arrow_type(1007).map(|of| of.to_string()), Some("List(Int32)".to_owned()));
        assert_eq!(arrow_type(600), None);
    }
}
