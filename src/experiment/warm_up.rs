//! Where the warm-up ends: found on pilot replications before anything is measured.

use thiserror::Error;

use super::replicate::{Control, ExperimentError, in_order};
use super::statistics::{WarmUpUnknown, mser5};
use crate::engine::time::{Nanos, SECOND};
use crate::pipeline::finish::{Progress, RunError};
use crate::pipeline::wiring::Prepared;
use crate::pipeline::{Pause, Pipeline};
use crate::scenario::checked::{Scenario, WarmUpRule};
use crate::scenario::path::resource;
use crate::units::Duration;

/// Replication numbers of pilots start here, so that their draws are nobody else's.
pub const PILOT_FIRST: u64 = 1 << 32;
/// Pilot replications whose series are averaged.
pub const PILOTS: u64 = 5;
/// Steps that a pilot's span is cut into at first.
const STEPS: usize = 1_000;
/// The most steps that are merged into one: 50 samples are left then, the fewest that MSER-5 takes.
const STEPS_MERGED_MAX: usize = 20;

/// Why the warm-up could not be found.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WarmUpError {
    /// A leg's series has no end of a warm-up in its first half.
    #[error(
        "the warm-up of {scenario} cannot be found: at {leg}, {reason} Make the run longer, or say the warm-up."
    )]
    Unknown {
        /// Name of the scenario.
        scenario: String,
        /// Path of the leg.
        leg: String,
        /// What MSER-5 said of it.
        reason: String,
    },
    /// The pipeline has no leg whose latency could be watched.
    #[error("the warm-up of {0} cannot be found: nothing in it has a latency. Say the warm-up.")]
    NoLeg(String),
}

/// The end of a warm-up, and the leg that was last to settle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Where the measured span starts.
    pub warm_up: Nanos,
    /// Path of the leg, such as `firehose.lake.freshness`.
    pub leg: String,
}

/// Fixes the warm-up of every scenario that leaves it to MSER-5. The longest one found holds for all of them, and
/// each notes that.
///
/// # Errors
/// When it cannot be found for one of them, or the work is interrupted.
pub fn settle(scenarios: &mut [Scenario], control: &Control<'_>) -> Result<(), ExperimentError> {
    let mut longest: Option<Settled> = None;
    for scenario in scenarios.iter().filter(|scenario| scenario.warm_up_rule == WarmUpRule::Mser5) {
        let found = find(scenario, control)?;
        if longest.as_ref().is_none_or(|settled| settled.warm_up < found.warm_up) {
            longest = Some(found);
        }
    }
    let Some(Settled { warm_up, leg }) = longest else { return Ok(()) };
    let note = format!(
        "The warm-up of {} was found by MSER-5 on {PILOTS} pilot replications; {leg} was the last to settle.",
        Duration::from_nanos(warm_up)
    );
    for scenario in scenarios.iter_mut().filter(|scenario| scenario.warm_up_rule == WarmUpRule::Mser5) {
        scenario.warm_up = warm_up;
        scenario.notes.push(note.clone());
    }
    Ok(())
}

/// The end of the warm-up of one scenario: MSER-5 (White 1997) on the mean latency of what arrives at each leg, step
/// by step, averaged over the pilots (Welch 1983); the leg that takes longest decides.
///
/// # Errors
/// As for [`settle`].
pub fn find(scenario: &Scenario, control: &Control<'_>) -> Result<Settled, ExperimentError> {
    let legs = leg_paths(scenario);
    if legs.is_empty() {
        return Err(WarmUpError::NoLeg(scenario.name.clone()).into());
    }
    let scenario = &Scenario { warm_up: 0, ..scenario.clone() };
    let prepared = Prepared::new(scenario);
    let pilots = in_order(PILOT_FIRST..PILOT_FIRST + PILOTS, control, |replication| {
        pilot(scenario, &prepared, replication, control)
    })?;
    let step = (scenario.duration / STEPS as u64).max(1);
    let mut last = Settled { warm_up: 0, leg: legs[0].clone() };
    for (number, leg) in legs.into_iter().enumerate() {
        let steps: Vec<Vec<(u64, u128)>> =
            pilots.iter().map(|pilot| pilot.iter().map(|totals| totals[number]).collect()).collect();
        let cut = cut(&steps).map_err(|reason| WarmUpError::Unknown {
            scenario: scenario.name.clone(),
            leg: leg.clone(),
            reason: reason.to_string(),
        })?;
        // Whole seconds read better in reports, where seconds are short enough.
        let mut warm_up = cut as u64 * step;
        if scenario.duration >= 200 * SECOND {
            warm_up = warm_up.next_multiple_of(SECOND);
        }
        if warm_up > last.warm_up {
            last = Settled { warm_up, leg };
        }
    }
    Ok(last)
}

/// The legs whose latency pilots watch, in the order of [`Pipeline::latency_totals`].
fn leg_paths(scenario: &Scenario) -> Vec<String> {
    let feeds = scenario.tables.iter().filter(|table| table.replication.is_some());
    let feeds = feeds.map(|table| format!("{}.kinesis.latency", resource("tables", &table.name)));
    let consumers =
        scenario.consumers.iter().map(|plan| format!("{}.latency", resource("consumers", &plan.name)));
    let deliveries = scenario.deliveries.iter().map(|plan| format!("{}.freshness", plan.path.clone()));
    let direct = scenario.direct.iter().map(|plan| format!("{}.latency", resource("workload", &plan.name)));
    let lambdas =
        scenario.lambdas.iter().map(|plan| format!("{}.latency", resource("consumers", &plan.name)));
    let fleets = scenario.fleets.iter().map(|plan| format!("{}.latency", resource("consumers", &plan.name)));
    feeds.chain(consumers).chain(deliveries).chain(direct).chain(lambdas).chain(fleets).collect()
}

/// Runs one pilot over its span; for each step, counts and sums of the latencies of each leg up to its end.
fn pilot(
    scenario: &Scenario,
    prepared: &Prepared,
    replication: u64,
    control: &Control<'_>,
) -> Result<Vec<Vec<(u64, u128)>>, ExperimentError> {
    let mut pipeline = Pipeline::<true>::new(scenario, prepared, replication);
    let step = (scenario.duration / STEPS as u64).max(1);
    let mut totals = Vec::with_capacity(STEPS);
    for number in 1..=STEPS as u64 {
        if let Pause::Guard(kind) = pipeline.run_until(number * step) {
            return Err(ExperimentError::Run { replication, error: RunError::Guard(kind) });
        }
        totals.push(pipeline.latency_totals());
        let events = pipeline.counts().total();
        control.observer.progress(replication, Progress { now: number * step, events });
        if !control.goes_on() {
            return Err(ExperimentError::Interrupted);
        }
    }
    control.observer.finished(replication);
    Ok(totals)
}

/// How many steps to cut, from the counts and sums of each pilot up to the end of each step. Steps before the
/// first arrival belong to the warm-up; where a later step has none, steps are merged until all have some. (To carry
/// the last mean on instead would make stretches without variance, which MSER-5 would take for the steady state.)
fn cut(pilots: &[Vec<(u64, u128)>]) -> Result<usize, WarmUpUnknown> {
    let steps = pilots.first().map_or(0, Vec::len);
    let arrived = |step: &usize| pilots.iter().any(|pilot| pilot[*step].0 > 0);
    let first = (0..steps).find(arrived).unwrap_or(steps);
    for merged in 1..=STEPS_MERGED_MAX {
        if let Some(series) = means(pilots, first, merged) {
            let cut = first + mser5(&series)? * merged;
            let past_half = cut * 2 > steps;
            return if past_half { Err(WarmUpUnknown::PastHalf { cut, samples: steps }) } else { Ok(cut) };
        }
    }
    Err(WarmUpUnknown::TooShort { samples: (steps - first) / (STEPS_MERGED_MAX + 1), least: 50 })
}

/// The mean of all pilots for each group of `merged` steps from `first` on; `None` when some group has nothing.
fn means(pilots: &[Vec<(u64, u128)>], first: usize, merged: usize) -> Option<Vec<f64>> {
    let groups = (pilots.first()?.len() - first) / merged;
    let mean = |group: usize| {
        let (mut sum, mut samples) = (0.0, 0);
        for pilot in pilots {
            let (from, to) = (first + group * merged, first + (group + 1) * merged);
            let before = if from == 0 { (0, 0) } else { pilot[from - 1] };
            let count = pilot[to - 1].0 - before.0;
            if count > 0 {
                sum += (pilot[to - 1].1 - before.1) as f64 / count as f64;
                samples += 1;
            }
        }
        (samples > 0).then(|| sum / f64::from(samples))
    };
    (0..groups).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::example;
    use crate::experiment::replicate::Silent;
    use crate::scenario::checked::Study;
    use std::sync::atomic::AtomicBool;

    /// Cumulative counts and sums of one latency a step.
    fn cumulative(latencies: impl Iterator<Item = u128>) -> Vec<(u64, u128)> {
        let sum = |total: &mut (u64, u128), latency| {
            *total = (total.0 + 1, total.1 + latency);
            Some(*total)
        };
        latencies.scan((0, 0), sum).collect()
    }

    #[test]
    fn a_step_in_the_pilots_is_cut_and_a_rise_is_refused() {
        let settles = cumulative((0..1_000).map(|step| if step < 100 { 9_000 } else { 1_000 }));
        assert_eq!(cut(&[settles.clone(), settles]), Ok(100));
        let rises = cumulative((0..1_000).map(|step| step * 100));
        assert!(matches!(cut(&[rises]), Err(WarmUpUnknown::PastHalf { .. })));
    }

    #[test]
    fn steps_before_the_first_arrival_are_warm_up_and_thin_series_are_merged() {
        let mut pilot = vec![(0, 0); 60];
        pilot.extend((60..1_000_u64).map(|step| (step / 3, u128::from(step / 3) * 500)));
        assert_eq!(cut(&[pilot]), Ok(60));
        assert!(cut(&[vec![(0, 0); 1_000]]).is_err());
    }

    #[test]
    fn the_longest_warm_up_holds_for_all_variants_and_is_noted() {
        let mut base =
            Scenario { study: Study::Steady, warm_up_rule: WarmUpRule::Mser5, ..example::scenario(20) };
        base.deliveries[0].source =
            crate::systems::firehose::FirehoseSource::Polls(base.consumers.remove(0).polls);
        let mut scenarios = [base.clone(), base];
        scenarios[1].deliveries[0].interval = 200_000_000;
        scenarios[0].deliveries[0].interval = 100_000_000;
        let cancelled = AtomicBool::new(false);
        let control = Control { threads: 2, cancelled: &cancelled, observer: &Silent };
        let each = [find(&scenarios[0], &control).unwrap(), find(&scenarios[1], &control).unwrap()];
        settle(&mut scenarios, &control).unwrap();
        let longest = each[0].warm_up.max(each[1].warm_up);
        assert!(longest > 0 && longest <= scenarios[0].duration / 2);
        assert_eq!((scenarios[0].warm_up, scenarios[1].warm_up), (longest, longest));
        assert!(scenarios[0].notes[0].contains("MSER-5"));
    }
}
