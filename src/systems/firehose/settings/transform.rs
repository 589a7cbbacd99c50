//! How a scenario describes transformation by a function, and the backup of what was there before.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::distribution::Time;
use crate::settings::parameter::Parameter;
use crate::systems::lambda::settings::{Architecture, DurationSettings, KEEP_WARM, MEMORY, RUNTIME, Runtime};
use crate::units::{Bytes, Duration, Percent, Ratio};

const OWN_CODE: &str = "it is the user's own code: measure it and write it down";

/// Bytes that are sent at once.
pub const SIZE: Parameter =
    Parameter::published("FH-T1", "size", "bytes that go to a transforming function at once", "1 MiB");
/// The same where Splunk is the destination.
pub const SPLUNK_SIZE: Parameter = Parameter::published(
    "FH-T1",
    "splunk_size",
    "bytes that go to a transforming function at once before Splunk",
    "256 KiB",
);
/// How long the first record waits.
pub const INTERVAL: Parameter =
    Parameter::published("FH-T1", "interval", "how long records wait for a transforming function", "60s");
/// Retries.
pub const RETRIES: Parameter =
    Parameter::published("FH-T3", "retries", "tries of a transformation after the first one", "3");
/// Time between tries.
pub const RETRY_WAIT: Parameter = Parameter::assumed(
    "FH-T3",
    "retry_wait",
    "time between two tries of a transformation",
    "1s",
    "AWS publishes how often it tries, not when",
);
/// The timeout.
pub const TIMEOUT: Parameter =
    Parameter::published("FH-T2", "timeout", "running time at which a transformation fails", "300s");
/// Invocations that fail.
pub const ERRORS: Parameter =
    Parameter::assumed("OWN-9", "transform_errors", "share of transformations that fail", "0%", OWN_CODE);
/// Records that the function drops.
pub const DROPPED: Parameter =
    Parameter::assumed("OWN-9", "dropped", "share of records that a transformation drops", "0%", OWN_CODE);
/// Records that the function cannot do.
pub const FAILED: Parameter =
    Parameter::assumed("OWN-9", "failed", "share of records that a transformation fails", "0%", OWN_CODE);
/// How large a record comes back.
pub const SIZE_RATIO: Parameter = Parameter::assumed(
    "OWN-9",
    "size_ratio",
    "bytes of a transformed record as a share of what it was",
    "100%",
    OWN_CODE,
);
/// The parameters of transformation.
pub const PARAMETERS: &[Parameter] =
    &[SIZE, SPLUNK_SIZE, INTERVAL, RETRIES, RETRY_WAIT, TIMEOUT, ERRORS, DROPPED, FAILED, SIZE_RATIO];

/// A function that each record passes before it is buffered for the destination (FH-S9). Firehose waits for its answer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransformSettings {
    /// When records are sent.
    pub buffer: Option<TransformBufferSettings>,
    /// Tries after the first one: 0 to 300 (FH-T3). Then the whole batch goes to `processing-failed`.
    #[schemars(extend("default" = 3), range(max = 300))]
    pub retries: Option<u32>,
    /// Time between two tries: 0s to 1h.
    #[schemars(extend("default" = RETRY_WAIT.value))]
    pub retry_wait: Option<Duration>,
    /// How long the function runs.
    pub duration: Option<DurationSettings>,
    /// Running time at which it fails: 1s to 300s (FH-T2).
    #[schemars(extend("default" = TIMEOUT.value))]
    pub timeout: Option<Duration>,
    /// Memory, which is billed: 128 MiB to 10,240 MiB.
    #[schemars(extend("default" = MEMORY.value))]
    pub memory: Option<Bytes>,
    /// Processor.
    pub architecture: Option<Architecture>,
    /// Runtime, by which cold starts take their time (LAM-L3).
    #[schemars(extend("default" = RUNTIME.value))]
    pub runtime: Option<Runtime>,
    /// How long a cold start takes; by `runtime` when left out.
    pub cold_start: Option<Time>,
    /// How long an idle execution environment stays.
    #[schemars(extend("default" = KEEP_WARM.value))]
    pub keep_warm: Option<Duration>,
    /// Concurrent executions kept for this function alone, which are also its limit; none when left out: then it shares those of the
    /// account with all other functions, and a refusal is a failed try (FH-T3).
    pub reserved_concurrency: Option<u32>,
    /// Share of the invocations that fail.
    #[schemars(extend("default" = ERRORS.value))]
    pub errors: Option<Percent>,
    /// Share of the records that come back as `Dropped` (FH-T3): left out on purpose.
    #[schemars(extend("default" = DROPPED.value))]
    pub dropped: Option<Percent>,
    /// Share of the records that come back as `ProcessingFailed` (FH-T3): they go to the error prefix.
    #[schemars(extend("default" = FAILED.value))]
    pub failed: Option<Percent>,
    /// Bytes of a record that comes back as a share of what it was: more than 0%, 10,000% at most.
    #[schemars(extend("default" = SIZE_RATIO.value))]
    pub size_ratio: Option<Ratio>,
}

/// When records are sent to the function: whichever is met first.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransformBufferSettings {
    /// Bytes: 200 KiB to 3 MiB (FH-T1). 256 KiB where Splunk is the destination.
    #[schemars(extend("default" = SIZE.value))]
    pub size: Option<Bytes>,
    /// Time since the first record: 0s to 900s (FH-T1).
    #[schemars(extend("default" = INTERVAL.value))]
    pub interval: Option<Duration>,
}

/// Backup of all source records to S3 (FH-T4): a reader of its own beside the delivery (FH-S2), which cannot be switched off
/// once it is on.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupSettings {
    /// When a buffer is full: 1 MiB to 128 MiB, 60s to 900s (FH-B8).
    pub buffer: Option<BackupBufferSettings>,
    /// What object names begin with.
    pub prefix: Option<String>,
    /// How long S3 takes to store an object.
    pub put: Option<Time>,
}

/// Hints of the backup's buffers.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupBufferSettings {
    /// Bytes: 1 MiB to 128 MiB.
    #[schemars(extend("default" = super::BUFFER_SIZE.value))]
    pub size: Option<Bytes>,
    /// Time since the first record: 60s to 900s; no zero buffering here (FH-B8).
    #[schemars(extend("default" = super::BUFFER_INTERVAL.value))]
    pub interval: Option<Duration>,
}
