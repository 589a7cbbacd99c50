//! A user's own prices: private discounts, new Regions, services that the price book has no id for.
//!
//! Either CSV laid out as the built-in book (see [`crate::pricing::rows`]) or YAML, by price id:
//!
//! ```yaml
//! prices:
//!   kds.prov.shard_h: 0.012                                 # in every Region
//!   fh.put: { regions: { eu-central-1: 0.033 } }            # flat, although the book has tiers
//!   acme.call: { price: 0.5, per: 1000, unit: "1,000 calls", service: Acme, item: Calls }
//! ```

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;
use serde::de::{self, MapAccess, Visitor};

use super::diagnostic::{Diagnostic, Diagnostics};
use super::source::{Origin, Source};
use super::tree::{Node, Value};
use super::{de as tree_de, yaml};
use crate::pricing::{BookError, Confidence, EVERYWHERE, PriceBook, Rate, Row};

/// Reads a price file and puts its prices over those of `book`.
///
/// # Errors
/// Every mistake found, with its place in the file.
pub fn over(book: &PriceBook, source: &Arc<Source>) -> Result<PriceBook, Diagnostics> {
    if is_csv(source, "id") {
        let read = crate::pricing::rows(source.text()).and_then(|rows| book.with_own(&rows, source.text()));
        return read.map_err(|error| in_csv(source, &error).into());
    }
    let tree = yaml::parse_value(source)?;
    let prices = match &tree.value {
        Value::Map(map) if map.len() == 1 => map.get("prices").map_or(&tree, |entry| &entry.value),
        _ => &tree,
    };
    over_tree(book, prices, source.text())
}

/// Puts prices by id over those of `book`; `text` is what the book's digest shall depend on.
pub(super) fn over_tree(book: &PriceBook, prices: &Node, text: &str) -> Result<PriceBook, Diagnostics> {
    let read: IndexMap<String, OwnPrice> = tree_de::from_node(&tree_de::exact(prices))?;
    let rows: Vec<Row> = read.into_iter().map(|(id, own)| own.row(id)).collect();
    book.with_own(&rows, text).map_err(|error| {
        let place = error.id.as_ref().map_or(prices.origin.clone(), |id| key_origin(prices, id));
        Diagnostic::new(error.to_string()).at(place).into()
    })
}

/// Where a key of a map is written; the map's own place if it has no such key.
pub(super) fn key_origin(map: &Node, key: &str) -> Origin {
    match &map.value {
        Value::Map(entries) => entries.get(key).map_or(&map.origin, |entry| &entry.key).clone(),
        _ => map.origin.clone(),
    }
}

/// Whether a text is CSV: by its name, or by a first line that begins with this column.
pub(super) fn is_csv(source: &Source, column: &str) -> bool {
    let first = source.text().lines().next().unwrap_or_default();
    source.name().ends_with(".csv") || first.split_once(',').is_some_and(|(name, _)| name.trim() == column)
}

fn in_csv(source: &Arc<Source>, error: &BookError) -> Diagnostic {
    let diagnostic = Diagnostic::new(error.to_string());
    let Some(line) = error.line.and_then(|line| usize::try_from(line).ok()) else {
        return diagnostic.at(Origin::File { source: Arc::clone(source), span: 0..0 });
    };
    let lines = source.lines(line, line);
    let written = source.text()[lines.clone()].trim_end().len();
    diagnostic.at(Origin::File { source: Arc::clone(source), span: lines.start..lines.start + written })
}

/// One price as the user states it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// In every Region.
    price: Option<Number>,
    /// By Region.
    #[serde(default)]
    regions: IndexMap<String, Number>,
    service: Option<String>,
    item: Option<String>,
    unit: Option<String>,
    /// Single units that the price buys.
    per: Option<Number>,
    /// Single units free each month.
    free: Option<Number>,
}

/// A bare price, or one with settings.
struct OwnPrice(Settings);

impl OwnPrice {
    fn row(self, id: String) -> Row {
        let Settings { price, regions, service, item, unit, per, free } = self.0;
        let everywhere = price.map(|price| (EVERYWHERE.to_owned(), price));
        let rate = |price: Number| Rate { price: price.0, confidence: Confidence::Own };
        Row {
            id,
            service,
            item,
            unit,
            // A fraction of a unit cannot be bought; 0 is refused with the other rows.
            per: per.map(|per| per.0.to_u64().filter(|_| per.0.fract().is_zero()).unwrap_or(0)),
            free: free.map(|free| free.0),
            rates: everywhere
                .into_iter()
                .chain(regions)
                .map(|(region, price)| (region, rate(price)))
                .collect(),
            ..Row::default()
        }
    }
}

impl<'de> Deserialize<'de> for OwnPrice {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PriceVisitor)
    }
}

struct PriceVisitor;

impl<'de> Visitor<'de> for PriceVisitor {
    type Value = OwnPrice;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter
            .write_str("a price in USD such as `0.015`, or a map such as `{ regions: { us-east-1: 0.015 } }`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OwnPrice, E> {
        let price = Number::read(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))?;
        Ok(OwnPrice(Settings { price: Some(price), ..Settings::default() }))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OwnPrice, A::Error> {
        Settings::deserialize(de::value::MapAccessDeserializer::new(map)).map(OwnPrice)
    }
}

/// An exact number, zero or more.
#[derive(Clone, Copy, Debug)]
struct Number(Decimal);

impl Number {
    fn read(text: &str) -> Option<Self> {
        Decimal::from_str_exact(text).ok().filter(|number| !number.is_sign_negative()).map(Self)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong =
            || de::Error::custom(format!("expected a number, zero or more, such as `0.015`; found `{text}`"));
        Self::read(&text).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::Asked;

    fn read(name: &str, text: &str) -> Result<PriceBook, Diagnostics> {
        over(PriceBook::builtin(), &Source::new(name, text))
    }

    fn price(book: &PriceBook, id: &str, region: &str) -> Option<String> {
        let asked = Asked { region, at: book.as_of(), estimates: false };
        let tier = book.price(id, asked).ok()?.tiers.remove(0);
        tier.price.ok().map(|rate| rate.price.to_string())
    }

    #[test]
    fn yaml_and_csv_say_the_same() {
        let yaml = "prices:\n  fh.put: { regions: { eu-central-1: 0.033 } }\n  kds.prov.shard_h: 0.0120\n";
        let csv = "id,eu-central-1,*\nfh.put,0.033,\nkds.prov.shard_h,,0.0120\n";
        for (name, text) in
            [("p.yaml", yaml), ("p.csv", csv), ("p.yaml", yaml.strip_prefix("prices:").unwrap())]
        {
            let book = read(name, text).unwrap();
            assert_eq!(price(&book, "fh.put", "eu-central-1").as_deref(), Some("0.033"), "{text}");
            assert_eq!(price(&book, "fh.put", "us-east-1").as_deref(), Some("0.029"), "{text}");
            assert_eq!(
                price(&book, "kds.prov.shard_h", "ap-northeast-1").as_deref(),
                Some("0.0120"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_new_service_has_its_own_unit() {
        let book =
            read("p.yaml", "acme.call: { price: 0.5, per: 1_000, unit: '1,000 calls', service: Acme }")
                .unwrap();
        let entry = book.entries().find(|entry| entry.id == "acme.call").unwrap();
        assert_eq!((entry.per, entry.service.as_str(), entry.unit.as_str()), (1_000, "Acme", "1,000 calls"));
    }

    #[test]
    fn mistakes_are_shown_where_they_are() {
        for (name, text, parts) in [
            ("p.csv", "id,us-east-1\nfh.put.t1,0.02\nfh.dfc_gb,x\n", ["p.csv:3:1", "`us-east-1` is `x`"]),
            ("p.csv", "id,us-east-1\nfh.put,0.02,1\n", ["p.csv:2:1", "the header has 2 columns, this row 3"]),
            ("p.csv", "id,service\n", ["p.csv:1:1", "there is no column with prices"]),
            ("p.yaml", "prices:\n  fh.put: -1\n", ["p.yaml:2:11", "found `-1`"]),
            ("p.yaml", "fh.put: 1\nx.y: { per: 0.5, price: 1 }\n", ["p.yaml:2:1", "at least one unit"]),
            ("p.yaml", "fh.put: { prise: 1 }\n", ["p.yaml:1:", "did you mean `price`?"]),
            ("p.yaml", "fh.put: { regions: { us-east-1: dear } }\n", ["p.yaml:1:33", "found `dear`"]),
        ] {
            let error = read(name, text).unwrap_err().to_string();
            for part in parts {
                assert!(error.contains(part), "{text} does not say {part}:\n{error}");
            }
        }
    }
}
