//! The encodings of text that a client may ask for.
//!
//! All texts of this server are UTF-8. Latin 1 and Windows 1252, which some drivers of ODBC ask
//! for, are translated at the rim; a character that they do not have is refused by name.

use std::borrow::Cow;
use std::str;

use bytes::{Buf, BufMut, BytesMut};

use crate::pg::errors::Fault;

/// An encoding of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    Utf8,
    Latin1,
    Windows1252,
}

/// The characters of Windows 1252 from 0x80 to 0x9f; five are not used.
const WINDOWS: [Option<char>; 32] = [
    Some('€'),
    None,
    Some('‚'),
    Some('ƒ'),
    Some('„'),
    Some('…'),
    Some('†'),
    Some('‡'),
    Some('ˆ'),
    Some('‰'),
    Some('Š'),
    Some('‹'),
    Some('Œ'),
    None,
    Some('Ž'),
    None,
    None,
    Some('‘'),
    Some('’'),
    Some('“'),
    Some('”'),
    Some('•'),
    Some('–'),
    Some('—'),
    Some('˜'),
    Some('™'),
    Some('š'),
    Some('›'),
    Some('œ'),
    None,
    Some('ž'),
    Some('Ÿ'),
];

impl Charset {
    /// The encoding of this name, in any of the ways that PostgreSQL knows it.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        match plain.to_ascii_lowercase().as_str() {
            "utf8" | "unicode" | "sqlascii" | "auto" => Some(Self::Utf8),
            "latin1" | "iso88591" => Some(Self::Latin1),
            "win1252" | "windows1252" | "cp1252" => Some(Self::Windows1252),
            _ => None,
        }
    }

    /// Its name in PostgreSQL.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF8",
            Self::Latin1 => "LATIN1",
            Self::Windows1252 => "WIN1252",
        }
    }

    /// Text from a client.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<String, Fault> {
        let broken = |byte: u8| {
            let text =
                format!("invalid byte sequence for encoding \"{}\": 0x{byte:02x}", self.name());
            Fault::new("22021", text)
        };
        match self {
            Self::Utf8 => match str::from_utf8(bytes) {
                Ok(text) => Ok(text.to_owned()),
                Err(error) => Err(broken(bytes.get(error.valid_up_to()).copied().unwrap_or(0))),
            },
            Self::Latin1 => Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
            Self::Windows1252 => {
                let decode = |byte: &u8| match byte {
                    0x80..=0x9f => {
                        let place = usize::from(*byte - 0x80);
                        WINDOWS.get(place).copied().flatten().ok_or_else(|| broken(*byte))
                    }
                    _ => Ok(char::from(*byte)),
                };
                bytes.iter().map(decode).collect()
            }
        }
    }

    /// Text for a client.
    pub(super) fn encode(self, text: &str) -> Result<Cow<'_, [u8]>, Fault> {
        if self == Self::Utf8 || text.is_ascii() {
            return Ok(Cow::Borrowed(text.as_bytes()));
        }
        let encode = |character: char| {
            let byte = match self {
                Self::Windows1252 => {
                    let special = (0x80_u8..).zip(WINDOWS).find(|(_, c)| *c == Some(character));
                    let plain = u8::try_from(u32::from(character)).ok();
                    let plain = plain.filter(|byte| !(0x80..=0x9f).contains(byte));
                    special.map(|(byte, _)| byte).or(plain)
                }
                Self::Latin1 | Self::Utf8 => u8::try_from(u32::from(character)).ok(),
            };
            byte.ok_or_else(|| {
                let text = format!(
                    "character with byte sequence {:?} in encoding \"UTF8\" has no equivalent in \
                     encoding \"{}\"",
                    character,
                    self.name()
                );
                Fault::new("22P05", text).hint("SET client_encoding = 'UTF8'.")
            })
        };
        text.chars().map(encode).collect::<Result<Vec<u8>, Fault>>().map(Cow::Owned)
    }

    /// Translates complete `DataRow` messages; `is_text` says it of each column.
    pub(super) fn encode_rows(self, rows: &[u8], is_text: &[bool]) -> Result<BytesMut, Fault> {
        let cut = |_| Fault::new("XX000", "internal error: a row is cut");
        let mut out = BytesMut::with_capacity(rows.len());
        let mut rest = rows;
        while rest.has_remaining() {
            let kind = rest.get_u8();
            let length = rest.try_get_u32().map_err(cut)?;
            let count = rest.try_get_u16().map_err(cut)?;
            let mut row = BytesMut::with_capacity(usize::try_from(length).unwrap_or_default());
            for place in 0..usize::from(count) {
                let length = rest.try_get_i32().map_err(cut)?;
                let Ok(length) = usize::try_from(length) else {
                    row.put_i32(length);
                    continue;
                };
                let (field, after) = rest.split_at(length.min(rest.len()));
                rest = after;
                let field = match str::from_utf8(field) {
                    Ok(text) if is_text.get(place) == Some(&true) => self.encode(text)?,
                    _ => Cow::Borrowed(field),
                };
                row.put_i32(i32::try_from(field.len()).unwrap_or(i32::MAX));
                row.put_slice(&field);
            }
            out.put_u8(kind);
            out.put_u32(u32::try_from(row.len() + 6).unwrap_or(u32::MAX));
            out.put_u16(count);
            out.put_slice(&row);
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn translates_both_ways() {
        let check = |charset: Charset, bytes: &[u8], text: &str| {
            assert_eq!(charset.decode(bytes).as_deref(), Ok(text));
            assert_eq!(charset.encode(text).as_deref(), Ok(bytes));
        };
        check(Charset::Latin1, b"Cr\xe8te", "Crète");
        check(Charset::Windows1252, b"\x80 \x9f \xe9", "€ Ÿ é");
        check(Charset::Utf8, "€".as_bytes(), "€");
        assert!(Charset::Latin1.encode("€").is_err_and(|fault| fault.code == "22P05"));
        assert!(Charset::Windows1252.decode(b"\x81").is_err());
        assert!(Charset::Utf8.decode(b"a\xff").is_err_and(|fault| fault.code == "22021"));
        assert_eq!(Charset::parse("iso-8859-1"), Some(Charset::Latin1));
        assert_eq!(Charset::parse("KOI8"), None);
    }

    #[test]
    fn translates_rows() {
        let row = b"D\0\0\0\x14\0\x03\0\0\0\x02\xc3\xa9\xff\xff\xff\xff\0\0\0\0";
        let found = Charset::Latin1.encode_rows(row, &[true, true, true]).expect("translated");
        assert_eq!(&found[..], b"D\0\0\0\x13\0\x03\0\0\0\x01\xe9\xff\xff\xff\xff\0\0\0\0");
    }
}
