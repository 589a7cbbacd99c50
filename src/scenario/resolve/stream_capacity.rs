//! Capacity of streams: modes, scaling policies, the account's quotas, changes while a run goes on.

use crate::engine::time::{DAY, HOUR, MINUTE, Nanos, SECOND};
use crate::scenario::checked::Scenario;
use crate::scenario::file::ScenarioFile;
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::settings::parameter::Parameter;
use crate::systems::kinesis::capacity::{
    CapacityChange, CapacityPlan, ModePlan, is_large_region, shards_of_region,
};
use crate::systems::kinesis::capacity_settings::{
    COOL_DOWN, DATAPOINTS, HOT_RECORDS, LAG, LEVEL, MAX, MIN, OnDemandStream, PEAK, PEAK_KEPT, PERIOD,
    SCALE_IN_DATAPOINTS, SPLIT_DELAY, SWITCH, ScalingSettings, StreamCapacity, StreamCapacityChange, TARGET,
    TOO_LOW, WARM_DELAY,
};
use crate::systems::kinesis::on_demand::{OnDemandClock, OnDemandPlan, STREAMS_MAX};
use crate::systems::kinesis::reshard::SHARDS_MAX;
use crate::systems::kinesis::scaling::{ScalingPlan, Slot, TargetPlan};
use crate::systems::kinesis::shard::WRITE_BYTES_PER_SECOND;
use crate::units::{ByteRate, Duration, Percent};

/// Periods of a policy's metric.
const PERIODS: [Nanos; 4] = [MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR];

/// What all streams of a scenario have in common.
pub(super) struct Account {
    on_demand_shards_max: u32,
    /// Shards of all provisioned streams (KDS-S3).
    pub shards_max: u32,
    on_demand_streams_max: u32,
    /// Whether the account has On-demand Advantage (KDS-A1).
    pub advantage: bool,
    day_at_start: Nanos,
}

impl Account {
    /// The account of a scenario.
    pub fn resolve(resolver: &mut Resolver, file: &ScenarioFile, scenario: &Scenario) -> Self {
        let account = file.account.clone().unwrap_or_default();
        let quotas = account.kinesis.unwrap_or_default();
        let path = Path::ROOT.key("account").key("kinesis");
        let large = is_large_region(&scenario.region);
        let most = ByteRate::new(u64::from(SHARDS_MAX) * WRITE_BYTES_PER_SECOND);
        if let Some(rate) = quotas.on_demand_write {
            let least = ByteRate::new(WRITE_BYTES_PER_SECOND);
            resolver.within(&path.key("on_demand_write"), rate, least..=most, "KDS-O6");
        }
        if let Some(shards) = quotas.shards {
            resolver.within(&path.key("shards"), shards, 1..=1_000_000, "");
        }
        let quota = quotas.on_demand_write.map(|rate| (rate.get() / WRITE_BYTES_PER_SECOND) as u32);
        Self {
            on_demand_shards_max: quota.unwrap_or(shards_of_region(large)),
            shards_max: quotas.shards.unwrap_or(if large { 20_000 } else { 1_000 }),
            on_demand_streams_max: quotas.on_demand_streams.unwrap_or(STREAMS_MAX as u32),
            advantage: account.on_demand_advantage.unwrap_or(false),
            day_at_start: scenario.start.rem_euclid(86_400) as Nanos * SECOND,
        }
    }

    /// Checks how many streams are on-demand (KDS-S4) and notes more shards than the account may have (KDS-S3).
    pub fn check(&self, resolver: &mut Resolver, scenario: &Scenario) {
        let on_demand = scenario.streams.iter().filter(|stream| stream.capacity.is_on_demand()).count();
        let most = self.on_demand_streams_max;
        if on_demand > most as usize {
            let message = format!("{on_demand} streams are on-demand; an account may have {most} (KDS-S4)");
            let help = "set `account.kinesis.on_demand_streams` if AWS has raised yours";
            resolver.error_with_help(&Path::ROOT.key("kinesis"), message, help);
        }
        let provisioned = scenario.streams.iter().filter(|stream| !stream.capacity.is_on_demand());
        let shards: u64 = provisioned.map(|stream| u64::from(stream.shards)).sum();
        let quota = self.shards_max;
        if shards > u64::from(quota) {
            let which = if is_large_region(&scenario.region) { "" } else { ", or 6000 in some accounts" };
            resolver.notes.push(format!(
                "The streams have {shards} shards; an account has a quota of {quota} in {}{which}, until AWS raises it (KDS-S3).",
                scenario.region
            ));
        }
    }
}

/// Resolves a stream's capacity: its open shards at the start, and what moves them. `changes` says whether an event changes it.
pub(super) fn resolve(
    resolver: &mut Resolver,
    path: &Path,
    settings: &StreamCapacity,
    account: &Account,
    changes: bool,
) -> (u32, CapacityPlan) {
    let mut plan = CapacityPlan {
        on_demand_shards_max: account.on_demand_shards_max,
        account_shards_max: account.shards_max,
        advantage: account.advantage,
        day_at_start: account.day_at_start,
        moves: changes,
        ..CapacityPlan::default()
    };
    if changes {
        let switch: Duration = resolver.take(None, &SWITCH);
        within(resolver, &Path::ROOT.key("assumptions").key(SWITCH.id), switch, MINUTE, DAY);
        plan.switch = switch.nanos();
    }
    match settings {
        StreamCapacity::Provisioned(capacity) => {
            let path = path.key("provisioned");
            resolver.within(&path.key("shards"), capacity.shards, 1..=SHARDS_MAX, "KDS-S8");
            let policy = capacity.scaling.as_ref();
            let policy = policy.and_then(|policy| scaling(resolver, &path.key("scaling"), policy));
            plan.moves |= policy.is_some();
            plan.mode = ModePlan::Provisioned(policy);
            if changes {
                plan.clock = clock(resolver, &path, &OnDemandStream::default(), account.advantage);
            }
            (capacity.shards, plan)
        }
        StreamCapacity::OnDemand(capacity) => {
            let path = path.key("on_demand");
            let peak: ByteRate = resolver.take(capacity.peak_30_days, &PEAK);
            let warm = capacity.warm_throughput;
            if let Some(warm) = warm {
                check_warm(resolver, &path.key("warm_throughput"), warm, &plan);
            }
            plan.clock = clock(resolver, &path, capacity, account.advantage);
            plan.moves = true;
            let on_demand = OnDemandPlan { peak: peak.get(), warm: warm.map(ByteRate::get) };
            plan.mode = ModePlan::OnDemand(on_demand);
            (on_demand.shards(plan.on_demand_shards_max), plan)
        }
    }
}

fn within(resolver: &mut Resolver, path: &Path, span: Duration, least: Nanos, most: Nanos) {
    resolver.within(path, span, Duration::from_nanos(least)..=Duration::from_nanos(most), "");
}

fn clock(resolver: &mut Resolver, path: &Path, settings: &OnDemandStream, advantage: bool) -> OnDemandClock {
    resolver.assume(&HOT_RECORDS);
    resolver.assume(&LEVEL);
    let split: Duration = resolver.take(settings.split_delay, &SPLIT_DELAY);
    within(resolver, &path.key("split_delay"), split, MINUTE, HOUR);
    let kept: Duration = resolver.take(settings.peak_kept, &PEAK_KEPT);
    within(resolver, &path.key("peak_kept"), kept, HOUR, 365 * DAY);
    let mut clock =
        OnDemandClock { split: split.nanos(), peak_kept: kept.nanos(), ..OnDemandClock::default() };
    if advantage {
        let warm: Duration = resolver.take(None, &WARM_DELAY);
        within(resolver, &Path::ROOT.key("assumptions").key(WARM_DELAY.id), warm, MINUTE, HOUR);
        clock.warm = warm.nanos();
    }
    clock
}

fn check_warm(resolver: &mut Resolver, path: &Path, warm: ByteRate, plan: &CapacityPlan) {
    let most = ByteRate::new(u64::from(plan.on_demand_shards_max) * WRITE_BYTES_PER_SECOND);
    resolver.within(path, warm, ByteRate::new(WRITE_BYTES_PER_SECOND)..=most, "KDS-A1");
    if !plan.advantage {
        let help = "set `account.on_demand_advantage: true`";
        resolver.error_with_help(path, "warm throughput needs On-demand Advantage (KDS-A1)", help);
    }
}

/// Resolves a scaling policy.
fn scaling(resolver: &mut Resolver, path: &Path, settings: &ScalingSettings) -> Option<ScalingPlan> {
    if let Some(slots) = &settings.scheduled {
        let ScalingSettings { scheduled: _, target_utilisation, scale_in_below, min, max, .. } = settings;
        let ScalingSettings { cool_down, period, datapoints, scale_in_datapoints, lag, .. } = settings;
        let others = [
            target_utilisation.is_some()
                || scale_in_below.is_some()
                || cool_down.is_some()
                || period.is_some(),
            min.is_some()
                || max.is_some()
                || datapoints.is_some()
                || scale_in_datapoints.is_some()
                || lag.is_some(),
        ];
        if others.contains(&true) || slots.is_empty() {
            resolver
                .error(path, "expected either `scheduled` with at least one time, or a target's settings");
        }
        for (number, slot) in slots.iter().enumerate() {
            let path = path.key("scheduled").index(number).key("shards");
            resolver.within(&path, slot.shards, 1..=SHARDS_MAX, "KDS-S8");
        }
        let slot = |slot: &crate::systems::kinesis::capacity_settings::ScheduledShards| Slot {
            at: Nanos::from(slot.at.seconds()) * SECOND,
            shards: slot.shards,
        };
        return Some(ScalingPlan::Scheduled(slots.iter().map(slot).collect()));
    }
    target(resolver, path, settings).map(ScalingPlan::Target)
}

fn target(resolver: &mut Resolver, path: &Path, settings: &ScalingSettings) -> Option<TargetPlan> {
    let target: Percent = resolver.take(settings.target_utilisation, &TARGET);
    let percent = |fraction| Percent::new(fraction).ok();
    if let (Some(least), Some(most)) = (percent(0.05), percent(0.95)) {
        resolver.within(&path.key("target_utilisation"), target, least..=most, "");
    }
    let too_low: Percent = resolver.take(settings.scale_in_below, &TOO_LOW);
    if too_low >= target {
        let message = format!("expected less than the target of {target}; found `{too_low}`");
        resolver.error(&path.key("scale_in_below"), message);
    }
    let min: u32 = resolver.take(settings.min, &MIN);
    let max: u32 = resolver.take(settings.max, &MAX);
    resolver.within(&path.key("max"), max, 1..=SHARDS_MAX, "KDS-S8");
    resolver.within(&path.key("min"), min, 1..=max.max(1), "`max` at most");
    let period: Duration = resolver.take(settings.period, &PERIOD);
    if !PERIODS.contains(&period.nanos()) {
        let message = format!("expected 1m, 5m, 15m or 1h; found `{period}`");
        resolver.error(&path.key("period"), message);
    }
    let cool_down: Duration = resolver.take(settings.cool_down, &COOL_DOWN);
    within(resolver, &path.key("cool_down"), cool_down, 0, DAY);
    let lag: Duration = resolver.take(settings.lag, &LAG);
    within(resolver, &path.key("lag"), lag, 0, HOUR);
    if !lag.nanos().is_multiple_of(MINUTE) {
        resolver.error(&path.key("lag"), format!("expected whole minutes; found `{lag}`"));
    }
    let mut count = |key: &str, written: Option<u32>, parameter: &Parameter, most: u32| {
        let values: u32 = resolver.take(written, parameter);
        resolver.within(&path.key(key), values, 1..=most, "");
        values
    };
    Some(TargetPlan {
        above: count("datapoints", settings.datapoints, &DATAPOINTS, 60),
        below: count("scale_in_datapoints", settings.scale_in_datapoints, &SCALE_IN_DATAPOINTS, 1_440),
        target: target.fraction(),
        too_low: too_low.fraction(),
        min,
        max,
        cool_down: cool_down.nanos(),
        period: period.nanos(),
        lag: lag.nanos(),
    })
}

/// Resolves what an event sets at `kinesis.X.capacity<rest>`; nothing, without an error, if `rest` cannot be set.
pub(super) fn change(
    resolver: &mut Resolver,
    path: &Path,
    plan: &CapacityPlan,
    rest: &[&str],
) -> Option<Option<CapacityChange>> {
    match rest {
        [] => Some(resolver.value(path).map(|change| of_mode(resolver, path, plan, change))),
        ["on_demand", "warm_throughput"] => {
            let warm: Option<ByteRate> = resolver.value(path);
            Some(warm.map(|warm| {
                check_warm(resolver, path, warm, plan);
                CapacityChange::OnDemand(Some(warm.get()))
            }))
        }
        _ => None,
    }
}

fn of_mode(
    resolver: &mut Resolver,
    path: &Path,
    plan: &CapacityPlan,
    change: StreamCapacityChange,
) -> CapacityChange {
    match change {
        StreamCapacityChange::Provisioned(change) => {
            let path = path.key("provisioned");
            if let Some(shards) = change.shards {
                resolver.within(&path.key("shards"), shards, 1..=SHARDS_MAX, "KDS-S8");
            }
            let policy = change.scaling.as_ref();
            let policy = policy.and_then(|policy| scaling(resolver, &path.key("scaling"), policy));
            CapacityChange::Provisioned(change.shards, policy)
        }
        StreamCapacityChange::OnDemand(change) => {
            if let Some(warm) = change.warm_throughput {
                check_warm(resolver, &path.key("on_demand").key("warm_throughput"), warm, plan);
            }
            CapacityChange::OnDemand(change.warm_throughput.map(ByteRate::get))
        }
    }
}

/// Whether an event sets something of a stream's capacity other than its shard count.
pub(super) fn changes(file: &ScenarioFile, name: &str) -> bool {
    let sets = file.events.values().filter_map(|event| event.set.as_ref());
    sets.flat_map(|set| set.keys()).any(|written| {
        let path = written.parse::<Path>().ok();
        let keys: Vec<String> =
            path.iter().flat_map(|path| path.segments()).filter_map(|segment| super::timeline::key(segment).map(str::to_owned)).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        matches!(keys[..], ["kinesis", of, "capacity"] | ["kinesis", of, "capacity", "on_demand", _] if of == name)
    })
}
