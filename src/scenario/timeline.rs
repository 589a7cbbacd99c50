//! Planned events: what changes while a run goes on, at which moment and for how long.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::engine::time::Nanos;
use crate::settings::reference::Reference;
use crate::systems::dynamodb::capacity::CapacityPlan;
use crate::systems::dynamodb::destination::Turn;
use crate::systems::kinesis::capacity::CapacityChange;
use crate::units::{Duration, Percent};

/// A planned event: a moment, a length where it passes, and exactly one thing that happens.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventSettings {
    /// When it begins, from the start of the run.
    pub at: Duration,
    /// How long it lasts; for what passes again.
    #[serde(rename = "for")]
    pub lasts: Option<Duration>,
    /// A producer writes more, or less, than its arrivals say; needs `for`.
    pub spike: Option<SpikeSettings>,
    /// A part stops and goes on afterwards: a polling consumer does not read, a fleet of workers or a Flink application does not process
    /// what it reads, a function or what a pipe sends to fails every time (`consumers.search`); the destination of a delivery stream
    /// takes nothing (`firehose.lake`, FH-R1), or its transforming function fails every time (`firehose.lake.transform`, FH-T3). Needs
    /// `for`.
    pub outage: Option<Reference>,
    /// A function, what a pipe sends to, or a transforming function (`firehose.lake.transform`) fails more often, or less; needs `for`.
    pub error_rate: Option<ErrorRateSettings>,
    /// The first record written from now on that this function, pipe or transforming function gets makes it fail every time:
    /// `consumers.search`, `firehose.lake.transform`.
    pub poison: Option<Reference>,
    /// A consumer takes longer for everything it processes, a destination for everything it takes (`firehose.lake`), a transforming
    /// function for every batch (`firehose.lake.transform`); needs `for`.
    pub slow_down: Option<SlowDownSettings>,
    /// A consumer stops reading for good: it finishes what it has in hand, and nobody waits for the rest. A subscription, a
    /// worker's host and a lease table cost nothing from then on; what is in a queue stays there.
    pub remove: Option<Reference>,
    /// A worker of a KCL fleet dies and is back after `for`: `consumers.search`, the first worker unless `worker` says which. A
    /// Flink application restarts as a whole.
    pub crash: Option<Reference>,
    /// A fleet's workers are replaced one after the other, each back after `for`: `consumers.search`. A Flink application
    /// restarts from a snapshot.
    pub deploy: Option<Reference>,
    /// A worker of a KCL fleet does not reach its lease table, and so loses its leases: `consumers.search`; needs `for`.
    pub cut_off: Option<Reference>,
    /// Which worker `crash` and `cut_off` are about, from 0 on.
    pub worker: Option<u32>,
    /// A table's feed is switched off: `tables.orders.kinesis`. What is under way is still sent for a while (KDC-11).
    pub disable: Option<Reference>,
    /// A table's feed is switched on, with nothing from before (KDC-9).
    pub enable: Option<Reference>,
    /// A table's feed may not write to its stream (KDC-R6): `tables.orders.kinesis`; or a consumer (`consumers.search`) or a delivery
    /// stream (`firehose.lake`) may not read its stream or queue: its calls are refused, and what it would read waits. Needs `for`.
    pub lost_permission: Option<Reference>,
    /// The encryption key of a feed's stream is throttled (KDC-R2); needs `for`.
    pub kms_throttling: Option<KeyThrottlingSettings>,
    /// SplitShard: one shard of a stream becomes two.
    pub split: Option<SplitSettings>,
    /// MergeShards: two neighbouring shards of a stream become one.
    pub merge: Option<MergeSettings>,
    /// New values by path: `kinesis.changes.retention: 48h`; a new number of shards is an `UpdateShardCount`.
    #[schemars(with = "Option<IndexMap<String, serde_json::Value>>")]
    #[schemars(example = serde_json::json!({ "kinesis.changes.retention": "48h" }))]
    pub set: Option<IndexMap<String, IgnoredAny>>,
}

/// A throttled encryption key.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyThrottlingSettings {
    /// The feed: `tables.orders.kinesis`.
    pub of: Reference,
    /// Share of the puts that fail.
    pub share: Percent,
}

/// Slower processing.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlowDownSettings {
    /// The consumer `consumers.search`, the destination of `firehose.lake`, or the function `firehose.lake.transform`.
    pub of: Reference,
    /// How many times as long it takes: 1 to 10,000.
    pub factor: f64,
}

/// More traffic, or less.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpikeSettings {
    /// The producer: `workload.checkout`.
    pub of: Reference,
    /// What its rate is multiplied by: 0 to 1,000.
    pub factor: f64,
}

/// SplitShard.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitSettings {
    /// The stream: `kinesis.changes`.
    pub stream: Reference,
    /// The shard: its number, its id (`shardId-000000000003`), or `hottest`: the open one that took the most records a second
    /// since it opened.
    #[schemars(schema_with = "text_or_number")]
    pub shard: String,
    /// Where the upper half begins: a share of the shard's range such as `25%`, or a hash key.
    #[schemars(schema_with = "text_or_number", extend("default" = "50%"))]
    pub at: Option<String>,
}

/// MergeShards.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeSettings {
    /// The stream: `kinesis.changes`.
    pub stream: Reference,
    /// The two shards: numbers or ids.
    #[schemars(with = "Vec<serde_json::Value>")]
    pub shards: Vec<String>,
}

fn text_or_number(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": ["string", "integer"] })
}

/// Which shard a split is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Which {
    /// This one.
    Number(usize),
    /// The open one that took the most records a second since it opened.
    Hottest,
}

/// Where a shard is split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SplitAt {
    /// This far into its range, in (0, 1).
    Share(f64),
    /// At this hash key.
    HashKey(u128),
}

/// Failures of a function for a while.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorRateSettings {
    /// The function: `consumers.search`, `firehose.lake.transform`.
    pub of: Reference,
    /// Share of invocations that fail, somewhere in their batch.
    pub rate: Percent,
}

/// A planned event, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Occurrence {
    /// Its name in the scenario.
    pub name: String,
    /// When it begins.
    pub at: Nanos,
    /// When it is over, if it passes.
    pub until: Option<Nanos>,
    /// What it concerns: a path such as `kinesis.changes`.
    pub place: String,
    /// What happens, in words.
    pub what: String,
    /// What happens.
    pub action: Action,
}

/// What a planned event does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A producer's rate is multiplied: its arrivals were drawn up so, and nothing is left to do.
    Spike,
    /// Something goes wrong with a part downstream of the streams, or it is removed.
    Fault(Part, Fault),
    /// A worker of a fleet, both by number, dies and is back after this time.
    Crash(usize, usize, Option<Nanos>),
    /// The workers of a fleet, by number, are replaced one after the other, each away for this time.
    Deploy(usize, Option<Nanos>),
    /// A worker of a fleet, both by number, does not reach its lease table.
    CutOff(usize, usize),
    /// Something happens to the destination of a table's feed, by number of the table.
    Destination(usize, Turn),
    /// Another capacity is asked for: of a table, by number, or of one of its indexes.
    TableCapacity(usize, Option<usize>, CapacityPlan),
    /// A stream, by number, keeps its records so long from now on.
    Retention(usize, Nanos),
    /// Another capacity mode, policy or warm throughput of a stream, by number.
    StreamCapacity(usize, CapacityChange),
    /// UpdateShardCount of a stream, by number.
    ShardCount(usize, u32),
    /// SplitShard of a stream, by number.
    Split(usize, Which, SplitAt),
    /// MergeShards of a stream, by number.
    Merge(usize, usize, usize),
}

/// A part downstream of the streams, by number among those of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A polling consumer.
    Polling(usize),
    /// A function that reads a stream, or a pipe.
    Function(usize),
    /// The function that reads a queue, by number of the queue.
    QueueFunction(usize),
    /// A fleet of KCL workers or a Flink application.
    Fleet(usize),
    /// A delivery stream and its destination.
    Delivery(usize),
    /// The function that transforms a delivery stream's records, by number of the delivery stream.
    Transform(usize),
}

/// What goes wrong with a [part](Part).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// It does nothing: a polling consumer does not read, a fleet does not process, a function fails every time, a destination takes
    /// nothing.
    Outage,
    /// It takes so many times as long.
    SlowDown(f64),
    /// This share of its invocations fails.
    ErrorRate(f64),
    /// A record will make it fail: it was told so, and nothing is left to do.
    Poison,
    /// It may not read, and what it would read waits.
    LostPermission,
    /// It is gone for good.
    Removal,
}

impl Action {
    /// Whether it takes a consumer away for good.
    pub fn removes(&self) -> bool {
        matches!(self, Self::Fault(_, Fault::Removal))
    }
}
