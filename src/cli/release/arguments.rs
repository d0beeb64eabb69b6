//! What may be typed after `sdmxdb release`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Args, Debug)]
#[command(after_help = "\
Until its time a release is in no answer, no count and no list that others see. Then whoever has the
database open publishes it, as one commit: a server, a load, or any other command.
Times are whole minutes by the clocks of the office (`zone`), or with an offset.
Examples:
  sdmxdb release stats zone Europe/Vienna
  sdmxdb release stats create gdp-q3 --at '2026-12-01 09:00' --title 'GDP, third quarter'
  sdmxdb release stats add gdp-q3 codes.xml gdp.csv.gz
  sdmxdb release stats preview gdp-q3 -c 'SELECT * FROM nso.gdp'
  sdmxdb release stats announce gdp-q3")]
pub(in crate::cli) struct Release {
    /// The folder of the database
    pub(super) database: PathBuf,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a release
    Create(Create),
    /// Add structures and data to a release, after trying them out on the present state
    Add(Add),
    /// List all releases
    List,
    /// Say all about a release: its messages, and what it would do now
    Show(Named),
    /// Answer SQL as if a release were public
    Preview(Preview),
    /// Give a release another time
    Move(Move),
    /// Show a release in the public calendar: its title and time, nothing of its content
    Announce(Named),
    /// Make a release public at once
    Now(Named),
    /// Give up a release, and remove its messages
    Cancel(Named),
    /// Accept later corrections of what a release changes, so that it goes on top of them
    Rebase(Named),
    /// Print the public calendar
    Calendar,
    /// Print or set the time zone of the office
    Zone(Zone),
}

#[derive(Args, Debug)]
pub(super) struct Named {
    /// The release
    pub(super) name: String,
}

#[derive(Args, Debug)]
pub(super) struct Create {
    /// The name: lower-case letters, digits, - and _
    pub(super) name: String,
    /// When, such as '2026-12-01 09:00'
    #[arg(long, value_name = "TIME")]
    pub(super) at: String,
    /// The time zone of that, if it is not that of the office
    #[arg(long, value_name = "ZONE")]
    pub(super) zone: Option<String>,
    /// What it is, for people
    #[arg(long, default_value = "")]
    pub(super) title: String,
    /// What else is to be said of it
    #[arg(long, default_value = "")]
    pub(super) notes: String,
    /// Show it in the public calendar
    #[arg(long)]
    pub(super) announce: bool,
}

#[derive(Args, Debug)]
pub(super) struct Add {
    /// The release
    pub(super) name: String,
    /// The messages, as for `load`
    #[arg(required = true)]
    pub(super) files: Vec<PathBuf>,
    /// The dataflow, AGENCY:ID(VERSION), that data belong to where they name only its structure
    #[arg(long, value_name = "FLOW")]
    pub(super) dataflow: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct Move {
    /// The release
    pub(super) name: String,
    /// When, such as '2026-12-01 09:00'
    #[arg(long, value_name = "TIME")]
    pub(super) at: String,
    /// The time zone of that, if it is not that of the office
    #[arg(long, value_name = "ZONE")]
    pub(super) zone: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct Preview {
    /// The release
    pub(super) name: String,
    /// The statements, separated by `;`; without them, what it would do is printed
    #[arg(long, short, value_name = "SQL")]
    pub(super) command: Option<String>,
    /// table, csv, json, ndjson, markdown, arrow or chart
    #[arg(long, default_value = "table")]
    pub(super) format: String,
}

#[derive(Args, Debug)]
pub(super) struct Zone {
    /// Such as Europe/Vienna; without it the present one is printed
    pub(super) zone: Option<String>,
}
