//! Load above a limit: what a steady study finds when there is no steady state.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::leg::Place;
use crate::engine::time::Nanos;
use crate::pipeline::backlog::Backlog;
use crate::pipeline::finish::Outcome;
use crate::report::number::{mean, rounded};
use crate::scenario::checked::{Scenario, Study};
use crate::scenario::path::resource;

/// A limit that the load is above.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Overload {
    /// Where it backs up, such as `tables.orders.kinesis`.
    pub path: String,
    /// The limit, such as `kinesis.changes shard 3: 1,000 records/s`.
    pub limit: String,
    /// Records by which the backlog grows each second; null where refused writes are given up instead.
    pub growth_per_s: Option<f64>,
}

/// A backlog that grows by less than this share of what comes in is not told from chance.
const GROWTH_SHARE_MIN: f64 = 0.01;
/// Growth between two quarters of the span, in standard deviations of the samples of the first of them. A
/// straight rise from nothing has 6.9; samples of a steady backlog have one time in a thousand more than this.
const GROWTH_DEVIATIONS_MIN: f64 = 3.0;

/// The limits that the load of a steady study is above; empty for other studies.
pub fn find(scenario: &Scenario, outcomes: &[Outcome]) -> Vec<(Place, Overload)> {
    if scenario.study != Study::Steady {
        return Vec::new();
    }
    let span = scenario.duration.saturating_sub(scenario.warm_up);
    let grows = |waiting: &dyn Fn(&Backlog) -> u64, entered: &dyn Fn(&Outcome) -> u64| {
        let growths: Vec<Option<f64>> = outcomes
            .iter()
            .map(|outcome| growth(&outcome.backlogs, scenario.warm_up, span, waiting, entered(outcome)))
            .collect();
        let rising = growths.iter().flatten().count() * 2 > growths.len();
        rising.then(|| mean(growths).and_then(rounded)).flatten()
    };
    let mut found = Vec::new();
    for (number, plan) in scenario.producers.iter().enumerate() {
        let growth = grows(&|backlog| backlog.writers[number], &|outcome| outcome.producers[number].0.cohort);
        if growth.is_some() || offered_above_capacity(scenario, outcomes, plan.table) {
            let table = &scenario.tables[plan.table];
            let limit =
                format!("{} capacity: {} write units/s", resource("tables", &table.name), table.write_units);
            let path = resource("workload", &plan.name);
            found.push((Place::Writer(number), Overload { path, limit, growth_per_s: growth }));
        }
    }
    for (number, plan) in scenario.tables.iter().enumerate() {
        let Some(feed) = &plan.replication else { continue };
        let growth =
            grows(&|backlog| backlog.feeds[number], &|outcome| outcome.quantities.streams[feed.stream][1]);
        if growth.is_some() {
            let path = format!("{}.kinesis", resource("tables", &plan.name));
            let limit = shard_limit(scenario, outcomes, feed.stream).unwrap_or_else(|| path.clone());
            found.push((Place::Feed(number), Overload { path, limit, growth_per_s: growth }));
        }
    }
    for (number, plan) in scenario.consumers.iter().enumerate() {
        let entered = |outcome: &Outcome| outcome.quantities.streams[plan.stream][1];
        let growth = grows(&|backlog| backlog.consumers[number], &entered);
        if growth.is_some() {
            let path = resource("consumers", &plan.name);
            let limit = format!("{path}: {} workers", plan.workers);
            found.push((Place::Consumer(number), Overload { path, limit, growth_per_s: growth }));
        }
    }
    for (number, plan) in scenario.deliveries.iter().enumerate() {
        let entered = |outcome: &Outcome| outcome.quantities.streams[plan.stream][1];
        let growth = grows(&|backlog| backlog.deliveries[number], &entered);
        if growth.is_some() {
            let path = resource("firehose", &plan.name);
            let limit =
                format!("{} reads by {path}", resource("kinesis", &scenario.streams[plan.stream].name));
            found.push((Place::Delivery(number), Overload { path, limit, growth_per_s: growth }));
        }
    }
    found
}

/// Whether an overload leaves no steady latency at a place: its own backlog does, and so does one before it. Any
/// producer or feed counts as before every reader.
pub fn spoils(overloads: &[(Place, Overload)], place: Place) -> bool {
    overloads.iter().any(|(at, _)| match at {
        Place::Writer(_) => true,
        Place::Feed(_) => !matches!(place, Place::Writer(_)),
        Place::Consumer(_) | Place::Delivery(_) => *at == place,
    })
}

/// By how much a backlog grows a second, if it does: its mean in the last quarter of the measured span against
/// the second quarter, half a span earlier.
fn growth(
    samples: &[Backlog],
    warm_up: Nanos,
    span: Nanos,
    waiting: &dyn Fn(&Backlog) -> u64,
    entered: u64,
) -> Option<f64> {
    let quarter = |number: u64| -> Vec<f64> {
        let (from, to) = (warm_up + span / 4 * number, warm_up + span / 4 * (number + 1));
        let inside = samples.iter().filter(|sample| sample.at > from && sample.at <= to);
        inside.map(|sample| waiting(sample) as f64).collect()
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
    let real = growth > GROWTH_DEVIATIONS_MIN * deviation && growth > GROWTH_SHARE_MIN * entered as f64 / 2.0;
    real.then(|| growth / (span as f64 / 2e9))
}

/// Whether the writes offered to a table need more units than it has, burst capacity aside.
fn offered_above_capacity(scenario: &Scenario, outcomes: &[Outcome], table: usize) -> bool {
    let above = |outcome: &&Outcome| {
        let meter = &outcome.tables[table].meter;
        let writers =
            scenario.producers.iter().zip(&outcome.producers).filter(|(plan, _)| plan.table == table);
        let offered: u64 = writers.map(|(_, (meter, _))| meter.offered - meter.too_large).sum();
        let units = meter.units as f64 / meter.accepted.max(1) as f64;
        let capacity = scenario.tables[table].write_units as f64 * outcome.end as f64 / 1e9;
        meter.throttled > 0 && offered as f64 * units > capacity * (1.0 + GROWTH_SHARE_MIN)
    };
    outcomes.iter().filter(above).count() * 2 > outcomes.len()
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
        let sample = |second: u64| Backlog {
            at: second * SECOND,
            writers: vec![waiting(second)],
            ..Backlog::default()
        };
        let samples: Vec<Backlog> = (1..=200).map(sample).collect();
        growth(&samples, 0, 200 * SECOND, &|backlog| backlog.writers[0], 200_000)
    }

    /// 1,000 records/s come in for 200 s.
    #[test]
    fn a_rise_is_told_from_a_sawtooth_and_its_rate_is_named() {
        assert_eq!(grows(|second| 50 * second), Some(50.0));
        assert_eq!(grows(|second| 1_000 * (second % 7)), None);
        assert_eq!(grows(|second| 5_000_u64.saturating_sub(20 * second)), None);
        // Half a percent of what comes in is not told from chance.
        assert_eq!(grows(|second| 4 * second), None);
    }
}
