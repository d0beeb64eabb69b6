//! Numbers for what expressions of the series say: of its codes and of the attributes of its key.
//!
//! A [`SeriesTable`] numbers the combinations of values that the columns of an expression have. The
//! expression is evaluated once per combination, and a series is then looked up by its numbers.

use std::mem;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringViewArray, UInt32Array};
use arrow::compute::take;
use datafusion::error::Result as DataFusionResult;
use datafusion::physical_expr::PhysicalExpr;
use hashbrown::HashMap;

use crate::error::Result;
use crate::index::Selection;
use crate::model::ComponentRole;
use crate::query::aggregate::keys::numbering::evaluate;
use crate::query::scan::{Content, Source};
use crate::segment::{PagePart, PageParts};
use crate::store::{Cube, Part, Selections};

/// Combinations of values that are looked up in an array: four megabytes of numbers.
const DENSE_COMBINATIONS_MAX: u64 = 1 << 20;
/// Distinct values of an attribute that a plan lists.
const VALUES_MAX: usize = 1 << 17;
/// The number of what does not occur.
const NONE: u32 = u32::MAX;

/// The combinations of the values of some columns that a series may have, with numbers.
#[derive(Clone, Debug)]
pub(crate) struct SeriesTable {
    columns: Vec<SeriesColumn>,
    numbering: Numbering,
    /// How many combinations there are.
    len: usize,
}

/// From a packed combination to a number.
#[derive(Clone, Debug)]
enum Numbering {
    /// The same.
    Plain,
    Dense(Vec<u32>),
    Sparse(HashMap<u64, u32>),
}

/// What a series says in one column.
#[derive(Clone, Debug)]
struct SeriesColumn {
    content: Content,
    kind: Kind,
    /// The values by number; NULL has number 0 where it may occur.
    values: ArrayRef,
    /// What a number counts in a packed combination.
    stride: u64,
}

#[derive(Clone, Debug)]
enum Kind {
    /// The code in a dimension, by its number in the cube.
    Code(usize),
    /// An attribute of the series: for each part its position among those of the segment, and our
    /// number of each of the segment's values.
    Series(Vec<Option<(usize, Vec<u32>)>>),
    /// An attribute of a partial key, by its position in the flow and the numbers of its values.
    Partial(usize, HashMap<Box<str>, u32>),
}

impl SeriesTable {
    /// The combinations of these columns that the series have. Absent if one of the columns does not
    /// follow from the series, or if there are too many.
    pub(crate) fn build(
        source: &Source,
        series: &Selections,
        contents: &[Content],
    ) -> Result<Option<Self>> {
        let mut columns = Vec::with_capacity(contents.len());
        let mut count = 1_u64;
        for content in contents {
            let Some(mut column) = SeriesColumn::build(source, *content)? else { return Ok(None) };
            column.stride = count;
            // Without data a dimension has no code, and there is no combination.
            let Some(more) = count.checked_mul(column.values.len() as u64) else {
                return Ok(None);
            };
            count = more;
            columns.push(column);
        }
        let len = usize::try_from(count).unwrap_or(usize::MAX);
        let mut table = Self { columns, numbering: Numbering::Plain, len };
        if table.columns.len() > 1 {
            table.number_combinations(source.cube(), series, count)?;
        }
        Ok(Some(table))
    }

    /// Numbers the combinations that occur.
    fn number_combinations(&mut self, cube: &Cube, series: &Selections, count: u64) -> Result<()> {
        let dense = usize::try_from(count.min(DENSE_COMBINATIONS_MAX)).unwrap_or_default();
        let mut dense = vec![NONE; if count <= DENSE_COMBINATIONS_MAX { dense } else { 0 }];
        let mut sparse = HashMap::new();
        let mut packed = Vec::new();
        let mut next = 0_u32;
        for (part, selection) in series.0.iter().enumerate() {
            self.pack(cube, part, selection, &mut packed)?;
            for combination in &packed {
                let place = usize::try_from(*combination).unwrap_or(usize::MAX);
                let number = match dense.get_mut(place) {
                    Some(number) => number,
                    None => sparse.entry(*combination).or_insert(NONE),
                };
                if *number == NONE {
                    *number = next;
                    next += 1;
                }
            }
        }
        self.len = next as usize;
        let is_dense = count <= DENSE_COMBINATIONS_MAX;
        self.numbering = if is_dense { Numbering::Dense(dense) } else { Numbering::Sparse(sparse) };
        Ok(())
    }

    /// The values of the only column, by number.
    pub(crate) fn only_column(&self) -> Option<&ArrayRef> {
        match (self.columns.as_slice(), &self.numbering) {
            ([column], Numbering::Plain) => Some(&column.values),
            _ => None,
        }
    }

    /// Whether the numbers are those of the codes of a dimension, and so in the order of the codes.
    pub(crate) fn is_codes(&self) -> bool {
        let is_code = |column: &SeriesColumn| matches!(column.kind, Kind::Code(_));
        matches!(self.numbering, Numbering::Plain)
            && self.columns.len() == 1
            && self.columns.iter().all(is_code)
    }

    /// The dimension that all of it follows from, if there is just one.
    pub(crate) fn dimension(&self) -> Option<usize> {
        match self.columns.as_slice() {
            [SeriesColumn { kind: Kind::Code(dimension), .. }] => Some(*dimension),
            _ => None,
        }
    }

    /// The number of the series that have a code of [`SeriesTable::dimension`], by its number in
    /// the cube.
    pub(crate) fn of_code(&self, code: u32) -> u32 {
        self.of_packed(u64::from(code))
    }

    /// The value of an expression for each combination.
    pub(crate) fn evaluate(
        &self,
        source: &Source,
        expr: &Arc<dyn PhysicalExpr>,
    ) -> DataFusionResult<ArrayRef> {
        let mut packed = vec![0_u64; self.len];
        match &self.numbering {
            Numbering::Plain => packed = (0..self.len as u64).collect(),
            Numbering::Dense(numbers) => {
                for (combination, number) in (0..).zip(numbers).filter(|(_, n)| **n != NONE) {
                    packed[*number as usize] = combination;
                }
            }
            Numbering::Sparse(numbers) => {
                for (combination, number) in numbers {
                    packed[*number as usize] = *combination;
                }
            }
        }
        let mut arrays = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let count = column.values.len().max(1) as u64;
            let numbers = packed.iter().map(|combination| combination / column.stride % count);
            let numbers = numbers.map(|number| u32::try_from(number).unwrap_or(NONE));
            let numbers = UInt32Array::from_iter_values(numbers);
            arrays.push((column.content, take(&column.values, &numbers, None)?));
        }
        let array = |content: Content| {
            let found = arrays.iter().find(|(known, _)| *known == content);
            found.map(|(_, array)| Arc::clone(array))
        };
        let mut found = evaluate(source, &[expr], array, self.len)?;
        Ok(found.remove(0))
    }

    /// Replaces the number of each combination by another.
    pub(crate) fn renumber(&mut self, numbers: &[u32]) {
        match &mut self.numbering {
            Numbering::Plain => self.numbering = Numbering::Dense(numbers.to_vec()),
            Numbering::Dense(known) => {
                for number in known.iter_mut().filter(|number| **number != NONE) {
                    *number = numbers[*number as usize];
                }
            }
            Numbering::Sparse(known) => {
                known.values_mut().for_each(|number| *number = numbers[*number as usize]);
            }
        }
    }

    /// The number of the combination of a series of a part.
    #[inline]
    pub(crate) fn number(&self, cube: &Cube, part: usize, series: u32) -> Result<u32> {
        let mut packed = 0;
        for column in &self.columns {
            packed += u64::from(column.number(cube, part, series)?) * column.stride;
        }
        Ok(self.of_packed(packed))
    }

    /// Adds the number of each of these series of a part, times the stride.
    pub(crate) fn add_numbers(
        &self,
        (cube, part): (&Cube, usize),
        series: impl Iterator<Item = u32>,
        stride: u64,
        out: &mut [u64],
    ) -> Result<()> {
        if let ([SeriesColumn { kind: Kind::Code(dimension), .. }], Numbering::Plain) =
            (self.columns.as_slice(), &self.numbering)
        {
            let all: &Part = &cube.parts()[part];
            for (sum, ordinal) in out.iter_mut().zip(series) {
                *sum += u64::from(all.code(*dimension, ordinal)?) * stride;
            }
            return Ok(());
        }
        for (sum, ordinal) in out.iter_mut().zip(series) {
            *sum += u64::from(self.number(cube, part, ordinal)?) * stride;
        }
        Ok(())
    }

    /// Sets `out` to the number of each selected series of a part, in their order.
    pub(crate) fn numbers(
        &self,
        cube: &Cube,
        part: usize,
        selection: &Selection,
        out: &mut Vec<u64>,
    ) -> Result<()> {
        let mut room = Vec::new();
        by_page(selection, out, |of, out| self.add_page((cube, part), of, (1, out), &mut room))
    }

    /// Adds to each of `out` the number of its series of a part, times the stride. `room` is for
    /// work.
    pub(crate) fn add_page(
        &self,
        (cube, part): (&Cube, usize),
        of: PagePart<'_>,
        (stride, out): (u64, &mut [u64]),
        room: &mut Vec<u64>,
    ) -> Result<()> {
        if let ([column], Numbering::Plain) = (self.columns.as_slice(), &self.numbering) {
            return column.add_page((cube, part), of, stride, out);
        }
        room.clear();
        room.resize(of.len(), 0);
        for column in &self.columns {
            column.add_page((cube, part), of, column.stride, room)?;
        }
        for (sum, packed) in out.iter_mut().zip(room) {
            *sum = sum.wrapping_add(u64::from(self.of_packed(*packed)).wrapping_mul(stride));
        }
        Ok(())
    }

    #[inline]
    fn of_packed(&self, packed: u64) -> u32 {
        match &self.numbering {
            Numbering::Plain => u32::try_from(packed).unwrap_or(NONE),
            Numbering::Dense(numbers) => {
                usize::try_from(packed).ok().and_then(|at| numbers.get(at)).copied().unwrap_or(0)
            }
            Numbering::Sparse(numbers) => numbers.get(&packed).copied().unwrap_or(0),
        }
    }

    /// Sets `out` to the packed combination of each selected series of a part, in their order.
    fn pack(
        &self,
        cube: &Cube,
        part: usize,
        selection: &Selection,
        out: &mut Vec<u64>,
    ) -> Result<()> {
        by_page(selection, out, |of, out| {
            let mut columns = self.columns.iter();
            columns.try_for_each(|column| column.add_page((cube, part), of, column.stride, out))
        })
    }
}

impl SeriesColumn {
    /// Absent if the column does not follow from the series, or has too many values.
    fn build(source: &Source, content: Content) -> Result<Option<Self>> {
        let cube = source.cube();
        let (kind, values): (Kind, ArrayRef) = match content {
            Content::Code(dimension) => {
                (Kind::Code(dimension), Arc::new(source.codes(dimension).clone()))
            }
            Content::KeyAttribute(attribute) => {
                let texts = cube.key_attribute_values(attribute)?;
                if texts.len() > VALUES_MAX {
                    return Ok(None);
                }
                let (numbers, values) = number_texts(texts);
                let kind = match of_series(cube, attribute, &numbers)? {
                    Some(parts) => Kind::Series(parts),
                    None => Kind::Partial(attribute, numbers),
                };
                (kind, values)
            }
            _ => return Ok(None),
        };
        Ok(Some(Self { content, kind, values, stride: 1 }))
    }

    #[inline]
    fn number(&self, cube: &Cube, part: usize, series: u32) -> Result<u32> {
        match &self.kind {
            Kind::Code(dimension) => cube.parts()[part].code(*dimension, series),
            Kind::Series(parts) => match &parts[part] {
                None => Ok(0),
                Some((position, numbers)) => {
                    let segment = cube.parts()[part].segment();
                    let number = segment.series_value_number(*position, series)?;
                    Ok(numbers.get(number as usize).copied().unwrap_or(0))
                }
            },
            Kind::Partial(attribute, numbers) => {
                let value = cube.key_attribute(*attribute, part, series)?;
                Ok(value.and_then(|value| numbers.get(value)).copied().unwrap_or(0))
            }
        }
    }

    /// Adds to each of `out` the number of its series, times the stride.
    fn add_page(
        &self,
        (cube, part): (&Cube, usize),
        of: PagePart<'_>,
        stride: u64,
        out: &mut [u64],
    ) -> Result<()> {
        let all: &Part = &cube.parts()[part];
        match &self.kind {
            Kind::Code(dimension) => all.add_codes(*dimension, of, stride, out)?,
            Kind::Series(parts) => {
                let Some((position, numbers)) = &parts[part] else { return Ok(()) };
                let page = all.segment().series_value_page(*position, of.page())?;
                page.add_to(of, out, |own| {
                    let number = numbers.get(own as usize).copied().unwrap_or(0);
                    u64::from(number).wrapping_mul(stride)
                });
            }
            Kind::Partial(..) => {
                for (sum, ordinal) in out.iter_mut().zip(of.ordinals()) {
                    let number = u64::from(self.number(cube, part, ordinal)?);
                    *sum = sum.wrapping_add(number.wrapping_mul(stride));
                }
            }
        }
        Ok(())
    }
}

/// Sets `out` to a number for each selected series, which `add` adds to, page part by page part.
fn by_page(
    selection: &Selection,
    out: &mut Vec<u64>,
    mut add: impl FnMut(PagePart<'_>, &mut [u64]) -> Result<()>,
) -> Result<()> {
    out.clear();
    out.resize(usize::try_from(selection.len()).unwrap_or(usize::MAX), 0);
    let mut rest = out.as_mut_slice();
    let mut parts = PageParts::new(selection);
    while let Some(of) = parts.next_part() {
        let (own, later) = mem::take(&mut rest).split_at_mut(of.len());
        add(of, own)?;
        rest = later;
    }
    Ok(())
}

/// For each part where an attribute stands among those of its series, and our number of each of the
/// segment's values, of which number 0 is none. Absent for an attribute of a partial key.
#[expect(clippy::type_complexity, reason = "what Kind::Series holds, built in one place")]
fn of_series(
    cube: &Cube,
    attribute: usize,
    numbers: &HashMap<Box<str>, u32>,
) -> Result<Option<Vec<Option<(usize, Vec<u32>)>>>> {
    let component = &cube.flow().attributes()[attribute];
    let dimension_count = cube.flow().dimensions().len();
    match &component.role {
        ComponentRole::KeyAttribute(dimensions) if dimensions.len() == dimension_count => {}
        _ => return Ok(None),
    }
    let mut parts = Vec::with_capacity(cube.parts().len());
    for part in cube.parts() {
        let known = &part.segment().footer().series_attributes;
        let Some(position) = known.iter().position(|id| *id == component.id) else {
            parts.push(None);
            continue;
        };
        let texts = part.segment().values(position)?.iter();
        let of_text = |text: &str| numbers.get(text).copied().unwrap_or(0);
        let of_value = [0].into_iter().chain(texts.map(of_text)).collect();
        parts.push(Some((position, of_value)));
    }
    Ok(Some(parts))
}

/// Numbers distinct texts from 1 on; number 0 is NULL.
pub(crate) fn number_texts<'a>(
    texts: impl IntoIterator<Item = &'a str>,
) -> (HashMap<Box<str>, u32>, ArrayRef) {
    let mut numbers: HashMap<Box<str>, u32> = HashMap::new();
    let mut values = vec![None];
    for text in texts {
        let next = u32::try_from(values.len()).unwrap_or(NONE);
        if !numbers.contains_key(text) {
            numbers.insert(text.into(), next);
            values.push(Some(text));
        }
    }
    (numbers, Arc::new(StringViewArray::from(values)))
}
