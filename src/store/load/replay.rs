//! The observations of one series, to which rows are applied one after the other.
//!
//! This is what a load means. Where the order of rows does not matter, [`merge`] does the same to
//! whole chunks.
//!
//! [`merge`]: super::merge

use std::collections::BTreeMap;
use std::mem;

use hashbrown::HashMap;

use crate::catalog::Counts;
use crate::model::{Action, PeriodForm, Span, Value};
use crate::segment::ChunkRows;
use crate::store::load::collect::chunk_number;
use crate::store::load::times::period_of;

/// The place of an observation in its series, in the order of chunks and of their rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    pub(super) form: u8,
    /// The slot; 0 for [`PeriodForm::Other`].
    pub(super) slot: i32,
    /// The text of [`PeriodForm::Other`]; empty for the forms that have slots.
    pub(super) text: Box<str>,
}

impl Moment {
    fn is_other(&self) -> bool {
        self.form == PeriodForm::Other as u8
    }

    fn time(&self) -> (String, Option<Span>) {
        period_of(self.form, self.slot, self.is_other().then_some(&*self.text))
    }

    /// The number of its chunk among those of its form.
    fn chunk(&self) -> i32 {
        if self.is_other() { 0 } else { chunk_number(self.slot) }
    }
}

/// What stands at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Observation {
    /// A value for each measure.
    pub(super) values: Vec<Value>,
    /// The number of the value of each attribute; 0 is none.
    pub(super) attributes: Vec<u32>,
}

impl Observation {
    fn says_nothing(&self) -> bool {
        let has_value = self.values.iter().any(|value| *value != Value::Missing);
        !has_value && self.attributes.iter().all(|number| *number == 0)
    }

    /// Takes over what another one says.
    fn set(&mut self, new: Self) {
        for (value, new) in self.values.iter_mut().zip(new.values) {
            if new != Value::Missing {
                *value = new;
            }
        }
        for (number, new) in self.attributes.iter_mut().zip(new.attributes) {
            if new != 0 {
                *number = new;
            }
        }
    }
}

/// What a row deletes of observations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deleted {
    /// All of them.
    Whole,
    /// The values of these measures and of these attributes.
    Parts(Vec<usize>, Vec<usize>),
}

/// What became of one moment.
#[derive(Debug, Default)]
struct Track {
    before: Option<Observation>,
    now: Option<Observation>,
    /// The last row that set something of it; 0 if none did.
    row: u32,
    /// The row that made the observation there is now; 0 if it was stored before.
    made_by: u32,
}

/// A chunk after the replay.
pub(super) struct Replayed {
    pub(super) form: u8,
    /// Its number among those of its form.
    pub(super) number: i32,
    /// What it holds now.
    pub(super) rows: ChunkRows,
    pub(super) is_changed: bool,
}

/// The observations of one series.
#[derive(Debug, Default)]
pub(super) struct Replay {
    tracks: BTreeMap<Moment, Track>,
    /// How many observations there are.
    present: usize,
    /// The last row after which there was none left of those that were; 0 if there was always one.
    emptied_by: u32,
    /// Who has which time, where two texts could mean the same one.
    times: Option<HashMap<Span, Moment>>,
}

impl Replay {
    /// Adds a chunk that is stored.
    pub(super) fn store(&mut self, rows: &ChunkRows) {
        for at in 0..rows.len() {
            let text = rows.periods.get(at).cloned().unwrap_or_default();
            let is_other = rows.form == PeriodForm::Other as u8;
            let slot = if is_other { 0 } else { rows.first + i32::from(rows.positions[at]) };
            let values = (0..rows.measures.len()).map(|measure| rows.value(measure, at));
            let observation = Observation {
                values: values.collect(),
                attributes: rows.attributes.iter().map(|column| column[at]).collect(),
            };
            let now = Some(observation.clone());
            let track = Track { before: Some(observation), now, ..Track::default() };
            self.tracks.insert(Moment { form: rows.form, slot, text }, track);
            self.present += 1;
        }
    }

    /// From now on refuses another text for a time that is taken.
    pub(super) fn watch_times(&mut self) {
        let taken = self.tracks.keys();
        let taken = taken.filter_map(|moment| Some((moment.time().1?, moment.clone())));
        self.times = Some(taken.collect());
    }

    /// The last row that set something of a moment; 0 if none did.
    pub(super) fn row_of(&self, moment: &Moment) -> u32 {
        self.tracks.get(moment).map_or(0, |track| track.row)
    }

    /// How many observations there are.
    pub(super) fn present(&self) -> usize {
        self.present
    }

    /// The last row that deleted the last observation; 0 if none did.
    pub(super) fn emptied_by(&self) -> u32 {
        self.emptied_by
    }

    /// Merges or replaces an observation.
    ///
    /// # Errors
    ///
    /// The time and its other text, and the row that the other is from (0 for what was stored), if
    /// the time is taken under another text.
    pub(super) fn set(
        &mut self,
        moment: &Moment,
        row: u32,
        action: Action,
        new: Observation,
    ) -> Result<(), (String, u32)> {
        let is_there = self.tracks.get(moment).is_some_and(|track| track.now.is_some());
        if !is_there && let Some(times) = &mut self.times {
            let (text, span) = moment.time();
            if let Some(span) = span {
                let other = times.entry(span).or_insert_with(|| moment.clone());
                if *other != *moment {
                    let made_by = self.tracks.get(other).map_or(0, |track| track.made_by);
                    let reason = format!("{text} is the same time as {}", other.time().0);
                    return Err((reason, made_by));
                }
            }
        }
        let track = self.tracks.entry(moment.clone()).or_default();
        track.row = row;
        match &mut track.now {
            Some(now) if action == Action::Merge => now.set(new),
            now => {
                if now.replace(new).is_none() {
                    track.made_by = row;
                    self.present += 1;
                }
            }
        }
        Ok(())
    }

    /// Deletes of one observation.
    pub(super) fn delete(&mut self, moment: &Moment, row: u32, deleted: &Deleted) {
        if let Some(track) = self.tracks.get_mut(moment)
            && track.delete(deleted)
        {
            self.leave(moment);
            self.lose(1, row);
        }
    }

    /// Deletes of all observations.
    pub(super) fn delete_all(&mut self, row: u32, deleted: &Deleted) {
        if self.present == 0 {
            return;
        }
        let mut gone = Vec::new();
        for (moment, track) in &mut self.tracks {
            if track.delete(deleted) {
                gone.push(moment.clone());
            }
        }
        for moment in &gone {
            self.leave(moment);
        }
        self.lose(gone.len(), row);
    }

    /// Gives back the time of an observation that is gone.
    fn leave(&mut self, moment: &Moment) {
        if let Some(times) = &mut self.times
            && let Some(span) = moment.time().1
        {
            times.remove(&span);
        }
    }

    fn lose(&mut self, count: usize, row: u32) {
        self.present -= count;
        if count > 0 && self.present == 0 {
            self.emptied_by = row;
        }
    }

    /// The chunks of all moments that were or are, in order.
    pub(super) fn finish(self, counts: &mut Counts) -> Vec<Replayed> {
        let mut chunks: Vec<Replayed> = Vec::new();
        for (moment, mut track) in self.tracks {
            track.count(counts);
            let Some(shape) = track.now.as_ref().or(track.before.as_ref()) else { continue };
            let (form, number) = (moment.form, moment.chunk());
            if chunks.last().is_none_or(|last| (last.form, last.number) != (form, number)) {
                let (measures, attributes) = (shape.values.len(), shape.attributes.len());
                let known = PeriodForm::from_number(form).unwrap_or(PeriodForm::Other);
                let rows = ChunkRows::new(known, measures, attributes);
                chunks.push(Replayed { form, number, rows, is_changed: false });
            }
            let Some(chunk) = chunks.last_mut() else { continue };
            chunk.is_changed |= track.before != track.now;
            if let Some(now) = mem::take(&mut track.now) {
                push(&mut chunk.rows, moment, &now);
            }
        }
        chunks
    }
}

impl Track {
    /// Deletes; true if the observation is gone by it.
    fn delete(&mut self, deleted: &Deleted) -> bool {
        let Some(now) = &mut self.now else { return false };
        let is_gone = match deleted {
            Deleted::Whole => true,
            Deleted::Parts(measures, attributes) => {
                for at in measures {
                    now.values[*at] = Value::Missing;
                }
                for at in attributes {
                    now.attributes[*at] = 0;
                }
                now.says_nothing()
            }
        };
        if is_gone {
            self.now = None;
        }
        is_gone
    }

    fn count(&self, counts: &mut Counts) {
        match (&self.before, &self.now) {
            (None, None) => {}
            (None, Some(_)) => counts.inserted += 1,
            (Some(_), None) => counts.deleted += 1,
            (Some(before), Some(now)) if before == now => {
                counts.unchanged += u64::from(self.row > 0);
            }
            (Some(_), Some(_)) => counts.changed += 1,
        }
    }
}

fn push(rows: &mut ChunkRows, moment: Moment, now: &Observation) {
    let at = rows.positions.len();
    if moment.is_other() {
        rows.periods.push(moment.text);
        // More than one chunk holds is split by the caller: positions wrap there.
        rows.positions.push(u16::try_from(at).unwrap_or(u16::MAX));
    } else {
        if at == 0 {
            rows.first = moment.slot;
        }
        rows.positions.push(u16::try_from(moment.slot - rows.first).unwrap_or(u16::MAX));
    }
    for (measure, value) in now.values.iter().enumerate() {
        rows.push_value(measure, value);
    }
    for (column, number) in rows.attributes.iter_mut().zip(&now.attributes) {
        column.push(*number);
    }
}
