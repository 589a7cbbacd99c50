//! A fleet: workers that share the shards of a stream, each shard read by one of them at a time. What they have done is
//! written down now and then, and whoever takes a shard over goes on from there.
//!
//! Who reads which shard is decided elsewhere: for the Kinesis Client Library by [its leases](super::kcl::leases), for Flink
//! by [its job](super::flink::job).

pub mod checkpoint;
pub mod host;
pub mod meter;
pub mod progress;
pub mod settings;
pub mod worker;

use crate::engine::random::{Keyed, Streams};
use crate::engine::sampler::Sampler;
use crate::engine::time::{Nanos, round};
use crate::systems::flink::job::JobPlan;
use crate::systems::kcl::leases::LeasePlan;
use crate::systems::kinesis::fan_out::FanOutPlan;
use crate::systems::kinesis::log::Record;
use crate::systems::kinesis::poll_grid::USUAL_REFUSED_WAIT;
use crate::systems::kinesis::reader::ReaderPlan;
use crate::systems::lag::Lag;
use crate::systems::sink::writers::Writers;
use crate::systems::sink::{SinkMeter, SinkPlan};
use crate::systems::tolls::Tolls;
use checkpoint::CheckpointPlan;
use host::Host;
use meter::{FleetMeter, Redelivery};
use progress::{Ended, Prefetch, Progress, Step, Taken};
use worker::Worker;

/// A fleet as the scenario describes it, checked.
#[derive(Clone, Debug)]
pub struct FleetPlan {
    /// Its name in the scenario.
    pub name: String,
    /// Number of the stream it reads: those of Kinesis first, then those of tables.
    pub stream: usize,
    /// How it reads.
    pub via: Via,
    /// Where it begins.
    pub reader: ReaderPlan,
    /// From a poll to the records' arrival at the worker, nanoseconds (DEF-5).
    pub delivery: Sampler,
    /// Records asked for in one call.
    pub records_max: u32,
    /// What a worker fetches ahead for each shard.
    pub prefetch: Prefetch,
    /// Workers at the start.
    pub workers: u32,
    /// The computer that each of them has.
    pub host: Host,
    /// CPU time of each record.
    pub per_record: Nanos,
    /// CPU time of each batch, whatever its records.
    pub per_batch: Nanos,
    /// What it writes its records to, if that has a limit or a latency of its own.
    pub sink: Option<SinkPlan>,
    /// Share of batches whose processing throws, and that are skipped (KWK-14).
    pub errors: f64,
    /// When progress is written down.
    pub checkpoints: CheckpointPlan,
    /// Who reads which shard.
    pub control: ControlPlan,
}

impl FleetPlan {
    /// Whether it is registered for enhanced fan-out.
    pub fn is_pushed_to(&self) -> bool {
        matches!(self.via, Via::FanOut(_))
    }
}

/// How a fleet reads its stream.
#[derive(Clone, Debug)]
pub enum Via {
    /// Each shard's worker calls GetRecords.
    Polling(Cadence),
    /// Records are pushed.
    FanOut(FanOutPlan),
}

/// The time between two calls for one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cadence {
    /// After a call that returned records.
    pub idle: Nanos,
    /// After one that returned none.
    pub idle_after_empty: Nanos,
    /// After one that was refused, on the average; half as long to one and a half times as long (OWN-8).
    pub refused_wait: Nanos,
    /// Once it is this far behind it calls this many times as often (ADP-2).
    pub catch_up: Option<(Nanos, u32)>,
}

impl Cadence {
    /// A call after this long, whatever the last one returned, with the usual wait after a refused one.
    pub fn every(idle: Nanos) -> Self {
        Self { idle, idle_after_empty: idle, refused_wait: USUAL_REFUSED_WAIT, catch_up: None }
    }
}

/// Who decides which worker reads which shard.
#[derive(Clone, Debug)]
pub enum ControlPlan {
    /// Leases of the Kinesis Client Library.
    Kcl(LeasePlan),
    /// A Flink job.
    Flink(JobPlan),
}

/// A fleet at work.
#[derive(Clone, Debug)]
pub struct Fleet {
    per_record: Nanos,
    per_batch: Nanos,
    errors: f64,
    prefetch: Prefetch,
    checkpoints: CheckpointPlan,
    thrown: Keyed,
    saves: Keyed,
    /// So many times as long its processing takes before this moment.
    slow: (f64, Nanos),
    /// No batch is begun before this.
    down_until: Nanos,
    workers: Vec<Worker>,
    /// Those of them that share the work on every batch; 0 where a shard's worker does it alone.
    sharing: usize,
    writers: Option<Box<Writers>>,
    shards: Vec<Progress>,
    /// What it counted.
    pub meter: FleetMeter,
    /// What its workers lost, when and why.
    pub tolls: Tolls,
    /// How late it is, where a planned event holds it up.
    pub lag: Option<Box<Lag>>,
}

/// What a worker does with a shard next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing until more is read.
    Nothing,
    /// Something at this moment.
    At(Nanos),
}

impl Fleet {
    /// A fleet that has read nothing; `path` names it.
    pub fn new(plan: &FleetPlan, draws: &Streams, path: &str, shards: usize) -> Self {
        Self {
            per_record: plan.per_record,
            per_batch: plan.per_batch,
            errors: plan.errors,
            prefetch: plan.prefetch,
            checkpoints: plan.checkpoints.clone(),
            thrown: draws.keyed(&format!("{path}.thrown")),
            saves: draws.keyed(&format!("{path}.checkpoints")),
            slow: (1.0, 0),
            down_until: 0,
            workers: vec![Worker::new(plan.host.vcpu); plan.workers as usize],
            sharing: match &plan.control {
                ControlPlan::Flink(job) if job.keyed => plan.workers as usize,
                _ => 0,
            },
            writers: plan
                .sink
                .as_ref()
                .map(|sink| Box::new(Writers::new(sink, draws, &format!("{path}.sink"), shards))),
            shards: vec![Progress::default(); shards],
            meter: FleetMeter::default(),
            tolls: Tolls::default(),
            lag: None,
        }
    }

    /// Makes room for shards up to this many.
    pub fn grow(&mut self, shards: usize) {
        self.shards.resize(shards.max(self.shards.len()), Progress::default());
        if let Some(writers) = &mut self.writers {
            writers.grow(shards);
        }
    }

    /// What its sink saw, if it has one.
    pub fn sink(&self) -> Option<SinkMeter> {
        self.writers.as_ref().map(|writers| writers.sink.meter)
    }

    /// Its workers.
    pub fn workers(&self) -> &[Worker] {
        &self.workers
    }

    /// Has so many workers of this many vCPUs from now on, all of them idle.
    pub fn set_workers(&mut self, now: Nanos, count: usize, vcpu: f64) {
        self.workers.iter_mut().for_each(|worker| worker.stop(now));
        while self.workers.len() < count {
            self.workers.push(Worker::new(vcpu));
        }
        if self.sharing > 0 {
            self.sharing = count;
        }
    }

    /// One of its workers.
    pub fn worker_mut(&mut self, worker: usize) -> &mut Worker {
        &mut self.workers[worker]
    }

    /// What was done on one shard.
    pub fn shard(&self, shard: usize) -> &Progress {
        &self.shards[shard]
    }

    /// How many shards there have been.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// The same, to fetch for it.
    pub fn shard_mut(&mut self, shard: usize) -> &mut Progress {
        &mut self.shards[shard]
    }

    /// Whether a checkpoint may come before anything else that is done with a shard.
    pub fn would_save_first(&self, shard: usize) -> bool {
        self.checkpoints.before && matches!(self.shards[shard].step, Step::Idle | Step::Arriving)
    }

    /// Whether more may be fetched for a shard now. If not, [`Progress::wants_more`] tells when.
    pub fn has_room(&mut self, now: Nanos, shard: usize) -> bool {
        let prefetch = self.prefetch;
        self.shards[shard].has_room(now, &prefetch)
    }

    /// Goes on with a shard that `worker` reads: begins what can begin. Returns when to come back.
    pub fn go_on(&mut self, now: Nanos, worker: usize, shard: usize) -> Next {
        loop {
            let progress = &mut self.shards[shard];
            match progress.step {
                Step::Idle | Step::Arriving if now < self.down_until => return Next::At(self.down_until),
                Step::Idle | Step::Arriving => {
                    match progress.take_batch(now) {
                        Taken::Nothing => return Next::Nothing,
                        Taken::NotBefore(at) => return Next::At(at),
                        Taken::InHand => {}
                    }
                    let (from, until) = progress.hand();
                    if self.checkpoints.before && self.checkpoints.is_due(now, until, progress) {
                        let ready = self.save(now, shard, until, from);
                        self.shards[shard].wait(Step::SavingFirst, ready);
                        return Next::At(ready);
                    }
                    return Next::At(self.execute(now, worker, shard));
                }
                Step::SavingFirst if progress.due <= now => {
                    progress.settle_save(now);
                    return Next::At(self.execute(now, worker, shard));
                }
                Step::SavingAfter if progress.due <= now => {
                    progress.settle_save(now);
                    progress.step = Step::Idle;
                }
                _ => return Next::At(progress.due),
            }
        }
    }

    /// A batch gets its processor, or waits for one.
    fn execute(&mut self, now: Nanos, worker: usize, shard: usize) -> Nanos {
        let progress = &mut self.shards[shard];
        let (from, until) = progress.hand();
        let mut time = self.per_batch + self.per_record * (until - from);
        if now < self.slow.1 {
            time = round(time as f64 * self.slow.0);
        }
        let (start, end) = match self.sharing {
            0 => self.workers[worker].reserve(now, time),
            sharing => share(&mut self.workers[..sharing], now, time),
        };
        progress.execute(start, end);
        end
    }

    /// The batch in a worker's hands is done, or with a sink some of it; what it writes there it writes as this `writer`. What
    /// that was is then with [`Progress`] to be read, before [`Self::close`].
    pub fn done(&mut self, now: Nanos, shard: usize, writer: usize) -> Option<Ended> {
        let progress = &mut self.shards[shard];
        if progress.due > now {
            return None;
        }
        if progress.step == Step::Writing {
            return Some(self.wrote(now, shard, writer));
        }
        if progress.step != Step::Executing {
            return None;
        }
        let (from, until) = progress.hand();
        let thrown = self.errors > 0.0 && self.thrown.unit(from << 16 | shard as u64, 0) < self.errors;
        if !thrown && self.writers.is_some() {
            self.write(now, shard, writer);
            return None;
        }
        let ended = self.shards[shard].end(until, thrown);
        if thrown {
            self.tolls.note(now, ("skipped", "its processing threw"), ended.fresh.len() as u64);
        }
        self.count(now, shard, &ended);
        Some(ended)
    }

    /// Counts what a worker did.
    fn count(&mut self, now: Nanos, shard: usize, ended: &Ended) {
        self.meter.count(ended);
        if let Some(lag) = &mut self.lag
            && let Some(first) = self.shards[shard].kept().range(ended.fresh.clone()).next()
        {
            lag.settled(now, first.appended);
        }
    }

    /// What a batch has worked out goes to the sink, a call after the other. Waiting for the answers takes no processor.
    fn write(&mut self, now: Nanos, shard: usize, writer: usize) {
        let progress = &mut self.shards[shard];
        let (from, until) = progress.hand();
        let (Some(writers), Some(address)) = (&mut self.writers, progress.to_write()) else { return };
        let answered = writers.begin(now, (shard, writer), (until - from) as usize, address);
        progress.wait(Step::Writing, answered);
    }

    /// A call to the sink is answered: its records are processed.
    fn wrote(&mut self, now: Nanos, shard: usize, writer: usize) -> Ended {
        let progress = &mut self.shards[shard];
        let (from, until) = progress.hand();
        let records = self.writers.as_mut().map_or(0, |writers| writers.end(now, shard));
        let reached = from + records as u64;
        let mut ended = progress.end(reached, false);
        progress.wrote(reached);
        if reached < until {
            ended.last = false;
            self.write(now, shard, writer);
        }
        self.count(now, shard, &ended);
        ended
    }

    /// The batch that was done is closed, with a checkpoint where one is due and `may_save`.
    pub fn close(&mut self, now: Nanos, shard: usize, may_save: bool) {
        let progress = &self.shards[shard];
        let (from, until) = (progress.first_in_hand(), progress.hand().1);
        let due = may_save && !self.checkpoints.before && self.checkpoints.is_due(now, until, progress);
        if due {
            let ready = self.save(now, shard, until, from);
            self.shards[shard].close(now, Step::SavingAfter, ready);
        } else {
            self.shards[shard].close(now, Step::Idle, now);
        }
    }

    /// Writes down that a shard is done up to `until`; returns when that is answered.
    fn save(&mut self, now: Nanos, shard: usize, until: u64, key: u64) -> Nanos {
        let mut draws = self.saves.draws(key << 16 | shard as u64, u32::from(key == until));
        let ready = now + round(self.checkpoints.latency.sample(&mut draws));
        self.meter.checkpoints += 1;
        self.shards[shard].save(until, ready);
        ready
    }

    /// The last checkpoint of a worker that gives a shard up in order, or has come to its end: of all that it has
    /// processed. Returns when it is answered, and `more` has gone by.
    pub fn last_save(&mut self, now: Nanos, shard: usize, more: Nanos) -> Nanos {
        self.shards[shard].drop_fetched();
        let until = self.shards[shard].processed();
        let ready = self.save(now, shard, until, until) + more;
        let progress = &mut self.shards[shard];
        progress.wait(Step::SavingAfter, ready);
        progress.is_last = true;
        ready
    }

    /// A worker stops reading a shard as it stands. What it has in hand is done as far as it has come; whoever reads the
    /// shard next goes on from the last checkpoint. Returns what was processed last, before [`Self::roll_back`].
    pub fn interrupt(&mut self, now: Nanos, shard: usize) -> Option<Ended> {
        let progress = &mut self.shards[shard];
        progress.settle_save(now);
        let done = match &mut self.writers {
            None => progress.done_by(now)?,
            // What is not written has no effect.
            Some(writers) if matches!(progress.step, Step::Executing | Step::Writing) => {
                let written = writers.end(now, shard) as u64;
                progress.due = progress.due.min(now);
                progress.hand().0 + written
            }
            Some(_) => return None,
        };
        let ended = progress.end(done, false);
        self.count(now, shard, &ended);
        Some(ended)
    }

    /// What a worker that has lost its lease has begun, it finishes, though its checkpoints are refused (KWK-13). Returns
    /// what that was.
    pub fn finish_begun(&mut self, now: Nanos, shard: usize) -> Option<Ended> {
        let progress = &mut self.shards[shard];
        if !matches!(progress.step, Step::Executing | Step::Writing) {
            return None;
        }
        let (from, until) = progress.hand();
        if let (Some(writers), Some(address)) = (&mut self.writers, progress.to_write()) {
            let left = (until - from) as usize;
            progress.due = writers.finish((now, progress.due), shard, left, address);
        }
        let ended = progress.end(until, false);
        self.count(now, shard, &ended);
        Some(ended)
    }

    /// A worker that stops in order writes down how far it has come.
    pub fn save_at_once(&mut self, now: Nanos, shard: usize, until: u64) {
        self.meter.checkpoints += 1;
        self.shards[shard].set_saved(now, until);
    }

    /// All workers give up what is under way.
    pub fn stop_all(&mut self, now: Nanos) {
        self.workers.iter_mut().for_each(|worker| worker.stop(now));
    }

    /// Batches that begin before `until` take so many times as long.
    pub fn slow_down(&mut self, factor: f64, until: Nanos) {
        self.slow = (factor, until);
    }

    /// What it needs to process with is down: no batch is begun before `until`. Its workers live on.
    pub fn stand_still(&mut self, until: Nanos) {
        self.down_until = self.down_until.max(until);
    }

    /// All workers stop for good. What was read and not processed is left.
    pub fn abandon(&mut self, now: Nanos) {
        self.stop_all(now);
        self.meter.after_removal += self.shards.iter_mut().map(Progress::abandon).sum::<u64>();
    }

    /// Whether a worker's last checkpoint of a shard is written; asked once.
    pub fn has_left(&mut self, now: Nanos, shard: usize) -> bool {
        let progress = &mut self.shards[shard];
        let left = progress.is_last && progress.step == Step::SavingAfter && progress.due <= now;
        if left {
            progress.settle_save(now);
            (progress.is_last, progress.step) = (false, Step::Idle);
        }
        left
    }

    /// Goes back to the last checkpoint. Records that it says were done, and were not, are lost: the fate of a checkpoint
    /// before the write. Returns how many, and how many will be processed again.
    pub fn roll_back(&mut self, now: Nanos, shard: usize, why: Redelivery) -> (u64, u64) {
        let (lost, again) = self.shards[shard].roll_back(now, why);
        self.meter.lost += lost;
        self.tolls.note(now, ("lost", "their checkpoint came before their processing"), lost);
        (lost, again)
    }

    /// Whether some record that was read, and neither processed nor lost, is such a one.
    pub fn any_in_hand(&self, such: impl Fn(&Record) -> bool) -> bool {
        self.shards.iter().any(|shard| shard.unsettled().any(&such))
    }

    /// When the oldest record of a shard that was read, and neither processed nor lost, had come into the stream.
    pub fn oldest_in_hand(&self, shard: usize) -> Option<u64> {
        self.shards[shard].unsettled().next().map(|record| record.appended)
    }

    /// Records read and neither processed nor lost, by walking them.
    pub fn in_hand(&self) -> u64 {
        self.shards.iter().map(|shard| shard.unsettled().count() as u64).sum()
    }
}

/// All workers take an even part of the work; it is done when the last of them is.
fn share(workers: &mut [Worker], now: Nanos, time: Nanos) -> (Nanos, Nanos) {
    let part = time.div_ceil(workers.len() as Nanos);
    let spans = workers.iter_mut().map(|worker| worker.reserve(now, part));
    spans.reduce(|all, one| (all.0.min(one.0), all.1.max(one.1))).unwrap_or((now, now))
}
