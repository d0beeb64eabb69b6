//! The working catalogue is never the only copy of anything: no reader notices what becomes of it,
//! and the next writer makes it anew, identically.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sdmxdb::model::ArtefactId;
use sdmxdb::store::{Database, LoadOptions};

use crate::cube::random::Random;
use crate::structures::{CROSS_SHAPE, STRICT_SHAPE};
use crate::{cross, everything, load_csv};

/// Damages of each kind.
const DAMAGES: u64 = 12;

/// What the working catalogue says: its commit, and who refers to what.
fn content(database: &Database) -> (u64, Vec<String>) {
    let writer = database.catalog().begin(Duration::ZERO).expect("begun");
    let working = writer.working().expect("made");
    let mut lines = Vec::new();
    for artefact in database.snapshot().expect("read").artefacts().iter() {
        let id: &ArtefactId = &artefact.identity().id;
        let found = working.referrers(&artefact.class(), id).expect("read");
        lines.push(format!("{id}: {found:?}"));
    }
    (working.commit().expect("read"), lines)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder).expect("is there") {
        let path = file.expect("read").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn a_lost_or_damaged_working_catalogue_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("db");
    let working = path.join("catalog");
    let database = Database::open_or_create(&path).expect("made");
    let mut load = database.begin_load(LoadOptions::at(1)).expect("begun");
    load.structures(CROSS_SHAPE.artefacts()).expect("added");
    load.structures(STRICT_SHAPE.artefacts()).expect("added");
    load.commit().expect("committed");
    let (_, expected) = content(&database);
    assert!(expected.iter().any(|line| line.contains("DSD_STRICT")), "{expected:?}");
    drop(database);
    let mut number = 1;
    let mut rows = Vec::new();
    let mut check = |what: &str| {
        // A reader sees what there was; a writer goes on, and then the catalogue is whole.
        let database = Database::open(&path).expect("opened");
        let snapshot = database.snapshot().expect("read");
        assert_eq!(snapshot.number(), number, "{what}");
        if number > 1 {
            assert!(everything(&snapshot).expect("read") == rows, "{what}");
        }
        load_csv(&database, &cross(number + 1));
        // A compaction may have followed, as a commit of its own.
        number = database.snapshot().expect("read").number();
        assert_eq!(content(&database), (number, expected.clone()), "{what}");
        rows = everything(&database.snapshot().expect("read")).expect("read");
        drop(database);
        // Those that were set aside are for people to look at; here they would only pile up.
        for name in fs::read_dir(&path).expect("is there") {
            let name = name.expect("read").path();
            if name.to_string_lossy().contains("catalog.broken") {
                let removed =
                    if name.is_dir() { fs::remove_dir_all(&name) } else { fs::remove_file(&name) };
                removed.expect("removed");
            }
        }
    };
    let mut random = Random::new(11);
    check("as it is");
    fs::remove_dir_all(&working).expect("removed");
    check("deleted");
    for damage in 0..DAMAGES {
        for file in files(&working) {
            let name = file.strip_prefix(&working).expect("inside").display().to_string();
            // The writer may have made other files meanwhile.
            let Ok(mut bytes) = fs::read(&file) else { continue };
            if bytes.is_empty() {
                continue;
            }
            let at = usize::try_from(random.below(bytes.len() as u64)).expect("small");
            match damage % 3 {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes.truncate(at),
                _ => bytes.fill(0x5a),
            }
            fs::write(&file, bytes).expect("damaged");
            check(&format!("{name}: damage {damage} at {at}"));
        }
    }
    fs::remove_dir_all(&working).expect("removed");
    fs::write(&working, b"a file").expect("written");
    check("a file in its place");
}
