//! Who a client is: its name, and the proof that it knows the password.
//!
//! Source: RFC 5802 and RFC 7677 (SCRAM-SHA-256), without binding to a channel, as there is no TLS.

use std::net::IpAddr;

use bytes::{Buf, Bytes};
use pgwire::api::auth::sasl::scram::{ScramSecret, ScramServerAuth};
use pgwire::error::PgWireError;
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::startup::Authentication;

use crate::pg::errors::Fault;
use crate::pg::wire::{Stop, Wire};
use crate::store::{Secret, Users};

/// The one method that is offered.
const METHOD: &str = "SCRAM-SHA-256";

/// Lets a client in, or not. Without users, everybody on this machine is let in.
pub(super) async fn log_in(
    wire: &mut Wire,
    users: &Users,
    name: &str,
    from: IpAddr,
) -> Result<(), Stop> {
    if !users.is_empty() {
        return prove(wire, name, users.secret(name)?).await;
    }
    if from.to_canonical().is_loopback() {
        return Ok(());
    }
    let text = format!("no users are defined, so connections from {from} are refused");
    let hint = "Connect from the machine that the server runs on, or add users with `sdmxdb user`.";
    Err(Fault::fatal("28000", text).hint(hint).into())
}

/// Has the client prove that it knows the password of a secret.
async fn prove(wire: &mut Wire, name: &str, secret: Secret) -> Result<(), Stop> {
    let secret = ScramSecret::Verifier {
        salt: secret.salt,
        iterations: usize::try_from(secret.rounds.get()).unwrap_or(usize::MAX),
        stored_key: secret.stored_key.to_vec(),
        server_key: secret.server_key.to_vec(),
    };
    ask(wire, Authentication::SASL(vec![METHOD.to_owned()])).await?;
    let first = first(wire.password().await?)?;
    let begun = ScramServerAuth::new().on_client_first_message_with_secret(&first, secret);
    let (challenge, waiting) = begun.map_err(|error| refused(name, &error))?;
    ask(wire, Authentication::SASLContinue(challenge.into())).await?;
    let last = wire.password().await?;
    let proved = waiting.on_client_final_message(&last).map_err(|error| refused(name, &error))?;
    wire.put(&PgWireBackendMessage::Authentication(Authentication::SASLFinal(proved.into())))
}

async fn ask(wire: &mut Wire, question: Authentication) -> Result<(), Stop> {
    wire.put(&PgWireBackendMessage::Authentication(question))?;
    wire.flush().await
}

/// The content of the first answer, which names the method before it.
fn first(mut body: Bytes) -> Result<Bytes, Fault> {
    let malformed = || Fault::fatal("08P01", "malformed answer to the question for a password");
    let end = body.iter().position(|byte| *byte == 0).ok_or_else(malformed)?;
    let method = body.split_to(end);
    body.advance(1);
    if method.as_ref() != METHOD.as_bytes() {
        return Err(Fault::fatal(
            "08P01",
            "client selected an invalid SASL authentication mechanism",
        ));
    }
    let length = body.try_get_i32().map_err(|_| malformed())?;
    match usize::try_from(length) {
        Ok(length) if length == body.remaining() => Ok(body),
        _ => Err(malformed()),
    }
}

/// Says no more than that the password is wrong, even where there is no such user.
fn refused(name: &str, error: &PgWireError) -> Fault {
    match error {
        PgWireError::InvalidPassword(_) => {
            Fault::fatal("28P01", format!("password authentication failed for user \"{name}\""))
        }
        other => Fault::fatal("08P01", format!("malformed SCRAM message: {other}")),
    }
}
