//! The state of an aggregation: for each group a row of cells, one a period or one in all.

use crate::error::Result;
use crate::model::Decimal;
use crate::query::aggregate::AggregateSpec;
use crate::query::aggregate::sums::Sums;

/// The state of all groups.
#[derive(Debug)]
pub(super) struct Cells {
    /// Cells of a group.
    pub(super) width: usize,
    /// Observations of each cell.
    pub(super) rows: Vec<u64>,
    /// The state of each measure, in the order of [`AggregateSpec::measures`].
    pub(super) measures: Vec<MeasureCells>,
}

/// The state of one measure.
#[derive(Debug)]
pub(super) struct MeasureCells {
    /// The measure, by its position in the flow.
    pub(super) measure: usize,
    /// Observations without a number, by cell.
    pub(super) lacking: Vec<u64>,
    /// The sums, where they are needed.
    pub(super) sums: Option<Sums>,
    /// The smallest and the largest number of each cell, where they are needed.
    pub(super) extremes: Option<Vec<(f64, f64)>>,
}

/// A cell without numbers has its smallest above its largest.
const NO_EXTREMES: (f64, f64) = (f64::INFINITY, f64::NEG_INFINITY);

impl Cells {
    pub(super) fn new(spec: &AggregateSpec) -> Self {
        let width = spec.keys.width();
        let of_measure = |measure: usize| {
            let mut functions = spec.functions.iter().filter(|f| f.measure() == Some(measure));
            let needs_sum = functions.clone().any(|f| f.needs_sum());
            let needs_extremes = functions.any(|f| f.needs_extremes());
            MeasureCells {
                measure,
                lacking: Vec::new(),
                sums: needs_sum.then(|| Sums::new(width)),
                extremes: needs_extremes.then(Vec::new),
            }
        };
        let measures = spec.measures().into_iter().map(of_measure).collect();
        Self { width, rows: Vec::new(), measures }
    }

    /// How many groups there is room for.
    pub(super) fn capacity(&self) -> usize {
        self.rows.len() / self.width.max(1)
    }

    /// Makes room for so many groups.
    pub(super) fn grow(&mut self, groups: usize) {
        let cells = groups * self.width;
        self.rows.resize(cells, 0);
        for measure in &mut self.measures {
            measure.lacking.resize(cells, 0);
            if let Some(sums) = &mut measure.sums {
                sums.grow(groups);
            }
            if let Some(extremes) = &mut measure.extremes {
                extremes.resize(cells, NO_EXTREMES);
            }
        }
    }

    /// Bytes that one more group takes, about.
    pub(super) fn bytes_per_group(&self) -> usize {
        let of_measure = |m: &MeasureCells| {
            8 + if m.sums.is_some() { 8 } else { 0 } + if m.extremes.is_some() { 16 } else { 0 }
        };
        self.width * (8 + self.measures.iter().map(of_measure).sum::<usize>()) + 16
    }

    /// Bytes of memory, about.
    pub(super) fn memory_bytes(&self) -> usize {
        let wide = |m: &MeasureCells| m.sums.as_ref().map_or(0, Sums::memory_bytes);
        self.capacity() * self.bytes_per_group() + self.measures.iter().map(wide).sum::<usize>()
    }

    /// Adds the state of another; its group `i` is our group `groups[i]`.
    pub(super) fn merge(&mut self, other: &Self, groups: &[usize]) -> Result<()> {
        let width = self.width;
        let pairs = || {
            let cells = move |(from, to): (usize, &usize)| {
                let to = *to;
                (0..width).map(move |cell| (from * width + cell, to * width + cell))
            };
            groups.iter().enumerate().flat_map(cells)
        };
        for (from, to) in pairs() {
            self.rows[to] += other.rows[from];
        }
        for (ours, theirs) in self.measures.iter_mut().zip(&other.measures) {
            for (from, to) in pairs() {
                ours.lacking[to] += theirs.lacking[from];
            }
            if let (Some(ours), Some(theirs)) = (&mut ours.sums, &theirs.sums) {
                ours.merge(theirs, groups)?;
            }
            if let (Some(ours), Some(theirs)) = (&mut ours.extremes, &theirs.extremes) {
                for (from, to) in pairs() {
                    widen(&mut ours[to], theirs[from].0);
                    widen(&mut ours[to], theirs[from].1);
                }
            }
        }
        Ok(())
    }
}

impl MeasureCells {
    /// Counts one exact number that stands for several with these extremes.
    pub(super) fn add_decimals(
        &mut self,
        (group, cell, width): (usize, usize, usize),
        sum: Decimal,
        extremes: (i64, i64),
    ) -> Result<()> {
        if let Some(sums) = &mut self.sums {
            sums.add(group, cell, sum)?;
        }
        if let Some(cells) = &mut self.extremes {
            let double = |m: i64| Decimal { mantissa: i128::from(m), scale: sum.scale }.to_f64();
            widen(&mut cells[group * width + cell], double(extremes.0));
            widen(&mut cells[group * width + cell], double(extremes.1));
        }
        Ok(())
    }

    /// Counts a single decimal of any size.
    pub(super) fn add_decimal(
        &mut self,
        (group, cell, width): (usize, usize, usize),
        number: Decimal,
    ) -> Result<()> {
        if let Some(sums) = &mut self.sums {
            sums.add(group, cell, number)?;
        }
        if let Some(cells) = &mut self.extremes {
            widen(&mut cells[group * width + cell], number.to_f64());
        }
        Ok(())
    }

    /// Counts a finite double.
    pub(super) fn add_double(&mut self, (group, cell, width): (usize, usize, usize), number: f64) {
        if let Some(sums) = &mut self.sums {
            sums.add_double(group, cell, number);
        }
        if let Some(cells) = &mut self.extremes {
            widen(&mut cells[group * width + cell], number);
        }
    }
}

/// Widens a cell's extremes by a number; those of a cell without numbers change nothing.
#[inline]
pub(super) fn widen(extremes: &mut (f64, f64), number: f64) {
    if number.is_finite() {
        extremes.0 = extremes.0.min(number);
        extremes.1 = extremes.1.max(number);
    }
}
