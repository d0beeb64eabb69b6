//! `generate_series` with PostgreSQL's types: whole numbers are 32 bits wide unless they need more.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_table::generate_series::GenerateSeriesFunc;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;

/// The name of the column.
const NAME: &str = "generate_series";

/// The function of FROM.
#[derive(Debug)]
pub(super) struct Series;

impl TableFunctionImpl for Series {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let is_small = args.exprs().iter().all(|expr| {
            matches!(expr, Expr::Literal(ScalarValue::Int64(Some(n)), _) if i32::try_from(*n).is_ok())
        });
        let inner = GenerateSeriesFunc {}.call_with_args(args)?;
        let found = inner.schema().field(0).data_type().clone();
        let data_type = if is_small && found == DataType::Int64 { DataType::Int32 } else { found };
        let schema = Arc::new(Schema::new(vec![Field::new(NAME, data_type, false)]));
        Ok(Arc::new(SeriesTable { inner, schema }))
    }
}

/// The rows of one call.
#[derive(Debug)]
struct SeriesTable {
    inner: Arc<dyn TableProvider>,
    schema: SchemaRef,
}

#[async_trait]
impl TableProvider for SeriesTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = self.inner.scan(state, None, &[], limit).await?;
        let found = rows.schema().field(0).clone();
        let columns = projection.map_or(1, Vec::len);
        let value = |name: &str| -> Arc<dyn PhysicalExpr> {
            let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(name, 0));
            let wanted = self.schema.field(0).data_type();
            if found.data_type() == wanted {
                column
            } else {
                Arc::new(CastExpr::new(column, wanted.clone(), None))
            }
        };
        let columns = (0..columns).map(|_| (value(found.name()), NAME.to_owned()));
        let columns: Vec<(Arc<dyn PhysicalExpr>, String)> = columns.collect();
        Ok(Arc::new(ProjectionExec::try_new(columns, rows)?))
    }
}
