//! From a [tree](super::tree) to typed values, through serde, with every error placed in the file.
//!
//! Serde stops at the first error. To find the others, the node at fault is left out and the whole is read again;
//! errors that follow from what was left out are not reported.

use std::{cell::RefCell, collections::BTreeSet};

use serde::de::{DeserializeOwned, Visitor};

use super::{
    alias,
    diagnostic::{Diagnostic, Diagnostics},
    path::{Path, Segment},
    source::Origin,
    tree::{Entry, Node, Value},
};

mod access;
mod failure;
mod number;

use access::{Entries, Item, Items, Variant};
use failure::Failure;
pub(super) use number::exact;

/// Errors after which the search for more ends: as many as are shown, and a few to sort.
const ENOUGH: usize = 50;

/// Reads a typed value from a tree.
///
/// * A map is read as a struct by its keys: our words, or AWS's for them (then a bare number takes the unit
///   that AWS's name bears). A key that the struct has not is an error, with or without `deny_unknown_fields`.
/// * An enum is one word, or a map with one key: `poisson: { rate: 5/s }`. A word may also stand for a variant
///   whose settings all have defaults.
/// * Unquoted text is read as the type wants it: `010` is a name but no number. Quoted text is never a number.
pub fn from_node<T: DeserializeOwned>(node: &Node) -> Result<T, Diagnostics> {
    let context = Context::default();
    loop {
        let top = At { node, key: None, trail: Trail::Top, context: &context, sole: false };
        match T::deserialize(top) {
            Ok(value) => return Diagnostics::new(context.found.into_inner()).or(value),
            Err(failure) => {
                if !context.leave_out(failure) {
                    return Err(Diagnostics::new(context.found.into_inner()));
                }
            }
        }
    }
}

/// What is known across readings.
#[derive(Default)]
struct Context {
    found: RefCell<Vec<Diagnostic>>,
    /// Nodes that are left out, for an error in them was reported.
    left_out: RefCell<BTreeSet<Path>>,
    /// Keys that were reported as unknown, by their paths, and those suggested instead.
    unknown: RefCell<BTreeSet<Path>>,
    suggested: RefCell<BTreeSet<Path>>,
}

impl Context {
    /// Reports a failure unless it follows from an earlier one. Whether another reading can find more.
    fn leave_out(&self, failure: Failure) -> bool {
        let path = failure.path();
        if !self.follows(&failure, &path) {
            self.found.borrow_mut().push(failure.into_diagnostic());
        }
        let new = self.left_out.borrow_mut().insert(path.clone());
        new && !path.is_root() && self.found.borrow().len() < ENOUGH
    }

    fn is_left_out(&self, trail: Trail) -> bool {
        let left_out = self.left_out.borrow();
        // Paths are built only once there is an error.
        !left_out.is_empty() && left_out.contains(&trail.path())
    }

    /// Whether a failure is only the consequence of what was left out or is unknown.
    fn follows(&self, failure: &Failure, path: &Path) -> bool {
        match failure.missing {
            Some(field) => {
                let stands_for = |child: &Path| match child.segments().split_last() {
                    Some((Segment::Key(key), parents)) => {
                        parents == path.segments() && alias::resolve(key, &[field]).is_some()
                    }
                    _ => false,
                };
                self.left_out.borrow().iter().any(stands_for)
                    || self.suggested.borrow().contains(&path.key(field))
            }
            None => self.left_out.borrow().iter().any(|child| child.parent().as_ref() == Some(path)),
        }
    }

    /// Reports an error about a key, once.
    fn report_key(&self, path: Path, error: Diagnostic) {
        if self.unknown.borrow_mut().insert(path.clone()) {
            self.found.borrow_mut().push(error.on(path));
        }
    }
}

/// The way to a node: a list on the stack, turned into a path only for messages.
#[derive(Clone, Copy)]
enum Trail<'a> {
    Top,
    Key(&'a Trail<'a>, &'a str),
    Index(&'a Trail<'a>, usize),
}

impl Trail<'_> {
    fn path(&self) -> Path {
        match self {
            Self::Top => Path::ROOT,
            Self::Key(parent, key) => parent.path().key(*key),
            Self::Index(parent, index) => parent.path().index(*index),
        }
    }
}

/// A node on its way to a typed value.
#[derive(Clone, Copy)]
struct At<'a> {
    node: &'a Node,
    /// Where the node's key is written.
    key: Option<&'a Origin>,
    trail: Trail<'a>,
    context: &'a Context,
    /// Whether this is what an enum's variant holds: nothing then means no settings.
    sole: bool,
}

impl<'a> At<'a> {
    fn value(&self) -> &'a Value {
        &self.node.value
    }

    /// A failure about this node, unless it has a place of its own.
    fn place(self) -> impl FnOnce(Failure) -> Failure {
        move |failure| failure.at(|| (self.trail.path(), self.node.place(self.key).clone()))
    }

    fn expected(self, what: &str) -> Failure {
        self.place()(Failure::new(format!("expected {what}; found {}", self.node.describe())))
    }

    /// The entries of a map.
    fn entries(self, what: &str) -> Result<impl Iterator<Item = (&'a str, &'a Entry)>, Failure> {
        match self.value() {
            Value::Map(map) => Ok(Some(map)),
            Value::Null if self.sole => Ok(None),
            _ => Err(self.expected(what)),
        }
        .map(|map| map.into_iter().flatten().map(|(name, entry)| (name.as_str(), entry)))
    }

    /// Whether an error in the child of this name was reported already.
    fn lacks(self, name: &str) -> bool {
        self.context.is_left_out(Trail::Key(&self.trail, name))
    }

    /// The entries of a map that stand for fields; errors for those that do not.
    fn fields(self, names: &'static [&'static str]) -> Result<Vec<Item<'a>>, Failure> {
        let mut items: Vec<Item> = Vec::new();
        for (written, entry) in self.entries("a map")? {
            let report = |error: Diagnostic| {
                let path = self.trail.path().key(written);
                self.context.report_key(path, error.at(entry.key.clone()));
            };
            match alias::resolve(written, names) {
                None => {
                    if let Some(best) = super::diagnostic::nearest(written, names.iter().copied()) {
                        self.context.suggested.borrow_mut().insert(self.trail.path().key(best));
                    }
                    report(failure::unknown("key", written, names));
                }
                Some(found) => match items.iter().find(|item| item.name == found.name) {
                    Some(other) => report(Diagnostic::new(format!(
                        "`{written}` and `{}` are two names for one setting; keep one",
                        other.written
                    ))),
                    None if self.lacks(written) => {}
                    None => items.push(Item { name: found.name, written, unit: found.unit, entry }),
                },
            }
        }
        Ok(items)
    }
}

/// Reads unquoted digits as the integer that is asked for.
macro_rules! integers {
    ($($method:ident $visit:ident $type:ident,)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            let range = (i128::from($type::MIN), i128::from($type::MAX));
            let number = match self.value() {
                Value::Plain(text) => number::integer(text, range).map_err(Failure::new).map_err(self.place())?,
                _ => return Err(self.expected("a whole number")),
            };
            let number = $type::try_from(number).expect("the number was found to be in the type's range");
            visitor.$visit(number).map_err(self.place())
        })*
    };
}

impl<'de> serde::Deserializer<'de> for At<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value() {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Quoted(text) => visitor.visit_str(text),
            Value::Plain(text) => match number::any(text) {
                Some(number::Any::Unsigned(number)) => visitor.visit_u64(number),
                Some(number::Any::Signed(number)) => visitor.visit_i64(number),
                Some(number::Any::Float(number)) => visitor.visit_f64(number),
                None => visitor.visit_str(text),
            },
            Value::List(_) => return self.deserialize_seq(visitor),
            Value::Map(_) => return self.deserialize_map(visitor),
        }
        .map_err(self.place())
    }

    integers! {
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value() {
            Value::Plain(text) => {
                let number = number::float(text).map_err(Failure::new).map_err(self.place())?;
                visitor.visit_f64(number).map_err(self.place())
            }
            _ => Err(self.expected("a number")),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value() {
            Value::Bool(value) => visitor.visit_bool(*value).map_err(self.place()),
            _ => Err(self.expected("`true` or `false`")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value() {
            Value::Plain(text) | Value::Quoted(text) => visitor.visit_str(text),
            Value::Bool(value) => visitor.visit_str(if *value { "true" } else { "false" }),
            _ => return Err(self.expected("text")),
        }
        .map_err(self.place())
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value() {
            Value::Null => visitor.visit_none().map_err(self.place()),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value() {
            Value::Null => visitor.visit_unit().map_err(self.place()),
            _ => Err(self.expected("nothing")),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match self.value() {
            Value::Map(map) if map.is_empty() => visitor.visit_unit().map_err(self.place()),
            _ => self.deserialize_unit(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self).map_err(self.place())
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value() {
            Value::List(items) => visitor.visit_seq(Items::new(self, items)).map_err(self.place()),
            _ => Err(self.expected("a list")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let all = self.entries("a map")?.filter(|(name, _)| !self.lacks(name));
        let items = all.map(|(name, entry)| Item { name, written: name, unit: None, entry }).collect();
        visitor.visit_map(Entries::new(self, items)).map_err(self.place())
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_map(Entries::new(self, self.fields(names)?)).map_err(self.place())
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let variant = Variant::of(self, variants)?;
        visitor.visit_enum(variant).map_err(self.place())
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { i128 u128 bytes byte_buf }
}

#[cfg(test)]
mod tests;
