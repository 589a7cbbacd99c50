//! What a shard allows its polling readers, all together: calls per second and bytes per second. The shards of a DynamoDB
//! stream have limits of the same kind with other numbers.

use crate::engine::bucket::{Limit, TokenBucket};
use crate::engine::time::{MINUTE, Nanos, SECOND};

/// GetRecords calls a second on one shard, shared by all polling readers (KDS-R1).
pub const CALLS_PER_SECOND: u64 = 5;
/// Bytes a second read from one shard, shared by all polling readers (KDS-R1).
pub const BYTES_PER_SECOND: u64 = 2 * 1_048_576;
/// Records that one GetRecords call returns at most (KDS-R2).
pub const RECORDS_PER_CALL: u32 = 10_000;
/// Bytes that one GetRecords call returns at most (KDS-R2).
pub const BYTES_PER_CALL: u64 = 10 * 1_048_576;
/// How long a shard iterator is good for (KDS-R7).
const ITERATOR_LIFE: Nanos = 5 * MINUTE;
/// How long calls fail after the shard lent more bytes than it had (KDS-R4).
const PENALTY: Nanos = SECOND;

/// Why a GetRecords call was refused: `ProvisionedThroughputExceededException` (KDS-W6, KDS-R3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadRefused {
    /// More than five calls a second.
    Calls,
    /// Earlier calls took more bytes than the shard had earned.
    Bytes,
}

/// The limits on reading that the shards of a stream share.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// `None` when the scenario switches the limit on calls off.
    calls: Option<Limit>,
    /// The shortest time between two calls of one reader that the limit on calls alone never refuses.
    call_interval: Nanos,
    bytes: Limit,
    bytes_per_second: u64,
    penalty: Nanos,
    /// What bounds each call by itself.
    pub call: CallLimits,
}

/// What bounds one GetRecords call, whatever others do.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// Records that it returns at most.
    pub records: u32,
    /// Bytes that it returns at most.
    pub bytes: u64,
    /// How old its shard iterator may be.
    pub iterator_life: Nanos,
}

impl ReadLimits {
    /// AWS's limits, or without the one on calls.
    pub fn new(limit_calls: bool) -> Self {
        let call =
            CallLimits { records: RECORDS_PER_CALL, bytes: BYTES_PER_CALL, iterator_life: ITERATOR_LIFE };
        let all = Self::of(CALLS_PER_SECOND, BYTES_PER_SECOND, call);
        Self { calls: all.calls.filter(|_| limit_calls), penalty: PENALTY, ..all }
    }

    /// So many calls and bytes a second. Calls fail until a debt of bytes is earned back, and no longer.
    pub fn of(calls_per_second: u64, bytes_per_second: u64, call: CallLimits) -> Self {
        Self {
            calls: Some(Limit::per_second(calls_per_second)),
            call_interval: SECOND / calls_per_second.max(1),
            bytes: Limit::per_second(bytes_per_second),
            bytes_per_second,
            penalty: 0,
            call,
        }
    }

    /// Whether the number of calls is limited at all.
    pub fn limit_calls(&self) -> bool {
        self.calls.is_some()
    }
}

/// The state of one shard's limits on reading.
#[derive(Clone, Copy, Debug)]
pub struct ReadBudget {
    calls: TokenBucket,
    bytes: TokenBucket,
    blocked_until: Nanos,
    /// Whether it has refused calls since it last had a whole second's calls to give.
    tight: bool,
}

impl ReadBudget {
    /// Nothing was read yet.
    pub fn new(limits: &ReadLimits) -> Self {
        let calls = limits.calls.unwrap_or(Limit::per_second(CALLS_PER_SECOND));
        Self { calls: calls.full(), bytes: limits.bytes.full(), blocked_until: 0, tight: false }
    }

    /// Whether its readers come too often at present: it has refused a call since it last had a whole second's to give.
    #[inline]
    pub fn is_tight(&self) -> bool {
        self.tight
    }

    /// Admits one GetRecords call, or refuses it. A refused call takes nothing.
    #[inline]
    pub fn admit(&mut self, limits: &ReadLimits, now: Nanos) -> Result<(), ReadRefused> {
        if now < self.blocked_until {
            self.tight = true;
            return Err(ReadRefused::Bytes);
        }
        let Some(limit) = &limits.calls else {
            self.tight = false;
            return Ok(());
        };
        if self.tight {
            self.tight = self.calls.available(limit, now) < limit.depth();
        }
        if !self.calls.try_take(limit, now, 1) {
            self.tight = true;
            return Err(ReadRefused::Calls);
        }
        Ok(())
    }

    /// Accounts for the bytes that an admitted call returned.
    ///
    /// A call may return up to 10 MB at once (KDS-R2). What it takes beyond the bucket is a debt: calls fail until the
    /// debt is earned back and one second more, so a 10 MB answer from a full bucket blocks the
    /// shard for 5 s (KDS-R3).
    #[inline]
    pub fn took(&mut self, limits: &ReadLimits, now: Nanos, bytes: u64) {
        let there = self.bytes.available(&limits.bytes, now);
        self.bytes.spend(bytes.min(there));
        if bytes > there {
            let debt = bytes - there;
            let earned_back = debt.saturating_mul(SECOND).div_ceil(limits.bytes_per_second);
            self.blocked_until = now + earned_back + limits.penalty;
            if limits.penalty == 0 {
                // What is earned meanwhile pays the debt and nothing else.
                self.bytes.empty_until(self.blocked_until);
            }
        }
    }

    /// Accounts for `polls` calls that found nothing, `interval` apart, where no other reader's calls can come between them
    /// or calls are not limited, if that is simple: none of them is refused. Returns whether it was.
    pub fn empty_polls(&mut self, limits: &ReadLimits, first: Nanos, interval: Nanos, polls: u64) -> bool {
        if self.tight || first < self.blocked_until {
            return false;
        }
        let Some(limit) = &limits.calls else { return true };
        // Each interval earns a call at least, so the first one decides for all.
        let enough = interval >= limits.call_interval && self.calls.has(limit, first, 1);
        if enough {
            self.calls.take_periodically(limit, first, interval, polls);
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kds_r3_ten_megabytes_block_the_shard_for_five_seconds() {
        let limits = ReadLimits::new(true);
        let mut budget = ReadBudget::new(&limits);
        let start = 100 * SECOND;
        budget.admit(&limits, start).unwrap();
        budget.took(&limits, start, 10 * 1_048_576);
        assert_eq!(budget.admit(&limits, start + 5 * SECOND - 1), Err(ReadRefused::Bytes));
        assert_eq!(budget.admit(&limits, start + 5 * SECOND), Ok(()));
    }

    #[test]
    fn kds_r1_five_calls_a_second() {
        let limits = ReadLimits::new(true);
        let mut budget = ReadBudget::new(&limits);
        let admitted = (0..100).filter(|i| budget.admit(&limits, i * SECOND / 10).is_ok()).count();
        // Ten seconds at ten calls a second: five a second, after a full bucket of five.
        assert_eq!(admitted, 5 + 49);
    }
}
