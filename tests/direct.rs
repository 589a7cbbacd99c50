//! Producers that put records straight into a stream, against what AWS says of PutRecord, PutRecords, the Kinesis
//! Producer Library and the Kinesis Agent. Every run checks its ledger besides.

use std::collections::BTreeSet;
use streamgauge::engine::random::Streams;
use streamgauge::engine::time::SECOND;
use streamgauge::measure::direct::DirectMeter;
use streamgauge::measure::ordering::Cause;
use streamgauge::pipeline::Pipeline;
use streamgauge::pipeline::finish::{DirectOutcome, Outcome};
use streamgauge::pipeline::wiring::Prepared;
use streamgauge::scenario::checked::Scenario;
use streamgauge::systems::kinesis::producer::plan::{AggregateMax, ClientPlan};
use streamgauge::workload::settings::direct::PARAMETERS;

mod support;

/// 500 records a second of 100 bytes into one shard; calls take 10 ms and every reply comes back.
const BASE: &str = "\
name: direct
duration: 20s
study: terminating
workload:
  w:
    writes_to: kinesis.s
    arrivals: { constant: { rate: 500/s } }
    keys: { uniform: { items: 100 } }
    record: { size: 100 B, partition_key: { prefix: key-, digits: 4 } }
    client: { sdk: { call: put_records, linger: 100ms, latency: 10ms, lost_replies: 0% } }
kinesis:
  s: { capacity: { provisioned: { shards: 1 } } }
consumers:
  all: { reads: kinesis.s, polling: { interval: 1s } }
";
/// Bytes of a partition key: `key-0001`.
const KEY: u64 = 8;

const CLIENT: &str = "workload.w.client";
const KPL: &str = "latency: 10ms, lost_replies: 0%";

fn scenario(sets: &[&str]) -> Scenario {
    support::scenario(BASE, sets)
}

fn run(sets: &[&str]) -> Outcome {
    support::run::<true>(&scenario(sets), 0)
}

fn rate(rate: u32) -> String {
    format!("workload.w.arrivals={{ constant: {{ rate: {rate}/s }} }}")
}

fn sdk(settings: &str) -> String {
    format!("{CLIENT}={{ sdk: {{ {settings} }} }}")
}

fn kpl(settings: &str) -> String {
    format!("{CLIENT}={{ kpl: {{ {settings} }} }}")
}

fn direct(outcome: &Outcome) -> &DirectOutcome {
    &outcome.direct[0]
}

fn meter(outcome: &Outcome) -> DirectMeter {
    direct(outcome).meter
}

fn errors(sets: &[&str]) -> String {
    support::load_with(BASE, sets).expect_err("it is wrong")
}

#[test]
fn kds_w7_sdk_r13_members_fail_alone_and_the_application_sends_them_again() {
    // 1,500 a second for 20 s are 9,000 more than a shard takes by then, 1,000 at once and 1,000 a second.
    let outcome = run(&[
        &rate(1_500),
        &sdk("call: put_records, linger: 100ms, latency: 10ms, lost_replies: 0%, \
        in_flight: 4, resend: { fixed: { delays: [100ms] } }"),
    ]);
    let meter = meter(&outcome);
    assert_eq!((meter.offered, meter.accepted, meter.given_up), (30_000, 30_000, 0));
    assert!(meter.refused_records > 9_000, "{meter:?}");
    assert_eq!(meter.attempts, meter.accepted + meter.refused_records, "nothing that went well is put again");
    assert_eq!(meter.refused, [meter.refused_records, 0, 0], "small records meet the limit of records");
    // A refused record is not billed: one PUT payload unit for each of these small records.
    assert_eq!(meter.put_units, 30_000);
    // Without the loop the SDK does not try again.
    let once = run(&[
        &rate(1_500),
        &sdk("call: put_records, linger: 100ms, latency: 10ms, lost_replies: 0%, \
        in_flight: 4, resend: none, retries: legacy"),
    ]);
    let once = self::meter(&once);
    assert_eq!((once.attempts, once.given_up), (once.offered, once.refused_records));
    assert!(once.given_up.abs_diff(9_000) <= 100, "{once:?}");
}

#[test]
fn kds_w6_sdk_r3_r8_put_record_fails_as_a_whole_and_the_sdk_tries_it_again() {
    for (retries, attempts) in [("standard_2026", 3), ("legacy", 5), ("none", 1)] {
        let client = format!(
            "call: put_record, latency: 10ms, lost_replies: 0%, in_flight: 10_000, resend: none, retries: {retries}"
        );
        let meter = meter(&run(&[&rate(5_000), "duration=5s", &sdk(&client)]));
        assert!(meter.given_up > 0);
        // A record that is given up was tried as often as the profile has it; an accepted one at most so often.
        let of_accepted = meter.attempts - attempts * meter.given_up;
        assert!((meter.accepted..=attempts * meter.accepted).contains(&of_accepted), "{retries}: {meter:?}");
    }
}

#[test]
fn kds_w8_sending_failures_again_puts_them_after_later_records() {
    let client = "call: put_records, linger: 100ms, latency: 10ms, lost_replies: 0%, resend: { fixed: { delays: [100ms] } }";
    let key = "workload.w.keys={ sequential: { items: 10 } }";
    let calm = run(&[key, &sdk(client)]);
    assert_eq!(direct(&calm).ordering.late(), 0, "one call at a time keeps the order while nothing fails");
    // Records of very different sizes: a small one still fits where a large one of the same key did not.
    let sizes = "workload.w.record.size={ values: [200 B, 60 KiB] }";
    let full = run(&[key, sizes, &rate(60), &sdk(client)]);
    let ordering = &direct(&full).ordering;
    assert!(ordering.out_of_order[Cause::Retry as usize] > 0, "{ordering:?}");
    assert_eq!(ordering.late(), ordering.out_of_order[Cause::Retry as usize]);
}

#[test]
fn kds_w9_sdk_r14_a_lost_reply_stores_its_records_twice() {
    let outcome = run(&[
        "workload.w.keys={ uniform: { items: 1 } }",
        &sdk("call: put_record, latency: 10ms, lost_replies: 5%, timeout: 1s, in_flight: 1000, \
              retries: { fixed: { delays: [10ms] } }"),
    ]);
    let meter = meter(&outcome);
    assert_eq!((meter.offered, meter.accepted), (10_000, 10_000));
    // Each lost reply is followed by one more call, which stores the record once more.
    assert_eq!(meter.copies, meter.calls_lost);
    assert_eq!(meter.calls, meter.offered + meter.copies);
    // 10,500 calls or so, each lost with 5 %: a standard deviation of 22.
    assert!(meter.copies.abs_diff(526) < 110, "{meter:?}");
    let ordering = &direct(&outcome).ordering;
    assert_eq!(ordering.duplicates, meter.copies);
    assert!(ordering.out_of_order[Cause::Duplicate as usize] > 0, "{ordering:?}");
    assert_eq!(outcome.consumers[0].meter.processed, meter.accepted + meter.copies);
}

#[test]
fn kds_w10_naming_the_sequence_number_before_keeps_each_key_in_order() {
    let client = |ordering: bool| {
        sdk(&format!(
            "call: put_record, latency: {{ exponential: {{ mean: 20ms }} }}, lost_replies: 1%, timeout: 1s, \
             in_flight: 100, sequence_number_for_ordering: {ordering}, resend: {{ fixed: {{ delays: [50ms] }} }}"
        ))
    };
    let load = rate(900);
    let loose = run(&[&load, &client(false)]);
    let strict = run(&[&load, &client(true)]);
    assert!(direct(&loose).ordering.late() > 0);
    assert_eq!(direct(&strict).ordering.late(), 0);
    for outcome in [&loose, &strict] {
        assert_eq!(meter(outcome).accepted, meter(outcome).offered);
    }
    assert!(direct(&strict).latency.mean() > direct(&loose).latency.mean(), "waiting in line takes time");
    assert!(errors(&[&sdk("call: put_records, sequence_number_for_ordering: true")]).contains("put_record"));
}

#[test]
fn kds_w11_a_call_takes_the_time_that_the_scenario_says() {
    let outcome =
        run(&["workload.w.arrivals={ constant: { rate: 10/s } }", &sdk("call: put_record, latency: 30ms")]);
    // Nothing to gather, nothing refused: the record is in its shard halfway through the call.
    assert_eq!(direct(&outcome).latency.mean_parts(), Some([0.0, 15_000.0, 0.0]));
}

#[test]
fn kds_w3_a_call_takes_500_records_and_10_mib() {
    let shards = "kinesis.s.capacity.provisioned.shards=40";
    let calls = run(&[&rate(20_000), shards, "duration=3s"]);
    let many = meter(&calls);
    assert!(many.parcels <= 500 * many.calls && many.parcels > 490 * many.calls, "{many:?}");
    let large = run(&[
        &rate(50),
        "kinesis.s.capacity.provisioned.shards=100",
        "kinesis.s.max_record=10 MiB",
        "workload.w.record.explicit_hash_key=spread",
        "duration=3s",
        "workload.w.record.size=1_000_000 B",
        &sdk("call: put_records, linger: 1s, latency: 10ms, lost_replies: 0%, in_flight: 10"),
    ]);
    let large = meter(&large);
    // Ten such records and their keys are within 10 MiB, eleven are not.
    assert_eq!((large.parcels, large.calls), (150, 15), "{large:?}");
    assert!(errors(&[&sdk("call: put_records, records_per_call: 501")]).contains("KDS-W3"));
}

#[test]
fn kds_w4_b1_a_record_has_at_most_what_the_stream_allows_key_included() {
    for (data, max, refused) in [
        ((1 << 20) - KEY, "1 MiB", 0),
        ((1 << 20) - KEY + 1, "1 MiB", 10),
        ((1 << 20) - KEY + 1, "10 MiB", 0),
        ((10 << 20) - KEY, "10 MiB", 0),
        ((10 << 20) - KEY + 1, "10 MiB", 10),
    ] {
        let size = format!("workload.w.record.size={data} B");
        let max = format!("kinesis.s.max_record={max}");
        let outcome = run(&[
            "workload.w.arrivals={ constant: { rate: 0.1/s } }",
            "duration=100s",
            &size,
            &max,
            &sdk("call: put_record, latency: 10ms, lost_replies: 0%"),
        ]);
        let meter = meter(&outcome);
        assert_eq!((meter.offered, meter.too_large), (10, refused), "{size} {max}");
        assert_eq!(meter.accepted, 10 - refused);
    }
}

#[test]
fn kds_w1_a_delivery_stream_keeps_the_data_of_records_and_not_their_keys() {
    let outcome = run(&["firehose={ lake: { reads: kinesis.s, to: { s3: { prefix: raw/ } } } }"]);
    let meter = meter(&outcome);
    assert_eq!(meter.bytes, meter.offered * (100 + KEY), "what the stream counts");
    assert_eq!(outcome.deliveries[0].s3.bytes, meter.offered * 100);
}

#[test]
fn kds_b2_a_shard_with_large_records_bursts_to_10_mib() {
    // Ten records of 1,000,000 bytes within a second: the burst takes them; without it only the first goes at once.
    let load = [
        "workload.w.arrivals={ constant: { rate: 10/s } }",
        "duration=1s",
        "workload.w.record.size=1_000_000 B",
    ];
    let client =
        sdk("call: put_record, latency: 2ms, lost_replies: 0%, in_flight: 10, retries: none, resend: none");
    let usual = meter(&run(&[&[client.as_str()], &load[..]].concat()));
    let large = meter(&run(&[&[client.as_str(), "kinesis.s.max_record=10 MiB"], &load[..]].concat()));
    assert_eq!((large.accepted, large.given_up), (10, 0));
    assert!((1..=2).contains(&usual.accepted), "{usual:?}");
    assert_eq!(usual.refused, [0, usual.given_up, 0], "it is the bytes that do not fit");
}

#[test]
fn kds_h3_an_explicit_hash_key_overrides_that_of_the_partition_key() {
    // The published start of the third of three shards, and the hash key before it (KDS-H5).
    let shards = "kinesis.s.capacity.provisioned.shards=3";
    let placed = |explicit: &str| {
        let key = format!("workload.w.record.explicit_hash_key={explicit}");
        let outcome = run(&[shards, &key]);
        outcome.streams[0].loads.iter().map(|load| load.total.records).collect::<Vec<_>>()
    };
    assert_eq!(placed("{ fixed: \"226854911280625642308916404954512140970\" }"), [0, 0, 10_000]);
    assert_eq!(placed("{ fixed: \"226854911280625642308916404954512140969\" }"), [0, 10_000, 0]);
    let spread = placed("spread");
    // A third of 10,000 each: a standard deviation of 47.
    assert!(spread.iter().all(|records| records.abs_diff(3_333) < 240), "{spread:?}");
    let beyond = "workload.w.record.explicit_hash_key={ fixed: \"340282366920938463463374607431768211456\" }";
    assert!(errors(&[beyond]).contains("KDS-H3"));
}

#[test]
fn kpl_1_aggregation_moves_the_limit_of_records_and_not_that_of_bytes() {
    let alone = meter(&run(&[&rate(3_000), &kpl(&format!("aggregation: false, {KPL}"))]));
    assert!(alone.refused[0] > 0);
    let packed = run(&[&rate(3_000), &kpl(KPL)]);
    let packed_meter = meter(&packed);
    assert_eq!((packed_meter.refused, packed_meter.accepted), ([0; 3], 60_000));
    // No aggregate is larger than 51,200 B and its one-byte partition key.
    assert!(packed_meter.bytes <= packed_meter.parcels * 51_201);
    assert!(packed_meter.parcels < 60_000 / 100, "{packed_meter:?}");
    // Ten times as much data as the limit of bytes lets through is refused for its bytes.
    let large = meter(&run(&[
        &rate(1_000),
        "duration=3s",
        "workload.w.record.size=10 KiB",
        &kpl(&format!("record_ttl: 1s, rate_limit: 1000, {KPL}")),
    ]));
    assert!(large.refused[1] > 0 && large.refused[0] == 0, "{large:?}");
    let two = meter(&run(&[&kpl(&format!("aggregation_max_count: 2, {KPL}"))]));
    assert!(two.parcels.abs_diff(two.offered / 2) <= 1, "{two:?}");
}

#[test]
fn kpl_7_what_consumers_read_of_an_aggregate_is_its_bytes_to_the_last() {
    let sizes = "workload.w.record.size={ uniform: { low: 1 B, high: 900 B } }";
    let outcome = run(&[&rate(2_000), sizes, &kpl(KPL)]);
    let meter = meter(&outcome);
    assert_eq!(outcome.consumers[0].reads.bytes, meter.bytes);
    assert_eq!(outcome.consumers[0].meter.processed, meter.offered);
    let load = &outcome.streams[0].loads[0].total;
    assert_eq!(
        (load.records, load.bytes),
        (meter.parcels_accepted, meter.bytes),
        "a shard counts Kinesis records"
    );
    // Ten records of 100 bytes and one key of 8: 20 bytes, 10 for the key, 106 for each record, and the key `a`.
    let ten = run(&[
        "workload.w.keys={ uniform: { items: 1 } }",
        &kpl(&format!("aggregation_max_count: 10, {KPL}")),
    ]);
    let ten = self::meter(&ten);
    assert_eq!((ten.parcels, ten.bytes), (1_000, 1_000 * (20 + 10 + 10 * 106 + 1)));
    assert_eq!(ten.put_units, 1_000, "each aggregate of up to 25 KB is one PUT payload unit");
}

#[test]
fn kpl_3_a_record_waits_as_long_as_it_may_be_buffered() {
    let slow = "workload.w.arrivals={ constant: { rate: 1/s } }";
    let alone = run(&[slow, &kpl(&format!("aggregation: false, {KPL}"))]);
    assert_eq!(direct(&alone).latency.mean_parts(), Some([100_000.0, 5_000.0, 0.0]));
    // With aggregation a fifth more, while aggregates of other shards are collected.
    let packed = run(&[slow, &kpl(KPL)]);
    assert_eq!(direct(&packed).latency.mean_parts(), Some([120_000.0, 5_000.0, 0.0]));
    let slow = "workload.w.arrivals={ constant: { rate: 0.5/s } }";
    let long = run(&[slow, &kpl(&format!("record_max_buffered_time: 1s, {KPL}"))]);
    assert_eq!(direct(&long).latency.mean_parts(), Some([1_050_000.0, 5_000.0, 0.0]));
}

#[test]
fn kpl_4_a_record_fails_when_its_time_to_live_is_over() {
    let outcome = run(&[&rate(4_000), &kpl(&format!("aggregation: false, record_ttl: 2s, {KPL}"))]);
    let meter = meter(&outcome);
    assert!(meter.expired > 0 && meter.given_up == 0);
    assert_eq!(meter.accepted + meter.expired, meter.offered);
    // Nothing is sent after two seconds; what is on its way then arrives within half a call and one collection.
    let latest = direct(&outcome).latency.histogram().max();
    assert!(latest <= 2_000_000 + 120_000, "{latest}");
    let patient =
        self::meter(&run(&[&rate(1_200), &kpl(&format!("aggregation: false, record_ttl: 1h, {KPL}"))]));
    assert_eq!((patient.accepted, patient.expired), (patient.offered, 0));
}

#[test]
fn kpl_5_failed_records_come_back_after_half_the_buffered_time_without_backing_off() {
    // Without a rate limit of its own the library puts a refused record every 50 ms and the 10 ms of the call: some
    // 33 times in two seconds. A client that doubled its waits would come to six or so.
    let outcome = run(&[
        &rate(3_000),
        "duration=10s",
        &kpl(&format!("aggregation: false, record_ttl: 2s, rate_limit: 10_000, max_connections: 256, {KPL}")),
    ]);
    let meter = meter(&outcome);
    assert!(meter.expired > 1_000);
    assert!(meter.attempts > 20 * meter.expired, "{meter:?}");
}

#[test]
fn kpl_6_the_library_puts_half_as_much_again_as_a_shard_takes() {
    let seconds = 20;
    let outcome = run(&[&rate(5_000), "end=stop", &kpl(&format!("aggregation: false, {KPL}"))]);
    let parcels = meter(&outcome).parcels;
    assert!((1_450 * seconds..=1_000 + 1_500 * seconds).contains(&parcels), "{parcels}");
    // By bytes: 1.5 MiB a second, and 10 MiB at once.
    let large = run(&[
        &rate(1_000),
        "workload.w.record.size=10 KiB",
        "end=stop",
        &kpl(&format!("aggregation: false, {KPL}")),
    ]);
    let bytes = meter(&large).parcels * (10_240 + KEY);
    assert!(bytes <= (10 << 20) + (3 << 19) * seconds, "{bytes}");
    assert!(bytes > (3 << 19) * seconds, "{bytes}");
}

#[test]
fn kpl_2_kpl_9_calls_and_records_have_the_library_s_limits() {
    let shards = "kinesis.s.capacity.provisioned.shards=40";
    let many =
        meter(&run(&[&rate(20_000), shards, "duration=3s", &kpl(&format!("aggregation: false, {KPL}"))]));
    assert!(many.parcels <= 500 * many.calls && many.parcels > 450 * many.calls, "{many:?}");
    // 5,242,880 B a call: five records of 1,000,000 bytes, not six; and records to 10 MiB where the stream takes them.
    let large =
        meter(&run(&[&rate(40), shards, "duration=3s", "workload.w.record.size=1_000_000 B", &kpl(KPL)]));
    assert!(large.parcels <= 5 * large.calls, "{large:?}");
    let huge = meter(&run(&[
        "workload.w.arrivals={ constant: { rate: 0.1/s } }",
        "duration=100s",
        &kpl(KPL),
        "workload.w.record.size=9 MiB",
        "kinesis.s.max_record=10 MiB",
    ]));
    assert_eq!((huge.accepted, huge.too_large), (10, 0));
}

#[test]
fn kpl_8_a_request_that_timed_out_and_succeeded_is_sent_again() {
    let outcome = run(&[
        "workload.w.keys={ uniform: { items: 1 } }",
        &kpl("latency: 10ms, lost_replies: 20%, request_timeout: 1s"),
    ]);
    let meter = meter(&outcome);
    assert_eq!(meter.accepted, meter.offered);
    assert!(meter.calls_lost > 0 && meter.copies > meter.calls_lost, "aggregates come twice as a whole");
    assert!(direct(&outcome).ordering.out_of_order[Cause::Duplicate as usize] > 0);
    // Calls slower than the library waits for are as good as lost.
    let slow = self::meter(&run(&["duration=5s", &kpl("latency: 2s, request_timeout: 1s, record_ttl: 5s")]));
    assert_eq!(slow.calls_lost, slow.calls);
}

#[test]
fn the_agent_gathers_500_records_or_60_s_and_never_gives_up() {
    let agent = "workload.w.client={ agent: { latency: 10ms, lost_replies: 0% } }";
    let slow = run(&["workload.w.arrivals={ constant: { rate: 1/s } }", "duration=50s", agent]);
    // The first record is made at 0.5 s, where the agent looks at its file; all fifty go at 60.5 s.
    assert_eq!(direct(&slow).latency.histogram().max(), 60_005_000);
    assert_eq!(meter(&slow).calls, 1);
    let fast = run(&[&rate(2_000), "kinesis.s.capacity.provisioned.shards=4", agent]);
    let fast = meter(&fast);
    assert_eq!((fast.accepted, fast.parcels / fast.calls), (40_000, 500));
    // Lines are seen at the next look, a tenth of a second apart.
    let looks = run(&[
        "workload.w.arrivals={ constant: { rate: 1/s } }",
        "duration=10s",
        "workload.w.client={ agent: { latency: 10ms, file_polls: 1s, max_buffer_records: 1 } }",
    ]);
    assert_eq!(direct(&looks).latency.mean_parts(), Some([500_000.0, 5_000.0, 0.0]));
    // Too much for the shard: it tries until all of it is there.
    let full = meter(&run(&[&rate(1_500), agent]));
    assert_eq!((full.accepted, full.given_up), (30_000, 0));
    assert!(full.refused[0] > 0);
}

#[test]
fn several_producers_and_a_table_share_one_stream() {
    let text = format!(
        "{}tables:\n  t: {{ capacity: {{ provisioned: {{ write_units: 1000 }} }}, kinesis: {{ stream: s }} }}\n",
        BASE.replace(
            "workload:\n",
            "workload:\n  t:\n    writes_to: tables.t\n    arrivals: { constant: { rate: 300/s } }\n    keys: { uniform: { items: 10 } }\n    item: { size: 300 B }\n  k:\n    writes_to: kinesis.s\n    arrivals: { poisson: { rate: 400/s } }\n    keys: { uniform: { items: 100 } }\n    record: { size: 50 B }\n    client: { kpl: {} }\n"
        )
    );
    let scenario = support::scenario(&text, &[]);
    let outcome = support::run::<true>(&scenario, 0);
    let put: u64 = outcome.direct.iter().map(|direct| direct.meter.accepted + direct.meter.copies).sum();
    let fed = outcome.tables[0].feed.as_ref().expect("the table has a feed").meter.replicated;
    assert_eq!(outcome.consumers[0].meter.processed, put + fed);
    assert_eq!(outcome.direct.len(), 2);
    let again = support::run::<true>(&scenario, 0);
    assert_eq!(again.fingerprint, outcome.fingerprint);
    assert_ne!(support::run::<true>(&scenario, 1).fingerprint, outcome.fingerprint);
}

#[test]
fn variants_of_a_client_meet_the_same_records() {
    let arrivals = "workload.w.arrivals={ poisson: { rate: 800/s } }";
    let one = run(&[arrivals]);
    let other = run(&[arrivals, &kpl(KPL)]);
    assert_eq!(meter(&one).offered, meter(&other).offered);
    assert_eq!(one.direct[0].records_by_shard, other.direct[0].records_by_shard);
    assert_eq!(one.direct[0].top_keys, other.direct[0].top_keys);
    assert!(one.end < 40 * SECOND);
}

#[test]
fn what_belongs_to_tables_or_to_streams_is_refused_at_the_other() {
    let wrong = [
        ("workload.w.item={ size: 1 KiB }", "a stream takes records"),
        ("workload.w.operations={ modify: 100% }", "take `operations` out"),
        ("workload.w.client={ retries: none }", "exactly one of `sdk`, `kpl`, `agent`"),
        ("workload.w.client={ sdk: { call: put_record }, kpl: {} }", "found `sdk`, `kpl`"),
        ("workload.w.writes_to=kinesis.t", "there is no `t` in `kinesis`"),
        ("workload.w.record=null", "the key `record` is missing"),
        ("workload.w.item={ size: 1 KiB }", "it goes with `writes_to: tables.X`"),
        ("workload.w.record.explicit_hash_key={ fixed: x }", "expected a decimal number"),
        ("workload.w.client={ sdk: { call: put_record, linger: 1s } }", "`call: put_records` only"),
        ("workload.w.client={ agent: { max_buffer_age: 1ms } }", "expected 1s to 15m"),
    ];
    for (set, message) in wrong {
        let found = errors(&[set]);
        assert!(found.contains(message), "{set}: {found}");
    }
    let table = "tables={ t: { capacity: { provisioned: { write_units: 10 } } } }";
    let found = errors(&[table, "workload.w.writes_to=tables.t"]);
    assert!(found.contains("goes with `writes_to: kinesis.X` only"), "{found}");
}

#[test]
fn records_find_the_shards_that_a_split_leaves_open() {
    for client in [kpl(KPL), sdk("call: put_records, latency: 10ms, lost_replies: 0%")] {
        let scenario = scenario(&[&client, "duration=4m"]);
        let mut pipeline = Pipeline::<true>::new(&scenario, &Prepared::new(&scenario), 0);
        pipeline.run_until(60 * SECOND);
        pipeline.update_shard_count(60 * SECOND, 0, 2).expect("twice as many");
        let outcome = pipeline.run(&scenario, |_| true).expect("a balanced ledger").expect("not stopped");
        let meter = meter(&outcome);
        assert_eq!((meter.accepted, meter.refused_records), (120_000, 0));
        assert_eq!(outcome.consumers[0].meter.processed, 120_000);
        let by_shard = &direct(&outcome).records_by_shard;
        assert!(by_shard.len() == 3 && by_shard.iter().all(|records| *records > 20_000), "{by_shard:?}");
        assert_eq!(direct(&outcome).ordering.late(), 0);
    }
}

#[test]
fn a_spike_multiplies_the_records_of_a_direct_producer() {
    let spike = "events={ rush: { at: 5s, for: 10s, spike: { of: workload.w, factor: 3 } } }";
    assert_eq!(meter(&run(&[spike])).offered, 10 * 500 + 10 * 1_500);
}

#[test]
fn what_clients_leave_open_is_published_or_listed_as_assumed() {
    let clients = ["sdk: { call: put_records }", "kpl: {}", "agent: {}"];
    let listed: BTreeSet<String> = clients
        .iter()
        .flat_map(|client| scenario(&[&format!("{CLIENT}={{ {client} }}")]).assumptions)
        .map(|assumption| assumption.what)
        .collect();
    for parameter in PARAMETERS.iter().filter(|parameter| !parameter.published) {
        assert!(listed.contains(parameter.what), "{parameter:?}");
    }
    // KPL-1 to KPL-6 and KDS-W3.
    let ClientPlan::Kpl(kpl) = &scenario(&[&kpl("")]).direct[0].direct.client else { panic!("the KPL") };
    assert_eq!(kpl.aggregate, Some(AggregateMax { bytes: 51_200, count: u32::MAX }));
    assert_eq!((kpl.collect_records, kpl.collect_bytes), (500, 5_242_880));
    assert_eq!((kpl.buffered, kpl.ttl, kpl.rate_limit), (SECOND / 10, 30 * SECOND, 1.5));
    let ClientPlan::Gather(sdk) = &scenario(&[]).direct[0].direct.client else { panic!("an SDK") };
    assert_eq!((sdk.records_max, sdk.bytes_max, sdk.retries.attempts_max), (500, 10 << 20, Some(3)));
}

#[test]
fn the_libraries_own_names_are_understood() {
    let ours = scenario(&[&kpl("record_max_buffered_time: 200ms, record_ttl: 5s, aggregation: false")]);
    let theirs = scenario(&[&kpl("RecordMaxBufferedTime: 200, RecordTtl: 5000, AggregationEnabled: false")]);
    assert_eq!(format!("{:?}", ours.direct[0].direct), format!("{:?}", theirs.direct[0].direct));
    let agent = |settings: &str| scenario(&[&format!("{CLIENT}={{ agent: {{ {settings} }} }}")]);
    let ours = agent("max_buffer_age: 2s, max_buffer_size: 1 MiB, partition_key_option: deterministic");
    let theirs =
        agent("maxBufferAgeMillis: 2000, maxBufferSizeBytes: 1048576, partitionKeyOption: DETERMINISTIC");
    assert_eq!(format!("{:?}", ours.direct[0].direct), format!("{:?}", theirs.direct[0].direct));
    assert_eq!(ours.direct[0].placement, theirs.direct[0].placement);
}

#[test]
fn a_call_that_takes_no_time_is_answered_after_it_took_place() {
    for call in ["put_record", "put_records"] {
        let sets =
            [&sdk(&format!("call: {call}, latency: 0s, lost_replies: 0%, retries: none, resend: none"))[..]];
        let meter = meter(&run(&sets));
        assert_eq!((meter.accepted, meter.given_up, meter.copies), (10_000, 0, 0), "{meter:?}");
    }
    // Nothing comes back from the agent, so nothing is put again.
    let meter = meter(&run(&[&format!("{CLIENT}={{ agent: {{ latency: 0s, lost_replies: 0% }} }}")]));
    assert_eq!((meter.accepted, meter.attempts), (10_000, 10_000), "{meter:?}");
}

#[test]
fn lat_19_a_call_takes_10_to_30_ms_on_average_and_its_p99_is_50_to_150() {
    let scenario = scenario(&[&sdk("call: put_record")]);
    let mut draws = Streams::new(1, 0).named("calls");
    let latency = &scenario.direct[0].direct.latency;
    let mut millis: Vec<f64> = (0..100_000).map(|_| latency.sample(&mut draws) / 1e6).collect();
    millis.sort_by(f64::total_cmp);
    let mean = millis.iter().sum::<f64>() / 1e5;
    assert!(
        (10.0..30.0).contains(&mean) && (50.0..150.0).contains(&millis[99_000]),
        "{mean} {}",
        millis[99_000]
    );
}

#[test]
fn lat_8_what_is_put_is_got_within_a_second_on_average_by_polls_of_one_second() {
    let outcome = run(&[&rate(50), &sdk("call: put_record, latency: 10ms, lost_replies: 0%")]);
    let mean = outcome.consumers[0].latency.mean().expect("records") / 1e6;
    // Half of the interval between two polls, and half of the call.
    assert!((mean - 0.505).abs() < 0.02, "{mean} s");
    assert!(outcome.consumers[0].latency.histogram().max() < 1_100_000);
}

/// What a direct producer would have written in the minute before the run is there to be read: users' records of an aggregate each,
/// and no more than a shard takes.
#[test]
fn kds_w1_kpl_1_a_stream_has_a_history_of_its_direct_producers() {
    let history = |sets: &[&str]| {
        let from = ["kinesis.s.history=1m", "consumers.all.polling.from=trim_horizon"];
        let outcome = run(&[&from[..], sets].concat());
        let account = outcome.ledger.accounts.iter().find(|account| account.path == "consumers.all").unwrap();
        let read = account.fates.iter().find(|(fate, _)| *fate == "processed").unwrap().1;
        assert_eq!(read, account.entered.iter().map(|(_, count)| count).sum::<u64>(), "all of it is read");
        account.entered.iter().find(|(name, _)| *name == "history").unwrap().1 as f64
    };
    let minute = |rate: f64| 60.0 * rate;
    let [sdk, full, packed] = [
        history(&[]),
        history(&[&rate(2_000)]),
        history(&[&rate(2_000), &kpl(&format!("aggregation: true, {KPL}"))]),
    ];
    for (found, expected) in [(sdk, minute(500.0)), (full, minute(1_000.0)), (packed, minute(2_000.0))] {
        assert!((found / expected - 1.0).abs() < 0.001, "{found} instead of {expected}");
    }
    let nobody = scenario(&["kinesis.t={ capacity: { provisioned: { shards: 1 } }, history: 1h }"]);
    assert!(
        nobody.notes.iter().any(|it| it.starts_with("The `history` of kinesis.t is empty")),
        "{:?}",
        nobody.notes
    );
}
