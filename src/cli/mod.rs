//! The command line: one file per verb. No simulation happens here.
//!
//! Standard output carries data, standard error what is meant for people; see [`output`]. How the program ends,
//! and with which code, is in [`exit`].

pub mod bill;
pub mod check;
pub mod compare;
pub mod completions;
pub mod exit;
pub mod follow;
pub mod init;
mod interrupt;
pub mod man;
pub mod output;
mod progress;
pub mod report;
pub mod run;
pub mod schema;
mod simulate;
pub mod sweep;
mod unfinished;

use clap::{Args, Parser, Subcommand};
use streamgauge::scenario::LoadOptions;

/// What `--help` says after the options: the contract with scripts.
const EXIT_CODES: &str = "\
Exit codes:
  0    fine
  1    internal failure: the ledger, a guard, or reading and writing files
  2    wrong arguments or a wrong scenario
  3    `run`: an objective was missed
  4    `run`: no objective was missed, but one is undecided or unknown
  130  interrupted

Data goes to standard output, everything else to standard error.";

/// Measures a change stream before anyone builds it.
///
/// Simulates the DynamoDB change-data-capture pipeline that a scenario file describes: from the writes to a table through
/// Kinesis shards to consumers and, by way of Firehose, to objects in S3. Answers with latency, cost and ordering reports.
/// The same version, scenario and seed give the same report, byte for byte.
#[derive(Debug, Parser)]
#[command(name = "streamgauge", version, max_term_width = 100, after_long_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do. The documentation of each verb's arguments is its help.
#[derive(Debug, Subcommand)]
pub enum Verb {
    Init(init::Arguments),
    Check(check::Arguments),
    Run(run::Arguments),
    Compare(compare::Arguments),
    Sweep(sweep::Arguments),
    Follow(follow::Arguments),
    Report(report::Arguments),
    Bill(bill::Arguments),
    Schema(schema::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// Changes to the scenarios of one call.
#[derive(Clone, Debug, Args)]
pub struct Changes {
    /// Change the scenario at a path; may be given several times. The value is YAML, null removes the node
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub sets: Vec<String>,
    /// Seed of all random streams, instead of the scenario's
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Independent replications, instead of the scenario's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub replications: Option<u32>,
    /// Your own prices, CSV or YAML, over those of the price book; instead of the scenario's
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub prices: Option<std::path::PathBuf>,
}

impl Changes {
    /// As the loader takes them.
    pub fn options(&self) -> LoadOptions {
        let Self { sets, seed, replications, prices } = self.clone();
        LoadOptions { sets, seed, replications, prices }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
