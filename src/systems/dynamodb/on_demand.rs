//! On-demand capacity: what a table takes at once, by the highest traffic it has seen (DDB-M1 to DDB-M6).

use std::collections::VecDeque;

/// Write units a second that a new on-demand table takes (DDB-M1).
pub const NEW_TABLE_UNITS: u64 = 4_000;
/// Minutes over which growth beyond double the previous peak has to be spread (DDB-M3).
pub const GROWTH_MINUTES: usize = 30;

/// An on-demand table as the scenario describes it, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnDemandPlan {
    /// Write units a second that it takes from the start (DDB-M1, DDB-M6).
    pub warm: u64,
    /// The highest level of traffic before the start, write units a second.
    pub previous_peak: u64,
    /// The maximum that its owner set (DDB-M9).
    pub max: Option<u64>,
}

impl OnDemandPlan {
    /// A new table's or index's (DDB-M1).
    pub fn new_table() -> Self {
        Self { warm: NEW_TABLE_UNITS, previous_peak: 0, max: None }
    }
}

/// The traffic that an on-demand table has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peaks {
    /// Consumed units of the latest minutes, each not yet old enough to count.
    recent: VecDeque<u64>,
    /// The highest minute before those.
    previous_minute: u64,
}

impl Peaks {
    /// A table whose highest level so far was `previous_peak` units a second.
    pub fn new(previous_peak: u64) -> Self {
        Self { recent: VecDeque::new(), previous_minute: previous_peak * 60 }
    }

    /// A minute has ended in which `units` were consumed. Its level counts as the previous peak once it is 30 minutes old
    /// (DDB-M3), and for ever (DDB-M5).
    pub fn close_minute(&mut self, units: u64) {
        self.recent.push_back(units);
        if self.recent.len() >= GROWTH_MINUTES
            && let Some(old) = self.recent.pop_front()
        {
            self.previous_minute = self.previous_minute.max(old);
        }
    }

    /// Units a second that are taken at once: double the previous peak (DDB-M2).
    pub fn instant(&self) -> u64 {
        self.previous_minute * 2 / 60
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ddb_m2_m3_m5_open_2_double_the_previous_minute_is_taken_half_an_hour_later_and_kept() {
        let mut peaks = Peaks::new(2_500);
        assert_eq!(peaks.instant(), 5_000);
        // 29 minutes at 5,000: still double the old peak.
        (0..29).for_each(|_| peaks.close_minute(60 * 5_000));
        assert_eq!(peaks.instant(), 5_000);
        peaks.close_minute(60 * 5_000);
        assert_eq!(peaks.instant(), 10_000);
        // A quiet week takes nothing back.
        (0..7 * 1_440).for_each(|_| peaks.close_minute(0));
        assert_eq!(peaks.instant(), 10_000);
    }
}
