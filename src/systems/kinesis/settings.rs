//! How a scenario describes a data stream.

use schemars::JsonSchema;
use serde::Deserialize;

use super::capacity_settings::StreamCapacity;
use super::delivery_settings::DeliverySettings;
use super::encryption::EncryptionSettings;
use super::shard_metrics::ShardMetric;
use crate::settings::parameter::Parameter;
use crate::units::{Bytes, Duration};

/// How long records stay.
pub const RETENTION: Parameter = Parameter::published("KDS-S1", "retention", "how long records stay", "24h");
/// The largest record.
pub const MAX_RECORD: Parameter =
    Parameter::published("KDS-W4", "max_record", "the largest record, partition key included", "1 MiB");
/// Whether the limit on GetRecords calls holds.
pub const GET_RECORDS_CALLS: Parameter =
    Parameter::published("KDS-R1", "get_records_calls", "whether five calls a second are the limit", "true");
/// Length of one step of a resharding.
pub const RESHARD_STEP: Parameter = Parameter::assumed(
    "OPEN-11",
    "reshard_step",
    "time that one split or merge takes; one goes on at a time",
    "30s",
    "AWS speaks of a few minutes, by the size of the stream (KDS-S9)",
);
/// Depth of the write buckets.
pub const BURST: Parameter = Parameter::built_in(
    "OPEN-10",
    "unused write capacity that a shard keeps",
    "1s of records and of bytes; 10 MiB where large records are allowed",
    "AWS publishes the rates, and the depth only for large records (KDS-B2)",
);
/// What of a record is billed.
pub const BILLED_BYTES: Parameter = Parameter::built_in(
    "PRICE-1",
    "what of a record a stream bills",
    "its data and its partition key",
    "AWS does not say whether the key counts; it counts towards the limits (KDS-W1)",
);
/// Bytes of a PUT payload unit.
pub const PUT_PAYLOAD_UNIT: Parameter = Parameter::built_in(
    "PRICE-2",
    "bytes of a PUT payload unit of 25 KB",
    "25600",
    "AWS says 25 KB and bills a record of 1 MB as 40 units, which only 25,000 bytes make: records above about 1 MB may cost 2.4 % more",
);

/// The parameters of this room.
pub const PARAMETERS: &[Parameter] =
    &[RETENTION, MAX_RECORD, GET_RECORDS_CALLS, RESHARD_STEP, BURST, BILLED_BYTES, PUT_PAYLOAD_UNIT];

/// A Kinesis data stream.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamSettings {
    /// How its capacity is set.
    pub capacity: StreamCapacity,
    /// How long records stay: 24h to 8760h (KDS-S1).
    #[schemars(extend("default" = RETENTION.value))]
    pub retention: Option<Duration>,
    /// The largest record, partition key included: 1 MiB to 10 MiB, whole KiB (KDS-W4).
    #[schemars(extend("default" = MAX_RECORD.value))]
    pub max_record: Option<Bytes>,
    /// Time that one split or merge takes: 0s to 1h (OPEN-11). A change of the shard count is a row of them.
    #[schemars(extend("default" = RESHARD_STEP.value))]
    pub reshard_step: Option<Duration>,
    /// For how long before the run the stream took records, at most its retention: they came evenly, at the workload's mean
    /// rate over the run, and are there for consumers that begin with older records.
    pub history: Option<Duration>,
    /// Server-side encryption with a KMS key, for the bill; off when left out.
    pub encryption: Option<EncryptionSettings>,
    /// CloudWatch metrics of each shard, for the bill; none when left out. The price book has no price for them: state your own
    /// as `cw.metric_mo`.
    #[serde(default)]
    pub shard_level_metrics: Vec<ShardMetric>,
    /// What it delivers without a Firehose: on-demand streams only (KDS-D1).
    pub delivery: Option<DeliverySettings>,
    /// Limits that can be switched off for comparisons with theory.
    pub limits: Option<StreamLimits>,
}

/// Limits of a shard.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamLimits {
    /// Whether a shard takes only five GetRecords calls a second from all its polling readers (KDS-R1).
    #[schemars(extend("default" = GET_RECORDS_CALLS.value))]
    pub get_records_calls: Option<bool>,
}
