//! The stream that a table's feed goes to: one, in the table's own account and Region (KDC-5).

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// The name of a stream in the scenario's section `kinesis`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedStream(pub String);

struct FeedStreamVisitor;

impl<'de> Visitor<'de> for FeedStreamVisitor {
    type Value = FeedStream;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("the name of a stream")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<FeedStream, E> {
        if name.starts_with("arn:") {
            return Err(E::custom(
                "expected the name of a stream of this scenario; a feed stays in its table's account and Region (KDC-5), so no ARN is needed",
            ));
        }
        Ok(FeedStream(name.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<FeedStream, A::Error> {
        Err(A::Error::custom(
            "expected the name of one stream: a table feeds no second one (KDC-5); several consumers can read the one",
        ))
    }
}

impl<'de> Deserialize<'de> for FeedStream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FeedStreamVisitor)
    }
}

impl JsonSchema for FeedStream {
    fn schema_name() -> Cow<'static, str> {
        "FeedStream".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}
