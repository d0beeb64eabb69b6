//! The Postgres wire: sessions of PostgreSQL's clients on the engine.
//!
//! `pgwire` gives the messages; everything between them is here, because the loops that it ships
//! hold whole answers in memory, trust lengths that a client sends, and stop no running operator.
//! A connection is a task on the runtime of the network. Planning, operators and the writing of
//! rows are tasks on the runtime of queries, so that a busy query never keeps a connection, a
//! cancellation or another session from being heard.
//!
//! Read in this order: `options`, `engine` (what this front adds), `server` (accepting and ending),
//! `warm` (its first statements), `registry` (who may be cancelled), `wire` and `frontend` (bytes and messages), `charset`,
//! `startup`, `login` (who it is), `session` (what a connection keeps), `settings`, `transaction`,
//! `sql` (what a text asks for), `plan` and `infer` (a query and its parameters), `repeated` (one
//! that comes again), `portal`, `execute` (doing it), `write` (who may, and rows from the client),
//! `cursor`, `describe` and `flow` (rows on their way), `connection` and `extended` (the two protocols), `errors`; then
//! `encode`, `copy`, `parameters` and `types` (values as bytes), `catalog` (what clients ask about
//! tables).
//!
//! **Invariant:** no number that a client sends decides how much memory is taken.
//!
//! **Invariant:** whatever a client waits for, it can cancel; and what nobody waits for stops.

pub mod catalog;
mod charset;
mod connection;
pub mod copy;
mod cursor;
mod describe;
pub mod encode;
mod engine;
mod errors;
mod execute;
mod explain;
mod extended;
mod flow;
mod frontend;
mod functions;
mod infer;
mod login;
mod options;
pub mod parameters;
mod plan;
mod portal;
mod registry;
mod repeated;
mod series;
mod server;
mod session;
mod settings;
mod sql;
mod startup;
mod style;
mod transaction;
pub mod types;
mod warm;
mod wire;
mod write;

pub use engine::engine;
pub use options::PgOptions;
pub use server::serve;
