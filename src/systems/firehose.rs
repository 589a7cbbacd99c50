//! Amazon Data Firehose with a Kinesis source: it polls every shard once a second (FH-S2), buffers by size and
//! interval, whichever is met first (FH-B1), and writes objects.

pub mod partitioning;
pub mod settings;
mod whereabouts;

use crate::engine::random::{Draws, Keyed};
use crate::engine::sampler::Sampler;
use crate::engine::time::{MICROSECOND, MINUTE, Nanos, round};
use crate::systems::kinesis::log::{Micros, Record, flags};
use crate::systems::kinesis::poll_grid::PollPlan;
use partitioning::{ErrorOutput, Partitioning, PartitioningPlan};
pub use whereabouts::Buffered;

/// Steps in which a record's bytes are billed.
const BILLED_STEP_BYTES: u64 = 5 * 1_024;

/// Bytes that are billed for one record of a Direct PUT or Kinesis source (`fh.put`): whole steps of 5 KB, at least
/// one. MSK sources are not rounded.
pub fn billed_bytes(record_bytes: u64) -> u64 {
    record_bytes.max(1).div_ceil(BILLED_STEP_BYTES).saturating_mul(BILLED_STEP_BYTES)
}

/// What one buffer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BufferPer {
    /// One buffer a shard, as AWS does it (FH-B3).
    Shard,
    /// One buffer for the whole stream: for comparisons.
    Stream,
}

/// A delivery stream as the scenario describes it, checked.
#[derive(Clone, Debug)]
pub struct FirehosePlan {
    /// Its name in the scenario.
    pub name: String,
    /// Number of the stream it reads.
    pub stream: usize,
    /// When it polls.
    pub polls: PollPlan,
    /// Size hint in bytes before compression (FH-B2, FH-B11).
    pub size: u64,
    /// Interval hint (FH-B2); 0 is zero buffering (FH-B8).
    pub interval: Nanos,
    /// For how long a buffer is really held, nanoseconds, where that is not the interval: with zero buffering
    /// (FH-B8), and with dynamic partitioning (FH-D4).
    pub hold: Option<Sampler>,
    /// Scope of a buffer.
    pub per: BufferPer,
    /// Bytes added to each record in the object (FH-F4).
    pub delimiter_bytes: u32,
    /// Object size as a share of the buffered bytes (FH-B11, FH-F2); 1 without compression and format conversion.
    pub compression: f64,
    /// Whether records are converted to a columnar format (FH-F1), which is billed.
    pub converts: bool,
    /// Dynamic partitioning: then a buffer is for a partition, over the whole stream (FH-B3).
    pub partitioning: Option<PartitioningPlan>,
    /// Prefix of the object names (FH-O1).
    pub prefix: String,
    /// End of the object names.
    pub extension: String,
    /// Duration of an S3 PUT, nanoseconds.
    pub put: Sampler,
    /// Time between two attempts to store an object while the destination is down.
    pub retry_wait: Nanos,
    /// Probability that an upload is taken for failed though its object is stored (FH-O5).
    pub late_success: f64,
}

impl FirehosePlan {
    /// PUT-class requests of one object: intervals under 60 s use multipart uploads (FH-B9: create, one part, complete).
    pub fn requests_per_object(&self) -> u64 {
        if self.interval < MINUTE { 3 } else { 1 }
    }
}

/// The largest size hint (FH-B2), and so the largest that a buffer which is behind grows to.
const GROWN_MAX: u64 = 128 << 20;

/// Why a buffer was flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushReason {
    /// It held the hinted size.
    Size,
    /// Its first record had waited for the interval.
    Interval,
}

/// A record in a buffer: what its delivery needs to know of it.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// When the change was meant to be written.
    pub written: Micros,
    /// When the shard accepted it.
    pub appended: Micros,
}

/// Records that came in one poll: those before `end` in the buffer, unless an earlier mark has them.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    /// One past the last of them.
    pub end: u32,
    /// When they were read.
    pub polled: Micros,
}

/// A buffer on its way to become an object.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The records, in the order in which they came.
    pub records: Vec<Held>,
    /// Their polls.
    pub marks: Vec<Mark>,
    /// Their bytes, delimiters included, before compression.
    pub bytes: u64,
    /// Those that are second copies of others, where that is counted.
    pub copies: u64,
}

impl Batch {
    fn clear(&mut self) {
        self.records.clear();
        self.marks.clear();
        self.bytes = 0;
        self.copies = 0;
    }

    /// The approximate arrival time of the oldest record, by which the object is named (FH-O3).
    pub fn oldest_arrival(&self) -> Option<Micros> {
        self.records.iter().map(|held| held.appended).min()
    }
}

#[derive(Clone, Debug, Default)]
struct Buffer {
    batch: Batch,
    opened: Nanos,
    /// When its first record will have waited long enough.
    due: Nanos,
    /// The moment of the timer that is set.
    timer: Option<Nanos>,
    /// Objects of it that wait for the destination.
    behind: u32,
    /// The size hint while it is behind (FH-B10).
    grown: u64,
}

/// An object being uploaded.
#[derive(Clone, Debug)]
pub struct Object {
    /// Number of the delivery stream.
    pub firehose: u32,
    /// Number of the buffer it came from: the shard, when buffers are per shard.
    pub buffer: u32,
    /// What is in it.
    pub batch: Batch,
    /// When the buffer got its first record.
    pub opened: Nanos,
    /// When the buffer was flushed.
    pub flushed: Nanos,
    /// Why.
    pub reason: FlushReason,
    /// What is wrong with its records: then it goes to the error prefix.
    pub error: Option<ErrorOutput>,
    /// Whether an attempt found the destination down, and the next one is still to come.
    pub waits: bool,
    /// Whether a copy of it is stored by an attempt that was taken for failed (FH-O5).
    pub stored: bool,
}

/// What a delivery stream did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FirehoseMeter {
    /// Records delivered to S3.
    pub delivered: u64,
    /// Records written to the error prefix, by [`ErrorOutput`].
    pub failed: [u64; ErrorOutput::ALL.len()],
    /// Records given up after the destination was down for too long (FH-R1).
    pub undeliverable: u64,
    /// Records stored once more by uploads that were repeated after a late success (FH-O5).
    pub repeated: u64,
    /// Attempts that found the destination down.
    pub failed_attempts: u64,
    /// Buffers flushed by size.
    pub by_size: u64,
    /// Buffers flushed by interval.
    pub by_interval: u64,
    /// Bytes taken from the source.
    pub bytes: u64,
    /// Bytes taken, each record rounded up to 5 KB: what is billed.
    pub billed_bytes: u64,
    /// Interval timers that found a buffer to flush.
    pub timers: u64,
}

impl FirehoseMeter {
    #[inline]
    fn count(&mut self, records: &[Record]) {
        let bytes = || records.iter().map(|record| u64::from(record.bytes));
        self.bytes += bytes().sum::<u64>();
        self.billed_bytes += bytes().map(billed_bytes).sum::<u64>();
    }
}

/// A delivery stream at work.
#[derive(Clone, Debug)]
pub struct Firehose {
    number: u32,
    size: u64,
    interval: Nanos,
    hold: Option<Sampler>,
    draws: Draws,
    per: BufferPer,
    delimiter_bytes: u32,
    buffers: Vec<Buffer>,
    partitioning: Option<Partitioning>,
    counts_copies: bool,
    pool: Vec<Batch>,
    /// What it counted.
    pub meter: FirehoseMeter,
}

impl Firehose {
    /// A delivery stream that has read nothing yet, over a stream of `shards` shards. `draws` are for the time that buffers
    /// are held.
    pub fn new(number: usize, plan: &FirehosePlan, shards: usize, draws: Draws) -> Self {
        let buffers = match (&plan.partitioning, plan.per) {
            (Some(plan), _) => plan.values() + ErrorOutput::ALL.len(),
            (None, BufferPer::Shard) => shards,
            (None, BufferPer::Stream) => 1,
        };
        Self {
            number: number as u32,
            size: plan.size,
            interval: plan.interval,
            hold: plan.hold.clone(),
            draws,
            per: plan.per,
            delimiter_bytes: plan.delimiter_bytes,
            buffers: vec![Buffer::default(); buffers],
            partitioning: None,
            counts_copies: false,
            pool: Vec::new(),
            meter: FirehoseMeter::default(),
        }
    }

    /// Partitions by an attribute whose values `draws` decide.
    pub fn partition(&mut self, plan: &PartitioningPlan, draws: Keyed) {
        self.partitioning = Some(Partitioning::new(plan, draws));
    }

    /// Counts second copies, object by object.
    pub fn count_copies(&mut self) {
        self.counts_copies = true;
    }

    /// Its partitions, if it has any.
    pub fn partitioning(&self) -> Option<&Partitioning> {
        self.partitioning.as_ref()
    }

    /// Buffers what one poll returned, each record in the buffer of its partition. Full buffers come out as objects, and
    /// those whose interval timer has to be set as timers.
    pub fn take_apart(
        &mut self,
        now: Nanos,
        records: &[Record],
        objects: &mut Vec<Object>,
        timers: &mut Vec<(u32, Nanos)>,
    ) {
        for record in records {
            let Some(partitioning) = &self.partitioning else { return };
            let found = partitioning.partition(record);
            let buffer = found.unwrap_or_else(|error| partitioning.error_buffer(error));
            timers.extend(self.take(now, buffer, std::slice::from_ref(record), objects));
        }
    }

    /// Buffers what one poll of a shard returned; with partitions, `shard` is the number of a partition's buffer. Full buffers come out as objects; the return value is the buffer whose
    /// interval timer has to be set, and for when.
    pub fn take(
        &mut self,
        now: Nanos,
        shard: usize,
        records: &[Record],
        objects: &mut Vec<Object>,
    ) -> Option<(u32, Nanos)> {
        let whole = self.per == BufferPer::Stream && self.partitioning.is_none();
        let index = if whole { 0 } else { shard };
        let polled = now / MICROSECOND;
        let mut rest = records;
        // Record by record up to the one that fills the buffer, but each step for all of them at once.
        while !rest.is_empty() {
            let buffer = &mut self.buffers[index];
            if buffer.batch.records.is_empty() {
                buffer.opened = now;
                let drawn = self.hold.as_ref().map(|hold| round(hold.sample(&mut self.draws)));
                buffer.due = now + drawn.unwrap_or(self.interval);
                if let Some(partitioning) = &mut self.partitioning {
                    partitioning.opened(index);
                }
            }
            let fills = |record: &Record| {
                buffer.batch.bytes += u64::from(record.bytes + self.delimiter_bytes);
                buffer.batch.bytes >= self.size.max(buffer.grown)
            };
            let run = rest.iter().position(fills).map_or(rest.len(), |last| last + 1);
            let held = |record: &Record| Held { written: record.written, appended: record.appended };
            buffer.batch.records.extend(rest[..run].iter().map(held));
            if self.counts_copies {
                let copies = rest[..run].iter().filter(|record| record.flags & flags::COPY != 0);
                buffer.batch.copies += copies.count() as u64;
            }
            self.meter.count(&rest[..run]);
            if buffer.batch.bytes >= self.size.max(buffer.grown) {
                self.mark(index, polled);
                self.flush(now, index, FlushReason::Size, objects);
            }
            rest = &rest[run..];
        }
        self.mark(index, polled);
        let buffer = &mut self.buffers[index];
        // A timer that was set for an earlier buffer looks again when it fires; but it must not be too late.
        if buffer.batch.records.is_empty() || buffer.timer.is_some_and(|at| at <= buffer.due) {
            return None;
        }
        buffer.timer = Some(buffer.due);
        Some((index as u32, buffer.due))
    }

    fn mark(&mut self, index: usize, polled: Micros) {
        let batch = &mut self.buffers[index].batch;
        let end = batch.records.len() as u32;
        match batch.marks.last_mut() {
            Some(mark) if mark.end == end => {}
            Some(mark) if mark.polled == polled => mark.end = end,
            _ if end == 0 => {}
            _ => batch.marks.push(Mark { end, polled }),
        }
    }

    /// The interval timer of a buffer: flushes it if its first record has waited long enough, and returns when to
    /// look again if a later record opened it anew.
    pub fn look(&mut self, now: Nanos, index: u32, objects: &mut Vec<Object>) -> Option<Nanos> {
        let buffer = &mut self.buffers[index as usize];
        if buffer.timer.is_some_and(|at| at > now) {
            return None;
        }
        buffer.timer = None;
        if buffer.batch.records.is_empty() {
            return None;
        }
        if buffer.due > now {
            buffer.timer = Some(buffer.due);
            return buffer.timer;
        }
        self.meter.timers += 1;
        self.flush(now, index as usize, FlushReason::Interval, objects);
        None
    }

    fn flush(&mut self, now: Nanos, index: usize, reason: FlushReason, objects: &mut Vec<Object>) {
        match reason {
            FlushReason::Size => self.meter.by_size += 1,
            FlushReason::Interval => self.meter.by_interval += 1,
        }
        let error = self.partitioning.as_ref().and_then(|partitioning| partitioning.error_of(index));
        let fresh = self.pool.pop().unwrap_or_default();
        let buffer = &mut self.buffers[index];
        if buffer.behind > 0 && reason == FlushReason::Size {
            buffer.grown = (self.size.max(buffer.grown) * 2).min(GROWN_MAX.max(self.size));
        }
        objects.push(Object {
            firehose: self.number,
            buffer: index as u32,
            batch: std::mem::replace(&mut buffer.batch, fresh),
            opened: buffer.opened,
            flushed: now,
            reason,
            error,
            waits: false,
            stored: false,
        });
    }

    /// Makes room for shards up to this many.
    pub fn extend(&mut self, shards: usize) {
        if self.per == BufferPer::Shard && self.partitioning.is_none() {
            self.buffers.resize(shards.max(self.buffers.len()), Buffer::default());
        }
    }

    /// An object waits for the destination: its buffer is behind.
    #[cold]
    pub fn fell_behind(&mut self, buffer: u32) {
        self.buffers[buffer as usize].behind += 1;
    }

    /// An object waits no more.
    #[cold]
    pub fn caught_up(&mut self, buffer: u32) {
        let buffer = &mut self.buffers[buffer as usize];
        buffer.behind -= 1;
        if buffer.behind == 0 {
            buffer.grown = 0;
        }
    }

    /// Counts an object that is given up.
    #[cold]
    pub fn gave_up(&mut self, object: Object) {
        self.meter.undeliverable += object.batch.records.len() as u64;
        self.settled(object);
    }

    /// Counts an object that is complete and keeps its memory for the next one.
    pub fn delivered(&mut self, object: Object) {
        let records = object.batch.records.len() as u64;
        match object.error {
            None => self.meter.delivered += records,
            Some(error) => self.meter.failed[error as usize] += records,
        }
        self.settled(object);
    }

    fn settled(&mut self, object: Object) {
        let Object { mut batch, buffer, .. } = object;
        if let Some(partitioning) = &mut self.partitioning {
            partitioning.delivered(buffer as usize);
        }
        batch.clear();
        self.pool.push(batch);
    }

    /// Whether some buffered record is such a one.
    pub fn any_buffered(&self, such: impl Fn(&Held) -> bool) -> bool {
        self.buffers.iter().any(|buffer| buffer.batch.records.iter().any(&such))
    }

    /// Records that wait in buffers, by walking them.
    pub fn buffered(&self) -> u64 {
        self.buffers.iter().map(|buffer| buffer.batch.records.len() as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::Streams;
    use crate::engine::time::SECOND;
    use crate::systems::kinesis::poll_grid::PollPhase;

    fn firehose(size: u64, interval: Nanos) -> Firehose {
        let plan = FirehosePlan {
            name: "lake".into(),
            stream: 0,
            polls: PollPlan { interval: SECOND, phase: PollPhase::Staggered(0) },
            size,
            interval,
            hold: None,
            per: BufferPer::Shard,
            delimiter_bytes: 0,
            compression: 1.0,
            converts: false,
            partitioning: None,
            prefix: String::new(),
            extension: String::new(),
            put: Sampler::Constant(0.0),
            retry_wait: SECOND,
            late_success: 0.0,
        };
        Firehose::new(0, &plan, 2, Streams::new(1, 0).named("hold"))
    }

    fn records(count: usize) -> Vec<Record> {
        vec![Record { written: 0, appended: 7, bytes: 100, key: 0, flags: 0 }; count]
    }

    #[test]
    fn fh_b1_whichever_of_size_and_interval_is_met_first_flushes() {
        let (mut lake, mut objects) = (firehose(1_000, 60 * SECOND), Vec::new());
        assert_eq!(lake.take(5 * SECOND, 0, &records(9), &mut objects), Some((0, 65 * SECOND)));
        assert!(objects.is_empty());
        assert_eq!(lake.take(6 * SECOND, 0, &records(4), &mut objects), None);
        assert_eq!((objects[0].batch.records.len(), objects[0].reason), (10, FlushReason::Size));
        // The timer was set for the first record of the flushed buffer: it looks again.
        assert_eq!(lake.look(65 * SECOND, 0, &mut objects), Some(66 * SECOND));
        assert_eq!(lake.look(66 * SECOND, 0, &mut objects), None);
        assert_eq!((objects[1].batch.records.len(), objects[1].reason), (3, FlushReason::Interval));
        assert_eq!(objects[1].opened, 6 * SECOND);
    }

    #[test]
    fn fh_b3_shards_fill_buffers_of_their_own() {
        let (mut lake, mut objects) = (firehose(1_000, 60 * SECOND), Vec::new());
        lake.take(0, 0, &records(6), &mut objects);
        lake.take(0, 1, &records(6), &mut objects);
        assert!(objects.is_empty());
        assert_eq!(lake.buffered(), 12);
    }
}
