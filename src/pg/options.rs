//! How a server answers.

use std::time::Duration;

use crate::limits::PG_CONNECTIONS_MAX;

/// How a server answers.
#[derive(Clone, Debug)]
pub struct PgOptions {
    /// Connections at one time.
    pub connections_max: usize,
    /// How long a client may take to begin its session.
    pub startup_timeout: Duration,
    /// How long statements may run on after the server was told to stop.
    pub grace: Duration,
    /// The limit on the time of a statement for sessions that set none; zero is none.
    pub statement_timeout: Duration,
    /// The time now, in microseconds since 1970.
    pub clock: fn() -> i64,
}

impl PgOptions {
    /// The usual limits, with this clock.
    pub fn new(clock: fn() -> i64) -> Self {
        Self {
            connections_max: PG_CONNECTIONS_MAX,
            startup_timeout: Duration::from_mins(1),
            grace: Duration::from_secs(10),
            statement_timeout: Duration::ZERO,
            clock,
        }
    }
}
