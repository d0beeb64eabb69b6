//! The program `sdmxdb`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sdmxdb::cli::main()
}
