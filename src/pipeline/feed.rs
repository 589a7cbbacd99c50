//! The feed of one table into one stream: changes reach the stream's door, are put, wait and are tried again.

use super::asleep::Asleep;
use super::change::{Change, LEADS, LINKED, METERED, TWICE};
use super::destination::Trouble;
use super::event::Kind;
use super::tolls::TOO_LARGE;
use super::{Cohort, Pipeline};
use crate::engine::queue::{EventQueue, Lane};
use crate::engine::random::Streams;
use crate::engine::time::{MICROSECOND, Nanos};
use crate::measure::latency::Latency;
use crate::measure::ordering::Ordering;
use crate::measure::repair::{self, Arrival, Repair};
use crate::measure::sample::Sample;
use crate::measure::series::Series;
use crate::systems::dynamodb::destination::Destination;
use crate::systems::dynamodb::items::{Items, NOBODY};
use crate::systems::dynamodb::replication::{Chances, Order, ReplicationMeter, ReplicationPlan};
use crate::systems::kinesis::log::{Micros, Record, flags};
use crate::systems::kinesis::stream::Put;
use crate::workload::producer::Write;

/// Columns of a feed's series.
pub mod column {
    /// `AgeOfOldestUnreplicatedRecord`, peak, microseconds.
    pub const AGE: usize = 0;
    /// `ThrottledPutRecordCount`.
    pub const THROTTLED: usize = 1;
    /// `ConsumedChangeDataCaptureUnits`.
    pub const UNITS: usize = 2;
    /// `FailedToReplicateRecordCount`.
    pub const FAILED: usize = 3;
    /// How many there are.
    pub const COUNT: usize = 4;
}

/// One table's feed at work, with what is measured of it.
#[derive(Clone, Debug)]
pub struct Feed {
    /// How it works.
    pub plan: ReplicationPlan,
    /// Items of its table.
    pub items: Items,
    /// Name of its table.
    pub table: String,
    /// Its destination, once something has happened to it.
    pub(super) destination: Option<Destination>,
    /// Changes whose tries are known to fail.
    pub(super) asleep: Asleep,
    pub(super) chances: Chances,
    /// One lane for each length of wait, where waits have no jitter.
    waits: Vec<(Nanos, Lane)>,
    in_order: bool,
    record_bytes_max: u32,
    /// What it counted.
    pub meter: ReplicationMeter,
    /// From the intended write to the shard: propagation, and waiting for its turn or for room.
    pub latency: Latency<2>,
    /// Order and duplicates in the stream.
    pub ordering: Ordering,
    /// When each item's newest version in the stream was meant to be written; empty unless everything is measured.
    newest_written: Vec<Micros>,
    /// What ways to repair that come to.
    pub repair: Repair,
    /// Its series.
    pub series: Series<{ column::COUNT }>,
}

impl Feed {
    /// A feed of this table that has sent nothing.
    pub fn new(
        plan: &ReplicationPlan,
        items: Items,
        streams: &Streams,
        table: &str,
        queue: &mut EventQueue,
        record_bytes_max: u32,
        span: Nanos,
    ) -> Self {
        let steps = if plan.backoff.jitter { 0 } else { plan.backoff.steps() };
        let in_order = plan.order == Order::PerItem;
        let followed_max = if in_order { repair::ITEMS_MAX } else { repair::ITEMS_MAX_INDEPENDENT };
        Self {
            table: table.to_owned(),
            destination: None,
            asleep: Asleep::default(),
            chances: Chances::new(plan, streams, &format!("tables.{table}.kinesis")),
            waits: (1..=steps).map(|failures| (plan.backoff.wait(failures, || 1.0), queue.lane())).collect(),
            in_order,
            record_bytes_max,
            meter: ReplicationMeter::default(),
            latency: Latency::default(),
            ordering: Ordering::default(),
            newest_written: Vec::new(),
            repair: Repair::new(plan.precision.micros(), Sample::of_at_most(followed_max, items.len())),
            series: Series::new(span),
            plan: plan.clone(),
            items,
        }
    }

    /// Notes what the stream now holds of a change, and whether that came in order.
    #[inline]
    fn note_order<const FULL: bool>(
        &mut self,
        change: &Change,
        record: &Record,
        created: Micros,
        counted: bool,
    ) {
        let item = &mut self.items.items[change.key as usize];
        let newest = item.newest;
        item.newest = newest.max(change.version);
        let copy = change.flags() & flags::COPY != 0;
        self.ordering.duplicates += u64::from(copy && counted);
        if !FULL {
            self.ordering.out_of_order[3] += u64::from(change.version < newest && counted);
            return;
        }
        self.ordering.records += u64::from(counted);
        let newest_written = self.newest_written(change.key);
        if change.version > newest {
            *newest_written = record.written;
        } else if change.version < newest && counted {
            let lateness = newest_written.saturating_sub(record.written);
            self.ordering.late_by(change.flags(), newest - change.version, lateness);
        }
        self.repair.note(&Arrival {
            key: change.key,
            version: change.version,
            newest,
            created,
            arrived: record.appended,
            twice: change.flags() & TWICE != 0,
            counted,
        });
    }

    /// The shard that a change goes to, as far as is known: it may have closed since.
    #[inline]
    fn shard_of(&self, change: &Change) -> usize {
        let linked = change.flags() & LINKED != 0;
        if linked { usize::from(self.items.shards[change.key as usize]) } else { change.link as usize }
    }

    /// The stream refused a put: counts that, and plans the next try.
    #[inline(always)]
    fn refused<const FULL: bool>(
        &mut self,
        now: Nanos,
        handle: u32,
        change: &mut Change,
        queue: &mut EventQueue,
    ) {
        self.meter.throttled += 1;
        self.meter.units_retried += change.units_retried();
        if FULL {
            let bin = self.series.bin(now);
            bin[column::UNITS] += u64::from(change.units);
            bin[column::THROTTLED] += 1;
        }
        change.set(METERED);
        self.put_failed::<FULL>(now, handle, change);
        self.try_again_later(now, handle, change, queue);
    }

    /// A put failed: notes how often that is so by now, and that later changes of its item wait behind it.
    #[inline(always)]
    pub(super) fn put_failed<const FULL: bool>(&mut self, now: Nanos, handle: u32, change: &mut Change) {
        change.failures = change.failures.saturating_add(1);
        if change.failures == 1 {
            change.set(flags::RETRIED);
            if self.in_order && change.flags() & LEADS == 0 {
                change.set(LEADS);
                self.items.last_waiting[change.key as usize] = handle;
            }
        }
        if FULL {
            self.note_age(now, (now - change.written) / MICROSECOND);
        }
    }

    /// Plans the next try of a change whose puts have failed.
    #[inline(always)]
    pub(super) fn try_again_later(&self, now: Nanos, handle: u32, change: &Change, queue: &mut EventQueue) {
        // Waits without jitter have a lane each, the longest one for all that are capped.
        let step = usize::from(change.failures).min(self.waits.len());
        match self.waits.get(step.wrapping_sub(1)) {
            Some((wait, lane)) => queue.push_in_lane(*lane, now + wait, Kind::PutAgain as u8, handle),
            None => queue.push(now + self.wait(now, change, change.failures), Kind::PutAgain as u8, handle),
        }
    }

    /// Notes how old a change is by now.
    #[inline]
    fn note_age(&mut self, now: Nanos, age: Micros) {
        self.meter.age_max_micros = self.meter.age_max_micros.max(age);
        self.series.raise(now, column::AGE, age);
    }

    /// When the item's newest version in the stream was meant to be written.
    #[inline]
    fn newest_written(&mut self, key: u32) -> &mut Micros {
        let key = key as usize;
        if key >= self.newest_written.len() {
            self.newest_written.resize(self.items.len(), 0);
        }
        &mut self.newest_written[key]
    }
}

impl<const FULL: bool> Pipeline<FULL> {
    /// The table accepted a write: the feed takes its change up.
    #[inline(always)]
    pub(super) fn capture(&mut self, now: Nanos, table: usize, write: &Write) {
        let Some(mut feed) = self.tables[table].feed.as_mut() else { return };
        if feed.destination.is_some() {
            if self.passes_by(now, table, write) {
                return;
            }
            let Some(again) = self.tables[table].feed.as_mut() else { return };
            feed = again;
        }
        let item = &mut feed.items.items[write.key as usize];
        item.version += 1;
        let mut change =
            Change::new(write.at, table as u8, write.key, item.version, write.record, write.delay);
        change.link = u32::from(feed.items.shards[write.key as usize]);
        let mut ready = now + write.delay;
        if feed.in_order && ready < feed.items.ready[write.key as usize] {
            ready = feed.items.ready[write.key as usize];
            change.delayed_to(now, ready);
        }
        let address = change.address();
        if feed.chances.disorder(address)
            && let Some(chance) = &feed.plan.disorder
        {
            // Held back from its place in the order; later changes of its item do not wait for it.
            ready += feed.chances.delay(chance, address, 0);
            change.delayed_to(now, ready);
            change.set(flags::DISORDERED);
        } else if feed.in_order {
            feed.items.ready[write.key as usize] = ready;
        }
        let twice = feed.chances.duplicate(address);
        if twice {
            change.set(TWICE);
        }
        let handle = self.changes.insert(change);
        self.queue.push(ready, Kind::Put as u8, handle);
        if FULL {
            self.note_created(handle, now);
        }
        if twice {
            self.copy(now, change, ready);
        }
    }

    /// Remembers when the table accepted a change, for as long as it is under way.
    #[inline]
    fn note_created(&mut self, handle: u32, now: Nanos) {
        let handle = handle as usize;
        if handle >= self.created.len() {
            self.created.resize(handle + 1, 0);
        }
        self.created[handle] = now / MICROSECOND;
    }

    /// Sends a second copy of a change, which the table accepted at `now`, after it.
    #[cold]
    fn copy(&mut self, now: Nanos, mut change: Change, ready: Nanos) {
        let Some(feed) = &mut self.tables[change.table as usize].feed else { return };
        let Some(chance) = &feed.plan.duplicates else { return };
        let at = ready + feed.chances.delay(chance, change.address(), 1);
        feed.meter.copies += 1;
        let distance = (at - ready) / MICROSECOND;
        if FULL && self.cohort.has(change.written / MICROSECOND) {
            feed.ordering.duplicate_micros.record(distance);
        }
        change.propagation = change.propagation.saturating_add(u32::try_from(distance).unwrap_or(u32::MAX));
        change.set(flags::COPY);
        let handle = self.changes.insert(change);
        self.queue.push(at, Kind::Put as u8, handle);
        if FULL {
            self.note_created(handle, now);
        }
    }

    /// A change reaches the stream.
    #[inline(always)]
    pub(super) fn put(&mut self, now: Nanos, handle: u32) {
        let change = self.changes.get(handle);
        let Some(feed) = &mut self.tables[change.table as usize].feed else { return };
        if feed.in_order && change.flags() & LEADS == 0 {
            let last_waiting = &mut feed.items.last_waiting[change.key as usize];
            if *last_waiting != NOBODY {
                // An earlier change of this item waits for room: this one waits behind it.
                let last = self.changes.get_mut(*last_waiting);
                last.link = handle;
                last.set(LINKED);
                *last_waiting = handle;
                return;
            }
        }
        if let Some(following) = self.try_put(now, handle, change) {
            self.put_line(now, following);
        }
    }

    /// Puts the changes of one item that waited in line, as far as there is room.
    #[cold]
    fn put_line(&mut self, now: Nanos, first: u32) {
        let mut following = Some(first);
        while let Some(handle) = following {
            following = self.try_put(now, handle, self.changes.get(handle));
        }
    }

    /// One put. Returns the change of the same item that waited behind this one and may be tried now.
    // Always inlined, like what it calls: at 100 ns a record, saving and restoring registers shows.
    #[inline(always)]
    fn try_put(&mut self, now: Nanos, handle: u32, change: Change) -> Option<u32> {
        let feed = self.tables[change.table as usize].feed.as_ref()?;
        if change.bytes() > feed.record_bytes_max || feed.destination.is_some() {
            return self.try_put_in_trouble(now, handle, change);
        }
        self.put_record(now, handle, change)
    }

    /// A put of a record that no stream takes, or by a feed to whose destination something has happened.
    #[cold]
    fn try_put_in_trouble(&mut self, now: Nanos, handle: u32, change: Change) -> Option<u32> {
        let feed = self.tables[change.table as usize].feed.as_ref()?;
        if change.bytes() > feed.record_bytes_max {
            return self.skip_too_large(now, handle, change);
        }
        match self.put_in_trouble(now, handle, change) {
            Trouble::None => self.put_record(now, handle, change),
            Trouble::Waits => None,
            Trouble::Ended(following) => following,
        }
    }

    /// A put that reaches the stream.
    #[inline(always)]
    fn put_record(&mut self, now: Nanos, handle: u32, change: Change) -> Option<u32> {
        let table = &mut self.tables[change.table as usize];
        let feed = table.feed.as_mut()?;
        let mut shard = feed.shard_of(&change);
        let place = &mut self.streams[feed.plan.stream];
        let record = || Record {
            written: change.written / MICROSECOND,
            appended: now / MICROSECOND,
            bytes: change.bytes(),
            key: change.key,
            flags: change.flags() & (flags::COPY | flags::DISORDERED | flags::RETRIED),
        };
        let mut put = place.stream.put_here(now, shard, change.bytes(), record);
        if let Put::Closed = put {
            shard = table.route_again(change.key, &place.stream);
            put = place.stream.put_here(now, shard, change.bytes(), record);
        }
        let feed = table.feed.as_mut()?;
        feed.meter.units += u64::from(change.units);
        if change.flags() & (flags::COPY | METERED) == flags::COPY {
            feed.meter.units_copied += u64::from(change.units);
        }
        if FULL {
            let refused = if let Put::Refused(why) = put { Err(why) } else { Ok(()) };
            place.count(now, shard, change.bytes(), &refused);
        }
        let Put::Appended { record, awaited } = put else {
            self.put_refused(now, handle);
            return None;
        };
        let Record { written, appended, .. } = record;
        if awaited {
            place.wake_sleepers(now, shard, &mut self.queue);
        }
        let counted = self.cohort.has(written);
        let created = if FULL { self.created[handle as usize] } else { 0 };
        feed.note_order::<FULL>(&change, &record, created, counted);
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
        feed.meter.copies_replicated += u64::from(change.flags() & flags::COPY != 0);
        feed.meter.units_retried += change.units_retried();
        if FULL {
            feed.series.add(now, column::UNITS, u64::from(change.units));
            feed.note_age(now, appended - written);
        }
        self.fingerprint.outcome(now, change.identity(), 1);
        self.leave(handle, change)
    }

    /// A change has left the feed: the next change of its item, if one waited, now leads.
    #[inline(always)]
    pub(super) fn leave(&mut self, handle: u32, change: Change) -> Option<u32> {
        self.changes.free(handle);
        if change.flags() & LEADS == 0 {
            return None;
        }
        if change.flags() & LINKED == 0 {
            let feed = self.tables[change.table as usize].feed.as_mut()?;
            feed.items.last_waiting[change.key as usize] = NOBODY;
            return None;
        }
        self.changes.get_mut(change.link).set(LEADS);
        Some(change.link)
    }

    /// The stream refused a put: the change waits for another try.
    #[inline(never)]
    fn put_refused(&mut self, now: Nanos, handle: u32) {
        self.cut_off_if_due(now, handle);
        let change = self.changes.get_mut(handle);
        let Some(feed) = self.tables[change.table as usize].feed.as_mut() else { return };
        feed.refused::<FULL>(now, handle, change, &mut self.queue);
    }

    /// A change that the stream has refused before is tried again.
    #[inline(never)]
    pub(super) fn put_again(&mut self, now: Nanos, handle: u32) {
        if !self.is_refused_again(now, handle) {
            self.put(now, handle);
        }
    }

    /// Where it is known to fail like the last time, which is nearly always so, all of the try is done here; whether it was.
    #[inline(always)]
    fn is_refused_again(&mut self, now: Nanos, handle: u32) -> bool {
        let change = self.changes.get_mut(handle);
        let Some(feed) = &mut self.tables[change.table as usize].feed else { return false };
        if feed.destination.is_some() || change.flags() & METERED == 0 || change.is_overdue(now) {
            return false;
        }
        debug_assert!(change.bytes() <= feed.record_bytes_max, "the stream has looked at it before");
        debug_assert!(
            !feed.in_order || change.flags() & LEADS != 0,
            "later changes of its item wait behind it"
        );
        let shard = feed.shard_of(change);
        let place = &mut self.streams[feed.plan.stream];
        let Some(why) = place.stream.refuses(now, shard, change.bytes()) else { return false };
        feed.meter.units += u64::from(change.units);
        if FULL {
            place.count(now, shard, change.bytes(), &Err(why));
        }
        feed.refused::<FULL>(now, handle, change, &mut self.queue);
        true
    }

    /// A record over the stream's limit is skipped and later ones go on (KDC-J12).
    #[cold]
    fn skip_too_large(&mut self, now: Nanos, handle: u32, change: Change) -> Option<u32> {
        let table = &mut self.tables[change.table as usize];
        let feed = table.feed.as_mut()?;
        let originals = u64::from(change.flags() & flags::COPY == 0);
        feed.meter.too_large += 1;
        feed.meter.originals_too_large += originals;
        table.tolls.note(now, TOO_LARGE, originals);
        if FULL {
            feed.series.add(now, column::FAILED, 1);
        }
        self.fingerprint.outcome(now, change.identity(), 2);
        self.leave(handle, change)
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
