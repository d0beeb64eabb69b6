//! A cube as a table of DataFusion.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Constraints, Statistics};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::error;
use crate::query::error::to_datafusion;
use crate::query::pushdown::{Pushdown, support};
use crate::query::scan::{ScanSpec, SeriesScanExec, Source};
use crate::query::statistics;
use crate::store::{Cube, PeriodFilter, ScanOrder, SeriesFilter};

/// Whose operators answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Operators {
    /// Those over series, wherever they apply, and DataFusion's for the rest.
    #[default]
    Series,
    /// Those of DataFusion alone, over all rows of a table.
    Rows,
}

/// A dataflow at one snapshot, as a table.
#[derive(Debug)]
pub struct CubeTable {
    source: Arc<Source>,
    constraints: Constraints,
    operators: Operators,
}

impl CubeTable {
    /// The table of `cube`. It keeps what its queries share, so make one for each cube.
    ///
    /// # Errors
    ///
    /// As of reading which periods the cube has.
    pub fn new(cube: Arc<Cube>) -> error::Result<Self> {
        let source = Arc::new(Source::new(cube)?);
        let constraints = statistics::primary_key(&source);
        Ok(Self { source, constraints, operators: Operators::Series })
    }

    /// The same table for these operators: over rows, it takes no filter and no limit, and knows
    /// nothing before it is read.
    #[must_use]
    pub fn with_operators(self, operators: Operators) -> Self {
        Self { operators, ..self }
    }

    /// The cube and its columns.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }
}

#[async_trait]
impl TableProvider for CubeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.source.schema())
    }

    fn constraints(&self) -> Option<&Constraints> {
        Some(&self.constraints)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match self.operators {
            Operators::Series => support(&self.source, filter),
            Operators::Rows => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }

    fn statistics(&self) -> Option<Statistics> {
        if self.operators == Operators::Rows {
            return None;
        }
        let series = self.source.cube().select(&SeriesFilter::All).ok()?;
        let spec = ScanSpec {
            series: Arc::new(series),
            periods: PeriodFilter::All,
            order: ScanOrder::Stored,
            projection: (0..self.source.contents().len()).collect(),
            fetch: None,
            memberships: Vec::new(),
        };
        statistics::of_scan(&self.source, &spec, &spec.series).ok()
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let pushdown = Pushdown::of(&self.source, filters, state)?;
        let series = self.source.cube().select(&pushdown.series).map_err(to_datafusion)?;
        let all = || (0..self.source.contents().len()).collect();
        let spec = ScanSpec {
            series: Arc::new(series),
            periods: pushdown.periods,
            order: ScanOrder::Stored,
            projection: projection.map_or_else(all, Clone::clone),
            fetch: limit.filter(|_| pushdown.is_exact && self.operators == Operators::Series),
            memberships: Vec::new(),
        };
        let target = state.config().target_partitions();
        Ok(Arc::new(SeriesScanExec::try_new(Arc::clone(&self.source), spec, target)?))
    }
}
