//! Resharding under load: what readers see of each item, what is lost, and where load goes.

mod support;

use std::sync::Arc;
use streamgauge::engine::time::{HOUR, MINUTE, Nanos, SECOND};
use streamgauge::measure::ordering::Cause;
use streamgauge::pipeline::Pipeline;
use streamgauge::pipeline::finish::Outcome;
use streamgauge::pipeline::wiring::Prepared;
use streamgauge::scenario::checked::{End, Scenario};
use streamgauge::scenario::timeline::{Action, Fault, Occurrence, Part};
use streamgauge::systems::kinesis::past::PastShard;
use streamgauge::systems::kinesis::plan::HistoryPlan;
use streamgauge::systems::kinesis::reader::{From, ReaderPlan, WhenTrimmed};
use streamgauge::workload::arrivals::ArrivalPlan;
use streamgauge::workload::keys::KeyPlan;
use streamgauge::workload::producer::{ProducerPlan, Source};

/// Two polling consumers and a delivery stream on a stream of `shards` shards.
fn scenario(shards: u32, duration: Nanos) -> Scenario {
    let mut scenario = support::small(shards, duration);
    scenario.consumers.push(support::consumer("search", 0));
    scenario.deliveries.push(support::firehose("lake", 0));
    scenario
}

/// Runs it, and does `act` at half its span.
fn run(scenario: &Scenario, act: impl FnOnce(&mut Pipeline<true>, Nanos)) -> Outcome {
    let mut pipeline = Pipeline::<true>::new(scenario, &Prepared::new(scenario), 0);
    let half = scenario.duration / 2;
    pipeline.run_until(half);
    act(&mut pipeline, half);
    pipeline.run(scenario, |_| true).expect("a ledger that balances").expect("nobody asked to stop")
}

#[test]
fn kds_s7_every_record_reaches_every_reader_through_splits_and_merges() {
    for target in [4, 3, 2] {
        let scenario = scenario(3, 4 * MINUTE);
        let outcome = run(&scenario, |pipeline, now| {
            pipeline.update_shard_count(now, 0, target).expect("between half and double");
        });
        let replicated = fate(&outcome, "tables.orders.kinesis", "replicated");
        assert!(replicated > 100_000);
        let read =
            (fate(&outcome, "consumers.search", "processed"), fate(&outcome, "firehose.lake", "delivered"));
        assert_eq!(read, (replicated, replicated), "to {target}");
        assert_eq!(outcome.streams[0].lineage.open().len(), target as usize);
    }
}

#[test]
fn kds_s5_puts_of_a_split_shard_go_to_its_children_by_hash_key() {
    let scenario = scenario(1, 4 * MINUTE);
    // A quarter of the hash keys for the lower child.
    let outcome = run(&scenario, |pipeline, now| {
        pipeline.split_shard(now, 0, 0, 1 << 126).expect("inside the range");
    });
    let stream = &outcome.streams[0];
    let [before, after] = [&stream.eras[0], &stream.eras[2]];
    assert_eq!((before.open.as_slice(), after.open.as_slice()), (&[0][..], &[1, 2][..]));
    assert_eq!((before.traffic[0].records > 0, after.traffic[0].records), (true, 0), "the parent is closed");
    let total: u64 = after.traffic.iter().map(|traffic| traffic.records).sum();
    let share = after.traffic[1].records as f64 / total as f64;
    // Of 1,000 items a quarter, within four standard deviations of the binomial, goes there.
    assert!((share - 0.25).abs() < 4.0 * (0.25_f64 * 0.75 / 1_000.0).sqrt(), "{share}");
    assert_eq!((before.to, after.from), (2 * MINUTE, 2 * MINUTE + 5 * SECOND), "a step takes its time");
}

/// The count of one fate of one account.
fn fate(outcome: &Outcome, path: &str, fate: &str) -> u64 {
    let account = outcome.ledger.accounts.iter().find(|account| account.path == path).expect("an account");
    account.fates.iter().find(|(name, _)| *name == fate).map_or(0, |(_, count)| *count)
}

/// One run without anything done by hand.
fn plain(scenario: &Scenario) -> Outcome {
    support::run::<true>(scenario, 0)
}

#[test]
fn kds_s7_a_reader_that_ignores_parents_sees_items_out_of_order_and_one_that_does_not_sees_none() {
    // One hot item, and a reader too slow for the parent: the backlog of the parent is read while the child is.
    let late = |parents_first: bool| {
        let mut scenario = scenario(1, 4 * MINUTE);
        scenario.consumers[0].reader.parents_first = parents_first;
        scenario.consumers[0].batch_size = 400;
        scenario.consumers[0].per_record = 1_900_000;
        scenario.consumers[0].workers = 2;
        let outcome = run(&scenario, |pipeline, now| {
            pipeline.split_shard(now, 0, 0, 1 << 127).expect("inside the range");
        });
        assert!(fate(&outcome, "consumers.search", "processed") > 100_000);
        assert_eq!(
            outcome.tables[0].feed.as_ref().expect("a feed").ordering.late(),
            0,
            "the stream is in order"
        );
        let processed = outcome.consumers[0].processed.as_ref();
        processed.map(|it| (it.ordering.late(), it.ordering.out_of_order[Cause::Resharding as usize]))
    };
    let (all, by_resharding) = late(false).expect("measured");
    assert!(all > 0 && all == by_resharding, "{all} {by_resharding}");
    assert_eq!(late(true), None, "what reads parents first meets the stream's own order");
}

#[test]
fn one_worker_of_ten_thousand_shards_comes_through_an_outage() {
    // The first batches keep the worker until the outage has begun; by then nearly all shards wait for it.
    let mut scenario = support::small(10_000, 10 * SECOND);
    let mut producer: ProducerPlan = support::producer("writer", 0);
    if let Source::Drawn { arrivals, keys, .. } = &mut producer.source {
        *arrivals = ArrivalPlan::poisson(5_000.0).expect("a rate");
        *keys = KeyPlan::uniform(100_000).expect("keys");
    }
    scenario.producers = vec![Arc::new(producer)];
    scenario.items[0].items = 100_000;
    let mut consumer = support::consumer("search", 0);
    consumer.per_batch = 8 * SECOND;
    scenario.consumers.push(consumer);
    scenario.end = End::Stop;
    scenario.timeline.push(Occurrence {
        name: "out".into(),
        at: 8 * SECOND,
        until: Some(HOUR),
        place: "consumers.search".into(),
        what: "stops reading".into(),
        action: Action::Fault(Part::Polling(0), Fault::Outage),
    });
    let outcome = plain(&scenario);
    assert!(outcome.streams[0].lineage.open().len() == 10_000);
    assert!(fate(&outcome, "consumers.search", "waiting") > 20_000);
}

#[test]
fn kds_r8_a_reader_begins_where_it_is_told_to() {
    // 500 records a second; the others begin at half time, with the latest, the oldest, and those of the last 30 s.
    let mut scenario = scenario(2, 2 * MINUTE);
    let positions = [From::Latest, From::TrimHorizon, From::AtTimestamp(30_000_000)];
    for (number, from) in positions.into_iter().enumerate() {
        let mut consumer = support::consumer(&format!("late-{number}"), 0);
        consumer.reader = ReaderPlan { from, starts: MINUTE, ..ReaderPlan::default() };
        scenario.consumers.push(consumer);
    }
    let outcome = plain(&scenario);
    let processed = |name: &str| fate(&outcome, &format!("consumers.{name}"), "processed") as f64;
    let all = processed("search");
    let expected = [0.5, 1.0, 0.75];
    for (number, share) in expected.into_iter().enumerate() {
        let found = processed(&format!("late-{number}")) / all;
        assert!((found - share).abs() < 0.02, "{number}: {found}");
        let passed = fate(&outcome, &format!("consumers.late-{number}"), "before_start") as f64;
        assert!((passed / all - (1.0 - share)).abs() < 0.02);
    }
    assert_eq!(fate(&outcome, "consumers.late-1", "before_start"), 0);
    assert!(outcome.consumers[2].backfill.done.is_some_and(|done| done > MINUTE));
}

#[test]
fn kds_r1_a_history_is_read_at_what_a_shard_gives() {
    // 36,000 records of 1 KiB a shard, far less than 20 h of it: 2 MiB/s take 17.6 s for them, and 10,000 a call at least
    // four calls.
    let mut scenario = scenario(2, 5 * MINUTE);
    let shard = PastShard { records: 36_000, bytes: 1_024 };
    scenario.streams[0].history = Some(HistoryPlan { span: 20 * HOUR, shards: vec![shard; 2] });
    let mut backfill = support::consumer("backfill", 0);
    backfill.reader = ReaderPlan { from: From::TrimHorizon, starts: MINUTE, ..ReaderPlan::default() };
    scenario.consumers.push(backfill);
    let outcome = plain(&scenario);
    let live = fate(&outcome, "consumers.search", "processed");
    assert_eq!(
        fate(&outcome, "consumers.search", "before_start"),
        72_000,
        "the live reader starts with the latest"
    );
    assert_eq!(fate(&outcome, "consumers.backfill", "processed"), live + 72_000);
    let done = outcome.consumers[1].backfill.done.expect("it caught up") - MINUTE;
    // 35 MiB and a minute of 250 records of about 1 KB a second at 2 MiB/s, less the bucket and the last call's debt.
    let bytes = 36_000 * 1_024 + 60 * 250 * 1_000;
    let shortest = (bytes - 2 * 1_048_576 - 10 * 1_048_576) * SECOND / (2 * 1_048_576);
    assert!(done > shortest && done < 3 * shortest, "{done} against {shortest}");
}

/// A record every 20 s for two days and a half, and a consumer that is out for the 30 hours in the middle.
fn out_for_30_hours(when_trimmed: WhenTrimmed) -> Outcome {
    let mut scenario = scenario(1, 60 * HOUR);
    let mut producer: ProducerPlan = support::producer("writer", 0);
    if let Source::Drawn { arrivals, .. } = &mut producer.source {
        *arrivals = ArrivalPlan::poisson(0.05).expect("a rate");
    }
    scenario.producers = vec![Arc::new(producer)];
    scenario.consumers[0].reader.when_trimmed = when_trimmed;
    scenario.timeline.push(Occurrence {
        name: "out".into(),
        at: 12 * HOUR,
        until: Some(42 * HOUR),
        place: "consumers.search".into(),
        what: "stops reading".into(),
        action: Action::Fault(Part::Polling(0), Fault::Outage),
    });
    plain(&scenario)
}

#[test]
fn kds_s1_when_retention_has_passed_a_reader_it_skips_sticks_or_begins_again() {
    // 180 records an hour. After 30 h with 24 h of retention 6 h are gone. Who skips reads the rest; who is stuck reads
    // nothing more: of the last 42 h, 24 h are left at the end and 18 h have expired; who begins again misses 24 h.
    let hours = |outcome: &Outcome, name: &str| fate(outcome, "consumers.search", name) as f64 / 180.0;
    let near = |found: f64, expected: f64| {
        // Four standard deviations of a Poisson count.
        assert!(
            (found - expected).abs() < 4.0 * (expected / 180.0).sqrt() + 0.1,
            "{found} h, not {expected} h"
        );
    };
    let skip = out_for_30_hours(WhenTrimmed::Skip);
    near(hours(&skip, "expired"), 6.0);
    near(hours(&skip, "processed"), 54.0);
    let stick = out_for_30_hours(WhenTrimmed::Stick);
    near(hours(&stick, "processed"), 12.0);
    near(hours(&stick, "expired"), 24.0);
    near(hours(&stick, "waiting"), 24.0);
    assert_eq!(stick.consumers[0].stuck_shards, 1);
    let restart = out_for_30_hours(WhenTrimmed::Restart);
    near(hours(&restart, "expired"), 6.0);
    near(hours(&restart, "skipped"), 24.0);
    near(hours(&restart, "processed"), 30.0);
}

#[test]
fn kds_r1_refused_readers_wait_a_jittered_while_and_none_starves() {
    // Six readers of one shard, once a second each, against five calls a second: whoever is refused must not be so for ever.
    let mut scenario = support::small(1, 5 * MINUTE);
    let mut producer: ProducerPlan = support::producer("writer", 0);
    if let Source::Drawn { arrivals, .. } = &mut producer.source {
        *arrivals = ArrivalPlan::poisson(50.0).expect("a rate");
    }
    scenario.producers = vec![Arc::new(producer)];
    for number in 0..6 {
        scenario.consumers.push(support::consumer(&format!("reader-{number}"), 0));
    }
    let outcome = plain(&scenario);
    let ages: Vec<u64> = outcome
        .consumers
        .iter()
        .map(|consumer| consumer.latency.histogram().quantile(1.0).expect("records") as u64)
        .collect();
    assert!(ages.iter().all(|worst| *worst < 10_000_000), "{ages:?}");
    assert!(outcome.consumers.iter().any(|consumer| consumer.reads.refused_calls > 0));
}

#[test]
fn kds_s3_only_kinesis_streams_count_towards_the_accounts_shards() {
    // Two shards of the account's four become four. A table's stream has shards that DynamoDB owns, and what producers put
    // straight into a delivery stream lies in no shard at all.
    let text = "
name: quota
study: terminating
duration: 2m
account: { kinesis: { shards: 4 } }
workload:
  clicks: { writes_to: firehose.lake, arrivals: { constant: { rate: 5/s } }, keys: { uniform: { items: 9 } }, record: { size: 1 KiB }, client: { sdk: { call: put_record } } }
tables:
  t: { capacity: { on_demand: {} }, streams: { view: keys_only } }
kinesis:
  s: { capacity: { provisioned: { shards: 2 } } }
firehose:
  lake: { direct_put: {}, to: { s3: {} } }
events:
  wider: { at: 10s, set: { kinesis.s.capacity.provisioned.shards: 4 } }
";
    let outcome = support::run::<true>(&support::scenario(text, &[]), 0);
    assert_eq!(outcome.streams[0].lineage.open().len(), 4);
}
