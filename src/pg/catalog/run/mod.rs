//! Running a statement over the catalogue.
//!
//! Rows are walked one after the other, from the first table of a query to the last; what is kept
//! of a row while it is walked is which row of each table it is made of. Read in this order: this
//! file (what a run knows), `walk` (tables), `select` (groups, windows, order), `query` (everything
//! around SELECT), `evaluate` (expressions), `aggregate`.

mod aggregate;
mod cast;
mod evaluate;
mod query;
mod select;
mod walk;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use cast::cast;

use crate::error::{Error, Result};
use crate::limits::CATALOGUE_STEPS_MAX;
use crate::pg::catalog::functions::pattern::Pattern;
use crate::pg::catalog::plan::{Statement, Style};
use crate::pg::catalog::relation::Shared;
use crate::pg::catalog::session::SessionInfo;
use crate::pg::catalog::value::Value;
use crate::pg::catalog::world::World;

/// Patterns that are kept while a statement runs.
const PATTERNS_KEPT_MAX: usize = 256;

/// What a run knows.
pub(crate) struct Run<'a> {
    pub(crate) world: &'a Arc<World>,
    pub(crate) session: &'a SessionInfo,
    parameters: &'a [Value],
    /// The answers of queries that are the same for each row.
    answers: RefCell<HashMap<usize, Shared>>,
    /// What recursive queries have found in their last round.
    working: RefCell<HashMap<usize, Shared>>,
    /// Patterns that come with each row: nearly always the same.
    patterns: RefCell<HashMap<(String, Style), Pattern>>,
    steps: Cell<u64>,
}

/// A row of each table of a query, as far as they are bound, and what was calculated of it.
#[derive(Clone, Default)]
struct Frame<'a> {
    slots: Vec<Bound>,
    aggregates: Vec<Value>,
    windows: Vec<Value>,
    sets: Vec<Value>,
    /// The row of the query around this one.
    outer: Option<&'a Frame<'a>>,
}

/// What a slot is bound to.
#[derive(Clone, Default)]
enum Bound {
    /// No row: all its columns are NULL.
    #[default]
    Nothing,
    Row(Shared, u32),
}

impl<'a> Run<'a> {
    /// Answers a statement.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for values that make no sense; [`Error::Limit`] for too much work.
    pub(crate) fn answer(
        world: &'a Arc<World>,
        session: &'a SessionInfo,
        statement: &Statement,
        parameters: &'a [Value],
    ) -> Result<Vec<Vec<Value>>> {
        let run = Self {
            world,
            session,
            parameters,
            answers: RefCell::default(),
            working: RefCell::default(),
            patterns: RefCell::default(),
            steps: Cell::new(0),
        };
        run.query(&statement.query, None)
    }

    /// A pattern, read once.
    fn pattern(&self, text: &str, style: Style) -> Result<Pattern> {
        let key = (text.to_owned(), style);
        if let Some(known) = self.patterns.borrow().get(&key) {
            return Ok(known.clone());
        }
        let made = Pattern::new(text, style)?;
        let mut patterns = self.patterns.borrow_mut();
        if patterns.len() >= PATTERNS_KEPT_MAX {
            patterns.clear();
        }
        patterns.insert(key, made.clone());
        Ok(made)
    }

    /// Counts a row that was looked at.
    fn step(&self) -> Result<()> {
        let steps = self.steps.get() + 1;
        self.steps.set(steps);
        if steps > CATALOGUE_STEPS_MAX {
            let what = "the rows that a query of the catalogue looks at";
            return Err(Error::Limit { what, actual: steps, limit: CATALOGUE_STEPS_MAX });
        }
        Ok(())
    }
}
