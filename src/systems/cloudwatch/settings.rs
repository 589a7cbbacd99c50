//! How a scenario describes alarms, and which metrics there are.

use schemars::JsonSchema;
use serde::Deserialize;

use super::MetricUnit::{self, Bytes, Count, Milliseconds, Seconds};
use crate::settings::parameter::Parameter;
use crate::settings::reference::Reference;
use crate::units::Duration;

/// Length of a period.
pub const PERIOD: Parameter = Parameter::published("", "period", "length of an alarm's period", "1m");
/// Data points looked at.
pub const EVALUATION_PERIODS: Parameter =
    Parameter::published("", "evaluation_periods", "data points that an alarm looks at", "1");
/// From a period's end to its evaluation.
pub const DELAY: Parameter = Parameter::assumed(
    "OWN-31",
    "delay",
    "from the end of a period to the alarm's evaluation with its data",
    "1m",
    "metrics take a moment to arrive, and alarms are evaluated every minute; alarms that scale tables may lag a few minutes (DDB-M17)",
);

/// The parameters of this room.
pub const PARAMETERS: &[Parameter] = &[PERIOD, EVALUATION_PERIODS, DELAY];

/// An alarm on one of CloudWatch's metrics, as `timeseries.csv` has them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlarmSettings {
    /// What the metric is of: a table, its feed or stream (`tables.x.kinesis`, `tables.x.streams`), a Kinesis stream, a consumer, a
    /// delivery stream, or a queue.
    pub of: Reference,
    /// CloudWatch's name of the metric.
    #[schemars(example = &"IteratorAge", example = &"GetRecords.IteratorAgeMilliseconds")]
    pub metric: String,
    /// The statistic; the one that the series has: maxima of ages and peaks, sums of counts.
    pub statistic: Option<StatisticSettings>,
    /// The threshold: a duration for ages, otherwise a number in the metric's unit.
    #[schemars(with = "serde_json::Value", example = &"15m", example = 100)]
    pub threshold: String,
    /// What breaches.
    #[schemars(extend("default" = "greater_than"))]
    pub comparison: Option<ComparisonSettings>,
    /// Length of a period: 10s, 20s, 30s, or whole minutes up to 1d; a multiple of the series' bins.
    #[schemars(extend("default" = PERIOD.value))]
    pub period: Option<Duration>,
    /// Data points that are looked at: 1 to 1,440.
    #[schemars(extend("default" = EVALUATION_PERIODS.value))]
    pub evaluation_periods: Option<u32>,
    /// Those of them that have to breach; all when left out.
    pub datapoints_to_alarm: Option<u32>,
    /// What a period without data counts as; `ignore` on DynamoDB's metrics when left out.
    #[schemars(extend("default" = "missing"))]
    pub treat_missing_data: Option<MissingSettings>,
    /// From the end of a period to the evaluation that has its data: 0s to 1h.
    #[schemars(extend("default" = DELAY.value))]
    pub delay: Option<Duration>,
}

/// A statistic over a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatisticSettings {
    /// The greatest value.
    Maximum,
    /// The sum.
    Sum,
}

/// Which values breach a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ComparisonSettings {
    /// Those above.
    GreaterThan,
    /// Those at or above.
    GreaterThanOrEqualTo,
    /// Those below.
    LessThan,
    /// Those at or below.
    LessThanOrEqualTo,
}

/// What missing data counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingSettings {
    /// As missing.
    Missing,
    /// The alarm stays as it is.
    Ignore,
    /// A breach.
    Breaching,
    /// No breach.
    NotBreaching,
}

/// A metric that alarms can be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// CloudWatch's name.
    pub name: &'static str,
    /// Its unit.
    pub unit: MetricUnit,
    /// Whether the series has its sums; otherwise its maxima.
    pub sums: bool,
}

const fn sum(name: &'static str) -> Metric {
    Metric { name, unit: Count, sums: true }
}

const fn bytes(name: &'static str) -> Metric {
    Metric { name, unit: Bytes, sums: true }
}

const fn maximum(name: &'static str, unit: MetricUnit) -> Metric {
    Metric { name, unit, sums: false }
}

/// Of a table (DDB-X1 to DDB-X4).
pub const TABLE: &[Metric] = &[
    sum("ConsumedWriteCapacityUnits"),
    sum("WriteThrottleEvents"),
    sum("ThrottledRequests"),
    sum("ConditionalCheckFailedRequests"),
    sum("TransactionConflict"),
    sum("SystemErrors"),
    sum("TimeToLiveDeletedItemCount"),
    sum("WriteKeyRangeThroughputThrottleEvents"),
    sum("WriteProvisionedThroughputThrottleEvents"),
    sum("WriteAccountLimitThrottleEvents"),
    sum("WriteMaxOnDemandThroughputThrottleEvents"),
];
/// Of a table's feed (DDB-X6); CloudWatch has them every five minutes (DDB-X7).
pub const FEED: &[Metric] = &[
    maximum("AgeOfOldestUnreplicatedRecord", Milliseconds),
    sum("ThrottledPutRecordCount"),
    sum("ConsumedChangeDataCaptureUnits"),
    sum("FailedToReplicateRecordCount"),
];
/// Of a table's own stream (DDB-X5).
pub const TABLE_STREAM: &[Metric] = &[sum("ReturnedRecordsCount"), bytes("ReturnedBytes")];
/// Of a data stream (KDS-M1, KDS-M2).
pub const STREAM: &[Metric] =
    &[sum("IncomingRecords"), bytes("IncomingBytes"), sum("WriteProvisionedThroughputExceeded")];
/// Of a polling consumer (KDS-M2, KDS-M3, KDS-M7).
pub const CONSUMER: &[Metric] = &[
    sum("GetRecords.Records"),
    bytes("GetRecords.Bytes"),
    maximum("GetRecords.IteratorAgeMilliseconds", Milliseconds),
    sum("ReadProvisionedThroughputExceeded"),
];
/// Of a function (LAM-M1).
pub const FUNCTION: &[Metric] = &[
    sum("Invocations"),
    sum("Errors"),
    sum("Throttles"),
    maximum("ConcurrentExecutions", Count),
    maximum("IteratorAge", Milliseconds),
    sum("ReadProvisionedThroughputExceeded"),
];
/// Of a fleet of workers (KDS-M2, KDS-M3); the Kinesis Client Library has `MillisBehindLatest` itself.
pub const FLEET: &[Metric] = &[
    sum("GetRecords.Records"),
    maximum("MillisBehindLatest", Milliseconds),
    sum("ReadProvisionedThroughputExceeded"),
];
/// Of a queue.
pub const QUEUE: &[Metric] = &[
    sum("NumberOfMessagesSent"),
    sum("NumberOfMessagesReceived"),
    sum("NumberOfMessagesDeleted"),
    maximum("ApproximateNumberOfMessagesVisible", Count),
    maximum("ApproximateNumberOfMessagesNotVisible", Count),
    maximum("ApproximateAgeOfOldestMessage", Seconds),
];
/// Of a delivery stream (FH-M1, FH-M2, FH-M5).
pub const DELIVERY: &[Metric] = &[
    sum("DeliveryToS3.Records"),
    bytes("DeliveryToS3.Bytes"),
    sum("DeliveryToS3.ObjectCount"),
    maximum("DeliveryToS3.DataFreshness", Seconds),
    sum("DataReadFromKinesisStream.Records"),
    maximum("KinesisMillisBehindLatest", Milliseconds),
    sum("ThrottledGetRecords"),
    sum("IncomingRecords"),
    sum("ThrottledRecords"),
    maximum("PartitionCount", Count),
    maximum("PartitionCountExceeded", Count),
];
