//! Figures that questions ask for by name: throughput, executions over time, what a query costs, duplicate rows a day.

mod support;

use support::reported;

/// A function on two shards that takes exactly a second for a batch of at most 50, and 800 changes a second.
const SLOW: &str = "\
name: slow
study: terminating
duration: 2m
account: { lambda_concurrency: 10 }
workload:
  app:
    writes_to: tables.t
    arrivals: { constant: { rate: 800/s } }
    keys: { uniform: { items: 10_000 } }
    item: { size: 300 B }
tables:
  t:
    capacity: { provisioned: { write_units: 2000 } }
    kinesis: { stream: s, replication: { delay: 50ms, reorder: 0%, duplicates: 0% } }
kinesis:
  s: { capacity: { provisioned: { shards: 2 } } }
consumers:
  f: { reads: kinesis.s, lambda: { batch_size: 50, duration: { base: 1s }, parallelization_factor: FACTOR } }
  p: { reads: kinesis.s, polling: { interval: 1s, workers: 1, batch_size: 20, per_batch: 0ms, per_record: 10ms } }
";

fn slow(factor: &str) -> streamgauge::report::result::RunResult {
    reported(&SLOW.replace("FACTOR", factor)).2
}

/// Whoever is always busy processes what his rule allows: a batch of 50 a second for each of a shard's lanes, a record every 10 ms for a
/// worker. The time until all is drained is several times the span of the writes and is left out.
#[test]
fn q27_throughput_is_what_lanes_and_workers_can_take_in_the_measured_span() {
    for (factor, expected) in [("1", 100.0), ("2", 200.0)] {
        let result = slow(factor);
        let found = |path: &str| result.figure(path).expect("a figure");
        let (function, worker) = (found("consumers.f.processed_per_s"), found("consumers.p.processed_per_s"));
        assert!((function / expected - 1.0).abs() < 0.03, "{function} instead of {expected}");
        assert!((worker / 100.0 - 1.0).abs() < 0.03, "{worker}");
        assert_eq!(result.consumers[1].processed_per_s, Some(function));
        assert_eq!(result.consumers[0].processed_per_s, Some(worker));
    }
}

/// Twenty lanes want to run and the account has ten executions: ten run at first and never more, and the others are refused. What is
/// refused waits longer each time, so that fewer may run later on.
#[test]
fn q28_executions_at_once_and_refusals_are_told_over_time_where_some_are_refused() {
    let result = slow("10");
    let function = result.consumers[1].lambda.as_ref().expect("a function");
    let curve = function.over_time.as_ref().expect("some are refused");
    assert_eq!(curve.throttled.len() as f64 * curve.step_s, 120.0);
    assert!(
        curve.concurrency_max[0] == 10 && curve.concurrency_max.iter().all(|most| *most <= 10),
        "{curve:?}"
    );
    assert!(curve.throttled[0] >= 10, "{curve:?}");
    // Those of the time until all is drained come on top.
    assert!(curve.throttled.iter().sum::<u64>() <= function.throttled_concurrency);
    assert_eq!(slow("2").consumers[1].lambda.as_ref().expect("a function").over_time, None);
}

/// 40 changes of 1,000 bytes a second, of which 2 % come twice, land in an object a minute that is read by a query every 10 minutes.
const LAKE: &str = "\
name: lake
study: terminating
duration: 4h
seed: 3
workload:
  app:
    writes_to: tables.t
    arrivals: { constant: { rate: 40/s } }
    keys: { uniform: { items: 10_000 } }
    item: { size: 1000 B }
tables:
  t:
    capacity: { provisioned: { write_units: 100 } }
    kinesis: { stream: s, replication: { delay: 50ms, reorder: 0%, duplicates: 2% } }
kinesis:
  s: { capacity: { provisioned: { shards: 1 } } }
firehose:
  lake: { reads: kinesis.s, buffer: { size: 64 MiB, interval: 60s }, to: { s3: {} } }
athena:
  q: { scans: firehose.lake, every: 10m, window: 1h }
";

#[test]
fn q42_q43_a_query_costs_what_it_scans_and_asks_for_and_a_day_brings_its_share_of_duplicate_rows() {
    let (_, outcome, result) = reported(LAKE);
    let row = &result.queries[0];
    // The price list: 5 USD a TB, and 0.0004 and 0.005 USD for 1,000 GET and LIST requests.
    let meter = &outcome.queries[0];
    let tb = row.billed_bytes_mean.expect("some are done") / f64::from(1 << 20) / f64::from(1 << 20);
    let each = |count: u64| count as f64 / meter.done as f64;
    let expected = 5.0 * tb + each(meter.gets) * 0.0004 / 1e3 + each(meter.lists) * 0.005 / 1e3;
    let found = row.usd_mean.expect("prices are known");
    assert!((found / expected - 1.0).abs() < 1e-4, "{found} instead of {expected}");
    // 69,120 copies a day, give or take five standard deviations of what is drawn in four hours.
    let (writes, share) = (40.0 * 14_400.0, 0.02_f64);
    let five = 5.0 * (writes * share * (1.0 - share)).sqrt() * 6.0;
    let found = row.duplicate_rows_per_day.expect("a span");
    assert!((found - writes * share * 6.0).abs() < five + 40.0 * 60.0 * share * 6.0, "{found}");
}

/// Writes come evenly, and a buffer is flushed a minute after its first record: a record waits for anything up to a minute, half of one
/// in the middle, in each hour of the day alike.
#[test]
fn q40_the_age_of_records_in_objects_is_told_by_hour_of_the_day() {
    let (_, _, result) = reported(LAKE);
    let hours = &result.objects[0].freshness_by_hour_s;
    assert!(["00", "01", "02", "03"].iter().all(|hour| hours.contains_key(*hour)), "{hours:?}");
    for (hour, ages) in hours.iter().filter(|(hour, _)| hour.as_str() < "04") {
        let [p50, p99, max] = [ages.p50, ages.p99, ages.max].map(|age| age.expect("an age"));
        assert!((30.0..34.0).contains(&p50) && (59.0..64.0).contains(&p99), "{hour}: {ages:?}");
        assert!(p99 <= max && max < 66.0, "{hour}: {ages:?}");
    }
    // Where all is written within one hour, there is nothing to tell apart.
    let (_, _, result) = reported(&LAKE.replace("duration: 4h", "duration: 30m"));
    assert!(result.objects[0].freshness_by_hour_s.is_empty());
}
