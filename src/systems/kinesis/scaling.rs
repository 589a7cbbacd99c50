//! Scaling policies of provisioned streams: the user's own, which call `UpdateShardCount` and meet its quotas (KDS-S8).

use crate::engine::time::{DAY, MINUTE, Nanos, SECOND};

/// A scaling policy, checked.
#[derive(Clone, Debug, PartialEq)]
pub enum ScalingPlan {
    /// So many shards from these times of the UTC day on.
    Scheduled(Vec<Slot>),
    /// As many shards as make use meet a target.
    Target(TargetPlan),
}

/// A daily moment and its shard count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Time of the UTC day.
    pub at: Nanos,
    /// Shards asked for.
    pub shards: u32,
}

/// Shards by use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TargetPlan {
    /// The share of the stream's limits that should be in use.
    pub target: f64,
    /// The share below which there are too many shards.
    pub too_low: f64,
    /// Fewest shards.
    pub min: u32,
    /// Most shards.
    pub max: u32,
    /// No further call for so long after one.
    pub cool_down: Nanos,
    /// What one value of the metric covers: whole minutes.
    pub period: Nanos,
    /// Values in a row above the target before more shards are asked for.
    pub above: u32,
    /// Values in a row below before fewer are asked for.
    pub below: u32,
    /// From the end of a period to the call.
    pub lag: Nanos,
}

/// Which way a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// More shards.
    Up,
    /// Fewer shards.
    Down,
}

/// What a policy saw and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScalingMeter {
    /// Calls of UpdateShardCount, refused ones included.
    pub calls: u64,
    /// Calls refused because the stream was being changed, for a quota, for more than double or less than half.
    pub refused: [u64; 3],
    /// Accepted calls that went the other way than the one before: the policy flaps.
    pub reversals: u64,
    /// How long use was above the target.
    pub above: Nanos,
    /// How long it was below the share at which shards are taken away.
    pub below: Nanos,
}

/// A policy at work.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaler {
    plan: ScalingPlan,
    /// Periods in a row above the target, and below.
    in_a_row: [u32; 2],
    /// Throughput so far in the period under way, in shard-nanoseconds, and since when.
    used: f64,
    since: Nanos,
    quiet_until: Nanos,
    /// A call that is about to be made.
    asked: Option<(Nanos, u32)>,
    last: Option<Way>,
    /// What it saw and did.
    pub meter: ScalingMeter,
}

impl Scaler {
    /// A policy that has seen nothing, from `now` on.
    pub fn new(plan: ScalingPlan, now: Nanos) -> Self {
        let (in_a_row, used, quiet_until) = ([0; 2], 0.0, 0);
        let meter = ScalingMeter::default();
        Self { plan, in_a_row, used, since: now, quiet_until, asked: None, last: None, meter }
    }

    /// A minute has ended in which so many shards' worth of throughput was taken, on the average. `day` is the time of the
    /// UTC day. Returns the shard count to ask for now.
    pub fn close_minute(
        &mut self,
        now: Nanos,
        span: Nanos,
        day: Nanos,
        worth: f64,
        open: u32,
    ) -> Option<u32> {
        match &self.plan {
            ScalingPlan::Scheduled(slots) => {
                let from = |slot: &&Slot| (day + DAY - slot.at) % DAY < span;
                slots.iter().find(from).map(|slot| slot.shards).filter(|shards| *shards != open)
            }
            ScalingPlan::Target(plan) => {
                let plan = *plan;
                self.used += worth * span as f64;
                if day.is_multiple_of(plan.period) {
                    self.close_period(&plan, now, open);
                }
                let due = self.asked.filter(|(due, _)| *due <= now)?;
                self.asked = None;
                Some(due.1)
            }
        }
    }

    fn close_period(&mut self, plan: &TargetPlan, now: Nanos, open: u32) {
        let span = now - self.since;
        let worth = self.used / span.max(1) as f64;
        (self.used, self.since) = (0.0, now);
        let share = worth / f64::from(open);
        let [up, down] = [share > plan.target, share < plan.too_low];
        self.meter.above += if up { span } else { 0 };
        self.meter.below += if down { span } else { 0 };
        for (row, is) in self.in_a_row.iter_mut().zip([up, down]) {
            *row = if is { *row + 1 } else { 0 };
        }
        if now < self.quiet_until || self.asked.is_some() {
            return;
        }
        // A millionth is no shard: 7 / 0.7 is 10, whatever rounding makes of it.
        let wanted = (worth / plan.target - 1e-6).ceil() as u32;
        let wanted = wanted.clamp(plan.min, plan.max).clamp(open.div_ceil(2), open.saturating_mul(2));
        let raise = self.in_a_row[0] >= plan.above && wanted > open;
        let lower = self.in_a_row[1] >= plan.below && wanted < open;
        if raise || lower {
            self.in_a_row = [0; 2];
            self.quiet_until = now + plan.lag + plan.cool_down;
            self.asked = Some((now + plan.lag, wanted));
        }
    }

    /// A call that it asked for was made: which way it went, or why it was refused.
    pub fn called(&mut self, outcome: Result<Way, usize>) {
        self.meter.calls += 1;
        match outcome {
            Ok(way) => {
                self.meter.reversals += u64::from(self.last.is_some_and(|last| last != way));
                self.last = Some(way);
            }
            Err(why) => self.meter.refused[why] += 1,
        }
    }

    /// The target and the share below which shards are taken away.
    pub fn target(&self) -> Option<(f64, f64)> {
        match &self.plan {
            ScalingPlan::Target(plan) => Some((plan.target, plan.too_low)),
            ScalingPlan::Scheduled(_) => None,
        }
    }
}

impl Default for TargetPlan {
    fn default() -> Self {
        Self {
            target: 0.7,
            too_low: 0.5,
            min: 1,
            max: 10_000,
            cool_down: 10 * MINUTE,
            period: MINUTE,
            above: 3,
            below: 15,
            lag: 60 * SECOND,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::HOUR;

    fn minutes(scaler: &mut Scaler, from: u64, worths: &[f64], open: u32) -> Vec<Option<u32>> {
        let minute = |(number, worth): (usize, &f64)| {
            let now = (from + number as u64 + 1) * MINUTE;
            scaler.close_minute(now, MINUTE, now % DAY, *worth, open)
        };
        worths.iter().enumerate().map(minute).collect()
    }

    #[test]
    fn datapoints_above_the_target_ask_for_what_meets_it_after_the_lag() {
        let mut scaler = Scaler::new(ScalingPlan::Target(TargetPlan::default()), 0);
        // 9.1 of 10 shards in use; 9.1 / 0.7 is 13. Three values, and the call a minute later.
        assert_eq!(minutes(&mut scaler, 0, &[9.1; 4], 10), [None, None, None, Some(13)]);
        // Ten minutes of quiet after the call, whatever the use.
        assert!(minutes(&mut scaler, 4, &[13.0; 9], 13).iter().all(Option::is_none));
        let later = minutes(&mut scaler, 13, &[13.0; 3], 13);
        assert_eq!(later.iter().flatten().collect::<Vec<_>>(), [&19]);
        assert_eq!(scaler.meter.above, 16 * MINUTE);
    }

    #[test]
    fn kds_s8_a_policy_asks_for_no_more_than_double_and_no_less_than_half() {
        let plan = TargetPlan { target: 0.3, too_low: 0.2, ..TargetPlan::default() };
        let mut scaler = Scaler::new(ScalingPlan::Target(plan), 0);
        assert_eq!(minutes(&mut scaler, 0, &[10.0; 4], 10)[3], Some(20));
        let mut scaler = Scaler::new(ScalingPlan::Target(plan), 0);
        let asked = minutes(&mut scaler, 0, &[0.0; 16], 11);
        assert_eq!((asked[14], asked[15]), (None, Some(6)));
    }

    #[test]
    fn a_schedule_asks_once_a_day_at_its_time_unless_the_count_is_there() {
        let slots = vec![Slot { at: 8 * HOUR, shards: 16 }, Slot { at: 20 * HOUR, shards: 8 }];
        let mut scaler = Scaler::new(ScalingPlan::Scheduled(slots), 0);
        let asked = minutes(&mut scaler, 0, &[0.0; 2 * 1_440], 8);
        let at: Vec<usize> = (0..asked.len()).filter(|minute| asked[*minute].is_some()).collect();
        assert_eq!(at, [479, 1_440 + 479]);
    }
}
