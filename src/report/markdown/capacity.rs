//! Tables in the summary: capacity against load, partitions, indexes.

use super::{or_none, words};
use crate::report::result::RunResult;
use crate::report::result::flow::TableRow;
use crate::report::result::throughput::{Curve, PartitionRow, PartitionsRow, ThroughputRow};
use crate::report::table::{Table, escaped};
use crate::report::words::NONE;

/// The section on all tables to which more happened than load within their limits.
pub(super) fn capacity(result: &RunResult) -> String {
    let eventful = |row: &&TableRow| row.throttled > 0 || row.throughput.curve.is_eventful();
    let tables: Vec<String> = result.tables.iter().filter(eventful).map(of_table).collect();
    if tables.is_empty() { String::new() } else { format!("## Table capacity\n\n{}", tables.join("\n")) }
}

fn seconds(value: Option<f64>) -> String {
    value.map_or(NONE.to_owned(), |second| format!("{} s", words::number(second)))
}

fn of_table(row: &TableRow) -> String {
    let ThroughputRow { curve, partitions, indexes, .. } = &row.throughput;
    let mut text = format!("### {}\n\n{}\n\n{}", escaped(&row.path), refusals(row), of_curve(curve));
    if let Some(partitions) = partitions.as_ref().filter(|partitions| !partitions.hottest.is_empty()) {
        text += &format!("\n{}", of_partitions(&row.path, partitions));
    }
    let mut table =
        Table::new(&["<index", "write units/s", "writes", "units used", "table's writes refused"]);
    for index in indexes {
        let counts = [index.write_units_per_s, index.writes, index.write_units, index.throttled];
        table.row(std::iter::once(index.path.clone()).chain(counts.map(words::count)));
    }
    if !table.is_empty() {
        text += &format!("\n{}", table.markdown());
    }
    for index in indexes.iter().filter(|index| index.throttled > 0) {
        let hottest = index.partitions.as_ref().filter(|partitions| !partitions.hottest.is_empty());
        text += &hottest
            .map_or(String::new(), |partitions| format!("\n{}", of_partitions(&index.path, partitions)));
    }
    text
}

/// What was refused, from when to when, in a sentence.
fn refusals(row: &TableRow) -> String {
    if row.throttled == 0 {
        return "Nothing was refused.".to_owned();
    }
    let reasons = row.throughput.throttled_by_reason.iter();
    let reasons: Vec<String> =
        reasons.map(|(reason, count)| format!("`{reason}` {}", words::count(*count))).collect();
    format!(
        "{} refused, the first at {}, the last at {}: {}.",
        words::plural(row.throttled, "write request"),
        seconds(row.throughput.first_throttled_s),
        seconds(row.throughput.last_throttled_s),
        reasons.join(", ")
    )
}

fn of_curve(curve: &Curve) -> String {
    let mut table =
        Table::new(&["from", "capacity", "consumed/s", "refused/s", "saved units, least", "partitions"]);
    for (step, capacity) in curve.capacity.iter().enumerate() {
        table.row([
            format!("{} s", words::number(step as f64 * curve.step_s)),
            words::count(*capacity),
            or_none(curve.consumed[step], words::number),
            or_none(curve.throttled[step], words::number),
            words::count(curve.burst_balance[step]),
            words::count(curve.partitions[step]),
        ]);
    }
    let step = words::span(curve.step_s);
    format!(
        "Capacity against load in replication 0, in write units a second, by {step}.\n\n{}",
        table.markdown()
    )
}

fn of_partitions(path: &str, partitions: &PartitionsRow) -> String {
    let mut table = Table::new(&[
        "partition",
        "range",
        "came up",
        "split",
        "units",
        "load",
        "refused",
        "busiest minute",
        "at",
        "<most changed items",
    ]);
    for row in &partitions.hottest {
        let PartitionRow { partition, range_share, opened_s, closed_s, .. } = row;
        let keys: Vec<String> = row
            .top_keys
            .iter()
            .take(3)
            .map(|key| format!("{} ({})", key.key, words::count(key.changes)))
            .collect();
        table.row([
            partition.to_string(),
            or_none(*range_share, words::percent),
            seconds(*opened_s),
            seconds(*closed_s),
            words::count(row.write_units),
            or_none(row.load_share, words::percent),
            words::count(row.throttled),
            or_none(row.busiest_minute_share, words::percent),
            seconds(row.busiest_minute_s),
            keys.join(", "),
        ]);
    }
    let splits = match (partitions.first_split_s, partitions.last_split_s) {
        (Some(first), Some(last)) if first < last => {
            format!("; the first split at {}, the last at {}", seconds(Some(first)), seconds(Some(last)))
        }
        (Some(first), _) => format!("; split at {}", seconds(Some(first))),
        _ => String::new(),
    };
    format!(
        "Partitions of {} in replication 0: {} at the start, {} at the end{splits}. The busiest minute is a share of \
         1,000 write units a second.\n\n{}",
        escaped(path),
        partitions.at_start,
        partitions.at_end,
        table.markdown()
    )
}
