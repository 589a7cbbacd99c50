//! A stream at work: its shards, who reads it, and what is measured of it.

use super::event::{Kind, pack};
use crate::engine::queue::EventQueue;
use crate::engine::time::Nanos;
use crate::measure::era::Era;
use crate::measure::series::Series;
use crate::measure::shard_load::ShardLoad;
use crate::pricing::meter::put_payload_units;
use crate::systems::kinesis::reshard::NextPoll;
use crate::systems::kinesis::shard::WriteRefused;
use crate::systems::kinesis::stream::{ReadMeter, Stream};

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
    /// PUT payload units of accepted records.
    pub put_units: u64,
    /// Bytes of accepted records.
    pub bytes: u64,
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

impl StreamSource {
    /// The stream at `place`, without readers, of which the load of the first `measured` shards is measured.
    pub fn new(place: String, stream: Stream, measured: usize, span: Nanos) -> Self {
        Self {
            place,
            stream,
            readers: Vec::new(),
            loads: vec![ShardLoad::default(); measured],
            eras: Vec::new(),
            era: Era::default(),
            hours: ShardHours::default(),
            put_units: 0,
            bytes: 0,
            series: Series::new(span),
        }
    }

    /// Shards times the nanoseconds for which they were open, up to `now`.
    pub fn shard_nanos(&self, now: Nanos) -> u128 {
        self.hours.until(now, self.stream.lineage().open().len())
    }

    /// Schedules the polls of readers that slept on a shard.
    #[inline]
    pub fn wake_readers(&mut self, now: Nanos, shard: usize, queue: &mut EventQueue) {
        if self.stream.has_sleepers(shard) {
            self.wake_sleepers(now, shard, queue);
        }
    }

    #[cold]
    fn wake_sleepers(&mut self, now: Nanos, shard: usize, queue: &mut EventQueue) {
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

    /// Measures one put.
    #[inline]
    pub fn count(&mut self, now: Nanos, shard: usize, bytes: u32, outcome: &Result<(), WriteRefused>) {
        match outcome {
            Ok(()) => {
                self.put_units += put_payload_units(u64::from(bytes));
                self.bytes += u64::from(bytes);
                self.series.add(now, column::RECORDS, 1);
                self.series.add(now, column::BYTES, u64::from(bytes));
                self.loads[shard].accepted(now, bytes);
            }
            Err(why) => {
                self.series.add(now, column::REFUSED, 1);
                self.loads[shard].refused(now, *why);
            }
        }
    }
}
