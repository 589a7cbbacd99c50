//! Scheduled queries over objects: what they scan, what they cost, how long they take.

use streamgauge::engine::random::Streams;
use streamgauge::engine::sampler::Sampler;
use streamgauge::engine::time::{HOUR, MILLISECOND, MINUTE, Nanos, SECOND};
use streamgauge::report::result::RunResult;
use streamgauge::scenario::checked::Scenario;
use streamgauge::systems::athena::{self, Compaction, QueryMeter, QueryPlan, Span, StoredObject};

mod support;

const MIB: u64 = 1 << 20;

/// Every 10 minutes, over everything, without any time of its own.
fn plan() -> QueryPlan {
    QueryPlan {
        name: "dashboards".into(),
        delivery: 0,
        every: 10 * MINUTE,
        at_once: 1,
        window: None,
        partitions: None,
        share: 1.0,
        deduplicates: None,
        overhead: Sampler::Constant(0.0),
        per_object: 0,
        scan_rate: 1 << 40,
        repartition: HOUR,
        compaction: None,
    }
}

/// An object of so many bytes with ten records, complete at a moment, its oldest record a minute before.
fn object(complete: Nanos, bytes: u64) -> StoredObject {
    let [oldest, newest] = [60, 1].map(|before| complete.saturating_sub(before * SECOND) / 1_000);
    StoredObject { complete, oldest, newest, records: 10, copies: 1, bytes, partition: 0 }
}

fn query(plan: &QueryPlan, objects: &[StoredObject], until: Nanos) -> QueryMeter {
    let draws = [Streams::new(1, 0).named("overhead")];
    let span = Span { from: 0, until, into_hour: 0 };
    let mut meters = athena::run(std::slice::from_ref(plan), &[objects], &draws, span, 200);
    meters.remove(0)
}

/// One query, after ten minutes.
fn one(plan: &QueryPlan, objects: &[StoredObject]) -> QueryMeter {
    query(plan, objects, 11 * MINUTE)
}

#[test]
fn ath_1_a_query_is_billed_whole_megabytes_and_at_least_ten() {
    let billed = |bytes| one(&plan(), &[object(MINUTE, bytes)]).billed;
    assert_eq!([1, 10 * MIB, 10 * MIB + 1].map(billed), [10 * MIB, 10 * MIB, 11 * MIB]);
}

#[test]
fn ath_3_4_columns_and_row_groups_multiply_and_hours_are_skipped() {
    // ATH-3: 0.13 of the text is stored, and 0.0025 of the text is scanned.
    let share = QueryPlan { share: 0.0025 / 0.13, ..plan() };
    let scanned = one(&share, &[object(MINUTE, 130_000_000)]).scanned;
    assert_eq!(scanned, 2_500_000);
    // Ten objects an hour; the prefixes of a window of 90 minutes are those of two or three hours.
    let objects: Vec<_> = (1..=100).map(|number| object(number * 6 * MINUTE, MIB)).collect();
    let hourly = QueryPlan { every: 9 * HOUR + 45 * MINUTE, window: Some(90 * MINUTE), ..plan() };
    let meter = query(&hourly, &objects, 10 * HOUR);
    let prefix = |object: &&StoredObject| object.oldest >= 8 * HOUR / 1_000;
    let there = |object: &&StoredObject| object.complete <= 9 * HOUR + 45 * MINUTE;
    assert_eq!((meter.done, meter.objects), (1, objects.iter().filter(there).filter(prefix).count() as u64));
    assert_eq!(query(&QueryPlan { window: None, ..hourly }, &objects, 10 * HOUR).objects, 97);
}

#[test]
fn s3_5_an_object_is_there_as_soon_as_its_put_returns() {
    let at = |complete| one(&plan(), &[object(complete, MIB)]).objects;
    assert_eq!([10 * MINUTE, 10 * MINUTE + 1].map(at), [1, 0]);
    let meter = one(&plan(), &[object(4 * MINUTE, MIB), object(9 * MINUTE, MIB)]);
    assert_eq!(meter.age.max(), 61_000_000, "the newest record came a second before the last object");
}

#[test]
fn ath_6_large_objects_are_read_in_blocks_and_s3_6_small_ones_are_merged() {
    assert_eq!(one(&plan(), &[object(MINUTE, 300 * MIB)]).gets, 3);
    let objects: Vec<_> = (1..=60).map(|number| object(number * MINUTE - SECOND, 8 * MIB)).collect();
    let compaction = Some(Compaction { target: 128 * MIB, after: 5 * MINUTE });
    let merged = QueryPlan { compaction, every: 62 * MINUTE, ..plan() };
    assert_eq!(query(&merged, &objects, 63 * MINUTE).objects, 60, "the hour's objects wait for the job");
    let merged = QueryPlan { every: 66 * MINUTE, ..merged };
    let meter = query(&merged, &objects, 67 * MINUTE);
    assert_eq!((meter.objects, meter.scanned), (4, 480 * MIB));
    assert_eq!(meter.compacted, [60, 4]);
}

#[test]
fn ath_8_more_than_the_active_limit_are_refused() {
    assert_eq!(
        ["us-east-1", "eu-west-1", "eu-west-2", "sa-east-1"].map(athena::active_limit),
        [200, 150, 100, 20]
    );
    let crowd = QueryPlan { at_once: 150, overhead: Sampler::Constant(11.0 * MINUTE as f64), ..plan() };
    let meter = query(&crowd, &[], 21 * MINUTE);
    // The first round of 150 still runs when the second one comes: 50 of it find room.
    assert_eq!((meter.done, meter.refused), (200, 100));
}

/// Small objects in one prefix: one query reads them at its own pace, thirty at once want 30 times 833 requests a second, of which
/// S3 answers 5,500. The last of them is done when all requests are; the limit costs larger objects nothing.
#[test]
fn ath_5_queries_of_many_small_objects_share_what_s3_answers() {
    let small: Vec<StoredObject> = (0..20_000).map(|_| object(MINUTE, MIB / 10)).collect();
    let large: Vec<StoredObject> = (0..100).map(|_| object(MINUTE, 20 * MIB)).collect();
    let reads = |at_once| QueryPlan { at_once, per_object: 1_200_000, ..plan() };
    let alone = one(&reads(1), &small);
    assert!(alone.slowed == 0 && (24_000..24_010).contains(&(alone.time.max() / 1_000)), "{alone:?}");
    let crowd = one(&reads(30), &small);
    // 20,000 GETs and 20 LISTs each, of which a second's worth is answered at once.
    let all = 30.0 * 20_020.0 / 5_500.0 - 1.0;
    assert!((crowd.time.max() as f64 / 1e6 - all).abs() < 0.5, "{} against {all}", crowd.time.max());
    assert_eq!(crowd.done, 30);
    assert_eq!(one(&reads(30), &large).slowed, 0);
}

#[test]
fn ath_9_a_query_ends_after_thirty_minutes_and_is_free() {
    let slow = QueryPlan { scan_rate: MIB, ..plan() };
    let meter = one(&slow, &[object(MINUTE, 1_801 * MIB)]);
    assert_eq!((meter.done, meter.timed_out, meter.billed), (0, 1, 0));
    assert_eq!(one(&slow, &[object(MINUTE, 1_799 * MIB)]).done, 1);
}

const BASE: &str = "\
name: orders
study: terminating
duration: 2h
workload:
  checkout:
    writes_to: tables.orders
    arrivals: { constant: { rate: 20/s } }
    keys: { uniform: { items: 1_000 } }
    item: { size: 700 B }
tables:
  orders:
    capacity: { provisioned: { write_units: 1000 } }
    kinesis: { stream: changes }
kinesis:
  changes:
    capacity: { provisioned: { shards: 2 } }
firehose:
  lake: { reads: kinesis.changes, buffer: { interval: 60s }, to: { s3: {} } }
athena:
  dashboards: { scans: firehose.lake, every: 5m, window: 30m }
";

fn read(sets: &[&str]) -> Result<Scenario, String> {
    support::load_with(BASE, sets)
}

#[test]
fn ath_2_5_7_10_def_9_times_have_awss_examples_as_defaults() {
    let plan = &read(&[]).unwrap().queries[0];
    // 1.15 TB in 236 s.
    let seconds = 1.15e12 / plan.scan_rate as f64;
    assert!((seconds / 236.0 - 1.0).abs() < 0.02, "{seconds}");
    // The same data in 5,000 files takes 8.4 s, and 2.31 s in one.
    let more = 4_999.0 * plan.per_object as f64 / SECOND as f64;
    assert!((more / (8.4 - 2.31) - 1.0).abs() < 0.03, "{more}");
    let many = QueryPlan { every: SECOND, ..plan.clone() };
    let meter = query(&many, &[], 2 * HOUR);
    let median = meter.time.quantile(0.5).unwrap() / 1e6;
    assert!((median - 1.2).abs() < 0.04, "{median}");
}

#[test]
fn queries_of_a_run_see_its_objects_and_are_billed() {
    let scenario = read(&[
        "tables.orders.kinesis.replication.duplicates=1%",
        "slo={ athena.dashboards.data_age.max: { max: 3m } }",
    ]);
    let scenario = scenario.unwrap_or_else(|errors| panic!("{errors}"));
    let outcome = support::run::<true>(&scenario, 0);
    let meter = &outcome.queries[0];
    // Rounds at 5, 10 ... 115 minutes.
    assert_eq!(meter.done, 23);
    let copies = meter.copies as f64 / meter.rows as f64;
    assert!((copies - 0.01 / 1.01).abs() < 0.002, "{copies}");
    // The newest record there is a second to two minutes old, for buffers are flushed once a minute.
    assert!(meter.age.max() < 125_000_000);
    let billed = meter.billed as f64;
    let result = RunResult::new(&scenario, &[outcome], scenario.billing.book()).unwrap();
    let tb = result.usage.0["athena.scan_tb"].quantity.to_string().parse::<f64>().unwrap();
    assert!((tb / (billed / (1_u64 << 40) as f64 * 365.0) - 1.0).abs() < 1e-6, "{tb}");
    assert_eq!(result.exit_code(), 0);
    assert!(read(&["athena.dashboards.columns=5%"]).unwrap_err().contains("ATH-4"));
    assert!(read(&["athena.dashboards.partitions=5"]).unwrap_err().contains("does not partition"));
}

#[test]
fn removing_duplicates_reads_further_columns_of_columnar_objects_only() {
    let parquet = "firehose.lake.format={ parquet: {} }";
    let sets = [parquet, "athena.dashboards.columns=10%", "athena.dashboards.deduplicate={ columns: 5% }"];
    let plan = &read(&sets).unwrap().queries[0];
    assert_eq!((plan.share, plan.deduplicates), (0.1, Some(0.05)));
    let plan = QueryPlan { window: None, every: 10 * MINUTE, per_object: MILLISECOND, ..plan.clone() };
    let meter = one(&plan, &[object(MINUTE, 100 * MIB)]);
    assert_eq!((meter.scanned, meter.scanned_to_deduplicate), (15 * MIB, 5 * MIB));
    let text = &read(&["athena.dashboards.deduplicate={ columns: 5% }"]).unwrap().queries[0];
    assert_eq!(text.deduplicates, Some(0.0));
}
