//! Planned faults of consumers, destinations and transforming functions: what each part can have, and what comes of it by
//! arithmetic.

use streamgauge::engine::time::SECOND;
use streamgauge::pipeline::finish::Outcome;

mod support;

use support::reported as run;

const WRITES: u64 = 40 * 600;

/// 40 writes a second for ten minutes over two shards, these consumers and further sections.
fn text(consumers: &str, more: &str) -> String {
    support::fed_table("40/s", "10m", &format!("consumers:\n{consumers}\n{more}"))
}

fn fate(outcome: &Outcome, path: &str, name: &str) -> u64 {
    let account = outcome.ledger.accounts.iter().find(|account| account.path == path).expect("an account");
    account.fates.iter().find(|(fate, _)| *fate == name).map_or(0, |(_, count)| *count)
}

/// Three minutes in which nothing is read, or processed, of readers of all kinds: nothing is lost, and the record that came first
/// waits for three minutes, and for a few seconds more until its turn comes. The worker of a fleet does not die of it.
#[test]
fn who_may_not_read_or_cannot_process_for_three_minutes_is_three_minutes_late_and_loses_nothing() {
    let consumers = "
  polling: { reads: kinesis.s, polling: { workers: 2 } }
  shared: { reads: kinesis.s, lambda: { via: shared, batch_size: 1000 } }
  pushed: { reads: kinesis.s, lambda: { via: enhanced_fan_out, batch_size: 1000 } }
  kcl: { reads: kinesis.s, kcl: { version: 1, via: polling, idle_time: 1s } }
  kcl-pushed: { reads: kinesis.s, kcl: { version: 3, via: enhanced_fan_out } }
  flink: { reads: kinesis.s, flink: { parallelism: 2 } }
  pipe: { reads: kinesis.s, pipe: { to: { lambda: {} } } }
  sends: { reads: kinesis.s, lambda: { sends_to: [sqs.q] } }
  queued: { reads: sqs.q, lambda: { batch_size: 10 } }
sqs:
  q: {}";
    let of_streams = ["polling", "shared", "pushed", "kcl", "kcl-pushed", "flink", "pipe"];
    let event = |key: &str, of: &str| format!("  {key}-{of}: {{ at: 4m, for: 3m, {key}: consumers.{of} }}\n");
    let lost: String = of_streams.iter().chain(&["queued"]).map(|of| event("lost_permission", of)).collect();
    let (_, outcome, result) = run(&text(consumers, &format!("events:\n{lost}")));
    for of in of_streams {
        let path = format!("consumers.{of}");
        assert_eq!(fate(&outcome, &path, "processed"), WRITES, "{of}");
    }
    assert_eq!(fate(&outcome, "sqs.q", "processed"), WRITES);
    for of in of_streams.iter().chain(&["queued"]) {
        let latest = result.figure(&format!("consumers.{of}.latency.max")).expect("it has one") / 1e3;
        assert!((178.0..190.0).contains(&latest), "{of}: {latest} s");
    }
    // A fleet that stands still goes on reading as far as it fetches ahead, and keeps its leases.
    let down: String = ["kcl", "kcl-pushed", "flink"].iter().map(|of| event("outage", of)).collect();
    let (_, outcome, result) = run(&text(consumers, &format!("events:\n{down}")));
    for (of, fleet) in ["kcl", "kcl-pushed", "flink"].iter().zip(&outcome.fleets) {
        assert_eq!(fate(&outcome, &format!("consumers.{of}"), "processed"), WRITES, "{of}");
        assert!(fleet.interruptions.is_empty(), "{of}");
        let latest = result.figure(&format!("consumers.{of}.latency.max")).expect("it has one") / 1e3;
        assert!((178.0..190.0).contains(&latest), "{of}: {latest} s");
    }
}

/// A message that makes the function fail is received as often as its queue allows and then set apart; the function reports where it
/// failed, so that it takes nothing good along.
#[test]
fn sqs_6_a_poisoned_message_is_received_as_often_as_its_queue_allows_and_set_apart() {
    let consumers = "
  sends: { reads: kinesis.s, lambda: { sends_to: [sqs.q] } }
  queued: { reads: sqs.q, lambda: { batch_size: 1 } }
sqs:
  q: { visibility_timeout: 5s, max_receive_count: 3 }
events:
  bad: { at: 4m, poison: consumers.queued }";
    let (_, outcome, result) = run(&text(consumers, ""));
    assert_eq!(fate(&outcome, "sqs.q", "processed"), WRITES - 1);
    let function = outcome.queues[0].function.as_ref().expect("a function");
    assert_eq!((function.errors, function.invocations), (3, WRITES + 2));
    assert_eq!(outcome.queues[0].queue.received, WRITES + 2);
    assert!(result.events.iter().any(|event| event.what == "the next record makes it fail every time"));
}

/// Half of the invocations fail for five minutes, of a function behind a queue and of one that a pipe waits for: about half of those
/// that begin then.
#[test]
fn half_of_the_invocations_of_five_minutes_fail_behind_a_queue_and_behind_a_pipe() {
    let consumers = "
  pipe: { reads: kinesis.s, pipe: { batch_size: 1, to: { lambda: { duration: { base: 1ms } } } } }
  sends: { reads: kinesis.s, lambda: { sends_to: [sqs.q] } }
  queued: { reads: sqs.q, lambda: { batch_size: 1 } }
sqs:
  q: { visibility_timeout: 1s }
events:
  a: { at: 3m, for: 5m, error_rate: { of: consumers.queued, rate: 50% } }
  b: { at: 3m, for: 5m, error_rate: { of: consumers.pipe, rate: 50% } }";
    let (_, outcome, _) = run(&text(consumers, ""));
    let queued = outcome.queues[0].function.as_ref().expect("a function");
    // Each of 12,000 messages fails once on average before it is processed; those of the last second once more are tried later.
    let mean = 300.0 * 40.0;
    assert!((queued.errors as f64 / mean - 1.0).abs() < 0.05, "{}", queued.errors);
    assert_eq!(fate(&outcome, "sqs.q", "processed"), WRITES);
    let pipe = &outcome.lambdas[0].meter;
    assert!(pipe.errors > 500 && pipe.processed == WRITES, "{}", pipe.errors);
}

const LAKE: &str = "\
firehose:
  lake:
    reads: kinesis.s
    buffer: { size: 1 MiB, interval: 60s }
    transform: { retries: 3, retry_wait: 1s, buffer: { size: 0.2 MiB, interval: 60s } }
    to: { s3: { put: 1s } }
";

/// A batch with the poisoned record is tried four times (FH-T3) and goes to the error prefix as a whole; no other one fails.
#[test]
fn fh_t3_a_poisoned_record_takes_its_batch_to_the_error_prefix() {
    let events = "events:\n  bad: { at: 4m, poison: firehose.lake.transform }";
    let (_, outcome, _) = run(&support::fed_table("40/s", "10m", &format!("{LAKE}{events}")));
    let lake = &outcome.deliveries[0];
    let meter = &lake.transform.as_ref().expect("a function").meter;
    assert_eq!((meter.errors, meter.retried, meter.given_up), (4, 3, 1));
    assert_eq!(lake.s3.error_objects, 1);
    assert_eq!(meter.ok + meter.failed, WRITES);
    // No more than what 20 writes a second to each shard make in a minute.
    assert!((1..=20 * 61).contains(&meter.failed), "{}", meter.failed);
}

/// The function fails every time for three minutes by its error rate, and takes ten times as long in the three after.
#[test]
fn a_transforming_function_has_error_rates_and_slow_downs() {
    let events = "events:
  bad: { at: 2m, for: 3m, error_rate: { of: firehose.lake.transform, rate: 100% } }
  slow: { at: 6m, for: 3m, slow_down: { of: firehose.lake.transform, factor: 10 } }";
    let lake = LAKE.replace("retries: 3", "retries: 0, duration: { base: 1s, spread: 0 }, cold_start: 0s");
    let (_, outcome, _) = run(&support::fed_table("40/s", "10m", &format!("{lake}{events}")));
    let (_, base, _) = run(&support::fed_table("40/s", "10m", &lake));
    let meter = |outcome: &Outcome| outcome.deliveries[0].transform.as_ref().expect("a function").meter;
    let (meter, base) = (meter(&outcome), meter(&base));
    assert_eq!(meter.errors, meter.given_up);
    // Three of ten minutes: as many batches, to one of each shard.
    let share = meter.failed as f64 / WRITES as f64;
    assert!((share - 0.3).abs() < 0.1 + 1e-9, "{share}");
    let (runs, usual) = (meter.run_micros[0] as f64, base.run_micros[0] as f64);
    let more = runs / usual;
    assert!((more - (1.0 + 0.3 * 9.0)).abs() < 1.0, "{more}");
}

/// An upload of one second takes ten while the destination is slow, and one again after.
#[test]
fn a_slowed_destination_takes_so_many_times_as_long() {
    let lake = "firehose:
  lake: { reads: kinesis.s, buffer: { size: 1 MiB, interval: 60s }, to: { s3: { put: 1s } } }
  web: { reads: kinesis.s, buffer: { size: 1 MiB, interval: 60s }, to: { http: { request: 1s } } }
events:
  a: { at: 3m, for: 3m, slow_down: { of: firehose.lake, factor: 10 } }
  b: { at: 3m, for: 3m, slow_down: { of: firehose.web, factor: 10 } }";
    let (_, outcome, _) = run(&support::fed_table("40/s", "10m", lake));
    for delivery in &outcome.deliveries {
        for row in &delivery.rows {
            let slow = (180 * SECOND..360 * SECOND).contains(&row.flushed);
            assert_eq!(row.complete - row.flushed, if slow { 10 * SECOND } else { SECOND });
        }
        assert!(delivery.rows.iter().any(|row| row.complete - row.flushed == 10 * SECOND));
    }
}

/// A delivery stream that may not read its stream for three minutes delivers all of it later.
#[test]
fn a_delivery_stream_that_may_not_read_delivers_later() {
    let lake = LAKE.to_owned() + "events:\n  a: { at: 3m, for: 3m, lost_permission: firehose.lake }";
    let (_, outcome, result) = run(&support::fed_table("40/s", "10m", &lake));
    assert_eq!(fate(&outcome, "firehose.lake", "delivered"), WRITES);
    let latest = result.figure("firehose.lake.freshness.max").expect("it has one") / 1e3;
    assert!((178.0..320.0).contains(&latest), "{latest}");
}

#[test]
fn what_makes_no_sense_for_a_part_is_refused_with_what_does() {
    let consumers = "
  p: { reads: kinesis.s, polling: {} }
  k: { reads: kinesis.s, kcl: {} }
  j: { reads: kinesis.s, flink: { parallelism: 1 } }
firehose:
  lake: { direct_put: {}, transform: {}, to: { s3: {} } }";
    let refused = |event: &str| {
        let text = text(consumers, &format!("events:\n  e: {{ at: 1m, {event} }}"));
        support::load(&text).expect_err("it is refused")
    };
    let cases = [
        (
            "poison: consumers.p",
            "is a polling consumer: no `poison`",
            "`outage`, `slow_down`, `lost_permission`, `remove`",
        ),
        (
            "for: 1m, error_rate: { of: consumers.k, rate: 1% }",
            "is a fleet of workers: no `error_rate`",
            "`cut_off`",
        ),
        ("poison: consumers.j", "is a Flink application: no `poison`", "`crash`, `deploy`"),
        ("remove: firehose.lake", "no `remove` of it", "`outage`, `slow_down`"),
        ("for: 1m, lost_permission: firehose.lake", "makes no calls to read", "`outage`"),
        ("for: 1m, lost_permission: firehose.lake.transform", "is a transforming function", "`poison`"),
        ("outage: consumers.p", "`outage` needs `for`", ""),
        ("for: 1m, poison: firehose.lake.transform", "`poison` is one record", ""),
    ];
    for (event, message, help) in cases {
        let text = refused(event);
        assert!(text.contains(message) && text.contains(help), "{event}: {text}");
    }
}
