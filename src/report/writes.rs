//! Writes that are more than plain ones, as tables for people.

use super::result::RunResult;
use super::result::writes::WritesRow;
use super::table::Table;
use super::words::{self, NONE};

/// What happened to feeds apart from throttling; empty where nothing did.
pub(super) fn troubles(result: &RunResult) -> String {
    let mut table =
        Table::new(&["<feed", "not captured", "dropped", "puts denied", "puts refused by the key"]);
    for row in &result.tables {
        if let Some(trouble) = row.kinesis.as_ref().and_then(|feed| feed.trouble.as_ref()) {
            let counts = [trouble.not_captured, trouble.dropped, trouble.denied, trouble.key_throttled];
            table.row([format!("{}.kinesis", row.path)].into_iter().chain(counts.map(words::count)));
        }
    }
    if table.is_empty() { String::new() } else { format!("## Feeds in trouble\n\n{}", table.markdown()) }
}

/// The section on kinds of writes; empty where all writes are plain. Records that are put straight into a stream are of
/// one kind, and take nothing of a table.
pub(super) fn section(result: &RunResult) -> String {
    let mut kinds = Table::new(&[
        "<producer",
        "<kind",
        "offered",
        "carried out",
        "write units",
        "change records",
        "capture units",
        "bytes a record",
    ]);
    let mut clients = Table::new(&["<producer", "<what its clients met", "times"]);
    for row in &result.producers {
        let Some(writes) = &row.writes else { continue };
        let source = if writes.replicated { format!("{} (GlobalTable)", row.path) } else { row.path.clone() };
        for kind in &writes.by_kind {
            let counts = [
                kind.offered,
                kind.carried_out,
                kind.write_units,
                kind.records,
                kind.change_data_capture_units,
            ];
            let bytes = kind.record_bytes_mean.map_or(NONE.to_owned(), words::bytes);
            let head = [source.clone(), kind.kind.clone()];
            kinds.row(head.into_iter().chain(counts.map(words::count)).chain([bytes]));
        }
        for (what, times) in met(writes).into_iter().filter(|(_, times)| *times > 0) {
            clients.row([row.path.clone(), what.to_owned(), words::count(times)]);
        }
    }
    if kinds.is_empty() {
        return String::new();
    }
    add_plain(&mut kinds, result);
    add_puts(&mut kinds, result);
    let clients = if clients.is_empty() { String::new() } else { format!("\n{}", clients.markdown()) };
    format!("## Kinds of writes\n\n{}{clients}", kinds.markdown())
}

/// What a producer's clients met besides their writes taking place, and how often.
fn met(writes: &WritesRow) -> Vec<(&'static str, u64)> {
    let mut met = vec![
        ("condition failed", writes.condition_failed),
        ("cancelled with its transaction", writes.cancelled),
        ("refused with its call", writes.call_refused),
        ("met a transaction in progress", writes.conflicts),
        ("server error, outcome open", writes.server_errors),
        ("given up though it had taken place", writes.applied_unheard),
        ("retry quota empty", writes.quota_empty),
    ];
    if let Some(calls) = &writes.calls {
        met.extend([
            ("calls", calls.calls),
            ("calls throttled as a whole", calls.throttled),
            ("items unprocessed in an answer", calls.unprocessed),
            ("transactions cancelled", calls.cancelled),
            ("calls refused as invalid", calls.invalid),
        ]);
    }
    met
}

/// Producers whose writes to a table are all plain: what each takes of it is not counted apart.
fn add_plain(kinds: &mut Table, result: &RunResult) {
    for row in result.producers.iter().filter(|row| row.writes.is_none() && row.puts.is_none()) {
        let head = [row.path.clone(), "plain".to_owned()];
        let counts = [words::count(row.offered), words::count(row.accepted)];
        kinds.row(head.into_iter().chain(counts).chain([NONE; 4].map(str::to_owned)));
    }
}

/// Records that are put straight into a stream: of one kind, and they take nothing of a table.
fn add_puts(kinds: &mut Table, result: &RunResult) {
    for row in &result.producers {
        let Some(puts) = &row.puts else { continue };
        let bytes = crate::report::number::share(puts.bytes, row.accepted + puts.copies);
        let counts = [words::count(row.offered), words::count(row.accepted)];
        let of_tables = [NONE; 3].map(str::to_owned);
        let head = [row.path.clone(), "put into a stream".to_owned()];
        kinds.row(
            head.into_iter()
                .chain(counts)
                .chain(of_tables)
                .chain([bytes.map_or(NONE.to_owned(), words::bytes)]),
        );
    }
}
