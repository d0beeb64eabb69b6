//! Cross-sections: a dimension stands at the observation, and time in the key of the group.

use crate::error::Result;
use crate::limits::{ANSWER_MEMORY_BYTES, Budget};
use crate::model::{Cell, ComponentRole, Period, Span};
use crate::store::answer::series::{Series, SeriesReader};
use crate::store::answer::texts::Texts;
use crate::store::answer::wanted::period;
use crate::store::answer::write::{Driver, series_cells};
use crate::store::filter::KeyPart;
use crate::store::walk::SeriesWalk;

/// The observations of the series that agree in all dimensions but one.
struct Group {
    /// The codes of the other dimensions.
    key: Vec<u32>,
    /// The series, by their code in the dimension.
    series: Vec<(usize, u32)>,
    /// The texts of each chunk.
    texts: Vec<Texts>,
    observations: Vec<Observation>,
}

/// An observation of a group; the order is that in which they are written.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Observation {
    span: Option<Span>,
    period: Period,
    series: usize,
    /// Where its texts are.
    texts: usize,
    row: usize,
}

impl Driver<'_, '_> {
    /// Writes groups: for each key of the other dimensions and each time, what differs in one
    /// dimension. Holds the observations of one key at a time.
    pub(super) fn write_cross_section(&mut self, crossing: usize) -> Result<()> {
        let answer = self.answer;
        let cube = &answer.selected.cube;
        let dimensions = 0..cube.flow().dimensions().len();
        let others: Vec<KeyPart> =
            dimensions.filter(|at| *at != crossing).map(KeyPart::from).collect();
        let walk = SeriesWalk::new(cube, &answer.selected.series, &others);
        let wanted = (&*answer.parts.measures, &*answer.parts.attributes);
        let mut reader = SeriesReader::new(&answer.selected, walk, answer.ends, wanted)?;
        let budget = Budget::new("the memory of a group of a cross-section", ANSWER_MEMORY_BYTES);
        let mut memory = budget.reserve(0)?;
        let mut group: Option<Group> = None;
        while let Some(series) = reader.next()? {
            let codes = others.iter().map(|part| part.dimension);
            let codes = codes.map(|at| cube.parts()[series.part].code(at, series.ordinal));
            let key = codes.collect::<Result<Vec<u32>>>()?;
            if let Some(done) = group.take_if(|group| group.key != key) {
                self.write_group(crossing, done)?;
                memory.shrink_to(0);
            }
            if self.left == 0 {
                return Ok(());
            }
            let group = group.get_or_insert_with(|| Group::new(key));
            memory.grow(self.gather(&series, group)?)?;
        }
        group.map_or(Ok(()), |group| self.write_group(crossing, group))
    }

    /// Adds a series to its group, and returns how many bytes that took.
    fn gather(&self, series: &Series, group: &mut Group) -> Result<u64> {
        let mut bytes = 0;
        // One for all, so that one period is one time: the series may begin their years differently.
        let start = self.answer.selected.year_start_unsaid();
        for piece in &series.pieces {
            let segment = self.answer.selected.cube.parts()[piece.part].segment();
            let mut texts = Texts::default();
            texts.fill(piece, segment, &self.columns.to_write())?;
            bytes += texts.memory_bytes();
            for (row, position) in piece.positions.iter().cloned().flatten().enumerate() {
                let period = period(piece, position);
                let (series, texts) = (group.series.len(), group.texts.len());
                let span = period.span(start);
                group.observations.push(Observation { span, period, series, texts, row });
            }
            group.texts.push(texts);
        }
        group.series.push((series.part, series.ordinal));
        Ok(bytes + series.count * size_of::<Observation>() as u64)
    }

    /// Writes the observations of a group, time by time.
    fn write_group(&mut self, crossing: usize, mut group: Group) -> Result<()> {
        let has_observations = self.answer.parts.has_observations;
        let has_time = self.answer.flow().time_index().is_some();
        group.observations.sort_unstable();
        let cells = group.series.iter().map(|at| series_cells(self.answer, at.0, at.1));
        let cells = cells.collect::<Result<Vec<_>>>()?;
        let rows = group.texts.iter().map(Texts::rows).collect::<Result<Vec<_>>>()?;
        for same_time in group.observations.chunk_by(|a, b| a.period == b.period) {
            let count = if has_observations { same_time.len() as u64 } else { 1 };
            if self.skip >= count {
                self.skip -= count;
                continue;
            }
            let Some(first) = same_time.first().filter(|_| self.left > 0) else { return Ok(()) };
            let time = has_time.then(|| rows[first.texts].get(0, first.row)).flatten();
            let shared = self.shared_cells(crossing, &cells[first.series], time);
            self.begin_series(&shared)?;
            if !has_observations {
                self.left -= 1;
                continue;
            }
            for observation in same_time {
                if self.skip > 0 {
                    self.skip -= 1;
                    continue;
                }
                if self.left == 0 {
                    return Ok(());
                }
                let mut cells = cells[observation.series].clone();
                self.columns.set(&mut cells, &rows[observation.texts], observation.row);
                self.write_observation(&cells)?;
            }
        }
        self.tell();
        Ok(())
    }

    /// What all observations of a group at one time share: attributes of keys without the
    /// dimension, and time.
    fn shared_cells<'t>(
        &self,
        crossing: usize,
        series: &[Cell<'t>],
        time: Cell<'t>,
    ) -> Vec<Cell<'t>> {
        let flow = self.answer.flow();
        let mut cells = series.to_vec();
        cells[crossing] = None;
        for (cell, component) in cells.iter_mut().zip(flow.components()) {
            let differs = |dimensions: &[usize]| dimensions.contains(&crossing);
            if matches!(&component.role, ComponentRole::KeyAttribute(on) if differs(on)) {
                *cell = None;
            }
        }
        if let Some(at) = flow.time_index() {
            cells[at] = time;
        }
        cells
    }
}

impl Group {
    fn new(key: Vec<u32>) -> Self {
        Self { key, series: Vec::new(), texts: Vec::new(), observations: Vec::new() }
    }
}
