//! Reads that shards refused, for people.

use super::result::RunResult;
use super::result::refused_reads::{ReaderRefusedRow, ShardReadsRow};
use super::table::Table;
use super::words;

/// The shards of a stream that refused most reads, with whose they were.
pub(super) fn table(shards: &[ShardReadsRow]) -> Table {
    let mut table = Table::new(&["shard", "reads refused", "by calls", "by bytes", "<of readers"]);
    for shard in shards {
        table.row([
            shard.shard.to_string(),
            words::count(shard.calls + shard.bytes),
            words::count(shard.calls),
            words::count(shard.bytes),
            readers(shard),
        ]);
    }
    table
}

fn readers(shard: &ShardReadsRow) -> String {
    let reader = |row: &ReaderRefusedRow| format!("{} {}", row.reader, words::count(row.calls + row.bytes));
    shard.readers.iter().map(reader).collect::<Vec<_>>().join(", ")
}

/// The shard of all streams that refused most reads, with whose they were; nothing where none was refused.
pub(super) fn sentence(result: &RunResult) -> Option<String> {
    let of_kinesis = result.shards.iter().map(|stream| (stream.path.clone(), &stream.refused_reads));
    let of_tables = result.tables.iter().filter_map(|table| {
        let own = table.streams.as_ref()?;
        Some((format!("{}.streams", table.path), &own.refused_reads))
    });
    let worst = of_kinesis.chain(of_tables).filter_map(|(path, rows)| Some((path, rows.first()?)));
    let (path, shard) = worst.max_by_key(|(_, shard)| shard.calls + shard.bytes)?;
    let why = match (shard.calls, shard.bytes) {
        (_, 0) => "for too many calls",
        (0, _) => "for too many bytes",
        _ => "for too many calls or bytes",
    };
    Some(format!(
        "{path} shard {}: {} refused {why} in replication 0 ({})",
        shard.shard,
        words::plural(shard.calls + shard.bytes, "read"),
        readers(shard)
    ))
}
