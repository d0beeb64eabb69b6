//! Records to rows.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::io::Read;
use std::mem;

use crate::error::{Error, Problem, Result};
use crate::limits::MESSAGE_FLOWS_MAX;
use crate::model::{Action, Cell, Row};
use crate::sdmx::csv::CsvVersion;
use crate::sdmx::csv::header::{Header, Layout, Treatment, dialect};
use crate::sdmx::csv::record::{Records, Step, Texts};
use crate::sdmx::rows::{FlowKind, FlowRef, RowSink};

/// Characters of a wrong cell that a problem shows.
const SHOWN_CHARS: usize = 80;

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

/// Parses the reference in the cells of a row; the kind is absent in version 1.0.
fn parse_reference(kind: Option<&str>, id: &str) -> Option<FlowRef> {
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
    all_plain.then(|| FlowRef {
        kind,
        agency: agency.to_owned(),
        id: id.to_owned(),
        version: version.map(str::to_owned),
    })
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
        let Some(reference) = parse_reference(given_kind, &id_text) else {
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
        let shown =
            |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().take(SHOWN_CHARS).collect();
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::{io, result};

    use proptest::prelude::*;

    use super::*;
    use crate::model::Flow;
    use crate::sdmx::csv::fixture::{Kept, flow};

    /// The rows of a message for flows that are asked for one after the other.
    fn read(flows: &[&Arc<Flow>], text: &[u8]) -> result::Result<Kept, String> {
        let flows = flows.iter().map(|flow| Arc::clone(flow)).collect();
        let mut kept = Kept { flows, ..Kept::default() };
        match read_rows(text, "f.csv", &mut kept) {
            Ok(_) => Ok(kept),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Compares rows without the numbers of their columns.
    #[track_caller]
    fn check(flow: &Arc<Flow>, text: &str, expected: &[&str]) {
        let kept = read(&[flow], text.as_bytes()).unwrap();
        let lines: Vec<&str> = kept
            .lines
            .iter()
            .map(|line| line.rsplit_once("] ").map_or(line.as_str(), |(line, _)| line))
            .collect();
        let expected: Vec<&str> = expected.iter().map(|line| line.trim_end_matches(']')).collect();
        assert_eq!(lines, expected);
    }

    #[track_caller]
    fn check_error(flow: &Arc<Flow>, text: &[u8], expected: &str) {
        let error = read(&[flow], text).map(drop).expect_err("accepted");
        assert!(error.contains(expected), "{error}\n  instead of {expected}");
    }

    fn exr() -> Arc<Flow> {
        flow("ECB:EXR(1.0)", &["FREQ+", "CURRENCY+", "TIME_PERIOD"], &["OBS_VALUE"], &["OBS_COM"])
    }

    #[test]
    fn reads_version_1_with_any_separator_quoting_and_line_end() {
        let expected =
            ["2 0 Merge [D|USD|2020-01-01|1.5|\u{2205}]", "3 0 Merge [D||2020||\u{2205}]"];
        for separator in [",", ";", "\t", "|"] {
            let text =
                "DATAFLOW,FREQ,CURRENCY,TIME_PERIOD,OBS_VALUE\nECB:EXR(1.0),D,USD,2020-01-01,1.5\n\
                        ECB:EXR(1.0),D,,2020,\n"
                    .replace(',', separator);
            check(&exr(), &text, &expected);
            check(&exr(), &text.replace('\n', "\r\n"), &expected);
            check(&exr(), &format!("\u{feff}{}", text.trim_end_matches('\n')), &expected);
            let quoted = text.replace(separator, &format!("\"{separator}\""));
            let quoted = format!("\"{}\"", quoted.trim_end_matches('\n').replace('\n', "\"\n\""));
            check(&exr(), &quoted, &expected);
            check(&exr(), &quoted.replace('\n', "\r\n"), &expected);
        }
    }

    #[test]
    fn finds_columns_in_any_order_and_leaves_out_unknown_ones() {
        let text = "DATAFLOW,LAST UPDATE,OBS_VALUE,TIME_PERIOD,CURRENCY,FREQ,OBS_FLAG\n\
                    ECB:EXR(1.0),x,1,2020,USD,D,y\n";
        let kept = read(&[&exr()], text.as_bytes()).unwrap();
        assert_eq!(kept.lines, ["2 0 Merge [D|USD|2020|1|\u{2205}] 6,5,4,3,0"]);
        assert_eq!(kept.named, ["Dataflow ECB:EXR(1.0)"]);
    }

    #[test]
    fn cuts_labels_of_coded_cells_only() {
        check(
            &exr(),
            "DATAFLOW,FREQ: Frequency,CURRENCY: Currency,TIME_PERIOD: Time,OBS_VALUE,OBS_COM: Comment\n\
             ECB:EXR(1.0): Rates,D: Daily,USD: \"US: dollar\",2020: 2020,1.5,Note: broken\n",
            &["2 0 Merge [D|USD|2020|1.5|Note: broken]"],
        );
        check(
            &exr(),
            "DATAFLOW,FREQ,CURRENCY,TIME_PERIOD,OBS_VALUE\nECB:EXR(1.0),D: Daily,USD,2020,1\n",
            &["2 0 Merge [D: Daily|USD|2020|1|\u{2205}]"],
        );
    }

    #[test]
    fn reads_a_decimal_comma_where_semicolons_separate() {
        let head = "DATAFLOW;FREQ;CURRENCY;TIME_PERIOD;OBS_VALUE;OBS_COM\n";
        for (cell, value) in [("12,4", "12.4"), ("-0,5", "-0.5"), ("1,2,3", "1,2,3"), (",5", ",5")]
        {
            let text = format!("{head}ECB:EXR(1.0);D;\"a\"\"b\";2020;{cell};1,5\n");
            check(&exr(), &text, &[&format!("2 0 Merge [D|a\"b|2020|{value}|1,5]")]);
        }
        let text = "DATAFLOW,FREQ,CURRENCY,TIME_PERIOD,OBS_VALUE\nECB:EXR(1.0),D,E,2020,\"12,4\"\n";
        check(&exr(), text, &["2 0 Merge [D|E|2020|12,4|\u{2205}]"]);
    }

    #[test]
    fn counts_lines_through_quoted_cells() {
        check(
            &exr(),
            "DATAFLOW,FREQ,CURRENCY,TIME_PERIOD,OBS_VALUE,OBS_COM\n\n\
             ECB:EXR(1.0),D,USD,2020,1,\"a\n\"\"b\"\"\r\n,c\"\n\r\nECB:EXR(1.0),D,USD,2021,1,5\" wide\n",
            &["3 0 Merge [D|USD|2020|1|a\n\"b\"\r\n,c]", "7 0 Merge [D|USD|2021|1|5\" wide]"],
        );
    }

    #[test]
    fn hands_bad_lines_to_the_sink_and_goes_on() {
        let text = "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,CURRENCY,TIME_PERIOD,OBS_VALUE\n\
                    dataflow,ECB:EXR(1.0),M,D,USD,2020\n\
                    dataflow,ECB:EXR(1.0),X,D,USD,2020,1\n\
                    dataflow,ECB:EXR(1.0,M,D,USD,2020,1\n\
                    metadataflow,ECB:EXR(1.0),M,D,USD,2020,1\n\
                    dataflow,ECB:EXR(1.0),M,\"D\"x,USD,2020,1\n\
                    dataflow,ECB:EXR(1.0),D,D,USD,2020,1\n\
                    dataflow,ECB:EXR(1.0),R,D,\"USD,2020,1\n\
                    dataflow,ECB:EXR(1.0),R,D,USD,2021,2\n";
        let kept = read(&[&exr()], text.as_bytes()).unwrap();
        let expected = [
            "bad line 2: has 6 cells, and the header 7 <dataflow,ECB:EXR(1.0),M,D,USD,2020>",
            "bad line 3, column 3, ACTION \"X\": is none of I (information), A (append), M (merge), \
             R (replace), D (delete) <dataflow,ECB:EXR(1.0),X,D,USD,2020,1>",
            "bad line 4, column 2, STRUCTURE_ID \"ECB:EXR(1.0\": is no reference such as \
             ECB:EXR(1.0) <dataflow,ECB:EXR(1.0,M,D,USD,2020,1>",
            "bad line 5, column 1, STRUCTURE \"metadataflow\": is none of dataflow, datastructure, \
             dataprovision <metadataflow,ECB:EXR(1.0),M,D,USD,2020,1>",
            "bad line 6: there is text after a closing quote \
             <dataflow,ECB:EXR(1.0),M,\"D\"x,USD,2020,1>",
            "7 0 Delete [D|USD|2020|1|\u{2205}] 4,5,6,7,0",
            "bad line 8: a quote is opened and never closed \
             <dataflow,ECB:EXR(1.0),R,D,\"USD,2020,1>",
            "9 0 Replace [D|USD|2021|2|\u{2205}] 4,5,6,7,0",
        ];
        assert_eq!(kept.lines, expected);
        let latin = b"DATAFLOW,FREQ,CURRENCY,TIME_PERIOD,OBS_VALUE\nECB:EXR(1.0),D,\xe9,2020,1\n";
        let kept = read(&[&exr()], latin).unwrap();
        assert!(kept.lines[0].starts_with("bad line 2: is not UTF-8"), "{:?}", kept.lines);
        let mut stops = Kept { flows: vec![exr()], stops: true, ..Kept::default() };
        assert!(read_rows(text.as_bytes(), "f.csv", &mut stops).is_err());
        assert_eq!(stops.lines.len(), 1);
    }

    #[test]
    fn keeps_the_memory_of_cells_between_rows() {
        let mut cells: Vec<Cell<'_>> = Vec::with_capacity(100);
        cells.push(Some("x"));
        let (memory, text) = (cells.as_ptr() as usize, recycle(cells));
        assert_eq!((text.as_ptr() as usize, text.capacity(), text.len()), (memory, 100, 0));
    }

    #[test]
    fn refuses_what_is_no_message() {
        check_error(&exr(), b"", "f.csv:1: the file is empty");
        check_error(&exr(), b"KEY,FREQ\nx,y\n", "begins with \"KEY,FREQ\"");
        check_error(&exr(), b"DATAFLOWS,FREQ\n", "begins with");
        check_error(&exr(), b"DATAFLOW", "begins with");
        check_error(&exr(), b"STRUCTURE,FREQ\n", "after STRUCTURE comes STRUCTURE_ID");
        check_error(&exr(), b"<xml/>", "this is XML");
        check_error(&exr(), b"{}", "this is JSON");
        check_error(&exr(), b"\xff\xfeD\0", "UTF-16");
        check_error(&exr(), b"DATAFLOW,\xe9\n", "not UTF-8");
        check_error(
            &exr(),
            b"DATAFLOW,FREQ[,CURRENCY[]x,[\nECB:EXR(1.0),D,U,2020\n",
            "no column FREQ,",
        );
        let text =
            b"DATAFLOW,FREQ,FREQ,CURRENCY,TIME_PERIOD,OBS_VALUE\nECB:EXR(1.0),D,D,U,2020,1\n";
        check_error(&exr(), text, "columns 2 and 3 are both FREQ");
    }

    #[test]
    fn misses_columns_of_dimensions_that_rows_need() {
        let text = b"DATAFLOW,FREQ,TIME_PERIOD,OBS_VALUE\nECB:EXR(1.0),D,2020,1\n";
        check_error(
            &exr(),
            text,
            "f.csv:1: has no column CURRENCY, which is a dimension of ECB:EXR(1.0)",
        );
        let text = b"DATAFLOW,FREQ,CURRENCY,OBS_VALUE\nECB:EXR(1.0),D,USD,1\n";
        check_error(&exr(), text, "TIME_PERIOD");
        check_error(&exr(), b"DATAFLOW,FREQ\nECB:EXR(1.0),D\n", "CURRENCY");
        // A row that deletes may leave dimensions out: all their codes are meant.
        let head = "STRUCTURE,STRUCTURE_ID,ACTION,FREQ\n";
        let delete = format!("{head}dataflow,ECB:EXR(1.0),D,A\n");
        let none = "\u{2205}";
        check(&exr(), &delete, &[&format!("2 0 Delete [A|{none}|{none}|{none}|{none}]")]);
        check_error(&exr(), delete.replace(",D,", ",M,").as_bytes(), "CURRENCY");
        // So may one that gives only what depends on the others.
        let partial = flow("A:F(1.0)", &["X", "Y", "TIME_PERIOD"], &["V"], &["TITLE/Y", "NOTE"]);
        let text = "STRUCTURE;STRUCTURE_ID;Y;TITLE\ndatastructure;A:F(1.0);1;t\n";
        check(&partial, text, &[&format!("2 0 Merge [{none}|1|{none}|{none}|t|{none}]")]);
    }

    #[test]
    fn rows_carry_their_raw_text() {
        struct Raw(Vec<String>);
        impl RowSink for Raw {
            fn header(&mut self, raw: &str) -> Result<()> {
                self.0.push(raw.to_owned());
                Ok(())
            }
            fn flow(&mut self, _: &FlowRef) -> Result<Arc<Flow>> {
                Ok(exr())
            }
            fn row(&mut self, _: usize, row: &Row<'_>) -> Result<()> {
                self.0.push(row.raw.to_owned());
                Ok(())
            }
            fn bad_record(&mut self, _: Problem, raw: &[u8]) -> Result<()> {
                self.0.push(String::from_utf8_lossy(raw).into_owned());
                Ok(())
            }
        }
        let text = "DATAFLOW,FREQ,CURRENCY,TIME_PERIOD,OBS_VALUE\nECB:EXR(1.0),\"D\",\"a\n\"\"\",2020,1\n\
                    x\nECB:EXR(1.0),D,E,2020,1";
        let mut raw = Raw(Vec::new());
        read_rows(text.as_bytes(), "f.csv", &mut raw).unwrap();
        assert_eq!(raw.0.join("\n"), text);
    }

    #[test]
    fn reads_records_longer_than_the_buffer_and_refuses_endless_ones() {
        let head =
            "DATAFLOW,FREQ,CURRENCY,TIME_PERIOD,OBS_VALUE,OBS_COM\nECB:EXR(1.0),D,U,2020,1,\"";
        let long = "x\n".repeat(500_000);
        let text = format!("{head}{long}\"\nECB:EXR(1.0),D,U,2021,1,");
        let last = "500003 0 Merge [D|U|2021|1|]";
        check(&exr(), &text, &[&format!("2 0 Merge [D|U|2020|1|{long}]"), last]);
        let endless = format!("{head}{}", "x".repeat(17 << 20));
        check_error(&exr(), endless.as_bytes(), "f.csv:2: the record is too long");
        // With a line end, only the line is lost.
        let endless = format!("{head}\nECB:EXR(1.0),D,U,2021,1,\n{}", "x\n".repeat(9 << 20));
        let kept = read(&[&exr()], endless.as_bytes()).unwrap();
        assert!(kept.lines[0].starts_with("bad line 2: the record is too long"));
        assert!(kept.lines[1].starts_with("3 0 Merge [D|U|2021|1|]"));
    }

    /// Gives one byte at a time, so that every boundary of the buffer is met.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(out.len()).min(1);
            out[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn read_slowly(text: &[u8]) -> Vec<String> {
        let mut kept = Kept { flows: vec![exr()], ..Kept::default() };
        let end = read_rows(Slow(text), "f.csv", &mut kept).err();
        kept.lines.extend(end.map(|error| error.to_string()));
        kept.lines
    }

    proptest! {
        /// Any bytes are refused or read, never a panic; and the same however they arrive.
        #[test]
        fn survives_any_bytes(
            rest in prop::collection::vec(
                prop::sample::select(&b"\"\",,\n\r;aA:(1.0)\xc3\xa9MD"[..]), 0..120),
            head in prop::sample::select(vec![
                "DATAFLOW,FREQ,CURRENCY,TIME_PERIOD,OBS_VALUE\n",
                "STRUCTURE[;],STRUCTURE_ID,ACTION,FREQ,CURRENCY,TIME_PERIOD,OBS_VALUE\ndataflow,A:B,M,a",
                "DATAFLOW,FREQ,CURRENCY,TIME_PERIOD\nA:B(1),\"", "DATAFLOW", "STRUCTURE", "",
            ]),
        ) {
            let text = [head.as_bytes(), &rest].concat();
            let mut kept = Kept { flows: vec![exr()], ..Kept::default() };
            let end = read_rows(text.as_slice(), "f.csv", &mut kept).err();
            kept.lines.extend(end.map(|error| error.to_string()));
            prop_assert_eq!(kept.lines, read_slowly(&text));
        }
    }
}
