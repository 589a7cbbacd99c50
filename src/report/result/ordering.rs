//! Order and duplicates, item by item, as a reader of the stream meets them.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::histogram::Histogram;
use crate::engine::time::SECOND;
use crate::measure::ordering::{Cause, Ordering};
use crate::measure::repair::Repairs;
use crate::pipeline::finish::Outcome;
use crate::report::number::{Interval95, rounded, share};
use crate::report::result::repair::{self, RepairRow};
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;

/// Order and duplicates of the measured changes of one table in its stream, of one direct producer's records, key by key,
/// or as a consumer met them that reads shards beside their parents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderingRow {
    /// The feed, such as `tables.orders.kinesis` or `tables.orders.streams`, the direct producer, such as `workload.clicks`, or
    /// the consumer.
    pub path: String,
    /// Records looked at in all replications.
    pub records: u64,
    /// Second copies.
    pub duplicates: u64,
    /// Their share.
    pub duplicate_share: Option<f64>,
    /// Its interval.
    pub duplicate_share_interval95: Interval95,
    /// Records that came after a newer version of their item.
    pub out_of_order: u64,
    /// Their share.
    pub out_of_order_share: Option<f64>,
    /// Its interval.
    pub out_of_order_share_interval95: Interval95,
    /// Records out of order by cause; they add up to `out_of_order`.
    pub causes: IndexMap<String, u64>,
    /// How many versions late records lie behind; pooled over replications.
    pub pooled_distance_records: Spread,
    /// How much older late records are than the newest version seen, milliseconds: the lateness that a reader
    /// must allow for; pooled over replications.
    pub pooled_distance_ms: Spread,
    /// How long after the first copy a second one came, milliseconds; pooled over replications.
    pub pooled_duplicate_gap_ms: Spread,
    /// What each way to repair this comes to in a last-writer-wins copy, for feeds of tables: the consumers that read a shard's
    /// parents before it and process each record once meet the stream's order. Empty for all others.
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

/// The rows of all feeds, then of tables' own streams, then of direct producers, then of consumers that may see more disorder
/// than the stream has.
pub fn rows(scenario: &Scenario, outcomes: &[Outcome]) -> Vec<OrderingRow> {
    let feeds = scenario.tables.iter().enumerate().filter(|(_, plan)| plan.replication.is_some());
    let row = |(number, plan): (usize, &crate::systems::dynamodb::table::TablePlan)| {
        let feeds = || outcomes.iter().filter_map(|outcome| outcome.tables[number].feed.as_ref());
        let each: Vec<&Ordering> = feeds().map(|feed| &feed.ordering).collect();
        let repairs: Vec<&Repairs> = feeds().map(|feed| &feed.repairs).collect();
        let row = OrderingRow::new(format!("{}.kinesis", resource("tables", &plan.name)), &each);
        let seconds = (scenario.duration - scenario.warm_up) as f64 / SECOND as f64 * outcomes.len() as f64;
        let one_in = repairs.first().map(|repairs| repairs.sample.one_in()).filter(|one_in| *one_in > 1);
        let repair = repair::rows(&repairs, row.records as f64 / seconds);
        OrderingRow { repair, repair_one_item_in: one_in, ..row }
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
    let mut rows: Vec<OrderingRow> = feeds.map(row).chain(own).chain(direct).collect();
    for (number, plan) in scenario.consumers.iter().enumerate() {
        let consumers = outcomes.iter().map(|outcome| &outcome.consumers[number]);
        let each: Vec<&Ordering> = consumers.filter_map(|consumer| consumer.ordering.as_ref()).collect();
        if !each.is_empty() {
            rows.push(OrderingRow::new(resource("consumers", &plan.name), &each));
        }
    }
    rows
}

impl OrderingRow {
    fn new(path: String, each: &[&Ordering]) -> Self {
        let mut all = Ordering::default();
        each.iter().for_each(|ordering| all.merge(ordering));
        let interval = |of: fn(&Ordering) -> u64| {
            let shares: Vec<_> = each.iter().map(|ordering| share(of(ordering), ordering.records)).collect();
            Interval95::of(&shares, true)
        };
        let causes = Cause::ALL.iter().zip(all.out_of_order);
        Self {
            path,
            records: all.records,
            duplicates: all.duplicates,
            duplicate_share: share(all.duplicates, all.records).and_then(rounded),
            duplicate_share_interval95: interval(|ordering| ordering.duplicates),
            out_of_order: all.late(),
            out_of_order_share: share(all.late(), all.records).and_then(rounded),
            out_of_order_share_interval95: interval(Ordering::late),
            causes: causes.map(|(cause, count)| (cause.name().to_owned(), count)).collect(),
            pooled_distance_records: Spread::of(&all.distance_records, 1.0),
            pooled_distance_ms: Spread::of(&all.distance_micros, 1e3),
            pooled_duplicate_gap_ms: Spread::of(&all.duplicate_micros, 1e3),
            repair: Vec::new(),
            repair_one_item_in: None,
        }
    }
}
