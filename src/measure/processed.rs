//! Order and duplicates of what one consumer processes, in the order in which its processing ends, item by item.
//!
//! Only consumers that can process a record again, or out of turn, are followed; what all others process has the order of
//! their stream. Changes of an item are told apart and ordered by the moment at which the table accepted them, and
//! whether one is processed again is known from what made it come again. Counts are of all items; versions, gaps and
//! repairs are of a [`Sample`], of whose items the newest changes are remembered.

use super::copies::{Copies, Late};
use super::ordering::{Cause, Ordering};
use super::repair::Repairs;
use super::sample::Sample;
use super::sequence::{self, BySequence, Number};
use crate::systems::kinesis::log::Micros;
use std::collections::VecDeque;

/// Items that are followed at most.
pub const ITEMS_MAX: usize = 1 << 14;
/// Changes that are remembered of one item. One that comes out of order with a change before these counts as late since the
/// start of the run.
const CHANGES_MAX: usize = 512;

/// A record whose processing ends.
#[derive(Clone, Copy, Debug)]
pub struct Handled {
    /// Its item.
    pub key: u32,
    /// When the table accepted its change.
    pub created: Micros,
    /// When the processing ends.
    pub done: Micros,
    /// When it arrived in its shard, which tells its place in the order of sequence numbers.
    pub arrived: Micros,
    /// Why it comes again, if it was processed before.
    pub again: Option<Cause>,
    /// Why it may be late, if it is processed for the first time.
    pub cause: Cause,
    /// Whether it is measured.
    pub counted: bool,
}

/// A change of an item that was processed.
#[derive(Clone, Copy, Debug)]
struct Change {
    created: Micros,
    /// When it was first processed.
    first: Micros,
    /// When it first arrived in its shard.
    arrived: Micros,
    /// Measured late records of it that sorting by sequence numbers puts right, with all that was processed so far.
    sorted: u32,
}

impl Change {
    fn number(&self) -> Number {
        (self.arrived, self.created)
    }
}

/// An item of the sample.
#[derive(Clone, Debug, Default)]
struct Item {
    /// Its newest changes, by the time of their creation.
    changes: VecDeque<Change>,
    /// Whether older ones are forgotten.
    forgot: bool,
    /// When the newest one was processed last.
    newest_done: Micros,
    copies: Copies,
    by_sequence: sequence::Copy,
}

/// What a consumer has processed.
#[derive(Clone, Debug)]
pub struct Processed {
    /// What creation times are cut to, microseconds.
    precision: Micros,
    /// When each item's newest processed change was created, and one more; 0 before the first.
    newest: Vec<Micros>,
    items: Vec<Item>,
    ordering: Ordering,
    repairs: Repairs,
}

/// What became of order and duplicates at a consumer.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Counts, causes and distances.
    pub ordering: Ordering,
    /// What ways to repair that come to.
    pub repairs: Repairs,
}

impl Outcome {
    /// Adds what another source's records came to.
    pub fn merge(&mut self, other: &Self) {
        self.ordering.merge(&other.ordering);
        self.repairs.merge(&other.repairs);
    }
}

impl Processed {
    /// Nothing yet, of a table with so many items, whose creation times are cut to so many microseconds (KDC-T1, DDS-F2).
    pub fn new(precision: Micros, items: usize) -> Self {
        let repairs = Repairs { sample: Sample::of_at_most(ITEMS_MAX, items), ..Repairs::default() };
        Self { precision, newest: vec![], items: vec![], ordering: Ordering::default(), repairs }
    }

    /// Notes a record whose processing ends; those that end together come in the order in which they were processed.
    pub fn note(&mut self, handled: &Handled) {
        let key = handled.key as usize;
        if key >= self.newest.len() {
            self.newest.resize(key + 1, 0);
        }
        let newest = &mut self.newest[key];
        let lateness = newest.saturating_sub(handled.created + 1);
        *newest = (*newest).max(handled.created + 1);
        if handled.counted {
            self.ordering.records += 1;
            if let Some(cause) = handled.again {
                self.ordering.repeated(cause);
            }
            if lateness > 0 {
                self.ordering.late_after(handled.again.unwrap_or(handled.cause), lateness);
            }
        }
        if let Some(place) = self.repairs.sample.place(handled.key) {
            self.follow(place, handled);
        }
    }

    fn follow(&mut self, place: usize, handled: &Handled) {
        if place >= self.items.len() {
            self.items.resize(place + 1, Item::default());
        }
        let item = &mut self.items[place];
        let Handled { created, done, counted, .. } = *handled;
        let from = item.changes.partition_point(|change| change.created < created);
        let above = item.changes.partition_point(|change| change.created <= created);
        let before = item.changes.get(from).filter(|_| from < above).copied();
        // The first of two copies may be the one that is marked as such, if it passed the other: then nothing is there.
        let repeats = handled.again.is_some() && (before.is_some() || item.forgot && from == 0);
        if let (true, true, Some(before)) = (repeats, counted, before) {
            self.ordering.duplicate_micros.record(done - before.first);
        }
        if above < item.changes.len() {
            let newer = item.changes.range(above..);
            let since = newer.map(|change| change.first).min().unwrap_or_default();
            let late = Late {
                created,
                arrived: done,
                repeats,
                since: if item.forgot && above == 0 { 0 } else { since },
                above: item.changes[above].created,
                newest: (item.changes.back().map_or(0, |newest| newest.created), item.newest_done),
                counted,
            };
            item.copies.fall_behind(&late, self.precision, &mut self.repairs);
            if counted {
                self.ordering.distance_records.record((item.changes.len() - above) as u64);
            }
        } else {
            match repeats {
                true => item.copies.newest_again(done, &mut self.repairs),
                false => item.copies.advance(done, &mut self.repairs),
            }
            item.newest_done = done;
        }
        let sorted = item.sort(above, handled, &mut self.repairs.by_sequence);
        let newest = item.changes.back().map_or(0, |newest| newest.created).max(created);
        item.by_sequence.note(handled, newest, &mut self.repairs.by_sequence);
        if repeats {
            if let Some(change) = item.changes.get_mut(from).filter(|_| from < above) {
                change.arrived = change.arrived.min(handled.arrived);
                change.sorted += sorted;
            }
        } else {
            item.changes.insert(above, Change { created, first: done, arrived: handled.arrived, sorted });
            if item.changes.len() > CHANGES_MAX {
                item.changes.pop_front();
                item.forgot = true;
            }
        }
    }

    /// What it came to. States are compared with the newest change that was processed: one that never was is lost, not out of
    /// order.
    pub fn finish(mut self) -> Outcome {
        for item in self.items.iter().filter(|item| !item.changes.is_empty()) {
            self.repairs.items += 1;
            item.copies.end(&mut self.repairs);
            item.by_sequence.end(&mut self.repairs.by_sequence);
        }
        self.repairs.wrong_below.sort_unstable();
        Outcome { ordering: self.ordering, repairs: self.repairs }
    }
}

impl Item {
    /// What sorting by sequence numbers makes of a record, of whose item the changes from `above` on are newer: 1 if it is late and
    /// comes before those then. Older changes that do no longer come before it are not put right.
    fn sort(&mut self, above: usize, handled: &Handled, by: &mut BySequence) -> u32 {
        let Handled { done, counted, .. } = *handled;
        let number = (handled.arrived, handled.created);
        let numbers = self.changes.iter().map(|change| (change.number(), change.first));
        if let Some(since) = self.by_sequence.behind(number, numbers) {
            if counted {
                by.lateness.record(done - since);
            }
            for older in self.changes.range_mut(..above).filter(|older| older.number() > number) {
                by.sorted -= u64::from(std::mem::take(&mut older.sorted));
            }
        }
        let mut newer = self.changes.range(above..).peekable();
        let sorted = counted && newer.peek().is_some() && newer.all(|newer| newer.number() > number);
        by.sorted += u64::from(sorted);
        u32::from(sorted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handled(created: Micros, done: Micros, again: Option<Cause>) -> Handled {
        Handled { key: 0, created, done, arrived: done, again, cause: Cause::Queue, counted: true }
    }

    fn outcome(all: &[Handled]) -> Outcome {
        let mut processed = Processed::new(1, 1);
        all.iter().for_each(|handled| processed.note(handled));
        processed.finish()
    }

    /// A batch of three changes of one item fails at the third and is given again: the first one is then behind the second, and
    /// the second puts the copy right, unless second arrivals are dropped, where nothing was wrong. Sequence numbers tell all of it.
    #[test]
    fn lam_e1_a_batch_that_comes_again_repeats_and_reorders_and_ends_right() {
        let again = Some(Cause::BatchRetry);
        let of_stream = |handled: Handled| Handled { arrived: handled.created + 3, ..handled };
        let Outcome { ordering, repairs } = outcome(
            &[
                handled(10, 100, None),
                handled(20, 100, None),
                handled(10, 300, again),
                handled(20, 300, again),
                handled(30, 300, None),
            ]
            .map(of_stream),
        );
        assert_eq!((ordering.records, ordering.duplicates, ordering.late()), (5, 2, 1));
        assert_eq!(ordering.repeats[Cause::BatchRetry as usize], 2);
        assert_eq!(ordering.out_of_order[Cause::BatchRetry as usize], 1);
        assert_eq!((ordering.duplicate_micros.count(), ordering.duplicate_micros.max()), (2, 200));
        assert_eq!((repairs.items, repairs.wrong, repairs.late), (1, [0; 3], 1));
        assert_eq!(repairs.kept_out, [0, 1, 1]);
        // It came 200 µs after the first newer one: so long a buffer has to wait.
        assert_eq!(repairs.smallest_window(10_000), Some((200, 1)));
        let by = &repairs.by_sequence;
        assert_eq!((by.kept_out, by.sorted, by.wrong, by.smallest_window()), (1, 1, 0, 200));
    }

    /// The older of two changes is done last: only a comparison of times, or a buffer of their distance, ends right.
    #[test]
    fn sqs_1_an_overtaken_change_that_ends_last_leaves_a_wrong_state() {
        let Outcome { ordering, repairs } = outcome(&[handled(20, 100, None), handled(10, 150, None)]);
        assert_eq!((ordering.late(), ordering.duplicates), (1, 0));
        assert_eq!((ordering.distance_records.max(), ordering.distance_micros.max()), (1, 10));
        assert_eq!(repairs.wrong, [1, 1, 0]);
        assert_eq!((repairs.wrong_with(49), repairs.wrong_with(50)), (1, 0));
    }

    /// The same records, each as its own arrival at a feed, lead to the same repairs there.
    #[test]
    fn what_comes_out_of_order_is_repaired_as_at_a_feed() {
        use crate::measure::repair::{Arrival, Repair};
        // A permutation by a multiplier coprime to the number of records.
        let records = 97_u64;
        let order: Vec<u64> = (0..records).map(|place| (place * 31) % records).collect();
        let mut repair = Repair::new(1, Sample::default());
        let mut newest = 0;
        let mut all = Vec::new();
        for (place, version) in order.into_iter().enumerate() {
            let (version, created, arrived) =
                (version as u32 + 1, 10 * version + 10, 1_000 + place as u64 * 7);
            repair.note(&Arrival { key: 0, version, newest, created, arrived, twice: false, counted: true });
            newest = newest.max(version);
            all.push(handled(created, arrived, None));
        }
        assert_eq!(repair.finish(), outcome(&all).repairs);
    }

    #[test]
    fn changes_before_those_that_are_remembered_are_late_since_the_start() {
        let mut all: Vec<Handled> = (1..=600).map(|at| handled(at * 10, at * 10, None)).collect();
        all.push(handled(15, 7_000, None));
        let Outcome { repairs, ordering } = outcome(&all);
        assert_eq!((repairs.lateness.count(), repairs.lateness.max()), (1, 7_000));
        assert_eq!(ordering.distance_micros.max(), 6_000 - 15);
    }
}
