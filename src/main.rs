//! The program `sdmxdb`.

use std::process::ExitCode;

use sdmxdb::cli;

fn main() -> ExitCode {
    cli::main()
}
