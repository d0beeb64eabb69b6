//! The function `as_of`: a table of an earlier state.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, TableReference};

use crate::error::{self, Error};
use crate::limits::PAST_STATES_MAX;
use crate::query::catalogue::{Catalogue, SEARCH_SCHEMA};
use crate::query::error::to_datafusion;
use crate::query::versions::arguments::Arguments;
use crate::store::{AsOf, Database, Snapshot};

/// The name of the function.
pub(in crate::query) const AS_OF: &str = "as_of";
const USAGE: &str = "as_of('ecb.exr', '2026-03-01T08:00:00Z') or as_of('ecb.exr', 17)";

/// Makes the catalogue of a snapshot, with the settings of one session.
type Open = Box<dyn Fn(&Arc<Snapshot>) -> Arc<Catalogue> + Send + Sync>;

/// Earlier states as one session sees them, each opened when a statement first asks for it.
pub(in crate::query) struct Past {
    database: Database,
    /// The newest state that the session sees.
    newest: Arc<Snapshot>,
    open: Open,
    known: Mutex<BTreeMap<u64, Arc<Catalogue>>>,
}

impl fmt::Debug for Past {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Past of commit {}", self.newest.number())
    }
}

impl Past {
    pub(in crate::query) fn new(
        database: Database,
        newest: Arc<Snapshot>,
        open: impl Fn(&Arc<Snapshot>) -> Arc<Catalogue> + Send + Sync + 'static,
    ) -> Self {
        Self { database, newest, open: Box::new(open), known: Mutex::default() }
    }

    /// The catalogue of the state that `as_of` means. Cost, the first time: reading the commits
    /// from the checkpoint before it.
    fn catalogue(&self, as_of: AsOf) -> error::Result<Arc<Catalogue>> {
        let number = as_of.commit(&self.newest)?.number;
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(catalogue) = known().get(&number) {
            return Ok(Arc::clone(catalogue));
        }
        let snapshot = self.database.snapshot_of(&self.newest, as_of)?;
        let catalogue = (self.open)(&snapshot);
        let mut known = known();
        if known.len() >= PAST_STATES_MAX {
            known.clear();
        }
        Ok(Arc::clone(known.entry(number).or_insert(catalogue)))
    }
}

impl TableFunctionImpl for Past {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let arguments = Arguments { function: AS_OF, usage: USAGE, all: args.exprs() };
        arguments.check_count(2, 2).map_err(to_datafusion)?;
        let table = arguments.text(0).map_err(to_datafusion)?.unwrap_or_default();
        let as_of = arguments.as_of(1).map_err(to_datafusion)?;
        let as_of = as_of.ok_or_else(|| to_datafusion(arguments.refuse("the time is NULL")))?;
        let catalogue = self.catalogue(as_of).map_err(to_datafusion)?;
        let name = TableReference::parse_str(table);
        let found = catalogue.provider(name.schema().unwrap_or(SEARCH_SCHEMA), name.table())?;
        found.ok_or_else(|| {
            to_datafusion(Error::not_found("table", format!("{name} (as of {as_of})")))
        })
    }
}
