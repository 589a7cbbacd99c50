//! Global secondary indexes: a write that touches one needs room there too, or the table refuses it (DDB-P14).

use super::throughput::{Throughput, ThroughputPlan};
use super::write_kind::WriteKind;
use crate::engine::random;

/// A global secondary index as the scenario describes it, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexPlan {
    /// Its name in the scenario.
    pub name: String,
    /// What it takes.
    pub throughput: ThroughputPlan,
    /// Different values of its partition key, each as common as any other.
    pub values: u32,
    /// Which share of the items has its key, as a threshold on 64 random bits; `None`: all of them.
    pub members: Option<u64>,
    /// Whether entries have keys only, so that each takes one unit, and none where an item is modified.
    pub keys_only: bool,
    /// Sets its draws apart from those of others.
    pub salt: u64,
}

/// An index at work.
#[derive(Clone, Debug)]
pub struct Index {
    members: Option<u64>,
    values: u32,
    keys_only: bool,
    salt: u64,
    /// What it takes.
    pub throughput: Throughput,
    /// Writes of its entries (DDB-P15).
    pub writes: u64,
}

impl Index {
    /// An index that was idle before.
    pub fn new(plan: &IndexPlan) -> Self {
        Self {
            members: plan.members,
            values: plan.values,
            keys_only: plan.keys_only,
            salt: plan.salt,
            throughput: Throughput::new(&plan.throughput, plan.values),
            writes: 0,
        }
    }

    /// Whether entries have keys only.
    pub fn keys_only(&self) -> bool {
        self.keys_only
    }

    /// The index key of an item and the units that a write of it takes there; `None` if its entry stays as it is: the
    /// item is not in the index, or changes in what the index does not have. An item keeps its index key for good, so a
    /// modification never moves an entry.
    #[inline]
    pub fn entry(&self, item: u32, units: u32, kind: WriteKind) -> Option<(u32, u32)> {
        let units = match kind {
            WriteKind::Unchanged | WriteKind::ConditionalFailure => return None,
            WriteKind::Modify if self.keys_only => return None,
            _ if self.keys_only => 1,
            _ => units,
        };
        let bits = random::mix(self.salt ^ random::mix(u64::from(item) + 1));
        if self.members.is_some_and(|members| bits >= members) {
            return None;
        }
        // Other bits than those that chose the members.
        let value = (u128::from(random::mix(bits ^ self.salt)) * u128::from(self.values)) >> 64;
        Some((value as u32, units))
    }
}
