//! A setting written as one value in the usual case, and as a map when there is more to say.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, IntoDeserializer, MapAccess, Visitor};

/// One value, or a map.
#[derive(Clone, Debug, PartialEq)]
pub enum OneOrMap<One, Map> {
    /// One value.
    One(One),
    /// A map.
    Map(Map),
}

/// Completes "expected ...".
pub trait Expected {
    /// With an example of both forms.
    const EXPECTED: &'static str;
}

struct OneOrMapVisitor<One, Map>(PhantomData<(One, Map)>);

macro_rules! one {
    ($($visit:ident $type:ty,)*) => {
        $(fn $visit<E: Error>(self, value: $type) -> Result<Self::Value, E> {
            One::deserialize(value.into_deserializer()).map(OneOrMap::One)
        })*
    };
}

impl<'de, One: Deserialize<'de>, Map: Deserialize<'de> + Expected> Visitor<'de>
    for OneOrMapVisitor<One, Map>
{
    type Value = OneOrMap<One, Map>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(Map::EXPECTED)
    }

    one! { visit_str &str, visit_u64 u64, visit_i64 i64, visit_f64 f64, }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let empty = map.size_hint() == Some(0);
        let value = Map::deserialize(MapAccessDeserializer::new(&mut map));
        let value = match value {
            // Of an empty map, serde only knows that it is no enum.
            Err(_) if empty => {
                return Err(Error::custom(format_args!("expected {}; found an empty map", Map::EXPECTED)));
            }
            value => value?,
        };
        // An enum takes the first entry and leaves the others.
        match map.next_key::<IgnoredAny>()? {
            None => Ok(OneOrMap::Map(value)),
            Some(_) => Err(Error::custom(format_args!("expected {}; found several", Map::EXPECTED))),
        }
    }
}

impl<'de, One: Deserialize<'de>, Map: Deserialize<'de> + Expected> Deserialize<'de> for OneOrMap<One, Map> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMapVisitor(PhantomData))
    }
}

impl<One: JsonSchema, Map: JsonSchema> JsonSchema for OneOrMap<One, Map> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}Or{}", One::schema_name(), Map::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [generator.subschema_for::<One>(), generator.subschema_for::<Map>()],
        })
    }
}
