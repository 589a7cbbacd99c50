//! `docs/facts.csv`: what became of every fact that the models rest on. A fact is `modelled` only if a test carries its
//! id in its name: `fn kds_w1_w6_...` states KDS-W1 and KDS-W6.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What became of one fact.
struct Row {
    status: String,
    place: String,
    note: String,
}

fn rows() -> BTreeMap<String, Row> {
    let mut reader = csv::Reader::from_path("docs/facts.csv").expect("the list is there");
    let mut rows = BTreeMap::new();
    for record in reader.records().map(|record| record.expect("a sound row")) {
        let [id, status, place, note] = [0, 1, 2, 3].map(|column| record[column].to_owned());
        let before = rows.insert(id.clone(), Row { status, place, note });
        assert!(before.is_none(), "{id} stands twice");
    }
    rows
}

/// All Rust files below a folder.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
    files.chain(folders.iter().flat_map(|folder| rust_files(folder))).collect()
}

/// The ids that the names of test functions carry.
fn tested(rows: &BTreeMap<String, Row>) -> BTreeSet<String> {
    let sheets: BTreeSet<&str> = rows.keys().filter_map(|id| id.split('-').next()).collect();
    let mut tested = BTreeSet::new();
    for file in ["src", "tests"].iter().flat_map(|folder| rust_files(Path::new(folder))) {
        let text = fs::read_to_string(&file).expect("a text");
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let tests = lines.windows(2).filter(|pair| pair[0].starts_with("#[test]")).map(|pair| pair[1]);
        for name in tests.filter_map(|line| line.strip_prefix("fn ")) {
            tested.extend(ids(name.split('(').next().unwrap_or(name), &sheets));
        }
    }
    tested
}

/// The ids at the beginning of a name: `kds_w1_w6_a_shard` has KDS-W1 and KDS-W6.
fn ids(name: &str, sheets: &BTreeSet<&str>) -> Vec<String> {
    let mut sheet = None;
    let mut ids = Vec::new();
    for word in name.split('_').map(str::to_uppercase) {
        let number = word.trim_start_matches(|letter: char| letter.is_ascii_uppercase());
        let numbers = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
        let is_number = numbers && word.len() - number.len() <= 1;
        // After a sheet, `s3` is a number in it: DDS-S3.
        if let Some(found) = sheets.get(word.as_str()).filter(|_| sheet.is_none() || !is_number) {
            sheet = Some(*found);
            continue;
        }
        let Some(sheet) = sheet.filter(|_| is_number) else { break };
        ids.push(format!("{sheet}-{word}"));
    }
    ids
}

#[test]
fn what_is_modelled_has_a_test_that_carries_its_id() {
    let rows = rows();
    let tested = tested(&rows);
    let mut wrong = Vec::new();
    for (id, Row { status, place, note }) in &rows {
        let fault = match status.as_str() {
            "modelled" if !tested.contains(id) => "no test carries its id",
            "modelled" | "refused" if !Path::new(place).is_file() => "there is no such file",
            "refused" | "out_of_scope" if note.is_empty() => "the reason is missing",
            "out_of_scope" | "open" if tested.contains(id) => "a test carries its id",
            "modelled" | "refused" | "out_of_scope" | "open" => continue,
            _ => "there is no such status",
        };
        wrong.push(format!("{id} is `{status}` at `{place}`: {fault}"));
    }
    let unknown = tested.iter().filter(|id| !rows.contains_key(*id));
    wrong.extend(unknown.map(|id| format!("a test carries {id}, which is no fact")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_fact_of_the_sheets_has_a_row_and_no_row_is_made_up() {
    let sheets = ["dynamodb-and-kinesis.md", "delivery-and-consumers.md"];
    let texts = sheets.map(|sheet| fs::read_to_string(Path::new("../shared/facts").join(sheet)));
    let [Ok(first), Ok(second)] = texts else {
        eprintln!("skipped: the fact sheets are not beside this checkout");
        return;
    };
    let id = |line: &str| {
        let id = line.strip_prefix("| ")?.split(" |").next()?;
        let (sheet, number) = id.split_once('-')?;
        let sound = sheet.bytes().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
            && number.ends_with(|digit: char| digit.is_ascii_digit());
        sound.then(|| id.to_owned())
    };
    let written: BTreeSet<String> = first.lines().chain(second.lines()).filter_map(id).collect();
    let listed: BTreeSet<String> = rows().into_keys().collect();
    let difference: Vec<&String> = written.symmetric_difference(&listed).collect();
    assert!(difference.is_empty(), "{difference:?}");
}
