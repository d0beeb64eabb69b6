//! Reads everything there is, and compares it with what is said about it.

use std::path::Path;
use std::sync::Arc;

use crate::catalog::{Catalog, Checked, Health, LiveSegment};
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::index::DimensionIndex;
use crate::segment::{PeriodSums, Segment, Wanted};
use crate::store::database::Database;
use crate::store::pool::open_at;

/// What a check found.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// Segments that were read.
    pub segments: u64,
    /// Observations in them, superseded ones included.
    pub observations: u64,
    /// Bytes of segments whose checksums were verified.
    pub bytes: u64,
    /// What is wrong, each with its file and place.
    pub problems: Vec<Error>,
}

impl Database {
    /// Verifies every checksum of every file of every state that can be read, each manifest against
    /// the one before, each checkpoint against the manifests, what is said of each segment against
    /// the segment, every index against the keys, and every stored total against the values.
    /// `progress` is told how many of how many bytes are done.
    ///
    /// # Errors
    ///
    /// Only if a folder cannot be listed: damage is reported, and the check goes on.
    pub fn check(&self, mut progress: impl FnMut(u64, u64)) -> Result<CheckReport> {
        let catalog = self.catalog();
        catalog.refresh()?;
        let total = folder_bytes(&**catalog.disk(), &catalog.path().join("commits"))?
            + folder_bytes(&**catalog.disk(), &catalog.segments_folder())?;
        let mut done = 0;
        let mut advance = |bytes: u64| {
            done = total.min(done + bytes);
            progress(done, total);
        };
        let Checked { problems, segments } = catalog.check(&mut advance)?;
        let mut report = CheckReport { problems, ..CheckReport::default() };
        if let Health::ReadOnly { reason } = self.health()
            && report.problems.is_empty()
        {
            report.problems.push(Error::corrupt(self.path(), 0, reason));
        }
        report.problems.extend(catalog.check_releases()?);
        if let Err(problem) = catalog.state().artefacts().check_references() {
            report.problems.push(problem);
        }
        for live in segments.values() {
            let place = catalog.locate(live);
            match check_segment(catalog, live) {
                Ok(segment) => {
                    report.observations += segment.footer().observations;
                    report.problems.extend(check_totals(&segment).err());
                }
                Err(problem) => report.problems.push(problem),
            }
            report.segments += 1;
            report.bytes += place.length;
            // Those in manifests were counted with them.
            if place.checksum.is_some() {
                advance(place.length);
            }
        }
        Ok(report)
    }
}

/// The bytes of the files of a folder.
fn folder_bytes(disk: &dyn Disk, folder: &Path) -> Result<u64> {
    // One that is removed meanwhile has none.
    let lengths = disk.list(folder)?.into_iter().map(|name| disk.len(&folder.join(name)));
    Ok(lengths.filter_map(Result::ok).sum())
}

/// Opens a segment of its own, so that every byte is read anew, and checks its tables.
fn check_segment(catalog: &Arc<Catalog>, live: &LiveSegment) -> Result<Segment> {
    let place = catalog.locate(live);
    let segment = open_at(catalog, &place)?;
    let footer = segment.footer();
    let wrong = |reason: &str| Error::corrupt(&place.path, place.offset, reason);
    let said = &live.entry;
    if (said.series, said.chunks, said.partials) != (footer.series, footer.chunks, footer.partials)
    {
        return Err(wrong("the manifest and the footer disagree on how much there is"));
    }
    let mut previous: Option<Vec<u32>> = None;
    let mut keys = Vec::new();
    for dimension in 0..footer.dimensions.len() {
        let mut column = Vec::new();
        segment.codes_into(dimension, &mut column)?;
        let codes = u32::try_from(segment.codes(dimension)?.len()).unwrap_or(u32::MAX);
        if DimensionIndex::build(&column, codes) != *segment.index(dimension)? {
            let id = &footer.dimensions[dimension];
            return Err(wrong(&format!("the index of dimension {id} does not fit the keys")));
        }
        keys.push(column);
    }
    for (series, index) in (0..footer.series).zip(0_usize..) {
        let order = footer.order.iter().map(|position| keys[usize::from(*position)][index]);
        let key: Vec<u32> = order.collect();
        if previous.as_ref().is_some_and(|before| *before >= key) {
            return Err(wrong("the keys are not in ascending order"));
        }
        previous = Some(key);
        for attribute in 0..footer.series_attributes.len() {
            segment.series_value(attribute, series)?;
        }
    }
    segment.partials()?;
    Ok(segment)
}

/// Decodes every chunk and compares its values with the stored totals.
fn check_totals(segment: &Segment) -> Result<()> {
    let footer = segment.footer();
    let wanted = Wanted::all(footer.measures.len(), footer.observation_attributes.len());
    let mut observations = 0;
    let mut periods = PeriodSums::new(footer.measures.len());
    for number in 0..segment.block_count() {
        let block = segment.read_block(number)?;
        let chunks: Vec<u32> = block.chunks().collect();
        segment.decode_chunks(&block, &chunks, &wanted, |chunk, data| {
            observations += data.observations() as u64;
            segment.series_of(chunk)?;
            for (attribute, run) in data.attributes.iter().enumerate() {
                let exceptions = run.exceptions.iter().map(|(_, number)| *number);
                for number in exceptions.chain([run.default]).filter(|number| *number > 0) {
                    if segment.observation_value(attribute, number)?.is_none() {
                        let id = &footer.observation_attributes[attribute];
                        let reason = format!("a value of attribute {id} is not in its table");
                        return Err(segment.damage(reason));
                    }
                }
            }
            let totals = (0..footer.measures.len()).map(|measure| segment.total(measure, chunk));
            let totals = totals.collect::<Result<Vec<_>>>()?;
            periods.push(&data.to_rows(), &totals);
            for (measure, (run, total)) in data.measures.iter().zip(&totals).enumerate() {
                // Others hold numbers that no sum of mantissas has, some too wide to be added.
                if !total.is_exact {
                    continue;
                }
                let mut sum = 0_i128;
                let mut count = 0_u32;
                let mut bounds: Option<(i128, i128)> = None;
                for position in data.present(0..data.slots).flatten() {
                    if let Some(decimal) = run.value(position).decimal()
                        && let Some(scaled) = decimal.rescale(total.scale)
                    {
                        let (value, (min, max)) = (scaled.mantissa, bounds.unwrap_or_default());
                        bounds = Some(match bounds {
                            None => (value, value),
                            Some(_) => (min.min(value), max.max(value)),
                        });
                        sum = sum.wrapping_add(value);
                        count += 1;
                    }
                }
                let (min, max) = bounds.unwrap_or_default();
                let found = (sum, count, min, max);
                if found != (total.sum, total.count, total.min.into(), total.max.into()) {
                    let id = &footer.measures[measure];
                    let reason = format!("the stored total of chunk {chunk} in {id} is wrong");
                    return Err(segment.damage(reason));
                }
            }
            Ok(())
        })?;
    }
    for (measure, found) in periods.finish().iter().enumerate() {
        if *found != **segment.period_totals(measure)? {
            let id = &footer.measures[measure];
            return Err(segment.damage(format!("the stored totals by period in {id} are wrong")));
        }
    }
    if observations == footer.observations {
        Ok(())
    } else {
        Err(segment.damage("the footer counts other observations".to_owned()))
    }
}
