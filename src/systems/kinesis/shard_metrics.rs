//! CloudWatch metrics of single shards, which are off unless they are asked for and then billed by metric and shard.

use schemars::JsonSchema;
use serde::Deserialize;

/// A metric that each shard can have, by CloudWatch's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShardMetric {
    /// `IncomingBytes`.
    IncomingBytes,
    /// `IncomingRecords`.
    IncomingRecords,
    /// `OutgoingBytes`.
    OutgoingBytes,
    /// `OutgoingRecords`.
    OutgoingRecords,
    /// `WriteProvisionedThroughputExceeded`.
    WriteProvisionedThroughputExceeded,
    /// `ReadProvisionedThroughputExceeded`.
    ReadProvisionedThroughputExceeded,
    /// `IteratorAgeMilliseconds`.
    IteratorAgeMilliseconds,
}
