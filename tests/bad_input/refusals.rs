//! How a refusal is judged: by the places of the marked mistakes and by what the messages say.

use super::BASE;
use std::fmt::Write as _;
use std::path::Path;
use streamgauge::scenario::diagnostic::{Diagnostic, Diagnostics};
use streamgauge::scenario::{LoadOptions, load_text};

/// Stands in front of each mistake in a text, and is taken out before the text is read.
const MARK: char = '§';

/// A text with its mistakes' lines, counted from the marks.
pub struct Marked {
    pub text: String,
    pub lines: Vec<usize>,
}

impl Marked {
    pub fn new(text: &str) -> Self {
        let before = |at: usize| text[..at].matches('\n').count() + 1;
        let lines = text.match_indices(MARK).map(|(at, _)| before(at)).collect();
        Self { text: text.replace(MARK, ""), lines }
    }
}

/// The sound scenario with one passage changed.
#[track_caller]
pub fn with(old: &str, new: &str) -> String {
    assert_eq!(BASE.matches(old).count(), 1, "`{old}` must be there once");
    BASE.replace(old, new)
}

pub fn read(text: &str, folder: &Path, sets: &[&str]) -> Result<(), Diagnostics> {
    let sets = sets.iter().map(|set| (*set).to_owned()).collect();
    load_text("s.yaml", text, folder, &LoadOptions { sets, ..LoadOptions::default() }).map(drop)
}

/// Words that say something about the program and nothing about the scenario.
const JARGON: [&str; 14] = [
    "u8", "u16", "u32", "u64", "i64", "f64", "usize", "struct", "enum", "serde", "Option", "Settings",
    "Some(", "Err(",
];

/// What is wrong with a refusal, if something is. `lines` are those of the mistakes, `parts` is what the messages hold.
fn faults(errors: &[Diagnostic], lines: &[usize], parts: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    if errors.len() != parts.len() {
        faults.push(format!("{} errors, expected {}", errors.len(), parts.len()));
    }
    for (number, error) in errors.iter().enumerate() {
        let shown = error.to_string();
        let found = error.origin.place().map(|(source, span)| source.position(span.start).line);
        if found != lines.get(number).copied() {
            faults.push(format!("line {found:?}, expected {:?}", lines.get(number)));
        }
        if found.is_some_and(|line| !shown.contains(&format!("--> s.yaml:{line}:"))) {
            faults.push("the line is not shown".to_owned());
        }
        if !parts.get(number).is_some_and(|part| shown.contains(part)) {
            faults.push(format!("does not say {:?}", parts.get(number)));
        }
        let said = format!("{} {}", error.message, error.help.as_deref().unwrap_or_default());
        let words: Vec<&str> = said.split(|c: char| !c.is_alphanumeric() && c != '(').collect();
        let jargon = JARGON.iter().filter(|jargon| words.iter().any(|word| word.starts_with(**jargon)));
        faults.extend(jargon.map(|jargon| format!("speaks of `{jargon}`")));
        if error.message.is_empty() || error.message.ends_with('.') || error.message.contains('\n') {
            faults.push("is not one sentence without a full stop".to_owned());
        }
    }
    faults
}

/// Reads every case and fails with all that were refused badly, or not at all.
#[derive(Default)]
pub struct Refusals {
    bad: String,
}

impl Refusals {
    pub fn note(&mut self, case: &str, result: Result<(), Diagnostics>, lines: &[usize], parts: &[&str]) {
        let errors = match result {
            Ok(()) => {
                let _ = writeln!(self.bad, "== {case}\naccepted\n");
                return;
            }
            Err(errors) => errors,
        };
        let faults = faults(errors.errors(), lines, parts);
        if std::env::var_os("SHOW_ERRORS").is_some() || !faults.is_empty() {
            let _ = writeln!(self.bad, "== {case}\n{}\n{errors}\n", faults.join("; "));
        }
    }

    /// A text as a whole.
    pub fn text(&mut self, text: &str, parts: &[&str]) -> &mut Self {
        let marked = Marked::new(text);
        let case: String = text.lines().filter(|line| line.contains(MARK)).take(3).collect();
        self.note(&case, read(&marked.text, Path::new(""), &[]), &marked.lines, parts);
        self
    }

    /// The sound scenario with one passage changed.
    #[track_caller]
    pub fn change(&mut self, old: &str, new: &str, parts: &[&str]) -> &mut Self {
        self.text(&with(old, new), parts)
    }

    /// The sound scenario with something new at the end.
    pub fn append(&mut self, new: &str, parts: &[&str]) -> &mut Self {
        self.text(&format!("{BASE}{new}"), parts)
    }

    /// An argument `--set`: it is itself the place, or what it clashes with is.
    pub fn set(&mut self, set: &str, part: &str) -> &mut Self {
        self.clash(set, BASE, part)
    }

    /// An argument `--set` that does not go with a line, which is marked.
    pub fn clash(&mut self, set: &str, text: &str, part: &str) -> &mut Self {
        let Marked { text, lines } = Marked::new(text);
        let result = read(&text, Path::new(""), &[set]);
        let label = format!("--set {set}");
        let labelled = result.as_ref().err().is_none_or(|errors| errors.to_string().contains(&label));
        self.note(&label, result, &lines, &[part]);
        if !labelled {
            let _ = writeln!(self.bad, "== {label}\nis not named");
        }
        self
    }

    #[track_caller]
    pub fn end(&self) {
        assert!(self.bad.is_empty(), "\n{}", self.bad);
    }
}
