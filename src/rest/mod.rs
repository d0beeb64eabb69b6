//! SDMX over HTTP: both versions of the REST interface, on one snapshot per request.
//!
//! Read in this order: `options`; `serve` (the server from start to stop) and `connection` (places
//! and timers); `server` (what requests share); `service` (HTTP to an answer and back); `answer`
//! (what is asked for, and in which form), with `accept`, `formats`, `codings`, `languages`
//! (choosing the form), `validators` and `dates` (caches); `flows`, `data`, `availability`,
//! `structures` (the resources); `explain` and `nearest` (why there is nothing); `outlet` (bytes
//! from a blocking producer to a slow client); `failure`, `pages`, `metrics`.
//!
//! **Invariant:** an answer is made by blocking code on a thread of its own and written as it is
//! made; its memory does not depend on its length, nor on how slowly it is read. When its reader is
//! gone, its producer ends.
//!
//! **Invariant:** the same request to the same state has the same bytes, and so the same tag:
//! messages say when their data changed, not when they were asked for.
//!
//! **Invariant:** nothing here writes. Errors say what to do, and never what is inside the server.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod accept;
mod answer;
mod availability;
mod codings;
mod connection;
mod data;
mod dates;
mod explain;
mod failure;
mod flows;
mod formats;
mod languages;
mod metrics;
mod nearest;
mod options;
mod outlet;
mod pages;
mod preview;
mod serve;
mod server;
mod service;
mod structures;
mod validators;

pub use options::RestOptions;
pub use serve::serve;
