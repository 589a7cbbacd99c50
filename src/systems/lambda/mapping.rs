//! An event source mapping: from the records that its source gives to invocations, and back.
//!
//! Whoever drives it reads the source when there is [room](Mapping::has_room), hands the records [over](Mapping::arrive),
//! and then asks each lane what [next](Mapping::next).

mod whereabouts;

pub use whereabouts::Whereabouts;

use super::batch::{Batching, Held, PAYLOAD_MAX};
use super::cold_start::Environments;
use super::concurrency::{Share, Throttled};
use super::function::{Function, FunctionPlan};
use super::lane::{Lane, State, lane_of};
use super::retry::RetryPlan;
use crate::engine::histogram::Histogram;
use crate::engine::random::{Keyed, Streams, threshold};
use crate::engine::sampler::Sampler;
use crate::engine::time::{MICROSECOND, MILLISECOND, Nanos};
use crate::systems::kinesis::fan_out::FanOutPlan;
use crate::systems::kinesis::log::{Micros, Record};
use crate::systems::kinesis::losses::Losses;
use crate::systems::kinesis::poll_grid::PollPlan;
use std::ops::Range;

/// How a mapping reads a data stream.
#[derive(Clone, Debug)]
pub enum Via {
    /// It polls every shard once a second, sharing the shard's limits with others (LAM-P1).
    Shared(PollPlan),
    /// Records are pushed to it (LAM-P3).
    FanOut(FanOutPlan),
}

/// A function with its event source mapping as the scenario describes it, checked.
#[derive(Clone, Debug)]
pub struct LambdaPlan {
    /// Its name in the scenario.
    pub name: String,
    /// Number of the stream it reads.
    pub stream: usize,
    /// How.
    pub via: Via,
    /// From a poll to the records' arrival at the function, nanoseconds.
    pub delivery: Sampler,
    /// The mapping.
    pub mapping: MappingPlan,
    /// The function.
    pub function: FunctionPlan,
}

/// A mapping, whatever its source.
#[derive(Clone, Debug)]
pub struct MappingPlan {
    /// When a batch is complete.
    pub batching: Batching,
    /// Batches of one shard that run at once: 1 to 10 (LAM-C1).
    pub factor: u32,
    /// Share of records that pass the filter (LAM-F1); `None` without one.
    pub filter_passes: Option<f64>,
    /// Error handling.
    pub retry: RetryPlan,
    /// How long the source keeps records.
    pub retention: Nanos,
}

/// What a mapping did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappingMeter {
    /// Records processed.
    pub processed: u64,
    /// Records that the filter dropped (LAM-F1).
    pub filtered: u64,
    /// Records given up and sent to a destination (LAM-E5).
    pub on_failure: u64,
    /// Records given up that went nowhere.
    pub discarded: u64,
    /// Of the records given up, those at which the function does not always fail.
    pub good_given_up: u64,
    /// Records that outlived their source's retention in the mapping's hands.
    pub expired: u64,
    /// Messages or objects sent to the destination.
    pub sent: u64,
    /// Invocations (`Invocations`), the second and later tries of a batch among them.
    pub invocations: u64,
    /// Those after a failure of the same batch.
    pub retried: u64,
    /// Invocations that failed (`Errors`).
    pub errors: u64,
    /// Invocations refused (`Throttles`), by [`Throttled`].
    pub throttled: [u64; 3],
    /// Invocations that started cold.
    pub cold_starts: u64,
    /// Records handed to the function again.
    pub handed_again: u64,
    /// Records that an earlier try had processed and a later one processed again.
    pub repeated: u64,
    /// Records between the two times that a repeated record was processed.
    pub repeat_records: Histogram,
    /// Time between them, microseconds.
    pub repeat_micros: Histogram,
    /// Running time, microseconds: of first tries, and of later ones.
    pub run_micros: [u64; 2],
    /// Running time as billed, each invocation rounded up to a millisecond; of first tries, and of later ones.
    pub billed_millis: [u64; 2],
    /// Time in which some batch of a shard ran, summed over shards.
    pub busy_shard: Nanos,
    /// The longest time from a batch's first failure to its end.
    pub blocked_max: Nanos,
    /// The sum of these times.
    pub blocked: Nanos,
    /// Batches that failed at least once.
    pub blocks: u64,
    /// The most executions at once.
    pub concurrency_max: u32,
}

/// What the mapping holds of one shard before its lanes do.
#[derive(Clone, Debug)]
struct Hand {
    /// Read, and on the way to the function.
    fetched: Vec<Record>,
    /// When it was read.
    polled: Nanos,
    /// Since when there is no room to read.
    stalled: Option<Nanos>,
    /// Since when there was none before this read; later than any moment if there was.
    stalled_from: Nanos,
    /// Whether the read left records behind.
    behind: bool,
    /// Whether the shard is closed and read to its end, and some of its records are not settled.
    over: bool,
    /// Records that wait in its lanes.
    waiting: u64,
    /// Lanes whose function runs.
    running: u32,
    /// Since when there are some.
    busy_since: Nanos,
}

impl Hand {
    fn new() -> Self {
        Self {
            fetched: Vec::new(),
            polled: 0,
            stalled: None,
            stalled_from: Nanos::MAX,
            behind: false,
            over: false,
            waiting: 0,
            running: 0,
            busy_since: 0,
        }
    }
}

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

/// The moments of a settled batch, from which latencies follow; microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moments {
    /// When the lane was free to gather the batch.
    pub free: Micros,
    /// When the batch was complete.
    pub cut: Micros,
    /// When the last try was due.
    pub begun: Micros,
    /// When it was let in.
    pub started: Micros,
    /// When its environment was ready.
    pub warm: Micros,
    /// When it ended.
    pub ended: Micros,
}

/// A mapping at work.
#[derive(Clone, Debug)]
pub struct Mapping {
    plan: MappingPlan,
    /// Records of one shard above which no more are read.
    room: u64,
    coins: Keyed,
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
            passes_below: plan.filter_passes.map_or(u64::MAX, threshold),
            hands: Vec::new(),
            lanes: Vec::new(),
            function: Function::new(function, draws, path),
            share: Share::new(function.reserved),
            environments: Environments::new(function.keep_warm),
            meter: MappingMeter::default(),
            losses: Losses::default(),
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
        let settled = lanes.iter().all(|lane| lane.in_hand().next().is_none());
        let hand = &mut self.hands[shard];
        hand.stalled_from = Nanos::MAX;
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
        &mut hand.fetched
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
        let (polled, stalled) = (hand.polled / MICROSECOND, hand.stalled_from / MICROSECOND);
        hand.stalled_from = Nanos::MAX;
        let fetched = std::mem::take(&mut hand.fetched);
        for record in &fetched {
            let address = record.written ^ (u64::from(record.key) << 24);
            if self.passes_below < u64::MAX
                && self.coins.bits(address, u32::from(record.flags)) >= self.passes_below
            {
                self.meter.filtered += 1;
                continue;
            }
            if self.plan.batching.payload.bytes(record.bytes) > PAYLOAD_MAX {
                // It fits no invocation (KDS-B4).
                self.give_up(1, 1, 1);
                continue;
            }
            let stalled = polled - stalled.max(record.appended).min(polled);
            let held = Held { record: *record, stalled, came: now / MICROSECOND };
            let lane = first + lane_of(record.key, factor) as usize;
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
            let place = &mut self.lanes[lane];
            match place.state {
                State::Running => return Next::Nothing,
                State::Gathering => match place.batch_due(now, &self.plan.batching) {
                    None => return Next::Nothing,
                    Some(at) if at > now => return Next::At(at),
                    Some(_) => {
                        let taken = place.cut(now, &self.plan.batching) as u64;
                        let shard = self.shard_of(lane);
                        self.hands[shard].waiting -= taken;
                    }
                },
                State::Ready if place.work.not_before > now => return Next::At(place.work.not_before),
                State::Ready => {
                    self.shed_old(now, lane);
                    if !self.lanes[lane].work.part().is_empty() {
                        self.lanes[lane].begun.get_or_insert(now);
                        return Next::Invoke;
                    }
                    self.next_part(now, lane);
                }
            }
        }
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
        let before = |age: Nanos| (now / MICROSECOND).saturating_sub(age / MICROSECOND);
        let expired = before(self.plan.retention);
        let first = work.part().first().map(|held| held.record.appended * MICROSECOND + self.plan.retention);
        let lost = work.shed(|held| held.record.appended < expired) as u64;
        self.meter.expired += lost;
        if lost > 0 {
            self.losses.note(lane / self.plan.factor as usize, lost, first.unwrap_or(now));
        }
        if let Some(age) = self.plan.retry.record_age_max {
            let oldest = before(age);
            let from = work.from;
            let count = work.shed(|held| held.record.appended < oldest);
            if count > 0 {
                self.give_up_records(lane, from..from + count);
            }
        }
    }

    fn give_up_records(&mut self, lane: usize, given_up: Range<usize>) {
        let count = given_up.len() as u64;
        let records = &self.lanes[lane].work.records[given_up];
        let poison = records.iter().filter(|held| self.function.is_poison(&held.record)).count() as u64;
        self.give_up(count, count - poison, 1);
    }

    fn give_up(&mut self, records: u64, good: u64, messages: u64) {
        match self.plan.retry.destination {
            Some(_) => {
                self.meter.on_failure += records;
                self.meter.sent += messages;
            }
            None => self.meter.discarded += records,
        }
        self.meter.good_given_up += good;
    }

    fn next_part(&mut self, now: Nanos, lane: usize) {
        let place = &mut self.lanes[lane];
        place.begun = None;
        if place.work.next_part() {
            place.work.not_before = now;
            return;
        }
        if let Some(failed) = place.work.first_failed {
            self.meter.blocked += now - failed;
            self.meter.blocked_max = self.meter.blocked_max.max(now - failed);
            self.meter.blocks += 1;
        }
        place.close(now, &self.plan.batching);
    }

    /// The invocation was let in: runs the function. Returns when it ends.
    pub fn start(&mut self, now: Nanos, lane: usize, cold: bool) -> Nanos {
        let shard = self.shard_of(lane);
        let meter = &mut self.meter;
        let place = &mut self.lanes[lane];
        meter.invocations += 1;
        let again = place.work.is_retry();
        let run = self.function.run(now, place.work.part(), place.work.tries, cold);
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
        for _ in 0..repeated {
            meter.repeat_records.record((place.work.processed - place.work.from) as u64);
            meter.repeat_micros.record((now - place.work.processed_at) / MICROSECOND);
        }
        if reached >= place.work.processed {
            (place.work.processed, place.work.processed_at) = (reached, now);
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

    /// The invocation was refused: tries again after a wait that grows; refusals use no retry (LAM-E2).
    pub fn refused(&mut self, now: Nanos, lane: usize, why: Throttled) {
        self.meter.throttled[why as usize] += 1;
        let place = &mut self.lanes[lane];
        place.refusals += 1;
        place.work.not_before = now + self.plan.retry.backoff.wait(place.refusals);
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
        let micros = |at: Nanos| at / MICROSECOND;
        let moments = Moments {
            free: micros(place.ended.unwrap_or(0)),
            cut: micros(place.cut),
            begun: micros(place.begun.take().unwrap_or(place.started)),
            started: micros(place.started),
            warm: micros(place.started + place.cold),
            ended: micros(now),
        };
        let Some(at) = place.fails_at else {
            let done = place.work.from..place.work.to;
            place.work.from = place.work.to;
            self.meter.processed += done.len() as u64;
            return (done, moments);
        };
        self.meter.errors += 1;
        let failed = place.work.failed(now, place.work.from + at, &self.plan.retry);
        self.meter.processed += failed.done.len() as u64;
        if !failed.given_up.is_empty() {
            self.give_up_records(lane, failed.given_up);
        }
        (failed.done, moments)
    }

    /// Goes on to the next part of the batch or the next batch, if the present part is settled.
    pub fn settle(&mut self, now: Nanos, lane: usize) {
        if self.lanes[lane].work.part().is_empty() {
            self.next_part(now, lane);
        }
    }

    /// The batch of a lane.
    pub fn batch(&self, lane: usize) -> &[Held] {
        &self.lanes[lane].work.records
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

impl Moments {
    /// The parts of one record's latency, which add up to the time from its write to the end of the run: propagation,
    /// polling, window, queueing, retry, concurrency, cold start, execution.
    pub fn parts(&self, held: &Held) -> [u64; 8] {
        let record = &held.record;
        // Before the lane was free, the record waited for it; after that, for the batch to be complete.
        let gathered = held.came.max(self.free.min(self.cut));
        [
            record.appended - record.written,
            held.came - record.appended - held.stalled,
            self.cut - gathered,
            held.stalled + gathered - held.came,
            self.begun - self.cut,
            self.started - self.begun,
            self.warm - self.started,
            self.ended - self.warm,
        ]
    }
}

/// Names of the [parts](Moments::parts).
pub const PARTS: [&str; 8] =
    ["propagation", "polling", "window", "queueing", "retry", "concurrency", "cold_start", "execution"];
