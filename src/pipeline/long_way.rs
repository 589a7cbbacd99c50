//! The long way of a write: what plain writes need none of. Clients with retry quotas, answers that take their time or
//! get lost, writes that change nothing, removals by time to live, writes replicated from another Region.
//!
//! Calls of several items are in [`calls`](super::calls).

use super::Pipeline;
use super::calls::{CallMeter, Calls};
use super::event::Kind;
use super::tolls::{COLLECTION_FULL, GIVEN_UP};
use super::write::{PendingWrite, Writer, column};
use crate::engine::random::{Keyed, Streams};
use crate::engine::time::{MICROSECOND, Nanos, round};
use crate::retry::{Failure, RetryQuota};
use crate::systems::dynamodb::throttle::ThrottleLimit;
use crate::systems::dynamodb::write_kind::WriteKind;
use crate::workload::client::{Call, ClientPlan};
use crate::workload::producer::{ProducerPlan, Way, Write};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What became of the writes of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindMeter {
    /// Writes offered.
    pub offered: u64,
    /// Writes that took place; of conditional failures, those that failed for their condition.
    pub carried_out: u64,
    /// Write units they consumed, those of cancelled transactions and of lost answers included.
    pub units: u64,
    /// Change records that the feed took up.
    pub records: u64,
    /// Bytes of those records, partition key included.
    pub record_bytes: u64,
    /// Change data capture units of one attempt to send each of them (KDC-M1).
    pub capture_units: u64,
}

/// Why a table does not take a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A limit has no room for it now.
    Throttled,
    /// The items of its partition key hold 10 GB already.
    CollectionFull,
}

/// Purposes of draws that are addressed by a write.
mod purpose {
    /// Waits before a write is due.
    pub const WAIT: u32 = 0x4000_0000;
    /// Thinking of clients.
    pub const THINK: u32 = 0x5000_0000;
    /// Which client writes.
    pub const CLIENT: u32 = 0x6000_0000;
    /// Server errors, two for each attempt.
    pub const ERROR: u32 = 0x7000_0000;
}

/// What a producer on the long way remembers.
#[derive(Clone, Debug)]
pub struct LongWay {
    /// What it counted, by kind of write.
    pub kinds: [KindMeter; WriteKind::ALL.len()],
    /// Its calls of several items.
    pub calls: Calls,
    pub(super) quotas: Vec<RetryQuota>,
    /// Clients of a closed system that think, by the end of their thinking.
    thinking: BinaryHeap<Reverse<(Nanos, u32)>>,
    chances: Keyed,
}

/// What a producer on the long way counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LongMeter {
    /// By kind of write.
    pub kinds: [KindMeter; WriteKind::ALL.len()],
    /// Its calls of several items.
    pub calls: CallMeter,
}

impl LongWay {
    /// What it counted.
    pub fn meter(&self) -> LongMeter {
        LongMeter { kinds: self.kinds, calls: self.calls.meter }
    }

    /// Before the first write; nothing for a producer of plain writes.
    pub fn new(plan: &ProducerPlan, streams: &Streams) -> Option<Box<Self>> {
        let client = plan.client.as_ref()?;
        let chances = streams.keyed(&format!("workload.{}.client", plan.name));
        let clients = client.clients.unwrap_or(0);
        let mut long = Self {
            kinds: Default::default(),
            calls: Calls::default(),
            quotas: vec![RetryQuota::new(); clients as usize],
            thinking: BinaryHeap::new(),
            chances,
        };
        if client.think_time.is_some() {
            (0..clients).for_each(|number| long.think(client, 0, number, u64::from(number)));
        }
        Some(Box::new(long))
    }

    /// A client begins to think at `from`, after the write of this address.
    fn think(&mut self, plan: &ClientPlan, from: Nanos, client: u32, address: u64) {
        if let Some(think_time) = &plan.think_time {
            let thinks = round(think_time.sample(&mut self.chances.draws(address, purpose::THINK)));
            self.thinking.push(Reverse((from + thinks, client)));
        }
    }

    /// Who makes this write.
    fn client(&mut self, plan: &ClientPlan, address: u64) -> u32 {
        if plan.think_time.is_some() {
            return self.thinking.pop().map_or(0, |Reverse((_, client))| client);
        }
        let clients = u128::from(plan.clients.unwrap_or(1));
        ((u128::from(self.chances.bits(address, purpose::CLIENT)) * clients) >> 64) as u32
    }
}

impl Writer {
    /// How a producer on the long way works.
    pub(super) fn plan(&self) -> Option<&ClientPlan> {
        self.producer.client()
    }

    pub(super) fn kind(&mut self, kind: WriteKind) -> Option<&mut KindMeter> {
        self.long.as_mut().map(|long| &mut long.kinds[kind as usize])
    }

    /// What a failed attempt of an SDK call waits for, and its price; nothing if the client gives up.
    pub(super) fn pay_retry(&mut self, failed: &PendingWrite, why: Failure) -> Option<(Nanos, u16)> {
        let uniform = self.backoff.unit(failed.write.address(), failed.failures);
        let in_call = failed.failures - failed.before_call;
        let wait = self.producer.retries().delay_after(why, in_call, uniform)?;
        let cost = self.producer.retries().quota_cost(why);
        let quotas = self.long.as_mut().map(|long| &mut long.quotas);
        let quota = quotas.and_then(|quotas| quotas.get_mut(failed.client as usize));
        let paid = quota.is_none_or(|quota| quota.take(cost));
        if !paid {
            self.meter.quota_empty += 1;
        }
        paid.then_some((wait, cost))
    }

    /// A call of this client succeeded (SDK-R4).
    pub(super) fn succeed(&mut self, client: u32, cost: u16) {
        let quotas = self.long.as_mut().map(|long| &mut long.quotas);
        if let Some(quota) = quotas.and_then(|quotas| quotas.get_mut(client as usize)) {
            quota.succeed((cost > 0).then_some(cost));
        }
    }
}

impl<const FULL: bool> Pipeline<FULL> {
    /// A write on the long way comes for the first time; whether it was carried out at once.
    #[cold]
    pub(super) fn first_try(&mut self, now: Nanos, handle: u32, write: &Write) -> bool {
        let mut write = *write;
        write.at = now;
        if let Some(kind) = self.writers[handle as usize].kind(write.kind) {
            kind.offered += 1;
        }
        let attempt = self.by_client(handle, write);
        let Some(plan) = self.writers[handle as usize].plan() else {
            self.too_large(now, &attempt);
            return false;
        };
        let (call, waits) = (plan.call, plan.waits(write.kind).cloned());
        if call != Call::Single {
            return self.first_call(now, attempt);
        }
        if write.is_too_large() {
            self.too_large(now, &attempt);
            return false;
        }
        match waits {
            None => self.attempt(now, attempt),
            Some(waits) => {
                let Some(long) = &self.writers[handle as usize].long else { return false };
                let wait = waits.sample(&mut long.chances.draws(write.address(), purpose::WAIT));
                self.put_off(now + round(wait), attempt)
            }
        }
    }

    fn by_client(&mut self, handle: u32, write: Write) -> PendingWrite {
        let writer = &mut self.writers[handle as usize];
        let client = match (&mut writer.long, writer.producer.client()) {
            (Some(long), Some(plan)) => long.client(plan, write.address()),
            _ => 0,
        };
        PendingWrite { client, ..PendingWrite::new(write, handle, 0) }
    }

    /// The write is due later. A removal by time to live counts from then on: nobody waits for it.
    fn put_off(&mut self, due: Nanos, mut attempt: PendingWrite) -> bool {
        let removal = attempt.write.kind == WriteKind::TimeToLive;
        attempt.write.way = Way::Due;
        if removal {
            attempt.write.at = due;
        }
        self.writers[attempt.writer as usize].meter.not_due += 1;
        let pending = self.pending.insert(attempt);
        self.queue.push(due, Kind::WriteAgain as u8, pending);
        removal
    }

    /// A put-off write is due, or a client tries a failed one again.
    #[cold]
    pub(super) fn again_the_long_way(&mut self, now: Nanos, mut attempt: PendingWrite) {
        let meter = &mut self.writers[attempt.writer as usize].meter;
        if attempt.write.way == Way::Due {
            attempt.write.way = Way::Long;
            meter.not_due -= 1;
            let in_time = self.attempt(now, attempt);
            // A removal by time to live was counted when it was put off.
            let removal = attempt.write.kind == WriteKind::TimeToLive;
            if FULL && !removal && self.cohort.has(attempt.write.at / MICROSECOND) {
                let meter = &mut self.writers[attempt.writer as usize].meter;
                meter.first_try_cohort += u64::from(in_time);
            }
        } else {
            meter.retries += 1;
            self.attempt(now, attempt);
        }
        self.wake_closed(attempt.writer);
    }

    /// One request for one item; whether it was carried out.
    fn attempt(&mut self, now: Nanos, attempt: PendingWrite) -> bool {
        if self.conflicts(now, attempt.writer, attempt.write.key) {
            self.note_conflicts(now, attempt.writer, 1);
            self.send_again(now, attempt);
            return false;
        }
        if let Some(applied) = self.server_error(&attempt) {
            return self.answer_lost(now, attempt, applied);
        }
        match self.charge(now, attempt.writer, &attempt.write) {
            Ok(()) => {}
            Err(Refusal::CollectionFull) => {
                self.collection_full(now, &attempt);
                return false;
            }
            Err(Refusal::Throttled) => {
                self.note(now, attempt.writer, column::THROTTLED_REQUESTS, 1);
                self.write_failed(now, attempt, Failure::Throttling);
                return false;
            }
        }
        self.carried_out(now, &attempt);
        self.writers[attempt.writer as usize].succeed(attempt.client, attempt.cost);
        true
    }

    /// Takes a write's units from its table, or says why it does not get them. Removals by time to live are free (DDB-L2).
    pub(super) fn charge(&mut self, now: Nanos, handle: u32, write: &Write) -> Result<(), Refusal> {
        let writer = &mut self.writers[handle as usize];
        let source = &mut self.tables[writer.producer.table()];
        if FULL && source.series.enter(now) {
            source.note_capacity(now);
        }
        if write.units == 0 {
            source.table.expire();
            if FULL {
                source.series.add(now, column::EXPIRED_ITEMS, 1);
            }
            return Ok(());
        }
        let units = u32::from(write.units);
        if let Err(throttle) = source.table.write(now, write.key, units, write.kind) {
            if throttle.limit == ThrottleLimit::ItemCollection {
                return Err(Refusal::CollectionFull);
            }
            writer.meter.refuse(now);
            if FULL {
                source.note_throttle(now, throttle);
            }
            return Err(Refusal::Throttled);
        }
        if FULL {
            source.series.add(now, column::UNITS, u64::from(units));
        }
        if let Some(kind) = writer.kind(write.kind) {
            kind.units += u64::from(units);
        }
        Ok(())
    }

    /// A charged write takes place and its client hears of it.
    pub(super) fn carried_out(&mut self, now: Nanos, attempt: &PendingWrite) {
        self.apply(now, attempt);
        let (write, writer) = (&attempt.write, &mut self.writers[attempt.writer as usize]);
        if write.kind == WriteKind::ConditionalFailure {
            writer.meter.condition_failed += 1;
            if FULL {
                let table = writer.producer.table();
                self.tables[table].series.add(now, column::CONDITION_FAILED, 1);
            }
        } else {
            writer.meter.accepted += 1;
        }
        if let Some(kind) = writer.kind(write.kind) {
            kind.carried_out += 1;
        }
        let takes = u64::from(write.takes) * MICROSECOND;
        let waits = write.kind != WriteKind::TimeToLive && (takes > 0 || now > write.at);
        if FULL && waits && self.cohort.has(write.at / MICROSECOND) {
            writer.latency.record([(now + takes) / MICROSECOND - write.at / MICROSECOND]);
            writer.meter.timed_cohort += u64::from(attempt.failures == 0);
        }
        self.client_is_free(now + takes, attempt);
    }

    /// What a charged write does to its item and to the feed.
    fn apply(&mut self, now: Nanos, attempt: &PendingWrite) {
        let write = &attempt.write;
        let writer = &mut self.writers[attempt.writer as usize];
        let number = writer.producer.table();
        let source = &mut self.tables[number];
        let repeats = attempt.applied && !writer.changes_again();
        if write.kind.change().is_none() || repeats {
            source.table.meter.changeless += 1;
            self.fingerprint.outcome(now, u64::from(write.key), 6);
            return;
        }
        source.note_accepted(now, write.key, write.at);
        let has_feed = source.feed.is_some();
        if source.streams.is_some() {
            if let Some(kind) = writer.kind(write.kind).filter(|_| !has_feed) {
                kind.records += 1;
                kind.record_bytes += u64::from(write.record.streams_bytes);
            }
            self.take_up(now, number, write);
        }
        if has_feed {
            let writer = &mut self.writers[attempt.writer as usize];
            if let Some(kind) = writer.kind(write.kind) {
                kind.records += 1;
                kind.record_bytes += u64::from(write.record.bytes);
                kind.capture_units += u64::from(write.record.units);
            }
            self.capture(now, number, write);
        } else {
            let version = self.tables[number].accept(write.key);
            self.fingerprint.outcome(now, u64::from(write.key) << 32 | u64::from(version), 4);
        }
    }

    /// Whether this attempt ends in a server error, and then whether its write took place all the same (DDB-T8).
    fn server_error(&self, attempt: &PendingWrite) -> Option<bool> {
        let writer = &self.writers[attempt.writer as usize];
        let errors = writer.plan()?.server_errors?;
        let chances = &writer.long.as_ref()?.chances;
        let unit =
            |which| chances.unit(attempt.write.address(), purpose::ERROR + 2 * attempt.failures + which);
        (unit(0) < errors.probability).then(|| unit(1) < errors.applied)
    }

    /// The client does not hear what became of its write, and tries again (SDK-R14). A write that would have taken place
    /// but is throttled has its answer.
    fn answer_lost(&mut self, now: Nanos, mut attempt: PendingWrite, applied: bool) -> bool {
        if applied {
            match self.charge(now, attempt.writer, &attempt.write) {
                Ok(()) => {}
                Err(Refusal::CollectionFull) => {
                    self.collection_full(now, &attempt);
                    return false;
                }
                Err(Refusal::Throttled) => {
                    self.write_failed(now, attempt, Failure::Throttling);
                    return false;
                }
            }
            self.apply(now, &attempt);
            attempt.applied = true;
        }
        self.writers[attempt.writer as usize].meter.server_errors += 1;
        self.note(now, attempt.writer, column::SYSTEM_ERRORS, 1);
        self.write_failed(now, attempt, Failure::Transient);
        false
    }

    /// The SDK tries again after a while, or gives up.
    fn write_failed(&mut self, now: Nanos, mut attempt: PendingWrite, why: Failure) {
        attempt.failures += 1;
        let writer = &mut self.writers[attempt.writer as usize];
        let source = &self.tables[writer.producer.table()];
        // A write that never fits would be tried for ever by a client that never gives up.
        let fits = attempt.write.units == 0 || source.table.fits(u32::from(attempt.write.units));
        match writer.pay_retry(&attempt, why).filter(|_| fits) {
            Some((wait, cost)) => {
                attempt.cost = cost;
                let pending = self.pending.insert(attempt);
                self.queue.push(now + wait, Kind::WriteAgain as u8, pending);
            }
            None => self.give_up(now, &attempt),
        }
    }

    /// The application, not the SDK, tries again: after a conflict with a transaction (DDB-T7).
    fn send_again(&mut self, now: Nanos, mut attempt: PendingWrite) {
        attempt.resent();
        let writer = &self.writers[attempt.writer as usize];
        let resend = writer.plan().map(|plan| plan.resend);
        let unit = writer.backoff.unit(attempt.write.address(), attempt.failures);
        match resend.filter(|it| it.attempts_max.is_none_or(|most| attempt.resends < most)) {
            Some(resend) => {
                let wait = resend.backoff.wait(attempt.resends, || unit);
                let pending = self.pending.insert(attempt);
                self.queue.push(now + wait, Kind::WriteAgain as u8, pending);
            }
            None => self.give_up(now, &attempt),
        }
    }

    pub(super) fn give_up(&mut self, now: Nanos, attempt: &PendingWrite) {
        let writer = &mut self.writers[attempt.writer as usize];
        if attempt.applied {
            writer.meter.applied_unheard += 1;
        } else {
            writer.meter.given_up += 1;
            writer.tolls.note(now, GIVEN_UP, 1);
        }
        self.fingerprint.outcome(now, u64::from(attempt.write.key), 5);
        self.client_is_free(now, attempt);
    }

    pub(super) fn too_large(&mut self, now: Nanos, attempt: &PendingWrite) {
        let writer = &mut self.writers[attempt.writer as usize];
        writer.meter.too_large += 1;
        writer.tolls.note(now, ("too_large", "larger than an item may be"), 1);
        self.at_tables.outcome(now, u64::from(attempt.write.key), 3);
        self.client_is_free(now, attempt);
    }

    /// The items of its partition key hold 10 GB already (DDB-P4); trying again would not help.
    pub(super) fn collection_full(&mut self, now: Nanos, attempt: &PendingWrite) {
        let writer = &mut self.writers[attempt.writer as usize];
        writer.meter.collection_full += 1;
        writer.tolls.note(now, COLLECTION_FULL, 1);
        self.fingerprint.outcome(now, u64::from(attempt.write.key), 10);
        self.client_is_free(now, attempt);
    }

    /// An item goes with a call that is refused as a whole.
    pub(super) fn call_refused(&mut self, now: Nanos, attempt: &PendingWrite) {
        let writer = &mut self.writers[attempt.writer as usize];
        writer.meter.call_refused += 1;
        writer.tolls.note(now, ("call_refused", "its call was refused as a whole"), 1);
        self.fingerprint.outcome(now, u64::from(attempt.write.key), 9);
        self.client_is_free(now, attempt);
    }

    /// A client of a closed system has its answer.
    fn client_is_free(&mut self, at: Nanos, attempt: &PendingWrite) {
        let writer = &mut self.writers[attempt.writer as usize];
        if let (Some(long), Some(plan)) = (&mut writer.long, writer.producer.client()) {
            long.think(plan, at, attempt.client, attempt.write.address());
        }
    }

    /// When a closed system writes next, if this is one: the outer answer is nothing for an open one.
    pub(super) fn next_of_closed(&mut self, handle: u32) -> Option<Option<Nanos>> {
        let writer = &self.writers[handle as usize];
        writer.plan()?.think_time.as_ref()?;
        let next = writer.long.as_ref().and_then(|long| long.thinking.peek());
        Some(next.map(|Reverse((at, _))| *at))
    }

    /// A client that became free may write before all others.
    fn wake_closed(&mut self, handle: u32) {
        if let Some(next) = self.next_of_closed(handle) {
            if let Some(at) = next {
                self.writers[handle as usize].producer.move_next(at);
            }
            self.find_next_write(handle);
        }
    }

    /// Counts requests that met a transaction in progress, by item (DDB-T7).
    pub(super) fn note_conflicts(&mut self, now: Nanos, handle: u32, items: u64) {
        self.writers[handle as usize].meter.conflicts += items;
        self.note(now, handle, column::CONFLICTS, items);
    }

    /// Enters something in the series of a producer's table.
    pub(super) fn note(&mut self, now: Nanos, handle: u32, column: usize, count: u64) {
        if FULL {
            let table = self.writers[handle as usize].producer.table();
            self.tables[table].series.add(now, column, count);
        }
    }

    /// Whether a transaction holds the item (DDB-T7).
    pub(super) fn conflicts(&mut self, now: Nanos, handle: u32, key: u32) -> bool {
        let source = &mut self.tables[self.writers[handle as usize].producer.table()];
        if source.held.is_empty() {
            return false;
        }
        source.held.retain(|(until, _)| *until > now);
        source.held.iter().any(|(_, held)| *held == key)
    }
}

impl Writer {
    fn changes_again(&self) -> bool {
        self.plan().and_then(|plan| plan.server_errors).is_some_and(|errors| errors.changes_again)
    }
}
