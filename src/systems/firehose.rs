//! Amazon Data Firehose: it takes records from a Kinesis stream, whose shards it polls once a second (FH-S2), or from
//! producers (Direct PUT), buffers them by size and interval, whichever is met first (FH-B1), and writes objects.
//!
//! Stages are in AWS's order (FH-S9): records of the producer library come apart, then a function may transform them, then
//! they are partitioned, then converted, then written.

pub mod batch;
mod behind;
pub mod endpoint;
pub mod error_output;
pub mod ingest;
pub mod meter;
pub mod object;
pub mod partitioning;
pub mod plan;
pub mod prefix;
pub mod settings;
pub mod transform;
mod whereabouts;

use crate::engine::random::{Draws, Keyed};
use crate::engine::sampler::Sampler;
use crate::engine::time::{MICROSECOND, Nanos, round};
use crate::systems::kinesis::log::{Micros, Record, flags};
use crate::systems::tolls::Tolls;
pub use batch::{Batch, Held, Mark};
pub use error_output::ErrorOutput;
pub use meter::FirehoseMeter;
pub use object::{FlushReason, Object};
use partitioning::{Partitioning, PartitioningPlan};
pub use plan::{BufferPer, FirehosePlan, FirehoseSource};
pub use whereabouts::Buffered;

/// Steps in which a record's bytes are billed.
const BILLED_STEP_BYTES: u64 = 5 * 1_024;

/// Bytes that are billed for one record of a Direct PUT or Kinesis source (`fh.put`): whole steps of 5 KB, at least
/// one. MSK sources are not rounded.
pub fn billed_bytes(record_bytes: u64) -> u64 {
    record_bytes.max(1).div_ceil(BILLED_STEP_BYTES).saturating_mul(BILLED_STEP_BYTES)
}

/// The largest size hint (FH-B2), and so the largest that a buffer which is behind grows to.
pub const GROWN_MAX: u64 = 128 << 20;

/// Numbers of the buffers for the error prefix: beyond those of any shard or partition.
const ERROR_BUFFERS: usize = 0xff_ff00;

#[derive(Clone, Debug, Default)]
struct Buffer {
    batch: Batch,
    opened: Nanos,
    /// When its first record will have waited long enough.
    due: Nanos,
    /// The moment of the timer that is set.
    timer: Option<Nanos>,
    /// Objects of it that wait for a destination which is down.
    behind: u32,
    /// Objects of it that wait for what a destination takes before them.
    queued: u32,
    /// Whether its interval is over, and it goes on all the same because of those.
    overdue: bool,
    /// The size hint while it is behind (FH-B10).
    grown: u64,
}

/// A delivery stream at work.
#[derive(Clone, Debug)]
pub struct Firehose {
    number: u32,
    /// The size hint of a buffer.
    size: u64,
    /// That of all channels together.
    hint: u64,
    interval: Nanos,
    hold: Option<Sampler>,
    draws: Draws,
    per: BufferPer,
    delimiter_bytes: u32,
    buffers: Vec<Buffer>,
    /// Buffers of records that go to the error prefix, by [`ErrorOutput`].
    errors: [Buffer; ErrorOutput::ALL.len()],
    /// Share of the records whose conversion fails, and the draws for it (FH-F3).
    conversion_failures: Option<(f64, Keyed)>,
    partitioning: Option<Partitioning>,
    counts_copies: bool,
    pool: Vec<Batch>,
    /// What it counted.
    pub meter: FirehoseMeter,
    /// What it lost or set aside, when and why.
    pub tolls: Tolls,
}

impl Firehose {
    /// A delivery stream that has read nothing yet, over a stream of `shards` shards. `draws` are for the time that buffers
    /// are held.
    pub fn new(number: usize, plan: &FirehosePlan, shards: usize, draws: Draws) -> Self {
        let buffers = match (&plan.partitioning, plan.per) {
            (Some(plan), _) => plan.values(),
            (None, BufferPer::Shard) => shards,
            (None, BufferPer::Stream) => 1,
        };
        Self {
            number: number as u32,
            size: plan.size,
            hint: plan.size,
            interval: plan.interval,
            hold: plan.hold.clone(),
            draws,
            per: plan.per,
            delimiter_bytes: plan.delimiter_bytes,
            buffers: vec![Buffer::default(); buffers],
            errors: Default::default(),
            conversion_failures: None,
            partitioning: None,
            counts_copies: false,
            pool: Vec::new(),
            meter: FirehoseMeter::default(),
            tolls: Tolls::default(),
        }
    }

    /// Partitions by an attribute whose values `draws` decide.
    pub fn partition(&mut self, plan: &PartitioningPlan, draws: Keyed) {
        self.partitioning = Some(Partitioning::new(plan, draws));
    }

    /// Lets this share of the records fail to be converted (FH-F3).
    pub fn fail_conversions(&mut self, share: f64, draws: Keyed) {
        self.conversion_failures = (share > 0.0).then_some((share, draws));
    }

    /// Whether each record has to find its own buffer.
    #[inline]
    pub fn sorts(&self) -> bool {
        self.partitioning.is_some() || self.conversion_failures.is_some()
    }

    /// Spreads what comes in over so many channels, each with a buffer of its own and its share of the size hint (FH-Q5).
    pub fn set_channels(&mut self, channels: u32) {
        if self.partitioning.is_some() {
            return;
        }
        self.size = (self.hint / u64::from(channels)).max(1);
        self.extend(channels as usize);
    }

    /// Counts second copies, object by object.
    pub fn count_copies(&mut self) {
        self.counts_copies = true;
    }

    /// Its partitions, if it has any.
    pub fn partitioning(&self) -> Option<&Partitioning> {
        self.partitioning.as_ref()
    }

    /// Buffers what one poll of a shard returned, at `read`, each record in the buffer where it belongs. Full buffers come out
    /// as objects, and those whose interval timer has to be set as timers.
    pub fn take_apart(
        &mut self,
        (now, read): (Nanos, Micros),
        shard: usize,
        records: &[Record],
        objects: &mut Vec<Object>,
        timers: &mut Vec<(u32, Nanos)>,
    ) {
        for record in records {
            let buffer = self.buffer_for(shard, record);
            timers.extend(self.take_read((now, read), buffer, std::slice::from_ref(record), objects));
        }
    }

    /// The buffer of a record: partitioning comes before conversion (FH-S9).
    fn buffer_for(&self, shard: usize, record: &Record) -> usize {
        let found = self.partitioning.as_ref().map_or(Ok(shard), |it| it.partition(record));
        let change = record.identity();
        let fails = |(share, draws): &(f64, Keyed)| draws.unit(change, 0) < *share;
        let found = match &self.conversion_failures {
            Some(chance) if found.is_ok() && fails(chance) => Err(ErrorOutput::FormatConversionFailed),
            _ => found,
        };
        found.unwrap_or_else(Self::error_buffer)
    }

    /// Buffers records that go to the error prefix.
    pub fn take_failed(
        &mut self,
        (now, read): (Nanos, Micros),
        error: ErrorOutput,
        records: &[Record],
        objects: &mut Vec<Object>,
    ) -> Option<(u32, Nanos)> {
        self.take_read((now, read), Self::error_buffer(error), records, objects)
    }

    fn error_buffer(error: ErrorOutput) -> usize {
        ERROR_BUFFERS + error as usize
    }

    fn error_of(index: usize) -> Option<ErrorOutput> {
        index.checked_sub(ERROR_BUFFERS).and_then(|place| ErrorOutput::ALL.get(place).copied())
    }

    #[inline]
    fn buffer_mut(&mut self, index: usize) -> &mut Buffer {
        if index >= ERROR_BUFFERS {
            &mut self.errors[index - ERROR_BUFFERS]
        } else {
            &mut self.buffers[index]
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
        self.take_read((now, now / MICROSECOND), shard, records, objects)
    }

    /// The same for records that were read at another moment; with partitions, `shard` is the number of a partition's buffer.
    pub fn take_read(
        &mut self,
        (now, read): (Nanos, Micros),
        shard: usize,
        records: &[Record],
        objects: &mut Vec<Object>,
    ) -> Option<(u32, Nanos)> {
        let whole = self.per == BufferPer::Stream && self.partitioning.is_none() && shard < ERROR_BUFFERS;
        let index = if whole { 0 } else { shard };
        let (entered, delimiter_bytes, size) = (now / MICROSECOND, self.delimiter_bytes, self.size);
        let mut rest = records;
        // Record by record up to the one that fills the buffer, but each step for all of them at once.
        while !rest.is_empty() {
            self.open(now, index);
            let counts_copies = self.counts_copies;
            let buffer = self.buffer_mut(index);
            let full = size.max(buffer.grown);
            let fills = |record: &Record| {
                buffer.batch.bytes += u64::from(record.bytes + delimiter_bytes);
                buffer.batch.bytes >= full
            };
            let run = rest.iter().position(fills).map_or(rest.len(), |last| last + 1);
            let held = |record: &Record| Held { written: record.written, appended: record.appended };
            buffer.batch.records.extend(rest[..run].iter().map(held));
            if counts_copies {
                let copies = rest[..run].iter().filter(|record| record.flags & flags::COPY != 0);
                buffer.batch.copies += copies.count() as u64;
            }
            if buffer.batch.bytes >= full {
                buffer.batch.mark(read, entered);
                self.flush(now, index, FlushReason::Size, objects);
            }
            rest = &rest[run..];
        }
        let buffer = self.buffer_mut(index);
        buffer.batch.mark(read, entered);
        // A timer that was set for an earlier buffer looks again when it fires; but it must not be too late.
        if buffer.batch.records.is_empty()
            || buffer.overdue
            || buffer.timer.is_some_and(|at| at <= buffer.due)
        {
            return None;
        }
        buffer.timer = Some(buffer.due);
        Some((index as u32, buffer.due))
    }

    /// The clock of an empty buffer starts with its first record: behind a function, when it comes back (FH-B12).
    #[inline]
    fn open(&mut self, now: Nanos, index: usize) {
        if !self.buffer_mut(index).batch.records.is_empty() {
            return;
        }
        let drawn = self.hold.as_ref().map(|hold| round(hold.sample(&mut self.draws)));
        let due = now + drawn.unwrap_or(self.interval);
        let buffer = self.buffer_mut(index);
        (buffer.opened, buffer.due) = (now, due);
        if let Some(partitioning) = &mut self.partitioning {
            partitioning.opened(index);
        }
    }

    /// Counts what was taken from the source, which is billed.
    #[inline]
    pub fn count(&mut self, records: &[Record]) {
        self.meter.count(records);
    }

    /// The interval timer of a buffer: flushes it if its first record has waited long enough, and returns when to
    /// look again if a later record opened it anew.
    pub fn look(&mut self, now: Nanos, index: u32, objects: &mut Vec<Object>) -> Option<Nanos> {
        let buffer = self.buffer_mut(index as usize);
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
        if buffer.goes_on() {
            buffer.overdue = true;
            return None;
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
        let (firehose, size) = (self.number, self.size);
        let buffer = self.buffer_mut(index);
        buffer.overdue = false;
        if reason == FlushReason::Size {
            buffer.grow(size);
        }
        objects.push(Object {
            firehose,
            buffer: index as u32,
            batch: std::mem::replace(&mut buffer.batch, fresh),
            opened: buffer.opened,
            flushed: now,
            reason,
            error: Self::error_of(index),
            waits: false,
            queued: false,
            stored: false,
            staged: false,
        });
    }

    /// Makes room for shards up to this many.
    pub fn extend(&mut self, shards: usize) {
        if self.per == BufferPer::Shard && self.partitioning.is_none() {
            self.buffers.resize(shards.max(self.buffers.len()), Buffer::default());
        }
    }

    /// Counts an object that is given up.
    #[cold]
    pub fn gave_up(&mut self, now: Nanos, object: Object) {
        self.meter.note_loss(now);
        let records = object.batch.records.len() as u64;
        self.meter.undeliverable += records;
        self.tolls.note(now, ("undeliverable", "older than Firehose keeps them"), records);
        self.settled(object);
    }

    /// An object goes to the error prefix, for its destination takes nothing.
    #[cold]
    pub fn failed(&mut self, now: Nanos, object: &mut Object) {
        let error = ErrorOutput::DestinationFailed;
        self.tolls.note(now, (error.fate(), error.cause()), object.batch.records.len() as u64);
        self.meter.note_loss(now);
        object.error = Some(error);
        object.waits = false;
    }

    /// Counts an object that is complete and keeps its memory for the next one.
    pub fn delivered(&mut self, now: Nanos, object: Object) {
        let records = object.batch.records.len() as u64;
        match object.error {
            None => self.meter.delivered += records,
            Some(error) => {
                self.meter.failed[error as usize] += records;
                if error != ErrorOutput::DestinationFailed {
                    self.tolls.note(now, (error.fate(), error.cause()), records);
                }
            }
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
        self.buffers.iter().chain(&self.errors).any(|buffer| buffer.batch.records.iter().any(&such))
    }

    /// When the oldest record that waits in buffers had come, by walking them.
    pub fn oldest_buffered(&self) -> Option<Micros> {
        let buffers = self.buffers.iter().chain(&self.errors);
        buffers.filter_map(|buffer| buffer.batch.oldest_arrival()).min()
    }

    /// Records that wait in buffers, by walking them.
    pub fn buffered(&self) -> u64 {
        let buffers = self.buffers.iter().chain(&self.errors);
        buffers.map(|buffer| buffer.batch.records.len() as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::Streams;
    use crate::engine::time::SECOND;

    fn firehose(size: u64, interval: Nanos) -> Firehose {
        let plan = FirehosePlan { size, interval, ..FirehosePlan::to_s3("lake", 0) };
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
    fn fh_o6_within_a_buffer_records_lie_in_the_order_of_their_arrival() {
        let (mut lake, mut objects) = (firehose(100 * 40, 60 * SECOND), Vec::new());
        for read in 0..10_u64 {
            let record =
                |at: u64| Record { written: 0, appended: at, bytes: 100, key: (at % 3) as u32, flags: 0 };
            let records: Vec<Record> = (read * 13..(read + 1) * 13).map(record).collect();
            lake.take(read * SECOND, 0, &records, &mut objects);
        }
        let arrivals: Vec<Vec<u64>> = objects
            .iter()
            .map(|object| object.batch.records.iter().map(|held| held.appended).collect())
            .collect();
        assert_eq!(arrivals, [(0..40).collect::<Vec<_>>(), (40..80).collect(), (80..120).collect()]);
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
