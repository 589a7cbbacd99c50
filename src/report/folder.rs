//! The folder of a run. `result.json` is written last and at once: a folder without it is unfinished, and whoever finds it
//! finds all files of one run beside it. The report that was there before is set aside until then, in a folder of its own.

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
/// The folder beside an unfinished report that keeps the one before it.
pub const PREVIOUS: &str = "previous";
/// The summary of either.
pub const SUMMARY: &str = "summary.md";
/// All other files that a run or an experiment may write.
const OTHERS: [&str; 10] = [
    SUMMARY,
    "latency.csv",
    "ordering.csv",
    "cost.csv",
    "throttles.csv",
    "shards.csv",
    "timeseries.csv",
    "prefixes.csv",
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

/// Writes all files of a run into `folder`, which is made if need be: its renderings, `timeseries.csv`, `prefixes.csv`, and `objects.csv`
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
        if !scenario.deliveries.is_empty() {
            files.push(("prefixes.csv".to_owned(), csv::prefixes(scenario, first)));
        }
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
    replace(&path, text).map_err(|error| failed(&path, error))?;
    let previous = folder.join(PREVIOUS);
    if previous.is_dir() {
        remove_files(&previous)?;
        // What somebody else keeps there stays.
        let _ = fs::remove_dir(&previous);
    }
    Ok(())
}

/// Makes the folder if need be, and makes it unfinished: sets aside the complete report that is there, and removes what an
/// unfinished one left.
///
/// # Errors
/// [`FolderError`] when the folder cannot be made or written into, or a file is there and cannot be moved.
pub fn begin(folder: &Path) -> Result<(), FolderError> {
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    if let Some(last) = [RESULT, EXPERIMENT].into_iter().find(|name| folder.join(name).is_file()) {
        set_aside(folder, last)?;
    }
    remove_files(folder)?;
    // Whether files can be written here is better known before hours of simulation than after.
    let trial = unfinished(&folder.join(RESULT));
    fs::File::create(&trial).and_then(|_| fs::remove_file(&trial)).map_err(|error| failed(&trial, error))
}

/// Moves a complete report into [`PREVIOUS`]. Neither folder looks complete before all of it has moved.
fn set_aside(folder: &Path, last: &str) -> Result<(), FolderError> {
    let previous = folder.join(PREVIOUS);
    fs::create_dir_all(&previous).map_err(|error| failed(&previous, error))?;
    remove_files(&previous)?;
    let waiting = unfinished(&previous.join(last));
    let moves = std::iter::once((folder.join(last), waiting.clone()))
        .chain(OTHERS.map(|name| (folder.join(name), previous.join(name))))
        .chain(std::iter::once((waiting, previous.join(last))));
    for (from, to) in moves {
        // Looked at when its turn comes: the last one is there only after the first has moved.
        if from.exists() {
            fs::rename(&from, &to).map_err(|error| failed(&from, error))?;
        }
    }
    Ok(())
}

/// Removes the files of a report, first of all the one that says it is complete.
fn remove_files(folder: &Path) -> Result<(), FolderError> {
    for name in [RESULT, EXPERIMENT].into_iter().chain(OTHERS) {
        let path = folder.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(&path, error)),
            _ => {}
        }
    }
    Ok(())
}

/// What an unfinished folder is, in words, and where the report before it lies.
pub fn describe_unfinished(folder: &Path) -> String {
    let previous = folder.join(PREVIOUS);
    let before = if [RESULT, EXPERIMENT].iter().any(|name| previous.join(name).is_file()) {
        format!("; the report before it is in `{}`", previous.display())
    } else {
        String::new()
    };
    format!("`{}` is unfinished: it holds no {RESULT}{before}", folder.display())
}

pub(super) fn failed(path: &Path, source: std::io::Error) -> FolderError {
    FolderError { path: path.to_owned(), source }
}

/// Writes a file so that it is there whole or not at all. What a killed process leaves beside it has a fixed name, which the
/// next one to write the file takes over.
pub(super) fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let unfinished = unfinished(path);
    let mut file = fs::File::create(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    drop(file);
    fs::rename(&unfinished, path).inspect_err(|_| drop(fs::remove_file(&unfinished)))
}

/// The name that a file has before it is whole.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".unfinished");
    path.with_file_name(name)
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
    fn what_an_earlier_run_left_is_set_aside_until_the_next_one_is_complete() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        fs::write(folder.join(RESULT), "old").unwrap();
        fs::write(folder.join("objects.csv"), "old").unwrap();
        fs::write(folder.join("notes.txt"), "mine").unwrap();
        // A folder stands where a file should be.
        fs::create_dir(folder.join("taken")).unwrap();
        let error = write(folder, &vec![("taken".to_owned(), String::new())], RESULT, "new").unwrap_err();
        assert!(error.to_string().contains("taken"), "{error}");
        assert_eq!(names(folder), ["notes.txt", "previous", "taken"]);
        let previous = folder.join(PREVIOUS);
        assert_eq!(names(&previous), ["objects.csv", "result.json"]);
        assert!(describe_unfinished(folder).contains("the report before it is in"));
        // A second failure does not touch it.
        begin(folder).unwrap();
        assert_eq!(fs::read_to_string(previous.join(RESULT)).unwrap(), "old");
        write(folder, &vec![], RESULT, "new").unwrap();
        assert_eq!(fs::read_to_string(folder.join(RESULT)).unwrap(), "new");
        assert_eq!(names(folder), ["notes.txt", "result.json", "taken"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |name: &str| fs::metadata(folder.join(name)).unwrap().permissions().mode();
            assert_eq!(mode(RESULT), mode("notes.txt"));
        }
    }
}
