//! What `run`, `compare` and `sweep` share: choosing among a file's variants, and simulating with a progress bar.

use super::exit::Failure;
use super::interrupt;
use super::output::tell;
use super::progress::{Bar, PointBar};
use clap::Args;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use streamgauge::experiment::follow;
use streamgauge::experiment::replicate::{self, Control, ExperimentError, Observer, Silent};
use streamgauge::experiment::sweep::{self, Points};
use streamgauge::experiment::verify::{self, Verification};
use streamgauge::experiment::warm_up;
use streamgauge::pipeline::finish::Outcome;
use streamgauge::pipeline::follow::slowest::Leg;
use streamgauge::pipeline::follow::{Trail, arrival::Choice};
use streamgauge::report::words;
use streamgauge::scenario::Loaded;
use streamgauge::scenario::checked::{Scenario, WarmUpRule};
use streamgauge::scenario::diagnostic::{Diagnostic, nearest};

/// How to simulate. Nothing here changes a result.
#[derive(Debug, Args)]
pub struct Manner {
    /// Threads to simulate on; all processors unless given. Results do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Say nothing on standard error but errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// The simulations of one call: they share their manner and stop together.
pub struct Session<'a> {
    manner: &'a Manner,
    threads: usize,
    stop: &'static AtomicBool,
}

impl<'a> Session<'a> {
    /// From here on, Ctrl-C stops whatever is simulated.
    ///
    /// # Errors
    /// The system does not let us listen for signals.
    pub fn start(manner: &'a Manner) -> Result<Self, Failure> {
        let all = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = manner.threads.map_or_else(all, usize::from);
        Ok(Self { manner, threads, stop: interrupt::listen()? })
    }

    /// Tells unless told to be quiet.
    pub fn tell(&self, text: &str) {
        if !self.manner.quiet {
            tell(text);
        }
    }

    fn control<'b>(&'b self, observer: &'b dyn Observer) -> Control<'b> {
        Control { threads: self.threads, cancelled: self.stop, observer }
    }

    /// Fixes the warm-up of the scenarios that leave it open.
    ///
    /// # Errors
    /// It cannot be found, or an interruption.
    pub fn settle(&self, scenarios: &mut [Scenario]) -> Result<(), Failure> {
        if scenarios.iter().any(|scenario| scenario.warm_up_rule == WarmUpRule::Mser5) {
            self.tell("Looking for the end of the warm-up on pilot replications.");
        }
        Ok(warm_up::settle(scenarios, &self.control(&Silent))?)
    }

    /// Runs all replications, showing progress and, at the end, the time they took.
    ///
    /// # Errors
    /// An interruption, or a failure of the simulator.
    pub fn simulate(&self, scenario: &Scenario) -> Result<Vec<Outcome>, Failure> {
        let (bar, started) = (Bar::new(scenario, self.manner.quiet), Instant::now());
        let outcomes = replicate::run::<true>(scenario, &self.control(&bar));
        bar.clear();
        let outcomes = outcomes?;
        let producers = outcomes.iter().flat_map(|outcome| &outcome.producers);
        let direct = outcomes.iter().flat_map(|outcome| &outcome.direct);
        let records: u64 = direct.map(|direct| direct.meter.offered).sum();
        let writes = producers.map(|(meter, _)| meter.offered).sum::<u64>() + records;
        let (name, seconds) = (&scenario.name, started.elapsed().as_secs_f64());
        let each = seconds * 1e9 / writes.max(1) as f64;
        let threads = self.on_threads(outcomes.len());
        self.tell(&format!(
            "{name}: {} simulated in {seconds:.2} s, {} ns a write on {threads}.",
            words::plural(writes, "write"),
            words::count(each.round() as u64)
        ));
        Ok(outcomes)
    }

    /// Follows the first write that is as asked, in one replication.
    ///
    /// # Errors
    /// An interruption, or a failure of the simulator.
    pub fn follow(
        &self,
        scenario: &Scenario,
        replication: u64,
        choice: Choice,
    ) -> Result<Option<Trail>, Failure> {
        Ok(follow::follow(scenario, replication, choice, &self.control(&Silent))?)
    }

    /// Follows the measured write that took longest on a leg.
    ///
    /// # Errors
    /// As [`follow`](Self::follow).
    pub fn slowest(&self, scenario: &Scenario, replication: u64, leg: Leg) -> Result<Option<Trail>, Failure> {
        Ok(follow::slowest(scenario, replication, leg, &self.control(&Silent))?)
    }

    /// A bar over so many points.
    pub fn point_bar(&self, points: usize) -> PointBar {
        PointBar::new(points, self.manner.quiet)
    }

    /// Simulates these points of a sweep.
    ///
    /// # Errors
    /// An interruption, or the first failure.
    pub fn sweep(&self, points: &impl Points<Error = Failure>, numbers: &[usize]) -> Result<(), Failure> {
        let started = Instant::now();
        sweep::run(points, numbers, &self.control(&Silent))?;
        if !numbers.is_empty() {
            let seconds = started.elapsed().as_secs_f64();
            self.tell(&format!(
                "{} simulated in {seconds:.2} s on {}.",
                words::plural(numbers.len() as u64, "point"),
                self.on_threads(numbers.len())
            ));
        }
        Ok(())
    }

    /// "2 threads": as many as so many pieces of work kept busy.
    fn on_threads(&self, pieces: usize) -> String {
        words::plural(self.threads.min(pieces) as u64, "thread")
    }

    /// Fails unless the scenario has the same outcomes whenever it runs.
    ///
    /// # Errors
    /// It has not, or an interruption, or another failure of the simulator.
    pub fn verify(&self, scenario: &Scenario) -> Result<(), Failure> {
        let verification = verify::verify(scenario, &self.control(&Silent))?;
        match verification {
            Verification::Same(_) => self.tell(&format!("Verified: {verification}")),
            Verification::Differs { .. } => return Err(Failure::internal(verification)),
        }
        Ok(())
    }
}

/// A warm-up that cannot be found is for the scenario's author to mend; what else goes wrong is not.
impl From<ExperimentError> for Failure {
    fn from(error: ExperimentError) -> Self {
        match error {
            ExperimentError::Interrupted => Self::interrupted(),
            ExperimentError::WarmUp(_) => Self::rejected(error),
            _ => Self::internal(error),
        }
    }
}

/// The variant of this name.
///
/// # Errors
/// There is none; names those there are.
pub fn variant(loaded: &Loaded, wanted: &str) -> Result<Scenario, Diagnostic> {
    if let Some((_, scenario)) = loaded.variants.iter().find(|(name, _)| name == wanted) {
        return Ok(scenario.clone());
    }
    let names: Vec<&str> = loaded.variants.iter().map(|(name, _)| name.as_str()).collect();
    let meant = nearest(wanted, names.iter().copied());
    let meant = meant.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    let error = Diagnostic::new(format!("`{}` has no variant `{wanted}`{meant}", loaded.base.name));
    Err(match names.len() {
        0 => error.help("the scenario has no variants; see the section `variants` of `streamgauge init`"),
        _ => error.help(format!("its variants: {}", names.join(", "))),
    })
}
