//! Numbers and text as packed bytes, and back.
//!
//! Everything that a segment or a manifest keeps in bytes is built from the pieces here. They know
//! integers, doubles, strings and lists of positions; they know nothing of SDMX, of files or of
//! checksums, which the callers add.
//!
//! In reading order:
//!
//! * [`bytes`]: [`Writer`] and [`Reader`], little-endian integers, varints and byte strings, and
//!   [`Malformed`], the one error of every decoder;
//! * [`bits`]: integers of a fixed number of bits, one after the other;
//! * [`run`]: the values of one series chunk as constant, frame of reference or differences;
//! * [`batch`]: the runs of many chunks at one go;
//! * [`mod@column`]: a self-describing [`Column`] of integers with random access, for tables that
//!   have one entry a series or a chunk;
//! * [`exceptions`]: increasing positions, such as the absent slots of a series; `expand` reads all of
//!   a list;
//! * [`pco_column`]: true doubles and cold integers through `pco`;
//! * [`text`]: tables of strings, compressed by `zstd`.
//!
//! **Invariant:** a decoder returns [`Malformed`] for bytes that no encoder wrote, or a value; it
//! does not panic, and allocates at most what its input's length or the count passed by its caller
//! allows. [`pco_column`] states its exception.
//!
//! **Invariant:** an encoder writes the same bytes for the same values on every machine.

#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod batch;
pub mod bits;
pub mod bytes;
pub mod column;
pub mod exceptions;
mod expand;
pub mod pco_column;
pub mod run;
pub mod text;

pub use batch::Batch;
pub use bytes::{Malformed, Reader, Writer};
pub use column::{Column, encode_i64, encode_u64};
pub use exceptions::{Exceptions, encode_exceptions};
pub use pco_column::{
    decode_pco_f64, decode_pco_i64, decode_pco_u64, encode_pco_f64, encode_pco_i64, encode_pco_u64,
};
pub use run::{Encoding, RunHeader, pack_run, plan_run, unpack_run_into, unpack_run_over};
pub use text::{Strings, TextLimits, decode_strings, encode_strings};
