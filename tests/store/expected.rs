//! The oracle with what it does not know: attributes of partial keys.

#![allow(
    clippy::allow_attributes,
    dead_code,
    unreachable_pub,
    reason = "each test that includes this file uses another part of it"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sdmxdb::catalog::Counts;

use crate::oracle::{Attributes, Found, Oracle, Row};
use crate::structures::Shape;

/// The state that the database should have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Observations, and attributes of series.
    pub oracle: Oracle,
    /// Attributes of partial keys, by dataflow, attribute and codes.
    pub partials: BTreeMap<(String, String, Vec<String>), String>,
}

impl Expected {
    /// Merges the rows of one message. A row without a period gives attributes only.
    pub fn merge(&mut self, shape: &Shape, rows: &[Row]) {
        let mut of_series: Vec<Row> = Vec::new();
        for row in rows {
            let mut row = row.clone();
            for (name, on) in shape.key.iter().filter(|(_, on)| on.len() < shape.dimensions.len()) {
                if let Some(value) = row.series_attributes.remove(*name) {
                    let key: Vec<String> = on.iter().map(|at| row.key[*at].clone()).collect();
                    self.partials.insert((row.flow.clone(), (*name).to_owned(), key), value);
                }
            }
            if row.period.is_empty() && shape.has_time {
                of_series.push(row);
            } else {
                of_series.push(row.clone());
                self.oracle.merge([row]);
            }
        }
        // Attributes reach every series that has an observation after the message, the last wins.
        let mut periods: BTreeMap<Vec<String>, String> = BTreeMap::new();
        if of_series.iter().any(|row| !row.series_attributes.is_empty()) {
            let found = self.oracle.found(shape.flow);
            periods.extend(found.map(|found| (found.key.clone(), found.period.to_owned())));
        }
        for mut row in of_series.into_iter().filter(|row| !row.series_attributes.is_empty()) {
            if let Some(period) = periods.get(&row.key) {
                row.period.clone_from(period);
                row.measures.clear();
                row.attributes.clear();
                self.oracle.merge([row]);
            }
        }
    }

    /// Deletes whole series; gives the number of observations.
    pub fn delete(&mut self, flow: &str, chosen: impl Fn(&[String]) -> bool) -> usize {
        let keys: BTreeSet<Vec<String>> =
            self.oracle.found(flow).map(|f| f.key.clone()).filter(|key| chosen(key)).collect();
        keys.iter().map(|key| self.oracle.delete_series(flow, key)).sum()
    }

    /// What a load reports that brings this state to `after`, where `rows` observations came.
    pub fn counts(&self, after: &Expected, shape: &Shape, rows: u64) -> Counts {
        let before: BTreeMap<_, _> =
            self.oracle.found(shape.flow).map(|f| ((f.key, f.period), f.observation)).collect();
        let mut counts = Counts::default();
        for found in after.oracle.found(shape.flow) {
            match before.get(&(found.key, found.period)) {
                None => counts.inserted += 1,
                Some(was) => counts.changed += u64::from(*was != found.observation),
            }
        }
        counts.unchanged = rows - counts.inserted - counts.changed;
        counts
    }

    /// A row as [`crate::reading::lines`] writes it.
    pub fn line(&self, shape: &Shape, found: Found<'_>) -> String {
        let mut line = format!("{} {}", found.key.join("."), found.period);
        for measure in 0..shape.measures.len() {
            let value = found.observation.measures.get(measure).and_then(Option::as_deref);
            line.push('|');
            line += value.unwrap_or_default();
        }
        for name in shape.observation {
            if let Some(value) = found.observation.attributes.get(*name) {
                write!(line, " {name}={value}").expect("into a string");
            }
        }
        let none = Attributes::new();
        let of_series = found.series_attributes.unwrap_or(&none);
        for (name, on) in shape.key {
            let key: Vec<String> = on.iter().map(|at| found.key[*at].clone()).collect();
            let partial = (shape.flow.to_owned(), (*name).to_owned(), key);
            if let Some(value) = of_series.get(*name).or_else(|| self.partials.get(&partial)) {
                write!(line, " {name}={value}").expect("into a string");
            }
        }
        line
    }

    /// The rows that are chosen, in key order by these dimensions first.
    pub fn lines(
        &self,
        shape: &Shape,
        order: &[usize],
        chosen: impl Fn(Found<'_>) -> bool,
    ) -> Vec<String> {
        let rows = self.oracle.rows(shape.flow, order, chosen);
        rows.into_iter().map(|found| self.line(shape, found)).collect()
    }
}
