//! What all readers of a shard together ask of it, against what it gives them.

use super::callers::{self, Caller};
use super::{Load, LoadCheck, ShardLoads, hottest};
use crate::scenario::checked::Scenario;
use crate::scenario::path::Path;
use crate::systems::dynamodb::streams::READERS_MAX;
use crate::systems::kinesis::plan::StreamPlan;
use crate::systems::kinesis::read_limit::{BYTES_PER_SECOND, CALLS_PER_SECOND};

const CALLS: &str = "GetRecords calls/s a shard";

/// Calls a second that they make on each shard, as long as none is refused.
fn calls(callers: &[Caller]) -> Load {
    let calls = callers.iter().map(|caller| caller.calls).sum();
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
        let callers = callers::of(scenario, number);
        if callers.is_empty() {
            return;
        }
        if plan.limit_calls {
            self.warnings.extend(callers::warning(&path, &callers, CALLS_PER_SECOND, "KDS-R1"));
            self.row(&path.key("readers"), "KDS-R1", CALLS, calls(&callers), CALLS_PER_SECOND as f64);
        }
        let read: Vec<Load> = loads.bytes.iter().map(|load| load.times(callers.len() as f64)).collect();
        let (hottest, read) = hottest(&read, BYTES_PER_SECOND as f64);
        let path = path.key("shards").index(hottest).key("readers");
        self.row(&path, "KDS-R1", "B/s read", read, BYTES_PER_SECOND as f64);
    }

    /// Calls that the readers of tables' streams make together (OPEN-3). What they read depends on the run.
    pub(super) fn readers_of_tables(&mut self, scenario: &Scenario) {
        for table in &scenario.tables {
            let Some(plan) = &table.streams else { continue };
            let callers = callers::of(scenario, plan.stream);
            if !callers.is_empty() {
                let path = Path::ROOT.key("tables").key(&table.name).key("streams");
                let refused = callers::warning(&path, &callers, plan.calls_per_second, "OPEN-3");
                self.warnings.extend(refused.map(|said| format!("{said}{}", assumed(&path, &callers))));
                self.row(
                    &path.key("readers"),
                    "OPEN-3",
                    CALLS,
                    calls(&callers),
                    plan.calls_per_second as f64,
                );
            }
        }
    }
}

/// What there is to say of a limit that AWS does not publish, where no more read than a shard is made for (DDS-R1).
fn assumed(path: &Path, callers: &[Caller]) -> String {
    if callers.len() > READERS_MAX {
        return String::new();
    }
    format!(
        " AWS makes a shard for two such readers (DDS-R1) and publishes no limit on their calls: this one is assumed, and \
         `{path}.limits.get_records_calls` sets another."
    )
}
