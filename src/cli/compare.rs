//! `compare`: variants of one scenario, several scenarios, or stored results, side by side.

use super::Changes;
use super::exit::{Ended, Exit, Failure};
use super::output;
use super::report::read_result;
use super::run::begin;
use super::simulate::{Manner, Session, variant};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use streamgauge::report::comparison::{self, Comparison};
use streamgauge::report::result::RunResult;
use streamgauge::report::{folder, json};
use streamgauge::scenario::checked::Scenario;
use streamgauge::scenario::{self, Loaded};

/// Compare variants, scenario files or stored results.
///
/// One scenario file: its base and all its variants, or those named. Several files: the base of each. Folders: the results
/// stored in them. The first is the reference. Random numbers are common where the seeds are equal, and differences are
/// then paired by replication.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Scenario files, or folders with a result.json
    #[arg(required = true, value_hint = clap::ValueHint::AnyPath)]
    paths: Vec<PathBuf>,
    /// Compare this variant; may be given several times. A single one is compared with the base, which is also called `base`
    #[arg(long = "variant", value_name = "NAME")]
    variants: Vec<String>,
    #[command(flatten)]
    changes: Changes,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Also write experiment.json and summary.md into this folder
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    out: Option<PathBuf>,
    #[command(flatten)]
    manner: Manner,
}

/// What `compare` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for the terminal
    #[default]
    Text,
    /// A table in Markdown
    Markdown,
    /// The contents of experiment.json
    Json,
}

/// What stands in one column.
enum Candidate {
    Simulate(Box<Scenario>),
    Stored(Box<RunResult>),
}

impl Candidate {
    fn scenario(&self) -> Option<&Scenario> {
        match self {
            Self::Simulate(scenario) => Some(scenario),
            Self::Stored(_) => None,
        }
    }
}

type Named<T> = Vec<(String, T)>;

/// Simulates what is not stored, and compares.
///
/// # Errors
/// Fewer than two to compare, a wrong scenario or result, an interruption, or a failure of simulator or disk.
pub fn compare(arguments: &Arguments) -> Ended {
    let candidates = candidates(arguments)?;
    let session = Session::start(&arguments.manner)?;
    if let Some(folder) = &arguments.out {
        begin(folder)?;
    }
    let comparison = Comparison::new(&results(candidates, &session)?);
    if let Some(folder) = &arguments.out {
        folder::write_comparison(folder, &comparison).map_err(Failure::internal)?;
    }
    let files = arguments.out.as_ref().map(|folder| folder.display().to_string());
    output::print(&match arguments.format {
        Format::Text => comparison::terminal::render(&comparison, files.as_deref(), output::screen()),
        Format::Markdown => comparison::markdown::render(&comparison),
        Format::Json => json::render(&comparison).map_err(Failure::internal)?,
    })?;
    Ok(Exit::Fine)
}

fn results(candidates: Named<Candidate>, session: &Session) -> Result<Named<RunResult>, Failure> {
    // Warm-ups are settled together, because the longest of them is cut from all.
    let mut scenarios: Vec<Scenario> =
        candidates.iter().filter_map(|(_, it)| it.scenario()).cloned().collect();
    session.settle(&mut scenarios)?;
    let mut settled = scenarios.iter();
    let mut results = Vec::new();
    for (name, candidate) in candidates {
        let result = match candidate {
            Candidate::Stored(result) => *result,
            Candidate::Simulate(_) => {
                let scenario = settled.next().expect("as many were settled as there are to simulate");
                RunResult::new(scenario, &session.simulate(scenario)?, scenario.billing.book())
                    .map_err(Failure::internal)?
            }
        };
        results.push((name, result));
    }
    Ok(results)
}

/// What to compare, in the order of the arguments.
fn candidates(arguments: &Arguments) -> Result<Named<Candidate>, Failure> {
    let candidates = match &arguments.paths[..] {
        [file] if !file.is_dir() => {
            let loaded = scenario::load(file, &arguments.changes.options())?;
            of_one_file(loaded, &arguments.variants)?
        }
        _ if !arguments.variants.is_empty() => {
            return Err(Failure::rejected("--variant goes with one scenario file"));
        }
        paths => paths.iter().map(|path| of_path(path, &arguments.changes)).collect::<Result<_, _>>()?,
    };
    if candidates.len() < 2 {
        return Err(Failure::rejected("there is nothing to compare with")
            .help("give a second scenario or result folder, or a scenario file with variants"));
    }
    Ok(told_apart(candidates, &arguments.paths))
}

/// The base and all variants, or those asked for.
fn of_one_file(loaded: Loaded, wanted: &[String]) -> Result<Named<Candidate>, Failure> {
    let base = || ("base".to_owned(), loaded.base.clone());
    let chosen: Named<Scenario> = match wanted {
        [] => std::iter::once(base()).chain(loaded.variants.iter().cloned()).collect(),
        [one] => vec![base(), (one.clone(), variant(&loaded, one)?)],
        several => several
            .iter()
            .map(|name| match name.as_str() {
                "base" => Ok(base()),
                _ => variant(&loaded, name).map(|scenario| (name.clone(), scenario)),
            })
            .collect::<Result<_, _>>()?,
    };
    Ok(chosen.into_iter().map(|(name, scenario)| (name, Candidate::Simulate(Box::new(scenario)))).collect())
}

/// A stored result, or the base of a scenario file, with the scenario's name.
fn of_path(path: &Path, changes: &Changes) -> Result<(String, Candidate), Failure> {
    if !path.is_dir() {
        let base = scenario::load(path, &changes.options())?.base;
        return Ok((base.name.clone(), Candidate::Simulate(Box::new(base))));
    }
    if !changes.sets.is_empty()
        || changes.seed.is_some()
        || changes.replications.is_some()
        || changes.prices.is_some()
    {
        let message = format!("the stored result in `{}` cannot be changed", path.display());
        return Err(Failure::rejected(message).help("leave out --set, --seed, --replications and --prices"));
    }
    let result = read_result(path)?;
    Ok((result.identity.scenario.clone(), Candidate::Stored(Box::new(result))))
}

/// Names by path where the scenarios' own names do not tell them apart.
fn told_apart<T>(named: Named<T>, paths: &[PathBuf]) -> Named<T> {
    let mut names: Vec<&String> = named.iter().map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    if names.len() == named.len() || paths.len() != named.len() {
        return named;
    }
    named.into_iter().zip(paths).map(|((_, it), path)| (path.display().to_string(), it)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_give_way_to_paths() {
        let named = |names: [&str; 2]| names.map(|name| (name.to_owned(), ())).to_vec();
        let paths = ["a/x.yaml", "b/x.yaml"].map(PathBuf::from);
        assert_eq!(told_apart(named(["x", "y"]), &paths), named(["x", "y"]));
        assert_eq!(told_apart(named(["x", "x"]), &paths), named(["a/x.yaml", "b/x.yaml"]));
    }
}
