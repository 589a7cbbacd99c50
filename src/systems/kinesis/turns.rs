//! Readers whose shards change hands: nobody may read a shard for a while, and what was read may be read again.

use super::audience::NEVER;
use super::fan_out::FanOut;
use super::log::Micros;
use super::read_limit::ReadRefused;
use super::stream::Stream;
use crate::engine::time::Nanos;

impl Stream {
    /// Nobody reads a shard for this reader from now on: it makes no calls until it polls again.
    pub fn hold(&mut self, now: Nanos, shard: usize, reader: usize) {
        self.settle_empty_polls(now, shard);
        self.forget_sleeper(shard, reader);
        // While it was awake it made its calls itself, and none if it was busy: none of its clock's are left to be made.
        self.resume(now, shard, reader);
    }

    /// Somebody reads it again, with an iterator of his own (KDS-R7).
    pub fn resume(&mut self, now: Nanos, shard: usize, reader: usize) {
        let slot = self.slot(shard, reader);
        self.seats[slot].awake_from = now;
        if self.seats[slot].next_poll != NEVER {
            // None were made meanwhile.
            self.seats[slot].next_poll = self.seats[slot].next_poll.max(now);
        }
    }

    /// A sleeping reader's next call on a shard is at `at`, and those that find nothing follow by its clock: for readers that
    /// count from their last call.
    pub fn call_next_at(&mut self, at: Nanos, shard: usize, reader: usize) {
        let slot = self.slot(shard, reader);
        let next = &mut self.seats[slot].next_poll;
        if *next != NEVER {
            *next = at;
        }
    }

    /// When the record that a reader reads next arrived, if there is one.
    pub fn next_arrival(&self, shard: usize, reader: usize) -> Option<Micros> {
        let cursor = &self.seats[self.slot(shard, reader)].cursor;
        self.arena.peek(&self.shards[shard].log, cursor).map(|record| record.appended)
    }

    /// The same, of what the stream held before the run too: that arrived at moments that wrap around below 0.
    pub fn oldest_waiting(&self, shard: usize, reader: usize) -> Option<Micros> {
        let slot = self.slot(shard, reader);
        let of_past = self.past.as_ref().and_then(|past| past.next(slot)).map(|record| record.appended);
        of_past.or_else(|| self.next_arrival(shard, reader))
    }

    /// GetRecords of what this reader has read before: as many of records of these sizes, oldest first, as the call may return.
    ///
    /// # Errors
    /// Refused calls return nothing.
    pub fn get_records_again(
        &mut self,
        now: Nanos,
        shard: usize,
        reader: usize,
        records_max: u32,
        sizes: impl Iterator<Item = u64>,
    ) -> Result<usize, ReadRefused> {
        self.settle_empty_polls(now, shard);
        self.resume(now, shard, reader);
        self.ask(now, shard, reader)?;
        let (limits, meter) = (&self.read_limits, &mut self.readers[reader].meter);
        let (mut records, mut bytes) = (0, 0);
        for size in sizes.take(records_max.min(limits.call.records) as usize) {
            if records > 0 && bytes + size > limits.call.bytes {
                break;
            }
            records += 1;
            bytes += size;
        }
        self.audiences[shard].budget.took(limits, now, bytes);
        meter.polls += 1;
        meter.records += records as u64;
        meter.bytes += bytes;
        Ok(records)
    }

    /// What was pushed to a registered consumer a second time counts as read.
    pub fn note_pushed_again(&mut self, reader: usize, records: usize, bytes: u64) {
        let meter = &mut self.readers[reader].meter;
        meter.polls += 1;
        meter.records += records as u64;
        meter.bytes += bytes;
    }
}

impl FanOut {
    /// Another worker subscribes to a shard. Returns from when on it is pushed to: calls that come too soon after another one
    /// are made again (KDS-E5).
    pub fn take_over(&mut self, now: Nanos, shard: usize) -> Nanos {
        match self.subscribe_to_shard(now, shard) {
            Ok(()) => now,
            Err(_) => now + super::fan_out::TAKEOVER,
        }
    }

    /// What was pushed before is pushed again: as many of records of these sizes as the shard's throughput has room for, and
    /// at least one. Returns how many and their bytes.
    pub fn push_again(
        &mut self,
        now: Nanos,
        shard: usize,
        records_max: u32,
        sizes: impl Iterator<Item = u64>,
    ) -> (usize, u64) {
        let there = self.available(now, shard);
        let (mut records, mut bytes) = (0, 0);
        for size in sizes.take(records_max as usize) {
            if records > 0 && bytes + size > there {
                break;
            }
            records += 1;
            bytes += size;
        }
        self.spend(shard, bytes.min(there));
        self.meter.pushes += 1;
        self.meter.bytes += bytes;
        (records, bytes)
    }
}
