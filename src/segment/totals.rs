//! Stored totals: the exact sum, count, minimum and maximum of each chunk and measure.
//!
//! Every total of a live chunk is true, because a revision replaces the whole chunk. They answer
//! sums and averages without decoding a block.

use crate::codec::column::{Column, encode_i64, encode_u64};
use crate::codec::pco_column::{decode_pco_i64, encode_pco_i64};
use crate::codec::{Malformed, Reader, Writer};
use crate::error::Result;
use crate::model::Decimal;

/// The largest sum of a chunk, sign apart: fewer than 2^16 mantissas of 64 bits.
const SUM_MAX: u128 = 1 << 79;
/// The most digits after the point that a decimal has.
pub(super) const SCALE_MAX: u8 = 38;

/// The total of one chunk in one measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// The sum of the mantissas.
    pub sum: i128,
    /// How many numbers there are.
    pub count: u32,
    /// The smallest mantissa; 0 without numbers.
    pub min: i64,
    /// The largest mantissa; 0 without numbers.
    pub max: i64,
    /// Digits after the point of the mantissas.
    pub scale: u8,
    /// Whether these are all numbers of the chunk. False where some are doubles, or texts such as
    /// `1E50`, which are no decimals of 64 bits: then the chunk must be decoded.
    pub is_exact: bool,
}

/// The totals of the chunks of one page, and how large they are.
#[derive(Debug)]
pub struct TotalsPage {
    totals: Totals,
    bounds: TotalBounds,
}

/// What no number of a page of totals exceeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TotalBounds {
    /// For each scale that occurs, ascending, what neither the sums nor their minima and maxima
    /// exceed, sign apart.
    by_scale: Vec<(u8, u64, u64)>,
    /// Whether all sums fit 64 bits.
    is_narrow: bool,
    /// Whether all totals are exact.
    is_exact: bool,
}

impl Total {
    /// Adds a mantissa.
    pub(crate) fn add(&mut self, mantissa: i64) {
        let is_first = self.count == 0;
        self.sum += i128::from(mantissa);
        self.min = if is_first { mantissa } else { self.min.min(mantissa) };
        self.max = if is_first { mantissa } else { self.max.max(mantissa) };
        self.count += 1;
    }

    /// Adds a decimal of any scale. Says whether there is a scale at which its mantissa and all of
    /// those before fit 64 bits; if there is none, nothing is added.
    #[must_use]
    pub(crate) fn add_decimal(&mut self, number: Decimal) -> bool {
        let scale = self.scale.max(number.scale);
        let at_scale = |mantissa: i128, scale_before: u8| {
            Decimal { mantissa, scale: scale_before }.rescale(scale).map(|number| number.mantissa)
        };
        let narrow = |mantissa: i64| {
            let mantissa = at_scale(mantissa.into(), self.scale)?;
            i64::try_from(mantissa).ok()
        };
        let mantissa = at_scale(number.mantissa, number.scale).map(i64::try_from);
        let (Some(Ok(mantissa)), Some(sum)) = (mantissa, at_scale(self.sum, self.scale)) else {
            return false;
        };
        let (Some(min), Some(max)) = (narrow(self.min), narrow(self.max)) else { return false };
        *self = Self { sum, min, max, scale, ..*self };
        self.add(mantissa);
        true
    }
}

/// The totals of the chunks of one page, as arrays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    sums: Vec<i64>,
    /// Sums that do not fit 64 bits, by chunk of the page.
    wide: Vec<(u32, i128)>,
    counts: Vec<u16>,
    mins: Vec<i64>,
    maxs: Vec<i64>,
    scales: Vec<u8>,
    exact: Vec<bool>,
}

impl Totals {
    /// Adds the total of the next chunk.
    pub(crate) fn push(&mut self, total: &Total) {
        let narrow = i64::try_from(total.sum);
        if narrow.is_err() {
            self.wide.push((u32::try_from(self.sums.len()).unwrap_or(u32::MAX), total.sum));
        }
        self.sums.push(narrow.unwrap_or_default());
        self.counts.push(u16::try_from(total.count).unwrap_or(u16::MAX));
        self.mins.push(total.min);
        self.maxs.push(total.max);
        self.scales.push(total.scale);
        self.exact.push(total.is_exact);
    }

    /// How many chunks the page has.
    pub fn len(&self) -> usize {
        self.sums.len()
    }

    /// Whether the page has no chunk.
    pub fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }

    /// The total of a chunk of the page.
    #[inline]
    pub fn get(&self, index: usize) -> Total {
        let mut sum = i128::from(self.sums[index]);
        if !self.wide.is_empty() {
            let wide = self.wide.binary_search_by_key(&index, |(chunk, _)| *chunk as usize);
            sum = wide.map_or(sum, |at| self.wide[at].1);
        }
        Total {
            sum,
            count: u32::from(self.counts[index]),
            min: self.mins[index],
            max: self.maxs[index],
            scale: self.scales[index],
            is_exact: self.exact[index],
        }
    }

    /// The sum of each chunk; only where [`TotalBounds::at`] has an answer are they all true.
    pub fn sums(&self) -> &[i64] {
        &self.sums
    }

    /// How many numbers each chunk has.
    pub fn counts(&self) -> &[u16] {
        &self.counts
    }

    /// The smallest mantissa of each chunk.
    pub fn mins(&self) -> &[i64] {
        &self.mins
    }

    /// The largest mantissa of each chunk.
    pub fn maxs(&self) -> &[i64] {
        &self.maxs
    }

    /// The digits after the point of the mantissas of each chunk.
    pub fn scales(&self) -> &[u8] {
        &self.scales
    }

    /// Whether the total of each chunk is exact.
    pub fn exact(&self) -> &[bool] {
        &self.exact
    }

    /// Appends the bytes of the page.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        let counts: Vec<u64> = self.counts.iter().map(|c| u64::from(*c)).collect();
        encode_u64(&counts, out);
        let scales: Vec<u64> = self.scales.iter().map(|s| u64::from(*s)).collect();
        encode_u64(&scales, out);
        let exact: Vec<u64> = self.exact.iter().map(|e| u64::from(*e)).collect();
        encode_u64(&exact, out);
        // Minimum, and how far sum and maximum are from it: smaller numbers than they are.
        let ranges: Vec<i64> =
            self.maxs.iter().zip(&self.mins).map(|(a, b)| a.wrapping_sub(*b)).collect();
        for values in [&self.mins, &ranges, &self.sums] {
            Self::encode_numbers(values, out)?;
        }
        let mut writer = Writer::new(out);
        writer.count(self.wide.len());
        for (chunk, sum) in &self.wide {
            writer.varint(u64::from(*chunk));
            writer.i128(*sum);
        }
        Ok(())
    }

    fn encode_numbers(values: &[i64], out: &mut Vec<u8>) -> Result<()> {
        let mut packed = Vec::new();
        encode_i64(values, &mut packed);
        let mut cold = Vec::new();
        encode_pco_i64(values, &mut cold)?;
        let mut writer = Writer::new(out);
        let is_cold = cold.len() < packed.len();
        writer.u8(u8::from(is_cold));
        writer.prefixed(if is_cold { &cold } else { &packed });
        Ok(())
    }

    /// Decodes the page of `count` chunks.
    pub(crate) fn decode(bytes: &[u8], count: usize) -> Result<Self, Malformed> {
        let mut input = Reader::new(bytes);
        let counts = read_column(&mut input, count)?;
        let scales = read_column(&mut input, count)?;
        let exact = read_column(&mut input, count)?;
        let mins = Self::decode_numbers(&mut input, count)?;
        let ranges = Self::decode_numbers(&mut input, count)?;
        let sums = Self::decode_numbers(&mut input, count)?;
        let maxs = ranges.iter().zip(&mins).map(|(a, b)| a.wrapping_add(*b)).collect();
        let mut wide = Vec::new();
        for _ in 0..input.count(count)? {
            let chunk = u32::try_from(input.varint()?);
            wide.push((chunk.map_err(|_| input.malformed("no such chunk"))?, input.i128()?));
        }
        input.finish()?;
        // So sums of totals cannot overflow: there are fewer than 2^32 chunks.
        if wide.iter().any(|(_, sum)| sum.unsigned_abs() > SUM_MAX) {
            return Err(input.malformed("a sum over that of any chunk"));
        }
        if scales.iter().any(|scale| *scale > u64::from(SCALE_MAX)) {
            return Err(input.malformed("scale over 38 digits"));
        }
        let narrow = |value: u64| u16::try_from(value).unwrap_or(u16::MAX);
        Ok(Self {
            sums,
            wide,
            counts: counts.into_iter().map(narrow).collect(),
            mins,
            maxs,
            scales: scales.into_iter().map(|s| u8::try_from(s).unwrap_or(u8::MAX)).collect(),
            exact: exact.into_iter().map(|e| e == 1).collect(),
        })
    }

    fn decode_numbers(input: &mut Reader<'_>, count: usize) -> Result<Vec<i64>, Malformed> {
        let is_cold = input.u8()? == 1;
        let bytes = input.prefixed()?;
        if is_cold {
            return decode_pco_i64(bytes, count);
        }
        let mut numbers = Vec::new();
        let column = Column::parse(bytes, count)?;
        column.decode_i64_into(&mut numbers)?;
        (numbers.len() == count).then_some(numbers).ok_or(input.malformed("a short column"))
    }
}

impl TotalsPage {
    pub(crate) fn new(totals: Totals) -> Self {
        let bounds = TotalBounds::of(&totals);
        Self { totals, bounds }
    }

    /// The totals.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// How large they are.
    pub fn bounds(&self) -> &TotalBounds {
        &self.bounds
    }
}

impl TotalBounds {
    fn of(totals: &Totals) -> Self {
        let mut bits = [None; SCALE_MAX as usize + 1];
        let numbers = totals.sums.iter().zip(&totals.mins).zip(&totals.maxs);
        for (((sum, min), max), scale) in numbers.zip(&totals.scales) {
            if let Some(known) = bits.get_mut(usize::from(*scale)) {
                let (sums, others) = known.get_or_insert((0, 0));
                *sums |= sum.unsigned_abs();
                *others |= min.unsigned_abs() | max.unsigned_abs();
            }
        }
        let bits = (0..).zip(bits);
        Self {
            by_scale: bits.filter_map(|(scale, bits)| bits.map(|(a, b)| (scale, a, b))).collect(),
            is_narrow: totals.wide.is_empty(),
            is_exact: totals.exact.iter().all(|exact| *exact),
        }
    }

    /// The largest scale that occurs.
    pub fn scale(&self) -> u8 {
        self.by_scale.last().map_or(0, |(scale, ..)| *scale)
    }

    /// Whether the totals of all chunks are exact.
    pub fn is_exact(&self) -> bool {
        self.is_exact
    }

    /// What the sums do not exceed with so many digits after the point, sign apart, and what minima
    /// and maxima do not exceed. Absent where that needs more than 63 bits, or digits would be lost.
    pub fn at(&self, scale: u8) -> Option<(u64, u64)> {
        if !self.is_narrow {
            return None;
        }
        let mut all = (0, 0);
        for (known, sum, other) in &self.by_scale {
            let factor = 10_u64.checked_pow(scale.checked_sub(*known)?.into())?;
            let fits = |bound: u64| {
                let scaled = bound.checked_mul(factor);
                scaled.filter(|scaled| i64::try_from(*scaled).is_ok())
            };
            all = (fits(*sum)?.max(all.0), fits(*other)?.max(all.1));
        }
        Some(all)
    }

    /// What neither sums nor minima nor maxima exceed with so many digits after the point, sign
    /// apart. Absent where that needs more than 127 bits, where a power of ten between two scales
    /// needs more than 63, where a sum alone does, or digits would be lost.
    pub fn wide_at(&self, scale: u8) -> Option<i128> {
        if !self.is_narrow {
            return None;
        }
        let mut all = 0;
        for (known, sum, other) in &self.by_scale {
            let factor = 10_i64.checked_pow(scale.checked_sub(*known)?.into())?;
            let most = i128::from(*sum.max(other));
            all = most.checked_mul(factor.into())?.max(all);
        }
        Some(all)
    }
}

/// Reads a column of exactly `count` unsigned numbers.
pub(crate) fn read_column(input: &mut Reader<'_>, count: usize) -> Result<Vec<u64>, Malformed> {
    let column = Column::read(input, count)?;
    let mut values = Vec::with_capacity(column.len());
    column.decode_into(&mut values)?;
    (values.len() == count).then_some(values).ok_or(input.malformed("a column of another length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(totals: &[(i128, i64, i64, u8)]) -> TotalsPage {
        let mut page = Totals::default();
        for (sum, min, max, scale) in totals {
            let (sum, min, max, scale) = (*sum, *min, *max, *scale);
            page.push(&Total { sum, count: 2, min, max, scale, is_exact: true });
        }
        TotalsPage::new(page)
    }

    #[test]
    fn decimals_of_other_scales_are_added_where_64_bits_hold_all() {
        let mut total = Total { scale: 1, ..Total::default() };
        total.add(-15);
        assert!(total.add_decimal(Decimal { mantissa: 2_000, scale: 0 }));
        assert!(total.add_decimal(Decimal { mantissa: 25, scale: 4 }));
        let expected = Total {
            sum: 19_985_025,
            count: 3,
            min: -15_000,
            max: 20_000_000,
            scale: 4,
            is_exact: false,
        };
        assert_eq!(total, expected);
        assert!(!total.add_decimal(Decimal { mantissa: 1, scale: 18 }));
        assert!(!total.add_decimal(Decimal { mantissa: i128::from(i64::MAX), scale: 0 }));
        assert!(!total.add_decimal(Decimal { mantissa: i128::MAX, scale: 4 }));
        assert_eq!(total, expected);
        let mut first = Total::default();
        assert!(first.add_decimal(Decimal { mantissa: 7, scale: 3 }));
        assert_eq!((first.sum, first.min, first.max, first.scale), (7, 7, 7, 3));
    }

    #[test]
    fn bounds_hold_at_every_scale_or_are_absent() {
        let small = page(&[(12, -4, 16, 0), (-700, -900, 200, 2), (0, 0, 0, 1)]);
        let bounds = small.bounds();
        assert_eq!((bounds.scale(), bounds.is_exact()), (2, true));
        assert_eq!((bounds.at(0), bounds.at(1)), (None, None), "digits would be lost");
        let (sum, other) = bounds.at(2).expect("fits");
        assert!((1_200..2_400).contains(&sum) && (1_600..3_200).contains(&other));
        assert_eq!(bounds.at(38), None);
        let wide = bounds.wide_at(18).expect("fits");
        assert!((16 * 10_i128.pow(18)..32 * 10_i128.pow(18)).contains(&wide));
        assert_eq!((bounds.wide_at(1), bounds.wide_at(19)), (None, None));
        let sum = i128::from(i64::MAX) + 1;
        assert_eq!(page(&[(sum, 0, i64::MAX, 0)]).bounds().at(0), None);
        assert_eq!(page(&[(1, i64::MIN, 1, 0)]).bounds().at(0), None);
        assert_eq!(page(&[]).bounds().at(0), Some((0, 0)));
    }
}
