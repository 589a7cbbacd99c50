//! What is sent to FIFO queues, which take so many calls a second (SQS-2).

use super::demand::Demand;
use super::{Load, LoadCheck, ShardLoads};
use crate::scenario::checked::Scenario;
use crate::scenario::path::Path;
use crate::systems::lambda::mapping::LambdaPlan;
use crate::systems::sqs::requests::BATCH_MAX;

impl LoadCheck {
    /// Checks each FIFO queue, whose senders fill their calls where they are late.
    pub(super) fn queues(&mut self, scenario: &Scenario, shards: &[ShardLoads], demands: &[Demand]) {
        for (number, queue) in scenario.queues.iter().enumerate() {
            let Some(calls) = queue.queue.fifo else { continue };
            let mut sent = Load::default();
            for plan in &scenario.lambdas {
                let times = plan.function.sends_to.iter().filter(|send| send.queue == number).count();
                let passes = plan.mapping.filter_passes.unwrap_or(1.0);
                sent.add(records(scenario, plan, shards, demands), passes * times as f64);
            }
            let path = Path::ROOT.key("sqs").key(&queue.name);
            let allowed = calls as f64 * BATCH_MAX as f64;
            self.row(&path, "SQS-2", "messages/s, ten a call", sent, allowed);
        }
    }
}

/// Records a second that a mapping reads.
fn records(scenario: &Scenario, plan: &LambdaPlan, shards: &[ShardLoads], demands: &[Demand]) -> Load {
    if let Some(loads) = shards.get(plan.stream) {
        return Load::sum(loads.records.iter().copied());
    }
    let table = scenario.table_of_stream(plan.stream).map(|(table, _)| table);
    let mut sum = Load::default();
    for demand in demands.iter().filter(|demand| Some(demand.table) == table) {
        sum.add(demand.writes, demand.changes);
    }
    sum
}
