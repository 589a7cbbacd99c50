//! Waits between tries that double after each failure, up to a cap.

use super::time::{Nanos, round};

/// The wait after the `failures`-th failure in a row, counted from 1: the base doubled each time, up to the cap.
#[inline]
pub fn doubled(base: Nanos, cap: Nanos, failures: u32) -> Nanos {
    let factor = 1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX);
    base.saturating_mul(factor).min(cap)
}

/// Waits that double.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait.
    pub base: Nanos,
    /// The longest wait.
    pub cap: Nanos,
    /// Whether each wait is a uniform share of its length ("full jitter").
    pub jitter: bool,
}

impl Backoff {
    /// The wait after the `failures`-th failure in a row, counted from 1. `unit` draws a number from [0, 1), where there
    /// is jitter.
    #[inline]
    pub fn wait(&self, failures: u32, unit: impl FnOnce() -> f64) -> Nanos {
        let full = self.before_jitter(failures);
        if self.jitter { round(unit() * full as f64).max(1) } else { full }
    }

    /// The longest that this wait can be.
    #[inline]
    pub fn before_jitter(&self, failures: u32) -> Nanos {
        doubled(self.base, self.cap, failures)
    }

    /// How many waits differ.
    pub fn steps(&self) -> u32 {
        (1..u64::BITS).find(|failures| self.before_jitter(*failures) == self.cap).unwrap_or(u64::BITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::{MILLISECOND, SECOND};

    #[test]
    fn waits_double_up_to_their_cap() {
        let backoff = Backoff { base: 50 * MILLISECOND, cap: SECOND, jitter: false };
        let waits: Vec<u64> = (1..=7).map(|k| backoff.wait(k, || 0.5) / MILLISECOND).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1_000, 1_000]);
        assert_eq!(backoff.steps(), 6);
        assert_eq!(Backoff { jitter: true, ..backoff }.wait(2, || 0.25), 25 * MILLISECOND);
        assert_eq!([60, 65, u32::MAX].map(|failures| backoff.before_jitter(failures)), [SECOND; 3]);
    }
}
