//! What a statement may be: it reads, and it reads only what is in this database; of those who may,
//! it also writes rows of dataflows.
//!
//! There are three fences, each enough by itself. This one looks at the parsed statement and lets
//! through what it knows ([`parse`]). The second looks at the plan ([`check_plan`]), subqueries
//! included. The third is the runtime, which knows no file and no address to read from or write to.

use std::ops::ControlFlow;

use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{DFParserBuilder, ExplainStatement, ResetStatement, Statement};
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::{Error, Result};
use crate::limits::{STATEMENT_BYTES_MAX, STATEMENT_DEPTH_MAX, STATEMENT_OPERATORS_MAX};
use crate::query::dialect;
use crate::query::error::from_datafusion;
use crate::query::versions;
use crate::query::write::{Transact, WriteStatement, transact};

/// What may be asked, for the reader of a refusal.
const ALLOWED: &str =
    "; a statement is SELECT, WITH, VALUES, EXPLAIN, DESCRIBE, SHOW, SET or RESET";

/// What the one who asks may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read.
    Read,
    /// Read, and write rows of dataflows.
    Write,
}

/// A statement that may run.
#[derive(Clone, Debug)]
pub enum Request {
    /// Writes: INSERT, UPDATE, DELETE, MERGE, TRUNCATE.
    Write(Box<WriteStatement>),
    /// BEGIN, COMMIT, ROLLBACK, SAVEPOINT, RELEASE.
    Transact(Transact),
    /// Reads: SELECT, WITH, VALUES, EXPLAIN, DESCRIBE, SHOW TABLES, SHOW COLUMNS.
    Query(Box<Statement>),
    /// `SET name = value`, `SET name TO value`, `SET TIME ZONE value`.
    Set {
        /// The setting, in lower case, its parts joined by dots.
        name: String,
        /// The value; several are joined by commas. Absent for `DEFAULT`.
        value: Option<String>,
    },
    /// `RESET name`; `all` means every setting.
    Reset {
        /// The setting, in lower case.
        name: String,
    },
    /// `SHOW name`; `all` means every setting.
    Show {
        /// The setting, in lower case.
        name: String,
    },
}

/// Parses a text of any number of statements, and refuses those that may not run.
///
/// # Errors
///
/// [`Error::Syntax`] with line and column; [`Error::Unsupported`] for any statement that does not
/// read; [`Error::Limit`] for a text over 16 MiB.
pub fn parse(sql: &str) -> Result<Vec<Request>> {
    parse_as(sql, Access::Read)
}

/// The same for one who may do more.
///
/// # Errors
///
/// Those of [`parse`].
pub fn parse_as(sql: &str, access: Access) -> Result<Vec<Request>> {
    if sql.len() > STATEMENT_BYTES_MAX {
        let (actual, limit) = (sql.len() as u64, STATEMENT_BYTES_MAX as u64);
        return Err(Error::Limit { what: "the length of the statement in bytes", actual, limit });
    }
    let dialect = GenericDialect {};
    if sql.len() > STATEMENT_OPERATORS_MAX {
        // A text that cannot be cut into tokens is refused by the parser, with its place.
        let tokens = Tokenizer::new(&dialect, sql).tokenize().unwrap_or_default();
        check_operators(tokens.iter())?;
    }
    let mut parser = DFParserBuilder::new(sql).with_dialect(&dialect);
    if has_system_time(sql)
        && let Ok(tokens) = Tokenizer::new(&dialect, sql).tokenize_with_location()
    {
        parser = DFParserBuilder::new(versions::system_time(tokens)).with_dialect(&dialect);
    }
    let parser = parser.with_recursion_limit(STATEMENT_DEPTH_MAX).build();
    let statements = parser.and_then(|mut parser| parser.parse_statements());
    let statements = statements.map_err(|error| from_datafusion(&error))?;
    statements.into_iter().map(|statement| request(statement, access)).collect()
}

/// Whether a text may have the clause `FOR SYSTEM_TIME AS OF` in it.
fn has_system_time(sql: &str) -> bool {
    const WORD: &[u8] = b"system_time";
    sql.as_bytes().windows(WORD.len()).any(|window| window.eq_ignore_ascii_case(WORD))
}

/// Lets a statement through that another parser than [`parse`] has read, or refuses it.
///
/// # Errors
///
/// [`Error::Unsupported`] for any statement that does not read.
pub fn admit(statement: ast::Statement) -> Result<Request> {
    admit_as(statement, Access::Read)
}

/// The same for one who may do more.
///
/// # Errors
///
/// Those of [`admit`].
pub fn admit_as(statement: ast::Statement, access: Access) -> Result<Request> {
    request(Statement::Statement(Box::new(statement)), access)
}

/// Refuses a statement of more operators than can be taken apart by recursion.
///
/// # Errors
///
/// [`Error::Limit`] with their number.
pub fn check_operators<'a>(tokens: impl Iterator<Item = &'a Token>) -> Result<()> {
    let count = tokens.filter(|token| is_operator(token)).count();
    if count > STATEMENT_OPERATORS_MAX {
        let (actual, limit) = (count as u64, STATEMENT_OPERATORS_MAX as u64);
        let what = "the number of operators of one statement (IN (...) takes any number of values)";
        return Err(Error::Limit { what, actual, limit });
    }
    Ok(())
}

/// Whether a token joins what stands before it with what stands behind.
fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::UNION
                | Keyword::EXCEPT
                | Keyword::INTERSECT
                | Keyword::COLLATE
                | Keyword::IS
                | Keyword::JOIN
        ),
        Token::Comma
        | Token::Period
        | Token::LParen
        | Token::RParen
        | Token::SemiColon
        | Token::Whitespace(_)
        | Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::Placeholder(_)
        | Token::EOF => false,
        _ => true,
    }
}

/// Refuses a plan that would change anything. A second look: [`parse`] has refused it already.
///
/// # Errors
///
/// [`Error::Unsupported`] with what the plan would do.
pub fn check_plan(plan: &LogicalPlan) -> Result<()> {
    let options = SQLOptions::new();
    let options = options.with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    options.verify_plan(plan).map_err(|_| refusal("a statement that changes something"))
}

fn request(statement: Statement, access: Access) -> Result<Request> {
    match statement {
        Statement::Statement(inner) if access == Access::Write => {
            if let Some(command) = transact(&inner)? {
                return Ok(Request::Transact(command));
            }
            match WriteStatement::of(*inner) {
                Ok(write) => {
                    check_write(&write)?;
                    Ok(Request::Write(Box::new(write)))
                }
                Err(other) => request(Statement::Statement(other), Access::Read),
            }
        }
        Statement::Statement(inner) => match *inner {
            ast::Statement::Set(set) => setting(set),
            ast::Statement::ShowVariable { variable } => {
                let parts: Vec<String> = variable.iter().map(ident).collect();
                Ok(Request::Show { name: parts.join(".") })
            }
            ast::Statement::Reset(reset) => Ok(Request::Reset {
                name: match reset.reset {
                    ast::Reset::ALL => "all".to_owned(),
                    ast::Reset::ConfigurationParameter(name) => dotted(&name),
                },
            }),
            mut other => {
                check_statement(&other)?;
                dialect::adapt(&mut other)?;
                Ok(Request::Query(Box::new(Statement::Statement(Box::new(other)))))
            }
        },
        Statement::Explain(mut explain) => {
            check_explained(&explain)?;
            if let Statement::Statement(inner) = explain.statement.as_mut() {
                dialect::adapt(inner)?;
            }
            Ok(Request::Query(Box::new(Statement::Explain(explain))))
        }
        Statement::Reset(ResetStatement::Variable(name)) => {
            Ok(Request::Reset { name: dotted(&name) })
        }
        Statement::CreateExternalTable(_) => Err(refusal("CREATE EXTERNAL TABLE")),
        Statement::CopyTo(_) => Err(refusal("COPY TO a file")),
    }
}

fn check_explained(explain: &ExplainStatement) -> Result<()> {
    match explain.statement.as_ref() {
        Statement::Statement(inner) if matches!(inner.as_ref(), ast::Statement::Query(_)) => {
            check_statement(inner)
        }
        other => Err(refusal(&format!("EXPLAIN of {}", head(&other.to_string())))),
    }
}

fn check_statement(statement: &ast::Statement) -> Result<()> {
    match statement {
        ast::Statement::Query(_)
        | ast::Statement::ExplainTable { .. }
        | ast::Statement::ShowTables { .. }
        | ast::Statement::ShowColumns { .. } => {}
        ast::Statement::Explain { statement, .. } => return check_statement(statement),
        other => return Err(refusal(&head(&other.to_string()))),
    }
    look(statement, &mut Fence { writes: 0 })
}

/// Looks at the queries in a statement that writes: they do not write.
fn check_write(write: &WriteStatement) -> Result<()> {
    let (with, statement) = write.parts();
    if let Some(with) = with {
        look(with, &mut Fence { writes: 0 })?;
    }
    look(statement, &mut Fence { writes: 1 })
}

fn look(part: &impl ast::Visit, fence: &mut Fence) -> Result<()> {
    match part.visit(fence) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(what) => Err(refusal(&what)),
    }
}

/// Looks at every query within a statement.
struct Fence {
    /// How many statements that write may come: one, if the statement itself is one.
    writes: usize,
}

impl ast::Visitor for Fence {
    type Break = String;

    fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<String> {
        if !query.locks.is_empty() {
            return ControlFlow::Break("FOR UPDATE and FOR SHARE".to_owned());
        }
        if query.settings.is_some() || query.format_clause.is_some() || query.for_clause.is_some() {
            return ControlFlow::Break("SETTINGS, FORMAT or FOR at the end of a query".to_owned());
        }
        check_body(&query.body)
    }

    fn pre_visit_select(&mut self, select: &ast::Select) -> ControlFlow<String> {
        // What would be left out in silence, and change the answer.
        let modifiers = match &select.group_by {
            ast::GroupByExpr::All(modifiers) | ast::GroupByExpr::Expressions(_, modifiers) => {
                modifiers
            }
        };
        let clauses = [
            (select.into.is_some(), "SELECT INTO"),
            (select.prewhere.is_some(), "PREWHERE"),
            (!select.connect_by.is_empty(), "CONNECT BY"),
            (!modifiers.is_empty(), "GROUP BY ... WITH (use ROLLUP (...), CUBE (...))"),
            (!select.lateral_views.is_empty(), "LATERAL VIEW"),
            (!select.cluster_by.is_empty(), "CLUSTER BY"),
            (!select.distribute_by.is_empty(), "DISTRIBUTE BY"),
            (!select.sort_by.is_empty(), "SORT BY (use ORDER BY)"),
            (select.top.is_some(), "TOP (use LIMIT)"),
            (select.value_table_mode.is_some(), "SELECT AS"),
        ];
        refuse_first(&clauses)
    }

    fn pre_visit_table_factor(&mut self, table: &ast::TableFactor) -> ControlFlow<String> {
        let clauses = match table {
            ast::TableFactor::Table {
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
                ..
            } => vec![
                (sample.is_some(), "TABLESAMPLE"),
                (!partitions.is_empty(), "PARTITION"),
                (!with_hints.is_empty(), "WITH (...) behind a table"),
                (version.is_some(), "FOR SYSTEM_TIME"),
                (*with_ordinality, "WITH ORDINALITY"),
                (json_path.is_some(), "a path behind a table"),
                (!index_hints.is_empty(), "an index hint"),
            ],
            ast::TableFactor::Derived { sample, .. } => vec![(sample.is_some(), "TABLESAMPLE")],
            _ => Vec::new(),
        };
        refuse_first(&clauses)
    }

    fn pre_visit_statement(&mut self, statement: &ast::Statement) -> ControlFlow<String> {
        match statement {
            ast::Statement::Query(_)
            | ast::Statement::Explain { .. }
            | ast::Statement::ExplainTable { .. }
            | ast::Statement::ShowTables { .. }
            | ast::Statement::ShowColumns { .. } => ControlFlow::Continue(()),
            _ if self.writes > 0 => {
                self.writes -= 1;
                ControlFlow::Continue(())
            }
            other => ControlFlow::Break(head(&other.to_string())),
        }
    }
}

/// Refuses the first clause that is there.
fn refuse_first(clauses: &[(bool, &str)]) -> ControlFlow<String> {
    match clauses.iter().find(|(is_there, _)| *is_there) {
        Some((_, clause)) => ControlFlow::Break((*clause).to_owned()),
        None => ControlFlow::Continue(()),
    }
}

fn check_body(body: &ast::SetExpr) -> ControlFlow<String> {
    match body {
        ast::SetExpr::Select(_)
        | ast::SetExpr::Query(_)
        | ast::SetExpr::Values(_)
        | ast::SetExpr::Table(_) => ControlFlow::Continue(()),
        ast::SetExpr::SetOperation { left, right, .. } => {
            check_body(left)?;
            check_body(right)
        }
        ast::SetExpr::Insert(inner)
        | ast::SetExpr::Update(inner)
        | ast::SetExpr::Delete(inner)
        | ast::SetExpr::Merge(inner) => ControlFlow::Break(head(&inner.to_string())),
    }
}

fn setting(set: ast::Set) -> Result<Request> {
    match set {
        ast::Set::SingleAssignment { scope: _, hivevar: false, variable, values } => {
            let values: Result<Vec<Option<String>>> = values.iter().map(value).collect();
            let values: Option<Vec<String>> = values?.into_iter().collect();
            Ok(Request::Set { name: dotted(&variable), value: values.map(|v| v.join(", ")) })
        }
        ast::Set::SetTimeZone { value: zone, .. } => {
            Ok(Request::Set { name: "timezone".to_owned(), value: value(&zone)? })
        }
        ast::Set::SetNames { charset_name, .. } => {
            let value = Some(charset_name.value);
            Ok(Request::Set { name: "client_encoding".to_owned(), value })
        }
        other => Err(refusal(&head(&other.to_string()))),
    }
}

/// The value of a setting. Absent for `DEFAULT`.
fn value(expression: &ast::Expr) -> Result<Option<String>> {
    match expression {
        ast::Expr::Identifier(name) if ident(name) == "default" => Ok(None),
        ast::Expr::Identifier(name) => Ok(Some(ident(name))),
        ast::Expr::Value(literal) => {
            let text = literal.value.clone().into_string();
            Ok(Some(text.unwrap_or_else(|| literal.value.to_string())))
        }
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } => {
            Ok(value(expr)?.map(|text| format!("-{text}")))
        }
        other => {
            let reason = "is no value for a setting; write a text, a number or a name";
            Err(Error::invalid(other.to_string(), reason))
        }
    }
}

fn dotted(name: &ast::ObjectName) -> String {
    let parts = name.0.iter().map(|part| part.as_ident().map_or_else(|| part.to_string(), ident));
    parts.collect::<Vec<_>>().join(".")
}

fn ident(name: &ast::Ident) -> String {
    name.value.to_lowercase()
}

/// The words in capitals that a statement begins with: `CREATE TABLE`.
fn head(statement: &str) -> String {
    let capital = |word: &&str| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase());
    let words: Vec<&str> = statement.split_whitespace().take_while(capital).take(3).collect();
    if words.is_empty() { "this statement".to_owned() } else { words.join(" ") }
}

fn refusal(what: &str) -> Error {
    // The sentence ends with "is not supported"; what is allowed stands in the same sentence.
    Error::Unsupported { what: format!("{what} (reads only{ALLOWED})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ways out of a database that only reads: to its files, to the network, or to change it.
    const WAYS_OUT: &[&str] = &[
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 's3://bucket/key'",
        "CREATE UNBOUNDED EXTERNAL TABLE t STORED AS CSV LOCATION '/dev/stdin'",
        "COPY (SELECT 1) TO '/tmp/out.csv'",
        "COPY t TO 'file:///tmp/out' STORED AS CSV",
        "COPY t FROM '/etc/passwd'",
        "COPY t FROM PROGRAM 'cat /etc/passwd'",
        "COPY t FROM STDIN",
        "CREATE TABLE t AS SELECT 1",
        "CREATE TABLE t (a INT)",
        "CREATE OR REPLACE VIEW v AS SELECT 1",
        "CREATE MATERIALIZED VIEW v AS SELECT 1",
        "CREATE SCHEMA s",
        "CREATE DATABASE d",
        "CREATE FUNCTION f() RETURNS INT LANGUAGE c AS '/lib/libc.so', 'system'",
        "CREATE EXTENSION dblink",
        "DROP TABLE ecb.exr",
        "DROP VIEW v",
        "DROP SCHEMA ecb CASCADE",
        "ALTER TABLE ecb.exr ADD COLUMN a INT",
        "TRUNCATE TABLE ecb.exr",
        "INSERT INTO ecb.exr VALUES (1)",
        "UPDATE ecb.exr SET obs_value = 1",
        "DELETE FROM ecb.exr",
        "MERGE INTO ecb.exr USING t ON true WHEN MATCHED THEN DELETE",
        "WITH gone AS (DELETE FROM ecb.exr RETURNING *) SELECT * FROM gone",
        "WITH new AS (INSERT INTO ecb.exr VALUES (1) RETURNING *) SELECT * FROM new",
        "SELECT * INTO other FROM ecb.exr",
        "SELECT 1 FROM (SELECT * INTO other FROM ecb.exr) AS t",
        "SELECT * FROM ecb.exr FOR UPDATE",
        "EXPLAIN ANALYZE INSERT INTO ecb.exr VALUES (1)",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/out.csv'",
        "EXPLAIN CREATE TABLE t AS SELECT 1",
        "EXPLAIN ANALYZE EXPLAIN ANALYZE DELETE FROM ecb.exr",
        "PREPARE p AS DELETE FROM ecb.exr",
        "EXECUTE p",
        "DEALLOCATE p",
        "GRANT ALL ON ecb.exr TO PUBLIC",
        "CALL something()",
        "ATTACH DATABASE 'x.db' AS x",
        "INSTALL httpfs",
        "LOAD DATA INPATH '/etc/passwd' INTO TABLE t",
        "VACUUM",
        "ANALYZE ecb.exr",
        "LISTEN channel",
        "DO $$ BEGIN END $$",
        "SET ROLE admin",
        "SET SESSION AUTHORIZATION postgres",
        "BEGIN",
        "COMMIT",
        "USE other",
        "PRAGMA database_list",
        "KILL 1",
        "UNLOAD (SELECT 1) TO 's3://bucket' ",
        "LOCK TABLES ecb.exr WRITE",
    ];

    #[test]
    fn refuses_every_way_out() {
        for sql in WAYS_OUT {
            let error = parse(sql).expect_err(sql);
            let expected = matches!(error, Error::Unsupported { .. } | Error::Syntax { .. });
            assert!(expected, "{sql}: {error:?}");
        }
    }

    /// Who may write may write rows, and nothing else.
    #[test]
    fn lets_writing_through_for_those_who_may() {
        let allowed =
            ["TRUNCATE", "INSERT", "UPDATE", "DELETE", "MERGE", "BEGIN", "COMMIT", "ROLLBACK"];
        let more = ["WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", "ROLLBACK TO s"];
        for sql in WAYS_OUT.iter().chain(&more) {
            let is_with = *sql == more[0];
            let is_allowed = is_with || allowed.iter().any(|word| sql.starts_with(word));
            let parsed = parse_as(sql, Access::Write);
            assert_eq!(parsed.is_ok(), is_allowed, "{sql}: {parsed:?}");
        }
        for sql in [
            "INSERT INTO t SELECT * FROM u FOR UPDATE",
            "DELETE FROM t WHERE a IN (SELECT b INTO v FROM u)",
            "WITH gone AS (DELETE FROM t RETURNING *) INSERT INTO u SELECT * FROM gone",
            "BEGIN; CREATE TABLE t (a INT); COMMIT",
            "COMMIT AND CHAIN",
        ] {
            assert!(parse_as(sql, Access::Write).is_err(), "{sql}");
        }
    }

    #[test]
    fn a_refusal_says_what_is_allowed() {
        let text = parse("INSERT INTO t VALUES (1)").expect_err("refused").to_string();
        assert!(text.starts_with("INSERT INTO (reads only; a statement is SELECT"), "{text}");
        let text = parse("SELECT 1; DROP TABLE t").expect_err("refused").to_string();
        assert!(text.starts_with("DROP TABLE "), "{text}");
    }

    #[test]
    fn lets_reading_through() {
        for sql in [
            "SELECT 1",
            "SELECT a::text, b ~ '^x' FROM t WHERE c ILIKE 'y%' ORDER BY 1 LIMIT 10 OFFSET 5",
            "WITH a AS (SELECT 1) SELECT * FROM a UNION ALL SELECT 2",
            "WITH RECURSIVE a AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM a) SELECT * FROM a",
            "VALUES (1), (2)",
            "EXPLAIN SELECT 1",
            "EXPLAIN ANALYZE SELECT 1",
            "EXPLAIN VERBOSE SELECT 1",
            "DESCRIBE ecb.exr",
            "SHOW TABLES",
            "SHOW COLUMNS FROM ecb.exr",
            "SELECT * FROM t QUALIFY row_number() OVER (ORDER BY a) = 1",
            "SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b",
            "SELECT a FROM t WHERE b = $1",
            "FROM t |> WHERE a = 1",
        ] {
            let requests = parse(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
            assert!(matches!(requests.as_slice(), [Request::Query(_)]), "{sql}");
        }
    }

    #[test]
    fn reads_settings() {
        let check = |sql: &str, expected: &str| {
            let requests = parse(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
            assert_eq!(format!("{:?}", requests.first().expect("one")), expected, "{sql}");
        };
        let set =
            |name: &str, value: &str| format!("Set {{ name: {name:?}, value: Some({value:?}) }}");
        check("SET sdmx.language = 'fr'", &set("sdmx.language", "fr"));
        check("SET search_path TO ecb, bis", &set("search_path", "ecb, bis"));
        check("SET Extra_Float_Digits = 3", &set("extra_float_digits", "3"));
        check("SET TIME ZONE 'UTC'", &set("timezone", "UTC"));
        check("SET NAMES 'UTF8'", &set("client_encoding", "UTF8"));
        check("SET a = -1", &set("a", "-1"));
        check("SET a TO DEFAULT", "Set { name: \"a\", value: None }");
        check("SHOW sdmx.language", "Show { name: \"sdmx.language\" }");
        check("SHOW ALL", "Show { name: \"all\" }");
        check("RESET sdmx.language", "Reset { name: \"sdmx.language\" }");
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let text = parse("SELECT 1\nFROM t WHERE )").expect_err("wrong").to_string();
        assert!(text.starts_with("line 2, column "), "{text}");
        let deep = format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000));
        assert!(parse(&deep).is_err());
        let long = format!("SELECT 1 WHERE 1 = 1{}", " OR 1 = 1".repeat(100_000));
        let text = parse(&long).expect_err("too long a chain").to_string();
        assert!(text.contains("operators"), "{text}");
        assert!(parse("").expect("nothing").is_empty());
    }
}
