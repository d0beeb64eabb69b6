//! Conditions on the values of one component.

use std::cmp::Ordering;

use crate::model::{Component, ComponentFilter, ComponentRole, Decimal, Operator, TextType};
use crate::model::{Value, number_of_text};
use crate::segment::Total;

/// The condition on one component: alternatives, within each of which all terms must pass.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    any_of: Vec<Vec<Test>>,
    /// Whether a text holds several values, separated by semicolons.
    is_multiple: bool,
}

#[derive(Clone, Debug)]
struct Test {
    operator: Operator,
    text: String,
    /// The number that the text writes, where numbers are compared.
    number: Option<Number>,
}

/// A number to compare with others.
#[derive(Clone, Copy, Debug)]
enum Number {
    Exact(Decimal),
    Double(f64),
}

impl Condition {
    /// The condition of a filter on a component. Codes and texts compare bytewise. Measures and
    /// components of a numeric type compare as numbers where the filter gives a number: exactly
    /// where both are decimals; a value that is no number then only differs.
    pub(super) fn new(component: &Component, filter: &ComponentFilter) -> Self {
        let is_numeric = match component.text_type {
            TextType::Integer | TextType::Decimal | TextType::Double => true,
            TextType::Text | TextType::Boolean | TextType::Period => {
                component.role == ComponentRole::Measure
            }
        };
        let is_numeric = is_numeric && component.codelist.is_none();
        let tests = filter.any_of.iter().map(|all_of| {
            let test = all_of.iter().map(|term| Test {
                operator: term.operator,
                text: term.value.clone(),
                number: is_numeric.then(|| Number::parse(&term.value)).flatten(),
            });
            test.collect()
        });
        Self { any_of: tests.collect(), is_multiple: component.is_multiple }
    }

    /// Whether a text passes; the empty one, which stands for no value, never does.
    pub(super) fn passes(&self, text: &str) -> bool {
        if text.is_empty() {
            return false;
        }
        let passes = |test: &Test| {
            if !self.is_multiple {
                return test.passes(text);
            }
            // Several values differ from one if none of them is it.
            let mut each = text.split(';');
            match test.operator {
                Operator::NotEqual | Operator::ContainsNot => each.all(|one| test.passes(one)),
                _ => each.any(|one| test.passes(one)),
            }
        };
        self.any_of.iter().any(|all_of| all_of.iter().all(passes))
    }

    /// Whether a value of a measure passes; one that is missing never does.
    pub(super) fn passes_value(&self, value: &Value) -> bool {
        let text = match value {
            Value::Missing => return false,
            Value::Text(text) => return self.passes(text),
            Value::Decimal(decimal) => decimal,
        };
        let passes = |test: &Test| match test.number {
            Some(number) if !test.operator.is_of_text() => {
                test.operator.holds(Number::Exact(*text).compare(number))
            }
            _ => test.passes(&text.to_string()),
        };
        self.any_of.iter().any(|all_of| all_of.iter().all(passes))
    }
}

impl Condition {
    /// Whether a value of a chunk with this total may pass.
    pub(super) fn may_pass(&self, total: &Total) -> bool {
        let may_pass = |test: &Test| test.may_pass(total);
        self.is_multiple || self.any_of.iter().any(|all_of| all_of.iter().all(may_pass))
    }
}

impl Test {
    fn may_pass(&self, total: &Total) -> bool {
        // What is no number differs from every number.
        let is_decided = total.is_exact && !self.operator.is_of_text();
        let Some(number) = self.number.filter(|_| is_decided) else { return true };
        if self.operator == Operator::NotEqual {
            return true;
        }
        let compare = |mantissa: i64| {
            let own = Decimal { mantissa: i128::from(mantissa), scale: total.scale };
            Number::Exact(own).compare(number)
        };
        let (min, max) = (compare(total.min), compare(total.max));
        let is_within = min.is_some_and(Ordering::is_le) && max.is_some_and(Ordering::is_ge);
        total.count > 0 && (is_within || self.operator.holds(min) || self.operator.holds(max))
    }

    fn passes(&self, text: &str) -> bool {
        match (self.operator, &self.number) {
            (Operator::Contains, _) => text.contains(&self.text),
            (Operator::ContainsNot, _) => !text.contains(&self.text),
            (Operator::StartsWith, _) => text.starts_with(&self.text),
            (Operator::EndsWith, _) => text.ends_with(&self.text),
            (operator, Some(number)) => match Number::parse(text) {
                Some(own) => operator.holds(own.compare(*number)),
                None => operator == Operator::NotEqual,
            },
            (operator, None) => operator.holds(Some(text.cmp(&self.text))),
        }
    }
}

impl Number {
    fn parse(text: &str) -> Option<Self> {
        let exact = Value::parse(text).decimal().map(Self::Exact);
        exact.or_else(|| number_of_text(text).map(Self::Double))
    }

    fn to_f64(self) -> f64 {
        match self {
            Self::Exact(decimal) => decimal.to_f64(),
            Self::Double(double) => double,
        }
    }

    fn compare(self, other: Self) -> Option<Ordering> {
        if let (Self::Exact(a), Self::Exact(b)) = (self, other) {
            let scale = a.scale.max(b.scale);
            if let Some((a, b)) = a.rescale(scale).zip(b.rescale(scale)) {
                return Some(a.mantissa.cmp(&b.mantissa));
            }
        }
        self.to_f64().partial_cmp(&other.to_f64())
    }
}

impl Operator {
    /// Whether it looks into the text, whatever the type of the component.
    pub(super) fn is_of_text(self) -> bool {
        match self {
            Self::Contains | Self::ContainsNot | Self::StartsWith | Self::EndsWith => true,
            Self::Equal
            | Self::NotEqual
            | Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual => false,
        }
    }

    /// Whether it holds of a value that compares so with the one that is given.
    fn holds(self, ordering: Option<Ordering>) -> bool {
        match self {
            Self::Equal => ordering == Some(Ordering::Equal),
            Self::NotEqual => ordering != Some(Ordering::Equal),
            Self::Less => ordering == Some(Ordering::Less),
            Self::LessOrEqual => ordering.is_some_and(Ordering::is_le),
            Self::Greater => ordering == Some(Ordering::Greater),
            Self::GreaterOrEqual => ordering.is_some_and(Ordering::is_ge),
            Self::Contains | Self::ContainsNot | Self::StartsWith | Self::EndsWith => false,
        }
    }
}
