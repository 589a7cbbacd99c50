//! How a scenario describes an application of Managed Service for Apache Flink.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::distribution::Time;
use crate::settings::parameter::Parameter;
use crate::systems::fleet::settings::ViaSettings;
use crate::systems::polling::settings::FromSettings;
use crate::systems::sink::SinkSettings;
use crate::units::Duration;

/// Subtasks of one KPU.
pub const PER_KPU: Parameter =
    Parameter::published("FLK-2", "parallelism_per_kpu", "subtasks that share one KPU", "1");
/// Whether it shuffles.
pub const KEYED: Parameter = Parameter::assumed(
    "FLK-1",
    "keyed",
    "whether records go to all subtasks alike after they are read, as after a keyBy",
    "true",
    "most jobs key their stream; keys are taken to be even. Without it a subtask works on the records of its own shards alone",
);
/// Whether it scales.
pub const AUTOSCALING: Parameter =
    Parameter::published("FLK-3", "autoscaling", "whether the application scales by its CPU", "true");
/// Time between checkpoints.
pub const INTERVAL: Parameter = Parameter::assumed(
    "OWN-15",
    "checkpoint_interval",
    "time between two checkpoints of the job",
    "60s",
    "the service's default setting",
);
/// Time of a checkpoint.
pub const TAKES: Parameter = Parameter::assumed(
    "OWN-15",
    "checkpoint_takes",
    "time of one checkpoint, from its barriers to its completion",
    "1s",
    "a small state; write down the user's own",
);
/// Time of a restart.
pub const RESTART: Parameter = Parameter::assumed(
    "FLK-3",
    "restart",
    "how long the job is down when it restarts or scales",
    "40s",
    "AWS does not publish it; tens of seconds are usual",
);
/// Time between two reads.
pub const POLL: Parameter = Parameter::assumed(
    "OWN-15",
    "poll_interval",
    "time between two GetRecords calls of one subtask on one shard",
    "200ms",
    "default of the Kinesis connector, which takes all five calls a second of a shard",
);
/// Time between looks for new shards.
pub const DISCOVERY: Parameter = Parameter::assumed(
    "OWN-15",
    "shard_discovery",
    "how often the job looks for new shards",
    "10s",
    "default of the Kinesis connector",
);
/// Where it begins.
pub const FROM: Parameter = Parameter::assumed(
    "OWN-15",
    "from",
    "where a Flink application goes on in what its stream held before the run",
    "latest",
    "default of the Kinesis connector",
);
/// What scaling keeps.
pub const SCALING: Parameter = Parameter::built_in(
    "FLK-3",
    "what an application that scales goes on from",
    "a snapshot made when it stops: nothing is processed again",
    "snapshots are on by default; after a crash it goes on from the last checkpoint",
);

/// The parameters of this room.
pub const PARAMETERS: &[Parameter] =
    &[PER_KPU, KEYED, AUTOSCALING, INTERVAL, TAKES, RESTART, POLL, DISCOVERY, FROM, SCALING];

/// An application of Managed Service for Apache Flink.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlinkSettings {
    /// Subtasks that read and process: 1 to 256 (FLK-2). One KPU more than they take is charged for orchestration.
    #[schemars(range(min = 1, max = 256))]
    pub parallelism: u32,
    /// Subtasks that share one KPU, which has one vCPU and 4 GB: 1 to 8 (FLK-1, FLK-2).
    #[schemars(extend("default" = PER_KPU.value), range(min = 1, max = 8))]
    pub parallelism_per_kpu: Option<u32>,
    /// Whether records go to all subtasks alike after they are read, as after a `keyBy` or `rebalance`; without, a subtask works on the
    /// records of its own shards, and those without shards do nothing.
    #[schemars(extend("default" = KEYED.value))]
    pub keyed: Option<bool>,
    /// Whether it scales by its CPU: twice the parallelism after 15 minutes at 75 % or more, half of it after six hours below
    /// 10 %, never below `parallelism` (FLK-3).
    #[schemars(extend("default" = AUTOSCALING.value))]
    pub autoscaling: Option<bool>,
    /// How it reads.
    #[schemars(extend("default" = "polling"))]
    pub via: Option<ViaSettings>,
    /// The record with which it begins (KDS-R8): where it goes on in the stream's `history`, or what it reads first when it `starts`.
    #[schemars(extend("default" = FROM.value))]
    pub from: Option<FromSettings>,
    /// When it is created, from the start of the run; it is there before the run when left out.
    pub starts: Option<Duration>,
    /// Time between two reads of one shard: 200ms to 1h.
    #[schemars(extend("default" = POLL.value))]
    pub poll_interval: Option<Duration>,
    /// From a poll to the records' arrival at the subtask; with enhanced fan-out, from their arrival in the shard.
    pub delivery: Option<Time>,
    /// CPU time of each record.
    pub per_record: Option<Duration>,
    /// CPU time of each batch, whatever its records.
    pub per_batch: Option<Duration>,
    /// What it writes each of its records to, one call after the other by each subtask. Time spent there is part of the
    /// processing, and takes no CPU; a sink that takes no more holds reading back.
    pub sink: Option<SinkSettings>,
    /// Time between two checkpoints of the job, after which a restart begins: 1s to 1h. Its state is exact; what it has sent out
    /// since is sent again.
    #[schemars(extend("default" = INTERVAL.value))]
    pub checkpoint_interval: Option<Duration>,
    /// Time of one checkpoint: 0s to the interval.
    #[schemars(extend("default" = TAKES.value))]
    pub checkpoint_takes: Option<Duration>,
    /// How long the job is down when it restarts or scales: 1s to 1h.
    #[schemars(extend("default" = RESTART.value))]
    pub restart: Option<Duration>,
    /// How often it looks for new shards: 1s to 1h.
    #[schemars(extend("default" = DISCOVERY.value))]
    pub shard_discovery: Option<Duration>,
}
