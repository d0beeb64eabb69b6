//! Elements of XML and members of JSON, written one after the other and escaped.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::fmt::Display;
use std::io::{self, Write};

/// Bytes gathered before they are written.
const BUFFER_BYTES: usize = 64 << 10;

/// What both syntaxes need: a buffer, and the first error of the output, which ends the writing.
struct Buffered<'a> {
    out: &'a mut dyn Write,
    buffer: Vec<u8>,
    result: io::Result<()>,
}

impl<'a> Buffered<'a> {
    fn new(out: &'a mut dyn Write) -> Self {
        Self { out, buffer: Vec::with_capacity(BUFFER_BYTES), result: Ok(()) }
    }

    fn push(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
        if self.buffer.len() >= BUFFER_BYTES {
            self.drain();
        }
    }

    fn drain(&mut self) {
        if self.result.is_ok() {
            self.result = self.out.write_all(&self.buffer);
        }
        self.buffer.clear();
    }

    fn finish(mut self) -> io::Result<()> {
        self.drain();
        self.result?;
        self.out.flush()
    }
}

/// Writes XML. Errors of the output are kept, and returned at the end.
pub(super) struct Xml<'a> {
    out: Buffered<'a>,
    open: Vec<String>,
    /// Whether the start tag that was written last may still become an empty element.
    is_start_open: bool,
}

impl<'a> Xml<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        let mut out = Buffered::new(out);
        out.push("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        Self { out, open: Vec::new(), is_start_open: false }
    }

    /// Starts an element; [`Xml::attribute`] adds to it until anything else is written.
    pub(super) fn start(&mut self, name: &str) {
        self.close_start();
        self.out.push("\n<");
        self.out.push(name);
        self.open.push(name.to_owned());
        self.is_start_open = true;
    }

    /// Adds an attribute to the element that was started last.
    pub(super) fn attribute(&mut self, name: &str, value: &str) {
        self.out.push(" ");
        self.out.push(name);
        self.out.push("=\"");
        self.escaped(value);
        self.out.push("\"");
    }

    /// Ends the element that was started last and is not ended.
    pub(super) fn end(&mut self) {
        let Some(name) = self.open.pop() else { return };
        if self.is_start_open {
            self.out.push("/>");
        } else {
            self.out.push("</");
            self.out.push(&name);
            self.out.push(">");
        }
        self.is_start_open = false;
    }

    /// Writes text within the current element.
    pub(super) fn text(&mut self, text: &str) {
        self.close_start();
        self.escaped(text);
    }

    /// Writes an element that holds text and nothing else.
    pub(super) fn leaf(&mut self, name: &str, text: &str) {
        self.start(name);
        self.text(text);
        self.end();
    }

    /// Writes an element that holds nothing.
    pub(super) fn empty(&mut self, name: &str) {
        self.start(name);
        self.end();
    }

    /// Writes well-formed XML as it is.
    pub(super) fn raw(&mut self, xml: &str) {
        self.close_start();
        self.out.push("\n");
        self.out.push(xml);
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> io::Result<()> {
        while !self.open.is_empty() {
            self.end();
        }
        self.out.push("\n");
        self.out.finish()
    }

    fn close_start(&mut self) {
        if self.is_start_open {
            self.out.push(">");
        }
        self.is_start_open = false;
    }

    /// Characters that XML 1.0 cannot hold at all become U+FFFD: there is no way to write them.
    fn escaped(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| is_special(c)) {
            let (plain, special) = rest.split_at(at);
            let mut chars = special.chars();
            self.out.push(plain);
            self.out.push(match chars.next() {
                Some('&') => "&amp;",
                Some('<') => "&lt;",
                Some('>') => "&gt;",
                Some('"') => "&quot;",
                // Readers turn these into spaces where they stand in an attribute as they are.
                Some('\t') => "&#9;",
                Some('\n') => "&#10;",
                Some('\r') => "&#13;",
                _ => "\u{fffd}",
            });
            rest = chars.as_str();
        }
        self.out.push(rest);
    }
}

fn is_special(c: char) -> bool {
    matches!(c, '&' | '<' | '>' | '"' | '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// Writes JSON. Errors of the output are kept, and returned at the end.
pub(super) struct Json<'a> {
    out: Buffered<'a>,
    /// The brackets that close what is open, and whether anything is within.
    open: Vec<(&'static str, bool)>,
}

impl<'a> Json<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out: Buffered::new(out), open: Vec::new() }
    }

    /// Starts an object: the document, or an element of the current array.
    pub(super) fn object(&mut self) {
        self.begin("{", "}");
    }

    /// Starts an object that is a member of the current one.
    pub(super) fn member_object(&mut self, name: &str) {
        self.name(name);
        self.out.push("{");
        self.open.push(("}", false));
    }

    /// Starts an array that is a member of the current object.
    pub(super) fn member_array(&mut self, name: &str) {
        self.name(name);
        self.out.push("[");
        self.open.push(("]", false));
    }

    /// Writes a member that is a string.
    pub(super) fn member(&mut self, name: &str, text: &str) {
        self.name(name);
        self.quoted(text);
    }

    /// Writes a member that is a number or a boolean.
    pub(super) fn member_plain(&mut self, name: &str, value: impl Display) {
        self.name(name);
        self.out.push(&value.to_string());
    }

    /// Writes an element of the current array that is a string.
    pub(super) fn element(&mut self, text: &str) {
        self.separate();
        self.quoted(text);
    }

    /// Ends the object or array that was started last and is not ended.
    pub(super) fn end(&mut self) {
        if let Some((bracket, _)) = self.open.pop() {
            self.out.push(bracket);
        }
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> io::Result<()> {
        while !self.open.is_empty() {
            self.end();
        }
        self.out.push("\n");
        self.out.finish()
    }

    fn begin(&mut self, bracket: &str, closing: &'static str) {
        self.separate();
        self.out.push(bracket);
        self.open.push((closing, false));
    }

    fn name(&mut self, name: &str) {
        self.separate();
        self.quoted(name);
        self.out.push(":");
    }

    fn separate(&mut self) {
        if let Some((_, has_any)) = self.open.last_mut() {
            if *has_any {
                self.out.push(",");
            }
            *has_any = true;
        }
    }

    fn quoted(&mut self, text: &str) {
        self.out.push("\"");
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| matches!(c, '"' | '\\' | '\0'..='\u{1f}')) {
            let (plain, special) = rest.split_at(at);
            let mut chars = special.chars();
            self.out.push(plain);
            match chars.next() {
                Some('\n') => self.out.push("\\n"),
                Some(c @ ('"' | '\\')) => {
                    self.out.push("\\");
                    self.out.push(c.encode_utf8(&mut [0; 4]));
                }
                c => self.out.push(&format!("\\u{:04x}", c.map_or(0, u32::from))),
            }
            rest = chars.as_str();
        }
        self.out.push(rest);
        self.out.push("\"");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HARD: &str = "a&<b>\"'\\\t\n\r\u{1}\u{ffff}é𝄞";

    #[test]
    fn xml_is_escaped_and_nested() {
        let mut bytes = Vec::new();
        let mut xml = Xml::new(&mut bytes);
        xml.start("a");
        xml.attribute("b", HARD);
        xml.empty("c");
        xml.leaf("d", HARD);
        xml.finish().unwrap();
        let hard = "a&amp;&lt;b&gt;&quot;'\\&#9;&#10;&#13;\u{fffd}\u{fffd}é𝄞";
        let expected = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a b=\"{hard}\">\n<c/>\n<d>{hard}</d></a>\n"
        );
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    #[test]
    fn json_is_what_another_parser_reads() {
        let mut bytes = Vec::new();
        let mut json = Json::new(&mut bytes);
        json.object();
        json.member(HARD, HARD);
        json.member_array("list");
        json.element(HARD);
        json.object();
        json.member_plain("number", 7);
        json.end();
        json.end();
        json.member_object("inner");
        json.member_plain("is", true);
        json.finish().unwrap();
        let found: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let expected = serde_json::json!({
            HARD: HARD, "list": [HARD, {"number": 7}], "inner": {"is": true}
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn the_first_error_of_the_output_comes_back() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::other("full"))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut full = Full;
        let mut xml = Xml::new(&mut full);
        (0..BUFFER_BYTES).for_each(|_| xml.empty("a"));
        assert_eq!(xml.finish().unwrap_err().to_string(), "full");
    }
}
