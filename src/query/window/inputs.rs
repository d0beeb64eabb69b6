//! The plan below window functions: a scan, and what is made of its columns.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column as PhysicalColumn};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;

use crate::model::PeriodForm;
use crate::query::error::to_datafusion;
use crate::query::order::fixed;
use crate::query::scan::{Content, ScanSpec, SeriesScanExec, Source};
use crate::query::window::SeriesWindowExec;
use crate::query::window::spec::{Column, Input, WindowSpec};
use crate::query::window::wholeness;
use crate::store::{Direction, ScanOrder, Selections};

/// A plan that gives rows of series, as far as windows care.
pub(super) struct Below {
    pub(super) source: Arc<Source>,
    pub(super) scan: ScanSpec,
    /// The outputs are the columns of the plan.
    pub(super) spec: WindowSpec,
    /// The series that come whole in stored order, and the others; absent until somebody asked.
    whole: Option<(Selections, Selections)>,
}

impl Below {
    /// What `plan` is; absent if it is anything but a scan, perhaps with conditions, projections
    /// and windows of ours.
    pub(super) fn of(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Self>> {
        if let Some(scan) = plan.downcast_ref::<SeriesScanExec>() {
            return Ok(Self::of_scan(scan));
        }
        if let Some(windows) = plan.downcast_ref::<SeriesWindowExec>() {
            return Ok(windows.below());
        }
        if let Some(filter) = plan.downcast_ref::<FilterExec>() {
            let below = Self::of(filter.input())?.filter(|_| filter.fetch().is_none());
            let Some(mut below) = below else { return Ok(None) };
            if !below.restrict(filter.predicate())? {
                return Ok(None);
            }
            if let Some(kept) = filter.projection() {
                let outputs = kept.iter().map(|place| below.spec.outputs[*place]);
                below.spec.outputs = outputs.collect();
            }
            return Ok(Some(below));
        }
        let Some(projection) = plan.downcast_ref::<ProjectionExec>() else { return Ok(None) };
        let Some(mut below) = Self::of(projection.input())? else { return Ok(None) };
        let exprs: Vec<_> = projection.expr().iter().map(|projected| &projected.expr).collect();
        Ok(below.project(&exprs)?.then_some(below))
    }

    fn of_scan(scan: &SeriesScanExec) -> Option<Self> {
        // A scan that stops early stops within a series.
        if scan.spec().fetch.is_some() || scan.spec().order != ScanOrder::Stored {
            return None;
        }
        let source = Arc::clone(scan.source());
        let input = |column: &usize| {
            let name = source.schema().field(*column).name();
            let measure = match source.contents()[*column] {
                Content::Number(measure) => Some(measure),
                _ => None,
            };
            Input { expr: Arc::new(PhysicalColumn::new(name, *column)), measure }
        };
        let inputs: Vec<Input> = scan.spec().projection.iter().map(input).collect();
        let outputs = (0..inputs.len()).map(Column::Input).collect();
        let spec = WindowSpec { inputs, condition: None, windows: Vec::new(), outputs, ends: None };
        Some(Self { source, scan: scan.spec().clone(), spec, whole: None })
    }

    /// What an operator of ours is, for windows above it.
    pub(super) fn of_windows(source: Arc<Source>, scan: ScanSpec, spec: WindowSpec) -> Self {
        Self { source, scan, spec, whole: None }
    }

    /// An expression over the outputs as one over the table; absent if it looks at windows.
    fn over_table(&self, expr: &Arc<dyn PhysicalExpr>) -> Result<Option<Arc<dyn PhysicalExpr>>> {
        let input = |column: &PhysicalColumn| match self.spec.outputs.get(column.index()) {
            Some(Column::Input(input)) => Some(Arc::clone(&self.spec.inputs[*input].expr)),
            _ => None,
        };
        if is_volatile(expr) || collect_columns(expr).iter().any(|column| input(column).is_none()) {
            return Ok(None);
        }
        let moved = Arc::clone(expr).transform_down(|node| {
            let column = node.downcast_ref::<PhysicalColumn>().and_then(input);
            Ok(match column {
                Some(column) => Transformed::new(column, true, TreeNodeRecursion::Jump),
                None => Transformed::no(node),
            })
        });
        moved.data().map(Some)
    }

    /// Takes a condition on its rows; false if it cannot.
    fn restrict(&mut self, condition: &Arc<dyn PhysicalExpr>) -> Result<bool> {
        // Below windows rows may go; above them, they have been counted already.
        if !self.spec.windows.is_empty() {
            return Ok(false);
        }
        let Some(condition) = self.over_table(condition)? else { return Ok(false) };
        self.spec.condition = Some(match self.spec.condition.take() {
            None => condition,
            Some(known) => Arc::new(BinaryExpr::new(known, Operator::And, condition)),
        });
        Ok(true)
    }

    /// Takes a projection; false if it cannot.
    fn project(&mut self, exprs: &[&Arc<dyn PhysicalExpr>]) -> Result<bool> {
        let mut outputs = Vec::with_capacity(exprs.len());
        for expr in exprs {
            if let Some(column) = expr.downcast_ref::<PhysicalColumn>() {
                outputs.push(self.spec.outputs[column.index()]);
                continue;
            }
            let Some(expr) = self.over_table(expr)? else { return Ok(false) };
            outputs.push(Column::Input(self.spec.inputs.len()));
            self.spec.inputs.push(Input { expr, measure: None });
        }
        self.spec.outputs = outputs;
        Ok(true)
    }

    /// What the table's column is that an output shows unchanged.
    fn content(&self, column: Column) -> Option<Content> {
        content(&self.source, &self.spec, column)
    }

    /// Whether an expression over the outputs has one value in each series.
    fn is_constant(&self, expr: &Arc<dyn PhysicalExpr>) -> bool {
        let is_of_key = |column: &PhysicalColumn| {
            matches!(
                self.source.contents()[column.index()],
                Content::Code(_) | Content::KeyAttribute(_)
            )
        };
        let is_constant = |column: &PhysicalColumn| match self.spec.outputs.get(column.index()) {
            Some(Column::Input(input)) => {
                collect_columns(&self.spec.inputs[*input].expr).iter().all(is_of_key)
            }
            _ => false,
        };
        !is_volatile(expr) && collect_columns(expr).iter().all(is_constant)
    }

    /// Whether rows with equal values of these expressions are those of one series.
    pub(super) fn is_series(&self, partition: &[Arc<dyn PhysicalExpr>]) -> bool {
        if !partition.iter().all(|expr| self.is_constant(expr)) {
            return false;
        }
        let mut is_given = vec![false; self.source.cube().flow().dimensions().len()];
        for expr in partition {
            let column = expr.downcast_ref::<PhysicalColumn>().map(PhysicalColumn::index);
            let column = column.and_then(|column| self.spec.outputs.get(column));
            if let Some(Content::Code(dimension)) = column.and_then(|column| self.content(*column))
            {
                is_given[dimension] = true;
            }
        }
        let is_fixed = fixed(&self.source, &self.scan.series);
        is_given.iter().enumerate().all(|(dimension, is_given)| *is_given || is_fixed(dimension))
    }

    /// Which way an order goes through the time of a series: nowhere if it has no time in it.
    /// Absent if it is another order.
    #[expect(clippy::option_option, reason = "no order is not the same as another order")]
    pub(super) fn time(&mut self, order: &[PhysicalSortExpr]) -> Result<Option<Option<Direction>>> {
        for sort in order {
            if self.is_constant(&sort.expr) {
                continue;
            }
            let column = sort.expr.downcast_ref::<PhysicalColumn>();
            let column = column.and_then(|c| self.spec.outputs.get(c.index())).copied();
            let is_time = match column.and_then(|column| self.content(column)) {
                Some(Content::PeriodText) => true,
                Some(Content::PeriodStart | Content::PeriodEnd) => self.has_days_in_order()?,
                _ => false,
            };
            let is_descending = sort.options.descending;
            let direction =
                if is_descending { Direction::Descending } else { Direction::Ascending };
            // No two rows of a series have one time, so what follows does not matter.
            return Ok(is_time.then_some(Some(direction)));
        }
        Ok(Some(None))
    }

    /// Whether the periods of each series begin, and end, in the order of their texts.
    fn has_days_in_order(&mut self) -> Result<bool> {
        let forms = self.source.cube().forms().map_err(to_datafusion)?;
        let lacks_days = |form: &PeriodForm| {
            matches!(form, PeriodForm::Week | PeriodForm::ReportingDay | PeriodForm::Timeless)
        };
        if self.source.has_other_periods() || forms.iter().any(|(form, _)| lacks_days(form)) {
            return Ok(false);
        }
        // Only series that do not come whole can have periods of several forms.
        Ok(self.whole()?.1.is_empty())
    }

    /// The series that come whole in stored order, and the others.
    pub(super) fn whole(&mut self) -> Result<&(Selections, Selections)> {
        let whole = if let Some(whole) = self.whole.take() {
            whole
        } else {
            let found = wholeness::split(self.source.cube(), &self.scan.series);
            found.map_err(to_datafusion)?
        };
        Ok(self.whole.insert(whole))
    }
}

/// What the table's column is that a column shows unchanged.
pub(super) fn content(source: &Source, spec: &WindowSpec, column: Column) -> Option<Content> {
    let Column::Input(input) = column else { return None };
    let column = spec.inputs[input].expr.downcast_ref::<PhysicalColumn>()?;
    source.contents().get(column.index()).copied()
}
