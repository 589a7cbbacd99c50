//! What a reader does not get by itself, by fate and cause, and when: losses, and what is set aside.

use crate::engine::time::{MINUTE, Nanos};

/// Losses that are closer to each other than this are one spell.
const QUIET: Nanos = MINUTE;
/// Spells that are kept; later ones are counted with the last one.
const SPELLS_MAX: usize = 256;

/// Records that met one fate for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toll {
    /// The ledger's fate.
    pub fate: &'static str,
    /// Why.
    pub cause: &'static str,
    /// How many.
    pub records: u64,
    /// From the first to the last of each spell, in order of time.
    spells: Vec<(Nanos, Nanos)>,
    /// Until when the first of them can still be read where they came from, of those that are kept as pointers only.
    pub readable_until: Option<Nanos>,
}

impl Toll {
    /// When the first of them was lost.
    pub fn first(&self) -> Nanos {
        self.spells.first().map_or(0, |(first, _)| *first)
    }

    /// When the last one was.
    pub fn last(&self) -> Nanos {
        self.spells.iter().map(|(_, last)| *last).max().unwrap_or(0)
    }

    /// When the first one was lost between two moments, both included: to a minute where losses went on from before.
    pub fn first_within(&self, from: Nanos, until: Nanos) -> Option<Nanos> {
        let spell = self.spells.iter().find(|(_, last)| *last >= from)?;
        Some(spell.0.max(from)).filter(|first| *first <= until)
    }

    fn note(&mut self, now: Nanos, records: u64) {
        self.records += records;
        let full = self.spells.len() >= SPELLS_MAX;
        // What retention took is found out later, so moments may come out of their order.
        let next = self.spells.partition_point(|(first, _)| *first <= now);
        let joins = |(_, last): &(Nanos, Nanos)| full || now <= last.saturating_add(QUIET);
        match next.checked_sub(1).filter(|before| joins(&self.spells[*before])) {
            Some(before) => self.spells[before].1 = self.spells[before].1.max(now),
            None => self.spells.insert(next, (now, now)),
        }
    }
}

/// All that one reader does not get by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tolls(Vec<Toll>);

impl Tolls {
    /// Notes records that met this fate for this reason.
    #[cold]
    pub fn note(&mut self, now: Nanos, (fate, cause): (&'static str, &'static str), records: u64) {
        if records > 0 {
            self.of(fate, cause).note(now, records);
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
        let toll = self.of(what.0, what.1);
        toll.readable_until = Some(toll.readable_until.map_or(until, |earlier| earlier.min(until)));
    }

    fn of(&mut self, fate: &'static str, cause: &'static str) -> &mut Toll {
        let place = self.0.iter().position(|toll| (toll.fate, toll.cause) == (fate, cause));
        let place = place.unwrap_or_else(|| {
            self.0.push(Toll { fate, cause, records: 0, spells: Vec::new(), readable_until: None });
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
    use crate::engine::time::SECOND;

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
}
