//! `sdmxdb name`.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::{arguments, export, now, user};
use crate::error::{Error, Result};
use crate::store::{Database, LoadOptions};

pub(super) fn run(arguments: &arguments::Name) -> Result<ExitCode> {
    let database = Database::open(&arguments.database)?;
    let flow = export::find(&*database.snapshot()?, &arguments.flow)?;
    let message = format!("the plain name goes to {}", flow.id);
    let options = LoadOptions { author: user(), message, ..LoadOptions::at(now()) };
    let mut load = database.begin_load(options)?;
    load.move_plain_name(&flow.id)?;
    load.commit()?;
    let mut out = io::stdout().lock();
    let refused = |e| Error::io("write", "standard output", e);
    for state in database.snapshot()?.flows() {
        let id = &state.flow.id;
        if (&id.agency, &id.id) == (&flow.id.agency, &flow.id.id) {
            let (schema, table) = (&state.names.schema, &state.names.table);
            writeln!(out, "dataflow {id} is table {schema}.{table}").map_err(refused)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
