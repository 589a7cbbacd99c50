//! The summary of a run on one screen: plain text, as wide as its screen.

use super::incidents;
use super::losses;
use super::result::RunResult;
use super::result::identity::StudyName;
use super::result::latency::LatencyRow;
use super::result::overload;
use super::result::slo::{Judgement, Verdict};
use super::table::Table;
use super::words;
use super::{cost_tree, drawing, refused_reads};

/// What is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Columns that lines take at most.
    pub width: usize,
    /// Whether it shows colours.
    pub colour: Colour,
}

impl Screen {
    /// What a file or a pipe is: the same everywhere.
    pub const PLAIN: Self = Self { width: 100, colour: Colour::Plain };
}

/// Whether verdicts and warnings are coloured by ANSI escapes; print those through `anstream`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// No escapes at all.
    Plain,
    /// Red for what failed, yellow for what is open, green for what is fine.
    Ansi,
}

impl Colour {
    fn paint(self, code: u8, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Ansi => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}

const RED: u8 = 31;
const GREEN: u8 = 32;
const YELLOW: u8 = 33;

/// The summary. `files` is the folder that the reports were written to, if any.
pub fn render(result: &RunResult, files: Option<&str>, screen: Screen) -> String {
    let mut lines = heading(result, screen.width);
    lines.extend(warnings(result, screen));
    lines.push(String::new());
    lines.extend(drawing::draw(result, screen.width));
    lines.push(String::new());
    lines.extend(latency(result, screen.width));
    lines.push(String::new());
    lines.extend(facts(result, screen.width));
    lines.extend(result.slo.iter().enumerate().flat_map(|(number, verdict)| {
        let label = if number == 0 { "slo" } else { "" };
        objective(label, verdict.verdict, &asked_and_found(verdict), screen)
    }));
    lines.extend(files.map(|files| labelled("files", files)));
    lines.join("\n") + "\n"
}

/// Columns before the text of a labelled line.
const LABEL: usize = 9;

fn labelled(label: &str, text: &str) -> String {
    format!("{label:<LABEL$}{text}")
}

fn heading(result: &RunResult, width: usize) -> Vec<String> {
    let identity = &result.identity;
    let name = match &identity.variant {
        Some(variant) => format!("{} / {variant}", identity.scenario),
        None => identity.scenario.clone(),
    };
    let study = match identity.study {
        StudyName::Steady => "steady",
        StudyName::Terminating => "terminating",
    };
    let warm_up = match identity.warm_up_s {
        0.0 => String::new(),
        seconds => format!(" after a warm-up of {}", words::span(seconds)),
    };
    let run = format!(
        "{name}: {study}, {}{warm_up}, {}, seed {}, fingerprint {}",
        words::span(identity.measured_s()),
        words::plural(u64::from(identity.replications), "replication"),
        identity.seed,
        identity.fingerprint,
    );
    let about =
        if identity.about.is_empty() { Vec::new() } else { words::wrapped(&identity.about, "", width) };
    words::wrapped(&run, "  ", width).into_iter().chain(about).collect()
}

fn warnings(result: &RunResult, screen: Screen) -> Vec<String> {
    let mut warnings = Vec::new();
    for overload in &result.overloaded {
        warnings.push(overload.sentence(result.identity.replications));
    }
    if !result.overloaded.is_empty() {
        warnings.push(overload::CONSEQUENCE.into());
    }
    if !result.complete {
        warnings.push(
            "Some measured writes had not arrived by the end: latencies are at least those shown.".into(),
        );
    }
    warnings.extend(result.refusals.iter().cloned());
    warnings
        .iter()
        .flat_map(|text| words::wrapped(text, "  ", screen.width))
        .map(|line| screen.colour.paint(YELLOW, &line))
        .collect()
}

/// A latency figure: `~` where too few records tell it, `≥` where some never arrived.
pub(super) fn latency_figure(row: &LatencyRow, name: &str, value: Option<f64>) -> String {
    let text = words::figure(".p50", value);
    match () {
        () if value.is_none() => text,
        () if row.at_least => format!("≥{text}"),
        () if !row.sure(name) => format!("~{text}"),
        () => text,
    }
}

fn latency(result: &RunResult, width: usize) -> Vec<String> {
    let mut table =
        Table::new(&["<from the intended write", "records", "mean", "p50", "p90", "p99", "p99.9", "max"]);
    for row in &result.latency {
        let figures = row.figures().map(|(name, value)| latency_figure(row, name, value));
        table.row([row.path.clone(), words::count(row.count)].into_iter().chain(figures));
    }
    let mut lines = table.fitted(width, 1);
    let unsure =
        |row: &LatencyRow| row.figures().iter().any(|(name, value)| value.is_some() && !row.sure(name));
    if result.latency.iter().any(unsure) {
        lines.push("~ fewer than 10 records lie beyond this percentile in some replication".into());
    }
    lines
}

fn facts(result: &RunResult, width: usize) -> Vec<String> {
    let mut facts = Vec::new();
    for row in &result.ordering {
        let share = |value: Option<f64>| value.map_or(words::NONE.into(), words::percent);
        let (twice, late) = (share(row.duplicate_share), share(row.out_of_order_share));
        facts.push(("order", format!("{}: {twice} arrive twice, {late} out of order", row.path)));
    }
    facts.extend(worst_table(result).map(|text| ("table", text)));
    facts.extend(worst_shard(result).map(|text| ("shard", text)));
    facts.extend(refused_reads::sentence(result).map(|text| ("reads", text)));
    facts.extend(incidents::stalls(result).into_iter().map(|text| ("stall", text)));
    facts.push(("lost", losses::sentence(result)));
    facts.extend(incidents::alarms(result).into_iter().map(|text| ("alarm", text)));
    facts.push(("bill", bill(result)));
    facts.extend(by_cause(result).map(|text| ("", text)));
    let lines = |(label, text): &(&str, String)| -> Vec<String> {
        let lines = words::wrapped(text, "", width.saturating_sub(LABEL)).into_iter().enumerate();
        lines.map(|(number, line)| labelled(if number == 0 { label } else { "" }, &line)).collect()
    };
    facts.iter().flat_map(lines).collect()
}

/// The table that refused most: from when to when, why, and whether it adapted.
fn worst_table(result: &RunResult) -> Option<String> {
    let row = result.tables.iter().filter(|row| row.throttled > 0).max_by_key(|row| row.throttled)?;
    let throughput = &row.throughput;
    let second = |at: Option<f64>| at.map_or(words::NONE.to_owned(), |at| format!("{} s", words::number(at)));
    let reasons: Vec<&str> = throughput.throttled_by_reason.keys().map(String::as_str).collect();
    let mut text = format!(
        "{}: {} refused from {} to {}, {}",
        row.path,
        words::plural(row.throttled, "write request"),
        second(throughput.first_throttled_s),
        second(throughput.last_throttled_s),
        reasons.join(" and "),
    );
    if let Some(partitions) = &throughput.partitions {
        if let Some(hottest) = partitions.hottest.first().filter(|partition| partition.throttled > 0) {
            text += &format!("; partition {} refused most", hottest.partition);
        }
        if partitions.first_split_s.is_some() {
            let (from, to) = (partitions.at_start, partitions.at_end);
            let from = words::plural(from, "partition");
            text += &format!("; {from} became {to}, the last at {}", second(partitions.last_split_s));
        }
    }
    Some(text)
}

fn worst_shard(result: &RunResult) -> Option<String> {
    let firsts = result.shards.iter().filter_map(|stream| Some((stream, stream.worst.first()?)));
    let (stream, shard) = firsts.max_by(|(_, a), (_, b)| {
        let badness =
            |row: &super::result::shards::ShardRow| (row.total.refused, row.utilisation_max.unwrap_or(0.0));
        let (a, b) = (badness(a), badness(b));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    })?;
    let mut text = format!(
        "{} shard {} ({} open): busiest second at {} of its limit, {} refused",
        stream.path,
        shard.shard,
        stream.shards,
        words::percent(shard.utilisation_max.unwrap_or(0.0)),
        words::count(shard.total.refused),
    );
    if let Some(key) = shard.top_keys.first() {
        text += &format!(", {} of it {}", words::percent(key.share.unwrap_or(0.0)), key.key);
    }
    Some(text)
}

fn bill(result: &RunResult) -> String {
    let bill = &result.cost.bill;
    let services: Vec<String> = cost_tree::services(bill)
        .iter()
        .map(|service| format!("{} {}", service.name, service.amount(words::usd)))
        .collect();
    let of = spans_of(result, |hours| format!("for the {hours} h that this run stands for"));
    let total = match bill.total {
        Some(total) => format!("{} {of}", words::usd(total)),
        None => format!(
            "unknown; {} {of} are known, not {}",
            words::usd(bill.known_subtotal),
            bill.unknown.join(", ")
        ),
    };
    format!("{total} ({})", services.join(", "))
}

/// What a bill is for: a month, or the part of it that the run stands for.
pub(super) fn spans_of(result: &RunResult, part: impl Fn(String) -> String) -> String {
    result.cost.part_of_month().map_or("a month".to_owned(), |hours| part(words::number(hours)))
}

/// Why the bill arose, where there is more than one cause.
fn by_cause(result: &RunResult) -> Option<String> {
    let causes = cost_tree::dearest_first(&result.cost.by_cause).into_iter();
    let causes: Vec<String> =
        causes.map(|(cause, amount)| format!("{} {}", cause.words(), words::usd(amount))).collect();
    (causes.len() > 1).then(|| format!("by cause: {}", causes.join(", ")))
}

/// Columns of the word for a verdict.
const VERDICT: usize = 9;

/// The word for a verdict, in its colour.
fn verdict_word(judgement: Judgement, colour: Colour) -> String {
    let code = match judgement {
        Judgement::Pass => GREEN,
        Judgement::Miss => RED,
        Judgement::Undecided | Judgement::Unknown => YELLOW,
    };
    colour.paint(code, &format!("{:<VERDICT$}", judgement.name()))
}

/// What an objective asks, and what was found.
pub(super) fn asked_and_found(verdict: &Verdict) -> String {
    let found = words::with_interval(&verdict.path, verdict.value, verdict.interval95.as_ref());
    let reason = verdict.reason.as_ref().map_or(String::new(), |reason| format!("; {reason}"));
    format!("{} {}: {found}{reason}", verdict.path, verdict.asked)
}

/// The lines of an objective: its verdict, and after it what there is to say.
pub(super) fn objective(label: &str, judgement: Judgement, text: &str, screen: Screen) -> Vec<String> {
    let word = format!("{} ", verdict_word(judgement, screen.colour));
    let lines = words::wrapped(text, "", screen.width.saturating_sub(LABEL + VERDICT + 1));
    let before = |number: usize| if number == 0 { word.clone() } else { " ".repeat(VERDICT + 1) };
    let line = |(number, line): (usize, &String)| {
        labelled(if number == 0 { label } else { "" }, &format!("{}{line}", before(number)))
    };
    lines.iter().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn the_summary_fits_any_screen_and_says_what_matters() {
        for width in [80, 100, 160] {
            let screen = Screen { width, ..Screen::PLAIN };
            let text = render(&example::result(2), Some("reports/small"), screen);
            assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
            assert!(text.lines().count() <= 44, "{text}");
            for part in [
                "seed 7",
                "fingerprint",
                "workload.checkout",
                "─▶ S3",
                "USD a month",
                "nothing of",
                "reports/small",
            ] {
                assert!(text.contains(part), "{part} is missing in:\n{text}");
            }
            assert!(!text.contains('\u{1b}'));
        }
    }
}
