//! What retention took from a reader before it came.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::report::number::rounded;
use crate::systems::kinesis::losses::Losses;

/// Shards that are listed; the rest is in the sums.
const SHARDS_MAX: usize = 32;

/// Records lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LossRow {
    /// Records lost in all replications.
    pub records: u64,
    /// When the first one ceased to be readable in any replication, simulated seconds.
    pub first_s: Option<f64>,
    /// Shards that lost some in replication 0.
    pub shards: u64,
    /// By shard in replication 0, in the order in which they began to lose; the first 32.
    pub by_shard: Vec<ShardLossRow>,
}

/// Records lost on one shard.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShardLossRow {
    /// The shard.
    pub shard: u32,
    /// Records lost.
    pub records: u64,
    /// When the first of them ceased to be readable, simulated seconds.
    pub first_s: Option<f64>,
}

impl LossRow {
    /// Of one reader in all replications; nothing where nothing was lost.
    pub fn of<'a>(losses: impl Iterator<Item = &'a Losses>) -> Option<Self> {
        let all: Vec<&Losses> = losses.collect();
        let records = all.iter().map(|losses| losses.records()).sum();
        let seconds = |at: u64| rounded(at as f64 / 1e9);
        let mut by_shard = all.first()?.by_shard().to_vec();
        by_shard.sort_by_key(|loss| (loss.first, loss.shard));
        let row = |loss: &crate::systems::kinesis::losses::Loss| ShardLossRow {
            shard: loss.shard as u32,
            records: loss.records,
            first_s: seconds(loss.first),
        };
        (records > 0).then(|| Self {
            records,
            first_s: all.iter().filter_map(|losses| losses.first()).min().and_then(seconds),
            shards: by_shard.len() as u64,
            by_shard: by_shard.iter().take(SHARDS_MAX).map(row).collect(),
        })
    }
}
