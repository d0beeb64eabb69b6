//! Releases that fall due while a load reads its rows.
//!
//! The load holds the lock, so it publishes them itself, each as a commit of its own, and goes on
//! from there. It can, because rows are only brought together with what is stored once all of them
//! were read. While segments are written, releases wait.

use crate::error::Result;
use crate::store::load::Load;
use crate::store::load::workplace::Workplace;

/// Microseconds between two looks for releases.
const LOOK_PAUSE: i64 = 1_000_000;

impl Load {
    /// Publishes the releases that are due, if it is time to look for some. One that touches what
    /// this load changes of structures waits for the commit.
    pub(super) fn let_releases_through(&mut self) -> Result<()> {
        let (Some(clock), Some(database)) = (self.options.clock, &self.database) else {
            return Ok(());
        };
        let Workplace::Locked(writer) = &mut self.workplace else { return Ok(()) };
        let now = clock();
        if now < self.next_look {
            return Ok(());
        }
        self.next_look = now.saturating_add(LOOK_PAUSE);
        if !self.structures.only_add(writer.state()) {
            return Ok(());
        }
        let structures = &self.structures;
        let done = database.release_between(writer, now, &|flow| !structures.change(flow));
        writer.catch_up()?;
        self.snapshot = database.snapshot()?;
        // Whoever looks next tries again what failed; this load is not about it.
        drop(done);
        Ok(())
    }
}
