//! Names and codes of the open database, asked once and kept.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::cli::repl::complete::Words;
use crate::query::Connection;
use crate::query::names::quoted;
use crate::query::render::texts;

/// Codes that are offered at once.
const CODES_MAX: usize = 200;

/// What a database offers at the prompt.
pub(super) struct DatabaseWords {
    connection: Rc<Connection>,
    known: RefCell<HashMap<String, Vec<String>>>,
}

impl DatabaseWords {
    pub(super) fn new(connection: Rc<Connection>) -> Self {
        Self { connection, known: RefCell::default() }
    }

    /// Forgets what was asked: the data may have changed.
    pub(super) fn forget(&self) {
        self.known.borrow_mut().clear();
    }

    /// The first column of an answer. A question that fails offers nothing: the statement itself
    /// will say what is wrong.
    fn ask(&self, sql: String) -> Vec<String> {
        if let Some(known) = self.known.borrow().get(&sql) {
            return known.clone();
        }
        let mut found = Vec::new();
        if let Ok(rows) = self.connection.sql(&sql) {
            for batch in rows.map_while(Result::ok) {
                found.extend(texts(&batch, 0).unwrap_or_default().into_iter().flatten());
            }
        }
        self.known.borrow_mut().insert(sql, found.clone());
        found
    }
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

impl Words for DatabaseWords {
    fn tables(&self) -> Vec<String> {
        let sql = "SELECT table_schema || '.' || table_name FROM information_schema.tables \
                   WHERE table_schema <> 'information_schema' ORDER BY 1";
        self.ask(sql.to_owned())
    }

    fn columns(&self, table: &str) -> Vec<String> {
        let (schema, table) = table.split_once('.').unwrap_or(("public", table));
        let (schema, table) = (text(schema), text(table));
        self.ask(format!(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = {schema} \
             AND table_name = {table} ORDER BY ordinal_position"
        ))
    }

    fn codes(&self, table: &str, column: &str, begin: &str) -> Vec<String> {
        let (schema, table) = table.split_once('.').unwrap_or(("public", table));
        let dimension = quoted(&format!("{table}_dim_{column}")).into_owned();
        let schema = quoted(schema);
        let begin = text(begin);
        self.ask(format!(
            "SELECT code FROM {schema}.{dimension} WHERE starts_with(code, {begin}) ORDER BY code \
             LIMIT {CODES_MAX}"
        ))
    }
}
