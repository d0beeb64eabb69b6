//! From the numbers of a chunk to texts as they were published.

use std::ops::Range;
use std::str;

use arrow::array::StringViewBuilder;

use crate::segment::{MeasureRun, Numbers, Writing};

/// Digits after the point of the longest decimal.
const SCALE_MAX: u8 = 38;
/// Bytes of a text: those digits, the point, the digits of 64 bits before it, and a sign.
const TEXT_BYTES: usize = 64;

/// Appends the texts at the positions of `runs`, NULL where a value is missing. `text` is memory
/// to work in.
pub(super) fn append_texts(
    measure: &MeasureRun,
    runs: &[Range<usize>],
    texts: &mut StringViewBuilder,
    text: &mut Vec<u8>,
) {
    let is_plain =
        measure.missing.is_empty() && measure.texts.is_empty() && measure.rescaled.is_empty();
    for run in runs {
        match &measure.numbers {
            Numbers::Decimals(mantissas) if measure.scale <= SCALE_MAX => {
                for (position, mantissa) in run.clone().zip(&mantissas[run.clone()]) {
                    if is_plain || !is_exception(measure, position) {
                        append_decimal(*mantissa, measure.scale, measure.writing, texts);
                    } else {
                        append_value(measure, position, texts, text);
                    }
                }
            }
            _ => run.clone().for_each(|position| append_value(measure, position, texts, text)),
        }
    }
}

/// Whether the text at a position does not follow from the number there alone.
fn is_exception(measure: &MeasureRun, position: usize) -> bool {
    let key = u16::try_from(position).unwrap_or(u16::MAX);
    measure.missing.binary_search(&key).is_ok()
        || measure.texts.binary_search_by_key(&key, |(position, _)| *position).is_ok()
        || measure.rescaled.binary_search_by_key(&key, |(position, _)| *position).is_ok()
}

fn append_value(
    measure: &MeasureRun,
    position: usize,
    texts: &mut StringViewBuilder,
    text: &mut Vec<u8>,
) {
    text.clear();
    measure.value(position).write_to(text);
    if text.is_empty() {
        texts.append_null();
    } else {
        texts.append_value(String::from_utf8_lossy(text));
    }
}

/// Appends the text of a decimal with so many digits after the point, or of those as few as hold
/// the number.
#[inline]
fn append_decimal(mantissa: i64, scale: u8, writing: Writing, texts: &mut StringViewBuilder) {
    let (mut rest, mut scale) = (mantissa.unsigned_abs(), scale);
    if writing == Writing::Shortest {
        while scale > 0 && rest.is_multiple_of(10) {
            rest /= 10;
            scale -= 1;
        }
    }
    let mut buffer = [b'0'; TEXT_BYTES];
    let mut at = TEXT_BYTES;
    let mut put = |byte: u8| {
        at -= 1;
        buffer[at] = byte;
        at
    };
    for _ in 0..scale {
        put(b'0' + (rest % 10) as u8);
        rest /= 10;
    }
    if scale > 0 {
        put(b'.');
    }
    let mut start = put(b'0' + (rest % 10) as u8);
    rest /= 10;
    while rest > 0 {
        start = put(b'0' + (rest % 10) as u8);
        rest /= 10;
    }
    if mantissa < 0 {
        start = put(b'-');
    }
    // All of these bytes are ASCII.
    texts.append_value(str::from_utf8(&buffer[start..]).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_that_of_the_value() {
        let mantissas = vec![0, 7, -7, 100, -1_500, 1_234_567_890, i64::MAX, i64::MIN + 1, 5, 70];
        for scale in [0, 1, 2, 9, 18, 19, 37, 38] {
            for writing in [Writing::Fixed, Writing::Shortest] {
                for has_exceptions in [false, true] {
                    let mut measure = MeasureRun {
                        numbers: Numbers::Decimals(mantissas.clone()),
                        scale,
                        writing,
                        ..MeasureRun::default()
                    };
                    if has_exceptions {
                        measure.missing = vec![1, 9];
                        measure.texts = vec![(3, "<2.5".into())];
                        measure.rescaled = vec![(0, 1)];
                    }
                    let (mut texts, mut text) = (StringViewBuilder::new(), Vec::new());
                    append_texts(&measure, &[0..4, 5..10], &mut texts, &mut text);
                    let expected = (0..4).chain(5..10).map(|position| {
                        let mut text = Vec::new();
                        measure.value(position).write_to(&mut text);
                        let text = String::from_utf8(text).expect("ASCII");
                        Some(text).filter(|text| !text.is_empty())
                    });
                    let expected: Vec<Option<String>> = expected.collect();
                    let found = texts.finish();
                    let found: Vec<Option<&str>> = found.iter().collect();
                    assert_eq!(found, expected.iter().map(Option::as_deref).collect::<Vec<_>>());
                }
            }
        }
    }
}
