//! Takes the rows of a message, and tells good ones from bad ones.

use std::sync::Arc;

use crate::error::{Error, Problem, Result};
use crate::limits::LOAD_REGIONS_MAX;
use crate::model::{Action, Flow, Row};
use crate::sdmx::rows::{FlowRef, RowSink};
use crate::store::load::Load;
use crate::store::load::cells::Fault;
use crate::store::load::options::Progress;
use crate::store::load::resolve::resolve;

/// Rows between two looks at the clock.
const ROWS_PER_LOOK: u64 = 1 << 10;

/// Takes the rows of one message.
pub(super) struct Sink<'a> {
    load: &'a mut Load,
    /// The intake of each flow of the message.
    flows: Vec<usize>,
}

impl<'a> Sink<'a> {
    pub(super) fn new(load: &'a mut Load) -> Self {
        Self { load, flows: Vec::new() }
    }

    /// Takes rows of all flows of the load, by their numbers there.
    pub(super) fn of_program(load: &'a mut Load) -> Self {
        let flows = (0..load.intakes.len()).collect();
        Self { load, flows }
    }

    /// Numbers a row, and keeps what is needed to find it again.
    fn number(&mut self, line: u64, text: &str) -> Result<u32> {
        self.load.rows += 1;
        let limit = u64::from(u32::MAX);
        let number = u32::try_from(self.load.rows).map_err(|_| {
            let (what, actual) = ("the number of rows of one load", self.load.rows);
            Error::Limit { what, actual, limit }
        })?;
        self.load.places.note(number, line);
        if let Some(texts) = &mut self.load.texts {
            texts.push(text)?;
        }
        Ok(number)
    }

    /// Now and then, says how far it is, and looks at the memory and the clock; bad rows count too.
    fn after_row(&mut self) -> Result<()> {
        if self.load.rows.is_multiple_of(ROWS_PER_LOOK) {
            self.load.let_releases_through()?;
        }
        if self.load.rows.is_multiple_of(1 << 16) {
            self.load.progress(Progress::Reading(self.load.rows));
            self.load.spill_if_needed()?;
        }
        Ok(())
    }
}

impl RowSink for Sink<'_> {
    fn header(&mut self, raw: &str) -> Result<()> {
        self.load.refuse_raw(raw.as_bytes())
    }

    fn keeps_raw(&self) -> bool {
        self.load.texts.is_some()
    }

    fn flow(&mut self, id: &FlowRef) -> Result<Arc<Flow>> {
        let chosen = self.load.options.dataflow.as_ref();
        let id = resolve(id, &self.load.structures.all, chosen)?;
        let index = self.load.intake(&id)?;
        self.flows.push(index);
        Ok(Arc::clone(&self.load.intakes[index].flow))
    }

    fn row(&mut self, flow: usize, row: &Row<'_>) -> Result<()> {
        let number = self.number(row.line, row.raw)?;
        let runs = &mut self.load.runs;
        runs.push(number, row.action);
        let intake = &mut self.load.intakes[self.flows[flow]];
        if let Err(fault) = intake.take(row, number, runs.start()) {
            let problem = problem_of(&intake.flow, row, fault);
            self.load.note_problem(problem);
            self.load.refuse_raw(row.raw.as_bytes())?;
        } else if row.action == Action::Delete && intake.regions.len() > LOAD_REGIONS_MAX {
            let (actual, limit) = (intake.regions.len() as u64, LOAD_REGIONS_MAX as u64);
            let what = "the rows of one load that delete more than one observation";
            return Err(Error::Limit { what, actual, limit });
        }
        self.after_row()
    }

    fn next_run(&mut self) {
        self.load.runs.end();
    }

    fn bad_record(&mut self, problem: Problem, raw: &[u8]) -> Result<()> {
        self.number(problem.line, "")?;
        self.load.note_problem(problem);
        self.load.refuse_raw(raw)?;
        self.after_row()
    }
}

/// Characters of a value that an error shows.
const VALUE_CHARS_SHOWN: usize = 60;

/// What a person is told of a row that was refused.
fn problem_of(flow: &Flow, row: &Row<'_>, fault: Fault) -> Problem {
    let component = fault.component;
    let value = component.and_then(|position| row.cells[position]);
    let column = component.map(|position| row.columns[position]).filter(|column| *column > 0);
    Problem {
        line: row.line,
        column,
        component: component.map(|position| flow.components()[position].id.clone()),
        value: value.map(|text| text.chars().take(VALUE_CHARS_SHOWN).collect()),
        reason: fault.reason,
    }
}
