//! How a scenario describes where a delivery stream delivers to.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{PREFIX, PUT};
use crate::settings::distribution::Time;
use crate::settings::parameter::Parameter;
use crate::units::{ByteRate, Duration, Percent, Rate};

const NO_LATENCY: &str = "AWS publishes no latency of this destination, and it is the user's own: measure it";

/// How long a COPY takes.
pub const COPY: Parameter = Parameter::assumed(
    "FH-R4",
    "copy",
    "how long a Redshift COPY takes besides its bytes",
    "{ lognormal: { median: 10s, sigma: 0.5 } }",
    NO_LATENCY,
);
/// How long a request takes.
pub const REQUEST: Parameter = Parameter::assumed(
    "OWN-9",
    "request",
    "how long a destination other than S3 takes a buffer",
    "{ lognormal: { median: 500ms, sigma: 0.5 } }",
    NO_LATENCY,
);
/// What is known of retries.
pub const REDSHIFT_RETRY: Parameter = retry("redshift_retry", "3600s");
/// OpenSearch.
pub const OPENSEARCH_RETRY: Parameter = retry("opensearch_retry", "300s");
/// Splunk.
pub const SPLUNK_RETRY: Parameter = retry("splunk_retry", "3600s");
/// HTTP.
pub const HTTP_RETRY: Parameter = retry("http_retry", "300s");
/// Iceberg.
pub const ICEBERG_RETRY: Parameter = retry("iceberg_retry", "300s");
/// Snowflake.
pub const SNOWFLAKE_RETRY: Parameter = retry("snowflake_retry", "60s");

const fn retry(key: &'static str, value: &'static str) -> Parameter {
    Parameter::assumed(
        "FH-R3",
        key,
        "how long a buffer is tried again before it goes to the error prefix",
        value,
        "the fact sheet has the default from memory; of Iceberg it has none, so that of HTTP stands for it",
    )
}

/// Requests that a prefix takes.
pub const REQUEST_RATE: Parameter =
    Parameter::published("S3-1", "request_rate", "PUT requests a second that one prefix takes", "3500/s");
/// How long S3 takes to partition a prefix.
pub const REPARTITION: Parameter = Parameter::built_in(
    "S3-2",
    "what S3 does about more requests than one prefix takes",
    "503 Slow Down, tried again every second; after 45m the prefix has twice as many partitions, and so on",
    "AWS says that it scales gradually; 30 to 60 minutes is what a commenter on its article saw",
);

/// The parameters of destinations.
pub const PARAMETERS: &[Parameter] = &[
    COPY,
    REQUEST,
    REDSHIFT_RETRY,
    OPENSEARCH_RETRY,
    SPLUNK_RETRY,
    HTTP_RETRY,
    ICEBERG_RETRY,
    SNOWFLAKE_RETRY,
    REQUEST_RATE,
    REPARTITION,
];

/// Where records end up.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// A bucket.
    S3(S3Settings),
    /// Amazon Redshift: objects in S3, and a COPY for each, one after the other (FH-R4).
    Redshift(RedshiftSettings),
    /// Amazon OpenSearch Service.
    Opensearch(EndpointSettings),
    /// Amazon OpenSearch Serverless.
    OpensearchServerless(EndpointSettings),
    /// Splunk.
    Splunk(EndpointSettings),
    /// An HTTP endpoint; also Datadog, New Relic and others by their hints in `buffer` (FH-B5).
    Http(EndpointSettings),
    /// Apache Iceberg tables, whose files lie in S3.
    Iceberg(EndpointSettings),
    /// Snowflake.
    Snowflake(EndpointSettings),
}

/// Amazon S3 as a destination, or as the place of backups and errors of another one.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct S3Settings {
    /// What object names begin with. The hour follows, unless the prefix says the time itself (FH-O2): `!{timestamp:yyyy-MM-dd}`, of `yyyy`,
    /// `MM`, `dd`, `HH`, `mm`, `ss`, text in single quotes and signs. Besides `!{firehose:random-string}`, and
    /// `!{partitionKeyFromQuery:...}` with the attribute of `dynamic_partitioning`.
    #[schemars(extend("default" = PREFIX.value))]
    pub prefix: Option<String>,
    /// What the names of objects begin with that hold records which could not be processed (FH-O4); needed where `prefix` has expressions.
    /// With expressions it has `!{firehose:error-output-type}` among them.
    pub error_output_prefix: Option<String>,
    /// How long S3 takes to store an object (S3-3); S3-4 gives 20 to 60 ms as usual for small ones.
    #[schemars(extend("default" = PUT.value))]
    pub put: Option<Time>,
    /// PUT requests a second that the prefix takes (S3-1); more are answered with 503 Slow Down until S3 has partitioned it
    /// (S3-2).
    #[schemars(extend("default" = REQUEST_RATE.value))]
    pub request_rate: Option<Rate>,
    /// Time between two attempts to store an object while the bucket is down, an `outage` in `events`: 1s to 1h.
    #[schemars(extend("default" = "30s"))]
    pub retry_wait: Option<Duration>,
    /// Share of the uploads that are taken for failed and repeated although their object was stored: duplicates (FH-O5). Below
    /// 50%.
    #[schemars(extend("default" = "0%"))]
    pub late_success: Option<Percent>,
}

/// A destination other than S3.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointSettings {
    /// How long it takes a buffer, apart from its bytes.
    #[schemars(extend("default" = REQUEST.value))]
    pub request: Option<Time>,
    /// Bytes that it takes at most, from all buffers together: then they wait for each other. Without limit when left out.
    pub throughput: Option<ByteRate>,
    /// How long a buffer is tried again before it goes to the error prefix in S3: 0s to 7200s (FH-R2, FH-R3). By default 300s,
    /// before Splunk 3600s, before Snowflake 60s.
    pub retry_duration: Option<Duration>,
    /// A delivery into a VPC, which is billed by the hour and the GB.
    pub vpc: Option<VpcSettings>,
    /// The bucket of its files, and of what it did not take.
    pub s3: Option<S3Settings>,
}

/// Amazon Redshift.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedshiftSettings {
    /// How long a COPY takes, apart from its bytes.
    #[schemars(extend("default" = COPY.value))]
    pub copy: Option<Time>,
    /// Bytes that a COPY loads in a second. Without limit when left out.
    pub throughput: Option<ByteRate>,
    /// How long a COPY is tried again before its object is left to a manifest under `errors/`: 0s to 7200s (FH-R2).
    #[schemars(extend("default" = REDSHIFT_RETRY.value))]
    pub retry_duration: Option<Duration>,
    /// The bucket of the objects that are copied.
    pub s3: Option<S3Settings>,
}

/// A delivery into a VPC.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VpcSettings {
    /// Availability Zones it has network interfaces in: 1 to 6.
    #[schemars(range(min = 1, max = 6))]
    pub zones: u32,
}
