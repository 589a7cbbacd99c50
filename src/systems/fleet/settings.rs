//! What scenarios say about fleets of any kind.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::distribution::Time;
use crate::settings::parameter::Parameter;
use crate::units::{Bytes, Duration, Money};

const OWN_CODE: &str = "it is the user's own code: measure it and write it down";

/// CPU time of a record.
pub const PER_RECORD: Parameter =
    Parameter::assumed("OWN-13", "per_record", "a worker's CPU time for each record", "0s", OWN_CODE);
/// CPU time of a batch.
pub const PER_BATCH: Parameter =
    Parameter::assumed("OWN-13", "per_batch", "a worker's CPU time for each batch", "0s", OWN_CODE);
/// From a poll to the worker.
pub const DELIVERY: Parameter = Parameter::assumed(
    "DEF-5",
    "delivery",
    "from a poll to the records' arrival at a worker",
    "{ lognormal: { median: 30ms, sigma: 0.5 } }",
    "what published latencies leave besides the wait for the poll",
);
/// From the shard to a registered worker.
pub const PUSH: Parameter = Parameter::assumed(
    "DEF-4",
    "push",
    "from a record's arrival in its shard to a worker that it is pushed to",
    "{ lognormal: { median: 65ms, sigma: 0.4 } }",
    "fitted to AWS's mean of about 70 ms (LAT-7)",
);
/// How processors are shared.
pub const PROCESSORS: Parameter = Parameter::built_in(
    "OWN-13",
    "how a worker's shards share its processors",
    "a batch takes one processor from its beginning to its end, first come, first served",
    "the library runs a thread a shard; which of them the system lets run is not modelled",
);

/// The parameters of this file.
pub const PARAMETERS: &[Parameter] = &[PER_RECORD, PER_BATCH, DELIVERY, PUSH, PROCESSORS];

/// How a fleet reads its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ViaSettings {
    /// By GetRecords calls, which share each shard's 2 MB/s and 5 calls a second with others.
    Polling,
    /// Registered for enhanced fan-out: records are pushed, with throughput of its own (KDS-E1).
    EnhancedFanOut,
}

/// A worker's computer.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostSettings {
    /// An EC2 instance of the price book: `m5.large`, `m7i.large`, `c6g.large` or `t3.medium`.
    Ec2(String),
    /// A Fargate task.
    Fargate(FargateSettings),
    /// Any other computer, at the user's own price.
    Own(OwnHostSettings),
    /// Any other computer with so many vCPUs: more than 0, at most 192. Its price is not in the bill.
    Vcpu(f64),
}

/// A computer that the price book does not have.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnHostSettings {
    /// vCPUs: more than 0, at most 192.
    pub vcpu: f64,
    /// What one of them costs for each hour that it is there: `0.17 USD`. The bill has it as `host.NAME_h`, by the consumer's
    /// name.
    pub price_per_hour: Money,
}

/// A Fargate task.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FargateSettings {
    /// vCPUs: 0.25, 0.5, 1, 2, 4, 8 or 16.
    pub vcpu: f64,
    /// Memory: 512 MiB to 120 GiB.
    pub memory: Bytes,
    /// Processor.
    #[serde(default)]
    pub architecture: Architecture,
}

/// Processor of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// x86.
    #[default]
    X86_64,
    /// Arm.
    Arm64,
}

/// When progress is written down.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckpointSettings {
    /// After how much work (KCL-9): `batch`, `{ records: 1_000 }` or `{ interval: 60s }`, each shard by itself and at the end
    /// of a batch.
    #[schemars(extend("default" = "batch"))]
    pub every: Option<EverySettings>,
    /// Whether it is written after the batch's own write, so that a crash repeats records (at least once), or before it, so
    /// that a crash loses some (at most once).
    #[schemars(extend("default" = "after"))]
    pub order: Option<OrderSettings>,
    /// How long it takes; the shard stands still meanwhile.
    pub latency: Option<Time>,
}

/// After how much work a checkpoint is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EverySettings {
    /// After each batch.
    Batch,
    /// After so many records of one shard: 1 or more.
    Records(u64),
    /// This long after the last one: 1ms to 1d.
    Interval(Duration),
}

/// Before or after the batch's own write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderSettings {
    /// After it: at least once.
    After,
    /// Before it: at most once.
    Before,
}
