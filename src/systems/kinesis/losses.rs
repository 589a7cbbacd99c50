//! What retention took before a reader came: from which shard, how much, and when.

use crate::engine::time::Nanos;
use crate::systems::tolls::Tolls;

/// The fate and the cause of what retention takes.
pub const EXPIRED: (&str, &str) = ("expired", "older than the stream's retention");
/// Those of what a reader passes over that begins anew at the newest record after such a loss.
pub const SKIPPED: (&str, &str) = ("skipped", "passed over by a restart after a loss");

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

/// What one reader lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// By number, up to the last shard that lost some.
    shards: Vec<Loss>,
    /// By fate, on all shards.
    tolls: Tolls,
}

impl Losses {
    /// Notes records lost on a shard one after the other, from the first of these moments to the last.
    #[cold]
    pub fn note(
        &mut self,
        shard: usize,
        span: (Nanos, Nanos),
        what: (&'static str, &'static str),
        records: u64,
    ) {
        self.count(Loss { shard, records, first: span.0 });
        self.tolls.note_span(span, what, records);
    }

    fn count(&mut self, lost: Loss) {
        if lost.records > 0 {
            let known = self.shards.len();
            self.shards.extend((known..=lost.shard).map(|shard| Loss {
                shard,
                records: 0,
                first: Nanos::MAX,
            }));
            let loss = &mut self.shards[lost.shard];
            loss.records += lost.records;
            loss.first = loss.first.min(lost.first);
        }
    }

    /// Adds what was lost elsewhere on the same reader's way.
    pub fn add(&mut self, other: &Self) {
        other.shards.iter().for_each(|loss| self.count(*loss));
        self.tolls.add(&other.tolls);
    }

    /// Of each shard that lost some, by number.
    pub fn by_shard(&self) -> impl Iterator<Item = Loss> {
        self.shards.iter().copied().filter(|loss| loss.records > 0)
    }

    /// By fate, on all shards, with the moments.
    pub fn tolls(&self) -> &Tolls {
        &self.tolls
    }

    /// Records lost on all shards.
    pub fn records(&self) -> u64 {
        self.shards.iter().map(|loss| loss.records).sum()
    }

    /// When the first record was lost.
    pub fn first(&self) -> Option<Nanos> {
        self.by_shard().map(|loss| loss.first).min()
    }
}
