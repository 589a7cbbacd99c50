//! What ordering an item's records by their sequence numbers comes to, in a last-writer-wins copy.
//!
//! A stream numbers records as they are put (KDS-H7). Whoever orders by these numbers undoes what happened to the order
//! after the put, and nothing that happened before it: a change that was put late has a late number. Two ways are followed:
//!
//! * *compare sequence numbers*: a record is applied unless one with a higher number was;
//! * *sequence buffer*: every record waits, and those of its item that wait are applied by their numbers. The buffer sought is the
//!   smallest after which an item's records have the order of their numbers.
//!
//! A record's number within its item is told by its arrival in the shard. Records of one item that arrive within one microsecond are
//! those that waited for each other, so that they were put as they were created.

use super::processed::Handled;
use crate::engine::histogram::Histogram;
use crate::systems::kinesis::log::Micros;

/// What orders the records of one item: when one arrived in its shard, and when it was created.
pub type Number = (Micros, Micros);

/// What it came to, over the items that were followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BySequence {
    /// Measured late records that comparing keeps from the copy.
    pub kept_out: u64,
    /// Items whose copy does not end with their newest change, with either way.
    pub wrong: u64,
    /// How long copies that compare had an older state, where that ended; microseconds.
    pub stale_micros: Histogram,
    /// By how much measured records were late against the order of their numbers: from the first higher number to their own
    /// arrival, microseconds.
    pub lateness: Histogram,
    /// Measured late records that come before all newer changes of their item in the order of their numbers.
    pub sorted: u64,
}

impl BySequence {
    /// What a reader finds that meets records in the order of their numbers: all that applying everything leaves wrong.
    pub fn in_order(wrong: u64, stale_micros: &Histogram) -> Self {
        Self { wrong, stale_micros: stale_micros.clone(), ..Self::default() }
    }

    /// Adds another replication's counts.
    pub fn merge(&mut self, other: &Self) {
        self.kept_out += other.kept_out;
        self.wrong += other.wrong;
        self.sorted += other.sorted;
        self.stale_micros.merge(&other.stale_micros);
        self.lateness.merge(&other.lateness);
    }

    /// The smallest buffer that restores the order of the numbers, at the histogram's resolution of 0.2 %.
    pub fn smallest_window(&self) -> Micros {
        self.lateness.cover(self.lateness.count()).map_or(0, |(window, _)| window)
    }
}

/// The copy of one item that compares sequence numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Copy {
    /// The highest number, and when its change was first processed.
    highest: (Number, Micros),
    /// Since when it has an older state, and whether that is measured.
    stale: Option<(Micros, bool)>,
}

impl Copy {
    /// A record is processed whose number is not the highest of its item: since when that is so, of changes that were processed.
    pub fn behind(&self, number: Number, changes: impl Iterator<Item = (Number, Micros)>) -> Option<Micros> {
        let (highest, first) = self.highest;
        let since = || changes.filter(|(other, _)| *other > number).map(|(_, first)| first).min();
        (number < highest).then(|| since().unwrap_or(first).min(first))
    }

    /// A record is processed, of an item whose newest change so far was created at `newest`.
    pub fn note(&mut self, handled: &Handled, newest: Micros, by: &mut BySequence) {
        let Handled { created, done, arrived, counted, .. } = *handled;
        let number = (arrived, created);
        if number > self.highest.0 {
            self.highest = (number, done);
        } else if number < self.highest.0 && counted && created < newest {
            by.kept_out += 1;
        }
        let applied = self.highest.0.1;
        match self.stale {
            None if applied < newest => self.stale = Some((done, counted)),
            Some((since, counted)) if applied == newest => {
                if counted {
                    by.stale_micros.record(done - since);
                }
                self.stale = None;
            }
            _ => {}
        }
    }

    /// Nothing more comes.
    pub fn end(&self, by: &mut BySequence) {
        by.wrong += u64::from(self.stale.is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::{Draws, Streams};
    use crate::measure::ordering::Cause;
    use crate::measure::processed::Processed;
    use crate::measure::repair::Repairs;

    /// Records of one item in the order of their processing: each when created, its number, when processed.
    fn records(draws: &mut Draws, before: u64, after: u64) -> Vec<Handled> {
        let mut all: Vec<Handled> = (1..=60)
            .map(|at| {
                let created = at * 100;
                let arrived = created + 1 + draws.below(before);
                let done = arrived + 1 + draws.below(after);
                Handled { key: 0, created, done, arrived, again: None, cause: Cause::Queue, counted: true }
            })
            .collect();
        all.sort_by_key(|it| (it.done, it.arrived));
        // No two numbers and no two moments are the same.
        all.dedup_by_key(|it| it.done);
        let mut numbers: Vec<Micros> = all.iter().map(|it| it.arrived).collect();
        numbers.sort_unstable();
        numbers.dedup();
        all.retain(|it| numbers.binary_search(&it.arrived).map(|place| numbers.remove(place)).is_ok());
        all
    }

    fn observed(all: &[Handled]) -> Repairs {
        let mut processed = Processed::new(1, 1);
        all.iter().for_each(|handled| processed.note(handled));
        processed.finish().repairs
    }

    /// What a buffer of this window applies, in its order, done one record at a time.
    fn buffered(all: &[Handled], window: Micros) -> Vec<Handled> {
        let (mut waiting, mut applied): (Vec<Handled>, Vec<Handled>) = (vec![], vec![]);
        let release = |waiting: &mut Vec<Handled>, applied: &mut Vec<Handled>, now: Micros| {
            while let Some(due) = waiting.iter().filter(|it| it.done + window < now).map(|it| it.done).min() {
                waiting.sort_by_key(|it| it.arrived);
                let place = waiting.iter().position(|it| it.done == due).unwrap();
                applied.extend(waiting.drain(..=place));
            }
        };
        for handled in all {
            release(&mut waiting, &mut applied, handled.done);
            waiting.push(*handled);
        }
        release(&mut waiting, &mut applied, Micros::MAX);
        applied
    }

    /// When those records were created that are applied over a newer state, and whether the last state is wrong.
    fn harmful(applied: &[Handled]) -> (Vec<Micros>, u64) {
        let mut newest = 0;
        let mut harmful = Vec::new();
        for handled in applied {
            if handled.created < newest {
                harmful.push(handled.created);
            }
            newest = newest.max(handled.created);
        }
        (harmful, u64::from(applied.last().is_some_and(|it| it.created < newest)))
    }

    /// Against a buffer that is played: disorder before the put, after it, and both.
    #[test]
    fn the_smallest_buffer_restores_the_order_of_the_numbers_and_a_smaller_one_does_not() {
        let mut draws = Streams::new(7, 0).named("sequence");
        let (mut sorted, mut left, mut wrong) = (0, 0, 0);
        for round in 0..400 {
            let (before, after) = [(1, 900), (900, 1), (400, 700), (60, 60)][round % 4];
            let all = records(&mut draws, before, after);
            let repairs = observed(&all);
            let by = &repairs.by_sequence;
            let mut in_order = all.clone();
            in_order.sort_by_key(|it| it.arrived);
            let moments = |all: &[Handled]| all.iter().map(|it| it.created).collect::<Vec<_>>();
            let window = by.smallest_window();
            assert_eq!(moments(&buffered(&all, window)), moments(&in_order), "{round}: {window}");
            if window > 2 {
                let smaller = buffered(&all, window - window / 100 - 2);
                assert_ne!(moments(&smaller), moments(&in_order), "{round}: {window}");
            }
            let (late, _) = harmful(&all);
            let (harms, ends_wrong) = harmful(&in_order);
            assert_eq!(by.sorted, late.iter().filter(|it| !harms.contains(it)).count() as u64, "{round}");
            assert_eq!(by.wrong, ends_wrong, "{round}");
            let mut highest = 0;
            let newer = |it: &&Handled| {
                let applied = it.arrived >= highest;
                highest = highest.max(it.arrived);
                applied
            };
            let compared: Vec<Handled> = all.iter().filter(newer).copied().collect();
            let kept_out = late.iter().filter(|it| !moments(&compared).contains(it)).count() as u64;
            assert_eq!(by.kept_out, kept_out, "{round}");
            (sorted, left, wrong) = (sorted + by.sorted, left + repairs.late - by.sorted, wrong + by.wrong);
        }
        assert!(sorted > 1_000 && left > 1_000 && wrong > 10, "{sorted} {left} {wrong}");
    }

    /// Disorder after the put alone is undone whole, and disorder before it not at all.
    #[test]
    fn kds_h7_sequence_numbers_tell_the_order_of_the_puts_and_no_other() {
        let mut draws = Streams::new(8, 0).named("sequence");
        for _ in 0..50 {
            let after = observed(&records(&mut draws, 1, 900));
            let by = &after.by_sequence;
            assert_eq!((by.kept_out, by.sorted, by.wrong), (after.late, after.late, 0));
            let before = observed(&records(&mut draws, 900, 1));
            let by = &before.by_sequence;
            assert!(before.late > 0 && by.smallest_window() == 0);
            assert_eq!(*by, BySequence::in_order(before.wrong[0], &before.stale_micros[0]));
        }
    }
}
