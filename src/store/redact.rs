//! Redaction: a confidential value leaves every version.
//!
//! Every segment of the dataflow that was ever committed and is still there is searched; each that
//! has the value is written anew without it, with the same series and chunks, so that every state
//! stays as it is but for the value. See `catalog::scrub` for how the old bytes go.

use std::sync::Arc;
use std::time::Duration;

use crate::catalog::{Draft, FoundRelease, LiveSegment, ReleaseState, Writer};
use crate::error::{Error, Result};
use crate::index::Selection;
use crate::model::{ArtefactId, Flow, Period};
use crate::segment::{Builder, Chunk, ChunkRows, Footer, Schema, Segment, Stored};
use crate::segment::{Summary, Wanted};
use crate::store::copy::Translation;
use crate::store::database::Database;
use crate::store::pool::open_located;

/// What is to be taken out, and why.
#[derive(Clone, Debug)]
pub struct Redaction {
    /// The dataflow.
    pub flow: ArtefactId,
    /// The series: a code for each dimension.
    pub key: Vec<String>,
    /// The period, by its text.
    pub period: String,
    /// Whether the attributes of the observation go too.
    pub has_attributes: bool,
    /// Why: it stays in the log.
    pub reason: String,
    /// The time now, in microseconds since 1970.
    pub now: i64,
    /// Who does it.
    pub author: String,
    /// How long to wait for the writer's lock.
    pub wait: Duration,
}

/// What was taken out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redacted {
    /// The commit that says so.
    pub commit: u64,
    /// Versions of observations that lost their value.
    pub versions: u64,
    /// Segments that were written anew.
    pub segments: u64,
}

impl Database {
    /// Takes the values of an observation out of every version. The observation stays, without a
    /// value. Once this returns, no file of the database has the value; snapshots that were taken
    /// before, here or in other programs, may still show it until they are dropped.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if no version has a value there; [`Error::Conflict`] if another writer
    /// keeps the lock; [`Error::Corrupt`] if a segment or manifest cannot be searched;
    /// [`Error::Io`].
    pub fn redact(&self, redaction: &Redaction) -> Result<Redacted> {
        if redaction.reason.trim().is_empty() {
            return Err(Error::invalid("redaction", "it needs a reason, which stays in the log"));
        }
        let what = format!("{} {} {}", redaction.flow, redaction.key.join("."), redaction.period);
        let catalog = Arc::clone(self.catalog());
        let mut writer = catalog.begin(redaction.wait)?;
        if writer.state().flow(&redaction.flow).is_none() {
            return Err(Error::not_found("dataflow", redaction.flow.to_string()));
        }
        let dimensions = Flow::resolve(&redaction.flow, writer.state().artefacts())?;
        if redaction.key.len() != dimensions.dimensions().len() {
            let ids: Vec<&str> = dimensions.dimensions().iter().map(|d| d.id.as_str()).collect();
            return Err(Error::invalid(what, format!("a key has a code for {}", ids.join("."))));
        }
        self.check_releases_are_without(&mut writer, redaction, &what)?;
        let mut draft = Draft::default();
        let mut redacted = Redacted::default();
        for live in catalog.every_segment(&redaction.flow)? {
            let segment = open_located(&catalog, &live)?;
            let cells = find(&segment, redaction)?;
            if !cells.is_empty() {
                redacted.segments += 1;
                redacted.versions += cells.len() as u64;
                let done = rewrite(&mut writer, &live, &segment, redaction, &cells, &mut draft);
                done.inspect_err(|error| catalog.note_failure(error))?;
            }
        }
        if redacted.segments == 0 {
            return Err(Error::not_found("value", what));
        }
        draft.record.message = format!("redacted {what}: {}", redaction.reason);
        draft.record.loaded = redaction.now;
        draft.record.effective = redaction.now;
        draft.record.author.clone_from(&redaction.author);
        redacted.commit = writer.redact(draft)?.number();
        drop(writer);
        // Whatever is open here of the old segments is let go of.
        self.snapshot()?;
        Ok(redacted)
    }

    /// A pending release would bring the value back, and has it in its messages.
    fn check_releases_are_without(
        &self,
        writer: &mut Writer,
        redaction: &Redaction,
        what: &str,
    ) -> Result<()> {
        let key: Vec<&str> = redaction.key.iter().map(String::as_str).collect();
        let pending = self.releases_that_mention(&redaction.flow, &key, &redaction.period)?;
        if !pending.is_empty() {
            let names = pending.join(", ");
            let reason = format!("pending releases have it: cancel {names}, then redact again");
            return Err(Error::Conflict { kind: "observation", id: what.to_owned(), reason });
        }
        for found in self.releases()? {
            // What a crash may have left of one that is over.
            if let FoundRelease::Good(release) = found
                && release.state != ReleaseState::Pending
            {
                writer.discard_release_messages(&release)?;
            }
        }
        Ok(())
    }
}

/// An observation that has a value: its chunk, and its position there.
type Cell = (u32, usize);

/// The observations of a segment that are to lose their value.
fn find(segment: &Segment, redaction: &Redaction) -> Result<Vec<Cell>> {
    let mut series = Selection::all(segment.series_count());
    for (dimension, wanted) in redaction.key.iter().enumerate() {
        let mut codes = (0..).zip(segment.codes(dimension)?.iter());
        let number = codes.find(|(_, code)| code == wanted).map(|(number, _)| number);
        series.intersect_with(&segment.index(dimension)?.any_of(number.as_slice()));
    }
    let form = Period::parse(&redaction.period).ok().and_then(|period| match period {
        Period::Slot(slot) => Some(slot.form),
        Period::Other(_) => None,
    });
    let mut cells = Vec::new();
    for ordinal in series.iter() {
        for chunk in segment.chunks_of(ordinal)? {
            if form.is_some_and(|form| segment.span(chunk).is_ok_and(|span| span.form != form)) {
                continue;
            }
            let data = segment.read_chunk(chunk)?;
            let found = position_of(&data, &redaction.period);
            cells.extend(
                found.filter(|at| has_content(&data, *at, redaction)).map(|at| (chunk, at)),
            );
        }
    }
    Ok(cells)
}

fn position_of(chunk: &Chunk, period: &str) -> Option<usize> {
    let mut text = Vec::new();
    chunk.present(0..chunk.slots).flatten().find(|position| {
        text.clear();
        chunk.write_period(*position, &mut text);
        text == period.as_bytes()
    })
}

/// Whether there is anything to take out at a position.
fn has_content(chunk: &Chunk, position: usize, redaction: &Redaction) -> bool {
    let key = u16::try_from(position).unwrap_or(u16::MAX);
    chunk.measures.iter().any(|run| run.missing.binary_search(&key).is_err())
        || redaction.has_attributes && chunk.attributes.iter().any(|run| run.value(position) != 0)
}

/// Writes a segment anew without some values.
fn rewrite(
    writer: &mut Writer,
    live: &LiveSegment,
    segment: &Segment,
    redaction: &Redaction,
    cells: &[Cell],
    draft: &mut Draft,
) -> Result<()> {
    let id = live.entry.id;
    let (path, name) = (writer.relocated_path(id), writer.relocated_name(id));
    let disk = Arc::clone(writer.catalog().disk());
    let builder = Builder::new(schema_of(segment)?, Box::new(move || disk.create(&path)))?;
    let summary = copy(segment, builder, |chunk, rows| {
        for (_, position) in cells.iter().filter(|(cell, _)| *cell == chunk) {
            take_out(rows, *position, redaction);
        }
    })?;
    let (old, new) = (segment.footer(), &summary.footer);
    let counts =
        |footer: &Footer| (footer.series, footer.chunks, footer.partials, footer.observations);
    if counts(old) != counts(new) {
        return Err(Error::bug(format!("segment {id} has another shape after a redaction")));
    }
    draft.relocate(&live.entry, name, summary);
    Ok(())
}

/// Makes the observation at a position one without a value.
fn take_out(rows: &mut ChunkRows, position: usize, redaction: &Redaction) {
    let found = rows.positions.iter().position(|known| usize::from(*known) == position);
    let Some(at) = found else { return };
    for column in &mut rows.measures {
        column[at] = Stored::NONE;
    }
    if redaction.has_attributes {
        for column in &mut rows.attributes {
            column[at] = 0;
        }
    }
}

/// What a segment says that it is about.
fn schema_of(segment: &Segment) -> Result<Schema> {
    let footer = segment.footer();
    let codes = |dimension| Ok(segment.codes(dimension)?.iter().map(Box::from).collect());
    Ok(Schema {
        flow: footer.flow.clone(),
        dimensions: footer.dimensions.clone(),
        order: footer.order.clone(),
        codes: (0..footer.dimensions.len()).map(codes).collect::<Result<_>>()?,
        measures: footer.measures.clone(),
        series_attributes: footer.series_attributes.clone(),
        observation_attributes: footer.observation_attributes.clone(),
    })
}

/// Copies a segment, chunk by chunk, with what `change` makes of each.
fn copy(
    segment: &Segment,
    mut builder: Builder<'_>,
    mut change: impl FnMut(u32, &mut ChunkRows),
) -> Result<Summary> {
    let footer = segment.footer();
    let mut translation = Translation::new(segment, &footer.observation_attributes);
    let wanted = Wanted::all(footer.measures.len(), footer.observation_attributes.len());
    let mut last = None;
    for number in 0..segment.block_count() {
        let block = segment.read_block(number)?;
        let chunks: Vec<u32> = block.chunks().collect();
        segment.decode_chunks(&block, &chunks, &wanted, |chunk, data| {
            let series = segment.series_of(chunk)?;
            if last != Some(series) {
                let dimensions = 0..footer.dimensions.len();
                let key = dimensions.map(|dimension| segment.code(dimension, series));
                let attributes = 0..footer.series_attributes.len();
                let attributes = attributes.map(|attribute| {
                    Ok(segment.series_value(attribute, series)?.unwrap_or_default())
                });
                let (key, attributes) = (
                    key.collect::<Result<Vec<u32>>>()?,
                    attributes.collect::<Result<Vec<&str>>>()?,
                );
                builder.push_series(&key, &attributes)?;
                last = Some(series);
            }
            let mut rows = translation.rows(segment, &mut builder, &data)?;
            change(chunk, &mut rows);
            builder.push_chunk(&rows)
        })?;
    }
    for group in segment.partials()? {
        builder.push_partials(group);
    }
    builder.finish()
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::catalog::CommitKind;
    use crate::disk::{Crash, Disk, MemoryDisk};
    use crate::store::compact::CompactOptions;
    use crate::store::testing::{Contents, Small, contents};

    /// A value that is nowhere by chance: kept as text, it is found in the bytes of any file.
    const SECRET: &str = "<confidential-4711>";

    fn redaction(key: &str, period: &str) -> Redaction {
        Redaction {
            flow: Small::flow(),
            key: key.split('.').map(str::to_owned).collect(),
            period: period.to_owned(),
            has_attributes: false,
            reason: "a single firm".to_owned(),
            now: 50,
            author: "someone".to_owned(),
            wait: Duration::ZERO,
        }
    }

    fn open(disk: &MemoryDisk) -> Database {
        Database::open_or_create_on(Arc::new(disk.clone()), "db").expect("opened")
    }

    /// The files in which the value can be read.
    fn traces(disk: &MemoryDisk) -> Vec<PathBuf> {
        let folders = ["db", "db/segments", "db/commits"].map(Path::new);
        let names = |folder: &&Path| disk.list(folder).expect("listed");
        let files = folders.iter().flat_map(|folder| {
            names(folder).into_iter().map(|name| folder.join(name)).collect::<Vec<_>>()
        });
        let has = |file: &PathBuf| {
            let bytes = disk.read(file, 1 << 30).unwrap_or_default();
            bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
        };
        files.filter(has).collect()
    }

    /// What was there, without the value: whatever was said of its key and period is confidential.
    fn without(before: &Contents) -> Contents {
        let mut after = before.clone();
        for (_, text) in after.iter_mut().filter(|((key, p), _)| key == "A.X1" && p == "2020") {
            let rest = text.find('|').expect("a separator");
            text.replace_range(..rest, "");
        }
        after
    }

    /// A database in which the value was loaded inline, revised, loaded again in a file, and
    /// copied by compaction; and every state of it.
    fn prepared(disk: MemoryDisk) -> (Small, Vec<(u64, Contents)>) {
        let small = Small::new(disk);
        let mut states = Vec::new();
        small.revise(1, "1");
        for value in [SECRET, "2", SECRET] {
            small.revise(1, value);
            states.push((small.snapshot().number(), small.expected()));
        }
        small.long_series();
        states.push((small.snapshot().number(), small.expected()));
        let full = CompactOptions { is_full: true, ..CompactOptions::at(20) };
        small.database.compact(&full, &mut |_| Ok(())).expect("compacted");
        states.push((small.snapshot().number(), small.expected()));
        small.revise(2, "5");
        states.push((small.snapshot().number(), small.expected()));
        assert!(!traces(&small.disk).is_empty(), "the test can find it");
        (small, states)
    }

    #[track_caller]
    fn check(database: &Database, states: &[(u64, Contents)]) {
        for (number, expected) in states {
            let snapshot = database.snapshot_at(*number).expect("is kept");
            assert_eq!(contents(&snapshot), without(expected), "commit {number}");
        }
        let report = database.check(|_, _| ()).expect("checked");
        assert!(report.problems.is_empty(), "{:?}", report.problems);
    }

    #[test]
    fn the_value_leaves_every_version_and_every_file() {
        let (small, states) = prepared(MemoryDisk::new());
        let late = open(&small.disk);
        let kept = late.snapshot().expect("read");
        assert!(contents(&kept).values().any(|text| text.contains(SECRET)));
        let before = small.snapshot();
        assert_eq!(before.flows().len(), 1, "asked before, as a server does");
        let redacted = small.database.redact(&redaction("A.X1", "2020")).expect("redacted");
        // 1, the secret, 2, the secret, and what compaction made of it.
        assert_eq!((redacted.versions, redacted.segments), (5, 5), "{redacted:?}");
        assert_eq!(traces(&small.disk), Vec::<PathBuf>::new());
        check(&small.database, &states);
        check(&open(&small.disk), &states);
        check(&late, &states);
        let snapshot = small.snapshot();
        let record = snapshot.commits().next_back().expect("one");
        assert_eq!(record.kind, CommitKind::Redaction);
        assert_eq!(record.message, "redacted T:SMALL(1.0) A.X1 2020: a single firm");
        assert!(!record.message.contains(SECRET));
        let [now, before] = [&snapshot, &before].map(|snapshot| snapshot.flows()[0].clone());
        assert_eq!(now.updated, before.updated, "no revision");
        assert!(now.stale_before > before.stale_before, "but caches must ask again");
        let again = small.database.redact(&redaction("A.X1", "2020")).expect_err("again");
        assert!(matches!(again, Error::NotFound { .. }), "{again}");
        // Life goes on: the value may be published later.
        small.revise(1, "3");
        small.revise(3, "4");
        assert_eq!(contents(&small.snapshot()), small.expected());
    }

    #[test]
    fn attributes_go_where_that_is_asked_for_and_nothing_else_does() {
        let (small, _) = prepared(MemoryDisk::new());
        let attributes = Redaction { has_attributes: true, ..redaction("A.X1", "2020") };
        small.database.redact(&attributes).expect("redacted");
        small.expect("A.X1", "2020", "|~|all of X1|unit of X1|office");
        assert_eq!(contents(&small.snapshot()), small.expected());
        let none = [("A.X1", "2019"), ("A.X9", "2020"), ("D.X1", "2020")];
        for (key, period) in none {
            let error = small.database.redact(&redaction(key, period)).expect_err("nothing");
            assert!(matches!(error, Error::NotFound { .. }), "{error}");
        }
        let silent = Redaction { reason: " ".to_owned(), ..redaction("A.X1", "2021") };
        assert!(small.database.redact(&silent).is_err());
    }

    #[test]
    fn what_forgetting_left_is_searched_too() {
        let (small, states) = prepared(MemoryDisk::new());
        let (first, _) = states[2];
        let mut writer = small.database.catalog().begin(Duration::ZERO).expect("begun");
        writer.forget(first).expect("forgotten");
        drop(writer);
        small.database.redact(&redaction("A.X1", "2020")).expect("redacted");
        assert_eq!(traces(&small.disk), Vec::<PathBuf>::new());
        check(&open(&small.disk), &states[2..]);
        // And forgetting afterwards keeps what the redaction wrote.
        let (last, _) = states[states.len() - 1];
        let mut writer = small.database.catalog().begin(Duration::ZERO).expect("begun");
        writer.forget(last).expect("forgotten");
        drop(writer);
        check(&open(&small.disk), &states[states.len() - 1..]);
    }

    /// After any crash the value is as before or nowhere, and nowhere once somebody writes again
    /// and the redaction was committed.
    #[test]
    fn every_crash_while_redacting_is_brought_to_the_end() {
        let (small, states) = prepared(MemoryDisk::traced());
        let before = small.disk.trace().len();
        let commit = small.database.redact(&redaction("A.X1", "2020")).expect("redacted").commit;
        let mut finished = 0;
        for at in before..=small.disk.trace().len() {
            let modes = [Crash::Keep, Crash::Drop, Crash::Names, Crash::Torn];
            for mode in modes.into_iter().chain((0..6).map(Crash::Random)) {
                let disk = small.disk.crash(at, mode);
                let found = open(&disk);
                let number = found.snapshot().expect("read").number();
                if number < commit {
                    for (number, expected) in &states {
                        let snapshot = found.snapshot_at(*number).expect("is kept");
                        assert_eq!(&contents(&snapshot), expected, "{at} {mode:?}");
                    }
                    found.redact(&redaction("A.X1", "2020")).expect("redacted");
                } else {
                    check(&found, &states);
                    drop(found.catalog().begin(Duration::ZERO).expect("the next writer"));
                    finished += 1;
                }
                assert_eq!(traces(&disk), Vec::<PathBuf>::new(), "{at} {mode:?}");
                check(&open(&disk), &states);
            }
        }
        assert!(finished > 50, "{finished}");
    }

    #[test]
    fn every_failure_while_redacting_is_brought_to_the_end() {
        let (reference, states) = prepared(MemoryDisk::traced());
        let before = reference.disk.trace().len();
        let image = reference.disk.crash(before, Crash::Keep);
        for at in 0.. {
            let disk = image.crash(0, Crash::Keep);
            let database = open(&disk);
            disk.fail_at(disk.operations() + at);
            let done = database.redact(&redaction("A.X1", "2020"));
            let is_over = done.is_ok() && at > 20;
            disk.repair();
            drop(database);
            let database = open(&disk);
            drop(database.catalog().begin(Duration::ZERO).expect("the next writer"));
            let snapshot = database.snapshot().expect("read");
            let last = snapshot.commits().next_back().map(|record| record.kind);
            if last == Some(CommitKind::Redaction) {
                assert_eq!(traces(&disk), Vec::<PathBuf>::new(), "{at}");
                check(&database, &states);
            } else {
                assert!(done.is_err(), "{at}");
            }
            if is_over {
                break;
            }
        }
    }
}
