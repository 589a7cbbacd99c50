//! A table: what it accepts, what it charges, and what it refuses.

use super::capacity::ProvisionedCapacity;
use crate::engine::time::Nanos;

/// The largest item, attribute names included (DDB-U10).
pub const ITEM_BYTES_MAX: u32 = 400 * 1_024;

/// Write units of one item write: whole KB of the larger image, at least one (DDB-U1, DDB-U4, DDB-U5).
#[inline]
pub fn write_units(before: u32, after: u32) -> u32 {
    before.max(after).div_ceil(1_024).max(1)
}

/// A table as the scenario describes it, checked.
#[derive(Clone, Debug)]
pub struct TablePlan {
    /// Its name in the scenario.
    pub name: String,
    /// Provisioned write units a second.
    pub write_units: u64,
    /// How long unused units are kept (DDB-P6).
    pub burst: Nanos,
    /// The feed into a stream, if it is on.
    pub replication: Option<super::replication::ReplicationPlan>,
}

/// Counts of what became of write requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableMeter {
    /// Writes accepted.
    pub accepted: u64,
    /// Those of them that changed nothing: unchanged items, failed conditions, cancelled transactions.
    pub changeless: u64,
    /// Write units consumed by accepted writes (`ConsumedWriteCapacityUnits`).
    pub units: u64,
    /// Requests refused: `TableWriteProvisionedThroughputExceeded` (DDB-T1, DDB-T2).
    pub throttled: u64,
    /// When the first one was refused.
    pub first_throttled: Option<Nanos>,
}

impl TableMeter {
    /// Changes of items that it made.
    pub fn changes(&self) -> u64 {
        self.accepted - self.changeless
    }
}

/// A table at work.
#[derive(Clone, Debug)]
pub struct Table {
    capacity: ProvisionedCapacity,
    /// What it counted.
    pub meter: TableMeter,
}

impl Table {
    /// A table that was idle before.
    pub fn new(plan: &TablePlan) -> Self {
        Self {
            capacity: ProvisionedCapacity::new(plan.write_units, plan.burst),
            meter: TableMeter::default(),
        }
    }

    /// One write request of `units` write units; whether it was accepted.
    #[inline]
    pub fn write(&mut self, now: Nanos, units: u32) -> bool {
        let accepted = self.capacity.try_take(now, units);
        if accepted {
            self.meter.accepted += 1;
            self.meter.units += u64::from(units);
        } else {
            self.meter.throttled += 1;
            self.meter.first_throttled.get_or_insert(now);
        }
        accepted
    }

    /// An expired item goes, free of charge (DDB-L2).
    pub fn expire(&mut self) {
        self.meter.accepted += 1;
    }

    /// Whether a write of `units` can ever be accepted.
    pub fn fits(&self, units: u32) -> bool {
        self.capacity.fits(units)
    }

    /// Saved write units now.
    pub fn burst_balance(&mut self, now: Nanos) -> u64 {
        self.capacity.balance(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ddb_u1_u4_writes_are_charged_by_whole_kb_of_the_larger_image() {
        assert_eq!(write_units(0, 1), 1);
        assert_eq!(write_units(0, 1_024), 1);
        assert_eq!(write_units(0, 1_025), 2);
        assert_eq!(write_units(3_000, 100), 3);
        assert_eq!(write_units(2_048, 0), 2);
        assert_eq!(write_units(0, 0), 1);
        assert_eq!(write_units(0, ITEM_BYTES_MAX), 400);
    }
}
