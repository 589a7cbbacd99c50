//! Progress bars on standard error: simulated time, or points of a sweep.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use streamgauge::engine::time::{MILLISECOND, Nanos, SECOND};
use streamgauge::experiment::replicate::Observer;
use streamgauge::pipeline::finish::Progress;
use streamgauge::scenario::checked::Scenario;
use streamgauge::units::Duration;

/// Shows how far the replications of one scenario are. They report from several threads.
pub struct Bar {
    bar: ProgressBar,
    replications: Vec<Reached>,
    total: Reached,
    duration: Nanos,
}

/// How far a replication is, or all of them together.
#[derive(Default)]
struct Reached {
    /// Simulated time, the span after the last write left out.
    now: AtomicU64,
    events: AtomicU64,
}

impl Bar {
    /// A bar at its beginning; hidden when `quiet` or when standard error is no terminal.
    pub fn new(scenario: &Scenario, quiet: bool) -> Self {
        let length = scenario.duration.saturating_mul(scenario.replications.into()) / MILLISECOND;
        let template = "{prefix} [{bar:24}] {percent:>3}%  {msg}  {eta} to go";
        Self {
            bar: drawn(length, template, quiet).with_prefix(scenario.name.clone()),
            replications: (0..scenario.replications).map(|_| Reached::default()).collect(),
            total: Reached::default(),
            duration: scenario.duration,
        }
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// "12m30s of 1h in each of 10 replications, 4.1 million events/s".
    fn message(&self, now_total: Nanos, events_total: u64) -> String {
        let count = self.replications.len();
        let mean = now_total / (count as u64).max(1);
        let reached = Duration::from_nanos(mean - mean % SECOND);
        let span = Duration::from_nanos(self.duration);
        let millions = events_total as f64 / self.bar.elapsed().as_secs_f64().max(1e-3) / 1e6;
        let each = if count == 1 { String::new() } else { format!(" in each of {count} replications") };
        format!("{reached} of {span}{each}, {millions:.1} million events/s")
    }
}

impl Observer for Bar {
    fn progress(&self, replication: u64, progress: Progress) {
        let Some(reached) = self.replications.get(replication as usize).filter(|_| !self.bar.is_hidden())
        else {
            return;
        };
        let step = |of: &AtomicU64, total: &AtomicU64, value: u64| {
            let gain = value.saturating_sub(of.swap(value, Ordering::Relaxed));
            total.fetch_add(gain, Ordering::Relaxed) + gain
        };
        let now_total = step(&reached.now, &self.total.now, progress.now.min(self.duration));
        let events_total = step(&reached.events, &self.total.events, progress.events);
        self.bar.set_message(self.message(now_total, events_total));
        self.bar.set_position(now_total / MILLISECOND);
    }
}

/// Shows how many points of a sweep are done.
pub struct PointBar(ProgressBar);

impl PointBar {
    /// A bar at its beginning; hidden when `quiet` or when standard error is no terminal.
    pub fn new(points: usize, quiet: bool) -> Self {
        let bar = drawn(points as u64, "[{bar:24}] {pos} of {len} points  {eta} to go", quiet);
        bar.tick();
        Self(bar)
    }

    /// One more point is done.
    pub fn advance(&self) {
        self.0.inc(1);
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

fn drawn(length: u64, template: &str, quiet: bool) -> ProgressBar {
    let shown = !quiet && std::io::stderr().is_terminal();
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template(template).expect("the template is well formed");
    ProgressBar::with_draw_target(Some(length), target).with_style(style.progress_chars("=> "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_of_several_replications_add_up_in_any_order() {
        let (bar, total) = (ProgressBar::hidden(), Reached::default());
        let replications = (0..2).map(|_| Reached::default()).collect();
        let bar = Bar { bar, replications, total, duration: 60 * SECOND };
        assert!(bar.message(90 * SECOND, 0).starts_with("45s of 1m in each of 2 replications, 0.0 "));
        // A hidden bar costs nothing: it is not even counted.
        bar.progress(1, Progress { now: 30 * SECOND, events: 7 });
        assert_eq!(bar.total.events.load(Ordering::Relaxed), 0);
    }
}
