//! The combinations of values that series have, where those may be about as many as the series:
//! sorted as numbers, so that no group is looked up for any series.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryReservation;

use crate::error;
use crate::error::Error;
use crate::query::aggregate::AggregateSpec;
use crate::query::aggregate::keys::grouping::KeyColumn;
use crate::query::aggregate::walk::work::check_cancelled;
use crate::query::error::{from_datafusion, to_datafusion};
use crate::query::scan::{ScanSpec, Source};
use crate::store::PeriodFilter;

/// Bytes of a series while its combination is found.
const SERIES_BYTES: usize = 2 * size_of::<u64>();

/// Hands out the combinations batch by batch, in the order of the packed keys.
#[derive(Debug)]
pub(crate) struct Combinations {
    spec: Arc<AggregateSpec>,
    schema: SchemaRef,
    /// The packed key of each, ascending.
    keys: Vec<u64>,
    /// The place of the next one.
    next: usize,
    batch_rows: usize,
    /// The memory of the keys.
    reservation: MemoryReservation,
}

impl Combinations {
    /// Whether combinations are all that is asked for, and may be as many as the series.
    pub(crate) fn are_wanted(scan: &ScanSpec, spec: &AggregateSpec) -> bool {
        spec.functions.is_empty()
            && !spec.keys.columns.is_empty()
            && spec.conditions.is_empty()
            && spec.sets.is_none()
            && spec.keys.attributes.is_none()
            && spec.keys.periods.is_none()
            && scan.periods == PeriodFilter::All
            && spec.keys.key_count > scan.series.len()
    }

    /// Finds the combinations of all series of a scan; each of them has an observation.
    ///
    /// # Errors
    ///
    /// As of reading keys, and [`Error::Limit`] where there is no memory for them.
    pub(crate) fn find(
        (source, scan): (&Source, &ScanSpec),
        (spec, schema): (Arc<AggregateSpec>, SchemaRef),
        batch_rows: usize,
        (reservation, cancelled): (MemoryReservation, &AtomicBool),
    ) -> error::Result<Self> {
        let count = usize::try_from(scan.series.len()).unwrap_or(usize::MAX);
        let reserve = |bytes: usize| {
            let grown = reservation.try_resize(bytes);
            grown.map_err(|error| from_datafusion(&error))
        };
        reserve(count.saturating_mul(SERIES_BYTES))?;
        let mut keys = Vec::with_capacity(count);
        for (part, series) in scan.series.0.iter().enumerate() {
            let from = keys.len();
            keys.resize(from + usize::try_from(series.len()).unwrap_or(usize::MAX), 0);
            let look = || check_cancelled(cancelled);
            spec.keys.pack((source.cube(), part), series, &mut keys[from..], &look)?;
        }
        check_cancelled(cancelled)?;
        // In a segment that is sorted by these dimensions they are in order already.
        if !keys.is_sorted() {
            keys.sort_unstable();
        }
        // A series may stand in several parts, and several may say the same.
        keys.dedup();
        reserve(keys.capacity() * size_of::<u64>())?;
        Ok(Self { spec, schema, keys, next: 0, batch_rows, reservation })
    }

    /// The rows of some combinations.
    fn batch(&self, keys: &[u64]) -> Result<RecordBatch> {
        let mut rest = keys.to_vec();
        let mut columns = Vec::with_capacity(self.spec.keys.series.len());
        // The most significant part comes first.
        for key in &self.spec.keys.series {
            let numbers = UInt32Array::from_iter_values(split_off(&mut rest, key.stride));
            columns.push(take(&key.values, &numbers, None)?);
        }
        let column = |column: &KeyColumn| match column {
            KeyColumn::Series(index) => columns.get(*index).map(Arc::clone).ok_or_else(lost),
            KeyColumn::Attribute(_) | KeyColumn::Period(_) => Err(lost()),
        };
        let arrays = self.spec.keys.columns.iter().map(column);
        let arrays = arrays.collect::<Result<Vec<ArrayRef>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(keys.len()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }
}

impl Iterator for Combinations {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = self.keys.len().min(self.next + self.batch_rows.max(1));
        let keys = &self.keys[self.next..end];
        if keys.is_empty() {
            self.reservation.free();
            return None;
        }
        let batch = self.batch(keys);
        self.next = end;
        Some(batch)
    }
}

/// Takes the part that counts `stride` off numbers, and gives how often it is in each. Neighbours
/// are mostly alike in it, and are not divided.
fn split_off(rest: &mut [u64], stride: u64) -> impl Iterator<Item = u32> + '_ {
    let (mut number, mut of_number) = (0, 0);
    rest.iter_mut().map(move |rest| {
        if rest.wrapping_sub(of_number) >= stride {
            let times = *rest / stride;
            (number, of_number) = (u32::try_from(times).unwrap_or(u32::MAX), times * stride);
        }
        *rest -= of_number;
        number
    })
}

fn lost() -> DataFusionError {
    to_datafusion(Error::bug("a column that does not follow from the series"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_numbers_into_their_parts() {
        let mut keys = vec![0, 5, 6, 11, 12, 71, 3, 30];
        let expected: Vec<u64> = keys.clone();
        let high: Vec<u32> = split_off(&mut keys, 12).collect();
        let middle: Vec<u32> = split_off(&mut keys, 3).collect();
        let low: Vec<u32> = split_off(&mut keys, 1).collect();
        assert!(keys.iter().all(|rest| *rest == 0));
        assert!(middle.iter().all(|number| *number < 4) && low.iter().all(|number| *number < 3));
        let parts = high.iter().zip(&middle).zip(&low);
        let whole = parts.map(|((high, middle), low)| u64::from(high * 12 + middle * 3 + low));
        assert_eq!(whole.collect::<Vec<u64>>(), expected);
    }
}
