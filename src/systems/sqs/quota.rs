//! How many calls of one action a FIFO queue takes a second, from all who make them (SQS-2).

use crate::engine::time::{Nanos, SECOND};
use std::collections::BTreeMap;

/// Calls of one action, by the second in which they are made. A call that finds its second full is made in the next one that is
/// not; calls may be asked for in any order, since a function that starts later may call sooner.
#[derive(Clone, Debug)]
pub struct Quota {
    /// Calls a second; without a limit where it is left out.
    a_second: Option<u64>,
    made: BTreeMap<u64, u64>,
    /// Each second from the present to this one is full.
    full_before: u64,
}

impl Quota {
    /// Of a FIFO queue that takes so many calls a second, at least 1, or of a standard queue, which has no such limit (SQS-1).
    pub fn new(a_second: Option<u64>) -> Self {
        Self { a_second, made: BTreeMap::new(), full_before: 0 }
    }

    /// Makes a call at `at`, which is not before `now`, or as soon after it as there is room; when that is.
    pub fn call(&mut self, now: Nanos, at: Nanos) -> Nanos {
        let Some(a_second) = self.a_second else { return at };
        while self.made.first_key_value().is_some_and(|(second, _)| *second < now / SECOND) {
            self.made.pop_first();
        }
        let is_full = |second: &u64| self.made.get(second).is_some_and(|calls| *calls >= a_second);
        // In a jam, all from the present on are full: those are not looked through for each call.
        self.full_before =
            (self.full_before.max(now / SECOND)..).find(|second| !is_full(second)).unwrap_or(0);
        let from = (at / SECOND).max(if at < self.full_before * SECOND { self.full_before } else { 0 });
        let second = (from..).find(|second| !is_full(second)).unwrap_or(from);
        let calls = self.made.entry(second).or_default();
        // Those that waited come one after the other.
        let turn = if second > at / SECOND { second * SECOND + *calls * SECOND / a_second } else { at };
        *calls += 1;
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::MILLISECOND;

    /// Any second has 300 calls at most, whoever asks and in whichever order, and a queue that is kept busy makes all of them.
    #[test]
    fn sqs_2_each_second_has_so_many_calls_of_an_action_and_no_more() {
        let mut quota = Quota::new(Some(300));
        let mut made = BTreeMap::<u64, u64>::new();
        for call in 0..3_000 {
            // Two senders, one of which calls five seconds after it asks.
            let now = call * MILLISECOND;
            let at = now + if call % 2 == 0 { 5 * SECOND } else { 0 };
            let turn = quota.call(now, at);
            assert!(turn >= at);
            *made.entry(turn / SECOND).or_default() += 1;
        }
        assert!(made.values().all(|calls| *calls <= 300), "{made:?}");
        assert_eq!(made.values().sum::<u64>(), 3_000);
        // 500 a second of each sender, from 0 s and from 5 s on: full from the first second to the last but one.
        assert_eq!(made.values().take(9).copied().collect::<Vec<_>>(), [300; 9]);
    }

    #[test]
    fn sqs_2_who_calls_now_does_not_wait_for_who_calls_later() {
        let mut quota = Quota::new(Some(300));
        (0..300).for_each(|_| assert_eq!(quota.call(0, 10 * SECOND), 10 * SECOND));
        assert_eq!(quota.call(0, 1), 1);
        assert_eq!(quota.call(0, 10 * SECOND), 11 * SECOND);
    }

    #[test]
    fn sqs_1_a_standard_queue_takes_every_call_at_once() {
        let mut quota = Quota::new(None);
        assert!((0..100_000).all(|_| quota.call(0, 7) == 7));
    }
}
