//! Reads that shards refused, by shard and reader, in replication 0.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pipeline::refused_reads::RefusedReads;
use crate::systems::kinesis::refusals::Refused;

/// Shards listed for a stream.
const SHARDS_LISTED: usize = 16;

/// A shard that refused GetRecords calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShardReadsRow {
    /// Its number.
    pub shard: u32,
    /// Calls refused for exceeding five a second, or what a table's stream allows: of all readers.
    pub calls: u64,
    /// Calls refused because earlier ones took more than 2 MB/s, or than a table's stream allows: of all readers.
    pub bytes: u64,
    /// Whose they were, most first.
    pub readers: Vec<ReaderRefusedRow>,
}

/// A reader whose calls a shard refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReaderRefusedRow {
    /// Its path, such as `consumers.search`.
    pub reader: String,
    /// Calls refused for exceeding the calls a second.
    pub calls: u64,
    /// Calls refused for exceeding the bytes a second.
    pub bytes: u64,
}

/// The shards that refused most reads, most first; at most 16.
pub(super) fn rows(refused: &[RefusedReads]) -> Vec<ShardReadsRow> {
    let mut shards: BTreeMap<usize, Vec<&RefusedReads>> = BTreeMap::new();
    refused.iter().for_each(|row| shards.entry(row.shard).or_default().push(row));
    let mut rows: Vec<ShardReadsRow> = shards.into_iter().map(|(shard, own)| row(shard, &own)).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.calls + row.bytes));
    rows.truncate(SHARDS_LISTED);
    rows
}

/// All reads that a shard refused.
pub(super) fn on_shard(shard: usize, refused: &[RefusedReads]) -> Refused {
    sum(refused.iter().filter(|row| row.shard == shard))
}

fn sum<'a>(rows: impl Iterator<Item = &'a RefusedReads>) -> Refused {
    rows.fold(Refused::default(), |sum, row| Refused {
        calls: sum.calls + row.refused.calls,
        bytes: sum.bytes + row.refused.bytes,
    })
}

fn row(shard: usize, own: &[&RefusedReads]) -> ShardReadsRow {
    let reader = |row: &&RefusedReads| {
        let Refused { calls, bytes } = row.refused;
        ReaderRefusedRow { reader: row.reader.clone(), calls, bytes }
    };
    let mut readers: Vec<ReaderRefusedRow> = own.iter().map(reader).collect();
    readers.sort_by_key(|row| std::cmp::Reverse(row.calls + row.bytes));
    let Refused { calls, bytes } = sum(own.iter().copied());
    ShardReadsRow { shard: shard as u32, calls, bytes, readers }
}
