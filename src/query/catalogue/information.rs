//! `information_schema`: schemas, tables and columns as the SQL standard lists them.
//!
//! `schemata` and `tables` follow from names alone. `columns` makes the tables that it lists, so a
//! condition on the schema or the table is used to make only those.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{
    BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType,
};
use datafusion::physical_plan::ExecutionPlan;

use crate::query::catalogue::columns::Columns;
use crate::query::catalogue::provider::{Catalogue, DATABASE};

/// The tables of this schema.
pub(super) const TABLES: [&str; 3] = ["schemata", "tables", "columns"];

/// One row a schema.
pub(super) fn schemata(catalogue: &Catalogue, rows: bool) -> Result<RecordBatch> {
    let names: Vec<String> = catalogue.schema_names().into_iter().filter(|_| rows).collect();
    Columns::default()
        .key("catalog_name", names.iter().map(|_| DATABASE))
        .key("schema_name", names.iter())
        .batch()
}

/// One row a table.
pub(super) fn tables(catalogue: &Catalogue, rows: bool) -> Result<RecordBatch> {
    let mut all = Vec::new();
    for schema in catalogue.schema_names().into_iter().filter(|_| rows) {
        for (table, kind) in catalogue.tables(&schema) {
            all.push((schema.clone(), table, kind));
        }
    }
    let kind = |kind: TableType| match kind {
        TableType::Base => "BASE TABLE",
        TableType::View => "VIEW",
        TableType::Temporary => "LOCAL TEMPORARY",
    };
    Columns::default()
        .key("table_catalog", all.iter().map(|_| DATABASE))
        .key("table_schema", all.iter().map(|(schema, ..)| schema))
        .key("table_name", all.iter().map(|(_, table, _)| table))
        .key("table_type", all.iter().map(|(.., found)| kind(*found)))
        .batch()
}

/// `information_schema.columns`.
pub(super) struct ColumnsTable {
    catalogue: Arc<Catalogue>,
    schema: SchemaRef,
}

impl fmt::Debug for ColumnsTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("information_schema.columns")
    }
}

impl ColumnsTable {
    pub(super) fn new(catalogue: Arc<Catalogue>) -> Result<Self> {
        let schema = columns(&[])?.schema();
        Ok(Self { catalogue, schema })
    }
}

#[async_trait]
impl TableProvider for ColumnsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let wanted = |column: &str, value: &str| {
            let mut texts = filters.iter().filter_map(|filter| equal_text(filter, column));
            texts.all(|text| text == value)
        };
        let mut all = Vec::new();
        let schemas = self.catalogue.schema_names();
        for schema in schemas.into_iter().filter(|name| wanted("table_schema", name)) {
            let tables = self.catalogue.tables(&schema);
            for (table, _) in tables.into_iter().filter(|(name, _)| wanted("table_name", name)) {
                if let Some(provider) = self.catalogue.provider(&schema, &table)? {
                    all.push((schema.clone(), table, provider.schema()));
                }
            }
        }
        let batch = columns(&all)?;
        let schema = Arc::clone(&self.schema);
        Ok(MemorySourceConfig::try_new_exec(&[vec![batch]], schema, projection.cloned())?)
    }
}

/// The text that a condition `column = 'text'` asks for.
fn equal_text<'a>(filter: &'a Expr, column: &str) -> Option<&'a str> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = filter else {
        return None;
    };
    match (left.as_ref(), right.as_ref()) {
        (Expr::Column(found), Expr::Literal(value, _))
        | (Expr::Literal(value, _), Expr::Column(found))
            if found.name == column =>
        {
            value.try_as_str().flatten()
        }
        _ => None,
    }
}

fn columns(tables: &[(String, String, SchemaRef)]) -> Result<RecordBatch> {
    let mut all = Vec::new();
    for (schema, table, columns) in tables {
        all.extend(columns.fields().iter().enumerate().map(|(i, field)| (schema, table, i, field)));
    }
    let is_nullable = |nullable: bool| if nullable { "YES" } else { "NO" };
    Columns::default()
        .key("table_catalog", all.iter().map(|_| DATABASE))
        .key("table_schema", all.iter().map(|(schema, ..)| schema))
        .key("table_name", all.iter().map(|(_, table, ..)| table))
        .key("column_name", all.iter().map(|(.., field)| field.name()))
        .integer("ordinal_position", all.iter().map(|(_, _, i, _)| i32::try_from(i + 1).ok()))
        .text("column_default", all.iter().map(|_| None::<&str>))
        .key("is_nullable", all.iter().map(|(.., field)| is_nullable(field.is_nullable())))
        .key("data_type", all.iter().map(|(.., field)| type_name(field.data_type())))
        .batch()
}

/// The name in PostgreSQL of a type that our tables use.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => "character varying".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Int16 => "smallint".into(),
        DataType::Int32 => "integer".into(),
        DataType::Int64 => "bigint".into(),
        DataType::Float64 => "double precision".into(),
        DataType::Date32 => "date".into(),
        DataType::Timestamp(TimeUnit::Microsecond, None) => "timestamp without time zone".into(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => "timestamp with time zone".into(),
        other => other.to_string(),
    }
}
