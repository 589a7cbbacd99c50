//! Destinations other than S3, conversion, retries and copies.

use super::{POLLED, fate, refused, result, run, support};
use rust_decimal::Decimal;
use streamgauge::engine::time::SECOND;
use streamgauge::pipeline::finish::Outcome;
use streamgauge::pricing::PriceBook;
use streamgauge::report::result::RunResult;
use streamgauge::systems::firehose::ErrorOutput;

#[test]
fn fh_f3_records_that_do_not_convert_go_to_their_own_error_prefix() {
    let (scenario, outcome) = run(POLLED, &["firehose.lake.format={ parquet: { failures: 2% } }"]);
    let (failed, entered) = fate(&outcome, "firehose.lake", "conversion_failed");
    let share = failed as f64 / entered as f64;
    assert!((share - 0.02).abs() < 0.003, "{share}");
    assert_eq!(failed + fate(&outcome, "firehose.lake", "delivered").0, entered);
    let json = result(&scenario, outcome);
    assert_eq!(json.objects[0].errors[0].prefix, "format-conversion-failed/");
}

#[test]
fn fh_b4_b5_b6_b7_hints_of_other_destinations() {
    let hints = |to: &str| {
        let plan = &support::load_with(POLLED, &[&format!("firehose.lake.to={{ {to}: {{}} }}")])
            .unwrap()
            .deliveries[0];
        (plan.size >> 20, plan.interval / SECOND)
    };
    for (to, size, interval) in [
        ("redshift", 5, 300),
        ("iceberg", 5, 300),
        ("opensearch", 5, 300),
        ("opensearch_serverless", 5, 300),
        ("splunk", 5, 60),
        ("http", 5, 60),
        ("snowflake", 1, 0),
    ] {
        assert_eq!(hints(to), (size, interval), "{to}");
    }
    let most = |to: &str, hint: &str| {
        refused(
            POLLED,
            &[&format!("firehose.lake.to={{ {to}: {{}} }}"), &format!("firehose.lake.buffer.{hint}")],
        )
    };
    assert!(most("opensearch", "size=101 MiB").contains("FH-B4"));
    assert!(
        most("splunk", "size=6 MiB").contains("FH-B5") && most("splunk", "interval=61s").contains("FH-B5")
    );
    assert!(most("http", "size=65 MiB").contains("FH-B5"));
    assert!(most("redshift", "interval=901s").contains("FH-B4"));
}

#[test]
fn fh_r2_r3_o4_after_the_retry_duration_buffers_go_to_the_error_prefix() {
    for (to, retry, prefix) in [
        ("redshift", 3_600, "errors/"),
        ("opensearch", 300, "AmazonOpenSearchService-failed/"),
        ("splunk", 3_600, "splunk-failed/"),
        ("http", 300, "http-endpoint-failed/"),
        ("snowflake", 60, "snowflake-failed/"),
    ] {
        let set = format!("firehose.lake.to={{ {to}: {{}} }}");
        let plan = support::load_with(POLLED, &[&set]).unwrap().deliveries[0].endpoint.clone().unwrap();
        assert_eq!((plan.retry / SECOND, plan.kind.error_prefix()), (retry, prefix), "{to}");
    }
    assert!(refused(POLLED, &["firehose.lake.to={ http: { retry_duration: 7201s } }"]).contains("FH-R2"));
    // What CreateDeliveryStream refuses: in each case for that reason alone.
    for s3 in ["prefix: 'raw/!{timestamp:yyyy}/'", "error_output_prefix: 'e/!{firehose:error-output-type}/'"]
    {
        let told = refused(POLLED, &[&format!("firehose.lake.to={{ redshift: {{ s3: {{ {s3} }} }} }}")]);
        assert!(told.contains("lie under `errors/` (FH-R2)") && !told.contains("needs an"), "{told}");
    }
    assert!(support::load_with(POLLED, &["firehose.lake.to={ redshift: { s3: { prefix: raw/ } } }"]).is_ok());
    let sets = [
        "firehose.lake.to={ opensearch: { request: 1s, s3: { retry_wait: 10s, put: 100ms } } }",
        "firehose.lake.buffer.interval=60s",
        "duration=20m",
        "events={ down: { at: 5m, for: 10m, outage: firehose.lake } }",
    ];
    let (scenario, outcome) = run(POLLED, &sets);
    let (failed, entered) = fate(&outcome, "firehose.lake", "destination_failed");
    assert_eq!(failed + fate(&outcome, "firehose.lake", "delivered").0, entered);
    // What is flushed in the first five of the ten minutes is given up; the rest finds the destination up again in time.
    let share = failed as f64 / 100.0 / 60.0;
    assert!((3.9..=6.1).contains(&share), "{share} minutes");
    let [first, last] = outcome.deliveries[0].meter.gave_up_at.unwrap();
    assert!(first >= 600 * SECOND && last <= 900 * SECOND, "{first} {last}");
    assert!(outcome.timeline.entries().iter().any(|entry| entry.what.contains("error prefix")));
    assert_eq!(outcome.deliveries[0].meter.failed[ErrorOutput::DestinationFailed as usize], failed);
    let json = result(&scenario, outcome);
    assert_eq!(json.objects[0].destination.as_deref(), Some("opensearch"));
    assert_eq!(
        (json.objects[0].errors[0].prefix.as_str(), json.objects[0].errors[0].records),
        ("AmazonOpenSearchService-failed/", failed)
    );
}

#[test]
fn fh_r4_copies_come_one_after_the_other_and_hold_freshness_up() {
    // Each of two shards flushes every 60 s, and a COPY takes 25 s: the second waits for the first.
    let sets = [
        "firehose.lake.to={ redshift: { copy: 25s, s3: { put: 100ms } } }",
        "firehose.lake.buffer.interval=60s",
        "firehose.lake.poll.phase=aligned",
    ];
    let (_, outcome) = run(POLLED, &sets[..2]);
    let mut ends: Vec<u64> = outcome.deliveries[0].rows.iter().map(|row| row.complete).collect();
    ends.sort_unstable();
    assert!(ends.len() >= 20 && ends.windows(2).all(|pair| pair[1] - pair[0] >= 25 * SECOND));
    // A COPY of 40 s cannot keep up with two a minute: buffers wait, and grow meanwhile (FH-B10).
    let slow = "firehose.lake.to={ redshift: { copy: 40s } }";
    let (_, late) = run(POLLED, &[slow, sets[1]]);
    let waits = late.deliveries[0].rows.iter().map(|row| row.complete - row.flushed).max().unwrap();
    // The COPY at work, that of the other shard, and its own.
    assert!(waits > 60 * SECOND && waits <= 3 * 40 * SECOND + SECOND, "{waits}");
    let copies = late.deliveries[0].rows.len() as u64;
    assert!(copies <= (600 + 120) / 40, "{copies}");
}

#[test]
fn other_destinations_are_billed_by_their_own_prices_and_nothing_unknown_is_zero() {
    let usage = |to: &str| {
        let set = format!("firehose.lake.to={{ {to} }}");
        let (scenario, outcome) = run(POLLED, &[&set, "billing={ represents: 10m }", "end=stop"]);
        let bytes = outcome.quantities.deliveries[0][0];
        (result(&scenario, outcome).usage, Decimal::from(bytes) / Decimal::from(1_u64 << 30))
    };
    let (iceberg, bytes) = usage("iceberg: {}");
    assert_eq!(iceberg.0["fh.iceberg"].quantity.round_dp(8), bytes.round_dp(8), "unrounded");
    assert!(!iceberg.0.contains_key("fh.put"));
    let (snowflake, bytes) = usage("snowflake: {}");
    assert_eq!(snowflake.0["fh.snowflake_gb"].quantity.round_dp(8), bytes.round_dp(8));
    let (http, _) = usage("http: { vpc: { zones: 3 } }");
    assert_eq!(http.0["fh.vpc_az_h"].quantity, Decimal::new(5, 1), "three zones for ten minutes");
    assert!(
        http.0.contains_key("fh.vpc_gb") && http.0.contains_key("fh.put") && !http.0.contains_key("s3.std")
    );
}

#[test]
fn fh_o5_o6_late_successes_are_stored_twice_whatever_the_destination() {
    let sets =
        ["firehose.lake.to={ http: { s3: { late_success: 20% } } }", "firehose.lake.buffer.interval=5s"];
    let (_, outcome) = run(POLLED, &sets);
    let meter = &outcome.deliveries[0].meter;
    let share = meter.repeated as f64 / 60_000.0;
    // A repetition may be taken for failed again: 0.2 / (1 - 0.2).
    assert!((share - 0.25).abs() < 0.1, "{share}");
    assert_eq!(meter.delivered, 60_000);
    // Within one buffer records lie in the order of their arrival; objects end in another order than they began.
    let rows = &outcome.deliveries[0].rows;
    assert!(rows.windows(2).any(|pair| pair[0].opened > pair[1].opened), "across objects there is no order");
}

/// 300 records of some 1,017 bytes a second.
const STEADY: &str = "\
name: slow
seed: 1
study: steady
duration: 30m
warm_up: 5m
workload:
  p:
    writes_to: kinesis.s
    arrivals: { poisson: { rate: 300/s } }
    keys: { uniform: { items: 1000 } }
    record: { size: 1000 B }
    client: { sdk: { call: put_record, in_flight: 10000, latency: 1ms, lost_replies: 0% } }
kinesis:
  s: { capacity: { provisioned: { shards: 2 } } }
";

/// Two shards fill 5 MiB in 35 s each, and COPY takes 40 s whatever its bytes: one after the other they would fall behind for good. A
/// buffer that waits grows instead, so that each COPY carries all that came during the one before it: nobody is later than the
/// record that just missed a buffer, which waits for its own flush, the COPY at work, and its own two.
#[test]
fn fh_b10_fh_r4_buffers_of_a_slow_destination_grow_and_it_keeps_up() {
    let text = format!(
        "{STEADY}firehose:\n  rs: {{ reads: kinesis.s, buffer: {{ size: 5 MiB, interval: 60s }}, to: {{ redshift: {{ copy: 40s }} }} }}\n"
    );
    let (scenario, outcome, result) = support::reported(&text);
    assert!(result.overloaded.is_empty(), "{:?}", result.overloaded);
    let late = result.figure("firehose.rs.freshness.max").expect("it keeps up") / 1e3;
    assert!(late > 80.0 && late < 60.0 + 5.0 * 40.0 + 5.0, "{late}");
    let greatest = outcome.deliveries[0].rows.iter().map(|row| row.bytes).max().unwrap();
    assert!(greatest > 5 << 20 && greatest < 128 << 20, "{greatest}");
    let check = streamgauge::scenario::load_check::LoadCheck::of(&scenario);
    let row = check.rows.iter().find(|row| row.limit == "FH-R4").expect("COPY has a row");
    assert!((row.allowed - 1.0 / 40.0).abs() < 1e-9 && row.mean < row.allowed, "{row:?}");
    assert!(check.warnings.iter().any(|warning| warning.contains("FH-B10")), "{:?}", check.warnings);
}

/// A hundred records a second for an S3 that takes 3,500 requests: an object under way holds half of all that comes in a minute,
/// and is met by a sample or not. No replication calls that a backlog that grows.
#[test]
fn fh_b2_an_object_under_way_is_no_backlog_that_grows() {
    let lake =
        "firehose:\n  lake: { reads: kinesis.s, buffer: { size: 5 MiB, interval: 60s }, to: { s3: {} } }";
    let text = support::fed_table("100/s", "2m", lake)
        .replace("study: terminating", "study: steady\nwarm_up: 20s\nseed: 2")
        .replace("constant", "poisson")
        .replace("300 B", "700 B")
        .replace(", replication: { delay: 50ms, reorder: 0%, duplicates: 0% }", "");
    let scenario = support::scenario(&text, &[]);
    let outcomes: Vec<_> = (0..10).map(|number| support::run::<true>(&scenario, number)).collect();
    let meets = |outcome: &Outcome| outcome.backlogs.iter().any(|backlog| backlog.uploads[0] > 1_000);
    assert!(outcomes.iter().any(meets), "no sample met an object");
    let result = RunResult::new(&scenario, &outcomes, PriceBook::builtin()).expect("a bill");
    assert!(result.overloaded.is_empty(), "{:?}", result.overloaded);
    assert!(result.figure("firehose.lake.freshness.p99").is_some());
}

/// A destination that takes 200 KiB/s of 305 kB/s: what waits grows by a third of the records, whatever buffers do. It is named, and no
/// latency is told.
#[test]
fn fh_b10_a_destination_below_the_load_is_overloaded_by_name() {
    let text = format!(
        "{STEADY}firehose:\n  h: {{ reads: kinesis.s, buffer: {{ size: 5 MiB, interval: 60s }}, to: {{ http: {{ throughput: 200 KiB/s }} }} }}\n"
    );
    let (scenario, _, result) = support::reported(&text);
    let [overload] = &result.overloaded[..] else { panic!("{:?}", result.overloaded) };
    assert_eq!((&*overload.path, &*overload.limit), ("firehose.h", "firehose.h: http takes 200 KiB/s"));
    // 1,000 bytes and a key of some 17.
    let expected = 300.0 - 200.0 * 1_024.0 / 1_017.0;
    let growth = overload.growth_per_s.unwrap();
    assert!((growth / expected - 1.0).abs() < 0.2, "{growth} instead of {expected}");
    assert_eq!(result.figure("firehose.h.freshness.p99"), None);
    assert!(result.latency.iter().any(|row| row.path == "firehose.h.freshness" && row.withheld));
    let check = streamgauge::scenario::load_check::LoadCheck::of(&scenario);
    assert_eq!(check.overloaded(), ["firehose.h.to.http (B/s, FH-B10)"]);
}

/// Twenty minutes around midnight. With the day in the prefix no folder of the hour follows, and each object lies under the day on
/// which its oldest record came; without it the hour does.
#[test]
fn fh_o1_o2_o4_the_time_in_a_prefix_takes_the_place_of_the_hour() {
    let to = "firehose.lake.to={ s3: { prefix: 'raw/!{timestamp:yyyy-MM-dd}/!{firehose:random-string}/', \
              error_output_prefix: 'failed/!{firehose:error-output-type}/' } }";
    let sets = [to, "start=2026-01-05T23:55:00Z", "firehose.lake.buffer.interval=60s"];
    let (scenario, outcome) =
        run(POLLED, &[&sets[..], &["firehose.lake.format={ parquet: { failures: 2% } }"]].concat());
    let names = streamgauge::report::csv::objects(&scenario, &outcome);
    let keys: Vec<&str> = names.lines().skip(1).map(|line| line.split(',').nth(1).unwrap()).collect();
    let mut days = [0, 0];
    let mut strings = std::collections::BTreeSet::new();
    for key in &keys {
        let steps: Vec<&str> = key.split('/').collect();
        let [raw, day, random, name] = steps[..] else { panic!("{key}") };
        assert_eq!((raw, random.len()), ("raw", 11), "{key}");
        assert!(name.contains(&format!("lake-1-{day}-")), "{key}");
        days[usize::from(day == "2026-01-06")] += 1;
        assert!(day.starts_with("2026-01-0") && strings.insert(random), "{key}");
    }
    assert!(days[0] > 0 && days[1] > 0, "{days:?}");
    let series = streamgauge::report::csv::timeseries(&scenario, &outcome);
    let json = result(&scenario, outcome);
    let rows = &json.objects[0].prefixes.as_ref().unwrap().most;
    let counted: Vec<(&str, u64)> = rows.iter().map(|row| (row.prefix.as_str(), row.objects)).collect();
    let random = "!{firehose:random-string}";
    for (day, objects) in ["2026-01-05", "2026-01-06"].into_iter().zip(days) {
        assert!(counted.contains(&(&format!("raw/{day}/{random}/"), objects)), "{counted:?}");
    }
    assert_eq!(json.objects[0].errors[0].prefix, "failed/format-conversion-failed/");
    // FH-M5: conversions that worked and failed are those of the ledger.
    let total = |metric: &str| -> u64 {
        let rows = series.lines().filter(|line| line.contains(&format!(",firehose.lake,{metric},Sum,")));
        rows.map(|line| line.rsplit(',').next().unwrap().parse::<u64>().unwrap()).sum()
    };
    let fates = &json.ledger.iter().find(|account| account.path == "firehose.lake").unwrap().fates;
    assert_eq!(total("SucceedConversion.Records"), fates["delivered"]);
    assert_eq!(total("FailedConversion.Records"), fates["conversion_failed"]);
}

#[test]
fn wrong_prefixes_are_told_where_they_are_wrong() {
    for (s3, told) in [
        (
            "prefix: 'a/!{timestamp:YYYY}/', error_output_prefix: 'e/!{firehose:error-output-type}/'",
            "found `YYYY`",
        ),
        ("prefix: 'a/!{timestamp:yyyy}/'", "needs an `error_output_prefix`"),
        ("prefix: 'a/', error_output_prefix: 'e/!{timestamp:yyyy}/'", "error-output-type"),
        (
            "prefix: '!{firehose:error-output-type}/', error_output_prefix: 'e/'",
            "is for `error_output_prefix`",
        ),
        (
            "prefix: '!{partitionKeyFromQuery:customer}/', error_output_prefix: 'e/'",
            "needs `dynamic_partitioning`",
        ),
    ] {
        let errors = refused(POLLED, &[&format!("firehose.lake.to={{ s3: {{ {s3} }} }}")]);
        assert!(errors.contains(told), "{s3}: {errors}");
    }
}
