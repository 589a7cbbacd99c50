//! How a scenario describes scheduled queries.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::distribution::Time;
use crate::settings::parameter::Parameter;
use crate::settings::reference::Reference;
use crate::units::{Bytes, Duration, Percent};

/// Queries at once.
pub const AT_ONCE: Parameter =
    Parameter::published("ATH-8", "at_once", "queries started at once in each round", "1");
/// Share of the columns.
pub const COLUMNS: Parameter =
    Parameter::published("ATH-4", "columns", "share of a columnar object in the columns read", "100%");
/// Share of the row groups.
pub const ROW_GROUPS: Parameter =
    Parameter::published("ATH-4", "row_groups", "share of a columnar object's row groups read", "100%");
/// Queueing and planning.
pub const OVERHEAD: Parameter = Parameter::assumed(
    "DEF-9",
    "overhead",
    "queueing and planning of a query",
    "{ lognormal: { median: 1200ms, sigma: 0.5 } }",
    "a trivial query takes 0.5 to 3 s (ATH-10), by hearsay",
);
/// Time for each object.
pub const PER_OBJECT: Parameter = Parameter::assumed(
    "ATH-7",
    "per_object",
    "time that each object adds to a query",
    "1.2ms",
    "AWS's test: 5,000 files took 8.4 s and one file with the same data 2.31 s; from memory",
);
/// Bytes scanned a second.
pub const SCAN_RATE: Parameter = Parameter::assumed(
    "ATH-2",
    "scan_rate",
    "bytes that a query scans in a second",
    "4.5 GiB",
    "AWS's example: 1.15 TB in 236 s",
);
/// Size of merged objects.
pub const TARGET: Parameter =
    Parameter::assumed("S3-6", "target", "size of a merged object", "256 MiB", "128 MB to 1 GB are usual");
/// Delay of compaction.
pub const AFTER: Parameter = Parameter::assumed(
    "OWN-30",
    "after",
    "when the objects of an hour are merged, after its end",
    "15m",
    "late objects have come by then",
);

/// The parameters of this room.
pub const PARAMETERS: &[Parameter] =
    &[AT_ONCE, COLUMNS, ROW_GROUPS, OVERHEAD, PER_OBJECT, SCAN_RATE, TARGET, AFTER];

/// Scheduled queries over the objects of a delivery stream, in Amazon Athena.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AthenaSettings {
    /// The delivery stream: `firehose.lake`.
    pub scans: Reference,
    /// Time between two rounds: 1s to 30d. The first comes so long after the start.
    pub every: Duration,
    /// Queries started at once in each round: 1 to 1,000.
    #[schemars(extend("default" = AT_ONCE.value))]
    pub at_once: Option<u32>,
    /// How far back a query looks: prefixes of the hours before are skipped (ATH-4). Without it all objects are scanned.
    pub window: Option<Duration>,
    /// With dynamic partitioning: how many of the attribute's values a query asks for, the most frequent ones; all without it.
    pub partitions: Option<u32>,
    /// Share of the bytes in the columns that a query names; with a columnar `format` only (ATH-4).
    #[schemars(extend("default" = COLUMNS.value))]
    pub columns: Option<Percent>,
    /// Share of the row groups that its conditions leave; with a columnar `format` only (ATH-4).
    #[schemars(extend("default" = ROW_GROUPS.value))]
    pub row_groups: Option<Percent>,
    /// Removes duplicates as it reads.
    pub deduplicate: Option<DeduplicateSettings>,
    /// Queueing and planning.
    #[schemars(extend("default" = OVERHEAD.value))]
    pub overhead: Option<Time>,
    /// Time that each object adds: 0 to 1s (ATH-5).
    #[schemars(extend("default" = PER_OBJECT.value))]
    pub per_object: Option<Duration>,
    /// Bytes scanned in a second: at least 1 MiB.
    #[schemars(extend("default" = SCAN_RATE.value))]
    pub scan_rate: Option<Bytes>,
    /// A job that merges the objects of past hours. Its requests are billed, its computing is not.
    pub compaction: Option<CompactionSettings>,
}

/// What removing duplicates at query time reads.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeduplicateSettings {
    /// Share of the bytes in the further columns by which rows are compared, such as key and sequence number. Rows of text are read
    /// whole anyway, and this adds nothing to them.
    pub columns: Percent,
}

/// Merging of small objects.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompactionSettings {
    /// Size of a merged object: at least 1 MiB.
    #[schemars(extend("default" = TARGET.value))]
    pub target: Option<Bytes>,
    /// How long after the end of an hour its objects are merged: 0s to 30d.
    #[schemars(extend("default" = AFTER.value))]
    pub after: Option<Duration>,
}
