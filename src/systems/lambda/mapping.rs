//! An event source mapping: from the records that its source gives to invocations, and back.
//!
//! Whoever drives it reads the source when there is [room](Mapping::has_room), hands the records [over](Mapping::arrive),
//! and then asks each lane what [next](Mapping::next).

mod refusal;
mod whereabouts;

pub use whereabouts::Whereabouts;

use super::batch::{Held, PAYLOAD_MAX};
use super::cold_start::Environments;
use super::concurrency::Share;
use super::function::{Function, FunctionPlan, Turns};
use super::hand::Hand;
use super::lane::{Lane, State};
pub use super::meter::MappingMeter;
pub use super::moments::{Moments, PARTS, PARTS_OF_KINESIS};
pub use super::plan::{LambdaPlan, MappingPlan, Role, Via};
use super::retry::{Destination, GivenUp};
use super::tumbling::OpenWindow;
use crate::engine::random::{Keyed, Streams, threshold};
use crate::engine::time::{MICROSECOND, MILLISECOND, Nanos};
use crate::systems::kinesis::log::Record;
use crate::systems::kinesis::losses::{EXPIRED, Losses};
use crate::systems::lag::Lag;
use crate::systems::tolls::Tolls;
use std::ops::Range;

/// What a lane does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Waits for records or for its function.
    Nothing,
    /// Has to be looked at at this moment.
    At(Nanos),
    /// Invokes the function now.
    Invoke,
}

/// A mapping at work.
#[derive(Clone, Debug)]
pub struct Mapping {
    plan: MappingPlan,
    /// Records of one shard above which no more are read.
    room: u64,
    coins: Keyed,
    /// Draws for waits after refusals, by their time and lane.
    chance: Keyed,
    passes_below: u64,
    hands: Vec<Hand>,
    lanes: Vec<Lane>,
    /// The function.
    pub function: Function,
    /// Its share of the account's concurrency.
    pub share: Share,
    /// Its environments.
    pub environments: Environments,
    /// What it counted.
    pub meter: MappingMeter,
    /// What outlived its source's retention in its hands.
    pub losses: Losses,
    /// What it gave up, when and why.
    pub tolls: Tolls,
    /// How late it is, where a planned event holds it up.
    pub lag: Option<Box<Lag>>,
}

impl Mapping {
    /// A mapping that has read nothing; `path` names it, such as `consumers.search`.
    pub fn new(
        plan: &MappingPlan,
        function: &FunctionPlan,
        draws: &Streams,
        path: &str,
        shards: usize,
    ) -> Self {
        let mut this = Self {
            room: u64::from(plan.batching.size) * u64::from(plan.factor),
            coins: draws.keyed(&format!("{path}.filter")),
            chance: draws.keyed(&format!("{path}.throttled")),
            passes_below: plan.filter_passes.map_or(u64::MAX, threshold),
            hands: Vec::new(),
            lanes: Vec::new(),
            function: Function::new(function, draws, path),
            share: Share::new(function.reserved),
            environments: Environments::new(function.keep_warm),
            meter: MappingMeter::default(),
            losses: Losses::default(),
            tolls: Tolls::default(),
            lag: None,
            plan: plan.clone(),
        };
        this.grow(shards);
        this
    }

    /// Makes room for shards that have come since.
    pub fn grow(&mut self, shards: usize) {
        self.hands.resize_with(shards.max(self.hands.len()), Hand::new);
        let lanes = self.hands.len() * self.plan.factor as usize;
        self.lanes.resize_with(lanes, Lane::new);
    }

    /// The source keeps records this long from now on.
    pub fn set_retention(&mut self, retention: Nanos) {
        self.plan.retention = retention;
    }

    /// The shard of a lane.
    pub fn shard_of(&self, lane: usize) -> usize {
        lane / self.plan.factor as usize
    }

    /// Whether the source may be read; if not, [`resume`](Self::resume) tells when it may.
    pub fn has_room(&mut self, now: Nanos, shard: usize) -> bool {
        let hand = &mut self.hands[shard];
        let room = hand.waiting < self.room && hand.fetched.is_empty();
        if !room {
            hand.stalled.get_or_insert(now);
        }
        room
    }

    /// Nothing waits on a shard, which is read next when a record comes; or, if it is `closed`, never. Returns whether all
    /// that was read of a closed shard is settled, which it says once.
    pub fn rest(&mut self, shard: usize, closed: bool) -> bool {
        let factor = self.plan.factor as usize;
        let lanes = &self.lanes[shard * factor..(shard + 1) * factor];
        let settled = lanes.iter().all(|lane| lane.in_hand().next().is_none() && lane.window.is_none());
        let hand = &mut self.hands[shard];
        hand.stalled_from = Nanos::MAX;
        if settled {
            hand.stalls.clear();
        }
        hand.over = closed && !settled;
        closed && settled
    }

    /// Whether all of a closed shard has been read and its children wait for that to be settled.
    #[inline]
    pub fn is_over(&self, shard: usize) -> bool {
        self.hands[shard].over
    }

    /// Whether a shard that had no room has some again, so that it is to be read now.
    pub fn resume(&mut self, shard: usize) -> bool {
        let hand = &mut self.hands[shard];
        let resumes = hand.stalled.is_some() && hand.waiting < self.room && hand.fetched.is_empty();
        if resumes {
            hand.stalled_from = hand.stalled.take().unwrap_or(hand.stalled_from);
        }
        resumes
    }

    /// Where to put the records of a read that takes place now.
    pub fn read(&mut self, now: Nanos, shard: usize) -> &mut Vec<Record> {
        let hand = &mut self.hands[shard];
        hand.polled = now;
        if hand.stalled_from < now {
            hand.stalls.note(hand.stalled_from / MICROSECOND, now / MICROSECOND);
        }
        hand.stalled_from = Nanos::MAX;
        &mut hand.fetched
    }

    /// A shard was found so long after its parents were done with: from, to.
    pub fn found(&mut self, shard: usize, pause: (Nanos, Nanos)) {
        self.hands[shard].pause = pause;
    }

    /// Notes whether the read left records behind.
    pub fn left_behind(&mut self, shard: usize, behind: bool) {
        self.hands[shard].behind = behind;
    }

    /// Whether it did.
    pub fn is_behind(&self, shard: usize) -> bool {
        self.hands[shard].behind
    }

    /// What was read of a shard is here: filters it and spreads it over the lanes. Returns the shard's lanes.
    pub fn arrive(&mut self, now: Nanos, shard: usize) -> Range<usize> {
        let factor = self.plan.factor;
        let first = shard * factor as usize;
        let hand = &mut self.hands[shard];
        let fetched = std::mem::take(&mut hand.fetched);
        if !hand.stalls.is_empty() {
            let in_hand = self.lanes[first..first + factor as usize].iter();
            let oldest = in_hand.filter_map(|lane| lane.in_hand().next()).map(|held| held.record.appended);
            let oldest = oldest.chain(fetched.first().map(|first| first.appended)).min();
            oldest.into_iter().for_each(|oldest| hand.stalls.forget(oldest));
        }
        for record in &fetched {
            if self.passes_below < u64::MAX
                && self.coins.bits(record.identity(), u32::from(record.flags)) >= self.passes_below
            {
                self.meter.filtered += 1;
                continue;
            }
            if self.plan.batching.payload.bytes(record.bytes) > PAYLOAD_MAX {
                // It fits no invocation (KDS-B4).
                self.give_up(now, GivenUp::TooLarge, std::slice::from_ref(record), 1);
                continue;
            }
            let stalled = self.hands[shard].stalls.since(record.appended);
            let held = Held { record: *record, stalled, came: now / MICROSECOND };
            let lane = first + self.plan.lane_of(record.key) as usize;
            self.lanes[lane].push(now, held, &self.plan.batching);
            self.hands[shard].waiting += 1;
        }
        let hand = &mut self.hands[shard];
        hand.fetched = fetched;
        hand.fetched.clear();
        first..first + factor as usize
    }

    /// What a lane does next. Records that are too old are given up on the way.
    pub fn next(&mut self, now: Nanos, lane: usize) -> Next {
        loop {
            if self.window_ends(now, lane) {
                continue;
            }
            let place = &mut self.lanes[lane];
            match place.state {
                State::Running => return Next::Nothing,
                State::Gathering => {
                    match place.batch_due(now, &self.plan.batching, self.plan.tumbling.as_ref()) {
                        None => return self.window_end(lane),
                        Some(at) if at > now => return Next::At(at),
                        Some(_) => {
                            let taken =
                                place.cut(now, &self.plan.batching, self.plan.tumbling.as_ref()) as u64;
                            let shard = self.shard_of(lane);
                            self.hands[shard].waiting -= taken;
                        }
                    }
                }
                State::Ready if place.work.not_before > now => return Next::At(place.work.not_before),
                State::Ready => {
                    self.shed_old(now, lane);
                    if !self.lanes[lane].work.part().is_empty() || self.lanes[lane].ends_window {
                        self.lanes[lane].begun.get_or_insert(now);
                        return Next::Invoke;
                    }
                    self.next_part(now, lane);
                }
            }
        }
    }

    /// Makes the invocation that ends a lane's tumbling window, if it is due.
    #[inline]
    fn window_ends(&mut self, now: Nanos, lane: usize) -> bool {
        let Some(plan) = &self.plan.tumbling else { return false };
        let over = self.hands[self.shard_of(lane)].over;
        let place = &mut self.lanes[lane];
        let due = place.window_due(plan, over).is_some_and(|at| at <= now);
        if due {
            place.end_window(now);
        }
        due
    }

    /// When a lane without records is to be looked at to end its tumbling window.
    fn window_end(&self, lane: usize) -> Next {
        let over = self.hands[self.shard_of(lane)].over;
        let due = self.plan.tumbling.as_ref().and_then(|plan| self.lanes[lane].window_due(plan, over));
        due.map_or(Next::Nothing, Next::At)
    }

    /// The lanes of a closed shard, read to its end, whose tumbling windows are open and wait for nothing else.
    pub fn windows_left(&self, shard: usize) -> impl Iterator<Item = usize> {
        let factor = self.plan.factor as usize;
        let open = |lane: &usize| {
            let lane = &self.lanes[*lane];
            lane.window.is_some() && lane.state == State::Gathering && lane.waiting().is_empty()
        };
        (shard * factor..(shard + 1) * factor).filter(open)
    }

    /// When a lane can invoke the function again after its last batch.
    pub fn free_at(&self, lane: usize) -> Nanos {
        self.lanes[lane].free
    }

    /// Notes that the lane is looked at at `at`; whether an event is needed for that.
    pub fn set_timer(&mut self, lane: usize, at: Nanos) -> bool {
        let sooner = self.lanes[lane].timer > at;
        if sooner {
            self.lanes[lane].timer = at;
        }
        sooner
    }

    /// The event of a timer came.
    pub fn timer_came(&mut self, now: Nanos, lane: usize) {
        if self.lanes[lane].timer <= now {
            self.lanes[lane].timer = Nanos::MAX;
        }
    }

    /// Drops what retention or the maximum age has overtaken (LAM-E1, LAM-E2).
    fn shed_old(&mut self, now: Nanos, lane: usize) {
        let work = &mut self.lanes[lane].work;
        // What was there before the run arrived at moments that wrap around below 0.
        let age = |held: &Held| (now / MICROSECOND).wrapping_sub(held.record.appended) as i64;
        let retention = (self.plan.retention / MICROSECOND) as i64;
        let oldest = work.part().first().map(|held| held.record.appended);
        for held in work.part().iter().take_while(|held| age(held) > retention) {
            let gone = now.saturating_sub((age(held) - retention).unsigned_abs() * MICROSECOND);
            self.losses.note(lane / self.plan.factor as usize, (gone, gone), EXPIRED, 1);
        }
        let lost = work.shed(|held| age(held) > retention) as u64;
        self.meter.expired += lost;
        if let (Some(lag), Some(oldest)) = (&mut self.lag, oldest.filter(|_| lost > 0)) {
            lag.settled(now, oldest);
        }
        if let Some(age_max) = self.plan.retry.record_age_max {
            let from = work.from;
            let count = work.shed(|held| age(held) > (age_max / MICROSECOND) as i64);
            if count > 0 {
                self.give_up_records((now, GivenUp::TooOld), lane, from..from + count);
            }
        }
    }

    fn give_up_records(&mut self, (now, why): (Nanos, GivenUp), lane: usize, given_up: Range<usize>) {
        let records = &self.lanes[lane].work.records[given_up];
        let records: Vec<Record> = records.iter().map(|held| held.record).collect();
        let poison = records.iter().filter(|record| self.function.is_poison(record)).count();
        self.give_up(now, why, &records, (records.len() - poison) as u64);
    }

    /// Gives records up, `good` of which the function could do, with one message where they are sent somewhere.
    fn give_up(&mut self, now: Nanos, why: GivenUp, records: &[Record], good: u64) {
        let count = records.len() as u64;
        let destination = self.plan.retry.destination;
        let fate = if destination.is_some() { "on_failure" } else { "discarded" };
        match destination {
            Some(_) => {
                self.meter.on_failure += count;
                self.meter.sent += 1;
            }
            None => self.meter.discarded += count,
        }
        // A queue gets where the records lie, and not them (LAM-E5).
        match records.first().filter(|_| destination == Some(Destination::Sqs)) {
            Some(first) => {
                let until = first.appended.wrapping_mul(MICROSECOND).wrapping_add(self.plan.retention);
                self.tolls.note_pointers(now, (fate, why.cause()), (count, until));
            }
            None => self.tolls.note(now, (fate, why.cause()), count),
        }
        self.meter.good_given_up += good;
        if let (Some(lag), Some(first)) = (&mut self.lag, records.first()) {
            lag.settled(now, first.appended);
        }
    }

    fn next_part(&mut self, now: Nanos, lane: usize) {
        let place = &mut self.lanes[lane];
        place.begun = None;
        if place.work.next_part() {
            place.work.not_before = now + self.plan.batching.turnaround;
            return;
        }
        if let Some(failed) = place.work.first_failed {
            self.meter.blocked += now - failed;
            self.meter.blocked_max = self.meter.blocked_max.max(now - failed);
            self.meter.blocks += 1;
            place.note_retried(failed, now);
        }
        place.close(now, &self.plan.batching);
    }

    /// The invocation was let in: runs the function. Returns when it ends.
    pub fn start(&mut self, now: Nanos, lane: usize, cold: bool, turns: &mut Turns) -> Nanos {
        let shard = self.shard_of(lane);
        let meter = &mut self.meter;
        let place = &mut self.lanes[lane];
        meter.invocations += 1;
        if let Some(window) = place.window.filter(|_| place.ends_window) {
            meter.window_ends[0] += u64::from(place.work.tries == 0);
            meter.window_ends[1] += u64::from(place.work.tries == 0 && window.is_early());
        }
        let again = place.work.is_retry();
        let run = self.function.run(now, place.work.part(), place.work.tries, cold, turns);
        place.work.tries += 1;
        meter.retried += u64::from(again);
        meter.cold_starts += u64::from(cold);
        meter.run_micros[usize::from(again)] += (run.cold + run.duration) / MICROSECOND;
        meter.billed_millis[usize::from(again)] += (run.cold + run.duration).div_ceil(MILLISECOND);
        meter.concurrency_max = meter.concurrency_max.max(self.share.in_use());
        let end = place.work.to;
        meter.handed_again += place.work.handed.clamp(place.work.from, end) as u64 - place.work.from as u64;
        place.work.handed = place.work.handed.max(end);
        // What an earlier try had processed before it failed is processed again.
        let reached = run.fails_at.map_or(end, |at| place.work.from + at);
        let repeated = place.work.processed.min(reached).saturating_sub(place.work.from) as u64;
        meter.repeated += repeated;
        place.repeated = repeated as usize;
        for _ in 0..repeated {
            meter.repeat_records.record((place.work.processed - place.work.from) as u64);
            meter.repeat_micros.record((now - place.work.processed_at) / MICROSECOND);
        }
        if reached >= place.work.processed {
            (place.work.processed, place.work.processed_at) = (reached, now);
        }
        if let Some(begun) = place.begun.filter(|begun| *begun < now) {
            place.note_refused(begun, now);
        }
        (place.started, place.cold, place.fails_at) = (now, run.cold, run.fails_at);
        (place.state, place.refusals) = (State::Running, 0);
        let hand = &mut self.hands[shard];
        if hand.running == 0 {
            hand.busy_since = now;
        }
        hand.running += 1;
        now + run.cold + run.duration
    }

    /// The function has ended. Returns the records that are now processed, by their places in the lane's
    /// [batch](Self::batch), and the moments behind them. Then [`settle`](Self::settle) is due.
    pub fn ended(&mut self, now: Nanos, lane: usize) -> (Range<usize>, Moments) {
        let shard = self.shard_of(lane);
        let hand = &mut self.hands[shard];
        hand.running -= 1;
        if hand.running == 0 {
            self.meter.busy_shard += now - hand.busy_since;
        }
        let place = &mut self.lanes[lane];
        place.state = State::Ready;
        place.begun = None;
        place.held_back.while_unread(&hand.stalls);
        let micros = |at: Nanos| at / MICROSECOND;
        let moments = Moments {
            free: micros(place.free),
            cut: micros(place.cut),
            started: micros(place.started),
            warm: micros(place.started + place.cold),
            ended: micros(now),
            pause: (micros(hand.pause.0), micros(hand.pause.1)),
        };
        if place.ends_window {
            // Its state is gone once it is done with, or given up.
            let failed = place.fails_at.is_some();
            self.meter.errors += u64::from(failed);
            if failed {
                place.work.failed(now, 0, &self.plan.retry);
            }
            if !failed || place.work.is_exhausted(&self.plan.retry) {
                (place.window, place.ends_window) = (None, false);
            }
            return (0..0, moments);
        }
        let Some(at) = place.fails_at else {
            let done = place.work.from..place.work.to;
            place.work.from = place.work.to;
            self.meter.processed += done.len() as u64;
            self.note_lag(now, lane, &done);
            self.add_to_window(lane, done.clone());
            return (done, moments);
        };
        self.meter.errors += 1;
        let failed = place.work.failed(now, place.work.from + at, &self.plan.retry);
        self.meter.processed += failed.done.len() as u64;
        self.note_lag(now, lane, &failed.done);
        if !failed.given_up.is_empty() {
            self.give_up_records((now, GivenUp::RetriesUsedUp), lane, failed.given_up);
        }
        self.wait_no_longer_than_age_allows(now, lane);
        self.add_to_window(lane, failed.done.clone());
        (failed.done, moments)
    }

    #[inline]
    fn note_lag(&mut self, now: Nanos, lane: usize, done: &Range<usize>) {
        if let (Some(lag), false) = (&mut self.lag, done.is_empty()) {
            lag.settled(now, self.lanes[lane].work.records[done.start].record.appended);
        }
    }

    /// Records are processed: the state of their tumbling window has them now.
    #[inline]
    fn add_to_window(&mut self, lane: usize, done: Range<usize>) {
        let (Some(plan), false) = (&self.plan.tumbling, done.is_empty()) else { return };
        let place = &mut self.lanes[lane];
        let number = plan.window_of(place.work.records[done.start].record.appended);
        let bytes = plan.state_bytes_per_record * done.len() as u64;
        let window = place.window.get_or_insert(OpenWindow { number, state_bytes: 0 });
        window.state_bytes += bytes;
    }

    /// Goes on to the next part of the batch or the next batch, if the present part is settled.
    pub fn settle(&mut self, now: Nanos, lane: usize) {
        if self.lanes[lane].work.part().is_empty() && !self.lanes[lane].ends_window {
            self.next_part(now, lane);
        }
    }

    /// The [parts](Moments::parts) of the latency of a record that a lane has just settled.
    pub fn parts(&self, lane: usize, moments: &Moments, held: &Held) -> [u64; PARTS.len()] {
        moments.parts(held, &self.lanes[lane].held_back)
    }

    /// The batch of a lane.
    pub fn batch(&self, lane: usize) -> &[Held] {
        &self.lanes[lane].work.records
    }

    /// The payload of what a lane has the function run with next, and whether some of it was tried before.
    pub fn payload_of_part(&self, lane: usize) -> (u64, bool) {
        let work = &self.lanes[lane].work;
        let payload = &self.plan.batching.payload;
        let bytes = work.part().iter().map(|held| payload.bytes(held.record.bytes));
        (bytes.sum(), work.is_retry())
    }

    /// The records that the run of a lane which has just ended reached, as large as their JSON, and whether they were tried
    /// before.
    pub fn reached(&self, lane: usize) -> (Vec<Record>, bool) {
        let place = &self.lanes[lane];
        let part = place.work.part();
        let payload = &self.plan.batching.payload;
        let in_json = |held: &Held| Record { bytes: payload.bytes(held.record.bytes) as u32, ..held.record };
        (part[..place.fails_at.unwrap_or(part.len())].iter().map(in_json).collect(), place.work.is_retry())
    }

    /// The records that the run of a lane which has just ended reached, and how many of the first of them an earlier try had
    /// processed.
    pub fn reached_again(&self, lane: usize) -> (&[Held], usize) {
        let place = &self.lanes[lane];
        let part = place.work.part();
        match place.ends_window {
            true => (&[], 0),
            false => (&part[..place.fails_at.unwrap_or(part.len())], place.repeated),
        }
    }

    /// The last record of what a lane has the function run with.
    pub fn last_of_part(&self, lane: usize) -> Option<&Record> {
        self.lanes[lane].work.part().last().map(|held| &held.record)
    }

    /// Whether some record in the mapping's hands is such a one.
    pub fn any_in_hand(&self, such: impl Fn(&Record) -> bool) -> bool {
        self.lanes.iter().any(|lane| lane.in_hand().any(|held| such(&held.record)))
            || self.hands.iter().any(|hand| hand.fetched.iter().any(&such))
    }

    /// When the oldest record in the mapping's hands had come into its stream, by walking them.
    pub fn oldest_in_hand(&self) -> Option<u64> {
        let lanes = self.lanes.iter().flat_map(|lane| lane.in_hand().map(|held| held.record.appended));
        let fetched = self.hands.iter().flat_map(|hand| hand.fetched.iter().map(|record| record.appended));
        lanes.chain(fetched).min_by_key(|appended| *appended as i64)
    }

    /// Records in the mapping's hands, by walking them.
    pub fn in_hand(&self) -> u64 {
        let lanes: usize = self.lanes.iter().map(|lane| lane.in_hand().count()).sum();
        let fetched: usize = self.hands.iter().map(|hand| hand.fetched.len()).sum();
        (lanes + fetched) as u64
    }

    /// Counts blocks that have not ended by the end of the run.
    pub fn finish(&mut self, end: Nanos) {
        for failed in self
            .lanes
            .iter()
            .filter_map(|lane| lane.work.first_failed.filter(|_| lane.state != State::Gathering))
        {
            let blocked = end.saturating_sub(failed);
            self.meter.blocked += blocked;
            self.meter.blocked_max = self.meter.blocked_max.max(blocked);
            self.meter.blocks += 1;
        }
    }
}
