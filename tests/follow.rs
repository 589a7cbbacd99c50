//! Following one write: what is seen of it adds up to what the run measures and bills, and watching changes nothing.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use streamgauge::engine::time::{MICROSECOND, SECOND};
use streamgauge::pipeline::Pipeline;
use streamgauge::pipeline::follow::arrival::Choice;
use streamgauge::pipeline::follow::slowest::Leg;
use streamgauge::pipeline::follow::{Happening, Observer, Step, Trail};
use streamgauge::pipeline::wiring::Prepared;
use streamgauge::pricing::PriceBook;
use streamgauge::report::follow::{Followed, terminal};
use streamgauge::scenario::checked::Scenario;

#[path = "support/following.rs"]
mod following;
mod support;

use following::{slowest, tally, trail};

/// A table with its own stream and a feed, and readers of every kind there is; `more` goes on in the file.
fn text(rate: &str, duration: &str, more: &str) -> String {
    format!(
        "\
name: small
study: terminating
seed: 5
duration: {duration}
workload:
  writer:
    writes_to: tables.orders
    arrivals: {{ poisson: {{ rate: {rate} }} }}
    keys: {{ uniform: {{ items: 50 }} }}
    item: {{ size: 700 B }}
    client: {{ retries: standard_2026 }}
tables:
  orders:
    capacity: {{ provisioned: {{ write_units: 4000 }} }}
    streams: {{ view: new_image }}
    kinesis: {{ stream: changes, replication: {{ reorder: 5%, duplicates: 10% }} }}
kinesis:
  changes: {{ capacity: {{ provisioned: {{ shards: 3 }} }} }}
consumers:
  search: {{ reads: kinesis.changes, polling: {{ per_batch: 20ms, per_record: 1ms }} }}
  audit: {{ reads: tables.orders.streams, polling: {{}} }}
  polled: {{ reads: kinesis.changes, lambda: {{ via: shared, batch_size: 10, batch_window: 1s, duration: {{ base: 30ms }} }} }}
  pushed: {{ reads: kinesis.changes, lambda: {{ via: enhanced_fan_out, batch_size: 3, duration: {{ base: 400ms }} }} }}
firehose:
  lake: {{ reads: kinesis.changes, buffer: {{ size: 1 MiB, interval: 5s }}, to: {{ s3: {{}} }} }}
athena:
  board: {{ scans: firehose.lake, every: 10s }}
{more}
"
    )
}

/// Looks at everything and keeps nothing.
struct Gaper(u64);

impl Observer for Gaper {
    fn before(&mut self, _: &Pipeline<true>, _: &Happening) {}

    fn after(&mut self, _: &Pipeline<true>, _: &Happening) -> bool {
        self.0 += 1;
        false
    }
}

#[test]
fn watching_changes_nothing() {
    for study in ["terminating", "steady"] {
        let scenario = support::scenario(
            &text("300/s", "20s", "").replace("study: terminating", &format!("study: {study}")),
            &[],
        );
        let mut gaper = Gaper(0);
        let pipeline = Pipeline::<true>::new(&scenario, &Prepared::new(&scenario), 0);
        let watched = pipeline.watched(&scenario, &mut gaper, |_| true).expect("a run").expect("an end");
        let outcome = support::run::<true>(&scenario, 0);
        assert_eq!(watched.counts(), outcome.events);
        assert_eq!(watched.fingerprint(), outcome.fingerprint);
        assert_eq!(gaper.0, outcome.events.total());
    }
}

/// The waits before a step and the steps before it, back to the write, for the original change.
fn waited_until(trail: &Trail, place: &str, streams: &[&str]) -> u64 {
    let mut places = vec!["workload.writer", "tables.orders"];
    places.extend(streams);
    places.push(place);
    let on_the_way = |step: &&Step| places.contains(&step.place.as_str()) && !step.copy;
    trail.steps.iter().filter(on_the_way).flat_map(|step| &step.waits).map(|wait| wait.nanos).sum()
}

#[test]
fn waits_add_up_to_the_time_that_the_write_took_to_each_of_its_ends() {
    let scenario = support::scenario(&text("60/s", "20s", ""), &[]);
    for number in [1, 2, 100, 350, 700] {
        let trail = trail(&scenario, Choice { number: Some(number), ..Choice::default() });
        let ends: Vec<_> = trail.fates.iter().filter(|fate| !fate.copy).collect();
        assert_eq!(ends.len(), 5, "{ends:?}");
        for fate in ends {
            let streams: &[&str] = match fate.place.as_str() {
                "consumers.audit" => &["tables.orders.streams"],
                _ => &["tables.orders.kinesis", "kinesis.changes"],
            };
            let took = fate.at.expect("an end") - trail.subject.at;
            let waited = waited_until(&trail, &fate.place, streams);
            // Steps are stamped with whole nanoseconds, and what buffers remember with microseconds.
            let steps = trail.steps.len() as u64;
            assert!(
                took.abs_diff(waited) <= steps * MICROSECOND,
                "write {number}: {fate:?}, {waited}\n{trail:#?}"
            );
        }
    }
}

#[test]
fn the_slowest_write_of_a_leg_takes_as_long_as_the_run_measures() {
    let scenario = support::scenario(&text("200/s", "30s", ""), &[]);
    let outcome = support::run::<true>(&scenario, 0);
    let cases = [
        (Leg::Consumer(0), "consumers.search", outcome.consumers[0].latency.histogram().max()),
        (Leg::Consumer(1), "consumers.audit", outcome.consumers[1].latency.histogram().max()),
        (Leg::Lambda(0), "consumers.polled", outcome.lambdas[0].latency.histogram().max()),
        (Leg::Lambda(1), "consumers.pushed", outcome.lambdas[1].latency.histogram().max()),
        (Leg::Delivery(0), "firehose.lake", outcome.deliveries[0].latency.histogram().max()),
    ];
    for (leg, place, longest) in cases {
        let trail = slowest(&scenario, leg);
        let start = trail.subject.at / MICROSECOND;
        let took = trail.fates.iter().filter(|fate| fate.place == place).filter_map(|fate| fate.at);
        let took: Vec<u64> = took.map(|at| at / MICROSECOND - start).collect();
        assert!(took.contains(&longest), "{place}: {longest} is not among {took:?}");
    }
    let longest = outcome.tables[0].feed.as_ref().unwrap().latency.histogram().max();
    let trail = slowest(&scenario, Leg::Feed(0));
    let start = trail.subject.at / MICROSECOND;
    assert!(
        trail
            .steps
            .iter()
            .any(|step| step.place == "kinesis.changes" && step.at / MICROSECOND - start == longest)
    );
}

/// What all writes of a run are charged, each by itself, is what the run uses as a whole.
#[test]
fn shares_of_all_writes_add_up_to_what_the_run_uses() {
    let scenario = support::scenario(&text("15/s", "5s", ""), &[]);
    let outcome = support::run::<true>(&scenario, 0);
    let writes = outcome.producers[0].0.offered;
    let mut sums: BTreeMap<&str, Decimal> = BTreeMap::new();
    let mut copies = 0;
    for number in 1..=writes {
        let trail = trail(&scenario, Choice { number: Some(number), ..Choice::default() });
        copies += trail.fates.iter().filter(|fate| fate.copy && fate.place == "firehose.lake").count() as u64;
        for charge in trail.steps.iter().flat_map(|step| &step.charges) {
            *sums.entry(charge.id).or_default() += charge.quantity;
        }
    }
    let feed = &outcome.tables[0].feed.as_ref().unwrap().meter;
    assert!(copies > 0 && copies == feed.copies, "{copies}");
    let invocations: u64 = outcome.lambdas.iter().map(|lambda| lambda.meter.invocations).sum();
    let lake = &outcome.deliveries[0];
    let gigabytes = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let expected = [
        ("ddb.cdc.kinesis", feed.units as f64),
        ("kds.prov.put_unit", (writes + copies) as f64),
        ("lambda.req", invocations as f64),
        ("ddb.streams.rru", outcome.consumers[1].reads.polls as f64),
        ("fh.put", gigabytes(lake.meter.billed_bytes)),
        ("s3.put", lake.s3.puts as f64),
        ("s3.std", gigabytes(lake.s3.bytes)),
        ("kds.prov.efo_gb", gigabytes(outcome.lambdas[1].fan_out.unwrap().bytes)),
        ("ddb.prov.wcu_h", writes as f64 / 3_600.0),
    ];
    for (id, used) in expected {
        let sum = sums.get(id).and_then(|sum| sum.to_f64()).unwrap_or(0.0);
        assert!((sum / used - 1.0).abs() < 1e-6, "{id}: {sum} of {used}");
    }
}

/// By hand, at us-east-1 prices of the book: a change data capture unit 0.10 USD a million; a PUT payload unit 0.014 a
/// million; 5 KB of ingestion at 0.029 a GB, 0.1383 for a million; a second of a write unit at 0.00065 an hour, 0.1806.
#[test]
fn a_million_writes_are_priced_by_hand() {
    let scenario = support::scenario(&text("60/s", "20s", ""), &[]);
    let trail = trail(&scenario, Choice { number: Some(30), ..Choice::default() });
    let followed = Followed::new(&scenario, &trail, 0, PriceBook::builtin()).unwrap();
    let of = |id: &str| {
        let costs = followed.steps.iter().filter(|step| !step.second_copy).flat_map(|step| &step.costs);
        costs.filter(|cost| cost.id == id).filter_map(|cost| cost.usd_a_million?.to_f64()).sum::<f64>()
    };
    let by_hand = [
        ("ddb.cdc.kinesis", 0.1),
        ("kds.prov.put_unit", 0.014),
        ("fh.put", 1e6 * 5.0 * 1_024.0 / f64::from(1 << 30) * 0.029),
        ("ddb.prov.wcu_h", 1e6 / 3_600.0 * 0.000_65),
    ];
    for (id, usd) in by_hand {
        assert!((of(id) - usd).abs() < 1e-6, "{id}: {} instead of {usd}", of(id));
    }
    let text = terminal::render(&followed);
    assert!(text.lines().all(|line| line.chars().count() <= terminal::WIDTH), "{text}");
}

#[test]
fn refusals_retries_and_losses_are_steps_too() {
    // One write unit a second: whoever comes later waits for it.
    let tight = text("40/s", "3s", "").replace("write_units: 4000", "write_units: 1, burst: 1s");
    let scenario = support::scenario(&tight, &[]);
    let refused = (1..60).find_map(|number| {
        let trail = trail(&scenario, Choice { number: Some(number), ..Choice::default() });
        let refusals = trail.steps.iter().filter(|step| step.what == "refused: throttled").count();
        (refusals > 0).then_some((trail, refusals))
    });
    let (trail, refusals) = refused.expect("some write finds no room");
    assert!(trail.fates.iter().any(|fate| fate.name == "given_up") || refusals <= 3, "{trail:#?}");

    let poison = "events:\n  bad: { at: 5s, poison: consumers.polled }\n";
    let settings = "duration: { base: 30ms }, retries: 2, on_failure: sqs";
    let bad = text("60/s", "20s", poison)
        .replacen("duration: { base: 30ms }", settings, 1)
        .replace("duplicates: 10%", "duplicates: 0%");
    let scenario = support::scenario(&bad, &[]);
    let given_up = (0..60).find_map(|skip| {
        let trail = following::trail(&scenario, Choice { from: 5 * SECOND, skip, ..Choice::default() });
        trail.fates.iter().any(|fate| fate.name == "on_failure").then_some(trail)
    });
    let trail = given_up.expect("a record that makes the function fail");
    assert!(trail.subject.at >= 5 * SECOND);
    let here = |step: &&Step| step.place == "consumers.polled";
    let whats: Vec<&str> = trail.steps.iter().filter(here).map(|step| step.what.as_str()).collect();
    let invoked = whats.iter().filter(|what| what.starts_with("invoked")).count();
    assert_eq!((invoked, whats.iter().filter(|what| **what == "failed").count()), (3, 2), "{whats:?}");
    let fate = trail.fates.iter().find(|fate| fate.place == "consumers.polled").expect("an end");
    assert_eq!(fate.name, "on_failure");
}

#[test]
fn what_nobody_reads_in_time_expires_before_the_eyes_of_its_follower() {
    let outage = "events:\n  down: { at: 1s, for: 25h, outage: consumers.search }\n";
    let scenario = support::scenario(
        &text("1/s", "26h", outage).replace("study: terminating", "study: terminating\nend: stop"),
        &[],
    );
    let trail = trail(&scenario, Choice { from: 60 * SECOND, ..Choice::default() });
    let fate = trail.fates.iter().find(|fate| fate.place == "consumers.search").expect("an end");
    assert_eq!(fate.name, "expired");
    assert!(fate.at.is_some_and(|at| at >= 25 * 3_600 * SECOND));
}

/// A worker writes its checkpoints before its work and dies over a batch: as many followed writes are lost as the fleet lost.
#[test]
fn a_record_that_a_worker_lost_is_not_said_to_be_processed() {
    let text = "\
name: early
study: terminating
duration: 12s
workload:
  writer: { writes_to: tables.t, arrivals: { constant: { rate: 20/s } }, keys: { uniform: { items: 50 } }, item: { size: 300 B } }
tables:
  t:
    capacity: { provisioned: { write_units: 100 } }
    kinesis: { stream: s, replication: { delay: 50ms, reorder: 0%, duplicates: 0% } }
kinesis:
  s: { capacity: { provisioned: { shards: 1 } } }
consumers:
  f: { reads: kinesis.s, kcl: { version: 2, via: polling, idle_time: 500ms, max_records: 10, per_record: 60ms, errors: 20%, checkpoint: { order: before } } }
events: { death: { at: 6s, for: 5s, crash: consumers.f } }
";
    let scenario = support::scenario(text, &[]);
    let meter = support::run::<true>(&scenario, 0).fleets.swap_remove(0).meter;
    assert!(meter.lost > 0 && meter.skipped > 0, "{meter:?}");
    let mut fates: BTreeMap<String, u64> = BTreeMap::new();
    for number in 1..=240 {
        let trail = trail(&scenario, Choice { number: Some(number), ..Choice::default() });
        let fate = trail.fates.iter().find(|fate| fate.place == "consumers.f").expect("an end");
        if fate.name == "lost" {
            assert_eq!(fate.at, Some(6 * SECOND), "the worker dies");
        }
        *fates.entry(fate.name.clone()).or_default() += 1;
    }
    let of = |name: &str| fates.get(name).copied().unwrap_or(0);
    assert_eq!((of("processed"), of("lost"), of("skipped")), (meter.processed, meter.lost, meter.skipped));
}

/// Changes go through a pipe into a queue, and from there to a function.
fn queued(queue: &str, function: &str) -> Scenario {
    let text = format!(
        "\
name: queued
study: terminating
seed: 3
duration: 10s
workload:
  writer: {{ writes_to: tables.t, arrivals: {{ poisson: {{ rate: 8/s }} }}, keys: {{ uniform: {{ items: 5 }} }}, item: {{ size: 400 B }} }}
tables:
  t: {{ capacity: {{ provisioned: {{ write_units: 100 }} }}, kinesis: {{ stream: s, replication: {{ reorder: 0%, duplicates: 20% }} }} }}
kinesis:
  s: {{ capacity: {{ provisioned: {{ shards: 2 }} }} }}
consumers:
  sender: {{ reads: kinesis.s, pipe: {{ to: sqs.q }} }}
  f: {{ reads: sqs.q, lambda: {{ {function} }} }}
sqs:
  q: {{ {queue} }}
"
    );
    support::scenario(&text, &[])
}

/// Fates of all writes and their copies in the queue, and what they are charged.
fn in_queue(scenario: &Scenario) -> (BTreeMap<String, u64>, BTreeMap<&'static str, f64>) {
    let writes = support::run::<true>(scenario, 0).producers[0].0.offered;
    let trails =
        (1..=writes).map(|number| trail(scenario, Choice { number: Some(number), ..Choice::default() }));
    let (fates, charges) = tally(trails);
    let of_queue = fates.into_iter().filter(|((place, _), _)| place == "sqs.q");
    (of_queue.map(|((_, name), count)| (name, count)).collect(), charges)
}

#[test]
fn a_write_is_followed_through_a_queue_to_the_function_that_reads_it() {
    let scenario = queued("", "batch_window: 1s, duration: { base: 200ms, per_record: 5ms }");
    let outcome = support::run::<true>(&scenario, 0);
    for number in [1, 17, 40] {
        let trail = trail(&scenario, Choice { number: Some(number), ..Choice::default() });
        let fate = trail.fates.iter().find(|it| it.place == "sqs.q" && !it.copy).expect("an end");
        assert_eq!(fate.name, "processed");
        let waited = trail.steps.iter().filter(|step| !step.copy).flat_map(|step| &step.waits);
        let waited = waited.map(|wait| wait.nanos).sum::<u64>();
        let took = fate.at.expect("it has ended") - trail.subject.at;
        assert!(
            took.abs_diff(waited) <= trail.steps.len() as u64 * MICROSECOND,
            "{took} {waited}\n{trail:#?}"
        );
        let places: Vec<&str> = trail.steps.iter().map(|step| step.place.as_str()).collect();
        let at = |place: &str| places.iter().position(|it| *it == place).expect("it comes there");
        assert!(at("consumers.sender") < at("sqs.q") && at("sqs.q") < at("consumers.f"), "{places:?}");
    }
    // What all writes are charged is what the run uses, apart from receives that find nothing.
    let (fates, charges) = in_queue(&scenario);
    let meter = &outcome.queues[0].queue;
    assert_eq!(fates, BTreeMap::from([("processed".to_owned(), meter.deleted)]));
    let requests = meter.sends.iter().chain(&meter.receives).sum::<u64>();
    let invocations = outcome.queues[0].function.as_ref().expect("a function").invocations;
    for (id, used) in [("sqs.std", requests), ("lambda.req", invocations)] {
        let charged = charges[id];
        assert!((charged / used as f64 - 1.0).abs() < 1e-6, "{id}: {charged} of {used}");
    }
}

#[test]
fn what_a_queue_drops_or_sets_aside_is_what_its_followers_see() {
    let scenario = queued("max_receive_count: 1", "duration: { base: 20ms }, errors: { rate: 20% }");
    let meter = support::run::<true>(&scenario, 0).queues.swap_remove(0).queue;
    assert!(meter.dead > 0);
    let of = |fates: &BTreeMap<String, u64>, name: &str| fates.get(name).copied().unwrap_or(0);
    let (fates, _) = in_queue(&scenario);
    assert_eq!((of(&fates, "processed"), of(&fates, "dead_letter")), (meter.deleted, meter.dead));
    // Second copies of a change that come within five minutes (SQS-6).
    let scenario = queued("fifo: {}", "duration: { base: 20ms }");
    let meter = support::run::<true>(&scenario, 0).queues.swap_remove(0).queue;
    assert!(meter.deduplicated > 0);
    let (fates, _) = in_queue(&scenario);
    assert_eq!((of(&fates, "processed"), of(&fates, "deduplicated")), (meter.deleted, meter.deduplicated));
}
