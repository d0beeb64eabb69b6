//! `FOR SYSTEM_TIME AS OF` and `as_of =>`, taken apart.
//!
//! The clause of the standard becomes an argument while it is still tokens, since not every dialect
//! of the parser knows it; the argument becomes a call of the function `as_of` in the parsed
//! statement, where it is known how far the expression goes and which alias the table has.
//!
//! Source: ISO/IEC 9075-2:2011, section 7.6 (`<query system time period specification>`).

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, TableAlias, TableFactor,
    TableFunctionArgs, Value,
};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::query::versions::AS_OF;

/// The words of the clause.
const CLAUSE: [&str; 4] = ["for", "system_time", "as", "of"];
/// Types that may stand before a constant.
const TYPES: [&str; 3] = ["date", "timestamp", "timestamptz"];

/// The tokens of a statement with `t FOR SYSTEM_TIME AS OF constant` as `t(as_of => constant)`.
pub fn system_time(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let is_there = tokens.iter().any(|token| is_word(&token.token, "system_time"));
    if !is_there {
        return tokens;
    }
    let mut all = Vec::with_capacity(tokens.len() + 8);
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let Some(value) = after_clause(&tokens, at) else {
            all.push(token.clone());
            at += 1;
            continue;
        };
        let end = constant_end(&tokens, value);
        let new = |kind: Token| TokenWithSpan::new(kind, token.span);
        all.extend([Token::LParen, Token::make_word(AS_OF, None), Token::RArrow].map(new));
        all.extend(tokens.get(value..end).unwrap_or_default().iter().cloned());
        all.push(new(Token::RParen));
        at = end;
    }
    all
}

/// Where the value begins, if the clause begins at `at`.
fn after_clause(tokens: &[TokenWithSpan], at: usize) -> Option<usize> {
    let mut next = at;
    for word in CLAUSE {
        is_word(&tokens.get(next)?.token, word).then_some(())?;
        next = skip_spaces(tokens, next + 1);
    }
    Some(next)
}

/// The end of a constant: of one token, with a type before or behind, or of a pair of parentheses.
fn constant_end(tokens: &[TokenWithSpan], start: usize) -> usize {
    let token = |at: usize| tokens.get(at).map(|token| &token.token);
    let mut at = start;
    if token(at).is_some_and(|first| TYPES.iter().any(|name| is_word(first, name))) {
        at = skip_spaces(tokens, at + 1);
        for word in ["with", "time", "zone"] {
            if token(at).is_some_and(|next| is_word(next, word)) {
                at = skip_spaces(tokens, at + 1);
            }
        }
    }
    let mut depth = 0_usize;
    while let Some(next) = token(at) {
        at += 1;
        match next {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    while token(skip_spaces(tokens, at)) == Some(&Token::DoubleColon) {
        at = skip_spaces(tokens, skip_spaces(tokens, at) + 1) + 1;
    }
    at.min(tokens.len())
}

fn skip_spaces(tokens: &[TokenWithSpan], mut at: usize) -> usize {
    while tokens.get(at).is_some_and(|token| matches!(token.token, Token::Whitespace(_))) {
        at += 1;
    }
    at
}

fn is_word(token: &Token, name: &str) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none()
        && word.value.eq_ignore_ascii_case(name))
}

/// Makes `t(as_of => x) AS a` into `as_of('t', x) AS a`.
pub(in crate::query) fn as_function(factor: &mut TableFactor) {
    let TableFactor::Table { name, alias, args: Some(TableFunctionArgs { args, .. }), .. } = factor
    else {
        return;
    };
    let [argument] = args.as_mut_slice() else { return };
    let value = match argument {
        FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. }
            if name.value.eq_ignore_ascii_case(AS_OF) =>
        {
            value.clone()
        }
        FunctionArg::ExprNamed {
            name: Expr::Identifier(name),
            arg: FunctionArgExpr::Expr(value),
            ..
        } if name.value.eq_ignore_ascii_case(AS_OF) => value.clone(),
        _ => return,
    };
    if alias.is_none()
        && let Some(last) = name.0.last().and_then(|part| part.as_ident())
    {
        let (name, columns) = (last.clone(), Vec::new());
        *alias = Some(TableAlias { explicit: true, name, columns, at: None });
    }
    let table = Expr::Value(Value::SingleQuotedString(name.to_string()).into());
    let plain = |value| FunctionArg::Unnamed(FunctionArgExpr::Expr(value));
    *args = vec![plain(table), plain(value)];
    *name = ObjectName::from(vec![Ident::new(AS_OF)]);
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::ast::{Statement, VisitMut, VisitorMut};
    use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect, PostgreSqlDialect};
    use datafusion::sql::sqlparser::parser::Parser;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;
    use std::ops::ControlFlow;

    use super::*;

    struct Rewrite;

    impl VisitorMut for Rewrite {
        type Break = ();

        fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
            as_function(factor);
            ControlFlow::Continue(())
        }
    }

    fn check(sql: &str, expected: &str) {
        let dialects: [&dyn Dialect; 2] = [&GenericDialect {}, &PostgreSqlDialect {}];
        for dialect in dialects {
            let tokens = Tokenizer::new(dialect, sql).tokenize_with_location().expect("tokens");
            let parser = Parser::new(dialect).with_tokens_with_locations(system_time(tokens));
            let mut parser = parser;
            let mut found: Statement = parser.parse_statement().expect(sql);
            let _ = found.visit(&mut Rewrite);
            assert_eq!(found.to_string(), expected, "{sql}");
        }
    }

    #[test]
    fn a_table_of_an_earlier_time_is_a_call() {
        let call = "SELECT * FROM as_of('ecb.exr', '2026-03-01') AS exr";
        check("SELECT * FROM ecb.exr FOR SYSTEM_TIME AS OF '2026-03-01'", call);
        check("select * from ecb.exr for system_time as of '2026-03-01'", call);
        check("SELECT * FROM ecb.exr(as_of => '2026-03-01')", call);
        check(
            "SELECT a.x FROM ecb.exr FOR SYSTEM_TIME AS OF TIMESTAMP '2026-03-01 08:00' a \
             JOIN \"ECB\".\"EXR\" FOR SYSTEM_TIME AS OF 17 AS b ON true WHERE 1 = 1",
            "SELECT a.x FROM as_of('ecb.exr', TIMESTAMP '2026-03-01 08:00') a \
             JOIN as_of('\"ECB\".\"EXR\"', 17) AS b ON true WHERE 1 = 1",
        );
        check(
            "SELECT 1 FROM exr FOR SYSTEM_TIME AS OF ('2026-03-01'::date) WHERE x = (1)",
            "SELECT 1 FROM as_of('exr', ('2026-03-01'::DATE)) AS exr WHERE x = (1)",
        );
        check(
            "SELECT 1 FROM exr FOR SYSTEM_TIME AS OF '2026-03-01'::timestamptz, b",
            "SELECT 1 FROM as_of('exr', '2026-03-01'::TIMESTAMPTZ) AS exr, b",
        );
    }

    #[test]
    fn everything_else_is_left() {
        for sql in [
            "SELECT system_time FROM t",
            "SELECT 'for system_time as of' FROM f(1, 2) AS x",
            "SELECT * FROM generate_series(1, 2)",
        ] {
            check(sql, sql);
        }
    }
}
