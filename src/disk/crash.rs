//! What is left of a disk when the power fails.
//!
//! The model is stricter than any one file system, so that what survives it survives them all. A
//! write is certain once its file was synced, a name once its folder was. Everything else may be
//! kept or lost, each operation for itself and in any order; a write may be kept in part, in units
//! of 512 bytes, with zeros or nothing in the place of the rest. A name may be kept while the
//! content is lost. What a failed sync was to cover never becomes certain.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::disk::MemoryDisk;
use crate::disk::memory::{File, Image, Operation, Synced, hold};

/// Bytes that a drive writes entirely or not at all.
const SECTOR_BYTES: usize = 512;

/// What becomes of operations that no sync made certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// All are kept, as after the death of the program alone.
    Keep,
    /// All are lost.
    Drop,
    /// Names are kept, content is lost: files are empty.
    Names,
    /// Names are kept, and of every write the first half, to a boundary of 512 bytes.
    Torn,
    /// Each is kept, lost, or kept in part, as this seed has it.
    Random(u64),
}

impl MemoryDisk {
    /// The disk as it may be found after the power failed behind the first `at` operations of the
    /// trace. It records anew; what it starts with is durable, and nobody holds a lock. A disk that
    /// does not record is found empty.
    #[must_use]
    pub fn crash(&self, at: usize, mode: Crash) -> Self {
        let (mut image, trace) = self.recording();
        let trace = &trace[..at.min(trace.len())];
        let certain = certain(trace);
        // A file that lost its name can still get another: `link` refers to the name by which the
        // file was known, whether or not that name is durable.
        let mut known: BTreeMap<PathBuf, File> = image.names.clone();
        let mut files: BTreeMap<u64, File> = BTreeMap::new();
        files.extend(known.values().map(|file| (file.number, file.clone())));
        let mut random = Random(match mode {
            Crash::Random(seed) => seed,
            _ => 0,
        });
        for (index, operation) in trace.iter().enumerate() {
            follow(operation, &mut known, &mut files);
            let fate = match mode {
                _ if certain.contains(&index) => Fate::Kept,
                Crash::Drop => Fate::Lost,
                Crash::Names if matches!(operation, Operation::Write { .. }) => Fate::Lost,
                Crash::Keep | Crash::Names => Fate::Kept,
                Crash::Torn => Fate::Half,
                Crash::Random(_) => random.fate(),
            };
            apply(operation, fate, &mut image, &known, &files);
        }
        drop_unreachable(&mut image);
        Self::from_image(image.deep())
    }
}

/// What becomes of one operation.
#[derive(Clone, Copy)]
enum Fate {
    Kept,
    Lost,
    /// A write: the first half. A name: kept.
    Half,
    /// A write: the sectors with a bit in this number, by turns. A name: kept.
    Sectors(u64),
}

/// Reproducible choices (`SplitMix64`).
///
/// Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn fate(&mut self) -> Fate {
        match self.next() % 8 {
            0..3 => Fate::Kept,
            3..6 => Fate::Lost,
            6 => Fate::Half,
            _ => Fate::Sectors(self.next()),
        }
    }
}

/// The operations that a sync made certain.
fn certain(trace: &[Operation]) -> BTreeSet<usize> {
    let mut certain = BTreeSet::new();
    let mut writes: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    let mut names: BTreeMap<&Path, Vec<usize>> = BTreeMap::new();
    for (index, operation) in trace.iter().enumerate() {
        match operation {
            Operation::Write { file, .. } => writes.entry(*file).or_default().push(index),
            Operation::Sync { file, outcome } => {
                let covered = writes.remove(file).unwrap_or_default();
                if *outcome == Synced::Done {
                    certain.extend(covered);
                }
            }
            Operation::SyncFolder { path, outcome } => {
                let covered = names.remove(path.as_path()).unwrap_or_default();
                if *outcome == Synced::Done {
                    certain.extend(covered);
                }
            }
            Operation::CreateFolder { path: name }
            | Operation::Create { path: name, .. }
            | Operation::Link { to: name, .. }
            | Operation::Rename { to: name, .. }
            | Operation::Remove { path: name } => {
                let folder = name.parent().unwrap_or(Path::new(""));
                names.entry(folder).or_default().push(index);
            }
        }
    }
    certain
}

/// Keeps account of which file a name stood for while the program ran.
fn follow(
    operation: &Operation,
    known: &mut BTreeMap<PathBuf, File>,
    files: &mut BTreeMap<u64, File>,
) {
    match operation {
        Operation::Create { path, file } => {
            let made = File { number: *file, bytes: Arc::new(Mutex::new(Vec::new())) };
            files.insert(*file, made.clone());
            known.insert(path.clone(), made);
        }
        Operation::Link { from, to } => {
            if let Some(file) = known.get(from).cloned() {
                known.insert(to.clone(), file);
            }
        }
        Operation::Rename { from, to } => {
            if let Some(file) = known.remove(from) {
                known.insert(to.clone(), file);
            }
        }
        Operation::Remove { path } => drop(known.remove(path)),
        Operation::CreateFolder { .. }
        | Operation::Write { .. }
        | Operation::Sync { .. }
        | Operation::SyncFolder { .. } => {}
    }
}

/// Does to the image what is left of an operation.
fn apply(
    operation: &Operation,
    fate: Fate,
    image: &mut Image,
    known: &BTreeMap<PathBuf, File>,
    files: &BTreeMap<u64, File>,
) {
    if matches!(fate, Fate::Lost) {
        return;
    }
    match operation {
        Operation::CreateFolder { path } => {
            image.folders.insert(path.clone());
        }
        Operation::Create { path: name, .. } | Operation::Link { to: name, .. } => {
            if let Some(file) = known.get(name) {
                image.names.insert(name.clone(), file.clone());
            }
        }
        Operation::Rename { from, to } => {
            image.names.remove(from);
            if let Some(file) = known.get(to) {
                image.names.insert(to.clone(), file.clone());
            }
        }
        Operation::Remove { path } => {
            image.names.remove(path);
        }
        Operation::Write { file, offset, bytes } => {
            if let Some(file) = files.get(file) {
                let start = usize::try_from(*offset).unwrap_or(0);
                write(&mut hold(&file.bytes), start, bytes, fate);
            }
        }
        Operation::Sync { .. } | Operation::SyncFolder { .. } => {}
    }
}

/// Writes what is left of a write; what is missing before it reads as zeros.
fn write(content: &mut Vec<u8>, start: usize, bytes: &[u8], fate: Fate) {
    let half = (start + bytes.len() / 2) / SECTOR_BYTES * SECTOR_BYTES;
    for (index, byte) in (start..).zip(bytes) {
        let is_kept = match fate {
            Fate::Kept => true,
            Fate::Lost => false,
            Fate::Half => index < half,
            Fate::Sectors(bits) => (bits >> (index / SECTOR_BYTES % 64)) & 1 == 1,
        };
        if is_kept {
            content.resize(content.len().max(index + 1), 0);
            content[index] = *byte;
        }
    }
}

/// A folder whose own name was lost takes with it all that was in it.
fn drop_unreachable(image: &mut Image) {
    let folders = image.folders.clone();
    let stands = |path: &Path| {
        let mut above = path.ancestors().skip(1);
        above.all(|folder| folders.contains(folder))
    };
    image.names.retain(|path, _| stands(path));
    image.folders.retain(|path| stands(path));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Disk;

    const MODES: [Crash; 5] =
        [Crash::Keep, Crash::Drop, Crash::Names, Crash::Torn, Crash::Random(7)];

    fn content(disk: &MemoryDisk, path: &str) -> Option<Vec<u8>> {
        disk.read(Path::new(path), 1 << 20).ok()
    }

    /// A file of 2,000 bytes, written, synced, its folder synced: 6 operations.
    fn workload() -> MemoryDisk {
        let disk = MemoryDisk::traced();
        disk.create_folder(Path::new("f")).expect("made");
        disk.sync_folder(Path::new("")).expect("synced");
        let mut writer = disk.create(Path::new("f/a")).expect("made");
        writer.write(&[1; 2_000]).expect("written");
        writer.sync().expect("synced");
        disk.sync_folder(Path::new("f")).expect("synced");
        disk
    }

    #[test]
    fn what_was_synced_survives_every_crash() {
        let disk = workload();
        assert_eq!(disk.trace().len(), 6);
        for mode in MODES {
            assert_eq!(content(&disk.crash(6, mode), "f/a"), Some(vec![1; 2_000]), "{mode:?}");
        }
        assert_eq!(content(&disk.crash(5, Crash::Drop), "f/a"), None, "the name is not synced");
        assert!(disk.crash(2, Crash::Drop).exists(Path::new("f")).expect("looked"));
        assert!(!disk.crash(1, Crash::Drop).exists(Path::new("f")).expect("looked"));
    }

    #[test]
    fn what_was_not_synced_may_be_kept_lost_empty_or_torn() {
        let disk = workload();
        let check = |mode, expected: Option<Vec<u8>>| {
            assert_eq!(content(&disk.crash(4, mode), "f/a"), expected, "{mode:?}");
        };
        check(Crash::Keep, Some(vec![1; 2_000]));
        check(Crash::Drop, None);
        check(Crash::Names, Some(Vec::new()));
        check(Crash::Torn, Some(vec![1; 512]));
        let random: BTreeSet<_> =
            (0..200).map(|seed| content(&disk.crash(4, Crash::Random(seed)), "f/a")).collect();
        assert!(random.len() > 6, "{} outcomes", random.len());
    }

    #[test]
    fn a_failed_sync_is_not_mended_by_a_later_one() {
        let disk = MemoryDisk::traced();
        let mut writer = disk.create(Path::new("a")).expect("made");
        disk.sync_folder(Path::new("")).expect("synced");
        writer.write(&[1; 600]).expect("written");
        disk.fail_at(disk.operations());
        assert!(writer.sync().is_err());
        disk.repair();
        writer.sync().expect("reports success");
        assert_eq!(content(&disk.crash(usize::MAX, Crash::Drop), "a"), Some(Vec::new()));
    }

    #[test]
    fn a_link_outlives_the_name_it_was_made_from() {
        let disk = workload();
        assert!(disk.link(Path::new("f/a"), Path::new("f/b")).is_ok());
        disk.remove(Path::new("f/a")).expect("removed");
        disk.sync_folder(Path::new("f")).expect("synced");
        let after = disk.crash(usize::MAX, Crash::Drop);
        assert_eq!(content(&after, "f/b"), Some(vec![1; 2_000]));
        assert_eq!(content(&after, "f/a"), None);
    }
}
