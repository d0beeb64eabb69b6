//! A table in memory, built when it is first read.

use std::fmt;
use std::sync::{Arc, OnceLock};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Constraint, Constraints, Result};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

/// Builds the rows; with `false`, none of them, for the schema.
type Build = Box<dyn Fn(bool) -> Result<RecordBatch> + Send + Sync>;

/// A small table whose rows follow from the catalogue. They are built once, when they are first
/// read, and kept as long as the snapshot is used.
pub struct Listing {
    schema: SchemaRef,
    constraints: Option<Constraints>,
    build: Build,
    rows: OnceLock<RecordBatch>,
}

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listing of {} columns", self.schema.fields().len())
    }
}

impl Listing {
    /// A table that `build` makes: all of it, or with `false` only its columns.
    ///
    /// # Errors
    ///
    /// Those of `build`.
    pub fn new(
        build: impl Fn(bool) -> Result<RecordBatch> + Send + Sync + 'static,
    ) -> Result<Self> {
        let schema = build(false)?.schema();
        Ok(Self { schema, constraints: None, build: Box::new(build), rows: OnceLock::new() })
    }

    /// The same with its first column declared the primary key, which it must be.
    #[must_use]
    pub fn with_primary_key(mut self) -> Self {
        let key = Constraint::PrimaryKey(vec![0]);
        self.constraints = Some(Constraints::new_unverified(vec![key]));
        self
    }

    fn rows(&self) -> Result<&RecordBatch> {
        if let Some(rows) = self.rows.get() {
            return Ok(rows);
        }
        let rows = (self.build)(true)?;
        Ok(self.rows.get_or_init(|| rows))
    }
}

#[async_trait]
impl TableProvider for Listing {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn constraints(&self) -> Option<&Constraints> {
        self.constraints.as_ref()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = self.rows()?;
        let step = state.config().batch_size().max(1);
        let starts = (0..rows.num_rows()).step_by(step);
        let batches = starts.map(|at| rows.slice(at, step.min(rows.num_rows() - at))).collect();
        let schema = Arc::clone(&self.schema);
        Ok(MemorySourceConfig::try_new_exec(&[batches], schema, projection.cloned())?)
    }
}
