//! Where words go: data to standard output, everything for people to standard error.

use super::exit::Failure;
use std::io::{ErrorKind, IsTerminal, Write};
use streamgauge::report::terminal::{Colour, Screen};
use terminal_size::Width;

/// Columns that tables need at least.
const COLUMNS_MIN: usize = 80;
/// Columns at which sentences can still be read.
const COLUMNS_MAX: usize = 160;

/// What standard output shows: as wide as the terminal, or what files and pipes get on every machine.
pub fn screen() -> Screen {
    Screen { width: terminal_columns().unwrap_or(Screen::PLAIN.width), colour: Colour::Ansi }
}

/// Columns of the terminal that standard output is, within reason; nothing if it is none.
pub fn terminal_columns() -> Option<usize> {
    let out = std::io::stdout();
    if !out.is_terminal() {
        return None;
    }
    let stated = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let measured = || terminal_size::terminal_size_of(out).map(|(Width(columns), _)| usize::from(columns));
    Some(stated.or_else(measured)?.clamp(COLUMNS_MIN, COLUMNS_MAX))
}

/// Prints data to standard output, ending it with a line break.
///
/// A reader that has gone (`| head -1`) has seen what it wanted: that is no failure.
///
/// # Errors
/// Standard output cannot be written for another reason, such as a full disk.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let written = out
        .write_all(text.as_bytes())
        .and_then(|()| out.write_all(end.as_bytes()))
        .and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::internal(format_args!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints a value as indented JSON.
///
/// # Errors
/// As [`print()`]; also a value that JSON cannot hold.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    print(&serde_json::to_string_pretty(value).map_err(Failure::internal)?)
}

/// Says something to the person at the terminal. Nobody listening is no failure.
pub fn tell(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}
