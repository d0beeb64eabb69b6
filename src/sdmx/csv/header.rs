//! The first line of a message: what each column is, and which component of a dataflow it holds.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use crate::error::{Error, Result};
use crate::model::{Component, ComponentRole, Flow, TextType};
use crate::sdmx::csv::CsvVersion;
use crate::sdmx::csv::record::Texts;

/// Marks a component that has no column.
const NO_COLUMN: usize = usize::MAX;

/// The columns of a message.
pub(super) struct Header {
    pub(super) version: CsvVersion,
    pub(super) separator: u8,
    /// The columns with the kind (2.x only) and the identifier of the structure.
    pub(super) kind: Option<usize>,
    pub(super) id: usize,
    pub(super) action: Option<usize>,
    columns: Vec<Column>,
    /// The first column that may hold a component.
    components_from: usize,
    /// Whether each component is followed by a column with its name.
    has_name_columns: bool,
    /// Whether cells are `A: Annual`.
    has_labels: bool,
}

/// A column that may hold a component.
struct Column {
    /// The identifier before the label and the brackets.
    id: String,
    /// Whether one cell may hold several values or languages.
    is_multiple: bool,
}

/// What to do with the text of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    Keep,
    /// Cut at `: `.
    CutLabel,
}

/// Where the components of one dataflow stand.
pub(super) struct Layout {
    /// For each component, its column and what to do with it; [`NO_COLUMN`] where there is none.
    pub(super) cells: Vec<(usize, Treatment)>,
    /// For each component, its column from 1; 0 where there is none.
    pub(super) columns: Vec<u32>,
    /// The columns in which a decimal comma becomes a point.
    pub(super) decimal_commas: Vec<usize>,
    /// The dimension that rows of this file would need and do not have.
    pub(super) missing: Option<String>,
}

/// The version and the separator that the first bytes show; absent for other files.
pub(super) fn dialect(first: &[u8]) -> Option<(CsvVersion, u8)> {
    let (quote, rest) = match first.strip_prefix(b"\"") {
        Some(rest) => (&b"\""[..], rest),
        None => (&b""[..], first),
    };
    let (version, rest) = match rest.strip_prefix(b"DATAFLOW") {
        Some(rest) => (CsvVersion::V1, rest),
        None => (CsvVersion::V2, rest.strip_prefix(b"STRUCTURE")?),
    };
    let rest = match rest {
        [b'[', _, b']', rest @ ..] if version == CsvVersion::V2 => rest,
        rest => rest,
    };
    let separator = *rest.strip_prefix(quote)?.first()?;
    let is_plain = matches!(separator, b'\t' | b' '..=b'~');
    let is_word = separator.is_ascii_alphanumeric() || b"_\"[]:-.".contains(&separator);
    (is_plain && !is_word).then_some((version, separator))
}

impl Header {
    /// Parses the cells of the first line.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] without the columns that begin a message.
    pub(super) fn parse(
        file: &str,
        (version, separator): (CsvVersion, u8),
        cells: Texts<'_>,
    ) -> Result<Self> {
        let names: Vec<&str> = (0..cells.len()).map(|index| cells.get(index)).collect();
        let id_of = |index: usize| names.get(index).map_or("", |name| name.trim());
        let mut header = Self {
            version,
            separator,
            kind: None,
            id: 0,
            action: None,
            columns: Vec::new(),
            components_from: 1,
            has_name_columns: false,
            has_labels: names.iter().any(|name| name.contains(": ")),
        };
        if version == CsvVersion::V2 {
            if id_of(1) != "STRUCTURE_ID" {
                let reason =
                    format!("column 2 is {:?}; after STRUCTURE comes STRUCTURE_ID", id_of(1));
                return Err(Error::syntax(format!("{file}:1"), reason));
            }
            (header.kind, header.id, header.components_from) = (Some(0), 1, 2);
            for (index, name) in names.iter().enumerate().skip(2) {
                match name.trim() {
                    "STRUCTURE_NAME" => header.has_name_columns = true,
                    "ACTION" => header.action = Some(index),
                    "SERIES_KEY" | "OBS_KEY" => {}
                    _ => break,
                }
                header.components_from = index + 1;
            }
        }
        header.columns = names.iter().map(|name| Column::parse(name)).collect();
        Ok(header)
    }

    /// The number of columns, which is the number of cells of each row.
    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// Finds the columns of a dataflow's components.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if two columns hold one component.
    pub(super) fn layout(&self, file: &str, flow: &Flow) -> Result<Layout> {
        let components = flow.components();
        let mut cells = vec![(NO_COLUMN, Treatment::Keep); components.len()];
        let mut columns = vec![0; components.len()];
        let mut decimal_commas = Vec::new();
        let mut index = self.components_from;
        while let Some(column) = self.columns.get(index) {
            let this = index;
            index += 1;
            let Some(position) = flow.position(&column.id) else { continue };
            let (Some(cell), Some(component)) = (cells.get_mut(position), components.get(position))
            else {
                continue;
            };
            if cell.0 != NO_COLUMN {
                let reason = format!("columns {} and {} are both {}", cell.0 + 1, index, column.id);
                return Err(Error::invalid(format!("{file}:1"), reason));
            }
            *cell = (this, self.treatment(component, column));
            if let Some(column) = columns.get_mut(position) {
                *column = u32::try_from(index).unwrap_or(u32::MAX);
            }
            if self.separator == b';' && may_be_number(component) {
                decimal_commas.push(this);
            }
            if self.has_name_columns {
                index += 1;
            }
        }
        let missing = missing_dimension(flow, &columns);
        Ok(Layout { cells, columns, decimal_commas, missing })
    }

    fn treatment(&self, component: &Component, column: &Column) -> Treatment {
        // The text of an uncoded component may itself have a colon; a period has none before a space.
        let is_coded = component.codelist.is_some() || component.role == ComponentRole::Time;
        if self.has_labels && is_coded && !column.is_multiple {
            Treatment::CutLabel
        } else {
            Treatment::Keep
        }
    }
}

impl Column {
    /// Parses `ID`, `ID: Name`, `ID[]` or `ID[en;fr]`.
    fn parse(cell: &str) -> Self {
        let id = cell.split_once(": ").map_or(cell, |(id, _)| id).trim();
        match id.split_once('[') {
            // What goes on after the bracket is a part of reference metadata: no component.
            Some((id, rest)) if rest.find(']').is_some_and(|end| end + 1 == rest.len()) => {
                Self { id: id.to_owned(), is_multiple: true }
            }
            _ => Self { id: id.to_owned(), is_multiple: false },
        }
    }
}

/// Whether a decimal comma may stand in the component's text.
fn may_be_number(component: &Component) -> bool {
    let is_measure = component.role == ComponentRole::Measure;
    let is_numeric = matches!(component.text_type, TextType::Decimal | TextType::Double);
    component.codelist.is_none() && (is_measure || is_numeric)
}

/// The first dimension without a column that some component with a column needs.
fn missing_dimension(flow: &Flow, columns: &[u32]) -> Option<String> {
    let has_column = |position: usize| columns.get(position).is_some_and(|column| *column > 0);
    let keys = 0..flow.measures_from();
    let others = flow.components().iter().enumerate().skip(flow.measures_from());
    let given: Vec<&Component> = others.filter(|(i, _)| has_column(*i)).map(|(_, c)| c).collect();
    let is_needed = |position: usize| {
        let needs = |component: &&Component| match &component.role {
            ComponentRole::KeyAttribute(dimensions) => dimensions.contains(&position),
            _ => true,
        };
        given.is_empty() || given.iter().any(needs)
    };
    let mut missing = keys.filter(|position| !has_column(*position) && is_needed(*position));
    let component = flow.components().get(missing.next()?)?;
    Some(component.id.clone())
}
