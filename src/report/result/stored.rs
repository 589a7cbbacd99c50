//! A result as it was stored, read back.

use serde::Deserialize;

use super::{FORMAT, RunResult};

/// The one part of a result whose place is the same in every format.
#[derive(Deserialize)]
struct Head {
    identity: Identity,
}

#[derive(Deserialize)]
struct Identity {
    format: u64,
}

impl RunResult {
    /// Reads the text of a `result.json`.
    ///
    /// # Errors
    /// Why it is no result that this version can read, in words.
    pub fn read(text: &str) -> Result<Self, String> {
        check_format(text)?;
        serde_json::from_str(text)
            .map_err(|error| format!("is not a result that this version can read: {error}"))
    }
}

/// Refuses a result of another format: its keys may mean something else. What is no result at all is for its reader to refuse.
///
/// # Errors
/// Which format it has, and which one this version reads.
pub fn check_format(text: &str) -> Result<(), String> {
    match serde_json::from_str::<Head>(text) {
        Ok(Head { identity: Identity { format } }) if format != u64::from(FORMAT) => {
            Err(format!("is a result of format {format}; this version reads format {FORMAT}"))
        }
        _ => Ok(()),
    }
}
