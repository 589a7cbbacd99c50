//! On-demand capacity: how many shards a stream starts with, which ones it splits, and what peaks it remembers.
//!
//! A shard in use above half of what it takes is split in half (KDS-O4), so that a stream has room for double its peak
//! (KDS-O2). Nothing looks at keys: a key that is too hot for a shard stays so, however often its shard is split (KDS-O5).

use std::collections::VecDeque;

use super::shard::{WRITE_BYTES_PER_SECOND, WRITE_RECORDS_PER_SECOND};
use crate::engine::time::{DAY, HOUR, MINUTE, Nanos, SECOND};

/// Shards of a new on-demand stream: 4 MB/s to write and 8 MB/s to read (KDS-O1).
pub const NEW_STREAM_SHARDS: u32 = 4;
/// A shard that takes more bytes than this in a second is split: 500 KB (KDS-O4).
pub const HOT_BYTES_PER_SECOND: u64 = 500 * 1_024;
/// A shard that takes more records than this in a second is split: the same half of its limit.
pub const HOT_RECORDS_PER_SECOND: u64 = WRITE_RECORDS_PER_SECOND / 2;
/// Streams that one account has in on-demand mode unless AWS raises the quota (KDS-S4).
pub const STREAMS_MAX: usize = 50;

/// An on-demand stream as the scenario describes it, checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnDemandPlan {
    /// The peak of the 30 days before the run, bytes a second; 0 for a new stream.
    pub peak: u64,
    /// Bytes a second that are taken whatever the traffic was (KDS-A1).
    pub warm: Option<u64>,
}

impl OnDemandPlan {
    /// Shards at the start, at most `most`: four, or what double the peak or the warm throughput needs (KDS-O1, KDS-O2,
    /// KDS-A1).
    pub fn shards(&self, most: u32) -> u32 {
        let wanted = shards_for(self.peak.saturating_mul(2)).max(self.warm.map_or(0, shards_for));
        wanted.clamp(NEW_STREAM_SHARDS.min(most), most)
    }
}

/// Shards that take so many bytes a second.
pub fn shards_for(bytes_per_second: u64) -> u32 {
    u32::try_from(bytes_per_second.div_ceil(WRITE_BYTES_PER_SECOND)).unwrap_or(u32::MAX)
}

/// What went through a shard or a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Records.
    pub records: u64,
    /// Bytes, partition keys included.
    pub bytes: u64,
}

impl Taken {
    /// What was added since it was `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self { records: self.records - earlier.records, bytes: self.bytes - earlier.bytes }
    }

    /// Whether a shard that took this over `span` is to be split (KDS-O4).
    pub fn is_hot(self, span: Nanos) -> bool {
        let above = |count: u64, limit: u64| {
            u128::from(count) * u128::from(SECOND) > u128::from(limit) * u128::from(span)
        };
        above(self.bytes, HOT_BYTES_PER_SECOND) || above(self.records, HOT_RECORDS_PER_SECOND)
    }

    /// The throughput over `span` by the limit that is nearer, in the bytes a second that a shard would take with it: a
    /// thousand records count as the megabyte that a shard takes beside them.
    pub fn bytes_per_second(self, span: Nanos) -> u64 {
        let records =
            u128::from(self.records) * u128::from(WRITE_BYTES_PER_SECOND / WRITE_RECORDS_PER_SECOND);
        let most = records.max(u128::from(self.bytes));
        u64::try_from(most * u128::from(SECOND) / u128::from(span.max(1))).unwrap_or(u64::MAX)
    }
}

/// The peaks that a stream remembers: the highest minute of any stretch up to now that reaches back at most `kept`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peaks {
    kept: Nanos,
    /// Minutes none of which is followed by a higher one, oldest and highest first.
    minutes: VecDeque<(Nanos, u64)>,
}

impl Peaks {
    /// A stream whose peak was `before` at the start.
    pub fn new(kept: Nanos, before: u64) -> Self {
        Self { kept, minutes: VecDeque::from([(0, before)]) }
    }

    /// A minute has ended with so many bytes a second. Amortized O(1).
    pub fn close_minute(&mut self, now: Nanos, bytes_per_second: u64) {
        while self.minutes.back().is_some_and(|(_, lower)| *lower <= bytes_per_second) {
            self.minutes.pop_back();
        }
        self.minutes.push_back((now, bytes_per_second));
        while self.minutes.front().is_some_and(|(at, _)| at + self.kept < now) {
            self.minutes.pop_front();
        }
    }

    /// The highest minute that is remembered.
    pub fn highest(&self) -> u64 {
        self.minutes.front().map_or(0, |(_, peak)| *peak)
    }

    /// The highest minute of the last hour (KDS-A3).
    pub fn of_last_hour(&self, now: Nanos) -> u64 {
        let recent = self.minutes.iter().find(|(at, _)| at + HOUR > now);
        recent.map_or(0, |(_, peak)| *peak)
    }
}

/// How long on-demand capacity takes to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnDemandClock {
    /// From the beginning of the minute in which a shard was too busy to its split (KDS-O4); looked at by the minute.
    pub split: Nanos,
    /// How long a peak is remembered; shards that double of all later ones does not need are merged then (KDS-O8, OPEN-12).
    pub peak_kept: Nanos,
    /// From a call for another warm throughput to its effect (KDS-A2).
    pub warm: Nanos,
}

impl Default for OnDemandClock {
    fn default() -> Self {
        Self { split: 15 * MINUTE, peak_kept: 30 * DAY, warm: 5 * MINUTE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn kds_o1_o2_a_new_stream_has_four_shards_and_an_old_one_room_for_double_its_peak() {
        let shards = |peak, warm| OnDemandPlan { peak, warm }.shards(200);
        assert_eq!(shards(0, None), 4);
        assert_eq!(shards(MIB, None), 4);
        assert_eq!((shards(10 * MIB, None), shards(10 * MIB + 1, None)), (20, 21));
        // Never above the Region's maximum.
        assert_eq!(shards(150 * MIB, None), 200);
    }

    #[test]
    fn kds_a1_warm_throughput_is_there_from_the_start() {
        let plan = OnDemandPlan { peak: 10 * MIB, warm: Some(100 * MIB) };
        assert_eq!(plan.shards(10_000), 100);
        assert_eq!(OnDemandPlan { warm: Some(MIB), ..plan }.shards(10_000), 20);
    }

    #[test]
    fn kds_o4_more_than_500_kb_a_second_over_a_minute_is_hot() {
        let taken = |bytes, records| Taken { bytes, records };
        assert!(!taken(60 * 500 * 1_024, 0).is_hot(MINUTE));
        assert!(taken(60 * 500 * 1_024 + 1, 0).is_hot(MINUTE));
        assert!(!taken(0, 30_000).is_hot(MINUTE));
        assert!(taken(0, 30_001).is_hot(MINUTE));
    }

    #[test]
    fn kds_o2_o8_the_highest_peak_counts_for_30_days() {
        let mut peaks = Peaks::new(30 * DAY, 9);
        (1..=30 * 24).for_each(|hour| peaks.close_minute(hour * HOUR, if hour == 5 { 7 } else { hour % 3 }));
        assert_eq!(peaks.highest(), 9);
        peaks.close_minute(30 * DAY + MINUTE, 1);
        assert_eq!(peaks.highest(), 7);
        peaks.close_minute(30 * DAY + 5 * HOUR + MINUTE, 1);
        assert_eq!(peaks.highest(), 2);
    }

    #[test]
    fn kds_a3_the_peak_of_the_last_hour_forgets_what_came_before() {
        let mut peaks = Peaks::new(30 * DAY, 100);
        (1..=120).for_each(|minute| peaks.close_minute(minute * MINUTE, 200 - minute));
        assert_eq!(peaks.of_last_hour(120 * MINUTE), 200 - 61);
    }
}
