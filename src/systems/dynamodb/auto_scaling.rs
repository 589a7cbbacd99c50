//! Auto scaling of provisioned capacity: target tracking on a one-minute metric (DDB-M16, DDB-M19).

/// Minutes above the target after which capacity is raised (DDB-M16).
pub const MINUTES_ABOVE: u32 = 2;
/// Minutes below after which it is lowered (DDB-M16).
pub const MINUTES_BELOW: u32 = 15;

/// A scaling policy, checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AutoScalingPlan {
    /// The share of capacity that should be in use (DDB-M18).
    pub target: f64,
    /// The share in use below which capacity is too large.
    pub too_low: f64,
    /// Least write units a second.
    pub min: u64,
    /// Most write units a second.
    pub max: u64,
}

/// A policy with its two alarms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AutoScaling {
    plan: AutoScalingPlan,
    above: u32,
    below: u32,
}

impl AutoScaling {
    /// A policy whose alarms have seen nothing.
    pub fn new(plan: AutoScalingPlan) -> Self {
        Self { plan, above: 0, below: 0 }
    }

    /// A minute has ended in which `units` were consumed of `provisioned` a second. The capacity to ask for, if an alarm
    /// is on and another one would suit: what makes use meet the target, within the bounds (DDB-M19).
    pub fn close_minute(&mut self, units: u64, provisioned: u64) -> Option<u64> {
        let per_second = units as f64 / 60.0;
        let used = per_second / provisioned as f64;
        self.above = if used > self.plan.target { self.above + 1 } else { 0 };
        self.below = if used < self.plan.too_low { self.below + 1 } else { 0 };
        // A millionth is no unit: 1,400 / 0.7 is 2,000, whatever rounding makes of it.
        let wanted = (per_second / self.plan.target - 1e-6).ceil() as u64;
        let wanted = wanted.clamp(self.plan.min, self.plan.max);
        let raise = self.above >= MINUTES_ABOVE && wanted > provisioned;
        let lower = self.below >= MINUTES_BELOW && wanted < provisioned;
        (raise || lower).then_some(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaling() -> AutoScaling {
        AutoScaling::new(AutoScalingPlan { target: 0.7, too_low: 0.5, min: 100, max: 2_000 })
    }

    #[test]
    fn ddb_m16_m19_two_minutes_above_raise_capacity_to_what_meets_the_target() {
        let mut scaling = scaling();
        // 420 of 500 are 84 %; 420 / 0.7 is 600.
        assert_eq!(scaling.close_minute(60 * 420, 500), None);
        assert_eq!(scaling.close_minute(60 * 420, 500), Some(600));
        // A quiet minute in between begins the count anew (DDB-M20).
        scaling = self::scaling();
        let minutes = [420, 100, 420, 100, 420].map(|units| scaling.close_minute(60 * units, 500));
        assert_eq!(minutes, [None; 5]);
        // Within the bounds.
        scaling.close_minute(60 * 3_000, 500);
        assert_eq!(scaling.close_minute(60 * 3_000, 500), Some(2_000));
    }

    #[test]
    fn ddb_m16_fifteen_minutes_below_lower_it() {
        let mut scaling = scaling();
        let asked: Vec<_> = (1..=15).map(|_| scaling.close_minute(60 * 140, 500)).collect();
        assert!(asked[..14].iter().all(Option::is_none));
        assert_eq!(asked[14], Some(200));
        scaling = self::scaling();
        // Between the alarms nothing happens.
        assert!((0..100).all(|_| scaling.close_minute(60 * 300, 500).is_none()));
    }
}
