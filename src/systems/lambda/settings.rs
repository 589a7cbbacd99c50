//! How a scenario describes a Lambda function that consumes a stream.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use super::logs::LogSettings;
use crate::settings::distribution::Time;
use crate::settings::one_or_map::{Expected, OneOrMap};
use crate::settings::parameter::Parameter;
use crate::settings::reference::Reference;
use crate::systems::kinesis::poll_settings::PhaseSettings;
use crate::systems::polling::settings::FromSettings;
use crate::systems::sink::SinkSettings;
use crate::units::{Bytes, Duration, Percent};

const OWN_CODE: &str = "it is the user's own code: measure it and write it down";

/// How a stream is read.
pub const VIA: Parameter = Parameter::published("LAM-P1", "via", "how a mapping reads a stream", "shared");
/// Time between two polls.
pub const POLL_INTERVAL: Parameter =
    Parameter::published("LAM-P1", "interval", "time between two polls of one shard by Lambda", "1s");
/// Time between two polls of a DynamoDB stream.
pub const POLL_INTERVAL_STREAMS: Parameter = Parameter::published(
    "LAM-P2",
    "interval_streams",
    "time between two polls of one shard of a DynamoDB stream by Lambda",
    "250ms",
);
/// From a poll of a DynamoDB stream to the function.
pub const DELIVERY_STREAMS: Parameter = Parameter::assumed(
    "DEF-1",
    "delivery",
    "from Lambda's poll of a DynamoDB stream's shard to the function",
    "{ lognormal: { median: 41ms, sigma: 0.87 } }",
    "what publishing the change (DEF-7) leaves of DEF-1's LN(90 ms, 0.6) by mean and variance, so that it is not counted twice",
);
/// How long a mapping looks for the children of a shard.
pub const SHARD_DISCOVERY: Parameter = Parameter::assumed(
    "LAT-14",
    "shard_discovery",
    "how long Lambda stands at the end of a DynamoDB stream's shard before it reads the children",
    "1s",
    "users report up to a couple of seconds; less than the Kinesis Client Library takes (DDS-Y2)",
);
/// Where it begins.
pub const FROM: Parameter =
    Parameter::published("LAM-P6", "from", "the record with which a mapping begins", "latest");
/// From the creation of a mapping to its first poll.
pub const START_DELAY: Parameter = Parameter::assumed(
    "LAM-P5",
    "start_delay",
    "from the creation of a mapping to its first poll",
    "2m",
    "AWS says that it may take minutes",
);
/// From a poll to the function.
pub const DELIVERY: Parameter = Parameter::assumed(
    "DEF-2",
    "delivery",
    "from Lambda's poll of a shard to the function",
    "{ lognormal: { median: 125ms, sigma: 0.85 } }",
    "what the poll clock leaves of the measured LAT-2",
);
/// From a record's arrival in the shard to the function, pushed.
pub const DELIVERY_FAN_OUT: Parameter = Parameter::assumed(
    "DEF-3",
    "delivery",
    "from a record's arrival in the shard to the function, under enhanced fan-out",
    "{ lognormal: { median: 46ms, sigma: 0.35 } }",
    "measured: LAT-3",
);
/// Records of a batch.
pub const BATCH_SIZE: Parameter =
    Parameter::published("LAM-B1", "batch_size", "records of a batch at most", "100");
/// Batching window.
pub const BATCH_WINDOW: Parameter =
    Parameter::published("LAM-B2", "batch_window", "how long a batch waits for more records", "0s");
/// Parallelization factor.
pub const FACTOR: Parameter =
    Parameter::published("LAM-C1", "parallelization_factor", "batches of one shard that run at once", "1");
/// How lanes are chosen.
pub const LANES: Parameter = Parameter::built_in(
    "UNV-4",
    "how keys are spread over the batches that run at once",
    "by a hash of the key; a hot key has one lane to itself at most",
    "AWS publishes that the order of a key is kept (LAM-C2), not how",
);
/// Records read ahead.
pub const READ_AHEAD: Parameter = Parameter::built_in(
    "LAM-P1",
    "records that a mapping reads ahead of its batches",
    "calls for 10,000 records while fewer than batch_size x parallelization_factor wait",
    "AWS does not publish when a mapping reads on",
);
/// From an invocation to the next one.
pub const TURNAROUND: Parameter = Parameter::assumed(
    "LAM-L4",
    "turnaround",
    "from the end of an invocation to the next one of the same lane of a shard, or of the same poller of a queue",
    "10ms",
    "a poller waits for the answer, settles it and calls again; AWS does not publish how long that takes, and single-digit to 20 ms a warm invocation is what users see",
);
/// How long a tumbling window is waited for.
pub const PATIENCE: Parameter = Parameter::assumed(
    "LAM-W1",
    "patience",
    "how long after a tumbling window's end its last invocation comes if no later record does",
    "2m",
    "from memory of AWS's guide",
);
/// Growth of a tumbling window's state.
pub const STATE_PER_RECORD: Parameter = Parameter::assumed(
    "OWN-9",
    "state_per_record",
    "what each record adds to the state of its tumbling window",
    "0 B",
    OWN_CODE,
);
/// Running time of an invocation.
pub const BASE: Parameter =
    Parameter::assumed("OWN-9", "base", "a function's running time, whatever its records", "10ms", OWN_CODE);
/// Running time of a record.
pub const PER_RECORD: Parameter =
    Parameter::assumed("OWN-9", "per_record", "a function's running time of each record", "0s", OWN_CODE);
/// Spread of running times.
pub const SPREAD: Parameter = Parameter::assumed(
    "OWN-9",
    "spread",
    "standard deviation of the logarithm of running times",
    "0",
    OWN_CODE,
);
/// Timeout.
pub const TIMEOUT: Parameter =
    Parameter::published("LAM-C6", "timeout", "running time at which an invocation fails", "900s");
/// Memory.
pub const MEMORY: Parameter = Parameter::assumed(
    "OWN-9",
    "memory",
    "a function's memory",
    "128 MiB",
    "the least that a function can have; write down the user's own",
);
/// Processor.
pub const ARCHITECTURE: Parameter =
    Parameter::published("", "architecture", "processor that a function runs on", "x86_64");
/// Runtime.
pub const RUNTIME: Parameter = Parameter::assumed(
    "LAM-L3",
    "runtime",
    "a function's runtime, by which cold starts take their time",
    "python",
    "Node and Python are the most used; their cold starts take alike",
);
/// How long idle environments stay.
pub const KEEP_WARM: Parameter = Parameter::assumed(
    "LAM-L2",
    "keep_warm",
    "how long an idle execution environment stays",
    "10m",
    "AWS does not publish it; minutes are usually observed",
);
/// Retries.
pub const RETRIES: Parameter =
    Parameter::published("LAM-E2", "retries", "tries after the first one", "unlimited");
/// Maximum record age.
pub const RECORD_AGE: Parameter =
    Parameter::published("LAM-E2", "maximum_record_age", "age at which records are given up", "unlimited");
/// Bisect.
pub const BISECT: Parameter =
    Parameter::published("LAM-E3", "bisect", "whether a failed batch is halved", "false");
/// Partial responses.
pub const REPORT: Parameter = Parameter::published(
    "LAM-E4",
    "report_batch_item_failures",
    "whether the function reports the record that failed",
    "false",
);
/// First wait.
pub const BACKOFF_BASE: Parameter = Parameter::assumed(
    "LAM-E6",
    "base",
    "wait of a mapping after a first failure",
    "100ms",
    "AWS does not publish it (UNV-4)",
);
/// Longest wait.
pub const BACKOFF_CAP: Parameter = Parameter::assumed(
    "LAM-E6",
    "cap",
    "longest wait of a mapping between two tries",
    "1m",
    "AWS does not publish it (UNV-4)",
);
/// Chance in a wait after a refusal.
pub const REFUSED_JITTER: Parameter = Parameter::assumed(
    "LAM-E6",
    "refused_jitter",
    "share of a mapping's wait after an invocation was refused that chance may take off, for each batch by itself",
    "50%",
    "AWS does not publish it (UNV-4); without, batches that were refused together would come back together for ever",
);
/// Account concurrency.
pub const CONCURRENCY: Parameter =
    Parameter::published("LAM-C6", "lambda_concurrency", "concurrent executions of the account", "1000");
/// What others use of it.
pub const OTHERS: Parameter = Parameter::assumed(
    "OWN-10",
    "lambda_others",
    "concurrent executions of functions outside the scenario",
    "0",
    "only the user knows what else runs in the account",
);

/// The parameters of this room.
pub const PARAMETERS: &[Parameter] = &[
    VIA,
    POLL_INTERVAL,
    POLL_INTERVAL_STREAMS,
    DELIVERY_STREAMS,
    SHARD_DISCOVERY,
    FROM,
    START_DELAY,
    DELIVERY,
    DELIVERY_FAN_OUT,
    BATCH_SIZE,
    BATCH_WINDOW,
    FACTOR,
    LANES,
    READ_AHEAD,
    TURNAROUND,
    PATIENCE,
    STATE_PER_RECORD,
    BASE,
    PER_RECORD,
    SPREAD,
    TIMEOUT,
    MEMORY,
    ARCHITECTURE,
    RUNTIME,
    KEEP_WARM,
    RETRIES,
    RECORD_AGE,
    BISECT,
    REPORT,
    BACKOFF_BASE,
    BACKOFF_CAP,
    REFUSED_JITTER,
    CONCURRENCY,
    OTHERS,
];

/// A Lambda function with its event source mapping.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LambdaSettings {
    /// Whether it polls, sharing each shard's limits with other readers (LAM-P1), or is pushed to (LAM-P3).
    #[schemars(extend("default" = VIA.value))]
    pub via: Option<ViaSettings>,
    /// When polling of each shard starts; not with `via: enhanced_fan_out`.
    pub phase: Option<PhaseSettings>,
    /// From a poll (or, pushed, from a record's arrival in the shard) to the function. Default by source and `via`: DEF-1,
    /// DEF-2, DEF-3.
    pub delivery: Option<Time>,
    /// The record with which it begins (LAM-P6); `at_timestamp` not on DynamoDB streams.
    #[schemars(extend("default" = FROM.value))]
    pub from: Option<FromSettings>,
    /// When the mapping is created, from the start of the run; it exists before the run when left out. It begins to read
    /// `start_delay` later, and with `from: latest` misses what comes meanwhile (LAM-P5).
    pub created: Option<Duration>,
    /// From its creation to its first poll: 0s to 1h (LAM-P5).
    #[schemars(extend("default" = START_DELAY.value))]
    pub start_delay: Option<Duration>,
    /// How long it stands at the end of a DynamoDB stream's shard before it reads the children: 0s to 1h (LAT-14).
    #[schemars(extend("default" = SHARD_DISCOVERY.value))]
    pub shard_discovery: Option<Duration>,
    /// Records of a batch at most: 1 to 10,000 (LAM-B1).
    #[schemars(extend("default" = BATCH_SIZE.value), range(min = 1, max = 10_000))]
    pub batch_size: Option<u32>,
    /// How long a batch waits for more records: 0s to 300s, whole seconds (LAM-B2).
    #[schemars(extend("default" = BATCH_WINDOW.value))]
    pub batch_window: Option<Duration>,
    /// Batches of one shard that run at once: 1 to 10; the order of a key is kept (LAM-C1, LAM-C2).
    #[schemars(extend("default" = FACTOR.value), range(min = 1, max = 10))]
    pub parallelization_factor: Option<u32>,
    /// From the end of an invocation to the next one of the same lane of a shard, or of the same poller of a queue: 0s to 1s (LAM-L4). A
    /// lane runs one batch at a time, and so does a message group of a FIFO queue: short functions do no more than this allows.
    #[schemars(extend("default" = TURNAROUND.value))]
    pub turnaround: Option<Duration>,
    /// Tumbling windows (LAM-W1); none when left out. Not with a `parallelization_factor` above 1, as the state is that of a shard.
    pub tumbling_window: Option<OneOrMap<Duration, TumblingSettings>>,
    /// Which records reach the function (LAM-F1); all when left out.
    pub filter: Option<FilterSettings>,
    /// How long the function runs.
    pub duration: Option<DurationSettings>,
    /// Running time at which an invocation fails: 1s to 900s (LAM-C6).
    #[schemars(extend("default" = TIMEOUT.value))]
    pub timeout: Option<Duration>,
    /// Memory, which is billed: 128 MiB to 10,240 MiB.
    #[schemars(extend("default" = MEMORY.value))]
    pub memory: Option<Bytes>,
    /// Processor.
    #[schemars(extend("default" = ARCHITECTURE.value))]
    pub architecture: Option<Architecture>,
    /// Runtime, by which cold starts take their time (LAM-L3).
    #[schemars(extend("default" = RUNTIME.value))]
    pub runtime: Option<Runtime>,
    /// How long a cold start takes; by `runtime` when left out.
    pub cold_start: Option<Time>,
    /// How long an idle execution environment stays.
    #[schemars(extend("default" = KEEP_WARM.value))]
    pub keep_warm: Option<Duration>,
    /// Concurrent executions kept for this function alone, which are also its limit; none when left out.
    pub reserved_concurrency: Option<u32>,
    /// Tries after the first one: `unlimited`, or 0 to 10,000 (LAM-E2).
    #[schemars(extend("default" = RETRIES.value))]
    pub retries: Option<OrUnlimited<u32>>,
    /// Age at which records are given up: `unlimited`, or 60s to 7d (LAM-E2).
    #[schemars(extend("default" = RECORD_AGE.value))]
    pub maximum_record_age: Option<OrUnlimited<Duration>>,
    /// Whether a failed batch is halved, which uses no retry (LAM-E3).
    #[schemars(extend("default" = BISECT.value))]
    pub bisect: Option<bool>,
    /// Whether the function reports the first record that failed, from which alone it is tried again (LAM-E4).
    #[schemars(extend("default" = REPORT.value))]
    pub report_batch_item_failures: Option<bool>,
    /// Waits between tries (LAM-E6).
    pub backoff: Option<LambdaBackoff>,
    /// Where what is given up goes (LAM-E5); nowhere when left out. A topic of SNS is left out, as the price book has no
    /// price for it.
    pub on_failure: Option<OnFailure>,
    /// What makes the function fail; nothing when left out.
    pub errors: Option<ErrorSettings>,
    /// Queues into which it puts a message for each record that it processes, such as `[sqs.search, sqs.audit]`.
    pub sends_to: Option<Vec<Reference>>,
    /// Batches at once at most, of a function that reads a queue: 2 to 1,000; no limit of its own when left out.
    #[schemars(range(min = 2, max = 1_000))]
    pub maximum_concurrency: Option<u32>,
    /// What it writes each record to, if that has a limit or a latency of its own; the time is part of the function's.
    pub sink: Option<SinkSettings>,
    /// What it writes to CloudWatch Logs, for the bill; nothing when left out.
    pub logs: Option<LogSettings>,
}

/// Tumbling windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TumblingSettings {
    /// Length of a window: 1s to 900s, whole seconds (LAM-W1).
    pub window: Duration,
    /// How long after its end the last invocation comes if no later record does: 0s to 15m.
    #[schemars(extend("default" = PATIENCE.value))]
    pub patience: Option<Duration>,
    /// What each record adds to the state, which has 1 MiB at most.
    #[schemars(extend("default" = STATE_PER_RECORD.value))]
    pub state_per_record: Option<Bytes>,
}

impl Expected for TumblingSettings {
    const EXPECTED: &'static str = "a duration, such as `60s`, or a map with a `window`";
}

/// How a mapping reads a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ViaSettings {
    /// It polls; calls and bytes are shared with all other polling readers.
    Shared,
    /// It is a registered consumer with 2 MB/s of each shard to itself.
    EnhancedFanOut,
}

/// Which records reach the function.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterSettings {
    /// Share of records that pass; the others cost no invocation.
    pub passes: Percent,
}

/// How long a function runs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DurationSettings {
    /// Whatever its records.
    #[schemars(extend("default" = BASE.value))]
    pub base: Option<Duration>,
    /// For each record.
    #[schemars(extend("default" = PER_RECORD.value))]
    pub per_record: Option<Duration>,
    /// Standard deviation of the logarithm of running times, 0 to 3; their mean stays.
    #[schemars(extend("default" = SPREAD.value))]
    pub spread: Option<f64>,
}

/// A processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// 64-bit x86.
    #[serde(rename = "x86_64")]
    X86,
    /// 64-bit Arm.
    Arm64,
}

/// A runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    /// Node.js.
    Node,
    /// Python.
    Python,
    /// Go.
    Go,
    /// .NET.
    Dotnet,
    /// Java.
    Java,
    /// Java from a snapshot.
    JavaSnapStart,
}

impl Runtime {
    /// Usual cold starts, from and to, milliseconds (LAM-L3).
    pub fn cold_start_millis(self) -> (u64, u64) {
        match self {
            Self::Node | Self::Python => (80, 300),
            Self::Go => (80, 200),
            Self::Dotnet => (200, 700),
            Self::Java => (1_000, 3_000),
            Self::JavaSnapStart => (90, 140),
        }
    }
}

/// Waits between tries: doubled after each failure, and after each time that an invocation was refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LambdaBackoff {
    /// After the first failure: 1ms to 1h.
    #[schemars(extend("default" = BACKOFF_BASE.value))]
    pub base: Option<Duration>,
    /// At most: 1ms to 1h.
    #[schemars(extend("default" = BACKOFF_CAP.value))]
    pub cap: Option<Duration>,
    /// How much of a wait after a refused invocation chance may take off, for each batch by itself: 0% to 100%. A wait after a
    /// failure has none.
    #[schemars(extend("default" = REFUSED_JITTER.value))]
    pub refused_jitter: Option<Percent>,
}

/// Where what is given up goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// A queue: a message that says where the records are.
    Sqs,
    /// A bucket: an object with the records.
    S3,
}

/// What makes a function fail.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorSettings {
    /// Share of invocations that fail, somewhere in their batch.
    pub rate: Option<Percent>,
    /// Records that always fail.
    pub poison: Option<PoisonSettings>,
}

/// Records that always fail. For a single one, plan an event `poison`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoisonSettings {
    /// A share of all records.
    pub share: Option<Percent>,
    /// All records of these items, by number from 0: with zipfian keys, 0 is the hottest.
    pub keys: Option<Vec<u32>>,
}

/// A limit, or none: `unlimited`, or -1 as AWS writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrUnlimited<T> {
    /// None.
    Unlimited,
    /// This much.
    At(T),
}

impl<T> OrUnlimited<T> {
    /// The limit, if there is one.
    pub fn limit(self) -> Option<T> {
        match self {
            Self::Unlimited => None,
            Self::At(limit) => Some(limit),
        }
    }
}

struct OrUnlimitedVisitor<T>(PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> serde::de::Visitor<'_> for OrUnlimitedVisitor<T> {
    type Value = OrUnlimited<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("`unlimited` or a limit")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        match text {
            "unlimited" | "-1" | "-1s" => Ok(OrUnlimited::Unlimited),
            _ => text
                .parse()
                .map(OrUnlimited::At)
                .map_err(|error| E::custom(format_args!("expected `unlimited` or a limit; {error}"))),
        }
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Self::Value, E> {
        self.visit_str(&number.to_string())
    }
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for OrUnlimited<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OrUnlimitedVisitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for OrUnlimited<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}OrUnlimited", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [generator.subschema_for::<T>(), { "enum": ["unlimited", -1] }] })
    }
}
