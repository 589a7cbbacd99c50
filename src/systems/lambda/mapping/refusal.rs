//! How long a lane waits whose invocation was refused.

use super::Mapping;
use crate::engine::time::{MICROSECOND, Nanos};
use crate::systems::lambda::concurrency::Throttled;

impl Mapping {
    /// The invocation was refused: tries again after a wait that grows; refusals use no retry (LAM-E2). Each lane draws its own
    /// wait, or those that were refused together would come back together for ever (LAM-E6).
    pub fn refused(&mut self, now: Nanos, lane: usize, why: Throttled) {
        self.meter.throttled[why as usize] += 1;
        let place = &mut self.lanes[lane];
        place.refusals += 1;
        let unit = self.chance.unit(now, lane as u32);
        place.work.not_before = now + self.plan.retry.refused_wait(place.refusals, unit);
        self.wait_no_longer_than_age_allows(now, lane);
    }

    /// Records are given up when they are older than the mapping allows (LAM-E2), not at the next try after that: once the
    /// youngest one of the present part is too old, nothing is left to wait for.
    pub(super) fn wait_no_longer_than_age_allows(&mut self, now: Nanos, lane: usize) {
        let Some(age_max) = self.plan.retry.record_age_max else { return };
        let work = &mut self.lanes[lane].work;
        let Some(youngest) = work.part().last() else { return };
        // What was there before the run arrived at moments that wrap around below 0.
        let age = (now / MICROSECOND).wrapping_sub(youngest.record.appended) as i64;
        let left = ((age_max / MICROSECOND) as i64 + 1).saturating_sub(age).max(0) as u64;
        let too_old = (now / MICROSECOND).saturating_add(left).saturating_mul(MICROSECOND).max(now);
        work.not_before = work.not_before.min(too_old);
    }
}
