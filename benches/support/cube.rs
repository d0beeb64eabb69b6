//! Made-up cubes that look like official statistics, for benches, tests and `generate`.
//!
//! A [`CubeSpec`] says how a cube looks; a [`Cube`] makes it, the same for ever for the same
//! specification. Series come one at a time in key order, or rows in a shuffled order, in memory
//! that grows at most with the number of series:
//!
//! 1. `keys` draws distinct keys in key order, with skewed codes;
//! 2. `series` makes the observations of one key: a span, gaps, a random walk, statuses;
//! 3. `rows` writes SDMX-CSV 1.0 and 2.0;
//! 4. `structure` writes the structure message;
//! 5. `presets` are the cubes that benches and tests share.
//!
//! Only the standard library is used: include it with
//! `#[path = "../benches/support/cube.rs"] mod cube;`.

#![allow(
    clippy::allow_attributes,
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each bench and test that includes this file uses another part of it"
)]

pub mod keys;
pub mod periods;
pub mod presets;
pub mod random;
pub mod rows;
pub mod series;
pub mod structure;

use std::collections::BTreeMap;

use self::keys::Keys;
use self::periods::FrequencySpec;
use self::random::Permutation;
use self::series::Maker;
use self::series::Series;

/// One dimension: its codes and how common each of them is.
#[derive(Clone, Debug)]
pub struct DimensionSpec {
    /// Its identifier, such as `REF_AREA`.
    pub id: String,
    /// Its English name.
    pub name: String,
    /// Its codes in bytewise order.
    pub codes: Vec<String>,
    /// English names, one per code.
    pub names: Vec<String>,
    /// How common each code is, relative to the others; one per code.
    pub weights: Vec<f64>,
}

impl DimensionSpec {
    /// A dimension over codes with names and weights, which are put into code order.
    pub fn weighted<'a>(
        id: &str,
        name: &str,
        codes: impl IntoIterator<Item = (&'a str, &'a str, f64)>,
    ) -> DimensionSpec {
        let sorted: BTreeMap<&str, (&str, f64)> =
            codes.into_iter().map(|(code, name, weight)| (code, (name, weight))).collect();
        DimensionSpec {
            id: id.to_owned(),
            name: name.to_owned(),
            codes: sorted.keys().map(|&code| code.to_owned()).collect(),
            names: sorted.values().map(|&(name, _)| name.to_owned()).collect(),
            weights: sorted.values().map(|&(_, weight)| weight).collect(),
        }
    }

    /// A dimension whose codes follow Zipf's law: the weight of the code at rank `r` (from 0) is
    /// `1 / (r + flatness)`. Ranks are spread over the codes by a permutation of `seed`.
    #[expect(clippy::cast_precision_loss, reason = "there are few codes")]
    pub fn zipf(id: &str, name: &str, codes: &[String], flatness: f64, seed: u64) -> DimensionSpec {
        let mut codes = codes.to_vec();
        codes.sort_unstable();
        codes.dedup();
        let ranks = Permutation::new(seed, codes.len() as u64);
        DimensionSpec {
            id: id.to_owned(),
            name: name.to_owned(),
            names: codes.iter().map(|code| format!("{name} {code}")).collect(),
            weights: (0..codes.len() as u64)
                .map(|code| 1.0 / (ranks.apply(code) as f64 + flatness))
                .collect(),
            codes,
        }
    }

    /// The dimension `FREQ` of these frequencies.
    pub fn frequency(frequencies: &[FrequencySpec]) -> DimensionSpec {
        DimensionSpec::weighted(
            "FREQ",
            "Frequency",
            frequencies
                .iter()
                .map(|spec| (spec.frequency.code(), spec.frequency.name(), spec.weight)),
        )
    }
}

/// An attribute attached to the series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeriesAttribute {
    /// `UNIT_MEASURE`: coded, decided by the code of the subject dimension.
    UnitMeasure,
    /// `UNIT_MULT`: a power of ten, decided by the code of the subject dimension.
    UnitMult,
    /// `DECIMALS`: the decimals of the first measure.
    Decimals,
    /// `TITLE`: text of its own for each series, with commas; missing for one series in eight.
    Title,
}

impl SeriesAttribute {
    /// Its component identifier.
    pub fn id(self) -> &'static str {
        match self {
            SeriesAttribute::UnitMeasure => "UNIT_MEASURE",
            SeriesAttribute::UnitMult => "UNIT_MULT",
            SeriesAttribute::Decimals => "DECIMALS",
            SeriesAttribute::Title => "TITLE",
        }
    }
}

/// What a cube looks like. All shares are from 0 to 1.
#[derive(Clone, Debug)]
pub struct CubeSpec {
    /// Decides every draw.
    pub seed: u64,
    /// Maintenance agency.
    pub agency: String,
    /// Identifier of the dataflow.
    pub flow: String,
    /// English name of the dataflow.
    pub name: String,
    /// Dimensions without time. One called `FREQ` decides the frequency of its series.
    pub dimensions: Vec<DimensionSpec>,
    /// The dimension that decides units and, mostly, decimals.
    pub subject: usize,
    /// Series; not more than there are keys.
    pub series_count: u64,
    /// Frequencies; none for a cube without time, whose series have one observation.
    pub frequencies: Vec<FrequencySpec>,
    /// No period lies before this year.
    pub first_year: i64,
    /// No period lies after this year.
    pub last_year: i64,
    /// Daily series leave out Saturdays and Sundays.
    pub weekdays_only: bool,
    /// Observations that are absent inside a series.
    pub gap_share: f64,
    /// Observations that are present without a value.
    pub null_share: f64,
    /// Observations with a status other than `A`.
    pub status_share: f64,
    /// Measures, the first of which is `OBS_VALUE`.
    pub measures: Vec<String>,
    /// Decimals and their weights.
    pub decimals: Vec<(u8, f64)>,
    /// Least and greatest number of digits of a series' values, decimals included.
    pub digits: (u32, u32),
    /// Standard deviation of one step of the walk, as a share of the level.
    pub volatility: f64,
    /// Series that never change.
    pub constant_share: f64,
    /// Series written without trailing zeros.
    pub trimmed_share: f64,
    /// Observations whose value is no plain decimal number; see [`series::TEXT_VALUES`].
    pub text_share: f64,
    /// Attributes of the series.
    pub attributes: Vec<SeriesAttribute>,
}

impl CubeSpec {
    /// `AGENCY:FLOW(1.0)`, as SDMX-CSV names the dataflow.
    pub fn flow_reference(&self) -> String {
        format!("{}:{}(1.0)", self.agency, self.flow)
    }

    /// True when observations have a period.
    pub fn has_time(&self) -> bool {
        !self.frequencies.is_empty()
    }
}

/// What came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Series with at least one observation.
    pub series: u64,
    /// Observations.
    pub observations: u64,
    /// Periods inside series without an observation.
    pub gaps: u64,
    /// Observations whose first measure has no value.
    pub nulls: u64,
    /// Observations with a status other than `A`.
    pub statuses: u64,
}

impl Totals {
    /// Counts one series.
    pub fn add(&mut self, series: &Series) {
        let present = series.observations.len() as u64;
        self.series += u64::from(present > 0);
        self.observations += present;
        self.gaps += u64::from(series.period_count) - present;
        for observation in 0..series.observations.len() {
            let is_null = matches!(series.values(observation)[0], series::Value::Null);
            self.nulls += u64::from(is_null);
            self.statuses += u64::from(series.observations[observation].status != 0);
        }
    }
}

/// A cube that can be read as often as wanted.
#[derive(Clone, Debug)]
pub struct Cube {
    /// What it looks like.
    pub spec: CubeSpec,
    maker: Maker,
}

impl Cube {
    /// The cube of a specification.
    pub fn new(spec: CubeSpec) -> Cube {
        Cube { maker: Maker::new(&spec), spec }
    }

    /// Its series in key order, one at a time.
    pub fn series(&self) -> SeriesCursor<'_> {
        SeriesCursor { cube: self, keys: Keys::new(&self.spec), series: self.maker.empty() }
    }

    /// All its rows in an order without order: a permutation of all periods of all series.
    ///
    /// Keeps two bytes per dimension and eight more for each series, and makes half a series
    /// again for each row: a microsecond where series are short, but 0.1 ms in `daily`.
    pub fn shuffled(&self) -> ShuffledRows<'_> {
        let mut keys = Keys::new(&self.spec);
        let mut series = self.maker.empty();
        let (mut all_keys, mut ends, mut end) = (Vec::new(), Vec::new(), 0_u64);
        while let Some(key) = keys.next_key() {
            all_keys.extend_from_slice(key);
            self.maker.begin(ends.len() as u64, key, &mut series);
            end += u64::from(series.period_count);
            ends.push(end);
        }
        ShuffledRows {
            cube: self,
            keys: all_keys,
            ends,
            order: Permutation::new(self.spec.seed, end),
            position: 0,
            series,
        }
    }

    /// Counts everything, which costs a few nanoseconds an observation.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        let mut cursor = self.series();
        while let Some(series) = cursor.next_series() {
            totals.add(series);
        }
        totals
    }
}

/// The series of a cube in key order.
#[derive(Debug)]
pub struct SeriesCursor<'a> {
    cube: &'a Cube,
    keys: Keys,
    series: Series,
}

impl SeriesCursor<'_> {
    /// The next series, or `None` after the last one.
    pub fn next_series(&mut self) -> Option<&Series> {
        let ordinal = self.series.ordinal.wrapping_add(1);
        let key = self.keys.next_key()?;
        let mut walk = self.cube.maker.begin(ordinal, key, &mut self.series);
        self.cube.maker.fill(&mut walk, u32::MAX, &mut self.series);
        Some(&self.series)
    }
}

/// The rows of a cube in a shuffled order.
#[derive(Debug)]
pub struct ShuffledRows<'a> {
    cube: &'a Cube,
    /// All keys, one after the other.
    keys: Vec<u16>,
    /// Periods up to and with each series.
    ends: Vec<u64>,
    order: Permutation,
    position: u64,
    series: Series,
}

impl ShuffledRows<'_> {
    /// The next row: a series whose last observation is the row. `None` after the last one.
    #[expect(clippy::cast_possible_truncation, reason = "a series has fewer than 2^32 periods")]
    pub fn next_row(&mut self) -> Option<&Series> {
        let width = self.cube.spec.dimensions.len();
        let total = self.ends.last().copied().unwrap_or(0);
        while self.position < total {
            let chosen = self.order.apply(self.position);
            self.position += 1;
            let ordinal = self.ends.partition_point(|&end| end <= chosen);
            let before = ordinal.checked_sub(1).map_or(0, |last| self.ends[last]);
            let offset = (chosen - before) as u32;
            let key = &self.keys[ordinal * width..(ordinal + 1) * width];
            let mut walk = self.cube.maker.begin(ordinal as u64, key, &mut self.series);
            self.cube.maker.fill(&mut walk, offset, &mut self.series);
            if self.series.observations.last().is_some_and(|last| last.offset == offset) {
                return Some(&self.series);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::presets::PRESETS;
    use super::presets::by_name;
    use super::random::scramble;
    use super::rows::CsvVersion;
    use super::rows::write_csv;
    use super::rows::write_csv_shuffled;
    use super::*;
    use std::io;

    fn cube(preset: &str, observations: u64) -> Cube {
        Cube::new(by_name(preset, observations).expect("a preset"))
    }

    /// The lines that a writer writes.
    fn lines(write: impl Fn(&mut Vec<u8>) -> io::Result<(u64, u64)>) -> Vec<String> {
        let mut text = Vec::new();
        write(&mut text).expect("memory takes all");
        let text = String::from_utf8(text).expect("text");
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn keys_are_sorted_and_distinct_and_as_many_as_wanted() {
        for (preset, _) in PRESETS {
            let cube = cube(preset, 20_000);
            let (mut keys, mut previous, mut count) = (Keys::new(&cube.spec), Vec::new(), 0);
            while let Some(key) = keys.next_key() {
                assert!(previous.as_slice() < key, "{preset}: {previous:?} before {key:?}");
                previous = key.to_vec();
                count += 1;
            }
            assert_eq!(count, cube.spec.series_count, "{preset}");
            for dimension in &cube.spec.dimensions {
                assert!(dimension.codes.is_sorted(), "{preset}: codes are in bytewise order");
            }
        }
    }

    #[test]
    fn all_keys_come_when_all_are_wanted() {
        let mut spec = by_name("daily", 1).expect("a preset");
        spec.series_count = spec.dimensions.iter().map(|it| it.codes.len() as u64).product();
        let (mut keys, mut count) = (Keys::new(&spec), 0);
        while keys.next_key().is_some() {
            count += 1;
        }
        assert_eq!(count, spec.series_count);
    }

    #[test]
    fn shuffled_rows_are_the_same_rows() {
        for (preset, _) in PRESETS.into_iter().filter(|&(preset, _)| preset != "daily") {
            let cube = cube(preset, 3_000);
            let mut sorted = lines(|out| write_csv(&cube, CsvVersion::V2, out));
            let mut shuffled = lines(|out| write_csv_shuffled(&cube, CsvVersion::V2, out));
            assert_ne!(sorted, shuffled, "{preset}");
            sorted.sort_unstable();
            shuffled.sort_unstable();
            assert_eq!(sorted, shuffled, "{preset}");
        }
    }

    #[test]
    fn makes_the_same_cubes_for_ever() {
        let digest = |preset: &str| {
            let cube = cube(preset, 5_000);
            let bytes = lines(|out| write_csv(&cube, CsvVersion::V2, out));
            bytes.concat().bytes().fold(0, |digest, byte| scramble(digest ^ u64::from(byte)))
        };
        // Published measurements name these cubes: a change here makes them another cube's.
        let digests = PRESETS.map(|(preset, _)| format!("{preset} {:016x}", digest(preset)));
        let expected = [
            "labour da710ba8b37d5c11",
            "annual_short 8a2225a3c647fdf6",
            "very_short e817e3faa1336baf",
            "two_measures 927a3c998ade9be5",
            "text_values ac6c11d9534e4750",
            "no_time 6e6855fe6acc7adb",
            "wide31 01527f494ad59456",
            "daily 95c89609ba7b728c",
        ];
        assert_eq!(digests, expected);
    }
}
