//! Writes a made-up cube as SDMX-CSV with its structure message.
//!
//! `cargo run --release --example generate -- labour 10000000 --csv out.csv --structure out.xml`

use std::env;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Error;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use self::cube::Cube;
use self::cube::presets::PRESETS;
use self::cube::presets::by_name;
use self::cube::rows::CsvVersion;
use self::cube::rows::write_csv;
use self::cube::rows::write_csv_shuffled;
use self::cube::structure::write_structure;

#[path = "support/cube.rs"]
mod cube;

/// What the arguments ask for.
#[derive(Debug, Default)]
struct Arguments {
    preset: String,
    observations: u64,
    seed: Option<u64>,
    csv: Option<String>,
    structure: Option<String>,
    is_shuffled: bool,
    is_v2: bool,
    is_counted: bool,
}

fn main() -> ExitCode {
    let mut terminal = io::stderr();
    let outcome = match parse(env::args().skip(1)) {
        Ok(arguments) => run(&arguments, &mut terminal).map_err(|error| error.to_string()),
        Err(reason) => Err(format!("{reason}\n\n{}", usage())),
    };
    let Err(reason) = outcome else { return ExitCode::SUCCESS };
    // Nothing is left to tell it to when the terminal is gone.
    let _unused = writeln!(terminal, "{reason}");
    ExitCode::from(2)
}

fn usage() -> String {
    let presets = PRESETS.map(|(name, line)| format!("  {name:<13} {line}")).join("\n");
    format!(
        "usage: generate PRESET OBSERVATIONS [options]\n\n\
         presets:\n{presets}\n\n\
         options:\n  \
         --csv FILE        write the observations as SDMX-CSV; - is standard output\n  \
         --structure FILE  write the structure message; - is standard output\n  \
         --v2              SDMX-CSV 2.0 instead of 1.0; always so with several measures\n  \
         --shuffled        rows in random order instead of key order\n  \
         --seed N          another cube of the same kind\n  \
         --totals          count series, observations, gaps, nulls and statuses\n\n\
         example:\n  \
         generate labour 10000000 --csv labour.csv --structure labour.xml"
    )
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments::default();
    let mut plain = Vec::new();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--csv" => arguments.csv = Some(value()?),
            "--structure" => arguments.structure = Some(value()?),
            "--seed" => arguments.seed = Some(number(&value()?)?),
            "--shuffled" => arguments.is_shuffled = true,
            "--v2" => arguments.is_v2 = true,
            "--totals" => arguments.is_counted = true,
            option if option.starts_with('-') => return Err(format!("unknown option {option}")),
            _ => plain.push(word),
        }
    }
    let [preset, observations] =
        plain.try_into().map_err(|_| "a preset and a number of observations are needed")?;
    arguments.observations = number(&observations)?;
    arguments.preset = preset;
    Ok(arguments)
}

fn number(text: &str) -> Result<u64, String> {
    text.replace('_', "").parse().map_err(|_| format!("`{text}` is no whole number"))
}

fn run(arguments: &Arguments, terminal: &mut impl Write) -> io::Result<()> {
    let name = &arguments.preset;
    let mut spec = by_name(name, arguments.observations)
        .ok_or_else(|| Error::other(format!("unknown preset {name}\n\n{}", usage())))?;
    spec.seed = arguments.seed.unwrap_or(spec.seed);
    let cube = Cube::new(spec);
    if let Some(path) = &arguments.structure {
        let mut out = BufWriter::new(open(path)?);
        write_structure(&cube.spec, &mut out)?;
        out.flush()?;
    }
    if arguments.is_counted {
        writeln!(terminal, "{:?}", cube.totals())?;
    }
    let Some(path) = &arguments.csv else { return Ok(()) };
    let is_v2 = arguments.is_v2 || cube.spec.measures.len() > 1;
    let version = if is_v2 { CsvVersion::V2 } else { CsvVersion::V1 };
    let started = Instant::now();
    let write = if arguments.is_shuffled { write_csv_shuffled } else { write_csv };
    let (rows, bytes) = write(&cube, version, open(path)?)?;
    let milliseconds = started.elapsed().as_millis().max(1);
    writeln!(
        terminal,
        "{rows} observations, {bytes} bytes, {milliseconds} ms, {} MB/s",
        u128::from(bytes) / 1_000 / milliseconds
    )
}

/// The file to be written, or standard output for `-`.
fn open(path: &str) -> io::Result<Box<dyn Write>> {
    if path == "-" {
        return Ok(Box::new(io::stdout()));
    }
    match File::create(path) {
        Ok(file) => Ok(Box::new(file)),
        Err(error) => Err(Error::new(error.kind(), format!("cannot create {path}: {error}"))),
    }
}
