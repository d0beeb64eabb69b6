//! The targets, as functions.

use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use crate::catalog::{Catalog, Commit, State};
use crate::disk::{Disk, MemoryDisk};
use crate::error::{Problem, Result};
use crate::model::{ArtefactId, Artefacts, Flow, Row};
use crate::sdmx::request::{Edition, Parameters, Preferences, Request, path_parts};
use crate::sdmx::rows::{FlowRef, RowSink};
use crate::sdmx::{csv, data, input, sniff, structure};
use crate::segment::{Segment, Wanted};

/// Bytes that are taken of what comes out of a compressed file.
const PLAIN_BYTES_MAX: u64 = 1 << 20;

/// Bytes on a disk of their own, at this path.
fn place(path: &Path, bytes: &[u8]) -> MemoryDisk {
    let disk = MemoryDisk::new();
    for folder in ["db", "db/segments", "db/commits"] {
        disk.create_folder(Path::new(folder)).expect("nothing is there");
    }
    disk.create(path).expect("nothing is there").write(bytes).expect("never full");
    disk
}

/// A segment file: everything in it is read.
pub fn segment(bytes: &[u8]) {
    let path = Path::new("db/segments/0");
    let file = place(path, bytes).open(path).expect("is there");
    if let Ok(segment) = Segment::open(file, 0, bytes.len() as u64) {
        drop(read_all(&segment));
    }
}

fn read_all(segment: &Segment) -> Result<()> {
    let footer = segment.footer();
    let (series, chunks) = (segment.series_count(), segment.chunk_count());
    let mut numbers = Vec::new();
    for dimension in 0..footer.dimensions.len() {
        segment.codes(dimension)?;
        segment.index(dimension)?;
        segment.codes_into(dimension, &mut numbers)?;
    }
    for ordinal in 0..series.min(100) {
        for attribute in 0..footer.series_attributes.len() {
            segment.series_value(attribute, ordinal)?;
        }
        segment.chunks_of(ordinal)?;
    }
    for chunk in 0..chunks.min(100) {
        segment.span(chunk)?;
        for measure in 0..footer.measures.len() {
            segment.total(measure, chunk)?;
        }
    }
    segment.partials()?;
    let wanted = Wanted::all(footer.measures.len(), footer.observation_attributes.len());
    for number in 0..segment.block_count().min(100) {
        let block = segment.read_block(number)?;
        let chunks: Vec<u32> = block.chunks().collect();
        segment.decode_chunks(&block, &chunks, &wanted, |chunk, data| {
            segment.series_of(chunk)?;
            let mut text = Vec::new();
            for position in data.present(0..data.slots).flatten() {
                text.clear();
                data.write_period(position, &mut text);
                data.measures.iter().for_each(|run| run.value(position).write_to(&mut text));
                for (attribute, run) in data.attributes.iter().enumerate() {
                    segment.observation_value(attribute, run.value(position))?;
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// A manifest: as a commit, and as the first file of a database that is opened.
pub fn manifest(bytes: &[u8]) {
    if let Ok(commit) = Commit::decode(Path::new("manifest"), bytes) {
        drop(State::default().apply(&commit));
    }
    open_with("commit", bytes);
}

/// A checkpoint, as the file that a database is opened with.
pub fn checkpoint(bytes: &[u8]) {
    open_with("checkpoint", bytes);
}

fn open_with(kind: &str, bytes: &[u8]) {
    let number = bytes.get(16..24).and_then(|number| number.try_into().ok());
    let number = number.map_or(1, u64::from_le_bytes);
    let path = format!("db/commits/{number:020}.{kind}");
    let disk = Arc::new(place(Path::new(&path), bytes));
    if let Ok(catalog) = Catalog::open(disk, "db") {
        drop(catalog.check(|_| {}));
        for live in catalog.state().all_segments() {
            catalog.locate(live);
            drop(catalog.locate_copy(live));
        }
    }
}

/// Takes rows, and looks at every cell.
struct Cells(usize);

static FLOW: LazyLock<Arc<Flow>> = LazyLock::new(|| {
    let message = include_bytes!("../../../sql/sample/structures.xml");
    let found = structure::read_structures(message.as_slice(), "structures").expect("is valid");
    let mut artefacts = Artefacts::default();
    found.into_iter().for_each(|artefact| artefacts.insert(artefact));
    let id = ArtefactId::parse("ECB:EXR(1.0)").expect("is written so");
    Arc::new(Flow::resolve(&id, &artefacts).expect("is whole"))
});

impl RowSink for Cells {
    fn keeps_raw(&self) -> bool {
        true
    }

    fn flow(&mut self, _id: &FlowRef) -> Result<Arc<Flow>> {
        Ok(Arc::clone(&FLOW))
    }

    fn row(&mut self, _flow: usize, row: &Row<'_>) -> Result<()> {
        self.0 += format!("{row:?}").len();
        Ok(())
    }

    fn bad_record(&mut self, problem: Problem, raw: &[u8]) -> Result<()> {
        self.0 += problem.to_string().len() + raw.len();
        Ok(())
    }
}

/// A data message as SDMX-CSV.
pub fn csv(bytes: &[u8]) {
    drop(csv::read_rows(bytes, "csv", &mut Cells(0)));
}

/// A data message as SDMX-ML.
pub fn data(bytes: &[u8]) {
    drop(data::read_rows(bytes, "xml", &mut Cells(0)));
}

/// A structure message.
pub fn structure(bytes: &[u8]) {
    drop(structure::read_structures(bytes, "xml"));
}

/// A message of any kind, compressed or not.
pub fn message(bytes: &[u8]) {
    let Ok(plain) = input::open(Cursor::new(bytes.to_vec()), "message") else { return };
    let mut content = Vec::new();
    if plain.take(PLAIN_BYTES_MAX).read_to_end(&mut content).is_ok() {
        sniff(&content);
    }
}

/// Path and query of a request to SDMX REST.
pub fn request(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    for edition in [Edition::V1, Edition::V2] {
        let parse = || {
            let mut parameters = Parameters::parse(query)?;
            Preferences::take(&mut parameters)?;
            Request::parse(edition, &path_parts(path)?, parameters)
        };
        drop(parse());
    }
}

/// A frame of the wire of PostgreSQL.
pub fn frame(bytes: &[u8]) {
    crate::pg::read(bytes);
}
