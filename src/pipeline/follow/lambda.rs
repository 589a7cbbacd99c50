//! A followed record at a function.

use rust_decimal::Decimal;

use super::polling::read_charge;
use super::{Charge, Found, Sight, Step, Tracker};
use crate::engine::time::{MICROSECOND, MILLISECOND, Nanos};
use crate::pipeline::Pipeline;
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::lambda::mapping::{LambdaPlan, MappingMeter, Via, Whereabouts};
use crate::systems::sqs::requests::requests;
use crate::units::{counted, grouped};

/// Looks for a record in an event source mapping and in its function.
#[derive(Debug)]
pub struct LambdaTracker<'a> {
    scenario: &'a Scenario,
    number: usize,
    place: String,
    /// Where it was at the last look, and what the mapping had counted by then.
    last: Option<Whereabouts>,
    meter: MappingMeter,
    /// When it was read.
    polled: Option<Nanos>,
    /// When the last step took place.
    since: Nanos,
    came: bool,
    cut: bool,
    /// The try that runs.
    tries: u32,
}

impl<'a> LambdaTracker<'a> {
    /// For the function of this number.
    pub fn new(scenario: &'a Scenario, number: usize) -> Self {
        let place = resource("consumers", &scenario.lambdas[number].name);
        Self {
            scenario,
            number,
            place,
            last: None,
            meter: MappingMeter::default(),
            polled: None,
            since: 0,
            came: false,
            cut: false,
            tries: 0,
        }
    }

    fn plan(&self) -> &'a LambdaPlan {
        &self.scenario.lambdas[self.number]
    }

    fn step(&mut self, at: Nanos, what: impl Into<String>, on: &str) -> Step {
        let step = Step::new(at, &self.place, what).after(on, at.saturating_sub(self.since));
        self.since = at.max(self.since);
        step
    }

    /// Notes how it came to the function.
    fn arrive(
        &mut self,
        seen: &Whereabouts,
        pipeline: &Pipeline<true>,
        found: &Found,
        steps: &mut Vec<Step>,
    ) {
        let pushed = matches!(self.plan().via, Via::FanOut(_));
        let read = seen.polled.or(seen.came).filter(|_| self.polled.is_none());
        if let Some(at) = read {
            self.polled = Some(at);
            self.since = found.record.appended * MICROSECOND;
            let step = if pushed {
                self.step(at, "pushed to its consumer", "the push")
            } else {
                // Time without room is not time without a poll.
                self.since += seen.stalled;
                let by = if self.plan().role.is_pipe() { "read by the pipe" } else { "read by the mapping" };
                let step = self.step(at, by, "a poll to reach it");
                if seen.stalled > 0 { step.after("earlier batches", seen.stalled) } else { step }
            };
            let bytes = u64::from(found.record.bytes);
            let fan_out = || match pipeline.streams[found.stream].on_demand.is_on() {
                true if self.scenario.on_demand_advantage => "kds.adv.efo_gb",
                true => "kds.od.efo_gb",
                false => "kds.prov.efo_gb",
            };
            let charge = match pushed {
                true => Some(Charge::gigabytes(fan_out(), bytes)),
                // Calls of a trigger on a table's stream are free (DDS-M1).
                false if self.scenario.table_of_stream(found.stream).is_some() => None,
                false => read_charge(self.scenario, pipeline, found, seen.records),
            };
            steps.push(step.sized(bytes).charged(charge));
        }
        if let Some(at) = seen.came.filter(|_| !self.came) {
            self.came = true;
            if at > self.since {
                let at_whom =
                    if self.plan().role.runs_function() { "at the function" } else { "at the target" };
                steps.push(self.step(at, at_whom, "the delivery of what was read"));
            }
        }
    }

    /// Notes how its batch came about and what became of it.
    fn batch(&mut self, now: Nanos, seen: &Whereabouts, steps: &mut Vec<Step>) {
        if let Some(at) = seen.cut.filter(|_| !self.cut) {
            self.cut = true;
            let what = format!("in a complete batch of {}", grouped(seen.records as u64));
            steps.push(self.step(at, what, "its batch to be complete"));
        }
        // Tries that began and ended between two looks are seen by their number only.
        if self.last.is_some_and(|last| last.running.is_some()) && seen.running.is_none() {
            self.end_of_try(now, "failed", steps);
        }
        if let Some((started, cold)) = seen.running.filter(|_| seen.tries != self.tries) {
            let begun = seen.begun.unwrap_or(started).min(started);
            let retry = if self.tries > 0 { "the next try" } else { "earlier batches" };
            self.tries = seen.tries;
            let records = counted(seen.records as u64, "record");
            let verb = if self.plan().role.runs_function() { "invoked with" } else { "sent with" };
            let what = match seen.tries {
                1 => format!("{verb} {records}"),
                tries => format!("{verb} {records}, try {tries}"),
            };
            let waited = begun.saturating_sub(self.since);
            let step = Step::new(started, &self.place, what).after(retry, waited);
            let step = step.after("concurrency", started - begun.max(self.since).min(started));
            self.since = started;
            steps.push(step);
            if cold > 0 {
                // The environment is ready later; nothing is looked at then.
                let step = self.step(started + cold, "a new environment is ready", "a cold start");
                steps.push(step);
            }
        }
    }

    /// An invocation has ended: its share of what that costs.
    fn end_of_try(&mut self, now: Nanos, what: &str, steps: &mut Vec<Step>) {
        let Some(last) = self.last else { return };
        let Some((started, _)) = last.running else { return };
        let function = &self.plan().function;
        let id = if function.arm { "lambda.gbs.arm" } else { "lambda.gbs.x86" };
        let millis = Decimal::from((now - started).div_ceil(MILLISECOND));
        let memory = Decimal::from(function.memory_mib) / Decimal::from(1_024);
        let share = millis * memory / Decimal::from(1_000) / Decimal::from(last.records.max(1));
        let role = self.plan().role;
        let of_pipe =
            role.is_pipe().then(|| Charge::shared("pipes.req", requests(last.payload), last.records));
        let of_function = [Charge::shared("lambda.req", 1, last.records), Charge { id, quantity: share }];
        let of_function = of_function.into_iter().filter(|_| role.runs_function());
        let step = self.step(now, what, if role.runs_function() { "the function" } else { "the target" });
        steps.push(step.charged(of_pipe.into_iter().chain(of_function)));
    }

    /// It is in the mapping's hands no more: what became of it.
    fn fate(&self, meter: &MappingMeter, last: &Whereabouts) -> &'static str {
        let before = &self.meter;
        let processed = meter.processed - before.processed;
        // What a failed invocation had done comes before what is given up.
        if last.running.is_some() && (last.ahead as u64) < processed {
            return "processed";
        }
        match () {
            () if meter.on_failure > before.on_failure => "on_failure",
            () if meter.discarded > before.discarded => "discarded",
            () if meter.expired > before.expired => "expired",
            () if meter.filtered > before.filtered => "filtered",
            () => "processed",
        }
    }
}

impl Tracker for LambdaTracker<'_> {
    fn place(&self) -> &str {
        &self.place
    }

    fn look(&mut self, now: Nanos, pipeline: &Pipeline<true>, found: &Found, steps: &mut Vec<Step>) -> Sight {
        let mapping = &pipeline.lambdas[self.number].mapping;
        let sight = match (mapping.whereabouts(found.shard, &found.record), self.last) {
            (None, None) => Sight::Ahead,
            (Some(seen), _) => {
                self.arrive(&seen, pipeline, found, steps);
                self.batch(now, &seen, steps);
                self.last = Some(seen);
                Sight::Held
            }
            (None, Some(last)) => {
                let fate = self.fate(&mapping.meter, &last);
                let what = match fate {
                    "processed" if self.plan().role.runs_function() => "processed".to_owned(),
                    "processed" => "taken by the target".to_owned(),
                    "filtered" => "left out by the filter".to_owned(),
                    "on_failure" => "given up: sent to the on-failure destination".to_owned(),
                    fate => format!("given up: {}", fate.replace('_', " ")),
                };
                match last.running {
                    Some(_) => self.end_of_try(now, &what, steps),
                    None if self.plan().role.is_pipe() => steps.push(self.step(now, what, "the pipe")),
                    None => steps.push(self.step(now, what, "the mapping")),
                }
                Sight::Ended(fate)
            }
        };
        self.meter.clone_from(&mapping.meter);
        sight
    }
}
