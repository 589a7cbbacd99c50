//! Where the time of a record goes on its way to a function.

use super::batch::Held;
use super::held_back::HeldBack;
use crate::systems::kinesis::log::Micros;

/// The moments of a settled batch, from which latencies follow; microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moments {
    /// When the lane was free to gather the batch.
    pub free: Micros,
    /// When the batch was complete.
    pub cut: Micros,
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
    /// polling, window, queueing, retry, concurrency, cold start, execution, rollover. What earlier batches of its lane waited for,
    /// it waited for too: while they were refused for want of concurrency, that; while they were tried again, that. Each
    /// microsecond is in one part.
    pub fn parts(&self, held: &Held, back: &HeldBack) -> [u64; 9] {
        let record = &held.record;
        let polling = held.came - record.appended - held.stalled;
        let (from, to) = self.pause;
        let rollover = to.saturating_sub(from.max(record.appended)).min(polling);
        // Before the lane was free, the record waited for it; after that, for the batch to be complete.
        let gathered = held.came.max(self.free.min(self.cut));
        let queueing = held.stalled + gathered - held.came;
        let behind = back.behind_others(record.appended, held.came, gathered);
        // Where there were too many stretches to keep apart, they are known roughly.
        let refused = behind.refused.min(queueing);
        let retried = behind.retried.min(queueing - refused);
        let tried = self.started - self.cut;
        let own = back.refused_between(self.cut, self.started).min(tried);
        [
            record.appended - record.written,
            polling - rollover,
            self.cut - gathered,
            queueing - refused - retried,
            tried - own + retried,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::{MICROSECOND, Nanos, SECOND};
    use crate::systems::kinesis::log::Record;
    use crate::systems::stalls::Stalls;

    const SECONDS: Micros = SECOND / MICROSECOND;

    /// A lane whose first batch was complete at second 10, was refused until 12, failed at 13, was due again at 14, was refused
    /// until 17 and ended at 18; the second one failed at 20 and ended at 21.
    fn lane() -> HeldBack {
        let mut back = HeldBack::default();
        let at = |second: Nanos| second * SECOND;
        back.note_refused(at(10), at(12), None, None);
        back.note_refused(at(14), at(17), Some(at(13)), None);
        back.note_retried(at(13), at(18), None);
        back.note_retried(at(20), at(21), None);
        back
    }

    fn held(appended: Micros, stalled: Micros, came: Micros) -> Held {
        let appended = appended * SECONDS;
        let record = Record { written: appended, appended, bytes: 1, key: 0, flags: 0 };
        Held { record, stalled: stalled * SECONDS, came: came * SECONDS }
    }

    /// Propagation, polling, window, queueing, retry, concurrency, cold start, execution and rollover in seconds.
    fn parts(held: Held, [free, cut, started, ended]: [Micros; 4], back: &HeldBack) -> [u64; 9] {
        let moments = Moments {
            free: free * SECONDS,
            cut: cut * SECONDS,
            started: started * SECONDS,
            warm: started * SECONDS,
            ended: ended * SECONDS,
            pause: (0, 0),
        };
        let parts = moments.parts(&held, back);
        assert_eq!(parts.iter().sum::<u64>(), ended * SECONDS - held.record.written);
        parts.map(|part| part / SECONDS)
    }

    /// Refused from 10 to 12 and from 14 to 17; the rest of what lies before its last try is the failed one and the wait after it.
    #[test]
    fn a_batch_that_was_refused_and_failed_waited_for_concurrency_and_for_its_retry_one_after_the_other() {
        assert_eq!(parts(held(8, 0, 9), [0, 10, 17, 18], &lane()), [0, 1, 1, 0, 2, 5, 0, 1, 0]);
    }

    /// It came at 6, and the lane had its first batch from 10 to 18: all of that is spent as that batch spent it. Then the
    /// second batch took from 18 to 21, the last second of it for a retry.
    #[test]
    fn a_record_behind_others_waits_for_what_they_waited_for_and_no_longer() {
        let expected = [0, 1, 0, 4 + 1, 1 + 1, 2 + 3, 0, 1, 0];
        assert_eq!(parts(held(5, 0, 6), [18, 18, 18, 19], &lane()), expected);
        assert_eq!(parts(held(15, 0, 16), [21, 21, 21, 22], &lane()), [0, 1, 0, 2, 1 + 1, 1, 0, 1, 0]);
        // From when it came on nobody is refused and nothing is tried again.
        assert_eq!(parts(held(11, 0, 18), [20, 20, 20, 21], &lane()), [0, 7, 0, 2, 0, 0, 0, 1, 0]);
    }

    /// It arrived at 9. The shard was not read from 11 to 16 for want of room: one second refused, one run that failed, one wait
    /// for its retry and two refused. From 16 to 18 it waited in its lane: one refused, one of the retry.
    #[test]
    fn what_was_not_read_for_want_of_room_waited_for_what_the_lane_did_then() {
        let mut stalls = Stalls::default();
        stalls.note(11 * SECONDS, 16 * SECONDS);
        let mut back = lane();
        back.while_unread(&stalls);
        assert_eq!(parts(held(9, 5, 16), [18, 18, 18, 19], &back), [0, 2, 0, 1, 1 + 1, 1 + 2 + 1, 0, 1, 0]);
    }
}
