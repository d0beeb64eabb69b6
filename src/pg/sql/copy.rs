//! The words of `COPY ... TO STDOUT`.

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::pg::errors::{self, Fault};
use crate::pg::sql::text;
use crate::pg::sql::words::Words;
use crate::query::names;

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::pg) enum Layout {
    #[default]
    Text,
    Csv,
    Binary,
}

/// `COPY query TO STDOUT`.
#[derive(Clone, Debug)]
pub(in crate::pg) struct Copy {
    pub(in crate::pg) query: Box<ast::Statement>,
    pub(in crate::pg) options: Options,
}

/// The options as they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::pg) struct Options {
    pub(in crate::pg) layout: Layout,
    pub(in crate::pg) header: bool,
    pub(in crate::pg) delimiter: Option<u8>,
    pub(in crate::pg) null: Option<String>,
    pub(in crate::pg) quote: Option<u8>,
    pub(in crate::pg) escape: Option<u8>,
    pub(in crate::pg) force_quote: Force,
}

/// Which columns are always written between quotes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::pg) enum Force {
    #[default]
    None,
    All,
    Columns(Vec<String>),
}

/// Reads what follows COPY.
pub(in crate::pg) fn parse(words: &mut Words<'_>) -> Result<Copy, Fault> {
    let binary = words.accept("BINARY");
    let query = source(words)?;
    if words.accept("FROM") {
        return Err(errors::read_only("COPY FROM"));
    }
    words.expect("TO")?;
    if words.accept("PROGRAM") {
        let text = "permission denied to COPY to or from an external program";
        return Err(Fault::new("42501", text).hint("COPY ... TO STDOUT sends rows to the client."));
    }
    if words.quoted().is_some() {
        let text = "permission denied to COPY to a file";
        let hint =
            "COPY ... TO STDOUT sends rows to the client; psql's \\copy writes a file there.";
        return Err(Fault::new("42501", text).hint(hint));
    }
    words.expect("STDOUT")?;
    let mut options = Options::default();
    if binary {
        options.layout = Layout::Binary;
    }
    words.accept("WITH");
    if words.accept_token(&Token::LParen) {
        loop {
            option(words, &mut options)?;
            if words.accept_token(&Token::RParen) {
                break;
            }
            if !words.accept_token(&Token::Comma) {
                return Err(words.wrong());
            }
        }
    } else {
        while !words.is_at_end() {
            old_option(words, &mut options)?;
        }
    }
    words.end()?;
    check(&options)?;
    Ok(Copy { query, options })
}

/// A query between brackets, or a table with some of its columns.
fn source(words: &mut Words<'_>) -> Result<Box<ast::Statement>, Fault> {
    if words.peek() == Some(&Token::LParen) {
        let inner = words.bracketed()?;
        let statement = text::statement(words.sql(), inner)?;
        return match statement {
            ast::Statement::Query(_) => Ok(Box::new(statement)),
            _ => Err(Fault::unsupported("COPY of a statement other than a query")),
        };
    }
    let mut name = vec![words.name()?];
    while words.accept_token(&Token::Period) {
        name.push(words.name()?);
    }
    let mut columns = Vec::new();
    if words.accept_token(&Token::LParen) {
        loop {
            columns.push(words.name()?);
            if words.accept_token(&Token::RParen) {
                break;
            }
            if !words.accept_token(&Token::Comma) {
                return Err(words.wrong());
            }
        }
    }
    let quoted = |names: &[String], between: &str| {
        let names: Vec<_> = names.iter().map(|name| names::quoted(name)).collect();
        names.join(between)
    };
    let list = if columns.is_empty() { "*".to_owned() } else { quoted(&columns, ", ") };
    let sql = format!("SELECT {list} FROM {}", quoted(&name, "."));
    let statement = Parser::new(&PostgreSqlDialect {}).try_with_sql(&sql);
    let statement = statement.and_then(|mut parser| parser.parse_statement());
    statement.map(Box::new).map_err(|error| Fault::new("42601", error.to_string()))
}

fn option(words: &mut Words<'_>, options: &mut Options) -> Result<(), Fault> {
    let name = words.word();
    words.skip();
    match name.as_str() {
        "FORMAT" => {
            let format = match words.quoted() {
                Some(format) => format.to_lowercase(),
                None => words.name()?,
            };
            options.layout = match format.as_str() {
                "text" => Layout::Text,
                "csv" => Layout::Csv,
                "binary" => Layout::Binary,
                _ => {
                    let text = format!("COPY format \"{format}\" not recognized");
                    return Err(Fault::new("22023", text));
                }
            };
        }
        "HEADER" => options.header = flag(words)?,
        "DELIMITER" => options.delimiter = Some(byte(words, "delimiter")?),
        "NULL" => options.null = Some(words.quoted().ok_or_else(|| words.wrong())?),
        "QUOTE" => options.quote = Some(byte(words, "quote")?),
        "ESCAPE" => options.escape = Some(byte(words, "escape")?),
        "FORCE_QUOTE" => options.force_quote = force(words)?,
        "ENCODING" => {
            let encoding = words.quoted().ok_or_else(|| words.wrong())?;
            if !encoding.replace('-', "").eq_ignore_ascii_case("utf8") {
                return Err(Fault::unsupported(format!("COPY in the encoding {encoding}")));
            }
        }
        "FREEZE" | "FORCE_NOT_NULL" | "FORCE_NULL" => {
            let text = format!("COPY {} is for COPY FROM", name.to_lowercase());
            return Err(Fault::new("0A000", text));
        }
        _ => {
            let text = format!("option \"{}\" not recognized", name.to_lowercase());
            return Err(Fault::new("42601", text));
        }
    }
    Ok(())
}

/// The options of PostgreSQL before 9.0, which psql and psycopg2 still write.
fn old_option(words: &mut Words<'_>, options: &mut Options) -> Result<(), Fault> {
    let name = words.word();
    words.skip();
    match name.as_str() {
        "BINARY" => options.layout = Layout::Binary,
        "CSV" => options.layout = Layout::Csv,
        "HEADER" => options.header = true,
        "DELIMITER" | "DELIMITERS" => {
            words.accept("AS");
            options.delimiter = Some(byte(words, "delimiter")?);
        }
        "NULL" => {
            words.accept("AS");
            options.null = Some(words.quoted().ok_or_else(|| words.wrong())?);
        }
        "QUOTE" => {
            words.accept("AS");
            options.quote = Some(byte(words, "quote")?);
        }
        "ESCAPE" => {
            words.accept("AS");
            options.escape = Some(byte(words, "escape")?);
        }
        "FORCE" => {
            words.expect("QUOTE")?;
            options.force_quote = force(words)?;
        }
        _ => {
            let text = format!("syntax error at or near \"{}\"", name.to_lowercase());
            return Err(Fault::new("42601", text));
        }
    }
    Ok(())
}

fn flag(words: &mut Words<'_>) -> Result<bool, Fault> {
    match words.peek() {
        None | Some(Token::Comma | Token::RParen) => return Ok(true),
        _ => {}
    }
    if let Some(number) = words.number() {
        return Ok(number != 0);
    }
    let word = match words.quoted() {
        Some(word) => word.to_lowercase(),
        None => words.name()?,
    };
    match word.as_str() {
        "true" | "on" => Ok(true),
        "false" | "off" => Ok(false),
        _ => Err(Fault::new("42601", "header requires a Boolean value")),
    }
}

fn byte(words: &mut Words<'_>, what: &str) -> Result<u8, Fault> {
    let text = words.quoted().ok_or_else(|| words.wrong())?;
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err(Fault::new("0A000", format!("COPY {what} must be a single one-byte character"))),
    }
}

fn force(words: &mut Words<'_>) -> Result<Force, Fault> {
    if words.accept_token(&Token::Mul) {
        return Ok(Force::All);
    }
    let bracketed = words.accept_token(&Token::LParen);
    let mut columns = vec![words.name()?];
    while words.accept_token(&Token::Comma) {
        columns.push(words.name()?);
    }
    if bracketed && !words.accept_token(&Token::RParen) {
        return Err(words.wrong());
    }
    Ok(Force::Columns(columns))
}

fn check(options: &Options) -> Result<(), Fault> {
    let refuse = |text: &str| Err(Fault::new("42601", text));
    if options.layout == Layout::Binary {
        if options.delimiter.is_some() {
            return refuse("cannot specify DELIMITER in BINARY mode");
        }
        if options.null.is_some() {
            return refuse("cannot specify NULL in BINARY mode");
        }
        if options.header {
            return refuse("cannot specify HEADER in BINARY mode");
        }
    }
    if options.layout != Layout::Csv {
        if options.quote.is_some() {
            return refuse("COPY quote available only in CSV mode");
        }
        if options.escape.is_some() {
            return refuse("COPY escape available only in CSV mode");
        }
        if options.force_quote != Force::None {
            return refuse("COPY force quote available only in CSV mode");
        }
    }
    if matches!(options.delimiter, Some(b'\n' | b'\r' | b'\\')) {
        return Err(Fault::new("22023", "COPY delimiter cannot be newline or carriage return"));
    }
    Ok(())
}
