//! One write's way as a column of steps, 79 columns wide.

use rust_decimal::prelude::ToPrimitive;

use super::{EndRow, Followed, PUT, StepRow};
use crate::pipeline::follow::UNREAD;
use crate::report::words;

/// The price of provisioned write units, of which a write takes the share of a second.
const WRITE_UNIT_HOURS: &str = "ddb.prov.wcu_h";
/// Columns that are taken at most.
pub const WIDTH: usize = 79;
/// Columns of the time since the write.
const TIME: usize = 9;
/// Columns of the words.
const WORDS: usize = 43;
/// Columns of sizes and of costs.
const NUMBER: usize = 10;

/// The way of a write.
pub fn render(followed: &Followed) -> String {
    let mut lines = heading(followed);
    // What happened at one place stands together; places stand in the order in which the write came there.
    let mut places: Vec<(&str, bool)> = Vec::new();
    for step in &followed.steps {
        if !places.contains(&(step.path.as_str(), step.second_copy)) {
            places.push((&step.path, step.second_copy));
        }
    }
    for (path, copy) in places {
        lines.push(format!("{path}{}", if copy { " (second copy)" } else { "" }));
        let here = |step: &&StepRow| step.path == path && step.second_copy == copy;
        followed.steps.iter().filter(here).for_each(|step| lines.extend(self::step(step)));
    }
    lines.push(String::new());
    lines.extend(ends(followed));
    lines.extend(cost(followed));
    lines.join("\n") + "\n"
}

fn heading(followed: &Followed) -> Vec<String> {
    let write = &followed.write;
    let variant = followed.variant.as_ref().map_or(String::new(), |variant| format!(" / {variant}"));
    let text = format!(
        "{}{variant}, seed {}, replication {}: {} {} of {}, meant for {} s",
        followed.scenario,
        followed.seed,
        followed.replication,
        noun(followed),
        words::count(write.number),
        write.workload,
        write.at_s,
    );
    let mut lines = words::wrapped(&text, "  ", WIDTH);
    lines.push(String::new());
    lines.push(line("after", "", "size", "USD/million"));
    lines
}

/// What is followed, in a word.
fn noun(followed: &Followed) -> &'static str {
    if followed.write.operation == PUT { "record" } else { "write" }
}

/// Time, words with their mark, size and cost in their columns.
fn line(time: &str, words: &str, size: &str, cost: &str) -> String {
    let line = format!("{time:>TIME$}  {words:<WORDS$}  {size:>NUMBER$}  {cost:>11}");
    line.trim_end().to_owned()
}

fn step(step: &StepRow) -> Vec<String> {
    let mut lines = Vec::new();
    for wait in &step.waits {
        let text = format!("{} for {}", words::milliseconds(wait.ms), wait.on);
        lines.extend(marked("│ ", &text).into_iter().map(|text| line("", &text, "", "")));
    }
    let size = step.bytes.map_or(String::new(), |bytes| words::bytes(bytes as f64));
    let known = step.usd_a_million().and_then(|usd| usd.to_f64());
    let cost = match known {
        Some(usd) => words::number(usd),
        None if step.costs.is_empty() => String::new(),
        None => "unknown".to_owned(),
    };
    let texts = marked("● ", &step.what);
    for (number, text) in texts.iter().enumerate() {
        lines.push(match number {
            0 => line(&words::milliseconds(step.after_ms), text, &size, &cost),
            _ => line("", text, "", ""),
        });
    }
    lines
}

fn marked(mark: &str, text: &str) -> Vec<String> {
    let fitting = |line: String| words::broken(&line, WORDS - 2);
    let lines = words::wrapped(text, "", WORDS - 2).into_iter().flat_map(fitting).enumerate();
    lines.map(|(number, line)| format!("{}{line}", if number == 0 { mark } else { "  " })).collect()
}

fn labelled(label: &str, text: &str) -> Vec<String> {
    let lines = words::wrapped(text, "", WIDTH - 9).into_iter().enumerate();
    lines.map(|(number, line)| format!("{:<9}{line}", if number == 0 { label } else { "" })).collect()
}

fn ends(followed: &Followed) -> Vec<String> {
    let end = |(number, end): (usize, &EndRow)| {
        let fate = end.fate.replace('_', " ");
        let copy = if end.second_copy { ", the second copy" } else { "" };
        let text = match end.after_us {
            Some(after) if end.fate == UNREAD => {
                let after = words::milliseconds(after as f64 / 1e3);
                format!("{}{copy}: in its shard after {after}, and nobody reads it", end.path)
            }
            Some(after) => {
                format!("{}{copy}: {fate} after {}", end.path, words::milliseconds(after as f64 / 1e3))
            }
            None => format!("{}{copy}: still {fate} when the run ended", end.path),
        };
        labelled(if number == 0 { "ended" } else { "" }, &text)
    };
    followed.ends.iter().enumerate().flat_map(end).collect()
}

/// What a million such writes cost, by price.
fn cost(followed: &Followed) -> Vec<String> {
    let mut sums: Vec<(&str, f64)> = Vec::new();
    for cost in followed.steps.iter().flat_map(|step| &step.costs) {
        let amount = cost.usd_a_million.and_then(|usd| usd.to_f64()).unwrap_or(0.0);
        match sums.iter_mut().find(|(id, _)| *id == cost.id) {
            Some((_, sum)) => *sum += amount,
            None => sums.push((&cost.id, amount)),
        }
    }
    let known = sums.iter().filter(|(id, _)| !followed.unknown.iter().any(|unknown| unknown == id));
    let parts: Vec<String> =
        known.map(|(id, sum)| words::glued(&format!("{id} {}", words::number(*sum)))).collect();
    let total = followed.usd_a_million.to_f64().map_or_else(String::new, words::number);
    let parts = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
    let unknown = match followed.unknown.as_slice() {
        [] => String::new(),
        ids => format!(", and what {} costs, which is not known", ids.join(" and ")),
    };
    let by_the_hour = match sums.iter().any(|(id, _)| *id == WRITE_UNIT_HOURS) {
        true => "; provisioned write units for a second of theirs, nothing else that is paid by the hour",
        false => "; nothing that is paid by the hour is in it",
    };
    let noun = noun(followed);
    labelled("cost", &format!("{total} USD for a million such {noun}s{parts}{unknown}{by_the_hour}"))
}
