//! How the chunks of a block are packed in one measure, column by column.

use crate::codec::column::Column;
use crate::codec::{Malformed, Reader};
use crate::limits::BLOCK_CHUNKS_MAX;

/// The headers of all chunks, column by column; of what does not tell where numbers stand, 0 for chunks
/// that are not looked at.
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
    /// Takes the columns of so many chunks from `input`, of which all or only some are looked at.
    pub(super) fn read(
        &mut self,
        input: &mut Reader<'_>,
        chunks: usize,
        only: Option<&[usize]>,
    ) -> Result<(), Malformed> {
        let mut column = || {
            let column = Column::read(input, BLOCK_CHUNKS_MAX)?;
            let fits = column.len() == chunks;
            if fits { Ok(column) } else { Err(input.malformed("a column of another length")) }
        };
        let small = |column: Column<'_>, out: &mut Vec<u8>| {
            out.clear();
            column.decode_u8_into(out)
        };
        let small_of = |column: Column<'_>, out: &mut Vec<u8>| match only {
            None => small(column, out),
            Some(only) => {
                out.clear();
                out.resize(chunks, 0);
                let narrow = |value: i64| u8::try_from(value.cast_unsigned()).unwrap_or(u8::MAX);
                column.pick_into(only, narrow, out)
            }
        };
        let signed_of = |column: Column<'_>, out: &mut Vec<i64>| {
            out.clear();
            let Some(only) = only else { return column.decode_i64_into(out) };
            out.resize(chunks, 0);
            column.pick_into(only, |value| value, out)
        };
        small(column()?, &mut self.kinds)?;
        small(column()?, &mut self.compact)?;
        small(column()?, &mut self.widths)?;
        signed_of(column()?, &mut self.bases)?;
        signed_of(column()?, &mut self.biases)?;
        small_of(column()?, &mut self.scales)?;
        small_of(column()?, &mut self.writings)
    }
}
