//! What tables and indexes take: capacity modes, partitions, quotas.

use crate::engine::random::{stream_id, threshold};
use crate::engine::time::{DAY, MINUTE, Nanos, SECOND};
use crate::scenario::file::ScenarioFile;
use crate::scenario::path::{Path, Segment};
use crate::scenario::resolver::Resolver;
use crate::settings::one_or_map::OneOrMap;
use crate::settings::parameter::Parameter;
use crate::systems::dynamodb::auto_scaling::AutoScalingPlan;
use crate::systems::dynamodb::capacity::{
    BURST_SECONDS, CapacityPlan, ControlPlan, ProvisionedPlan, READS_A_WRITE,
};
use crate::systems::dynamodb::capacity_settings::{
    ACCOUNT_QUOTA, ALARM_LAG, AutoScalingSettings, BURST, HEAT_SHARE, HEAT_TIME, HeatSettings, INDEX_VALUES,
    INSERTED, IndexSettings, LOCAL_INDEX, OnDemandUnits, PARTITION_BURST, PARTITIONS_AT_START,
    PartitionSettings, ProjectionSettings, ProvisionedUnits, SCALE_IN_MARGIN, SUSTAINED, SWITCH, TABLE_QUOTA,
    TARGET, TableCapacity, UPDATE, UPDATE_WARM, WARM_THROUGHPUT,
};
use crate::systems::dynamodb::index::IndexPlan;
use crate::systems::dynamodb::on_demand::{NEW_TABLE_UNITS, OnDemandPlan};
use crate::systems::dynamodb::partition::{BYTES_MAX, HeatPlan, PartitionPlan, Placement, UNITS_PER_SECOND};
use crate::systems::dynamodb::settings::TableSettings;
use crate::systems::dynamodb::throughput::ThroughputPlan;
use crate::units::{Bytes, Duration, Percent, ReadUnits, WriteUnits};

/// What deep buckets of units can hold.
const WRITE_UNITS_MAX: u64 = 10_000_000;
/// Partitions at the start at most.
const PARTITIONS_AT_START_MAX: u16 = 4_000;
/// Indexes of a table at most: AWS's default quota.
const INDEXES_MAX: usize = 20;
/// Values of an index key at most: their places in memory are made before the run.
const INDEX_VALUES_MAX: u32 = 100_000_000;
/// Collections that stay whole and are followed one by one: 80 MB of memory a replication.
const WHOLE_COLLECTIONS_MAX: u32 = 10_000_000;

/// What all tables of a scenario have in common.
pub(super) struct Account {
    /// How long changes take, and the quota of a table.
    control: ControlPlan,
    /// The quota of all provisioned capacity.
    provisioned_units: u64,
}

impl Account {
    /// The account of a scenario that starts at this Unix time.
    pub fn resolve(resolver: &mut Resolver, file: &ScenarioFile, start: i64) -> Self {
        let quotas = file.account.clone().unwrap_or_default().dynamodb.unwrap_or_default();
        let path = Path::ROOT.key("account").key("dynamodb");
        let mut quota = |key: &str, written: Option<WriteUnits>, parameter: &Parameter| {
            let units: WriteUnits = resolver.take(written, parameter);
            let range = WriteUnits::new(1)..=WriteUnits::new(WRITE_UNITS_MAX);
            resolver.within(&path.key(key), units, range, "");
            units.get()
        };
        let table = quota("table_write_units", quotas.table_write_units, &TABLE_QUOTA);
        let provisioned = quota("provisioned_write_units", quotas.provisioned_write_units, &ACCOUNT_QUOTA);
        let of_capacity = |path: &String| {
            path.parse::<Path>().is_ok_and(|path| path.segments().contains(&Segment::Key("capacity".into())))
        };
        let sets = file.events.values().filter_map(|event| event.set.as_ref());
        let changes = sets.flat_map(|set| set.keys()).any(of_capacity);
        let scales = file.tables.values().any(TableSettings::scales);
        let mut time = |parameter: &Parameter, used: bool| {
            let time: Duration = if used {
                resolver.take(None, parameter)
            } else {
                parameter.value.parse().unwrap_or_default()
            };
            if time > Duration::from_nanos(DAY) || time == Duration::ZERO {
                let path = Path::ROOT.key("assumptions").key(parameter.id);
                resolver.error(&path, format!("expected more than 0s and at most 1d; found `{time}`"));
            }
            time.nanos()
        };
        let control = ControlPlan {
            alarm_lag: time(&ALARM_LAG, scales),
            update: time(&UPDATE, scales || changes),
            update_warm: time(&UPDATE_WARM, scales || changes),
            switch: time(&SWITCH, changes),
            quota: table,
            day_at_start: (start.rem_euclid(86_400) as Nanos) * SECOND,
        };
        Self { control, provisioned_units: provisioned }
    }

    /// Checks the quota of all provisioned capacity together (DDB-M10).
    pub fn check(&self, resolver: &mut Resolver, plans: &[crate::systems::dynamodb::table::TablePlan]) {
        let own = plans.iter().map(|plan| &plan.throughput);
        let all = own.chain(plans.iter().flat_map(|plan| plan.indexes.iter().map(|index| &index.throughput)));
        let sum: u64 = all
            .filter_map(|plan| match &plan.capacity {
                CapacityPlan::Provisioned(plan) => Some(plan.write_units),
                CapacityPlan::OnDemand(_) => None,
            })
            .sum();
        let quota = self.provisioned_units;
        if sum > quota {
            let message = format!(
                "all tables and indexes together have {sum} provisioned write units; the account's quota is {quota} (DDB-M10)"
            );
            let help = "set `account.dynamodb.provisioned_write_units` if AWS has raised yours";
            resolver.error_with_help(&Path::ROOT.key("tables"), message, help);
        }
    }
}

impl TableSettings {
    /// Whether the capacity of the table or of one of its indexes scales by itself.
    fn scales(&self) -> bool {
        let scales = |capacity: &TableCapacity| match capacity {
            TableCapacity::Provisioned(units) => units.auto_scaling.is_some(),
            TableCapacity::OnDemand(_) => false,
        };
        let indexes = self.global_secondary_indexes.values().filter_map(|index| index.capacity.as_ref());
        std::iter::once(&self.capacity).chain(indexes).any(scales)
    }
}

/// Resolves what a table takes. `path` is the table's.
pub(super) fn table(
    resolver: &mut Resolver,
    path: &Path,
    name: &str,
    settings: &TableSettings,
    account: &Account,
) -> ThroughputPlan {
    let capacity = capacity(resolver, &path.key("capacity"), &settings.capacity, account.control.quota);
    let bytes = settings.size.map_or(0, Bytes::get);
    let collections = settings.sort_key.as_ref().map(|sort_key| sort_key.collections.max(1));
    if let Some(sort_key) = &settings.sort_key {
        if sort_key.collections == 0 {
            resolver.error(&path.key("sort_key").key("collections"), "expected at least 1; found `0`");
        } else if sort_key.local_index && sort_key.collections > WHOLE_COLLECTIONS_MAX {
            let message = format!(
                "collections with a local index are followed one by one, up to {WHOLE_COLLECTIONS_MAX}; found `{}`",
                sort_key.collections
            );
            resolver.error(&path.key("sort_key").key("collections"), message);
        }
        if sort_key.local_index {
            resolver.assume(&LOCAL_INDEX);
            let most = u64::from(sort_key.collections.max(1)).saturating_mul(BYTES_MAX);
            if bytes > most {
                let path = path.key("sort_key").key("collections");
                let message = "with a local index the items of a partition key hold 10 GiB at most (DDB-P2); `size` is more for each";
                resolver.error(&path, message);
            }
        }
    }
    let placement = Placement {
        salt: stream_id(&format!("tables.{name}.partitions")),
        collections,
        whole: settings.sort_key.as_ref().is_some_and(|sort_key| sort_key.local_index),
    };
    let partitions = partitions(resolver, &path.key("partitions"), settings, &capacity, placement, bytes);
    if partitions.is_none() {
        for (key, written) in [("size", settings.size.is_some()), ("sort_key", settings.sort_key.is_some())] {
            if written {
                resolver.error(&path.key(key), format!("`{key}` needs partitions, which are off"));
            }
        }
    }
    ThroughputPlan { capacity, control: account.control, partitions }
}

/// Resolves a capacity mode. `path` is that of the capacity.
pub(super) fn capacity(
    resolver: &mut Resolver,
    path: &Path,
    settings: &TableCapacity,
    quota: u64,
) -> CapacityPlan {
    match settings {
        TableCapacity::Provisioned(units) => {
            CapacityPlan::Provisioned(provisioned(resolver, &path.key("provisioned"), units, quota))
        }
        TableCapacity::OnDemand(units) => {
            CapacityPlan::OnDemand(on_demand(resolver, &path.key("on_demand"), units))
        }
    }
}

pub(super) fn within_quota(resolver: &mut Resolver, path: &Path, units: WriteUnits, quota: u64) {
    resolver.within(path, units, WriteUnits::new(1)..=WriteUnits::new(WRITE_UNITS_MAX), "DDB-M11");
    if (quota..=WRITE_UNITS_MAX).contains(&units.get()) && units.get() != quota {
        let message =
            format!("the quota of a table is {quota} write units a second (DDB-M10); found `{units}`");
        let help = "set `account.dynamodb.table_write_units` if AWS has raised yours";
        resolver.error_with_help(path, message, help);
    }
}

fn provisioned(
    resolver: &mut Resolver,
    path: &Path,
    settings: &ProvisionedUnits,
    quota: u64,
) -> ProvisionedPlan {
    within_quota(resolver, &path.key("write_units"), settings.write_units, quota);
    let read_units = settings.read_units.unwrap_or_default();
    let most = ReadUnits::new(WRITE_UNITS_MAX);
    resolver.within(&path.key("read_units"), read_units, ReadUnits::new(0)..=most, "");
    let burst: Duration = resolver.take(settings.burst, &BURST);
    let seconds = |seconds| Duration::from_nanos(seconds * SECOND);
    resolver.within(&path.key("burst"), burst, seconds(1)..=seconds(BURST_SECONDS), "DDB-P6");
    let auto_scaling = settings.auto_scaling.as_ref();
    let auto_scaling = auto_scaling.map(|scaling| {
        auto_scaling_plan(resolver, &path.key("auto_scaling"), scaling, settings.write_units, quota)
    });
    let write_units = settings.write_units.get();
    ProvisionedPlan { write_units, read_units: read_units.get(), burst: burst.nanos(), auto_scaling }
}

fn auto_scaling_plan(
    resolver: &mut Resolver,
    path: &Path,
    settings: &AutoScalingSettings,
    start: WriteUnits,
    quota: u64,
) -> AutoScalingPlan {
    let percent = |share: f64| Percent::new(share).unwrap_or_default();
    let target: Percent = resolver.take(settings.target, &TARGET);
    resolver.within(&path.key("target"), target, percent(0.2)..=percent(0.9), "DDB-M18");
    let margin: Percent = resolver.take(settings.scale_in_margin, &SCALE_IN_MARGIN);
    resolver.within(&path.key("scale_in_margin"), margin, percent(0.0)..=target, "the target at most");
    within_quota(resolver, &path.key("min"), settings.min, quota);
    within_quota(resolver, &path.key("max"), settings.max, quota);
    if settings.min > settings.max {
        let message = format!("expected at most `max`, {}; found `{}`", settings.max, settings.min);
        resolver.error(&path.key("min"), message);
    } else if !(settings.min..=settings.max).contains(&start) {
        let message = format!(
            "`write_units` is {start}, which is not within `min` and `max`; scaling starts within its bounds"
        );
        resolver.error(path, message);
    }
    let (target, margin) = (target.fraction(), margin.fraction());
    AutoScalingPlan { target, too_low: target - margin, min: settings.min.get(), max: settings.max.get() }
}

fn on_demand(resolver: &mut Resolver, path: &Path, settings: &OnDemandUnits) -> OnDemandPlan {
    let warm: WriteUnits = resolver.take(settings.warm_throughput, &WARM_THROUGHPUT);
    let units = |units| WriteUnits::new(units);
    let most = units(WRITE_UNITS_MAX);
    resolver.within(&path.key("warm_throughput"), warm, units(NEW_TABLE_UNITS)..=most, "DDB-M6");
    let previous_peak = settings.previous_peak.unwrap_or_default();
    resolver.within(&path.key("previous_peak"), previous_peak, units(0)..=most, "");
    if let Some(max) = settings.max {
        resolver.within(&path.key("max"), max, units(1)..=most, "DDB-M9");
    }
    resolver.assume(&SUSTAINED);
    OnDemandPlan {
        warm: warm.get(),
        previous_peak: previous_peak.get(),
        max: settings.max.map(WriteUnits::get),
    }
}

/// Partitions that capacity and size take at the start (DDB-P12, DDB-P13).
fn at_start(capacity: &CapacityPlan, bytes: u64) -> u64 {
    let for_units = match capacity {
        CapacityPlan::Provisioned(plan) => {
            (plan.write_units * READS_A_WRITE + plan.read_units).div_ceil(UNITS_PER_SECOND * READS_A_WRITE)
        }
        CapacityPlan::OnDemand(_) => capacity.partition_units().div_ceil(UNITS_PER_SECOND),
    };
    for_units.max(bytes.div_ceil(BYTES_MAX)).max(1)
}

fn partitions(
    resolver: &mut Resolver,
    path: &Path,
    settings: &TableSettings,
    capacity: &CapacityPlan,
    placement: Placement,
    bytes: u64,
) -> Option<PartitionPlan> {
    let settings = match &settings.partitions {
        Some(OneOrMap::One(_)) => return None,
        Some(OneOrMap::Map(settings)) => settings.clone(),
        None => PartitionSettings::default(),
    };
    resolver.assume(&PARTITION_BURST);
    resolver.assume(&INSERTED);
    let needed = at_start(capacity, bytes);
    if settings.initial.is_none() {
        resolver.assume(&PARTITIONS_AT_START);
    }
    let initial = settings.initial.unwrap_or(needed.min(PARTITIONS_AT_START_MAX.into()) as u16);
    resolver.within(&path.key("initial"), initial, 1..=PARTITIONS_AT_START_MAX, "");
    if settings.initial.is_none() && needed > PARTITIONS_AT_START_MAX.into() {
        let message =
            format!("the table would start with {needed} partitions; set `partitions.initial`, or `off`");
        resolver.error(path, message);
    }
    let heat = match settings.split_for_heat {
        Some(OneOrMap::One(_)) => None,
        Some(OneOrMap::Map(settings)) => Some(heat(resolver, &path.key("split_for_heat"), &settings)),
        None => Some(heat(resolver, &path.key("split_for_heat"), &HeatSettings::default())),
    };
    Some(PartitionPlan { initial, placement, heat, bytes })
}

fn heat(resolver: &mut Resolver, path: &Path, settings: &HeatSettings) -> HeatPlan {
    let share: Percent = resolver.take(settings.used, &HEAT_SHARE);
    if share == Percent::default() {
        resolver.error(&path.key("use"), "expected more than 0%");
    }
    let after: Duration = resolver.take(settings.after, &HEAT_TIME);
    let range = Duration::from_nanos(MINUTE)..=Duration::from_nanos(DAY);
    resolver.within(&path.key("after"), after, range, "");
    if !after.nanos().is_multiple_of(MINUTE) {
        resolver.error(&path.key("after"), format!("expected whole minutes; found `{after}`"));
    }
    let units = share.fraction() * (60 * UNITS_PER_SECOND) as f64;
    HeatPlan { units_per_minute: units.ceil() as u64, minutes: (after.nanos() / MINUTE) as u32 }
}

/// Resolves a table's indexes. `path` is the table's.
pub(super) fn indexes(
    resolver: &mut Resolver,
    (path, table): (&Path, &str),
    settings: &TableSettings,
    throughput: &ThroughputPlan,
) -> Vec<IndexPlan> {
    let path = path.key("global_secondary_indexes");
    let all = &settings.global_secondary_indexes;
    if all.len() > INDEXES_MAX {
        resolver.error(&path, format!("expected at most {INDEXES_MAX} indexes; found {}", all.len()));
    }
    let all = all.iter().take(INDEXES_MAX);
    all.map(|(name, settings)| index(resolver, (&path.key(name), table, name), settings, throughput))
        .collect()
}

fn index(
    resolver: &mut Resolver,
    (path, table, name): (&Path, &str, &str),
    settings: &IndexSettings,
    of_table: &ThroughputPlan,
) -> IndexPlan {
    let own = match (&settings.capacity, &of_table.capacity) {
        (Some(settings), _) => capacity(resolver, &path.key("capacity"), settings, of_table.control.quota),
        (None, CapacityPlan::OnDemand(_)) => {
            CapacityPlan::OnDemand(on_demand(resolver, path, &OnDemandUnits::default()))
        }
        (None, provisioned) => {
            resolver.error(path, "the index of a provisioned table needs a `capacity` of its own");
            *provisioned
        }
    };
    let is_provisioned = |plan: &CapacityPlan| matches!(plan, CapacityPlan::Provisioned(_));
    if is_provisioned(&own) != is_provisioned(&of_table.capacity) {
        resolver.error(&path.key("capacity"), "an index has the capacity mode of its table");
    }
    let values = resolver.take(settings.values, &INDEX_VALUES);
    resolver.within(&path.key("values"), values, 1..=INDEX_VALUES_MAX, "");
    let salt = stream_id(&format!("tables.{table}.global_secondary_indexes.{name}"));
    let partitions = of_table.partitions.as_ref().map(|of_table| PartitionPlan {
        initial: at_start(&own, 0).min(PARTITIONS_AT_START_MAX.into()) as u16,
        placement: Placement { salt, collections: None, whole: false },
        heat: of_table.heat,
        bytes: 0,
    });
    let members = settings.items.map(Percent::fraction).filter(|share| *share < 1.0);
    IndexPlan {
        name: name.to_owned(),
        throughput: ThroughputPlan { capacity: own, control: of_table.control, partitions },
        values: values.clamp(1, INDEX_VALUES_MAX),
        members: members.map(threshold),
        keys_only: settings.projection == Some(ProjectionSettings::KeysOnly),
        salt,
    }
}
