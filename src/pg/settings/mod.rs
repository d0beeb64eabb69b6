//! The settings of a session: what `SET`, `SHOW` and `RESET` are about.
//!
//! A value comes from the innermost place that has one: the transaction (`SET LOCAL`), the session
//! (`SET`), the connection's first packet, PostgreSQL's default. A transaction that fails takes its
//! changes back, so the state is a value that is copied at its beginning and at each savepoint.
//!
//! Read `known` (which settings there are), then this file.

mod known;
mod values;

use std::collections::BTreeMap;

use crate::limits::PG_CUSTOM_SETTINGS_MAX;
use crate::pg::charset::Charset;
use crate::pg::errors::Fault;
use crate::query::names;
use known::{Kind, Known};

/// The settings of one session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// From the first packet: what RESET goes back to.
    initial: BTreeMap<String, String>,
    session: BTreeMap<String, String>,
    local: BTreeMap<String, String>,
}

/// Settings of a transaction; each session has a default for them.
const OF_TRANSACTION: [&str; 3] =
    ["transaction_isolation", "transaction_read_only", "transaction_deferrable"];

/// How long a value is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Of the first packet.
    Initial,
    Session,
    /// To the end of the transaction.
    Local,
}

impl Settings {
    /// The value of a setting.
    pub(super) fn get(&self, name: &str) -> Result<String, Fault> {
        let key = name.to_lowercase();
        if OF_TRANSACTION.contains(&key.as_str()) && !self.local.contains_key(&key) {
            // Outside of a transaction, what the next one will have.
            return self.get(&format!("default_{key}"));
        }
        self.changed(&key)
            .map(str::to_owned)
            .or_else(|| known::find(&key).map(|known| known.default.to_owned()))
            .ok_or_else(|| unknown(name))
    }

    fn changed(&self, key: &str) -> Option<&str> {
        let places = [&self.local, &self.session, &self.initial];
        places.into_iter().find_map(|place| place.get(key)).map(String::as_str)
    }

    /// Sets one; without a value, to what it was when the session began.
    pub(super) fn set(
        &mut self,
        name: &str,
        value: Option<&str>,
        scope: Scope,
    ) -> Result<(), Fault> {
        let key = name.to_lowercase();
        let value = match (known::find(&key), value) {
            (Some(known), _) if known.kind == Kind::Fixed => {
                let text = format!("parameter \"{}\" cannot be changed", known.name);
                return Err(Fault::new("55P02", text));
            }
            (Some(known), Some(value)) => Some(values::canonical(known, value)?),
            (None, value) if key.contains('.') => {
                if key.starts_with("sdmx.") || key.starts_with("datafusion.") {
                    return Err(unknown(name));
                }
                value.map(str::to_owned)
            }
            (Some(_), None) => None,
            (None, _) => return Err(unknown(name)),
        };
        let value = match value {
            Some(value) => value,
            None if scope == Scope::Session => {
                self.session.remove(&key);
                self.local.remove(&key);
                return Ok(());
            }
            None => match self.initial.get(&key) {
                Some(value) => value.clone(),
                None => known::find(&key).map_or_else(String::new, |k| k.default.to_owned()),
            },
        };
        let place = match scope {
            Scope::Initial => &mut self.initial,
            Scope::Session => {
                self.local.remove(&key);
                &mut self.session
            }
            Scope::Local => &mut self.local,
        };
        if place.len() >= PG_CUSTOM_SETTINGS_MAX && !place.contains_key(&key) {
            return Err(Fault::new("54000", "too many settings in one session"));
        }
        place.insert(key, value);
        Ok(())
    }

    /// Notes who began the session.
    pub(super) fn begin(&mut self, user: &str) {
        self.initial.insert("session_authorization".to_owned(), user.to_owned());
    }

    /// Gives every setting the value that it had when the session began.
    pub(super) fn reset_all(&mut self) {
        let kept = ["session_authorization", "transaction_isolation", "transaction_read_only"];
        self.session.retain(|key, _| kept.contains(&key.as_str()));
        self.local.retain(|key, _| kept.contains(&key.as_str()));
    }

    /// Ends a transaction that went well: what was set for it alone is over.
    pub(super) fn commit(&mut self) {
        self.local.clear();
    }

    /// Every known setting as PostgreSQL shows it, with its value, and those of programs.
    pub(super) fn all(&self) -> Vec<(String, String)> {
        let value = |known: &Known| self.get(known.name).unwrap_or_default();
        let mut all: Vec<(String, String)> =
            known::ALL.iter().map(|known| (known.name.to_owned(), value(known))).collect();
        for place in [&self.local, &self.session, &self.initial] {
            for (name, value) in place {
                if !all.iter().any(|(shown, _)| shown.eq_ignore_ascii_case(name)) {
                    all.push((name.clone(), value.clone()));
                }
            }
        }
        all
    }

    /// The settings that a client is told of, with their values.
    pub(super) fn reported(&self) -> Vec<(&'static str, String)> {
        let value = |known: &'static Known| (known.name, self.get(known.name).unwrap_or_default());
        known::REPORTED.iter().filter_map(|name| known::find(name)).map(value).collect()
    }

    /// The name of a setting as PostgreSQL shows it.
    pub(super) fn shown(name: &str) -> String {
        known::find(name).map_or_else(|| name.to_owned(), |known| known.name.to_owned())
    }

    /// A time in milliseconds; absent for 0, which means no limit.
    pub(super) fn milliseconds(&self, name: &str) -> Option<u64> {
        let value = self.get(name).ok()?;
        values::milliseconds(&value).filter(|time| *time > 0)
    }

    /// The encoding of the client's texts.
    pub(super) fn charset(&self) -> Charset {
        let name = self.get("client_encoding").unwrap_or_default();
        Charset::parse(&name).unwrap_or(Charset::Utf8)
    }

    /// The schemas of the search path.
    pub(super) fn search_path(&self, user: &str) -> Vec<String> {
        let path = self.get("search_path").unwrap_or_default();
        let parts = path.split(',').map(|part| part.trim().trim_matches('"'));
        let parts = parts.map(|part| if part == "$user" { user } else { part });
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }
}

fn unknown(name: &str) -> Fault {
    let text = format!("unrecognized configuration parameter \"{name}\"");
    let fault = Fault::new("42704", text);
    match names::nearest(name, known::ALL.iter().map(|known| known.name)) {
        Some(nearest) => fault.hint(format!("Perhaps you meant \"{nearest}\".")),
        None => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_value_counts() {
        let mut settings = Settings::default();
        let get = |settings: &Settings| settings.get("WORK_MEM").expect("known");
        settings.set("work_mem", Some("1MB"), Scope::Initial).expect("set");
        assert_eq!(get(&settings), "1MB");
        settings.set("Work_Mem", Some("2MB"), Scope::Session).expect("set");
        settings.set("work_mem", Some("3MB"), Scope::Local).expect("set");
        assert_eq!(get(&settings), "3MB");
        settings.commit();
        assert_eq!(get(&settings), "2MB");
        settings.set("work_mem", None, Scope::Session).expect("reset");
        assert_eq!(get(&settings), "1MB");
        settings.set("work_mem", Some("2MB"), Scope::Session).expect("set");
        settings.reset_all();
        assert_eq!(get(&settings), "1MB");
    }

    #[test]
    fn refuses_what_cannot_be() {
        let check = |name: &str, value: &str, code: &str| {
            let fault = Settings::default().set(name, Some(value), Scope::Session);
            assert_eq!(fault.expect_err(name).code, code, "{name}");
        };
        check("no_such_setting_xyz", "1", "42704");
        check("server_version", "16", "55P02");
        check("enable_seqscan", "perhaps", "22023");
        check("extra_float_digits", "4", "22023");
        check("client_encoding", "KOI8", "22023");
        check("datafusion.execution.batch_size", "1", "42704");
        let mut settings = Settings::default();
        settings.set("myapp.user", Some("7"), Scope::Session).expect("a setting of programs");
        assert_eq!(settings.get("myapp.user").as_deref(), Ok("7"));
    }
}
