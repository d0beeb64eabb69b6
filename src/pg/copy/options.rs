//! What a statement `COPY` may say of its format.

use crate::pg::types::WireError;

/// The format of a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CopyFormat {
    /// Values between tabs, with backslashes before what is special.
    #[default]
    Text,
    /// Values between commas, with quotes around what is special.
    Csv,
    /// The binary form of each value.
    Binary,
}

/// Where rows are copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyDirection {
    /// `TO`: to the client.
    To,
    /// `FROM`: from the client.
    From,
}

/// Whether a line of names comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CopyHeader {
    /// No.
    #[default]
    None,
    /// Yes; what it says does not matter.
    Line,
    /// Yes, and it must say the names of the columns.
    Match,
}

/// The options of a copy, which fit each other if they come from [`CopyOptions::parse`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyOptions {
    /// `FORMAT`.
    pub format: CopyFormat,
    /// `DELIMITER`: stands between values.
    pub delimiter: u8,
    /// `NULL`: stands for a value that is not there.
    pub null: String,
    /// `HEADER`: whether the names of the columns come first.
    pub header: CopyHeader,
    /// `QUOTE`, of CSV: stands around values.
    pub quote: u8,
    /// `ESCAPE`, of CSV: stands before a quote within a value.
    pub escape: u8,
    /// `FORCE_QUOTE`, of CSV to the client: columns whose values are quoted in any case.
    pub force_quote: CopyColumns,
    /// `FORCE_NOT_NULL`, of CSV from the client: columns in which nothing stands for a missing value.
    pub force_not_null: CopyColumns,
    /// `FORCE_NULL`, of CSV from the client: columns in which also a quoted text may stand for a
    /// missing value.
    pub force_null: CopyColumns,
}

/// Columns that an option is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CopyColumns {
    /// No column.
    #[default]
    None,
    /// All columns.
    All,
    /// The columns of these names.
    Columns(Vec<String>),
}

/// The argument of an option, as the parser of SQL found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyArgument {
    /// Nothing.
    None,
    /// A word, number or text.
    Text(String),
    /// An asterisk.
    All,
    /// Names between parentheses.
    Columns(Vec<String>),
}

const SYNTAX: &str = "42601";
const VALUE: &str = "22023";
const FEATURE: &str = "0A000";

impl Default for CopyOptions {
    fn default() -> Self {
        Self::of(CopyFormat::Text)
    }
}

impl CopyOptions {
    /// The options of a format where the statement says nothing more.
    pub fn of(format: CopyFormat) -> Self {
        let (delimiter, null) = match format {
            CopyFormat::Csv => (b',', ""),
            CopyFormat::Text | CopyFormat::Binary => (b'\t', "\\N"),
        };
        Self {
            format,
            delimiter,
            null: null.to_owned(),
            header: CopyHeader::None,
            quote: b'"',
            escape: b'"',
            force_quote: CopyColumns::None,
            force_not_null: CopyColumns::None,
            force_null: CopyColumns::None,
        }
    }

    /// The options of a statement, by their names in any case.
    ///
    /// # Errors
    ///
    /// As PostgreSQL refuses them: 42601 for an option that is unknown, given twice or not of its
    /// format, 22023 for a value, 0A000 for what is not supported.
    pub fn parse(
        given: &[(String, CopyArgument)],
        direction: CopyDirection,
    ) -> Result<Self, WireError> {
        let found = Found::collect(given, direction)?;
        let format = match &found.format {
            None => CopyFormat::Text,
            Some(name) => match name.as_str() {
                "text" => CopyFormat::Text,
                "csv" => CopyFormat::Csv,
                "binary" => CopyFormat::Binary,
                _ => {
                    let message = format!("COPY format \"{name}\" not recognized");
                    return Err(WireError::new(VALUE, message));
                }
            },
        };
        if format == CopyFormat::Binary {
            if found.delimiter.is_some() {
                return Err(WireError::new(SYNTAX, "cannot specify DELIMITER in BINARY mode"));
            }
            if found.null.is_some() {
                return Err(WireError::new(SYNTAX, "cannot specify NULL in BINARY mode"));
            }
        }
        found.into_options(format, direction)
    }
}

/// The options that a statement gave.
#[derive(Default)]
struct Found {
    format: Option<String>,
    delimiter: Option<String>,
    null: Option<String>,
    header: Option<CopyHeader>,
    quote: Option<String>,
    escape: Option<String>,
    force_quote: Option<CopyColumns>,
    force_not_null: Option<CopyColumns>,
    force_null: Option<CopyColumns>,
}

impl Found {
    fn collect(
        given: &[(String, CopyArgument)],
        direction: CopyDirection,
    ) -> Result<Self, WireError> {
        let mut found = Self::default();
        let mut seen: Vec<String> = Vec::new();
        for (name, argument) in given {
            let name = name.to_ascii_lowercase();
            if seen.contains(&name) {
                return Err(WireError::new(SYNTAX, "conflicting or redundant options"));
            }
            match name.as_str() {
                "format" => found.format = Some(text(&name, argument)?),
                "delimiter" => found.delimiter = Some(text(&name, argument)?),
                "null" => found.null = Some(text(&name, argument)?),
                "quote" => found.quote = Some(text(&name, argument)?),
                "escape" => found.escape = Some(text(&name, argument)?),
                "header" => found.header = Some(header(argument, direction)?),
                "freeze" => {}
                "encoding" => check_encoding(&text(&name, argument)?)?,
                "force_quote" => found.force_quote = Some(columns(&name, argument)?),
                "force_not_null" => found.force_not_null = Some(columns(&name, argument)?),
                "force_null" => found.force_null = Some(columns(&name, argument)?),
                _ => {
                    let message = format!("option \"{name}\" not recognized");
                    return Err(WireError::new(SYNTAX, message));
                }
            }
            seen.push(name);
        }
        Ok(found)
    }

    /// Checks, in PostgreSQL's order, that the options fit each other.
    fn into_options(
        self,
        format: CopyFormat,
        direction: CopyDirection,
    ) -> Result<CopyOptions, WireError> {
        let default = CopyOptions::of(format);
        let is_csv = format == CopyFormat::Csv;
        let delimiter = single(self.delimiter.as_deref(), default.delimiter, "COPY delimiter")?;
        if matches!(delimiter, b'\n' | b'\r') {
            let message = "COPY delimiter cannot be newline or carriage return";
            return Err(WireError::new(VALUE, message));
        }
        let null = self.null.clone().unwrap_or(default.null);
        if null.contains(['\n', '\r']) {
            let message = "COPY null representation cannot use newline or carriage return";
            return Err(WireError::new(VALUE, message));
        }
        let ambiguous = matches!(delimiter, b'\\' | b'.' | b'a'..=b'z' | b'0'..=b'9');
        if !is_csv && ambiguous {
            let message = format!("COPY delimiter cannot be \"{}\"", char::from(delimiter));
            return Err(WireError::new(VALUE, message));
        }
        if format == CopyFormat::Binary
            && self.header.is_some_and(|header| header != CopyHeader::None)
        {
            return Err(WireError::new(FEATURE, "cannot specify HEADER in BINARY mode"));
        }
        if !is_csv && self.quote.is_some() {
            return Err(csv_only("COPY quote"));
        }
        let quote = single(self.quote.as_deref(), default.quote, "COPY quote")?;
        if is_csv && delimiter == quote {
            return Err(WireError::new(VALUE, "COPY delimiter and quote must be different"));
        }
        if !is_csv && self.escape.is_some() {
            return Err(csv_only("COPY escape"));
        }
        // What stands before a quote is a quote, unless the statement says otherwise.
        let escape = single(self.escape.as_deref(), quote, "COPY escape")?;
        self.check_forced(is_csv, direction)?;
        if null.bytes().any(|byte| byte == delimiter) {
            let message = "COPY delimiter must not appear in the NULL specification";
            return Err(WireError::new(FEATURE, message));
        }
        if is_csv && null.bytes().any(|byte| byte == quote) {
            let message = "CSV quote character must not appear in the NULL specification";
            return Err(WireError::new(FEATURE, message));
        }
        Ok(CopyOptions {
            format,
            delimiter,
            null,
            header: self.header.unwrap_or_default(),
            quote,
            escape,
            force_quote: self.force_quote.unwrap_or_default(),
            force_not_null: self.force_not_null.unwrap_or_default(),
            force_null: self.force_null.unwrap_or_default(),
        })
    }

    /// Each of the options that force something is for CSV, and for one direction.
    fn check_forced(&self, is_csv: bool, direction: CopyDirection) -> Result<(), WireError> {
        let all = [
            (&self.force_quote, "COPY force quote", CopyDirection::To),
            (&self.force_not_null, "COPY force not null", CopyDirection::From),
            (&self.force_null, "COPY force null", CopyDirection::From),
        ];
        for (_, what, of) in all.into_iter().filter(|(given, ..)| given.is_some()) {
            if !is_csv {
                return Err(csv_only(what));
            }
            if of != direction {
                let using = if of == CopyDirection::To { "COPY TO" } else { "COPY FROM" };
                return Err(WireError::new(
                    FEATURE,
                    format!("{what} only available using {using}"),
                ));
            }
        }
        Ok(())
    }
}

fn text(name: &str, argument: &CopyArgument) -> Result<String, WireError> {
    match argument {
        CopyArgument::Text(text) => Ok(text.clone()),
        CopyArgument::All => Ok("*".to_owned()),
        CopyArgument::None | CopyArgument::Columns(_) => {
            Err(WireError::new(SYNTAX, format!("{name} requires a parameter")))
        }
    }
}

fn columns(name: &str, argument: &CopyArgument) -> Result<CopyColumns, WireError> {
    match argument {
        CopyArgument::All => Ok(CopyColumns::All),
        CopyArgument::Text(all) if all == "*" => Ok(CopyColumns::All),
        CopyArgument::Columns(names) => Ok(CopyColumns::Columns(names.clone())),
        CopyArgument::None | CopyArgument::Text(_) => {
            let message = format!("argument to option \"{name}\" must be a list of column names");
            Err(WireError::new(VALUE, message))
        }
    }
}

fn header(argument: &CopyArgument, direction: CopyDirection) -> Result<CopyHeader, WireError> {
    let refused = || WireError::new(SYNTAX, "header requires a Boolean value or \"match\"");
    let word = match argument {
        CopyArgument::None => return Ok(CopyHeader::Line),
        CopyArgument::Text(word) => word.to_ascii_lowercase(),
        CopyArgument::All | CopyArgument::Columns(_) => return Err(refused()),
    };
    match (word.as_str(), direction) {
        ("true" | "on" | "1", _) => Ok(CopyHeader::Line),
        ("false" | "off" | "0", _) => Ok(CopyHeader::None),
        ("match", CopyDirection::From) => Ok(CopyHeader::Match),
        ("match", CopyDirection::To) => {
            Err(WireError::new(FEATURE, "cannot use \"match\" with HEADER in COPY TO"))
        }
        _ => Err(refused()),
    }
}

fn check_encoding(name: &str) -> Result<(), WireError> {
    let plain = name.to_ascii_lowercase().replace(['-', '_'], "");
    if matches!(plain.as_str(), "utf8" | "unicode") {
        return Ok(());
    }
    let message = "argument to option \"encoding\" must be a valid encoding name";
    Err(WireError::new(VALUE, message))
}

fn single(given: Option<&str>, default: u8, what: &str) -> Result<u8, WireError> {
    match given.map(str::as_bytes) {
        None => Ok(default),
        Some(&[byte]) => Ok(byte),
        Some(_) => {
            let message = format!("{what} must be a single one-byte character");
            Err(WireError::new(FEATURE, message))
        }
    }
}

fn csv_only(what: &str) -> WireError {
    WireError::new(FEATURE, format!("{what} available only in CSV mode"))
}

impl CopyColumns {
    /// Whether a column is among them.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Columns(names) => names.iter().any(|known| known == name),
        }
    }

    /// Refuses a name that is none of the columns of the copy.
    ///
    /// # Errors
    ///
    /// 42P10, with the name of the option.
    pub fn check(&self, option: &str, known: impl Fn(&str) -> bool) -> Result<(), WireError> {
        let Self::Columns(names) = self else { return Ok(()) };
        match names.iter().find(|name| !known(name)) {
            Some(name) => {
                let message = format!("{option} column \"{name}\" not referenced by COPY");
                Err(WireError::new("42P10", message))
            }
            None => Ok(()),
        }
    }
}
