//! SDMX-CSV 1.0 and 2.0 of a cube, built by hand: a few hundred megabytes a second.

use std::io;
use std::io::Write;

use super::Cube;
use super::CubeSpec;
use super::SeriesAttribute;
use super::series::STATUSES;
use super::series::Series;
use super::series::UNITS;
use super::series::Value;

/// Bytes collected before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// A version of SDMX-CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsvVersion {
    /// `DATAFLOW,...`: one measure only.
    V1,
    /// `STRUCTURE,STRUCTURE_ID,ACTION,...`
    V2,
}

/// Writes rows of a cube.
#[derive(Debug)]
pub struct CsvWriter<'a, W> {
    spec: &'a CubeSpec,
    out: W,
    /// Codes with the comma after them, per dimension.
    codes: Vec<Vec<Vec<u8>>>,
    /// What every row begins with.
    head: Vec<u8>,
    /// Head and key of the series at hand.
    prefix: Vec<u8>,
    /// Attributes of the series at hand and the end of the line.
    suffix: Vec<u8>,
    buffer: Vec<u8>,
    rows: u64,
    bytes: u64,
}

impl<'a, W: Write> CsvWriter<'a, W> {
    /// A writer that has written the header line.
    pub fn new(spec: &'a CubeSpec, version: CsvVersion, out: W) -> CsvWriter<'a, W> {
        assert!(
            version == CsvVersion::V2 || spec.measures.len() == 1,
            "SDMX-CSV 1.0 has one measure"
        );
        let reference = spec.flow_reference();
        let (columns, head) = match version {
            CsvVersion::V1 => ("DATAFLOW", format!("{reference},")),
            CsvVersion::V2 => ("STRUCTURE,STRUCTURE_ID,ACTION", format!("dataflow,{reference},I,")),
        };
        let ids = spec.dimensions.iter().map(|dimension| dimension.id.as_str());
        let header: Vec<&str> = [columns]
            .into_iter()
            .chain(ids)
            .chain(spec.has_time().then_some("TIME_PERIOD"))
            .chain(spec.measures.iter().map(String::as_str))
            .chain(["OBS_STATUS"])
            .chain(spec.attributes.iter().map(|attribute| attribute.id()))
            .collect();
        let with_comma = |code: &String| format!("{code},").into_bytes();
        CsvWriter {
            codes: spec
                .dimensions
                .iter()
                .map(|dimension| dimension.codes.iter().map(with_comma).collect())
                .collect(),
            head: head.into_bytes(),
            prefix: Vec::new(),
            suffix: Vec::new(),
            buffer: format!("{}\n", header.join(",")).into_bytes(),
            rows: 0,
            bytes: 0,
            spec,
            out,
        }
    }

    /// Writes all observations of a series.
    ///
    /// # Errors
    /// Those of the writer underneath.
    pub fn write_series(&mut self, series: &Series) -> io::Result<()> {
        self.begin(series);
        for observation in 0..series.observations.len() {
            self.row(series, observation);
        }
        self.flush_above(BUFFER_BYTES)
    }

    /// Writes the last observation of a series.
    ///
    /// # Errors
    /// Those of the writer underneath.
    pub fn write_last(&mut self, series: &Series) -> io::Result<()> {
        self.begin(series);
        self.row(series, series.observations.len() - 1);
        self.flush_above(BUFFER_BYTES)
    }

    /// Writes what is left, and gives the numbers of rows and bytes written.
    ///
    /// # Errors
    /// Those of the writer underneath.
    pub fn finish(mut self) -> io::Result<(u64, u64)> {
        self.flush_above(0)?;
        self.out.flush()?;
        Ok((self.rows, self.bytes))
    }

    /// Rows written so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    fn flush_above(&mut self, bytes: usize) -> io::Result<()> {
        if self.buffer.len() > bytes {
            self.out.write_all(&self.buffer)?;
            self.bytes += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }

    fn begin(&mut self, series: &Series) {
        self.prefix.clear();
        self.prefix.extend_from_slice(&self.head);
        for (codes, &code) in self.codes.iter().zip(&series.key) {
            self.prefix.extend_from_slice(&codes[usize::from(code)]);
        }
        self.suffix.clear();
        let mut text = Vec::new();
        for &attribute in &self.spec.attributes {
            self.suffix.push(b',');
            text.clear();
            write_attribute(self.spec, attribute, series, &mut text);
            push_field(&text, &mut self.suffix);
        }
        self.suffix.push(b'\n');
    }

    fn row(&mut self, series: &Series, observation: usize) {
        let buffer = &mut self.buffer;
        buffer.extend_from_slice(&self.prefix);
        if series.frequency.is_some() {
            series.write_period(observation, buffer);
            buffer.push(b',');
        }
        for &value in series.values(observation) {
            if let Value::Text(_) = value {
                let mut text = Vec::new();
                value.write(&mut text);
                push_field(&text, buffer);
            } else {
                value.write(buffer);
            }
            buffer.push(b',');
        }
        let status = series.observations[observation].status;
        buffer.extend_from_slice(STATUSES[usize::from(status)].0.as_bytes());
        buffer.extend_from_slice(&self.suffix);
        self.rows += 1;
    }
}

/// Writes a whole cube in key order; gives the numbers of rows and bytes.
///
/// # Errors
/// Those of the writer underneath.
pub fn write_csv(cube: &Cube, version: CsvVersion, out: impl Write) -> io::Result<(u64, u64)> {
    let mut writer = CsvWriter::new(&cube.spec, version, out);
    let mut cursor = cube.series();
    while let Some(series) = cursor.next_series() {
        writer.write_series(series)?;
    }
    writer.finish()
}

/// Writes a whole cube in shuffled order; gives the numbers of rows and bytes.
///
/// # Errors
/// Those of the writer underneath.
pub fn write_csv_shuffled(
    cube: &Cube,
    version: CsvVersion,
    out: impl Write,
) -> io::Result<(u64, u64)> {
    let mut writer = CsvWriter::new(&cube.spec, version, out);
    let mut rows = cube.shuffled();
    while let Some(series) = rows.next_row() {
        writer.write_last(series)?;
    }
    writer.finish()
}

/// Writes one attribute of a series; nothing where it is missing.
pub fn write_attribute(
    spec: &CubeSpec,
    attribute: SeriesAttribute,
    series: &Series,
    text: &mut Vec<u8>,
) {
    match attribute {
        SeriesAttribute::UnitMeasure => text.extend_from_slice(UNITS[series.unit].0.as_bytes()),
        SeriesAttribute::UnitMult => text.push(b'0' + series.multiplier),
        SeriesAttribute::Decimals => text.push(b'0' + series.decimals),
        SeriesAttribute::Title if series.ordinal % 8 == 7 => {}
        SeriesAttribute::Title => {
            for (index, (dimension, &code)) in spec.dimensions.iter().zip(&series.key).enumerate() {
                if index > 0 {
                    text.extend_from_slice(b", ");
                }
                text.extend_from_slice(dimension.names[usize::from(code)].as_bytes());
            }
        }
    }
}

/// Writes one field, quoted where CSV asks for it.
fn push_field(text: &[u8], out: &mut Vec<u8>) {
    if !text.iter().any(|&byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for &byte in text {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
