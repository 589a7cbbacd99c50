//! How a scenario describes the feed of a table's changes into a stream.

use schemars::JsonSchema;
use serde::Deserialize;

use super::feed_stream::FeedStream;
use crate::settings::distribution::Time;
use crate::settings::one_or_map::{Expected, OneOrMap};
use crate::settings::parameter::Parameter;
use crate::units::{Duration, Percent};

/// Unit of the records' time.
pub const TIMESTAMP_PRECISION: Parameter = Parameter::assumed(
    "KDC-T2",
    "timestamp_precision",
    "unit of the change records' time",
    "millisecond",
    "the API's default; the console's may be microsecond",
);
/// Size of the records.
pub const RECORD_SIZE: Parameter = Parameter::published("KDC-J6", "size", "what a record's size is", "json");
/// Partition key of the records.
pub const PARTITION_KEY: Parameter =
    Parameter::published("KDC-P1", "partition_key", "what a record's partition key is", "hashed");
/// Delay of the feed.
pub const DELAY: Parameter = Parameter::assumed(
    "KDC-Y1",
    "delay",
    "from the write to the stream's door",
    "{ lognormal: { median: 240ms, sigma: 0.55 } }",
    "fitted to six published observations",
);
/// Order of the feed.
pub const ORDER: Parameter = Parameter::assumed(
    "OPEN-7",
    "order",
    "the order that the feed keeps",
    "per_item",
    "disorder within an item is rare where it was observed",
);
/// Share of records out of order.
pub const REORDER: Parameter = Parameter::assumed(
    "OPEN-6",
    "reorder",
    "share of records that the feed holds back",
    "0.01%",
    "AWS warns of disorder (KDC-1) and gives no number",
);
/// How late they are.
pub const REORDER_DELAY: Parameter = Parameter::assumed(
    "OPEN-6",
    "reorder_delay",
    "how long it holds them back",
    "{ exponential: { mean: 500ms } }",
    "about as long as a slow record takes",
);
/// Share of records with a copy.
pub const DUPLICATES: Parameter = Parameter::assumed(
    "OPEN-6",
    "duplicates",
    "share of records that the feed sends twice",
    "0.001%",
    "AWS warns of duplicates (KDC-2) and gives no number",
);
/// How late copies are.
pub const DUPLICATES_DELAY: Parameter = Parameter::assumed(
    "OPEN-6",
    "duplicates_delay",
    "how much later the copy comes",
    "{ exponential: { mean: 500ms } }",
    "about as long as a slow record takes",
);
/// First wait after throttling.
pub const RETRY_BASE: Parameter = Parameter::assumed(
    "OPEN-7",
    "retry_base",
    "the feed's first wait after the stream throttled it",
    "50ms",
    RETRY_BASIS,
);
/// Longest wait.
pub const RETRY_CAP: Parameter =
    Parameter::assumed("OPEN-7", "retry_cap", "the feed's longest wait", "5s", RETRY_BASIS);
/// Spread of waits.
pub const RETRY_JITTER: Parameter =
    Parameter::assumed("OPEN-7", "retry_jitter", "spread of the feed's waits", "full", RETRY_BASIS);
/// What tries again.
pub const RETRY_UNIT: Parameter = Parameter::built_in(
    "OPEN-7",
    "what a feed tries again at a time",
    "each waiting change by itself, not all those of a partition of the table in batches",
    RETRY_BASIS,
);
const RETRY_BASIS: &str = "AWS does not publish how the feed tries again (KDC-R5)";
/// Whether retries are metered.
pub const METERED: Parameter = Parameter::built_in(
    "OPEN-8",
    "change data capture units that are billed",
    "those of every attempt",
    "AWS speaks of attempted units (KDC-M2)",
);
/// What is still sent after a feed is switched off.
pub const TAIL: Parameter = Parameter::built_in(
    "KDC-11",
    "for how long a feed that is switched off still sends what is under way",
    "30s",
    "AWS says for a short time",
);
/// How long switching on takes.
pub const ENABLING: Parameter = Parameter::built_in(
    "KDC-9",
    "from switching a feed on to the first captured change",
    "60s",
    "AWS says that the service chooses the moment",
);
/// What the partition key is made from.
pub const HASHED: Parameter = Parameter::built_in(
    "OPEN-13",
    "what the feed's partition key is made from",
    "the item's full primary key, by a hash of ours",
    "AWS publishes neither (KDC-P3, KDC-P4)",
);

/// The parameters of this room.
pub const PARAMETERS: &[Parameter] = &[
    TIMESTAMP_PRECISION,
    RECORD_SIZE,
    PARTITION_KEY,
    DELAY,
    ORDER,
    REORDER,
    REORDER_DELAY,
    DUPLICATES,
    DUPLICATES_DELAY,
    RETRY_BASE,
    RETRY_CAP,
    RETRY_JITTER,
    RETRY_UNIT,
    METERED,
    TAIL,
    ENABLING,
    HASHED,
];

/// The feed into a stream.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KinesisFeedSettings {
    /// Name of the stream, in this scenario's section `kinesis`: one, in the table's own account and Region (KDC-5).
    pub stream: FeedStream,
    /// Unit of the records' time (KDC-T1).
    #[schemars(extend("default" = TIMESTAMP_PRECISION.value))]
    pub timestamp_precision: Option<Precision>,
    /// What its records are like.
    pub record: Option<RecordSettings>,
    /// How changes get from the table to the stream.
    pub replication: Option<ReplicationSettings>,
}

/// Unit of a record's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 13 digits.
    Millisecond,
    /// 16 digits and a field that says so: 56 bytes more a record (KDC-J6).
    Microsecond,
}

/// What the feed's records are like.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordSettings {
    /// What a record's size is.
    #[schemars(extend("default" = RECORD_SIZE.value))]
    pub size: Option<RecordSizeSettings>,
    /// What its partition key is.
    #[schemars(extend("default" = PARTITION_KEY.value))]
    pub partition_key: Option<PartitionKeySettings>,
}

/// What a record's size is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordSizeSettings {
    /// The change as DynamoDB writes it, in JSON (KDC-J6), and its partition key.
    Json,
    /// The item's size alone, for comparisons.
    Item,
}

/// What a record's partition key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartitionKeySettings {
    /// 32 hexadecimal digits that stand for the item (KDC-P1).
    Hashed,
    /// The same, but made from the table's partition key alone: items that differ only in their sort key share a shard
    /// (KDC-P4). The table needs a `sort_key`.
    HashedPartitionKey,
    /// The item's own key, for comparisons.
    Raw,
}

/// How changes get from the table to the stream.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplicationSettings {
    /// From the write to the stream's door (KDC-Y1).
    #[schemars(extend("default" = DELAY.value))]
    pub delay: Option<Time>,
    /// The order that is kept.
    #[schemars(extend("default" = ORDER.value))]
    pub order: Option<OrderSettings>,
    /// Share of records that are held back and may be overtaken by later changes of their item (OPEN-6). Only with
    /// `order: per_item`.
    #[schemars(extend("default" = REORDER.value))]
    pub reorder: Option<ChanceSettings>,
    /// Share of records that come twice (OPEN-6).
    #[schemars(extend("default" = DUPLICATES.value))]
    pub duplicates: Option<ChanceSettings>,
    /// How it tries again after the stream throttled a record (OPEN-7).
    pub retry: Option<FeedRetrySettings>,
}

/// The order that a feed keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderSettings {
    /// The changes of one item arrive in the order in which the table made them.
    PerItem,
    /// Every record has its own delay, whatever came before; for comparisons with theory.
    Independent,
}

/// A share of records, or a share and what happens to them.
pub type ChanceSettings = OneOrMap<Percent, ChanceWithDelay>;

/// A share of records and their further delay.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChanceWithDelay {
    /// Share of records.
    pub probability: Option<Percent>,
    /// How much later they come; by default exponential with a mean of 500ms.
    pub delay: Option<Time>,
}

impl Expected for ChanceWithDelay {
    const EXPECTED: &'static str =
        "a percentage, such as `0.1%`, or `{ probability: 0.1%, delay: { exponential: { mean: 500ms } } }`";
}

/// How the feed tries again.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedRetrySettings {
    /// The first wait; each further one is twice as long.
    #[schemars(extend("default" = RETRY_BASE.value))]
    pub base: Option<Duration>,
    /// The longest wait.
    #[schemars(extend("default" = RETRY_CAP.value))]
    pub cap: Option<Duration>,
    /// How waits are spread.
    #[schemars(extend("default" = RETRY_JITTER.value))]
    pub jitter: Option<JitterSettings>,
}

/// How waits are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JitterSettings {
    /// Evenly between zero and the computed wait.
    Full,
    /// Not at all.
    None,
}
