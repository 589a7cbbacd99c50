//! How a scenario describes a table.

use schemars::JsonSchema;
use serde::Deserialize;

use super::replication_settings::KinesisFeedSettings;
use crate::settings::parameter::Parameter;
use crate::units::{Duration, WriteUnits};

/// How long unused capacity is kept.
pub const BURST: Parameter =
    Parameter::published("DDB-P6", "burst", "how long unused write capacity is kept", "300s");
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
/// Partitions.
pub const PARTITIONS: Parameter = Parameter::built_in(
    "DDB-P1",
    "limits of single partitions",
    "none: only the table's own capacity is limited",
    "partitions are not simulated yet; AWS refuses more than 1,000 write units a second on one item",
);
const OWN_DATA: &str = "they decide shards and record sizes: write down what the user's keys look like";

/// The parameters of this room.
pub const PARAMETERS: &[Parameter] = &[BURST, KEY_PREFIX, KEY_DIGITS, SHAPE, PARTITIONS];

/// A DynamoDB table.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableSettings {
    /// How its capacity is set.
    pub capacity: TableCapacity,
    /// How the keys of its items are written; not with a trace, which brings its own.
    pub key: Option<KeySettings>,
    /// Kinesis Data Streams for DynamoDB: the feed of its changes into a stream.
    pub kinesis: Option<KinesisFeedSettings>,
}

/// A table's capacity mode.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TableCapacity {
    /// So many units a second.
    Provisioned(ProvisionedUnits),
}

/// Provisioned capacity.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProvisionedUnits {
    /// Write units a second; at least 1 (DDB-M11).
    pub write_units: WriteUnits,
    /// How long unused units are kept: 1s to 300s (DDB-P6).
    #[schemars(extend("default" = BURST.value))]
    pub burst: Option<Duration>,
}

/// The text of generated keys: a prefix and a number.
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
