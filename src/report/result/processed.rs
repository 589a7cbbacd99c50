//! What consumers process a second: the throughput that more workers, or more batches at once, are to raise (Q27).

use super::figure::Figure;
use crate::pipeline::finish::Outcome;
use crate::pipeline::quantities::Quantities;
use crate::report::number::{mean, rounded};
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;

/// Records that a consumer processed in the measured span of one replication.
type ProcessedOf = fn(&Quantities, usize) -> u64;

/// Of a polling consumer.
pub(super) const POLLING: ProcessedOf = |used, number| used.polling[number][1];
/// Of a function on a stream, or a pipe.
pub(super) const LAMBDA: ProcessedOf = |used, number| used.lambdas[number].processed;
/// Of a function on a queue.
pub(super) const QUEUE: ProcessedOf = |used, number| used.queues[number].function.processed;
/// Of a fleet.
pub(super) const FLEET: ProcessedOf = |used, number| used.fleets[number].processed;

fn per_second(outcome: &Outcome, number: usize, of: ProcessedOf) -> Option<f64> {
    let (used, span) = (&outcome.quantities, outcome.quantities.at as f64 / 1e9);
    (span > 0.0).then(|| of(used, number) as f64 / span)
}

/// Records that a consumer processed a second of the measured span, mean of the replications.
pub(super) fn mean_per_second(outcomes: &[Outcome], number: usize, of: ProcessedOf) -> Option<f64> {
    mean(outcomes.iter().map(|outcome| per_second(outcome, number, of))).and_then(rounded)
}

/// That figure of every consumer.
pub(super) fn figures(scenario: &Scenario, all: &mut Vec<Figure>) {
    let mut push = |name: &str, number: usize, of: ProcessedOf| {
        let path = format!("{}.processed_per_s", resource("consumers", name));
        all.push(Figure::new(path, move |outcome| per_second(outcome, number, of)));
    };
    let polling = scenario.consumers.iter().enumerate();
    polling.for_each(|(number, plan)| push(&plan.name, number, POLLING));
    let functions = scenario.lambdas.iter().enumerate();
    functions.for_each(|(number, plan)| push(&plan.name, number, LAMBDA));
    for (number, plan) in scenario.queues.iter().enumerate() {
        plan.consumer.iter().for_each(|consumer| push(&consumer.name, number, QUEUE));
    }
    let fleets = scenario.fleets.iter().enumerate();
    fleets.for_each(|(number, plan)| push(&plan.name, number, FLEET));
}
