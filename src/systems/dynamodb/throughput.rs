//! What a table or an index takes: its capacity, and under it the limits of its partitions.

use super::capacity::{CapacityPlan, ControlPlan, ProvisionedPlan, WriteCapacity, end_of_minute};
use super::partition::{PartitionPlan, Partitions};
use super::throttle::{Throttle, ThrottleCounts, ThrottleLimit};
use crate::engine::time::{END_OF_TIME, MINUTE, Nanos};

/// Throughput as the scenario describes it, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct ThroughputPlan {
    /// How capacity is set at the start.
    pub capacity: CapacityPlan,
    /// How long changes take and what bounds them.
    pub control: ControlPlan,
    /// Partitions; `None`: only the capacity is limited.
    pub partitions: Option<PartitionPlan>,
}

impl ThroughputPlan {
    /// So many provisioned write units a second, unused ones kept for `burst`, that nothing changes; no partitions.
    pub fn provisioned(write_units: u64, burst: Nanos) -> Self {
        let capacity = ProvisionedPlan { write_units, read_units: 0, burst, auto_scaling: None };
        let control = ControlPlan {
            alarm_lag: MINUTE,
            update: MINUTE,
            update_warm: MINUTE,
            switch: MINUTE,
            quota: u64::MAX,
            day_at_start: 0,
        };
        Self { capacity: CapacityPlan::Provisioned(capacity), control, partitions: None }
    }
}

/// Throughput at work. Whatever happens to it by the clock is settled when it is next looked at.
#[derive(Clone, Debug)]
pub struct Throughput {
    capacity: WriteCapacity,
    partitions: Option<Partitions>,
    /// Write units accepted.
    pub units: u64,
    /// Refusals.
    pub throttled: ThrottleCounts,
    /// Something happens by itself at this moment; later than any event if never.
    next_look: Nanos,
    minute_end: Nanos,
    units_at_minute: u64,
    /// Write units accepted in earlier stretches of on-demand mode, and all of them at the last change of capacity.
    on_demand_units: u64,
    units_at_switch: u64,
    /// The highest level so far that there are partitions for.
    held: u64,
}

impl Throughput {
    /// Throughput of a table or index that was idle before, with so many items or index keys.
    pub fn new(plan: &ThroughputPlan, items: u32) -> Self {
        let mut throughput = Self {
            capacity: WriteCapacity::new(&plan.capacity, plan.control),
            partitions: plan.partitions.as_ref().map(|plan| Partitions::new(plan, items)),
            units: 0,
            throttled: ThrottleCounts::default(),
            next_look: 0,
            minute_end: end_of_minute(0),
            units_at_minute: 0,
            on_demand_units: 0,
            units_at_switch: 0,
            held: plan.capacity.partition_units(),
        };
        throughput.plan_next_look();
        throughput
    }

    /// Whether a write would be accepted, and if not, by which limit; takes nothing.
    #[inline(always)]
    pub fn check(&mut self, now: Nanos, item: u32, units: u32) -> Result<(), Throttle> {
        let refused = |limit, by_partition| Throttle { index: None, limit, by_partition };
        self.capacity.check(now, units).map_err(|limit| refused(limit, false))?;
        let refusing = self
            .partitions
            .as_mut()
            .and_then(|partitions| (!partitions.has(now, item, units)).then_some(partitions));
        match refusing {
            None => Ok(()),
            Some(full) if full.is_beyond_its_collection(item) => {
                Err(refused(ThrottleLimit::ItemCollection, true))
            }
            Some(_) => Err(refused(ThrottleLimit::KeyRange, true)),
        }
    }

    /// Takes what [`check`](Self::check) just showed to be there.
    #[inline(always)]
    pub fn spend(&mut self, now: Nanos, item: u32, units: u32) {
        self.capacity.spend(units);
        self.units += u64::from(units);
        if let Some(partitions) = &mut self.partitions {
            partitions.spend(now, item, units);
        }
    }

    /// Counts a refusal.
    pub fn refuse(&mut self, now: Nanos, item: u32, throttle: Throttle) {
        self.throttled.count(now, throttle.limit);
        if let Some(partitions) = self.partitions.as_mut().filter(|_| throttle.by_partition) {
            partitions.refuse(item);
        }
    }

    /// Write units accepted in on-demand mode.
    pub fn on_demand_units(&self) -> u64 {
        self.on_demand_units
            + if self.capacity.is_provisioned() { 0 } else { self.units - self.units_at_switch }
    }

    /// When it next has to be settled.
    pub fn next_look(&self) -> Nanos {
        self.next_look
    }

    /// Settles everything that happened by itself up to `now`.
    pub fn settle(&mut self, now: Nanos) {
        while self.next_look <= now {
            let at = self.next_look;
            if self.capacity.due() == Some(at) {
                self.on_demand_units = self.on_demand_units();
                self.units_at_switch = self.units;
                let counted = self.counts_minutes();
                self.capacity.finish_change(at);
                if !counted && self.counts_minutes() {
                    (self.minute_end, self.units_at_minute) = (end_of_minute(at), self.units);
                }
                self.hold(at);
            }
            if self.minute_end == at {
                self.close_minute(at);
            }
            self.plan_next_look();
        }
    }

    fn close_minute(&mut self, at: Nanos) {
        self.minute_end = end_of_minute(at);
        let units = self.units - self.units_at_minute;
        self.units_at_minute = self.units;
        self.capacity.close_minute(at, units);
        self.hold(at);
        if let Some(partitions) = &mut self.partitions {
            partitions.close_minute(at);
        }
    }

    /// More throughput than ever before takes more partitions (DDB-P5).
    fn hold(&mut self, at: Nanos) {
        let units = self.capacity.partition_units();
        if let Some(partitions) = self.partitions.as_mut().filter(|_| units > self.held) {
            partitions.hold(at, units);
        }
        self.held = self.held.max(units);
    }

    /// Whether something in it has to be told when a minute ends.
    fn counts_minutes(&self) -> bool {
        self.capacity.counts_minutes() || self.partitions.is_some()
    }

    fn plan_next_look(&mut self) {
        let minute = if self.counts_minutes() { self.minute_end } else { END_OF_TIME + 1 };
        self.next_look = self.capacity.due().unwrap_or(END_OF_TIME + 1).min(minute);
    }

    /// A call asks for another capacity at this moment; whether it is admitted.
    pub fn change(&mut self, now: Nanos, to: CapacityPlan) -> bool {
        self.settle(now);
        let admitted = self.capacity.change(now, to);
        self.plan_next_look();
        admitted
    }

    /// Says which of the items that it was made with exist.
    pub fn begin_with(&mut self, exists: impl Fn(usize) -> bool) {
        if let Some(partitions) = &mut self.partitions {
            partitions.begin_with(exists);
        }
    }

    /// Makes room for items up to `items`, which do not exist yet.
    pub fn extend(&mut self, items: usize) {
        if let Some(partitions) = &mut self.partitions {
            partitions.extend(items);
        }
    }

    /// The capacity.
    pub fn capacity(&self) -> &WriteCapacity {
        &self.capacity
    }

    /// Saved write units now.
    pub fn balance(&mut self, now: Nanos) -> u64 {
        self.capacity.balance(now)
    }

    /// The partitions, if they are simulated.
    pub fn partitions(&self) -> Option<&Partitions> {
        self.partitions.as_ref()
    }
}
