//! AWS's spellings in the schema: what the reader takes, an editor must not mark. They are patterns, not properties of their own, so
//! that editors suggest our words alone.

use serde_json::{Map, Value as Json, json};

use crate::scenario::alias;

/// Adds what the reader takes beside our words.
pub(super) struct Spellings<'a> {
    /// The whole schema as it was before.
    pub root: &'a Json,
}

impl Spellings<'_> {
    /// Adds to a schema and all below it; `pointer` says where in the whole it stands.
    pub fn add(&self, schema: &mut Json, pointer: &str) {
        let Json::Object(map) = schema else { return };
        for (keyword, below) in map.iter_mut() {
            let pointer = format!("{pointer}/{keyword}");
            match (keyword.as_str(), below) {
                ("properties" | "definitions", Json::Object(named)) => {
                    named.iter_mut().for_each(|(name, it)| self.add(it, &format!("{pointer}/{name}")));
                }
                ("oneOf", Json::Array(variants)) => self.choice(variants, &pointer),
                ("anyOf" | "allOf", Json::Array(items)) => self.each(items, &pointer),
                ("items" | "additionalProperties", it) => self.add(it, &pointer),
                _ => {}
            }
        }
        keys(map, pointer);
    }

    fn each(&self, items: &mut [Json], pointer: &str) {
        items.iter_mut().enumerate().for_each(|(at, item)| self.add(item, &format!("{pointer}/{at}")));
    }

    /// An enumeration: its variants are words, or maps with one key.
    fn choice(&self, variants: &mut Vec<Json>, pointer: &str) {
        let written: Option<Vec<String>> = variants.iter().map(name).collect();
        let Some(written) = written else { return self.each(variants, pointer) };
        let names: Vec<&str> = written.iter().map(String::as_str).collect();
        let (mut words, mut maps) = (Vec::new(), Map::new());
        for (at, (variant, name)) in variants.iter_mut().zip(&names).enumerate() {
            let spellings = alias::value_spellings(name, &names);
            let Some(content) = variant.pointer_mut(&format!("/properties/{name}")) else {
                words.extend(spellings);
                continue;
            };
            let pointer = format!("{pointer}/{at}/properties/{name}");
            if !spellings.is_empty() {
                maps.insert(one_of(&spellings), json!({ "$ref": pointer }));
            }
            if self.may_be_empty(content) {
                words.push((*name).to_owned());
                words.extend(spellings);
            }
            self.add(content, &pointer);
        }
        if !words.is_empty() {
            let description = "In AWS's spelling, or with defaults alone.";
            variants.push(json!({ "description": description, "type": "string", "pattern": one_of(&words) }));
        }
        if !maps.is_empty() {
            variants.push(json!({
                "description": "In AWS's spelling.",
                "type": "object",
                "patternProperties": maps,
                "additionalProperties": false,
                "minProperties": 1,
                "maxProperties": 1,
            }));
        }
    }

    /// Whether a variant's word may stand for it: all of its settings have defaults.
    fn may_be_empty(&self, content: &Json) -> bool {
        let content = match content["$ref"].as_str().and_then(|pointer| self.root.pointer(&pointer[1..])) {
            Some(definition) => definition,
            None => content,
        };
        content["type"] == "object" && content.get("required").is_none()
    }
}

/// The name of a variant that is a word or a map with one key.
fn name(variant: &Json) -> Option<String> {
    if let Some(word) = variant["const"].as_str() {
        return Some(word.to_owned());
    }
    let mut keys = variant["properties"].as_object()?.keys();
    let key = keys.next().filter(|key| variant["required"] == json!([key]))?;
    keys.next().is_none().then(|| key.clone())
}

/// The keys of a map of settings.
fn keys(map: &mut Map<String, Json>, pointer: &str) {
    let Some(properties) = map.get("properties").and_then(Json::as_object) else { return };
    let names: Vec<&str> = properties.keys().map(String::as_str).collect();
    let required: Vec<&str> =
        map.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
    let (mut patterns, mut needs) = (Map::new(), Vec::new());
    for name in &names {
        let spellings = alias::spellings(name, &names);
        for alike in spellings.chunk_by(|(_, a), (_, b)| a == b) {
            let texts: Vec<String> = alike.iter().map(|(text, _)| text.clone()).collect();
            let same = json!({ "$ref": format!("{pointer}/properties/{name}") });
            let schema = alike[0].1.map_or(same.clone(), |unit| {
                let description = format!("A bare number is in {unit}.");
                json!({ "anyOf": [same, { "description": description, "type": "number" }] })
            });
            patterns.insert(one_of(&texts), schema);
        }
        if required.contains(name) {
            let all = spellings.iter().map(|(text, _)| text.as_str());
            let any = std::iter::once(*name).chain(all).map(|text| json!({ "required": [text] }));
            needs.push(json!({ "anyOf": any.collect::<Vec<_>>() }));
        }
    }
    if !needs.is_empty() {
        map.insert("allOf".to_owned(), needs.into());
        map.remove("required");
    }
    if !patterns.is_empty() {
        map.insert("patternProperties".to_owned(), patterns.into());
    }
}

/// The pattern of these texts and no others.
fn one_of(texts: &[String]) -> String {
    format!("^({})$", texts.join("|"))
}
