//! A queue: what is in it, in which order, and for how long.

use super::quota::Quota;
use super::requests;
use crate::engine::time::{MICROSECOND, MINUTE, Nanos, SECOND};
use crate::systems::kinesis::log::{Micros, Record, flags};
use crate::systems::lag::Lag;
use crate::systems::tolls::Tolls;
use std::collections::{BTreeMap, VecDeque};

/// Messages that may be in flight: received, and neither deleted nor visible again (SQS-5).
pub const IN_FLIGHT_MAX: usize = 120_000;
/// Calls a second and action on a FIFO queue without high-throughput mode (SQS-2).
pub const FIFO_CALLS: u64 = 300;
/// How long a FIFO queue remembers what it took (SQS-6).
pub const DEDUPLICATION: Nanos = 5 * MINUTE;
/// How long a receive waits for a message at most (SQS-3).
pub const LONG_POLL: Nanos = 20 * SECOND;
/// The largest message, and the largest call (SQS-4).
pub const MESSAGE_MAX: u64 = 1 << 20;
/// The same before August 2025.
pub const MESSAGE_MAX_BEFORE: u64 = 256 * 1_024;
/// 2025-08-01T00:00:00Z: AWS names the year (SQS-4), the month is from memory.
pub const MESSAGE_MAX_SINCE: i64 = 1_754_006_400;

/// The fate and the cause of what the retention takes (SQS-3).
pub const EXPIRED: (&str, &str) = ("expired", "older than the queue's retention");

/// A queue as the scenario describes it, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuePlan {
    /// Calls a second and action, if it is a FIFO queue.
    pub fifo: Option<u64>,
    /// How long messages stay (SQS-3).
    pub retention: Nanos,
    /// How long a received message is hidden.
    pub visibility: Nanos,
    /// How long a new message is hidden.
    pub delay: Nanos,
    /// Receives after which a message goes to the dead-letter queue.
    pub receives_max: Option<u32>,
    /// The largest message (SQS-4).
    pub message_max: u64,
}

/// A message, which carries one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// The record.
    pub record: Record,
    /// When it reached the queue.
    pub sent: Micros,
    /// When a poller first had it.
    pub came: Micros,
    /// When it could last be received again after a failure; 0 before that.
    pub again: Micros,
    /// Times that it was received.
    pub receives: u32,
    /// The number of its sender: there are fewer than 256.
    pub sender: u8,
    /// Whether its sender had sent it before.
    pub resent: bool,
    /// Whether a run that failed later has processed it.
    pub processed: bool,
}

/// What a queue counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueMeter {
    /// Messages sent to it.
    pub sent: u64,
    /// Messages that are larger than it takes (SQS-4).
    pub too_large: u64,
    /// Messages dropped as sent before (SQS-6).
    pub deduplicated: u64,
    /// Messages processed and deleted.
    pub deleted: u64,
    /// Messages that went to the dead-letter queue.
    pub dead: u64,
    /// Messages that were too old.
    pub expired: u64,
    /// Messages received.
    pub received: u64,
    /// Of these, those received before.
    pub received_again: u64,
    /// Messages deleted out of the order of their items: a later change of the item was deleted before.
    pub out_of_order: u64,
    /// Requests to send: of records sent for the first time, and of records sent again.
    pub sends: [u64; 2],
    /// Requests to receive and to delete: for the first time, and later.
    pub receives: [u64; 2],
    /// Receives that found nothing.
    pub empty_receives: u64,
    /// The most messages in flight.
    pub in_flight_max: usize,
    /// The most messages that waited.
    pub waiting_max: usize,
}

/// What a FIFO queue knows messages by: equal ones carry one change, or changes of an item that were meant for the same
/// microsecond, which are told apart by their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    sender: usize,
    written: Micros,
    key: u32,
}

/// What came of one identity within the last five minutes.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// Messages taken.
    taken: u32,
    /// Of these, those whose originals came.
    originals: u32,
}

/// Messages of one group of a FIFO queue.
#[derive(Clone, Debug, Default)]
struct Group {
    messages: VecDeque<Message>,
    /// Whether some are in flight, or failed and are still hidden: the group waits for those (SQS-6).
    busy: bool,
}

/// A queue at work.
#[derive(Clone, Debug)]
pub struct Queue {
    /// How it works.
    pub plan: QueuePlan,
    /// Messages that a poller can have, of a standard queue: in no order that is promised (SQS-1).
    visible: VecDeque<Message>,
    groups: BTreeMap<u32, Group>,
    /// Groups with messages that are not busy, in the order in which they came to be so.
    ready: VecDeque<u32>,
    waiting: usize,
    /// Messages in flight.
    pub in_flight: usize,
    /// What came within the last five minutes, oldest first.
    remembered: VecDeque<(Nanos, Identity)>,
    seen: BTreeMap<Identity, Known>,
    /// The newest change of each item that was deleted, of standard queues.
    newest: BTreeMap<u32, Micros>,
    /// SendMessageBatch calls, of all senders.
    pub sends: Quota,
    /// DeleteMessageBatch calls.
    pub deletes: Quota,
    /// What it counted.
    pub meter: QueueMeter,
    /// What it lost or set aside, when and why.
    pub tolls: Tolls,
    /// How late its readers are, where a planned event holds them up.
    pub lag: Option<Box<Lag>>,
}

impl Queue {
    /// A queue without messages.
    pub fn new(plan: QueuePlan) -> Self {
        Self {
            plan,
            visible: VecDeque::new(),
            groups: BTreeMap::new(),
            ready: VecDeque::new(),
            waiting: 0,
            in_flight: 0,
            remembered: VecDeque::new(),
            seen: BTreeMap::new(),
            newest: BTreeMap::new(),
            sends: Quota::new(plan.fifo),
            deletes: Quota::new(plan.fifo),
            meter: QueueMeter::default(),
            tolls: Tolls::default(),
            lag: None,
        }
    }

    /// SendMessageBatch: drops what is too large and, on a FIFO queue, what came before; the rest is to be
    /// [shown](Self::show) when a poller can have it. `sender` is a number of its own; `again` says whether it sends these with
    /// a batch that had failed, and how many of the first of them it had sent before.
    pub fn send(
        &mut self,
        now: Nanos,
        sender: usize,
        records: &[Record],
        (again, resent): (bool, usize),
    ) -> Vec<Message> {
        let payload = records.iter().map(|record| u64::from(record.bytes));
        let calls =
            requests::calls(payload.filter(|size| *size <= self.plan.message_max), self.plan.message_max);
        self.meter.sends[usize::from(again)] += calls.requests;
        self.meter.sent += records.len() as u64;
        let mut taken = Vec::with_capacity(records.len());
        for (place, record) in records.iter().enumerate() {
            if u64::from(record.bytes) > self.plan.message_max {
                self.meter.too_large += 1;
                self.tolls.note(now, ("discarded", "larger than the queue takes"), 1);
            } else if self.plan.fifo.is_some()
                && self.came_before(now, sender, &records[..=place], place < resent)
            {
                self.meter.deduplicated += 1;
            } else {
                let sent = now / MICROSECOND;
                taken.push(Message {
                    record: *record,
                    sent,
                    came: 0,
                    again: 0,
                    receives: 0,
                    sender: sender as u8,
                    resent: place < resent,
                    processed: false,
                });
            }
        }
        taken
    }

    /// Whether the last of a call's messages came within the last five minutes; remembers it if not (SQS-6). An original that
    /// its sender has not sent before is new, unless a copy of it overtook it: also in a batch that is tried again, of which an
    /// earlier try did not come so far.
    fn came_before(&mut self, now: Nanos, sender: usize, call: &[Record], resent: bool) -> bool {
        self.forget(now);
        let Some((record, before)) = call.split_last() else { return false };
        let is_original = record.flags & flags::COPY == 0;
        let is_first = is_original && !resent;
        let same = |other: &&Record| (other.written, other.key) == (record.written, record.key);
        let identity = Identity { sender, written: record.written, key: record.key };
        let known = self.seen.entry(identity).or_default();
        let came = match is_first {
            true => known.originals < known.taken,
            false => (before.iter().filter(same).count() as u32) < known.taken,
        };
        if !came {
            known.taken += 1;
            self.remembered.push_back((now, identity));
        }
        known.originals += u32::from(is_first || (is_original && !came));
        came
    }

    /// Forgets what came five minutes ago.
    fn forget(&mut self, now: Nanos) {
        while let Some((at, identity)) = self.remembered.front().copied() {
            if at + DEDUPLICATION > now {
                return;
            }
            self.remembered.pop_front();
            if let Some(known) = self.seen.get_mut(&identity) {
                known.taken -= 1;
                known.originals = known.originals.min(known.taken);
                if known.taken == 0 {
                    self.seen.remove(&identity);
                }
            }
        }
    }

    /// A message can be had by pollers, for the first time.
    pub fn show(&mut self, mut message: Message, now: Nanos) {
        message.came = now / MICROSECOND;
        self.waiting += 1;
        self.meter.waiting_max = self.meter.waiting_max.max(self.waiting);
        if self.plan.fifo.is_none() {
            return self.visible.push_back(message);
        }
        let key = message.record.key;
        let group = self.groups.entry(key).or_default();
        if group.messages.is_empty() && !group.busy {
            self.ready.push_back(key);
        }
        group.messages.push_back(message);
    }

    /// Messages that came back: visible again, and at the head of their groups.
    pub fn show_again(&mut self, messages: &[Message], now: Nanos) {
        self.waiting += messages.len();
        self.meter.waiting_max = self.meter.waiting_max.max(self.waiting);
        for message in messages.iter().rev() {
            let mut message = *message;
            message.again = now / MICROSECOND;
            match self.plan.fifo {
                None => self.visible.push_front(message),
                Some(_) => self.groups.entry(message.record.key).or_default().messages.push_front(message),
            }
        }
        self.release(messages.iter().map(|message| message.record.key));
    }

    /// Messages that wait and could be received now.
    pub fn receivable(&self) -> usize {
        match self.plan.fifo {
            None => self.visible.len(),
            Some(_) => self.ready.len(),
        }
    }

    /// Messages that wait, whether their groups are busy or not.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// The first message that could be received now.
    pub fn first(&self) -> Option<&Message> {
        match self.plan.fifo {
            None => self.visible.front(),
            Some(_) => self.ready.front().and_then(|key| self.groups.get(key)?.messages.front()),
        }
    }

    /// ReceiveMessage, as often as it takes: up to `size` messages, which are in flight from now on. Those that are too old
    /// are gone (SQS-3). Of a FIFO queue a group is received whole before the next one, and then waits (SQS-6).
    pub fn receive(&mut self, now: Nanos, size: usize) -> Vec<Message> {
        let oldest = (now / MICROSECOND).saturating_sub(self.plan.retention / MICROSECOND);
        let mut batch = Vec::new();
        while batch.len() < size.min(IN_FLIGHT_MAX - self.in_flight.min(IN_FLIGHT_MAX)) {
            let Some(message) = self.take_first() else { break };
            self.waiting -= 1;
            if message.sent < oldest {
                self.meter.expired += 1;
                self.tolls.note(self.gone_at(&message), EXPIRED, 1);
            } else {
                batch.push(message);
            }
        }
        self.mark_busy(&batch);
        self.in_flight += batch.len();
        self.meter.in_flight_max = self.meter.in_flight_max.max(self.in_flight);
        for message in &mut batch {
            message.receives += 1;
            self.meter.received += 1;
            self.meter.received_again += u64::from(message.receives > 1);
        }
        batch
    }

    fn take_first(&mut self) -> Option<Message> {
        if self.plan.fifo.is_none() {
            return self.visible.pop_front();
        }
        let group = self.groups.get_mut(self.ready.front()?)?;
        let message = group.messages.pop_front();
        if group.messages.is_empty() {
            self.ready.pop_front();
        }
        message
    }

    /// Groups of what was received wait from now on.
    fn mark_busy(&mut self, batch: &[Message]) {
        if self.plan.fifo.is_none() {
            return;
        }
        for message in batch {
            if let Some(group) = self.groups.get_mut(&message.record.key) {
                group.busy = true;
            }
        }
        let last = batch.last().map(|message| message.record.key);
        if self.ready.front().copied() == last && last.is_some() {
            self.ready.pop_front();
        }
    }

    /// Groups that wait no longer.
    pub fn release(&mut self, keys: impl Iterator<Item = u32>) {
        if self.plan.fifo.is_none() {
            return;
        }
        for key in keys {
            let Some(group) = self.groups.get_mut(&key).filter(|group| group.busy) else { continue };
            group.busy = false;
            match group.messages.is_empty() {
                true => _ = self.groups.remove(&key),
                false => self.ready.push_back(key),
            }
        }
    }

    /// DeleteMessageBatch: messages are processed. Their groups are released elsewhere.
    pub fn delete(&mut self, now: Nanos, messages: &[Message]) {
        self.note_lag(now, messages);
        self.in_flight -= messages.len();
        self.meter.deleted += messages.len() as u64;
        for message in messages {
            let newest = self.newest.entry(message.record.key).or_default();
            self.meter.out_of_order += u64::from(message.record.written < *newest);
            *newest = message.record.written.max(*newest);
        }
    }

    #[inline]
    fn note_lag(&mut self, now: Nanos, settled: &[Message]) {
        let oldest = settled.iter().map(|message| message.sent).min();
        if let (Some(lag), Some(oldest)) = (&mut self.lag, oldest) {
            lag.settled(now, oldest);
        }
    }

    /// Messages that failed: those received too often go to the dead-letter queue, the others come back later. They are no
    /// longer in flight once they do, which is when they are [visible again](Self::show_again).
    pub fn fail(&mut self, now: Nanos, messages: Vec<Message>) -> Vec<Message> {
        let (dead, back): (Vec<_>, Vec<_>) = messages
            .into_iter()
            .partition(|message| self.plan.receives_max.is_some_and(|most| message.receives >= most));
        self.in_flight -= dead.len();
        self.meter.dead += dead.len() as u64;
        self.tolls.note(now, ("dead_letter", "received too often"), dead.len() as u64);
        self.note_lag(now, &dead);
        back
    }

    /// Whether some message that waits is such a one.
    pub fn any_waiting(&self, such: impl Fn(&Record) -> bool) -> bool {
        self.messages().any(|message| such(&message.record))
    }

    /// Messages that wait.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.visible.iter().chain(self.groups.values().flat_map(|group| &group.messages))
    }

    /// Messages that wait, by walking them.
    pub fn count_waiting(&self) -> u64 {
        self.messages().count() as u64
    }

    /// When a message ceases to be receivable (SQS-3).
    pub fn gone_at(&self, message: &Message) -> Nanos {
        message.sent * MICROSECOND + self.plan.retention
    }

    /// Messages that wait although they are older than the queue keeps them: nobody came to find out (SQS-3).
    pub fn too_old(&self, now: Nanos) -> impl Iterator<Item = &Message> {
        let oldest = (now / MICROSECOND).saturating_sub(self.plan.retention / MICROSECOND);
        self.messages().filter(move |message| message.sent < oldest)
    }

    /// When the oldest message that waits came to the queue.
    pub fn oldest(&self) -> Option<Micros> {
        self.first().map(|message| message.sent)
    }

    /// Identities are kept for tests of the memory of a FIFO queue.
    #[cfg(test)]
    fn remembers(&self) -> usize {
        self.seen.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::{DAY, HOUR};

    fn queue(fifo: bool) -> Queue {
        Queue::new(QueuePlan {
            fifo: fifo.then_some(FIFO_CALLS),
            retention: 4 * DAY,
            visibility: 30 * SECOND,
            delay: 0,
            receives_max: Some(3),
            message_max: MESSAGE_MAX,
        })
    }

    fn record(written: u64, key: u32) -> Record {
        Record { written, appended: written, bytes: 500, key, flags: 0 }
    }

    fn fill(queue: &mut Queue, now: Nanos, records: &[Record]) {
        for message in queue.send(now, 0, records, (false, 0)) {
            queue.show(message, now);
        }
    }

    fn keys(batch: &[Message]) -> Vec<(u32, u64)> {
        batch.iter().map(|message| (message.record.key, message.record.written)).collect()
    }

    #[test]
    fn sqs_6_a_group_with_messages_in_flight_waits_and_others_do_not() {
        let mut queue = queue(true);
        fill(&mut queue, 0, &[record(1, 7), record(2, 7), record(3, 8), record(4, 7)]);
        let first = queue.receive(0, 2);
        assert_eq!(keys(&first), [(7, 1), (7, 2)]);
        let second = queue.receive(0, 10);
        assert_eq!(keys(&second), [(8, 3)]);
        assert!(queue.receive(0, 10).is_empty(), "group 7 waits for its first messages");
        // The failed ones come back before the later one of their group.
        let back = queue.fail(0, first);
        queue.in_flight -= back.len();
        queue.show_again(&back, 30 * SECOND);
        assert_eq!(keys(&queue.receive(30 * SECOND, 10)), [(7, 1), (7, 2), (7, 4)]);
        queue.delete(0, &second);
        queue.release([8].into_iter());
        assert_eq!((queue.count_waiting(), queue.in_flight), (0, 3));
    }

    #[test]
    fn sqs_6_what_was_sent_within_five_minutes_is_dropped() {
        let mut queue = queue(true);
        fill(&mut queue, 0, &[record(1, 7)]);
        // A copy of the change, and the sender's own second try.
        assert!(queue.send(0, 0, &[Record { flags: flags::COPY, ..record(1, 7) }], (false, 0)).is_empty());
        assert!(queue.send(5 * MINUTE - 1, 0, &[record(1, 7)], (true, 1)).is_empty());
        assert_eq!((queue.meter.deduplicated, queue.count_waiting(), queue.remembers()), (2, 1, 1));
        assert_eq!(queue.send(5 * MINUTE, 0, &[record(1, 7)], (true, 1)).len(), 1);
        assert_eq!((queue.meter.deduplicated, queue.remembers()), (2, 1));
    }

    /// Changes apart in time, in item, in sender, or meant for one microsecond.
    #[test]
    fn sqs_6_different_messages_are_never_taken_for_one() {
        let mut queue = queue(true);
        // 2^24 microseconds later a change of the neighbouring item had the same hash once.
        let apart = 1 << 24;
        let changes = [record(1, 6), record(1, 7), record(1 ^ apart, 6), record(1 ^ apart, 7)];
        assert_eq!(queue.send(0, 0, &changes, (false, 0)).len(), 4);
        assert_eq!(queue.send(0, 1, &changes, (false, 0)).len(), 4, "of another sender");
        assert_eq!(
            queue.send(0, 0, &[record(9, 7), record(9, 7)], (false, 0)).len(),
            2,
            "two in a microsecond"
        );
        assert_eq!(queue.meter.deduplicated, 0);
        // All of it again: none is new.
        assert!(
            queue.send(1, 0, &changes, (true, 4)).is_empty()
                && queue.send(1, 1, &changes, (true, 4)).is_empty()
        );
        assert!(queue.send(1, 0, &[record(9, 7), record(9, 7)], (true, 2)).is_empty());
    }

    /// The second of two changes of one microsecond lies in a batch of its own, which fails before it and is tried again: it is new.
    #[test]
    fn sqs_6_a_change_that_no_try_has_sent_is_new_whatever_else_was_meant_for_its_microsecond() {
        let mut queue = queue(true);
        assert_eq!(queue.send(0, 0, &[record(9, 7)], (false, 0)).len(), 1);
        assert_eq!(queue.send(1, 0, &[record(8, 6)], (false, 0)).len(), 1, "its batch fails after that");
        let again = [record(8, 6), record(9, 7)];
        assert_eq!(keys(&queue.send(2, 0, &again, (true, 1))), [(7, 9)]);
        assert!(queue.send(3, 0, &again, (true, 2)).is_empty(), "and none of them the third time");
        assert_eq!(queue.meter.deduplicated, 3);
    }

    #[test]
    fn sqs_6_a_copy_that_overtakes_its_original_is_the_one_that_counts() {
        let mut queue = queue(true);
        assert_eq!(queue.send(0, 0, &[Record { flags: flags::COPY, ..record(1, 7) }], (false, 0)).len(), 1);
        assert!(queue.send(0, 0, &[record(1, 7)], (false, 0)).is_empty());
        assert_eq!(queue.meter.deduplicated, 1);
    }

    #[test]
    fn sqs_3_messages_that_are_too_old_are_gone() {
        let mut queue = queue(false);
        fill(&mut queue, 0, &[record(1, 7)]);
        fill(&mut queue, HOUR, &[record(2, 7)]);
        let batch = queue.receive(4 * DAY + MINUTE, 10);
        assert_eq!((keys(&batch), queue.meter.expired), (vec![(7, 2)], 1));
        assert_eq!(queue.tolls.all()[0].first(), 4 * DAY);
    }

    #[test]
    fn sqs_5_no_more_than_120_000_are_in_flight() {
        for fifo in [false, true] {
            let mut queue = queue(fifo);
            // Each message is a group of its own.
            let records: Vec<Record> = (0..130_000).map(|at| record(at, at as u32)).collect();
            fill(&mut queue, 0, &records);
            let taken: usize = (0..20_000).map(|_| queue.receive(0, 10).len()).sum();
            assert_eq!((taken, queue.in_flight, queue.count_waiting()), (120_000, 120_000, 10_000), "{fifo}");
        }
    }

    #[test]
    fn sqs_1_a_standard_queue_hands_out_what_it_has_whatever_is_in_flight() {
        let mut queue = queue(false);
        fill(&mut queue, 0, &[record(1, 7), record(2, 7), record(3, 7)]);
        let (first, second) = (queue.receive(0, 1), queue.receive(0, 2));
        // The later ones are done first: a change of the item is overtaken, which is counted.
        queue.delete(0, &second);
        queue.delete(0, &first);
        assert_eq!(queue.meter.out_of_order, 1);
    }

    #[test]
    fn a_message_received_too_often_goes_to_the_dead_letter_queue() {
        let mut queue = queue(false);
        fill(&mut queue, 0, &[record(1, 7)]);
        for receive in 1..=3 {
            let batch = queue.receive(0, 10);
            let back = queue.fail(0, batch);
            assert_eq!(back.len(), usize::from(receive < 3));
            queue.in_flight -= back.len();
            queue.show_again(&back, 0);
        }
        assert_eq!((queue.meter.dead, queue.in_flight, queue.count_waiting()), (1, 0, 0));
    }
}
