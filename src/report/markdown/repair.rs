//! Repairs of order and duplicates in the summary.

use super::{or_none, words};
use crate::report::result::RunResult;
use crate::report::result::ordering::OrderingRow;
use crate::report::result::repair::RepairRow;
use crate::report::table::{Table, escaped};
use crate::report::words::NONE;

/// The section on all feeds in which something came late.
pub(super) fn section(result: &RunResult) -> String {
    let has_some = |row: &&OrderingRow| row.out_of_order + row.duplicates > 0 && !row.repair.is_empty();
    let feeds: Vec<String> = result.ordering.iter().filter(has_some).map(feed).collect();
    if feeds.is_empty() {
        return String::new();
    }
    let consumers = result.ordering.iter().filter(has_some);
    let own = match consumers.filter(|row| row.path.starts_with("consumers.")).count() {
        0 => "",
        _ => {
            " A consumer's is the copy that it keeps itself, and the newest change is then the newest that it has processed."
        }
    };
    format!(
        "## Repairs\n\n{}\nA last-writer-wins copy of the table, as a consumer keeps it that reads parents first and each record once. \
         A final state is wrong when it is not the item's newest change in the stream. A reorder buffer holds every record for its \
         window and sorts each item by creation time; equal times keep the order of arrival. Sequence numbers tell the order in which records \
         were put: ordering by them undoes what happened to it afterwards, and nothing that came to the stream out of order; the sequence \
         buffer shown is the smallest that restores their order. A dedupe buffer remembers the identities that it has seen for its window, and \
         drops so many of the second copies. Entries follow from Little's law.{own}\n",
        feeds.join("\n")
    )
}

fn feed(row: &OrderingRow) -> String {
    let sample = row.repair_one_item_in.map_or(String::new(), |one_in| {
        format!("\nOf one item in {}, evenly spread.\n", words::count(one_in))
    });
    format!("### {}\n\n{}{sample}", escaped(&row.path), table(&row.repair).markdown())
}

fn table(rows: &[RepairRow]) -> Table {
    let mut table = Table::new(&[
        "<strategy",
        "wrong final states",
        "of items",
        "late records repaired, copies dropped",
        "added latency",
        "entries, mean",
        "stale p50",
        "stale max",
    ]);
    for row in rows {
        let stale = row.pooled_stale_ms.unwrap_or_default();
        table.row([
            name(row),
            row.wrong_final_states.map_or(NONE.to_owned(), words::count),
            or_none(row.wrong_share, words::percent),
            or_none(row.repaired_share, words::percent),
            or_none(row.added_latency_ms, words::milliseconds),
            or_none(row.buffer_entries_mean, words::number),
            or_none(stale.p50, words::milliseconds),
            or_none(stale.max, words::milliseconds),
        ]);
    }
    table
}

fn name(row: &RepairRow) -> String {
    let strategy = row.strategy.replace('_', " ");
    let window = row.window_s.map(|window| words::milliseconds(window * 1e3));
    // Two digits after the point: three significant ones would make 99.99 % whole.
    let aim = row.aim.map(|aim| format!("{:.2}", aim * 100.0));
    let aim = aim.as_deref().map(|aim| aim.trim_end_matches('0').trim_end_matches('.'));
    match (aim, window) {
        (None, None) => strategy,
        (None, Some(window)) => format!("{strategy} of {window}"),
        (Some(aim), Some(window)) => format!("{strategy} for {aim} %: {window}"),
        (Some(aim), None) => format!("{strategy} for {aim} %: no window is enough"),
    }
}
