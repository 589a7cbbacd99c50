//! The name of another part of the scenario.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use std::borrow::Cow;

/// A section and a name in it, such as `tables.orders`; a name with dots is quoted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Reference(pub String);

impl JsonSchema for Reference {
    fn schema_name() -> Cow<'static, str> {
        "Reference".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A section and a name in it; a name with dots is quoted.",
            "type": "string",
            "examples": ["tables.orders", "kinesis.changes"],
        })
    }
}
