//! When records are lost, by whom and why: each loss has its own moment, and there are as many as the ledger has.

use streamgauge::measure::fate::{Meaning, meaning};
use streamgauge::report::result::RunResult;
use streamgauge::report::result::losses::CauseRow;

mod support;

use support::reported as run;

const HOUR_S: f64 = 3_600.0;

fn text(rate: &str, duration: &str, more: &str) -> String {
    support::fed_table(rate, duration, more)
}

/// The only kind of loss at a place.
fn only<'a>(result: &'a RunResult, path: &str) -> &'a CauseRow {
    let rows: Vec<&CauseRow> = result.losses.iter().filter(|row| row.path == path).collect();
    let [row] = rows[..] else { panic!("one kind at {path}: {:?}", result.losses) };
    row
}

/// What is lost or set aside has a cause and moments, and is what the ledger has of it.
fn agrees_with_the_ledger(result: &RunResult) {
    for account in &result.ledger {
        for (fate, count) in &account.fates {
            let noted: u64 = (result.losses.iter())
                .filter(|row| (&row.path, &row.fate) == (&account.path, fate))
                .map(|row| row.records)
                .sum();
            let is_toll = matches!(meaning(fate), Some(Meaning::Lost | Meaning::Aside(_)));
            assert_eq!(noted, if is_toll { *count } else { 0 }, "{fate} at {}", account.path);
        }
    }
}

fn near(found: Option<f64>, expected: f64, tolerance: f64) {
    let found = found.expect("a moment");
    assert!((found - expected).abs() <= tolerance, "{found} instead of {expected}");
}

/// Down for 26 hours from 1 h and from 40 h on, of 24 that are kept: what is written in the first two hours of each is lost a day after
/// it was written, and nothing in between. Six writes a minute are ten seconds apart.
#[test]
fn kds_s1_each_of_two_stalls_has_its_own_first_loss() {
    let more = "\
consumers:
  c: { reads: kinesis.s, polling: { workers: 2 } }
  pushed: { reads: kinesis.s, lambda: { via: enhanced_fan_out, duration: { base: 20ms } } }
events:
  one: { at: 1h, for: 26h, outage: consumers.c }
  two: { at: 40h, for: 26h, outage: consumers.c }
  three: { at: 1h, for: 26h, outage: consumers.pushed }
  four: { at: 40h, for: 26h, outage: consumers.pushed }";
    let (_, _, result) = run(&text("6/min", "70h", more));
    for reader in &result.consumers {
        assert_eq!(reader.stalls.len(), 2);
        for stall in &reader.stalls {
            near(stall.first_loss_after_s, 24.0 * HOUR_S, 20.0);
            assert_eq!(stall.first_loss_cause.as_deref(), Some("expired: older than the stream's retention"));
        }
        let row = only(&result, &reader.path);
        near(row.first_s, 25.0 * HOUR_S, 20.0);
        // A failed function is called again up to a minute later.
        near(row.last_s, 66.0 * HOUR_S, 80.0);
        assert_eq!(row.spells, 2, "{row:?}");
        assert!(row.records.abs_diff(2 * 2 * 360) <= 20, "{row:?}");
        let retention = reader.losses.as_ref().expect("shards that lost some");
        assert_eq!((retention.records, retention.shards), (row.records, 2));
        let begins = |event: &&streamgauge::report::result::events::EventRow| {
            event.path == reader.path && event.what.starts_with("records begin to be lost")
        };
        assert_eq!(result.events.iter().filter(begins).count(), 2);
    }
    agrees_with_the_ledger(&result);
}

/// All kinds of readers are away for 26 hours of 24 that are kept, one of them for good, one that then begins anew: whatever they lose
/// has a moment.
#[test]
fn kds_s1_what_retention_takes_has_a_moment_whoever_reads() {
    let more = "\
consumers:
  polls: { reads: kinesis.s, polling: { workers: 2 } }
  restarts: { reads: kinesis.s, polling: { when_trimmed: restart } }
  shared: { reads: kinesis.s, lambda: { duration: { base: 20ms } } }
  pushed: { reads: kinesis.s, lambda: { via: enhanced_fan_out, duration: { base: 20ms } } }
  workers: { reads: kinesis.s, kcl: { via: polling, workers: 1 } }
  pushed_workers: { reads: kinesis.s, kcl: { via: enhanced_fan_out, workers: 1 } }
  job: { reads: kinesis.s, flink: { parallelism: 1, via: enhanced_fan_out, autoscaling: false } }
firehose:
  lake: { reads: kinesis.s, to: { s3: {} } }
events:
  a: { at: 1h, for: 26h, outage: consumers.polls }
  b: { at: 1h, for: 26h, outage: consumers.restarts }
  c: { at: 1h, for: 26h, outage: consumers.shared }
  d: { at: 1h, for: 100h, outage: consumers.pushed }
  e: { at: 1h, for: 26h, crash: consumers.workers, worker: 0 }
  f: { at: 1h, for: 26h, crash: consumers.pushed_workers, worker: 0 }
  g: { at: 1h, for: 26h, outage: consumers.job }
  h: { at: 1h, for: 26h, outage: firehose.lake }";
    let (_, _, result) = run(&text("6/min", "29h\nend: stop", more));
    agrees_with_the_ledger(&result);
    let lost = |fate: &str| -> Vec<&str> {
        result.losses.iter().filter(|row| row.fate == fate).map(|row| row.path.as_str()).collect()
    };
    assert_eq!(lost("expired").len(), 7, "{:?}", result.losses);
    assert_eq!(lost("skipped"), ["consumers.restarts"]);
    for row in result.losses.iter().filter(|row| row.fate == "expired") {
        near(row.first_s, 25.0 * HOUR_S, 60.0);
    }
}

/// A table that takes ten writes a second and saves one second's worth gets 25 for the third and for the sixth minute: 15 of them are
/// given up each second, but for the ten that were saved.
#[test]
fn what_a_producer_gives_up_has_a_first_and_a_last_moment() {
    let stages = "[{ rate: 5/s, for: 2m }, { rate: 25/s, for: 1m }, { rate: 5/s, for: 2m }, { rate: 25/s, for: 1m }, { rate: 5/s, for: 2m }]";
    let text = text("5/s", "8m", "")
        .replace("constant: { rate: 5/s }", &format!("stages: {stages}, regular: true"))
        .replace("item:", "client: { retries: none }, item:")
        .replace("write_units: 1000", "write_units: 10, burst: 1s");
    let (_, _, result) = run(&text);
    agrees_with_the_ledger(&result);
    let row = only(&result, "workload.writer");
    assert_eq!((row.fate.as_str(), row.cause.as_str(), row.lost), ("given_up", "no retry is left", true));
    near(row.first_s, 121.0, 1.5);
    near(row.last_s, 360.0, 1.0);
    assert_eq!(row.spells, 2);
    let expected = 2 * (60 * 15 - 10);
    assert!(row.records.abs_diff(expected) <= 30, "{} instead of {expected}", row.records);
    let noted = result.events.iter().filter(|event| event.path == "workload.writer").count();
    assert_eq!(noted, 2, "{:?}", result.events);
}

/// Permission is lost after an hour and replication is switched off a week later: what waits is dropped then, and what is written from
/// then on is not captured, up to the end of the writes.
#[test]
fn kdc_r3_kdc_r4_what_a_feed_loses_has_a_first_and_a_last_moment() {
    let events = "events:\n  lost: { at: 1h, for: 300h, lost_permission: tables.t.kinesis }";
    let (_, _, result) = run(&text("0.01/s", "200h", events));
    agrees_with_the_ledger(&result);
    let row = |fate: &str| result.losses.iter().find(|row| row.fate == fate).expect("a kind of loss");
    let (dropped, missed) = (row("dropped"), row("not_captured"));
    assert_eq!((dropped.path.as_str(), missed.path.as_str()), ("tables.t.kinesis", "tables.t.kinesis"));
    // A change every 100 s.
    near(dropped.first_s, 169.0 * HOUR_S, 200.0);
    near(dropped.last_s, 169.0 * HOUR_S, 200.0);
    near(missed.first_s, 169.0 * HOUR_S, 300.0);
    near(missed.last_s, 200.0 * HOUR_S, 100.0);
}

/// Writes slow down twice, for ten minutes each, and a record is poison and thrown away during the first time: no event with a length
/// accounts for either alarm, and the loss for the first one alone.
#[test]
fn a_loss_accounts_for_its_own_alarm_and_no_later_one() {
    let more = "\
consumers:
  c: { reads: kinesis.s, lambda: { batch_size: 10, retries: 0 } }
events:
  bad: { at: 13m, poison: consumers.c }
alarms:
  quiet: { of: kinesis.s, metric: IncomingRecords, threshold: 600, comparison: less_than, period: 1m, evaluation_periods: 3, delay: 1m }";
    let slow = |minutes: u32| format!("{{ rate: 20/s, for: 10m }}, {{ rate: 5/s, for: {minutes}m }}");
    let stages = format!("stages: [{}, {}, {{ rate: 20/s, for: 10m }}], regular: true", slow(10), slow(10));
    let (_, _, result) = run(&text("20/s", "50m", more).replace("constant: { rate: 20/s }", &stages));
    let alarm = &result.alarms[0];
    near(alarm.first_loss_s, 780.0, 5.0);
    assert_eq!((alarm.went_off, alarm.false_alarms), (2, 1), "{:?}", alarm.changes);
    agrees_with_the_ledger(&result);
}

/// A reader that would begin with twenty hours of history is down from the start, for 26 hours of 24 that are kept: the first of it is
/// lost after four hours, and after 26 hours what was written two hours after the start.
#[test]
fn kds_s1_what_was_there_before_the_run_is_lost_at_its_own_moments() {
    let more = "\
consumers:
  c: { reads: kinesis.s, polling: { from: trim_horizon } }
  pushed: { reads: kinesis.s, lambda: { from: trim_horizon, via: enhanced_fan_out, created: 26h } }
events:
  down: { at: 0s, for: 26h, outage: consumers.c }";
    let history = |text: String| text.replace("shards: 2 } } }", "shards: 2 } }, history: 20h }");
    let (_, _, result) = run(&history(text("6/min", "27h", more)));
    agrees_with_the_ledger(&result);
    let row = only(&result, "consumers.c");
    near(row.first_s, 4.0 * HOUR_S, 30.0);
    near(row.last_s, 26.0 * HOUR_S, 30.0);
    assert!(row.records.abs_diff((20 + 2) * 360) <= 6, "{row:?}");
    // Whoever is not there yet loses nothing.
    assert!(result.losses.iter().all(|row| row.path == "consumers.c"), "{:?}", result.losses);
}
