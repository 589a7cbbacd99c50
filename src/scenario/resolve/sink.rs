//! Sinks of consumers.

use super::distribution;
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::systems::sink::{LATENCY, PER_CALL, SinkPlan, SinkSettings};
use crate::units::Rate;

/// Resolves the `sink` of the consumer at `path`, where it has one; nothing after an error.
pub(super) fn optional(
    resolver: &mut Resolver,
    path: &Path,
    settings: Option<&SinkSettings>,
) -> Option<Option<SinkPlan>> {
    let Some(settings) = settings else { return Some(None) };
    resolve(resolver, &path.key("sink"), settings).map(Some)
}

/// Resolves a sink; nothing after an error.
pub(super) fn resolve(resolver: &mut Resolver, path: &Path, settings: &SinkSettings) -> Option<SinkPlan> {
    let per_call: u32 = resolver.take(settings.records_per_call, &PER_CALL);
    resolver.within(&path.key("records_per_call"), per_call, 1..=10_000, "");
    let latency = resolver.take(settings.latency.clone(), &LATENCY);
    let latency = distribution::time(resolver, &path.key("latency"), &latency);
    let rate = |per_second| Rate::new(per_second).unwrap_or_default();
    if let Some(limit) = settings.limit {
        resolver.within(&path.key("limit"), limit, rate(0.001)..=rate(1e9), "");
    }
    Some(SinkPlan {
        picos_per_record: settings.limit.map_or(0, SinkPlan::picos_per_record),
        latency: latency?,
        records_per_call: per_call.max(1),
    })
}
