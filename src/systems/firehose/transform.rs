//! Transformation by a Lambda function: a buffer of its own before the destination's (FH-T1), invocations that are waited for
//! (FH-T2), and what becomes of records that fail (FH-T3).

mod whereabouts;

use std::collections::VecDeque;

use crate::engine::random::{Keyed, Streams};
use crate::engine::sampler::Sampler;
use crate::engine::time::{MICROSECOND, Nanos, round};
use crate::systems::kinesis::log::{Micros, Record};
use crate::systems::lambda::cold_start::Environments;
use crate::systems::lambda::concurrency::{Account, Share};
use crate::systems::lambda::poison::Chosen;
pub use whereabouts::Whereabouts;

/// Bytes of a request or a response of a synchronous invocation (FH-T2).
pub const PAYLOAD_BYTES_MAX: u64 = 6 << 20;
/// How long the function may run (FH-T2).
pub const TIMEOUT_MAX: Nanos = 300_000_000_000;

/// The function and its buffer, checked.
#[derive(Clone, Debug)]
pub struct TransformPlan {
    /// Bytes of records that are sent at once (FH-T1).
    pub size: u64,
    /// How long the first of them waits (FH-T1).
    pub interval: Nanos,
    /// Tries after the first one (FH-T3).
    pub retries: u32,
    /// Time between two tries.
    pub retry_wait: Nanos,
    /// Invocations of one shard or channel at a time (FH-Q12).
    pub concurrency: u32,
    /// Running time of an invocation, whatever its records.
    pub base: Nanos,
    /// Running time of each record.
    pub per_record: Nanos,
    /// Spread of running times: a factor with mean 1.
    pub spread: Sampler,
    /// An invocation that takes longer fails at this moment (FH-T2).
    pub timeout: Nanos,
    /// Memory in MiB, which is billed.
    pub memory_mib: u32,
    /// Whether it runs on Arm.
    pub arm: bool,
    /// How long a new environment takes to start (LAM-L2).
    pub cold_start: Sampler,
    /// How long an idle environment stays.
    pub keep_warm: Nanos,
    /// Executions kept for it alone, and its limit (LAM-C6).
    pub reserved: Option<u32>,
    /// Share of the invocations that fail by an error of their own.
    pub errors: f64,
    /// The first record written at or after each of these moments makes it fail every time.
    pub poison_at: Vec<Micros>,
    /// Share of the records that come back as `Dropped`.
    pub dropped: f64,
    /// Share of the records that come back as `ProcessingFailed`.
    pub failed: f64,
    /// Bytes of a record that comes back as a share of what it was.
    pub size_ratio: f64,
}

/// Bytes of data in base64, as payloads carry them (FH-T2): four for every three.
pub fn base64_bytes(bytes: u64) -> u64 {
    bytes.div_ceil(3) * 4
}

/// What transformation came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransformMeter {
    /// Invocations, repeated ones included.
    pub invocations: u64,
    /// Those that were tries of a batch that had failed.
    pub retried: u64,
    /// Those that failed by an error.
    pub errors: u64,
    /// Those that took longer than they may.
    pub timeouts: u64,
    /// Those whose request or response was too large (FH-T2).
    pub too_large: u64,
    /// Those that started cold (LAM-L2).
    pub cold_starts: u64,
    /// Tries refused by Lambda, which are none of the invocations (LAM-C6): for want of concurrency, for growing too fast, for too
    /// many requests.
    pub throttled: [u64; 3],
    /// Batches given up after the last retry.
    pub given_up: u64,
    /// Records that came back as `Ok`.
    pub ok: u64,
    /// Records that came back as `Dropped`.
    pub dropped: u64,
    /// Records that came back as `ProcessingFailed`, or never.
    pub failed: u64,
    /// Running time of first tries and later ones, microseconds.
    pub run_micros: [u64; 2],
    /// The same as billed: each invocation in whole milliseconds.
    pub billed_millis: [u64; 2],
    /// The most invocations at a time.
    pub concurrency_max: u32,
}

/// Records on their way through the function.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The shard or channel they came from.
    pub shard: u32,
    /// The records, in order.
    pub records: Vec<Record>,
    /// For each poll, one past its last record, and when it was.
    pub marks: Vec<(u32, Micros)>,
    bytes: u64,
    /// Its number, by which its draws are addressed.
    number: u64,
    attempts: u32,
    fails: bool,
    /// Whether the function runs with it.
    runs: bool,
    /// Whether it waits for its next try.
    waits: bool,
}

#[derive(Clone, Debug, Default)]
struct Lane {
    open: Batch,
    due: Nanos,
    /// The moment of the timer that is set.
    timer: Option<Nanos>,
    queue: VecDeque<Batch>,
    running: u32,
}

/// What is to be looked at again, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The buffer of a shard.
    Buffer(u32),
    /// An invocation, by its slot.
    Invocation(u32),
}

/// What an invocation came to.
#[derive(Clone, Debug)]
pub enum Returned {
    /// It is tried again, or not over.
    Later,
    /// Its records are back.
    Back(Batch),
    /// It failed for the last time: all of its records go to the error prefix (FH-T3).
    GivenUp(Batch),
}

/// What the function says of one record (FH-T3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Ok,
    /// It is left out on purpose.
    Dropped,
    /// It goes to the error prefix.
    Failed,
}

/// Transformation at work.
#[derive(Clone, Debug)]
pub struct Transform {
    plan: TransformPlan,
    durations: Keyed,
    coins: Keyed,
    verdicts: Keyed,
    lanes: Vec<Lane>,
    slots: Vec<Option<Batch>>,
    free: Vec<u32>,
    started: u64,
    share: Share,
    environments: Environments,
    down_until: Nanos,
    /// Another share of invocations fails until this moment.
    other_rate: (f64, Nanos),
    /// So many times as long it runs before this moment.
    slow: (f64, Nanos),
    /// Poison records that moments choose.
    poison: Chosen,
    /// What it counted.
    pub meter: TransformMeter,
}

impl Transform {
    /// One that has seen no record; `path` names its delivery stream.
    pub fn new(plan: &TransformPlan, draws: &Streams, path: &str) -> Self {
        let keyed = |purpose: &str| draws.keyed(&format!("{path}.transform.{purpose}"));
        Self {
            plan: plan.clone(),
            durations: keyed("duration"),
            coins: keyed("errors"),
            verdicts: keyed("results"),
            lanes: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
            started: 0,
            share: Share::new(plan.reserved),
            environments: Environments::new(plan.keep_warm),
            down_until: 0,
            other_rate: (0.0, 0),
            slow: (1.0, 0),
            poison: Chosen::new(&plan.poison_at),
            meter: TransformMeter::default(),
        }
    }

    /// An outage: every invocation fails.
    pub fn fail_until(&mut self, until: Nanos) {
        self.down_until = self.down_until.max(until);
    }

    /// Invocations that begin before `until` take so many times as long.
    pub fn slow_down(&mut self, factor: f64, until: Nanos) {
        self.slow = (factor, until);
    }

    /// This share of invocations fails for a while, instead of the usual one.
    pub fn set_error_rate(&mut self, rate: f64, until: Nanos) {
        self.other_rate = (rate, until);
    }

    /// Buffers what one poll of a shard returned, sends what is full, and asks to be looked at again.
    pub fn take(
        &mut self,
        now: Nanos,
        shard: usize,
        records: &[Record],
        (account, looks): (&mut Account, &mut Vec<(Nanos, Look)>),
    ) {
        if shard >= self.lanes.len() {
            self.lanes.resize_with(shard + 1, Lane::default);
        }
        for record in records {
            let lane = &mut self.lanes[shard];
            if lane.open.records.is_empty() {
                lane.due = now + self.plan.interval;
            }
            lane.open.bytes += u64::from(record.bytes);
            lane.open.records.push(*record);
            if lane.open.bytes >= self.plan.size {
                self.close(now, shard, now / MICROSECOND, (account, looks));
            }
        }
        let lane = &mut self.lanes[shard];
        mark(&mut lane.open, now / MICROSECOND);
        // A timer that was set for an earlier batch looks again when it fires.
        if !lane.open.records.is_empty() && lane.timer.is_none_or(|at| at > lane.due) {
            lane.timer = Some(lane.due);
            looks.push((lane.due, Look::Buffer(shard as u32)));
        }
    }

    /// The interval of a shard's buffer may be over.
    pub fn look(
        &mut self,
        now: Nanos,
        shard: u32,
        (account, looks): (&mut Account, &mut Vec<(Nanos, Look)>),
    ) {
        let lane = &mut self.lanes[shard as usize];
        if lane.timer.is_some_and(|at| at > now) {
            return;
        }
        lane.timer = None;
        if lane.open.records.is_empty() {
            return;
        }
        if lane.due > now {
            lane.timer = Some(lane.due);
            return looks.push((lane.due, Look::Buffer(shard)));
        }
        let last = lane.open.marks.last().map_or(now / MICROSECOND, |mark| mark.1);
        self.close(now, shard as usize, last, (account, looks));
    }

    /// A batch is complete: it is sent, or waits for its turn (FH-Q12).
    fn close(
        &mut self,
        now: Nanos,
        shard: usize,
        polled: Micros,
        out: (&mut Account, &mut Vec<(Nanos, Look)>),
    ) {
        let lane = &mut self.lanes[shard];
        mark(&mut lane.open, polled);
        let mut batch = std::mem::take(&mut lane.open);
        batch.shard = shard as u32;
        batch.number = self.started;
        self.started += 1;
        lane.queue.push_back(batch);
        self.send(now, shard, out);
    }

    fn send(&mut self, now: Nanos, shard: usize, (account, looks): (&mut Account, &mut Vec<(Nanos, Look)>)) {
        while self.lanes[shard].running < self.plan.concurrency {
            let Some(batch) = self.lanes[shard].queue.pop_front() else { break };
            self.lanes[shard].running += 1;
            self.invoke(now, batch, (account, looks));
        }
    }

    /// Tries a batch, if the account has room for it. A refusal is a failed try like any other (FH-T3).
    fn invoke(
        &mut self,
        now: Nanos,
        mut batch: Batch,
        (account, looks): (&mut Account, &mut Vec<(Nanos, Look)>),
    ) {
        let attempt = batch.attempts;
        batch.attempts += 1;
        batch.waits = false;
        let duration = match account.start(now, &mut self.share, &mut self.environments) {
            Ok(cold) => self.run(now, attempt, cold, &mut batch),
            Err(why) => {
                self.meter.throttled[why as usize] += 1;
                batch.fails = true;
                0
            }
        };
        let slot = self.insert(batch);
        looks.push((now + duration, Look::Invocation(slot)));
    }

    /// The function runs with a batch; how long, its start included.
    fn run(&mut self, now: Nanos, attempt: u32, cold: bool, batch: &mut Batch) -> Nanos {
        batch.runs = true;
        self.meter.concurrency_max = self.meter.concurrency_max.max(self.share.in_use());
        self.meter.cold_starts += u64::from(cold);
        let mut draws = self.durations.draws(batch.number, attempt);
        let mut factor = self.plan.spread.sample(&mut draws);
        if now < self.slow.1 {
            factor *= self.slow.0;
        }
        let start = if cold { round(self.plan.cold_start.sample(&mut draws)) } else { 0 };
        let work = self.plan.base as f64 + self.plan.per_record as f64 * batch.records.len() as f64;
        let mut duration = round(work * factor);
        let rate = if now < self.other_rate.1 { self.other_rate.0 } else { self.plan.errors };
        // Every record is looked at: the first one of its moment is chosen.
        let poison = !self.poison.is_empty()
            && batch.records.iter().filter(|record| self.poison.has(record)).count() > 0;
        let by_error = now < self.down_until || poison || self.coins.unit(batch.number, attempt) < rate;
        let response = (batch.bytes as f64 * self.plan.size_ratio) as u64;
        let too_large =
            base64_bytes(batch.bytes) > PAYLOAD_BYTES_MAX || base64_bytes(response) > PAYLOAD_BYTES_MAX;
        let late = duration > self.plan.timeout;
        duration = start + duration.min(self.plan.timeout);
        self.meter.invocations += 1;
        self.meter.retried += u64::from(attempt > 0);
        self.meter.errors += u64::from(by_error);
        self.meter.timeouts += u64::from(late && !by_error);
        self.meter.too_large += u64::from(too_large && !late && !by_error);
        batch.fails = by_error || late || too_large;
        let which = usize::from(attempt > 0);
        self.meter.run_micros[which] += duration / MICROSECOND;
        self.meter.billed_millis[which] += duration.div_ceil(1_000_000);
        duration
    }

    fn insert(&mut self, batch: Batch) -> u32 {
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        if slot as usize == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[slot as usize] = Some(batch);
        slot
    }

    /// An invocation is over, or a wait for the next try.
    pub fn returned(
        &mut self,
        now: Nanos,
        slot: u32,
        (account, looks): (&mut Account, &mut Vec<(Nanos, Look)>),
    ) -> Returned {
        let Some(mut batch) = self.slots.get_mut(slot as usize).and_then(Option::take) else {
            return Returned::Later;
        };
        self.free.push(slot);
        if batch.waits {
            self.invoke(now, batch, (account, looks));
            return Returned::Later;
        }
        if std::mem::take(&mut batch.runs) {
            account.end(now, &mut self.share, &mut self.environments);
        }
        if batch.fails && batch.attempts <= self.plan.retries {
            batch.waits = true;
            let slot = self.insert(batch);
            looks.push((now + self.plan.retry_wait, Look::Invocation(slot)));
            return Returned::Later;
        }
        let shard = batch.shard as usize;
        self.lanes[shard].running -= 1;
        self.send(now, shard, (account, looks));
        if batch.fails {
            self.meter.given_up += 1;
            self.meter.failed += batch.records.len() as u64;
            return Returned::GivenUp(batch);
        }
        Returned::Back(batch)
    }

    /// What the function says of a record that came back, as large as it then is. Copies of a change fare alike.
    pub fn verdict(&mut self, record: &mut Record) -> Verdict {
        let change = record.identity();
        let TransformPlan { dropped, failed, size_ratio, .. } = self.plan;
        if dropped + failed > 0.0 {
            let unit = self.verdicts.unit(change, 0);
            if unit < failed {
                self.meter.failed += 1;
                return Verdict::Failed;
            }
            if unit < failed + dropped {
                self.meter.dropped += 1;
                return Verdict::Dropped;
            }
        }
        self.meter.ok += 1;
        record.bytes = ((f64::from(record.bytes) * size_ratio + 0.5) as u32).max(1);
        Verdict::Ok
    }

    fn batches(&self) -> impl Iterator<Item = &Batch> {
        let lanes = self.lanes.iter().flat_map(|lane| lane.queue.iter().chain([&lane.open]));
        lanes.chain(self.slots.iter().flatten())
    }

    /// Records on their way through the function, by walking them.
    pub fn in_hand(&self) -> u64 {
        self.batches().map(|batch| batch.records.len() as u64).sum()
    }

    /// Records that wait for an invocation because too many are under way: what grows when the function is too slow.
    pub fn queued(&self) -> u64 {
        self.lanes.iter().flat_map(|lane| &lane.queue).map(|batch| batch.records.len() as u64).sum()
    }

    /// Whether some record on its way through the function is such a one.
    pub fn any(&self, such: impl Fn(&Record) -> bool) -> bool {
        self.batches().any(|batch| batch.records.iter().any(&such))
    }

    /// When the oldest record that it holds had come.
    pub fn oldest(&self) -> Option<Micros> {
        self.batches().flat_map(|batch| batch.records.iter().map(|record| record.appended)).min()
    }
}

/// Notes which poll the records of a batch came from.
fn mark(batch: &mut Batch, polled: Micros) {
    let end = batch.records.len() as u32;
    match batch.marks.last_mut() {
        Some(mark) if mark.0 == end => {}
        Some(mark) if mark.1 == polled => mark.0 = end,
        _ if end == 0 => {}
        _ => batch.marks.push((end, polled)),
    }
}

#[cfg(test)]
mod tests;
