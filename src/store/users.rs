//! Who may do what over the network.
//!
//! Users are small facts of the catalogue, so a commit changes them like anything else, and every
//! program that has the database open sees the change. While there are none, servers let anybody on
//! their own machine read. Whoever can read the files needs no user: rights are for those who come
//! over a wire.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::catalog::{CommitRecord, Draft, State};
use crate::error::{Error, Result};
use crate::limits::{USER_NAME_BYTES_MAX, USERS_MAX};
use crate::store::Database;
use crate::store::secret::{Secret, random};

/// What the fact about a user is called: this and the name.
const PREFIX: &str = "user/";
/// The fact from which the salts of names follow that are no users.
const SEED: &str = "users seed";
/// How long a change of users waits for another writer.
const WAIT: Duration = Duration::from_secs(10);

/// What a user may do besides reading, which all of them may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Change data.
    Write,
    /// See releases before their time.
    Preview,
    /// All of these, and stop the statements of others.
    Admin,
}

impl Right {
    /// Every right that is granted, by name.
    pub const ALL: [Self; 3] = [Self::Write, Self::Preview, Self::Admin];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Preview => "preview",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Right {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|right| right.name() == text);
        found.ok_or_else(|| {
            let reason = "there is no such right; there are write, preview and admin, and every \
                          user may read";
            Error::invalid(format!("right {text:?}"), reason)
        })
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name that they log in with.
    pub name: String,
    /// What they may do besides reading.
    pub rights: BTreeSet<Right>,
    /// What recognises their password.
    pub secret: Secret,
}

impl User {
    /// Whether they may do something.
    pub fn may(&self, right: Right) -> bool {
        self.rights.contains(&right) || self.rights.contains(&Right::Admin)
    }
}

/// A user as the catalogue keeps them.
#[derive(Serialize, Deserialize)]
struct Kept {
    rights: Vec<String>,
    secret: String,
}

/// The users of one state of a database.
#[derive(Clone, Debug)]
pub struct Users {
    state: Arc<State>,
}

impl Users {
    /// Those of a state.
    pub fn of(state: &Arc<State>) -> Self {
        Self { state: Arc::clone(state) }
    }

    /// Whether there are none, so that everybody on the machine of a server may read.
    pub fn is_empty(&self) -> bool {
        self.names().next().is_none()
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.state.settings().filter_map(|(name, _)| name.strip_prefix(PREFIX))
    }

    /// The user of this name; absent if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for what only a newer version of this program has written.
    pub fn get(&self, name: &str) -> Result<Option<User>> {
        let Some(text) = self.state.setting(&format!("{PREFIX}{name}")) else { return Ok(None) };
        let kept: Kept = serde_json::from_str(text)
            .map_err(|error| Error::invalid(format!("user {name}"), error.to_string()))?;
        let rights = kept.rights.iter().map(|right| right.parse());
        let rights = rights.collect::<Result<_>>()?;
        Ok(Some(User { name: name.to_owned(), rights, secret: kept.secret.parse()? }))
    }

    /// The secret that a login under this name is checked against. For a name that is no user's it
    /// is one that no password fits, so that trying says nothing of who there is.
    ///
    /// # Errors
    ///
    /// Those of [`Users::get`].
    pub fn secret(&self, name: &str) -> Result<Secret> {
        match self.get(name)? {
            Some(user) => Ok(user.secret),
            None => Secret::of_nobody(name, self.state.setting(SEED).unwrap_or(PREFIX).as_bytes()),
        }
    }

    /// The user who has this name and password. It takes as long whether there is one or not.
    ///
    /// # Errors
    ///
    /// Those of [`Users::get`].
    pub fn authenticate(&self, name: &str, password: &str) -> Result<Option<User>> {
        let fits = self.secret(name)?.fits(password);
        Ok(self.get(name)?.filter(|_| fits))
    }
}

/// What is to become of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserChange {
    /// There is one more, with this password and these rights.
    Add(String, BTreeSet<Right>),
    /// The password is this from now on.
    Password(String),
    /// They get these rights.
    Grant(BTreeSet<Right>),
    /// They lose these rights.
    Revoke(BTreeSet<Right>),
    /// There is none of this name any more.
    Drop,
}

impl UserChange {
    /// What the log says of it. A password is not in it.
    fn message(&self, name: &str) -> String {
        let list = |rights: &BTreeSet<Right>| {
            let names: Vec<&str> = rights.iter().map(|right| right.name()).collect();
            names.join(", ")
        };
        match self {
            Self::Add(_, rights) if rights.is_empty() => format!("user {name}: added"),
            Self::Add(_, rights) => format!("user {name}: added with {}", list(rights)),
            Self::Password(_) => format!("user {name}: another password"),
            Self::Grant(rights) => format!("user {name}: granted {}", list(rights)),
            Self::Revoke(rights) => format!("user {name}: revoked {}", list(rights)),
            Self::Drop => format!("user {name}: dropped"),
        }
    }

    /// The user as they are afterwards; absent if they are dropped.
    fn apply(&self, name: &str, before: Option<User>) -> Result<Option<User>> {
        if let Self::Add(password, rights) = self {
            if before.is_some() {
                let (id, reason) = (name.to_owned(), "exists already".to_owned());
                return Err(Error::Conflict { kind: "user", id, reason });
            }
            check_name(name)?;
            let (name, rights) = (name.to_owned(), rights.clone());
            return Ok(Some(User { name, rights, secret: Secret::new(password)? }));
        }
        let mut user = before.ok_or_else(|| Error::not_found("user", name))?;
        match self {
            Self::Password(password) => user.secret = Secret::new(password)?,
            Self::Grant(rights) => user.rights.extend(rights),
            Self::Revoke(rights) => user.rights.retain(|right| !rights.contains(right)),
            Self::Add(..) => {}
            Self::Drop => return Ok(None),
        }
        Ok(Some(user))
    }
}

fn check_name(name: &str) -> Result<()> {
    let reason = if name.is_empty() {
        "is empty"
    } else if name.len() > USER_NAME_BYTES_MAX {
        "is longer than 63 bytes"
    } else if name.chars().any(|c| c.is_control() || c == ':') {
        "has a colon or a control character, which not every protocol can send"
    } else {
        return Ok(());
    };
    Err(Error::invalid(format!("user name {name:?}"), reason))
}

impl Database {
    /// The users at this moment.
    ///
    /// # Errors
    ///
    /// Those of [`Database::snapshot`].
    pub fn users(&self) -> Result<Users> {
        Ok(Users::of(self.snapshot()?.state()))
    }

    /// Changes one user, as a commit of its own. Absent if they were so already.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such user; [`Error::Conflict`] if there is one already, or
    /// another writer keeps the lock; [`Error::Invalid`] for a name or password that cannot be;
    /// [`Error::Limit`] for one user too many; [`Error::Io`].
    pub fn change_user(
        &self,
        name: &str,
        change: &UserChange,
        now: i64,
        author: &str,
    ) -> Result<Option<u64>> {
        let mut writer = self.catalog().begin(WAIT)?;
        let users = Users::of(writer.state());
        let before = users.get(name)?;
        let after = change.apply(name, before.clone())?;
        if after == before {
            return Ok(None);
        }
        let count = users.names().count();
        if before.is_none() && count >= USERS_MAX {
            let (actual, limit) = (count as u64 + 1, USERS_MAX as u64);
            return Err(Error::Limit { what: "the number of users", actual, limit });
        }
        let text = after.map(|user| kept(&user)).transpose()?;
        let mut settings = BTreeMap::from([(format!("{PREFIX}{name}"), text)]);
        if writer.state().setting(SEED).is_none() {
            settings.insert(SEED.to_owned(), Some(STANDARD.encode(random::<32>()?)));
        }
        let record = CommitRecord {
            effective: now,
            loaded: now,
            author: author.to_owned(),
            message: change.message(name),
            ..CommitRecord::default()
        };
        let state = writer.commit(Draft { record, settings, ..Draft::default() })?;
        Ok(Some(state.number()))
    }
}

fn kept(user: &User) -> Result<String> {
    let rights = user.rights.iter().map(|right| right.name().to_owned()).collect();
    let kept = Kept { rights, secret: user.secret.to_string() };
    serde_json::to_string(&kept).map_err(|error| Error::bug(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::MemoryDisk;

    fn database() -> Database {
        Database::open_or_create_on(Arc::new(MemoryDisk::new()), "db").expect("a database")
    }

    fn add(password: &str, rights: &[Right]) -> UserChange {
        UserChange::Add(password.to_owned(), rights.iter().copied().collect())
    }

    fn change(database: &Database, name: &str, change: &UserChange) -> Result<Option<u64>> {
        database.change_user(name, change, 7, "root")
    }

    #[test]
    fn users_come_change_and_go() {
        let database = database();
        assert!(database.users().expect("users").is_empty());
        assert_eq!(change(&database, "anna", &add("a", &[])).expect("added"), Some(1));
        assert_eq!(change(&database, "bob", &add("b", &[Right::Admin])).expect("added"), Some(2));
        let grant = UserChange::Grant(BTreeSet::from([Right::Write]));
        assert_eq!(change(&database, "anna", &grant).expect("granted"), Some(3));
        assert_eq!(change(&database, "anna", &grant).expect("again"), None);
        let users = database.users().expect("users");
        assert_eq!(users.names().collect::<Vec<_>>(), ["anna", "bob"]);
        let anna = users.get("anna").expect("read").expect("there");
        assert_eq!((anna.may(Right::Write), anna.may(Right::Preview)), (true, false));
        let bob = users.get("bob").expect("read").expect("there");
        assert!(Right::ALL.iter().all(|right| bob.may(*right)), "an admin may all");
        let revoke = UserChange::Revoke(BTreeSet::from([Right::Write, Right::Preview]));
        change(&database, "anna", &revoke).expect("revoked");
        change(&database, "bob", &UserChange::Drop).expect("dropped");
        let users = database.users().expect("users");
        assert_eq!(users.names().collect::<Vec<_>>(), ["anna"]);
        assert!(users.get("anna").expect("read").is_some_and(|anna| anna.rights.is_empty()));
        let snapshot = database.snapshot().expect("a snapshot");
        let log = snapshot.commits().map(|commit| (commit.author.as_str(), &*commit.message));
        let expected = [
            ("root", "user anna: added"),
            ("root", "user bob: added with admin"),
            ("root", "user anna: granted write"),
            ("root", "user anna: revoked write, preview"),
            ("root", "user bob: dropped"),
        ];
        assert_eq!(log.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn only_the_right_password_of_a_user_lets_in() {
        let database = database();
        change(&database, "anna", &add("secret", &[])).expect("added");
        let enters = |name: &str, password: &str| {
            let users = database.users().expect("users");
            users.authenticate(name, password).expect("checked").is_some()
        };
        assert!(enters("anna", "secret"));
        assert!(!enters("anna", "Secret") && !enters("Anna", "secret") && !enters("bob", ""));
        change(&database, "anna", &UserChange::Password("other".to_owned())).expect("changed");
        assert!(enters("anna", "other") && !enters("anna", "secret"));
        let users = database.users().expect("users");
        let (first, second) =
            (users.secret("bob").expect("one"), users.secret("bob").expect("one"));
        assert_eq!(first.salt, second.salt, "a name that is nobody's has always the same salt");
        assert_eq!(first.rounds, users.secret("anna").expect("one").rounds);
    }

    #[test]
    fn refuses_what_cannot_be() {
        let database = database();
        let refused = |name: &str, wanted: &UserChange| {
            change(&database, name, wanted).expect_err("changed").to_string()
        };
        assert_eq!(refused("x", &UserChange::Drop), "user x not found");
        assert!(refused("a:b", &add("p", &[])).contains("colon"));
        assert!(refused("", &add("p", &[])).contains("empty"));
        assert!(refused("x", &add("", &[])).contains("password: is empty"));
        assert!(refused(&"x".repeat(64), &add("p", &[])).contains("63 bytes"));
        assert!(refused("x", &add(&"p".repeat(1_025), &[])).contains("over the limit"));
        change(&database, "x", &add("p", &[])).expect("added");
        assert_eq!(refused("x", &add("p", &[])), "user x: exists already");
        assert!("read".parse::<Right>().is_err(), "it is not granted");
        assert_eq!(database.snapshot().expect("a snapshot").number(), 1, "nothing else happened");
    }
}
