//! The last-writer-wins copies of one item that several ways to repair order and duplicates lead to.

use super::repair::{Repairs, WINDOWS};
use crate::systems::kinesis::log::Micros;

const NONE: usize = 0;
const COMPARE: usize = 2;

/// A change that arrives although a newer one of its item has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Late {
    /// When the table accepted it.
    pub created: Micros,
    /// When it arrived.
    pub arrived: Micros,
    /// Whether it had arrived before.
    pub repeats: bool,
    /// When the first newer one arrived.
    pub since: Micros,
    /// When the next one after it was created, of those that have arrived.
    pub above: Micros,
    /// When the newest one was created, and when it arrived last.
    pub newest: (Micros, Micros),
    /// Whether it is measured.
    pub counted: bool,
}

/// What is wrong with the copies of one item.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Copies {
    /// Since when a copy has had an older state, by plain strategy, and whether that is measured.
    stale: [Option<(Micros, bool)>; 3],
    /// Buffers shorter than this have applied an older change last; [`Micros::MAX`]: all have.
    buffers_below: Micros,
}

impl Copies {
    /// Whether all of them have the newest state.
    pub fn are_right(&self) -> bool {
        self.stale.iter().all(Option::is_none) && self.buffers_below == 0
    }

    /// A newer change than any before puts every copy right.
    pub fn advance(&mut self, arrived: Micros, repairs: &mut Repairs) {
        (0..3).for_each(|which| self.heal(which, arrived, repairs));
        self.buffers_below = 0;
    }

    /// The newest change once more: whoever applies it is right again.
    pub fn newest_again(&mut self, arrived: Micros, repairs: &mut Repairs) {
        self.heal(NONE, arrived, repairs);
        self.heal(COMPARE, arrived, repairs);
        self.buffers_below = 0;
    }

    /// A late change, of a source whose creation times are cut to `precision`.
    pub fn fall_behind(&mut self, late: &Late, precision: Micros, repairs: &mut Repairs) {
        let cut = |time: Micros| time / precision;
        let ignored = cut(late.created) < cut(late.newest.0);
        let applied = [true, !late.repeats, !ignored];
        for (stale, _) in self.stale.iter_mut().zip(applied).filter(|(_, applied)| *applied) {
            stale.get_or_insert((late.arrived, late.counted));
        }
        let below = if ignored { late.arrived - late.newest.1 } else { Micros::MAX };
        self.buffers_below = self.buffers_below.max(below);
        if !late.counted {
            return;
        }
        repairs.late += 1;
        for (kept_out, applied) in repairs.kept_out.iter_mut().zip(applied) {
            *kept_out += u64::from(!applied);
        }
        if cut(late.created) < cut(late.above) {
            let lateness = late.arrived - late.since;
            repairs.lateness.record(lateness);
            for (within, window) in repairs.within.iter_mut().zip(WINDOWS) {
                *within += u64::from(lateness <= window);
            }
        }
    }

    /// Nothing more comes: counts the copies that are wrong now.
    pub fn end(&self, repairs: &mut Repairs) {
        for (wrong, stale) in repairs.wrong.iter_mut().zip(self.stale) {
            *wrong += u64::from(stale.is_some());
        }
        if self.buffers_below > 0 {
            repairs.wrong_below.push(self.buffers_below);
        }
    }

    fn heal(&mut self, which: usize, now: Micros, repairs: &mut Repairs) {
        if let Some((since, true)) = self.stale[which].take() {
            repairs.stale_micros[which].record(now - since);
        }
    }
}
