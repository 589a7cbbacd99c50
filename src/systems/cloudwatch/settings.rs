//! How a scenario describes alarms, and which metrics there are.

use schemars::JsonSchema;
use serde::Deserialize;

use super::MetricUnit::{self, Bytes, Count, Milliseconds, Seconds};
use crate::settings::parameter::Parameter;
use crate::settings::reference::Reference;
use crate::systems::firehose::endpoint::EndpointKind;
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
    maximum("BurstBalance", Count),
    maximum("Partitions", Count),
];
/// Of a provisioned table besides.
pub const PROVISIONED_TABLE: &[Metric] = &[maximum("ProvisionedWriteCapacityUnits", Count)];
/// Of an on-demand table besides.
pub const ON_DEMAND_TABLE: &[Metric] = &[maximum("WriteCapacityUnitsAtOnce", Count)];
/// Of a table's feed (DDB-X6); CloudWatch has them every five minutes (DDB-X7).
pub const FEED: &[Metric] = &[
    maximum("AgeOfOldestUnreplicatedRecord", Milliseconds),
    sum("ThrottledPutRecordCount"),
    sum("ConsumedChangeDataCaptureUnits"),
    sum("FailedToReplicateRecordCount"),
];
/// Of a table's own stream (DDB-X5).
pub const TABLE_STREAM: &[Metric] =
    &[sum("ReturnedRecordsCount"), bytes("ReturnedBytes"), maximum("OpenShards", Count)];
/// Of a data stream whose capacity moves besides.
pub const MOVING_STREAM: &[Metric] = &[maximum("OpenShardCount", Count)];
/// Of a data stream (KDS-M1, KDS-M2).
pub const STREAM: &[Metric] =
    &[sum("IncomingRecords"), bytes("IncomingBytes"), sum("WriteProvisionedThroughputExceeded")];
/// Of a polling consumer (KDS-M2, KDS-M3, KDS-M7).
pub const CONSUMER: &[Metric] = &[
    sum("ProcessedRecords"),
    sum("GetRecords.Records"),
    bytes("GetRecords.Bytes"),
    maximum("GetRecords.IteratorAgeMilliseconds", Milliseconds),
    sum("ReadProvisionedThroughputExceeded"),
];
/// Of a function (LAM-M1).
pub const FUNCTION: &[Metric] = &[
    sum("ProcessedRecords"),
    sum("Invocations"),
    sum("Errors"),
    sum("Throttles"),
    maximum("ConcurrentExecutions", Count),
    maximum("IteratorAge", Milliseconds),
    maximum("IteratorAge at the end of processing", Milliseconds),
    sum("ReadProvisionedThroughputExceeded"),
];
/// Of a function that is a registered consumer besides (KDS-M5).
pub const FAN_OUT: &[Metric] = &[
    sum("SubscribeToShardEvent.Records"),
    bytes("SubscribeToShardEvent.Bytes"),
    maximum("SubscribeToShardEvent.MillisBehindLatest", Milliseconds),
];
/// Of a fleet of workers (KDS-M2, KDS-M3); the Kinesis Client Library has `MillisBehindLatest` itself.
pub const FLEET: &[Metric] = &[
    sum("ProcessedRecords"),
    sum("ProcessedAgain"),
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
/// The metrics of a delivery to a destination (FH-M1, FH-M2), by its name in them.
macro_rules! delivery_to {
    ($name:literal, $objects:literal) => {{
        const METRICS: &[Metric] = &[
            sum(concat!($name, ".Records")),
            bytes(concat!($name, ".Bytes")),
            sum(concat!($name, $objects)),
            sum(concat!($name, ".Success")),
            maximum(concat!($name, ".DataFreshness"), Seconds),
        ];
        METRICS
    }};
}

/// Of a delivery stream to S3.
pub const TO_S3: &[Metric] = delivery_to!("DeliveryToS3", ".ObjectCount");
/// Of a backup.
pub const BACKUP: &[Metric] = delivery_to!("BackupToS3", ".ObjectCount");
/// Of one to another destination.
pub fn to_endpoint(kind: EndpointKind) -> &'static [Metric] {
    match kind {
        EndpointKind::Redshift => delivery_to!("DeliveryToRedshift", ".RequestCount"),
        EndpointKind::OpenSearch => delivery_to!("DeliveryToAmazonOpenSearchService", ".RequestCount"),
        EndpointKind::OpenSearchServerless => {
            delivery_to!("DeliveryToAmazonOpenSearchServerless", ".RequestCount")
        }
        EndpointKind::Splunk => delivery_to!("DeliveryToSplunk", ".RequestCount"),
        EndpointKind::Http => delivery_to!("DeliveryToHttpEndpoint", ".RequestCount"),
        EndpointKind::Iceberg => delivery_to!("DeliveryToIceberg", ".RequestCount"),
        EndpointKind::Snowflake => delivery_to!("DeliveryToSnowflake", ".RequestCount"),
    }
}

/// Of one that reads a Kinesis stream (FH-M4).
pub const FIREHOSE_READS: &[Metric] = &[
    sum("DataReadFromKinesisStream.Records"),
    bytes("DataReadFromKinesisStream.Bytes"),
    sum("ThrottledGetRecords"),
    maximum("KinesisMillisBehindLatest", Milliseconds),
];
/// Of one that takes Direct PUT (FH-M3).
pub const DIRECT_PUT: &[Metric] = &[
    sum("IncomingRecords"),
    bytes("IncomingBytes"),
    sum("IncomingPutRequests"),
    sum("ThrottledRecords"),
    maximum("RecordsPerSecondLimit", Count),
    maximum("BytesPerSecondLimit", Bytes),
    maximum("PutRequestsPerSecondLimit", Count),
];
/// Of one whose records a function transforms (FH-M5).
pub const TRANSFORM: &[Metric] = &[
    maximum("ExecuteProcessing.Duration", Milliseconds),
    sum("ExecuteProcessing.SampleCount"),
    sum("ExecuteProcessing.Success"),
    sum("SucceedProcessing.Records"),
    bytes("SucceedProcessing.Bytes"),
];
/// Of one that converts (FH-M5).
pub const CONVERSION: &[Metric] = &[
    sum("SucceedConversion.Records"),
    bytes("SucceedConversion.Bytes"),
    sum("FailedConversion.Records"),
    bytes("FailedConversion.Bytes"),
];
/// Of one that partitions (FH-M5).
pub const PARTITIONS: &[Metric] = &[
    maximum("PartitionCount", Count),
    maximum("PartitionCountExceeded", Count),
    maximum("PerPartitionThroughput", Bytes),
];
