//! The clock of a polling reader: on each shard it calls GetRecords at fixed moments.

use crate::engine::random::Draws;
use crate::engine::time::{Nanos, SECOND};

/// When a reader's clock starts on each shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollPhase {
    /// Anywhere within the first interval, drawn for each shard.
    Random,
    /// Shard after shard, this much apart.
    Staggered(Nanos),
}

/// A polling clock as the scenario describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollPlan {
    /// Time between two polls of one shard; not zero.
    pub interval: Nanos,
    /// Where the clock starts.
    pub phase: PollPhase,
}

impl PollPlan {
    /// The clock over `shards` shards.
    pub fn grid(&self, shards: usize, draws: Draws) -> PollGrid {
        let mut grid =
            PollGrid { interval: self.interval, phases: Vec::new(), rule: Some((self.phase, draws)) };
        grid.extend(shards);
        grid
    }
}

/// Poll moments `phase + n * interval`, with one phase a shard.
#[derive(Clone, Debug)]
pub struct PollGrid {
    interval: Nanos,
    phases: Vec<Nanos>,
    /// Where the clock starts on shards to come, with the draws for it.
    rule: Option<(PollPhase, Draws)>,
}

impl PollGrid {
    /// A grid for as many shards as there are phases; `interval` is not zero.
    pub fn new(interval: Nanos, phases: Vec<Nanos>) -> Self {
        debug_assert!(interval > 0, "polls need time between them");
        Self { interval, phases, rule: None }
    }

    /// Makes room for shards up to this many; where no rule is known, new ones start with the interval.
    pub fn extend(&mut self, shards: usize) {
        for shard in self.phases.len()..shards {
            self.phases.push(match &mut self.rule {
                Some((PollPhase::Random, draws)) => draws.below(self.interval),
                Some((PollPhase::Staggered(step), _)) => shard as u64 * *step,
                None => 0,
            });
        }
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

    /// The first poll at or after `now` of a shard that has one at `known`, which is not after `now`. Nearly always that
    /// is the next one, and needs no division.
    #[inline]
    pub fn at_or_after_known(&self, known: Nanos, now: Nanos) -> Nanos {
        known + self.polls_between(known, now) * self.interval
    }

    /// How many polls a shard has from `known`, which is one of them, to before `now`.
    #[inline]
    pub fn polls_between(&self, known: Nanos, now: Nanos) -> u64 {
        let span = now.saturating_sub(known);
        if span <= self.interval { u64::from(span > 0) } else { span.div_ceil(self.interval) }
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
