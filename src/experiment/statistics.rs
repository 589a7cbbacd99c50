//! Means, their intervals, and where a warm-up ends.
//!
//! The samples here are replications: independent by construction, unlike the records inside one replication.

use thiserror::Error;

use super::student_t::student_t_quantile;

/// The level of the intervals in reports.
pub const LEVEL_DEFAULT: f64 = 0.95;

/// Count, mean and variance of samples seen one by one (Welford 1962, *Technometrics* 4(3)).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    count: u64,
    mean: f64,
    /// Sum of the squared distances from the mean.
    squares: f64,
}

impl Moments {
    /// Takes in one sample.
    pub fn push(&mut self, sample: f64) {
        self.count += 1;
        let distance = sample - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (sample - self.mean);
    }

    /// Samples so far.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; `None` without samples.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    /// Their unbiased variance; `None` for fewer than two samples.
    pub fn variance(&self) -> Option<f64> {
        (self.count > 1).then(|| self.squares / (self.count - 1) as f64)
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<Samples: IntoIterator<Item = f64>>(samples: Samples) -> Self {
        let mut moments = Self::default();
        samples.into_iter().for_each(|sample| moments.push(sample));
        moments
    }
}

/// A Student-t confidence interval for the mean of independent, roughly normal samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The samples' mean.
    pub mean: f64,
    /// `t * s / sqrt(n)`, with the quantile t at `n - 1` degrees of freedom.
    pub half_width: f64,
    /// `mean - half_width`.
    pub low: f64,
    /// `mean + half_width`.
    pub high: f64,
    /// Number of samples.
    pub n: u64,
}

impl Interval {
    /// The interval for the mean of `samples` at `level`, such as 0.95.
    ///
    /// `None` for fewer than two samples, for samples that are not finite and for a level outside (0, 1): no
    /// interval can be given then.
    pub fn of(samples: &[f64], level: f64) -> Option<Self> {
        let moments: Moments = samples.iter().copied().collect();
        let (mean, variance, n) = (moments.mean()?, moments.variance()?, moments.count());
        let t = student_t_quantile(0.5 + 0.5 * level, n - 1)?;
        let half_width = t * (variance / n as f64).sqrt();
        let interval = Self { mean, half_width, low: mean - half_width, high: mean + half_width, n };
        (level > 0.0 && half_width.is_finite()).then_some(interval)
    }

    /// The interval for the mean of `variant - baseline`, replication by replication: with common random numbers
    /// it is narrower than the two intervals apart (Law 2015, *Simulation Modeling and Analysis*, 10.2).
    ///
    /// `None` also when the numbers of samples differ.
    pub fn of_paired_differences(baseline: &[f64], variant: &[f64], level: f64) -> Option<Self> {
        if baseline.len() != variant.len() {
            return None;
        }
        let differences: Vec<f64> =
            variant.iter().zip(baseline).map(|(after, before)| after - before).collect();
        Self::of(&differences, level)
    }

    /// Whether a value lies in the interval, its ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// Samples in a batch of MSER-5.
const BATCH_SAMPLES: usize = 5;
/// Batches that are always kept: the error of fewer says little, and that of one batch is zero.
const BATCHES_KEPT_MIN: usize = 5;

/// Why MSER-5 names no end of the warm-up.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum WarmUpUnknown {
    /// There are too few samples to judge by.
    #[error("the series has {samples} samples; at least {least} are needed to find the end of the warm-up.")]
    TooShort {
        /// Samples in the series.
        samples: usize,
        /// Samples needed.
        least: usize,
    },
    /// The best cut is past half the series: most likely it has not settled yet.
    #[error("the series has not settled: the best cut is at sample {cut} of {samples}, past half of it.")]
    PastHalf {
        /// Samples before the cut.
        cut: usize,
        /// Samples in the series.
        samples: usize,
    },
    /// A sample is infinite or not a number.
    #[error("the series holds a value that is not finite.")]
    NotFinite,
}

/// How many samples at the start of a series to cut as its warm-up: MSER-5 (White 1997, *Simulation* 69(6);
/// batches of five by White, Cobb and Spratt 2000).
///
/// Of all cuts `d`, takes the one with the smallest `sum((z[i] - mean)^2) / (n - d)^2` over the batch means
/// `z[d..n]`: the squared standard error of the mean of what is kept. The earliest wins a tie. Samples after the
/// last full batch are left out.
///
/// # Errors
/// When the series is too short, has a value that is not finite, or its best cut is past half of it.
pub fn mser5(series: &[f64]) -> Result<usize, WarmUpUnknown> {
    let samples = series.len();
    let least = 2 * BATCHES_KEPT_MIN * BATCH_SAMPLES;
    if samples < least {
        return Err(WarmUpUnknown::TooShort { samples, least });
    }
    let means =
        series.chunks_exact(BATCH_SAMPLES).map(|batch| batch.iter().sum::<f64>() / BATCH_SAMPLES as f64);
    // Going backwards, each cut adds one batch to those that are kept.
    let mut kept = Moments::default();
    let mut best = (f64::INFINITY, 0);
    for (cut, mean) in means.enumerate().collect::<Vec<_>>().into_iter().rev() {
        kept.push(mean);
        let count = kept.count as f64;
        let squared_error = kept.squares / (count * count);
        if kept.count >= BATCHES_KEPT_MIN as u64 && squared_error <= best.0 {
            best = (squared_error, cut * BATCH_SAMPLES);
        }
    }
    match best {
        _ if !kept.squares.is_finite() => Err(WarmUpUnknown::NotFinite),
        (_, cut) if cut * 2 > samples => Err(WarmUpUnknown::PastHalf { cut, samples }),
        (_, cut) => Ok(cut),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::math;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Standard normal samples by Box and Muller (1958).
    fn normal(seed: u64) -> impl Iterator<Item = f64> {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        std::iter::repeat_with(move || {
            let mut uniform = || (generator.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
            let radius = (-2.0 * math::ln(1.0 - uniform())).sqrt();
            radius * math::cos(std::f64::consts::TAU * uniform())
        })
    }

    /// A textbook sample with an offset that ruins the sum-of-squares formula.
    #[test]
    fn moments_survive_a_large_offset() {
        let moments: Moments = [4.0, 7.0, 13.0, 16.0].map(|x| 1e9 + x).into_iter().collect();
        assert_eq!(moments.mean(), Some(1e9 + 10.0));
        assert_eq!(moments.variance(), Some(30.0));
    }

    /// Student's own data (1908, *Biometrika* 6): extra hours of sleep from two drugs, whose paired 95 % interval
    /// is 0.70 to 2.46.
    #[test]
    fn the_paired_interval_of_the_sleep_data_is_the_published_one() {
        let first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
        let second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
        let interval = Interval::of_paired_differences(&first, &second, LEVEL_DEFAULT).unwrap();
        assert!((interval.mean - 1.58).abs() < 1e-12);
        assert!((interval.low - 0.7001142).abs() < 1e-6, "{interval:?}");
        assert!((interval.high - 2.4598858).abs() < 1e-6, "{interval:?}");
        assert!(!interval.contains(0.0));
    }

    #[test]
    fn no_interval_is_made_up() {
        assert_eq!(Interval::of(&[1.0], 0.95), None);
        assert_eq!(Interval::of(&[1.0, f64::NAN], 0.95), None);
        assert_eq!(Interval::of(&[1.0, 2.0], 1.0), None);
        assert_eq!(Interval::of_paired_differences(&[1.0, 2.0], &[1.0, 2.0, 3.0], 0.95), None);
    }

    #[test]
    fn the_interval_covers_the_true_mean_as_often_as_it_says() {
        let covers = |seed: &u64| {
            let samples: Vec<f64> = normal(*seed).take(10).collect();
            Interval::of(&samples, 0.95).unwrap().contains(0.0)
        };
        let covered = (0..1_000).filter(covers).count();
        assert!((930..=970).contains(&covered), "{covered} of 1000");
    }

    #[test]
    fn mser5_cuts_exactly_a_step() {
        let series: Vec<f64> = (0..1_000).map(|index| if index < 100 { 10.0 } else { 1.0 }).collect();
        assert_eq!(mser5(&series), Ok(100));
        assert_eq!(mser5(&[3.0; 60]), Ok(0));
    }

    /// A start at 10 that decays by a factor e every 50 samples is lost in the noise of batch means (0.45) after
    /// about 50 * ln(10 / 0.45) = 155 samples.
    #[test]
    fn mser5_finds_the_end_of_a_noisy_decay() {
        let mut cuts: Vec<usize> = (0..21)
            .map(|seed| {
                let decay = (0..2_000).map(|index| 10.0 * math::exp(-f64::from(index) / 50.0));
                let series: Vec<f64> = decay.zip(normal(seed)).map(|(decay, noise)| decay + noise).collect();
                mser5(&series).unwrap()
            })
            .collect();
        cuts.sort_unstable();
        assert!((100..=250).contains(&cuts[10]), "{cuts:?}");
    }

    #[test]
    fn mser5_refuses_what_never_settles() {
        let rising: Vec<f64> = (0..1_000).map(f64::from).collect();
        assert!(matches!(mser5(&rising), Err(WarmUpUnknown::PastHalf { .. })));
        assert!(matches!(mser5(&rising[..49]), Err(WarmUpUnknown::TooShort { .. })));
        assert_eq!(mser5(&[&rising[..], &[f64::NAN; 5]].concat()), Err(WarmUpUnknown::NotFinite));
    }
}
