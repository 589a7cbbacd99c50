//! Time series on a fixed budget of bins.

use crate::engine::time::{DAY, HOUR, MINUTE, Nanos, SECOND};

/// Bins that one series has at most.
const BINS_MAX: u64 = 1_500;

/// The widths that a bin may have: those that CloudWatch offers, and a few longer ones.
const WIDTHS: [Nanos; 10] =
    [SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY];

/// The narrowest allowed width that covers `span` within the budget.
pub fn bin_width(span: Nanos) -> Nanos {
    WIDTHS.into_iter().find(|width| span.div_ceil(*width) <= BINS_MAX).unwrap_or(30 * DAY)
}

/// Bins for what is told of the time after the writes too, however long that is: about a week of seconds.
const LONG_BINS_MAX: u64 = 600_000;

/// The bins of a series for a run of about `span`, and as many more as it takes to its end: their width, and how many there are at most
/// before they are made wider.
pub fn bins(span: Nanos) -> (Nanos, u64) {
    (bin_width(span), LONG_BINS_MAX)
}

/// What each value of a bin is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// The sum of what was added.
    Sum,
    /// The greatest value added.
    Max,
}

/// `COLUMNS` values a bin, with a cursor on the bin of the last moment: time never goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series<const COLUMNS: usize> {
    width: Nanos,
    end_of_bin: Nanos,
    bins: Vec<[u64; COLUMNS]>,
}

impl<const COLUMNS: usize> Series<COLUMNS> {
    /// A series for a run of about `span`; what comes later goes on in further bins up to twice the budget, and
    /// then into the last one.
    pub fn new(span: Nanos) -> Self {
        let width = bin_width(span);
        Self { width, end_of_bin: width, bins: vec![[0; COLUMNS]] }
    }

    /// The bin of `now`, for more than one change of it.
    #[inline]
    pub fn bin(&mut self, now: Nanos) -> &mut [u64; COLUMNS] {
        if now >= self.end_of_bin {
            self.advance(now);
        }
        let last = self.bins.len() - 1;
        &mut self.bins[last]
    }

    #[cold]
    fn advance(&mut self, now: Nanos) {
        let bins = (now / self.width + 1).min(2 * BINS_MAX);
        self.bins.resize((bins as usize).max(self.bins.len()), [0; COLUMNS]);
        self.end_of_bin = (now / self.width + 1) * self.width;
    }

    /// Whether `now` is the first moment seen in its bin; afterwards it no longer is.
    #[inline]
    pub fn enter(&mut self, now: Nanos) -> bool {
        let fresh = now >= self.end_of_bin;
        if fresh {
            self.advance(now);
        }
        fresh
    }

    /// Adds to one column of the bin of `now`.
    #[inline]
    pub fn add(&mut self, now: Nanos, column: usize, value: u64) {
        self.bin(now)[column] += value;
    }

    /// Adds to one column, bin by bin from time 0 on, what was counted apart in bins of the same width.
    pub fn add_bins(&mut self, column: usize, counts: &[u64]) {
        let last = (2 * BINS_MAX - 1) as usize;
        for (bin, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let place = bin.min(last);
            self.bins.resize((place + 1).max(self.bins.len()), [0; COLUMNS]);
            self.bins[place][column] += count;
        }
    }

    /// Raises one column of all bins between two moments to at least what `value` gives for the last moment in each.
    pub fn raise_between(
        &mut self,
        (from, until): (Nanos, Nanos),
        column: usize,
        value: impl Fn(Nanos) -> u64,
    ) {
        self.bin(until);
        let last = self.bins.len() - 1;
        let [first, end] = [from, until].map(|at| (at / self.width) as usize);
        for number in first..=end {
            let at = ((number as Nanos + 1) * self.width).min(until);
            let place = &mut self.bins[number.min(last)][column];
            *place = (*place).max(value(at));
        }
    }

    /// Raises one column of the bin of `now` to at least `value`.
    #[inline]
    pub fn raise(&mut self, now: Nanos, column: usize, value: u64) {
        let place = &mut self.bin(now)[column];
        *place = (*place).max(value);
    }

    /// The end of the bin of the last moment seen, also where that lies beyond the last bin that is kept.
    pub fn until(&self) -> Nanos {
        self.end_of_bin
    }

    /// Width of a bin.
    pub fn width(&self) -> Nanos {
        self.width
    }

    /// The bins from time 0 on.
    pub fn bins(&self) -> &[[u64; COLUMNS]] {
        &self.bins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_stay_within_the_budget_and_lose_nothing() {
        for span in [10 * SECOND, HOUR, 14 * DAY, 365 * DAY] {
            let mut series = Series::<1>::new(span);
            let step = span / 10_000;
            (0..10_000).for_each(|i| series.add(i * step, 0, 1));
            assert!(series.bins().len() as u64 <= BINS_MAX);
            assert_eq!(series.bins().iter().map(|bin| bin[0]).sum::<u64>(), 10_000);
        }
    }

    /// From second 2.5 to 5.25 something waits that came at second 1: at the end of each bin its age is what has passed since.
    #[test]
    fn what_is_known_late_goes_into_the_bins_where_it_was() {
        let mut series = Series::<1>::new(10 * SECOND);
        series.raise(4 * SECOND, 0, 9);
        series.raise_between((2_500_000_000, 5_250_000_000), 0, |at| (at - SECOND) / 1_000_000);
        let bins: Vec<u64> = series.bins().iter().map(|bin| bin[0]).collect();
        assert_eq!(bins, [0, 0, 2_000, 3_000, 4_000, 4_250]);
    }
}
