//! How a producer's rate goes on, and what the bill makes of it.

use crate::engine::time::Nanos;
use crate::scenario::checked::{Scenario, Study};
use crate::scenario::path::resource;
use crate::scenario::timeline::Action;
use crate::units::Duration;
use crate::workload::arrivals::ArrivalPlan;

/// How a producer's rate goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    /// When the writes end, if they do.
    end: Option<Nanos>,
    /// After which time their rate repeats, if it does.
    period: Option<Nanos>,
    /// Whether it changes in the measured span and does not repeat.
    one_off: bool,
}

impl Course {
    pub fn of(scenario: &Scenario, arrivals: &ArrivalPlan) -> Self {
        Self {
            end: arrivals.end(),
            period: arrivals.period(),
            one_off: arrivals.changes_once_in(scenario.warm_up, scenario.duration),
        }
    }

    /// What about it deserves a thought; `name` is the producer's.
    pub fn warnings(&self, scenario: &Scenario, name: &str) -> Vec<String> {
        let ends = match self.end {
            Some(end) if end < scenario.duration => {
                let end = Duration::from_nanos(end);
                Some(format!("The writes of workload.{name} end at {end}, before the run does."))
            }
            Some(_) if scenario.study == Study::Steady => Some(format!(
                "The writes of workload.{name} come to an end; a steady study supposes that they go on."
            )),
            _ => None,
        };
        ends.into_iter().chain(self.partial_period(scenario, name)).chain(self.once(scenario, name)).collect()
    }

    /// Part of a day scaled to a month is billed as if the whole day were like it.
    fn partial_period(&self, scenario: &Scenario, name: &str) -> Option<String> {
        let measured = scenario.duration - scenario.warm_up;
        let period = self.period?;
        if measured.is_multiple_of(period) || measured == scenario.billing.represents {
            return None;
        }
        let [span, whole, month] = [measured, period, scenario.billing.represents].map(Duration::from_nanos);
        Some(format!(
            "The bill scales {span} to {month}, but they are no multiple of the {whole} after which the rate of \
             workload.{name} repeats; measure whole periods, or say with `billing.represents` what this run stands for."
        ))
    }

    /// What happens once is billed as if it went on happening all month.
    fn once(&self, scenario: &Scenario, name: &str) -> Option<String> {
        let measured = scenario.duration - scenario.warm_up;
        if !self.one_off || scenario.billing.represents <= measured {
            return None;
        }
        let place = resource("workload", name);
        let spikes = scenario.timeline.iter().filter(|it| it.action == Action::Spike && it.place == place);
        let spikes: Vec<String> = spikes.map(|it| format!("events.{}", it.name)).collect();
        let what = if spikes.is_empty() { "its arrivals".to_owned() } else { spikes.join(" and ") };
        let [span, month] = [measured, scenario.billing.represents].map(Duration::from_nanos);
        Some(format!(
            "The rate of workload.{name} does not repeat ({what}), and the bill scales {span} to {month}, as if it did so \
             every {span}. `billing.represents` says for how much of the month this run stands: {span} bills it once, and a run \
             of the ordinary load can stand for the rest."
        ))
    }
}
