//! One lease a shard, held by one worker at a time (KWK-1): renewed, expired, taken, stolen, assigned and handed over.

use super::balance::{self, Rate, Seat};
use super::lease_table::{LeaseTable, REPORT_INTERVAL};
use super::version::Version;
use crate::engine::random::{Keyed, Streams};
use crate::engine::time::{MILLISECOND, Nanos, SECOND};

mod absence;

/// What the library takes off its intervals for clocks that drift (KCL-5, KCL-6).
const EPSILON: Nanos = 25 * MILLISECOND;
/// How often a worker looks for shards that it may begin with (KCL-7).
const DISPATCH: Nanos = SECOND;
/// How often a worker of version 1 looks whether a shard's parents are done (KCL-7, KWK-11).
const PARENT_POLL: Nanos = 10 * SECOND;
/// Runs of the leader between two looks at the balance (KCL-11).
const RUNS_A_BALANCE: u64 = 3;
/// How long the leader's lock lasts (KCL-10, KWK-4).
const LEADER_LOCK: Nanos = 120 * SECOND;
/// How often the leader renews it, and others look for it (KCL-10, KWK-4).
const HEARTBEAT: Nanos = 30 * SECOND;
/// How long a worker has to hand a shard over (KCL-14, KWK-7).
pub const HAND_OVER: Nanos = 30 * SECOND;

/// Leases as the scenario describes them, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct LeasePlan {
    /// The library's version.
    pub version: Version,
    /// A lease that is not renewed for so long expires (KCL-4).
    pub failover: Nanos,
    /// Whether a worker that is stopped in order writes its last checkpoints first.
    pub graceful_shutdown: bool,
    /// How long a worker is away when it is stopped or dies, where the event does not say.
    pub restart: Nanos,
    /// Whether the leader reads its workers' CPU; otherwise it balances bytes (KCL-13).
    pub by_cpu: bool,
    /// What it takes to find the children of a shard that has ended (ADP-4).
    pub discovery: Nanos,
}

impl LeasePlan {
    /// Time between two renewals of a lease (KCL-5).
    pub fn renewal(&self) -> Nanos {
        (self.failover / 3).saturating_sub(EPSILON).max(1)
    }

    /// Time between two runs of a worker that takes leases, or of the leader (KCL-6).
    pub fn take_interval(&self) -> Nanos {
        if self.version.has_leader() { 2 * self.failover } else { 2 * (self.failover + EPSILON) }
    }
}

/// Who has a lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// There is none yet: its shard's parents are not done (KWK-1).
    #[default]
    Unborn,
    /// Nobody.
    Free,
    /// A worker, which reads the shard.
    Held(usize),
    /// A worker, which is about to read the shard.
    Starting(usize),
    /// A worker that is gone; others may take it from `until` on.
    Expiring {
        /// The worker.
        worker: usize,
        /// When it expires.
        until: Nanos,
    },
    /// A worker that has been told to hand it over, and has not heard yet, or is finishing.
    Handing {
        /// That worker.
        from: usize,
        /// The next one.
        to: usize,
        /// Whether it has heard.
        told: bool,
    },
    /// A worker that has lost it and finds out at its next renewal: until then it goes on, but its checkpoints are refused.
    Losing {
        /// That worker.
        worker: usize,
        /// Whose it is by the lease table: a thief, or the one that it was to be handed to.
        to: Option<usize>,
        /// Whether it goes on fetching meanwhile.
        fetches: bool,
    },
    /// The shard is done.
    Done,
}

impl State {
    /// The worker that the lease table names.
    fn owner(self) -> Option<usize> {
        match self {
            Self::Unborn | Self::Free | Self::Done => None,
            Self::Held(worker) | Self::Starting(worker) | Self::Expiring { worker, .. } => Some(worker),
            Self::Handing { from, .. } => Some(from),
            Self::Losing { worker, to, .. } => Some(to.unwrap_or(worker)),
        }
    }
}

/// One lease.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Lease {
    state: State,
    /// When something is due about it.
    due: Nanos,
    /// Since when nobody reads its shard.
    since: Nanos,
    /// Whether because its parents came first.
    after_parents: bool,
    /// When it expires, if the worker that it goes to has died or was cut off before it could begin.
    orphaned: Option<Nanos>,
    throughput: Rate,
}

/// What a lease's event brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing: it was overtaken.
    Nothing,
    /// This worker begins to read; nobody did since then, and whether because the parents came first.
    Start(usize, Nanos, bool),
    /// This worker hears that it has to hand the shard over.
    HandOver(usize),
    /// This worker finds out that it has lost the shard, and whether that was a theft.
    Lost(usize, bool),
}

/// A change that an event has to be scheduled for: something is due about a shard's lease at a moment.
pub type Scheduled = (usize, Nanos);

/// All leases of one stream.
#[derive(Clone, Debug)]
pub struct Leases {
    plan: LeasePlan,
    phases: Keyed,
    leases: Vec<Lease>,
    up: Vec<bool>,
    /// When each worker that is away is back.
    back_at: Vec<Nanos>,
    /// Until when each worker cannot reach the lease table.
    cut_until: Vec<Nanos>,
    /// Since when, of those that cannot: cut-offs may overlap.
    cut_from: Vec<Nanos>,
    deploy: Option<Nanos>,
    cpu: Vec<Rate>,
    /// Assignments begin again then, after a leader was lost.
    leader_from: Nanos,
    leader: usize,
    runs: u64,
    /// Leases moved for balance.
    pub moved: u64,
    /// Leases taken after they had expired.
    pub taken_over: u64,
    /// Use of the tables.
    pub table: LeaseTable,
}

impl Leases {
    /// A fleet whose workers have shared the shards evenly; `path` names it.
    pub fn new(plan: &LeasePlan, draws: &Streams, path: &str, shards: usize, workers: usize) -> Self {
        let held = |shard: usize| Lease { state: State::Held(shard % workers), ..Lease::default() };
        Self {
            plan: plan.clone(),
            phases: draws.keyed(&format!("{path}.leases")),
            leases: (0..shards).map(held).collect(),
            up: vec![true; workers],
            back_at: vec![0; workers],
            cut_until: vec![0; workers],
            cut_from: vec![0; workers],
            deploy: None,
            cpu: vec![Rate::default(); workers],
            leader_from: 0,
            leader: 0,
            runs: 0,
            moved: 0,
            taken_over: 0,
            table: LeaseTable::default(),
        }
    }

    /// The same, whose workers are still to be there, and then to make leases of the shards.
    pub fn not_yet(mut self) -> Self {
        self.leases.iter_mut().for_each(|lease| *lease = Lease::default());
        self.up.iter_mut().for_each(|up| *up = false);
        self
    }

    /// All workers are there. What their processors did before says nothing.
    pub fn create(&mut self, now: Nanos) {
        self.up.iter_mut().for_each(|up| *up = true);
        self.cpu.iter_mut().for_each(|cpu| cpu.restart(now, 0));
    }

    /// A lease of a shard that nobody has read is made, for whoever takes it.
    pub fn offered(&mut self, now: Nanos, shard: usize) {
        self.born(now, shard);
        self.leases[shard].after_parents = false;
    }

    /// Its plan.
    pub fn plan(&self) -> &LeasePlan {
        &self.plan
    }

    /// Makes room for shards up to this many, which are not read before their parents are done.
    pub fn grow(&mut self, shards: usize) {
        self.leases.resize(shards.max(self.leases.len()), Lease::default());
    }

    /// Whose lease a shard is.
    pub fn state(&self, shard: usize) -> State {
        self.leases[shard].state
    }

    /// The worker that does the shard's work now, if any.
    pub fn worker(&self, shard: usize) -> Option<usize> {
        match self.leases[shard].state {
            State::Held(worker) | State::Losing { worker, .. } => Some(worker),
            State::Handing { from, .. } => Some(from),
            _ => None,
        }
    }

    /// Whether the shard's worker goes on fetching.
    pub fn fetches(&self, shard: usize) -> bool {
        match self.leases[shard].state {
            State::Held(_) => true,
            State::Losing { fetches, .. } => fetches,
            State::Handing { told, .. } => !told,
            _ => false,
        }
    }

    /// Whether its checkpoints are taken.
    pub fn may_save(&self, shard: usize) -> bool {
        !matches!(self.leases[shard].state, State::Losing { .. })
    }

    /// The same of every shard.
    pub fn may_save_all(&self) -> Vec<bool> {
        (0..self.leases.len()).map(|shard| self.may_save(shard)).collect()
    }

    /// Leases of each worker.
    pub fn held_by_worker(&self) -> Vec<usize> {
        let mut held = vec![0; self.up.len()];
        for lease in &self.leases {
            if let State::Held(worker) | State::Handing { from: worker, .. } = lease.state {
                held[worker] += 1;
            }
        }
        held
    }

    /// Whether some shard waits for a worker, and a worker is there to come.
    pub fn any_waiting(&self) -> bool {
        let waits = |lease: &Lease| matches!(lease.state, State::Free | State::Expiring { .. });
        self.up.iter().any(|up| *up) && self.leases.iter().any(waits)
    }

    fn held(&self) -> usize {
        let renewed = |lease: &&Lease| matches!(lease.state, State::Held(_) | State::Handing { .. });
        self.leases.iter().filter(renewed).count()
    }

    fn alive(&self) -> usize {
        self.leases.iter().filter(|lease| !matches!(lease.state, State::Unborn | State::Done)).count()
    }

    /// Whether a worker runs and reaches the lease table.
    fn can_take(&self, now: Nanos, worker: usize) -> bool {
        self.up[worker] && self.cut_until[worker] <= now
    }

    /// Counts renewals up to now.
    pub fn settle(&mut self, now: Nanos) {
        self.table.settle(now, self.held());
    }

    /// The first moment after `now` of a clock with this interval that a worker has for `purpose`.
    fn tick(&self, now: Nanos, interval: Nanos, worker: usize, purpose: u32) -> Nanos {
        let phase = self.phases.bits(worker as u64, purpose) % interval;
        let gone = (now + interval).saturating_sub(phase) / interval;
        phase + gone * interval
    }

    /// When a worker, or the leader, next looks for leases to take or to assign.
    pub fn next_run(&self, now: Nanos, worker: usize) -> Nanos {
        self.tick(now, self.plan.take_interval(), worker, 0)
    }

    fn dispatch(&self, now: Nanos, worker: usize) -> Nanos {
        self.tick(now, DISPATCH, worker, 1)
    }

    /// When a worker of version 3 next asks which leases are its own: twice as often as the leader assigns (KCL-6).
    fn discovers(&self, now: Nanos, worker: usize) -> Nanos {
        self.tick(now, self.plan.failover.max(1), worker, 2)
    }

    fn renews(&self, now: Nanos, worker: usize) -> Nanos {
        self.tick(now, self.plan.renewal(), worker, 3)
    }

    /// When a lease of this worker expires that is not renewed any more.
    pub fn expires(&self, now: Nanos, worker: usize) -> Nanos {
        self.renews(now, worker).saturating_sub(self.plan.renewal()) + self.plan.failover
    }

    fn set(&mut self, shard: usize, state: State, due: Nanos) -> Scheduled {
        let lease = &mut self.leases[shard];
        (lease.state, lease.due, lease.orphaned) = (state, due, None);
        (shard, due)
    }

    /// Whether a lease can be had.
    fn is_free(&self, now: Nanos, shard: usize) -> bool {
        match self.leases[shard].state {
            State::Free => true,
            State::Expiring { until, .. } => until <= now,
            _ => false,
        }
    }

    fn begin(&mut self, now: Nanos, shard: usize, worker: usize, at: Nanos) -> Scheduled {
        self.settle(now);
        self.table.writes += 1;
        self.taken_over += u64::from(matches!(self.leases[shard].state, State::Expiring { .. }));
        self.set(shard, State::Starting(worker), at)
    }

    /// A worker of version 1 or 2 reads the lease table and takes its share (KCL-6): leases that nobody holds, or else one
    /// from the worker with the most.
    pub fn take(&mut self, now: Nanos, worker: usize) -> Vec<Scheduled> {
        if !self.can_take(now, worker) {
            return Vec::new();
        }
        self.table.scan(self.alive());
        let mut owned = vec![0_usize; self.up.len()];
        for shard in 0..self.leases.len() {
            if let Some(owner) = self.leases[shard].state.owner().filter(|_| !self.is_free(now, shard)) {
                owned[owner] += 1;
            }
        }
        let owners = (0..owned.len()).filter(|other| owned[*other] > 0 || *other == worker).count();
        let share = self.alive().div_ceil(owners);
        let mut wanted = share.saturating_sub(owned[worker]);
        let mut scheduled = Vec::new();
        for shard in 0..self.leases.len() {
            if wanted > 0 && self.is_free(now, shard) {
                let mut at = self.dispatch(now, worker);
                if self.plan.version.major() == 1 && self.leases[shard].after_parents {
                    // Its lease was there before its parents were done, and it looks at them now and then.
                    at = at.max(self.tick(now, PARENT_POLL, worker, 4));
                }
                scheduled.push(self.begin(now, shard, worker, at));
                wanted -= 1;
            }
        }
        if scheduled.is_empty() && wanted > 0 {
            scheduled.extend(self.steal(now, worker, &owned, share));
        }
        scheduled
    }

    fn steal(&mut self, now: Nanos, worker: usize, owned: &[usize], share: usize) -> Option<Scheduled> {
        let most = (0..owned.len()).max_by_key(|other| (owned[*other], usize::MAX - other))?;
        let shard = self.leases.iter().position(|lease| lease.state == State::Held(most))?;
        let over = owned[most].checked_sub(share)?;
        // The library steals at most one at a time, and one from a worker with no more than its share only if it wants two.
        if over == 0 && share < owned[worker] + 2 {
            return None;
        }
        self.settle(now);
        self.table.writes += 1;
        self.moved += 1;
        let finds_out = self.renews(now, most);
        let losing = State::Losing { worker: most, to: Some(worker), fetches: true };
        Some(self.set(shard, losing, finds_out))
    }

    /// Workers of version 3 report their CPU: how long their processors have been busy so far, by worker, as a share of one
    /// worker's (KCL-13).
    pub fn report(&mut self, now: Nanos, busy: &[u64]) {
        for (worker, busy) in busy.iter().enumerate().filter(|(worker, _)| self.up[*worker]) {
            self.cpu[worker].note(now, *busy);
            self.table.writes += 1;
        }
        // The leader's heartbeat; the others look at its lock.
        self.table.writes += 1;
        self.table.query(self.up.len().saturating_sub(1) as u64);
    }

    /// When they do next.
    pub fn next_report(now: Nanos) -> Nanos {
        (now / REPORT_INTERVAL + 1) * REPORT_INTERVAL
    }

    /// The leader of version 3 assigns what nobody holds, and every third time looks at the balance (KCL-10, KCL-11).
    /// `bytes` are those processed of each shard so far.
    pub fn assign(&mut self, now: Nanos, bytes: &[u64]) -> Vec<Scheduled> {
        let Some(next) = (0..self.up.len()).find(|worker| self.can_take(now, *worker)) else {
            return Vec::new();
        };
        if !self.up[self.leader] {
            self.leader = next;
        }
        for (lease, bytes) in self.leases.iter_mut().zip(bytes) {
            lease.throughput.note(now, *bytes);
        }
        if now < self.leader_from {
            return Vec::new();
        }
        if !self.can_take(now, self.leader) {
            // It was cut off, and its lock has run out.
            self.leader = next;
        }
        self.table.scan(self.alive());
        // Each worker asks the index twice in the meantime; the leader reads the workers' reports.
        self.table.query(2 * self.up.iter().filter(|up| **up).count() as u64 + 1);
        let mut seats = self.seats(now);
        let mut scheduled = self.assign_free(now, &mut seats);
        self.runs += 1;
        if self.runs.is_multiple_of(RUNS_A_BALANCE) {
            for (shard, from, to) in balance::moves(seats) {
                if self.leases[shard].state != State::Held(from) {
                    continue;
                }
                self.table.writes += 1;
                self.moved += 1;
                let hears = self.discovers(now, from);
                scheduled.push(self.set(shard, State::Handing { from, to, told: false }, hears));
            }
        }
        scheduled
    }

    /// The workers with their loads and leases. One to whom a lease is on its way counts it already.
    fn seats(&self, now: Nanos) -> Vec<Seat> {
        let up = (0..self.up.len()).filter(|worker| self.can_take(now, *worker));
        let mut seats: Vec<Seat> =
            up.map(|worker| Seat { worker, load: self.cpu[worker].value(), leases: Vec::new() }).collect();
        for (shard, lease) in self.leases.iter().enumerate() {
            let owner = match lease.state {
                State::Handing { to, .. } => Some(to),
                state => state.owner(),
            };
            if let Some(seat) = seats.iter_mut().find(|seat| Some(seat.worker) == owner) {
                seat.leases.push((shard, lease.throughput.value()));
            }
        }
        // Where no processor shows any load, bytes tell instead, as where it cannot be read (KCL-13).
        if !self.plan.by_cpu || seats.iter().all(|seat| seat.load == 0.0) {
            for seat in &mut seats {
                seat.load = seat.leases.iter().map(|(_, rate)| rate).sum();
            }
        }
        seats
    }

    /// What nobody holds goes to the least loaded worker, one lease after the other.
    fn assign_free(&mut self, now: Nanos, seats: &mut [Seat]) -> Vec<Scheduled> {
        let (load, bytes) = seats.iter().fold((0.0, 0.0), |(load, bytes), seat| {
            (load + seat.load, bytes + seat.leases.iter().map(|(_, rate)| rate).sum::<f64>())
        });
        // What a byte costs on the average; without any, leases count.
        let cost = |rate: f64| if bytes > 0.0 && load > 0.0 { rate * load / bytes } else { 1.0 };
        let mut scheduled = Vec::new();
        for shard in 0..self.leases.len() {
            if !self.is_free(now, shard) {
                continue;
            }
            let least = |a: &&mut Seat, b: &&mut Seat| {
                let count = a.leases.len().cmp(&b.leases.len());
                a.load.total_cmp(&b.load).then(count).then(a.worker.cmp(&b.worker))
            };
            let Some(seat) = seats.iter_mut().min_by(least) else { break };
            let rate = self.leases[shard].throughput.value();
            seat.load += cost(rate);
            seat.leases.push((shard, rate));
            let at = self.dispatch(self.discovers(now, seat.worker), seat.worker);
            scheduled.push(self.begin(now, shard, seat.worker, at));
        }
        scheduled
    }

    /// Something is due about a lease.
    pub fn due(&mut self, now: Nanos, shard: usize) -> Due {
        if self.leases[shard].due != now {
            return Due::Nothing;
        }
        match self.leases[shard].state {
            State::Starting(worker) if self.up[worker] => {
                self.settle(now);
                let Lease { since, after_parents, .. } = self.leases[shard];
                self.leases[shard].state = State::Held(worker);
                Due::Start(worker, since, after_parents)
            }
            State::Handing { from, to, told: false } => {
                self.leases[shard].state = State::Handing { from, to, told: true };
                Due::HandOver(from)
            }
            State::Losing { worker, to, .. } => Due::Lost(worker, to.is_some()),
            _ => Due::Nothing,
        }
    }

    /// When the worker of a shard heard that it has to hand it over, if it has.
    pub fn told_at(&self, shard: usize) -> Option<Nanos> {
        let lease = &self.leases[shard];
        matches!(lease.state, State::Handing { told: true, .. }).then_some(lease.due)
    }

    /// A worker has finished with a shard that it was to hand over. Returns when the next one begins.
    pub fn handed_over(&mut self, now: Nanos, shard: usize) -> Option<Scheduled> {
        let State::Handing { to, .. } = self.leases[shard].state else { return None };
        self.left(now, shard);
        if let Some(until) = self.leases[shard].orphaned {
            self.leases[shard].state = State::Expiring { worker: to, until };
            return None;
        }
        let at = self.dispatch(self.discovers(now, to), to);
        Some(self.begin(now, shard, to, at))
    }

    /// A worker has found out that it has lost a shard. Returns when the next one begins, if it is known.
    pub fn lost(&mut self, now: Nanos, shard: usize) -> Option<Scheduled> {
        let State::Losing { to, .. } = self.leases[shard].state else { return None };
        self.left(now, shard);
        self.pass_on(now, shard, to)
    }

    /// Nobody reads a shard any more.
    fn left(&mut self, now: Nanos, shard: usize) {
        self.settle(now);
        (self.leases[shard].since, self.leases[shard].after_parents) = (now, false);
    }

    /// A shard that was taken from its worker is the other one's now, if that is there to begin.
    fn pass_on(&mut self, now: Nanos, shard: usize, to: Option<usize>) -> Option<Scheduled> {
        match (to, self.leases[shard].orphaned) {
            (Some(to), None) => {
                let at = self.dispatch(now, to);
                Some(self.set(shard, State::Starting(to), at))
            }
            (Some(worker), Some(until)) => {
                self.leases[shard].state = State::Expiring { worker, until };
                None
            }
            (None, _) => {
                self.leases[shard].state = State::Free;
                None
            }
        }
    }

    /// A shard is done.
    pub fn ended(&mut self, now: Nanos, shard: usize) {
        self.settle(now);
        self.leases[shard].state = State::Done;
        self.table.writes += 1;
    }

    /// A shard's parents are done, and its lease is made (KWK-1).
    pub fn born(&mut self, now: Nanos, shard: usize) {
        let lease = &mut self.leases[shard];
        (lease.state, lease.since, lease.after_parents) = (State::Free, now, true);
        self.table.writes += 1;
    }

    /// How long each worker is away in the deployment under way; none to take the usual time.
    pub fn set_deploy(&mut self, away: Option<Nanos>) {
        self.deploy = away;
    }

    /// The same.
    pub fn deploy(&self) -> Option<Nanos> {
        self.deploy
    }

    /// Whether a shard is done.
    pub fn is_done(&self, shard: usize) -> bool {
        self.leases[shard].state == State::Done
    }
}

#[cfg(test)]
mod tests;
