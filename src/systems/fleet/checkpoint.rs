//! When a worker writes down how far it has come (KCL-9).

use super::progress::Progress;
use crate::engine::sampler::Sampler;
use crate::engine::time::Nanos;

/// After how much work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// After each batch.
    Batch,
    /// At the end of the batch that makes it so many records of one shard.
    Records(u64),
    /// At the end of the first batch that ends this long after the last one.
    Interval(Nanos),
    /// Not by the batch: somebody else decides.
    Elsewhere,
}

/// Checkpoints as the scenario describes them, checked.
#[derive(Clone, Debug)]
pub struct CheckpointPlan {
    /// When.
    pub every: Every,
    /// Whether before the batch's write, so that a crash loses records, or after it, so that a crash repeats some.
    pub before: bool,
    /// How long it takes, nanoseconds: the shard stands still meanwhile.
    pub latency: Sampler,
}

impl CheckpointPlan {
    /// Whether one is due with a batch that ends at record `until` of its shard.
    pub fn is_due(&self, now: Nanos, until: u64, progress: &Progress) -> bool {
        match self.every {
            Every::Batch => true,
            Every::Records(records) => until.saturating_sub(progress.saved()) >= records,
            Every::Interval(interval) => now >= progress.saved_at() + interval,
            Every::Elsewhere => false,
        }
    }
}
