//! The observations of a chunk as texts, column by column, so that a row is a few slices.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::model::Decimal;
use crate::segment::{AttributeRun, MeasureRun, Numbers, Segment, Writing};
use crate::store::cursor::Chunk;

/// The place of a cell's text.
#[derive(Clone, Copy, Debug)]
struct Place {
    from: u32,
    /// [`u32::MAX`] where the cell is absent.
    end: u32,
}

impl Place {
    const ABSENT: Self = Self { from: 0, end: u32::MAX };

    /// From here to there.
    fn new(from: usize, end: usize) -> Self {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        if from < end { Self { from: narrow(from), end: narrow(end) } } else { Self::ABSENT }
    }
}

/// The texts of the observations of a chunk that are wanted.
#[derive(Debug, Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    /// Of each column a place for each observation.
    places: Vec<Place>,
    rows: usize,
}

/// What the columns are: time, then these measures, then these attributes of the observation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns<'a> {
    pub(super) has_time: bool,
    pub(super) measures: &'a [usize],
    /// By identifier, since every segment has an order of its own.
    pub(super) attributes: &'a [&'a str],
}

/// The texts of one chunk, checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'a> {
    text: &'a str,
    places: &'a [Place],
    count: usize,
}

impl Texts {
    /// Writes the observations of a chunk, and forgets those before.
    pub(super) fn fill(
        &mut self,
        chunk: &Chunk,
        segment: &Segment,
        columns: &Columns<'_>,
    ) -> Result<()> {
        self.bytes.clear();
        self.places.clear();
        self.rows = chunk.positions.iter().map(Range::len).sum();
        if columns.has_time {
            for position in chunk.positions.iter().cloned().flatten() {
                let from = self.bytes.len();
                chunk.data.write_period(position, &mut self.bytes);
                self.end(from);
            }
        }
        for measure in columns.measures {
            self.measure(&chunk.data.measures[*measure], &chunk.positions);
        }
        for id in columns.attributes {
            let known = &segment.footer().observation_attributes;
            match known.iter().position(|own| own == id) {
                None => self.places.resize(self.places.len() + self.rows, Place::ABSENT),
                Some(own) => {
                    let values = |number| segment.observation_value(own, number);
                    self.attribute(&chunk.data.attributes[own], &chunk.positions, values)?;
                }
            }
        }
        Ok(())
    }

    /// The texts.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if they are too long for their places; [`Error::Bug`] if they are not
    /// UTF-8: everything in them came in as text.
    pub(super) fn rows(&self) -> Result<Rows<'_>> {
        let (actual, limit) = (self.bytes.len() as u64, u64::from(u32::MAX - 1));
        if actual > limit {
            let what = "the number of bytes of the texts of a chunk";
            return Err(Error::Limit { what, actual, limit });
        }
        let text = str::from_utf8(&self.bytes);
        let text = text.map_err(|_| Error::bug("a text of an observation is not UTF-8"))?;
        Ok(Rows { text, places: &self.places, count: self.rows })
    }

    /// Bytes of memory held.
    pub(super) fn memory_bytes(&self) -> u64 {
        (self.bytes.capacity() + self.places.capacity() * size_of::<Place>()) as u64
    }

    /// Ends a cell that began at `from`; nothing written is no cell.
    fn end(&mut self, from: usize) {
        self.places.push(Place::new(from, self.bytes.len()));
    }

    fn measure(&mut self, run: &MeasureRun, positions: &[Range<usize>]) {
        let mut exceptions = Exceptions::new(run);
        for position in positions.iter().cloned().flatten() {
            let from = self.bytes.len();
            match &run.numbers {
                Numbers::Decimals(mantissas) if !exceptions.has(position) => {
                    let mantissa = i128::from(mantissas[position]);
                    let decimal = Decimal { mantissa, scale: run.scale };
                    match run.writing {
                        Writing::Fixed => decimal.write_to(&mut self.bytes),
                        Writing::Shortest => decimal.shortest().write_to(&mut self.bytes),
                    }
                }
                _ => run.value(position).write_to(&mut self.bytes),
            }
            self.end(from);
        }
    }

    fn attribute<'a>(
        &mut self,
        run: &AttributeRun,
        positions: &[Range<usize>],
        value: impl Fn(u32) -> Result<Option<&'a str>>,
    ) -> Result<()> {
        let mut write = |number: u32| -> Result<Place> {
            let from = self.bytes.len();
            self.bytes.extend_from_slice(value(number)?.unwrap_or_default().as_bytes());
            Ok(Place::new(from, self.bytes.len()))
        };
        let default = write(run.default)?;
        let mut last = (run.default, default);
        let mut exceptions = run.exceptions.iter().peekable();
        for position in positions.iter().cloned().flatten() {
            while exceptions.next_if(|(at, _)| usize::from(*at) < position).is_some() {}
            let place = match exceptions.peek() {
                Some((at, number)) if usize::from(*at) == position => {
                    if last.0 != *number {
                        last = (*number, write(*number)?);
                    }
                    last.1
                }
                _ => default,
            };
            self.places.push(place);
        }
        Ok(())
    }
}

impl<'a> Rows<'a> {
    /// How many observations there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The text of a cell.
    #[inline]
    pub(super) fn get(&self, column: usize, row: usize) -> Option<&'a str> {
        let Place { from, end } = self.places[column * self.count + row];
        self.text.get(from as usize..end as usize)
    }
}

/// The positions of a run whose text does not follow from its number alone; asked in ascending
/// order.
struct Exceptions<'a> {
    missing: &'a [u16],
    texts: &'a [(u16, Box<str>)],
    rescaled: &'a [(u16, u8)],
}

impl<'a> Exceptions<'a> {
    fn new(run: &'a MeasureRun) -> Self {
        Self { missing: &run.missing, texts: &run.texts, rescaled: &run.rescaled }
    }

    #[inline]
    fn has(&mut self, position: usize) -> bool {
        fn is_next<T>(rest: &mut &[T], position: usize, at: impl Fn(&T) -> u16) -> bool {
            while let Some((first, after)) = rest.split_first() {
                let first = usize::from(at(first));
                if first >= position {
                    return first == position;
                }
                *rest = after;
            }
            false
        }
        let is_missing = is_next(&mut self.missing, position, |at| *at);
        let is_text = is_next(&mut self.texts, position, |(at, _)| *at);
        is_next(&mut self.rescaled, position, |(at, _)| *at) || is_missing || is_text
    }
}
