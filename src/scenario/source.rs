//! The text of a scenario, and where in it something was said.

use std::{fs::File, io::Read, ops::Range, path::Path, sync::Arc};

use super::diagnostic::{Diagnostic, did_you_mean};

/// The largest file that is read.
const LARGEST_BYTES: u64 = 4 << 20;

/// A named text with its line starts.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
    line_starts: Vec<usize>,
}

/// A place in a text; both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line number from 1.
    pub line: usize,
    /// Column from 1, in characters.
    pub column: usize,
}

impl Source {
    /// A text under the name that messages shall use. A byte order mark is dropped.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        let mut text = text.into();
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(ends).collect();
        Arc::new(Self { name: name.into(), text, line_starts })
    }

    /// Reads a file of UTF-8 text, at most 4 MiB.
    pub fn read(path: &Path) -> Result<Arc<Self>, Diagnostic> {
        let name = path.display().to_string();
        let cannot = |why: &dyn std::fmt::Display| Diagnostic::new(format!("cannot read `{name}`: {why}"));
        let file = match File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(cannot(&format_args!("there is no such file{}", meant(path))));
            }
            opened => opened.map_err(|error| cannot(&error))?,
        };
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(cannot(&"it is a folder; name the file in it"));
        }
        Self::read_from(&name, file)
    }

    /// Reads UTF-8 text, at most 4 MiB, under the name that messages shall use.
    pub fn read_from(name: &str, from: impl Read) -> Result<Arc<Self>, Diagnostic> {
        let cannot = |why: &dyn std::fmt::Display| Diagnostic::new(format!("cannot read `{name}`: {why}"));
        let mut bytes = Vec::new();
        from.take(LARGEST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| cannot(&error))?;
        if bytes.len() as u64 > LARGEST_BYTES {
            return Err(cannot(&"it is larger than 4 MiB"));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(name, text)),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let line = error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
                Err(cannot(&format_args!("it is not UTF-8 text (byte offset {valid}, line {line})")))
            }
        }
    }

    /// The name that messages use.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where a byte offset lies; beyond the end, the end.
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let column = self.text[self.line_starts[line - 1]..offset].chars().count() + 1;
        Position { line, column }
    }

    /// The byte offset of a position; beyond a line's end, its end.
    pub fn offset(&self, position: Position) -> usize {
        let lines = self.lines(position.line, position.line);
        let line = self.text[lines.clone()].trim_end_matches(['\n', '\r']);
        let column = line.char_indices().nth(position.column.saturating_sub(1));
        lines.start + column.map_or(line.len(), |(at, _)| at)
    }

    /// The byte range of whole lines, the first and last counted from 1.
    pub(super) fn lines(&self, first: usize, last: usize) -> Range<usize> {
        let first = first.clamp(1, self.line_starts.len());
        let end = self.line_starts.get(last.max(first)).copied().unwrap_or(self.text.len());
        self.line_starts[first - 1]..end
    }
}

/// Where a value or key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Written in a file.
    File {
        /// The file.
        source: Arc<Source>,
        /// The bytes in it.
        span: Range<usize>,
    },
    /// Put over the file by a variant, a sweep point or an argument.
    Override {
        /// Who says so: ``variant `on-demand` ``, `--set seed=7`.
        label: Arc<str>,
        /// Where the override itself is written, if it is in a file.
        written: Option<(Arc<Source>, Range<usize>)>,
    },
    /// Not written by the user.
    Builtin,
}

impl Origin {
    /// The place in a file, if there is one.
    pub fn place(&self) -> Option<(&Arc<Source>, Range<usize>)> {
        match self {
            Self::File { source, span } => Some((source, span.clone())),
            Self::Override { written, .. } => written.as_ref().map(|(source, span)| (source, span.clone())),
            Self::Builtin => None,
        }
    }

    /// The override's label, if it is one.
    pub fn label(&self) -> Option<&str> {
        match self {
            Self::Override { label, .. } => Some(label),
            _ => None,
        }
    }

    /// The same place as part of an override.
    #[must_use]
    pub fn labelled(&self, label: &Arc<str>) -> Self {
        let written = self.place().map(|(source, span)| (Arc::clone(source), span));
        Self::Override { label: Arc::clone(label), written }
    }
}

/// Which file beside the one that is not there may be meant, in words.
fn meant(path: &Path) -> String {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return String::new() };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    // The order in which a folder lists its files differs from machine to machine.
    names.sort();
    did_you_mean(name, names.iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let source = Source::new("s", "\u{feff}ab\r\nü: x\n");
        assert_eq!(source.text(), "ab\r\nü: x\n");
        let x = source.text().find('x').unwrap();
        assert_eq!(source.position(x), Position { line: 2, column: 4 });
        assert_eq!(source.offset(Position { line: 2, column: 4 }), x);
        assert_eq!(source.offset(Position { line: 1, column: 99 }), 2);
        assert_eq!(source.position(999), Position { line: 3, column: 1 });
    }

    #[test]
    fn says_why_a_file_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let message = |path: &Path| Source::read(path).unwrap_err().message;
        assert!(message(folder.path()).ends_with("it is a folder; name the file in it"));
        let file = folder.path().join("s.yaml");
        assert!(message(&file).ends_with("there is no such file"));
        std::fs::write(folder.path().join("orders.yaml"), "").unwrap();
        let misspelt = message(&folder.path().join("ordres.yaml"));
        assert!(misspelt.ends_with("there is no such file; did you mean `orders.yaml`?"), "{misspelt}");
        std::fs::write(&file, b"a: 1\nb: \xff\n").unwrap();
        assert!(message(&file).ends_with("it is not UTF-8 text (byte offset 8, line 2)"));
        std::fs::write(&file, vec![b'#'; (4 << 20) + 1]).unwrap();
        assert!(message(&file).ends_with("it is larger than 4 MiB"));
        std::fs::write(&file, vec![b'#'; 4 << 20]).unwrap();
        assert!(Source::read(&file).is_ok());
    }
}
