//! Compressed bytes to plain ones: gzip, Zstandard and zip, told by their first bytes, not by the
//! name of the file.
//!
//! **Invariant:** a small file cannot become an endless one: what comes out is bounded by what went
//! in, times [`DECOMPRESSION_RATIO_MAX`].

use std::io::{self, BufReader, Chain, Cursor, ErrorKind, Read, Seek, SeekFrom, Take};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Crc;
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use crate::error::{Error, Result};
use crate::limits::{DECOMPRESSION_FREE_BYTES, DECOMPRESSION_RATIO_MAX, ZIP_MEMBERS_MAX};

/// Bytes that tell the format.
const MAGIC_BYTES: u64 = 4;

/// Plain bytes of any input that is read once, from front to back.
///
/// # Errors
///
/// [`Error::Unsupported`] for a zip archive, whose table of contents is at its end: see [`open`].
/// [`Error::Io`] if the input fails. Damage shows while reading, as an [`io::Error`].
pub fn decompress(mut input: Box<dyn Read + Send>, name: &str) -> Result<Box<dyn Read + Send>> {
    let mut first = Vec::new();
    let read = input.by_ref().take(MAGIC_BYTES).read_to_end(&mut first);
    read.map_err(|error| Error::io("read", name, error))?;
    let taken = Arc::new(AtomicU64::new(0));
    let whole: Chain<Cursor<Vec<u8>>, Box<dyn Read + Send>> =
        Cursor::new(first.clone()).chain(input);
    match first.as_slice() {
        [0x1f, 0x8b, ..] => {
            let input = BufReader::new(Counted { input: whole, taken: Arc::clone(&taken) });
            Ok(guarded(MultiGzDecoder::new(input), taken))
        }
        [0x28, 0xb5, 0x2f, 0xfd] => {
            let input = Counted { input: whole, taken: Arc::clone(&taken) };
            let decoder = zstd::Decoder::new(input);
            let decoder = decoder.map_err(|error| Error::io("decompress", name, error))?;
            Ok(guarded(decoder, taken))
        }
        first if is_zip(first) => {
            let what = format!("{name}: a zip archive in a stream (save it as a file)");
            Err(Error::Unsupported { what })
        }
        _ => Ok(Box::new(whole)),
    }
}

/// Plain bytes of a file: as [`decompress`], and the single member of a zip archive.
///
/// # Errors
///
/// [`Error::Io`] if the input fails, and those of [`unzip`].
pub fn open(
    mut input: impl Read + Seek + Send + 'static,
    name: &str,
) -> Result<Box<dyn Read + Send>> {
    let mut first = Vec::new();
    let read = input.by_ref().take(MAGIC_BYTES).read_to_end(&mut first);
    let back = read.and_then(|_| input.seek(SeekFrom::Start(0)));
    back.map_err(|error| Error::io("read", name, error))?;
    if is_zip(&first) { unzip(input, name) } else { decompress(Box::new(input), name) }
}

/// Whether the first bytes of a file are those of a zip archive.
pub fn is_zip(first: &[u8]) -> bool {
    first.starts_with(b"PK\x03\x04") || first.starts_with(b"PK\x05\x06")
}

/// The plain bytes of the one member of a zip archive. Folders, hidden files and what macOS adds
/// do not count.
///
/// # Errors
///
/// [`Error::Syntax`] for a damaged archive, or one with no or several members, which it lists;
/// [`Error::Unsupported`] for encrypted ones and for methods other than "deflate".
pub fn unzip(input: impl Read + Seek + Send + 'static, name: &str) -> Result<Box<dyn Read + Send>> {
    let damaged = |error: ZipError| Error::syntax(name, format!("zip archive: {error}"));
    let mut archive = ZipArchive::new(input).map_err(damaged)?;
    if archive.len() > ZIP_MEMBERS_MAX {
        let (actual, limit) = (archive.len() as u64, ZIP_MEMBERS_MAX as u64);
        return Err(Error::Limit { what: "the number of members of a zip archive", actual, limit });
    }
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(damaged)?;
        let path = String::from_utf8_lossy(member.name_raw()).into_owned();
        let file = path.rsplit('/').next().unwrap_or_default();
        if !member.is_dir() && !file.starts_with('.') && !path.starts_with("__MACOSX/") {
            members.push((index, path));
        }
    }
    let index = match members.as_slice() {
        [(index, _)] => *index,
        [] => return Err(Error::syntax(name, "the zip archive is empty")),
        several => {
            let paths: Vec<&str> = several.iter().map(|(_, path)| path.as_str()).take(20).collect();
            let count = several.len();
            let reason = format!(
                "the zip archive has {count} files; unpack it and name the files to read: {}",
                paths.join(", ")
            );
            return Err(Error::syntax(name, reason));
        }
    };
    let member = archive.by_index_raw(index).map_err(damaged)?;
    if member.encrypted() {
        return Err(Error::Unsupported { what: format!("{name}: an encrypted zip archive") });
    }
    let (method, crc32, len) = (member.compression(), member.crc32(), member.compressed_size());
    let start = member.data_start();
    let start = start.ok_or_else(|| Error::syntax(name, "zip archive: a member has no data"))?;
    drop(member);
    let mut input = archive.into_inner();
    input.seek(SeekFrom::Start(start)).map_err(|error| Error::io("read", name, error))?;
    let taken = Arc::new(AtomicU64::new(0));
    let input: Take<_> = Counted { input, taken: Arc::clone(&taken) }.take(len);
    match method {
        CompressionMethod::Stored => Ok(guarded(Checked::new(input, crc32), taken)),
        CompressionMethod::Deflated => {
            Ok(guarded(Checked::new(DeflateDecoder::new(input), crc32), taken))
        }
        other => Err(Error::Unsupported { what: format!("{name}: zip compression {other:?}") }),
    }
}

fn guarded(input: impl Read + Send + 'static, taken: Arc<AtomicU64>) -> Box<dyn Read + Send> {
    Box::new(Guarded { input, taken, given: 0 })
}

/// Counts what is read.
struct Counted<R> {
    input: R,
    taken: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(out)?;
        self.taken.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Fails when more comes out than can be honest.
struct Guarded<R> {
    input: R,
    taken: Arc<AtomicU64>,
    given: u64,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(out)?;
        self.given += count as u64;
        let honest = self.taken.load(Ordering::Relaxed).saturating_mul(DECOMPRESSION_RATIO_MAX);
        if self.given > DECOMPRESSION_FREE_BYTES.max(honest) {
            let reason = format!("more than {DECOMPRESSION_RATIO_MAX} times its compressed size");
            return Err(io::Error::new(ErrorKind::InvalidData, reason));
        }
        Ok(count)
    }
}

/// Compares the checksum of a member at its end.
struct Checked<R> {
    input: R,
    crc: Crc,
    expected: u32,
}

impl<R> Checked<R> {
    fn new(input: R, expected: u32) -> Self {
        Self { input, crc: Crc::new(), expected }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(out)?;
        self.crc.update(out.get(..count).unwrap_or_default());
        if count == 0 && !out.is_empty() && self.crc.sum() != self.expected {
            let reason = "the checksum in the zip archive is another: the file is damaged";
            return Err(io::Error::new(ErrorKind::InvalidData, reason));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::result;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    const TEXT: &str = "DATAFLOW,FREQ\nECB:EXR(1.0),D\n";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn read(bytes: Vec<u8>) -> result::Result<String, String> {
        let mut input = open(Cursor::new(bytes), "data").map_err(|error| error.to_string())?;
        let mut text = String::new();
        input.read_to_string(&mut text).map_err(|error| error.to_string())?;
        Ok(text)
    }

    #[test]
    fn reads_every_format() {
        let plain = TEXT.as_bytes();
        assert_eq!(read(plain.to_vec()).unwrap(), TEXT);
        assert_eq!(read(Vec::new()).unwrap(), "");
        assert_eq!(read(gzip(plain)).unwrap(), TEXT);
        assert_eq!(read([gzip(plain), gzip(plain)].concat()).unwrap(), TEXT.repeat(2));
        assert_eq!(read(zstd::encode_all(plain, 1).unwrap()).unwrap(), TEXT);
        let members: [(&str, &[u8]); 2] = [("__MACOSX/a.csv", b"x"), ("d/a.csv", plain)];
        assert_eq!(read(zip_of(&members)).unwrap(), TEXT);
    }

    #[test]
    fn refuses_what_is_damaged_or_unclear() {
        let check = |bytes: Vec<u8>, expected: &str| {
            let error = read(bytes).expect_err("read");
            assert!(error.contains(expected), "{error}");
        };
        let mut cut = gzip(TEXT.as_bytes());
        cut.truncate(cut.len() - 6);
        check(cut, "");
        check(zip_of(&[("a.csv", b"x"), ("b.csv", b"y")]), "2 files");
        check(zip_of(&[]), "is empty");
        let mut wrong = zip_of(&[("a.csv", b"stored text that is long enough")]);
        let at = wrong.windows(2).position(|window| window == b"PK").unwrap() + 35;
        wrong[at] ^= 1;
        check(wrong, "");
        let input: Box<dyn Read + Send> = Box::new(Cursor::new(zip_of(&[("a", b"x")])));
        assert!(matches!(decompress(input, "-"), Err(Error::Unsupported { .. })));
    }

    #[test]
    fn stops_when_too_much_comes_out() {
        let zeros = vec![0; 80 << 20];
        let bomb = zstd::encode_all(zeros.as_slice(), 1).unwrap();
        assert!(bomb.len() < 32 << 10, "{}", bomb.len());
        let mut input = open(Cursor::new(bomb), "bomb").unwrap();
        let error = io::copy(&mut input, &mut io::sink()).expect_err("read it all");
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }
}
