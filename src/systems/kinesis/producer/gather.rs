//! An application's own gathering of records for the SDK's calls; and the Kinesis Agent, which works the same way.

use std::collections::VecDeque;

use super::Outbox;
use super::aggregate::Content;
use super::plan::GatherPlan;
use super::record::{Parcel, UserRecord};
use crate::engine::slab::Slab;
use crate::engine::time::Nanos;

/// Records that wait for a call, oldest first.
#[derive(Clone, Debug)]
pub struct Gatherer {
    records_max: u32,
    bytes_max: u64,
    linger: Nanos,
    waiting: VecDeque<Waiting>,
    bytes: u64,
    /// The look that is asked for already, unless it lies in the past.
    look: Nanos,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    handle: u32,
    bytes: u32,
    since: Nanos,
}

impl Gatherer {
    /// An empty one.
    pub fn new(plan: &GatherPlan) -> Self {
        Self {
            records_max: plan.records_max,
            bytes_max: u64::from(plan.bytes_max),
            linger: plan.linger,
            waiting: VecDeque::new(),
            bytes: 0,
            look: 0,
        }
    }

    /// Takes a record up.
    pub fn add(
        &mut self,
        now: Nanos,
        handle: u32,
        content: &Content,
        _: &mut Slab<UserRecord>,
        out: &mut Outbox,
    ) {
        let bytes = content.data + content.key_bytes;
        self.bytes += u64::from(bytes);
        self.waiting.push_back(Waiting { handle, bytes, since: now });
        self.ask(now, out);
    }

    /// Asks to be looked at when the oldest record has waited long enough.
    fn ask(&mut self, now: Nanos, out: &mut Outbox) {
        if let Some(oldest) = self.waiting.front()
            && !self.full()
            && self.look <= now
        {
            self.look = oldest.since + self.linger;
            if self.look > now {
                out.looks.push((self.look, 0));
            }
        }
    }

    fn full(&self) -> bool {
        self.waiting.len() >= self.records_max as usize || self.bytes >= self.bytes_max
    }

    /// The next call, if enough waits or the oldest has waited long enough.
    pub fn next_call(
        &mut self,
        now: Nanos,
        _: &Slab<UserRecord>,
        call: &mut Vec<Parcel>,
        out: &mut Outbox,
    ) -> bool {
        let Some(oldest) = self.waiting.front() else { return false };
        if !self.full() && oldest.since + self.linger > now {
            self.ask(now, out);
            return false;
        }
        let mut bytes = 0;
        while let Some(next) = self.waiting.front().copied() {
            bytes += u64::from(next.bytes);
            let fits = call.len() < self.records_max as usize && bytes <= self.bytes_max;
            if !fits && !call.is_empty() {
                break;
            }
            self.waiting.pop_front();
            self.bytes -= u64::from(next.bytes);
            call.push(Parcel::single(next.handle, next.bytes));
        }
        self.ask(now, out);
        true
    }
}
