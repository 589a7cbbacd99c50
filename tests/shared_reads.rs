//! Readers that together ask a shard for more calls than it gives (KDS-R1): each gets its share, whatever it is and whenever
//! its clock began, and no more calls are refused than that takes.

use std::collections::BTreeSet;
use streamgauge::engine::random::Streams;
use streamgauge::engine::time::{DAY, MILLISECOND, Nanos, SECOND};
use streamgauge::systems::kinesis::get_records::ReadMeter;
use streamgauge::systems::kinesis::poll_grid::{PollPhase, PollPlan};
use streamgauge::systems::kinesis::stream::Stream;

mod support;

/// Calls a second that a shard gives (KDS-R1).
const CALLS: f64 = 5.0;
/// What an admitted call takes from a clock on a shard that refuses some, on the average, and the wait after a refused one
/// (OWN-8); seconds.
const CALL_TIME: f64 = 0.0175;
const WAIT: f64 = 0.2;

fn admitted(meter: &ReadMeter) -> f64 {
    (meter.polls + meter.empty_polls) as f64
}

/// Readers with these clocks on one shard of an empty stream, for so many seconds. Every second one is awake and makes its
/// calls itself; the others sleep, and theirs are accounted for.
fn on_one_shard(seed: u64, clocks: &[(Nanos, PollPhase)], seconds: u64) -> Vec<ReadMeter> {
    let draws = Streams::new(seed, 0);
    let mut stream = Stream::new(1, DAY, false, true);
    let mut calls = BTreeSet::new();
    for (number, (interval, phase)) in clocks.iter().enumerate() {
        let grid = PollPlan::new(*interval, *phase).grid(1, &draws, &format!("consumers.r{number}"));
        if number % 2 == 0 {
            calls.insert((grid.first(0), number));
        }
        stream.add_reader(grid);
    }
    let mut none = Vec::new();
    while let Some((now, reader)) = calls.pop_first().filter(|(at, _)| *at < seconds * SECOND) {
        // Refused or not, the stream's clock says when to come again.
        let _outcome = stream.get_records(now, 0, reader, 10_000, &mut none);
        calls.insert((stream.next_poll(now + 1, 0, reader), reader));
    }
    stream.finish(seconds * SECOND);
    (0..clocks.len()).map(|reader| *stream.meter(reader)).collect()
}

/// In what a shard gives it, a reader takes its interval, the time of the call and the waits after refusals for each call: with
/// `readers` alike that is what they have of the shard's calls. Returns refusals for each call that is admitted.
fn refusals_per_call(readers: usize, interval: f64) -> f64 {
    (readers as f64 / CALLS - interval - CALL_TIME) / WAIT
}

#[test]
fn kds_r1_readers_that_ask_for_too_many_calls_get_equal_shares_asleep_or_awake_whatever_their_phases() {
    for (readers, interval, phase) in [
        (6, SECOND, PollPhase::Random),
        (7, SECOND, PollPhase::Random),
        (12, SECOND, PollPhase::Random),
        (2, 250 * MILLISECOND, PollPhase::Random),
        // All at once, over and over, if their clocks were exact.
        (8, SECOND, PollPhase::Staggered(0)),
        (2, 200 * MILLISECOND, PollPhase::Staggered(0)),
    ] {
        let (seeds, seconds) = (12, 2_000);
        let clocks = vec![(interval, phase); readers];
        let runs: Vec<Vec<ReadMeter>> = (0..seeds).map(|seed| on_one_shard(seed, &clocks, seconds)).collect();
        let fair = CALLS * seconds as f64 / readers as f64;
        for reader in 0..readers {
            let counts: Vec<f64> = runs.iter().map(|run| admitted(&run[reader])).collect();
            let mean = counts.iter().sum::<f64>() / seeds as f64;
            let variance =
                counts.iter().map(|count| (count - mean) * (count - mean)).sum::<f64>() / (seeds - 1) as f64;
            // Five standard errors, and the second's worth of calls that the shard begins with.
            let allowed = 5.0 * (variance / seeds as f64).sqrt() + CALLS;
            assert!(
                (mean - fair).abs() <= allowed && allowed < 0.1 * fair,
                "reader {reader} of {readers}: {mean} of {fair}, +- {allowed}"
            );
        }
        let all = runs.iter().flatten();
        let (calls, refused) = all.fold((0.0, 0.0), |(calls, refused), meter| {
            (calls + admitted(meter), refused + meter.refused_calls as f64)
        });
        let expected = refusals_per_call(readers, interval as f64 / SECOND as f64);
        let found = refused / calls;
        assert!(
            (found / expected - 1.0).abs() < 0.03,
            "{readers} readers: {found} refusals a call, {expected}"
        );
    }
}

#[test]
fn kds_r1_a_reader_whose_clock_is_as_fast_as_the_shard_leaves_something_for_a_slow_one() {
    for seed in 0..10 {
        let clocks =
            [(200 * MILLISECOND, PollPhase::Staggered(0)), (SECOND, PollPhase::Random)].map(|clock| clock);
        let run = on_one_shard(seed, &clocks, 1_000);
        // The fast one cannot take more than its own time allows, and the shard gives all that it earns.
        let [fast, slow] = [0, 1].map(|reader| admitted(&run[reader]) / 1_000.0);
        assert!(fast <= 1.0 / 0.2 && (fast + slow - CALLS).abs() < 0.05, "{fast} {slow}");
        assert!(slow >= CALLS - 1.0 / (0.2 + CALL_TIME) - 0.05, "{slow} calls a second are left");
        let refused = run[1].refused_calls as f64 / (run[1].refused_calls as f64 + 1_000.0 * slow);
        assert!(refused < 0.5, "{refused} of the slow one's calls are refused");
    }
}

#[test]
fn kds_r10_readers_within_the_limit_keep_their_clocks_to_the_nanosecond() {
    let clocks = [(SECOND, PollPhase::Random); 5];
    let run = on_one_shard(3, &clocks, 10_000);
    assert_eq!(run.iter().map(|meter| meter.refused_calls).sum::<u64>(), 0);
    assert_eq!(run.iter().map(|meter| meter.empty_polls).collect::<Vec<_>>(), [10_000; 5]);
}

/// Seven readers of one stream, of every kind there is, that all ask once a second.
const KINDS: &str = "\
name: kinds
study: terminating
duration: 10m
workload:
  w:
    writes_to: tables.a
    arrivals: { poisson: { rate: 2/s } }
    keys: { uniform: { items: 500 } }
    item: { size: 300 B }
tables:
  a: { capacity: { provisioned: { write_units: 500 } }, kinesis: { stream: s } }
kinesis:
  s: { capacity: { provisioned: { shards: 16 } } }
consumers:
  one: { reads: kinesis.s, lambda: { duration: { base: 20ms } } }
  two: { reads: kinesis.s, lambda: { duration: { base: 20ms }, batch_window: 5s } }
  pipe: { reads: kinesis.s, pipe: { to: sqs.q } }
  code: { reads: kinesis.s, polling: { interval: 1s } }
  library: { reads: kinesis.s, kcl: { version: 2, via: polling, idle_time: 1s, workers: 2 } }
  flink: { reads: kinesis.s, flink: { parallelism: 2, poll_interval: 1s } }
firehose:
  lake: { reads: kinesis.s, to: { s3: {} } }
sqs: { q: {} }
";

#[test]
fn kds_r1_fh_s3_readers_of_all_kinds_get_equal_shares_and_none_loses_records() {
    let scenario = support::scenario(KINDS, &[]);
    let outcome = support::run::<true>(&scenario, 0);
    let lambdas = outcome.lambdas.iter().map(|it| it.reads);
    let consumers = outcome.consumers.iter().map(|it| it.reads);
    let fleets = outcome.fleets.iter().map(|it| it.reads);
    let deliveries = outcome.deliveries.iter().map(|it| it.reads);
    let all: Vec<ReadMeter> = lambdas.chain(consumers).chain(fleets).chain(deliveries).collect();
    assert_eq!(all.len(), 7);
    let fair = all.iter().map(admitted).sum::<f64>() / 7.0;
    for (number, reads) in all.iter().enumerate() {
        // A fleet begins a little later than the others, and hands no shard over here.
        assert!((admitted(reads) / fair - 1.0).abs() < 0.05, "reader {number}: {reads:?}, fair {fair}");
        assert_eq!(reads.expired, 0);
    }
}

/// AWS's two functions on one stream of a table, each of which polls a shard four times a second (LAM-P2).
#[test]
fn dds_l2_lam_p2_lam_p4_two_functions_on_a_tables_stream_share_what_its_shards_give() {
    let text = "\
name: two
study: terminating
duration: 30m
workload:
  w:
    writes_to: tables.a
    arrivals: { poisson: { rate: 1/s } }
    keys: { uniform: { items: 500 } }
    item: { size: 300 B }
tables:
  a: { capacity: { provisioned: { write_units: 500 } }, streams: { view: new_image } }
consumers:
  one: { reads: tables.a.streams, lambda: { delivery: 1ms, duration: { base: 1ms } } }
  two: { reads: tables.a.streams, lambda: { delivery: 1ms, duration: { base: 1ms } } }
";
    let outcome = support::run::<true>(&support::scenario(text, &[]), 0);
    let expected = refusals_per_call(2, 0.25);
    for function in &outcome.lambdas {
        let calls = admitted(&function.reads);
        assert!((calls / (1_800.0 * CALLS / 2.0) - 1.0).abs() < 0.05, "{:?}", function.reads);
        let refused = function.reads.refused_calls as f64 / calls;
        assert!((refused / expected - 1.0).abs() < 0.1, "{refused} refusals a call, {expected}");
        assert_eq!(function.meter.processed, outcome.producers[0].0.accepted);
    }
}
