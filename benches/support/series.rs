//! One series: where it begins and ends, and a random walk over its periods.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "made-up numbers are small: at most 12 digits, at most 2^32 periods"
)]

use super::CubeSpec;
use super::periods::Frequency;
use super::periods::FrequencySpec;
use super::periods::frequency_weights;
use super::random::Random;
use super::random::Weights;
use super::random::scramble;

/// Codes of `OBS_STATUS` with English names and weights; the first is the normal one.
pub const STATUSES: [(&str, &str, f64); 8] = [
    ("A", "Normal value", 0.0),
    ("E", "Estimated value", 10.0),
    ("P", "Provisional value", 6.0),
    ("B", "Time series break", 4.0),
    ("U", "Low reliability", 2.0),
    ("F", "Forecast value", 1.0),
    ("I", "Imputed value", 0.5),
    ("M", "Missing value; data cannot exist", 0.3),
];

/// Codes of `UNIT_MEASURE` with English names.
pub const UNITS: [(&str, &str); 7] = [
    ("EUR", "Euro"),
    ("HR", "Hours"),
    ("IX", "Index"),
    ("PS", "Persons"),
    ("PT", "Percent"),
    ("TONNES", "Tonnes"),
    ("USD", "US dollar"),
];

/// What stands in place of a plain decimal number in cubes with a text share. Some are numbers in
/// an unusual form, which must come back as they were written.
pub const TEXT_VALUES: [&str; 16] = [
    "<2.5",
    "NaN",
    "01",
    "1E5",
    "#N/A",
    ">95",
    "c",
    "-0",
    "+3",
    "..",
    "1.",
    ".5",
    "INF",
    "99999999999999999999999999999999999999999",
    "n/a, see \"note\"",
    "1 234",
];

/// One value as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// An empty cell.
    Null,
    /// A decimal number: `mantissa / 10^scale`, written with exactly `scale` decimals.
    Decimal {
        /// All digits.
        mantissa: i64,
        /// Digits after the point.
        scale: u8,
    },
    /// One of [`TEXT_VALUES`].
    Text(u8),
}

/// An observation without its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Periods since the first one of its series.
    pub offset: u32,
    /// Its position in [`STATUSES`].
    pub status: u8,
}

/// One series with its observations in time order.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its number in key order.
    pub ordinal: u64,
    /// A position among the codes of each dimension.
    pub key: Vec<u16>,
    /// `None` in a cube without time.
    pub frequency: Option<Frequency>,
    /// The number of its first period.
    pub first_period: i64,
    /// Periods from the first to the last, gaps included.
    pub period_count: u32,
    /// Position of its `UNIT_MEASURE` in [`UNITS`].
    pub unit: usize,
    /// Its `UNIT_MULT`.
    pub multiplier: u8,
    /// Its `DECIMALS`.
    pub decimals: u8,
    /// Its observations; gaps have none.
    pub observations: Vec<Observation>,
    /// The values of all observations, one per measure.
    all_values: Vec<Value>,
    measure_count: usize,
}

impl Series {
    /// The values of one observation, one per measure.
    pub fn values(&self, observation: usize) -> &[Value] {
        &self.all_values[observation * self.measure_count..][..self.measure_count]
    }

    /// Writes the period of one observation; nothing in a cube without time.
    pub fn write_period(&self, observation: usize, text: &mut Vec<u8>) {
        if let Some(frequency) = self.frequency {
            let offset = i64::from(self.observations[observation].offset);
            frequency.write(self.first_period + offset, text);
        }
    }
}

impl Value {
    /// Writes the value as it stands in a message, without quotes.
    pub fn write(self, text: &mut Vec<u8>) {
        match self {
            Value::Null => {}
            Value::Text(which) => {
                text.extend_from_slice(TEXT_VALUES[usize::from(which)].as_bytes());
            }
            Value::Decimal { mantissa, scale } => {
                let mut digits = [b'0'; 40];
                let (mut rest, mut first) = (mantissa.unsigned_abs(), digits.len());
                let mut written = 0;
                while rest > 0 || written <= scale {
                    if written == scale && scale > 0 {
                        first -= 1;
                        digits[first] = b'.';
                    }
                    first -= 1;
                    digits[first] = b'0' + (rest % 10) as u8;
                    rest /= 10;
                    written += 1;
                }
                if mantissa < 0 {
                    text.push(b'-');
                }
                text.extend_from_slice(&digits[first..]);
            }
        }
    }
}

/// The random walk of one measure.
#[derive(Clone, Debug, Default)]
struct Measure {
    level: i64,
    /// Standard deviation of one step, in units of the last decimal.
    step: f64,
    /// Growth in one step.
    drift: f64,
    /// Added by the place of the period in the year.
    seasonal: [i64; 12],
    is_trimmed: bool,
}

/// A series that has begun: its draws so far.
#[derive(Debug)]
pub struct Walk {
    random: Random,
    measures: Vec<Measure>,
    season: i64,
}

/// Everything about a specification that making series needs again and again.
#[derive(Clone, Debug)]
pub struct Maker {
    spec: CubeSpec,
    /// The frequency of each code of the dimension `FREQ`, with the dimension.
    by_code: Option<(usize, Vec<FrequencySpec>)>,
    frequencies: Weights,
    decimals: Weights,
    statuses: Weights,
    /// Shares as bounds for 16 random bits: gap, status, null, text.
    bounds: [u64; 4],
}

impl Maker {
    /// Prepares a specification.
    pub fn new(spec: &CubeSpec) -> Maker {
        let by_code = spec.dimensions.iter().position(|it| it.id == "FREQ").map(|dimension| {
            let codes = spec.dimensions[dimension].codes.iter();
            let of = |code: &String| {
                let found = spec.frequencies.iter().find(|it| it.frequency.code() == code);
                *found.expect("every code of FREQ is one of the frequencies")
            };
            (dimension, codes.map(of).collect())
        });
        // What begins so often, and goes on with one half, holds for the wanted share; see `fill`.
        let status_begin = 0.5 * spec.status_share / (1.0 - 0.5 * spec.status_share);
        let shares = [spec.gap_share, status_begin, spec.null_share, spec.text_share];
        Maker {
            spec: spec.clone(),
            by_code,
            frequencies: frequency_weights(&spec.frequencies),
            decimals: Weights::new(spec.decimals.iter().map(|&(_, weight)| weight)),
            statuses: Weights::new(STATUSES.iter().map(|&(.., weight)| weight)),
            bounds: shares.map(|share| (share * 65_536.0) as u64),
        }
    }

    /// A series to be filled.
    pub fn empty(&self) -> Series {
        Series {
            ordinal: u64::MAX,
            key: Vec::new(),
            frequency: None,
            first_period: 0,
            period_count: 1,
            unit: 0,
            multiplier: 0,
            decimals: 0,
            observations: Vec::new(),
            all_values: Vec::new(),
            measure_count: self.spec.measures.len(),
        }
    }

    /// Draws the span and the attributes of the series of a key, which has no observations yet.
    pub fn begin(&self, ordinal: u64, key: &[u16], series: &mut Series) -> Walk {
        let mut random = Random::of(self.spec.seed, ordinal);
        series.ordinal = ordinal;
        series.key.clear();
        series.key.extend_from_slice(key);
        series.observations.clear();
        series.all_values.clear();
        self.draw_span(&mut random, series);
        self.draw_attributes(&mut random, series);
        let season = series.frequency.map_or(1, Frequency::season);
        let measures =
            self.spec.measures.iter().map(|_| self.begin_measure(&mut random, season)).collect();
        Walk { random, measures, season }
    }

    /// Draws frequency, first period and length. Most series end with the last year, some a
    /// little earlier, and one in sixteen was given up long ago.
    fn draw_span(&self, random: &mut Random, series: &mut Series) {
        if !self.spec.has_time() {
            return;
        }
        let chosen = match &self.by_code {
            Some((dimension, specs)) => specs[usize::from(series.key[*dimension])],
            None => self.spec.frequencies[self.frequencies.draw(random)],
        };
        let frequency = chosen.frequency;
        let first = frequency.first_of(self.spec.first_year);
        let end = frequency.first_of(self.spec.last_year + 1);
        let mean = f64::from(chosen.periods_mean);
        let length = mean * (1.0 + chosen.periods_spread * (2.0 * random.unit() - 1.0));
        let length = ((length + random.unit()) as i64).clamp(1, end - first);
        let slack = (end - first - length) as u64;
        let late = match random.below(16) {
            0 => random.below(slack + 1),
            1..=8 => 0,
            _ => random.below(4).min(slack),
        };
        series.frequency = Some(frequency);
        series.first_period = end - late as i64 - length;
        series.period_count = length as u32;
    }

    fn draw_attributes(&self, random: &mut Random, series: &mut Series) {
        let subject = scramble(self.spec.seed ^ u64::from(series.key[self.spec.subject]));
        series.unit = (subject % UNITS.len() as u64) as usize;
        series.multiplier = [0, 0, 3, 6][(subject >> 32) as usize % 4];
        let usual = self.decimals.draw(&mut Random::new(subject));
        let chosen = if random.chance(0.1) { self.decimals.draw(random) } else { usual };
        series.decimals = self.spec.decimals[chosen].0;
    }

    fn begin_measure(&self, random: &mut Random, season: i64) -> Measure {
        let (least, most) = self.spec.digits;
        let digits = least + random.below(u64::from(most - least + 1)) as u32;
        let scale = 10_i64.pow(digits - 1);
        let size = scale + random.below(9 * scale as u64) as i64;
        let mut measure = Measure {
            // Balances and growth rates go below zero.
            level: if random.chance(0.03) { -size } else { size },
            is_trimmed: random.chance(self.spec.trimmed_share),
            ..Measure::default()
        };
        if random.chance(self.spec.constant_share) {
            return measure;
        }
        let step = size as f64 * self.spec.volatility * (0.25 + 1.5 * random.unit());
        measure.step = step;
        measure.drift = step * 0.3 * random.bell();
        if season > 1 && random.chance(0.5) {
            for offset in &mut measure.seasonal[..season as usize] {
                *offset = (2.0 * step * random.bell()) as i64;
            }
        }
        measure
    }

    /// Makes the observations up to the one `last_offset` periods after the first.
    pub fn fill(&self, walk: &mut Walk, last_offset: u32, series: &mut Series) {
        let [gap, status, null, text] = self.bounds;
        let mut current = 0_u8;
        if walk.random.chance(self.spec.status_share) {
            current = self.statuses.draw(&mut walk.random) as u8;
        }
        let end = series.period_count.min(last_offset.saturating_add(1));
        for offset in 0..end {
            let bits = walk.random.bits();
            let part = |index: u32| (bits >> (16 * index)) & 0xFFFF;
            // A status lasts for two observations in the mean.
            if current != 0 && bits.count_ones().is_multiple_of(2) {
                // It goes on.
            } else if part(1) < status {
                current = self.statuses.draw(&mut walk.random) as u8;
            } else {
                current = 0;
            }
            let period = series.first_period + i64::from(offset);
            let is_weekend = self.spec.weekdays_only
                && series.frequency.is_some_and(|frequency| frequency.is_weekend(period));
            let is_gap = is_weekend || part(0) < gap;
            let season = period.rem_euclid(walk.season) as usize;
            for measure in &mut walk.measures {
                if measure.step > 0.0 {
                    let step = measure.drift + measure.step * walk.random.bell();
                    measure.level += (step + 1e6 + 0.5) as i64 - 1_000_000;
                }
                if is_gap {
                    continue;
                }
                let value = if part(2) < null {
                    Value::Null
                } else if part(3) < text {
                    Value::Text(walk.random.below(TEXT_VALUES.len() as u64) as u8)
                } else {
                    let mantissa = measure.level + measure.seasonal[season];
                    decimal(mantissa, series.decimals, measure.is_trimmed)
                };
                series.all_values.push(value);
            }
            if !is_gap {
                series.observations.push(Observation { offset, status: current });
            }
        }
    }
}

/// A decimal of this scale; trimmed, of the least scale that holds it.
fn decimal(mut mantissa: i64, mut scale: u8, is_trimmed: bool) -> Value {
    while is_trimmed && scale > 0 && mantissa % 10 == 0 {
        mantissa /= 10;
        scale -= 1;
    }
    Value::Decimal { mantissa, scale }
}
