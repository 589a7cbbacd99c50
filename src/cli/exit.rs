//! How the program ends.

use std::fmt::Display;
use std::process::ExitCode;
use streamgauge::report::result::RunResult;
use streamgauge::scenario::diagnostic::{Diagnostic, Diagnostics};

/// The ways to end, with their exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All went well.
    Fine = 0,
    /// A fault in the simulator, a guard, or a file that could not be read or written.
    Failed = 1,
    /// Wrong arguments or a wrong scenario.
    Rejected = 2,
    /// An objective was missed.
    Missed = 3,
    /// No objective was missed, but at least one is undecided or its figure unknown.
    Undecided = 4,
    /// Stopped by a signal: 128 and the number of SIGINT.
    Interrupted = 130,
}

impl Exit {
    /// By the verdicts on a result's objectives: a miss is certain whatever the others turn out to be.
    pub fn by_objectives(result: &RunResult) -> Self {
        match result.exit_code() {
            0 => Self::Fine,
            3 => Self::Missed,
            _ => Self::Undecided,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An end that needs words.
#[derive(Debug)]
pub struct Failure {
    /// The code to end with.
    pub exit: Exit,
    errors: Diagnostics,
}

/// What every verb returns.
pub type Ended = Result<Exit, Failure>;

impl Failure {
    /// Something went wrong that the user's input is not to blame for.
    pub fn internal(what: impl Display) -> Self {
        Self { exit: Exit::Failed, errors: Diagnostic::new(what.to_string()).into() }
    }

    /// The arguments or the files they name are wrong.
    pub fn rejected(what: impl Display) -> Self {
        Self { exit: Exit::Rejected, errors: Diagnostic::new(what.to_string()).into() }
    }

    /// A signal asked to stop.
    pub fn interrupted() -> Self {
        Self { exit: Exit::Interrupted, errors: Diagnostic::new("interrupted").into() }
    }

    /// The same failure with advice.
    #[must_use]
    pub fn help(self, help: &str) -> Self {
        let errors = self.errors.into_errors().into_iter().map(|error| error.help(help)).collect();
        Self { exit: self.exit, errors: Diagnostics::new(errors) }
    }

    /// In words, with colours that `anstream` drops where they do not belong.
    pub fn styled(&self) -> String {
        self.errors.styled()
    }
}

impl From<Diagnostics> for Failure {
    fn from(errors: Diagnostics) -> Self {
        Self { exit: Exit::Rejected, errors }
    }
}

impl From<Diagnostic> for Failure {
    fn from(error: Diagnostic) -> Self {
        Diagnostics::from(error).into()
    }
}
