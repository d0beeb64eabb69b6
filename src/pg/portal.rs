//! What a session keeps by name: prepared statements and portals.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use datafusion::common::ScalarValue;
use tokio::sync::Mutex;

use crate::pg::cursor::Scroll;
use crate::pg::describe::Described;
use crate::pg::encode::RowStyle;
use crate::pg::errors::Fault;
use crate::pg::execute::Tag;
use crate::pg::flow::{Flow, Notes};
use crate::pg::frontend::Bind;
use crate::pg::plan::{Parameter, Plan};
use crate::pg::sql::command::Command;
use crate::pg::sql::text::{self, Part};
use crate::pg::types::Format;
use crate::query::cancel::{CancelReason, CancelToken};

/// A prepared statement.
pub(super) struct Statement {
    /// The whole text, for places in it.
    pub(super) sql: String,
    /// Absent for a text without a statement.
    pub(super) body: Option<Body>,
}

/// A command, and the plan of those that are queries.
pub(super) struct Body {
    pub(super) part: Part,
    pub(super) command: Command,
    pub(super) plan: Option<Arc<Plan>>,
}

impl Statement {
    /// The parameters.
    pub(super) fn parameters(&self) -> &[Parameter] {
        let plan = self.body.as_ref().and_then(|body| body.plan.as_ref());
        plan.map_or(&[], |plan| &plan.parameters)
    }

    /// The place of what a fault is about.
    pub(super) fn locate(&self, fault: Fault) -> Fault {
        let Some(body) = &self.body else { return fault };
        locate(&self.sql, &body.part, fault)
    }

    /// Values for the parameters, from what was sent.
    pub(super) fn values(&self, bind: &Bind, style: &RowStyle) -> Result<Vec<ScalarValue>, Fault> {
        let expected = self.parameters();
        let (sent, formats) = (bind.parameters.len(), bind.parameter_formats.len());
        if sent != expected.len() {
            let text = format!(
                "bind message supplies {sent} parameters, but prepared statement \"{}\" requires {}",
                bind.statement,
                expected.len()
            );
            return Err(Fault::protocol(text));
        }
        if formats > 1 && formats != sent {
            let text =
                format!("bind message has {formats} parameter formats but {sent} parameters");
            return Err(Fault::protocol(text));
        }
        let format = |place: usize| match bind.parameter_formats.as_slice() {
            [] => Format::Text,
            [one] => Format::from_code(*one).unwrap_or_default(),
            all => all.get(place).and_then(|code| Format::from_code(*code)).unwrap_or_default(),
        };
        let parameters = expected.iter().zip(&bind.parameters).enumerate();
        let value = |(place, (parameter, bytes)): (usize, (&Parameter, &Option<Bytes>))| {
            parameter.decode(bytes.as_deref(), format(place), style)
        };
        parameters.map(value).collect()
    }
}

/// The place of what a fault is about, in the text.
pub(super) fn locate(sql: &str, part: &Part, fault: Fault) -> Fault {
    let place = match &fault.named {
        Some(name) if fault.position.is_none() => text::find(sql, part, name),
        _ => None,
    };
    fault.at(place)
}

/// Rows that can be asked for by name.
pub(super) enum Portal {
    Bound(Box<Bound>),
    Cursor(Cursor),
}

/// A prepared statement with its values.
pub(super) struct Bound {
    pub(super) statement: Arc<Statement>,
    pub(super) values: Vec<ScalarValue>,
    pub(super) formats: Vec<i16>,
    pub(super) progress: Progress,
}

/// How far a portal has come.
pub(super) enum Progress {
    New,
    /// Rows are left.
    Open(Sending),
    /// With the tag of its last answer.
    Done(Tag),
}

/// An answer that is being sent, piece by piece.
pub(super) struct Sending {
    pub(super) flow: Flow,
    pub(super) tag: Tag,
    pub(super) notes: Notes,
    /// Whether each row is of text, column by column: to be translated.
    pub(super) text_columns: Arc<[bool]>,
}

/// A cursor of SQL.
pub(super) struct Cursor {
    pub(super) scroll: Arc<Mutex<Scroll>>,
    pub(super) schema: SchemaRef,
    pub(super) fields: Vec<Described>,
    pub(super) is_binary: bool,
    /// Whether it outlives its transaction.
    pub(super) is_held: bool,
    /// Whether the transaction that declared it has been committed.
    pub(super) is_committed: bool,
    /// Savepoints that were open when it was declared.
    pub(super) depth: usize,
    pub(super) token: CancelToken,
}

impl Drop for Cursor {
    fn drop(&mut self) {
        self.token.cancel(CancelReason::Request);
    }
}

/// The format of each column: none, one for all, or one each.
pub(super) fn formats(codes: &[i16], columns: usize) -> Result<Vec<Format>, Fault> {
    match codes {
        [] => Ok(vec![Format::Text; columns]),
        [one] => Ok(vec![Format::from_code(*one).unwrap_or_default(); columns]),
        all if all.len() == columns => {
            Ok(all.iter().map(|code| Format::from_code(*code).unwrap_or_default()).collect())
        }
        all => {
            let text = format!(
                "bind message has {} result formats but query has {columns} columns",
                all.len()
            );
            Err(Fault::protocol(text))
        }
    }
}
