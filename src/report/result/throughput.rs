//! What tables and their indexes took, over time and by partition (Q7, Q49, Q50).

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::time::{MINUTE, Nanos};
use crate::measure::series::Series;
use crate::pipeline::finish::{Outcome, TableOutcome};
use crate::pipeline::write::column;
use crate::report::number::{rounded, share};
use crate::scenario::checked::Scenario;
use crate::scenario::path::{index_path, resource};
use crate::systems::dynamodb::partition::{Partition, Partitions, UNITS_PER_SECOND};
use crate::systems::dynamodb::throttle::{ThrottleCounts, ThrottleLimit};
use crate::systems::dynamodb::throughput::Throughput;

/// Partitions listed for a table or an index.
const HOTTEST_PARTITIONS: usize = 8;
/// Steps of a curve at most.
const STEPS: usize = 30;

/// What a table took and refused. Counts are summed over all replications; curve and partitions show replication 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThroughputRow {
    /// Refused writes by the reason that AWS names (DDB-T2), those of indexes among them; none with 0.
    pub throttled_by_reason: IndexMap<String, u64>,
    /// When the first write was refused in any replication, simulated seconds.
    pub first_throttled_s: Option<f64>,
    /// When the last one was.
    pub last_throttled_s: Option<f64>,
    /// Capacity against load.
    pub curve: Curve,
    /// Its partitions, unless they are off.
    pub partitions: Option<PartitionsRow>,
    /// Its indexes.
    pub indexes: Vec<IndexRow>,
}

/// Capacity against load in equal steps from the start on; at most 30.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Curve {
    /// Length of a step, simulated seconds.
    pub step_s: f64,
    /// Write units a second that the table takes in the long run.
    pub capacity: Vec<u64>,
    /// Write units consumed, a second.
    pub consumed: Vec<Option<f64>>,
    /// Writes refused, a second.
    pub throttled: Vec<Option<f64>>,
    /// Saved write units, the least at the beginning of any bin of the step.
    pub burst_balance: Vec<u64>,
    /// Open partitions.
    pub partitions: Vec<u64>,
}

/// A table's or an index's partitions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PartitionsRow {
    /// Open ones at the start.
    pub at_start: u64,
    /// Open ones at the end.
    pub at_end: u64,
    /// The first split, simulated seconds.
    pub first_split_s: Option<f64>,
    /// The last split.
    pub last_split_s: Option<f64>,
    /// Those that refused most, then those with the busiest minute; at most 8.
    pub hottest: Vec<PartitionRow>,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PartitionRow {
    /// Its number, in order of coming up.
    pub partition: u32,
    /// Its share of all places of items.
    pub range_share: Option<f64>,
    /// When it came up, simulated seconds.
    pub opened_s: Option<f64>,
    /// When it was split; null if it is still there.
    pub closed_s: Option<f64>,
    /// Write units that it accepted.
    pub write_units: u64,
    /// Their share of all that the table accepted.
    pub load_share: Option<f64>,
    /// Writes that it refused.
    pub throttled: u64,
    /// Its busiest minute, as a share of 1,000 write units a second.
    pub busiest_minute_share: Option<f64>,
    /// When that minute began, simulated seconds.
    pub busiest_minute_s: Option<f64>,
    /// The items with the most changes that lie on it at the end; of an index none.
    pub top_keys: Vec<PartitionKeyRow>,
}

/// An item of a partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PartitionKeyRow {
    /// Its key.
    pub key: String,
    /// Its accepted changes in the whole run.
    pub changes: u64,
}

/// A global secondary index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IndexRow {
    /// Its path, such as `tables.orders.global_secondary_indexes.by-day`.
    pub path: String,
    /// Write units a second that it takes at the start.
    pub write_units_per_s: u64,
    /// Writes of its entries; each is a write event of its own (DDB-P15).
    pub writes: u64,
    /// Write units that they consumed.
    pub write_units: u64,
    /// Writes of the table that it refused (DDB-P14).
    pub throttled: u64,
    /// Its partitions in replication 0.
    pub partitions: Option<PartitionsRow>,
}

impl ThroughputRow {
    /// The row of a table.
    pub fn of(scenario: &Scenario, outcomes: &[Outcome], number: usize) -> Self {
        let tables = || outcomes.iter().map(|outcome| &outcome.tables[number]);
        let seconds = |at: Option<Nanos>| at.and_then(|at| rounded(at as f64 / 1e9));
        let first = tables().filter_map(|table| table.meter.first_throttled).min();
        let last = tables().filter_map(|table| table.meter.last_throttled).max();
        let zero = outcomes.first().map(|outcome| &outcome.tables[number]);
        Self {
            throttled_by_reason: reasons(tables()),
            first_throttled_s: seconds(first),
            last_throttled_s: seconds(last),
            curve: zero.map_or_else(Curve::empty, |table| Curve::of(&table.series, scenario.duration)),
            partitions: zero
                .and_then(|table| PartitionsRow::of(table.table.throughput(), &table.top_of_partition)),
            indexes: indexes(scenario, outcomes, number),
        }
    }
}

fn reasons<'a>(tables: impl Iterator<Item = &'a TableOutcome> + Clone) -> IndexMap<String, u64> {
    let mut reasons = IndexMap::new();
    let mut add = |counts: &ThrottleCounts, of_index: bool| {
        for limit in ThrottleLimit::ALL {
            let count = counts.of(limit);
            if count > 0 {
                *reasons.entry(limit.reason(of_index).to_owned()).or_insert(0) += count;
            }
        }
    };
    tables.clone().for_each(|table| add(&table.table.throughput().throttled, false));
    for index in tables.flat_map(|table| table.table.indexes()) {
        add(&index.throughput.throttled, true);
    }
    reasons
}

fn indexes(scenario: &Scenario, outcomes: &[Outcome], number: usize) -> Vec<IndexRow> {
    let plan = &scenario.tables[number];
    let row = |(at, index): (usize, &crate::systems::dynamodb::index::IndexPlan)| {
        let indexes = || outcomes.iter().map(|outcome| &outcome.tables[number].table.indexes()[at]);
        IndexRow {
            path: index_path(&resource("tables", &plan.name), &index.name),
            write_units_per_s: index.throughput.capacity.units_at_start(),
            writes: indexes().map(|index| index.writes).sum(),
            write_units: indexes().map(|index| index.throughput.units).sum(),
            throttled: indexes().map(|index| index.throughput.throttled.total()).sum(),
            partitions: indexes().next().and_then(|index| PartitionsRow::of(&index.throughput, &[])),
        }
    };
    plan.indexes.iter().enumerate().map(row).collect()
}

impl Curve {
    fn empty() -> Self {
        let (capacity, burst_balance, partitions) = (Vec::new(), Vec::new(), Vec::new());
        Self { step_s: 0.0, capacity, consumed: Vec::new(), throttled: Vec::new(), burst_balance, partitions }
    }

    /// The curve of a table's series up to the end of the measured span.
    fn of(series: &Series<{ column::COUNT }>, span: Nanos) -> Self {
        let bins = &series.bins()[..series.bins().len().min(span.div_ceil(series.width()) as usize)];
        let bins_a_step = bins.len().div_ceil(STEPS).max(1);
        let step_s = (bins_a_step as u64 * series.width()) as f64 / 1e9;
        let mut curve = Self { step_s, ..Self::empty() };
        // A bin without writes tells nothing; what was there before still holds.
        let (mut capacity, mut partitions) = (0, 0);
        for step in bins.chunks(bins_a_step) {
            let sum = |column: usize| step.iter().map(|bin| bin[column]).sum::<u64>();
            let written = || step.iter().filter(|bin| bin[column::CAPACITY] > 0);
            let balance = written().map(|bin| bin[column::BURST_BALANCE]).min();
            let per_second =
                |count: u64| rounded(count as f64 / (step.len() as u64 * series.width()) as f64 * 1e9);
            if let Some(bin) = written().next_back() {
                (capacity, partitions) = (bin[column::CAPACITY], bin[column::PARTITIONS]);
            }
            curve.capacity.push(capacity);
            curve.partitions.push(partitions);
            curve.consumed.push(per_second(sum(column::UNITS)));
            curve.throttled.push(per_second(sum(column::THROTTLED)));
            curve.burst_balance.push(balance.or(curve.burst_balance.last().copied()).unwrap_or(0));
        }
        curve
    }

    /// Whether anything but load happened.
    pub fn is_eventful(&self) -> bool {
        let moves = |values: &[u64]| values.windows(2).any(|pair| pair[0] != pair[1]);
        moves(&self.capacity)
            || moves(&self.partitions)
            || self.throttled.iter().flatten().any(|throttled| *throttled > 0.0)
    }
}

impl PartitionsRow {
    fn of(throughput: &Throughput, top_keys: &[Vec<(String, u64)>]) -> Option<Self> {
        let partitions = throughput.partitions()?;
        let all = partitions.all();
        let splits = partitions.splits();
        let seconds = |at: Nanos| rounded(at as f64 / 1e9);
        let mut order: Vec<usize> = (0..all.len()).collect();
        let badness =
            |number: &usize| (all[*number].refused, all[*number].busiest_minute.0, all[*number].units);
        order.sort_by_key(|number| std::cmp::Reverse(badness(number)));
        order.truncate(HOTTEST_PARTITIONS);
        let keys = |number: usize| top_keys.get(number).map_or(&[][..], Vec::as_slice);
        Some(Self {
            at_start: (all.len() - 2 * splits.len()) as u64,
            at_end: partitions.open().len() as u64,
            first_split_s: splits.first().and_then(|split| seconds(split.at)),
            last_split_s: splits.last().and_then(|split| seconds(split.at)),
            hottest: order
                .into_iter()
                .filter(|number| all[*number].units + all[*number].refused > 0)
                .map(|number| row(partitions, number, throughput.units, keys(number)))
                .collect(),
        })
    }
}

fn row(partitions: &Partitions, number: usize, units: u64, keys: &[(String, u64)]) -> PartitionRow {
    let partition: &Partition = &partitions.all()[number];
    let seconds = |at: Nanos| rounded(at as f64 / 1e9);
    let (busiest, ended) = partition.busiest_minute;
    PartitionRow {
        partition: number as u32,
        range_share: rounded(partition.range_share()),
        opened_s: seconds(partition.opened),
        closed_s: partition.closed.and_then(seconds),
        write_units: partition.units,
        load_share: share(partition.units, units).and_then(rounded),
        throttled: partition.refused,
        busiest_minute_share: share(busiest, 60 * UNITS_PER_SECOND).and_then(rounded),
        busiest_minute_s: if busiest > 0 { seconds(ended.saturating_sub(MINUTE)) } else { None },
        top_keys: keys
            .iter()
            .map(|(key, changes)| PartitionKeyRow { key: key.clone(), changes: *changes })
            .collect(),
    }
}
