//! A table: what it accepts, what it charges, and what it refuses.

use super::capacity::CapacityPlan;
use super::index::{Index, IndexPlan};
use super::on_demand::OnDemandPlan;
use super::throttle::{Throttle, ThrottleLimit};
use super::throughput::{Throughput, ThroughputPlan};
use super::write_kind::WriteKind;
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
    /// What it takes.
    pub throughput: ThroughputPlan,
    /// Its global secondary indexes.
    pub indexes: Vec<IndexPlan>,
    /// The feed into a stream, if it is on.
    pub replication: Option<super::replication::ReplicationPlan>,
    /// Its DynamoDB stream, if it has one.
    pub streams: Option<super::streams::StreamsPlan>,
}

/// Counts of what became of write requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableMeter {
    /// Writes accepted.
    pub accepted: u64,
    /// Those of them that changed nothing: unchanged items, failed conditions, cancelled transactions.
    pub changeless: u64,
    /// Write units consumed by accepted writes (`ConsumedWriteCapacityUnits`), those of indexes left out.
    pub units: u64,
    /// Item writes refused, by its own limits and by its indexes': `WriteThrottleEvents`, which counts the items of a
    /// batch one by one, as `ThrottledRequests` does not (DDB-T10).
    pub throttled: u64,
    /// When the first one was refused.
    pub first_throttled: Option<Nanos>,
    /// When the last one was.
    pub last_throttled: Option<Nanos>,
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
    throughput: Throughput,
    indexes: Vec<Index>,
    next_look: Nanos,
    /// What it counted.
    pub meter: TableMeter,
}

impl Table {
    /// A table that was idle before and has so many items.
    pub fn new(plan: &TablePlan, items: u32) -> Self {
        let mut table = Self {
            throughput: Throughput::new(&plan.throughput, items),
            indexes: plan.indexes.iter().map(Index::new).collect(),
            next_look: 0,
            meter: TableMeter::default(),
        };
        table.plan_next_look();
        table
    }

    /// One write request of `units` write units to an item: accepted, or refused by a limit. What changes nothing, such
    /// as a request whose condition fails (DDB-U6), takes the table's units and writes no index.
    ///
    /// # Errors
    /// The limit that has no room for it, of the table or of an index that the item is in (DDB-P14).
    // Always inlined, like what it calls: most of a write's cost would be handing verdicts up.
    #[inline(always)]
    pub fn write(&mut self, now: Nanos, item: u32, units: u32, kind: WriteKind) -> Result<(), Throttle> {
        if now >= self.next_look {
            self.settle(now);
        }
        let mut verdict = self.throughput.check(now, item, units);
        if !self.indexes.is_empty() && verdict.is_ok() {
            verdict = self.write_indexes(now, item, units, kind);
        }
        match verdict {
            Ok(()) => {
                self.throughput.spend(now, item, units);
                self.meter.accepted += 1;
                self.meter.units += u64::from(units);
            }
            Err(throttle) => self.refuse(now, item, kind, throttle),
        }
        verdict
    }

    /// The write's entries in the indexes: all of them, or none and the first limit that has no room.
    fn write_indexes(&mut self, now: Nanos, item: u32, units: u32, kind: WriteKind) -> Result<(), Throttle> {
        for (number, index) in self.indexes.iter_mut().enumerate() {
            if let Some((value, units)) = index.entry(item, units, kind) {
                let verdict = index.throughput.check(now, value, units);
                verdict.map_err(|throttle| Throttle { index: Some(number as u8), ..throttle })?;
            }
        }
        for index in &mut self.indexes {
            if let Some((value, units)) = index.entry(item, units, kind) {
                index.throughput.spend(now, value, units);
                index.writes += 1;
            }
        }
        Ok(())
    }

    #[cold]
    fn refuse(&mut self, now: Nanos, item: u32, kind: WriteKind, throttle: Throttle) {
        if throttle.limit == ThrottleLimit::ItemCollection {
            return;
        }
        self.meter.throttled += 1;
        self.meter.first_throttled.get_or_insert(now);
        self.meter.last_throttled = Some(now);
        match throttle.index.and_then(|number| self.indexes.get_mut(usize::from(number))) {
            Some(index) => {
                if let Some((value, _)) = index.entry(item, 1, kind) {
                    index.throughput.refuse(now, value, throttle);
                }
            }
            None => self.throughput.refuse(now, item, throttle),
        }
    }

    /// Settles everything that happened by itself up to `now`: minutes that ended, changes of capacity that were done.
    #[cold]
    pub fn settle(&mut self, now: Nanos) {
        self.throughput.settle(now);
        self.indexes.iter_mut().for_each(|index| index.throughput.settle(now));
        self.plan_next_look();
    }

    fn plan_next_look(&mut self) {
        let indexes = self.indexes.iter().map(|index| index.throughput.next_look());
        self.next_look = indexes.fold(self.throughput.next_look(), Nanos::min);
    }

    /// A call asks for another capacity of the table at this moment; it takes effect later, or is refused.
    pub fn change_capacity(&mut self, now: Nanos, to: CapacityPlan) {
        let on_demand = |plan: &CapacityPlan| matches!(plan, CapacityPlan::OnDemand(_));
        let admitted = self.throughput.change(now, to);
        // The mode holds until the switch is done.
        if admitted && on_demand(&to) && self.throughput.capacity().is_provisioned() {
            // Indexes follow their table's mode.
            let new = CapacityPlan::OnDemand(OnDemandPlan::new_table());
            for index in &mut self.indexes {
                index.throughput.change(now, new);
            }
        }
        self.plan_next_look();
    }

    /// A call asks for another capacity of an index at this moment.
    pub fn change_index_capacity(&mut self, now: Nanos, index: usize, to: CapacityPlan) {
        if let Some(index) = self.indexes.get_mut(index) {
            index.throughput.change(now, to);
        }
        self.plan_next_look();
    }

    /// Says which of the items that it was made with exist; the others come with their first write.
    pub fn begin_with(&mut self, exists: impl Fn(usize) -> bool) {
        self.throughput.begin_with(exists);
    }

    /// Makes room for items up to `items`, which do not exist yet.
    pub fn extend(&mut self, items: usize) {
        self.throughput.extend(items);
    }

    /// An expired item goes, free of charge (DDB-L2).
    pub fn expire(&mut self) {
        self.meter.accepted += 1;
    }

    /// Whether a write of `units` can ever be accepted.
    pub fn fits(&self, units: u32) -> bool {
        let of_index = |index: &Index| index.keys_only() || index.throughput.capacity().fits(units);
        self.throughput.capacity().fits(units) && self.indexes.iter().all(of_index)
    }

    /// Saved write units now.
    pub fn burst_balance(&mut self, now: Nanos) -> u64 {
        self.throughput.balance(now)
    }

    /// What it takes.
    pub fn throughput(&self) -> &Throughput {
        &self.throughput
    }

    /// Its indexes.
    pub fn indexes(&self) -> &[Index] {
        &self.indexes
    }
}

#[cfg(test)]
mod tests;
