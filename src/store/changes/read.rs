//! The observations of a cube, series by series in the order of keys.

use std::sync::Arc;

use crate::error::Result;
use crate::model::{ComponentRole, Flow, Period, ReportingYearStart, Value};
use crate::store::changes::change::CellState;
use crate::store::cube::Cube;
use crate::store::cursor::{Chunk, Cursor};
use crate::store::filter::{PeriodFilter, ScanOrder, ScanRequest, Selections};

/// The live chunks of one series.
#[derive(Debug)]
pub(in crate::store) struct SeriesChunks {
    /// The numbers of its codes.
    pub(in crate::store) key: Vec<u32>,
    /// Its chunks. One whose periods mix with those of others may stand here in pieces.
    pub(in crate::store) chunks: Vec<Chunk>,
}

/// Reads a cube series by series, whole, in the order of keys.
#[derive(Debug)]
pub(in crate::store) struct SeriesReader {
    cube: Arc<Cube>,
    cursor: Cursor,
    ahead: Option<Chunk>,
    cells: CellReader,
}

/// Makes the observations of a cube those of a dataflow: the flow of the cube, or the same at
/// another time, with other attributes.
#[derive(Debug)]
struct CellReader {
    /// For each measure of the dataflow, its position in the cube.
    measures: Vec<Option<usize>>,
    /// For each part, for each attribute of observations of the dataflow, its position in the
    /// segment.
    attributes: Vec<Vec<Option<usize>>>,
}

impl SeriesReader {
    /// Reads these series of a cube, as observations of `flow`.
    pub(in crate::store) fn new(cube: &Arc<Cube>, flow: &Flow, series: Selections) -> Result<Self> {
        let own = cube.flow();
        let measures = (0..own.measures().len()).collect();
        let attributes = (0..own.attributes().len()).collect();
        let order = ScanOrder::Key(Vec::new());
        let periods = PeriodFilter::All;
        let request = ScanRequest { series, periods, measures, attributes, order };
        let cursor = cube.cursor(request)?;
        let cells = CellReader::new(cube, flow);
        Ok(Self { cube: Arc::clone(cube), cursor, ahead: None, cells })
    }

    /// The cube that is read.
    pub(in crate::store) fn cube(&self) -> &Arc<Cube> {
        &self.cube
    }

    /// The next series; absent at the end.
    pub(in crate::store) fn next(&mut self) -> Result<Option<SeriesChunks>> {
        let first = match self.ahead.take() {
            Some(chunk) => Some(chunk),
            None => self.cursor.take()?,
        };
        let Some(first) = first else { return Ok(None) };
        let key = self.key(&first)?;
        let mut chunks = vec![first];
        while let Some(chunk) = self.cursor.take()? {
            if self.key(&chunk)? != key {
                self.ahead = Some(chunk);
                break;
            }
            chunks.push(chunk);
        }
        Ok(Some(SeriesChunks { key, chunks }))
    }

    fn key(&self, chunk: &Chunk) -> Result<Vec<u32>> {
        let part = &self.cube.parts()[chunk.part];
        (0..self.cube.flow().dimensions().len()).map(|d| part.code(d, chunk.series)).collect()
    }

    /// Tells each observation of a chunk.
    pub(in crate::store) fn each_cell(
        &self,
        chunk: &Chunk,
        mut each: impl FnMut(Period, CellState) -> Result<()>,
    ) -> Result<()> {
        let runs = chunk.positions.iter().flat_map(|range| chunk.data.present(range.clone()));
        for position in runs.flatten() {
            let period = match chunk.data.periods.get(position) {
                Some(text) => Period::Other(text.clone()),
                None => Period::Slot(chunk.data.slot(position)),
            };
            each(period, self.cells.state(&self.cube, chunk, position)?)?;
        }
        Ok(())
    }
}

impl CellReader {
    fn new(cube: &Cube, flow: &Flow) -> Self {
        let measure = |id: &str| cube.flow().measures().iter().position(|own| own.id == id);
        let observed = flow.attributes().iter();
        let observed: Vec<&str> = observed
            .filter(|attribute| attribute.role == ComponentRole::ObservationAttribute)
            .map(|attribute| attribute.id.as_str())
            .collect();
        let attributes = cube.parts().iter().map(|part| {
            let own = &part.segment().footer().observation_attributes;
            observed.iter().map(|id| own.iter().position(|own| own == id)).collect()
        });
        Self {
            measures: flow.measures().iter().map(|wanted| measure(&wanted.id)).collect(),
            attributes: attributes.collect(),
        }
    }

    fn state(&self, cube: &Cube, chunk: &Chunk, position: usize) -> Result<CellState> {
        let run = |measure: &Option<usize>| measure.and_then(|at| chunk.data.measures.get(at));
        let values = self.measures.iter().map(run);
        let values = values.map(|run| run.map_or(Value::Missing, |run| run.value(position)));
        let segment = cube.parts()[chunk.part].segment();
        let attributes = self.attributes[chunk.part].iter().map(|own| {
            let Some(own) = own else { return Ok(None) };
            let number = chunk.data.attributes[*own].value(position);
            let text = segment.observation_value(*own, number)?;
            Ok(text.filter(|text| !text.is_empty()).map(str::to_owned))
        });
        Ok(CellState { values: values.collect(), attributes: attributes.collect::<Result<_>>()? })
    }
}

/// The texts of the codes of a key.
pub(in crate::store) fn key_texts(cube: &Cube, key: &[u32]) -> Vec<String> {
    let codes = key.iter().enumerate();
    codes.map(|(dimension, code)| cube.codes(dimension).get(*code).to_owned()).collect()
}

/// Brings what is said of the periods of one series into the order of time, and of equal times into
/// that of texts. The periods come in their own order, which is that of time where they have one
/// form.
pub(in crate::store) fn in_order_of_time<T>(of_periods: &mut [(Period, T)]) {
    let form = |(period, _): &(Period, T)| match period {
        Period::Slot(slot) => Some(slot.form),
        Period::Other(_) => None,
    };
    let first = of_periods.first().and_then(form);
    if first.is_none() || of_periods.iter().any(|one| form(one) != first) {
        of_periods.sort_by_cached_key(|(period, _)| {
            (period.span(ReportingYearStart::default()), period.clone())
        });
    }
}
