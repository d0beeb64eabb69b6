//! What the public may know: the calendar of announced releases, and the zone of the office.
//!
//! Both are settings, set by ordinary commits, so that every reader sees them as of its snapshot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalog::{Release, ReleaseState};
use crate::error::Result;
use crate::model::Zone;
use crate::store::database::Database;
use crate::store::load::Load;
use crate::store::load::LoadOptions;
use crate::store::release::edit::Editor;
use crate::store::snapshot::Snapshot;

/// The setting of the office's zone.
const ZONE: &str = "zone";
/// What the names of the settings of announced releases begin with.
const ANNOUNCED: &str = "release/";

/// A line of the public calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarLine {
    /// The name of the release.
    pub name: String,
    /// What it is.
    pub title: String,
    /// What else is said of it.
    pub notes: String,
    /// When, in microseconds since 1970.
    pub at: i64,
    /// The zone it was said in.
    pub zone: String,
    /// When by the clocks of that zone.
    pub local: String,
    /// Whether it is public.
    pub state: CalendarState,
}

/// Whether a release of the calendar is public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CalendarState {
    /// Its time is yet to come.
    Announced,
    /// It was published.
    Released,
}

impl CalendarState {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Released => "released",
        }
    }
}

impl Snapshot {
    /// The announced releases, by time and name.
    pub fn calendar(&self) -> Vec<CalendarLine> {
        let announced = self.state().settings().filter(|(name, _)| name.starts_with(ANNOUNCED));
        let lines = announced.filter_map(|(_, value)| serde_json::from_str(value).ok());
        let mut lines: Vec<CalendarLine> = lines.collect();
        lines.sort_by(|one, other| (one.at, &one.name).cmp(&(other.at, &other.name)));
        lines
    }

    /// The zone of the office: UTC until one is set.
    pub fn zone(&self) -> Zone {
        let zone = self.state().setting(ZONE).map(Zone::parse);
        zone.and_then(Result::ok).unwrap_or(Zone::UTC)
    }
}

impl Database {
    /// Sets the zone that times of releases are said in. Those that are pending keep their moment.
    ///
    /// # Errors
    ///
    /// Those of [`Load::commit`].
    pub fn set_zone(&self, zone: Zone, by: &Editor) -> Result<()> {
        let settings = BTreeMap::from([(ZONE.to_owned(), Some(zone.name().to_owned()))]);
        let message = format!("time zone {}", zone.name());
        let options = LoadOptions { message, settings, ..by.options() };
        Load::begin(self, options)?.commit().map(drop)
    }
}

/// What the settings are to say of a release.
pub(super) fn settings(release: &Release) -> BTreeMap<String, Option<String>> {
    let line = match release.state {
        ReleaseState::Pending if release.is_announced => line(release, CalendarState::Announced),
        ReleaseState::Released { .. } if release.is_announced => {
            line(release, CalendarState::Released)
        }
        ReleaseState::Pending | ReleaseState::Released { .. } | ReleaseState::Cancelled => None,
    };
    BTreeMap::from([(format!("{ANNOUNCED}{}", release.name), line)])
}

/// What a release's own commit sets; nothing for one that was not announced.
pub(super) fn settings_of_released(release: &Release) -> BTreeMap<String, Option<String>> {
    let line = line(release, CalendarState::Released).filter(|_| release.is_announced);
    line.into_iter().map(|line| (format!("{ANNOUNCED}{}", release.name), Some(line))).collect()
}

fn line(release: &Release, state: CalendarState) -> Option<String> {
    let line = CalendarLine {
        name: release.name.clone(),
        title: release.title.clone(),
        notes: release.notes.clone(),
        at: release.at.micros,
        zone: release.at.zone.clone(),
        local: release.at.local.clone(),
        state,
    };
    // Strings and numbers can always be written.
    serde_json::to_string(&line).ok()
}
