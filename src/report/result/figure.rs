//! The figures of a run that have a name: one number a replication. Objectives ask for them, comparisons pair them.

use super::firehose;
use super::leg::{self, Leg, QUANTILES};
use super::ordering;
use crate::engine::histogram::Histogram;
use crate::engine::time::{MICROSECOND, SECOND};
use crate::measure::ordering::Ordering;
use crate::pipeline::finish::{
    DeliveryOutcome, DirectOutcome, FeedOutcome, LambdaOutcome, Outcome, QueueOutcome,
};
use crate::pipeline::{lambda, read, sqs};
use crate::report::number::share;
use crate::scenario::checked::{Scenario, Unit};
use crate::scenario::path::resource;
use crate::systems::athena::QueryMeter;
use crate::systems::kinesis::shard::{WRITE_BYTES_PER_SECOND, WRITE_RECORDS_PER_SECOND};
use crate::units::Duration;

/// A named figure and where it is found in an outcome.
pub struct Figure {
    /// Its path, such as `consumers.search.latency.p99`. Its last word tells the unit: see [`unit()`].
    pub path: String,
    /// Whether it is a greatest value or a count of failures: a single replication then tells something.
    pub extreme: bool,
    of: Box<dyn Fn(&Outcome) -> Value>,
}

/// What one replication says of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// The number; `None` when nothing was there to measure.
    pub value: Option<f64>,
    /// Whether enough records stand behind it.
    pub sure: bool,
}

impl From<Option<f64>> for Value {
    fn from(value: Option<f64>) -> Self {
        Self { value, sure: true }
    }
}

impl Figure {
    pub(super) fn new<V: Into<Value>>(path: String, of: impl Fn(&Outcome) -> V + 'static) -> Self {
        Self { extreme: is_extreme(&path), path, of: Box::new(move |outcome| of(outcome).into()) }
    }

    /// The figure in one replication.
    pub fn value(&self, outcome: &Outcome) -> Value {
        (self.of)(outcome)
    }
}

/// Whether the figure with this path is a greatest value or a count of failures: see [`Figure::extreme`].
pub fn is_extreme(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    ["max", "lost", "given_up", "expired", "throttled", "refused_reads", "wrong_final_states"].contains(&last)
}

/// The path of the bill's total, which no single outcome knows without prices.
pub const COST_MONTH: &str = "cost.month";

/// The unit of the figure with this path.
pub fn unit(path: &str) -> Unit {
    let last = path.rsplit('.').next().unwrap_or(path);
    match last {
        "mean" | "max" => Unit::Milliseconds,
        _ if QUANTILES.iter().any(|(name, _)| *name == last) => Unit::Milliseconds,
        _ if path == COST_MONTH => Unit::Usd,
        "duplicates" | "out_of_order" => Unit::Share,
        _ if last.ends_with("share") => Unit::Share,
        _ => Unit::Count,
    }
}

/// The paths of all figures that objectives on this scenario can ask for, with their units.
pub fn paths(scenario: &Scenario) -> Vec<(String, Unit)> {
    let paths = figures(scenario).into_iter().map(|figure| figure.path);
    paths.chain([COST_MONTH.to_owned()]).map(|path| (path.clone(), unit(&path))).collect()
}

/// All figures of a scenario except its cost, in the order of the flow.
pub fn figures(scenario: &Scenario) -> Vec<Figure> {
    let mut all = totals();
    for (number, plan) in scenario.producers.iter().enumerate() {
        writer_figures(&resource("workload", &plan.name), number, &mut all);
    }
    for (number, plan) in scenario.direct.iter().enumerate() {
        direct_figures(&resource("workload", &plan.name), number, &mut all);
    }
    for (number, plan) in scenario.tables.iter().enumerate() {
        let path = resource("tables", &plan.name);
        all.push(Figure::new(format!("{path}.throttled"), move |outcome| {
            Some(outcome.tables[number].meter.throttled as f64)
        }));
        if plan.replication.is_some() {
            feed_figures(&format!("{path}.kinesis"), number, &mut all);
        }
    }
    stream_figures(scenario, &mut all);
    for (number, plan) in scenario.consumers.iter().enumerate() {
        polling_figures(&resource("consumers", &plan.name), number, &mut all);
    }
    for (number, plan) in scenario.lambdas.iter().enumerate() {
        lambda_figures(&resource("consumers", &plan.name), number, &mut all);
    }
    super::processed::figures(scenario, &mut all);
    super::reads::figures(scenario, &mut all);
    super::stalls::figures(scenario, &mut all);
    ordering::figures(scenario, &mut all);
    for (number, plan) in scenario.queues.iter().enumerate() {
        queue_figures(&resource("sqs", &plan.name), number, &mut all);
    }
    (0..scenario.fleets.len()).for_each(|number| super::fleet::figures(scenario, number, &mut all));
    for (number, plan) in scenario.deliveries.iter().enumerate() {
        delivery_figures(&plan.path, number, &mut all);
        if plan.partitioning.is_some() {
            partition_figures(&plan.path, number, &mut all);
        }
        firehose::figures(plan, number, &mut all);
    }
    for (number, plan) in scenario.queries.iter().enumerate() {
        query_figures(&resource("athena", &plan.name), number, &mut all);
    }
    for leg in leg::legs(scenario) {
        leg_figures(leg, &mut all);
    }
    all
}

fn stream_figures(scenario: &Scenario, all: &mut Vec<Figure>) {
    let paths = || scenario.streams.iter().map(|plan| resource("kinesis", &plan.name)).enumerate();
    all.extend(paths().map(|(number, path)| {
        Figure::new(format!("{path}.busiest_second_share"), move |outcome| {
            let loads = outcome.streams[number].loads.iter();
            loads.map(|load| load.utilisation_max()).reduce(f64::max)
        })
    }));
    all.extend(paths().map(|(number, path)| {
        Figure::new(format!("{path}.utilisation_share"), move |outcome| utilisation(outcome, number))
    }));
}

fn polling_figures(path: &str, number: usize, all: &mut Vec<Figure>) {
    all.push(Figure::new(format!("{path}.iterator_age.max"), move |outcome| {
        let bins = outcome.consumers[number].series.bins();
        bins.iter().map(|bin| bin[read::column::ITERATOR_AGE]).max().map(|micros| micros as f64 / 1e3)
    }));
}

/// What share of the limits of its open shards a stream's writes took in the measured span, on the average: of records or of
/// bytes, whichever is greater (KDS-W1, KDS-W2). A PUT payload unit is a record, or is less than its bytes take.
fn utilisation(outcome: &Outcome, stream: usize) -> Option<f64> {
    let used = &outcome.quantities;
    let [units, _, bytes] = *used.streams.get(stream)?;
    let bytes = bytes - used.on_demand.get(stream).map_or(0, |used| used.bytes);
    let shard_seconds = *used.shard_nanos.get(stream)? as f64 / SECOND as f64;
    let of = |part: u64, limit: u64| part as f64 / (shard_seconds * limit as f64);
    let share = of(units, WRITE_RECORDS_PER_SECOND).max(of(bytes, WRITE_BYTES_PER_SECOND));
    (shard_seconds > 0.0).then_some(share)
}

/// Figures of the pipeline as a whole.
fn totals() -> Vec<Figure> {
    fn feeds(outcome: &Outcome) -> impl Iterator<Item = &FeedOutcome> {
        outcome.tables.iter().filter_map(|table| table.feed.as_ref())
    }
    fn orders(outcome: &Outcome) -> impl Iterator<Item = &Ordering> {
        let direct = outcome.direct.iter().map(|direct| &direct.ordering);
        let streams = outcome.tables.iter().filter_map(|table| table.streams.as_ref());
        let streams = streams.map(|own| &own.ordering);
        feeds(outcome).map(|feed| &feed.ordering).chain(streams).chain(direct)
    }
    let looked_at = |outcome: &Outcome| orders(outcome).map(|order| order.records).sum();
    vec![
        Figure::new("lost".into(), |outcome| Some(outcome.ledger.lost() as f64)),
        // Writes that tables refused and puts that shards refused, each try counted.
        Figure::new("throttled".into(), |outcome| {
            let writes: u64 = outcome.tables.iter().map(|table| table.meter.throttled).sum();
            let puts: u64 = feeds(outcome).map(|feed| feed.meter.throttled).sum();
            let direct: u64 = outcome.direct.iter().flat_map(|direct| direct.meter.refused).sum();
            Some((writes + puts + direct) as f64)
        }),
        // What arrives twice, or out of order, in the streams, or at the worst consumer, where that is more.
        Figure::new("duplicates".into(), move |outcome| {
            let streams = share(orders(outcome).map(|order| order.duplicates).sum(), looked_at(outcome));
            worse(streams, ordering::worst_share(outcome, |order| order.duplicates))
        }),
        Figure::new("out_of_order".into(), move |outcome| {
            let streams = share(orders(outcome).map(Ordering::late).sum(), looked_at(outcome));
            worse(streams, ordering::worst_share(outcome, Ordering::late))
        }),
    ]
}

/// The greater of two shares, of which either may be missing.
fn worse(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).reduce(f64::max)
}

fn writer_figures(path: &str, number: usize, all: &mut Vec<Figure>) {
    all.push(Figure::new(format!("{path}.throttled_share"), move |outcome| {
        let meter = &outcome.producers[number].0;
        let refused = meter.cohort.saturating_sub(meter.first_try_cohort);
        share(refused, meter.cohort)
    }));
    all.push(Figure::new(format!("{path}.given_up"), move |outcome| {
        Some(outcome.producers[number].0.given_up as f64)
    }));
    all.push(Figure::new(format!("{path}.attempts_per_write"), move |outcome| {
        let meter = &outcome.producers[number].0;
        share(meter.requests(), meter.offered)
    }));
}

fn direct_figures(path: &str, number: usize, all: &mut Vec<Figure>) {
    let of = |name: &str, of: fn(&DirectOutcome) -> Option<f64>| {
        Figure::new(format!("{path}.{name}"), move |outcome| of(&outcome.direct[number]))
    };
    all.push(of("throttled_share", |direct| {
        share(direct.meter.cohort - direct.meter.first_try_cohort, direct.meter.cohort)
    }));
    all.push(of("refused_share", |direct| {
        let refused = direct.meter.refused.iter().sum::<u64>() + direct.meter.refused_with_request;
        share(refused, direct.meter.parcels)
    }));
    all.push(of("refused_for_records_share", |direct| share(direct.meter.refused[0], direct.meter.parcels)));
    all.push(of("refused_for_bytes_share", |direct| share(direct.meter.refused[1], direct.meter.parcels)));
    all.push(of("given_up", |direct| Some(direct.meter.given_up as f64)));
    all.push(of("expired", |direct| Some(direct.meter.expired as f64)));
    all.push(of("attempts_per_record", |direct| share(direct.meter.attempts, direct.meter.accepted)));
    all.push(of("records_per_kinesis_record", |direct| {
        share(direct.meter.accepted + direct.meter.copies, direct.meter.parcels_accepted)
    }));
    all.push(of("duplicate_share", |direct| share(direct.ordering.duplicates, direct.ordering.records)));
    all.push(of("out_of_order_share", |direct| share(direct.ordering.late(), direct.ordering.records)));
}

fn feed_figures(path: &str, number: usize, all: &mut Vec<Figure>) {
    let of = |name: &str, of: fn(&FeedOutcome) -> Option<f64>| {
        Figure::new(format!("{path}.{name}"), move |outcome| {
            outcome.tables[number].feed.as_ref().and_then(of)
        })
    };
    all.push(of("throttled_share", |feed| share(feed.meter.throttled, feed.meter.attempts())));
    all.push(of("duplicate_share", |feed| share(feed.ordering.duplicates, feed.ordering.records)));
    all.push(of("out_of_order_share", |feed| share(feed.ordering.late(), feed.ordering.records)));
    all.push(of("wrong_final_states", |feed| Some(feed.repairs.wrong[0] as f64)));
    all.push(of("age.max", |feed| Some(feed.meter.age_max_micros as f64 / 1e3)));
}

fn lambda_figures(path: &str, number: usize, all: &mut Vec<Figure>) {
    let of = |name: &str, of: fn(&LambdaOutcome) -> Option<f64>| {
        Figure::new(format!("{path}.{name}"), move |outcome| of(&outcome.lambdas[number]))
    };
    all.push(of("iterator_age.max", |function| {
        let bins = function.series.bins();
        bins.iter().map(|bin| bin[lambda::column::ITERATOR_AGE]).max().map(|micros| micros as f64 / 1e3)
    }));
    all.push(of("invocations", |function| Some(function.meter.invocations as f64)));
    all.push(of("errors", |function| Some(function.meter.errors as f64)));
    all.push(of("throttled", |function| Some(function.meter.throttled.iter().sum::<u64>() as f64)));
    all.push(of("concurrency", |function| Some(f64::from(function.meter.concurrency_max))));
    all.push(of("batches_at_once", |function| {
        share(function.meter.run_micros.iter().sum(), function.meter.busy_shard / MICROSECOND)
    }));
    all.push(of("processed_again", |function| Some(function.meter.repeated as f64)));
    all.push(of("given_up", |function| Some((function.meter.on_failure + function.meter.discarded) as f64)));
    all.push(of("blocked.max", |function| Some(function.meter.blocked_max as f64 / 1e6)));
}

fn queue_figures(path: &str, number: usize, all: &mut Vec<Figure>) {
    let of = |name: &str, of: fn(&QueueOutcome) -> Option<f64>| {
        Figure::new(format!("{path}.{name}"), move |outcome| of(&outcome.queues[number]))
    };
    all.push(of("oldest.max", |place| {
        let bins = place.series.bins().iter();
        bins.map(|bin| bin[sqs::column::AGE]).max().map(|micros| micros as f64 / 1e3)
    }));
    all.push(of("dead_letter", |place| Some(place.queue.dead as f64)));
    all.push(of("deduplicated", |place| Some(place.queue.deduplicated as f64)));
    all.push(of("out_of_order_share", |place| share(place.queue.out_of_order, place.queue.deleted)));
}

fn delivery_figures(path: &str, number: usize, all: &mut Vec<Figure>) {
    all.push(Figure::new(format!("{path}.objects_per_day"), move |outcome| {
        let span = Duration::from_nanos(outcome.quantities.at).as_secs_f64();
        let [_, _, objects] = outcome.quantities.s3[number];
        (span > 0.0).then(|| objects as f64 / span * 86_400.0)
    }));
    all.push(Figure::new(format!("{path}.object_bytes"), move |outcome| {
        let s3 = &outcome.deliveries[number].s3;
        share(s3.bytes, s3.objects)
    }));
}

fn partition_figures(path: &str, number: usize, all: &mut Vec<Figure>) {
    let of = |name: &str, of: fn(&DeliveryOutcome) -> Option<f64>| {
        Figure::new(format!("{path}.{name}"), move |outcome| of(&outcome.deliveries[number]))
    };
    all.push(of("active_partitions", |delivery| delivery.active_partitions_max.map(f64::from)));
    all.push(of("rejected_share", |delivery| {
        let failed: u64 = delivery.meter.failed.iter().sum();
        share(failed, failed + delivery.meter.delivered)
    }));
}

/// A spread of a query's microseconds, and their sum.
type SpreadOf = fn(&QueryMeter) -> (&Histogram, u64);

fn query_figures(path: &str, number: usize, all: &mut Vec<Figure>) {
    let mean = |name: &str, of: fn(&QueryMeter) -> u64| {
        Figure::new(format!("{path}.{name}"), move |outcome| {
            let meter = &outcome.queries[number];
            share(of(meter), meter.done)
        })
    };
    all.push(mean("objects", |meter| meter.objects));
    all.push(mean("scanned_bytes", |meter| meter.scanned));
    all.push(mean("billed_bytes", |meter| meter.billed));
    all.push(Figure::new(format!("{path}.duplicate_share"), move |outcome| {
        share(outcome.queries[number].copies, outcome.queries[number].rows)
    }));
    all.push(Figure::new(format!("{path}.duplicate_rows_per_day"), move |outcome| {
        super::queries::duplicates_a_day(outcome, number)
    }));
    all.push(mean("deduplication_bytes", |meter| meter.scanned_to_deduplicate));
    let spreads: [(&str, SpreadOf); 2] =
        [("time", |meter| (&meter.time, meter.sums[0])), ("data_age", |meter| (&meter.age, meter.sums[1]))];
    for (name, of) in spreads {
        all.push(Figure::new(format!("{path}.{name}.mean"), move |outcome| {
            let (spread, sum) = of(&outcome.queries[number]);
            share(sum, spread.count()).map(|micros| micros / 1e3)
        }));
        for (quantile, below) in QUANTILES.iter().copied().chain([("max", 1.0)]) {
            all.push(Figure::new(format!("{path}.{name}.{quantile}"), move |outcome| {
                of(&outcome.queries[number]).0.quantile(below).map(|micros| micros / 1e3)
            }));
        }
    }
}

fn leg_figures(leg: Leg, all: &mut Vec<Figure>) {
    let leg = std::sync::Arc::new(leg);
    let mut push = |name: &str, of: fn(&leg::Sample, usize) -> Value, which: usize| {
        let (leg, path) = (std::sync::Arc::clone(&leg), format!("{}.{name}", leg.path));
        all.push(Figure::new(path, move |outcome: &Outcome| {
            leg.sample(outcome).map_or(Value { value: None, sure: true }, |sample| of(&sample, which))
        }));
    };
    push("mean", |sample, _| sample.mean_ms.into(), 0);
    for (which, (name, _)) in QUANTILES.iter().enumerate() {
        push(name, |sample, which| sample.quantile(which), which);
    }
    push("max", |sample, _| sample.max_ms.into(), 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::example;

    /// What the scenario language offers under `slo`.
    #[test]
    fn every_figure_that_objectives_may_ask_for_exists_once_with_its_unit() {
        let mut scenario = example::scenario(1);
        scenario.consumers[0].name = "a.b".into();
        let paths = paths(&scenario);
        let asked = [
            ("lost", Unit::Count),
            ("throttled", Unit::Count),
            ("duplicates", Unit::Share),
            ("out_of_order", Unit::Share),
            ("cost.month", Unit::Usd),
            ("workload.checkout.latency.p999", Unit::Milliseconds),
            ("tables.orders.kinesis.latency.mean", Unit::Milliseconds),
            ("consumers.\"a.b\".latency.p50", Unit::Milliseconds),
            ("firehose.lake.freshness.max", Unit::Milliseconds),
        ];
        for (path, unit) in asked {
            let found: Vec<_> = paths.iter().filter(|(found, _)| found == path).collect();
            assert_eq!(found, [&(path.to_owned(), unit)]);
        }
    }
}
