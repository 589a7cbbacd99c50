//! Keys that are known, but further down: a stream's `shards` stand in its capacity, where `ShardCount` stands beside its name.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::alias;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::path::{Path, Segment};
use super::schema;

/// How far down a key is looked for.
const DEEP: usize = 3;
/// So many places are told; a key that more maps have is too common to guess what was meant.
const WAYS: usize = 2;

/// The errors, those about such keys saying where they stand; that what they stand in is missing goes without saying.
pub(super) fn explain(errors: Diagnostics) -> Diagnostics {
    let mut errors = errors.into_errors();
    if errors.iter().any(is_of_unknown_key) {
        let schema = schema::words();
        let mut told = Vec::new();
        for error in errors.iter_mut().filter(|error| is_of_unknown_key(error)) {
            let Some((parent, written)) = error.path.as_ref().and_then(last_key) else { continue };
            let ways = ways(&schema, &parent, written);
            if (1..=WAYS).contains(&ways.len()) {
                let written: Vec<String> = ways.iter().map(|way| format!("`{}`", nested(way))).collect();
                error.help = Some(format!("it stands in {}", written.join(" or ")));
            }
            if let [way] = &ways[..] {
                told.push((parent, format!("the key `{}` is missing", way[0])));
            }
        }
        let follows = |error: &Diagnostic| {
            told.iter().any(|(path, message)| error.path.as_ref() == Some(path) && error.message == *message)
        };
        errors.retain(|error| !follows(error));
    }
    Diagnostics::new(errors)
}

fn is_of_unknown_key(error: &Diagnostic) -> bool {
    error.message.starts_with("unknown key") && !error.message.contains("did you mean")
}

fn last_key(path: &Path) -> Option<(Path, &str)> {
    match path.segments().last()? {
        Segment::Key(key) => Some((path.parent()?, key)),
        Segment::Index(_) => None,
    }
}

/// `capacity: { provisioned: { shards: ... } }`
fn nested(way: &[String]) -> String {
    match way {
        [] => "...".to_owned(),
        [key] => format!("{key}: ..."),
        [key, inner @ ..] => format!("{key}: {{ {} }}", nested(inner)),
    }
}

/// The shortest ways down from `parent` to a key that `written` stands for, in our words.
fn ways(schema: &Json, parent: &Path, written: &str) -> Vec<Vec<String>> {
    let mut level = vec![(Vec::new(), schema)];
    for step in parent.segments() {
        level =
            level.iter().flat_map(|(_, node)| below(schema, node, step)).map(|node| (vec![], node)).collect();
    }
    for _ in 0..DEEP {
        level = level.iter().flat_map(|(way, node)| one_further(schema, way, node)).collect();
        let further = level.iter().flat_map(|(way, node)| one_further(schema, way, node));
        let named =
            |way: &Vec<String>| way.last().is_some_and(|name| alias::resolve(written, &[name]).is_some());
        let found: BTreeSet<Vec<String>> = further.map(|(way, _)| way).filter(named).collect();
        if !found.is_empty() {
            return found.into_iter().collect();
        }
    }
    Vec::new()
}

/// What a schema says of a key or an item.
fn below<'a>(schema: &'a Json, node: &'a Json, step: &Segment) -> Vec<&'a Json> {
    let inside = |node: &'a Json| match step {
        Segment::Key(key) => {
            let own = node["properties"].as_object().into_iter().flatten();
            let own = own.filter(|(name, _)| alias::resolve(key, &[name]).is_some()).map(|(_, it)| it);
            own.chain(node.get("additionalProperties").filter(|it| it.is_object())).collect::<Vec<_>>()
        }
        Segment::Index(_) => node.get("items").into_iter().collect(),
    };
    forms(schema, node).into_iter().flat_map(inside).collect()
}

/// The keys that a schema's map may have, each with the way to it.
fn one_further<'a>(schema: &'a Json, way: &[String], node: &'a Json) -> Vec<(Vec<String>, &'a Json)> {
    let forms = forms(schema, node).into_iter();
    let properties = forms.flat_map(|form| form["properties"].as_object().into_iter().flatten());
    properties.map(|(name, node)| ([way, &[name.clone()][..]].concat(), node)).collect()
}

/// A schema with what it refers to, and its alternatives; none of the scenario's is its own alternative.
fn forms<'a>(schema: &'a Json, node: &'a Json) -> Vec<&'a Json> {
    let referred = node["$ref"].as_str().and_then(|pointer| schema.pointer(pointer.trim_start_matches('#')));
    let alternatives =
        ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|word| node[word].as_array()).flatten();
    let others = referred.into_iter().chain(alternatives).flat_map(|other| forms(schema, other));
    std::iter::once(node).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::file::ScenarioFile;
    use crate::scenario::source::Source;
    use crate::scenario::{de, yaml};

    #[test]
    fn one_mistake_is_told_once_and_others_stay() {
        let error = |message: &str, path: &str| Diagnostic::new(message).on(path.parse().unwrap());
        let all = vec![
            error("the key `capacity` is missing", "kinesis.s"),
            error("unknown key `ShardCount`", "kinesis.s.ShardCount"),
            error("the key `capacity` is missing", "tables.t"),
            error("unknown key `nonsense`", "tables.t.nonsense"),
        ];
        let told = explain(Diagnostics::new(all)).into_errors();
        let messages: Vec<&str> = told.iter().map(|error| error.message.as_str()).collect();
        assert_eq!(
            messages,
            ["unknown key `ShardCount`", "the key `capacity` is missing", "unknown key `nonsense`"]
        );
        assert_eq!(
            told[0].help.as_deref(),
            Some("it stands in `capacity: { provisioned: { shards: ... } }`")
        );
    }

    /// What the reader of scenarios itself says, not messages made for a test.
    #[test]
    fn the_reader_says_where_a_key_stands_and_nothing_of_what_it_stands_in() {
        let text = "kinesis: { s: { ShardCount: 2 } }\n";
        let tree = yaml::parse(&Source::new("s.yaml", text)).unwrap();
        let found = de::from_node::<ScenarioFile>(&tree).map_err(explain).unwrap_err();
        let of_stream = |error: &&Diagnostic| error.to_string().contains("kinesis.s");
        let told: Vec<&Diagnostic> = found.errors().iter().filter(of_stream).collect();
        assert_eq!(told.len(), 1, "{found}");
        assert!(told[0].to_string().contains("it stands in `capacity: { provisioned: { shards"), "{found}");
    }

    #[test]
    fn a_key_is_found_where_it_stands() {
        let schema = schema::words();
        let way = |path: &str, written: &str| -> Vec<String> {
            ways(&schema, &path.parse().unwrap(), written).iter().map(|way| nested(way)).collect()
        };
        let shards = "capacity: { provisioned: { shards: ... } }";
        assert_eq!(way("kinesis.changes", "ShardCount"), [shards]);
        assert_eq!(way("kinesis.changes", "shards"), [shards]);
        assert_eq!(way("tables.orders", "ProvisionedThroughput"), ["capacity: { provisioned: ... }"]);
        assert_eq!(
            way("tables.orders", "WriteCapacityUnits"),
            ["capacity: { provisioned: { write_units: ... } }"]
        );
        assert_eq!(
            way("firehose.lake", "IntervalInSeconds"),
            ["buffer: { interval: ... }", "poll: { interval: ... }"]
        );
        assert!(way("kinesis.changes", "nonsense").is_empty());
    }
}
