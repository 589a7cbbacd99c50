//! From the buffer to objects in S3.

use super::Pipeline;
use super::event::{Kind, pack, unpack};
use super::key_bytes::KeyBytes;
use super::transform::Transforming;
use crate::engine::histogram::Histogram;
use crate::engine::random::Draws;
use crate::engine::time::{MICROSECOND, Nanos, SECOND};
use crate::measure::by_hour::ByHour;
use crate::measure::latency::Latency;
use crate::measure::prefixes::Prefixes;
use crate::measure::series::Series;
use crate::systems::athena::StoredObject;
use crate::systems::firehose::endpoint::Endpoint;
use crate::systems::firehose::{ErrorOutput, Firehose, FlushReason, Held, Object};
use crate::systems::kinesis::log::Micros;
use crate::systems::lag::Lag;
use crate::systems::s3::Bucket;

/// Columns of a delivery stream's series.
pub mod column {
    /// `DeliveryToS3.Records`.
    pub const RECORDS: usize = 0;
    /// `DeliveryToS3.Bytes`.
    pub const BYTES: usize = 1;
    /// Objects completed.
    pub const OBJECTS: usize = 2;
    /// `DeliveryToS3.DataFreshness` peak, in microseconds (FH-M1): age of the oldest record, from its arrival in the stream.
    pub const FRESHNESS: usize = 3;
    /// `PartitionCount` (FH-M5): the most partitions active at a time.
    pub const PARTITIONS: usize = 4;
    /// `PartitionCountExceeded` (FH-M5): 1 where a record found too many partitions active.
    pub const EXCEEDED: usize = 5;
    /// `DataReadFromKinesisStream.Records` (FH-M4).
    pub const READ_RECORDS: usize = 6;
    /// `DataReadFromKinesisStream.Bytes` (FH-M4).
    pub const READ_BYTES: usize = 7;
    /// `ThrottledGetRecords` (FH-M4).
    pub const REFUSED: usize = 8;
    /// `KinesisMillisBehindLatest` (FH-M4), in microseconds.
    pub const BEHIND: usize = 9;
    /// `SucceedConversion.Records` (FH-M5), or what went on without a conversion.
    pub const CONVERTED: usize = 10;
    /// `SucceedConversion.Bytes`: before it.
    pub const CONVERTED_BYTES: usize = 11;
    /// `FailedConversion.Records`.
    pub const UNCONVERTED: usize = 12;
    /// `FailedConversion.Bytes`.
    pub const UNCONVERTED_BYTES: usize = 13;
    /// `PerPartitionThroughput` (FH-M5), bytes a second: of the object that was filled fastest.
    pub const PARTITION_BYTES: usize = 14;
    /// How many there are.
    pub const COUNT: usize = 15;
}

/// A complete object, as listed in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectRow {
    /// Number of the buffer it came from.
    pub buffer: u32,
    /// Approximate arrival time of its oldest record (FH-O3).
    pub oldest_arrival: Micros,
    /// When the buffer opened.
    pub opened: Nanos,
    /// When it was flushed.
    pub flushed: Nanos,
    /// When the upload was complete.
    pub complete: Nanos,
    /// Records in it.
    pub records: u64,
    /// Bytes before compression.
    pub bytes: u64,
    /// Why it was flushed.
    pub reason: FlushReason,
}

/// Objects listed by a run at most; the rest is in the counts.
pub const OBJECT_ROWS_MAX: usize = 100_000;

/// One delivery stream at work.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Polls, buffers and flushes.
    pub firehose: Firehose,
    /// Where objects go.
    pub bucket: Bucket,
    /// The function before the buffers, if there is one.
    pub transforming: Option<Box<Transforming>>,
    /// What takes the buffers, if not S3 alone.
    pub endpoint: Option<Endpoint>,
    /// Its path, such as `firehose.lake`.
    pub path: String,
    /// Number of the stream it reads.
    pub stream: usize,
    /// Whether the stream pushes to it: Direct PUT, or a channel (KDS-D3). Such a one makes no calls.
    pub pushed: bool,
    /// Pushes so far: they take its channels by turns.
    pub pushes: u64,
    /// Its number among the stream's readers.
    pub reader: usize,
    /// What it does not keep of the records it reads.
    pub key_bytes: KeyBytes,
    /// Bytes stored for a byte buffered.
    pub compression: f64,
    /// Before this its destination takes nothing.
    pub down_until: Nanos,
    /// Time between two attempts while it is down.
    pub retry_wait: Nanos,
    /// An object whose oldest record is older than this is given up (FH-R1).
    pub retention: Nanos,
    /// How likely an upload is taken for failed though its object is stored, and the draws for it (FH-O5).
    pub late: Option<(f64, Draws)>,
    /// From the intended write to the complete object: propagation, polling, buffering, upload, transformation.
    pub latency: Latency<5>,
    /// The totals of that by the hour in which objects were complete.
    pub hours: Box<ByHour>,
    /// Sizes of complete objects in bytes, as stored.
    pub sizes: Histogram,
    /// Objects by prefix and hour.
    pub prefixes: Prefixes,
    /// Whether its prefixes differ by partition.
    pub partitions: bool,
    /// The first objects, one by one.
    pub rows: Vec<ObjectRow>,
    /// All objects, where queries scan them.
    pub scanned: Option<Vec<StoredObject>>,
    /// How late it is, where a planned event holds it up.
    pub lag: Option<Box<Lag>>,
    /// Its series.
    pub series: Series<{ column::COUNT }>,
}

/// Objects being uploaded.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    slots: Vec<Option<Object>>,
    free: Vec<u32>,
}

impl Objects {
    fn insert(&mut self, object: Object) -> u32 {
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        if slot as usize == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[slot as usize] = Some(object);
        slot
    }

    fn remove(&mut self, slot: u32) -> Option<Object> {
        self.free.push(slot);
        self.slots[slot as usize].take()
    }

    /// The object of a delivery stream being uploaded that holds such a record.
    pub fn find(&self, firehose: usize, such: impl Fn(&Held) -> bool) -> Option<&Object> {
        let of_this = self.slots.iter().flatten().filter(|object| object.firehose as usize == firehose);
        of_this.into_iter().find(|object| object.batch.records.iter().any(&such))
    }

    /// Whether some record being uploaded is such a one.
    pub fn any(&self, such: impl Fn(&Held) -> bool) -> bool {
        self.slots.iter().flatten().any(|object| object.batch.records.iter().any(&such))
    }

    /// When the oldest record in uploads of one delivery stream had come, by walking them.
    pub fn oldest(&self, firehose: usize) -> Option<Micros> {
        let of_this = self.slots.iter().flatten().filter(|object| object.firehose as usize == firehose);
        of_this.filter_map(|object| object.batch.oldest_arrival()).min()
    }

    /// Records in uploads of one delivery stream, by walking them.
    pub fn uploading(&self, firehose: usize) -> u64 {
        let of_this = |object: &&Object| object.firehose as usize == firehose;
        self.slots.iter().flatten().filter(of_this).map(|object| object.batch.records.len() as u64).sum()
    }
}

impl<const FULL: bool> Pipeline<FULL> {
    /// Takes the records of one poll of a shard, or of one push.
    pub(super) fn buffer(&mut self, now: Nanos, number: usize, shard: usize) {
        let delivery = &mut self.deliveries[number];
        delivery.firehose.count(&self.batch);
        match delivery.transforming.is_some() {
            true => self.transform(now, number, shard),
            false => self.store((now, now / MICROSECOND), number, shard),
        }
    }

    /// Buffers records that were read from a shard at another moment.
    pub(super) fn store(&mut self, (now, read): (Nanos, Micros), number: usize, shard: usize) {
        let delivery = &mut self.deliveries[number];
        if delivery.firehose.sorts() {
            return self.store_apart((now, read), number, shard);
        }
        let mut objects = Vec::new();
        if let Some((buffer, at)) = delivery.firehose.take_read((now, read), shard, &self.batch, &mut objects)
        {
            self.queue.push(at, Kind::Interval as u8, pack(number, buffer as usize));
        }
        self.upload(now, objects);
    }

    /// Buffers records, each where it belongs.
    #[cold]
    fn store_apart(&mut self, (now, read): (Nanos, Micros), number: usize, shard: usize) {
        let (mut objects, mut timers) = (Vec::new(), Vec::new());
        let delivery = &mut self.deliveries[number];
        delivery.firehose.take_apart((now, read), shard, &self.batch, &mut objects, &mut timers);
        for (buffer, at) in timers {
            self.queue.push(at, Kind::Interval as u8, pack(number, buffer as usize));
        }
        if FULL && let Some(partitioning) = delivery.firehose.partitioning() {
            delivery.series.raise(now, column::PARTITIONS, u64::from(partitioning.active()));
        }
        self.upload(now, objects);
    }

    /// A buffer's interval may have ended.
    pub(super) fn interval(&mut self, now: Nanos, handle: u32) {
        let (number, buffer) = unpack(handle);
        let mut objects = Vec::new();
        if let Some(at) = self.deliveries[number].firehose.look(now, buffer as u32, &mut objects) {
            self.queue.push(at, Kind::Interval as u8, handle);
        }
        self.upload(now, objects);
    }

    pub(super) fn upload(&mut self, now: Nanos, objects: Vec<Object>) {
        for mut object in objects {
            let delivery = &mut self.deliveries[object.firehose as usize];
            if delivery.is_blocked(now, &object) {
                self.wait_for_destination(now, object);
                continue;
            }
            let bytes = delivery.stored(object.batch.bytes);
            let (done, waits) = match &mut delivery.endpoint {
                Some(endpoint) if Delivery::goes_to(endpoint, &object) => {
                    let waits = endpoint.is_busy(now);
                    (endpoint.take(now, bytes), waits)
                }
                _ => {
                    let (takes, waits) = delivery.bucket.put_object(now);
                    (now + takes, waits)
                }
            };
            if waits && !object.queued {
                object.queued = true;
                delivery.firehose.queued(object.buffer);
            }
            let slot = self.objects.insert(object);
            self.queue.push(done, Kind::Uploaded as u8, slot);
        }
    }

    /// The destination of a delivery stream takes nothing before `until`.
    pub(super) fn stop_destination(&mut self, number: usize, until: Nanos) {
        let delivery = &mut self.deliveries[number];
        delivery.down_until = delivery.down_until.max(until);
    }

    /// An attempt to store an object fails, and so will those up to the end of the outage: the next one that matters is
    /// the first one after it, unless the object is given up before.
    #[cold]
    fn wait_for_destination(&mut self, now: Nanos, mut object: Object) {
        let delivery = &mut self.deliveries[object.firehose as usize];
        let end = delivery.down_until.min(delivery.gives_up(&object)).max(now);
        if end == now && delivery.endpoint.is_some() {
            // It is not tried again (FH-R2).
            return self.fail(now, object);
        }
        let attempts = (end - now).div_ceil(delivery.retry_wait).max(1);
        delivery.firehose.meter.failed_attempts += attempts;
        if !object.waits {
            delivery.firehose.fell_behind(object.buffer);
        }
        object.waits = true;
        let at = now + attempts * delivery.retry_wait;
        let slot = self.objects.insert(object);
        self.queue.push(at, Kind::Uploaded as u8, slot);
    }

    /// The next attempt to store an object that found the destination down.
    #[cold]
    fn try_again(&mut self, now: Nanos, mut object: Object) {
        let delivery = &mut self.deliveries[object.firehose as usize];
        let down = now < delivery.down_until;
        if down && now >= delivery.gives_up(&object) {
            delivery.firehose.caught_up(object.buffer);
            return self.fail(now, object);
        }
        if !down {
            delivery.firehose.caught_up(object.buffer);
            object.waits = false;
        }
        self.upload(now, vec![object]);
    }

    /// The destination took nothing for too long. What was meant for another one than S3 goes to the error prefix (FH-R2); what
    /// was meant for S3 is lost (FH-R1).
    #[cold]
    fn fail(&mut self, now: Nanos, mut object: Object) {
        let delivery = &mut self.deliveries[object.firehose as usize];
        self.fingerprint.outcome(now, object.batch.bytes, 9);
        if delivery.endpoint.is_some() {
            delivery.firehose.failed(now, &mut object);
            return self.upload(now, vec![object]);
        }
        delivery.note_settled(now, &object);
        let queued = object.queued.then_some((object.firehose, object.buffer));
        delivery.firehose.gave_up(now, object);
        self.go_on_after(now, queued);
    }

    /// An upload was taken for failed though its object is stored: it is made again.
    #[cold]
    fn repeat(&mut self, now: Nanos, mut object: Object) {
        let delivery = &mut self.deliveries[object.firehose as usize];
        delivery.firehose.meter.repeated += object.batch.records.len() as u64;
        object.stored = true;
        self.upload(now, vec![object]);
    }

    /// An object is complete: its records are delivered.
    pub(super) fn uploaded(&mut self, now: Nanos, slot: u32) {
        let Some(object) = self.objects.remove(slot) else { return };
        if object.waits {
            return self.try_again(now, object);
        }
        let delivery = &mut self.deliveries[object.firehose as usize];
        if delivery.is_half_way(&object) {
            // Its bytes lie in S3; the destination is still to take them.
            return self.upload(now, vec![Object { staged: true, ..object }]);
        }
        self.fingerprint.outcome(now, object.batch.bytes, 7);
        match object.error {
            None => {
                delivery.measure::<FULL>(now, &object, &self.cohort);
                let stored = delivery.stored(object.batch.bytes);
                delivery.bucket.complete(stored);
                delivery.firehose.meter.stored_by[usize::from(object.reason == FlushReason::Interval)] += 1;
            }
            Some(error) => {
                delivery.bucket.meter.error_objects += 1;
                if FULL && error == ErrorOutput::FormatConversionFailed {
                    delivery.series.add(now, column::UNCONVERTED, object.batch.records.len() as u64);
                    delivery.series.add(now, column::UNCONVERTED_BYTES, object.batch.bytes);
                }
                if FULL && error == ErrorOutput::ActivePartitionExceeded {
                    delivery.series.raise(object.opened, column::EXCEEDED, 1);
                }
            }
        }
        let late = delivery.late.as_mut().is_some_and(|(share, draws)| draws.unit() < *share);
        if late && object.error.is_none() {
            return self.repeat(now, object);
        }
        delivery.note_settled(now, &object);
        let queued = object.queued.then_some((object.firehose, object.buffer));
        delivery.firehose.delivered(now, object);
        self.go_on_after(now, queued);
    }

    /// An object of this buffer had to wait in line, and is done with.
    #[inline]
    fn go_on_after(&mut self, now: Nanos, queued: Option<(u32, u32)>) {
        let Some((firehose, buffer)) = queued else { return };
        let mut objects = Vec::new();
        self.deliveries[firehose as usize].firehose.unqueued(now, buffer, &mut objects);
        self.upload(now, objects);
    }
}

impl Delivery {
    /// When attempts to store an object end.
    fn gives_up(&self, object: &Object) -> Nanos {
        let oldest = object.batch.oldest_arrival().unwrap_or(0) * MICROSECOND;
        let kept = oldest.saturating_add(self.retention);
        self.endpoint.as_ref().map_or(kept, |it| kept.min(object.flushed.saturating_add(it.retry())))
    }

    /// Whether an object goes to a destination other than S3 now: where that one reads from S3, once it lies there.
    fn goes_to(endpoint: &Endpoint, object: &Object) -> bool {
        object.error.is_none() && (object.staged || !endpoint.kind().is_in_s3())
    }

    /// Whether an object cannot be stored now for its destination is down. What goes to the error prefix of another
    /// destination goes to S3, which is up.
    fn is_blocked(&self, now: Nanos, object: &Object) -> bool {
        now < self.down_until && self.endpoint.as_ref().is_none_or(|it| Self::goes_to(it, object))
    }

    /// Whether an object that is complete in S3 is still to be taken from there.
    fn is_half_way(&self, object: &Object) -> bool {
        let endpoint = self.endpoint.as_ref();
        endpoint.is_some_and(|it| it.kind().is_in_s3() && object.error.is_none() && !object.staged)
    }

    #[inline]
    fn note_settled(&mut self, now: Nanos, object: &Object) {
        if let (Some(lag), Some(oldest)) = (&mut self.lag, object.batch.oldest_arrival()) {
            lag.settled(now, oldest);
        }
    }

    fn stored(&self, bytes: u64) -> u64 {
        (bytes as f64 * self.compression + 0.5) as u64
    }

    fn measure<const FULL: bool>(&mut self, now: Nanos, object: &Object, cohort: &super::Cohort) {
        let (flushed, complete) = (object.flushed / MICROSECOND, now / MICROSECOND);
        let mut first = 0;
        if FULL {
            self.hours.turn(now, self.latency.histogram());
        }
        // A repeated upload delivers nothing that was not there.
        let marks = if object.stored { &[][..] } else { &object.batch.marks };
        for mark in marks {
            for held in &object.batch.records[first..mark.end as usize] {
                if !cohort.has(held.written) {
                    continue;
                }
                if FULL {
                    self.latency.record([
                        held.appended - held.written,
                        mark.polled - held.appended,
                        flushed - mark.entered,
                        complete - flushed,
                        mark.entered - mark.polled,
                    ]);
                } else {
                    self.latency.record_total(complete - held.written);
                }
            }
            first = mark.end as usize;
        }
        if FULL {
            self.list(now, object);
        }
    }

    fn list(&mut self, now: Nanos, object: &Object) {
        let records = object.batch.records.len() as u64;
        let stored = self.stored(object.batch.bytes);
        let Some(oldest_arrival) = object.batch.oldest_arrival() else { return };
        self.sizes.record(stored);
        let partition = if self.partitions { object.buffer } else { 0 };
        self.prefixes.note(partition, oldest_arrival, records, stored);
        self.series.add(now, column::RECORDS, records);
        self.series.add(now, column::BYTES, stored);
        self.series.add(now, column::OBJECTS, 1);
        if !object.stored {
            self.series.add(now, column::CONVERTED, records);
            self.series.add(now, column::CONVERTED_BYTES, object.batch.bytes);
        }
        if self.partitions {
            let filled = (object.flushed - object.opened).max(SECOND);
            let rate = u128::from(object.batch.bytes) * u128::from(SECOND) / u128::from(filled);
            self.series.raise(now, column::PARTITION_BYTES, rate as u64);
        }
        self.series.raise(now, column::FRESHNESS, now / MICROSECOND - oldest_arrival);
        if let Some(scanned) = &mut self.scanned {
            let newest = object.batch.records.iter().map(|held| held.appended).max();
            scanned.push(StoredObject {
                complete: now,
                oldest: oldest_arrival,
                newest: newest.unwrap_or(oldest_arrival),
                records,
                copies: if object.stored { records } else { object.batch.copies },
                bytes: stored,
                partition: object.buffer,
            });
        }
        if self.rows.len() < OBJECT_ROWS_MAX {
            self.rows.push(ObjectRow {
                buffer: object.buffer,
                oldest_arrival,
                opened: object.opened,
                flushed: object.flushed,
                complete: now,
                records,
                bytes: object.batch.bytes,
                reason: object.reason,
            });
        }
    }
}
