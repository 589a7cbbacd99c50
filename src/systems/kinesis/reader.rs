//! Where a reader begins, what it does about a position that retention has passed, and about shards' parents.

use super::audience::NEVER;
use super::log::{Micros, Record};
use super::losses::SKIPPED;
use super::read_limit::{BYTES_PER_CALL, RECORDS_PER_CALL, ReadRefused};
use super::reshard::NextPoll;
use super::stream::Stream;
use crate::engine::time::{MICROSECOND, Nanos};

/// Where a reader begins (KDS-R8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum From {
    /// With the first record that arrives after it starts.
    #[default]
    Latest,
    /// With the oldest record that retention has left.
    TrimHorizon,
    /// With the first record that arrived at this moment or later: microseconds from the start of the run, which may lie
    /// before it.
    AtTimestamp(i64),
}

/// What a reader does when retention has removed the record it would read next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenTrimmed {
    /// It goes on with the oldest record that is left.
    #[default]
    Skip,
    /// It reads that shard no more, as code that takes the gap for a fault does.
    Stick,
    /// It begins again with the records that arrive from now on.
    Restart,
}

/// How a reader reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReaderPlan {
    /// Where it begins.
    pub from: From,
    /// When it begins.
    pub starts: Nanos,
    /// Whether it reads a shard only after its parents (KDS-S7).
    pub parents_first: bool,
    /// What it does about a gap.
    pub when_trimmed: WhenTrimmed,
}

impl Default for ReaderPlan {
    fn default() -> Self {
        Self { from: From::Latest, starts: 0, parents_first: true, when_trimmed: WhenTrimmed::Skip }
    }
}

/// Starting and losing one's place.
impl Stream {
    /// A reader that was to start later starts now. Returns the polls to come.
    pub fn start_reader(&mut self, now: Nanos, reader: usize) -> Vec<NextPoll> {
        self.readers[reader].started = true;
        for shard in 0..self.shards.len() {
            let passed = self.place(now, shard, reader);
            self.readers[reader].meter.before_start += passed;
            let from = self.readers[reader].plan.from;
            // Who begins with the latest record has nothing to find on a closed shard.
            if from == From::Latest && self.shards[shard].log.closed {
                self.audiences[shard].ended |= 1 << reader;
                self.audiences[shard].rested |= 1 << reader;
            }
        }
        let mut polls = Vec::new();
        for shard in 0..self.shards.len() {
            let parents = &self.lineage.shards()[shard].parents;
            let free = !self.readers[reader].plan.parents_first;
            let read = |parent: &u16| self.has_ended(usize::from(*parent), reader);
            if !self.has_ended(shard, reader) && (free || parents.iter().all(read)) {
                let at = self.turn_to(now, shard, reader);
                polls.extend(at.map(|at| NextPoll { shard, reader, at }));
            } else {
                let slot = self.slot(shard, reader);
                self.seats[slot].next_poll = NEVER;
            }
        }
        polls
    }

    /// Puts a reader where it begins on a shard; returns how many records it passes over.
    fn place(&mut self, now: Nanos, shard: usize, reader: usize) -> u64 {
        let slot = self.slot(shard, reader);
        let horizon = self.horizon(now);
        let from = match self.readers[reader].plan.from {
            From::Latest => i64::MAX,
            From::TrimHorizon => horizon,
            From::AtTimestamp(at) => at.max(horizon),
        };
        let past = self.past.as_mut().map_or(0, |past| past.pass(slot, from));
        let of_log = match self.readers[reader].plan.from {
            From::Latest => {
                let passed = self.arena.attach(&self.shards[shard].log, &mut self.seats[slot].cursor);
                self.readers[reader].passed += passed;
                passed
            }
            From::TrimHorizon | From::AtTimestamp(_) => self.pass(shard, reader, from.max(0) as u64),
        };
        past + of_log
    }

    /// Takes a reader past the records of a shard's log that arrived before `horizon`; returns how many.
    pub(super) fn pass(&mut self, shard: usize, reader: usize, horizon: Micros) -> u64 {
        let slot = self.slot(shard, reader);
        let passed = self.arena.expire(&self.shards[shard].log, &mut self.seats[slot].cursor, horizon);
        self.readers[reader].passed += passed;
        passed
    }

    /// The oldest arrival that retention leaves, microseconds from the start of the run.
    pub(super) fn horizon(&self, now: Nanos) -> i64 {
        (now / MICROSECOND) as i64 - self.retention as i64
    }

    /// A GetRecords call that is no reader's: takes what it may of records of these sizes, oldest first, from what all readers
    /// of a shard share (KDS-R1). Returns how many that were.
    ///
    /// # Errors
    /// Refused calls return nothing.
    pub fn admit_read(
        &mut self,
        now: Nanos,
        shard: usize,
        records_max: u32,
        sizes: impl Iterator<Item = u64>,
    ) -> Result<usize, ReadRefused> {
        let budget = &mut self.audiences[shard].budget;
        budget.admit(&self.read_limits, now)?;
        let (mut records, mut bytes) = (0, 0);
        for size in sizes.take(records_max.min(RECORDS_PER_CALL) as usize) {
            if bytes + size > BYTES_PER_CALL {
                break;
            }
            records += 1;
            bytes += size;
        }
        budget.took(&self.read_limits, now, bytes);
        Ok(records)
    }

    /// Whether retention has removed something that this reader has not read.
    #[inline]
    pub(super) fn is_trimmed(&self, now: Nanos, shard: usize, reader: usize) -> bool {
        let slot = self.slot(shard, reader);
        let horizon = (now / MICROSECOND).saturating_sub(self.retention);
        let next: Option<Record> = self.arena.peek(&self.shards[shard].log, &self.seats[slot].cursor);
        let lost = self.past.is_some() || self.audiences[shard].robbed & 1 << reader != 0;
        lost || next.is_some_and(|record| record.appended < horizon)
    }

    /// Takes what retention has removed away from a reader, and lets it do what it does then.
    #[cold]
    pub(super) fn trim(&mut self, now: Nanos, shard: usize, reader: usize) {
        self.rob(now, shard, reader);
        let bit = 1 << reader;
        if self.audiences[shard].robbed & bit == 0 {
            return;
        }
        self.audiences[shard].robbed &= !bit;
        let slot = self.slot(shard, reader);
        match self.readers[reader].plan.when_trimmed {
            WhenTrimmed::Skip => {}
            WhenTrimmed::Stick => self.audiences[shard].stuck |= bit,
            WhenTrimmed::Restart => {
                let skipped = self.pass(shard, reader, u64::MAX);
                let of_past = self.past.as_mut().map_or(0, |past| past.pass(slot, i64::MAX));
                self.losses[reader].note(shard, (now, now), SKIPPED, skipped + of_past);
                self.readers[reader].meter.skipped += skipped + of_past;
            }
        }
    }

    /// Takes what retention has removed away from a reader, which it is still to find out.
    #[cold]
    pub(super) fn rob(&mut self, now: Nanos, shard: usize, reader: usize) {
        let slot = self.slot(shard, reader);
        if self.seats[slot].cursor.is_detached() || self.readers[reader].removed {
            return;
        }
        if !self.readers[reader].started {
            self.readers[reader].meter.before_start += self.pass_expired(now, shard, reader);
            return;
        }
        let gone = self.expire(now, shard, reader);
        let finds_out = self.readers[reader].plan.when_trimmed != WhenTrimmed::Skip;
        if gone > 0 && finds_out && !self.is_stuck(shard, reader) {
            self.audiences[shard].robbed |= 1 << reader;
        }
    }

    /// Takes what retention has removed away from a reader at work, and notes when each record went; returns how many.
    #[cold]
    pub(super) fn expire(&mut self, now: Nanos, shard: usize, reader: usize) -> u64 {
        let mut losses = std::mem::take(&mut self.losses[reader]);
        self.note_expired(now, shard, reader, &mut losses);
        self.losses[reader] = losses;
        let gone = self.pass_expired(now, shard, reader);
        self.readers[reader].meter.expired += gone;
        gone
    }

    fn pass_expired(&mut self, now: Nanos, shard: usize, reader: usize) -> u64 {
        let (slot, horizon) = (self.slot(shard, reader), self.horizon(now));
        let of_past = self.past.as_mut().map_or(0, |past| past.pass(slot, horizon));
        of_past + self.pass(shard, reader, horizon.max(0) as Micros)
    }

    /// Whether a reader has given a shard up.
    #[inline]
    pub fn is_stuck(&self, shard: usize, reader: usize) -> bool {
        self.audiences[shard].stuck & 1 << reader != 0
    }

    /// Shards that a reader has given up.
    pub fn stuck_shards(&self, reader: usize) -> usize {
        self.audiences.iter().filter(|audience| audience.stuck & 1 << reader != 0).count()
    }

    /// Frees the memory of records that retention has removed and that no call will ever look at: those of readers that
    /// are still to start, and of shards that readers have given up.
    pub fn forget_expired(&mut self, now: Nanos) {
        for reader in 0..self.readers.len() {
            let started = self.readers[reader].started;
            if self.readers[reader].removed {
                for shard in 0..self.shards.len() {
                    let left = self.pass(shard, reader, u64::MAX);
                    self.readers[reader].meter.after_removal += left;
                }
                continue;
            }
            if started && self.readers[reader].plan.when_trimmed != WhenTrimmed::Stick {
                continue;
            }
            for shard in 0..self.shards.len() {
                if !started || self.is_stuck(shard, reader) {
                    self.trim(now, shard, reader);
                }
            }
        }
    }

    /// A reader goes for good: it makes no further calls, and nothing is kept for it.
    pub fn remove_reader(&mut self, now: Nanos, reader: usize) {
        for shard in 0..self.shards.len() {
            self.settle_empty_polls(now, shard);
            let slot = self.slot(shard, reader);
            self.seats[slot].next_poll = NEVER;
            self.forget_sleeper(shard, reader);
        }
        self.readers[reader].removed = true;
        self.forget_expired(now);
    }

    /// Whether a reader is gone for good.
    #[inline]
    pub fn is_removed(&self, reader: usize) -> bool {
        self.readers[reader].removed
    }

    /// Records that a reader which is gone for good left unread, by walking those that are still kept.
    pub fn after_removal(&self, now: Nanos, reader: usize) -> u64 {
        let (readable, expired) = self.waiting(now, reader);
        self.readers[reader].meter.after_removal + readable + expired
    }

    /// Records that arrived before a reader began, where it began later than the first of them, and that it passed over.
    pub fn before_start(&self, reader: usize) -> u64 {
        let meter = self.readers[reader].meter.before_start;
        if self.readers[reader].started {
            return meter;
        }
        meter + (0..self.shards.len()).map(|shard| self.behind(shard, reader)).sum::<u64>()
    }

    /// Whether a reader has nothing to read on a shard for ever: it has come to its end, or began after it.
    #[inline]
    pub fn has_ended(&self, shard: usize, reader: usize) -> bool {
        self.audiences[shard].ended & 1 << reader != 0
    }

    /// Whether a reader is at work.
    pub fn has_started(&self, reader: usize) -> bool {
        self.readers[reader].started
    }
}
