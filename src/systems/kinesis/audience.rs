//! The readers of one shard: what they share, and where each of them stands.

use super::log::{Cursor, Seated};
use super::read_limit::{ReadBudget, ReadLimits};
use crate::engine::time::Nanos;

/// Later than any poll: a sleeping reader's polls are accounted for, not made.
pub(super) const ASLEEP: Nanos = Nanos::MAX;
/// The next poll of a reader that makes none on a shard: it has not come there, or has come to its end.
pub(super) const NEVER: Nanos = Nanos::MAX;

/// What the readers of one shard share: its limits on reading, and sets of them, one bit for each.
#[derive(Clone, Debug)]
pub(super) struct Audience {
    /// What those that poll may still take.
    pub(super) budget: ReadBudget,
    /// Those that have nothing to read and wait to be woken.
    pub(super) sleepers: u64,
    /// Those that have come to the end.
    pub(super) ended: u64,
    /// Those of them that have also done with what they read here, and turned to the children.
    pub(super) rested: u64,
    /// Those that have given the shard up.
    pub(super) stuck: u64,
    /// Those that have lost records and will find out at their next call.
    pub(super) robbed: u64,
}

impl Audience {
    /// Nobody has come yet.
    pub(super) fn new(limits: &ReadLimits) -> Self {
        Self { budget: ReadBudget::new(limits), sleepers: 0, ended: 0, rested: 0, stuck: 0, robbed: 0 }
    }
}

/// One reader's seat at one shard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    /// Where it stands in the log.
    pub(super) cursor: Cursor,
    /// Its first poll by the clock that is not accounted for, or [`NEVER`].
    pub(super) next_poll: Nanos,
    /// From when on its polls are calls of its own; [`ASLEEP`] while it sleeps.
    pub(super) awake_from: Nanos,
}

impl Seated for Seat {
    #[inline]
    fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    #[inline]
    fn cursor_mut(&mut self) -> &mut Cursor {
        &mut self.cursor
    }
}

/// The positions of the set bits of a word, lowest first.
pub(super) struct BitsOf(pub(super) u64);

impl Iterator for BitsOf {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let position = self.0.trailing_zeros() as usize;
        (self.0 != 0).then(|| {
            self.0 &= self.0 - 1;
            position
        })
    }
}
