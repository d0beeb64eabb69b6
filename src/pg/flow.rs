//! Rows on their way from the threads of queries to a socket.
//!
//! A task on the runtime of queries pulls batches and encodes them into pieces of some 64 KiB. It
//! is asked for a number of rows at a time and stops when the channel is full, so a slow reader
//! costs a few pieces and not the answer. Dropping the [`Flow`] stops the query.

use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use bytes::{Buf, BufMut, BytesMut};
use futures::{Stream, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::error::Result;
use crate::limits::{PG_PIECE_BYTES, PG_PIECES_MAX};
use crate::pg::copy::CopyEncoder;
use crate::pg::encode::RowEncoder;
use crate::pg::errors::Fault;
use crate::pg::types::Format;
use crate::query::cancel::{CancelReason, CancelToken};

/// Rows as they are calculated.
pub(super) type Batches = Pin<Box<dyn Stream<Item = Result<RecordBatch>> + Send>>;

/// What a client should know of an answer once it has ended: why it is empty.
pub(super) type Notes = Arc<Mutex<Vec<String>>>;

/// Rows of the first piece, before their size is known.
const FIRST_PIECE_ROWS: usize = 256;

/// Turns batches into messages.
pub(super) enum Encoder {
    Rows(RowEncoder),
    Copy(CopyEncoder),
}

/// What comes next.
pub(super) enum Piece {
    /// Complete messages, and how many rows they are.
    Rows(BytesMut, usize),
    /// As many rows as were asked for have come.
    Pause,
    End,
    Failed(Fault),
}

/// An answer that is being sent.
pub(super) struct Flow {
    grants: mpsc::Sender<usize>,
    pieces: mpsc::Receiver<Piece>,
    task: JoinHandle<()>,
    token: CancelToken,
}

impl Flow {
    /// Starts a query, which waits to be asked for rows.
    pub(super) fn start(
        queries: &Handle,
        batches: Batches,
        encoder: Encoder,
        token: CancelToken,
    ) -> Self {
        let (grants, granted) = mpsc::channel(1);
        let (sender, pieces) = mpsc::channel(PG_PIECES_MAX);
        let (head, piece_rows) = (BytesMut::new(), FIRST_PIECE_ROWS);
        let producer = Producer { batches, encoder, head, pieces: sender, piece_rows };
        let task = queries.spawn(producer.run(granted));
        Self { grants, pieces, task, token }
    }

    /// Asks for so many rows; [`Flow::next`] gives them and then a pause, or the end.
    pub(super) async fn grant(&self, rows: usize) {
        // A producer that has ended says so when it is asked for a piece.
        self.grants.send(rows).await.unwrap_or_default();
    }

    pub(super) async fn next(&mut self) -> Piece {
        match self.pieces.recv().await {
            Some(piece) => piece,
            None => Piece::Failed(Fault::new("XX000", "internal error: a query has vanished")),
        }
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        // Operators that run in tasks of their own look at the token.
        self.token.cancel(CancelReason::Request);
        self.task.abort();
    }
}

struct Producer {
    batches: Batches,
    encoder: Encoder,
    /// What goes before the first row of a COPY and has to be in its message.
    head: BytesMut,
    pieces: mpsc::Sender<Piece>,
    piece_rows: usize,
}

/// What is left of a batch.
struct Rest {
    batch: RecordBatch,
    at: usize,
}

impl Producer {
    async fn run(mut self, mut granted: mpsc::Receiver<usize>) {
        let mut rest: Option<Rest> = None;
        if let Err(fault) = self.begin().await {
            drop(self.pieces.send(Piece::Failed(fault)).await);
            return;
        }
        while let Some(rows) = granted.recv().await {
            let last = match self.produce(&mut rest, rows).await {
                Ok(true) => Piece::Pause,
                Ok(false) => Piece::End,
                Err(fault) => Piece::Failed(fault),
            };
            let goes_on = matches!(last, Piece::Pause);
            if self.pieces.send(last).await.is_err() || !goes_on {
                return;
            }
        }
    }

    /// What goes before the first row of a COPY.
    async fn begin(&mut self) -> Result<(), Fault> {
        if let Encoder::Copy(encoder) = &mut self.encoder {
            let mut bytes = BytesMut::new();
            encoder.begin(&mut bytes).map_err(Fault::from)?;
            match encoder.format() {
                Format::Text => self.send(bytes, 0).await?,
                // Clients look for the head of a binary COPY where PostgreSQL has it.
                Format::Binary => self.head = bytes,
            }
        }
        Ok(())
    }

    /// Sends so many rows. Says whether there may be more.
    async fn produce(&mut self, rest: &mut Option<Rest>, mut rows: usize) -> Result<bool, Fault> {
        while rows > 0 {
            let Rest { batch, at } = if let Some(rest) = rest.take() {
                rest
            } else {
                let Some(batch) = self.batches.next().await else {
                    self.finish().await?;
                    return Ok(false);
                };
                Rest { batch: batch?, at: 0 }
            };
            let count = (batch.num_rows() - at).min(rows).min(self.piece_rows);
            if count == 0 {
                continue;
            }
            // Rows are seldom all as long as those before them.
            let mut bytes = BytesMut::with_capacity(PG_PIECE_BYTES + PG_PIECE_BYTES / 8);
            match &mut self.encoder {
                Encoder::Rows(encoder) => encoder.encode(&batch, at..at + count, &mut bytes)?,
                Encoder::Copy(encoder) => encoder.encode(&batch.slice(at, count), &mut bytes)?,
            }
            let row_bytes = (bytes.len() / count).max(1);
            self.piece_rows = (PG_PIECE_BYTES / row_bytes).clamp(1, 16_384);
            self.send(bytes, count).await?;
            rows -= count;
            if at + count < batch.num_rows() {
                *rest = Some(Rest { batch, at: at + count });
            }
        }
        Ok(true)
    }

    async fn finish(&mut self) -> Result<(), Fault> {
        if let Encoder::Copy(encoder) = &mut self.encoder {
            let mut bytes = BytesMut::new();
            encoder.finish(&mut bytes);
            self.send(bytes, 0).await?;
        }
        Ok(())
    }

    async fn send(&mut self, bytes: BytesMut, rows: usize) -> Result<(), Fault> {
        let bytes = joined(&mem::take(&mut self.head), bytes);
        let sent = self.pieces.send(Piece::Rows(bytes, rows)).await;
        sent.map_err(|_| Fault::new("57014", "nobody waits for the answer"))
    }
}

/// The messages of `bytes`, with the content of the message `head` at the beginning of the first.
fn joined(head: &[u8], bytes: BytesMut) -> BytesMut {
    let (Some(head), Some(([kind, length @ ..], rest))) =
        (head.get(5..), bytes.split_first_chunk::<5>())
    else {
        return bytes;
    };
    let length = length.as_slice().get_u32();
    let Some(length) = u32::try_from(head.len()).ok().and_then(|more| length.checked_add(more))
    else {
        return bytes;
    };
    let mut all = BytesMut::with_capacity(head.len() + bytes.len());
    all.put_u8(*kind);
    all.put_u32(length);
    all.put_slice(head);
    all.put_slice(rest);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_binary_copy_is_in_the_first_message() {
        let found = joined(b"d\0\0\0\x06hi", BytesMut::from(&b"d\0\0\0\x05ad\0\0\0\x05b"[..]));
        assert_eq!(&found[..], b"d\0\0\0\x07hiad\0\0\0\x05b");
        assert_eq!(&joined(b"", BytesMut::from(&b"abcdef"[..]))[..], b"abcdef");
    }
}
