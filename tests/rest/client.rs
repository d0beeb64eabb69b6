//! A client of HTTP that says exactly what it is told to, over a socket.

use std::io::{Cursor, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use sdmxdb::sdmx::input::decompress;

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the whole body came.
    pub(crate) is_whole: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("text")
    }

    /// The body without its compression.
    pub(crate) fn plain(&self) -> String {
        let input = Box::new(Cursor::new(self.body.clone()));
        let mut text = String::new();
        let mut plain = decompress(input, "the body").expect("compressed or not");
        plain.read_to_string(&mut text).expect("text");
        text
    }
}

/// Sends a request of one line and these headers, and reads all of the answer.
pub(crate) fn ask(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Answer {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    request.push_str("\r\n");
    let mut socket = send(address, request.as_bytes());
    read(&mut socket, method == "HEAD")
}

/// Opens a connection and sends these bytes.
pub(crate) fn send(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("a server listens");
    socket.set_read_timeout(Some(Duration::from_mins(1))).expect("a limit");
    // A server may answer and close before it has read all.
    drop(socket.write_all(bytes));
    socket
}

/// Reads an answer to its end.
pub(crate) fn read(socket: &mut TcpStream, is_head: bool) -> Answer {
    let mut bytes = Vec::new();
    // A connection that is cut ends the bytes too.
    drop(socket.read_to_end(&mut bytes));
    parse(&bytes, is_head)
}

fn parse(bytes: &[u8], is_head: bool) -> Answer {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(end) = end else {
        return Answer { status: 0, headers: Vec::new(), body: Vec::new(), is_whole: false };
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let header = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_owned(), value.to_owned()))
    };
    let headers: Vec<_> = lines.filter_map(header).collect();
    let rest = &bytes[end + 4..];
    let mut answer =
        Answer { status: status.unwrap_or(0), headers, body: rest.to_vec(), is_whole: true };
    if answer.header("transfer-encoding") == Some("chunked") && !is_head {
        (answer.body, answer.is_whole) = chunks(rest);
    } else if let Some(length) = answer.header("content-length").filter(|_| !is_head) {
        answer.is_whole = length.parse() == Ok(rest.len());
    }
    answer
}

/// The bytes of a chunked body, and whether its end came.
fn chunks(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else {
            return (body, false);
        };
        let length = String::from_utf8_lossy(&rest[..end]).into_owned();
        let Ok(length) = usize::from_str_radix(&length, 16) else { return (body, false) };
        if length == 0 {
            return (body, true);
        }
        let Some(chunk) = rest.get(end + 2..end + 2 + length) else { return (body, false) };
        body.extend_from_slice(chunk);
        rest = rest.get(end + 4 + length..).unwrap_or_default();
    }
}
