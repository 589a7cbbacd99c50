//! A followed record at a fleet of workers.

use super::polling::read_charge;
use super::{Found, Sight, Step, Tracker};
use crate::engine::time::{MICROSECOND, Nanos};
use crate::pipeline::Pipeline;
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::fleet::{ControlPlan, Via};

/// Looks for a record in the hands of a fleet's workers.
#[derive(Debug)]
pub struct FleetTracker<'a> {
    scenario: &'a Scenario,
    number: usize,
    place: String,
    read: Option<Nanos>,
}

impl<'a> FleetTracker<'a> {
    /// For the fleet of this number.
    pub fn new(scenario: &'a Scenario, number: usize) -> Self {
        let place = resource("consumers", &scenario.fleets[number].name);
        Self { scenario, number, place, read: None }
    }

    fn arrive(&self, now: Nanos, pipeline: &Pipeline<true>, found: &Found) -> Step {
        let plan = &self.scenario.fleets[self.number];
        let (what, waited_for) = match plan.via {
            Via::Polling(_) => ("read by the worker that holds its shard", "a poll to reach it"),
            Via::FanOut(_) => ("pushed to the worker that holds its shard", "the push"),
        };
        let step = Step::new(now, &self.place, what)
            .after(waited_for, now.saturating_sub(found.record.appended * MICROSECOND))
            .sized(found.record.bytes);
        let charge = (!plan.is_pushed_to()).then(|| {
            let batch = pipeline.fleets[self.number].fleet.shard(found.shard).unsettled().count();
            read_charge(self.scenario, pipeline, found, batch)
        });
        step.charged(charge.flatten())
    }
}

impl Tracker for FleetTracker<'_> {
    fn place(&self) -> &str {
        &self.place
    }

    fn look(&mut self, now: Nanos, pipeline: &Pipeline<true>, found: &Found, steps: &mut Vec<Step>) -> Sight {
        let fleet = &pipeline.fleets[self.number].fleet;
        let held = fleet.shard(found.shard).unsettled().any(|record| *record == found.record);
        match self.read {
            None if !held => Sight::Ahead,
            None => {
                steps.push(self.arrive(now, pipeline, found));
                self.read = Some(now);
                Sight::Held
            }
            Some(_) if held => Sight::Held,
            Some(read) => {
                let waited_for = match self.scenario.fleets[self.number].control {
                    ControlPlan::Kcl(_) => "earlier batches, checkpoints and its own batch",
                    ControlPlan::Flink(_) => "the operators before it and its own batch",
                };
                steps.push(Step::new(now, &self.place, "processed").after(waited_for, now - read));
                Sight::Ended("processed")
            }
        }
    }
}
