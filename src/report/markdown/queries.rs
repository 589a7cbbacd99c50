//! Scheduled queries, in the summary.

use super::super::result::RunResult;
use super::super::table::Table;
use super::super::words;
use super::or_none;

/// What queries scanned, how long they took, and how old the data was.
pub(super) fn section(result: &RunResult) -> String {
    let mut table = Table::new(&[
        "<queries",
        "<scan",
        "done",
        "refused",
        "timed out",
        "objects each",
        "scanned each",
        "billed each",
        "USD each",
        "for duplicates",
        "duplicates",
        "duplicate rows a day",
        "time p50",
        "p99",
        "data age p50",
        "max",
    ]);
    for row in &result.queries {
        let counts = [row.done, row.refused, row.timed_out].map(words::count);
        let scanned = [row.scanned_bytes_mean, row.billed_bytes_mean];
        let times = [row.time_s.p50, row.time_s.p99, row.data_age_s.p50, row.data_age_s.max];
        table.row(
            [row.path.clone(), row.scans.clone()]
                .into_iter()
                .chain(counts)
                .chain([or_none(row.objects_mean, words::number)])
                .chain(scanned.map(|bytes| or_none(bytes, words::bytes)))
                .chain([or_none(row.usd_mean, words::number)])
                .chain([or_none(row.deduplication_bytes_mean, words::bytes)])
                .chain([or_none(row.duplicate_share, words::percent)])
                .chain([or_none(row.duplicate_rows_per_day, words::number)])
                .chain(times.map(|seconds| or_none(seconds, |seconds| words::milliseconds(seconds * 1e3)))),
        );
    }
    let mut text = super::section("Queries (times and ages: replication 0)", &table);
    for row in &result.queries {
        let Some(slowed) = row.slowed_by_s3_mean_s.filter(|slowed| *slowed > 0.0) else { continue };
        text += &format!(
            "\nS3 answers 5,500 GET requests a second under a prefix (S3-1): that adds {} to a query of {} on the average.\n",
            words::milliseconds(slowed * 1e3),
            super::escaped(&row.path),
        );
    }
    for row in result.queries.iter().filter(|row| row.compaction_objects_read > 0) {
        text += &format!(
            "\nCompaction for {}: {} became {}.\n",
            super::escaped(&row.path),
            words::plural(row.compaction_objects_read, "object"),
            words::count(row.compaction_objects_written)
        );
    }
    text
}
