//! What the server counts, in the text format of Prometheus.
//!
//! Source: Prometheus, "Text-based format", version 0.0.4.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::limits::Budget;

/// Upper bounds of the classes of times, in microseconds.
const BOUNDS: [u64; 12] = [
    200, 500, 1_000, 2_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000,
    30_000_000,
];

/// Counts since the server started.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    /// How many took up to each bound and no less, then those over all of them.
    times: [AtomicU64; BOUNDS.len() + 1],
    time_micros: AtomicU64,
    bytes: AtomicU64,
}

/// What else is shown, at the moment of asking.
#[derive(Debug)]
pub(super) struct Now<'a> {
    /// Answers that run.
    pub(super) running: usize,
    /// How many may.
    pub(super) running_max: usize,
    /// The number of the last commit.
    pub(super) snapshot: Option<u64>,
    /// The account of memory.
    pub(super) memory: Option<&'a Budget>,
}

impl Metrics {
    /// Counts a request by its resource and status, and the time until its answer began.
    pub(super) fn answered(&self, resource: &'static str, status: u16, micros: u64) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((resource, status)).or_default() += 1;
        drop(requests);
        let class = BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS.len());
        if let Some(count) = self.times.get(class) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.time_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Counts bytes of bodies.
    pub(super) fn sent(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// All counts as text.
    pub(super) fn text(&self, now: &Now<'_>) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        self.write(&mut text, now).unwrap_or_default();
        text
    }

    fn write(&self, text: &mut String, now: &Now<'_>) -> fmt::Result {
        let about = |text: &mut String, name: &str, kind: &str, help: &str| {
            writeln!(text, "# HELP sdmxdb_http_{name} {help}\n# TYPE sdmxdb_http_{name} {kind}")
        };
        about(text, "requests_total", "counter", "Requests by resource and status.")?;
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        for ((resource, status), count) in requests.iter() {
            let labels = format!("resource=\"{resource}\",status=\"{status}\"");
            writeln!(text, "sdmxdb_http_requests_total{{{labels}}} {count}")?;
        }
        drop(requests);
        about(text, "sent_bytes_total", "counter", "Bytes of bodies, compressed.")?;
        writeln!(text, "sdmxdb_http_sent_bytes_total {}", self.bytes.load(Ordering::Relaxed))?;
        about(text, "running_answers", "gauge", "Answers that run.")?;
        writeln!(text, "sdmxdb_http_running_answers {}", now.running)?;
        about(text, "running_answers_limit", "gauge", "Answers that may run at once.")?;
        writeln!(text, "sdmxdb_http_running_answers_limit {}", now.running_max)?;
        about(text, "start_seconds", "histogram", "Time until an answer began.")?;
        let mut count = 0;
        for (bound, times) in BOUNDS.iter().zip(&self.times) {
            count += times.load(Ordering::Relaxed);
            let bound = Seconds(*bound);
            writeln!(text, "sdmxdb_http_start_seconds_bucket{{le=\"{bound}\"}} {count}")?;
        }
        count += self.times.last().map_or(0, |times| times.load(Ordering::Relaxed));
        writeln!(text, "sdmxdb_http_start_seconds_bucket{{le=\"+Inf\"}} {count}")?;
        let sum = Seconds(self.time_micros.load(Ordering::Relaxed));
        writeln!(text, "sdmxdb_http_start_seconds_sum {sum}")?;
        writeln!(text, "sdmxdb_http_start_seconds_count {count}")?;
        if let Some(number) = now.snapshot {
            writeln!(text, "# HELP sdmxdb_snapshot_number Number of the last commit.")?;
            writeln!(text, "# TYPE sdmxdb_snapshot_number gauge")?;
            writeln!(text, "sdmxdb_snapshot_number {number}")?;
        }
        if let Some(memory) = now.memory {
            writeln!(text, "# HELP sdmxdb_memory_bytes Memory that queries hold.")?;
            writeln!(text, "# TYPE sdmxdb_memory_bytes gauge")?;
            writeln!(text, "sdmxdb_memory_bytes {}", memory.used())?;
            writeln!(text, "# HELP sdmxdb_memory_limit_bytes Memory that queries may hold.")?;
            writeln!(text, "# TYPE sdmxdb_memory_limit_bytes gauge")?;
            writeln!(text, "sdmxdb_memory_limit_bytes {}", memory.limit())?;
        }
        Ok(())
    }
}

/// Microseconds, written as seconds.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_shown_by_resource_and_time() {
        let metrics = Metrics::default();
        metrics.answered("data", 200, 150);
        metrics.answered("data", 200, 700);
        metrics.answered("data", 404, 60_000_000);
        metrics.sent(1_000);
        let memory = Budget::new("memory", 10);
        let now = Now { running: 1, running_max: 8, snapshot: Some(7), memory: Some(&memory) };
        let text = metrics.text(&now);
        for line in [
            "sdmxdb_http_requests_total{resource=\"data\",status=\"200\"} 2",
            "sdmxdb_http_requests_total{resource=\"data\",status=\"404\"} 1",
            "sdmxdb_http_sent_bytes_total 1000",
            "sdmxdb_http_start_seconds_bucket{le=\"0.000200\"} 1",
            "sdmxdb_http_start_seconds_bucket{le=\"30.000000\"} 2",
            "sdmxdb_http_start_seconds_bucket{le=\"+Inf\"} 3",
            "sdmxdb_http_start_seconds_sum 60.000850",
            "sdmxdb_snapshot_number 7",
            "sdmxdb_memory_limit_bytes 10",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
    }
}
