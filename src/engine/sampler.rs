//! Our own samplers, few and frozen: exponential and normal by the ziggurat method, and the
//! distributions that scenarios name, built from them.
//!
//! Ziggurat: Marsaglia and Tsang, "The Ziggurat Method for Generating Random Variables", 2000, with 256 layers.

use super::math;
use super::random::{Draws, unit};
use std::sync::LazyLock;

const LAYERS: usize = 256;

/// The layers of one ziggurat: right edges and the density at them.
struct Ziggurat {
    edge: [f64; LAYERS + 1],
    density: [f64; LAYERS + 1],
}

impl Ziggurat {
    /// `tail` is where the tail begins and `area` the common area of the layers.
    fn new(tail: f64, area: f64, density: fn(f64) -> f64, inverse: fn(f64) -> f64) -> Self {
        let mut edge = [0.0; LAYERS + 1];
        edge[0] = area / density(tail);
        edge[1] = tail;
        for layer in 2..LAYERS {
            edge[layer] = inverse(area / edge[layer - 1] + density(edge[layer - 1]));
        }
        Self { edge, density: edge.map(density) }
    }
}

const EXPONENTIAL_TAIL: f64 = 7.697_117_470_131_05;
const NORMAL_TAIL: f64 = 3.654_152_885_361_009;

static EXPONENTIAL: LazyLock<Ziggurat> = LazyLock::new(|| {
    Ziggurat::new(EXPONENTIAL_TAIL, 0.003_949_659_822_581_572, |x| math::exp(-x), |y| -math::ln(y))
});
static NORMAL: LazyLock<Ziggurat> = LazyLock::new(|| {
    Ziggurat::new(
        NORMAL_TAIL,
        0.004_928_673_233_974_655,
        |x| math::exp(-0.5 * x * x),
        |y| (-2.0 * math::ln(y)).sqrt(),
    )
});

/// A draw from the exponential distribution with mean 1.
#[inline]
pub fn exponential(draws: &mut Draws) -> f64 {
    exponential_by(&EXPONENTIAL, draws)
}

/// The same draws one after the other, with one look at whether the ziggurat is built.
#[inline]
pub fn exponentials(draws: &mut Draws) -> impl Iterator<Item = f64> {
    let table = &*EXPONENTIAL;
    std::iter::repeat_with(move || exponential_by(table, draws))
}

#[inline]
fn exponential_by(table: &Ziggurat, draws: &mut Draws) -> f64 {
    loop {
        let bits = draws.bits();
        let layer = (bits & 0xff) as usize;
        let x = unit(bits) * table.edge[layer];
        if x < table.edge[layer + 1] {
            return x;
        }
        if let Some(x) = exponential_edge(draws, table, layer, x) {
            return x;
        }
    }
}

#[cold]
fn exponential_edge(draws: &mut Draws, table: &Ziggurat, layer: usize, x: f64) -> Option<f64> {
    if layer == 0 {
        return Some(EXPONENTIAL_TAIL - math::ln(1.0 - draws.unit()));
    }
    under_the_curve(draws, table, layer, math::exp(-x)).then_some(x)
}

fn under_the_curve(draws: &mut Draws, table: &Ziggurat, layer: usize, density: f64) -> bool {
    let (low, high) = (table.density[layer], table.density[layer + 1]);
    low + (high - low) * draws.unit() < density
}

/// A draw from the normal distribution with mean 0 and standard deviation 1.
#[inline]
pub fn normal(draws: &mut Draws) -> f64 {
    normal_by(&NORMAL, draws)
}

#[inline]
fn normal_by(table: &Ziggurat, draws: &mut Draws) -> f64 {
    loop {
        let bits = draws.bits();
        let layer = (bits & 0xff) as usize;
        let x = (2.0 * unit(bits) - 1.0) * table.edge[layer];
        if x.abs() < table.edge[layer + 1] {
            return x;
        }
        if let Some(x) = normal_edge(draws, table, layer, x) {
            return x;
        }
    }
}

#[cold]
fn normal_edge(draws: &mut Draws, table: &Ziggurat, layer: usize, x: f64) -> Option<f64> {
    if layer > 0 {
        return under_the_curve(draws, table, layer, math::exp(-0.5 * x * x)).then_some(x);
    }
    // Marsaglia 1964: an exponential proposal for the tail.
    loop {
        let along = -math::ln(1.0 - draws.unit()) / NORMAL_TAIL;
        let up = -math::ln(1.0 - draws.unit());
        if 2.0 * up >= along * along {
            return Some(if x < 0.0 { -NORMAL_TAIL - along } else { NORMAL_TAIL + along });
        }
    }
}

/// A distribution over non-negative numbers, ready to be sampled. Parameters were checked when it was made.
#[derive(Clone, Debug, PartialEq)]
pub enum Sampler {
    /// Always the same value.
    Constant(f64),
    /// Equally likely between `low` and `high`.
    Uniform {
        /// Least value.
        low: f64,
        /// Greatest value.
        high: f64,
    },
    /// Memoryless, with this mean.
    Exponential {
        /// Mean.
        mean: f64,
    },
    /// `exp(Normal(log_median, sigma))`.
    LogNormal {
        /// Natural logarithm of the median.
        log_median: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// `scale / U^(1/shape)`: a heavy tail (Pareto, type I).
    Pareto {
        /// Least value.
        scale: f64,
        /// Tail index; the mean is finite above 1.
        shape: f64,
    },
    /// One of these values, each with the same probability.
    Empirical(std::sync::Arc<[f64]>),
}

impl Sampler {
    /// One draw. The number of random bits it takes does not depend on anything outside the sampler.
    #[inline]
    pub fn sample(&self, draws: &mut Draws) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Uniform { low, high } => low + (high - low) * draws.unit(),
            Self::Exponential { mean } => mean * exponential(draws),
            Self::LogNormal { log_median, sigma } => {
                let mut one = [log_median + sigma * normal(draws)];
                math::exp_all(&mut one);
                one[0]
            }
            Self::Pareto { scale, shape } => scale * math::pow(1.0 - draws.unit(), -1.0 / shape),
            Self::Empirical(values) => values[draws.below(values.len() as u64) as usize],
        }
    }

    /// Fills `out` with draws, deciding the kind once: the same draws as one by one.
    pub fn fill(&self, draws: &mut Draws, out: &mut [f64]) {
        match self {
            Self::Constant(value) => out.fill(*value),
            Self::Exponential { mean } => {
                out.iter_mut().zip(exponentials(draws)).for_each(|(x, draw)| *x = mean * draw);
            }
            Self::LogNormal { log_median, sigma } => {
                let table = &*NORMAL;
                out.iter_mut().for_each(|x| *x = log_median + sigma * normal_by(table, draws));
                math::exp_all(out);
            }
            _ => out.iter_mut().for_each(|x| *x = self.sample(draws)),
        }
    }

    /// The mean; infinite for a Pareto tail with shape 1 or less.
    pub fn mean(&self) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Uniform { low, high } => 0.5 * (low + high),
            Self::Exponential { mean } => *mean,
            Self::LogNormal { log_median, sigma } => math::exp(log_median + 0.5 * sigma * sigma),
            Self::Pareto { scale, shape } if *shape > 1.0 => scale * shape / (shape - 1.0),
            Self::Pareto { .. } => f64::INFINITY,
            Self::Empirical(values) => values.iter().sum::<f64>() / values.len() as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::Streams;

    const N: usize = 400_000;

    fn moments(sampler: &Sampler) -> (f64, f64) {
        let mut draws = Streams::new(3, 0).named("moments");
        let values: Vec<f64> = (0..N).map(|_| sampler.sample(&mut draws)).collect();
        let mean = values.iter().sum::<f64>() / N as f64;
        let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / N as f64;
        (mean, variance)
    }

    #[test]
    fn exponential_has_mean_and_variance_one_and_the_right_tail() {
        let (mean, variance) = moments(&Sampler::Exponential { mean: 1.0 });
        assert!((mean - 1.0).abs() < 5.0 / (N as f64).sqrt());
        assert!((variance - 1.0).abs() < 5.0 * (8.0 / N as f64).sqrt());
        let mut draws = Streams::new(4, 0).named("tail");
        let beyond = (0..4_000_000).filter(|_| exponential(&mut draws) > 8.0).count() as f64;
        let expected = 4e6 * math::exp(-8.0);
        assert!((beyond - expected).abs() < 5.0 * expected.sqrt(), "{beyond} against {expected}");
    }

    #[test]
    fn normal_agrees_with_an_independent_sampler() {
        // Kolmogorov-Smirnov between our ziggurat and rand_distr's: 1.95 is the 0.1 % point.
        use rand_distr::Distribution;
        let mut draws = Streams::new(5, 0).named("normal");
        let mut oracle = rand_chacha::ChaCha8Rng::from_seed_u64(9);
        let mut ours: Vec<f64> = (0..N).map(|_| normal(&mut draws)).collect();
        let mut theirs: Vec<f64> = (0..N).map(|_| rand_distr::StandardNormal.sample(&mut oracle)).collect();
        ours.sort_by(f64::total_cmp);
        theirs.sort_by(f64::total_cmp);
        let mut distance: f64 = 0.0;
        let mut j = 0;
        for (i, x) in ours.iter().enumerate() {
            while j < N && theirs[j] <= *x {
                j += 1;
            }
            distance = distance.max((i as f64 - j as f64).abs() / N as f64);
        }
        assert!(distance * (N as f64 / 2.0).sqrt() < 1.95, "{distance}");
    }

    trait FromSeed {
        fn from_seed_u64(seed: u64) -> Self;
    }
    impl FromSeed for rand_chacha::ChaCha8Rng {
        fn from_seed_u64(seed: u64) -> Self {
            rand::SeedableRng::seed_from_u64(seed)
        }
    }

    #[test]
    fn lognormal_and_pareto_have_their_theoretical_means() {
        let lognormal = Sampler::LogNormal { log_median: math::ln(240.0), sigma: 0.55 };
        let (mean, variance) = moments(&lognormal);
        assert!((mean - lognormal.mean()).abs() < 5.0 * (variance / N as f64).sqrt());
        let pareto = Sampler::Pareto { scale: 2.0, shape: 3.5 };
        let (mean, variance) = moments(&pareto);
        assert!((mean - 2.0 * 3.5 / 2.5).abs() < 5.0 * (variance / N as f64).sqrt());
    }

    #[test]
    fn filling_gives_the_same_draws_as_one_by_one() {
        for sampler in [
            Sampler::LogNormal { log_median: 1.0, sigma: 0.4 },
            Sampler::Exponential { mean: 3.0 },
            Sampler::Uniform { low: 1.0, high: 2.0 },
        ] {
            let mut out = [0.0; 100];
            sampler.fill(&mut Streams::new(1, 1).named("x"), &mut out);
            let mut draws = Streams::new(1, 1).named("x");
            assert!(out.iter().all(|x| *x == sampler.sample(&mut draws)));
        }
    }
}
