//! Chunks whose observations are told apart by an attribute, by periods, or by whether they have a
//! value: straight from the block, piece by piece.

use crate::error::Result;
use crate::query::aggregate::keys::condition::{ChunkFacts, Formula};
use crate::query::aggregate::state::cells::InputCells;
use crate::query::aggregate::state::layout::Row;
use crate::query::aggregate::state::special::Special;
use crate::query::aggregate::walk::piece::{Piece, Runs};
use crate::query::aggregate::walk::plain::{left, positions, without};
use crate::query::aggregate::walk::reading::Reading;
use crate::query::aggregate::walk::target::Target;
use crate::query::aggregate::walk::work::{Reserve, Work};
use crate::segment::ChunkNumbers;
use crate::store::{Block, BlockChunk, PeriodFilter, ScanRequest};

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
    /// The rows of the group.
    rows: Vec<Row>,
    spare: Runs,
    /// Positions of the observations that do not have the value that most have, with the numbers of
    /// theirs.
    others: Vec<(usize, u32)>,
    /// Slots of the same.
    slots: Vec<u32>,
}

impl Work<'_> {
    /// Whether chunks are aggregated so.
    pub(crate) fn takes_pieces(&self) -> bool {
        let spec = self.spec;
        spec.attributes().len() <= 1
            && spec.specials.iter().all(Special::is_of_numbers)
            && spec.conditions.iter().all(|condition| condition.formula.takes_pieces())
    }

    /// Reads blocks and adds the pieces of their chunks.
    pub(crate) fn run_pieces(
        &mut self,
        request: ScanRequest,
        reading: Reading,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let attribute = request.attributes.first().copied();
        let reads_numbers = self.cells.inputs.iter().any(|cells| cells.input.measure.is_some());
        let missing_of = self.counts_missing();
        let mut blocks = self.source.cube().blocks_of(request);
        let (mut lists, mut keys) = (Lists::default(), Vec::new());
        loop {
            self.check_cancelled()?;
            let mut wants = |part: usize, series: u32, chunk: u32| {
                self.is_read(reading, (part, series, chunk), reserve)
            };
            let block = if reads_numbers {
                blocks.next_where(&mut wants)?
            } else {
                blocks.next_packed_where(&mut wants)?
            };
            let Some(block) = block else { break };
            let attribute = attribute.and_then(|attribute| self.position(block.part(), attribute));
            self.keys(block.part(), &block.series(), &mut keys)?;
            for (chunk, key) in block.chunks().zip(&keys) {
                let of = (block, &chunk, *key);
                let is_added = match missing_of {
                    Some(measure) => {
                        self.add_missing(of, (measure, attribute), &mut lists, reserve)?
                    }
                    None => false,
                };
                if !is_added {
                    self.add_pieces(of, attribute, &mut lists, reserve)?;
                }
            }
            self.reserve_grown(reserve)?;
        }
        Ok(())
    }

    /// The measure, if nothing is wanted but how many observations have no value in it.
    fn counts_missing(&self) -> Option<usize> {
        let spec = self.spec;
        let counts = spec.specials.is_empty()
            && spec.inputs.iter().all(|input| input.measure.is_none() && input.condition.is_none())
            && matches!(self.scan.periods, PeriodFilter::All);
        match &spec.conditions[spec.filter.filter(|_| counts)?].formula {
            Formula::Values(set) if set.of_missing() == Some(true) => Some(set.measure),
            _ => None,
        }
    }

    /// Counts the observations of a chunk without a value in a measure, which the attribute at this
    /// position tells apart. Says whether that was possible.
    fn add_missing(
        &mut self,
        (block, chunk, key): (Block<'_>, &BlockChunk, u64),
        (measure, attribute): (usize, Option<usize>),
        lists: &mut Lists,
        reserve: Reserve<'_>,
    ) -> Result<bool> {
        let has_none = block.numbers(measure, chunk) == ChunkNumbers::None;
        if has_none || block.has_texts(measure, chunk) {
            return Ok(false);
        }
        let missing = block.missing(measure, chunk);
        if missing.is_empty() {
            return Ok(true);
        }
        let (most, slots, values) = match attribute {
            Some(position) => block.attribute(position, chunk),
            None => (0, &[][..], &[][..]),
        };
        let mut others = slots.iter().zip(values).peekable();
        let place = self.place(chunk.span.form, chunk.span.first)?.unwrap_or_default();
        for slot in missing {
            while others.next_if(|(other, _)| *other < slot).is_some() {}
            let own = others.peek().filter(|(other, _)| *other == slot);
            let value = own.map_or(most, |(_, value)| **value);
            let by = self.spec.keys.attributes.as_ref();
            let number = by.map_or(0, |by| by.number(block.part(), value));
            let touched = (place, chunk.span.slots.into());
            let first = self.rows(key + number, touched, &mut lists.rows, reserve)?;
            let target = Target::new(&self.spec.keys, place, (&lists.rows, first));
            let position = (*slot as usize).saturating_sub(chunk.from);
            self.cells.rows[target.at(position)] += 1;
        }
        Ok(true)
    }

    /// The position of an attribute among those of the observations of a part, if it is there.
    pub(crate) fn position(&self, part: usize, attribute: usize) -> Option<usize> {
        let cube = self.source.cube();
        let id = &cube.flow().attributes()[attribute].id;
        let known = &cube.parts()[part].segment().footer().observation_attributes;
        known.iter().position(|other| other == id)
    }

    /// Adds the pieces of a chunk, which the attribute at this position tells apart.
    fn add_pieces(
        &mut self,
        (block, chunk, key): (Block<'_>, &BlockChunk, u64),
        attribute: Option<usize>,
        lists: &mut Lists,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        self.wanted_into(block, chunk, &mut lists.wanted);
        let has_texts = |measure: usize| block.has_texts(measure, chunk);
        if (0..self.source.cube().flow().measures().len()).any(has_texts) {
            return self.add_decoded(block, chunk, key, &lists.wanted, reserve);
        }
        let (span, place) = (chunk.span, self.place(chunk.span.form, chunk.span.first)?);
        let (cube, part) = (self.source.cube().as_ref(), block.part());
        let (series, number) = (chunk.series, chunk.chunk);
        let facts = ChunkFacts { cube, part, series, chunk: number, span, place };
        let (most, slots, values) = match attribute {
            Some(position) => block.attribute(position, chunk),
            None => (0, &[][..], &[][..]),
        };
        let of = Piece { block, chunk, facts: &facts, value: most };
        find_others(&of, slots.iter().copied().zip(values.iter().copied()), lists);
        let present = left(&lists.wanted, block.absent(chunk), chunk.from, &mut lists.present);
        without(present, &lists.slots, chunk.from, &mut lists.piece);
        self.add_piece(&of, key, lists, reserve)?;
        let mut next = 0;
        while let Some((first, value)) = lists.others.get(next).copied() {
            let same = (first..).zip(&lists.others[next..]);
            let count = same.take_while(|(at, other)| **other == (*at, value)).count();
            next += count;
            lists.piece.clear();
            lists.piece.push(first..first + count);
            self.add_piece(&Piece { value, ..of }, key, lists, reserve)?;
        }
        Ok(())
    }

    /// Adds what passes the filter of the observations at the positions of a piece.
    fn add_piece(
        &mut self,
        of: &Piece<'_>,
        key: u64,
        lists: &mut Lists,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let spec = self.spec;
        let Lists { piece, input, numbers, rows, spare, .. } = lists;
        if let Some(filter) = spec.filter {
            spec.conditions[filter].formula.keep(of, piece, spare)?;
        }
        if piece.is_empty() {
            return Ok(());
        }
        let number =
            spec.keys.attributes.as_ref().map_or(0, |by| by.number(of.facts.part, of.value));
        let (place, slots) = (of.facts.place.unwrap_or_default(), of.chunk.span.slots);
        let first = self.rows(key + number, (place, slots.into()), rows, reserve)?;
        let target = Target::new(&spec.keys, place, (rows, first));
        for run in &*piece {
            target.count_run(run, &mut self.cells.rows);
        }
        for cells in &mut self.cells.inputs {
            let read = match cells.input.condition {
                None => &*piece,
                Some(condition) => {
                    input.clone_from(piece);
                    spec.conditions[condition].formula.keep(of, input, spare)?;
                    for run in &*input {
                        target.count_run(run, &mut cells.rows);
                    }
                    &*input
                }
            };
            if let Some(measure) = cells.input.measure {
                add_numbers(of, (measure, read), &target, cells, numbers)?;
            }
        }
        Ok(())
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
        if is_wanted && value != of.value && !absent.contains(&slot) {
            lists.others.push((position, value));
            lists.slots.push(slot);
        }
    }
}

/// Adds the numbers of a measure at these positions, each of which has an observation. `spare` is for
/// work.
fn add_numbers(
    of: &Piece<'_>,
    (measure, read): (usize, &Runs),
    target: &Target<'_>,
    cells: &mut InputCells,
    spare: &mut Runs,
) -> Result<()> {
    let (numbers, missing) =
        (of.block.numbers(measure, of.chunk), of.block.missing(measure, of.chunk));
    let runs = left(read, missing, of.chunk.from, spare);
    if !cells.has_only_specials {
        if !missing.is_empty() {
            target.add_missing(positions(missing, of.chunk.from, read), cells);
        }
        target.add_runs(numbers, runs, cells)?;
    }
    for (_, special) in &mut cells.specials {
        for run in runs {
            special.add_run(numbers, run, target);
        }
    }
    Ok(())
}
