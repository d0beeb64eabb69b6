//! Which stored series the deletions of a load reach, beside those that it has rows for.
//!
//! A series that goes whole is not read: its chunks are superseded. Any other becomes one of the
//! series of the load, so that the deletions are applied where it is written.

use crate::error::Result;
use crate::index::Selection;
use crate::model::PeriodForm;
use crate::store::cube::Cube;
use crate::store::filter::SeriesFilter;
use crate::store::load::buffer::{SLOT_BIAS, SLOT_BITS};
use crate::store::load::intake::Intake;
use crate::store::load::regions::{Deletion, Target};
use crate::store::part::Part;

/// The chunks that go whole.
#[derive(Debug)]
pub(super) struct Reached {
    /// The chunks, for each part of the cube.
    pub(super) chunks: Vec<Selection>,
    /// How many observations they have.
    pub(super) observations: u64,
}

impl Reached {
    /// Finds what goes whole, and adds the other series that deletions reach to the load.
    pub(super) fn new(intake: &mut Intake, cube: &Cube) -> Result<Self> {
        let chunks = vec![Selection::empty(); cube.parts().len()];
        let mut reached = Self { chunks, observations: 0 };
        if intake.regions.is_empty() || cube.parts().is_empty() {
            return Ok(reached);
        }
        let goes_whole = |deletion: &Deletion| {
            deletion.period.is_none() && intake.regions.deletes(deletion, Target::Observations)
        };
        let (mut whole, mut others) = (Vec::new(), Vec::new());
        for (dimensions, codes, deletions) in intake.regions.iter() {
            let Some(key) = key_in_cube(intake, cube, dimensions, codes) else { continue };
            if deletions.iter().any(goes_whole) {
                whole.push(key);
            } else {
                // Without a period for one of them, all chunks are touched.
                let periods: Option<Vec<u32>> = deletions.iter().map(|d| d.period).collect();
                others.push((key, periods));
            }
        }
        let own = Numbers::new(intake, cube);
        for key in whole {
            reached.drop_whole(intake, cube, &own, &key)?;
        }
        for (key, periods) in others {
            reached.add(intake, cube, &own, &key, periods.as_deref())?;
        }
        Ok(reached)
    }

    /// Drops the series of a key that the load has nothing else of.
    fn drop_whole(
        &mut self,
        intake: &Intake,
        cube: &Cube,
        own: &Numbers,
        key: &[(usize, u32)],
    ) -> Result<()> {
        for (index, series) in select(cube, key)?.into_iter().enumerate() {
            let part = &cube.parts()[index];
            for ordinal in series.iter() {
                if own.find(intake, part, ordinal)?.is_some() {
                    continue;
                }
                for chunk in part.live_chunks(ordinal)? {
                    if self.chunks[index].insert(chunk) {
                        self.observations += u64::from(part.span(chunk)?.observations);
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds the series of a key that stay, if they have something in one of the periods.
    fn add(
        &self,
        intake: &mut Intake,
        cube: &Cube,
        own: &Numbers,
        key: &[(usize, u32)],
        periods: Option<&[u32]>,
    ) -> Result<()> {
        for (index, series) in select(cube, key)?.into_iter().enumerate() {
            let part = &cube.parts()[index];
            for ordinal in series.iter() {
                let mut is_touched = false;
                for chunk in part.live_chunks(ordinal)? {
                    is_touched |=
                        !self.chunks[index].contains(chunk) && is_in(part, chunk, periods)?;
                }
                if is_touched && own.find(intake, part, ordinal)?.is_none() {
                    let codes = (0..intake.codes.len()).map(|dimension| {
                        let code = part.code(dimension, ordinal)?;
                        Ok(cube.codes(dimension).get(code))
                    });
                    intake.add_series(&codes.collect::<Result<Vec<&str>>>()?);
                }
            }
        }
        Ok(())
    }
}

/// For each dimension, the number in the load of each of the cube's codes.
struct Numbers(Vec<Vec<Option<u32>>>);

impl Numbers {
    fn new(intake: &Intake, cube: &Cube) -> Self {
        let of = |dimension: usize| {
            cube.codes(dimension).iter().map(|code| intake.codes[dimension].find(code)).collect()
        };
        Self((0..intake.codes.len()).map(of).collect())
    }

    /// The number in the load of a series of a part, as far as the load had it at first.
    fn find(&self, intake: &Intake, part: &Part, ordinal: u32) -> Result<Option<u32>> {
        let mut key = Vec::with_capacity(self.0.len());
        for (dimension, numbers) in self.0.iter().enumerate() {
            match numbers[part.code(dimension, ordinal)? as usize] {
                Some(number) => key.push(number),
                None => return Ok(None),
            }
        }
        Ok(intake.series.find(&key))
    }
}

/// The cube's numbers of the codes that a deletion is limited to; absent where it has not all.
fn key_in_cube(
    intake: &Intake,
    cube: &Cube,
    dimensions: &[usize],
    codes: &[u32],
) -> Option<Vec<(usize, u32)>> {
    let number = |(dimension, code): (&usize, &u32)| {
        let text = intake.partial_codes[*dimension].get(*code);
        Some((*dimension, cube.codes(*dimension).number(text)?))
    };
    dimensions.iter().zip(codes).map(number).collect()
}

/// The series with these codes, part by part.
fn select(cube: &Cube, key: &[(usize, u32)]) -> Result<Vec<Selection>> {
    if key.len() == cube.flow().dimensions().len() {
        // Many rows of a message may each delete a series, so this must be quick.
        let codes: Vec<u32> = key.iter().map(|(_, code)| *code).collect();
        let one = |part: &Part| part.find(&codes).map(|at| at.into_iter().collect::<Vec<u32>>());
        let found = cube.parts().iter().map(one);
        return found.map(|found| Ok(Selection::from_sorted(found?))).collect();
    }
    let limit = |(dimension, code): &(usize, u32)| SeriesFilter::Codes {
        dimension: *dimension,
        codes: vec![*code],
    };
    Ok(cube.select(&SeriesFilter::And(key.iter().map(limit).collect()))?.0)
}

/// Whether a chunk may hold one of these periods.
fn is_in(part: &Part, chunk: u32, periods: Option<&[u32]>) -> Result<bool> {
    let Some(periods) = periods else { return Ok(true) };
    let span = part.span(chunk)?;
    let is_covered = |period: &u32| {
        let slot = (period & ((1 << SLOT_BITS) - 1)).cast_signed() - SLOT_BIAS;
        let slots = span.first..span.first.saturating_add(i32::from(span.slots));
        period >> SLOT_BITS == span.form as u32
            && (span.form == PeriodForm::Other || slots.contains(&slot))
    };
    Ok(periods.iter().any(is_covered))
}
