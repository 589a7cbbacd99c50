//! Provisioned write capacity with its burst bucket.

use crate::engine::bucket::{Limit, TokenBucket};
use crate::engine::time::{Nanos, SECOND};

/// Unused capacity is kept for up to 300 seconds (DDB-P6).
pub const BURST_SECONDS: u64 = 300;

/// Write units that a table may spend: what is provisioned a second, and what was saved.
#[derive(Clone, Debug)]
pub struct ProvisionedCapacity {
    limit: Limit,
    bucket: TokenBucket,
}

impl ProvisionedCapacity {
    /// `write_units` a second, saved for up to `burst` (DDB-P6). The bucket is full at the start, as of
    /// a table that was idle before.
    pub fn new(write_units: u64, burst: Nanos) -> Self {
        let depth = u128::from(write_units) * u128::from(burst) / u128::from(SECOND);
        let limit = Limit::new(write_units, (depth as u64).max(1));
        Self { limit, bucket: limit.full() }
    }

    /// Takes `units`, or refuses the write: provisioned throughput exceeded (DDB-T1).
    #[inline]
    pub fn try_take(&mut self, now: Nanos, units: u32) -> bool {
        self.bucket.try_take(&self.limit, now, u64::from(units))
    }

    /// Whether a write of `units` can ever be accepted: a larger one than all that can be saved is always refused.
    pub fn fits(&self, units: u32) -> bool {
        u64::from(units) <= self.limit.depth()
    }

    /// Units saved now (Q50's burst balance).
    pub fn balance(&mut self, now: Nanos) -> u64 {
        self.bucket.available(&self.limit, now)
    }

    /// Units provisioned a second.
    pub fn write_units(&self) -> u64 {
        self.limit.rate_per_second()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ddb_p6_a_burst_hides_too_little_capacity_for_300_seconds_of_savings() {
        // At 100 units provisioned and 200 written a second, 300 s of savings last 300 s.
        let mut capacity = ProvisionedCapacity::new(100, BURST_SECONDS * SECOND);
        let first_refused = (1_u64..).find(|i| !capacity.try_take(i * SECOND / 200, 1)).unwrap();
        let seconds = first_refused as f64 / 200.0;
        assert!((seconds - 300.0).abs() < 1.0, "{seconds}");
    }
}
