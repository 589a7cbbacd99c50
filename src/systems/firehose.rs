//! Amazon Data Firehose with a Kinesis source: it polls every shard once a second (FH-S2), buffers by size and
//! interval, whichever is met first (FH-B1), and writes objects.

pub mod settings;

use crate::engine::sampler::Sampler;
use crate::engine::time::{MICROSECOND, MINUTE, Nanos};
use crate::systems::kinesis::log::{Micros, Record};
use crate::systems::kinesis::poll_grid::PollPlan;

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
    /// Interval hint (FH-B2).
    pub interval: Nanos,
    /// Scope of a buffer.
    pub per: BufferPer,
    /// Bytes added to each record in the object (FH-F4).
    pub delimiter_bytes: u32,
    /// Object size as a share of the buffered bytes (FH-B11); 1 without compression.
    pub compression: f64,
    /// Prefix of the object names (FH-O1).
    pub prefix: String,
    /// End of the object names.
    pub extension: String,
    /// Duration of an S3 PUT, nanoseconds.
    pub put: Sampler,
}

impl FirehosePlan {
    /// PUT-class requests of one object: intervals under 60 s use multipart uploads (FH-B9: create, one part, complete).
    pub fn requests_per_object(&self) -> u64 {
        if self.interval < MINUTE { 3 } else { 1 }
    }
}

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
}

impl Batch {
    fn clear(&mut self) {
        self.records.clear();
        self.marks.clear();
        self.bytes = 0;
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
    timer: bool,
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
}

/// What a delivery stream did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FirehoseMeter {
    /// Records delivered to S3.
    pub delivered: u64,
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
    per: BufferPer,
    delimiter_bytes: u32,
    buffers: Vec<Buffer>,
    pool: Vec<Batch>,
    /// What it counted.
    pub meter: FirehoseMeter,
}

impl Firehose {
    /// A delivery stream that has read nothing yet, over a stream of `shards` shards.
    pub fn new(number: usize, plan: &FirehosePlan, shards: usize) -> Self {
        let buffers = if plan.per == BufferPer::Shard { shards } else { 1 };
        Self {
            number: number as u32,
            size: plan.size,
            interval: plan.interval,
            per: plan.per,
            delimiter_bytes: plan.delimiter_bytes,
            buffers: vec![Buffer::default(); buffers],
            pool: Vec::new(),
            meter: FirehoseMeter::default(),
        }
    }

    /// Buffers what one poll of a shard returned. Full buffers come out as objects; the return value is the buffer whose
    /// interval timer has to be set, and for when.
    pub fn take(
        &mut self,
        now: Nanos,
        shard: usize,
        records: &[Record],
        objects: &mut Vec<Object>,
    ) -> Option<(u32, Nanos)> {
        let index = if self.per == BufferPer::Shard { shard } else { 0 };
        let polled = now / MICROSECOND;
        let mut rest = records;
        // Record by record up to the one that fills the buffer, but each step for all of them at once.
        while !rest.is_empty() {
            let buffer = &mut self.buffers[index];
            if buffer.batch.records.is_empty() {
                buffer.opened = now;
            }
            let fills = |record: &Record| {
                buffer.batch.bytes += u64::from(record.bytes + self.delimiter_bytes);
                buffer.batch.bytes >= self.size
            };
            let run = rest.iter().position(fills).map_or(rest.len(), |last| last + 1);
            let held = |record: &Record| Held { written: record.written, appended: record.appended };
            buffer.batch.records.extend(rest[..run].iter().map(held));
            self.meter.count(&rest[..run]);
            if buffer.batch.bytes >= self.size {
                self.mark(index, polled);
                self.flush(now, index, FlushReason::Size, objects);
            }
            rest = &rest[run..];
        }
        self.mark(index, polled);
        let buffer = &mut self.buffers[index];
        if buffer.batch.records.is_empty() || buffer.timer {
            return None;
        }
        buffer.timer = true;
        Some((index as u32, buffer.opened + self.interval))
    }

    fn mark(&mut self, index: usize, polled: Micros) {
        let batch = &mut self.buffers[index].batch;
        let end = batch.records.len() as u32;
        if batch.marks.last().map_or(0, |mark| mark.end) < end {
            batch.marks.push(Mark { end, polled });
        }
    }

    /// The interval timer of a buffer: flushes it if its first record has waited long enough, and returns when to
    /// look again if a later record opened it anew.
    pub fn look(&mut self, now: Nanos, index: u32, objects: &mut Vec<Object>) -> Option<Nanos> {
        let buffer = &mut self.buffers[index as usize];
        buffer.timer = false;
        if buffer.batch.records.is_empty() {
            return None;
        }
        let due = buffer.opened + self.interval;
        if due > now {
            buffer.timer = true;
            return Some(due);
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
        let fresh = self.pool.pop().unwrap_or_default();
        let buffer = &mut self.buffers[index];
        objects.push(Object {
            firehose: self.number,
            buffer: index as u32,
            batch: std::mem::replace(&mut buffer.batch, fresh),
            opened: buffer.opened,
            flushed: now,
            reason,
        });
    }

    /// Makes room for shards up to this many.
    pub fn extend(&mut self, shards: usize) {
        if self.per == BufferPer::Shard {
            self.buffers.resize(shards.max(self.buffers.len()), Buffer::default());
        }
    }

    /// Counts a delivered batch and keeps its memory for the next one.
    pub fn delivered(&mut self, mut batch: Batch) {
        self.meter.delivered += batch.records.len() as u64;
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
    use crate::engine::time::SECOND;
    use crate::systems::kinesis::poll_grid::PollPhase;

    fn firehose(size: u64, interval: Nanos) -> Firehose {
        let plan = FirehosePlan {
            name: "lake".into(),
            stream: 0,
            polls: PollPlan { interval: SECOND, phase: PollPhase::Staggered(0) },
            size,
            interval,
            per: BufferPer::Shard,
            delimiter_bytes: 0,
            compression: 1.0,
            prefix: String::new(),
            extension: String::new(),
            put: Sampler::Constant(0.0),
        };
        Firehose::new(0, &plan, 2)
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
