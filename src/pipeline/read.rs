//! From the stream to its readers: polls, and the processing of what they return.

use super::Pipeline;
use super::event::{Kind, pack, unpack};
use super::processed::Following;
use super::source::Reader;
use super::streams::column as returned;
use crate::engine::time::{MICROSECOND, Nanos};
use crate::measure::latency::Latency;
use crate::measure::ordering::Cause;
use crate::measure::series::Series;
use crate::systems::kinesis::stream::Stream;
use crate::systems::polling::{PARTS, Polling};
use crate::systems::stalls::Stalls;
use crate::units::counted;

/// Columns of a consumer's series.
pub mod column {
    /// Records processed.
    pub const RECORDS: usize = 0;
    /// `GetRecords.IteratorAgeMilliseconds` peak, in microseconds (KDS-M7).
    pub const ITERATOR_AGE: usize = 1;
    /// `ReadProvisionedThroughputExceeded`.
    pub const REFUSED: usize = 2;
    /// `GetRecords.Records`.
    pub const READ_RECORDS: usize = 3;
    /// `GetRecords.Bytes`.
    pub const READ_BYTES: usize = 4;
    /// How many there are.
    pub const COUNT: usize = 5;
}

/// One polling consumer at work.
#[derive(Clone, Debug)]
pub struct Consumer {
    /// Its path, such as `consumers.search`.
    pub place: String,
    /// The workers.
    pub polling: Polling,
    /// Number of the stream it reads.
    pub stream: usize,
    /// Its number among the stream's readers.
    pub reader: usize,
    /// Before this it does not read.
    pub down_until: Nanos,
    /// When it did not, or will not.
    pub outages: Option<Box<Stalls>>,
    /// How long it stands at the end of a shard before it reads the children.
    pub discovery: Nanos,
    /// The table whose DynamoDB stream it reads, if it does.
    pub of_table: Option<usize>,
    /// Order of what it processes, where it may read an item's changes from two shards side by side.
    pub following: Option<Box<Following>>,
    /// Where it stands with what was there before it began.
    pub backfill: Backfill,
    /// From the intended write to the end of processing.
    pub latency: Latency<{ PARTS.len() }>,
    /// Its series.
    pub series: Series<{ column::COUNT }>,
}

/// What was there when a consumer began, and when it had read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backfill {
    /// Shards that still hold something of it.
    shards: Vec<u32>,
    /// Records there when it began.
    pub records: u64,
    /// When it had read all of it, and what arrived on those shards meanwhile.
    pub done: Option<Nanos>,
}

impl Backfill {
    #[cold]
    fn begin(stream: &Stream, reader: usize) -> Self {
        let shards = (0..stream.shard_count()).filter(|shard| stream.behind(*shard, reader) > 0);
        let shards: Vec<u32> = shards.map(|shard| shard as u32).collect();
        let records = shards.iter().map(|shard| stream.behind(*shard as usize, reader)).sum();
        Self { shards, records, done: None }
    }

    /// Nothing is left on a shard; whether that was the last one.
    #[inline]
    fn drained(&mut self, now: Nanos, shard: usize) -> bool {
        if self.shards.is_empty() {
            return false;
        }
        self.shards.retain(|waiting| *waiting as usize != shard);
        if self.shards.is_empty() {
            self.done = Some(now);
        }
        self.shards.is_empty()
    }
}

impl<const FULL: bool> Pipeline<FULL> {
    /// A consumer begins to read.
    pub(super) fn start_consumer(&mut self, now: Nanos, reader: usize) {
        let number = match self.reader(reader) {
            Reader::Consumer(number) => number as usize,
            Reader::Lambda(number) => return self.start_function(now, number as usize),
            Reader::Fleet(number) => return self.start_fleet(now, number as usize),
            // Delivery streams read from the start of the run on.
            Reader::Delivery(_) => return,
        };
        let consumer = &mut self.consumers[number];
        let place = &mut self.streams[consumer.stream];
        if place.stream.is_removed(consumer.reader) {
            // It was removed before it was to begin.
            return;
        }
        let polls = place.stream.start_reader(now, consumer.reader);
        place.schedule(&polls, &mut self.queue);
        consumer.backfill = Backfill::begin(&place.stream, consumer.reader);
        if now > 0 {
            let there = consumer.backfill.records;
            let what = format!("begins to read, with {} there", counted(there, "record"));
            self.timeline.note(now, &consumer.place, what);
        }
    }

    /// A poll of a shard is due.
    pub(super) fn poll(&mut self, now: Nanos, handle: u32) {
        let (reader, shard) = unpack(handle);
        match self.reader(reader) {
            Reader::Delivery(number) => self.poll_for_delivery(now, number as usize, handle, shard),
            Reader::Lambda(number) => self.read_for_function(now, number as usize, shard),
            Reader::Fleet(number) => self.read_for_fleet(now, number as usize, shard),
            Reader::Consumer(number) => {
                if self.consumers[number as usize].polling.due(now, shard) {
                    self.poll_for_consumer(now, number as usize, shard);
                }
            }
        }
    }

    /// Polling consumers come first in the numbering of readers, then deliveries, then functions, then fleets.
    pub(super) fn reader(&self, number: usize) -> Reader {
        let (consumers, deliveries) = (self.consumers.len(), self.deliveries.len());
        let others = consumers + deliveries + self.lambdas.len();
        match number {
            _ if number < consumers => Reader::Consumer(number as u32),
            _ if number < consumers + deliveries => Reader::Delivery((number - consumers) as u32),
            _ if number < others => Reader::Lambda((number - consumers - deliveries) as u32),
            _ => Reader::Fleet((number - others) as u32),
        }
    }

    /// A worker calls GetRecords for one shard after the other, until one returns records.
    fn poll_for_consumer(&mut self, now: Nanos, number: usize, mut shard: usize) {
        while !self.poll_shard(now, number, shard) {
            match self.consumers[number].polling.release(shard) {
                Some(next) => shard = next as usize,
                None => break,
            }
        }
    }

    /// A worker calls GetRecords for one shard. Returns whether that keeps it busy.
    fn poll_shard(&mut self, now: Nanos, number: usize, shard: usize) -> bool {
        let consumer = &mut self.consumers[number];
        let place = &mut self.streams[consumer.stream];
        if place.stream.is_removed(consumer.reader) {
            return false;
        }
        if now < consumer.down_until {
            let at = place.stream.next_poll(consumer.down_until, shard, consumer.reader);
            self.queue.push(at, Kind::Poll as u8, pack(number, shard));
            return false;
        }
        let batch_size = consumer.polling.batch_size;
        let hand = consumer.polling.hand(shard);
        let outcome = place.stream.get_records(now, shard, consumer.reader, batch_size, &mut hand.records);
        place.note_age(now, &hand.records);
        if FULL {
            // Refused calls are counted by the stream, which knows of those that nobody saw as well.
            if let Ok(bytes) = outcome {
                consumer.series.add(now, column::READ_RECORDS, hand.records.len() as u64);
                consumer.series.add(now, column::READ_BYTES, bytes);
            }
        }
        let behind = place.stream.behind(shard, consumer.reader) > 0;
        if !behind && consumer.backfill.drained(now, shard) {
            self.timeline.note(now, &consumer.place, "has read what was there when it began");
        }
        let Some(last) = hand.records.last().copied() else {
            // Refused, or retention took what was there.
            if place.stream.sleep_if_drained(now, shard, consumer.reader) {
                self.rest(now, number, shard);
            } else {
                let at = place.stream.next_poll(now + 1, shard, consumer.reader);
                self.queue.push(at, Kind::Poll as u8, pack(number, shard));
            }
            return false;
        };
        if FULL {
            // What was there before the run arrived at moments that wrap around below 0.
            let mut since = last.appended;
            if let Some(own) = consumer.of_table.and_then(|table| self.tables[table].streams.as_mut()) {
                // Its records tell when their items were written, in whole seconds (DDS-F2).
                since = last.written / 1_000_000 * 1_000_000;
                own.series.add(now, returned::RETURNED_RECORDS, hand.records.len() as u64);
                own.series.add(now, returned::RETURNED_BYTES, outcome.unwrap_or(0));
            }
            consumer.series.raise(now, column::ITERATOR_AGE, (now / MICROSECOND).wrapping_sub(since));
        }
        hand.behind = behind;
        let time = consumer.polling.process(now, shard);
        self.queue.push(now + time, Kind::Processed as u8, pack(number, shard));
        true
    }

    /// The worker turns to the shard that waited longest for it.
    fn release_worker(&mut self, now: Nanos, number: usize, shard: usize) {
        if let Some(next) = self.consumers[number].polling.release(shard) {
            self.poll_for_consumer(now, number, next as usize);
        }
    }

    /// A batch is processed, or a call to the sink has taken some of it: its records have reached the consumer.
    pub(super) fn processed(&mut self, now: Nanos, handle: u32) {
        let (number, shard) = unpack(handle);
        let consumer = &mut self.consumers[number];
        let (places, next) = consumer.polling.advance(now, shard);
        let hand = consumer.polling.hand(shard);
        let (moments, outages) = (hand.moments(now), consumer.outages.as_deref());
        for record in &hand.records[places.clone()] {
            if self.cohort.has(record.written) {
                let queued = hand.stalls.since(record.appended);
                let polled = hand.polled / MICROSECOND;
                let down = outages.map_or(0, |outages| outages.between(record.appended, polled));
                consumer.latency.record(moments.parts(record, queued, down));
            }
        }
        let count = places.len() as u64;
        if let Some(following) = &mut consumer.following {
            let records = hand.records[places].iter().map(|record| (record, None, Some(Cause::Resharding)));
            following.note(now, &self.tables, self.cohort, records);
        }
        consumer.polling.meter.processed += count;
        if FULL {
            consumer.series.add(now, column::RECORDS, count);
        }
        if let Some(at) = next {
            self.fingerprint.outcome(now, u64::from(handle) << 32 | count, 6);
            return self.queue.push(at, Kind::Processed as u8, handle);
        }
        let hand = consumer.polling.hand(shard);
        let first = hand.records.first().map(|record| record.appended);
        hand.records.clear();
        consumer.polling.done(now, shard, first);
        self.fingerprint.outcome(now, u64::from(handle) << 32 | count, 6);
        self.poll_again(now, number, shard);
        self.release_worker(now, number, shard);
    }

    /// A shard whose last answer did not hold all there was is polled again at once, another one at its next poll,
    /// an empty one at the poll after its next record.
    fn poll_again(&mut self, now: Nanos, number: usize, shard: usize) {
        let consumer = &mut self.consumers[number];
        let place = &mut self.streams[consumer.stream];
        if place.stream.is_removed(consumer.reader) {
            return;
        }
        if place.stream.sleep_if_drained(now, shard, consumer.reader) {
            return self.rest(now, number, shard);
        }
        let behind = consumer.polling.hand(shard).behind;
        let at = if behind { now } else { place.stream.next_poll(now, shard, consumer.reader) };
        self.queue.push(at, Kind::Poll as u8, pack(number, shard));
    }

    /// A consumer has nothing more to read on a shard. If it has come to a closed shard's end it goes on with the children,
    /// once it has found them.
    #[inline]
    fn rest(&mut self, now: Nanos, number: usize, shard: usize) {
        let consumer = &self.consumers[number];
        let place = &mut self.streams[consumer.stream];
        if consumer.discovery > 0 && place.stream.is_closed(shard) {
            let at = now + consumer.discovery;
            return self.queue.push(at, Kind::Discover as u8, pack(number, shard));
        }
        place.rest(now, shard, consumer.reader, &mut self.queue);
    }

    /// An outage begins: what the workers have in hand is finished, and nothing more is read before `until`.
    pub(super) fn stop_consumer(&mut self, now: Nanos, number: usize, until: Nanos) {
        let consumer = &mut self.consumers[number];
        let from = now.max(consumer.down_until);
        if from < until {
            consumer.outages.get_or_insert_default().note(from / MICROSECOND, until / MICROSECOND);
        }
        consumer.down_until = consumer.down_until.max(until);
        self.streams[consumer.stream].stream.pause_reader(now, consumer.reader, consumer.down_until);
    }

    /// The delivery stream calls GetRecords for one shard and buffers the records.
    fn poll_for_delivery(&mut self, now: Nanos, number: usize, handle: u32, shard: usize) {
        let delivery = &mut self.deliveries[number];
        if delivery.pushed {
            return self.push_to_delivery(now, number, handle, shard);
        }
        let place = &mut self.streams[delivery.stream];
        if now < place.stream.paused_until(delivery.reader) {
            let at =
                place.stream.next_poll(place.stream.paused_until(delivery.reader), shard, delivery.reader);
            return self.queue.push(at, Kind::Poll as u8, handle);
        }
        self.batch.clear();
        // A refused call returns nothing; the data waits in the stream (FH-S3, FH-S7).
        let outcome = place.stream.get_records(now, shard, delivery.reader, u32::MAX, &mut self.batch);
        place.note_age(now, &self.batch);
        let behind = place.stream.behind(shard, delivery.reader) > 0;
        if place.stream.sleep_if_drained(now, shard, delivery.reader) {
            place.rest(now, shard, delivery.reader, &mut self.queue);
        } else {
            let at = place.stream.next_poll(now + 1, shard, delivery.reader);
            self.queue.push(at, Kind::Poll as u8, handle);
        }
        if FULL {
            delivery.note_read(now, outcome, &self.batch, behind);
        }
        if !self.batch.is_empty() {
            delivery.key_bytes.strip(&mut self.batch);
            self.buffer(now, number, shard);
        }
    }
}
