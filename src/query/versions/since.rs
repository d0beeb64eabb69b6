//! The function `changes_since`: what differs between an earlier state and the one that is read.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::Result;

use crate::error::{self, Error};
use crate::model::KeyPattern;
use crate::query::catalogue::Catalogue;
use crate::query::error::to_datafusion;
use crate::query::versions::arguments::Arguments;
use crate::query::versions::cells;
use crate::query::versions::rows::{Columns, Rows};
use crate::query::versions::table::VersionTable;
use crate::store::{AsOf, CellChange, Changes, Database, Snapshot};

/// The name of the function.
pub(in crate::query) const CHANGES_SINCE: &str = "changes_since";
const USAGE: &str = "changes_since('ECB:EXR', '2026-03-01T08:00:00Z') or \
                     changes_since('ECB:EXR', 17, 'D.USD..')";

/// The function, for what one session sees.
pub(in crate::query) struct ChangesFunction {
    pub(in crate::query) database: Database,
    pub(in crate::query) catalogue: Arc<Catalogue>,
}

impl fmt::Debug for ChangesFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChangesFunction")
    }
}

impl ChangesFunction {
    fn table(&self, arguments: &Arguments<'_>) -> error::Result<VersionTable> {
        arguments.check_count(2, 3)?;
        let named = arguments.text(0)?;
        let named = named.ok_or_else(|| arguments.refuse("the dataflow is NULL"))?;
        let state = self.catalogue.flow(named)?;
        let (flow, columns_of) = (Arc::clone(&state.flow), &state.names);
        let since = arguments.as_of(1)?;
        let since = since.ok_or_else(|| arguments.refuse("the time is NULL"))?;
        let key =
            KeyPattern::parse(arguments.text(2)?.unwrap_or_default(), flow.dimensions().len())
                .map_err(|reason| arguments.refuse(reason))?;
        let newest = Arc::clone(self.catalogue.directory().snapshot());
        let before = self.before(&newest, since)?;
        let mut columns = Columns::of_keys(&flow, columns_of);
        columns.text("change", false);
        cells::add_columns(&mut columns, &flow, columns_of, "");
        cells::add_columns(&mut columns, &flow, columns_of, "_before");
        let (has_time, counts) = (flow.time().is_some(), cells::count(&flow));
        let id = flow.id.clone();
        Ok(VersionTable::new(columns.schema(), key.codes().to_vec(), move |filter| {
            let mut changes = Changes::between(&before, &newest, &id, filter)?;
            let (mut key, mut cells) = (Vec::new(), VecDeque::new());
            Ok(Box::new(move |rows| {
                while cells.is_empty() {
                    let Some(change) = changes.next_series()? else { return Ok(false) };
                    (key, cells) = (change.key, VecDeque::from(change.cells));
                }
                if let Some(cell) = cells.pop_front() {
                    push(&key, &cell, has_time, counts, rows);
                }
                Ok(true)
            }))
        }))
    }

    /// The state to compare with: before the first commit, one without anything.
    fn before(&self, newest: &Arc<Snapshot>, since: AsOf) -> error::Result<Arc<Snapshot>> {
        match (self.database.snapshot_of(newest, since), since) {
            (Err(Error::NotFound { .. }), AsOf::Time(time))
                if newest.state().commit_at(time).is_none() =>
            {
                self.database.snapshot_at(0)
            }
            (found, _) => found,
        }
    }
}

impl TableFunctionImpl for ChangesFunction {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let arguments = Arguments { function: CHANGES_SINCE, usage: USAGE, all: args.exprs() };
        let table = self.table(&arguments).map_err(to_datafusion)?;
        Ok(Arc::new(table))
    }
}

fn push(
    key: &[String],
    cell: &CellChange,
    has_time: bool,
    counts: (usize, usize),
    rows: &mut Rows,
) {
    for code in key {
        rows.text(Some(code));
    }
    if has_time {
        rows.text(Some(&cell.period));
    }
    rows.text(Some(match (&cell.before, &cell.after) {
        (None, _) => "inserted",
        (Some(_), Some(_)) => "changed",
        (Some(_), None) => "deleted",
    }));
    cells::push(cell.after.as_ref(), counts, rows);
    cells::push(cell.before.as_ref(), counts, rows);
}
