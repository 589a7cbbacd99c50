//! What is billed beside the flow: encryption, metrics of shards, networks, logs, and what tables hold.

use std::sync::Arc;

use crate::engine::random::Streams;
use crate::engine::time::DAY;
use crate::scenario::checked::Scenario;
use crate::scenario::file::ScenarioFile;
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::systems::dynamodb::contents::{AtStart, Contents};
use crate::systems::dynamodb::settings::{TABLE_ITEMS, TableSettings};
use crate::systems::dynamodb::table::write_units;
use crate::systems::kinesis::encryption::{CREDENTIALS, EncryptionPlan, EncryptionSettings, KEY};
use crate::systems::lambda::logs::{KEPT, LogPlan, LogSettings, PER_INVOCATION, PER_RECORD};
use crate::systems::lambda::pipe_settings::PipeSettings;
use crate::systems::network::{ACROSS_ZONES, AVAILABILITY_ZONES, Door, GATEWAYS, Network, NetworkSettings};
use crate::units::{Bytes, Duration, Percent};
use crate::workload::keys::KeyPlan;
use crate::workload::operation::{Operation, WriteKind};
use crate::workload::producer::{ProducerPlan, Source};
use crate::workload::trace::Trace;

/// Writes drawn to tell how large a table's items are; the mean comes out within some percent.
const DRAWS: usize = 1 << 12;

/// Resolves all of it; what it belongs to is resolved already.
pub(super) fn resolve(resolver: &mut Resolver, file: &ScenarioFile, scenario: &mut Scenario) {
    let section = |section: &str, name: &str| Path::ROOT.key(section).key(name);
    for (name, stream) in &file.kinesis {
        let path = section("kinesis", name).key("encryption");
        let encryption = stream.encryption.as_ref().map(|written| encryption(resolver, &path, written));
        scenario.sidelines.encryption.push(encryption);
        let mut metrics = stream.shard_level_metrics.clone();
        metrics.sort_unstable();
        metrics.dedup();
        if metrics.len() < stream.shard_level_metrics.len() {
            let path = section("kinesis", name).key("shard_level_metrics");
            resolver.error(&path, "a metric stands twice in the list");
        }
        scenario.sidelines.shard_metrics.push(metrics.len());
    }
    for (name, consumer) in &file.consumers {
        let path = section("consumers", name).key("network");
        let found = consumer.network.as_ref().and_then(|written| network(resolver, &path, written));
        if consumer.network.is_some() && (consumer.lambda.is_some() || consumer.pipe.is_some()) {
            let message = "AWS's own pollers read for functions and pipes, outside of any network of yours";
            resolver.error(&path, message);
        }
        scenario.sidelines.networks.extend(found.map(|network| (name.clone(), network)));
        let of_mapping =
            consumer.lambda.as_ref().map(|it| (section("consumers", name).key("lambda"), &it.logs));
        let of_pipe = consumer.pipe.as_ref().and_then(PipeSettings::function);
        let of_pipe =
            of_pipe.map(|it| (section("consumers", name).key("pipe").key("to").key("lambda"), &it.logs));
        for (path, written) in of_mapping.into_iter().chain(of_pipe) {
            let path = path.key("logs");
            let logs = written.as_ref().map(|written| (name.clone(), logs(resolver, &path, written)));
            scenario.sidelines.logs.extend(logs);
        }
    }
    for (number, settings) in file.tables.values().enumerate().take(scenario.tables.len()) {
        let contents = contents(resolver, scenario, number, settings);
        scenario.sidelines.contents.push(contents);
    }
}

fn encryption(resolver: &mut Resolver, path: &Path, written: &EncryptionSettings) -> EncryptionPlan {
    let credentials: u32 = resolver.take(written.credentials, &CREDENTIALS);
    resolver.within(&path.key("credentials"), credentials, 1..=10_000, "");
    EncryptionPlan { key: resolver.take(written.key, &KEY), credentials }
}

fn network(resolver: &mut Resolver, path: &Path, written: &NetworkSettings) -> Option<Network> {
    let NetworkSettings { interface_endpoint, nat_gateway, across_zones } = written;
    let keys = [("interface_endpoint", interface_endpoint.is_some()), ("nat_gateway", nat_gateway.is_some())];
    if !resolver.exactly_one(path, &keys) {
        return None;
    }
    let mut count = |written, parameter, key: &str, within: &str| -> u32 {
        let count = resolver.take(written, parameter);
        resolver.within(&path.key(key).key(within), count, 1..=6, "");
        count
    };
    let door = match (interface_endpoint, nat_gateway) {
        (Some(endpoint), _) => {
            let written = endpoint.availability_zones;
            let zones = count(written, &AVAILABILITY_ZONES, "interface_endpoint", "availability_zones");
            Door::InterfaceEndpoint(zones)
        }
        (None, nat) => {
            let written = nat.as_ref().and_then(|nat| nat.gateways);
            Door::NatGateway(count(written, &GATEWAYS, "nat_gateway", "gateways"))
        }
    };
    let across: Percent = resolver.take(*across_zones, &ACROSS_ZONES);
    Some(Network { door, across_zones: across.fraction() })
}

fn logs(resolver: &mut Resolver, path: &Path, written: &LogSettings) -> LogPlan {
    let mut bytes = |key: &str, written, parameter| {
        let bytes: Bytes = resolver.take(written, parameter);
        resolver.within(&path.key(key), bytes, Bytes::new(0)..=Bytes::new(1 << 20), "");
        bytes.get()
    };
    let per_invocation = bytes("per_invocation", written.per_invocation, &PER_INVOCATION);
    let per_record = bytes("per_record", written.per_record, &PER_RECORD);
    let kept: Duration = resolver.take(written.kept, &KEPT);
    let days = |days| Duration::from_nanos(days * DAY);
    resolver.within(&path.key("kept"), kept, days(1)..=days(3_650), "");
    LogPlan { per_invocation, per_record, kept: kept.nanos() }
}

/// What a table holds at the start: `size`, or else the items that are written and exist.
fn contents(
    resolver: &mut Resolver,
    scenario: &mut Scenario,
    number: usize,
    settings: &TableSettings,
) -> Contents {
    let writers: Vec<&Arc<ProducerPlan>> =
        scenario.producers.iter().filter(|plan| plan.table == number).collect();
    let (item_bytes, unit_filled) = sizes(&writers);
    let at_start = at_start(&writers);
    let mut contents = Contents {
        items: at_start.count(scenario.items(number)),
        bytes: 0,
        item_bytes,
        unit_filled,
        global: writers.iter().any(|plan| is_replicated(plan)),
        recovery: settings.point_in_time_recovery.unwrap_or(false),
    };
    scenario.items[number].at_start = at_start;
    match settings.size {
        Some(size) => {
            contents.bytes = size.get();
            // Without a mean size the stated bytes are all that is known.
            let items = if item_bytes > 0.0 { size.get() as f64 / item_bytes } else { 0.0 };
            contents.items = (items + 0.5) as u64;
        }
        None => {
            resolver.assume(&TABLE_ITEMS);
            contents.bytes = (contents.items as f64 * item_bytes + 0.5) as u64;
        }
    }
    contents
}

/// Which items exist before anything runs. An insert makes a new item, so that a table of which nothing is ever changed or
/// removed begins without the items that are written; the window of the latest keys is stated to be there.
fn at_start(writers: &[&Arc<ProducerPlan>]) -> AtStart {
    let only_inserts = |plan: &&Arc<ProducerPlan>| match &plan.source {
        Source::Drawn { keys: KeyPlan::Latest { .. }, .. } | Source::Trace(_) => false,
        Source::Drawn { operations, .. } => operations.share(WriteKind::Insert) == 1.0,
    };
    if let [Source::Trace(trace)] = writers.iter().map(|plan| &plan.source).collect::<Vec<_>>()[..] {
        return of_trace(trace);
    }
    if !writers.is_empty() && writers.iter().all(only_inserts) { AtStart::None } else { AtStart::All }
}

/// By its first row an item was there before, or was not; by its last one it stays, or goes.
fn of_trace(trace: &Trace) -> AtStart {
    let mut items: Vec<Option<(bool, bool)>> = vec![None; trace.keys().len()];
    for row in trace.rows() {
        let (_, after) = items[row.key as usize].get_or_insert((row.operation != Operation::Insert, true));
        *after = row.operation != Operation::Remove;
    }
    AtStart::Listed(items.into_iter().map(Option::unwrap_or_default).collect())
}

/// Whether a producer stands for another Region's replica.
fn is_replicated(plan: &ProducerPlan) -> bool {
    plan.client.as_ref().is_some_and(|client| client.replicated_after.is_some())
}

/// Mean bytes of an item that is written, and the share of its write units that it fills; over all writers alike.
fn sizes(writers: &[&Arc<ProducerPlan>]) -> (f64, f64) {
    let (mut items, mut bytes, mut larger, mut units) = (0_u64, 0_u64, 0_u64, 0_u64);
    let mut add = |(before, after): (u32, u32)| {
        items += u64::from(after > 0);
        bytes += u64::from(after);
        larger += u64::from(before.max(after));
        units += u64::from(write_units(before, after));
    };
    for plan in writers {
        match &plan.source {
            Source::Trace(trace) => trace.rows().iter().for_each(|row| add((row.before, row.after))),
            Source::Drawn { sizes, operations, .. } => {
                // Any seed will do; a fixed one makes this a function of the scenario alone.
                let streams = Streams::new(1, 0);
                let mut kinds = Vec::new();
                operations.fill(&mut streams.named("contents.operations"), &mut kinds, DRAWS);
                let mut after = vec![0.0; DRAWS];
                sizes.after.fill(&mut streams.named("contents.sizes"), &mut after);
                let mut before = after.clone();
                if let Some(sampler) = &sizes.before {
                    sampler.fill(&mut streams.named("contents.sizes_before"), &mut before);
                }
                let in_range = |size: f64| (size as u32).clamp(sizes.min, sizes.max);
                let images = before.into_iter().zip(after);
                for (kind, (before, after)) in kinds.into_iter().zip(images) {
                    add(kind.images(in_range(before), in_range(after)));
                }
            }
        }
    }
    let of = |part: u64, whole: u64| if whole > 0 { part as f64 / whole as f64 } else { 0.0 };
    // Writes of nothing cost a unit and fill none of it; a unit is never overfull.
    (of(bytes, items), of(larger, units * 1_024).min(1.0))
}
