//! A lane: records of one shard whose keys fall into one of its parts, one batch at a time and in order (LAM-C1 to
//! LAM-C4).

use super::batch::{Batching, Held};
use super::held_back::HeldBack;
use super::retry::Work;
use super::tumbling::{OpenWindow, TumblingPlan};
use crate::engine::time::Nanos;
use std::collections::VecDeque;

/// The lane of a key among the `factor` lanes of its shard: always the same one, so that the order of a key is kept
/// (LAM-C2), and a hot key has one lane to itself at most (LAM-C4).
#[inline]
pub fn lane_of(key: u32, factor: u32) -> u32 {
    // Multiplicative hashing (Knuth 1973), as the exact hash is unpublished.
    let hash = key.wrapping_mul(0x9e37_79b1);
    ((u64::from(hash) * u64::from(factor)) >> 32) as u32
}

/// What a lane does at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum State {
    /// Gathers records, if there are any.
    #[default]
    Gathering,
    /// Has a batch to invoke the function with.
    Ready,
    /// The function runs.
    Running,
}

/// One lane.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    waiting: VecDeque<Held>,
    payload: u64,
    window_end: Nanos,
    /// When its last batch was settled.
    pub ended: Option<Nanos>,
    /// When it can invoke the function again after that (LAM-L4).
    pub free: Nanos,
    /// What it does.
    pub state: State,
    /// The batch it works on.
    pub work: Work,
    /// When the batch was complete.
    pub cut: Nanos,
    /// When the present try was due, and when the function began to run.
    pub begun: Option<Nanos>,
    /// When the function began to run.
    pub started: Nanos,
    /// How much of that was the start of a new environment.
    pub cold: Nanos,
    /// The place of the record at which the run fails, if it does.
    pub fails_at: Option<usize>,
    /// Records at the head of the present part that an earlier try had processed, of those that the run reaches.
    pub repeated: usize,
    /// Refusals of the present try for want of concurrency.
    pub refusals: u32,
    /// When tries were refused, and batches tried again.
    pub held_back: HeldBack,
    /// The tumbling window of which some records are processed, and whether the invocation that ends it is due or runs.
    pub window: Option<OpenWindow>,
    /// Whether the work at hand is the invocation that ends the window.
    pub ends_window: bool,
    /// When the lane is next looked at; later than any event for never.
    pub timer: Nanos,
}

impl Lane {
    /// A lane without records.
    pub fn new() -> Self {
        Self { timer: Nanos::MAX, ..Self::default() }
    }

    /// Records that wait for a batch.
    pub fn waiting(&self) -> &VecDeque<Held> {
        &self.waiting
    }

    /// The present try was refused from one moment on and let in at another.
    #[cold]
    pub fn note_refused(&mut self, from: Nanos, until: Nanos) {
        let oldest = self.work.records.first().map(|held| held.record.appended);
        self.held_back.note_refused(from, until, self.work.first_failed, oldest);
    }

    /// The batch failed first at one moment and came to its end at another.
    #[cold]
    pub fn note_retried(&mut self, from: Nanos, until: Nanos) {
        let oldest = self.work.records.first().map(|held| held.record.appended);
        self.held_back.note_retried(from, until, oldest);
    }

    /// Takes a record in.
    pub fn push(&mut self, now: Nanos, held: Held, batching: &Batching) {
        if self.waiting.is_empty() && self.state == State::Gathering {
            self.window_end = batching.window_end(now, self.ended);
        }
        self.payload += batching.payload.bytes(held.record.bytes);
        self.waiting.push_back(held);
    }

    /// When the waiting records make a batch; `None` if there are none or another batch is being worked on. With tumbling
    /// windows a batch is complete once a record of a later window waits.
    pub fn batch_due(
        &self,
        now: Nanos,
        batching: &Batching,
        tumbling: Option<&TumblingPlan>,
    ) -> Option<Nanos> {
        if self.state != State::Gathering || self.waiting.is_empty() {
            return None;
        }
        let passed = |plan: &TumblingPlan| plan.of_first(self.waiting.iter()).1;
        let complete = batching.complete(self.waiting.len(), self.payload) || tumbling.is_some_and(passed);
        let due = if complete { now } else { self.window_end.max(now) };
        Some(due.max(self.free))
    }

    /// When the invocation that ends its tumbling window is due, if there is one; `over` says whether its shard is closed and
    /// read to its end.
    pub fn window_due(&self, plan: &TumblingPlan, over: bool) -> Option<Nanos> {
        if self.state != State::Gathering {
            return None;
        }
        let next = self.waiting.front().map(|held| plan.window_of(held.record.appended));
        Some(self.window?.due(plan, next, over)?.max(self.free))
    }

    /// The invocation that ends the tumbling window is to be made: it has no records.
    pub fn end_window(&mut self, now: Nanos) {
        self.work.records.clear();
        self.work.open(now);
        (self.cut, self.state, self.ends_window) = (now, State::Ready, true);
    }

    /// Makes a batch of the waiting records, with tumbling windows of one window; returns how many it took.
    pub fn cut(&mut self, now: Nanos, batching: &Batching, tumbling: Option<&TumblingPlan>) -> usize {
        let count = batching.cut(self.waiting.iter());
        let count = tumbling.map_or(count, |plan| count.min(plan.of_first(self.waiting.iter()).0));
        self.work.records.clear();
        self.work.records.extend(self.waiting.drain(..count));
        let taken = self.work.records.iter().map(|held| batching.payload.bytes(held.record.bytes));
        self.payload -= taken.sum::<u64>();
        self.work.open(now);
        (self.cut, self.state) = (now, State::Ready);
        count
    }

    /// The batch is settled: the lane gathers the next one.
    pub fn close(&mut self, now: Nanos, batching: &Batching) {
        self.work.records.clear();
        (self.work.from, self.work.to) = (0, 0);
        self.state = State::Gathering;
        (self.ended, self.free) = (Some(now), now + batching.turnaround);
        self.window_end = now + batching.window;
    }

    /// Records in hand: waiting, or in a batch and not settled.
    pub fn in_hand(&self) -> impl Iterator<Item = &Held> {
        self.waiting.iter().chain(self.work.unsettled())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lam_c4_keys_spread_evenly_over_lanes_and_each_stays_in_one() {
        for factor in [1, 2, 5, 10] {
            let mut counts = vec![0_u32; factor as usize];
            (0..100_000).for_each(|key| counts[lane_of(key, factor) as usize] += 1);
            let even = 100_000 / factor;
            assert!(counts.iter().all(|count| count.abs_diff(even) < even / 20), "{counts:?}");
        }
    }
}
