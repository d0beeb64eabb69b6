//! Long answers, page by page.

use std::env;
use std::io::{self, Write};
use std::mem;
use std::process::{Child, Command, Stdio};

use terminal_size::{Height, terminal_size};

/// Lines of a screen of unknown size.
const LINES: usize = 24;
/// Bytes kept back at most before it is clear whether a pager is needed.
const KEPT_BYTES: usize = 1 << 20;

/// Where an answer is written: to the terminal if it fits the screen, to a pager if not.
pub(super) struct Page {
    kept: Vec<u8>,
    lines: usize,
    lines_max: usize,
    target: Target,
}

enum Target {
    /// Nothing was written yet.
    Undecided,
    /// A running pager.
    Pager(Child),
    /// The terminal.
    Terminal,
}

impl Page {
    /// A page for one answer.
    pub(super) fn open(may_page: bool) -> Self {
        let lines = terminal_size().map_or(LINES, |(_, Height(lines))| usize::from(lines));
        let target = if may_page { Target::Undecided } else { Target::Terminal };
        Self { kept: Vec::new(), lines: 0, lines_max: lines.saturating_sub(2), target }
    }

    /// Writes what is left, and waits until the reader has left the pager.
    ///
    /// # Errors
    ///
    /// Those of the terminal.
    pub(super) fn close(mut self) -> io::Result<()> {
        match &mut self.target {
            Target::Undecided => io::stdout().write_all(&self.kept)?,
            Target::Terminal => {}
            Target::Pager(child) => {
                drop(child.stdin.take());
                // A pager that failed has said so itself.
                drop(child.wait());
            }
        }
        io::stdout().flush()
    }

    /// Starts `$PAGER`, or `less`; without either, long answers run through.
    fn start(&mut self) -> io::Result<()> {
        let pager = env::var("PAGER").ok().filter(|pager| !pager.trim().is_empty());
        let mut words = pager.as_deref().unwrap_or("less").split_whitespace();
        let mut command = Command::new(words.next().unwrap_or("less"));
        command.args(words).stdin(Stdio::piped());
        if env::var_os("LESS").is_none() {
            // Do not fold lines, keep colours, and leave the answer on the screen.
            command.env("LESS", "-SRX");
        }
        self.target = command.spawn().map_or(Target::Terminal, Target::Pager);
        let kept = mem::take(&mut self.kept);
        self.write_all(&kept)
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.target {
            Target::Undecided => {
                self.kept.extend_from_slice(bytes);
                self.lines += bytes.split(|byte| *byte == b'\n').count() - 1;
                if self.lines > self.lines_max || self.kept.len() > KEPT_BYTES {
                    self.start()?;
                }
                Ok(bytes.len())
            }
            Target::Pager(child) => match &mut child.stdin {
                Some(input) => input.write(bytes),
                None => Ok(bytes.len()),
            },
            Target::Terminal => io::stdout().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.target {
            Target::Undecided => Ok(()),
            Target::Pager(child) => child.stdin.as_mut().map_or(Ok(()), Write::flush),
            Target::Terminal => io::stdout().flush(),
        }
    }
}
