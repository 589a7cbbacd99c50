//! A buffer whose delivery lags: it grows until delivery has caught up (FH-B10).
//!
//! Objects wait for a destination that is down, and is tried again and again; or for one that is slow, while it takes what came before
//! them: one COPY after the other, bytes at its own rate, requests at the rate that S3 takes.

use super::{Buffer, Firehose, FlushReason, GROWN_MAX, Object};
use crate::engine::time::Nanos;

impl Buffer {
    /// Whether objects of it wait.
    pub(super) fn lags(&self) -> bool {
        self.behind > 0 || self.queued > 0
    }

    /// The size hint grows with each flush by size meanwhile.
    pub(super) fn grow(&mut self, size: u64) {
        if self.lags() {
            self.grown = (size.max(self.grown) * 2).min(GROWN_MAX.max(size));
        }
    }

    /// Whether its interval, which is over, ends nothing: what it holds would only wait in line, and goes on growing instead. A
    /// destination that is down gets its buffers by the interval as ever, since each is given up by its own clock.
    pub(super) fn goes_on(&self) -> bool {
        self.queued > 0 && self.behind == 0
    }

    fn caught_up(&mut self) {
        if !self.lags() {
            self.grown = 0;
        }
    }
}

impl Firehose {
    /// An object finds the destination down: its buffer is behind.
    #[cold]
    pub fn fell_behind(&mut self, buffer: u32) {
        self.buffer_mut(buffer as usize).behind += 1;
    }

    /// An object waits no more for a destination that was down.
    #[cold]
    pub fn caught_up(&mut self, buffer: u32) {
        let buffer = self.buffer_mut(buffer as usize);
        buffer.behind -= 1;
        buffer.caught_up();
    }

    /// An object has to wait for what the destination takes before it.
    #[cold]
    pub fn queued(&mut self, buffer: u32) {
        self.buffer_mut(buffer as usize).queued += 1;
    }

    /// Such an object is done with. A buffer whose interval was over meanwhile is flushed once none of its objects waits any more.
    #[cold]
    pub fn unqueued(&mut self, now: Nanos, buffer: u32, objects: &mut Vec<Object>) {
        let place = self.buffer_mut(buffer as usize);
        place.queued -= 1;
        place.caught_up();
        if place.overdue && !place.goes_on() {
            self.meter.timers += 1;
            self.flush(now, buffer as usize, FlushReason::Interval, objects);
        }
    }

    /// Records in buffers whose objects wait, by walking them: with a destination that is too slow these grow without end.
    pub fn held_up(&self) -> u64 {
        let buffers = self.buffers.iter().chain(&self.errors).filter(|buffer| buffer.lags());
        buffers.map(|buffer| buffer.batch.records.len() as u64).sum()
    }
}
