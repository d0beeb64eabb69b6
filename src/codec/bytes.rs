//! Little-endian integers, varints and byte strings.

/// Why bytes do not decode. The caller knows the file, and makes an
/// [`Error::Corrupt`](crate::error::Error::Corrupt) of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {at}")]
pub struct Malformed {
    /// The offset of the offending bytes, from the start of the slice that was decoded.
    pub at: usize,
    /// What is wrong with them.
    pub reason: &'static str,
}

impl Malformed {
    /// An error at offset `at`.
    pub fn new(at: usize, reason: &'static str) -> Self {
        Self { at, reason }
    }

    /// The same error, seen from a slice in which the decoded one starts at `base`.
    #[must_use]
    pub fn offset_by(self, base: usize) -> Self {
        Self { at: self.at.saturating_add(base), ..self }
    }
}

/// Maps signed to unsigned so that numbers near zero stay small: 0, -1, 1, -2 become 0, 1, 2, 3.
#[inline]
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag`].
#[inline]
pub fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ (value & 1).cast_signed().wrapping_neg()
}

/// The bytes that [`Writer::varint`] takes for `value`: 1 to 10.
pub fn varint_len(value: u64) -> usize {
    let bits = u64::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Appends values to a vector of bytes.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// A writer that appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// The vector appended to, for the encoders of this module that take one.
    pub fn out(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    /// Appends 2 bytes.
    pub fn u16(&mut self, value: u16) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Appends 4 bytes.
    pub fn u32(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Appends 8 bytes.
    pub fn u64(&mut self, value: u64) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Appends 8 bytes.
    pub fn i64(&mut self, value: i64) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Appends 16 bytes.
    pub fn i128(&mut self, value: i128) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Appends 8 bytes: the bits as they are, payloads of NaN included.
    pub fn f64(&mut self, value: f64) {
        self.u64(value.to_bits());
    }

    /// Appends 1 to 10 bytes of seven bits, the lowest first (LEB128).
    pub fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.out.push((value & 0x7f) as u8);
    }

    /// Appends a count or a length as a [`varint`](Self::varint).
    pub fn count(&mut self, value: usize) {
        self.varint(value as u64);
    }

    /// Appends 1 to 10 bytes, few for numbers near zero.
    pub fn varint_i64(&mut self, value: i64) {
        self.varint(zigzag(value));
    }

    /// Appends 1 to 19 bytes, few for numbers near zero.
    pub fn varint_i128(&mut self, value: i128) {
        let mut value = ((value << 1) ^ (value >> 127)).cast_unsigned();
        while value >= 0x80 {
            self.out.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.out.push((value & 0x7f) as u8);
    }

    /// Appends bytes without their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Appends the length as a varint, then the bytes.
    pub fn prefixed(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.bytes(bytes);
    }
}

/// Takes values from the front of a slice, and remembers how far it came.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The methods that take a value fail with [`Malformed`] where the bytes end too early or are not
/// what [`Writer`] writes; the position is then not specified.
#[expect(clippy::missing_errors_doc, reason = "said once for the whole impl")]
impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The number of bytes taken so far.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The bytes not taken yet.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The number of bytes not taken yet.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// An error at the current position.
    pub fn malformed(&self, reason: &'static str) -> Malformed {
        Malformed::new(self.at, reason)
    }

    /// Checks that all bytes were taken.
    pub fn finish(&self) -> Result<(), Malformed> {
        if self.remaining() == 0 { Ok(()) } else { Err(self.malformed("bytes left over")) }
    }

    /// Takes `len` bytes.
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let taken = self.rest().get(..len).ok_or_else(|| self.malformed("bytes end too early"))?;
        self.at += len;
        Ok(taken)
    }

    /// Takes `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let taken = self.rest().first_chunk::<N>();
        let taken = taken.ok_or_else(|| self.malformed("bytes end too early"))?;
        self.at += N;
        Ok(*taken)
    }

    /// Takes one byte.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_le_bytes)
    }

    /// Takes 2 bytes.
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    /// Takes 4 bytes.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    /// Takes 8 bytes.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    /// Takes 8 bytes.
    pub fn i64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_le_bytes)
    }

    /// Takes 16 bytes.
    pub fn i128(&mut self) -> Result<i128, Malformed> {
        self.array().map(i128::from_le_bytes)
    }

    /// Takes 8 bytes: the bits as they are.
    pub fn f64(&mut self) -> Result<f64, Malformed> {
        self.u64().map(f64::from_bits)
    }

    /// Takes a varint. Only the shortest form of a number is accepted.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, Malformed> {
        // Nearly all are one byte.
        if let Some(&byte) = self.bytes.get(self.at)
            && byte < 0x80
        {
            self.at += 1;
            return Ok(u64::from(byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let start = self.at;
        u64::try_from(self.leb128()?).map_err(|_| Malformed::new(start, "varint over 64 bits"))
    }

    /// Takes a signed varint.
    pub fn varint_i64(&mut self) -> Result<i64, Malformed> {
        self.varint().map(unzigzag)
    }

    /// Takes a signed varint of up to 128 bits.
    pub fn varint_i128(&mut self) -> Result<i128, Malformed> {
        let value = self.leb128()?;
        Ok((value >> 1).cast_signed() ^ (value & 1).cast_signed().wrapping_neg())
    }

    /// Takes a varint that is a count or a length of at most `count_max`.
    pub fn count(&mut self, count_max: usize) -> Result<usize, Malformed> {
        let start = self.at;
        let count = usize::try_from(self.varint()?).ok().filter(|&count| count <= count_max);
        count.ok_or(Malformed::new(start, "count over its limit"))
    }

    /// Takes a length as a varint, then as many bytes.
    pub fn prefixed(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.count(usize::MAX)?;
        self.bytes(len)
    }

    fn leb128(&mut self) -> Result<u128, Malformed> {
        let mut value = 0_u128;
        let mut shift = 0_u32;
        loop {
            let byte = self.u8()?;
            let bits = u128::from(byte & 0x7f);
            let end = byte & 0x80 == 0;
            if shift > 126 || (shift == 126 && bits > 3) {
                return Err(self.malformed("varint over 128 bits"));
            }
            if end && bits == 0 && shift > 0 {
                return Err(self.malformed("varint longer than needed"));
            }
            value |= bits << shift;
            if end {
                return Ok(value);
            }
            shift += 7;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut Writer::new(&mut out));
        out
    }

    #[test]
    fn a_varint_has_one_form() {
        for (bytes, expected) in [
            (&[0_u8][..], Some(0)),
            (&[0x7f], Some(127)),
            (&[0x80, 1], Some(128)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], Some(u64::MAX)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], None),
            (&[0x80, 0], None),
            (&[0x80], None),
            (&[0xff; 40], None),
            (&[], None),
        ] {
            assert_eq!(Reader::new(bytes).varint().ok(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn zigzag_keeps_the_order_of_magnitude() {
        for (value, code) in
            [(0, 0), (-1, 1), (1, 2), (i64::MAX, u64::MAX - 1), (i64::MIN, u64::MAX)]
        {
            assert_eq!(zigzag(value), code);
            assert_eq!(unzigzag(code), value);
        }
    }

    #[test]
    fn an_error_names_its_place() {
        let mut reader = Reader::new(&[1, 2, 3]);
        reader.u8().expect("there");
        assert_eq!(reader.u32(), Err(Malformed::new(1, "bytes end too early")));
        assert_eq!(reader.finish().map_err(|e| e.offset_by(10).at), Err(11));
        assert!(Reader::new(&[4]).count(3).is_err());
        assert_eq!(Reader::new(&[3]).count(3), Ok(3));
        assert!(Reader::new(&written(|w| w.varint(u64::MAX))).prefixed().is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            a: u8, b: u16, c: u32, d: u64, e: i64, f: i128, g: u64,
            bytes: Vec<u8>, shift in 0_u32..127,
        ) {
            let out = written(|w| {
                w.u8(a);
                w.u16(b);
                w.u32(c);
                w.u64(d);
                w.i64(e);
                w.i128(f);
                w.f64(f64::from_bits(g));
                w.varint(d >> (shift % 64));
                w.varint_i64(e >> (shift % 64));
                w.varint_i128(f >> shift);
                w.prefixed(&bytes);
            });
            let mut r = Reader::new(&out);
            prop_assert_eq!(r.u8(), Ok(a));
            prop_assert_eq!(r.u16(), Ok(b));
            prop_assert_eq!(r.u32(), Ok(c));
            prop_assert_eq!(r.u64(), Ok(d));
            prop_assert_eq!(r.i64(), Ok(e));
            prop_assert_eq!(r.i128(), Ok(f));
            prop_assert_eq!(r.f64().map(f64::to_bits), Ok(g));
            prop_assert_eq!(r.varint(), Ok(d >> (shift % 64)));
            prop_assert_eq!(r.varint_i64(), Ok(e >> (shift % 64)));
            prop_assert_eq!(r.varint_i128(), Ok(f >> shift));
            prop_assert_eq!(r.prefixed(), Ok(&bytes[..]));
            prop_assert_eq!(r.finish(), Ok(()));
        }

        #[test]
        fn the_length_of_a_varint_is_known_before(value: u64, shift in 0_u32..64) {
            let value = value >> shift;
            prop_assert_eq!(written(|w| w.varint(value)).len(), varint_len(value));
        }

        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes: Vec<u8>) {
            let mut r = Reader::new(&bytes);
            while r.varint_i128().is_ok() {}
            let mut r = Reader::new(&bytes);
            while r.prefixed().is_ok() && r.varint().is_ok() {}
        }
    }
}
