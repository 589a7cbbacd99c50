//! A table's DynamoDB stream: changes become visible in its shards, which follow the table's partitions.

use super::Pipeline;
use super::event::{Kind, pack, unpack};
use super::source::{Reader, StreamSource};
use super::write::TableSource;
use crate::engine::queue::EventQueue;
use crate::engine::random::{Keyed, Streams};
use crate::engine::time::{MICROSECOND, Nanos};
use crate::measure::latency::Latency;
use crate::measure::ordering::Ordering;
use crate::measure::series::Series;
use crate::systems::dynamodb::partition::Partitions;
use crate::systems::dynamodb::streams::StreamsPlan;
use crate::systems::dynamodb::table::Table;
use crate::systems::kinesis::log::Record;
use crate::workload::producer::Write;

/// Columns of the series of a table's stream.
pub mod column {
    /// `ReturnedRecordsCount` (DDB-X5).
    pub const RETURNED_RECORDS: usize = 0;
    /// `ReturnedBytes` (DDB-X5).
    pub const RETURNED_BYTES: usize = 1;
    /// Open shards, peak.
    pub const SHARDS: usize = 2;
    /// How many there are.
    pub const COUNT: usize = 3;
}

/// A change between the table's acceptance and the moment when readers can see it.
#[derive(Clone, Copy, Debug)]
pub struct Publication {
    /// When it was meant to be written.
    pub written: Nanos,
    key: u32,
    /// The version that it made of its item.
    version: u32,
    bytes: u32,
    /// Microseconds from the write to now, as drawn or as earlier changes of the item made it.
    propagation: u32,
    /// Number of its table.
    pub table: u8,
}

impl Publication {
    /// Number of its item.
    pub fn key(&self) -> u32 {
        self.key
    }
}

/// What the stream remembers of an item.
#[derive(Clone, Copy, Debug, Default)]
struct StreamItem {
    /// When its last change becomes visible.
    ready: Nanos,
    /// Changes taken up.
    taken: u32,
    /// The newest version in the stream.
    newest: u32,
}

/// What a table's stream counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamsMeter {
    /// Records that became visible.
    pub published: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Shards that were replaced by one child.
    pub rollovers: u64,
    /// Shards that were split with their partitions.
    pub splits: u64,
}

/// One table's stream at work, with what is measured of it.
#[derive(Clone, Debug)]
pub struct TableStream {
    /// How it works.
    pub plan: StreamsPlan,
    delays: Keyed,
    lifetimes: Keyed,
    items: Vec<StreamItem>,
    /// The open shard of each partition, of closed partitions the last one.
    shard_of_partition: Vec<u16>,
    /// Splits of partitions that its shards have followed.
    followed: usize,
    /// What it counted.
    pub meter: StreamsMeter,
    /// From the intended write to the stream: propagation, and what the write itself waited.
    pub latency: Latency<2>,
    /// Order and duplicates in the stream.
    pub ordering: Ordering,
    /// Its series.
    pub series: Series<{ column::COUNT }>,
}

/// The first places of a table's partitions, in order.
pub fn partition_starts(table: &Table) -> Vec<u128> {
    let Some(partitions) = table.throughput().partitions() else { return vec![0] };
    let open = partitions.open().iter();
    open.map(|number| partitions.all()[usize::from(*number)].first).collect()
}

impl TableStream {
    /// The stream of table `number`, which nobody has written to. Its first shards are due to roll over at times of their
    /// own, up to `last`.
    pub fn new(
        plan: &StreamsPlan,
        (number, table, items): (usize, &Table, usize),
        streams: &Streams,
        path: &str,
        (queue, last): (&mut EventQueue, Nanos),
        span: Nanos,
    ) -> Self {
        let shards = partition_starts(table).len();
        let new = Self {
            delays: streams.keyed(&format!("{path}.delay")),
            lifetimes: streams.keyed(&format!("{path}.rollover")),
            items: vec![StreamItem::default(); items],
            shard_of_partition: (0..shards as u16).collect(),
            followed: 0,
            meter: StreamsMeter::default(),
            latency: Latency::default(),
            ordering: Ordering::default(),
            series: Series::new(span),
            plan: plan.clone(),
        };
        for shard in 0..shards {
            let at = new.plan.lifetime(&new.lifetimes, shard, true);
            if at <= last {
                queue.push(at, Kind::RollOver as u8, pack(number, shard));
            }
        }
        new
    }

    /// Makes room for items up to `items`.
    pub fn extend(&mut self, items: usize) {
        self.items.resize(items.max(self.items.len()), StreamItem::default());
    }

    /// Notes what the stream now holds of a change, and whether that came in order and once.
    fn note_order(&mut self, publication: &Publication, counted: bool) {
        let item = &mut self.items[publication.key as usize];
        if counted {
            self.ordering.records += 1;
            self.ordering.duplicates += u64::from(publication.version == item.newest);
            if publication.version < item.newest {
                self.ordering.late_by(0, item.newest - publication.version, 0);
            }
        }
        item.newest = item.newest.max(publication.version);
    }
}

impl TableSource {
    /// Notes what a GetRecords call on the table's stream returned (DDB-X5).
    pub(super) fn note_returned(&mut self, now: Nanos, records: u64, bytes: u64) {
        if let Some(own) = &mut self.streams {
            own.series.add(now, column::RETURNED_RECORDS, records);
            own.series.add(now, column::RETURNED_BYTES, bytes);
        }
    }
}

impl<const FULL: bool> Pipeline<FULL> {
    /// The table accepted a write: its stream takes the change up, behind earlier ones of the item (DDS-3).
    #[cold]
    pub(super) fn take_up(&mut self, now: Nanos, table: usize, write: &Write) {
        let Some(own) = &mut self.tables[table].streams else { return };
        let delay = own.plan.delay(&own.delays, write.address()) + u64::from(write.takes) * MICROSECOND;
        let item = &mut own.items[write.key as usize];
        item.taken += 1;
        item.ready = item.ready.max(now + delay);
        let publication = Publication {
            written: write.at,
            key: write.key,
            version: item.taken,
            bytes: write.record.streams_bytes,
            propagation: u32::try_from((item.ready - now) / MICROSECOND).unwrap_or(u32::MAX),
            table: table as u8,
        };
        let at = item.ready;
        let handle = self.publications.insert(publication);
        self.queue.push(at, Kind::Publish as u8, handle);
    }

    /// A change becomes visible to readers.
    pub(super) fn publish(&mut self, now: Nanos, handle: u32) {
        let publication = self.publications.remove(handle);
        let number = usize::from(publication.table);
        self.follow_partitions(now, number);
        let TableSource { table, streams: Some(own), .. } = &mut self.tables[number] else { return };
        let partition = table.throughput().partitions().map_or(0, |all| all.of(publication.key));
        let shard = usize::from(own.shard_of_partition[usize::from(partition)]);
        let (written, appended) = (publication.written / MICROSECOND, now / MICROSECOND);
        let (bytes, key) = (publication.bytes, publication.key);
        let place = &mut self.streams[own.plan.stream];
        place.stream.append(shard, &Record { written, appended, bytes, key, flags: 0 });
        place.wake_readers(now, shard, &mut self.queue);
        own.meter.published += 1;
        own.meter.bytes += u64::from(bytes);
        let counted = self.cohort.has(written);
        own.note_order(&publication, counted);
        if counted {
            let total = appended - written;
            let propagation = u64::from(publication.propagation).min(total);
            own.latency.record([propagation, total - propagation]);
        }
        if FULL {
            let open = place.stream.lineage().open().len();
            own.series.raise(now, column::SHARDS, open as u64);
        }
        self.fingerprint.outcome(now, u64::from(key) << 32 | u64::from(publication.version), 9);
    }

    /// Partitions that were split since: their shards are split alike (DDS-S2).
    fn follow_partitions(&mut self, now: Nanos, number: usize) {
        let TableSource { table, streams: Some(own), .. } = &mut self.tables[number] else { return };
        let Some(partitions) = table.throughput().partitions() else { return };
        if partitions.splits().len() == own.followed {
            return;
        }
        let (stream, first) = (own.plan.stream, self.streams[own.plan.stream].stream.shard_count());
        own.follow(now, partitions, &mut self.streams[stream], &mut self.queue);
        self.shards_opened(now, number, first);
    }

    /// A shard has been open for about four hours: one child takes its place (DDS-S3).
    pub(super) fn roll_over(&mut self, now: Nanos, handle: u32) {
        let (number, shard) = unpack(handle);
        let Some(own) = &mut self.tables[number].streams else { return };
        let place = &mut self.streams[own.plan.stream];
        if place.stream.is_closed(shard) {
            return;
        }
        let child = place.stream.shard_count();
        // A stream that has run out of numbers keeps the shards it has.
        let Ok(polls) = place.stream.roll_over(now, shard) else { return };
        place.schedule(&polls, &mut self.queue);
        own.meter.rollovers += 1;
        let of_shard = own.shard_of_partition.iter_mut().filter(|of| usize::from(**of) == shard);
        of_shard.for_each(|of| *of = child as u16);
        self.shards_opened(now, number, child);
    }

    /// Shards of a table's stream are new from number `first` on: readers have room for them, and their time is set.
    fn shards_opened(&mut self, now: Nanos, number: usize, first: usize) {
        let Some(own) = &self.tables[number].streams else { return };
        let stream = own.plan.stream;
        let shards = self.streams[stream].stream.shard_count();
        for shard in first..shards {
            let at = now + own.plan.lifetime(&own.lifetimes, shard, false);
            // Once nobody writes any more, shards stay as they are.
            if at <= self.arrivals_end {
                self.queue.push(at, Kind::RollOver as u8, pack(number, shard));
            }
        }
        self.fingerprint.outcome(now, (number as u64) << 32 | shards as u64, 9);
        self.make_room(now, stream);
    }

    /// A reader that stood at the end of a shard has found its children (DDS-Y2, ADP-4).
    pub(super) fn discover(&mut self, now: Nanos, handle: u32) {
        let (reader, shard) = unpack(handle);
        let number = match self.reader(reader) {
            Reader::Consumer(number) => number as usize,
            Reader::Lambda(number) => return self.function_discovers(now, number as usize, shard),
            // A delivery stream reads no table's stream.
            Reader::Delivery(_) => return,
        };
        let consumer = &mut self.consumers[number];
        let place = &mut self.streams[consumer.stream];
        let polls = place.stream.turn_to_children(now, shard, consumer.reader);
        place.schedule(&polls, &mut self.queue);
        for child in &place.stream.lineage().shards()[shard].children {
            consumer.polling.hand(usize::from(*child)).pause = (now - consumer.discovery, now);
        }
    }
}

impl TableStream {
    /// Splits the shards of partitions that were split since the last time.
    #[cold]
    fn follow(
        &mut self,
        now: Nanos,
        partitions: &Partitions,
        place: &mut StreamSource,
        queue: &mut EventQueue,
    ) {
        self.shard_of_partition.resize(partitions.all().len(), 0);
        for split in &partitions.splits()[self.followed..] {
            let shard = self.shard_of_partition[usize::from(split.parent)];
            let [_, upper] = split.children;
            let at = partitions.all()[usize::from(upper)].first;
            // A stream that has run out of numbers keeps the shards it has.
            let children = match place.stream.split_now(now, usize::from(shard), at) {
                Ok(polls) => {
                    place.schedule(&polls, queue);
                    self.meter.splits += 1;
                    let children = &place.stream.lineage().shards()[usize::from(shard)].children;
                    [children[0], children[1]]
                }
                Err(_) => [shard; 2],
            };
            for (partition, shard) in split.children.iter().zip(children) {
                self.shard_of_partition[usize::from(*partition)] = shard;
            }
        }
        self.followed = partitions.splits().len();
    }
}
