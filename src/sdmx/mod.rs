//! SDMX syntaxes and the model: what comes in from files, and what goes out.
//!
//! Read in this order: `sniff` (which kind of message bytes are), `input` (compressed bytes to
//! plain ones), `output` (bytes to compressed ones), `xml` (XML to elements), `structure`
//! (structure messages to artefacts and back), `rows` (what readers of data say, and to whom),
//! `csv` (SDMX-CSV data messages to rows, and rows to SDMX-CSV), `data` (data messages in XML and
//! JSON), `request` (what readers ask for over HTTP). `text_types` has words that two of them share.
//!
//! **Invariant:** everything here reads from `Read` and writes to `Write`; nothing opens a file.
//!
//! **Invariant:** no input panics, and none takes memory out of proportion: each loop and each
//! buffer has a bound in [`crate::limits`]. Errors name the file, the line and what to do.

pub mod csv;
pub mod data;
mod header;
pub mod input;
pub mod output;
pub mod request;
pub mod rows;
mod sniff;
pub mod structure;
mod text_types;
mod xml;

pub use header::MessageHeader;
pub use sniff::{Kind, sniff};
