//! How a scenario describes a producer that puts records straight into a stream.

use schemars::JsonSchema;
use serde::Deserialize;

use super::RetrySettings;
use crate::settings::distribution::{Size, Time};
use crate::settings::parameter::Parameter;
use crate::systems::dynamodb::settings::KeySettings;
use crate::units::{Bytes, Duration, Percent};

/// How long a call takes.
pub const LATENCY: Parameter = Parameter::assumed(
    "LAT-19",
    "latency",
    "how long a PutRecord or PutRecords call takes",
    "{ lognormal: { median: 15ms, sigma: 0.6 } }",
    "AWS publishes none (KDS-W11): a mean of 18 ms and a p99 of 61 ms are usual within a Region",
);
/// When a call takes effect.
pub const HALFWAY: Parameter = Parameter::built_in(
    "KDS-W11",
    "when the records of a call are in their shards",
    "halfway through the call's latency",
    "the other half is the reply's way back; AWS publishes neither",
);
/// Calls whose reply gets lost.
pub const LOST_REPLIES: Parameter = Parameter::assumed(
    "KDS-W9",
    "lost_replies",
    "share of calls that take effect although their reply is lost",
    "0.001%",
    "AWS says that retries after a timeout store records twice, and not how often",
);
/// How long an SDK client waits for a reply.
pub const TIMEOUT: Parameter = Parameter::assumed(
    "OWN-6",
    "timeout",
    "how long the SDK client waits for the reply to a put",
    "60s",
    "the read timeout of botocore; write down the user's own",
);
/// How long an application gathers.
pub const LINGER: Parameter = Parameter::assumed(
    "OWN-6",
    "linger",
    "how long the application gathers records for a call",
    "100ms",
    "the application's own choice: write it down",
);
/// Calls at once.
pub const IN_FLIGHT: Parameter = Parameter::assumed(
    "OWN-6",
    "in_flight",
    "calls that the application has under way at once",
    "1",
    "one thread that waits for each reply: the application's own choice",
);
/// What the application does about records that failed.
pub const RESEND: Parameter = Parameter::assumed(
    "OWN-6",
    "resend",
    "how the application sends records again that failed inside a call, or with it",
    "{ fixed: { delays: [100ms], attempts: 10 } }",
    "no SDK does it (SDK-R13): the application's own loop",
);
/// Records a call.
pub const RECORDS_PER_CALL: Parameter =
    Parameter::published("KDS-W3", "records_per_call", "records in a PutRecords call at most", "500");
/// Whether records of a key wait for each other.
pub const SEQUENCE_NUMBERS: Parameter = Parameter::published(
    "KDS-W10",
    "sequence_number_for_ordering",
    "whether each PutRecord names the sequence number of the one before",
    "false",
);

/// Whether the KPL aggregates.
pub const AGGREGATION: Parameter =
    Parameter::published("KPL-1", "aggregation", "whether records are aggregated", "true");
/// Bytes of an aggregate.
pub const AGGREGATION_MAX_SIZE: Parameter =
    Parameter::published("KPL-1", "aggregation_max_size", "bytes of an aggregate at most", "51200 B");
/// Records of an aggregate.
pub const AGGREGATION_MAX_COUNT: Parameter =
    Parameter::published("KPL-1", "aggregation_max_count", "records in an aggregate at most", "4294967295");
/// Records of a call.
pub const COLLECTION_MAX_COUNT: Parameter =
    Parameter::published("KPL-2", "collection_max_count", "Kinesis records in a call at most", "500");
/// Bytes of a call.
pub const COLLECTION_MAX_SIZE: Parameter =
    Parameter::published("KPL-2", "collection_max_size", "bytes of a call at most", "5 MiB");
/// How long a record is buffered.
pub const BUFFERED: Parameter =
    Parameter::published("KPL-3", "record_max_buffered_time", "how long a record waits for others", "100ms");
/// How long collecting waits.
pub const COLLECTING: Parameter = Parameter::built_in(
    "KPL-3",
    "how long an aggregate waits for others to share its call",
    "a fifth of record_max_buffered_time, 50 ms at most",
    "as the library's code has it; AWS's pages do not say",
);
/// How long a record lives.
pub const TTL: Parameter =
    Parameter::published("KPL-4", "record_ttl", "how long the library tries to put a record", "30s");
/// How long the library waits for a reply.
pub const REQUEST_TIMEOUT: Parameter =
    Parameter::published("KPL-4", "request_timeout", "how long the library waits for a reply", "6s");
/// Connections.
pub const CONNECTIONS: Parameter =
    Parameter::published("KPL-4", "max_connections", "calls under way at once", "24");
/// The rate limit.
pub const RATE_LIMIT: Parameter =
    Parameter::published("KPL-6", "rate_limit", "a producer's rate, as percent of a shard's limits", "150");

/// How old the agent's buffer gets.
pub const BUFFER_AGE: Parameter =
    agent("max_buffer_age", "how long the agent gathers records for a call", "60s");
/// Records of the agent's buffer.
pub const BUFFER_RECORDS: Parameter =
    agent("max_buffer_records", "records in a call of the agent at most", "500");
/// Bytes of the agent's buffer.
pub const BUFFER_SIZE: Parameter = agent("max_buffer_size", "bytes in a call of the agent at most", "5 MiB");
/// The agent's looks at its files.
pub const FILE_POLLS: Parameter =
    agent("file_polls", "how often the agent looks for new lines in its files", "100ms");
/// The agent's partition keys.
pub const AGENT_KEY: Parameter =
    agent("partition_key_option", "the partition keys that the agent gives", "random");
/// The agent's threads.
pub const AGENT_IN_FLIGHT: Parameter =
    agent("in_flight", "calls that the agent has under way at once for a file", "2");
/// The agent's retries.
pub const AGENT_RETRIES: Parameter = Parameter::built_in(
    "AGENT-1",
    "what the agent does about records that failed",
    "tries for ever, after 100 ms, twice as long each time, 10 s at most",
    "AWS says that it retries and not how; its code spreads waits by 30 % besides",
);

const fn agent(key: &'static str, what: &'static str, value: &'static str) -> Parameter {
    Parameter::assumed(
        "AGENT-1",
        key,
        what,
        value,
        "the default of the agent's guide or code (awslabs/amazon-kinesis-agent)",
    )
}

/// The parameters of direct producers.
pub const PARAMETERS: &[Parameter] = &[
    LATENCY,
    HALFWAY,
    LOST_REPLIES,
    TIMEOUT,
    LINGER,
    IN_FLIGHT,
    RESEND,
    RECORDS_PER_CALL,
    SEQUENCE_NUMBERS,
    AGGREGATION,
    AGGREGATION_MAX_SIZE,
    AGGREGATION_MAX_COUNT,
    COLLECTION_MAX_COUNT,
    COLLECTION_MAX_SIZE,
    BUFFERED,
    COLLECTING,
    TTL,
    REQUEST_TIMEOUT,
    CONNECTIONS,
    RATE_LIMIT,
    BUFFER_AGE,
    BUFFER_RECORDS,
    BUFFER_SIZE,
    FILE_POLLS,
    AGENT_KEY,
    AGENT_IN_FLIGHT,
    AGENT_RETRIES,
];

/// What the records of a stream's producer are like.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordSettings {
    /// Bytes of data, partition key not included; required unless arrivals are a trace. What is larger than the stream
    /// takes is refused (KDS-W4).
    pub size: Option<Size>,
    /// How partition keys are written (KDS-H1); not with a trace, which brings its own.
    pub partition_key: Option<KeySettings>,
    /// An explicit hash key instead of the partition key's own (KDS-H3).
    pub explicit_hash_key: Option<HashKeySettings>,
}

/// An explicit hash key (KDS-H3).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HashKeySettings {
    /// A hash key of its own for each record, evenly over all shards.
    Spread,
    /// This one for all records: a decimal number up to 2^128 - 1, in quotes.
    Fixed(String),
}

/// A client that puts records itself, or through an SDK.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SdkSettings {
    /// Which call it makes.
    pub call: CallSettings,
    /// Records in a PutRecords call: 1 to 500 (KDS-W3). Not with `put_record`.
    #[schemars(extend("default" = RECORDS_PER_CALL.value), range(min = 1, max = 500))]
    pub records_per_call: Option<u32>,
    /// How long the first record of a call waits for more: 0s to 1h. Not with `put_record`.
    #[schemars(extend("default" = LINGER.value))]
    pub linger: Option<Duration>,
    /// Calls under way at once: 1 to 10,000.
    #[schemars(extend("default" = IN_FLIGHT.value), range(min = 1, max = 10_000))]
    pub in_flight: Option<u32>,
    /// What the SDK does when a call fails as a whole: PutRecord when its shard refuses, either when a reply is lost.
    #[schemars(extend("default" = super::RETRIES.value))]
    pub retries: Option<RetrySettings>,
    /// What the application does then with the records that failed: the call goes on with those alone (KDS-W7, KDS-W8).
    #[schemars(extend("default" = RESEND.value))]
    pub resend: Option<RetrySettings>,
    /// Whether each record of a key names the sequence number of the one before, and so waits for it (KDS-W10). With
    /// `put_record` only.
    #[schemars(extend("default" = SEQUENCE_NUMBERS.value))]
    pub sequence_number_for_ordering: Option<bool>,
    /// How long a call takes (LAT-19, KDS-W11).
    #[schemars(extend("default" = LATENCY.value))]
    pub latency: Option<Time>,
    /// How long the client waits for a reply: 1ms to 1h.
    #[schemars(extend("default" = TIMEOUT.value))]
    pub timeout: Option<Duration>,
    /// Share of calls that take effect although their reply is lost: they are made again, and records stored twice
    /// (KDS-W9).
    #[schemars(extend("default" = LOST_REPLIES.value))]
    pub lost_replies: Option<Percent>,
}

/// A call of the Kinesis API, or of Firehose's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallSettings {
    /// One record a call, of either service; refused as a whole (KDS-W6).
    PutRecord,
    /// Up to 500 records a call into a Kinesis stream, each accepted or refused by itself (KDS-W3, KDS-W7).
    PutRecords,
    /// Up to 500 records a call into a Firehose, 4 MiB at most, each accepted or refused by itself (FH-Q7).
    PutRecordBatch,
}

/// The Kinesis Producer Library; its keys are those of its configuration.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KplSettings {
    /// Whether user records are aggregated (KPL-1).
    #[schemars(extend("default" = AGGREGATION.value))]
    pub aggregation: Option<bool>,
    /// Bytes of an aggregate at most: 64 B to 1 MiB (KPL-1).
    #[schemars(extend("default" = AGGREGATION_MAX_SIZE.value))]
    pub aggregation_max_size: Option<Bytes>,
    /// User records in an aggregate at most, at least 1 (KPL-1).
    #[schemars(extend("default" = AGGREGATION_MAX_COUNT.value), range(min = 1))]
    pub aggregation_max_count: Option<u32>,
    /// Kinesis records in a call at most: 1 to 500 (KPL-2).
    #[schemars(extend("default" = COLLECTION_MAX_COUNT.value), range(min = 1, max = 500))]
    pub collection_max_count: Option<u32>,
    /// Bytes of a call at most: 50 KiB to 10 MiB (KPL-2).
    #[schemars(extend("default" = COLLECTION_MAX_SIZE.value))]
    pub collection_max_size: Option<Bytes>,
    /// How long a record waits for others: 1ms to 1h (KPL-3). After a failure half as long (KPL-5).
    #[schemars(extend("default" = BUFFERED.value))]
    pub record_max_buffered_time: Option<Duration>,
    /// How long the library tries to put a record: 100ms to 24h (KPL-4). What is older fails, as `expired`.
    #[schemars(extend("default" = TTL.value))]
    pub record_ttl: Option<Duration>,
    /// The rate that the library keeps to for each shard, as percent of the shard's limits: 1 to 10,000 (KPL-6).
    #[schemars(extend("default" = RATE_LIMIT.value), range(min = 1, max = 10_000))]
    pub rate_limit: Option<u32>,
    /// Calls under way at once: 1 to 256 (KPL-4).
    #[schemars(extend("default" = CONNECTIONS.value), range(min = 1, max = 256))]
    pub max_connections: Option<u32>,
    /// How long a call takes (LAT-19, KDS-W11).
    #[schemars(extend("default" = LATENCY.value))]
    pub latency: Option<Time>,
    /// How long the library waits for a reply: 100ms to 10m (KPL-4).
    #[schemars(extend("default" = REQUEST_TIMEOUT.value))]
    pub request_timeout: Option<Duration>,
    /// Share of calls that take effect although their reply is lost: their records are stored twice (KPL-8).
    #[schemars(extend("default" = LOST_REPLIES.value))]
    pub lost_replies: Option<Percent>,
}

/// The Kinesis Agent, which sends the lines of a file as records.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentSettings {
    /// How long it gathers records for a call: 1s to 15m.
    #[schemars(extend("default" = BUFFER_AGE.value))]
    pub max_buffer_age: Option<Duration>,
    /// Records in a call: 1 to 500.
    #[schemars(extend("default" = BUFFER_RECORDS.value), range(min = 1, max = 500))]
    pub max_buffer_records: Option<u32>,
    /// Bytes in a call: 1 B to 5 MiB.
    #[schemars(extend("default" = BUFFER_SIZE.value))]
    pub max_buffer_size: Option<Bytes>,
    /// How often it looks for new lines: 1ms to 1h.
    #[schemars(extend("default" = FILE_POLLS.value))]
    pub file_polls: Option<Duration>,
    /// The partition keys that it gives its records: a key of the workload stays a key of the application's own, whose
    /// records are spread over all shards.
    #[schemars(extend("default" = AGENT_KEY.value))]
    pub partition_key_option: Option<AgentKeySettings>,
    /// Calls under way at once: 1 to 100.
    #[schemars(extend("default" = AGENT_IN_FLIGHT.value), range(min = 1, max = 100))]
    pub in_flight: Option<u32>,
    /// How long a call takes (LAT-19, KDS-W11).
    #[schemars(extend("default" = LATENCY.value))]
    pub latency: Option<Time>,
    /// How long it waits for a reply: 1ms to 1h.
    #[schemars(extend("default" = TIMEOUT.value))]
    pub timeout: Option<Duration>,
    /// Share of calls that take effect although their reply is lost (KDS-W9).
    #[schemars(extend("default" = LOST_REPLIES.value))]
    pub lost_replies: Option<Percent>,
}

/// Partition keys of the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentKeySettings {
    /// A random number, written with some 17 characters.
    Random,
    /// The hash of the record's data, written with 32 characters.
    Deterministic,
}
