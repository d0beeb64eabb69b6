//! Which values of measures are numbers in JSON.
//!
//! Source: SDMX-JSON 2.1 field guide, "Data type conversions": `Numeric`, `Long`, `Short`, `Float`
//! and `Double` are numbers, `Integer` and `Count` integers, `Boolean` booleans, and all other
//! types, `Decimal` among them, strings. Earlier versions have no such table, and their clients
//! expect numbers. In all, a number that a double would change is a string, so that nobody
//! calculates with what was not published.

use std::io::Write;

/// The most significant digits that every double keeps.
const DIGITS_EXACT: usize = 15;
/// The most significant digits that are looked at: the shortest text of a double has up to 17.
const DIGITS_MAX: usize = 32;

/// How the values of a measure are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueRule {
    /// As strings.
    Text,
    /// As numbers, where a double holds them exactly.
    ExactNumber,
    /// As numbers, where they are written as JSON writes numbers: their type is a double.
    Number,
    /// As `true` or `false`.
    Boolean,
}

impl ValueRule {
    /// The rule for a type that the structure declares. Where it declares none, values are numbers
    /// where they look like numbers.
    pub(super) fn of_type(declared: Option<&str>) -> Self {
        match declared {
            None | Some("Integer" | "Long" | "Short" | "Count" | "Numeric") => Self::ExactNumber,
            Some("Double" | "Float") => Self::Number,
            Some("Boolean") => Self::Boolean,
            Some(_) => Self::Text,
        }
    }

    /// The rule in versions before that table: all numbers are numbers.
    pub(super) fn before_types(declared: Option<&str>) -> Self {
        match declared {
            Some(
                "BigInteger"
                | "Decimal"
                | "ExclusiveValueRange"
                | "InclusiveValueRange"
                | "Incremental",
            ) => Self::ExactNumber,
            other => Self::of_type(other),
        }
    }

    /// Whether a value stands in the message as it is, without quotes.
    #[inline]
    pub(super) fn is_bare(self, text: &str) -> bool {
        match self {
            Self::Text => false,
            Self::ExactNumber => Digits::parse(text).is_some_and(|digits| digits.is_exact(text)),
            Self::Number => Digits::parse(text).is_some(),
            Self::Boolean => text == "true" || text == "false",
        }
    }
}

/// A number as JSON writes it: its significant digits and its power of ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Digits {
    /// The significant digits, from the first that is not zero, as far as there is room.
    leading: [u8; DIGITS_MAX],
    /// How many there are, without zeros at the end.
    count: usize,
    /// The power of ten of the first digit.
    power: i64,
    has_exponent: bool,
}

impl Digits {
    /// Parses a number of JSON; absent for any other text.
    ///
    /// Source: RFC 8259, section 6.
    #[inline]
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('-').unwrap_or(text);
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, Some(exponent)),
            None => (text, None),
        };
        let (whole, fraction) = match number.split_once('.') {
            Some((_, "")) => return None,
            Some((whole, fraction)) => (whole, fraction),
            None => (number, ""),
        };
        let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let is_whole = whole == "0" || !whole.is_empty() && !whole.starts_with('0');
        if !is_whole || !digits_only(whole) || !digits_only(fraction) {
            return None;
        }
        let shift = exponent.map_or(Some(0), parse_exponent)?;
        let mut found =
            Self { leading: [0; DIGITS_MAX], count: 0, power: 0, has_exponent: exponent.is_some() };
        let mut seen = 0;
        let whole_digits = i64::try_from(whole.len()).ok()?;
        for (position, digit) in (0..).zip(whole.bytes().chain(fraction.bytes())) {
            if seen == 0 && digit == b'0' {
                continue;
            }
            if seen == 0 {
                found.power = whole_digits - 1 - position + shift;
            }
            if let Some(place) = found.leading.get_mut(seen) {
                *place = digit;
            }
            seen += 1;
            if digit != b'0' {
                found.count = seen;
            }
        }
        // Zeros at the end are no part of the value, wherever the point is.
        if let Some(rest) = found.leading.get_mut(found.count..) {
            rest.fill(0);
        }
        Some(found)
    }

    /// Whether the double nearest to the number is shown as the number again.
    #[inline]
    fn is_exact(&self, text: &str) -> bool {
        if self.count <= DIGITS_EXACT && !self.has_exponent {
            return true;
        }
        self.survives(text)
    }

    fn survives(&self, text: &str) -> bool {
        let Some(double) = text.parse::<f64>().ok().filter(|double| double.is_finite()) else {
            return false;
        };
        let mut shown = [0; 64];
        let mut rest = &mut shown[..];
        if self.count > DIGITS_MAX || write!(rest, "{double:e}").is_err() {
            return false;
        }
        let left = rest.len();
        let shown = shown.get(..64 - left).and_then(|bytes| str::from_utf8(bytes).ok());
        let again = shown.and_then(Self::parse);
        again.is_some_and(|again| {
            (again.leading, again.count, again.power) == (self.leading, self.count, self.power)
        })
    }
}

/// The exponent of a number; absent if it is none, or so large that no double has it.
fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && text.len() <= 6).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_those_that_a_double_keeps() {
        let check = |text: &str, number: bool, exact: bool| {
            assert_eq!(ValueRule::Number.is_bare(text), number, "{text}");
            assert_eq!(ValueRule::ExactNumber.is_bare(text), exact, "{text}");
            assert!(!ValueRule::Text.is_bare(text));
        };
        for text in ["0", "-0", "1.50", "-1.5", "0.001", "123456789012345", "1E5", "1e-7", "0.0"] {
            check(text, true, true);
        }
        // Sixteen digits that are the shortest of their double, and seventeen that are not.
        check("1.088295652173913", true, true);
        check("1.0882956521739131", true, false);
        check("9007199254740992", true, true);
        check("9007199254740993", true, false);
        check("0.1000000000000000055511151231257827", true, false);
        check("10000000000000000000000", true, true);
        check("123456789012345678901234567890123456789", true, false);
        check("1E999", true, false);
        for text in ["", "-", "+1", "01", "1.", ".5", "NaN", "INF", "#N/A", "1,5", " 1", "0x1"] {
            check(text, false, false);
        }
        for text in ["1e", "1e+", "1e1.5", "--1", "1.2.3", "1e9999999", "١"] {
            check(text, false, false);
        }
    }

    #[test]
    fn types_decide_how_values_are_written() {
        let check = |declared, typed, untyped| {
            assert_eq!(ValueRule::of_type(declared), typed);
            assert_eq!(ValueRule::before_types(declared), untyped);
        };
        check(None, ValueRule::ExactNumber, ValueRule::ExactNumber);
        check(Some("Decimal"), ValueRule::Text, ValueRule::ExactNumber);
        check(Some("BigInteger"), ValueRule::Text, ValueRule::ExactNumber);
        check(Some("Count"), ValueRule::ExactNumber, ValueRule::ExactNumber);
        check(Some("Float"), ValueRule::Number, ValueRule::Number);
        check(Some("String"), ValueRule::Text, ValueRule::Text);
        assert!(ValueRule::Boolean.is_bare("true"));
        assert!(!ValueRule::Boolean.is_bare("1"));
    }

    proptest! {
        /// A number that stands without quotes is read, and shown as the same number.
        #[test]
        fn what_is_bare_comes_back(mantissa: i128, scale in 0..40u32) {
            let digits = format!("{:0>width$}", mantissa.unsigned_abs(), width = scale as usize + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
            let text = if fraction.is_empty() { digits.clone() } else { format!("{whole}.{fraction}") };
            let double: f64 = serde_json::from_str(&text).expect("a number");
            let shown = format!("{double:.*}", scale as usize);
            let by_value = |text: &str| {
                let plain = text.trim_start_matches('-');
                plain.trim_matches('0').to_owned()
            };
            // What is shown with all its digits may differ only where the shortest form does.
            if by_value(&shown) == by_value(&text) && mantissa.unsigned_abs() < 1 << 53 {
                prop_assert!(ValueRule::ExactNumber.is_bare(&text), "{}", text);
            }
            if ValueRule::ExactNumber.is_bare(&text) {
                let again = format!("{double:e}");
                let same = Digits::parse(&again).expect("a number");
                let given = Digits::parse(&text).expect("a number");
                prop_assert_eq!(same.count, given.count);
                prop_assert_eq!(same.power, given.power);
            }
        }
    }
}
