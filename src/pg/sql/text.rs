//! Statements in a text, and places in it.

use std::mem;

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{
    Location, Span, Token, TokenWithSpan, Tokenizer, Whitespace,
};

use crate::limits::{STATEMENT_BYTES_MAX, STATEMENT_DEPTH_MAX};
use crate::pg::errors::Fault;
use crate::query::{guard, versions};

/// One statement of a text: its tokens without comments and spaces, and never none.
#[derive(Clone, Debug)]
pub(in crate::pg) struct Part {
    pub(in crate::pg) tokens: Vec<TokenWithSpan>,
}

/// Cuts a text into its statements.
pub(in crate::pg) fn split(sql: &str) -> Result<Vec<Part>, Fault> {
    if sql.len() > STATEMENT_BYTES_MAX {
        let text = format!(
            "the statement has {} bytes, over the limit of {STATEMENT_BYTES_MAX}",
            sql.len()
        );
        return Err(Fault::new("54000", text));
    }
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location();
    let tokens = tokens.map_err(|error| {
        let place = offset(sql, error.location);
        Fault::new("42601", error.message.to_lowercase()).at(place)
    })?;
    let mut parts = Vec::new();
    let mut part = Vec::new();
    for token in tokens {
        match token.token {
            Token::SemiColon => parts.push(mem::take(&mut part)),
            Token::Whitespace(
                Whitespace::Space
                | Whitespace::Newline
                | Whitespace::Tab
                | Whitespace::SingleLineComment { .. }
                | Whitespace::MultiLineComment(_),
            )
            | Token::EOF => {}
            _ => part.push(token),
        }
    }
    parts.push(part);
    for tokens in &parts {
        let checked = guard::check_operators(tokens.iter().map(|token| &token.token));
        checked.map_err(|error| Fault::new("54001", error.to_string()))?;
    }
    let parts = parts.into_iter().filter(|tokens| !tokens.is_empty());
    Ok(parts.map(|tokens| Part { tokens }).collect())
}

/// Parses tokens that are one statement.
pub(in crate::pg) fn statement(
    sql: &str,
    tokens: Vec<TokenWithSpan>,
) -> Result<ast::Statement, Fault> {
    let dialect = PostgreSqlDialect {};
    let parser = Parser::new(&dialect).with_recursion_limit(STATEMENT_DEPTH_MAX);
    let mut parser = parser.with_tokens_with_locations(versions::system_time(tokens));
    let statement = parser.parse_statement().map_err(|error| syntax(sql, &error))?;
    let rest = parser.next_token();
    match rest.token {
        Token::EOF => Ok(statement),
        other => {
            let place = offset(sql, rest.span.start);
            Err(Fault::new("42601", format!("syntax error at or near \"{other}\"")).at(place))
        }
    }
}

/// Parses tokens that are expressions with commas between them.
pub(in crate::pg) fn expressions(
    sql: &str,
    tokens: Vec<TokenWithSpan>,
) -> Result<Vec<ast::Expr>, Fault> {
    let dialect = PostgreSqlDialect {};
    let parser = Parser::new(&dialect).with_recursion_limit(STATEMENT_DEPTH_MAX);
    let mut parser = parser.with_tokens_with_locations(tokens);
    let all = parser.parse_comma_separated(Parser::parse_expr);
    all.map_err(|error| syntax(sql, &error))
}

/// Parses tokens that are types with commas between them.
pub(in crate::pg) fn types(
    sql: &str,
    tokens: Vec<TokenWithSpan>,
) -> Result<Vec<ast::DataType>, Fault> {
    let dialect = PostgreSqlDialect {};
    let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
    let all = parser.parse_comma_separated(Parser::parse_data_type);
    all.map_err(|error| syntax(sql, &error))
}

/// The parser's message ends with its place: `..., found: FORM at Line: 1, Column: 10`.
fn syntax(sql: &str, error: &ParserError) -> Fault {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text,
        ParserError::RecursionLimitExceeded => {
            return Fault::new("54001", "the statement is nested too deeply")
                .hint("Split it into queries of a WITH clause.");
        }
    };
    let (reason, place) = match text.rsplit_once(" at Line: ") {
        Some((reason, place)) => {
            let mut numbers = place.split(", Column: ").map(|part| part.trim().parse::<u64>());
            let place = match (numbers.next(), numbers.next()) {
                (Some(Ok(line)), Some(Ok(column))) => offset(sql, Location { line, column }),
                _ => None,
            };
            (reason, place)
        }
        None => (text.as_str(), Some(sql.trim_end().chars().count() + 1)),
    };
    let found = reason.rsplit_once("found: ").map(|(_, found)| found.trim());
    let message = match found {
        Some("EOF") | None if text.len() == reason.len() => {
            "syntax error at end of input".to_owned()
        }
        Some(found) => format!("syntax error at or near \"{found}\""),
        None => reason.to_owned(),
    };
    Fault::new("42601", message).at(place)
}

/// The character of a text, from 1, that stands at a line and column.
pub(in crate::pg) fn offset(sql: &str, location: Location) -> Option<usize> {
    if location.line == 0 || location.column == 0 {
        return None;
    }
    let (mut line, mut column) = (1, 1);
    for (place, character) in (1..).zip(sql.chars()) {
        if (line, column) == (location.line, location.column) {
            return Some(place);
        }
        if character == '\n' {
            (line, column) = (line + 1, 1);
        } else {
            column += 1;
        }
    }
    Some(sql.chars().count() + 1)
}

/// The place of the first token that is this name; letter case counts only between quotes.
pub(in crate::pg) fn find(sql: &str, part: &Part, name: &str) -> Option<usize> {
    let last = name.rsplit('.').next().unwrap_or(name);
    let found = part.tokens.iter().position(|token| match &token.token {
        Token::Word(word) if word.quote_style.is_some() => word.value == last,
        Token::Word(word) => word.value.eq_ignore_ascii_case(last),
        _ => false,
    })?;
    // A qualified name begins with its first part.
    let mut first = found;
    while first >= 2 && part.tokens.get(first - 1).is_some_and(|token| token.token == Token::Period)
    {
        first -= 2;
    }
    let span: Span = part.tokens.get(first)?.span;
    offset(sql, span.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_semicolons_outside_texts() {
        let check = |sql: &str, expected: &[&str]| {
            let parts = split(sql).expect("tokens");
            let found: Vec<String> = parts
                .iter()
                .map(|part| {
                    part.tokens.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
                })
                .collect();
            assert_eq!(found, expected, "{sql}");
        };
        check(
            "SELECT 1; SELECT ';' ;; -- ;\nSELECT $$;$$",
            &["SELECT 1", "SELECT ';'", "SELECT $$;$$"],
        );
        check(" ; -- nothing\n", &[]);
        check("", &[]);
    }

    #[test]
    fn errors_have_their_place() {
        let check = |sql: &str, message: &str, place: usize| {
            let part = split(sql).map(|mut parts| parts.remove(0));
            let fault = part.and_then(|part| statement(sql, part.tokens)).expect_err(sql);
            assert_eq!((fault.code, fault.position), ("42601", Some(place)), "{sql}");
            assert_eq!(fault.message, message);
        };
        check("SELEKT 1", "syntax error at or near \"SELEKT\"", 1);
        check("SELECT 'é' FORM\n t x", "syntax error at or near \"t\"", 18);
        check("SELECT 1 +", "syntax error at end of input", 11);
    }

    #[test]
    fn finds_names() {
        let sql = "SELECT a, x.nope FROM t";
        let parts = split(sql).expect("tokens");
        assert_eq!(find(sql, &parts[0], "nope"), Some(11));
        assert_eq!(find(sql, &parts[0], "T"), Some(23));
        assert_eq!(find(sql, &parts[0], "other"), None);
    }
}
