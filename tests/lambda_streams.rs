//! Functions on DynamoDB streams, and mappings that begin while the run goes on.

use std::collections::{BTreeMap, BTreeSet};
use streamgauge::engine::random::Streams;
use streamgauge::engine::sampler::Sampler;
use streamgauge::engine::time::{DAY, MILLISECOND, MINUTE, Nanos, SECOND};
use streamgauge::pipeline::finish::{LambdaOutcome, Outcome};
use streamgauge::pipeline::lambda::column;
use streamgauge::report::result::RunResult;
use streamgauge::scenario::load_check::LoadCheck;
use streamgauge::systems::kinesis::log::Record;
use streamgauge::systems::lambda::batch::{Batching, Payload};
use streamgauge::systems::lambda::function::{Errors, FunctionPlan};
use streamgauge::systems::lambda::mapping::{Mapping, MappingPlan, Next};

mod support;

/// One table, which is written to at `rate` and has a stream of each kind, and these consumers.
fn text(duration: &str, rate: &str, consumers: &str, more: &str) -> String {
    format!(
        "\
name: test
study: terminating
duration: {duration}
workload:
  writer: {{ writes_to: tables.t, arrivals: {rate}, keys: {{ uniform: {{ items: 40 }} }}, item: {{ size: 300 B }} }}
tables:
  t:
    capacity: {{ provisioned: {{ write_units: 1000 }} }}
    sort_key: {{ collections: 4 }}
    streams: {{ view: new_image, rollover: {{ interval: 10m, jitter: 1m }} }}
    kinesis: {{ stream: s, record: {{ partition_key: hashed_partition_key }}, replication: {{ reorder: 0%, duplicates: 0% }} }}
kinesis:
  s: {{ capacity: {{ provisioned: {{ shards: 1 }} }} }}
consumers:
{consumers}
{more}
"
    )
}

fn reader(name: &str, settings: &str) -> String {
    format!("  {name}: {{ reads: tables.t.streams, lambda: {{ {settings} }} }}\n")
}

fn run(text: &str) -> Outcome {
    let scenario = support::scenario(text, &[]);
    support::run::<true>(&scenario, 0)
}

fn function(duration: &str, rate: &str, settings: &str) -> LambdaOutcome {
    run(&text(duration, rate, &reader("f", settings), "")).lambdas.swap_remove(0)
}

const STEADY: &str = "{ constant: { rate: 20/s } }";

/// A shard is polled four times a second, whether it holds something or not, and none of the calls is billed. While a
/// shard rolls over nobody polls for a second.
#[test]
fn lam_p2_dds_l1_a_shard_is_polled_four_times_a_second_and_that_is_free() {
    let written = text("1h", "{ constant: { rate: 0.1/s } }", &reader("f", "delivery: 1ms"), "");
    let scenario = support::load(&written).expect("it is sound");
    let outcomes = [support::run::<true>(&scenario, 0)];
    let reads = &outcomes[0].lambdas[0].reads;
    let (calls, rollovers) = (reads.polls + reads.empty_polls, 7);
    assert!((4 * 3_600_u64).abs_diff(calls) < 4 * 2 * rollovers, "{calls}");
    assert_eq!(reads.records, 360);
    let result = RunResult::new(&scenario, &outcomes, scenario.billing.book()).expect("it can be billed");
    assert!(!result.usage.0.contains_key("ddb.streams.rru"));
    assert!(result.usage.0.contains_key("lambda.req"));
}

/// An answer holds 1,000 records, so that a batch of 5,000 takes several.
#[test]
fn dds_r3_a_batch_beyond_one_answer_takes_several_polls() {
    let settings = "batch_size: 5000, batch_window: 20s, delivery: 1ms, duration: { base: 1ms }";
    let of = function("2m", "{ constant: { rate: 900/s } }", settings);
    let largest = of.meter.processed as f64 / of.meter.invocations as f64;
    assert!(largest > 4_000.0, "{largest}");
    assert!(of.reads.records <= 1_000 * of.reads.polls);
}

#[test]
fn lam_p4_dds_l2_more_than_two_functions_on_a_stream_are_pointed_out() {
    let consumers = |count: usize| (0..count).map(|n| reader(&format!("f{n}"), "")).collect::<String>();
    let warned = |count: usize| {
        let scenario = support::load(&text("1m", STEADY, &consumers(count), "")).expect("it is sound");
        let warnings = LoadCheck::of(&scenario).warnings;
        let too_many = |text: &&String| text.contains("DDS-R1") && !text.contains("for two such readers");
        scenario.notes.iter().chain(&warnings).any(|text| too_many(&text))
    };
    assert_eq!([2, 3].map(warned), [false, true]);
}

#[test]
fn lam_p6_a_table_stream_is_not_read_from_a_moment_on() {
    let consumer =
        "  f: { reads: tables.t.streams, lambda: { from: { at_timestamp: 2026-01-05T00:00:10Z } } }";
    let refused = support::load(&text("1m", STEADY, consumer, "")).expect_err("it is refused");
    assert!(refused.contains("LAM-P6"), "{refused}");
}

/// Ten minutes of 20 writes a second, and mappings that are created after five: one begins with what comes from then on, one with the
/// oldest record that is left, one with the first that arrived from the second minute on; whether they poll or are pushed to.
#[test]
fn lam_p6_a_mapping_begins_with_the_latest_the_oldest_or_the_first_record_from_a_moment_on() {
    let positions = [
        ("latest", 5 * 60 * 20),
        ("trim_horizon", 10 * 60 * 20),
        ("{ at_timestamp: 2026-01-05T00:02:00Z }", 8 * 60 * 20),
    ];
    for (reads, via) in
        [("tables.t.streams", "shared"), ("kinesis.s", "shared"), ("kinesis.s", "enhanced_fan_out")]
    {
        for (from, expected) in
            positions.iter().filter(|(from, _)| !from.contains("at_timestamp") || reads.starts_with('k'))
        {
            let settings = format!("via: {via}, from: {from}, created: 5m, start_delay: 0s");
            let consumer = format!("  f: {{ reads: {reads}, lambda: {{ {settings} }} }}\n");
            let outcome = run(&text("10m", STEADY, &consumer, ""));
            let processed = outcome.lambdas[0].meter.processed;
            // What was written shortly before the moment arrives after it: the feed takes up to two seconds.
            let late = if *from == "trim_horizon" { 0 } else { 2 * 20 };
            assert!((*expected..=expected + late).contains(&processed), "{reads} {via} {from}: {processed}");
            assert_eq!(processed + outcome.ledger.fate("before_start"), 12_000, "{reads} {via} {from}");
        }
    }
}

/// An hour of 20 records a second before the run, of 700 bytes or so: a mapping that is pushed to gets all of it, at 2 MiB a second
/// at most (KDS-E1), and before what comes now.
#[test]
fn lam_p6_kds_e1_what_a_stream_held_before_is_pushed_to_who_begins_with_it() {
    let more =
        "  f: { reads: kinesis.s, lambda: { via: enhanced_fan_out, from: trim_horizon, batch_size: 10000 } }";
    let written = text("10m", STEADY, more, "").replace("shards: 1 } } }", "shards: 1 } }, history: 1h }");
    let outcome = run(&written);
    let of = &outcome.lambdas[0];
    assert_eq!(of.meter.processed, 3_600 * 20 + 12_000);
    let pushed = of.fan_out.as_ref().expect("it is registered").bytes;
    let series = of.series.bins();
    let most = series.iter().map(|bin| bin[column::PUSHED_BYTES]).max().expect("it has bins");
    // A second's worth may have been saved up.
    let seconds = of.series.width() as f64 / SECOND as f64;
    assert!(most as f64 <= (seconds + 1.0) * 2.0 * 1_048_576.0, "{most}");
    assert!(pushed > 3_600 * 20 * 300, "{pushed}");
}

/// 20 writes a second; created after 100 s and reading 60 s later: LATEST misses those 60 s and all before, TRIM_HORIZON
/// nothing.
#[test]
fn lam_p5_dds_l6_a_new_mapping_starts_late_and_latest_misses_what_comes_meanwhile() {
    let of = |from: &str| {
        let settings = format!("created: 100s, start_delay: 60s, from: {from}, duration: {{ base: 1ms }}");
        let outcome = run(&text("5m", STEADY, &reader("f", &settings), ""));
        let before = outcome.ledger.fate("before_start");
        let noted = outcome.timeline.entries().iter().filter(|entry| entry.place == "consumers.f");
        let noted: Vec<(u64, &str)> =
            noted.map(|entry| (entry.at / SECOND, entry.what.split(',').next().unwrap())).collect();
        assert_eq!(noted, [(100, "its mapping is created"), (160, "begins to read")]);
        (outcome.lambdas[0].clone(), before)
    };
    let (latest, before) = of("latest");
    assert!(latest.creation.and_then(|it| it.meanwhile).is_some_and(|count| count.abs_diff(1_200) < 10));
    assert!(before.abs_diff(3_200) < 10, "{before}");
    assert_eq!(latest.meter.processed + before, 6_000);
    let (oldest, before) = of("trim_horizon");
    assert_eq!((oldest.meter.processed, before), (6_000, 0));
}

/// Six shards of one partition follow each other in an hour: all records are processed, the order of each item is kept, and
/// the pause at the end of each shard is a part of the latency of its own.
#[test]
fn dds_s4_a_mapping_reads_parents_before_children_and_rolls_over() {
    let of = |discovery: &str| {
        let settings = format!("delivery: 1ms, shard_discovery: {discovery}, duration: {{ base: 1ms }}");
        function("1h", STEADY, &settings)
    };
    let (quick, slow) = (of("0s"), of("30s"));
    assert_eq!((quick.meter.processed, slow.meter.processed), (72_000, 72_000));
    let rollover = |of: &LambdaOutcome| of.latency.mean_parts().expect("records")[8] / 1e6;
    assert_eq!(rollover(&quick), 0.0);
    // Who comes in those 30 s waits 15 on average, after each of five to seven rollovers.
    let expected = |rollovers: f64| rollovers * 30.0 * 15.0 / 3_600.0;
    let mean = rollover(&slow);
    assert!((expected(4.8)..expected(7.2)).contains(&mean), "{mean}");
    let total = slow.latency.mean().expect("records") / 1e6;
    assert!((total - mean - quick.latency.mean().expect("records") / 1e6).abs() < 0.02, "{total}");
}

/// A function that fails now and then sees records again; the stream itself held each change once.
#[test]
fn dds_4_top_8_the_consumer_sees_records_again_though_the_stream_has_none_twice() {
    let settings = "batch_size: 10, batch_window: 1s, duration: { base: 1ms }, errors: { rate: 10% }";
    let outcome = run(&text("5m", STEADY, &reader("f", settings), ""));
    let own = outcome.tables[0].streams.as_ref().expect("a stream");
    assert_eq!((own.ordering.duplicates, own.ordering.late()), (0, 0));
    assert!(outcome.lambdas[0].meter.repeated > 100);
    assert_eq!(outcome.lambdas[0].meter.processed, 6_000);
}

/// One bad record stops its shard until the record is 24 hours old, unless something is set against it.
#[test]
fn dds_l5_top_9_one_bad_record_blocks_a_shard_for_a_day_by_default() {
    let events = "events: { bad: { at: 2m, poison: consumers.f } }";
    let of = |settings: &str| {
        let settings = format!("batch_size: 10, duration: {{ base: 1ms }}{settings}");
        run(&text("5m", STEADY, &reader("f", &settings), events)).lambdas.swap_remove(0)
    };
    let blocked = of("").meter.blocked_max;
    assert!(blocked.abs_diff(DAY) < 2 * MINUTE, "{blocked}");
    let mended = of(", retries: 2, bisect: true, on_failure: sqs").meter;
    assert_eq!((mended.on_failure, mended.good_given_up, mended.discarded), (1, 0, 0));
    assert!(mended.blocked_max < 10 * SECOND);
}

/// The function reports how old the last record of a batch is, to the whole second of its write.
#[test]
fn dds_l7_iterator_age_is_the_lag_of_this_feed() {
    let age = |base: &str| {
        let of =
            function("2m", STEADY, &format!("batch_size: 1, delivery: 1ms, duration: {{ base: {base} }}"));
        of.series.bins().iter().map(|bin| bin[column::ITERATOR_AGE]).max().expect("bins") / 1_000_000
    };
    // One at a time, 110 ms from one to the next (LAM-L4): of 20 a second nine are done, and the last of 2,400 has its turn 264 s
    // after the first, 144 s after its own write.
    assert!(age("1ms") <= 2);
    assert!((140..150).contains(&age("100ms")), "{}", age("100ms"));
}

fn drive(partition_keys: Option<u32>, records: &[Record]) -> Vec<u32> {
    let plan = MappingPlan {
        batching: Batching { size: 1, window: 0, turnaround: 0, payload: Payload::KINESIS },
        factor: 10,
        partition_keys: partition_keys.and_then(std::num::NonZeroU32::new),
        tumbling: None,
        filter_passes: None,
        retry: support::retries_without_end(),
        retention: DAY,
    };
    let function = FunctionPlan {
        base: 10 * MILLISECOND,
        per_record: 0,
        spread: Sampler::LogNormal { log_median: -0.5, sigma: 1.0 },
        timeout: 900 * SECOND,
        memory_mib: 128,
        arm: false,
        cold_start: Sampler::Constant(0.0),
        keep_warm: DAY,
        reserved: None,
        errors: Errors::default(),
        sink: None,
        sends_to: Vec::new(),
    };
    let mut mapping = Mapping::new(&plan, &function, &Streams::new(1, 0), "consumers.f", 1);
    mapping.read(0, 0).extend(records);
    let mut events: BTreeSet<(Nanos, usize)> = BTreeSet::new();
    for lane in mapping.arrive(0, 0) {
        if mapping.next(0, lane) == Next::Invoke {
            events.insert((mapping.start(0, lane, false, &mut |_, at| at), lane));
        }
    }
    let mut done = Vec::new();
    while let Some((now, lane)) = events.pop_first() {
        let (range, _) = mapping.ended(now, lane);
        done.extend(mapping.batch(lane)[range].iter().map(|held| held.record.appended as u32));
        mapping.settle(now, lane);
        if mapping.next(now, lane) == Next::Invoke {
            events.insert((mapping.start(now, lane, false, &mut |_, at| at), lane));
        }
    }
    done
}

/// Two items share a partition key. On a data stream their records stay in order; on a table's stream each item's do, and
/// those of one overtake those of the other.
#[test]
fn lam_c2_lam_c3_dds_l4_top_5_on_a_table_stream_order_is_kept_by_item_only() {
    let records: Vec<Record> = (0..400)
        .map(|at| Record { written: at, appended: at, bytes: 100, key: (at % 2) as u32, flags: 0 })
        .collect();
    let by_item = drive(None, &records);
    let by_key = drive(Some(1), &records);
    let in_order = |done: &[u32]| done.is_sorted();
    assert_eq!((by_key.len(), by_item.len()), (400, 400));
    assert!(in_order(&by_key));
    assert!(!in_order(&by_item));
    let mut items: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    by_item.iter().for_each(|at| items.entry(at % 2).or_default().push(*at));
    assert!(items.values().all(|item| in_order(item)));
    // And that is what scenarios ask for.
    let consumers = reader("own", "") + "  fed: { reads: kinesis.s, lambda: {} }\n";
    let scenario = support::load(&text("1m", STEADY, &consumers, "")).expect("it is sound");
    let keys = |number: usize| scenario.lambdas[number].mapping.partition_keys.map(|keys| keys.get());
    assert_eq!([keys(0), keys(1)], [None, Some(4)]);
}

/// A sink that takes 50 records a second holds a function back that gets 20, 60, then 20 again: nothing is lost, and the
/// lag is what the backlog of 10 records a second over a minute takes.
#[test]
fn a_slow_sink_pushes_back() {
    let rate = "{ stages: [ { for: 2m, rate: 20/s }, { for: 1m, rate: 60/s }, { for: 4m, rate: 20/s } ] }";
    let settings =
        "batch_size: 10, delivery: 1ms, duration: { base: 1ms }, sink: { limit: 50/s, latency: 1ms }";
    let of = function("7m", rate, settings);
    let sink = of.sink.expect("a sink");
    assert_eq!((of.meter.processed, sink.records), (sink.records, of.reads.records));
    let lag = of.latency.histogram().max() as f64 / 1e6;
    // 600 records too many, of which a second's worth of room was saved up: (600 - 50) / 50 = 11 s.
    assert!((10.0..12.5).contains(&lag), "{lag}");
    assert!(sink.delayed > 100 && sink.waited > 0);
    let quick = function(
        "7m",
        rate,
        "batch_size: 10, delivery: 1ms, duration: { base: 1ms }, sink: { latency: 1ms }",
    );
    assert_eq!(quick.sink.expect("a sink").delayed, 0);
}

/// A function that is stopped by its timeout has written what it could, and writes it again.
#[test]
fn a_timeout_at_the_sink_fails_the_rest_of_the_batch() {
    let settings = "batch_size: 100, batch_window: 10s, timeout: 1s, retries: 1, \
                    duration: { base: 0s }, sink: { latency: 20ms }";
    let of = function("2m", STEADY, settings);
    // A second is enough for 50 of the 100 or so records of a batch.
    assert!(of.meter.errors > 10 && of.meter.discarded > 0);
    let sink = of.sink.expect("a sink");
    assert!(sink.records > of.meter.processed, "{sink:?}");
}

/// What a table's stream gave away is what its readers took, whatever they are.
#[test]
fn functions_and_fleets_are_among_the_readers_of_a_tables_stream() {
    let fleet = "  g: { reads: tables.t.streams, kcl: { version: 1 } }\n";
    let readers = reader("f", "batch_size: 10") + fleet;
    let scenario = support::scenario(&text("2m", STEADY, &readers, ""), &[]);
    let outcome = support::run::<true>(&scenario, 0);
    let taken = [outcome.lambdas[0].reads.records, outcome.fleets[0].reads.records];
    let json = RunResult::new(&scenario, &[outcome], scenario.billing.book()).expect("a result");
    let row = json.tables[0].streams.as_ref().expect("a stream");
    assert_eq!(row.readers, ["consumers.f", "consumers.g"]);
    // Each reader gets each of the 20 changes a second of two minutes once.
    assert_eq!((row.returned_records, taken), (2 * 2_400, [2_400, 2_400]));
    assert_eq!(row.returned_bytes, 2 * row.bytes);
}
