//! The `streamgauge` command: parse, dispatch, exit code.

use clap::Parser;
use std::process::ExitCode;

mod cli;

use cli::Verb;

fn main() -> ExitCode {
    streamgauge::engine::memory::keep_freed();
    let ended = match cli::Cli::parse().verb {
        Verb::Init(arguments) => cli::init::init(&arguments),
        Verb::Check(arguments) => cli::check::check(&arguments),
        Verb::Run(arguments) => cli::run::run(&arguments),
        Verb::Compare(arguments) => cli::compare::compare(&arguments),
        Verb::Sweep(arguments) => cli::sweep::sweep(&arguments),
        Verb::Follow(arguments) => cli::follow::follow(&arguments),
        Verb::Report(arguments) => cli::report::report(&arguments),
        Verb::Bill(arguments) => cli::bill::bill(&arguments),
        Verb::Schema(arguments) => cli::schema::schema(&arguments),
        Verb::Completions(arguments) => cli::completions::completions(&arguments),
        Verb::Man(arguments) => cli::man::man(&arguments),
    };
    let exit = ended.unwrap_or_else(|failure| {
        cli::output::tell(&failure.styled());
        failure.exit
    });
    exit.into()
}
