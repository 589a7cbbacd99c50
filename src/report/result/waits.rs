//! What a consumer's records wait for: the share of each resource in the time from the write to the end of processing (Q24).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::latency::LatencyRow;
use super::leg::{Place, legs};
use crate::engine::time::MICROSECOND;
use crate::pipeline::finish::Outcome;
use crate::pipeline::fleet::quantities::FleetOutcome;
use crate::report::number::rounded;
use crate::scenario::checked::Scenario;
use crate::systems::lambda::mapping::LambdaPlan;
use crate::systems::sink::SinkMeter;

/// Time that records spend at one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WaitRow {
    /// The resource, in words.
    pub resource: String,
    /// Mean time, milliseconds.
    pub mean_ms: f64,
    /// Share of the mean latency.
    pub share: f64,
}

/// What the records of one reader wait for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BottleneckRow {
    /// The reader, such as `consumers.search`.
    pub path: String,
    /// Where its records spend their time, the longest first; the shares add up to 1.
    pub waits: Vec<WaitRow>,
}

/// The rows of all readers.
pub fn rows(scenario: &Scenario, outcomes: &[Outcome], latency: &[LatencyRow]) -> Vec<BottleneckRow> {
    let legs = legs(scenario);
    let way = |row: &LatencyRow| match legs.iter().find(|leg| leg.path == row.path).map(|leg| leg.place) {
        Some(Place::Queue(_)) => QUEUE,
        Some(place) if !has_feed(scenario, place) => CLIENT,
        _ => FEED,
    };
    let readers = latency.iter().filter(|row| is_reader(&row.path));
    let row = |leg: &LatencyRow| {
        let path = leg.path.rsplit_once('.').map_or(leg.path.as_str(), |(path, _)| path);
        let place = legs.iter().find(|it| it.path == leg.path).map(|it| it.place);
        let at_sink = place.and_then(|place| share_at_sink(outcomes, place)).unwrap_or(0.0);
        BottleneckRow { path: path.to_owned(), waits: of(leg, way(leg), at_sink) }
    };
    readers.map(row).filter(|row| !row.waits.is_empty()).collect()
}

/// The share of the running time of a consumer in which it waited for its sink to have room: of a function's invocations, or of what
/// its records take with a worker. Nothing where it has no sink.
pub(super) fn share_at_sink(outcomes: &[Outcome], place: Place) -> Option<f64> {
    let of = |outcome: &Outcome| -> Option<[f64; 2]> {
        let waited = |sink: SinkMeter| (sink.waited / MICROSECOND) as f64;
        let ran = |micros: [u64; 2]| micros.iter().sum::<u64>() as f64;
        Some(match place {
            Place::Lambda(number) => {
                let function = &outcome.lambdas[number];
                [waited(function.sink?), ran(function.meter.run_micros)]
            }
            Place::Queue(number) => {
                let queue = &outcome.queues[number];
                [waited(queue.sink?), ran(queue.function.as_ref()?.run_micros)]
            }
            Place::Consumer(number) => {
                let consumer = &outcome.consumers[number];
                [consumer.sink?.of_records[0] as f64, consumer.meter.ran as f64]
            }
            Place::Fleet(number) => of_fleet(&outcome.fleets[number])?,
            _ => return None,
        })
    };
    let all: Option<Vec<[f64; 2]>> = outcomes.iter().map(of).collect();
    let all = all?;
    let [waited, ran] = [0, 1].map(|which| all.iter().map(|one| one[which]).sum::<f64>());
    (ran > 0.0).then(|| (waited / ran).min(1.0))
}

/// The time for which a fleet's records waited for the sink to have room, and all that they took. Those that wait for their
/// subtask wait for what it waits for.
fn of_fleet(fleet: &FleetOutcome) -> Option<[f64; 2]> {
    let ([waited, called], [ran, wrote]) = (fleet.sink?.of_records, fleet.meter.ran);
    let of_calls = if called > 0 { waited as f64 / called as f64 } else { 0.0 };
    Some([wrote as f64 * of_calls, ran as f64])
}

/// Whether a leg ends at a reader of a stream.
fn is_reader(path: &str) -> bool {
    path.starts_with("consumers.") || path.starts_with("firehose.")
}

/// What records pass before they are where their reader takes them from, and how it takes them.
type Before = (&'static str, &'static str);
/// Those of a table's changes, in a stream.
const FEED: Before = ("the change feed", "reading the stream");
/// Those that producers put straight into one.
const CLIENT: Before = ("the producer's client", "reading the stream");
/// Messages of a queue, which a function that reads a stream has sent.
const QUEUE: Before = ("the way into the queue", "receiving from the queue");

/// Whether what a leg's reader reads comes from a table.
fn has_feed(scenario: &Scenario, place: Place) -> bool {
    let stream = match place {
        Place::Consumer(number) => scenario.consumers[number].stream,
        Place::Delivery(number) => scenario.deliveries[number].stream,
        Place::Lambda(number) => scenario.lambdas[number].stream,
        Place::Fleet(number) => scenario.fleets[number].stream,
        Place::Queue(number) => {
            let sends = |plan: &&LambdaPlan| plan.function.sends_to.iter().any(|send| send.queue == number);
            return scenario.lambdas.iter().filter(sends).any(|plan| scenario.has_feed_into(plan.stream));
        }
        Place::Writer(_) | Place::Direct(_) | Place::Feed(_) | Place::Streams(_) => return true,
    };
    scenario.has_feed_into(stream)
}

/// The resource behind a part of a latency; nothing for what is no part of this list.
fn resource(part: &str, (source, reading): Before) -> Option<&'static str> {
    Some(match part {
        "propagation" | "replication" => source,
        "polling" => reading,
        "window" => "the batching window",
        "queueing" => BUSY,
        "retry" => "retries",
        "concurrency" => "the account's concurrency",
        "cold_start" => "cold starts",
        "execution" => PROCESSING,
        "rollover" => "finding the next shard",
        "checkpoint" => "the checkpoint store",
        "buffering" => "the buffer",
        "upload" => "the upload",
        "transformation" => "the transforming function",
        "takeover" => "shards without a worker",
        "outage" => "the consumer, which was down",
        _ => return None,
    })
}

/// Parts that occupy a function's lane: a record that is queued waits for those of earlier batches. Their retries
/// and what they waited for concurrency are told already.
const IN_LANE: [&str; 2] = ["cold_start", "execution"];
/// Parts that occupy a worker of a fleet: what it fetched ahead waits until earlier batches are processed and written down.
const IN_WORKER: [&str; 2] = ["checkpoint", "execution"];
/// What running a function, or a worker's own work, is called.
const PROCESSING: &str = "the processing itself";
/// What earlier records of a busy consumer are called.
const BUSY: &str = "the consumer, busy with earlier records";
/// What a sink that takes no more is called.
const SINK: &str = "the sink, at its limit";

/// What the records of one leg wait for, the longest first; nothing where its parts are not known. The time that records are
/// queued behind earlier batches of a function or of a worker goes to what kept those, in proportion; that behind those of a worker goes to
/// its sink as far as that kept them. `at_sink` is the share of a consumer's running time in which it waited for its sink to have room.
fn of(leg: &LatencyRow, before: Before, at_sink: f64) -> Vec<WaitRow> {
    let Some((parts, mean)) = leg.parts.get("mean_ms").zip(leg.mean_ms.filter(|mean| *mean > 0.0)) else {
        return Vec::new();
    };
    let known = |part: &str| parts.get(part).copied().flatten().unwrap_or(0.0);
    let occupies = if parts.contains_key("checkpoint") { IN_WORKER } else { IN_LANE };
    let lane: f64 = occupies.iter().map(|part| known(part)).sum();
    let batches = parts.contains_key("concurrency") || parts.contains_key("checkpoint");
    let spreads = batches && lane > 0.0;
    let queued = if spreads { known("queueing") } else { 0.0 };
    let row = |(part, value): (&String, &Option<f64>)| {
        let own = match part.as_str() {
            "queueing" if spreads => return None,
            part if occupies.contains(&part) => (*value)? * (1.0 + queued / lane.max(f64::MIN_POSITIVE)),
            _ => (*value)?,
        };
        Some(WaitRow {
            resource: resource(part, before)?.to_owned(),
            mean_ms: rounded(own)?,
            share: rounded(own / mean)?,
        })
    };
    let split = |row: WaitRow| {
        let part = if [PROCESSING, BUSY].contains(&row.resource.as_str()) { at_sink } else { 0.0 };
        let of = |resource: &str, part: f64| WaitRow {
            resource: resource.to_owned(),
            mean_ms: rounded(row.mean_ms * part).unwrap_or(0.0),
            share: rounded(row.share * part).unwrap_or(0.0),
        };
        [of(SINK, part), of(&row.resource, 1.0 - part)]
    };
    let rows = parts.iter().filter_map(row).flat_map(split);
    let mut rows: Vec<WaitRow> = together(rows.filter(|row| row.mean_ms > 0.0));
    rows.sort_by(|a, b| b.share.total_cmp(&a.share));
    rows
}

/// Rows of one resource as one row.
fn together(rows: impl Iterator<Item = WaitRow>) -> Vec<WaitRow> {
    let mut all: Vec<WaitRow> = Vec::new();
    for row in rows {
        match all.iter_mut().find(|other| other.resource == row.resource) {
            Some(other) => {
                other.mean_ms = rounded(other.mean_ms + row.mean_ms).unwrap_or(0.0);
                other.share = rounded(other.share + row.share).unwrap_or(0.0);
            }
            None => all.push(row),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;
    use crate::report::result::leg::PARTS_OF_DELIVERY;
    use crate::scenario::{LoadOptions, load};
    use std::collections::BTreeSet;
    use std::path::Path;

    /// 100 ms in the feed, 300 ms queued, 30 ms for concurrency, 70 ms of running of which half waits for the sink: what is queued
    /// waits for batches that run, as the time that they wait for concurrency is told apart already.
    #[test]
    fn what_is_queued_waits_for_what_keeps_earlier_batches() {
        let mut leg = example::result(1).latency.swap_remove(0);
        let parts = [("propagation", 100.0), ("queueing", 300.0), ("concurrency", 30.0), ("execution", 70.0)];
        let parts = parts.map(|(part, ms)| (part.to_owned(), Some(ms))).into_iter().collect();
        leg.parts = [("mean_ms".to_owned(), parts)].into_iter().collect();
        leg.mean_ms = Some(500.0);
        let shares: Vec<(String, f64)> =
            of(&leg, FEED, 0.5).into_iter().map(|row| (row.resource, row.share)).collect();
        let share = |resource: &str| shares.iter().find(|(it, _)| it == resource).map(|(_, share)| *share);
        assert_eq!(share("the processing itself"), Some(0.37));
        assert_eq!(share(SINK), Some(0.37));
        assert_eq!(share("the account's concurrency"), Some(0.06));
        assert_eq!(share("the change feed"), Some(0.2));
        assert_eq!(shares.len(), 4);
    }

    /// Of a worker's batches each is processed for 20 ms and written down for 60 ms. What it fetched ahead waits 160 ms for such
    /// ones: 120 ms for the checkpoints of two, and 40 ms for their processing.
    #[test]
    fn what_a_worker_fetched_ahead_waits_for_checkpoints_and_for_processing() {
        let mut leg = example::result(1).latency.swap_remove(0);
        let parts = [("propagation", 60.0), ("queueing", 160.0), ("checkpoint", 60.0), ("execution", 20.0)];
        let parts = parts.map(|(part, ms)| (part.to_owned(), Some(ms))).into_iter().collect();
        leg.parts = [("mean_ms".to_owned(), parts)].into_iter().collect();
        leg.mean_ms = Some(300.0);
        let shares: Vec<(String, f64)> =
            of(&leg, FEED, 0.0).into_iter().map(|row| (row.resource, row.mean_ms)).collect();
        let expected = [("the checkpoint store", 180.0), ("the change feed", 60.0), (PROCESSING, 60.0)];
        assert_eq!(shares, expected.map(|(resource, ms)| (resource.to_owned(), ms)));
    }

    /// The bundled scenarios have readers of all kinds, but none of their delivery streams transforms.
    #[test]
    fn every_part_of_every_reader_is_the_time_at_some_resource() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut seen: BTreeSet<&str> = PARTS_OF_DELIVERY.into_iter().collect();
        for file in files.filter(|path| path.extension().is_some_and(|it| it == "yaml")) {
            let loaded = load(&file, &LoadOptions::default()).unwrap_or_else(|errors| panic!("{errors}"));
            let readers = legs(&loaded.base).into_iter().filter(|leg| is_reader(&leg.path));
            seen.extend(readers.flat_map(|leg| leg.parts));
        }
        let kinds = ["takeover", "window", "rollover", "upload", "checkpoint", "retry"];
        assert!(kinds.iter().all(|part| seen.contains(part)), "{seen:?}");
        let none: Vec<&str> = seen.into_iter().filter(|part| resource(part, FEED).is_none()).collect();
        assert!(none.is_empty(), "{none:?}");
    }
}
