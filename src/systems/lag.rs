//! How late a reader is: the age of the oldest record that has come to it and of which it is not known yet what becomes of it,
//! whether it waits in the stream, in the reader's hands or in a buffer.
//!
//! A record is noted once, when it is settled, with the moment at which it had come. In every bin between the two it waited; so the
//! oldest one of a bin is the earliest arrival among those that were settled in it or after it, and nothing has to be searched meanwhile.

use crate::engine::time::{MICROSECOND, Nanos};

/// What was settled in one bin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bin {
    /// The earliest arrival, microseconds; of what was there before the run, below 0.
    oldest: i64,
    /// The greatest age, microseconds.
    age: u64,
}

impl Bin {
    fn and(self, other: Self) -> Self {
        Self { oldest: self.oldest.min(other.oldest), age: self.age.max(other.age) }
    }
}

const EMPTY: Bin = Bin { oldest: i64::MAX, age: 0 };

/// What a reader settled, bin by bin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    width: Nanos,
    bins_max: u64,
    bins: Vec<Bin>,
}

impl Lag {
    /// With bins of this width, of which there are so many at most: for what comes later, two and two are taken together.
    pub fn new((width, bins_max): (Nanos, u64)) -> Self {
        Self { width, bins_max, bins: Vec::new() }
    }

    /// The bin of a moment.
    fn place(&mut self, at: Nanos) -> usize {
        while at / self.width >= self.bins_max {
            self.width *= 2;
            let both = |pair: &[Bin]| pair.iter().copied().reduce(Bin::and).unwrap_or(EMPTY);
            self.bins = self.bins.chunks(2).map(both).collect();
        }
        (at / self.width) as usize
    }

    /// Records are settled, the oldest of which had come at `arrived`, microseconds; what was there before the run came at
    /// moments that wrap around below 0.
    pub fn settled(&mut self, now: Nanos, arrived: u64) {
        let place = self.place(now);
        if place >= self.bins.len() {
            self.bins.resize(place + 1, EMPTY);
        }
        let settled = Bin { oldest: arrived as i64, age: (now / MICROSECOND).wrapping_sub(arrived) };
        self.bins[place] = self.bins[place].and(settled);
    }

    /// The age of the oldest record in each bin up to the end, where the oldest one that is left had come at `left`.
    pub fn ages(mut self, end: Nanos, left: Option<u64>) -> Ages {
        let bins = self.place(end) + 1;
        self.bins.resize(bins.max(self.bins.len()), EMPTY);
        let mut oldest = left.map_or(i64::MAX, |left| left as i64);
        let mut ages = vec![0; self.bins.len()];
        for (number, (bin, age)) in self.bins.iter().zip(&mut ages).enumerate().rev() {
            let over = ((number as Nanos + 1) * self.width).min(end) / MICROSECOND;
            *age = bin.age.max((over as i64).saturating_sub(oldest).max(0) as u64);
            oldest = oldest.min(bin.oldest);
        }
        if left.is_none() {
            // From the end on nothing waits, however old the last record was.
            ages.push(0);
        }
        Ages { width: self.width, bins: ages }
    }
}

/// The age of the oldest record that waits for a reader, bin by bin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ages {
    /// Width of a bin.
    pub width: Nanos,
    /// The greatest age in each, microseconds; 0 where nothing waits.
    pub bins: Vec<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::SECOND;

    /// A record that comes at second 2.5 is settled at 5.25, one that comes at second 3 at 4.0; another one that comes at 7 is left
    /// when the run ends at 8.5. By hand: 0.5 s old at second 3, 1.5 at 4, 2.5 at 5, 2.75 when it is done; 1 s at 8, 1.5 s at the end.
    #[test]
    fn the_oldest_record_ages_until_it_is_settled() {
        let mut lag = Lag::new((SECOND, 100));
        lag.settled(4 * SECOND, 3_000_000);
        lag.settled(5_250_000_000, 2_500_000);
        let ages = lag.ages(8_500_000_000, Some(7_000_000));
        assert_eq!(ages.width, SECOND);
        let millis: Vec<u64> = ages.bins.iter().map(|age| age / 1_000).collect();
        assert_eq!(millis, [0, 0, 500, 1_500, 2_500, 2_750, 0, 1_000, 1_500]);
    }

    /// The same in two bins, then four, where there is room for four of a second: four seconds each make three, 2.75 s the most in the
    /// second one.
    #[test]
    fn a_run_with_more_bins_than_there_is_room_for_has_wider_ones() {
        let mut lag = Lag::new((SECOND, 4));
        lag.settled(3 * SECOND, 3_000_000);
        lag.settled(5_250_000_000, 2_500_000);
        let ages = lag.ages(8_500_000_000, Some(7_000_000));
        assert_eq!((ages.width, ages.bins), (4 * SECOND, vec![1_500_000, 2_750_000, 1_500_000]));
        // A record that comes at 1 s and is settled as late as second 99 was 15 s old at second 16, 31 s at 32, and so on.
        let mut lag = Lag::new((SECOND, 8));
        lag.settled(99 * SECOND, 1_000_000);
        let ages = lag.ages(99 * SECOND, None);
        let seconds: Vec<u64> = ages.bins.iter().map(|age| age / 1_000_000).collect();
        assert_eq!((ages.width, seconds), (16 * SECOND, vec![15, 31, 47, 63, 79, 95, 98, 0]));
    }

    /// What was there 10 s before the run is 12 s old when it is settled at second 2.
    #[test]
    fn what_was_there_before_the_run_is_older_than_the_run() {
        let mut lag = Lag::new((SECOND, 100));
        lag.settled(2 * SECOND, 10_000_000_u64.wrapping_neg());
        let ages = lag.ages(3 * SECOND, None).bins;
        assert_eq!(ages, [11_000_000, 12_000_000, 12_000_000, 0, 0]);
    }
}
