//! What the library's tables are read and written for.

use crate::engine::time::{Nanos, SECOND};

/// Bytes of one lease's item, with its history of owners and checkpoints.
pub const ITEM_BYTES: u64 = 400;
/// Bytes that half a read request unit returns: an eventually consistent read of up to 4 KB.
const HALF_UNIT_BYTES: u64 = 4_096;
/// A worker reports its CPU so often (KCL-13, KWK-6).
pub const REPORT_INTERVAL: Nanos = 30 * SECOND;

/// Use of the lease table and its companions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaseTable {
    /// Leases held, times nanoseconds, up to `since`.
    held: u128,
    since: Nanos,
    /// Leases created, taken, handed over and closed, reports and the leader's heartbeats: one write each.
    pub writes: u64,
    /// Eventually consistent reads of up to 4 KB: half a request unit each.
    pub half_reads: u64,
    /// Times the whole table was read.
    pub scans: u64,
}

impl LeaseTable {
    /// The number of leases held is about to change from `held`.
    pub fn settle(&mut self, now: Nanos, held: usize) {
        self.held += u128::from(now.saturating_sub(self.since)) * held as u128;
        self.since = now;
    }

    /// Renewals up to the last settling, each lease's once in `interval` (KCL-5).
    pub fn renewals(&self, interval: Nanos) -> u64 {
        u64::try_from(self.held / u128::from(interval.max(1))).unwrap_or(u64::MAX)
    }

    /// The whole table is read, of so many items (KCL-16).
    pub fn scan(&mut self, items: usize) {
        self.scans += 1;
        self.half_reads += (items as u64 * ITEM_BYTES).div_ceil(HALF_UNIT_BYTES).max(1);
    }

    /// One worker asks the index for its own leases (KCL-16).
    pub fn query(&mut self, queries: u64) {
        self.half_reads += queries;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::{HOUR, MILLISECOND};
    use crate::systems::kcl::leases::LeasePlan;
    use crate::systems::kcl::settings::FAILOVER;
    use crate::units::Duration;

    #[test]
    fn kcl_5_a_lease_takes_three_writes_in_ten_seconds() {
        let mut table = LeaseTable::default();
        table.settle(HOUR, 100);
        let failover: Duration = FAILOVER.value.parse().expect("a duration");
        let plan = LeasePlan {
            version: "2".parse().expect("a version"),
            failover: failover.nanos(),
            graceful_shutdown: true,
            restart: 0,
            by_cpu: false,
            discovery: 0,
        };
        // A third of ten seconds less 25 ms: 3.31 s.
        assert_eq!(plan.renewal() / MILLISECOND, 3_308);
        let per_second = table.renewals(plan.renewal()) as f64 / 3_600.0 / 100.0;
        assert!((per_second - 0.302).abs() < 0.001, "{per_second}");
    }

    #[test]
    fn a_scan_of_a_hundred_leases_reads_forty_kilobytes() {
        let mut table = LeaseTable::default();
        table.scan(100);
        assert_eq!((table.scans, table.half_reads), (1, 10));
    }
}
