//! Columns through `pco`: true doubles, which bit packing cannot shrink, and integers of cold
//! blocks.
//!
//! The bytes are a standalone `pco` file; the count of values is the caller's to keep. Decoding
//! costs five to ten times as much as bit packing.
//!
//! **Exception to the invariant of this module:** the decoder of the `pco` crate is made for bytes
//! that it wrote. Check a checksum before; what still goes wrong is an error where `pco` says so.

use pco::ChunkConfig;
use pco::data_types::Number;
use pco::errors::PcoResult;
use pco::standalone;

use crate::codec::bytes::Malformed;
use crate::error::Error;
use crate::limits::PCO_VALUES_MAX;

/// Compresses signed integers.
///
/// # Errors
///
/// [`Error::Limit`] over [`PCO_VALUES_MAX`] values; [`Error::Bug`] if `pco` refuses.
pub fn encode_pco_i64(values: &[i64], out: &mut Vec<u8>) -> Result<(), Error> {
    encode(values, out)
}

/// Compresses unsigned integers.
///
/// # Errors
///
/// [`Error::Limit`] over [`PCO_VALUES_MAX`] values; [`Error::Bug`] if `pco` refuses.
pub fn encode_pco_u64(values: &[u64], out: &mut Vec<u8>) -> Result<(), Error> {
    encode(values, out)
}

/// Compresses doubles, bit by bit: the sign of zero and the payloads of NaN stay.
///
/// # Errors
///
/// [`Error::Limit`] over [`PCO_VALUES_MAX`] values; [`Error::Bug`] if `pco` refuses.
pub fn encode_pco_f64(values: &[f64], out: &mut Vec<u8>) -> Result<(), Error> {
    encode(values, out)
}

/// The inverse of [`encode_pco_i64`], for exactly `count` values.
///
/// # Errors
///
/// [`Malformed`] if the bytes are not `count` signed integers.
pub fn decode_pco_i64(bytes: &[u8], count: usize) -> Result<Vec<i64>, Malformed> {
    decode(bytes, count)
}

/// The inverse of [`encode_pco_u64`], for exactly `count` values.
///
/// # Errors
///
/// [`Malformed`] if the bytes are not `count` unsigned integers.
pub fn decode_pco_u64(bytes: &[u8], count: usize) -> Result<Vec<u64>, Malformed> {
    decode(bytes, count)
}

/// The inverse of [`encode_pco_f64`], for exactly `count` values.
///
/// # Errors
///
/// [`Malformed`] if the bytes are not `count` doubles.
pub fn decode_pco_f64(bytes: &[u8], count: usize) -> Result<Vec<f64>, Malformed> {
    decode(bytes, count)
}

fn encode<T: Number>(values: &[T], out: &mut Vec<u8>) -> Result<(), Error> {
    if values.len() > PCO_VALUES_MAX {
        let (actual, limit) = (values.len() as u64, PCO_VALUES_MAX as u64);
        return Err(Error::Limit {
            what: "the number of values compressed at once",
            actual,
            limit,
        });
    }
    let compressed: PcoResult<Vec<u8>> =
        standalone::simple_compress(values, &ChunkConfig::default());
    let compressed = compressed.map_err(|error| Error::bug(format!("pco: {error}")))?;
    out.extend_from_slice(&compressed);
    Ok(())
}

fn decode<T: Number + Default>(bytes: &[u8], count: usize) -> Result<Vec<T>, Malformed> {
    if count > PCO_VALUES_MAX {
        return Err(Malformed::new(0, "more values than are compressed at once"));
    }
    let mut values = vec![T::default(); count];
    let progress = standalone::simple_decompress_into(bytes, &mut values)
        .map_err(|_| Malformed::new(0, "not the output of pco for this type"))?;
    if progress.n_processed == count && progress.finished {
        Ok(values)
    } else {
        Err(Malformed::new(0, "another number of values than expected"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(bits: &[u64]) {
        let count = bits.len();
        let mut bytes = Vec::new();
        encode_pco_u64(bits, &mut bytes).expect("few values");
        assert_eq!(decode_pco_u64(&bytes, count).as_deref(), Ok(bits));
        assert!(decode_pco_u64(&bytes, count + 1).is_err());
        assert!(count == 0 || decode_pco_u64(&bytes, count - 1).is_err());
        assert!(count == 0 || decode_pco_i64(&bytes, count).is_err());

        let signed: Vec<i64> = bits.iter().map(|v| v.cast_signed()).collect();
        let mut bytes = Vec::new();
        encode_pco_i64(&signed, &mut bytes).expect("few values");
        assert_eq!(decode_pco_i64(&bytes, count), Ok(signed));
        for end in (0..bytes.len()).step_by(bytes.len() / 30 + 1) {
            assert!(decode_pco_i64(&bytes[..end], count).is_err());
        }

        let doubles: Vec<f64> = bits.iter().map(|v| f64::from_bits(*v)).collect();
        let mut bytes = Vec::new();
        encode_pco_f64(&doubles, &mut bytes).expect("few values");
        let back = decode_pco_f64(&bytes, count).expect("own bytes");
        assert!(back.iter().map(|v| v.to_bits()).eq(bits.iter().copied()));
    }

    #[test]
    fn keeps_every_bit_of_a_double() {
        let special = [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -f64::NAN, 5e-324];
        let mut bits: Vec<u64> = special.iter().map(|v: &f64| v.to_bits()).collect();
        bits.extend([0x7ff8_0000_dead_beef, 0xfff0_0000_0000_0001, 0x7ff0_0000_0000_0001]);
        check(&bits);
        let mut decimals: Vec<u64> = (0..3_000).map(|i| (f64::from(i) / 10.0).to_bits()).collect();
        check(&decimals);
        decimals.extend(&bits);
        decimals.extend((0..1_000).map(|i| (f64::from(i) * 3.0).to_bits()));
        check(&decimals);
    }

    #[test]
    fn the_count_is_bounded() {
        check(&[]);
        check(&[u64::MAX]);
        check(&[3; 1_500]);
        assert!(decode_pco_i64(&[], usize::MAX).is_err());
        let many = vec![1; PCO_VALUES_MAX + 1];
        assert!(encode_pco_i64(&many, &mut Vec::new()).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn round_trip(bits in prop::collection::vec(any::<u64>(), 0..600), shift in 0_u32..64) {
            check(&bits.iter().map(|v| v >> shift).collect::<Vec<_>>());
            check(&bits.iter().map(|v| v << shift).collect::<Vec<_>>());
        }
    }
}
