//! `docs/claims.md`: every verdict is one of four, and every fact, test and scenario that it names exists.

use std::fs;
use std::path::{Path, PathBuf};

const VERDICTS: [&str; 4] = ["so", "so under conditions", "outdated", "not so"];

/// One row: claim, verdict, what holds, facts, shown by.
struct Claim {
    claim: String,
    verdict: String,
    facts: Vec<String>,
    shown_by: Vec<String>,
}

fn claims() -> Vec<Claim> {
    let text = fs::read_to_string("docs/claims.md").expect("the page is there");
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| claim "));
    rows.filter(|line| !line.starts_with("| ---"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [claim, verdict, _, facts, shown_by] = cells[..] else { panic!("five cells: {line}") };
            let list = |cell: &str| cell.split(", ").map(String::from).collect();
            Claim { claim: claim.into(), verdict: verdict.into(), facts: list(facts), shown_by: list(shown_by) }
        })
        .collect()
}

/// The text of all Rust files below a folder.
fn source(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
    let own = files.iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let own = own.map(|path| fs::read_to_string(path).expect("a text"));
    own.chain(folders.iter().map(|folder| source(folder))).collect()
}

#[test]
fn every_claim_has_a_verdict_facts_and_something_that_shows_it() {
    let facts = fs::read_to_string("docs/facts.csv").expect("the list is there");
    let code = source(Path::new("src")) + &source(Path::new("tests"));
    let mut wrong = Vec::new();
    let claims = claims();
    assert!(claims.len() >= 30, "the page has {} claims", claims.len());
    for Claim { claim, verdict, facts: named, shown_by } in claims {
        if !VERDICTS.contains(&verdict.as_str()) {
            wrong.push(format!("{claim}: the verdict `{verdict}`"));
        }
        for fact in named.iter().filter(|fact| !facts.contains(&format!("\n{fact},"))) {
            wrong.push(format!("{claim}: the fact {fact}"));
        }
        for way in &shown_by {
            let found = match way.strip_prefix("scenario ") {
                Some(name) => Path::new(&format!("scenarios/{}.yaml", name.trim_matches('`'))).is_file(),
                None => code.contains(&format!("#[test]\n    fn {}()", way.trim_matches('`')))
                    || code.contains(&format!("#[test]\nfn {}()", way.trim_matches('`'))),
            };
            if !found {
                wrong.push(format!("{claim}: {way}"));
            }
        }
    }
    assert!(wrong.is_empty(), "not found:\n{}", wrong.join("\n"));
}
