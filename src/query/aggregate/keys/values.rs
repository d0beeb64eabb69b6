//! Conditions on a value: ranges of doubles, and whether NULL passes.
//!
//! The condition is on the double that a decimal is shown as. The larger the mantissa, the larger
//! that double, so at one scale each range of doubles is a range of mantissas, found by bisection.

use std::sync::{Arc, OnceLock};

use crate::error::Result;
use crate::model::{Decimal, Value};
use crate::query::aggregate::keys::condition::{PageFacts, Verdict};
use crate::query::aggregate::walk::positions::Positions;
use crate::segment::{MeasureRun, Numbers, Total};

/// Scales of mantissas.
const SCALES: usize = 39;

/// The values of a measure that pass.
#[derive(Clone, Debug)]
pub(crate) struct ValueSet {
    /// The measure, by its position in the flow.
    pub(crate) measure: usize,
    /// Ranges of the doubles that pass, with their ends, ascending, by [`order`].
    ranges: Vec<(i64, i64)>,
    /// Whether observations without a number pass.
    takes_null: bool,
    /// The same ranges of mantissas, by scale.
    by_scale: Arc<[OnceLock<Mantissas>; SCALES]>,
}

/// Ranges of mantissas with their ends, ascending.
type Mantissas = Vec<(i64, i64)>;

/// A comparison with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The place of a double in the order in which comparisons see them: -0 is 0, and what is no number
/// is above all others.
fn order(number: f64) -> i64 {
    let number = if number == 0.0 { 0.0 } else { number };
    let bits = number.to_bits().cast_signed();
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

impl ValueSet {
    /// The values that compare so with one of `numbers`. NULL is not among them.
    pub(crate) fn compared(measure: usize, comparison: Comparison, numbers: &[f64]) -> Self {
        let range = |number: &f64| {
            let at = order(*number);
            match comparison {
                Comparison::Equal => Some((at, at)),
                Comparison::Less => at.checked_sub(1).map(|before| (i64::MIN, before)),
                Comparison::LessOrEqual => Some((i64::MIN, at)),
                Comparison::Greater => at.checked_add(1).map(|after| (after, i64::MAX)),
                Comparison::GreaterOrEqual => Some((at, i64::MAX)),
            }
        };
        let mut ranges: Vec<(i64, i64)> = numbers.iter().filter_map(range).collect();
        ranges.sort_unstable();
        ranges.dedup();
        Self::new(measure, ranges, false)
    }

    /// The observations with a number, or those without.
    pub(crate) fn presence(measure: usize, has_number: bool) -> Self {
        let ranges = if has_number { vec![(i64::MIN, i64::MAX)] } else { Vec::new() };
        Self::new(measure, ranges, !has_number)
    }

    /// Where it asks for nothing but whether there is a number: whether those without one pass.
    pub(crate) fn of_missing(&self) -> Option<bool> {
        match self.ranges.as_slice() {
            [] if self.takes_null => Some(true),
            [(i64::MIN, i64::MAX)] if !self.takes_null => Some(false),
            _ => None,
        }
    }

    /// The numbers that are not in it. NULL is not among them.
    pub(crate) fn others(&self) -> Self {
        let mut ranges = Vec::with_capacity(self.ranges.len() + 1);
        let mut next = Some(i64::MIN);
        for (low, high) in &self.ranges {
            if let Some(from) = next.filter(|from| from < low) {
                ranges.push((from, low - 1));
            }
            next = high.checked_add(1);
        }
        ranges.extend(next.map(|from| (from, i64::MAX)));
        Self::new(self.measure, ranges, false)
    }

    fn new(measure: usize, ranges: Vec<(i64, i64)>, takes_null: bool) -> Self {
        let by_scale = Arc::new([const { OnceLock::new() }; SCALES]);
        Self { measure, ranges, takes_null, by_scale }
    }

    fn takes(&self, number: f64) -> bool {
        let at = order(number);
        self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&at))
    }

    /// The ranges of mantissas of a scale, with their ends.
    fn mantissas(&self, scale: u8) -> &[(i64, i64)] {
        let found = || {
            let of = |mantissa: i64| order(Decimal { mantissa: mantissa.into(), scale }.to_f64());
            let range = |(low, high): &(i64, i64)| {
                let from = least(|mantissa| of(mantissa) >= *low)?;
                let to = match least(|mantissa| of(mantissa) > *high) {
                    Some(after) => after.checked_sub(1)?,
                    None => i64::MAX,
                };
                (from <= to).then_some((from, to))
            };
            self.ranges.iter().filter_map(range).collect()
        };
        self.by_scale.get(usize::from(scale)).map_or(&[], |known| known.get_or_init(found))
    }

    /// Adds to `out` what the totals of some chunks say of all observations of each.
    pub(crate) fn verdicts(&self, of: &PageFacts<'_>, out: &mut Vec<Verdict>) -> Result<()> {
        let segment = of.cube.parts()[of.part].segment();
        let totals = segment.totals_page(self.measure, of.of.page())?.totals();
        let (mut counts, mut scales, mut exact) = (Vec::new(), Vec::new(), Vec::new());
        let (mut mins, mut maxs, mut observations) = (Vec::new(), Vec::new(), Vec::new());
        let counts = of.of.of(totals.counts(), &mut counts);
        let scales = of.of.of(totals.scales(), &mut scales);
        let exact = of.of.of(totals.exact(), &mut exact);
        let (mins, maxs) = (of.of.of(totals.mins(), &mut mins), of.of.of(totals.maxs(), &mut maxs));
        let all = segment.observations_page(of.of.page())?;
        let observations = of.of.of(all, &mut observations);
        out.extend((0..of.of.len()).map(|at| {
            let total = Total {
                sum: 0,
                count: u32::from(counts[at]),
                min: mins[at],
                max: maxs[at],
                scale: scales[at],
                is_exact: exact[at],
            };
            match self.verdict(&total, u64::from(observations[at])) {
                Verdict::Depends if of.is_some_enough && self.takes_an_end(&total) => {
                    Verdict::Always
                }
                verdict => verdict,
            }
        }));
        Ok(())
    }

    /// Whether the least or the greatest number of a total passes.
    fn takes_an_end(&self, total: &Total) -> bool {
        let takes = |mantissa: i64| {
            let mut ranges = self.mantissas(total.scale).iter();
            ranges.any(|(low, high)| (*low..=*high).contains(&mantissa))
        };
        total.is_exact && total.count > 0 && (takes(total.min) || takes(total.max))
    }

    /// What the total of a chunk with so many observations says of all of them.
    #[inline]
    pub(crate) fn verdict(&self, total: &Total, observations: u64) -> Verdict {
        if !total.is_exact {
            return Verdict::Depends;
        }
        let numbers = u64::from(total.count);
        let of_null = (numbers < observations).then_some(if self.takes_null {
            Verdict::Always
        } else {
            Verdict::Never
        });
        let of_numbers = (numbers > 0).then(|| {
            let ranges = self.mantissas(total.scale);
            if ranges.iter().any(|(low, high)| *low <= total.min && total.max <= *high) {
                Verdict::Always
            } else if ranges.iter().all(|(low, high)| total.max < *low || *high < total.min) {
                Verdict::Never
            } else {
                Verdict::Depends
            }
        });
        match (of_null, of_numbers) {
            (Some(a), Some(b)) if a != b => Verdict::Depends,
            (a, b) => a.or(b).unwrap_or(Verdict::Never),
        }
    }

    /// Sets `out` to the positions of `measure` that pass, those without an observation among them
    /// or not.
    pub(crate) fn positions(&self, measure: &MeasureRun, count: usize, out: &mut Positions) {
        out.clear(count);
        match &measure.numbers {
            Numbers::None if self.takes_null => out.fill(count),
            Numbers::None => {}
            Numbers::Doubles(values) => out.insert_values(values, |value| self.takes(value)),
            Numbers::Decimals(values) => {
                for (low, high) in self.mantissas(measure.scale) {
                    out.insert_values(values, |value| *low <= value && value <= *high);
                }
            }
        }
        for position in &measure.missing {
            set(out, usize::from(*position), self.takes_null);
        }
        for (position, text) in &measure.texts {
            let takes = Value::parse(text).number().map_or(self.takes_null, |n| self.takes(n));
            set(out, usize::from(*position), takes);
        }
    }
}

fn set(positions: &mut Positions, position: usize, is_in: bool) {
    if is_in {
        positions.insert(position);
    } else {
        positions.remove(position);
    }
}

/// The least number for which `holds`, which holds for all above one for which it does; absent if
/// it holds for none.
fn least(holds: impl Fn(i64) -> bool) -> Option<i64> {
    if !holds(i64::MAX) {
        return None;
    }
    let (mut low, mut high) = (i64::MIN, i64::MAX);
    while low < high {
        let middle = low.midpoint(high);
        // The midpoint of neighbours may be the upper one.
        let middle = if middle == high { low } else { middle };
        if holds(middle) { high = middle } else { low = middle + 1 }
    }
    Some(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_mantissas_hold_what_the_doubles_hold() {
        let comparisons = [
            (Comparison::Equal, &[0.3][..]),
            (Comparison::Less, &[0.3]),
            (Comparison::LessOrEqual, &[-7.25]),
            (Comparison::Greater, &[1e17]),
            (Comparison::GreaterOrEqual, &[0.0]),
            (Comparison::Equal, &[-0.0]),
            (Comparison::Equal, &[1.0, 0.1, 0.1, 2.0]),
            (Comparison::Greater, &[f64::NAN]),
            (Comparison::Less, &[f64::INFINITY]),
        ];
        let mantissas: Vec<i64> = (-800..800)
            .chain([i64::MIN, i64::MAX, 0, 10_i64.pow(17), 10_i64.pow(17) + 1])
            .chain((-20..20).map(|near| 10_i64.pow(18) + near))
            .collect();
        for (comparison, numbers) in comparisons {
            let set = ValueSet::compared(0, comparison, numbers);
            for set in [set.others(), set] {
                for scale in [0_u8, 1, 2, 18, 25] {
                    for mantissa in &mantissas {
                        let number = Decimal { mantissa: (*mantissa).into(), scale }.to_f64();
                        let ranges = set.mantissas(scale);
                        let found = ranges.iter().any(|(a, b)| a <= mantissa && mantissa <= b);
                        assert_eq!(found, set.takes(number), "{comparison:?} {numbers:?} {number}");
                    }
                }
            }
        }
    }

    #[test]
    fn comparisons_are_those_of_numbers() {
        let numbers = [f64::NEG_INFINITY, -2.5, -0.0, 0.0, 1e-300, 2.5, f64::INFINITY];
        for a in numbers {
            let less = ValueSet::compared(0, Comparison::Less, &[a]);
            for b in numbers {
                assert_eq!(less.takes(b), b < a, "{b} < {a}");
                assert_eq!(less.others().takes(b), b >= a, "{b} >= {a}");
            }
        }
    }
}
