//! Why an answer is empty: the code that is unknown and what it is most like, or which condition
//! keeps the data out.
//!
//! Only the index is read, never an observation.

use crate::error::Result;
use crate::model::{DataSelection, Operator, PeriodForm, Slot};
use crate::rest::nearest::nearest;
use crate::store::{CodeTable, Cube, SeriesFilter};

/// Codes that are listed.
const SHOWN_MAX: usize = 8;

/// The codes that a dimension is restricted to.
struct Restricted {
    dimension: usize,
    codes: Vec<String>,
}

/// Says why nothing was found.
///
/// # Errors
///
/// Those of reading the index.
pub(super) fn empty(cube: &Cube, selection: &DataSelection) -> Result<String> {
    let flow = cube.flow();
    if cube.series_count(&cube.select(&SeriesFilter::All)?)? == 0 {
        return Ok(format!("no results: {} has no data yet", flow.id));
    }
    let restricted = restrictions(cube, selection);
    let mut reasons = Vec::new();
    for restriction in &restricted {
        let table = cube.codes(restriction.dimension);
        for code in restriction.codes.iter().filter(|code| table.number(code).is_none()) {
            reasons.push(unknown(cube, restriction.dimension, code, table));
        }
    }
    reasons.truncate(SHOWN_MAX);
    if reasons.is_empty() {
        reasons = conflicts(cube, &restricted)?;
    }
    if reasons.is_empty() && selection.keys.len() > 1 {
        reasons.push("none of the keys has data".to_owned());
    }
    if reasons.is_empty() {
        reasons.push(periods(cube)?);
    }
    Ok(format!("no results: {}", reasons.join("; ")))
}

/// What one key and the filters that compare for equality say of each dimension.
fn restrictions(cube: &Cube, selection: &DataSelection) -> Vec<Restricted> {
    let dimensions = cube.flow().dimensions();
    let mut found = Vec::new();
    if let [key] = selection.keys.as_slice() {
        let positions = key.iter().take(dimensions.len()).enumerate();
        let closed = positions.filter(|(_, codes)| !codes.is_empty());
        found.extend(closed.map(|(at, codes)| Restricted { dimension: at, codes: codes.clone() }));
    }
    for filter in &selection.filters {
        let at = dimensions.iter().position(|component| component.id == filter.component);
        let codes = filter.any_of.iter().map(|terms| match terms.as_slice() {
            [term] if term.operator == Operator::Equal => Some(term.value.clone()),
            _ => None,
        });
        if let Some((dimension, codes)) = at.zip(codes.collect()) {
            found.push(Restricted { dimension, codes });
        }
    }
    found
}

fn unknown(cube: &Cube, dimension: usize, code: &str, table: &CodeTable) -> String {
    let component = cube.flow().dimensions().get(dimension);
    let id = component.map_or("", |component| component.id.as_str());
    let list = component.and_then(|component| component.codelist.as_ref());
    let is_listed = list.is_some_and(|list| list.code(code).is_some());
    let advice = match nearest(code, table.iter()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", some(table.iter())),
    };
    if is_listed {
        return format!("no data have the code {code} of {id}; {advice}");
    }
    let hint = if code.contains([',', '+']) {
        " (write , and + as they are, not as %2C and %2B, where they separate)"
    } else {
        ""
    };
    format!("{id} has no code {code}{hint}; {advice}")
}

/// Restrictions that can each be met, and not together: what is left when one of them is dropped.
fn conflicts(cube: &Cube, restricted: &[Restricted]) -> Result<Vec<String>> {
    let filter = |left_out: Option<usize>| {
        let kept = restricted.iter().enumerate().filter(|(at, _)| Some(*at) != left_out);
        SeriesFilter::And(kept.map(|(_, restriction)| as_filter(cube, restriction)).collect())
    };
    if cube.series_count(&cube.select(&filter(None))?)? > 0 {
        return Ok(Vec::new());
    }
    let mut reasons = Vec::new();
    for (at, restriction) in restricted.iter().enumerate() {
        let left = cube.select(&filter(Some(at)))?;
        let count = cube.series_count(&left)?;
        if count == 0 {
            continue;
        }
        let table = cube.codes(restriction.dimension);
        let mut codes = Vec::new();
        let dimension = cube.flow().dimensions().get(restriction.dimension);
        let id = dimension.map_or("", |component| component.id.as_str());
        for number in (0..).take(table.len()) {
            let one = SeriesFilter::Codes { dimension: restriction.dimension, codes: vec![number] };
            let both = SeriesFilter::And(vec![one, filter(Some(at))]);
            if !cube.select(&both)?.is_empty() {
                codes.push(table.get(number));
            }
            if codes.len() > SHOWN_MAX || number as usize >= LOOKED_AT_MAX {
                break;
            }
        }
        let plural = if count == 1 { "series has" } else { "series have" };
        let wanted = restriction.codes.join("+");
        let there = some(codes.into_iter());
        reasons.push(format!("with another {id} than {wanted}, {count} {plural} data: {there}"));
    }
    if reasons.is_empty() {
        reasons.push("no two of these conditions are met by the same series".to_owned());
    }
    reasons.insert(0, "each of these codes has data, but not together".to_owned());
    Ok(reasons)
}

/// Codes that are tried one by one.
const LOOKED_AT_MAX: usize = 1_000;

fn as_filter(cube: &Cube, restriction: &Restricted) -> SeriesFilter {
    let table = cube.codes(restriction.dimension);
    let numbers = restriction.codes.iter().filter_map(|code| table.number(code));
    let mut codes: Vec<u32> = numbers.collect();
    codes.sort_unstable();
    codes.dedup();
    SeriesFilter::Codes { dimension: restriction.dimension, codes }
}

/// The series are there, so it is their observations that are not.
fn periods(cube: &Cube) -> Result<String> {
    let mut spans = Vec::new();
    for (form, slots) in cube.forms()? {
        if matches!(form, PeriodForm::Timeless | PeriodForm::Other) {
            continue;
        }
        let first = Slot { form: *form, index: slots.start };
        let last = Slot { form: *form, index: slots.end.saturating_sub(1) };
        spans.push(format!("{first} to {last}"));
    }
    let reason = "series match, but none of their observations does";
    if spans.is_empty() {
        return Ok(reason.to_owned());
    }
    let spans = spans.join(", ");
    Ok(format!("{reason}; the periods of {} are {spans}", cube.flow().id))
}

fn some<'a>(codes: impl Iterator<Item = &'a str>) -> String {
    let mut codes: Vec<&str> = codes.take(SHOWN_MAX + 1).collect();
    if codes.len() > SHOWN_MAX {
        codes.truncate(SHOWN_MAX);
        codes.push("...");
    }
    codes.join(", ")
}
