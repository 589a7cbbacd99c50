//! From YAML text to a [tree](super::tree). The only module that calls the YAML parser.
//!
//! The parser resolves anchors, aliases and merge keys, and finds duplicate keys. It is asked for no types: its
//! spans lead back to the text, so that an unquoted scalar stays as it was written.

use std::{fmt, ops::Range, sync::Arc};

use indexmap::IndexMap;
use serde::de;
use serde_yaml::{
    MessageFormatter, Spanned, UserMessageFormatter, granit_parser, options::NonFiniteFloatPolicy,
};

use super::{
    diagnostic::{Diagnostic, Diagnostics},
    source::{Origin, Position, Source},
    tree::{Entry, Node, Value},
};

/// A top-level key to keep anchors under; it is not part of the scenario.
const TEMPLATES: &str = "templates";

/// Maps and lists in one another.
const DEPTH: usize = 48;

/// Reads a scenario file.
pub fn parse(source: &Arc<Source>) -> Result<Node, Diagnostics> {
    let mut root = parse_value(source)?;
    match &mut root.value {
        Value::Map(map) => drop(map.shift_remove(TEMPLATES)),
        Value::Null => {
            let help = "a scenario begins with lines like `name: orders`";
            return Err(Diagnostic::new("the scenario is empty").at(root.origin).help(help).into());
        }
        _ => {}
    }
    Ok(root)
}

/// Reads one YAML value of any kind.
pub(super) fn parse_value(source: &Arc<Source>) -> Result<Node, Diagnostic> {
    let reader = Reader { source };
    let parsed = serde_yaml::from_str_with_options::<Spanned<Raw>>(source.text(), options());
    let node = reader.node(parsed.map_err(|error| reader.error(error.without_snippet()))?, None)?;
    reader.refuse_tags()?;
    Ok(node)
}

fn options() -> serde_yaml::Options {
    serde_yaml::options! {
        strict_booleans: true,
        strict_indentation: true,
        reject_unsupported_tags: true,
        with_snippet: false,
        // Plain text stays text here; what it means is for its reader to say.
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        budget: serde_yaml::budget! {
            max_depth: DEPTH,
            flow_nesting_limit: DEPTH,
            max_nodes: 250_000,
            max_aliases: 10_000,
            max_total_scalar_bytes: 16 << 20,
            // A template for a hundred tables is no attack; the caps above hold in any case.
            enforce_alias_anchor_ratio: false,
        },
    }
}

/// What the parser says of a node. Numbers and booleans are read from the text instead.
enum Raw {
    Null,
    Inferred,
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

struct RawVisitor;

impl<'de> de::Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Inferred)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Inferred)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Inferred)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Inferred)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

impl<'de> de::Deserialize<'de> for Raw {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct Reader<'a> {
    source: &'a Arc<Source>,
}

impl Reader<'_> {
    fn node(&self, raw: Spanned<Raw>, key: Option<&Origin>) -> Result<Node, Diagnostic> {
        // An alias's value is where it was defined: that is what a correction has to change.
        let span = self.span(raw.defined);
        let written = &self.source.text()[span.clone()];
        let span = span.start..span.start + written.trim_end().len();
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Inferred => plain(written),
            Raw::Text(text) => scalar(written, text),
            Raw::List(items) => {
                Value::List(items.into_iter().map(|item| self.node(item, None)).collect::<Result<_, _>>()?)
            }
            Raw::Map(entries) => self.map(entries)?,
        };
        // Nothing at all is written nowhere: its key stands for it.
        let origin = match (key, &value) {
            (Some(key), Value::Null) if span.is_empty() => key.clone(),
            _ => self.origin(span),
        };
        Ok(Node { value, origin })
    }

    fn map(&self, entries: Vec<(Spanned<Raw>, Spanned<Raw>)>) -> Result<Value, Diagnostic> {
        let mut map = IndexMap::with_capacity(entries.len());
        for (key, value) in entries {
            let Node { value: name, origin } = self.node(key, None)?;
            let name = match name {
                Value::Plain(name) | Value::Quoted(name) if !name.is_empty() => name,
                Value::Bool(name) => name.to_string(),
                _ => return Err(Diagnostic::new("a key must be a name").at(origin)),
            };
            let value = self.node(value, Some(&origin))?;
            if map.contains_key(&name) {
                return Err(Diagnostic::new(format!("the key `{name}` is there twice")).at(origin));
            }
            map.insert(name, Entry { key: origin, value });
        }
        Ok(Value::Map(map))
    }

    fn span(&self, location: serde_yaml::Location) -> Range<usize> {
        let (offset, length) = (location.span().byte_offset(), location.span().byte_len());
        let start = offset.and_then(|offset| usize::try_from(offset).ok()).unwrap_or_else(|| {
            let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
            self.source.offset(Position { line: count(location.line()), column: count(location.column()) })
        });
        let text = self.source.text();
        let start = text.floor_char_boundary(start);
        let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        let end = text.floor_char_boundary(start.saturating_add(length));
        start..end
    }

    fn origin(&self, span: Range<usize>) -> Origin {
        Origin::File { source: Arc::clone(self.source), span }
    }

    /// Tags would change what a scalar means, and nothing here needs them.
    fn refuse_tags(&self) -> Result<(), Diagnostic> {
        if !self.source.text().contains('!') {
            return Ok(());
        }
        let events = granit_parser::Parser::new_from_str(self.source.text());
        let tag = events.filter_map(Result::ok).find_map(|(_, span)| span.tag_span()?.byte_range());
        match tag {
            None => Ok(()),
            Some(span) => {
                let tag = self.source.text().get(span.clone()).unwrap_or_default().trim_end();
                let span = span.start..span.start + tag.len();
                let message = format!("YAML tags such as `{tag}` have no meaning here");
                Err(Diagnostic::new(message)
                    .at(self.origin(span))
                    .help("put text that begins with `!` in quotation marks"))
            }
        }
    }

    fn error(&self, error: &serde_yaml::Error) -> Diagnostic {
        use serde_yaml::Error;
        let span = error.location().map(|location| self.span(location)).unwrap_or(0..0);
        let mut inner = error;
        while let Error::AliasError { error, .. } | Error::WithSnippet { error, .. } = inner {
            inner = error;
        }
        let diagnostic = match inner {
            Error::DuplicateMappingKey { key: Some(key), .. } => {
                Diagnostic::new(format!("the key `{key}` is there twice"))
            }
            Error::MultipleDocuments { .. } => Diagnostic::new("a second document begins here")
                .help("a file holds one YAML document; remove the line `---`"),
            Error::UnknownAnchor { .. } => {
                Diagnostic::new("this alias has no anchor before it").help("define it as `&name` first")
            }
            Error::RecursiveReferencesRequireWeakTypes { .. } => {
                Diagnostic::new("this anchor contains itself")
            }
            Error::UnsupportedTag { tag, .. } => {
                Diagnostic::new(format!("YAML tags such as `{tag}` have no meaning here"))
            }
            Error::Budget { breach: serde_yaml::budget::BudgetBreach::Depth { .. }, .. } => {
                Diagnostic::new(format!("maps and lists are more than {DEPTH} deep here"))
            }
            Error::Budget { .. } => Diagnostic::new("the file is too large once its aliases are written out"),
            other => {
                let error = Diagnostic::new(UserMessageFormatter.format_message(other).into_owned());
                if error.message.contains("recursion limit") {
                    Diagnostic::new(format!("maps and lists are more than {DEPTH} deep here"))
                } else {
                    match HINTS.iter().find(|(words, _)| error.message.contains(words)) {
                        Some((_, help)) => error.help(*help),
                        None => error,
                    }
                }
            }
        };
        diagnostic.at(self.origin(span))
    }
}

/// What usually lies behind the parser's own words.
const HINTS: [(&str, &str); 8] = [
    ("a tab", "indent with spaces"),
    ("tabs", "indent with spaces"),
    (
        "invalid indentation",
        "a bracket or quotation mark before this line is not closed; or lines inside it, the closing one included, are not \
         indented deeper than its key",
    ),
    ("simple key expected", "write `key: value`, with a space after the colon"),
    ("misplaced bracket", "no bracket is open here; and `key: {` needs a space after the colon"),
    (
        "mapping values are not allowed",
        "keys of one map stand in one column; put text with a colon in quotation marks",
    ),
    ("did not find expected key", "keys of one map stand in one column"),
    ("'-' indicator", "items of one list stand in one column"),
];

/// An unquoted scalar. Only the two exact words are booleans.
fn plain(written: &str) -> Value {
    match written {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => Value::Plain(written.to_owned()),
    }
}

/// Text as the parser understood it, which is as written if it is plain and on one line. (The span of a block
/// scalar is that of its lines, with the line ends.)
fn scalar(written: &str, text: String) -> Value {
    if written.starts_with(['"', '\'']) || written.contains('\n') || text.contains('\n') {
        Value::Quoted(text)
    } else {
        plain(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::path::Path;

    fn read(text: &str) -> Node {
        parse(&Source::new("s.yaml", text)).unwrap()
    }

    fn value(text: &str, path: &str) -> Value {
        read(text).get(&path.parse::<Path>().unwrap()).unwrap().value.clone()
    }

    fn plain(text: &str) -> Value {
        Value::Plain(text.to_owned())
    }

    /// The message and the place, "line:column".
    fn error(text: &str) -> (String, String) {
        let source = Source::new("s.yaml", text);
        let errors = parse(&source).unwrap_err().into_errors();
        assert_eq!(errors.len(), 1, "{errors:?}");
        let (source, span) = errors[0].origin.place().expect("every error has a place");
        let Position { line, column } = source.position(span.start);
        (errors[0].message.clone(), format!("{line}:{column}"))
    }

    #[test]
    fn scalars_stay_as_written() {
        for text in
            ["5", "1_000_000", "010", "5 MiB", "no", "on", "TRUE", ".nan", "1e999", "2026-01-05T00:00:00Z"]
        {
            assert_eq!(value(&format!("a: {text} # why\n"), "a"), plain(text));
            assert_eq!(value(&format!("a: [{text}, 1]\n"), "a[0]"), plain(text));
        }
        let huge = u128::MAX.to_string();
        assert_eq!(value(&format!("a: {huge}"), "a"), plain(&huge));
        assert_eq!(value("a: true", "a"), Value::Bool(true));
        for text in ["", "~", "null"] {
            assert_eq!(value(&format!("a: {text}\n"), "a"), Value::Null);
        }
        for text in ["'5'", "\"5\"", "|-\n  5\n", ">\n  5"] {
            let quoted = value(&format!("a: {text}\n"), "a");
            assert!(matches!(&quoted, Value::Quoted(five) if five.trim() == "5"), "{quoted:?}");
        }
        assert_eq!(value("a: \"5\\n\"", "a"), Value::Quoted("5\n".to_owned()));
    }

    #[test]
    fn keys_keep_their_order_spelling_and_place() {
        let node = read("b: 1\n'a.x': 2\n010: 3\ntrue: 4\n");
        let Value::Map(map) = &node.value else { panic!("a map") };
        assert_eq!(map.keys().collect::<Vec<_>>(), ["b", "a.x", "010", "true"]);
        let (_, span) = map["010"].key.place().unwrap();
        assert_eq!(span, 14..17);
        let (_, span) = map["a.x"].value.origin.place().unwrap();
        assert_eq!(span, 12..13);
    }

    #[test]
    fn aliases_and_merge_keys_give_their_values_with_the_place_of_the_definition() {
        let text = "templates:\n  small: &small { shards: 4, retention: 24h }\na: *small\nb:\n  <<: *small\n  shards: 9\n";
        let node = read(text);
        assert_eq!(value(text, "a.shards"), plain("4"));
        assert_eq!(value(text, "b.shards"), plain("9"));
        assert_eq!(value(text, "b.retention"), plain("24h"));
        assert!(node.get(&"templates".parse().unwrap()).is_none());
        let (source, span) = node.get(&"b.retention".parse().unwrap()).unwrap().origin.place().unwrap();
        assert_eq!(source.position(span.start), Position { line: 2, column: 41 });
    }

    #[test]
    fn a_template_may_be_used_a_thousand_times() {
        let uses: String = (0..1_000).map(|table| format!("table-{table}: *t\n")).collect();
        let node = read(&format!("templates: {{ t: &t {{ a: 1, b: 2 }} }}\n{uses}"));
        assert!(matches!(&node.value, Value::Map(map) if map.len() == 1_000));
    }

    #[test]
    fn line_ends_and_byte_order_marks_do_no_harm() {
        let node = read("\u{feff}a: 1\r\nb:\r\n  - c: 2\r\n");
        let two = node.get(&"b[0].c".parse().unwrap()).unwrap();
        assert_eq!(two.value, plain("2"));
        let (source, span) = two.origin.place().unwrap();
        assert_eq!(source.position(span.start), Position { line: 3, column: 8 });
    }

    #[test]
    fn each_trap_gives_one_error_with_its_place() {
        let cases = [
            ("a: 1\nb: 2\na: 3\n", "the key `a` is there twice", "3:1"),
            ("a: { b: 1, \"b\": 2 }\n", "the key `b` is there twice", "1:12"),
            ("a: 1\n---\nb: 2\n", "a second document begins here", "3:1"),
            ("a: !poisson 5\n", "YAML tags such as `!poisson` have no meaning here", "1:13"),
            ("a: !!str 5\n", "YAML tags such as `!!str` have no meaning here", "1:4"),
            ("a: &a [*a]\n", "this anchor contains itself", "1:8"),
            ("a: *nope\n", "this alias has no anchor before it", "1:4"),
            ("[1, 2]: 3\n", "a key must be a name", "1:1"),
            ("? \n: 1\n", "a key must be a name", "2:1"),
            ("# nothing\n", "the scenario is empty", "2:1"),
        ];
        for (text, message, place) in cases {
            assert_eq!(error(text), (message.to_owned(), place.to_owned()), "{text}");
        }
        // The parser's own words, so only their place is promised, and what helps.
        let helps = |text: &str| {
            let error = parse(&Source::new("s.yaml", text)).unwrap_err().into_errors().remove(0);
            error.help.unwrap_or_default()
        };
        assert!(helps("a: 1\nseed:7\n").contains("a space after the colon"));
        assert!(helps("a:{ b: { c: 1 } }\n").contains("a space after the colon"));
        assert!(helps("a: { b: 1\nc: 2\n").contains("is not closed"));
        assert!(helps("a: b: c\n").contains("in quotation marks"));
        assert!(!helps("k:\n- a: 1\n  b: 2\n c: 3\n").contains("bracket"));
        for (text, place) in
            [("a:\n\tb: 1\n", "2:2"), ("a: \0x\n", "1:4"), ("a: { b: 1\n", "1:4"), ("a: b: c\n", "1:5")]
        {
            assert_eq!(error(text).1, place, "{text:?}");
        }
    }

    #[test]
    fn hostile_input_is_refused_in_bounded_time_and_memory() {
        let lists = |name: char, inner: &str| format!("{name}: &{name} [{}]\n", [inner; 10].join(", "));
        let bomb: String = std::iter::once(lists('a', "x"))
            .chain(('a'..'i').zip('b'..='i').map(|(inner, name)| lists(name, &format!("*{inner}"))))
            .collect();
        assert_eq!(error(&bomb).0, "the file is too large once its aliases are written out");
        let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 20_000].join(","));
        assert_eq!(error(&text).0, "the file is too large once its aliases are written out");
        let maps: String = (0..3_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        assert_eq!(
            error(&maps),
            ("maps and lists are more than 48 deep here".to_owned(), "49:49".to_owned())
        );
        assert_eq!(error(&"[".repeat(100_000)).1, "1:49");
        error(&"- ".repeat(3_000));
        error(&"{a: ".repeat(3_000));
    }

    proptest::proptest! {
        /// Whatever the text, there is a tree or an error that can be shown.
        #[test]
        fn no_text_makes_it_panic(text in "[ab:\\-&*!|>'\"{}\\[\\], \n\t\r#~<é%@5\u{feff}\0]{0,60}") {
            let source = Source::new("s.yaml", text);
            match parse(&source) {
                Ok(node) => drop(crate::scenario::de::from_node::<Vec<u8>>(&node).map_err(|errors| errors.to_string())),
                Err(errors) => proptest::prop_assert!(errors.to_string().starts_with("error: ")),
            }
        }
    }
}
