//! Streams in the summary: their worst shards, and what resharding made of them.

use super::or_none;
use crate::report::refused_reads;
use crate::report::result::RunResult;
use crate::report::result::shards::{EraShardRow, StreamRow};
use crate::report::table::{Table, escaped};
use crate::report::words;

pub(super) fn shards(result: &RunResult) -> String {
    let mut text = String::new();
    for stream in &result.shards {
        let mut table = Table::new(&[
            "shard",
            "hash range",
            "load",
            "busiest second",
            "p99 second",
            "records",
            "refused",
            "by records",
            "by bytes",
            "worst minute at",
            "its mean second",
            "its busiest second",
            "<top key",
        ]);
        for shard in &stream.worst {
            let (refused, minute) = (&shard.refused_by_limit, &shard.worst_minute);
            let second = &minute.busiest_second;
            let key = shard.top_keys.first();
            table.row([
                shard.shard.to_string(),
                or_none(shard.hash_range_share, words::percent),
                or_none(shard.load_share, words::percent),
                or_none(shard.utilisation_max, words::percent),
                or_none(shard.utilisation_p99, words::percent),
                words::count(shard.total.records),
                words::count(shard.total.refused),
                words::count(refused.records + refused.both),
                words::count(refused.bytes + refused.both),
                format!("{} s", words::count(minute.at_s)),
                or_none(minute.utilisation_mean, words::percent),
                format!("{}, {}", words::plural(second.records, "record"), words::bytes(second.bytes as f64)),
                key.map_or(String::new(), |key| {
                    format!("{} ({})", key.key, or_none(key.share, words::percent))
                }),
            ]);
        }
        text += &format!(
            "\n### {}\n\n{}, retention {} h; the worst in replication 0. Shares of a second are of the limit \
             that binds, 1,000 records or 1 MiB.\n\n{}",
            escaped(&stream.path),
            words::plural(u64::from(stream.shards), "shard"),
            words::number(stream.retention_h),
            table.markdown()
        );
        if !stream.refused_reads.is_empty() {
            text += &format!("\n{}", refused_reads::table(&stream.refused_reads).markdown());
        }
        if !stream.resharding.is_empty() {
            text += &format!("\n{}", eras(stream).markdown());
        }
    }
    if text.is_empty() { text } else { format!("## Shards\n{text}") }
}

/// Hash ranges and loads before, during and after each resharding.
fn eras(stream: &StreamRow) -> Table {
    let mut table = Table::new(&[
        "from",
        "to",
        "<stream",
        "open shards",
        "largest range / mean",
        "largest load / mean",
        "refused",
        "<shard (from): hash range, load",
    ]);
    for era in &stream.resharding {
        let shard = |row: &EraShardRow| {
            let from: Vec<String> = row.parents.iter().map(u32::to_string).collect();
            let from = if from.is_empty() { String::new() } else { format!(" ({})", from.join("+")) };
            let [range, load] =
                [row.hash_range_share, row.load_share].map(|share| or_none(share, words::percent));
            format!("{}{from}: {range}, {load}", row.shard)
        };
        table.row([
            or_none(era.from_s, |s| format!("{} s", words::number(s))),
            or_none(era.to_s, |s| format!("{} s", words::number(s))),
            if era.updating { "UPDATING" } else { "ACTIVE" }.to_owned(),
            words::count(u64::from(era.open)),
            or_none(era.hash_range_max_over_mean, words::number),
            or_none(era.load_max_over_mean, words::number),
            words::count(era.total.refused),
            era.shards.iter().map(shard).collect::<Vec<_>>().join("; "),
        ]);
    }
    table
}
