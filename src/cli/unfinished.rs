//! Files that cannot be written.

use super::exit::Failure;
use std::io::Error;
use std::path::Path;

/// The failure to write a file or folder.
pub fn cannot_write(path: &Path, error: &Error) -> Failure {
    Failure::internal(format_args!("cannot write `{}`: {error}", path.display()))
}
