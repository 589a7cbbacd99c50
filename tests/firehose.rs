//! Direct PUT, transformation, backups and destinations other than S3.

use std::path::Path;

use rust_decimal::Decimal;
use streamgauge::engine::time::SECOND;
use streamgauge::pipeline::direct_put::column as put_column;
use streamgauge::pipeline::finish::Outcome;
use streamgauge::report::csv;
use streamgauge::report::result::RunResult;
use streamgauge::scenario::checked::Scenario;
use streamgauge::scenario::load_check::{LoadCheck, Verdict};
use streamgauge::scenario::{LoadOptions, load_text};
use streamgauge::systems::firehose::ErrorOutput;

mod support;

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

/// 100 changes of 700 bytes a second by way of two shards.
const POLLED: &str = "\
name: orders
study: terminating
duration: 10m
workload:
  checkout:
    writes_to: tables.orders
    arrivals: { constant: { rate: 100/s } }
    keys: { uniform: { items: 1_000 } }
    item: { size: 700 B }
tables:
  orders:
    capacity: { provisioned: { write_units: 1000 } }
    kinesis: { stream: changes, timestamp_precision: millisecond, replication: { delay: 100ms, reorder: 0%, duplicates: 0% } }
kinesis:
  changes:
    capacity: { provisioned: { shards: 2 } }
firehose:
  lake: { reads: kinesis.changes, to: { s3: { prefix: raw/, put: 100ms } } }
";

fn read(base: &str, sets: &[&str]) -> Result<Scenario, String> {
    let sets = sets.iter().map(|set| (*set).to_owned()).collect();
    let options = LoadOptions { sets, ..LoadOptions::default() };
    let loaded = load_text("base.yaml", base, Path::new(""), &options);
    loaded.map(|loaded| loaded.base).map_err(|errors| errors.to_string())
}

fn run(base: &str, sets: &[&str]) -> (Scenario, Outcome) {
    let scenario = read(base, sets).unwrap_or_else(|errors| panic!("{errors}"));
    let outcome = support::run::<true>(&scenario, 0);
    (scenario, outcome)
}

fn refused(base: &str, sets: &[&str]) -> String {
    read(base, sets).err().unwrap_or_else(|| panic!("{sets:?} should be refused"))
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
fn fh_s1_q7_records_put_straight_into_a_firehose_all_arrive_in_batches_of_at_most_500() {
    let (scenario, outcome) = run(DIRECT, &[]);
    let meter = &outcome.direct[0].meter;
    // 10 minutes at 1,000 a second, and none refused: 1,000,000 bytes a second are less than 1 MiB.
    assert_eq!((meter.accepted, meter.refused_records, meter.calls), (600_000, 0, 6_000));
    assert_eq!(fate(&outcome, "firehose.lake", "delivered"), (600_000, 600_000));
    assert!(refused(DIRECT, &["workload.clicks.client.sdk.records_per_call=501"]).contains("500"));
    let json = result(&scenario, outcome);
    assert_eq!(
        (json.producers[0].writes_to.as_str(), json.objects[0].reads.as_str()),
        ("firehose.lake", "firehose.lake")
    );
}

#[test]
fn fh_q7_a_batch_holds_4_mib_at_most() {
    let sets = [
        "workload.clicks.record.size=900 KiB",
        "workload.clicks.arrivals={ constant: { rate: 5/s } }",
        "workload.clicks.client.sdk.linger=10s",
        "firehose.lake.direct_put={ scale: 8 }",
        "duration=1m",
    ];
    let (_, outcome) = run(DIRECT, &sets);
    let meter = &outcome.direct[0].meter;
    // Four of 900 KiB fit into 4 MiB, five do not.
    assert_eq!(meter.accepted, 300);
    assert!((75..=77).contains(&meter.calls), "{}", meter.calls);
}

#[test]
fn fh_q8_records_above_1000_kib_are_refused() {
    for (size, too_large) in [("1000 KiB", 0), ("1024001 B", 10)] {
        let size = format!("workload.clicks.record.size={size}");
        let sets = [&size, "workload.clicks.arrivals={ constant: { rate: 1/s } }", "duration=10s"];
        let (_, outcome) = run(DIRECT, &sets);
        assert_eq!(outcome.direct[0].meter.too_large, too_large, "{size}");
    }
}

#[test]
fn fh_q2_q7_what_is_above_the_quota_is_refused_record_by_record_and_sent_again() {
    // 2,000,000 bytes a second meet 1,048,576; the first second's worth is there from the start.
    let (_, outcome) = run(DIRECT, &["workload.clicks.record.size=2000 B", "end=stop"]);
    let meter = &outcome.direct[0].meter;
    let allowed = 1_048_576 * 601 / 2_000;
    assert!(meter.accepted <= allowed && meter.accepted + 200 > allowed, "{} of {allowed}", meter.accepted);
    assert!(meter.refused_records > 0 && meter.refused_requests == 0);
    assert_eq!(meter.refused[1], meter.refused_records, "bytes refused all of them");
}

#[test]
fn fh_q3_the_older_page_allows_1000_records_a_second() {
    let sets = [
        "firehose.lake.direct_put.quota=legacy",
        "workload.clicks.record.size=100 B",
        "workload.clicks.arrivals={ constant: { rate: 1500/s } }",
        "end=stop",
        "duration=2m",
    ];
    let (_, outcome) = run(DIRECT, &sets);
    let meter = &outcome.direct[0].meter;
    assert!((120_000..=121_000).contains(&meter.accepted), "{}", meter.accepted);
    assert_eq!(meter.refused[0], meter.refused_records);
}

#[test]
fn fh_q5_top_3_unv_2_a_scaled_stream_fills_a_buffer_a_channel_each_smaller() {
    let size = "firehose.lake.buffer={ size: 128 MiB, interval: 60s }";
    let objects = |scale: u32| {
        let (_, outcome) = run(DIRECT, &[size, &format!("firehose.lake.direct_put.scale={scale}")]);
        (outcome.deliveries[0].s3.objects, outcome.deliveries[0].s3.bytes)
    };
    // A buffer's interval runs from its first record, so ten minutes hold ten objects of each channel.
    let (one, bytes) = objects(1);
    assert!((10..=11).contains(&one), "{one}");
    for scale in [2, 4] {
        let (more, same) = objects(scale);
        assert_eq!(same, bytes);
        assert!((10 * u64::from(scale)..=11 * u64::from(scale)).contains(&more), "{scale}: {more}");
    }
    // By size the hint is shared out: four channels flush at a quarter of it.
    let small = "firehose.lake.buffer={ size: 4 MiB, interval: 900s }";
    let (_, outcome) = run(DIRECT, &[small, "firehose.lake.direct_put.scale=4"]);
    let full = outcome.deliveries[0].rows.iter().filter(|row| row.complete < 590 * SECOND);
    let sizes: Vec<u64> = full.map(|row| row.bytes).collect();
    assert!(sizes.len() > 500);
    assert!(sizes.iter().all(|bytes| (1 << 20..(1 << 20) + 1_000).contains(bytes)), "{sizes:?}");
}

#[test]
fn fh_q5_m3_a_throttled_stream_grows_until_nothing_is_refused_and_its_metrics_say_so() {
    let sets = [
        "firehose.lake.direct_put={ ramp: 60s }",
        "workload.clicks.record.size=3000 B",
        "workload.clicks.client.sdk.in_flight=50",
        "workload.clicks.client.sdk.resend=none",
    ];
    let (scenario, outcome) = run(DIRECT, &sets);
    let front = outcome.streams[0].front.as_ref().unwrap();
    // 3,000,000 bytes a second need 4 MiB: two doublings, a minute after the first refusal and a minute after the next.
    let scales: Vec<u32> = front.ingest.scales.iter().map(|(_, scale)| *scale).collect();
    assert_eq!(scales, [1, 2, 4]);
    let [first, last] = [1, 2].map(|rise| front.ingest.scales[rise].0);
    assert!((120 * SECOND..=140 * SECOND).contains(&last), "{last}");
    let later = last / front.series.width() + 2;
    let late = front.series.bins().iter().skip(later as usize);
    assert_eq!(late.map(|bin| bin[put_column::THROTTLED]).sum::<u64>(), 0);
    let sheet = csv::timeseries(&scenario, &outcome);
    let sum = |metric: &str| -> u64 {
        let rows = sheet.lines().filter(|line| line.contains(&format!(",firehose.lake,{metric},Sum,")));
        rows.map(|line| line.rsplit(',').next().unwrap().parse::<u64>().unwrap()).sum()
    };
    assert_eq!(sum("IncomingRecords"), outcome.direct[0].meter.accepted);
    assert_eq!(sum("IncomingBytes"), outcome.direct[0].meter.bytes);
    assert_eq!(sum("ThrottledRecords"), outcome.direct[0].meter.refused_records);
    assert_eq!(sum("IncomingPutRequests"), outcome.direct[0].meter.calls);
    assert!(sheet.contains(",firehose.lake,BytesPerSecondLimit,Maximum,Bytes,1048576"));
    assert!(sheet.contains(",firehose.lake,BytesPerSecondLimit,Maximum,Bytes,4194304"));
    assert!(sheet.contains(",firehose.lake,PutRequestsPerSecondLimit,Maximum,Count,4000"));
    assert!(sheet.contains(",firehose.lake,RecordsPerSecondLimit,Maximum,Count,400000"));
    let json = result(&scenario, outcome);
    let of_producer = json.throttles.iter().find(|row| row.path == "workload.clicks").unwrap();
    // To a bin of a second: the first rise came a minute after the first refusal.
    let refused = of_producer.first_s.expect("something was refused");
    assert!((0.0..=1.0).contains(&(first as f64 / 1e9 - 60.0 - refused)), "{refused}, {first}");
}

#[test]
fn fh_q6_b13_check_warns_of_far_too_large_quotas_and_small_hints() {
    let warnings = |sets: &[&str]| LoadCheck::of(&read(DIRECT, sets).unwrap()).warnings.join("\n");
    assert!(warnings(&["firehose.lake.direct_put.scale=20"]).contains("FH-Q6"));
    assert!(!warnings(&["firehose.lake.direct_put.scale=2"]).contains("FH-Q6"));
    // 1,000,000 bytes a second want 10,000,000.
    assert!(warnings(&[]).contains("FH-B13"), "5 MiB");
    assert!(!warnings(&["firehose.lake.buffer.size=10 MiB"]).contains("FH-B13"));
    let rows = LoadCheck::of(&read(DIRECT, &["workload.clicks.record.size=2000 B"]).unwrap()).rows;
    let bytes = rows.iter().find(|row| row.path == "firehose.lake.direct_put" && row.unit == "B/s").unwrap();
    assert_eq!((bytes.limit.as_str(), bytes.mean, bytes.allowed), ("FH-Q1", 2e6, 1_048_576.0));
    assert_eq!(bytes.verdict, Verdict::Overloaded);
}

#[test]
fn fh_q13_direct_put_keeps_a_record_for_24_hours_while_the_destination_is_down() {
    let sets = [
        "duration=26h",
        "workload.clicks.arrivals={ stages: [{ for: 1h, rate: 1/s }, { for: 25h, rate: 0/s }] }",
        "workload.clicks.client.sdk.records_per_call=1",
        "firehose.lake.to.s3.retry_wait=60s",
    ];
    let down = |hours: &str| format!("events={{ down: {{ at: 0s, for: {hours}, outage: firehose.lake }} }}");
    let (_, kept) = run(DIRECT, &[&sets[..], &[&down("23h")]].concat());
    assert_eq!(fate(&kept, "firehose.lake", "undeliverable").0, 0);
    let (_, lost) = run(DIRECT, &[&sets[..], &[&down("1500m")]].concat());
    let (undeliverable, entered) = fate(&lost, "firehose.lake", "undeliverable");
    assert!(entered > 3_000 && undeliverable == entered, "{undeliverable} of {entered}");
    let [first, last] = lost.deliveries[0].meter.gave_up_at.unwrap();
    assert!(first >= 86_400 * SECOND && last <= 25 * 3_600 * SECOND + 60 * SECOND, "{first} {last}");
    let told = lost
        .timeline
        .entries()
        .iter()
        .any(|entry| entry.place == "firehose.lake" && entry.what.contains("lost"));
    assert!(told);
}

#[test]
fn fh_s5_a_firehose_that_reads_a_stream_takes_no_puts() {
    let put = "workload.clicks={ writes_to: firehose.lake, arrivals: { constant: { rate: 1/s } }, keys: { uniform: { items: 1 } }, \
               record: { size: 1 KiB }, client: { sdk: { call: put_record } } }";
    assert!(refused(POLLED, &[put]).contains("FH-S5"));
    // And it starts at the newest record: what is there before the run is never delivered.
    let (_, outcome) = run(POLLED, &["kinesis.changes.history=1h"]);
    let (delivered, _) = fate(&outcome, "firehose.lake", "delivered");
    assert_eq!(delivered, 60_000);
    assert!(refused(DIRECT, &["workload.clicks.client={ kpl: {} }"]).contains("KPL"));
    assert!(
        refused(DIRECT, &["workload.clicks.client={ sdk: { call: put_records } }"])
            .contains("put_record_batch")
    );
    assert!(refused(DIRECT, &["firehose.lake.reads=kinesis.x"]).contains("exactly one"));
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
fn fh_s9_b12_the_function_comes_before_the_buffer_whose_clock_starts_when_it_returns() {
    let sets = [
        FEW,
        "firehose.lake.transform={ duration: { base: 20s }, buffer: { size: 3 MiB, interval: 60s } }",
        "firehose.lake.buffer={ size: 128 MiB, interval: 100s }",
    ];
    let (_, outcome) = run(POLLED, &sets);
    let delivery = &outcome.deliveries[0];
    assert_eq!(delivery.meter.delivered, 12_000);
    // The first records are read within a second, wait a minute for the function and 20 s in it; then the buffer opens.
    let first = delivery.rows.iter().map(|row| row.opened).min().unwrap();
    assert!((80 * SECOND..=81 * SECOND + SECOND / 2).contains(&first), "{first}");
    assert!(delivery.rows.iter().all(|row| row.flushed - row.opened == 100 * SECOND), "by interval");
    // Partitioning comes after it: what the function fails has no partition.
    let sets = [
        "firehose.lake.transform={ failed: 100% }",
        "firehose.lake.dynamic_partitioning={ attribute: customer, values: 10, unparsable: 100% }",
    ];
    let (_, outcome) = run(POLLED, &sets);
    assert_eq!(fate(&outcome, "firehose.lake", "transform_failed"), (60_000, 60_000));
    assert_eq!(fate(&outcome, "firehose.lake", "processing_failed").0, 0);
}

#[test]
fn fh_t1_t2_hints_of_a_function_have_aws_defaults_and_ranges() {
    let plan = |sets: &[&str]| read(POLLED, sets).unwrap().deliveries[0].transform.clone().unwrap();
    let usual = plan(&["firehose.lake.transform={}"]);
    assert_eq!((usual.size, usual.interval, usual.retries), (1 << 20, 60 * SECOND, 3));
    assert_eq!((usual.concurrency, usual.timeout), (5, 300 * SECOND));
    let splunk = plan(&["firehose.lake.transform={}", "firehose.lake.to={ splunk: {} }"]);
    assert_eq!((splunk.size, splunk.concurrency), (256 << 10, 10), "FH-Q12");
    assert!(refused(POLLED, &["firehose.lake.transform={ buffer: { size: 4 MiB } }"]).contains("FH-T1"));
    assert!(refused(POLLED, &["firehose.lake.transform={ timeout: 301s }"]).contains("FH-T2"));
}

#[test]
fn fh_t3_o4_m5_a_function_that_fails_leaves_whole_batches_under_processing_failed() {
    let sets = [
        FEW,
        "firehose.lake.transform={ buffer: { size: 3 MiB } }",
        "events={ broken: { at: 2m, for: 3m, outage: firehose.lake.transform } }",
    ];
    let (scenario, outcome) = run(POLLED, &sets);
    let (failed, entered) = fate(&outcome, "firehose.lake", "transform_failed");
    let (delivered, _) = fate(&outcome, "firehose.lake", "delivered");
    assert_eq!((failed + delivered, entered), (12_000, 12_000));
    let meter = outcome.deliveries[0].transform.as_ref().unwrap().meter;
    assert_eq!((meter.retried, meter.errors), (3 * meter.given_up, 4 * meter.given_up));
    // Three minutes hold two or three of the minutely batches of each of two shards.
    assert!((4..=6).contains(&meter.given_up), "{}", meter.given_up);
    let sheet = csv::timeseries(&scenario, &outcome);
    let sum = |metric: &str| -> u64 {
        let rows = sheet.lines().filter(|line| line.contains(&format!(",firehose.lake,{metric},")));
        rows.map(|line| line.rsplit(',').next().unwrap().parse::<u64>().unwrap()).sum()
    };
    assert_eq!(sum("SucceedProcessing.Records"), delivered);
    assert_eq!(sum("ExecuteProcessing.SampleCount") - sum("ExecuteProcessing.Success"), meter.given_up);
    let json = result(&scenario, outcome);
    assert_eq!(
        (json.objects[0].errors[0].prefix.as_str(), json.objects[0].errors[0].records),
        ("processing-failed/", failed)
    );
}

#[test]
fn a_transformation_is_billed_by_requests_and_milliseconds() {
    let sets = [
        "firehose.lake.transform={ duration: { base: 100ms }, memory: 512 MiB, dropped: 50% }",
        "billing={ represents: 10m }",
        "end=stop",
    ];
    let (scenario, outcome) = run(POLLED, &sets);
    let meter = outcome.deliveries[0].transform.as_ref().unwrap().meter;
    let used = result(&scenario, outcome).usage;
    assert_eq!(used.0["lambda.req"].quantity, Decimal::from(meter.invocations));
    // 100 ms of half a GB are 0.05 GB-s.
    assert_eq!(used.0["lambda.gbs.x86"].quantity, Decimal::from(meter.invocations) * Decimal::new(5, 2));
}

#[test]
fn fh_s2_t4_top_2_a_backup_is_a_second_reader_with_objects_of_its_own() {
    let backup = "firehose.lake.backup={ prefix: source/, buffer: { interval: 60s } }";
    let (scenario, outcome) = run(POLLED, &["firehose.lake.transform={ dropped: 100% }", backup, "end=stop"]);
    let calls = |number: usize| {
        let reads = &outcome.deliveries[number].reads;
        reads.polls + reads.empty_polls
    };
    assert!(calls(0).abs_diff(1_200) <= 2 && calls(1).abs_diff(1_200) <= 2, "once a second and shard each");
    let rows = LoadCheck::of(&scenario).rows;
    let row = rows.iter().find(|row| row.path == "kinesis.changes.readers").unwrap();
    assert_eq!((row.limit.as_str(), row.mean), ("KDS-R1", 2.0));
    assert_eq!(outcome.deliveries[0].s3.objects, 0, "all were dropped");
    assert!(
        outcome.deliveries[1].s3.objects >= 18
            && fate(&outcome, "firehose.lake.backup", "delivered").0 > 50_000
    );
    // Ingestion is billed once, the objects' requests all.
    let puts = outcome.quantities.s3[1][0];
    let bytes = outcome.quantities.deliveries[0];
    let month = 730 * 6;
    let used = result(&scenario, outcome).usage;
    assert_eq!(used.0["s3.put"].quantity, Decimal::from(puts * month));
    let gigabytes = Decimal::from(bytes[1] * month) / Decimal::from(1_u64 << 30);
    assert_eq!(used.0["fh.put"].quantity.round_dp(6), gigabytes.round_dp(6));
    assert!(refused(POLLED, &["firehose.lake.backup={ buffer: { interval: 0s } }"]).contains("FH-B8"));
}

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
        let plan = &read(POLLED, &[&format!("firehose.lake.to={{ {to}: {{}} }}")]).unwrap().deliveries[0];
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
        let plan = read(POLLED, &[&set]).unwrap().deliveries[0].endpoint.clone().unwrap();
        assert_eq!((plan.retry / SECOND, plan.kind.error_prefix()), (retry, prefix), "{to}");
    }
    assert!(refused(POLLED, &["firehose.lake.to={ http: { retry_duration: 7201s } }"]).contains("FH-R2"));
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
    // A COPY of 40 s cannot keep up with two a minute.
    let slow = "firehose.lake.to={ redshift: { copy: 40s } }";
    let (_, late) = run(POLLED, &[slow, sets[1]]);
    let waits = late.deliveries[0].rows.iter().map(|row| row.complete - row.flushed).max().unwrap();
    assert!(waits > 200 * SECOND, "{waits}");
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

const CHANNEL: &[&str] = &[
    "kinesis.changes.capacity={ on_demand: {} }",
    "firehose={}",
    "kinesis.changes.delivery={ s3: { put: 100ms } }",
];

#[test]
fn kds_d1_d2_on_demand_streams_deliver_by_themselves_every_300_to_900_seconds() {
    let (_, outcome) = run(POLLED, CHANNEL);
    let path = "kinesis.changes.delivery.s3";
    assert_eq!(fate(&outcome, path, "delivered"), (60_000, 60_000));
    let rows = &outcome.deliveries[0].rows;
    assert!(rows.iter().all(|row| row.flushed - row.opened == 300 * SECOND), "{rows:?}");
    // Four shards, ten minutes.
    assert!((8..=12).contains(&rows.len()), "{}", rows.len());
    let delivery = |more: &str| [CHANNEL[0], CHANNEL[1], more].map(str::to_owned);
    for freshness in ["299s", "901s"] {
        let sets = delivery(&format!("kinesis.changes.delivery={{ s3: {{ freshness: {freshness} }} }}"));
        let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        assert!(refused(POLLED, &sets).contains("KDS-D2"));
    }
    assert!(refused(POLLED, &["kinesis.changes.delivery={ s3: {} }"]).contains("KDS-D1"), "provisioned");
    assert!(
        refused(POLLED, &[CHANNEL[0], "kinesis.changes.delivery={ s3: { transform: {} } }"])
            .contains("transform")
    );
}

#[test]
fn kds_d3_a_channel_takes_nothing_from_the_shards_readers_and_stores_each_record_once() {
    let readers = ["a", "b", "c", "d", "e"]
        .map(|name| format!("firehose.{name}={{ reads: kinesis.changes, to: {{ s3: {{}} }} }}"));
    let mut sets: Vec<&str> = vec![CHANNEL[0], "firehose={}"];
    sets.extend(readers.iter().map(String::as_str));
    let refused = |sets: &[&str]| {
        let (_, outcome) = run(POLLED, sets);
        outcome.deliveries.iter().map(|delivery| delivery.reads.refused_calls).sum::<u64>()
    };
    let before = refused(&sets);
    sets.push(CHANNEL[2]);
    assert_eq!(refused(&sets), before);
    let (scenario, outcome) = run(POLLED, CHANNEL);
    assert_eq!((outcome.deliveries[0].meter.repeated, outcome.deliveries[0].meter.delivered), (0, 60_000));
    let (used, cost) = {
        let json = result(&scenario, outcome);
        (json.usage, json.cost)
    };
    assert!(!used.0.contains_key("kds.od.out_gb") && !used.0.contains_key("fh.put"), "{used:?}");
    // Its price is not in the book: unknown by name, not zero.
    assert_eq!((cost.bill.total, cost.bill.unknown), (None, vec!["kds.channel_s3_gb".to_owned()]));
}

#[test]
fn kds_d4_one_channel_to_s3_and_one_to_iceberg_in_parquet_with_a_dead_letter_prefix() {
    let both = "kinesis.changes.delivery={ s3: {}, iceberg: { ratio: 25%, bad_records: 5% } }";
    let advantage = "account.on_demand_advantage=true";
    let (scenario, outcome) = run(POLLED, &[CHANNEL[0], "firehose={}", both, advantage]);
    let plan = &scenario.deliveries[1];
    assert_eq!((scenario.deliveries.len(), plan.extension.as_str(), plan.compression), (2, ".parquet", 0.25));
    let (bad, entered) = fate(&outcome, "kinesis.changes.delivery.iceberg", "conversion_failed");
    assert!((bad as f64 / entered as f64 - 0.05).abs() < 0.005);
    let json = result(&scenario, outcome);
    assert_eq!(json.objects[1].errors[0].prefix, "dead-letter/");
    assert!(json.usage.0.contains_key("kds.adv.channel_s3tables_gb"));
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
        let rows = LoadCheck::of(&read(POLLED, &[&set]).unwrap()).rows;
        let row = rows.into_iter().find(|row| row.path == "athena.d").unwrap();
        (row.mean, row.allowed, row.verdict)
    };
    assert_eq!(query(1), (1_000.0, 5_500.0, Verdict::Fine));
    assert_eq!(query(6), (6_000.0, 5_500.0, Verdict::Overloaded));
}

#[test]
fn s3_6_compaction_aims_at_128_mb_to_1_gb_an_object() {
    let sets = ["athena={ d: { scans: firehose.lake, every: 5m, compaction: {} } }"];
    let target = read(POLLED, &sets).unwrap().queries[0].compaction.unwrap().target;
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
    let scenario = read(POLLED, &[partitioned]).unwrap();
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
