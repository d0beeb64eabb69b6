//! How a load is done, how far it is, and what it did.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use crate::catalog::{Counts, Source, SqlNames};
use crate::error::Problem;
use crate::limits::LOAD_MEMORY_BYTES;
use crate::model::ArtefactId;

/// How a load is done.
pub struct LoadOptions {
    /// The time now, in microseconds since 1970.
    pub now: i64,
    /// Who loads.
    pub author: String,
    /// What for.
    pub message: String,
    /// What is loaded, if it is a file.
    pub source: Option<Source>,
    /// The dataflow that data belong to, where they name only a structure that several have.
    pub dataflow: Option<ArtefactId>,
    /// Tells the time while the load goes on, in microseconds since 1970, so that releases that fall
    /// due meanwhile need not wait for it; without it they wait for its commit.
    pub clock: Option<fn() -> i64>,
    /// From when the commit is in force, in microseconds since 1970; from now without it.
    pub effective: Option<i64>,
    /// The release that becomes public, by name.
    pub release: Option<String>,
    /// Small facts that are set or, without a value, removed.
    pub settings: BTreeMap<String, Option<String>>,
    /// Memory for rows; beyond it they are sorted on disk.
    pub memory: u64,
    /// How long to wait for another writer.
    pub wait: Duration,
    /// Where refused rows go; with it, a load goes on without them.
    pub refused: Option<Box<dyn Write + Send>>,
    /// Is told how far the load is.
    pub progress: Option<Box<dyn FnMut(Progress) + Send>>,
}

impl LoadOptions {
    /// The usual: refuses bad rows, waits up to ten seconds for another writer.
    pub fn at(now: i64) -> Self {
        Self {
            now,
            author: String::new(),
            message: String::new(),
            source: None,
            dataflow: None,
            clock: None,
            effective: None,
            release: None,
            settings: BTreeMap::new(),
            memory: LOAD_MEMORY_BYTES,
            wait: Duration::from_secs(10),
            refused: None,
            progress: None,
        }
    }
}

/// How far a load is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many rows were read.
    Reading(u64),
    /// So many rows of so many were written.
    Writing(u64, u64),
}

/// What a load did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// The commit; absent if nothing changed.
    pub commit: Option<u64>,
    /// Observations inserted, changed, deleted, and as they were.
    pub counts: Counts,
    /// The same of each dataflow that rows came for.
    pub flows: Vec<(ArtefactId, Counts)>,
    /// Rows that were read.
    pub rows: u64,
    /// Artefacts that were added or changed.
    pub artefacts: u64,
    /// Dataflows that are new, with their names in SQL.
    pub named: Vec<(ArtefactId, SqlNames)>,
    /// Rows left out, when the load was told to go on without them.
    pub refused: u64,
    /// The first of them.
    pub problems: Vec<Problem>,
    /// What else a person should know.
    pub warnings: Vec<String>,
    /// Bytes of the segments that were written.
    pub bytes: u64,
}
