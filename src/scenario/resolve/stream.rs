//! Streams, and the clocks of those that poll them.

use super::stream_capacity::{self, Account};
use crate::engine::time::{HOUR, MILLISECOND};
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::settings::parameter::Parameter;
use crate::systems::kinesis::plan::{HistoryPlan, StreamPlan};
use crate::systems::kinesis::poll_grid::{PollPhase, PollPlan};
use crate::systems::kinesis::poll_settings::{PHASE, PhaseSettings};
use crate::systems::kinesis::settings::{
    BILLED_BYTES, BURST, GET_RECORDS_CALLS, MAX_RECORD, PUT_PAYLOAD_UNIT, RESHARD_STEP, RETENTION,
    StreamSettings,
};
use crate::units::{Bytes, Duration};

/// Resolves a stream.
pub(super) fn resolve(
    resolver: &mut Resolver,
    path: &Path,
    name: &str,
    settings: &StreamSettings,
    account: &Account,
    (reshards, changes): (bool, bool),
) -> StreamPlan {
    let (shards, capacity) =
        stream_capacity::resolve(resolver, &path.key("capacity"), &settings.capacity, account, changes);
    let reshards = reshards || capacity.moves;
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
    resolver.assume(&BILLED_BYTES);
    if largest.get() > 1 << 20 && !capacity.is_on_demand() {
        resolver.assume(&PUT_PAYLOAD_UNIT);
    }
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
        shards,
        capacity,
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
    PollPlan::new(interval.nanos(), phase)
}
