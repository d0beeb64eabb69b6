//! Records to rows.
#![warn(clippy::indexing_slicing)]

use std::fmt;
use std::io::Read;
use std::mem;
use std::sync::Arc;

use crate::error::{Error, Problem, Result};
use crate::limits::MESSAGE_FLOWS_MAX;
use crate::model::{Action, Cell, Flow, Row};
use crate::sdmx::csv::CsvVersion;
use crate::sdmx::csv::header::{Header, Layout, Treatment, dialect};
use crate::sdmx::csv::record::{Records, Step, Texts};

/// Characters of a wrong cell that a problem shows.
const SHOWN_CHARS: usize = 80;

/// What a row says its data are published under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlowKind {
    /// A dataflow, the only kind of version 1.0.
    Dataflow,
    /// A data structure definition without a dataflow.
    DataStructure,
    /// A provision agreement.
    ProvisionAgreement,
}

/// The reference of a row to the structure of its data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FlowRef {
    /// What is referred to.
    pub kind: FlowKind,
    /// The maintenance agency.
    pub agency: String,
    /// The identifier within the agency.
    pub id: String,
    /// The version; absent where the message names none.
    pub version: Option<String>,
}

impl fmt::Display for FlowRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.agency, self.id)?;
        match &self.version {
            Some(version) => write!(f, "({version})"),
            None => Ok(()),
        }
    }
}

impl FlowRef {
    /// Parses the cells of a row; the kind is absent in version 1.0.
    fn parse(kind: Option<&str>, id: &str) -> Option<Self> {
        let kind = match kind.map(str::trim) {
            None | Some("dataflow") => FlowKind::Dataflow,
            Some("datastructure") => FlowKind::DataStructure,
            Some("dataprovision") => FlowKind::ProvisionAgreement,
            Some(_) => return None,
        };
        let id = id.split_once(": ").map_or(id, |(id, _label)| id).trim();
        let (agency, rest) = id.split_once(':')?;
        let (id, version) = match rest.split_once('(') {
            Some((id, version)) => (id, Some(version.strip_suffix(')')?)),
            None => (rest, None),
        };
        let is_plain = |part: &str| !part.is_empty() && !part.contains([':', '(', ')', ' ', ',']);
        let all_plain = is_plain(agency) && is_plain(id) && version.is_none_or(is_plain);
        all_plain.then(|| Self {
            kind,
            agency: agency.to_owned(),
            id: id.to_owned(),
            version: version.map(str::to_owned),
        })
    }
}

/// Takes the rows of a message as they are read.
pub trait RowSink {
    /// Called once with the first line of the file, without its line end.
    ///
    /// # Errors
    ///
    /// Any error stops the read.
    fn header(&mut self, raw: &str) -> Result<()> {
        let _ = raw;
        Ok(())
    }

    /// Called when a row names a structure for the first time: resolves it.
    ///
    /// # Errors
    ///
    /// Any error stops the read.
    fn flow(&mut self, id: &FlowRef) -> Result<Arc<Flow>>;

    /// Takes a row of the flow that was resolved as number `flow`, from 0. What is wrong with the
    /// row is the sink's to report.
    ///
    /// # Errors
    ///
    /// Any error stops the read.
    fn row(&mut self, flow: usize, row: &Row<'_>) -> Result<()>;

    /// Takes a line that is no row (a wrong number of cells, an unclosed quote, not UTF-8, an
    /// unknown action), with its bytes as they stand, without the line end.
    ///
    /// # Errors
    ///
    /// Any error stops the read; without one it goes on at the next line.
    fn bad_record(&mut self, problem: Problem, raw: &[u8]) -> Result<()>;
}

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvSummary {
    /// The version of the message.
    pub version: CsvVersion,
    /// The character between cells.
    pub separator: u8,
    /// Rows that the sink took.
    pub rows: u64,
    /// Lines that are no row.
    pub bad_records: u64,
    /// Structures that the rows named.
    pub flows: usize,
}

/// Reads an SDMX-CSV data message, version 1.0, 2.0 or 2.1, and hands its rows to `sink` in the
/// order of the file. `file` names it in errors. Memory is bounded by the longest record.
///
/// # Errors
///
/// [`Error::Syntax`] for what is no SDMX-CSV, [`Error::Invalid`] without the column of a dimension
/// (except for rows that delete), [`Error::Io`] if the input fails, and whatever the sink returns.
pub fn read_rows<S: RowSink + ?Sized>(
    input: impl Read,
    file: &str,
    sink: &mut S,
) -> Result<CsvSummary> {
    let mut records = Records::new(input, file);
    let header = read_header(&mut records, file, sink)?;
    let mut reader = Reader {
        file,
        header,
        flows: Vec::new(),
        current: 0,
        cells: Vec::new(),
        rows: 0,
        bad_records: 0,
    };
    loop {
        match records.advance()? {
            Step::Record => reader.record(&mut records, sink)?,
            Step::Bad(reason) => reader.bad(&records, sink, Wrong::record(reason))?,
            Step::End => return Ok(reader.summary()),
        }
    }
}

fn read_header<R: Read, S: RowSink + ?Sized>(
    records: &mut Records<'_, R>,
    file: &str,
    sink: &mut S,
) -> Result<Header> {
    let refuse = |reason: String| Err(Error::syntax(format!("{file}:1"), reason));
    let first = records.peek()?;
    let mark = if first.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
    let first = first.get(mark..).unwrap_or_default();
    let dialect = match first {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            return refuse("the file is UTF-16; convert it to UTF-8".to_owned());
        }
        [] => return refuse("the file is empty".to_owned()),
        [b'<', ..] => return refuse("this is XML, not SDMX-CSV".to_owned()),
        [b'{', ..] => return refuse("this is JSON, not SDMX-CSV".to_owned()),
        _ => dialect(first),
    };
    let Some(dialect) = dialect else {
        let line = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line: String = String::from_utf8_lossy(line).chars().take(SHOWN_CHARS).collect();
        return refuse(format!(
            "begins with {line:?}; an SDMX-CSV message begins with DATAFLOW (version 1.0) or \
             STRUCTURE (2.0, 2.1) and a separator"
        ));
    };
    records.skip(mark);
    records.set_separator(dialect.1);
    match records.advance()? {
        Step::Record => {}
        Step::Bad(reason) => return refuse(reason.to_owned()),
        Step::End => return refuse("the file is empty".to_owned()),
    }
    let Some(texts) = records.texts() else {
        return refuse("the first line is not UTF-8; convert the file to UTF-8".to_owned());
    };
    sink.header(texts.raw())?;
    Header::parse(file, dialect, texts)
}

/// What is wrong with a record.
struct Wrong {
    /// The column, counted from 0, with the component that it holds.
    cell: Option<(usize, &'static str)>,
    reason: String,
}

impl Wrong {
    fn record(reason: impl Into<String>) -> Self {
        Self { cell: None, reason: reason.into() }
    }

    fn cell(column: usize, name: &'static str, reason: impl Into<String>) -> Self {
        Self { cell: Some((column, name)), reason: reason.into() }
    }
}

/// A structure that rows have named, by the text of their cells.
struct KnownFlow {
    kind: Vec<u8>,
    id: Vec<u8>,
    layout: Layout,
}

struct Reader<'f> {
    file: &'f str,
    header: Header,
    flows: Vec<KnownFlow>,
    current: usize,
    /// The memory of the cells of a row: empty between rows.
    cells: Vec<Cell<'static>>,
    rows: u64,
    bad_records: u64,
}

impl Reader<'_> {
    fn summary(&self) -> CsvSummary {
        CsvSummary {
            version: self.header.version,
            separator: self.header.separator,
            rows: self.rows,
            bad_records: self.bad_records,
            flows: self.flows.len(),
        }
    }

    #[inline]
    fn record<R: Read, S: RowSink + ?Sized>(
        &mut self,
        records: &mut Records<'_, R>,
        sink: &mut S,
    ) -> Result<()> {
        let (count, expected) = (records.cell_count(), self.header.len());
        if count != expected {
            let reason = format!("has {count} cells, and the header {expected}");
            return self.bad(records, sink, Wrong::record(reason));
        }
        let action = match self.action(records) {
            Ok(action) => action,
            Err(wrong) => return self.bad(records, sink, wrong),
        };
        if let Err(wrong) = self.find_flow(records, sink)? {
            return self.bad(records, sink, wrong);
        }
        let Some(KnownFlow { layout, id, .. }) = self.flows.get(self.current) else {
            return Err(Error::bug("a flow without a layout"));
        };
        if let (Some(missing), true) = (&layout.missing, action != Action::Delete) {
            let id = String::from_utf8_lossy(id);
            let reason = format!("has no column {missing}, which is a dimension of {id}");
            return Err(Error::invalid(format!("{}:1", self.file), reason));
        }
        for column in &layout.decimal_commas {
            records.point_for_comma(*column);
        }
        let line = records.line();
        let Some(texts) = records.texts() else {
            let wrong = Wrong::record("is not UTF-8; convert the file to UTF-8");
            return self.bad(records, sink, wrong);
        };
        let mut cells = mem::take(&mut self.cells);
        fill_cells(&mut cells, layout, texts);
        let raw = texts.raw();
        let row = Row { line, action, cells: &cells, columns: &layout.columns, raw };
        sink.row(self.current, &row)?;
        self.rows += 1;
        self.cells = recycle(cells);
        Ok(())
    }

    fn action<R: Read>(&self, records: &Records<'_, R>) -> Result<Action, Wrong> {
        let Some(column) = self.header.action else { return Ok(Action::Merge) };
        match records.bytes(column) {
            b"" | b"I" | b"A" | b"M" => Ok(Action::Merge),
            b"R" => Ok(Action::Replace),
            b"D" => Ok(Action::Delete),
            _ => {
                let reason = "is none of I (information), A (append), M (merge), R (replace), \
                              D (delete)";
                Err(Wrong::cell(column, "ACTION", reason))
            }
        }
    }

    /// Makes the flow that the record names the current one.
    #[inline]
    fn find_flow<R: Read, S: RowSink + ?Sized>(
        &mut self,
        records: &Records<'_, R>,
        sink: &mut S,
    ) -> Result<Result<(), Wrong>> {
        let kind = self.header.kind.map_or(&b""[..], |column| records.bytes(column));
        let id = records.bytes(self.header.id);
        let is_same = |known: &KnownFlow| known.id == id && known.kind == kind;
        if self.flows.get(self.current).is_some_and(is_same) {
            return Ok(Ok(()));
        }
        if let Some(index) = self.flows.iter().position(is_same) {
            self.current = index;
            return Ok(Ok(()));
        }
        let (kind, id) = (kind.to_vec(), id.to_vec());
        self.add_flow(sink, kind, id)
    }

    #[cold]
    fn add_flow<S: RowSink + ?Sized>(
        &mut self,
        sink: &mut S,
        kind: Vec<u8>,
        id: Vec<u8>,
    ) -> Result<Result<(), Wrong>> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (kind_text, id_text) = (text(&kind), text(&id));
        let given_kind = self.header.kind.map(|_| kind_text.as_str());
        let Some(reference) = FlowRef::parse(given_kind, &id_text) else {
            let kinds = ["dataflow", "datastructure", "dataprovision"];
            if let Some(column) = self.header.kind.filter(|_| !kinds.contains(&kind_text.trim())) {
                let reason = "is none of dataflow, datastructure, dataprovision";
                return Ok(Err(Wrong::cell(column, "STRUCTURE", reason)));
            }
            let name = if self.header.kind.is_some() { "STRUCTURE_ID" } else { "DATAFLOW" };
            let reason = "is no reference such as ECB:EXR(1.0)";
            return Ok(Err(Wrong::cell(self.header.id, name, reason)));
        };
        if self.flows.len() >= MESSAGE_FLOWS_MAX {
            let (actual, limit) = (self.flows.len() as u64 + 1, MESSAGE_FLOWS_MAX as u64);
            return Err(Error::Limit { what: "the number of dataflows", actual, limit });
        }
        let flow = sink.flow(&reference)?;
        let layout = self.header.layout(self.file, &flow)?;
        self.current = self.flows.len();
        self.flows.push(KnownFlow { kind, id, layout });
        Ok(Ok(()))
    }

    #[cold]
    fn bad<R: Read, S: RowSink + ?Sized>(
        &mut self,
        records: &Records<'_, R>,
        sink: &mut S,
        Wrong { cell, reason }: Wrong,
    ) -> Result<()> {
        self.bad_records += 1;
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().take(SHOWN_CHARS).collect();
        let problem = Problem {
            line: records.line(),
            column: cell.and_then(|(column, _)| u32::try_from(column + 1).ok()),
            component: cell.map(|(_, name)| name.to_owned()),
            value: cell.map(|(column, _)| shown(records.bytes(column))),
            reason,
        };
        sink.bad_record(problem, records.raw())
    }
}

#[inline]
fn fill_cells<'a>(cells: &mut Vec<Cell<'a>>, layout: &Layout, texts: Texts<'a>) {
    cells.extend(layout.cells.iter().zip(&layout.columns).map(|((column, treatment), number)| {
        if *number == 0 {
            return None;
        }
        let text = texts.get(*column);
        match treatment {
            Treatment::Keep => Some(text),
            Treatment::CutLabel => Some(text.split_once(": ").map_or(text, |(id, _)| id)),
        }
    }));
}

/// Empties the cells and keeps their memory for the next row.
fn recycle(mut cells: Vec<Cell<'_>>) -> Vec<Cell<'static>> {
    cells.clear();
    cells.into_iter().map(|_| None).collect()
}
