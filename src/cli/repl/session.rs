//! The loop: read a line, run it, show the answer.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use terminal_size::{Height, Width, terminal_size};

use crate::cli::exit::is_broken_pipe;
use crate::cli::repl::command::{Command, HELP, is_whole};
use crate::cli::repl::complete::complete;
use crate::cli::repl::pager::Page;
use crate::cli::repl::words::DatabaseWords;
use crate::cli::sql::{command_tag, hint_at_nothing};
use crate::error::{Error, Result};
use crate::query::names::quoted;
use crate::query::render::{Format, Paper, draw, render, texts};
use crate::query::{Connection, Rows};

/// Lines that the history keeps.
const HISTORY_LINES: usize = 10_000;
/// Lines of the screen that a chart leaves: axis, legend, prompt.
const LINES_BESIDE: usize = 6;

/// Runs the prompt until its user leaves.
pub(in crate::cli) fn run(connection: Connection, format: Format) -> Result<ExitCode> {
    let connection = Rc::new(connection);
    let helper = Prompt { words: DatabaseWords::new(Rc::clone(&connection)) };
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(false);
    let config = config.max_history_size(HISTORY_LINES).map_err(terminal)?;
    let mut editor: Editor<Prompt, FileHistory> =
        Editor::with_config(config.build()).map_err(terminal)?;
    editor.set_helper(Some(helper));
    let history = history_file();
    if let Some(path) = &history {
        // There is none yet at the first start.
        drop(editor.load_history(path));
    }
    say("\\? lists the commands, Tab completes, \\q leaves.")?;
    let mut session = ReplSession { connection, format, has_timing: true, has_pager: true };
    loop {
        match editor.readline(session.prompt()) {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                drop(editor.add_history_entry(line.trim_end()));
                if let Some(helper) = editor.helper() {
                    helper.words.forget();
                }
                match session.line(&line) {
                    Ok(Next::Read) => {}
                    Ok(Next::Leave) => break,
                    Err(error) if is_broken_pipe(&error) => {}
                    Err(error) => say(&format!("error: {error}"))?,
                }
            }
            // A line that is given up is no reason to leave.
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(terminal(error)),
        }
    }
    if let Some(path) = &history {
        drop(editor.save_history(path));
    }
    Ok(ExitCode::SUCCESS)
}

fn history_file() -> Option<PathBuf> {
    env::var_os("HOME").map(|home| PathBuf::from(home).join(".sdmxdb_history"))
}

fn terminal(error: ReadlineError) -> Error {
    Error::io("use", "the terminal", io::Error::other(error))
}

fn say(text: &str) -> Result<()> {
    writeln!(io::stdout(), "{text}").map_err(|e| Error::io("write", "standard output", e))
}

/// What comes after a line.
enum Next {
    Read,
    Leave,
}

struct ReplSession {
    connection: Rc<Connection>,
    format: Format,
    has_timing: bool,
    has_pager: bool,
}

impl ReplSession {
    /// Shows whether a transaction is open, as `psql` does: `*` for one, `!` for one that failed.
    fn prompt(&self) -> &'static str {
        let session = self.connection.session();
        match (session.is_in_transaction(), session.is_failed()) {
            (false, _) => "sdmxdb> ",
            (true, false) => "sdmxdb*> ",
            (true, true) => "sdmxdb!> ",
        }
    }

    fn line(&mut self, line: &str) -> Result<Next> {
        if !line.trim_start().starts_with('\\') {
            self.statements(line)?;
            return Ok(Next::Read);
        }
        let command = match Command::parse(line) {
            Ok(command) => command,
            Err(reason) => {
                say(&reason)?;
                return Ok(Next::Read);
            }
        };
        match command {
            Command::Quit => return Ok(Next::Leave),
            Command::Help => say(HELP)?,
            Command::Flows => self.statements(FLOWS)?,
            Command::Describe(table) => self.statements(&describe(&table))?,
            Command::Tables(schema) => self.statements(&tables(schema.as_deref()))?,
            Command::Schemas => self.statements(SCHEMAS)?,
            Command::Chart(wanted) => self.chart(&wanted)?,
            Command::Format(name) => self.choose_format(name.as_deref())?,
            Command::Timing(wanted) => {
                self.has_timing = wanted.unwrap_or(!self.has_timing);
                say(if self.has_timing { "timing is on" } else { "timing is off" })?;
            }
            Command::Pager(wanted) => {
                self.has_pager = wanted.unwrap_or(!self.has_pager);
                say(if self.has_pager { "the pager is on" } else { "the pager is off" })?;
            }
            Command::Include(path) => {
                let sql = fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
                self.statements(&sql)?;
            }
        }
        Ok(Next::Read)
    }

    fn choose_format(&mut self, name: Option<&str>) -> Result<()> {
        if let Some(name) = name {
            match Format::parse(name).filter(|format| *format != Format::Arrow) {
                Some(format) => self.format = format,
                None => return say("a format is table, csv, json, ndjson or markdown"),
            }
        }
        let known = Format::ALL.iter().find(|(_, format)| *format == self.format);
        say(&format!("the format is {}", known.map_or("", |(name, _)| name)))
    }

    fn statements(&self, sql: &str) -> Result<()> {
        let mut started = Instant::now();
        self.connection.run(sql, |mut rows| {
            self.show(&mut rows)?;
            if self.has_timing {
                say(&format!("{:.1} ms", started.elapsed().as_secs_f64() * 1e3))?;
            }
            started = Instant::now();
            Ok(())
        })
    }

    fn show(&self, rows: &mut Rows) -> Result<()> {
        let schema = Arc::clone(rows.schema());
        let tag = command_tag(rows);
        if schema.fields().is_empty() {
            return say(tag.as_deref().unwrap_or(rows.answer().tag()));
        }
        let mut page = Page::open(self.has_pager);
        let shown = render(self.format, &schema, rows, &mut page);
        let closed = page.close().map_err(|e| Error::io("write", "standard output", e));
        let count = shown?;
        closed?;
        if let Some(tag) = tag {
            say(&tag)?;
        } else if count == 0 {
            hint_at_nothing(rows, &mut io::stdout())?;
        }
        Ok(())
    }

    /// Draws the answer to a query, or the series of a key.
    fn chart(&self, wanted: &str) -> Result<()> {
        let first = wanted.split_whitespace().next().unwrap_or_default().to_lowercase();
        let sql = match first.as_str() {
            "select" | "with" | "from" | "values" => wanted.to_owned(),
            _ => self.series_query(wanted)?,
        };
        let mut rows = self.connection.sql(&sql)?;
        let schema = Arc::clone(rows.schema());
        let mut out = io::stdout();
        if draw(&schema, &mut rows, paper(), &mut out)? == 0 {
            say("there is nothing to draw")?;
            hint_at_nothing(&rows, &mut out)?;
        }
        Ok(())
    }

    /// `TABLE KEY` as a query: a code a dimension, in the order of the table's columns.
    fn series_query(&self, wanted: &str) -> Result<String> {
        let (table, key) = wanted.split_once(char::is_whitespace).unwrap_or((wanted, ""));
        let (schema, name) = table.split_once('.').unwrap_or(("public", table));
        let sql = format!(
            "SELECT column_name FROM sdmx_catalog.components WHERE table_schema = '{}' AND \
             table_name = '{}' AND role = 'dimension' ORDER BY position",
            schema.replace('\'', "''"),
            name.replace('\'', "''")
        );
        let mut dimensions = Vec::new();
        for batch in self.connection.sql(&sql)? {
            dimensions.extend(texts(&batch?, 0)?.into_iter().flatten());
        }
        if dimensions.is_empty() {
            return Err(Error::not_found("dataflow", table));
        }
        let codes: Vec<&str> = key.trim().split('.').collect();
        if codes.len() != dimensions.len() {
            let reason = format!("a key has a code for each of {}", dimensions.join("."));
            return Err(Error::invalid(format!("key {:?}", key.trim()), reason));
        }
        let mut conditions = Vec::new();
        for (dimension, codes) in dimensions.iter().zip(codes).filter(|(_, c)| !c.is_empty()) {
            let codes: Vec<String> =
                codes.split('+').map(|code| format!("'{}'", code.replace('\'', "''"))).collect();
            conditions.push(format!("{} IN ({})", quoted(dimension), codes.join(", ")));
        }
        let filter =
            if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") };
        let names: Vec<String> = dimensions.iter().map(|d| quoted(d).into_owned()).collect();
        let label = names.join(" || '.' || ");
        let table = format!("{}.{}", quoted(schema), quoted(name));
        Ok(format!(
            "SELECT time_period, obs_value, {label} AS series FROM {table} WHERE {filter} \
             ORDER BY period_start, series"
        ))
    }
}

const FLOWS: &str = "SELECT table_schema || '.' || table_name AS \"table\", name, series, \
                     observations, updated FROM sdmx_catalog.dataflows ORDER BY 1";
const SCHEMAS: &str = "SELECT schema_name FROM information_schema.schemata ORDER BY 1";

fn describe(table: &str) -> String {
    let (schema, name) = table.split_once('.').unwrap_or(("public", table));
    let (schema, name) = (schema.replace('\'', "''"), name.replace('\'', "''"));
    format!(
        "SELECT c.column_name AS \"column\", c.data_type AS \"type\", s.role, s.name, s.codelist \
         FROM information_schema.columns c LEFT JOIN sdmx_catalog.components s \
         ON s.table_schema = c.table_schema AND s.table_name = c.table_name \
         AND s.column_name = c.column_name \
         WHERE c.table_schema = '{schema}' AND c.table_name = '{name}' ORDER BY c.ordinal_position"
    )
}

fn tables(schema: Option<&str>) -> String {
    let wanted = schema.map_or_else(
        || "table_schema <> 'information_schema'".to_owned(),
        |schema| format!("table_schema = '{}'", schema.replace('\'', "''")),
    );
    format!(
        "SELECT table_schema || '.' || table_name AS \"table\", table_type \
         FROM information_schema.tables WHERE {wanted} ORDER BY 1"
    )
}

/// The terminal as paper; a usual one where its size is not known.
fn paper() -> Paper {
    let has_colours = env::var_os("NO_COLOR").is_none();
    match terminal_size() {
        Some((Width(width), Height(height))) => {
            let height = usize::from(height).saturating_sub(LINES_BESIDE).clamp(8, 40);
            Paper { width: usize::from(width), height, has_colours }
        }
        None => Paper { has_colours, ..Paper::default() },
    }
}

/// What the line editor asks while a person types.
struct Prompt {
    words: DatabaseWords,
}

impl Completer for Prompt {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(complete(line, cursor, &self.words))
    }
}

impl Hinter for Prompt {
    type Hint = String;
}

impl Highlighter for Prompt {}

impl Validator for Prompt {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        let is_command = text.trim_start().starts_with('\\') || text.trim().is_empty();
        if is_command || is_whole(text) {
            return Ok(ValidationResult::Valid(None));
        }
        Ok(ValidationResult::Incomplete)
    }
}

impl Helper for Prompt {}
