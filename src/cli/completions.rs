//! `completions`: print a completion script for a shell.

use super::exit::{Ended, Exit, Failure};
use super::{Cli, output};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print a completion script for a shell.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// Standard output cannot be written.
pub fn completions(arguments: &Arguments) -> Ended {
    // The generator panics when writing fails; memory does not.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "streamgauge", &mut script);
    output::print(&String::from_utf8(script).map_err(Failure::internal)?)?;
    Ok(Exit::Fine)
}
