//! Queues, and the functions that read them. Counts are summed over all replications.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::flow::ConsumerRow;
use super::lambda::{LambdaRow, concurrency_mean};
use super::processed;
use super::sink::SinkRow;
use crate::pipeline::finish::{Outcome, QueueOutcome};
use crate::pipeline::sqs::column;
use crate::report::number::{rounded, share};
use crate::scenario::checked::{QueueUse, Scenario};
use crate::scenario::path::resource;
use crate::systems::lambda::plan::LambdaPlan;
use crate::systems::sqs::consumer::QueueConsumerPlan;
use crate::systems::sqs::queue::QueueMeter;

/// What went through a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QueueRow {
    /// Its path, such as `sqs.search`.
    pub path: String,
    /// Who sends to it, such as `consumers.dispatch`.
    pub fed_by: Vec<String>,
    /// Whether it is a FIFO queue.
    pub fifo: bool,
    /// Messages sent to it (`NumberOfMessagesSent`).
    pub sent: u64,
    /// Messages dropped as sent within five minutes before; of FIFO queues.
    pub deduplicated: u64,
    /// Messages that were larger than it takes.
    pub too_large: u64,
    /// Messages received, each time counted (`NumberOfMessagesReceived`).
    pub received: u64,
    /// Of these, those received before.
    pub received_again: u64,
    /// Messages processed and deleted (`NumberOfMessagesDeleted`).
    pub deleted: u64,
    /// Messages processed after a later change of their item.
    pub out_of_order: u64,
    /// Their share.
    pub out_of_order_share: Option<f64>,
    /// Messages that went to the dead-letter queue.
    pub dead_letter: u64,
    /// Messages that were too old.
    pub expired: u64,
    /// Receives that found nothing (`NumberOfEmptyReceives`).
    pub empty_receives: u64,
    /// The most messages that waited in any replication (`ApproximateNumberOfMessagesVisible`).
    pub waiting_max: u64,
    /// The most in flight in any replication (`ApproximateNumberOfMessagesNotVisible`).
    pub in_flight_max: u64,
    /// Peak of `ApproximateAgeOfOldestMessage` in any replication.
    pub oldest_max_ms: Option<f64>,
}

fn outcomes_of(outcomes: &[Outcome], number: usize) -> Vec<&QueueOutcome> {
    outcomes.iter().map(|outcome| &outcome.queues[number]).collect()
}

/// The rows of all queues.
pub fn queues(scenario: &Scenario, outcomes: &[Outcome]) -> Vec<QueueRow> {
    let row = |(number, plan): (usize, &QueueUse)| {
        let all = outcomes_of(outcomes, number);
        let sum = |of: fn(&QueueMeter) -> u64| all.iter().map(|one| of(&one.queue)).sum::<u64>();
        let most = |of: fn(&QueueMeter) -> usize| all.iter().map(|one| of(&one.queue)).max().unwrap_or(0);
        QueueRow {
            path: resource("sqs", &plan.name),
            fed_by: senders(scenario, number),
            fifo: plan.queue.fifo.is_some(),
            sent: sum(|meter| meter.sent),
            deduplicated: sum(|meter| meter.deduplicated),
            too_large: sum(|meter| meter.too_large),
            received: sum(|meter| meter.received),
            received_again: sum(|meter| meter.received_again),
            deleted: sum(|meter| meter.deleted),
            out_of_order: sum(|meter| meter.out_of_order),
            out_of_order_share: share(sum(|meter| meter.out_of_order), sum(|meter| meter.deleted))
                .and_then(rounded),
            dead_letter: sum(|meter| meter.dead),
            expired: sum(|meter| meter.expired),
            empty_receives: sum(|meter| meter.empty_receives),
            waiting_max: most(|meter| meter.waiting_max) as u64,
            in_flight_max: most(|meter| meter.in_flight_max) as u64,
            oldest_max_ms: oldest(&all).and_then(rounded),
        }
    };
    scenario.queues.iter().enumerate().map(row).collect()
}

fn senders(scenario: &Scenario, number: usize) -> Vec<String> {
    let sends = |plan: &&LambdaPlan| plan.function.sends_to.iter().any(|send| send.queue == number);
    let senders = scenario.lambdas.iter().filter(sends);
    senders.map(|plan| resource("consumers", &plan.name)).collect()
}

fn oldest(all: &[&QueueOutcome]) -> Option<f64> {
    let bins = all.iter().flat_map(|one| one.series.bins());
    bins.map(|bin| bin[column::AGE]).max().map(|micros| micros as f64 / 1e3)
}

/// The rows of the functions that read queues, as consumers.
pub fn consumers(scenario: &Scenario, outcomes: &[Outcome]) -> Vec<ConsumerRow> {
    let row = |(number, plan): (usize, &QueueUse)| {
        let consumer = plan.consumer.as_ref()?;
        let concurrency = concurrency_mean(outcomes, |quantities| &quantities.queues[number].function);
        let all = outcomes_of(outcomes, number);
        let per_s = processed::mean_per_second(outcomes, number, processed::QUEUE);
        let row = consumer_row(&resource("sqs", &plan.name), consumer, &all, (concurrency, per_s));
        Some(ConsumerRow { stalls: super::stalls::of_queue(scenario, outcomes, number), ..row })
    };
    scenario.queues.iter().enumerate().filter_map(row).collect()
}

fn consumer_row(
    reads: &str,
    plan: &QueueConsumerPlan,
    all: &[&QueueOutcome],
    (concurrency, processed_per_s): (Option<f64>, Option<f64>),
) -> ConsumerRow {
    let meters: Vec<_> = all.iter().filter_map(|one| one.function.as_ref()).collect();
    let first_tries = meters.iter().map(|meter| meter.invocations - meter.retried).sum();
    let processed = meters.iter().map(|meter| meter.processed).sum();
    let cause = if plan.report_failures { "partial_response" } else { "batch_retry" };
    ConsumerRow {
        path: resource("consumers", &plan.name),
        reads: reads.to_owned(),
        workers: None,
        processed,
        processed_per_s,
        batches: first_tries,
        records_per_batch: share(processed, first_tries).and_then(rounded),
        busy_share: None,
        iterator_age_max_ms: None,
        calls: None,
        backfill: None,
        losses: None,
        stalls: Vec::new(),
        stuck_shards: 0,
        skipped: 0,
        sink: SinkRow::sum(all.iter().filter_map(|one| one.sink)),
        kcl: None,
        flink: None,
        lambda: Some(LambdaRow::of_meters("sqs", 1, cause, &meters, concurrency)),
    }
}
