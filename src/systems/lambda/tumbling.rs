//! Tumbling windows: invocations of one window hand a state on, and a last one ends the window (LAM-W1).

use super::batch::Held;
use crate::engine::time::{MICROSECOND, Nanos};
use crate::systems::kinesis::log::Micros;

/// The largest state; a window whose state grows beyond it is ended early (LAM-W1).
pub const STATE_BYTES_MAX: u64 = 1 << 20;

/// Tumbling windows as the scenario describes them, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TumblingPlan {
    /// Length of a window: up to 15 minutes (LAM-W1).
    pub window: Nanos,
    /// How long after a window's end the last invocation comes if no later record does.
    pub patience: Nanos,
    /// What each record adds to the state, bytes.
    pub state_bytes_per_record: u64,
}

impl TumblingPlan {
    /// The window in which a record arrived; that of what a stream holds from before the run has a number below 0.
    pub fn window_of(&self, appended: Micros) -> i64 {
        appended.cast_signed().div_euclid((self.window / MICROSECOND).cast_signed())
    }

    /// When the last invocation of a window comes if nothing hastens it.
    fn end_of(&self, number: i64) -> Nanos {
        let windows = u64::try_from(number + 1).unwrap_or(0);
        windows.saturating_mul(self.window).saturating_add(self.patience)
    }

    /// How many of the first waiting records lie in the window of the first one, and whether a later one waits.
    pub fn of_first<'a>(&self, mut waiting: impl Iterator<Item = &'a Held>) -> (usize, bool) {
        let Some(first) = waiting.next() else { return (0, false) };
        let window = self.window_of(first.record.appended);
        let mut count = 1;
        for held in waiting {
            if self.window_of(held.record.appended) != window {
                return (count, true);
            }
            count += 1;
        }
        (count, false)
    }
}

/// A window of which some records are processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenWindow {
    /// Its number.
    pub number: i64,
    /// Size of the state.
    pub state_bytes: u64,
}

impl OpenWindow {
    /// When its last invocation is due, with what is known: the window of the first record that waits, if one does, and whether
    /// its shard is closed and read to its end.
    pub fn due(&self, plan: &TumblingPlan, next: Option<i64>, over: bool) -> Option<Nanos> {
        let passed = next.is_some_and(|next| next != self.number);
        if passed || over || self.state_bytes > STATE_BYTES_MAX {
            return Some(0);
        }
        // While records of the window wait, it goes on.
        next.is_none().then(|| plan.end_of(self.number))
    }

    /// Whether it ends early, for the size of its state.
    pub fn is_early(&self) -> bool {
        self.state_bytes > STATE_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::{MINUTE, SECOND};
    use crate::systems::kinesis::log::Record;

    /// A record from before the run lies in a window before the first, which is over when the run begins.
    #[test]
    fn windows_before_the_run_end_at_once() {
        let before = (-90_i64 * 1_000_000).cast_unsigned();
        assert_eq!(PLAN.window_of(before), -2);
        let open = OpenWindow { number: -2, state_bytes: 0 };
        assert_eq!(open.due(&PLAN, None, false), Some(PLAN.patience));
    }

    const PLAN: TumblingPlan =
        TumblingPlan { window: MINUTE, patience: 120 * SECOND, state_bytes_per_record: 0 };

    fn held(seconds: u64) -> Held {
        let appended = seconds * 1_000_000;
        Held {
            record: Record { written: appended, appended, bytes: 1, key: 0, flags: 0 },
            stalled: 0,
            came: appended,
        }
    }

    #[test]
    fn lam_w1_a_batch_lies_in_one_window() {
        let waiting = [held(58), held(59), held(60), held(61)];
        assert_eq!(PLAN.of_first(waiting.iter()), (2, true));
        assert_eq!(PLAN.of_first(waiting[2..].iter()), (2, false));
    }

    #[test]
    fn lam_w1_a_window_ends_with_a_later_record_its_shard_its_state_or_in_time() {
        let open = OpenWindow { number: 3, state_bytes: 10 };
        assert_eq!(open.due(&PLAN, Some(3), false), None);
        assert_eq!(open.due(&PLAN, Some(4), false), Some(0));
        assert_eq!(open.due(&PLAN, None, true), Some(0));
        assert_eq!(open.due(&PLAN, None, false), Some(6 * MINUTE));
        let large = OpenWindow { state_bytes: STATE_BYTES_MAX + 1, ..open };
        assert_eq!((large.due(&PLAN, Some(3), false), large.is_early()), (Some(0), true));
    }
}
