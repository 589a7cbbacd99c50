//! Streams with their worst shards, in replication 0.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::flow::is_zero;
use super::refused_reads::{self, ShardReadsRow};
use super::stream_capacity::StreamCapacityRow;
use crate::measure::era::Era;
use crate::measure::shard_load::{ShardLoad, Traffic};
use crate::pipeline::finish::{Outcome, StreamOutcome, TopItem};
use crate::pricing::{BillError, PriceBook};
use crate::report::number::{rounded, share};
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::kinesis::lineage::{Kin, Lineage, ShardState};
use crate::workload::key_name::KeyBuffer;
use crate::workload::key_names::KeyNames;

/// Shards listed for a stream.
const WORST_SHARDS: usize = 16;
/// Spans between two reshardings that are listed for a stream.
const ERAS_LISTED: usize = 8;

/// A stream and its worst shards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StreamRow {
    /// Its path, such as `kinesis.changes`.
    pub path: String,
    /// Open shards at the start.
    pub shards: u32,
    /// How long records stay, hours.
    pub retention_h: f64,
    /// Traffic of the whole run.
    pub total: TrafficRow,
    /// Refused puts by the limit that refused them.
    pub refused_by_limit: RefusedRow,
    /// The shards with the most refused puts, then with the busiest second; at most 16.
    pub worst: Vec<ShardRow>,
    /// The shards that refused most reads, at most 16, with whose they were; empty where none was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_reads: Vec<ShardReadsRow>,
    /// How even the load was before, during and after each resharding, the first eight; empty where nobody resharded it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resharding: Vec<EraRow>,
    /// How its capacity moved; left out where nothing moves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<StreamCapacityRow>,
}

/// A span in which a stream's shards did not change, or were being changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EraRow {
    /// When it began, simulated seconds.
    pub from_s: Option<f64>,
    /// When it ended.
    pub to_s: Option<f64>,
    /// Whether the stream was `UPDATING`.
    pub updating: bool,
    /// Shards open at its end.
    pub open: u32,
    /// The largest hash range, over the mean one.
    pub hash_range_max_over_mean: Option<f64>,
    /// The most loaded shard's records a second while it was open, over the mean.
    pub load_max_over_mean: Option<f64>,
    /// Traffic of all shards.
    pub total: TrafficRow,
    /// The shards open at its end with the most records, at most 16, in the order of their hash keys.
    pub shards: Vec<EraShardRow>,
}

/// An open shard in such a span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EraShardRow {
    /// Its number.
    pub shard: u32,
    /// Those it was split or merged from.
    pub parents: Vec<u32>,
    /// Its share of all hash keys.
    pub hash_range_share: Option<f64>,
    /// Its share of the records a second that the open shards accepted in this span, each while it was open.
    pub load_share: Option<f64>,
    /// Records it accepted, a second while it was open.
    pub records_per_s: Option<f64>,
    /// Puts it refused.
    pub refused: u64,
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
    /// Its number, by hash range in a new stream; shards that a resharding makes are numbered on.
    pub shard: u32,
    /// What it is at the end: `open`, `closed` or `expired`; left out where the shards never changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Those it was split or merged from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<u32>,
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
    /// Reads refused for exceeding five calls a second; by reader in the stream's `refused_reads`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused_read_calls: u64,
    /// Reads refused because earlier ones took more than 2 MB/s.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused_read_bytes: u64,
    /// The minute with the most offered puts.
    pub worst_minute: WorstMinute,
    /// The items with the most changes; none of a closed shard, whose items have gone elsewhere.
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
    /// Their share of the changes, over the whole run, of the items that go to this shard at the end.
    pub share: Option<f64>,
}

/// The rows of all streams.
///
/// # Errors
/// [`BillError`].
pub fn rows(
    scenario: &Scenario,
    outcomes: &[Outcome],
    book: &PriceBook,
) -> Result<Vec<StreamRow>, BillError> {
    let Some(outcome) = outcomes.first() else { return Ok(Vec::new()) };
    let row = |number: usize| {
        let mut row = StreamRow::new(scenario, outcome, number);
        let (keys, hottest) = hottest_key(scenario, outcome, number);
        row.capacity = StreamCapacityRow::of(scenario, outcomes, number, &keys, hottest, book)?;
        Ok(row)
    };
    (0..scenario.streams.len()).map(row).collect()
}

/// The key with the most changes of all that go to a stream: named, and whether it is a table's, whose, and its number.
fn hottest_key(
    scenario: &Scenario,
    outcome: &Outcome,
    stream: usize,
) -> (Vec<TopKey>, Option<(bool, usize, u32)>) {
    let of_tables = feeding(scenario, stream)
        .flat_map(|table| outcome.tables[table].top_items.iter().map(move |item| (true, table, *item)));
    let of_direct = putting(scenario, stream).flat_map(|producer| {
        outcome.direct[producer].top_keys.iter().map(move |item| (false, producer, *item))
    });
    let hottest = of_tables.chain(of_direct).max_by_key(|(_, _, item)| item.changes);
    let keys = hottest.map(|(_, _, item)| top_keys(scenario, outcome, stream, item.shard as usize, 1));
    (keys.unwrap_or_default(), hottest.map(|(of_table, source, item)| (of_table, source, item.key)))
}

impl StreamRow {
    fn new(scenario: &Scenario, outcome: &Outcome, number: usize) -> Self {
        let plan = &scenario.streams[number];
        let StreamOutcome { loads, lineage, eras, refused_reads, .. } = &outcome.streams[number];
        let of_items = changes_by_shard(scenario, outcome, number, loads.len());
        let changes = match was_resharded(lineage) {
            // Items have moved from shard to shard: what each shard took is its load.
            true => loads.iter().map(|load| load.total.records).collect(),
            false => of_items.clone(),
        };
        let worst = worst_first(loads, &changes).into_iter().map(|shard| {
            let mut row = shard_row(scenario, outcome, number, shard);
            row.load_share = share(changes[shard], changes.iter().sum()).and_then(rounded);
            // Items of a closed shard have gone to other ones.
            if lineage.shard(shard).is_none_or(|kin| kin.closed.is_none()) {
                row.top_keys = top_keys(scenario, outcome, number, shard, of_items[shard]);
            }
            row
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
            refused_reads: refused_reads::rows(refused_reads),
            capacity: None,
            resharding: if eras.len() > 1 {
                eras.iter().take(ERAS_LISTED).map(|era| era_row(era, lineage)).collect()
            } else {
                Vec::new()
            },
        }
    }
}

fn was_resharded(lineage: &Lineage) -> bool {
    lineage.shards().len() > lineage.open().len()
}

/// The shards that are listed: those that refused most first, then those that came nearest to a limit, in whole thousandths
/// of it, as it was counted, then those with the most changes.
fn worst_first(loads: &[ShardLoad], changes: &[u64]) -> Vec<usize> {
    let badness = |shard: usize| {
        let load = &loads[shard];
        (load.total.refused, (load.utilisation_max() * 1e3) as u64, changes[shard])
    };
    let mut order: Vec<usize> = (0..loads.len()).collect();
    order.sort_by_key(|shard| std::cmp::Reverse(badness(*shard)));
    order.truncate(WORST_SHARDS);
    order
}

/// A shard without what is known of it only beside the others: its share of the changes, and its keys.
fn shard_row(scenario: &Scenario, outcome: &Outcome, number: usize, shard: usize) -> ShardRow {
    let StreamOutcome { loads, lineage, refused_reads, .. } = &outcome.streams[number];
    let reads = refused_reads::on_shard(shard, refused_reads);
    let (load, kin) = (&loads[shard], lineage.shard(shard));
    let state = || match lineage.state(shard, outcome.end, scenario.streams[number].retention) {
        ShardState::Open => "open".to_owned(),
        ShardState::Closed => "closed".to_owned(),
        ShardState::Expired => "expired".to_owned(),
    };
    ShardRow {
        shard: shard as u32,
        state: was_resharded(lineage).then(state),
        parents: kin.map_or(Vec::new(), parents),
        hash_range_share: kin.and_then(|kin| rounded(kin.share())),
        load_share: None,
        utilisation_max: rounded(load.utilisation_max()),
        utilisation_p99: rounded(load.utilisation_p99()),
        total: load.total.into(),
        refused_by_limit: refused(std::iter::once(load)),
        refused_read_calls: reads.calls,
        refused_read_bytes: reads.bytes,
        worst_minute: worst_minute(load),
        top_keys: Vec::new(),
    }
}

fn parents(kin: &Kin) -> Vec<u32> {
    kin.parents.iter().map(|parent| u32::from(*parent)).collect()
}

fn era_row(era: &Era, lineage: &Lineage) -> EraRow {
    let traffic = |shard: &u16| era.traffic.get(usize::from(*shard)).copied().unwrap_or_default();
    // Shards that came up in the course of the era are compared by what they took a second.
    let rate = |shard: &u16| {
        let opened = lineage.shard(usize::from(*shard)).map_or(era.from, |kin| kin.opened.max(era.from));
        let open = era.to.saturating_sub(opened);
        (open > 0).then(|| traffic(shard).records as f64 / open as f64)
    };
    let rates: Vec<f64> = era.open.iter().filter_map(rate).collect();
    let total: f64 = rates.iter().sum();
    let of_all = |rate: f64| (total > 0.0).then(|| rate / total);
    let count = era.open.len() as f64;
    let row = |shard: &u16| {
        let kin = lineage.shard(usize::from(*shard))?;
        let Traffic { refused, .. } = traffic(shard);
        Some(EraShardRow {
            shard: u32::from(*shard),
            parents: parents(kin),
            hash_range_share: rounded(kin.share()),
            load_share: rate(shard).and_then(of_all).and_then(rounded),
            records_per_s: rate(shard).and_then(|rate| rounded(rate * 1e9)),
            refused,
        })
    };
    let mut busiest = era.open.clone();
    busiest.sort_by_key(|shard| std::cmp::Reverse(traffic(shard).records));
    busiest.truncate(WORST_SHARDS);
    let listed = era.open.iter().filter(|shard| busiest.contains(shard));
    let ranges = era.open.iter().filter_map(|shard| lineage.shard(usize::from(*shard)));
    let most = rates.iter().copied().fold(0.0, f64::max);
    EraRow {
        from_s: rounded(era.from as f64 / 1e9),
        to_s: rounded(era.to as f64 / 1e9),
        updating: era.updating,
        open: era.open.len() as u32,
        hash_range_max_over_mean: ranges.map(|kin| kin.share() * count).reduce(f64::max).and_then(rounded),
        load_max_over_mean: of_all(most).and_then(|share| rounded(share * rates.len() as f64)),
        total: era.traffic.iter().fold(TrafficRow::default(), |sum, traffic| TrafficRow {
            records: sum.records + traffic.records,
            bytes: sum.bytes + traffic.bytes,
            refused: sum.refused + traffic.refused,
        }),
        shards: listed.filter_map(row).collect(),
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
            let mut buffer = KeyBuffer::default();
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
