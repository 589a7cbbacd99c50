//! The price book: every price by id, and the user's own prices over it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;

use super::book_file::{self, BookError, Row};
use super::date::Date;
use super::entry::{Asked, EVERYWHERE, Entry, Rate, Unpriced, unpriced};

const BUILTIN: &str = include_str!("prices.csv");
const BUILTIN_AS_OF: Date = Date::new(2026, 11, 21).expect("21 November 2026 is a day");
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
    /// What it costs, or why that is not known.
    pub price: Result<Rate, Unpriced>,
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

/// Prices by id and Region, with the day they were compiled and the digest of their file.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PriceBook {
    as_of: Date,
    digest: String,
    regions: Vec<String>,
    entries: BTreeMap<String, Entry>,
    /// The user's own prices, which go before the others where they say something.
    own: BTreeMap<String, Entry>,
    /// What is billed and has no known price anywhere: named, so that a bill shows it as unknown.
    #[serde(skip)]
    unpriced: BTreeMap<String, Entry>,
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
        book_file::check_header(text)?;
        let mut entries = BTreeMap::new();
        let rows = book_file::rows(text)?;
        for row in &rows {
            let entry = row.over(None)?;
            if entries.insert(entry.id.clone(), entry).is_some() {
                return Err(row.wrong("the id is there twice"));
            }
        }
        let digest = book_file::digest([text]);
        let book = PriceBook {
            as_of,
            digest,
            regions: book_file::regions(text)?,
            entries,
            own: BTreeMap::new(),
            unpriced: unpriced(),
        };
        rows.iter().try_for_each(|row| book.check_tier(row))?;
        Ok(book)
    }

    /// The same book with the user's own prices over it. They hold on any day unless they say which, and what they leave
    /// out of a row is as in the book. `text` is the file they stand in.
    ///
    /// # Errors
    /// [`BookError`] for the first row that is malformed, repeated, or leaves a gap between tiers.
    pub fn with_own(&self, rows: &[Row], text: &str) -> Result<PriceBook, BookError> {
        let mut book = self.clone();
        book.digest = book_file::digest([self.digest.as_str(), text]);
        let mut seen = BTreeSet::new();
        for row in rows {
            if !seen.insert(&row.id) {
                return Err(row.wrong("the id is there twice"));
            }
            let base = book.own.get(&row.id).or_else(|| self.entries.get(&row.id)).cloned();
            let base = base.or_else(|| self.unpriced.get(&row.id).cloned());
            let mut entry = row.over(base.or_else(|| self.flat(&row.id)).as_ref())?;
            let new =
                entry.rates.keys().filter(|region| *region != EVERYWHERE && !self.regions.contains(region));
            for region in new.cloned().collect::<Vec<_>>() {
                if !book.regions.contains(&region) {
                    book.regions.push(region);
                }
            }
            if let Some(earlier) = book.own.remove(&row.id) {
                entry.rates = earlier.rates.into_iter().chain(entry.rates).collect();
            }
            book.own.insert(entry.id.clone(), entry);
        }
        rows.iter().try_for_each(|row| book.check_tier(row))?;
        Ok(book)
    }

    /// A row for a tiered price as a whole, as if it had no tiers.
    fn flat(&self, id: &str) -> Option<Entry> {
        let first = self.entries.get(&format!("{id}.t1"))?.clone();
        let item = first.item.rsplit_once(": ").map_or(first.item.as_str(), |(item, _)| item).to_owned();
        Some(Entry { id: id.to_owned(), item, tier_to: None, ..first })
    }

    /// The day on which the prices were compiled; to be printed on every bill.
    pub fn as_of(&self) -> Date {
        self.as_of
    }

    /// SHA-256 of the book, as 64 hex digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The Regions that have a column.
    pub fn regions(&self) -> &[String] {
        &self.regions
    }

    /// Every row in the order of the ids, the user's own prices in place of the others.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        let ids: BTreeSet<&String> = self.entries.keys().chain(self.own.keys()).collect();
        ids.into_iter().filter_map(|id| {
            let (own, base) = (self.own.get(id), self.entries.get(id));
            let mut entry = own.or(base)?.clone();
            if let Some(base) = base.filter(|_| !entry.rates.contains_key(EVERYWHERE)) {
                entry.rates = base.rates.clone().into_iter().chain(entry.rates).collect();
            }
            Some(entry)
        })
    }

    /// What `id` costs.
    ///
    /// A tiered price may be named without its tier (`fh.put` is `fh.put.t1` to `t3`); naming one tier gives
    /// its price for any quantity. On a day before a price held, its superseded row (`.old`) answers.
    /// Estimates (unless asked for), empty cells and days that no row covers are tiers without a price, never an
    /// error and never zero.
    ///
    /// # Errors
    /// [`LookupError`] if the id or the Region is not in the book at all.
    pub fn price(&self, id: &str, asked: Asked<'_>) -> Result<Lookup<'_>, LookupError> {
        let rows = self.rows(id, asked)?;
        if !self.regions.iter().any(|known| known == asked.region)
            && rows.iter().any(|entry| entry.rate(asked.region).is_none())
        {
            return Err(self.unknown_region(asked.region));
        }
        let single =
            !matches!(rows[..], [first, ..] if split_tier(&first.id).is_some_and(|(family, _)| family == id));
        let tiers = rows.into_iter().map(|entry| {
            let (from, to) = if single { (Decimal::ZERO, None) } else { (entry.tier_from, entry.tier_to) };
            Tier { entry, from, to, price: entry.price(asked) }
        });
        Ok(Lookup { tiers: tiers.collect() })
    }

    /// The rows behind an id: itself, or all of its tiers in ascending order; never empty.
    pub(super) fn rows(&self, id: &str, asked: Asked<'_>) -> Result<Vec<&Entry>, LookupError> {
        let own = |id: &str| {
            self.own.get(id).filter(|entry| entry.rate(asked.region).is_some() && entry.holds_on(asked.at))
        };
        let ours = |id: &str| self.entries.get(id).map(|entry| self.in_force(entry, asked.at));
        if let Some(entry) = own(id).or_else(|| ours(id)) {
            return Ok(vec![entry]);
        }
        let tier = |id: String| own(&id).or_else(|| ours(&id)).or_else(|| self.own.get(&id));
        let tiers: Vec<&Entry> = (1..).map_while(|number: u32| tier(format!("{id}.t{number}"))).collect();
        match self.own.get(id) {
            Some(entry) if tiers.is_empty() => Ok(vec![entry]),
            None if tiers.is_empty() => match self.unpriced.get(id) {
                Some(entry) => Ok(vec![entry]),
                None => Err(self.unknown_id(id)),
            },
            _ => Ok(tiers),
        }
    }

    fn unknown_id(&self, id: &str) -> LookupError {
        let ids = || self.entries.keys().chain(self.own.keys()).map(String::as_str);
        let families = ids().map(|known| split_tier(known).map_or(known, |(family, _)| family));
        LookupError::UnknownId { id: id.to_owned(), nearest: nearest(id, families.chain(ids())) }
    }

    fn unknown_region(&self, region: &str) -> LookupError {
        let nearest = nearest(region, self.regions.iter().map(String::as_str));
        LookupError::UnknownRegion { region: region.to_owned(), nearest }
    }

    /// The row itself if it holds on that day or has no predecessor that does.
    fn in_force<'a>(&'a self, entry: &'a Entry, at: Date) -> &'a Entry {
        let old = self.entries.get(&format!("{}.old", entry.id)).filter(|old| old.holds_on(at));
        if entry.holds_on(at) { entry } else { old.unwrap_or(entry) }
    }

    /// A tier must start where the one before it ends, and the first at nothing.
    fn check_tier(&self, row: &Row) -> Result<(), BookError> {
        let entry = |id: &str| self.own.get(id).or_else(|| self.entries.get(id));
        let Some(tier) = entry(&row.id) else { return Ok(()) };
        let start = match split_tier(&row.id) {
            Some((family, number)) if number > 1 => entry(&format!("{family}.t{}", number - 1))
                .and_then(|below| below.tier_to)
                .ok_or_else(|| row.wrong("no tier ends where this one starts"))?,
            _ => Decimal::ZERO,
        };
        if tier.tier_from != start || tier.tier_to.is_some_and(|to| to <= start) {
            return Err(row.wrong(&format!("the tier must start at {start} and end above it")));
        }
        let next =
            split_tier(&row.id).and_then(|(family, number)| entry(&format!("{family}.t{}", number + 1)));
        match next {
            Some(next) if Some(next.tier_from) != tier.tier_to => {
                Err(row
                    .wrong(&format!("the next tier starts at {}, where this one must end", next.tier_from)))
            }
            _ => Ok(()),
        }
    }
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
    use super::super::entry::Confidence;
    use super::*;

    const HEADER: &str =
        "id,service,item,unit,per,tier_from,tier_to,free,free_pool,valid_from,valid_to,source";

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn asked<'a>(region: &'a str, at: &str) -> Asked<'a> {
        Asked { region, at: day(at), estimates: false }
    }

    fn price(id: &str, region: &str, at: &str) -> Result<(String, Confidence), Unpriced> {
        let rate = PriceBook::builtin().price(id, asked(region, at)).unwrap().tiers.remove(0).price?;
        Ok((rate.price.to_string(), rate.confidence))
    }

    fn own(text: &str) -> Result<PriceBook, BookError> {
        PriceBook::builtin().with_own(&book_file::rows(text)?, text)
    }

    #[test]
    fn prices_keep_every_printed_digit() {
        let found = price("lambda.gbs.x86", "eu-west-1", "2026-11-21").unwrap();
        assert_eq!(found, ("0.0000166667".to_owned(), Confidence::Verified));
    }

    #[test]
    fn the_price_of_november_2024_replaces_the_older_one_on_its_day() {
        let wru = |at| price("ddb.od.wru", "us-east-1", at).unwrap().0;
        assert_eq!((wru("2024-10-31"), wru("2024-11-01")), ("1.25".to_owned(), "0.625".to_owned()));
        let expired = price("ddb.od.wru.old", "us-east-1", "2026-01-05");
        let expired = expired.unwrap_err().to_string();
        assert_eq!(expired, "the price on 2026-01-05 is not known; this one held until 2024-11-01");
        // An account could not choose Advantage before November 2025, and Lambda billed steps of 100 ms until December 2020.
        for (id, before, from) in [
            ("kds.adv.in_gb", "2025-10-31", "2025-11-01"),
            ("lambda.gbs.x86", "2020-11-30", "2020-12-01"),
            ("fh.put", "2016-05-01", "2018-01-01"),
        ] {
            let early = price(id, "us-east-1", before).unwrap_err().to_string();
            assert!(early.ends_with(&format!("this one holds from {from} on")), "{early}");
            assert!(price(id, "us-east-1", from).is_ok());
        }
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
        let allowed = Asked { estimates: true, ..asked("eu-west-1", "2026-01-05") };
        let allowed = PriceBook::builtin().price("kds.od.in_gb", allowed).unwrap().tiers.remove(0).price;
        assert_eq!(allowed.map(|rate| rate.confidence), Ok(Confidence::Estimate));
    }

    #[test]
    fn firehose_tiers_break_at_500_tb_and_2000_tb() {
        let lookup = PriceBook::builtin().price("fh.put", asked("us-east-1", "2026-01-05")).unwrap();
        let tb = |tb: i64| Decimal::from(tb * 1024);
        let edges: Vec<_> = lookup.tiers.iter().map(|tier| (tier.from, tier.to)).collect();
        assert_eq!(edges, [(tb(0), Some(tb(500))), (tb(500), Some(tb(2000))), (tb(2000), None)]);
        let one = PriceBook::builtin().price("fh.put.t2", asked("us-east-1", "2026-01-05")).unwrap();
        assert_eq!((one.tiers.len(), one.tiers[0].from, one.tiers[0].to), (1, Decimal::ZERO, None));
    }

    #[test]
    fn a_mistyped_name_gets_the_nearest_one() {
        let error =
            |id, region| PriceBook::builtin().price(id, asked(region, "2026-11-21")).unwrap_err().to_string();
        assert_eq!(
            error("kds.prov.shard_hr", "us-east-1"),
            r#"the price book has no "kds.prov.shard_hr"; the nearest is "kds.prov.shard_h"."#
        );
        assert!(error("fh.putt", "us-east-1").ends_with(r#""fh.put"."#), "families count too");
        assert!(error("fh.put", "us-eats-1").ends_with(r#""us-east-1"."#));
    }

    #[test]
    fn a_broken_book_is_refused() {
        let parse =
            |rows: &str| PriceBook::parse(&format!("{HEADER},us-east-1\n{rows}"), BUILTIN_AS_OF).map(|_| ());
        assert_eq!(parse("a,S,I,u,1,0,,,,,,S1,0.015|V\n"), Ok(()));
        for wrong in [
            "a,S,I,u,1,0,,,,,,S1,0.015|X\n",
            "a,S,I,u,0,0,,,,,,S1,0.015|V\n",
            "a,S,I,u,1,0,,,,,,S1,0.015|V\na,S,I,u,1,0,,,,,,S1,0.015|V\n",
            "a.t1,S,I,u,1,0,10,,,,,S1,2|V\na.t2,S,I,u,1,11,,,,,,S1,1|V\n",
            "a.t1,S,I,u,1,0,,,,,,S1,2|V\na.t2,S,I,u,1,11,,,,,,S1,1|V\n",
            "a,S,I,u,1,0,,,,2024-02-30,,S1,0.015|V\n",
            "a,S,I,u,1,0,,,,,,S1\n",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(PriceBook::parse("id,us-east-1\n", BUILTIN_AS_OF).is_err());
    }

    #[test]
    fn own_prices_go_before_the_books_where_they_say_something() {
        let book = own("id,us-east-1,sa-east-1\nkds.prov.shard_h,0.012,0.03\nfh.put,0.02,\n").unwrap();
        let of = |id, region| {
            let found = book.price(id, asked(region, "2026-11-21")).unwrap();
            let prices = found.tiers.iter().map(|tier| tier.price.clone().map(|rate| rate.price.to_string()));
            prices.collect::<Result<Vec<_>, _>>()
        };
        assert_eq!(of("kds.prov.shard_h", "us-east-1").unwrap(), ["0.012"]);
        assert_eq!(of("kds.prov.shard_h", "sa-east-1").unwrap(), ["0.03"], "a new Region");
        assert_eq!(of("kds.prov.shard_h", "ap-northeast-1").unwrap(), ["0.0195"], "as in the book");
        assert_eq!(of("fh.put", "us-east-1").unwrap(), ["0.02"], "flat where the book has tiers");
        assert_eq!(of("fh.put", "us-west-2").unwrap(), ["0.029", "0.025", "0.020"]);
        assert_eq!(of("fh.put", "sa-east-1"), Err(Unpriced::Missing { region: "sa-east-1".to_owned() }));
        assert_ne!(book.digest(), PriceBook::builtin().digest());
    }

    #[test]
    fn an_own_price_may_hold_everywhere_and_for_a_service_without_an_id() {
        let book = own("id,unit,per,*\nacme.call,\"1,000 calls\",1000,0.5\nddb.od.wru,,,0.5\n").unwrap();
        let acme = book.price("acme.call", asked("mars-north-1", "2020-01-01")).unwrap().tiers.remove(0);
        assert_eq!((acme.entry.per, acme.price.unwrap().price), (1000, Decimal::new(5, 1)));
        let wru = book.price("ddb.od.wru", asked("us-east-1", "2020-01-01")).unwrap().tiers.remove(0);
        assert_eq!((wru.entry.per, wru.price.unwrap().confidence), (1_000_000, Confidence::Own));
    }

    #[test]
    fn own_tiers_must_fit_those_of_the_book_that_stay() {
        assert!(own("id,us-east-1\nfh.put.t1,0.02\n").is_ok());
        let error = own("id,tier_to,us-east-1\nfh.put.t1,1000,0.02\n").unwrap_err().to_string();
        assert!(error.contains("the next tier starts at 512000"), "{error}");
        let new = "id,tier_from,tier_to,*\nx.t1,0,10,2\nx.t2,10,,1\n";
        let found = own(new).unwrap();
        let lookup = found.price("x", asked("us-east-1", "2026-11-21")).unwrap();
        assert_eq!(lookup.tiers.len(), 2);
    }
}
