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
    /// A queue hands out messages in no order that is promised, to batches that run side by side (SQS-1).
    Queue,
    /// A function was given its whole batch again after it had failed (LAM-E1).
    BatchRetry,
    /// A message was hidden from its receive on and came back, for its batch had failed (SQS-3).
    Visibility,
    /// The function or the pipe that sends to the queue sent it again with its batch.
    SenderRetry,
    /// A worker died before its checkpoint.
    Crash,
    /// A worker was stopped for a deployment before its checkpoint.
    Deploy,
    /// A worker lost its lease before its checkpoint.
    LostLease,
    /// A shard was given to another worker before its checkpoint.
    Rebalance,
}

/// Number of causes.
pub const CAUSES: usize = 13;
/// Causes that a stream itself may have, and readers of its shards; the later ones are consumers' own.
pub const CAUSES_OF_STREAMS: usize = 5;

impl Cause {
    /// All causes, in the order of the counters.
    pub const ALL: [Self; CAUSES] = [
        Self::Duplicate,
        Self::Injected,
        Self::Retry,
        Self::Delay,
        Self::Resharding,
        Self::Queue,
        Self::BatchRetry,
        Self::Visibility,
        Self::SenderRetry,
        Self::Crash,
        Self::Deploy,
        Self::LostLease,
        Self::Rebalance,
    ];

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
            Self::Queue => "queue",
            Self::BatchRetry => "batch_retry",
            Self::Visibility => "visibility",
            Self::SenderRetry => "sender_retry",
            Self::Crash => "crash",
            Self::Deploy => "deploy",
            Self::LostLease => "lost_lease",
            Self::Rebalance => "rebalance",
        }
    }
}

/// Counts of records that a reader in log order sees late or twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ordering {
    /// Records that were looked at.
    pub records: u64,
    /// Records whose item had a newer version in the stream already, by cause.
    pub out_of_order: [u64; CAUSES],
    /// Second copies.
    pub duplicates: u64,
    /// The same by cause, of a consumer that may process a record again.
    pub repeats: [u64; CAUSES],
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

    /// Counts a change that was there before.
    pub fn repeated(&mut self, cause: Cause) {
        self.duplicates += 1;
        self.repeats[cause as usize] += 1;
    }

    /// Adds another replication's counts.
    pub fn merge(&mut self, other: &Self) {
        self.records += other.records;
        self.duplicates += other.duplicates;
        self.out_of_order.iter_mut().zip(other.out_of_order).for_each(|(mine, theirs)| *mine += theirs);
        self.repeats.iter_mut().zip(other.repeats).for_each(|(mine, theirs)| *mine += theirs);
        self.distance_records.merge(&other.distance_records);
        self.distance_micros.merge(&other.distance_micros);
        self.duplicate_micros.merge(&other.duplicate_micros);
    }
}
