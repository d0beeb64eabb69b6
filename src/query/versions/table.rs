//! A table whose rows are versions or changes of one dataflow.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{
    BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::streaming::StreamingTableExec;

use crate::error;
use crate::query::versions::rows::{Feed, OpenFeed, Partition};
use crate::store::KeyFilter;

/// Makes the rows of the series that are wanted.
type Open = Arc<dyn Fn(&KeyFilter) -> error::Result<Feed> + Send + Sync>;

/// A table whose rows are made while they are read. Its first columns are the dimensions.
pub(super) struct VersionTable {
    schema: SchemaRef,
    /// For each dimension the codes that the call asks for, none of them meaning all.
    key: Vec<Vec<String>>,
    open: Open,
}

impl fmt::Debug for VersionTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VersionTable of {} columns", self.schema.fields().len())
    }
}

impl VersionTable {
    pub(super) fn new(
        schema: SchemaRef,
        key: Vec<Vec<String>>,
        open: impl Fn(&KeyFilter) -> error::Result<Feed> + Send + Sync + 'static,
    ) -> Self {
        Self { schema, key, open: Arc::new(open) }
    }

    /// The dimension that a filter restricts, and to which codes.
    fn restriction(&self, filter: &Expr) -> Option<(usize, Vec<String>)> {
        let text = |expr: &Expr| match expr {
            Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
            _ => None,
        };
        let (column, codes) = match filter {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
                match (left.as_ref(), right.as_ref()) {
                    (Expr::Column(column), value) | (value, Expr::Column(column)) => {
                        (column, vec![text(value)?])
                    }
                    _ => return None,
                }
            }
            Expr::InList(InList { expr, list, negated: false }) => match expr.as_ref() {
                Expr::Column(column) => (column, list.iter().map(text).collect::<Option<_>>()?),
                _ => return None,
            },
            _ => return None,
        };
        let dimension = self.schema.index_of(column.name()).ok()?;
        (dimension < self.key.len() && !codes.is_empty()).then_some((dimension, codes))
    }
}

#[async_trait]
impl TableProvider for VersionTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    /// A filter on one dimension leaves out series that are not read; every filter is applied to
    /// the rows once more.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match self.restriction(filter) {
            Some(_) => TableProviderFilterPushDown::Inexact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut key = self.key.clone();
        for (dimension, codes) in filters.iter().filter_map(|filter| self.restriction(filter)) {
            // Where both the call and the statement restrict a dimension, one of them is enough.
            if let Some(slot) = key.get_mut(dimension).filter(|slot| slot.is_empty()) {
                *slot = codes;
            }
        }
        let (filter, open) = (KeyFilter::any_of(vec![key]), Arc::clone(&self.open));
        let open: OpenFeed = Arc::new(move || open(&filter));
        let partition = Partition { schema: Arc::clone(&self.schema), open };
        Ok(Arc::new(StreamingTableExec::try_new(
            Arc::clone(&self.schema),
            vec![Arc::new(partition)],
            projection,
            [],
            false,
            limit,
        )?))
    }
}
