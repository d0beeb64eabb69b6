//! Where the bytes of a segment are.
//!
//! A redaction writes segments anew, and the new ones stand for the old ones in every state. So a
//! segment is looked for where the newest state says, whichever state it was found in.

use std::path::PathBuf;

use crate::catalog::container::read_part;
use crate::catalog::manifest::{SegmentEntry, SegmentPlace};
use crate::catalog::open::{Catalog, checkpoint_path, list_files, manifest_path, read_checkpoint};
use crate::catalog::state::LiveSegment;
use crate::disk::is_missing;
use crate::error::{Error, Result};

/// Where the bytes of a segment are: in the file `path`, from `offset`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The file.
    pub path: PathBuf,
    /// The offset of the first byte in it.
    pub offset: u64,
    /// The number of bytes.
    pub length: u64,
    /// The checksum of the footer, of a segment with a file of its own.
    pub checksum: Option<u32>,
}

impl Catalog {
    /// Where the bytes of a segment are.
    pub fn locate(&self, segment: &LiveSegment) -> Located {
        self.locate_entry(&segment.entry, segment.commit)
    }

    /// Where the bytes of a segment are that the commit with this number added.
    pub fn locate_entry(&self, entry: &SegmentEntry, commit: u64) -> Located {
        let state = self.state();
        let (place, commit) = match state.home(entry.id) {
            Some(home) => (&home.place, home.commit),
            None => (&entry.place, commit),
        };
        match place {
            SegmentPlace::File { name, length, checksum } => Located {
                path: self.segments_folder().join(name),
                offset: 0,
                length: *length,
                checksum: Some(*checksum),
            },
            SegmentPlace::Inline { offset, length } => Located {
                path: manifest_path(&self.path, commit),
                offset: *offset,
                length: *length,
                checksum: None,
            },
        }
    }

    /// Where a copy of an inline segment is, for when its manifest is damaged; absent if no
    /// checkpoint has one. Cost: reads checkpoints.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Io`].
    pub fn locate_copy(&self, segment: &LiveSegment) -> Result<Option<Located>> {
        let id = segment.entry.id;
        // Copies from before a redaction are blank.
        let from = self.state().home(id).map_or(segment.commit, |home| home.commit);
        let files = list_files(&*self.disk, &self.path)?;
        for number in files.checkpoints.range(from..) {
            let Ok(found) = read_checkpoint(&*self.disk, &self.path, *number) else { continue };
            if let Some(&(offset, length)) = found.copies.get(&id) {
                let path = checkpoint_path(&self.path, *number);
                return Ok(Some(Located { path, offset, length, checksum: None }));
            }
        }
        Ok(None)
    }

    /// Makes sure that a segment in a manifest or checkpoint is as it was written. One in a file of
    /// its own has checksums for each of its sections, which are verified when they are read.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`]; [`crate::Error::Io`].
    pub fn verify_inline(&self, place: &Located) -> Result<()> {
        if place.checksum.is_none() {
            read_part(&*self.disk.open(&place.path)?, place.offset, place.length)?;
        }
        Ok(())
    }

    /// The bytes of an inline segment, from its manifest or from a copy; absent if both are
    /// damaged, and for a segment with a file of its own.
    pub(super) fn inline_bytes(&self, segment: &LiveSegment) -> Result<Option<Vec<u8>>> {
        let place = self.locate(segment);
        if place.checksum.is_some() {
            return Ok(None);
        }
        let read =
            |place: &Located| read_part(&*self.disk.open(&place.path)?, place.offset, place.length);
        match read(&place) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if matches!(error, Error::Corrupt { .. }) || is_missing(&error) => {
                self.locate_copy(segment)?.map(|copy| read(&copy)).transpose()
            }
            Err(error) => Err(error),
        }
    }
}
