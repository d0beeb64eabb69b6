//! Rows of an `INSERT` whose keys are there already.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::error::DataFusionError;

use crate::error::{Error, Result};
use crate::model::{Cell, Value};
use crate::query::error::from_datafusion;
use crate::query::write::insert::Insertion;
use crate::query::write::target::{Place, Target};
use crate::store::{Presence, RowBatch};

/// The rows of an insert, apart.
#[derive(Debug)]
pub(in crate::query) struct Parted {
    /// Rows that are inserted.
    pub(in crate::query) fresh: Option<RowBatch>,
    /// Rows that update what is there.
    pub(in crate::query) excluded: Option<RowBatch>,
}

/// Tells rows that are inserted from those that are there already.
///
/// # Errors
///
/// [`Error::Conflict`]: of kind `key` for a row that is there already, unless `ON CONFLICT` says what
/// to do; of kind `row` if it would have to be changed twice.
pub(in crate::query) fn part(
    batch: RowBatch,
    presence: &[Presence],
    insertion: &Insertion,
) -> Result<Parted> {
    if presence.iter().all(|known| *known == Presence::Absent) {
        return Ok(Parted { fresh: Some(batch), excluded: None });
    }
    let empty = || RowBatch::new(batch.flow(), batch.action(), batch.components().to_vec());
    let (mut fresh, mut excluded) = (empty(), empty());
    for (row, known) in (0..).zip(presence) {
        match known {
            Presence::Absent => copy(&batch, row, &mut fresh)?,
            _ if insertion.skips => {}
            Presence::Present if insertion.update.is_some() => copy(&batch, row, &mut excluded)?,
            Presence::Repeated if insertion.update.is_some() => {
                let reason = "ON CONFLICT DO UPDATE cannot change a row a second time";
                return Err(refusal("row", &batch, row, reason));
            }
            Presence::Present => {
                return Err(refusal("key", &batch, row, "is there already"));
            }
            Presence::Repeated => {
                return Err(refusal("key", &batch, row, "is inserted twice"));
            }
        }
    }
    let some = |batch: RowBatch| Some(batch).filter(|batch| !batch.is_empty());
    Ok(Parted { fresh: some(fresh), excluded: some(excluded) })
}

/// Refuses rows that are there already.
///
/// # Errors
///
/// [`Error::Conflict`] of kind `key`.
pub(in crate::query) fn refuse_present(batch: &RowBatch, presence: &[Presence]) -> Result<()> {
    match (0..).zip(presence).find(|(_, known)| **known != Presence::Absent) {
        Some((row, Presence::Repeated)) => Err(refusal("key", batch, row, "is inserted twice")),
        Some((row, _)) => Err(refusal("key", batch, row, "is there already")),
        None => Ok(()),
    }
}

fn copy(from: &RowBatch, row: u32, to: &mut RowBatch) -> Result<()> {
    let cells = (0..from.components().len()).map(|column| from.cell(row, column));
    to.push(&cells.collect::<Vec<Cell<'_>>>())
}

fn refusal(kind: &'static str, batch: &RowBatch, row: u32, reason: &str) -> Error {
    let key = 0..batch.flow().measures_from();
    let cell = |component: usize| {
        let at = batch.components().iter().position(|known| *known == component)?;
        batch.cell(row, at)
    };
    let key: Vec<&str> = key.map(|component| cell(component).unwrap_or_default()).collect();
    let id = format!("of {} {}", batch.flow().id, key.join("."));
    Error::Conflict { kind, id, reason: format!("{reason} (row {})", u64::from(row) + 1) }
}

/// The rows that were not inserted as the table `excluded`, which has the columns of the target.
///
/// # Errors
///
/// None that can happen.
pub(in crate::query) fn excluded(target: &Target, rows: Option<&RowBatch>) -> Result<RecordBatch> {
    let count = rows.map_or(0, RowBatch::len);
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (field, place) in target.fields().zip(target.places()) {
        let Some(component) = place.component() else { continue };
        let at = rows.and_then(|rows| rows.components().iter().position(|c| *c == component));
        let cell = |row| at.and_then(|at| rows?.cell(row, at)).filter(|text| !text.is_empty());
        let (data_type, array): (DataType, ArrayRef) = if let Place::Number(_) = place {
            let number = |row| cell(row).and_then(|text| Value::parse(text).number());
            (DataType::Float64, Arc::new((0..count).map(number).collect::<Float64Array>()))
        } else {
            (DataType::Utf8View, Arc::new((0..count).map(cell).collect::<StringViewArray>()))
        };
        fields.push(Field::new(field.name(), data_type, true));
        arrays.push(array);
    }
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays);
    batch.map_err(|error| from_datafusion(&DataFusionError::from(error)))
}
