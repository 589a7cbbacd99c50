//! Scheduled queries: which objects they scan, and how much of each.

use super::distribution;
use crate::engine::time::{DAY, SECOND};
use crate::scenario::checked::Scenario;
use crate::scenario::file::ScenarioFile;
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::systems::athena::settings::{
    AFTER, AT_ONCE, AthenaSettings, COLUMNS, CompactionSettings, OVERHEAD, PER_OBJECT, ROW_GROUPS, SCAN_RATE,
    TARGET,
};
use crate::systems::athena::{Compaction, QueryPlan};
use crate::units::{Bytes, Duration, Percent};

const LARGE: Bytes = Bytes::new(1 << 50);

/// Resolves queries; nothing if there is no such delivery stream.
pub(super) fn resolve(
    resolver: &mut Resolver,
    path: &Path,
    name: &str,
    settings: &AthenaSettings,
    file: &ScenarioFile,
    scenario: &Scenario,
) -> Option<QueryPlan> {
    let delivery =
        resolver.reference(&path.key("scans"), "firehose", &settings.scans.0, file.firehose.keys());
    let month = Duration::from_nanos(30 * DAY);
    let second = Duration::from_nanos(SECOND);
    resolver.within(&path.key("every"), settings.every, second..=month, "");
    let at_once: u32 = resolver.take(settings.at_once, &AT_ONCE);
    resolver.within(&path.key("at_once"), at_once, 1..=1_000, "");
    if let Some(window) = settings.window {
        resolver.within(&path.key("window"), window, second..=Duration::from_nanos(365 * DAY), "");
    }
    let overhead = resolver.take(settings.overhead.clone(), &OVERHEAD);
    let overhead = distribution::time(resolver, &path.key("overhead"), &overhead);
    let per_object: Duration = resolver.take(settings.per_object, &PER_OBJECT);
    resolver.within(&path.key("per_object"), per_object, Duration::ZERO..=second, "");
    let scan_rate: Bytes = resolver.take(settings.scan_rate, &SCAN_RATE);
    resolver.within(&path.key("scan_rate"), scan_rate, Bytes::new(1 << 20)..=LARGE, "");
    let compaction = settings.compaction.as_ref().map(|it| compaction(resolver, &path.key("compaction"), it));
    let delivery = delivery?;
    // After an error in its own section the delivery stream may be missing.
    let plan = scenario.deliveries.get(delivery)?;
    if settings.partitions.is_some() && plan.partitioning.is_none() {
        resolver.error(&path.key("partitions"), format!("`{}` does not partition", settings.scans.0));
    }
    let share = share(resolver, path, settings, plan.converts);
    Some(QueryPlan {
        name: name.to_owned(),
        delivery,
        every: settings.every.nanos().max(SECOND),
        at_once,
        window: settings.window.map(|window| window.nanos()),
        partitions: settings.partitions,
        share,
        deduplicates: settings
            .deduplicate
            .as_ref()
            .map(|it| if plan.converts { it.columns.fraction() } else { 0.0 }),
        overhead: overhead?,
        per_object: per_object.nanos(),
        scan_rate: scan_rate.get().max(1),
        repartition: plan.prefix_limit.repartition,
        compaction,
    })
}

/// The share of each object's bytes that a query reads (ATH-3): rows of text are read whole.
fn share(resolver: &mut Resolver, path: &Path, settings: &AthenaSettings, columnar: bool) -> f64 {
    if columnar {
        let columns: Percent = resolver.take(settings.columns, &COLUMNS);
        let row_groups: Percent = resolver.take(settings.row_groups, &ROW_GROUPS);
        return columns.fraction() * row_groups.fraction();
    }
    for (key, written) in [("columns", settings.columns), ("row_groups", settings.row_groups)] {
        if written.is_some() {
            let message = "objects without a columnar `format` are read whole (ATH-4)";
            resolver.error(&path.key(key), message);
        }
    }
    1.0
}

fn compaction(resolver: &mut Resolver, path: &Path, settings: &CompactionSettings) -> Compaction {
    let target: Bytes = resolver.take(settings.target, &TARGET);
    resolver.within(&path.key("target"), target, Bytes::new(1 << 20)..=LARGE, "");
    let after: Duration = resolver.take(settings.after, &AFTER);
    resolver.within(&path.key("after"), after, Duration::ZERO..=Duration::from_nanos(30 * DAY), "");
    Compaction { target: target.get().max(1), after: after.nanos() }
}
