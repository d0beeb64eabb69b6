//! SDMX-CSV data messages, versions 1.0, 2.0 and 2.1.
//!
//! Read in this order: `record` (bytes to records and cells), `header` (what each column is, and
//! which component of a dataflow it belongs to), `read` (records to rows), `write` (rows to bytes).
//!
//! **Invariant:** the text of a cell is handed on as it stands, with three exceptions, which the
//! standard asks for: the label of a coded cell (`A: Annual`) is cut off, the quotes around a cell
//! are taken away, and a decimal comma, which only files separated by semicolons have, becomes a
//! point.
//!
//! Source: SDMX-CSV field guides 1.0, 2.0 and 2.1.

mod header;
mod read;
mod record;
mod write;

pub use read::{CsvSummary, FlowKind, FlowRef, RowSink, read_rows};
pub use write::{CsvLayout, CsvWriter};

/// A version of SDMX-CSV that can be told from its first line. Versions 2.0 and 2.1 differ in the
/// letter `M` of `ACTION` only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsvVersion {
    /// `DATAFLOW,...`
    V1,
    /// `STRUCTURE,STRUCTURE_ID,...`
    V2,
}
