//! From group expressions to numbers: of groups of series, of attributes, and of periods.
//!
//! A group expression that depends on the series alone is evaluated once per code or combination of
//! codes, one that depends on the period once per period, one of attributes of the observation once
//! per combination of their values. So `GROUP BY` any such function costs what a plain column costs.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr_common::physical_expr::is_volatile;

use crate::error;
use crate::index::Selection;
use crate::query::aggregate::keys::attributes::AttributeTable;
use crate::query::aggregate::keys::numbering::{distinct, evaluate};
use crate::query::aggregate::keys::series::SeriesTable;
use crate::query::aggregate::plans::translate::contents;
use crate::query::aggregate::state::layout::Line;
use crate::query::error::to_datafusion;
use crate::query::scan::{Content, SeriesScanExec};
use crate::store::Cube;

/// What is grouped by.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// The parts of the key that follow from the series, most significant first.
    pub(crate) series: Vec<SeriesKey>,
    /// The part that follows from attributes of the observation, less significant than those.
    pub(crate) attributes: Option<AttributeKey>,
    /// The part that follows from the period; it is not in the packed key.
    pub(crate) periods: Option<PeriodKey>,
    /// Where each column of the key comes from.
    pub(crate) columns: Vec<KeyColumn>,
    /// The number of possible packed keys.
    pub(crate) key_count: u64,
}

/// A part of the key that follows from the series.
#[derive(Clone, Debug)]
pub(crate) struct SeriesKey {
    /// From a series to the number of its value.
    pub(crate) table: SeriesTable,
    /// The distinct values, by number.
    pub(crate) values: ArrayRef,
    /// What a number counts in the packed key.
    pub(crate) stride: u64,
}

/// The part of the key that follows from attributes of the observation.
#[derive(Clone, Debug)]
pub(crate) struct AttributeKey {
    pub(crate) table: AttributeTable,
    /// The number of the value of each combination of the table.
    pub(crate) number_of: Vec<u32>,
    /// For each column of the key about attributes its values, by number.
    pub(crate) values: Vec<ArrayRef>,
    /// How many distinct values there are.
    pub(crate) count: usize,
}

/// The part of the key that follows from the period.
#[derive(Clone, Debug)]
pub(crate) struct PeriodKey {
    /// How many distinct values there are.
    pub(crate) count: usize,
    /// The number of the value of each place of the table of periods; absent where it is the place.
    pub(crate) number_of_place: Option<Vec<u32>>,
    /// The numbers as lines, of which a chunk touches some that are neighbours.
    pub(crate) lines: Vec<Line>,
    /// For each column of the key about periods its values, by number.
    pub(crate) values: Vec<ArrayRef>,
}

/// Where a column of the key comes from, by its place among the columns of that kind.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeyColumn {
    Series(usize),
    Attribute(usize),
    Period(usize),
}

impl Keys {
    /// The keys of these expressions over the output of a scan. Absent if one of them depends on
    /// more than one of series, attributes and period.
    ///
    /// # Errors
    ///
    /// If an expression fails for a code, a period or a value of the cube.
    pub(crate) fn build(
        scan: &SeriesScanExec,
        exprs: &[Arc<dyn PhysicalExpr>],
    ) -> Result<Option<Self>> {
        let (mut series, mut columns) = (Vec::new(), Vec::new());
        let (mut of_attributes, mut of_periods) = (Vec::new(), Vec::new());
        for expr in exprs {
            if is_volatile(expr) {
                return Ok(None);
            }
            let contents = contents(scan, expr);
            match contents.as_slice() {
                [first, ..] if first.is_period() => {
                    if !contents.iter().all(|content| content.is_period()) {
                        return Ok(None);
                    }
                    columns.push(KeyColumn::Period(of_periods.len()));
                    of_periods.push(Arc::clone(expr));
                }
                [Content::Attribute(_), ..] => {
                    columns.push(KeyColumn::Attribute(of_attributes.len()));
                    of_attributes.push(Arc::clone(expr));
                }
                _ => {
                    let Some(key) = SeriesKey::build(scan, &contents, expr)? else {
                        return Ok(None);
                    };
                    columns.push(KeyColumn::Series(series.len()));
                    series.push(key);
                }
            }
        }
        let attributes = AttributeKey::build(scan, &of_attributes)?;
        let periods = PeriodKey::build(scan, &of_periods)?;
        if attributes.is_none() != of_attributes.is_empty()
            || periods.is_none() != of_periods.is_empty()
        {
            return Ok(None);
        }
        let mut key_count = attributes.as_ref().map_or(1, |key| key.count as u64);
        for key in series.iter_mut().rev() {
            key.stride = key_count;
            let Some(count) = key_count.checked_mul(key.values.len().max(1) as u64) else {
                return Ok(None);
            };
            key_count = count;
        }
        Ok(Some(Self { series, attributes, periods, columns, key_count }))
    }

    /// Adds to `packed` the part of the key that follows from each selected series of a part, in
    /// their order. `look` is asked before each column of keys whether to go on.
    ///
    /// # Errors
    ///
    /// As of reading keys, and what `look` says.
    pub(crate) fn pack(
        &self,
        (cube, part): (&Cube, usize),
        selection: &Selection,
        packed: &mut [u64],
        look: &dyn Fn() -> error::Result<()>,
    ) -> error::Result<()> {
        let mut numbers = Vec::new();
        for key in &self.series {
            look()?;
            key.table.numbers(cube, part, selection, &mut numbers)?;
            for (sum, number) in packed.iter_mut().zip(&numbers) {
                *sum += number * key.stride;
            }
        }
        Ok(())
    }

    /// How many cells a group has: one a value of the period key.
    pub(crate) fn width(&self) -> usize {
        self.periods.as_ref().map_or(1, |periods| periods.count)
    }

    /// How many groups a series may belong to.
    pub(crate) fn groups_per_series(&self) -> usize {
        self.attributes.as_ref().map_or(1, |key| key.count.max(1))
    }
}

impl SeriesKey {
    fn build(
        scan: &SeriesScanExec,
        contents: &[Content],
        expr: &Arc<dyn PhysicalExpr>,
    ) -> Result<Option<Self>> {
        let source = scan.source();
        let table = SeriesTable::build(source, &scan.spec().series, contents);
        let Some(mut table) = table.map_err(to_datafusion)? else { return Ok(None) };
        if expr.downcast_ref::<Column>().is_some()
            && let Some(values) = table.only_column()
        {
            let values = Arc::clone(values);
            return Ok(Some(Self { table, values, stride: 1 }));
        }
        let (numbers, mut values) = distinct(&[table.evaluate(source, expr)?])?;
        table.renumber(&numbers);
        Ok(values.pop().map(|values| Self { table, values, stride: 1 }))
    }
}

impl AttributeKey {
    /// The part of the packed key that follows from a value of the only attribute, by the number that
    /// the segment of a part has for it.
    #[inline]
    pub(crate) fn number(&self, part: usize, value: u32) -> u64 {
        u64::from(self.number_of[self.table.of_value(part, value)])
    }

    fn build(scan: &SeriesScanExec, exprs: &[Arc<dyn PhysicalExpr>]) -> Result<Option<Self>> {
        let source = scan.source();
        let mut all: Vec<Content> = Vec::new();
        for content in exprs.iter().flat_map(|expr| contents(scan, expr)) {
            if !all.contains(&content) {
                all.push(content);
            }
        }
        if all.is_empty() {
            return Ok(None);
        }
        let table = AttributeTable::build(source, &all).map_err(to_datafusion)?;
        let Some(table) = table else { return Ok(None) };
        let exprs: Vec<&Arc<dyn PhysicalExpr>> = exprs.iter().collect();
        let (number_of, values) = distinct(&table.evaluate(source, &exprs)?)?;
        let count = values.first().map_or(0, Array::len);
        Ok(Some(Self { table, number_of, values, count }))
    }
}

impl PeriodKey {
    fn build(scan: &SeriesScanExec, exprs: &[Arc<dyn PhysicalExpr>]) -> Result<Option<Self>> {
        let source = scan.source();
        let table = source.periods().filter(|_| source.has_only_regular_periods());
        let Some(table) = table.filter(|_| !exprs.is_empty()) else { return Ok(None) };
        let all: Vec<&Arc<dyn PhysicalExpr>> = exprs.iter().collect();
        let values = evaluate(source, &all, |content| table.array(content), table.len())?;
        // The texts of periods differ, so every place is a group of its own.
        let has_text = exprs.iter().any(|expr| {
            let column = expr.downcast_ref::<Column>();
            column.is_some_and(|column| scan.content(column.index()) == Content::PeriodText)
        });
        if has_text {
            let lines = table.forms().flat_map(Line::cut).collect();
            return Ok(Some(Self { count: table.len(), number_of_place: None, lines, values }));
        }
        let (number_of_place, values) = distinct(&values)?;
        let count = values.first().map_or(0, Array::len);
        let lines = vec![Line::whole(count)];
        Ok(Some(Self { count, number_of_place: Some(number_of_place), lines, values }))
    }
}
