//! One Flink job: shards dealt out to parallel subtasks, checkpoints of all of them at once, restarts as a whole, scaling by
//! CPU (FLK-1 to FLK-3).

use crate::engine::time::{HOUR, MINUTE, Nanos};
use crate::systems::fleet::worker::Worker;

/// Processors of one KPU (FLK-1).
pub const VCPU_PER_KPU: f64 = 1.0;
/// The most subtasks of one application, and of one KPU (FLK-2).
pub const PARALLELISM_MAX: u32 = 256;
/// Subtasks that share a KPU at most (FLK-2).
pub const PER_KPU_MAX: u32 = 8;
/// KPUs that an application may have (FLK-2).
pub const KPU_QUOTA: u32 = 64;
/// KPUs that only coordinate, and are charged for (FLK-2).
pub const ORCHESTRATION_KPUS: u32 = 1;
/// CPU at or above which it scales out (FLK-3).
const BUSY: f64 = 0.75;
/// For so many minutes (FLK-3).
const BUSY_MINUTES: u32 = 15;
/// CPU below which it scales in (FLK-3).
const QUIET: f64 = 0.10;
/// For so many minutes (FLK-3).
const QUIET_MINUTES: u32 = (6 * HOUR / MINUTE) as u32;

/// A job as the scenario describes it, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobPlan {
    /// Subtasks at the start, and at least.
    pub parallelism: u32,
    /// Subtasks of one KPU.
    pub per_kpu: u32,
    /// Whether what is read goes to all subtasks alike.
    pub keyed: bool,
    /// Whether it scales by CPU.
    pub autoscaling: bool,
    /// Time between two checkpoints.
    pub checkpoint_interval: Nanos,
    /// How long one takes.
    pub checkpoint_takes: Nanos,
    /// How long the job is down when it restarts.
    pub restart: Nanos,
    /// How often it looks for new shards.
    pub discovery: Nanos,
}

impl JobPlan {
    /// KPUs that run so many subtasks (FLK-1).
    pub fn kpus(&self, parallelism: u32) -> u32 {
        parallelism.div_ceil(self.per_kpu.max(1))
    }
}

/// Where a shard stands with the job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    /// Its parents are not done, or it is not found yet.
    #[default]
    Unborn,
    /// It is read whenever the job runs.
    Read,
    /// It is done.
    Done,
}

/// What the job counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobMeter {
    /// Checkpoints of the whole job that were completed.
    pub checkpoints: u64,
    /// Restarts, for whatever reason.
    pub restarts: u64,
    /// Of these, for another parallelism.
    pub scalings: u64,
    /// Time for which it was down.
    pub down: Nanos,
    /// The most KPUs that it had, without that of orchestration.
    pub kpus_max: u32,
}

/// A job at work.
#[derive(Clone, Debug)]
pub struct Job {
    plan: JobPlan,
    parts: Vec<Part>,
    parallelism: u32,
    /// It runs from then on.
    up_from: Nanos,
    /// Since when it does not, if it does not.
    down_since: Option<Nanos>,
    /// Where each shard stood at the checkpoint under way, and when that is complete.
    marks: Option<(Vec<u64>, Nanos)>,
    minutes: [u32; 2],
    busy_before: Nanos,
    /// KPUs times nanoseconds, up to the last change of their number.
    kpu_nanos: u128,
    since: Nanos,
    /// Whether it is stopped for good.
    removed: bool,
    /// What it counted.
    pub meter: JobMeter,
}

impl Job {
    /// A job that runs.
    pub fn new(plan: &JobPlan, shards: usize) -> Self {
        let kpus = plan.kpus(plan.parallelism);
        Self {
            plan: *plan,
            parts: vec![Part::Read; shards],
            parallelism: plan.parallelism,
            up_from: 0,
            down_since: None,
            marks: None,
            minutes: [0; 2],
            busy_before: 0,
            kpu_nanos: 0,
            since: 0,
            removed: false,
            meter: JobMeter { kpus_max: kpus, ..JobMeter::default() },
        }
    }

    /// The same, which is still to be started.
    pub fn not_yet(mut self) -> Self {
        self.parts.iter_mut().for_each(|part| *part = Part::Unborn);
        (self.down_since, self.up_from) = (Some(0), Nanos::MAX);
        self
    }

    /// It runs from now on, and its units are charged for.
    pub fn create(&mut self, now: Nanos) {
        (self.since, self.down_since, self.up_from) = (now, None, now);
    }

    /// Its plan.
    pub fn plan(&self) -> &JobPlan {
        &self.plan
    }

    /// Makes room for shards up to this many.
    pub fn grow(&mut self, shards: usize) {
        self.parts.resize(shards.max(self.parts.len()), Part::Unborn);
    }

    /// Whether it runs.
    pub fn is_up(&self) -> bool {
        self.down_since.is_none()
    }

    /// The KPU that does a shard's work now, if any.
    pub fn worker(&self, shard: usize) -> Option<usize> {
        let read = self.is_up() && self.parts[shard] == Part::Read;
        read.then(|| (shard % self.parallelism as usize) / self.plan.per_kpu as usize)
    }

    /// Shards that are read, or will be once it runs.
    pub fn shards(&self) -> Vec<usize> {
        (0..self.parts.len()).filter(|shard| self.parts[*shard] == Part::Read).collect()
    }

    /// KPUs that work.
    pub fn kpus(&self) -> u32 {
        self.plan.kpus(self.parallelism)
    }

    /// Subtasks.
    pub fn parallelism(&self) -> u32 {
        self.parallelism
    }

    /// KPUs that work times nanoseconds, up to now.
    pub fn kpu_nanos(&self, now: Nanos) -> u128 {
        let is_there = !self.removed && self.up_from != Nanos::MAX;
        let working = if is_there { u128::from(self.kpus()) } else { 0 };
        self.kpu_nanos + u128::from(now.saturating_sub(self.since)) * working
    }

    /// A checkpoint begins with these positions, by shard.
    pub fn begin_checkpoint(&mut self, now: Nanos, positions: Vec<u64>) {
        if self.is_up() {
            self.marks = Some((positions, now + self.plan.checkpoint_takes));
        }
    }

    /// The positions of the checkpoint that is complete by now, once.
    pub fn completed(&mut self, now: Nanos) -> Option<Vec<u64>> {
        let (marks, _) = self.marks.take_if(|(_, at)| *at <= now)?;
        self.meter.checkpoints += 1;
        Some(marks)
    }

    /// The job stops, and runs again from the moment returned.
    pub fn stop(&mut self, now: Nanos, away: Option<Nanos>) -> Nanos {
        self.down_since.get_or_insert(now);
        self.marks = None;
        self.meter.restarts += 1;
        self.up_from = self.up_from.max(now + away.unwrap_or(self.plan.restart));
        self.up_from
    }

    /// The job is stopped for good.
    pub fn remove(&mut self, now: Nanos) {
        (self.kpu_nanos, self.since, self.removed) = (self.kpu_nanos(now), now, true);
        self.down_since.get_or_insert(now);
        (self.up_from, self.marks) = (Nanos::MAX, None);
    }

    /// The job runs again, if this is the moment; since when it did not.
    pub fn start(&mut self, now: Nanos) -> Option<Nanos> {
        if now != self.up_from {
            return None;
        }
        let since = self.down_since.take()?;
        self.meter.down += now - since;
        self.minutes = [0; 2];
        Some(since)
    }

    /// The end of a minute: the parallelism that it scales to, if it does (FLK-3). CPU alone decides.
    pub fn look(&mut self, now: Nanos, workers: &[Worker]) -> Option<u32> {
        let kpus = self.kpus() as usize;
        let busy: Nanos = workers.iter().map(|worker| worker.busy(now)).sum();
        let share = (busy - self.busy_before) as f64 / (MINUTE as f64 * kpus as f64);
        self.busy_before = busy;
        let [high, low] = self.minutes;
        self.minutes = [if share >= BUSY { high + 1 } else { 0 }, if share < QUIET { low + 1 } else { 0 }];
        if !self.plan.autoscaling || !self.is_up() {
            return None;
        }
        let most = (KPU_QUOTA * self.plan.per_kpu).min(PARALLELISM_MAX);
        let to = match (self.minutes[0] >= BUSY_MINUTES, self.minutes[1] >= QUIET_MINUTES) {
            (true, _) => (self.parallelism * 2).min(most),
            (_, true) => (self.parallelism / 2).max(self.plan.parallelism),
            _ => self.parallelism,
        };
        (to != self.parallelism).then_some(to)
    }

    /// It has another parallelism from now on.
    pub fn scale(&mut self, now: Nanos, parallelism: u32) {
        (self.kpu_nanos, self.since) = (self.kpu_nanos(now), now);
        self.parallelism = parallelism;
        self.meter.scalings += 1;
        self.meter.kpus_max = self.meter.kpus_max.max(self.kpus());
    }

    /// When it next looks for new shards.
    pub fn discovers(&self, now: Nanos) -> Nanos {
        let interval = self.plan.discovery.max(1);
        (now / interval + 1) * interval
    }

    /// A shard is read from now on.
    pub fn found(&mut self, shard: usize) {
        self.parts[shard] = Part::Read;
    }

    /// A shard is done.
    pub fn ended(&mut self, shard: usize) {
        self.parts[shard] = Part::Done;
    }

    /// Whether a shard is done.
    pub fn is_done(&self, shard: usize) -> bool {
        self.parts[shard] == Part::Done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(parallelism: u32, per_kpu: u32) -> JobPlan {
        JobPlan {
            parallelism,
            per_kpu,
            keyed: true,
            autoscaling: true,
            checkpoint_interval: MINUTE,
            checkpoint_takes: 0,
            restart: MINUTE,
            discovery: MINUTE,
        }
    }

    #[test]
    fn flk_1_kpus_are_parallelism_by_parallelism_per_kpu() {
        let kpus = |parallelism, per_kpu| plan(1, per_kpu).kpus(parallelism);
        assert_eq!([kpus(8, 1), kpus(8, 4), kpus(9, 4), kpus(1, 8)], [8, 2, 3, 1]);
    }

    /// Minutes of this CPU share until the job wants another parallelism; at most `most`.
    fn minutes_until(job: &mut Job, share: f64, most: u32) -> Option<(u32, u32)> {
        let mut workers = vec![Worker::new(1.0); job.kpus() as usize];
        job.busy_before = 0;
        for minute in 1..=most {
            let start = u64::from(minute - 1) * MINUTE;
            for worker in &mut workers {
                worker.reserve(start, (MINUTE as f64 * share) as Nanos);
            }
            if let Some(to) = job.look(start + MINUTE, &workers) {
                return Some((minute, to));
            }
        }
        None
    }

    #[test]
    fn flk_3_a_quarter_of_an_hour_at_75_percent_doubles_and_six_hours_below_10_halve() {
        assert_eq!(minutes_until(&mut Job::new(&plan(4, 1), 4), 0.75, 100), Some((15, 8)));
        assert_eq!(minutes_until(&mut Job::new(&plan(4, 1), 4), 0.74, 1_000), None);
        let mut scaled = Job::new(&plan(4, 1), 4);
        scaled.scale(0, 16);
        assert_eq!(minutes_until(&mut scaled, 0.09, 1_000), Some((360, 8)));
        assert_eq!(
            minutes_until(&mut Job::new(&plan(4, 1), 4), 0.09, 1_000),
            None,
            "not below where it began"
        );
    }

    #[test]
    fn flk_2_no_more_than_64_kpus_and_256_subtasks() {
        let most = |per_kpu| {
            let mut job = Job::new(&plan(1, per_kpu), 1);
            job.scale(0, 60 * per_kpu.min(4));
            minutes_until(&mut job, 0.9, 20).unwrap().1
        };
        assert_eq!([most(1), most(8)], [64, 256]);
    }
}
