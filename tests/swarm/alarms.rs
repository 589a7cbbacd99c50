//! The section `alarms`.

use super::choice::{Choice, Map};
use super::plan::Plan;
use streamgauge::engine::time::{MINUTE, SECOND};
use streamgauge::measure::series::bin_width;
use streamgauge::systems::cloudwatch::MetricUnit;
use streamgauge::systems::cloudwatch::settings::{
    CONSUMER, DIRECT_PUT, FEED, FIREHOSE_READS, FLEET, FUNCTION, Metric, QUEUE, STREAM, TABLE, TABLE_STREAM,
};

/// The section `alarms`.
pub fn alarms(seed: u64, plan: &Plan) -> Vec<String> {
    let count = Choice::new(seed, "alarms").below(4);
    let alarm = |number| {
        let choice = &mut Choice::new(seed, &format!("alarm-{number}"));
        Some(format!("alarm-{number}: {}", alarm(choice, plan)?))
    };
    (0..count).filter_map(alarm).collect()
}

/// What can be watched, with its metrics.
fn watchable(plan: &Plan) -> Vec<(String, &'static [Metric])> {
    let mut all: Vec<(String, &'static [Metric])> = Vec::new();
    for table in &plan.tables {
        all.push((format!("tables.{}", table.name), TABLE));
        all.extend(table.feeds.is_some().then(|| (format!("tables.{}.kinesis", table.name), FEED)));
        all.extend(table.streams.then(|| (format!("tables.{}.streams", table.name), TABLE_STREAM)));
    }
    all.extend(plan.streams.iter().map(|it| (format!("kinesis.{}", it.name), STREAM)));
    all.extend(plan.queues.iter().map(|it| (format!("sqs.{}", it.name), QUEUE)));
    all.extend(plan.deliveries.iter().map(|it| {
        let metrics = if it.direct_put { DIRECT_PUT } else { FIREHOSE_READS };
        (format!("firehose.{}", it.name), metrics)
    }));
    all.extend(plan.consumers.iter().map(|(name, kind)| {
        let metrics = match *kind {
            "polling" => CONSUMER,
            "lambda" | "pipe" => FUNCTION,
            _ => FLEET,
        };
        (format!("consumers.{name}"), metrics)
    }));
    all
}

fn alarm(choice: &mut Choice, plan: &Plan) -> Option<String> {
    let watchable = watchable(plan);
    let (of, metrics) = (!watchable.is_empty()).then(|| choice.one_of(&watchable))?;
    let metric = choice.one_of(metrics);
    let bins = bin_width(plan.duration * SECOND).max(if metrics == FEED { 5 * MINUTE } else { 0 });
    let periods = ["10s", "1m", "5m", "1h", "1d"].into_iter().zip([10, 60, 300, 3_600, 86_400]);
    let periods: Vec<&str> =
        periods.filter(|(_, length)| (length * SECOND).is_multiple_of(bins)).map(|(text, _)| text).collect();
    let of_dynamodb = of.starts_with("tables.");
    let threshold = match metric.unit {
        MetricUnit::Milliseconds | MetricUnit::Seconds => choice.one_of(&["1s", "10m"]),
        MetricUnit::Count | MetricUnit::Bytes => choice.one_of(&["0", "7", "100000"]),
    };
    let comparisons = ["greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to"];
    let missing = ["missing", "ignore", "breaching", "not_breaching"];
    let several = choice.chance(40);
    let alarm = Map::new(choice)
        .must("of", of)
        .must("metric", metric.name)
        .must("threshold", threshold)
        .may(60, "comparison", &comparisons)
        .may(100, "period", &periods)
        .may(if several { 100 } else { 0 }, "evaluation_periods", &["3", "10"])
        .may(if several { 50 } else { 0 }, "datapoints_to_alarm", &["1", "2"])
        .may(if of_dynamodb { 0 } else { 50 }, "treat_missing_data", &missing)
        .may(30, "delay", &["0s", "1m"])
        .end();
    Some(alarm)
}
