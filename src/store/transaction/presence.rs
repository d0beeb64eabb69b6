//! Whether an observation is there.

use std::sync::Arc;

use crate::error::Result;
use crate::model::{Period, PeriodForm, Slot};
use crate::segment::{ChunkRows, ChunkSpan};
use crate::store::cube::Cube;

/// Looks up single observations of a cube. Rows come series by series, so it keeps the series and
/// the chunk of the last one.
#[derive(Debug)]
pub(super) struct Lookup {
    cube: Arc<Cube>,
    codes: Vec<String>,
    /// The live chunks of the series: part, chunk, span.
    chunks: Vec<(usize, u32, ChunkSpan)>,
    /// The chunk that was decoded last: part, chunk, rows.
    decoded: Option<(usize, u32, ChunkRows)>,
}

impl Lookup {
    pub(super) fn new(cube: Arc<Cube>) -> Self {
        Self { cube, codes: Vec::new(), chunks: Vec::new(), decoded: None }
    }

    /// Whether there is an observation of this key: the codes, then the period where the dataflow
    /// has time.
    pub(super) fn has<'a>(&mut self, mut key: impl Iterator<Item = &'a str>) -> Result<bool> {
        let width = self.cube.flow().dimensions().len();
        let is_known = !self.codes.is_empty();
        let mut is_same = is_known;
        self.codes.resize(width, String::new());
        for known in &mut self.codes {
            let code = key.next().unwrap_or_default();
            if known != code {
                code.clone_into(known);
                is_same = false;
            }
        }
        if !is_same {
            self.chunks = chunks_of(&self.cube, &self.codes)?;
        }
        if self.chunks.is_empty() {
            return Ok(false);
        }
        let period = match key.next() {
            None => Period::Slot(Slot::TIMELESS),
            Some(text) => match Period::parse(text) {
                Ok(period) => period,
                // The load says what is wrong with it.
                Err(_) => return Ok(false),
            },
        };
        for at in 0..self.chunks.len() {
            let (part, chunk, span) = self.chunks[at];
            if may_hold(&span, &period) && holds(self.rows(part, chunk)?, &period) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn rows(&mut self, part: usize, chunk: u32) -> Result<&ChunkRows> {
        let known = self.decoded.take().filter(|(p, c, _)| (*p, *c) == (part, chunk));
        let rows = match known {
            Some((_, _, rows)) => rows,
            None => self.cube.parts()[part].segment().read_chunk(chunk)?.to_rows(),
        };
        let (_, _, rows) = self.decoded.insert((part, chunk, rows));
        Ok(rows)
    }
}

/// The live chunks of the series with these codes, in all parts.
pub(super) fn chunks_of(
    cube: &Cube,
    codes: &[impl AsRef<str>],
) -> Result<Vec<(usize, u32, ChunkSpan)>> {
    let numbers = codes.iter().enumerate().map(|(d, code)| cube.codes(d).number(code.as_ref()));
    let Some(key) = numbers.collect::<Option<Vec<u32>>>() else { return Ok(Vec::new()) };
    let mut chunks = Vec::new();
    for (index, part) in cube.parts().iter().enumerate() {
        let Some(series) = part.find(&key)? else { continue };
        for chunk in part.live_chunks(series)? {
            chunks.push((index, chunk, part.span(chunk)?));
        }
    }
    Ok(chunks)
}

fn may_hold(span: &ChunkSpan, period: &Period) -> bool {
    match period {
        Period::Other(_) => span.form == PeriodForm::Other,
        Period::Slot(slot) => {
            let offset = i64::from(slot.index) - i64::from(span.first);
            span.form == slot.form && (0..i64::from(span.slots)).contains(&offset)
        }
    }
}

fn holds(rows: &ChunkRows, period: &Period) -> bool {
    match period {
        Period::Other(text) => rows.periods.iter().any(|known| **known == **text),
        Period::Slot(slot) => {
            let position = u16::try_from(slot.index - rows.first);
            position.is_ok_and(|position| rows.positions.binary_search(&position).is_ok())
        }
    }
}
