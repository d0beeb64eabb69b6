//! Checks the cells of a row, before anything of it is kept.

use std::mem;

use crate::model::{
    Cell, Component, Decimal, NOT_ATTACHED, Period, PeriodForm, ReportingYearStart, Slot,
};
use crate::segment::Stored;
use crate::store::load::check;
use crate::store::load::intake::Intake;

/// What is wrong with a row, and the component to blame by its position.
pub(super) struct Fault {
    pub(super) component: Option<usize>,
    pub(super) reason: String,
}

impl Fault {
    pub(super) fn of(component: usize, reason: impl Into<String>) -> Self {
        Self { component: Some(component), reason: reason.into() }
    }
}

impl Intake {
    pub(super) fn same_key(&self, cells: &[Cell<'_>]) -> bool {
        let dimensions = self.codes.len();
        self.last.series.is_some()
            && cells
                .iter()
                .zip(&self.last.cells)
                .take(dimensions)
                .all(|(cell, last)| *cell == Some(last.as_str()))
    }

    /// The code of a dimension; absent where the cell is empty or says that it does not matter.
    pub(super) fn code<'a>(&self, cells: &[Cell<'a>], position: usize) -> Option<&'a str> {
        let text = cells[position].filter(|text| !text.is_empty())?;
        (!self.is_off(position, text)).then_some(text)
    }

    /// Whether a cell says that its dimension does not matter. Where a dimension may have that
    /// text for a code, it is one.
    pub(super) fn is_off(&self, position: usize, text: &str) -> bool {
        let list = &self.flow.components()[position].codelist;
        text == NOT_ATTACHED && list.as_ref().is_some_and(|list| list.code(text).is_none())
    }

    pub(super) fn missing_dimension(&self, cells: &[Cell<'_>]) -> Option<usize> {
        (0..self.codes.len()).find(|position| self.code(cells, *position).is_none())
    }

    /// Checks the codes that did not come before.
    pub(super) fn check_codes(&self, cells: &[Cell<'_>]) -> Result<(), Fault> {
        for (position, texts) in self.codes.iter().enumerate() {
            let code = cells[position].unwrap_or_default();
            if texts.find(code).is_none() {
                check_text(&self.flow.components()[position], position, code)?;
            }
        }
        Ok(())
    }

    pub(super) fn check_period(&self, cells: &[Cell<'_>]) -> Result<Option<Period>, Fault> {
        let Some(position) = self.flow.time_index() else {
            return Ok(Some(Period::Slot(Slot::TIMELESS)));
        };
        let text = cells[position].unwrap_or_default();
        if text.is_empty() || text == NOT_ATTACHED {
            return Ok(None);
        }
        let period = match Slot::parse(text.as_bytes()) {
            Ok(Some(slot)) => Period::Slot(slot),
            _ => Period::parse(text).map_err(|bad| Fault::of(position, bad.0))?,
        };
        if let Period::Slot(slot) = &period {
            // Only the last week and the last day of a reporting year may not exist.
            let last = slot.form.per_year().is_some_and(|n| slot.index.rem_euclid(n) == n - 1);
            let may_lack = matches!(slot.form, PeriodForm::Week | PeriodForm::ReportingDay);
            if last
                && may_lack
                && !self.has_year_start
                && slot.span(ReportingYearStart::default()).is_none()
            {
                return Err(Fault::of(position, "the year has no such week or day"));
            }
            if let Some(frequency) = self.frequency
                && let Some(code) = cells[frequency]
                && check::contradicts(code, slot.form)
            {
                let reason = format!("is not a period of frequency {code}");
                return Err(Fault::of(position, reason));
            }
        }
        Ok(Some(period))
    }

    pub(super) fn check_values(&mut self, cells: &[Cell<'_>]) -> Result<Vec<Stored>, Fault> {
        let mut values = mem::take(&mut self.last.values);
        values.clear();
        let from = self.flow.measures_from();
        let texts_before = self.value_texts.len();
        for (position, component) in (from..).zip(self.flow.measures()) {
            let text = cells[position].unwrap_or_default();
            let stored = match Decimal::parse(text.as_bytes()) {
                _ if text.is_empty() => Ok(Stored::NONE),
                Some(decimal) => match check::decimal_problem(component, decimal) {
                    Some(problem) => Err(problem),
                    None => match i64::try_from(decimal.mantissa) {
                        Ok(bits) => Ok(Stored { bits, scale: decimal.scale }),
                        Err(_) => Ok(keep_value_text(&mut self.value_texts, text)),
                    },
                },
                None => match check::value_problem(component, text) {
                    Some(problem) => Err(problem),
                    None => Ok(keep_value_text(&mut self.value_texts, text)),
                },
            };
            match stored {
                Ok(stored) => values.push(stored),
                Err(problem) => {
                    self.value_texts.truncate(texts_before);
                    return Err(Fault::of(position, problem));
                }
            }
        }
        Ok(values)
    }

    pub(super) fn check_attributes(&self, cells: &[Cell<'_>]) -> Result<(), Fault> {
        for (position, component) in (self.flow.attributes_from()..).zip(self.flow.attributes()) {
            let Some(text) = cells[position].filter(|text| !text.is_empty()) else { continue };
            if *text == *self.last.cells[position] || self.values[position].find(text).is_some() {
                continue;
            }
            check_text(component, position, text)?;
        }
        Ok(())
    }
}

fn keep_value_text(texts: &mut Vec<Box<str>>, text: &str) -> Stored {
    texts.push(text.into());
    let bits = i64::try_from(texts.len() - 1).unwrap_or(i64::MAX);
    Stored { bits, scale: Stored::TEXT }
}

/// Checks the text of a dimension or an attribute that did not come before.
pub(super) fn check_text(component: &Component, position: usize, text: &str) -> Result<(), Fault> {
    check::text_problem(component, text).map_or(Ok(()), |problem| Err(Fault::of(position, problem)))
}
