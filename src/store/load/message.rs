//! Messages of any kind, told by their first bytes.

use std::io::{BufReader, Cursor, Read};

use crate::error::{Error, Result};
use crate::model::ArtefactId;
use crate::sdmx::structure::read_structures;
use crate::sdmx::{Kind, sniff};
use crate::store::load::Load;

/// Bytes that tell the kind of a message.
const SNIFFED_BYTES: u64 = 4 << 10;
/// Bytes that are read at once.
const READ_BYTES: usize = 256 << 10;

/// A message that is open, and known by its first bytes.
pub struct Message {
    /// The name of its file, for errors.
    pub name: String,
    /// The dataflow that its data belong to, where it names only a structure that several have.
    pub dataflow: Option<ArtefactId>,
    kind: Kind,
    reader: BufReader<Box<dyn Read + Send>>,
}

impl Message {
    /// Looks at the first of some plain bytes (see [`crate::sdmx::input`]).
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Syntax`] and [`Error::Unsupported`] for what is no message.
    pub fn open(mut plain: Box<dyn Read + Send>, name: &str) -> Result<Self> {
        let mut first = Vec::new();
        let read = plain.by_ref().take(SNIFFED_BYTES).read_to_end(&mut first);
        read.map_err(|error| Error::io("read", name, error))?;
        let kind = sniff(&first);
        let name = name.to_owned();
        match kind {
            Kind::Json => {
                let what = format!("{name}: loading SDMX-JSON (ask for SDMX-CSV or SDMX-ML)");
                return Err(Error::Unsupported { what });
            }
            Kind::Unknown => {
                let reason = "neither SDMX-ML nor SDMX-CSV: the first cell of SDMX-CSV is \
                              DATAFLOW or STRUCTURE";
                return Err(Error::syntax(name, reason));
            }
            Kind::StructureXml21
            | Kind::StructureXml30
            | Kind::Markup
            | Kind::DataXml
            | Kind::CsvData => {}
        }
        let whole: Box<dyn Read + Send> = Box::new(Cursor::new(first).chain(plain));
        let reader = BufReader::with_capacity(READ_BYTES, whole);
        Ok(Self { name, dataflow: None, kind, reader })
    }

    /// Whether it defines structures, which come before the data of the same load. What looks like
    /// XML, or like text in two bytes a character, is for that reader to refuse.
    pub fn is_structure(&self) -> bool {
        matches!(self.kind, Kind::StructureXml21 | Kind::StructureXml30 | Kind::Markup)
    }

    /// Its bytes, from the first.
    pub fn into_bytes(self) -> impl Read + Send {
        self.reader
    }
}

impl Load {
    /// Adds a message of any kind. Structures come before the data that need them.
    ///
    /// # Errors
    ///
    /// Those of [`Load::structures`], [`Load::csv`] and [`Load::xml`].
    pub fn message(&mut self, message: Message) -> Result<()> {
        let Message { name, dataflow, kind, reader } = message;
        let before = self.options.dataflow.clone();
        if dataflow.is_some() {
            self.options.dataflow = dataflow;
        }
        let added = match kind {
            Kind::DataXml => self.xml(reader, &name),
            Kind::CsvData => self.csv(reader, &name),
            Kind::StructureXml21
            | Kind::StructureXml30
            | Kind::Markup
            | Kind::Json
            | Kind::Unknown => {
                read_structures(reader, &name).and_then(|found| self.structures(found))
            }
        };
        self.options.dataflow = before;
        added
    }
}
