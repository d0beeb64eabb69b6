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

    /// The decimal to calculate with: the value itself, or what a text stands for that
    /// [`decimal_of_text`] knows. Absent for all others, numbers among them.
    pub fn decimal(&self) -> Option<Decimal> {
        match self {
            Self::Missing => None,
            Self::Decimal(decimal) => Some(*decimal),
            Self::Text(text) => decimal_of_text(text),
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

/// Digits after the point of a decimal that a text stands for, at most: with more of them, sums of
/// large numbers beside it would have no room.
const TEXT_SCALE_MAX: usize = 18;

/// The decimal that a text value stands for: `01` is 1, `1E5` is 100000, and `2.5e-3` is 0.0025.
/// Absent for what is no number, for -0, which no decimal is, and for numbers that have more than 18
/// digits after the point or do not fit 64 bits without it.
pub fn decimal_of_text(text: &str) -> Option<Decimal> {
    let (is_negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, exponent) = match rest.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i16>().ok()?),
        None => (rest, 0),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    let mut mantissa = 0_i64;
    for byte in whole.bytes().chain(part.bytes()) {
        let digit = i64::from(byte.wrapping_sub(b'0'));
        let more = mantissa.checked_mul(10).filter(|_| byte.is_ascii_digit())?;
        mantissa = more.checked_add(digit)?;
    }
    if mantissa == 0 {
        return (!is_negative).then_some(Decimal { mantissa: 0, scale: 0 });
    }
    let mut scale = i32::try_from(part.len()).ok()?.checked_sub(i32::from(exponent))?;
    while scale > 0 && mantissa % 10 == 0 {
        mantissa /= 10;
        scale -= 1;
    }
    if scale < 0 {
        mantissa = mantissa.checked_mul(10_i64.checked_pow(scale.unsigned_abs())?)?;
        scale = 0;
    }
    let scale = u8::try_from(scale).ok().filter(|scale| usize::from(*scale) <= TEXT_SCALE_MAX)?;
    let mantissa = i128::from(if is_negative { -mantissa } else { mantissa });
    Some(Decimal { mantissa, scale })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_stand_for_decimals_with_few_digits() {
        let check = |text: &str, expected: Option<&str>| {
            let found = decimal_of_text(text).map(|decimal| decimal.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("1E5", Some("100000"));
        check("5.0937386e+10", Some("50937386000"));
        check("-2.50e-3", Some("-0.0025"));
        check("+01.50", Some("1.5"));
        check(".5", Some("0.5"));
        check("5.", Some("5"));
        check("0e999", Some("0"));
        check("1e18", Some("1000000000000000000"));
        check("1e-18", Some("0.000000000000000001"));
        let others = ["", "-", "e5", ".", ".e1", "-0.0", "-0e5", "1e19", "1e-19", "1e", "1e+-5"];
        let others = others.into_iter().chain(["NaN", "INF", "<2", "1,5", "1.2.3", "1e1.5"]);
        others.for_each(|text| check(text, None));
    }

    proptest! {
        #[test]
        fn a_decimal_of_a_text_is_its_number(
            text in "[+-]?([0-9]{0,12}|0{0,3})(\\.[0-9]{0,12})?([eE][+-]?[0-9]{1,2})?",
        ) {
            if let Some(decimal) = decimal_of_text(&text) {
                prop_assert_eq!(number_of_text(&text), Some(decimal.to_f64()));
            }
        }
    }

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
