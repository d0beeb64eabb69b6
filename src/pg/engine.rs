//! The engine that this front asks.

use std::sync::Arc;

use crate::error::Result;
use crate::pg::series::Series;
use crate::pg::{catalog, functions};
use crate::query::{Engine, EngineOptions, Front};
use crate::store::Database;

/// An engine on an open database, with the functions and schemas that clients of PostgreSQL expect.
///
/// # Errors
///
/// Those of [`Engine::new`].
pub fn engine(database: Database, options: EngineOptions) -> Result<Arc<Engine>> {
    let mut all = catalog::functions();
    all.extend(functions::all());
    let front = Front {
        functions: all,
        table_functions: vec![("generate_series".to_owned(), Arc::new(Series))],
        schemas: catalog::schemas(&Arc::default()),
    };
    Engine::with_front(database, options, front)
}
