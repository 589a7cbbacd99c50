//! How a scenario describes an EventBridge Pipe from a stream to a queue or to a function. It reads as an event source mapping
//! does (EBP-1, EBP-2).

use schemars::JsonSchema;
use serde::Deserialize;

use super::logs::LogSettings;
use super::settings::{
    ARCHITECTURE, Architecture, DurationSettings, ErrorSettings, FilterSettings, KEEP_WARM, LambdaBackoff,
    LambdaSettings, MEMORY, OnFailure, OrUnlimited, REPORT, RUNTIME, Runtime, TIMEOUT, ViaSettings,
};
use crate::engine::time::MINUTE;
use crate::settings::distribution::Time;
use crate::settings::one_or_map::{Expected, OneOrMap};
use crate::settings::parameter::Parameter;
use crate::settings::reference::Reference;
use crate::systems::polling::settings::FromSettings;
use crate::systems::sink::SinkSettings;
use crate::units::{Bytes, Duration};

/// How often a pipe polls a data stream.
pub const POLLS: Parameter = Parameter::built_in(
    "EBP-2",
    "time between two polls of one shard of a Kinesis stream by a pipe",
    "1s",
    "AWS does not say; as a mapping does (LAM-P1)",
);

/// The parameters of this file.
pub const PARAMETERS: &[Parameter] = &[POLLS];

/// An EventBridge Pipe from a stream to a queue or to a function. It enriches nothing on the way.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipeSettings {
    /// The target: a queue, `sqs.X`, or `{ lambda: {} }`, a function that the pipe invokes and waits for.
    pub to: OneOrMap<Reference, PipeTarget>,
    /// Whether it polls or is pushed to, as with a Lambda function (EBP-2).
    pub via: Option<ViaSettings>,
    /// From a poll, or from a record's arrival in the shard, to the pipe. Default as with a Lambda function.
    pub delivery: Option<Time>,
    /// Records of a batch: 1 to 10,000, of which a queue takes 10 at a time (EBP-1, EBP-3). Default 100 to a function, 10 to a queue.
    pub batch_size: Option<u32>,
    /// How long a batch waits for more records: 0s to 300s (EBP-1).
    pub batch_window: Option<Duration>,
    /// Batches of one shard that run at once: 1 to 10 (EBP-1).
    pub parallelization_factor: Option<u32>,
    /// Which records pass; the others are not billed (EBP-4).
    pub filter: Option<FilterSettings>,
    /// Tries after the first one: `unlimited`, or 0 to 10,000 (EBP-1).
    pub retries: Option<OrUnlimited<u32>>,
    /// Age at which records are given up: `unlimited`, or 60s to 7d (EBP-1).
    pub maximum_record_age: Option<OrUnlimited<Duration>>,
    /// Whether a failed batch is halved: AUTOMATIC_BISECT (EBP-1).
    pub bisect: Option<bool>,
    /// Waits between tries (LAM-E6).
    pub backoff: Option<LambdaBackoff>,
    /// Where what is given up goes; nowhere when left out.
    pub on_failure: Option<OnFailure>,
    /// The record with which it begins.
    pub from: Option<FromSettings>,
}

/// What a pipe hands its batches to, if that is no queue. Other targets are not simulated.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipeTarget {
    /// A function that is invoked with a whole batch, 6 MB of JSON at most (EBP-3), and whose answer the pipe waits for
    /// (REQUEST_RESPONSE).
    pub lambda: TargetFunctionSettings,
}

impl Expected for PipeTarget {
    const EXPECTED: &'static str = "a queue, such as `sqs.search`, or `{ lambda: {} }`";
}

/// The function that a pipe invokes. It takes concurrency of the account and starts cold as any function does; what follows a failure
/// is the pipe's to say.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetFunctionSettings {
    /// How long it runs.
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
    /// Whether it names the records that failed (`batchItemFailures`), from the first of which alone the pipe tries again.
    #[schemars(extend("default" = REPORT.value))]
    pub report_batch_item_failures: Option<bool>,
    /// What makes it fail; nothing when left out.
    pub errors: Option<ErrorSettings>,
    /// Queues into which it puts a message for each record that it processes.
    pub sends_to: Option<Vec<Reference>>,
    /// What it writes each record to, if that has a limit or a latency of its own.
    pub sink: Option<SinkSettings>,
    /// What it writes to CloudWatch Logs, for the bill; nothing when left out.
    pub logs: Option<LogSettings>,
}

impl PipeSettings {
    /// The function that it invokes, if its target is one.
    pub fn function(&self) -> Option<&TargetFunctionSettings> {
        match &self.to {
            OneOrMap::One(_) => None,
            OneOrMap::Map(target) => Some(&target.lambda),
        }
    }

    /// A mapping that reads as the pipe does, with batches of `batch_size`, and the function that stands for its target.
    pub fn as_mapping(&self, batch_size: Option<u32>) -> LambdaSettings {
        LambdaSettings {
            via: self.via,
            delivery: self.delivery.clone(),
            batch_size,
            batch_window: self.batch_window,
            parallelization_factor: self.parallelization_factor,
            filter: self.filter,
            retries: self.retries,
            maximum_record_age: self.maximum_record_age,
            bisect: self.bisect,
            backoff: self.backoff,
            on_failure: self.on_failure,
            from: self.from,
            ..match &self.to {
                OneOrMap::One(queue) => Self::call_of(queue),
                OneOrMap::Map(target) => target.lambda.as_function(),
            }
        }
    }

    /// A pipe to a queue runs no code of the user's: its time is that of the call, five minutes at most.
    fn call_of(queue: &Reference) -> LambdaSettings {
        LambdaSettings {
            sends_to: Some(vec![queue.clone()]),
            duration: Some(DurationSettings {
                base: Some(Duration::ZERO),
                per_record: Some(Duration::ZERO),
                spread: Some(0.0),
            }),
            timeout: Some(Duration::from_nanos(5 * MINUTE)),
            memory: Some(Bytes::new(128 << 20)),
            cold_start: Some(Time::One(Duration::ZERO)),
            keep_warm: Some(Duration::from_nanos(MINUTE)),
            ..LambdaSettings::default()
        }
    }
}

impl TargetFunctionSettings {
    fn as_function(&self) -> LambdaSettings {
        LambdaSettings {
            duration: self.duration.clone(),
            timeout: self.timeout,
            memory: self.memory,
            architecture: self.architecture,
            runtime: self.runtime,
            cold_start: self.cold_start.clone(),
            keep_warm: self.keep_warm,
            reserved_concurrency: self.reserved_concurrency,
            report_batch_item_failures: self.report_batch_item_failures,
            errors: self.errors.clone(),
            sends_to: self.sends_to.clone(),
            sink: self.sink.clone(),
            ..LambdaSettings::default()
        }
    }
}
