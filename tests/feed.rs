//! Kinesis Data Streams for DynamoDB: what AWS says of the feed, and what is assumed where it is silent.

use streamgauge::pipeline::finish::{FeedOutcome, Outcome};
use streamgauge::report::result::RunResult;
use streamgauge::scenario::checked::Scenario;
use streamgauge::systems::dynamodb::change_record::{Envelope, TimestampPrecision};
use streamgauge::systems::dynamodb::item_size::{Attribute, Sizes, Text, Value};

mod support;

/// Without anything said of the feed; 100 updates a second of 1,000 items of 500 bytes.
const BASE: &str = "\
name: orders
study: terminating
duration: 100s
workload:
  app:
    writes_to: tables.orders
    arrivals: { constant: { rate: 100/s } }
    keys: { uniform: { items: 1_000 } }
    item: { size: 500 B }
    operations: { modify: 100% }
tables:
  orders:
    capacity: { provisioned: { write_units: 40_000 } }
    partitions: off
    kinesis: { stream: changes }
kinesis:
  changes: { capacity: { provisioned: { shards: 4 } } }
";
const STILL: &str = "tables.orders.kinesis.replication={ delay: 100ms, reorder: 0%, duplicates: 0% }";

fn scenario(sets: &[&str]) -> Scenario {
    support::scenario(BASE, sets)
}

fn run(sets: &[&str]) -> Outcome {
    support::run::<true>(&scenario(sets), 0)
}

fn feed(outcome: &Outcome) -> &FeedOutcome {
    outcome.tables[0].feed.as_ref().expect("a feed")
}

/// The values of an assumption that a scenario makes.
fn assumed(scenario: &Scenario, id: &str) -> Vec<String> {
    let rows = scenario.assumptions.iter().filter(|row| row.id == id);
    rows.map(|row| row.value.clone()).collect()
}

#[test]
fn kdc_1_2_open_6_disorder_and_copies_come_at_the_rates_that_the_scenario_names() {
    let chances = "tables.orders.kinesis.replication={ reorder: 10%, duplicates: 5% }";
    let outcome = run(&["workload.app.keys.uniform.items=10", chances]);
    let feed = feed(&outcome);
    // Of 10,000 records 500 copies, give or take five standard deviations of 22.
    assert!(feed.meter.copies.abs_diff(500) < 110, "{:?}", feed.meter);
    assert_eq!(feed.ordering.duplicates, feed.meter.copies);
    // Ten changes of an item a second: half a second of delay lets later ones pass most of those held back.
    assert!(feed.ordering.out_of_order.iter().sum::<u64>() > 500, "{:?}", feed.ordering.out_of_order);
    let still = run(&[STILL]);
    let still = still.tables[0].feed.as_ref().expect("a feed");
    assert_eq!((still.meter.copies, still.ordering.out_of_order.iter().sum::<u64>()), (0, 0));
    // Left to itself, a scenario has rare disorder and rarer copies, and lists both as assumed.
    let assumed = assumed(&scenario(&[]), "OPEN-6");
    assert!(assumed.contains(&"0.01%".to_owned()) && assumed.contains(&"0.001%".to_owned()), "{assumed:?}");
}

#[test]
fn kdc_5_tables_share_a_stream() {
    let outcome = run(&[
        "tables.returns={ capacity: { provisioned: { write_units: 1000 } }, kinesis: { stream: changes } }",
        "workload.back={ writes_to: tables.returns, arrivals: { constant: { rate: 50/s } }, keys: { uniform: { items: 9 } }, item: { size: 90 B } }",
    ]);
    let records = |table: usize| outcome.tables[table].feed.as_ref().expect("a feed").meter.replicated;
    let stream = outcome.streams[0].loads.iter().map(|load| load.total.records).sum::<u64>();
    assert_eq!(stream, records(0) + records(1));
    assert!(records(0) >= 10_000 && records(1) >= 5_000);
}

#[test]
fn kdc_6_m3_the_feed_has_no_limit_of_its_own() {
    // 20,000 changes a second, far more than one shard takes and nothing to a hundred of them.
    let outcome = run(&[
        STILL,
        "duration=5s",
        "workload.app.arrivals.constant.rate=20_000/s",
        "workload.app.keys.uniform.items=100_000",
        "kinesis.changes.capacity.provisioned.shards=100",
    ]);
    let feed = feed(&outcome);
    assert_eq!((feed.meter.throttled, feed.meter.replicated), (0, 100_000));
    assert_eq!(feed.latency.mean(), Some(100_000.0), "all of them arrive 100 ms later");
}

#[test]
fn kdc_p5_a_hot_item_exceeds_its_shard_although_its_table_takes_its_writes() {
    // 900 updates a second of one item are within the 1,000 write units of its partition; their records of more than 1.3
    // KB, both images, exceed the 1 MiB a second of its shard, and nine other shards do not help.
    let outcome = run(&[
        STILL,
        "workload.app.arrivals.constant.rate=900/s",
        "workload.app.keys.uniform.items=1",
        "kinesis.changes.capacity.provisioned.shards=10",
        "tables.orders.partitions=null",
    ]);
    assert_eq!(outcome.tables[0].meter.throttled, 0);
    assert!(feed(&outcome).meter.throttled > 0);
    let used = outcome.streams[0].loads.iter().filter(|load| load.total.records > 0).count();
    assert_eq!(used, 1);
}

#[test]
fn kdc_p4_open_13_items_of_one_partition_key_share_a_shard_if_the_feed_hashes_that_alone() {
    let shards = |sets: &[&str]| {
        let common = [STILL, "tables.orders.partitions=null", "tables.orders.sort_key={ collections: 1 }"];
        let outcome = run(&[&common[..], sets].concat());
        outcome.streams[0].loads.iter().filter(|load| load.total.records > 0).count()
    };
    assert_eq!(shards(&[]), 4);
    assert_eq!(shards(&["tables.orders.kinesis.record={ partition_key: hashed_partition_key }"]), 1);
    assert_eq!(assumed(&scenario(&[]), "OPEN-13").len(), 1);
}

#[test]
fn kdc_t2_milliseconds_are_the_default_and_are_listed_as_assumed() {
    assert_eq!(assumed(&scenario(&[]), "KDC-T2"), ["millisecond"]);
    let bytes = |precision: &str| {
        let outcome = run(&[STILL, &format!("tables.orders.kinesis.timestamp_precision={precision}")]);
        outcome.streams[0].loads.iter().map(|load| load.total.bytes).sum::<u64>()
    };
    assert_eq!(bytes("microsecond"), bytes("millisecond") + 56 * 10_000);
}

fn item(bytes: u32) -> Sizes {
    let key = Attribute::new("pk", Value::String(Text::plain(10)));
    Sizes::of(&[key, Attribute::new("data", Value::String(Text::plain(bytes)))])
}

#[test]
fn kdc_j7_the_envelope_is_about_300_bytes_or_355_with_microseconds() {
    let around = |precision| {
        let envelope = Envelope::new("us-east-1", "orders", precision);
        envelope.json_bytes(item(100), None, Some(item(100))) - 2 * item(100).json_bytes
    };
    assert!(around(TimestampPrecision::Millisecond).abs_diff(300) <= 10);
    assert!(around(TimestampPrecision::Microsecond).abs_diff(355) <= 10);
}

#[test]
fn kdc_s4_an_update_carries_about_twice_the_item() {
    let envelope = Envelope::new("us-east-1", "orders", TimestampPrecision::Millisecond);
    let key = Sizes::of(&[Attribute::new("pk", Value::String(Text::plain(10)))]);
    let insert = envelope.json_bytes(key, None, Some(item(50_000)));
    let update = envelope.json_bytes(key, Some(item(50_000)), Some(item(50_000)));
    let ratio = f64::from(update) / f64::from(insert);
    assert!((1.98..=2.0).contains(&ratio), "{ratio}");
}

#[test]
fn kdc_r1_lat_9_what_a_stream_refuses_is_tried_again_until_it_arrives_and_the_lag_grows() {
    // 1,200 changes a second into a shard that takes 1,000: after 100 s some 20,000 wait, 20 s worth.
    let outcome = run(&[
        STILL,
        "workload.app.arrivals.constant.rate=1200/s",
        "workload.app.item.size=100 B",
        "kinesis.changes.capacity.provisioned.shards=1",
    ]);
    let feed = feed(&outcome);
    assert_eq!(feed.meter.replicated, 120_000, "nothing is lost");
    assert!(feed.meter.throttled > 20_000, "{:?}", feed.meter);
    assert!(outcome.end >= 118_000_000_000, "a shard needs 119 s for them: {}", outcome.end);
    assert!(feed.meter.age_max_micros > 19_000_000, "{:?}", feed.meter);
}

#[test]
fn kdc_r5_open_7_refused_changes_keep_the_order_of_their_item_by_default() {
    let outcome = run(&[
        STILL,
        "workload.app.arrivals.constant.rate=1200/s",
        "workload.app.item.size=100 B",
        "workload.app.keys.uniform.items=100",
        "kinesis.changes.capacity.provisioned.shards=1",
    ]);
    let feed = feed(&outcome);
    assert!(feed.meter.throttled > 0);
    assert_eq!(feed.ordering.out_of_order.iter().sum::<u64>(), 0);
    let assumed = assumed(&scenario(&[]), "OPEN-7");
    for value in ["per_item", "50ms", "5s", "full"] {
        assert!(assumed.iter().any(|found| found == value), "{value}: {assumed:?}");
    }
}

#[test]
fn kdc_y1_the_delay_is_that_of_the_published_observations() {
    let outcome = run(&["workload.app.keys.uniform.items=1_000_000"]);
    let delays = feed(&outcome).latency.histogram();
    let quantile = |share: f64| delays.quantile(share).expect("there are some") / 1_000.0;
    assert!((quantile(0.5) - 240.0).abs() < 10.0, "{} ms", quantile(0.5));
    assert!((quantile(0.95) - 590.0).abs() < 40.0, "{} ms", quantile(0.95));
    // The eight observed delays lie in the middle 95 % of it, from 116 to 591 ms.
    assert!(quantile(0.025) < 116.0 && quantile(0.975) > 591.0);
}

#[test]
fn ddb_b5_the_records_of_one_transaction_arrive_at_different_times() {
    let outcome = run(&[
        "duration=1s",
        "workload.app.arrivals.constant.rate=4/s",
        "workload.app.client={ transaction: 4, write_time: 0ms }",
        "tables.orders.kinesis.replication={ delay: { uniform: { low: 1s, high: 9s } }, reorder: 0%, duplicates: 0% }",
    ]);
    assert_eq!(outcome.long_ways[0].expect("calls").calls.calls, 1, "it is one transaction");
    let arrivals = feed(&outcome).latency.histogram();
    let spread = arrivals.quantile(1.0).expect("four") - arrivals.quantile(0.0).expect("four");
    assert!(arrivals.count() == 4 && spread > 500_000.0, "{spread} us");
}

/// A shard that is too small: what the feed tries again is part of what its readers wait for before the stream, and no delay of
/// the feed's own.
#[test]
fn what_a_feed_tries_again_is_replication_to_every_reader() {
    let readers = [
        "duration=20s",
        "kinesis.changes.capacity.provisioned.shards=1",
        "tables.orders.kinesis.record={ size: json }",
        "workload.app.arrivals={ constant: { rate: 1400/s } }",
        "workload.app.item.size=700 B",
        "consumers={ p: { reads: kinesis.changes, polling: {} }, f: { reads: kinesis.changes, lambda: {} }, w: { reads: kinesis.changes, flink: { parallelism: 1 } } }",
        "firehose={ lake: { reads: kinesis.changes, to: { s3: {} } } }",
    ];
    let scenario = support::scenario(BASE, &[&[STILL], &readers[..]].concat());
    let outcome = support::run::<true>(&scenario, 0);
    let result = RunResult::new(&scenario, &[outcome], scenario.billing.book()).expect("a result");
    let parts = |path: &str| {
        let row = result.latency.iter().find(|row| row.path == path).expect("a leg");
        let part = |name: &str| row.parts["mean_ms"].get(name).copied().flatten();
        (part("propagation"), part("replication"), part("retry"))
    };
    let (delay, _, Some(retry)) = parts("tables.orders.kinesis.latency") else { panic!("it tries again") };
    assert!(retry > 1_000.0, "{retry}");
    for path in
        ["consumers.p.latency", "consumers.f.latency", "consumers.w.latency", "firehose.lake.freshness"]
    {
        let (propagation, replication, _) = parts(path);
        assert_eq!(propagation, None, "{path}");
        let expected = delay.expect("a delay") + retry;
        assert!(
            (replication.expect("a part") / expected - 1.0).abs() < 1e-3,
            "{path}: {replication:?}, {expected}"
        );
    }
}
