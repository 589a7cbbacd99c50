//! Tables' own streams, as a table for people.

use super::refused_reads;
use super::result::RunResult;
use super::table::{Table, escaped};
use super::words::{self, NONE};

/// The section on DynamoDB streams; empty where no table has one.
pub(super) fn section(result: &RunResult) -> String {
    let mut streams = Table::new(&[
        "<stream",
        "<view",
        "records",
        "mean size",
        "returned",
        "bytes returned",
        "open shards",
        "shards ever",
        "rolled over",
        "split",
        "readers",
    ]);
    for table in &result.tables {
        let Some(row) = &table.streams else { continue };
        streams.row([
            format!("{}.streams", table.path),
            row.view.clone(),
            words::count(row.records),
            row.record_bytes_mean.map_or(NONE.to_owned(), words::bytes),
            words::count(row.returned_records),
            words::bytes(row.returned_bytes as f64),
            words::count(row.open_shards),
            words::count(row.shards),
            words::count(row.rollovers),
            words::count(row.splits),
            words::count(row.readers.len() as u64),
        ]);
    }
    if streams.is_empty() {
        return String::new();
    }
    let mut text = format!("## DynamoDB Streams (shards: replication 0)\n\n{}", streams.markdown());
    for table in &result.tables {
        let refused = table.streams.as_ref().map_or(&[][..], |row| &row.refused_reads);
        if !refused.is_empty() {
            let path = escaped(&table.path);
            text +=
                &format!("\n{path}.streams refused reads:\n\n{}", refused_reads::table(refused).markdown());
        }
    }
    text
}
