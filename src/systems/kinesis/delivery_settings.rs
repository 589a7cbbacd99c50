//! How a scenario describes delivery from a stream without Firehose: its own channels to S3 and to Iceberg tables (KDS-D1).

use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::distribution::Time;
use crate::settings::parameter::Parameter;
use crate::units::{Duration, Percent};

/// How fresh a channel's objects are.
pub const FRESHNESS: Parameter =
    Parameter::published("KDS-D2", "freshness", "how long a stream's own delivery gathers records", "300s");
/// How large a channel's objects are.
pub const ONE_OBJECT: Parameter = Parameter::built_in(
    "KDS-D2",
    "objects of a stream's own delivery",
    "one for each shard and freshness interval, however large",
    "AWS publishes the interval alone",
);

/// The parameters of a stream's own delivery.
pub const PARAMETERS: &[Parameter] = &[FRESHNESS, ONE_OBJECT];

/// What an on-demand stream delivers by itself (KDS-D1): at most once to S3 and once to Iceberg tables (KDS-D4). No function
/// transforms it (KDS-D2), and it takes nothing from the shards' readers (KDS-D3).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeliverySettings {
    /// To a bucket.
    pub s3: Option<ChannelSettings>,
    /// To Iceberg tables of S3 Tables, in Parquet (KDS-D4).
    pub iceberg: Option<IcebergChannelSettings>,
}

/// A channel to a bucket.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelSettings {
    /// How long records are gathered: 300s to 900s (KDS-D2).
    #[schemars(extend("default" = FRESHNESS.value))]
    pub freshness: Option<Duration>,
    /// What object names begin with.
    pub prefix: Option<String>,
    /// How long S3 takes to store an object.
    pub put: Option<Time>,
}

/// A channel to Iceberg tables.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IcebergChannelSettings {
    /// How long records are gathered: 300s to 900s (KDS-D2).
    #[schemars(extend("default" = FRESHNESS.value))]
    pub freshness: Option<Duration>,
    /// Size of the Parquet files as a share of their records' bytes; more than 0%.
    pub ratio: Option<Percent>,
    /// Share of the records that do not fit the schema: what is known of them goes to a dead-letter prefix (KDS-D4).
    pub bad_records: Option<Percent>,
    /// How long S3 takes to store an object.
    pub put: Option<Time>,
}
