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
use sdmxdb::model::Action;

use crate::oracle::actions::is_match;
use crate::oracle::{Attributes, Found, Observation, Oracle, Row};
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
        for row in rows {
            self.apply(shape, Action::Merge, row);
        }
        self.oracle.settle();
    }

    /// Applies one row of a message, whose end is [`Oracle::settle`].
    pub fn apply(&mut self, shape: &Shape, action: Action, row: &Row) {
        if action == Action::Delete {
            self.delete_partials(shape, row);
            self.oracle.delete(row, shape.has_time);
            return;
        }
        let mut row = row.clone();
        for (name, on) in shape.key.iter().filter(|(_, on)| on.len() < shape.dimensions.len()) {
            if let Some(value) = row.series_attributes.remove(*name) {
                let key: Vec<String> = on.iter().map(|at| row.key[*at].clone()).collect();
                self.partials.insert((row.flow.clone(), (*name).to_owned(), key), value);
            }
        }
        let is_of_keys = row.period.is_empty() && shape.has_time;
        match action {
            _ if is_of_keys && row.series_attributes.is_empty() => {}
            _ if is_of_keys => {
                self.oracle.set_attributes(&row.flow, &row.key, row.series_attributes);
            }
            Action::Replace => self.oracle.replace([row]),
            Action::Merge | Action::Delete => self.oracle.merge([row]),
        }
    }

    /// Deletes attributes of partial keys, named or all: those that have all dimensions of the row,
    /// which has no period then; or where a row that names them has all dimensions of theirs.
    fn delete_partials(&mut self, shape: &Shape, row: &Row) {
        let is_whole = row.measures.iter().all(Option::is_none)
            && row.attributes.is_empty()
            && row.series_attributes.is_empty();
        self.partials.retain(|(flow, name, key), _| {
            let (_, on) = shape.key.iter().find(|(known, _)| known == name).expect("its shape");
            let pattern: Vec<String> = on.iter().map(|at| row.key[*at].clone()).collect();
            let mut given = (0..row.key.len()).filter(|at| !row.key[*at].is_empty());
            let is_inside = row.period.is_empty() && given.all(|at| on.contains(&at));
            let is_exact = pattern.iter().all(|code| !code.is_empty());
            let is_named = row.series_attributes.contains_key(name);
            let is_meant = (is_named && (is_inside || is_exact)) || (is_whole && is_inside);
            *flow != row.flow || !is_meant || !is_match(&pattern, key)
        });
    }

    /// The series that are there and chosen.
    pub fn series(&self, flow: &str, chosen: impl Fn(&[String]) -> bool) -> Vec<Vec<String>> {
        let keys: BTreeSet<&Vec<String>> = self.oracle.found(flow).map(|found| found.key).collect();
        keys.into_iter().filter(|key| chosen(key)).cloned().collect()
    }

    /// What a load reports that brings this state to `after`, where rows spoke of these
    /// observations without deleting them.
    pub fn counts(
        &self,
        after: &Expected,
        shape: &Shape,
        spoken_of: &BTreeSet<(Vec<String>, String)>,
    ) -> Counts {
        let of = |state: &Self| -> BTreeMap<(Vec<String>, String), Observation> {
            let found = state.oracle.found(shape.flow);
            let entry =
                |f: Found<'_>| ((f.key.clone(), f.period.to_owned()), f.observation.clone());
            found.map(entry).collect()
        };
        let (before, after) = (of(self), of(after));
        let mut counts = Counts::default();
        for (moment, observation) in &after {
            match before.get(moment) {
                None => counts.inserted += 1,
                Some(was) if was != observation => counts.changed += 1,
                Some(_) => counts.unchanged += u64::from(spoken_of.contains(moment)),
            }
        }
        counts.deleted = before.keys().filter(|moment| !after.contains_key(*moment)).count() as u64;
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
