//! What a run remembers of every item. Kept apart by use, so that what each event touches is small.

use crate::engine::time::Nanos;

/// No slab handle.
pub const NOBODY: u32 = u32::MAX;

/// What every write and every put touches: eight bytes an item.
#[derive(Clone, Copy, Debug, Default)]
pub struct Item {
    /// Changes that the table accepted: the version the item has now.
    pub version: u32,
    /// The newest version that the stream holds.
    pub newest: u32,
}

/// All items of one table, by their dense number.
#[derive(Clone, Debug, Default)]
pub struct Items {
    /// Versions.
    pub items: Vec<Item>,
    /// The shard that each item's partition key routes to; a stream has at most 10,000 (KDS-S8).
    pub shards: Vec<u16>,
    /// The last change that waits behind an earlier one of its item, or [`NOBODY`]; empty where replication keeps no order.
    pub last_waiting: Vec<u32>,
    /// When the item's last change reaches the stream's door; empty where replication keeps no order.
    pub ready: Vec<Nanos>,
    in_order: bool,
}

impl Items {
    /// Items that no one has written yet, on these shards.
    pub fn new(shards: &[u16], in_order: bool) -> Self {
        let mut items = Self { in_order, ..Self::default() };
        items.extend(shards.iter().copied());
        items
    }

    /// Adds items.
    pub fn extend(&mut self, shards: impl Iterator<Item = u16>) {
        self.shards.extend(shards);
        let count = self.shards.len();
        self.items.resize(count, Item::default());
        self.last_waiting.resize(if self.in_order { count } else { 0 }, NOBODY);
        self.ready.resize(if self.in_order { count } else { 0 }, 0);
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Touches items that are about to be written, so that their memory is near when they are. Reading a
    /// batch in one loop lets the misses overlap; the sum only keeps the reads alive.
    #[inline]
    pub fn warm(&self, keys: &[u32]) -> u32 {
        let touch = |key: &u32| {
            let shard = self.shards.get(*key as usize).copied().unwrap_or(0);
            self.items.get(*key as usize).map_or(0, |item| item.version) ^ u32::from(shard)
        };
        keys.iter().fold(0, |sum, key| sum.wrapping_add(touch(key)))
    }
}
