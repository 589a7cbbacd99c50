//! Order and duplicates, item by item, as a reader of the stream meets them.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::histogram::Histogram;
use crate::engine::time::SECOND;
use crate::measure::ordering::{CAUSES_OF_STREAMS, Cause, Ordering};
use crate::measure::processed::Outcome as Processed;
use crate::measure::repair::Repairs;
use crate::pipeline::finish::Outcome;
use crate::pipeline::processed::{Followed, Kind};
use crate::report::number::{Interval95, mean_share, rounded, share};
use crate::report::result::figure::Figure;
use crate::report::result::repair::{self, RepairRow};
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;

/// Order and duplicates of the measured changes of one table in its stream, of one direct producer's records, key by key,
/// or of what a consumer processed that can process a change again or out of turn, in the order in which its processing ended.
/// What other consumers process has their stream's order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderingRow {
    /// The feed, such as `tables.orders.kinesis` or `tables.orders.streams`, the direct producer, such as `workload.clicks`, the
    /// consumer, or the delivery stream that stores objects again after late successes, which keep their order (FH-O5).
    pub path: String,
    /// Records looked at in all replications; at a consumer, each time that one was processed.
    pub records: u64,
    /// Second copies; at a consumer, records that it had processed before.
    pub duplicates: u64,
    /// Their share, mean of the replications.
    pub duplicate_share: Option<f64>,
    /// Its interval.
    pub duplicate_share_interval95: Interval95,
    /// Why consumers processed records again; they add up to `duplicates`. Absent for streams and producers.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub duplicate_causes: IndexMap<String, u64>,
    /// Records that came after a newer version of their item.
    pub out_of_order: u64,
    /// Their share, mean of the replications.
    pub out_of_order_share: Option<f64>,
    /// Its interval.
    pub out_of_order_share_interval95: Interval95,
    /// Records out of order by cause; they add up to `out_of_order`. `duplicate` to `resharding` come from the stream; a consumer's
    /// own are named where they occur: `queue` (a standard queue keeps no order), `batch_retry`, `visibility` (a message came back),
    /// `sender_retry`, `crash`, `deploy`, `lost_lease`, `rebalance`.
    pub causes: IndexMap<String, u64>,
    /// How many versions late records lie behind; pooled over replications.
    pub pooled_distance_records: Spread,
    /// How much older late records are than the newest version seen, milliseconds: the lateness that a reader
    /// must allow for; pooled over replications.
    pub pooled_distance_ms: Spread,
    /// How long after the first copy a second one came, milliseconds; pooled over replications.
    pub pooled_duplicate_gap_ms: Spread,
    /// What each way to repair this comes to in a last-writer-wins copy, for feeds of tables, whose order is met by consumers that
    /// read a shard's parents before it and process each record once, and for consumers that are followed. Empty for all others.
    #[serde(default)]
    pub repair: Vec<RepairRow>,
    /// `repair` follows one item in so many, evenly spread over the items' numbers, and counts nothing of the others. Absent where it
    /// follows all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair_one_item_in: Option<u64>,
}

/// Percentiles of a histogram; null when it is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// Median.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// The greatest.
    pub max: Option<f64>,
}

impl Spread {
    /// The percentiles of a histogram, each divided by `unit`.
    pub fn of(histogram: &Histogram, unit: f64) -> Self {
        let at = |share| histogram.quantile(share).and_then(|value| rounded(value / unit));
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1.0) }
    }
}

/// The rows of all feeds, then of tables' own streams, then of direct producers, then of consumers that are followed.
pub fn rows(scenario: &Scenario, outcomes: &[Outcome]) -> Vec<OrderingRow> {
    let seconds = (scenario.duration - scenario.warm_up) as f64 / SECOND as f64 * outcomes.len() as f64;
    let feeds = scenario.tables.iter().enumerate().filter(|(_, plan)| plan.replication.is_some());
    let row = |(number, plan): (usize, &crate::systems::dynamodb::table::TablePlan)| {
        let feeds = || outcomes.iter().filter_map(|outcome| outcome.tables[number].feed.as_ref());
        let each: Vec<&Ordering> = feeds().map(|feed| &feed.ordering).collect();
        let repairs: Vec<&Repairs> = feeds().map(|feed| &feed.repairs).collect();
        let row = OrderingRow::new(format!("{}.kinesis", resource("tables", &plan.name)), &each);
        row.repaired(&repairs, &each, seconds)
    };
    let with_streams = scenario.tables.iter().enumerate().filter(|(_, plan)| plan.streams.is_some());
    let own = with_streams.map(|(number, plan)| {
        let streams = outcomes.iter().filter_map(|outcome| outcome.tables[number].streams.as_ref());
        let each: Vec<&Ordering> = streams.map(|own| &own.ordering).collect();
        OrderingRow::new(format!("{}.streams", resource("tables", &plan.name)), &each)
    });
    let direct = scenario.direct.iter().enumerate().map(|(number, plan)| {
        let each: Vec<&Ordering> = outcomes.iter().map(|outcome| &outcome.direct[number].ordering).collect();
        OrderingRow::new(resource("workload", &plan.name), &each)
    });
    let rows = feeds.map(row).chain(own).chain(direct);
    let consumers = consumers(scenario).filter_map(|consumer| {
        let each: Vec<&Processed> = outcomes.iter().filter_map(|outcome| consumer.of(outcome)).collect();
        let orderings: Vec<&Ordering> = each.iter().map(|processed| &processed.ordering).collect();
        let repairs: Vec<&Repairs> = each.iter().map(|processed| &processed.repairs).collect();
        let row =
            || OrderingRow::new(consumer.path(scenario), &orderings).repaired(&repairs, &orderings, seconds);
        (!each.is_empty()).then(row)
    });
    rows.chain(consumers).chain(deliveries(scenario, outcomes)).collect()
}

/// The rows of delivery streams that store objects again (FH-O5). The second object bears the times of the first, so its records come
/// again and not late.
fn deliveries(scenario: &Scenario, outcomes: &[Outcome]) -> impl Iterator<Item = OrderingRow> {
    let again = scenario.deliveries.iter().enumerate().filter(|(_, plan)| plan.late_success > 0.0);
    again.map(|(number, plan)| {
        let orderings: Vec<Ordering> = outcomes
            .iter()
            .map(|outcome| {
                let meter = &outcome.deliveries[number].meter;
                Ordering {
                    records: meter.delivered + meter.repeated,
                    duplicates: meter.repeated,
                    ..Ordering::default()
                }
            })
            .collect();
        let row = OrderingRow::new(plan.path.clone(), &orderings.iter().collect::<Vec<_>>());
        let repeated = orderings.iter().map(|ordering| ordering.duplicates).sum();
        OrderingRow {
            duplicate_causes: [("late_success".to_owned(), repeated)].into_iter().collect(),
            causes: IndexMap::new(),
            ..row
        }
    })
}

/// A consumer that may process changes again or out of turn, of which that is not measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotFollowedRow {
    /// Its path, such as `consumers.search`.
    pub path: String,
    /// Why.
    pub why: String,
}

/// The consumers whose order is not measured although it is not that of their stream.
pub fn not_followed(scenario: &Scenario) -> Vec<NotFollowedRow> {
    let row = |consumer: Consumer| {
        let why = Followed(scenario).why_not(consumer.0)?.to_owned();
        Some(NotFollowedRow { path: consumer.path(scenario), why })
    };
    consumers(scenario).filter_map(row).collect()
}

/// The consumers of a scenario whose processing may be followed.
pub fn consumers(scenario: &Scenario) -> impl Iterator<Item = Consumer> {
    let polling = (0..scenario.consumers.len()).map(Kind::Polling);
    let lambdas = (0..scenario.lambdas.len()).map(Kind::Lambda);
    let queues = (0..scenario.queues.len()).map(Kind::Queue);
    let all = polling.chain(lambdas).chain(queues).chain((0..scenario.fleets.len()).map(Kind::Fleet));
    all.map(Consumer)
}

/// A consumer whose processing may be followed.
#[derive(Clone, Copy, Debug)]
pub struct Consumer(Kind);

impl Consumer {
    /// What it processed in one replication, if that was followed.
    pub fn of(self, outcome: &Outcome) -> Option<&Processed> {
        match self.0 {
            Kind::Polling(number) => outcome.consumers[number].processed.as_ref(),
            Kind::Lambda(number) => outcome.lambdas[number].processed.as_ref(),
            Kind::Queue(number) => outcome.queues[number].processed.as_ref(),
            Kind::Fleet(number) => outcome.fleets[number].processed.as_ref(),
        }
    }

    /// Whether what it processes is followed.
    pub fn is_followed(self, scenario: &Scenario) -> bool {
        let followed = Followed(scenario);
        match self.0 {
            Kind::Polling(number) => followed.polling(number).is_some(),
            Kind::Lambda(number) => followed.lambda(number).is_some(),
            Kind::Queue(number) => followed.queue(number).is_some(),
            Kind::Fleet(number) => followed.fleet(number).is_some(),
        }
    }

    /// Its path, such as `consumers.search`.
    pub fn path(self, scenario: &Scenario) -> String {
        let of_queue = |number: usize| scenario.queues[number].consumer.as_ref();
        let name = match self.0 {
            Kind::Polling(number) => scenario.consumers[number].name.as_str(),
            Kind::Lambda(number) => scenario.lambdas[number].name.as_str(),
            Kind::Queue(number) => of_queue(number).map_or("", |consumer| &consumer.name),
            Kind::Fleet(number) => scenario.fleets[number].name.as_str(),
        };
        resource("consumers", name)
    }
}

/// The named figures of consumers that are followed.
pub(super) fn figures(scenario: &Scenario, all: &mut Vec<Figure>) {
    for consumer in consumers(scenario).filter(|consumer| consumer.is_followed(scenario)) {
        let path = consumer.path(scenario);
        let mut push = |name: &str, of: fn(&Processed) -> Option<f64>| {
            let path = format!("{path}.{name}");
            all.push(Figure::new(path, move |outcome| consumer.of(outcome).and_then(of)));
        };
        push("duplicate_share", |it| share(it.ordering.duplicates, it.ordering.records));
        push("out_of_order_share", |it| share(it.ordering.late(), it.ordering.records));
        push("wrong_final_states", |it| Some(it.repairs.wrong[0] as f64));
    }
}

/// The greatest share of what a consumer that is followed processed in one replication.
pub(super) fn worst_share(outcome: &Outcome, of: fn(&Ordering) -> u64) -> Option<f64> {
    let polling = outcome.consumers.iter().filter_map(|it| it.processed.as_ref());
    let lambdas = outcome.lambdas.iter().filter_map(|it| it.processed.as_ref());
    let queues = outcome.queues.iter().filter_map(|it| it.processed.as_ref());
    let fleets = outcome.fleets.iter().filter_map(|it| it.processed.as_ref());
    let all = polling.chain(lambdas).chain(queues).chain(fleets);
    all.filter_map(|it| share(of(&it.ordering), it.ordering.records)).reduce(f64::max)
}

impl OrderingRow {
    /// With what ways to repair it come to.
    fn repaired(self, repairs: &[&Repairs], each: &[&Ordering], seconds: f64) -> Self {
        let mut gaps = Histogram::default();
        each.iter().for_each(|ordering| gaps.merge(&ordering.duplicate_micros));
        let one_in = repairs.first().map(|repairs| repairs.sample.one_in()).filter(|one_in| *one_in > 1);
        let repair = repair::rows(repairs, &gaps, self.records as f64 / seconds);
        Self { repair, repair_one_item_in: one_in, ..self }
    }

    fn new(path: String, each: &[&Ordering]) -> Self {
        let mut all = Ordering::default();
        each.iter().for_each(|ordering| all.merge(ordering));
        let shares = |of: fn(&Ordering) -> u64| {
            let shares: Vec<_> = each.iter().map(|ordering| share(of(ordering), ordering.records)).collect();
            mean_share(&shares)
        };
        let (duplicate_share, duplicate_share_interval95) = shares(|ordering| ordering.duplicates);
        let (out_of_order_share, out_of_order_share_interval95) = shares(Ordering::late);
        let causes = Cause::ALL.iter().zip(all.out_of_order).enumerate();
        let causes = causes.filter(|(place, (_, count))| *place < CAUSES_OF_STREAMS || *count > 0);
        let repeats = Cause::ALL.iter().zip(all.repeats).filter(|(_, count)| *count > 0);
        let named = |(cause, count): (&Cause, u64)| (cause.name().to_owned(), count);
        Self {
            path,
            records: all.records,
            duplicates: all.duplicates,
            duplicate_share,
            duplicate_share_interval95,
            duplicate_causes: repeats.map(named).collect(),
            out_of_order: all.late(),
            out_of_order_share,
            out_of_order_share_interval95,
            causes: causes.map(|(_, cause)| named(cause)).collect(),
            pooled_distance_records: Spread::of(&all.distance_records, 1.0),
            pooled_distance_ms: Spread::of(&all.distance_micros, 1e3),
            pooled_duplicate_gap_ms: Spread::of(&all.duplicate_micros, 1e3),
            repair: Vec::new(),
            repair_one_item_in: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A half of 2, three tenths of 100 and four tenths of 10: 0.4 is their mean; 35 of 112 is what they come to together. The
    /// standard error is 0.1 / sqrt(3), and t at 2 degrees of freedom is 4.30265.
    #[test]
    fn the_share_beside_an_interval_is_the_mean_of_the_replications() {
        let replication =
            |duplicates: u64, records: u64| Ordering { records, duplicates, ..Ordering::default() };
        let each = [replication(1, 2), replication(30, 100), replication(4, 10)];
        let row = OrderingRow::new("tables.orders.kinesis".into(), &each.iter().collect::<Vec<_>>());
        assert_eq!((row.duplicates, row.records, row.duplicate_share), (35, 112, Some(0.4)));
        let half = 4.30265 * 0.1 / 3.0_f64.sqrt();
        let (low, high) = row.duplicate_share_interval95.ends().expect("three replications");
        assert!((low - (0.4 - half)).abs() < 1e-5 && (high - (0.4 + half)).abs() < 1e-5, "{low} to {high}");
    }
}
