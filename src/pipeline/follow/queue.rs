//! A followed record in a queue, and at the function that reads that.

use rust_decimal::Decimal;

use super::{Charge, Sight, Step};
use crate::engine::time::{MICROSECOND, MILLISECOND, Nanos};
use crate::pipeline::Pipeline;
use crate::scenario::checked::{QueueUse, Scenario};
use crate::scenario::path::resource;
use crate::systems::kinesis::log::Record;
use crate::systems::sqs::consumer::Received;
use crate::systems::sqs::queue::{Message, QueueMeter};
use crate::systems::sqs::requests::{BATCH_MAX, requests};
use crate::units::counted;

/// Where its message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// On its way to the pollers, or hidden after a failure; with so many messages and bytes.
    Absent(usize, u64),
    /// Waiting for a poller.
    Waiting,
    /// With the function.
    Received(Received),
}

/// Looks for one record in one queue.
#[derive(Debug)]
pub struct QueueTracker<'a> {
    plan: &'a QueueUse,
    number: usize,
    /// The function or pipe that sends it, by number, and where that has it from.
    pub sender: usize,
    record: Record,
    /// Whether it is the second copy of the change.
    pub copy: bool,
    /// Its path.
    pub place: String,
    reader: String,
    /// Its message, once it was seen, and where that was at the last look.
    seen: Option<(Message, Place)>,
    meter: QueueMeter,
    /// When the last step took place.
    since: Nanos,
}

impl<'a> QueueTracker<'a> {
    /// For the queue of this number, to which `sender` is to send the record.
    pub fn new(scenario: &'a Scenario, number: usize, sender: usize, (record, copy): (Record, bool)) -> Self {
        let plan = &scenario.queues[number];
        let reader = plan.consumer.as_ref().map_or(String::new(), |it| resource("consumers", &it.name));
        let place = resource("sqs", &plan.name);
        let meter = QueueMeter::default();
        Self { plan, number, sender, record, copy, place, reader, seen: None, meter, since: 0 }
    }

    /// Whether its message was seen.
    pub fn is_sent(&self) -> bool {
        self.seen.is_some()
    }

    /// Whether a message carries it; of several that do, the first one is followed.
    fn is_it(&self, message: &Message) -> bool {
        let Record { written, appended, key, flags, .. } = message.record;
        let Record { written: when, appended: came, key: item, flags: marks, .. } = self.record;
        let same = (written, appended, key, flags) == (when, came, item, marks);
        same && self.seen.is_none_or(|(first, _)| first.sent == message.sent)
    }

    fn find(&self, pipeline: &Pipeline<true>) -> Option<(Message, Place)> {
        let place = &pipeline.queues[self.number];
        let is_it = |message: &&Message| self.is_it(message);
        if let Some((message, received)) = place.consumer.as_ref().and_then(|it| it.received(is_it)) {
            return Some((message, Place::Received(received)));
        }
        if let Some(message) = place.queue.messages().find(is_it) {
            return Some((*message, Place::Waiting));
        }
        let absent = pipeline.absent.iter().filter(|absent| absent.queue == self.number);
        let found = absent.filter_map(|absent| {
            let message = absent.messages.iter().find(is_it)?;
            let bytes = absent.messages.iter().map(|message| u64::from(message.record.bytes)).sum();
            Some((*message, Place::Absent(absent.messages.len(), bytes)))
        });
        found.into_iter().next()
    }

    fn step(&mut self, at: Nanos, place: &str, what: impl Into<String>, on: &str) -> Step {
        let step = Step::new(at, place, what).after(on, at.saturating_sub(self.since));
        self.since = self.since.max(at);
        Step { copy: self.copy, ..step }
    }

    /// Charge of requests for calls with so many messages.
    fn calls(&self, requests: u64, messages: usize) -> Charge {
        let id = if self.plan.queue.fifo.is_some() { "sqs.fifo" } else { "sqs.std" };
        Charge::shared(id, requests, messages)
    }

    /// When it took its last step.
    pub fn since(&self) -> Nanos {
        self.since
    }

    /// Notes what has happened to its message since the last look.
    fn moved(&mut self, now: Nanos, message: &Message, to: Place, steps: &mut Vec<Step>) {
        let from = self.seen.map(|(_, place)| place);
        if from.is_none() {
            self.since = now;
            let step = self.step(now, &self.place.clone(), "sent to the queue", "");
            let charge = match to {
                Place::Absent(messages, bytes) => Some(self.calls(requests(bytes), messages)),
                _ => None,
            };
            steps.push(step.sized(message.record.bytes).charged(charge));
        }
        let reader = self.reader.clone();
        if let (Some(Place::Received(run)), Place::Absent(..) | Place::Waiting) = (from, to) {
            steps.push(self.after_run(now, &run, "failed: hidden for a while, and then received again"));
        }
        if let Place::Received(run) = to
            && from.is_none_or(|from| !matches!(from, Place::Received(_)))
        {
            let on = if message.receives > 1 { "the visibility timeout" } else { "its delivery to a poller" };
            let could = (message.again.max(message.came) * MICROSECOND).clamp(self.since, run.started);
            let waits = [(on, could - self.since), ("earlier messages", run.started - could)];
            self.since = run.started;
            let what = match run.messages {
                1 => "received alone".to_owned(),
                messages => format!("received with {}", counted(messages as u64 - 1, "other")),
            };
            let step = Step::new(run.started, &reader, what)
                .charged([self.calls(requests(run.bytes), run.messages)]);
            let step = waits.into_iter().fold(step, |step, (on, nanos)| step.after(on, nanos));
            steps.push(Step { copy: self.copy, ..step });
            if run.cold > 0 {
                steps.push(self.step(
                    run.started + run.cold,
                    &reader,
                    "a new environment is ready",
                    "a cold start",
                ));
            }
        }
    }

    /// The function has ended: the message's share of what that costs.
    fn after_run(&mut self, now: Nanos, run: &Received, what: &str) -> Step {
        let reader = self.reader.clone();
        let step = self.step(now, &reader, what, "the function");
        let Some(function) = self.plan.consumer.as_ref().map(|consumer| &consumer.function) else {
            return step;
        };
        let id = if function.arm { "lambda.gbs.arm" } else { "lambda.gbs.x86" };
        let millis =
            Decimal::from(run.ended.unwrap_or(now).saturating_sub(run.started).div_ceil(MILLISECOND));
        let memory = Decimal::from(function.memory_mib) / Decimal::from(1_024);
        let share = millis * memory / Decimal::from(1_000) / Decimal::from(run.messages.max(1));
        step.charged([Charge::shared("lambda.req", 1, run.messages), Charge { id, quantity: share }])
    }

    /// It is nowhere any more: what became of it.
    fn fate(&mut self, now: Nanos, meter: &QueueMeter, last: Place, steps: &mut Vec<Step>) -> &'static str {
        let Place::Received(run) = last else {
            let step = self.step(now, &self.place.clone(), "expired before a poller came", "a poller");
            steps.push(step);
            return "expired";
        };
        let fate = if meter.dead > self.meter.dead && !run.is_done { "dead_letter" } else { "processed" };
        let is_done = fate == "processed";
        // Its poller settles what has become of it when it turns to the next ones.
        let turnaround = self.plan.consumer.as_ref().map_or(0, |consumer| consumer.turnaround);
        let now = now.saturating_sub(turnaround);
        let step = match run.ended.filter(|ended| *ended < now && is_done) {
            Some(ended) => {
                steps.push(self.after_run(ended, &run, "processed"));
                let reader = self.reader.clone();
                self.step(now, &reader, "deleted", "room for a call to delete")
            }
            None if is_done => self.after_run(now, &run, "processed and deleted"),
            None => self.after_run(now, &run, "failed: to the dead-letter queue"),
        };
        let deletes = (run.done.div_ceil(BATCH_MAX) as u64, run.done);
        let delete = (fate == "processed").then(|| self.calls(deletes.0, deletes.1));
        steps.push(step.charged(delete));
        fate
    }

    /// Where its message is now; steps that it has taken since the last look are added to `steps`. `sender_is_done` once its
    /// sender will send nothing any more.
    pub fn look(
        &mut self,
        now: Nanos,
        pipeline: &Pipeline<true>,
        sender_is_done: bool,
        steps: &mut Vec<Step>,
    ) -> Sight {
        let meter = pipeline.queues[self.number].queue.meter;
        let sight = match (self.find(pipeline), self.seen) {
            (Some((message, place)), _) => {
                self.moved(now, &message, place, steps);
                self.seen = Some((message, place));
                Sight::Held
            }
            (None, Some((_, last))) => Sight::Ended(self.fate(now, &meter, last, steps)),
            (None, None) if meter.deduplicated > self.meter.deduplicated && sender_is_done => {
                let place = self.place.clone();
                self.since = now;
                steps.push(self.step(now, &place, "dropped: its like was sent within five minutes", ""));
                Sight::Ended("deduplicated")
            }
            (None, None) if meter.too_large > self.meter.too_large && sender_is_done => {
                let place = self.place.clone();
                self.since = now;
                steps.push(self.step(now, &place, "refused: larger than the queue takes", ""));
                Sight::Ended("discarded")
            }
            (None, None) => Sight::Ahead,
        };
        self.meter = meter;
        sight
    }
}
