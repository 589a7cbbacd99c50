//! What a writer of a scenario asks before anything runs: how large items and records are, and how many shards AWS's own
//! formulas give.

use schemars::JsonSchema;
use serde::Serialize;

use super::demand::Demand;
use crate::pricing::meter::put_payload_units;
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::dynamodb::operation::Operation;
use crate::systems::dynamodb::table::write_units;
use crate::workload::producer::Source;

/// Shards for the feed of one table by AWS's formulas, from expected rates.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ShardEstimate {
    /// The feed, such as `tables.orders.kinesis`.
    pub path: String,
    /// Changes a second at the peak.
    pub changes_per_s: f64,
    /// Share of the changes that carry both images.
    pub update_share: f64,
    /// Mean bytes of an item.
    pub item_bytes: f64,
    /// By AWS's present formula (KDC-S1).
    pub shards: u64,
    /// By that of 2023 (KDC-S2).
    pub shards_2023: u64,
}

/// What one item of mean size comes to.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ItemRow {
    /// Whose, such as `workload.checkout`.
    pub path: String,
    /// What happens to it, such as `modify`.
    pub change: String,
    /// The item's bytes, names and values (DDB-U11).
    pub item_bytes: u32,
    /// Write units of the write, which are also the change data capture units of one attempt (DDB-U1, KDC-M1).
    pub write_units: u32,
    /// Bytes of the record in the stream, partition key included (KDC-J6, KDC-P1).
    pub record_bytes: u32,
    /// PUT payload units of the record.
    pub put_payload_units: u64,
}

/// AWS's present formula (KDC-S1): writes a second, share of updates, mean bytes of an item.
pub fn shards_by_aws(writes: f64, updates: f64, bytes: f64) -> u64 {
    let by_bytes = writes * (4.0 + updates) * bytes / (1_024.0 * 1_024.0);
    by_bytes.max(writes / 1_000.0).max(1.0).ceil() as u64
}

/// AWS's formula of 2023 (KDC-S2).
pub fn shards_by_aws_2023(writes: f64, updates: f64, bytes: f64) -> u64 {
    (writes * (1.0 + updates) * bytes / (1_024.0 * 1_024.0)).max(1.0).ceil() as u64
}

/// The estimates for all feeds.
pub(super) fn shards(scenario: &Scenario, demands: &[Demand]) -> Vec<ShardEstimate> {
    let feeds = scenario.tables.iter().enumerate().filter(|(_, table)| table.replication.is_some());
    let changes_at_peak = |demand: &Demand| demand.load(|costs| costs.changes).peak;
    let estimate = |(number, table): (usize, &crate::systems::dynamodb::table::TablePlan)| {
        let own = || demands.iter().filter(|demand| demand.table == number);
        let changes: f64 = own().map(changes_at_peak).sum();
        let weighted = |of: fn(&Demand) -> f64| {
            let sum: f64 = own().map(|demand| changes_at_peak(demand) * of(demand)).sum();
            if changes > 0.0 { sum / changes } else { 0.0 }
        };
        let (updates, bytes) = (weighted(|demand| demand.updates()), weighted(|demand| demand.item_bytes()));
        ShardEstimate {
            path: format!("{}.kinesis", resource("tables", &table.name)),
            changes_per_s: changes,
            update_share: updates,
            item_bytes: bytes,
            shards: shards_by_aws(changes, updates, bytes),
            shards_2023: shards_by_aws_2023(changes, updates, bytes),
        }
    };
    feeds.map(estimate).collect()
}

/// What items of mean size come to, for each producer of a table with a feed and each kind of change that it makes.
pub(super) fn items(scenario: &Scenario, demands: &[Demand]) -> Vec<ItemRow> {
    let mut rows = Vec::new();
    for (plan, demand) in scenario.producers.iter().zip(demands) {
        let Some(feed) = &scenario.tables[plan.table].replication else { continue };
        let Source::Drawn { operations, .. } = &plan.source else { continue };
        let bytes = (demand.item_bytes() + 0.5) as u32;
        let changes = [Operation::Insert, Operation::Modify, Operation::Remove];
        for change in changes.into_iter().filter(|change| operations.share(*change) > 0.0) {
            let record_bytes = feed.record_bytes(change, bytes, bytes);
            rows.push(ItemRow {
                path: resource("workload", &plan.name),
                change: change.name().to_lowercase(),
                item_bytes: bytes,
                write_units: write_units(bytes, bytes),
                record_bytes,
                put_payload_units: put_payload_units(u64::from(record_bytes)),
            });
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kdc_s1_s2_s3_awss_worked_example_does_not_follow_from_its_formula() {
        // 1,040 writes of 800 bytes a second, a quarter of them updates: AWS says 2 shards, its formula 3.37.
        assert_eq!(shards_by_aws(1_040.0, 0.25, 800.0), 4);
        assert_eq!(shards_by_aws_2023(1_040.0, 0.25, 800.0), 1);
        // Small items are limited by the rate of records, which the formula of 2023 did not know.
        assert_eq!((shards_by_aws(5_000.0, 0.0, 10.0), shards_by_aws_2023(5_000.0, 0.0, 10.0)), (5, 1));
        assert_eq!(shards_by_aws(0.0, 0.0, 0.0), 1);
    }
}
