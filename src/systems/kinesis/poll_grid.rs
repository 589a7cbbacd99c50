//! The clock of a polling reader: on each shard it calls GetRecords at fixed moments, as long as the shard refuses none.
//!
//! Clocks that are exact never meet anew: against a limit that is exact too, whoever comes first of a second's calls would
//! do so for ever, and somebody else never. Real readers wait an interval after the reply, and not as long again after a
//! refusal as others do. So after a refused call, and on a shard that has refused some, a clock starts again from the last
//! call; elsewhere that would change nothing but where in the interval it stands.

use crate::engine::random::{Draws, Keyed, Streams};
use crate::engine::time::{MILLISECOND, Nanos};
use crate::settings::parameter::Parameter;

/// Times of OWN-8 in milliseconds, each in one place: the clock counts with them, and the report names them.
macro_rules! own_8_ms {
    (refused_wait) => {
        200
    };
    (call_min) => {
        5
    };
    (call_max) => {
        30
    };
}

/// The wait after a refused call.
pub const REFUSED_WAIT: Parameter = Parameter::assumed(
    "OWN-8",
    "refused_wait",
    "mean wait before a refused GetRecords call is tried again; half as long to one and a half times as long",
    concat!(own_8_ms!(refused_wait), "ms"),
    "a shard earns one call in 200 ms (KDS-R1)",
);
/// What a call takes from the clock of a reader whose shard refuses calls.
pub const CALL_TIME: Parameter = Parameter::built_in(
    "OWN-8",
    "where a shard has refused calls of late: from a GetRecords call until its reader counts its interval again",
    concat!(own_8_ms!(call_min), " to ", own_8_ms!(call_max), "ms, all equally likely"),
    "readers wait an interval after the reply, which takes as long; clocks that are exact would refuse one reader for ever",
);

/// The wait after a refused call, on the average, where no setting names another one (OWN-8, FH-S7).
pub const USUAL_REFUSED_WAIT: Nanos = own_8_ms!(refused_wait) * MILLISECOND;
/// The shortest time that a call on a shard which refuses some takes from its reader's clock (OWN-8).
const CALL_MIN: Nanos = own_8_ms!(call_min) * MILLISECOND;
/// The longest one.
const CALL_MAX: Nanos = own_8_ms!(call_max) * MILLISECOND;

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
    /// The wait before a refused call is tried again, on the average; half as long to one and a half times as long (OWN-8).
    pub refused_wait: Nanos,
}

impl PollPlan {
    /// A clock with the usual wait after a refused call.
    pub fn new(interval: Nanos, phase: PollPhase) -> Self {
        Self { interval, phase, refused_wait: USUAL_REFUSED_WAIT }
    }

    /// The clock over `shards` shards of the reader at `path`, such as `consumers.search`.
    pub fn grid(&self, shards: usize, draws: &Streams, path: &str) -> PollGrid {
        let mut grid = PollGrid {
            interval: self.interval,
            phases: Vec::new(),
            rule: Some((self.phase, draws.named(&format!("{path}.polls")))),
            refused_wait: self.refused_wait,
            chance: draws.keyed(&format!("{path}.refused")),
        };
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
    refused_wait: Nanos,
    /// Draws for what a call on a shard that refuses some does to the clock, by its time and shard.
    chance: Keyed,
}

impl PollGrid {
    /// A grid for as many shards as there are phases; `interval` is not zero.
    pub fn new(interval: Nanos, phases: Vec<Nanos>) -> Self {
        debug_assert!(interval > 0, "polls need time between them");
        let chance = Streams::new(0, 0).keyed("polls.refused");
        Self { interval, phases, rule: None, refused_wait: USUAL_REFUSED_WAIT, chance }
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

    /// When a call that was refused at `now` is made again: neither the next moment of this clock nor that of another
    /// reader's, so that it is not refused by the same calls for ever (OWN-8).
    pub fn after_refusal(&self, now: Nanos, shard: usize) -> Nanos {
        let jitter = 0.5 + self.chance.unit(now, shard as u32);
        now + (self.refused_wait as f64 * jitter) as Nanos + 1
    }

    /// How long a call that was admitted at `now` takes, where its reader's next one is an interval after its reply (OWN-8).
    pub fn call_time(&self, now: Nanos, shard: usize) -> Nanos {
        CALL_MIN + (self.chance.unit(now, shard as u32) * (CALL_MAX - CALL_MIN) as f64) as Nanos
    }

    /// Goes on from a poll at `at`.
    pub fn restart(&mut self, shard: usize, at: Nanos) {
        self.phases[shard] = at;
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
