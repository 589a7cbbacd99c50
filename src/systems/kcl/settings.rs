//! How a scenario describes workers of the Kinesis Client Library.

use schemars::JsonSchema;
use serde::Deserialize;

use super::version::Version;
use crate::settings::distribution::Time;
use crate::settings::parameter::Parameter;
use crate::systems::fleet::settings::{CheckpointSettings, HostSettings, ViaSettings};
use crate::systems::polling::settings::FromSettings;
use crate::systems::sink::SinkSettings;
use crate::units::{Duration, Percent};

/// The library's version.
pub const VERSION: Parameter =
    Parameter::published("KCL-10", "version", "version of the Kinesis Client Library", "3");
/// Records asked for in one call.
pub const MAX_RECORDS: Parameter =
    Parameter::published("KCL-2", "max_records", "records asked for in one GetRecords call", "10_000");
/// Records that the adapter asks for in one call.
pub const ADAPTER_MAX_RECORDS: Parameter = Parameter::published(
    "ADP-1",
    "max_records",
    "records that the DynamoDB Streams adapter asks for in one call",
    "1_000",
);
/// Time between two reads with the adapter.
pub const ADAPTER_IDLE: Parameter = Parameter::published(
    "ADP-1",
    "idle_time",
    "time between two calls of the DynamoDB Streams adapter for one shard; twice as long after an empty one",
    "1s",
);
/// Whether the adapter hurries when it is late.
pub const CATCH_UP: Parameter = Parameter::published(
    "ADP-2",
    "catch_up",
    "whether the DynamoDB Streams adapter calls three times as often once it is a minute behind",
    "false",
);
/// How long the adapter looks for child shards.
pub const SHARD_DISCOVERY: Parameter = Parameter::assumed(
    "ADP-4",
    "shard_discovery",
    "how long the DynamoDB Streams adapter looks for the children of a shard that has ended",
    "350ms",
    "three tries of DescribeStream, 50 ms apart and then twice as long each",
);
/// When a lease expires.
pub const FAILOVER: Parameter =
    Parameter::published("KCL-4", "failover_time", "a lease that is not renewed expires after", "10s");
/// Workers.
pub const WORKERS: Parameter =
    Parameter::assumed("OWN-13", "workers", "a fleet's workers", "1", "the simplest fleet is one worker");
/// Their computers.
pub const HOST: Parameter = Parameter::assumed(
    "OWN-13",
    "host",
    "a worker's computer",
    "{ vcpu: 2 }",
    "most small instances have two vCPUs; write down the user's own, and its cost is in the bill",
);
/// Time of a checkpoint.
pub const CHECKPOINT: Parameter = Parameter::assumed(
    "OWN-14",
    "latency",
    "time of one checkpoint, which is one write to the lease table",
    "{ lognormal: { median: 6ms, sigma: 0.4 } }",
    "as a client's small write to a table (DEF-6)",
);
/// What a stopped worker does.
pub const SHUTDOWN: Parameter = Parameter::assumed(
    "OWN-14",
    "shutdown",
    "what a worker does when it is stopped in order",
    "graceful",
    "the library offers to write last checkpoints; the user's code has to ask for it",
);
/// How long a worker is away.
pub const RESTART: Parameter = Parameter::assumed(
    "OWN-14",
    "restart",
    "how long a worker is away when it is stopped, where the event does not say",
    "30s",
    "a container that starts anew",
);
/// By what the leader balances.
pub const BALANCE: Parameter = Parameter::published(
    "KCL-13",
    "balance",
    "what the leader of version 3 balances: its workers' CPU, or bytes where that cannot be read",
    "cpu",
);
/// Where it begins.
pub const FROM: Parameter = Parameter::assumed(
    "KWK-15",
    "from",
    "where a fleet goes on in what its stream held before the run",
    "latest",
    "it has run before and kept up; the leases of a new application begin at trim_horizon unless told otherwise",
);
/// Sizes in the lease table.
pub const LEASE_ITEMS: Parameter = Parameter::built_in(
    "KCL-8",
    "size of one item in the lease table",
    "400 bytes; scans are eventually consistent",
    "a shard's lease with its owner, counter and checkpoint",
);

/// The parameters of this room.
pub const PARAMETERS: &[Parameter] = &[
    VERSION,
    MAX_RECORDS,
    ADAPTER_MAX_RECORDS,
    ADAPTER_IDLE,
    CATCH_UP,
    SHARD_DISCOVERY,
    FAILOVER,
    WORKERS,
    HOST,
    CHECKPOINT,
    SHUTDOWN,
    RESTART,
    BALANCE,
    FROM,
    LEASE_ITEMS,
];

/// Workers of the Kinesis Client Library; on the DynamoDB stream of a table, with the DynamoDB Streams Kinesis Adapter.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KclSettings {
    /// The library's version, such as `1.14`, `2` or `3.5`: its defaults and how it balances go by it. On a table's stream `1`
    /// stands for version 1 of the adapter, which wraps KCL 1.14, and `3` for version 2 (ADP-3).
    #[schemars(extend("default" = VERSION.value))]
    pub version: Option<Version>,
    /// How it reads: from version 2 on by enhanced fan-out unless told otherwise, before by polling (KCL-3). A table's stream is
    /// polled.
    pub via: Option<ViaSettings>,
    /// The record with which a fleet begins (KDS-R8): where it goes on in the stream's `history`, or what it reads first when it
    /// `starts`. Shards that come later are always read from their oldest record on (KWK-15).
    #[schemars(extend("default" = FROM.value))]
    pub from: Option<FromSettings>,
    /// When it is created, from the start of the run; it is there before the run when left out. Its workers then take the shards'
    /// leases as their clocks have it, and its hosts, its lease table and its subscriptions cost nothing before.
    pub starts: Option<Duration>,
    /// Time between two reads of one shard: 200ms to 1h; by default 1 s up to version 2.5 and 1.5 s from 2.6 on (KCL-1); of a
    /// table's stream 1 s, and twice as long after a call that returned nothing (ADP-1).
    pub idle_time: Option<Duration>,
    /// Records asked for in one call: 1 to 10,000 (KCL-2); of a table's stream 1,000 at most, which is its default (ADP-1).
    #[schemars(extend("default" = MAX_RECORDS.value), range(min = 1, max = 10_000))]
    pub max_records: Option<u32>,
    /// Batches that it fetches ahead of its processing for each shard: 0 to 100; 3 from version 2 on, 0 before (KWK-10).
    #[schemars(range(min = 0, max = 100))]
    pub prefetch: Option<u32>,
    /// From a poll to the records' arrival at the worker; with enhanced fan-out, from their arrival in the shard.
    pub delivery: Option<Time>,
    /// Workers, each a process on a host of its own.
    #[schemars(extend("default" = WORKERS.value), range(min = 1, max = 1_000))]
    pub workers: Option<u32>,
    /// A worker's computer: `{ ec2: c6g.large }`, `{ fargate: { vcpu: 1, memory: 2 GiB } }`,
    /// `{ own: { vcpu: 2, price_per_hour: 0.08 USD } }` or `{ vcpu: 2 }`.
    pub host: Option<HostSettings>,
    /// CPU time of each record.
    pub per_record: Option<Duration>,
    /// CPU time of each batch, whatever its records.
    pub per_batch: Option<Duration>,
    /// What it writes each of its records to, one call after the other. Time spent there is part of the processing, and takes no
    /// CPU; what a worker that dies had written is written.
    pub sink: Option<SinkSettings>,
    /// Share of batches whose processing throws: the library goes on with the next one, and their records are skipped (KWK-14).
    pub errors: Option<Percent>,
    /// When progress is written down.
    pub checkpoint: Option<CheckpointSettings>,
    /// A lease that is not renewed for so long can be taken by others (KCL-4): 1s to 1h.
    #[schemars(extend("default" = FAILOVER.value))]
    pub failover_time: Option<Duration>,
    /// What a worker does when it is stopped in order.
    #[schemars(extend("default" = SHUTDOWN.value))]
    pub shutdown: Option<ShutdownSettings>,
    /// How long a worker is away when an event stops it and does not say: 1s to 1d.
    #[schemars(extend("default" = RESTART.value))]
    pub restart: Option<Duration>,
    /// What the leader of version 3 balances (KCL-10, KCL-13).
    #[schemars(extend("default" = BALANCE.value))]
    pub balance: Option<BalanceSettings>,
    /// Whether a reader of a table's stream calls three times as often once it is a minute behind (ADP-2).
    #[schemars(extend("default" = CATCH_UP.value))]
    pub catch_up: Option<bool>,
    /// How long a reader of a table's stream looks for the children of a shard that has ended: 0s to 1m (ADP-4).
    #[schemars(extend("default" = SHARD_DISCOVERY.value))]
    pub shard_discovery: Option<Duration>,
}

/// What a worker does when it is stopped in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShutdownSettings {
    /// It finishes the batch in hand and writes a last checkpoint for each shard.
    Graceful,
    /// It stops where it stands.
    Abrupt,
}

/// What the leader balances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BalanceSettings {
    /// How busy its workers' processors are.
    Cpu,
    /// Bytes that its workers process.
    Throughput,
}
