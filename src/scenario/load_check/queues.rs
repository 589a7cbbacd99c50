//! What is sent to queues, against the calls that a FIFO queue takes (SQS-2) and against what the functions that read them do.

use super::demand::Demand;
use super::{Load, LoadCheck, ShardLoads};
use crate::engine::time::SECOND;
use crate::scenario::checked::{QueueUse, Scenario};
use crate::scenario::path::Path;
use crate::systems::lambda::mapping::LambdaPlan;
use crate::systems::sink::SinkPlan;
use crate::systems::sqs::consumer::QueueConsumerPlan;
use crate::systems::sqs::requests::BATCH_MAX;

impl LoadCheck {
    /// Checks each queue, whose senders fill their calls where they are late.
    pub(super) fn queues(&mut self, scenario: &Scenario, shards: &[ShardLoads], demands: &[Demand]) {
        for (number, queue) in scenario.queues.iter().enumerate() {
            let (mut sent, mut of_item) = (Load::default(), Load::default());
            for plan in &scenario.lambdas {
                let times = plan.function.sends_to.iter().filter(|send| send.queue == number).count();
                let passes = plan.mapping.filter_passes.unwrap_or(1.0);
                sent.add(records(scenario, plan, shards, demands), passes * times as f64);
                of_item.add(hottest_item(scenario, plan, demands), passes * times as f64);
            }
            let path = Path::ROOT.key("sqs").key(&queue.name);
            if let Some(calls) = queue.queue.fifo {
                let allowed = calls as f64 * BATCH_MAX as f64;
                self.row(&path, "SQS-2", "messages/s, ten a call", sent, allowed);
            }
            if let Some(consumer) = &queue.consumer {
                self.queue_reader(scenario, queue, consumer, (sent, of_item));
            }
        }
    }

    /// The function that reads a queue: batches that it runs at once. One that is late finds full batches, so that is what each
    /// invocation then costs.
    fn queue_reader(
        &mut self,
        scenario: &Scenario,
        queue: &QueueUse,
        plan: &QueueConsumerPlan,
        (sent, of_item): (Load, Load),
    ) {
        let path = Path::ROOT.key("consumers").key(&plan.name);
        let busy = |records: Load| {
            let mut busy = Load::default();
            busy.add(records, seconds_a_message(plan));
            busy
        };
        let account = scenario.account.concurrency.saturating_sub(scenario.account.others);
        let of_function = plan.function.reserved.unwrap_or(account);
        let most = plan.concurrency_max.unwrap_or(of_function).min(of_function);
        self.row(&path, "LAM-C6", "batches at once", busy(sent), f64::from(most));
        if queue.queue.fifo.is_some() {
            // Messages of one item are in one batch at a time.
            self.row(&path.key("groups"), "SQS-6", "batches at once", busy(of_item), 1.0);
        }
    }
}

/// How long a full batch takes its poller (LAM-L4), by message, seconds.
fn seconds_a_message(plan: &QueueConsumerPlan) -> f64 {
    let function = &plan.function;
    let calls = function
        .sink
        .iter()
        .chain(function.sends_to.iter().map(|send| &send.calls))
        .map(SinkPlan::time_per_record);
    let own =
        function.per_record as f64 + (function.base + plan.turnaround) as f64 / f64::from(plan.batch_size);
    (own + calls.sum::<f64>()) / SECOND as f64
}

/// Records a second of the item that is written most, on the whole and within a second, among those that a mapping reads.
fn hottest_item(scenario: &Scenario, plan: &LambdaPlan, demands: &[Demand]) -> Load {
    let of_table = scenario.table_of_stream(plan.stream).map(|(table, _)| table);
    let feeds = |demand: &&Demand| {
        let feed = scenario.tables[demand.table].replication.as_ref();
        of_table == Some(demand.table) || feed.is_some_and(|feed| feed.stream == plan.stream)
    };
    let items = demands.iter().filter(feeds).flat_map(|demand| demand.busy_items(|costs| costs.changes));
    items.fold(Load::default(), |most, (_, load)| Load {
        mean: most.mean.max(load.mean),
        peak: most.peak.max(load.peak),
    })
}

/// Records a second that a mapping reads.
fn records(scenario: &Scenario, plan: &LambdaPlan, shards: &[ShardLoads], demands: &[Demand]) -> Load {
    if let Some(loads) = shards.get(plan.stream) {
        return loads.all_records;
    }
    let table = scenario.table_of_stream(plan.stream).map(|(table, _)| table);
    let mut sum = Load::default();
    for demand in demands.iter().filter(|demand| Some(demand.table) == table) {
        sum.add(demand.load(|costs| costs.changes), 1.0);
    }
    sum
}
