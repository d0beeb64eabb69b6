//! Strings of bytes as text.

use bytes::{BufMut, BytesMut};

use crate::pg::encode::style::ByteaOutput;

const HEX: [u8; 16] = *b"0123456789abcdef";

/// Appends bytes in the form that the session chose.
pub(super) fn write_bytes(bytes: &[u8], output: ByteaOutput, out: &mut BytesMut) {
    match output {
        ByteaOutput::Hex => {
            out.put_slice(b"\\x");
            write_hex(bytes, out);
        }
        ByteaOutput::Escape => bytes.iter().for_each(|&byte| match byte {
            b'\\' => out.put_slice(b"\\\\"),
            b' '..=b'~' => out.put_u8(byte),
            _ => {
                let octal = [b'\\', b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)];
                out.put_slice(&octal);
            }
        }),
    }
}

/// Appends sixteen bytes as PostgreSQL writes a `uuid`.
pub(super) fn write_uuid(bytes: &[u8], out: &mut BytesMut) {
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.put_u8(b'-');
        }
        write_hex(&[*byte], out);
    }
}

fn write_hex(bytes: &[u8], out: &mut BytesMut) {
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.put_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
}

/// Appends the byte of a `"char"`: one beyond ASCII in octal, and nothing for zero.
pub(super) fn write_char(byte: u8, out: &mut BytesMut) {
    match byte {
        0 => {}
        1..=0x7f => out.put_u8(byte),
        _ => write_bytes(&[byte], ByteaOutput::Escape, out),
    }
}
