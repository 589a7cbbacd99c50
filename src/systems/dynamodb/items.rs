//! What a run remembers of every item: sixteen bytes, in one cache line's quarter.

use crate::engine::time::Nanos;

/// No slab handle.
pub const NOBODY: u32 = u32::MAX;

/// One item.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Changes that the table accepted: the version the item has now.
    pub version: u32,
    /// The newest version that the stream holds.
    pub newest: u32,
    /// The shard that the item's partition key routes to.
    pub shard: u32,
    /// The last change that waits behind an earlier one of this item, or [`NOBODY`].
    pub last_waiting: u32,
}

/// All items of one table, by their dense number.
#[derive(Clone, Debug, Default)]
pub struct Items {
    /// The hot part.
    pub items: Vec<Item>,
    /// When the item's last change reaches the stream's door; kept only where replication is in order.
    pub ready: Vec<Nanos>,
    /// When the newest version in the stream was written, in microseconds; kept only where order is measured.
    pub newest_written: Vec<u64>,
}

impl Items {
    /// Items that no one has written yet, on the shards that `shard_of` says.
    pub fn new(shards: Vec<u32>, in_order: bool, measured: bool) -> Self {
        let count = shards.len();
        Self {
            items: shards
                .into_iter()
                .map(|shard| Item { version: 0, newest: 0, shard, last_waiting: NOBODY })
                .collect(),
            ready: if in_order { vec![0; count] } else { Vec::new() },
            newest_written: if measured { vec![0; count] } else { Vec::new() },
        }
    }

    /// Touches items that are about to be written, so that their memory is near when they are. Reading a
    /// batch in one loop lets the misses overlap; the sum only keeps the reads alive.
    #[inline]
    pub fn warm(&self, keys: &[u32]) -> u32 {
        keys.iter().fold(0, |sum, key| sum.wrapping_add(self.items[*key as usize].version))
    }
}
