//! Stalls, losses and alarms, in the summary.

use super::{or_none, section};
use crate::report::incidents::all_stalls;
use crate::report::losses;
use crate::report::result::RunResult;
use crate::report::result::alarms::AlarmRow;
use crate::report::result::losses::LossRow;
use crate::report::table::{Table, escaped};
use crate::report::words::{self, NONE};

/// Seconds as people read them.
fn span(seconds: f64) -> String {
    words::milliseconds(seconds * 1e3)
}

pub(super) fn section_of(result: &RunResult) -> String {
    let parts = [stalls(result), causes(result), losses(result), set_aside(result), alarms(result)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn stalls(result: &RunResult) -> String {
    let mut table = Table::new(&[
        "<consumer",
        "<held up by",
        "from",
        "until",
        "peak lag",
        "most waiting",
        "caught up after",
        "±",
        "first loss after",
        "<which is",
        "not caught up",
    ]);
    let mut curves = String::new();
    for (path, stall) in all_stalls(result) {
        let interval = stall.recovered_after_interval95.ends();
        table.row([
            path.to_owned(),
            stall.event.clone(),
            or_none(stall.from_s, span),
            or_none(stall.until_s, span),
            or_none(stall.peak_lag_s, span),
            words::count(stall.peak_records),
            or_none(stall.recovered_after_s, span),
            interval.map_or(NONE.to_owned(), |(low, high)| span((high - low) / 2.0)),
            or_none(stall.first_loss_after_s, span),
            stall.first_loss_cause.clone().unwrap_or_else(|| NONE.to_owned()),
            words::count(stall.not_recovered),
        ]);
        let mut curve = Table::new(&["at", "records waiting", "age of the oldest"]);
        for point in &stall.curve {
            curve.row([or_none(point.at_s, span), words::count(point.records), or_none(point.age_s, span)]);
        }
        let title = format!("{path} and {} (replication 0)", stall.event);
        curves += &format!("\n### {}\n\n{}", escaped(&title), curve.markdown());
    }
    if table.is_empty() {
        return String::new();
    }
    section("Stalls", &table)
        + "\nLag is the age of the oldest record that the reader is not done with, whether it waits in the stream or in the reader's hands. It has \
           caught up when that is no more than twice what nine tenths of the time do not exceed in the second half of the time before \
           the first event of all, or than a bin of the series, and stays so for a twentieth of the event's length. After an event without an end that time is the one from its beginning to the last lateness before the consumer's \
           next event. Who is removed has no row.\n"
        + &curves
}

/// What does not get further by itself, and when that began.
fn causes(result: &RunResult) -> String {
    let mut table = Table::new(&["<at", "<fate", "<why", "records", "the first at", "the last at", "spells"]);
    for row in &result.losses {
        table.row([
            row.path.clone(),
            row.fate.replace('_', " "),
            row.cause.clone(),
            words::count(row.records),
            or_none(row.first_s, span),
            or_none(row.last_s, span),
            words::count(row.spells),
        ]);
    }
    section("Not arrived", &table)
}

fn losses(result: &RunResult) -> String {
    let consumers = result.consumers.iter().map(|row| (&row.path, &row.losses));
    let deliveries = result.objects.iter().map(|row| (&row.path, &row.losses));
    let all: Vec<(&String, &LossRow)> =
        consumers.chain(deliveries).filter_map(|(path, losses)| Some((path, losses.as_ref()?))).collect();
    let mut table = Table::new(&["<reader", "records lost", "the first at", "shards (replication 0)"]);
    let mut shards = Table::new(&["<reader", "shard", "records lost", "the first at"]);
    for (path, losses) in all {
        let sums = [words::count(losses.records), or_none(losses.first_s, span), words::count(losses.shards)];
        table.row(std::iter::once(path.clone()).chain(sums));
        for shard in &losses.by_shard {
            shards.row([
                path.clone(),
                words::count(shard.shard.into()),
                words::count(shard.records),
                or_none(shard.first_s, span),
            ]);
        }
    }
    if table.is_empty() {
        return String::new();
    }
    format!("{}\n{}", section("Lost to retention", &table), shards.markdown())
}

/// What is neither lost nor processed.
fn set_aside(result: &RunResult) -> String {
    let mut table = Table::new(&["<at", "<fate", "<to be found", "records"]);
    for it in losses::set_aside(result) {
        table.row([
            it.path.to_owned(),
            it.fate.replace('_', " "),
            format!(
                "{}{} {}",
                if it.readable_until_s.is_some() { "only as pointers " } else { "" },
                it.place,
                it.path
            ),
            words::count(it.records),
        ]);
    }
    section("Set aside", &table)
}

/// What an alarm asks, such as `IteratorAge > 900000 ms in 3 of 5 periods of 1 min`.
pub(crate) fn condition(alarm: &AlarmRow) -> String {
    let threshold = match alarm.unit.as_str() {
        "Milliseconds" => words::milliseconds(alarm.threshold),
        "Seconds" => span(alarm.threshold),
        "Bytes" => words::bytes(alarm.threshold),
        _ => words::number(alarm.threshold),
    };
    let (m, n) = (alarm.datapoints_to_alarm, alarm.evaluation_periods);
    let period = words::span(alarm.period_s as f64);
    let periods = words::plural(n, "period");
    format!("{} {} {threshold} in {m} of {periods} of {period}", alarm.metric, alarm.comparison)
}

fn alarms(result: &RunResult) -> String {
    let mut table = Table::new(&[
        "<alarm",
        "<on",
        "<goes off at",
        "first breach",
        "first alarm",
        "breach to alarm",
        "first loss",
        "<which is",
        "minutes before it",
        "losses without warning",
        "went off",
        "false",
        "false a week",
    ]);
    let mut states = Table::new(&["<alarm", "at", "<state (replication 0)"]);
    for alarm in &result.alarms {
        table.row([
            alarm.name.clone(),
            alarm.of.clone(),
            condition(alarm),
            or_none(alarm.first_breach_s, span),
            or_none(alarm.first_alarm_s, span),
            or_none(alarm.breach_to_alarm_s, span),
            or_none(alarm.first_loss_s, span),
            alarm.first_loss_cause.clone().unwrap_or_else(|| NONE.to_owned()),
            or_none(alarm.minutes_before_first_loss, words::number),
            words::count(alarm.losses_without_warning),
            words::count(alarm.went_off),
            words::count(alarm.false_alarms),
            or_none(alarm.false_alarms_a_week, words::number),
        ]);
        for change in &alarm.changes {
            states.row([alarm.name.clone(), or_none(change.at_s, span), change.to.clone()]);
        }
    }
    if table.is_empty() {
        return String::new();
    }
    format!(
        "{}\nAn alarm is false when it goes off while no planned event with a duration is in force, nor as long again after its \
         end, and nothing is lost while it lasts.\n\n{}",
        section("Alarms", &table),
        states.markdown()
    )
}
