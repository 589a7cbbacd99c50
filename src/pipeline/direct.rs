//! From a direct producer to the stream: records are made, gathered, put in calls, refused, and put again.
//!
//! What is counted and measured are user records, alone or packed into an aggregate; a shard's limits and the bill
//! count Kinesis records. In the log each user record of an aggregate has its own data and an even share of the
//! aggregate's remaining bytes, so that what a shard holds and returns is exact.

mod record_batch;
mod sight;

use super::Pipeline;
use super::event::{Kind, pack, unpack};
use super::finish::TopItem;
use super::tolls::{GIVEN_UP, TOO_LARGE};
use crate::engine::queue::EventQueue;
use crate::engine::random::{Keyed, Streams};
use crate::engine::slab::Slab;
use crate::engine::time::{MICROSECOND, Nanos};
use crate::measure::direct::DirectMeter;
use crate::measure::latency::Latency;
use crate::measure::ordering::Ordering;
use crate::retry::Failure;
use crate::scenario::checked::Scenario;
use crate::systems::kinesis::lineage::Lineage;
use crate::systems::kinesis::log::{Record, flags};
use crate::systems::kinesis::producer::aggregate::Content;
use crate::systems::kinesis::producer::calls::Calls;
use crate::systems::kinesis::producer::plan::ClientPlan;
use crate::systems::kinesis::producer::record::{NOBODY, Parcel, UserRecord, mark};
use crate::systems::kinesis::producer::{Client, Outbox};
use crate::systems::tolls::Tolls;
use crate::workload::put_records::{Placement, PutPlan, RecordFlow};
use std::sync::Arc;

/// What is known of one partition key of a direct producer.
#[derive(Clone, Copy, Debug)]
struct Key {
    /// Records made.
    made: u32,
    /// The newest version in the stream.
    newest: u32,
    /// When that one was meant to be written, microseconds.
    newest_written: u64,
    /// The last record that waits for the sequence number of the one before it (KDS-W10).
    last: u32,
}

/// One direct producer at work.
#[derive(Clone, Debug)]
pub struct Direct {
    /// How it works.
    pub plan: Arc<PutPlan>,
    flow: RecordFlow,
    client: Client,
    calls: Calls,
    records: Slab<UserRecord>,
    keys: Vec<Key>,
    record_bytes_max: u32,
    spread: Keyed,
    network: Keyed,
    backoff: Keyed,
    outbox: Outbox,
    /// Records made for each shard.
    by_shard: Vec<u64>,
    /// What it counted.
    pub meter: DirectMeter,
    /// Records that it lost, and when.
    pub tolls: Tolls,
    /// From the intended write to the shard: gathering, the call itself, retries.
    pub latency: Latency<3>,
    /// Order and duplicates in the stream, key by key.
    pub ordering: Ordering,
}

/// The direct producers of a scenario before their first records.
pub(super) fn producers(scenario: &Scenario, draws: &Streams) -> Vec<Direct> {
    scenario.direct.iter().map(|plan| Direct::new(scenario, plan, draws)).collect()
}

impl Direct {
    fn new(scenario: &Scenario, plan: &Arc<PutPlan>, draws: &Streams) -> Self {
        let (shards, record_bytes_max) = scenario.put_limits(plan.stream);
        let keyed = |purpose: &str| draws.keyed(&format!("workload.{}.{purpose}", plan.name));
        Self {
            flow: RecordFlow::new(Arc::clone(plan), draws),
            client: Client::new(&plan.direct, shards as usize),
            calls: Calls::default(),
            records: Slab::default(),
            keys: Vec::new(),
            record_bytes_max,
            spread: keyed("explicit_hash_key"),
            network: keyed("calls"),
            backoff: keyed("backoff"),
            outbox: Outbox::default(),
            by_shard: vec![0; shards as usize],
            meter: DirectMeter::default(),
            tolls: Tolls::default(),
            latency: Latency::default(),
            ordering: Ordering::default(),
            plan: Arc::clone(plan),
        }
    }

    /// Records that are neither in the stream nor given up, by walking them.
    pub fn waiting(&self) -> u64 {
        self.records.iter().filter(|record| !record.has(mark::ACCEPTED)).count() as u64
    }

    /// Whether some record that is not in the stream yet is such a one, by its intended write time.
    pub fn any_waiting(&self, such: impl Fn(Nanos) -> bool) -> bool {
        self.records.iter().any(|record| !record.has(mark::ACCEPTED) && such(record.written))
    }

    fn hash(&self, record: &UserRecord) -> u128 {
        self.plan.hash(record.key, (u64::from(record.key) << 32) | u64::from(record.version), &self.spread)
    }

    fn content(&self, record: &UserRecord, hash: u128) -> Content {
        Content {
            key: record.key,
            key_bytes: self.plan.key_bytes(record.key),
            explicit: self.plan.explicit().then_some(hash),
            data: record.data,
        }
    }

    /// The moment at which the client sees a record: its making, or the next look at a file's tail.
    fn seen_at(&self, made: Nanos) -> Nanos {
        match &self.plan.direct.client {
            ClientPlan::Gather(plan) if plan.pick_up > 0 => made.div_ceil(plan.pick_up) * plan.pick_up,
            _ => made,
        }
    }

    fn sequence_numbers(&self) -> bool {
        matches!(&self.plan.direct.client, ClientPlan::Gather(plan) if plan.sequence_numbers)
    }

    fn key(&mut self, key: u32) -> &mut Key {
        let key = key as usize;
        if key >= self.keys.len() {
            self.keys.resize(key + 1, Key { made: 0, newest: 0, newest_written: 0, last: NOBODY });
        }
        &mut self.keys[key]
    }

    /// Gives a record to the client, for the first time or again.
    fn hand_over(&mut self, now: Nanos, handle: u32, lineage: &Lineage) {
        let record = self.records.get(handle);
        let hash = self.hash(&record);
        let (content, shard) = (self.content(&record, hash), usize::from(lineage.shard_of(hash)));
        if record.attempts == 0 {
            if shard >= self.by_shard.len() {
                self.by_shard.resize(shard + 1, 0);
            }
            self.by_shard[shard] += 1;
        }
        self.client.add(now, handle, &content, shard, &mut self.records, &mut self.outbox);
    }

    /// The client has heard the last of a record: the next one of its key, if one waits, may go.
    fn release(&mut self, now: Nanos, handle: u32, lineage: &Lineage) {
        let record = self.records.remove(handle);
        if !self.sequence_numbers() {
            return;
        }
        if record.link != NOBODY {
            return self.hand_over(now, record.link, lineage);
        }
        self.key(record.key).last = NOBODY;
    }

    fn time_to_live(&self) -> Option<Nanos> {
        match &self.plan.direct.client {
            ClientPlan::Kpl(plan) => Some(plan.ttl),
            ClientPlan::Gather(_) => None,
        }
    }

    /// Packs records again that came back, or fails them where their time to live is over (KPL-4).
    fn pack_again(&mut self, now: Nanos, lineage: &Lineage, mut outcome: impl FnMut(&UserRecord)) {
        while let Some(handle) = self.outbox.apart.pop_front() {
            let record = self.records.get(handle);
            let over = self.time_to_live().is_some_and(|ttl| record.written + ttl <= now);
            if !over {
                self.hand_over(now, handle, lineage);
                continue;
            }
            if !record.has(mark::ACCEPTED) {
                self.meter.expired += 1;
                self.tolls.note(now, ("expired", "older than the library's time to live"), 1);
                outcome(&record);
            }
            self.release(now, handle, lineage);
        }
    }

    /// Makes a call: its members leave, to reach their shards halfway through the time that it takes.
    fn issue(&mut self, now: Nanos, number: usize, slot: u32, queue: &mut EventQueue) {
        let call = self.calls.get(slot);
        call.issued = now;
        call.made += 1;
        call.refused = false;
        for parcel in &mut call.parcels {
            parcel.accepted = false;
            let mut next = parcel.first;
            for _ in 0..parcel.count {
                let record = self.records.get_mut(next);
                record.sent(now);
                next = record.link;
            }
        }
        let (address, made) = (call.number, call.made);
        let time = self.plan.direct.latency.sample(&mut self.network.draws(address, made)) as Nanos;
        let timeout = self.plan.direct.timeout;
        // No call has a number that large: a draw of its own for the loss.
        let lost = self.network.unit(address ^ (1 << 63), made) < self.plan.direct.lost_replies;
        let call = self.calls.get(slot);
        call.lost = lost || time >= timeout;
        self.meter.calls += 1;
        self.meter.calls_lost += u64::from(call.lost);
        let back = if call.lost { now + timeout } else { now + time };
        let there = (now + time / 2).min(back);
        // Replies come before calls at one moment: the answer to a call that takes no time has to come after it.
        let back = back.max(there + 1);
        queue.push(there, Kind::PutRecords as u8, pack(number, slot as usize));
        queue.push(back, Kind::Replied as u8, pack(number, slot as usize));
    }

    /// Makes the calls that are due, as far as the connections go, and passes on what the client asks for.
    fn pump(&mut self, now: Nanos, number: usize, queue: &mut EventQueue) {
        while self.calls.open() < self.plan.direct.in_flight as usize {
            let slot = self.calls.begin();
            let mut parcels = std::mem::take(&mut self.calls.get(slot).parcels);
            let due = self.client.next_call(now, &self.records, &mut parcels, &mut self.outbox);
            self.calls.get(slot).parcels = parcels;
            if !due {
                self.calls.cancel(slot);
                break;
            }
            self.issue(now, number, slot, queue);
        }
        for (at, what) in self.outbox.looks.drain(..) {
            queue.push(at, Kind::Gathered as u8, pack(number, what as usize));
        }
    }
}

impl<const FULL: bool> Pipeline<FULL> {
    /// Schedules the first record of every direct producer.
    pub(super) fn start_direct(&mut self) {
        (0..self.direct.len()).for_each(|number| self.schedule_record(number));
    }

    fn schedule_record(&mut self, number: usize) {
        let direct = &mut self.direct[number];
        if let Some(made) = direct.flow.peek()
            && made.at <= self.arrivals_end
        {
            let at = direct.seen_at(made.at).max(self.now);
            self.queue.push(at, Kind::Record as u8, pack(number, 0));
        }
    }

    /// A direct producer makes a record.
    pub(super) fn record_made(&mut self, now: Nanos, handle: u32) {
        let (number, _) = unpack(handle);
        let direct = &mut self.direct[number];
        let Some(made) = direct.flow.peek() else { return };
        direct.flow.step();
        direct.meter.offered += 1;
        direct.meter.cohort += u64::from(self.cohort.has(made.at / MICROSECOND));
        let key = direct.key(made.key);
        key.made += 1;
        let record = UserRecord::new(made.at, made.key, key.made, made.data);
        let bytes = u64::from(made.data) + u64::from(direct.plan.key_bytes(made.key));
        if bytes > u64::from(direct.record_bytes_max) {
            direct.meter.too_large += 1;
            direct.tolls.note(now, TOO_LARGE, 1);
            self.fingerprint.outcome(now, identity(&record), 10);
        } else {
            let handle = direct.records.insert(record);
            if direct.sequence_numbers() {
                let last = std::mem::replace(&mut direct.key(made.key).last, handle);
                if last != NOBODY {
                    // An earlier record of this key has no sequence number yet: this one waits for it.
                    direct.records.get_mut(last).link = handle;
                    return self.schedule_record(number);
                }
            }
            direct.hand_over(now, handle, self.streams[direct.plan.stream].stream.lineage());
            self.settle(now, number);
        }
        self.schedule_record(number);
    }

    /// What follows whenever a client has changed: records that came apart, and calls.
    fn settle(&mut self, now: Nanos, number: usize) {
        let (direct, fingerprint) = (&mut self.direct[number], &mut self.fingerprint);
        let lineage = self.streams[direct.plan.stream].stream.lineage();
        direct.pack_again(now, lineage, |record| fingerprint.outcome(now, identity(record), 9));
        direct.pump(now, number, &mut self.queue);
    }

    /// A moment has come at which a client wanted to be looked at.
    pub(super) fn gathered(&mut self, now: Nanos, handle: u32) {
        let (number, what) = unpack(handle);
        let direct = &mut self.direct[number];
        direct.client.look(now, what as u32, &mut direct.records, &mut direct.outbox);
        self.settle(now, number);
    }

    /// A client makes a call again.
    pub(super) fn call_again(&mut self, now: Nanos, handle: u32) {
        let (number, slot) = unpack(handle);
        self.direct[number].issue(now, number, slot as u32, &mut self.queue);
    }

    /// A call reaches the stream: each parcel is accepted by its shard, or refused (KDS-W7).
    pub(super) fn put_records(&mut self, now: Nanos, handle: u32) {
        let (number, slot) = unpack(handle);
        let direct = &mut self.direct[number];
        if self.streams[direct.plan.stream].front.is_some() {
            return self.put_record_batch(now, number, slot);
        }
        let call = direct.calls.get(slot as u32);
        let issued = call.issued;
        let mut parcels = std::mem::take(&mut call.parcels);
        for parcel in &mut parcels {
            self.put_parcel(now, number, issued, parcel);
        }
        self.direct[number].calls.get(slot as u32).parcels = parcels;
    }

    fn put_parcel(&mut self, now: Nanos, number: usize, issued: Nanos, parcel: &mut Parcel) {
        let direct = &mut self.direct[number];
        let place = &mut self.streams[direct.plan.stream];
        let hash = direct.hash(&direct.records.get(parcel.first));
        let shard = usize::from(place.stream.lineage().shard_of(hash));
        let outcome = place.stream.admit(now, shard, parcel.bytes);
        if FULL {
            place.count(now, shard, parcel.bytes, &outcome);
        }
        direct.meter.attempts += u64::from(parcel.count);
        direct.meter.parcels += 1;
        if let Err(why) = outcome {
            direct.meter.refused[why as usize] += 1;
            direct.meter.first_refused.get_or_insert(now);
            direct.meter.refused_records += u64::from(parcel.count);
            let mut next = parcel.first;
            for _ in 0..parcel.count {
                let record = direct.records.get_mut(next);
                record.marks |= mark::REFUSED;
                next = record.link;
            }
            return;
        }
        parcel.accepted = true;
        direct.meter.parcels_accepted += 1;
        direct.meter.bytes += u64::from(parcel.bytes);
        direct.meter.put_units += crate::pricing::meter::put_payload_units(u64::from(parcel.bytes));
        let data: u32 = parcel.members(&direct.records).map(|member| direct.records.get(member).data).sum();
        let (each, more) = ((parcel.bytes - data) / parcel.count, (parcel.bytes - data) % parcel.count);
        let mut next = parcel.first;
        for member in 0..parcel.count {
            let handle = next;
            let record = direct.records.get(handle);
            next = record.link;
            direct.records.get_mut(handle).marks |= mark::ACCEPTED;
            let bytes = record.data + each + u32::from(member < more);
            let copy = record.has(mark::ACCEPTED);
            let marks = if copy { flags::COPY } else { 0 }
                | if record.has(mark::REFUSED) { flags::RETRIED } else { 0 };
            let (written, appended) = (record.written / MICROSECOND, now / MICROSECOND);
            let logged = Record { written, appended, bytes, key: record.key, flags: marks };
            place.stream.append(shard, &logged);
            let counted = self.cohort.has(written);
            direct.note(&record, &logged, issued / MICROSECOND, counted);
            self.fingerprint.outcome(now, identity(&record), 7);
        }
        place.wake_readers(now, shard, &mut self.queue);
    }

    /// A call's reply is back, or its time is over.
    pub(super) fn replied(&mut self, now: Nanos, handle: u32) {
        let (number, slot) = unpack(handle);
        let direct = &mut self.direct[number];
        let call = direct.calls.get(slot as u32);
        let lost = call.lost;
        let lineage = self.streams[direct.plan.stream].stream.lineage();
        let mut parcels = std::mem::take(&mut call.parcels);
        parcels.retain(|parcel| {
            let done = parcel.accepted && !lost;
            if done {
                direct.forget(now, parcel, lineage, |_, _| {});
            }
            !done
        });
        let failed = !parcels.is_empty();
        direct.calls.get(slot as u32).parcels = parcels;
        if failed {
            self.failed(now, handle, lost);
        } else {
            direct.calls.end(slot as u32);
        }
        self.settle(now, number);
    }

    /// Part of a call, or all of it, failed: the SDK, the application or the library does something about it.
    fn failed(&mut self, now: Nanos, handle: u32, lost: bool) {
        let (number, slot) = unpack(handle);
        let slot = slot as u32;
        let direct = &mut self.direct[number];
        let plan = Arc::clone(&direct.plan);
        let call = direct.calls.get(slot);
        let ClientPlan::Gather(client) = &plan.direct.client else {
            // The library packs failed records anew, one by one, without waiting longer each time (KPL-5).
            for parcel in std::mem::take(&mut call.parcels) {
                direct.outbox.apart.extend(parcel.members(&direct.records));
            }
            return direct.calls.end(slot);
        };
        let uniform = direct.backoff.unit(call.number, call.made);
        // Members that fail inside a good reply are no failure to the SDK (SDK-R13).
        if lost || client.single || call.refused {
            call.failures += 1;
            let failure = if lost { Failure::Timeout } else { Failure::Throttling };
            if let Some(wait) = client.retries.delay_after(failure, call.failures, uniform) {
                return self.queue.push(now + wait, Kind::CallAgain as u8, handle);
            }
        }
        call.failures = 0;
        call.resends += 1;
        if let Some(wait) = client.resend.delay(call.resends, uniform) {
            return self.queue.push(now + wait, Kind::CallAgain as u8, handle);
        }
        let parcels = std::mem::take(&mut call.parcels);
        let (fingerprint, lineage) = (&mut self.fingerprint, self.streams[plan.stream].stream.lineage());
        for parcel in &parcels {
            direct.forget(now, parcel, lineage, |direct, record| {
                direct.meter.given_up += 1;
                direct.tolls.note(now, GIVEN_UP, 1);
                fingerprint.outcome(now, identity(record), 8);
            });
        }
        direct.calls.end(slot);
    }
}

/// Keys listed for a shard.
const TOP_KEYS_A_SHARD: usize = 5;

impl Direct {
    /// The keys with the most records of each shard, unless each record has a hash key of its own, and all records
    /// handed to the client for each shard.
    pub fn top_keys(&self, lineage: &Lineage) -> (Vec<TopItem>, Vec<u64>) {
        let mut top: Vec<Vec<TopItem>> = vec![Vec::new(); self.by_shard.len()];
        if matches!(self.plan.placement, Placement::Spread | Placement::OwnKey(_)) {
            return (Vec::new(), self.by_shard.clone());
        }
        for (number, key) in self.keys.iter().enumerate().filter(|(_, key)| key.made > 0) {
            let hash = self.plan.hash(number as u32, 0, &self.spread);
            let shard = usize::from(lineage.shard_of(hash));
            if shard >= top.len() {
                top.resize(shard + 1, Vec::new());
            }
            let list = &mut top[shard];
            let place = list.partition_point(|other| other.changes >= key.made);
            if place < TOP_KEYS_A_SHARD {
                list.insert(place, TopItem { key: number as u32, shard: shard as u32, changes: key.made });
                list.truncate(TOP_KEYS_A_SHARD);
            }
        }
        (top.concat(), self.by_shard.clone())
    }
}

/// A record's identity among the outcomes of a run.
fn identity(record: &UserRecord) -> u64 {
    (u64::from(record.key) << 32) | u64::from(record.version)
}

impl Direct {
    /// The client's last word on a parcel; `unless_there` hears of the members that are not in the stream.
    fn forget(
        &mut self,
        now: Nanos,
        parcel: &Parcel,
        lineage: &Lineage,
        mut unless_there: impl FnMut(&mut Self, &UserRecord),
    ) {
        let mut next = parcel.first;
        for _ in 0..parcel.count {
            let handle = next;
            let record = self.records.get(handle);
            next = record.link;
            if !record.has(mark::ACCEPTED) {
                unless_there(self, &record);
            }
            self.release(now, handle, lineage);
        }
    }

    /// Measures a record that is now in the stream.
    fn note(&mut self, record: &UserRecord, logged: &Record, issued: u64, counted: bool) {
        let Record { written, appended, .. } = *logged;
        let copy = logged.flags & flags::COPY != 0;
        self.meter.accepted += u64::from(!copy);
        self.meter.copies += u64::from(copy);
        let version = record.version;
        let key = self.key(record.key);
        let (newest, newest_written) = (key.newest, key.newest_written);
        if version > newest {
            (key.newest, key.newest_written) = (version, written);
        }
        if !counted {
            return;
        }
        if version < newest {
            self.ordering.late_by(logged.flags, newest - version, newest_written.saturating_sub(written));
        }
        self.ordering.records += 1;
        self.ordering.duplicates += u64::from(copy);
        if copy {
            return;
        }
        self.meter.first_try_cohort += u64::from(record.attempts == 1);
        let buffered = u64::from(record.buffered).min(issued - written);
        self.latency.record([buffered, appended - issued, issued - written - buffered]);
    }
}
