//! A scheduled event and its order.

use crate::engine::time::{END_OF_TIME, Nanos};
use std::hint::select_unpredictable;

/// A scheduled event in 16 bytes: 56 bits of time, 8 of rank, 32 of insertion number, 32 of handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event(u128);

impl Event {
    /// Not later than any event.
    pub(super) const FIRST: Self = Self(0);
    /// Later than any event.
    pub(super) const NEVER: Self = Self(u128::MAX);

    #[inline]
    pub(super) fn new(time: Nanos, rank: u8, sequence: u32, handle: u32) -> Self {
        debug_assert!(time <= END_OF_TIME, "an event lies within 834 days");
        let high = (time << 8) | u64::from(rank);
        let low = (u64::from(sequence) << 32) | u64::from(handle);
        Self((u128::from(high) << 64) | u128::from(low))
    }

    /// When it happens.
    #[inline]
    pub fn time(self) -> Nanos {
        (self.0 >> 72) as Nanos
    }

    /// Time and rank as one number.
    #[inline]
    pub(super) fn key(self) -> u64 {
        (self.0 >> 64) as u64
    }

    /// The rank of its kind: at equal times, lower ranks go first.
    #[inline]
    pub fn rank(self) -> u8 {
        (self.0 >> 64) as u8
    }

    /// What it is about; its meaning belongs to the kind.
    #[inline]
    pub fn handle(self) -> u32 {
        self.0 as u32
    }

    /// One of two, without a guess at which.
    #[inline]
    pub(super) fn select(first: bool, one: Self, other: Self) -> Self {
        let high = select_unpredictable(first, one.key(), other.key());
        let low = select_unpredictable(first, one.0 as u64, other.0 as u64);
        Self((u128::from(high) << 64) | u128::from(low))
    }

    /// The same with another insertion number.
    pub(super) fn with_sequence(self, sequence: u32) -> Self {
        Self::new(self.time(), self.rank(), sequence, self.handle())
    }
}
