//! What a last-writer-wins copy of a table would come to under each way to repair order and duplicates.
//!
//! AWS tells consumers to order and to de-duplicate by ApproximateCreationDateTime and key (KDC-3). Four strategies are
//! followed, item by item and exactly, for every item of a [`Sample`]:
//!
//! * *none*: whatever arrives is applied;
//! * *drop duplicates*: the second arrival of a change is not applied;
//! * *compare timestamps*: a record is applied unless it was created before the one applied last, both cut to the feed's
//!   precision. An equal time is applied: otherwise an item changed twice within a millisecond would stay behind even in
//!   perfect order;
//! * *reorder buffer of w*: every record waits for w after its arrival; when one is due, all records of its item that
//!   wait and were created earlier are applied before it. Within equal times the order of arrival stays.
//!
//! What ordering by sequence numbers comes to is told in [`super::sequence`]: of a feed, nothing.
//!
//! The sample is all items unless there are very many, or every record has a delay of its own: then so many records are late that
//! following each of them would cost more than the simulation.
//!
//! A record that follows the item's newest version in the stream leaves all four with the right state, so only items
//! with something out of order are remembered, and a record in order costs a store.

use super::copies::{self, Copies, Late};
use super::sample::Sample;
use super::sequence::BySequence;
use crate::engine::histogram::Histogram;
use crate::systems::kinesis::log::Micros;

/// Strategies without a buffer, in the order of the counters.
pub const PLAIN: [&str; 3] = ["none", "drop_duplicates", "compare_timestamps"];

/// Windows of the buffers that every report shows, microseconds.
pub const WINDOWS: [Micros; 3] = [100_000, 1_000_000, 10_000_000];

/// Items that are followed at most where the feed keeps their order.
pub const ITEMS_MAX: usize = 1 << 20;
/// Items that are followed at most where every record has a delay of its own.
pub const ITEMS_MAX_INDEPENDENT: usize = 1 << 13;

/// Gaps that are remembered of one item. A record of a forgotten gap counts as late since the start of the run.
const GAPS_MAX: usize = 1_024;

/// A record as it joins the stream.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Its item.
    pub key: u32,
    /// The version it makes of the item, from 1.
    pub version: u32,
    /// The newest version in the stream before it.
    pub newest: u32,
    /// When the table accepted it: its ApproximateCreationDateTime in full precision.
    pub created: Micros,
    /// When the shard accepted it.
    pub arrived: Micros,
    /// Whether the feed sends this change twice.
    pub twice: bool,
    /// Whether it is measured.
    pub counted: bool,
}

/// The newest version of an item in the stream.
#[derive(Clone, Copy, Debug, Default)]
struct Newest {
    created: Micros,
    /// When it, or its second copy, arrived last.
    arrived: Micros,
    /// One more than the place of what is open about the item; 0 if nothing is.
    open: u32,
}

/// Versions that have not arrived while a newer one has.
#[derive(Clone, Copy, Debug)]
struct Gap {
    from: u32,
    to: u32,
    /// When the first newer version arrived.
    since: Micros,
    /// When the version after `to` was created.
    above: Micros,
}

/// A change of which one more copy is to come.
#[derive(Clone, Copy, Debug)]
struct Expected {
    version: u32,
    /// When the first newer version arrived, and when the oldest newer one was created; `None` before there is one.
    overtaken: Option<(Micros, Micros)>,
}

/// What is open about one item.
#[derive(Clone, Debug, Default)]
struct Open {
    gaps: Vec<Gap>,
    expected: Vec<Expected>,
    copies: Copies,
}

impl Open {
    fn is_closed(&self) -> bool {
        self.copies.are_right() && self.gaps.is_empty() && self.expected.is_empty()
    }
}

/// What the strategies came to, over the items that were followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repairs {
    /// Which those are.
    pub sample: Sample,
    /// Measured records that came late for their item.
    pub late: u64,
    /// Those that each plain strategy keeps from the copy.
    pub kept_out: [u64; 3],
    /// By how much records were late that a buffer can sort: from the first newer arrival to their own, microseconds.
    pub lateness: Histogram,
    /// Late records that each of [`WINDOWS`] repairs.
    pub within: [u64; 3],
    /// How long copies had an older state, by plain strategy, where that ended; microseconds.
    pub stale_micros: [Histogram; 3],
    /// Items with a change in the stream.
    pub items: u64,
    /// Items whose copy does not end with their newest change in the stream, by plain strategy.
    pub wrong: [u64; 3],
    /// For each item that some buffer leaves wrong, the window from which on it does not; [`Micros::MAX`]: none. Sorted.
    pub wrong_below: Vec<Micros>,
    /// What ordering by sequence numbers comes to.
    pub by_sequence: BySequence,
}

impl Repairs {
    /// Adds another replication's counts.
    pub fn merge(&mut self, other: &Self) {
        self.sample = other.sample;
        self.late += other.late;
        self.items += other.items;
        self.lateness.merge(&other.lateness);
        for which in 0..3 {
            self.kept_out[which] += other.kept_out[which];
            self.within[which] += other.within[which];
            self.wrong[which] += other.wrong[which];
            self.stale_micros[which].merge(&other.stale_micros[which]);
        }
        self.by_sequence.merge(&other.by_sequence);
        self.wrong_below.extend(&other.wrong_below);
        self.wrong_below.sort_unstable();
    }

    /// Items that a buffer of this window leaves in a wrong state.
    pub fn wrong_with(&self, window: Micros) -> u64 {
        (self.wrong_below.len() - self.wrong_below.partition_point(|below| *below <= window)) as u64
    }

    /// The smallest window, at the histogram's resolution of 0.2 %, that repairs this many of 10,000 late records, and
    /// how many it repairs; `None` if none does.
    pub fn smallest_window(&self, of_10_000: u64) -> Option<(Micros, u64)> {
        self.lateness.cover((self.late * of_10_000).div_ceil(10_000))
    }
}

/// Follows the strategies over the records of one feed.
#[derive(Clone, Debug)]
pub struct Repair {
    /// What creation times are cut to, microseconds.
    precision: Micros,
    /// The items of the sample, by their place in it.
    items: Vec<Newest>,
    open: Vec<Open>,
    free: Vec<u32>,
    repairs: Repairs,
}

impl Repair {
    /// For a feed whose creation times are cut to so many microseconds: 1,000 or 1 (KDC-T1).
    pub fn new(precision: Micros, sample: Sample) -> Self {
        let repairs = Repairs { sample, ..Repairs::default() };
        Self { precision, items: vec![], open: vec![], free: vec![], repairs }
    }

    /// Notes a record that joins the stream.
    #[inline]
    pub fn note(&mut self, arrival: &Arrival) {
        if let Some(place) = self.repairs.sample.place(arrival.key) {
            self.follow(place, arrival);
        }
    }

    fn follow(&mut self, place: usize, arrival: &Arrival) {
        if place >= self.items.len() {
            self.items.resize(place + 1, Newest::default());
        }
        let item = &mut self.items[place];
        if arrival.version == arrival.newest + 1 && item.open == 0 && !arrival.twice {
            let Arrival { created, arrived, .. } = *arrival;
            *item = Newest { created, arrived, open: 0 };
        } else {
            self.note_rare(place, arrival);
        }
    }

    /// Notes a record that is out of order or doubled, or whose item has something open.
    #[cold]
    fn note_rare(&mut self, item: usize, arrival: &Arrival) {
        let item = &mut self.items[item];
        let place = match item.open {
            0 => self.free.pop().unwrap_or_else(|| {
                self.open.push(Open::default());
                self.open.len() as u32 - 1
            }),
            open => open - 1,
        };
        let open = &mut self.open[place as usize];
        if arrival.version > arrival.newest {
            open.advance(arrival, &mut self.repairs);
            let Arrival { created, arrived, .. } = *arrival;
            *item = Newest { created, arrived, open: 0 };
        } else {
            open.fall_behind(arrival, item, self.precision, &mut self.repairs);
        }
        item.open = place + 1;
        if open.is_closed() {
            item.open = 0;
            self.free.push(place);
        }
    }

    /// What the strategies came to. States are compared with the newest version that reached the stream: a change that
    /// never did is lost, not out of order.
    pub fn finish(mut self) -> Repairs {
        let written = |item: &&Newest| item.arrived > 0 || item.open > 0;
        self.repairs.items = self.items.iter().filter(written).count() as u64;
        for item in self.items.iter().filter(|item| item.open > 0) {
            self.open[item.open as usize - 1].copies.end(&mut self.repairs);
        }
        self.repairs.wrong_below.sort_unstable();
        // Records join the stream in the order of their sequence numbers.
        let (wrong, stale) = (self.repairs.wrong[copies::NONE], &self.repairs.stale_micros[copies::NONE]);
        self.repairs.by_sequence = BySequence::in_order(wrong, stale);
        self.repairs
    }
}

impl Open {
    /// A newer version than any before puts every copy right.
    fn advance(&mut self, arrival: &Arrival, repairs: &mut Repairs) {
        self.copies.advance(arrival.arrived, repairs);
        let overtaken = (arrival.arrived, arrival.created);
        self.expected.iter_mut().for_each(|expected| {
            expected.overtaken.get_or_insert(overtaken);
        });
        if arrival.version > arrival.newest + 1 {
            if self.gaps.len() == GAPS_MAX {
                self.gaps.remove(0);
            }
            let (since, above) = overtaken;
            self.gaps.push(Gap { from: arrival.newest + 1, to: arrival.version - 1, since, above });
        }
        if arrival.twice {
            self.expected.push(Expected { version: arrival.version, overtaken: None });
        }
    }

    /// A version arrives that is not newer than all before.
    fn fall_behind(
        &mut self,
        arrival: &Arrival,
        item: &mut Newest,
        precision: Micros,
        repairs: &mut Repairs,
    ) {
        let Arrival { version, created, arrived, .. } = *arrival;
        let place = self.expected.iter().position(|expected| arrival.twice && expected.version == version);
        let repeated = place.map(|place| self.expected.swap_remove(place));
        if version == arrival.newest {
            self.copies.newest_again(arrived, repairs);
            item.arrived = arrived;
            return;
        }
        let (since, above) = match repeated {
            Some(repeated) => repeated.overtaken.unwrap_or_default(),
            None => self.close_gap(arrival),
        };
        let late = Late {
            created,
            arrived,
            repeats: repeated.is_some(),
            since,
            above,
            newest: (item.created, item.arrived),
            counted: arrival.counted,
        };
        self.copies.fall_behind(&late, precision, repairs);
    }

    /// Takes a late version out of its gap: since when it is late, and when the next arrived version was created.
    fn close_gap(&mut self, arrival: &Arrival) -> (Micros, Micros) {
        let Arrival { version, created, arrived, .. } = *arrival;
        let within = |gap: &Gap| (gap.from..=gap.to).contains(&version);
        let (since, above) = match self.gaps.iter().position(within) {
            Some(place) => {
                let gap = self.gaps.remove(place);
                if version < gap.to {
                    self.gaps.insert(place, Gap { from: version + 1, ..gap });
                }
                if gap.from < version {
                    self.gaps.insert(place, Gap { to: version - 1, above: created, ..gap });
                }
                (gap.since, gap.above)
            }
            None => (0, Micros::MAX),
        };
        for expected in self.expected.iter_mut().filter(|expected| expected.version < version) {
            let (since, above) = expected.overtaken.unwrap_or((arrived, created));
            expected.overtaken = Some((since, above.min(created)));
        }
        if arrival.twice {
            self.expected.push(Expected { version, overtaken: Some((since, above)) });
        }
        (since, above)
    }
}

#[cfg(test)]
#[path = "repair_tests.rs"]
mod tests;
