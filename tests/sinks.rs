//! What consumers write to, other than functions: polling consumers, workers of the Kinesis Client Library, Flink applications.
//! Against arithmetic: what goes in less what a sink takes is what waits.

use streamgauge::pipeline::finish::Outcome;
use streamgauge::report::markdown;
use streamgauge::scenario::load_check::{LoadCheck, Verdict};
use streamgauge::systems::fleet::meter::Redelivery;
use streamgauge::systems::fleet::progress::PARTS;

mod support;

/// Writes at this rate, one stream, and one consumer `c`.
fn text(duration: &str, rate: &str, shards: u32, consumer: &str, more: &str) -> String {
    format!(
        "\
name: test
seed: 5
study: terminating
duration: {duration}
workload:
  writer: {{ writes_to: tables.t, arrivals: {rate}, keys: {{ uniform: {{ items: 5_000 }} }}, item: {{ size: 300 B }} }}
tables:
  t:
    capacity: {{ provisioned: {{ write_units: 20000 }} }}
    kinesis: {{ stream: s, replication: {{ delay: 50ms, reorder: 0%, duplicates: 0% }} }}
kinesis:
  s: {{ capacity: {{ provisioned: {{ shards: {shards} }} }} }}
consumers:
  c: {{ reads: kinesis.s, {consumer} }}
{more}
"
    )
}

fn constant(rate: u32) -> String {
    format!("{{ constant: {{ rate: {rate}/s }} }}")
}

fn run(text: &str) -> Outcome {
    support::run::<true>(&support::scenario(text, &[]), 0)
}

#[track_caller]
fn near(what: &str, simulated: f64, expected: f64, share: f64) {
    assert!((simulated / expected - 1.0).abs() <= share, "{what}: {simulated} against {expected}");
}

/// A consumer of each kind with this sink; none of them is held up by anything else.
fn kinds(sink: &str) -> [String; 3] {
    [
        format!("polling: {{ workers: 4, interval: 250ms, sink: {sink} }}"),
        format!("kcl: {{ via: polling, workers: 2, idle_time: 250ms, sink: {sink} }}"),
        format!("flink: {{ parallelism: 4, via: polling, poll_interval: 250ms, sink: {sink} }}"),
    ]
}

/// What the consumer `c` processed and had not, and what its sink took; the ledger balances, or the run would fail.
fn accounts(outcome: &Outcome) -> [u64; 4] {
    let account = outcome.ledger.accounts.iter().find(|account| account.path == "consumers.c").expect("it");
    let fate = |wanted: &str| -> u64 {
        account.fates.iter().filter(|(fate, _)| *fate == wanted).map(|(_, count)| count).sum()
    };
    let of_consumer = outcome.consumers.first().map(|consumer| consumer.sink);
    let sink = of_consumer.unwrap_or_else(|| outcome.fleets[0].sink).expect("a sink");
    [fate("processed"), fate("in_hand"), fate("waiting"), sink.records]
}

/// The longest time from a write to the end of its processing, seconds.
fn latest(outcome: &Outcome) -> f64 {
    let latency = match outcome.consumers.first() {
        Some(consumer) => consumer.latency.histogram(),
        None => outcome.fleets[0].latency.histogram(),
    };
    latency.max() as f64 / 1e6
}

/// 100 records a second come in, 60 a second are taken, four shards and their workers share that: 40 a second are left over.
#[test]
fn shards_and_workers_of_a_consumer_share_what_its_sink_takes_and_the_rest_waits() {
    for kind in kinds("{ limit: 60/s, latency: 1ms, records_per_call: 10 }") {
        let outcome = run(&text("10m", &constant(100), 4, &kind, "end: stop"));
        let [processed, in_hand, waiting, written] = accounts(&outcome);
        near(&kind, processed as f64, 60.0 * 600.0, 0.01);
        assert_eq!(processed, written, "{kind}");
        near(&kind, (in_hand + waiting) as f64, 40.0 * 600.0, 0.02);
        // What is processed at the end was written when 60 % of the time was over.
        near(&kind, latest(&outcome), 0.4 * 600.0, 0.05);
    }
}

/// A hundred seconds at twice what the sink takes leave 100 s of its time waiting, and so late the last of it is.
#[test]
fn a_burst_above_the_limit_waits_as_long_as_the_sink_takes_for_it() {
    let burst = "{ stages: [ { for: 100s, rate: 120/s }, { for: 200s, rate: 6/s } ] }";
    for kind in kinds("{ limit: 60/s, latency: 1ms, records_per_call: 10 }") {
        let outcome = run(&text("300s", burst, 4, &kind, ""));
        let [processed, in_hand, waiting, written] = accounts(&outcome);
        assert_eq!((processed, in_hand + waiting), (written, 0), "{kind}");
        // Of one shard's records some wait longer than those of others, as not all shards have as many.
        let latest = latest(&outcome);
        assert!((90.0..135.0).contains(&latest), "{kind}: {latest}");
    }
}

/// Utilisation law: 50 records a second of 1 ms, with a call of 20 ms for each four of them.
#[test]
fn time_at_the_sink_is_time_of_the_worker() {
    let consumer = "polling: { workers: 1, interval: 1s, per_record: 1ms, sink: { latency: 20ms, records_per_call: 4 } }";
    let (_, _, result) = support::reported(&text("20m", &constant(50), 1, consumer, ""));
    near("busy", result.consumers[0].busy_share.expect("workers"), 50.0 * (0.001 + 0.020 / 4.0), 0.05);
    let sink = result.consumers[0].sink.as_ref().expect("a sink");
    assert_eq!((sink.delayed, sink.call_mean_ms), (0, Some(20.0)));
    near("calls", sink.calls as f64, sink.records as f64 / 4.0, 0.1);
    assert!(markdown::render(&result).contains("## What consumers write to"));
}

/// Little's law: what is in the system on average is what comes in times how long it stays.
#[test]
fn littles_law_holds_for_a_polling_consumer_and_its_sink() {
    let consumer = "polling: { workers: 1, interval: 730ms, sink: { limit: 60/s, latency: { exponential: { mean: 9ms } } } }";
    let poisson = "{ poisson: { rate: 50/s } }";
    let outcome = run(&text("4h", poisson, 1, consumer, "end: stop"));
    let consumer = &outcome.consumers[0];
    let backlogs = outcome.backlogs.iter().map(|backlog| backlog.consumers[0] as f64);
    let mean = backlogs.sum::<f64>() / outcome.backlogs.len() as f64;
    let parts = consumer.latency.mean_parts().expect("some records");
    // All but the way into the stream.
    let stays = parts[1..].iter().sum::<f64>() / 1e6;
    near("records", mean, 50.0 * stays, 0.08);
}

/// 200 records a second of half a millisecond of CPU on two workers of one processor, with and without calls that keep each
/// shard's thread busy for most of its time: waiting takes no processor.
#[test]
fn kcl_13_a_worker_that_waits_for_its_sink_is_not_busy() {
    let cpu = |sink: &str| {
        let kcl =
            format!("kcl: {{ via: polling, workers: 2, host: {{ vcpu: 1 }}, per_record: 500us{sink} }}");
        let (_, outcome, result) = support::reported(&text("20m", &constant(200), 8, &kcl, ""));
        let parts = outcome.fleets[0].latency.mean_parts().expect("some records");
        let row = result.consumers[0].kcl.as_ref().expect("workers");
        (row.fleet.cpu_mean.expect("processors"), row.moved, parts)
    };
    let (without, with) = (cpu(""), cpu(", sink: { latency: 25ms }"));
    near("without", without.0, 200.0 * 0.0005 / 2.0, 0.03);
    near("with", with.0, without.0, 0.03);
    assert!(with.1 <= without.1 + 1, "nothing is moved for it: {with:?}");
    let execution = PARTS.iter().position(|part| *part == "execution").expect("a part");
    assert!(with.2[execution] > 5.0 * without.2[execution], "{with:?} against {without:?}");
}

/// A worker dies in the middle of a batch of 100 records, of which one is written every 100 ms.
#[test]
fn what_was_written_before_a_crash_is_written_and_comes_again() {
    let at_death = |order: &str| {
        let kcl = format!(
            "kcl: {{ version: 2, via: polling, workers: 1, max_records: 100, prefetch: 0, idle_time: 1s, delivery: 0s, checkpoint: {{ order: {order}, latency: 0s }}, sink: {{ latency: 100ms }} }}"
        );
        let events = "events: { death: { at: 65s, for: 30s, crash: consumers.c } }";
        // All of it comes at once, and is read in batches of 100.
        let burst = "{ stages: [ { for: 1s, rate: 2000/s }, { for: 299s, rate: 0/s } ] }";
        let outcome = run(&text("300s", burst, 1, &kcl, events));
        let fleet = &outcome.fleets[0];
        let sink = fleet.sink.expect("a sink");
        assert_eq!(sink.records, fleet.meter.processed + fleet.meter.repeated_total());
        let all = fleet.reads.records - fleet.meter.refetched;
        assert_eq!(fleet.meter.processed + fleet.meter.lost, all);
        let repeated = fleet.meter.repeated[Redelivery::Crash as usize];
        (fleet.meter.lost, repeated, sink.records as i64 - all as i64)
    };
    let (lost, repeated, written) = at_death("after");
    assert_eq!((lost, written), (0, repeated as i64));
    // Some 640 are written by then: six batches and forty or so of the seventh, give or take the start.
    assert!((1..100).contains(&repeated), "{repeated}");
    let (lost_before, repeated_before, written_before) = at_death("before");
    assert_eq!((repeated_before, written_before), (0, -(lost_before as i64)));
    // The same batch: what one order writes twice is what the other one has written of it before it loses the rest.
    assert_eq!(repeated + lost_before, 100);
}

/// A subtask makes one call after the other, for all its shards: 50 calls of 20 ms a second, whatever the shards.
#[test]
fn a_subtask_of_flink_writes_one_call_at_a_time() {
    let processed = |parallelism: u32, shards: u32| {
        let flink = format!("flink: {{ parallelism: {parallelism}, sink: {{ latency: 20ms }} }}");
        let outcome = run(&text("10m", &constant(160), shards, &flink, "end: stop"));
        outcome.fleets[0].meter.processed as f64 / 600.0
    };
    near("one", processed(1, 4), 50.0, 0.02);
    near("two", processed(2, 4), 100.0, 0.02);
    near("four", processed(4, 4), 160.0, 0.02);
    // The library has a thread for each shard.
    let kcl = "kcl: { via: polling, workers: 1, sink: { latency: 20ms } }";
    let outcome = run(&text("10m", &constant(400), 4, kcl, "end: stop"));
    near("four threads", outcome.fleets[0].meter.processed as f64 / 600.0, 200.0, 0.03);
}

/// A job that crashes goes back to its last checkpoint: what it has written since is written again, and nothing is lost.
#[test]
fn flink_writes_again_what_came_since_its_last_checkpoint() {
    let flink = "flink: { parallelism: 2, checkpoint_interval: 60s, checkpoint_takes: 0s, restart: 10s, sink: { latency: 5ms } }";
    let events = "events: { death: { at: 210s, crash: consumers.c } }";
    let outcome = run(&text("10m", &constant(100), 4, flink, events));
    let fleet = &outcome.fleets[0];
    assert_eq!((fleet.meter.processed, fleet.meter.lost), (100 * 600, 0));
    assert_eq!(fleet.sink.expect("a sink").records, 100 * 600 + fleet.meter.repeated_total());
    // The last checkpoint was made at 180 s and completes at the next look.
    let repeated = fleet.meter.repeated_total() as f64;
    assert!((100.0 * 28.0..=100.0 * 92.0).contains(&repeated), "{repeated}");
}

/// `check` holds the load against the sink, and against those who write to it.
#[test]
fn a_check_tells_what_a_sink_would_not_take() {
    let rows = |consumer: &str| {
        let scenario = support::scenario(&text("10m", &constant(100), 4, consumer, ""), &[]);
        let rows = LoadCheck::of(&scenario).rows;
        let row = |path: &str| {
            let row = rows.iter().find(|row| row.path == path && row.limit == "OWN-41");
            row.map(|row| (row.mean, row.allowed, row.verdict))
        };
        (row("consumers.c.sink"), row("consumers.c.subtasks[0]").or(row("consumers.c.subtasks[1]")))
    };
    for kind in kinds("{ limit: 60/s }") {
        let (sink, _) = rows(&kind);
        let (mean, allowed, verdict) = sink.expect("a row");
        near(&kind, mean / allowed, 100.0 / 60.0, 1e-6);
        assert_eq!(verdict, Verdict::Overloaded, "{kind}");
    }
    let (_, subtask) = rows("flink: { parallelism: 1, sink: { latency: 20ms } }");
    let (busy, ..) = subtask.expect("a row");
    near("subtask", busy, 100.0 * 0.020, 0.01);
}

/// The way of a followed write ends at the sink.
#[test]
fn a_result_says_that_the_sink_is_what_records_wait_for() {
    for kind in kinds("{ limit: 60/s, latency: 1ms, records_per_call: 10 }") {
        let (_, _, result) = support::reported(&text("5m", &constant(100), 4, &kind, "end: stop"));
        let waits = &result.bottlenecks.iter().find(|row| row.path == "consumers.c").expect("a row").waits;
        assert_eq!(waits[0].resource, "the sink, at its limit", "{kind}: {waits:?}");
        assert!(waits[0].share > 0.8, "{kind}: {waits:?}");
        let noted = |note: &String| note.contains("consumers.c.sink: 60 records/s");
        assert!(result.notes.iter().any(noted), "{kind}: {:?}", result.notes);
    }
}
