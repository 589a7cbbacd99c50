//! Zipf's law over `n` ranks: an alias table while it fits in memory, rejection-inversion beyond.

use super::alias::AliasTable;
use super::math;
use super::random::Draws;
use std::sync::Arc;

/// The largest number of ranks that gets an alias table (8 bytes a rank).
const TABLE_RANKS_MAX: u64 = 1 << 24;

/// Ranks `0..n` with probability proportional to `(rank + 1)^-exponent`.
#[derive(Clone, Debug)]
pub enum Zipf {
    /// Constant time from a table.
    Table(Arc<AliasTable>),
    /// Constant memory by rejection.
    Rejection(RejectionInversion),
}

impl Zipf {
    /// `n` is at least 1; `exponent` is finite and not negative.
    pub fn new(n: u64, exponent: f64) -> Self {
        if n > TABLE_RANKS_MAX {
            return Self::Rejection(RejectionInversion::new(n, exponent));
        }
        let weights = (1..=n).map(|rank| math::pow(rank as f64, -exponent)).collect();
        Self::Table(Arc::new(AliasTable::new(weights)))
    }

    /// One rank, 0-based.
    #[inline]
    pub fn sample(&self, draws: &mut Draws) -> u64 {
        match self {
            Self::Table(table) => u64::from(table.sample(draws)),
            Self::Rejection(rejection) => rejection.sample(draws),
        }
    }
}

/// Rejection-inversion sampling (Hörmann and Derflinger 1996, algorithm ZRI): fewer than two tries on average.
#[derive(Clone, Debug)]
pub struct RejectionInversion {
    n: u64,
    exponent: f64,
    integral_first: f64,
    integral_last: f64,
    shortcut: f64,
}

impl RejectionInversion {
    fn new(n: u64, exponent: f64) -> Self {
        let mut this = Self { n, exponent, integral_first: 0.0, integral_last: 0.0, shortcut: 0.0 };
        this.integral_first = this.integral(1.5) - 1.0;
        this.integral_last = this.integral(n as f64 + 0.5);
        this.shortcut = 2.0 - this.integral_inverse(this.integral(2.5) - this.density(2.0));
        this
    }

    fn density(&self, x: f64) -> f64 {
        math::exp(-self.exponent * math::ln(x))
    }

    /// The integral of the density: `(x^(1-s) - 1) / (1 - s)`, `ln x` at `s` = 1.
    fn integral(&self, x: f64) -> f64 {
        let log = math::ln(x);
        let t = (1.0 - self.exponent) * log;
        if t.abs() < 1e-12 { log } else { math::exp_m1(t) / t * log }
    }

    fn integral_inverse(&self, y: f64) -> f64 {
        let t = (y * (1.0 - self.exponent)).max(-1.0);
        let log = if t.abs() < 1e-12 { y } else { math::ln_1p(t) / t * y };
        math::exp(log)
    }

    fn sample(&self, draws: &mut Draws) -> u64 {
        loop {
            let u = self.integral_last + draws.unit() * (self.integral_first - self.integral_last);
            let x = self.integral_inverse(u);
            let rank = ((x + 0.5) as u64).clamp(1, self.n);
            let k = rank as f64;
            if k - x <= self.shortcut || u >= self.integral(k + 0.5) - self.density(k) {
                return rank - 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::Streams;

    fn shares(zipf: &Zipf, n: usize, samples: u32) -> Vec<f64> {
        let mut draws = Streams::new(2, 0).named("zipf");
        let mut counts = vec![0_u32; n];
        (0..samples).for_each(|_| counts[zipf.sample(&mut draws) as usize] += 1);
        counts.iter().map(|count| f64::from(*count)).collect()
    }

    #[test]
    fn table_and_rejection_both_follow_zipfs_law() {
        let (n, samples) = (1_000, 1_000_000);
        for exponent in [0.0, 0.5, 0.99, 1.0, 1.7] {
            let sum: f64 = (1..=n).map(|k| math::pow(k as f64, -exponent)).sum();
            for zipf in [Zipf::new(n, exponent), Zipf::Rejection(RejectionInversion::new(n, exponent))] {
                let counts = shares(&zipf, n as usize, samples);
                for k in [1_usize, 2, 3, 10, 100, 999] {
                    let expected = f64::from(samples) * math::pow(k as f64, -exponent) / sum;
                    assert!(
                        (counts[k - 1] - expected).abs() < 5.0 * expected.sqrt() + 1.0,
                        "{exponent} {k}: {} against {expected}",
                        counts[k - 1]
                    );
                }
            }
        }
    }
}
