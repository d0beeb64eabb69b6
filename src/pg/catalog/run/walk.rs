//! Walking the tables of a FROM clause.

use std::mem::take;
use std::sync::Arc;

use crate::error::Result;
use crate::pg::catalog::plan::{Expr, Source, Step};
use crate::pg::catalog::relation::{Relation, Shared};
use crate::pg::catalog::run::{Bound, Frame, Run};
use crate::pg::catalog::value::Value;

/// Gets a row, and says whether to go on.
type Visit<'v> = dyn FnMut(&mut Frame<'_>) -> Result<bool> + 'v;

impl Run<'_> {
    /// Visits each row that the steps lead to. Answers whether to go on.
    pub(super) fn walk(
        &self,
        steps: &[Step],
        frame: &mut Frame<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<bool> {
        let Some((step, rest)) = steps.split_first() else { return visit(frame) };
        match step {
            Step::Filter(conditions) => {
                if self.all_hold(conditions, frame)? {
                    return self.walk(rest, frame, visit);
                }
                Ok(true)
            }
            Step::Outer { slots, steps } => {
                let mut is_found = false;
                let goes_on = self.walk(steps, frame, &mut |frame| {
                    is_found = true;
                    self.walk(rest, frame, visit)
                })?;
                if is_found {
                    return Ok(goes_on);
                }
                for slot in slots {
                    if let Some(bound) = frame.slots.get_mut(*slot) {
                        *bound = Bound::Nothing;
                    }
                }
                self.walk(rest, frame, visit)
            }
            Step::Scan { slot, source, look_up, filters } => {
                let rows = self.rows(source, frame)?;
                let Some((column, value)) = look_up else {
                    for row in 0..u32::try_from(rows.len()).unwrap_or(u32::MAX) {
                        if !self.bind(*slot, &rows, row, filters, rest, frame, visit)? {
                            return Ok(false);
                        }
                    }
                    return Ok(true);
                };
                let value = self.evaluate(value, frame)?;
                for row in rows.find(*column, &value) {
                    if !self.bind(*slot, &rows, *row, filters, rest, frame, visit)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one step of a walk, and nothing is kept of it")]
    fn bind(
        &self,
        slot: usize,
        rows: &Shared,
        row: u32,
        filters: &[Expr],
        rest: &[Step],
        frame: &mut Frame<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<bool> {
        self.step()?;
        if let Some(bound) = frame.slots.get_mut(slot) {
            *bound = Bound::Row(Arc::clone(rows), row);
        }
        if self.all_hold(filters, frame)? { self.walk(rest, frame, visit) } else { Ok(true) }
    }

    pub(super) fn all_hold(&self, conditions: &[Expr], frame: &Frame<'_>) -> Result<bool> {
        for condition in conditions {
            if self.evaluate(condition, frame)?.as_bool() != Some(true) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn rows(&self, source: &Source, frame: &Frame<'_>) -> Result<Shared> {
        match source {
            Source::Relation(relation) => Ok(Arc::clone(relation)),
            Source::Query { query, level } => {
                let mut around = Some(frame);
                for _ in 0..*level {
                    around = around.and_then(|frame| frame.outer);
                }
                self.rows_of(query, around)
            }
            Source::Working(id) => {
                let found = self.working.borrow().get(id).cloned();
                Ok(found.unwrap_or_else(|| Arc::new(Relation::new(0, Vec::new(), Vec::new()))))
            }
            Source::Function { call, columns, has_ordinality, is_row } => {
                let found = self.evaluate(call, frame)?;
                let mut rows = Vec::new();
                for (place, value) in found.as_array().unwrap_or_default().iter().enumerate() {
                    let mut row = match value {
                        Value::Row(values) if *is_row => values.to_vec(),
                        value => vec![value.clone()],
                    };
                    if *has_ordinality {
                        row.push(Value::Int(i64::try_from(place + 1).unwrap_or(i64::MAX)));
                    }
                    rows.push(row);
                }
                Ok(Arc::new(Relation::new(0, columns.to_vec(), rows)))
            }
        }
    }

    /// The frame of a query, with nothing bound.
    pub(super) fn frame<'f>(slots: usize, outer: Option<&'f Frame<'f>>) -> Frame<'f> {
        Frame { slots: vec![Bound::Nothing; slots], outer, ..Frame::default() }
    }
}

impl Frame<'_> {
    /// What is bound, to be kept.
    pub(super) fn kept(&self) -> Vec<Bound> {
        self.slots.clone()
    }

    /// What was calculated of the row, taken out.
    pub(super) fn take_sets(&mut self) -> Vec<Value> {
        take(&mut self.sets)
    }
}
