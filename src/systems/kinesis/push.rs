//! What a stream pushes to a registered consumer, which has its own throughput (KDS-E1).

use super::log::{Micros, Record};
use super::stream::Stream;
use crate::engine::time::Nanos;

impl Stream {
    /// Whether this reader is a registered consumer: it makes no calls.
    pub fn is_pushed(&self, reader: usize) -> bool {
        self.readers[reader].pushed
    }

    /// The oldest record that waits on a shard for a registered consumer, after retention has taken its own.
    pub fn oldest(&mut self, now: Nanos, shard: usize, reader: usize) -> Option<Record> {
        if self.is_trimmed(now, shard, reader) {
            self.expire(now, shard, reader);
        }
        let slot = self.slot(shard, reader);
        if let Some(record) = self.past.as_ref().and_then(|past| past.next(slot)) {
            return Some(record);
        }
        let oldest = self.arena.peek(&self.shards[shard].log, &self.seats[slot].cursor);
        if oldest.is_none() && self.shards[shard].log.closed {
            // The last event names the child shards (KDS-E7).
            self.audiences[shard].ended |= 1 << reader;
        }
        oldest
    }

    /// Moves what a push to a registered consumer carries to the end of `out`: records that had arrived by `until`, at
    /// most `bytes_max` bytes of them but at least one. Returns the bytes.
    pub fn push_records(
        &mut self,
        shard: usize,
        reader: usize,
        until: Micros,
        bytes_max: u64,
        out: &mut Vec<Record>,
    ) -> u64 {
        let readers = self.readers.len();
        let slot = shard * readers + reader;
        let (mut bytes, before) = (0, out.len());
        if let Some(past) = self.past.as_mut().filter(|past| past.left(slot) > 0) {
            let most = past.next(slot).map_or(bytes_max, |record| bytes_max.max(record.bytes.into()));
            past.read(slot, usize::MAX, most, &mut bytes, out);
            let meter = &mut self.readers[reader].meter;
            (meter.polls, meter.bytes) = (meter.polls + 1, meter.bytes + bytes);
            meter.records += (out.len() - before) as u64;
            return bytes;
        }
        let place = &mut self.shards[shard];
        let seats = &mut self.seats[shard * readers..(shard + 1) * readers];
        while let Some(record) = self.arena.peek(&place.log, &seats[reader].cursor) {
            let more = bytes + u64::from(record.bytes);
            let fits = record.appended <= until && more <= bytes_max;
            if !fits && out.len() > before {
                break;
            }
            self.arena.step(&place.log, &mut seats[reader].cursor);
            bytes = more;
            out.push(record);
        }
        let count = (out.len() - before) as u64;
        self.readers[reader].passed += count;
        let meter = &mut self.readers[reader].meter;
        meter.polls += 1;
        meter.records += count;
        meter.bytes += bytes;
        self.arena.release_if_drained(&mut place.log, seats);
        bytes
    }
}
