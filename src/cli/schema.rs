//! `schema`: print the JSON Schema of a file format.

use super::exit::{Ended, Exit};
use super::output;
use clap::{Args, ValueEnum};
use streamgauge::report::experiment;
use streamgauge::report::follow::Followed;
use streamgauge::report::result::RunResult;
use streamgauge::scenario;

/// Print the JSON Schema (draft-07) of a file format.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Which format
    #[arg(value_enum, default_value_t)]
    of: Format,
}

/// The formats that have a schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Scenario files, for completion and checks in editors
    #[default]
    Scenario,
    /// The result.json that `run` writes
    Result,
    /// The experiment.json that `compare` and `sweep` write
    Experiment,
    /// What `follow` prints as JSON
    Follow,
}

/// Prints a schema.
///
/// # Errors
/// Standard output cannot be written.
pub fn schema(arguments: &Arguments) -> Ended {
    let schema = match arguments.of {
        Format::Scenario => scenario::schema(),
        Format::Result => RunResult::schema().into(),
        Format::Experiment => experiment::schema().into(),
        Format::Follow => Followed::schema().into(),
    };
    output::print_json(&schema)?;
    Ok(Exit::Fine)
}
