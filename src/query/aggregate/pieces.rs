//! Chunks whose observations are told apart by an attribute, by periods, or by whether they have a
//! value: straight from the block, piece by piece.
//!
//! Nearly all observations of a chunk share a status. They are one piece, of which the stored total
//! of the chunk says everything once the few others are taken out of it; the numbers of those are
//! had from the packed run one by one. So a chunk of which only statuses matter is not decoded.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::model::Decimal;
use crate::query::aggregate::cells::InputCells;
use crate::query::aggregate::condition::Verdict;
use crate::query::aggregate::piece::{Piece, Runs};
use crate::query::aggregate::plain::{positions, without};
use crate::query::aggregate::special::Special;
use crate::query::aggregate::target::{Target, numbers};
use crate::query::aggregate::work::{Reserve, Step, Work};
use crate::segment::{ChunkNumbers, MeasureRun, PackedNumbers, Total};
use crate::store::{Block, BlockChunk, PeriodFilter, ScanRequest};

/// Numbers up to which each is had from the packed run by itself, rather than by decoding all.
const SINGLE_NUMBERS_MAX: usize = 6;

/// What is used again for every chunk.
#[derive(Default)]
struct Lists {
    /// Positions that the request wants.
    wanted: Runs,
    /// Those with an observation.
    present: Runs,
    /// Those of a piece.
    piece: Runs,
    /// Those of a piece that one input reads.
    input: Runs,
    /// Those of them with a number.
    numbers: Runs,
    spare: Runs,
    /// Positions of the observations that do not have the value that most have, with the numbers of
    /// theirs.
    others: Vec<(usize, u32)>,
    /// Slots of the same.
    slots: Vec<u32>,
    /// For each input the numbers of the piece of most observations.
    totals: Vec<Total>,
    unpacked: Unpacked,
}

/// The last chunk that was decoded by itself.
#[derive(Default)]
struct Unpacked {
    /// Its part, its number, and the measure.
    of: Option<(usize, u32, usize)>,
    run: MeasureRun,
}

/// Mantissas of a chunk, packed or not.
enum Mantissas<'a> {
    None,
    Packed(PackedNumbers<'a>),
    Unpacked(&'a [i64], u8),
}

impl Work<'_> {
    /// Whether chunks are aggregated so.
    pub(super) fn takes_pieces(&self) -> bool {
        let spec = self.spec;
        spec.attributes().len() <= 1
            && spec.specials.iter().all(Special::is_of_numbers)
            && spec.conditions.iter().all(|condition| condition.formula.takes_pieces())
    }

    /// Reads blocks and adds the pieces of their chunks; `after_totals` leaves out chunks that are
    /// done.
    pub(super) fn run_pieces(
        &mut self,
        request: ScanRequest,
        after_totals: bool,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let (measures, attribute) = (request.measures.clone(), request.attributes.first().copied());
        let reads_all = self.reads_all_numbers();
        let mut blocks = self.source.cube().blocks_of(request);
        let mut lists = Lists::default();
        loop {
            self.check_cancelled()?;
            let block = if reads_all { blocks.next()? } else { blocks.next_packed()? };
            let Some(block) = block else { break };
            let attribute = attribute.and_then(|attribute| self.position(block.part(), attribute));
            for chunk in block.chunks() {
                let facts = self.facts(block.part(), chunk.series, chunk.chunk)?;
                if after_totals && self.step(&facts)? != Step::Read {
                    continue;
                }
                self.find_wanted(block, &chunk, &mut lists);
                let key = self.key(block.part(), chunk.series)?;
                if measures.iter().any(|measure| block.texts(*measure, &chunk).next().is_some()) {
                    self.add_decoded(block, &chunk, key, &lists.wanted, reserve)?;
                    continue;
                }
                self.place(chunk.span.form, chunk.span.first)?;
                let (most, others) = match attribute {
                    Some(position) => {
                        let (most, others) = block.attribute(position, &chunk);
                        (most, Some(others))
                    }
                    None => (0, None),
                };
                let of = Piece { block, chunk: &chunk, facts: &facts, value: most };
                find_others(&of, others.into_iter().flatten(), &mut lists);
                self.add_most(&of, key, &mut lists, reserve)?;
                self.add_others(&of, key, &mut lists, reserve)?;
            }
            self.reserve_grown(reserve)?;
        }
        Ok(())
    }

    /// The position of an attribute among those of the observations of a part, if it is there.
    fn position(&self, part: usize, attribute: usize) -> Option<usize> {
        let cube = self.source.cube();
        let id = &cube.flow().attributes()[attribute].id;
        let known = &cube.parts()[part].segment().footer().observation_attributes;
        known.iter().position(|other| other == id)
    }

    /// Whether so many numbers of each chunk are added that blocks are decoded as a whole.
    fn reads_all_numbers(&self) -> bool {
        let spec = self.spec;
        let reads_numbers = self.cells.inputs.iter().any(|cells| cells.input.measure.is_some());
        let has_periods = !matches!(self.scan.periods, PeriodFilter::All)
            || spec.keys.periods.is_some()
            || spec.conditions.iter().any(|condition| condition.formula.has_periods());
        reads_numbers && (has_periods || !self.takes_totals_of_pieces())
    }

    /// Whether totals can stand for the numbers of a piece.
    fn takes_totals_of_pieces(&self) -> bool {
        self.spec.keys.periods.is_none()
            && self.spec.specials.is_empty()
            && self.cells.inputs.iter().all(|cells| cells.squares.is_none())
    }

    /// Finds the positions of a chunk that the request wants.
    fn find_wanted(&self, block: Block<'_>, chunk: &BlockChunk, lists: &mut Lists) {
        if let PeriodFilter::All = self.scan.periods {
            lists.wanted.clear();
            lists.wanted.push(0..usize::from(chunk.span.slots));
        } else {
            block.positions_into(chunk, &mut lists.wanted);
        }
    }

    /// Adds the observations that have the value that most have.
    fn add_most(
        &mut self,
        of: &Piece<'_>,
        key: u64,
        lists: &mut Lists,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let filter = self.spec.filter.map(|filter| &self.spec.conditions[filter].formula);
        let verdict = match filter {
            Some(formula) => formula.verdict_of_piece(of)?,
            None => Verdict::Always,
        };
        let slots = usize::from(of.chunk.span.slots);
        let is_whole = lists.wanted.as_slice() == [0..slots];
        if verdict == Verdict::Never
            || verdict == Verdict::Always
                && is_whole
                && self.add_total_of_most(of, key, lists, reserve)?
        {
            return Ok(());
        }
        without(&lists.wanted, of.block.absent(of.chunk), of.chunk.from, &mut lists.present);
        without(&lists.present, &lists.slots, of.chunk.from, &mut lists.piece);
        if let Some(formula) = filter {
            formula.keep(of, &mut lists.piece, &mut lists.spare)?;
        }
        self.add_piece(of, key, lists, reserve)
    }

    /// Adds the stored totals of a chunk less what is not of the piece of most observations, where
    /// they say everything of it. Says whether they do.
    fn add_total_of_most(
        &mut self,
        of: &Piece<'_>,
        key: u64,
        lists: &mut Lists,
        reserve: Reserve<'_>,
    ) -> Result<bool> {
        if !self.takes_totals_of_pieces() || !self.find_totals_of_most(of, lists)? {
            return Ok(false);
        }
        let others = lists.others.len() as u64;
        let count = u64::from(of.chunk.span.observations).saturating_sub(others);
        if count == 0 {
            return Ok(true);
        }
        let group = self.group(key + self.number(of), reserve)?;
        self.cells.rows[group] += count;
        for (cells, total) in self.cells.inputs.iter_mut().zip(&lists.totals) {
            if let Some(condition) = cells.input.condition {
                let formula = &self.spec.conditions[condition].formula;
                if formula.verdict_of_piece(of)? == Verdict::Never {
                    continue;
                }
                cells.rows[group] += count;
            }
            if cells.input.measure.is_some() {
                cells.add_total(group, count, total)?;
            }
        }
        Ok(true)
    }

    /// Finds for each input the numbers of the piece of most observations of a chunk, all of which
    /// is wanted. Says whether totals tell them.
    fn find_totals_of_most(&self, of: &Piece<'_>, lists: &mut Lists) -> Result<bool> {
        lists.totals.clear();
        for cells in &self.cells.inputs {
            let verdict = match cells.input.condition {
                Some(condition) => self.spec.conditions[condition].formula.verdict_of_piece(of)?,
                None => Verdict::Always,
            };
            let total = match (verdict, cells.input.measure) {
                (Verdict::Depends, _) => return Ok(false),
                (Verdict::Never, _) | (Verdict::Always, None) => Total::default(),
                (Verdict::Always, Some(measure)) => {
                    let total =
                        of.facts.cube.parts()[of.facts.part].total(measure, of.chunk.chunk)?;
                    match total_without(of, (measure, total), cells, lists)? {
                        Some(total) => total,
                        None => return Ok(false),
                    }
                }
            };
            lists.totals.push(total);
        }
        Ok(true)
    }

    /// Adds the observations that have another value than most.
    fn add_others(
        &mut self,
        of: &Piece<'_>,
        key: u64,
        lists: &mut Lists,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let mut next = 0;
        while let Some((first, value)) = lists.others.get(next).copied() {
            let like = |(position, (at, other)): &(usize, &(usize, u32))| {
                *position == *at && *other == value
            };
            let count = (first..).zip(&lists.others[next..]).take_while(like).count();
            next += count;
            let of = Piece { value, ..*of };
            lists.piece.clear();
            lists.piece.push(first..first + count);
            if let Some(filter) = self.spec.filter {
                let formula = &self.spec.conditions[filter].formula;
                formula.keep(&of, &mut lists.piece, &mut lists.spare)?;
            }
            self.add_piece(&of, key, lists, reserve)?;
        }
        Ok(())
    }

    /// Adds the observations at the positions of a piece.
    fn add_piece(
        &mut self,
        of: &Piece<'_>,
        key: u64,
        lists: &mut Lists,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let Lists { piece, input, numbers, spare, unpacked, .. } = lists;
        if piece.is_empty() {
            return Ok(());
        }
        let spec = self.spec;
        let group = self.group(key + self.number(of), reserve)?;
        let target = Target::new(&spec.keys, of.facts.place.unwrap_or_default(), group);
        piece.iter().for_each(|run| target.count_run(run, &mut self.cells.rows));
        for cells in &mut self.cells.inputs {
            let read = match cells.input.condition {
                None => &*piece,
                Some(condition) => {
                    input.clone_from(piece);
                    spec.conditions[condition].formula.keep(of, input, spare)?;
                    input.iter().for_each(|run| target.count_run(run, &mut cells.rows));
                    &*input
                }
            };
            if let Some(measure) = cells.input.measure {
                add_numbers(of, (measure, read), &target, cells, (numbers, unpacked))?;
            }
        }
        Ok(())
    }

    /// The part of the packed key that follows from the value of a piece.
    fn number(&self, of: &Piece<'_>) -> u64 {
        let by = self.spec.keys.attributes.as_ref();
        by.map_or(0, |by| u64::from(by.number_of[by.table.of_value(of.facts.part, of.value)]))
    }
}

/// Finds the observations that are wanted and have another value than most, which have that of `of`.
fn find_others(of: &Piece<'_>, slots: impl Iterator<Item = (u32, u32)>, lists: &mut Lists) {
    lists.others.clear();
    lists.slots.clear();
    let absent = of.block.absent(of.chunk);
    for (slot, value) in slots {
        let position = (slot as usize).saturating_sub(of.chunk.from);
        let is_wanted = lists.wanted.iter().any(|run| run.contains(&position));
        if is_wanted && value != of.value && absent.binary_search(&slot).is_err() {
            lists.others.push((position, value));
            lists.slots.push(slot);
        }
    }
}

/// The total of a measure of a chunk without the observations that have another value than most.
/// Absent where it must be found by looking at all of them.
fn total_without(
    of: &Piece<'_>,
    (measure, mut total): (usize, Total),
    cells: &InputCells,
    lists: &mut Lists,
) -> Result<Option<Total>> {
    if !total.is_exact {
        return Ok(None);
    }
    if lists.others.is_empty() || total.count == 0 {
        return Ok(Some(total));
    }
    let missing = of.block.missing(measure, of.chunk);
    let mantissas = lists.unpacked.mantissas(of, measure)?;
    if mantissas.scale() != Some(total.scale) {
        return Ok(None);
    }
    for ((position, _), slot) in lists.others.iter().zip(&lists.slots) {
        if missing.binary_search(slot).is_ok() {
            continue;
        }
        let Some(mantissa) = mantissas.get(*position) else { return Ok(None) };
        // Whether another observation has the same extreme is not known.
        let is_extreme = mantissa <= total.min || total.max <= mantissa;
        if total.count == 0 || is_extreme && cells.extremes.is_some() {
            return Ok(None);
        }
        total.sum -= i128::from(mantissa);
        total.count -= 1;
    }
    Ok(Some(total))
}

/// Adds the numbers of a measure at these positions, each of which has an observation. `lists` are for
/// work.
fn add_numbers(
    of: &Piece<'_>,
    (measure, read): (usize, &Runs),
    target: &Target<'_>,
    cells: &mut InputCells,
    (spare, unpacked): (&mut Runs, &mut Unpacked),
) -> Result<()> {
    let missing = of.block.missing(measure, of.chunk);
    let runs = if missing.is_empty() {
        read
    } else {
        if !cells.has_only_specials {
            target.add_missing(positions(missing, of.chunk.from, read), cells);
        }
        without(read, missing, of.chunk.from, spare);
        &*spare
    };
    let has_single = cells.squares.is_none() && cells.specials.is_empty();
    let is_packed = of.block.is_packed(measure, of.chunk);
    if is_packed && has_single {
        if cells.sums.is_none() && cells.extremes.is_none() {
            return Ok(());
        }
        let count: usize = runs.iter().map(Range::len).sum();
        let packed = of.block.packed(measure, of.chunk).filter(|_| count <= SINGLE_NUMBERS_MAX);
        if let Some(packed) = packed {
            for position in runs.iter().cloned().flatten() {
                let single = packed.get(position).ok_or_else(|| Error::bug("no such number"))?;
                let number = Decimal { mantissa: i128::from(single), scale: packed.scale() };
                cells.add_decimals(target.cell(position), number, (single, single))?;
            }
            return Ok(());
        }
    }
    let numbers = unpacked.numbers(of, measure)?;
    for run in runs {
        if !cells.has_only_specials {
            target.add_run(numbers, run, cells)?;
        }
        for (_, special) in &mut cells.specials {
            special.add_run(numbers, run, target);
        }
    }
    Ok(())
}

impl Unpacked {
    /// The numbers of a measure of a chunk; decodes them unless the block is decoded.
    fn numbers<'a>(&'a mut self, of: &Piece<'a>, measure: usize) -> Result<ChunkNumbers<'a>> {
        if !of.block.is_packed(measure, of.chunk) {
            return Ok(of.block.numbers(measure, of.chunk));
        }
        let wanted = Some((of.facts.part, of.chunk.chunk, measure));
        if self.of != wanted {
            self.of = None;
            of.block.unpack(measure, of.chunk, &mut self.run)?;
            self.of = wanted;
        }
        Ok(numbers(&self.run))
    }

    /// The mantissas of a measure of a chunk; decodes them only if there is no other way.
    fn mantissas<'a>(&'a mut self, of: &Piece<'a>, measure: usize) -> Result<Mantissas<'a>> {
        if of.block.is_packed(measure, of.chunk)
            && let Some(packed) = of.block.packed(measure, of.chunk)
        {
            return Ok(Mantissas::Packed(packed));
        }
        Ok(match self.numbers(of, measure)? {
            ChunkNumbers::Decimals(mantissas, scale) => Mantissas::Unpacked(mantissas, scale),
            ChunkNumbers::None | ChunkNumbers::Doubles(_) => Mantissas::None,
        })
    }
}

impl Mantissas<'_> {
    /// Digits after the point; absent where there are none.
    fn scale(&self) -> Option<u8> {
        match self {
            Self::None => None,
            Self::Packed(packed) => Some(packed.scale()),
            Self::Unpacked(_, scale) => Some(*scale),
        }
    }

    /// The mantissa at a position.
    #[inline]
    fn get(&self, position: usize) -> Option<i64> {
        match self {
            Self::None => None,
            Self::Packed(packed) => packed.get(position),
            Self::Unpacked(mantissas, _) => mantissas.get(position).copied(),
        }
    }
}
