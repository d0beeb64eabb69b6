//! What a window function of DataFusion is, in our terms.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{WindowFrame, WindowFrameBound, WindowFrameUnits};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::window::SlidingAggregateWindowExpr;
use datafusion::physical_plan::windows::{
    PlainAggregateWindowExpr, StandardWindowExpr, WindowExpr, WindowUDFExpr,
};

use crate::query::window::spec::{Column, Frame, Function, Plain, Window};
use crate::store::Direction;

/// What a window function sees.
pub(super) struct Seen<'a> {
    /// The columns, in the order in which it knows them.
    pub(super) columns: &'a [Column],
    pub(super) schema: &'a Schema,
    /// Which way it goes through time; absent where it goes in no order.
    pub(super) time: Option<Direction>,
}

/// The function as one of ours, or as one that DataFusion calculates series by series.
///
/// # Errors
///
/// None that DataFusion did not have.
pub(super) fn translate(expr: &Arc<dyn WindowExpr>, seen: &Seen<'_>) -> Result<Window> {
    let direction = seen.time.unwrap_or(Direction::Ascending);
    let frame = frame(expr.get_window_frame(), seen.time);
    let field = expr.field()?;
    let known = standard(expr, seen, frame).or_else(|| aggregate(expr, seen, frame));
    if let Some(function) = known
        && data_type(&function, seen).as_ref() == Some(field.data_type())
    {
        return Ok(Window { function, frame: frame.unwrap_or(Frame::WHOLE), direction });
    }
    let used = |place: usize| {
        let exprs = expr.all_expressions();
        let mut exprs = exprs.args.into_iter().chain(exprs.order_by_exprs);
        let looks = |expr: Arc<dyn PhysicalExpr>| {
            collect_columns(&expr).iter().any(|column| column.index() == place)
        };
        // A condition of its own is not among its expressions.
        is_aggregate(expr) && has_condition(expr) || exprs.any(looks)
    };
    let columns = seen.columns.iter().enumerate();
    let columns = columns.map(|(place, column)| used(place).then_some(*column)).collect();
    let function = Function::Plain(Plain { expr: Arc::clone(expr), columns });
    Ok(Window { function, frame: Frame::WHOLE, direction })
}

/// The frame in rows along time; absent where it is none. No two rows of a series are of one time.
fn frame(frame: &WindowFrame, time: Option<Direction>) -> Option<Frame> {
    let bound = |bound: &WindowFrameBound| -> Option<Option<i64>> {
        let count = |rows: &ScalarValue| match rows.cast_to(&DataType::Int64) {
            Ok(ScalarValue::Int64(Some(rows))) => Some(rows),
            _ => None,
        };
        match bound {
            bound if bound.is_unbounded() => Some(None),
            WindowFrameBound::CurrentRow => Some(Some(0)),
            WindowFrameBound::Preceding(rows) => count(rows).map(|rows| Some(-rows)),
            WindowFrameBound::Following(rows) => count(rows).map(Some),
        }
    };
    let (start, end) = (bound(&frame.start_bound)?, bound(&frame.end_bound)?);
    let is_distance = |bound: Option<i64>| bound.is_some_and(|rows| rows != 0);
    let found = match (frame.units, time) {
        (WindowFrameUnits::Range, _) if is_distance(start) || is_distance(end) => return None,
        // All rows are peers.
        (WindowFrameUnits::Range, None) => Frame::WHOLE,
        (WindowFrameUnits::Groups, None) => return None,
        _ => Frame { start, end },
    };
    Some(if time == Some(Direction::Descending) { found.reversed() } else { found })
}

/// `lag`, `lead`, `row_number`, ranks, and the values of a frame's first and last row.
fn standard(expr: &Arc<dyn WindowExpr>, seen: &Seen<'_>, frame: Option<Frame>) -> Option<Function> {
    let expr = expr.as_any().downcast_ref::<StandardWindowExpr>()?;
    let call = expr.get_standard_func_expr().as_any().downcast_ref::<WindowUDFExpr>()?;
    // There is no other way to see that NULLs are not left out.
    if !format!("{call:?}").ends_with("is_reversed: false, ignore_nulls: false }") {
        return None;
    }
    let is_backwards = seen.time == Some(Direction::Descending);
    match call.fun().name() {
        "row_number" => Some(Function::RowNumber),
        "rank" | "dense_rank" if seen.time.is_some() => Some(Function::RowNumber),
        name @ ("lag" | "lead") => shift(call.args(), seen, (name == "lead") != is_backwards),
        name @ ("first_value" | "last_value") => {
            frame?;
            let column = seen.column(call.args().first()?)?;
            let is_first = (name == "first_value") != is_backwards;
            Some(if is_first { Function::First(column) } else { Function::Last(column) })
        }
        _ => None,
    }
}

fn shift(args: &[Arc<dyn PhysicalExpr>], seen: &Seen<'_>, is_later: bool) -> Option<Function> {
    let literal = |place: usize| args.get(place).map(|arg| arg.downcast_ref::<Literal>());
    let column = seen.column(args.first()?)?;
    let rows = match literal(1) {
        None => 1,
        Some(rows) => match rows?.value().cast_to(&DataType::Int64) {
            Ok(ScalarValue::Int64(Some(rows))) => rows,
            _ => return None,
        },
    };
    let default = match literal(2) {
        None => None,
        Some(default) => match default?.value() {
            default if default.is_null() => None,
            _ if seen.data_type(column) != Some(&DataType::Float64) => return None,
            default => match default.cast_to(&DataType::Float64) {
                Ok(ScalarValue::Float64(number)) => number,
                _ => return None,
            },
        },
    };
    let rows = if is_later { rows.checked_neg()? } else { rows };
    Some(Function::Shift { column, rows, default })
}

/// The aggregate function of a window, if it is one.
fn called(expr: &Arc<dyn WindowExpr>) -> Option<&AggregateFunctionExpr> {
    let growing = expr.as_any().downcast_ref::<PlainAggregateWindowExpr>();
    let sliding = expr.as_any().downcast_ref::<SlidingAggregateWindowExpr>();
    let growing = growing.map(PlainAggregateWindowExpr::get_aggregate_expr);
    growing.or_else(|| sliding.map(SlidingAggregateWindowExpr::get_aggregate_expr))
}

fn is_aggregate(expr: &Arc<dyn WindowExpr>) -> bool {
    called(expr).is_some()
}

/// Whether an aggregate may have a `FILTER`: there is no other way to see that it has none.
fn has_condition(expr: &Arc<dyn WindowExpr>) -> bool {
    !format!("{expr:?}").ends_with("filter: None }")
}

/// `count`, `sum`, `avg`, `min` and `max` over a frame.
fn aggregate(
    expr: &Arc<dyn WindowExpr>,
    seen: &Seen<'_>,
    frame: Option<Frame>,
) -> Option<Function> {
    frame?;
    let call = called(expr)?;
    if call.is_distinct() || !call.order_bys().is_empty() || has_condition(expr) {
        return None;
    }
    let [argument] = call.expressions().try_into().ok()?;
    let is_value = argument.downcast_ref::<Literal>().is_some_and(|l| !l.value().is_null());
    let name = call.fun().name();
    if name == "count" && is_value {
        return Some(Function::CountRows);
    }
    let column = seen.column(&argument)?;
    let is_double = seen.data_type(column) == Some(&DataType::Float64);
    match name {
        "count" => Some(Function::Count(column)),
        "sum" if is_double => Some(Function::Sum(column)),
        "avg" if is_double => Some(Function::Mean(column)),
        "min" if is_double => Some(Function::Min(column)),
        "max" if is_double => Some(Function::Max(column)),
        _ => None,
    }
}

/// The type of what a function gives.
fn data_type(function: &Function, seen: &Seen<'_>) -> Option<DataType> {
    match function {
        Function::RowNumber => Some(DataType::UInt64),
        Function::Shift { column, .. } | Function::First(column) | Function::Last(column) => {
            seen.data_type(*column).cloned()
        }
        Function::CountRows | Function::Count(_) => Some(DataType::Int64),
        Function::Sum(_) | Function::Mean(_) | Function::Min(_) | Function::Max(_) => {
            Some(DataType::Float64)
        }
        Function::Plain(plain) => plain.expr.field().ok().map(|field| field.data_type().clone()),
    }
}

impl Seen<'_> {
    /// The column that an expression is, if it is nothing else.
    fn column(&self, expr: &Arc<dyn PhysicalExpr>) -> Option<Column> {
        let column = expr.downcast_ref::<expressions::Column>()?;
        self.columns.get(column.index()).copied()
    }

    fn data_type(&self, column: Column) -> Option<&DataType> {
        let place = self.columns.iter().position(|known| *known == column)?;
        self.schema.fields().get(place).map(|field| field.data_type())
    }
}
