//! What waits in a stream for its readers, counted where it lies.

use super::audience::NEVER;
use super::log::{Micros, Record};
use super::losses::{EXPIRED, Losses};
use super::stream::Stream;
use crate::engine::time::{MICROSECOND, Nanos};

impl Stream {
    /// The records that wait for a reader at the end, by walking them: (still readable, past retention).
    pub fn waiting(&self, now: Nanos, reader: usize) -> (u64, u64) {
        let horizon = (now / MICROSECOND).saturating_sub(self.retention);
        let (mut readable, mut expired) = (0, 0);
        for record in self.walk(reader) {
            *(if record.appended < horizon { &mut expired } else { &mut readable }) += 1;
        }
        if let Some(past) = self.past.as_ref().filter(|_| self.readers[reader].started) {
            for slot in (0..self.shards.len()).map(|shard| self.slot(shard, reader)) {
                let gone = past.left_before(slot, self.horizon(now));
                expired += gone;
                readable += past.left(slot) - gone;
            }
        }
        (readable, expired)
    }

    /// What a reader has lost to retention up to the end, what it would find out at its next calls included.
    pub fn losses(&self, end: Nanos, reader: usize) -> Losses {
        let mut losses = self.losses[reader].clone();
        let nothing_expired = self.past.is_none() && self.horizon(end) <= 0;
        let shards = if nothing_expired || self.is_removed(reader) { 0 } else { self.shards.len() };
        (0..shards).for_each(|shard| self.note_expired(end, shard, reader, &mut losses));
        losses
    }

    /// Notes what retention has removed of what waits for a reader on a shard: each record when it was too old, not when that shows.
    pub(super) fn note_expired(&self, now: Nanos, shard: usize, reader: usize, losses: &mut Losses) {
        // What was there before the run arrived at moments that wrap around below 0.
        let gone_at = |appended: Micros| {
            (appended as i64).saturating_add(self.retention as i64).max(0).unsigned_abs() * MICROSECOND
        };
        let horizon = self.horizon(now);
        let slot = self.slot(shard, reader);
        let past = self.past.as_ref().filter(|_| self.readers[reader].started);
        if let Some((records, first, last)) = past.and_then(|past| past.gone(slot, horizon)) {
            losses.note(shard, (gone_at(first), gone_at(last)), EXPIRED, records);
        }
        let expired = |record: &Record| (record.appended as i64) < horizon;
        for record in self.walk_shard(shard, reader).take_while(expired) {
            let at = gone_at(record.appended);
            losses.note(shard, (at, at), EXPIRED, 1);
        }
    }

    /// Whether some record that waits for a reader is such a one.
    pub fn any_waiting(&self, reader: usize, such: impl Fn(&Record) -> bool) -> bool {
        // Once a reader has given a shard up, it never comes to the shards behind it.
        let comes = |shard: usize| {
            let slot = self.slot(shard, reader);
            !self.is_stuck(shard, reader) && self.seats[slot].next_poll != NEVER
        };
        if self.is_removed(reader) {
            return false;
        }
        let gave_up = self.stuck_shards(reader) > 0;
        let shards = (0..self.shards.len()).filter(|shard| !gave_up || comes(*shard));
        shards.into_iter().any(|shard| self.walk_shard(shard, reader).any(|record| such(&record)))
    }

    /// The records that wait for a reader, shard by shard.
    fn walk(&self, reader: usize) -> impl Iterator<Item = Record> {
        (0..self.shards.len()).flat_map(move |shard| self.walk_shard(shard, reader))
    }

    /// The records that wait for a reader on a shard; none before it has started.
    fn walk_shard(&self, shard: usize, reader: usize) -> impl Iterator<Item = Record> {
        let log = &self.shards[shard].log;
        let mut cursor = self.seats[self.slot(shard, reader)].cursor;
        let started = self.readers[reader].started;
        std::iter::from_fn(move || {
            let record = self.arena.peek(log, &cursor).filter(|_| started)?;
            self.arena.step_aside(&mut cursor);
            Some(record)
        })
    }
}
