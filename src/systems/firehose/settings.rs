//! How a scenario describes a Firehose delivery stream.

pub mod destination;
pub mod direct_put;
pub mod transform;

use schemars::JsonSchema;
use serde::Deserialize;

use destination::Destination;
use direct_put::DirectPutSettings;
use transform::{BackupSettings, TransformSettings};

use crate::settings::distribution::Time;
use crate::settings::parameter::Parameter;
use crate::settings::reference::Reference;
use crate::systems::kinesis::poll_settings::{PHASE, PhaseSettings};
use crate::units::{Bytes, Duration, Percent};

/// Size hint of a buffer.
pub const BUFFER_SIZE: Parameter = Parameter::published("FH-B2", "size", "size hint of a buffer", "5 MiB");
/// Interval hint of a buffer.
pub const BUFFER_INTERVAL: Parameter =
    Parameter::published("FH-B2", "interval", "interval hint of a buffer", "300s");
/// Interval hint before Splunk.
pub const SPLUNK_INTERVAL: Parameter =
    Parameter::published("FH-B5", "splunk_interval", "interval hint of a buffer for Splunk", "60s");
/// Interval hint before an HTTP endpoint.
pub const HTTP_INTERVAL: Parameter = Parameter::assumed(
    "FH-B7",
    "http_interval",
    "interval hint of a buffer for an HTTP endpoint",
    "60s",
    "so the guide and the console; the API reference says 300 s",
);
/// Size hint before Snowflake.
pub const SNOWFLAKE_SIZE: Parameter = Parameter::assumed(
    "FH-B6",
    "snowflake_size",
    "size hint of a buffer for Snowflake",
    "1 MiB",
    "so the guide; the API reference says 128 MiB",
);
/// Interval hint before Snowflake.
pub const SNOWFLAKE_INTERVAL: Parameter =
    Parameter::published("FH-B6", "snowflake_interval", "interval hint of a buffer for Snowflake", "0s");
/// Time that a buffer is held at zero buffering.
pub const HOLD: Parameter = Parameter::assumed(
    "FH-B8",
    "hold",
    "how long records stay in a buffer at zero buffering",
    "{ uniform: { low: 1s, high: 3s } }",
    "AWS says that such records arrive within a few seconds; the spread is a guess (DEF-8)",
);
/// Share of the bytes that is left after conversion to a columnar format.
pub const FORMAT_RATIO: Parameter = Parameter::assumed(
    "ATH-3",
    "ratio",
    "size of Parquet and ORC objects as a share of their records' bytes",
    "13%",
    "AWS's own example: 1 TB of text became 130 GB of Parquet (ATH-2)",
);
/// Records that are not converted.
pub const CONVERSION_FAILURES: Parameter =
    Parameter::published("FH-F3", "failures", "share of records that cannot be converted", "0%");
/// Size hint of a buffer whose records are converted.
pub const FORMAT_SIZE: Parameter =
    Parameter::published("FH-F1", "size", "size hint of a buffer with format conversion", "128 MiB");
/// Size hint of a buffer whose records are partitioned.
pub const PARTITION_SIZE: Parameter = Parameter::assumed(
    "FH-D5",
    "size",
    "size hint of a partition's buffer; the least, too",
    "64 MiB",
    "the console asks for as much; the guide does not say so (UNV-8)",
);
/// How the values of the partitioning attribute are spread.
pub const PARTITION_EXPONENT: Parameter =
    Parameter::published("FH-D6", "exponent", "how unevenly the attribute's values are spread", "0");
/// What has a value of the partitioning attribute.
pub const PARTITION_OF: Parameter =
    Parameter::published("FH-D6", "of", "what has a value of the attribute", "item");
/// Records without a readable attribute.
pub const UNPARSABLE: Parameter =
    Parameter::published("FH-D6", "unparsable", "share of records without a readable attribute", "0%");
/// Active partitions.
pub const ACTIVE_PARTITIONS: Parameter =
    Parameter::published("FH-D1", "active_partitions", "partitions active at a time", "500");
/// How much longer partitioned records wait.
pub const PARTITION_DELAY: Parameter = Parameter::built_in(
    "FH-D4",
    "how long a partition's buffer is held",
    "1 to 1.5 times the interval, all equally likely",
    "AWS gives the greatest delay, 1.5 times the interval, and not its spread",
);
/// Scope of a buffer.
pub const BUFFER_PER: Parameter = Parameter::published("FH-B3", "per", "what one buffer is for", "shard");
/// Time between two polls of one shard.
pub const POLL_INTERVAL: Parameter =
    Parameter::published("FH-S2", "interval", "time between two polls of one shard", "1s");
/// What follows a refused call.
pub const REFUSED: Parameter = Parameter::built_in(
    "FH-S7",
    "how long a delivery stream waits after a refused GetRecords call",
    "200ms on average, from half of it to half as much again",
    "AWS says that such calls are tried again without end, not when",
);
/// What stands between records.
pub const DELIMITER: Parameter =
    Parameter::published("FH-F4", "delimiter", "what follows each record", "none");
/// Compression of objects.
pub const COMPRESSION: Parameter =
    Parameter::published("FH-F5", "compression", "compression of the objects", "none");
/// Prefix of object names.
pub const PREFIX: Parameter = Parameter::published("FH-O2", "prefix", "prefix of the objects' names", "''");
/// Duration of a PUT.
pub const PUT: Parameter = Parameter::assumed(
    "DEF-8",
    "put",
    "how long S3 takes to store an object",
    "{ lognormal: { median: 120ms, sigma: 0.5 } }",
    "S3's guide gives 100 to 200 ms for small objects (S3-3); the spread is a guess",
);
/// Time between attempts while the destination is down: AWS says that it keeps trying (FH-R1), not how often.
pub const RETRY_WAIT: Duration = Duration::from_nanos(30_000_000_000);
/// When attempts end.
pub const RETRY_UNTIL: Parameter = Parameter::built_in(
    "FH-R1",
    "how an object is retried while its destination is down",
    "every 30s unless `retry_wait` says otherwise, until its oldest record is older than the stream's retention at the start",
    "AWS keeps the data of a Kinesis source for its retention (FH-Q13)",
);
/// Growth of a buffer that is behind.
pub const GROWTH: Parameter = Parameter::built_in(
    "UNV-2",
    "size hint of a buffer while earlier objects of it wait for the destination",
    "twice as much after each flush by size, up to 128 MiB, and as before when none waits any more; behind a destination that is slow \
     and not down the interval flushes nothing meanwhile",
    "AWS says that the buffer grows when delivery lags (FH-B10); neither the rule nor the ceiling",
);
/// Uploads at a time.
pub const UPLOADS: Parameter = Parameter::built_in(
    "UNV-2",
    "uploads to S3 at a time",
    "without limit: an upload does not wait for another",
    "AWS does not publish it; the fact sheet suggests one at a time for each buffer",
);
/// Requests of an upload.
pub const REQUESTS: Parameter = Parameter::built_in(
    "FH-B9",
    "S3 requests of one object",
    "1, or 3 where the interval is under 60 s: create, one part, complete",
    "AWS says that short intervals use multipart uploads, not in how many parts",
);

/// The parameters of this room.
pub const PARAMETERS: &[Parameter] = &[
    BUFFER_SIZE,
    BUFFER_INTERVAL,
    HOLD,
    FORMAT_RATIO,
    CONVERSION_FAILURES,
    FORMAT_SIZE,
    SPLUNK_INTERVAL,
    HTTP_INTERVAL,
    SNOWFLAKE_SIZE,
    SNOWFLAKE_INTERVAL,
    PARTITION_SIZE,
    PARTITION_EXPONENT,
    PARTITION_OF,
    UNPARSABLE,
    ACTIVE_PARTITIONS,
    PARTITION_DELAY,
    BUFFER_PER,
    POLL_INTERVAL,
    DELIMITER,
    COMPRESSION,
    PREFIX,
    PUT,
    REFUSED,
    RETRY_UNTIL,
    GROWTH,
    UPLOADS,
    REQUESTS,
];

/// An Amazon Data Firehose delivery stream.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FirehoseSettings {
    /// The Kinesis stream it reads; or else `direct_put`.
    pub reads: Option<Reference>,
    /// Records that producers put into it, whose `writes_to` names it; or else `reads`.
    pub direct_put: Option<DirectPutSettings>,
    /// When a buffer is full.
    pub buffer: Option<BufferSettings>,
    /// How it polls its source.
    pub poll: Option<FirehosePollSettings>,
    /// A function that each record passes before it is buffered.
    pub transform: Option<TransformSettings>,
    /// Backup of all records as they came, to S3.
    pub backup: Option<BackupSettings>,
    /// What follows each record in an object (FH-F4).
    #[schemars(extend("default" = DELIMITER.value))]
    pub delimiter: Option<Delimiter>,
    /// How objects are compressed (FH-F5). The size hint counts bytes before compression (FH-B11).
    #[schemars(extend("default" = COMPRESSION.value))]
    pub compression: Option<Compression>,
    /// A columnar format to which the records, JSON, are converted (FH-F1); takes no `compression` besides (FH-F2).
    pub format: Option<Format>,
    /// A prefix for each value of an attribute.
    pub dynamic_partitioning: Option<PartitioningSettings>,
    /// Where it delivers to.
    pub to: Destination,
}

/// Buffering hints: whichever is met first flushes the buffer (FH-B1).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BufferSettings {
    /// Bytes before compression: 1 MiB to 128 MiB (FH-B2, FH-B4), to 100 MiB for OpenSearch, to 64 MiB for HTTP, to 5 MiB for Splunk
    /// (FH-B5); with a `format` at least 64 MiB, and 128 MiB by default (FH-F1).
    #[schemars(extend("default" = BUFFER_SIZE.value))]
    pub size: Option<Bytes>,
    /// Time since the buffer's first record: 0s to 900s (FH-B2), to 60s for Splunk; 0s is zero buffering (FH-B8). By default 60s for
    /// Splunk and HTTP (FH-B5, FH-B7), 0s for Snowflake (FH-B6).
    #[schemars(extend("default" = BUFFER_INTERVAL.value))]
    pub interval: Option<Duration>,
    /// How long records really stay at zero buffering: for an `interval` of 0s only.
    #[schemars(extend("default" = HOLD.value))]
    pub hold: Option<Time>,
    /// What one buffer is for.
    #[schemars(extend("default" = BUFFER_PER.value))]
    pub per: Option<PerSettings>,
}

/// Scope of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PerSettings {
    /// One buffer a shard, as AWS does it (FH-B3).
    Shard,
    /// One buffer for the whole stream, for comparisons.
    Stream,
}

/// How a delivery stream polls its source.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FirehosePollSettings {
    /// Time between two polls of one shard: 1ms to 1h (FH-S2).
    #[schemars(extend("default" = POLL_INTERVAL.value))]
    pub interval: Option<Duration>,
    /// When polling of each shard starts.
    #[schemars(extend("default" = PHASE.value))]
    pub phase: Option<PhaseSettings>,
}

/// What follows each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delimiter {
    /// Nothing.
    None,
    /// A newline, one byte.
    Newline,
}

/// Dynamic partitioning: objects by the value of an attribute, each with a buffer of its own over the whole stream (FH-B3).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartitioningSettings {
    /// Name of the attribute, for the objects' names.
    #[schemars(example = &"customer")]
    pub attribute: String,
    /// Its distinct values: 1 to 100,000.
    pub values: u32,
    /// Shares of the values go as `1, 2^-exponent, 3^-exponent ...`: 0 to 10.
    #[schemars(extend("default" = PARTITION_EXPONENT.value))]
    pub exponent: Option<f64>,
    /// What has a value.
    #[schemars(extend("default" = PARTITION_OF.value))]
    pub of: Option<AttributeOfSettings>,
    /// Partitions that may be active, with a buffer that is not delivered yet: 1 to 5,000 (FH-D1, FH-D2). Records of further
    /// ones go to the error prefix.
    #[schemars(extend("default" = ACTIVE_PARTITIONS.value))]
    pub active_partitions: Option<u32>,
    /// Share of the records whose attribute cannot be read: they go to the error prefix (FH-D6).
    #[schemars(extend("default" = UNPARSABLE.value))]
    pub unparsable: Option<Percent>,
}

/// What has a value of the attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributeOfSettings {
    /// An item keeps its value, as an order keeps its customer.
    Item,
    /// Each change has a value of its own.
    Change,
}

/// A columnar format.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Apache Parquet.
    Parquet(FormatRatio),
    /// Apache ORC.
    Orc(FormatRatio),
}

/// How much smaller the records get.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FormatRatio {
    /// Size of an object as a share of its records' bytes, Snappy inside the file included (FH-F2); more than 0%.
    #[schemars(extend("default" = FORMAT_RATIO.value))]
    pub ratio: Option<Percent>,
    /// Share of the records that cannot be converted, for they do not fit the schema: they go to `format-conversion-failed`
    /// (FH-F3).
    #[schemars(extend("default" = CONVERSION_FAILURES.value))]
    pub failures: Option<Percent>,
}

/// Compression of objects.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// None.
    None,
    /// GZIP.
    Gzip(CompressionRatio),
    /// ZIP.
    Zip(CompressionRatio),
    /// Snappy.
    Snappy(CompressionRatio),
    /// Hadoop-compatible Snappy.
    HadoopSnappy(CompressionRatio),
}

/// How well the records compress.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompressionRatio {
    /// Size of an object as a share of its records' bytes; more than 0%.
    pub ratio: Percent,
}
