//! `summary.md`: everything a result says, for people to read.

mod bill;
mod capacity;
mod firehose;
mod fleets;
mod functions;
pub(super) mod incidents;
mod queries;
mod queues;
mod readers;
mod repair;
mod shards;
mod sinks;
mod stream_capacity;
mod waits;

use super::result::RunResult;
use super::result::flow::ModeName;
use super::result::identity::{StudyName, WarmUpName};
use super::result::latency::LatencyRow;
use super::result::ordering::Spread;
use super::result::overload;
use super::result::slo::Judgement;
use super::table::{Table, escaped};
use super::terminal::latency_figure;
use super::words::{self, NONE};
use super::{losses, streams, writes};

/// The whole summary.
pub fn render(result: &RunResult) -> String {
    let sections = [
        heading(result),
        objectives(result),
        latency(result),
        parts(result),
        waits::section_of(result),
        flow(result),
        capacity::capacity(result),
        writes::section(result),
        writes::troubles(result),
        streams::section(result),
        throttles(result),
        ordering(result),
        repair::section(result),
        stream_capacity::section(result),
        shards::shards(result),
        readers::readers(result),
        functions::section(result),
        queues::section(result),
        fleets::section(result),
        sinks::section(result),
        readers::objects(result),
        queries::section(result),
        events(result),
        incidents::section_of(result),
        bill::bill(result),
        ledger(result),
        assumptions(result),
        identity(result),
    ];
    let sections: Vec<String> = sections.into_iter().filter(|section| !section.is_empty()).collect();
    sections.join("\n")
}

fn section(title: &str, table: &Table) -> String {
    if table.is_empty() { String::new() } else { format!("## {title}\n\n{}", table.markdown()) }
}

fn or_none(value: Option<f64>, word: fn(f64) -> String) -> String {
    value.map_or(NONE.to_owned(), word)
}

fn heading(result: &RunResult) -> String {
    let identity = &result.identity;
    let variant = identity.variant.as_ref().map_or(String::new(), |variant| format!(" / {variant}"));
    let mut text = format!("# {}{}\n", escaped(&identity.scenario), escaped(&variant));
    let mut paragraph = |words: &str| text += &format!("\n{words}\n");
    if !identity.about.is_empty() {
        paragraph(&escaped(&identity.about));
    }
    let study = match identity.study {
        StudyName::Steady => "steady study",
        StudyName::Terminating => "terminating study",
    };
    paragraph(&format!(
        "A {study} of {} in {} with seed {}; the first {} are not measured.",
        words::span(identity.duration_s),
        words::plural(u64::from(identity.replications), "replication"),
        identity.seed,
        words::span(identity.warm_up_s),
    ));
    for overload in &result.overloaded {
        paragraph(&format!("**{}**", escaped(&overload.sentence(identity.replications))));
    }
    if !result.overloaded.is_empty() {
        paragraph(overload::CONSEQUENCE);
    }
    if !result.complete {
        paragraph(
            "**Some measured writes had not arrived by the end:** latencies are at least those shown (≥).",
        );
    }
    result.refusals.iter().for_each(|refusal| paragraph(&format!("**{}**", escaped(refusal))));
    paragraph(&format!("Lost: {}.", escaped(&losses::sentence(result))));
    result.notes.iter().for_each(|note| paragraph(&escaped(note)));
    text
}

fn objectives(result: &RunResult) -> String {
    let mut table = Table::new(&["<objective", "<asked", "found", "<verdict", "<why"]);
    for verdict in &result.slo {
        let word = match verdict.verdict {
            Judgement::Pass => "pass".to_owned(),
            judgement => judgement.name().to_uppercase(),
        };
        let violating = match verdict.violating {
            0 => String::new(),
            number => {
                let all = words::plural(u64::from(result.identity.replications), "replication");
                format!("Violated in {number} of {all}. ")
            }
        };
        table.row([
            verdict.path.clone(),
            verdict.asked.clone(),
            words::with_interval(&verdict.path, verdict.value, verdict.interval95.as_ref()),
            word,
            violating + verdict.reason.as_deref().unwrap_or(""),
        ]);
    }
    section("Objectives", &table)
}

fn latency(result: &RunResult) -> String {
    let mut table =
        Table::new(&["<from the intended write", "records", "mean", "p50", "p90", "p99", "p99.9", "max"]);
    for row in &result.latency {
        let figure = |(name, value): (&str, Option<f64>)| {
            let text = latency_figure(row, name, value);
            match row.interval95.get(name).and_then(|interval| interval.ends()) {
                Some((low, high)) if low != high && value.is_some() => {
                    format!("{text} ±{}", words::milliseconds((high - low) / 2.0))
                }
                _ => text,
            }
        };
        table.row([row.path.clone(), words::count(row.count)].into_iter().chain(row.figures().map(figure)));
    }
    section("Latency", &table)
        + "\nEach figure is the mean of the replications' own figures, ± half of its 95 % interval (Student's t); max is \
           the greatest of all. `~`: fewer than ten records lie beyond the percentile in some replication, so that it \
           is not sure.\n"
}

fn parts(result: &RunResult) -> String {
    let mut text = String::new();
    let named = |row: &&LatencyRow| row.parts.get("mean_ms").is_some_and(|parts| parts.len() > 1);
    for row in result.latency.iter().filter(named) {
        let names: Vec<&String> = row.parts["mean_ms"].keys().collect();
        let columns: Vec<&str> =
            std::iter::once("<of").chain(names.iter().map(|name| name.as_str())).collect();
        let mut table = Table::new(&columns);
        for (figure, parts) in &row.parts {
            let label = match figure.as_str() {
                "mean_ms" => "the mean".to_owned(),
                "p999_ms" => "records near p99.9".to_owned(),
                figure => format!("records near {}", figure.trim_end_matches("_ms")),
            };
            let cells = parts.values().map(|value| words::figure(".mean", *value));
            table.row(std::iter::once(label).chain(cells));
        }
        text += &format!("\n### {}\n\n{}", escaped(&row.path), table.markdown());
    }
    if text.is_empty() { text } else { format!("## What latency is made of\n{text}") }
}

fn flow(result: &RunResult) -> String {
    let text = [section("Producers", &producers(result)), puts(result), section("Tables", &tables(result))];
    text.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

fn producers(result: &RunResult) -> Table {
    let mut table = Table::new(&[
        "<producer",
        "offered",
        "measured a second",
        "accepted",
        "given up",
        "too large",
        "attempts a write",
        "throttled at first",
    ]);
    for row in &result.producers {
        table.row([
            format!("{} to {}", row.path, row.writes_to),
            words::count(row.offered),
            or_none(row.measured_per_s, words::number),
            words::count(row.accepted),
            words::count(row.given_up),
            words::count(row.too_large),
            or_none(row.attempts_per_write, words::number),
            words::with_interval("_share", row.throttled_share, Some(&row.throttled_share_interval95)),
        ]);
    }
    table
}

fn tables(result: &RunResult) -> Table {
    let mut table = Table::new(&[
        "<table",
        "<mode",
        "write units/s",
        "requests",
        "refused",
        "units used",
        "<feeds",
        "puts",
        "puts refused",
        "copies",
        "capture units",
        "oldest waiting",
    ]);
    for row in &result.tables {
        let mut cells = vec![
            row.path.clone(),
            match row.mode {
                ModeName::Provisioned => "provisioned".to_owned(),
                ModeName::OnDemand => "on-demand".to_owned(),
            },
            words::count(row.write_units_per_s),
            words::count(row.requests),
            words::count(row.throttled),
            words::count(row.write_units),
        ];
        if let Some(feed) = &row.kinesis {
            let counts = [feed.attempts, feed.throttled, feed.copies, feed.change_data_capture_units];
            cells.push(feed.stream.clone());
            cells.extend(counts.map(words::count));
            cells.push(or_none(feed.age_of_oldest_max_ms, words::milliseconds));
        }
        table.row(cells);
    }
    table
}

/// Producers that put records straight into a stream.
fn puts(result: &RunResult) -> String {
    let mut table = Table::new(&[
        "<producer",
        "calls",
        "records a Kinesis record",
        "Kinesis records put",
        "refused",
        "for records",
        "for bytes",
        "for both",
        "attempts a record",
        "expired",
        "copies",
        "payload units",
    ]);
    for row in &result.producers {
        let Some(puts) = &row.puts else { continue };
        let limits = puts.refused_by_limit;
        table.row([
            row.path.clone(),
            words::count(puts.calls),
            or_none(puts.records_per_kinesis_record, words::number),
            words::count(puts.kinesis_records),
            words::with_interval("_share", puts.refused_share, Some(&puts.refused_share_interval95)),
            words::count(limits.records),
            words::count(limits.bytes),
            words::count(limits.both),
            or_none(puts.attempts_per_record, words::number),
            words::count(puts.expired),
            words::count(puts.copies),
            words::count(puts.put_payload_units),
        ]);
    }
    section("Puts into streams", &table)
}

fn throttles(result: &RunResult) -> String {
    let mut table = Table::new(&["<where", "<limit", "refused", "of all requests", "first"]);
    for row in result.throttles.iter().filter(|row| row.refused > 0) {
        table.row([
            row.path.clone(),
            row.cause.clone(),
            words::count(row.refused),
            or_none(row.share, words::percent),
            row.first_s.map_or(NONE.to_owned(), |second| format!("{} s", words::number(second))),
        ]);
    }
    if table.is_empty() {
        return "## Throttles\n\nNothing was refused anywhere.\n".into();
    }
    section("Throttles", &table) + "\nA refusal shows both where it was met and whose limit it was.\n"
}

fn ordering(result: &RunResult) -> String {
    let mut text = String::new();
    for row in &result.ordering {
        let mut table = Table::new(&["<records", "count", "share"]);
        let share = |value, interval| words::with_interval("_share", value, Some(interval));
        table.row(["looked at".to_owned(), words::count(row.records)]);
        table.row([
            "second copies".to_owned(),
            words::count(row.duplicates),
            share(row.duplicate_share, &row.duplicate_share_interval95),
        ]);
        for (cause, count) in &row.duplicate_causes {
            table.row([format!("... by {}", cause.replace('_', " ")), words::count(*count)]);
        }
        table.row([
            "out of order for their item".to_owned(),
            words::count(row.out_of_order),
            share(row.out_of_order_share, &row.out_of_order_share_interval95),
        ]);
        for (cause, count) in row.causes.iter().filter(|(_, count)| **count > 0) {
            table.row([format!("... by {}", cause.replace('_', " ")), words::count(*count)]);
        }
        text += &format!("\n### {}\n\n{}", escaped(&row.path), table.markdown());
        let mut distances = Table::new(&["<pooled over replications", "p50", "p90", "p99", "max"]);
        let mut spread = |what: &str, spread: Spread, word: fn(f64) -> String| {
            if spread.max.is_some() {
                let figures =
                    [spread.p50, spread.p90, spread.p99, spread.max].map(|value| or_none(value, word));
                distances.row(std::iter::once(what.to_owned()).chain(figures));
            }
        };
        spread("versions that late records lie behind", row.pooled_distance_records, words::number);
        spread("age of late records against the newest seen", row.pooled_distance_ms, words::milliseconds);
        spread("time from the first to the second copy", row.pooled_duplicate_gap_ms, words::milliseconds);
        if !distances.is_empty() {
            text += &format!("\n{}", distances.markdown());
        }
    }
    for row in &result.ordering_not_followed {
        let path = escaped(&row.path);
        text += &format!(
            "\nWhat {path} processes again or out of turn is not measured: {}.\n",
            escaped(&row.why)
        );
    }
    if text.is_empty() { text } else { format!("## Order and duplicates\n{text}") }
}

fn events(result: &RunResult) -> String {
    let mut table = Table::new(&["at", "<where", "<what", "<planned as"]);
    for row in &result.events {
        let at = row.at_s.map_or(NONE.to_owned(), |second| format!("{} s", words::number(second)));
        table.row([at, row.path.clone(), row.what.clone(), row.event.clone().unwrap_or_default()]);
    }
    section("Events", &table)
}

fn ledger(result: &RunResult) -> String {
    let mut table = Table::new(&["<stretch", "<entered", "<became"]);
    for account in &result.ledger {
        let list = |counts: &indexmap::IndexMap<String, u64>| {
            let there = counts.iter().filter(|(_, count)| **count > 0);
            let words: Vec<String> = there.map(|(name, count)| words::of_ledger(*count, name)).collect();
            words.join(", ")
        };
        table.row([account.path.clone(), list(&account.entered), list(&account.fates)]);
    }
    section("Ledger", &table) + "\nSummed over all replications, drain included; every line balances.\n"
}

fn assumptions(result: &RunResult) -> String {
    let mut table = Table::new(&["<id", "<assumed", "<value", "<basis"]);
    for row in &result.assumptions {
        table.row([row.id.clone(), row.what.clone(), row.value.clone(), row.basis.clone()]);
    }
    section("Assumptions", &table)
}

fn identity(result: &RunResult) -> String {
    let identity = &result.identity;
    let mut table = Table::new(&["<this run", "<is"]);
    let mut row = |what: &str, value: String| table.row([what.to_owned(), value]);
    row("Streamgauge", identity.version.clone());
    row("scenario, SHA-256", identity.scenario_digest.clone());
    identity.inputs.iter().for_each(|(file, digest)| row(&format!("{file}, SHA-256"), digest.clone()));
    identity.overrides.iter().for_each(|override_| row("override", override_.clone()));
    row("seed", identity.seed.to_string());
    row("replications", identity.replications.to_string());
    row("duration", words::span(identity.duration_s));
    let rule = match identity.warm_up_rule {
        WarmUpName::Fixed => "",
        WarmUpName::Mser5 => " by MSER-5",
    };
    row("warm-up", words::span(identity.warm_up_s) + rule);
    row("simulated start", identity.start.clone());
    row("fingerprint", identity.fingerprint.clone());
    let book = &identity.price_book;
    row("prices", format!("{} of {}, SHA-256 {}", book.region, book.as_of, book.digest));
    section("Identity", &table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn the_summary_says_who_it_is_and_what_it_found() {
        let result = example::result(2);
        let text = render(&result);
        let facts = [
            "# small\n",
            result.identity.fingerprint.as_str(),
            result.identity.price_book.digest.as_str(),
            "firehose.lake.freshness",
            "| records near p99 |",
            "a month",
            "equals: 0",
            "## Ledger",
        ];
        for fact in facts {
            assert!(text.contains(fact), "{fact} is missing in:\n{text}");
        }
    }

    #[test]
    fn what_is_censored_or_overloaded_is_said_aloud() {
        let mut result = example::result(1);
        result.complete = false;
        result.latency.iter_mut().for_each(|row| row.at_least = true);
        result.overloaded.push(crate::report::result::overload::Overload {
            path: "consumers.search".into(),
            limit: "consumers.search: 2 workers".into(),
            growth_per_s: Some(12.0),
            replications: 1,
        });
        let text = render(&result);
        assert!(
            text.contains("at least")
                && text.contains("| ≥")
                && text.contains("overloaded: consumers.search")
        );
    }
}
