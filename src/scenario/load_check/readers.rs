//! What all readers of a shard together ask of it, against what it gives them.

use super::{Load, LoadCheck, ShardLoads, fleets, hottest};
use crate::engine::time::{Nanos, SECOND};
use crate::scenario::checked::Scenario;
use crate::scenario::path::Path;
use crate::systems::kinesis::plan::StreamPlan;
use crate::systems::kinesis::read_limit::{BYTES_PER_SECOND, CALLS_PER_SECOND};
use crate::systems::lambda::mapping::Via;

const CALLS: &str = "GetRecords calls/s a shard";

/// The clocks of all that poll a stream: the time between two calls on one shard, of each.
fn clocks(scenario: &Scenario, stream: usize) -> Vec<Nanos> {
    let consumers = scenario.consumers.iter().map(|plan| (plan.stream, plan.polls.interval));
    let functions = scenario.lambdas.iter().filter_map(|plan| match &plan.via {
        Via::Shared(polls) => Some((plan.stream, polls.interval)),
        Via::FanOut(_) => None,
    });
    let fleets = scenario.fleets.iter().filter_map(|plan| Some((plan.stream, fleets::interval(plan)?)));
    let deliveries = scenario.deliveries.iter();
    let deliveries = deliveries.filter_map(|plan| Some((plan.stream, plan.polls()?.interval)));
    let all = consumers.chain(functions).chain(fleets).chain(deliveries);
    all.filter(|(reads, _)| *reads == stream).map(|(_, interval)| interval).collect()
}

/// Calls a second that these clocks make on each shard, as long as none is refused.
fn calls(clocks: &[Nanos]) -> Load {
    let calls = clocks.iter().map(|interval| SECOND as f64 / *interval as f64).sum();
    Load { mean: calls, peak: calls }
}

impl LoadCheck {
    /// Calls and bytes that the readers of a Kinesis stream take together (KDS-R1).
    pub(super) fn readers(
        &mut self,
        scenario: &Scenario,
        number: usize,
        plan: &StreamPlan,
        loads: &ShardLoads,
    ) {
        let path = Path::ROOT.key("kinesis").key(&plan.name);
        let clocks = clocks(scenario, number);
        if clocks.is_empty() {
            return;
        }
        if plan.limit_calls {
            self.row(&path.key("readers"), "KDS-R1", CALLS, calls(&clocks), CALLS_PER_SECOND as f64);
        }
        let (hottest, load) = hottest(&loads.bytes);
        let mut read = Load::default();
        read.add(load, clocks.len() as f64);
        let path = path.key("shards").index(hottest).key("readers");
        self.row(&path, "KDS-R1", "B/s read", read, BYTES_PER_SECOND as f64);
    }

    /// Calls that the readers of tables' streams make together (OPEN-3). What they read depends on the run.
    pub(super) fn readers_of_tables(&mut self, scenario: &Scenario) {
        for table in &scenario.tables {
            let Some(plan) = &table.streams else { continue };
            let clocks = clocks(scenario, plan.stream);
            if !clocks.is_empty() {
                let path = Path::ROOT.key("tables").key(&table.name).key("streams").key("readers");
                self.row(&path, "OPEN-3", CALLS, calls(&clocks), plan.calls_per_second as f64);
            }
        }
    }
}
