//! Streams, and the clocks of those that poll them.

use crate::engine::time::{HOUR, MILLISECOND};
use crate::scenario::checked::Scenario;
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::settings::parameter::Parameter;
use crate::systems::kinesis::plan::{HistoryPlan, StreamPlan};
use crate::systems::kinesis::poll_grid::{PollPhase, PollPlan};
use crate::systems::kinesis::poll_settings::{PHASE, PhaseSettings};
use crate::systems::kinesis::reshard::SHARDS_MAX;
use crate::systems::kinesis::settings::{
    BURST, GET_RECORDS_CALLS, MAX_RECORD, RESHARD_STEP, RETENTION, StreamCapacity, StreamSettings,
};
use crate::units::{Bytes, Duration};

/// Resolves a stream.
pub(super) fn resolve(
    resolver: &mut Resolver,
    path: &Path,
    name: &str,
    settings: &StreamSettings,
    reshards: bool,
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
    // What no event makes use of is no assumption of the run.
    let step = (reshards || settings.reshard_step.is_some())
        .then(|| resolver.take::<Duration>(settings.reshard_step, &RESHARD_STEP));
    let step = step.unwrap_or_default();
    let longest = Duration::from_nanos(HOUR);
    resolver.within(&path.key("reshard_step"), step, Duration::ZERO..=longest, "");
    if let Some(history) = settings.history {
        resolver.within(&path.key("history"), history, Duration::ZERO..=retention, "the retention at most");
    }
    StreamPlan {
        reshard_step: step.nanos(),
        history: settings.history.map(|history| HistoryPlan { span: history.nanos(), shards: Vec::new() }),
        name: name.to_owned(),
        shards: capacity.shards,
        retention: retention.nanos(),
        record_bytes_max: u32::try_from(largest.get()).unwrap_or(u32::MAX),
        limit_calls: resolver.take(limits.and_then(|limits| limits.get_records_calls), &GET_RECORDS_CALLS),
    }
}

/// Notes more shards than the account may have without asking AWS (KDS-S3).
pub(super) fn check_quota(resolver: &mut Resolver, scenario: &Scenario) {
    let shards: u64 = scenario.streams.iter().map(|stream| u64::from(stream.shards)).sum();
    let large = ["us-east-1", "us-west-2", "eu-west-1"].contains(&scenario.region.as_str());
    let quota = if large { 20_000 } else { 1_000 };
    if shards > quota {
        let which = if large { "" } else { ", or 6000 in some accounts" };
        resolver.notes.push(format!(
            "The streams have {shards} shards; an account has a quota of {quota} in {}{which}, until AWS raises it (KDS-S3).",
            scenario.region
        ));
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
