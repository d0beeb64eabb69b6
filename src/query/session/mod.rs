//! From a text of SQL to a stream of batches.
//!
//! Read in this order: `pool` (memory), `rules` (what the optimizer does, and what it does not),
//! `engine` (what all sessions share), `settings` (what one session may set), `ready` (what planning
//! needs), `plans` (of statements that were asked before), `prepared` (statements that are answered
//! many times), `statement` (one session and the life of one statement), `headers` (what columns are
//! called), `long` (on which threads it runs), `answer`, `transaction` and `write` (statements that
//! write), `connection` (the same without async).

mod answer;
mod connection;
mod engine;
mod headers;
mod long;
mod plans;
mod pool;
mod prepared;
mod ready;
mod rules;
mod settings;
mod statement;
mod transaction;
mod write;

pub use answer::Answer;
pub use connection::{Connection, Rows};
pub use engine::{Engine, EngineOptions, Front};
pub use prepared::Prepared;
pub use statement::Session;
