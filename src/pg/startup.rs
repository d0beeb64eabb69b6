//! From the first packet of a connection to its session.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::{ReadyForQuery, TransactionStatus};
use pgwire::messages::startup::{
    Authentication, BackendKeyData, NegotiateProtocolVersion, SecretKey,
};

use crate::pg::connection::Connection;
use crate::pg::errors::{Fault, Severity};
use crate::pg::frontend::Opening;
use crate::pg::login::log_in;
use crate::pg::server::Server;
use crate::pg::session::Session;
use crate::pg::settings::{Scope, Settings};
use crate::pg::wire::{Stop, Wire};
use crate::query::catalogue::DATABASE;
use crate::store::Right;

/// Packets that ask for encryption before the one that begins the session: each kind once.
const ENCRYPTION_REQUESTS_MAX: usize = 2;
/// The newest version of the protocol that is spoken here, 3.2.
const NEWEST_MINOR: u16 = 2;
/// The same as a number.
const NEWEST: i32 = (3 << 16) | 2;

/// Begins a session. Absent if the connection wanted something else, which is done.
pub(super) async fn begin(
    server: &Arc<Server>,
    mut wire: Wire,
    peer: SocketAddr,
) -> Option<Connection> {
    let refused = match opened(server, &mut wire).await {
        Ok(Some(startup)) => match session(server, &mut wire, peer, startup).await {
            Ok(session) => return Some(Connection::new(wire, session)),
            Err(stop) => stop,
        },
        Ok(None) => return None,
        Err(stop) => stop,
    };
    if let Stop::Fault(fault) = refused {
        let fault = fault.with(Severity::Fatal);
        // The client may have gone before it is told.
        drop(wire.put(&fault.message()));
        wire.close().await;
    }
    None
}

/// What the first packet says.
struct Startup {
    minor: u16,
    parameters: Vec<(String, String)>,
}

/// Reads the first packet. Says whether a session is wanted; anything else is done.
pub(super) async fn wants_session(server: &Server, wire: &mut Wire) -> Result<bool, Stop> {
    Ok(opened(server, wire).await?.is_some())
}

async fn opened(server: &Server, wire: &mut Wire) -> Result<Option<Startup>, Stop> {
    for _ in 0..=ENCRYPTION_REQUESTS_MAX {
        match wire.opening().await? {
            // There is no TLS yet: the client goes on without, or not at all.
            Opening::Tls | Opening::Gss => wire.answer(b'N').await?,
            Opening::Cancel { pid, secret } => {
                server.registry.cancel(pid, &secret);
                return Ok(None);
            }
            Opening::Startup { major: 3, minor, parameters } => {
                return Ok(Some(Startup { minor, parameters }));
            }
            Opening::Startup { major, minor, .. } => {
                let text = format!(
                    "unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.2"
                );
                return Err(Fault::fatal("0A000", text).into());
            }
        }
    }
    Err(Fault::fatal("08P01", "too many requests for encryption").into())
}

async fn session(
    server: &Arc<Server>,
    wire: &mut Wire,
    peer: SocketAddr,
    startup: Startup,
) -> Result<Session, Stop> {
    let Startup { minor, parameters } = startup;
    negotiate(wire, minor, &parameters)?;
    let find = |name: &str| {
        parameters.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    };
    let user = find("user").filter(|user| !user.is_empty());
    let user = user.ok_or_else(|| {
        Fault::fatal("28000", "no PostgreSQL user name specified in startup packet")
    })?;
    let users = server.engine.database().users()?;
    log_in(wire, &users, user, peer.ip()).await?;
    if find("replication").is_some_and(|value| !matches!(value, "off" | "false" | "no" | "0")) {
        return Err(Fault::fatal("0A000", "replication is not supported").into());
    }
    let (database, language) = database(find("database").unwrap_or(user))?;
    let mut settings = Settings::default();
    if users.get(user)?.is_some_and(|user| user.may(Right::Write)) {
        settings.set("default_transaction_read_only", Some("off"), Scope::Initial)?;
    }
    if let Some(language) = language {
        settings.set("sdmx.language", Some(&language), Scope::Initial)?;
    }
    for (name, value) in &parameters {
        match name.as_str() {
            "user" | "database" | "replication" => {}
            "options" => options(&mut settings, value)?,
            name if name.starts_with("_pq_.") => {}
            name => settings.set(name, Some(value), Scope::Initial)?,
        }
    }
    settings.begin(user);
    let entry = server.registry.enter(user, minor >= NEWEST_MINOR)?;
    let secret = match <[u8; 4]>::try_from(entry.secret.as_ref()) {
        Ok(secret) => SecretKey::I32(secret.as_slice().get_i32()),
        Err(_) => SecretKey::Bytes(Bytes::clone(&entry.secret)),
    };
    let pid = entry.pid;
    let peer = (peer.ip().to_canonical().to_string(), peer.port());
    let mut session = Session::new(server, entry, user.to_owned(), database, peer, settings);
    wire.put(&PgWireBackendMessage::Authentication(Authentication::Ok))?;
    session.settle(wire)?;
    wire.put(&PgWireBackendMessage::BackendKeyData(BackendKeyData::new(pid, secret)))?;
    let ready = ReadyForQuery::new(TransactionStatus::Idle);
    wire.put(&PgWireBackendMessage::ReadyForQuery(ready))?;
    wire.flush().await?;
    Ok(session)
}

/// Says which version is spoken, if the client asked for a newer one or for what is not known.
fn negotiate(wire: &mut Wire, minor: u16, parameters: &[(String, String)]) -> Result<(), Stop> {
    let unknown: Vec<String> = parameters
        .iter()
        .filter(|(name, _)| name.starts_with("_pq_."))
        .map(|(name, _)| name.clone())
        .collect();
    let is_known = minor == 0 || minor == NEWEST_MINOR;
    if is_known && unknown.is_empty() {
        return Ok(());
    }
    let version = if minor < NEWEST_MINOR { 3 << 16 } else { NEWEST };
    let message = NegotiateProtocolVersion::new(version, unknown);
    wire.put(&PgWireBackendMessage::NegotiateProtocolVersion(message))
}

/// The name of the database and the language that is asked for with it:
/// `sdmxdb?language=fr`.
fn database(asked: &str) -> Result<(String, Option<String>), Fault> {
    let (name, query) = asked.split_once('?').unwrap_or((asked, ""));
    if ![DATABASE, "postgres"].contains(&name) {
        let fault = Fault::fatal("3D000", format!("database \"{name}\" does not exist"));
        return Err(fault.hint(format!("The database is called \"{DATABASE}\".")));
    }
    let mut language = None;
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let Some(("language", value)) = part.split_once('=') else {
            let text = format!("invalid database option \"{part}\"");
            return Err(Fault::fatal("22023", text).hint("Write sdmxdb?language=fr."));
        };
        language = Some(value.to_owned());
    }
    Ok((name.to_owned(), language))
}

/// Settings as on PostgreSQL's command line: `-c name=value`, `--name=value`, `-cname=value`.
fn options(settings: &mut Settings, text: &str) -> Result<(), Fault> {
    let mut words = split_options(text).into_iter();
    while let Some(word) = words.next() {
        let setting = if word == "-c" {
            words.next()
        } else if let Some(setting) = word.strip_prefix("--") {
            Some(setting.to_owned())
        } else {
            word.strip_prefix("-c").map(str::to_owned)
        };
        let pair = setting.as_deref().and_then(|setting| setting.split_once('='));
        let Some((name, value)) = pair else {
            let text = format!("invalid command-line argument for server process: {word}");
            return Err(Fault::fatal("42601", text));
        };
        settings.set(&name.replace('-', "_"), Some(value), Scope::Initial)?;
    }
    Ok(())
}

/// Words between spaces; a backslash takes the next character as it is.
fn split_options(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let Some(word) = words.last_mut() else { break };
        match character {
            '\\' => word.extend(characters.next()),
            ' ' | '\t' | '\n' if word.is_empty() => {}
            ' ' | '\t' | '\n' => words.push(String::new()),
            other => word.push(other),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_those_of_a_command_line() {
        let mut settings = Settings::default();
        options(&mut settings, "-c statement_timeout=500 --work-mem=8MB -cdatestyle=SQL,\\ DMY")
            .expect("options");
        assert_eq!(settings.get("statement_timeout").as_deref(), Ok("500ms"));
        assert_eq!(settings.get("work_mem").as_deref(), Ok("8MB"));
        assert_eq!(settings.get("datestyle").as_deref(), Ok("SQL, DMY"));
        assert!(options(&mut settings, "-c nonsense").is_err());
        assert!(options(&mut settings, "-c no_such=1").is_err());
    }

    #[test]
    fn databases_have_a_name_and_a_language() {
        let found = database("sdmxdb?language=fr").map_err(|fault| fault.code);
        assert_eq!(found, Ok(("sdmxdb".to_owned(), Some("fr".to_owned()))));
        assert_eq!(database("postgres").map(|(name, _)| name), Ok("postgres".to_owned()));
        let fault = database("nope").expect_err("unknown");
        assert_eq!(
            (fault.code, fault.message.as_str()),
            ("3D000", "database \"nope\" does not exist")
        );
        assert!(database("sdmxdb?x=1").is_err());
    }
}
