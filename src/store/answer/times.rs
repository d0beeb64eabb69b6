//! The condition on time, by what periods cover and not by how they are written.
//!
//! Source: SDMX 3.0 technical notes, "Time range and query parameters"; SDMX REST 2.2.2,
//! `doc/data.md`: `ge` is on or after the first moment of a period, `gt` after its last, `le` on or
//! before its last, `lt` before its first, `eq` within it.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::error::{Error, Result};
use crate::limits::PERIOD_TABLE_SLOTS_MAX;
use crate::model::{ComponentFilter, Operator, Period, PeriodForm, ReportingYearStart, Slot, Span};
use crate::store::cube::Cube;
use crate::store::filter::PeriodFilter;

/// A moment that is given to the second covers the whole second: in microseconds.
const SECOND: i64 = 1_000_000;

/// A condition on time as it was asked for: a reporting period in it, `2020-Q1`, covers what the
/// year of the data makes of it.
#[derive(Clone, Debug)]
pub(super) struct TimeCondition {
    /// Of each filter the alternatives, of each the terms.
    filters: Vec<Vec<Vec<Term>>>,
}

#[derive(Clone, Debug)]
enum Term {
    /// Compares what periods cover.
    Covers(Operator, Period),
    /// Looks into the text.
    Text(Operator, String),
}

impl TimeCondition {
    /// The conditions of filters on time, all of which must pass.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a value that is no period.
    pub(super) fn new<'a>(filters: impl Iterator<Item = &'a ComponentFilter>) -> Result<Self> {
        let parse = |filter: &'a ComponentFilter| {
            let all_of = filter.any_of.iter().map(|all_of| {
                let term = all_of.iter().map(|term| {
                    if term.operator.is_of_text() {
                        return Ok(Term::Text(term.operator, term.value.clone()));
                    }
                    let period = Period::parse(&term.value).map_err(|bad| {
                        let at = format!("{} {:?}", filter.component, term.value);
                        Error::invalid(at, bad.to_string())
                    })?;
                    Ok(Term::Covers(term.operator, period))
                });
                term.collect::<Result<Vec<Term>>>()
            });
            all_of.collect::<Result<Vec<_>>>()
        };
        Ok(Self { filters: filters.map(parse).collect::<Result<Vec<_>>>()? })
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// The same where reporting years begin on this day.
    pub(super) fn at(&self, start: ReportingYearStart) -> TimeTest {
        let term = |term: &Term| match term {
            Term::Covers(operator, period) => Bound::Covers(*operator, period.span(start)),
            Term::Text(operator, text) => Bound::Text(*operator, text.clone()),
        };
        let all_of = |all_of: &Vec<Term>| all_of.iter().map(term).collect();
        let any_of = |any_of: &Vec<Vec<Term>>| any_of.iter().map(all_of).collect();
        TimeTest { start, filters: self.filters.iter().map(any_of).collect() }
    }
}

/// A condition on time, for data whose reporting years begin on one day.
#[derive(Clone, Debug)]
pub(super) struct TimeTest {
    start: ReportingYearStart,
    filters: Vec<Vec<Vec<Bound>>>,
}

#[derive(Clone, Debug)]
enum Bound {
    /// Absent where the calendar has no such period, `2021-W53`: nothing compares with it.
    Covers(Operator, Option<Span>),
    Text(Operator, String),
}

impl TimeTest {
    /// Whether a period passes.
    pub(super) fn passes(&self, period: &Period) -> bool {
        let span = period.span(self.start);
        let passes = |bound: &Bound| match bound {
            Bound::Covers(operator, bound) => {
                span.zip(*bound).is_some_and(|(span, bound)| compare(*operator, span, bound))
            }
            Bound::Text(operator, part) => {
                let text = period.to_string();
                match operator {
                    Operator::StartsWith => text.starts_with(part),
                    Operator::EndsWith => text.ends_with(part),
                    Operator::ContainsNot => !text.contains(part),
                    _ => text.contains(part),
                }
            }
        };
        let any = |any_of: &Vec<Vec<Bound>>| any_of.iter().any(|all| all.iter().all(passes));
        self.filters.iter().all(any)
    }
}

/// Whether what an observation covers stands so to a bound.
fn compare(operator: Operator, own: Span, bound: Span) -> bool {
    let is_moment = own.start == own.end;
    let from = own.start >= bound.start;
    let to = if bound.start == bound.end {
        // The last moment of a period is not after a moment of whole seconds.
        own.start <= bound.start && {
            (own.end - bound.end).num_microseconds().is_some_and(|after| after <= SECOND)
        }
    } else if is_moment {
        own.start < bound.end
    } else {
        own.end <= bound.end
    };
    match operator {
        Operator::GreaterOrEqual => from,
        Operator::LessOrEqual => to,
        Operator::Equal => is_within(own, bound),
        Operator::NotEqual => !is_within(own, bound),
        Operator::Greater if bound.start == bound.end => own.start > bound.start,
        Operator::Greater => own.start >= bound.end,
        Operator::Less if is_moment => own.start < bound.start,
        Operator::Less => own.end <= bound.start,
        // These look into the text.
        Operator::Contains | Operator::ContainsNot | Operator::StartsWith | Operator::EndsWith => {
            false
        }
    }
}

fn is_within(own: Span, bound: Span) -> bool {
    if own.start == own.end && bound.start < bound.end {
        return own.start >= bound.start && own.start < bound.end;
    }
    own.start >= bound.start && own.end <= bound.end
}

/// The slots of a cube that pass one of these tests, and the forms whose periods must be tested one
/// by one: those of no regular form, and those of which too many slots occur to list.
pub(super) fn push_down(
    cube: &Cube,
    tests: &[&TimeTest],
) -> Result<(PeriodFilter, Vec<PeriodForm>)> {
    let mut forms = BTreeMap::new();
    let mut one_by_one = vec![PeriodForm::Other];
    let mut is_all = true;
    for (form, hull) in cube.forms()? {
        if hull.len() > PERIOD_TABLE_SLOTS_MAX {
            one_by_one.push(*form);
            forms.insert(*form, vec![hull.clone()]);
            continue;
        }
        let mut ranges: Vec<Range<i32>> = Vec::new();
        for index in hull.clone() {
            let period = Period::Slot(Slot { form: *form, index });
            if tests.iter().any(|test| test.passes(&period)) {
                match ranges.last_mut().filter(|last| last.end == index) {
                    Some(last) => last.end = index + 1,
                    None => ranges.push(index..index + 1),
                }
            }
        }
        is_all &= matches!(&ranges[..], [whole] if whole == hull);
        forms.insert(*form, ranges);
    }
    let filter =
        if is_all { PeriodFilter::All } else { PeriodFilter::Slots(forms.into_iter().collect()) };
    Ok((filter, one_by_one))
}
