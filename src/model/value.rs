//! The value of a measure as it was published.

use crate::model::Decimal;

/// A value as published. `Missing` is an observation without a value, which is valid; an absent
/// observation is no `Value` at all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// No value: an empty cell, or none.
    Missing,
    /// A number whose text follows from mantissa and scale.
    Decimal(Decimal),
    /// Any other text: `NaN`, `#N/A`, `<2.5`, `01`, `1E5`.
    Text(Box<str>),
}

impl Value {
    /// Parses a cell. Never fails: what is no decimal is text.
    #[inline]
    pub fn parse(text: &str) -> Self {
        if text.is_empty() {
            return Self::Missing;
        }
        match Decimal::parse(text.as_bytes()) {
            Some(decimal) => Self::Decimal(decimal),
            None => Self::Text(text.into()),
        }
    }

    /// Appends the text exactly as published; nothing where the value is missing.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Missing => {}
            Self::Decimal(decimal) => decimal.write_to(out),
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
        }
    }

    /// The number to calculate with. Absent for missing values and for text that is no finite
    /// number (`NaN`, `#N/A`, `<2.5`).
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Missing => None,
            Self::Decimal(decimal) => Some(decimal.to_f64()),
            Self::Text(text) => number_of_text(text),
        }
    }
}

/// The finite number that a text value stands for: `01` is 1 and `1E5` is 100000. Absent for
/// `NaN`, `INF`, `#N/A`, `<2.5` and anything else.
pub fn number_of_text(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let number = if plain { text.parse::<f64>().ok()? } else { return None };
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_every_text_and_calculates_with_the_finite_numbers() {
        let check = |text: &str, number: Option<f64>| {
            let value = Value::parse(text);
            let mut written = Vec::new();
            value.write_to(&mut written);
            assert_eq!(written, text.as_bytes());
            assert_eq!(value.number(), number, "{text}");
        };
        check("", None);
        check("1.50", Some(1.5));
        check("01", Some(1.0));
        check("1E5", Some(100_000.0));
        check("-0.0", Some(-0.0));
        check("NaN", None);
        check("INF", None);
        check("infinity", None);
        check("1E999", None);
        check("<2.5", None);
        check("#N/A", None);
    }
}
