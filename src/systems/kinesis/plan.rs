//! A data stream as the scenario describes it, checked.

use super::capacity::CapacityPlan;
use super::past::PastShard;
use crate::engine::time::Nanos;

/// A stream.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamPlan {
    /// Its name in the scenario.
    pub name: String,
    /// Open shards at the start, 1 to 10,000 (KDS-S8), with even hash ranges (KDS-H5).
    pub shards: u32,
    /// Its capacity mode and what moves it.
    pub capacity: CapacityPlan,
    /// How long records stay (KDS-S1).
    pub retention: Nanos,
    /// The largest record, partition key included (KDS-W4).
    pub record_bytes_max: u32,
    /// How long one split or merge takes (OPEN-11).
    pub reshard_step: Nanos,
    /// What it holds when the run begins.
    pub history: Option<HistoryPlan>,
    /// Whether the limit of five GetRecords calls a second holds (KDS-R1).
    pub limit_calls: bool,
}

/// Records that arrived evenly over some time before the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPlan {
    /// How long before.
    pub span: Nanos,
    /// What each shard then took.
    pub shards: Vec<PastShard>,
}

/// Records above this need the stream's permission (KDS-B1).
pub const RECORD_BYTES_USUAL: u32 = 1_048_576;

impl StreamPlan {
    /// Whether shards get the deeper bucket for large records (KDS-B2).
    pub fn large_records(&self) -> bool {
        self.record_bytes_max > RECORD_BYTES_USUAL
    }
}
