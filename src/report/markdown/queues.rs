//! Queues, in the summary.

use super::or_none;
use crate::report::result::RunResult;
use crate::report::table::Table;
use crate::report::words;

/// What went through queues; nothing without any.
pub(super) fn section(result: &RunResult) -> String {
    let mut table = Table::new(&[
        "<queue",
        "<kind",
        "sent",
        "received again",
        "dropped as repeated",
        "out of order",
        "to dead letters",
        "expired",
        "empty receives",
        "waiting max",
        "in flight max",
        "oldest",
    ]);
    for row in &result.queues {
        let kind = if row.fifo { "FIFO" } else { "standard" };
        let counts = [row.dead_letter, row.expired, row.empty_receives, row.waiting_max, row.in_flight_max];
        let head = [row.path.clone(), kind.to_owned()];
        let counted = [row.sent, row.received_again, row.deduplicated].map(words::count);
        table.row(
            head.into_iter()
                .chain(counted)
                .chain([or_none(row.out_of_order_share, words::percent)])
                .chain(counts.map(words::count))
                .chain([or_none(row.oldest_max_ms, words::milliseconds)]),
        );
    }
    super::section("Queues", &table)
}
