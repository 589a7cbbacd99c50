//! Direct PUT, transformation, backups and destinations other than S3.

use streamgauge::engine::time::SECOND;
use streamgauge::pipeline::direct_put::column as put_column;
use streamgauge::pipeline::finish::Outcome;
use streamgauge::report::csv;
use streamgauge::report::result::RunResult;
use streamgauge::scenario::checked::Scenario;
use streamgauge::scenario::load_check::{LoadCheck, Verdict};

#[path = "firehose/channel.rs"]
mod channel;
#[path = "firehose/destinations.rs"]
mod destinations;
#[path = "firehose/direct_put.rs"]
mod direct_put;
mod support;
#[path = "firehose/transform.rs"]
mod transform;

/// 1,000 records of 1,000 bytes a second, put into a Firehose in calls of 100.
const DIRECT: &str = "\
name: direct
study: terminating
duration: 10m
region: eu-central-1
workload:
  clicks:
    writes_to: firehose.lake
    arrivals: { constant: { rate: 1000/s } }
    keys: { uniform: { items: 1_000 } }
    record: { size: 1000 B }
    client: { sdk: { call: put_record_batch, records_per_call: 100, lost_replies: 0%, latency: 10ms,
                     resend: { fixed: { delays: [200ms], attempts: 100 } } } }
firehose:
  lake: { direct_put: { auto_scaling: false }, to: { s3: { prefix: raw/, put: 100ms } } }
";

/// So few changes that no buffer is full before its interval is over.
const FEW: &str = "workload.checkout.arrivals={ constant: { rate: 20/s } }";

/// Changes that take 100 ms to two shards, and stay in order.
const POLLED: &str = support::orders!(
    ", timestamp_precision: millisecond, replication: { delay: 100ms, reorder: 0%, duplicates: 0% }",
    "firehose:\n  lake: { reads: kinesis.changes, to: { s3: { prefix: raw/, put: 100ms } } }\n"
);

fn run(base: &str, sets: &[&str]) -> (Scenario, Outcome) {
    let scenario = support::load_with(base, sets).unwrap_or_else(|errors| panic!("{errors}"));
    let outcome = support::run::<true>(&scenario, 0);
    (scenario, outcome)
}

fn refused(base: &str, sets: &[&str]) -> String {
    support::load_with(base, sets).err().unwrap_or_else(|| panic!("{sets:?} should be refused"))
}

fn result(scenario: &Scenario, outcome: Outcome) -> RunResult {
    RunResult::new(scenario, &[outcome], scenario.billing.book()).expect("a result")
}

/// A fate of a path in the ledger, and what entered there.
fn fate(outcome: &Outcome, path: &str, name: &str) -> (u64, u64) {
    let account = outcome.ledger.accounts.iter().find(|account| account.path == path);
    let account = account.unwrap_or_else(|| panic!("no account of {path}"));
    let fate = account.fates.iter().find(|(fate, _)| *fate == name);
    (fate.unwrap_or_else(|| panic!("no fate {name}")).1, account.total_entered())
}

#[test]
fn fh_s3_s6_s7_m4_top_1_reads_share_the_shards_limits_and_never_lose_what_waits() {
    // Six readers of two shards have five calls a second between them.
    let more = ["b", "c", "d", "e", "f"]
        .map(|name| format!("firehose.{name}={{ reads: kinesis.changes, to: {{ s3: {{}} }} }}"));
    let sets: Vec<&str> = more.iter().map(String::as_str).collect();
    let (scenario, outcome) = run(POLLED, &sets);
    let refused: u64 = outcome.deliveries.iter().map(|delivery| delivery.reads.refused_calls).sum();
    assert!(refused > 100, "{refused}");
    for delivery in &outcome.deliveries {
        assert_eq!(delivery.meter.delivered, 60_000, "throttling delays and loses nothing");
    }
    let sheet = csv::timeseries(&scenario, &outcome);
    let sum = |metric: &str| -> u64 {
        let rows = sheet.lines().filter(|line| line.contains(&format!(",{metric},")));
        rows.map(|line| line.rsplit(',').next().unwrap().parse::<u64>().unwrap()).sum()
    };
    assert_eq!(sum("DataReadFromKinesisStream.Records"), 6 * 60_000);
    assert_eq!(
        sum("DataReadFromKinesisStream.Bytes"),
        outcome.deliveries.iter().map(|it| it.reads.bytes).sum::<u64>()
    );
    // An empty poll that was refused is accounted for without an event.
    assert!(sum("ThrottledGetRecords") <= refused);
    // A shard has a buffer: two shards write twice as many objects.
    let (_, four) =
        run(POLLED, &["kinesis.changes.capacity.provisioned.shards=4", "firehose.lake.buffer.size=128 MiB"]);
    let (_, two) = run(POLLED, &["firehose.lake.buffer.size=128 MiB"]);
    assert_eq!(four.deliveries[0].s3.objects, 2 * two.deliveries[0].s3.objects);
}

#[test]
fn fh_s8_aggregates_come_apart_before_anything_else() {
    let kpl = "workload={ clicks: { writes_to: kinesis.changes, arrivals: { constant: { rate: 100/s } }, keys: { uniform: { items: 100 } }, \
               record: { size: 100 B }, client: { kpl: { lost_replies: 0% } } } }";
    let transform = "firehose.lake.transform={}";
    let (_, outcome) = run(POLLED, &[kpl, "tables={}", transform, "duration=1m"]);
    let meter = &outcome.direct[0].meter;
    assert!(meter.parcels_accepted * 3 < meter.accepted, "{} of {}", meter.parcels_accepted, meter.accepted);
    let transformed = outcome.deliveries[0].transform.as_ref().unwrap().meter.ok;
    assert_eq!((transformed, outcome.deliveries[0].meter.delivered), (meter.accepted, meter.accepted));
}

#[test]
fn fh_m6_second_long_spikes_vanish_in_metrics_of_a_minute() {
    // One second of 20,000 records a second in a minute of none: the minute's mean is 333.
    let sets = [
        "workload.clicks.arrivals={ stages: [{ for: 1s, rate: 20000/s }, { for: 59s, rate: 0/s }] }",
        "duration=1m",
        "firehose.lake.direct_put={ scale: 32 }",
        "workload.clicks.client.sdk.in_flight=100",
    ];
    let (_, outcome) = run(DIRECT, &sets);
    let series = &outcome.streams[0].front.as_ref().unwrap().series;
    let bins: Vec<u64> = series.bins().iter().map(|bin| bin[put_column::RECORDS]).collect();
    let minute: u64 = bins.iter().sum();
    assert_eq!(minute, outcome.direct[0].meter.accepted);
    assert!(minute > 19_000);
    let second = bins.iter().max().unwrap() * SECOND / series.width();
    assert!(second > 30 * minute / 60, "{second} a second at the peak, {} on average", minute / 60);
}

#[test]
fn lat_16_def_8_unv_2_freshness_is_the_poll_the_interval_and_the_upload() {
    // The first record of a buffer waits 0 to 1 s for the poll, 60 s in it, and 100 ms for S3.
    let (_, outcome) = run(POLLED, &[FEW, "firehose.lake.buffer.interval=60s"]);
    for row in &outcome.deliveries[0].rows {
        let age = row.complete / 1_000 - row.oldest_arrival;
        assert!((60_100_000..=61_100_000).contains(&age), "{age}");
    }
    let (_, zero) = run(POLLED, &[FEW, "firehose.lake.buffer.interval=0s"]);
    for row in &zero.deliveries[0].rows {
        let age = row.complete / 1_000 - row.oldest_arrival;
        assert!((1_100_000..=4_100_000).contains(&age), "a few seconds: {age}");
    }
}

#[test]
fn s3_3_4_lat_17_a_put_takes_what_aws_says_or_what_is_usual() {
    let upload = |put: &str| {
        let set = format!("firehose.lake.to={{ s3: {put} }}");
        let (_, outcome) = run(POLLED, &[&set, "firehose.lake.buffer.interval=1s"]);
        let mut times: Vec<u64> =
            outcome.deliveries[0].rows.iter().map(|row| (row.complete - row.flushed) / 1_000_000).collect();
        times.sort_unstable();
        (times[times.len() / 2], times[times.len() * 99 / 100])
    };
    let (median, _) = upload("{}");
    assert!((100..=200).contains(&median), "{median} ms");
    let (median, p99) = upload("{ put: { lognormal: { median: 35ms, sigma: 0.7 } } }");
    assert!((20..=60).contains(&median) && (100..=300).contains(&p99), "{median} and {p99} ms");
}

#[test]
fn s3_1_more_puts_than_a_prefix_takes_are_slowed_down_and_counted() {
    let sets = [
        "firehose.lake.to={ s3: { request_rate: 1/s, put: 100ms } }",
        "firehose.lake.buffer.interval=1s",
        "duration=1m",
    ];
    let (scenario, outcome) = run(POLLED, &sets);
    // Two shards make three requests a second each (FH-B9), and the prefix takes one.
    let slow = outcome.deliveries[0].s3.slow_downs;
    assert!(slow > 100, "{slow}");
    assert_eq!(outcome.deliveries[0].meter.delivered, 6_000);
    assert_eq!(result(&scenario, outcome).objects[0].slow_downs, slow);
}

#[test]
fn s3_1_check_shows_the_gets_of_queries_that_run_at_once() {
    let query = |at_once: u32| {
        let set = format!(
            "athena={{ d: {{ scans: firehose.lake, every: 5m, at_once: {at_once}, per_object: 1ms }} }}"
        );
        let rows = LoadCheck::of(&support::load_with(POLLED, &[&set]).unwrap()).rows;
        let row = rows.into_iter().find(|row| row.path == "athena.d").unwrap();
        (row.mean, row.allowed, row.verdict)
    };
    assert_eq!(query(1), (1_000.0, 5_500.0, Verdict::Fine));
    assert_eq!(query(6), (6_000.0, 5_500.0, Verdict::Overloaded));
}

#[test]
fn s3_6_compaction_aims_at_128_mb_to_1_gb_an_object() {
    let sets = ["athena={ d: { scans: firehose.lake, every: 5m, compaction: {} } }"];
    let target = support::load_with(POLLED, &sets).unwrap().queries[0].compaction.unwrap().target;
    assert!((128_000_000..=1 << 30).contains(&target), "{target}");
}

#[test]
fn unv_3_records_above_1_mib_pass_a_kinesis_source_and_none_are_made_by_direct_put() {
    let large = "workload={ clicks: { writes_to: kinesis.changes, arrivals: { constant: { rate: 1/s } }, keys: { uniform: { items: 10 } }, \
                 record: { size: 3 MiB }, client: { sdk: { call: put_record, lost_replies: 0% } } } }";
    let sets = [
        large,
        "tables={}",
        "kinesis.changes.max_record=10 MiB",
        "duration=1m",
        "firehose.lake.transform={}",
    ];
    let (_, outcome) = run(POLLED, &sets);
    let meter = outcome.deliveries[0].transform.as_ref().unwrap().meter;
    // A record of 3 MiB is 4 MiB in base64; Lambda's 6 MB take one of them, and the buffer sends each by itself.
    assert_eq!(
        (meter.too_large, outcome.deliveries[0].meter.delivered),
        (0, outcome.direct[0].meter.accepted)
    );
    assert!(outcome.direct[0].meter.accepted > 50);
    let larger: Vec<String> = sets.iter().map(|set| set.replace("3 MiB", "5 MiB")).collect();
    let (_, outcome) = run(POLLED, &larger.iter().map(String::as_str).collect::<Vec<_>>());
    let meter = outcome.deliveries[0].transform.as_ref().unwrap().meter;
    assert_eq!(meter.failed, outcome.direct[0].meter.accepted, "6.7 MiB in base64: 6 MB certainly bind");
}

#[test]
fn fh_d3_unv_8_top_7_check_shows_partitions_against_a_gigabyte_a_second_and_hints_have_64_mib() {
    let partitioned = "firehose.lake.dynamic_partitioning={ attribute: customer, values: 4 }";
    let scenario = support::load_with(POLLED, &[partitioned]).unwrap();
    let rows = LoadCheck::of(&scenario).rows;
    let row = rows.iter().find(|row| row.limit == "FH-D3").unwrap();
    let all = rows.iter().find(|row| row.path == "kinesis.changes" && row.unit == "B/s").unwrap();
    assert!((row.mean - all.mean / 4.0).abs() < 1e-6 && row.allowed == 1e9);
    assert_eq!(scenario.deliveries[0].size, 64 << 20);
    assert!(scenario.assumptions.iter().any(|it| it.id == "FH-D5"), "its size is an assumption of the run");
    // Up to 1.5 times the interval, and the 501st partition goes to the error prefix: see delivery.rs.
    let hold = scenario.deliveries[0].hold.as_ref().unwrap().mean();
    assert_eq!(hold, 1.25 * scenario.deliveries[0].interval as f64);
}

/// A buffer that is flushed each 30 s makes 20 objects in ten minutes, which is 2,880 a day, though S3 bills three requests for
/// each of them (FH-B9).
#[test]
fn fh_b9_objects_a_day_are_objects_and_not_requests() {
    let sets = ["firehose.lake.buffer={ size: 64 MiB, interval: 30s }", "end=stop"];
    let (scenario, outcome) = run(DIRECT, &sets);
    let (listed, flushed) =
        (outcome.deliveries[0].rows.len() as f64, outcome.deliveries[0].meter.by_interval);
    assert_eq!(outcome.deliveries[0].s3.puts, 3 * flushed);
    let json = result(&scenario, outcome);
    assert_eq!(json.objects[0].objects_per_day, Some(listed * 144.0));
    assert_eq!(json.figure("firehose.lake.objects_per_day"), Some(listed * 144.0));
    assert!((18.0..=20.0).contains(&listed), "{listed}");
}

/// Records whose partition cannot be read go to objects of their own under the error prefix, which are counted apart.
#[test]
fn what_is_said_of_objects_is_said_of_the_same_objects() {
    let partitioned =
        "firehose.lake.dynamic_partitioning={ attribute: customer, values: 4, unparsable: 10% }";
    let (scenario, outcome) = run(POLLED, &[partitioned, "firehose.lake.buffer.interval=60s", "end=stop"]);
    let meter = outcome.deliveries[0].meter;
    let json = result(&scenario, outcome);
    let row = &json.objects[0];
    assert!(row.partitions.as_ref().is_some_and(|it| it.error_objects > 0));
    assert_eq!(row.flushed_by_size + row.flushed_by_interval, row.objects);
    assert!(meter.by_size + meter.by_interval > row.objects, "error objects are flushed as well");
    assert_eq!(row.objects_per_day, Some(row.objects as f64 * 144.0));
}

/// A function takes 20 s of every record's time: the resources of a delivery stream add up with it, and not without.
#[test]
fn shares_of_what_records_wait_for_add_up_to_one() {
    let transform =
        "firehose.lake.transform={ duration: { base: 20s }, buffer: { size: 3 MiB, interval: 60s } }";
    let (scenario, outcome) = run(POLLED, &[FEW, transform]);
    let json = result(&scenario, outcome);
    let waits = &json.bottlenecks.iter().find(|row| row.path == "firehose.lake").unwrap().waits;
    let total: f64 = waits.iter().map(|wait| wait.share).sum();
    assert!((total - 1.0).abs() < 1e-3, "{waits:?}");
    assert!(waits.iter().any(|wait| wait.resource == "the transforming function" && wait.mean_ms > 20_000.0));
    assert!(waits.iter().any(|wait| wait.resource == "the change feed"));
}

#[test]
fn what_no_table_feeds_waits_for_its_producer_and_for_no_change_feed() {
    let names = |base: &str| {
        let (scenario, outcome) = run(base, &["duration=2m"]);
        let json = result(&scenario, outcome);
        let parts = &json.latency.iter().find(|row| row.path == "firehose.lake.freshness").unwrap().parts;
        let waits = json.bottlenecks.into_iter().flat_map(|row| row.waits).map(|wait| wait.resource);
        (parts["mean_ms"].keys().next().cloned(), waits.collect::<Vec<String>>())
    };
    let (first, waits) = names(DIRECT);
    assert_eq!(first.as_deref(), Some("propagation"));
    let has = |waits: &[String], resource: &str| waits.iter().any(|it| it == resource);
    assert!(has(&waits, "the producer's client") && !has(&waits, "the change feed"), "{waits:?}");
    let (first, waits) = names(POLLED);
    assert_eq!(first.as_deref(), Some("replication"));
    assert!(has(&waits, "the change feed") && !has(&waits, "the producer's client"), "{waits:?}");
}

/// What a delivery stream has been given is nobody's to read: consumers read streams, tables' streams and queues.
#[test]
fn fh_q13_nobody_reads_a_delivery_stream_again() {
    let more = "firehose:\n  lake: { direct_put: {}, to: { s3: {} } }\nconsumers:\n  again: { reads: firehose.lake, polling: {} }";
    let error = support::load(&support::fed_table("1/s", "1m", more)).expect_err("it is refused");
    assert!(error.contains("consumers.again.reads") && error.contains("firehose.lake"), "{error}");
}
