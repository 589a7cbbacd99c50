//! A stream at work: its shards, who reads it, and what is measured of it.

use super::event::{Kind, pack};
use crate::engine::queue::EventQueue;
use crate::engine::time::Nanos;
use crate::measure::series::Series;
use crate::measure::shard_load::ShardLoad;
use crate::pricing::meter::put_payload_units;
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
    /// The stream.
    pub stream: Stream,
    /// The handle numbers of its readers' polls, by the stream's own reader number.
    pub readers: Vec<u32>,
    /// Load by shard; empty when it is not measured.
    pub loads: Vec<ShardLoad>,
    /// PUT payload units of accepted records.
    pub put_units: u64,
    /// Bytes of accepted records.
    pub bytes: u64,
    /// Its series.
    pub series: Series<{ column::COUNT }>,
}

impl StreamSource {
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
