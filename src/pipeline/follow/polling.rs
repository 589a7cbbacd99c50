//! A followed record at a polling consumer.

use super::{Charge, Found, Sight, Step, Tracker};
use crate::engine::time::{MICROSECOND, Nanos};
use crate::pipeline::Pipeline;
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::stalls::Stalls;
use crate::units::counted;

/// Looks for a record in the hands of a consumer's workers.
#[derive(Debug)]
pub struct PollingTracker<'a> {
    scenario: &'a Scenario,
    number: usize,
    place: String,
    polled: Option<Nanos>,
}

impl<'a> PollingTracker<'a> {
    /// For the consumer of this number.
    pub fn new(scenario: &'a Scenario, number: usize) -> Self {
        let place = resource("consumers", &scenario.consumers[number].name);
        Self { scenario, number, place, polled: None }
    }
}

/// What it costs to read one of `records` records of a call: a share of the call on a table's stream, the bytes on a stream in
/// on-demand mode, nothing on a provisioned one.
pub(super) fn read_charge(
    scenario: &Scenario,
    pipeline: &Pipeline<true>,
    found: &Found,
    records: usize,
) -> Option<Charge> {
    if scenario.table_of_stream(found.stream).is_some() {
        return Some(Charge::shared("ddb.streams.rru", 1, records));
    }
    let id = if scenario.on_demand_advantage { "kds.adv.out_gb" } else { "kds.od.out_gb" };
    let on_demand = pipeline.streams[found.stream].on_demand.is_on();
    on_demand.then(|| Charge::gigabytes(id, u64::from(found.record.bytes)))
}

impl Tracker for PollingTracker<'_> {
    fn place(&self) -> &str {
        &self.place
    }

    fn look(&mut self, now: Nanos, pipeline: &Pipeline<true>, found: &Found, steps: &mut Vec<Step>) -> Sight {
        let hand = pipeline.consumers[self.number].polling.in_hand_of(found.shard);
        let held = hand.to_do().contains(&found.record);
        match self.polled {
            None if !held => Sight::Ahead,
            None => {
                let arrived = found.record.appended * MICROSECOND;
                let earlier = hand.stalls.since(found.record.appended) * MICROSECOND;
                let queued = earlier + hand.polled - hand.due.max(arrived).min(hand.polled);
                let what = match hand.records.len() {
                    1 => "read by a GetRecords call, alone".to_owned(),
                    records => {
                        let others = counted(records as u64 - 1, "other");
                        format!("read by a GetRecords call with {others}")
                    }
                };
                let charge = read_charge(self.scenario, pipeline, found, hand.records.len());
                let polling = (hand.polled - queued).saturating_sub(arrived);
                let outages = pipeline.consumers[self.number].outages.as_deref();
                let down = |outages: &Stalls| {
                    outages.between(found.record.appended, hand.polled / MICROSECOND) * MICROSECOND
                };
                let down = outages.map_or(0, down).min(polling);
                let step = Step::new(hand.polled, &self.place, what)
                    .after("a poll to reach it", polling - down)
                    .after("the consumer, which was down", down)
                    .after("a worker", queued);
                steps.push(step.sized(found.record.bytes).charged(charge));
                self.polled = Some(hand.polled);
                Sight::Held
            }
            Some(_) if held => Sight::Held,
            Some(polled) => {
                let (what, waited_for) = match &self.scenario.consumers[self.number].sink {
                    None => ("processed", "the processing of its batch"),
                    Some(_) => ("processed: written to the sink", "the processing of its batch and the sink"),
                };
                steps.push(Step::new(now, &self.place, what).after(waited_for, now - polled));
                Sight::Ended("processed")
            }
        }
    }
}
