//! Tables that are queries over other tables: labels, the exact names of SDMX, and the views that
//! ship as SQL.
//!
//! A view is planned into the statement that names it, so what can be decided on series is decided
//! there all the same.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::catalog::view::ViewTable;
use datafusion::common::{Column, Result};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, ScalarUDF, lit};

use crate::model::{ComponentRole, Flow};
use crate::query::scan::{SDMX_ID, SDMX_ROLE};

/// The views of `sql/catalogue`, by their names in `sdmx_catalog`.
pub(super) const SHIPPED: &[(&str, &str)] = &[
    ("attributes", include_str!("../../../sql/catalogue/attributes.sql")),
    ("code_paths", include_str!("../../../sql/catalogue/code_paths.sql")),
    ("dimensions", include_str!("../../../sql/catalogue/dimensions.sql")),
];

/// A dataflow's table with each component under its identifier in SDMX. Columns that follow from
/// a component (`period_start`, `obs_value_text`) keep their names.
pub(super) fn exact(table: Arc<dyn TableProvider>, name: &str) -> Result<ViewTable> {
    let schema = table.schema();
    let columns = schema.fields().iter().map(|field| {
        let column = Expr::Column(Column::new(Some(name), field.name()));
        match field
            .metadata()
            .get(SDMX_ID)
            .filter(|_| is_component(field.metadata().get(SDMX_ROLE)))
        {
            Some(id) if id != field.name() => column.alias(id),
            _ => column,
        }
    });
    let columns: Vec<Expr> = columns.collect();
    let plan = LogicalPlanBuilder::scan(name, provider_as_source(table), None)?;
    Ok(ViewTable::new(plan.project(columns)?.build()?, None))
}

/// A dataflow's table with `<column>_name` after each coded dimension and attribute.
///
/// The names come from a function of the one column, not from a join: a filter on the code reaches
/// the scan unchanged.
pub(super) fn labels(
    table: Arc<dyn TableProvider>,
    name: &str,
    flow: &Flow,
    label: &Arc<ScalarUDF>,
    language: &str,
) -> Result<ViewTable> {
    let schema = table.schema();
    let taken: HashSet<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let mut columns = Vec::with_capacity(schema.fields().len() * 2);
    for field in schema.fields() {
        let column = Expr::Column(Column::new(Some(name), field.name()));
        columns.push(column.clone());
        let id = field.metadata().get(SDMX_ID);
        let id = id.filter(|_| is_component(field.metadata().get(SDMX_ROLE)));
        let component = id.and_then(|id| flow.components().get(flow.position(id)?));
        let Some(component) = component.filter(|c| c.role != ComponentRole::Measure) else {
            continue;
        };
        let Some(list) = &component.codelist else { continue };
        let free = ["name", "label"].into_iter().map(|end| format!("{}_{end}", field.name()));
        let free = free.into_iter().find(|free| !taken.contains(free.as_str()));
        if let Some(free) = free {
            let arguments = vec![lit(list.identity.id.to_string()), column, lit(language)];
            let call = ScalarFunction::new_udf(Arc::clone(label), arguments);
            columns.push(Expr::ScalarFunction(call).alias(free));
        }
    }
    let plan = LogicalPlanBuilder::scan(name, provider_as_source(table), None)?;
    Ok(ViewTable::new(plan.project(columns)?.build()?, None))
}

/// Whether a column shows a component itself, and not what follows from one.
fn is_component(role: Option<&String>) -> bool {
    matches!(role.map(String::as_str), Some("dimension" | "time" | "measure" | "attribute"))
}
