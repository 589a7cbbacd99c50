//! Why DynamoDB refuses a write, in AWS's words.

use crate::engine::time::Nanos;

/// The kind of limit that was met (DDB-T1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ThrottleLimit {
    /// What the partitions take: one of them (DDB-P1), or all that an on-demand table has so far (DDB-M2). Either mode.
    KeyRange,
    /// Provisioned units, savings included (DDB-P6).
    Provisioned,
    /// The account's quota for one table or index; on-demand (DDB-M10).
    AccountLimit,
    /// The maximum that was set for an on-demand table or index (DDB-M9).
    MaxOnDemand,
    /// The 10 GB that the items of one partition key hold with a local secondary index (DDB-P2, DDB-P4): no throttling, and nothing that
    /// trying again would help.
    ItemCollection,
}

impl ThrottleLimit {
    /// All that throttle, by number.
    pub const ALL: [Self; 4] = [Self::KeyRange, Self::Provisioned, Self::AccountLimit, Self::MaxOnDemand];

    /// The reason that an exception names (DDB-T2).
    pub fn reason(self, of_index: bool) -> &'static str {
        match (self, of_index) {
            (Self::ItemCollection, _) => "ItemCollectionSizeLimitExceededException",
            (Self::KeyRange, false) => "TableWriteKeyRangeThroughputExceeded",
            (Self::Provisioned, false) => "TableWriteProvisionedThroughputExceeded",
            (Self::AccountLimit, false) => "TableWriteAccountLimitExceeded",
            (Self::MaxOnDemand, false) => "TableWriteMaxOnDemandThroughputExceeded",
            (Self::KeyRange, true) => "IndexWriteKeyRangeThroughputExceeded",
            (Self::Provisioned, true) => "IndexWriteProvisionedThroughputExceeded",
            (Self::AccountLimit, true) => "IndexWriteAccountLimitExceeded",
            (Self::MaxOnDemand, true) => "IndexWriteMaxOnDemandThroughputExceeded",
        }
    }
}

/// A refusal: whose limit, and which. A write that several limits would refuse counts under the first of them: the
/// table's capacity, its partition, then index by index the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// The index whose limit it is, by number; `None` for the table's own.
    pub index: Option<u8>,
    /// The limit.
    pub limit: ThrottleLimit,
    /// Whether the item's partition refused it, and not the capacity as a whole.
    pub by_partition: bool,
}

/// Refusals by [`ThrottleLimit`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThrottleCounts {
    /// In the order of [`ThrottleLimit::ALL`].
    pub by_limit: [u64; 4],
    /// When the first of each was.
    pub first: [Option<Nanos>; 4],
}

impl ThrottleCounts {
    /// Counts one.
    pub fn count(&mut self, now: Nanos, limit: ThrottleLimit) {
        self.by_limit[limit as usize] += 1;
        self.first[limit as usize].get_or_insert(now);
    }

    /// Those of one limit.
    pub fn of(&self, limit: ThrottleLimit) -> u64 {
        self.by_limit[limit as usize]
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.by_limit.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ddb_t1_t2_four_causes_are_named_by_resource_operation_and_limit() {
        let reasons = ThrottleLimit::ALL.map(|limit| limit.reason(false));
        assert_eq!(
            reasons,
            [
                "TableWriteKeyRangeThroughputExceeded",
                "TableWriteProvisionedThroughputExceeded",
                "TableWriteAccountLimitExceeded",
                "TableWriteMaxOnDemandThroughputExceeded"
            ]
        );
        for limit in ThrottleLimit::ALL {
            assert_eq!(limit.reason(true), limit.reason(false).replacen("Table", "Index", 1));
        }
    }
}
