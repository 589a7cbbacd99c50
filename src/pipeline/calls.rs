//! Calls of several items: BatchWriteItem and TransactWriteItems.

use super::Pipeline;
use super::event::Kind;
use super::long_way::Refusal;
use super::write::{PendingWrite, Writer, column};
use crate::engine::time::{MICROSECOND, Nanos};
use crate::retry::Failure;
use crate::systems::dynamodb::write_kind::WriteKind;
use crate::workload::client::{Call, TRANSACTION_KB_MAX};

/// What became of a producer's calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallMeter {
    /// Calls sent, repeated ones included.
    pub calls: u64,
    /// Calls refused as a whole: of a batch, when every item was throttled (DDB-T5, DDB-T10).
    pub throttled: u64,
    /// Items that came back unprocessed in an answer that was no error (DDB-T5).
    pub unprocessed: u64,
    /// Transactions cancelled (DDB-T6).
    pub cancelled: u64,
    /// Calls refused as invalid: a transaction above 4 MB (DDB-B3), or an item that is too large (DDB-U10).
    pub invalid: u64,
}

/// A call that waits to be sent again: the items that are left of it.
#[derive(Clone, Debug)]
struct WaitingCall {
    items: Vec<PendingWrite>,
}

/// The calls of one producer.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// What became of them.
    pub meter: CallMeter,
    waiting: Vec<Option<WaitingCall>>,
    free: Vec<u32>,
}

impl Calls {
    fn insert(&mut self, items: Vec<PendingWrite>) -> u32 {
        let slot = self.free.pop().unwrap_or(self.waiting.len() as u32);
        if slot as usize == self.waiting.len() {
            self.waiting.push(None);
        }
        self.waiting[slot as usize] = Some(WaitingCall { items });
        slot
    }

    fn remove(&mut self, slot: u32) -> Vec<PendingWrite> {
        self.free.push(slot);
        self.waiting[slot as usize].take().map_or(Vec::new(), |call| call.items)
    }

    /// Items that wait in them, by walking.
    pub fn items(&self) -> impl Iterator<Item = &PendingWrite> {
        self.waiting.iter().flatten().flat_map(|call| &call.items)
    }
}

/// A pending write that stands for a whole call: `client` is its place among its producer's calls.
const STANDS_FOR_A_CALL: u32 = u32::MAX;

impl PendingWrite {
    /// Whether this is one item or the place of a call.
    pub fn is_call(&self) -> bool {
        self.write.key == STANDS_FOR_A_CALL
    }
}

/// Times that an application sends a call again at most: one that never fits, such as a transaction whose items crowd one
/// partition, must end too.
const RESENDS_MAX: u32 = 1_000;

/// Whether a producer's calls take place as a whole or not at all (DDB-T6).
fn makes_transactions(writer: &Writer) -> bool {
    matches!(writer.plan().map(|plan| plan.call), Some(Call::Transaction(_)))
}

/// Write units of all items of a call together.
fn units(items: &[PendingWrite]) -> u32 {
    items.iter().map(|item| u32::from(item.write.units)).sum()
}

impl<const FULL: bool> Pipeline<FULL> {
    /// The first item of a call is due, and with it all others; whether that item was carried out.
    pub(super) fn first_call(&mut self, now: Nanos, first: PendingWrite) -> bool {
        let items = self.gather(first);
        let handle = first.writer;
        let meter = &mut self.writers[handle as usize].meter;
        let before = meter.accepted + meter.condition_failed;
        let others = items.len() as u64 - 1;
        meter.offered += others;
        if self.is_invalid(&items) {
            self.refuse_call(now, &items);
        } else {
            self.call(now, items);
        }
        let meter = &mut self.writers[handle as usize].meter;
        let now_done = meter.accepted + meter.condition_failed - before;
        if FULL && self.cohort.has(now / MICROSECOND) {
            // The item that came first is counted by who asked for it.
            meter.cohort += others;
            meter.first_try_cohort += now_done.saturating_sub(1);
        }
        now_done > 0
    }

    /// Whether AWS refuses the call before it looks at any item: one is larger than an item may be (DDB-U10), or a
    /// transaction is larger than 4 MB (DDB-B3), which is counted in whole KB, as items are charged.
    fn is_invalid(&self, items: &[PendingWrite]) -> bool {
        let kb: u32 = items.iter().map(|item| u32::from(item.write.record.units)).sum();
        let transaction = makes_transactions(&self.writers[items[0].writer as usize]);
        transaction && kb > TRANSACTION_KB_MAX || items.iter().any(|item| item.write.is_too_large())
    }

    /// A ValidationException: nothing is charged and nothing done, and trying again would not help.
    fn refuse_call(&mut self, now: Nanos, items: &[PendingWrite]) {
        let handle = items[0].writer;
        if let Some(long) = &mut self.writers[handle as usize].long {
            long.calls.meter.calls += 1;
            long.calls.meter.invalid += 1;
        }
        for item in items {
            if item.write.is_too_large() {
                self.too_large(now, item);
            } else {
                self.call_refused(now, item);
            }
        }
    }

    /// Takes the further items of the call: those due at the same moment, no item twice (DDB-B1, DDB-B3).
    fn gather(&mut self, first: PendingWrite) -> Vec<PendingWrite> {
        let writer = &mut self.writers[first.writer as usize];
        let call = writer.plan().map_or(Call::Single, |plan| plan.call);
        let mut items = vec![first];
        while items.len() < call.items() {
            let Some(next) = writer.producer.peek() else { break };
            if next.at != first.write.at || items.iter().any(|item| item.write.key == next.key) {
                break;
            }
            let write = writer.producer.take();
            if let Some(kind) = writer.kind(write.kind) {
                kind.offered += 1;
            }
            items.push(PendingWrite { write, ..first });
        }
        items
    }

    fn call(&mut self, now: Nanos, items: Vec<PendingWrite>) {
        let handle = items[0].writer;
        let writer = &mut self.writers[handle as usize];
        if let Some(long) = &mut writer.long {
            long.calls.meter.calls += 1;
        }
        match writer.plan().map(|plan| plan.call) {
            Some(Call::Transaction(_)) => self.transaction(now, items),
            _ => self.batch(now, items),
        }
    }

    /// BatchWriteItem: each item by itself. What is left comes back unprocessed, and the application sends it again;
    /// only when nothing was processed the SDK gets an error and retries (DDB-T5, SDK-R13).
    fn batch(&mut self, now: Nanos, items: Vec<PendingWrite>) {
        let (handle, sent) = (items[0].writer, items.len());
        let (client, cost) = (items[0].client, items[0].cost);
        let mut left = Vec::new();
        for item in items {
            if self.conflicts(now, handle, item.write.key) {
                self.note_conflicts(now, handle, 1);
                left.push(item);
            } else {
                match self.charge(now, handle, &item.write) {
                    Ok(()) => self.carried_out(now, &item),
                    Err(Refusal::CollectionFull) => self.collection_full(now, &item),
                    Err(Refusal::Throttled) => left.push(item),
                }
            }
        }
        let writer = &mut self.writers[handle as usize];
        let Some(long) = &mut writer.long else { return };
        if left.len() == sent {
            long.calls.meter.throttled += 1;
            self.note(now, handle, column::THROTTLED_REQUESTS, 1);
            return self.call_failed(now, left);
        }
        long.calls.meter.unprocessed += left.len() as u64;
        writer.succeed(client, cost);
        if !left.is_empty() {
            left.iter_mut().for_each(|item| item.cost = 0);
            self.send_call_again(now, left);
        }
    }

    /// TransactWriteItems: all or nothing. Items are charged even when it is cancelled (DDB-U8, DDB-T6).
    fn transaction(&mut self, now: Nanos, items: Vec<PendingWrite>) {
        let handle = items[0].writer;
        let mut conflict = false;
        for item in &items {
            conflict |= self.conflicts(now, handle, item.write.key);
        }
        let mut charged = 0;
        let mut full = Vec::new();
        if conflict {
            self.note_conflicts(now, handle, items.len() as u64);
        } else {
            for item in &items {
                match self.charge(now, handle, &item.write) {
                    Ok(()) => charged += 1,
                    Err(Refusal::CollectionFull) => full.push(item.write.key),
                    Err(Refusal::Throttled) => {}
                }
            }
            let throttled = charged + (full.len() as u64) < items.len() as u64;
            self.note(now, handle, column::THROTTLED_REQUESTS, u64::from(throttled));
        }
        let fails = |item: &&PendingWrite| item.write.kind == WriteKind::ConditionalFailure;
        let condition_fails = items.iter().any(|item| fails(&item));
        if charged == items.len() as u64 && !condition_fails {
            let table = self.writers[handle as usize].producer.table();
            for item in &items {
                self.carried_out(now, item);
                if item.write.takes > 0 {
                    let until = now + u64::from(item.write.takes) * MICROSECOND;
                    self.tables[table].held.push((until, item.write.key));
                }
            }
            return;
        }
        let writer = &mut self.writers[handle as usize];
        if let Some(long) = &mut writer.long {
            long.calls.meter.cancelled += 1;
        }
        let table = writer.producer.table();
        if !full.is_empty() {
            return self.cancel_for_collections(now, table, charged, &items, &full);
        }
        if !condition_fails || charged < items.len() as u64 {
            self.tables[table].table.meter.changeless += charged;
            return self.send_call_again(now, items);
        }
        for item in &items {
            if fails(&item) {
                self.carried_out(now, item);
            } else {
                self.tables[table].table.meter.changeless += 1;
                self.writers[handle as usize].meter.cancelled += 1;
                self.fingerprint.outcome(now, u64::from(item.write.key), 7);
            }
        }
    }

    /// A transaction of which some items have no room in their collections: they never will, and the others go with them.
    fn cancel_for_collections(
        &mut self,
        now: Nanos,
        table: usize,
        charged: u64,
        items: &[PendingWrite],
        full: &[u32],
    ) {
        self.tables[table].table.meter.changeless += charged;
        for item in items {
            if full.contains(&item.write.key) {
                self.collection_full(now, item);
            } else {
                self.writers[item.writer as usize].meter.cancelled += 1;
                self.fingerprint.outcome(now, u64::from(item.write.key), 7);
            }
        }
    }

    /// The SDK retries a whole call, or the application is told.
    fn call_failed(&mut self, now: Nanos, mut items: Vec<PendingWrite>) {
        items.iter_mut().for_each(|item| item.failures += 1);
        let writer = &mut self.writers[items[0].writer as usize];
        let table = &self.tables[writer.producer.table()].table;
        let fits = match makes_transactions(writer) {
            true => table.fits(units(&items)),
            false => items.iter().any(|item| table.fits(u32::from(item.write.units))),
        };
        match writer.pay_retry(&items[0], Failure::Throttling).filter(|_| fits) {
            Some((wait, cost)) => {
                items.iter_mut().for_each(|item| item.cost = cost);
                self.wait_with(now + wait, items);
            }
            None => items.iter().for_each(|item| self.give_up(now, item)),
        }
    }

    /// The application sends again what is left of a call. Items that can never fit are given up.
    fn send_call_again(&mut self, now: Nanos, mut items: Vec<PendingWrite>) {
        items.iter_mut().for_each(PendingWrite::resent);
        let writer = &self.writers[items[0].writer as usize];
        let table = &self.tables[writer.producer.table()].table;
        let resend = writer.plan().map(|plan| plan.resend);
        let resends = items[0].resends;
        let resend = resend.filter(|it| resends < it.attempts_max.unwrap_or(RESENDS_MAX));
        let fit = |item: &PendingWrite| table.fits(u32::from(item.write.units));
        let single = !makes_transactions(writer);
        let all_fit = items.iter().all(fit) && (single || table.fits(units(&items)));
        let (again, lost): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| resend.is_some() && (all_fit || single && fit(item)));
        if let (Some(resend), Some(first)) = (resend, again.first()) {
            let unit = writer.backoff.unit(first.write.address(), first.failures);
            let wait = resend.backoff.wait(resends, || unit);
            self.wait_with(now + wait, again);
        }
        lost.iter().for_each(|item| self.give_up(now, item));
    }

    fn wait_with(&mut self, until: Nanos, items: Vec<PendingWrite>) {
        let mut place = items[0];
        let Some(long) = &mut self.writers[place.writer as usize].long else { return };
        place.client = long.calls.insert(items);
        place.write.key = STANDS_FOR_A_CALL;
        let pending = self.pending.insert(place);
        self.queue.push(until, Kind::WriteAgain as u8, pending);
    }

    /// A call is sent again.
    #[cold]
    pub(super) fn call_once_more(&mut self, now: Nanos, place: PendingWrite) {
        let writer = &mut self.writers[place.writer as usize];
        let Some(long) = &mut writer.long else { return };
        let items = long.calls.remove(place.client);
        writer.meter.retries += items.len() as u64;
        if !items.is_empty() {
            self.call(now, items);
        }
    }
}
