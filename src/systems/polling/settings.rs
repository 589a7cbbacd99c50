//! How a scenario describes a polling consumer.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::parameter::Parameter;
use crate::settings::reference::Reference;
use crate::systems::kinesis::poll_settings::{PHASE, PhaseSettings};
use crate::units::Duration;

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

/// The parameters of this room.
pub const PARAMETERS: &[Parameter] =
    &[INTERVAL, BATCH_SIZE, STREAMS_BATCH_SIZE, SHARD_DISCOVERY, PER_RECORD, PER_BATCH, WORKERS];

/// A consumer of a stream.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsumerSettings {
    /// The stream it reads: `kinesis.X`, or the DynamoDB stream of a table, `tables.X.streams`.
    pub reads: Reference,
    /// A consumer written with the SDK: workers call GetRecords, process what they got, and call again.
    pub polling: PollingSettings,
}

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
    /// Workers; each has its share of the shards and does one thing at a time.
    #[schemars(extend("default" = WORKERS.value), range(min = 1, max = 10_000))]
    pub workers: Option<u32>,
}
