//! Long answers, page by page.

use std::env;
use std::io::{self, Write};
use std::process::{Child, Command, Stdio};

/// Where an answer is written: a pager, or straight to the terminal where none can be started.
pub(super) enum Page {
    /// A running pager.
    Pager(Child),
    /// The terminal.
    Terminal,
}

impl Page {
    /// Starts `$PAGER`, or `less` so that short answers do not stop.
    pub(super) fn open(wanted: bool) -> Self {
        if !wanted {
            return Self::Terminal;
        }
        let pager = env::var("PAGER").ok().filter(|pager| !pager.trim().is_empty());
        let mut words = pager.as_deref().unwrap_or("less").split_whitespace();
        let program = words.next().unwrap_or("less");
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::piped());
        if env::var_os("LESS").is_none() {
            // Leave when it fits the screen, do not fold lines, keep colours and the screen.
            command.env("LESS", "-FSRX");
        }
        command.spawn().map_or(Self::Terminal, Self::Pager)
    }

    /// Waits until the reader has left the pager.
    pub(super) fn close(self) {
        if let Self::Pager(mut child) = self {
            drop(child.stdin.take());
            // A pager that failed has said so itself.
            drop(child.wait());
        }
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Pager(child) => match &mut child.stdin {
                Some(input) => input.write(bytes),
                None => Ok(bytes.len()),
            },
            Self::Terminal => io::stdout().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Pager(child) => child.stdin.as_mut().map_or(Ok(()), Write::flush),
            Self::Terminal => io::stdout().flush(),
        }
    }
}
