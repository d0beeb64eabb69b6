//! The sessions of a server, for those who want one of their statements stopped.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::query::cancel::{CancelReason, CancelToken};

/// Bytes of the secret that a client must know to cancel, before version 3.2 of the protocol.
const SECRET_BYTES: usize = 4;
/// From version 3.2 on.
const LONG_SECRET_BYTES: usize = 32;

/// The sessions of a server.
pub(super) struct Registry {
    next: AtomicI32,
    sessions: Mutex<HashMap<i32, Arc<Entry>>>,
}

/// One session, as others see it.
pub(super) struct Entry {
    pub(super) pid: i32,
    pub(super) secret: Bytes,
    /// Whose session it is.
    pub(super) user: String,
    running: Mutex<Option<CancelToken>>,
    /// Told when the whole session has to end.
    pub(super) ended: CancelToken,
}

impl Default for Registry {
    fn default() -> Self {
        Self { next: AtomicI32::new(1), sessions: Mutex::default() }
    }
}

impl Registry {
    /// Notes a new session; it is forgotten with [`Registry::leave`].
    pub(super) fn enter(&self, user: &str, has_long_secret: bool) -> Result<Arc<Entry>> {
        let length = if has_long_secret { LONG_SECRET_BYTES } else { SECRET_BYTES };
        let mut secret = vec![0; length];
        let filled = getrandom::fill(&mut secret);
        filled.map_err(|error| Error::bug(format!("no random numbers: {error}")))?;
        let mut sessions = self.sessions();
        let pid = loop {
            let pid = self.next.fetch_add(1, Ordering::Relaxed) & i32::MAX;
            if pid != 0 && !sessions.contains_key(&pid) {
                break pid;
            }
        };
        let (running, ended) = (Mutex::default(), CancelToken::default());
        let (secret, user) = (secret.into(), user.to_owned());
        let entry = Arc::new(Entry { pid, secret, user, running, ended });
        sessions.insert(pid, Arc::clone(&entry));
        Ok(entry)
    }

    pub(super) fn leave(&self, pid: i32) {
        self.sessions().remove(&pid);
    }

    /// Stops the statement of a session, if the secret is right.
    pub(super) fn cancel(&self, pid: i32, secret: &[u8]) {
        let entry = self.sessions().get(&pid).map(Arc::clone);
        if let Some(entry) = entry
            && is_equal(&entry.secret, secret)
        {
            entry.cancel(CancelReason::Request);
        }
    }

    /// Whose session it is. Absent if there is none.
    pub(super) fn owner(&self, pid: i32) -> Option<String> {
        self.sessions().get(&pid).map(|entry| entry.user.clone())
    }

    /// Stops the statement of a session. Says whether there is one.
    pub(super) fn cancel_backend(&self, pid: i32) -> bool {
        let entry = self.sessions().get(&pid).map(Arc::clone);
        entry.is_some_and(|entry| {
            entry.cancel(CancelReason::Request);
            true
        })
    }

    /// Ends a session. Says whether there is one.
    pub(super) fn terminate(&self, pid: i32) -> bool {
        let entry = self.sessions().get(&pid).map(Arc::clone);
        entry.is_some_and(|entry| {
            entry.terminate();
            true
        })
    }

    /// Ends all sessions as soon as they have answered what they were asked.
    pub(super) fn end_when_idle(&self) {
        let all: Vec<Arc<Entry>> = self.sessions().values().map(Arc::clone).collect();
        for entry in all {
            entry.ended.cancel(CancelReason::Terminated);
        }
    }

    /// Ends all sessions.
    pub(super) fn terminate_all(&self) {
        let all: Vec<Arc<Entry>> = self.sessions().values().map(Arc::clone).collect();
        for entry in all {
            entry.terminate();
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<i32, Arc<Entry>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Notes the statement that runs now.
    pub(super) fn start(&self, token: CancelToken) {
        *self.running() = Some(token);
    }

    pub(super) fn finish(&self) {
        *self.running() = None;
    }

    fn terminate(&self) {
        self.ended.cancel(CancelReason::Terminated);
        self.cancel(CancelReason::Terminated);
    }

    fn cancel(&self, reason: CancelReason) {
        if let Some(token) = self.running().as_ref() {
            token.cancel(reason);
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<CancelToken>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two secrets are equal, in a time that says nothing of where they differ.
fn is_equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_secret_cancels() {
        let registry = Registry::default();
        let entry = registry.enter("anna", false).expect("a session");
        let token = CancelToken::default();
        entry.start(token.clone());
        registry.cancel(entry.pid, b"");
        registry.cancel(entry.pid + 1, &entry.secret);
        assert_eq!(token.reason(), None);
        assert_eq!(registry.owner(entry.pid).as_deref(), Some("anna"));
        registry.cancel(entry.pid, &entry.secret);
        assert_eq!(token.reason(), Some(CancelReason::Request));
        entry.finish();
        registry.leave(entry.pid);
        assert!(!registry.cancel_backend(entry.pid));
        assert_eq!(registry.enter("anna", true).expect("another").secret.len(), LONG_SECRET_BYTES);
    }
}
