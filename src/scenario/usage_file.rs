//! Usage files: what a month used, by price id, to be billed without simulating.
//!
//! ```yaml
//! region: us-east-1
//! month_hours: 730
//! free_tier: false
//! at: 2026-11-21                 # the day whose prices hold
//! advantage_commitment: false    # On-demand Advantage: what the account uses elsewhere makes up its minimum
//! prices: { fh.put: 0.025 }      # over those of the book, flat where that has tiers
//! usage:                         # single units: requests, GB, hours, GB-s
//!   kds.prov.shard_h: 14600
//!   fh.put: 30080
//! ```
//!
//! Only `usage` must be there, and may also stand alone. A `result.json` is read too, as billed there, and CSV with the
//! columns `id,quantity`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::file::REGION;
use super::path::{Path, Segment};
use super::price_file::{self, is_csv, key_origin};
use super::source::{Origin, Source};
use super::tree::{Entry, Node, Value};
use super::{de, yaml};
use crate::pricing::{
    Asked, Bill, BillError, Date, Line, LookupError, PriceBook, Row, Terms, Usage, UsageError, commitment,
};
use crate::systems::fleet::host::OWN_HOST;

/// The hours that a month, or what is billed of it, can have; 730 is what AWS's calculator takes.
const MONTH_HOURS: std::ops::RangeInclusive<u32> = 1..=744;
const MONTH_HOURS_DEFAULT: u32 = 730;

/// What the command line says besides the file; it goes before what the file says.
#[derive(Clone, Debug, Default)]
pub struct BillOptions {
    /// AWS Region.
    pub region: Option<String>,
    /// The day whose prices hold.
    pub at: Option<Date>,
    /// Length of the month.
    pub month_hours: Option<u32>,
    /// Whether the monthly free quantities are taken off.
    pub free_tier: Option<bool>,
    /// The user's own prices.
    pub prices: Option<PathBuf>,
    /// Show what has no price instead of refusing it.
    pub allow_unknown: bool,
    /// Let estimates stand in for prices that are not known.
    pub allow_estimates: bool,
}

/// A usage file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UsageFile {
    region: Option<String>,
    month_hours: Option<u32>,
    free_tier: Option<bool>,
    at: Option<Date>,
    allow_estimates: Option<bool>,
    advantage_commitment: Option<bool>,
    #[serde(rename = "prices")]
    _prices: Option<IgnoredAny>,
    usage: Usage,
}

/// Bills a usage file.
///
/// # Errors
/// Every mistake in it, in the user's prices and, unless they are allowed, every id and price that is not known, each with
/// its place.
pub fn bill(source: &Arc<Source>, options: &BillOptions) -> Result<Bill, Diagnostics> {
    let tree = exact_parts(&tree(source, options.month_hours)?);
    let mut file: UsageFile = de::from_node(&tree)?;
    let mut order = Order { book: book(&tree, options)?, terms: terms(&tree, &file, options)?, tree };
    order.check_prices(&file.usage)?;
    order.check_names(&file.usage, options.allow_unknown)?;
    let is_open = commitment::is_open(&file.usage);
    if is_open && file.advantage_commitment.unwrap_or(true) {
        let added = commitment::add(&mut file.usage, order.terms.month_hours);
        added.map_err(|error| order.wrong(error.into()))?;
    }
    let mut bill =
        Bill::of(&file.usage, &order.book, order.terms.clone()).map_err(|error| order.wrong(error))?;
    if is_open && file.advantage_commitment == Some(false) {
        for line in bill.lines.iter_mut().filter(|line| line.id.starts_with("kds.adv.")) {
            let said =
                "without the minimum of On-demand Advantage, as `advantage_commitment: false` says (KDS-A4)";
            line.note.get_or_insert_with(|| said.to_owned());
        }
    }
    if options.allow_unknown {
        return Ok(bill);
    }
    let unknown = bill.lines.iter().filter(|line| line.amount.is_none());
    Diagnostics::new(unknown.map(|line| order.unknown(line, &file.usage)).collect()).or(bill)
}

/// The lines that a `result.json` has at another unit price than this bill on the same terms, so that the two differ; none of any
/// other file.
pub fn other_prices(source: &Arc<Source>, bill: &Bill) -> Vec<String> {
    let tree = if is_csv(source, "id") { None } else { yaml::parse_value(source).ok() };
    let cost = tree.as_ref().and_then(|tree| tree.get(&Path::ROOT.key("cost")));
    let Some(cost) = cost else { return Vec::new() };
    fn word<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
        match &node.get(&Path::ROOT.key(key))?.value {
            Value::Quoted(text) | Value::Plain(text) => Some(text),
            _ => None,
        }
    }
    // Another Region or day has other prices because that was asked for.
    let same_terms = word(cost, "region").is_none_or(|region| region == bill.terms.region)
        && word(cost, "at").is_none_or(|at| at == bill.terms.at.to_string());
    let lines = match cost.get(&Path::ROOT.key("lines")).map(|lines| &lines.value) {
        Some(Value::List(lines)) if same_terms => lines.as_slice(),
        _ => &[],
    };
    let differs = |line: &&Node| {
        let there = word(line, "unit_price").and_then(|price| price.parse::<Decimal>().ok());
        let here = word(line, "id").and_then(|id| bill.lines.iter().find(|line| line.id == id));
        here.is_some_and(|here| here.unit_price != there)
    };
    lines.iter().filter(differs).filter_map(|line| word(line, "id").map(str::to_owned)).collect()
}

/// The file as a map with the key `usage`.
fn tree(source: &Arc<Source>, month_hours: Option<u32>) -> Result<Node, Diagnostics> {
    let origin = |span| Origin::File { source: Arc::clone(source), span };
    let tree = if is_csv(source, "id") { of_csv(source)? } else { yaml::parse_value(source)? };
    let Value::Map(map) = &tree.value else {
        let help = "a usage file has a line `usage:` and, below it, lines like `kds.prov.shard_h: 14600`";
        let empty = matches!(tree.value, Value::Null);
        let message = if empty { "the usage file is empty" } else { "expected a map with the key `usage`" };
        return Err(Diagnostic::new(message).at(tree.origin).help(help).into());
    };
    let is_result = map.contains_key("usage") && map.contains_key("identity");
    if is_result {
        keeps_month(&tree, month_hours)?;
        return Ok(of_result(&tree));
    }
    let known = [
        "region",
        "month_hours",
        "free_tier",
        "at",
        "allow_estimates",
        "advantage_commitment",
        "prices",
        "usage",
    ];
    // Ids have a point in them, keys have none.
    if map.is_empty() || map.keys().any(|key| known.contains(&key.as_str()) || !key.contains('.')) {
        return Ok(tree);
    }
    let usage = Entry { key: origin(0..0), value: tree.clone() };
    let map = IndexMap::from([("usage".to_owned(), usage)]);
    Ok(Node { value: Value::Map(map), origin: tree.origin })
}

/// A result's usage is that of its own month already: no other length is put on it.
fn keeps_month(tree: &Node, wanted: Option<u32>) -> Result<(), Diagnostic> {
    let path = Path::ROOT.key("cost").key("month_hours");
    match (tree.get(&path).map(|node| &node.value), wanted) {
        (Some(Value::Plain(stated)), Some(wanted)) if *stated != wanted.to_string() => {
            let message =
                format!("the usage of this result was made on a month of {stated} h, not of {wanted} h");
            let help = format!("run its scenario again, with `--set billing.month={wanted}h`");
            Err(Diagnostic::new(message).at(tree.origin_at(&path)).on(path).help(help))
        }
        _ => Ok(()),
    }
}

/// The usage of a `result.json`, on the terms of its bill: with what it used beside what the book has a name for, and the prices
/// that it states for hosts of its own.
fn of_result(tree: &Node) -> Node {
    let keys = ["region", "month_hours", "free_tier", "at", "allow_estimates"];
    let of_cost = keys.map(|key| (key, Path::ROOT.key("cost").key(key)));
    let parts = of_cost.into_iter().chain([("usage", Path::ROOT.key("usage"))]);
    let entry = |value: &Node| Entry { key: value.origin.clone(), value: value.clone() };
    let mut map: IndexMap<String, Entry> =
        parts.filter_map(|(key, path)| Some((key.to_owned(), entry(tree.get(&path)?)))).collect();
    let mut prices = IndexMap::new();
    let lines = tree.get(&Path::ROOT.key("cost").key("lines")).map(|lines| &lines.value);
    for line in if let Some(Value::List(lines)) = lines { lines.as_slice() } else { &[] } {
        let part = |key: &str| line.get(&Path::ROOT.key(key));
        let Some(Value::Quoted(id) | Value::Plain(id)) = part("id").map(|id| &id.value) else { continue };
        if let Some(price) = part("unit_price").filter(|_| id.starts_with(OWN_HOST)) {
            prices.insert(id.clone(), entry(price));
        }
        let usage = map.get_mut("usage").map(|usage| &mut usage.value.value);
        let (Some(Value::Map(usage)), Some(quantity)) = (usage, part("quantity")) else { continue };
        // A line's id may be that of a tier of what was used.
        if !usage.keys().any(|used| id.starts_with(used.as_str())) {
            usage.insert(id.clone(), entry(quantity));
        }
    }
    if !prices.is_empty() {
        let value = Node { value: Value::Map(prices), origin: tree.origin.clone() };
        map.insert("prices".to_owned(), Entry { key: tree.origin.clone(), value });
    }
    Node { value: Value::Map(map), origin: tree.origin.clone() }
}

/// Rows of an id and a quantity.
fn of_csv(source: &Arc<Source>) -> Result<Node, Diagnostics> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(source.text().as_bytes());
    let (mut usage, mut errors) = (IndexMap::new(), Vec::new());
    for (number, record) in reader.records().enumerate() {
        let record = record.map_err(|error| Diagnostic::new(error.to_string()))?;
        let start = record.position().map_or(0, |at| usize::try_from(at.byte()).unwrap_or(usize::MAX));
        let (line, start) = line_at(source.text(), start);
        let origin = |cell: &str, from: usize| {
            let at = line.get(from..).and_then(|rest| rest.find(cell)).map_or(start, |at| start + from + at);
            Origin::File { source: Arc::clone(source), span: at..at + cell.len() }
        };
        let cells: Vec<&str> = record.iter().map(str::trim).collect();
        match cells[..] {
            ["id", "quantity"] if number == 0 => {}
            _ if number == 0 => {
                let error = Diagnostic::new("expected the header `id,quantity`").at(origin(line, 0));
                return Err(error.into());
            }
            [id, _] if usage.contains_key(id) => {
                errors.push(Diagnostic::new(format!("`{id}` is there twice")).at(origin(id, 0)));
            }
            [id, quantity] => {
                let value =
                    Node { value: Value::Plain(quantity.to_owned()), origin: origin(quantity, id.len()) };
                usage.insert(id.to_owned(), Entry { key: origin(id, 0), value });
            }
            _ => errors.push(Diagnostic::new("expected an id and a quantity").at(origin(line, 0))),
        }
    }
    let origin = Origin::File { source: Arc::clone(source), span: 0..0 };
    let value = Node { value: Value::Map(usage), origin: origin.clone() };
    let map = IndexMap::from([("usage".to_owned(), Entry { key: origin.clone(), value })]);
    Diagnostics::new(errors).or(Node { value: Value::Map(map), origin })
}

/// The line that begins at or, after empty lines, soon after a byte offset, and where it does.
fn line_at(text: &str, offset: usize) -> (&str, usize) {
    let rest = text.get(offset..).unwrap_or_default();
    let line = rest.trim_start_matches(['\n', '\r']);
    (line.lines().next().unwrap_or_default(), text.len() - line.len())
}

/// Quantities and prices with all their digits.
fn exact_parts(tree: &Node) -> Node {
    let mut tree = tree.clone();
    if let Value::Map(map) = &mut tree.value {
        for (_, entry) in map.iter_mut().filter(|(key, _)| ["usage", "prices"].contains(&key.as_str())) {
            entry.value = de::exact(&entry.value);
        }
    }
    tree
}

/// The built-in book, under the prices of the command line and then of the file.
fn book(tree: &Node, options: &BillOptions) -> Result<PriceBook, Diagnostics> {
    let mut book = PriceBook::builtin().clone();
    if let Some(path) = &options.prices {
        book = price_file::over(&book, &Source::read(path)?)?;
    }
    match tree.get(&Path::ROOT.key("prices")).filter(|prices| prices.value != Value::Null) {
        Some(prices) => price_file::over_tree(&book, prices, &super::canonical::digest(prices)),
        None => Ok(book),
    }
}

fn terms(tree: &Node, file: &UsageFile, options: &BillOptions) -> Result<Terms, Diagnostics> {
    let month_hours = options.month_hours.or(file.month_hours).unwrap_or(MONTH_HOURS_DEFAULT);
    if !MONTH_HOURS.contains(&month_hours) {
        let (least, most) = MONTH_HOURS.into_inner();
        let path = Path::ROOT.key("month_hours");
        let message = format!("a month has {least} to {most} hours; found `{month_hours}`");
        return Err(Diagnostic::new(message).at(tree.origin_at(&path)).on(path).into());
    }
    Ok(Terms {
        region: options.region.clone().or(file.region.clone()).unwrap_or_else(|| REGION.value.to_owned()),
        at: options.at.or(file.at).unwrap_or(PriceBook::builtin().as_of()),
        month_hours,
        free_tier: options.free_tier.or(file.free_tier).unwrap_or(false),
        allow_estimates: options.allow_estimates || file.allow_estimates.unwrap_or(false),
    })
}

/// What is to be billed, with what its errors need.
struct Order {
    tree: Node,
    book: PriceBook,
    terms: Terms,
}

impl Order {
    fn asked(&self) -> Asked<'_> {
        let Terms { region, at, allow_estimates, .. } = &self.terms;
        Asked { region, at: *at, estimates: *allow_estimates }
    }

    /// An error about a key in a section.
    fn at(&self, section: &str, key: &str, message: impl Into<String>) -> Diagnostic {
        let path = Path::ROOT.key(section);
        let place = self.tree.get(&path).map_or(Origin::Builtin, |node| key_origin(node, key));
        Diagnostic::new(message).at(place).on(path.key(key))
    }

    /// A price of the file's own must be one that the book has, or that the usage asks for by the same name.
    fn check_prices(&self, usage: &Usage) -> Result<(), Diagnostics> {
        let Some(Value::Map(prices)) =
            self.tree.get(&Path(vec![Segment::Key("prices".into())])).map(|it| &it.value)
        else {
            return Ok(());
        };
        let region = PriceBook::builtin().regions().first().cloned().unwrap_or_default();
        let asked = Asked { region: &region, ..self.asked() };
        let unknown =
            prices.keys().filter(|id| !usage.0.contains_key(*id)).filter_map(|id| match PriceBook::builtin()
                .price(id, asked)
            {
                Err(LookupError::UnknownId { nearest, .. }) => {
                    Some(self.at("prices", id, no_such(id, &nearest)))
                }
                _ => None,
            });
        Diagnostics::new(unknown.collect()).or(())
    }

    /// Refuses ids and Regions that the book does not have; or takes the ids into the book, without a price.
    fn check_names(&mut self, usage: &Usage, allow_unknown: bool) -> Result<(), Diagnostics> {
        let (mut errors, mut rows) = (Vec::new(), Vec::new());
        for id in usage.0.keys() {
            match self.book.price(id, self.asked()) {
                Err(LookupError::UnknownId { .. }) if allow_unknown => {
                    rows.push(Row { id: id.clone(), ..Row::default() });
                }
                Err(LookupError::UnknownId { nearest, .. }) => {
                    errors.push(self.at("usage", id, no_such(id, &nearest)));
                }
                Err(LookupError::UnknownRegion { region, nearest }) if !allow_unknown => {
                    let path = Path::ROOT.key("region");
                    let message =
                        format!("the price book has no Region `{region}`; the nearest is `{nearest}`");
                    let error = Diagnostic::new(message).at(self.tree.origin_at(&path)).on(path);
                    let help = format!("it has {}", self.book.regions().join(", "));
                    return Err(error.help(help).into());
                }
                _ => {}
            }
        }
        if !rows.is_empty() {
            self.book = self.book.with_own(&rows, "").map_err(|error| Diagnostic::new(error.to_string()))?;
        }
        Diagnostics::new(errors).or(())
    }

    fn wrong(&self, error: BillError) -> Diagnostics {
        let message = error.to_string().trim_end_matches('.').to_owned();
        match &error {
            BillError::Usage(
                UsageError::Negative { id }
                | UsageError::CausesDiffer { id, .. }
                | UsageError::TooLarge { id },
            ) => self.at("usage", id, message).into(),
            _ => Diagnostic::new(message).into(),
        }
    }

    /// A line without a price; its id may be that of a tier, a free band or an older price.
    fn unknown(&self, line: &Line, usage: &Usage) -> Diagnostic {
        let asked: BTreeMap<usize, &String> =
            usage.0.keys().filter(|id| line.id.starts_with(id.as_str())).map(|id| (id.len(), id)).collect();
        let id = asked.last_key_value().map_or(&line.id, |(_, id)| id);
        let why = line.note.clone().unwrap_or_default();
        let nearest = self.nearest_region(&line.id);
        self.at("usage", id, format!("{}: {why}{nearest}", line.id)).help(
            "state it under `prices`, allow estimates with --allow-estimates, or show it as unknown with --allow-unknown",
        )
    }

    /// The Regions whose price is known, for a price that is not.
    fn nearest_region(&self, id: &str) -> String {
        let entry = self.book.entries().find(|entry| entry.id == id);
        let known = entry.map(|entry| entry.rates.into_keys().collect::<Vec<_>>()).unwrap_or_default();
        if known.is_empty() { String::new() } else { format!("; it is known in {}", known.join(", ")) }
    }
}

fn no_such(id: &str, nearest: &str) -> String {
    format!("the price book has no `{id}`; the nearest is `{nearest}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::Cause;

    fn read(name: &str, text: &str, options: &BillOptions) -> Result<Bill, Diagnostics> {
        bill(&Source::new(name, text), options)
    }

    fn total(name: &str, text: &str) -> String {
        let bill = read(name, text, &BillOptions::default()).unwrap_or_else(|errors| panic!("{errors}"));
        bill.total.unwrap().to_string()
    }

    #[test]
    fn usage_is_read_from_yaml_json_csv_and_alone() {
        // 20 shards for 730 h at 0.015 USD, and 1,000 GB at 0.029 USD.
        for (name, text) in [
            ("u.yaml", "usage:\n  kds.prov.shard_h: 14_600\n  fh.put: 1e3\n"),
            ("u.json", r#"{"region": "us-east-1", "usage": {"kds.prov.shard_h": 14600, "fh.put": "1000"}}"#),
            (
                "u.json",
                r#"{"kds.prov.shard_h": {"quantity": "14600", "causes": {"base": "14600"}}, "fh.put": 1000}"#,
            ),
            ("u.csv", "id,quantity\nkds.prov.shard_h,14600\n\n\"fh.put\", 1000\n"),
            ("<stdin>", "id,quantity\r\nkds.prov.shard_h,14600\r\nfh.put,1000\r\n"),
        ] {
            assert_eq!(total(name, text), "248.00", "{text}");
        }
    }

    #[test]
    fn the_terms_are_the_files_unless_the_command_line_says_otherwise() {
        let text = "region: us-west-2\nmonth_hours: 744\nfree_tier: true\nat: 2024-10-31\nusage: { lambda.req: 3000000, ddb.od.wru: 1000000 }\n";
        assert_eq!(
            total("u.yaml", text),
            "1.65",
            "2 x 0.20 after the free million, and 1.25 in October 2024"
        );
        let options = BillOptions {
            region: Some("eu-west-1".into()),
            at: "2026-01-05".parse().ok(),
            month_hours: Some(720),
            free_tier: Some(false),
            ..BillOptions::default()
        };
        let bill = read("u.yaml", text, &options).unwrap();
        assert_eq!(bill.total.unwrap().to_string(), "1.31", "3 x 0.20 and 0.705");
        assert_eq!((bill.terms.region.as_str(), bill.terms.month_hours), ("eu-west-1", 720));
    }

    #[test]
    fn prices_go_over_the_book_and_are_flat_where_it_has_tiers() {
        let text = "prices: { fh.put: 0.02, acme.call: 2 }\nusage: { fh.put: 600_000, acme.call: 0.1, s3.put: 1000 }\n";
        let bill = read("u.yaml", text, &BillOptions::default()).unwrap();
        let lines: Vec<_> =
            bill.lines.iter().map(|line| (line.id.as_str(), line.amount.unwrap().to_string())).collect();
        let expected = [("acme.call", "0.20"), ("fh.put", "12000.00"), ("s3.put", "0.01")];
        assert_eq!(lines, expected.map(|(id, amount)| (id, amount.to_owned())));
    }

    #[test]
    fn digits_beyond_a_binary_float_count() {
        let text = "usage: { athena.scan_tb: 1234567890123.456789 }\n";
        let bill = read("u.yaml", text, &BillOptions::default()).unwrap();
        assert_eq!(bill.lines[0].quantity.to_string(), "1234567890123.456789");
        assert_eq!(bill.total.unwrap().to_string(), "6172839450617.28");
    }

    #[test]
    fn mistakes_are_shown_where_they_are_with_the_nearest_name() {
        for (name, text, parts) in [
            (
                "u.yaml",
                "usage:\n  fh.putt: 1\n",
                &["u.yaml:2:3", "no `fh.putt`; the nearest is `fh.put`"][..],
            ),
            ("u.csv", "id,quantity\ns3.put,1\nfh.putt,1\n", &["u.csv:3:1", "the nearest is `fh.put`"]),
            ("u.csv", "id,quantity\ns3.put,many\n", &["u.csv:2:8", "found `many`"]),
            ("u.csv", "id,amount\n", &["u.csv:1:1", "expected the header `id,quantity`"]),
            ("u.csv", "id,quantity\ns3.put,1\ns3.put,2\n", &["u.csv:3:1", "`s3.put` is there twice"]),
            ("u.yaml", "usage: { s3.put: -1 }\n", &["u.yaml:1:10", "usage of s3.put is negative"]),
            (
                "u.yaml",
                "region: us-eats-1\nusage: { s3.put: 1 }\n",
                &["u.yaml:1:9", "nearest is `us-east-1`"],
            ),
            (
                "u.yaml",
                "region: eu-central-1\nusage: { fh.put: 1 }\n",
                &["u.yaml:2:10", "fh.put.t1: the price in eu-central-1 is not known; it is known in"],
            ),
            (
                "u.yaml",
                "region: eu-west-1\nusage: { kds.od.in_gb: 1 }\n",
                &["about 0.0907 USD", "--allow-estimates"],
            ),
            (
                "u.yaml",
                "prices: { fh.putt: 1 }\nusage: { s3.put: 1 }\n",
                &["u.yaml:1:11", "nearest is `fh.put`"],
            ),
            ("u.yaml", "month_hours: 1000\nusage: { s3.put: 1 }\n", &["u.yaml:1:14", "1 to 744"]),
            ("u.yaml", "usgae: { s3.put: 1 }\n", &["unknown key `usgae`; did you mean `usage`?"]),
            ("u.yaml", "", &["the usage file is empty"]),
            ("u.yaml", "at: 2026-02-30\nusage: { s3.put: 1 }\n", &["u.yaml:1:5"]),
        ] {
            let error = read(name, text, &BillOptions::default()).unwrap_err().to_string();
            for part in parts {
                assert!(error.contains(part), "{text} does not say {part}:\n{error}");
            }
        }
    }

    #[test]
    fn what_is_unknown_is_shown_where_that_is_allowed() {
        let options = BillOptions { allow_unknown: true, ..BillOptions::default() };
        let bill = read("u.yaml", "usage: { fh.putt: 1, s3.put: 1000 }\n", &options).unwrap();
        assert_eq!((bill.total, bill.known_subtotal.to_string()), (None, "0.01".to_owned()));
        assert_eq!(bill.unknown, ["fh.putt"]);
        let nowhere = read("u.yaml", "region: mars-1\nusage: { s3.put: 1000 }\n", &options).unwrap();
        assert_eq!(nowhere.unknown, ["s3.put"]);

        let options = BillOptions { allow_estimates: true, ..BillOptions::default() };
        let text = "region: eu-west-1\nusage: { kds.od.in_gb: 100 }\n";
        let bill = read("u.yaml", text, &options).unwrap();
        let line = &bill.lines[0];
        assert_eq!(
            (bill.total.unwrap().to_string(), line.confidence.unwrap().letter()),
            ("9.07".into(), "E")
        );
        assert!(line.note.as_ref().unwrap().contains("not AWS's price"), "{line:?}");
    }

    /// 25 MiB/s for 730 h is 25 x 2,628,000 / 1,024 = 64,160.15625 GB: 2,053.125 USD written and 1,026.5625 USD read.
    #[test]
    fn kds_a4_usage_of_on_demand_advantage_pays_its_minimum_written_and_read() {
        let of = |text: &str| {
            let bill = read("u.yaml", text, &BillOptions::default()).unwrap();
            let amounts = bill.lines.iter().map(|line| (line.id.clone(), line.amount.unwrap().to_string()));
            (amounts.collect::<BTreeMap<_, _>>(), bill.total.unwrap().to_string(), bill)
        };
        let (lines, total, bill) = of("usage: { kds.adv.in_gb: 1000, kds.adv.out_gb: 1000 }");
        assert_eq!(
            (lines["kds.adv.in_gb"].as_str(), lines["kds.adv.out_gb"].as_str()),
            ("2053.13", "1026.56")
        );
        assert_eq!(total, "3079.69");
        assert_eq!(bill.by_cause()[&Cause::Base].to_string(), "48.00", "what was used at these prices");
        let note = bill.lines[0].note.as_ref().unwrap();
        assert!(note.starts_with("63160.16 GB of it were not used"), "{note}");
        // The minimum to read is there though nothing was read, and what is pushed counts as read.
        assert_eq!(of("usage: { kds.adv.in_gb: 1000 }").1, "3079.69");
        assert_eq!(of("usage: { kds.adv.in_gb: 70000, kds.adv.efo_gb: 70000 }").1, "3360.00");
        assert_eq!(of("month_hours: 365\nusage: { kds.adv.in_gb: 1 }").1, "1539.84");
        // Unless the usage says otherwise, which the bill then says.
        let (_, total, bill) = of("advantage_commitment: false\nusage: { kds.adv.in_gb: 1000 }");
        let note = bill.lines[0].note.as_ref().unwrap();
        assert!(total == "32.00" && note.contains("advantage_commitment: false"), "{total} {note}");
        let stated = "usage: { kds.adv.in_gb: { quantity: 1500, causes: { base: 1000, commitment: 500 } } }";
        assert_eq!(of(stated).1, "48.00", "what is stated to make up the minimum");
    }
}
