//! How a scenario describes a table.

use schemars::JsonSchema;
use serde::Deserialize;

use super::capacity_settings::{IndexesSettings, PartitionsSettings, SortKeySettings, TableCapacity};
use super::replication_settings::KinesisFeedSettings;
use super::streams_settings::StreamsSettings;
use crate::settings::parameter::Parameter;
use crate::units::Bytes;

/// Prefix of keys.
pub const KEY_PREFIX: Parameter =
    Parameter::assumed("OWN-1", "prefix", "what the items' keys begin with", "item#", OWN_DATA);
/// Digits of keys.
pub const KEY_DIGITS: Parameter =
    Parameter::assumed("OWN-1", "digits", "digits in the items' keys", "11", OWN_DATA);
/// Shape of items that are known by their size alone.
pub const SHAPE: Parameter = Parameter::built_in(
    "OWN-5",
    "the shape of items known only by their size",
    "a text key `pk` and one other text, `data`",
    "few attributes make small records (KDC-J4): write `item: { shape: ... }` for exact sizes",
);
/// Items of a table whose size is not written down.
pub const TABLE_ITEMS: Parameter = Parameter::built_in(
    "OWN-43",
    "what a table holds at the start whose `size` is not written down, for the bill",
    "an item of mean size for each key of the workload; none for keys that are only inserted, which come in the run (those that `latest` states are there)",
    "the rest of it is not in the scenario: write `size` for the whole table",
);
const OWN_DATA: &str = "they decide shards and record sizes: write down what the user's keys look like";

/// The parameters of this room.
pub const PARAMETERS: &[Parameter] = &[KEY_PREFIX, KEY_DIGITS, SHAPE, TABLE_ITEMS];

/// A DynamoDB table.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableSettings {
    /// How its capacity is set.
    pub capacity: TableCapacity,
    /// Its partitions, each with a limit of its own (DDB-P1). `off`: only the capacity is limited.
    pub partitions: Option<PartitionsSettings>,
    /// Bytes of its items at the start; small when left out. A partition holds 10 GiB (DDB-P2).
    pub size: Option<Bytes>,
    /// Whether it is backed up continuously, for the bill (`ddb.pitr_gbmo`).
    #[schemars(extend("default" = false))]
    pub point_in_time_recovery: Option<bool>,
    /// Its sort key, if several items share a partition key; without one each item has its own.
    pub sort_key: Option<SortKeySettings>,
    /// Its global secondary indexes, by name: at most 20.
    #[serde(default)]
    pub global_secondary_indexes: IndexesSettings,
    /// How the keys of its items are written; not with a trace, which brings its own.
    pub key: Option<KeySettings>,
    /// Kinesis Data Streams for DynamoDB: the feed of its changes into a stream.
    pub kinesis: Option<KinesisFeedSettings>,
    /// DynamoDB Streams; both feeds can be on (DDS-8).
    pub streams: Option<StreamsSettings>,
}

/// The text of generated keys: a prefix and a number, at most 256 characters together (KDS-H1).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    /// What keys begin with.
    #[schemars(extend("default" = KEY_PREFIX.value))]
    pub prefix: Option<String>,
    /// Digits of the number, zeros in front.
    #[schemars(extend("default" = KEY_DIGITS.value))]
    pub digits: Option<u8>,
}
