//! What is kept of a password: enough to recognise it, and nothing that gives it back.
//!
//! Source: RFC 5802 (SCRAM), RFC 7677 (with SHA-256), RFC 4013 (`SASLprep`). The text is that of
//! PostgreSQL's `pg_authid`, so that a password can be moved between the two.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};

use crate::error::{Error, Result};
use crate::limits::{PASSWORD_BYTES_MAX, PASSWORD_ROUNDS, PASSWORD_ROUNDS_MAX};

/// The method, as the text begins with it.
const METHOD: &str = "SCRAM-SHA-256";
/// Bytes of a new salt, as PostgreSQL has them.
const SALT_BYTES: usize = 16;
const KEY_BYTES: usize = digest::SHA256_OUTPUT_LEN;
/// Bytes of the longest salt that is read.
const SALT_BYTES_MAX: usize = 64;

/// The verifier of a password. Who reads it can check who knows the password, but cannot log in.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// What was mixed with the password.
    pub salt: Vec<u8>,
    /// How often it was hashed.
    pub rounds: NonZeroU32,
    /// The hash of the client's key.
    pub stored_key: [u8; KEY_BYTES],
    /// The key that the server proves itself with.
    pub server_key: [u8; KEY_BYTES],
}

impl Secret {
    /// The secret of a new password, with a salt of its own.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for an empty password, [`Error::Limit`] for one over 1,024 bytes;
    /// [`Error::Bug`] if the system has no random numbers.
    pub fn new(password: &str) -> Result<Self> {
        if password.is_empty() {
            return Err(Error::invalid("password", "is empty"));
        }
        if password.len() > PASSWORD_BYTES_MAX {
            let (actual, limit) = (password.len() as u64, PASSWORD_BYTES_MAX as u64);
            return Err(Error::Limit { what: "the length of a password in bytes", actual, limit });
        }
        Ok(Self::derive(password, random::<SALT_BYTES>()?.to_vec(), PASSWORD_ROUNDS))
    }

    /// A secret that looks like any other to who tries to log in, and that no password fits. The
    /// same name and seed always give the same salt.
    pub(super) fn of_nobody(name: &str, seed: &[u8]) -> Result<Self> {
        let salt = sign(seed, name.as_bytes());
        let salt = salt.iter().take(SALT_BYTES).copied().collect();
        let (stored_key, server_key) = (random()?, random()?);
        Ok(Self { salt, rounds: PASSWORD_ROUNDS, stored_key, server_key })
    }

    /// Whether it is that of this password; in a time that does not tell how nearly.
    pub fn fits(&self, password: &str) -> bool {
        password.len() <= PASSWORD_BYTES_MAX && {
            let salted = salted(password, &self.salt, self.rounds);
            let key = hmac::Key::new(hmac::HMAC_SHA256, &salted);
            hmac::verify(&key, b"Server Key", &self.server_key).is_ok()
        }
    }

    fn derive(password: &str, salt: Vec<u8>, rounds: NonZeroU32) -> Self {
        let salted = salted(password, &salt, rounds);
        let mut stored_key = [0; KEY_BYTES];
        let client_key = sign(&salted, b"Client Key");
        stored_key.copy_from_slice(digest::digest(&digest::SHA256, &client_key).as_ref());
        Self { salt, rounds, stored_key, server_key: sign(&salted, b"Server Key") }
    }
}

/// `SaltedPassword` of RFC 5802. A password that `SASLprep` does not take is used as it is, as in
/// PostgreSQL and its clients.
fn salted(password: &str, salt: &[u8], rounds: NonZeroU32) -> [u8; KEY_BYTES] {
    let prepared = stringprep::saslprep(password).unwrap_or(Cow::Borrowed(password));
    let mut salted = [0; KEY_BYTES];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, prepared.as_bytes(), &mut salted);
    salted
}

fn sign(key: &[u8], text: &[u8]) -> [u8; KEY_BYTES] {
    let mut signed = [0; KEY_BYTES];
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text);
    signed.copy_from_slice(tag.as_ref());
    signed
}

/// Bytes that nobody can guess.
pub(super) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let filled = getrandom::fill(&mut bytes);
    filled.map_err(|error| Error::bug(format!("no random numbers: {error}")))?;
    Ok(bytes)
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl fmt::Display for Secret {
    /// `SCRAM-SHA-256$rounds:salt$stored key:server key`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { salt, rounds, stored_key, server_key } = self;
        let text = |bytes: &[u8]| STANDARD.encode(bytes);
        let (salt, stored, server) = (text(salt), text(stored_key), text(server_key));
        write!(f, "{METHOD}${rounds}:{salt}${stored}:{server}")
    }
}

impl FromStr for Secret {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("secret", "is not SCRAM-SHA-256$rounds:salt$key:key");
        let bytes = |text: &str| STANDARD.decode(text).map_err(|_| wrong());
        let key = |text| <[u8; KEY_BYTES]>::try_from(bytes(text)?).map_err(|_| wrong());
        let rest = text.strip_prefix(METHOD).and_then(|rest| rest.strip_prefix('$'));
        let (before, keys) = rest.and_then(|rest| rest.split_once('$')).ok_or_else(wrong)?;
        let (rounds, salt) = before.split_once(':').ok_or_else(wrong)?;
        let (stored, server) = keys.split_once(':').ok_or_else(wrong)?;
        let rounds = rounds.parse().ok().filter(|rounds| *rounds <= PASSWORD_ROUNDS_MAX);
        let (rounds, salt) = (rounds.ok_or_else(wrong)?, bytes(salt)?);
        if salt.is_empty() || salt.len() > SALT_BYTES_MAX {
            return Err(wrong());
        }
        Ok(Self { salt, rounds, stored_key: key(stored)?, server_key: key(server)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by PostgreSQL 15: `CREATE ROLE x PASSWORD 'Straße €1'`.
    const POSTGRESQL: &str = "SCRAM-SHA-256$4096:Zzqu2jYZAZRtsr39AKIDSw==\
        $sS0UhYuQ6Swex3JcOm4vQ7RVCwGXiwA9wDw9DaCgadA=\
        :D5PZRHkULQcRotoJemMLTuHyGh8jTH7h4E8+eMYYNXw=";

    #[test]
    fn knows_its_password_and_no_other() {
        let secret = Secret::new("correct horse").expect("a secret");
        assert!(secret.fits("correct horse"));
        for wrong in ["", "correct hors", "correct horse ", "Correct horse"] {
            assert!(!secret.fits(wrong), "{wrong:?}");
        }
        let again = Secret::new("correct horse").expect("a secret");
        assert_ne!(again.salt, secret.salt, "each has a salt of its own");
        let nobody = Secret::of_nobody("x", b"seed").expect("a secret");
        assert!(!nobody.fits(""));
        assert_eq!(nobody.salt, Secret::of_nobody("x", b"seed").expect("a secret").salt);
        assert_ne!(nobody.salt, Secret::of_nobody("y", b"seed").expect("a secret").salt);
    }

    #[test]
    fn reads_what_it_writes_and_what_postgresql_writes() {
        let secret = Secret::new("correct horse").expect("a secret");
        assert_eq!(secret.to_string().parse::<Secret>().expect("read"), secret);
        assert_eq!(format!("{secret:?}"), "Secret");
        let theirs: Secret = POSTGRESQL.parse().expect("read");
        assert!(theirs.fits("Straße €1"));
        assert_eq!(theirs.to_string(), POSTGRESQL);
        let (rounds, salt) = (theirs.rounds, theirs.salt.clone());
        assert_eq!(Secret::derive("Straße €1", salt, rounds), theirs);
        for length in 0..POSTGRESQL.len() {
            if let Some(cut) = POSTGRESQL.get(..length) {
                assert!(cut.parse::<Secret>().is_err(), "{cut}");
            }
        }
        let slow = POSTGRESQL.replace("$4096:", "$4000000000:");
        assert!(slow.parse::<Secret>().is_err(), "no text decides how long we calculate");
    }
}
