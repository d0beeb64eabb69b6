//! The rows of a cursor, and where in them it stands.
//!
//! Rows are numbered from 0. A cursor that scrolls keeps what it has read, on an account that all
//! cursors of the server share; another keeps the batch that it stands in.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt64Array};
use arrow::compute::take_record_batch;
use futures::{StreamExt, stream};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::error::Result;
use crate::limits::{Budget, Reservation};
use crate::pg::errors::Fault;
use crate::pg::flow::Batches;
use crate::pg::sql::cursor::Direction;
use crate::query::error::from_datafusion;

/// Rows of one batch that goes backward.
const BACKWARD_ROWS: u64 = 4_096;

/// An open cursor.
pub(super) struct Scroll {
    input: Batches,
    /// Batches with the number of their first row; without gaps.
    kept: VecDeque<(u64, RecordBatch)>,
    read: u64,
    is_complete: bool,
    can_go_back: bool,
    /// Rows before the next one; the current row is the one before.
    place: Place,
    account: Reservation,
}

/// Where a cursor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    BeforeFirst,
    At(u64),
    /// After the last, of which the number follows.
    AfterLast(u64),
}

impl Place {
    /// The number of the row that comes next.
    fn next(self) -> u64 {
        match self {
            Self::BeforeFirst => 0,
            Self::At(row) => row + 1,
            Self::AfterLast(count) => count,
        }
    }
}

/// Which rows a FETCH asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    first: u64,
    count: u64,
    is_backward: bool,
    /// Whether the rows before `first` are passed over, and the place changes even without a row.
    moves: bool,
}

impl Scroll {
    pub(super) fn new(input: Batches, may_scroll: bool, budget: &Budget) -> Result<Self> {
        Ok(Self {
            input,
            kept: VecDeque::new(),
            read: 0,
            is_complete: false,
            can_go_back: may_scroll,
            place: Place::BeforeFirst,
            account: budget.reserve(0)?,
        })
    }

    /// Reads on until the row is there. Says whether there is such a row.
    async fn reach(&mut self, row: u64) -> Result<bool> {
        while !self.is_complete && self.read <= row {
            match self.input.next().await {
                Some(batch) => {
                    let batch = batch?;
                    if self.can_go_back {
                        self.account.grow(batch.get_array_memory_size() as u64)?;
                    }
                    let rows = batch.num_rows() as u64;
                    if rows > 0 {
                        self.kept.push_back((self.read, batch));
                    }
                    self.read += rows;
                }
                None => self.is_complete = true,
            }
            while !self.can_go_back
                && self.kept.front().is_some_and(|(first, b)| first + b.num_rows() as u64 <= row)
            {
                self.kept.pop_front();
            }
        }
        Ok(row < self.read)
    }

    /// The number of rows; all of them are read.
    async fn count(&mut self) -> Result<u64> {
        self.reach(u64::MAX).await?;
        Ok(self.read)
    }

    /// Rows from this one on: at most so many, and those of one batch.
    async fn rows(&mut self, row: u64, count: u64) -> Result<Option<RecordBatch>> {
        if !self.reach(row).await? {
            return Ok(None);
        }
        let found = self
            .kept
            .iter()
            .find(|(first, batch)| (*first..first + batch.num_rows() as u64).contains(&row));
        Ok(found.map(|(first, batch)| {
            let at = usize::try_from(row - first).unwrap_or(usize::MAX);
            let left = batch.num_rows() - at;
            batch.slice(at, usize::try_from(count).map_or(left, |count| count.min(left)))
        }))
    }

    /// What a direction means from here.
    async fn wanted(&mut self, direction: Direction) -> Result<Wanted, Fault> {
        let forward = |first, count| Wanted { first, count, is_backward: false, moves: true };
        let next = self.place.next();
        Ok(match direction {
            Direction::ForwardAll => forward(next, u64::MAX),
            Direction::Forward(0) | Direction::Relative(0) => match self.place {
                Place::At(row) => Wanted { moves: false, ..forward(row, 1) },
                _ => Wanted { moves: false, ..forward(next, 0) },
            },
            Direction::Forward(count) if count > 0 => forward(next, count.unsigned_abs()),
            Direction::Forward(count) => self.backward(count.unsigned_abs())?,
            Direction::BackwardAll => self.backward(u64::MAX)?,
            Direction::Absolute(0) => self.before_first()?,
            Direction::Absolute(row) if row > 0 => {
                let row = row.unsigned_abs() - 1;
                if row < next {
                    self.may_go_back()?;
                }
                forward(row, 1)
            }
            Direction::Absolute(row) => {
                self.may_go_back()?;
                match self.count().await?.checked_sub(row.unsigned_abs()) {
                    Some(row) => forward(row, 1),
                    None => self.before_first()?,
                }
            }
            Direction::Relative(rows) if rows > 0 => {
                forward(next.saturating_add(rows.unsigned_abs() - 1), 1)
            }
            Direction::Relative(rows) => {
                self.may_go_back()?;
                let current = match self.place {
                    Place::BeforeFirst => return self.before_first(),
                    Place::At(row) => row,
                    Place::AfterLast(count) => count,
                };
                match current.checked_sub(rows.unsigned_abs()) {
                    Some(row) => forward(row, 1),
                    None => self.before_first()?,
                }
            }
        })
    }

    /// No row, and the place before the first.
    fn before_first(&mut self) -> Result<Wanted, Fault> {
        if self.place != Place::BeforeFirst {
            self.may_go_back()?;
        }
        self.place = Place::BeforeFirst;
        Ok(Wanted { first: 0, count: 0, is_backward: false, moves: false })
    }

    fn backward(&self, count: u64) -> Result<Wanted, Fault> {
        self.may_go_back()?;
        let before = match self.place {
            Place::BeforeFirst => 0,
            Place::At(row) => row,
            Place::AfterLast(count) => count,
        };
        Ok(Wanted { first: before, count, is_backward: true, moves: true })
    }

    fn may_go_back(&self) -> Result<(), Fault> {
        if self.can_go_back {
            return Ok(());
        }
        let fault = Fault::new("55000", "cursor can only scan forward");
        Err(fault.hint("Declare it with SCROLL option to enable backward scan."))
    }

    /// The next of the wanted rows, and the place after them.
    async fn step(&mut self, wanted: &mut Wanted) -> Result<Option<RecordBatch>> {
        if wanted.count == 0 {
            return Ok(None);
        }
        if wanted.is_backward {
            return self.step_back(wanted).await;
        }
        let Some(batch) = self.rows(wanted.first, wanted.count).await? else {
            if wanted.moves {
                self.place = Place::AfterLast(self.read);
            }
            wanted.count = 0;
            return Ok(None);
        };
        let rows = batch.num_rows() as u64;
        (wanted.first, wanted.count) = (wanted.first + rows, wanted.count - rows);
        if wanted.moves {
            self.place = Place::At(wanted.first - 1);
        }
        Ok(Some(batch))
    }

    async fn step_back(&mut self, wanted: &mut Wanted) -> Result<Option<RecordBatch>> {
        let rows = wanted.count.min(wanted.first).min(BACKWARD_ROWS);
        if rows == 0 {
            (self.place, wanted.count) = (Place::BeforeFirst, 0);
            return Ok(None);
        }
        // The batch that holds the row before, as far back as it reaches.
        let last = wanted.first - 1;
        let start = self.kept.iter().rev().find(|(first, _)| *first <= last);
        let start = start.map_or(0, |(first, _)| *first).max(wanted.first - rows);
        let count = wanted.first - start;
        let Some(batch) = self.rows(start, count).await? else { return Ok(None) };
        let places: UInt64Array = (0..batch.num_rows() as u64).rev().collect();
        let batch = take_record_batch(&batch, &places);
        let batch = batch.map_err(|error| from_datafusion(&error.into()))?;
        (wanted.first, wanted.count) = (start, wanted.count - count);
        self.place = Place::At(start);
        Ok(Some(batch))
    }
}

/// The rows that a FETCH asks for, as they are read.
pub(super) async fn fetch(
    cursor: &Arc<Mutex<Scroll>>,
    direction: Direction,
) -> Result<Batches, Fault> {
    let mut scroll = Arc::clone(cursor).lock_owned().await;
    let wanted = scroll.wanted(direction).await?;
    let next = |(mut scroll, mut wanted): (OwnedMutexGuard<Scroll>, Wanted)| async move {
        let batch = scroll.step(&mut wanted).await.transpose()?;
        Some((batch, (scroll, wanted)))
    };
    Ok(Box::pin(stream::unfold((scroll, wanted), next)))
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::Int64Type;
    use futures::{FutureExt, TryStreamExt};

    use super::*;

    fn cursor(may_scroll: bool) -> Arc<Mutex<Scroll>> {
        // Ten rows in batches of three, with an empty one between.
        let batches = (0..10).collect::<Vec<i64>>();
        let batches: Vec<Result<RecordBatch>> = batches
            .chunks(3)
            .flat_map(|rows| [rows, &[]])
            .map(|rows| {
                let column = Arc::new(Int64Array::from(rows.to_vec()));
                Ok(RecordBatch::try_from_iter([("n", column as _)]).expect("a batch"))
            })
            .collect();
        let budget = Budget::new("cursors", 1 << 20);
        let scroll = Scroll::new(Box::pin(stream::iter(batches)), may_scroll, &budget);
        Arc::new(Mutex::new(scroll.expect("a cursor")))
    }

    fn rows(cursor: &Arc<Mutex<Scroll>>, direction: Direction) -> Result<Vec<i64>, Fault> {
        let batches = fetch(cursor, direction).now_or_never().expect("nothing waits")?;
        let batches = batches.try_collect::<Vec<RecordBatch>>();
        let batches = batches.now_or_never().expect("nothing waits")?;
        let values = batches
            .iter()
            .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
        Ok(values.collect())
    }

    #[test]
    fn goes_where_postgresql_goes() {
        let cursor = cursor(true);
        let check = |direction, expected: &[i64]| {
            assert_eq!(rows(&cursor, direction).as_deref(), Ok(expected), "{direction:?}");
        };
        check(Direction::Forward(0), &[]);
        check(Direction::Forward(4), &[0, 1, 2, 3]);
        check(Direction::Forward(0), &[3]);
        check(Direction::Forward(-2), &[2, 1]);
        check(Direction::Forward(-5), &[0]);
        check(Direction::Forward(1), &[0]);
        check(Direction::Absolute(-1), &[9]);
        check(Direction::Forward(1), &[]);
        check(Direction::Forward(-1), &[9]);
        check(Direction::Absolute(5), &[4]);
        check(Direction::Relative(3), &[7]);
        check(Direction::Relative(-2), &[5]);
        check(Direction::Relative(0), &[5]);
        check(Direction::BackwardAll, &[4, 3, 2, 1, 0]);
        check(Direction::ForwardAll, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        check(Direction::BackwardAll, &[9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
        check(Direction::Absolute(0), &[]);
        check(Direction::Forward(1), &[0]);
        check(Direction::Absolute(99), &[]);
        check(Direction::Forward(-1), &[9]);
    }

    #[test]
    fn goes_forward_only_unless_declared() {
        let cursor = cursor(false);
        assert_eq!(rows(&cursor, Direction::Forward(5)), Ok(vec![0, 1, 2, 3, 4]));
        assert_eq!(rows(&cursor, Direction::Forward(0)), Ok(vec![4]));
        assert_eq!(rows(&cursor, Direction::Absolute(8)), Ok(vec![7]));
        assert!(rows(&cursor, Direction::Forward(-1)).is_err_and(|fault| fault.code == "55000"));
        assert_eq!(rows(&cursor, Direction::ForwardAll), Ok(vec![8, 9]));
        assert_eq!(rows(&cursor, Direction::Forward(i64::MAX)), Ok(vec![]));
    }
}
