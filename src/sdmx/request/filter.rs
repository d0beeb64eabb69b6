//! Conditions on components: `c[TIME_PERIOD]=ge:2020-01+le:2020-12,2010`.
//!
//! Source: SDMX REST 2.2.2, `doc/data.md`, "The `c` query parameter": alternatives are joined by
//! `,`, conditions by `+`, which binds tighter, and an operator belongs to its own value alone.

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::limits::REQUEST_VALUES_MAX;
use crate::model::{ComponentFilter, Operator, Period, Term};
use crate::sdmx::request::text::{Parameters, decode, parameter};

/// The operators, and how they are written.
const OPERATORS: [(&str, Operator); 10] = [
    ("eq", Operator::Equal),
    ("ne", Operator::NotEqual),
    ("lt", Operator::Less),
    ("le", Operator::LessOrEqual),
    ("gt", Operator::Greater),
    ("ge", Operator::GreaterOrEqual),
    ("co", Operator::Contains),
    ("nc", Operator::ContainsNot),
    ("sw", Operator::StartsWith),
    ("ew", Operator::EndsWith),
];

/// The time dimension: the only identifier that SDMX itself gives.
pub(super) const TIME: &str = "TIME_PERIOD";

/// Takes all conditions from the parameters.
///
/// # Errors
///
/// [`Error::Syntax`] for what the grammar does not have, and for periods that are none;
/// [`Error::Limit`] for too many values.
pub(super) fn take_filters(parameters: &mut Parameters<'_>) -> Result<Vec<ComponentFilter>> {
    let mut filters = Vec::new();
    let mut count = 0;
    for (component, raw) in parameters.take_filters() {
        let at = parameter(&format!("c[{component}]"));
        let is_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '@' | '$');
        if component.is_empty() || !component.chars().all(is_id) {
            return Err(Error::syntax(at, "must have the id of one component in its brackets"));
        }
        let any_of = parse(raw, &at)?;
        count += any_of.iter().map(Vec::len).sum::<usize>();
        check_count(count)?;
        if component == TIME {
            any_of.iter().flatten().try_for_each(|term| check_period(term, &at))?;
        }
        filters.push(ComponentFilter { component, any_of });
    }
    Ok(filters)
}

/// `startPeriod` and `endPeriod`, both inclusive.
///
/// # Errors
///
/// [`Error::Syntax`] for a period that is none.
pub(super) fn take_start_and_end(
    parameters: &mut Parameters<'_>,
) -> Result<Option<ComponentFilter>> {
    let bounds = [("startPeriod", Operator::GreaterOrEqual), ("endPeriod", Operator::LessOrEqual)];
    let mut terms = Vec::new();
    for (name, operator) in bounds {
        let Some(value) = parameters.take(name)? else { continue };
        let term = Term { operator, value };
        check_period(&term, &parameter(name))?;
        terms.push(term);
    }
    let any_of = vec![terms];
    let is_open = any_of.iter().all(Vec::is_empty);
    Ok((!is_open).then(|| ComponentFilter { component: TIME.to_owned(), any_of }))
}

/// Refuses more values in one request than the store shall look up.
pub(super) fn check_count(count: usize) -> Result<()> {
    if count > REQUEST_VALUES_MAX {
        let (actual, limit) = (count as u64, REQUEST_VALUES_MAX as u64);
        return Err(Error::Limit { what: "the number of values in a request", actual, limit });
    }
    Ok(())
}

/// Alternatives, each of terms that must all hold.
fn parse(raw: &str, at: &str) -> Result<Vec<Vec<Term>>> {
    let text = plain_separators(raw, at)?;
    let conjunction = |all: &str| all.split('+').map(|term| parse_term(term, at)).collect();
    text.split(',').map(conjunction).collect()
}

/// Programs that encode all they can (`ge%3A2020%2Ble%3A2022`) mean separators by it. They are told
/// by a value with no plain separator at all: with one, an encoded separator is part of a value.
fn plain_separators<'a>(raw: &'a str, at: &str) -> Result<Cow<'a, str>> {
    let separators = [',', '+', ':'];
    if raw.contains(separators) {
        return Ok(Cow::Borrowed(raw));
    }
    let decoded = decode(raw, at)?;
    if !decoded.contains(separators) {
        return Ok(Cow::Borrowed(raw));
    }
    // What is left to decode must not be decoded twice.
    Ok(Cow::Owned(decoded.replace('%', "%25")))
}

fn parse_term(text: &str, at: &str) -> Result<Term> {
    let written = text.split_once(':');
    let known = written.and_then(|(name, value)| {
        let (_, operator) = OPERATORS.iter().find(|(known, _)| *known == name)?;
        Some((*operator, value))
    });
    let (operator, value) = known.unwrap_or((Operator::Equal, text));
    if value.is_empty() {
        let reason = "has an empty value; write values as in A,B or ge:2020+le:2022";
        return Err(Error::syntax(at, reason));
    }
    Ok(Term { operator, value: decode(value, at)? })
}

/// A condition on time that compares must have a period; one that looks at the text need not.
fn check_period(term: &Term, at: &str) -> Result<()> {
    let looks_at_text = matches!(
        term.operator,
        Operator::Contains | Operator::ContainsNot | Operator::StartsWith | Operator::EndsWith
    );
    if looks_at_text {
        return Ok(());
    }
    let checked = Period::parse(&term.value);
    checked.map(drop).map_err(|bad| {
        let hint = "; a + or , that is part of a value is written %2B or %2C";
        Error::syntax(at, format!("is {:?}: {bad}{hint}", term.value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Alternatives by ` | `, terms by ` & `, each as operator and value.
    fn shown(raw: &str) -> Option<String> {
        let any_of = parse(raw, "c[X]").ok()?;
        let term = |term: &Term| {
            let (name, _) = OPERATORS.iter().find(|(_, o)| *o == term.operator)?;
            Some(format!("{name} {}", term.value))
        };
        let all = |terms: &Vec<Term>| terms.iter().filter_map(term).collect::<Vec<_>>().join(" & ");
        Some(any_of.iter().map(all).collect::<Vec<_>>().join(" | "))
    }

    /// The truth table of the standard.
    #[test]
    fn an_operator_belongs_to_its_own_value() {
        let check = |raw: &str, expected: &str| {
            assert_eq!(shown(raw).as_deref(), Some(expected), "{raw}");
        };
        check("A", "eq A");
        check("A,B", "eq A | eq B");
        check("ge:A+le:B", "ge A & le B");
        check("A,B+C", "eq A | eq B & eq C");
        check("ge:A+le:B,ge:C+le:D", "ge A & le B | ge C & le D");
        check("ne:A,B", "ne A | eq B");
        check("ne:A+B", "ne A & eq B");
        check("ne:A,ne:B", "ne A | ne B");
        check("ne:A+ne:B", "ne A & ne B");
        check("ge:2020-01-01T00:00:00%2B01:00", "ge 2020-01-01T00:00:00+01:00");
        check("xx:A", "eq xx:A");
        check("eq:a%2Cb", "eq a,b");
        check("co:Exchange%20rates", "co Exchange rates");
    }

    #[test]
    fn senders_who_encode_everything_are_understood() {
        let check = |raw: &str, expected: &str| {
            assert_eq!(shown(raw).as_deref(), Some(expected), "{raw}");
        };
        check("ge%3A2020%2Ble%3A2022", "ge 2020 & le 2022");
        check("A%2cB", "eq A | eq B");
        check("A%2CB%2541", "eq A | eq B%41");
        check("A%20B", "eq A B");
    }

    #[test]
    fn refuses_empty_values_and_periods_that_are_none() {
        for raw in ["", ",A", "A,", "ge:", "A++B", "A%zz"] {
            assert_eq!(shown(raw), None, "{raw}");
        }
        let check = |query: &str| take_filters(&mut Parameters::parse(query).expect("splits"));
        assert!(check("c[TIME_PERIOD]=ge:2020-13").is_err());
        assert!(check("c[TIME_PERIOD]=sw:20").is_ok());
        assert!(check("c[]=A").is_err());
        assert!(check("c[A,B]=A").is_err());
        let many = format!("c[A]={}", "x,".repeat(REQUEST_VALUES_MAX + 1) + "x");
        assert!(matches!(check(&many), Err(Error::Limit { .. })));
    }
}
