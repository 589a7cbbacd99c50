//! Many scenarios on all cores: the points of a sweep side by side, and the replications of each.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::replicate::{Control, ExperimentError, Silent, one};
use super::warm_up;
use crate::pipeline::finish::Outcome;
use crate::pipeline::wiring::Prepared;
use crate::scenario::checked::Scenario;

/// Where the points come from and where their outcomes go. It is called from several threads, in no order.
pub trait Points: Sync {
    /// What can go wrong besides a simulation.
    type Error: From<ExperimentError> + Send;

    /// The scenario at a point.
    ///
    /// # Errors
    /// There is none any more.
    fn scenario(&self, point: usize) -> Result<Scenario, Self::Error>;

    /// Takes in all replications of a point, in their order.
    ///
    /// # Errors
    /// They cannot be kept.
    fn done(&self, point: usize, scenario: &Scenario, outcomes: Vec<Outcome>) -> Result<(), Self::Error>;
}

/// Simulates these points.
///
/// Threads take the next replication of a point that is under way, or else begin the next point: so only about as many points
/// as threads are under way at once, and the last point keeps all threads busy. Each point's warm-up is its own.
/// Outcomes do not depend on the number of threads.
///
/// # Errors
/// The failure at the lowest of the points that were begun. No point is begun after a failure.
pub fn run<P: Points>(points: &P, numbers: &[usize], control: &Control<'_>) -> Result<(), P::Error> {
    let threads = match control.threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    };
    let stop = AtomicBool::new(false);
    let crew =
        Crew { points, control, numbers, state: Mutex::default(), changed: Condvar::new(), stop: &stop };
    std::thread::scope(|scope| {
        (1..threads).for_each(|_| drop(scope.spawn(|| crew.work())));
        crew.work();
    });
    let state = crew.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    match state.failures.into_iter().min_by_key(|(point, _)| *point) {
        Some((_, error)) => Err(error),
        None if state.complete == numbers.len() => Ok(()),
        None => Err(ExperimentError::Interrupted.into()),
    }
}

/// A point under way.
struct Job {
    point: usize,
    scenario: Scenario,
    prepared: Prepared,
    outcomes: Mutex<Vec<Option<Outcome>>>,
}

/// What the threads share.
struct State<E> {
    /// Points begun.
    begun: usize,
    /// Points that are being prepared.
    preparing: usize,
    /// Points whose outcomes have been handed over.
    complete: usize,
    /// Replications that nobody has taken.
    waiting: VecDeque<(Arc<Job>, u64)>,
    /// Failures with their points.
    failures: Vec<(usize, E)>,
}

impl<E> Default for State<E> {
    fn default() -> Self {
        Self { begun: 0, preparing: 0, complete: 0, waiting: VecDeque::new(), failures: Vec::new() }
    }
}

enum Task {
    Prepare(usize),
    Simulate(Arc<Job>, u64),
}

struct Crew<'a, P: Points> {
    points: &'a P,
    control: &'a Control<'a>,
    numbers: &'a [usize],
    state: Mutex<State<P::Error>>,
    changed: Condvar,
    /// Raised at the first failure.
    stop: &'a AtomicBool,
}

impl<P: Points> Crew<'_, P> {
    fn work(&self) {
        while let Some(task) = self.next() {
            let (point, ended) = match task {
                Task::Prepare(point) => (point, self.prepare(point)),
                Task::Simulate(job, replication) => (job.point, self.simulate(&job, replication)),
            };
            if let Err(error) = ended {
                self.stop.store(true, Ordering::Relaxed);
                self.locked().failures.push((point, error));
            }
            self.changed.notify_all();
        }
    }

    fn next(&self) -> Option<Task> {
        let mut state = self.locked();
        loop {
            if self.stop.load(Ordering::Relaxed) || !self.control.goes_on() {
                return None;
            }
            if let Some((job, replication)) = state.waiting.pop_front() {
                return Some(Task::Simulate(job, replication));
            }
            if let Some(point) = self.numbers.get(state.begun) {
                state.begun += 1;
                state.preparing += 1;
                return Some(Task::Prepare(*point));
            }
            if state.preparing == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn prepare(&self, point: usize) -> Result<(), P::Error> {
        let prepared = self.prepared(point);
        let mut state = self.locked();
        state.preparing -= 1;
        let job = Arc::new(prepared?);
        let replications = u64::from(job.scenario.replications);
        state.waiting.extend((0..replications).map(|replication| (Arc::clone(&job), replication)));
        Ok(())
    }

    fn prepared(&self, point: usize) -> Result<Job, P::Error> {
        let mut scenario = self.points.scenario(point)?;
        let control = Control { threads: 1, cancelled: self.control.cancelled, observer: &Silent };
        warm_up::settle(std::slice::from_mut(&mut scenario), &control)?;
        let prepared = Prepared::new(&scenario);
        let outcomes = Mutex::new((0..scenario.replications).map(|_| None).collect());
        Ok(Job { point, scenario, prepared, outcomes })
    }

    fn simulate(&self, job: &Job, replication: u64) -> Result<(), P::Error> {
        let outcome = one::<true>(&job.scenario, &job.prepared, replication, self.control)?;
        let outcomes = {
            let mut outcomes = job.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            outcomes[replication as usize] = Some(outcome);
            if outcomes.iter().any(Option::is_none) {
                return Ok(());
            }
            outcomes.drain(..).flatten().collect()
        };
        self.points.done(job.point, &job.scenario, outcomes)?;
        self.locked().complete += 1;
        Ok(())
    }

    fn locked(&self) -> MutexGuard<'_, State<P::Error>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{example, replicate};

    /// Points that differ in their seed, and what comes of them.
    struct Seeds(Mutex<Vec<(usize, Vec<String>)>>, Option<usize>);

    fn prints(outcomes: &[Outcome]) -> Vec<String> {
        outcomes.iter().map(|outcome| outcome.fingerprint.to_string()).collect()
    }

    fn scenario(point: usize) -> Scenario {
        Scenario { seed: point as u64, replications: 1 + point as u32 % 3, ..example::scenario(1) }
    }

    impl Points for Seeds {
        type Error = ExperimentError;

        fn scenario(&self, point: usize) -> Result<Scenario, ExperimentError> {
            if self.1 == Some(point) {
                Err(ExperimentError::Threads("none".into()))
            } else {
                Ok(scenario(point))
            }
        }

        fn done(&self, point: usize, _: &Scenario, outcomes: Vec<Outcome>) -> Result<(), ExperimentError> {
            self.0.lock().unwrap().push((point, prints(&outcomes)));
            Ok(())
        }
    }

    #[test]
    fn every_point_comes_out_as_if_it_were_run_alone() {
        let cancelled = AtomicBool::new(false);
        let control = |threads| Control { threads, cancelled: &cancelled, observer: &Silent };
        for threads in [1, 3] {
            let seeds = Seeds(Mutex::default(), None);
            run(&seeds, &[5, 1, 2, 3], &control(threads)).unwrap();
            let mut found = seeds.0.into_inner().unwrap();
            found.sort();
            let alone =
                |point| (point, prints(&replicate::run::<true>(&scenario(point), &control(1)).unwrap()));
            assert_eq!(found, [1, 2, 3, 5].map(alone));
        }
    }

    #[test]
    fn a_failure_or_an_interruption_begins_no_further_point() {
        let cancelled = AtomicBool::new(false);
        let control = Control { threads: 1, cancelled: &cancelled, observer: &Silent };
        let seeds = Seeds(Mutex::default(), Some(2));
        let error = run(&seeds, &[1, 2, 3], &control).unwrap_err();
        assert_eq!(error, ExperimentError::Threads("none".into()));
        assert_eq!(seeds.0.into_inner().unwrap().len(), 1);
        cancelled.store(true, Ordering::Relaxed);
        let seeds = Seeds(Mutex::default(), None);
        assert_eq!(run(&seeds, &[1], &control), Err(ExperimentError::Interrupted));
    }
}
