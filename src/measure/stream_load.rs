//! The load on a stream as a whole, second by second: what it refused although its shards together had room (Q7, Q8).

use crate::engine::time::{Nanos, SECOND};
use crate::systems::kinesis::shard::{WRITE_BYTES_PER_SECOND, WRITE_RECORDS_PER_SECOND};

/// What a stream was offered, and how that stood to the limits of its open shards together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamLoad {
    /// Puts refused, first tries and retries.
    pub refused: u64,
    /// Those refused in seconds in which the open shards together accepted less than they can take: a put that is refused and
    /// tried again is no load.
    pub refused_with_room: u64,
    /// Seconds in which puts were refused.
    pub seconds_refused: u64,
    /// When the first put was refused.
    pub first_refused: Option<Nanos>,
    /// When the last one was.
    pub last_refused: Option<Nanos>,
    end_of_second: Nanos,
    /// Records and bytes accepted in the second under way, and puts refused.
    records: u64,
    bytes: u64,
    refused_now: u64,
    /// Open shards, as last seen in it.
    open: usize,
}

impl StreamLoad {
    /// Counts an accepted put while so many shards are open.
    #[inline]
    pub fn accepted(&mut self, now: Nanos, bytes: u32, open: usize) {
        self.offered(now, open);
        self.records += 1;
        self.bytes += u64::from(bytes);
    }

    /// Counts a refused put.
    pub fn refused(&mut self, now: Nanos, open: usize) {
        self.offered(now, open);
        self.refused += 1;
        self.refused_now += 1;
        self.first_refused.get_or_insert(now);
        self.last_refused = Some(now);
    }

    #[inline]
    fn offered(&mut self, now: Nanos, open: usize) {
        if now >= self.end_of_second {
            self.close_second();
            self.end_of_second = (now / SECOND + 1) * SECOND;
        }
        self.open = open;
    }

    /// Closes the second under way.
    #[cold]
    pub fn close_second(&mut self) {
        let shards = self.open as u64;
        // Records do not divide a second's bytes: the last one that would not have fit is no room.
        let room = |taken: u64, limit: u64| 100 * taken < 98 * shards * limit;
        let room = room(self.records, WRITE_RECORDS_PER_SECOND) && room(self.bytes, WRITE_BYTES_PER_SECOND);
        self.refused_with_room += if room { self.refused_now } else { 0 };
        self.seconds_refused += u64::from(self.refused_now > 0);
        (self.records, self.bytes, self.refused_now) = (0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Second 0: one shard of two takes its 1,000 records, and 500 meant for it are refused six times each: there was room for them.
    /// Second 1: both have all that they can take.
    #[test]
    fn kds_o5_refusals_count_as_needless_only_in_seconds_in_which_the_shards_together_accepted_less_than_they_can()
     {
        let mut load = StreamLoad::default();
        (0..1_000).for_each(|i| load.accepted(i, 100, 2));
        (0..3_000).for_each(|i| load.refused(1_000 + i, 2));
        (0..2_000).for_each(|i| load.accepted(SECOND + i, 100, 2));
        (0..100).for_each(|i| load.refused(SECOND + 5_000 + i, 2));
        // Second 2: of 900 bytes, 1,165 records fit into a shard's second, and no further one.
        (0..2 * 1_165).for_each(|i| load.accepted(2 * SECOND + i, 900, 2));
        (0..50).for_each(|i| load.refused(2 * SECOND + 5_000 + i, 2));
        load.close_second();
        assert_eq!((load.refused, load.refused_with_room, load.seconds_refused), (3_150, 3_000, 3));
        assert_eq!((load.first_refused, load.last_refused), (Some(1_000), Some(2 * SECOND + 5_049)));
    }
}
