//! Stored totals of whole chunks, where nothing but the series decides: added a thousand at a time,
//! column by column, from the pages of the tables of a segment.

use std::mem;

use crate::error::Result;
use crate::index::Selection;
use crate::query::aggregate::AggregateSpec;
use crate::query::aggregate::keys::ranked::{NONE, RankedOf};
use crate::query::aggregate::state::cells::InputCells;
use crate::query::aggregate::state::layout::Row;
use crate::query::aggregate::state::narrow::{NarrowCells, TotalColumns};
use crate::query::aggregate::walk::work::{Reserve, Work};
use crate::segment::{ChunkSpan, PagePart, PageParts, Segment, TotalsPage};
use crate::store::{Cube, PeriodFilter};

/// Memory that is used again for every thousand chunks.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The packed key of each chunk.
    pub(crate) keys: Vec<u64>,
    /// The number of the group of each.
    to: Vec<u32>,
    /// For each condition that an input has, whether it holds.
    conditions: Vec<Vec<bool>>,
    /// Which chunks are kept.
    marks: Vec<bool>,
    /// Those that pass the filter, and of these the exact ones.
    chosen: [Vec<u32>; 2],
    pub(crate) numbers: Vec<u64>,
    observations: Vec<u16>,
    /// Which time each chunk covers.
    pub(crate) spans: Vec<ChunkSpan>,
    of_input: OfInput,
}

/// The same for the chunks of one input.
#[derive(Debug, Default)]
struct OfInput {
    chunks: Vec<u32>,
    to: Vec<u32>,
    numbers: Vec<u64>,
    room: Vec<u64>,
    columns: Columns,
}

/// What is stored of chunks that are no neighbours.
#[derive(Debug, Default)]
struct Columns {
    observations: Vec<u16>,
    counts: Vec<u16>,
    scales: Vec<u8>,
    sums: Vec<i64>,
    mins: Vec<i64>,
    maxs: Vec<i64>,
}

/// Some chunks of a part, each the only one of its series, and of the same number.
#[derive(Clone, Copy)]
struct Chunks<'a> {
    cube: &'a Cube,
    part: usize,
    of: PagePart<'a>,
}

impl Work<'_> {
    /// Whether all chunks of a part are added so.
    pub(crate) fn adds_totals_alone(&self, part: usize) -> bool {
        let (spec, part) = (self.spec, &self.source.cube().parts()[part]);
        spec.reads_totals()
            && !spec.has_specials_of_periods()
            && spec.conditions.iter().all(|condition| condition.formula.is_of_series())
            && matches!(self.scan.periods, PeriodFilter::All)
            && part.segment().is_one_to_one()
    }

    /// Adds the totals of these series of a part. `left` gets the series whose totals do not say
    /// everything.
    pub(crate) fn add_totals_alone(
        &mut self,
        part: usize,
        selection: &Selection,
        left: &mut Vec<u32>,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let cube = self.source.cube().as_ref();
        let mut batch = mem::take(&mut self.batch);
        batch.conditions.resize_with(self.spec.conditions.len(), Vec::new);
        let mut parts = PageParts::new(selection);
        while let Some(of) = parts.next_part() {
            self.check_cancelled()?;
            self.add_some(Chunks { cube, part, of }, &mut batch, left, reserve)?;
        }
        self.batch = batch;
        Ok(())
    }

    /// Adds the totals of some chunks.
    fn add_some(
        &mut self,
        chunks: Chunks<'_>,
        batch: &mut Batch,
        left: &mut Vec<u32>,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let Batch { conditions, marks, chosen: [passing, exact], observations, .. } = batch;
        // Those of the batch may live shorter.
        let mut chunks: Chunks<'_> = chunks;
        if let Some(filter) = self.spec.filter {
            chunks.marks(self, filter, marks)?;
            chunks.of = chunks.of.marked(marks, passing);
        }
        self.mark_conditions(chunks, conditions)?;
        if self.mark_exact(chunks, conditions, marks)? {
            let others = chunks.of.ordinals().zip(marks.iter()).filter(|(_, mark)| !**mark);
            left.extend(others.map(|(chunk, _)| chunk));
            chunks.of = chunks.of.marked(marks, exact);
            self.mark_conditions(chunks, conditions)?;
        }
        if chunks.of.is_empty() {
            return Ok(());
        }
        self.pack(chunks.part, chunks.of, &mut batch.keys, &mut batch.numbers)?;
        self.number(&batch.keys, &mut batch.to, reserve)?;
        self.grow_narrow(reserve)?;
        let all = chunks.of.of(chunks.segment().observations_page(chunks.of.page())?, observations);
        count(&batch.to, all, &mut self.cells.rows);
        for (cells, narrow) in self.cells.inputs.iter_mut().zip(&mut self.narrow) {
            let marks = cells.input.condition.map(|place| conditions[place].as_slice());
            let chunks = (chunks, batch.to.as_slice());
            add_input(self.spec, (cells, narrow), chunks, marks, &mut batch.of_input)?;
        }
        Ok(())
    }

    /// Finds which conditions of inputs hold for each chunk.
    fn mark_conditions(&self, chunks: Chunks<'_>, conditions: &mut [Vec<bool>]) -> Result<()> {
        for (place, marks) in conditions.iter_mut().enumerate() {
            if self.spec.inputs.iter().any(|input| input.condition == Some(place)) {
                chunks.marks(self, place, marks)?;
            }
        }
        Ok(())
    }

    /// Marks the chunks whose totals say everything that is wanted of them. Says whether there are
    /// others.
    fn mark_exact(
        &self,
        chunks: Chunks<'_>,
        conditions: &[Vec<bool>],
        marks: &mut Vec<bool>,
    ) -> Result<bool> {
        let mut has_others = false;
        for input in &self.spec.inputs {
            let Some(measure) = input.measure else { continue };
            let page = chunks.totals(measure)?;
            if page.bounds().is_exact() {
                continue;
            }
            if !has_others {
                marks.clear();
                marks.resize(chunks.of.len(), true);
            }
            has_others = true;
            let mut room = Vec::new();
            let exact = chunks.of.of(page.totals().exact(), &mut room);
            let wanted = input.condition.map(|place| conditions[place].as_slice());
            for (at, (mark, exact)) in marks.iter_mut().zip(exact).enumerate() {
                *mark &= *exact || wanted.is_some_and(|wanted| !wanted[at]);
            }
        }
        Ok(has_others && marks.iter().any(|mark| !*mark))
    }

    /// Calls the functions of the series for these series of a part, each of which has an
    /// observation that is wanted.
    pub(crate) fn add_series(
        &mut self,
        part: usize,
        selection: &Selection,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let cube = self.source.cube().as_ref();
        let mut batch = mem::take(&mut self.batch);
        let mut parts = PageParts::new(selection);
        while let Some(of) = parts.next_part() {
            self.check_cancelled()?;
            self.pack(part, of, &mut batch.keys, &mut batch.numbers)?;
            self.number(&batch.keys, &mut batch.to, reserve)?;
            let chunks = (Chunks { cube, part, of }, batch.to.as_slice());
            let OfInput { numbers, room, .. } = &mut batch.of_input;
            for cells in &mut self.cells.inputs {
                add_specials(self.spec, cells, chunks, (&mut *numbers, &mut *room))?;
            }
        }
        self.batch = batch;
        Ok(())
    }

    /// Sets `keys` to the part of the packed key that follows from each of these series of a part.
    /// `room` is for work.
    pub(crate) fn pack(
        &self,
        part: usize,
        of: PagePart<'_>,
        keys: &mut Vec<u64>,
        room: &mut Vec<u64>,
    ) -> Result<()> {
        keys.clear();
        keys.resize(of.len(), 0);
        // The only value has number 0.
        for key in self.spec.keys.series.iter().filter(|key| key.values.len() > 1) {
            key.table.add_page((self.source.cube(), part), of, (key.stride, keys), room)?;
        }
        Ok(())
    }

    /// Numbers the groups with these keys, and makes room for those that are new.
    fn number(&mut self, keys: &[u64], to: &mut Vec<u32>, reserve: Reserve<'_>) -> Result<()> {
        self.groups.numbers(keys, to);
        if self.groups.len() > self.cells.layout.row_count() {
            self.add_rows(reserve)?;
        }
        Ok(())
    }

    /// Makes room for totals of all groups.
    fn grow_narrow(&mut self, reserve: Reserve<'_>) -> Result<()> {
        let (room, count) = (self.cells.capacity(), self.cells.inputs.len());
        if self.narrow.iter().any(|narrow| narrow.len() < room) || self.narrow.len() < count {
            self.reserve(room * count * NarrowCells::CELL_BYTES, reserve)?;
            self.narrow.resize_with(count, NarrowCells::new);
            self.narrow.iter_mut().for_each(|narrow| narrow.grow(room));
        }
        Ok(())
    }

    /// Gives what was added of totals to the cells.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let mut all = mem::take(&mut self.narrow);
        for (cells, narrow) in self.cells.inputs.iter_mut().zip(&mut all) {
            narrow.empty(cells)?;
        }
        Ok(())
    }
}

impl<'a> Chunks<'a> {
    fn segment(self) -> &'a Segment {
        self.cube.parts()[self.part].segment()
    }

    fn totals(self, measure: usize) -> Result<&'a TotalsPage> {
        self.segment().totals_page(measure, self.of.page())
    }

    /// Sets `out` to whether a condition of `work` holds for each chunk.
    fn marks(self, work: &Work<'_>, condition: usize, out: &mut Vec<bool>) -> Result<()> {
        let formula = &work.spec.conditions[condition].formula;
        formula.marks((self.cube, self.part), self.of, out)
    }
}

/// Adds what an input reads of chunks, whose groups have these numbers: of those that are marked, if
/// it has a condition.
fn add_input(
    spec: &AggregateSpec,
    (cells, narrow): (&mut InputCells, &mut NarrowCells),
    (chunks, mut to): (Chunks<'_>, &[u32]),
    marks: Option<&[bool]>,
    room: &mut OfInput,
) -> Result<()> {
    let OfInput { chunks: kept, to: kept_to, numbers, room, columns } = room;
    let mut chunks: Chunks<'_> = chunks;
    if let Some(marks) = marks {
        kept_to.clear();
        kept_to.extend(to.iter().zip(marks).filter(|(_, mark)| **mark).map(|(to, _)| *to));
        chunks.of = chunks.of.marked(marks, kept);
        to = kept_to;
        let observations = chunks.segment().observations_page(chunks.of.page())?;
        count(to, chunks.of.of(observations, &mut columns.observations), &mut cells.rows);
    }
    add_specials(spec, cells, (chunks, to), (numbers, room))?;
    match cells.input.measure {
        Some(measure) => add_measure((cells, narrow), (chunks, to), measure, columns),
        None => Ok(()),
    }
}

/// Calls the functions of the series of an input for chunks, whose groups have these numbers.
fn add_specials(
    spec: &AggregateSpec,
    cells: &mut InputCells,
    (chunks, to): (Chunks<'_>, &[u32]),
    (numbers, room): (&mut Vec<u64>, &mut Vec<u64>),
) -> Result<()> {
    for (special, cells) in &mut cells.specials {
        let Some(ranked) = spec.specials[*special].ranked() else { continue };
        let RankedOf::Series(table) = &ranked.of else { continue };
        // The only group has soon met all there are.
        if spec.keys.series.is_empty() && cells.is_settled(0, ranked) {
            continue;
        }
        numbers.clear();
        numbers.resize(to.len(), 0);
        table.add_page((chunks.cube, chunks.part), chunks.of, (1, numbers), room)?;
        for (to, number) in to.iter().zip(numbers.iter()) {
            cells.meet(*to as usize, u32::try_from(*number).unwrap_or(NONE));
        }
    }
    Ok(())
}

/// Adds what is stored of chunks in a measure.
fn add_measure(
    (cells, narrow): (&mut InputCells, &mut NarrowCells),
    (chunks, to): (Chunks<'_>, &[u32]),
    measure: usize,
    room: &mut Columns,
) -> Result<()> {
    let page = chunks.totals(measure)?;
    let (wants_sums, wants_extremes) = (cells.sums.is_some(), cells.extremes.is_some());
    let is_admitted =
        !(wants_sums || wants_extremes) || narrow.admit(page.bounds(), to.len(), cells)?;
    let observations = chunks.segment().observations_page(chunks.of.page())?;
    let observations = chunks.of.of(observations, &mut room.observations);
    if !is_admitted {
        for ((number, chunk), observations) in to.iter().zip(chunks.of.ordinals()).zip(observations)
        {
            let row = Row { number: *number as usize, start: *number as usize, len: 1 };
            let total = chunks.segment().total(measure, chunk)?;
            cells.add_total(row, u64::from(*observations), &total)?;
        }
        return Ok(());
    }
    let (of, totals) = (chunks.of, page.totals());
    let mut columns = TotalColumns {
        observations,
        counts: of.of(totals.counts(), &mut room.counts),
        ..TotalColumns::default()
    };
    if wants_sums || wants_extremes {
        columns.scales = of.of(totals.scales(), &mut room.scales);
    }
    if wants_sums {
        columns.sums = of.of(totals.sums(), &mut room.sums);
    }
    if wants_extremes {
        columns.mins = of.of(totals.mins(), &mut room.mins);
        columns.maxs = of.of(totals.maxs(), &mut room.maxs);
    }
    narrow.add(to, &columns, cells);
    Ok(())
}

/// Adds the observations of chunks to the counts of their groups.
fn count(to: &[u32], observations: &[u16], counts: &mut [u64]) {
    for (to, observations) in to.iter().zip(observations) {
        let count = &mut counts[*to as usize];
        // Far below 64 bits.
        *count = count.wrapping_add(u64::from(*observations));
    }
}
