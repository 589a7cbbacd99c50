//! What does not get further by itself at one place, by fate and cause, and when: losses, and what is set aside.

use crate::engine::time::{MINUTE, Nanos};

/// Losses that are no further from each other than this are one spell.
const QUIET: Nanos = MINUTE;

/// From the first to the last loss of each spell, in order of time, however they come: losses are often found out later. Each note is
/// O(log n); there is at most one spell a minute of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Spells(Vec<(Nanos, Nanos)>);

impl Spells {
    fn note(&mut self, (first, last): (Nanos, Nanos)) {
        let from = self.0.partition_point(|(_, before)| before.saturating_add(QUIET) < first);
        let to = self.0.partition_point(|(after, _)| *after <= last.saturating_add(QUIET));
        let joined = self.0[from..to].iter();
        let one = joined.fold((first, last), |one, other| (one.0.min(other.0), one.1.max(other.1)));
        self.0.splice(from..to, [one]);
    }
}

/// Records that met one fate for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toll {
    /// The ledger's fate.
    pub fate: &'static str,
    /// Why.
    pub cause: &'static str,
    /// How many.
    pub records: u64,
    spells: Spells,
    /// Until when the first of them can still be read where they came from, of those that are kept as pointers only.
    pub readable_until: Option<Nanos>,
}

impl Toll {
    /// When the first of them was lost.
    pub fn first(&self) -> Nanos {
        self.began().next().unwrap_or(0)
    }

    /// When the last one was.
    pub fn last(&self) -> Nanos {
        self.spells.0.last().map_or(0, |(_, last)| *last)
    }

    /// When they began to be lost, and when they began again after a minute or more without: in order.
    pub fn began(&self) -> impl ExactSizeIterator<Item = Nanos> {
        self.spells.0.iter().map(|(first, _)| *first)
    }

    fn read_by(&mut self, until: Option<Nanos>) {
        self.readable_until = self.readable_until.into_iter().chain(until).min();
    }

    /// When the first one was lost between two moments, both included: to a minute where losses went on from before.
    pub fn first_within(&self, from: Nanos, until: Nanos) -> Option<Nanos> {
        let spell = self.spells.0.iter().find(|(_, last)| *last >= from)?;
        Some(spell.0.max(from)).filter(|first| *first <= until)
    }
}

/// All that does not get further by itself at one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tolls(Vec<Toll>);

impl Tolls {
    /// Notes records that met this fate for this reason.
    #[cold]
    pub fn note(&mut self, now: Nanos, (fate, cause): (&'static str, &'static str), records: u64) {
        self.note_span((now, now), (fate, cause), records);
    }

    /// The same of records that went one after the other from the first of these moments to the last.
    #[cold]
    pub fn note_span(
        &mut self,
        span: (Nanos, Nanos),
        (fate, cause): (&'static str, &'static str),
        records: u64,
    ) {
        if records > 0 {
            let toll = self.of(fate, cause);
            toll.records += records;
            toll.spells.note(span);
        }
    }

    /// Adds what was noted elsewhere of the same place.
    pub fn add(&mut self, other: &Self) {
        for it in &other.0 {
            let toll = self.of(it.fate, it.cause);
            toll.records += it.records;
            it.spells.0.iter().for_each(|span| toll.spells.note(*span));
            toll.read_by(it.readable_until);
        }
    }

    /// Notes records of which only pointers are kept: the first of them can be read where it came from until this moment.
    #[cold]
    pub fn note_pointers(
        &mut self,
        now: Nanos,
        what: (&'static str, &'static str),
        (records, until): (u64, Nanos),
    ) {
        self.note(now, what, records);
        self.of(what.0, what.1).read_by(Some(until));
    }

    fn of(&mut self, fate: &'static str, cause: &'static str) -> &mut Toll {
        let place = self.0.iter().position(|toll| (toll.fate, toll.cause) == (fate, cause));
        let place = place.unwrap_or_else(|| {
            self.0.push(Toll { fate, cause, records: 0, spells: Spells::default(), readable_until: None });
            self.0.len() - 1
        });
        &mut self.0[place]
    }

    /// By fate and cause, in the order in which each began to be noted.
    pub fn all(&self) -> &[Toll] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::{END_OF_TIME, SECOND};

    /// Two spells, 10 to 11 min and 30 min; what began before a span goes on at its beginning.
    #[test]
    fn the_first_loss_within_a_span_is_found_by_spell() {
        let mut tolls = Tolls::default();
        let what = ("discarded", "too old");
        for at in [10 * MINUTE, 10 * MINUTE + 30 * SECOND, 11 * MINUTE, 30 * MINUTE] {
            tolls.note(at, what, 5);
        }
        tolls.note(12 * MINUTE, ("discarded", "retries used up"), 1);
        let [old, used_up] = tolls.all() else { panic!("two causes") };
        assert_eq!((old.records, old.first(), old.last()), (20, 10 * MINUTE, 30 * MINUTE));
        assert_eq!(old.first_within(0, 60 * MINUTE), Some(10 * MINUTE));
        assert_eq!(old.first_within(10 * MINUTE + SECOND, 60 * MINUTE), Some(10 * MINUTE + SECOND));
        assert_eq!(old.first_within(12 * MINUTE, 60 * MINUTE), Some(30 * MINUTE));
        assert_eq!(old.first_within(12 * MINUTE, 20 * MINUTE), None);
        assert_eq!((used_up.records, used_up.first()), (1, 12 * MINUTE));
    }

    /// Spells of two moments half a minute apart, ten minutes from one to the next: however many there are and in whatever order they
    /// become known, each has its own beginning; what fills the time between two of them makes them one.
    #[test]
    fn spells_are_those_of_the_moments_whatever_their_order() {
        const COUNT: u64 = 1_000;
        let moments = (0..2 * COUNT).map(|n| n / 2 * 10 * MINUTE + n % 2 * 30 * SECOND);
        let moments: Vec<Nanos> = moments.collect();
        // 7 has no divisor in common with their number: each comes once.
        let shuffled = (0..moments.len()).map(|n| moments[n * 7 % moments.len()]);
        let orders: [Vec<Nanos>; 3] =
            [moments.clone(), moments.iter().rev().copied().collect(), shuffled.collect()];
        for order in orders {
            let mut tolls = Tolls::default();
            order.iter().for_each(|at| tolls.note(*at, ("discarded", "too old"), 1));
            let began: Vec<Nanos> = tolls.all()[0].began().collect();
            assert_eq!(began, (0..COUNT).map(|n| n * 10 * MINUTE).collect::<Vec<Nanos>>());
            assert_eq!(tolls.all()[0].last(), (COUNT - 1) * 10 * MINUTE + 30 * SECOND);
            assert_eq!(tolls.all()[0].first_within(5_001 * MINUTE, END_OF_TIME), Some(5_010 * MINUTE));
            tolls.note_span((MINUTE, 9 * MINUTE), ("discarded", "too old"), 9);
            assert_eq!(
                (tolls.all()[0].began().len() as u64, tolls.all()[0].records),
                (COUNT - 1, 2 * COUNT + 9)
            );
        }
    }
}
