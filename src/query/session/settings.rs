//! What one session may set.

use crate::error::{Error, Result};
use crate::query::names;
use crate::store::AsOf;

/// The settings of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// The language of names: `sdmx.language`.
    pub(super) language: String,
    /// Where a table without a schema is looked up first: `search_path`.
    pub(super) search_path: String,
    /// Which state is read, as [`AsOf`] parses it: `sdmx.as_of`. Empty for the newest.
    pub(super) as_of: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { language: "en".to_owned(), search_path: "public".to_owned(), as_of: String::new() }
    }
}

/// The names of all settings, with what each is for.
pub(super) const ALL: [(&str, &str); 3] = [
    (
        "sdmx.as_of",
        "the state that is read: a time, or the number of a commit; empty for the newest",
    ),
    ("sdmx.language", "the language of names, such as en, fr or pt-BR"),
    ("search_path", "schemas in which a table without one is looked up first"),
];

impl Settings {
    /// The value of a setting, by its name.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] with the nearest name.
    pub(super) fn get(&self, name: &str) -> Result<&str> {
        match name {
            "sdmx.language" => Ok(&self.language),
            "sdmx.as_of" => Ok(&self.as_of),
            "search_path" => Ok(&self.search_path),
            _ => Err(unknown(name)),
        }
    }

    /// Sets one; without a value, to its default.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] with the nearest name, [`Error::Invalid`] for a value that cannot be.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>) -> Result<()> {
        let default = Self::default();
        let value = value.unwrap_or(default.get(name)?);
        match name {
            "sdmx.language" => {
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
                if value.is_empty() || value.len() > 35 || !value.chars().all(plain) {
                    let reason = format!("{value:?} is no language; write en, fr or pt-BR");
                    return Err(Error::invalid("sdmx.language", reason));
                }
                value.clone_into(&mut self.language);
            }
            "sdmx.as_of" => {
                if !value.is_empty() {
                    AsOf::parse(value)?;
                }
                value.clone_into(&mut self.as_of);
            }
            _ => value.clone_into(&mut self.search_path),
        }
        Ok(())
    }

    /// The state that is read; absent for the newest.
    ///
    /// # Errors
    ///
    /// None for a value that [`Settings::set`] let in.
    pub(super) fn as_of(&self) -> Result<Option<AsOf>> {
        match self.as_of.as_str() {
            "" => Ok(None),
            text => AsOf::parse(text).map(Some),
        }
    }

    /// The schemas of the search path, without quotes.
    pub(super) fn schemas(&self) -> Vec<String> {
        let parts = self.search_path.split(',').map(|part| part.trim().trim_matches('"'));
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }
}

fn unknown(name: &str) -> Error {
    Error::not_found("setting", names::with_nearest(name, ALL.iter().map(|(known, _)| *known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_what_is_known_and_refuses_the_rest() {
        let mut settings = Settings::default();
        settings.set("sdmx.language", Some("fr")).expect("a language");
        settings.set("search_path", Some("ecb, \"BIS\", public")).expect("a path");
        assert_eq!(settings.get("sdmx.language").expect("known"), "fr");
        assert_eq!(settings.schemas(), ["ecb", "BIS", "public"]);
        settings.set("sdmx.language", None).expect("the default");
        assert_eq!(settings.language, "en");
        settings.set("sdmx.as_of", Some("17")).expect("a commit");
        assert_eq!(settings.as_of().expect("parses"), Some(AsOf::Commit(17)));
        settings.set("sdmx.as_of", Some("")).expect("the newest");
        assert_eq!(settings.as_of().expect("parses"), None);
        settings.set("sdmx.as_of", Some("soon")).expect_err("no time");
        let check = |name: &str, value: &str, expected: &str| {
            let text = Settings::default().set(name, Some(value)).expect_err("wrong").to_string();
            assert_eq!(text, expected);
        };
        check("sdmx.lang", "fr", "setting sdmx.lang (did you mean \"sdmx.language\"?) not found");
        check(
            "datafusion.runtime.temp_directory",
            "/",
            "setting datafusion.runtime.temp_directory not found",
        );
        check(
            "sdmx.language",
            "fr; x",
            "sdmx.language: \"fr; x\" is no language; write en, fr or pt-BR",
        );
    }
}
