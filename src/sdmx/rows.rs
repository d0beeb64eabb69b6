//! What readers of data messages say, and whom they say it to.

use std::fmt;
use std::sync::Arc;

use crate::error::{Problem, Result};
use crate::model::{Flow, Row};

/// What a message says its data are published under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlowKind {
    /// A dataflow, the only kind of SDMX-CSV 1.0.
    Dataflow,
    /// A data structure definition without a dataflow.
    DataStructure,
    /// A provision agreement.
    ProvisionAgreement,
}

/// The reference of a message to the structure of its data.
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

/// Takes the rows of a message as they are read.
pub trait RowSink {
    /// Called before the first row with the first line of a table: of the file itself (CSV), or of
    /// one that the rows of a dataflow would stand in (XML, once a dataflow). Without its line end.
    ///
    /// # Errors
    ///
    /// Any error stops the read.
    fn header(&mut self, raw: &str) -> Result<()> {
        let _ = raw;
        Ok(())
    }

    /// Whether rows must carry their text, which costs time where it has to be made
    /// ([`Row::raw`] of messages in XML).
    fn keeps_raw(&self) -> bool {
        false
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

    /// Called where rows from now on may be about the same observations again.
    fn next_run(&mut self) {}

    /// Takes a line that is no row (a wrong number of cells, an unclosed quote, not UTF-8, an
    /// unknown action), with its bytes as they stand, without the line end.
    ///
    /// # Errors
    ///
    /// Any error stops the read; without one it goes on at the next line.
    fn bad_record(&mut self, problem: Problem, raw: &[u8]) -> Result<()>;
}
