//! Kinesis Data Streams for DynamoDB: the feed that carries a table's changes to a stream.
//!
//! AWS promises neither order nor single delivery (KDC-1, KDC-2) and publishes neither delay nor retry rules (KDC-R5).
//! The default here keeps the changes of one item in order, with rare injected disorder and duplicates (OPEN-6, OPEN-7):
//! independent delays a record would invent disorder that nobody has seen.

use super::change_record::{RecordTemplate, TimestampPrecision};
use super::operation::Operation;
use super::partition_key::{PARTITION_KEY_BYTES, replication_partition_key};
use crate::engine::backoff::Backoff;
use crate::engine::math;
use crate::engine::random::{Draws, Keyed, Streams, threshold};
use crate::engine::sampler::Sampler;
use crate::engine::time::{MILLISECOND, Nanos, round};
use std::num::NonZeroU32;

/// What order the feed keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The changes of one item arrive in the order in which the table made them.
    PerItem,
    /// Every record has its own delay, whatever came before: for comparisons with theory.
    Independent,
}

/// Something that happens to a record by chance, and the further delay it brings.
#[derive(Clone, Debug, PartialEq)]
pub struct Chance {
    /// Share of records, in [0, 1].
    pub probability: f64,
    /// How much later the record, or its copy, reaches the stream's door; nanoseconds.
    pub delay: Sampler,
}

/// The Kinesis record's size.
#[derive(Clone, Debug)]
pub enum RecordSize {
    /// The change as DynamoDB writes it, in JSON (KDC-J6), with the partition key.
    Json(RecordTemplate),
    /// The item's size alone, partition key not counted: for comparisons.
    Item,
}

/// The Kinesis record's partition key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionKey {
    /// 32 hex digits that stand for the item (KDC-P1, KDC-P2).
    Hashed,
    /// 32 hex digits that stand for the partition key in the table, of which there are so many: items that differ only in
    /// their sort key share them (KDC-P4, OPEN-13).
    HashedCollection(NonZeroU32),
    /// The item's own key: for comparisons.
    Raw,
}

/// The feed as the scenario describes it, checked.
#[derive(Clone, Debug)]
pub struct ReplicationPlan {
    /// Number of the stream it writes to.
    pub stream: usize,
    /// From the write to the stream's door (KDC-Y1); nanoseconds.
    pub delay: Sampler,
    /// Order kept.
    pub order: Order,
    /// Injected disorder (OPEN-6).
    pub disorder: Option<Chance>,
    /// Injected duplicates (OPEN-6).
    pub duplicates: Option<Chance>,
    /// How it tries again after the stream throttled a record (KDC-R1, OPEN-7).
    pub backoff: Backoff,
    /// Size of the record.
    pub record: RecordSize,
    /// What creation times are cut to (KDC-T1).
    pub precision: TimestampPrecision,
    /// Partition key of the record.
    pub partition_key: PartitionKey,
}

impl ReplicationPlan {
    /// Bytes that a change takes in the stream, its partition key included (KDS-W1, KDC-P1).
    #[inline]
    pub fn record_bytes(&self, operation: Operation, before: u32, after: u32) -> u32 {
        match &self.record {
            RecordSize::Item => before.max(after),
            RecordSize::Json(template) => template.json_bytes(operation, before, after) + PARTITION_KEY_BYTES,
        }
    }

    /// The hash key by which an item's changes find their shard (KDS-H2).
    pub fn hash_key(&self, item_key: &[u8]) -> u128 {
        use crate::systems::kinesis::hash_range::hash_key;
        match self.partition_key {
            PartitionKey::Raw => hash_key(item_key),
            PartitionKey::Hashed | PartitionKey::HashedCollection(_) => {
                hash_key(&replication_partition_key(item_key))
            }
        }
    }

    /// The item whose key stands for this one in the partition key: itself, or the first of those with its partition key
    /// in the table. Item numbers go round the partition keys.
    pub fn stands_for(&self, item: u32) -> u32 {
        match self.partition_key {
            PartitionKey::HashedCollection(collections) => item % collections,
            PartitionKey::Hashed | PartitionKey::Raw => item,
        }
    }

    /// Delays in nanoseconds for a batch of writes.
    pub fn fill_delays(&self, draws: &mut Draws, scratch: &mut [f64], out: &mut Vec<Nanos>) {
        self.delay.fill(draws, scratch);
        out.extend(scratch.iter().map(|delay| round(*delay)));
    }
}

/// What the feed did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplicationMeter {
    /// Puts refused (`ThrottledPutRecordCount`).
    pub throttled: u64,
    /// Records accepted by the stream, copies included.
    pub replicated: u64,
    /// Change data capture units of all attempts (KDC-M1, KDC-M2).
    pub units: u64,
    /// Those of attempts after a refusal.
    pub units_retried: u64,
    /// Those of first attempts of copies.
    pub units_copied: u64,
    /// Copies made.
    pub copies: u64,
    /// Copies accepted by the stream.
    pub copies_replicated: u64,
    /// Records larger than the stream allows, skipped (`FailedToReplicateRecordCount`, KDC-J12).
    pub too_large: u64,
    /// Those of them that were originals.
    pub originals_too_large: u64,
    /// Changes made while the feed did not capture: switched off, or cut off (KDC-9, KDC-R4).
    pub not_captured: u64,
    /// Records dropped on their way when the feed stopped sending, copies included (KDC-R4).
    pub dropped: u64,
    /// Those of them that were originals.
    pub originals_dropped: u64,
    /// Puts refused for want of permission (KDC-R6).
    pub denied: u64,
    /// Puts refused because the stream's encryption key was throttled (KDC-R2).
    pub key_throttled: u64,
    /// Peak of `AgeOfOldestUnreplicatedRecord`, microseconds.
    pub age_max_micros: u64,
}

impl ReplicationMeter {
    /// Records under way now, when the table has accepted this many changes.
    pub fn in_flight(&self, changes: u64) -> u64 {
        changes + self.copies - self.replicated - self.too_large - self.not_captured - self.dropped
    }

    /// Changes that never reach the stream.
    pub fn lost(&self) -> u64 {
        self.originals_too_large + self.not_captured + self.originals_dropped
    }

    /// Puts tried: each is either accepted or refused.
    pub fn attempts(&self) -> u64 {
        self.replicated + self.throttled
    }
}

/// The chances of one feed, drawn by record.
#[derive(Clone, Debug)]
pub struct Chances {
    coins: Keyed,
    backoff: Keyed,
    woken: Keyed,
    duplicate_below: u64,
    disorder_below: u64,
}

impl Chances {
    /// `path` names the feed, such as `tables.orders.kinesis`.
    pub fn new(plan: &ReplicationPlan, streams: &Streams, path: &str) -> Self {
        let below =
            |chance: &Option<Chance>| chance.as_ref().map_or(0, |chance| threshold(chance.probability));
        Self {
            coins: streams.keyed(&format!("{path}.chances")),
            backoff: streams.keyed(&format!("{path}.backoff")),
            woken: streams.keyed(&format!("{path}.woken")),
            duplicate_below: below(&plan.duplicates),
            disorder_below: below(&plan.disorder),
        }
    }

    /// Whether this record gets a copy.
    #[inline]
    pub fn duplicate(&self, record: u64) -> bool {
        self.duplicate_below > 0 && self.coins.bits(record, 0) < self.duplicate_below
    }

    /// Whether this record is held back.
    #[inline]
    pub fn disorder(&self, record: u64) -> bool {
        self.disorder_below > 0 && self.coins.bits(record, 1) < self.disorder_below
    }

    /// The further delay of a copy or of a record held back. `purpose` keeps the two apart.
    #[cold]
    pub fn delay(&self, chance: &Chance, record: u64, purpose: u32) -> Nanos {
        round(chance.delay.sample(&mut self.coins.draws(record, 2 + purpose)))
    }

    /// A uniform number for what a throttled encryption key does to an attempt at `now`: another one each millisecond,
    /// since a change may be tried for a week (KDC-R2, KDC-R3).
    pub fn key_unit(&self, record: u64, now: Nanos) -> f64 {
        self.coins.unit(record, ((now / MILLISECOND) as u32).wrapping_add(1_000))
    }

    /// A uniform number for the wait after one refusal of one record.
    #[inline]
    pub fn backoff_unit(&self, record: u64, failures: u32) -> f64 {
        self.backoff.unit(record, failures)
    }

    /// How much is left at `now` of the wait that lasts then, of a record that has been tried again and again with waits of anything
    /// up to the longest: a share of that one. It is as long as the shorter one of two waits, and another one at each moment.
    pub fn left_of_wait(&self, record: u64, now: Nanos) -> f64 {
        1.0 - (1.0 - self.woken.unit(record, (now / MILLISECOND) as u32)).sqrt()
    }
}

/// The lognormal delay observed for this feed (KDC-Y1), as a sampler in nanoseconds.
pub fn lognormal(median: Nanos, sigma: f64) -> Sampler {
    Sampler::LogNormal { log_median: math::ln(median as f64), sigma }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::MINUTE;

    /// A record met at a random moment between tries whose waits are uniform up to 1 has a wait left whose density is 2 (1 - x): its
    /// mean is 1/3 and its variance 1/18. At another moment, or of another record, it is independent of that.
    #[test]
    fn what_is_left_of_a_wait_is_drawn_anew_at_each_moment() {
        let chances = Chances {
            coins: Streams::new(5, 0).keyed("f.chances"),
            backoff: Streams::new(5, 0).keyed("f.backoff"),
            woken: Streams::new(5, 0).keyed("f.woken"),
            duplicate_below: 0,
            disorder_below: 0,
        };
        let (records, third, variance) = (20_000_u64, 1.0 / 3.0_f64, 1.0 / 18.0_f64);
        let left = |now: Nanos| -> Vec<f64> {
            (0..records).map(|record| chances.left_of_wait(record, now) - third).collect()
        };
        let [first, second] = [10 * MINUTE, 25 * MINUTE].map(left);
        let five_errors = 5.0 / (records as f64).sqrt();
        for sample in [&first, &second] {
            let mean = sample.iter().sum::<f64>() / records as f64;
            assert!(mean.abs() < five_errors * variance.sqrt(), "{mean}");
            let spread = sample.iter().map(|x| x * x).sum::<f64>() / records as f64;
            assert!((spread / variance - 1.0).abs() < 0.05, "{spread}");
        }
        let of = |pairs: &mut dyn Iterator<Item = (f64, f64)>| {
            pairs.map(|(x, y)| x * y).sum::<f64>() / records as f64 / variance
        };
        let between_moments = of(&mut first.iter().copied().zip(second.iter().copied()));
        let between_records = of(&mut first.iter().copied().zip(first.iter().skip(1).copied()));
        assert!(between_moments.abs() < five_errors && between_records.abs() < five_errors);
    }
}
