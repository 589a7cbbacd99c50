//! Folders that shall not look finished before they are.

use super::exit::Failure;
use std::io::{Error, ErrorKind};
use std::path::Path;

/// Makes the folder and takes these files of an older run out of it: interrupted work must not leave what looks like
/// its report.
///
/// # Errors
/// The folder cannot be made, or a file in it not be removed.
pub fn begin(folder: &Path, files: &[&str]) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
    for file in files {
        match std::fs::remove_file(folder.join(file)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(cannot_write(folder, &error)),
            _ => {}
        }
    }
    Ok(())
}

/// The failure to write a file or folder.
pub fn cannot_write(path: &Path, error: &Error) -> Failure {
    Failure::internal(format_args!("cannot write `{}`: {error}", path.display()))
}
