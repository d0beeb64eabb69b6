//! Puts together what a commit is to change.

use crate::catalog::manifest::Superseded;
use crate::catalog::manifest::{Draft, Relocated, SegmentEntry, SegmentId, SegmentPlace};
use crate::model::ArtefactId;
use crate::segment::{Summary, Written};

impl Draft {
    /// Adds a segment that was written to the file of its number, or into memory.
    pub fn add_segment(&mut self, id: SegmentId, flow: &ArtefactId, summary: Summary) {
        let (place, bytes) = self.place(id.file_name(), summary.checksum, summary.written);
        let footer = summary.footer;
        self.segments.push(SegmentEntry {
            id,
            flow: flow.clone(),
            series: footer.series,
            chunks: footer.chunks,
            partials: footer.partials,
            observations: footer.observations,
            bytes,
            place,
        });
    }

    /// Puts a segment in the place of an old one; `name` is that of its file. All
    /// segments must have been added before.
    pub fn relocate(&mut self, old: &SegmentEntry, name: String, summary: Summary) {
        let (place, _) = self.place(name, summary.checksum, summary.written);
        let (segment, flow) = (old.id, old.flow.clone());
        self.relocated.push(Relocated { segment, flow, place });
    }

    fn place(&mut self, name: String, checksum: u32, written: Written) -> (SegmentPlace, u64) {
        match written {
            Written::Inline(bytes) => {
                let length = bytes.len() as u64;
                self.inline.push(bytes);
                (SegmentPlace::Inline { offset: 0, length }, length)
            }
            Written::File(length) => (SegmentPlace::File { name, length, checksum }, length),
        }
    }

    /// Adds what is superseded of a segment to what is known of it: a commit names each segment
    /// once.
    pub fn supersede(&mut self, more: Superseded) {
        match self.superseded.iter_mut().find(|known| known.segment == more.segment) {
            Some(known) => {
                known.chunks.union_with(&more.chunks);
                known.partials.union_with(&more.partials);
            }
            None => self.superseded.push(more),
        }
    }
}
