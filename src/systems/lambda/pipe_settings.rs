//! How a scenario describes an EventBridge Pipe from a stream to a queue. It reads as an event source mapping does
//! (EBP-1, EBP-2).

use schemars::JsonSchema;
use serde::Deserialize;

use super::settings::{
    DurationSettings, FilterSettings, LambdaBackoff, LambdaSettings, OnFailure, OrUnlimited, ViaSettings,
};
use crate::engine::time::MINUTE;
use crate::settings::distribution::Time;
use crate::settings::parameter::Parameter;
use crate::settings::reference::Reference;
use crate::systems::polling::settings::FromSettings;
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

/// An EventBridge Pipe from a stream to a queue.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipeSettings {
    /// The queue: `sqs.X`.
    pub to: Reference,
    /// Whether it polls or is pushed to, as with a Lambda function (EBP-2).
    pub via: Option<ViaSettings>,
    /// From a poll, or from a record's arrival in the shard, to the pipe. Default as with a Lambda function.
    pub delivery: Option<Time>,
    /// Records of a batch: 1 to 10,000, of which a queue takes 10 at a time (EBP-1, EBP-3).
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

impl PipeSettings {
    /// A mapping that reads as the pipe does, with batches of `batch_size`.
    pub fn as_mapping(&self, batch_size: u32) -> LambdaSettings {
        LambdaSettings {
            via: self.via,
            delivery: self.delivery.clone(),
            batch_size: Some(batch_size),
            batch_window: self.batch_window,
            parallelization_factor: self.parallelization_factor,
            filter: self.filter,
            retries: self.retries,
            maximum_record_age: self.maximum_record_age,
            bisect: self.bisect,
            backoff: self.backoff,
            on_failure: self.on_failure,
            from: self.from,
            sends_to: Some(vec![self.to.clone()]),
            // It runs no code of the user's: its time is that of the call to the queue, five minutes at most.
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
