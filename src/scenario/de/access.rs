//! What serde's visitors are given: the entries of a map, the items of a list, the variant of an enum.

use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use super::{At, Failure, Trail, failure::unknown};
use crate::scenario::{
    alias,
    diagnostic::quoted,
    source::Origin,
    tree::{Entry, Node, Value},
};

/// One entry of a map.
pub(super) struct Item<'a> {
    /// The key as the type has it.
    pub name: &'a str,
    /// The key as the file has it.
    pub written: &'a str,
    /// The unit that the written key bears.
    pub unit: Option<&'static str>,
    pub entry: &'a Entry,
}

/// The entries of a map, in file order.
pub(super) struct Entries<'a> {
    at: At<'a>,
    items: std::vec::IntoIter<Item<'a>>,
    current: Option<Item<'a>>,
}

impl<'a> Entries<'a> {
    pub fn new(at: At<'a>, items: Vec<Item<'a>>) -> Self {
        Self { at, items: items.into_iter(), current: None }
    }
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        self.current = self.items.next();
        let Some(item) = &self.current else { return Ok(None) };
        let origin = &item.entry.key;
        let node = Node { value: Value::Plain(item.name.to_owned()), origin: origin.clone() };
        let trail = Trail::Key(&self.at.trail, item.written);
        seed.deserialize(At { node: &node, key: Some(origin), trail, sole: false, ..self.at }).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let Some(item) = self.current.take() else {
            return Err(Failure::new("a value was read before its key"));
        };
        let Entry { key, value } = item.entry;
        let with_unit = item.unit.and_then(|unit| with_unit(value, unit));
        let node = with_unit.as_ref().unwrap_or(value);
        let at = At {
            node,
            key: Some(key),
            trail: Trail::Key(&self.at.trail, item.written),
            sole: false,
            ..self.at
        };
        seed.deserialize(at).map_err(at.place())
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// A bare number with the unit that its key bears.
fn with_unit(node: &Node, unit: &str) -> Option<Node> {
    match &node.value {
        Value::Plain(text) if super::number::float(text).is_ok() => {
            Some(Node { value: Value::Plain(format!("{text} {unit}")), origin: node.origin.clone() })
        }
        _ => None,
    }
}

/// The items of a list.
pub(super) struct Items<'a> {
    at: At<'a>,
    items: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

impl<'a> Items<'a> {
    pub fn new(at: At<'a>, items: &'a [Node]) -> Self {
        Self { at, items: items.iter().enumerate() }
    }
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        for (index, node) in self.items.by_ref() {
            let trail = Trail::Index(&self.at.trail, index);
            let at = At { node, key: None, trail, sole: false, ..self.at };
            if self.at.context.is_left_out(trail) {
                continue;
            }
            return seed.deserialize(at).map(Some).map_err(at.place());
        }
        Ok(None)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

static NOTHING: Node = Node { value: Value::Null, origin: Origin::Builtin };

/// The variant of an enum, and what it holds.
pub(super) struct Variant<'a> {
    name: &'static str,
    at: At<'a>,
    written: &'a str,
    content: &'a Node,
    key: &'a Origin,
}

impl<'a> Variant<'a> {
    /// Reads which variant a node is: a word, or the one key of a map.
    pub fn of(at: At<'a>, variants: &'static [&'static str]) -> Result<Self, Failure> {
        let (written, content, key) = match at.value() {
            Value::Plain(word) | Value::Quoted(word) => (word.as_str(), &NOTHING, &at.node.origin),
            Value::Map(map) if map.len() == 1 => {
                let (written, Entry { key, value }) = map.first().expect("a map of one entry has a first");
                (written.as_str(), value, key)
            }
            _ => return Err(Self::not_one(at, variants)),
        };
        match alias::resolve_value(written, variants) {
            Some(_) if at.lacks(written) => Err(at.expected("a sound variant")),
            Some(name) => Ok(Self { name, at, written, content, key }),
            None => {
                Err(Failure::from(unknown("value", written, variants)).at(|| (at.trail.path(), key.clone())))
            }
        }
    }

    fn not_one(at: At, variants: &[&str]) -> Failure {
        let found = match at.value() {
            Value::Map(map) if !map.is_empty() => quoted(map.keys().map(String::as_str)),
            _ => at.node.describe(),
        };
        let all = quoted(variants.iter().copied());
        at.place()(Failure::new(format!("expected exactly one of {all}; found {found}")))
    }

    /// Gives what the variant holds to `read`.
    fn content<T>(&self, read: impl FnOnce(At) -> Result<T, Failure>) -> Result<T, Failure> {
        let trail = Trail::Key(&self.at.trail, self.written);
        let at = At { node: self.content, key: Some(self.key), trail, sole: true, ..self.at };
        read(at).map_err(at.place())
    }
}

impl<'de, 'a> de::EnumAccess<'de> for Variant<'a> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Failure> {
        seed.deserialize(self.name.into_deserializer()).map(|value| (value, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        match &self.content.value {
            Value::Null => Ok(()),
            Value::Map(map) if map.is_empty() => Ok(()),
            _ => self.content(|_| Err(Failure::new(format!("`{}` takes no settings", self.written)))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        self.content(|at| seed.deserialize(at))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.content(|at| serde::Deserializer::deserialize_seq(at, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.content(|at| serde::Deserializer::deserialize_struct(at, "", names, visitor))
    }
}
