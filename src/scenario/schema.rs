//! The JSON Schema of scenario files, for editors.

use schemars::generate::SchemaSettings;
use serde_json::{Value as Json, json};

mod spelling;

use super::file::ScenarioFile;
use super::source::Source;
use super::{canonical, yaml};
use spelling::Spellings;

/// The schema, draft-07, with docs, defaults and examples.
pub fn schema() -> Json {
    let mut schema = words();
    read_defaults(&mut schema);
    allow_underscores(&mut schema);
    let root = schema.clone();
    Spellings { root: &root }.add(&mut schema, "#");
    if let Some(properties) = schema.get_mut("properties").and_then(Json::as_object_mut) {
        // The reader takes it out: it only holds what YAML's anchors refer to.
        let description = "A place for YAML anchors; not part of the scenario.";
        properties.insert("templates".to_owned(), json!({ "description": description }));
    }
    schema
}

/// The schema in our words alone, as the settings declare it.
pub(super) fn words() -> Json {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<ScenarioFile>().to_value()
}

/// Parameters declare defaults as text in the scenario's language; in the schema they are values.
fn read_defaults(schema: &mut Json) {
    match schema {
        Json::Object(map) => {
            for (key, value) in map {
                match value {
                    Json::String(text) if key == "default" => {
                        if let Ok(node) = yaml::parse_value(&Source::new("default", text.as_str())) {
                            *value = canonical::json(&node);
                        }
                    }
                    _ => read_defaults(value),
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(read_defaults),
        _ => {}
    }
}

/// `1_000_000` is a text to the YAML of editors.
fn allow_underscores(schema: &mut Json) {
    match schema {
        Json::Object(map) => {
            let kind = match map.get("type") {
                Some(Json::String(kind)) if kind == "integer" => Some(json!(["integer", "string"])),
                Some(kind) if *kind == json!(["integer", "null"]) => {
                    Some(json!(["integer", "string", "null"]))
                }
                _ => None,
            };
            if let Some(kind) = kind {
                map.insert("type".to_owned(), kind);
                map.insert("pattern".to_owned(), json!("^[0-9][0-9_]*$"));
            }
            map.values_mut().for_each(allow_underscores);
        }
        Json::Array(items) => items.iter_mut().for_each(allow_underscores),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Run with `BLESS=1` to write the page anew.
    #[test]
    fn the_committed_schema_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scenario.schema.json");
        let text = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
        if std::env::var_os("BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        assert!(std::fs::read_to_string(&path).unwrap_or_default() == text, "run with BLESS=1");
    }

    #[test]
    fn it_knows_defaults_as_values_and_names_every_key() {
        let schema = schema();
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
        assert_eq!(schema["additionalProperties"], false);
        let put = &schema["definitions"]["S3Settings"]["properties"]["put"];
        assert_eq!(put["default"]["lognormal"]["median"], "120ms");
        assert_eq!(schema["properties"]["replications"]["default"], 1);
        let text = schema.to_string();
        for definition in schema["definitions"].as_object().unwrap().values() {
            for property in definition["properties"].as_object().into_iter().flat_map(|map| map.values()) {
                assert!(property.get("description").is_some(), "{property}");
            }
        }
        assert!(text.len() < 300_000);
    }
}
