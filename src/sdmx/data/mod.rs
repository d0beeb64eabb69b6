//! Data messages other than CSV: what goes out, format by format, and what comes in as XML.
//!
//! A [`DataWriter`] is driven in one order: [`DataWriter::begin`]; the attributes of the dataflow,
//! then those of partial keys, each key once ([`DataWriter::partial`]); then each series
//! ([`DataWriter::series`]) followed by its observations ([`DataWriter::observation`]); then
//! [`DataWriter::finish`]. A message of several data sets says [`DataWriter::next_set`] between them,
//! and each begins with its own partial keys. Nothing is kept of a series once the next begins, so a message may be of
//! any size. [`writer`] gives the writer of a format.
//!
//! Read in this order: `choice` (which writer a format has), `layout` (where components stand),
//! `groups` and `arrays` (partial keys with a name; cells with several values), `output` (bytes and
//! escapes), `xml_header`, `generic_xml` and `specific_xml`, then `json`, `json_values` (numbers of
//! values), `json_types` and `json_number` (which values are numbers) and `json_structure`.
//! [`read_rows`] reads SDMX-ML: `read` (the message), `read_header`, `read_cells` (values on their
//! way to rows), `read_delete` (the same where they are deleted), `read_generic`, `read_specific`.
//!
//! **Invariant:** memory does not grow with a message, but for the distinct values that JSON refers
//! to by number, which [`crate::limits`] bounds.

mod arrays;
mod choice;
mod generic_xml;
mod groups;
mod json;
mod json_number;
mod json_structure;
mod json_types;
mod json_values;
mod layout;
mod output;
mod read;
mod read_cells;
mod read_delete;
mod read_generic;
mod read_header;
mod read_specific;
mod specific_xml;
#[cfg(test)]
mod tests;
mod xml_header;

use std::io;

pub use choice::writer;
pub use read::{XmlSummary, read_rows};

use crate::model::{Action, Artefacts, Cell, Flow};
use crate::sdmx::MessageHeader;

/// The formats of data messages, by what they are called in media types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataFormat {
    /// `data+csv`.
    Csv(CsvStyle),
    /// `genericdata+xml;version=2.1`.
    GenericXml21,
    /// `generictimeseriesdata+xml;version=2.1`: time stands at the observation.
    GenericSeriesXml21,
    /// `structurespecificdata+xml;version=2.1`.
    StructureSpecificXml21,
    /// `structurespecifictimeseriesdata+xml;version=2.1`: time stands at the observation.
    StructureSpecificSeriesXml21,
    /// `data+xml;version=3.0.0`.
    Xml30,
    /// `data+json;version=1.0.0-wd`: header, dataSets and structure at the top.
    JsonDraft,
    /// `data+json;version=1.0.0`.
    Json10,
    /// `data+json;version=2.0.0`.
    Json20,
    /// `data+json;version=2.1.0`.
    Json21,
}

/// How SDMX-CSV is laid out: the parameters of its media type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvStyle {
    /// The version of the format.
    pub version: CsvEdition,
    /// `labels`.
    pub labels: CsvLabels,
    /// `timeFormat=normalized`: periods as date-times of their first moment.
    pub has_normalized_time: bool,
    /// `keys=series` or `both`: a column `SERIES_KEY`.
    pub has_series_key: bool,
    /// `keys=obs` or `both`: a column `OBS_KEY`.
    pub has_observation_key: bool,
}

/// The versions of SDMX-CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsvEdition {
    /// 1.0.0.
    V1_0,
    /// 2.0.0.
    V2_0,
    /// 2.1.0.
    V2_1,
}

/// What SDMX-CSV shows beside identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsvLabels {
    /// `labels=id`: nothing.
    Ids,
    /// `labels=name`: names in columns of their own (2.x).
    Names,
    /// `labels=both`: `ID: Name` in one cell.
    Both,
}

/// What stands at each observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// All dimensions: there are no series, and each observation carries the whole key.
    Flat,
    /// One component, by its position among [`Flow::components`]: the time or a dimension.
    Component(usize),
}

/// What a data set says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataSet {
    /// What a receiver shall do with it.
    pub action: Action,
    /// Since when its observations are as it says, in microseconds since 1970, where it tells of
    /// history.
    pub valid_from: Option<i64>,
    /// Until when they were, where it tells of history.
    pub valid_to: Option<i64>,
}

impl DataSet {
    /// Whether the message tells of history: its data sets say when they held.
    pub fn has_validity(self) -> bool {
        self.valid_from.is_some() || self.valid_to.is_some()
    }
}

/// What a message is about: the same from its first byte to its last.
#[derive(Clone, Copy, Debug)]
pub struct DataScope<'a> {
    /// The header.
    pub header: &'a MessageHeader,
    /// The dataflow.
    pub flow: &'a Flow,
    /// Where names and other artefacts are looked up.
    pub artefacts: &'a Artefacts,
    /// The language of names where one is written, `en`.
    pub language: &'a str,
    /// What stands at each observation.
    pub level: Level,
    /// The measures written, by position among [`Flow::measures`], ascending.
    pub measures: &'a [usize],
    /// The attributes written, by position among [`Flow::attributes`], ascending.
    pub attributes: &'a [usize],
    /// What the first data set says of itself.
    pub set: DataSet,
    /// Whether the message tells what changed, so that its data sets differ in what to do.
    pub has_changes: bool,
    /// Whether observations come at all; without them, the message lists series.
    pub has_observations: bool,
}

/// Writes a data message of one format. Cells stand in the order of [`Flow::components`], one for
/// each component; those that do not apply or were not asked for are absent.
pub trait DataWriter {
    /// Writes what comes before all data.
    ///
    /// # Errors
    ///
    /// Those of the output.
    fn begin(&mut self) -> io::Result<()>;

    /// Writes the values of attributes of one partial key, or of the dataflow where no dimension
    /// has a cell: the dataflow comes first. Partial keys of the same dimensions come one after the
    /// other. Attributes of whole keys do not come here.
    ///
    /// # Errors
    ///
    /// Those of the output.
    fn partial(&mut self, cells: &[Cell<'_>]) -> io::Result<()>;

    /// Begins a series: the cells of its dimensions (without the one at the observation) and of
    /// every attribute that applies to it, those of the dataflow and of partial keys included;
    /// attributes on the dimension at the observation come with the observations. Where that is
    /// not time, time is a cell of the series.
    /// Where all dimensions stand at the observation there is one for each series of the store
    /// all the same, so that what its observations share is said once.
    ///
    /// # Errors
    ///
    /// Those of the output.
    fn series(&mut self, cells: &[Cell<'_>]) -> io::Result<()>;

    /// Writes an observation of the series begun last: the cells of the series, and those of the
    /// component at the observation, of the time, of the measures and of the observation's
    /// attributes.
    ///
    /// # Errors
    ///
    /// Those of the output.
    fn observation(&mut self, cells: &[Cell<'_>]) -> io::Result<()>;

    /// Ends the data set that is being written, and begins another of the same dataflow.
    ///
    /// # Errors
    ///
    /// Those of the output.
    fn next_set(&mut self, set: &DataSet) -> io::Result<()>;

    /// Writes what comes after all data, and flushes.
    ///
    /// # Errors
    ///
    /// Those of the output.
    fn finish(&mut self) -> io::Result<()>;
}
