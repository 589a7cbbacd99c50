//! The result of the small pipeline, for tests.

use std::sync::atomic::AtomicBool;

use super::result::RunResult;
use crate::experiment::example;
use crate::experiment::replicate::{Control, Silent, run};
use crate::pipeline::finish::Outcome;
use crate::pricing::PriceBook;
use crate::scenario::checked::{Objective, Scenario, Test, Unit};

/// The small pipeline with two objectives.
pub fn scenario(replications: u32) -> Scenario {
    let objective = |path: &str, test, unit, written: &str| Objective {
        path: path.into(),
        test,
        unit,
        written: written.into(),
    };
    Scenario {
        replications,
        objectives: vec![
            objective("consumers.search.latency.p99", Test::Max(2_000.0), Unit::Milliseconds, "max: 2s"),
            objective("lost", Test::Equals(0.0), Unit::Count, "equals: 0"),
        ],
        ..example::scenario(3)
    }
}

/// Its outcomes on so many threads.
pub fn outcomes(scenario: &Scenario, threads: usize) -> Vec<Outcome> {
    let cancelled = AtomicBool::new(false);
    run::<true>(scenario, &Control { threads, cancelled: &cancelled, observer: &Silent }).unwrap()
}

/// Its result.
pub fn result(replications: u32) -> RunResult {
    let scenario = scenario(replications);
    RunResult::new(&scenario, &outcomes(&scenario, 2), PriceBook::builtin()).unwrap()
}
