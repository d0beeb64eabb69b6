//! The prompt: `sdmxdb DB`, or `sdmxdb sql DB` on a terminal.
//!
//! Read in this order: `command` (what a line may be), `session` (the loop), `complete` (what Tab
//! offers), `words` (where that comes from), `pager`.

mod command;
mod complete;
mod pager;
mod session;
mod words;

pub(super) use session::run;
