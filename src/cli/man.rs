//! `man`: the manual page, or one page per verb.

use super::exit::{Ended, Exit, Failure};
use super::unfinished::cannot_write;
use super::{Cli, output};
use clap::{Args, CommandFactory};
use clap_mangen::Man;
use std::path::PathBuf;

/// Print the manual page, or write one page per verb.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Write streamgauge.1 and one page per verb into this folder, instead of printing the first
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

/// Prints the page, or writes the pages.
///
/// # Errors
/// A file or standard output cannot be written.
pub fn man(arguments: &Arguments) -> Ended {
    // The verb `help` has nothing to say in a manual.
    let command = Cli::command().disable_help_subcommand(true);
    match &arguments.dir {
        Some(folder) => std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(command, folder))
            .map_err(|error| cannot_write(folder, &error))?,
        None => {
            let mut page = Vec::new();
            Man::new(command).render(&mut page).map_err(Failure::internal)?;
            output::print(&String::from_utf8(page).map_err(Failure::internal)?)?;
        }
    }
    Ok(Exit::Fine)
}
