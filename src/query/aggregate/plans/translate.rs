//! From predicates to conditions.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{ScalarValue, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, Literal, NotExpr,
};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr_common::physical_expr::is_volatile;

use crate::query::aggregate::keys::attributes::AttributeTable;
use crate::query::aggregate::keys::condition::{
    AttributeSet, Condition, Formula, PeriodSet, SeriesSet,
};
use crate::query::aggregate::keys::numbering::evaluate;
use crate::query::aggregate::keys::series::SeriesTable;
use crate::query::aggregate::keys::values::{Comparison, ValueSet};
use crate::query::error::to_datafusion;
use crate::query::scan::{Content, SeriesScanExec};

/// The condition that a predicate over the output of a scan means. Absent if a part of it depends
/// on more than one of series, period, attributes and values, or if it is of values in a way that
/// is no comparison.
///
/// # Errors
///
/// If the predicate fails for a code, a period or a value of the cube.
pub(crate) fn condition(
    scan: &SeriesScanExec,
    predicate: &Arc<dyn PhysicalExpr>,
) -> Result<Option<Condition>> {
    if is_volatile(predicate) {
        return Ok(None);
    }
    let formula = Translation { scan }.formula(predicate, true)?;
    let text = shown(predicate)?;
    Ok(formula.map(|formula| Condition { text, formula }))
}

/// What the columns of an expression show, each once, in the order of the columns.
pub(crate) fn contents(scan: &SeriesScanExec, expr: &Arc<dyn PhysicalExpr>) -> Vec<Content> {
    let mut columns: Vec<usize> = collect_columns(expr).iter().map(Column::index).collect();
    columns.sort_unstable();
    let mut contents = Vec::with_capacity(columns.len());
    for content in columns.into_iter().map(|column| scan.content(column)) {
        if !contents.contains(&content) {
            contents.push(content);
        }
    }
    contents
}

struct Translation<'a> {
    scan: &'a SeriesScanExec,
}

impl Translation<'_> {
    /// Where `expr` is `wanted`.
    fn formula(&self, expr: &Arc<dyn PhysicalExpr>, wanted: bool) -> Result<Option<Formula>> {
        if let Some(not) = expr.downcast_ref::<NotExpr>() {
            return self.formula(not.arg(), !wanted);
        }
        if let Some(binary) = expr.downcast_ref::<BinaryExpr>()
            && matches!(binary.op(), Operator::And | Operator::Or)
        {
            let left = self.formula(binary.left(), wanted)?;
            let right = self.formula(binary.right(), wanted)?;
            let is_all = (*binary.op() == Operator::And) == wanted;
            return Ok(left.zip(right).map(|(left, right)| {
                let both = vec![left, right];
                if is_all { Formula::all(both) } else { Formula::any(both) }
            }));
        }
        let contents = contents(self.scan, expr);
        let of_values = contents.iter().any(|content| matches!(content, Content::Number(_)));
        match contents.as_slice() {
            [Content::Number(measure)] => Ok(of_value(*measure, expr, wanted)),
            _ if of_values => Ok(None),
            [Content::Attribute(_), ..] => self.of_attributes(&contents, expr, wanted),
            [first, ..] if first.is_period() => self.of_periods(&contents, expr, wanted),
            _ => self.of_series(&contents, expr, wanted),
        }
    }

    fn of_series(
        &self,
        contents: &[Content],
        expr: &Arc<dyn PhysicalExpr>,
        wanted: bool,
    ) -> Result<Option<Formula>> {
        let source = self.scan.source();
        let table = SeriesTable::build(source, &self.scan.spec().series, contents);
        let Some(table) = table.map_err(to_datafusion)? else { return Ok(None) };
        let wanted = is_wanted(&table.evaluate(source, expr)?, wanted)?;
        Ok(Some(constant(&wanted).unwrap_or(Formula::Series(SeriesSet { table, wanted }))))
    }

    fn of_attributes(
        &self,
        contents: &[Content],
        expr: &Arc<dyn PhysicalExpr>,
        wanted: bool,
    ) -> Result<Option<Formula>> {
        let source = self.scan.source();
        let table = AttributeTable::build(source, contents).map_err(to_datafusion)?;
        let Some(table) = table else { return Ok(None) };
        let Some(values) = table.evaluate(source, &[expr])?.pop() else { return Ok(None) };
        let wanted = is_wanted(&values, wanted)?;
        Ok(Some(constant(&wanted).unwrap_or(Formula::Attributes(AttributeSet { table, wanted }))))
    }

    fn of_periods(
        &self,
        contents: &[Content],
        expr: &Arc<dyn PhysicalExpr>,
        wanted: bool,
    ) -> Result<Option<Formula>> {
        let source = self.scan.source();
        let table = source.periods().filter(|_| source.has_only_regular_periods());
        let Some(table) = table else { return Ok(None) };
        if !contents.iter().all(|content| content.is_period()) {
            return Ok(None);
        }
        let values = evaluate(source, &[expr], |content| table.array(content), table.len())?;
        let Some(values) = values.first() else { return Ok(None) };
        let wanted = is_wanted(values, wanted)?;
        let mut places = Vec::new();
        let mut from = 0;
        for same in wanted.chunk_by(|a, b| a == b) {
            if same.first() == Some(&true) {
                places.push(from..from + same.len());
            }
            from += same.len();
        }
        Ok(Some(constant(&wanted).unwrap_or(Formula::Periods(PeriodSet { places }))))
    }
}

/// The formula of a set that has nothing or everything.
fn constant(wanted: &[bool]) -> Option<Formula> {
    let is_none = wanted.iter().all(|wanted| !wanted);
    let is_all = wanted.iter().all(|wanted| *wanted);
    (is_none || is_all).then_some(Formula::Constant(!is_none))
}

/// For each value of a predicate whether it is `wanted`; what is NULL is neither TRUE nor FALSE.
fn is_wanted(values: &ArrayRef, wanted: bool) -> Result<Vec<bool>> {
    if *values.data_type() == DataType::Null {
        return Ok(vec![false; values.len()]);
    }
    if *values.data_type() != DataType::Boolean {
        return internal_err!("a predicate of type {}", values.data_type());
    }
    let values = as_boolean_array(values)?;
    Ok(values.iter().map(|value| value == Some(wanted)).collect())
}

/// Where a comparison of a measure with constants is `wanted`. Absent for any other expression.
fn of_value(measure: usize, expr: &Arc<dyn PhysicalExpr>, wanted: bool) -> Option<Formula> {
    let is_column = |expr: &Arc<dyn PhysicalExpr>| expr.downcast_ref::<Column>().is_some();
    if let Some(null) = expr.downcast_ref::<IsNullExpr>() {
        let set = ValueSet::presence(measure, !wanted);
        return is_column(null.arg()).then_some(Formula::Values(set));
    }
    if let Some(present) = expr.downcast_ref::<IsNotNullExpr>() {
        let set = ValueSet::presence(measure, wanted);
        return is_column(present.arg()).then_some(Formula::Values(set));
    }
    if let Some(list) = expr.downcast_ref::<InListExpr>() {
        let numbers: Option<Vec<f64>> =
            list.list().iter().map(number).map(Option::flatten).collect();
        // How a list compares zeros and what is no number is its own affair.
        let numbers = numbers.filter(|all| all.iter().all(|n| n.is_finite() && *n != 0.0))?;
        let set = ValueSet::compared(measure, Comparison::Equal, &numbers);
        let is_in = list.negated() != wanted;
        let set = if is_in { set } else { set.others() };
        return is_column(list.expr()).then_some(Formula::Values(set));
    }
    let binary = expr.downcast_ref::<BinaryExpr>()?;
    let (left, right) = (binary.left(), binary.right());
    let (operator, number) = if is_column(left) {
        (*binary.op(), number(right)?)
    } else {
        (binary.op().swap().filter(|_| is_column(right))?, number(left)?)
    };
    let (comparison, is_equal) = match operator {
        Operator::Eq => (Comparison::Equal, true),
        Operator::NotEq => (Comparison::Equal, false),
        Operator::Lt => (Comparison::Less, true),
        Operator::LtEq => (Comparison::LessOrEqual, true),
        Operator::Gt => (Comparison::Greater, true),
        Operator::GtEq => (Comparison::GreaterOrEqual, true),
        _ => return None,
    };
    // A comparison with NULL is never TRUE and never FALSE.
    let Some(number) = number else { return Some(Formula::Constant(false)) };
    let set = ValueSet::compared(measure, comparison, &[number]);
    Some(Formula::Values(if is_equal == wanted { set } else { set.others() }))
}

/// The double of a literal, of which NULL is one; absent for any other expression.
#[expect(clippy::option_option, reason = "no literal, or a literal that is NULL")]
fn number(expr: &Arc<dyn PhysicalExpr>) -> Option<Option<f64>> {
    match expr.downcast_ref::<Literal>()?.value() {
        ScalarValue::Float64(number) => Some(*number),
        _ => None,
    }
}

/// An expression with columns by name alone.
fn shown(expr: &Arc<dyn PhysicalExpr>) -> Result<String> {
    let named = Arc::clone(expr).transform(|node| {
        Ok(match node.downcast_ref::<Column>() {
            Some(column) => {
                let name = ScalarValue::Utf8(Some(column.name().to_owned()));
                Transformed::yes(Arc::new(Literal::new(name)) as Arc<dyn PhysicalExpr>)
            }
            None => Transformed::no(node),
        })
    });
    Ok(named.data()?.to_string())
}
