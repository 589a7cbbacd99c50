//! How a scenario describes a polling consumer.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::parameter::Parameter;
use crate::systems::kinesis::poll_grid::{CALL_TIME, REFUSED_WAIT};
use crate::systems::kinesis::poll_settings::{PHASE, PhaseSettings};
use crate::systems::sink::SinkSettings;
use crate::units::{Duration, Timestamp};

const OWN_CODE: &str = "it is the user's own code: measure it and write it down";

/// Time between two polls of one shard.
pub const INTERVAL: Parameter =
    Parameter::published("KDS-R10", "interval", "time between two GetRecords calls on one shard", "1s");
/// Records asked for in one call.
pub const BATCH_SIZE: Parameter =
    Parameter::published("KDS-R2", "batch_size", "records asked for in one call", "10_000");
/// Records asked for in one call to a DynamoDB stream.
pub const STREAMS_BATCH_SIZE: Parameter = Parameter::published(
    "DDS-R3",
    "batch_size",
    "records asked for in one call to a DynamoDB stream",
    "1_000",
);
/// Pause at the end of a DynamoDB stream's shard.
pub const SHARD_DISCOVERY: Parameter = Parameter::assumed(
    "DDS-Y2",
    "shard_discovery",
    "how long a reader of a DynamoDB stream stands at the end of a shard before it reads the children",
    "10s",
    "the Kinesis Client Library looks for finished parents so often; its adapter finds children sooner (ADP-4)",
);
/// Processing time of a record.
pub const PER_RECORD: Parameter =
    Parameter::assumed("OWN-2", "per_record", "a consumer's processing time of each record", "0s", OWN_CODE);
/// Processing time of a call.
pub const PER_BATCH: Parameter =
    Parameter::assumed("OWN-2", "per_batch", "a consumer's processing time of each call", "0s", OWN_CODE);
/// Workers.
pub const WORKERS: Parameter = Parameter::assumed(
    "OWN-2",
    "workers",
    "a consumer's workers",
    "1",
    "the simplest consumer is one process",
);

/// Where it begins.
pub const FROM: Parameter =
    Parameter::published("KDS-R8", "from", "the record with which a consumer begins", "latest");
/// When it begins.
pub const STARTS: Parameter = Parameter::published("", "starts", "when a consumer begins", "0s");
/// Whether parents come first.
pub const PARENTS_FIRST: Parameter =
    Parameter::published("KDS-S7", "parents_first", "whether a shard is read after its parents", "true");
/// What it does about a gap.
pub const WHEN_TRIMMED: Parameter =
    Parameter::published("", "when_trimmed", "what a consumer does when retention has passed it", "skip");
/// The parameters of this room.
pub const PARAMETERS: &[Parameter] = &[
    INTERVAL,
    BATCH_SIZE,
    STREAMS_BATCH_SIZE,
    SHARD_DISCOVERY,
    PER_RECORD,
    PER_BATCH,
    WORKERS,
    FROM,
    STARTS,
    PARENTS_FIRST,
    WHEN_TRIMMED,
    REFUSED_WAIT,
    CALL_TIME,
];

/// A polling consumer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PollingSettings {
    /// Time between two polls of one shard: 1ms to 1h (KDS-R10).
    #[schemars(extend("default" = INTERVAL.value))]
    pub interval: Option<Duration>,
    /// When polling of each shard starts.
    #[schemars(extend("default" = PHASE.value))]
    pub phase: Option<PhaseSettings>,
    /// Records asked for in one call: 1 to 10,000 (KDS-R2); of a DynamoDB stream 1,000 at most, which is its default (DDS-R3).
    #[schemars(extend("default" = BATCH_SIZE.value), range(min = 1, max = 10_000))]
    pub batch_size: Option<u32>,
    /// How long it stands at the end of a DynamoDB stream's shard before it reads the children: 0s to 1h (DDS-Y2).
    #[schemars(extend("default" = SHARD_DISCOVERY.value))]
    pub shard_discovery: Option<Duration>,
    /// Processing time of each record.
    #[schemars(extend("default" = PER_RECORD.value))]
    pub per_record: Option<Duration>,
    /// Processing time of one call's records, whatever their number.
    #[schemars(extend("default" = PER_BATCH.value))]
    pub per_batch: Option<Duration>,
    /// What it writes each of its records to, one call after the other. Time spent there is part of the processing.
    pub sink: Option<SinkSettings>,
    /// Workers; each has its share of the shards and does one thing at a time.
    #[schemars(extend("default" = WORKERS.value), range(min = 1, max = 10_000))]
    pub workers: Option<u32>,
    /// The record with which it begins (KDS-R8).
    #[schemars(extend("default" = FROM.value))]
    pub from: Option<FromSettings>,
    /// When it begins, from the start of the run: a backfill, say.
    #[schemars(extend("default" = STARTS.value))]
    pub starts: Option<Duration>,
    /// Whether it reads a shard only after its parents (KDS-S7), as AWS's libraries do. One that does not may see an item's
    /// changes out of order after a resharding; the report then says how many.
    #[schemars(extend("default" = PARENTS_FIRST.value))]
    pub parents_first: Option<bool>,
    /// What it does when retention has removed the record that it would read next.
    #[schemars(extend("default" = WHEN_TRIMMED.value))]
    pub when_trimmed: Option<WhenTrimmedSettings>,
    /// Mean wait before a refused call is tried again: 1ms to 1m; half as long to one and a half times as long.
    #[schemars(extend("default" = REFUSED_WAIT.value))]
    pub refused_wait: Option<Duration>,
}

/// Where a consumer begins (KDS-R8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FromSettings {
    /// With the first record that arrives after it starts.
    Latest,
    /// With the oldest record that is still there.
    TrimHorizon,
    /// With the first record that arrived at this moment of the simulated calendar or later.
    AtTimestamp(Timestamp),
}

/// What a consumer does when retention has passed its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenTrimmedSettings {
    /// It goes on with the oldest record that is left.
    Skip,
    /// It reads that shard no more, as code that takes the gap for a fault does.
    Stick,
    /// It begins again with the records that arrive from now on.
    Restart,
}
