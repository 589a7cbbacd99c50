//! Stalls, losses, alarms, and what planned events do to consumers: against arithmetic of queues and CloudWatch's rules.

use streamgauge::engine::time::{END_OF_TIME, HOUR, MINUTE, SECOND};
use streamgauge::pipeline::Pipeline;
use streamgauge::pipeline::wiring::Prepared;
use streamgauge::report::csv::metrics;
use streamgauge::systems::cloudwatch::Missing;

mod support;

use support::reported as run;

/// A [table with a feed](support::fed_table), these consumers and further sections.
fn text(rate: &str, duration: &str, consumers: &str, more: &str) -> String {
    support::fed_table(rate, duration, &format!("consumers:\n{consumers}\n{more}"))
}

/// A fluid queue: half an hour's writes wait, and one worker takes 50 a second of 30. It catches up after 30 min x 30 / (50 - 30).
#[test]
fn a_stall_is_caught_up_with_after_what_waits_divided_by_what_is_spare() {
    let consumers = "  c: { reads: kinesis.s, polling: { workers: 1, batch_size: 200, per_record: 20ms } }";
    let events = "events:\n  down: { at: 20m, for: 30m, outage: consumers.c }";
    let (_, _, result) = run(&text("30/s", "2h", consumers, events));
    let stall = &result.consumers[0].stalls[0];
    assert_eq!((stall.from_s, stall.until_s), (Some(1_200.0), Some(3_000.0)));
    let expected = 1_800.0 * 30.0 / (50.0 - 30.0);
    let found = stall.recovered_after_s.expect("it catches up");
    assert!((found / expected - 1.0).abs() < 0.03, "{found} instead of {expected}");
    assert!((stall.peak_records as f64 / (1_800.0 * 30.0) - 1.0).abs() < 0.02, "{}", stall.peak_records);
    let peak = stall.peak_lag_s.expect("it reads again");
    // The first records of each of two shards came when it began, and are done with a batch of 200 records, one shard after the other.
    assert!(peak > 1_800.0 && peak < 1_800.0 + 2.0 * 200.0 * 0.02 + 2.0, "{peak}");
    assert_eq!(result.figure("consumers.c.down.recovery.mean"), Some(found * 1e3));
    assert!(stall.curve.len() > 10 && result.consumers[0].losses.is_none());
}

/// A poison record holds its shard up until it expires after 24 hours, and what came behind it goes with it: then nothing waits any
/// more. An outage that outlasts the writes is over with the last record read after it, which is as old as the outage, or less.
#[test]
fn whoever_is_late_with_the_last_record_has_caught_up_with_it() {
    let function = "  c: { reads: kinesis.s, lambda: { batch_size: 100 } }";
    let (_, _, result) =
        run(&text("10/s", "20m", function, "events:\n  bad: { at: 10m, poison: consumers.c }"));
    let stall = &result.consumers[0].stalls[0];
    assert_eq!(stall.not_recovered, 0);
    let blocked = stall.recovered_after_s.expect("the record expires");
    let day = 24.0 * 3_600.0;
    assert!((day - 60.0..day + 11.0 * 60.0).contains(&blocked), "{blocked}");
    // The record itself is oldest when it expires.
    let peak = stall.peak_at_s.expect("a peak");
    assert!((600.0 + day - 60.0..=600.0 + day + 60.0).contains(&peak), "{peak}");
    let polling = "  c: { reads: kinesis.s, polling: { workers: 2, batch_size: 10000 } }";
    let (_, _, result) =
        run(&text("10/s", "20m", polling, "events:\n  down: { at: 10m, for: 15m, outage: consumers.c }"));
    let stall = &result.consumers[0].stalls[0];
    // Two calls take all there is.
    let after = stall.recovered_after_s.expect("it reads all that waits");
    assert!(after <= 5.0, "{after}");
    // Whoever is still down at the end has not.
    let stays = "events:\n  down: { at: 10m, for: 100h, outage: consumers.c }";
    let (_, _, result) = run(&text("10/s", "20m", polling, stays).replace("study", "end: stop\nstudy"));
    assert_eq!(result.consumers[0].stalls[0].not_recovered, 1);
}

/// 26 hours without reading, of 24 that are kept: the first record is lost 24 hours after the stall began, and two hours' worth on
/// each shard.
#[test]
fn kds_s1_the_first_loss_comes_when_the_retention_is_over_and_shards_lose_what_they_got() {
    let consumers =
        "  c: { reads: kinesis.s, polling: { workers: 2 } }\n  f: { reads: kinesis.s, lambda: {} }";
    let events = "events:\n  down: { at: 1h, for: 26h, outage: consumers.c }";
    let (_, outcome, result) = run(&text("1/s", "29h", consumers, events));
    let losses = result.consumers[0].losses.as_ref().expect("some are lost");
    let first = losses.first_s.unwrap();
    assert!((first - 25.0 * 3_600.0).abs() < 5.0, "{first}");
    // One a second for two hours; whether the one in between was read is the poll's luck.
    assert!(losses.records.abs_diff(7_200) <= 2, "{}", losses.records);
    assert_eq!(losses.by_shard.iter().map(|shard| shard.records).sum::<u64>(), losses.records);
    assert_eq!(losses.shards, 2);
    let safe = result.consumers[0].stalls[0].first_loss_after_s.unwrap();
    assert!((safe - 24.0 * 3_600.0).abs() < 5.0, "{safe}");
    assert_eq!(outcome.consumers[0].reads.expired, losses.records);
    assert!(result.consumers[1].losses.is_none());
    // Who never comes back loses without ever finding out, and is told apart by the ledger all the same.
    let (_, outcome, result) =
        run(&text("1/s", "29h", consumers, &events.replace("26h", "100h"))
            .replace("study", "end: stop\nstudy"));
    assert_eq!(outcome.consumers[0].reads.expired, 0);
    let lost = result.consumers[0].losses.as_ref().map_or(0, |losses| losses.records);
    assert!(lost.abs_diff(4 * 3_600) <= 2, "{lost}");
}

/// An iterator is good for five minutes: a consumer that is away for longer meets an expired one on each of the two shards when it is
/// back, whether it had slept there or was awake, gets another one, and loses nothing.
#[test]
fn kds_r7_whoever_is_away_for_longer_than_five_minutes_meets_an_expired_iterator_on_each_shard() {
    for (rate, away, expired) in
        [("20/s", "6m", 2), ("2/min", "6m", 2), ("20/s", "4m", 0), ("2/min", "4m", 0)]
    {
        let polling = "  c: { reads: kinesis.s, polling: { interval: 1s } }";
        let down = format!("events:\n  down: {{ at: 10m, for: {away}, outage: consumers.c }}");
        let (_, outcome, result) = run(&text(rate, "30m", polling, &down));
        assert_eq!(outcome.consumers[0].reads.expired_iterators, expired, "{rate} and {away}");
        let put: u64 = outcome.streams[0].loads.iter().map(|it| it.total.records).sum();
        assert_eq!(result.consumers[0].processed, put);
    }
}

#[test]
fn a_slowed_consumer_takes_so_many_times_as_long_for_as_long() {
    let slow = |of: &str| {
        format!("events:\n  slow: {{ at: 2m, for: 4m, slow_down: {{ of: consumers.{of}, factor: 3 }} }}")
    };
    let polling = "  c: { reads: kinesis.s, polling: { workers: 2, per_batch: 100ms, per_record: 1ms } }";
    let base = run(&text("40/s", "10m", polling, "")).1.consumers.swap_remove(0);
    let (_, outcome, result) = run(&text("40/s", "10m", polling, &slow("c")));
    let slowed = &outcome.consumers[0];
    // Batches come by the clock of the polls: for four of ten minutes each takes two times as long again.
    let more = slowed.meter.busy as f64 / base.meter.busy as f64;
    assert!((more - (1.0 + 0.4 * 2.0)).abs() < 0.02, "{more}");
    assert_eq!(slowed.meter.processed, base.meter.processed);
    let whats: Vec<&str> = result.events.iter().map(|event| event.what.as_str()).collect();
    assert_eq!(whats, ["takes 3 times as long", "takes 3 times as long: over"]);

    let function = "  f: { reads: kinesis.s, lambda: { batch_size: 10, duration: { base: 50ms } } }";
    let base = run(&text("40/s", "10m", function, "")).1.lambdas.swap_remove(0);
    let slowed = run(&text("40/s", "10m", function, &slow("f"))).1.lambdas.swap_remove(0);
    let [runs, _] = slowed.meter.run_micros;
    let more = (runs as f64 / slowed.meter.invocations as f64)
        / (base.meter.run_micros[0] as f64 / base.meter.invocations as f64);
    assert!((1.6..=1.9).contains(&more), "{more}");
}

#[test]
fn a_removed_consumer_leaves_what_it_had_not_read_and_nobody_waits_for_it() {
    let consumers = "  gone: { reads: kinesis.s, polling: { workers: 2 } }
  stays: { reads: kinesis.s, polling: { workers: 2 } }
  f: { reads: kinesis.s, lambda: { via: shared } }
  pushed: { reads: kinesis.s, lambda: { via: enhanced_fan_out } }";
    let events = "\
events:
  a: { at: 4m, remove: consumers.gone }
  b: { at: 4m, remove: consumers.f }
  c: { at: 4m, remove: consumers.pushed }
  d: { at: 5m, split: { stream: kinesis.s, shard: 0 } }";
    for study in ["terminating", "steady"] {
        let text =
            text("100/s", "10m", consumers, events).replace("study: terminating", &format!("study: {study}"));
        let (_, outcome, result) = run(&text);
        assert!(outcome.complete && outcome.end < 20 * MINUTE, "{study}");
        assert!(result.overloaded.is_empty(), "{:?}", result.overloaded);
        let fate = |path: &str, fate: &str| {
            let account = result.ledger.iter().find(|account| account.path == path).unwrap();
            (account.fates[fate], account.entered.values().sum::<u64>())
        };
        for path in ["consumers.gone", "consumers.f", "consumers.pushed"] {
            let (left, all) = fate(path, "after_removal");
            let share = left as f64 / all as f64;
            let read = 4.0 * 60.0 / (outcome.end as f64 / SECOND as f64);
            assert!(study == "steady" || (share - (1.0 - read)).abs() < 0.01, "{path}: {share}");
            assert!(left > 0);
        }
        assert_eq!(fate("consumers.stays", "expired").0, 0);
        assert_eq!(result.figure("lost"), Some(0.0));
    }
}

/// Removed after 10 s, they were to begin after 30 s and, a mapping's creation and start later, after some minutes.
#[test]
fn who_is_removed_before_it_begins_never_begins() {
    let consumers = "  late: { reads: kinesis.s, polling: { starts: 30s } }
  mapped: { reads: kinesis.s, lambda: { from: trim_horizon, created: 2s } }";
    let events = "events:
  a: { at: 10s, remove: consumers.late }
  b: { at: 10s, remove: consumers.mapped }";
    let (scenario, outcome, result) = run(&text("20/s", "1m", consumers, events));
    for path in ["consumers.late", "consumers.mapped"] {
        let account = result.ledger.iter().find(|account| account.path == path).unwrap();
        let unread = account.fates["before_start"] + account.fates["after_removal"];
        assert_eq!((unread, account.entered["records"]), (1_200, 1_200), "{account:?}");
    }
    let began = result.events.iter().filter(|event| event.what.contains("begins"));
    assert_eq!(began.count(), 0, "{:?}", result.events);
    let mut pipeline = Pipeline::<false>::new(&scenario, &Prepared::new(&scenario), 0);
    pipeline.run_until(END_OF_TIME);
    assert_eq!(pipeline.counts(), outcome.events, "a finished run has nothing left to do");
}

/// Whose calls are not limited either, so that what was not called is settled in one step.
#[test]
fn a_stream_that_nobody_reads_takes_what_is_written() {
    let text = text("20/s", "1m", "", "").replace("consumers:\n\n", "");
    let unlimited = "shards: 2 } }, limits: { get_records_calls: false } }";
    let (_, outcome, _) = run(&text.replace("shards: 2 } } }", unlimited));
    assert_eq!(outcome.tables[0].feed.as_ref().map(|feed| feed.meter.replicated), Some(20 * 60));
}

/// Evenly spaced writes stop for 10 of 30 minutes: an alarm on too few of them goes off by the rule of 3 of 3, a minute after its third
/// period, and is no false one only if an event says so.
#[test]
fn an_alarm_follows_its_metric_on_the_simulated_clock() {
    let consumers = "  c: { reads: kinesis.s, polling: {} }";
    let alarms = |of: &str, metric: &str, more: &str| {
        format!(
            "alarms:\n  quiet: {{ of: {of}, metric: {metric}, {more}, period: 1m, evaluation_periods: 3 }}\n"
        )
    };
    let quiet = alarms("kinesis.s", "IncomingRecords", "threshold: 600, comparison: less_than, delay: 1m");
    let stages = "stages: [{ rate: 20/s, for: 10m }, { rate: 5/s, for: 10m }, { rate: 20/s, for: 10m }]";
    let text = text("20/s", "30m", consumers, &quiet)
        .replace("constant: { rate: 20/s }", &format!("{stages}, regular: true"));
    let (_, _, result) = run(&text);
    let alarm = &result.alarms[0];
    let changes: Vec<(f64, &str)> =
        alarm.changes.iter().map(|change| (change.at_s.unwrap(), change.to.as_str())).collect();
    // Minutes 10 to 19 breach; the third is over at 13 min, and the first good one at 21 min.
    assert_eq!(changes, [(120.0, "OK"), (14.0 * 60.0, "ALARM"), (22.0 * 60.0, "OK")]);
    assert_eq!((alarm.first_breach_s, alarm.breach_to_alarm_s), (Some(600.0), Some(240.0)));
    assert_eq!((alarm.went_off, alarm.false_alarms, alarm.first_loss_s), (1, 1, None));
    let weeks = 30.0 / (7.0 * 24.0 * 60.0);
    assert!((alarm.false_alarms_a_week.unwrap() * weeks - 1.0).abs() < 1e-5);
    let planned = format!(
        "{text}\nevents:\n  known: {{ at: 9m, for: 12m, slow_down: {{ of: consumers.c, factor: 2 }} }}\n"
    );
    assert_eq!(run(&planned).2.alarms[0].false_alarms, 0);
}

/// A table of 100 units that keeps 10 s of what it does not use has at most 1,000 of them, which 150 writes a second use up within 20 s:
/// then the alarm on what is left sees nothing left, rather than nothing at all. Three minutes breach, whichever of the first two are
/// the first one.
#[test]
fn an_alarm_on_what_is_left_sees_that_it_is_used_up() {
    let alarm = "alarms:\n  used-up: { of: tables.t, metric: BurstBalance, threshold: 10, comparison: less_than, period: 1m, evaluation_periods: 3, delay: 0s }\n";
    let text = text("150/s", "10m", "  c: { reads: kinesis.s, polling: {} }", alarm);
    let (scenario, outcome, result) =
        run(&text.replace("write_units: 1000", "write_units: 100, burst: 10s").replace("1_000", "100_000"));
    let series = metrics(&scenario, &outcome);
    let left = series.iter().find(|series| series.name == "BurstBalance").expect("a table has it");
    let written = |(at, _): &(u64, f64)| (MINUTE..10 * MINUTE).contains(at);
    let later: Vec<f64> = left.points().filter(written).map(|(_, left)| left).collect();
    // Each second says what it began with, be it nothing.
    assert_eq!(later.len(), 9 * 60);
    assert!(later.contains(&0.0) && later.iter().all(|left| *left < 10.0), "{later:?}");
    let off = result.alarms[0].changes.iter().find(|change| change.to == "ALARM").expect("it goes off");
    assert!((180.0..=240.0).contains(&off.at_s.expect("a moment")), "{off:?}");
}

/// A worker with records in hand and before it dies for 26 hours, and nothing is written any more: what it had fetched and not processed
/// was gone a day after it was written, within the first hour, and not when the worker comes for it again.
#[test]
fn kds_s1_what_a_fleet_would_fetch_again_is_lost_when_it_is_a_day_old() {
    let consumers = "  c: { reads: kinesis.s, kcl: { via: polling, workers: 1, per_record: 3s } }";
    let more = "events:\n  dead: { at: 1h, for: 26h, crash: consumers.c, worker: 0 }";
    let stages = "stages: [{ rate: 1/s, for: 1h }, { rate: 0/s, for: 27h }]";
    let text = text("1/s", "28h\nend: stop", consumers, more).replace("constant: { rate: 1/s }", stages);
    let (_, outcome, _) = run(&text);
    assert!(outcome.fleets[0].meter.expired > 100);
    let lost = outcome.tolls.iter().find(|it| it.path == "consumers.c").expect("a reader").tolls.all();
    let expired = lost.iter().find(|toll| toll.fate == "expired").expect("a loss");
    assert!(expired.first() > 24 * HOUR && expired.last() < 25 * HOUR + MINUTE, "{expired:?}");
}

/// 26 hours down of 24 kept; the age is reported again when it reads again. An alarm on silence is there 24 hours before the first
/// loss less what its own rule takes, one on the age alone comes hours after it.
#[test]
fn silence_is_heard_only_where_missing_data_breaches() {
    let consumers = "  c: { reads: kinesis.s, polling: { workers: 2 } }";
    let more = "\
events:
  down: { at: 1h, for: 26h, outage: consumers.c }
alarms:
  silent: { of: consumers.c, metric: GetRecords.IteratorAgeMilliseconds, threshold: 1h, period: 5m, treat_missing_data: breaching, delay: 0s }
  late: { of: consumers.c, metric: GetRecords.IteratorAgeMilliseconds, threshold: 1h, period: 5m, delay: 0s }";
    let (_, _, result) = run(&text("1/s", "29h", consumers, more));
    let [silent, late] = &result.alarms[..] else { panic!("two alarms") };
    // One of one period; the evaluation reaches back to two further ones that have data.
    let minutes = silent.minutes_before_first_loss.unwrap();
    assert!((minutes - (24.0 * 60.0 - 15.0)).abs() <= 1.0, "{minutes}");
    let minutes = late.minutes_before_first_loss.unwrap();
    assert!((minutes + (2.0 * 60.0 + 5.0)).abs() <= 1.0, "{minutes}");
    assert_eq!((silent.losses_without_warning, late.losses_without_warning), (0, 1));
    assert_eq!(silent.false_alarms + late.false_alarms, 0);
}

#[test]
fn wrong_alarms_and_events_are_told_where_they_are_wrong() {
    let consumers = "  c: { reads: kinesis.s, polling: {} }";
    let wrong = [
        (
            "alarms:\n  a: { of: consumers.c, metric: IteratorAge, threshold: 1m }",
            "has no metric `IteratorAge`",
        ),
        (
            "alarms:\n  a: { of: consumers.d, metric: IteratorAge, threshold: 1m }",
            "there is no `d` in `consumers`",
        ),
        ("alarms:\n  a: { of: kinesis.s, metric: IncomingRecords, threshold: 1m }", "expected a number"),
        (
            "alarms:\n  a: { of: kinesis.s, metric: IncomingRecords, threshold: 1, period: 45s }",
            "10s, 20s, 30s",
        ),
        (
            "alarms:\n  a: { of: kinesis.s, metric: IncomingRecords, threshold: 1, statistic: maximum }",
            "the `sum` of",
        ),
        (
            "alarms:\n  a: { of: kinesis.s, metric: IncomingRecords, threshold: 1, datapoints_to_alarm: 2 }",
            "evaluation_periods",
        ),
        ("alarms:\n  a: { of: tables.t.streams, metric: ReturnedBytes, threshold: 1 }", "has no `streams`"),
        (
            "alarms:\n  a: { of: tables.t.kinesis, metric: ThrottledPutRecordCount, threshold: 1, period: 1m }",
            "multiple",
        ),
        ("events:\n  e: { at: 1m, slow_down: { of: consumers.c, factor: 2 } }", "needs `for`"),
        ("events:\n  e: { at: 1m, for: 1m, slow_down: { of: consumers.c, factor: 0.5 } }", "factor"),
        ("events:\n  e: { at: 1m, for: 1m, remove: consumers.c }", "for good"),
        ("events:\n  e: { at: 1m, remove: consumers.x }", "consumers"),
    ];
    for (more, expected) in wrong {
        let error = support::load(&text("1/s", "10m", consumers, more)).expect_err(more);
        assert!(error.contains(expected), "{more}\n{error}");
        assert!(error.contains("s.yaml:"), "{error}");
    }
    assert!(
        support::load(&text(
            "1/s",
            "2d",
            consumers,
            "alarms:\n  a: { of: kinesis.s, metric: IncomingRecords, threshold: 1 }"
        ))
        .is_err()
    );
    assert_eq!(HOUR, 60 * MINUTE);
}

/// AWS's page on missing data: alarms on DynamoDB's metrics ignore it unless another way is chosen, those on others take it for
/// missing.
#[test]
fn alarms_on_metrics_of_dynamodb_ignore_missing_data_unless_told_otherwise() {
    let consumers = "  c: { reads: kinesis.s, polling: {} }";
    let missing = |of: &str, more: &str| {
        let alarm = format!("alarms:\n  a: {{ of: {of}, threshold: 1{more} }}");
        support::load(&text("1/s", "10m", consumers, &alarm)).unwrap().alarms[0].missing
    };
    let (table, stream) =
        ("tables.t, metric: WriteThrottleEvents", "kinesis.s, metric: WriteProvisionedThroughputExceeded");
    assert_eq!((missing(table, ""), missing(stream, "")), (Missing::Ignore, Missing::Missing));
    assert_eq!(missing(table, ", treat_missing_data: breaching"), Missing::Breaching);
    assert_eq!(missing(stream, ", treat_missing_data: not_breaching"), Missing::NotBreaching);
}

/// Little's law: executions at once are invocations a second times the time that each takes. That the run goes on for a quarter
/// of an hour, until a buffer is full, makes them no fewer.
#[test]
fn mean_concurrency_is_that_of_the_measured_span() {
    let function = "  c: { reads: kinesis.s, lambda: { batch_size: 1, duration: { base: 20ms } } }";
    let lake =
        "firehose: { lake: { reads: kinesis.s, buffer: { size: 128 MiB, interval: 900s }, to: { s3: {} } } }";
    let (_, outcome, result) = run(&text("20/s", "5m", function, lake));
    assert!(outcome.end > 2 * 300_000_000_000, "{}", outcome.end);
    let row = result.consumers[0].lambda.as_ref().unwrap();
    let expected = row.invocations as f64 / 300.0 * row.duration_mean_ms.unwrap() / 1e3;
    let found = row.concurrency_mean.unwrap();
    assert!((found / expected - 1.0).abs() < 0.01, "{found} instead of {expected}");
}

/// The only worker has one processor and is busy for half of its time with 25 records a second. For a minute it takes four times as
/// long, 12.5 a second: what comes `t` seconds into that waits for `t` seconds until the half of it, and the longer it lasts
/// the shorter after that, since 50 a second are processed again in the end.
#[test]
fn a_fleet_that_slows_down_is_as_late_as_a_fluid_queue() {
    let kcl = "kcl: { version: 2, via: polling, idle_time: 500ms, max_records: 25, host: { vcpu: 1 }, per_record: 20ms }";
    let consumers = format!("  c: {{ reads: kinesis.s, {kcl} }}");
    let events = "events:\n  slow: { at: 4m, for: 1m, slow_down: { of: consumers.c, factor: 4 } }";
    let (_, outcome, result) = run(&text("25/s", "10m", &consumers, events));
    let stall = &result.consumers[0].stalls[0];
    assert_eq!((stall.from_s, stall.until_s), (Some(240.0), Some(300.0)));
    let longest = outcome.fleets[0].latency.histogram().max() as f64 / 1e6;
    // Half a second until it is read, and up to two batches of 25 records in hand.
    assert!((28.0..=30.0 + 0.5 + 2.0 * 25.0 * 0.08).contains(&longest), "{longest}");
    assert_eq!(outcome.fleets[0].meter.processed, 25 * 600);
}

/// Removed at half of the time, a consumer costs half: its hosts, the leases that it renews, its subscription by shard and hour.
#[test]
fn kds_e1_kcl_5_flk_2_a_removed_consumer_is_not_billed_any_more() {
    let consumers = "  pushed: { reads: kinesis.s, lambda: { via: enhanced_fan_out } }
  workers: { reads: kinesis.s, kcl: { version: 3, workers: 2, host: { ec2: c6g.large }, checkpoint: { every: { interval: 1d } } } }
  old: { reads: kinesis.s, kcl: { version: 2, via: polling, host: { fargate: { vcpu: 1, memory: 2 GiB } } } }
  job: { reads: kinesis.s, flink: { parallelism: 2, poll_interval: 1s, autoscaling: false } }";
    let all = ["pushed", "workers", "old", "job"];
    let event = |name: &str| format!("  {name}: {{ at: 10m, remove: consumers.{name} }}\n");
    let events = format!("events:\n{}", all.map(event).concat());
    let usage = |events: &str| {
        let text = text("40/s", "20m", consumers, &format!("end: stop\n{events}"));
        let (scenario, outcome, result) = run(&text);
        for name in ["workers", "old", "job"] {
            let path = format!("consumers.{name}");
            let account = result.ledger.iter().find(|account| account.path == path).unwrap();
            let left = account.fates.get("after_removal").copied().unwrap_or(0);
            let share = left as f64 / (40.0 * 1_200.0);
            let expected = if events.is_empty() { 0.0 } else { 0.5 };
            assert!((share - expected).abs() < 0.005, "{path}: {share}");
        }
        let usage = streamgauge::report::result::usage::of(&scenario, &[outcome]).expect("usage");
        move |id: &str| -> f64 {
            usage.0.get(id).map_or(0.0, |line| line.quantity.try_into().expect("a number"))
        }
    };
    let (always, half) = (usage(""), usage(&events));
    // Two registered consumers of two shards.
    assert_eq!(always("kds.prov.efo_shard_h"), 2.0 * 2.0 * 730.0);
    for id in [
        "kds.prov.efo_shard_h",
        "ec2.c6g.large_h",
        "fargate.x86.vcpu_h",
        "flink.kpu_h",
        "flink.run_storage_gbmo",
        "ddb.od.wru",
    ] {
        let share = half(id) / always(id);
        let tolerance = if id == "ddb.od.wru" { 0.02 } else { 1e-9 };
        assert!((share - 0.5).abs() < tolerance, "{id}: {share}");
    }
    assert_eq!(half("kds.prov.shard_h"), always("kds.prov.shard_h"), "the stream itself stays");
    // Nobody waits for those who are gone, and nothing can happen to them.
    let steady = text("40/s", "20m", consumers, &events).replace("study: terminating", "study: steady");
    let (_, outcome, result) = run(&steady);
    assert!(outcome.complete && result.overloaded.is_empty(), "{:?}", result.overloaded);
    let late = format!("{events}  late: {{ at: 11m, crash: consumers.workers }}\n");
    let error = support::load(&text("40/s", "20m", consumers, &late)).map(|_| ()).unwrap_err();
    assert!(error.contains("`consumers.workers` has been removed by the event `workers`"), "{error}");
}

/// A third of the time the consumer is down, and else it takes no time: what is written then waits for its end, five minutes on
/// average, and for nothing else than what all others wait for.
#[test]
fn a_record_that_waits_for_the_end_of_an_outage_does_not_wait_for_a_poll() {
    let consumers = "  c: { reads: kinesis.s, polling: { workers: 8 } }";
    let run = |events: &str| run(&text("30/s", "30m", consumers, events)).2;
    let result = run("events:\n  down: { at: 10m, for: 10m, outage: consumers.c }");
    let parts = |result: &streamgauge::report::result::RunResult| {
        let row = result.latency.iter().find(|row| row.path == "consumers.c.latency").expect("a leg");
        row.parts["mean_ms"].clone()
    };
    let down = parts(&result)["outage"].expect("a part");
    let expected = 300e3 / 3.0;
    assert!((down / expected - 1.0).abs() < 0.01, "{down} instead of {expected}");
    let (polling, usual) = (parts(&result)["polling"].expect("it"), parts(&run(""))["polling"].expect("it"));
    // Each shard is read at the first poll after the outage, and a third of all records waits for that one.
    assert!((polling - usual).abs() < 1_000.0 / 3.0, "{polling} instead of {usual}");
    let waits = &result.bottlenecks.iter().find(|row| row.path == "consumers.c").expect("a row").waits;
    assert_eq!(waits[0].resource, "the consumer, which was down");
}
