//! The values that an expression of the series, of the period or of attributes of the observation
//! can have, numbered in an order.
//!
//! So `count(DISTINCT ref_area)`, `min(time_period)` or the order of `first_value(...)` are
//! calculated with numbers, and the expression is evaluated once a code or once a period.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::{SortOptions, take};
use arrow::row::{RowConverter, SortField};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr_common::physical_expr::is_volatile;

use crate::query::aggregate::keys::attributes::AttributeTable;
use crate::query::aggregate::keys::numbering::evaluate;
use crate::query::aggregate::keys::series::SeriesTable;
use crate::query::aggregate::plans::translate::contents;
use crate::query::error::to_datafusion;
use crate::query::scan::{Content, OrderedTexts, SeriesScanExec};

/// The number of NULL, where it is not a value like others.
pub(crate) const NONE: u32 = u32::MAX;

/// The values of an expression, numbered.
#[derive(Clone, Debug)]
pub(crate) struct Ranked {
    /// What the expression is of.
    pub(crate) of: RankedOf,
    /// The values, by number.
    pub(crate) values: ArrayRef,
}

/// What an expression is of, with the numbers of its values.
#[derive(Clone, Debug)]
pub(crate) enum RankedOf {
    /// The series.
    Series(SeriesTable),
    /// The period: the number at each place of the table of periods.
    Period(Vec<u32>),
    /// The period, which is itself the value; its number is its place.
    Place,
    /// Attributes of the observation: the number of each combination of their values.
    Attributes(AttributeTable, Vec<u32>),
}

/// How values are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// In any order.
    Any,
    /// The least value first.
    Ascending,
    /// The greatest value first.
    Descending,
}

impl Ranked {
    /// Numbers the values of an expression over the output of a scan; NULL has no number. Absent
    /// if it depends on more than one of series, period and attributes, or on none.
    ///
    /// # Errors
    ///
    /// If the expression fails for a code, a period or a value of the cube.
    pub(crate) fn build(
        scan: &SeriesScanExec,
        expr: &Arc<dyn PhysicalExpr>,
        order: Order,
    ) -> Result<Option<Self>> {
        let contents = contents(scan, expr);
        if is_volatile(expr) || contents.is_empty() {
            return Ok(None);
        }
        let options = SortOptions { descending: order == Order::Descending, nulls_first: false };
        if contents.iter().all(|content| content.is_period()) {
            let Some(columns) = of_periods(scan, &[expr])? else { return Ok(None) };
            let is_column = expr.downcast_ref::<Column>().is_some();
            if is_column && contents == [Content::PeriodText] && order == Order::Any {
                let values = columns.into_iter().next();
                return Ok(values.map(|values| Self { of: RankedOf::Place, values }));
            }
            if is_column && contents == [Content::PeriodText] {
                // The table keeps the order of its texts, none of which is NULL.
                let table = scan.source().periods();
                return Ok(table.map(|table| {
                    let OrderedTexts { numbers, texts } = table.ordered(options.descending).clone();
                    Self { of: RankedOf::Period(numbers), values: Arc::new(texts) }
                }));
            }
            let (numbers, values) = number(&columns, &[options], Nulls::Unnumbered)?;
            return Ok(values.map(|values| Self { of: RankedOf::Period(numbers), values }));
        }
        let source = scan.source();
        if contents.iter().all(|content| matches!(content, Content::Attribute(_))) {
            let table = AttributeTable::build(source, &contents).map_err(to_datafusion)?;
            let Some(table) = table else { return Ok(None) };
            let columns = table.evaluate(source, &[expr])?;
            let (numbers, values) = number(&columns, &[options], Nulls::Unnumbered)?;
            let of = RankedOf::Attributes(table, numbers);
            return Ok(values.map(|values| Self { of, values }));
        }
        let table = SeriesTable::build(source, &scan.spec().series, &contents);
        let Some(mut table) = table.map_err(to_datafusion)? else { return Ok(None) };
        let columns = [table.evaluate(source, expr)?];
        let (numbers, values) = number(&columns, &[options], Nulls::Unnumbered)?;
        table.renumber(&numbers);
        Ok(values.map(|values| Self { of: RankedOf::Series(table), values }))
    }

    /// Numbers periods in the order of expressions of the period, NULL among them. Absent if one
    /// depends on something else.
    ///
    /// # Errors
    ///
    /// If an expression fails for a period of the cube.
    pub(crate) fn order(
        scan: &SeriesScanExec,
        exprs: &[&Arc<dyn PhysicalExpr>],
        options: &[SortOptions],
    ) -> Result<Option<Self>> {
        let is_of_period = |expr: &&Arc<dyn PhysicalExpr>| {
            let contents = contents(scan, expr);
            !contents.is_empty()
                && contents.iter().all(|content| content.is_period())
                && !is_volatile(expr)
        };
        if exprs.is_empty() || !exprs.iter().all(is_of_period) {
            return Ok(None);
        }
        let Some(columns) = of_periods(scan, exprs)? else { return Ok(None) };
        let (numbers, values) = number(&columns, options, Nulls::Numbered)?;
        Ok(values.map(|values| Self { of: RankedOf::Period(numbers), values }))
    }

    /// How many values there are.
    pub(crate) fn count(&self) -> usize {
        self.values.len()
    }

    /// The number of the value at a place of the table of periods; [`NONE`] for NULL, and where
    /// it does not follow from the period.
    #[inline]
    pub(crate) fn of_place(&self, place: usize) -> u32 {
        match &self.of {
            RankedOf::Series(_) | RankedOf::Attributes(..) => NONE,
            RankedOf::Period(numbers) => numbers[place],
            RankedOf::Place => u32::try_from(place).unwrap_or(NONE),
        }
    }

    /// Whether values follow from the period.
    pub(crate) fn is_of_period(&self) -> bool {
        matches!(self.of, RankedOf::Period(_) | RankedOf::Place)
    }
}

/// The values of expressions of the period, for each place of the table of periods. Absent if
/// there is no such table.
fn of_periods(
    scan: &SeriesScanExec,
    exprs: &[&Arc<dyn PhysicalExpr>],
) -> Result<Option<Vec<ArrayRef>>> {
    let source = scan.source();
    let table = source.periods().filter(|_| source.has_only_regular_periods());
    let Some(table) = table else { return Ok(None) };
    evaluate(source, exprs, |content| table.array(content), table.len()).map(Some)
}

/// Whether NULL has a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nulls {
    Numbered,
    Unnumbered,
}

/// Numbers rows in their order, equal ones alike; gives the number of each row, and the first
/// column with each number once.
fn number(
    columns: &[ArrayRef],
    options: &[SortOptions],
    nulls: Nulls,
) -> Result<(Vec<u32>, Option<ArrayRef>)> {
    let fields = columns
        .iter()
        .zip(options)
        .map(|(column, options)| SortField::new_with_options(column.data_type().clone(), *options));
    let converter = RowConverter::new(fields.collect())?;
    let rows = converter.convert_columns(columns)?;
    let Some(first) = columns.first() else { return Ok((Vec::new(), None)) };
    let has_number = |row: &u32| nulls == Nulls::Numbered || first.is_valid(*row as usize);
    let mut sorted: Vec<u32> = (0..).take(rows.num_rows()).filter(has_number).collect();
    sorted.sort_by(|a, b| rows.row(*a as usize).cmp(&rows.row(*b as usize)));
    let mut numbers = vec![NONE; rows.num_rows()];
    let mut first_of_each: Vec<u32> = Vec::new();
    for row in sorted {
        let last = first_of_each.last();
        if last.is_none_or(|last| rows.row(*last as usize) != rows.row(row as usize)) {
            first_of_each.push(row);
        }
        numbers[row as usize] = u32::try_from(first_of_each.len() - 1).unwrap_or(NONE);
    }
    let values = take(first, &UInt32Array::from(first_of_each), None)?;
    Ok((numbers, Some(values)))
}

#[cfg(test)]
mod tests {
    use arrow::array::StringViewArray;

    use super::*;

    #[test]
    fn numbers_follow_the_order() {
        let texts: ArrayRef =
            Arc::new(StringViewArray::from(vec![Some("b"), Some("a"), None, Some("b")]));
        let check = |descending, nulls_first, nulls, expected: &[u32], count: usize| {
            let options = [SortOptions { descending, nulls_first }];
            let columns = [Arc::clone(&texts)];
            let (numbers, values) = number(&columns, &options, nulls).expect("sorts");
            assert_eq!(numbers, expected);
            assert_eq!(values.expect("a column").len(), count);
        };
        check(false, false, Nulls::Unnumbered, &[1, 0, NONE, 1], 2);
        check(true, false, Nulls::Unnumbered, &[0, 1, NONE, 0], 2);
        check(false, true, Nulls::Numbered, &[2, 1, 0, 2], 3);
        check(false, false, Nulls::Numbered, &[1, 0, 2, 1], 3);
    }
}
