//! Tables' own streams.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::flow::ReadRow;
use super::refused_reads::{self, ShardReadsRow};
use crate::pipeline::finish::Outcome;
use crate::report::number::{rounded, share};
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::dynamodb::streams::StreamsPlan;
use crate::systems::kinesis::get_records::ReadMeter;

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
    /// The shards that refused most reads, at most 16, with whose they were; empty where none was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_reads: Vec<ShardReadsRow>,
}

impl StreamsRow {
    /// The stream of one table.
    pub fn of(plan: &StreamsPlan, table: usize, scenario: &Scenario, outcomes: &[Outcome]) -> Self {
        let meters = || outcomes.iter().filter_map(|outcome| outcome.tables[table].streams.as_ref());
        let records = meters().map(|own| own.meter.published).sum();
        let bytes = meters().map(|own| own.meter.bytes).sum();
        let readers = readers(plan, scenario);
        let calls = readers.iter().flat_map(|(_, reads)| outcomes.iter().map(reads));
        let returned = ReadRow::sum(calls);
        let first = outcomes.first();
        let lineage = first.map(|outcome| &outcome.streams[plan.stream].lineage);
        let meter = meters().next().map(|own| own.meter).unwrap_or_default();
        Self {
            view: plan.view.name().to_owned(),
            records,
            bytes,
            record_bytes_mean: share(bytes, records).and_then(rounded),
            readers: readers.iter().map(|(path, _)| path.clone()).collect(),
            returned_records: returned.records,
            returned_bytes: returned.bytes,
            open_shards: lineage.map_or(0, |lineage| lineage.open().len() as u64),
            shards: lineage.map_or(0, |lineage| lineage.shards().len() as u64),
            rollovers: meter.rollovers,
            splits: meter.splits,
            refused_reads: first.map_or(Vec::new(), |outcome| {
                refused_reads::rows(&outcome.streams[plan.stream].refused_reads)
            }),
        }
    }
}

/// What a reader's calls brought it in a replication.
type ReadsOf = Box<dyn Fn(&Outcome) -> &ReadMeter>;

/// All readers of a table's stream: polling consumers, functions and pipes, fleets.
fn readers(plan: &StreamsPlan, scenario: &Scenario) -> Vec<(String, ReadsOf)> {
    let of = |name: &str, reads: ReadsOf| (resource("consumers", name), reads);
    let polling = scenario.consumers.iter().enumerate().filter(|(_, it)| it.stream == plan.stream);
    let polling = polling.map(|(number, it)| of(&it.name, Box::new(move |all| &all.consumers[number].reads)));
    let lambdas = scenario.lambdas.iter().enumerate().filter(|(_, it)| it.stream == plan.stream);
    let lambdas = lambdas.map(|(number, it)| of(&it.name, Box::new(move |all| &all.lambdas[number].reads)));
    let fleets = scenario.fleets.iter().enumerate().filter(|(_, it)| it.stream == plan.stream);
    let fleets = fleets.map(|(number, it)| of(&it.name, Box::new(move |all| &all.fleets[number].reads)));
    polling.chain(lambdas).chain(fleets).collect()
}
