//! Stored totals of whole chunks: added a thousand at a time, column by column, from the pages of the
//! tables of a segment, for those that `decided` finds.

use std::mem;

use crate::error::Result;
use crate::index::Selection;
use crate::query::aggregate::AggregateSpec;
use crate::query::aggregate::keys::condition::Verdict;
use crate::query::aggregate::keys::ranked::{NONE, RankedOf};
use crate::query::aggregate::state::cells::InputCells;
use crate::query::aggregate::state::layout::Row;
use crate::query::aggregate::state::narrow::{NarrowCells, TotalColumns};
use crate::query::aggregate::state::special::{Special, SpecialCells};
use crate::query::aggregate::state::wide::WideCells;
use crate::query::aggregate::walk::decided::touched_of;
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
    /// What is known of each chunk, and what one condition says.
    verdicts: [Vec<Verdict>; 2],
    /// Those of which the scan wants something, of these those that pass the filter, and of these
    /// those of which all is known.
    chosen: [Vec<u32>; 3],
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
pub(crate) struct Chunks<'a> {
    pub(crate) cube: &'a Cube,
    pub(crate) part: usize,
    pub(crate) of: PagePart<'a>,
}

impl Work<'_> {
    /// Whether the chunks of a part are added so, as far as they are decided without a look at
    /// observations.
    pub(crate) fn adds_totals_alone(&self, part: usize) -> bool {
        let (spec, part) = (self.spec, &self.source.cube().parts()[part]);
        spec.reads_totals() && !spec.has_specials_of_periods() && part.segment().is_one_to_one()
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
            let from = left.len();
            self.add_some(Chunks { cube, part, of }, &mut batch, left, reserve)?;
            // Some are left because of the filter, and others later because of an input.
            if !left[from..].is_sorted() {
                left[from..].sort_unstable();
            }
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
        let Batch { conditions, marks, verdicts, chosen, observations, spans, .. } = batch;
        let [touched, passing, known] = chosen;
        // Those of the batch may live shorter.
        let mut chunks: Chunks<'_> = chunks;
        let is_part = matches!(self.scan.periods, PeriodFilter::Slots(_));
        verdicts[0].clear();
        if is_part {
            self.find_covered(chunks, spans, &mut verdicts[0])?;
            chunks.of = touched_of(chunks.of, &mut verdicts[0], marks, touched);
        }
        if let Some(filter) = self.spec.filter {
            self.apply_filter(chunks, filter, verdicts)?;
        }
        if !verdicts[0].is_empty() {
            let undecided = chunks.of.ordinals().zip(&verdicts[0]);
            let undecided = undecided.filter(|(_, verdict)| **verdict == Verdict::Depends);
            left.extend(undecided.map(|(chunk, _)| chunk));
            marks.clear();
            marks.extend(verdicts[0].iter().map(|verdict| *verdict == Verdict::Always));
            chunks.of = chunks.of.marked(marks, passing);
        }
        if self.mark_known(chunks, conditions, &mut verdicts[1], marks)? {
            let others = chunks.of.ordinals().zip(marks.iter()).filter(|(_, mark)| !**mark);
            left.extend(others.map(|(chunk, _)| chunk));
            chunks.of = chunks.of.marked(marks, known);
            self.mark_conditions(chunks, conditions, &mut verdicts[1], marks)?;
        }
        if chunks.of.is_empty() {
            return Ok(());
        }
        self.pack(chunks.part, chunks.of, &mut batch.keys, &mut batch.numbers)?;
        self.number(&batch.keys, &mut batch.to, reserve)?;
        self.grow_narrow(reserve)?;
        self.reserve_wide(chunks, reserve)?;
        if is_part {
            let spans = chunks.of.of(chunks.segment().spans_page(chunks.of.page())?, spans);
            for (to, span) in batch.to.iter().zip(spans) {
                // Where a part is wanted, every slot of it has an observation.
                let observations = self.scan.periods.observations(span).end;
                let count = &mut self.cells.rows[*to as usize];
                *count = count.wrapping_add(observations);
            }
        } else {
            let all = chunks.segment().observations_page(chunks.of.page())?;
            count(&batch.to, chunks.of.of(all, observations), &mut self.cells.rows);
        }
        let stored = self.narrow.iter_mut().zip(&mut self.wide);
        for (cells, (narrow, wide)) in self.cells.inputs.iter_mut().zip(stored) {
            let marks = cells.input.condition.map(|place| conditions[place].as_slice());
            let chunks = (chunks, batch.to.as_slice());
            add_input(self.spec, (cells, narrow, wide), chunks, marks, &mut batch.of_input)?;
        }
        Ok(())
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
            if self.has_settled() {
                break;
            }
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

    /// Whether there is one group, which has met all that functions of the series can.
    fn has_settled(&self) -> bool {
        let mut specials = self.cells.inputs.iter().flat_map(|cells| &cells.specials);
        let is_settled = |special: &Special, cells: &SpecialCells| match special.ranked() {
            Some(ranked) => special.is_of_period() || cells.is_settled(0, ranked),
            None => true,
        };
        self.spec.keys.series.is_empty()
            && self.groups.len() == 1
            && specials.all(|(place, cells)| is_settled(&self.spec.specials[*place], cells))
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
        self.narrow.resize_with(count, NarrowCells::new);
        let inputs = self.spec.inputs.iter().zip(&self.narrow);
        let short = inputs.filter(|(input, known)| input.measure.is_some() && known.len() < room);
        let more: usize = short.map(|(_, known)| room - known.len()).sum();
        if more == 0 {
            return Ok(());
        }
        self.reserve(more * NarrowCells::CELL_BYTES, reserve)?;
        for (input, narrow) in self.spec.inputs.iter().zip(&mut self.narrow) {
            if input.measure.is_some() {
                narrow.grow(room);
            }
        }
        Ok(())
    }

    /// Asks for the memory of cells of 128 bits, where some of these totals need them.
    fn reserve_wide(&mut self, chunks: Chunks<'_>, reserve: Reserve<'_>) -> Result<()> {
        self.wide.resize_with(self.cells.inputs.len(), WideCells::default);
        let bytes = WideCells::bytes_for(self.cells.capacity());
        let mut more = 0;
        for (cells, known) in self.cells.inputs.iter().zip(&self.wide) {
            let Some(measure) = cells.input.measure.filter(|_| cells.wants_totals()) else {
                continue;
            };
            let bounds = chunks.totals(measure)?.bounds();
            if !NarrowCells::could_admit(bounds, chunks.of.len()) {
                more += bytes.saturating_sub(known.memory_bytes());
            }
        }
        if more > 0 { self.reserve(more, reserve) } else { Ok(()) }
    }

    /// Gives what was added of totals to the cells.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let (mut narrow, mut wide) = (mem::take(&mut self.narrow), mem::take(&mut self.wide));
        for (cells, narrow) in self.cells.inputs.iter_mut().zip(&mut narrow) {
            narrow.empty(cells)?;
        }
        for (cells, wide) in self.cells.inputs.iter_mut().zip(&mut wide) {
            wide.empty(cells)?;
        }
        Ok(())
    }
}

impl<'a> Chunks<'a> {
    pub(crate) fn segment(self) -> &'a Segment {
        self.cube.parts()[self.part].segment()
    }

    pub(crate) fn totals(self, measure: usize) -> Result<&'a TotalsPage> {
        self.segment().totals_page(measure, self.of.page())
    }
}

/// Adds what an input reads of chunks, whose groups have these numbers: of those that are marked, if
/// it has a condition.
fn add_input(
    spec: &AggregateSpec,
    (cells, narrow, wide): (&mut InputCells, &mut NarrowCells, &mut WideCells),
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
        Some(measure) => add_measure((cells, narrow, wide), (chunks, to), measure, columns),
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

/// How totals are added.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Narrow,
    Wide,
    OneByOne,
}

/// Adds what is stored of chunks in a measure.
fn add_measure(
    (cells, narrow, wide): (&mut InputCells, &mut NarrowCells, &mut WideCells),
    (chunks, to): (Chunks<'_>, &[u32]),
    measure: usize,
    room: &mut Columns,
) -> Result<()> {
    let page = chunks.totals(measure)?;
    let (wants_sums, wants_extremes) = (cells.sums.is_some(), cells.extremes.is_some());
    let (bounds, count) = (page.bounds(), to.len());
    let way = if !cells.wants_totals() {
        Way::Narrow
    } else if NarrowCells::could_admit(bounds, count) {
        if narrow.admit(bounds, count, cells)? { Way::Narrow } else { Way::OneByOne }
    } else if wide.admit(bounds, (narrow.len(), count), cells)? {
        Way::Wide
    } else {
        Way::OneByOne
    };
    let observations = chunks.segment().observations_page(chunks.of.page())?;
    let observations = chunks.of.of(observations, &mut room.observations);
    if way == Way::OneByOne {
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
    if way == Way::Narrow {
        narrow.add(to, &columns, cells);
    } else {
        wide.add(to, &columns, cells);
    }
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
