//! The words of `COPY`.

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::pg::copy::{CopyArgument, CopyDirection, CopyOptions};
use crate::pg::errors::Fault;
use crate::pg::sql::text;
use crate::pg::sql::words::Words;
use crate::query::names;

/// `COPY query TO STDOUT`.
#[derive(Clone, Debug)]
pub(in crate::pg) struct Copy {
    pub(in crate::pg) query: Box<ast::Statement>,
    pub(in crate::pg) options: CopyOptions,
}

/// `COPY table FROM STDIN`.
#[derive(Clone, Debug)]
pub(in crate::pg) struct CopyFrom {
    /// The parts of its name.
    pub(in crate::pg) table: Vec<String>,
    /// The columns that the rows have; empty for all that can be written.
    pub(in crate::pg) columns: Vec<String>,
    pub(in crate::pg) options: CopyOptions,
}

/// Where rows go.
#[derive(Clone, Debug)]
pub(in crate::pg) enum Either {
    To(Copy),
    From(CopyFrom),
}

/// What the rows are of.
enum Source {
    Query(Box<ast::Statement>),
    Table { name: Vec<String>, columns: Vec<String> },
}

type Given = Vec<(String, CopyArgument)>;

/// Reads what follows COPY.
pub(in crate::pg) fn parse(words: &mut Words<'_>) -> Result<Either, Fault> {
    let binary = words.accept("BINARY");
    let source = source(words)?;
    let direction = if words.accept("FROM") {
        CopyDirection::From
    } else {
        words.expect("TO")?;
        CopyDirection::To
    };
    place(words, direction)?;
    let mut given = Given::new();
    if binary {
        given.push(("format".to_owned(), CopyArgument::Text("binary".to_owned())));
    }
    options(words, &mut given)?;
    if direction == CopyDirection::From && words.word() == "WHERE" {
        return Err(Fault::unsupported("WHERE of COPY FROM"));
    }
    words.end()?;
    let options = CopyOptions::parse(&given, direction)?;
    match (source, direction) {
        (Source::Table { name, columns }, CopyDirection::From) => {
            Ok(Either::From(CopyFrom { table: name, columns, options }))
        }
        (Source::Query(_), CopyDirection::From) => {
            Err(Fault::new("42601", "syntax error at or near \"FROM\": a query gives rows"))
        }
        (Source::Query(query), CopyDirection::To) => Ok(Either::To(Copy { query, options })),
        (Source::Table { name, columns }, CopyDirection::To) => {
            let query = all_of(&name, &columns)?;
            Ok(Either::To(Copy { query, options }))
        }
    }
}

/// Rows come from the client and go to it, and nowhere else.
fn place(words: &mut Words<'_>, direction: CopyDirection) -> Result<(), Fault> {
    let (client, hint) = match direction {
        CopyDirection::To => ("STDOUT", "COPY ... TO STDOUT sends rows to the client"),
        CopyDirection::From => ("STDIN", "COPY ... FROM STDIN takes rows from the client"),
    };
    if words.accept("PROGRAM") {
        let text = "permission denied to COPY to or from an external program";
        return Err(Fault::new("42501", text).hint(format!("{hint}.")));
    }
    if words.quoted().is_some() {
        let (word, does) = match direction {
            CopyDirection::To => ("to", "writes a file"),
            CopyDirection::From => ("from", "reads a file"),
        };
        let text = format!("permission denied to COPY {word} a file");
        return Err(Fault::new("42501", text).hint(format!("{hint}; psql's \\copy {does} there.")));
    }
    words.expect(client)
}

/// A query between brackets, or a table with some of its columns.
fn source(words: &mut Words<'_>) -> Result<Source, Fault> {
    if words.peek() == Some(&Token::LParen) {
        let inner = words.bracketed()?;
        let statement = text::statement(words.sql(), inner)?;
        return match statement {
            ast::Statement::Query(_) => Ok(Source::Query(Box::new(statement))),
            _ => Err(Fault::unsupported("COPY of a statement other than a query")),
        };
    }
    let mut name = vec![words.name()?];
    while words.accept_token(&Token::Period) {
        name.push(words.name()?);
    }
    let columns = if words.accept_token(&Token::LParen) { names(words)? } else { Vec::new() };
    Ok(Source::Table { name, columns })
}

/// Names up to the bracket that ends them.
fn names(words: &mut Words<'_>) -> Result<Vec<String>, Fault> {
    let mut names = Vec::new();
    loop {
        names.push(words.name()?);
        if words.accept_token(&Token::RParen) {
            return Ok(names);
        }
        if !words.accept_token(&Token::Comma) {
            return Err(words.wrong());
        }
    }
}

/// The query for columns of a table.
fn all_of(table: &[String], columns: &[String]) -> Result<Box<ast::Statement>, Fault> {
    let quoted = |names: &[String], between: &str| {
        let names: Vec<_> = names.iter().map(|name| names::quoted(name)).collect();
        names.join(between)
    };
    let list = if columns.is_empty() { "*".to_owned() } else { quoted(columns, ", ") };
    let sql = format!("SELECT {list} FROM {}", quoted(table, "."));
    let statement = Parser::new(&PostgreSqlDialect {}).try_with_sql(&sql);
    let statement = statement.and_then(|mut parser| parser.parse_statement());
    statement.map(Box::new).map_err(|error| Fault::new("42601", error.to_string()))
}

fn options(words: &mut Words<'_>, given: &mut Given) -> Result<(), Fault> {
    words.accept("WITH");
    if !words.accept_token(&Token::LParen) {
        while !words.is_at_end() && words.word() != "WHERE" {
            old_option(words, given)?;
        }
        return Ok(());
    }
    loop {
        let name = words.name()?;
        given.push((name, argument(words)?));
        if words.accept_token(&Token::RParen) {
            return Ok(());
        }
        if !words.accept_token(&Token::Comma) {
            return Err(words.wrong());
        }
    }
}

/// What stands behind the name of an option.
fn argument(words: &mut Words<'_>) -> Result<CopyArgument, Fault> {
    match words.peek() {
        None | Some(Token::Comma | Token::RParen) => return Ok(CopyArgument::None),
        Some(Token::Mul) => {
            words.skip();
            return Ok(CopyArgument::All);
        }
        Some(Token::LParen) => {
            words.skip();
            return names(words).map(CopyArgument::Columns);
        }
        Some(_) => {}
    }
    if let Some(text) = words.quoted() {
        return Ok(CopyArgument::Text(text));
    }
    match words.number() {
        Some(number) => Ok(CopyArgument::Text(number.to_string())),
        None => words.name().map(CopyArgument::Text),
    }
}

/// The options of PostgreSQL before 9.0, which psql and psycopg2 still write.
fn old_option(words: &mut Words<'_>, given: &mut Given) -> Result<(), Fault> {
    let name = words.word().to_lowercase();
    let wrong = words.wrong();
    words.skip();
    let text = |words: &mut Words<'_>| {
        words.accept("AS");
        let text = words.quoted().ok_or_else(|| words.wrong())?;
        Ok::<_, Fault>(CopyArgument::Text(text))
    };
    let option = match name.as_str() {
        "binary" | "csv" => ("format", CopyArgument::Text(name)),
        "header" => ("header", CopyArgument::None),
        "freeze" => ("freeze", CopyArgument::None),
        "delimiter" | "delimiters" => {
            words.accept("USING");
            ("delimiter", text(words)?)
        }
        "null" => ("null", text(words)?),
        "quote" => ("quote", text(words)?),
        "escape" => ("escape", text(words)?),
        "encoding" => ("encoding", text(words)?),
        "force" if words.accept("QUOTE") => ("force_quote", old_columns(words)?),
        "force" if words.accept_all(&["NOT", "NULL"]) => ("force_not_null", old_columns(words)?),
        "force" if words.accept("NULL") => ("force_null", old_columns(words)?),
        _ => return Err(wrong),
    };
    given.push((option.0.to_owned(), option.1));
    Ok(())
}

fn old_columns(words: &mut Words<'_>) -> Result<CopyArgument, Fault> {
    if words.accept_token(&Token::Mul) {
        return Ok(CopyArgument::All);
    }
    let mut columns = vec![words.name()?];
    while words.accept_token(&Token::Comma) {
        columns.push(words.name()?);
    }
    Ok(CopyArgument::Columns(columns))
}
