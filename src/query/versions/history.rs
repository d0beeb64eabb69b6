//! The function `history`: every version of every observation, with the time for which it held.

use std::fmt;
use std::sync::Arc;

use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::Result;

use crate::error;
use crate::model::KeyPattern;
use crate::query::catalogue::Catalogue;
use crate::query::error::to_datafusion;
use crate::query::versions::arguments::Arguments;
use crate::query::versions::cells;
use crate::query::versions::rows::{Columns, Rows};
use crate::query::versions::table::VersionTable;
use crate::store::{AsOf, Database, History, Version};

/// The name of the function.
pub(in crate::query) const HISTORY: &str = "history";
const USAGE: &str = "history('ECB:EXR'), history('ECB:EXR', 'D.USD..') or \
                     history('ECB:EXR', 'D.USD..', '2026-03-01')";

/// The function, for what one session sees.
pub(in crate::query) struct HistoryFunction {
    pub(in crate::query) database: Database,
    pub(in crate::query) catalogue: Arc<Catalogue>,
}

impl fmt::Debug for HistoryFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HistoryFunction")
    }
}

impl HistoryFunction {
    fn table(&self, arguments: &Arguments<'_>) -> error::Result<VersionTable> {
        arguments.check_count(1, 3)?;
        let named = arguments.text(0)?;
        let named = named.ok_or_else(|| arguments.refuse("the dataflow is NULL"))?;
        let state = self.catalogue.flow(named)?;
        let (flow, columns_of) = (Arc::clone(&state.flow), &state.names);
        let key =
            KeyPattern::parse(arguments.text(1)?.unwrap_or_default(), flow.dimensions().len())
                .map_err(|reason| arguments.refuse(reason))?;
        let newest = Arc::clone(self.catalogue.directory().snapshot());
        let after = match arguments.as_of(2)? {
            None => None,
            Some(AsOf::Time(time)) => Some(time),
            Some(commit) => Some(commit.commit(&newest)?.effective),
        };
        let mut columns = Columns::of_keys(&flow, columns_of);
        cells::add_columns(&mut columns, &flow, columns_of, "");
        columns.moment("valid_from");
        columns.moment("valid_to");
        columns.count("commit");
        columns.count("ended_by");
        let (has_time, counts) = (flow.time().is_some(), cells::count(&flow));
        let (id, database) = (flow.id.clone(), self.database.clone());
        Ok(VersionTable::new(columns.schema(), key.codes().to_vec(), move |filter| {
            let mut history = History::open(&database, &newest, &id, filter, after)?;
            Ok(Box::new(move |rows| {
                let Some(version) = history.next()? else { return Ok(false) };
                push(&version, has_time, counts, rows);
                Ok(true)
            }))
        }))
    }
}

impl TableFunctionImpl for HistoryFunction {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let arguments = Arguments { function: HISTORY, usage: USAGE, all: args.exprs() };
        let table = self.table(&arguments).map_err(to_datafusion)?;
        Ok(Arc::new(table))
    }
}

fn push(version: &Version, has_time: bool, counts: (usize, usize), rows: &mut Rows) {
    let Version { key, period, state, valid_from, valid_to, commit, ended_by } = version;
    for code in key {
        rows.text(Some(code));
    }
    if has_time {
        rows.text(Some(period));
    }
    cells::push(Some(state), counts, rows);
    rows.moment(Some(*valid_from));
    rows.moment(*valid_to);
    rows.count(Some(*commit));
    rows.count(*ended_by);
}
