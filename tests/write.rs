//! Statements that write, in SQL: what they answer, what is there afterwards, and what other
//! sessions see.

#![expect(
    clippy::redundant_closure_for_method_calls,
    clippy::type_complexity,
    clippy::too_many_lines,
    clippy::cast_possible_truncation,
    reason = "a test reads better so"
)]
#[path = "../benches/support/cube.rs"]
mod cube;
#[path = "write/flow.rs"]
mod flow;
#[path = "write/prepared.rs"]
mod prepared;
#[path = "write/random.rs"]
mod random;
#[path = "write/statements.rs"]
mod statements;
#[path = "write/transactions.rs"]
mod transactions;

use crate::flow::{ask, connect, database};

/// Runs statements on a fresh database, and compares what they answer.
fn check(sql: &str, expected: &str) {
    let connection = connect(&database());
    assert_eq!(ask(&connection, sql), expected.trim(), "{sql}");
}
