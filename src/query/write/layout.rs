//! Where the cells of a row that is written come from: columns of the rows that were read.

use arrow::array::{Array, StringViewArray};

use crate::error::{Error, Result};
use crate::model::Cell;
use crate::query::write::target::{Place, Target};
use crate::store::RowBatch;

/// For each component that is written, the columns that it comes from.
#[derive(Clone, Debug, Default)]
pub(in crate::query) struct Layout {
    cells: Vec<CellFrom>,
}

/// The columns of one component.
#[derive(Clone, Copy, Debug)]
struct CellFrom {
    component: usize,
    /// Of a measure, the number; of all others, the text.
    value: Option<usize>,
    /// The text of a measure, which goes before the number.
    text: Option<usize>,
}

impl Layout {
    /// The layout of columns that are written to these places.
    pub(super) fn new(columns: impl IntoIterator<Item = (usize, Place)>) -> Self {
        let mut cells: Vec<CellFrom> = Vec::new();
        for (column, place) in columns {
            let Some(component) = place.component() else { continue };
            let known = cells.iter().position(|cell| cell.component == component);
            let known = known.unwrap_or_else(|| {
                cells.push(CellFrom { component, value: None, text: None });
                cells.len() - 1
            });
            match place {
                Place::Text(_) => cells[known].text = Some(column),
                _ => cells[known].value = Some(column),
            }
        }
        Self { cells }
    }

    /// The components that are written, by position.
    pub(super) fn components(&self) -> Vec<usize> {
        self.cells.iter().map(|cell| cell.component).collect()
    }

    /// Sets `cells` to those of a row.
    pub(super) fn cells<'a>(
        &self,
        columns: &'a [StringViewArray],
        row: usize,
        cells: &mut Vec<Cell<'a>>,
    ) {
        self.choose(|column| text(columns, column, row), cells);
    }

    /// Adds a row to those of a batch that was made for this layout.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if a part of the key is missing; those of [`RowBatch::push`].
    pub(super) fn push(
        &self,
        target: &Target,
        columns: &[StringViewArray],
        row: usize,
        batch: &mut RowBatch,
    ) -> Result<()> {
        let mut cells = Vec::with_capacity(self.cells.len());
        self.cells(columns, row, &mut cells);
        self.push_cells(target, &cells, batch)
    }

    /// The same for a row of texts.
    ///
    /// # Errors
    ///
    /// Those of [`Layout::push`].
    pub(super) fn push_texts(
        &self,
        target: &Target,
        texts: &[Cell<'_>],
        batch: &mut RowBatch,
    ) -> Result<()> {
        let mut cells = Vec::with_capacity(self.cells.len());
        self.choose(|column| texts.get(column).copied().flatten(), &mut cells);
        self.push_cells(target, &cells, batch)
    }

    fn choose<'a>(&self, get: impl Fn(usize) -> Cell<'a>, cells: &mut Vec<Cell<'a>>) {
        cells.clear();
        for cell in &self.cells {
            cells.push(cell.text.and_then(&get).or_else(|| cell.value.and_then(&get)));
        }
    }

    fn push_cells(&self, target: &Target, cells: &[Cell<'_>], batch: &mut RowBatch) -> Result<()> {
        let key = target.flow().measures_from();
        for (cell, from) in cells.iter().zip(&self.cells) {
            if from.component < key && cell.is_none_or(str::is_empty) {
                return Err(missing(target, from.component, Some(batch.len() + 1)));
            }
        }
        batch.push(cells)
    }
}

/// The text of a cell. Absent for NULL.
pub(super) fn text(columns: &[StringViewArray], column: usize, row: usize) -> Cell<'_> {
    let column = columns.get(column)?;
    (!column.is_null(row)).then(|| column.value(row))
}

/// The refusal of a row without a part of its key.
pub(super) fn missing(target: &Target, component: usize, row: Option<u32>) -> Error {
    let is_it = |place: Place| place == Place::Key(component);
    let name = target.fields().zip(target.places()).find(|(_, place)| is_it(*place));
    let name = name.map_or("", |(field, _)| field.name());
    let place = row.map(|row| format!(" in row {row}")).unwrap_or_default();
    let reason = format!("must have a value{place}: it is a part of what identifies a row");
    Error::invalid(format!("column {name}"), reason)
}
