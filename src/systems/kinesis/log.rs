//! The records of a stream's shards: append-only logs, 16 bytes a record, in chunks from one arena.
//!
//! A log keeps what some reader can still ask for. Chunks that every reader has passed go back to the arena, so
//! memory follows the backlog and not the length of the run.

use std::sync::{Arc, Mutex};

/// Microseconds since the start of the run: the resolution of everything a log remembers.
///
/// Events happen on whole nanoseconds; what is measured is cut to microseconds once, at the same
/// moments for every leg, so that the parts of a latency add up exactly.
pub type Micros = u64;

/// Slots of a chunk: its head, and 31 records. The head lies with them because it is needed with the first of them.
const SLOTS: u32 = 32;
const NO_CHUNK: u32 = u32::MAX;
/// The chunk of a reader that is still to come, and for which nothing is kept.
const DETACHED: u32 = u32::MAX - 1;

const KEY_SHIFT: u32 = 96;
const BYTES_SHIFT: u32 = 72;
const BYTES_MASK: u128 = (1 << 24) - 1;
const FLAGS_SHIFT: u32 = 68;
const FLAGS_MASK: u128 = (1 << 4) - 1;
const OFFSET_SHIFT: u32 = 40;
const OFFSET_MASK: u128 = (1 << 28) - 1;
const DELAY_MASK: u128 = (1 << 40) - 1;

/// One record as a reader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// When the change was meant to be written.
    pub written: Micros,
    /// When the shard accepted it: its ApproximateArrivalTimestamp (KDS-H8), at most 12.7 days after `written`.
    pub appended: Micros,
    /// Data and partition key together, at most 16 MiB (KDS-W4 allows 10).
    pub bytes: u32,
    /// The item's number in the run.
    pub key: u32,
    /// See [`flags`].
    pub flags: u8,
}

impl Record {
    /// What all random draws that belong to it are addressed by: copies of a change share it, and so do readers, each of whom has
    /// streams of its own. Two changes may share it, if rarely: it tells no records apart.
    #[inline]
    pub fn identity(&self) -> u64 {
        self.written ^ (u64::from(self.key) << 24)
    }
}

/// What a record's flags mean.
pub mod flags {
    /// A second copy of a change that was sent before.
    pub const COPY: u8 = 1;
    /// Held back by the injected disorder.
    pub const DISORDERED: u8 = 2;
    /// Throttled at least once on its way.
    pub const RETRIED: u8 = 4;
    /// There before the run began, and of no item that the run knows.
    pub const PAST: u8 = 8;
}

/// What is known of a chunk: of consecutive records of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    /// The records' times of arrival are offsets from this.
    base: Micros,
    next: u32,
    /// Records in it, once it is no longer its log's last chunk.
    len: u16,
    /// Readers that have not passed this chunk yet.
    readers: u16,
}

impl Head {
    #[inline]
    fn pack(self) -> u128 {
        u128::from(self.base)
            | u128::from(self.next) << 64
            | u128::from(self.len) << 96
            | u128::from(self.readers) << 112
    }

    #[inline]
    fn unpack(slot: u128) -> Self {
        Self {
            base: slot as u64,
            next: (slot >> 64) as u32,
            len: (slot >> 96) as u16,
            readers: (slot >> 112) as u16,
        }
    }
}

/// The chunks of all shards of one stream.
#[derive(Debug, Default)]
pub struct Arena {
    /// The chunks one after the other. Those that were ever used come first; what lies in the others means nothing.
    slots: Vec<u128>,
    /// How many chunks those are.
    used: u32,
    free: Vec<u32>,
    attic: Attic,
}

/// Where arenas of runs that are over leave their memory to those of runs to come.
#[derive(Clone, Debug, Default)]
pub struct Attic(Arc<Mutex<Vec<Vec<u128>>>>);

impl Attic {
    /// An arena without a record.
    pub fn arena(&self) -> Arena {
        let largest = |left: &mut Vec<Vec<u128>>| {
            let number = (0..left.len()).max_by_key(|number| left[*number].len())?;
            Some(left.swap_remove(number))
        };
        let slots = self.0.lock().ok().and_then(|mut left| largest(&mut left)).unwrap_or_default();
        Arena { slots, used: 0, free: Vec::new(), attic: self.clone() }
    }
}

impl Clone for Arena {
    /// Its records alone: a copy leaves nothing to anybody.
    fn clone(&self) -> Self {
        let slots = self.slots[..(self.used * SLOTS) as usize].to_vec();
        Self { slots, used: self.used, free: self.free.clone(), attic: Attic::default() }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        if let Ok(mut left) = self.attic.0.lock() {
            left.push(std::mem::take(&mut self.slots));
        }
    }
}

/// One shard's log: where its next record goes, and what an append has to know of that, which lies here because most chunks of
/// a stream with many shards are far from the processor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log {
    /// The slot of its next record. A multiple of [`SLOTS`], where a chunk's head lies, says that there is no room: 0 that there is
    /// no chunk, any other that the one before it is full.
    place: u32,
    /// Whether its shard takes no more records (KDS-S6).
    pub closed: bool,
    /// Whether some reader sleeps until its next record.
    pub awaited: bool,
    /// From when the last chunk counts its times.
    base: Micros,
    /// Records ever appended.
    appended: u64,
}

/// Where one reader stands in one log.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    chunk: u32,
    offset: u32,
    /// Records read or skipped so far: the sequence number of the next one.
    read: u64,
}

impl Default for Cursor {
    fn default() -> Self {
        Self { chunk: NO_CHUNK, offset: 0, read: 0 }
    }
}

/// What holds a reader's cursor.
pub trait Seated {
    /// Where the reader stands.
    fn cursor(&self) -> &Cursor;
    /// The same, to move it.
    fn cursor_mut(&mut self) -> &mut Cursor;
}

impl Cursor {
    /// The place of a reader that will begin with what arrives after it comes.
    pub fn detached() -> Self {
        Self { chunk: DETACHED, ..Self::default() }
    }

    /// Whether nothing is kept for this reader.
    pub fn is_detached(&self) -> bool {
        self.chunk == DETACHED
    }

    /// How many records this reader has read or passed over.
    #[inline]
    pub fn passed(&self) -> u64 {
        self.read
    }

    /// How many records wait for this reader.
    #[inline]
    pub fn behind(&self, log: &Log) -> u64 {
        log.appended - self.read
    }
}

impl Log {
    /// Records ever appended.
    pub fn appended(&self) -> u64 {
        self.appended
    }

    /// Its last chunk.
    #[inline]
    fn tail(&self) -> u32 {
        if self.place == 0 { NO_CHUNK } else { (self.place - 1) / SLOTS }
    }

    /// Records in its last chunk.
    #[inline]
    fn tail_len(&self) -> u32 {
        if self.place == 0 { 0 } else { (self.place - 1) % SLOTS }
    }
}

impl Arena {
    /// Makes room for two chunks of each of so many logs, which streams of many shards come to: growing would move all of them.
    /// Room that nothing ever lies in costs no memory.
    pub fn reserve(&mut self, logs: usize) {
        self.slots.reserve((2 * logs * SLOTS as usize).saturating_sub(self.slots.len()));
    }

    /// Appends a record to a log whose readers sit at `seats`. O(1); takes a chunk for 31 records, or fewer that are far apart.
    #[inline(never)]
    pub fn append<S: Seated>(&mut self, log: &mut Log, seats: &mut [S], record: &Record) {
        if self.append_to_tail(log, record) {
            return;
        }
        if seats.is_empty() || !self.extend(log, seats, record.appended) {
            // Nobody will ever ask for it.
            log.appended += 1;
            return;
        }
        let placed = self.append_to_tail(log, record);
        debug_assert!(placed, "a fresh chunk has room");
    }

    /// The same where the last chunk has room and counts its times from not too long ago, which is nearly always so; returns
    /// whether it did.
    #[inline(always)]
    pub fn append_to_tail(&mut self, log: &mut Log, record: &Record) -> bool {
        debug_assert!(record.written <= record.appended, "a record is written before it arrives");
        let offset = record.appended - log.base;
        if log.place.is_multiple_of(SLOTS) || offset > OFFSET_MASK as u64 {
            return false;
        }
        let delay = (record.appended - record.written).min(DELAY_MASK as u64);
        let packed = (u128::from(record.key) << KEY_SHIFT)
            | (u128::from(record.bytes) << BYTES_SHIFT)
            | (u128::from(record.flags) << FLAGS_SHIFT)
            | (u128::from(offset) << OFFSET_SHIFT)
            | u128::from(delay);
        self.slots[log.place as usize] = packed;
        log.place += 1;
        log.appended += 1;
        true
    }

    /// Reads where the next record of a log will go, which brings it near.
    #[inline]
    pub fn touch(&self, log: &Log) -> u64 {
        self.slots.get(log.place as usize).map_or(0, |slot| *slot as u64)
    }

    /// Gives the log a new last chunk, unless nobody is there for whom to keep it.
    #[cold]
    fn extend<S: Seated>(&mut self, log: &mut Log, seats: &mut [S], base: Micros) -> bool {
        let readers = seats.iter().filter(|seat| !seat.cursor().is_detached()).count();
        if readers == 0 {
            return false;
        }
        let fresh = self.allocate(base, readers as u16);
        let (last, len) = (log.tail(), log.tail_len());
        let mut passed = 0;
        for cursor in seats.iter_mut().map(S::cursor_mut).filter(|cursor| cursor.chunk == last) {
            // A reader at the very end of the last chunk steps over; one that never read starts here.
            let at_end = last == NO_CHUNK || cursor.offset == len;
            if at_end {
                (cursor.chunk, cursor.offset) = (fresh, 0);
                passed += 1;
            }
        }
        if last != NO_CHUNK {
            self.set_head(last, Head { next: fresh, len: len as u16, ..self.head(last) });
            self.pass(last, passed);
        }
        (log.place, log.base) = (fresh * SLOTS + 1, base);
        true
    }

    #[inline]
    fn head(&self, chunk: u32) -> Head {
        Head::unpack(self.slots[(chunk * SLOTS) as usize])
    }

    #[inline]
    fn set_head(&mut self, chunk: u32, head: Head) {
        self.slots[(chunk * SLOTS) as usize] = head.pack();
    }

    /// The records of a chunk, and what is behind them.
    #[inline]
    fn records(&self, chunk: u32) -> &[u128] {
        &self.slots[(chunk * SLOTS + 1) as usize..((chunk + 1) * SLOTS) as usize]
    }

    fn allocate(&mut self, base: Micros, readers: u16) -> u32 {
        let chunk = self.free.pop().unwrap_or_else(|| {
            assert!(self.used < u32::MAX / SLOTS, "a stream keeps at most 64 GiB of records");
            self.used += 1;
            let needed = (self.used * SLOTS) as usize;
            if needed > self.slots.len() {
                self.slots.resize(needed, 0);
            }
            self.used - 1
        });
        self.set_head(chunk, Head { base, next: NO_CHUNK, len: 0, readers });
        chunk
    }

    /// Notes that `readers` more readers have passed a chunk, and frees it after the last one.
    fn pass(&mut self, chunk: u32, readers: u16) {
        let head = self.head(chunk);
        let left = head.readers - readers;
        self.set_head(chunk, Head { readers: left, ..head });
        if left == 0 {
            self.free.push(chunk);
        }
    }

    /// Lets a reader at the end of a chunk that is not the last one step over to the next; returns the one that it passed.
    #[inline]
    fn turn(head: Head, cursor: &mut Cursor) -> Option<u32> {
        let at_end = cursor.offset == u32::from(head.len) && head.next != NO_CHUNK;
        at_end.then(|| {
            let passed = cursor.chunk;
            (cursor.chunk, cursor.offset) = (head.next, 0);
            passed
        })
    }

    /// The next record for a reader, if any.
    #[inline]
    pub fn peek(&self, log: &Log, cursor: &Cursor) -> Option<Record> {
        if cursor.read == log.appended || cursor.is_detached() {
            return None;
        }
        Some(unpack(self.head(cursor.chunk).base, self.records(cursor.chunk)[cursor.offset as usize]))
    }

    /// Steps over the record that [`peek`](Self::peek) just showed.
    #[inline]
    pub fn step(&mut self, log: &Log, cursor: &mut Cursor) {
        debug_assert!(cursor.read < log.appended, "only a record that is there can be stepped over");
        cursor.read += 1;
        cursor.offset += 1;
        if let Some(passed) = Self::turn(self.head(cursor.chunk), cursor) {
            self.pass(passed, 1);
        }
    }

    /// Moves up to `records_max` records of the reader's present chunk to the end of `out`, as long as `bytes`, which
    /// counts them, stays within `bytes_max`. Returns how many; 0 when there is none or the next one does not fit.
    pub fn read(
        &mut self,
        log: &Log,
        cursor: &mut Cursor,
        records_max: usize,
        bytes_max: u64,
        bytes: &mut u64,
        out: &mut Vec<Record>,
    ) -> usize {
        if cursor.read == log.appended {
            return 0;
        }
        let head = self.head(cursor.chunk);
        let len = if cursor.chunk == log.tail() { log.tail_len() } else { u32::from(head.len) };
        let there = &self.records(cursor.chunk)[cursor.offset as usize..len as usize];
        let there = &there[..there.len().min(records_max)];
        // All of them fit, nearly always; only if they do not is each one asked.
        let mut sum = *bytes + there.iter().map(|packed| bytes_of(*packed)).sum::<u64>();
        let mut taken = there.len();
        while sum > bytes_max && taken > 0 {
            taken -= 1;
            sum -= bytes_of(there[taken]);
        }
        *bytes = sum;
        out.extend(there[..taken].iter().map(|packed| unpack(head.base, *packed)));
        cursor.read += taken as u64;
        cursor.offset += taken as u32;
        if let Some(passed) = Self::turn(head, cursor) {
            self.pass(passed, 1);
        }
        taken
    }

    /// Steps a detached copy of a cursor over a record, leaving every chunk where it is.
    pub fn step_aside(&self, cursor: &mut Cursor) {
        cursor.read += 1;
        cursor.offset += 1;
        Self::turn(self.head(cursor.chunk), cursor);
    }

    /// Takes the tail chunk back when every reader has read all of a log: an idle shard holds no memory.
    #[inline]
    pub fn release_if_drained<S: Seated>(&mut self, log: &mut Log, seats: &mut [S]) {
        let behind = |cursor: &Cursor| cursor.read < log.appended && !cursor.is_detached();
        if log.place == 0 || seats.iter().map(S::cursor).any(behind) {
            return;
        }
        self.free.push(log.tail());
        log.place = 0;
        for cursor in seats.iter_mut().map(S::cursor_mut).filter(|cursor| !cursor.is_detached()) {
            (cursor.chunk, cursor.offset) = (NO_CHUNK, 0);
        }
    }

    /// Puts the reader at the end of a log, to find what arrives from now on. Returns how many records it passes over.
    pub fn attach(&mut self, log: &Log, cursor: &mut Cursor) -> u64 {
        if !cursor.is_detached() {
            return self.expire(log, cursor, u64::MAX);
        }
        let passed = cursor.behind(log);
        *cursor = Cursor { chunk: log.tail(), offset: log.tail_len(), read: log.appended };
        if cursor.chunk != NO_CHUNK {
            let head = self.head(cursor.chunk);
            self.set_head(cursor.chunk, Head { readers: head.readers + 1, ..head });
        }
        passed
    }

    /// Steps over what arrived before `horizon`, which retention has removed (KDS-S1); returns how many records that were.
    pub fn expire(&mut self, log: &Log, cursor: &mut Cursor, horizon: Micros) -> u64 {
        let mut expired = 0;
        while self.peek(log, cursor).is_some_and(|record| record.appended < horizon) {
            self.step(log, cursor);
            expired += 1;
        }
        expired
    }

    /// Bytes held by the arena.
    pub fn bytes(&self) -> usize {
        (self.used * SLOTS) as usize * size_of::<u128>()
    }
}

#[inline]
fn bytes_of(packed: u128) -> u64 {
    ((packed >> BYTES_SHIFT) & BYTES_MASK) as u64
}

#[inline]
fn unpack(base: Micros, packed: u128) -> Record {
    let appended = base + ((packed >> OFFSET_SHIFT) & OFFSET_MASK) as u64;
    Record {
        written: appended - (packed & DELAY_MASK) as u64,
        appended,
        bytes: bytes_of(packed) as u32,
        key: (packed >> KEY_SHIFT) as u32,
        flags: ((packed >> FLAGS_SHIFT) & FLAGS_MASK) as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::Streams;

    impl Seated for Cursor {
        fn cursor(&self) -> &Cursor {
            self
        }

        fn cursor_mut(&mut self) -> &mut Cursor {
            self
        }
    }

    /// Several readers at their own pace see every record once, in order, unchanged.
    #[test]
    fn every_reader_sees_every_record_in_order() {
        let mut draws = Streams::new(1, 0).named("log");
        let mut arena = Arena::default();
        let mut logs = [Log::default(); 3];
        let mut cursors = [[Cursor::default(); 2]; 3];
        let mut written: [Vec<Record>; 3] = Default::default();
        let mut seen: [[usize; 2]; 3] = Default::default();
        let mut now = 0;
        for step in 0..50_000_u32 {
            // Now and then a pause longer than one chunk's span of times.
            now += if step % 5_000 == 0 { 300_000_000 } else { draws.below(10_000) };
            let shard = draws.below(3) as usize;
            let delay = draws.below(1 << 36).min(now);
            let record = Record {
                written: now - delay,
                appended: now,
                bytes: draws.below(1 << 24) as u32,
                key: draws.bits() as u32,
                flags: draws.below(8) as u8,
            };
            arena.append(&mut logs[shard], &mut cursors[shard], &record);
            written[shard].push(record);
            let (shard, reader) = (draws.below(3) as usize, draws.below(2) as usize);
            for _ in 0..draws.below(5 + 3 * reader as u64) {
                let Some(found) = arena.peek(&logs[shard], &cursors[shard][reader]) else { break };
                assert_eq!(found, written[shard][seen[shard][reader]]);
                arena.step(&logs[shard], &mut cursors[shard][reader]);
                seen[shard][reader] += 1;
            }
            arena.release_if_drained(&mut logs[shard], &mut cursors[shard]);
        }
        for shard in 0..3 {
            for reader in 0..2 {
                let left = written[shard].len() - seen[shard][reader];
                assert_eq!(cursors[shard][reader].behind(&logs[shard]), left as u64);
            }
        }
    }

    /// Copies of a change meet the same chances, whenever they arrive; other changes meet others: of the items and moments of a
    /// whole run none share an identity.
    #[test]
    fn copies_of_a_change_share_its_identity_and_other_changes_do_not() {
        let record = Record { written: 77, appended: 80, bytes: 9, key: 3, flags: 0 };
        let copy = Record { appended: 95, bytes: 12, flags: flags::COPY, ..record };
        assert_eq!(record.identity(), copy.identity());
        let moments =
            |key| (0..1_000).map(move |at| Record { written: at * 7_919, key, ..record }.identity());
        let mut all: Vec<u64> = (0..1_000).flat_map(moments).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 1_000_000);
    }

    #[test]
    fn memory_follows_the_backlog() {
        let mut arena = Arena::default();
        let (mut log, mut cursors) = (Log::default(), [Cursor::default()]);
        let record = Record { written: 0, appended: 0, bytes: 100, key: 1, flags: 0 };
        for now in 0..1_000_000 {
            arena.append(&mut log, &mut cursors, &Record { appended: now, ..record });
            if now >= 1_000 {
                arena.step(&log, &mut cursors[0]);
            }
        }
        assert!(arena.bytes() < 2 * 16 * 1_100, "{}", arena.bytes());
    }

    #[test]
    fn an_arena_in_memory_that_another_one_left_knows_nothing_of_its_records() {
        let attic = Attic::default();
        for run in 0..3 {
            let mut arena = attic.arena();
            assert_eq!(arena.bytes(), 0);
            let (mut log, mut cursors) = (Log::default(), [Cursor::default()]);
            assert_eq!(arena.peek(&log, &cursors[0]), None);
            let record =
                |at| Record { written: at, appended: at + run, bytes: 100, key: at as u32, flags: 0 };
            (0..1_000).for_each(|at| arena.append(&mut log, &mut cursors, &record(at)));
            let mut out = Vec::new();
            while arena.read(&log, &mut cursors[0], 300, u64::MAX, &mut 0, &mut out) > 0 {}
            assert_eq!(out, (0..1_000).map(record).collect::<Vec<_>>());
            assert_eq!(attic.0.lock().unwrap().len(), 0, "an arena's memory is its own until it is gone");
        }
        assert_eq!(attic.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn what_is_known_of_a_chunk_takes_one_slot() {
        let head = Head { base: u64::MAX - 1, next: u32::MAX - 2, len: 31, readers: 64 };
        assert_eq!(Head::unpack(head.pack()), head);
    }
}
