//! The state of an aggregation: for each group rows of cells, one a period or one in all.

use crate::error::Result;
use crate::model::Decimal;
use crate::query::aggregate::spec::{AggregateSpec, Function, Input};
use crate::query::aggregate::state::groups::Groups;
use crate::query::aggregate::state::layout::{Layout, Line, Row};
use crate::query::aggregate::state::mapping::Mapping;
use crate::query::aggregate::state::special::{Called, Special, SpecialCells};
use crate::query::aggregate::state::squares::Squares;
use crate::query::aggregate::state::sums::Sums;
use crate::query::aggregate::walk::positions::Positions;
use crate::segment::{Chunk, PeriodTotal, Total};

/// The state of all groups.
#[derive(Debug)]
pub(crate) struct Cells {
    /// Where the rows of the groups lie.
    pub(crate) layout: Layout,
    /// Observations of each cell.
    pub(crate) rows: Vec<u64>,
    /// The state of each input, in the order of [`AggregateSpec::inputs`].
    pub(crate) inputs: Vec<InputCells>,
}

/// The state of one input.
#[derive(Debug)]
pub(crate) struct InputCells {
    /// What is read.
    pub(crate) input: Input,
    /// Its observations, by cell; empty where they are those of the cell.
    pub(crate) rows: Vec<u64>,
    /// Those without a number, by cell; empty where only observations are counted.
    pub(crate) lacking: Vec<u64>,
    /// The sums, where they are needed.
    pub(crate) sums: Option<Sums>,
    /// The sums of the squares, where they are needed.
    pub(crate) squares: Option<Squares>,
    /// The smallest and the largest number of each cell, where they are needed.
    pub(crate) extremes: Option<Vec<(f64, f64)>>,
    /// The states of the functions that have one of their own, each with its place in
    /// [`AggregateSpec::specials`].
    pub(crate) specials: Vec<(usize, SpecialCells)>,
    /// Whether these are all functions of the input.
    pub(crate) has_only_specials: bool,
}

/// The observations of an input, by cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts<'a> {
    /// All of them.
    pub(crate) rows: &'a [u64],
    /// Those without a number; empty where only observations are counted.
    lacking: &'a [u64],
}

/// A cell without numbers has its smallest above its largest.
const NO_EXTREMES: (f64, f64) = (f64::INFINITY, f64::NEG_INFINITY);
/// Bytes that a row takes besides its cells, about.
const ROW_BYTES: usize = 32;

impl Cells {
    /// No groups yet, of rows for these lines.
    pub(crate) fn new(spec: &AggregateSpec, lines: Vec<Line>) -> Self {
        let inputs = spec.inputs.iter().enumerate().map(|(place, input)| {
            let functions = || spec.functions.iter().filter(move |f| f.input() == place);
            let special = |function: &Function| match function {
                Function::Special(_, place) => {
                    Some((*place, SpecialCells::new(&spec.specials[*place])))
                }
                _ => None,
            };
            let is_special = |function: &Function| matches!(function, Function::Special(..));
            InputCells {
                input: *input,
                rows: Vec::new(),
                lacking: Vec::new(),
                sums: functions().any(|f| f.needs_sum()).then(Sums::default),
                squares: functions().any(|f| f.needs_squares()).then(Squares::default),
                extremes: functions().any(|f| f.needs_extremes()).then(Vec::new),
                specials: functions().filter_map(special).collect(),
                has_only_specials: functions().all(is_special),
            }
        });
        Self { layout: Layout::new(lines), rows: Vec::new(), inputs: inputs.collect() }
    }

    /// How many cells there is room for.
    pub(crate) fn capacity(&self) -> usize {
        self.rows.len()
    }

    /// Makes room for so many cells.
    pub(crate) fn grow(&mut self, cells: usize) {
        self.rows.resize(cells, 0);
        for input in &mut self.inputs {
            if input.input.condition.is_some() {
                input.rows.resize(cells, 0);
            }
            if input.input.measure.is_some() {
                input.lacking.resize(cells, 0);
            }
            if let Some(sums) = &mut input.sums {
                sums.grow(cells);
            }
            if let Some(squares) = &mut input.squares {
                squares.grow(cells);
            }
            if let Some(extremes) = &mut input.extremes {
                extremes.resize(cells, NO_EXTREMES);
            }
            input.specials.iter_mut().for_each(|(_, special)| special.grow(cells));
        }
    }

    /// How many cells there are with the rows of `groups`, which has all of ours.
    pub(crate) fn cells_of(&self, groups: &Groups) -> usize {
        let new = &groups.keys()[self.layout.row_count()..];
        let more: usize = new.iter().map(|key| self.layout.line(*key).len).sum();
        self.layout.cell_count() + more
    }

    /// Adds the rows of `groups` that are not there yet.
    pub(crate) fn follow(&mut self, groups: &Groups) {
        let cells = self.cells_of(groups);
        if cells > self.capacity() {
            self.grow(cells);
        }
        for key in &groups.keys()[self.layout.row_count()..] {
            self.layout.push(self.layout.line(*key).len);
            for input in &mut self.inputs {
                if let Some(sums) = &mut input.sums {
                    sums.push_row();
                }
                if let Some(squares) = &mut input.squares {
                    squares.push_row();
                }
            }
        }
    }

    /// Bytes of a cell of the functions that have a state of their own.
    pub(crate) fn special_bytes_per_cell(&self) -> usize {
        let specials = self.inputs.iter().flat_map(|input| &input.specials);
        specials.map(|(_, special)| special.bytes_per_cell()).sum()
    }

    /// Bytes that one more cell takes, about.
    pub(crate) fn bytes_per_cell(&self) -> usize {
        let if_any = |bytes: usize, is_there: bool| if is_there { bytes } else { 0 };
        let of_input = |input: &InputCells| {
            if_any(8, input.input.condition.is_some())
                + if_any(8, input.input.measure.is_some())
                + if_any(8, input.sums.is_some())
                + if_any(16, input.squares.is_some())
                + if_any(16, input.extremes.is_some())
                + input.specials.iter().map(|(_, special)| special.bytes_per_cell()).sum::<usize>()
        };
        8 + self.inputs.iter().map(of_input).sum::<usize>()
    }

    /// Bytes of memory, about.
    pub(crate) fn memory_bytes(&self) -> usize {
        let of_input = |input: &InputCells| {
            input.sums.as_ref().map_or(0, Sums::grown_bytes)
                + input.squares.as_ref().map_or(0, Squares::grown_bytes)
                + input.specials.iter().map(|(_, special)| special.grown_bytes()).sum::<usize>()
        };
        let inputs: usize = self.inputs.iter().map(of_input).sum();
        self.capacity() * self.bytes_per_cell() + self.layout.row_count() * ROW_BYTES + inputs
    }

    /// What is counted of an input.
    pub(crate) fn counts(&self, input: usize) -> Counts<'_> {
        let InputCells { rows, lacking, .. } = &self.inputs[input];
        Counts { rows: if rows.is_empty() { &self.rows } else { rows }, lacking }
    }

    /// Adds the state of another, whose rows go to those of ours with these numbers; and its cells to
    /// those that `cells` lists, or to the same.
    pub(crate) fn merge(
        &mut self,
        other: &Self,
        rows: &[usize],
        cells: Option<&[u32]>,
    ) -> Result<()> {
        let to = Mapping { rows, cells, theirs: &other.layout, ours: &self.layout };
        to.add_counts(&mut self.rows, &other.rows);
        for (ours, theirs) in self.inputs.iter_mut().zip(&other.inputs) {
            ours.merge(theirs, &to)?;
        }
        Ok(())
    }
}

impl Counts<'_> {
    /// The observations of a cell that have a number.
    #[inline]
    pub(crate) fn numbers(&self, place: usize) -> u64 {
        self.rows[place] - self.lacking.get(place).copied().unwrap_or(0)
    }
}

impl InputCells {
    fn merge(&mut self, other: &Self, to: &Mapping<'_>) -> Result<()> {
        to.add_counts(&mut self.rows, &other.rows);
        to.add_counts(&mut self.lacking, &other.lacking);
        if let (Some(ours), Some(theirs)) = (&mut self.sums, &other.sums) {
            ours.merge(theirs, to)?;
        }
        if let (Some(ours), Some(theirs)) = (&mut self.squares, &other.squares) {
            ours.merge(theirs, to);
        }
        if let (Some(ours), Some(theirs)) = (&mut self.extremes, &other.extremes) {
            for (from, to) in to.places() {
                widen(&mut ours[to], theirs[from].0);
                widen(&mut ours[to], theirs[from].1);
            }
        }
        for ((_, ours), (_, theirs)) in self.specials.iter_mut().zip(&other.specials) {
            ours.merge(theirs, to.places());
        }
        Ok(())
    }

    /// Whether sums or extremes of stored totals are needed.
    pub(crate) fn wants_totals(&self) -> bool {
        self.sums.is_some() || self.extremes.is_some()
    }

    /// Calls the functions with a state of their own for the observations of a chunk. `plain` is for
    /// work.
    pub(crate) fn add_specials(
        &mut self,
        specials: &[Special],
        called: &Called<'_>,
        chunk: &Chunk,
        plain: &mut Positions,
    ) -> Result<()> {
        let measure = self.input.measure.map(|measure| &chunk.measures[measure]);
        for (place, cells) in &mut self.specials {
            match (&specials[*place], measure) {
                (Special::Quantile(_), Some(measure)) => {
                    plain.copy_from(called.positions);
                    measure.missing.iter().for_each(|at| plain.remove(usize::from(*at)));
                    measure.texts.iter().for_each(|(at, _)| plain.remove(usize::from(*at)));
                    cells.add_numbers(measure, plain, called);
                }
                (Special::End(order, nulls), Some(measure)) => {
                    cells.add_ends((order, *nulls), measure, called)?;
                }
                (special @ (Special::Distinct(ranked) | Special::Foremost(ranked)), _) => {
                    match special.attributes() {
                        Some(of) => cells.add_attributes(of, chunk, plain, called),
                        None => cells.add_ranked(ranked, called)?,
                    }
                }
                (Special::Quantile(_) | Special::End(..), None) => {}
            }
        }
        Ok(())
    }

    /// Counts a stored total, of a chunk with so many observations, in the only cell of a row.
    pub(crate) fn add_total(&mut self, row: Row, observations: u64, total: &Total) -> Result<()> {
        self.lacking[row.start] += observations - u64::from(total.count);
        if total.count > 0 {
            let sum = Decimal { mantissa: total.sum, scale: total.scale };
            self.add_decimals(row, sum, (total.min, total.max))?;
        }
        Ok(())
    }

    /// Counts the stored total of a period, whose mantissas have this scale.
    pub(crate) fn add_period_total(
        &mut self,
        (row, cell): (Row, usize),
        total: &PeriodTotal,
        scale: u8,
    ) -> Result<()> {
        self.lacking[row.start + cell] += total.observations - total.count;
        if total.count == 0 {
            return Ok(());
        }
        let double = |mantissa: i128| Decimal { mantissa, scale }.to_f64();
        if let Some(sums) = &mut self.sums {
            sums.add(row, cell, Decimal { mantissa: total.sum, scale })?;
        }
        if let Some(cells) = &mut self.extremes {
            widen(&mut cells[row.start + cell], double(total.min));
            widen(&mut cells[row.start + cell], double(total.max));
        }
        Ok(())
    }

    /// Counts one exact number that stands for several with these extremes, in the only cell of a
    /// row.
    pub(crate) fn add_decimals(
        &mut self,
        row: Row,
        sum: Decimal,
        extremes: (i64, i64),
    ) -> Result<()> {
        if let Some(sums) = &mut self.sums {
            sums.add(row, 0, sum)?;
        }
        if let Some(cells) = &mut self.extremes {
            let double = |m: i64| Decimal { mantissa: i128::from(m), scale: sum.scale }.to_f64();
            widen(&mut cells[row.start], double(extremes.0));
            widen(&mut cells[row.start], double(extremes.1));
        }
        Ok(())
    }

    /// Counts a single decimal of any size.
    pub(crate) fn add_decimal(&mut self, (row, cell): (Row, usize), number: Decimal) -> Result<()> {
        if let Some(sums) = &mut self.sums {
            sums.add(row, cell, number)?;
        }
        if let Some(squares) = &mut self.squares {
            squares.add_decimal(row, cell, number);
        }
        if let Some(cells) = &mut self.extremes {
            widen(&mut cells[row.start + cell], number.to_f64());
        }
        Ok(())
    }

    /// Counts a finite double.
    pub(crate) fn add_double(&mut self, (row, cell): (Row, usize), number: f64) {
        if let Some(sums) = &mut self.sums {
            sums.add_double(row, cell, number);
        }
        if let Some(squares) = &mut self.squares {
            squares.add_double(row, cell, number);
        }
        if let Some(cells) = &mut self.extremes {
            widen(&mut cells[row.start + cell], number);
        }
    }
}

/// Widens a cell's extremes by a number; those of a cell without numbers change nothing.
#[inline]
pub(crate) fn widen(extremes: &mut (f64, f64), number: f64) {
    if number.is_finite() {
        extremes.0 = extremes.0.min(number);
        extremes.1 = extremes.1.max(number);
    }
}
