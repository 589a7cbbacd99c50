//! The feed of one table into one stream: changes reach the stream's door, are put, wait and are tried again.

use super::change::{Change, LEADS};
use super::event::Kind;
use super::{Cohort, Pipeline};
use crate::engine::queue::{EventQueue, Lane};
use crate::engine::random::Streams;
use crate::engine::time::{MICROSECOND, Nanos};
use crate::measure::latency::Latency;
use crate::measure::ordering::Ordering;
use crate::measure::series::Series;
use crate::systems::dynamodb::items::{Items, NOBODY};
use crate::systems::dynamodb::replication::{Chances, Order, ReplicationMeter, ReplicationPlan};
use crate::systems::kinesis::log::{Record, flags};

/// Columns of a feed's series.
pub mod column {
    /// `AgeOfOldestUnreplicatedRecord`, peak, microseconds.
    pub const AGE: usize = 0;
    /// `ThrottledPutRecordCount`.
    pub const THROTTLED: usize = 1;
    /// `ConsumedChangeDataCaptureUnits`.
    pub const UNITS: usize = 2;
    /// How many there are.
    pub const COUNT: usize = 3;
}

/// One table's feed at work, with what is measured of it.
#[derive(Clone, Debug)]
pub struct Feed {
    /// How it works.
    pub plan: ReplicationPlan,
    /// Items of its table.
    pub items: Items,
    chances: Chances,
    /// One lane for each length of wait, where waits have no jitter.
    waits: Vec<Lane>,
    in_order: bool,
    record_bytes_max: u32,
    /// What it counted.
    pub meter: ReplicationMeter,
    /// From the intended write to the shard: propagation, and waiting for its turn or for room.
    pub latency: Latency<2>,
    /// Order and duplicates in the stream.
    pub ordering: Ordering,
    /// Its series.
    pub series: Series<{ column::COUNT }>,
}

impl Feed {
    /// A feed that has sent nothing. `path` names it, such as `tables.orders.kinesis`.
    pub fn new(
        plan: &ReplicationPlan,
        items: Items,
        streams: &Streams,
        path: &str,
        queue: &mut EventQueue,
        record_bytes_max: u32,
        span: Nanos,
    ) -> Self {
        let steps = if plan.backoff.jitter { 0 } else { plan.backoff.steps() };
        Self {
            items,
            chances: Chances::new(plan, streams, path),
            waits: (0..steps).map(|_| queue.lane()).collect(),
            in_order: plan.order == Order::PerItem,
            record_bytes_max,
            meter: ReplicationMeter::default(),
            latency: Latency::default(),
            ordering: Ordering::default(),
            series: Series::new(span),
            plan: plan.clone(),
        }
    }

    /// Notes what the stream now holds of a change, and whether that came in order.
    #[inline]
    fn note_order<const FULL: bool>(&mut self, change: &Change, written: u64, counted: bool) {
        let item = &mut self.items.items[change.key as usize];
        let newest = item.newest;
        item.newest = newest.max(change.version);
        let copy = change.flags() & flags::COPY != 0;
        if !FULL {
            self.ordering.out_of_order[3] += u64::from(change.version < newest && counted);
            self.ordering.duplicates += u64::from(copy && counted);
            return;
        }
        let newest_written = &mut self.items.newest_written[change.key as usize];
        if change.version > newest {
            *newest_written = written;
        } else if change.version < newest && counted {
            let lateness = newest_written.saturating_sub(written);
            self.ordering.late_by(change.flags(), newest - change.version, lateness);
        }
        self.ordering.records += u64::from(counted);
        self.ordering.duplicates += u64::from(copy && counted);
    }
}

impl<const FULL: bool> Pipeline<FULL> {
    /// The table accepted a change: the feed takes it up.
    #[inline]
    pub(super) fn capture(&mut self, now: Nanos, mut change: Change, delay: Nanos) {
        let feed = match &mut self.tables[change.table as usize].feed {
            Some(feed) => feed,
            None => return,
        };
        let mut ready = now + delay;
        let mut copy_at = None;
        if feed.chances.any() {
            let address = change.address();
            if feed.chances.disorder(address)
                && let Some(chance) = &feed.plan.disorder
            {
                ready += feed.chances.delay(chance, address, 0);
                change.set(flags::DISORDERED);
            }
            if feed.chances.duplicate(address)
                && let Some(chance) = &feed.plan.duplicates
            {
                copy_at = Some(ready + feed.chances.delay(chance, address, 1));
            }
        }
        if feed.in_order && change.flags() & flags::DISORDERED == 0 {
            let last = &mut feed.items.ready[change.key as usize];
            ready = ready.max(*last);
            *last = ready;
        }
        feed.meter.in_flight += 1 + u64::from(copy_at.is_some());
        feed.meter.in_flight_max = feed.meter.in_flight_max.max(feed.meter.in_flight);
        let handle = self.changes.insert(change);
        self.queue.push(ready, Kind::Put as u8, handle);
        if let Some(at) = copy_at {
            self.copy(change, ready, at);
        }
    }

    #[cold]
    fn copy(&mut self, mut change: Change, ready: Nanos, at: Nanos) {
        let Some(feed) = &mut self.tables[change.table as usize].feed else { return };
        feed.meter.copies += 1;
        let distance = (at - ready) / MICROSECOND;
        if FULL && self.cohort.has(change.written / MICROSECOND) {
            feed.ordering.duplicate_micros.record(distance);
        }
        change.propagation = change.propagation.saturating_add(u32::try_from(distance).unwrap_or(u32::MAX));
        change.set(flags::COPY);
        let handle = self.changes.insert(change);
        self.queue.push(at, Kind::Put as u8, handle);
    }

    /// A change, or one more try of it, reaches the stream.
    #[inline]
    pub(super) fn put(&mut self, now: Nanos, handle: u32) {
        let change = self.changes.get(handle);
        let Some(feed) = &mut self.tables[change.table as usize].feed else { return };
        let follows = change.flags() & (LEADS | flags::COPY | flags::DISORDERED) == 0;
        if feed.in_order && follows {
            let item = &mut feed.items.items[change.key as usize];
            if item.last_waiting != NOBODY {
                // An earlier change of this item waits for room: this one waits behind it.
                self.changes.get_mut(item.last_waiting).next = handle;
                item.last_waiting = handle;
                return;
            }
        }
        let mut following = Some(handle);
        while let Some(handle) = following {
            following = self.try_put(now, handle);
        }
    }

    /// One put. Returns the change of the same item that waited behind this one and may be tried now.
    #[inline]
    fn try_put(&mut self, now: Nanos, handle: u32) -> Option<u32> {
        let change = self.changes.get(handle);
        let feed = self.tables[change.table as usize].feed.as_mut()?;
        let shard = feed.items.items[change.key as usize].shard as usize;
        if change.bytes() > feed.record_bytes_max {
            return self.skip_too_large(now, handle);
        }
        feed.meter.attempts += 1;
        let units = u64::from(change.units);
        feed.meter.units += units;
        if change.failures == 0 {
            let copy = change.flags() & flags::COPY != 0;
            *(if copy { &mut feed.meter.units_copies } else { &mut feed.meter.units_first }) += units;
        }
        let (written, appended) = (change.written / MICROSECOND, now / MICROSECOND);
        let record = Record {
            written,
            appended,
            bytes: change.bytes(),
            key: change.key,
            flags: change.flags() & (flags::COPY | flags::DISORDERED | flags::RETRIED),
        };
        let place = &mut self.streams[feed.plan.stream];
        let outcome = place.stream.put_record(now, shard, &record);
        if FULL {
            feed.series.add(now, column::UNITS, units);
            place.count(now, shard, record.bytes, &outcome);
        }
        if outcome.is_err() {
            self.put_refused(now, handle);
            return None;
        }
        let counted = self.cohort.has(written);
        feed.note_order::<FULL>(&change, written, counted);
        if counted {
            let total = appended - written;
            if FULL {
                let propagation = u64::from(change.propagation).min(total);
                feed.latency.record([propagation, total - propagation]);
            } else {
                feed.latency.record_total(total);
            }
        }
        feed.meter.replicated += 1;
        feed.meter.in_flight -= 1;
        if FULL && change.failures > 0 {
            let age = appended - written;
            feed.meter.age_max_micros = feed.meter.age_max_micros.max(age);
            feed.series.raise(now, column::AGE, age);
        }
        self.fingerprint.outcome(now, change.identity(), 1);
        place.wake_readers(now, shard, &mut self.queue);
        self.leave(handle)
    }

    /// A change has left the feed: the next change of its item, if one waited, now leads.
    #[inline]
    fn leave(&mut self, handle: u32) -> Option<u32> {
        let change = self.changes.remove(handle);
        if change.flags() & LEADS == 0 {
            return None;
        }
        let feed = self.tables[change.table as usize].feed.as_mut()?;
        if change.next == NOBODY {
            feed.items.items[change.key as usize].last_waiting = NOBODY;
            return None;
        }
        self.changes.get_mut(change.next).set(LEADS);
        Some(change.next)
    }

    fn put_refused(&mut self, now: Nanos, handle: u32) {
        let change = self.changes.get_mut(handle);
        change.failures = change.failures.saturating_add(1);
        change.set(flags::RETRIED);
        let Some(feed) = self.tables[change.table as usize].feed.as_mut() else { return };
        feed.meter.throttled += 1;
        if feed.in_order && change.flags() & (LEADS | flags::COPY | flags::DISORDERED) == 0 {
            change.set(LEADS);
            feed.items.items[change.key as usize].last_waiting = handle;
        }
        let failures = u32::from(change.failures);
        let address = change.address();
        let wait = feed.plan.backoff.wait(failures, || feed.chances.backoff_unit(address, failures));
        if FULL {
            let age = (now - change.written) / MICROSECOND;
            feed.meter.age_max_micros = feed.meter.age_max_micros.max(age);
            feed.series.add(now, column::THROTTLED, 1);
            feed.series.raise(now, column::AGE, age);
        }
        match feed.waits.get((failures as usize).min(feed.waits.len()).wrapping_sub(1)) {
            Some(lane) => self.queue.push_in_lane(*lane, now + wait, Kind::Put as u8, handle),
            None => self.queue.push(now + wait, Kind::Put as u8, handle),
        }
    }

    /// A record over the stream's limit is skipped and later ones go on (KDC-J12).
    #[cold]
    fn skip_too_large(&mut self, now: Nanos, handle: u32) -> Option<u32> {
        let change = self.changes.get(handle);
        let feed = self.tables[change.table as usize].feed.as_mut()?;
        feed.meter.too_large += 1;
        feed.meter.in_flight -= 1;
        let copy = change.flags() & flags::COPY != 0;
        if !copy {
            feed.meter.originals_too_large += 1;
        }
        self.fingerprint.outcome(now, change.identity(), 2);
        self.leave(handle)
    }
}

/// Cohort membership is asked with microseconds.
impl Cohort {
    /// Whether a change with this intended write time is measured.
    #[inline]
    pub fn has(&self, written: u64) -> bool {
        written.wrapping_sub(self.from) < self.length
    }
}
