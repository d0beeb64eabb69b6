//! Series and observations to SDMX-CSV.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::collections::HashMap;
use std::io::{self, Write};

use crate::model::{Action, Cell, Component, ComponentRole, Flow, Period, ReportingYearStart};
use crate::model::{Span, write_moment};
use crate::sdmx::data::{CsvEdition, CsvLabels, CsvStyle, DataScope, DataSet, DataWriter, Level};

/// Bytes gathered before they are written.
const BUFFER_BYTES: usize = 64 << 10;
/// The attribute that says when a reporting year begins.
const YEAR_START: &str = "REPORTING_YEAR_START_DAY";

/// Writes the data of one dataflow as SDMX-CSV: its dimensions, time, and the measures and
/// attributes asked for, in the order of [`crate::model::Flow::components`], lines ended by a line feed.
///
/// Every row has all attributes that apply to it, whatever they attach to, so partial keys have no
/// rows of their own. A cell is quoted if it holds a separator, a quote or a line end, and not
/// otherwise, so equal rows are equal bytes. What is absent and what is empty is written as an
/// empty cell. What the observations of a series share is made into bytes once.
///
/// Source: SDMX-CSV field guides 1.0, 2.0 and 2.1.
pub struct CsvWriter<W> {
    out: W,
    /// The header at first, then rows.
    buffer: Vec<u8>,
    /// The cells before those of components, up to the action.
    prefix: Vec<u8>,
    /// The action, and the cells after those of components.
    set: SetCells,
    columns: Vec<Column>,
    has_observations: bool,
    /// What all observations of the current series share, and the cells in between.
    shared: Vec<u8>,
    gaps: Vec<Gap>,
    cells: Cells,
}

/// What a data set says of itself, as cells.
struct SetCells {
    version: CsvEdition,
    /// Whether the message has columns for when its data sets held.
    has_validity: bool,
    /// Whether the action stands after the components: version 1.0 has no column for it.
    is_action_last: bool,
    action: &'static [u8],
    last: Vec<u8>,
}

/// A column after those of the structure.
#[derive(Clone, Copy)]
struct Column {
    content: Content,
    /// Whether it differs among the observations of a series.
    varies: bool,
}

#[derive(Clone, Copy)]
enum Content {
    /// The component at this position.
    Component(usize),
    /// The name of its code.
    Name(usize),
    /// The codes of these first components, joined, without one of them.
    Key { count: usize, without: Option<usize> },
}

/// A cell that differs among the observations of a series: it stands in the shared bytes before
/// this end.
#[derive(Clone, Copy)]
struct Gap {
    end: usize,
    content: Content,
}

/// How cells become bytes.
struct Cells {
    /// For each component, its codes with their labels as finished cells; empty without labels.
    labels: Vec<HashMap<String, Vec<u8>>>,
    /// For each component, the names of its codes as finished cells; empty without names.
    names: Vec<HashMap<String, Vec<u8>>>,
    /// The position of time, where it is written as a date and time.
    normalized: Option<usize>,
    /// The position of the attribute that says when a reporting year begins.
    year_start: Option<usize>,
}

impl<W: Write> CsvWriter<W> {
    /// A writer of a message. Version 1.0 knows neither names in columns of their own nor keys:
    /// they are left out.
    pub fn new(out: W, scope: &DataScope<'_>, style: &CsvStyle) -> Self {
        let flow = scope.flow;
        let has_labels = style.labels == CsvLabels::Both;
        let has_names = style.labels == CsvLabels::Names && style.version != CsvEdition::V1_0;
        let names = |is_wanted: bool, label: fn(&str, &str) -> String| {
            let of = |component: &Component| codes_of(component, scope.language, label);
            let components = flow.components().iter().filter(|_| is_wanted);
            components.map(of).collect::<Vec<_>>()
        };
        let cells = Cells {
            labels: names(has_labels, |id, name| format!("{id}: {name}")),
            names: names(has_names, |_, name| name.to_owned()),
            normalized: flow.time_index().filter(|_| style.has_normalized_time),
            year_start: flow.position(YEAR_START),
        };
        let mut writer = Self {
            out,
            buffer: Vec::with_capacity(BUFFER_BYTES + (BUFFER_BYTES >> 2)),
            prefix: Vec::new(),
            set: SetCells::new(scope, style),
            columns: columns(scope, style, has_names),
            has_observations: scope.has_observations,
            shared: Vec::new(),
            gaps: Vec::new(),
            cells,
        };
        writer.write_header(scope, style);
        writer.write_prefix(scope, style);
        writer
    }

    /// Gives the output back.
    pub fn into_output(self) -> W {
        self.out
    }

    fn write_header(&mut self, scope: &DataScope<'_>, style: &CsvStyle) {
        let fixed: &[&str] = match (style.version, style.labels) {
            (CsvEdition::V1_0, _) => &["DATAFLOW"],
            (_, CsvLabels::Names) => &["STRUCTURE", "STRUCTURE_ID", "STRUCTURE_NAME", "ACTION"],
            _ => &["STRUCTURE", "STRUCTURE_ID", "ACTION"],
        };
        let mut header: Vec<String> = fixed.iter().map(|id| (*id).to_owned()).collect();
        // Columns of several values are marked, and the mark's separator is said at the top.
        let has_marks = style.version != CsvEdition::V1_0;
        let is_marked = |component: &Component| has_marks && component.is_multiple;
        let has_marked = self.columns.iter().any(|column| {
            let Content::Component(at) = column.content else { return false };
            scope.flow.components().get(at).is_some_and(is_marked)
        });
        if let Some(first) = header.first_mut().filter(|_| has_marked) {
            first.push_str("[;]");
        }
        // Version 1.0 gives the measure no label.
        let is_plain = |id: &str| {
            style.labels != CsvLabels::Both
                || style.version == CsvEdition::V1_0 && id == "OBS_VALUE"
        };
        for column in &self.columns {
            let component = |at: usize| scope.flow.components().get(at);
            header.push(match column.content {
                Content::Key { without: Some(_), .. } => "SERIES_KEY".to_owned(),
                Content::Key { without: None, .. } => "OBS_KEY".to_owned(),
                Content::Component(at) => component(at).map_or_else(String::new, |component| {
                    let name = component.names.best(scope.language);
                    let mark = if is_marked(component) { "[]" } else { "" };
                    let id = format!("{}{mark}", component.id);
                    labelled(&id, name.filter(|_| !is_plain(&component.id)))
                }),
                Content::Name(at) => {
                    let name = component(at).and_then(|c| c.names.best(scope.language));
                    name.unwrap_or_default().to_owned()
                }
            });
        }
        header.extend(self.set.names(scope.flow));
        for (index, id) in header.iter().enumerate() {
            if index > 0 {
                self.buffer.push(SEPARATOR);
            }
            write_cell(id, &mut self.buffer);
        }
        self.buffer.push(b'\n');
    }

    fn write_prefix(&mut self, scope: &DataScope<'_>, style: &CsvStyle) {
        let out = &mut self.prefix;
        let name = scope.flow.names.best(scope.language);
        let id = scope.flow.id.to_string();
        let id = labelled(&id, name.filter(|_| style.labels == CsvLabels::Both));
        if style.version == CsvEdition::V1_0 {
            return write_cell(&id, out);
        }
        out.extend_from_slice(b"dataflow");
        out.push(SEPARATOR);
        write_cell(&id, out);
        if style.labels == CsvLabels::Names {
            out.push(SEPARATOR);
            write_cell(name.unwrap_or_default(), out);
        }
    }

    fn end_row(&mut self) -> io::Result<()> {
        self.buffer.push(b'\n');
        if self.buffer.len() >= BUFFER_BYTES {
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}

impl<W: Write> DataWriter for CsvWriter<W> {
    fn begin(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn partial(&mut self, _: &[Cell<'_>]) -> io::Result<()> {
        Ok(())
    }

    fn series(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.shared.clear();
        self.gaps.clear();
        self.shared.extend_from_slice(&self.prefix);
        self.shared.extend_from_slice(self.set.action);
        for column in &self.columns {
            self.shared.push(SEPARATOR);
            if column.varies {
                self.gaps.push(Gap { end: self.shared.len(), content: column.content });
            } else {
                self.cells.write(column.content, cells, &mut self.shared);
            }
        }
        self.shared.extend_from_slice(&self.set.last);
        if self.has_observations {
            return Ok(());
        }
        self.buffer.extend_from_slice(&self.shared);
        self.end_row()
    }

    fn observation(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        let mut rest = self.shared.as_slice();
        let mut from = 0;
        for gap in &self.gaps {
            if let Some((before, after)) = rest.split_at_checked(gap.end - from) {
                self.buffer.extend_from_slice(before);
                (rest, from) = (after, gap.end);
            }
            self.cells.write(gap.content, cells, &mut self.buffer);
        }
        self.buffer.extend_from_slice(rest);
        self.end_row()
    }

    fn next_set(&mut self, set: &DataSet) -> io::Result<()> {
        self.set.say(set);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        self.out.flush()
    }
}

impl SetCells {
    fn new(scope: &DataScope<'_>, style: &CsvStyle) -> Self {
        let is_first = style.version == CsvEdition::V1_0;
        let mut cells = Self {
            version: style.version,
            has_validity: scope.set.has_validity(),
            is_action_last: is_first && scope.has_changes,
            action: b"",
            last: Vec::new(),
        };
        cells.say(&scope.set);
        cells
    }

    /// The names of the columns after those of components. They are not of the standard, which lets
    /// readers leave out columns that they do not know.
    fn names(&self, flow: &Flow) -> Vec<String> {
        let mut names = Vec::new();
        if self.is_action_last {
            names.push("ACTION");
        }
        if self.has_validity {
            names.extend(["VALID_FROM", "VALID_TO"]);
        }
        let free = |name: &str| {
            let is_taken = flow.position(name).is_some();
            if is_taken { format!("_{name}") } else { name.to_owned() }
        };
        names.into_iter().map(free).collect()
    }

    /// Makes the cells those of a data set.
    fn say(&mut self, set: &DataSet) {
        let letter = match set.action {
            // Version 2.0 has no letter for it, and means it by information.
            Action::Merge if self.version == CsvEdition::V2_0 => b",I",
            Action::Merge => b",M",
            Action::Replace => b",R",
            Action::Delete => b",D",
        };
        self.last.clear();
        if self.version != CsvEdition::V1_0 {
            self.action = letter;
        } else if self.is_action_last {
            self.last.extend_from_slice(letter);
        }
        if self.has_validity {
            for moment in [set.valid_from, set.valid_to] {
                self.last.push(SEPARATOR);
                write_cell(&moment.map(write_moment).unwrap_or_default(), &mut self.last);
            }
        }
    }
}

/// The columns after those of the structure.
fn columns(scope: &DataScope<'_>, style: &CsvStyle, has_names: bool) -> Vec<Column> {
    let flow = scope.flow;
    let mut columns = Vec::new();
    let key_count = flow.measures_from();
    if style.version != CsvEdition::V1_0 && style.has_series_key {
        let without = match scope.level {
            Level::Component(position) => Some(position),
            Level::Flat => flow.time_index(),
        };
        let without = Some(without.unwrap_or(key_count));
        columns.push(Column { content: Content::Key { count: key_count, without }, varies: false });
    }
    if style.version != CsvEdition::V1_0 && style.has_observation_key {
        let content = Content::Key { count: key_count, without: None };
        columns.push(Column { content, varies: true });
    }
    let measures = scope.measures.iter().map(|measure| flow.measures_from() + measure);
    let attributes = scope.attributes.iter().map(|attribute| flow.attributes_from() + attribute);
    for position in (0..key_count).chain(measures).chain(attributes) {
        let Some(component) = flow.components().get(position) else { continue };
        let varies = varies(scope, position, component);
        columns.push(Column { content: Content::Component(position), varies });
        if has_names {
            columns.push(Column { content: Content::Name(position), varies });
        }
    }
    columns
}

/// Whether a component differs among the observations of a series.
fn varies(scope: &DataScope<'_>, position: usize, component: &Component) -> bool {
    let time = scope.flow.time_index();
    let crossing = match scope.level {
        Level::Component(at) if Some(at) != time => Some(at),
        Level::Component(_) | Level::Flat => None,
    };
    match &component.role {
        ComponentRole::Dimension => crossing == Some(position),
        ComponentRole::Time => crossing.is_none(),
        ComponentRole::Measure | ComponentRole::ObservationAttribute => true,
        ComponentRole::KeyAttribute(on) => crossing.is_some_and(|at| on.contains(&at)),
    }
}

impl Cells {
    /// Writes a cell.
    #[inline]
    fn write(&self, content: Content, cells: &[Cell<'_>], out: &mut Vec<u8>) {
        let text = |at: usize| cells.get(at).copied().flatten().unwrap_or_default();
        match content {
            Content::Component(at) if self.normalized == Some(at) => {
                write_cell(&self.normalize(text(at), cells), out);
            }
            Content::Component(at) => {
                match self.labels.get(at).and_then(|labels| labels.get(text(at))) {
                    Some(label) => out.extend_from_slice(label),
                    None => write_cell(text(at), out),
                }
            }
            Content::Name(at) => {
                if let Some(name) = self.names.get(at).and_then(|names| names.get(text(at))) {
                    out.extend_from_slice(name);
                }
            }
            Content::Key { count, without } => {
                let parts = (0..count).filter(|at| Some(*at) != without);
                let parts: Vec<&str> = parts.map(text).collect();
                write_cell(&parts.join("."), out);
            }
        }
    }

    /// A period as the date and time of its first moment; as it is where the calendar has none.
    fn normalize(&self, period: &str, cells: &[Cell<'_>]) -> String {
        let start = self.year_start.and_then(|at| cells.get(at).copied().flatten());
        let start = start.and_then(|text| ReportingYearStart::parse(text).ok());
        let span = Period::parse(period).ok().and_then(|p| p.span(start.unwrap_or_default()));
        span.map_or_else(|| period.to_owned(), Span::first_moment)
    }
}

/// The codes of a component, each with what stands for it, as finished cells.
fn codes_of(
    component: &Component,
    language: &str,
    label: fn(&str, &str) -> String,
) -> HashMap<String, Vec<u8>> {
    let codes = component.codelist.iter().flat_map(|list| &list.codes);
    let cells = codes.filter_map(|code| {
        let mut cell = Vec::new();
        write_cell(&label(&code.id, code.names.best(language)?), &mut cell);
        Some((code.id.clone(), cell))
    });
    cells.collect()
}

/// The character between cells.
const SEPARATOR: u8 = b',';

#[inline]
fn write_cell(text: &str, out: &mut Vec<u8>) {
    if text.bytes().any(|byte| matches!(byte, SEPARATOR | b'"' | b'\r' | b'\n')) {
        write_quoted(text, out);
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

fn write_quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for (index, part) in text.split('"').enumerate() {
        if index > 0 {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(part.as_bytes());
    }
    out.push(b'"');
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
    use crate::model::{Artefacts, Flow, Row};
    use crate::sdmx::MessageHeader;
    use crate::sdmx::csv::fixture::{self, flow};
    use crate::sdmx::csv::read_rows;
    use crate::sdmx::rows::{FlowRef, RowSink};

    fn exr() -> Arc<Flow> {
        flow("ECB:EXR(1.0)", &["FREQ", "TIME_PERIOD"], &["OBS_VALUE"], &["OBS_COM"])
    }

    fn style(version: CsvEdition) -> CsvStyle {
        let (labels, has_normalized_time) = (CsvLabels::Ids, false);
        let (has_series_key, has_observation_key) = (false, false);
        CsvStyle { version, labels, has_normalized_time, has_series_key, has_observation_key }
    }

    fn header() -> MessageHeader {
        MessageHeader { id: String::new(), prepared: String::new(), sender: String::new() }
    }

    /// Writes rows, each as a series with one observation.
    fn write_at(
        flow: &Flow,
        level: Level,
        style: &CsvStyle,
        action: Action,
        rows: &[Vec<Cell<'_>>],
    ) -> String {
        let measures: Vec<usize> = (0..flow.measures().len()).collect();
        let attributes: Vec<usize> = (0..flow.attributes().len()).collect();
        let scope = DataScope {
            header: &header(),
            flow,
            artefacts: &Artefacts::default(),
            language: "en",
            level,
            measures: &measures,
            attributes: &attributes,
            set: DataSet { action, ..DataSet::default() },
            has_changes: false,
            has_observations: true,
        };
        let mut writer = CsvWriter::new(Vec::new(), &scope, style);
        writer.begin().unwrap();
        for row in rows {
            writer.series(row).unwrap();
            writer.observation(row).unwrap();
        }
        writer.finish().unwrap();
        String::from_utf8(writer.into_output()).unwrap()
    }

    fn write(version: CsvEdition, action: Action, rows: &[Vec<Cell<'_>>]) -> String {
        write_at(&exr(), Level::Component(1), &style(version), action, rows)
    }

    #[test]
    fn writes_each_version_and_quotes_when_needed() {
        let rows = [
            vec![Some("D"), Some("2020"), Some("1.50"), None],
            vec![Some("a;b"), Some("a,b"), Some("a\"b"), Some("a\nb")],
            vec![Some(""), Some(" "), Some("a\rb"), Some("é")],
        ];
        assert_eq!(
            write(CsvEdition::V1_0, Action::Merge, &rows),
            "DATAFLOW,FREQ,TIME_PERIOD,OBS_VALUE,OBS_COM\nECB:EXR(1.0),D,2020,1.50,\n\
             ECB:EXR(1.0),a;b,\"a,b\",\"a\"\"b\",\"a\nb\"\nECB:EXR(1.0),, ,\"a\rb\",é\n"
        );
        let v2 = "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,TIME_PERIOD,OBS_VALUE,OBS_COM\n\
                  dataflow,ECB:EXR(1.0),I,D,2020,1.50,\n\
                  dataflow,ECB:EXR(1.0),I,a;b,\"a,b\",\"a\"\"b\",\"a\nb\"\n\
                  dataflow,ECB:EXR(1.0),I,, ,\"a\rb\",é\n";
        assert_eq!(write(CsvEdition::V2_0, Action::Merge, &rows), v2);
        let check = |action, letter: &str| {
            assert_eq!(write(CsvEdition::V2_1, action, &rows), v2.replace(",I,", letter));
        };
        check(Action::Merge, ",M,");
        check(Action::Replace, ",R,");
        check(Action::Delete, ",D,");
    }

    #[test]
    fn writes_labels_that_are_cut_off_again() {
        let flow = flow("ECB:EXR(1.0)", &["FREQ+", "TIME_PERIOD"], &["OBS_VALUE"], &["OBS_COM"]);
        let rows = [
            vec![Some("A"), Some("2020"), Some("1"), Some("a: b")],
            vec![Some("Q"), Some("2020"), None, None],
        ];
        let both = CsvStyle { labels: CsvLabels::Both, ..style(CsvEdition::V1_0) };
        let written = write_at(&flow, Level::Component(1), &both, Action::Merge, &rows);
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

    #[test]
    fn writes_names_keys_and_moments_in_columns_of_their_own() {
        let flow = flow("ECB:EXR(1.0)", &["FREQ+", "CUR", "TIME_PERIOD"], &["OBS_VALUE"], &[]);
        let rows = [vec![Some("A"), Some("CHF"), Some("2020-Q2"), Some("1")]];
        let check = |style: &CsvStyle, level, expected: &str| {
            let written = write_at(&flow, level, style, Action::Replace, &rows);
            assert_eq!(written, expected);
            let mut kept = fixture::Kept { flows: vec![Arc::clone(&flow)], ..Default::default() };
            read_rows(written.as_bytes(), "f.csv", &mut kept).unwrap();
            let period = if style.has_normalized_time { "2020-04-01T00:00:00" } else { "2020-Q2" };
            assert!(
                kept.lines[0].contains(&format!("Replace [A|CHF|{period}|1]")),
                "{:?}",
                kept.lines
            );
        };
        let plain = style(CsvEdition::V2_1);
        check(
            &CsvStyle { labels: CsvLabels::Names, ..plain.clone() },
            Level::Component(2),
            "STRUCTURE,STRUCTURE_ID,STRUCTURE_NAME,ACTION,FREQ,FREQ,CUR,CUR,TIME_PERIOD,\
             TIME_PERIOD,OBS_VALUE,OBS_VALUE\n\
             dataflow,ECB:EXR(1.0),x,R,A,\"Annual, all\",CHF,,2020-Q2,,1,\n",
        );
        let keys = CsvStyle { has_series_key: true, has_observation_key: true, ..plain.clone() };
        let expected = "STRUCTURE,STRUCTURE_ID,ACTION,SERIES_KEY,OBS_KEY,FREQ,CUR,TIME_PERIOD,\
                        OBS_VALUE\n\
                        dataflow,ECB:EXR(1.0),R,A.CHF,A.CHF.2020-Q2,A,CHF,2020-Q2,1\n";
        check(&keys, Level::Component(2), expected);
        check(&keys, Level::Flat, expected);
        check(&keys, Level::Component(1), &expected.replace(",A.CHF,", ",A.2020-Q2,"));
        check(
            &CsvStyle { has_normalized_time: true, ..plain },
            Level::Component(2),
            "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,CUR,TIME_PERIOD,OBS_VALUE\n\
             dataflow,ECB:EXR(1.0),R,A,CHF,2020-04-01T00:00:00,1\n",
        );
    }

    #[test]
    fn marks_columns_of_several_values() {
        let flow = flow("ECB:EXR(1.0)", &["FREQ", "TIME_PERIOD"], &["OBS_VALUE"], &["STATUS#"]);
        let rows = [vec![Some("A"), Some("2020"), Some("1"), Some("X;Y")]];
        let check = |version, expected: &str| {
            let style = style(version);
            let written = write_at(&flow, Level::Component(1), &style, Action::Replace, &rows);
            assert_eq!(written, expected);
            let mut kept = fixture::Kept { flows: vec![Arc::clone(&flow)], ..Default::default() };
            read_rows(written.as_bytes(), "f.csv", &mut kept).unwrap();
            assert!(kept.lines[0].contains(" [A|2020|1|X;Y]"), "{:?}", kept.lines);
        };
        check(
            CsvEdition::V2_0,
            "STRUCTURE[;],STRUCTURE_ID,ACTION,FREQ,TIME_PERIOD,OBS_VALUE,STATUS[]\n\
             dataflow,ECB:EXR(1.0),R,A,2020,1,X;Y\n",
        );
        check(
            CsvEdition::V1_0,
            "DATAFLOW,FREQ,TIME_PERIOD,OBS_VALUE,STATUS\nECB:EXR(1.0),A,2020,1,X;Y\n",
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
        /// What is written is read as it was: any text, any action, and any place of the cells that
        /// series share.
        #[test]
        fn reads_back_what_it_writes(
            rows in prop::collection::vec(prop::collection::vec(text(), 4..=4), 0..40),
            action in prop::sample::select(&[Action::Merge, Action::Replace, Action::Delete][..]),
            level in prop::sample::select(
                &[Level::Flat, Level::Component(0), Level::Component(1)][..],
            ),
        ) {
            let given: Vec<Vec<Cell<'_>>> =
                rows.iter().map(|row| row.iter().map(|c| Some(c.as_str())).collect()).collect();
            let written = write_at(&exr(), level, &style(CsvEdition::V2_1), action, &given);
            let mut kept = Kept::default();
            read_rows(written.as_bytes(), "f.csv", &mut kept).unwrap();
            let rows: Vec<_> = rows.into_iter().map(|row| (action, row)).collect();
            prop_assert_eq!(kept.0, rows);
        }
    }
}
