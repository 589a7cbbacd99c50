//! A function with its event source mapping as the scenario describes it, checked.

use super::batch::Batching;
use super::function::FunctionPlan;
use super::lane::lane_of;
use super::retry::RetryPlan;
use super::tumbling::TumblingPlan;
use crate::engine::sampler::Sampler;
use crate::engine::time::Nanos;
use crate::systems::kinesis::fan_out::FanOutPlan;
use crate::systems::kinesis::poll_grid::PollPlan;
use crate::systems::kinesis::reader::ReaderPlan;
use std::num::NonZeroU32;

/// How a mapping reads a data stream.
#[derive(Clone, Debug)]
pub enum Via {
    /// It polls every shard, of a data stream once a second, of a table's stream four times, sharing the shard's limits with
    /// others (LAM-P1, LAM-P2).
    Shared(PollPlan),
    /// Records are pushed to it (LAM-P3).
    FanOut(FanOutPlan),
}

/// Who reads the stream, and what runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An event source mapping reads, and its function runs.
    Mapping,
    /// An EventBridge Pipe reads and sends to a queue: it runs no function and takes no concurrency (EBP-3).
    PipeToQueue,
    /// An EventBridge Pipe reads, and the function that it waits for runs (EBP-3).
    PipeToFunction,
}

impl Role {
    /// Whether a pipe reads, which is billed by its own requests (EBP-4).
    pub fn is_pipe(self) -> bool {
        self != Self::Mapping
    }

    /// Whether a function runs, which is billed and takes concurrency (LAM-C6).
    pub fn runs_function(self) -> bool {
        self != Self::PipeToQueue
    }
}

/// A function with its event source mapping as the scenario describes it, checked.
#[derive(Clone, Debug)]
pub struct LambdaPlan {
    /// Its name in the scenario.
    pub name: String,
    /// Number of the stream it reads.
    pub stream: usize,
    /// How.
    pub via: Via,
    /// Where it begins, and when.
    pub reader: ReaderPlan,
    /// When the mapping was created, if that is within the run; it begins to read some time later (LAM-P5).
    pub created: Option<Nanos>,
    /// How long it stands at the end of a DynamoDB stream's shard before it reads the children (DDS-Y2).
    pub discovery: Nanos,
    /// From a poll to the records' arrival at the function, nanoseconds.
    pub delivery: Sampler,
    /// Who reads, and what runs.
    pub role: Role,
    /// The mapping.
    pub mapping: MappingPlan,
    /// The function.
    pub function: FunctionPlan,
}

/// A mapping, whatever its source.
#[derive(Clone, Debug)]
pub struct MappingPlan {
    /// When a batch is complete.
    pub batching: Batching,
    /// Batches of one shard that run at once: 1 to 10 (LAM-C1).
    pub factor: u32,
    /// Partition keys of the stream where several items share one: the order of a partition key is kept, not only that of an
    /// item (LAM-C2, LAM-C3). Item numbers go round the partition keys.
    pub partition_keys: Option<NonZeroU32>,
    /// Tumbling windows, if it has them (LAM-W1).
    pub tumbling: Option<TumblingPlan>,
    /// Share of records that pass the filter (LAM-F1); `None` without one.
    pub filter_passes: Option<f64>,
    /// Error handling.
    pub retry: RetryPlan,
    /// How long the source keeps records.
    pub retention: Nanos,
}

impl MappingPlan {
    /// The lane of an item's records among those of its shard. Items that share a partition key share a lane where that key's
    /// order is kept (LAM-C2).
    #[inline]
    pub fn lane_of(&self, item: u32) -> u32 {
        lane_of(self.partition_keys.map_or(item, |keys| item % keys), self.factor)
    }
}
