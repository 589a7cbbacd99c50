//! How a scenario describes what a table takes: its capacity mode, its partitions, its indexes.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::one_or_map::{Expected, OneOrMap};
use crate::settings::parameter::Parameter;
use crate::units::{Duration, Percent, ReadUnits, WriteUnits};

/// How long unused capacity is kept.
pub const BURST: Parameter =
    Parameter::published("DDB-P6", "burst", "how long unused write capacity is kept", "300s");
/// What a new on-demand table takes.
pub const WARM_THROUGHPUT: Parameter = Parameter::published(
    "DDB-M1",
    "warm_throughput",
    "what a new on-demand table takes from the start",
    "4000 WRU/s",
);
/// Share in use that auto scaling aims at.
pub const TARGET: Parameter =
    Parameter::published("DDB-M18", "target", "share of capacity in use that auto scaling aims at", "70%");
/// How far below the target capacity is lowered.
pub const SCALE_IN_MARGIN: Parameter = Parameter::assumed(
    "DDB-M16",
    "scale_in_margin",
    "how far below its target use has to be for auto scaling to lower capacity",
    "20%",
    "the alarms that AWS makes for a target of 70 % stand at 70 % and 50 %; it does not publish the rule",
);
/// From the metric to the alarm.
pub const ALARM_LAG: Parameter = Parameter::assumed(
    "DDB-M17",
    "alarm_lag",
    "from the last minute that auto scaling looks at to its call",
    "1m",
    "AWS says that the alarm may take a few minutes more",
);
/// From the call to its effect.
pub const UPDATE: Parameter = Parameter::assumed(
    "DDB-M17",
    "update",
    "from a call to less capacity, or to more than there ever was",
    "3m",
    "AWS says that the update takes several minutes",
);
/// From the call to its effect, within warm throughput.
pub const UPDATE_WARM: Parameter = Parameter::assumed(
    "DDB-M8",
    "update_warm",
    "from a call to its effect, for a level that the table is already made for",
    "10s",
    "AWS says that a raise within warm throughput is possible at once",
);
/// From the call to another mode.
pub const SWITCH: Parameter = Parameter::assumed(
    "DDB-M14",
    "switch",
    "from a call to the other capacity mode; the old throughput holds meanwhile",
    "5m",
    "AWS says that a switch takes several minutes",
);
/// How long a level has to last.
pub const SUSTAINED: Parameter = Parameter::built_in(
    "OPEN-2",
    "how long on-demand traffic has to last to count as a peak",
    "one minute: the highest one-minute average",
    "AWS does not say how long a sustained level lasts (DDB-M4)",
);
/// Partitions at the start.
pub const PARTITIONS_AT_START: Parameter = Parameter::built_in(
    "DDB-P13",
    "partitions at the start, of even hash ranges",
    "one for each 1,000 write units a second (and 3,000 read units) or 10 GiB, whichever takes more",
    "older guidance of AWS's, which fits its on-demand tables (DDB-P12); set `partitions.initial` to choose",
);
/// What a partition saves.
pub const PARTITION_BURST: Parameter = Parameter::built_in(
    "DDB-P1",
    "what a partition saves of its 1,000 write units a second",
    "one second's worth",
    "AWS publishes the rate and no depth",
);
/// From which share on a partition is hot.
pub const HEAT_SHARE: Parameter = Parameter::assumed(
    "OPEN-1",
    "use",
    "share of its throughput, over a minute, from which on a partition is hot",
    "90%",
    SPLIT_UNSTATED,
);
/// How long a partition is hot before it is split.
pub const HEAT_TIME: Parameter = Parameter::assumed(
    "OPEN-1",
    "after",
    "how long a partition is hot before it is split, in whole minutes",
    "10m",
    SPLIT_UNSTATED,
);
const SPLIT_UNSTATED: &str = "AWS splits for heat and does not say after how long (DDB-P11)";
/// Room of new items.
pub const INSERTED: Parameter = Parameter::built_in(
    "DDB-P2",
    "room that new items take on their partition",
    "as many KB as their first write takes units",
    "sizes are known to the KB there; deleted items leave their room empty",
);
/// Writes of local indexes.
pub const LOCAL_INDEX: Parameter = Parameter::built_in(
    "DDB-P4",
    "write units of local secondary indexes",
    "none: a local index only keeps the items of a partition key together",
    "which attributes it has is not part of a scenario",
);
/// Values of an index key.
pub const INDEX_VALUES: Parameter = Parameter::assumed(
    "OWN-7",
    "values",
    "different values of an index's partition key, equally common",
    "1_000_000",
    "few values make hot index partitions: write down the user's own number",
);
/// Quota of one table.
pub const TABLE_QUOTA: Parameter =
    Parameter::published("DDB-M10", "table_write_units", "write units of one table or index", "40000 WCU");
/// Quota of the account.
pub const ACCOUNT_QUOTA: Parameter = Parameter::published(
    "DDB-M10",
    "provisioned_write_units",
    "provisioned write units of all tables and indexes",
    "80000 WCU",
);

/// The parameters of this file.
pub const PARAMETERS: &[Parameter] = &[
    BURST,
    WARM_THROUGHPUT,
    TARGET,
    SCALE_IN_MARGIN,
    ALARM_LAG,
    UPDATE,
    UPDATE_WARM,
    SWITCH,
    SUSTAINED,
    PARTITIONS_AT_START,
    PARTITION_BURST,
    HEAT_SHARE,
    HEAT_TIME,
    INSERTED,
    LOCAL_INDEX,
    INDEX_VALUES,
    TABLE_QUOTA,
    ACCOUNT_QUOTA,
];

/// DynamoDB's quotas of the account in this Region; AWS raises them on request (DDB-M10).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DynamoDbQuotas {
    /// Write units a second of one table or index.
    #[schemars(extend("default" = TABLE_QUOTA.value))]
    pub table_write_units: Option<WriteUnits>,
    /// Provisioned write units a second of all tables and indexes together.
    #[schemars(extend("default" = ACCOUNT_QUOTA.value))]
    pub provisioned_write_units: Option<WriteUnits>,
}

/// A table's capacity mode.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TableCapacity {
    /// So many units a second.
    Provisioned(ProvisionedUnits),
    /// By the traffic: up to double the previous peak at once (DDB-M2).
    OnDemand(OnDemandUnits),
}

/// Provisioned capacity.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProvisionedUnits {
    /// Write units a second; at least 1 (DDB-M11).
    pub write_units: WriteUnits,
    /// Read units a second: paid for, and counted for partitions at the start (DDB-P13); none when left out. Not for indexes.
    pub read_units: Option<ReadUnits>,
    /// How long unused units are kept: 1s to 300s (DDB-P6).
    #[schemars(extend("default" = BURST.value))]
    pub burst: Option<Duration>,
    /// Scaling by use: up after 2 minutes above the target, down after 15 far below it (DDB-M16).
    pub auto_scaling: Option<AutoScalingSettings>,
}

/// Scaling of provisioned write capacity.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutoScalingSettings {
    /// Share of capacity that should be in use: 20% to 90% (DDB-M18).
    #[schemars(extend("default" = TARGET.value))]
    pub target: Option<Percent>,
    /// Least write units.
    pub min: WriteUnits,
    /// Most write units.
    pub max: WriteUnits,
    /// How far below the target use has to be for capacity to be lowered, in percentage points.
    #[schemars(extend("default" = SCALE_IN_MARGIN.value))]
    pub scale_in_margin: Option<Percent>,
}

/// On-demand capacity.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnDemandUnits {
    /// Write units a second that are taken from the start; at least 4000 WRU/s (DDB-M1, DDB-M6).
    #[schemars(extend("default" = WARM_THROUGHPUT.value))]
    pub warm_throughput: Option<WriteUnits>,
    /// The highest traffic before the start, write units a second: double of it is taken at once (DDB-M2).
    pub previous_peak: Option<WriteUnits>,
    /// A maximum of one's own: what is above it is refused (DDB-M9).
    pub max: Option<WriteUnits>,
}

/// A table's partitions: `off`, or how they are.
pub type PartitionsSettings = OneOrMap<Off, PartitionSettings>;

/// Not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Off {
    /// Not at all.
    Off,
}

impl Expected for PartitionSettings {
    const EXPECTED: &'static str = "`off`, or partitions, such as `{ initial: 4 }`";
}

impl Expected for HeatSettings {
    const EXPECTED: &'static str = "`off`, or when, such as `{ use: 90%, after: 10m }`";
}

/// A table's partitions.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartitionSettings {
    /// How many there are at the start: 1 to 4,000; by capacity and size when left out (DDB-P12, DDB-P13).
    #[schemars(range(min = 1, max = 4_000))]
    pub initial: Option<u16>,
    /// Splits of hot partitions; `off`: none, as provisioned tables with Streams had none in 2023 (DDB-P10).
    pub split_for_heat: Option<OneOrMap<Off, HeatSettings>>,
}

/// When a hot partition is split.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeatSettings {
    /// Share of its throughput, over a minute, from which on a partition is hot.
    #[serde(rename = "use")]
    #[schemars(extend("default" = HEAT_SHARE.value))]
    pub used: Option<Percent>,
    /// How long it is hot before it is split: whole minutes, 1m to 1d.
    #[schemars(extend("default" = HEAT_TIME.value))]
    pub after: Option<Duration>,
}

/// A sort key: several items share a partition key.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SortKeySettings {
    /// How many partition keys there are; items go round them, later items with later sort keys (DDB-P9).
    #[schemars(range(min = 1))]
    pub collections: u32,
    /// Whether there is a local secondary index, which keeps the items of a partition key on one partition (DDB-P4).
    #[serde(default)]
    pub local_index: bool,
}

/// Global secondary indexes, by name.
pub type IndexesSettings = IndexMap<String, IndexSettings>;

/// A global secondary index: a write of an item in it needs its capacity too (DDB-P14).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexSettings {
    /// How its capacity is set: in its table's mode. Needed for provisioned ones; on-demand ones have their own defaults.
    pub capacity: Option<TableCapacity>,
    /// Different values of its partition key, equally common: 1 to 100,000,000.
    #[schemars(extend("default" = INDEX_VALUES.value))]
    pub values: Option<u32>,
    /// Share of the items that have its key and so are in it; all when left out.
    pub items: Option<Percent>,
    /// What of an item its entries have; `all` when left out.
    pub projection: Option<ProjectionSettings>,
}

/// What an index has of its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProjectionSettings {
    /// Everything: a write takes as many units as the table's.
    All,
    /// The keys: an insert or a removal takes one unit, and a modification none.
    KeysOnly,
}
