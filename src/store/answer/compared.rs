//! Only what changed: the observations of one state that another has not, or has otherwise.

use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;

use crate::catalog::LiveSegment;
use crate::error::{Error, Result};
use crate::index::Selection;
use crate::model::{ArtefactId, ComponentRole, PeriodForm};
use crate::segment;
use crate::store::changes::{Touched, key_texts};
use crate::store::cube::Cube;
use crate::store::cursor::Chunk;
use crate::store::snapshot::Snapshot;

/// Which observations are wanted of a state, given another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Those that the other has not, or with another value or attribute; all of a series whose own
    /// attributes differ.
    Changed,
    /// Those that the other has not.
    Missing,
}

/// A comparison of the chunks of a cube with those of another state.
#[derive(Debug)]
pub(super) struct Compared {
    keep: Keep,
    /// The other state: its chunks that differ; absent where it has no such dataflow.
    other: Option<Arc<Cube>>,
    /// The series of `other` that was read last: its place here, and its chunks there.
    last: Mutex<Option<(Place, Arc<Vec<Other>>)>>,
}

/// A series in a part.
type Place = (usize, u32);

/// A chunk of the other state.
#[derive(Debug)]
struct Other {
    part: usize,
    series: u32,
    data: segment::Chunk,
}

impl Compared {
    /// Compares two states: gives the cube of `of` in which only chunks are live that `to` has not,
    /// and what is wanted of them. Attributes of partial keys are there for every series.
    pub(super) fn new(
        of: &Arc<Snapshot>,
        to: &Arc<Snapshot>,
        flow: &ArtefactId,
        keep: Keep,
    ) -> Result<(Arc<Cube>, Self)> {
        let touched = if of.number() >= to.number() {
            Touched::find(to, of, flow)?
        } else {
            let Touched { before: after, after: before } = Touched::find(of, to, flow)?;
            Touched { before, after }
        };
        let mut own: HashMap<_, _> =
            touched.after.into_iter().map(|live| (live.entry.id, live)).collect();
        let all = of.state().segments(flow).map(|live| {
            let chunks = own.remove(&live.entry.id).and_then(|own| own.chunks);
            let chunks = Some(chunks.unwrap_or_else(Selection::empty));
            let (entry, partials) = (Arc::clone(&live.entry), live.partials.clone());
            LiveSegment { entry, commit: live.commit, chunks, partials }
        });
        let has_something = |live: &LiveSegment| {
            let has_chunks = live.chunks.as_ref().is_none_or(|chunks| !chunks.is_empty());
            has_chunks || live.entry.partials > 0
        };
        let all: Vec<LiveSegment> = all.filter(has_something).collect();
        let open = |snapshot: &Arc<Snapshot>, segments: &[LiveSegment]| {
            let Some(known) = snapshot.state().flow(flow) else { return Ok(None) };
            let cube = snapshot.cube_of(snapshot.flow(flow)?, &known.entry, segments)?;
            Ok::<_, Error>(Some(Arc::new(cube)))
        };
        let other = open(to, &touched.before)?;
        let cube = match open(of, &all)? {
            Some(cube) => cube,
            None => of.cube(flow)?,
        };
        Ok((cube, Self { keep, other, last: Mutex::default() }))
    }

    /// Of these positions of a chunk of `cube`, those that are wanted, ascending.
    pub(super) fn positions(
        &self,
        cube: &Cube,
        chunk: &Chunk,
        positions: impl Iterator<Item = usize>,
    ) -> Result<Vec<usize>> {
        let Some(other) = &self.other else { return Ok(positions.collect()) };
        let others = self.others(cube, other, (chunk.part, chunk.series))?;
        if let Some(first) = others.first()
            && self.keep == Keep::Changed
            && !has_same_attributes(cube, (chunk.part, chunk.series), other, first)?
        {
            return Ok(positions.collect());
        }
        let found = Found::new(chunk.data.form, &others);
        let mut wanted = Vec::new();
        for position in positions {
            let is_wanted = match found.find(chunk, position) {
                None => true,
                Some(_) if self.keep == Keep::Missing => false,
                Some((old, at)) => !is_same((cube, chunk, position), (other, old, at))?,
            };
            if is_wanted {
                wanted.push(position);
            }
        }
        Ok(wanted)
    }

    /// The chunks of the other state that hold the same series.
    fn others(&self, cube: &Cube, other: &Cube, place: Place) -> Result<Arc<Vec<Other>>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, others)) = &*last
            && *known == place
        {
            return Ok(Arc::clone(others));
        }
        let part = &cube.parts()[place.0];
        let codes = (0..cube.flow().dimensions().len()).map(|d| part.code(d, place.1));
        let key = key_texts(cube, &codes.collect::<Result<Vec<u32>>>()?);
        let mut others = Vec::new();
        for (part, series) in other.find(&key)? {
            for chunk in other.parts()[part].live_chunks(series)? {
                let data = other.parts()[part].segment().read_chunk(chunk)?;
                others.push(Other { part, series, data });
            }
        }
        let others = Arc::new(others);
        *last = Some((place, Arc::clone(&others)));
        Ok(others)
    }
}

/// Where the observations of some chunks are.
enum Found<'a> {
    /// Chunks of the same regular form.
    Slots(Vec<&'a Other>),
    Texts(HashMap<&'a str, (&'a Other, usize)>),
}

impl<'a> Found<'a> {
    fn new(form: PeriodForm, others: &'a [Other]) -> Self {
        let same = others.iter().filter(|other| other.data.form == form);
        if form != PeriodForm::Other {
            return Self::Slots(same.collect());
        }
        let of = |other: &'a Other| {
            let present = other.data.present(0..other.data.slots).flatten();
            present
                .filter_map(move |at| other.data.periods.get(at).map(|text| (&**text, (other, at))))
        };
        Self::Texts(same.flat_map(of).collect())
    }

    /// Where the period at a position of a chunk is.
    fn find(&self, chunk: &Chunk, position: usize) -> Option<(&'a Other, usize)> {
        match self {
            Self::Texts(texts) => texts.get(&**chunk.data.periods.get(position)?).copied(),
            Self::Slots(others) => {
                let slot = i64::from(chunk.data.slot(position).index);
                others.iter().find_map(|other| {
                    let at = usize::try_from(slot - i64::from(other.data.first)).ok()?;
                    let is_there =
                        at < other.data.slots && other.data.present(at..at + 1).next().is_some();
                    is_there.then_some((*other, at))
                })
            }
        }
    }
}

/// Whether two observations have the same values and attributes.
fn is_same(
    (cube, chunk, position): (&Cube, &Chunk, usize),
    (other_cube, other, at): (&Cube, &Other, usize),
) -> Result<bool> {
    let measures = chunk.data.measures.iter().zip(&other.data.measures);
    if measures.into_iter().any(|(own, old)| own.value(position) != old.value(at)) {
        return Ok(false);
    }
    let segment = cube.parts()[chunk.part].segment();
    let other_segment = other_cube.parts()[other.part].segment();
    let known = &segment.footer().observation_attributes;
    let other_known = &other_segment.footer().observation_attributes;
    let filled = |text: Option<&'_ str>| text.is_some_and(|text| !text.is_empty());
    for (own, id) in known.iter().enumerate() {
        let text = segment.observation_value(own, chunk.data.attributes[own].value(position))?;
        let old = match other_known.iter().position(|known| known == id) {
            Some(old) => {
                other_segment.observation_value(old, other.data.attributes[old].value(at))?
            }
            None => None,
        };
        if text.filter(|text| !text.is_empty()) != old.filter(|text| !text.is_empty()) {
            return Ok(false);
        }
    }
    for (old, id) in other_known.iter().enumerate().filter(|(_, id)| !known.contains(id)) {
        let text = other_segment.observation_value(old, other.data.attributes[old].value(at))?;
        if filled(text) && cube.flow().position(id).is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the attributes of a whole key are the same in both states.
fn has_same_attributes(
    cube: &Cube,
    place: Place,
    other_cube: &Cube,
    other: &Other,
) -> Result<bool> {
    let text = |cube: &Cube, (part, series): Place, id: &str| {
        let segment = cube.parts()[part].segment();
        let position = segment.footer().series_attributes.iter().position(|known| known == id);
        let text = position.map(|position| segment.series_value(position, series)).transpose()?;
        Ok::<_, Error>(text.flatten().filter(|text| !text.is_empty()).map(str::to_owned))
    };
    for attribute in cube.flow().attributes() {
        if let ComponentRole::KeyAttribute(_) = attribute.role {
            let own = text(cube, place, &attribute.id)?;
            if own != text(other_cube, (other.part, other.series), &attribute.id)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
