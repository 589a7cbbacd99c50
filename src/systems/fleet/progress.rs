//! How far a fleet has come on one shard: what was fetched, processed and written down, and what has to be kept for that.
//!
//! The records of a shard are numbered as they are first read. Those after the last checkpoint are kept, since whoever takes
//! the shard over reads them again.

use super::meter::Redelivery;
use crate::engine::time::{MICROSECOND, Nanos};
use crate::systems::kinesis::log::{Micros, Record};
use crate::systems::stalls::Stalls;
use std::collections::VecDeque;
use std::ops::Range;

/// Names of the parts of a fleet's latency.
pub const PARTS: [&str; 7] =
    ["propagation", "polling", "queueing", "checkpoint", "execution", "rollover", "takeover"];

/// What a worker fetches ahead for each shard (KWK-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefetch {
    /// Batches that may wait; with none, a worker fetches only when it has nothing to do.
    pub batches: usize,
    /// Bytes at which no more is fetched.
    pub bytes: u64,
    /// Records at which no more is fetched.
    pub records: u64,
}

/// What a worker does with a shard at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Step {
    /// Nothing: it has no batch.
    #[default]
    Idle,
    /// A batch is on its way from the shard.
    Arriving,
    /// A checkpoint is written, and the batch comes after it.
    SavingFirst,
    /// A batch is processed, or waits for a processor.
    Executing,
    /// A call to the sink is under way with some of its records; those before them are written.
    Writing,
    /// A checkpoint is written, and the next batch comes after it.
    SavingAfter,
}

/// A batch that was fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Batch {
    /// The first record after it.
    until: u64,
    bytes: u64,
    polled: Nanos,
    /// When it is with the worker.
    got: Nanos,
    /// All time up to the poll in which its worker had no room for more, microseconds.
    stalled: Micros,
}

/// The batch in a worker's hands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct InHand {
    /// Its first record.
    first: u64,
    /// The first record that is not done: of a consumer with a sink, that is not written.
    from: u64,
    batch: Batch,
    /// When the worker turned to it.
    taken: Nanos,
    /// How long the shard stood still for the checkpoint before it while it waited.
    waited: Nanos,
    start: Nanos,
    /// When its worker is through with it, but for what it writes to the sink.
    worked: Nanos,
}

/// Whether there was a batch to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// None was fetched.
    Nothing,
    /// One is on its way and arrives then.
    NotBefore(Nanos),
    /// The worker has it.
    InHand,
}

/// What a worker has processed of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Those processed for the first time, by their places among what is [kept](Progress::kept).
    pub fresh: Range<usize>,
    /// How many had been processed before.
    pub repeated: u64,
    /// Places of those; they come before the others.
    pub again: Range<usize>,
    /// Why those came again.
    pub why: Redelivery,
    /// The first record after it.
    pub until: u64,
    /// Whether it threw.
    pub thrown: bool,
    /// When it is done, nanoseconds.
    pub at: Nanos,
    /// Whether nothing more of the batch is done.
    pub last: bool,
    /// How long it took from when the batch had a processor, and of that at the sink: records times nanoseconds.
    pub took: [u128; 2],
}

/// Records of a shard that no worker has processed and none will.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// Those that retention took before they were read again.
    pub expired: u64,
    /// Those whose checkpoint was written, and whose worker died over them.
    pub lost: u64,
    /// Those that were left when the fleet was removed.
    pub left: u64,
}

/// One shard's progress.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    kept: VecDeque<Record>,
    /// Number of the first record that is kept.
    base: u64,
    /// Records written down as done.
    saved: u64,
    saved_at: Nanos,
    /// A checkpoint on its way: up to which record, and when it is answered.
    saving: Option<(u64, Nanos)>,
    /// The first record of which it is not known yet what becomes of it.
    settled: u64,
    /// How many of those before it expired, and how many were lost.
    gone: Gone,
    /// Those of the last batches that threw.
    thrown: Range<u64>,
    /// The first record that no worker has in hand or behind it since the last time that the shard was taken over.
    next: u64,
    /// The first record that is still to be fetched since then.
    fetched: u64,
    batches: VecDeque<Batch>,
    bytes: u64,
    in_hand: Option<InHand>,
    /// When the last batch was done, and until when its checkpoint took.
    free: (Nanos, Nanos),
    /// Whether reading stopped for want of room.
    blocked: bool,
    /// Since when it does so.
    full_since: Option<Nanos>,
    /// When it did so.
    stalls: Stalls,
    /// Whether reading has come to the end of the shard.
    pub at_end: bool,
    /// Whether the checkpoint that is written is the last one of this worker.
    pub is_last: bool,
    /// Since and until when nobody read the shard, and whether because its parents came first.
    gap: (Nanos, Nanos),
    gap_is_rollover: bool,
    why: Redelivery,
    /// What it does.
    pub step: Step,
    /// When that is over.
    pub due: Nanos,
    /// The moment for which its timer is set. Earlier ones are of no use any more.
    timer: Option<Nanos>,
    /// When the next poll is due; any poll is welcome if that is not known.
    pub poll_due: Option<Nanos>,
    /// When a worker left it last.
    pub left: Nanos,
    /// When it was polled last.
    pub polled: Nanos,
    /// Whether that left records behind.
    pub behind: bool,
    /// Bytes processed so far.
    pub bytes_done: u64,
}

impl Progress {
    /// Records written down as done.
    pub fn saved(&self) -> u64 {
        // One that is on its way counts, or the next batch would write another one.
        self.saving.map_or(self.saved, |(until, _)| until.max(self.saved))
    }

    /// When that was.
    pub fn saved_at(&self) -> Nanos {
        self.saving.map_or(self.saved_at, |(_, at)| at)
    }

    /// The records that are kept.
    pub fn kept(&self) -> &VecDeque<Record> {
        &self.kept
    }

    /// Whether a worker has a batch in hand.
    pub fn has_in_hand(&self) -> bool {
        self.in_hand.is_some()
    }

    /// Records read so far, each once.
    fn read(&self) -> u64 {
        self.base + self.kept.len() as u64
    }

    /// Whether records that were read before are to be fetched again.
    pub fn has_to_refetch(&self) -> bool {
        self.fetched < self.read()
    }

    /// Whether all that was read is processed and the worker does nothing.
    pub fn is_idle(&self) -> bool {
        self.step == Step::Idle && self.batches.is_empty() && !self.has_to_refetch()
    }

    /// Whether there is room to fetch more now; if there is none, that is noted.
    pub fn has_room(&mut self, now: Nanos, prefetch: &Prefetch) -> bool {
        let waiting = self.batches.back().map_or(0, |last| last.until - self.next);
        let room = match prefetch.batches {
            0 => self.step == Step::Idle && self.batches.is_empty(),
            most => self.batches.len() < most && self.bytes < prefetch.bytes && waiting < prefetch.records,
        };
        self.blocked = !room;
        if !room {
            // What the last call left behind waits for the worker from that call on, and what came later from this one on.
            self.full_since.get_or_insert(if self.behind { self.polled } else { now });
        }
        room
    }

    /// Reading goes on, or ends: until now it may have stood still for want of room.
    fn note_stall(&mut self, now: Nanos) {
        if let Some(since) = self.full_since.take().filter(|since| *since < now) {
            self.stalls.note(since / MICROSECOND, now / MICROSECOND);
        }
    }

    /// The shard is polled, or pushes.
    pub fn reads(&mut self, now: Nanos) {
        (self.polled, self.behind) = (now, false);
        self.note_stall(now);
    }

    /// Whether reading stopped for want of room; asked once.
    pub fn wants_more(&mut self) -> bool {
        std::mem::take(&mut self.blocked)
    }

    /// Records of earlier than this that are to be fetched again are gone. Returns when those arrived that were never processed.
    pub fn expire(&mut self, horizon: Micros) -> Vec<Micros> {
        let mut lost = Vec::new();
        while self.has_to_refetch() && self.batches.is_empty() && self.in_hand.is_none() {
            let Some(record) = self.kept.get((self.fetched - self.base) as usize) else { break };
            if record.appended >= horizon {
                break;
            }
            if self.fetched >= self.settled {
                lost.push(record.appended);
                self.gone.expired += 1;
            }
            self.fetched += 1;
            (self.next, self.saved) = (self.fetched, self.saved.max(self.fetched));
            self.settled = self.settled.max(self.fetched);
            self.forget();
        }
        lost
    }

    /// One of the records that are to be fetched again, counted from the oldest.
    pub fn to_refetch(&self, number: usize) -> Option<&Record> {
        self.kept.get((self.fetched - self.base) as usize + number)
    }

    /// Sizes of the records that are to be fetched again, oldest first.
    pub fn sizes_to_refetch(&self) -> impl Iterator<Item = u64> {
        let from = (self.fetched - self.base) as usize;
        self.kept.range(from..).map(|record| u64::from(record.bytes))
    }

    /// So many of them were fetched again.
    pub fn refetched(&mut self, now: Nanos, count: usize, got: Nanos) {
        let from = (self.fetched - self.base) as usize;
        let bytes = self.kept.range(from..from + count).map(|record| u64::from(record.bytes)).sum();
        self.fetched += count as u64;
        self.arrives(now, bytes, got);
    }

    /// Records were fetched for the first time.
    pub fn fetch(&mut self, now: Nanos, records: &[Record], got: Nanos) {
        debug_assert!(!self.has_to_refetch(), "older records come first");
        self.kept.extend(records);
        self.fetched += records.len() as u64;
        self.arrives(now, records.iter().map(|record| u64::from(record.bytes)).sum(), got);
    }

    fn arrives(&mut self, now: Nanos, bytes: u64, got: Nanos) {
        // Answers come in the order of their calls.
        let got = got.max(self.batches.back().map_or(0, |last| last.got));
        self.bytes += bytes;
        let stalled = self.stalls.total();
        self.batches.push_back(Batch { until: self.fetched, bytes, polled: now, got, stalled });
    }

    /// Takes the next batch in hand if it is there; if it is on its way, says when it will be.
    pub(super) fn take_batch(&mut self, now: Nanos) -> Taken {
        let Some(batch) = self.batches.front().copied() else { return Taken::Nothing };
        if batch.got > now {
            self.wait(Step::Arriving, batch.got);
            return Taken::NotBefore(batch.got);
        }
        self.batches.pop_front();
        self.bytes -= batch.bytes;
        let (ended, freed) = self.free;
        let waited = freed.saturating_sub(ended.max(batch.got));
        let first = self.next;
        self.in_hand =
            Some(InHand { first, from: first, batch, taken: now, waited, start: now, worked: now });
        self.next = batch.until;
        Taken::InHand
    }

    /// The records in hand.
    pub(super) fn hand(&self) -> (u64, u64) {
        self.in_hand.as_ref().map_or((self.next, self.next), |hand| (hand.from, hand.batch.until))
    }

    /// The first record of the batch in hand, whatever of it is done.
    pub(super) fn first_in_hand(&self) -> u64 {
        self.in_hand.as_ref().map_or(self.next, |hand| hand.first)
    }

    /// The first record of the batch in hand that is not written: the number by which its call is drawn, and whether it had been
    /// processed before.
    pub(super) fn to_write(&self) -> Option<(u64, u32)> {
        let (from, _) = self.hand();
        let record = self.kept.get((from - self.base) as usize)?;
        Some((record.identity(), u32::from(from < self.settled)))
    }

    /// The batch in hand is written up to this record.
    pub(super) fn wrote(&mut self, until: u64) {
        if let Some(hand) = &mut self.in_hand {
            hand.from = until;
        }
    }

    pub(super) fn wait(&mut self, step: Step, until: Nanos) {
        (self.step, self.due) = (step, until);
    }

    pub(super) fn execute(&mut self, start: Nanos, end: Nanos) {
        if let Some(hand) = &mut self.in_hand {
            (hand.start, hand.worked) = (start, end);
        }
        self.wait(Step::Executing, end);
    }

    /// The first record that is not done by `now`, if a batch is being processed.
    pub(super) fn done_by(&self, now: Nanos) -> Option<u64> {
        let hand = self.in_hand.as_ref().filter(|_| self.step == Step::Executing)?;
        let (span, gone) = (self.due - hand.start, now.saturating_sub(hand.start));
        let records = hand.batch.until - hand.from;
        let done = (u128::from(records) * u128::from(gone)).checked_div(span.into());
        Some(hand.from + done.map_or(0, |done| done as u64).min(records))
    }

    /// The batch in hand is done up to `until`.
    pub(super) fn end(&mut self, until: u64, thrown: bool) -> Ended {
        let (from, _) = self.hand();
        let fresh = from.max(self.settled).min(until.max(self.settled))..until.max(self.settled);
        self.settled = self.settled.max(until);
        if thrown {
            self.thrown = if self.thrown.end == from { self.thrown.start..until } else { from..until };
        }
        let place = |number: u64| (number - self.base) as usize;
        let places = place(fresh.start)..place(fresh.end);
        let of_batch = self.kept.range(place(from)..place(until.max(from)));
        self.bytes_done += of_batch.map(|record| u64::from(record.bytes)).sum::<u64>();
        let repeated = (until.saturating_sub(from)) - (fresh.end - fresh.start);
        let again = place(from)..place(from) + repeated as usize;
        let since = self.in_hand.as_ref().map_or([self.due; 2], |hand| [hand.start, hand.worked]);
        let records = u128::from(until.saturating_sub(from));
        let took = since.map(|since| u128::from(self.due.saturating_sub(since)) * records);
        let (at, last) = (self.due, true);
        Ended { fresh: places, repeated, again, why: self.why, until, thrown, at, last, took }
    }

    /// The latency of one of the records in hand, whose processing is over at `done`, by [its parts](PARTS), microseconds.
    pub fn parts(&self, record: &Record, done: Nanos) -> [u64; PARTS.len()] {
        let hand = self.in_hand.unwrap_or_default();
        let micros = |at: Nanos| at / MICROSECOND;
        let polled = micros(hand.batch.polled).max(record.appended);
        let got = micros(hand.batch.got).max(polled);
        let start = micros(hand.start).max(got);
        let done = micros(done).max(start);
        let (from, to) = (micros(self.gap.0).max(record.appended), micros(self.gap.1));
        let stood = to.saturating_sub(from).min(polled - record.appended);
        let full = self.stalls.since(record.appended);
        // Of that, what came before it was read.
        let full = full.saturating_sub(self.stalls.total() - hand.batch.stalled);
        let full = full.min(polled - record.appended - stood);
        let checkpoint = micros(hand.waited).min(start - got);
        let (rollover, takeover) = if self.gap_is_rollover { (stood, 0) } else { (0, stood) };
        [
            record.appended - record.written,
            got - record.appended - stood - full,
            start - got - checkpoint + full,
            checkpoint,
            done - start,
            rollover,
            takeover,
        ]
    }

    /// The batch in hand is closed; `step` comes next, until `due`.
    pub(super) fn close(&mut self, now: Nanos, step: Step, due: Nanos) {
        if let Some(oldest) = self.kept.front() {
            self.stalls.forget(oldest.appended);
        }
        self.in_hand = None;
        self.free = (now, due);
        self.wait(step, due);
        self.forget();
    }

    pub(super) fn save(&mut self, until: u64, at: Nanos) {
        if let Some(hand) = &mut self.in_hand
            && self.step != Step::Executing
        {
            hand.waited += at - hand.taken;
        }
        self.saving = Some((until, at));
    }

    /// A checkpoint that is answered by now counts.
    pub(super) fn settle_save(&mut self, now: Nanos) {
        if let Some((until, at)) = self.saving.filter(|(_, at)| *at <= now) {
            (self.saved, self.saved_at) = (self.saved.max(until), at);
            self.saving = None;
            self.forget();
        }
    }

    /// A checkpoint of `until` that somebody else made counts from now on.
    pub fn set_saved(&mut self, now: Nanos, until: u64) {
        (self.saved, self.saved_at) = (self.saved.max(until), now);
        self.forget();
    }

    /// Records processed since the shard was taken over, and before.
    pub fn processed(&self) -> u64 {
        self.hand().0
    }

    /// What was fetched and is not in hand is given up: it will be fetched again.
    pub(super) fn drop_fetched(&mut self) {
        self.batches.clear();
        self.bytes = 0;
        self.fetched = self.next;
    }

    /// Back to the last checkpoint: how many records are lost by that, and how many will be processed again.
    pub(super) fn roll_back(&mut self, now: Nanos, why: Redelivery) -> (u64, u64) {
        self.note_stall(now);
        self.settle_save(now);
        self.saving = None;
        let lost = self.saved.saturating_sub(self.settled);
        self.settled = self.settled.max(self.saved);
        self.gone.lost += lost;
        let again = self.settled - self.saved;
        (self.next, self.fetched) = (self.saved, self.saved);
        self.batches.clear();
        self.bytes = 0;
        self.in_hand = None;
        (self.step, self.due, self.blocked) = (Step::Idle, now, false);
        (self.timer, self.poll_due, self.left) = (None, None, now);
        (self.at_end, self.is_last) = (false, false);
        self.free = (now, now);
        self.why = why;
        self.forget();
        (lost, again)
    }

    /// Nobody reads the shard ever again. Returns how many records were read and not processed.
    pub fn abandon(&mut self) -> u64 {
        let left = self.unsettled().count() as u64;
        self.gone.left += left;
        let read = self.read();
        (self.settled, self.saved, self.saving) = (read, read, None);
        (self.next, self.fetched, self.in_hand) = (read, read, None);
        (self.batches, self.bytes, self.blocked) = (VecDeque::new(), 0, false);
        (self.step, self.timer, self.poll_due) = (Step::Idle, None, None);
        self.forget();
        left
    }

    /// Sets its timer. Whether an event has to be scheduled for that.
    pub fn set_timer(&mut self, at: Nanos) -> bool {
        self.timer.replace(at) != Some(at)
    }

    /// A timer has come: whether it is the one that was set last.
    pub fn timer_came(&mut self, now: Nanos) -> bool {
        self.timer.take_if(|at| *at == now).is_some()
    }

    /// Nobody read the shard between these moments.
    pub fn stood(&mut self, gap: (Nanos, Nanos), is_rollover: bool) {
        (self.gap, self.gap_is_rollover) = (gap, is_rollover);
        // Whoever begins counts its time from here.
        self.saved_at = self.saved_at.max(gap.1);
    }

    /// Lets go what nobody will ask for again.
    fn forget(&mut self) {
        let (from, _) = self.hand();
        let keep = self.saved.min(self.settled).min(from);
        let gone = keep.saturating_sub(self.base).min(self.kept.len() as u64);
        self.kept.drain(..gone as usize);
        self.base += gone;
    }

    /// Records of which it is known what became of them; they are numbered from 0 in the order in which they were read.
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// How many of those were never processed.
    pub fn gone(&self) -> Gone {
        self.gone
    }

    /// Whether the batch of a record, by number, threw: the last such batches are known.
    pub fn has_thrown(&self, record: u64) -> bool {
        self.thrown.contains(&record)
    }

    /// Records read of which it is not known yet what becomes of them.
    pub fn unsettled(&self) -> impl Iterator<Item = &Record> {
        let from = self.settled.saturating_sub(self.base).min(self.kept.len() as u64);
        self.kept.range(from as usize..)
    }
}

#[cfg(test)]
mod tests;
