//! The price book against the compiled facts, row by row. Skipped, with a word, where the facts are not beside the checkout.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rust_decimal::Decimal;
use streamgauge::pricing::{Confidence, Date, Entry, PriceBook};

/// The Regions of the facts' main tables, in their order.
const REGIONS: [&str; 6] =
    ["us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-1", "ap-northeast-1"];

fn facts() -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/facts/prices.md");
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("skipped: the compiled facts ({}) are not here to compare with.", path.display());
    }
    text
}

fn book() -> BTreeMap<String, Entry> {
    PriceBook::builtin().entries().map(|entry| (entry.id.clone(), entry)).collect()
}

/// What was read after the facts were compiled.
const LATER: [&str; 1] = ["pipes.req"];

/// 0.40 USD a million requests of 64 KB that pass the filter, without a free quantity: what two public price guides say of us-east-1
/// (March and June 2026). They say nothing of other Regions that could be checked.
#[test]
fn pipes_are_priced_where_a_source_names_the_region_and_nowhere_else() {
    let book = book();
    let entry = &book["pipes.req"];
    assert_eq!((shown(entry, "us-east-1").as_str(), entry.per, entry.free), ("0.40 C", 1_000_000, None));
    assert_eq!(entry.rates.len(), 1, "{entry:?}");
    assert_eq!(entry.seen_from(), "2026-03-13".parse().ok());
}

/// The cells of the Markdown table rows that begin with a price id.
fn table_rows(section: &str) -> impl Iterator<Item = Vec<String>> {
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
}

/// `0.015 V` or `-`.
fn shown(entry: &Entry, region: &str) -> String {
    let letter = |confidence: Confidence| confidence.letter().replace('*', r"\*");
    entry
        .rates
        .get(region)
        .map_or("-".to_owned(), |rate| format!("{} {}", rate.price, letter(rate.confidence)))
}

#[test]
fn every_row_of_the_facts_is_in_the_book_with_price_confidence_and_source_and_no_other() {
    let Some(text) = facts() else { return };
    let prices = text.split("## 2. Prices").nth(1).unwrap().split("### Extra Regions").next().unwrap();
    for dated in [
        "**On-demand Advantage** (November 2025)",
        "(2026 feature)",
        "Lambda was billed in 100 ms steps until December 2020",
        "0.035 per GB in 2016 and fell to 0.029 by 2018",
    ] {
        assert!(text.contains(dated), "{dated}");
    }
    let book = book();
    let mut seen = BTreeSet::new();
    for cells in table_rows(prices) {
        let id = cells[0].trim_matches('`').to_owned();
        let entry = book.get(&id).unwrap_or_else(|| panic!("{id} is missing"));
        let expected: Vec<&str> = cells[2..8].iter().map(String::as_str).collect();
        assert_eq!(REGIONS.map(|region| shown(entry, region)).to_vec(), expected, "{id}");
        assert_eq!(entry.source, cells[8], "{id}");
        assert_eq!(entry.per, single_units(&cells[1]), "{id}: {}", cells[1]);
        assert_eq!((entry.valid_from, entry.valid_to), validity(&id, &cells[1]), "{id}: {}", cells[1]);
        seen.insert(id);
    }
    let theirs: BTreeSet<String> = book.keys().filter(|id| !LATER.contains(&id.as_str())).cloned().collect();
    assert_eq!(seen, theirs, "ids that are in one of the two only");
    assert!(seen.len() > 100, "the tables were found: {}", seen.len());
}

/// How many single units the unit `USD / 1M PUT payload units` stands for.
fn single_units(unit: &str) -> u64 {
    let word = unit.trim_start_matches("USD /").trim().split(' ').next().unwrap_or_default();
    match word.trim_end_matches(',') {
        "1M" => 1_000_000,
        number => number.replace(',', "").parse().unwrap_or(1),
    }
}

/// The price cut of 1 November 2024, and what section 3 and the list of superseded prices date.
fn validity(id: &str, unit: &str) -> (Option<Date>, Option<Date>) {
    let day: Option<Date> = "2024-11-01".parse().ok();
    match () {
        () if id == "kds.adv.channel_s3tables_gb" => ("2026-01-01".parse().ok(), None),
        () if id.starts_with("kds.adv.") => ("2025-11-01".parse().ok(), None),
        () if id.starts_with("lambda.gbs.") => ("2020-12-01".parse().ok(), None),
        () if id.starts_with("fh.put.") => ("2018-01-01".parse().ok(), None),
        () if unit.contains("(since 2024-11") => (day, None),
        () if unit.contains("(before") || unit.contains("(old)") => (None, day),
        // Stated for the requests of the Standard-IA class by the rows of their old prices alone.
        () if unit.contains("Standard-IA WRU") || unit.contains("Standard-IA RRU") => (day, None),
        () if unit.contains("replicated WRU, Standard-IA") => (day, None),
        () => (None, None),
    }
}

#[test]
fn the_extra_regions_are_those_of_the_facts() {
    let Some(text) = facts() else { return };
    let extra = text.split("### Extra Regions").nth(1).unwrap().split("## 3.").next().unwrap();
    let book = book();
    let mut stated = BTreeMap::new();
    for cells in table_rows(extra) {
        let names: Vec<String> =
            cells[0].split(" / ").map(|name| name.trim().trim_matches('`').to_owned()).collect();
        let stem = names[0].rsplit_once('.').unwrap().0;
        for (column, region) in [(1, "us-east-2"), (2, "eu-west-2")] {
            for (name, price) in
                names.iter().zip(cells[column].split(" / ")).filter(|(_, price)| *price != "-")
            {
                let id = if name.starts_with('.') { format!("{stem}{name}") } else { name.clone() };
                stated.insert((id, region), price.trim().to_owned());
            }
        }
    }
    for ((id, region), price) in &stated {
        assert_eq!(shown(&book[id], region), format!("{price} V"), "{id} in {region}");
    }
    for entry in book.values() {
        let same =
            (entry.id.starts_with("ddb.") || entry.id.starts_with("kds.")) && !entry.id.ends_with(".old");
        if same {
            assert_eq!(shown(entry, "us-east-2"), shown(entry, "us-east-1"), "{}", entry.id);
        }
        for region in ["us-east-2", "eu-west-2"] {
            let known = stated.contains_key(&(entry.id.clone(), region)) || (same && region == "us-east-2");
            assert_eq!(entry.rates.contains_key(region), known, "{} in {region}", entry.id);
        }
    }
}

/// Section 1 has GB of 2^30 bytes and tier edges in powers of 1,024, but for endpoints; section 2 names the edges.
#[test]
fn tiers_break_where_the_facts_say() {
    let book = book();
    let tb = 1_024_u64;
    for (family, edges) in [
        ("fh.put", &[500 * tb, 500 * tb + 1_536_000][..]),
        ("lambda.gbs.x86", &[6_000_000_000, 15_000_000_000]),
        ("lambda.gbs.arm", &[7_500_000_000, 18_750_000_000]),
        ("s3.std", &[50 * tb, 500 * tb]),
        ("sqs.std", &[100_000_000_000, 200_000_000_000]),
        ("sqs.fifo", &[100_000_000_000, 200_000_000_000]),
        ("vpce.if_gb", &[1_000_000, 5_000_000]),
        ("dt.internet", &[10 * tb, 50 * tb, 150 * tb]),
    ] {
        let tiers: Vec<&Entry> = (1..).map_while(|number| book.get(&format!("{family}.t{number}"))).collect();
        let ends: Vec<Decimal> = tiers.iter().filter_map(|tier| tier.tier_to).collect();
        assert_eq!(ends, edges.iter().map(|edge| Decimal::from(*edge)).collect::<Vec<_>>(), "{family}");
        assert_eq!(tiers.len(), edges.len() + 1, "{family}: the last tier has no end");
    }
}

/// Free quantities of section 3; 25 capacity units are 18,600 unit-hours of the longest month.
#[test]
fn free_quantities_are_those_of_the_facts_and_no_other() {
    let expected = BTreeMap::from([
        ("ddb.prov.wcu_h", 25 * 744),
        ("ddb.prov.rcu_h", 25 * 744),
        ("ddb.storage_gbmo", 25),
        ("ddb.streams.rru", 2_500_000),
        ("lambda.req", 1_000_000),
        ("lambda.gbs.x86.t1", 400_000),
        ("lambda.gbs.arm.t1", 400_000),
        ("glue.cat.objects", 1_000_000),
        ("glue.cat.requests", 1_000_000),
        ("sqs.std.t1", 1_000_000),
        ("sqs.fifo.t1", 1_000_000),
        ("kms.req", 20_000),
        ("dt.internet.t1", 100),
    ]);
    let book = book();
    let found: BTreeMap<&str, Decimal> =
        book.values().filter_map(|entry| Some((entry.id.as_str(), entry.free?))).collect();
    assert_eq!(found, expected.into_iter().map(|(id, free)| (id, Decimal::from(free))).collect());
    for (pool, ids) in
        [("lambda.gbs", ["lambda.gbs.x86.t1", "lambda.gbs.arm.t1"]), ("sqs", ["sqs.std.t1", "sqs.fifo.t1"])]
    {
        assert!(ids.iter().all(|id| book[*id].free_pool.as_deref() == Some(pool)), "{pool} is shared");
    }
}
