//! Quantities that vary, as scenarios write them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::one_or_map::{Expected, OneOrMap};
use crate::units::{Bytes, Duration};

/// A size: always the same, or drawn.
pub type Size = OneOrMap<Bytes, SizeDistribution>;
/// A span of time: always the same, or drawn.
pub type Time = OneOrMap<Duration, TimeDistribution>;

/// How sizes are spread.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SizeDistribution {
    /// The logarithm is normal: many small ones, few large ones.
    Lognormal(LognormalSize),
    /// Equally likely between two bounds.
    Uniform(UniformSize),
    /// Exponential.
    Exponential(ExponentialSize),
    /// A heavy tail (Pareto, type I).
    Pareto(ParetoSize),
    /// One of these, each equally likely.
    Values(Vec<Bytes>),
}

impl Expected for SizeDistribution {
    const EXPECTED: &'static str = "a size with a unit, such as `700 B`, or one distribution, such as `lognormal: { median: 700 B, sigma: 0.6 }`";
}

/// A lognormal size.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LognormalSize {
    /// Half of the sizes are below it.
    pub median: Bytes,
    /// Standard deviation of the natural logarithm, 0 to 10.
    pub sigma: f64,
    /// Smaller draws count as this.
    pub min: Option<Bytes>,
    /// Larger draws count as this.
    pub max: Option<Bytes>,
}

/// A size between two bounds.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UniformSize {
    /// The smallest size.
    pub low: Bytes,
    /// The largest size.
    pub high: Bytes,
}

/// An exponential size.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExponentialSize {
    /// Its mean.
    pub mean: Bytes,
}

/// A size with a heavy tail.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParetoSize {
    /// The smallest size.
    pub scale: Bytes,
    /// Tail index: the smaller, the heavier the tail.
    pub shape: f64,
    /// Larger draws count as this.
    pub max: Option<Bytes>,
}

/// How spans of time are spread.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeDistribution {
    /// The logarithm is normal: most are short, a few long.
    Lognormal(LognormalTime),
    /// Equally likely between two bounds.
    Uniform(UniformTime),
    /// Exponential.
    Exponential(ExponentialTime),
    /// A heavy tail (Pareto, type I).
    Pareto(ParetoTime),
    /// Through measured quantiles.
    Quantiles(QuantilesTime),
    /// One of these, each equally likely.
    Values(Vec<Duration>),
}

impl Expected for TimeDistribution {
    const EXPECTED: &'static str = "a duration with a unit, such as `200ms`, or one distribution, such as `lognormal: { median: 240ms, sigma: 0.55 }`";
}

/// A lognormal span.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LognormalTime {
    /// Half of the spans are below it.
    pub median: Duration,
    /// Standard deviation of the natural logarithm, 0 to 10.
    pub sigma: f64,
}

/// A span between two bounds.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UniformTime {
    /// The shortest span.
    pub low: Duration,
    /// The longest span.
    pub high: Duration,
}

/// An exponential span.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExponentialTime {
    /// Its mean.
    pub mean: Duration,
}

/// A span with a heavy tail.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParetoTime {
    /// The shortest span.
    pub scale: Duration,
    /// Tail index: the smaller, the heavier the tail.
    pub shape: f64,
}

/// A span through measured quantiles: between two of them its logarithm is linear in that of the share above it.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuantilesTime {
    /// The shortest span, more than nothing.
    pub min: Duration,
    /// Half of the spans are below it.
    pub p50: Duration,
    /// 90 % of the spans are below it.
    pub p90: Duration,
    /// 99 % of the spans are below it.
    pub p99: Duration,
    /// The longest span.
    pub max: Duration,
}
