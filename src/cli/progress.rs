//! Progress bars, which show only on a terminal.

use std::io::{self, Read, Seek, SeekFrom};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over bytes.
pub(super) fn bytes(what: &str, total: u64) -> ProgressBar {
    let template = "{prefix:10} {bar:30} {bytes:>10} of {total_bytes} {bytes_per_sec:>12} {msg}";
    bar(what, total, template)
}

/// A bar over rows.
pub(super) fn rows(what: &str, total: u64) -> ProgressBar {
    bar(what, total, "{prefix:10} {bar:30} {human_pos:>12} of {human_len} rows {msg}")
}

fn bar(what: &str, total: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ");
    ProgressBar::new(total).with_style(style).with_prefix(what.to_owned())
}

/// A reader that moves a bar.
#[derive(Debug)]
pub(super) struct Watched<R> {
    inner: R,
    bar: ProgressBar,
}

impl<R> Watched<R> {
    pub(super) fn new(inner: R, bar: ProgressBar) -> Self {
        Self { inner, bar }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bar.inc(read as u64);
        Ok(read)
    }
}

impl<R: Seek> Seek for Watched<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = self.inner.seek(to)?;
        self.bar.set_position(position);
        Ok(position)
    }
}
