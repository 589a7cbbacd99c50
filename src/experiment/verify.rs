//! The proof that a run can be repeated: it is run twice, and the first outcome that differs is named.

use std::fmt;

use super::replicate::{Control, ExperimentError, one};
use crate::engine::fingerprint::Fingerprint;
use crate::engine::time::Nanos;
use crate::pipeline::event::Kind;
use crate::pipeline::wiring::Prepared;
use crate::pipeline::{EventCounts, Pause, Pipeline};
use crate::scenario::checked::Scenario;
use crate::units::Duration;

/// What two runs of the same replication came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification {
    /// The same outcomes at the same moments.
    Same(Fingerprint),
    /// Something else: a fault in the simulator.
    Differs {
        /// The fingerprints at the end.
        fingerprints: [Fingerprint; 2],
        /// Where they parted; `None` when two further runs agreed with each other.
        first: Option<Box<Difference>>,
    },
}

/// The first moment at which two runs had different outcomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The moment.
    pub at: Nanos,
    /// What took place at that moment in each run.
    pub events: [EventCounts; 2],
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same(print) => write!(f, "two runs had the same outcomes: fingerprint {print}."),
            Self::Differs { fingerprints: [a, b], first } => {
                write!(f, "two runs differ: fingerprints {a} and {b}. ")?;
                match first {
                    Some(difference) => difference.fmt(f)?,
                    None => f.write_str("Two further runs agreed with each other.")?,
                }
                f.write_str(" This is a fault in the simulator; please report it with the scenario.")
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |counts: &EventCounts| {
            let kinds = Kind::ALL.iter().zip(counts.by_kind).filter(|(_, count)| *count > 0);
            let words: Vec<String> =
                kinds.map(|(kind, count)| format!("{count} x {}", kind.name())).collect();
            if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
        };
        let [a, b] = &self.events;
        let at = Duration::from_nanos(self.at);
        write!(f, "The first outcome that differs is at {at}: {} in one, {} in the other.", list(a), list(b))
    }
}

/// Runs replication 0 twice and compares all outcomes.
///
/// # Errors
/// When a run fails or is interrupted.
pub fn verify(scenario: &Scenario, control: &Control<'_>) -> Result<Verification, ExperimentError> {
    // Everything is made anew for the second run, so that nothing can be carried over.
    let [first, second] = [(); 2].map(|()| one::<true>(scenario, &Prepared::new(scenario), 0, control));
    let (first, second) = (first?, second?);
    if first.fingerprint == second.fingerprint && first.ledger == second.ledger {
        return Ok(Verification::Same(first.fingerprint));
    }
    let make = || Pipeline::<true>::new(scenario, &Prepared::new(scenario), 0);
    Ok(Verification::Differs {
        fingerprints: [first.fingerprint, second.fingerprint],
        first: first_difference(make(), make(), first.end.max(second.end)).map(Box::new),
    })
}

/// Steps in which two runs are compared at first.
const STEPS: u64 = 64;

/// The first moment up to `end` by which two pipelines had different outcomes, found by halving the step in which
/// they parted. Keeps one copy of both at the start of the step.
pub fn first_difference<const FULL: bool>(
    mut a: Pipeline<FULL>,
    mut b: Pipeline<FULL>,
    end: Nanos,
) -> Option<Difference> {
    let step = (end / STEPS).max(1);
    let (mut low, mut high) = (0, 0);
    loop {
        if high >= end {
            return None;
        }
        high = (low + step).min(end);
        let (next_a, next_b) = (moved(&a, high)?, moved(&b, high)?);
        if next_a.fingerprint() != next_b.fingerprint() {
            break;
        }
        (a, b, low) = (next_a, next_b, high);
    }
    // Equal up to and including `low`, different at `high`.
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let (next_a, next_b) = (moved(&a, middle)?, moved(&b, middle)?);
        if next_a.fingerprint() == next_b.fingerprint() {
            (a, b, low) = (next_a, next_b, middle);
        } else {
            high = middle;
        }
    }
    let events = [events_until(&a, high)?, events_until(&b, high)?];
    Some(Difference { at: high, events })
}

/// A copy of the pipeline that has run on until `at`; `None` when a guard stopped it.
fn moved<const FULL: bool>(pipeline: &Pipeline<FULL>, at: Nanos) -> Option<Pipeline<FULL>> {
    let mut copy = pipeline.clone();
    (!matches!(copy.run_until(at), Pause::Guard(_))).then_some(copy)
}

fn events_until<const FULL: bool>(pipeline: &Pipeline<FULL>, at: Nanos) -> Option<EventCounts> {
    let (before, mut counts) = (pipeline.counts(), moved(pipeline, at)?.counts());
    counts.by_kind.iter_mut().zip(before.by_kind).for_each(|(now, before)| *now -= before);
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::example;
    use crate::experiment::replicate::Silent;
    use crate::systems::kinesis::poll_grid::{PollPhase, PollPlan};
    use std::sync::atomic::AtomicBool;

    #[test]
    fn a_run_repeats_itself() {
        let cancelled = AtomicBool::new(false);
        let control = Control { threads: 1, cancelled: &cancelled, observer: &Silent };
        assert!(matches!(verify(&example::scenario(1), &control), Ok(Verification::Same(_))));
    }

    /// Two pipelines that differ only in when an upload ends part ways at the first of the two uploads.
    #[test]
    fn the_first_outcome_that_differs_is_named() {
        let mut scenario = example::scenario(2);
        let polls = PollPlan::new(100_000_000, PollPhase::Staggered(0));
        scenario.deliveries[0].source = crate::systems::firehose::FirehoseSource::Polls(polls);
        scenario.deliveries[0].interval = 500_000_000;
        if let Some(replication) = &mut scenario.tables[0].replication {
            replication.delay = crate::engine::sampler::Sampler::Constant(1e6);
        }
        let make = |put| {
            let mut scenario = scenario.clone();
            scenario.deliveries[0].put = crate::engine::sampler::Sampler::Constant(put);
            Pipeline::<true>::new(&scenario, &Prepared::new(&scenario), 0)
        };
        // The buffers of four shards, polled first at 0.1 s, filled for 0.5 s, uploaded in 0.2 s.
        let found = first_difference(make(0.2e9), make(0.3e9), scenario.duration).unwrap();
        assert_eq!(found.at, 800_000_000, "{found}");
        assert_eq!(found.events[0].by_kind[Kind::Uploaded as usize], 4);
        assert_eq!(found.events[1].by_kind[Kind::Uploaded as usize], 0);
        assert!(found.to_string().contains("at 800ms: 4 x object uploaded"), "{found}");
        assert_eq!(first_difference(make(0.2e9), make(0.2e9), scenario.duration), None);
    }
}
