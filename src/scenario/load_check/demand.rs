//! What one producer asks of the pipeline.

use std::num::NonZeroU32;

use super::Load;
use super::course::Course;
use crate::engine::random::Streams;
use crate::engine::time::SECOND;
use crate::scenario::checked::Scenario;
use crate::systems::dynamodb::replication::ReplicationPlan;
use crate::systems::dynamodb::table::{ITEM_BYTES_MAX, write_units};
use crate::systems::kinesis::hash_range::HashRanges;
use crate::workload::arrivals::ArrivalPlan;
use crate::workload::client::ClientPlan;
use crate::workload::key_name::KeyBuffer;
use crate::workload::key_shares::KeyShares;
use crate::workload::operation::{OperationMix, WriteKind};
use crate::workload::producer::{SizePlan, Source};
use crate::workload::trace::Trace;

/// Writes drawn to estimate what one costs: mean sizes come out within 1 % for all but the heaviest tails.
pub(super) const DRAWS: usize = 1 << 16;

/// What one producer asks of the pipeline.
#[derive(Clone, Debug)]
pub(super) struct Demand {
    pub name: String,
    /// Number of its table.
    pub table: usize,
    /// Writes a second; the peak is over one second.
    pub writes: Load,
    /// Writes a second; the peak is over as long as the table keeps unused units.
    pub writes_over_burst: Load,
    /// Write units a write.
    pub units: f64,
    /// Write units a write in an index that has all of every item.
    pub index_units: f64,
    /// Write units a write in an index that has the keys of every item.
    pub key_units: f64,
    /// Bytes of a record that the stream takes.
    pub record_bytes: f64,
    /// Records that the stream takes, a write.
    pub records: f64,
    /// Changes of items, a write.
    pub changes: f64,
    /// Share of the changes that carry both images.
    pub updates: f64,
    /// Mean bytes of a changed item, the larger image.
    pub item_bytes: f64,
    /// Share of accepted writes whose records are larger than the stream takes.
    too_large: f64,
    pub shares: KeyShares,
    course: Course,
}

/// Sums over writes.
#[derive(Default)]
struct Costs {
    writes: u64,
    changes: u64,
    updates: u64,
    item_bytes: u64,
    units: u64,
    index_units: u64,
    key_units: u64,
    records: u64,
    record_bytes: u64,
}

impl Costs {
    /// Adds a write; `feed` has the largest record that its stream takes.
    fn add(
        &mut self,
        feed: Option<(&ReplicationPlan, u32)>,
        client: Option<&ClientPlan>,
        kind: WriteKind,
        (before, after): (u32, u32),
    ) {
        self.writes += 1;
        if before.max(after) > ITEM_BYTES_MAX {
            return;
        }
        let units = u64::from(write_units(before, after));
        let charged = client.map_or(units, |client| client.units(kind, units));
        self.units += charged;
        let Some(operation) = kind.change() else { return };
        self.index_units += charged;
        self.key_units += u64::from(charged > 0 && kind != WriteKind::Modify);
        self.changes += 1;
        self.updates += u64::from(kind == WriteKind::Modify);
        self.item_bytes += u64::from(before.max(after));
        let Some((plan, largest)) = feed else { return };
        let bytes = plan.record_bytes(operation, before, after);
        if bytes <= largest {
            self.records += 1;
            self.record_bytes += u64::from(bytes);
        }
    }
}

impl Demand {
    /// The demand of a producer.
    pub fn of(scenario: &Scenario, producer: usize) -> Self {
        let plan = &scenario.producers[producer];
        let table = &scenario.tables[plan.table];
        let feed = table.replication.as_ref();
        let feed = feed.map(|feed| (feed, scenario.streams[feed.stream].record_bytes_max));
        let client = plan.client.as_deref();
        let mut costs = Costs::default();
        let (arrivals, shares) = match &plan.source {
            Source::Trace(trace) => {
                of_trace(trace, feed, client, &mut costs);
                (ArrivalPlan::Trace(trace.clone()), KeyShares::of_trace(trace))
            }
            Source::Drawn { arrivals, keys, sizes, operations } => {
                of_draws((sizes, operations), feed, client, &mut costs);
                (arrivals.clone(), KeyShares::of(keys, operations))
            }
        };
        let span = scenario.duration;
        let load =
            |window| Load { mean: arrivals.mean_rate(0, span), peak: arrivals.peak_rate(0, span, window) };
        let writes = costs.writes.max(1) as f64;
        Self {
            name: plan.name.clone(),
            table: plan.table,
            writes: load(SECOND),
            writes_over_burst: load(table.throughput.capacity.window().max(SECOND)),
            units: costs.units as f64 / writes,
            index_units: costs.index_units as f64 / writes,
            key_units: costs.key_units as f64 / writes,
            record_bytes: costs.record_bytes as f64 / costs.records.max(1) as f64,
            records: costs.records as f64 / writes,
            changes: costs.changes as f64 / writes,
            updates: costs.updates as f64 / costs.changes.max(1) as f64,
            item_bytes: costs.item_bytes as f64 / costs.changes.max(1) as f64,
            too_large: match feed {
                Some(_) => 1.0 - costs.records as f64 / costs.changes.max(1) as f64,
                None => 0.0,
            },
            shares,
            course: Course::of(scenario, &arrivals),
        }
    }

    /// The share of its records that each shard of its stream gets, by hashing its keys.
    pub fn shard_shares(&self, scenario: &Scenario, feed: &ReplicationPlan) -> Vec<f64> {
        let shards = NonZeroU32::new(scenario.streams[feed.stream].shards).unwrap_or(NonZeroU32::MIN);
        let ranges = HashRanges::even(shards);
        let mut shares = vec![self.shares.rest / f64::from(shards.get()); shards.get() as usize];
        let names = scenario.key_names(self.table);
        let mut buffer = KeyBuffer::default();
        for (key, share) in &self.shares.single {
            let hash = feed.hash_key(names.write(feed.stands_for(*key), &mut buffer));
            shares[ranges.index_of(hash)] += share;
        }
        shares
    }

    /// What about it deserves a thought.
    pub fn warnings(&self, scenario: &Scenario) -> Vec<String> {
        let mut warnings = Vec::new();
        let name = &self.name;
        if self.too_large > 0.0 {
            let percent = 100.0 * self.too_large;
            warnings.push(format!(
                "About {percent:.3} % of the records of workload.{name} are larger than their stream takes, and will be \
                 skipped (KDC-J12)."
            ));
        }
        warnings.extend(self.course.warnings(scenario, name));
        warnings
    }
}

fn of_trace(
    trace: &Trace,
    feed: Option<(&ReplicationPlan, u32)>,
    client: Option<&ClientPlan>,
    costs: &mut Costs,
) {
    for row in trace.rows() {
        costs.add(feed, client, row.operation.into(), (row.before, row.after));
    }
}

fn of_draws(
    (sizes, operations): (&SizePlan, &OperationMix),
    feed: Option<(&ReplicationPlan, u32)>,
    client: Option<&ClientPlan>,
    costs: &mut Costs,
) {
    // Any seed will do; a fixed one makes the check a function of the scenario alone.
    let streams = Streams::new(1, 0);
    let (mut after, mut before) = (vec![0.0; DRAWS], vec![0.0; DRAWS]);
    sizes.after.fill(&mut streams.named("check.sizes"), &mut after);
    match &sizes.before {
        Some(sampler) => sampler.fill(&mut streams.named("check.sizes_before"), &mut before),
        None => before.clone_from(&after),
    }
    let mut drawn = Vec::new();
    operations.fill(&mut streams.named("check.operations"), &mut drawn, DRAWS);
    let bytes = |size: f64| (size as u32).clamp(sizes.min, sizes.max);
    for (kind, (before, after)) in drawn.into_iter().zip(before.into_iter().zip(after)) {
        costs.add(feed, client, kind, kind.images(bytes(before), bytes(after)));
    }
}
