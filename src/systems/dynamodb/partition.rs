//! Partitions: where items lie, what each partition takes, and when one becomes two.
//!
//! An item's place is a number of 128 bits: the hash of its partition key, then its place among the items with that
//! key (DDB-P3). Partitions are ranges of places; they are only ever split, never merged (DDB-P5).

use crate::engine::bucket::{Limit, TokenBucket};
use crate::engine::random;
use crate::engine::time::Nanos;

/// Write units that a partition takes each second, in either capacity mode (DDB-P1). A second's worth can be saved.
pub const UNITS_PER_SECOND: u64 = 1_000;
/// Bytes that a partition holds (DDB-P2).
pub const BYTES_MAX: u64 = 10 << 30;
/// Partitions that a table can come to have here, closed ones included.
pub const PARTITIONS_MAX: usize = 0x7fff;

/// By how many places even ranges may differ.
const SLACK: u128 = 1 << 32;
/// Set for items that exist; the rest of the number is the partition.
const EXISTS: u16 = 0x8000;
/// Writes that are looked at to find the place for a split.
const SAMPLE: usize = 4_096;

/// Where items lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Sets one table's places apart from another's.
    pub salt: u64,
    /// How many partition keys the items share, each with its own sort keys; `None`: each item has its own.
    pub collections: Option<u32>,
    /// Whether the items of one partition key stay together, as with a local secondary index (DDB-P4).
    pub whole: bool,
}

impl Placement {
    /// The place of an item. Item numbers go round the collections, so that later items have later sort keys.
    #[inline]
    pub fn of(&self, item: u32) -> u128 {
        let (key, sort) = match self.collections {
            Some(collections) => (item % collections, item / collections),
            None => (item, 0),
        };
        u128::from(random::mix(self.salt ^ random::mix(u64::from(key) + 1))) << 64 | u128::from(sort) << 32
    }

    /// The first place that a split before this one can start at.
    fn cut(&self, place: u128) -> u128 {
        if self.whole { place >> 64 << 64 } else { place }
    }
}

/// When a partition is split for heat (DDB-P11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeatPlan {
    /// Write units in a minute from which on a partition is hot.
    pub units_per_minute: u64,
    /// So many hot minutes in a row.
    pub minutes: u32,
}

/// A table's partitions as the scenario describes them, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionPlan {
    /// How many there are at the start, of even hash ranges.
    pub initial: u16,
    /// Where items lie.
    pub placement: Placement,
    /// Splits for heat; `None`: never.
    pub heat: Option<HeatPlan>,
    /// Bytes of all items at the start.
    pub bytes: u64,
}

/// Why a partition was split (DDB-P5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitReason {
    /// It was near its throughput limit for long.
    Heat,
    /// It was full.
    Size,
    /// The table was given more throughput than it ever had.
    Throughput,
}

/// One partition becomes two. Partitions are numbered as they come up, so the lineage of any of them can be followed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Split {
    /// When.
    pub at: Nanos,
    /// Closed by it.
    pub parent: u16,
    /// Opened by it: the one with the lower places, and the other.
    pub children: [u16; 2],
    /// Why.
    pub reason: SplitReason,
    /// The item with the most writes just before, and its share of them; for splits for heat.
    pub hottest: Option<(u32, f64)>,
}

/// A partition that should be split and cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// When that was found.
    pub at: Nanos,
    /// Its number.
    pub partition: u16,
    /// The item with the most writes, or the one that filled it.
    pub item: u32,
    /// Whether all writes that were looked at went to that item, and not to several that stay together (DDB-P4).
    pub alone: bool,
    /// Why it should be split.
    pub reason: SplitReason,
    /// Whether that is for want of more partitions ([`PARTITIONS_MAX`]), and not for how its items lie.
    pub no_more: bool,
}

/// A range of places with its own limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its first place.
    pub first: u128,
    /// Its last place.
    pub last: u128,
    /// When it came up.
    pub opened: Nanos,
    /// When it was split.
    pub closed: Option<Nanos>,
    /// Write units it accepted.
    pub units: u64,
    /// Writes it refused.
    pub refused: u64,
    /// Write units accepted in its busiest minute, and when that minute ended.
    pub busiest_minute: (u64, Nanos),
    bytes: u64,
    bucket: TokenBucket,
    units_before: u64,
    hot_minutes: u32,
    /// Whether writes to it are looked at: it is hot, or holds a full collection.
    watched: bool,
    /// Whether one of its collections that stay whole is full.
    full: bool,
    /// It cannot be split any further: one item, or one collection that stays whole, has all its writes, or there are
    /// no more partitions to be had.
    single: bool,
    sample: Vec<u32>,
}

impl Partition {
    fn new(first: u128, last: u128, opened: Nanos, bytes: u64) -> Self {
        Self {
            first,
            last,
            opened,
            closed: None,
            units: 0,
            refused: 0,
            busiest_minute: (0, 0),
            bytes,
            bucket: LIMIT.full(),
            units_before: 0,
            hot_minutes: 0,
            watched: false,
            full: false,
            single: false,
            sample: Vec::new(),
        }
    }

    /// Its share of all places.
    pub fn range_share(&self) -> f64 {
        (self.last - self.first) as f64 / u128::MAX as f64
    }
}

/// What every partition takes. A write needs no more than 800 units, so that all fit.
const LIMIT: Limit = Limit::new(UNITS_PER_SECOND, UNITS_PER_SECOND);

/// All partitions of one table or index.
#[derive(Clone, Debug)]
pub struct Partitions {
    placement: Placement,
    heat: Option<HeatPlan>,
    /// The partition of each item, and whether the item exists.
    of_item: Vec<u16>,
    all: Vec<Partition>,
    /// The open ones by their places.
    open: Vec<u16>,
    splits: Vec<Split>,
    stuck: Vec<Stuck>,
    /// Bytes of each collection, where they stay whole.
    collections: Vec<u64>,
}

impl Partitions {
    /// The partitions of a table that has `items` items.
    pub fn new(plan: &PartitionPlan, items: u32) -> Self {
        let count = u128::from(plan.initial.max(1));
        let first = |number: u128| if number == 0 { 0 } else { u128::MAX / count * number };
        let bytes = plan.bytes / u64::from(plan.initial.max(1));
        let all = (0..count).map(|number| {
            let last = if number + 1 == count { u128::MAX } else { first(number + 1) - 1 };
            Partition::new(first(number), last, 0, bytes)
        });
        let mut partitions = Self {
            placement: plan.placement,
            heat: plan.heat,
            of_item: Vec::new(),
            all: all.collect(),
            open: (0..plan.initial.max(1)).collect(),
            splits: Vec::new(),
            stuck: Vec::new(),
            collections: Vec::new(),
        };
        if let Some(count) = plan.placement.collections.filter(|_| plan.placement.whole) {
            let held = plan.bytes / u64::from(count.max(1));
            partitions.collections = vec![held; count as usize];
            let full = held >= BYTES_MAX;
            partitions
                .all
                .iter_mut()
                .for_each(|partition| (partition.full, partition.watched) = (full, full));
        }
        partitions.extend(items as usize);
        partitions.of_item.iter_mut().for_each(|of| *of |= EXISTS);
        partitions
    }

    /// Says which of the items that they were made with exist.
    pub fn begin_with(&mut self, exists: impl Fn(usize) -> bool) {
        for (item, of) in self.of_item.iter_mut().enumerate() {
            *of = if exists(item) { *of | EXISTS } else { *of & !EXISTS };
        }
    }

    /// Makes room for items up to `items`, which do not exist yet.
    pub fn extend(&mut self, items: usize) {
        let from = self.of_item.len();
        let places = (from..items).map(|item| self.find(self.placement.of(item as u32)));
        let places: Vec<u16> = places.collect();
        self.of_item.extend(places);
    }

    /// The open partition that a place belongs to.
    pub fn find(&self, place: u128) -> u16 {
        let after = self.open.partition_point(|number| self.all[usize::from(*number)].first <= place);
        self.open[after.saturating_sub(1)]
    }

    /// The partition that an item lies on now.
    #[inline]
    pub fn of(&self, item: u32) -> u16 {
        self.of_item[item as usize] & !EXISTS
    }

    /// Whether the item's partition has `units` now; takes nothing.
    #[inline]
    pub fn has(&mut self, now: Nanos, item: u32, units: u32) -> bool {
        let number = self.of(item);
        if self.all[usize::from(number)].watched && !self.look(number, item) {
            return false;
        }
        self.all[usize::from(number)].bucket.has(&LIMIT, now, u64::from(units))
    }

    /// Looks at a write to a watched partition; whether its collection has room for it.
    #[cold]
    fn look(&mut self, number: u16, item: u32) -> bool {
        let partition = &mut self.all[usize::from(number)];
        if partition.sample.len() < SAMPLE {
            partition.sample.push(item);
        }
        !(partition.full && self.is_beyond_its_collection(item))
    }

    /// Whether the item is a new one of a collection that is full (DDB-P2, DDB-P4).
    pub fn is_beyond_its_collection(&self, item: u32) -> bool {
        let is_new = self.of_item[item as usize] & EXISTS == 0;
        is_new && self.collection(item).is_some_and(|number| self.collections[number] >= BYTES_MAX)
    }

    /// The collection of an item, where they stay whole.
    fn collection(&self, item: u32) -> Option<usize> {
        (item as usize).checked_rem(self.collections.len())
    }

    /// Takes units that [`has`](Self::has) just showed to be there.
    #[inline]
    pub fn spend(&mut self, now: Nanos, item: u32, units: u32) {
        let of = self.of_item[item as usize];
        let partition = &mut self.all[usize::from(of & !EXISTS)];
        partition.bucket.spend(u64::from(units));
        partition.units += u64::from(units);
        if of & EXISTS == 0 {
            self.insert(now, item, units);
        }
    }

    /// Counts a refusal by the item's partition.
    pub fn refuse(&mut self, item: u32) {
        let number = self.of(item);
        self.all[usize::from(number)].refused += 1;
    }

    /// A new item takes room: as many KB as its write took units.
    #[cold]
    fn insert(&mut self, now: Nanos, item: u32, units: u32) {
        let number = self.of(item);
        self.of_item[item as usize] |= EXISTS;
        let taken = u64::from(units) << 10;
        if let Some(collection) = self.collection(item) {
            self.collections[collection] += taken;
            if self.collections[collection] >= BYTES_MAX {
                let partition = &mut self.all[usize::from(number)];
                (partition.full, partition.watched) = (true, true);
            }
        }
        let partition = &mut self.all[usize::from(number)];
        let before = partition.bytes;
        partition.bytes += taken;
        if before < BYTES_MAX && partition.bytes >= BYTES_MAX {
            let reason = SplitReason::Size;
            let at = self.middle_item(number);
            if !at.is_some_and(|at| self.split(now, number, at, reason, None)) {
                let no_more = at.is_some();
                self.all[usize::from(number)].single |= no_more;
                self.stuck.push(Stuck { at: now, partition: number, item, alone: false, reason, no_more });
            }
        }
    }

    /// A minute has ended: hot partitions are found, and those that were hot for long enough are split.
    pub fn close_minute(&mut self, now: Nanos) {
        for number in self.open.clone() {
            let partition = &mut self.all[usize::from(number)];
            let units = partition.units - partition.units_before;
            partition.units_before = partition.units;
            if units > partition.busiest_minute.0 {
                partition.busiest_minute = (units, now);
            }
            let Some(heat) = self.heat else { continue };
            let hot = units >= heat.units_per_minute;
            partition.hot_minutes = if hot { partition.hot_minutes + 1 } else { 0 };
            // The last minute before a split is the one whose writes are looked at.
            let splits = partition.hot_minutes >= heat.minutes && !partition.single;
            if splits && !partition.sample.is_empty() {
                self.split_for_heat(now, number);
            } else {
                partition.watched = hot && !partition.single || partition.full;
                partition.sample.clear();
            }
        }
    }

    /// Splits a hot partition where that divides its writes most evenly. An item with most of the writes so comes to lie
    /// alone in one or two splits (DDB-P8); one with all of them cannot be helped.
    fn split_for_heat(&mut self, now: Nanos, number: u16) {
        let placement = self.placement;
        let mut sample = std::mem::take(&mut self.all[usize::from(number)].sample);
        sample.sort_unstable_by_key(|item| placement.of(*item));
        let Some((hottest, count)) = most_frequent(&sample) else { return };
        let share = f64::from(count) / sample.len() as f64;
        let reason = SplitReason::Heat;
        let at = even_cut(&placement, &sample);
        if !at.is_some_and(|at| self.split(now, number, at, reason, Some((hottest, share)))) {
            let partition = &mut self.all[usize::from(number)];
            (partition.single, partition.watched) = (true, partition.full);
            let (no_more, alone) = (at.is_some(), count as usize == sample.len());
            self.stuck.push(Stuck { at: now, partition: number, item: hottest, alone, reason, no_more });
        }
    }

    /// Splits the widest partitions until evenly spread writes of `units` a second fit all of them (DDB-P5).
    pub fn hold(&mut self, now: Nanos, units: u64) {
        let enough = |partition: &Partition| {
            let needed = u128::from(units.div_ceil(UNITS_PER_SECOND).max(1));
            // Ranges that do not divide evenly are a few places wider.
            partition.last - partition.first <= (u128::MAX / needed).saturating_add(SLACK)
        };
        let wide = |this: &Self| {
            let open = this.open.iter().copied();
            open.filter(|number| !enough(&this.all[usize::from(*number)])).min_by_key(|number| {
                let partition = &this.all[usize::from(*number)];
                (std::cmp::Reverse(partition.last - partition.first), partition.first)
            })
        };
        while let Some(number) = wide(self) {
            let Partition { first, last, .. } = self.all[usize::from(number)];
            let at = self.placement.cut(first + (last - first) / 2 + 1);
            if !self.split(now, number, at, SplitReason::Throughput, None) {
                return;
            }
        }
    }

    /// The place of the middle one of a partition's items; `None` if they all stay together.
    fn middle_item(&self, number: u16) -> Option<u128> {
        let of = self.of_item.iter().enumerate().filter(|(_, of)| **of == number | EXISTS);
        let mut places: Vec<u128> = of.map(|(item, _)| self.placement.of(item as u32)).collect();
        let middle = places.len() / 2;
        let first = *places.iter().min()?;
        let (_, middle, after) = places.select_nth_unstable(middle);
        let cuts = [Some(*middle), after.iter().min().copied()];
        let mut cuts = cuts.into_iter().flatten().map(|place| self.placement.cut(place));
        cuts.find(|at| *at > self.placement.cut(first) && *at > self.all[usize::from(number)].first)
    }

    /// Splits a partition; places from `at` on go to the second child. Whether it could be done.
    fn split(
        &mut self,
        now: Nanos,
        number: u16,
        at: u128,
        reason: SplitReason,
        hottest: Option<(u32, f64)>,
    ) -> bool {
        let Partition { first, last, bytes, full, .. } = self.all[usize::from(number)];
        let fits = self.all.len() + 2 <= PARTITIONS_MAX && at > first && at <= last;
        let Some(slot) = self.open.iter().position(|open| *open == number).filter(|_| fits) else {
            return false;
        };
        let children = [self.all.len() as u16, self.all.len() as u16 + 1];
        let counts = self.move_items(number, at, children);
        let upper =
            (u128::from(bytes) * u128::from(counts[1]) / u128::from((counts[0] + counts[1]).max(1))) as u64;
        self.all.push(Partition::new(first, at - 1, now, bytes - upper));
        self.all.push(Partition::new(at, last, now, upper));
        for child in children {
            let child = &mut self.all[usize::from(child)];
            (child.full, child.watched) = (full, full);
        }
        self.open.splice(slot..=slot, children);
        let parent = &mut self.all[usize::from(number)];
        parent.closed = Some(now);
        parent.sample = Vec::new();
        self.splits.push(Split { at: now, parent: number, children, reason, hottest });
        true
    }

    /// Corrects the partition of the items that lay on `parent`; how many exist on either side.
    fn move_items(&mut self, parent: u16, at: u128, children: [u16; 2]) -> [u64; 2] {
        let mut counts = [0; 2];
        for (item, of) in self.of_item.iter_mut().enumerate() {
            if *of & !EXISTS == parent {
                let side = usize::from(self.placement.of(item as u32) >= at);
                counts[side] += u64::from(*of & EXISTS != 0);
                *of = children[side] | *of & EXISTS;
            }
        }
        counts
    }

    /// Every partition that ever was, by number: the first ones opened at time 0, then the children of each split.
    pub fn all(&self) -> &[Partition] {
        &self.all
    }

    /// Numbers of the open ones, by their places.
    pub fn open(&self) -> &[u16] {
        &self.open
    }

    /// All splits so far, in order of time.
    pub fn splits(&self) -> &[Split] {
        &self.splits
    }

    /// Partitions that should have been split and could not be.
    pub fn stuck(&self) -> &[Stuck] {
        &self.stuck
    }
}

/// The item that most of a sorted sample are, and how many.
fn most_frequent(sample: &[u32]) -> Option<(u32, u32)> {
    let groups = sample.chunk_by(|a, b| a == b).map(|group| (group[0], group.len() as u32));
    groups.reduce(|most, group| if group.1 > most.1 { group } else { most })
}

/// The place that divides a sorted sample most evenly; `None` if it cannot be divided.
fn even_cut(placement: &Placement, sample: &[u32]) -> Option<u128> {
    let mut best: Option<(usize, u128)> = None;
    for below in 1..sample.len() {
        let at = placement.cut(placement.of(sample[below]));
        if at > placement.of(sample[below - 1]) {
            let larger = below.max(sample.len() - below);
            if best.is_none_or(|(least, _)| larger < least) {
                best = Some((larger, at));
            }
        }
    }
    best.map(|(_, at)| at)
}

#[cfg(test)]
mod tests;
