//! A followed record at a fleet of workers.

use super::polling::read_charge;
use super::{Found, Sight, Step, Tracker};
use crate::engine::time::{MICROSECOND, Nanos};
use crate::pipeline::Pipeline;
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::fleet::progress::{Gone, Progress};
use crate::systems::fleet::{ControlPlan, Via};

/// Looks for a record in the hands of a fleet's workers.
#[derive(Debug)]
pub struct FleetTracker<'a> {
    scenario: &'a Scenario,
    number: usize,
    place: String,
    read: Option<Nanos>,
    /// Its number among the records of its shard, and how many of those before it were never processed, at the last look.
    number_in_shard: u64,
    gone: Gone,
}

impl<'a> FleetTracker<'a> {
    /// For the fleet of this number.
    pub fn new(scenario: &'a Scenario, number: usize) -> Self {
        let place = resource("consumers", &scenario.fleets[number].name);
        Self { scenario, number, place, read: None, number_in_shard: 0, gone: Gone::default() }
    }

    /// What became of it since the last look. Of several records that leave a worker's hands at once those that expired come
    /// first, and those that were lost last.
    fn fate(&self, progress: &Progress) -> &'static str {
        let gone = progress.gone();
        let expired = gone.expired - self.gone.expired;
        let lost = gone.lost - self.gone.lost;
        let left = gone.left - self.gone.left;
        match self.number_in_shard {
            number if number >= progress.settled() - left => "after_removal",
            number if number >= progress.settled() - lost => "lost",
            number if progress.has_thrown(number) => "skipped",
            _ if expired > 0 => "expired",
            _ => "processed",
        }
    }

    fn end(&self, now: Nanos, read: Nanos, fate: &str) -> Step {
        let plan = &self.scenario.fleets[self.number];
        let processed = match (&plan.control, plan.sink.is_some()) {
            (ControlPlan::Kcl(_), false) => "earlier batches, checkpoints and its own batch",
            (ControlPlan::Kcl(_), true) => "earlier batches, checkpoints, its own batch and the sink",
            (ControlPlan::Flink(_), false) => "the operators before it and its own batch",
            (ControlPlan::Flink(_), true) => "the operators before it, its own batch and the sink",
        };
        let (what, waited_for) = match fate {
            "lost" => ("lost: its checkpoint was written, and its worker died over it", processed),
            "skipped" => ("skipped: the processing of its batch threw", processed),
            "after_removal" => ("left: the fleet is removed", processed),
            "expired" => ("expired before it was read again", "a worker to read it again"),
            _ if plan.sink.is_some() => ("processed: written to the sink", processed),
            _ => ("processed", processed),
        };
        Step::new(now, &self.place, what).after(waited_for, now - read)
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
        let progress = pipeline.fleets[self.number].fleet.shard(found.shard);
        let held = progress.unsettled().position(|record| *record == found.record);
        if let Some(place) = held {
            (self.number_in_shard, self.gone) = (progress.settled() + place as u64, progress.gone());
        }
        match self.read {
            None if held.is_none() => Sight::Ahead,
            None => {
                steps.push(self.arrive(now, pipeline, found));
                self.read = Some(now);
                Sight::Held
            }
            Some(_) if held.is_some() => Sight::Held,
            Some(read) => {
                let fate = self.fate(progress);
                steps.push(self.end(now, read, fate));
                Sight::Ended(fate)
            }
        }
    }
}
