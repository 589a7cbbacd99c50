//! A tree in other forms: JSON for schemas, a digest, one line of YAML for people.

use serde_json::{Map, Number, Value as Json};
use sha2::{Digest, Sha256};

use super::tree::{Node, Value};

/// The tree as JSON with unquoted numbers as numbers.
pub fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Plain(text) => {
            let number = serde_json::from_str::<Number>(&text.replace('_', ""));
            number.map_or_else(|_| Json::String(text.clone()), Json::Number)
        }
        Value::Quoted(text) => Json::String(text.clone()),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(map) => {
            let entries = map.iter().map(|(key, entry)| (key.clone(), json(&entry.value)));
            Json::Object(entries.collect::<Map<_, _>>())
        }
    }
}

/// SHA-256 of the tree in one form, as 64 hex digits.
///
/// The form is JSON in file order, for the order of sections can decide ties, with every scalar but booleans and
/// null as text, for quotation marks do not change what a sound scenario means.
pub fn digest(node: &Node) -> String {
    let mut text = String::new();
    write(node, &mut text);
    sha256(text.as_bytes())
}

fn write(node: &Node, out: &mut String) {
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Plain(text) | Value::Quoted(text) => write_text(text, out),
        Value::List(items) => {
            out.push('[');
            items.iter().for_each(|item| {
                write(item, out);
                out.push(',');
            });
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (key, entry) in map {
                write_text(key, out);
                out.push(':');
                write(&entry.value, out);
                out.push(',');
            }
            out.push('}');
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push_str(&Json::from(text).to_string());
}

/// SHA-256 of some bytes, as 64 hex digits.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The value on one line, in the scenario's language.
pub fn line(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Plain(text) => text.clone(),
        Value::Quoted(text) => format!("'{}'", text.replace('\'', "''")),
        Value::List(items) => format!("[{}]", items.iter().map(line).collect::<Vec<_>>().join(", ")),
        Value::Map(map) => {
            let entries: Vec<_> =
                map.iter().map(|(key, entry)| format!("{key}: {}", line(&entry.value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}
