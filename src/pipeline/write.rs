//! From the producer to the table: writes, refusals, and what the client does about them.

use super::Pipeline;
use super::event::Kind;
use super::feed::Feed;
use super::long_way::LongWay;
use super::processed::Accepted;
use super::source::StreamSource;
use super::streams::TableStream;
use super::tolls::{COLLECTION_FULL, GIVEN_UP};
use super::wiring::Route;
use crate::engine::random::Keyed;
use crate::engine::time::{END_OF_TIME, MICROSECOND, Nanos};
use crate::measure::latency::Latency;
use crate::measure::series::Series;
use crate::systems::dynamodb::items::Items;
use crate::systems::dynamodb::table::Table;
use crate::systems::dynamodb::throttle::{Throttle, ThrottleLimit};
use crate::systems::kinesis::stream::Stream;
use crate::systems::tolls::Tolls;
use crate::workload::producer::{Feeds, Producer, Way, Write};
use std::sync::Arc;

/// Columns of a table's series.
pub mod column {
    /// `ConsumedWriteCapacityUnits`.
    pub const UNITS: usize = 0;
    /// `WriteThrottleEvents`.
    pub const THROTTLED: usize = 1;
    /// Saved write units at the first write of the bin.
    pub const BURST_BALANCE: usize = 2;
    /// Write units a second that are taken in the long run, at the first write of the bin.
    pub const CAPACITY: usize = 3;
    /// Open partitions at the first write of the bin.
    pub const PARTITIONS: usize = 4;
    /// Refusals by limit, in the order of `ThrottleLimit::ALL`; those of indexes are among them.
    pub const THROTTLED_BY_LIMIT: usize = 5;
    /// `ThrottledRequests`: a batch counts once, and only if none of it was taken (DDB-T10).
    pub const THROTTLED_REQUESTS: usize = 9;
    /// `ConditionalCheckFailedRequests`.
    pub const CONDITION_FAILED: usize = 10;
    /// `TransactionConflict`, by item.
    pub const CONFLICTS: usize = 11;
    /// `SystemErrors`.
    pub const SYSTEM_ERRORS: usize = 12;
    /// `TimeToLiveDeletedItemCount`.
    pub const EXPIRED_ITEMS: usize = 13;
    /// How many there are.
    pub const COUNT: usize = 14;
}

/// What became of a producer's writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterMeter {
    /// Writes offered.
    pub offered: u64,
    /// Those of the measured cohort.
    pub cohort: u64,
    /// Accepted by the table.
    pub accepted: u64,
    /// Accepted at the first try, in the cohort.
    pub first_try_cohort: u64,
    /// Requests sent again after a refusal.
    pub retries: u64,
    /// Given up after the last retry.
    pub given_up: u64,
    /// Refused as larger than an item may be (DDB-U10).
    pub too_large: u64,
    /// Requests that the table refused.
    pub refused: u64,
    /// When the first was.
    pub first_refused: Option<Nanos>,
    /// First tries of the cohort whose answer took time of its own.
    pub timed_cohort: u64,
    /// Failed for their condition (DDB-U6).
    pub condition_failed: u64,
    /// Cancelled with a transaction of which another condition failed.
    pub cancelled: u64,
    /// Refused with a call that AWS takes as a whole or not at all: a transaction above 4 MB (DDB-B3), or a call one of
    /// whose items is too large.
    pub call_refused: u64,
    /// New items refused as those of their partition key hold 10 GB already (DDB-P4).
    pub collection_full: u64,
    /// Requests refused for a transaction in progress, by item (DDB-T7).
    pub conflicts: u64,
    /// Answers that left the outcome open (DDB-T8).
    pub server_errors: u64,
    /// Given up although they had taken place, unheard.
    pub applied_unheard: u64,
    /// Retries that the quota did not pay for (SDK-R4).
    pub quota_empty: u64,
    /// Writes that are not due yet.
    pub not_due: u64,
}

impl WriterMeter {
    /// Writes that wait for a retry now.
    pub fn retrying(&self) -> u64 {
        let special =
            self.condition_failed + self.cancelled + self.call_refused + self.applied_unheard + self.not_due;
        let special = special + self.collection_full;
        self.offered - self.accepted - self.given_up - self.too_large - special
    }

    /// The table refused a request.
    pub fn refuse(&mut self, now: Nanos) {
        self.refused += 1;
        self.first_refused.get_or_insert(now);
    }

    /// Requests sent, retries among them.
    pub fn requests(&self) -> u64 {
        self.offered + self.retries
    }
}

/// Later than any event.
const NEVER: Nanos = END_OF_TIME + 1;

/// The next write of all producers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NextWrite {
    /// When; later than any event if there is none.
    pub at: Nanos,
    /// By which producer.
    pub writer: u32,
}

/// One producer at work.
#[derive(Clone, Debug)]
pub struct Writer {
    /// Its flow of writes.
    pub producer: Producer,
    /// When its next write is meant to happen; later than any event if there is none.
    pub next_at: Nanos,
    /// Draws for the waits between its retries.
    pub backoff: Keyed,
    /// What it counted.
    pub meter: WriterMeter,
    /// Writes that it lost, and when.
    pub tolls: Tolls,
    /// From the intended write to the table's acceptance, in microseconds, of writes that were refused at first or take
    /// time of their own.
    pub latency: Latency<1>,
    /// What it remembers where its writes are more than plain ones.
    pub long: Option<Box<LongWay>>,
}

/// One table at work.
#[derive(Clone, Debug)]
pub struct TableSource {
    /// The table.
    pub table: Table,
    /// Items of a table without a feed; a feed keeps its own.
    pub items: Items,
    /// Its feed.
    pub feed: Option<Feed>,
    /// Changes that the feed lost, and when.
    pub tolls: Tolls,
    /// Its DynamoDB stream.
    pub streams: Option<Box<TableStream>>,
    /// Where new items go.
    pub route: Arc<Route>,
    /// Its series.
    pub series: Series<{ column::COUNT }>,
    /// Items that transactions in progress hold, and until when.
    pub held: Vec<(Nanos, u32)>,
    /// Writes accepted later than they were meant to happen, where some consumer's order is followed.
    pub accepted: Option<Box<Accepted>>,
}

impl TableSource {
    /// The items of the table.
    #[inline]
    pub fn items(&self) -> &Items {
        self.feed.as_ref().map_or(&self.items, |feed| &feed.items)
    }

    /// Makes room for items up to number `largest`, which a growing key space has come to.
    #[cold]
    fn grow(&mut self, largest: usize, streams: &[StreamSource]) {
        let Self { items, feed, route, table, streams: own, .. } = self;
        if let Some(own) = own {
            own.extend(largest + 1);
        }
        let stream = feed.as_ref().map(|feed| &streams[feed.plan.stream].stream);
        let items = feed.as_mut().map_or(items, |feed| &mut feed.items);
        let shard = |key| stream.map_or(0, |stream| stream.lineage().shard_of(route.hash_key(key)));
        items.extend((items.len() as u32..=largest as u32).map(shard));
        table.extend(largest + 1);
    }

    /// The shard that an item's changes go to, now that the one they went to is closed.
    #[cold]
    pub fn route_again(&mut self, key: u32, stream: &Stream) -> usize {
        let shard = stream.lineage().shard_of(self.route.hash_key(key));
        if let Some(feed) = &mut self.feed {
            feed.items.shards[key as usize] = shard;
        }
        usize::from(shard)
    }

    /// Notes a refusal in the series, by limit.
    pub(super) fn note_throttle(&mut self, now: Nanos, throttle: Throttle) {
        self.series.add(now, column::THROTTLED, 1);
        self.series.add(now, column::THROTTLED_BY_LIMIT + throttle.limit as usize, 1);
    }

    /// Notes in the series what the table takes as a bin begins.
    #[cold]
    pub(super) fn note_capacity(&mut self, now: Nanos) {
        self.table.settle(now);
        let throughput = self.table.throughput();
        let capacity = throughput.capacity().units_per_second();
        let partitions = throughput.partitions().map_or(0, |partitions| partitions.open().len());
        let balance = self.table.burst_balance(now);
        self.series.raise(now, column::CAPACITY, capacity);
        self.series.raise(now, column::PARTITIONS, partitions as u64);
        self.series.raise(now, column::BURST_BALANCE, balance);
    }

    #[inline]
    pub(super) fn accept(&mut self, key: u32) -> u32 {
        let item = &mut self.items.items[key as usize];
        item.version += 1;
        item.version
    }
}

/// A refused write that its client will try again.
#[derive(Clone, Copy, Debug)]
pub struct PendingWrite {
    pub(super) write: Write,
    pub(super) writer: u32,
    /// Requests that failed so far, by which random draws are addressed.
    pub(super) failures: u32,
    /// Those of them that failed before the SDK call under way.
    pub(super) before_call: u32,
    /// Calls that the application made anew after the first one (SDK-R13).
    pub(super) resends: u32,
    /// Which of its producer's clients it is of.
    pub(super) client: u32,
    /// What its last retry took from the quota.
    pub(super) cost: u16,
    /// Whether it took place although its client did not hear so.
    pub(super) applied: bool,
}

impl PendingWrite {
    /// A write that failed so many times.
    pub(super) fn new(write: Write, writer: u32, failures: u32) -> Self {
        Self { write, writer, failures, before_call: 0, resends: 0, client: 0, cost: 0, applied: false }
    }

    /// The request failed, and the application makes a new call of its own, with all its attempts (SDK-R13).
    pub(super) fn resent(&mut self) {
        self.failures += 1;
        self.before_call = self.failures;
        self.resends += 1;
    }

    /// When it was meant to happen.
    pub fn intended(&self) -> Nanos {
        self.write.at
    }

    /// Whether it is an item's first request, and not due yet.
    pub fn is_not_due(&self) -> bool {
        self.write.way == Way::Due
    }

    /// Number of its producer.
    pub fn writer(&self) -> u32 {
        self.writer
    }
}

impl<const FULL: bool> Pipeline<FULL> {
    /// The next writes up to `until` are made: several at a time where nothing that happens meanwhile can touch a table.
    /// They take turns with all other events less often that way, which spares the processor a guess at each write. All that
    /// a write plans is a first put, whose rank no other event shares, and what ends at a table is hashed apart, so no outcome
    /// tells. Returns when the last one was.
    pub(super) fn arrive_ahead(&mut self, until: Nanos) -> Nanos {
        let apart = if self.pending.is_empty() { self.writes_ahead } else { 1 };
        self.now = self.next_write.at;
        let mut last = self.now;
        for _ in 0..apart {
            last = self.next_write.at;
            self.counts.by_kind[Kind::Arrive as usize] += 1;
            if !self.arrive(last) || self.next_write.at > until {
                break;
            }
        }
        last
    }

    /// The producer whose turn it is writes; whether its table took it.
    #[inline(always)]
    pub(super) fn arrive(&mut self, now: Nanos) -> bool {
        let handle = self.next_write.writer;
        let writer = &mut self.writers[handle as usize];
        let write = writer.producer.take();
        writer.meter.offered += 1;
        let accepted = self.request(now, handle, &write, 0);
        if FULL && self.cohort.has(now / MICROSECOND) {
            let meter = &mut self.writers[handle as usize].meter;
            meter.cohort += 1;
            meter.first_try_cohort += u64::from(accepted);
        }
        self.find_next_write(handle);
        accepted
    }

    /// Finds out whose write comes next, after one by this producer. At equal times it is the one named first.
    #[inline]
    pub(super) fn find_next_write(&mut self, handle: u32) {
        let next = self.writers[handle as usize].producer.next_at().or_else(|| self.draw_writes(handle));
        let at = next.filter(|at| *at <= self.arrivals_end).unwrap_or(NEVER);
        self.writers[handle as usize].next_at = at;
        self.next_write = NextWrite { at, writer: handle };
        if self.writers.len() > 1 {
            let writers = self.writers.iter().enumerate();
            let first =
                writers.map(|(writer, state)| NextWrite { at: state.next_at, writer: writer as u32 }).min();
            self.next_write = first.unwrap_or(self.next_write);
        }
    }

    /// Draws the producer's next batch; returns when its first write is meant to happen.
    #[cold]
    fn draw_writes(&mut self, handle: u32) -> Option<Nanos> {
        let of_closed = self.next_of_closed(handle);
        if of_closed == Some(None) {
            return None;
        }
        let producer = &mut self.writers[handle as usize].producer;
        let table = &mut self.tables[producer.table()];
        let feeds = Feeds {
            kinesis: table.feed.as_ref().map(|feed| &feed.plan),
            streams: table.streams.as_ref().map(|streams| &streams.plan),
        };
        producer.refill(feeds, table.items());
        let largest = producer.batch_keys().max()? as usize;
        if largest >= table.items().len() {
            table.grow(largest, &self.streams);
        }
        if let Some(feed) = &table.feed {
            let shards = producer.batch_keys().map(|key| usize::from(feed.items.shards[key as usize]));
            std::hint::black_box(self.streams[feed.plan.stream].stream.warm(shards));
        }
        if let Some(Some(at)) = of_closed {
            producer.move_next(at);
        }
        producer.next_at()
    }

    /// One request; whether the table accepted it.
    #[inline(always)]
    fn request(&mut self, now: Nanos, handle: u32, write: &Write, failures: u32) -> bool {
        if write.way != Way::Short {
            return self.first_try(now, handle, write);
        }
        let writer = &mut self.writers[handle as usize];
        let number = writer.producer.table();
        let source = &mut self.tables[number];
        if FULL && source.series.enter(now) {
            source.note_capacity(now);
        }
        if let Err(throttle) = source.table.write(now, write.key, u32::from(write.units), write.kind) {
            self.refused(now, handle, write, failures, throttle);
            return false;
        }
        writer.meter.accepted += 1;
        if FULL {
            source.series.add(now, column::UNITS, u64::from(write.units));
        }
        if source.streams.is_some() {
            self.take_up(now, number, write);
        }
        if self.tables[number].feed.is_some() {
            self.capture(now, number, write);
        } else {
            let version = self.tables[number].accept(write.key);
            self.at_tables.outcome(now, u64::from(write.key) << 32 | u64::from(version), 4);
        }
        true
    }

    #[cold]
    fn refused(&mut self, now: Nanos, handle: u32, write: &Write, failures: u32, throttle: Throttle) {
        let writer = &mut self.writers[handle as usize];
        if throttle.limit == ThrottleLimit::ItemCollection {
            writer.meter.collection_full += 1;
            writer.tolls.note(now, COLLECTION_FULL, 1);
            self.at_tables.outcome(now, u64::from(write.key), 10);
            return;
        }
        writer.meter.refuse(now);
        if FULL {
            let source = &mut self.tables[writer.producer.table()];
            source.note_throttle(now, throttle);
            source.series.add(now, column::THROTTLED_REQUESTS, 1);
        }
        let failures = failures + 1;
        let uniform = writer.backoff.unit(write.address(), failures);
        // A write that never fits would be tried for ever by a client that never gives up.
        let fits = self.tables[writer.producer.table()].table.fits(u32::from(write.units));
        match writer.producer.retries().delay(failures, uniform).filter(|_| fits) {
            Some(wait) => {
                let pending = self.pending.insert(PendingWrite::new(*write, handle, failures));
                self.queue.push(now + wait, Kind::WriteAgain as u8, pending);
            }
            None => {
                writer.meter.given_up += 1;
                writer.tolls.note(now, GIVEN_UP, 1);
                self.at_tables.outcome(now, u64::from(write.key), 5);
            }
        }
    }

    /// A client tries a refused write again.
    #[inline(never)]
    pub(super) fn write_again(&mut self, now: Nanos, handle: u32) {
        let pending = self.pending.remove(handle);
        if pending.write.way != Way::Short {
            return match pending.is_call() {
                true => self.call_once_more(now, pending),
                false => self.again_the_long_way(now, pending),
            };
        }
        self.writers[pending.writer as usize].meter.retries += 1;
        let number = self.writers[pending.writer as usize].producer.table();
        // Noted before anybody reads the change: a write that is refused once more is noted again.
        self.tables[number].note_accepted(now, pending.write.key, pending.write.at);
        let accepted = self.request(now, pending.writer, &pending.write, pending.failures);
        if FULL && accepted && self.cohort.has(pending.write.at / MICROSECOND) {
            let waited = now / MICROSECOND - pending.write.at / MICROSECOND;
            self.writers[pending.writer as usize].latency.record([waited]);
        }
    }
}
