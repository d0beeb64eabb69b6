//! How the server behaves.

use std::time::Duration;

use crate::limits::{Budget, HTTP_ANSWERS_MAX};

/// What the server is told when it starts.
#[derive(Clone, Debug)]
pub struct RestOptions {
    /// The clock: microseconds since 1970.
    pub now: fn() -> i64,
    /// Where errors go that the operator must know of: damage, refused reads, our own mistakes.
    pub report: fn(&str),
    /// Answers that run at once; more are refused with 503 after [`RestOptions::answer_wait`].
    pub answers_max: usize,
    /// How long a request waits for one of them to end.
    pub answer_wait: Duration,
    /// Connections at once; more wait until one closes.
    pub connections_max: usize,
    /// How long a connection may take to send the head of a request, or lie idle.
    pub idle: Duration,
    /// How long a client may take no byte of its answer.
    pub stall: Duration,
    /// How long answers may go on once the server is told to stop.
    pub grace: Duration,
    /// Who messages say they are from.
    pub sender: String,
    /// The account of memory to show in the metrics, where there is one.
    pub memory: Option<Budget>,
}

impl RestOptions {
    /// The defaults, with this clock; errors go nowhere.
    pub fn new(now: fn() -> i64) -> Self {
        Self {
            now,
            report: |_| {},
            answers_max: HTTP_ANSWERS_MAX,
            answer_wait: Duration::from_secs(2),
            connections_max: 1_024,
            idle: Duration::from_mins(1),
            stall: Duration::from_mins(1),
            grace: Duration::from_secs(10),
            sender: "sdmxdb".to_owned(),
            memory: None,
        }
    }
}
