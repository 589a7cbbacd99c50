//! What records wait for, in the summary.

use super::section;
use crate::report::result::RunResult;
use crate::report::result::waits::WaitRow;
use crate::report::table::Table;
use crate::report::words;

/// The share of each resource in the latency of each reader.
pub(super) fn section_of(result: &RunResult) -> String {
    let mut table = Table::new(&["<records of", "<spend of their latency", "<then", "<then"]);
    let words = |wait: &WaitRow| format!("{} at {}", words::percent(wait.share), wait.resource);
    for row in &result.bottlenecks {
        table.row(std::iter::once(row.path.clone()).chain(row.waits.iter().take(3).map(words)));
    }
    section("Bottlenecks", &table)
}
