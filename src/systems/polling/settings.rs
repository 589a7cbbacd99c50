//! How a scenario describes a polling consumer.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::parameter::Parameter;
use crate::systems::kinesis::poll_settings::{PHASE, PhaseSettings};
use crate::units::Duration;

const OWN_CODE: &str = "it is the user's own code: measure it and write it down";

/// Time between two polls of one shard.
pub const INTERVAL: Parameter =
    Parameter::published("KDS-R10", "interval", "time between two GetRecords calls on one shard", "1s");
/// Records asked for in one call.
pub const BATCH_SIZE: Parameter =
    Parameter::published("KDS-R2", "batch_size", "records asked for in one call", "10_000");
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
pub const PARAMETERS: &[Parameter] = &[INTERVAL, BATCH_SIZE, PER_RECORD, PER_BATCH, WORKERS];

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
    /// Records asked for in one call: 1 to 10,000 (KDS-R2).
    #[schemars(extend("default" = BATCH_SIZE.value), range(min = 1, max = 10_000))]
    pub batch_size: Option<u32>,
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
