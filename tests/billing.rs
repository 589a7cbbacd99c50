//! What every bill keeps to, whatever was used; and that a simulation and `bill` make out the same one.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use rust_decimal::Decimal;
use streamgauge::engine::time::{DAY, HOUR, SECOND};
use streamgauge::pricing::meter::{put_payload_units, put_payload_units_of};
use streamgauge::pricing::{Bill, Cause, PriceBook, Terms, Usage};
use streamgauge::report::json;
use streamgauge::report::result::RunResult;
use streamgauge::scenario::checked::{Billing, Scenario};
use streamgauge::scenario::source::Source;
use streamgauge::scenario::usage_file::{self, BillOptions};
use streamgauge::scenario::{LoadOptions, load_text};
use streamgauge::units::Bytes;

fn terms(free_tier: bool) -> Terms {
    Terms {
        region: "us-east-1".to_owned(),
        at: PriceBook::builtin().as_of(),
        month_hours: 730,
        free_tier,
        allow_estimates: false,
    }
}

fn bill(usage: &Usage, free_tier: bool) -> Bill {
    Bill::of(usage, PriceBook::builtin(), terms(free_tier)).unwrap()
}

/// Every price by the name that usage has for it: a tiered one without its tier.
fn ids() -> Vec<String> {
    let entries = PriceBook::builtin().entries().filter(|entry| !entry.id.ends_with(".old"));
    let mut ids: Vec<String> = entries
        .map(|entry| match entry.id.rsplit_once(".t") {
            Some((family, tier)) if tier.parse::<u32>().is_ok() => family.to_owned(),
            _ => entry.id,
        })
        .collect();
    ids.dedup();
    ids
}

/// A quantity of any size up to where all tiers but the open one lie, in thousandths.
fn quantity() -> impl Strategy<Value = Decimal> {
    (0_u32..16, 0_i64..1_000).prop_map(|(size, digits)| Decimal::new(digits * 10_i64.pow(size), 3))
}

fn any_usage() -> impl Strategy<Value = Usage> {
    let causes = [Cause::Base, Cause::Rounding, Cause::Retries, Cause::FanOut];
    let part = (select(ids()), select(causes.to_vec()), quantity());
    prop::collection::vec(part, 0..12).prop_map(|parts| {
        let mut usage = Usage::default();
        parts.iter().for_each(|(id, cause, quantity)| usage.add(id, *cause, *quantity).unwrap());
        usage
    })
}

fn sum<'a>(parts: impl IntoIterator<Item = &'a Decimal>) -> Decimal {
    parts.into_iter().sum()
}

proptest! {
    /// No schedule of AWS takes money back: tiers get cheaper by the unit, never in sum.
    #[test]
    fn cost_never_falls_when_usage_rises(
        usage in any_usage(),
        id in select(ids()),
        more in quantity(),
        free_tier: bool,
    ) {
        let before = bill(&usage, free_tier).known_subtotal;
        let mut risen = usage;
        risen.add(&id, Cause::Base, more).unwrap();
        prop_assert!(bill(&risen, free_tier).known_subtotal >= before, "{id} + {more}");
    }

    #[test]
    fn lines_add_up_to_the_total_and_causes_to_each_line(usage in any_usage(), free_tier: bool) {
        let bill = bill(&usage, free_tier);
        let amounts: Vec<Decimal> = bill.lines.iter().filter_map(|line| line.amount).collect();
        prop_assert_eq!(sum(&amounts), bill.known_subtotal);
        prop_assert_eq!(bill.total, bill.unknown.is_empty().then_some(bill.known_subtotal));
        for line in &bill.lines {
            prop_assert_eq!(sum(line.causes.values()), line.amount.unwrap_or_default(), "{}", line.id);
        }
        prop_assert_eq!(sum(bill.by_cause().values()), bill.known_subtotal);
    }

    /// What was used is billed once: the lines of a price have its quantity between them.
    #[test]
    fn lines_have_the_quantities_that_were_used(usage in any_usage(), free_tier: bool) {
        let bill = bill(&usage, free_tier);
        let used = sum(usage.0.values().map(|line| &line.quantity));
        prop_assert_eq!(sum(bill.lines.iter().map(|line| &line.quantity)), used);
    }

    /// A month of k spans uses k times what one of them did, and spans that make up the month make up its usage.
    #[test]
    fn scaling_by_the_month_is_linear(
        usage in any_usage(),
        // Scaled quantities keep 12 decimals and so end at 7.9e16.
        span in 10_000_u128..100_000,
        parts in prop::collection::vec(1_u128..5_000, 1..6),
    ) {
        let whole = usage.scale(parts.iter().sum(), span).unwrap();
        let scaled: Vec<Usage> = parts.iter().map(|part| usage.scale(*part, span).unwrap()).collect();
        // Each scaling rounds to 12 decimals.
        let close = Decimal::new(i64::try_from(parts.len()).unwrap() + 1, 12);
        for (id, line) in &whole.0 {
            let together: Decimal = scaled.iter().map(|part| part.0[id].quantity).sum();
            prop_assert!((line.quantity - together).abs() <= close, "{id}: {} and {together}", line.quantity);
        }
        let exact = usage.scale(span * 3, span).unwrap();
        for (id, line) in &exact.0 {
            prop_assert_eq!(line.quantity, usage.0[id].quantity * Decimal::from(3));
        }
    }
}

/// A table, a stream that keeps its data for ten days, and a delivery stream.
fn scenario(billing: Billing) -> Scenario {
    let mut scenario = support::small(2, 20 * SECOND);
    scenario.streams[0].retention = 10 * DAY;
    scenario.deliveries.push(support::firehose("lake", 0));
    Scenario { billing, ..scenario }
}

fn result(scenario: &Scenario) -> RunResult {
    let outcomes = [support::run::<true>(scenario, 0), support::run::<true>(scenario, 1)];
    RunResult::new(scenario, &outcomes, scenario.billing.book()).unwrap()
}

#[test]
fn a_simulation_and_bill_make_out_the_same_lines() {
    let billing =
        Billing { free_tier: true, month: 744 * HOUR, represents: 744 * HOUR, ..Billing::default() };
    let result = result(&scenario(billing));
    let expected = &result.cost.bill;
    assert!(expected.lines.len() >= 7 && expected.total.is_some(), "{expected:?}");

    let text = json::render(&result).unwrap();
    let source = Source::new("result.json", text);
    let whole = usage_file::bill(&source, &BillOptions::default()).unwrap();
    assert_eq!(&whole, expected, "a result.json is billed on its own terms");
    assert_eq!(usage_file::other_prices(&source, &whole), Vec::<String>::new());
    // The same result as if a shard-hour had cost twice as much.
    let twice = source.text().replace("\"unit_price\": \"0.015\"", "\"unit_price\": \"0.030\"");
    let other = Source::new("other.json", twice);
    assert_eq!(usage_file::other_prices(&other, &whole), ["kds.prov.shard_h"]);
    let region = Some("eu-central-1".to_owned());
    let elsewhere = BillOptions { region, allow_unknown: true, ..BillOptions::default() };
    let elsewhere = usage_file::bill(&other, &elsewhere).unwrap();
    assert_eq!(usage_file::other_prices(&other, &elsewhere), Vec::<String>::new(), "that was asked for");

    // Its usage alone, and the quantities as CSV, on the same terms.
    let options = BillOptions { month_hours: Some(744), free_tier: Some(true), ..BillOptions::default() };
    let usage = Source::new("usage.json", serde_json::to_string(&result.usage).unwrap());
    assert_eq!(&usage_file::bill(&usage, &options).unwrap(), expected);
    let rows = result.usage.0.iter().map(|(id, line)| format!("{id},{}\n", line.quantity));
    let csv = Source::new("usage.csv", format!("id,quantity\n{}", rows.collect::<String>()));
    let bare = usage_file::bill(&csv, &options).unwrap();
    let lines = |bill: &Bill| -> Vec<_> {
        bill.lines.iter().map(|line| (line.id.clone(), line.quantity, line.unit_price, line.amount)).collect()
    };
    assert_eq!((lines(&bare), bare.total), (lines(expected), expected.total));
}

/// Two hosts of the user's own at 17 cents an hour, and delivery by a stream itself, which has no price in the book: the bill of the
/// stored result is that of the run, and nothing in it has another price.
#[test]
fn a_stored_run_with_hosts_of_its_own_and_what_has_no_price_is_billed_as_it_was() {
    let text = "\
name: own
seed: 1
study: terminating
duration: 1m
workload:
  w: { writes_to: kinesis.s, arrivals: { constant: { rate: 5/s } }, keys: { uniform: { items: 9 } }, record: { size: 1 KiB }, client: { sdk: { call: put_records } } }
kinesis:
  s: { capacity: { on_demand: {} }, delivery: { s3: {} } }
consumers:
  k: { reads: kinesis.s, kcl: { version: 2, workers: 2, host: { own: { vcpu: 4, price_per_hour: 0.17 USD } } } }
";
    let result = result(&support::scenario(text, &[]));
    let expected = &result.cost.bill;
    let host = expected.lines.iter().find(|line| line.id == "host.k_h").unwrap();
    assert_eq!(host.amount, Some(Decimal::new(2 * 730 * 17, 2)));
    assert_eq!((expected.total, expected.unknown.as_slice()), (None, &["kds.channel_s3_gb".to_owned()][..]));
    let source = Source::new("result.json", json::render(&result).unwrap());
    let refused = usage_file::bill(&source, &BillOptions::default()).unwrap_err().to_string();
    assert!(refused.contains("kds.channel_s3_gb"), "{refused}");
    let options = BillOptions { allow_unknown: true, ..BillOptions::default() };
    let bill = usage_file::bill(&source, &options).unwrap();
    let lines = |bill: &Bill| -> BTreeMap<String, _> {
        let lines = bill.lines.iter();
        lines.map(|line| (line.id.clone(), (line.quantity, line.unit_price, line.amount))).collect()
    };
    assert_eq!(lines(&bill), lines(expected));
    assert_eq!((bill.total, &bill.unknown), (None, &expected.unknown));
    assert_eq!(bill.known_subtotal, expected.known_subtotal);
    assert_eq!(usage_file::other_prices(&source, &bill), Vec::<String>::new());
}

/// A copy of each second change, a whole run behind it: within the measured span no copy has come to the stream, so that nothing
/// there is billed for one.
#[test]
fn copies_that_come_after_the_measured_span_are_billed_to_nobody() {
    let text = "\
name: late
seed: 1
study: terminating
duration: 100s
workload:
  w: { writes_to: tables.t, arrivals: { constant: { rate: 5/s } }, keys: { uniform: { items: 9 } }, item: { size: 1 KiB } }
tables:
  t: { capacity: { on_demand: {} }, kinesis: { stream: s, replication: { duplicates: { probability: 50%, delay: { constant: DELAY } } } } }
kinesis:
  s: { capacity: { provisioned: { shards: 1 } } }
firehose:
  f: { reads: kinesis.s, to: { s3: {} } }
";
    let of = |delay: &str| {
        let usage = result(&support::scenario(&text.replace("{ constant: DELAY }", delay), &[])).usage;
        let line = &usage.0["kds.prov.put_unit"];
        line.causes.get(&Cause::Duplicates).copied().unwrap_or_default() / line.quantity
    };
    assert_eq!(of("200s"), Decimal::ZERO);
    let third = of("0s");
    assert!((third - Decimal::new(333, 3)).abs() < Decimal::new(4, 2), "{third}");
}

/// AWS counts a record of 1 MB as 40 units of 25 KB. Whether those are 25,600 or 25,000 bytes makes up to 2.4 % of what large records
/// cost, and the bill of a stream that takes them says so.
#[test]
fn price_2_the_reading_of_25_kb_is_stated_where_it_matters() {
    let decimal = std::num::NonZeroU64::new(25_000).unwrap();
    let both = |bytes: u64| [put_payload_units(bytes), put_payload_units_of(bytes, decimal)];
    assert_eq!(both(1_000_000), [40, 40]);
    assert!((1..=25_000).all(|bytes| both(bytes) == [1, 1]));
    let ten_mebibytes = both(10 << 20);
    let more = ten_mebibytes[1] as f64 / ten_mebibytes[0] as f64 - 1.0;
    assert!((more - 0.024).abs() < 0.001, "{more}");
    let of = |max_record: &str| {
        let mut scenario = support::small(1, 20 * SECOND);
        scenario.streams[0].record_bytes_max = max_record.parse::<Bytes>().unwrap().get() as u32;
        let result = result(&scenario);
        result.cost.rules.iter().any(|rule| rule.contains("PRICE-2") && rule.contains("2.4 %"))
    };
    assert_eq!((of("1 MiB"), of("10 MiB")), (false, true));
}

/// Causes stand in the order of what they cost, as in the run's own tree.
#[test]
fn a_bill_names_its_dearest_cause_first() {
    let result = result(&scenario(Billing::default()));
    let mut bill = result.cost.bill.clone();
    // As if nearly all of the dearest line had been rounding.
    let line = bill.lines.iter_mut().max_by_key(|line| line.amount).unwrap();
    let amount = line.amount.unwrap();
    assert!(amount > Decimal::ONE);
    line.causes = [(Cause::Base, Decimal::new(1, 2)), (Cause::Rounding, amount - Decimal::new(1, 2))].into();
    let amounts = bill.by_cause();
    assert!(amounts[&Cause::Rounding] > amounts[&Cause::Base], "{amounts:?}");
    let text = streamgauge::report::bill::text(&bill, None);
    assert!(text.contains("by cause: rounding "), "{text}");
    for width in [80, 100] {
        let text = streamgauge::report::bill::text(&bill, Some(width));
        assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
    }
}

/// Ten writes a second for 730 h are 26,280,000, and all that they use follows by hand; [`bill`](usage_file::bill) takes the usage from
/// there, the simulation from its run.
#[track_caller]
fn simulation_and_hand_make_out_the_same_lines(scenario: &str, by_hand: &str) {
    let head = "name: by-hand\nseed: 1\nstudy: steady\nwarm_up: 60s\nduration: 360s\n";
    let scenario = support::scenario(&format!("{head}{scenario}"), &[]);
    let outcome = support::run::<true>(&scenario, 0);
    let result = RunResult::new(&scenario, &[outcome], scenario.billing.book()).unwrap();
    let simulated = &result.cost.bill;
    let by_hand = usage_file::bill(&Source::new("by-hand.yaml", by_hand), &BillOptions::default()).unwrap();
    let line = |bill: &Bill| -> Vec<_> {
        bill.lines.iter().map(|line| (line.id.clone(), line.unit_price, line.amount)).collect()
    };
    assert_eq!((line(simulated), simulated.total), (line(&by_hand), by_hand.total));
    for (simulated, by_hand) in simulated.lines.iter().zip(&by_hand.lines) {
        let apart = (simulated.quantity - by_hand.quantity).abs();
        assert!(apart <= by_hand.quantity * Decimal::new(1, 9), "{}: {}", by_hand.id, simulated.quantity);
    }
}

#[test]
fn a_table_its_feed_and_a_function_are_billed_as_by_hand() {
    // Items of 1,500 B take two units, written and captured; a record of two such images is one PUT payload unit; a function of half a
    // GB runs 20 ms for each. A thousand items of 1,500 + 100 B are 0.00149 GB.
    simulation_and_hand_make_out_the_same_lines(
        "\
workload:
  w:
    writes_to: tables.t
    arrivals: { constant: { rate: 10/s } }
    keys: { uniform: { items: 1_000 } }
    item: { size: 1500 B }
tables:
  t:
    capacity: { on_demand: {} }
    kinesis: { stream: s, replication: { delay: 100ms, reorder: 0%, duplicates: 0% } }
kinesis:
  s: { capacity: { provisioned: { shards: 1 } } }
consumers:
  f: { reads: kinesis.s, lambda: { batch_size: 1, duration: { base: 20ms, per_record: 0us, spread: 0 }, memory: 512 MiB } }
",
        "\
usage:
  ddb.od.wru: 52560000
  ddb.cdc.kinesis: 52560000
  ddb.storage_gbmo: 0.001490116119384765625
  kds.prov.shard_h: 730
  kds.prov.put_unit: 26280000
  lambda.req: 26280000
  lambda.gbs.x86: 262800
",
    );
}

#[test]
fn an_on_demand_stream_and_its_reader_are_billed_as_by_hand() {
    // 1,500 B and a key of 8 are billed as 2 KB written: 26,280,000 x 2,048 / 2^30 GB; and as 1,508 B read.
    simulation_and_hand_make_out_the_same_lines(
        "\
workload:
  w:
    writes_to: kinesis.s
    arrivals: { constant: { rate: 10/s } }
    keys: { uniform: { items: 1 } }
    record: { size: 1500 B, partition_key: { prefix: k, digits: 7 } }
    client: { sdk: { call: put_record } }
kinesis:
  s: { capacity: { on_demand: {} } }
consumers:
  c: { reads: kinesis.s, polling: { interval: 1s } }
",
        "\
usage:
  kds.od.stream_h: 730
  kds.od.in_gb: 50.1251220703125
  kds.od.out_gb: 36.9085371494293212890625
",
    );
}

#[test]
fn a_delivery_stream_and_its_objects_are_billed_as_by_hand() {
    // 6,000 B are billed as 10 KB: 26,280,000 x 10,240 / 2^30 GB; an object a minute; and the month's 6,000 B each are held for a month.
    simulation_and_hand_make_out_the_same_lines(
        "\
workload:
  w:
    writes_to: firehose.lake
    arrivals: { constant: { rate: 10/s } }
    keys: { uniform: { items: 1 } }
    record: { size: 6000 B }
    client: { sdk: { call: put_record } }
firehose:
  lake: { direct_put: {}, buffer: { size: 64 MiB, interval: 60s }, to: { s3: {} } }
",
        "\
usage:
  fh.put: 250.6256103515625
  s3.put: 43800
  s3.std: 146.85094356536865234375
",
    );
}

/// DynamoDB's on-demand writes cost 1.25 USD a million until November 2024, and half of that since.
#[test]
fn a_scenario_of_an_earlier_day_is_billed_by_the_prices_of_that_day() {
    let of = |billing: &str| {
        let text = format!(
            "name: then\nstudy: terminating\nduration: 10s\nbilling: {{ represents: 10s{billing} }}\nworkload:\n  w: {{ writes_to: tables.t, \
             arrivals: {{ constant: {{ rate: 1000/s }} }}, keys: {{ uniform: {{ items: 1_000 }} }}, item: {{ size: 3 KiB }} }}\n\
             tables:\n  t: {{ capacity: {{ on_demand: {{}} }} }}\n"
        );
        let scenario = support::scenario(&text, &[]);
        let outcome = support::run::<true>(&scenario, 0);
        let result = RunResult::new(&scenario, &[outcome], scenario.billing.book()).unwrap();
        let line =
            result.cost.bill.lines.iter().find(|line| line.id.starts_with("ddb.od.wru")).unwrap().clone();
        (line.id, line.unit_price.unwrap().to_string(), result.cost.bill.terms.at.to_string())
    };
    assert_eq!(of(", at: 2024-05-01"), ("ddb.od.wru.old".into(), "1.25".into(), "2024-05-01".into()));
    assert_eq!(of(""), ("ddb.od.wru".into(), "0.625".into(), PriceBook::builtin().as_of().to_string()));
}

/// What the book cannot know of a day it says line by line: prices that no source shows so early, and days that have not come.
#[test]
fn a_day_outside_what_the_book_knows_is_named_at_each_price() {
    let mut usage = Usage::default();
    for id in ["kds.prov.shard_h", "kds.adv.in_gb", "lambda.gbs.x86"] {
        usage.add(id, Cause::Base, Decimal::from(1_000)).unwrap();
    }
    let notes = |at: &str| {
        let terms = Terms { at: at.parse().unwrap(), ..terms(false) };
        let bill = Bill::of(&usage, PriceBook::builtin(), terms).unwrap();
        let notes = bill.lines.iter().map(|line| line.note.clone().unwrap_or_default()).collect::<Vec<_>>();
        (bill.total.is_some(), notes)
    };
    let (whole, early) = notes("2015-01-01");
    assert!(!whole && early[0].ends_with("this one holds from 2025-11-01 on"), "{early:?}");
    assert!(
        early[1].starts_with("seen from 2024-07-01 on; whether it was the price on 2015-01-01"),
        "{early:?}"
    );
    assert!(early[2].ends_with("this one holds from 2020-12-01 on"), "{early:?}");
    let (whole, late) = notes("2030-01-01");
    assert!(whole && late.iter().all(|note| note.contains("it may have changed by 2030-01-01")), "{late:?}");
    assert_eq!(notes("2026-11-21"), (true, vec![String::new(); 3]), "the book's own day");
}

/// A delivery channel takes a reader's place and reads nothing that is billed as reading: the one reader beside it is no further one.
#[test]
fn kds_od_out_gb_of_the_only_reader_beside_a_delivery_channel_is_no_fan_out() {
    let scenario = support::scenario(
        "\
name: channel
seed: 1
study: terminating
duration: 30s
workload:
  w:
    writes_to: kinesis.s
    arrivals: { constant: { rate: 10/s } }
    keys: { uniform: { items: 10 } }
    record: { size: 1500 B }
    client: { sdk: { call: put_record } }
kinesis:
  s: { capacity: { on_demand: {} }, delivery: { s3: { prefix: a/ } } }
consumers:
  f: { reads: kinesis.s, lambda: { duration: { base: 20ms } } }
",
        &[],
    );
    let outcome = support::run::<true>(&scenario, 0);
    let result = RunResult::new(&scenario, &[outcome], scenario.billing.book()).unwrap();
    let read = &result.usage.0["kds.od.out_gb"];
    assert_eq!((read.causes.get(&Cause::FanOut), read.causes[&Cause::Base]), (None, read.quantity));
}

#[test]
fn kds_prov_lt_ret_gbmo_is_what_a_stream_always_holds_beyond_seven_days() {
    // Of ten days' retention three are long-term: what is written in a month, held for 3 of its 31 days.
    let billing = Billing { month: 744 * HOUR, represents: 744 * HOUR, ..Billing::default() };
    let scenario = scenario(billing);
    let outcomes = [support::run::<true>(&scenario, 0)];
    let usage = RunResult::new(&scenario, &outcomes, scenario.billing.book()).unwrap().usage;
    let gb = outcomes[0].quantities.streams[0][2] as f64 / f64::from(1 << 30);
    let spans = (744 * HOUR) as f64 / outcomes[0].quantities.at as f64;
    let found: f64 = usage.0["kds.prov.lt_ret_gbmo"].quantity.to_string().parse().unwrap();
    let expected = gb * spans * 3.0 / 31.0;
    assert!((found / expected - 1.0).abs() < 1e-9, "{found} and {expected}");
}

#[test]
fn runs_that_share_a_month_make_up_its_usage() {
    let of = |hours: u64| {
        let billing = Billing { represents: hours * HOUR, ..Billing::default() };
        result(&scenario(billing)).usage
    };
    let (month, weekdays, weekends) = (of(730), of(521), of(209));
    for (id, line) in &month.0 {
        let parts = weekdays.0[id].quantity + weekends.0[id].quantity;
        assert!((line.quantity - parts).abs() <= Decimal::new(2, 12), "{id}: {} and {parts}", line.quantity);
    }
}

const SCENARIO: &str = "\
name: priced
duration: 10s
region: sa-east-1
workload:
  w:
    writes_to: tables.t
    arrivals: { poisson: { rate: 10/s } }
    keys: { uniform: { items: 10 } }
    item: { size: 700 B }
tables:
  t: { capacity: { provisioned: { write_units: 50 } } }
billing: { prices: prices.csv }
";

#[test]
fn own_prices_bill_a_run_and_bring_their_region() {
    let folder = tempfile::tempdir().unwrap();
    let prices = "id,sa-east-1\nddb.prov.wcu_h,0.001\nddb.storage_gbmo,0.375\n";
    std::fs::write(folder.path().join("prices.csv"), prices).unwrap();
    let load = |text: &str| support::load_in(folder.path(), text, &[]);
    let priced = load(SCENARIO).unwrap();
    let result = result(&priced);
    // 50 units for 730 h at 0.001 USD; the few bytes of ten items come to no cent.
    assert_eq!(result.cost.bill.total, Some(Decimal::new(3650, 2)));
    assert_eq!(result.identity.inputs.keys().collect::<Vec<_>>(), ["prices.csv"]);
    assert_ne!(result.identity.price_book.digest, PriceBook::builtin().digest());

    // The command line's prices come instead, from wherever they are.
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("p.yaml");
    std::fs::write(
        &file,
        "prices: { ddb.prov.wcu_h: { regions: { sa-east-1: 0.002 } }, ddb.storage_gbmo: 0.375 }\n",
    )
    .unwrap();
    let options = LoadOptions { prices: Some(file), ..LoadOptions::default() };
    let loaded = load_text("s.yaml", SCENARIO, folder.path(), &options).unwrap();
    let total = self::result(&loaded.base).cost.bill.total;
    assert_eq!(total, Some(Decimal::new(7300, 2)));

    let without = SCENARIO.replace("billing: { prices: prices.csv }\n", "");
    let error = load(&without).unwrap_err();
    assert!(error.contains("the price book has no Region `sa-east-1`"), "{error}");
    std::fs::write(folder.path().join("prices.csv"), "id,sa-east-1\nddb.prov.wcu_h,cheap\n").unwrap();
    let error = load(SCENARIO).unwrap_err();
    assert!(error.contains("prices.csv:2:1") && error.contains("`cheap`"), "{error}");
    std::fs::remove_file(folder.path().join("prices.csv")).unwrap();
    let error = load(SCENARIO).unwrap_err();
    assert!(error.contains("s.yaml:12:20") && error.contains("there is no such file"), "{error}");
    assert!(
        !error.contains("Region"),
        "what follows from a file that cannot be read is not reported:\n{error}"
    );
}

#[test]
fn estimates_are_used_where_a_scenario_allows_them_and_are_marked() {
    let text = SCENARIO
        .replace("region: sa-east-1", "region: eu-west-1")
        .replace("{ prices: prices.csv }", "{ allow_estimates: true }")
        .replace("write_units: 50 } }", "write_units: 50 } }, kinesis: { stream: s }")
        + "kinesis: { s: { capacity: { provisioned: { shards: 1 } } } }\n";
    // Change data capture units are only estimated in Ireland.
    let cdc = |scenario: &Scenario| {
        let bill = result(scenario).cost.bill;
        let line = bill.lines.iter().find(|line| line.id == "ddb.cdc.kinesis").unwrap().clone();
        (bill.total.is_some(), line.amount.is_some(), line.confidence.map(|it| it.letter()))
    };
    assert_eq!(cdc(&support::scenario(&text, &[])), (true, true, Some("E")));
    assert_eq!(
        cdc(&support::scenario(&text.replace("allow_estimates: true", ""), &[])),
        (false, false, Some("E"))
    );
}

/// "There is no free tier" (prices, section 3): with the free tier switched on, a million units of everything that Kinesis
/// bills costs what it costs without.
#[test]
fn no_kinesis_price_has_a_free_quantity() {
    let mut usage = Usage::default();
    let of_kinesis: Vec<String> = ids().into_iter().filter(|id| id.starts_with("kds.")).collect();
    assert!(of_kinesis.len() > 10, "{of_kinesis:?}");
    for id in &of_kinesis {
        usage.add(id, Cause::Base, Decimal::from(1_000_000)).unwrap();
    }
    assert_eq!(bill(&usage, true).total, bill(&usage, false).total);
}
