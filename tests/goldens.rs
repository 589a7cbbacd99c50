//! The committed reports of the bundled scenarios come out again, byte for byte: in another folder, on any number of
//! threads. `just bless` rewrites them. Tables that are not committed have their digests in `reports/csv.sha256`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names of the bundled scenarios.
fn scenarios() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root().join("scenarios"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Runs a bundled scenario from a folder that is not the checkout; returns where its report is.
fn run(name: &str, threads: u32, away: &Path) -> PathBuf {
    let out = away.join(format!("{name}-{threads}"));
    let ended = Command::new(env!("CARGO_BIN_EXE_streamgauge"))
        .current_dir(away)
        .arg("run")
        .arg(root().join(format!("scenarios/{name}.yaml")))
        .args(["--quiet", "--format", "none", "--threads", &threads.to_string(), "--out"])
        .arg(&out)
        .status()
        .unwrap();
    assert!(matches!(ended.code(), Some(0 | 3 | 4)), "{name} ended with {ended}");
    out
}

/// The files of the committed report.
fn committed(name: &str) -> Vec<PathBuf> {
    let folder = root().join("reports").join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.iter().any(|file| file.ends_with("result.json")), "{name} has a report");
    files
}

fn compare(name: &str, out: &Path) {
    for expected in committed(name) {
        let file = expected.file_name().unwrap();
        let found = fs::read(out.join(file)).unwrap();
        let same = found == fs::read(&expected).unwrap();
        assert!(same, "{} differs from what `run` writes; see {}", expected.display(), out.display());
    }
}

/// The digests of the tables that are not committed, by scenario and file, as `sha256sum` writes them.
fn digests() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("reports/csv.sha256")).unwrap();
    let lines = text.lines().map(|line| line.split_once("  ").expect("a digest and a file"));
    lines.map(|(digest, file)| (file.to_owned(), digest.to_owned())).collect()
}

/// Checks every table of a report against its digest; what it looked at.
fn check_tables(name: &str, out: &Path, digests: &BTreeMap<String, String>) -> Vec<String> {
    let entries = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path());
    let mut checked = Vec::new();
    for table in entries.filter(|path| path.extension().is_some_and(|extension| extension == "csv")) {
        let file = format!("{name}/{}", table.file_name().unwrap().to_string_lossy());
        let found = hex(&Sha256::digest(fs::read(&table).unwrap()));
        assert_eq!(digests.get(&file), Some(&found), "{file} has another digest; see {}", table.display());
        checked.push(file);
    }
    checked
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_committed_report_comes_out_again_on_one_thread() {
    let away = tempfile::tempdir().unwrap();
    let digests = digests();
    let mut checked = Vec::new();
    for name in scenarios() {
        let out = run(&name, 1, away.path());
        compare(&name, &out);
        checked.extend(check_tables(&name, &out, &digests));
    }
    checked.sort();
    assert!(checked.iter().eq(digests.keys()), "`reports/csv.sha256` has tables that no scenario writes");
}

#[test]
fn two_threads_give_the_same_bytes() {
    let away = tempfile::tempdir().unwrap();
    for name in ["quick-start", "identical-rerun", "duplicates-and-order"] {
        compare(name, &run(name, 2, away.path()));
    }
}

/// The bundled scenarios whose report of this kind is committed: `reports/<name>-<kind>`.
fn experiments(kind: &str) -> Vec<String> {
    let folders = fs::read_dir(root().join("reports")).unwrap();
    let names = folders.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let names = names.filter_map(|name| Some(name.strip_suffix(&format!("-{kind}"))?.to_owned()));
    let bundled = scenarios();
    let mut names: Vec<String> = names.filter(|name| bundled.contains(name)).collect();
    names.sort();
    names
}

/// Sweeps or compares a bundled scenario, and looks at its summary; the other files are too many to commit.
fn summary_comes_out_again(kind: &str) {
    let away = tempfile::tempdir().unwrap();
    let names = experiments(kind);
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        let out = away.path().join(&name);
        let ended = Command::new(env!("CARGO_BIN_EXE_streamgauge"))
            .current_dir(away.path())
            .arg(kind)
            .arg(root().join(format!("scenarios/{name}.yaml")))
            .args(["--quiet", "--threads", "2", "--format", "markdown", "--out"])
            .arg(&out)
            .output()
            .unwrap();
        assert!(ended.status.success(), "{name}: {}", String::from_utf8_lossy(&ended.stderr));
        let committed = fs::read(root().join(format!("reports/{name}-{kind}/summary.md"))).unwrap();
        let found = fs::read(out.join("summary.md")).unwrap();
        assert!(found == committed, "reports/{name}-{kind}/summary.md differs from what `{kind}` writes");
        assert_eq!(String::from_utf8(found), String::from_utf8(ended.stdout), "{name} prints what it writes");
    }
}

#[test]
fn every_committed_summary_of_a_sweep_comes_out_again() {
    summary_comes_out_again("sweep");
}

#[test]
fn every_committed_summary_of_a_comparison_comes_out_again() {
    summary_comes_out_again("compare");
}
