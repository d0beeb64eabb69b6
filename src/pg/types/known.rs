//! The types of PostgreSQL that this server can speak of.

/// Object identifiers of types, as the catalogue `pg_type` of every PostgreSQL has them.
#[expect(missing_docs, reason = "each is the name of the type")]
pub mod oids {
    pub const BOOL: u32 = 16;
    pub const BYTEA: u32 = 17;
    pub const CHAR: u32 = 18;
    pub const NAME: u32 = 19;
    pub const INT8: u32 = 20;
    pub const INT2: u32 = 21;
    pub const INT2VECTOR: u32 = 22;
    pub const INT4: u32 = 23;
    pub const REGPROC: u32 = 24;
    pub const TEXT: u32 = 25;
    pub const OID: u32 = 26;
    pub const TID: u32 = 27;
    pub const XID: u32 = 28;
    pub const CID: u32 = 29;
    pub const OIDVECTOR: u32 = 30;
    pub const JSON: u32 = 114;
    pub const XML: u32 = 142;
    pub const PG_NODE_TREE: u32 = 194;
    pub const CIDR: u32 = 650;
    pub const FLOAT4: u32 = 700;
    pub const FLOAT8: u32 = 701;
    pub const UNKNOWN: u32 = 705;
    pub const INET: u32 = 869;
    pub const ACLITEM: u32 = 1033;
    pub const BPCHAR: u32 = 1042;
    pub const VARCHAR: u32 = 1043;
    pub const DATE: u32 = 1082;
    pub const TIME: u32 = 1083;
    pub const TIMESTAMP: u32 = 1114;
    pub const TIMESTAMPTZ: u32 = 1184;
    pub const INTERVAL: u32 = 1186;
    pub const NUMERIC: u32 = 1700;
    pub const REFCURSOR: u32 = 1790;
    pub const REGPROCEDURE: u32 = 2202;
    pub const REGOPER: u32 = 2203;
    pub const REGOPERATOR: u32 = 2204;
    pub const REGCLASS: u32 = 2205;
    pub const REGTYPE: u32 = 2206;
    pub const RECORD: u32 = 2249;
    pub const ANYARRAY: u32 = 2277;
    pub const UUID: u32 = 2950;
    pub const PG_LSN: u32 = 3220;
    pub const REGCONFIG: u32 = 3734;
    pub const REGDICTIONARY: u32 = 3769;
    pub const JSONB: u32 = 3802;
    pub const REGNAMESPACE: u32 = 4089;
    pub const REGROLE: u32 = 4096;
}

/// A type of PostgreSQL.
pub(super) struct Known {
    /// Its name in `pg_type`.
    pub(super) name: &'static str,
    /// Its name in SQL, where that is another.
    pub(super) sql: &'static str,
    pub(super) oid: u32,
    /// Bytes of a value; -1 where they vary.
    pub(super) length: i16,
    /// The type of an array of it; 0 where there is none.
    pub(super) array: u32,
}

const fn known(name: &'static str, oid: u32, length: i16, array: u32, sql: &'static str) -> Known {
    Known { name, sql, oid, length, array }
}

/// Source: `pg_type` of PostgreSQL 15.
const KNOWN: &[Known] = &[
    known("bool", oids::BOOL, 1, 1000, "boolean"),
    known("bytea", oids::BYTEA, -1, 1001, "bytea"),
    known("char", oids::CHAR, 1, 1002, "\"char\""),
    known("name", oids::NAME, 64, 1003, "name"),
    known("int8", oids::INT8, 8, 1016, "bigint"),
    known("int2", oids::INT2, 2, 1005, "smallint"),
    known("int2vector", oids::INT2VECTOR, -1, 1006, "int2vector"),
    known("int4", oids::INT4, 4, 1007, "integer"),
    known("regproc", oids::REGPROC, 4, 1008, "regproc"),
    known("text", oids::TEXT, -1, 1009, "text"),
    known("oid", oids::OID, 4, 1028, "oid"),
    known("tid", oids::TID, 6, 1010, "tid"),
    known("xid", oids::XID, 4, 1011, "xid"),
    known("cid", oids::CID, 4, 1012, "cid"),
    known("oidvector", oids::OIDVECTOR, -1, 1013, "oidvector"),
    known("json", oids::JSON, -1, 199, "json"),
    known("xml", oids::XML, -1, 143, "xml"),
    known("pg_node_tree", oids::PG_NODE_TREE, -1, 0, "pg_node_tree"),
    known("cidr", oids::CIDR, -1, 651, "cidr"),
    known("float4", oids::FLOAT4, 4, 1021, "real"),
    known("float8", oids::FLOAT8, 8, 1022, "double precision"),
    known("unknown", oids::UNKNOWN, -2, 0, "unknown"),
    known("inet", oids::INET, -1, 1041, "inet"),
    known("aclitem", oids::ACLITEM, 12, 1034, "aclitem"),
    known("bpchar", oids::BPCHAR, -1, 1014, "character"),
    known("varchar", oids::VARCHAR, -1, 1015, "character varying"),
    known("date", oids::DATE, 4, 1182, "date"),
    known("time", oids::TIME, 8, 1183, "time without time zone"),
    known("timestamp", oids::TIMESTAMP, 8, 1115, "timestamp without time zone"),
    known("timestamptz", oids::TIMESTAMPTZ, 8, 1185, "timestamp with time zone"),
    known("interval", oids::INTERVAL, 16, 1187, "interval"),
    known("numeric", oids::NUMERIC, -1, 1231, "numeric"),
    known("refcursor", oids::REFCURSOR, -1, 2201, "refcursor"),
    known("regprocedure", oids::REGPROCEDURE, 4, 2207, "regprocedure"),
    known("regoper", oids::REGOPER, 4, 2208, "regoper"),
    known("regoperator", oids::REGOPERATOR, 4, 2209, "regoperator"),
    known("regclass", oids::REGCLASS, 4, 2210, "regclass"),
    known("regtype", oids::REGTYPE, 4, 2211, "regtype"),
    known("record", oids::RECORD, -1, 2287, "record"),
    known("anyarray", oids::ANYARRAY, -1, 0, "anyarray"),
    known("uuid", oids::UUID, 16, 2951, "uuid"),
    known("pg_lsn", oids::PG_LSN, 8, 3221, "pg_lsn"),
    known("regconfig", oids::REGCONFIG, 4, 3735, "regconfig"),
    known("regdictionary", oids::REGDICTIONARY, 4, 3770, "regdictionary"),
    known("jsonb", oids::JSONB, -1, 3807, "jsonb"),
    known("regnamespace", oids::REGNAMESPACE, 4, 4090, "regnamespace"),
    known("regrole", oids::REGROLE, 4, 4097, "regrole"),
];

/// The name of a type in `pg_type`, for messages.
pub fn catalogue_name(oid: u32) -> Option<&'static str> {
    by_oid(oid).map(|known| known.name)
}

/// The type of the arrays of a type.
pub fn array_of(oid: u32) -> Option<u32> {
    by_oid(oid).map(|known| known.array).filter(|&array| array != 0)
}

/// The type of the elements of an array type; vectors are no arrays here.
pub fn element_of(oid: u32) -> Option<u32> {
    KNOWN.iter().find(|known| known.array == oid && oid != 0).map(|known| known.oid)
}

/// The type of a number.
pub(super) fn by_oid(oid: u32) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.oid == oid)
}

/// The number of a type by its name in SQL or in the catalogue.
pub(super) fn oid_of_name(name: &str) -> Option<u32> {
    if let Some(element) = name.strip_prefix('_') {
        let known = KNOWN.iter().find(|known| known.name == element)?;
        return array_of(known.oid);
    }
    match name {
        "char" => return Some(oids::BPCHAR),
        "int" => return Some(oids::INT4),
        "decimal" | "dec" => return Some(oids::NUMERIC),
        "timestamp with time zone" => return Some(oids::TIMESTAMPTZ),
        _ => {}
    }
    KNOWN.iter().find(|known| known.sql == name || known.name == name).map(|known| known.oid)
}
