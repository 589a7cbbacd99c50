//! Alarms: when each went off, how early that was, and how often for nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::losses::{self, First};
use crate::engine::time::{DAY, MINUTE, Nanos, SECOND};
use crate::pipeline::finish::Outcome;
use crate::report::csv::{self, MetricSeries};
use crate::report::number::{mean, rounded};
use crate::scenario::checked::Scenario;
use crate::systems::cloudwatch::{AlarmPlan, MetricUnit, Missing, State};

/// Changes of state that are listed; the rest is counted.
const CHANGES_MAX: usize = 100;

/// An alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlarmRow {
    /// Its name.
    pub name: String,
    /// What the metric is of, such as `consumers.search`.
    pub of: String,
    /// CloudWatch's name of the metric.
    pub metric: String,
    /// `Sum` or `Maximum` over a period.
    pub statistic: String,
    /// What breaches: `>`, `≥`, `<` or `≤` the threshold.
    pub comparison: String,
    /// The threshold in the metric's unit.
    pub threshold: f64,
    /// The metric's unit.
    pub unit: String,
    /// Length of a period, seconds.
    pub period_s: u64,
    /// Data points looked at.
    pub evaluation_periods: u64,
    /// Those of them that have to breach.
    pub datapoints_to_alarm: u64,
    /// What a period without data counts as.
    pub treat_missing_data: String,
    /// Its changes of state in replication 0, up to 100.
    pub changes: Vec<ChangeRow>,
    /// Further changes.
    pub more_changes: u64,
    /// When the first period that breached began, in replication 0, simulated seconds.
    pub first_breach_s: Option<f64>,
    /// When it first went off, in replication 0, simulated seconds.
    pub first_alarm_s: Option<f64>,
    /// From the one to the other, seconds.
    pub breach_to_alarm_s: Option<f64>,
    /// When the first record was lost or set aside at the reader, producer or feed that the metric is of, or else anywhere, in
    /// replication 0; simulated seconds. Null where there was none.
    pub first_loss_s: Option<f64>,
    /// What became of that record and why, such as `expired: older than the stream's retention`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_loss_cause: Option<String>,
    /// Since when it was in alarm at the first loss, or else when it went off after it, in replication 0, simulated seconds.
    pub warned_s: Option<f64>,
    /// From then to the first loss, minutes; negative when it came too late; mean of the replications that had both.
    pub minutes_before_first_loss: Option<f64>,
    /// Replications that lost something and whose alarm was not in alarm by then.
    pub losses_without_warning: u64,
    /// How often it went off in all replications.
    pub went_off: u64,
    /// False alarms: those that began while no planned event with a duration was in force, nor within such an event's length
    /// after its end, and by whose end nothing had been lost since the end of the one before.
    pub false_alarms: u64,
    /// They, for each week simulated.
    pub false_alarms_a_week: Option<f64>,
}

/// A change of state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeRow {
    /// When, simulated seconds.
    pub at_s: Option<f64>,
    /// To what: `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub to: String,
}

/// All rows, in file order.
pub fn rows(scenario: &Scenario, outcomes: &[Outcome]) -> Vec<AlarmRow> {
    if scenario.alarms.is_empty() {
        return Vec::new();
    }
    let series: Vec<Vec<MetricSeries>> = outcomes.iter().map(|it| csv::metrics(scenario, it)).collect();
    scenario.alarms.iter().map(|plan| row(plan, scenario, outcomes, &series)).collect()
}

/// One alarm in one replication.
struct Watch {
    changes: Vec<(Nanos, State)>,
    first_breach: Option<Nanos>,
    first_loss: Option<First>,
    false_alarms: u64,
}

impl Watch {
    fn of(plan: &AlarmPlan, scenario: &Scenario, outcome: &Outcome, metrics: &[MetricSeries]) -> Self {
        let points = points(metrics, plan, scenario.duration);
        let changes = plan.changes(&points);
        let lost = |from: Nanos, to: Nanos| losses::first_within(outcome, &plan.of, from, to);
        let first_loss = lost(0, Nanos::MAX);
        let ends = changes.iter().skip(1).map(|(at, _)| *at).chain([outcome.end]);
        let (mut false_alarms, mut since) = (0, 0);
        for ((from, _), to) in changes.iter().zip(ends).filter(|((_, state), _)| *state == State::Alarm) {
            let own = lost(since, to);
            false_alarms += u64::from(own.is_none() && !expected(scenario, *from));
            since = to;
        }
        Self { first_breach: plan.first_breach(&points), first_loss, false_alarms, changes }
    }

    fn first_alarm(&self) -> Option<Nanos> {
        self.changes.iter().find(|(_, state)| *state == State::Alarm).map(|(at, _)| *at)
    }

    /// Since when it was in alarm at the first loss, or else when it went off after it.
    fn warned(&self) -> Option<Nanos> {
        let loss = self.first_loss?.at;
        let at_loss = self.changes.iter().take_while(|(at, _)| *at <= loss).last();
        let in_time = at_loss.filter(|(_, state)| *state == State::Alarm);
        let later = || self.changes.iter().find(|(at, state)| *at > loss && *state == State::Alarm);
        in_time.or_else(later).map(|(at, _)| *at)
    }

    fn went_off(&self) -> u64 {
        self.changes.iter().filter(|(_, state)| *state == State::Alarm).count() as u64
    }
}

/// Whether a planned event accounts for an alarm that goes off at this moment.
fn expected(scenario: &Scenario, at: Nanos) -> bool {
    let spans = scenario.timeline.iter().filter_map(|it| Some((it.at, it.until?)));
    spans.into_iter().any(|(from, until)| at >= from && at <= until.saturating_add(until - from))
}

fn row(
    plan: &AlarmPlan,
    scenario: &Scenario,
    outcomes: &[Outcome],
    series: &[Vec<MetricSeries>],
) -> AlarmRow {
    let watches = outcomes.iter().zip(series);
    let watches: Vec<Watch> =
        watches.map(|(outcome, metrics)| Watch::of(plan, scenario, outcome, metrics)).collect();
    let seconds = |at: Nanos| rounded(at as f64 / 1e9);
    let (first_breach, first_alarm, first_loss) = match watches.first() {
        Some(first) => (first.first_breach, first.first_alarm(), first.first_loss),
        None => (None, None, None),
    };
    let waited = first_breach.zip(first_alarm).map(|(breach, alarm)| alarm.saturating_sub(breach));
    let before = |watch: &Watch| {
        let (alarm, loss) = watch.warned().zip(watch.first_loss)?;
        Some((loss.at as f64 - alarm as f64) / MINUTE as f64)
    };
    let unwarned = |watch: &&Watch| {
        watch.first_loss.is_some_and(|loss| watch.warned().is_none_or(|alarm| alarm > loss.at))
    };
    let false_alarms = watches.iter().map(|watch| watch.false_alarms).sum::<u64>();
    let weeks = outcomes.len() as f64 * scenario.duration as f64 / (7 * DAY) as f64;
    let changes = watches.first().map_or(&[][..], |watch| &watch.changes);
    let change = |(at, state): &(Nanos, State)| ChangeRow { at_s: seconds(*at), to: state.name().into() };
    AlarmRow {
        name: plan.name.clone(),
        of: plan.of.clone(),
        metric: plan.metric.to_owned(),
        statistic: if plan.sums { "Sum" } else { "Maximum" }.to_owned(),
        comparison: plan.comparison.sign().to_owned(),
        threshold: plan.threshold,
        unit: unit(plan.unit).to_owned(),
        period_s: plan.period / SECOND,
        evaluation_periods: plan.evaluation_periods as u64,
        datapoints_to_alarm: plan.datapoints_to_alarm as u64,
        treat_missing_data: missing(plan.missing).to_owned(),
        changes: changes.iter().take(CHANGES_MAX).map(change).collect(),
        more_changes: changes.len().saturating_sub(CHANGES_MAX) as u64,
        first_breach_s: first_breach.and_then(seconds),
        first_alarm_s: first_alarm.and_then(seconds),
        breach_to_alarm_s: waited.and_then(seconds),
        first_loss_s: first_loss.and_then(|loss| seconds(loss.at)),
        first_loss_cause: first_loss.map(|loss| loss.what()),
        warned_s: watches.first().and_then(Watch::warned).and_then(seconds),
        minutes_before_first_loss: mean(watches.iter().map(before)).and_then(rounded),
        losses_without_warning: watches.iter().filter(unwarned).count() as u64,
        went_off: watches.iter().map(Watch::went_off).sum(),
        false_alarms,
        false_alarms_a_week: rounded(false_alarms as f64 / weeks),
    }
}

/// CloudWatch's word for a unit.
pub fn unit(unit: MetricUnit) -> &'static str {
    match unit {
        MetricUnit::Count => "Count",
        MetricUnit::Bytes => "Bytes",
        MetricUnit::Milliseconds => "Milliseconds",
        MetricUnit::Seconds => "Seconds",
    }
}

fn missing(missing: Missing) -> &'static str {
    match missing {
        Missing::Missing => "missing",
        Missing::Ignore => "ignore",
        Missing::Breaching => "breaching",
        Missing::NotBreaching => "not_breaching",
    }
}

/// The data points of an alarm's metric, a period each, over the span of the run. They are those of `timeseries.csv`: no alarm sees
/// what a reader of that file does not.
fn points(metrics: &[MetricSeries], plan: &AlarmPlan, span: Nanos) -> Vec<Option<f64>> {
    let mut points = vec![None; (span / plan.period) as usize];
    let watched = metrics.iter().filter(|metric| metric.resource == plan.of && metric.name == plan.metric);
    for (at, value) in watched.flat_map(MetricSeries::points) {
        let Some(point) = points.get_mut((at / plan.period) as usize) else { continue };
        let so_far = point.unwrap_or(0.0);
        *point = Some(if plan.sums { so_far + value } else { so_far.max(value) });
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;
    use crate::systems::cloudwatch::settings;

    /// Whoever watches a metric finds it in the file under that name and unit.
    #[test]
    fn metrics_that_alarms_can_be_on_are_in_the_series() {
        let scenario = example::scenario(1);
        let outcomes = example::outcomes(&scenario, 1);
        let text = csv::timeseries(&scenario, &outcomes[0]);
        let of = [
            ("tables.orders", &settings::TABLE[..2]),
            ("tables.orders.kinesis", settings::FEED),
            ("kinesis.changes", settings::STREAM),
            ("consumers.search", settings::CONSUMER),
            ("firehose.lake", settings::TO_S3),
            ("firehose.lake", &settings::FIREHOSE_READS[..3]),
        ];
        for (resource, metrics) in of {
            for metric in metrics {
                let statistic = if metric.sums { "Sum" } else { "Maximum" };
                let columns = format!(",{resource},{},{statistic},{},", metric.name, unit(metric.unit));
                assert!(text.contains(&columns), "{columns}");
            }
        }
    }
}
