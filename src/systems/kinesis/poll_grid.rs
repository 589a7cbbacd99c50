//! The clock of a polling reader: on each shard it calls GetRecords at fixed moments.

use crate::engine::time::{Nanos, SECOND};

/// Poll moments `phase + n * interval`, with one phase a shard.
#[derive(Clone, Debug)]
pub struct PollGrid {
    interval: Nanos,
    phases: Vec<Nanos>,
}

impl PollGrid {
    /// A grid for as many shards as there are phases; `interval` is not zero.
    pub fn new(interval: Nanos, phases: Vec<Nanos>) -> Self {
        debug_assert!(interval > 0, "polls need time between them");
        Self { interval, phases }
    }

    /// Time between two polls of one shard.
    pub fn interval(&self) -> Nanos {
        self.interval
    }

    /// The first poll of a shard.
    pub fn first(&self, shard: usize) -> Nanos {
        self.phases[shard]
    }

    /// The first poll of a shard at or after `now`.
    #[inline]
    pub fn at_or_after(&self, shard: usize, now: Nanos) -> Nanos {
        let phase = self.phases[shard];
        if now <= phase {
            return phase;
        }
        phase + (now - phase).div_ceil(self.interval) * self.interval
    }

    /// Polls a second.
    pub fn per_second(&self) -> f64 {
        SECOND as f64 / self.interval as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_poll_is_on_the_grid_and_not_before_now() {
        let grid = PollGrid::new(1_000, vec![125]);
        let next = |now| grid.at_or_after(0, now);
        assert_eq!(
            [next(0), next(125), next(126), next(1_125), next(9_999)],
            [125, 125, 1_125, 1_125, 10_125]
        );
    }
}
