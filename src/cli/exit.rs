//! What the shell is told.

use std::io::ErrorKind;
use std::process::ExitCode;

use crate::error::Error;

/// The exit code of an error: 2 correct the input, 3 another name, 4 ask for less or otherwise,
/// 5 the operator must act, 70 our mistake.
pub(super) fn code(error: &Error) -> ExitCode {
    ExitCode::from(match error {
        Error::Syntax { .. } | Error::Invalid { .. } | Error::Rows { .. } => 2,
        Error::NotFound { .. } | Error::Conflict { .. } => 3,
        Error::Limit { .. } | Error::Unsupported { .. } => 4,
        Error::Corrupt { .. } | Error::Io { .. } => 5,
        Error::Bug { .. } => 70,
    })
}

/// Whether the reader of our output has gone, which is not an error: `sdmxdb sql ... | head`.
pub(super) fn is_broken_pipe(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == ErrorKind::BrokenPipe)
}
