//! Functions that consume streams: invocations, failures, concurrency. Counts are summed over all replications.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::concurrency::ConcurrencyCurve;
use super::flow::{ConsumerRow, ReadRow, is_zero};
use super::losses::LossRow;
use super::ordering::Spread;
use super::processed;
use super::sink::SinkRow;
use super::stalls;
use crate::engine::histogram::Histogram;
use crate::pipeline::finish::{LambdaOutcome, Outcome};
use crate::pipeline::lambda;
use crate::pipeline::quantities::{LambdaQuantities, Quantities};
use crate::report::number::{rounded, share};
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::lambda::mapping::{LambdaPlan, MappingMeter, Via};

/// What a function and its event source mapping did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LambdaRow {
    /// How it reads: `shared` or `enhanced_fan_out`.
    pub via: String,
    /// Batches of one shard that may run at once.
    pub parallelization_factor: u32,
    /// Batches of one shard that did run at once, on average over the time in which any did.
    pub effective_parallelism: Option<f64>,
    /// Invocations (`Invocations`).
    pub invocations: u64,
    /// Those that failed (`Errors`).
    pub errors: u64,
    /// Those that ended a tumbling window.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub window_ends: u64,
    /// Those of them that did so for the size of its state.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub window_ends_early: u64,
    /// Those after a failure of the same batch.
    pub retried: u64,
    /// Those that started cold.
    pub cold_starts: u64,
    /// Invocations refused (`Throttles`): for want of concurrency.
    pub throttled_concurrency: u64,
    /// Refused because the function may not add environments faster.
    pub throttled_scaling: u64,
    /// Refused for more than ten requests a second for each unit of concurrency.
    pub throttled_requests: u64,
    /// The most executions at once in any replication (`ConcurrentExecutions`).
    pub concurrency_max: u32,
    /// Executions at once on average over the measured span.
    pub concurrency_mean: Option<f64>,
    /// Executions and refusals over time; absent where no function on a stream was refused anything, and of a queue's function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_time: Option<ConcurrencyCurve>,
    /// Mean running time of an invocation.
    pub duration_mean_ms: Option<f64>,
    /// Batches that failed at least once.
    pub blocked_batches: u64,
    /// The longest time from a batch's first failure to its end: so long its shard, or its lane, stood still.
    pub blocked_max_ms: Option<f64>,
    /// The mean of these times.
    pub blocked_mean_ms: Option<f64>,
    /// What was done again: by the whole batch, by halves, or from the record that failed.
    pub repeats: RepeatRow,
    /// Records that the filter dropped.
    pub filtered: u64,
    /// Records given up and sent to the destination.
    pub on_failure: u64,
    /// Records given up that went nowhere.
    pub discarded: u64,
    /// Of the records given up, those at which the function does not always fail.
    pub good_given_up: u64,
    /// Peak of the iterator age by its other definition: when processing ends (LAM-M1).
    pub iterator_age_at_end_max_ms: Option<f64>,
    /// Records that came after its mapping was created and before that read, so that it missed them unless it began with
    /// older ones (LAM-P5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub came_before_start: Option<u64>,
    /// Subscriptions made, if it is pushed to (`SubscribeToShard.Success`).
    pub subscriptions: Option<u64>,
}

/// Work done more than once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RepeatRow {
    /// Why: `batch_retry`, `bisect`, `partial_response`, or both of the latter.
    pub cause: String,
    /// Records handed to the function again.
    pub handed_again: u64,
    /// Records that an earlier try had processed, and a later one processed again: the duplicates that the function's
    /// effects show.
    pub processed_again: u64,
    /// Their share of all records processed.
    pub processed_again_share: Option<f64>,
    /// Records between the two times; percentiles are pooled over replications.
    pub pooled_distance_records: Spread,
    /// Time between them.
    pub pooled_distance_ms: Spread,
}

/// The rows of all functions, as consumers.
pub fn rows(scenario: &Scenario, outcomes: &[Outcome]) -> Vec<ConsumerRow> {
    let row = |(number, plan): (usize, &LambdaPlan)| {
        let all: Vec<&LambdaOutcome> = outcomes.iter().map(|outcome| &outcome.lambdas[number]).collect();
        let sum = |of: fn(&MappingMeter) -> u64| all.iter().map(|one| of(&one.meter)).sum::<u64>();
        let first_tries = sum(|meter| meter.invocations - meter.retried);
        let processed = sum(|meter| meter.processed);
        ConsumerRow {
            path: resource("consumers", &plan.name),
            reads: scenario.stream_path(plan.stream),
            workers: None,
            processed,
            processed_per_s: processed::mean_per_second(outcomes, number, processed::LAMBDA),
            batches: first_tries,
            records_per_batch: share(processed, first_tries).and_then(rounded),
            busy_share: None,
            iterator_age_max_ms: age_max(&all, lambda::column::ITERATOR_AGE),
            calls: Some(ReadRow::sum(all.iter().map(|one| &one.reads))),
            backfill: None,
            losses: LossRow::of(all.iter().map(|one| &one.losses)),
            stalls: stalls::of_function(scenario, outcomes, number),
            stuck_shards: 0,
            skipped: 0,
            sink: SinkRow::sum(all.iter().filter_map(|one| one.sink)),
            lambda: Some(LambdaRow {
                over_time: ConcurrencyCurve::of(scenario, outcomes, number),
                ..of(plan, &all, outcomes, number)
            }),
            kcl: None,
            flink: None,
        }
    };
    scenario.lambdas.iter().enumerate().map(row).collect()
}

fn age_max(all: &[&LambdaOutcome], column: usize) -> Option<f64> {
    let bins = all.iter().flat_map(|one| one.series.bins());
    bins.map(|bin| bin[column]).max().and_then(|micros| rounded(micros as f64 / 1e3))
}

fn of(plan: &LambdaPlan, all: &[&LambdaOutcome], outcomes: &[Outcome], number: usize) -> LambdaRow {
    let via = match plan.via {
        _ if plan.role.is_pipe() => "pipe",
        Via::Shared(_) => "shared",
        Via::FanOut(_) => "enhanced_fan_out",
    };
    let cause = match (plan.mapping.retry.bisect, plan.mapping.retry.report_failures) {
        (false, false) => "batch_retry",
        (true, false) => "bisect",
        (false, true) => "partial_response",
        (true, true) => "bisect and partial_response",
    };
    let meters: Vec<&MappingMeter> = all.iter().map(|one| &one.meter).collect();
    let concurrency = concurrency_mean(outcomes, |quantities| &quantities.lambdas[number]);
    LambdaRow {
        iterator_age_at_end_max_ms: age_max(all, lambda::column::ITERATOR_AGE_AT_END),
        came_before_start: plan.created.map(|_| all.iter().filter_map(|one| one.creation?.meanwhile).sum()),
        subscriptions: match plan.via {
            Via::Shared(_) => None,
            Via::FanOut(_) => {
                Some(all.iter().filter_map(|one| one.fan_out).map(|fan_out| fan_out.subscriptions).sum())
            }
        },
        ..LambdaRow::of_meters(via, plan.mapping.factor, cause, &meters, concurrency)
    }
}

impl LambdaRow {
    /// What follows from the counts of a function alone, whatever it reads.
    pub fn of_meters(
        via: &str,
        factor: u32,
        cause: &str,
        all: &[&MappingMeter],
        concurrency_mean: Option<f64>,
    ) -> Self {
        let sum = |of: fn(&MappingMeter) -> u64| all.iter().map(|meter| of(meter)).sum::<u64>();
        let most = |of: fn(&MappingMeter) -> u64| all.iter().map(|meter| of(meter)).max().unwrap_or(0);
        let run_micros = sum(|meter| meter.run_micros.iter().sum());
        let busy_micros = sum(|meter| meter.busy_shard / 1_000);
        let milliseconds = |nanos: u64| rounded(nanos as f64 / 1e6);
        let blocks = sum(|meter| meter.blocks);
        let invocations = sum(|meter| meter.invocations);
        Self {
            via: via.to_owned(),
            parallelization_factor: factor,
            effective_parallelism: share(run_micros, busy_micros).and_then(rounded),
            invocations,
            errors: sum(|meter| meter.errors),
            window_ends: sum(|meter| meter.window_ends[0]),
            window_ends_early: sum(|meter| meter.window_ends[1]),
            retried: sum(|meter| meter.retried),
            cold_starts: sum(|meter| meter.cold_starts),
            throttled_concurrency: sum(|meter| meter.throttled[0]),
            throttled_scaling: sum(|meter| meter.throttled[1]),
            throttled_requests: sum(|meter| meter.throttled[2]),
            concurrency_max: all.iter().map(|meter| meter.concurrency_max).max().unwrap_or(0),
            concurrency_mean,
            over_time: None,
            duration_mean_ms: share(run_micros, invocations).and_then(|it| rounded(it / 1e3)),
            blocked_batches: blocks,
            blocked_max_ms: milliseconds(most(|meter| meter.blocked_max)),
            blocked_mean_ms: share(sum(|meter| meter.blocked), blocks).and_then(|it| rounded(it / 1e6)),
            repeats: repeats(cause, all),
            filtered: sum(|meter| meter.filtered),
            on_failure: sum(|meter| meter.on_failure),
            discarded: sum(|meter| meter.discarded),
            good_given_up: sum(|meter| meter.good_given_up),
            iterator_age_at_end_max_ms: None,
            came_before_start: None,
            subscriptions: None,
        }
    }
}

/// Executions at once on average over the measured spans. The time until all is drained is left out: it may be hours in which
/// next to nothing runs.
pub(super) fn concurrency_mean(
    outcomes: &[Outcome],
    of: impl Fn(&Quantities) -> &LambdaQuantities,
) -> Option<f64> {
    let run = outcomes.iter().map(|it| of(&it.quantities).run_micros.iter().sum::<u64>()).sum();
    share(run, outcomes.iter().map(|it| it.quantities.at / 1_000).sum()).and_then(rounded)
}

fn repeats(cause: &str, all: &[&MappingMeter]) -> RepeatRow {
    let sum = |of: fn(&MappingMeter) -> u64| all.iter().map(|meter| of(meter)).sum::<u64>();
    let pooled = |of: fn(&MappingMeter) -> &Histogram| {
        let mut histogram = Histogram::default();
        all.iter().for_each(|meter| histogram.merge(of(meter)));
        histogram
    };
    let repeated = sum(|meter| meter.repeated);
    RepeatRow {
        cause: cause.to_owned(),
        handed_again: sum(|meter| meter.handed_again),
        processed_again: repeated,
        processed_again_share: share(repeated, repeated + sum(|meter| meter.processed)).and_then(rounded),
        pooled_distance_records: Spread::of(&pooled(|meter| &meter.repeat_records), 1.0),
        pooled_distance_ms: Spread::of(&pooled(|meter| &meter.repeat_micros), 1e3),
    }
}
