//! Numbers for people.

/// `1234567` as `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes with a unit, such as `16.9 MB`; a megabyte has a million.
#[expect(clippy::cast_precision_loss, reason = "shown with one digit after the point")]
pub(super) fn bytes(number: u64) -> String {
    match number {
        0..1_000 => format!("{number} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", number as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", number as f64 / 1e6),
        _ => format!("{:.2} GB", number as f64 / 1e9),
    }
}

/// Bytes for each of a number of things, with two digits; `-` for none of them.
#[expect(clippy::cast_precision_loss, reason = "shown with two digits after the point")]
pub(super) fn bytes_each(bytes: u64, things: u64) -> String {
    if things == 0 { "-".to_owned() } else { format!("{:.2}", bytes as f64 / things as f64) }
}

/// `1 row`, `2 rows`.
pub(super) fn plural(number: u64, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {thing}{ending}", count(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(16_894_914), "16.9 MB");
        assert_eq!(bytes_each(167, 100), "1.67");
        assert_eq!(plural(1, "row"), "1 row");
    }
}
