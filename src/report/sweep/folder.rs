//! The folder of a sweep: `sweep.json` says which one it is, `points/` holds a file for each point that is done, and
//! `experiment.json`, written last, says that all are.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{PointResult, SweepIdentity, SweepResult, csv, markdown};
use crate::report::folder::{EXPERIMENT, FolderError, RESULT, SUMMARY, failed, replace, write};
use crate::report::json;

/// The file that says which sweep a folder is for.
pub const SWEEP: &str = "sweep.json";
/// The table of all points.
pub const POINTS: &str = "points.csv";

/// Why a sweep cannot use a folder.
#[derive(Debug, Error)]
pub enum SweepFolderError {
    /// Something else is in it.
    #[error("`{}` holds {what}", folder.display())]
    Taken {
        /// The folder.
        folder: PathBuf,
        /// What is in it.
        what: String,
    },
    /// Another process is at work in it.
    #[error("another sweep is at work in `{}`", .0.display())]
    Busy(PathBuf),
    /// A file cannot be written.
    #[error(transparent)]
    Disk(#[from] FolderError),
}

/// The folder of a sweep, for as long as this process works in it.
pub struct SweepFolder {
    path: PathBuf,
    identity: SweepIdentity,
    /// Locked: by one process for a whole sweep, by all that do a part of it.
    _lock: Option<File>,
}

impl SweepFolder {
    /// Makes the folder if need be. Other processes are kept out, except those that do other parts as `in_parts` says.
    ///
    /// # Errors
    /// It holds something else, somebody is at work there, or it cannot be written.
    pub fn open(path: &Path, identity: SweepIdentity, in_parts: bool) -> Result<Self, SweepFolderError> {
        let taken = |what: String| SweepFolderError::Taken { folder: path.to_owned(), what };
        let (file, points) = (path.join(SWEEP), path.join("points"));
        fs::create_dir_all(&points).map_err(|error| failed(&points, error))?;
        let text = json::render(&identity).map_err(|error| failed(&file, error.into()))?;
        if !file.exists() {
            if let Some(name) = [RESULT, EXPERIMENT].iter().find(|name| path.join(name).exists()) {
                return Err(taken(format!("another report: there is a {name}, but no {SWEEP}")));
            }
            claim(&file, &text).map_err(|error| failed(&file, error))?;
        }
        let bytes = fs::read(&file).map_err(|error| failed(&file, error))?;
        let stored = serde_json::from_slice::<SweepIdentity>(&bytes);
        let stored = stored.map_err(|_| taken("a sweep that this version cannot read".to_owned()))?;
        if let Some(difference) = stored.difference(&identity) {
            return Err(taken(format!("another sweep: {difference}")));
        }
        let lock = lock(&file, in_parts).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => SweepFolderError::Busy(path.to_owned()),
            _ => failed(&file, error).into(),
        })?;
        if !in_parts {
            clean(path).map_err(|error| failed(path, error))?;
        }
        Ok(Self { path: path.to_owned(), identity, _lock: lock })
    }

    fn file(&self, point: usize) -> PathBuf {
        self.path.join(format!("points/{point:06}.json"))
    }

    /// A point that is done. One that cannot be read is not.
    pub fn point(&self, point: usize) -> Option<PointResult> {
        let bytes = fs::read(self.file(point)).ok()?;
        let stored = serde_json::from_slice::<PointResult>(&bytes).ok()?;
        let same = stored.row.point == point && stored.sweep_digest == self.identity.sweep_digest;
        same.then_some(stored)
    }

    /// Keeps a point: it is there whole or not at all.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn keep(&self, point: &PointResult) -> Result<(), FolderError> {
        let file = self.file(point.row.point);
        let text = json::render(point).map_err(|error| failed(&file, error.into()))?;
        replace(&file, &text).map_err(|error| failed(&file, error))
    }

    /// Writes `points.csv`, `summary.md` and, last, `experiment.json` from the files of all points.
    ///
    /// # Errors
    /// [`FolderError`]; there is no `experiment.json` then.
    pub fn finish(&self) -> Result<SweepResult, FolderError> {
        let gone = |point| failed(&self.file(point), ErrorKind::NotFound.into());
        let points = (0..self.identity.point_count).map(|point| self.point(point).ok_or_else(|| gone(point)));
        let points = points.collect::<Result<Vec<_>, _>>()?;
        let table = csv::points(&self.identity, &points);
        let points = points.into_iter().map(|point| point.row).collect();
        let result = SweepResult::new(self.identity.clone(), points);
        let files = vec![(POINTS.to_owned(), table), (SUMMARY.to_owned(), markdown::render(&result))];
        let text =
            json::render(&result).map_err(|error| failed(&self.path.join(EXPERIMENT), error.into()))?;
        write(&self.path, &files, EXPERIMENT, &text)?;
        Ok(result)
    }
}

/// How the names of files begin that may become `sweep.json`.
const CLAIM: &str = ".sweep-";

/// Writes the file at once, if no other process has done so: parts may begin at the same moment.
fn claim(file: &Path, text: &str) -> std::io::Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(CLAIM);
    // Temporary files are private by default; a report is as open as the user's mask says.
    #[cfg(unix)]
    let permissions = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(permissions);
    let mut claim = builder.tempfile_in(file.parent().unwrap_or(Path::new("")))?;
    claim.write_all(text.as_bytes())?;
    claim.as_file().sync_all()?;
    match claim.persist_noclobber(file) {
        Err(error) if error.error.kind() != ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

/// Removes what processes left that were killed while they claimed the folder.
fn clean(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(CLAIM) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Locks a file for as long as it is open, where the file system can.
fn lock(file: &Path, shared: bool) -> std::io::Result<Option<File>> {
    let file = File::open(file)?;
    match if shared { file.try_lock_shared() } else { file.try_lock() } {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(ErrorKind::WouldBlock.into()),
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
