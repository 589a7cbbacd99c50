//! What consumers write to: calls, and how long those waited for room.

use super::or_none;
use crate::report::result::RunResult;
use crate::report::table::Table;
use crate::report::words;

/// The table; nothing where no consumer has a sink.
pub(super) fn section(result: &RunResult) -> String {
    let mut table =
        Table::new(&["<consumer", "records written", "calls", "waited for room", "mean wait", "mean call"]);
    for (path, row) in result.consumers.iter().filter_map(|row| Some((&row.path, row.sink.as_ref()?))) {
        table.row([
            path.clone(),
            words::count(row.records),
            words::count(row.calls),
            or_none(row.delayed_share, words::percent),
            or_none(row.wait_mean_ms, words::milliseconds),
            or_none(row.call_mean_ms, words::milliseconds),
        ]);
    }
    super::section("What consumers write to", &table)
}
