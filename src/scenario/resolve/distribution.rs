//! From written distributions to samplers.

use std::sync::Arc;

use crate::engine::math;
use crate::engine::sampler::Sampler;
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::settings::distribution::{Size, SizeDistribution, Time, TimeDistribution};
use crate::settings::one_or_map::OneOrMap;
use crate::units::{Bytes, Duration};

/// A sampler of bytes, with the least and the greatest value that the scenario names.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SizeSampler {
    pub sampler: Sampler,
    pub min: Option<u64>,
    pub max: Option<u64>,
}

/// Resolves a size.
pub(super) fn size(resolver: &mut Resolver, path: &Path, size: &Size) -> Option<SizeSampler> {
    let bytes = |size: &Bytes| size.get() as f64;
    let (sampler, min, max) = match size {
        OneOrMap::One(size) => (Ok(Sampler::Constant(bytes(size))), None, None),
        OneOrMap::Map(SizeDistribution::Lognormal(it)) => {
            (lognormal(bytes(&it.median), it.sigma), it.min, it.max)
        }
        OneOrMap::Map(SizeDistribution::Uniform(it)) => {
            (uniform(bytes(&it.low), bytes(&it.high)), None, None)
        }
        OneOrMap::Map(SizeDistribution::Exponential(it)) => (exponential(bytes(&it.mean)), None, None),
        OneOrMap::Map(SizeDistribution::Pareto(it)) => (pareto(bytes(&it.scale), it.shape), None, it.max),
        OneOrMap::Map(SizeDistribution::Values(values)) => (one_of(values.iter().map(bytes)), None, None),
    };
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        resolver.error(path, format!("`min` {min} is above `max` {max}"));
    }
    let sampler = resolver.check(path, sampler)?;
    Some(SizeSampler { sampler, min: min.map(Bytes::get), max: max.map(Bytes::get) })
}

/// Resolves a span of time, to nanoseconds.
pub(super) fn time(resolver: &mut Resolver, path: &Path, time: &Time) -> Option<Sampler> {
    let nanos = |time: &Duration| time.nanos() as f64;
    let sampler = match time {
        OneOrMap::One(time) => Ok(Sampler::Constant(nanos(time))),
        OneOrMap::Map(TimeDistribution::Lognormal(it)) => lognormal(nanos(&it.median), it.sigma),
        OneOrMap::Map(TimeDistribution::Uniform(it)) => uniform(nanos(&it.low), nanos(&it.high)),
        OneOrMap::Map(TimeDistribution::Exponential(it)) => exponential(nanos(&it.mean)),
        OneOrMap::Map(TimeDistribution::Pareto(it)) => pareto(nanos(&it.scale), it.shape),
        OneOrMap::Map(TimeDistribution::Quantiles(it)) => {
            quantiles([it.min, it.p50, it.p90, it.p99, it.max].map(|time| nanos(&time)))
        }
        OneOrMap::Map(TimeDistribution::Values(values)) => one_of(values.iter().map(nanos)),
    };
    resolver.check(path, sampler)
}

fn lognormal(median: f64, sigma: f64) -> Result<Sampler, String> {
    if median <= 0.0 {
        return Err("the median of a lognormal distribution must be more than nothing".to_owned());
    }
    if !(0.0..=10.0).contains(&sigma) {
        return Err(format!("`sigma` must lie between 0 and 10; found `{sigma}`"));
    }
    Ok(Sampler::LogNormal { log_median: math::ln(median), sigma })
}

fn uniform(low: f64, high: f64) -> Result<Sampler, String> {
    if low > high { Err("`low` is above `high`".to_owned()) } else { Ok(Sampler::Uniform { low, high }) }
}

fn exponential(mean: f64) -> Result<Sampler, String> {
    Ok(Sampler::Exponential { mean })
}

fn pareto(scale: f64, shape: f64) -> Result<Sampler, String> {
    if scale <= 0.0 {
        return Err("the `scale` of a Pareto distribution must be more than nothing".to_owned());
    }
    if !(0.01..=100.0).contains(&shape) {
        return Err(format!("`shape` must lie between 0.01 and 100; found `{shape}`"));
    }
    Ok(Sampler::Pareto { scale, shape })
}

/// A thousand equally likely values through these quantiles: least, p50, p90, p99, greatest.
fn quantiles(values: [f64; 5]) -> Result<Sampler, String> {
    const VALUES: u32 = 1_000;
    if values[0] <= 0.0 || !values.is_sorted() {
        return Err("quantiles must be more than nothing and rise from `min` to `max`".to_owned());
    }
    let beyond = |share: f64| -math::ln(1.0 - share);
    // The greatest value is the middle of the last thousandth.
    let shares = [0.0, 0.5, 0.9, 0.99, 1.0 - 0.5 / f64::from(VALUES)].map(beyond);
    let value = |number: u32| {
        let at = beyond((f64::from(number) + 0.5) / f64::from(VALUES));
        let right = shares.iter().position(|share| *share >= at).unwrap_or(4).max(1);
        let part = (at - shares[right - 1]) / (shares[right] - shares[right - 1]);
        let [low, high] = [values[right - 1], values[right]].map(math::ln);
        math::exp(low + (high - low) * part.min(1.0))
    };
    one_of((0..VALUES).map(value))
}

fn one_of(values: impl Iterator<Item = f64>) -> Result<Sampler, String> {
    let values: Arc<[f64]> = values.collect();
    if values.is_empty() {
        return Err("`values` needs at least one value".to_owned());
    }
    Ok(Sampler::Empirical(values))
}
