//! Amazon CloudWatch: alarms on metrics.
//!
//! An alarm changes nothing in the pipeline, so it is worked out when a run is over, from the series that reports show. The
//! rules are those of AWS's pages on alarm evaluation and on missing data, read 2026-11.

pub mod settings;

use crate::engine::time::Nanos;

/// How a data point is compared with the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Above breaches.
    GreaterThan,
    /// At or above breaches.
    GreaterThanOrEqualTo,
    /// Below breaches.
    LessThan,
    /// At or below breaches.
    LessThanOrEqualTo,
}

impl Comparison {
    /// Whether a value breaches a threshold.
    pub fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::GreaterThan => value > threshold,
            Self::GreaterThanOrEqualTo => value >= threshold,
            Self::LessThan => value < threshold,
            Self::LessThanOrEqualTo => value <= threshold,
        }
    }

    /// The sign for it.
    pub fn sign(self) -> &'static str {
        match self {
            Self::GreaterThan => ">",
            Self::GreaterThanOrEqualTo => "≥",
            Self::LessThan => "<",
            Self::LessThanOrEqualTo => "≤",
        }
    }
}

/// What a period without data counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Nothing: an alarm without any data has insufficient data.
    Missing,
    /// Nothing: an alarm without any data stays as it is.
    Ignore,
    /// A breach.
    Breaching,
    /// No breach.
    NotBreaching,
}

/// The state of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The metric is within its threshold.
    Ok,
    /// It is not.
    Alarm,
    /// Nobody can tell.
    InsufficientData,
}

impl State {
    /// CloudWatch's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

/// What a metric is measured in, and so what its threshold is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricUnit {
    /// A number.
    Count,
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
}

/// An alarm as the scenario describes it, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmPlan {
    /// Its name in the scenario.
    pub name: String,
    /// What the metric is of: a path such as `consumers.search`.
    pub of: String,
    /// CloudWatch's name of the metric.
    pub metric: &'static str,
    /// What it is measured in.
    pub unit: MetricUnit,
    /// Whether it is a sum over the period; otherwise a maximum.
    pub sums: bool,
    /// The threshold, in that unit.
    pub threshold: f64,
    /// How data points are compared with it.
    pub comparison: Comparison,
    /// Length of a period.
    pub period: Nanos,
    /// Data points that are looked at (N).
    pub evaluation_periods: usize,
    /// Those of them that have to breach (M).
    pub datapoints_to_alarm: usize,
    /// What a period without data counts as.
    pub missing: Missing,
    /// From the end of a period to the evaluation that has its data.
    pub delay: Nanos,
}

/// Further periods that an evaluation reaches back for data points that are there, where some are missing: AWS's examples look at
/// five periods for three. It does not publish the rule.
const FURTHER_PERIODS: usize = 2;

impl AlarmPlan {
    /// The state after an evaluation of data points, oldest first, of which the last is the newest.
    pub fn evaluate(&self, points: &[Option<f64>], before: State) -> State {
        let (n, m) = (self.evaluation_periods, self.datapoints_to_alarm);
        let range = &points[points.len().saturating_sub(n + FURTHER_PERIODS)..];
        let there = || range.iter().rev().flatten().take(n);
        let breaches = |value: &&f64| self.comparison.breaches(**value, self.threshold);
        let (found, breaching) = (there().count(), there().filter(breaches).count());
        let by_count = |breaching: usize| if breaching >= m { State::Alarm } else { State::Ok };
        match self.missing {
            _ if found == n => by_count(breaching),
            // Before the first period there was no metric to miss.
            Missing::Breaching => by_count(breaching + n.min(points.len()) - found),
            Missing::NotBreaching => by_count(breaching),
            Missing::Missing if found == 0 => State::InsufficientData,
            Missing::Ignore if found == 0 => before,
            _ if breaching >= m => State::Alarm,
            _ if breaching < found => State::Ok,
            // All that is there breaches, but it is less than asked for. The alarm goes off nevertheless if that began as many
            // periods ago as have to breach, wherever in the range that is.
            missing => {
                let began = range.iter().rev().rposition(Option::is_some).map_or(0, |place| place + 1);
                if began >= m && missing == Missing::Missing { State::Alarm } else { before }
            }
        }
    }

    /// The changes of state over a series of data points, one a period, oldest first: when, and to what. The alarm begins
    /// with insufficient data. Each evaluation takes place `delay` after the end of its newest period.
    pub fn changes(&self, points: &[Option<f64>]) -> Vec<(Nanos, State)> {
        let mut state = State::InsufficientData;
        let mut changes = Vec::new();
        for last in 1..=points.len() {
            let next = self.evaluate(&points[..last], state);
            if next != state {
                changes.push((last as Nanos * self.period + self.delay, next));
                state = next;
            }
        }
        changes
    }

    /// When the first period that breaches begins.
    pub fn first_breach(&self, points: &[Option<f64>]) -> Option<Nanos> {
        let breaches = |point: &Option<f64>| match point {
            Some(value) => self.comparison.breaches(*value, self.threshold),
            None => self.missing == Missing::Breaching,
        };
        points.iter().position(breaches).map(|period| period as Nanos * self.period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::MINUTE;

    fn plan(m: usize, n: usize, missing: Missing) -> AlarmPlan {
        AlarmPlan {
            name: "late".into(),
            of: "consumers.search".into(),
            metric: "IteratorAge",
            unit: MetricUnit::Milliseconds,
            sums: false,
            threshold: 1.0,
            comparison: Comparison::GreaterThan,
            period: MINUTE,
            evaluation_periods: n,
            datapoints_to_alarm: m,
            missing,
            delay: 0,
        }
    }

    /// As AWS writes it: 0 is within the threshold, X breaches, - is missing; the oldest first.
    fn points(text: &str) -> Vec<Option<f64>> {
        let point = |letter: &str| match letter {
            "X" => Some(2.0),
            "0" => Some(0.0),
            _ => None,
        };
        text.split_whitespace().map(point).collect()
    }

    const ALL: [Missing; 4] = [Missing::Missing, Missing::Ignore, Missing::Breaching, Missing::NotBreaching];

    /// The two tables of AWS's page on missing data: three of three, and two of three. `None`: the state is retained.
    #[test]
    fn missing_data_is_treated_as_in_the_tables_of_aws() {
        use State::{Alarm, InsufficientData, Ok};
        let three_of_three = vec![
            ("0 - X - X", [Some(Ok), Some(Ok), Some(Ok), Some(Ok)]),
            ("- - - - 0", [Some(Ok), Some(Ok), Some(Ok), Some(Ok)]),
            ("- - - - -", [Some(InsufficientData), None, Some(Alarm), Some(Ok)]),
            ("0 X X - X", [Some(Alarm), Some(Alarm), Some(Alarm), Some(Alarm)]),
            ("- - X - -", [Some(Alarm), None, Some(Alarm), Some(Ok)]),
            // Of earlier versions of the page, to which its present words still apply.
            ("0 - - - -", [Some(Ok), Some(Ok), Some(Ok), Some(Ok)]),
            ("X - - - -", [Some(Alarm), None, Some(Alarm), Some(Ok)]),
        ];
        let two_of_three = vec![
            ("0 - X - X", [Some(Alarm), Some(Alarm), Some(Alarm), Some(Alarm)]),
            ("0 0 X 0 X", [Some(Alarm), Some(Alarm), Some(Alarm), Some(Alarm)]),
            ("0 - X - -", [Some(Ok), Some(Ok), Some(Alarm), Some(Ok)]),
            ("- - - - 0", [Some(Ok), Some(Ok), Some(Alarm), Some(Ok)]),
            ("- - - X -", [Some(Alarm), None, Some(Alarm), Some(Ok)]),
        ];
        for (m, table) in [(3, three_of_three), (2, two_of_three)] {
            for (text, expected) in table {
                for (missing, expected) in ALL.into_iter().zip(expected) {
                    for before in [Ok, Alarm, InsufficientData] {
                        let found = plan(m, 3, missing).evaluate(&points(text), before);
                        assert_eq!(found, expected.unwrap_or(before), "{m} of 3: {text} {missing:?}");
                    }
                }
            }
        }
    }

    /// The page's words on premature alarms: a breach that is newer than as many periods as have to breach waits for what comes
    /// next, which may be fine; one that is as old or older, with nothing but breaches and silence after it, does not.
    #[test]
    fn an_alarm_is_not_premature_and_does_not_wait_for_ever() {
        let three = |text: &str| plan(3, 3, Missing::Missing).evaluate(&points(text), State::Ok);
        assert_eq!(["- - - - X", "- - - X -"].map(three), [State::Ok; 2]);
        assert_eq!(["- - - X 0", "- - X - 0"].map(three), [State::Ok; 2]);
        assert_eq!(["- - X - -", "- X - - -", "- X - X -", "X - - - X"].map(three), [State::Alarm; 4]);
        let two = |text: &str| plan(2, 3, Missing::Missing).evaluate(&points(text), State::Ok);
        assert_eq!((two("- - - - X"), two("- - - X -")), (State::Ok, State::Alarm));
    }

    #[test]
    fn three_of_five_fire_with_the_third_breach_and_clear_when_two_are_left() {
        let mut plan = plan(3, 5, Missing::Missing);
        plan.delay = MINUTE;
        let series = points("0 0 0 0 0 X 0 X X 0 0 0 0");
        assert_eq!(plan.first_breach(&series), Some(5 * MINUTE));
        let expected = [(2, State::Ok), (10, State::Alarm), (12, State::Ok)];
        assert_eq!(plan.changes(&series), expected.map(|(at, state)| (at * MINUTE, state)));
    }

    /// Two of three, or three of three: no state of the first periods comes from periods before there was a metric.
    #[test]
    fn periods_before_the_first_one_miss_nothing() {
        for m in [1, 2, 3] {
            let changes = plan(m, 3, Missing::Breaching).changes(&points("0 0 0 0 0"));
            assert_eq!(changes, [(MINUTE, State::Ok)], "{m} of 3");
        }
        let silent = plan(3, 3, Missing::Breaching).changes(&points("- - - -"));
        assert_eq!(silent, [(MINUTE, State::Ok), (3 * MINUTE, State::Alarm)]);
    }

    #[test]
    fn whoever_does_not_read_reports_no_age() {
        let stall = points("0 0 - - - - - - - - X 0");
        let fired = |missing| {
            let changes = plan(1, 1, missing).changes(&stall);
            changes.into_iter().find(|(_, state)| *state == State::Alarm).map(|(at, _)| at / MINUTE)
        };
        // Only who takes silence for a breach hears of the stall while it lasts: after two further periods without any data.
        assert_eq!(fired(Missing::Breaching), Some(5));
        assert_eq!((fired(Missing::Missing), fired(Missing::Ignore)), (Some(11), Some(11)));
    }

    #[test]
    fn comparisons_are_those_of_cloudwatch() {
        use Comparison::{GreaterThan, GreaterThanOrEqualTo, LessThan, LessThanOrEqualTo};
        let breaches = |comparison: Comparison| [0.0, 1.0, 2.0].map(|value| comparison.breaches(value, 1.0));
        assert_eq!(breaches(GreaterThan), [false, false, true]);
        assert_eq!(breaches(GreaterThanOrEqualTo), [false, true, true]);
        assert_eq!(breaches(LessThan), [true, false, false]);
        assert_eq!(breaches(LessThanOrEqualTo), [true, true, false]);
    }
}
