//! The folder of a run. `result.json` is written last and at once: a folder without it is unfinished, and whoever finds it
//! finds all files of one run beside it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::comparison::{self, Comparison};
use super::result::RunResult;
use super::{csv, json, markdown};
use crate::pipeline::finish::Outcome;
use crate::scenario::checked::Scenario;

/// The file that says that a run's folder is complete.
pub const RESULT: &str = "result.json";
/// The file that says that an experiment's folder is complete.
pub const EXPERIMENT: &str = "experiment.json";
/// The summary of either.
pub const SUMMARY: &str = "summary.md";
/// All other files that a run or an experiment may write.
const OTHERS: [&str; 9] = [
    SUMMARY,
    "latency.csv",
    "ordering.csv",
    "cost.csv",
    "throttles.csv",
    "shards.csv",
    "timeseries.csv",
    "objects.csv",
    "points.csv",
];

/// A file that could not be written.
#[derive(Debug, Error)]
#[error("cannot write `{}`: {source}", path.display())]
pub struct FolderError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

/// Files by name, with their text.
pub type Files = Vec<(String, String)>;

/// The files of a run besides `result.json` that need nothing but the result.
pub fn renderings(result: &RunResult) -> Files {
    let tables = csv::tables(result).into_iter().map(|(name, text)| (format!("{name}.csv"), text));
    std::iter::once((SUMMARY.to_owned(), markdown::render(result))).chain(tables).collect()
}

/// Writes all files of a run into `folder`, which is made if need be: its renderings, `timeseries.csv`, and `objects.csv`
/// where `list_objects` asks for it. Files that an earlier run left there are removed first.
///
/// # Errors
/// [`FolderError`]; there is no `result.json` then.
pub fn write_run(
    folder: &Path,
    result: &RunResult,
    scenario: &Scenario,
    outcomes: &[Outcome],
    list_objects: bool,
) -> Result<(), FolderError> {
    let mut files = renderings(result);
    if let Some(first) = outcomes.first() {
        files.push(("timeseries.csv".to_owned(), csv::timeseries(scenario, first)));
        if list_objects {
            files.push(("objects.csv".to_owned(), csv::objects(scenario, first)));
        }
    }
    let text = json::render(result).map_err(|error| failed(&folder.join(RESULT), error.into()))?;
    write(folder, &files, RESULT, &text)
}

/// Writes a comparison into `folder`: its summary and `experiment.json`.
///
/// # Errors
/// [`FolderError`]; there is no `experiment.json` then.
pub fn write_comparison(folder: &Path, comparison: &Comparison) -> Result<(), FolderError> {
    let summary = comparison::markdown::render(comparison);
    let text = json::render(comparison).map_err(|error| failed(&folder.join(EXPERIMENT), error.into()))?;
    write(folder, &vec![(SUMMARY.to_owned(), summary)], EXPERIMENT, &text)
}

/// Writes `files` and then, at once, the file that makes them complete.
///
/// # Errors
/// [`FolderError`]; the last file is not there then.
pub fn write(folder: &Path, files: &Files, last: &str, text: &str) -> Result<(), FolderError> {
    begin(folder)?;
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| failed(&path, error))?;
    }
    let path = folder.join(last);
    replace(&path, text).map_err(|error| failed(&path, error))
}

/// Makes the folder if need be, and makes it unfinished: removes what an earlier run left there, first of all the file that says it is complete.
///
/// # Errors
/// [`FolderError`] when the folder cannot be made, or a file is there and cannot be removed.
pub fn begin(folder: &Path) -> Result<(), FolderError> {
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for name in [RESULT, EXPERIMENT].into_iter().chain(OTHERS) {
        let path = folder.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(&path, error)),
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn failed(path: &Path, source: std::io::Error) -> FolderError {
    FolderError { path: path.to_owned(), source }
}

/// Writes a file so that it is there whole or not at all. What a killed process leaves beside it has a fixed name, which the
/// next one to write the file takes over.
pub(super) fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".unfinished");
    let unfinished = path.with_file_name(name);
    let mut file = fs::File::create(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    drop(file);
    fs::rename(&unfinished, path).inspect_err(|_| drop(fs::remove_file(&unfinished)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_holds_one_run_and_the_same_run_gives_the_same_bytes() {
        let scenario = example::scenario(2);
        let root = tempfile::tempdir().unwrap();
        let folders = [root.path().join("a/b"), root.path().join("c")];
        for (threads, folder) in folders.iter().enumerate() {
            let outcomes = example::outcomes(&scenario, threads + 1);
            let book = crate::pricing::PriceBook::builtin();
            let result = RunResult::new(&scenario, &outcomes, book).unwrap();
            write_run(folder, &result, &scenario, &outcomes, true).unwrap();
        }
        assert_eq!(names(&folders[0]), names(&folders[1]));
        // All but the table of a sweep, and the result.
        assert_eq!(names(&folders[0]).len(), OTHERS.len());
        for name in names(&folders[0]) {
            assert_eq!(fs::read(folders[0].join(&name)).unwrap(), fs::read(folders[1].join(&name)).unwrap());
        }
        let read: RunResult = serde_json::from_slice(&fs::read(folders[0].join(RESULT)).unwrap()).unwrap();
        assert_eq!(renderings(&read)[0].1, fs::read_to_string(folders[0].join("summary.md")).unwrap());
    }

    #[test]
    fn what_an_earlier_run_left_does_not_outlive_a_failure() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        fs::write(folder.join(RESULT), "old").unwrap();
        fs::write(folder.join("objects.csv"), "old").unwrap();
        fs::write(folder.join("notes.txt"), "mine").unwrap();
        // A folder stands where a file should be.
        fs::create_dir(folder.join("taken")).unwrap();
        let error = write(folder, &vec![("taken".to_owned(), String::new())], RESULT, "new").unwrap_err();
        assert!(error.to_string().contains("taken"), "{error}");
        assert_eq!(names(folder), ["notes.txt", "taken"]);
        write(folder, &vec![], RESULT, "new").unwrap();
        assert_eq!(fs::read_to_string(folder.join(RESULT)).unwrap(), "new");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |name: &str| fs::metadata(folder.join(name)).unwrap().permissions().mode();
            assert_eq!(mode(RESULT), mode("notes.txt"));
        }
    }
}
