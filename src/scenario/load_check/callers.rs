//! Who calls GetRecords on the shards of a stream, and how often.

use super::fleets;
use crate::engine::time::{Nanos, SECOND};
use crate::scenario::checked::Scenario;
use crate::scenario::path::{Path, resource};
use crate::systems::lambda::mapping::Via;

/// A reader that polls.
pub(super) struct Caller {
    path: String,
    /// Calls a second on each shard.
    pub calls: f64,
}

/// Those of one stream.
pub(super) fn of(scenario: &Scenario, stream: usize) -> Vec<Caller> {
    let mut callers = Vec::new();
    let mut push = |reads: usize, path: String, interval: Nanos| {
        if reads == stream {
            callers.push(Caller { path, calls: SECOND as f64 / interval as f64 });
        }
    };
    for plan in &scenario.consumers {
        push(plan.stream, resource("consumers", &plan.name), plan.polls.interval);
    }
    for plan in &scenario.lambdas {
        if let Via::Shared(polls) = &plan.via {
            push(plan.stream, resource("consumers", &plan.name), polls.interval);
        }
    }
    for plan in &scenario.fleets {
        if let Some(interval) = fleets::interval(plan) {
            push(plan.stream, resource("consumers", &plan.name), interval);
        }
    }
    for plan in &scenario.deliveries {
        if let Some(polls) = plan.polls() {
            push(plan.stream, plan.path.clone(), polls.interval);
        }
    }
    callers
}

/// What to say where they call more often than a shard takes, which is so many a second by this fact.
pub(super) fn warning(stream: &Path, callers: &[Caller], limit: u64, fact: &str) -> Option<String> {
    let calls: f64 = callers.iter().map(|caller| caller.calls).sum();
    let each = |caller: &Caller| format!("{} {}", caller.path, (caller.calls * 1e3).round() / 1e3);
    let names: Vec<String> = callers.iter().map(each).collect();
    // What is computed from intervals is not exact.
    (calls > limit as f64 + 1e-9).then(|| {
        format!(
            "The readers of {stream} make {calls:.1} GetRecords calls a second on each shard, which takes {limit} \
             ({fact}): {}. Some calls of each of them are refused (ReadProvisionedThroughputExceeded), and come again after a wait.",
            names.join(", ")
        )
    })
}
