//! Streams whose capacity moves, in the summary: capacity against load, refusals, scaling, modes.

use super::{or_none, words};
use crate::report::result::RunResult;
use crate::report::result::stream_capacity::{ModeRow, StreamCapacityRow, StreamCurve};
use crate::report::table::{Table, escaped};

/// Rows of the curve at most.
const ROWS: usize = 30;

/// The section on all such streams.
pub(super) fn section(result: &RunResult) -> String {
    let streams = result.shards.iter().filter_map(|stream| Some((stream, stream.capacity.as_ref()?)));
    let streams: Vec<String> = streams
        .map(|(stream, row)| {
            let head = format!("### {}\n\n{}\n\n", escaped(&stream.path), sentences(stream.shards, row));
            format!("{head}{}\n{}", of_curve(&row.curve), of_modes(&row.modes))
        })
        .collect();
    if streams.is_empty() { String::new() } else { format!("## Stream capacity\n\n{}", streams.join("\n")) }
}

fn second(value: Option<f64>) -> String {
    or_none(value, |second| format!("{} s", words::number(second)))
}

fn sentences(shards: u32, row: &StreamCapacityRow) -> String {
    let mut text = format!(
        "{} at the start, {} at most, {} at the end; the largest hash range is {} times the mean at the end, and was {} times \
         at the worst.",
        words::plural(u64::from(shards), "open shard"),
        row.shards_most,
        row.shards_at_end,
        or_none(row.range_unevenness_at_end, words::number),
        or_none(row.range_unevenness_max, words::number),
    );
    text += &if row.refused == 0 {
        " No put was refused.".to_owned()
    } else {
        format!(
            " {} refused in all replications, the first at {}, the last at {}, in {} different seconds of a replication; {} of \
             them in seconds in which all open shards together accepted less than they can.",
            words::plural(row.refused, "put"),
            second(row.first_refused_s),
            second(row.last_refused_s),
            or_none(row.seconds_refused, words::number),
            words::count(row.refused_with_room),
        )
    };
    if let Some(hottest) = row.hottest_key.as_ref().filter(|hottest| hottest.refused_on_its_shards > 0) {
        text += &format!(
            " The hottest key, {}, lay on {} in turn, which refused {}.",
            escaped(&hottest.key),
            words::plural(u64::from(hottest.shards), "shard"),
            words::plural(hottest.refused_on_its_shards, "put"),
        );
    }
    let scaling = &row.scaling;
    if scaling.calls > 0 {
        text += &format!(
            " The policy made {}: {} refused while the stream was UPDATING, {} for a quota, {} for more than double or less than \
             half; {} went the other way than the one before. Use was above the target for {} and low for {}.",
            words::plural(scaling.calls, "call"),
            scaling.refused_in_use,
            scaling.refused_quota,
            scaling.refused_range,
            scaling.reversals,
            or_none(scaling.above_target_s, words::span),
            or_none(scaling.below_s, words::span),
        );
    }
    if row.refused_calls > 0 {
        text += &format!(" {} refused.", words::plural(row.refused_calls, "planned call"));
    }
    text
}

fn of_curve(curve: &StreamCurve) -> String {
    let mut table =
        Table::new(&["from", "open shards", "capacity/s", "taken/s", "records taken/s", "puts refused/s"]);
    for step in 0..curve.shards.len().min(ROWS) {
        let shards = curve.shards[step];
        let rate = |values: &[Option<f64>]| or_none(values.get(step).copied().flatten(), words::number);
        table.row([
            format!("{} s", words::number(step as f64 * curve.step_s)),
            shards.to_string(),
            words::bytes(f64::from(shards) * 1_048_576.0),
            or_none(curve.bytes_per_s.get(step).copied().flatten(), words::bytes),
            rate(&curve.records_per_s),
            rate(&curve.refused_per_s),
        ]);
    }
    table.markdown()
}

fn of_modes(modes: &[ModeRow]) -> String {
    let mut table =
        Table::new(&["<mode", "from", "to", "shards at its end", "records", "refused", "USD an hour"]);
    for mode in modes {
        table.row([
            mode.mode.replace('_', "-"),
            second(mode.from_s),
            second(mode.to_s),
            mode.shards.to_string(),
            words::count(mode.records),
            words::count(mode.refused),
            or_none(mode.usd_per_hour, words::number),
        ]);
    }
    table.markdown()
}
