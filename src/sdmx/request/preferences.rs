//! What any request may say of the form of its answer in its query, instead of in headers.
//!
//! Source: SDMX REST 2.2.2, `doc/extend.md`. What is here wins over headers.

use crate::error::Result;
use crate::sdmx::request::text::Parameters;

/// The form of an answer, as a query says it; absent where it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// `format`: a media type, or a short name such as `csvdata`.
    pub format: Option<String>,
    /// `formatVersion`: the version of a format that has a short name.
    pub format_version: Option<String>,
    /// `compression`: `gzip`, `zstd` or `none`.
    pub compression: Option<String>,
    /// `lang`: a language, `fr-CH`.
    pub language: Option<String>,
}

/// The parameters that every resource has.
pub(super) const PREFERENCES: [&str; 4] = ["format", "formatVersion", "compression", "lang"];

impl Preferences {
    /// Takes them from the parameters.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Syntax`] for what does not decode.
    pub fn take(parameters: &mut Parameters<'_>) -> Result<Self> {
        Ok(Self {
            format: parameters.take("format")?,
            format_version: parameters.take("formatVersion")?,
            compression: parameters.take("compression")?,
            language: parameters.take("lang")?,
        })
    }
}
