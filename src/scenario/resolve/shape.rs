//! The attributes of items.

use indexmap::IndexMap;

use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::systems::dynamodb::change_record::ItemShape;
use crate::systems::dynamodb::item_size::{Attribute, Number, Text, Value};
use crate::workload::settings::{AttributeSettings, ItemSettings, ShapeSettings};

/// Digits of a number (DDB-U14).
const DIGITS_MAX: u32 = 38;
/// The longest text or binary that is worth a thought: larger than any item (DDB-U10).
const LENGTH_MAX: u32 = 400 << 10;

/// Checks that size and shape go together.
pub(super) fn check_size(resolver: &mut Resolver, path: &Path, item: &ItemSettings) {
    let filler = item.shape.as_ref().map(|shape| shape.filler.is_some());
    match (&item.size, filler) {
        (None, None) => resolver.error(path, "expected a `size` or a `shape`"),
        (None, Some(true)) => resolver.error(path, "a `filler` fills up a `size`; write one"),
        (Some(_), Some(false)) => {
            let message = "this shape has a size of its own; name a `filler` in it, or take `size` out";
            resolver.error(&path.key("size"), message);
        }
        _ => {}
    }
    if item.before.is_some() && item.size.is_none() {
        resolver.error(&path.key("before"), "`before` goes with `size` only");
    }
}

/// The shape of items with keys of so many bytes.
pub(super) fn resolve(
    resolver: &mut Resolver,
    path: &Path,
    settings: &ShapeSettings,
    key_bytes: u32,
) -> ItemShape {
    let key = Attribute::new(settings.key.name.as_str(), Value::String(Text::plain(key_bytes)));
    let others = attributes(resolver, &path.key("attributes"), &settings.attributes);
    let mut names: Vec<&str> = settings.attributes.keys().map(String::as_str).collect();
    names.extend(settings.filler.as_deref());
    if names.contains(&settings.key.name.as_str()) {
        resolver.error(&path.key("key"), "the key's name is there twice");
    }
    if settings.filler.as_ref().is_some_and(|filler| settings.attributes.contains_key(filler)) {
        resolver.error(&path.key("filler"), "the filler is an attribute of its own; choose another name");
    }
    ItemShape { keys: vec![key], others, filler: settings.filler.clone() }
}

fn attributes(
    resolver: &mut Resolver,
    path: &Path,
    settings: &IndexMap<String, AttributeSettings>,
) -> Vec<Attribute> {
    let attribute = |(name, value): (&String, &AttributeSettings)| {
        Attribute::new(name.as_str(), self::value(resolver, &path.key(name), value))
    };
    settings.iter().map(attribute).collect()
}

fn value(resolver: &mut Resolver, path: &Path, settings: &AttributeSettings) -> Value {
    match settings {
        AttributeSettings::String(bytes) => {
            resolver.within(path, *bytes, 0..=LENGTH_MAX, "DDB-U10");
            Value::String(Text::plain(*bytes))
        }
        AttributeSettings::Binary(bytes) => {
            resolver.within(path, *bytes, 0..=LENGTH_MAX, "DDB-U10");
            Value::Binary(*bytes)
        }
        AttributeSettings::Number(digits) => {
            resolver.within(path, *digits, 1..=DIGITS_MAX, "DDB-U14");
            Value::Number(Number::whole(*digits))
        }
        AttributeSettings::Boolean => Value::Boolean(false),
        AttributeSettings::Null => Value::Null,
        AttributeSettings::List(values) => {
            let path = path.key("list");
            let values = values.iter().enumerate();
            Value::List(
                values.map(|(index, value)| self::value(resolver, &path.index(index), value)).collect(),
            )
        }
        AttributeSettings::Map(entries) => Value::Map(attributes(resolver, &path.key("map"), entries)),
    }
}
