//! Transactions: which statements belong together, and what an error takes back.
//!
//! A transaction is about what was written, settings, cursors, which snapshot is seen, and the rule
//! that nothing goes on after an error until the client says how. What was written is kept by the
//! engine's session, which knows of a transaction only once it matters: the first time that one
//! writes, or sets a savepoint.

use pgwire::messages::response::TransactionStatus;

use crate::limits::PG_SAVEPOINTS_MAX;
use crate::pg::errors::Fault;
use crate::pg::portal::Portal;
use crate::pg::session::Session;
use crate::pg::settings::{Scope, Settings};
use crate::pg::sql::transaction::{Modes, Transact};

/// The state of a session's transaction.
#[derive(Default)]
pub(super) struct Transaction {
    phase: Phase,
    /// The settings at its beginning.
    before: Option<Settings>,
    savepoints: Vec<(String, Settings)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Each statement is a transaction of its own.
    #[default]
    Idle,
    /// The statements of one message are one.
    Implicit,
    Open,
    /// After an error, until ROLLBACK.
    Failed,
}

impl Transaction {
    pub(super) fn status(&self) -> TransactionStatus {
        match self.phase {
            Phase::Idle | Phase::Implicit => TransactionStatus::Idle,
            Phase::Open => TransactionStatus::Transaction,
            Phase::Failed => TransactionStatus::Error,
        }
    }

    pub(super) fn is_failed(&self) -> bool {
        self.phase == Phase::Failed
    }

    /// Whether there is one that a cursor may live in.
    pub(super) fn is_block(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Implicit)
    }

    /// Whether the client has begun one.
    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Savepoints that are open.
    pub(super) fn depth(&self) -> usize {
        self.savepoints.len()
    }
}

impl Session {
    /// Refuses any statement in a transaction that has failed.
    pub(super) fn check_failed(&self) -> Result<(), Fault> {
        if !self.transaction.is_failed() {
            return Ok(());
        }
        let text =
            "current transaction is aborted, commands ignored until end of transaction block";
        Err(Fault::new("25P02", text))
    }

    /// Makes the statements of one message one transaction.
    pub(super) fn begin_implicit(&mut self) {
        if self.transaction.phase == Phase::Idle {
            self.transaction.phase = Phase::Implicit;
            let before = self.settings().clone();
            self.transaction.before = Some(before);
        }
    }

    /// Ends what [`Session::begin_implicit`] has begun, and what a message without it has left.
    pub(super) async fn end_implicit(&mut self) -> Result<(), Fault> {
        if !matches!(self.transaction.phase, Phase::Idle | Phase::Implicit) {
            return Ok(());
        }
        let committed = self.commit_writes().await;
        if committed.is_err() {
            self.roll_back();
            return committed;
        }
        self.settings().commit();
        self.end();
        Ok(())
    }

    /// Notes an error.
    pub(super) fn fail(&mut self) {
        match self.transaction.phase {
            Phase::Open => {
                self.transaction.phase = Phase::Failed;
                self.retain_portals(is_kept);
            }
            Phase::Implicit => self.roll_back(),
            Phase::Idle => {
                self.settings().commit();
                self.retain_portals(is_kept);
            }
            Phase::Failed => {}
        }
    }

    /// Does what is asked of the transaction, and returns the tag of the answer.
    pub(super) async fn transact(&mut self, command: &Transact) -> Result<&'static str, Fault> {
        match command {
            Transact::Rollback { .. } | Transact::RollbackTo(_) | Transact::Commit { .. } => {}
            _ => self.check_failed()?,
        }
        match command {
            Transact::Begin { tag, modes } => {
                self.begin(modes)?;
                Ok(tag)
            }
            Transact::Commit { chain } => self.commit(*chain).await,
            Transact::Rollback { chain } => {
                self.check_block(*chain, "ROLLBACK AND CHAIN")?;
                let levels = self.modes_kept(*chain);
                self.roll_back();
                self.chain(levels)?;
                Ok("ROLLBACK")
            }
            Transact::Savepoint(name) => {
                self.needs_block("SAVEPOINT")?;
                if self.transaction.savepoints.len() >= PG_SAVEPOINTS_MAX {
                    return Err(Fault::new("54000", "too many savepoints in one transaction"));
                }
                let settings = self.settings().clone();
                self.join_transaction();
                self.query.savepoint(name)?;
                self.transaction.savepoints.push((name.clone(), settings));
                Ok("SAVEPOINT")
            }
            Transact::Release(name) => {
                self.needs_block("RELEASE SAVEPOINT")?;
                let place = self.savepoint(name)?;
                self.query.release(name)?;
                self.transaction.savepoints.truncate(place);
                Ok("RELEASE")
            }
            Transact::RollbackTo(name) => {
                if !self.transaction.is_failed() {
                    self.needs_block("ROLLBACK TO SAVEPOINT")?;
                }
                let place = self.savepoint(name)?;
                self.query.rollback_to(name)?;
                self.transaction.savepoints.truncate(place + 1);
                if let Some((_, settings)) = self.transaction.savepoints.last() {
                    *self.settings() = settings.clone();
                }
                self.retain_portals(|portal| match portal {
                    Portal::Cursor(cursor) => cursor.is_committed || cursor.depth <= place,
                    Portal::Bound(_) => true,
                });
                self.transaction.phase = Phase::Open;
                Ok("ROLLBACK")
            }
            Transact::Modes(modes) => {
                self.set_modes(modes)?;
                Ok("SET")
            }
            Transact::SessionModes(modes) => {
                for (name, value) in modes {
                    self.set(&format!("default_{name}"), Some(value), Scope::Session)?;
                }
                Ok("SET")
            }
        }
    }

    /// Sets modes of the transaction at hand.
    pub(super) fn set_modes(&mut self, modes: &Modes) -> Result<(), Fault> {
        if self.transaction.is_block() {
            return self.apply(modes);
        }
        let text = "SET TRANSACTION can only be used in transaction blocks";
        self.notices.push(Fault::warning("25P01", text));
        Ok(())
    }

    fn begin(&mut self, modes: &Modes) -> Result<(), Fault> {
        if self.transaction.is_open() {
            let text = "there is already a transaction in progress";
            self.notices.push(Fault::warning("25001", text));
            return Ok(());
        }
        if self.transaction.phase == Phase::Idle {
            let before = self.settings().clone();
            self.transaction.before = Some(before);
        }
        self.transaction.phase = Phase::Open;
        let defaults = ["transaction_isolation", "transaction_read_only", "transaction_deferrable"];
        let mut all: Modes = Vec::new();
        for name in defaults {
            all.push((name, self.settings().get(&format!("default_{name}"))?));
        }
        all.extend(modes.iter().cloned());
        self.apply(&all)
    }

    /// Applies modes to the transaction at hand; from "repeatable read" on it sees one snapshot.
    fn apply(&mut self, modes: &Modes) -> Result<(), Fault> {
        for (name, value) in modes {
            self.settings().set(name, Some(value), Scope::Local)?;
        }
        let level = self.settings().get("transaction_isolation")?;
        if matches!(level.as_str(), "repeatable read" | "serializable") {
            self.query.pin()?;
        } else {
            self.query.unpin();
        }
        Ok(())
    }

    async fn commit(&mut self, chain: bool) -> Result<&'static str, Fault> {
        self.check_block(chain, "COMMIT AND CHAIN")?;
        let levels = self.modes_kept(chain);
        let tag = if self.transaction.is_failed() {
            self.roll_back();
            "ROLLBACK"
        } else {
            if let Err(fault) = self.commit_writes().await {
                self.roll_back();
                return Err(fault);
            }
            self.settings().commit();
            self.end();
            "COMMIT"
        };
        self.chain(levels)?;
        Ok(tag)
    }

    fn check_block(&mut self, chain: bool, what: &str) -> Result<(), Fault> {
        if matches!(self.transaction.phase, Phase::Open | Phase::Failed) {
            return Ok(());
        }
        if chain {
            return self.needs_block(what);
        }
        self.notices.push(Fault::warning("25P01", "there is no transaction in progress"));
        Ok(())
    }

    fn modes_kept(&self, chain: bool) -> Option<Modes> {
        let names = ["transaction_isolation", "transaction_read_only", "transaction_deferrable"];
        chain.then(|| {
            let settings = self.settings();
            let value = |name| Some((name, settings.get(name).ok()?));
            names.into_iter().filter_map(value).collect()
        })
    }

    fn chain(&mut self, modes: Option<Modes>) -> Result<(), Fault> {
        match modes {
            Some(modes) => self.begin(&modes),
            None => Ok(()),
        }
    }

    fn roll_back(&mut self) {
        self.query.rollback();
        if let Some(before) = self.transaction.before.take() {
            *self.settings() = before;
        }
        self.settings().commit();
        self.retain_portals(is_kept);
        self.end();
    }

    fn end(&mut self) {
        self.transaction = Transaction::default();
        self.query.unpin();
        self.retain_portals(|portal| matches!(portal, Portal::Cursor(cursor) if cursor.is_held));
        self.keep_cursors();
    }

    fn needs_block(&self, what: &str) -> Result<(), Fault> {
        if self.transaction.is_open() || self.transaction.is_failed() {
            return Ok(());
        }
        Err(Fault::new("25P01", format!("{what} can only be used in transaction blocks")))
    }

    fn savepoint(&self, name: &str) -> Result<usize, Fault> {
        let found = self.transaction.savepoints.iter().rposition(|(known, _)| known == name);
        found.ok_or_else(|| Fault::new("3B001", format!("savepoint \"{name}\" does not exist")))
    }
}

/// Whether a portal outlives a transaction that is taken back.
fn is_kept(portal: &Portal) -> bool {
    matches!(portal, Portal::Cursor(cursor) if cursor.is_committed)
}
