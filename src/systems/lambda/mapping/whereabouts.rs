//! Where one record lies in a mapping's hands, for whoever follows it.

use super::Mapping;
use crate::engine::time::{MICROSECOND, Nanos};
use crate::systems::kinesis::log::Record;
use crate::systems::lambda::lane::State;

/// Where a record lies, and how it came there. Moments that it has not reached are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// When it was read, as long as it is on its way to the function.
    pub polled: Option<Nanos>,
    /// How much of the time until it was read nothing was read, because earlier batches left no room.
    pub stalled: Nanos,
    /// When it came.
    pub came: Option<Nanos>,
    /// When its batch was complete.
    pub cut: Option<Nanos>,
    /// When the invocation that runs with it was let in, and the time that its environment took to start.
    pub running: Option<(Nanos, Nanos)>,
    /// Since when the invocation that runs with it was due.
    pub begun: Option<Nanos>,
    /// Records read, gathered or invoked together with it, itself among them.
    pub records: usize,
    /// How often its batch, or the part of it that it is in, was tried.
    pub tries: u32,
    /// Records of the same part that lie before it.
    pub ahead: usize,
    /// Bytes of an event with all records of the part.
    pub payload: u64,
}

impl Mapping {
    /// Where a record of this shard lies; nothing if it is not in the mapping's hands.
    pub fn whereabouts(&self, shard: usize, record: &Record) -> Option<Whereabouts> {
        let hand = &self.hands[shard];
        if hand.fetched.contains(record) {
            let (polled, records) = (Some(hand.polled), hand.fetched.len());
            let stalled = hand.stalls.since(record.appended) * MICROSECOND;
            return Some(Whereabouts { polled, stalled, records, ..Whereabouts::default() });
        }
        let factor = self.plan.factor;
        let lane = &self.lanes[shard * factor as usize + self.plan.lane_of(record.key) as usize];
        if let Some(held) = lane.waiting().iter().find(|held| held.record == *record) {
            let (came, stalled) = (Some(held.came * MICROSECOND), held.stalled * MICROSECOND);
            return Some(Whereabouts {
                came,
                stalled,
                records: lane.waiting().len(),
                ..Whereabouts::default()
            });
        }
        let work = &lane.work;
        let ahead = work.unsettled().iter().position(|held| held.record == *record)?;
        let running = lane.state == State::Running && ahead < work.part().len();
        Some(Whereabouts {
            polled: None,
            stalled: work.unsettled()[ahead].stalled * MICROSECOND,
            came: Some(work.unsettled()[ahead].came * MICROSECOND),
            cut: Some(lane.cut),
            running: running.then_some((lane.started, lane.cold)),
            begun: lane.begun,
            records: work.part().len(),
            tries: work.tries,
            ahead,
            payload: work.part().iter().map(|held| self.plan.batching.payload.bytes(held.record.bytes)).sum(),
        })
    }
}
