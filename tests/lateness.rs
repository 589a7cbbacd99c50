//! How late planned events make readers, and the first record that each does not get: against the arithmetic of queues.
//!
//! A reader is late by the oldest record that it is not done with, wherever that waits.

mod support;

use streamgauge::report::result::RunResult;
use streamgauge::report::terminal::{self, Screen};
use support::reported;

/// Constant records into a stream of so many shards, and what reads it.
fn text(rate: u32, shards: u32, duration: &str, more: &str) -> String {
    format!(
        "name: lateness
seed: 1
study: terminating
duration: {duration}
workload:
  p:
    writes_to: kinesis.s
    arrivals: {{ constant: {{ rate: {rate}/s }} }}
    keys: {{ uniform: {{ items: 1000 }} }}
    record: {{ size: 500 B }}
    client: {{ sdk: {{ call: put_record, in_flight: 10000, latency: 1ms, lost_replies: 0% }} }}
kinesis:
  s: {{ capacity: {{ provisioned: {{ shards: {shards} }} }} }}
{more}
"
    )
}

fn result(text: &str) -> RunResult {
    reported(text).2
}

/// 100 records a second and a worker that takes 8 ms for each: it does 125 a second. What a stall of 2 min leaves, 12,000 records, is done
/// at 25 a second, 480 s after its end, whatever part of that the worker has fetched by then. The worker of the library is back with
/// its lease some seconds later, which costs it four times as many besides.
#[test]
fn who_has_what_waits_in_its_hands_has_not_caught_up() {
    let readers = "\
consumers:
  sdk: { reads: kinesis.s, polling: { workers: 1, per_record: 8ms, interval: 1s } }
  kcl: { reads: kinesis.s, kcl: { version: 1, via: polling, workers: 1, per_record: 8ms, max_records: 1000, host: { vcpu: 1 } } }
  job: { reads: kinesis.s, flink: { parallelism: 1, per_record: 8ms, restart: 120s, checkpoint_interval: 1s, autoscaling: false } }
events:
  one: { at: 5m, for: 2m, outage: consumers.sdk }
  two: { at: 5m, for: 2m, crash: consumers.kcl }
  three: { at: 5m, for: 2m, crash: consumers.job }";
    let result = result(&text(100, 1, "20m", readers));
    let by = |place: &str| {
        let row = result.consumers.iter().find(|row| row.path == place).unwrap();
        let stall = &row.stalls[0];
        let after = stall.recovered_after_s.expect("it catches up");
        let figure = result.figure(&format!("{place}.{}.recovery.mean", stall.event));
        assert_eq!(figure, Some(after * 1e3), "objectives see the same");
        (after, stall.peak_lag_s.unwrap())
    };
    // A call returns 10,000 records, which are done together after 80 s: the first of them is 200 s old by then, and some more for
    // what the worker was about when it stopped.
    let (after, late) = by("consumers.sdk");
    assert!((after - 480.0).abs() < 15.0, "{after}");
    assert!((200.0..206.0).contains(&late), "{late}");
    let (after, late) = by("consumers.job");
    assert!((after - 480.0).abs() < 15.0, "{after}");
    assert!((200.0..206.0).contains(&late), "{late}");
    let (after, late) = by("consumers.kcl");
    // Its first 1,000 records are done together after 8 s.
    let away = late - 8.0;
    assert!((120.0..150.0).contains(&away), "{away}");
    assert!((after - (480.0 + 5.0 * (away - 120.0))).abs() < 25.0, "{after} after {away}");
}

/// A sink takes two records a second, one after the other, and one comes in. Two minutes of outage leave 120, of which the oldest is done
/// half a second after the end and each other one soon after the one before it: nobody is later than at the end of the outage, though
/// the batch with all of them takes a minute. At one more a second than comes in it takes 120 s to catch up.
#[test]
fn a_record_that_has_reached_the_sink_is_late_no_more() {
    let readers = "\
consumers:
  c: { reads: kinesis.s, polling: { workers: 1, interval: 1s, sink: { latency: 500ms, records_per_call: 1 } } }
events:
  down: { at: 5m, for: 2m, outage: consumers.c }";
    let result = result(&text(1, 1, "20m", readers));
    let stall = &result.consumers[0].stalls[0];
    let (late, after) = (stall.peak_lag_s.unwrap(), stall.recovered_after_s.expect("it catches up"));
    assert!((119.0..=124.0).contains(&late), "{late}");
    assert!((after - 120.0).abs() <= 5.0, "{after}");
}

/// A function fails for 5 min and gives up what is older than a minute: its first record is lost a minute after the beginning, and an
/// alarm on an age above 30 s, which looks once a minute, is not there by then. One whose retries run out loses at once.
#[test]
fn lam_e2_what_a_function_discards_is_a_loss_with_a_moment_and_a_cause() {
    let readers = "\
consumers:
  aged: { reads: kinesis.s, lambda: { batch_size: 100, batch_window: 1s, duration: { base: 20ms }, maximum_record_age: 60s } }
  tired: { reads: kinesis.s, lambda: { batch_size: 100, batch_window: 1s, duration: { base: 20ms }, retries: 2 } }
events:
  a: { at: 10m, for: 5m, outage: consumers.aged }
  b: { at: 10m, for: 5m, outage: consumers.tired }
alarms:
  age: { of: consumers.aged, metric: IteratorAge, threshold: 30s, period: 1m, delay: 0s }";
    let result = result(&text(50, 1, "20m", readers));
    let first = |reader: usize| {
        let stall = &result.consumers[reader].stalls[0];
        (stall.first_loss_after_s.expect("some are lost"), stall.first_loss_cause.clone().unwrap())
    };
    let (after, cause) = first(0);
    assert!(
        (after - 60.0).abs() < 2.0 && cause == "discarded: older than maximum_record_age",
        "{after} {cause}"
    );
    // A batch and two tries more, after 100 ms and 200 ms.
    let (after, cause) = first(1);
    assert!(after < 3.0 && cause == "discarded: retries used up", "{after} {cause}");
    let alarm = &result.alarms[0];
    assert_eq!((alarm.losses_without_warning, alarm.false_alarms), (1, 0));
    let loss = alarm.first_loss_s.expect("the same moment");
    assert!((loss - 660.0).abs() < 2.0 && alarm.minutes_before_first_loss.unwrap() < 0.0, "{loss}");
    // The lane of what happened has it, and the ledger has as many.
    let noted = |event: &&streamgauge::report::result::events::EventRow| {
        event.what.starts_with("records begin to be lost: discarded")
    };
    assert_eq!(result.events.iter().filter(noted).count(), 2);
    for row in &result.losses {
        let account = result.ledger.iter().find(|account| account.path == row.path).unwrap();
        assert_eq!(account.fates[&row.fate], row.records, "{row:?}");
    }
}

/// A queue gets where the records lie, and a bucket gets them (LAM-E5): the former can be read again for a day from when they came.
#[test]
fn lam_e5_pointers_at_a_queue_are_told_from_records_in_a_bucket() {
    let readers = "\
consumers:
  q: { reads: kinesis.s, lambda: { batch_size: 100, batch_window: 1s, retries: 1, on_failure: sqs } }
  b: { reads: kinesis.s, lambda: { batch_size: 100, batch_window: 1s, retries: 1, on_failure: s3 } }
events:
  one: { at: 1m, for: 1m, outage: consumers.q }
  two: { at: 1m, for: 1m, outage: consumers.b }";
    let result = result(&text(50, 1, "3m", readers));
    let [queue, bucket] = &result.losses[..] else { panic!("{:?}", result.losses) };
    assert!(!queue.lost && !bucket.lost && bucket.readable_until_s.is_none());
    let until = queue.readable_until_s.expect("pointers only");
    assert!((until - (24.0 * 3_600.0 + 60.0)).abs() < 3.0, "{until}");
    let summary = terminal::render(&result, None, Screen::PLAIN);
    let words: String = summary.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("only as pointers at the on-failure destination of consumers.q"), "{summary}");
    assert!(words.contains("read again before retention ends"), "{summary}");
    assert!(words.contains("3,000 at the on-failure destination of consumers.b"), "{summary}");
}

/// A bucket takes nothing for ten minutes. The oldest record of the first buffer that finds it so had come at most an interval and a poll
/// before; it is stored at the first try after the end, every 30 s.
#[test]
fn a_delivery_stream_is_as_late_as_its_oldest_record_that_is_not_stored() {
    let readers = "\
firehose:
  lake: { reads: kinesis.s, buffer: { size: 5 MiB, interval: 60s }, to: { s3: { retry_wait: 30s } } }
events:
  down: { at: 10m, for: 10m, outage: firehose.lake }";
    let result = result(&text(20, 1, "30m", readers));
    let [stall] = &result.objects[0].stalls[..] else { panic!("one row") };
    let (late, after) = (stall.peak_lag_s.unwrap(), stall.recovered_after_s.expect("it catches up"));
    assert!(late > 600.0 && late < 600.0 + 60.0 + 30.0 + 3.0, "{late}");
    assert!(after <= 30.0 + 5.0, "{after}");
    assert_eq!((stall.first_loss_after_s, stall.not_recovered), (None, 0));
    // All that came meanwhile waits at most.
    assert!((600 * 20..=690 * 20).contains(&stall.peak_records), "{}", stall.peak_records);
    assert_eq!(result.figure("firehose.lake.down.recovery.mean"), Some(after * 1e3));
}

/// A function that reads a queue fails for ten minutes. A message that is received three times in vain, 30 s apart, is a dead letter: the
/// first one a minute after the beginning.
#[test]
fn the_first_dead_letter_comes_after_two_visibility_timeouts() {
    let readers = "\
consumers:
  fan: { reads: kinesis.s, lambda: { duration: { base: 5ms }, sends_to: [sqs.q] } }
  w: { reads: sqs.q, lambda: { batch_size: 1, duration: { base: 100ms } } }
sqs:
  q: { visibility_timeout: 30s, send: 10ms, max_receive_count: 3 }
events:
  down: { at: 10m, for: 10m, outage: consumers.w }
alarms:
  age: { of: sqs.q, metric: ApproximateAgeOfOldestMessage, threshold: 10m, period: 1m }";
    let result = result(&text(2, 1, "30m", readers));
    let row = result.consumers.iter().find(|row| row.path == "consumers.w").unwrap();
    let [stall] = &row.stalls[..] else { panic!("one row") };
    let first = stall.first_loss_after_s.expect("dead letters");
    assert!((first - 60.0).abs() < 3.0, "{first}");
    assert_eq!(stall.first_loss_cause.as_deref(), Some("dead letter: received too often"));
    // A message waits for its three tries, and those that failed once or twice when it ends for one more.
    let late = stall.peak_lag_s.unwrap();
    assert!((60.0..95.0).contains(&late), "{late}");
    assert!(stall.recovered_after_s.expect("it catches up") < 60.0);
    assert_eq!(result.alarms[0].losses_without_warning, 1);
}
