//! One thread's share of an aggregation: its series into its own groups and cells.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::index::Selection;
use crate::model::PeriodForm;
use crate::query::aggregate::AggregateSpec;
use crate::query::aggregate::keys::attributes::Split;
use crate::query::aggregate::keys::condition::{ChunkFacts, Decoded, Formula, Verdict};
use crate::query::aggregate::state::cells::Cells;
use crate::query::aggregate::state::covered::Covered;
use crate::query::aggregate::state::groups::Groups;
use crate::query::aggregate::state::layout::Row;
use crate::query::aggregate::state::narrow::NarrowCells;
use crate::query::aggregate::state::special::{Called, Special};
use crate::query::aggregate::state::wide::WideCells;
use crate::query::aggregate::walk::positions::Positions;
use crate::query::aggregate::walk::reading::Reading;
use crate::query::aggregate::walk::spans::Unsure;
use crate::query::aggregate::walk::target::Target;
use crate::query::aggregate::walk::totals::Batch;
use crate::query::scan::{ScanSpec, Source};
use crate::store::{Chunk, Coverage, PeriodFilter, ScanOrder, ScanRequest, Selections};

/// Bytes that the state may grow by before they are asked for: what it grows by with observations is
/// known afterwards.
const RESERVED_STEP_BYTES: usize = 4 << 20;

/// Whom is asked before memory grows to so many bytes.
pub(crate) type Reserve<'r> = &'r mut dyn FnMut(usize) -> Result<()>;

/// What one thread has found.
pub(crate) struct Work<'a> {
    pub(crate) source: &'a Source,
    pub(crate) scan: &'a ScanSpec,
    pub(crate) spec: &'a AggregateSpec,
    cancelled: &'a AtomicBool,
    /// Whether something depends on where periods stand in the table of periods.
    needs_place: bool,
    /// Whether all observations of a series belong to one group, and every input reads them.
    is_plain: bool,
    pub(crate) groups: Groups,
    pub(crate) cells: Cells,
    /// What was added of totals since the cells were told, for each input.
    pub(crate) narrow: Vec<NarrowCells>,
    /// The same for totals that need 128 bits.
    pub(crate) wide: Vec<WideCells>,
    /// What is known of each condition for the chunk at hand.
    pub(crate) verdicts: Vec<Verdict>,
    /// The periods of which groups know everything.
    pub(crate) covered: Covered,
    /// Whether chunks within those are left out: nothing but the group and the periods matters.
    pub(crate) skips_covered: bool,
    /// Chunks whose spans do not say everything.
    pub(crate) unsure: Vec<Unsure>,
    buffers: Buffers,
    pub(crate) batch: Batch,
    /// The positions of a span that have an observation for sure, and the others.
    pub(crate) span: (Positions, Positions),
    /// The rows of the group of a span.
    pub(crate) span_rows: Vec<Row>,
    /// Bytes that were asked for.
    reserved: usize,
}

/// Memory that is used again for every chunk.
#[derive(Default)]
struct Buffers {
    /// The observations that are aggregated.
    all: Positions,
    /// What passes each condition.
    conditions: Vec<Positions>,
    /// The observations by their attributes.
    split: Split,
    /// The observations of one input.
    input: Positions,
    /// Those with a plain number.
    plain: Positions,
    /// The rows of the group.
    rows: Vec<Row>,
    spare: Vec<Positions>,
}

/// What is done with a chunk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing of it is wanted.
    Skip,
    /// Its stored totals say everything.
    Total,
    /// It is read.
    Read,
}

impl<'a> Work<'a> {
    pub(crate) fn new(
        source: &'a Source,
        scan: &'a ScanSpec,
        spec: &'a AggregateSpec,
        cancelled: &'a AtomicBool,
    ) -> Self {
        let has_periods = spec.conditions.iter().any(|condition| condition.formula.has_periods());
        let count = spec.conditions.len();
        let cells = Cells::new(spec, spec.lines());
        let adds_series = matches!(scan.periods, PeriodFilter::All)
            && spec.keys.periods.is_none()
            && !spec.specials.iter().all(Special::is_of_period);
        let skips_covered = spec.reads_spans()
            && spec.conditions.is_empty()
            && spec.specials.iter().all(|one| one.is_of_period() || adds_series);
        Self {
            source,
            scan,
            spec,
            cancelled,
            needs_place: has_periods
                || spec.keys.periods.is_some()
                || spec.has_specials_of_periods(),
            is_plain: spec.conditions.is_empty()
                && spec.keys.attributes.is_none()
                && spec.specials.iter().all(Special::is_of_numbers),
            groups: Groups::new(spec.keys.key_count.saturating_mul(cells.layout.line_count())),
            cells,
            narrow: Vec::new(),
            wide: Vec::new(),
            verdicts: vec![Verdict::Depends; count],
            covered: Covered::new(if skips_covered { spec.keys.key_count } else { 0 }),
            skips_covered,
            unsure: Vec::new(),
            span: (Positions::default(), Positions::default()),
            span_rows: Vec::new(),
            reserved: 0,
            batch: Batch::default(),
            buffers: Buffers {
                conditions: vec![Positions::default(); count],
                ..Buffers::default()
            },
        }
    }

    /// Aggregates these series. `reserve` is asked before memory grows to so many bytes.
    pub(crate) fn run(&mut self, series: &Selections, reserve: Reserve<'_>) -> Result<()> {
        let filter = self.spec.filter.map(|filter| &self.spec.conditions[filter].formula);
        let reads_all = !self.spec.reads_stored();
        let reads_all = reads_all && !filter.is_some_and(Formula::prunes);
        if reads_all || self.takes_singles() {
            return self.run_chunks(series, Reading::All, reserve);
        }
        if self.decides_on_the_way() {
            return self.run_chunks(series, Reading::Totals, reserve);
        }
        self.run_with_totals(series, reserve)
    }

    /// Aggregates these series by what is stored of whole chunks, and reads the others.
    fn run_with_totals(&mut self, series: &Selections, reserve: Reserve<'_>) -> Result<()> {
        let rest = self.run_totals(series, reserve)?;
        self.run_unsure(reserve)?;
        if rest.is_empty() {
            return Ok(());
        }
        self.run_chunks(&rest, Reading::Rest, reserve)
    }

    /// Adds what is stored of whole chunks. Returns the series that have a chunk that must be read.
    fn run_totals(&mut self, series: &Selections, reserve: Reserve<'_>) -> Result<Selections> {
        let source = self.source;
        let mut packed = Vec::new();
        let mut rest = Vec::with_capacity(series.0.len());
        for (index, (part, selection)) in source.cube().parts().iter().zip(&series.0).enumerate() {
            let mut left = Vec::new();
            if self.adds_totals_alone(index) {
                self.add_totals_alone(index, selection, &mut left, reserve)?;
                rest.push(Selection::from_sorted(left));
                continue;
            }
            if self.skips_covered && !self.spec.specials.iter().all(Special::is_of_period) {
                self.add_series(index, selection, reserve)?;
            }
            if self.adds_ends_alone(selection.len()) {
                self.pack_all(index, selection, &mut packed)?;
                self.add_ends_alone(index, (selection, &packed), reserve)?;
                rest.push(Selection::empty());
                continue;
            }
            if self.skips_covered && part.segment().is_one_to_one() {
                self.add_uncovered(index, selection, &mut left, reserve)?;
                rest.push(Selection::from_sorted(left));
                continue;
            }
            self.pack_all(index, selection, &mut packed)?;
            for (ordinal, key) in selection.iter().zip(&packed) {
                self.check_cancelled()?;
                let mut row = None;
                for chunk in part.live_chunks(ordinal)? {
                    if self.skips_covered && self.covered.has(*key, &part.span(chunk)?) {
                        continue;
                    }
                    let facts = self.facts(index, ordinal, chunk)?;
                    match self.step(&facts)? {
                        Step::Skip => {}
                        Step::Read if left.last() == Some(&ordinal) => {}
                        Step::Read => left.push(ordinal),
                        Step::Total => {
                            if !self.spec.reads_spans() {
                                let row = match row {
                                    Some(row) => row,
                                    None => *row.insert(self.row(*key, reserve)?),
                                };
                                self.add_total(&facts, row)?;
                            }
                            if !self.spec.specials.is_empty() || self.spec.reads_spans() {
                                self.add_span(&facts, *key, reserve)?;
                            }
                        }
                    }
                }
            }
            rest.push(Selection::from_sorted(left));
        }
        Ok(Selections(rest))
    }

    /// What is known of a chunk before it is read.
    pub(crate) fn facts(&self, part: usize, series: u32, chunk: u32) -> Result<ChunkFacts<'a>> {
        let cube = self.source.cube().as_ref();
        let span = cube.parts()[part].span(chunk)?;
        let table = self.source.periods().filter(|_| self.needs_place);
        let place = table.and_then(|table| table.place(span.form, span.first));
        Ok(ChunkFacts { cube, part, series, chunk, span, place })
    }

    /// What to do with a chunk; sets the verdicts of all conditions if its totals are taken.
    pub(crate) fn step(&mut self, facts: &ChunkFacts<'_>) -> Result<Step> {
        match self.coverage(&facts.span) {
            Coverage::Nothing => return Ok(Step::Skip),
            Coverage::Part if !self.spec.reads_spans() => return self.step_of_some(facts),
            Coverage::Part | Coverage::All => {}
        }
        if let Some(filter) = self.spec.filter {
            match self.spec.conditions[filter].formula.verdict(facts)? {
                Verdict::Never => return Ok(Step::Skip),
                Verdict::Depends => return Ok(Step::Read),
                Verdict::Always => {}
            }
        }
        if !self.spec.reads_totals() && !self.spec.reads_spans() {
            return Ok(Step::Read);
        }
        self.find_verdicts(facts)?;
        for input in &self.spec.inputs {
            let verdict = input.condition.map_or(Verdict::Always, |place| self.verdicts[place]);
            let needs = input.measure.filter(|_| verdict == Verdict::Always);
            let part = &facts.cube.parts()[facts.part];
            let is_exact = match needs {
                Some(measure) => part.total(measure, facts.chunk)?.is_exact,
                None => verdict != Verdict::Depends,
            };
            if !is_exact {
                return Ok(Step::Read);
            }
        }
        Ok(Step::Total)
    }

    /// Finds what is known of each condition for a chunk.
    pub(crate) fn find_verdicts(&mut self, facts: &ChunkFacts<'_>) -> Result<()> {
        for (condition, verdict) in self.spec.conditions.iter().zip(&mut self.verdicts) {
            *verdict = condition.formula.verdict(facts)?;
        }
        Ok(())
    }

    /// The step for a chunk of which the scan wants a part.
    fn step_of_some(&self, facts: &ChunkFacts<'_>) -> Result<Step> {
        let Some(filter) = self.spec.filter else { return Ok(Step::Read) };
        let verdict = self.spec.conditions[filter].formula.verdict(facts)?;
        Ok(if verdict == Verdict::Never { Step::Skip } else { Step::Read })
    }

    /// Adds the stored totals of a chunk; the verdicts are those of the chunk.
    pub(crate) fn add_total(&mut self, facts: &ChunkFacts<'_>, row: Row) -> Result<()> {
        let observations = self.scan.periods.observations(&facts.span).end;
        self.cells.rows[row.start] += observations;
        for cells in &mut self.cells.inputs {
            if let Some(condition) = cells.input.condition {
                if self.verdicts[condition] == Verdict::Never {
                    continue;
                }
                cells.rows[row.start] += observations;
            }
            if let Some(measure) = cells.input.measure {
                let total = facts.cube.parts()[facts.part].total(measure, facts.chunk)?;
                cells.add_total(row, observations, &total)?;
            }
        }
        Ok(())
    }

    /// Asks for memory that is about to grow by so many bytes.
    pub(crate) fn reserve(&mut self, more: usize, reserve: Reserve<'_>) -> Result<()> {
        self.reserved = self.memory_bytes() + more;
        reserve(self.reserved)
    }

    /// Bytes of memory, about.
    pub(crate) fn memory_bytes(&self) -> usize {
        let narrow = self.narrow.iter().map(|narrow| narrow.len() * NarrowCells::CELL_BYTES);
        self.groups.memory_bytes()
            + self.cells.memory_bytes()
            + self.covered.memory_bytes()
            + narrow.sum::<usize>()
            + self.wide.iter().map(WideCells::memory_bytes).sum::<usize>()
    }

    /// Whether all observations of a series belong to one group, and every input reads them.
    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }

    pub(crate) fn check_cancelled(&self) -> Result<()> {
        check_cancelled(self.cancelled)
    }

    /// Decodes chunks and adds their values.
    fn run_chunks(
        &mut self,
        series: &Selections,
        reading: Reading,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let source = self.source;
        let request = ScanRequest {
            series: series.clone(),
            periods: self.scan.periods.clone(),
            measures: self.spec.measures(),
            attributes: self.spec.attributes(),
            order: ScanOrder::Stored,
        };
        if self.takes_singles() {
            return self.run_singles(request, reserve);
        }
        if self.is_plain {
            return self.run_blocks(request, reading, reserve);
        }
        if self.takes_tallies() && reading == Reading::All {
            return self.run_tallies(request, reserve);
        }
        if self.takes_pieces() {
            return self.run_pieces(request, reading, reserve);
        }
        let mut cursor = source.cube().cursor(request)?;
        let mut last: Option<(usize, u32, u64)> = None;
        while let Some(chunk) = cursor.next()? {
            self.check_cancelled()?;
            if !self.is_read(reading, (chunk.part, chunk.series, chunk.chunk), reserve)? {
                continue;
            }
            let key = match last {
                Some((part, series, key)) if (part, series) == (chunk.part, chunk.series) => key,
                _ => self.key(chunk.part, chunk.series)?,
            };
            last = Some((chunk.part, chunk.series, key));
            self.add_chunk(chunk, key, reserve)?;
            self.reserve_grown(reserve)?;
        }
        Ok(())
    }

    /// Asks for the memory that functions with a state of their own have grown by.
    pub(crate) fn reserve_grown(&mut self, reserve: Reserve<'_>) -> Result<()> {
        if !self.spec.specials.is_empty()
            && self.memory_bytes() > self.reserved + RESERVED_STEP_BYTES
        {
            self.reserve(RESERVED_STEP_BYTES, reserve)?;
        }
        Ok(())
    }

    pub(crate) fn add_chunk(
        &mut self,
        chunk: &Chunk,
        key: u64,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let mut buffers = mem::take(&mut self.buffers);
        let added = self.add_chunk_with(chunk, key, &mut buffers, reserve);
        self.buffers = buffers;
        added
    }

    fn add_chunk_with(
        &mut self,
        chunk: &Chunk,
        key: u64,
        buffers: &mut Buffers,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let place = self.place(chunk.data.form, chunk.data.first)?;
        let facts = match self.spec.specials.as_slice() {
            [] => None,
            _ => Some(self.facts(chunk.part, chunk.series, chunk.chunk)?),
        };
        let of = Decoded {
            cube: self.source.cube(),
            part: chunk.part,
            series: chunk.series,
            data: &chunk.data,
            place,
        };
        wanted(chunk, &mut buffers.all);
        self.apply_conditions(&of, buffers)?;
        if buffers.all.is_empty() {
            return Ok(());
        }
        let Buffers { all, conditions, split, input, plain, rows, .. } = buffers;
        let place = place.unwrap_or_default();
        match &self.spec.keys.attributes {
            Some(by) => split.divide((&by.table, &by.number_of), (chunk.part, &chunk.data), all),
            None => split.keep(all),
        }
        for set in split.places() {
            let (number, positions) = split.get(set);
            if positions.is_empty() {
                continue;
            }
            let first = self.rows(key + number as u64, (place, chunk.data.slots), rows, reserve)?;
            let target = Target::new(&self.spec.keys, place, (rows, first));
            target.count(positions, &mut self.cells.rows);
            for cells in &mut self.cells.inputs {
                let mut read = positions;
                if let Some(condition) = cells.input.condition {
                    input.copy_from(positions);
                    input.intersect(&conditions[condition]);
                    target.count(input, &mut cells.rows);
                    read = input;
                }
                if let Some(measure) = cells.input.measure.filter(|_| !cells.has_only_specials) {
                    target.add(&chunk.data.measures[measure], read, plain, cells)?;
                }
                if let Some(facts) = facts.as_ref().filter(|_| !cells.specials.is_empty()) {
                    let called = Called { target: &target, positions: read, facts };
                    cells.add_specials(&self.spec.specials, &called, &chunk.data, plain)?;
                }
            }
        }
        Ok(())
    }

    /// Leaves what passes the filter, and finds what passes the conditions of the inputs.
    fn apply_conditions(&self, of: &Decoded<'_>, buffers: &mut Buffers) -> Result<()> {
        let Buffers { all, conditions, spare, .. } = buffers;
        if let Some(filter) = self.spec.filter {
            let passing = &mut conditions[filter];
            self.spec.conditions[filter].formula.positions(of, spare, passing)?;
            all.intersect(passing);
        }
        if all.is_empty() {
            return Ok(());
        }
        for (place, condition) in self.spec.conditions.iter().enumerate() {
            if self.spec.inputs.iter().any(|input| input.condition == Some(place)) {
                condition.formula.positions(of, spare, &mut conditions[place])?;
            }
        }
        Ok(())
    }

    /// The place of a slot in the table of periods, where places matter.
    pub(crate) fn place(&self, form: PeriodForm, slot: i32) -> Result<Option<usize>> {
        if !self.needs_place {
            return Ok(None);
        }
        let place = self.source.periods().and_then(|table| table.place(form, slot));
        match place {
            Some(place) => Ok(Some(place)),
            None => Err(Error::bug("a period outside the hull of its form")),
        }
    }
}

/// Ends what nobody waits for any more.
pub(crate) fn check_cancelled(cancelled: &AtomicBool) -> Result<()> {
    if cancelled.load(Ordering::Relaxed) {
        return Err(Error::bug("a cancelled aggregation whose result is awaited"));
    }
    Ok(())
}

/// Sets `out` to the positions that the request wants and that hold an observation.
pub(crate) fn wanted(chunk: &Chunk, out: &mut Positions) {
    out.clear(chunk.data.slots);
    chunk.positions.iter().for_each(|range| out.insert_range(range.clone()));
    chunk.data.absent.iter().for_each(|position| out.remove(usize::from(*position)));
}
