//! Which pending releases carry a value, whatever is there now.

use crate::catalog::{FoundRelease, Release, ReleaseState};
use crate::error::{Error, Result};
use crate::model::{Action, ArtefactId, Cell, ComponentRole, Flow};
use crate::store::changes::{Changes, KeyFilter};
use crate::store::database::Database;
use crate::store::load::LoadOptions;
use crate::store::release::check::read_messages;

impl Database {
    /// The pending releases that would bring back an observation after it was removed: they carry
    /// a value or an attribute of it. A release that is damaged, or can no longer be loaded, is
    /// among them, because nobody knows. Cost: a draft of every pending release.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such dataflow; [`Error::Invalid`] for a key of another
    /// length; [`Error::Io`].
    pub fn releases_that_mention(
        &self,
        flow: &ArtefactId,
        key: &[&str],
        period: &str,
    ) -> Result<Vec<String>> {
        let mut named = Vec::new();
        for found in self.releases()? {
            match found {
                FoundRelease::Damaged { name, .. } => named.push(name),
                FoundRelease::Good(release) if release.state == ReleaseState::Pending => {
                    match self.mentions(&release, flow, key, period) {
                        Ok(false) => {}
                        Err(error @ Error::Io { .. }) => return Err(error),
                        Ok(true) | Err(_) => named.push(release.name.clone()),
                    }
                }
                FoundRelease::Good(_) => {}
            }
        }
        Ok(named)
    }

    fn mentions(
        &self,
        release: &Release,
        id: &ArtefactId,
        key: &[&str],
        period: &str,
    ) -> Result<bool> {
        let now = self.snapshot()?;
        let flow = Flow::resolve(id, now.artefacts())?;
        let at = release.at.micros;
        let mut removal = self.draft(&now, LoadOptions::at(at))?;
        let index = removal.flow(id)?;
        removal.row(index, Action::Delete, &observation(&flow, key, period)?)?;
        let without = removal.prepare()?.snapshot()?;
        let mut draft = self.draft(&without, LoadOptions::at(at))?;
        read_messages(self.catalog(), release, &mut draft)?;
        let with = draft.prepare()?.snapshot()?;
        let mut changes = Changes::between(&without, &with, id, &KeyFilter::series(key))?;
        while let Some(series) = changes.next_series()? {
            if series.cells.iter().any(|cell| cell.period == period) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The cells of a row that names one observation and nothing of it.
fn observation<'a>(flow: &Flow, key: &[&'a str], period: &'a str) -> Result<Vec<Cell<'a>>> {
    if key.len() != flow.dimensions().len() {
        let reason = format!("{} codes for {} dimensions", key.len(), flow.dimensions().len());
        return Err(Error::invalid(format!("key of {}", flow.id), reason));
    }
    let mut codes = key.iter();
    let cell = |role: &ComponentRole, next: Option<&&'a str>| match role {
        ComponentRole::Dimension => next.copied(),
        ComponentRole::Time => Some(period),
        ComponentRole::Measure
        | ComponentRole::KeyAttribute(_)
        | ComponentRole::ObservationAttribute => None,
    };
    let cells = flow.components().iter().map(|component| {
        let is_code = matches!(component.role, ComponentRole::Dimension);
        cell(&component.role, if is_code { codes.next() } else { None })
    });
    Ok(cells.collect())
}
