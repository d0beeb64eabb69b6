//! What rows ask for: merge, replace, delete. One row after the other.
//!
//! Source: SDMX-CSV 2.1 field guide, "ACTION".

use std::mem;

use crate::oracle::{Attributes, Oracle, Row};

impl Oracle {
    /// Sets attributes of a series that may have no observation yet; see [`Oracle::settle`].
    pub fn set_attributes(&mut self, flow: &str, key: &[String], attributes: Attributes) {
        let series = (flow.to_owned(), key.to_vec());
        self.series_attributes.entry(series).or_default().extend(attributes);
    }

    /// Forgets the attributes of series without observations, as the end of a message does.
    pub fn settle(&mut self) {
        let mut attributes = mem::take(&mut self.series_attributes);
        attributes.retain(|(flow, key), _| self.is_there(flow, key));
        self.series_attributes = attributes;
    }

    /// Whether a series has an observation.
    fn is_there(&self, flow: &str, key: &[String]) -> bool {
        let first = (flow.to_owned(), key.to_vec(), String::new());
        let next = self.observations.range(first..).next();
        next.is_some_and(|((of, series, _), _)| of == flow && series == key)
    }

    /// Deletes what a row names, or all it matches if it names nothing. Of the key, empty codes
    /// match all; so does an empty period. `has_time` says whether the dataflow has periods.
    pub fn delete(&mut self, row: &Row, has_time: bool) {
        let matches = |key: &[String]| is_match(&row.key, key);
        let in_time = |period: &str| row.period.is_empty() || row.period == period;
        let of_observation = row.measures.iter().any(Option::is_some) || !row.attributes.is_empty();
        let is_whole = !of_observation && row.series_attributes.is_empty();
        let mut lost: Vec<(String, Vec<String>)> = Vec::new();
        for ((flow, key, period), observation) in &mut self.observations {
            if *flow != row.flow || !matches(key) || !in_time(period) {
                continue;
            }
            for (value, named) in observation.measures.iter_mut().zip(&row.measures) {
                *value = value.take().filter(|_| named.is_none());
            }
            observation.attributes.retain(|id, _| !row.attributes.contains_key(id));
            let says_nothing = observation.measures.iter().all(Option::is_none)
                && observation.attributes.is_empty();
            if is_whole || (of_observation && says_nothing) {
                // Marked, and taken out below.
                observation.measures.clear();
                observation.attributes.clear();
                observation.attributes.insert(String::new(), String::new());
                lost.push((flow.clone(), key.clone()));
            }
        }
        self.observations.retain(|_, observation| !observation.attributes.contains_key(""));
        for series in lost {
            if !self.is_there(&series.0, &series.1) {
                self.series_attributes.remove(&series);
            }
        }
        // Attributes of a series are under its whole key, or in a region that has no period.
        let is_of_keys = row.period.is_empty() || !has_time;
        let is_exact = row.key.iter().all(|code| !code.is_empty());
        let goes = |id: &String| is_whole && is_of_keys || row.series_attributes.contains_key(id);
        for ((flow, key), attributes) in &mut self.series_attributes {
            if *flow == row.flow && matches(key) && (is_of_keys || is_exact) {
                attributes.retain(|id, _| !goes(id));
            }
        }
        self.series_attributes.retain(|_, attributes| !attributes.is_empty());
    }
}

/// Whether a key has the codes of a pattern, in which empty ones stand for all.
pub fn is_match(pattern: &[String], key: &[String]) -> bool {
    pattern.iter().zip(key).all(|(wanted, code)| wanted.is_empty() || wanted == code)
}
