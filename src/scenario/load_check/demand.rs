//! What one producer asks of the pipeline.

use std::num::NonZeroU32;

use super::Load;
use super::course::Course;
use crate::engine::random::Streams;
use crate::engine::time::{Nanos, SECOND};
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
use crate::workload::trace::{Trace, TraceRow};

/// Writes drawn to estimate what one costs: mean sizes come out within 1 % for all but the heaviest tails.
pub(super) const DRAWS: usize = 1 << 16;

/// What one producer asks of the pipeline.
#[derive(Clone, Debug)]
pub(super) struct Demand<'a> {
    pub name: String,
    /// Number of its table.
    pub table: usize,
    flow: Flow<'a>,
    /// Sums over its writes: over drawn ones, or over the rows of its trace that the run plays.
    costs: Costs,
    rules: Rules<'a>,
    span: Nanos,
    /// How long the table keeps unused units.
    burst: Nanos,
    course: Course,
}

/// When the writes come, and to which items.
#[derive(Clone, Debug)]
enum Flow<'a> {
    /// Independently of what they cost.
    Drawn { arrivals: &'a ArrivalPlan, shares: KeyShares },
    /// Row by row, each with what it costs.
    Trace(&'a Trace),
}

/// By what a write's costs are counted.
#[derive(Clone, Copy, Debug)]
struct Rules<'a> {
    /// The feed, and the largest record that its stream takes.
    feed: Option<(&'a ReplicationPlan, u32)>,
    client: Option<&'a ClientPlan>,
}

/// What is counted of writes.
pub(super) type Count = fn(&Costs) -> u64;

/// Sums over writes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Costs {
    writes: u64,
    /// Changes of items.
    pub changes: u64,
    /// Those that carry both images.
    updates: u64,
    /// Bytes of the changed items, the larger image.
    item_bytes: u64,
    /// Write units.
    pub units: u64,
    /// Write units in an index that has all of every item.
    pub index_units: u64,
    /// Write units in an index that has the keys of every item.
    pub key_units: u64,
    /// Records that the stream takes.
    pub records: u64,
    /// Their bytes.
    pub record_bytes: u64,
}

impl Costs {
    /// Adds a write; of one that the table refuses (DDB-U10), only that it was made.
    fn add(&mut self, rules: Rules, kind: WriteKind, (before, after): (u32, u32)) {
        self.writes += 1;
        if before.max(after) > ITEM_BYTES_MAX {
            return;
        }
        let units = u64::from(write_units(before, after));
        let charged = rules.client.map_or(units, |client| client.units(kind, units));
        self.units += charged;
        let Some(operation) = kind.change() else { return };
        self.index_units += charged;
        self.key_units += u64::from(charged > 0 && kind != WriteKind::Modify);
        self.changes += 1;
        self.updates += u64::from(kind == WriteKind::Modify);
        self.item_bytes += u64::from(before.max(after));
        let Some((plan, largest)) = rules.feed else { return };
        let bytes = plan.record_bytes(operation, before, after);
        if bytes <= largest {
            self.records += 1;
            self.record_bytes += u64::from(bytes);
        }
    }

    fn add_row(&mut self, rules: Rules, row: &TraceRow) {
        self.add(rules, row.operation.into(), (row.before, row.after));
    }
}

impl<'a> Demand<'a> {
    /// The demands of all producers.
    pub fn all(scenario: &'a Scenario) -> Vec<Self> {
        (0..scenario.producers.len()).map(|producer| Self::of(scenario, producer)).collect()
    }

    /// The demand of a producer.
    fn of(scenario: &'a Scenario, producer: usize) -> Self {
        let plan = &scenario.producers[producer];
        let table = &scenario.tables[plan.table];
        let feed = table.replication.as_ref();
        let feed = feed.map(|feed| (feed, scenario.streams[feed.stream].record_bytes_max));
        let rules = Rules { feed, client: plan.client.as_deref() };
        let span = scenario.duration;
        let mut costs = Costs::default();
        let (flow, course) = match &plan.source {
            Source::Trace(trace) => {
                trace.within(0, span).iter().for_each(|row| costs.add_row(rules, row));
                (Flow::Trace(trace), Course::of(scenario, &ArrivalPlan::Trace(trace.clone())))
            }
            Source::Drawn { arrivals, keys, sizes, operations } => {
                of_draws((sizes, operations), rules, &mut costs);
                let shares = KeyShares::of(keys, operations);
                (Flow::Drawn { arrivals, shares }, Course::of(scenario, arrivals))
            }
        };
        let burst = table.throughput.capacity.window().max(SECOND);
        let (name, table) = (plan.name.clone(), plan.table);
        Self { name, table, flow, costs, rules, span, burst, course }
    }

    /// What comes a second of what `count` counts; the peak is over one second.
    pub fn load(&self, count: Count) -> Load {
        self.load_over(SECOND, count)
    }

    /// The same; the peak is over as long as the table keeps unused units.
    pub fn load_over_burst(&self, count: Count) -> Load {
        self.load_over(self.burst, count)
    }

    fn load_over(&self, window: Nanos, count: Count) -> Load {
        match &self.flow {
            Flow::Drawn { arrivals, .. } => self.drawn(arrivals, window, count),
            Flow::Trace(trace) => Load::sum(self.recorded(trace, window, count, 1, |_| 0)),
        }
    }

    /// What comes to each place, where `place` says for each key which one is its own; of keys without a share of their own
    /// each place gets its part of `even`.
    pub fn load_by_place(&self, count: Count, even: &[f64], place: impl Fn(u32) -> usize) -> Vec<Load> {
        match &self.flow {
            Flow::Drawn { arrivals, shares } => {
                let mut parts: Vec<f64> = even.iter().map(|part| shares.rest * part).collect();
                shares.single.iter().for_each(|(key, share)| parts[place(*key)] += share);
                let all = self.drawn(arrivals, SECOND, count);
                parts.into_iter().map(|part| all.times(part)).collect()
            }
            Flow::Trace(trace) => {
                let places: Vec<usize> = (0..trace.keys().len() as u32).map(place).collect();
                self.recorded(trace, SECOND, count, even.len(), |key| places[key as usize])
            }
        }
    }

    /// The items among which the busiest one is: that with the largest share, or all of a trace.
    pub fn busy_items(&self, count: Count) -> Vec<(u32, Load)> {
        match &self.flow {
            Flow::Drawn { arrivals, shares } => {
                let largest = shares.single.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a });
                let load = |(key, share)| (key, self.drawn(arrivals, SECOND, count).times(share));
                largest.map(load).into_iter().collect()
            }
            Flow::Trace(trace) => {
                let loads = self.recorded(trace, SECOND, count, trace.keys().len(), |key| key as usize);
                (0..).zip(loads).collect()
            }
        }
    }

    fn drawn(&self, arrivals: &ArrivalPlan, window: Nanos, count: Count) -> Load {
        let (mean, peak) = (arrivals.mean_rate(0, self.span), arrivals.peak_rate(0, self.span, window));
        Load { mean, peak }.times(count(&self.costs) as f64 / self.costs.writes.max(1) as f64)
    }

    fn recorded(
        &self,
        trace: &Trace,
        window: Nanos,
        count: Count,
        places: usize,
        place: impl Fn(u32) -> usize,
    ) -> Vec<Load> {
        let of_row = |row: &TraceRow| {
            let mut costs = Costs::default();
            costs.add_row(self.rules, row);
            (place(row.key), count(&costs))
        };
        Load::of_rows(trace, self.span, window, places, of_row)
    }

    /// What comes to each shard of its stream, by hashing its keys.
    pub fn load_by_shard(&self, scenario: &Scenario, feed: &ReplicationPlan, count: Count) -> Vec<Load> {
        let shards = NonZeroU32::new(scenario.streams[feed.stream].shards).unwrap_or(NonZeroU32::MIN);
        let ranges = HashRanges::even(shards);
        let names = scenario.key_names(self.table);
        let even = vec![1.0 / f64::from(shards.get()); shards.get() as usize];
        self.load_by_place(count, &even, |key| {
            let mut buffer = KeyBuffer::default();
            ranges.index_of(feed.hash_key(names.write(feed.stands_for(key), &mut buffer)))
        })
    }

    /// Share of the changes that carry both images.
    pub fn updates(&self) -> f64 {
        self.costs.updates as f64 / self.costs.changes.max(1) as f64
    }

    /// Mean bytes of a changed item, the larger image.
    pub fn item_bytes(&self) -> f64 {
        self.costs.item_bytes as f64 / self.costs.changes.max(1) as f64
    }

    /// What about it deserves a thought.
    pub fn warnings(&self, scenario: &Scenario) -> Vec<String> {
        let mut warnings = Vec::new();
        let name = &self.name;
        let Costs { changes, records, .. } = self.costs;
        if self.rules.feed.is_some() && records < changes {
            let percent = 100.0 * (changes - records) as f64 / changes as f64;
            warnings.push(format!(
                "About {percent:.3} % of the records of workload.{name} are larger than their stream takes, and will be \
                 skipped (KDC-J12)."
            ));
        }
        warnings.extend(self.course.warnings(scenario, name));
        warnings
    }
}

fn of_draws((sizes, operations): (&SizePlan, &OperationMix), rules: Rules, costs: &mut Costs) {
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
        costs.add(rules, kind, kind.images(bytes(before), bytes(after)));
    }
}
