//! A function that reads a queue: pollers that hand it one batch for each invocation.

use super::pollers::Pollers;
use super::queue::{Message, Queue};
use super::requests;
use crate::engine::bucket::{Limit, TokenBucket};
use crate::engine::random::{Keyed, Streams};
use crate::engine::sampler::Sampler;
use crate::engine::slots::Slots;
use crate::engine::time::{MICROSECOND, MILLISECOND, Nanos, SECOND, round};
use crate::systems::lambda::batch::Held;
use crate::systems::lambda::cold_start::Environments;
use crate::systems::lambda::concurrency::{Share, Throttled};
use crate::systems::lambda::function::{Function, FunctionPlan};
use crate::systems::lambda::meter::MappingMeter;

/// How long a poller waits after the account refused an invocation.
const REFUSED_WAIT: Nanos = SECOND;

/// A function that reads a queue as the scenario describes it, checked.
#[derive(Clone, Debug)]
pub struct QueueConsumerPlan {
    /// Its name in the scenario.
    pub name: String,
    /// Messages of a batch at most.
    pub batch_size: u32,
    /// How long a batch waits for more messages.
    pub window: Nanos,
    /// How long a poller settles an answer before it asks for the next batch (LAM-L4).
    pub turnaround: Nanos,
    /// From a message's arrival at the queue to a poller, nanoseconds (DEF-10).
    pub delivery: Sampler,
    /// Batches at once at most, if that is limited.
    pub concurrency_max: Option<u32>,
    /// Whether the function says where it failed (LAM-E4).
    pub report_failures: bool,
    /// The function.
    pub function: FunctionPlan,
}

/// What the pollers do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Wait for messages or for a function.
    Nothing,
    /// Look again at this moment.
    At(Nanos),
    /// Invoke the function now.
    Invoke,
}

/// A batch that the function runs with.
#[derive(Clone, Debug)]
pub struct Running {
    /// Its messages.
    pub messages: Vec<Message>,
    started: Nanos,
    cold: Nanos,
    fails_at: Option<usize>,
    /// When the function ended; its poller may have to wait before it can delete what is done.
    ended: Option<Nanos>,
}

/// An invocation that has a message, and what it will do with that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// When it started.
    pub started: Nanos,
    /// How long its environment took to be ready.
    pub cold: Nanos,
    /// When the function ended, if its poller is still to delete what is done.
    pub ended: Option<Nanos>,
    /// Messages of its batch, and their bytes.
    pub messages: usize,
    /// The same.
    pub bytes: u64,
    /// How many of them will be processed and deleted, and whether this one will be.
    pub done: usize,
    /// The same.
    pub is_done: bool,
}

/// What an invocation settles.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Messages that are processed.
    pub done: Vec<Message>,
    /// Messages that come back.
    pub failed: Vec<Message>,
    /// How many of the first messages that come back the run had processed before it failed.
    pub reached: usize,
    /// When it started and when its environment was ready.
    pub moments: (Nanos, Nanos),
    /// When the function ended.
    pub ended: Nanos,
}

/// The pollers and the function at work.
#[derive(Clone, Debug)]
pub struct QueueConsumer {
    plan: QueueConsumerPlan,
    deliveries: Keyed,
    /// The function.
    pub function: Function,
    /// Its share of the account's concurrency.
    pub share: Share,
    /// Its environments.
    pub environments: Environments,
    /// Batches that run.
    pub running: Slots<Running>,
    pollers: Pollers,
    /// Calls to receive, of a FIFO queue (SQS-2).
    receives: Option<(Limit, TokenBucket)>,
    not_before: Nanos,
    /// When the pollers next look; later than any event for never.
    timer: Nanos,
    /// What it counted.
    pub meter: MappingMeter,
}

impl QueueConsumer {
    /// Pollers that have received nothing; `path` names the consumer, such as `consumers.search`.
    pub fn new(plan: &QueueConsumerPlan, fifo_calls: Option<u64>, draws: &Streams, path: &str) -> Self {
        let receives = fifo_calls.map(Limit::per_second);
        Self {
            deliveries: draws.keyed(&format!("{path}.delivery")),
            function: Function::new(&plan.function, draws, path),
            share: Share::new(plan.function.reserved),
            environments: Environments::new(plan.function.keep_warm),
            running: Slots::default(),
            pollers: Pollers::default(),
            receives: receives.map(|limit| (limit, limit.full())),
            not_before: 0,
            timer: Nanos::MAX,
            meter: MappingMeter::default(),
            plan: plan.clone(),
        }
    }

    /// From the arrival of messages at the queue to the pollers; those of one call come together.
    pub fn delivery(&self, first: u64, call: u32) -> Nanos {
        round(self.plan.delivery.sample(&mut self.deliveries.draws(first, call)))
    }

    /// What the pollers do next.
    pub fn next(&mut self, now: Nanos, queue: &Queue) -> Next {
        if queue.receivable() == 0 || self.pollers.is_stopped() {
            return Next::Nothing;
        }
        if now < self.not_before {
            return Next::At(self.not_before);
        }
        if self.plan.window > 0 && queue.waiting() < self.plan.batch_size as usize {
            let due = queue.first().map_or(0, |message| message.came * MICROSECOND) + self.plan.window;
            if due > now {
                return Next::At(due);
            }
        }
        let running = self.running.len() as u32;
        if self.plan.concurrency_max.is_some_and(|most| running >= most) {
            return Next::Nothing;
        }
        if let Err(grown) = self.pollers.ready(now) {
            return grown.map_or(Next::Nothing, Next::At);
        }
        if let Some((limit, bucket)) = &mut self.receives
            && !bucket.has(limit, now, 1)
        {
            return bucket.ready_at(limit, now, 1).map_or(Next::Nothing, Next::At);
        }
        Next::Invoke
    }

    /// Notes that the pollers look at `at`; whether an event is needed for that.
    pub fn set_timer(&mut self, at: Nanos) -> bool {
        let sooner = self.timer > at;
        if sooner {
            self.timer = at;
        }
        sooner
    }

    /// The event of a timer came.
    pub fn timer_came(&mut self, now: Nanos) {
        if self.timer <= now {
            self.timer = Nanos::MAX;
        }
    }

    /// Receives a batch and runs the function, which the account has let in. Returns its place and when it ends; nothing where
    /// all that waited was too old.
    pub fn start(&mut self, now: Nanos, queue: &mut Queue, cold: bool) -> Option<(u32, Nanos)> {
        self.count_empty_receives(now, queue);
        let messages = queue.receive(now, self.plan.batch_size as usize);
        let sizes = messages.iter().map(|message| u64::from(message.record.bytes));
        let calls = requests::calls(sizes, queue.plan.message_max);
        if let Some((limit, bucket)) = &mut self.receives {
            let there = bucket.available(limit, now);
            bucket.spend(calls.calls.min(there));
        }
        let first = messages.first()?;
        self.pollers.take(now);
        let again = first.receives > 1;
        queue.meter.receives[usize::from(again)] += calls.requests;
        let hold = |message: &Message| Held { record: message.record, stalled: 0, came: message.came };
        let held: Vec<Held> = messages.iter().map(hold).collect();
        let run = self.function.run(now, &held, first.receives - 1, cold, &mut |_, at| at);
        let meter = &mut self.meter;
        meter.invocations += 1;
        meter.retried += u64::from(again);
        meter.cold_starts += u64::from(cold);
        meter.run_micros[usize::from(again)] += (run.cold + run.duration) / MICROSECOND;
        meter.billed_millis[usize::from(again)] += (run.cold + run.duration).div_ceil(MILLISECOND);
        meter.concurrency_max = meter.concurrency_max.max(self.share.in_use());
        meter.handed_again += messages.iter().filter(|message| message.receives > 1).count() as u64;
        let running = Running { messages, started: now, cold: run.cold, fails_at: run.fails_at, ended: None };
        Some((self.running.insert(running), now + run.cold + run.duration))
    }

    /// The account refused an invocation: the pollers wait for a while.
    pub fn refused(&mut self, now: Nanos, why: Throttled) {
        self.meter.throttled[why as usize] += 1;
        self.not_before = self.not_before.max(now + REFUSED_WAIT);
    }

    /// It may not receive before `until`: its calls are refused, and messages wait. A refused call is no empty receive.
    pub fn deny(&mut self, now: Nanos, queue: &mut Queue, until: Nanos) {
        self.count_empty_receives(now, queue);
        self.pollers.rest(now, until);
        self.not_before = self.not_before.max(until);
    }

    /// Its mapping is deleted: it finishes what it has in hand, and the rest stays in the queue.
    pub fn remove(&mut self, now: Nanos, queue: &mut Queue) {
        self.count_empty_receives(now, queue);
        self.pollers.stop(now);
    }

    /// Whether it is.
    pub fn is_removed(&self) -> bool {
        self.pollers.is_stopped()
    }

    /// Counts what pollers were answered with nothing (SQS-3) up to now.
    pub fn count_empty_receives(&mut self, now: Nanos, queue: &mut Queue) {
        queue.meter.empty_receives += self.pollers.take_empty(now);
    }

    /// The function has ended. When its poller has deleted what is done (SQS-2) and asks again, if that is not settled yet.
    pub fn ends(&mut self, now: Nanos, place: u32, queue: &mut Queue) -> Option<Nanos> {
        let running = self.running.get_mut(place).filter(|running| running.ended.is_none())?;
        running.ended = Some(now);
        let deletes = running.fails_at.is_none_or(|done| self.plan.report_failures && done > 0);
        let deleted = if deletes { queue.deletes.call(now, now) } else { now };
        Some(deleted + self.plan.turnaround)
    }

    /// What a function that has ended settles: its poller deletes what is done.
    pub fn ended(&mut self, now: Nanos, place: u32, queue: &mut Queue) -> Option<Settled> {
        let Running { mut messages, started, cold, fails_at, ended } = self.running.take(place)?;
        self.pollers.give_back(now);
        let again = messages.first().is_some_and(|message| message.receives > 1);
        let moments = (started, started + cold);
        let reached = fails_at.unwrap_or(messages.len());
        if fails_at.is_some() {
            self.meter.errors += 1;
        }
        let kept = if self.plan.report_failures || fails_at.is_none() { reached } else { 0 };
        let failed = messages.split_off(kept);
        let reached = reached - kept;
        // What was processed before the failure is processed again.
        self.meter.repeated += reached as u64;
        self.meter.processed += messages.len() as u64;
        let sizes = messages.iter().map(|_| 0);
        queue.meter.receives[usize::from(again)] += requests::calls(sizes, queue.plan.message_max).requests;
        queue.delete(now, &messages);
        Some(Settled { done: messages, failed, reached, moments, ended: ended.unwrap_or(now) })
    }

    /// The first message in the function's hands that is such a one.
    pub fn received(&self, such: impl Fn(&&Message) -> bool) -> Option<(Message, Received)> {
        let mut all = self.running.iter();
        all.find_map(|running| {
            let (place, message) = running.messages.iter().enumerate().find(|(_, it)| such(it))?;
            let reached = running.fails_at.unwrap_or(running.messages.len());
            let done = if self.plan.report_failures || running.fails_at.is_none() { reached } else { 0 };
            let received = Received {
                started: running.started,
                cold: running.cold,
                ended: running.ended,
                messages: running.messages.len(),
                bytes: running.messages.iter().map(|it| u64::from(it.record.bytes)).sum(),
                done,
                is_done: place < done,
            };
            Some((*message, received))
        })
    }

    /// When an invocation ended whose poller is still to delete what it has done.
    pub fn ended_at(&self, place: u32) -> Option<Nanos> {
        self.running.get(place)?.ended
    }

    /// Messages in the function's hands, by walking them.
    pub fn in_hand(&self) -> u64 {
        self.running.iter().map(|running| running.messages.len() as u64).sum()
    }
}

/// Names of the [parts] of a message's latency.
pub const PARTS: [&str; 6] = ["propagation", "polling", "queueing", "retry", "cold_start", "execution"];

/// The parts of one record's latency, which add up to the time from its write to the end of the run: until it was in the
/// queue, until a poller could have it, until it was taken, what earlier tries took, cold start, execution.
pub fn parts(message: &Message, (started, warm): (Nanos, Nanos), now: Nanos) -> [u64; 6] {
    let [started, warm, ended] = [started, warm, now].map(|at| at / MICROSECOND);
    let last = message.again.max(message.came);
    [
        message.sent - message.record.written,
        message.came - message.sent,
        started - last,
        last - message.came,
        warm - started,
        ended - warm,
    ]
}
