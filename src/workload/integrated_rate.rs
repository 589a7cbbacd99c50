//! The inverse of an integrated rate: from expected events to moments.
//!
//! A Poisson process with a varying rate is one of rate 1 seen through this inverse (the time-rescaling
//! theorem; Cinlar, "Introduction to Stochastic Processes", 1975), so that every event takes one exponential
//! draw and no draw is thinned away.

use super::rate_profile::RateProfile;
use crate::engine::time::{self, END_OF_TIME, Nanos, SECOND};
use std::sync::Arc;

/// Walks forward along the integral of a [`RateProfile`]. A step costs amortised O(1): it only ever moves on
/// to later bins, and cycles without an event are skipped by one division.
#[derive(Clone, Debug)]
pub struct IntegratedRate {
    profile: Arc<RateProfile>,
    /// Which bin the position is in.
    index: usize,
    /// When the present cycle began.
    cycle_start: Nanos,
    /// Expected events since the bin's start. Counting from there keeps rounding errors from adding up.
    position: f64,
    bin_start: Nanos,
    bin_end: Nanos,
    bin_events: f64,
    nanos_per_event: f64,
}

impl IntegratedRate {
    /// At time 0, before any event.
    pub fn new(profile: Arc<RateProfile>) -> Self {
        let mut this = Self {
            profile,
            index: 0,
            cycle_start: 0,
            position: 0.0,
            bin_start: 0,
            bin_end: 0,
            bin_events: 0.0,
            nanos_per_event: 0.0,
        };
        this.enter_bin();
        this
    }

    /// Moves on by this many expected events (finite, not negative) and gives the moment reached, rounded to
    /// the nanosecond; nothing once the rate has ended. Moments never decrease.
    #[inline]
    pub fn advance(&mut self, events: f64) -> Option<Nanos> {
        self.position += events;
        // A bin with no events has no moment to give, even at its start.
        if self.position >= self.bin_events && !self.leave_bin() {
            return None;
        }
        let at = self.bin_end.min(self.bin_start + time::round(self.position * self.nanos_per_event));
        (at <= END_OF_TIME).then_some(at)
    }

    /// Finds the bin of the position; false if it is past the end.
    #[cold]
    fn leave_bin(&mut self) -> bool {
        while self.position >= self.bin_events {
            self.position -= self.bin_events;
            self.index += 1;
            if self.index >= self.profile.bins().len() {
                if !self.profile.repeats() {
                    self.position = f64::INFINITY;
                    return false;
                }
                self.next_cycle();
            }
            self.enter_bin();
        }
        true
    }

    /// Starts the cycle that the position is in.
    fn next_cycle(&mut self) {
        let skipped = (self.position / self.profile.total()).floor();
        self.position = (self.position - skipped * self.profile.total()).max(0.0);
        let cycles = (skipped as u64).saturating_add(1);
        let start = self.cycle_start.saturating_add(cycles.saturating_mul(self.profile.length()));
        self.cycle_start = start.min(END_OF_TIME + 1);
        self.index = 0;
    }

    fn enter_bin(&mut self) {
        let bin = &self.profile.bins()[self.index];
        self.bin_start = self.cycle_start + bin.start;
        self.bin_end = self.cycle_start + bin.end;
        self.bin_events = bin.events();
        // A rate of 0 gives no moment, so its infinity is never used.
        self.nanos_per_event = SECOND as f64 / bin.rate;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::{HOUR, MINUTE};
    use crate::workload::rate_profile::Stretch;

    fn walk(stretches: &[(Nanos, f64)], repeats: bool) -> IntegratedRate {
        let stretches: Vec<_> =
            stretches.iter().map(|(length, rate)| Stretch { length: *length, rate: *rate }).collect();
        IntegratedRate::new(Arc::new(RateProfile::new(&stretches, repeats).unwrap()))
    }

    #[test]
    fn it_inverts_by_hand_and_ends() {
        let mut inverse = walk(&[(10 * SECOND, 2.0), (5 * SECOND, 0.0), (10 * SECOND, 1.0)], false);
        // 20 events in the first ten seconds, none in the next five, one a second after.
        assert_eq!(inverse.advance(19.0), Some(9_500_000_000));
        assert_eq!(inverse.advance(1.0), Some(15 * SECOND));
        assert_eq!(inverse.advance(9.5), Some(24_500_000_000));
        assert_eq!((inverse.advance(0.5), inverse.advance(0.0)), (None, None));
    }

    #[test]
    fn rare_events_skip_whole_cycles_and_stop_at_the_end_of_time() {
        // Half an event an hour, all of it in the first minute of the hour.
        let mut inverse = walk(&[(MINUTE, 1.0 / 120.0), (HOUR - MINUTE, 0.0)], true);
        assert_eq!(inverse.advance(1_000.25), Some(2_000 * HOUR + MINUTE / 2));
        assert_eq!(inverse.advance(1e12), None);
        assert_eq!(inverse.advance(1.0), None);
    }

    #[test]
    fn a_long_walk_does_not_drift() {
        let mut inverse = walk(&[(SECOND, 3.0), (2 * SECOND, 0.7)], true);
        let mut last = 0;
        for _ in 0..4_400_000 {
            last = inverse.advance(1.0).unwrap();
        }
        // 4.4 events in three seconds: 4.4 million events end a cycle or begin the next, at three million
        // seconds.
        assert!((3_000_000 * SECOND).abs_diff(last) <= 1_000, "{last}");
    }
}
