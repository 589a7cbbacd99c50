//! A scenario as a tree: what was written, in file order, each part with its origin.

use indexmap::IndexMap;
use std::sync::Arc;

use super::{
    alias,
    diagnostic::{Diagnostic, did_you_mean, nearest, quoted},
    path::{Path, Segment},
    source::Origin,
};
use crate::units::counted;

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it is written; for a map or list, where it begins.
    pub origin: Origin,
}

/// A value, uninterpreted: only its reader knows whether `010` is a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing, `null` or `~`.
    Null,
    /// `true` or `false`; `yes`, `on` and `True` are plain text.
    Bool(bool),
    /// An unquoted scalar as it is written, such as `5`, `1_000_000`, `010`, `5 MiB`.
    Plain(String),
    /// A quoted or block scalar, or a plain one of several lines: always text.
    Quoted(String),
    /// A list.
    List(Vec<Node>),
    /// A map in file order.
    Map(IndexMap<String, Entry>),
}

/// A map's value with the origin of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where the key is written.
    pub key: Origin,
    /// The value.
    pub value: Node,
}

/// The sections whose keys are names that the user gives. An override that goes through such a name never
/// invents it: a misspelt stream shall not become a new one.
const NAMED: &[&str] =
    &["workload", "tables", "kinesis", "consumers", "firehose", "athena", "events", "slo", "variants"];

impl Node {
    /// The node at a path. A step finds its key as written, or else in AWS's or our words for it.
    pub fn get(&self, path: &Path) -> Option<&Self> {
        path.segments().iter().try_fold(self, |node, segment| node.child(segment).map(|(_, child)| child))
    }

    /// Where the node at a path is written, for messages about it: a scalar's own place, a map's or list's key.
    /// If there is no such node, the place of its nearest ancestor.
    pub fn origin_at(&self, path: &Path) -> Origin {
        let (mut node, mut key) = (self, None);
        for segment in path.segments() {
            let Some(next) = node.child(segment) else { break };
            (key, node) = next;
        }
        node.place(key).clone()
    }

    /// What to point at in a message about this node, which stands under `key`.
    pub(super) fn place<'a>(&'a self, key: Option<&'a Origin>) -> &'a Origin {
        match self.value {
            Value::Bool(_) | Value::Plain(_) | Value::Quoted(_) => &self.origin,
            Value::Null | Value::List(_) | Value::Map(_) => key.unwrap_or(&self.origin),
        }
    }

    fn child(&self, segment: &Segment) -> Option<(Option<&Origin>, &Self)> {
        match (&self.value, segment) {
            (Value::List(items), Segment::Index(index)) => items.get(*index).map(|item| (None, item)),
            (Value::Map(map), Segment::Key(key)) => {
                let (_, entry) = map.get_index(find(map, key)?)?;
                Some((Some(&entry.key), &entry.value))
            }
            _ => None,
        }
    }

    /// Puts a node in place of the one at a path.
    ///
    /// The last key may be new. A missing map on the way is made, unless its key is a name that only the user
    /// can give (a table, a stream ...) or is nearly that of a key that is there: then it is an error. Lists do not
    /// grow. An alias is replaced by the key as the path has it.
    pub fn set(&mut self, path: &Path, value: Self) -> Result<(), Diagnostic> {
        let origin = value.origin.clone();
        let mut node = self;
        for step in Step::all(path, &origin) {
            let index = match step.find(node)? {
                Some(index) => index,
                None => step.insert(node)?,
            };
            if step.is_last() {
                step.rename(node, index);
            }
            node = child_at(node, index);
        }
        *node = value;
        Ok(())
    }

    /// Takes the node at a path out of the tree; an error, placed at `origin`, if there is none.
    pub fn remove(&mut self, path: &Path, origin: &Origin) -> Result<(), Diagnostic> {
        let mut node = self;
        for step in Step::all(path, origin) {
            let index = step.find(node)?.ok_or_else(|| step.no_key(node))?;
            if !step.is_last() {
                node = child_at(node, index);
                continue;
            }
            match &mut node.value {
                Value::List(items) => drop(items.remove(index)),
                Value::Map(map) => drop(map.shift_remove_index(index)),
                _ => {}
            }
            return Ok(());
        }
        Err(Diagnostic::new("the scenario as a whole cannot be removed").at(origin.clone()))
    }

    /// Carries out an override: a null removes the node at the path, any other value replaces it.
    pub fn apply(&mut self, path: &Path, value: Self) -> Result<(), Diagnostic> {
        match value.value {
            Value::Null => self.remove(path, &value.origin).map(drop),
            _ => self.set(path, value),
        }
    }

    /// The same tree with every origin marked as part of an override.
    #[must_use]
    pub fn labelled(self, label: &Arc<str>) -> Self {
        let value = match self.value {
            Value::List(items) => Value::List(items.into_iter().map(|item| item.labelled(label)).collect()),
            Value::Map(map) => Value::Map(
                map.into_iter()
                    .map(|(name, Entry { key, value })| {
                        (name, Entry { key: key.labelled(label), value: value.labelled(label) })
                    })
                    .collect(),
            ),
            scalar => scalar,
        };
        Self { value, origin: self.origin.labelled(label) }
    }

    /// The value in a few words: `` `5 MiB` ``, "a map", "nothing".
    pub(super) fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("`{value}`"),
            Value::Plain(text) => format!("`{}`", shortened(text)),
            Value::Quoted(text) => format!("the text \"{}\"", shortened(text)),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
        }
    }
}

fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    }
}

/// The key itself, or else the first key that means the same.
fn find(map: &IndexMap<String, Entry>, key: &str) -> Option<usize> {
    let same = |written: &String| alias::canonical(written) == alias::canonical(key);
    map.get_index_of(key).or_else(|| map.keys().position(same))
}

/// The child that [`Step::find`] or [`Step::insert`] has found.
fn child_at(node: &mut Node, index: usize) -> &mut Node {
    let child = match &mut node.value {
        Value::List(items) => items.get_mut(index),
        Value::Map(map) => map.get_index_mut(index).map(|(_, entry)| &mut entry.value),
        _ => None,
    };
    child.expect("a step gives only the index of a child that is there")
}

/// One step of a path on behalf of an override, with what its errors need.
struct Step<'a> {
    path: &'a Path,
    depth: usize,
    origin: &'a Origin,
}

impl<'a> Step<'a> {
    fn all(path: &'a Path, origin: &'a Origin) -> impl Iterator<Item = Self> {
        (0..path.segments().len()).map(move |depth| Self { path, depth, origin })
    }

    fn segment(&self) -> &'a Segment {
        &self.path.segments()[self.depth]
    }

    fn is_last(&self) -> bool {
        self.depth + 1 == self.path.segments().len()
    }

    /// The index of the child; none if a map lacks the key; an error if the node can have no such child.
    fn find(&self, node: &Node) -> Result<Option<usize>, Diagnostic> {
        match (&node.value, self.segment()) {
            (Value::List(items), Segment::Index(index)) if *index < items.len() => Ok(Some(*index)),
            (_, Segment::Index(index)) => Err(self.no_item(node, *index)),
            (Value::Map(map), Segment::Key(key)) => Ok(find(map, key)),
            (Value::Null, Segment::Key(_)) => Ok(None),
            (_, Segment::Key(_)) => Err(self.no_key(node)),
        }
    }

    /// Makes the missing child, empty, unless it looks like a mistake.
    fn insert(&self, node: &mut Node) -> Result<usize, Diagnostic> {
        let Segment::Key(key) = self.segment() else { return Err(self.no_key(node)) };
        if node.value == Value::Null {
            node.value = Value::Map(IndexMap::new());
        }
        let suspect = |map: &IndexMap<String, Entry>| {
            !self.is_last() && (self.is_name() || nearest(key, map.keys().map(String::as_str)).is_some())
        };
        match &mut node.value {
            Value::Map(map) if !suspect(map) => {
                let value = Node { value: Value::Null, origin: self.origin.clone() };
                Ok(map.insert_full(key.clone(), Entry { key: self.origin.clone(), value }).0)
            }
            _ => Err(self.no_key(node)),
        }
    }

    /// Gives an entry the key as the path has it, from where the override is.
    fn rename(&self, node: &mut Node, index: usize) {
        let (Value::Map(map), Segment::Key(key)) = (&mut node.value, self.segment()) else { return };
        if let Some((_, mut entry)) = map.swap_remove_index(index) {
            // The last entry has taken its place; as the new last one, this swaps places with it again.
            entry.key = self.origin.clone();
            let last = map.insert_full(key.clone(), entry).0;
            map.swap_indices(index, last);
        }
    }

    /// Whether the step's key is a name in a section of named things.
    fn is_name(&self) -> bool {
        matches!(self.path.segments().first(), Some(Segment::Key(section)) if NAMED.contains(&section.as_str()))
            && self.depth == 1
    }

    /// The part of the path that exists, in words.
    fn prefix(&self) -> String {
        match self.depth {
            0 => "the scenario".to_owned(),
            depth => format!("`{}`", Path(self.path.segments()[..depth].to_vec())),
        }
    }

    fn no_item(&self, node: &Node, index: usize) -> Diagnostic {
        let prefix = self.prefix();
        self.error(match &node.value {
            Value::List(items) => {
                let items = counted(items.len() as u64, "item");
                format!("{prefix} has {items}, counted from 0; there is no [{index}]")
            }
            _ => format!("{prefix} is {}, which has no item [{index}]", node.describe()),
        })
    }

    fn no_key(&self, node: &Node) -> Diagnostic {
        let (prefix, key) = (self.prefix(), self.segment());
        let Value::Map(map) = &node.value else {
            let what = node.describe();
            return self
                .error(format!("{prefix} is {what}, which has no key `{key}`; override it as a whole"));
        };
        let keys = || map.keys().map(String::as_str);
        let near = match self.segment() {
            Segment::Key(key) => did_you_mean(key, keys()),
            Segment::Index(_) => String::new(),
        };
        let error = self.error(format!("there is no `{key}` in {prefix}{near}"));
        if map.is_empty() { error } else { error.help(format!("it has {}", quoted(keys()))) }
    }

    fn error(&self, message: String) -> Diagnostic {
        Diagnostic::new(message).at(self.origin.clone()).on(self.path.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{source::Source, yaml};

    const TEXT: &str = "\
kinesis:
  changes:
    capacity: { provisioned: { ShardCount: 20 } }
    retention: 24h
firehose:
  lake: { BufferingHints: { IntervalInSeconds: 300, SizeInMBs: 5 } }
stages: [{ rate: 1/s }, { rate: 2/s }]
";

    fn tree() -> Node {
        yaml::parse(&Source::new("s.yaml", TEXT)).unwrap()
    }

    fn path(text: &str) -> Path {
        text.parse().unwrap()
    }

    fn plain(text: &str) -> Node {
        Node { value: Value::Plain(text.to_owned()), origin: Origin::Builtin }
    }

    fn keys<'a>(node: &'a Node, at: &str) -> Vec<&'a str> {
        match &node.get(&path(at)).unwrap().value {
            Value::Map(map) => map.keys().map(String::as_str).collect(),
            _ => panic!("a map"),
        }
    }

    fn refusal(at: &str) -> (String, Option<String>) {
        let error = tree().set(&path(at), plain("1")).unwrap_err();
        assert_eq!(error.path, Some(path(at)));
        (error.message, error.help)
    }

    #[test]
    fn sets_what_is_there_by_either_name_in_its_place() {
        let mut tree = tree();
        tree.set(&path("kinesis.changes.capacity.provisioned.shards"), plain("24")).unwrap();
        tree.set(&path("firehose.lake.buffer.interval"), plain("60s")).unwrap();
        tree.set(&path("stages[1].rate"), plain("9/s")).unwrap();
        assert_eq!(keys(&tree, "kinesis.changes.capacity.provisioned"), ["shards"]);
        // The new value has its own unit, so it must not keep the name that bears one.
        assert_eq!(keys(&tree, "firehose.lake.buffer"), ["interval", "SizeInMBs"]);
        assert_eq!(tree.get(&path("stages[1].rate")), Some(&plain("9/s")));
        assert_eq!(tree.get(&path("kinesis.changes.capacity.provisioned.ShardCount")), Some(&plain("24")));
    }

    #[test]
    fn makes_missing_settings_but_never_names() {
        let mut tree = tree();
        tree.set(&path("billing.month"), plain("720h")).unwrap();
        tree.set(&path("kinesis.other"), plain("x")).unwrap();
        assert_eq!(keys(&tree, "billing"), ["month"]);
        assert_eq!(keys(&tree, "kinesis"), ["changes", "other"]);
        let (message, help) = refusal("kinesis.orders.retention");
        assert_eq!(message, "there is no `orders` in `kinesis`");
        assert_eq!(help.as_deref(), Some("it has `changes`"));
        assert_eq!(
            refusal("kinesis.chnages.retention").0,
            "there is no `chnages` in `kinesis`; did you mean `changes`?"
        );
        assert_eq!(
            refusal("kinesiss.changes.retention").0,
            "there is no `kinesiss` in the scenario; did you mean `kinesis`?"
        );
        let text = "`kinesis.changes.retention` is `24h`, which has no key `x`; override it as a whole";
        assert_eq!(refusal("kinesis.changes.retention.x").0, text);
        assert_eq!(refusal("stages[2].rate").0, "`stages` has 2 items, counted from 0; there is no [2]");
    }

    #[test]
    fn null_removes_and_must_find_something() {
        let mut tree = tree();
        let null = Node { value: Value::Null, origin: Origin::Builtin };
        tree.apply(&path("firehose.lake.buffer.size"), null.clone()).unwrap();
        tree.apply(&path("stages[0]"), null.clone()).unwrap();
        assert_eq!(keys(&tree, "firehose.lake.buffer"), ["IntervalInSeconds"]);
        let rate = tree.get(&path("stages[0].rate")).unwrap();
        assert_eq!(rate.value, Value::Plain("2/s".to_owned()));
        let error = tree.apply(&path("kinesis.change"), null).unwrap_err();
        assert_eq!(error.message, "there is no `change` in `kinesis`; did you mean `changes`?");
    }

    #[test]
    fn origins_are_a_scalars_place_a_maps_key_or_the_nearest_ancestor() {
        let tree = tree();
        let text = |at: &str| {
            let origin = tree.origin_at(&path(at));
            let (source, span) = origin.place().unwrap();
            (source.position(span.start).line, &TEXT[span])
        };
        assert_eq!(text("kinesis.changes.retention"), (4, "24h"));
        assert_eq!(text("kinesis.changes.capacity.provisioned.shards"), (3, "20"));
        assert_eq!(text("kinesis.changes"), (2, "changes"));
        assert_eq!(text("kinesis.changes.scaling.target"), (2, "changes"));
    }
}
