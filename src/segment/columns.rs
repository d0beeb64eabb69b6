//! How the chunks of a block are packed in one measure, column by column.

use crate::codec::column::Column;
use crate::codec::{Malformed, Reader};
use crate::limits::BLOCK_CHUNKS_MAX;

/// The headers of all chunks, column by column.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) kinds: Vec<u8>,
    pub(super) compact: Vec<u8>,
    pub(super) widths: Vec<u8>,
    pub(super) bases: Vec<i64>,
    pub(super) biases: Vec<i64>,
    pub(super) scales: Vec<u8>,
    pub(super) writings: Vec<u8>,
}

impl Columns {
    /// Takes the columns of so many chunks from `input`.
    pub(super) fn read(&mut self, input: &mut Reader<'_>, chunks: usize) -> Result<(), Malformed> {
        let mut column = || {
            let column = Column::read(input, BLOCK_CHUNKS_MAX)?;
            let fits = column.len() == chunks;
            if fits { Ok(column) } else { Err(input.malformed("a column of another length")) }
        };
        let small = |column: Column<'_>, out: &mut Vec<u8>| {
            out.clear();
            column.decode_u8_into(out)
        };
        let signed = |column: Column<'_>, out: &mut Vec<i64>| {
            out.clear();
            column.decode_i64_into(out)
        };
        small(column()?, &mut self.kinds)?;
        small(column()?, &mut self.compact)?;
        small(column()?, &mut self.widths)?;
        signed(column()?, &mut self.bases)?;
        signed(column()?, &mut self.biases)?;
        small(column()?, &mut self.scales)?;
        small(column()?, &mut self.writings)
    }
}
