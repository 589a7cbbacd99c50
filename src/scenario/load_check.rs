//! The load of a scenario against every limit, computed without simulating.
//!
//! Rates are expectations: of a Poisson process the peak is the highest expected rate, which single seconds exceed
//! by chance; of a trace, means and peaks are counted row by row. Retries are left out, for within the limits there are
//! none. Peaks of several producers, and of shards that one reader has, are added as if they came together.

mod callers;
mod course;
mod demand;
mod direct;
mod direct_put;
pub mod estimates;
mod fleets;
mod queues;
mod readers;
mod tables;

use schemars::JsonSchema;
use serde::Serialize;

use super::checked::Scenario;
use super::path::Path;
use crate::engine::time::{Nanos, SECOND};
use crate::systems::dynamodb::replication::Chance;
use crate::systems::kinesis::past::PastShard;
use crate::systems::kinesis::plan::StreamPlan;
use crate::systems::kinesis::shard::{WRITE_BYTES_PER_SECOND, WRITE_RECORDS_PER_SECOND};
use crate::systems::lambda::mapping::LambdaPlan;
use crate::systems::polling::PollingPlan;
use crate::systems::sink::SinkPlan;
use crate::workload::trace::{RowRate, Trace, TraceRow};
use demand::{Count, Demand};
use direct::Direct;

/// From this share of a limit on a load counts as tight.
const TIGHT: f64 = 0.8;
/// Write units that one partition takes (DDB-P1), more than one item can ever get (DDB-P8).
const PARTITION_UNITS: f64 = 1_000.0;

/// How a load stands to its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// At most 80 % of it, peaks included.
    Fine,
    /// Peaks take more than 80 % of it.
    Tight,
    /// Peaks are above it, the mean is not.
    PeakAbove,
    /// The mean is above it: there is no steady state.
    Overloaded,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Fine => "fine",
            Self::Tight => "tight",
            Self::PeakAbove => "peak above",
            Self::Overloaded => "overloaded",
        })
    }
}

/// One load and its limit.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct LoadRow {
    /// What is loaded, such as `tables.orders` or `kinesis.changes.shards[3]`.
    pub path: String,
    /// Fact id of the limit.
    pub limit: String,
    /// Unit of the figures.
    pub unit: String,
    /// Mean over the duration.
    pub mean: f64,
    /// Highest mean over one second; of a table, over as long as it keeps unused units (DDB-P6).
    pub peak: f64,
    /// Highest mean over one second, also of a table: what is above its limit lives on saved units.
    pub peak_second: f64,
    /// The limit.
    pub allowed: f64,
    /// How they stand to each other.
    pub verdict: Verdict,
}

/// All loads of a scenario.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct LoadCheck {
    /// Loads, from tables to consumers.
    pub rows: Vec<LoadRow>,
    /// Shards for each feed by AWS's own formulas.
    pub shard_estimates: Vec<estimates::ShardEstimate>,
    /// What items of mean size and their records come to.
    pub items: Vec<estimates::ItemRow>,
    /// What else deserves a thought; whole sentences.
    pub warnings: Vec<String>,
}

/// A load: mean and peak.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Load {
    mean: f64,
    peak: f64,
}

impl Load {
    fn add(&mut self, other: Self, factor: f64) {
        self.mean += other.mean * factor;
        self.peak += other.peak * factor;
    }

    fn times(self, factor: f64) -> Self {
        Self { mean: self.mean * factor, peak: self.peak * factor }
    }

    /// What the rows of a trace that the run plays bring to each of so many places; see [`Trace::rates`].
    fn of_rows(
        trace: &Trace,
        span: Nanos,
        window: Nanos,
        places: usize,
        of: impl Fn(&TraceRow) -> (usize, u64),
    ) -> Vec<Self> {
        let rates = trace.rates((0, span), window, places, of);
        rates.into_iter().map(|RowRate { mean, peak }| Self { mean, peak }).collect()
    }

    fn sum(loads: impl IntoIterator<Item = Self>) -> Self {
        let mut sum = Self::default();
        loads.into_iter().for_each(|load| sum.add(load, 1.0));
        sum
    }
}

/// Load of the shards of one stream.
#[derive(Clone, Debug)]
struct ShardLoads {
    records: Vec<Load>,
    bytes: Vec<Load>,
    /// Records of all shards, which have their peaks at different times where a trace is played.
    all_records: Load,
    /// Bytes of all shards.
    all_bytes: Load,
}

impl LoadCheck {
    /// Checks a scenario.
    pub fn of(scenario: &Scenario) -> Self {
        let demands = Demand::all(scenario);
        let mut check = Self::default();
        check.tables(scenario, &demands);
        let mut shards = shard_loads(scenario, &demands);
        for plan in &scenario.direct {
            let direct = Direct::of(scenario, plan);
            match shards.get_mut(plan.stream) {
                Some(shards) => direct.add_to(shards),
                None => check.direct_put(scenario, plan.stream, &direct),
            }
            check.warnings.extend(direct.warnings(scenario));
        }
        for (number, (plan, loads)) in scenario.streams.iter().zip(&shards).enumerate() {
            check.stream(plan, loads);
            check.readers(scenario, number, plan, loads);
        }
        check.readers_of_tables(scenario);
        // The shards of a table's stream take what its partitions take, which depends on the run.
        for plan in scenario.consumers.iter().filter(|plan| plan.stream < scenario.streams.len()) {
            check.consumer(plan, &shards[plan.stream]);
        }
        for plan in scenario.lambdas.iter().filter(|plan| plan.stream < scenario.streams.len()) {
            check.function(plan, &shards[plan.stream]);
        }
        for plan in scenario.fleets.iter().filter(|plan| plan.stream < scenario.streams.len()) {
            check.fleet(plan, &shards[plan.stream]);
        }
        check.warn(scenario, &demands);
        check.deliveries(scenario, &shards);
        check.queries(scenario);
        check.queues(scenario, &shards, &demands);
        check.shard_estimates = estimates::shards(scenario, &demands);
        check.items = estimates::items(scenario, &demands);
        check
    }

    /// The limits that the mean load exceeds, in words; with any, there is no steady state.
    pub fn overloaded(&self) -> Vec<String> {
        let over = self.rows.iter().filter(|row| row.verdict == Verdict::Overloaded);
        over.map(|row| format!("{} ({}, {})", row.path, row.unit, row.limit)).collect()
    }

    fn row(&mut self, path: &Path, limit: &str, unit: &str, load: Load, allowed: f64) {
        let verdict = match load {
            Load { mean, .. } if mean > allowed => Verdict::Overloaded,
            Load { peak, .. } if peak > allowed => Verdict::PeakAbove,
            Load { peak, .. } if peak > TIGHT * allowed => Verdict::Tight,
            _ => Verdict::Fine,
        };
        let Load { mean, peak } = load;
        let (path, limit, unit) = (path.to_string(), limit.to_owned(), unit.to_owned());
        self.rows.push(LoadRow { path, limit, unit, mean, peak, peak_second: peak, allowed, verdict });
    }

    fn stream(&mut self, plan: &StreamPlan, loads: &ShardLoads) {
        let path = Path::ROOT.key("kinesis").key(&plan.name);
        let shards = f64::from(plan.shards);
        for (unit, load, loads, limit) in [
            ("records/s", loads.all_records, &loads.records, WRITE_RECORDS_PER_SECOND as f64),
            ("B/s", loads.all_bytes, &loads.bytes, WRITE_BYTES_PER_SECOND as f64),
        ] {
            if plan.capacity.is_on_demand() {
                self.on_demand(&path, unit, load, limit, plan);
            } else {
                self.row(&path, "KDS-W1", unit, load, limit * shards);
            }
            let (hottest, load) = hottest(loads, limit);
            self.row(&path.key("shards").index(hottest), "KDS-W1", unit, load, limit);
        }
    }

    /// What an on-demand stream takes from the start, and what it can grow to. Load above the first is throttled until the
    /// shards are split (KDS-O3); only load above the second, or above one shard by one key (KDS-O5), has no steady state.
    fn on_demand(&mut self, path: &Path, unit: &str, load: Load, limit: f64, plan: &StreamPlan) {
        self.row(path, "KDS-O2", unit, load, limit * f64::from(plan.shards));
        if let Some(row) = self.rows.last_mut().filter(|row| row.verdict == Verdict::Overloaded) {
            row.verdict = Verdict::PeakAbove;
        }
        let most = f64::from(plan.capacity.on_demand_shards_max);
        self.row(&path.key("capacity").key("on_demand"), "KDS-O6", unit, load, limit * most);
    }

    /// A function that is late finds full batches, so that is what each invocation then costs.
    fn function(&mut self, plan: &LambdaPlan, all: &ShardLoads) {
        let path = Path::ROOT.key("consumers").key(&plan.name);
        let (function, passes) = (&plan.function, plan.mapping.filter_passes.unwrap_or(1.0));
        let per_record = function.per_record as f64
            + (function.base + plan.mapping.batching.turnaround) as f64
                / f64::from(plan.mapping.batching.size)
            + function.sink.as_ref().map_or(0.0, SinkPlan::time_per_record);
        let busy = |records: &Load| {
            let mut busy = Load::default();
            busy.add(*records, passes * per_record / SECOND as f64);
            busy
        };
        let loads: Vec<Load> = all.records.iter().map(busy).collect();
        let factor = f64::from(plan.mapping.factor);
        let (shard, most) = hottest(&loads, factor);
        self.row(&path.key("shards").index(shard), "LAM-C1", "batches at once", most, factor);
        self.sink(&path, function.sink.as_ref(), all, passes);
    }

    /// The sink of the consumer at a path, which gets this share of the records.
    fn sink(&mut self, path: &Path, sink: Option<&SinkPlan>, loads: &ShardLoads, passes: f64) {
        if let Some(limit) = sink.and_then(SinkPlan::limit) {
            self.row(&path.key("sink"), "OWN-41", "records/s", loads.all_records.times(passes), limit);
        }
    }

    fn consumer(&mut self, plan: &PollingPlan, loads: &ShardLoads) {
        let path = Path::ROOT.key("consumers").key(&plan.name);
        let per_poll = f64::from(plan.batch_size) * SECOND as f64 / plan.polls.interval as f64;
        let (_, most) = hottest(&loads.records, per_poll);
        self.row(&path, "KDS-R2", "records/s of a shard", most, per_poll);
        // A worker that is late finds full batches, so that is what each call then costs.
        let per_record = plan.per_record as f64
            + plan.per_batch as f64 / f64::from(plan.batch_size)
            + plan.sink.as_ref().map_or(0.0, SinkPlan::time_per_record);
        self.sink(&path, plan.sink.as_ref(), loads, 1.0);
        if per_record > 0.0 {
            let mut workers = vec![Load::default(); plan.workers as usize];
            for (shard, records) in loads.records.iter().enumerate() {
                workers[shard % plan.workers as usize].add(*records, per_record / SECOND as f64);
            }
            let (worker, busy) = hottest(&workers, 1.0);
            self.row(&path.key("workers").index(worker), "OWN-2", "share of its time", busy, 1.0);
        }
    }

    fn warn(&mut self, scenario: &Scenario, demands: &[Demand]) {
        for demand in demands {
            self.warnings.extend(demand.warnings(scenario));
            let items = demand.busy_items(|costs| costs.units);
            let hottest = items.into_iter().map(|(_, load)| load.mean).fold(0.0, f64::max);
            if hottest > PARTITION_UNITS {
                let name = &demand.name;
                self.warnings.push(format!(
                    "The hottest item of workload.{name} takes {hottest:.0} write units a second; a partition takes 1000 \
                     (DDB-P1), and an item is never on two (DDB-P8)."
                ));
            }
        }
    }
}

/// The load that stands worst to the limit of each: the largest mean above it, or else the largest peak.
fn hottest(loads: &[Load], allowed: f64) -> (usize, Load) {
    let heat = |load: Load| (if load.mean > allowed { load.mean } else { 0.0 }, load.peak, load.mean);
    let hotter = |a: (usize, Load), b: (usize, Load)| if heat(b.1) > heat(a.1) { b } else { a };
    let loads = loads.iter().copied().enumerate();
    loads.reduce(hotter).unwrap_or_default()
}

/// States what each shard of a stream with a history took before the run: the mean load of the run, shard by shard, and
/// not more than a shard takes (KDS-W1).
pub(super) fn fill_histories(scenario: &mut Scenario) {
    if scenario.streams.iter().all(|stream| stream.history.is_none()) {
        return;
    }
    let demands = Demand::all(scenario);
    let mut loads = shard_loads(scenario, &demands);
    let mut packed: Vec<Vec<f64>> = loads.iter().map(|loads| vec![0.0; loads.records.len()]).collect();
    for plan in &scenario.direct {
        let direct = Direct::of(scenario, plan);
        if let (Some(loads), Some(packed)) = (loads.get_mut(plan.stream), packed.get_mut(plan.stream)) {
            direct.add_to(loads);
            direct.add_packed(packed);
        }
    }
    for (stream, (loads, packed)) in scenario.streams.iter_mut().zip(loads.iter().zip(&packed)) {
        let Some(history) = &mut stream.history else { continue };
        let seconds = history.span as f64 / SECOND as f64;
        let shard = |((records, bytes), packed): ((&Load, &Load), &f64)| {
            let size = if records.mean > 0.0 { bytes.mean / records.mean } else { 0.0 };
            let rate = records.mean.min(WRITE_RECORDS_PER_SECOND as f64);
            let rate = rate.min(WRITE_BYTES_PER_SECOND as f64 / size.max(1.0));
            // Users' records of an aggregate are records of their own to whoever reads them.
            let members = 1.0 + packed / records.mean.max(f64::MIN_POSITIVE);
            PastShard { records: (rate * members * seconds) as u64, bytes: (size / members) as u32 }
        };
        history.shards = loads.records.iter().zip(&loads.bytes).zip(packed).map(shard).collect();
    }
}

fn shard_loads(scenario: &Scenario, demands: &[Demand]) -> Vec<ShardLoads> {
    let empty = |plan: &StreamPlan| {
        let none = vec![Load::default(); plan.shards as usize];
        let (all_records, all_bytes) = <(Load, Load)>::default();
        ShardLoads { records: none.clone(), bytes: none, all_records, all_bytes }
    };
    let mut streams: Vec<ShardLoads> = scenario.streams.iter().map(empty).collect();
    for demand in demands {
        let Some(feed) = &scenario.tables[demand.table].replication else { continue };
        let copies = 1.0 + feed.duplicates.as_ref().map_or(0.0, |Chance { probability, .. }| *probability);
        let ShardLoads { records, bytes, all_records, all_bytes } = &mut streams[feed.stream];
        let counts: [(_, _, Count); 2] =
            [(records, all_records, |costs| costs.records), (bytes, all_bytes, |costs| costs.record_bytes)];
        for (loads, all, count) in counts {
            all.add(demand.load(count), copies);
            let more = demand.load_by_shard(scenario, feed, count);
            loads.iter_mut().zip(more).for_each(|(load, more)| load.add(more, copies));
        }
    }
    streams
}

#[cfg(test)]
mod tests;
