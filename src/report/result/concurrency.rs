//! Executions of functions that run at once over time, where some were refused: who takes the account's concurrency, and who is
//! starved of it (Q28).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pipeline::finish::{LambdaOutcome, Outcome};
use crate::pipeline::lambda::column;
use crate::scenario::checked::Scenario;

/// Steps of a curve at most.
const STEPS: usize = 30;

/// A function's executions in equal steps over the time in which writes come, in replication 0; at most 30.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConcurrencyCurve {
    /// Length of a step, simulated seconds.
    pub step_s: f64,
    /// The most executions at once that an invocation met, itself included (`ConcurrentExecutions`).
    pub concurrency_max: Vec<u64>,
    /// Invocations refused (`Throttles`).
    pub throttled: Vec<u64>,
}

impl ConcurrencyCurve {
    /// The curve of a function; nothing where no function on a stream was refused anything.
    pub(super) fn of(scenario: &Scenario, outcomes: &[Outcome], number: usize) -> Option<Self> {
        let first = outcomes.first()?;
        let refused = |function: &LambdaOutcome| function.meter.throttled.iter().any(|count| *count > 0);
        if !first.lambdas.iter().any(refused) {
            return None;
        }
        let series = &first.lambdas[number].series;
        let bins = scenario.duration.div_ceil(series.width()) as usize;
        let together = bins.div_ceil(STEPS).max(1);
        let steps = (0..bins).step_by(together).map(|from| {
            let bins = series.bins().iter().skip(from).take(together.min(bins - from));
            bins.fold((0, 0), |(most, refused), bin| {
                (u64::max(most, bin[column::CONCURRENCY]), refused + bin[column::THROTTLES])
            })
        });
        let (concurrency_max, throttled) = steps.unzip();
        let step_s = together as f64 * series.width() as f64 / 1e9;
        Some(Self { step_s, concurrency_max, throttled })
    }
}
