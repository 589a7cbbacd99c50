//! Errors in a scenario, shown with the line they are about.

use std::borrow::Cow;
use std::fmt;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::{path::Path, source::Origin};

/// How many errors are shown at once.
const SHOWN: usize = 20;

/// How many letters of a message or a place are shown.
const LETTERS: usize = 500;

/// One error: what is wrong, where, and what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// One sentence without a full stop.
    pub message: String,
    /// The node it is about, if it is about one.
    pub path: Option<Path>,
    /// Where that is written.
    pub origin: Origin,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error that is not about a place yet.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), path: None, origin: Origin::Builtin, help: None }
    }

    /// The same error about a place.
    #[must_use]
    pub fn at(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// The same error about a node; the top is no node to speak of.
    #[must_use]
    pub fn on(self, path: Path) -> Self {
        Self { path: (!path.is_root()).then_some(path), ..self }
    }

    /// The same error with advice.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// With colours for a terminal; print it through `anstream`, which drops them elsewhere.
    pub fn styled(&self) -> String {
        self.render(&Renderer::styled())
    }

    fn render(&self, renderer: &Renderer) -> String {
        let title = Level::ERROR.primary_title(cut(&self.message));
        let group = match self.origin.place() {
            Some((source, span)) => {
                let (first, last) = (source.position(span.start).line, source.position(span.end).line);
                let lines = source.lines(first, last);
                let span = span.start - lines.start..span.end.min(source.text().len()) - lines.start;
                let snippet = Snippet::source(&source.text()[lines]).line_start(first).path(source.name());
                title.element(snippet.annotation(AnnotationKind::Primary.span(span)))
            }
            None => match self.place() {
                Some(place) => title.element(annotate_snippets::Origin::path(cut(&place).into_owned())),
                None => annotate_snippets::Group::with_title(title),
            },
        };
        let text = match &self.help {
            // Beside no place there is nothing for the help to hang on: it stands on a line of its own.
            Some(help) if self.place().is_none() && self.origin.place().is_none() => {
                let help = annotate_snippets::Group::with_title(Level::HELP.primary_title(help.as_str()));
                format!("{}\n{}", renderer.render(&[group]), renderer.render(&[help]))
            }
            Some(help) => renderer.render(&[group.element(Level::HELP.message(help.as_str()))]),
            None => renderer.render(&[group]),
        };
        if self.origin.place().is_some() { self.name_the_place(&text) } else { text }
    }

    /// The place in words, for errors without a line to show.
    fn place(&self) -> Option<String> {
        match (self.origin.label(), &self.path) {
            (Some(label), Some(path)) if !label.contains(&path.to_string()) => {
                Some(format!("{label} at {path}"))
            }
            (Some(label), _) => Some(label.to_owned()),
            (None, Some(path)) => Some(path.to_string()),
            (None, None) => None,
        }
    }

    /// Adds the path, and the override's label, to the line with the file's name.
    fn name_the_place(&self, text: &str) -> String {
        let mut place = String::new();
        if let Some(path) = &self.path {
            place += &format!(" at {}", cut(&path.to_string()));
        }
        if let Some(label) = self.origin.label() {
            place += &format!(" in {}", cut(label));
        }
        let arrow = text.find('\n').and_then(|title| Some(title + text[title..].find("--> ")?));
        match arrow.and_then(|arrow| Some(arrow + text[arrow..].find('\n')?)) {
            Some(end) => format!("{}{place}{}", &text[..end], &text[end..]),
            None => text.to_owned(),
        }
    }

    /// Files first, by name and place in them.
    fn sort_key(&self) -> (bool, Option<(&str, usize)>) {
        let place = self.origin.place().map(|(source, span)| (source.name(), span.start));
        (place.is_none(), place)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.render(&Renderer::plain()))
    }
}

impl std::error::Error for Diagnostic {}

/// Errors in the order of their places. Shows the first 20.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Sorts the errors by place; equal places keep their order.
    pub fn new(mut errors: Vec<Diagnostic>) -> Self {
        errors.sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
        Self(errors)
    }

    /// The errors, sorted.
    pub fn errors(&self) -> &[Diagnostic] {
        &self.0
    }

    /// The errors, sorted.
    pub fn into_errors(self) -> Vec<Diagnostic> {
        self.0
    }

    /// `value` if there are no errors.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// With colours for a terminal; print it through `anstream`, which drops them elsewhere.
    pub fn styled(&self) -> String {
        self.render(Diagnostic::styled)
    }

    fn render(&self, one: impl Fn(&Diagnostic) -> String) -> String {
        let mut parts: Vec<String> = self.0.iter().take(SHOWN).map(one).collect();
        if let Some(more) = self.0.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            parts.push(format!("... and {more} more"));
        }
        parts.join("\n\n")
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(error: Diagnostic) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.render(Diagnostic::to_string))
    }
}

impl std::error::Error for Diagnostics {}

/// The text without its middle if it is too long to be read: its ends tell more.
fn cut(text: &str) -> Cow<'_, str> {
    let letters = text.chars().count();
    if letters <= LETTERS {
        return Cow::Borrowed(text);
    }
    let at = |letter| text.char_indices().nth(letter).map_or(text.len(), |(at, _)| at);
    Cow::Owned(format!("{}...{}", &text[..at(LETTERS / 2)], &text[at(letters - LETTERS / 2)..]))
}

/// The candidate that `name` most likely means: at most a third of its letters wrong (swaps count once), and at
/// least one may be, but never all. The first of equals wins.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let limit = (length / 3).max(1).min(length.saturating_sub(1));
    let distances =
        candidates.into_iter().map(|candidate| (strsim::osa_distance(name, candidate), candidate));
    distances
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, best)| best)
}

/// "; did you mean `...`?" or nothing.
pub(super) fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map(|best| format!("; did you mean `{best}`?")).unwrap_or_default()
}

/// "`a`, `b`, `c`".
pub(super) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::scenario::source::Source;

    fn shard() -> Diagnostic {
        let source = Source::new("file.yaml", "kinesis:\n  changes:\n    shard: 3\n    retention: 24h\n");
        let origin = Origin::File { source, span: 24..29 };
        let path = "kinesis.changes.shard".parse().unwrap();
        Diagnostic::new("unknown key `shard`; did you mean `shards`?")
            .at(origin)
            .on(path)
            .help("expected `shards`")
    }

    #[test]
    fn shows_message_place_line_and_help() {
        let expected = "\
error: unknown key `shard`; did you mean `shards`?
 --> file.yaml:3:5 at kinesis.changes.shard
  |
3 |     shard: 3
  |     ^^^^^
  |
  = help: expected `shards`";
        assert_eq!(shard().to_string(), expected);
    }

    #[test]
    fn help_without_a_place_hangs_on_nothing() {
        let error = Diagnostic::new("interrupted").help("run it again");
        assert_eq!(error.to_string(), "error: interrupted\nhelp: run it again");
    }

    #[test]
    fn an_override_shows_its_label() {
        let label: Arc<str> = Arc::from("--set kinesis.changes.shard=3");
        let argument =
            Diagnostic { origin: Origin::Override { label, written: None }, help: None, ..shard() };
        assert!(argument.to_string().ends_with("--> --set kinesis.changes.shard=3"), "{argument}");
        let variant =
            Diagnostic { origin: shard().origin.labelled(&Arc::from("variant `small`")), ..shard() };
        let second = "\n --> file.yaml:3:5 at kinesis.changes.shard in variant `small`\n";
        assert!(variant.to_string().contains(second), "{variant}");
    }

    #[test]
    fn errors_are_sorted_and_at_most_twenty_are_shown() {
        let source = Source::new("f", "abc\n".repeat(30));
        let at = |start| {
            Diagnostic::new("x").at(Origin::File { source: Arc::clone(&source), span: start..start + 1 })
        };
        let nowhere = Diagnostic::new("nowhere");
        let sorted = Diagnostics::new(vec![nowhere.clone(), at(8), at(4)]);
        assert_eq!(sorted.errors(), [at(4), at(8), nowhere]);
        let many = Diagnostics::new((0..25).map(|line| at(line * 4)).collect()).to_string();
        assert_eq!(many.matches("error: x").count(), 20);
        assert!(many.ends_with("... and 5 more"));
    }

    #[test]
    fn suggests_only_what_is_near() {
        assert_eq!(nearest("corse", ["cores", "course"]), Some("cores"));
        assert_eq!(nearest("shard", ["retention", "shards"]), Some("shards"));
        assert_eq!(nearest("x", ["retention", "shards"]), None);
        assert_eq!(nearest("kinesis", ["dynamodb"]), None);
    }
}
