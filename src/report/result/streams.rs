//! Tables' own streams.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::flow::ReadRow;
use crate::pipeline::finish::Outcome;
use crate::report::number::{rounded, share};
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::dynamodb::streams::StreamsPlan;

/// A table's DynamoDB stream. Counts are summed over all replications; shards are those of replication 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StreamsRow {
    /// What its records hold, such as `new_image`.
    pub view: String,
    /// Records published: each change once.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of a record on average.
    pub record_bytes_mean: Option<f64>,
    /// Its readers in this scenario.
    pub readers: Vec<String>,
    /// Records that they got, all together.
    pub returned_records: u64,
    /// Bytes that they got, all together.
    pub returned_bytes: u64,
    /// Shards open at the end.
    pub open_shards: u64,
    /// Shards ever, closed ones included.
    pub shards: u64,
    /// Shards that one child replaced.
    pub rollovers: u64,
    /// Shards that were split with their partitions.
    pub splits: u64,
}

impl StreamsRow {
    /// The stream of one table.
    pub fn of(plan: &StreamsPlan, table: usize, scenario: &Scenario, outcomes: &[Outcome]) -> Self {
        let meters = || outcomes.iter().filter_map(|outcome| outcome.tables[table].streams.as_ref());
        let records = meters().map(|own| own.meter.published).sum();
        let bytes = meters().map(|own| own.meter.bytes).sum();
        let readers = || {
            let all = scenario.consumers.iter().enumerate();
            all.filter(|(_, consumer)| consumer.stream == plan.stream)
        };
        let calls =
            readers().flat_map(|(number, _)| outcomes.iter().map(move |it| &it.consumers[number].reads));
        let returned = ReadRow::sum(calls);
        let first = outcomes.first();
        let lineage = first.map(|outcome| &outcome.streams[plan.stream].lineage);
        let meter = meters().next().map(|own| own.meter).unwrap_or_default();
        Self {
            view: plan.view.name().to_owned(),
            records,
            bytes,
            record_bytes_mean: share(bytes, records).and_then(rounded),
            readers: readers().map(|(_, consumer)| resource("consumers", &consumer.name)).collect(),
            returned_records: returned.records,
            returned_bytes: returned.bytes,
            open_shards: lineage.map_or(0, |lineage| lineage.open().len() as u64),
            shards: lineage.map_or(0, |lineage| lineage.shards().len() as u64),
            rollovers: meter.rollovers,
            splits: meter.splits,
        }
    }
}
