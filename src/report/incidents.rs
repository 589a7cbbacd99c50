//! Stalls and alarms, a line each.

use super::markdown::incidents::condition;
use super::result::RunResult;
use super::result::stalls::StallRow;
use super::words;

fn span(seconds: f64) -> String {
    words::milliseconds(seconds * 1e3)
}

/// Every stall with the path of the reader that it held up.
pub(super) fn all_stalls(result: &RunResult) -> impl Iterator<Item = (&str, &StallRow)> {
    let consumers = result.consumers.iter().map(|row| (row.path.as_str(), &row.stalls));
    let deliveries = result.objects.iter().map(|row| (row.path.as_str(), &row.stalls));
    consumers.chain(deliveries).flat_map(|(path, stalls)| stalls.iter().map(move |stall| (path, stall)))
}

/// How late each stall made its consumer, and when it had caught up.
pub(super) fn stalls(result: &RunResult) -> Vec<String> {
    let line = |(path, stall): (&str, &StallRow)| {
        let peak = stall.peak_lag_s.map_or(words::NONE.to_owned(), span);
        let recovered = match stall.recovered_after_s {
            Some(after) if stall.until_s.is_none() => {
                format!("caught up {} after its beginning", span(after))
            }
            Some(after) => format!("caught up {} after its end", span(after)),
            None => "not caught up by the end of the run".to_owned(),
        };
        let waiting = words::plural(stall.peak_records, "record");
        let lost = stall.first_loss_after_s.zip(stall.first_loss_cause.as_ref());
        let lost = lost.map(|(after, what)| format!(", first loss after {} ({what})", span(after)));
        let lost = lost.unwrap_or_default();
        format!("{path} by {}: peak lag {peak}, {waiting} waiting, {recovered}{lost}", stall.event)
    };
    all_stalls(result).map(line).collect()
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
