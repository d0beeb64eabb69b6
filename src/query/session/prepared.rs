//! A statement that is planned once and answered many times.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement;

use crate::error::{Error, Result};
use crate::query::error::from_datafusion;
use crate::query::session::headers;
use crate::query::session::plans::Planned;
use crate::query::session::ready::Ready;
use crate::query::session::write::PreparedWrite;

/// A statement that is planned once and answered many times.
pub struct Prepared {
    pub(super) statement: Box<Statement>,
    pub(super) tag: &'static str,
    pub(super) plan: Arc<Planned>,
    pub(super) ready: Arc<Ready>,
    /// Of a statement that writes, what; its plan is what it reads.
    pub(super) write: Option<PreparedWrite>,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prepared({})", self.statement)
    }
}

impl Prepared {
    pub(super) fn writing(
        statement: Box<Statement>,
        tag: &'static str,
        plan: LogicalPlan,
        ready: Arc<Ready>,
        write: PreparedWrite,
    ) -> Self {
        Self { statement, tag, plan: Planned::new(plan), ready, write: Some(write) }
    }

    /// The columns of its answers. Their types are those after the analysis, which gives a sum of
    /// whole numbers more room; a plan that is open for a type keeps its own.
    pub fn schema(&self) -> SchemaRef {
        if let Some(write) = &self.write {
            return Arc::clone(write.schema());
        }
        let analyse = || {
            let (session, logical) = (&self.ready.session, &self.plan.logical);
            let options = session.config_options();
            let analysed =
                session.analyzer().execute_and_check(logical.clone(), options, |_, _| {});
            let plan = analysed.as_ref().unwrap_or(logical);
            headers::named(logical, plan.schema().inner())
        };
        Arc::clone(self.plan.schema.get_or_init(analyse))
    }

    /// The plan, with `$1`, `$2` and so on in it.
    pub fn plan(&self) -> &LogicalPlan {
        &self.plan.logical
    }

    /// The parameters, counted from 0, whose values are written as they are.
    pub fn written(&self) -> Vec<usize> {
        self.write.as_ref().map(PreparedWrite::written).unwrap_or_default()
    }

    /// The types of `$1`, `$2` and so on; absent where the statement leaves one open.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a parameter that is no number, or used as two types.
    pub fn parameters(&self) -> Result<Vec<Option<DataType>>> {
        let types =
            self.plan.logical.get_parameter_types().map_err(|error| from_datafusion(&error))?;
        let mut all = Vec::new();
        for (name, found) in types {
            let number = name.strip_prefix('$').and_then(|n| n.parse::<usize>().ok());
            let Some(place) = number.and_then(|n| n.checked_sub(1)).filter(|n| *n < 65_535) else {
                return Err(Error::invalid(name, "is no parameter; write $1, $2 and so on"));
            };
            all.resize_with(all.len().max(place + 1), || None);
            if let Some(slot) = all.get_mut(place) {
                *slot = found;
            }
        }
        if let Some(write) = &self.write {
            write.complete(&mut all);
        }
        Ok(all)
    }
}
