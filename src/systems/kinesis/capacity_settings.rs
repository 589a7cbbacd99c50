//! How a scenario describes a stream's capacity: its mode, its scaling policy, the account's quotas.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::parameter::Parameter;
use crate::units::{ByteRate, Duration, Percent, TimeOfDay};

/// The highest traffic before the run.
pub const PEAK: Parameter = Parameter::published(
    "KDS-O1",
    "peak_30_days",
    "the peak of the 30 days before; a new stream had none",
    "0 B/s",
);
/// How fast on-demand mode splits.
pub const SPLIT_DELAY: Parameter = Parameter::assumed(
    "KDS-O4",
    "split_delay",
    "from the beginning of the minute in which a shard is above half of its limit to its split",
    "15m",
    "AWS says within 15 minutes; this is the latest",
);
/// How long a peak counts.
pub const PEAK_KEPT: Parameter = Parameter::assumed(
    "OPEN-12",
    "peak_kept",
    "how long a peak counts; once a day, shards that double of the later ones does not need are merged",
    "30d",
    "AWS promises double the peak of 30 days (KDS-O2) and does not say how fast on-demand mode scales down (KDS-O8)",
);
/// What counts as half of a shard.
pub const HOT_RECORDS: Parameter = Parameter::built_in(
    "KDS-O4",
    "records a second from which on on-demand mode splits a shard",
    "500, the half of its limit, as of its bytes",
    "AWS names only bytes: 500 KB/s",
);
/// How long on-demand throughput has to last.
pub const LEVEL: Parameter = Parameter::built_in(
    "KDS-O2",
    "how long traffic has to last to count as on-demand mode's load or peak",
    "one minute: the mean of a calendar minute",
    "AWS does not say over which time it looks",
);
/// From a call for warm throughput to its effect.
pub const WARM_DELAY: Parameter = Parameter::assumed(
    "KDS-A2",
    "warm_delay",
    "from a call for another warm throughput to its effect",
    "5m",
    "AWS says a few minutes",
);
/// From a call for another mode to its effect.
pub const SWITCH: Parameter = Parameter::assumed(
    "KDS-S10",
    "switch",
    "from a call to the other capacity mode; the stream is UPDATING meanwhile",
    "5m",
    "AWS does not say how long a switch takes",
);
/// Share in use that a policy aims at.
pub const TARGET: Parameter =
    policy("target_utilisation", "share of a stream's limits in use that a policy aims at", "70%");
/// Share below which there are too many shards.
pub const TOO_LOW: Parameter =
    policy("scale_in_below", "share in use below which a policy takes shards away", "50%");
/// Pause after a call.
pub const COOL_DOWN: Parameter = policy("cool_down", "pause of a policy after a call", "10m");
/// What one value of the metric covers.
pub const PERIOD: Parameter = policy("period", "time that one value of a policy's metric covers", "1m");
/// Values above before a call.
pub const DATAPOINTS: Parameter =
    policy("datapoints", "values in a row above the target before a policy asks for more", "3");
/// Values below before a call.
pub const SCALE_IN_DATAPOINTS: Parameter =
    policy("scale_in_datapoints", "values in a row below before a policy asks for fewer", "15");
/// From the metric to the call.
pub const LAG: Parameter = policy("lag", "from the end of a period to a policy's call", "1m");
/// Fewest shards.
pub const MIN: Parameter = policy("min", "fewest shards that a policy asks for", "1");
/// Most shards.
pub const MAX: Parameter = policy("max", "most shards that a policy asks for", "10_000");

const fn policy(key: &'static str, what: &'static str, value: &'static str) -> Parameter {
    let basis = "a policy is the user's own code: write its settings down";
    Parameter::assumed("OWN-12", key, what, value, basis)
}

/// The parameters of this file.
pub const PARAMETERS: &[Parameter] = &[
    PEAK,
    SPLIT_DELAY,
    PEAK_KEPT,
    HOT_RECORDS,
    LEVEL,
    WARM_DELAY,
    SWITCH,
    TARGET,
    TOO_LOW,
    COOL_DOWN,
    PERIOD,
    DATAPOINTS,
    SCALE_IN_DATAPOINTS,
    LAG,
    MIN,
    MAX,
];

/// A stream's capacity mode.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamCapacity {
    /// A number of shards that the user changes, perhaps through a policy.
    Provisioned(ProvisionedShards),
    /// By the traffic: room for double the peak of 30 days (KDS-O2).
    OnDemand(OnDemandStream),
}

/// Provisioned shards.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProvisionedShards {
    /// Open shards: 1 to 10,000 (KDS-S8).
    #[schemars(range(min = 1, max = 10_000))]
    pub shards: u32,
    /// A policy of one's own that calls UpdateShardCount and meets its quotas (KDS-S8).
    pub scaling: Option<ScalingSettings>,
}

/// On-demand capacity.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnDemandStream {
    /// The peak of the 30 days before the run: double of it is taken at once; none for a new stream, which takes 4 MB/s
    /// (KDS-O1, KDS-O2).
    #[schemars(extend("default" = PEAK.value))]
    pub peak_30_days: Option<ByteRate>,
    /// Taken at once whatever the traffic was; needs `account.on_demand_advantage` (KDS-A1).
    pub warm_throughput: Option<ByteRate>,
    /// From the beginning of the minute in which a shard is above half of its limit to its split: 1m to 1h (KDS-O4).
    #[schemars(extend("default" = SPLIT_DELAY.value))]
    pub split_delay: Option<Duration>,
    /// How long a peak counts: 1h to 365d. Once a day, shards that double of the later ones does not need are merged (OPEN-12).
    #[schemars(extend("default" = PEAK_KEPT.value))]
    pub peak_kept: Option<Duration>,
}

/// A scaling policy: either a schedule or a target.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScalingSettings {
    /// Shards by the time of the day, every day.
    pub scheduled: Option<Vec<ScheduledShards>>,
    /// The share of the stream's limits that should be in use, by records or bytes, whichever is nearer: 5% to 95%.
    #[schemars(extend("default" = TARGET.value))]
    pub target_utilisation: Option<Percent>,
    /// The share below which shards are taken away; below the target.
    #[schemars(extend("default" = TOO_LOW.value))]
    pub scale_in_below: Option<Percent>,
    /// Fewest shards.
    #[schemars(extend("default" = 1))]
    pub min: Option<u32>,
    /// Most shards.
    #[schemars(extend("default" = 10_000))]
    pub max: Option<u32>,
    /// Pause after a call: 0s to 1d.
    #[schemars(extend("default" = COOL_DOWN.value))]
    pub cool_down: Option<Duration>,
    /// Time that one value of the metric covers: 1m, 5m, 15m or 1h.
    #[schemars(extend("default" = PERIOD.value))]
    pub period: Option<Duration>,
    /// Values in a row above the target before more shards are asked for: 1 to 60.
    #[schemars(extend("default" = 3))]
    pub datapoints: Option<u32>,
    /// Values in a row below before fewer are asked for: 1 to 1,440.
    #[schemars(extend("default" = 15))]
    pub scale_in_datapoints: Option<u32>,
    /// From the end of a period to the call, for the metric to appear and the alarm to act: whole minutes, 0m to 1h.
    #[schemars(extend("default" = LAG.value))]
    pub lag: Option<Duration>,
}

/// A shard count from a time of the day on.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduledShards {
    /// Time of the UTC day at which UpdateShardCount is called.
    pub at: TimeOfDay,
    /// Its target.
    pub shards: u32,
}

/// Another capacity of a stream, asked for while the run goes on (KDS-S10).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamCapacityChange {
    /// Provisioned mode with the shards that are open then.
    Provisioned(ProvisionedChange),
    /// On-demand mode with the shards that are open then.
    OnDemand(OnDemandChange),
}

/// Provisioned mode.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProvisionedChange {
    /// UpdateShardCount to so many, once the mode is provisioned.
    pub shards: Option<u32>,
    /// The policy from then on; none when left out.
    pub scaling: Option<ScalingSettings>,
}

/// On-demand mode.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnDemandChange {
    /// The warm throughput from then on; needs `account.on_demand_advantage` (KDS-A1).
    pub warm_throughput: Option<ByteRate>,
}

/// Kinesis's quotas of the account in this Region; AWS raises them on request.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KinesisQuotas {
    /// What an on-demand stream takes at most: 10 GB/s in us-east-1, us-west-2 and eu-west-1, 200 MB/s elsewhere when left out
    /// (KDS-O6).
    pub on_demand_write: Option<ByteRate>,
    /// Shards of all provisioned streams: 20,000 in those three Regions, 1,000 elsewhere when left out (KDS-S3).
    pub shards: Option<u32>,
    /// On-demand streams: 50 when left out (KDS-S4).
    pub on_demand_streams: Option<u32>,
}
