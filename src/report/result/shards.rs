//! Streams with their worst shards, in replication 0.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::measure::shard_load::{ShardLoad, Traffic};
use crate::pipeline::finish::{Outcome, TopItem};
use crate::report::number::{rounded, share};
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::kinesis::hash_range::HashRanges;
use crate::workload::key_name::KEY_NAME_BYTES_MAX;
use crate::workload::key_names::KeyNames;

/// Shards listed for a stream.
const WORST_SHARDS: usize = 16;

/// A stream and its worst shards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StreamRow {
    /// Its path, such as `kinesis.changes`.
    pub path: String,
    /// Open shards.
    pub shards: u32,
    /// How long records stay, hours.
    pub retention_h: f64,
    /// Traffic of the whole run.
    pub total: TrafficRow,
    /// Refused puts by the limit that refused them.
    pub refused_by_limit: RefusedRow,
    /// The shards with the most refused puts, then with the busiest second; at most 16.
    pub worst: Vec<ShardRow>,
}

/// Puts that one or both of a shard's limits refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefusedRow {
    /// Too many records.
    pub records: u64,
    /// Too many bytes.
    pub bytes: u64,
    /// Both at once.
    pub both: u64,
}

/// Traffic over some span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrafficRow {
    /// Records accepted.
    pub records: u64,
    /// Bytes accepted, partition keys included.
    pub bytes: u64,
    /// Puts refused.
    pub refused: u64,
}

impl From<Traffic> for TrafficRow {
    fn from(traffic: Traffic) -> Self {
        Self { records: traffic.records, bytes: traffic.bytes, refused: traffic.refused }
    }
}

/// One shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShardRow {
    /// Its number, by hash range.
    pub shard: u32,
    /// Its share of all hash keys.
    pub hash_range_share: Option<f64>,
    /// Its share of the changes and records made for the stream, refused ones included once.
    pub load_share: Option<f64>,
    /// The busiest second, as a share of the limit that binds.
    pub utilisation_max: Option<f64>,
    /// What 99 % of the seconds stay below, to 2 %.
    pub utilisation_p99: Option<f64>,
    /// Traffic of the whole run.
    pub total: TrafficRow,
    /// Refused puts by limit.
    pub refused_by_limit: RefusedRow,
    /// The minute with the most offered puts.
    pub worst_minute: WorstMinute,
    /// The items with the most changes.
    pub top_keys: Vec<TopKey>,
}

/// What a one-minute metric shows, beside what was inside.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorstMinute {
    /// When it began, simulated seconds.
    pub at_s: u64,
    /// All of it.
    pub minute: TrafficRow,
    /// Its mean second, as a share of the limit that binds.
    pub utilisation_mean: Option<f64>,
    /// Its busiest second.
    pub busiest_second: TrafficRow,
}

/// An item that many of a shard's changes belong to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TopKey {
    /// Its table, such as `tables.orders`, or its direct producer, such as `workload.clicks`.
    pub table: String,
    /// Its key.
    pub key: String,
    /// Its changes.
    pub changes: u64,
    /// Their share of the shard's changes.
    pub share: Option<f64>,
}

/// The rows of all streams.
pub fn rows(scenario: &Scenario, outcomes: &[Outcome]) -> Vec<StreamRow> {
    let Some(outcome) = outcomes.first() else { return Vec::new() };
    (0..scenario.streams.len()).map(|number| StreamRow::new(scenario, outcome, number)).collect()
}

impl StreamRow {
    fn new(scenario: &Scenario, outcome: &Outcome, number: usize) -> Self {
        let plan = &scenario.streams[number];
        let loads = &outcome.streams[number].loads;
        let changes = changes_by_shard(scenario, outcome, number, loads.len());
        let mut order: Vec<usize> = (0..loads.len()).collect();
        // The greatest utilisation is compared in whole thousandths, as it was counted.
        let badness = |shard: usize| {
            let load: &ShardLoad = &loads[shard];
            (load.total.refused, (load.utilisation_max() * 1e3) as u64, changes[shard])
        };
        order.sort_by_key(|shard| std::cmp::Reverse(badness(*shard)));
        order.truncate(WORST_SHARDS);
        let ranges = HashRanges::even(NonZeroU32::new(plan.shards).unwrap_or(NonZeroU32::MIN));
        let worst = order.into_iter().map(|shard| {
            let load = &loads[shard];
            ShardRow {
                shard: shard as u32,
                hash_range_share: ranges
                    .range(shard)
                    .and_then(|(first, last)| rounded((last - first) as f64 / u128::MAX as f64)),
                load_share: share(changes[shard], changes.iter().sum()).and_then(rounded),
                utilisation_max: rounded(load.utilisation_max()),
                utilisation_p99: rounded(load.utilisation_p99()),
                total: load.total.into(),
                refused_by_limit: refused(std::iter::once(load)),
                worst_minute: worst_minute(load),
                top_keys: top_keys(scenario, outcome, number, shard, changes[shard]),
            }
        });
        let sum = |of: fn(&Traffic) -> u64| loads.iter().map(|load| of(&load.total)).sum();
        Self {
            path: resource("kinesis", &plan.name),
            shards: plan.shards,
            retention_h: plan.retention as f64 / 3.6e12,
            total: TrafficRow {
                records: sum(|traffic| traffic.records),
                bytes: sum(|traffic| traffic.bytes),
                refused: sum(|traffic| traffic.refused),
            },
            refused_by_limit: refused(loads.iter()),
            worst: worst.collect(),
        }
    }
}

fn refused<'a>(loads: impl Iterator<Item = &'a ShardLoad>) -> RefusedRow {
    loads.fold(RefusedRow::default(), |sum, load| {
        let [records, bytes, both] = load.refused_by_limit;
        RefusedRow { records: sum.records + records, bytes: sum.bytes + bytes, both: sum.both + both }
    })
}

fn worst_minute(load: &ShardLoad) -> WorstMinute {
    use crate::systems::kinesis::shard::{WRITE_BYTES_PER_SECOND, WRITE_RECORDS_PER_SECOND};
    let minute = load.worst_minute;
    let records = minute.records as f64 / (60 * WRITE_RECORDS_PER_SECOND) as f64;
    let bytes = minute.bytes as f64 / (60 * WRITE_BYTES_PER_SECOND) as f64;
    WorstMinute {
        at_s: load.worst_minute_at,
        minute: minute.into(),
        utilisation_mean: rounded(records.max(bytes)),
        busiest_second: load.worst_minute_second.into(),
    }
}

/// Numbers of the tables that feed a stream.
fn feeding(scenario: &Scenario, stream: usize) -> impl Iterator<Item = usize> {
    let feeds = move |number: &usize| {
        scenario.tables[*number].replication.as_ref().is_some_and(|plan| plan.stream == stream)
    };
    (0..scenario.tables.len()).filter(feeds)
}

/// Numbers of the direct producers that put into a stream.
fn putting(scenario: &Scenario, stream: usize) -> impl Iterator<Item = usize> {
    (0..scenario.direct.len()).filter(move |number| scenario.direct[*number].stream == stream)
}

fn changes_by_shard(scenario: &Scenario, outcome: &Outcome, stream: usize, shards: usize) -> Vec<u64> {
    let mut changes = vec![0; shards];
    for table in feeding(scenario, stream) {
        let of_table = &outcome.tables[table].changes_by_shard;
        changes.iter_mut().zip(of_table).for_each(|(sum, count)| *sum += count);
    }
    for producer in putting(scenario, stream) {
        let made = &outcome.direct[producer].records_by_shard;
        changes.iter_mut().zip(made).for_each(|(sum, count)| *sum += count);
    }
    changes
}

fn top_keys(
    scenario: &Scenario,
    outcome: &Outcome,
    stream: usize,
    shard: usize,
    changes: u64,
) -> Vec<TopKey> {
    let mut keys: Vec<TopKey> = Vec::new();
    let mut add = |path: String, names: &KeyNames, items: &[TopItem]| {
        let of_shard = items.iter().filter(|item| item.shard as usize == shard);
        keys.extend(of_shard.map(|item| {
            let mut buffer = [0; KEY_NAME_BYTES_MAX];
            TopKey {
                table: path.clone(),
                key: String::from_utf8_lossy(names.write(item.key, &mut buffer)).into_owned(),
                changes: u64::from(item.changes),
                share: share(u64::from(item.changes), changes).and_then(rounded),
            }
        }));
    };
    for table in feeding(scenario, stream) {
        let path = resource("tables", &scenario.tables[table].name);
        add(path, &scenario.key_names(table), &outcome.tables[table].top_items);
    }
    for producer in putting(scenario, stream) {
        let plan = &scenario.direct[producer];
        add(resource("workload", &plan.name), &plan.names, &outcome.direct[producer].top_keys);
    }
    keys.sort_by_key(|key| std::cmp::Reverse(key.changes));
    keys.truncate(5);
    keys
}
