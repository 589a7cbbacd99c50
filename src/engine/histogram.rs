//! A fixed log-linear histogram: exact, order-free merging; a stated relative error.
//!
//! Buckets follow the layout of HdrHistogram (Tene 2012): values below 1,024 have a bucket each, and every octave
//! above is cut into 512 equal ones. A quantile interpolates inside its bucket, so its error is at
//! most one bucket: 0.2 % of the value, and typically a tenth of that.

const SUB_BITS: u32 = 9;
const SUB: u64 = 1 << SUB_BITS;

/// Counts of non-negative integers, usually microseconds. Grows to the greatest value recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u64>,
    max: u64,
}

/// The bucket of a value.
#[inline]
fn index(value: u64) -> usize {
    let octave = (63 - (value | (2 * SUB - 1)).leading_zeros()) - SUB_BITS;
    ((u64::from(octave) << SUB_BITS) + (value >> octave)) as usize
}

/// The least value of a bucket and the width of the bucket.
fn bounds(index: usize) -> (u64, u64) {
    let octave = ((index as u64) >> SUB_BITS).saturating_sub(1);
    (((index as u64) - (octave << SUB_BITS)) << octave, 1 << octave)
}

impl Histogram {
    /// Counts one value.
    #[inline]
    pub fn record(&mut self, value: u64) {
        let index = index(value);
        if index >= self.counts.len() {
            self.grow(index);
        }
        self.counts[index] += 1;
        self.max = self.max.max(value);
    }

    #[cold]
    fn grow(&mut self, index: usize) {
        self.counts.resize((index + 1).next_multiple_of(SUB as usize), 0);
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The greatest value, exact; 0 when empty.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// Adds another histogram's counts.
    pub fn merge(&mut self, other: &Self) {
        if other.counts.len() > self.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.max = self.max.max(other.max);
    }

    /// What this one has counted more than an earlier state of it. Its greatest value is known to a bucket, and to the whole's own.
    pub fn since(&self, earlier: &Self) -> Self {
        let before = earlier.counts.iter().copied().chain(std::iter::repeat(0));
        let counts: Vec<u64> = self.counts.iter().zip(before).map(|(now, before)| now - before).collect();
        let last = counts.iter().rposition(|count| *count > 0);
        let max = last.map_or(0, |index| {
            let (low, width) = bounds(index);
            (low + width - 1).min(self.max)
        });
        Self { counts, max }
    }

    /// The value below which a share `q` (in [0, 1]) of the counted values lies, interpolated inside its
    /// bucket; `None` when empty.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let total = self.count();
        if total == 0 {
            return None;
        }
        let rank = q * total as f64;
        let mut before = 0_u64;
        for (index, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            if (before + count) as f64 >= rank {
                let (low, width) = bounds(index);
                let share = ((rank - before as f64) / *count as f64).clamp(0.0, 1.0);
                // A bucket of width 1 holds one exact integer; wider ones hold a continuum.
                let value = if width == 1 { low as f64 } else { low as f64 + share * width as f64 };
                return Some(value.min(self.max as f64));
            }
            before += count;
        }
        Some(self.max as f64)
    }

    /// The least end of a bucket up to which at least `count` values lie, and how many do; `None` if there are fewer.
    pub fn cover(&self, count: u64) -> Option<(u64, u64)> {
        let mut covered = 0;
        let end = self.buckets().find_map(|(low, width, here)| {
            covered += here;
            (covered >= count).then_some((low + width - 1).min(self.max))
        });
        end.map(|end| (end, covered))
    }

    /// The non-empty buckets: least value, width, count.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        self.counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(index, count)| {
            let (low, width) = bounds(index);
            (low, width, *count)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_tile_the_integers() {
        let mut next = 0;
        for i in 0..20_000 {
            let (low, width) = bounds(i);
            assert_eq!(low, next);
            assert_eq!(index(low), i);
            assert_eq!(index(low + width - 1), i);
            next = low + width;
        }
    }

    #[test]
    fn quantiles_of_known_values_are_within_the_stated_error() {
        let mut histogram = Histogram::default();
        let values: Vec<u64> = (1..=100_000).map(|i| i * i).collect();
        values.iter().for_each(|v| histogram.record(*v));
        for q in [0.001, 0.1, 0.5, 0.9, 0.99, 0.999] {
            let exact = values[(q * 100_000.0) as usize - 1] as f64;
            let found = histogram.quantile(q).unwrap();
            assert!((found / exact - 1.0).abs() < 0.002, "{q}: {found} against {exact}");
        }
        assert_eq!(histogram.quantile(1.0), Some(1e10));
    }

    #[test]
    fn merging_equals_counting_together() {
        let (mut all, mut left, mut right) = <(Histogram, Histogram, Histogram)>::default();
        for i in 0..5_000_u64 {
            let value = i * 7_919 % 1_000_003;
            all.record(value);
            if i % 3 == 0 { left.record(value) } else { right.record(value) }
        }
        left.merge(&right);
        assert_eq!(
            (left.count(), left.max(), left.quantile(0.37)),
            (all.count(), all.max(), all.quantile(0.37))
        );
    }
}
