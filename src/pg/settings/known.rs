//! The settings that clients know, with PostgreSQL's defaults.
//!
//! Those that say how rows are written, where names are looked up and how long a statement may take
//! have an effect. The rest are there because clients set them when they connect: they are kept and
//! shown, and change nothing that a reader could see.

use crate::pg::catalog::{SERVER_VERSION, SERVER_VERSION_NUMBER};

/// What values a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `on` or `off`.
    Flag,
    /// A whole number from a least to a greatest.
    Number(i64, i64),
    /// Milliseconds, or a number with a unit of time.
    Time,
    /// An amount of memory or a cost: kept as it is written.
    Amount,
    /// Any text.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `ISO, MDY` and the like.
    DateStyle,
    /// A zone of time.
    Zone,
    /// An encoding of text.
    Charset,
    /// Shown only.
    Fixed,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// As PostgreSQL shows it.
    pub(super) name: &'static str,
    pub(super) default: &'static str,
    pub(super) kind: Kind,
}

/// Settings whose value a client is told at the beginning and whenever it changes.
pub(super) const REPORTED: [&str; 14] = [
    "application_name",
    "client_encoding",
    "datestyle",
    "default_transaction_read_only",
    "in_hot_standby",
    "integer_datetimes",
    "intervalstyle",
    "is_superuser",
    "scram_iterations",
    "server_encoding",
    "server_version",
    "session_authorization",
    "standard_conforming_strings",
    "timezone",
];

const LEVELS: &[&str] = &["read uncommitted", "read committed", "repeatable read", "serializable"];
const MESSAGES: &[&str] = &[
    "debug5", "debug4", "debug3", "debug2", "debug1", "debug", "log", "notice", "warning", "error",
];

const fn flag(name: &'static str, default: &'static str) -> Known {
    Known { name, default, kind: Kind::Flag }
}

const fn fixed(name: &'static str, default: &'static str) -> Known {
    Known { name, default, kind: Kind::Fixed }
}

const fn text(name: &'static str, default: &'static str) -> Known {
    Known { name, default, kind: Kind::Text }
}

const fn amount(name: &'static str, default: &'static str) -> Known {
    Known { name, default, kind: Kind::Amount }
}

const fn time(name: &'static str) -> Known {
    Known { name, default: "0", kind: Kind::Time }
}

const fn number(name: &'static str, default: &'static str, least: i64, greatest: i64) -> Known {
    Known { name, default, kind: Kind::Number(least, greatest) }
}

const fn choice(
    name: &'static str,
    default: &'static str,
    words: &'static [&'static str],
) -> Known {
    Known { name, default, kind: Kind::Choice(words) }
}

/// All settings, by their name in lower case.
pub(super) const ALL: &[Known] = &[
    text("application_name", ""),
    flag("array_nulls", "on"),
    choice("backslash_quote", "safe_encoding", &["safe_encoding", "on", "off"]),
    fixed("block_size", "8192"),
    choice("bytea_output", "hex", &["hex", "escape"]),
    flag("check_function_bodies", "on"),
    Known { name: "client_encoding", default: "UTF8", kind: Kind::Charset },
    choice("client_min_messages", "notice", MESSAGES),
    choice("constraint_exclusion", "partition", &["partition", "on", "off"]),
    amount("cpu_tuple_cost", "0.01"),
    amount("cursor_tuple_fraction", "0.1"),
    Known { name: "DateStyle", default: "ISO, MDY", kind: Kind::DateStyle },
    text("default_table_access_method", "heap"),
    text("default_tablespace", ""),
    text("default_text_search_config", "pg_catalog.simple"),
    flag("default_transaction_deferrable", "off"),
    choice("default_transaction_isolation", "read committed", LEVELS),
    flag("default_transaction_read_only", "on"),
    fixed("default_with_oids", "off"),
    amount("effective_cache_size", "4GB"),
    flag("enable_bitmapscan", "on"),
    flag("enable_hashagg", "on"),
    flag("enable_hashjoin", "on"),
    flag("enable_indexonlyscan", "on"),
    flag("enable_indexscan", "on"),
    flag("enable_material", "on"),
    flag("enable_mergejoin", "on"),
    flag("enable_nestloop", "on"),
    flag("enable_seqscan", "on"),
    flag("enable_sort", "on"),
    flag("escape_string_warning", "on"),
    number("extra_float_digits", "1", -15, 3),
    number("from_collapse_limit", "8", 1, 2_147_483_647),
    flag("geqo", "on"),
    number("gin_fuzzy_search_limit", "0", 0, 2_147_483_647),
    time("idle_in_transaction_session_timeout"),
    time("idle_session_timeout"),
    fixed("in_hot_standby", "off"),
    fixed("integer_datetimes", "on"),
    choice(
        "IntervalStyle",
        "postgres",
        &["postgres", "postgres_verbose", "sql_standard", "iso_8601"],
    ),
    fixed("is_superuser", "off"),
    flag("jit", "off"),
    number("join_collapse_limit", "8", 1, 2_147_483_647),
    fixed("lc_collate", "C"),
    fixed("lc_ctype", "C.UTF-8"),
    text("lc_messages", "C"),
    text("lc_monetary", "C"),
    text("lc_numeric", "C"),
    text("lc_time", "C"),
    flag("lo_compat_privileges", "off"),
    time("lock_timeout"),
    choice("log_min_messages", "warning", MESSAGES),
    choice("log_statement", "none", &["none", "ddl", "mod", "all"]),
    amount("maintenance_work_mem", "64MB"),
    fixed("max_connections", "200"),
    fixed("max_identifier_length", "63"),
    fixed("max_index_keys", "32"),
    number("max_parallel_workers_per_gather", "2", 0, 1_024),
    fixed("max_prepared_transactions", "0"),
    choice("password_encryption", "scram-sha-256", &["scram-sha-256", "md5"]),
    choice("plan_cache_mode", "auto", &["auto", "force_generic_plan", "force_custom_plan"]),
    flag("quote_all_identifiers", "off"),
    amount("random_page_cost", "4"),
    flag("row_security", "on"),
    fixed("scram_iterations", "4096"),
    text("sdmx.as_of", ""),
    text("sdmx.language", "en"),
    text("sdmx.release", ""),
    text("search_path", "\"$user\", public"),
    fixed("segment_size", "1GB"),
    amount("seq_page_cost", "1"),
    fixed("server_encoding", "UTF8"),
    fixed("server_version", SERVER_VERSION),
    fixed("server_version_num", SERVER_VERSION_NUMBER),
    text("session_authorization", ""),
    choice("session_replication_role", "origin", &["origin", "replica", "local"]),
    fixed("ssl", "off"),
    flag("standard_conforming_strings", "on"),
    time("statement_timeout"),
    flag("synchronize_seqscans", "on"),
    choice("synchronous_commit", "on", &["on", "off", "local", "remote_write", "remote_apply"]),
    amount("temp_buffers", "8MB"),
    text("temp_tablespaces", ""),
    Known { name: "TimeZone", default: "UTC", kind: Kind::Zone },
    text("timezone_abbreviations", "Default"),
    flag("transaction_deferrable", "off"),
    choice("transaction_isolation", "read committed", LEVELS),
    flag("transaction_read_only", "on"),
    flag("transform_null_equals", "off"),
    fixed("wal_level", "replica"),
    amount("work_mem", "4MB"),
    choice("xmlbinary", "base64", &["base64", "hex"]),
    choice("xmloption", "content", &["content", "document"]),
];

/// The setting of this name; letter case aside.
pub(super) fn find(name: &str) -> Option<&'static Known> {
    ALL.iter().find(|known| known.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_order_and_once() {
        let names: Vec<String> = ALL.iter().map(|known| known.name.to_lowercase()).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        assert!(REPORTED.iter().all(|name| find(name).is_some()));
    }
}
