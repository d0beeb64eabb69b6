//! What the store should answer, computed the slow and obvious way.
//!
//! A [`Oracle`] keeps every observation in one `BTreeMap` and answers by going through all of
//! them. It shares no code with the store, decimals included: where the two disagree, at least
//! one of them is wrong, and this one is short enough to be read.

#![allow(
    clippy::allow_attributes,
    dead_code,
    unreachable_pub,
    reason = "each test that includes this file uses another part of it"
)]

pub mod actions;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::Bound;

/// A code per dimension, time left out, in the order of the structure.
pub type SeriesKey = Vec<String>;
/// Attribute identifiers and texts.
pub type Attributes = BTreeMap<String, String>;

/// What stands at one period of a series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// The text of each measure; `None` where there is no value.
    pub measures: Vec<Option<String>>,
    /// Attributes attached to the observation.
    pub attributes: Attributes,
}

/// One row of a load: an observation with the attributes of its series beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The dataflow.
    pub flow: String,
    /// The series.
    pub key: SeriesKey,
    /// The period as it is written; empty in a cube without time.
    pub period: String,
    /// The text of each measure; `None` leaves a present value alone.
    pub measures: Vec<Option<String>>,
    /// Attributes of the observation; those left out stay as they are.
    pub attributes: Attributes,
    /// Attributes of the series; those left out stay as they are.
    pub series_attributes: Attributes,
}

/// The whole state of a database. A snapshot is a clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Oracle {
    observations: BTreeMap<(String, SeriesKey, String), Observation>,
    series_attributes: BTreeMap<(String, SeriesKey), Attributes>,
}

/// One row of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// The series.
    pub key: &'a SeriesKey,
    /// The period as it is written.
    pub period: &'a str,
    /// What stands there.
    pub observation: &'a Observation,
    /// Attributes of the series, if it has any.
    pub series_attributes: Option<&'a Attributes>,
}

impl Oracle {
    /// Merges rows in their order: what they give replaces, what they leave out stays.
    pub fn merge(&mut self, rows: impl IntoIterator<Item = Row>) {
        for row in rows {
            if !row.series_attributes.is_empty() {
                let series = (row.flow.clone(), row.key.clone());
                self.series_attributes.entry(series).or_default().extend(row.series_attributes);
            }
            let observation = self.observations.entry((row.flow, row.key, row.period)).or_default();
            observation.attributes.extend(row.attributes);
            let width = observation.measures.len().max(row.measures.len());
            observation.measures.resize(width, None);
            for (present, given) in observation.measures.iter_mut().zip(row.measures) {
                if given.is_some() {
                    *present = given;
                }
            }
        }
    }

    /// Merges rows, but an observation that a row names becomes exactly what that row says.
    pub fn replace(&mut self, rows: impl IntoIterator<Item = Row>) {
        for row in rows {
            let address = (row.flow.clone(), row.key.clone(), row.period.clone());
            self.observations.remove(&address);
            self.merge([row]);
        }
    }

    /// Deletes a series with its attributes; gives the number of observations deleted.
    pub fn delete_series(&mut self, flow: &str, key: &[String]) -> usize {
        self.series_attributes.remove(&(flow.to_owned(), key.to_vec()));
        self.delete_where(flow, |found| found.key == key)
    }

    /// Deletes one observation; true if it was there.
    pub fn delete_observation(&mut self, flow: &str, key: &[String], period: &str) -> bool {
        let address = (flow.to_owned(), key.to_vec(), period.to_owned());
        self.observations.remove(&address).is_some()
    }

    /// Deletes the observations that are chosen; gives their number.
    pub fn delete_where(&mut self, flow: &str, chosen: impl Fn(Found<'_>) -> bool) -> usize {
        let addresses: Vec<(String, SeriesKey, String)> = self
            .found(flow)
            .filter(|&found| chosen(found))
            .map(|found| (flow.to_owned(), found.key.clone(), found.period.to_owned()))
            .collect();
        for address in &addresses {
            self.observations.remove(address);
        }
        addresses.len()
    }

    /// Everything, to be compared with later states.
    pub fn snapshot(&self) -> Oracle {
        self.clone()
    }

    /// The dataflows with observations.
    pub fn flows(&self) -> BTreeSet<&str> {
        self.observations.keys().map(|(flow, ..)| flow.as_str()).collect()
    }

    /// The observations of a dataflow, in key order and then in text order of the periods.
    pub fn found<'a>(&'a self, flow: &'a str) -> impl Iterator<Item = Found<'a>> {
        let first = (flow.to_owned(), Vec::new(), String::new());
        self.observations
            .range((Bound::Included(first), Bound::Unbounded))
            .take_while(move |((of, ..), _)| of == flow)
            .map(|((flow, key, period), observation)| Found {
                key,
                period,
                observation,
                series_attributes: self.series_attributes.get(&(flow.clone(), key.clone())),
            })
    }

    /// The observations that are chosen, ordered by the dimensions in the order given (positions
    /// in the key), then by the other dimensions, then by the text of the period.
    pub fn rows<'a>(
        &'a self,
        flow: &'a str,
        order: &[usize],
        chosen: impl Fn(Found<'a>) -> bool,
    ) -> Vec<Found<'a>> {
        let mut rows: Vec<Found<'a>> = self.found(flow).filter(|&found| chosen(found)).collect();
        // The sort is stable, and the rows come in the order of the whole key and the period.
        rows.sort_by(|a, b| pick(a.key, order).cmp(&pick(b.key, order)));
        rows
    }

    /// The number of series with observations.
    pub fn series_count(&self, flow: &str) -> usize {
        self.found(flow).map(|found| found.key).collect::<BTreeSet<_>>().len()
    }

    /// The codes that occur, per dimension, among the observations that are chosen.
    pub fn codes<'a>(
        &'a self,
        flow: &'a str,
        chosen: impl Fn(Found<'a>) -> bool,
    ) -> Vec<BTreeSet<&'a str>> {
        let mut codes: Vec<BTreeSet<&str>> = Vec::new();
        for found in self.found(flow).filter(|&found| chosen(found)) {
            codes.resize(codes.len().max(found.key.len()), BTreeSet::new());
            for (codes, code) in codes.iter_mut().zip(found.key) {
                codes.insert(code);
            }
        }
        codes
    }

    /// Exact statistics of one measure over the observations that are chosen, per group. The
    /// group is named by its codes of `dimensions`, then by the period if `by_period`.
    pub fn groups<'a>(
        &'a self,
        flow: &'a str,
        measure: usize,
        dimensions: &[usize],
        by_period: ByPeriod,
        chosen: impl Fn(Found<'a>) -> bool,
    ) -> BTreeMap<Vec<&'a str>, Statistics> {
        let mut groups: BTreeMap<Vec<&str>, Statistics> = BTreeMap::new();
        for found in self.found(flow).filter(|&found| chosen(found)) {
            let mut name = pick(found.key, dimensions);
            if by_period == ByPeriod::Yes {
                name.push(found.period);
            }
            let text = found.observation.measures.get(measure).and_then(Option::as_deref);
            groups.entry(name).or_default().add(text);
        }
        groups
    }
}

/// Whether periods are groups of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByPeriod {
    /// One group per period.
    Yes,
    /// All periods together.
    No,
}

fn pick<'a>(key: &'a [String], dimensions: &[usize]) -> Vec<&'a str> {
    dimensions.iter().map(|&dimension| key[dimension].as_str()).collect()
}

/// Exact statistics of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Observations, with or without a value.
    pub rows: u64,
    /// Observations whose value is a number.
    pub count: u64,
    /// Their sum; 0 for none.
    pub sum: Decimal,
    /// Their minimum; `None` for none.
    pub min: Option<Decimal>,
    /// Their maximum; `None` for none.
    pub max: Option<Decimal>,
}

impl Statistics {
    fn add(&mut self, text: Option<&str>) {
        self.rows += 1;
        let Some(value) = text.and_then(Decimal::parse) else { return };
        self.count += 1;
        self.sum = self.sum.plus(value);
        let is_less = |other: Decimal| value.compare(other).is_lt();
        let is_greater = |other: Decimal| value.compare(other).is_gt();
        if self.min.is_none_or(is_less) {
            self.min = Some(value);
        }
        if self.max.is_none_or(is_greater) {
            self.max = Some(value);
        }
    }

    /// The sum divided by the count, to the nearest double; `None` for none.
    #[expect(clippy::cast_precision_loss, reason = "a test has far fewer than 2^53 observations")]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum.to_f64() / self.count as f64)
    }
}

/// An exact decimal number: `mantissa / 10^scale`. Equal numbers may differ in scale; `PartialEq`
/// is by number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decimal {
    /// All digits.
    pub mantissa: i128,
    /// Digits after the point.
    pub scale: u32,
}

impl Decimal {
    /// Reads the texts that SQL reads as numbers: digits with an optional sign, point and
    /// exponent. `None` for all else (`NaN`, `INF`, `<2.5`, the empty text), and for what does
    /// not fit 30 digits.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (text, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (is_negative, digits) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let scale = i32::try_from(fraction.len()).ok()? - exponent;
        let significant = all.trim_start_matches('0');
        if significant.len() + scale.unsigned_abs() as usize > 30 {
            return None;
        }
        let size = if significant.is_empty() { 0 } else { significant.parse::<i128>().ok()? };
        let size = if scale < 0 { size * 10_i128.pow(scale.unsigned_abs()) } else { size };
        let mantissa = if is_negative { -size } else { size };
        Some(Decimal { mantissa, scale: u32::try_from(scale).unwrap_or(0) })
    }

    /// Both numbers with the greater of their scales.
    fn align(self, other: Decimal) -> (i128, i128, u32) {
        let scale = self.scale.max(other.scale);
        let raise = |it: Decimal| it.mantissa * 10_i128.pow(scale - it.scale);
        (raise(self), raise(other), scale)
    }

    /// The exact sum.
    #[must_use]
    pub fn plus(self, other: Decimal) -> Decimal {
        let (a, b, scale) = self.align(other);
        Decimal { mantissa: a + b, scale }
    }

    /// Which of two is less.
    pub fn compare(self, other: Decimal) -> Ordering {
        let (a, b, _) = self.align(other);
        a.cmp(&b)
    }

    /// The nearest double, found by the standard library from the written number.
    pub fn to_f64(self) -> f64 {
        format!("{}e-{}", self.mantissa, self.scale).parse().expect("digits and an exponent")
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Decimal) -> bool {
        self.compare(*other).is_eq()
    }
}

impl Eq for Decimal {}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, period: &str, value: &str) -> Row {
        Row {
            flow: "F".to_owned(),
            key: key.split('.').map(str::to_owned).collect(),
            period: period.to_owned(),
            measures: vec![(!value.is_empty()).then(|| value.to_owned())],
            attributes: Attributes::new(),
            series_attributes: Attributes::new(),
        }
    }

    fn oracle() -> Oracle {
        let mut oracle = Oracle::default();
        oracle.merge([
            row("A.X", "2021", "0.2"),
            row("B.X", "2020", "-7"),
            row("A.X", "2020", "0.1"),
            row("A.Y", "2020", "NaN"),
            row("A.Y", "2021", "1E1"),
        ]);
        oracle
    }

    #[test]
    fn parses_decimals_and_nothing_else() {
        let check = |text: &str, expected: Option<(i128, u32)>| {
            let expected = expected.map(|(mantissa, scale)| Decimal { mantissa, scale });
            assert_eq!(Decimal::parse(text), expected, "{text}");
        };
        check("0", Some((0, 0)));
        check("-12.50", Some((-125, 1)));
        check("+3", Some((3, 0)));
        check(".5", Some((5, 1)));
        check("1.", Some((1, 0)));
        check("1E5", Some((100_000, 0)));
        check("15e-1", Some((15, 1)));
        for text in ["", "-", ".", "NaN", "INF", "<2.5", "1 234", "1e", "--1", "0x1"] {
            check(text, None);
        }
        check(&"9".repeat(41), None);
    }

    #[test]
    fn sums_are_exact() {
        let oracle = oracle();
        let groups = oracle.groups("F", 0, &[0], ByPeriod::No, |_| true);
        let of_a = &groups[&vec!["A"]];
        assert_eq!((of_a.rows, of_a.count), (4, 3), "NaN is a row without a number");
        assert_eq!(of_a.sum, Decimal { mantissa: 103, scale: 1 });
        assert_eq!(of_a.min, Some(Decimal { mantissa: 1, scale: 1 }));
        assert_eq!(of_a.max, Some(Decimal { mantissa: 10, scale: 0 }));
        let by_period = oracle.groups("F", 0, &[], ByPeriod::Yes, |found| found.key[0] == "A");
        assert_eq!(by_period.keys().collect::<Vec<_>>(), [&vec!["2020"], &vec!["2021"]]);
    }

    #[test]
    fn orders_by_any_dimensions_and_then_by_period() {
        let oracle = oracle();
        let rows = oracle.rows("F", &[1, 0], |_| true);
        let texts: Vec<String> =
            rows.iter().map(|row| format!("{} {}", row.key.join("."), row.period)).collect();
        assert_eq!(texts, ["A.X 2020", "A.X 2021", "B.X 2020", "A.Y 2020", "A.Y 2021"]);
    }

    #[test]
    fn merge_keeps_what_is_left_out_and_replace_does_not() {
        let mut merged = oracle();
        let mut given = row("A.X", "2020", "");
        given.attributes.insert("OBS_STATUS".to_owned(), "E".to_owned());
        let mut replaced = merged.snapshot();
        merged.merge([given.clone()]);
        replaced.replace([given]);
        let value = |oracle: &Oracle| {
            oracle.found("F").next().map(|found| found.observation.measures[0].clone())
        };
        assert_eq!(value(&merged), Some(Some("0.1".to_owned())));
        assert_eq!(value(&replaced), Some(None));
    }

    #[test]
    fn deletes_a_series_and_leaves_the_snapshot_alone() {
        let mut now = oracle();
        let before = now.snapshot();
        assert_eq!(now.delete_series("F", &["A".to_owned(), "X".to_owned()]), 2);
        assert_eq!((now.series_count("F"), before.series_count("F")), (2, 3));
        let codes = now.codes("F", |_| true);
        assert_eq!(codes[1], BTreeSet::from(["X", "Y"]));
        assert!(!now.delete_observation("F", &["A".to_owned(), "X".to_owned()], "2020"));
    }
}
