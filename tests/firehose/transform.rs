//! Functions before the buffer, and backups of what came before them.

use super::{FEW, POLLED, fate, refused, result, run, support};
use rust_decimal::Decimal;
use streamgauge::engine::time::SECOND;
use streamgauge::report::csv;
use streamgauge::scenario::load_check::LoadCheck;

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
    let plan =
        |sets: &[&str]| support::load_with(POLLED, sets).unwrap().deliveries[0].transform.clone().unwrap();
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
        "firehose.lake.transform={ duration: { base: 100ms }, memory: 512 MiB, dropped: 50%, cold_start: 0s }",
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

/// A function beside it takes what the account has: batches are given up although the transformation never fails by itself. With a
/// reservation of its own it is left alone.
#[test]
fn fh_t3_lam_c6_a_transformation_shares_the_accounts_concurrency() {
    let busy = "consumers.busy={ reads: kinesis.changes, lambda: { batch_size: 1, parallelization_factor: 10, duration: { base: 30s }, timeout: 60s } }";
    let account = "account={ lambda_concurrency: 115, lambda_others: 95 }";
    let of = |reserved: &str| {
        let transform = format!("firehose.lake.transform={{ buffer: {{ interval: 5s }}{reserved} }}");
        let (_, outcome) = run(POLLED, &[FEW, &transform, busy, account, "end=stop"]);
        let failed = fate(&outcome, "firehose.lake", "transform_failed").0;
        (outcome.deliveries[0].transform.as_ref().unwrap().meter, failed)
    };
    let (shared, lost) = of("");
    assert!(shared.throttled[0] > 10 && shared.given_up > 0 && lost > 0, "{shared:?}");
    let (reserved, lost) = of(", reserved_concurrency: 10");
    assert_eq!((reserved.throttled, reserved.given_up, lost), ([0; 3], 0, 0));
    let refused = refused(POLLED, &["firehose.lake.transform={ reserved_concurrency: 950 }"]);
    assert!(refused.contains("AWS keeps 100"), "{refused}");
}

/// Records that come back larger than they were: AWS's limits are on the response, not on the ratio.
#[test]
fn fh_t2_a_transformation_may_make_records_larger() {
    let of = |ratio: &str| {
        let transform = format!("firehose.lake.transform={{ size_ratio: {ratio} }}");
        let (_, outcome) =
            run(POLLED, &[FEW, &transform, "firehose.lake.buffer={ size: 128 MiB, interval: 900s }"]);
        outcome.deliveries[0].s3.bytes as f64
    };
    assert!((of("250%") / of("100%") - 2.5).abs() < 0.01);
    assert!(refused(POLLED, &["firehose.lake.transform={ size_ratio: 0% }"]).contains("more than 0%"));
}
