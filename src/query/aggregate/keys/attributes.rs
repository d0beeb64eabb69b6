//! Numbers for what expressions of the attributes of observations say.
//!
//! A chunk has a value that most of its observations share, and a list of those with another one.
//! An [`AttributeTable`] numbers the combinations of values of a few attributes, so that whatever
//! depends on them is evaluated once per combination, and looked up for the exceptions.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take;
use datafusion::error::Result as DataFusionResult;
use datafusion::physical_expr::PhysicalExpr;

use crate::error::Result;
use crate::query::aggregate::keys::numbering::evaluate;
use crate::query::aggregate::keys::series::number_texts;
use crate::query::aggregate::walk::positions::Positions;
use crate::query::scan::{Content, Source};
use crate::segment::{AttributeRun, Chunk};

/// Combinations of values that are listed.
const COMBINATIONS_MAX: usize = 1 << 16;

/// The combinations of the values of some attributes of observations.
#[derive(Clone, Debug)]
pub(crate) struct AttributeTable {
    columns: Vec<AttributeColumn>,
    len: usize,
}

#[derive(Clone, Debug)]
struct AttributeColumn {
    /// Its position in the flow.
    attribute: usize,
    /// For each part the position among the attributes of its observations, and our number of each
    /// of the segment's values. Number 0 is none, theirs and ours.
    parts: Vec<Option<(usize, Vec<u32>)>>,
    /// The values by number.
    values: ArrayRef,
    /// What a number counts in the number of a combination.
    stride: usize,
}

impl AttributeTable {
    /// The combinations of the values of these columns. Absent if one of them is no attribute of
    /// observations, or if there are too many.
    pub(crate) fn build(source: &Source, contents: &[Content]) -> Result<Option<Self>> {
        let mut columns = Vec::with_capacity(contents.len());
        let mut len = 1_usize;
        for content in contents {
            let Content::Attribute(attribute) = content else { return Ok(None) };
            let Some(mut column) = AttributeColumn::build(source, *attribute)? else {
                return Ok(None);
            };
            column.stride = len;
            len = len.saturating_mul(column.values.len());
            if len > COMBINATIONS_MAX {
                return Ok(None);
            }
            columns.push(column);
        }
        Ok(Some(Self { columns, len }))
    }

    /// The attributes, by their position in the flow.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = usize> + '_ {
        self.columns.iter().map(|column| column.attribute)
    }

    /// The values of expressions for each combination.
    pub(crate) fn evaluate(
        &self,
        source: &Source,
        exprs: &[&Arc<dyn PhysicalExpr>],
    ) -> DataFusionResult<Vec<ArrayRef>> {
        let mut arrays = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let count = column.values.len();
            let numbers = (0..self.len).map(|number| number / column.stride % count);
            let numbers = numbers.map(|number| u32::try_from(number).unwrap_or(u32::MAX));
            let numbers = UInt32Array::from_iter_values(numbers);
            let content = Content::Attribute(column.attribute);
            arrays.push((content, take(&column.values, &numbers, None)?));
        }
        let array = |content: Content| {
            let found = arrays.iter().find(|(known, _)| *known == content);
            found.map(|(_, array)| Arc::clone(array))
        };
        evaluate(source, exprs, array, self.len)
    }

    /// The number of the combination that a value of the only attribute is, by the number that the
    /// segment of a part has for it.
    #[inline]
    pub(crate) fn of_value(&self, part: usize, value: u32) -> usize {
        let numbers = self.columns.first().and_then(|column| column.parts[part].as_ref());
        numbers.map_or(0, |(_, numbers)| translate(numbers, value))
    }

    /// The number of the combination that most observations of a chunk have.
    pub(crate) fn of_most(&self, part: usize, chunk: &Chunk) -> usize {
        let number = |column: &AttributeColumn| match column.run(part, chunk) {
            Some((run, numbers)) => translate(numbers, run.default) * column.stride,
            None => 0,
        };
        self.columns.iter().map(number).sum()
    }

    /// Calls `each` with every position that has another combination than most, and its number.
    pub(crate) fn exceptions(
        &self,
        part: usize,
        chunk: &Chunk,
        mut each: impl FnMut(usize, usize),
    ) {
        if let [column] = self.columns.as_slice() {
            let Some((run, numbers)) = column.run(part, chunk) else { return };
            for (position, value) in &run.exceptions {
                each(usize::from(*position), translate(numbers, *value) * column.stride);
            }
            return;
        }
        let runs = self.columns.iter().filter_map(|column| column.run(part, chunk));
        let exceptions = runs.flat_map(|(run, _)| &run.exceptions);
        let mut positions: Vec<u16> = exceptions.map(|(position, _)| *position).collect();
        positions.sort_unstable();
        positions.dedup();
        for position in positions.into_iter().map(usize::from) {
            let number = |column: &AttributeColumn| match column.run(part, chunk) {
                Some((run, numbers)) => translate(numbers, run.value(position)) * column.stride,
                None => 0,
            };
            each(position, self.columns.iter().map(number).sum());
        }
    }
}

impl AttributeColumn {
    fn build(source: &Source, attribute: usize) -> Result<Option<Self>> {
        let cube = source.cube();
        let id = &cube.flow().attributes()[attribute].id;
        let mut positions = Vec::with_capacity(cube.parts().len());
        let mut texts = Vec::new();
        for part in cube.parts() {
            let footer = part.segment().footer();
            let position = footer.observation_attributes.iter().position(|known| known == id);
            positions.push(position);
            if let Some(position) = position {
                let values = part.segment().values(footer.series_attributes.len() + position)?;
                if values.len() >= COMBINATIONS_MAX {
                    return Ok(None);
                }
                texts.push(values.iter());
            }
        }
        let (numbers, values) = number_texts(texts.iter().cloned().flatten());
        let of_text = |text: &str| numbers.get(text).copied().unwrap_or(0);
        let mut texts = texts.into_iter();
        let parts = positions.into_iter().map(|position| {
            let texts = position.and_then(|position| Some((position, texts.next()?)));
            texts.map(|(position, texts)| {
                (position, [0].into_iter().chain(texts.map(of_text)).collect())
            })
        });
        Ok(Some(Self { attribute, parts: parts.collect(), values, stride: 1 }))
    }

    /// The values of a chunk, and our number of each; absent where its segment has none.
    fn run<'a>(&'a self, part: usize, chunk: &'a Chunk) -> Option<(&'a AttributeRun, &'a [u32])> {
        let (position, numbers) = self.parts[part].as_ref()?;
        Some((&chunk.attributes[*position], numbers))
    }
}

fn translate(numbers: &[u32], value: u32) -> usize {
    numbers.get(value as usize).map_or(0, |number| *number as usize)
}

/// The observations of a chunk by the numbers of their combinations, for reuse.
#[derive(Debug, Default)]
pub(crate) struct Split {
    /// As many as were ever needed; those from `used` on are left over from other chunks.
    sets: Vec<(usize, Positions)>,
    used: usize,
}

impl Split {
    /// Divides `positions` by what `number_of` says of each combination of `table`.
    pub(crate) fn divide(
        &mut self,
        (table, number_of): (&AttributeTable, &[u32]),
        (part, chunk): (usize, &Chunk),
        positions: &Positions,
    ) {
        self.used = 0;
        let most = number_of[table.of_most(part, chunk)] as usize;
        let first = self.set(most, positions.count());
        self.sets[first].1.copy_from(positions);
        table.exceptions(part, chunk, |position, combination| {
            let number = number_of[combination] as usize;
            if number != most && positions.contains(position) {
                self.sets[first].1.remove(position);
                let set = self.set(number, positions.count());
                self.sets[set].1.insert(position);
            }
        });
    }

    /// Takes all of `positions` as one.
    pub(crate) fn keep(&mut self, positions: &Positions) {
        self.used = 0;
        let only = self.set(0, positions.count());
        self.sets[only].1.copy_from(positions);
    }

    /// How many numbers there are.
    pub(crate) fn places(&self) -> Range<usize> {
        0..self.used
    }

    /// A number and its positions, which may be none.
    pub(crate) fn get(&self, place: usize) -> (usize, &Positions) {
        (self.sets[place].0, &self.sets[place].1)
    }

    fn set(&mut self, number: usize, count: usize) -> usize {
        let known = self.sets[..self.used].iter().position(|(known, _)| *known == number);
        if let Some(known) = known {
            return known;
        }
        if self.used == self.sets.len() {
            self.sets.push((number, Positions::default()));
        }
        let set = &mut self.sets[self.used];
        set.0 = number;
        set.1.clear(count);
        self.used += 1;
        self.used - 1
    }
}
