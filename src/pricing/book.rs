//! The price book: what one unit costs, where, since when, and how sure we are.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::date::Date;

const BUILTIN: &str = include_str!("prices.csv");
const BUILTIN_AS_OF: Date = Date::new(2026, 11, 21).expect("21 November 2026 is a day");
/// The columns before the Regions, in the order of the file.
const COLUMNS: [&str; 12] = [
    "id",
    "service",
    "item",
    "unit",
    "per",
    "tier_from",
    "tier_to",
    "free",
    "free_pool",
    "valid_from",
    "valid_to",
    "source",
];

/// How sure we are of a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Confidence {
    /// Printed in a source that names the Region.
    #[serde(rename = "V")]
    Verified,
    /// Verified, but from about 2018.
    #[serde(rename = "V*")]
    VerifiedOld,
    /// One indirect source that agrees with memory.
    #[serde(rename = "C")]
    Corroborated,
    /// From memory; no source seen.
    #[serde(rename = "M")]
    Memory,
    /// Computed from another Region's ratio; not AWS's price and never used as one.
    #[serde(rename = "E")]
    Estimate,
}

/// One cell of the book: what it says for one Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rate {
    /// A list price in USD, with every digit as printed.
    Listed {
        /// USD for [`Entry::per`] single units.
        #[schemars(with = "String")]
        price: Decimal,
        /// Anything but an estimate.
        confidence: Confidence,
    },
    /// A guess in USD that must not pass for AWS's price.
    Estimated {
        /// USD for [`Entry::per`] single units.
        #[schemars(with = "String")]
        price: Decimal,
    },
    /// Nothing known.
    Missing,
}

/// One row of the book: one price, or one tier of one.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Entry {
    /// Such as `kds.prov.shard_h`; tiers end in `.t1`, `.t2` ..., superseded prices in `.old`.
    pub id: String,
    /// The AWS service that bills it.
    pub service: String,
    /// What is bought, in human words.
    pub item: String,
    /// What one price buys, as AWS prints it: `1M PUT payload units`.
    pub unit: String,
    /// The single units that one price buys: 1,000,000 for the example above.
    pub per: u64,
    /// Where this tier starts, in single units a month.
    #[schemars(with = "String")]
    pub tier_from: Decimal,
    /// Where this tier ends; `None` if it never does.
    #[schemars(with = "Option<String>")]
    pub tier_to: Option<Decimal>,
    /// Single units free each month, if there are any.
    #[schemars(with = "Option<String>")]
    pub free: Option<Decimal>,
    /// The name under which several prices share one free quantity.
    pub free_pool: Option<String>,
    /// First day on which this price holds, where known.
    pub valid_from: Option<Date>,
    /// First day on which it holds no more.
    pub valid_to: Option<Date>,
    /// Keys of the sources it was read in.
    pub source: String,
    /// By Region, in the order of [`PriceBook::regions`].
    pub rates: Vec<Rate>,
}

/// Why there is no price to use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Unpriced {
    /// The book has no price for the Region.
    #[error("the price in {region} is not known")]
    Missing {
        /// The Region.
        region: String,
    },
    /// The book has only an estimate.
    #[error("the price in {region} is not known; a ratio to other Regions gives about {price} USD")]
    Estimate {
        /// The Region.
        region: String,
        /// The estimate in USD, not for use.
        #[schemars(with = "String")]
        price: Decimal,
    },
    /// The book's price did not hold on that day.
    #[error("the price on {date} is not known")]
    OutOfDate {
        /// The day asked for.
        date: Date,
    },
    /// The usage is above the last tier whose price is known.
    #[error("the price above {above} a month is not known")]
    BeyondLastTier {
        /// Where the last tier ends, in single units.
        #[schemars(with = "String")]
        above: Decimal,
    },
    /// The book has no column for the Region.
    #[error("{0}")]
    NoSuchRegion(String),
}

/// One tier of a looked-up price.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Tier<'a> {
    /// The row it stands in.
    pub entry: &'a Entry,
    /// Where it starts, in single units a month.
    #[schemars(with = "String")]
    pub from: Decimal,
    /// Where it ends; `None` if it never does.
    #[schemars(with = "Option<String>")]
    pub to: Option<Decimal>,
    /// USD for [`Entry::per`] single units and our confidence, or why there is none.
    #[schemars(with = "Result<(String, Confidence), Unpriced>")]
    pub price: Result<(Decimal, Confidence), Unpriced>,
}

/// A price as it holds in one Region on one day.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Lookup<'a> {
    /// In ascending order, without gaps, never empty.
    pub tiers: Vec<Tier<'a>>,
}

impl<'a> Lookup<'a> {
    /// The free quantity of a month in single units and the pool it is taken from (the price's own id if not
    /// shared).
    pub fn free(&self) -> Option<(&'a str, Decimal)> {
        let entry = self.tiers.first()?.entry;
        Some((entry.free_pool.as_deref().unwrap_or(&entry.id), entry.free?))
    }
}

/// A question that the book cannot take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// No price, and no tiered price, has this id.
    #[error("the price book has no {id:?}; the nearest is {nearest:?}.")]
    UnknownId {
        /// As asked.
        id: String,
        /// The id with the fewest edits.
        nearest: String,
    },
    /// No column has this name.
    #[error("the price book has no Region {region:?}; the nearest is {nearest:?}.")]
    UnknownRegion {
        /// As asked.
        region: String,
        /// The Region with the fewest edits.
        nearest: String,
    },
}

/// A price file that does not hold together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// The text is not CSV, or a field is of the wrong kind.
    #[error("price book: {0}.")]
    Csv(String),
    /// The header does not start with the fixed columns, or names no Region.
    #[error("price book: the header must be {COLUMNS:?} and then one Region or more.")]
    Header,
    /// A row is wrong.
    #[error("price book: {id}: {what}.")]
    Row {
        /// The row's id.
        id: String,
        /// What is wrong with it.
        what: String,
    },
}

/// Prices by id and Region, with the day they were compiled and the digest of their file.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PriceBook {
    as_of: Date,
    digest: String,
    regions: Vec<String>,
    entries: BTreeMap<String, Entry>,
}

impl PriceBook {
    /// The book that comes with the program.
    pub fn builtin() -> &'static PriceBook {
        static BOOK: LazyLock<PriceBook> = LazyLock::new(|| {
            PriceBook::parse(BUILTIN, BUILTIN_AS_OF).expect("the built-in price book is checked by a test")
        });
        &BOOK
    }

    /// Reads a book from the text of a file laid out as the built-in one.
    ///
    /// # Errors
    /// [`BookError`] for the first row that is malformed, repeated, or leaves a gap between tiers.
    pub fn parse(text: &str, as_of: Date) -> Result<PriceBook, BookError> {
        let csv_error = |error: csv::Error| BookError::Csv(error.to_string());
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().map_err(csv_error)?.clone();
        if header.len() <= COLUMNS.len() || !header.iter().zip(COLUMNS).all(|(found, wanted)| found == wanted)
        {
            return Err(BookError::Header);
        }
        let mut entries = BTreeMap::new();
        for record in reader.records() {
            let record = record.map_err(csv_error)?;
            let row: Row = record.deserialize(Some(&header)).map_err(csv_error)?;
            let entry = row.with_cells(record.iter().skip(COLUMNS.len()))?;
            if let Some(twice) = entries.insert(entry.id.clone(), entry) {
                return Err(twice.wrong("the id is there twice"));
            }
        }
        check_tiers(&entries)?;
        let regions = header.iter().skip(COLUMNS.len()).map(str::to_owned).collect();
        let digest = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(PriceBook { as_of, digest, regions, entries })
    }

    /// The day on which the prices were compiled; to be printed on every bill.
    pub fn as_of(&self) -> Date {
        self.as_of
    }

    /// SHA-256 of the file, as 64 hex digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The Regions that have a column.
    pub fn regions(&self) -> &[String] {
        &self.regions
    }

    /// Every row, in the order of the ids.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// What `id` costs in `region` on the day `at`.
    ///
    /// A tiered price may be named without its tier (`fh.put` is `fh.put.t1` to `t3`); naming one tier gives
    /// its price for any quantity. On a day before a price held, its superseded row (`.old`) answers.
    /// Estimates, empty cells and days that no row covers are tiers without a price, never an error and never
    /// zero.
    ///
    /// # Errors
    /// [`LookupError`] if the id or the Region is not in the book at all.
    pub fn price(&self, id: &str, region: &str, at: Date) -> Result<Lookup<'_>, LookupError> {
        let rows = self.rows(id)?;
        let column = self.column(region)?;
        let single = self.entries.contains_key(id);
        let tiers = rows.into_iter().map(|entry| {
            let entry = self.in_force(entry, at);
            let (from, to) = if single { (Decimal::ZERO, None) } else { (entry.tier_from, entry.tier_to) };
            Tier { entry, from, to, price: entry.price(column, region, at) }
        });
        Ok(Lookup { tiers: tiers.collect() })
    }

    /// The rows behind an id: itself, or all of its tiers in ascending order.
    pub(super) fn rows(&self, id: &str) -> Result<Vec<&Entry>, LookupError> {
        if let Some(entry) = self.entries.get(id) {
            return Ok(vec![entry]);
        }
        let tiers: Vec<&Entry> =
            (1..).map_while(|number: u32| self.entries.get(&format!("{id}.t{number}"))).collect();
        if tiers.is_empty() { Err(self.unknown_id(id)) } else { Ok(tiers) }
    }

    fn unknown_id(&self, id: &str) -> LookupError {
        let families =
            self.entries.keys().map(|known| split_tier(known).map_or(known.as_str(), |(family, _)| family));
        let nearest = nearest(id, families.chain(self.entries.keys().map(String::as_str)));
        LookupError::UnknownId { id: id.to_owned(), nearest }
    }

    fn column(&self, region: &str) -> Result<usize, LookupError> {
        self.regions.iter().position(|known| known == region).ok_or_else(|| LookupError::UnknownRegion {
            region: region.to_owned(),
            nearest: nearest(region, self.regions.iter().map(String::as_str)),
        })
    }

    /// The row itself if it holds on that day or has no predecessor that does.
    fn in_force<'a>(&'a self, entry: &'a Entry, at: Date) -> &'a Entry {
        let old = self.entries.get(&format!("{}.old", entry.id)).filter(|old| old.holds_on(at));
        if entry.holds_on(at) { entry } else { old.unwrap_or(entry) }
    }
}

impl Entry {
    fn holds_on(&self, at: Date) -> bool {
        self.valid_from.is_none_or(|from| from <= at) && self.valid_to.is_none_or(|to| at < to)
    }

    fn price(&self, column: usize, region: &str, at: Date) -> Result<(Decimal, Confidence), Unpriced> {
        if !self.holds_on(at) {
            return Err(Unpriced::OutOfDate { date: at });
        }
        let region = region.to_owned();
        match self.rates[column] {
            Rate::Listed { price, confidence } => Ok((price, confidence)),
            Rate::Estimated { price } => Err(Unpriced::Estimate { region, price }),
            Rate::Missing => Err(Unpriced::Missing { region }),
        }
    }

    fn wrong(&self, what: impl fmt::Display) -> BookError {
        BookError::Row { id: self.id.clone(), what: what.to_string() }
    }
}

/// The fixed columns as they stand in the file.
#[derive(Deserialize)]
struct Row {
    id: String,
    service: String,
    item: String,
    unit: String,
    per: u64,
    tier_from: Decimal,
    tier_to: Option<Decimal>,
    free: Option<Decimal>,
    free_pool: Option<String>,
    valid_from: Option<Date>,
    valid_to: Option<Date>,
    source: String,
}

impl Row {
    fn with_cells<'a>(self, cells: impl Iterator<Item = &'a str>) -> Result<Entry, BookError> {
        let Row {
            id,
            service,
            item,
            unit,
            per,
            tier_from,
            tier_to,
            free,
            free_pool,
            valid_from,
            valid_to,
            source,
        } = self;
        let rates = Vec::new();
        let mut entry = Entry {
            id,
            service,
            item,
            unit,
            per,
            tier_from,
            tier_to,
            free,
            free_pool,
            valid_from,
            valid_to,
            source,
            rates,
        };
        if entry.per == 0 {
            return Err(entry.wrong("a price must buy at least one unit"));
        }
        entry.rates = cells
            .map(|cell| rate(cell).ok_or_else(|| entry.wrong(format!("{cell:?} is no price; write 0.015|V"))))
            .collect::<Result<_, _>>()?;
        Ok(entry)
    }
}

/// Reads a cell: `0.015|V`, or blank.
fn rate(cell: &str) -> Option<Rate> {
    if cell.is_empty() {
        return Some(Rate::Missing);
    }
    let (price, letter) = cell.split_once('|')?;
    let price = Decimal::from_str_exact(price).ok().filter(|price| !price.is_sign_negative())?;
    let confidence = match letter {
        "V" => Confidence::Verified,
        "V*" => Confidence::VerifiedOld,
        "C" => Confidence::Corroborated,
        "M" => Confidence::Memory,
        "E" => return Some(Rate::Estimated { price }),
        _ => return None,
    };
    Some(Rate::Listed { price, confidence })
}

/// Every tier must start where the one before it ends, and the first at nothing.
fn check_tiers(entries: &BTreeMap<String, Entry>) -> Result<(), BookError> {
    for entry in entries.values() {
        let start = match split_tier(&entry.id) {
            Some((family, number)) if number > 1 => {
                let below = entries.get(&format!("{family}.t{}", number - 1));
                below
                    .and_then(|below| below.tier_to)
                    .ok_or_else(|| entry.wrong("no tier ends where this one starts"))?
            }
            _ => Decimal::ZERO,
        };
        if entry.tier_from != start || entry.tier_to.is_some_and(|to| to <= start) {
            return Err(entry.wrong(format!("the tier must start at {start} and end above it")));
        }
    }
    Ok(())
}

/// `fh.put.t2` is tier 2 of `fh.put`.
fn split_tier(id: &str) -> Option<(&str, u32)> {
    let (family, number) = id.rsplit_once(".t")?;
    Some((family, number.parse().ok()?))
}

fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    known.min_by_key(|known| strsim::osa_distance(word, known)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;
    use std::path::Path;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn price(id: &str, region: &str, at: &str) -> Result<(Decimal, Confidence), Unpriced> {
        PriceBook::builtin().price(id, region, day(at)).unwrap().tiers.remove(0).price
    }

    #[test]
    fn the_file_has_exactly_the_ids_and_figures_of_the_facts() {
        let facts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/facts/prices.md");
        let Ok(text) = std::fs::read_to_string(&facts) else {
            eprintln!("skipped: the compiled facts ({}) are not here to compare with.", facts.display());
            return;
        };
        let block = text.split("```csv\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let sorted = |text: &str| -> Vec<String> {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines[1..].sort();
            lines
        };
        let mut ours =
            String::from("id,us-east-1,us-west-2,eu-west-1,eu-central-1,ap-southeast-1,ap-northeast-1\n");
        for line in BUILTIN.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            // Counted from the end, because a quoted unit may hold a comma. The facts' copy drops the star of
            // V*.
            let regions = cells[cells.len() - 8..cells.len() - 2].join(",").replace("V*", "V");
            writeln!(ours, "{},{regions}", cells[0]).unwrap();
        }
        assert_eq!(sorted(&ours), sorted(block));
    }

    #[test]
    fn prices_keep_every_printed_digit() {
        let (price, confidence) = price("lambda.gbs.x86", "eu-west-1", "2026-11-21").unwrap();
        assert_eq!((price.to_string().as_str(), confidence), ("0.0000166667", Confidence::Verified));
    }

    #[test]
    fn the_price_of_november_2024_replaces_the_older_one_on_its_day() {
        let wru = |at| price("ddb.od.wru", "us-east-1", at).unwrap().0.to_string();
        assert_eq!((wru("2024-10-31"), wru("2024-11-01")), ("1.25".to_owned(), "0.625".to_owned()));
        let expired = price("ddb.od.wru.old", "us-east-1", "2026-01-05");
        assert_eq!(expired, Err(Unpriced::OutOfDate { date: day("2026-01-05") }));
    }

    #[test]
    fn estimates_and_blanks_are_unknown_with_a_reason() {
        let estimate = price("kds.od.in_gb", "eu-west-1", "2026-01-05").unwrap_err();
        assert!(
            matches!(&estimate, Unpriced::Estimate { price, .. } if price.to_string() == "0.0907"),
            "{estimate}"
        );
        assert!(matches!(price("fh.put", "eu-central-1", "2026-01-05"), Err(Unpriced::Missing { .. })));
        let old = price("fh.put", "ap-northeast-1", "2026-01-05").unwrap();
        assert_eq!(old.1, Confidence::VerifiedOld, "Tokyo's Firehose prices are of about 2018");
    }

    #[test]
    fn firehose_tiers_break_at_500_tb_and_2000_tb() {
        let lookup = PriceBook::builtin().price("fh.put", "us-east-1", day("2026-01-05")).unwrap();
        let tb = |tb: i64| Decimal::from(tb * 1024);
        let edges: Vec<_> = lookup.tiers.iter().map(|tier| (tier.from, tier.to)).collect();
        assert_eq!(edges, [(tb(0), Some(tb(500))), (tb(500), Some(tb(2000))), (tb(2000), None)]);
        let one = PriceBook::builtin().price("fh.put.t2", "us-east-1", day("2026-01-05")).unwrap();
        assert_eq!((one.tiers.len(), one.tiers[0].from, one.tiers[0].to), (1, Decimal::ZERO, None));
    }

    #[test]
    fn a_mistyped_name_gets_the_nearest_one() {
        let error =
            |id, region| PriceBook::builtin().price(id, region, BUILTIN_AS_OF).unwrap_err().to_string();
        assert_eq!(
            error("kds.prov.shard_hr", "us-east-1"),
            r#"the price book has no "kds.prov.shard_hr"; the nearest is "kds.prov.shard_h"."#
        );
        assert!(error("fh.putt", "us-east-1").ends_with(r#""fh.put"."#), "families count too");
        assert!(error("fh.put", "us-eats-1").ends_with(r#""us-east-1"."#));
    }

    #[test]
    fn a_broken_book_is_refused() {
        let header = format!("{},us-east-1\n", COLUMNS.join(","));
        let parse = |rows: &str| PriceBook::parse(&format!("{header}{rows}"), BUILTIN_AS_OF).map(|_| ());
        assert_eq!(parse("a,S,I,u,1,0,,,,,,S1,0.015|V\n"), Ok(()));
        for wrong in [
            "a,S,I,u,1,0,,,,,,S1,0.015\n",
            "a,S,I,u,0,0,,,,,,S1,0.015|V\n",
            "a,S,I,u,1,0,,,,,,S1,0.015|V\na,S,I,u,1,0,,,,,,S1,0.015|V\n",
            "a.t1,S,I,u,1,0,10,,,,,S1,2|V\na.t2,S,I,u,1,11,,,,,,S1,1|V\n",
            "a.t1,S,I,u,1,0,,,,,,S1,2|V\na.t2,S,I,u,1,11,,,,,,S1,1|V\n",
            "a,S,I,u,1,0,,,,2024-02-30,,S1,0.015|V\n",
            "a,S,I,u,1,0,,,,,,S1\n",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(PriceBook::parse("id,us-east-1\n", BUILTIN_AS_OF), Err(BookError::Header));
    }
}
