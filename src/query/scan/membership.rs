//! Series that are wanted only if another plan finds their codes: `WHERE ref_area IN (SELECT ...)`.
//!
//! A membership is decided once a series, when the operator that reads the series begins, and so
//! whatever that operator does with them, it does with exactly those that are wanted.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::cast::as_string_view_array;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_plan::ExecutionPlan;
use futures::StreamExt;

use crate::error;
use crate::query::error::to_datafusion;
use crate::query::scan::Source;
use crate::query::scan::keys::{KeyNumbers, KeySet};
use crate::store::{Cube, Selections};

/// What must hold of the codes of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The other plan has them in a row.
    Members,
    /// It does not: `NOT EXISTS`.
    Others,
    /// It does not, and has no NULL either: `NOT IN`.
    OthersUnlessNull,
}

/// A condition on the series of a scan that another plan decides.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    /// The other plan.
    pub(crate) plan: Arc<dyn ExecutionPlan>,
    /// Its columns that hold codes.
    columns: Vec<usize>,
    /// The dimension that each of these is compared with.
    dimensions: Vec<usize>,
    wanted: Wanted,
    numbers: KeyNumbers,
}

impl Membership {
    /// The condition that the codes in the first of each of `pairs` are `wanted` in the column of
    /// `plan` that is the second. Absent where keys have no numbers or a column no texts.
    pub(crate) fn new(
        cube: &Cube,
        plan: Arc<dyn ExecutionPlan>,
        pairs: &[(usize, usize)],
        wanted: Wanted,
    ) -> Option<Self> {
        let (dimensions, columns): (Vec<usize>, Vec<usize>) = pairs.iter().copied().unzip();
        let schema = plan.schema();
        let is_text = |column: &usize| {
            let kind = schema.field(*column).data_type();
            matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
        };
        if pairs.is_empty() || !columns.iter().all(is_text) {
            return None;
        }
        let numbers = KeyNumbers::new(cube, &dimensions)?;
        Some(Self { plan, columns, dimensions, wanted, numbers })
    }

    /// What must hold.
    pub(crate) fn wanted(&self) -> Wanted {
        self.wanted
    }

    /// The dimensions that it is about.
    pub(crate) fn dimensions(&self) -> &[usize] {
        &self.dimensions
    }

    /// Those of `series` for which it holds, after reading the rows of the other plan to their end.
    pub(crate) async fn select(
        &self,
        source: &Source,
        series: &Selections,
        mut rows: SendableRecordBatchStream,
        reservation: &MemoryReservation,
    ) -> Result<Selections> {
        let mut found = Found { keys: self.numbers.set(), has_null: false };
        reservation.try_resize(found.keys.memory_bytes())?;
        while let Some(batch) = rows.next().await {
            self.push(source, &batch?, &mut found)?;
            reservation.try_resize(found.keys.memory_bytes())?;
        }
        self.of_found(source, series, &found).map_err(to_datafusion)
    }

    fn push(&self, source: &Source, batch: &RecordBatch, found: &mut Found) -> Result<()> {
        let mut columns: Vec<StringViewArray> = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let texts = cast(batch.column(*column), &DataType::Utf8View)?;
            columns.push(as_string_view_array(&texts)?.clone());
        }
        let is_same = |a: usize, b: usize| columns.iter().all(|c| c.value(a) == c.value(b));
        let mut last: Option<usize> = None;
        for row in 0..batch.num_rows() {
            if columns.iter().any(|column| column.is_null(row)) {
                found.has_null = true;
                continue;
            }
            // Rows of a scan come in runs of one key.
            if last.is_some_and(|last| is_same(last, row)) {
                continue;
            }
            last = Some(row);
            let text = |place: usize| columns.get(place).map(|column| column.value(row));
            found.keys.extend(self.numbers.of_texts(source.cube(), text));
        }
        Ok(())
    }

    fn of_found(
        &self,
        source: &Source,
        series: &Selections,
        found: &Found,
    ) -> error::Result<Selections> {
        let parts = source.cube().parts();
        if self.wanted == Wanted::OthersUnlessNull && found.has_null {
            return Ok(Selections::none(parts.len()));
        }
        let is_member = self.wanted == Wanted::Members;
        let narrowed = parts.iter().zip(&series.0);
        let narrowed = narrowed
            .map(|(part, selection)| self.numbers.filter(part, selection, &found.keys, is_member));
        Ok(Selections(narrowed.collect::<error::Result<Vec<_>>>()?))
    }
}

/// The keys of the rows so far.
struct Found {
    keys: KeySet,
    has_null: bool,
}
