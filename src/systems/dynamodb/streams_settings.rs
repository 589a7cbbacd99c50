//! How a scenario describes a table's DynamoDB stream.

use schemars::JsonSchema;
use serde::Deserialize;

use super::streams::View;
use crate::settings::distribution::Time;
use crate::settings::parameter::Parameter;
use crate::units::{Bytes, Duration};

/// Delay of the stream.
pub const DELAY: Parameter = Parameter::assumed(
    "OPEN-5",
    "delay",
    "from the write until readers of a DynamoDB stream can see the change",
    "{ lognormal: { median: 40ms, sigma: 0.6 } }",
    "from a measured end-to-end latency (LAT-1); AWS says near real time (DDS-Y1)",
);
/// How long a shard stays open.
pub const ROLLOVER: Parameter = Parameter::assumed(
    "OPEN-4",
    "interval",
    "after how long a shard of a DynamoDB stream is replaced by a child",
    "4h",
    ROLLOVER_BASIS,
);
/// Spread of that.
pub const ROLLOVER_JITTER: Parameter = Parameter::assumed(
    "OPEN-4",
    "jitter",
    "by how much that differs from shard to shard, to either side",
    "15m",
    ROLLOVER_BASIS,
);
const ROLLOVER_BASIS: &str = "users report about four hours (DDS-S3); AWS documents no number";
/// GetRecords calls a second.
pub const CALLS: Parameter = Parameter::assumed(
    "OPEN-3",
    "get_records_calls",
    "GetRecords calls a second on one shard of a DynamoDB stream, all readers together",
    "5",
    "as users report (DDS-R4); AWS publishes no number, says that more than two readers may be throttled (DDS-R1), and that Lambda shares a shard's reading with all others: two functions poll it eight times a second (LAM-P2), more often than these calls allow, so that each sees fewer",
);
/// Bytes read a second.
pub const READ_BYTES: Parameter = Parameter::assumed(
    "OPEN-3",
    "read_bytes",
    "bytes read a second from one shard of a DynamoDB stream, all readers together",
    "2 MiB",
    "as users report (DDS-R4), and twice what a partition takes; AWS publishes no number",
);
/// Size of the records.
pub const SIZE: Parameter = Parameter::built_in(
    "OPEN-3",
    "what a record of a DynamoDB stream counts towards the limits on reading",
    "its SizeBytes: keys and images by the rules of the table",
    "AWS publishes how large an answer can be (DDS-R3) and not what is counted",
);

/// The parameters of this room.
pub const PARAMETERS: &[Parameter] = &[DELAY, ROLLOVER, ROLLOVER_JITTER, CALLS, READ_BYTES, SIZE];

/// DynamoDB Streams on a table.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamsSettings {
    /// What its records hold of their items (DDS-5); it stays for the life of the stream.
    pub view: ViewSettings,
    /// From the write until readers can see the change (OPEN-5). An item's changes stay in order (DDS-3).
    #[schemars(extend("default" = DELAY.value))]
    pub delay: Option<Time>,
    /// How its shards follow each other while their partition stays.
    pub rollover: Option<RolloverSettings>,
    /// What all readers of one shard get together.
    pub limits: Option<StreamsLimits>,
}

/// What a record holds of its item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ViewSettings {
    /// The primary key alone.
    KeysOnly,
    /// The key, and the item as it was before.
    OldImage,
    /// The key, and the item as it is now.
    NewImage,
    /// The key and both.
    NewAndOldImages,
}

impl From<ViewSettings> for View {
    fn from(view: ViewSettings) -> Self {
        match view {
            ViewSettings::KeysOnly => Self::KeysOnly,
            ViewSettings::OldImage => Self::OldImage,
            ViewSettings::NewImage => Self::NewImage,
            ViewSettings::NewAndOldImages => Self::NewAndOldImages,
        }
    }
}

/// The life of a shard.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RolloverSettings {
    /// After how long a shard closes and one child opens: 1m to 8760h (OPEN-4).
    #[schemars(extend("default" = ROLLOVER.value))]
    pub interval: Option<Duration>,
    /// By how much that differs from shard to shard, to either side: at most the interval (OPEN-4).
    #[schemars(extend("default" = ROLLOVER_JITTER.value))]
    pub jitter: Option<Duration>,
}

/// What all readers of one shard get together.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamsLimits {
    /// GetRecords calls a second: 1 to 1,000 (OPEN-3).
    #[schemars(extend("default" = CALLS.value), range(min = 1, max = 1_000))]
    pub get_records_calls: Option<u32>,
    /// Bytes a second: 1 MiB to 1 GiB (DDS-R4).
    #[schemars(extend("default" = READ_BYTES.value))]
    pub read_bytes: Option<Bytes>,
}
