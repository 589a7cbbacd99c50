//! A function: how long it runs, and when it fails.

use super::batch::Held;
use super::poison::Chosen;
use crate::engine::random::{Keyed, Streams, threshold};
use crate::engine::sampler::Sampler;
use crate::engine::time::{Nanos, round};
use crate::systems::kinesis::log::{Micros, Record};
use crate::systems::sink::{Sink, SinkPlan};

/// What makes a function fail.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Errors {
    /// Share of invocations that fail, somewhere in their batch.
    pub rate: f64,
    /// Share of records that always fail.
    pub poison_share: f64,
    /// Items whose records always fail, by number.
    pub poison_keys: Vec<u32>,
    /// The first record written at or after each of these moments always fails.
    pub poison_at: Vec<Micros>,
}

/// A function as the scenario describes it, checked.
#[derive(Clone, Debug)]
pub struct FunctionPlan {
    /// Running time of an invocation, whatever its records.
    pub base: Nanos,
    /// Running time of each record.
    pub per_record: Nanos,
    /// Spread of running times: a lognormal factor with mean 1.
    pub spread: Sampler,
    /// An invocation that takes longer fails at this moment (LAM-C6).
    pub timeout: Nanos,
    /// Memory in MiB, which is billed.
    pub memory_mib: u32,
    /// Whether it runs on Arm.
    pub arm: bool,
    /// How long a new environment takes to start.
    pub cold_start: Sampler,
    /// How long an idle environment stays.
    pub keep_warm: Nanos,
    /// Executions kept for it alone, and its limit.
    pub reserved: Option<u32>,
    /// Failures.
    pub errors: Errors,
    /// What it writes its records to, if that has a limit or a latency of its own.
    pub sink: Option<SinkPlan>,
    /// Queues that it sends its records to.
    pub sends_to: Vec<SendPlan>,
}

/// A queue that a function sends its records to.
#[derive(Clone, Debug)]
pub struct SendPlan {
    /// Its number.
    pub queue: usize,
    /// Its name.
    pub name: String,
    /// What calls to it take.
    pub calls: SinkPlan,
}

/// What one invocation comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Start of a new environment.
    pub cold: Nanos,
    /// Running time.
    pub duration: Nanos,
    /// The place of the record at which it fails; those before it are processed.
    pub fails_at: Option<usize>,
}

/// When a call to the queue of this number that is ready at some moment can be made: its senders share what it takes (SQS-2).
pub type Turns<'a> = dyn FnMut(usize, Nanos) -> Nanos + 'a;

/// A function at work.
#[derive(Clone, Debug)]
pub struct Function {
    plan: FunctionPlan,
    /// What it writes to.
    pub sink: Option<Sink>,
    /// Calls to the queues that it sends to.
    pub sends: Vec<Sink>,
    durations: Keyed,
    coins: Keyed,
    rate_below: u64,
    poison_below: u64,
    /// Poison records that moments choose.
    chosen: Chosen,
    /// Before this every invocation fails at its first record.
    down_until: Nanos,
    /// Another share of invocations fails until this moment.
    other_rate: (u64, Nanos),
    /// So many times as long it runs before this moment.
    slow: (f64, Nanos),
}

impl Function {
    /// A function that has not run; `path` names it, such as `consumers.search`.
    pub fn new(plan: &FunctionPlan, draws: &Streams, path: &str) -> Self {
        Self {
            sink: plan.sink.as_ref().map(|plan| Sink::new(plan, draws, &format!("{path}.sink"))),
            sends: plan
                .sends_to
                .iter()
                .map(|plan| Sink::new(&plan.calls, draws, &format!("{path}.sends.{}", plan.name)))
                .collect(),
            durations: draws.keyed(&format!("{path}.duration")),
            coins: draws.keyed(&format!("{path}.errors")),
            rate_below: threshold(plan.errors.rate),
            poison_below: threshold(plan.errors.poison_share),
            chosen: Chosen::new(&plan.errors.poison_at),
            down_until: 0,
            other_rate: (0, 0),
            slow: (1.0, 0),
            plan: plan.clone(),
        }
    }

    /// An outage: every invocation fails.
    pub fn fail_until(&mut self, until: Nanos) {
        self.down_until = self.down_until.max(until);
    }

    /// Invocations that begin before `until` take so many times as long.
    pub fn slow_down(&mut self, factor: f64, until: Nanos) {
        self.slow = (factor, until);
    }

    /// This share of invocations fails for a while, instead of the usual one.
    pub fn set_error_rate(&mut self, rate: f64, until: Nanos) {
        self.other_rate = (threshold(rate), until);
    }

    /// Whether it always fails at this record.
    pub fn is_poison(&mut self, record: &Record) -> bool {
        let errors = &self.plan.errors;
        let by_chance = self.poison_below > 0 && self.coins.bits(record.identity(), 0) < self.poison_below;
        if by_chance || errors.poison_keys.contains(&record.key) {
            return true;
        }
        self.chosen.has(record)
    }

    /// Runs with a batch that is not empty; `attempt` counts its tries.
    pub fn run(&mut self, now: Nanos, records: &[Held], attempt: u32, cold: bool, turns: &mut Turns) -> Run {
        // An invocation without records ends a window: its moment tells it from others.
        let address = records.first().map_or(now, |held| held.record.identity());
        let mut draws = self.durations.draws(address, attempt);
        let mut factor = self.plan.spread.sample(&mut draws);
        if now < self.slow.1 {
            factor *= self.slow.0;
        }
        let cold = if cold { round(self.plan.cold_start.sample(&mut draws)) } else { 0 };
        let errors = &self.plan.errors;
        let quiet =
            errors.poison_share == 0.0 && errors.poison_keys.is_empty() && errors.poison_at.is_empty();
        let poison = if quiet { None } else { records.iter().position(|held| self.is_poison(&held.record)) };
        let below = if now < self.other_rate.1 { self.other_rate.0 } else { self.rate_below };
        let by_chance = (below > 0 && self.coins.bits(address, 1 + attempt) < below)
            .then(|| draws.below(records.len().max(1) as u64) as usize);
        let mut fails_at =
            [poison, by_chance, (now < self.down_until).then_some(0)].into_iter().flatten().min();
        let time = |processed: usize| {
            round((self.plan.base as f64 + self.plan.per_record as f64 * processed as f64) * factor)
        };
        let mut duration = time(fails_at.unwrap_or(records.len()));
        if duration > self.plan.timeout {
            duration = self.plan.timeout;
            let in_time = (0..records.len()).rev().find(|processed| time(*processed) <= duration);
            fails_at = Some(in_time.unwrap_or(0));
        }
        let queues = self.plan.sends_to.iter().map(|send| Some(send.queue));
        let sinks = self.sink.iter_mut().map(|sink| (sink, None)).chain(self.sends.iter_mut().zip(queues));
        for (sink, queue) in sinks {
            // It writes what it has worked out, so that what it could not write in time is not processed.
            let (from, reach) = (now + cold, fails_at.unwrap_or(records.len()));
            let (ready, deadline) = (from + duration, from + self.plan.timeout);
            let written = match queue {
                None => sink.write(now, (ready, deadline), reach, (address, attempt)),
                Some(queue) => {
                    sink.call(ready, deadline, reach, (address, attempt), |_, at, _| turns(queue, at))
                }
            };
            duration = written.ended - from;
            if written.records < reach {
                fails_at = Some(written.records);
            }
        }
        Run { cold, duration, fails_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::{MILLISECOND, SECOND};

    fn plan() -> FunctionPlan {
        FunctionPlan {
            base: 10 * MILLISECOND,
            per_record: MILLISECOND,
            spread: Sampler::Constant(1.0),
            timeout: 900 * SECOND,
            memory_mib: 512,
            arm: false,
            cold_start: Sampler::Constant(200.0 * MILLISECOND as f64),
            keep_warm: 600 * SECOND,
            reserved: None,
            errors: Errors::default(),
            sink: None,
            sends_to: Vec::new(),
        }
    }

    fn records(count: u64) -> Vec<Held> {
        let record = |at| Record { written: at, appended: at, bytes: 100, key: at as u32, flags: 0 };
        (0..count).map(|at| Held { record: record(at), stalled: 0, came: at }).collect()
    }

    #[test]
    fn lam_c6_a_function_that_exceeds_its_timeout_fails_there() {
        let plan = FunctionPlan { timeout: 60 * MILLISECOND, ..plan() };
        let mut function = Function::new(&plan, &Streams::new(1, 0), "consumers.x");
        let run = function.run(0, &records(100), 0, true, &mut |_, at| at);
        assert_eq!((run.duration, run.cold), (60 * MILLISECOND, 200 * MILLISECOND));
        assert_eq!(run.fails_at, Some(50), "10 ms, and one for each record");
        assert_eq!(function.run(0, &records(50), 0, false, &mut |_, at| at).fails_at, None);
    }

    #[test]
    fn a_poison_record_fails_every_time_and_what_comes_before_it_is_processed() {
        let errors = Errors { poison_at: vec![30], ..Errors::default() };
        let mut function =
            Function::new(&FunctionPlan { errors, ..plan() }, &Streams::new(1, 0), "consumers.x");
        for attempt in 0..3 {
            let run = function.run(0, &records(100), attempt, false, &mut |_, at| at);
            assert_eq!((run.fails_at, run.duration), (Some(30), 40 * MILLISECOND));
        }
        assert_eq!(function.run(0, &records(100)[31..], 0, false, &mut |_, at| at).fails_at, None);
    }
}
