//! What a stream held when the run began, as numbers: records that arrived evenly over a stated time before it.
//!
//! A week of history would be more than memory holds and says nothing that a rate does not say, so its records are made
//! when a reader asks for them: of mean size, evenly spaced, of no item. They take their part of every limit on reading and
//! of consumers' time; they were written before the run, so no latency and no order is measured of them.

use super::log::{Micros, Record, flags};

/// The item number of a record of the past.
pub const NO_ITEM: u32 = u32::MAX;

/// What one shard held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PastShard {
    /// Records.
    pub records: u64,
    /// Bytes of each, partition key included.
    pub bytes: u32,
}

/// What a stream held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    span: Micros,
    shards: Vec<PastShard>,
    readers: usize,
    /// Records that each reader has read or passed over on each shard, by slot.
    read: Vec<u64>,
}

impl Past {
    /// Records that arrived evenly over the last `span` microseconds before the run, shard by shard.
    pub fn new(span: Micros, shards: Vec<PastShard>) -> Self {
        Self { span: span.max(1), shards, readers: 0, read: Vec::new() }
    }

    /// Makes room for the readers, who stand behind all of it until they are told to start.
    pub(super) fn seat(&mut self, readers: usize) {
        self.readers = readers;
        self.read = vec![0; readers * self.shards.len()];
    }

    /// All records.
    pub fn records(&self) -> u64 {
        self.shards.iter().map(|shard| shard.records).sum()
    }

    fn shard(&self, slot: usize) -> PastShard {
        self.shards.get(slot / self.readers.max(1)).copied().unwrap_or_default()
    }

    /// How many of a shard's records arrived before `moment`, microseconds from the start of the run.
    fn before(&self, shard: PastShard, moment: i64) -> u64 {
        let from_first = i128::from(moment) + i128::from(self.span);
        if from_first <= 0 {
            return 0;
        }
        let records = (from_first.unsigned_abs() * u128::from(shard.records)).div_ceil(u128::from(self.span));
        u64::try_from(records).unwrap_or(u64::MAX).min(shard.records)
    }

    /// Passes over what arrived before `moment`; returns how many records that were.
    pub(super) fn pass(&mut self, slot: usize, moment: i64) -> u64 {
        let before = self.before(self.shard(slot), moment);
        let Some(read) = self.read.get_mut(slot) else { return 0 };
        let passed = before.saturating_sub(*read);
        *read += passed;
        passed
    }

    /// Records that wait for a reader on a shard.
    pub(super) fn left(&self, slot: usize) -> u64 {
        self.read.get(slot).map_or(0, |read| self.shard(slot).records - read)
    }

    /// The oldest of them.
    pub(super) fn next(&self, slot: usize) -> Option<Record> {
        (self.left(slot) > 0).then(|| self.record(self.shard(slot), self.read[slot]))
    }

    /// A shard's record of this number. It arrived before the run: at microseconds that wrap around below 0.
    fn record(&self, shard: PastShard, number: u64) -> Record {
        let offset = u128::from(number) * u128::from(self.span) / u128::from(shard.records.max(1));
        let at = (offset as u64).wrapping_sub(self.span);
        Record { written: at, appended: at, bytes: shard.bytes, key: NO_ITEM, flags: flags::PAST }
    }

    /// Those of them that arrived before `moment`.
    pub(super) fn left_before(&self, slot: usize, moment: i64) -> u64 {
        let before = self.before(self.shard(slot), moment);
        self.read.get(slot).map_or(0, |read| before.saturating_sub(*read))
    }

    /// They, and when the first and the last of them arrived; nothing where there are none.
    pub(super) fn gone(&self, slot: usize, moment: i64) -> Option<(u64, Micros, Micros)> {
        let (shard, count) = (self.shard(slot), self.left_before(slot, moment));
        let last = (self.read.get(slot)? + count).checked_sub(1).filter(|_| count > 0)?;
        Some((count, self.next(slot)?.appended, self.record(shard, last).appended))
    }

    /// Moves up to `records_max` records and, with those that `bytes` counts already, `bytes_max` bytes to the end of
    /// `out`.
    pub(super) fn read(
        &mut self,
        slot: usize,
        records_max: usize,
        bytes_max: u64,
        bytes: &mut u64,
        out: &mut Vec<Record>,
    ) {
        let shard = self.shard(slot);
        let fit = (bytes_max - *bytes) / u64::from(shard.bytes.max(1));
        let count = self.left(slot).min(records_max as u64).min(fit);
        let Some(read) = self.read.get(slot).copied() else { return };
        out.extend((read..read + count).map(|number| self.record(shard, number)));
        self.read[slot] = read + count;
        *bytes += count * u64::from(shard.bytes);
    }
}
