//! What a table holds, and what AWS bills of it.

use std::sync::Arc;

/// Bytes billed for each item beside its own (`ddb.storage_gbmo`).
pub const ITEM_OVERHEAD: u64 = 100;
/// Further bytes for each item of a global table.
pub const GLOBAL_ITEM_OVERHEAD: u64 = 48;

/// Which of the items that a workload writes exist before anything runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AtStart {
    /// All of them: somebody changes or removes what is there.
    #[default]
    All,
    /// None: they only come.
    None,
    /// By number, those of a trace: whether each exists before its first row, and whether it does after its last one.
    Listed(Arc<[(bool, bool)]>),
}

impl AtStart {
    /// Whether an item exists that is numbered among those of the start.
    pub fn has(&self, item: usize) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Listed(items) => items.get(item).is_some_and(|(before, _)| *before),
        }
    }

    /// Whether an item that is to come stays for good once it is there.
    pub fn gains(&self, item: usize) -> bool {
        match self {
            Self::All => false,
            Self::None => true,
            Self::Listed(items) => items.get(item).is_some_and(|(before, after)| !before && *after),
        }
    }

    /// How many of so many items exist.
    pub fn count(&self, items: u32) -> u64 {
        match self {
            Self::All => u64::from(items),
            Self::None => 0,
            Self::Listed(items) => items.iter().filter(|(before, _)| *before).count() as u64,
        }
    }

    /// How many of so many items can come; `None`: the key space itself grows, without end.
    pub fn to_come(&self, items: u32) -> Option<u64> {
        match self {
            Self::All => None,
            Self::None => Some(u64::from(items)),
            Self::Listed(items) => Some((0..items.len()).filter(|item| self.gains(*item)).count() as u64),
        }
    }
}

/// What is known of a table's items before anything runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Contents {
    /// Items at the start.
    pub items: u64,
    /// Their bytes, names and values (DDB-U11).
    pub bytes: u64,
    /// Mean bytes of an item as it is written.
    pub item_bytes: f64,
    /// Share of a write unit that its item fills, over all writes: the rest is rounding up to whole KB (DDB-U1).
    pub unit_filled: f64,
    /// Whether it is a replica of a global table (DDB-G1).
    pub global: bool,
    /// Whether it is backed up continuously (`ddb.pitr_gbmo`).
    pub recovery: bool,
}

impl Contents {
    /// Bytes billed for each item beside its own.
    pub fn overhead(&self) -> u64 {
        ITEM_OVERHEAD + if self.global { GLOBAL_ITEM_OVERHEAD } else { 0 }
    }

    /// Bytes billed for what is there at the start.
    pub fn billed_bytes(&self) -> u64 {
        self.bytes + self.items * self.overhead()
    }

    /// Bytes billed for one more item.
    pub fn billed_item_bytes(&self) -> u64 {
        (self.item_bytes + 0.5) as u64 + self.overhead()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ddb_u12_storage_counts_100_bytes_an_item_more_and_48_in_a_global_table() {
        let table = Contents { items: 1_000, bytes: 700_000, item_bytes: 700.0, ..Contents::default() };
        assert_eq!((table.billed_bytes(), table.billed_item_bytes()), (800_000, 800));
        let global = Contents { global: true, ..table };
        assert_eq!((global.billed_bytes(), global.billed_item_bytes()), (848_000, 848));
    }
}
