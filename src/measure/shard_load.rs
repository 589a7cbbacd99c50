//! The load on one shard second by second: what a one-minute metric averages away (Q2, Q4).

use crate::engine::time::{Nanos, SECOND};
use crate::systems::kinesis::shard::{WRITE_BYTES_PER_SECOND, WRITE_RECORDS_PER_SECOND, WriteRefused};

/// One second's or one minute's traffic at a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Records accepted.
    pub records: u64,
    /// Bytes accepted, partition keys included.
    pub bytes: u64,
    /// Puts refused.
    pub refused: u64,
}

impl Traffic {
    /// The greater share of the two limits that was accepted, in tenths of a percent of one second's worth.
    fn utilisation(&self) -> u64 {
        (self.records * 1_000 / WRITE_RECORDS_PER_SECOND).max(self.bytes * 1_000 / WRITE_BYTES_PER_SECOND)
    }

    /// What was added since it was `earlier`.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            records: self.records - earlier.records,
            bytes: self.bytes - earlier.bytes,
            refused: self.refused - earlier.refused,
        }
    }

    fn add(&mut self, other: Self) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.refused += other.refused;
    }
}

/// Shares of a limit, 2 % a step, up to 256 %.
const STEPS: usize = 128;

/// What one shard went through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardLoad {
    /// All of it.
    pub total: Traffic,
    /// Refusals for too many records, too many bytes, both.
    pub refused_by_limit: [u64; 3],
    /// The busiest second, by utilisation.
    pub worst_second: Traffic,
    /// When the minute with the most offered puts began, in seconds.
    pub worst_minute_at: u64,
    /// That minute.
    pub worst_minute: Traffic,
    /// The busiest second inside that minute.
    pub worst_minute_second: Traffic,
    second_at: u64,
    end_of_second: Nanos,
    second: Traffic,
    minute: Traffic,
    minute_second: Traffic,
    seconds_by_utilisation: Vec<u32>,
}

impl Default for ShardLoad {
    fn default() -> Self {
        Self {
            total: Traffic::default(),
            refused_by_limit: [0; 3],
            worst_second: Traffic::default(),
            worst_minute_at: 0,
            worst_minute: Traffic::default(),
            worst_minute_second: Traffic::default(),
            second_at: 0,
            end_of_second: SECOND,
            second: Traffic::default(),
            minute: Traffic::default(),
            minute_second: Traffic::default(),
            seconds_by_utilisation: Vec::new(),
        }
    }
}

impl ShardLoad {
    /// The load on a shard that opens at `now`.
    pub fn opened(now: Nanos) -> Self {
        let second_at = now / SECOND;
        Self { second_at, end_of_second: (second_at + 1) * SECOND, ..Self::default() }
    }

    /// Everything so far, the second under way included.
    pub fn so_far(&self) -> Traffic {
        let mut all = self.total;
        all.add(self.second);
        all
    }

    /// Counts an accepted record.
    #[inline]
    pub fn accepted(&mut self, now: Nanos, bytes: u32) {
        if now >= self.end_of_second {
            self.close_second(now);
        }
        self.second.records += 1;
        self.second.bytes += u64::from(bytes);
    }

    /// Counts a refused put.
    #[inline]
    pub fn refused(&mut self, now: Nanos, why: WriteRefused) {
        if now >= self.end_of_second {
            self.close_second(now);
        }
        self.second.refused += 1;
        self.refused_by_limit[why as usize] += 1;
    }

    #[cold]
    fn close_second(&mut self, now: Nanos) {
        let second = std::mem::take(&mut self.second);
        if self.seconds_by_utilisation.is_empty() {
            self.seconds_by_utilisation = vec![0; STEPS];
        }
        let step = (second.utilisation() / 20).min(STEPS as u64 - 1);
        self.seconds_by_utilisation[step as usize] += 1;
        self.total.add(second);
        self.minute.add(second);
        if second.utilisation() > self.worst_second.utilisation() {
            self.worst_second = second;
        }
        if second.utilisation() > self.minute_second.utilisation() {
            self.minute_second = second;
        }
        let next = now / SECOND;
        // Seconds without any put in between.
        self.seconds_by_utilisation[0] += (next - self.second_at - 1) as u32;
        if next / 60 != self.second_at / 60 {
            self.close_minute();
        }
        self.second_at = next;
        self.end_of_second = (next + 1) * SECOND;
    }

    fn close_minute(&mut self) {
        let minute = std::mem::take(&mut self.minute);
        let second = std::mem::take(&mut self.minute_second);
        let offered = |traffic: &Traffic| traffic.records + traffic.refused;
        if offered(&minute) > offered(&self.worst_minute) {
            self.worst_minute = minute;
            self.worst_minute_second = second;
            self.worst_minute_at = self.second_at / 60 * 60;
        }
    }

    /// Closes the last second and minute.
    pub fn finish(&mut self, end: Nanos) {
        self.close_second(end.max(self.end_of_second));
        self.close_minute();
    }

    /// The greatest utilisation of a second, as a share of the binding limit.
    pub fn utilisation_max(&self) -> f64 {
        self.worst_second.utilisation() as f64 / 1_000.0
    }

    /// The utilisation that 99 % of the seconds stay below, as a share of the limit, to 2 %.
    pub fn utilisation_p99(&self) -> f64 {
        let total: u64 = self.seconds_by_utilisation.iter().map(|count| u64::from(*count)).sum();
        let mut seen = 0;
        for (step, count) in self.seconds_by_utilisation.iter().enumerate() {
            seen += u64::from(*count);
            if seen as f64 >= 0.99 * total as f64 {
                return (step as f64 * 0.02).min(self.utilisation_max());
            }
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_inside_a_minute_shows_as_the_worst_second() {
        let mut load = ShardLoad::default();
        for second in 0..120_u64 {
            let puts = if second == 70 { 900 } else { 10 };
            (0..puts).for_each(|i| load.accepted(second * SECOND + i * 1_000, 100));
        }
        (0..50).for_each(|i| load.refused(119 * SECOND + i, WriteRefused::Records));
        load.finish(120 * SECOND);
        assert_eq!(load.worst_minute_at, 60);
        assert_eq!(load.worst_minute.records, 59 * 10 + 900);
        assert_eq!(load.worst_minute_second.records, 900);
        assert_eq!((load.total.records, load.total.refused), (119 * 10 + 900, 50));
        assert_eq!(load.utilisation_max(), 0.9);
        assert!(load.utilisation_p99() < 0.02);
    }
}
