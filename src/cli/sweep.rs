//! `sweep`: simulate a grid of scenarios, and go on where an earlier call stopped.

use super::Changes;
use super::exit::{Ended, Exit, Failure};
use super::output;
use super::progress::PointBar;
use super::run::default_folder;
use super::simulate::{Manner, Session};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::str::FromStr;
use streamgauge::experiment::sweep::Points;
use streamgauge::pipeline::finish::Outcome;
use streamgauge::report::json;
use streamgauge::report::result::RunResult;
use streamgauge::report::sweep::folder::{SweepFolder, SweepFolderError};
use streamgauge::report::sweep::{PointResult, SweepIdentity, SweepResult, markdown, terminal};
use streamgauge::report::words;
use streamgauge::scenario::checked::Scenario;
use streamgauge::scenario::load_check::LoadCheck;
use streamgauge::scenario::sweep::Sweep;
use streamgauge::scenario::{self};

/// Simulate a scenario at every point of a grid.
///
/// The grid is the scenario's `sweep`: values by path, every combination a point; --over adds paths or puts other values in their
/// place. All points have the same draws. Points that are done are kept in the folder: when a sweep is interrupted, even
/// killed, the same call goes on with it, and what is written at the end is the same as if it had run through. The folder is
/// complete when it holds experiment.json, which is written last. Verdicts on objectives are in the table, not in the exit
/// code.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Scenario file
    #[arg(value_hint = clap::ValueHint::FilePath)]
    scenario: PathBuf,
    /// Sweep over these values at a path; may be given several times. The path `variants` takes names of variants, and `base`
    #[arg(long, value_name = "PATH=A,B,C")]
    over: Vec<String>,
    #[command(flatten)]
    changes: Changes,
    /// Folder for the points and the report; `reports/<name>-sweep` unless given
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    out: Option<PathBuf>,
    /// Do every N-th point only, from the I-th on, and write no report. When all parts are done, in one folder or with the files
    /// of their `points/` put together in one, a call without --part writes it
    #[arg(long, value_name = "I/N")]
    part: Option<Part>,
    /// What to print to standard output at the end
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    manner: Manner,
}

/// What `sweep` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table of the points
    #[default]
    Text,
    /// The contents of summary.md
    Markdown,
    /// The contents of experiment.json
    Json,
    /// Nothing
    None,
}

/// One of several parts of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    /// From 1.
    number: usize,
    of: usize,
}

impl Part {
    fn has(self, point: usize) -> bool {
        point % self.of == self.number - 1
    }
}

impl FromStr for Part {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split_once('/').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        match numbers {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self { number, of }),
            _ => Err("expected a part and how many there are, such as 1/4"),
        }
    }
}

/// Simulates the points that are not done yet, and writes the report when all are.
///
/// # Errors
/// A wrong scenario or sweep, a folder of something else, an interruption, or a failure of simulator or disk.
pub fn sweep(arguments: &Arguments) -> Ended {
    let options = arguments.changes.options();
    let base = scenario::load(&arguments.scenario, &options)?.base;
    let Some(sweep) = scenario::load_sweep(&arguments.scenario, &options, &arguments.over)? else {
        return Err(Failure::rejected(format_args!("`{}` has nothing to sweep over", base.name))
            .help("give the scenario a section `sweep`, or name a path and its values with --over"));
    };
    let out = match &arguments.out {
        Some(folder) => folder.clone(),
        None => default_folder(&format!("{}-sweep", base.name))?,
    };
    let session = Session::start(&arguments.manner)?;
    let identity = SweepIdentity::new(&base, &sweep, base.billing.book());
    let folder = SweepFolder::open(&out, identity, arguments.part.is_some())?;
    let mine: Vec<usize> =
        (0..sweep.points()).filter(|point| arguments.part.is_none_or(|part| part.has(*point))).collect();
    let missing: Vec<usize> = mine.iter().copied().filter(|point| folder.point(*point).is_none()).collect();
    let done = mine.len() - missing.len();
    if done > 0 {
        session.tell(&format!("Already done: {done} of {}.", words::plural(mine.len() as u64, "point")));
    }
    simulate(&sweep, &folder, &missing, &session)
        .map_err(|failure| failure.help(&kept(&folder, &mine, &out.display().to_string())))?;
    let files = out.display().to_string();
    if arguments.part.is_some() {
        session.tell(&format!(
            "Done: the {} of this part, in `{files}`.",
            words::plural(mine.len() as u64, "point")
        ));
        return Ok(Exit::Fine);
    }
    let result = folder.finish().map_err(Failure::internal)?;
    print(&result, arguments.format, &files)?;
    session.tell(&format!("The report is in `{files}`."));
    Ok(Exit::Fine)
}

fn simulate(
    sweep: &Sweep,
    folder: &SweepFolder,
    missing: &[usize],
    session: &Session,
) -> Result<(), Failure> {
    let bar = session.point_bar(missing.len());
    let grid = Grid { sweep, folder, bar: &bar };
    let ended = session.sweep(&grid, missing);
    bar.clear();
    ended
}

/// What an interruption leaves.
fn kept(folder: &SweepFolder, points: &[usize], path: &str) -> String {
    let done = points.iter().filter(|point| folder.point(**point).is_some()).count();
    let all = words::plural(points.len() as u64, "point");
    format!("kept in `{path}`: {done} of {all}; the same call goes on with the rest")
}

fn print(result: &SweepResult, format: Format, files: &str) -> Result<(), Failure> {
    match format {
        Format::Text => output::print(&terminal::render(result, files, output::screen().width)),
        Format::Markdown => output::print(&markdown::render(result)),
        Format::Json => output::print(&json::render(result).map_err(Failure::internal)?),
        Format::None => Ok(()),
    }
}

/// Takes scenarios from the sweep and puts what came of them into the folder.
struct Grid<'a> {
    sweep: &'a Sweep,
    folder: &'a SweepFolder,
    bar: &'a PointBar,
}

impl Points for Grid<'_> {
    type Error = Failure;

    fn scenario(&self, point: usize) -> Result<Scenario, Failure> {
        let mut scenario = self.sweep.scenario(point)?;
        scenario.notes.extend(LoadCheck::of(&scenario).warnings);
        Ok(scenario)
    }

    fn done(&self, point: usize, scenario: &Scenario, outcomes: Vec<Outcome>) -> Result<(), Failure> {
        let result =
            RunResult::new(scenario, &outcomes, scenario.billing.book()).map_err(Failure::internal)?;
        let point = PointResult::new(self.sweep, point, &result);
        self.folder.keep(&point).map_err(Failure::internal)?;
        self.bar.advance();
        Ok(())
    }
}

impl From<SweepFolderError> for Failure {
    fn from(error: SweepFolderError) -> Self {
        match error {
            SweepFolderError::Taken { .. } => {
                Self::rejected(error).help("name another folder with --out, or remove this one")
            }
            SweepFolderError::Busy(_) => {
                Self::rejected(error).help("wait for it, or share the work by --part")
            }
            SweepFolderError::Disk(error) => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_share_out_all_points() {
        let parts = ["1/3", "2/3", "3/3"].map(|text| text.parse::<Part>().unwrap());
        assert!((0..20).all(|point| parts.iter().filter(|part| part.has(point)).count() == 1));
        assert!(
            ["", "1", "0/3", "4/3", "1/0", "a/b", "-1/2"].iter().all(|text| text.parse::<Part>().is_err())
        );
    }
}
