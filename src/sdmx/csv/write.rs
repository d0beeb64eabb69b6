//! Rows to bytes.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::collections::HashMap;
use std::io::{self, Write};

use crate::model::{Action, Cell, Component, Flow};
use crate::sdmx::csv::CsvVersion;

/// Bytes gathered before they are written.
const BUFFER_BYTES: usize = 64 << 10;

/// How a message is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvLayout {
    /// The version.
    pub version: CsvVersion,
    /// The character between cells, in ASCII.
    pub separator: u8,
    /// Whether `Merge` is written as `M` (2.1) and not as `I` (2.0, which has no `M`).
    pub has_merge: bool,
}

impl CsvLayout {
    /// Version 1.0.
    pub const V1: Self = Self { version: CsvVersion::V1, separator: b',', has_merge: false };
    /// Version 2.0.
    pub const V2_0: Self = Self { version: CsvVersion::V2, separator: b',', has_merge: false };
    /// Version 2.1.
    pub const V2_1: Self = Self { version: CsvVersion::V2, separator: b',', has_merge: true };
}

/// Writes the rows of one dataflow as SDMX-CSV: all its components, in the order of
/// [`Flow::components`], lines ended by a line feed.
///
/// A cell is quoted if it holds a separator, a quote or a line end, and not otherwise, so equal
/// rows are equal bytes. What is absent and what is empty is written as an empty cell. Call
/// [`CsvWriter::finish`] at the end: what is gathered is not written by dropping.
pub struct CsvWriter<W> {
    out: W,
    buffer: Vec<u8>,
    layout: CsvLayout,
    /// The cells before `ACTION`, each with its separator (2.x), or without the last one (1.0).
    prefix: Vec<u8>,
    /// For each byte, whether a cell with it is quoted.
    is_quoted: [bool; 256],
    component_count: usize,
    /// For each component, its codes with their names as finished cells; empty without labels.
    labels: Vec<HashMap<String, Vec<u8>>>,
}

impl<W: Write> CsvWriter<W> {
    /// A writer whose first bytes will be the header.
    pub fn new(out: W, flow: &Flow, layout: CsvLayout) -> Self {
        Self::prepared(out, flow, layout, None)
    }

    /// A writer with `ID: Name` in the header and `A: Annual` in the cells of coded components,
    /// names in `language` where they have one (`labels=both`).
    pub fn with_labels(out: W, flow: &Flow, layout: CsvLayout, language: &str) -> Self {
        Self::prepared(out, flow, layout, Some(language))
    }

    fn prepared(out: W, flow: &Flow, layout: CsvLayout, language: Option<&str>) -> Self {
        let mut is_quoted = [false; 256];
        for byte in [layout.separator, b'"', b'\r', b'\n'] {
            if let Some(entry) = is_quoted.get_mut(usize::from(byte)) {
                *entry = true;
            }
        }
        let mut writer = Self {
            out,
            buffer: Vec::with_capacity(BUFFER_BYTES + (BUFFER_BYTES >> 2)),
            layout,
            prefix: Vec::new(),
            is_quoted,
            component_count: flow.components().len(),
            labels: Vec::new(),
        };
        writer.prepare(flow, language);
        if let Some(language) = language {
            let components = flow.components().iter();
            writer.labels = components.map(|c| writer.labels_of(c, language)).collect();
        }
        writer
    }

    /// The codes of a component as cells with their names.
    fn labels_of(&mut self, component: &Component, language: &str) -> HashMap<String, Vec<u8>> {
        let header = self.buffer.len();
        let codes = component.codelist.iter().flat_map(|list| &list.codes);
        let labels = codes.map(|code| {
            self.cell(&labelled(&code.id, code.names.best(language)));
            (code.id.clone(), self.buffer.split_off(header))
        });
        labels.collect()
    }

    fn prepare(&mut self, flow: &Flow, language: Option<&str>) {
        let name = language.and_then(|language| flow.names.best(language));
        let id = labelled(&flow.id.to_string(), name);
        let header: &[&str] = match self.layout.version {
            CsvVersion::V1 => {
                self.cell(&id);
                &["DATAFLOW"]
            }
            CsvVersion::V2 => {
                self.buffer.extend_from_slice(b"dataflow");
                self.buffer.push(self.layout.separator);
                self.cell(&id);
                self.buffer.push(self.layout.separator);
                &["STRUCTURE", "STRUCTURE_ID", "ACTION"]
            }
        };
        self.prefix.append(&mut self.buffer);
        // Version 1.0 gives the measure no label.
        let is_plain = |id: &str| self.layout.version == CsvVersion::V1 && id == "OBS_VALUE";
        let ids = flow.components().iter().map(|component| {
            let name = language.and_then(|language| component.names.best(language));
            labelled(&component.id, name.filter(|_| !is_plain(&component.id)))
        });
        let header: Vec<String> = header.iter().map(|id| (*id).to_owned()).chain(ids).collect();
        for (index, id) in header.iter().enumerate() {
            if index > 0 {
                self.buffer.push(self.layout.separator);
            }
            self.cell(id);
        }
        self.buffer.push(b'\n');
    }

    /// Writes a row of [`Action::Merge`]; cells stand in the order of [`Flow::components`].
    ///
    /// # Errors
    ///
    /// What the output returns.
    #[inline]
    pub fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.row_with(Action::Merge, cells)
    }

    /// Writes a row; version 1.0 has no place for the action.
    ///
    /// # Errors
    ///
    /// What the output returns.
    #[inline]
    pub fn row_with(&mut self, action: Action, cells: &[Cell<'_>]) -> io::Result<()> {
        debug_assert_eq!(cells.len(), self.component_count, "a cell for each component");
        self.buffer.extend_from_slice(&self.prefix);
        if self.layout.version == CsvVersion::V2 {
            self.buffer.push(match action {
                Action::Merge if self.layout.has_merge => b'M',
                Action::Merge => b'I',
                Action::Replace => b'R',
                Action::Delete => b'D',
            });
        }
        if self.labels.is_empty() {
            for cell in cells {
                self.buffer.push(self.layout.separator);
                self.cell(cell.unwrap_or_default());
            }
        } else {
            self.labelled_cells(cells);
        }
        self.buffer.push(b'\n');
        if self.buffer.len() >= BUFFER_BYTES {
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    fn labelled_cells(&mut self, cells: &[Cell<'_>]) {
        for (index, cell) in cells.iter().enumerate() {
            self.buffer.push(self.layout.separator);
            let text = cell.unwrap_or_default();
            match self.labels.get(index).and_then(|labels| labels.get(text)) {
                Some(label) => self.buffer.extend_from_slice(label),
                None => self.cell(text),
            }
        }
    }

    #[inline]
    fn cell(&mut self, text: &str) {
        let is_quoted = |byte: &u8| self.is_quoted.get(usize::from(*byte)) == Some(&true);
        if text.as_bytes().iter().any(is_quoted) {
            self.quoted(text);
        } else {
            self.buffer.extend_from_slice(text.as_bytes());
        }
    }

    fn quoted(&mut self, text: &str) {
        self.buffer.push(b'"');
        for (index, part) in text.split('"').enumerate() {
            if index > 0 {
                self.buffer.extend_from_slice(b"\"\"");
            }
            self.buffer.extend_from_slice(part.as_bytes());
        }
        self.buffer.push(b'"');
    }

    /// Writes what is gathered, and gives the output back.
    ///
    /// # Errors
    ///
    /// What the output returns.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&self.buffer)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// `ID: Name`, or the identifier where there is no name.
fn labelled(id: &str, name: Option<&str>) -> String {
    name.map_or_else(|| id.to_owned(), |name| format!("{id}: {name}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::error::{Error, Problem, Result};
    use crate::model::Row;
    use crate::sdmx::csv::fixture::{self, flow};
    use crate::sdmx::csv::read_rows;
    use crate::sdmx::rows::{FlowRef, RowSink};

    fn exr() -> Arc<Flow> {
        flow("ECB:EXR(1.0)", &["FREQ", "TIME_PERIOD"], &["OBS_VALUE"], &["OBS_COM"])
    }

    fn write(layout: CsvLayout, rows: &[(Action, Vec<Cell<'_>>)]) -> String {
        let mut writer = CsvWriter::new(Vec::new(), &exr(), layout);
        for (action, cells) in rows {
            writer.row_with(*action, cells).unwrap();
        }
        String::from_utf8(writer.finish().unwrap()).unwrap()
    }

    #[test]
    fn writes_each_version_and_quotes_when_needed() {
        let rows = [
            (Action::Merge, vec![Some("D"), Some("2020"), Some("1.50"), None]),
            (Action::Replace, vec![Some("a;b"), Some("a,b"), Some("a\"b"), Some("a\nb")]),
            (Action::Delete, vec![Some(""), Some(" "), Some("a\rb"), Some("é")]),
        ];
        assert_eq!(
            write(CsvLayout::V1, &rows),
            "DATAFLOW,FREQ,TIME_PERIOD,OBS_VALUE,OBS_COM\nECB:EXR(1.0),D,2020,1.50,\n\
             ECB:EXR(1.0),a;b,\"a,b\",\"a\"\"b\",\"a\nb\"\nECB:EXR(1.0),, ,\"a\rb\",é\n"
        );
        let v2 = "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,TIME_PERIOD,OBS_VALUE,OBS_COM\n\
                  dataflow,ECB:EXR(1.0),I,D,2020,1.50,\n\
                  dataflow,ECB:EXR(1.0),R,a;b,\"a,b\",\"a\"\"b\",\"a\nb\"\n\
                  dataflow,ECB:EXR(1.0),D,, ,\"a\rb\",é\n";
        assert_eq!(write(CsvLayout::V2_0, &rows), v2);
        assert_eq!(write(CsvLayout::V2_1, &rows), v2.replace(",I,", ",M,"));
        let semicolons = CsvLayout { separator: b';', ..CsvLayout::V1 };
        assert!(write(semicolons, &rows).contains("\nECB:EXR(1.0);\"a;b\";a,b;"));
    }

    #[test]
    fn writes_labels_that_are_cut_off_again() {
        let flow = flow("ECB:EXR(1.0)", &["FREQ+", "TIME_PERIOD"], &["OBS_VALUE"], &["OBS_COM"]);
        let mut writer = CsvWriter::with_labels(Vec::new(), &flow, CsvLayout::V1, "en");
        writer.row(&[Some("A"), Some("2020"), Some("1"), Some("a: b")]).unwrap();
        writer.row(&[Some("Q"), Some("2020"), None, None]).unwrap();
        let written = String::from_utf8(writer.finish().unwrap()).unwrap();
        let expected = "DATAFLOW,FREQ: FREQ,TIME_PERIOD: TIME_PERIOD,OBS_VALUE,OBS_COM: OBS_COM\n\
                        ECB:EXR(1.0): x,\"A: Annual, all\",2020,1,a: b\nECB:EXR(1.0): x,Q,2020,,\n";
        assert_eq!(written, expected);
        let mut kept = fixture::Kept { flows: vec![flow], ..Default::default() };
        read_rows(written.as_bytes(), "f.csv", &mut kept).unwrap();
        assert_eq!(
            kept.lines,
            ["2 0 Merge [A|2020|1|a: b] 2,3,4,5", "3 0 Merge [Q|2020||] 2,3,4,5"]
        );
    }

    /// Keeps the rows that it is given.
    #[derive(Default)]
    struct Kept(Vec<(Action, Vec<String>)>);

    impl RowSink for Kept {
        fn flow(&mut self, _: &FlowRef) -> Result<Arc<Flow>> {
            Ok(exr())
        }
        fn row(&mut self, _: usize, row: &Row<'_>) -> Result<()> {
            let cells = row.cells.iter().map(|cell| cell.unwrap().to_owned()).collect();
            self.0.push((row.action, cells));
            Ok(())
        }
        fn bad_record(&mut self, problem: Problem, _: &[u8]) -> Result<()> {
            Err(Error::bug(problem.to_string()))
        }
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[\"\n\r,;a ]{0,6}", "[a-zA-Z0-9.:-]{0,12}", any::<String>()]
    }

    proptest! {
        /// What is written is read as it was: any text, any separator, any action.
        #[test]
        fn reads_back_what_it_writes(
            rows in prop::collection::vec(
                (0..3usize, prop::collection::vec(text(), 4..=4)), 0..40),
            separator in prop::sample::select(&b",;|\t"[..]),
        ) {
            let actions = [Action::Merge, Action::Replace, Action::Delete];
            let mut rows: Vec<_> =
                rows.into_iter().map(|(action, cells)| (actions[action], cells)).collect();
            for (_, cells) in &mut rows {
                // Semicolons bring decimal commas, which are read as points.
                cells[2] = cells[2].replace(',', ".");
            }
            let given: Vec<(Action, Vec<Cell<'_>>)> = rows
                .iter()
                .map(|(action, cells)| (*action, cells.iter().map(|c| Some(c.as_str())).collect()))
                .collect();
            let written = write(CsvLayout { separator, ..CsvLayout::V2_1 }, &given);
            let mut kept = Kept::default();
            read_rows(written.as_bytes(), "f.csv", &mut kept).unwrap();
            prop_assert_eq!(kept.0, rows);
        }
    }
}
