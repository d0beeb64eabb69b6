//! Which columns of two scans a join makes, and what it shows of them.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::collect_columns;

use crate::error::Error;
use crate::query::error::to_datafusion;
use crate::query::join::series::side::with_columns;

/// The columns of a join. Those of the left scan come first, then those of the right one.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// Columns of the left scan.
    width: usize,
    /// The columns that are shown, in their order.
    pub(super) shown: Vec<usize>,
    /// What pairs of rows must pass, over the columns of both scans.
    pub(super) filter: Option<Arc<dyn PhysicalExpr>>,
    /// The columns that are made, ascending: those that are shown or looked at.
    made: Vec<usize>,
    /// The filter over the columns that are made.
    made_filter: Option<Arc<dyn PhysicalExpr>>,
}

impl Layout {
    /// Shows `shown` of the pairs of rows that pass `filter`, where the left scan has `width` columns.
    pub(super) fn new(
        width: usize,
        shown: Vec<usize>,
        filter: Option<Arc<dyn PhysicalExpr>>,
    ) -> Result<Self> {
        let mut made = shown.clone();
        made.extend(filter.iter().flat_map(collect_columns).map(|column| column.index()));
        made.sort_unstable();
        made.dedup();
        let place = |column: usize| made.binary_search(&column).ok();
        let made_filter = match &filter {
            Some(filter) => match with_columns(filter, &place)? {
                None => return Err(to_datafusion(Error::bug("a filter over unknown columns"))),
                known => known,
            },
            None => None,
        };
        Ok(Self { width, shown, filter, made, made_filter })
    }

    /// The same, showing these of its columns.
    pub(super) fn picking(&self, columns: &[usize]) -> Result<Self> {
        let shown = columns.iter().map(|column| self.shown[*column]).collect();
        Self::new(self.width, shown, self.filter.clone())
    }

    /// The columns of the left scan that are made.
    pub(super) fn of_left(&self) -> Vec<usize> {
        self.made.iter().copied().filter(|column| *column < self.width).collect()
    }

    /// The columns of the right scan that are made.
    pub(super) fn of_right(&self) -> Vec<usize> {
        self.made.iter().filter_map(|column| column.checked_sub(self.width)).collect()
    }

    /// The place among the columns that are made, left ones first, of each that is shown.
    pub(super) fn places(&self) -> Vec<usize> {
        self.shown.iter().filter_map(|column| self.made.binary_search(column).ok()).collect()
    }

    /// What rows of the columns that are made must pass.
    pub(super) fn made_filter(&self) -> Option<&Arc<dyn PhysicalExpr>> {
        self.made_filter.as_ref()
    }
}
