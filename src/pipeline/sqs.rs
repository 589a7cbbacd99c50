//! From senders into queues, and from queues to the functions that read them.

use super::Pipeline;
use super::event::{Kind, pack, unpack};
use super::processed::BySender;
use crate::engine::random::Streams;
use crate::engine::slots::Slots;
use crate::engine::time::{MICROSECOND, Nanos};
use crate::measure::latency::Latency;
use crate::measure::ledger::Account as Ledger;
use crate::measure::series::Series;
use crate::scenario::checked::{QueueUse, Scenario};
use crate::scenario::path::resource;
use crate::systems::kinesis::log::Record;
use crate::systems::sqs::consumer::{Next, PARTS, QueueConsumer, parts};
use crate::systems::sqs::queue::{Message, Queue};
use crate::systems::sqs::requests::BATCH_MAX;
use std::collections::BTreeMap;

/// Columns of the series of a queue.
pub mod column {
    /// `NumberOfMessagesSent`.
    pub const SENT: usize = 0;
    /// `NumberOfMessagesReceived`.
    pub const RECEIVED: usize = 1;
    /// `NumberOfMessagesDeleted`.
    pub const DELETED: usize = 2;
    /// `ApproximateNumberOfMessagesVisible`, peak.
    pub const VISIBLE: usize = 3;
    /// `ApproximateNumberOfMessagesNotVisible`, peak.
    pub const NOT_VISIBLE: usize = 4;
    /// `ApproximateAgeOfOldestMessage` peak at a receive, microseconds.
    pub const AGE: usize = 5;
    /// How many there are.
    pub const COUNT: usize = 6;
}

/// Messages on their way to the pollers of a queue, or hidden after a failure.
#[derive(Clone, Debug)]
pub struct Absent {
    /// The queue, by number.
    pub queue: usize,
    /// They.
    pub messages: Vec<Message>,
    failed: bool,
}

/// A queue at work, with the function that reads it.
#[derive(Clone, Debug)]
pub struct QueuePlace {
    /// Its path, such as `sqs.search`.
    pub path: String,
    /// The queue.
    pub queue: Queue,
    /// The function that reads it.
    pub consumer: Option<QueueConsumer>,
    /// When the last message of each item can be had, of a FIFO queue: later ones come no sooner.
    shown: BTreeMap<u32, Nanos>,
    /// Order of what its function processes.
    pub following: Option<Box<BySender>>,
    /// Calls so far, which number the draws.
    calls: u32,
    /// From the intended write to the end of the invocation.
    pub latency: Latency<{ PARTS.len() }>,
    /// Its series.
    pub series: Series<{ column::COUNT }>,
}

impl QueuePlace {
    fn new(plan: &QueueUse, draws: &Streams, span: Nanos) -> Self {
        let consumer = plan.consumer.as_ref().map(|consumer| {
            let path = resource("consumers", &consumer.name);
            QueueConsumer::new(consumer, plan.queue.fifo, draws, &path)
        });
        Self {
            path: resource("sqs", &plan.name),
            queue: Queue::new(plan.queue),
            consumer,
            shown: BTreeMap::new(),
            following: None,
            calls: 0,
            latency: Latency::default(),
            series: Series::new(span),
        }
    }

    /// When the messages of one call can be had: no sooner than earlier ones of the same items, of a FIFO queue.
    fn shown_at(&mut self, now: Nanos, messages: &[Message]) -> Nanos {
        let first = messages.first().map_or(0, |message| message.record.identity());
        self.calls = self.calls.wrapping_add(1);
        let delivery = self.consumer.as_ref().map_or(0, |consumer| consumer.delivery(first, self.calls));
        let mut at = now + self.queue.plan.delay + delivery;
        if self.queue.plan.fifo.is_some() {
            let before = messages.iter().filter_map(|message| self.shown.get(&message.record.key));
            at = before.copied().fold(at, Nanos::max);
            self.shown.extend(messages.iter().map(|message| (message.record.key, at)));
        }
        at
    }

    fn note_levels(&mut self, now: Nanos) {
        self.series.raise(now, column::VISIBLE, self.queue.waiting() as u64);
        self.series.raise(now, column::NOT_VISIBLE, self.queue.in_flight as u64);
    }
}

/// The queues of a scenario, with nothing in them.
pub fn queues(scenario: &Scenario, draws: &Streams) -> Vec<QueuePlace> {
    scenario.queues.iter().map(|plan| QueuePlace::new(plan, draws, scenario.duration)).collect()
}

impl<const FULL: bool> Pipeline<FULL> {
    /// The function of number `sender` has sent records to a queue: `again` with a batch that had failed, and the first of them again.
    pub(super) fn send(
        &mut self,
        now: Nanos,
        number: usize,
        sender: usize,
        records: &[Record],
        (again, resent): (bool, usize),
    ) {
        for (call, records) in records.chunks(BATCH_MAX).enumerate() {
            let resent = resent.saturating_sub(call * BATCH_MAX);
            let place = &mut self.queues[number];
            if FULL {
                place.series.add(now, column::SENT, records.len() as u64);
            }
            let messages = place.queue.send(now, sender, records, (again, resent));
            if messages.is_empty() {
                continue;
            }
            let at = place.shown_at(now, &messages);
            let handle = self.absent.insert(Absent { queue: number, messages, failed: false });
            self.queue.push(at, Kind::Visible as u8, handle);
        }
    }

    /// Messages can be had by the pollers: new ones, or failed ones again.
    pub(super) fn visible(&mut self, now: Nanos, handle: u32) {
        let Some(Absent { queue: number, messages, failed }) = self.absent.take(handle) else { return };
        let place = &mut self.queues[number];
        if failed {
            place.queue.in_flight -= messages.len();
            place.queue.show_again(&messages, now);
        } else {
            messages.into_iter().for_each(|message| place.queue.show(message, now));
        }
        self.look_at_queue(now, number);
    }

    /// Pollers may have something to do.
    pub(super) fn poller_timer(&mut self, now: Nanos, handle: u32) {
        let number = handle as usize;
        if let Some(consumer) = &mut self.queues[number].consumer {
            consumer.timer_came(now);
        }
        self.look_at_queue(now, number);
    }

    /// Does what the pollers of a queue have to do next.
    fn look_at_queue(&mut self, now: Nanos, number: usize) {
        let place = &mut self.queues[number];
        let QueuePlace { queue, consumer: Some(consumer), series, .. } = place else { return };
        loop {
            match consumer.next(now, queue) {
                Next::Nothing => break,
                Next::At(at) => {
                    if consumer.set_timer(at) {
                        self.queue.push(at, Kind::Pollers as u8, number as u32);
                    }
                    break;
                }
                Next::Invoke => {}
            }
            let account = &mut self.account;
            match account.start(now, &mut consumer.share, &mut consumer.environments) {
                Err(why) => consumer.refused(now, why),
                Ok(cold) => {
                    if FULL {
                        let age = queue.oldest().map_or(0, |sent| now / MICROSECOND - sent);
                        series.raise(now, column::AGE, age);
                    }
                    let before = queue.meter.received;
                    match consumer.start(now, queue, cold) {
                        Some((running, end)) => {
                            self.queue.push(end, Kind::Answered as u8, pack(number, running as usize));
                        }
                        None => account.end(now, &mut consumer.share, &mut consumer.environments),
                    }
                    if FULL {
                        series.add(now, column::RECEIVED, queue.meter.received - before);
                    }
                }
            }
        }
        if FULL {
            place.note_levels(now);
        }
    }

    /// A function that reads a queue has ended.
    pub(super) fn answered(&mut self, now: Nanos, handle: u32) {
        let (number, running) = unpack(handle);
        let place = &mut self.queues[number];
        let QueuePlace { queue, consumer: Some(consumer), latency, series, following, .. } = place else {
            return;
        };
        if let Some(at) = consumer.ends(now, running as u32, queue) {
            self.account.end(now, &mut consumer.share, &mut consumer.environments);
            if at > now {
                return self.queue.push(at, Kind::Answered as u8, handle);
            }
        }
        let Some(mut settled) = consumer.ended(now, running as u32, queue) else { return };
        if let Some(following) = following {
            let processed = settled.done.iter().chain(&settled.failed[..settled.reached]);
            following.note(now, &self.tables, self.cohort, processed);
        }
        settled.failed[..settled.reached].iter_mut().for_each(|message| message.processed = true);
        for message in settled.done.iter().filter(|message| self.cohort.has(message.record.written)) {
            latency.record(parts(message, settled.moments, settled.ended));
        }
        let count = settled.done.len() as u64;
        if FULL {
            series.add(now, column::DELETED, count);
        }
        self.fingerprint.outcome(now, u64::from(handle) << 32 | count, 7);
        let mut over: Vec<u32> = settled.done.iter().chain(&settled.failed).map(|it| it.record.key).collect();
        let back = queue.fail(now, settled.failed);
        over.retain(|key| back.iter().all(|message| message.record.key != *key));
        queue.release(over.into_iter());
        if !back.is_empty() {
            // Hidden from its receive on, for as long as the queue says.
            let at = (settled.moments.0 + queue.plan.visibility).max(now);
            let handle = self.absent.insert(Absent { queue: number, messages: back, failed: true });
            self.queue.push(at, Kind::Visible as u8, handle);
        }
        self.look_at_queue(now, number);
    }

    /// What became of a queue's messages; what waits is counted where it lies.
    pub(super) fn queue_account(&self, number: usize, end: Nanos) -> Ledger {
        let place = &self.queues[number];
        let meter = &place.queue.meter;
        let absent = self.absent.iter().filter(|absent| absent.queue == number);
        let absent: usize = absent.map(|absent| absent.messages.len()).sum();
        let in_hand = place.consumer.as_ref().map_or(0, QueueConsumer::in_hand);
        let too_old = place.queue.too_old(end).count() as u64;
        Ledger {
            path: place.path.clone(),
            entered: vec![("sent", meter.sent)],
            fates: vec![
                ("processed", meter.deleted),
                ("deduplicated", meter.deduplicated),
                ("dead_letter", meter.dead),
                ("discarded", meter.too_large),
                ("expired", meter.expired + too_old),
                ("in_hand", in_hand),
                ("waiting", place.queue.count_waiting() - too_old + absent as u64),
            ],
        }
    }

    /// Whether a measured record waits in some queue.
    pub(super) fn measured_in_queues(&self, measured: impl Fn(u64) -> bool + Copy) -> bool {
        let such = |record: &Record| measured(record.written);
        // Where nobody reads, messages wait until the end.
        self.absent.iter().any(|absent| absent.messages.iter().any(|message| such(&message.record)))
            || self.queues.iter().any(|place| {
                let running = place.consumer.iter().flat_map(|consumer| consumer.running.iter());
                let is_read = place.consumer.as_ref().is_some_and(|consumer| !consumer.is_removed());
                (is_read && place.queue.any_waiting(such))
                    || running.flat_map(|running| &running.messages).any(|message| such(&message.record))
            })
    }

    /// When the oldest message had come that is in a queue, on its way to its pollers or in the function's hands.
    pub(super) fn oldest_message(&self, number: usize) -> Option<u64> {
        let place = &self.queues[number];
        let absent = self.absent.iter().filter(|absent| absent.queue == number);
        let absent = absent.flat_map(|absent| &absent.messages);
        let running = place.consumer.iter().flat_map(|consumer| consumer.running.iter());
        let running = running.flat_map(|running| &running.messages);
        absent.chain(running).chain(place.queue.messages()).map(|message| message.sent).min()
    }

    /// Messages in a queue, or on their way to its pollers.
    pub(super) fn queue_backlog(&self, number: usize) -> u64 {
        let place = &self.queues[number];
        place.queue.waiting() as u64 + place.queue.in_flight as u64
    }
}

/// Where messages are that nobody can have at present.
pub type AbsentMessages = Slots<Absent>;
