//! What may be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::cli::backup::{Backup, Restore};
use crate::cli::check::Check;
use crate::cli::release;
use crate::cli::user;
use crate::limits::{
    COMPACTION_RATE_BYTES, HTTP_ANSWERS_MAX, PG_CONNECTIONS_MAX, QUERY_MEMORY_BYTES,
};

/// Where clients of PostgreSQL connect, unless the operator says otherwise.
pub(super) const PG_ADDRESS: &str = "127.0.0.1:5433";
/// Where SDMX REST answers.
pub(super) const HTTP_ADDRESS: &str = "127.0.0.1:8080";

/// An embedded analytical database for official statistics: SDMX cubes with SQL.
#[derive(Debug, Parser)]
#[command(
    name = "sdmxdb",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  sdmxdb demo                                      load real statistics, query and serve them
  sdmxdb load stats structure.xml data.csv.gz      load a structure and its data
  sdmxdb stats                                     ask at a prompt
  sdmxdb serve stats                               serve it as PostgreSQL and as SDMX REST
  sdmxdb sql stats -c 'SELECT * FROM ecb.exr LIMIT 5'
Exit codes: 2 correct the input, 3 no such thing, 4 too much or not supported, 5 disk or damage."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    /// The folder of a database: opens it at a prompt
    pub(super) database: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Load the sample of real statistics that ships with the program, answer six queries, serve it
    Demo(Demo),
    /// Load structures and data into a database, as one commit
    Load(Load),
    /// Publish structures and data at a later time, and nothing of them before
    Release(release::Release),
    /// Answer SQL
    Sql(Sql),
    /// List commits, the newest first
    Log(Log),
    /// Say what differs between two states
    Diff(Diff),
    /// Undo a commit, or go back to an earlier state, as a new commit
    Revert(Revert),
    /// Bring segments together, so that many small commits read like one load
    Compact(Compact),
    /// Give back the space of what only earlier states need
    Forget(Forget),
    /// Take a confidential value out of every version
    Redact(Redact),
    /// Give the plain table name of a dataflow to one of its versions
    Name(Name),
    /// Say what is in a database
    Info(Info),
    /// Verify every byte of a database
    Check(Check),
    /// Copy a database, while it is in use
    Backup(Backup),
    /// Bring back a backup, and prove it
    Restore(Restore),
    /// Write a dataflow as SDMX-CSV
    Export(Export),
    /// Answer clients of PostgreSQL over the network
    Serve(Serve),
    /// Say who may do what over the network
    User(user::User),
}

#[derive(Args, Debug)]
#[command(after_help = "\
Both servers then run until Ctrl-C: see `sdmxdb serve --help`.
Example:
  sdmxdb demo
  sdmxdb sql sdmxdb-demo -c 'SELECT * FROM sdmx_catalog.dataflows'")]
pub(super) struct Demo {
    /// The folder of the database
    #[arg(default_value = "sdmxdb-demo")]
    pub(super) database: PathBuf,
    /// End after the queries, without servers
    #[arg(long)]
    pub(super) no_serve: bool,
    /// Where clients of PostgreSQL connect; any free port if the usual one is taken
    #[arg(long, value_name = "ADDRESS")]
    pub(super) pg: Option<String>,
    /// Where SDMX REST answers; likewise
    #[arg(long, value_name = "ADDRESS")]
    pub(super) http: Option<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Structures are SDMX-ML 2.1, 3.0 or 3.1; data are SDMX-CSV 1.0, 2.0 or 2.1, or SDMX-ML, generic (2.1)
or structure-specific; plain, .gz, .zst or .zip; `-` is standard input. All files together are one
commit: all of it becomes visible, or nothing.
Examples:
  sdmxdb load stats structure.xml data.csv.gz
  zcat data.csv.gz | sdmxdb load stats -
  sdmxdb load stats data.csv --keep-going refused.csv
  sdmxdb load stats data.csv --dry-run
  sdmxdb load stats data.csv --refuse-revisions-over 20 --refuse-vanished")]
pub(super) struct Load {
    /// The folder of the database; made if it is not there
    pub(super) database: PathBuf,
    /// The messages
    #[arg(required = true)]
    pub(super) files: Vec<PathBuf>,
    /// Leave out bad rows and write them to this file
    #[arg(long, value_name = "FILE")]
    pub(super) keep_going: Option<PathBuf>,
    /// The dataflow, AGENCY:ID(VERSION), that data belong to where they name only its structure
    #[arg(long, value_name = "FLOW")]
    pub(super) dataflow: Option<String>,
    /// What this load is for; kept in the log
    #[arg(long, short, default_value = "")]
    pub(super) message: String,
    /// Print exactly what would change, and commit nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) gates: Gates,
    /// Memory for rows before they are sorted on disk, in megabytes
    #[arg(long, value_name = "MB", default_value_t = 768)]
    pub(super) memory: u64,
}

/// What refuses a load that changes too much.
#[derive(Args, Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "as they are typed")]
pub(super) struct Gates {
    /// Refuse the load if a number would change by more than so many percent of what it was
    #[arg(long, value_name = "PERCENT")]
    pub(super) refuse_revisions_over: Option<f64>,
    /// Refuse the load if an observation would be deleted
    #[arg(long)]
    pub(super) refuse_deletions: bool,
    /// Refuse the load if a series would vanish
    #[arg(long)]
    pub(super) refuse_vanished: bool,
}

impl Gates {
    /// Whether there is any.
    pub(super) fn any(&self) -> bool {
        self.refuse_revisions_over.is_some() || self.refuse_deletions || self.refuse_vanished
    }
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sdmxdb log stats
  sdmxdb log stats --flow ECB:EXR -n 5")]
pub(super) struct Log {
    /// The folder of the database
    pub(super) database: PathBuf,
    /// Only commits that touched this dataflow: AGENCY:ID, AGENCY:ID(VERSION), or its table
    #[arg(long)]
    pub(super) flow: Option<String>,
    /// How many; all without it
    #[arg(long, short, value_name = "N")]
    pub(super) number: Option<usize>,
}

#[derive(Args, Debug)]
#[command(after_help = "\
A state is the number of a commit, or a time: `2026-03-01T08:00:00Z`, `2026-03-01`.
Examples:
  sdmxdb diff stats 4 5
  sdmxdb diff stats 2026-03-01 --flow ECB:EXR --format csv > revisions.csv")]
pub(super) struct Diff {
    /// The folder of the database
    pub(super) database: PathBuf,
    /// The state before
    pub(super) before: String,
    /// The state after; without it, the newest
    pub(super) after: Option<String>,
    /// Only this dataflow: AGENCY:ID, AGENCY:ID(VERSION), or its table
    #[arg(long)]
    pub(super) flow: Option<String>,
    /// text, table, csv, json, ndjson, markdown or arrow
    #[arg(long, default_value = "text")]
    pub(super) format: String,
}

#[derive(Args, Debug)]
#[command(after_help = "\
What is undone stays in history, and can be reverted again. A commit is not undone where somebody
changed the same observations since: they are named, and --force undoes it all the same.
Examples:
  sdmxdb revert stats 5
  sdmxdb revert stats 3 --to --dry-run")]
pub(super) struct Revert {
    /// The folder of the database
    pub(super) database: PathBuf,
    /// The number of the commit
    pub(super) commit: u64,
    /// Undo everything after the commit instead of the commit itself
    #[arg(long, conflicts_with = "force")]
    pub(super) to: bool,
    /// Undo what was changed again since, too
    #[arg(long)]
    pub(super) force: bool,
    /// Print exactly what would change, and commit nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// What this is for; kept in the log
    #[arg(long, short)]
    pub(super) message: Option<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Readers see the same before and after, and loads go on meanwhile. The segments that were brought
together stay until they are forgotten, because earlier states need them: see `sdmxdb forget`.
Examples:
  sdmxdb compact stats
  sdmxdb compact stats --full --rate 50")]
pub(super) struct Compact {
    /// The folder of the database
    pub(super) database: PathBuf,
    /// Make every dataflow one segment, in the order of dimensions at which filters are fastest
    #[arg(long)]
    pub(super) full: bool,
    /// Only this dataflow
    #[arg(long, value_name = "FLOW")]
    pub(super) flow: Option<String>,
    /// Megabytes to read in a second at most; 0 is without limit
    #[arg(long, value_name = "MB", default_value_t = 0)]
    pub(super) rate: u64,
}

#[derive(Args, Debug)]
#[command(after_help = "\
The state that was effective at the time stays readable, and so do all later ones. The log stays
whole; earlier states cannot be read any more, nor compared or gone back to.
Examples:
  sdmxdb forget stats --before 2025-01-01
  sdmxdb forget stats --before 120 --yes")]
pub(super) struct Forget {
    /// The folder of the database
    pub(super) database: PathBuf,
    /// A time, or the number of a commit
    #[arg(long, value_name = "TIME|COMMIT")]
    pub(super) before: String,
    /// Do not ask
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
The observation stays, without a value, in the current state and in every earlier one; its bytes are
overwritten or removed from the folder. That it was done, and why, stays in the log. Backups made
before, and files that the value was loaded from, are not touched. It cannot be undone.
Example:
  sdmxdb redact stats ECB:EXR D.USD.EUR.SP00.A 2024-01-02 --reason 'a single respondent'")]
pub(super) struct Redact {
    /// The folder of the database
    pub(super) database: PathBuf,
    /// The dataflow: AGENCY:ID, AGENCY:ID(VERSION), or its table
    pub(super) flow: String,
    /// The series: a code for each dimension, separated by dots
    pub(super) key: String,
    /// The period
    pub(super) period: String,
    /// Why; kept in the log
    #[arg(long)]
    pub(super) reason: String,
    /// The attributes of the observation as well
    #[arg(long)]
    pub(super) attributes: bool,
    /// Do not ask
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
The version that came first has the plain name; others are tables such as ecb.exr_v2_0 until the
name is given to one of them.
Example:
  sdmxdb name stats 'ECB:EXR(2.0)'")]
pub(super) struct Name {
    /// The folder of the database
    pub(super) database: PathBuf,
    /// The dataflow with its version: AGENCY:ID(VERSION), or its table
    pub(super) flow: String,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Without -c and -f, statements are read from standard input; on a terminal there is a prompt with
history, completion by Tab, and commands such as \\d and \\chart (\\? lists them).
Examples:
  sdmxdb sql stats -c 'SELECT * FROM ecb.exr LIMIT 5'
  sdmxdb sql stats -f report.sql --format csv > report.csv
  echo 'SELECT 1' | sdmxdb sql stats")]
pub(super) struct Sql {
    /// The folder of the database
    pub(super) database: PathBuf,
    /// The statements, separated by `;`
    #[arg(long, short, value_name = "SQL", conflicts_with = "file")]
    pub(super) command: Option<String>,
    /// A file of statements
    #[arg(long, short, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// table, csv, json, ndjson, markdown, arrow or chart
    #[arg(long, default_value = "table")]
    pub(super) format: String,
    /// Print the time that each statement took, on standard error
    #[arg(long)]
    pub(super) timing: bool,
    /// Run each statement N times after one more for warming up; print minimum, median and maximum
    /// in milliseconds and the number of rows instead of the answer
    #[arg(long, value_name = "N")]
    pub(super) bench: Option<u32>,
    /// Threads of one query; all processors without it
    #[arg(long, value_name = "N")]
    pub(super) threads: Option<usize>,
}

impl Sql {
    /// The prompt on a database.
    pub(super) fn prompt(database: PathBuf) -> Self {
        let format = "table".to_owned();
        let (command, file, timing, bench, threads) = (None, None, false, None, None);
        Self { database, command, file, format, timing, bench, threads }
    }
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sdmxdb info stats
  sdmxdb info stats --storage")]
pub(super) struct Info {
    /// The folder of the database
    pub(super) database: PathBuf,
    /// Show what takes how many bytes
    #[arg(long)]
    pub(super) storage: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Values, periods and attributes are written exactly as they were loaded; rows are sorted by key and
period.
Examples:
  sdmxdb export stats ECB:EXR -o exr.csv
  sdmxdb export stats ecb.exr 'D.USD+GBP.EUR..' -o -")]
pub(super) struct Export {
    /// The folder of the database
    pub(super) database: PathBuf,
    /// The dataflow: AGENCY:ID, AGENCY:ID(VERSION), or its table
    pub(super) flow: String,
    /// Which series: a code a dimension, `+` between alternatives, nothing for all
    #[arg(default_value = "all")]
    pub(super) key: String,
    /// Where to write; `-` is standard output
    #[arg(long, short, default_value = "-")]
    pub(super) output: PathBuf,
    /// csv (SDMX-CSV 2.0) or csv1 (SDMX-CSV 1.0)
    #[arg(long, default_value = "csv")]
    pub(super) format: String,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Prints one line `ready` when both listen. Without users (`sdmxdb user`) the servers only read, and
listen on this machine only. Data may be loaded beside them; the next statement sees it.
Ctrl-C stops them once running answers are done.
Example:
  sdmxdb serve stats
  psql -h 127.0.0.1 -p 5433 sdmxdb -c 'SELECT * FROM sdmx_catalog.dataflows'
  curl http://127.0.0.1:8080/sdmx/v2/structure/dataflow")]
pub(super) struct Serve {
    /// The folder of the database
    pub(super) database: PathBuf,
    /// Where clients of PostgreSQL connect; other machines can reach it only if there are users
    #[arg(long, value_name = "ADDRESS", default_value = PG_ADDRESS)]
    pub(super) pg: String,
    /// Where SDMX REST answers, on this machine
    #[arg(long, value_name = "ADDRESS", default_value = HTTP_ADDRESS)]
    pub(super) http: String,
    /// Threads of one query; all processors without it
    #[arg(long, value_name = "N")]
    pub(super) threads: Option<usize>,
    /// Connections of clients of PostgreSQL at one time
    #[arg(long, value_name = "N", default_value_t = PG_CONNECTIONS_MAX)]
    pub(super) pg_connections: usize,
    /// Answers of SDMX REST that are written at one time
    #[arg(long, value_name = "N", default_value_t = HTTP_ANSWERS_MAX)]
    pub(super) http_answers: usize,
    /// The longest that one statement of a client of PostgreSQL may run, in seconds; 0 is without
    /// end. A session may choose another with `SET statement_timeout`
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(super) statement_timeout: u64,
    /// Memory that all running queries share, in megabytes; sorts and joins then use the disk
    #[arg(long, value_name = "MB", default_value_t = QUERY_MEMORY_BYTES >> 20)]
    pub(super) memory: u64,
    /// Megabytes a second that compaction in the background reads at most; 0 turns it off
    #[arg(long, value_name = "MB", default_value_t = COMPACTION_RATE_BYTES >> 20)]
    pub(super) compaction_rate: u64,
}
