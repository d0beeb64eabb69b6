//! The versions of observations, series by series.

use std::sync::Arc;
use std::vec;

use crate::catalog::SegmentId;
use crate::error::{Error, Result};
use crate::index::Selection;
use crate::limits::{ANSWER_MEMORY_BYTES, Budget};
use crate::model::{ArtefactId, Flow, Period};
use crate::store::changes::{CellState, KeyFilter, SeriesReader, in_order_of_time, key_texts};
use crate::store::cube::Cube;
use crate::store::database::Database;
use crate::store::filter::Selections;
use crate::store::history::lifetimes::Lifetimes;
use crate::store::snapshot::Snapshot;

/// One version of an observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The codes of its series, in the order of the structure.
    pub key: Vec<String>,
    /// The period as it is written; empty in a dataflow without time.
    pub period: String,
    /// What stood there.
    pub state: CellState,
    /// From when on, in microseconds since 1970: the effective time of a commit.
    pub valid_from: i64,
    /// Until when, not included; absent if it still stands there.
    pub valid_to: Option<i64>,
    /// The commit that brought it.
    pub commit: u64,
    /// The commit that revised or deleted it.
    pub ended_by: Option<u64>,
}

/// Every version of the observations of some series of a dataflow: by key, then by the time of
/// the period, then from the oldest to the newest.
#[derive(Debug)]
pub struct History {
    snapshot: Arc<Snapshot>,
    flow: Arc<Flow>,
    lifetimes: Lifetimes,
    reader: SeriesReader,
    after: Option<i64>,
    /// What is left of the series that was read last.
    ready: vec::IntoIter<Version>,
    budget: Budget,
}

/// While the versions of a series are brought together.
struct Stretch {
    state: CellState,
    from: u64,
    to: Option<u64>,
}

impl History {
    /// Opens the history up to a state of the database, which is the newest that is seen. With `after`
    /// (microseconds since 1970), only versions that began or ended after that moment come.
    ///
    /// What was valid only before the first commit that is kept is forgotten; what was valid then
    /// counts from the commit that stored it.
    ///
    /// Cost: the manifests of all commits, and every version of the chunks of the series: with
    /// `after`, of those series that were touched since.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such dataflow; [`Error::Corrupt`] if the manifest of a
    /// commit is damaged; those of reading.
    pub fn open(
        database: &Database,
        snapshot: &Arc<Snapshot>,
        flow: &ArtefactId,
        filter: &KeyFilter,
        after: Option<i64>,
    ) -> Result<Self> {
        let state = snapshot.state();
        let known = state.flow(flow);
        let known = known.ok_or_else(|| Error::not_found("dataflow", flow.to_string()))?;
        let resolved = snapshot.flow(flow)?;
        let commit = after.map(|after| state.commit_at(after).map_or(0, |commit| commit.number));
        let lifetimes = Lifetimes::read(database.catalog(), snapshot, flow, commit.unwrap_or(0))?;
        let segments = lifetimes.segments();
        let cube = Arc::new(snapshot.cube_of(Arc::clone(&resolved), &known.entry, segments)?);
        let mut series = cube.select(&filter.on(&cube))?;
        if after.is_some() {
            keep_touched(&cube, lifetimes.touched(), &mut series)?;
        }
        let reader = SeriesReader::new(&cube, &resolved, series)?;
        Ok(Self {
            snapshot: Arc::clone(snapshot),
            flow: resolved,
            lifetimes,
            reader,
            after,
            ready: Vec::new().into_iter(),
            budget: Budget::new("the memory of the versions of a series", ANSWER_MEMORY_BYTES),
        })
    }

    /// The dataflow.
    pub fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    /// The next version; absent at the end.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if the versions of one series do not fit into memory; those of reading.
    #[expect(clippy::should_implement_trait, reason = "it may fail")]
    pub fn next(&mut self) -> Result<Option<Version>> {
        loop {
            if let Some(version) = self.ready.next() {
                return Ok(Some(version));
            }
            match self.read_series()? {
                Some(versions) => self.ready = versions.into_iter(),
                None => return Ok(None),
            }
        }
    }

    /// Reads the versions of the next series.
    fn read_series(&mut self) -> Result<Option<Vec<Version>>> {
        let Some(series) = self.reader.next()? else { return Ok(None) };
        let mut memory = self.budget.reserve(0)?;
        let mut stretches: Vec<(Period, Stretch)> = Vec::new();
        for chunk in &series.chunks {
            let segment = self.reader.cube().parts()[chunk.part].id();
            let lived = self.lifetimes.of(segment, chunk.chunk);
            let (from, to) = lived.ok_or_else(|| Error::bug("a chunk that no commit added"))?;
            let before = stretches.len();
            self.reader.each_cell(chunk, |period, state| {
                stretches.push((period, Stretch { state, from, to }));
                Ok(())
            })?;
            let texts = self.flow.components().len() - self.flow.measures_from();
            let each = size_of::<(Period, Stretch)>() + texts * size_of::<Option<String>>();
            memory.grow(((stretches.len() - before) * each) as u64)?;
        }
        stretches.sort_by(|a, b| (&a.0, a.1.from).cmp(&(&b.0, b.1.from)));
        stretches.dedup_by(|(period, next), (last_period, last)| {
            let is_same =
                period == last_period && last.to == Some(next.from) && last.state == next.state;
            if is_same {
                last.to = next.to;
            }
            is_same
        });
        in_order_of_time(&mut stretches);
        let key = key_texts(self.reader.cube(), &series.key);
        let versions = stretches.into_iter().map(|(period, stretch)| Version {
            key: key.clone(),
            period: period.to_string(),
            state: stretch.state,
            valid_from: self.effective(stretch.from),
            valid_to: stretch.to.map(|number| self.effective(number)),
            commit: stretch.from,
            ended_by: stretch.to,
        });
        let is_wanted = |version: &Version| {
            self.after.is_none_or(|after| {
                version.valid_from > after || version.valid_to.is_some_and(|to| to > after)
            })
        };
        Ok(Some(versions.filter(is_wanted).collect()))
    }

    fn effective(&self, number: u64) -> i64 {
        let commit = self.snapshot.state().commit(number);
        commit.map_or(i64::MIN, |commit| commit.effective)
    }
}

/// Drops series of which no chunk was touched.
fn keep_touched(
    cube: &Cube,
    touched: &[(SegmentId, Selection)],
    series: &mut Selections,
) -> Result<()> {
    let mut kept = vec![Selection::empty(); series.0.len()];
    for (id, chunks) in touched {
        let Some(index) = cube.parts().iter().position(|part| part.id() == *id) else { continue };
        let part = &cube.parts()[index];
        for chunk in chunks.iter() {
            let ordinal = part.segment().series_of(chunk)?;
            if kept[index].contains(ordinal) || !series.0[index].contains(ordinal) {
                continue;
            }
            let codes = (0..cube.flow().dimensions().len()).map(|d| part.code(d, ordinal));
            let key = key_texts(cube, &codes.collect::<Result<Vec<u32>>>()?);
            for (part, ordinal) in cube.find(&key)? {
                kept[part].insert(ordinal);
            }
        }
    }
    series.0 = kept;
    Ok(())
}
