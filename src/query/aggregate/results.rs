//! The columns of functions, from the state of an aggregation.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Float64Array, Int64Array};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::DataType;

use crate::error::{Error, Result};
use crate::model::Decimal;
use crate::query::aggregate::output::Taken;
use crate::query::aggregate::spec::Spread;
use crate::query::aggregate::state::cells::{Cells, Counts, InputCells};
use crate::query::aggregate::state::exact::{ExactSum, mean};
use crate::query::aggregate::state::sums::Sums;
use crate::query::aggregate::{AggregateSpec, Function};
use crate::query::scan::write_mantissas;

/// The column of a function, of this type: a value for each of the cells.
pub(crate) fn results(
    spec: &AggregateSpec,
    (function, data_type): (Function, &DataType),
    cells: &Cells,
    taken: &Taken,
) -> Result<ArrayRef> {
    let counts = cells.counts(function.input());
    let places = taken.places.iter().copied();
    match function {
        Function::CountRows(_) => Ok(integers(places.map(|place| counts.rows[place]))),
        Function::CountNumbers(_) => Ok(integers(places.map(|place| counts.numbers(place)))),
        Function::Special(input, special) => {
            let mut specials = cells.inputs[input].specials.iter();
            let found = specials.find(|(known, _)| *known == special);
            let (_, found) = found.ok_or_else(lost)?;
            found.answers(&spec.specials[special], places)
        }
        Function::Times(_, factors) => {
            let factors = spec.factors[factors].iter();
            let factors: Vec<_> =
                factors.map(|(input, number)| (cells.counts(*input), *number)).collect();
            let sums = places.map(|place| {
                let times = |(counts, number): &(Counts<'_>, i64)| {
                    i128::from(*number) * i128::from(counts.rows[place])
                };
                let sum = factors.iter().map(times).sum::<i128>();
                (counts.rows[place] > 0).then_some(sum)
            });
            Ok(Arc::new(sums.collect::<Decimal128Array>().with_data_type(data_type.clone())))
        }
        Function::Spread(input, spread) => spreads(spread, (cells, input), taken),
        Function::Sum(_)
        | Function::SumOrZero(..)
        | Function::Avg(_)
        | Function::Min(_)
        | Function::Max(_) => doubles(function, cells, taken),
    }
}

fn integers(counts: impl Iterator<Item = u64>) -> ArrayRef {
    let counts = counts.map(|count| i64::try_from(count).unwrap_or(i64::MAX));
    Arc::new(Int64Array::from_iter_values(counts))
}

/// The column of a function over the numbers of each cell, which has a value for a cell with some.
fn doubles(function: Function, cells: &Cells, taken: &Taken) -> Result<ArrayRef> {
    let counts = cells.counts(function.input());
    let input = &cells.inputs[function.input()];
    let mut values = Vec::with_capacity(taken.places.len());
    for row in taken.rows() {
        push_values(function, (input, counts), row, &mut values)?;
    }
    let is_there = |at: usize| {
        let place = taken.places[at];
        let is_zero = |whole| cells.counts(whole).rows[place] > counts.rows[place];
        counts.numbers(place) > 0
            || matches!(function, Function::SumOrZero(_, whole) if is_zero(whole))
    };
    let nulls = NullBuffer::new(BooleanBuffer::collect_bool(values.len(), is_there));
    let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
    Ok(Arc::new(Float64Array::new(values.into(), nulls)))
}

/// Appends the values of the cells of a row; any number for those without numbers.
fn push_values(
    function: Function,
    (input, counts): (&InputCells, Counts<'_>),
    (row, places): (usize, &[usize]),
    out: &mut Vec<f64>,
) -> Result<()> {
    if let (Function::Min(_) | Function::Max(_), Some(extremes)) = (function, &input.extremes) {
        let is_min = matches!(function, Function::Min(_));
        out.extend(places.iter().map(|place| {
            let (least, greatest) = extremes[*place];
            if is_min { least } else { greatest }
        }));
        return Ok(());
    }
    let sums = sums(input)?;
    let is_mean = matches!(function, Function::Avg(_));
    match sums.narrow(row) {
        Some((sums, scale)) if is_mean => out.extend(places.iter().map(|place| {
            let sum = Decimal { mantissa: i128::from(sums[*place]), scale };
            mean(sum, counts.numbers(*place))
        })),
        Some((sums, scale)) => {
            write_mantissas(places.iter().map(|place| sums[*place]), scale, out);
        }
        None => {
            for place in places {
                let (decimals, doubles) = sums.sum(row, *place)?;
                out.push(value(is_mean, decimals, doubles, counts.numbers(*place)));
            }
        }
    }
    Ok(())
}

/// The sum, or the mean, of so many decimals and doubles.
fn value(is_mean: bool, decimals: Decimal, doubles: Option<&ExactSum>, count: u64) -> f64 {
    let Some(doubles) = doubles else {
        return if is_mean { mean(decimals, count) } else { decimals.to_f64() };
    };
    let mut sum = doubles.clone();
    sum.add(decimals.to_f64());
    #[expect(clippy::cast_precision_loss, reason = "fewer observations than 2^53")]
    let count = count as f64;
    if is_mean { sum.to_f64() / count } else { sum.to_f64() }
}

/// How far the numbers of each cell are spread; absent where they are too few.
fn spreads(spread: Spread, (cells, input): (&Cells, usize), taken: &Taken) -> Result<ArrayRef> {
    let (counts, input) = (cells.counts(input), &cells.inputs[input]);
    let (sums, squares) = (sums(input)?, input.squares.as_ref().ok_or_else(lost)?);
    let mut values = Vec::with_capacity(taken.places.len());
    for (row, places) in taken.rows() {
        for place in places {
            let count = counts.numbers(*place);
            values.push(squares.spread((row, *place), count, sums.sum(row, *place)?, spread));
        }
    }
    Ok(Arc::new(Float64Array::from(values)))
}

fn sums(input: &InputCells) -> Result<&Sums> {
    input.sums.as_ref().ok_or_else(lost)
}

fn lost() -> Error {
    Error::bug("a function without state")
}
