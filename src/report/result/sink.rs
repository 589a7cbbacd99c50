//! What consumers' sinks saw. Counts are summed over all replications.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::report::number::{rounded, share};
use crate::systems::sink::SinkMeter;

/// What a consumer's sink saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SinkRow {
    /// Calls.
    pub calls: u64,
    /// Records written, those written again among them.
    pub records: u64,
    /// Calls that found no room and waited.
    pub delayed: u64,
    /// Their share of all calls.
    pub delayed_share: Option<f64>,
    /// Mean wait of a call that waited.
    pub wait_mean_ms: Option<f64>,
    /// Mean time of a call, waits left out.
    pub call_mean_ms: Option<f64>,
}

impl SinkRow {
    /// The row of one sink; nothing where there is none.
    pub fn sum(meters: impl Iterator<Item = SinkMeter>) -> Option<Self> {
        let sum = |one: SinkMeter, other: SinkMeter| SinkMeter {
            calls: one.calls + other.calls,
            records: one.records + other.records,
            delayed: one.delayed + other.delayed,
            waited: one.waited + other.waited,
            busy: one.busy + other.busy,
            of_records: [0, 1].map(|which| one.of_records[which] + other.of_records[which]),
        };
        let all = meters.reduce(sum)?;
        let milliseconds =
            |nanos: u64, count: u64| share(nanos, count).and_then(|nanos| rounded(nanos / 1e6));
        Some(Self {
            calls: all.calls,
            records: all.records,
            delayed: all.delayed,
            delayed_share: share(all.delayed, all.calls).and_then(rounded),
            wait_mean_ms: milliseconds(all.waited, all.delayed),
            call_mean_ms: milliseconds(all.busy, all.calls),
        })
    }
}
