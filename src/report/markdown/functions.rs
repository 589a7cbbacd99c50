//! Functions: invocations, and what failures led to.

use super::or_none;
use crate::report::result::RunResult;
use crate::report::result::lambda::LambdaRow;
use crate::report::table::Table;
use crate::report::words;

/// Both tables; nothing without functions.
pub(super) fn section(result: &RunResult) -> String {
    let functions: Vec<_> =
        result.consumers.iter().filter_map(|row| Some((&row.path, row.lambda.as_ref()?))).collect();
    let texts = [
        super::section("Functions", &invocations(&functions)),
        super::section("Executions at once, and invocations refused (replication 0)", &over_time(&functions)),
        super::section("What failures of functions led to", &failures(&functions)),
    ];
    texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

type Functions<'a> = [(&'a String, &'a LambdaRow)];

fn invocations(functions: &Functions) -> Table {
    let mut table = Table::new(&[
        "<function",
        "<reads via",
        "invocations",
        "failed",
        "throttled",
        "cold starts",
        "duration",
        "concurrency mean",
        "max",
        "batches at once a shard",
    ]);
    for (path, row) in functions {
        table.row([
            (*path).clone(),
            row.via.clone(),
            words::count(row.invocations),
            words::count(row.errors),
            words::count(row.throttled_concurrency + row.throttled_scaling + row.throttled_requests),
            words::count(row.cold_starts),
            or_none(row.duration_mean_ms, words::milliseconds),
            or_none(row.concurrency_mean, words::number),
            words::count(u64::from(row.concurrency_max)),
            or_none(row.effective_parallelism, words::number),
        ]);
    }
    table
}

/// Who ran how often at once, and who was refused, over time; nothing where nobody was.
fn over_time(functions: &Functions) -> Table {
    let curves: Vec<_> =
        functions.iter().filter_map(|(path, row)| Some((path, row.over_time.as_ref()?))).collect();
    let heads = curves.iter().flat_map(|(path, _)| [format!("{path}: at once"), "refused".to_owned()]);
    let heads: Vec<String> = std::iter::once("from".to_owned()).chain(heads).collect();
    let mut table = Table::new(&heads.iter().map(String::as_str).collect::<Vec<_>>());
    let Some((_, first)) = curves.first() else { return table };
    for step in 0..first.throttled.len() {
        let counts = curves.iter().flat_map(|(_, curve)| [&curve.concurrency_max, &curve.throttled]);
        let counts = counts.map(|counts| words::count(counts.get(step).copied().unwrap_or(0)));
        table.row(std::iter::once(format!("{} s", words::number(step as f64 * first.step_s))).chain(counts));
    }
    table
}

fn failures(functions: &Functions) -> Table {
    let mut table = Table::new(&[
        "<function",
        "<error handling",
        "blocked batches",
        "longest block",
        "processed again",
        "records apart p50",
        "filtered",
        "to destination",
        "discarded",
        "of these good",
    ]);
    for (path, row) in functions {
        table.row([
            (*path).clone(),
            row.repeats.cause.replace('_', " "),
            words::count(row.blocked_batches),
            or_none(row.blocked_max_ms, words::milliseconds),
            words::count(row.repeats.processed_again),
            or_none(row.repeats.pooled_distance_records.p50, words::number),
            words::count(row.filtered),
            words::count(row.on_failure),
            words::count(row.discarded),
            words::count(row.good_given_up),
        ]);
    }
    table
}
