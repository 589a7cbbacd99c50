//! Paths into a scenario: `kinesis.changes.capacity.provisioned.shards`, `kinesis."a.b".x`, `stages[2].rate`.

use std::{borrow::Cow, fmt, iter::Peekable, str::CharIndices, str::FromStr};

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// Into a map.
    Key(String),
    /// Into a list, from 0.
    Index(usize),
}

/// The steps from the top of the scenario down to a node; none for the top itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(pub Vec<Segment>);

/// Why a text is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a path: {why}")]
pub struct PathError {
    text: String,
    why: &'static str,
}

/// Characters that only a quoted key may have.
const SPECIAL: &[char] = &['.', '[', ']', '"', '\\', '=', ' ', '\t', '\n', '\r'];

impl Path {
    /// The top of the scenario.
    pub const ROOT: Self = Self(Vec::new());

    /// One step further down into a map.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.then(Segment::Key(key.into()))
    }

    /// One step further down into a list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.then(Segment::Index(index))
    }

    fn then(&self, segment: Segment) -> Self {
        Self(self.0.iter().cloned().chain([segment]).collect())
    }

    /// The steps.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Whether this is the top.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The path one step up; `None` at the top.
    pub fn parent(&self) -> Option<Self> {
        self.0.split_last().map(|(_, parent)| Self(parent.to_vec()))
    }
}

/// The path of a named resource, such as `tables.orders`; a name with dots is quoted.
pub fn resource(section: &str, name: &str) -> String {
    Path::ROOT.key(section).key(name).to_string()
}

/// The path of an index, such as `tables.orders.global_secondary_indexes.by-day`.
pub fn index_path(table: &str, index: &str) -> String {
    let index = resource("global_secondary_indexes", index);
    format!("{table}.{index}")
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let fail = |why| PathError { text: text.to_owned(), why };
        let mut segments = Vec::new();
        let mut rest = text.char_indices().peekable();
        while let Some((at, next)) = rest.next() {
            match next {
                '[' if !segments.is_empty() => {
                    let end = rest.find(|(_, c)| *c == ']').ok_or_else(|| fail("a bracket is not closed"))?.0;
                    let index = text[at + 1..end].parse();
                    segments.push(Segment::Index(index.map_err(|_| fail("an index is a whole number"))?));
                    continue;
                }
                '.' if !segments.is_empty() => {}
                _ if segments.is_empty() => rest = text.char_indices().peekable(),
                _ => return Err(fail("a dot must follow a bracket or a quotation mark")),
            }
            segments.push(Segment::Key(key(text, &mut rest).map_err(fail)?));
        }
        if segments.is_empty() {
            return Err(fail("it is empty"));
        }
        Ok(Self(segments))
    }
}

/// Takes a key, quoted or bare, from the front of `rest`.
fn key(text: &str, rest: &mut Peekable<CharIndices>) -> Result<String, &'static str> {
    if rest.next_if(|(_, c)| *c == '"').is_some() {
        let mut key = String::new();
        loop {
            match rest.next().ok_or("a quotation mark is not closed")?.1 {
                '"' => return Ok(key),
                '\\' => key.push(rest.next().ok_or("a quotation mark is not closed")?.1),
                other => key.push(other),
            }
        }
    }
    let start = rest.peek().map_or(text.len(), |(at, _)| *at);
    while rest.next_if(|(_, c)| !SPECIAL.contains(c)).is_some() {}
    let end = rest.peek().map_or(text.len(), |(at, _)| *at);
    match rest.peek() {
        _ if start == end => Err("a key is missing"),
        None | Some((_, '.' | '[')) => Ok(text[start..end].to_owned()),
        Some(_) => Err("put quotation marks around a key with spaces or signs"),
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Index(index) => write!(formatter, "[{index}]"),
            Self::Key(key) if key.is_empty() || key.contains(SPECIAL) => {
                write!(formatter, "\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))
            }
            Self::Key(key) => formatter.write_str(key),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        for (depth, segment) in self.0.iter().enumerate() {
            if depth > 0 && matches!(segment, Segment::Key(_)) {
                formatter.write_str(".")?;
            }
            write!(formatter, "{segment}")?;
        }
        Ok(())
    }
}

impl serde::Serialize for Path {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Path {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Path {
    fn schema_name() -> Cow<'static, str> {
        "Path".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A path into the scenario; keys with dots are quoted.",
            "type": "string",
            "examples": ["kinesis.changes.capacity.provisioned.shards"],
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_keys_quotes_and_indices() {
        let path: Path = r#"kinesis."a.b".stages[2].rate"#.parse().unwrap();
        let expected = Path::ROOT.key("kinesis").key("a.b").key("stages").index(2).key("rate");
        assert_eq!(path, expected);
        assert_eq!(path.to_string(), r#"kinesis."a.b".stages[2].rate"#);
        assert_eq!("OPEN-1".parse(), Ok(Path::ROOT.key("OPEN-1")));
    }

    #[test]
    fn refuses_what_is_no_path() {
        for text in
            ["", ".", "a.", ".a", "a..b", "[0]", "a[x]", "a[1", "a[0]b", "\"a", "\"a\"b", "a b", "a=1", "a]"]
        {
            assert!(text.parse::<Path>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(keys in prop::collection::vec(("[a.\"\\\\ =\\[é]{0,4}", any::<Option<u8>>()), 1..5)) {
            let path = keys.into_iter().fold(Path::ROOT, |path, (key, index)| {
                let path = path.key(key);
                index.map_or(path.clone(), |index| path.index(index.into()))
            });
            prop_assert_eq!(path.to_string().parse(), Ok(path));
        }
    }
}
