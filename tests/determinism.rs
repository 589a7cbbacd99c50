//! The same scenario and seed give the same run, and what is alike in two scenarios stays alike in their runs.

use std::fmt::Debug;
use std::sync::Arc;
use streamgauge::engine::sampler::Sampler;
use streamgauge::engine::time::{END_OF_TIME, MILLISECOND, SECOND};
use streamgauge::pipeline::Pipeline;
use streamgauge::pipeline::finish::Outcome;
use streamgauge::pipeline::wiring::Prepared;
use streamgauge::retry::{Client, RetryProfile};
use streamgauge::scenario::checked::{End, Scenario};
use streamgauge::systems::dynamodb::replication::{Chance, lognormal};
use streamgauge::systems::dynamodb::throughput::ThroughputPlan;
use streamgauge::workload::keys::KeyPlan;
use streamgauge::workload::producer::Source;

mod support;

/// A pipeline in which chance has a say everywhere: 500 writes a second to a table that takes about 400, some of them
/// twice or late, a shard that is hot, a consumer that is busy, and objects.
fn busy(shards: u32) -> Scenario {
    let mut scenario = support::small(shards, 10 * SECOND);
    let mut writer = support::producer("writer", 0);
    writer.retries = RetryProfile::standard_2026(Client::DynamoDb);
    if let Source::Drawn { keys, .. } = &mut writer.source {
        *keys = KeyPlan::zipfian(1_000, 1.2).expect("keys");
    }
    scenario.producers = vec![Arc::new(writer)];
    scenario.tables[0].throughput = ThroughputPlan::provisioned(600, SECOND);
    let feed = scenario.tables[0].replication.as_mut().expect("a feed");
    feed.delay = lognormal(240 * MILLISECOND, 0.55);
    let chance = || Some(Chance { probability: 0.02, delay: Sampler::Exponential { mean: 5e8 } });
    (feed.disorder, feed.duplicates) = (chance(), chance());
    let mut consumer = support::consumer("reader", 0);
    (consumer.per_batch, consumer.per_record) = (20 * MILLISECOND, MILLISECOND);
    scenario.consumers.push(consumer);
    let mut lake = support::firehose("lake", 0);
    lake.put = lognormal(120 * MILLISECOND, 0.5);
    scenario.deliveries.push(lake);
    scenario
}

/// All that can be seen of a thing, as text.
fn all_of(thing: &impl Debug) -> String {
    format!("{thing:?}")
}

#[test]
fn the_same_seed_gives_the_same_run_to_the_last_figure() {
    let scenario = busy(2);
    let outcome = support::run::<true>(&scenario, 3);
    assert!(outcome.tables[0].meter.throttled > 0 && outcome.deliveries[0].s3.objects > 0);
    assert_eq!(all_of(&outcome), all_of(&support::run::<true>(&scenario, 3)));
}

#[test]
fn another_replication_or_seed_is_another_run() {
    let mut scenario = busy(2);
    let mut prints: Vec<String> = (0..20)
        .map(|replication| support::run::<false>(&scenario, replication).fingerprint.to_string())
        .collect();
    for seed in 2..20 {
        scenario.seed = seed;
        prints.push(support::run::<false>(&scenario, 0).fingerprint.to_string());
    }
    let runs = prints.len();
    prints.sort();
    prints.dedup();
    assert_eq!(prints.len(), runs);
}

#[test]
fn a_run_can_be_stopped_anywhere_and_forked() {
    let scenario = busy(2);
    let whole = support::run::<true>(&scenario, 0);
    let prepared = Prepared::new(&scenario);
    for moment in (0..40).map(|i| i * 377 * MILLISECOND + 1) {
        let mut first = Pipeline::<true>::new(&scenario, &prepared, 0);
        first.run_until(moment);
        assert!(first.now() <= moment);
        let mut fork = first.clone();
        for mut part in [first, {
            fork.run_until(moment + 5);
            fork
        }] {
            part.run_until(END_OF_TIME);
            assert_eq!((part.fingerprint(), part.counts()), (whole.fingerprint, whole.events));
        }
    }
}

#[test]
fn a_run_goes_no_further_than_it_was_asked_to() {
    // Objects complete at known moments; a run until just before one has not seen it.
    let scenario = busy(2);
    let prepared = Prepared::new(&scenario);
    let complete: Vec<u64> =
        support::run::<true>(&scenario, 0).deliveries[0].rows.iter().map(|row| row.complete).collect();
    let mut pipeline = Pipeline::<true>::new(&scenario, &prepared, 0);
    for moment in complete {
        pipeline.run_until(moment - 1);
        assert!(pipeline.now() < moment, "asked for {}, went to {}", moment - 1, pipeline.now());
        pipeline.run_until(moment);
        assert_eq!(pipeline.now(), moment);
    }
}

/// Adds a table with a producer, a stream, a consumer and a delivery stream of its own, before or behind what is there.
fn add_strangers(scenario: &mut Scenario, before: bool) {
    let mut strangers = busy(3);
    strangers.end = scenario.end;
    strangers.tables[0].name = "strangers".into();
    strangers.streams[0].name = "strange-changes".into();
    strangers.consumers[0].name = "strange-reader".into();
    strangers.deliveries[0].name = "strange-lake".into();
    let mut writer = (*strangers.producers[0]).clone();
    writer.name = "stranger".into();
    strangers.producers[0] = Arc::new(writer);
    let (first, second) = if before { (strangers, scenario.clone()) } else { (scenario.clone(), strangers) };
    *scenario = first;
    let (tables, streams) = (scenario.tables.len(), scenario.streams.len());
    for producer in second.producers {
        let mut producer = (*producer).clone();
        producer.table += tables;
        scenario.producers.push(Arc::new(producer));
    }
    for mut table in second.tables {
        table.replication.as_mut().expect("a feed").stream += streams;
        scenario.tables.push(table);
    }
    scenario.items.extend(second.items);
    scenario.streams.extend(second.streams);
    scenario.consumers.extend(second.consumers.into_iter().map(|mut consumer| {
        consumer.stream += streams;
        consumer
    }));
    scenario.deliveries.extend(second.deliveries.into_iter().map(|mut delivery| {
        delivery.stream += streams;
        delivery
    }));
}

#[test]
fn strangers_leave_every_figure_as_it_was() {
    // Stopped at the same moment, so that idle readers have polled equally often.
    let mut alone = busy(2);
    alone.end = End::Stop;
    let expected = support::run::<true>(&alone, 0);
    for before in [false, true] {
        let mut scenario = alone.clone();
        add_strangers(&mut scenario, before);
        let outcome = support::run::<true>(&scenario, 0);
        let at = usize::from(before);
        assert_eq!(all_of(&outcome.producers[at]), all_of(&expected.producers[0]));
        assert_eq!(all_of(&outcome.tables[at]), all_of(&expected.tables[0]));
        assert_eq!(all_of(&outcome.streams[at]), all_of(&expected.streams[0]));
        assert_eq!(all_of(&outcome.consumers[at]), all_of(&expected.consumers[0]));
        assert_eq!(all_of(&outcome.deliveries[at]), all_of(&expected.deliveries[0]));
    }
}

#[test]
fn writes_do_not_depend_on_what_becomes_of_them() {
    // Common random numbers: neither the number of shards, nor how records are read, nor chances of the feed change
    // which writes are offered and what the table makes of them.
    let base = support::run::<true>(&busy(2), 0);
    let writes = |outcome: &Outcome| {
        all_of(&(&outcome.producers, &outcome.tables[0].meter, &outcome.tables[0].series))
    };
    for shards in [1, 3, 40] {
        let other = support::run::<true>(&busy(shards), 0);
        assert_eq!(writes(&other), writes(&base), "{shards} shards");
        assert_ne!(other.fingerprint, base.fingerprint);
    }
    let mut scenario = busy(2);
    scenario.consumers.clear();
    let feed = scenario.tables[0].replication.as_mut().expect("a feed");
    (feed.disorder, feed.duplicates) = (None, None);
    let plain = support::run::<true>(&scenario, 0);
    assert_eq!(writes(&plain), writes(&base));
    // The originals are the same records of the same sizes, copies come on top.
    let feeds = [&plain, &base].map(|outcome| outcome.tables[0].feed.as_ref().expect("a feed"));
    assert!(feeds[1].meter.copies > 0);
    assert_eq!(feeds[0].meter.replicated, feeds[1].meter.replicated - feeds[1].meter.copies);
    assert_eq!(feeds[0].ordering.late(), 0);
}

#[test]
fn the_shard_of_a_record_changes_neither_its_size_nor_its_time() {
    // Far below every limit the stream accepts each record at its first try, on however many shards.
    let outcomes = [1, 7, 40].map(|shards| support::run::<true>(&support::small(shards, 10 * SECOND), 0));
    for outcome in &outcomes {
        assert_eq!(outcome.quantities.streams, outcomes[0].quantities.streams);
        assert_eq!(all_of(&outcome.tables[0].feed), all_of(&outcomes[0].tables[0].feed));
        assert_eq!(all_of(&outcome.streams[0].series), all_of(&outcomes[0].streams[0].series));
    }
}
