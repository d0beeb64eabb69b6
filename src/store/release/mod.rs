//! Releases: what is to be published at a moment that is yet to come.
//!
//! A release keeps its messages as they came, in files of its own ([`crate::catalog::Release`]). At
//! its time they are loaded on top of what is then current, as one commit whose record names the
//! release. Until then no state of the database knows of it, so no reader can.
//!
//! Read in this order: `edit` (how one is made and changed), `check` (what it would do now),
//! `conflicts` (what was corrected meanwhile), `due` (its moment), `preview`, `mentions`, `calendar`
//! (what the public may know).
//!
//! **Invariant:** a release is published once. Who publishes holds the writer's lock, and looks in
//! the history for its name first: so a crash between the commit and the note that it was made
//! costs nothing.
//!
//! **Invariant:** what a release would undo is not published. If cells that it changes were
//! corrected since it was made, it stays pending and says why, until somebody looks and rebases it.

mod calendar;
mod check;
mod conflicts;
mod due;
mod edit;
mod mentions;
mod preview;

pub use calendar::{CalendarLine, CalendarState};
pub use check::Added;
pub use conflicts::{Conflicts, ReleaseConflict};
pub use due::{Outcome, Released};
pub use edit::{Editor, NewRelease};

pub(super) use due::PendingReleases;
pub(super) use preview::Previews;
