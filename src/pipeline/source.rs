//! A stream at work: its shards, who reads it, and what is measured of it.

use super::event::{Kind, pack};
use crate::engine::queue::EventQueue;
use crate::engine::time::{DAY, MICROSECOND, Nanos, SECOND};
use crate::measure::era::Era;
use crate::measure::series::{Series, bin_width};
use crate::measure::shard_load::ShardLoad;
use crate::measure::stream_load::StreamLoad;
use crate::pricing::meter::{on_demand_ingest_bytes, put_payload_units};
use crate::systems::kinesis::capacity::{Capacity, CapacityMeter};
use crate::systems::kinesis::get_records::ReadMeter;
use crate::systems::kinesis::log::Record;
use crate::systems::kinesis::reshard::NextPoll;
use crate::systems::kinesis::shard::WriteRefused;
use crate::systems::kinesis::stream::Stream;

/// Columns of a stream's series.
pub mod column {
    /// `IncomingRecords`.
    pub const RECORDS: usize = 0;
    /// `IncomingBytes`.
    pub const BYTES: usize = 1;
    /// `WriteProvisionedThroughputExceeded`.
    pub const REFUSED: usize = 2;
    /// How many there are.
    pub const COUNT: usize = 3;
}

/// Who stands behind one of the stream's reader numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A polling consumer, by number.
    Consumer(u32),
    /// A delivery stream, by number.
    Delivery(u32),
    /// A function, by number.
    Lambda(u32),
    /// A fleet of workers, by number.
    Fleet(u32),
}

/// A stream with its readers and measures.
#[derive(Clone, Debug)]
pub struct StreamSource {
    /// Its path, such as `kinesis.changes`.
    pub place: String,
    /// The stream.
    pub stream: Stream,
    /// The handle numbers of its readers' polls, by the stream's own reader number.
    pub readers: Vec<u32>,
    /// Load by shard; empty when it is not measured.
    pub loads: Vec<ShardLoad>,
    /// Its load in each span between two reshardings, and during them; empty when it is not measured.
    pub eras: Vec<Era>,
    /// The span under way: its beginning, with what each shard had taken by then.
    pub era: Era,
    /// How long its shards were open.
    pub hours: ShardHours,
    /// What keeping records longer came to.
    pub kept: Kept,
    /// What moves its capacity; nothing where nothing does.
    pub capacity: Option<Box<Capacity>>,
    /// What it used in on-demand mode.
    pub on_demand: OnDemandMeter,
    /// What stood on its counters when its mode changed, and at the end of the measured span.
    pub modes: Vec<Snapshot>,
    /// What moved its capacity up to the end of the measured span.
    pub moved: Option<CapacityMeter>,
    /// What stands before it under Direct PUT to a delivery stream.
    pub front: Option<Box<super::direct_put::Front>>,
    /// Its load as a whole, second by second.
    pub room: StreamLoad,
    /// PUT payload units of records accepted in provisioned mode.
    pub put_units: u64,
    /// Bytes of accepted records.
    pub bytes: u64,
    /// Bytes that GetRecords returned of records older than seven days (`kds.prov.lt_read_gb`).
    pub long_ago_bytes: u64,
    /// Its series.
    pub series: Series<{ column::COUNT }>,
}

/// Open shards times the time for which they were open, up to the last change of their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardHours {
    nanos: u128,
    since: Nanos,
}

impl ShardHours {
    /// Up to `now`, of which the last stretch had `open` shards; nanoseconds.
    pub fn until(&self, now: Nanos, open: usize) -> u128 {
        self.nanos + u128::from(now - self.since) * open as u128
    }

    /// The number of open shards changes from `open` to another one.
    pub fn change(&mut self, now: Nanos, open: usize) {
        *self = Self { nanos: self.until(now, open), since: now };
    }
}

/// Retention beyond the day that is included: what it came to up to its last change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Open shards times nanoseconds with more than a day of retention, and bytes written times the seconds for which
    /// they stay beyond seven days.
    extended: [u128; 2],
    /// Shards times nanoseconds, and bytes written, up to the last change.
    since: [u128; 2],
}

/// Retention beyond this is billed by the byte.
pub const LONG_TERM: Nanos = 7 * DAY;

impl Kept {
    /// With what the stretch under way adds, in which records are kept for `retention`.
    fn until(&self, used: [u128; 2], retention: Nanos) -> [u128; 2] {
        let [shards, bytes] = self.extended;
        let beyond = u128::from(retention.saturating_sub(LONG_TERM) / SECOND);
        let shard_nanos = if retention > DAY { used[0] - self.since[0] } else { 0 };
        [shards + shard_nanos, bytes + (used[1] - self.since[1]) * beyond]
    }
}

/// What stood on a stream's counters at the end of a stretch in one capacity mode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// When the stretch ended.
    pub at: Nanos,
    /// Whether it was in on-demand mode.
    pub on_demand: bool,
    /// Shards open then.
    pub open: usize,
    /// PUT payload units in provisioned mode, Kinesis records and bytes accepted, puts refused.
    pub counts: [u64; 4],
    /// Open shards times nanoseconds in provisioned mode.
    pub shard_nanos: u128,
    /// What was used in on-demand mode.
    pub used: OnDemandUse,
}

/// What is billed in on-demand mode (`kds.od.*`, `kds.adv.*`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnDemandUse {
    /// Nanoseconds spent in on-demand mode.
    pub nanos: u128,
    /// Bytes written.
    pub bytes: u64,
    /// Bytes billed for them: each record rounded up to whole KB.
    pub billed_bytes: u64,
    /// Bytes that each polling reader read, by the stream's own reader number.
    pub read: Vec<u64>,
}

impl OnDemandUse {
    /// What was used since `earlier`.
    pub fn since(mut self, earlier: &Self) -> Self {
        self.nanos -= earlier.nanos;
        self.bytes -= earlier.bytes;
        self.billed_bytes -= earlier.billed_bytes;
        self.read.iter_mut().zip(&earlier.read).for_each(|(now, before)| *now -= before);
        self
    }

    fn add(&mut self, more: &Self) {
        self.nanos += more.nanos;
        self.bytes += more.bytes;
        self.billed_bytes += more.billed_bytes;
        self.read.resize(self.read.len().max(more.read.len()), 0);
        self.read.iter_mut().zip(&more.read).for_each(|(sum, more)| *sum += more);
    }
}

/// Use of on-demand mode, over all stretches in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnDemandMeter {
    /// Use of the stretches that are over, with the billed bytes of all.
    over: OnDemandUse,
    /// What stood on the counters when the stretch under way began.
    begun: Option<OnDemandUse>,
}

impl OnDemandMeter {
    /// A stream at the start.
    pub fn new(on: bool) -> Self {
        Self { over: OnDemandUse::default(), begun: on.then(OnDemandUse::default) }
    }

    /// Whether the stream is in on-demand mode.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.begun.is_some()
    }
}

impl StreamSource {
    /// The stream at `place`, without readers, of which the load of the first `measured` shards is measured.
    pub fn new(place: String, mut stream: Stream, measured: usize, span: Nanos) -> Self {
        stream.count_refusals_by(bin_width(span));
        Self {
            place,
            stream,
            readers: Vec::new(),
            loads: vec![ShardLoad::default(); measured],
            eras: Vec::new(),
            era: Era::default(),
            hours: ShardHours::default(),
            kept: Kept::default(),
            put_units: 0,
            bytes: 0,
            long_ago_bytes: 0,
            series: Series::new(span),
            capacity: None,
            on_demand: OnDemandMeter::new(false),
            modes: Vec::new(),
            moved: None,
            front: None,
            room: StreamLoad::default(),
        }
    }

    /// What keeping records longer came to, up to `now`: shard-nanoseconds of extended retention, and byte-seconds
    /// beyond seven days.
    pub fn kept(&self, now: Nanos) -> [u128; 2] {
        self.kept.until(self.provisioned_use(now), self.stream.retention())
    }

    /// Shards times nanoseconds, and bytes written, in provisioned mode up to `now`.
    fn provisioned_use(&self, now: Nanos) -> [u128; 2] {
        [self.shard_nanos(now), (self.bytes - self.on_demand_use(now).bytes).into()]
    }

    /// Keeps records this long from now on.
    pub fn set_retention(&mut self, now: Nanos, retention: Nanos) {
        self.kept = Kept { extended: self.kept(now), since: self.provisioned_use(now) };
        self.stream.set_retention(now, retention);
    }

    /// Shards times the nanoseconds for which they were open in provisioned mode, up to `now`.
    pub fn shard_nanos(&self, now: Nanos) -> u128 {
        self.hours.until(now, self.billed_shards())
    }

    fn billed_shards(&self) -> usize {
        if self.on_demand.is_on() { 0 } else { self.stream.lineage().open().len() }
    }

    /// The number of open shards, or the mode, is about to change.
    pub(super) fn settle_hours(&mut self, now: Nanos) {
        self.hours.change(now, self.billed_shards());
    }

    /// What stands on the counters now.
    fn counters(&self, now: Nanos) -> OnDemandUse {
        // What is pushed has a price of its own: enhanced fan-out, or a channel.
        let polled = |reader: usize| {
            if self.stream.is_pushed(reader) { 0 } else { self.stream.meter(reader).bytes }
        };
        let read = (0..self.readers.len()).map(polled).collect();
        OnDemandUse { nanos: u128::from(now), bytes: self.bytes, billed_bytes: 0, read }
    }

    /// What it used in on-demand mode up to `now`.
    pub fn on_demand_use(&self, now: Nanos) -> OnDemandUse {
        let mut sum = self.on_demand.over.clone();
        if let Some(begun) = &self.on_demand.begun {
            sum.add(&self.counters(now).since(begun));
        }
        sum
    }

    /// What stands on its counters now.
    pub(super) fn snapshot(&self, now: Nanos) -> Snapshot {
        let taken = (0..self.stream.shard_count()).map(|shard| self.stream.taken(shard));
        Snapshot {
            at: now,
            on_demand: self.on_demand.is_on(),
            open: self.stream.lineage().open().len(),
            counts: [self.put_units, taken.map(|taken| taken.records).sum(), self.bytes, self.room.refused],
            shard_nanos: self.shard_nanos(now),
            used: self.on_demand_use(now),
        }
    }

    /// The measured span is over: what comes after it is told by no row of its capacity.
    pub(super) fn end_span(&mut self, now: Nanos) {
        self.modes.push(self.snapshot(now));
        self.moved = self.capacity.as_ref().map(|capacity| capacity.meter());
    }

    /// The stream changes its mode; its shard-hours are settled.
    pub(super) fn switch_mode(&mut self, now: Nanos) {
        if self.on_demand.is_on() {
            self.on_demand.over = self.on_demand_use(now);
            self.on_demand.begun = None;
        } else {
            self.on_demand.begun = Some(self.counters(now));
        }
    }

    /// Schedules the polls of readers that slept on a shard.
    #[inline]
    pub fn wake_readers(&mut self, now: Nanos, shard: usize, queue: &mut EventQueue) {
        if self.stream.has_sleepers(shard) {
            self.wake_sleepers(now, shard, queue);
        }
    }

    /// Schedules the polls of readers that sleep on a shard.
    #[cold]
    pub fn wake_sleepers(&mut self, now: Nanos, shard: usize, queue: &mut EventQueue) {
        for (reader, at) in self.stream.wake(now, shard) {
            queue.push(at, Kind::Poll as u8, pack(self.readers[reader] as usize, shard));
        }
    }

    /// A reader that has nothing more to read on a shard: if it has come to a closed shard's end, it goes on with the
    /// children.
    #[inline]
    pub fn rest(&mut self, now: Nanos, shard: usize, reader: usize, queue: &mut EventQueue) {
        if self.stream.is_closed(shard) {
            let polls = self.stream.turn_to_children(now, shard, reader);
            self.schedule(&polls, queue);
        }
    }

    /// Schedules polls of its readers.
    pub fn schedule(&self, polls: &[NextPoll], queue: &mut EventQueue) {
        for poll in polls {
            queue.push(poll.at, Kind::Poll as u8, pack(self.readers[poll.reader] as usize, poll.shard));
        }
    }

    /// What the calls of one of its readers came to.
    pub fn meter(&self, reader: usize) -> &ReadMeter {
        self.stream.meter(reader)
    }

    /// A GetRecords call returned these records: notes those that were put more than seven days before, which only a stream with
    /// long retention can have.
    #[inline]
    pub fn note_age(&mut self, now: Nanos, returned: &[Record]) {
        if self.stream.retention() > LONG_TERM && !self.on_demand.is_on() {
            self.note_long_ago(now, returned);
        }
    }

    #[cold]
    fn note_long_ago(&mut self, now: Nanos, returned: &[Record]) {
        // What was put before the run lies below 0 and wraps around.
        let old =
            |record: &&Record| (now / MICROSECOND).wrapping_sub(record.appended) > LONG_TERM / MICROSECOND;
        let bytes = returned.iter().filter(old).map(|record| u64::from(record.bytes));
        self.long_ago_bytes += bytes.sum::<u64>();
    }

    /// Measures one put.
    #[inline]
    pub fn count(&mut self, now: Nanos, shard: usize, bytes: u32, outcome: &Result<(), WriteRefused>) {
        match outcome {
            Ok(()) => {
                if self.on_demand.is_on() {
                    self.on_demand.over.billed_bytes += on_demand_ingest_bytes(u64::from(bytes));
                } else {
                    self.put_units += put_payload_units(u64::from(bytes));
                }
                self.room.accepted(now, bytes, self.stream.lineage().open().len());
                self.bytes += u64::from(bytes);
                let bin = self.series.bin(now);
                bin[column::RECORDS] += 1;
                bin[column::BYTES] += u64::from(bytes);
                self.loads[shard].accepted(now, bytes);
            }
            Err(why) => {
                self.series.add(now, column::REFUSED, 1);
                self.room.refused(now, self.stream.lineage().open().len());
                self.loads[shard].refused(now, *why);
            }
        }
    }
}
