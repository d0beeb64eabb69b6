//! The transaction of a session.
//!
//! As in PostgreSQL's "read committed", each statement sees the newest state until the transaction
//! writes; from then on it sees the state that it wrote on, with its own rows.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::limits::{COMMIT_MESSAGE_CHARS_MAX, SAVEPOINTS_MAX};
use crate::query::Session;
use crate::query::session::ready::Visible;
use crate::query::session::statement::State;
use crate::query::write::{Transact, WriterIdentity};
use crate::store::{LoadOptions, LoadReport, Mark, Snapshot, Transaction};

/// A moment of a transaction that it can go back to.
#[derive(Debug)]
struct Savepoint {
    name: String,
    /// What was written until then; absent if nothing was.
    mark: Option<Mark>,
    /// How many statements had written until then.
    tags: usize,
}

/// A transaction that a client has begun.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// Absent until something is written, and while a statement writes.
    transaction: Option<Transaction>,
    savepoints: Vec<Savepoint>,
    /// What its statements did, for the message of the commit.
    tags: Vec<String>,
    is_failed: bool,
    is_writing: bool,
}

impl State {
    /// What the next statement sees: the transaction's own rows, or the pinned state. Absent for
    /// the newest.
    pub(super) fn visible(&mut self) -> Result<Option<Visible>> {
        if let Some(open) = &mut self.open {
            open.check_idle()?;
            if let Some(transaction) = &mut open.transaction {
                return Ok(Some(Visible::Own(transaction.snapshot()?)));
            }
        }
        // A release is seen on top of what is newest.
        let pinned = self.pinned.clone().filter(|_| self.preview.is_none());
        Ok(pinned.map(Visible::Shared))
    }

    /// Forgets what was planned on own rows.
    fn forget_own(&mut self) {
        if self.open.as_ref().is_some_and(|open| open.transaction.is_some()) {
            self.ready = None;
        }
    }
}

impl Open {
    fn check_idle(&self) -> Result<()> {
        if !self.is_writing {
            return Ok(());
        }
        let reason = "another statement of it is still writing";
        Err(Error::invalid("transaction", reason))
    }
}

/// The transaction that a statement writes in: the one that the client has begun, or one of its
/// own. Unless the statement is done, nothing of it stays.
pub(super) struct Lease<'a> {
    session: &'a Session,
    transaction: Option<Transaction>,
    /// Where the statement began, in a transaction that the client has begun.
    mark: Option<Mark>,
}

impl Lease<'_> {
    /// The transaction.
    ///
    /// # Errors
    ///
    /// [`Error::Bug`] after the end.
    pub(super) fn transaction(&mut self) -> Result<&mut Transaction> {
        self.transaction.as_mut().ok_or_else(|| Error::bug("a transaction that has ended"))
    }

    /// Whether the statement is one of a transaction that the client has begun.
    pub(super) fn is_open(&self) -> bool {
        self.mark.is_some()
    }

    /// Ends the statement: keeps what it wrote in the client's transaction, or commits its own.
    /// Returns the number of the commit.
    pub(super) fn finish(mut self, tag: &str) -> Result<Option<u64>> {
        if self.is_open() {
            // A bad row is told to the statement that it came with.
            self.transaction()?.check()?;
            self.session.with(|state| {
                if let Some(open) = &mut state.open {
                    open.tags.push(tag.to_owned());
                }
            });
            self.mark = self.transaction()?.mark().into();
            return Ok(None);
        }
        let Some(transaction) = self.transaction.take() else { return Ok(None) };
        let options = self.session.commit_options(&[tag.to_owned()])?;
        Ok(transaction.commit(options)?.commit)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let (Some(mut transaction), Some(mark)) = (self.transaction.take(), self.mark) else {
            return;
        };
        transaction.back_to(mark);
        self.session.with(|state| {
            if let Some(open) = &mut state.open {
                open.is_writing = false;
                open.transaction = Some(transaction).filter(|known| !known.is_empty());
            }
        });
    }
}

impl Session {
    /// Lets the session write in this name, or not write at all.
    pub fn set_writer(&self, writer: Option<WriterIdentity>) {
        self.with(|state| state.writer = writer);
    }

    /// Whether it may write.
    pub fn is_writer(&self) -> bool {
        self.with(|state| state.writer.is_some())
    }

    /// Whether a transaction is open.
    pub fn is_in_transaction(&self) -> bool {
        self.with(|state| state.open.is_some())
    }

    /// Whether the open transaction has failed, so that only its end can follow.
    pub fn is_failed(&self) -> bool {
        self.with(|state| state.open.as_ref().is_some_and(|open| open.is_failed))
    }

    /// Begins a transaction, unless one is open.
    pub fn begin(&self) {
        self.with(|state| {
            state.open.get_or_insert_default();
        });
    }

    /// Commits the transaction. Absent if it had failed and was given up instead.
    ///
    /// # Errors
    ///
    /// Those of [`Transaction::commit`]; the transaction is given up then.
    pub fn commit(&self) -> Result<Option<LoadReport>> {
        let open = self.with(|state| {
            state.open.as_ref().map_or(Ok(()), Open::check_idle)?;
            state.forget_own();
            Ok::<_, Error>(state.open.take())
        })?;
        let Some(open) = open else { return Ok(Some(LoadReport::default())) };
        if open.is_failed {
            return Ok(None);
        }
        let Some(transaction) = open.transaction else { return Ok(Some(LoadReport::default())) };
        let options = self.commit_options(&open.tags)?;
        transaction.commit(options).map(Some)
    }

    /// Gives the transaction up.
    pub fn rollback(&self) {
        self.with(|state| {
            state.forget_own();
            state.open = None;
        });
    }

    /// Sets a savepoint in the open transaction.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] outside a transaction; [`Error::Limit`] for too many.
    pub fn savepoint(&self, name: &str) -> Result<()> {
        self.in_transaction("SAVEPOINT", |open| {
            if open.savepoints.len() >= SAVEPOINTS_MAX {
                let (actual, limit) = (open.savepoints.len() as u64 + 1, SAVEPOINTS_MAX as u64);
                return Err(Error::Limit { what: "the number of savepoints", actual, limit });
            }
            let mark = open.transaction.as_ref().map(Transaction::mark);
            let (name, tags) = (name.to_owned(), open.tags.len());
            open.savepoints.push(Savepoint { name, mark, tags });
            Ok(())
        })
    }

    /// Forgets a savepoint and those after it, and keeps what was written since.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] outside a transaction; [`Error::NotFound`].
    pub fn release(&self, name: &str) -> Result<()> {
        self.in_transaction("RELEASE SAVEPOINT", |open| {
            let place = open.place(name)?;
            open.savepoints.truncate(place);
            Ok(())
        })
    }

    /// Gives up what was written since a savepoint, also in a transaction that has failed.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] outside a transaction; [`Error::NotFound`].
    pub fn rollback_to(&self, name: &str) -> Result<()> {
        self.in_transaction("ROLLBACK TO SAVEPOINT", |open| {
            let place = open.place(name)?;
            open.savepoints.truncate(place + 1);
            open.is_failed = false;
            let Some(savepoint) = open.savepoints.last() else { return Ok(()) };
            open.tags.truncate(savepoint.tags);
            match (savepoint.mark, &mut open.transaction) {
                (Some(mark), Some(transaction)) => transaction.back_to(mark),
                (_, transaction) => *transaction = None,
            }
            Ok(())
        })
    }

    fn in_transaction<T>(
        &self,
        what: &str,
        change: impl FnOnce(&mut Open) -> Result<T>,
    ) -> Result<T> {
        self.with(|state| {
            let open = state.open.as_mut().ok_or_else(|| {
                Error::invalid(what, "can only be used in a transaction; write BEGIN first")
            })?;
            open.check_idle()?;
            change(open)
        })
    }

    /// Notes that a statement failed: of an open transaction, only the end can follow.
    pub fn fail(&self) {
        self.with(|state| {
            if let Some(open) = &mut state.open {
                open.is_failed = true;
            }
        });
    }

    /// Refuses a statement in a transaction that has failed.
    pub(super) fn check_failed(&self) -> Result<()> {
        if !self.is_failed() {
            return Ok(());
        }
        let reason = "has failed, and statements are ignored until ROLLBACK";
        Err(Error::invalid("transaction", reason))
    }

    /// Does what is asked of the transaction, and returns the tag of the answer.
    pub(super) fn transact(&self, command: &Transact) -> Result<&'static str> {
        match command {
            Transact::Begin => {
                self.check_failed()?;
                self.begin();
                Ok("BEGIN")
            }
            Transact::Commit => match self.commit()? {
                Some(_) => Ok("COMMIT"),
                None => Ok("ROLLBACK"),
            },
            Transact::Rollback => {
                self.rollback();
                Ok("ROLLBACK")
            }
            Transact::Savepoint(name) => {
                self.check_failed()?;
                self.savepoint(name).map(|()| "SAVEPOINT")
            }
            Transact::Release(name) => {
                self.check_failed()?;
                self.release(name).map(|()| "RELEASE")
            }
            Transact::RollbackTo(name) => self.rollback_to(name).map(|()| "ROLLBACK"),
        }
    }

    /// Refuses to write for a session that only reads.
    pub(super) fn check_writer(&self) -> Result<()> {
        if !self.is_writer() {
            let what = "writing without the right to (reads only)".to_owned();
            return Err(Error::Unsupported { what });
        }
        let (as_of, preview) = self.with(|state| (state.settings.as_of(), state.preview.clone()));
        if preview.is_some() {
            let reason = "shows a release before its time, which cannot be written; RESET it first";
            return Err(Error::invalid("sdmx.release", reason));
        }
        as_of?.map_or(Ok(()), |_| {
            let reason = "shows the past, which cannot be written; RESET it first";
            Err(Error::invalid("sdmx.as_of", reason))
        })
    }

    /// The state that the next statement would write on, without own rows.
    pub(super) fn base(&self) -> Result<Arc<Snapshot>> {
        let known = self.with(|state| {
            let open = state.open.as_ref().and_then(|open| open.transaction.as_ref());
            let base = open.map(|transaction| Arc::clone(transaction.base()));
            base.or_else(|| state.pinned.clone())
        });
        known.map_or_else(|| self.engine.database().snapshot(), Ok)
    }

    /// The transaction for a statement that writes. What it writes follows from what it reads, so
    /// it may not read an earlier state.
    pub(super) fn lease(&self) -> Result<Lease<'_>> {
        self.check_failed()?;
        self.check_writer()?;
        let newest = self.engine.database().snapshot()?;
        self.with(|state| {
            let base = state.pinned.as_ref().unwrap_or(&newest);
            let begin = || Transaction::begin(self.engine.database(), base);
            let Some(open) = &mut state.open else {
                return Ok(Lease { session: self, transaction: Some(begin()), mark: None });
            };
            open.check_idle()?;
            let transaction = open.transaction.take().unwrap_or_else(begin);
            open.is_writing = true;
            let mark = Some(transaction.mark());
            Ok(Lease { session: self, transaction: Some(transaction), mark })
        })
    }

    /// How a commit is made: by whom, when, and with what the statements did for its message.
    fn commit_options(&self, tags: &[String]) -> Result<LoadOptions> {
        let writer = self.with(|state| state.writer.clone());
        let writer = writer.ok_or_else(|| Error::bug("a commit without a writer"))?;
        let message: String = tags.join("; ").chars().take(COMMIT_MESSAGE_CHARS_MAX).collect();
        Ok(LoadOptions { author: writer.author, message, ..LoadOptions::at((writer.clock)()) })
    }
}

impl Open {
    fn place(&self, name: &str) -> Result<usize> {
        let found = self.savepoints.iter().rposition(|known| known.name == name);
        found.ok_or_else(|| Error::not_found("savepoint", name))
    }
}
