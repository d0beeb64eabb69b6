//! Input that is read, and decompressed, on a thread of its own, while what it gave is parsed.

use std::io::{self, ErrorKind, Read};
use std::mem;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// Bytes that are handed over at a time.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that wait to be parsed, at most.
const PIECES_MAX: usize = 8;

/// Reads what another thread has read.
pub(super) struct Ahead {
    /// Pieces in their order; an empty one is the end.
    full: Receiver<io::Result<Vec<u8>>>,
    /// The memory of pieces that were parsed.
    empty: Sender<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
    is_end: bool,
}

impl Ahead {
    /// Begins to read `input`. The thread ends with the input, or soon after nobody wants the rest.
    ///
    /// # Errors
    ///
    /// Where the operating system gives no thread.
    pub(super) fn new(input: Box<dyn Read + Send>) -> io::Result<Self> {
        let (to_parse, full) = sync_channel(PIECES_MAX);
        let (empty, parsed) = channel();
        thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || read_all(input, &to_parse, &parsed))?;
        Ok(Self { full, empty, piece: Vec::new(), at: 0, is_end: false })
    }
}

/// Reads to the end, to the first error, or until nobody wants more.
fn read_all(
    mut input: Box<dyn Read + Send>,
    to_parse: &SyncSender<io::Result<Vec<u8>>>,
    parsed: &Receiver<Vec<u8>>,
) {
    loop {
        let mut piece = parsed.try_recv().unwrap_or_default();
        piece.resize(PIECE_BYTES, 0);
        let read = match input.read(&mut piece) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read,
        };
        let is_last = !matches!(read, Ok(1..));
        let found = read.map(|count| {
            piece.truncate(count);
            piece
        });
        if to_parse.send(found).is_err() || is_last {
            return;
        }
    }
}

impl Read for Ahead {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() && !self.is_end {
            let ended = |_| io::Error::other("the thread that reads the input ended");
            let piece = self.full.recv().map_err(ended)??;
            self.is_end = piece.is_empty();
            self.at = 0;
            // Where the other thread is done, nobody needs the memory.
            drop(self.empty.send(mem::replace(&mut self.piece, piece)));
        }
        let left = self.piece.get(self.at..).unwrap_or_default();
        let count = left.len().min(out.len());
        out[..count].copy_from_slice(&left[..count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes a few at a time, then an error or the end.
    struct Slow(Vec<u8>, Option<ErrorKind>);

    impl Read for Slow {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(out.len()).min(100_003);
            let error = self.1.filter(|_| count == 0);
            if let Some(kind) = error {
                return Err(kind.into());
            }
            out[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }

    #[test]
    fn what_comes_out_is_what_went_in() {
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
        let mut ahead = Ahead::new(Box::new(Slow(bytes.clone(), None))).expect("a thread");
        let mut found = Vec::new();
        ahead.read_to_end(&mut found).expect("read");
        assert!(found == bytes);
        assert_eq!(ahead.read(&mut [0; 10]).expect("still the end"), 0);
    }

    #[test]
    fn an_error_comes_after_what_was_read_before_it() {
        let slow = Slow(vec![7; 600_000], Some(ErrorKind::TimedOut));
        let mut ahead = Ahead::new(Box::new(slow)).expect("a thread");
        let mut found = Vec::new();
        let error = ahead.read_to_end(&mut found).expect_err("an error");
        assert_eq!((error.kind(), found.len()), (ErrorKind::TimedOut, 600_000));
        ahead.read(&mut [0; 10]).expect_err("no end either");
    }

    #[test]
    fn nobody_need_read_to_the_end() {
        let mut ahead = Ahead::new(Box::new(io::repeat(1))).expect("a thread");
        assert_eq!(ahead.read(&mut [0; 10]).expect("read"), 10);
        drop(ahead);
    }
}
