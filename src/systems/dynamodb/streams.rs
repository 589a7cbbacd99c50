//! DynamoDB Streams: every change of a table exactly once (DDS-2), each item's in order (DDS-3), in shards that follow the
//! table's partitions (DDS-S2) and keep records for a day (DDS-1).
//!
//! The log, its readers and the lineage of its shards are those of a Kinesis stream, under other limits.

use super::change_record::RecordTemplate;
use super::operation::Operation;
use crate::engine::random::Keyed;
use crate::engine::sampler::Sampler;
use crate::engine::time::{DAY, MINUTE, Nanos, round};
use crate::systems::kinesis::lineage::Lineage;
use crate::systems::kinesis::read_limit::{CallLimits, ReadLimits};
use crate::systems::kinesis::shard::WriteLimits;
use crate::systems::kinesis::stream::Stream;

/// How long records stay (DDS-1); no setting changes it.
pub const RETENTION: Nanos = DAY;
/// Records that one GetRecords call returns at most (DDS-R3).
pub const RECORDS_PER_CALL: u32 = 1_000;
/// Bytes that one GetRecords call returns at most (DDS-R3).
pub const BYTES_PER_CALL: u64 = 1_048_576;
/// How long a shard iterator is good for (DDS-R5).
pub const ITERATOR_LIFE: Nanos = 15 * MINUTE;
/// Readers that a shard of a single-Region table is made for (DDS-R1).
pub const READERS_MAX: usize = 2;
/// Readers beside the replication of a global table (DDS-R2, DDB-G2).
pub const READERS_MAX_GLOBAL: usize = 1;

/// What a record holds of its item (DDS-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The primary key alone.
    KeysOnly,
    /// The key, and the item as it was before.
    OldImage,
    /// The key, and the item as it is now.
    NewImage,
    /// The key and both.
    NewAndOldImages,
}

impl View {
    /// The word for it in scenarios and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::KeysOnly => "keys_only",
            Self::OldImage => "old_image",
            Self::NewImage => "new_image",
            Self::NewAndOldImages => "new_and_old_images",
        }
    }

    /// Whether a record has the old image and the new one, where there are such.
    fn holds(self) -> (bool, bool) {
        match self {
            Self::KeysOnly => (false, false),
            Self::OldImage => (true, false),
            Self::NewImage => (false, true),
            Self::NewAndOldImages => (true, true),
        }
    }
}

/// A table's stream as the scenario describes it, checked.
#[derive(Clone, Debug)]
pub struct StreamsPlan {
    /// Its number among all streams of the scenario, which counts those of Kinesis first.
    pub stream: usize,
    /// What its records hold.
    pub view: View,
    /// Sizes of the table's items.
    pub template: RecordTemplate,
    /// From the write to the moment when readers can see the change (OPEN-5); nanoseconds.
    pub delay: Sampler,
    /// How long a shard stays open (OPEN-4).
    pub rollover: Nanos,
    /// By how much that differs from shard to shard, to either side.
    pub rollover_jitter: Nanos,
    /// GetRecords calls a second on one shard (OPEN-3).
    pub calls_per_second: u64,
    /// Bytes read a second from one shard (DDS-R4).
    pub bytes_per_second: u64,
}

impl StreamsPlan {
    /// A record's size: `SizeBytes` of what the view holds, by the rules of the table (DDS-F1, DDS-F4).
    #[inline]
    pub fn record_bytes(&self, operation: Operation, before: u32, after: u32) -> u32 {
        let (old, new) = self.view.holds();
        self.template.view_bytes(operation, (before, after), (old, new))
    }

    /// What a modification's keys and images take in JSON beyond their `SizeBytes` (KDC-J1 to KDC-J4).
    pub fn json_overhead(&self) -> u32 {
        self.template.view_json_overhead(Operation::Modify, self.view.holds())
    }

    /// Its shards at the start, whose ranges are those of the table's partitions (DDS-S2). Writes meet no limit but the
    /// table's (DDS-7, DDS-Q2).
    pub fn stream_of(&self, partition_starts: &[u128]) -> Stream {
        let call =
            CallLimits { records: RECORDS_PER_CALL, bytes: BYTES_PER_CALL, iterator_life: ITERATOR_LIFE };
        let read = ReadLimits::of(self.calls_per_second, self.bytes_per_second, call);
        let write = WriteLimits::new(false);
        Stream::with(Lineage::from_starts(partition_starts), write, read, RETENTION)
    }

    /// The delay of one change.
    pub fn delay(&self, draws: &Keyed, change: u64) -> Nanos {
        round(self.delay.sample(&mut draws.draws(change, 0)))
    }

    /// How long a shard stays open. The first shards are found at any age.
    pub fn lifetime(&self, draws: &Keyed, shard: usize, at_start: bool) -> Nanos {
        let unit = draws.unit(shard as u64, 0);
        if at_start {
            return (unit * self.rollover as f64) as Nanos + 1;
        }
        let jitter = ((2.0 * unit - 1.0) * self.rollover_jitter as f64) as i64;
        self.rollover.saturating_add_signed(jitter).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::change_record::{ItemShape, TimestampPrecision};
    use super::*;

    fn plan(view: View) -> StreamsPlan {
        // A key `pk` of 16 bytes: 18 bytes.
        let shape = ItemShape::assumed(16);
        StreamsPlan {
            stream: 0,
            view,
            template: RecordTemplate::new("us-east-1", "orders", &shape, TimestampPrecision::Millisecond),
            delay: Sampler::Constant(0.0),
            rollover: 240 * MINUTE,
            rollover_jitter: 15 * MINUTE,
            calls_per_second: 5,
            bytes_per_second: 2 << 20,
        }
    }

    #[test]
    fn dds_f1_f4_a_record_is_its_keys_and_the_images_of_its_view() {
        let sizes = |view| {
            [(Operation::Insert, 0, 700), (Operation::Modify, 500, 700), (Operation::Remove, 500, 0)]
                .map(|(operation, before, after)| plan(view).record_bytes(operation, before, after))
        };
        assert_eq!(sizes(View::KeysOnly), [18, 18, 18]);
        assert_eq!(sizes(View::NewImage), [718, 718, 18]);
        assert_eq!(sizes(View::OldImage), [18, 518, 518]);
        assert_eq!(sizes(View::NewAndOldImages), [718, 1_218, 518]);
        // DDS-F4: the largest record is twice the largest item and its keys, which one answer can hold.
        let largest = plan(View::NewAndOldImages).record_bytes(Operation::Modify, 409_600, 409_600);
        assert_eq!(largest, 2 * 409_600 + 18);
        assert!(u64::from(largest) < BYTES_PER_CALL);
    }
}
