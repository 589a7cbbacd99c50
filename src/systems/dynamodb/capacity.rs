//! The write capacity of a table or an index: what it takes now, and how that changes over time.

use super::auto_scaling::{AutoScaling, AutoScalingPlan};
use super::on_demand::{NEW_TABLE_UNITS, OnDemandPlan, Peaks};
use super::throttle::ThrottleLimit;
use crate::engine::bucket::{Limit, TokenBucket};
use crate::engine::time::{DAY, HOUR, MINUTE, Nanos, SECOND};
use crate::units::Duration;

/// Unused capacity is kept for up to 300 seconds (DDB-P6).
pub const BURST_SECONDS: u64 = 300;
/// Switches to on-demand in any 24 hours (DDB-M13).
pub const SWITCHES_A_DAY: usize = 4;
/// Decreases that a UTC day starts with, and most that can be saved up (DDB-M12).
const DECREASES_SAVED: u64 = 4;
/// Decreases in a UTC day (DDB-M12).
const DECREASES_A_DAY: u64 = 27;
/// Read units that weigh as much as one write unit on a partition (DDB-P1).
pub const READS_A_WRITE: u64 = 3;

/// How capacity is set, checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CapacityPlan {
    /// So many units a second.
    Provisioned(ProvisionedPlan),
    /// By the traffic that was there before.
    OnDemand(OnDemandPlan),
}

/// Provisioned capacity, checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProvisionedPlan {
    /// Write units a second.
    pub write_units: u64,
    /// Read units a second: they are paid for, and count towards the partitions at the start (DDB-P13).
    pub read_units: u64,
    /// How long unused units are kept (DDB-P6).
    pub burst: Nanos,
    /// Scaling by use.
    pub auto_scaling: Option<AutoScalingPlan>,
}

impl CapacityPlan {
    /// Write units a second that are taken at the start.
    pub fn units_at_start(&self) -> u64 {
        match self {
            Self::Provisioned(plan) => plan.write_units,
            Self::OnDemand(plan) => {
                let instant = plan.warm.max(2 * plan.previous_peak);
                plan.max.map_or(instant, |max| max.min(instant))
            }
        }
    }

    /// Whether more load makes more of it.
    pub fn follows_load(&self) -> bool {
        !matches!(self, Self::Provisioned(ProvisionedPlan { auto_scaling: None, .. }))
    }

    /// How long unused units are kept.
    pub fn window(&self) -> Nanos {
        match self {
            Self::Provisioned(plan) => plan.burst,
            Self::OnDemand(_) => SECOND,
        }
    }

    /// Write units a second that partitions have to be there for; read units weigh a third (DDB-P13).
    pub fn partition_units(&self) -> u64 {
        match self {
            Self::Provisioned(plan) => plan.write_units + plan.read_units.div_ceil(READS_A_WRITE),
            Self::OnDemand(plan) => plan.warm.max(2 * plan.previous_peak),
        }
    }

    /// It in words, such as `provisioned, 500 WCU`.
    pub fn describe(&self) -> String {
        match self {
            Self::Provisioned(plan) => format!("provisioned, {} WCU", plan.write_units),
            Self::OnDemand(OnDemandPlan { max: Some(max), .. }) => format!("on-demand, at most {max} WRU/s"),
            Self::OnDemand(_) => "on-demand".to_owned(),
        }
    }
}

/// How long changes take and what bounds them, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlPlan {
    /// From the metric to the alarm (DDB-M17).
    pub alarm_lag: Nanos,
    /// From the call to more capacity than there ever was, or to less (DDB-M17).
    pub update: Nanos,
    /// From the call to a level that was there before (DDB-M8).
    pub update_warm: Nanos,
    /// From the call to the other capacity mode (DDB-M14).
    pub switch: Nanos,
    /// The account's quota for one table or index, write units a second (DDB-M10).
    pub quota: u64,
    /// Time of the UTC day at the start.
    pub day_at_start: Nanos,
}

/// Something that happened to a table's capacity or partitions: when, and in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// When.
    pub at: Nanos,
    /// What, such as `500 WCU become 714 WCU`.
    pub what: String,
}

/// A change that was asked for and is under way.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pending {
    due: Nanos,
    to: CapacityPlan,
}

/// Write capacity at work: the bucket that every write meets, and what moves it.
#[derive(Clone, Debug)]
pub struct WriteCapacity {
    limit: Limit,
    bucket: TokenBucket,
    binds: ThrottleLimit,
    plan: CapacityPlan,
    control: ControlPlan,
    scaling: Option<AutoScaling>,
    peaks: Peaks,
    /// The highest level that it ever had.
    reached: u64,
    /// The highest level that was ever provisioned.
    provisioned_max: u64,
    pending: Option<Pending>,
    switches: Vec<Nanos>,
    decreases: Decreases,
    /// Unit-nanoseconds taken at most so far, and provisioned write and read ones, up to `since`.
    taken: u128,
    provisioned: [u128; 2],
    since: Nanos,
    /// What happened to it.
    pub actions: Vec<Action>,
}

impl WriteCapacity {
    /// Capacity of a table that was idle before: all that can be saved is there.
    pub fn new(plan: &CapacityPlan, control: ControlPlan) -> Self {
        let peaks = match plan {
            CapacityPlan::Provisioned(_) => Peaks::new(0),
            CapacityPlan::OnDemand(plan) => Peaks::new(plan.previous_peak),
        };
        let (limit, binds) = bounds(plan, &peaks, control.quota);
        let mut capacity = Self {
            limit,
            bucket: limit.full(),
            binds,
            plan: *plan,
            control,
            scaling: None,
            peaks,
            reached: plan.partition_units(),
            provisioned_max: 0,
            pending: None,
            switches: Vec::new(),
            decreases: Decreases::default(),
            taken: 0,
            provisioned: [0; 2],
            since: 0,
            actions: Vec::new(),
        };
        capacity.take_up(0, *plan);
        capacity
    }

    /// Whether `units` are there now, and if not, which limit that is; takes nothing.
    #[inline(always)]
    pub fn check(&mut self, now: Nanos, units: u32) -> Result<(), ThrottleLimit> {
        if self.bucket.has(&self.limit, now, u64::from(units)) { Ok(()) } else { Err(self.binds) }
    }

    /// Takes units that [`check`](Self::check) just showed to be there.
    #[inline]
    pub fn spend(&mut self, units: u32) {
        self.bucket.spend(u64::from(units));
    }

    /// Whether a write of `units` can ever be accepted: a larger one than all that can be saved is always refused.
    pub fn fits(&self, units: u32) -> bool {
        u64::from(units) <= self.limit.depth()
    }

    /// Units saved now (Q50's burst balance).
    pub fn balance(&mut self, now: Nanos) -> u64 {
        self.bucket.available(&self.limit, now)
    }

    /// Write units a second that it takes in the long run.
    pub fn units_per_second(&self) -> u64 {
        self.limit.rate_per_second()
    }

    /// Whether it is provisioned now.
    pub fn is_provisioned(&self) -> bool {
        matches!(self.plan, CapacityPlan::Provisioned(_))
    }

    /// Write units a second that partitions have to be there for.
    pub fn partition_units(&self) -> u64 {
        self.reached
    }

    /// Unit-nanoseconds up to now: all that it would have taken, then those of provisioned write and read units.
    pub fn integrals(&self, now: Nanos) -> [u128; 3] {
        let span = u128::from(now.saturating_sub(self.since));
        let [write, read] = self.provisioned_rates();
        [
            self.taken + span * u128::from(self.units_per_second()),
            self.provisioned[0] + span * u128::from(write),
            self.provisioned[1] + span * u128::from(read),
        ]
    }

    fn provisioned_rates(&self) -> [u64; 2] {
        match self.plan {
            CapacityPlan::Provisioned(plan) => [plan.write_units, plan.read_units],
            CapacityPlan::OnDemand(_) => [0; 2],
        }
    }

    /// Whether it has to be told when a minute ends.
    pub fn counts_minutes(&self) -> bool {
        self.scaling.is_some() || !self.is_provisioned()
    }

    /// When the change under way is done.
    pub fn due(&self) -> Option<Nanos> {
        self.pending.map(|pending| pending.due)
    }

    /// The change under way is done.
    pub fn finish_change(&mut self, now: Nanos) {
        if let Some(Pending { to, .. }) = self.pending.take() {
            let before = self.plan.describe();
            self.take_up(now, to);
            self.note(now, format!("{before}, becomes {}", to.describe()));
        }
    }

    /// A minute has ended in which `units` were consumed.
    pub fn close_minute(&mut self, now: Nanos, units: u64) {
        match (self.plan, &mut self.scaling) {
            (CapacityPlan::OnDemand(_), _) => {
                let before = self.peaks.instant();
                self.peaks.close_minute(units);
                if self.peaks.instant() > before {
                    self.take_up(now, self.plan);
                }
            }
            (CapacityPlan::Provisioned(plan), Some(scaling)) => {
                let wanted = scaling.close_minute(units, plan.write_units);
                if let Some(write_units) = wanted.filter(|_| self.pending.is_none()) {
                    let used = words(units, 60 * plan.write_units);
                    self.note(now, format!("auto scaling: {used} of {} WCU in use", plan.write_units));
                    let to = CapacityPlan::Provisioned(ProvisionedPlan { write_units, ..plan });
                    self.change(now + self.control.alarm_lag, to);
                }
            }
            _ => {}
        }
    }

    /// A call asks for another capacity. It takes effect later, or is refused, which the actions say; whether it was
    /// admitted.
    pub fn change(&mut self, now: Nanos, to: CapacityPlan) -> bool {
        let verdict = self.admit(now, &to);
        let admitted = verdict.is_ok();
        match verdict {
            Ok(wait) => {
                self.pending = Some(Pending { due: now + wait, to });
                let wait = Duration::from_nanos(wait);
                self.note(now, format!("asked for: {}; in effect after {wait}", to.describe()));
            }
            Err(why) => self.note(now, format!("refused: {}; {why}", to.describe())),
        }
        admitted
    }

    /// How long a change takes, or why it is refused.
    fn admit(&mut self, now: Nanos, to: &CapacityPlan) -> Result<Nanos, String> {
        if self.pending.is_some() {
            return Err("another change is under way".into());
        }
        match (self.plan, to) {
            (_, CapacityPlan::Provisioned(to)) if to.write_units > self.control.quota => {
                Err(format!("the quota is {} write units a second (DDB-M10)", self.control.quota))
            }
            (CapacityPlan::Provisioned(from), CapacityPlan::Provisioned(to)) => {
                let lower = to.write_units < from.write_units || to.read_units < from.read_units;
                if lower && !self.decreases.take(self.control.day_at_start + now) {
                    return Err("no decrease is left at this time of the UTC day (DDB-M12)".into());
                }
                let warm = self.reached.max(super::partition::UNITS_PER_SECOND);
                let raise = CapacityPlan::Provisioned(*to).partition_units();
                Ok(if !lower && raise <= warm { self.control.update_warm } else { self.control.update })
            }
            (CapacityPlan::OnDemand(_), CapacityPlan::OnDemand(to)) => {
                let more = to.warm > self.reached;
                Ok(if more { self.control.update } else { self.control.update_warm })
            }
            (CapacityPlan::OnDemand(_), CapacityPlan::Provisioned(_)) => Ok(self.control.switch),
            (CapacityPlan::Provisioned(_), CapacityPlan::OnDemand(_)) => {
                self.switches.retain(|at| *at + DAY > now);
                if self.switches.len() >= SWITCHES_A_DAY {
                    return Err("four switches to on-demand in 24 hours are all (DDB-M13)".into());
                }
                self.switches.push(now);
                Ok(self.control.switch)
            }
        }
    }

    /// Takes another plan, or the same one after the peak has risen, into force.
    fn take_up(&mut self, now: Nanos, mut plan: CapacityPlan) {
        let [taken, write, read] = self.integrals(now);
        (self.taken, self.provisioned, self.since) = (taken, [write, read], now);
        // What was earned so far was earned by the old rate.
        self.bucket.available(&self.limit, now);
        match &mut plan {
            CapacityPlan::Provisioned(plan) => {
                self.provisioned_max = self.provisioned_max.max(plan.write_units);
                // The alarms begin anew, by the policy that now holds.
                self.scaling = plan.auto_scaling.map(AutoScaling::new);
            }
            CapacityPlan::OnDemand(plan) => {
                // What a table once had it keeps (DDB-M5, DDB-M6, DDB-M15).
                plan.warm = plan.warm.max(NEW_TABLE_UNITS).max(self.provisioned_max);
                self.scaling = None;
            }
        }
        self.plan = plan;
        (self.limit, self.binds) = bounds(&plan, &self.peaks, self.control.quota);
        let level = match plan {
            CapacityPlan::Provisioned(_) => plan.partition_units(),
            CapacityPlan::OnDemand(plan) => plan.warm.max(self.peaks.instant()),
        };
        self.reached = self.reached.max(level);
    }

    fn note(&mut self, at: Nanos, what: String) {
        self.actions.push(Action { at, what });
    }
}

/// The bucket's rate and depth under a plan, and which limit that is.
fn bounds(plan: &CapacityPlan, peaks: &Peaks, quota: u64) -> (Limit, ThrottleLimit) {
    match plan {
        CapacityPlan::Provisioned(plan) => {
            let depth = u128::from(plan.write_units) * u128::from(plan.burst) / u128::from(SECOND);
            (Limit::new(plan.write_units, (depth as u64).max(1)), ThrottleLimit::Provisioned)
        }
        CapacityPlan::OnDemand(plan) => {
            let (max, instant) = (plan.max.unwrap_or(u64::MAX), plan.warm.max(peaks.instant()));
            let (rate, binds) = match () {
                () if max <= quota.min(instant) => (max, ThrottleLimit::MaxOnDemand),
                () if quota <= instant => (quota, ThrottleLimit::AccountLimit),
                () => (instant, ThrottleLimit::KeyRange),
            };
            (Limit::per_second(rate), binds)
        }
    }
}

/// A share in whole percent.
fn words(part: u64, whole: u64) -> String {
    format!("{} %", part * 100 / whole.max(1))
}

/// Decreases of provisioned capacity that are left (DDB-M12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Decreases {
    day: Nanos,
    /// Hour of the day up to which saved decreases were added.
    hour: Nanos,
    /// Decreases used of those that were saved.
    missing: u64,
    used: u64,
}

impl Decreases {
    /// Takes one; `time` counts from the beginning of the first UTC day.
    fn take(&mut self, time: Nanos) -> bool {
        // Auto scaling asks ahead, by the lag of its alarm; the time of a call from before that does not run back.
        let (day, hour) = (time / DAY, time % DAY / HOUR).max((self.day, self.hour));
        if day > self.day {
            *self = Self { day, hour, ..Self::default() };
        }
        self.missing = self.missing.saturating_sub(hour - self.hour);
        self.hour = hour;
        let left = self.missing < DECREASES_SAVED && self.used < DECREASES_A_DAY;
        if left {
            self.missing += 1;
            self.used += 1;
        }
        left
    }
}

/// The end of the minute that `now` lies in.
pub fn end_of_minute(now: Nanos) -> Nanos {
    (now / MINUTE + 1) * MINUTE
}

#[cfg(test)]
mod tests;
