//! Order and duplicates as a reader of the stream meets them, item by item.

use crate::engine::histogram::Histogram;
use crate::systems::kinesis::log::flags;

/// Why a record came out of order, most telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// It is a second copy of a change that was there before.
    Duplicate,
    /// The feed's own injected disorder held it back.
    Injected,
    /// It was throttled on its way while a later change passed.
    Retry,
    /// Its delay was longer than that of a later change.
    Delay,
    /// A consumer read a shard beside its parents.
    Resharding,
}

impl Cause {
    /// All causes, in the order of the counters.
    pub const ALL: [Self; 5] = [Self::Duplicate, Self::Injected, Self::Retry, Self::Delay, Self::Resharding];

    /// The cause that a late record's flags tell of.
    #[inline]
    pub fn of(record_flags: u8) -> Self {
        if record_flags & flags::COPY != 0 {
            Self::Duplicate
        } else if record_flags & flags::DISORDERED != 0 {
            Self::Injected
        } else if record_flags & flags::RETRIED != 0 {
            Self::Retry
        } else {
            Self::Delay
        }
    }

    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Injected => "injected",
            Self::Retry => "retry",
            Self::Delay => "delay",
            Self::Resharding => "resharding",
        }
    }
}

/// Counts of records that a reader in log order sees late or twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ordering {
    /// Records that were looked at.
    pub records: u64,
    /// Records whose item had a newer version in the stream already, by cause.
    pub out_of_order: [u64; 5],
    /// Second copies.
    pub duplicates: u64,
    /// How many versions of the item the late record lies behind.
    pub distance_records: Histogram,
    /// How far its creation time lies behind the newest one seen of the item, in microseconds: the
    /// lateness that a reader must allow for.
    pub distance_micros: Histogram,
    /// How long after the first copy a second one came, in microseconds.
    pub duplicate_micros: Histogram,
}

impl Ordering {
    /// Records that came out of order.
    pub fn late(&self) -> u64 {
        self.out_of_order.iter().sum()
    }

    /// Counts a late record and how late it is.
    pub fn late_by(&mut self, record_flags: u8, records: u32, micros: u64) {
        self.out_of_order[Cause::of(record_flags) as usize] += 1;
        self.distance_records.record(u64::from(records));
        self.distance_micros.record(micros);
    }

    /// Counts a late record, of which only the time is known by which it is late.
    pub fn late_after(&mut self, cause: Cause, micros: u64) {
        self.out_of_order[cause as usize] += 1;
        self.distance_micros.record(micros);
    }

    /// Adds another replication's counts.
    pub fn merge(&mut self, other: &Self) {
        self.records += other.records;
        self.duplicates += other.duplicates;
        self.out_of_order.iter_mut().zip(other.out_of_order).for_each(|(mine, theirs)| *mine += theirs);
        self.distance_records.merge(&other.distance_records);
        self.distance_micros.merge(&other.distance_micros);
        self.duplicate_micros.merge(&other.duplicate_micros);
    }
}
