//! The server: sizes, locks, transactions, statistics.

use crate::pg::catalog::functions::{Body, Called, at, oid_at};
use crate::pg::catalog::value::Value;

/// Bytes of a page of `pg_class.relpages`.
const PAGE_BYTES: i64 = 8_192;

pub(super) fn find(name: &str) -> Option<Body> {
    Some(match name {
        "pg_table_size" | "pg_relation_size" | "pg_total_relation_size" => |called, arguments| {
            let pages = called.world.look_up("pg_class", oid_at(arguments, 0), "relpages");
            Ok(pages.as_int().map_or(Value::Null, |pages| Value::Int(pages * PAGE_BYTES)))
        },
        "pg_indexes_size" => |_, _| Ok(Value::Int(0)),
        "pg_database_size" => |called, arguments| Ok(database_size(called, arguments)),
        "pg_tablespace_size" => |called, arguments| {
            let is_default = oid_at(arguments, 0) == 1_663;
            Ok(if is_default { total_size(called) } else { Value::Int(0) })
        },
        "pg_tablespace_location" => |_, _| Ok(Value::text("")),
        "pg_size_pretty" => |_, arguments| {
            Ok(at(arguments, 0).as_float().map_or(Value::Null, |bytes| Value::text(pretty(bytes))))
        },
        "pg_relation_filenode" => |called, arguments| {
            Ok(called.world.look_up("pg_class", oid_at(arguments, 0), "relfilenode"))
        },
        "pg_relation_is_publishable"
        | "pg_is_in_recovery"
        | "pg_is_wal_replay_paused"
        | "pg_column_is_updatable"
        | "pg_is_in_backup" => |_, _| Ok(Value::Bool(false)),
        "pg_relation_is_updatable" => |_, _| Ok(Value::Int(0)),
        "txid_current" | "pg_current_xact_id" => |_, _| Ok(Value::Int(1)),
        "txid_current_if_assigned"
        | "pg_current_xact_id_if_assigned"
        | "pg_last_wal_receive_lsn"
        | "pg_last_wal_replay_lsn"
        | "pg_last_xact_replay_timestamp"
        | "pg_sequence_last_value" => |_, _| Ok(Value::Null),
        "age" => |_, _| Ok(Value::Int(0)),
        // Nothing here is changed by two at once, so whoever asks has the lock.
        "pg_try_advisory_lock"
        | "pg_try_advisory_lock_shared"
        | "pg_try_advisory_xact_lock"
        | "pg_advisory_unlock"
        | "pg_advisory_unlock_shared" => |_, _| Ok(Value::Bool(true)),
        "pg_advisory_lock"
        | "pg_advisory_lock_shared"
        | "pg_advisory_xact_lock"
        | "pg_advisory_unlock_all"
        | "pg_notify"
        | "pg_stat_clear_snapshot" => |_, _| Ok(Value::text("")),
        "pg_listening_channels" | "pg_blocking_pids" => |_, _| Ok(Value::array([])),
        "pg_stat_get_numscans" | "pg_stat_get_live_tuples" | "pg_stat_get_dead_tuples" => {
            |_, _| Ok(Value::Int(0))
        }
        "pg_jit_available" => |_, _| Ok(Value::Bool(false)),
        "pg_options_to_table" | "aclexplode" => |_, _| Ok(Value::array([])),
        _ => return None,
    })
}

fn database_size(called: &Called<'_>, arguments: &[Value]) -> Value {
    let name = if at(arguments, 0).as_text().is_some() {
        at(arguments, 0).clone()
    } else {
        called.world.look_up("pg_database", oid_at(arguments, 0), "datname")
    };
    if name.as_text() == Some(called.world.database()) { total_size(called) } else { Value::Int(0) }
}

/// The pages of all tables.
fn total_size(called: &Called<'_>) -> Value {
    let classes = called.world.own("pg_class");
    let Some(pages) = classes.position("relpages") else { return Value::Null };
    let rows = 0..u32::try_from(classes.len()).unwrap_or(u32::MAX);
    let pages: i64 = rows.filter_map(|row| classes.value(row, pages).as_int()).sum();
    Value::Int(pages.saturating_mul(PAGE_BYTES))
}

/// A size as people read it: the largest unit of which there are ten.
fn pretty(bytes: f64) -> String {
    let mut size = bytes;
    for unit in ["bytes", "kB", "MB", "GB"] {
        if size.abs() < 10_240.0 {
            return format!("{:.0} {unit}", size.round());
        }
        size /= 1_024.0;
    }
    format!("{:.0} TB", size.round())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_sizes_in_the_unit_of_which_there_are_ten() {
        let check = |bytes: f64, expected: &str| assert_eq!(pretty(bytes), expected);
        check(8_192.0, "8192 bytes");
        check(10_240.0, "10 kB");
        check(7_500_000.0, "7324 kB");
        check(12_000_000.0, "11 MB");
    }
}
