//! What retention took before a reader came: from which shard, how much, and when it began.

use crate::engine::time::Nanos;

/// What one reader lost on one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The shard.
    pub shard: usize,
    /// Records lost.
    pub records: u64,
    /// When the first of them ceased to be readable.
    pub first: Nanos,
}

/// What one reader lost, shard by shard, in the order in which it began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses(Vec<Loss>);

impl Losses {
    /// Notes records lost on a shard, of which the first ceased to be readable at `first`.
    #[cold]
    pub fn note(&mut self, shard: usize, records: u64, first: Nanos) {
        match self.0.iter_mut().find(|loss| loss.shard == shard) {
            _ if records == 0 => {}
            Some(loss) => {
                loss.records += records;
                loss.first = loss.first.min(first);
            }
            None => self.0.push(Loss { shard, records, first }),
        }
    }

    /// Adds what was lost elsewhere on the same reader's way.
    pub fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|loss| self.note(loss.shard, loss.records, loss.first));
    }

    /// Shard by shard.
    pub fn by_shard(&self) -> &[Loss] {
        &self.0
    }

    /// Records lost on all shards.
    pub fn records(&self) -> u64 {
        self.0.iter().map(|loss| loss.records).sum()
    }

    /// When the first record was lost.
    pub fn first(&self) -> Option<Nanos> {
        self.0.iter().map(|loss| loss.first).min()
    }
}
