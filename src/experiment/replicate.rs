//! Replications of one scenario: run side by side on all cores, kept by their number.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use thiserror::Error;

use super::warm_up::WarmUpError;
use crate::pipeline::Pipeline;
use crate::pipeline::finish::{Outcome, Progress, RunError};
use crate::pipeline::wiring::Prepared;
use crate::scenario::checked::Scenario;

/// Whoever watches replications run. It is called from several threads, in no order, and cannot change the outcome.
pub trait Observer: Sync {
    /// A replication has come this far. Pilot replications have numbers from [`PILOT_FIRST`] on.
    ///
    /// [`PILOT_FIRST`]: super::warm_up::PILOT_FIRST
    fn progress(&self, replication: u64, progress: Progress);

    /// A replication has ended.
    fn finished(&self, replication: u64) {
        let _ = replication;
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn progress(&self, _replication: u64, _progress: Progress) {}
}

/// With what means replications are run. None of it changes their outcomes.
#[derive(Clone, Copy)]
pub struct Control<'a> {
    /// Threads; 0 for one a core.
    pub threads: usize,
    /// Once set, running replications stop within a two-hundredth of their span.
    pub cancelled: &'a AtomicBool,
    /// Who watches.
    pub observer: &'a dyn Observer,
}

impl Control<'_> {
    /// Whether to go on.
    pub fn goes_on(&self) -> bool {
        !self.cancelled.load(Ordering::Relaxed)
    }
}

/// Why there are no outcomes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExperimentError {
    /// A replication failed.
    #[error("replication {replication}: {error}")]
    Run {
        /// The first one that did, by number.
        replication: u64,
        /// How.
        error: RunError,
    },
    /// Somebody asked to stop.
    #[error("interrupted.")]
    Interrupted,
    /// The end of the warm-up was not found.
    #[error(transparent)]
    WarmUp(#[from] WarmUpError),
    /// The operating system gave no threads.
    #[error("cannot start threads: {0}.")]
    Threads(String),
}

/// Runs all replications of a scenario whose warm-up is settled; see [`settle`](super::warm_up::settle).
///
/// The outcomes are in the order of their numbers and do not depend on the number of threads.
///
/// # Errors
/// The failure with the lowest replication number, or [`ExperimentError::Interrupted`].
pub fn run<const FULL: bool>(
    scenario: &Scenario,
    control: &Control<'_>,
) -> Result<Vec<Outcome>, ExperimentError> {
    let prepared = Prepared::new(scenario);
    let work = |replication| one::<FULL>(scenario, &prepared, replication, control);
    in_order(0..u64::from(scenario.replications), control, work)
}

/// Runs one replication. The list of single objects is kept for replication 0 only.
///
/// # Errors
/// When it fails or is interrupted.
pub fn one<const FULL: bool>(
    scenario: &Scenario,
    prepared: &Prepared,
    replication: u64,
    control: &Control<'_>,
) -> Result<Outcome, ExperimentError> {
    let watch = |progress| {
        control.observer.progress(replication, progress);
        control.goes_on()
    };
    let mut outcome = Pipeline::<FULL>::new(scenario, prepared, replication)
        .run(scenario, watch)
        .map_err(|error| ExperimentError::Run { replication, error })?
        .ok_or(ExperimentError::Interrupted)?;
    if replication > 0 {
        outcome.deliveries.iter_mut().for_each(|delivery| delivery.rows = Vec::new());
    }
    control.observer.finished(replication);
    Ok(outcome)
}

/// Does `work` for each number on a pool of its own; results in the order of the numbers.
pub(super) fn in_order<T: Send>(
    numbers: std::ops::Range<u64>,
    control: &Control<'_>,
    work: impl Fn(u64) -> Result<T, ExperimentError> + Sync,
) -> Result<Vec<T>, ExperimentError> {
    let pieces = usize::try_from(numbers.end - numbers.start).unwrap_or(usize::MAX).max(1);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(control.threads.min(pieces)).build();
    let pool = pool.map_err(|error| ExperimentError::Threads(error.to_string()))?;
    let guarded = |number| if control.goes_on() { work(number) } else { Err(ExperimentError::Interrupted) };
    let results: Vec<Result<T, _>> = pool.install(|| numbers.into_par_iter().map(guarded).collect());
    results.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::example;
    use crate::scenario::checked::Scenario;
    use std::sync::atomic::AtomicU64;

    fn run_on(threads: usize, scenario: &Scenario) -> Vec<Outcome> {
        let cancelled = AtomicBool::new(false);
        run::<true>(scenario, &Control { threads, cancelled: &cancelled, observer: &Silent }).unwrap()
    }

    #[test]
    fn outcomes_do_not_depend_on_the_number_of_threads_and_replications_differ() {
        let scenario = Scenario { replications: 3, ..example::scenario(2) };
        let prints = |threads| -> Vec<String> {
            run_on(threads, &scenario).iter().map(|outcome| outcome.fingerprint.to_string()).collect()
        };
        let one = prints(1);
        assert_eq!(one, prints(2));
        assert!(one[0] != one[1] && one[1] != one[2]);
    }

    #[test]
    fn a_run_stops_when_asked_to() {
        struct StopAt(AtomicU64, AtomicBool);
        impl Observer for StopAt {
            fn progress(&self, _replication: u64, progress: Progress) {
                self.0.fetch_max(progress.now, Ordering::Relaxed);
                if progress.now >= 500_000_000 {
                    self.1.store(true, Ordering::Relaxed);
                }
            }
        }
        let observer = StopAt(AtomicU64::new(0), AtomicBool::new(false));
        let control = Control { threads: 1, cancelled: &observer.1, observer: &observer };
        let scenario = example::scenario(2);
        let error = run::<true>(&scenario, &control).unwrap_err();
        assert_eq!(error, ExperimentError::Interrupted);
        assert!(observer.0.load(Ordering::Relaxed) < scenario.duration / 2);
    }
}
