//! Where the time of a record goes on its way to a function.

use super::batch::Held;
use crate::systems::kinesis::log::Micros;

/// The moments of a settled batch, from which latencies follow; microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moments {
    /// When the lane was free to gather the batch.
    pub free: Micros,
    /// When the batch was complete.
    pub cut: Micros,
    /// When the last try was due.
    pub begun: Micros,
    /// When it was let in.
    pub started: Micros,
    /// When its environment was ready.
    pub warm: Micros,
    /// When it ended.
    pub ended: Micros,
    /// The pause in which the shard was being found, before its first read: from, to.
    pub pause: (Micros, Micros),
}

impl Moments {
    /// The parts of one record's latency, which add up to the time from its write to the end of the run: propagation,
    /// polling, window, queueing, retry, concurrency, cold start, execution, rollover. Of the time since its arrival, tries in its
    /// lane were refused for want of concurrency, and earlier batches tried again, for so long as `held_back` says: what these
    /// waited for, it waited for too.
    pub fn parts(&self, held: &Held, held_back: [u64; 2]) -> [u64; 9] {
        let record = &held.record;
        let polling = held.came - record.appended - held.stalled;
        let (from, to) = self.pause;
        let rollover = to.saturating_sub(from.max(record.appended)).min(polling);
        // Before the lane was free, the record waited for it; after that, for the batch to be complete.
        let gathered = held.came.max(self.free.min(self.cut));
        let queueing = held.stalled + gathered - held.came;
        let own = self.started - self.begun;
        let [refused, retried] = held_back;
        let refused = refused.saturating_sub(own).min(queueing);
        let retried = retried.min(queueing - refused);
        [
            record.appended - record.written,
            polling - rollover,
            self.cut - gathered,
            queueing - refused - retried,
            self.begun - self.cut + retried,
            own + refused,
            self.warm - self.started,
            self.ended - self.warm,
            rollover,
        ]
    }
}

/// Names of the [parts](Moments::parts). The last one is for readers of DynamoDB streams.
pub const PARTS: [&str; 9] = [
    "propagation",
    "polling",
    "window",
    "queueing",
    "retry",
    "concurrency",
    "cold_start",
    "execution",
    "rollover",
];

/// Names of the parts that readers of Kinesis streams have.
pub const PARTS_OF_KINESIS: &[&str] = PARTS.split_at(8).0;
