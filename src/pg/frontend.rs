//! What clients send, as values. Every length is checked before it is believed.

use bytes::{Buf, Bytes};

use crate::limits::{PG_BIND_PARAMETERS_MAX, PG_STARTUP_PARAMETERS_MAX};
use crate::pg::charset::Charset;
use crate::pg::errors::Fault;

/// The first packet of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// Asks for TLS.
    Tls,
    /// Asks for encryption by GSSAPI.
    Gss,
    /// Wants a statement of another session stopped.
    Cancel { pid: i32, secret: Bytes },
    /// Begins a session.
    Startup { major: u16, minor: u16, parameters: Vec<(String, String)> },
}

const CODE_CANCEL: (u16, u16) = (1234, 5678);
const CODE_TLS: (u16, u16) = (1234, 5679);
const CODE_GSS: (u16, u16) = (1234, 5680);

impl Opening {
    /// Reads what follows the length of the first packet.
    pub(super) fn parse(mut body: Bytes) -> Result<Self, Fault> {
        let code = (body.try_get_u16().map_err(short)?, body.try_get_u16().map_err(short)?);
        match code {
            CODE_TLS => Ok(Self::Tls),
            CODE_GSS => Ok(Self::Gss),
            CODE_CANCEL => {
                let pid = body.try_get_i32().map_err(short)?;
                Ok(Self::Cancel { pid, secret: body })
            }
            (major, minor) => {
                let mut parameters = Vec::new();
                loop {
                    let name = text(&mut body, Charset::Utf8)?;
                    if name.is_empty() {
                        return Ok(Self::Startup { major, minor, parameters });
                    }
                    if parameters.len() >= PG_STARTUP_PARAMETERS_MAX {
                        return Err(Fault::fatal("08P01", "too many startup parameters"));
                    }
                    parameters.push((name, text(&mut body, Charset::Utf8)?));
                }
            }
        }
    }
}

/// Whether a message is about a prepared statement or a portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Statement,
    Portal,
}

/// A message of a session.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    Query(String),
    Parse {
        name: String,
        sql: String,
        types: Vec<u32>,
    },
    Bind(Bind),
    Describe(Target, String),
    Execute {
        portal: String,
        rows_max: i32,
    },
    Close(Target, String),
    Flush,
    Sync,
    Terminate,
    /// Data of a COPY that failed meanwhile: read over, as PostgreSQL does.
    Copy,
}

/// What a client sends while rows are copied from it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Copied {
    Data(Bytes),
    Done,
    /// It gives up, and says why.
    Failed(String),
}

impl Copied {
    /// Reads the body of a message. Absent for one that is passed over.
    pub(super) fn parse(
        kind: u8,
        mut body: Bytes,
        charset: Charset,
    ) -> Result<Option<Self>, Fault> {
        match kind {
            b'd' => Ok(Some(Self::Data(body))),
            b'c' => Ok(Some(Self::Done)),
            b'f' => Ok(Some(Self::Failed(text(&mut body, charset)?))),
            // Clients send these behind the statement before they know that it copies.
            b'H' | b'S' => Ok(None),
            _ => {
                let text = format!("unexpected message type 0x{kind:02X} during COPY from stdin");
                Err(Fault::fatal("08P01", text))
            }
        }
    }
}

/// Values for the parameters of a prepared statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bind {
    pub(super) portal: String,
    pub(super) statement: String,
    pub(super) parameter_formats: Vec<i16>,
    pub(super) parameters: Vec<Option<Bytes>>,
    pub(super) result_formats: Vec<i16>,
}

impl Message {
    /// Reads the body of a message. Names and texts of SQL are in `charset`.
    pub(super) fn parse(kind: u8, mut body: Bytes, charset: Charset) -> Result<Self, Fault> {
        let body = &mut body;
        let message = match kind {
            b'Q' => Self::Query(text(body, charset)?),
            b'P' => {
                let (name, sql) = (text(body, charset)?, text(body, charset)?);
                let count = count(body)?;
                let types: Result<_, _> = (0..count).map(|_| body.try_get_u32()).collect();
                Self::Parse { name, sql, types: types.map_err(short)? }
            }
            b'B' => Self::Bind(bind(body, charset)?),
            b'D' => Self::Describe(target(body)?, text(body, charset)?),
            b'E' => {
                let portal = text(body, charset)?;
                Self::Execute { portal, rows_max: body.try_get_i32().map_err(short)? }
            }
            b'C' => Self::Close(target(body)?, text(body, charset)?),
            b'H' => Self::Flush,
            b'S' => Self::Sync,
            b'X' => Self::Terminate,
            b'd' | b'c' | b'f' => return Ok(Self::Copy),
            _ => {
                let text = format!("invalid frontend message type {kind}");
                return Err(Fault::fatal("08P01", text));
            }
        };
        if body.has_remaining() {
            return Err(Fault::protocol("invalid message format: it is longer than its content"));
        }
        Ok(message)
    }
}

fn bind(body: &mut Bytes, charset: Charset) -> Result<Bind, Fault> {
    let (portal, statement) = (text(body, charset)?, text(body, charset)?);
    let parameter_formats = formats(body)?;
    let count = count(body)?;
    let mut parameters = Vec::new();
    for _ in 0..count {
        let length = body.try_get_i32().map_err(short)?;
        parameters.push(match usize::try_from(length) {
            Ok(length) if length <= body.remaining() => Some(body.split_to(length)),
            Ok(_) => return Err(Fault::protocol("insufficient data left in message")),
            Err(_) => None,
        });
    }
    let result_formats = formats(body)?;
    Ok(Bind { portal, statement, parameter_formats, parameters, result_formats })
}

fn formats(body: &mut Bytes) -> Result<Vec<i16>, Fault> {
    let count = count(body)?;
    let formats: Result<Vec<i16>, _> = (0..count).map(|_| body.try_get_i16()).collect();
    let formats = formats.map_err(short)?;
    match formats.iter().find(|format| !(0..=1).contains(*format)) {
        Some(format) => Err(Fault::new("22023", format!("unsupported format code: {format}"))),
        None => Ok(formats),
    }
}

fn count(body: &mut Bytes) -> Result<usize, Fault> {
    let count = usize::from(body.try_get_u16().map_err(short)?);
    if count > PG_BIND_PARAMETERS_MAX || count > body.remaining() {
        return Err(Fault::protocol("insufficient data left in message"));
    }
    Ok(count)
}

fn target(body: &mut Bytes) -> Result<Target, Fault> {
    match body.try_get_u8().map_err(short)? {
        b'S' => Ok(Target::Statement),
        b'P' => Ok(Target::Portal),
        other => Err(Fault::protocol(format!("invalid DESCRIBE or CLOSE message subtype {other}"))),
    }
}

/// A text that ends with a zero byte.
fn text(body: &mut Bytes, charset: Charset) -> Result<String, Fault> {
    let end = body.iter().position(|byte| *byte == 0);
    let end = end.ok_or_else(|| Fault::protocol("invalid string in message"))?;
    let bytes = body.split_to(end);
    body.advance(1);
    charset.decode(&bytes)
}

fn short<E>(_: E) -> Fault {
    Fault::protocol("insufficient data left in message")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: u8, body: &'static [u8]) -> Result<Message, Fault> {
        Message::parse(kind, Bytes::from_static(body), Charset::Utf8)
    }

    #[test]
    fn reads_messages() {
        assert_eq!(parse(b'Q', b"SELECT 1\0"), Ok(Message::Query("SELECT 1".to_owned())));
        assert_eq!(
            parse(b'P', b"s\0SELECT $1\0\0\x01\0\0\0\x17"),
            Ok(Message::Parse {
                name: "s".to_owned(),
                sql: "SELECT $1".to_owned(),
                types: vec![23]
            })
        );
        let bound = parse(b'B', b"\0s\0\0\x01\0\x01\0\x02\0\0\0\x01x\xff\xff\xff\xff\0\0");
        let Ok(Message::Bind(bind)) = bound else { panic!("{bound:?}") };
        assert_eq!(bind.parameters, [Some(Bytes::from_static(b"x")), None]);
        assert_eq!(bind.parameter_formats, [1]);
        assert_eq!(
            parse(b'E', b"\0\xff\xff\xff\xff"),
            Ok(Message::Execute { portal: String::new(), rows_max: -1 })
        );
    }

    #[test]
    fn refuses_any_message_that_was_cut() {
        let whole: [(u8, &'static [u8]); 5] = [
            (b'Q', b"SELECT 1\0"),
            (b'P', b"s\0SELECT $1\0\0\x01\0\0\0\x17"),
            (b'B', b"\0s\0\0\x01\0\x01\0\x02\0\0\0\x01x\xff\xff\xff\xff\0\0"),
            (b'D', b"Sname\0"),
            (b'E', b"\0\0\0\0\0"),
        ];
        for (kind, body) in whole {
            assert!(parse(kind, body).is_ok());
            for length in 0..body.len() {
                assert!(parse(kind, &body[..length]).is_err(), "{kind} {length}");
            }
        }
        assert_eq!(parse(b'Q', b"\xff\0").map_err(|fault| fault.code), Err("22021"));
        assert!(parse(b'?', b"").is_err_and(|fault| fault.is_fatal()));
    }
}
