//! Bytes gathered before they are written, and the two ways to escape text.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::io::{self, Write};

/// Bytes gathered before they are written.
const BUFFER_BYTES: usize = 64 << 10;

/// For each byte, whether text of XML that holds it needs a closer look. The last is the first byte
/// of U+FFFE and U+FFFF, which XML does not allow.
const XML_SPECIAL: [bool; 256] = special(b"&<>\"\xef");
/// For each byte, whether text of JSON that holds it needs a closer look.
const JSON_SPECIAL: [bool; 256] = special(b"\"\\");

/// Marks the bytes of the list, and control characters.
#[cfg_attr(not(test), expect(clippy::indexing_slicing, reason = "runs in the compiler"))]
const fn special(list: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 32 {
        table[byte] = true;
        byte += 1;
    }
    let mut index = 0;
    while index < list.len() {
        table[list[index] as usize] = true;
        index += 1;
    }
    table
}

/// A buffer before an output.
pub(super) struct Output<'a> {
    out: &'a mut dyn Write,
    buffer: Vec<u8>,
}

impl<'a> Output<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, buffer: Vec::with_capacity(BUFFER_BYTES + (BUFFER_BYTES >> 2)) }
    }

    /// Appends bytes as they are.
    #[inline]
    pub(super) fn push(&mut self, bytes: impl AsRef<[u8]>) {
        self.buffer.extend_from_slice(bytes.as_ref());
    }

    /// Appends text of an XML attribute or element.
    #[inline]
    pub(super) fn xml(&mut self, text: &str) {
        push_xml(&mut self.buffer, text);
    }

    /// Appends a JSON string with its quotes.
    #[inline]
    pub(super) fn json(&mut self, text: &str) {
        self.buffer.push(b'"');
        if text.bytes().any(|byte| is_in(&JSON_SPECIAL, byte)) {
            push_json_escaped(&mut self.buffer, text);
        } else {
            self.buffer.extend_from_slice(text.as_bytes());
        }
        self.buffer.push(b'"');
    }

    /// Appends a number in decimal digits.
    #[inline]
    pub(super) fn number(&mut self, mut number: u32) {
        let mut digits = [0; 10];
        let mut from = digits.len();
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
            from -= 1;
            if number == 0 {
                break;
            }
        }
        self.buffer.extend_from_slice(digits.get(from..).unwrap_or_default());
    }

    /// Writes what is gathered once it is much: call it after each observation.
    ///
    /// # Errors
    ///
    /// Those of the output.
    #[inline]
    pub(super) fn flush_if_full(&mut self) -> io::Result<()> {
        if self.buffer.len() < BUFFER_BYTES {
            return Ok(());
        }
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// Writes what is gathered, and flushes the output.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        self.out.flush()
    }
}

#[inline]
fn is_in(table: &[bool; 256], byte: u8) -> bool {
    table.get(usize::from(byte)) == Some(&true)
}

/// Appends text of an XML attribute or element. Characters that XML 1.0 cannot hold at all become
/// U+FFFD: there is no way to write them.
#[inline]
pub(super) fn push_xml(buffer: &mut Vec<u8>, text: &str) {
    if text.bytes().any(|byte| is_in(&XML_SPECIAL, byte)) {
        push_xml_escaped(buffer, text);
    } else {
        buffer.extend_from_slice(text.as_bytes());
    }
}

fn push_xml_escaped(buffer: &mut Vec<u8>, text: &str) {
    for character in text.chars() {
        let escaped = match character {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            // Readers turn these into spaces where they stand in an attribute as they are.
            '\t' => "&#9;",
            '\n' => "&#10;",
            '\r' => "&#13;",
            '\0'..=' ' if character != ' ' => "\u{fffd}",
            '\u{fffe}' | '\u{ffff}' => "\u{fffd}",
            other => {
                buffer.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
        };
        buffer.extend_from_slice(escaped.as_bytes());
    }
}

fn push_json_escaped(buffer: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => buffer.extend_from_slice(&[b'\\', byte]),
            b'\n' => buffer.extend_from_slice(b"\\n"),
            b'\r' => buffer.extend_from_slice(b"\\r"),
            b'\t' => buffer.extend_from_slice(b"\\t"),
            0..32 => {
                let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or(b'0');
                buffer.extend_from_slice(b"\\u00");
                buffer.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            }
            other => buffer.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn xml(text: &str) -> String {
        let mut buffer = Vec::new();
        push_xml(&mut buffer, text);
        String::from_utf8(buffer).expect("UTF-8")
    }

    fn json(text: &str) -> String {
        let mut bytes = Vec::new();
        let mut output = Output::new(&mut bytes);
        output.json(text);
        output.flush().expect("memory");
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn escapes_what_xml_would_change() {
        assert_eq!(xml("a<b> & \"c\""), "a&lt;b&gt; &amp; &quot;c&quot;");
        assert_eq!(xml("a\tb\nc\rd"), "a&#9;b&#10;c&#13;d");
        assert_eq!(
            xml("a\u{0}\u{1f}\u{ffff}b\u{fffd}é ï\u{feff}"),
            "a\u{fffd}\u{fffd}\u{fffd}b\u{fffd}é ï\u{feff}"
        );
    }

    #[test]
    fn writes_numbers() {
        for number in [0, 9, 10, 99, 100, 12_345, u32::MAX] {
            let mut bytes = Vec::new();
            let mut output = Output::new(&mut bytes);
            output.number(number);
            output.flush().expect("memory");
            assert_eq!(String::from_utf8(bytes).expect("UTF-8"), number.to_string());
        }
    }

    proptest! {
        #[test]
        fn a_reader_of_json_finds_the_text(text: String) {
            prop_assert_eq!(serde_json::from_str::<String>(&json(&text)).expect("JSON"), text);
        }
    }
}
