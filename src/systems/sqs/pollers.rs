//! The pollers of a queue: how many there are, and what those that find nothing cost.

use super::queue::LONG_POLL;
use crate::engine::bucket::{Limit, TokenBucket};
use crate::engine::time::Nanos;
use std::collections::VecDeque;

/// Pollers of a mapping at first, and at least: AWS starts with five batches at once.
const FIRST: usize = 5;
/// Pollers more a second while messages wait: AWS adds up to 300 a minute.
const MORE_A_SECOND: u64 = 5;

/// Pollers, each of which either has a batch in hand or asks the queue for one.
#[derive(Clone, Debug)]
pub struct Pollers {
    /// When each poller without a batch began to ask, the first one first.
    asking: VecDeque<Nanos>,
    /// Pollers with a batch.
    busy: usize,
    growth: (Limit, TokenBucket),
    /// Receives that found nothing for twenty seconds, and are not handed out yet.
    empty: u64,
    /// Nobody asks before this.
    resting_until: Nanos,
    /// Whether the mapping is deleted: nobody asks any more.
    stopped: bool,
}

impl Default for Pollers {
    fn default() -> Self {
        let growth = Limit::per_second(MORE_A_SECOND);
        let asking = VecDeque::from([0; FIRST]);
        Self { asking, busy: 0, growth: (growth, growth.full()), empty: 0, resting_until: 0, stopped: false }
    }
}

impl Pollers {
    /// Ends what has found nothing for twenty seconds (SQS-3): the poller asks again, or is one too many and stops. Each ends at
    /// its own moment, so that it makes no difference when somebody looks.
    fn settle(&mut self, now: Nanos) {
        while let Some(began) = self.asking.front().copied().filter(|began| began + LONG_POLL <= now) {
            self.asking.pop_front();
            self.empty += 1;
            if self.asking.len() + self.busy < FIRST {
                self.asking.push_back(began + LONG_POLL);
            }
        }
    }

    /// Whether some poller can take a batch now, be it a new one. If not, when there can be a new one.
    pub fn ready(&mut self, now: Nanos) -> Result<(), Option<Nanos>> {
        self.settle(now);
        if !self.asking.is_empty() {
            return Ok(());
        }
        let (limit, bucket) = &mut self.growth;
        if !bucket.try_take(limit, now, 1) {
            return Err(bucket.ready_at(limit, now, 1));
        }
        self.asking.push_back(now);
        Ok(())
    }

    /// A poller gets a batch: the one that asked last, so that those who are not needed find nothing.
    pub fn take(&mut self, now: Nanos) {
        self.settle(now);
        self.busy += usize::from(self.asking.pop_back().is_some());
    }

    /// A poller is done with its batch and asks again.
    pub fn give_back(&mut self, now: Nanos) {
        self.settle(now);
        self.busy = self.busy.saturating_sub(1);
        if !self.stopped {
            self.asking.push_back(now.max(self.resting_until));
        }
    }

    /// Nobody asks before `until`: whoever does is refused.
    pub fn rest(&mut self, now: Nanos, until: Nanos) {
        self.settle(now);
        self.resting_until = self.resting_until.max(until);
        self.asking.iter_mut().for_each(|began| *began = self.resting_until.max(*began));
    }

    /// The mapping is deleted: nobody asks from now on, and what is in hand is finished.
    pub fn stop(&mut self, now: Nanos) {
        self.settle(now);
        self.asking.clear();
        self.stopped = true;
    }

    /// Whether it is.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Empty receives up to now, since this was last asked.
    pub fn take_empty(&mut self, now: Nanos) -> u64 {
        self.settle(now);
        std::mem::take(&mut self.empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::{HOUR, MINUTE, SECOND};

    /// By hand: five pollers that find nothing ask three times a minute each, whenever somebody looks.
    #[test]
    fn sqs_3_idle_pollers_ask_every_twenty_seconds() {
        for look in [7 * SECOND, 20 * SECOND, 61 * SECOND, HOUR] {
            let mut pollers = Pollers::default();
            let mut empty: u64 = (0..=HOUR / look).map(|at| pollers.take_empty(at * look)).sum();
            empty += pollers.take_empty(HOUR);
            assert_eq!(empty, 5 * 180, "{look}");
        }
    }

    /// A message every ten seconds ends one wait each, so that four pollers' worth of waits at least is left, and five at most.
    #[test]
    fn sqs_3_a_message_ends_the_wait_of_one_poller_and_of_no_other() {
        let mut pollers = Pollers::default();
        for at in 1..=360 {
            assert_eq!(pollers.ready(at * 10 * SECOND - 1), Ok(()));
            pollers.take(at * 10 * SECOND - 1);
            pollers.give_back(at * 10 * SECOND - 1);
        }
        let empty = pollers.take_empty(HOUR);
        assert!((4 * 180..5 * 180).contains(&empty), "{empty}");
    }

    /// By hand: five pollers ask three times a minute in 40 of 60 minutes. One that is done with its batch while none may ask
    /// asks when it may.
    #[test]
    fn sqs_3_pollers_that_may_not_receive_ask_nothing() {
        for busy in [0, 1, 5] {
            let mut pollers = Pollers::default();
            (0..busy).for_each(|_| pollers.take(20 * MINUTE));
            pollers.rest(20 * MINUTE, 40 * MINUTE);
            (0..busy).for_each(|_| pollers.give_back(30 * MINUTE));
            assert_eq!([20, 39, 40].map(|at| pollers.take_empty(at * MINUTE)), [5 * 60, 0, 0], "{busy}");
            assert_eq!(pollers.take_empty(HOUR), 5 * 60, "{busy}");
        }
    }

    /// Five batches at once, then five pollers more a second while messages wait; once none come, all but five stop after
    /// their first wait.
    #[test]
    fn sqs_3_pollers_grow_while_messages_wait_and_stop_when_they_find_none() {
        let mut pollers = Pollers::default();
        let mut busy = 0;
        let mut now = 0;
        while now <= 10 * SECOND {
            match pollers.ready(now) {
                Ok(()) => {
                    pollers.take(now);
                    busy += 1;
                }
                Err(at) => now = at.expect("there is a next one"),
            }
        }
        // Five at first, five that were saved up, and fifty in ten seconds.
        assert_eq!(busy, 5 + 5 + 50);
        (0..busy).for_each(|_| pollers.give_back(now));
        assert_eq!(pollers.take_empty(now + 20 * SECOND), 60);
        assert_eq!(pollers.asking.len(), 5);
        assert_eq!(pollers.take_empty(now + HOUR), 5 * 179);
    }
}
