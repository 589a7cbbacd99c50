//! A data stream: its shards, their records, and the polling readers that share them.

use super::audience::{ASLEEP, Audience, NEVER, Seat};
use super::get_records::ReadMeter;
use super::lineage::{Lineage, ShardState};
use super::log::{Arena, Attic, Cursor, Micros, Record};
use super::losses::Losses;
use super::past::Past;
use super::poll_grid::PollGrid;
use super::read_limit::ReadLimits;
use super::reader::{From, ReaderPlan};
use super::refusals::Refusals;
use super::reshard::Resharding;
use super::shard::{Shard, WriteLimits, WriteRefused};
use crate::engine::time::{MICROSECOND, Nanos};
use std::num::NonZeroU32;

/// Readers that one stream can have in one scenario: as many as the bits that say who sleeps.
pub const READERS_MAX: usize = 64;

/// So many shards, and where their next records go, stay near the processor by themselves.
const FEW_SHARDS: usize = 128;

/// What became of a put into a shard that was found earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The shard has closed: another one takes its records now.
    Closed,
    /// One of its limits has no room.
    Refused(WriteRefused),
    /// It holds the record.
    Appended {
        /// The record.
        record: Record,
        /// Whether some reader sleeps on the shard and is to be [woken](Stream::wake).
        awaited: bool,
    },
}

/// A reader of the stream that polls.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) grid: PollGrid,
    /// Whether the stream pushes to it: it makes no calls, and its grid is every moment.
    pub(super) pushed: bool,
    pub(super) meter: ReadMeter,
    /// Records of the logs that it has read or passed over, on all shards.
    pub(super) passed: u64,
    pub(super) plan: ReaderPlan,
    /// Whether it is at work.
    pub(super) started: bool,
    /// It makes no calls before this.
    pub(super) paused_until: Nanos,
    /// Whether it is gone for good.
    pub(super) removed: bool,
}

impl Reader {
    /// The poll of a shard from which on its calls are accounted for: one that is pushed to makes none.
    pub(super) fn next_call(&self, shard: usize, now: Nanos) -> Nanos {
        if self.pushed { NEVER } else { self.grid.at_or_after(shard, now) }
    }

    /// Its seat at a shard that it has not come to.
    pub(super) fn fresh_seat(&self) -> Seat {
        let keeps_nothing = !self.started && self.plan.from == From::Latest;
        let cursor = if keeps_nothing { Cursor::detached() } else { Cursor::default() };
        Seat { cursor, next_poll: NEVER, awake_from: ASLEEP }
    }

    /// Its seat at a shard that is there from the start.
    fn first_seat(&self, shard: usize) -> Seat {
        let calls = self.started && !self.pushed;
        Seat { next_poll: if calls { self.grid.first(shard) } else { NEVER }, ..self.fresh_seat() }
    }
}

/// A stream of shards, open and closed.
#[derive(Clone, Debug)]
pub struct Stream {
    pub(super) write_limits: WriteLimits,
    pub(super) read_limits: ReadLimits,
    pub(super) retention: Micros,
    pub(super) lineage: Lineage,
    pub(super) resharding: Resharding,
    pub(super) shards: Vec<Shard>,
    /// What the readers of each shard share.
    pub(super) audiences: Vec<Audience>,
    /// What it held when the run began.
    pub(super) past: Option<Past>,
    /// What readers have lost, by their numbers.
    pub(super) losses: Vec<Losses>,
    /// Their refused calls, by shard and time.
    pub(super) refusals: Refusals,
    pub(super) arena: Arena,
    /// Records appended to all logs.
    pub(super) records: u64,
    pub(super) readers: Vec<Reader>,
    /// Where reader `r` stands on shard `s`: at `s * readers + r`.
    pub(super) seats: Vec<Seat>,
}

impl Stream {
    /// A stream of `shards` even shards, at least one, whose records stay for `retention`.
    pub fn new(shards: usize, retention: Nanos, large_records: bool, limit_calls: bool) -> Self {
        let count = u32::try_from(shards).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
        let read_limits = ReadLimits::new(limit_calls);
        Self::with(Lineage::even(count), WriteLimits::new(large_records), read_limits, retention)
    }

    /// A stream of these shards and limits.
    pub fn with(
        lineage: Lineage,
        write_limits: WriteLimits,
        read_limits: ReadLimits,
        retention: Nanos,
    ) -> Self {
        let shards = lineage.shards().len();
        Self {
            shards: vec![Shard::new(&write_limits); shards],
            audiences: vec![Audience::new(&read_limits); shards],
            past: None,
            lineage,
            resharding: Resharding::new(0),
            write_limits,
            read_limits,
            retention: retention / MICROSECOND,
            losses: Vec::new(),
            refusals: Refusals::default(),
            arena: Arena::default(),
            records: 0,
            readers: Vec::new(),
            seats: Vec::new(),
        }
    }

    /// Keeps its records in memory that an earlier run has left, if any; before readers and records are added.
    pub fn keep_in(&mut self, attic: &Attic) {
        self.arena = attic.arena();
    }

    /// States what the stream held before the run; before readers are added.
    pub fn set_past(&mut self, past: Past) {
        self.past = Some(past);
    }

    /// What the stream held before the run.
    pub fn past(&self) -> Option<&Past> {
        self.past.as_ref()
    }

    /// Adds a polling reader before the first record; it begins with that one. Returns its number.
    pub fn add_reader(&mut self, grid: PollGrid) -> usize {
        self.add(grid, ReaderPlan::default(), true, false)
    }

    /// Adds a registered consumer, which has its own throughput and is pushed to (KDS-E1): see
    /// [`fan_out`](super::fan_out). Returns its number among the readers.
    pub fn register_stream_consumer(&mut self) -> usize {
        self.add(PollGrid::new(1, vec![0; self.shards.len()]), ReaderPlan::default(), true, true)
    }

    /// The same of one that begins as planned, and is to be [started](Self::start_reader) as a polling one is.
    pub fn register_stream_consumer_as(&mut self, plan: ReaderPlan) -> usize {
        let started = plan.starts == 0 && self.past.is_none();
        self.add(PollGrid::new(1, vec![0; self.shards.len()]), plan, started, true)
    }

    /// Adds a polling reader that reads as planned. Where there is something to pass over, or it begins later, it has to
    /// be [started](Self::start_reader); until then nothing is kept for it but what it will ask for. Returns its number.
    pub fn add_reader_as(&mut self, grid: PollGrid, plan: ReaderPlan) -> usize {
        let started = plan.starts == 0 && self.past.is_none();
        self.add(grid, plan, started, false)
    }

    fn add(&mut self, grid: PollGrid, plan: ReaderPlan, started: bool, pushed: bool) -> usize {
        debug_assert!(self.readers.len() < READERS_MAX, "readers were counted when the scenario was checked");
        let number = self.readers.len();
        if number == 0 {
            self.arena.reserve(self.shards.len());
        }
        self.losses.push(Losses::default());
        self.readers.push(Reader {
            grid,
            pushed,
            meter: ReadMeter::default(),
            passed: 0,
            plan,
            started,
            paused_until: 0,
            removed: false,
        });
        let readers = self.readers.len();
        let all =
            (0..self.shards.len()).flat_map(|shard| self.readers.iter().map(move |reader| (shard, reader)));
        self.seats = all.map(|(shard, reader)| reader.first_seat(shard)).collect();
        (0..self.shards.len()).filter(|_| started).for_each(|shard| self.lay_to_sleep(shard, number));
        if let Some(past) = &mut self.past {
            past.seat(readers);
            let standing = (0..readers).filter(|reader| self.readers[*reader].started);
            for reader in standing {
                (0..self.shards.len()).for_each(|shard| {
                    past.pass(shard * readers + reader, i64::MAX);
                });
            }
        }
        number
    }

    /// Its shards, open and closed.
    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// The same, once the stream is no longer needed.
    pub fn into_lineage(self) -> Lineage {
        self.lineage
    }

    /// What a shard does at `now`.
    pub fn shard_state(&self, now: Nanos, shard: usize) -> ShardState {
        self.lineage.state(shard, now, self.retention * MICROSECOND)
    }

    /// Whether a shard takes no more records: a put has to find the shard that does.
    #[inline]
    pub fn is_closed(&self, shard: usize) -> bool {
        self.shards[shard].log.closed
    }

    /// PutRecord: appends to a shard, or refuses with ProvisionedThroughputExceededException (KDS-W6).
    #[inline]
    pub fn put_record(&mut self, now: Nanos, shard: usize, record: &Record) -> Result<(), WriteRefused> {
        self.admit(now, shard, record.bytes)?;
        self.append(shard, record);
        Ok(())
    }

    /// A put of so many bytes by somebody who found the shard earlier: [`put_record`](Self::put_record), unless the shard has closed
    /// since. All of it with one look at the shard, and the record is made once there is room for it.
    #[inline(always)]
    pub fn put_here(&mut self, now: Nanos, shard: usize, bytes: u32, record: impl FnOnce() -> Record) -> Put {
        let place = &mut self.shards[shard];
        if place.log.closed {
            return Put::Closed;
        }
        if let Err(why) = place.admit(&self.write_limits, now, bytes) {
            return Put::Refused(why);
        }
        let (record, awaited) = (record(), place.log.awaited);
        if self.arena.append_to_tail(&mut place.log, &record) {
            self.records += 1;
        } else {
            self.append(shard, &record);
        }
        Put::Appended { record, awaited }
    }

    /// Why a put of so many bytes would be refused now, if it would; a closed shard refuses none, for it is not asked.
    #[inline]
    pub fn refuses(&self, now: Nanos, shard: usize, bytes: u32) -> Option<WriteRefused> {
        let shard = &self.shards[shard];
        if shard.log.closed {
            return None;
        }
        shard.check(&self.write_limits, now, bytes).err()
    }

    /// A reader sleeps on a shard until its next record.
    pub(super) fn lay_to_sleep(&mut self, shard: usize, reader: usize) {
        self.audiences[shard].sleepers |= 1 << reader;
        self.shards[shard].log.awaited = true;
    }

    /// A reader no longer waits to be woken on a shard.
    pub(super) fn forget_sleeper(&mut self, shard: usize, reader: usize) {
        self.audiences[shard].sleepers &= !(1 << reader);
        self.shards[shard].log.awaited = self.audiences[shard].sleepers != 0;
    }

    /// Where a reader's seat at a shard is.
    #[inline]
    pub(super) fn slot(&self, shard: usize, reader: usize) -> usize {
        shard * self.readers.len() + reader
    }

    /// The first half of [`put_record`](Self::put_record): takes the tokens for a record of this size.
    #[inline]
    pub fn admit(&mut self, now: Nanos, shard: usize, bytes: u32) -> Result<(), WriteRefused> {
        self.shards[shard].admit(&self.write_limits, now, bytes)
    }

    /// The second half of [`put_record`](Self::put_record): appends a record that was admitted.
    pub fn append(&mut self, shard: usize, record: &Record) {
        let readers = self.readers.len();
        let seats = &mut self.seats[shard * readers..(shard + 1) * readers];
        self.records += 1;
        self.arena.append(&mut self.shards[shard].log, seats, record);
    }

    /// Touches shards that are about to be written to, so that their memory is near when they are. A few shards are always near.
    pub fn warm(&self, shards: impl Iterator<Item = usize>) -> u64 {
        if self.shards.len() <= FEW_SHARDS {
            return 0;
        }
        shards.fold(0, |sum, shard| sum.wrapping_add(self.arena.touch(&self.shards[shard].log)))
    }

    /// Records that wait on a shard for a reader.
    #[inline]
    pub fn behind(&self, shard: usize, reader: usize) -> u64 {
        let slot = self.slot(shard, reader);
        let past = self.past.as_ref().map_or(0, |past| past.left(slot));
        self.seats[slot].cursor.behind(&self.shards[shard].log) + past
    }

    /// Records that wait for a reader on all shards together.
    pub fn behind_in_all(&self, reader: usize) -> u64 {
        let readers = self.readers.len();
        let slots = || (0..self.shards.len()).map(|shard| shard * readers + reader);
        let past = self.past.as_ref().map_or(0, |past| slots().map(|slot| past.left(slot)).sum());
        let behind = self.records - self.readers[reader].passed + past;
        debug_assert_eq!(
            behind,
            (0..self.shards.len()).map(|shard| self.behind(shard, reader)).sum::<u64>(),
            "what waits in each shard adds up"
        );
        behind
    }

    /// The first grid poll of a shard at or after `now`.
    #[inline]
    pub fn next_poll(&self, now: Nanos, shard: usize, reader: usize) -> Nanos {
        self.readers[reader].grid.at_or_after(shard, now)
    }

    /// When a reader that may make no calls at present may make some again; a moment that is past for any other.
    #[inline]
    pub fn paused_until(&self, reader: usize) -> Nanos {
        self.readers[reader].paused_until
    }

    /// A reader makes no calls before `until`.
    pub fn pause_reader(&mut self, now: Nanos, reader: usize, until: Nanos) {
        let until = until.max(self.readers[reader].paused_until);
        for shard in 0..self.shards.len() {
            self.settle_empty_polls(now, shard);
            let slot = self.slot(shard, reader);
            let before = self.seats[slot].next_poll;
            if before != NEVER {
                let next = self.readers[reader].next_call(shard, until);
                self.seats[slot].next_poll = next;
                self.expire_asleep(shard, reader, (before, next));
            }
        }
        self.readers[reader].paused_until = until;
    }

    /// A reader that sleeps on a shard would have called at one moment and calls at another instead: by then its iterator may have
    /// expired (KDS-R7). Whoever is awake finds that out at his own call.
    fn expire_asleep(&mut self, shard: usize, reader: usize, (before, next): (Nanos, Nanos)) {
        let reader_bit = 1 << reader;
        let last = before.saturating_sub(self.readers[reader].grid.interval());
        let too_old = next != NEVER && next - last.min(next) > self.read_limits.call.iterator_life;
        if too_old && self.audiences[shard].sleepers & reader_bit != 0 {
            self.readers[reader].meter.expired_iterators += 1;
        }
    }

    /// How long it keeps records now.
    pub fn retention(&self) -> Nanos {
        self.retention * MICROSECOND
    }

    /// Keeps records this long from now on. What is gone by the old rule stays gone (KDS-S2); who was to read it learns of
    /// it at its next call.
    pub fn set_retention(&mut self, now: Nanos, retention: Nanos) {
        for shard in 0..self.shards.len() {
            (0..self.readers.len()).for_each(|reader| self.rob(now, shard, reader));
        }
        self.retention = retention / MICROSECOND;
    }

    /// Accounts for empty polls up to the end of the run.
    pub fn finish(&mut self, end: Nanos) {
        for shard in 0..self.shards.len() {
            self.settle_empty_polls(end, shard);
        }
    }

    /// What a reader's calls came to.
    pub fn meter(&self, reader: usize) -> &ReadMeter {
        &self.readers[reader].meter
    }

    /// How many shards there are, closed ones included; they are numbered from 0.
    pub fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// Records ever accepted by a shard.
    pub fn appended(&self, shard: usize) -> u64 {
        self.shards[shard].log.appended()
    }

    /// Records of a shard that a reader has read or passed over: the place of its next one among all of the shard.
    pub fn read_up_to(&self, shard: usize, reader: usize) -> u64 {
        self.seats[self.slot(shard, reader)].cursor.passed()
    }

    /// Records ever accepted by all shards.
    pub fn appended_total(&self) -> u64 {
        self.shards.iter().map(|shard| shard.log.appended()).sum()
    }
}
