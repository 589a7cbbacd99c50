//! What happened to the pipeline itself while it ran: planned events, scaling, splits, refused control calls. Rare things, in
//! words; what happens to single records is counted elsewhere.

use crate::engine::time::Nanos;

/// Entries that are kept; later ones are only counted.
const ENTRIES_MAX: usize = 2_000;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Nanos,
    /// To what: a path such as `kinesis.changes`.
    pub place: String,
    /// What, such as `UpdateShardCount to 24 begins`.
    pub what: String,
    /// The name of the planned event that this is a part of; nothing where the service acted by itself.
    pub event: Option<String>,
}

/// The list of what happened, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    entries: Vec<Entry>,
    /// Entries that came after the list was full.
    left_out: u64,
    refused: Vec<(String, String)>,
}

impl Timeline {
    /// Notes something that followed from the run itself.
    pub fn note(&mut self, at: Nanos, place: &str, what: impl Into<String>) {
        self.enter(at, place, what.into(), None);
    }

    /// Notes a part of a planned event.
    pub fn planned(&mut self, at: Nanos, place: &str, what: impl Into<String>, event: &str) {
        self.enter(at, place, what.into(), Some(event.to_owned()));
    }

    /// Notes that a planned event was refused, and why.
    pub fn refused(&mut self, at: Nanos, place: &str, why: &str, event: &str) {
        self.planned(at, place, format!("refused: {why}"), event);
        self.refused.push((event.to_owned(), why.to_owned()));
    }

    /// Planned events that were refused, by name, and why.
    pub fn refusals(&self) -> &[(String, String)] {
        &self.refused
    }

    fn enter(&mut self, at: Nanos, place: &str, what: String, event: Option<String>) {
        if self.entries.len() == ENTRIES_MAX {
            self.left_out += 1;
        } else {
            self.entries.push(Entry { at, place: place.to_owned(), what, event });
        }
    }

    /// Enters what was found out later, each entry at its time, after what is there at the same time.
    pub fn merge(&mut self, entries: Vec<Entry>) {
        self.entries.extend(entries);
        self.entries.sort_by_key(|entry| entry.at);
        self.left_out += self.entries.len().saturating_sub(ENTRIES_MAX) as u64;
        self.entries.truncate(ENTRIES_MAX);
    }

    /// What was kept.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How much more happened.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_longer_fits_is_counted() {
        let mut timeline = Timeline::default();
        (0..ENTRIES_MAX as u64 + 3).for_each(|at| timeline.note(at, "kinesis.changes", "split"));
        assert_eq!((timeline.entries().len(), timeline.left_out()), (ENTRIES_MAX, 3));
    }
}
