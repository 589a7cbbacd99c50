//! One worker: a process on a host of its own, whose processors its shards share.

use crate::engine::time::Nanos;

/// The most processors that a host has.
pub const VCPU_MAX: f64 = 192.0;

/// A worker's host at work. Batches take its processors first come, first served, each one of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// When each processor is free.
    cores: Vec<Nanos>,
    /// Work that one processor does in a nanosecond: less than 1 where the host has less than one.
    speed: f64,
    /// Processor time taken, that of what is under way included.
    booked: Nanos,
    /// Whether it runs.
    pub up: bool,
}

impl Worker {
    /// An idle worker with so many vCPUs, more than 0.
    pub fn new(vcpu: f64) -> Self {
        let cores = (vcpu as usize).max(1);
        Self { cores: vec![0; cores], speed: vcpu / cores as f64, booked: 0, up: true }
    }

    /// Takes a processor for `time` of work as soon as one is free. Returns from when until when.
    pub fn reserve(&mut self, now: Nanos, time: Nanos) -> (Nanos, Nanos) {
        let time = if self.speed == 1.0 { time } else { (time as f64 / self.speed) as Nanos };
        let soonest = (0..self.cores.len()).min_by_key(|core| (self.cores[*core], *core)).unwrap_or_default();
        let start = self.cores[soonest].max(now);
        self.cores[soonest] = start + time;
        self.booked += time;
        (start, start + time)
    }

    /// Processor time taken up to `now`.
    pub fn busy(&self, now: Nanos) -> Nanos {
        self.booked - self.cores.iter().map(|free| free.saturating_sub(now)).sum::<Nanos>()
    }

    /// How many processors it has.
    pub fn cores(&self) -> usize {
        self.cores.len()
    }

    /// Gives up what is under way.
    pub fn stop(&mut self, now: Nanos) {
        self.booked = self.busy(now);
        self.cores.iter_mut().for_each(|free| *free = (*free).min(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_share_the_processors_in_the_order_in_which_they_come() {
        let mut worker = Worker::new(2.0);
        assert_eq!(worker.reserve(0, 100), (0, 100));
        assert_eq!(worker.reserve(10, 50), (10, 60), "the second processor");
        assert_eq!(worker.reserve(20, 10), (60, 70), "waits for the one that is free first");
        assert_eq!((worker.busy(50), worker.busy(200)), (50 + 40, 160));
        let mut half = Worker::new(0.5);
        assert_eq!(half.reserve(0, 100), (0, 200), "half a processor takes twice as long");
    }

    #[test]
    fn what_a_stopped_worker_had_under_way_takes_no_time_any_more() {
        let mut worker = Worker::new(1.0);
        worker.reserve(0, 100);
        worker.stop(30);
        assert_eq!(worker.busy(1_000), 30);
        assert_eq!(worker.reserve(40, 10), (40, 50));
    }
}
