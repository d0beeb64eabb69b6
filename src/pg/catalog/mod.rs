//! `pg_catalog` and `information_schema`, as PostgreSQL 15 answers them.
//!
//! Clients ask the catalogue in a dialect that only PostgreSQL speaks: correlated subqueries
//! anywhere, functions that return sets in a list of SELECT, rows as values, numbers of objects
//! that are shown by name. DataFusion plans little of it, and rewriting statements into what it
//! does plan would touch statements about data too. So a statement about the catalogue *alone* is
//! planned and run here, in PostgreSQL's types, over rows of one snapshot in memory; every other
//! statement is never looked at. This is no engine for data: it walks rows one by one, and bounds
//! how many.
//!
//! For the server:
//!
//! - [`PgCatalog::plan`] once for each statement; `None` means that it is DataFusion's;
//! - [`CatalogPlan::schema`] and [`CatalogPlan::parameters`] for Describe, [`CatalogPlan::answer`]
//!   for Execute;
//! - [`schemas`] and [`functions`] for the engine, so that statements about data may use the
//!   catalogue too; a [`SessionInfo`] in the session's configuration as its [`SessionExtension`].
//!
//! Read in this order: `archive` and `statics` (what PostgreSQL is born with), `value`, `types`,
//! `literal`, `relation`, `describe` and `gather` (a database, described), `build` and `rows` (its
//! rows),
//! `world` (all relations of a moment), `views`, `own` (what follows from the session), `ours`
//! (which statements are meant), `plan`, `run`, `functions`, `output` (Arrow), `front`, `tables`
//! (the same for DataFusion).
//!
//! **Invariant:** numbers of objects follow from names alone, so they are the same after a restart
//! and on every replica.
//!
//! **Invariant:** no statement that names a table of data is planned or changed here.

mod archive;
mod build;
mod describe;
mod front;
mod functions;
mod gather;
mod literal;
mod ours;
mod output;
mod own;
mod plan;
mod relation;
mod rows;
mod run;
mod session;
mod statics;
mod tables;
mod types;
mod value;
mod views;
mod world;

pub use front::{CatalogPlan, PgCatalog};
pub use session::{SERVER_VERSION, SERVER_VERSION_NUMBER, SessionInfo, version};
pub use tables::{SessionExtension, functions, schemas};
