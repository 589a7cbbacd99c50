//! Changes that wait for a destination which is known to take nothing: permission is lost, or the encryption key refuses
//! every call. Each of them goes on trying by itself (OPEN-7), and a week of that is some 200,000 tries that nobody needs to
//! see happen. They sleep instead, and what they would have tried is counted when something changes, along with the moment
//! of the first try that can matter.

use super::Pipeline;
use super::change::Change;
use super::event::Kind;
use super::feed::Feed;
use crate::engine::time::{MICROSECOND, MILLISECOND, Nanos, round};
use crate::systems::dynamodb::destination::Obstacle;

/// The changes of one feed whose next tries are known to fail.
#[derive(Clone, Debug, Default)]
pub(super) struct Asleep {
    /// What stands in their way.
    obstacle: Option<Obstacle>,
    /// The oldest change that waits. It goes on trying, for its age is that of the feed, and it is the first one to have
    /// waited too long (KDC-R3).
    oldest: Option<Oldest>,
    /// Handles of the others, and when each tried last.
    changes: Vec<(u32, Nanos)>,
}

#[derive(Clone, Copy, Debug)]
struct Oldest {
    written: Nanos,
    handle: u32,
    tried: Nanos,
}

/// Tries that nobody saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Skipped {
    tries: u64,
    next: Nanos,
}

impl Feed {
    /// The wait of a change after so many failures in a row, the last one at `now`. What counts them stops at 255; the draws
    /// go on.
    #[inline]
    pub(super) fn wait(&self, now: Nanos, change: &Change, failures: u8) -> Nanos {
        let attempt = match failures {
            u8::MAX => (now / MILLISECOND) as u32 | 1 << 8,
            _ => u32::from(failures),
        };
        self.plan.backoff.wait(u32::from(failures), || self.chances.backoff_unit(change.address(), attempt))
    }

    /// Whether a change that has just been refused may sleep: others see to it that it wakes up in time.
    #[cold]
    pub(super) fn falls_asleep(&mut self, now: Nanos, handle: u32, change: &Change, failures: u8) -> bool {
        let Some(destination) = self.destination else { return false };
        let obstacle = destination.takes_nothing(now).filter(|_| destination.sends(now));
        self.asleep.obstacle = self.asleep.obstacle.or(obstacle);
        // By the time that one of them waits as long as they ever do, all that waited before have met the obstacle too.
        if obstacle.is_none() || u32::from(failures) <= self.plan.backoff.steps() {
            return false;
        }
        match &mut self.asleep.oldest {
            Some(oldest) if oldest.handle == handle => {
                let from = std::mem::replace(&mut oldest.tried, now);
                let age = |at: Nanos| (at - change.written) / MICROSECOND;
                self.series.raise_between((from, now), super::feed::column::AGE, age);
                false
            }
            Some(oldest) if oldest.written <= change.written => {
                self.asleep.changes.push((handle, now));
                true
            }
            oldest => {
                *oldest = Some(Oldest { written: change.written, handle, tried: now });
                false
            }
        }
    }

    /// The tries of a change between its last one and `until`, all of which failed, and the first one that is not before
    /// `until`.
    fn skip(&self, change: &Change, tried: Nanos, until: Nanos) -> Skipped {
        let backoff = &self.plan.backoff;
        let mut failures = change.failures;
        let mut at = tried + self.wait(tried, change, failures);
        let mut tries = 0;
        while at < until {
            if failures < u8::MAX && (backoff.jitter || u32::from(failures) < backoff.steps()) {
                (tries, failures) = (tries + 1, failures + 1);
                at += self.wait(at, change, failures);
                continue;
            }
            let longest = backoff.before_jitter(u32::from(failures));
            if !backoff.jitter {
                let more = (until - at).div_ceil(longest);
                return Skipped { tries: tries + more, next: at + more * longest };
            }
            // Waits that are anything up to the longest are half of it on average.
            let left = round(self.chances.left_of_wait(change.address(), until) * longest as f64);
            return Skipped { tries: tries + 1 + 2 * (until - at) / longest, next: until + left };
        }
        Skipped { tries, next: at }
    }

    fn count_skipped(&mut self, tries: u64) {
        match self.asleep.obstacle {
            Some(Obstacle::Permission) => self.meter.denied += tries,
            Some(Obstacle::Key) => self.meter.key_throttled += tries,
            None => {}
        }
    }
}

impl<const FULL: bool> Pipeline<FULL> {
    /// Something is different at a table's destination: all changes that sleep go on trying, each when its next try is due.
    #[cold]
    pub(super) fn wake_changes(&mut self, now: Nanos, table: usize) {
        let Some(feed) = &mut self.tables[table].feed else { return };
        feed.asleep.oldest = None;
        for (handle, tried) in std::mem::take(&mut feed.asleep.changes) {
            let change = self.changes.get_mut(handle);
            let Skipped { tries, next } = feed.skip(change, tried, now);
            change.failures = change.failures.saturating_add(u8::try_from(tries).unwrap_or(u8::MAX));
            feed.count_skipped(tries);
            self.queue.push(next, Kind::PutAgain as u8, handle);
        }
        feed.asleep.obstacle = None;
    }

    /// Counts what the changes that still sleep would have tried by the end of the run.
    pub(super) fn count_asleep(&mut self, end: Nanos) {
        for feed in self.tables.iter_mut().filter_map(|table| table.feed.as_mut()) {
            let sleeping = feed.asleep.changes.iter();
            let tries =
                sleeping.map(|(handle, at)| feed.skip(&self.changes.get(*handle), *at, end).tries).sum();
            feed.count_skipped(tries);
        }
    }
}
