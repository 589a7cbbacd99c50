//! Workers that are away or cut off from the lease table, and what becomes of what they hold or are about to hold.

use super::{HEARTBEAT, LEADER_LOCK, Lease, Leases, Scheduled, State};
use crate::engine::time::Nanos;

impl Leases {
    /// A worker is gone and back at `back`. Returns the shards that it was reading, which nobody reads now, and when others
    /// begin to whom they had gone before.
    pub fn gone(
        &mut self,
        now: Nanos,
        worker: usize,
        (in_order, back): (bool, Nanos),
    ) -> (Vec<usize>, Vec<Scheduled>) {
        self.settle(now);
        let until = self.expires(now, worker);
        (self.up[worker], self.back_at[worker]) = (false, back);
        let (mut shards, mut scheduled) = (Vec::new(), Vec::new());
        for shard in 0..self.leases.len() {
            let Lease { state, due, .. } = self.leases[shard];
            match state {
                State::Starting(owner) if owner == worker => {
                    self.leases[shard].state = State::Expiring { worker, until };
                }
                State::Held(owner) | State::Handing { from: owner, .. } if owner == worker => {
                    self.left(now, shard);
                    self.set(shard, State::Expiring { worker, until }, 0);
                    shards.push(shard);
                }
                State::Losing { worker: owner, to, .. } if owner == worker => {
                    self.left(now, shard);
                    match to {
                        // It could not renew it, so that it expires when it would have noticed itself.
                        None => self.leases[shard].state = State::Expiring { worker, until: due },
                        Some(_) => scheduled.extend(self.pass_on(now, shard, to)),
                    }
                    shards.push(shard);
                }
                _ => self.orphan(shard, worker, until),
            }
        }
        if self.plan.version.has_leader() && worker == self.leader {
            // Its lock is released, or lasts on from its last heartbeat (KWK-4).
            let into = self.since_heartbeat(worker);
            self.leader_from = now + if in_order { into } else { LEADER_LOCK - into };
        }
        (shards, scheduled)
    }

    /// A shard that is on its way to a worker which will not come is that worker's until it expires.
    fn orphan(&mut self, shard: usize, worker: usize, until: Nanos) {
        let lease = &mut self.leases[shard];
        let (State::Handing { to, .. } | State::Losing { to: Some(to), .. }) = lease.state else { return };
        if to == worker {
            lease.orphaned.get_or_insert(until);
        }
    }

    fn since_heartbeat(&self, worker: usize) -> Nanos {
        self.phases.bits(worker as u64, 5) % HEARTBEAT
    }

    /// A worker that is away stays so until then at least. Returns whether that is later than it was.
    pub fn stay_away(&mut self, worker: usize, until: Nanos) -> bool {
        let later = until > self.back_at[worker];
        self.back_at[worker] = self.back_at[worker].max(until);
        later
    }

    /// When a worker is back that is away.
    pub fn back_at(&self, worker: usize) -> Nanos {
        self.back_at[worker]
    }

    /// A worker is back, if this is the moment: a process of a new name on a host that reaches the table, which holds nothing.
    /// `busy` is its meter's count.
    pub fn back(&mut self, now: Nanos, worker: usize, busy: u64) {
        if !self.up[worker] && now >= self.back_at[worker] {
            (self.up[worker], self.cut_until[worker]) = (true, 0);
            self.cpu[worker].restart(now, busy);
        }
    }

    /// All workers stop for good.
    pub fn remove(&mut self, now: Nanos) {
        self.settle(now);
        for worker in 0..self.up.len() {
            (self.up[worker], self.back_at[worker]) = (false, Nanos::MAX);
        }
        (0..self.leases.len()).for_each(|shard| {
            self.set(shard, State::Done, 0);
        });
    }

    /// Whether a worker runs.
    pub fn is_up(&self, worker: usize) -> bool {
        self.up[worker]
    }

    /// A worker cannot reach the lease table until then. If its leases expire before, it works on until they do, and then
    /// stops (KWK-13); what it was about to begin it does not begin.
    pub fn cut_off(&mut self, now: Nanos, worker: usize, until: Nanos) -> Vec<Scheduled> {
        if !self.up[worker] {
            return Vec::new();
        }
        self.settle(now);
        if self.cut_until[worker] <= now {
            self.cut_from[worker] = now;
        }
        // While it is cut off it renews nothing.
        let expires = self.expires(self.cut_from[worker], worker).max(now);
        let until = self.cut_until[worker].max(until);
        self.cut_until[worker] = until;
        if self.plan.version.has_leader() && worker == self.leader {
            // It leads on if it is back before its lock has run out (KWK-4).
            let lasts = now + LEADER_LOCK - self.since_heartbeat(worker);
            self.leader_from = self.leader_from.max(until.min(lasts));
        }
        let shards = 0..self.leases.len();
        match until <= expires {
            true => shards.filter_map(|shard| self.hold_up(shard, worker, until)).collect(),
            false => shards.filter_map(|shard| self.cut(shard, worker, expires)).collect(),
        }
    }

    /// A worker does not reach the table until then, which is soon enough to keep its leases.
    fn hold_up(&mut self, shard: usize, worker: usize, until: Nanos) -> Option<Scheduled> {
        let Lease { state, due, .. } = self.leases[shard];
        let at = match state {
            State::Starting(owner) if owner == worker => self.dispatch(until, worker),
            State::Handing { from, told: false, .. } if from == worker => self.discovers(until, worker),
            State::Losing { worker: owner, .. } if owner == worker => self.renews(until, worker),
            _ => return None,
        };
        self.leases[shard].due = due.max(at);
        (due < at).then_some((shard, at))
    }

    /// A worker does not reach the table any more, and what it has expires then.
    fn cut(&mut self, shard: usize, worker: usize, expires: Nanos) -> Option<Scheduled> {
        let Lease { state, due, orphaned, .. } = self.leases[shard];
        let (to, fetches, expires) = match state {
            State::Held(owner) if owner == worker => (None, true, expires),
            State::Handing { from, to, told } if from == worker => (Some(to), !told, expires),
            State::Losing { worker: owner, to, fetches } if owner == worker => {
                (to, fetches, due.max(expires))
            }
            State::Starting(owner) if owner == worker => {
                self.leases[shard].state = State::Expiring { worker, until: expires };
                return None;
            }
            _ => {
                self.orphan(shard, worker, expires);
                return None;
            }
        };
        let scheduled = self.set(shard, State::Losing { worker, to, fetches }, expires);
        self.leases[shard].orphaned = orphaned;
        Some(scheduled)
    }
}
