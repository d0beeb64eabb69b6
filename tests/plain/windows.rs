//! Queries with window functions.

use crate::queries::{Near, Query, Writer};

/// Frames by rows, the first two of which have no end that moves.
const FRAMES: [&str; 7] = [
    "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
    "ROWS BETWEEN 3 PRECEDING AND CURRENT ROW",
    "ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
    "ROWS 2 PRECEDING",
    "ROWS BETWEEN 4 PRECEDING AND 1 PRECEDING",
    "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
];

impl Writer<'_> {
    /// Window functions over series or other groups of rows, shown or aggregated again.
    pub(crate) fn windows(&mut self) -> Query {
        let dimensions = self.draw.dimensions();
        let mut parts = self.draw.shuffled(dimensions.clone());
        // Mostly a window is a series.
        if self.draw.chance(0.25) || !self.draw.has_time() {
            parts.truncate(self.draw.below(parts.len()));
        }
        let mut order: Vec<String> =
            dimensions.into_iter().filter(|column| !parts.contains(column)).collect();
        if self.draw.has_time() {
            let at = if self.draw.chance(0.7) { 0 } else { order.len() };
            order.insert(at, "time_period".to_owned());
        }
        if self.draw.chance(0.25) {
            for column in &mut order {
                *column += " DESC";
            }
        }
        let mut over = String::new();
        if !parts.is_empty() {
            over += &format!("PARTITION BY {} ", parts.join(", "));
        }
        over += &format!("ORDER BY {}", order.join(", "));
        let count = 1 + usize::from(self.draw.chance(0.3));
        let calls: Vec<(String, Near)> = (0..count).map(|_| self.window(&over)).collect();
        self.around(&calls)
    }

    /// One call; `over` decides the order of the rows of each part.
    fn window(&mut self, over: &str) -> (String, Near) {
        let value = self.draw.measure();
        let frame = self.draw.pick(&FRAMES);
        let steps = 1 + self.draw.below(4);
        let (call, frame, near) = match self.draw.below(18) {
            0..=2 => (format!("lag({value})"), "", Near::Exact),
            3 => (format!("lag({value}, {steps})"), "", Near::Exact),
            4 => (format!("lead({value})"), "", Near::Exact),
            5 => (format!("lag({value}, {steps}, -1.0)"), "", Near::Exact),
            6 => ("row_number()".to_owned(), "", Near::Exact),
            7 => (format!("sum({value})"), "", Near::Sum),
            8 => (format!("sum({value})"), frame, Near::Sum),
            9 | 10 => (format!("avg({value})"), frame, Near::Mean),
            11 => (format!("min({value})"), frame, Near::Exact),
            12 => (format!("max({value})"), frame, Near::Exact),
            13 => (format!("count({value})"), frame, Near::Exact),
            14 => (format!("first_value({value})"), frame, Near::Exact),
            15 => (format!("last_value({value})"), frame, Near::Exact),
            16 => ("rank()".to_owned(), "", Near::Exact),
            _ => ("lag(time_period)".to_owned(), "", Near::Exact),
        };
        let call =
            if self.draw.has_time() { call } else { call.replace("time_period", "obs_status") };
        let frame = if frame.is_empty() { String::new() } else { format!(" {frame}") };
        let call = format!("{call} OVER ({over}{frame})");
        let is_number = call.starts_with("lag(obs_value") || call.starts_with("avg(");
        if is_number && self.draw.chance(0.4) {
            let near = if near == Near::Exact { Near::Exact } else { Near::Mean };
            return (format!("obs_value - {call}"), near);
        }
        (call, near)
    }

    /// What is shown of the calls.
    fn around(&mut self, calls: &[(String, Near)]) -> Query {
        let (key, measure) = (self.key(), self.draw.measure());
        let (table, filter) = (self.table(), self.draw.filter());
        let named: Vec<String> = calls
            .iter()
            .enumerate()
            .map(|(place, (call, _))| format!("{call} AS w{place}"))
            .collect();
        let mut near = vec![Near::Exact; key.len() + 1];
        near.extend(calls.iter().map(|(_, near)| *near));
        let inner = format!(
            "SELECT {}, {measure}, {} FROM {table}{filter}",
            key.join(", "),
            named.join(", ")
        );
        let (call, first) = &calls[0];
        let is_row_number = call.starts_with("row_number") || call.starts_with("rank");
        match self.draw.below(6) {
            0 | 1 if is_row_number => {
                let most = 1 + self.draw.below(3);
                let sql = format!("SELECT * FROM ({inner}) AS t WHERE w0 <= {most}");
                Query { sql, is_ordered: false, near }
            }
            2 => {
                let sql = format!("SELECT count(*), count(w0) FROM ({inner}) AS t");
                Query { sql, is_ordered: false, near: Vec::new() }
            }
            3 if *first == Near::Exact => {
                let sql = format!("SELECT max(w0), min(w0) FROM ({inner}) AS t");
                Query { sql, is_ordered: false, near: Vec::new() }
            }
            4 => {
                let order = key.join(", ");
                let sql = format!("{inner} ORDER BY {order} LIMIT {}", self.draw.below(40));
                Query { sql, is_ordered: true, near }
            }
            _ => Query { sql: inner, is_ordered: false, near },
        }
    }
}
