//! Load above a limit: what a steady study finds when there is no steady state.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::flow::ReadRow;
use super::leg::{Place, Sample, legs};
use super::waits;
use crate::engine::time::Nanos;
use crate::pipeline::backlog::Backlog;
use crate::pipeline::finish::Outcome;
use crate::report::number::{mean, rounded};
use crate::report::words;
use crate::report::words::plural;
use crate::scenario::checked::{Scenario, Study};
use crate::scenario::load_check::{LoadCheck, LoadRow};
use crate::scenario::path::resource;
use crate::systems::dynamodb::throttle::ThrottleLimit;
use crate::systems::firehose::FirehosePlan;
use crate::systems::fleet::{ControlPlan, FleetPlan};
use crate::systems::kinesis::get_records::ReadMeter;
use crate::systems::lambda::concurrency::Throttled;
use crate::systems::sink::SinkPlan;
use crate::units::Bytes;

/// A limit that the load is above.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Overload {
    /// Where it backs up, such as `tables.orders.kinesis`.
    pub path: String,
    /// The limit, such as `kinesis.changes shard 3: 1,000 records/s`.
    pub limit: String,
    /// Records by which the backlog grows each second; null where refused writes are given up instead, and where saved units
    /// still bridge what the load is above the limit.
    pub growth_per_s: Option<f64>,
    /// Replications in which it does.
    pub replications: u32,
}

impl Overload {
    /// It in words; `all` is the number of replications.
    pub fn sentence(&self, all: u32) -> String {
        let Self { path, limit, growth_per_s, replications } = self;
        let when = if *replications == all {
            String::new()
        } else {
            format!(" in {replications} of {all} replications")
        };
        match growth_per_s {
            Some(growth) => {
                format!(
                    "overloaded: {limit}; what waits at {path} grows by {} records/s{when}.",
                    words::number(*growth)
                )
            }
            None => format!("overloaded: {limit}; {path} asks for more{when}."),
        }
    }
}

/// What any of them means for the figures.
pub const CONSEQUENCE: &str = "There is no steady state: latencies that depend on it are withheld, and losses, refusals and the bill \
     depend on how long the run is.";

/// A backlog that grows by less than this share of what comes in is not told from chance.
const GROWTH_SHARE_MIN: f64 = 0.01;
/// Growth between two quarters of the span, in standard deviations of the samples of the first of them. A
/// straight rise from nothing has 6.9; samples of a steady backlog have one time in a thousand more than this.
const GROWTH_DEVIATIONS_MIN: f64 = 3.0;

/// The limits that the load of a steady study is above; empty for other studies. One replication that falls behind is
/// enough: a state that not all of them keep is not steady.
pub fn find(scenario: &Scenario, outcomes: &[Outcome]) -> Vec<(Place, Overload)> {
    if scenario.study != Study::Steady {
        return Vec::new();
    }
    everywhere(scenario, outcomes, &LoadCheck::exceeded(scenario))
}

/// What a terminating study has to say where more comes in than goes on: as long as that lasts, a longer run has greater
/// latencies.
pub fn unsettled(scenario: &Scenario, outcomes: &[Outcome]) -> Vec<String> {
    if scenario.study != Study::Terminating {
        return Vec::new();
    }
    let sentence = |(_, overload): (Place, Overload)| {
        let Overload { path, limit, growth_per_s, .. } = overload;
        let by = growth_per_s.map(|growth| format!(" by {} records/s", words::number(growth)))?;
        Some(format!(
            "What waits at {path} was still growing{by} towards the end ({limit}): latencies from there on depend on the duration \
             of the run, percentiles too."
        ))
    };
    let unknown = vec![None; scenario.tables.len()];
    everywhere(scenario, outcomes, &unknown).into_iter().filter_map(sentence).collect()
}

/// The overloads at all places; `exceeded` has what is known of each table before anything runs.
fn everywhere(
    scenario: &Scenario,
    outcomes: &[Outcome],
    exceeded: &[Option<LoadRow>],
) -> Vec<(Place, Overload)> {
    let writers = (0..scenario.producers.len()).map(Place::Writer);
    let direct = (0..scenario.direct.len()).map(Place::Direct);
    let feeds = (0..scenario.tables.len()).map(Place::Feed);
    let consumers = (0..scenario.consumers.len()).map(Place::Consumer);
    let deliveries = (0..scenario.deliveries.len()).map(Place::Delivery);
    let lambdas = (0..scenario.lambdas.len()).map(Place::Lambda);
    let queues = (0..scenario.queues.len()).map(Place::Queue);
    let fleets = (0..scenario.fleets.len()).map(Place::Fleet);
    let readers = consumers.chain(lambdas).chain(queues).chain(fleets);
    let places = writers.chain(direct).chain(feeds).chain(readers).chain(deliveries);
    places.filter_map(|place| Some((place, at(scenario, outcomes, exceeded, place)?))).collect()
}

/// The overload at one place, if there is one.
fn at(
    scenario: &Scenario,
    outcomes: &[Outcome],
    exceeded: &[Option<LoadRow>],
    place: Place,
) -> Option<Overload> {
    let growths: Vec<Option<f64>> = outcomes.iter().map(|outcome| growth(scenario, outcome, place)).collect();
    let mut replications = growths.iter().flatten().count() as u32;
    if let Place::Writer(number) = place {
        let table = scenario.producers[number].table;
        // Saved units hide for a while that there are too few: nothing needs to have been refused.
        let above = |outcome: &&Outcome| {
            exceeded[table].is_some() || offered_above_capacity(scenario, outcome, table)
        };
        replications = replications.max(outcomes.iter().filter(above).count() as u32);
    }
    if replications == 0 {
        return None;
    }
    let (path, limit) = describe(scenario, outcomes, exceeded, place);
    Some(Overload { path, limit, growth_per_s: mean(growths).and_then(rounded), replications })
}

/// Where it backs up at a place, and the limit behind that.
fn describe(
    scenario: &Scenario,
    outcomes: &[Outcome],
    exceeded: &[Option<LoadRow>],
    place: Place,
) -> (String, String) {
    match place {
        Place::Writer(number) => {
            let plan = &scenario.producers[number];
            let table = &scenario.tables[plan.table];
            let limit = match &exceeded[plan.table] {
                Some(row) => exceeded_limit(row),
                None => table_limit(outcomes, plan.table),
            };
            (resource("workload", &plan.name), format!("{}: {limit}", resource("tables", &table.name)))
        }
        Place::Direct(number) => direct(scenario, outcomes, number),
        Place::Feed(number) => {
            let plan = &scenario.tables[number];
            let path = format!("{}.kinesis", resource("tables", &plan.name));
            let stream = plan.replication.as_ref().map(|feed| feed.stream);
            let limit = stream.and_then(|stream| shard_limit(scenario, outcomes, stream));
            (path.clone(), limit.unwrap_or(path))
        }
        // Nothing holds a change up on its way into a table's stream (DDS-7).
        Place::Streams(number) => {
            let path = format!("{}.streams", resource("tables", &scenario.tables[number].name));
            (path.clone(), path)
        }
        Place::Consumer(number) => {
            let plan = &scenario.consumers[number];
            let reads = outcomes.iter().map(|outcome| &outcome.consumers[number].reads);
            let path = resource("consumers", &plan.name);
            let limit = read_limit(scenario, outcomes, place, plan.stream, reads)
                .or_else(|| sink_limit(outcomes, place, &path, plan.sink.as_ref()))
                .unwrap_or_else(|| format!("{path}: {}", plural(u64::from(plan.workers), "worker")));
            (path, limit)
        }
        Place::Lambda(number) => lambda(scenario, outcomes, number),
        Place::Queue(number) => {
            let plan = &scenario.queues[number];
            let path = resource("sqs", &plan.name);
            let limit = match &plan.consumer {
                None => format!("{path}: nobody reads it"),
                Some(consumer) if consumer.function.reserved == Some(0) => {
                    format!("{}: 0 executions reserved", resource("consumers", &consumer.name))
                }
                Some(consumer) => format!("{}: batches at once", resource("consumers", &consumer.name)),
            };
            (path, limit)
        }
        Place::Fleet(number) => {
            let plan = &scenario.fleets[number];
            let reads = outcomes.iter().map(|outcome| &outcome.fleets[number].reads);
            let path = resource("consumers", &plan.name);
            let limit = read_limit(scenario, outcomes, place, plan.stream, reads)
                .or_else(|| sink_limit(outcomes, place, &path, plan.sink.as_ref()))
                .unwrap_or_else(|| format!("{path}: {}", processors(scenario, plan)));
            (path, limit)
        }
        Place::Delivery(number) => delivery(scenario, outcomes, number),
    }
}

/// What a fleet works with.
fn processors(scenario: &Scenario, plan: &FleetPlan) -> String {
    let shards = scenario.streams.get(plan.stream).map_or(u32::MAX, |stream| stream.shards);
    match &plan.control {
        ControlPlan::Flink(job) if !job.keyed && shards < job.parallelism => {
            format!("{shards} of {} subtasks have shards", job.parallelism)
        }
        ControlPlan::Flink(_) => plural(u64::from(plan.workers), "KPU"),
        ControlPlan::Kcl(_) => plural(u64::from(plan.workers), "worker"),
    }
}

/// What holds up records that are put straight into a stream.
fn direct(scenario: &Scenario, outcomes: &[Outcome], number: usize) -> (String, String) {
    let plan = &scenario.direct[number];
    let path = resource("workload", &plan.name);
    let limit = shard_limit(scenario, outcomes, plan.stream);
    let quotas = || scenario.direct_put_of_stream(plan.stream).map(|it| format!("{}: its quotas", it.path));
    let own = || format!("{path}: its calls in flight");
    (path.clone(), limit.or_else(quotas).unwrap_or_else(own))
}

/// What holds up the invocations of a function that reads a stream.
fn lambda(scenario: &Scenario, outcomes: &[Outcome], number: usize) -> (String, String) {
    let plan = &scenario.lambdas[number];
    let reads = outcomes.iter().map(|outcome| &outcome.lambdas[number].reads);
    let path = resource("consumers", &plan.name);
    let place = Place::Lambda(number);
    let limit = read_limit(scenario, outcomes, place, plan.stream, reads);
    let sink = || sink_limit(outcomes, place, &path, plan.function.sink.as_ref());
    let own = || concurrency_limit(scenario, outcomes, number).or_else(sink);
    let batches = || format!("{path}: {} a shard", plural(u64::from(plan.mapping.factor), "batch"));
    (path.clone(), limit.or_else(own).unwrap_or_else(batches))
}

/// What holds up a delivery stream.
fn delivery(scenario: &Scenario, outcomes: &[Outcome], number: usize) -> (String, String) {
    let plan = &scenario.deliveries[number];
    let reads = outcomes.iter().map(|outcome| &outcome.deliveries[number].reads);
    let place = Place::Delivery(number);
    let path = plan.path.clone();
    let [transformed, uploaded] =
        ["transformation", "upload"].map(|part| time_at(scenario, outcomes, place, &[part]));
    let own = match plan.transform {
        Some(_) if transformed >= uploaded => format!("{path}: its transforming function"),
        _ => destination_limit(outcomes, plan, number).unwrap_or_else(|| path.clone()),
    };
    let limit = read_limit(scenario, outcomes, place, plan.stream, reads).unwrap_or(own);
    (path, limit)
}

/// What a delivery stream's destination takes no more of.
fn destination_limit(outcomes: &[Outcome], plan: &FirehosePlan, number: usize) -> Option<String> {
    let refused: u64 = outcomes.iter().map(|outcome| outcome.deliveries[number].s3.slow_downs).sum();
    let path = &plan.path;
    match &plan.endpoint {
        Some(endpoint) => {
            let kind = endpoint.kind.name();
            let rate =
                endpoint.bytes_per_second.map(|rate| format!("{path}: {kind} takes {}/s", Bytes::new(rate)));
            rate.or_else(|| {
                endpoint.kind.is_serial().then(|| format!("{path}: {kind} takes one COPY after the other"))
            })
        }
        None if refused > 0 => Some(format!(
            "{path}: S3 takes {} requests/s of a prefix",
            words::count(plan.prefix_limit.per_second)
        )),
        None => None,
    }
}

/// Whether an overload leaves no steady latency at a place: its own backlog does, and so does one before it. Any
/// producer or feed counts as before every reader.
pub fn spoils(overloads: &[(Place, Overload)], place: Place) -> bool {
    overloads.iter().any(|(at, _)| match at {
        Place::Writer(_) => true,
        Place::Feed(_) | Place::Direct(_) => !matches!(place, Place::Writer(_) | Place::Streams(_)),
        // What a sender does not get done never reaches its queues.
        Place::Lambda(_) if matches!(place, Place::Queue(_)) => true,
        Place::Streams(_)
        | Place::Consumer(_)
        | Place::Delivery(_)
        | Place::Lambda(_)
        | Place::Queue(_)
        | Place::Fleet(_) => *at == place,
    })
}

/// By how much the backlog at a place grows a second in one replication, if it does.
fn growth(scenario: &Scenario, outcome: &Outcome, place: Place) -> Option<f64> {
    let in_stream = |stream: usize| outcome.quantities.streams[stream][1];
    let (entered, waiting): (u64, fn(&Backlog, usize) -> u64) = match place {
        Place::Writer(number) => {
            (outcome.producers[number].0.cohort, |backlog, number| backlog.writers[number])
        }
        Place::Direct(number) => {
            (outcome.direct[number].meter.cohort, |backlog, number| backlog.direct[number])
        }
        Place::Feed(number) => {
            let stream = scenario.tables[number].replication.as_ref()?.stream;
            (in_stream(stream), |backlog, number| backlog.feeds[number])
        }
        Place::Streams(_) => return None,
        Place::Consumer(number) => {
            (in_stream(scenario.consumers[number].stream), |backlog, number| backlog.consumers[number])
        }
        Place::Lambda(number) => {
            (in_stream(scenario.lambdas[number].stream), |backlog, number| backlog.lambdas[number])
        }
        Place::Queue(number) => (outcome.queues[number].queue.sent, |backlog, number| backlog.queues[number]),
        Place::Fleet(number) => {
            (in_stream(scenario.fleets[number].stream), |backlog, number| backlog.fleets[number])
        }
        Place::Delivery(number) => (in_stream(scenario.deliveries[number].stream), |backlog, number| {
            backlog.deliveries[number] + backlog.uploads[number]
        }),
    };
    let (Place::Writer(number)
    | Place::Direct(number)
    | Place::Feed(number)
    | Place::Streams(number)
    | Place::Consumer(number)
    | Place::Delivery(number)
    | Place::Lambda(number)
    | Place::Queue(number)
    | Place::Fleet(number)) = place;
    let span = scenario.duration.saturating_sub(scenario.warm_up);
    let samples = outcome.backlogs.iter().map(|backlog| (backlog.at, waiting(backlog, number)));
    rise(samples, scenario.warm_up, span, entered)
}

/// By how much samples (moment, records that wait) rise a second, if they do: their mean in the last quarter of the
/// measured span against the second quarter, half a span earlier, to which none of the last quarter goes back.
fn rise(
    samples: impl Iterator<Item = (Nanos, u64)>,
    warm_up: Nanos,
    span: Nanos,
    entered: u64,
) -> Option<f64> {
    let samples: Vec<(Nanos, u64)> = samples.collect();
    let quarter = |number: u64| -> Vec<f64> {
        let (from, to) = (warm_up + span / 4 * number, warm_up + span / 4 * (number + 1));
        let inside = samples.iter().filter(|(at, _)| *at > from && *at <= to);
        inside.map(|(_, waiting)| *waiting as f64).collect()
    };
    let (early, late) = (quarter(1), quarter(3));
    if early.len() < 2 || late.is_empty() || entered == 0 {
        return None;
    }
    let average = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (before, after) = (average(&early), average(&late));
    let squares: f64 = early.iter().map(|value| (value - before) * (value - before)).sum();
    let deviation = (squares / (early.len() - 1) as f64).sqrt();
    let growth = after - before;
    // What comes and goes, such as an object under way to its bucket, is gone again in some sample.
    let stays = late.iter().all(|waiting| *waiting > before);
    let large = growth > GROWTH_SHARE_MIN * entered as f64 / 2.0;
    let real = stays && large && growth > GROWTH_DEVIATIONS_MIN * deviation;
    real.then(|| growth / (span as f64 / 2e9))
}

/// Whether a table refused writes in one replication that offered more than it has, burst capacity aside. What follows the
/// load is no overload until it does refuse.
fn offered_above_capacity(scenario: &Scenario, outcome: &Outcome, table: usize) -> bool {
    let meter = &outcome.tables[table].meter;
    let writers = scenario.producers.iter().zip(&outcome.producers).filter(|(plan, _)| plan.table == table);
    let offered: u64 = writers
        .map(|(_, (meter, _))| meter.offered - meter.too_large - meter.call_refused - meter.collection_full)
        .sum();
    let units = meter.units as f64 / meter.accepted.max(1) as f64;
    let [taken, ..] = outcome.tables[table].table.throughput().capacity().integrals(outcome.end);
    let capacity = taken as f64 / 1e9;
    meter.throttled > 0 && offered as f64 * units > capacity * (1.0 + GROWTH_SHARE_MIN)
}

const OF_INDEXES: &str = "write capacity of its indexes";
const OF_PARTITION: &str = "1,000 write units/s a partition";

/// The limit of a table that its mean load exceeds most.
fn exceeded_limit(row: &LoadRow) -> String {
    match &*row.limit {
        _ if row.path.contains(".global_secondary_indexes.") => OF_INDEXES.to_owned(),
        "DDB-P1" | "DDB-P8" => OF_PARTITION.to_owned(),
        _ => format!("{} write units/s", words::count(row.allowed as u64)),
    }
}

/// The limit of a table that refused most, as it stood at the end.
fn table_limit(outcomes: &[Outcome], table: usize) -> String {
    let tables = || outcomes.iter().map(|outcome| &outcome.tables[table].table);
    let own =
        |limit: ThrottleLimit| tables().map(|table| table.throughput().throttled.of(limit)).sum::<u64>();
    let most = ThrottleLimit::ALL.into_iter().rev().max_by_key(|limit| own(*limit));
    let units = tables().map(|table| table.throughput().capacity().units_per_second()).max().unwrap_or(0);
    let of_indexes: u64 =
        tables().flat_map(|table| table.indexes()).map(|index| index.throughput.throttled.total()).sum();
    match most {
        Some(limit) if of_indexes > own(limit) => OF_INDEXES.to_owned(),
        Some(ThrottleLimit::KeyRange) if own(ThrottleLimit::KeyRange) > 0 => OF_PARTITION.to_owned(),
        _ => format!("{} write units/s", words::count(units)),
    }
}

/// The limit on reading that refused most of a reader's calls, if that is what holds its records up: at least one call in a
/// hundred was refused, and they wait longer to be read than for all that the reader does with them.
fn read_limit<'a>(
    scenario: &Scenario,
    outcomes: &[Outcome],
    place: Place,
    stream: usize,
    reads: impl Iterator<Item = &'a ReadMeter>,
) -> Option<String> {
    let all = ReadRow::sum(reads);
    let refused = all.refused_calls + all.refused_bytes;
    let calls = all.polls + all.empty_polls + refused;
    let [polling, own] = [&["polling"][..], &OWN].map(|names| time_at(scenario, outcomes, place, names));
    if refused == 0 || refused * 100 < calls || polling <= own {
        return None;
    }
    let plan = scenario.table_of_stream(stream).map(|(_, plan)| plan);
    let limit = match (all.refused_calls >= all.refused_bytes, plan) {
        (true, None) => "5 calls/s".to_owned(),
        (false, None) => "2 MB/s".to_owned(),
        (true, Some(plan)) => format!("{} calls/s", plan.calls_per_second),
        (false, Some(plan)) => format!("{}/s", Bytes::new(plan.bytes_per_second)),
    };
    Some(format!("{} reads: {limit} a shard", scenario.stream_path(stream)))
}

/// Parts of a latency that a reader itself takes, or waits for; a buffer and a window are as long as they were set.
const OWN: [&str; 10] = [
    "queueing",
    "retry",
    "concurrency",
    "cold_start",
    "execution",
    "checkpoint",
    "takeover",
    "outage",
    "transformation",
    "upload",
];

/// The mean time that records spend in these parts of the way to a place, milliseconds; 0 where nothing arrived.
fn time_at(scenario: &Scenario, outcomes: &[Outcome], place: Place, names: &[&str]) -> f64 {
    let Some(leg) = legs(scenario).into_iter().find(|leg| leg.place == place) else { return 0.0 };
    let parts_of = |sample: Sample| -> f64 {
        let parts = leg.parts.iter().zip(&sample.parts_ms);
        parts.filter(|(name, _)| names.contains(name)).map(|(_, time)| time).sum()
    };
    mean(outcomes.iter().map(|outcome| leg.sample(outcome).map(parts_of))).unwrap_or(0.0)
}

/// The limit on executions that holds a function up: its records wait longer for it than for the function to run.
fn concurrency_limit(scenario: &Scenario, outcomes: &[Outcome], number: usize) -> Option<String> {
    if scenario.lambdas[number].function.reserved == Some(0) {
        return Some(format!(
            "{}: 0 executions reserved",
            resource("consumers", &scenario.lambdas[number].name)
        ));
    }
    let place = Place::Lambda(number);
    let [refused, runs] =
        ["concurrency", "execution"].map(|name| time_at(scenario, outcomes, place, &[name]));
    if refused <= runs {
        return None;
    }
    let plan = &scenario.lambdas[number];
    let path = resource("consumers", &plan.name);
    let throttled = |why: Throttled| -> u64 {
        outcomes.iter().map(|outcome| outcome.lambdas[number].meter.throttled[why as usize]).sum()
    };
    let reasons = [Throttled::Requests, Throttled::Scaling, Throttled::Concurrency];
    Some(match (reasons.into_iter().max_by_key(|why| throttled(*why))?, plan.function.reserved) {
        (Throttled::Concurrency, Some(reserved)) => {
            format!("{path}: {} reserved", plural(u64::from(reserved), "execution"))
        }
        (Throttled::Concurrency, None) => {
            format!(
                "the account: {} concurrent executions",
                words::count(scenario.account.concurrency.into())
            )
        }
        (Throttled::Scaling, _) => format!("{path}: new environments"),
        (Throttled::Requests, _) => format!("{path}: requests a second"),
    })
}

/// The limit of the sink of the consumer at this path, if most of its running time waits for that.
fn sink_limit(outcomes: &[Outcome], place: Place, path: &str, sink: Option<&SinkPlan>) -> Option<String> {
    let limit = sink.and_then(SinkPlan::limit)?;
    let waits = waits::share_at_sink(outcomes, place).is_some_and(|share| share > 0.5);
    waits.then(|| format!("{path}.sink: {} records/s", words::number(limit)))
}

/// The shard of a stream that refused most, and the limit that did.
fn shard_limit(scenario: &Scenario, outcomes: &[Outcome], stream: usize) -> Option<String> {
    let loads = &outcomes.first()?.streams[stream].loads;
    let (shard, load) =
        loads.iter().enumerate().max_by_key(|(shard, load)| (load.total.refused, usize::MAX - shard))?;
    if load.total.refused == 0 {
        return None;
    }
    let [records, bytes, _] = load.refused_by_limit;
    let limit = if records >= bytes { "1,000 records/s" } else { "1 MiB/s" };
    Some(format!("{} shard {shard}: {limit}", resource("kinesis", &scenario.streams[stream].name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::SECOND;

    fn grows(waiting: impl Fn(u64) -> u64) -> Option<f64> {
        rise((1..=200).map(|second| (second * SECOND, waiting(second))), 0, 200 * SECOND, 200_000)
    }

    /// 1,000 records/s come in for 200 s.
    #[test]
    fn a_rise_is_told_from_a_sawtooth_and_its_rate_is_named() {
        assert_eq!(grows(|second| 50 * second), Some(50.0));
        assert_eq!(grows(|second| 1_000 * (second % 7)), None);
        assert_eq!(grows(|second| 5_000_u64.saturating_sub(20 * second)), None);
        // Half a percent of what comes in is not told from chance.
        assert_eq!(grows(|second| 4 * second), None);
        // A buffer of a minute is uploaded whole within a second; here that meets a sample of the last quarter alone.
        let upload = |second: u64| if second == 177 { 60_000 } else { 0 };
        assert_eq!(grows(upload), None);
        assert_eq!(grows(|second| 50 * second + upload(second) / 60), Some(50.0 + 1_000.0 / 50.0 / 100.0));
    }
}
