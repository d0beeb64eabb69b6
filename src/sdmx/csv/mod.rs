//! SDMX-CSV data messages, versions 1.0, 2.0 and 2.1.
//!
//! Read in this order: `record` (bytes to records and cells), `header` (what each column is, and
//! which component of a dataflow it belongs to), `read` (records to rows), `write` (rows to bytes).
//!
//! **Invariant:** the text of a cell is handed on as it stands, with three exceptions, which the
//! standard asks for: the label of a coded cell (`A: Annual`) is cut off, the quotes around a cell
//! are taken away, and a decimal comma, which only files separated by semicolons have, becomes a
//! point.
//!
//! Source: SDMX-CSV field guides 1.0, 2.0 and 2.1.

#[cfg(test)]
pub(in crate::sdmx) mod fixture;
mod header;
mod read;
mod record;
mod write;

pub use read::{CsvSummary, read_rows};
pub use write::CsvWriter;

/// A version of SDMX-CSV that can be told from its first line. Versions 2.0 and 2.1 differ in the
/// letter `M` of `ACTION` only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsvVersion {
    /// `DATAFLOW,...`
    V1,
    /// `STRUCTURE,STRUCTURE_ID,...`
    V2,
}

/// The official samples of SDMX-CSV 2.0 and real messages, where they are beside the project.
#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::path::Path;
    use std::result;
    use std::sync::Arc;

    use crate::error::{Error, Problem, Result};
    use crate::model::{ArtefactId, Artefacts, Flow, Row};
    use crate::sdmx::MessageHeader;
    use crate::sdmx::csv::fixture::{Kept, flow};
    use crate::sdmx::csv::{CsvWriter, read_rows};
    use crate::sdmx::data::{CsvEdition, CsvLabels, CsvStyle, DataScope, DataSet};
    use crate::sdmx::data::{DataWriter, Level};
    use crate::sdmx::input::open;
    use crate::sdmx::rows::{FlowRef, RowSink};
    use crate::sdmx::structure::read_structures;

    /// Reads a sample for flows that are asked for one after the other: its rows, a line each, with
    /// `~` for what has no column; or the error.
    fn read(number: &str, flows: &[&Arc<Flow>]) -> Option<result::Result<String, String>> {
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/schemas/samples/csv-2.0");
        let Ok(text) = fs::read(folder.join(format!("example-{number}.csv"))) else {
            println!("skipped: the official sample {number} is not here");
            return None;
        };
        let flows = flows.iter().map(|flow| Arc::clone(flow)).collect();
        let mut kept = Kept { flows, ..Kept::default() };
        if let Err(error) = read_rows(text.as_slice(), "f.csv", &mut kept) {
            return Some(Err(error.to_string()));
        }
        let rows = kept.lines.iter().map(|line| line.rsplit_once("] ").unwrap().0.to_owned() + "]");
        Some(Ok(rows.collect::<Vec<_>>().join("\n").replace('\u{2205}', "~")))
    }

    #[track_caller]
    fn check(number: &str, flows: &[&Arc<Flow>], expected: &str) {
        if let Some(found) = read(number, flows) {
            assert_eq!(found.as_deref(), Ok(expected), "{number}");
        }
    }

    const DIMENSIONS: [&str; 3] = ["DIM_1+", "DIM_2+", "DIM_3*"];
    const ATTRIBUTES: [&str; 3] = ["ATTR_1+", "ATTR_2+", "ATTR_3"];

    fn accounts(measures: &[&str]) -> Arc<Flow> {
        flow("ESTAT:NA_MAIN(1.6.0)", &DIMENSIONS, measures, &ATTRIBUTES)
    }

    #[test]
    fn reads_every_layout_of_columns_and_labels() {
        let one = accounts(&["OBS_VALUE"]);
        let two = accounts(&["OBS_VALUE1", "OBS_VALUE2"]);
        let rows = "2 0 Merge [A|B|2014-01|12.4|N|Y|Normal, special and other values]\n\
                    3 0 Merge [A|B|2014-02|10.8|Y|Y|Normal, special and other values]";
        check("01", &[&one], rows);
        check(
            "02",
            &[&two],
            "2 0 Merge [A|B|2014-01|12.4|12.5|X;Y|~|Normal, special and other values]\n\
             3 0 Merge [A|B|2014-02|10.8|10.9|X;Z|~|Normal, special and other values]",
        );
        check(
            "03",
            &[&two],
            "2 0 Merge [A|B|2014-01|12.4|12.5|N|~|Normal, special and other values]\n\
             3 0 Merge [A|B|2014-02|10.8|10.9|Y|~|Normal, special and other values]",
        );
        check("04", &[&one], rows);
        check("05", &[&one], &rows.replace("-01|", "-01-01|").replace("-02|", "-02-01|"));
        check(
            "06",
            &[&one],
            "2 0 Merge [A|B|2014-01|12.4|Y|Normal, special and other values|N]\n\
             3 0 Merge [A|B|2014-02|10.8|Y|Normal, special and other values|Y]",
        );
    }

    #[test]
    fn keeps_cells_of_several_values_and_languages() {
        let one = accounts(&["OBS_VALUE"]);
        check(
            "07",
            &[&one],
            "2 0 Merge [A|B|2014-01|12.4|Value X;Value Y|M, N & O;P & Q|A;B;C]\n\
             3 0 Merge [A|B|2014-02|10.8|Value X;Value Y|M, N & O;P & Q|A;C]",
        );
        let first = "2 0 Merge [A|B|2014-01|12.4|en:Any Value;fr:N'importe quelle Valeur|~|~]\n\
                     3 1 Merge [A|B|2014-02|10.8|en:Value \"X\";fr:Valeur \"X\"|~|~]";
        check("08", &[&one, &one], first);
        let last = "\n4 2 Merge [A|B|2014-03|11.2|en:Value \"Y\";fr:Valeur \"Y\"|~|~]";
        check("09A", &[&one, &one, &one], &format!("{first}{last}"));
        check(
            "15",
            &[&one],
            "2 0 Merge [A|B|2014-01|12.4|<p>This is some \"xhtml\" with a line\nbreak</p>|~|~]\n\
             4 0 Merge [A|B|2014-02|10.8|<p>This is some other \"xhtml\"</p>|~|~]",
        );
    }

    #[test]
    fn reads_several_structures_in_one_message() {
        let a = ["DIM_A1B1", "DIM_A2", "DIM_A3C2"];
        let a = flow("ESTAT:DF_A(1.6.0)", &a, &["MEAS_A1B1C1"], &["ATTR_A1"]);
        let b = flow("ESTAT:DSD_B(1.7.0)", &["DIM_A1B1", "DIM_B2"], &["MEAS_A1B1C1"], &["ATTR_B1"]);
        let c = ["DIM_A3C2", "DIM_C1", "DIM_C3"];
        let c = flow("ESTAT:DPA_C(1.8.0)", &c, &["MEAS_A1B1C1", "MEAS_C2"], &[]);
        check(
            "09B",
            &[&a, &b, &c],
            "2 0 Merge [DIMVAL_A1B1|DIMVAL_A2|DIMVAL_A3C2|MEASVAL_A1B1C1|ATTRVAL_A1]\n\
             3 1 Merge [DIMVAL_A1B1|DIMVAL_B2|MEASVAL_A1B1C1|ATTRVAL_B1]\n\
             4 2 Merge [DIMVAL_A3C2|DIMVAL_C1|DIMVAL_C3|MEAS_A1B1C1|MEAS_C2]",
        );
    }

    #[test]
    fn reads_actions_and_partial_keys() {
        let one = accounts(&["OBS_VALUE"]);
        let partial = flow("A:F(1.0)", &DIMENSIONS, &["MEAS_1"], &["ATTR_1/DIM_2", "ATTR_2/DIM_2"]);
        let rows = "2 0 Merge [A|B|2014-01|12.4|X|~|~]\n3 0 Replace [A|B|2014-02|10.8|Y|~|~]";
        check("10", &[&one], rows);
        check("11", &[&one], &rows.replace("Replace", "Merge").replace("|X|", "|N|"));
        let rows = "2 0 Merge [~|B|2014-01|~|N|~]\n3 0 Merge [~|B|2014-02|~|Y|~]";
        check("12", &[&partial], rows);
        check("13", &[&partial], "2 0 Merge [A|B|2014-01|12.4|N|]\n3 0 Merge [|B||||Y]");
        let rows = "2 0 Delete [A|B|2014-01|-|||]\n3 0 Delete [A|B|2014-02||||-]";
        check("16", &[&one], rows);
        check("17", &[&one], "2 0 Delete [|A||-|||]\n3 0 Delete [|B|||||-]");
        check("18", &[&one], "2 0 Delete [~|A||~|~|~|~]\n3 0 Delete [~|B|C|~|~|~|~]");
        check("19A", &[&one], "2 0 Delete [~|~|~|~|~|~|~]");
        check("19B", &[&one], "2 0 Delete [|||~|~|~|~]");
    }

    /// Sample 14 is reference metadata, which is no data: its attributes are of no data structure.
    #[test]
    fn refuses_reference_metadata() {
        let one = accounts(&["OBS_VALUE"]);
        if let Some(found) = read("14", &[&one]) {
            let error = found.expect_err("accepted");
            assert_eq!(
                error,
                "f.csv:1: has no column DIM_1, which is a dimension of AGENCY:DF_ID(1.0.0)"
            );
        }
    }

    /// Writes what it is given.
    struct Copy {
        artefacts: Artefacts,
        writer: Option<CsvWriter<Vec<u8>>>,
    }

    impl RowSink for Copy {
        fn flow(&mut self, id: &FlowRef) -> Result<Arc<Flow>> {
            let version = id.version.as_deref().unwrap_or("1.0");
            let id = ArtefactId::new(&id.agency, &id.id, version);
            let flow = Arc::new(Flow::resolve(&id, &self.artefacts)?);
            let header =
                MessageHeader { id: String::new(), prepared: String::new(), sender: String::new() };
            let scope = DataScope {
                header: &header,
                flow: &flow,
                artefacts: &self.artefacts,
                language: "en",
                level: Level::Flat,
                measures: &(0..flow.measures().len()).collect::<Vec<_>>(),
                attributes: &(0..flow.attributes().len()).collect::<Vec<_>>(),
                set: DataSet::default(),
                has_changes: false,
                has_observations: true,
            };
            let style = CsvStyle {
                version: CsvEdition::V1_0,
                labels: CsvLabels::Ids,
                has_normalized_time: false,
                has_series_key: false,
                has_observation_key: false,
            };
            self.writer = Some(CsvWriter::new(Vec::new(), &scope, &style));
            Ok(flow)
        }

        fn row(&mut self, _: usize, row: &Row<'_>) -> Result<()> {
            let writer = self.writer.as_mut().unwrap();
            writer.series(row.cells).unwrap();
            writer.observation(row.cells).unwrap();
            Ok(())
        }

        fn bad_record(&mut self, problem: Problem, _: &[u8]) -> Result<()> {
            Err(Error::bug(problem.to_string()))
        }
    }

    /// Real messages read whole; and what is written reads and writes the same again.
    #[test]
    fn reads_and_writes_real_messages() {
        let check = |data: &str, structure: &str, rows: u64| {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
            let (Ok(data), Ok(xml)) =
                (fs::File::open(folder.join(data)), fs::read(folder.join(structure)))
            else {
                println!("skipped: {data} is not here");
                return;
            };
            let artefacts = Artefacts::from(read_structures(xml.as_slice(), structure).unwrap());
            let copy = |input: &mut dyn Read| {
                let mut copy = Copy { artefacts: artefacts.clone(), writer: None };
                let summary = read_rows(input, "f.csv", &mut copy).unwrap();
                assert_eq!((summary.rows, summary.bad_records, summary.flows), (rows, 0, 1));
                let mut writer = copy.writer.unwrap();
                writer.finish().unwrap();
                writer.into_output()
            };
            let written = copy(&mut open(data, "f.csv").unwrap());
            assert!(copy(&mut written.as_slice()) == written, "{structure}");
        };
        check("ecb-exr/EXR-D.csv.gz", "ecb-exr/ECB_EXR1-structure-2.1.xml", 221_702);
        check("bis-der/data_v1.csv", "bis-der/BIS_DER-structure-2.1.xml", 1_000);
        let (wpp, sdg) = ("wpp2019-sample/WPP2019", "sdg2020-education/SDG2020");
        check(&format!("{wpp}-sample.csv.gz"), &format!("{wpp}-structure-2.1.xml"), 48_990);
        check(&format!("{sdg}-education.csv.gz"), &format!("{sdg}-structure-2.1.xml"), 104_286);
    }
}
