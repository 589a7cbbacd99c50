//! The legs of the pipeline whose latency is measured, each from the intended write to one point of the way.

use super::figure::Value;
use crate::engine::histogram::Histogram;
use crate::measure::latency::Latency;
use crate::pipeline::finish::Outcome;
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::scenario::timeline::{Action, Fault, Part};
use crate::systems::fleet::progress::PARTS as PARTS_OF_FLEETS;
use crate::systems::lambda::mapping::{PARTS, PARTS_OF_KINESIS};
use crate::systems::polling::PARTS as PARTS_OF_POLLING;
use crate::systems::sqs::consumer::PARTS as PARTS_OF_QUEUES;

/// The percentiles that results give, with the share of records below.
pub const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)];

/// Names of the parts of a delivery stream's latency; the last one is for those that transform.
pub const PARTS_OF_DELIVERY: [&str; 5] = ["propagation", "polling", "buffering", "upload", "transformation"];

/// Fewer records than this beyond a percentile are too few to tell it by: its relative error is then above a third or
/// so.
const BEYOND_MIN: f64 = 10.0;

/// Where a leg ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the table: a producer's writes, by number of the producer.
    Writer(usize),
    /// At the shard: a direct producer's records, by number of the direct producer.
    Direct(usize),
    /// At the shard: a table's changes, by number of the table.
    Feed(usize),
    /// In a table's DynamoDB stream, by number of the table.
    Streams(usize),
    /// At a consumer, processed.
    Consumer(usize),
    /// In S3, by number of the delivery stream.
    Delivery(usize),
    /// At a function, processed.
    Lambda(usize),
    /// At a function that reads a queue, by number of the queue.
    Queue(usize),
    /// At a fleet's worker, processed.
    Fleet(usize),
}

/// One leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Its path, such as `consumers.search.latency`.
    pub path: String,
    /// Names of the parts that its latencies are made of.
    pub parts: Vec<&'static str>,
    /// Where it ends.
    pub place: Place,
}

/// What one replication says of a leg, in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Records measured.
    pub count: u64,
    /// Their mean.
    pub mean_ms: Option<f64>,
    /// Their percentiles, as [`QUANTILES`] lists them.
    pub quantiles_ms: [Option<f64>; QUANTILES.len()],
    /// The greatest.
    pub max_ms: Option<f64>,
    /// The mean of each part.
    pub parts_ms: Vec<f64>,
    /// The mean of each part over the records near each percentile.
    pub parts_near_ms: [Vec<f64>; QUANTILES.len()],
}

/// All legs of a scenario, in the order of the flow.
pub fn legs(scenario: &Scenario) -> Vec<Leg> {
    let leg = |path: String, parts: &[&'static str], place| Leg { path, parts: parts.to_vec(), place };
    let writers = scenario.producers.iter().enumerate().map(|(number, plan)| {
        leg(format!("{}.latency", resource("workload", &plan.name)), &["retry"], Place::Writer(number))
    });
    let direct = scenario.direct.iter().enumerate().map(|(number, plan)| {
        let parts = &["buffering", "call", "retry"];
        leg(format!("{}.latency", resource("workload", &plan.name)), parts, Place::Direct(number))
    });
    let feeds = scenario.tables.iter().enumerate().filter(|(_, plan)| plan.replication.is_some());
    let feeds = feeds.map(|(number, plan)| {
        let path = format!("{}.kinesis.latency", resource("tables", &plan.name));
        leg(path, &["propagation", "retry"], Place::Feed(number))
    });
    let streams = scenario.tables.iter().enumerate().filter(|(_, plan)| plan.streams.is_some());
    let streams = streams.map(|(number, plan)| {
        let path = format!("{}.streams.latency", resource("tables", &plan.name));
        leg(path, &["propagation", "retry"], Place::Streams(number))
    });
    writers.chain(direct).chain(feeds).chain(streams).chain(readers(scenario)).collect()
}

/// The legs of those who read.
fn readers(scenario: &Scenario) -> impl Iterator<Item = Leg> {
    let of_consumer = |name: &str, parts, place| Leg {
        path: format!("{}.latency", resource("consumers", name)),
        parts,
        place,
    };
    let consumers = scenario.consumers.iter().enumerate().map(move |(number, plan)| {
        // A consumer that never stops has no part for it, and one of a Kinesis stream finds shards at once.
        let stop = |fault| Action::Fault(Part::Polling(number), fault);
        let stops = [stop(Fault::Outage), stop(Fault::LostPermission)];
        let stops = scenario.timeline.iter().any(|it| stops.contains(&it.action));
        let all = if stops { &PARTS_OF_POLLING[..] } else { &PARTS_OF_POLLING[..5] };
        let parts = parts_behind(scenario, plan.stream, all, if stops { all.len() } else { 4 });
        of_consumer(&plan.name, parts, Place::Consumer(number))
    });
    let lambdas = scenario.lambdas.iter().enumerate().map(move |(number, plan)| {
        let parts = parts_behind(scenario, plan.stream, &PARTS, PARTS_OF_KINESIS.len());
        of_consumer(&plan.name, parts, Place::Lambda(number))
    });
    let queues = scenario.queues.iter().enumerate().filter_map(move |(number, plan)| {
        let name = &plan.consumer.as_ref()?.name;
        Some(of_consumer(name, PARTS_OF_QUEUES.to_vec(), Place::Queue(number)))
    });
    let fleets = scenario.fleets.iter().enumerate().map(move |(number, plan)| {
        let parts = parts_behind(scenario, plan.stream, &PARTS_OF_FLEETS, PARTS_OF_FLEETS.len());
        of_consumer(&plan.name, parts, Place::Fleet(number))
    });
    let deliveries = scenario.deliveries.iter().enumerate().map(move |(number, plan)| {
        let all = if plan.transform.is_some() { &PARTS_OF_DELIVERY[..] } else { &PARTS_OF_DELIVERY[..4] };
        let parts = parts_behind(scenario, plan.stream, all, all.len());
        Leg { path: format!("{}.freshness", plan.path), parts, place: Place::Delivery(number) }
    });
    consumers.chain(lambdas).chain(queues).chain(fleets).chain(deliveries)
}

/// The parts of a latency behind a stream: all of them on a table's own stream, `of_kinesis` of them on others. What a record
/// spends before its stream is its replication where a feed brings it, with what the feed tries again.
fn parts_behind(
    scenario: &Scenario,
    stream: usize,
    parts: &[&'static str],
    of_kinesis: usize,
) -> Vec<&'static str> {
    if scenario.table_of_stream(stream).is_some() {
        return parts.to_vec();
    }
    let mut parts = parts[..of_kinesis].to_vec();
    if scenario.has_feed_into(stream) {
        parts[0] = "replication";
    }
    parts
}

impl Leg {
    /// Whether some measured writes had not come to the end of the leg when their replication ended. Of the legs
    /// behind the table it is only known whether all of them were complete.
    pub fn unfinished(&self, outcomes: &[Outcome]) -> bool {
        outcomes.iter().any(|outcome| match self.place {
            Place::Writer(number) => !outcome.complete && outcome.producers[number].0.retrying() > 0,
            _ => !outcome.complete,
        })
    }

    /// What a replication says of it; `None` when it measured nothing there.
    pub fn sample(&self, outcome: &Outcome) -> Option<Sample> {
        match self.place {
            Place::Writer(number) => {
                let (meter, retried) = &outcome.producers[number];
                // A write that was accepted at its first try took no time, unless it has a time of its own.
                Sample::of(retried, meter.first_try_cohort - meter.timed_cohort)
            }
            Place::Direct(number) => Sample::of(&outcome.direct[number].latency, 0),
            Place::Feed(number) => Sample::of(&outcome.tables[number].feed.as_ref()?.latency, 0),
            Place::Streams(number) => Sample::of(&outcome.tables[number].streams.as_ref()?.latency, 0),
            Place::Consumer(number) => Sample::of(&outcome.consumers[number].latency, 0),
            Place::Delivery(number) => Sample::of(&outcome.deliveries[number].latency, 0),
            Place::Lambda(number) => Sample::of(&outcome.lambdas[number].latency, 0),
            Place::Queue(number) => Sample::of(&outcome.queues[number].latency, 0),
            Place::Fleet(number) => Sample::of(&outcome.fleets[number].latency, 0),
        }
    }
}

impl Sample {
    /// The latencies counted, and `instant` further ones of 0.
    fn of<const PARTS: usize>(latency: &Latency<PARTS>, instant: u64) -> Option<Self> {
        let slow = latency.histogram();
        let count = slow.count() + instant;
        if count == 0 {
            return None;
        }
        let diluted = slow.count() as f64 / count as f64;
        let milliseconds = |micros: f64| micros / 1e3;
        let parts = latency.mean_parts().unwrap_or([0.0; PARTS]).map(|part| milliseconds(part * diluted));
        let quantiles = QUANTILES.map(|(_, share)| quantile(slow, instant, share));
        Some(Self {
            count,
            mean_ms: Some(parts.iter().sum()),
            quantiles_ms: quantiles.map(|micros| micros.map(milliseconds)),
            max_ms: Some(milliseconds(slow.max() as f64)),
            parts_ms: parts.to_vec(),
            parts_near_ms: quantiles
                .map(|micros| near(latency, micros).iter().copied().map(milliseconds).collect()),
        })
    }

    /// A percentile, by its place in [`QUANTILES`].
    pub fn quantile(&self, which: usize) -> Value {
        Value { value: self.quantiles_ms[which], sure: sure(self.count, which) }
    }
}

/// Whether this many records tell a percentile.
pub fn sure(count: u64, which: usize) -> bool {
    // The product is rounded to whole thousandths of a record, so that 1,000 records do tell their p99.
    let beyond = count as f64 * (1.0 - QUANTILES[which].1);
    (beyond * 1e3).round() / 1e3 >= BEYOND_MIN
}

/// The percentile of the slow records and `instant` further ones that took no time, in microseconds.
fn quantile(slow: &Histogram, instant: u64, share: f64) -> Option<f64> {
    let rank = share * (slow.count() + instant) as f64 - instant as f64;
    if instant > 0 && rank <= 0.0 {
        return Some(0.0);
    }
    slow.quantile(rank / slow.count() as f64)
}

fn near<const PARTS: usize>(latency: &Latency<PARTS>, micros: Option<f64>) -> [f64; PARTS] {
    let parts = micros.filter(|micros| *micros > 0.0).and_then(|micros| latency.mean_parts_near(micros));
    parts.unwrap_or([0.0; PARTS])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 1,000 writes 980 take no time and 20 take 1 to 20 ms: the p99 is the tenth of those.
    #[test]
    fn first_tries_count_as_no_time() {
        let mut retried = Latency::<1>::default();
        (1..=20).for_each(|milliseconds| retried.record([milliseconds * 1_000]));
        let sample = Sample::of(&retried, 980).unwrap();
        assert_eq!((sample.count, sample.quantiles_ms[0], sample.max_ms), (1_000, Some(0.0), Some(20.0)));
        assert!((sample.mean_ms.unwrap() - 0.21).abs() < 1e-9);
        assert!((sample.quantiles_ms[2].unwrap() - 10.0).abs() < 0.03, "{sample:?}");
        assert_eq!((sample.quantile(2).sure, sample.quantile(3).sure), (true, false));
        assert_eq!(Sample::of(&Latency::<1>::default(), 0), None);
    }
}
