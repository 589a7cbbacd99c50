//! A shard: two limits on writing, and a log. Its limits on reading lie apart: writes never touch them.

use super::log::Log;
use super::on_demand::Taken;
use crate::engine::bucket::{Limit, TokenBucket};
use crate::engine::time::Nanos;

/// Records a second that one shard accepts (KDS-W1).
pub const WRITE_RECORDS_PER_SECOND: u64 = 1_000;
/// Bytes a second that one shard accepts, partition keys included (KDS-W1: the API says 1 MiB).
pub const WRITE_BYTES_PER_SECOND: u64 = 1_048_576;

/// The limit that refused a write: `ProvisionedThroughputExceededException` (KDS-W6) with its cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteRefused {
    /// 1,000 records a second.
    Records,
    /// 1 MiB a second.
    Bytes,
    /// Both at once.
    Both,
}

/// The limits on writing that the shards of a stream share.
#[derive(Clone, Copy, Debug)]
pub struct WriteLimits {
    records: Limit,
    bytes: Limit,
}

impl WriteLimits {
    /// The published rates with buckets of one second (KDS-W2, OPEN-10), or of 10 MiB where large records are allowed
    /// (KDS-B2).
    pub fn new(large_records: bool) -> Self {
        let depth = if large_records { 10 * WRITE_BYTES_PER_SECOND } else { WRITE_BYTES_PER_SECOND };
        Self {
            records: Limit::per_second(WRITE_RECORDS_PER_SECOND),
            bytes: Limit::new(WRITE_BYTES_PER_SECOND, depth),
        }
    }
}

/// One shard.
#[derive(Clone, Debug)]
pub struct Shard {
    records: TokenBucket,
    bytes: TokenBucket,
    /// Kinesis records and bytes accepted so far.
    pub taken: Taken,
    /// Readers that have nothing to read here and wait to be woken, one bit each.
    pub idle_readers: u64,
    /// Whether it takes no more records (KDS-S6).
    pub closed: bool,
    /// The records.
    pub log: Log,
}

impl Shard {
    /// A shard that has accepted nothing yet.
    pub fn new(limits: &WriteLimits) -> Self {
        Self {
            records: limits.records.full(),
            bytes: limits.bytes.full(),
            taken: Taken::default(),
            idle_readers: 0,
            closed: false,
            log: Log::default(),
        }
    }

    /// Takes the tokens for one record of `bytes`, or refuses and takes nothing.
    #[inline]
    pub fn admit(&mut self, limits: &WriteLimits, now: Nanos, bytes: u32) -> Result<(), WriteRefused> {
        let records = self.records.has(&limits.records, now, 1);
        let enough = self.bytes.has(&limits.bytes, now, u64::from(bytes));
        // One question: on a shard at its limit, each answer is anybody's guess.
        if !(records & enough) {
            return Err(match (records, enough) {
                (false, true) => WriteRefused::Records,
                (true, _) => WriteRefused::Bytes,
                (false, false) => WriteRefused::Both,
            });
        }
        self.records.spend(1);
        self.bytes.spend(u64::from(bytes));
        self.taken.records += 1;
        self.taken.bytes += u64::from(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::SECOND;

    /// How many records of `bytes` a shard accepts in the ten seconds after its buckets ran empty, when
    /// far too many are offered.
    fn accepted(bytes: u32) -> u64 {
        let limits = WriteLimits::new(false);
        let mut shard = Shard::new(&limits);
        while shard.admit(&limits, 0, bytes).is_ok() {}
        (1..=100_000).filter(|i| shard.admit(&limits, i * SECOND / 10_000, bytes).is_ok()).count() as u64
    }

    #[test]
    fn kds_w1_a_shard_takes_1000_records_or_1_mib_a_second() {
        assert_eq!(accepted(100), 10_000);
        assert_eq!(accepted(2_048), 10 * 512);
        // At 1,048.576 bytes both limits bind together; one byte more and bytes bind first.
        assert_eq!(accepted(1_048), 10_000);
        assert!(accepted(1_100) < 10_000);
    }

    #[test]
    fn kds_w6_the_binding_limit_is_named_and_nothing_is_taken() {
        let limits = WriteLimits::new(false);
        let mut shard = Shard::new(&limits);
        assert_eq!(shard.admit(&limits, 0, 1_048_577), Err(WriteRefused::Bytes));
        assert_eq!(shard.admit(&limits, 0, 1_048_576), Ok(()));
        assert_eq!(shard.admit(&limits, 0, 1), Err(WriteRefused::Bytes));
    }
}
