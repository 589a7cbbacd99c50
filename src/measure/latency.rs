//! Latency of one leg of the pipeline, with the parts that make it up.

use crate::engine::histogram::Histogram;

/// Latency bands an octave, as a power of two: records are grouped by total latency, 4 % apart or so.
const BANDS_PER_OCTAVE_BITS: u32 = 4;
const BANDS: usize = 48 << BANDS_PER_OCTAVE_BITS;

/// Sums of parts over the records of one band of total latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Band<const PARTS: usize> {
    count: u64,
    parts: [u64; PARTS],
}

/// Latencies in microseconds, each split into `PARTS` parts that add up to it exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latency<const PARTS: usize> {
    histogram: Histogram,
    bands: Vec<Band<PARTS>>,
}

impl<const PARTS: usize> Default for Latency<PARTS> {
    fn default() -> Self {
        Self { histogram: Histogram::default(), bands: vec![Band { count: 0, parts: [0; PARTS] }; BANDS] }
    }
}

#[inline]
fn band_of(total: u64) -> usize {
    let value = total | ((1 << (BANDS_PER_OCTAVE_BITS + 1)) - 1);
    let octave = 63 - value.leading_zeros() - BANDS_PER_OCTAVE_BITS;
    (((u64::from(octave) << BANDS_PER_OCTAVE_BITS) + (value >> octave)) as usize).min(BANDS - 1)
}

impl<const PARTS: usize> Latency<PARTS> {
    /// Counts one record by its total alone; its parts stay unknown.
    #[inline]
    pub fn record_total(&mut self, total: u64) {
        self.histogram.record(total);
    }

    /// Counts one record by its parts.
    #[inline]
    pub fn record(&mut self, parts: [u64; PARTS]) {
        let total = parts.iter().sum();
        self.histogram.record(total);
        let band = &mut self.bands[band_of(total)];
        band.count += 1;
        for (sum, part) in band.parts.iter_mut().zip(parts) {
            *sum += part;
        }
    }

    /// The totals.
    pub fn histogram(&self) -> &Histogram {
        &self.histogram
    }

    /// How many were counted by their parts, and the sum of their totals in microseconds.
    pub fn totals(&self) -> (u64, u128) {
        let count = self.bands.iter().map(|band| band.count).sum();
        let parts = self.bands.iter().flat_map(|band| band.parts);
        (count, parts.map(u128::from).sum())
    }

    /// The mean total in microseconds; `None` when nothing was counted by its parts.
    pub fn mean(&self) -> Option<f64> {
        self.mean_parts().map(|parts| parts.iter().sum())
    }

    /// The mean of each part in microseconds over all records.
    pub fn mean_parts(&self) -> Option<[f64; PARTS]> {
        mean_of(self.bands.iter())
    }

    /// The mean of each part over the records whose total lies in the band of this total.
    pub fn mean_parts_near(&self, total: f64) -> Option<[f64; PARTS]> {
        mean_of(std::iter::once(&self.bands[band_of(total as u64)]))
    }

    /// Adds another replication's counts.
    pub fn merge(&mut self, other: &Self) {
        self.histogram.merge(&other.histogram);
        for (mine, theirs) in self.bands.iter_mut().zip(&other.bands) {
            mine.count += theirs.count;
            mine.parts.iter_mut().zip(theirs.parts).for_each(|(sum, part)| *sum += part);
        }
    }
}

fn mean_of<'a, const PARTS: usize>(bands: impl Iterator<Item = &'a Band<PARTS>>) -> Option<[f64; PARTS]> {
    let mut count = 0;
    let mut sums = [0_u128; PARTS];
    for band in bands {
        count += band.count;
        sums.iter_mut().zip(band.parts).for_each(|(sum, part)| *sum += u128::from(part));
    }
    (count > 0).then(|| sums.map(|sum| sum as f64 / count as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_mean_and_bands_hold_their_own_records() {
        let mut latency = Latency::<2>::default();
        for _ in 0..90 {
            latency.record([1_000, 200]);
        }
        for _ in 0..10 {
            latency.record([1_000, 99_000]);
        }
        assert_eq!(latency.mean_parts(), Some([1_000.0, 10_080.0]));
        assert_eq!(latency.mean(), Some(11_080.0));
        assert_eq!(latency.mean_parts_near(100_000.0), Some([1_000.0, 99_000.0]));
        assert_eq!(latency.mean_parts_near(1_200.0), Some([1_000.0, 200.0]));
    }
}
