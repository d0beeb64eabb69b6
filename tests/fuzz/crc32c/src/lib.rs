//! A checksum that is always right.
//!
//! What is fuzzed are the decoders behind the checksums. With the real one no change of a byte
//! would ever reach them.

/// Zero, whatever the bytes.
pub fn crc32c(_bytes: &[u8]) -> u32 {
    0
}

/// Zero, whatever the bytes.
pub fn crc32c_append(_so_far: u32, _bytes: &[u8]) -> u32 {
    0
}
