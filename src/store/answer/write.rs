//! Drives the writer of a data message.

use crate::error::Result;
use crate::model::{Cell, ComponentRole};
use crate::sdmx::data::DataWriter;
use crate::store::answer::data::{DataAnswer, Written};
use crate::store::answer::page::Page;
use crate::store::answer::partials::{refused, write_partials};
use crate::store::answer::series::{Series, SeriesReader};
use crate::store::answer::texts::{Columns, Rows, Texts};
use crate::store::walk::SeriesWalk;

/// Observations between two calls of `progress`.
const PROGRESS_OBSERVATIONS: u64 = 1 << 16;

/// Drives the writer of a data message.
pub(super) struct Driver<'a, 'w> {
    pub(super) answer: &'a DataAnswer,
    pub(super) writer: &'w mut dyn DataWriter,
    progress: &'w mut dyn FnMut(Written),
    told: u64,
    pub(super) written: Written,
    /// Observations (or series) still to leave out, and then still to write.
    pub(super) skip: u64,
    pub(super) left: u64,
    pub(super) columns: OwnColumns<'a>,
}

/// What observations have for themselves, and where it stands among the components.
pub(super) struct OwnColumns<'a> {
    has_time: bool,
    measures: &'a [usize],
    attributes: Vec<&'a str>,
    /// For each column, the position of its component.
    positions: Vec<usize>,
}

/// What a message of several data sets has still to leave out and to write, and what it has written.
pub(super) struct Rest {
    pub(super) skip: u64,
    pub(super) left: u64,
    pub(super) written: Written,
}

impl Rest {
    pub(super) fn new(offset: u64, limit: Option<u64>) -> Self {
        Self { skip: offset, left: limit.unwrap_or(u64::MAX), written: Written::default() }
    }
}

impl<'a, 'w> Driver<'a, 'w> {
    pub(super) fn new(
        answer: &'a DataAnswer,
        writer: &'w mut dyn DataWriter,
        progress: &'w mut dyn FnMut(Written),
    ) -> Self {
        let columns = OwnColumns::new(answer);
        let (told, written) = (0, Written::default());
        let left = answer.limit.unwrap_or(u64::MAX);
        Self { answer, writer, progress, told, written, skip: answer.offset, left, columns }
    }

    /// Writes the message.
    pub(super) fn run(mut self) -> Result<Written> {
        self.writer.begin().map_err(refused)?;
        self.write_data()?;
        self.writer.finish().map_err(refused)?;
        (self.progress)(self.written);
        Ok(self.written)
    }

    /// Writes one data set of a message of several, which has begun.
    pub(super) fn write_set(mut self, rest: &mut Rest) -> Result<()> {
        (self.skip, self.left) = (rest.skip, rest.left);
        self.write_data()?;
        let Written { series, observations } = self.written;
        rest.written.series += series;
        rest.written.observations += observations;
        (rest.skip, rest.left) = (self.skip, self.left);
        Ok(())
    }

    fn write_data(&mut self) -> Result<()> {
        if self.answer.is_empty() {
            return Ok(());
        }
        let page = Page::new(self.answer)?;
        self.skip -= page.skipped;
        write_partials(self.answer, &page.series, self.writer)?;
        match self.answer.crossing() {
            Some(crossing) => self.write_cross_section(crossing),
            None if self.answer.parts.has_observations => self.write_observations(&page),
            None => self.write_series(&page),
        }
    }

    fn write_observations(&mut self, page: &Page) -> Result<()> {
        let answer = self.answer;
        let walk = SeriesWalk::new(&answer.selected.cube, &page.series, &[]);
        let wanted = (&*answer.parts.measures, &*answer.parts.attributes);
        let mut reader = SeriesReader::new(&answer.selected, walk, answer.ends, wanted)?;
        let mut texts = Texts::default();
        while self.left > 0 {
            let Some(series) = reader.next()? else { break };
            if self.skip >= series.count {
                self.skip -= series.count;
                continue;
            }
            self.write_one(&series, &mut texts)?;
            self.tell();
        }
        Ok(())
    }

    /// Writes a series with its observations.
    fn write_one(&mut self, series: &Series, texts: &mut Texts) -> Result<()> {
        let cells = series_cells(self.answer, series.part, series.ordinal)?;
        self.begin_series(&cells)?;
        for piece in &series.pieces {
            let segment = self.answer.selected.cube.parts()[piece.part].segment();
            texts.fill(piece, segment, &self.columns.to_write())?;
            let rows = texts.rows()?;
            // The cells of the series outlive those of its observations.
            let mut cells: Vec<Cell<'_>> = cells.clone();
            for row in 0..rows.len() {
                if self.skip > 0 {
                    self.skip -= 1;
                    continue;
                }
                if self.left == 0 {
                    return Ok(());
                }
                self.columns.set(&mut cells, &rows, row);
                self.write_observation(&cells)?;
            }
        }
        Ok(())
    }

    /// Writes series without observations.
    fn write_series(&mut self, page: &Page) -> Result<()> {
        let answer = self.answer;
        let mut walk = SeriesWalk::new(&answer.selected.cube, &page.series, &[]);
        if answer.selected.is_whole()? {
            while let Some(series) = walk.peek()?.and_then(|series| series.last().copied()) {
                walk.advance();
                if !self.write_key(series)? {
                    break;
                }
            }
            return Ok(());
        }
        let mut reader = SeriesReader::new(&answer.selected, walk, answer.ends, (&[], &[]))?;
        while let Some(series) = reader.next()? {
            if !self.write_key((series.part, series.ordinal))? {
                break;
            }
        }
        Ok(())
    }

    /// Writes a series, unless it is to be left out; returns whether more are wanted.
    fn write_key(&mut self, (part, ordinal): (usize, u32)) -> Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(true);
        }
        self.left -= 1;
        let cells = series_cells(self.answer, part, ordinal)?;
        self.begin_series(&cells)?;
        Ok(true)
    }

    pub(super) fn begin_series(&mut self, cells: &[Cell<'_>]) -> Result<()> {
        self.written.series += 1;
        self.writer.series(cells).map_err(refused)
    }

    #[inline]
    pub(super) fn write_observation(&mut self, cells: &[Cell<'_>]) -> Result<()> {
        self.left -= 1;
        self.written.observations += 1;
        self.writer.observation(cells).map_err(refused)
    }

    /// Tells how much was written, now and then.
    pub(super) fn tell(&mut self) {
        if self.written.observations - self.told >= PROGRESS_OBSERVATIONS {
            self.told = self.written.observations;
            (self.progress)(self.written);
        }
    }
}

impl<'a> OwnColumns<'a> {
    fn new(answer: &'a DataAnswer) -> Self {
        let flow = answer.flow();
        let measures = &*answer.parts.measures;
        let mut positions: Vec<usize> = flow.time_index().into_iter().collect();
        positions.extend(measures.iter().map(|measure| flow.measures_from() + measure));
        let mut attributes = Vec::new();
        for attribute in &answer.parts.attributes {
            let component = &flow.attributes()[*attribute];
            if component.role == ComponentRole::ObservationAttribute {
                attributes.push(component.id.as_str());
                positions.push(flow.attributes_from() + attribute);
            }
        }
        Self { has_time: flow.time_index().is_some(), measures, attributes, positions }
    }

    /// What to write as text.
    pub(super) fn to_write(&self) -> Columns<'_> {
        let Self { has_time, measures, attributes, .. } = self;
        Columns { has_time: *has_time, measures, attributes }
    }

    /// Sets the cells of an observation.
    #[inline]
    pub(super) fn set<'t>(&self, cells: &mut [Cell<'t>], rows: &Rows<'t>, row: usize) {
        for (column, position) in self.positions.iter().enumerate() {
            cells[*position] = rows.get(column, row);
        }
    }
}

/// The cells that all observations of a series share: its key, and the attributes of keys.
pub(super) fn series_cells(
    answer: &DataAnswer,
    part: usize,
    ordinal: u32,
) -> Result<Vec<Cell<'_>>> {
    let cube = &answer.selected.cube;
    let flow = cube.flow();
    let mut cells: Vec<Cell<'_>> = vec![None; flow.components().len()];
    for (dimension, cell) in cells.iter_mut().take(flow.dimensions().len()).enumerate() {
        let code = cube.parts()[part].code(dimension, ordinal)?;
        *cell = Some(cube.codes(dimension).get(code));
    }
    for attribute in &answer.parts.attributes {
        let value = cube.key_attribute(*attribute, part, ordinal)?;
        cells[flow.attributes_from() + attribute] = value.filter(|value| !value.is_empty());
    }
    Ok(cells)
}
