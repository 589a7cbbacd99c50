//! The series carry CloudWatch's names and units, and add up to what happened.

use streamgauge::pipeline::finish::Outcome;
use streamgauge::report::csv::timeseries;
use streamgauge::report::result::RunResult;

mod support;

/// 100 items of 500 bytes a second, one write unit each, into two shards; two consumers read them.
const BASE: &str = "\
name: orders
study: terminating
duration: 200s
workload:
  app:
    writes_to: tables.orders
    arrivals: { constant: { rate: 100/s } }
    keys: { uniform: { items: 1_000 } }
    item: { size: 500 B }
tables:
  orders:
    capacity: { provisioned: { write_units: 1000, burst: 1s } }
    kinesis: { stream: changes, replication: { delay: 100ms, reorder: 0%, duplicates: 0% } }
kinesis:
  changes: { capacity: { provisioned: { shards: 2 } } }
consumers:
  search: { reads: kinesis.changes, polling: { interval: 1s } }
";

/// What happened, and the rows of its series.
fn run(sets: &[&str]) -> (Outcome, Vec<Vec<String>>) {
    let scenario = support::scenario(BASE, sets);
    let outcome = support::run::<true>(&scenario, 0);
    let text = timeseries(&scenario, &outcome);
    let rows = csv::Reader::from_reader(text.as_bytes())
        .records()
        .map(|record| record.expect("a sound row").iter().map(str::to_owned).collect())
        .collect();
    (outcome, rows)
}

/// The sum of a metric that has this unit; nothing if there is no such metric.
fn total(rows: &[Vec<String>], metric: &str, unit: &str) -> Option<u64> {
    let of_it: Vec<&Vec<String>> = rows.iter().filter(|row| row[3] == metric).collect();
    assert!(of_it.iter().all(|row| row[4] == "Sum" && row[5] == unit), "{metric}");
    let values = of_it.iter().map(|row| row[6].parse::<u64>().expect("a count"));
    (!of_it.is_empty()).then(|| values.sum())
}

#[test]
fn ddb_x1_consumed_units_are_a_sum_that_divided_by_60_is_the_rate() {
    let (_, rows) = run(&[]);
    assert_eq!(total(&rows, "ConsumedWriteCapacityUnits", "Count"), Some(20_000));
    let seconds = |row: &Vec<String>| row[1].parse::<u64>().expect("a period");
    let full = rows.iter().filter(|row| row[3] == "ConsumedWriteCapacityUnits").take(3);
    for row in full {
        assert_eq!(row[6].parse::<u64>().expect("a count") / seconds(row), 100);
    }
}

#[test]
fn ddb_x2_x4_failures_and_expired_items_have_a_metric_each() {
    let (outcome, rows) = run(&[
        "tables.orders.capacity.provisioned.write_units=50",
        "workload.app.operations={ modify: 70%, conditional_failure: 20%, ttl: 10% }",
        "workload.app.client={ server_errors: { share: 5%, applied: 0% } }",
    ]);
    let meter = outcome.producers[0].0;
    assert!(meter.refused > 0 && meter.condition_failed > 0 && meter.server_errors > 0, "{meter:?}");
    // A write by itself is one request and one event.
    assert_eq!(total(&rows, "ThrottledRequests", "Count"), Some(meter.refused));
    assert_eq!(total(&rows, "WriteThrottleEvents", "Count"), Some(meter.refused));
    assert_eq!(total(&rows, "ConditionalCheckFailedRequests", "Count"), Some(meter.condition_failed));
    assert_eq!(total(&rows, "SystemErrors", "Count"), Some(meter.server_errors));
    let expired = total(&rows, "TimeToLiveDeletedItemCount", "Count").expect("some expired");
    assert!(expired.abs_diff(2_000) < 220, "a tenth of 20,000: {expired}");
    // What did not happen is not listed.
    assert_eq!(total(&rows, "TransactionConflict", "Count"), None);
}

#[test]
fn ddb_x2_t10_a_batch_is_a_throttled_request_only_if_none_of_it_was_taken() {
    let (outcome, rows) =
        run(&["tables.orders.capacity.provisioned.write_units=50", "workload.app.client={ batch: 20 }"]);
    let calls = outcome.long_ways[0].expect("calls").calls;
    assert!(calls.unprocessed > 0);
    assert_eq!(total(&rows, "ThrottledRequests", "Count").unwrap_or(0), calls.throttled);
    assert!(total(&rows, "WriteThrottleEvents", "Count") > Some(calls.throttled));
}

#[test]
fn kds_m1_m2_incoming_counts_what_was_put_and_exceeded_what_was_refused() {
    // 1,500 small records a second into one shard that takes 1,000.
    let (outcome, rows) = run(&[
        "duration=20s",
        "tables.orders.capacity.provisioned.write_units=40_000",
        "tables.orders.partitions=off",
        "workload.app.arrivals.constant.rate=1500/s",
        "workload.app.item.size=60 B",
        "kinesis.changes.capacity.provisioned.shards=1",
    ]);
    let meter = outcome.tables[0].feed.as_ref().expect("a feed").meter;
    assert_eq!(total(&rows, "IncomingRecords", "Count"), Some(30_000));
    assert_eq!(total(&rows, "IncomingBytes", "Bytes"), Some(outcome.streams[0].loads[0].total.bytes));
    assert!(meter.throttled > 0);
    assert_eq!(total(&rows, "WriteProvisionedThroughputExceeded", "Count"), Some(meter.throttled));
    assert_eq!(total(&rows, "ThrottledPutRecordCount", "Count"), Some(meter.throttled));
}

#[test]
fn kds_m2_m3_calls_return_every_record_and_refused_ones_are_counted() {
    // Six readers that poll every second share five calls a second.
    let more: Vec<String> = (1..6)
        .map(|number| {
            format!("consumers.c{number}={{ reads: kinesis.changes, polling: {{ interval: 1s }} }}")
        })
        .collect();
    let (outcome, rows) = run(&more.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(total(&rows, "GetRecords.Records", "Count"), Some(6 * 20_000));
    let bytes: u64 = outcome.streams[0].loads.iter().map(|load| load.total.bytes).sum();
    assert_eq!(total(&rows, "GetRecords.Bytes", "Bytes"), Some(6 * bytes));
    let refused: u64 =
        outcome.consumers.iter().map(|it| it.reads.refused_calls + it.reads.refused_bytes).sum();
    assert!(refused > 0);
    assert_eq!(total(&rows, "ReadProvisionedThroughputExceeded", "Count"), Some(refused));
}

/// Readers of every kind that poll: their calls and no more than five a second between them.
const IDLE: &str = "\
name: idle
study: terminating
duration: 20m
workload:
  app:
    writes_to: tables.orders
    arrivals: { constant: { rate: 3/min } }
    keys: { uniform: { items: 1_000 } }
    item: { size: 500 B }
tables:
  orders:
    capacity: { provisioned: { write_units: 1000, burst: 1s } }
    kinesis: { stream: changes, replication: { delay: 100ms, reorder: 0%, duplicates: 0% } }
kinesis:
  changes: { capacity: { provisioned: { shards: 2 } } }
consumers:
  search: { reads: kinesis.changes, polling: { interval: 1s } }
  fraud: { reads: kinesis.changes, polling: { interval: 1s } }
  mail: { reads: kinesis.changes, lambda: { duration: { base: 20ms } } }
  export: { reads: kinesis.changes, kcl: { via: polling, workers: 2 } }
  audit: { reads: kinesis.changes, polling: { interval: 500ms } }
  cache: { reads: kinesis.changes, polling: { interval: 500ms } }
firehose:
  lake: { reads: kinesis.changes, buffer: { size: 1 MiB, interval: 60s }, to: { s3: {} } }
";

/// Nearly all of these calls are made while their readers sleep and nobody looks, for a change comes three times a minute and
/// goes to one shard. Each is in the series of its reader all the same, at its time, and on its shard.
#[test]
fn kds_m2_refused_calls_that_nobody_saw_are_in_the_series_at_their_time_and_on_their_shard() {
    let (scenario, outcome, result) = support::reported(IDLE);
    let text = timeseries(&scenario, &outcome);
    let rows: Vec<Vec<String>> = csv::Reader::from_reader(text.as_bytes())
        .records()
        .map(|record| record.expect("a sound row").iter().map(str::to_owned).collect())
        .collect();
    let of = |path: &str| -> Vec<u64> {
        let names = ["ReadProvisionedThroughputExceeded", "ThrottledGetRecords"];
        let own = rows.iter().filter(|row| row[2] == path && names.contains(&row[3].as_str()));
        own.map(|row| row[6].parse().expect("a count")).collect()
    };
    let consumers = result.consumers.iter().map(|row| (row.path.clone(), row.calls.expect("it polls")));
    let deliveries = result.objects.iter().map(|row| (row.path.clone(), row.calls));
    let mut refused_by_minute = vec![0.0; 20];
    for (path, calls) in consumers.chain(deliveries) {
        let (series, refused) = (of(&path), calls.refused_calls + calls.refused_bytes);
        assert_eq!(series.iter().sum::<u64>(), refused, "{path}");
        assert!(refused > 100, "{path}: {refused}");
        let by_shard = outcome.streams[0].refused_reads.iter().filter(|row| row.reader == path);
        let by_shard: Vec<u64> = by_shard.map(|row| row.refused.calls + row.refused.bytes).collect();
        assert_eq!(by_shard.len(), 2, "{path}: as much is asked of one shard as of the other");
        assert_eq!(by_shard.iter().sum::<u64>(), refused, "{path}");
        let per_minute = series.len() / 20;
        for (minute, bins) in series.chunks(per_minute).take(20).enumerate() {
            refused_by_minute[minute] += bins.iter().sum::<u64>() as f64;
        }
    }
    // Nothing changes from the second minute on: as many are refused in each minute as in any other.
    let later = &refused_by_minute[1..];
    let mean = later.iter().sum::<f64>() / later.len() as f64;
    assert!(later.iter().all(|count| (count / mean - 1.0).abs() < 0.3), "{refused_by_minute:?}");
}

#[test]
fn kds_m7_the_iterator_age_is_that_of_the_last_record_returned() {
    let (_, rows) = run(&["events={ down: { at: 60s, for: 90s, outage: consumers.search } }"]);
    let ages: Vec<(u64, f64)> = rows
        .iter()
        .filter(|row| row[3] == "GetRecords.IteratorAgeMilliseconds")
        .map(|row| (row[0].parse().expect("a second"), row[6].parse().expect("an age")))
        .collect();
    // Polled every second, what is returned last is a second old at most. Once the reader is back after 90 s, one call takes
    // all that waits, and the last of it is as fresh as ever.
    assert!(!ages.is_empty() && ages.iter().all(|(_, age)| *age <= 1_100.0), "{ages:?}");
    let (_, rows) = run(&[
        "events={ down: { at: 60s, for: 90s, outage: consumers.search } }",
        "consumers.search.polling.batch_size=50",
    ]);
    let oldest = rows.iter().filter(|row| row[3] == "GetRecords.IteratorAgeMilliseconds");
    let oldest = oldest.map(|row| row[6].parse::<f64>().expect("an age")).fold(0.0, f64::max);
    // Fifty records of half a minute's thousands: the last of the first fifty is 89 s old.
    assert!((88_000.0..90_500.0).contains(&oldest), "{oldest}");
}

#[test]
fn con_3_a_delivery_stream_calls_once_a_second_for_each_shard() {
    let (outcome, _) = run(&[
        "firehose.lake={ reads: kinesis.changes, buffer: { size: 1 MiB, interval: 60s }, to: { s3: {} } }",
    ]);
    let reads = outcome.deliveries[0].reads;
    let calls = reads.polls + reads.empty_polls + reads.refused_calls + reads.refused_bytes;
    let seconds = outcome.end / 1_000_000_000;
    assert!(calls.abs_diff(2 * seconds) <= 2, "{calls} calls in {seconds} s");
}

#[test]
fn kds_s2_the_bill_has_the_retention_that_held_and_not_that_of_the_beginning() {
    let shard_hours = |sets: &[&str]| {
        let scenario = support::scenario(BASE, &[sets, &["duration=1000s"]].concat());
        let outcome = support::run::<true>(&scenario, 0);
        let result = RunResult::new(&scenario, &[outcome], scenario.billing.book()).expect("a result");
        let of = |id: &str| {
            result
                .usage
                .0
                .get(id)
                .map_or(0.0, |line| line.quantity.to_string().parse::<f64>().expect("a number"))
        };
        [of("kds.prov.ext_ret_shard_h") / of("kds.prov.shard_h"), of("kds.prov.lt_ret_gbmo")]
    };
    let raised = |at: &str, to: &str| {
        format!("events={{ longer: {{ at: {at}, set: {{ kinesis.changes.retention: {to} }} }} }}")
    };
    let [always, _] = shard_hours(&["kinesis.changes.retention=48h"]);
    let [quarter, no_bytes] = shard_hours(&[&raised("750s", "48h")]);
    assert_eq!((always, no_bytes), (1.0, 0.0));
    assert!((quarter - 0.25).abs() < 0.001, "{quarter}");
    let [lowered, _] = shard_hours(&["kinesis.changes.retention=48h", &raised("750s", "24h")]);
    assert!((lowered - 0.75).abs() < 0.001, "{lowered}");
    // Of a load that never changes, a quarter is written in the last quarter.
    let [_, all] = shard_hours(&["kinesis.changes.retention=10d"]);
    let [_, part] = shard_hours(&[&raised("750s", "10d")]);
    assert!(all > 0.0 && (part / all - 0.25).abs() < 0.005, "{part} of {all}");
}

/// Every metric of the series can be watched, each of its resource.
#[test]
fn fh_m2_m5_alarms_can_be_on_every_metric_that_the_series_have() {
    let more = "  pushed: { reads: kinesis.changes, lambda: { via: enhanced_fan_out, sends_to: [sqs.q] } }
  reader: { reads: sqs.q, lambda: {} }
  own: { reads: tables.orders.streams, lambda: {} }
  kcl: { reads: kinesis.changes, kcl: {} }
sqs:
  q: {}
firehose:
  lake:
    reads: kinesis.changes
    format: { parquet: { ratio: 20%, failures: 1% } }
    dynamic_partitioning: { attribute: customer, values: 5 }
    transform: {}
    buffer: { interval: 60s }
    to: { s3: {} }
  search: { reads: kinesis.changes, backup: {}, buffer: { interval: 60s }, to: { opensearch: {} } }
  copied: { reads: kinesis.changes, to: { redshift: {} } }
  events: { reads: kinesis.changes, to: { splunk: {} } }
  hook: { reads: kinesis.changes, to: { http: {} } }
  table: { reads: kinesis.changes, to: { iceberg: {} } }
  flakes: { reads: kinesis.changes, to: { snowflake: {} } }
";
    let text = format!("{BASE}{more}")
        .replace("kinesis: { stream", "streams: { view: new_image }\n    kinesis: { stream");
    let scenario = support::scenario(&text, &[]);
    let outcome = support::run::<true>(&scenario, 0);
    let sheet = timeseries(&scenario, &outcome);
    let mut metrics = std::collections::BTreeSet::new();
    for row in csv::Reader::from_reader(sheet.as_bytes()).records() {
        let row = row.expect("a sound row");
        let written = match &row[5] {
            "Milliseconds" | "Seconds" => "1s",
            _ => "1",
        };
        metrics.insert(format!(
            "{{ of: '{}', metric: '{}', threshold: {written}, period: 5m }}",
            &row[2], &row[3]
        ));
    }
    assert!(metrics.iter().any(|it| it.contains("DeliveryToHttpEndpoint.DataFreshness")));
    assert!(metrics.iter().any(|it| it.contains("FailedConversion.Records")));
    let alarms: Vec<String> =
        metrics.iter().enumerate().map(|(number, it)| format!("  a{number}: {it}\n")).collect();
    let watched = format!("{text}alarms:\n{}", alarms.concat());
    assert_eq!(support::scenario(&watched, &[]).alarms.len(), metrics.len());
}
