//! Earlier states in SQL, and what changed between them.
//!
//! | written | what it is |
//! |---|---|
//! | `SET sdmx.as_of = '2026-03-01T08:00:00Z'` | every statement of the session reads that state |
//! | `ecb.exr FOR SYSTEM_TIME AS OF '2026-03-01'` | this table, as it was then |
//! | `ecb.exr(as_of => 17)` | this table, as it was after commit 17 |
//! | `as_of('ecb.exr', 17)` | the same |
//! | `history('ECB:EXR', 'D.USD..')` | every version of these observations, and when it held |
//! | `changes_since('ECB:EXR', '2026-03-01')` | what differs since then |
//!
//! Read `clause` (from the first three forms of a table to the last), `arguments`, `past` (the
//! function `as_of`); then `rows` and `table` (rows that are made while they are read), `cells`,
//! `history`, `since`.

mod arguments;
mod cells;
mod clause;
mod history;
mod past;
mod rows;
mod since;
mod table;

use std::sync::Arc;

use datafusion::catalog::TableFunctionImpl;

use crate::query::catalogue::Catalogue;
use crate::store::{Database, Snapshot};

pub(super) use clause::as_function;
pub use clause::system_time;
use past::AS_OF;

/// The functions of this module, for what a session sees; `open` makes the catalogue of an earlier
/// state.
pub(super) fn functions(
    database: &Database,
    catalogue: &Arc<Catalogue>,
    open: impl Fn(&Arc<Snapshot>) -> Arc<Catalogue> + Send + Sync + 'static,
) -> [(&'static str, Arc<dyn TableFunctionImpl>); 3] {
    let (database, catalogue) = (database.clone(), Arc::clone(catalogue));
    let newest = Arc::clone(catalogue.directory().snapshot());
    let past = past::Past::new(database.clone(), newest, open);
    let history =
        history::HistoryFunction { database: database.clone(), catalogue: Arc::clone(&catalogue) };
    let since = since::ChangesFunction { database, catalogue };
    [
        (AS_OF, Arc::new(past)),
        (history::HISTORY, Arc::new(history)),
        (since::CHANGES_SINCE, Arc::new(since)),
    ]
}
