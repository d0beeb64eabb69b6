//! What a line at the prompt may be.

/// What the commands are, for `\?`.
pub(super) const HELP: &str = r"A statement ends with ; and may span lines. Tab completes tables, columns and codes.

  \d                  the dataflows with their tables
  \d TABLE            the columns of a table, with the codelist of each
  \dt [SCHEMA]        all tables, those of star schemas and codelists included
  \dn                 the schemas: one an agency
  \chart QUERY        draw a series: SELECT time_period, obs_value FROM ... WHERE ...
  \chart TABLE KEY    the same for a key: \chart ecb.exr D.USD.EUR.SP00.A
  \format [NAME]      how answers are shown: table, csv, json, ndjson, markdown
  \timing [on|off]    the time that each statement took
  \pager [on|off]     long answers page by page (with $PAGER, or less)
  \i FILE             run the statements of a file
  \? or \h            this text
  \q                  leave (or Ctrl-D)";

/// A line that begins with a backslash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// `\d`.
    Flows,
    /// `\d TABLE`.
    Describe(String),
    /// `\dt [SCHEMA]`.
    Tables(Option<String>),
    /// `\dn`.
    Schemas,
    /// `\chart ...`.
    Chart(String),
    /// `\format [NAME]`.
    Format(Option<String>),
    /// `\timing [on|off]`.
    Timing(Option<bool>),
    /// `\pager [on|off]`.
    Pager(Option<bool>),
    /// `\i FILE`.
    Include(String),
    /// `\?`.
    Help,
    /// `\q`.
    Quit,
}

impl Command {
    /// Parses a line that begins with a backslash.
    ///
    /// # Errors
    ///
    /// What is wrong, and where to look.
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        let line = line.trim().trim_end_matches(';').trim_end();
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let text = (!rest.is_empty()).then(|| rest.to_owned());
        let switch = || match rest {
            "" => Ok(None),
            "on" => Ok(Some(true)),
            "off" => Ok(Some(false)),
            other => Err(format!("{name} is on or off, not {other:?}")),
        };
        Ok(match name {
            "\\d" | "\\d+" => text.map_or(Self::Flows, Self::Describe),
            "\\dt" | "\\dt+" => Self::Tables(text),
            "\\dn" | "\\dn+" => Self::Schemas,
            "\\chart" => {
                let wanted = text.ok_or("\\chart needs a query, or a table and a key; see \\?")?;
                Self::Chart(wanted)
            }
            "\\format" => Self::Format(text),
            "\\timing" => Self::Timing(switch()?),
            "\\pager" => Self::Pager(switch()?),
            "\\i" => Self::Include(text.ok_or("\\i needs the name of a file")?),
            "\\?" | "\\h" | "\\help" => Self::Help,
            "\\q" | "\\quit" => Self::Quit,
            other => return Err(format!("there is no command {other}; \\? lists them")),
        })
    }
}

/// Whether a text of SQL is whole: it ends with `;` outside of quotes and comments.
pub(super) fn is_whole(text: &str) -> bool {
    let mut rest = text.chars().peekable();
    let mut ends = false;
    while let Some(c) = rest.next() {
        match c {
            '\'' | '"' => {
                if !rest.by_ref().any(|next| next == c) {
                    return false;
                }
                ends = false;
            }
            '-' if rest.peek() == Some(&'-') => {
                while rest.next_if(|next| *next != '\n').is_some() {}
            }
            ';' => ends = true,
            c if c.is_whitespace() => {}
            _ => ends = false,
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_parsed() {
        let check = |line: &str, expected: Command| {
            assert_eq!(Command::parse(line), Ok(expected), "{line}");
        };
        check("\\d", Command::Flows);
        check("\\d ecb.exr;", Command::Describe("ecb.exr".to_owned()));
        check("\\dt", Command::Tables(None));
        check("\\timing", Command::Timing(None));
        check("\\timing off", Command::Timing(Some(false)));
        check("\\chart ecb.exr D.USD", Command::Chart("ecb.exr D.USD".to_owned()));
        check("\\q", Command::Quit);
        assert!(Command::parse("\\timing maybe").is_err());
        assert!(Command::parse("\\chart").is_err());
        assert!(Command::parse("\\nothing").is_err());
    }

    #[test]
    fn a_statement_is_whole_at_its_semicolon() {
        for whole in ["SELECT 1;", "SELECT ';' ;  ", "SELECT 1; -- done", "SELECT 'it''s';", ";"] {
            assert!(is_whole(whole), "{whole}");
        }
        for open in ["SELECT 1", "SELECT 1; SELECT", "SELECT ';", "SELECT 1 -- ;", ""] {
            assert!(!is_whole(open), "{open}");
        }
    }
}
