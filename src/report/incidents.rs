//! Stalls and alarms, a line each.

use super::markdown::incidents::condition;
use super::result::RunResult;
use super::words;

fn span(seconds: f64) -> String {
    words::milliseconds(seconds * 1e3)
}

/// How late each stall made its consumer, and when it had caught up.
pub(super) fn stalls(result: &RunResult) -> Vec<String> {
    let stalls = result.consumers.iter().flat_map(|row| row.stalls.iter().map(move |stall| (row, stall)));
    let line = |(row, stall): (&super::result::flow::ConsumerRow, &super::result::stalls::StallRow)| {
        let peak = stall.peak_lag_s.map_or(words::NONE.to_owned(), span);
        let recovered = match stall.recovered_after_s {
            Some(after) if stall.until_s.is_none() => {
                format!("caught up {} after its beginning", span(after))
            }
            Some(after) => format!("caught up {} after its end", span(after)),
            None => "not caught up by the end of the run".to_owned(),
        };
        let waiting = words::plural(stall.peak_records, "record");
        format!("{} by {}: peak lag {peak}, {waiting} waiting, {recovered}", row.path, stall.event)
    };
    stalls.map(line).collect()
}

/// When each alarm went off first, and how often for nothing.
pub(super) fn alarms(result: &RunResult) -> Vec<String> {
    let line = |alarm: &super::result::alarms::AlarmRow| {
        let first = match (alarm.first_alarm_s, alarm.minutes_before_first_loss) {
            (None, _) => "never".to_owned(),
            (Some(at), None) => format!("first at {}", span(at)),
            (Some(_), Some(minutes)) if minutes < 0.0 => {
                format!("{} min after the first loss", words::number(-minutes))
            }
            (Some(_), Some(minutes)) => format!("{} min before the first loss", words::number(minutes)),
        };
        let a_week = alarm.false_alarms_a_week.map_or(words::NONE.to_owned(), words::number);
        format!("{} ({}): {first}; {a_week} false a week", alarm.name, condition(alarm))
    };
    result.alarms.iter().map(line).collect()
}
