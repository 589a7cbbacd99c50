//! A shard: two limits on writing, and a log. Its limits on reading lie apart: writes never touch them.

use super::log::Log;
use super::on_demand::Taken;
use crate::engine::bucket::{Limit, TwinBucket};
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

impl WriteRefused {
    /// By the limit, or limits, of [records, bytes] that have not enough.
    #[inline]
    fn by(enough: [bool; 2]) -> Self {
        match enough {
            [false, true] => Self::Records,
            [true, _] => Self::Bytes,
            [false, false] => Self::Both,
        }
    }
}

/// The limits on writing that the shards of a stream share.
#[derive(Clone, Copy, Debug)]
pub struct WriteLimits([Limit; 2]);

impl WriteLimits {
    /// The published rates with buckets of one second (KDS-W2, OPEN-10), or of 10 MiB where large records are allowed
    /// (KDS-B2).
    pub fn new(large_records: bool) -> Self {
        let depth = if large_records { 10 * WRITE_BYTES_PER_SECOND } else { WRITE_BYTES_PER_SECOND };
        Self([Limit::per_second(WRITE_RECORDS_PER_SECOND), Limit::new(WRITE_BYTES_PER_SECOND, depth)])
    }
}

/// One shard: all that a put touches, in one line of the processor's cache, for a stream may have 10,000 of them.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct Shard {
    /// Records and bytes.
    room: TwinBucket,
    /// Kinesis records and bytes accepted so far.
    pub taken: Taken,
    /// The records.
    pub log: Log,
}

impl Shard {
    /// A shard that has accepted nothing yet.
    pub fn new(limits: &WriteLimits) -> Self {
        Self { room: TwinBucket::full(&limits.0), taken: Taken::default(), log: Log::default() }
    }

    /// Whether it would refuse one record of `bytes` now; takes nothing.
    #[inline]
    pub fn check(&self, limits: &WriteLimits, now: Nanos, bytes: u32) -> Result<(), WriteRefused> {
        self.room.check(&limits.0, now, [1, u64::from(bytes)]).map_err(WriteRefused::by)
    }

    /// Takes the tokens for one record of `bytes`, or refuses and takes nothing.
    #[inline]
    pub fn admit(&mut self, limits: &WriteLimits, now: Nanos, bytes: u32) -> Result<(), WriteRefused> {
        self.room.try_take(&limits.0, now, [1, u64::from(bytes)]).map_err(WriteRefused::by)?;
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
    fn a_shard_is_one_line_of_cache() {
        assert_eq!(size_of::<Shard>(), 64);
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
