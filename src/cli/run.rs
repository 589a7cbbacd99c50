//! `run`: simulate a scenario and write its report.

use super::Changes;
use super::exit::{Ended, Exit, Failure};
use super::output;
use super::simulate::{Manner, Session, variant};
use clap::{Args, ValueEnum};
use std::path::{Component, Path, PathBuf};
use streamgauge::report::result::RunResult;
use streamgauge::report::{folder, json, markdown, terminal};
use streamgauge::scenario;
use streamgauge::scenario::checked::Scenario;
use streamgauge::scenario::load_check::LoadCheck;

/// Simulate a scenario and write its report.
///
/// Ends with 3 when an objective of the scenario's `slo` is missed, and with 4 when none is missed but one is undecided or its
/// figure unknown. The folder is complete when it holds result.json, which is written last.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Scenario file
    #[arg(value_hint = clap::ValueHint::FilePath)]
    scenario: PathBuf,
    /// Run this variant instead of the base
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    #[command(flatten)]
    changes: Changes,
    /// Folder for the report; `reports/<name>` unless given, `reports/<name>-<variant>` for a variant
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    out: Option<PathBuf>,
    /// What to print to standard output at the end
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Also write objects.csv, one row per object in S3
    #[arg(long)]
    objects: bool,
    /// Afterwards run the first replication twice more, and fail if their outcomes differ
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    manner: Manner,
}

/// What `run` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A summary of one screen
    #[default]
    Text,
    /// The contents of result.json
    Json,
    /// The contents of summary.md
    Markdown,
    /// Nothing
    None,
}

/// Simulates, writes the folder, prints the summary, and ends by the verdict on the objectives.
///
/// # Errors
/// A wrong scenario, an interruption, or a failure of the simulator or the disk.
pub fn run(arguments: &Arguments) -> Ended {
    let loaded = scenario::load(&arguments.scenario, &arguments.changes.options())?;
    let scenario = match &arguments.variant {
        Some(name) => variant(&loaded, name)?,
        None => loaded.base,
    };
    let folder = match &arguments.out {
        Some(folder) => folder.clone(),
        None => default_folder(&match &arguments.variant {
            Some(variant) => format!("{}-{variant}", scenario.name),
            None => scenario.name.clone(),
        })?,
    };
    let session = Session::start(&arguments.manner)?;
    begin(&folder)?;
    let result = simulate_and_write(scenario, &folder, arguments, &session)
        .map_err(|failure| failure.help(&folder::describe_unfinished(&folder)))?;
    match arguments.format {
        Format::Text => {
            let files = folder.display().to_string();
            output::print(&terminal::render(&result, Some(&files), output::screen()))?;
        }
        Format::Json => output::print(&json::render(&result).map_err(Failure::internal)?)?,
        Format::Markdown => output::print(&markdown::render(&result))?,
        Format::None => {}
    }
    session.tell(&format!("The report is in `{}`.", folder.display()));
    Ok(Exit::by_objectives(&result))
}

/// Begins a report in a folder.
///
/// # Errors
/// The path is a file's, or nothing can be written there.
pub fn begin(folder: &Path) -> Result<(), Failure> {
    if folder.is_file() {
        let what = format!("`{}` is a file; a report needs a folder", folder.display());
        return Err(Failure::rejected(what));
    }
    folder::begin(folder).map_err(Failure::internal)
}

fn simulate_and_write(
    mut scenario: Scenario,
    folder: &Path,
    arguments: &Arguments,
    session: &Session,
) -> Result<RunResult, Failure> {
    session.settle(std::slice::from_mut(&mut scenario))?;
    scenario.notes.extend(LoadCheck::of(&scenario).warnings);
    let outcomes = session.simulate(&scenario)?;
    if arguments.verify {
        session.verify(&scenario)?;
    }
    let result = RunResult::new(&scenario, &outcomes, scenario.billing.book()).map_err(Failure::internal)?;
    folder::write_run(folder, &result, &scenario, &outcomes, arguments.objects).map_err(Failure::internal)?;
    Ok(result)
}

/// `reports/<name>`, if the name is one that a folder can have.
pub(super) fn default_folder(name: &str) -> Result<PathBuf, Failure> {
    let one_step = matches!(Path::new(name).components().collect::<Vec<_>>()[..], [Component::Normal(_)]);
    if one_step && !name.contains(['/', '\\', ':']) {
        return Ok(Path::new("reports").join(name));
    }
    Err(Failure::rejected(format_args!("`{name}` cannot be the name of a folder"))
        .help("say with --out where the report shall go"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_cannot_choose_a_folder_outside_of_reports() {
        assert_eq!(default_folder("orders").unwrap(), Path::new("reports/orders"));
        for name in ["", ".", "..", "../orders", "/tmp/x", "a/b", "a\\b", "C:x"] {
            assert_eq!(default_folder(name).unwrap_err().exit, Exit::Rejected, "{name}");
        }
    }
}
