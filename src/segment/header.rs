//! How the run of one chunk is packed, as it is looked up while numbers are decoded.

use std::ops::Range;

use crate::codec::run::{Encoding, RunHeader};

/// What is known of the run of one chunk before it is decoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// How mantissas are packed.
    pub(super) run: RunHeader,
    /// Whether slots without an observation have no number.
    pub(super) is_compact: bool,
    /// Where in the block the packed numbers begin; of doubles, which of those of the block is the
    /// first.
    pub(super) start: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    None,
    Decimals,
    Doubles,
}

/// What the numbers stand for that name the kinds of runs.
const KINDS: [(Kind, Encoding); 6] = [
    (Kind::None, Encoding::Constant),
    (Kind::Decimals, Encoding::Constant),
    (Kind::Decimals, Encoding::Frame),
    (Kind::Decimals, Encoding::Delta),
    (Kind::Decimals, Encoding::DeltaFrame),
    (Kind::Doubles, Encoding::Constant),
];

impl Header {
    /// The header of a run of the kind with this number, whose mantissas have this width, base, and
    /// bias.
    #[inline]
    pub(super) fn new(
        tag: u8,
        (width, base, bias): (u8, i64, i64),
        is_compact: bool,
        start: u32,
    ) -> Self {
        let (kind, encoding) = KINDS.get(usize::from(tag)).copied().unwrap_or_default();
        Self { kind, run: RunHeader { encoding, width, base, bias }, is_compact, start }
    }

    /// Whether there is one mantissa a slot, and none is the difference from the one before.
    #[inline]
    pub(super) fn is_placed(&self) -> bool {
        let is_placed = matches!(self.run.encoding, Encoding::Frame | Encoding::Constant);
        self.kind != Kind::Doubles && !self.is_compact && is_placed
    }

    /// Whether a single number is wanted, and can be had without those before it.
    #[inline]
    pub(super) fn is_single(&self, wanted: &Range<usize>) -> bool {
        wanted.len() == 1 && matches!(self.run.encoding, Encoding::Frame | Encoding::Constant)
    }
}

/// The mantissas of a chunk, still packed, in a form that gives each by itself.
#[derive(Clone, Copy, Debug)]
pub struct PackedNumbers<'a> {
    pub(super) run: RunHeader,
    /// From the first packed number on.
    pub(super) bytes: &'a [u8],
    pub(super) scale: u8,
}

impl PackedNumbers<'_> {
    /// The mantissa at a position; absent where the bytes end before it, which is damage.
    #[inline]
    pub fn get(&self, position: usize) -> Option<i64> {
        self.run.get(self.bytes, position).ok()
    }

    /// Digits after the point.
    pub fn scale(&self) -> u8 {
        self.scale
    }
}
