//! `report`: render a stored result again.

use super::exit::{Ended, Exit, Failure};
use super::output;
use clap::{Args, ValueEnum};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use streamgauge::report::folder::{EXPERIMENT, RESULT, SUMMARY, describe_unfinished};
use streamgauge::report::result::RunResult;
use streamgauge::report::{csv, json, markdown, terminal};

/// Render a stored result again.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Folder that `run`, `sweep` or `compare` wrote
    #[arg(value_hint = clap::ValueHint::DirPath)]
    folder: PathBuf,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Which table to print as CSV: latency (unless another one is named), ordering, cost, throttles or shards
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
}

/// What `report` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A summary of one screen
    #[default]
    Text,
    /// The contents of summary.md
    Markdown,
    /// The contents of result.json
    Json,
    /// One table; see --table
    Csv,
}

/// Prints a stored result. The verdict on its objectives is part of the text, not of the exit code.
///
/// # Errors
/// There is no finished result in the folder, no table of that name, or no tables at all: a sweep or a comparison has none.
pub fn report(arguments: &Arguments) -> Ended {
    if arguments.table.is_some() && arguments.format != Format::Csv {
        return Err(Failure::rejected("--table names a table of CSV").help("add --format csv"));
    }
    if is_experiment(&arguments.folder) {
        return experiment(arguments);
    }
    let result = read_result(&arguments.folder)?;
    let files = arguments.folder.display().to_string();
    output::print(&match arguments.format {
        Format::Text => terminal::render(&result, Some(&files), output::screen()),
        Format::Markdown => markdown::render(&result),
        Format::Json => json::render(&result).map_err(Failure::internal)?,
        Format::Csv => table(&result, arguments.table.as_deref().unwrap_or("latency"))?,
    })?;
    Ok(Exit::Fine)
}

/// Whether a folder holds what `sweep` or `compare` wrote.
fn is_experiment(folder: &Path) -> bool {
    !folder.join(RESULT).is_file() && folder.join(EXPERIMENT).is_file()
}

/// Prints the files of a sweep or a comparison as they are.
fn experiment(arguments: &Arguments) -> Ended {
    let name = match arguments.format {
        Format::Text | Format::Markdown => SUMMARY,
        Format::Json => EXPERIMENT,
        Format::Csv => {
            let folder = arguments.folder.display();
            let what = format!("`{folder}` holds a sweep or a comparison, which has no such tables");
            return Err(Failure::rejected(what).help("a sweep's figures are in its `points.csv`"));
        }
    };
    let file = arguments.folder.join(name);
    let text = std::fs::read_to_string(&file)
        .map_err(|error| Failure::internal(format_args!("cannot read `{}`: {error}", file.display())))?;
    output::print(&text)?;
    Ok(Exit::Fine)
}

fn table(result: &RunResult, wanted: &str) -> Result<String, Failure> {
    let tables = csv::tables(result);
    match tables.iter().find(|(name, _)| *name == wanted) {
        Some((_, text)) => Ok(text.clone()),
        None => {
            let names: Vec<&str> = tables.iter().map(|(name, _)| *name).collect();
            Err(Failure::rejected(format_args!("there is no table `{wanted}`"))
                .help(&format!("the tables: {}", names.join(", "))))
        }
    }
}

/// Reads the result that a folder holds.
///
/// # Errors
/// There is no such folder, it is unfinished, or what it holds is no result of a version that this one understands.
pub fn read_result(folder: &Path) -> Result<RunResult, Failure> {
    let file = folder.join("result.json");
    let text = std::fs::read_to_string(&file).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory if !folder.exists() => {
            Failure::rejected(format_args!("there is no folder `{}`", folder.display()))
        }
        ErrorKind::NotFound if is_experiment(folder) => {
            let what = format!("`{}` holds a sweep or a comparison, not a run", folder.display());
            Failure::rejected(what).help("name the folder that `streamgauge run` wrote")
        }
        ErrorKind::NotFound => Failure::rejected(describe_unfinished(folder)).help("run the scenario again"),
        ErrorKind::NotADirectory => Failure::rejected(format_args!("`{}` is no folder", folder.display()))
            .help("name the folder that `streamgauge run` wrote"),
        _ => Failure::internal(format_args!("cannot read `{}`: {error}", file.display())),
    })?;
    RunResult::read(&text).map_err(|why| Failure::rejected(format_args!("`{}` {why}", file.display())))
}
