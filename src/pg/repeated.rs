//! Queries that a client sends again as the same text, which need not be parsed and planned again as
//! long as what they see stays the same.

use std::collections::HashMap;
use std::sync::Arc;

use crate::limits::{PG_KNOWN_TEXT_BYTES_MAX, PLANS_KEPT_MAX};
use crate::pg::errors::Fault;
use crate::pg::portal::{Body, Statement};
use crate::pg::session::Session;
use crate::pg::sql::command::Command;

/// Queries by their text.
#[derive(Default)]
pub(super) struct Repeated {
    by_text: HashMap<String, Entry>,
}

struct Entry {
    /// The types that the client gave to parameters.
    declared: Vec<u32>,
    statement: Arc<Statement>,
}

impl Session {
    /// The query with this text and these types of parameters, if it was planned over what the
    /// session sees now.
    ///
    /// # Errors
    ///
    /// Those that planning begins with: a transaction that has failed, a release that the user may
    /// not see.
    pub(super) fn repeated(
        &mut self,
        sql: &str,
        declared: &[u32],
    ) -> Result<Option<Arc<Statement>>, Fault> {
        let entry = self.repeated.by_text.get(sql).filter(|entry| entry.declared == declared);
        let Some(statement) = entry.map(|entry| Arc::clone(&entry.statement)) else {
            return Ok(None);
        };
        self.check_failed()?;
        self.see_release()?;
        let plan = statement.body.as_ref().and_then(|body| body.plan.as_ref());
        if plan.is_some_and(|plan| plan.is_current(&self.query)) {
            return Ok(Some(statement));
        }
        self.repeated.by_text.remove(sql);
        Ok(None)
    }

    /// Keeps a query for the next time that its text comes.
    pub(super) fn keep_repeated(&mut self, declared: &[u32], statement: &Arc<Statement>) {
        let Some(Body { command: Command::Query(_), plan: Some(plan), .. }) = &statement.body
        else {
            return;
        };
        if statement.sql.len() > PG_KNOWN_TEXT_BYTES_MAX || !plan.is_current(&self.query) {
            return;
        }
        // Who asks so many different queries asks few of them again.
        if self.repeated.by_text.len() >= PLANS_KEPT_MAX {
            self.repeated.by_text.clear();
        }
        let entry = Entry { declared: declared.to_vec(), statement: Arc::clone(statement) };
        self.repeated.by_text.insert(statement.sql.clone(), entry);
    }
}
