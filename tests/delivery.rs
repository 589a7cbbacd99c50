//! What a delivery stream makes of what it reads: buffers, objects, their names and formats.

use streamgauge::engine::time::SECOND;
use streamgauge::pipeline::deliver::column;
use streamgauge::pipeline::finish::Outcome;
use streamgauge::report::result::RunResult;
use streamgauge::report::result::objects;
use streamgauge::scenario::checked::Scenario;
use streamgauge::systems::firehose::FlushReason;

mod support;

const BASE: &str =
    support::orders!("", "firehose:\n  lake: { reads: kinesis.changes, to: { s3: { prefix: raw/ } } }\n");

/// An outage of the destination, as an override.
fn outage(at: &str, lasts: &str) -> String {
    format!("events={{ s3-down: {{ at: {at}, for: {lasts}, outage: firehose.lake }} }}")
}

fn read(sets: &[&str]) -> Result<Scenario, String> {
    support::load_with(BASE, sets)
}

fn run(sets: &[&str]) -> (Scenario, Outcome) {
    let scenario = read(sets).unwrap_or_else(|errors| panic!("{errors}"));
    let outcome = support::run::<true>(&scenario, 0);
    (scenario, outcome)
}

fn refused(sets: &[&str]) -> String {
    read(sets).err().unwrap_or_else(|| panic!("{sets:?} should be refused"))
}

#[test]
fn fh_b2_f1_hints_have_aws_defaults_and_ranges() {
    let hints = |sets: &[&str]| {
        let plan = &read(sets).unwrap().deliveries[0];
        (plan.size >> 20, plan.interval / SECOND)
    };
    assert_eq!(hints(&[]), (5, 300));
    assert_eq!(hints(&["firehose.lake.format={ parquet: {} }"]), (128, 300));
    let orc = "firehose.lake.format={ orc: {} }";
    assert_eq!(hints(&[orc, "firehose.lake.buffer.size=64 MiB"]), (64, 300));
    assert!(refused(&[orc, "firehose.lake.buffer.size=63 MiB"]).contains("FH-F1"));
    assert!(refused(&["firehose.lake.buffer.size=129 MiB"]).contains("FH-B2"));
    assert!(refused(&["firehose.lake.buffer.interval=901s"]).contains("FH-B2"));
}

#[test]
fn kdc_p1_objects_hold_changes_without_their_partition_keys_of_32_bytes() {
    let (_, outcome) = run(&[]);
    let [records, bytes] = outcome.streams[0]
        .loads
        .iter()
        .fold([0; 2], |[records, bytes], load| [records + load.total.records, bytes + load.total.bytes]);
    assert_eq!(outcome.deliveries[0].s3.bytes, bytes - 32 * records);
}

#[test]
fn fh_b8_zero_buffering_delivers_within_seconds() {
    let (_, outcome) = run(&["firehose.lake.buffer.interval=0s"]);
    let rows = &outcome.deliveries[0].rows;
    assert!(rows.len() > 2 * 600 / 5, "{}", rows.len());
    for row in rows {
        let held = row.flushed - row.opened;
        assert!((SECOND..=3 * SECOND).contains(&held), "{row:?}");
    }
    // A poll a second, 1 to 3 s held, and the upload: nothing waits for ten seconds.
    assert!(outcome.deliveries[0].latency.histogram().max() < 10_000_000);
}

#[test]
fn fh_b9_short_intervals_make_three_requests_an_object() {
    for (interval, requests) in [("59s", 3), ("60s", 1), ("0s", 3)] {
        let (_, outcome) = run(&[&format!("firehose.lake.buffer.interval={interval}")]);
        let s3 = &outcome.deliveries[0].s3;
        assert_eq!(s3.puts, requests * s3.objects, "{interval}");
    }
}

#[test]
fn fh_b11_f4_the_size_hint_counts_bytes_before_compression_and_a_delimiter_is_one_byte() {
    let gzip = "firehose.lake.compression={ gzip: { ratio: 20% } }";
    let (_, outcome) = run(&[gzip, "firehose.lake.buffer.size=1 MiB", "firehose.lake.delimiter=newline"]);
    let (_, plain) = run(&["firehose.lake.buffer.size=1 MiB"]);
    let delivery = &outcome.deliveries[0];
    for row in delivery.rows.iter().filter(|row| row.reason == FlushReason::Size) {
        assert!(row.bytes >= 1 << 20 && row.bytes < (1 << 20) + 2_000, "{row:?}");
    }
    let buffered: u64 = delivery.rows.iter().map(|row| row.bytes).sum();
    let without: u64 = plain.deliveries[0].rows.iter().map(|row| row.bytes).sum();
    assert_eq!(buffered, without + delivery.meter.delivered);
    assert!((delivery.s3.bytes as f64 / buffered as f64 - 0.2).abs() < 1e-4);
}

#[test]
fn fh_f2_f5_objects_are_compressed_by_one_of_four_or_columnar() {
    for (compression, ending) in
        [("gzip", ".gz"), ("zip", ".zip"), ("snappy", ".snappy"), ("hadoop_snappy", ".hsnappy")]
    {
        let set = format!("firehose.lake.compression={{ {compression}: {{ ratio: 20% }} }}");
        assert_eq!(read(&[&set]).unwrap().deliveries[0].extension, ending);
        assert!(refused(&[&set, "firehose.lake.format={ parquet: {} }"]).contains("FH-F2"));
    }
    let (scenario, outcome) = run(&["firehose.lake.format={ parquet: { ratio: 25% } }"]);
    let plan = &scenario.deliveries[0];
    assert_eq!((plan.compression, plan.extension.as_str()), (0.25, ".parquet"));
    let buffered: u64 = outcome.deliveries[0].rows.iter().map(|row| row.bytes).sum();
    assert!((outcome.deliveries[0].s3.bytes as f64 / buffered as f64 - 0.25).abs() < 1e-4);
    // Conversion is billed on what ingestion is billed on (`fh.dfc_gb`), 5 KB a record, not on what is stored.
    let result = RunResult::new(&scenario, &[outcome], scenario.billing.book()).unwrap();
    let usage = result.usage;
    assert_eq!(usage.0["fh.dfc_gb"].quantity, usage.0["fh.put"].quantity);
}

#[test]
fn fh_o1_o2_o3_an_object_is_named_by_the_hour_of_its_oldest_record() {
    let (scenario, outcome) = run(&["start=2026-01-05T00:58:00Z", "firehose.lake.buffer.size=128 MiB"]);
    let rows = outcome.deliveries[0].rows.iter().enumerate();
    let crossing = rows.filter(|(_, row)| row.complete > 120 * SECOND && row.oldest_arrival < 120_000_000);
    let mut found = 0;
    for (number, row) in crossing {
        let name = objects::name(&scenario, &scenario.deliveries[0], number, row);
        // The buffer was still open at 01:00, and all of its records lie in the hour of the first one.
        assert!(name.starts_with("raw/2026/01/05/00/lake-1-2026-01-05-00-58-"), "{name}");
        found += 1;
    }
    assert_eq!(found, 2, "one a shard");
}

#[test]
fn fh_m1_freshness_is_the_age_of_the_oldest_record_when_it_is_delivered() {
    let (_, outcome) = run(&[]);
    let delivery = &outcome.deliveries[0];
    let ages = delivery.rows.iter().map(|row| row.complete / 1_000 - row.oldest_arrival);
    let greatest = delivery.series.bins().iter().map(|bin| bin[column::FRESHNESS]).max();
    assert_eq!(greatest, ages.max());
    assert!(greatest.unwrap() >= 60_000_000, "5 MiB take longer than a minute to gather");
}

#[test]
fn fh_s2_s4_every_shard_is_polled_once_a_second() {
    let (_, outcome) = run(&["end=stop"]);
    let reads = &outcome.deliveries[0].reads;
    let calls = (reads.polls + reads.empty_polls) as f64;
    assert!((calls - 2.0 * 600.0).abs() <= 2.0, "{calls}");
}

fn partitioned(more: &str) -> String {
    format!("firehose.lake.dynamic_partitioning={{ attribute: customer, {more} }}")
}

#[test]
fn fh_d1_records_of_too_many_partitions_go_to_the_error_prefix() {
    let (scenario, outcome) = run(&[&partitioned("values: 50, of: change, active_partitions: 20")]);
    let delivery = &outcome.deliveries[0];
    assert_eq!(delivery.active_partitions_max, Some(20));
    let account = outcome.ledger.accounts.iter().find(|account| account.path == "firehose.lake").unwrap();
    let fate = |name: &str| account.fates.iter().find(|(fate, _)| *fate == name).unwrap().1;
    assert_eq!(fate("delivered") + fate("active_partition_exceeded"), account.total_entered());
    // Twenty of fifty equally likely values find room, until some of the twenty are delivered and others take their place.
    let exceeded = fate("active_partition_exceeded") as f64 / account.total_entered() as f64;
    assert!((exceeded - 0.6).abs() < 0.02, "{exceeded}");
    assert!(delivery.s3.error_objects > 0 && delivery.s3.objects == delivery.rows.len() as u64);
    let (_, room) = run(&[&partitioned("values: 50, of: change")]);
    assert_eq!(
        (room.deliveries[0].meter.failed, room.deliveries[0].active_partitions_max),
        ([0; 5], Some(50))
    );
    let sheet = streamgauge::report::csv::timeseries(&scenario, &outcome);
    assert!(sheet.contains(",firehose.lake,PartitionCountExceeded,Maximum,Count,1"), "FH-M5");
}

#[test]
fn fh_d2_d4_active_partitions_are_new_keys_times_the_time_that_they_are_held() {
    let sets = [
        &partitioned("values: 100_000, of: change"),
        "workload.checkout.arrivals={ constant: { rate: 3/s } }",
        "firehose.lake.buffer.interval=60s",
        "duration=1h",
    ];
    let (_, outcome) = run(&sets);
    let delivery = &outcome.deliveries[0];
    let held = delivery.rows.iter().map(|row| (row.flushed - row.opened) as f64 / SECOND as f64);
    assert!(held.clone().all(|seconds| (60.0..=90.0).contains(&seconds)));
    let mean = held.sum::<f64>() / delivery.rows.len() as f64;
    assert!((mean - 75.0).abs() < 0.5, "{mean}");
    let bins = delivery.series.bins();
    let steady = &bins[bins.len() / 10..bins.len() * 9 / 10];
    let active = steady.iter().map(|bin| bin[column::PARTITIONS] as f64).sum::<f64>() / steady.len() as f64;
    // Little's law; a series shows the most in each bin.
    assert!((active / (3.0 * mean) - 1.0).abs() < 0.03, "{active}");
}

#[test]
fn fh_d5_d6_partitioning_has_its_own_rules() {
    let plain = partitioned("values: 10");
    assert_eq!(read(&[&plain]).unwrap().deliveries[0].size >> 20, 64);
    for (set, expected) in [
        ("firehose.lake.buffer.size=63 MiB", "FH-D5"),
        ("firehose.lake.buffer.interval=0s", "no zero buffering with dynamic partitioning"),
        ("firehose.lake.buffer.per=shard", "FH-B3"),
        ("firehose.lake.dynamic_partitioning.active_partitions=5001", "FH-D1"),
        ("firehose.lake.dynamic_partitioning.values=0", "expected 1 to 100000"),
    ] {
        let message = refused(&[&plain, set]);
        assert!(message.contains(expected), "{message}");
    }
    let (_, outcome) = run(&[&partitioned("values: 10, unparsable: 10%")]);
    let delivery = &outcome.deliveries[0];
    let [exceeded, failed, ..] = delivery.meter.failed;
    let share = failed as f64 / (failed + delivery.meter.delivered) as f64;
    assert!(exceeded == 0 && (share - 0.1).abs() < 0.01, "{share}");
}

#[test]
fn fh_b3_a_partitions_buffer_is_for_the_whole_stream_and_its_objects_are_billed() {
    let (scenario, outcome) = run(&[&partitioned("values: 10"), "end=stop"]);
    let delivery = &outcome.deliveries[0];
    // One buffer a value, held for 300 to 450 s: whatever the number of shards, one flush each in 600 s, or two.
    assert!((10..=20).contains(&delivery.rows.len()), "{}", delivery.rows.len());
    let name = objects::name(&scenario, &scenario.deliveries[0], 0, &delivery.rows[0]);
    assert!(name.starts_with(&format!("raw/customer={}/2026/01/05/", delivery.rows[0].buffer)), "{name}");
    let (objects, bytes) = (delivery.s3.objects, delivery.meter.bytes);
    let result = RunResult::new(&scenario, &[outcome], scenario.billing.book()).unwrap();
    let of = |id: &str| result.usage.0[id].quantity.to_string().parse::<f64>().unwrap();
    let months = 730.0 * 6.0;
    assert!((of("fh.dp_objects") / (objects as f64 * months) - 1.0).abs() < 1e-9);
    assert!((of("fh.dp_gb") / (bytes as f64 / (1 << 30) as f64 * months) - 1.0).abs() < 1e-9);
}

#[test]
fn fh_r1_while_the_destination_is_down_objects_wait_and_nothing_is_lost() {
    let (_, outcome) = run(&[&outage("2m", "5m"), "firehose.lake.buffer.interval=60s"]);
    let delivery = &outcome.deliveries[0];
    let up = 7 * 60 * SECOND;
    assert!(delivery.rows.iter().all(|row| !(121 * SECOND..up).contains(&row.complete)));
    // Attempts come every 30 s, so that the first one after the outage is no later than that.
    let waited = delivery.rows.iter().filter(|row| row.flushed > 120 * SECOND && row.flushed < up);
    assert!(waited.clone().count() >= 8 && waited.clone().all(|row| row.complete < up + 32 * SECOND));
    assert!(delivery.meter.failed_attempts >= 8 * 2);
    let account = outcome.ledger.accounts.iter().find(|account| account.path == "firehose.lake").unwrap();
    assert_eq!(delivery.meter.delivered, account.total_entered());
}

#[test]
fn fh_r1_q13_what_is_older_than_the_streams_retention_is_given_up() {
    let rate = "workload.checkout.arrivals={ constant: { rate: 1/s } }";
    let (scenario, outcome) = run(&[&outage("1h", "26h"), rate, "duration=28h"]);
    // The destination is up again at 27 h: what arrived from 1 h to 3 h is then older than 24 h. Objects hold 300 s, and are given
    // up by their oldest record.
    let lost = outcome.deliveries[0].meter.undeliverable as f64;
    assert!((lost - 7_200.0).abs() <= 600.0, "{lost}");
    let result = RunResult::new(&scenario, &[outcome], scenario.billing.book()).unwrap();
    assert_eq!(result.figure("lost"), Some(lost));
}

#[test]
fn fh_b10_buffers_grow_while_delivery_is_behind_and_shrink_again() {
    let (_, outcome) = run(&[&outage("2m", "5m"), "firehose.lake.buffer.size=1 MiB"]);
    let by_size = outcome.deliveries[0].rows.iter().filter(|row| row.reason == FlushReason::Size);
    let greatest = |from: u64, until: u64| {
        let flushed = from * SECOND..until * SECOND;
        let within = by_size.clone().filter(|row| flushed.contains(&row.flushed));
        within.map(|row| row.bytes >> 20).max().unwrap()
    };
    assert_eq!(greatest(0, 120), 1);
    assert!(greatest(120, 450) >= 4, "{}", greatest(120, 450));
    assert_eq!(greatest(520, 600), 1);
}

#[test]
fn fh_o5_a_late_success_leaves_a_duplicate() {
    let (scenario, outcome) =
        run(&["firehose.lake.to.s3.late_success=10%", "firehose.lake.buffer.interval=1s"]);
    let delivery = &outcome.deliveries[0];
    let stored: u64 = delivery.rows.iter().map(|row| row.records).sum();
    assert_eq!(stored, delivery.meter.delivered + delivery.meter.repeated);
    // Each upload is repeated with a probability of 10 %, and so is each repetition: 1/9 more.
    let share = delivery.meter.repeated as f64 / delivery.meter.delivered as f64;
    assert!((share - 1.0 / 9.0).abs() < 0.04, "{share}");
    assert_eq!(delivery.latency.histogram().count(), delivery.meter.delivered, "each record counts once");
    // It is told with the other duplicates.
    let repeated = delivery.meter.repeated;
    let result = RunResult::new(&scenario, &[outcome], scenario.billing.book()).unwrap();
    let row = result.ordering.iter().find(|row| row.path == "firehose.lake").expect("a row");
    assert_eq!((row.records, row.duplicates, row.out_of_order), (stored, repeated, 0));
    assert_eq!(row.duplicate_causes["late_success"], repeated);
}
