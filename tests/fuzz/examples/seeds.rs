//! Writes seeds of the binary formats: `cargo run --example seeds`.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fuzz::catalog::SegmentPlace;
use fuzz::disk::{Disk, MemoryDisk};
use fuzz::error::Result;
use fuzz::sdmx::structure::read_structures;
use fuzz::store::{Database, LoadOptions};

const BYTES_MAX: u64 = 1 << 20;

/// A message with this many days of each currency, in fixed and in mixed writing.
fn rows(commit: i64) -> String {
    let mut text = "DATAFLOW,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,\
                    OBS_VALUE,OBS_STATUS,TITLE\n"
        .to_owned();
    for (currency, values) in [
        ("USD", ["1.5", "1.25", "", "2"]),
        ("GBP", ["NaN", "0.10", "7", "7"]),
        ("JPY", ["1", "1", "1", "1"]),
    ] {
        for (day, value) in (1..).zip(values) {
            let period = format!("{}-01-0{day}", 2000 + commit);
            text += &format!("ECB:EXR(1.0),D,{currency},EUR,SP00,A,{period},{value},A,T{commit}\n");
        }
    }
    text
}

fn main() -> Result<()> {
    let disk = MemoryDisk::new();
    let database = Database::open_or_create_on(Arc::new(disk.clone()), "db")?;
    for commit in 1..=3 {
        let mut load = database.begin_load(LoadOptions::at(commit))?;
        if commit == 1 {
            let message = include_bytes!("../../../../sql/sample/structures.xml");
            let artefacts = read_structures(message.as_slice(), "structures")?;
            let small = artefacts.into_iter().filter(|it| format!("{it:?}").len() < 60_000);
            load.structures(small.collect())?;
        } else {
            load.csv(rows(commit).as_bytes(), "rows")?;
        }
        load.commit()?;
    }
    database.catalog().begin(Duration::ZERO)?.forget(1)?;
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
        fs::create_dir_all(&folder).expect("made");
        fs::write(folder.join(name), bytes).expect("written");
    };
    for name in disk.list(Path::new("db/commits"))? {
        let bytes = disk.read(&Path::new("db/commits").join(&name), BYTES_MAX)?;
        match name.trim_start_matches('0').split_once('.') {
            Some((number, "commit")) => write("manifest", number, &bytes),
            Some((number, "checkpoint")) => write("checkpoint", number, &bytes),
            _ => {}
        }
    }
    for live in database.catalog().state().all_segments() {
        let place = database.catalog().locate(live);
        let file = disk.read(&place.path, BYTES_MAX)?;
        let start = usize::try_from(place.offset).expect("small");
        let end = start + usize::try_from(place.length).expect("small");
        write("segment", &live.entry.id.to_string(), &file[start..end]);
        assert!(matches!(live.entry.place, SegmentPlace::Inline { .. }));
    }
    Ok(())
}
