//! GetRecords: the calls of polling readers, and the empty ones among them that are accounted for without being events.

use super::audience::{ASLEEP, BitsOf, NEVER};
use super::log::Record;
use super::read_limit::ReadRefused;
use super::stream::Stream;
use crate::engine::time::Nanos;

/// What GetRecords calls of one reader came to, over all shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadMeter {
    /// Calls that returned records.
    pub polls: u64,
    /// Calls that returned nothing.
    pub empty_polls: u64,
    /// Calls refused for exceeding five a second.
    pub refused_calls: u64,
    /// Calls refused because earlier ones took too many bytes.
    pub refused_bytes: u64,
    /// Records returned.
    pub records: u64,
    /// Bytes returned.
    pub bytes: u64,
    /// Records that retention removed before this reader came.
    pub expired: u64,
    /// Calls with an iterator that was too old, after which the reader got a new one (KDS-R7, DDS-R5).
    pub expired_iterators: u64,
    /// Records that it passed over when it began again after a gap.
    pub skipped: u64,
    /// Records that it passed over when it began.
    pub before_start: u64,
    /// Records that it left unread when it went for good, as far as they are no longer kept.
    pub after_removal: u64,
}

impl ReadMeter {
    /// Counts a call that was refused.
    #[inline]
    fn refuse(&mut self, refused: ReadRefused) {
        match refused {
            ReadRefused::Calls => self.refused_calls += 1,
            ReadRefused::Bytes => self.refused_bytes += 1,
        }
    }

    /// Counts a call that was admitted, by what it returned.
    #[inline]
    fn note_reply(&mut self, records: usize, bytes: u64) {
        if records > 0 {
            self.polls += 1;
        } else {
            self.empty_polls += 1;
        }
        self.records += records as u64;
        self.bytes += bytes;
    }
}

impl Stream {
    /// Whether some reader sleeps on this shard.
    #[inline]
    pub fn has_sleepers(&self, shard: usize) -> bool {
        self.shards[shard].log.awaited
    }

    /// Readers that slept on this shard and when each polls it next. They count as awake from here on.
    #[inline]
    pub fn wake(&mut self, now: Nanos, shard: usize) -> impl Iterator<Item = (usize, Nanos)> {
        // The polls up to now are settled here, since that finds the next one by the way.
        self.settle_empty_polls(now, shard);
        let sleepers = std::mem::take(&mut self.audiences[shard].sleepers);
        self.shards[shard].log.awaited = false;
        let readers = &self.readers;
        let seats = &mut self.seats[shard * readers.len()..];
        BitsOf(sleepers).map(move |reader| {
            let (next, grid) = (seats[reader].next_poll, &readers[reader].grid);
            let is_first = next >= now && next - now < grid.interval();
            let at = if is_first { next } else { grid.at_or_after(shard, now) };
            // Whoever pauses makes no call before its end; his iterator was dealt with when the pause began.
            seats[reader].awake_from = if readers[reader].paused_until > at { next } else { at };
            (reader, at)
        })
    }

    /// GetRecords at a grid poll or between two of them: moves up to 10,000 records or 10 MB (KDS-R2), or as many as this
    /// stream's limits allow, to the end of `out`.
    ///
    /// # Errors
    /// Refused calls return nothing; the caller tries again later.
    #[inline]
    pub fn get_records(
        &mut self,
        now: Nanos,
        shard: usize,
        reader: usize,
        records_max: u32,
        out: &mut Vec<Record>,
    ) -> Result<u64, ReadRefused> {
        self.settle_empty_polls(now, shard);
        self.make_call(now, shard, reader);
        // What retention has removed is gone, whether this call is admitted or not.
        if self.is_trimmed(now, shard, reader) {
            self.trim(now, shard, reader);
        }
        if self.is_stuck(shard, reader) {
            return Ok(0);
        }
        self.ask(now, shard, reader)?;
        let before = out.len();
        let bytes = self.take(shard, reader, records_max, out);
        self.readers[reader].meter.note_reply(out.len() - before, bytes);
        self.audiences[shard].budget.took(&self.read_limits, now, bytes);
        self.end_if_at_end(shard, reader);
        let readers = self.readers.len();
        let seats = &mut self.seats[shard * readers..(shard + 1) * readers];
        self.arena.release_if_drained(&mut self.shards[shard].log, seats);
        Ok(bytes)
    }

    /// Moves the clock of a reader's polls past this call of its own, which may come too late for its iterator.
    #[inline]
    fn make_call(&mut self, now: Nanos, shard: usize, reader: usize) {
        let slot = self.slot(shard, reader);
        if self.seats[slot].next_poll <= now {
            let grid = &self.readers[reader].grid;
            self.seats[slot].next_poll = grid.at_or_after_known(self.seats[slot].next_poll, now + 1);
        }
        if now.saturating_sub(self.seats[slot].awake_from) > self.read_limits.call.iterator_life {
            self.readers[reader].meter.expired_iterators += 1;
        }
        self.seats[slot].awake_from = now;
    }

    /// Asks a shard whether it takes one more call of a reader, counts a refusal, and sets the reader's clock where the shard
    /// refuses calls.
    #[inline]
    pub(super) fn ask(&mut self, now: Nanos, shard: usize, reader: usize) -> Result<(), ReadRefused> {
        let admitted = self.audiences[shard].budget.admit(&self.read_limits, now);
        if self.audiences[shard].budget.is_tight() {
            self.go_on_from(now, shard, reader, admitted.is_ok());
        }
        admitted.inspect_err(|refused| {
            self.readers[reader].meter.refuse(*refused);
            self.refusals.note(now, (shard, reader, self.readers.len()), *refused);
        })
    }

    /// Sets the clock of a reader that has called a shard which refuses calls.
    #[cold]
    fn go_on_from(&mut self, now: Nanos, shard: usize, reader: usize, admitted: bool) {
        let slot = self.slot(shard, reader);
        if self.seats[slot].next_poll == NEVER {
            return;
        }
        let grid = &mut self.readers[reader].grid;
        let next = match admitted {
            true => now + grid.interval() + grid.call_time(now, shard),
            false => grid.after_refusal(now, shard),
        };
        grid.restart(shard, next);
        self.seats[slot].next_poll = next;
    }

    /// How long a call that was admitted now takes, as far as that counts: on a shard that refuses calls.
    pub fn call_time(&self, now: Nanos, shard: usize, reader: usize) -> Nanos {
        match self.audiences[shard].budget.is_tight() {
            true => self.readers[reader].grid.call_time(now, shard),
            false => 0,
        }
    }

    /// Moves what one call returns to the end of `out`; how many bytes it was.
    #[inline]
    fn take(&mut self, shard: usize, reader: usize, records_max: u32, out: &mut Vec<Record>) -> u64 {
        let slot = self.slot(shard, reader);
        let cursor = &mut self.seats[slot].cursor;
        let (mut bytes, before, passed) = (0, out.len(), cursor.passed());
        let mut left = records_max.min(self.read_limits.call.records) as usize;
        let bytes_max = self.read_limits.call.bytes;
        if let Some(past) = &mut self.past {
            past.read(slot, left, bytes_max, &mut bytes, out);
            left -= out.len() - before;
            // The rest of the past comes before all that arrived later.
            left = if past.left(slot) > 0 { 0 } else { left };
        }
        while left > 0 && bytes < bytes_max {
            let taken = self.arena.read(&self.shards[shard].log, cursor, left, bytes_max, &mut bytes, out);
            if taken == 0 {
                break;
            }
            left -= taken;
        }
        self.readers[reader].passed += cursor.passed() - passed;
        bytes
    }

    /// NextShardIterator is null once a reader has all of a closed shard (KDS-R9).
    #[inline]
    fn end_if_at_end(&mut self, shard: usize, reader: usize) {
        if self.shards[shard].log.closed && self.behind(shard, reader) == 0 {
            self.audiences[shard].ended |= 1 << reader;
            let slot = self.slot(shard, reader);
            self.seats[slot].next_poll = NEVER;
        }
    }

    /// Accounts for the grid polls before `now` that found the shard empty and therefore were no events: they
    /// were calls all the same, and took their tokens in the order of their times. A reader that is awake makes its
    /// calls itself, and none while it is busy.
    pub(super) fn settle_empty_polls(&mut self, now: Nanos, shard: usize) {
        let count = self.readers.len();
        if count == 0 {
            return;
        }
        let slots = shard * count..(shard + 1) * count;
        if (count == 1 || !self.read_limits.limit_calls()) && self.settle_at_once(now, shard) {
            return;
        }
        loop {
            let due = |slot: &usize| self.seats[*slot].next_poll < now.min(self.seats[*slot].awake_from);
            let earliest = slots.clone().filter(due).min_by_key(|slot| self.seats[*slot].next_poll);
            let Some(slot) = earliest else { break };
            let (reader, at) = (slot % count, self.seats[slot].next_poll);
            if self.ask(at, shard, reader).is_ok() {
                self.readers[reader].meter.empty_polls += 1;
            }
            if !self.audiences[shard].budget.is_tight() {
                self.seats[slot].next_poll += self.readers[reader].grid.interval();
            }
        }
    }

    /// Does so for readers that do not take each other's calls, in one step for each. Returns whether that was all: where
    /// calls are refused it is not.
    #[inline]
    fn settle_at_once(&mut self, now: Nanos, shard: usize) -> bool {
        let seats = &mut self.seats[shard * self.readers.len()..];
        let budget = &mut self.audiences[shard].budget;
        for (reader, seat) in self.readers.iter_mut().zip(seats) {
            let (next, interval) = (seat.next_poll, reader.grid.interval());
            let polls = reader.grid.polls_between(next, now.min(seat.awake_from));
            if polls == 0 {
                continue;
            }
            if !budget.empty_polls(&self.read_limits, next, interval, polls) {
                return false;
            }
            reader.meter.empty_polls += polls;
            seat.next_poll += polls * interval;
        }
        true
    }

    /// Lets a reader sleep on a shard that holds nothing for it; returns whether it does. While it sleeps, its
    /// clock's polls from now on, but after its last call, count as made. On a closed shard it rests only once a call
    /// has told it that this is the end; then it [turns to the children](Self::turn_to_children).
    #[inline]
    pub fn sleep_if_drained(&mut self, now: Nanos, shard: usize, reader: usize) -> bool {
        let drained = self.behind(shard, reader) == 0 && self.audiences[shard].robbed & 1 << reader == 0;
        if self.is_stuck(shard, reader) {
            return true;
        }
        if drained && self.shards[shard].log.closed {
            return self.has_ended(shard, reader);
        }
        if drained {
            let slot = self.slot(shard, reader);
            self.lay_to_sleep(shard, reader);
            self.seats[slot].awake_from = ASLEEP;
            if self.seats[slot].next_poll < now {
                self.seats[slot].next_poll = self.readers[reader].grid.at_or_after(shard, now);
            }
        }
        drained
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::SECOND;
    use crate::systems::kinesis::poll_grid::PollGrid;
    use crate::systems::kinesis::reader::{ReaderPlan, WhenTrimmed};

    fn record(now: Nanos, bytes: u32) -> Record {
        Record { written: now / 1_000, appended: now / 1_000, bytes, key: 0, flags: 0 }
    }

    #[test]
    fn kds_r1_empty_polls_of_six_readers_get_five_calls_a_second_between_them() {
        // Six readers poll once a second each, although nothing is there to read.
        let mut stream = Stream::new(1, 86_400 * SECOND, false, true);
        for reader in 0..6 {
            stream.add_reader(PollGrid::new(SECOND, vec![reader * 10_000_000]));
        }
        stream.finish(1_000 * SECOND);
        let refused: u64 = (0..6).map(|reader| stream.meter(reader).refused_calls).sum();
        let empty: u64 = (0..6).map(|reader| stream.meter(reader).empty_polls).sum();
        assert!((empty as i64 - 5_005).abs() <= 5, "{empty}");
        // Each has a call in 1.2 s: a second, 17.5 ms for the call and 200 ms for each refusal.
        let expected = 5_000.0 * (1.2 - 1.0175) / 0.2;
        assert!((refused as f64 / expected - 1.0).abs() < 0.03, "{refused} refused, {expected} expected");
    }

    #[test]
    fn kds_r1_a_reader_that_calls_ten_times_a_second_does_not_keep_all_five_calls_to_itself() {
        let mut stream = Stream::new(1, 86_400 * SECOND, false, true);
        let greedy = stream.add_reader(PollGrid::new(SECOND / 10, vec![0]));
        let other = stream.add_reader(PollGrid::new(SECOND, vec![37_000_000]));
        stream.finish(10_000 * SECOND);
        let [greedy, other] = [greedy, other].map(|reader| *stream.meter(reader));
        for (meter, interval) in [(greedy, 0.1), (other, 1.0)] {
            // A call takes its interval, 17.5 ms for the call itself and 200 ms for each refusal before it.
            let calls = meter.empty_polls as f64;
            let expected = (10_000.0 / calls - interval - 0.0175) / 0.2;
            let refusals = meter.refused_calls as f64 / calls;
            assert!((refusals / expected - 1.0).abs() < 0.03, "{refusals} refusals a call, {expected}");
        }
        let admitted = (greedy.empty_polls + other.empty_polls) as f64 / 10_000.0;
        assert!(admitted > 4.99 && admitted <= 5.001, "{admitted}");
        assert!(other.empty_polls as f64 / 10_000.0 > 0.7, "{other:?}");
    }

    #[test]
    fn kds_s1_records_past_retention_are_gone_and_counted() {
        let mut stream = Stream::new(1, 10 * SECOND, false, true);
        let reader = stream.add_reader(PollGrid::new(SECOND, vec![0]));
        for second in 0..20 {
            stream.put_record(second * SECOND, 0, &record(second * SECOND, 10)).unwrap();
        }
        let mut out = Vec::new();
        stream.get_records(20 * SECOND, 0, reader, 10_000, &mut out).unwrap();
        assert_eq!((out.len(), stream.meter(reader).expired), (10, 10));
        assert_eq!(out[0].appended, 10_000_000);
    }

    #[test]
    fn kds_s2_a_reader_finds_out_what_retention_took_at_its_own_next_call() {
        let plan = |when_trimmed| ReaderPlan { when_trimmed, ..ReaderPlan::default() };
        let mut stream = Stream::new(1, 10 * SECOND, false, true);
        let grid = || PollGrid::new(SECOND, vec![0]);
        let restart = stream.add_reader_as(grid(), plan(WhenTrimmed::Restart));
        let stick = stream.add_reader_as(grid(), plan(WhenTrimmed::Stick));
        let put = |stream: &mut Stream, second: u64| {
            stream.put_record(second * SECOND, 0, &record(second * SECOND, 10)).unwrap();
        };
        (0..20).for_each(|second| put(&mut stream, second));
        // The owner keeps records longer from second 20 on: ten are gone by then, and five more arrive before the call.
        stream.set_retention(20 * SECOND, 100 * SECOND);
        assert!(!stream.is_stuck(0, stick), "it has made no call");
        (20..25).for_each(|second| put(&mut stream, second));
        let mut out = Vec::new();
        stream.get_records(25 * SECOND, 0, restart, 10_000, &mut out).unwrap();
        stream.get_records(25 * SECOND, 0, stick, 10_000, &mut out).unwrap();
        assert_eq!(out, []);
        assert!(stream.is_stuck(0, stick));
        let lost = |reader: usize| (stream.meter(reader).expired, stream.meter(reader).skipped);
        assert_eq!((lost(restart), lost(stick)), ((10, 15), (10, 0)));
    }

    #[test]
    fn kds_r2_a_call_returns_at_most_10_000_records_or_10_mb() {
        let mut stream = Stream::new(1, 86_400 * SECOND, true, true);
        let reader = stream.add_reader(PollGrid::new(SECOND, vec![0]));
        for i in 0..12_000 {
            stream.put_record(i * 1_000_000, 0, &record(i * 1_000_000, 100)).unwrap();
        }
        let mut out = Vec::new();
        stream.get_records(12 * SECOND, 0, reader, 10_000, &mut out).unwrap();
        assert_eq!(out.len(), 10_000);
        assert_eq!(stream.behind(0, reader), 2_000);
        assert_eq!(stream.waiting(12 * SECOND, reader), (2_000, 0));
    }
}
