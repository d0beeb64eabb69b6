//! Chunks whose observations are told apart by an attribute, by periods, or by whether they have a
//! value: straight from the block, piece by piece.

use crate::error::Result;
use crate::query::aggregate::state::cells::InputCells;
use crate::query::aggregate::state::layout::Row;
use crate::query::aggregate::state::special::Special;
use crate::query::aggregate::walk::piece::{Piece, Runs};
use crate::query::aggregate::walk::plain::{positions, without};
use crate::query::aggregate::walk::target::Target;
use crate::query::aggregate::walk::work::{Reserve, Step, Work};
use crate::store::{Block, BlockChunk, ScanRequest};

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

    /// Reads blocks and adds the pieces of their chunks; `after_totals` leaves out chunks that are
    /// done.
    pub(crate) fn run_pieces(
        &mut self,
        request: ScanRequest,
        after_totals: bool,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let attribute = request.attributes.first().copied();
        let reads_numbers = self.cells.inputs.iter().any(|cells| cells.input.measure.is_some());
        let mut blocks = self.source.cube().blocks_of(request);
        let mut lists = Lists::default();
        loop {
            self.check_cancelled()?;
            let block = if reads_numbers { blocks.next()? } else { blocks.next_packed()? };
            let Some(block) = block else { break };
            let attribute = attribute.and_then(|attribute| self.position(block.part(), attribute));
            for chunk in block.chunks() {
                if after_totals {
                    let facts = self.facts(block.part(), chunk.series, chunk.chunk)?;
                    if self.step(&facts)? != Step::Read {
                        continue;
                    }
                }
                self.add_pieces(block, &chunk, attribute, &mut lists, reserve)?;
            }
            self.reserve_grown(reserve)?;
        }
        Ok(())
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
        block: Block<'_>,
        chunk: &BlockChunk,
        attribute: Option<usize>,
        lists: &mut Lists,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        self.wanted_into(block, chunk, &mut lists.wanted);
        let key = self.key(block.part(), chunk.series)?;
        let has_texts = |measure: usize| block.has_texts(measure, chunk);
        if (0..self.source.cube().flow().measures().len()).any(has_texts) {
            return self.add_decoded(block, chunk, key, &lists.wanted, reserve);
        }
        self.place(chunk.span.form, chunk.span.first)?;
        let facts = self.facts(block.part(), chunk.series, chunk.chunk)?;
        let all = attribute.map(|position| block.attribute(position, chunk));
        let most = all.as_ref().map_or(0, |(most, _)| *most);
        let of = Piece { block, chunk, facts: &facts, value: most };
        find_others(&of, all.into_iter().flat_map(|(_, others)| others), lists);
        without(&lists.wanted, block.absent(chunk), chunk.from, &mut lists.present);
        without(&lists.present, &lists.slots, chunk.from, &mut lists.piece);
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
    without(read, missing, of.chunk.from, spare);
    if !cells.has_only_specials {
        target.add_missing(positions(missing, of.chunk.from, read), cells);
        for run in &*spare {
            target.add_run(numbers, run, cells)?;
        }
    }
    for (_, special) in &mut cells.specials {
        for run in &*spare {
            special.add_run(numbers, run, target);
        }
    }
    Ok(())
}
