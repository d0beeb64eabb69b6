//! A document that is read once: as a tree of tags and their text, or piece by piece.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::io::{self, BufRead};
use std::mem;
use std::sync::Arc;

use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::attributes::Attributes;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::error::{Error, Result};
use crate::limits::{TEXT_BYTES_MAX, XML_ATTRIBUTES_MAX, XML_DEPTH_MAX, XML_NAMESPACES_MAX};
use crate::sdmx::xml::located::{Located, Place};
use crate::sdmx::xml::tag::Tag;

/// What comes next in the document.
enum Node {
    Start(Tag),
    Text,
    End,
    Eof,
}

/// A prefix (empty for the default) and its namespace, declared by the element at a depth.
struct Binding {
    depth: usize,
    prefix: String,
    namespace: Arc<str>,
}

/// An element that is kept as text.
struct Recording {
    /// The raw start tag without its brackets, and whether the element is empty.
    root: String,
    is_empty: bool,
    /// The prefixes that the start tag declares.
    declared: Vec<String>,
    body: String,
}

/// An XML document, read from front to back.
pub(in crate::sdmx) struct Source<'f, R> {
    reader: Reader<Located<R>>,
    file: &'f str,
    buffer: Vec<u8>,
    depth: usize,
    bindings: Vec<Binding>,
    /// The start tag that was read last, and whether its element is empty and still to be ended.
    last_start: String,
    /// The length of the name in it, prefix included.
    name_len: usize,
    is_empty: bool,
    at: Place,
    text: Option<String>,
    recording: Option<Recording>,
}

impl<'f, R: BufRead> Source<'f, R> {
    /// A document of at most so many bytes; `file` names it in errors.
    pub(in crate::sdmx) fn new(input: R, file: &'f str, bytes_max: u64) -> Result<Self> {
        let mut input = Located::new(input, bytes_max);
        let first = input.fill_buf().map_err(|error| Error::io("read", file, error))?;
        if matches!(first, [0xfe, 0xff, ..] | [0xff, 0xfe, ..] | [0, b'<', ..] | [b'<', 0, ..]) {
            let reason = "the file is UTF-16; convert it to UTF-8";
            return Err(Error::syntax(format!("{file}:1:1"), reason));
        }
        Ok(Self {
            reader: Reader::from_reader(input),
            file,
            buffer: Vec::new(),
            depth: 0,
            bindings: Vec::new(),
            last_start: String::new(),
            name_len: 0,
            is_empty: false,
            at: Place::START,
            text: None,
            recording: None,
        })
    }

    /// The root element.
    pub(in crate::sdmx) fn root(&mut self) -> Result<Tag> {
        loop {
            match self.next()? {
                Node::Start(tag) => return Ok(tag),
                Node::Text => {}
                Node::End | Node::Eof => {
                    return Err(self.error(self.at, "this is no XML: there is no element"));
                }
            }
        }
    }

    /// The next element within the current one; absent at the end of the current one.
    pub(in crate::sdmx) fn child(&mut self) -> Result<Option<Tag>> {
        loop {
            match self.next()? {
                Node::Start(tag) => return Ok(Some(tag)),
                Node::End => return Ok(None),
                Node::Text => {}
                Node::Eof => return Err(self.cut()),
            }
        }
    }

    /// The text of the current element, with that of elements in it, up to its end. White space at
    /// both ends is a matter of layout and left out.
    pub(in crate::sdmx) fn text(&mut self) -> Result<String> {
        self.begin_text();
        self.skip()?;
        Ok(self.end_text())
    }

    /// Begins to gather text, whose elements are read meanwhile; see [`Source::end_text`].
    pub(in crate::sdmx) fn begin_text(&mut self) {
        self.text = Some(String::new());
    }

    /// The text since [`Source::begin_text`]; empty if another text was read meanwhile.
    pub(in crate::sdmx) fn end_text(&mut self) -> String {
        let text = self.text.take().unwrap_or_default();
        text.trim().to_owned()
    }

    /// Goes to the end of the current element.
    pub(in crate::sdmx) fn skip(&mut self) -> Result<()> {
        let depth = self.depth;
        while self.depth >= depth {
            if matches!(self.next()?, Node::Eof) {
                return Err(self.cut());
            }
        }
        Ok(())
    }

    /// Goes to the end of the document, behind the root.
    pub(in crate::sdmx) fn finish(&mut self) -> Result<()> {
        while !matches!(self.next()?, Node::Eof) {
            if self.depth > 0 {
                return Err(self.error(self.at, "a second root element"));
            }
        }
        Ok(())
    }

    /// Goes to the next element within the current one, as [`Source::child`], but builds nothing and
    /// does not look at namespaces; false at the end of the current element.
    #[inline]
    pub(in crate::sdmx) fn enter(&mut self) -> Result<bool> {
        loop {
            if mem::take(&mut self.is_empty) {
                self.close();
                return Ok(false);
            }
            self.buffer.clear();
            self.at = self.reader.get_mut().begin();
            let (start, is_empty) = match self.reader.read_event_into(&mut self.buffer) {
                Ok(Event::Start(start)) => (start, false),
                Ok(Event::Empty(start)) => (start, true),
                Ok(Event::End(_)) => {
                    self.close();
                    return Ok(false);
                }
                // Nearly all text is white space between elements, which nobody gathers.
                Ok(Event::Text(_)) if self.text.is_none() => continue,
                Ok(event) => {
                    let event = event.into_owned();
                    self.pass_over(&event)?;
                    continue;
                }
                Err(error) => return Err(self.xml_error(error)),
            };
            self.last_start.clear();
            self.last_start.push_str(&start);
            self.name_len = start.name().as_ref().len();
            self.is_empty = is_empty;
            self.depth += 1;
            return if self.depth > XML_DEPTH_MAX { Err(self.too_deep()) } else { Ok(true) };
        }
    }

    /// Takes an event that is no tag.
    #[cold]
    fn pass_over(&mut self, event: &Event<'_>) -> Result<()> {
        match self.node(event)? {
            Some(Node::Eof) => Err(self.cut()),
            _ => Ok(()),
        }
    }

    /// Goes to the end of the element that was entered; the bound on the depth bounds the recursion.
    pub(in crate::sdmx) fn leave(&mut self) -> Result<()> {
        while self.enter()? {
            self.leave()?;
        }
        Ok(())
    }

    /// The name of the element that was entered last, without prefix.
    #[inline]
    pub(in crate::sdmx) fn local(&self) -> &str {
        let name = self.last_start.get(..self.name_len).unwrap_or_default();
        name.split_once(':').map_or(name, |(_, local)| local)
    }

    /// Hands every attribute of the element that was entered last to `take`: its name with prefix,
    /// and its value.
    #[inline]
    pub(in crate::sdmx) fn attributes(
        &self,
        mut take: impl FnMut(&str, &str) -> Result<()>,
    ) -> Result<()> {
        let mut attributes = Attributes::new(&self.last_start, self.name_len);
        // Whether one comes twice is for the receiver to see: the check costs more than the rest.
        for (index, attribute) in attributes.with_checks(false).enumerate() {
            let attribute = attribute.map_err(|error| self.xml_error(error.into()))?;
            if index >= XML_ATTRIBUTES_MAX {
                return Err(self.too_many_attributes());
            }
            let key = attribute.key.as_ref();
            // Nearly all values are as they stand.
            if attribute.value.bytes().all(|b| b >= b' ' && b != b'&') {
                take(key, &attribute.value)?;
                continue;
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|error| self.xml_error(error))?;
            self.check_characters(&value)?;
            take(key, &value)?;
        }
        Ok(())
    }

    /// The place of the tag or text that was read last.
    pub(in crate::sdmx) fn at(&self) -> Place {
        self.at
    }

    /// Keeps the element whose start tag was just read; see [`Source::recorded`].
    pub(in crate::sdmx) fn record(&mut self) {
        let own = self.bindings.iter().filter(|binding| binding.depth == self.depth);
        self.recording = Some(Recording {
            root: self.last_start.clone(),
            is_empty: self.is_empty,
            declared: own.map(|binding| binding.prefix.clone()).collect(),
            body: String::new(),
        });
    }

    /// The element kept, once it is read to its end, with the namespaces that it uses.
    pub(in crate::sdmx) fn recorded(&mut self) -> String {
        let Some(Recording { root, is_empty, mut declared, body }) = self.recording.take() else {
            return String::new();
        };
        let mut xml = format!("<{root}");
        for binding in self.bindings.iter().rev() {
            let Binding { prefix, namespace, .. } = binding;
            if declared.contains(prefix) {
                continue;
            }
            declared.push(prefix.clone());
            let used = format!("{prefix}:");
            if prefix.is_empty() {
                xml.push_str(" xmlns=\"");
            } else if root.contains(&used) || body.contains(&used) {
                xml.push_str(" xmlns:");
                xml.push_str(prefix);
                xml.push_str("=\"");
            } else {
                continue;
            }
            xml.push_str(&escape(namespace.as_ref()));
            xml.push('"');
        }
        xml.push_str(if is_empty { "/>" } else { ">" });
        xml.push_str(&body);
        xml
    }

    /// An error at a place of the file.
    pub(in crate::sdmx) fn error(&self, at: Place, reason: impl Into<String>) -> Error {
        Error::syntax(self.place(at), reason)
    }

    /// A place of the file, for a person.
    pub(in crate::sdmx) fn place(&self, at: Place) -> String {
        format!("{}:{}:{}", self.file, at.line, at.column)
    }

    #[cold]
    fn cut(&self) -> Error {
        let reason = format!("the file ends too early: {} elements are open", self.depth);
        self.error(self.at, reason)
    }

    fn next(&mut self) -> Result<Node> {
        if mem::take(&mut self.is_empty) {
            self.close();
            return Ok(Node::End);
        }
        let mut buffer = mem::take(&mut self.buffer);
        loop {
            buffer.clear();
            self.at = self.reader.get_mut().begin();
            let found = match self.reader.read_event_into(&mut buffer) {
                Ok(event) => self.node(&event)?,
                Err(error) => return Err(self.xml_error(error)),
            };
            if let Some(node) = found {
                self.buffer = buffer;
                return Ok(node);
            }
        }
    }

    /// Turns an event into a node; absent for what says nothing, such as a comment.
    fn node(&mut self, event: &Event<'_>) -> Result<Option<Node>> {
        match event {
            Event::Start(start) => {
                self.keep(&["<", start, ">"]);
                return Ok(Some(Node::Start(self.start(start)?)));
            }
            Event::Empty(start) => {
                self.keep(&["<", start, "/>"]);
                self.is_empty = true;
                return Ok(Some(Node::Start(self.start(start)?)));
            }
            Event::End(end) => {
                self.keep(&["</", end.name().as_ref(), ">"]);
                self.close();
                return Ok(Some(Node::End));
            }
            Event::Text(text) => {
                self.keep(&[text]);
                return self.gather(&text.xml10_content()).map(Some);
            }
            Event::CData(text) => {
                self.keep(&["<![CDATA[", text, "]]>"]);
                return self.gather(&text.xml10_content()).map(Some);
            }
            Event::GeneralRef(entity) => {
                self.keep(&["&", entity, ";"]);
                let text = self.entity(entity)?;
                return self.gather(&text).map(Some);
            }
            Event::Comment(text) => self.keep(&["<!--", text, "-->"]),
            Event::PI(text) => self.keep(&["<?", text, "?>"]),
            Event::Decl(declaration) => {
                if let Some(Ok(encoding)) = declaration.encoding()
                    && !["utf-8", "utf8", "us-ascii"].contains(&encoding.to_lowercase().as_str())
                {
                    let reason = format!("the file is {encoding}; convert it to UTF-8");
                    return Err(self.error(self.at, reason));
                }
            }
            Event::DocType(_) => {
                let reason = "a document type (DOCTYPE) is not allowed in SDMX-ML; remove it";
                return Err(self.error(self.at, reason));
            }
            Event::Eof if self.depth > 0 => return Err(self.cut()),
            Event::Eof => return Ok(Some(Node::Eof)),
        }
        Ok(None)
    }

    fn keep(&mut self, parts: &[&str]) {
        if let Some(recording) = &mut self.recording {
            recording.body.extend(parts.iter().copied());
        }
    }

    fn gather(&mut self, text: &str) -> Result<Node> {
        self.check_characters(text)?;
        if self.depth == 0 && !text.trim().is_empty() {
            return Err(self.error(self.at, "this is no XML: there is text outside of the root"));
        }
        if let Some(gathered) = &mut self.text {
            gathered.push_str(text);
            if gathered.len() > TEXT_BYTES_MAX {
                let reason = format!("the text has more than {TEXT_BYTES_MAX} bytes");
                return Err(self.error(self.at, reason));
            }
        }
        Ok(Node::Text)
    }

    fn check_characters(&self, text: &str) -> Result<()> {
        let is_bad = |c: &char| c.is_ascii_control() && !"\t\n\r\u{7f}".contains(*c);
        let Some(bad) = text.chars().find(is_bad) else { return Ok(()) };
        Err(self.error(self.at, format!("the character {bad:?} is not allowed in XML")))
    }

    fn entity(&self, entity: &BytesRef<'_>) -> Result<String> {
        if let Some(char) = entity.resolve_char_ref().map_err(|error| self.xml_error(error))? {
            return Ok(char.to_string());
        }
        let known = resolve_predefined_entity(entity);
        let reason = || format!("the entity &{};", &**entity) + " is not defined in XML";
        known.map(str::to_owned).ok_or_else(|| self.error(self.at, reason()))
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<Tag> {
        self.depth += 1;
        if self.depth > XML_DEPTH_MAX {
            return Err(self.too_deep());
        }
        self.last_start.clear();
        self.last_start.push_str(start);
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| self.xml_error(error.into()))?;
            if attributes.len() >= XML_ATTRIBUTES_MAX {
                return Err(self.too_many_attributes());
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|error| self.xml_error(error))?.into_owned();
            let key = attribute.key.as_ref();
            if let Some(prefix) = key.strip_prefix("xmlns:").or((key == "xmlns").then_some("")) {
                self.bind(prefix, &value)?;
            }
            attributes.push((key.to_owned(), value));
        }
        let (prefix, local) = match start.name().as_ref().split_once(':') {
            Some((prefix, local)) => (prefix.to_owned(), local.to_owned()),
            None => (String::new(), start.name().as_ref().to_owned()),
        };
        let namespace = self.bindings.iter().rev().find(|binding| binding.prefix == prefix);
        let namespace = namespace.map(|binding| Arc::clone(&binding.namespace));
        if namespace.is_none() && !prefix.is_empty() {
            let reason = format!("the prefix {prefix} is not declared (xmlns:{prefix})");
            return Err(self.error(self.at, reason));
        }
        let namespace = namespace.filter(|namespace| !namespace.is_empty());
        Ok(Tag::new(local, namespace, attributes, self.at))
    }

    fn bind(&mut self, prefix: &str, namespace: &str) -> Result<()> {
        if self.bindings.len() >= XML_NAMESPACES_MAX {
            let reason = format!("more than {XML_NAMESPACES_MAX} namespaces are in scope");
            return Err(self.error(self.at, reason));
        }
        let (depth, prefix) = (self.depth, prefix.to_owned());
        self.bindings.push(Binding { depth, prefix, namespace: namespace.into() });
        Ok(())
    }

    fn close(&mut self) {
        while self.bindings.pop_if(|binding| binding.depth >= self.depth).is_some() {}
        self.depth = self.depth.saturating_sub(1);
    }

    #[cold]
    fn too_many_attributes(&self) -> Error {
        let reason = format!("the element has more than {XML_ATTRIBUTES_MAX} attributes");
        self.error(self.at, reason)
    }

    #[cold]
    fn too_deep(&self) -> Error {
        self.error(self.at, format!("elements are nested deeper than {XML_DEPTH_MAX}"))
    }

    #[cold]
    fn xml_error(&self, error: quick_xml::Error) -> Error {
        if let Some(reason) = self.reader.get_ref().over() {
            return self.error(self.at, reason);
        }
        match error {
            quick_xml::Error::Io(error) => {
                Error::io("read", self.file, io::Error::new(error.kind(), error.to_string()))
            }
            quick_xml::Error::Encoding(_) => {
                self.error(self.at, "the text is not UTF-8; convert the file to UTF-8")
            }
            error => self.error(self.at, error.to_string()),
        }
    }
}
