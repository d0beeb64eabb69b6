//! Generic data sets: elements that name components and give their values.
//!
//! Source: SDMX 2.1 section 3A, part IV, "Generic Data".
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::io::BufRead;

use crate::error::Result;
use crate::sdmx::data::read_cells::{Cells, Level};
use crate::sdmx::data::read_delete::KeyElement;
use crate::sdmx::rows::RowSink;
use crate::sdmx::xml::Source;

/// Reads a data set, up to its end.
pub(super) fn generic<R: BufRead, S: RowSink + ?Sized>(
    source: &mut Source<'_, R>,
    cells: &mut Cells,
    sink: &mut S,
) -> Result<()> {
    let mut reader = Generic { cells, sink, id: String::new(), text: String::new() };
    while source.enter()? {
        let at = source.at();
        match source.local() {
            "Attributes" => {
                reader.values(source, Level::DataSet)?;
                reader.cells.flow_attributes(at, reader.sink)?;
            }
            "Group" => {
                reader.cells.begin(Level::Row);
                reader.parts(source, Level::Row)?;
                reader.cells.group(KeyElement::Group, at, reader.sink)?;
            }
            "Series" => {
                let rows = reader.cells.rows();
                reader.parts(source, Level::Series)?;
                let has_observations = reader.cells.rows() > rows;
                reader.cells.end_series(at, reader.sink, has_observations)?;
            }
            "Obs" => reader.observation(source)?,
            _ => source.leave()?,
        }
    }
    Ok(())
}

struct Generic<'a, S: ?Sized> {
    cells: &'a mut Cells,
    sink: &'a mut S,
    /// The component and the value of the element at hand.
    id: String,
    text: String,
}

impl<S: RowSink + ?Sized> Generic<'_, S> {
    /// Reads what stands in a group or a series, up to its end.
    fn parts<R: BufRead>(&mut self, source: &mut Source<'_, R>, level: Level) -> Result<()> {
        while source.enter()? {
            match source.local() {
                "GroupKey" | "SeriesKey" | "Attributes" => self.values(source, level)?,
                "Obs" => self.observation(source)?,
                _ => source.leave()?,
            }
        }
        Ok(())
    }

    /// Reads an observation, up to its end, and hands it on.
    fn observation<R: BufRead>(&mut self, source: &mut Source<'_, R>) -> Result<()> {
        let at = source.at();
        self.cells.begin(Level::Row);
        while source.enter()? {
            match source.local() {
                "ObsKey" | "Attributes" => self.values(source, Level::Row)?,
                "ObsDimension" => self.take(source, Level::Row, self.cells.at_observation)?,
                "ObsValue" => {
                    let flow = self.cells.flow();
                    let measure = flow.position("OBS_VALUE").unwrap_or(flow.measures_from());
                    self.take(source, Level::Row, Some(measure))?;
                }
                _ => source.leave()?,
            }
        }
        self.cells.observation(at, self.sink)
    }

    /// Reads the values in the current element, up to its end.
    fn values<R: BufRead>(&mut self, source: &mut Source<'_, R>, level: Level) -> Result<()> {
        while source.enter()? {
            match source.local() {
                "Value" => self.take(source, level, None)?,
                _ => source.leave()?,
            }
        }
        Ok(())
    }

    /// Takes the value of the element that was entered, up to its end: of the component that it
    /// names, and else of the one at `default`.
    #[inline]
    fn take<R: BufRead>(
        &mut self,
        source: &mut Source<'_, R>,
        level: Level,
        default: Option<usize>,
    ) -> Result<()> {
        self.id.clear();
        self.text.clear();
        source.attributes(|name, text| {
            match name {
                "id" => self.id.push_str(text),
                "value" => self.text.push_str(text),
                _ => {}
            }
            Ok(())
        })?;
        let set = match default {
            _ if !self.id.is_empty() => self.cells.set(level, &self.id, &self.text),
            Some(position) => self.cells.set_at(level, position, &self.text),
            None => {
                let name = source.local();
                let reason = format!("{name} has no id, and the header says no component either");
                return Err(source.error(source.at(), reason));
            }
        };
        set.map_err(|why| self.cells.refuse(source.place(source.at()), &self.id, why))?;
        source.leave()
    }
}
