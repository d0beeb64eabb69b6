//! Files of messages, open and known by their first bytes.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;

use crate::cli::ahead::Ahead;
use crate::cli::progress::{self, Watched};
use crate::error::{Error, Result};
use crate::sdmx::input;
use crate::store::Message;

/// A bar over the bytes of these files.
pub(super) fn bar(files: &[PathBuf]) -> ProgressBar {
    let sizes = files.iter().filter_map(|path| path.metadata().ok()).map(|m| m.len());
    progress::bytes("reading", sizes.sum())
}

/// Opens a message; `-` is standard input. Reading it moves the bar.
///
/// # Errors
///
/// [`Error::Io`]; those of [`Message::open`] for what is no message.
pub(super) fn open(path: &Path, bar: &ProgressBar) -> Result<Message> {
    let name = path.display().to_string();
    let plain = if name == "-" {
        input::decompress(Box::new(Watched::new(io::stdin(), bar.clone())), "standard input")?
    } else {
        let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
        input::open(Watched::new(file, bar.clone()), &name)?
    };
    let ahead = Ahead::new(plain).map_err(|error| Error::io("read", path, error))?;
    Message::open(Box::new(ahead), &name)
}
