//! Who reads, in the summary: consumers and deliveries with their calls, and the objects that deliveries write.

use super::{firehose, or_none, section};
use crate::report::result::RunResult;
use crate::report::result::flow::ReadRow;
use crate::report::table::{Table, escaped};
use crate::report::words::{self, NONE};

pub(super) fn readers(result: &RunResult) -> String {
    let mut table = Table::new(&[
        "<reader",
        "<reads",
        "records",
        "a second",
        "busy",
        "records a batch",
        "iterator age max",
        "calls",
        "empty",
        "refused",
        "expired unread",
    ]);
    let calls = |calls: &ReadRow| {
        let refused = calls.refused_calls + calls.refused_bytes;
        let all = calls.polls + calls.empty_polls + refused;
        [all, calls.empty_polls, refused, calls.expired].map(words::count)
    };
    for row in &result.consumers {
        let head = [
            row.path.clone(),
            row.reads.clone(),
            words::count(row.processed),
            or_none(row.processed_per_s, words::number),
            or_none(row.busy_share, words::percent),
            or_none(row.records_per_batch, words::number),
            or_none(row.iterator_age_max_ms, words::milliseconds),
        ];
        let calls = row.calls.as_ref().map_or([(); 4].map(|()| NONE.to_owned()), calls);
        table.row(head.into_iter().chain(calls));
    }
    for row in &result.objects {
        let head = [row.path.clone(), row.reads.clone(), words::count(row.calls.records)];
        table.row(head.into_iter().chain([(); 4].map(|()| NONE.to_owned())).chain(calls(&row.calls)));
    }
    let mut text = section("Readers", &table);
    for row in &result.consumers {
        if let Some(backfill) = &row.backfill {
            let lasted = backfill.lasted_s.map_or("not done by the end".to_owned(), |lasted| {
                format!("done after {}", words::milliseconds(lasted * 1e3))
            });
            let records = words::plural(backfill.records, "record");
            let from = or_none(backfill.from_s, words::number);
            let path = escaped(&row.path);
            text += &format!("\n{path} found {records} when it began at {from} s; {lasted}.\n");
        }
        if row.stuck_shards > 0 || row.skipped > 0 {
            text += &format!(
                "\n{}: {} stuck where retention had passed it, {} skipped when it began again.\n",
                escaped(&row.path),
                words::plural(row.stuck_shards, "shard"),
                words::plural(row.skipped, "record")
            );
        }
    }
    text
}

pub(super) fn objects(result: &RunResult) -> String {
    let mut table = Table::new(&[
        "<delivery",
        "objects",
        "a day",
        "mean size",
        "p50",
        "p90",
        "max",
        "below 1 MiB",
        "below 128 MiB",
        "by size",
        "by interval",
    ]);
    for row in &result.objects {
        let sizes = [row.object_bytes_mean, row.object_bytes.p50, row.object_bytes.p90, row.object_bytes.max];
        let shares = [row.share_below_1_mib, row.share_below_128_mib];
        table.row(
            [row.path.clone(), words::count(row.objects), or_none(row.objects_per_day, words::number)]
                .into_iter()
                .chain(sizes.map(|size| or_none(size, words::bytes)))
                .chain(shares.map(|share| or_none(share, words::percent)))
                .chain([words::count(row.flushed_by_size), words::count(row.flushed_by_interval)]),
        );
    }
    let mut partitions = String::new();
    for row in &result.objects {
        partitions += &firehose::stages(row);
        if let Some(trouble) = &row.trouble {
            partitions += &format!(
                "\n{}: {} while its destination was down, {} given up, {} stored twice.\n",
                escaped(&row.path),
                words::plural(trouble.failed_attempts, "failed attempt"),
                words::plural(trouble.undeliverable, "record"),
                words::plural(trouble.repeated, "record"),
            );
            if let Some([first, last]) = trouble.gave_up_s {
                let [first, last] = [first, last].map(|at| or_none(at, words::number));
                partitions += &format!("The first were given up at {first} s, the last at {last} s.\n");
            }
        }
        partitions += &row.partitions.as_ref().map_or(String::new(), |it| words::partitions(&row.path, it));
    }
    let mut hours = Table::new(&[
        "<age of records in objects",
        "UTC hour",
        "write to object p50",
        "p99",
        "max",
        "greatest freshness, s",
    ]);
    for row in result.objects.iter().filter(|row| row.freshness_max_by_hour_s.len() > 1) {
        for (hour, seconds) in &row.freshness_max_by_hour_s {
            let ages = row.freshness_by_hour_s.get(hour).copied().unwrap_or_default();
            let ages = [ages.p50, ages.p99, ages.max].map(|age| age.map(|seconds| seconds * 1e3));
            let ages = ages.map(|age| or_none(age, words::milliseconds));
            let head = [row.path.clone(), hour.clone()].into_iter().chain(ages);
            hours.row(head.chain([or_none(*seconds, words::number)]));
        }
    }
    let mut text = section("Objects (replication 0)", &table) + &partitions;
    for table in [hours, prefixes(result)].into_iter().filter(|table| !table.is_empty()) {
        text += &format!("\n{}", table.markdown());
    }
    text
}

/// Prefixes and hours with the most objects, where there are several.
const PREFIXES_SHOWN: usize = 5;

fn prefixes(result: &RunResult) -> Table {
    let mut table = Table::new(&["<most objects by prefix", "<hour (UTC)", "objects", "bytes", "mean size"]);
    let rows = result.objects.iter().filter_map(|row| Some((&row.path, row.prefixes.as_ref()?)));
    for (path, rows) in rows.filter(|(_, rows)| rows.most.len() > 1) {
        for row in rows.most.iter().take(PREFIXES_SHOWN) {
            table.row([
                format!("{path}: {}", row.prefix),
                row.hour.clone(),
                words::count(row.objects),
                words::bytes(row.bytes as f64),
                or_none(row.object_bytes_mean, words::bytes),
            ]);
        }
    }
    table
}
