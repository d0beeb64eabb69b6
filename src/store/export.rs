//! Writes a cube as SDMX-CSV, value by value as it was published.

use std::io::Write;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::model::{Cell, ComponentRole};
use crate::sdmx::csv::{CsvLayout, CsvWriter};
use crate::store::cube::Cube;
use crate::store::cursor::Chunk;
use crate::store::filter::{PeriodFilter, ScanOrder, ScanRequest, SeriesFilter};

/// Writes the selected series of a cube as SDMX-CSV, sorted by key and period, and returns the
/// number of observations. `progress` is told how many were written.
///
/// # Errors
///
/// [`Error::Io`] if the output refuses; those of reading.
pub fn write_csv(
    cube: &Arc<Cube>,
    filter: &SeriesFilter,
    layout: CsvLayout,
    out: impl Write,
    mut progress: impl FnMut(u64),
) -> Result<u64> {
    let flow = cube.flow();
    let refused = |source| Error::io("write", "the output", source);
    let request = ScanRequest {
        series: cube.select(filter)?,
        periods: PeriodFilter::All,
        measures: (0..flow.measures().len()).collect(),
        attributes: (0..flow.attributes().len()).collect(),
        order: ScanOrder::Key((0..flow.dimensions().len()).collect()),
    };
    let mut cursor = cube.cursor(request)?;
    let mut writer = CsvWriter::new(out, flow, layout);
    let mut rows = RowTexts::new(cube);
    let mut count = 0;
    while let Some(chunk) = cursor.next()? {
        rows.begin(cube, chunk)?;
        for range in &chunk.positions {
            for position in chunk.data.present(range.clone()).flatten() {
                rows.fill(cube, chunk, position)?;
                writer.row(&rows.cells()).map_err(refused)?;
                count += 1;
            }
        }
        progress(count);
    }
    writer.finish().and_then(|mut out| out.flush()).map_err(refused)?;
    Ok(count)
}

/// The texts of one row; those of the key stay for all rows of a chunk.
struct RowTexts {
    texts: Vec<Vec<u8>>,
}

impl RowTexts {
    fn new(cube: &Cube) -> Self {
        Self { texts: vec![Vec::new(); cube.flow().components().len()] }
    }

    fn set(&mut self, position: usize, text: &str) {
        self.texts[position].clear();
        self.texts[position].extend_from_slice(text.as_bytes());
    }

    /// Sets what all rows of a chunk have in common.
    fn begin(&mut self, cube: &Cube, chunk: &Chunk) -> Result<()> {
        let flow = cube.flow();
        let part = &cube.parts()[chunk.part];
        for dimension in 0..flow.dimensions().len() {
            self.set(dimension, cube.codes(dimension).get(part.code(dimension, chunk.series)?));
        }
        for (attribute, component) in flow.attributes().iter().enumerate() {
            if matches!(component.role, ComponentRole::KeyAttribute(_)) {
                let text = cube.key_attribute(attribute, chunk.part, chunk.series)?;
                self.set(flow.attributes_from() + attribute, text.unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Sets what one observation has for itself.
    fn fill(&mut self, cube: &Cube, chunk: &Chunk, position: usize) -> Result<()> {
        let flow = cube.flow();
        if let Some(time) = flow.time_index() {
            self.texts[time].clear();
            chunk.data.write_period(position, &mut self.texts[time]);
        }
        for (measure, run) in chunk.data.measures.iter().enumerate() {
            let text = &mut self.texts[flow.measures_from() + measure];
            text.clear();
            run.value(position).write_to(text);
        }
        let segment = cube.parts()[chunk.part].segment();
        for (attribute, component) in flow.attributes().iter().enumerate() {
            if component.role != ComponentRole::ObservationAttribute {
                continue;
            }
            let ids = &segment.footer().observation_attributes;
            let own = ids.iter().position(|id| *id == component.id);
            let text = match own {
                Some(own) => {
                    let number = chunk.data.attributes[own].value(position);
                    segment.observation_value(own, number)?
                }
                None => None,
            };
            self.set(flow.attributes_from() + attribute, text.unwrap_or_default());
        }
        Ok(())
    }

    fn cells(&self) -> Vec<Cell<'_>> {
        // Everything here came in as text, and goes out as it came.
        self.texts.iter().map(|text| str::from_utf8(text).ok()).collect()
    }
}
