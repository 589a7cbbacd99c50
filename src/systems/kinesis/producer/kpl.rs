//! The Kinesis Producer Library: records are aggregated by shard, held to a rate, collected into calls.
//!
//! Each shard that the library predicts has an aggregate that is being filled (KPL-1). When it is full, or its oldest
//! member has waited `RecordMaxBufferedTime` (KPL-3), it goes through the shard's rate limit (KPL-6), where it waits in a
//! queue that is looked at on arrival and every 25 ms. What comes through is collected over all shards into PutRecords
//! calls (KPL-2).

use std::collections::VecDeque;

use super::Outbox;
use super::aggregate::{Aggregate, Content, PARTITION_KEY_BYTES};
use super::plan::KplPlan;
use super::record::{Parcel, UserRecord};
use crate::engine::bucket::{Limit, TokenBucket};
use crate::engine::slab::Slab;
use crate::engine::time::{END_OF_TIME, MILLISECOND, Nanos};
use crate::systems::kinesis::shard::{WRITE_BYTES_PER_SECOND, WRITE_RECORDS_PER_SECOND};

/// How often the rate limit looks at what it holds back (limiter.h: 25 ms).
const DRAIN: Nanos = 25 * MILLISECOND;
/// The longest that collecting waits for more aggregates, and its share of the buffered time (pipeline.h).
const COLLECT_MAX: Nanos = 50 * MILLISECOND;
const COLLECT_SHARE: u64 = 5;
/// Bytes that the rate limit keeps for a shard (KPL-6).
const BYTES_DEPTH: u64 = 10 * WRITE_BYTES_PER_SECOND;

/// Looks that are not those of a shard's aggregate.
const COLLECTOR: u32 = 0xff_ffff;
const LIMITER: u32 = 0xff_fffe;
const NEVER: Nanos = END_OF_TIME;

/// What the library keeps for one shard.
#[derive(Clone, Debug)]
struct Lane {
    aggregate: Aggregate,
    parcel: Parcel,
    /// Bytes of the first member's partition key.
    key_bytes: u32,
    deadline: Nanos,
    look: Nanos,
    records: TokenBucket,
    bytes: TokenBucket,
    held: VecDeque<(Parcel, Nanos)>,
}

/// The library at work for one stream.
#[derive(Clone, Debug)]
pub struct Kpl {
    plan: KplPlan,
    records: Limit,
    bytes: Limit,
    lanes: Vec<Lane>,
    /// Parcels held back by the rate limit.
    held: u64,
    collected: Vec<Parcel>,
    collected_bytes: u64,
    collect_by: Nanos,
    collector_look: Nanos,
    limiter_look: Nanos,
    calls: VecDeque<Vec<Parcel>>,
}

impl Kpl {
    /// The library with nothing in it.
    pub fn new(plan: &KplPlan, shards: usize) -> Self {
        let rate = |limit: u64| (limit as f64 * plan.rate_limit) as u64;
        let mut kpl = Self {
            plan: plan.clone(),
            records: Limit::new(rate(WRITE_RECORDS_PER_SECOND), WRITE_RECORDS_PER_SECOND),
            bytes: Limit::new(rate(WRITE_BYTES_PER_SECOND), BYTES_DEPTH),
            lanes: Vec::new(),
            held: 0,
            collected: Vec::new(),
            collected_bytes: 0,
            collect_by: NEVER,
            collector_look: NEVER,
            limiter_look: NEVER,
            calls: VecDeque::new(),
        };
        kpl.reach(shards.saturating_sub(1));
        kpl
    }

    /// Makes room for a shard.
    fn reach(&mut self, shard: usize) {
        let (records, bytes) = (self.records, self.bytes);
        let lane = || Lane {
            aggregate: Aggregate::default(),
            parcel: Parcel::default(),
            key_bytes: 0,
            deadline: NEVER,
            look: NEVER,
            records: records.full(),
            bytes: bytes.full(),
            held: VecDeque::new(),
        };
        if shard >= self.lanes.len() {
            self.lanes.resize_with(shard + 1, lane);
        }
    }

    /// Takes a record up, for the first time or, after a call that failed for it, again: then it may wait half as long
    /// (KPL-5).
    pub fn add(
        &mut self,
        now: Nanos,
        handle: u32,
        content: &Content,
        shard: usize,
        records: &mut Slab<UserRecord>,
        out: &mut Outbox,
    ) {
        self.reach(shard);
        let record = records.get(handle);
        let wait = if record.attempts == 0 { self.plan.buffered } else { self.plan.buffered / 2 };
        let expires = record.written + self.plan.ttl;
        let deadline = (now + wait).min(expires.max(now));
        let Some(most) = self.plan.aggregate else {
            let parcel = Parcel::single(handle, content.data + content.key_bytes);
            return self.limit(now, shard, parcel, deadline, records, out);
        };
        let lane = &self.lanes[shard];
        if lane.aggregate.count() > 0 && lane.aggregate.data_bytes_with(content) > most.bytes {
            self.close(now, shard, records, out);
        }
        let lane = &mut self.lanes[shard];
        if lane.aggregate.count() == 0 {
            lane.key_bytes = content.key_bytes;
            lane.deadline = deadline;
        }
        lane.aggregate.add(content);
        lane.parcel.join(handle, records);
        lane.deadline = lane.deadline.min(deadline);
        if lane.aggregate.data_bytes() >= most.bytes || lane.aggregate.count() >= most.count {
            return self.close(now, shard, records, out);
        }
        if lane.deadline < lane.look {
            lane.look = lane.deadline;
            out.looks.push((lane.deadline, shard as u32));
        }
    }

    /// An aggregate is done.
    fn close(&mut self, now: Nanos, shard: usize, records: &mut Slab<UserRecord>, out: &mut Outbox) {
        let lane = &mut self.lanes[shard];
        let key_bytes = if lane.aggregate.count() == 1 { lane.key_bytes } else { PARTITION_KEY_BYTES };
        let mut parcel = std::mem::take(&mut lane.parcel);
        parcel.bytes = lane.aggregate.data_bytes() + key_bytes;
        lane.aggregate.clear();
        let deadline = std::mem::replace(&mut lane.deadline, NEVER);
        self.limit(now, shard, parcel, deadline, records, out);
    }

    /// A parcel meets its shard's rate limit.
    fn limit(
        &mut self,
        now: Nanos,
        shard: usize,
        parcel: Parcel,
        deadline: Nanos,
        records: &mut Slab<UserRecord>,
        out: &mut Outbox,
    ) {
        self.lanes[shard].held.push_back((parcel, deadline));
        self.held += 1;
        self.drain(now, shard, records, out);
        self.ask_for_drain(now, out);
    }

    /// Asks for the next look at what the rate limit holds back, unless that is asked for already.
    fn ask_for_drain(&mut self, now: Nanos, out: &mut Outbox) {
        if self.held > 0 && self.limiter_look == NEVER {
            self.limiter_look = (now / DRAIN + 1) * DRAIN;
            out.looks.push((self.limiter_look, LIMITER));
        }
    }

    /// Lets through what the shard's rate limit has tokens for. A parcel with a member whose time to live is over comes
    /// apart: that member fails, the others are packed again.
    fn drain(&mut self, now: Nanos, shard: usize, records: &mut Slab<UserRecord>, out: &mut Outbox) {
        while let Some((parcel, deadline)) = self.lanes[shard].held.front().copied() {
            let ttl = self.plan.ttl;
            let over = |handle: u32| records.get(handle).written + ttl <= now;
            let lane = &mut self.lanes[shard];
            if parcel.members(records).any(over) {
                lane.held.pop_front();
                self.held -= 1;
                out.apart.extend(parcel.members(records));
                continue;
            }
            let fits = lane.records.has(&self.records, now, 1)
                && lane.bytes.has(&self.bytes, now, u64::from(parcel.bytes));
            if !fits {
                break;
            }
            lane.records.spend(1);
            lane.bytes.spend(u64::from(parcel.bytes));
            lane.held.pop_front();
            self.held -= 1;
            self.collect(now, parcel, deadline, out);
        }
    }

    /// A parcel joins the next call.
    fn collect(&mut self, now: Nanos, parcel: Parcel, deadline: Nanos, out: &mut Outbox) {
        if self.collected_bytes + u64::from(parcel.bytes) > self.plan.collect_bytes {
            self.flush();
        }
        self.collected.push(parcel);
        self.collected_bytes += u64::from(parcel.bytes);
        if self.collected.len() >= self.plan.collect_records as usize {
            return self.flush();
        }
        let by = match self.plan.aggregate {
            Some(_) => now + (self.plan.buffered / COLLECT_SHARE).min(COLLECT_MAX),
            None => deadline.max(now),
        };
        self.collect_by = self.collect_by.min(by);
        if self.collect_by < self.collector_look {
            self.collector_look = self.collect_by;
            out.looks.push((self.collect_by, COLLECTOR));
        }
    }

    /// What is collected becomes a call.
    fn flush(&mut self) {
        self.collect_by = NEVER;
        self.collected_bytes = 0;
        let call = std::mem::take(&mut self.collected);
        if !call.is_empty() {
            self.calls.push_back(call);
        }
    }

    /// Something may be due: timers look again when they fire.
    pub fn look(&mut self, now: Nanos, what: u32, records: &mut Slab<UserRecord>, out: &mut Outbox) {
        match what {
            COLLECTOR => {
                if self.collector_look <= now {
                    self.collector_look = NEVER;
                }
                if self.collect_by <= now {
                    self.flush();
                } else if self.collect_by < self.collector_look {
                    self.collector_look = self.collect_by;
                    out.looks.push((self.collect_by, COLLECTOR));
                }
            }
            LIMITER => {
                self.limiter_look = NEVER;
                for shard in 0..self.lanes.len() {
                    self.drain(now, shard, records, out);
                }
                self.ask_for_drain(now, out);
            }
            shard => self.look_at(now, shard as usize, records, out),
        }
    }

    fn look_at(&mut self, now: Nanos, shard: usize, records: &mut Slab<UserRecord>, out: &mut Outbox) {
        let Some(lane) = self.lanes.get_mut(shard) else { return };
        if lane.look <= now {
            lane.look = NEVER;
        }
        if lane.deadline <= now {
            self.close(now, shard, records, out);
        } else if lane.deadline < lane.look {
            lane.look = lane.deadline;
            out.looks.push((lane.deadline, shard as u32));
        }
    }

    /// The next call, oldest first.
    pub fn next_call(&mut self, call: &mut Vec<Parcel>) -> bool {
        let next = self.calls.pop_front();
        next.is_some_and(|mut next| {
            std::mem::swap(call, &mut next);
            true
        })
    }
}
