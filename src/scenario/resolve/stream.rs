//! Streams, and the clocks of those that poll them.

use crate::engine::time::{HOUR, MILLISECOND};
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::settings::parameter::Parameter;
use crate::systems::kinesis::plan::StreamPlan;
use crate::systems::kinesis::poll_grid::{PollPhase, PollPlan};
use crate::systems::kinesis::poll_settings::{PHASE, PhaseSettings};
use crate::systems::kinesis::reshard::SHARDS_MAX;
use crate::systems::kinesis::settings::{
    BURST, GET_RECORDS_CALLS, MAX_RECORD, RETENTION, StreamCapacity, StreamSettings,
};
use crate::units::{Bytes, Duration};

/// Resolves a stream.
pub(super) fn resolve(
    resolver: &mut Resolver,
    path: &Path,
    name: &str,
    settings: &StreamSettings,
) -> StreamPlan {
    let StreamCapacity::Provisioned(capacity) = &settings.capacity;
    let shards = path.key("capacity").key("provisioned").key("shards");
    resolver.within(&shards, capacity.shards, 1..=SHARDS_MAX, "KDS-S8");
    let retention: Duration = resolver.take(settings.retention, &RETENTION);
    check_retention(resolver, &path.key("retention"), retention);
    let largest: Bytes = resolver.take(settings.max_record, &MAX_RECORD);
    let largest_path = path.key("max_record");
    resolver.within(&largest_path, largest, Bytes::new(1 << 20)..=Bytes::new(10 << 20), "KDS-W4");
    if !largest.get().is_multiple_of(1 << 10) {
        resolver.error(&largest_path, format!("expected whole KiB (KDS-W4); found `{largest}`"));
    }
    let limits = settings.limits.as_ref();
    resolver.assume(&BURST);
    StreamPlan {
        name: name.to_owned(),
        shards: capacity.shards,
        retention: retention.nanos(),
        record_bytes_max: u32::try_from(largest.get()).unwrap_or(u32::MAX),
        limit_calls: resolver.take(limits.and_then(|limits| limits.get_records_calls), &GET_RECORDS_CALLS),
    }
}

/// Checks how long records stay.
pub(super) fn check_retention(resolver: &mut Resolver, path: &Path, retention: Duration) {
    let hours = |hours| Duration::from_nanos(hours * HOUR);
    resolver.within(path, retention, hours(24)..=hours(8_760), "KDS-S1");
}

/// Resolves the clock of a reader; `path` is where its `interval` and `phase` are.
pub(super) fn polls(
    resolver: &mut Resolver,
    path: &Path,
    interval: (Option<Duration>, &Parameter),
    phase: Option<PhaseSettings>,
) -> PollPlan {
    let interval: Duration = resolver.take(interval.0, interval.1);
    let longest = Duration::from_nanos(HOUR);
    resolver.within(&path.key("interval"), interval, Duration::from_nanos(MILLISECOND)..=longest, "");
    let phase = match resolver.take(phase, &PHASE) {
        PhaseSettings::Random => PollPhase::Random,
        PhaseSettings::Stagger(step) => {
            let path = path.key("phase").key("stagger");
            resolver.within(&path, step, Duration::ZERO..=interval, "the interval at most");
            PollPhase::Staggered(step.nanos())
        }
    };
    PollPlan { interval: interval.nanos(), phase }
}
