//! Which worker of a fleet reads which shard: leases and jobs, and what crashes, deployments and lost leases do to them.

use super::{FleetConsumer, Interruption};
use crate::engine::time::{MINUTE, Nanos};
use crate::pipeline::Pipeline;
use crate::pipeline::event::{Kind, pack, unpack};
use crate::systems::fleet::meter::Redelivery;
use crate::systems::flink::job::{Job, VCPU_PER_KPU};
use crate::systems::kcl::leases::{Due, HAND_OVER, Leases, Scheduled, State};

/// Who reads which shard.
#[derive(Clone, Debug)]
pub enum Control {
    /// By leases.
    Kcl(Box<Leases>),
    /// As one job.
    Flink(Box<Job>),
}

impl Control {
    /// The worker that does a shard's work now, if any.
    pub fn worker(&self, shard: usize) -> Option<usize> {
        match self {
            Self::Kcl(leases) => leases.worker(shard),
            Self::Flink(job) => job.worker(shard),
        }
    }

    /// Whether that worker goes on fetching.
    pub fn fetches(&self, shard: usize) -> bool {
        match self {
            Self::Kcl(leases) => leases.fetches(shard),
            Self::Flink(job) => job.worker(shard).is_some(),
        }
    }

    /// Whether its checkpoints are taken.
    pub fn may_save(&self, shard: usize) -> bool {
        match self {
            Self::Kcl(leases) => leases.may_save(shard),
            Self::Flink(_) => true,
        }
    }

    /// Whether it is finishing, to hand the shard over.
    pub fn is_leaving(&self, shard: usize) -> bool {
        match self {
            Self::Kcl(leases) => matches!(leases.state(shard), State::Handing { told: true, .. }),
            Self::Flink(_) => false,
        }
    }

    /// Who writes a shard's records to the sink, a call at a time: each shard has a thread of its own, or its subtask.
    pub fn writer(&self, shard: usize) -> usize {
        match self {
            Self::Kcl(_) => shard,
            Self::Flink(job) => shard % job.parallelism() as usize,
        }
    }

    /// The worker whose time to hand a shard over is up.
    pub(super) fn overdue(&self, now: Nanos, shard: usize) -> Option<usize> {
        match self {
            Self::Kcl(leases) => {
                let up = leases.told_at(shard).is_some_and(|at| now >= at + HAND_OVER);
                leases.worker(shard).filter(|_| up)
            }
            Self::Flink(_) => None,
        }
    }

    /// What it takes to find the children of a shard that has ended.
    pub fn discovery(&self) -> Nanos {
        match self {
            Self::Kcl(leases) => leases.plan().discovery,
            Self::Flink(_) => 0,
        }
    }

    /// Makes room for shards up to this many.
    pub fn grow(&mut self, shards: usize) {
        match self {
            Self::Kcl(leases) => leases.grow(shards),
            Self::Flink(job) => job.grow(shards),
        }
    }

    fn is_done(&self, shard: usize) -> bool {
        match self {
            Self::Kcl(leases) => leases.is_done(shard),
            Self::Flink(job) => job.is_done(shard),
        }
    }

    /// Whether a shard waits for somebody who will come by the clock alone.
    fn any_waiting(&self) -> bool {
        match self {
            Self::Kcl(leases) => leases.any_waiting(),
            Self::Flink(_) => false,
        }
    }
}

/// What an event about a fleet's control is. All but the last ones are looks: alone they do not keep a run going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// A worker of version 1 or 2 looks for leases to take.
    Take,
    /// The leader of version 3 assigns leases.
    Assign,
    /// Workers of version 3 report their CPU.
    Report,
    /// A job makes a checkpoint.
    Checkpoint,
    /// A minute of a job's CPU ends.
    Scale,
    /// A worker is back, or a job runs again.
    Back,
    /// The same, and the next worker of a deployment stops.
    DeployNext,
}

impl Turn {
    const ALL: [Self; 7] =
        [Self::Take, Self::Assign, Self::Report, Self::Checkpoint, Self::Scale, Self::Back, Self::DeployNext];

    fn is_look(self) -> bool {
        !matches!(self, Self::Back | Self::DeployNext)
    }
}

/// How a worker leaves what it has in hand of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// As it stands.
    Abrupt,
    /// Finished and written down.
    InOrder,
    /// Finished, but its checkpoint is refused, since the lease is no longer its own.
    Refused,
}

/// Workers that a turn's handle can number.
const WORKER_BITS: u32 = 16;

impl<const FULL: bool> Pipeline<FULL> {
    /// Schedules the first looks of every fleet.
    pub(in crate::pipeline) fn start_fleets(&mut self) {
        for number in 0..self.fleets.len() {
            if self.fleets[number].begun.is_some() {
                self.start_control(0, number);
            }
        }
    }

    /// Schedules the first looks of a fleet that begins now.
    pub(super) fn start_control(&mut self, now: Nanos, number: usize) {
        match &self.fleets[number].control {
            Control::Kcl(leases) if leases.plan().version.has_leader() => {
                self.turn_at(leases.next_run(now, 0), number, Turn::Assign, 0);
                self.turn_at(Leases::next_report(now), number, Turn::Report, 0);
            }
            Control::Kcl(leases) => {
                let workers = self.fleets[number].fleet.workers().len();
                let runs: Vec<Nanos> = (0..workers).map(|worker| leases.next_run(now, worker)).collect();
                for (worker, at) in runs.into_iter().enumerate() {
                    self.turn_at(at, number, Turn::Take, worker);
                }
            }
            Control::Flink(job) => {
                let interval = job.plan().checkpoint_interval;
                self.turn_at(now + interval, number, Turn::Checkpoint, 0);
                self.turn_at(now + MINUTE, number, Turn::Scale, 0);
            }
        }
    }

    fn turn_at(&mut self, at: Nanos, number: usize, turn: Turn, worker: usize) {
        self.looks += usize::from(turn.is_look());
        let low = (turn as usize) << WORKER_BITS | worker;
        self.queue.push(at, Kind::Control as u8, pack(number, low));
    }

    fn leases(&mut self, number: usize) -> Option<&mut Leases> {
        match &mut self.fleets[number].control {
            Control::Kcl(leases) => Some(leases),
            Control::Flink(_) => None,
        }
    }

    fn job(&mut self, number: usize) -> Option<&mut Job> {
        match &mut self.fleets[number].control {
            Control::Flink(job) => Some(job),
            Control::Kcl(_) => None,
        }
    }

    fn schedule_leases(&mut self, number: usize, scheduled: impl IntoIterator<Item = Scheduled>) {
        for (shard, at) in scheduled {
            self.queue.push(at, Kind::Lease as u8, pack(number, shard));
        }
    }

    /// A clock of a fleet's control has come.
    pub(in crate::pipeline) fn control(&mut self, now: Nanos, handle: u32) {
        let (number, low) = unpack(handle);
        let (turn, worker) = (Turn::ALL[low >> WORKER_BITS], low & ((1 << WORKER_BITS) - 1));
        self.looks -= usize::from(turn.is_look());
        if self.fleets[number].removed.is_some() {
            return;
        }
        let next = match turn {
            Turn::Take => self.take_leases(now, number, worker),
            Turn::Assign => self.assign_leases(now, number),
            Turn::Report => self.report_cpu(now, number),
            Turn::Checkpoint => self.checkpoint_job(now, number),
            Turn::Scale => self.look_at_job(now, number),
            Turn::Back => self.worker_back(now, number, worker),
            Turn::DeployNext => {
                self.worker_back(now, number, worker);
                self.deploy_next(now, number, worker);
                None
            }
        };
        let others = self.queue.len() > self.looks || self.next_write.at <= self.arrivals_end;
        if let Some(at) = next
            && (others || self.fleets[number].control.any_waiting())
        {
            self.turn_at(at, number, turn, worker);
        }
    }

    fn take_leases(&mut self, now: Nanos, number: usize, worker: usize) -> Option<Nanos> {
        let leases = self.leases(number)?;
        let (scheduled, next) = (leases.take(now, worker), leases.next_run(now, worker));
        self.schedule_leases(number, scheduled);
        Some(next)
    }

    fn assign_leases(&mut self, now: Nanos, number: usize) -> Option<Nanos> {
        let FleetConsumer { fleet, control: Control::Kcl(leases), stream, .. } = &mut self.fleets[number]
        else {
            return None;
        };
        let shards = self.streams[*stream].stream.shard_count();
        let bytes: Vec<u64> = (0..shards).map(|shard| fleet.shard(shard).bytes_done).collect();
        let (scheduled, next) = (leases.assign(now, &bytes), leases.next_run(now, 0));
        self.schedule_leases(number, scheduled);
        Some(next)
    }

    fn report_cpu(&mut self, now: Nanos, number: usize) -> Option<Nanos> {
        let FleetConsumer { fleet, control: Control::Kcl(leases), .. } = &mut self.fleets[number] else {
            return None;
        };
        let busy: Vec<u64> = fleet.workers().iter().map(|worker| worker.busy(now)).collect();
        leases.report(now, &busy);
        Some(Leases::next_report(now))
    }

    /// Something is due about the lease of a shard, or a job has found a shard.
    pub(in crate::pipeline) fn lease(&mut self, now: Nanos, handle: u32) {
        let (number, shard) = unpack(handle);
        if self.fleets[number].removed.is_some() {
            return;
        }
        let leases = match &mut self.fleets[number].control {
            Control::Kcl(leases) => leases,
            Control::Flink(job) => {
                job.found(shard);
                if job.is_up() {
                    self.begin_reading(now, number, shard, (now, true));
                }
                return;
            }
        };
        match leases.due(now, shard) {
            Due::Nothing => {}
            Due::Start(_, since, after_parents) => {
                self.begin_reading(now, number, shard, (since, after_parents));
            }
            Due::HandOver(worker) => self.hand_over(now, number, shard, worker),
            Due::Lost(worker, stolen) => self.lose(now, number, shard, worker, stolen),
        }
    }

    /// A worker begins to read a shard, which nobody has read since then.
    pub(super) fn begin_reading(
        &mut self,
        now: Nanos,
        number: usize,
        shard: usize,
        (since, after_parents): (Nanos, bool),
    ) {
        let consumer = &mut self.fleets[number];
        if FULL {
            consumer.note_unread((since, now), shard, &self.streams[consumer.stream].stream);
        }
        consumer.fleet.shard_mut(shard).stood((since, now), after_parents);
        self.streams[consumer.stream].stream.resume(now, shard, consumer.reader);
        let at = match &mut consumer.access {
            super::Access::FanOut(fan_out) if !after_parents => fan_out.take_over(now, shard),
            _ => now,
        };
        self.read_at(at, number, shard);
    }

    /// A worker hears that it has to hand a shard over: it finishes its batch and writes its last checkpoint (KCL-14).
    fn hand_over(&mut self, now: Nanos, number: usize, shard: usize, worker: usize) {
        let consumer = &mut self.fleets[number];
        self.streams[consumer.stream].stream.hold(now, shard, consumer.reader);
        let progress = consumer.fleet.shard(shard);
        if progress.is_last {
            // It is at the shard's end, and there is nothing to hand over.
            return;
        }
        if progress.has_in_hand() {
            // One that would take longer than it has is cut off.
            if progress.due > now + HAND_OVER {
                self.cut_hand_over(now, number, shard, worker);
            }
            return;
        }
        consumer.fleet.last_save(now, shard, 0);
        self.work(now, number, shard);
    }

    /// A worker has not come to the end of a batch in the time that it had: the next one goes on from the last checkpoint.
    pub(super) fn cut_hand_over(&mut self, now: Nanos, number: usize, shard: usize, worker: usize) {
        self.interrupt(now, number, shard, Stop::Abrupt);
        self.stop_reading(now, number, vec![shard], (worker, Redelivery::Rebalance));
        let scheduled = self.leases(number).and_then(|leases| leases.handed_over(now, shard));
        self.schedule_leases(number, scheduled);
    }

    /// A worker finds out that a shard is no longer its own.
    fn lose(&mut self, now: Nanos, number: usize, shard: usize, worker: usize, stolen: bool) {
        if let Some(ended) = self.fleets[number].fleet.finish_begun(now, shard) {
            self.count_done(now, number, shard, &ended);
        }
        let why = if stolen { Redelivery::Rebalance } else { Redelivery::LostLease };
        self.stop_reading(now, number, vec![shard], (worker, why));
        let scheduled = self.leases(number).and_then(|leases| leases.lost(now, shard));
        self.schedule_leases(number, scheduled);
    }

    /// Nobody reads these shards any more: back to their last checkpoints.
    fn stop_reading(
        &mut self,
        now: Nanos,
        number: usize,
        shards: Vec<usize>,
        (worker, why): (usize, Redelivery),
    ) {
        let mut of_all =
            Interruption { at: now, worker, why, shards: shards.len() as u32, lost: 0, again: 0 };
        for shard in shards {
            let consumer = &mut self.fleets[number];
            let (lost, again) = consumer.fleet.roll_back(now, shard, why);
            of_all.lost += lost;
            of_all.again += again;
            self.streams[consumer.stream].stream.hold(now, shard, consumer.reader);
        }
        self.fleets[number].note(of_all);
    }

    /// A worker has written its last checkpoint of a shard: it has come to its end, or hands it over.
    pub(super) fn leave_shard(&mut self, now: Nanos, number: usize, shard: usize) {
        let consumer = &mut self.fleets[number];
        if consumer.fleet.shard(shard).at_end && consumer.fleet.shard(shard).is_idle() {
            return self.end_shard(now, number, shard);
        }
        consumer.fleet.roll_back(now, shard, Redelivery::Rebalance);
        let scheduled = self.leases(number).and_then(|leases| leases.handed_over(now, shard));
        self.schedule_leases(number, scheduled);
    }

    /// A shard is done, and so its children can be read (KDS-S7, KWK-1).
    fn end_shard(&mut self, now: Nanos, number: usize, shard: usize) {
        let consumer = &mut self.fleets[number];
        let stream = &mut self.streams[consumer.stream].stream;
        stream.turn_to_children(now, shard, consumer.reader);
        match &mut consumer.control {
            Control::Kcl(leases) => leases.ended(now, shard),
            Control::Flink(job) => job.ended(shard),
        }
        let kin = stream.lineage().shards();
        let is_done = |parent: &u16| consumer.control.is_done(usize::from(*parent));
        let ready = |child: &usize| kin[*child].parents.iter().all(is_done);
        let children: Vec<usize> =
            kin[shard].children.iter().map(|child| usize::from(*child)).filter(ready).collect();
        for child in children {
            stream.hold(now, child, consumer.reader);
            match &mut consumer.control {
                Control::Kcl(leases) => leases.born(now, child),
                Control::Flink(job) => {
                    self.queue.push(job.discovers(now), Kind::Lease as u8, pack(number, child));
                }
            }
        }
    }

    /// A worker dies or is stopped; it is back after `away`, of two such times the later one. Of a job, all of it restarts.
    pub(in crate::pipeline) fn stop_worker(
        &mut self,
        now: Nanos,
        number: usize,
        worker: usize,
        (why, away): (Redelivery, Option<Nanos>),
    ) {
        let later = match self.leases(number) {
            Some(leases) if !leases.is_up(worker) => {
                let back = now + away.unwrap_or(leases.plan().restart);
                leases.stay_away(worker, back).then_some(back)
            }
            _ => self.take_down(now, number, worker, (why, away)),
        };
        if let Some(back) = later {
            self.turn_at(back, number, Turn::Back, worker);
        }
    }

    /// Takes a worker down, and says when it is back; nothing if it is down already.
    fn take_down(
        &mut self,
        now: Nanos,
        number: usize,
        worker: usize,
        (why, away): (Redelivery, Option<Nanos>),
    ) -> Option<Nanos> {
        let mut others = Vec::new();
        let (shards, back) = match &mut self.fleets[number].control {
            Control::Kcl(leases) if !leases.is_up(worker) => return None,
            Control::Kcl(leases) => {
                let in_order = why == Redelivery::Deploy && leases.plan().graceful_shutdown;
                let back = now + away.unwrap_or(leases.plan().restart);
                let may_save: Vec<bool> = leases.may_save_all();
                let (shards, scheduled) = leases.gone(now, worker, (in_order, back));
                others = scheduled;
                let stop = |shard: usize| match (in_order, may_save[shard]) {
                    (false, _) => Stop::Abrupt,
                    (true, true) => Stop::InOrder,
                    (true, false) => Stop::Refused,
                };
                (shards.into_iter().map(|shard| (shard, stop(shard))).collect(), back)
            }
            Control::Flink(job) => {
                let marks = job.completed(now);
                let shards = if job.is_up() { job.shards() } else { Vec::new() };
                let back = job.stop(now, away);
                self.apply_marks(now, number, marks);
                // A job that is deployed or scales goes on from a snapshot.
                let stop = if why == Redelivery::Crash { Stop::Abrupt } else { Stop::InOrder };
                (shards.into_iter().map(|shard| (shard, stop)).collect::<Vec<_>>(), back)
            }
        };
        for (shard, stop) in &shards {
            self.interrupt(now, number, *shard, *stop);
        }
        let shards = shards.into_iter().map(|(shard, _)| shard).collect();
        self.stop_reading(now, number, shards, (worker, why));
        let FleetConsumer { fleet, control, .. } = &mut self.fleets[number];
        match control {
            Control::Kcl(_) => fleet.worker_mut(worker).stop(now),
            Control::Flink(_) => fleet.stop_all(now),
        }
        self.schedule_leases(number, others);
        Some(back)
    }

    /// A worker's batch is cut off, or finished and written down.
    pub(super) fn interrupt(&mut self, now: Nanos, number: usize, shard: usize, stop: Stop) {
        let fleet = &mut self.fleets[number].fleet;
        let until = fleet.shard(shard).processed();
        let ended = match stop {
            Stop::Abrupt => fleet.interrupt(now, shard),
            Stop::InOrder | Stop::Refused => fleet.finish_begun(now, shard),
        };
        if let Some(ended) = &ended {
            self.count_done(now, number, shard, ended);
        }
        if stop == Stop::InOrder {
            let until = ended.map_or(until, |ended| ended.until);
            self.fleets[number].fleet.save_at_once(now, shard, until);
        }
    }

    /// A worker is back, or the job runs again.
    fn worker_back(&mut self, now: Nanos, number: usize, worker: usize) -> Option<Nanos> {
        let FleetConsumer { fleet, control, .. } = &mut self.fleets[number];
        match control {
            Control::Kcl(leases) => leases.back(now, worker, fleet.workers()[worker].busy(now)),
            Control::Flink(job) => {
                let since = job.start(now)?;
                for shard in job.shards() {
                    self.begin_reading(now, number, shard, (since, false));
                }
            }
        }
        None
    }

    /// A deployment stops one worker after the other, each once the one before is back.
    pub(in crate::pipeline) fn deploy(&mut self, now: Nanos, number: usize, away: Option<Nanos>) {
        if let Some(leases) = self.leases(number) {
            leases.set_deploy(away);
        }
        self.deploy_worker(now, number, 0);
    }

    /// Stops the next worker of a deployment, once the one before is back.
    fn deploy_next(&mut self, now: Nanos, number: usize, before: usize) {
        match self.leases(number) {
            Some(leases) if !leases.is_up(before) => {
                // It has died in the meantime, and takes longer.
                let at = leases.back_at(before);
                self.turn_at(at, number, Turn::DeployNext, before);
            }
            _ => self.deploy_worker(now, number, before + 1),
        }
    }

    fn deploy_worker(&mut self, now: Nanos, number: usize, worker: usize) {
        let (away, workers) = match &self.fleets[number].control {
            Control::Kcl(leases) => (leases.deploy(), self.fleets[number].fleet.workers().len()),
            Control::Flink(_) => (None, 1),
        };
        if worker >= workers {
            return;
        }
        match self.take_down(now, number, worker, (Redelivery::Deploy, away)) {
            Some(back) => self.turn_at(back, number, Turn::DeployNext, worker),
            // It is down already, and will come back with the new code.
            None => self.deploy_worker(now, number, worker + 1),
        }
    }

    /// A worker loses its connection to the lease table until then (KWK-13).
    pub(in crate::pipeline) fn cut_worker_off(
        &mut self,
        now: Nanos,
        number: usize,
        worker: usize,
        until: Nanos,
    ) {
        let scheduled = self.leases(number).map(|leases| leases.cut_off(now, worker, until));
        self.schedule_leases(number, scheduled.unwrap_or_default());
    }

    /// A job makes a checkpoint: of how far each shard has come.
    fn checkpoint_job(&mut self, now: Nanos, number: usize) -> Option<Nanos> {
        let shards = self.streams[self.fleets[number].stream].stream.shard_count();
        let fleet = &self.fleets[number].fleet;
        let positions = (0..shards).map(|shard| fleet.shard(shard).processed()).collect();
        let job = self.job(number)?;
        let marks = job.completed(now);
        job.begin_checkpoint(now, positions);
        let next = now + job.plan().checkpoint_interval;
        self.apply_marks(now, number, marks);
        Some(next)
    }

    /// A checkpoint of a job is complete.
    fn apply_marks(&mut self, now: Nanos, number: usize, marks: Option<Vec<u64>>) {
        let fleet = &mut self.fleets[number].fleet;
        for (shard, mark) in marks.into_iter().flatten().enumerate() {
            fleet.shard_mut(shard).set_saved(now, mark);
        }
    }

    /// A minute of a job's CPU ends: it may scale, which restarts it (FLK-3).
    fn look_at_job(&mut self, now: Nanos, number: usize) -> Option<Nanos> {
        let FleetConsumer { fleet, control: Control::Flink(job), .. } = &mut self.fleets[number] else {
            return None;
        };
        if let Some(parallelism) = job.look(now, fleet.workers()) {
            self.stop_worker(now, number, 0, (Redelivery::Rebalance, None));
            let FleetConsumer { fleet, control: Control::Flink(job), .. } = &mut self.fleets[number] else {
                return None;
            };
            job.scale(now, parallelism);
            fleet.set_workers(now, job.kpus() as usize, VCPU_PER_KPU);
            if FULL {
                let what = format!("scales to a parallelism of {parallelism}");
                self.timeline.note(now, &self.fleets[number].place, what);
            }
        }
        Some(now + MINUTE)
    }
}
