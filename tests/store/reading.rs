//! Everything that a cube says, as lines of text.

#![allow(
    clippy::allow_attributes,
    dead_code,
    unreachable_pub,
    reason = "each test that includes this file uses another part of it"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use sdmxdb::error::Result;
use sdmxdb::model::PeriodForm;
use sdmxdb::store::{Cube, PeriodFilter, ScanOrder, ScanRequest, Selections, SeriesFilter, Total};

/// All rows, sorted by their text, or why they cannot be read.
pub fn try_all(cube: &Arc<Cube>) -> Result<Vec<String>> {
    let mut lines = try_lines(cube, &SeriesFilter::All, PeriodFilter::All, ScanOrder::Stored)?;
    lines.sort_unstable();
    Ok(lines)
}

/// The rows of a scan, as [`try_lines`] gives them.
pub fn lines(
    cube: &Arc<Cube>,
    series: &SeriesFilter,
    periods: PeriodFilter,
    order: ScanOrder,
) -> Vec<String> {
    try_lines(cube, series, periods, order).expect("read")
}

/// The rows of a scan in its order, a line each: key, period, measures, attributes of the
/// observation, attributes of the key.
pub fn try_lines(
    cube: &Arc<Cube>,
    series: &SeriesFilter,
    periods: PeriodFilter,
    order: ScanOrder,
) -> Result<Vec<String>> {
    let flow = cube.flow();
    let request = ScanRequest {
        series: cube.select(series)?,
        periods,
        measures: (0..flow.measures().len()).collect(),
        attributes: (0..flow.attributes().len()).collect(),
        order,
    };
    let mut cursor = cube.cursor(request)?;
    let mut lines = Vec::new();
    while let Some(chunk) = cursor.next()? {
        let part = &cube.parts()[chunk.part];
        let segment = part.segment();
        let head = try_key_of(cube, chunk.part, chunk.series)?.join(".");
        let mut tail = String::new();
        for (attribute, component) in flow.attributes().iter().enumerate() {
            let value = cube.key_attribute(attribute, chunk.part, chunk.series)?;
            if let Some(value) = value {
                write!(tail, " {}={value}", component.id).expect("into a string");
            }
        }
        let known = &segment.footer().observation_attributes;
        for position in
            chunk.positions.iter().flat_map(|at| chunk.data.present(at.clone())).flatten()
        {
            let mut line = head.clone().into_bytes();
            line.push(b' ');
            chunk.data.write_period(position, &mut line);
            for measure in &chunk.data.measures {
                line.push(b'|');
                measure.value(position).write_to(&mut line);
            }
            for attribute in flow.attributes() {
                let Some(at) = known.iter().position(|id| *id == attribute.id) else { continue };
                let number = chunk.data.attributes[at].value(position);
                let value = segment.observation_value(at, number)?;
                if let Some(value) = value {
                    line.extend_from_slice(format!(" {}={value}", attribute.id).as_bytes());
                }
            }
            line.extend_from_slice(tail.as_bytes());
            lines.push(String::from_utf8(line).expect("text"));
        }
    }
    Ok(lines)
}

/// All rows, sorted by their text.
pub fn all(cube: &Arc<Cube>) -> Vec<String> {
    let mut lines = lines(cube, &SeriesFilter::All, PeriodFilter::All, ScanOrder::Stored);
    lines.sort_unstable();
    lines
}

/// The codes of a series of a part.
pub fn key_of(cube: &Cube, part: usize, series: u32) -> Vec<String> {
    try_key_of(cube, part, series).expect("read")
}

fn try_key_of(cube: &Cube, part: usize, series: u32) -> Result<Vec<String>> {
    let codes = 0..cube.flow().dimensions().len();
    let code = |dimension| {
        let number = cube.parts()[part].code(dimension, series)?;
        Ok(cube.codes(dimension).get(number).to_owned())
    };
    codes.map(code).collect()
}

/// The stored totals of each series in a measure, one a live chunk.
pub fn totals(
    cube: &Cube,
    series: &Selections,
    measure: usize,
) -> BTreeMap<Vec<String>, Vec<Total>> {
    let mut totals: BTreeMap<Vec<String>, Vec<Total>> = BTreeMap::new();
    for (index, (part, selection)) in cube.parts().iter().zip(&series.0).enumerate() {
        for ordinal in selection.iter() {
            let of_series = totals.entry(key_of(cube, index, ordinal)).or_default();
            for chunk in part.live_chunks(ordinal).expect("read") {
                of_series.push(part.total(measure, chunk).expect("read"));
            }
        }
    }
    totals
}

/// The number of chunks of each form, live ones only.
pub fn chunks_by_form(cube: &Cube) -> BTreeMap<PeriodForm, usize> {
    let mut found = BTreeMap::new();
    for part in cube.parts() {
        for chunk in (0..part.segment().chunk_count()).filter(|chunk| part.is_live(*chunk)) {
            *found.entry(part.span(chunk).expect("read").form).or_insert(0) += 1;
        }
    }
    found
}
