//! The verdict on each objective.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::figure::{COST_MONTH, unit};
use super::{Measured, Value};
use crate::report::number::{Interval95, mean, rounded};
use crate::scenario::checked::{Objective, Test, Unit};

/// An objective and whether the run meets it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The figure.
    pub path: String,
    /// What is asked of it, as written.
    pub asked: String,
    /// Its value in the unit of its path: the mean over replications; of greatest values and failures, the worst.
    pub value: Option<f64>,
    /// The interval of the mean; null for greatest values and failures.
    pub interval95: Option<Interval95>,
    /// Whether it is met.
    pub verdict: Judgement,
    /// Replications that violate it.
    pub violating: u32,
    /// Why it is not decided or not known.
    pub reason: Option<String>,
}

/// Whether an objective is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// It is: the whole interval agrees, or every replication does.
    Pass,
    /// It is not: the whole interval disagrees, or some replication failed.
    Miss,
    /// The interval does not tell.
    Undecided,
    /// There is no such number.
    Unknown,
}

impl Judgement {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Miss => "miss",
            Self::Undecided => "undecided",
            Self::Unknown => "unknown",
        }
    }
}

/// 0 when every objective is met, 3 when one is missed, otherwise 4.
pub fn exit_code(verdicts: &[Verdict]) -> u8 {
    let any = |judgement| verdicts.iter().any(|verdict| verdict.verdict == judgement);
    match () {
        () if any(Judgement::Miss) => 3,
        () if any(Judgement::Undecided) || any(Judgement::Unknown) => 4,
        () => 0,
    }
}

/// What is to be known of a run before its figures decide anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Whether all measured writes had arrived by the end.
    pub complete: bool,
    /// Whether a longer run would show the same: a study that asks for the long run, and is above a limit, has no such state.
    pub settled: bool,
}

/// Judges one objective by the figures of all replications.
///
/// Means and percentiles are judged by their interval. Greatest values, failures and `equals` are judged by every single
/// replication: one that violates is a miss.
pub fn judge(objective: &Objective, measured: &[Measured], run: Run) -> Verdict {
    let figure = measured.iter().find(|figure| figure.path == objective.path);
    let mut verdict = Verdict {
        path: objective.path.clone(),
        asked: objective.written.clone(),
        value: None,
        interval95: None,
        verdict: Judgement::Unknown,
        violating: 0,
        reason: None,
    };
    let Some(figure) = figure else {
        verdict.reason = Some("this scenario has no such figure.".into());
        return verdict;
    };
    let values: Option<Vec<f64>> = figure.values.iter().map(|value| value.value).collect();
    let Some(values) = values.filter(|values| !values.is_empty()) else {
        verdict.reason = Some(why_unknown(figure).into());
        return verdict;
    };
    verdict.violating = values.iter().filter(|value| !holds(objective.test, **value)).count() as u32;
    let (judgement, reason) = if figure.extreme || matches!(objective.test, Test::Equals(_)) {
        verdict.value = if figure.extreme {
            values.iter().copied().reduce(f64::max)
        } else {
            figure.stated.or_else(|| mean(values.iter().copied().map(Some)))
        };
        (if verdict.violating == 0 { Judgement::Pass } else { Judgement::Miss }, None)
    } else {
        verdict.value = figure.stated.or_else(|| mean(values.iter().copied().map(Some)).and_then(rounded));
        let sure = figure.values.iter().all(|value| value.sure);
        let values: Vec<Option<f64>> = values.into_iter().map(Some).collect();
        let interval = match objective.unit {
            Unit::Usd => Interval95::of_money(&values),
            _ => Interval95::of(&values, sure),
        };
        verdict.interval95 = Some(interval);
        by_interval(objective.test, &interval)
    };
    (verdict.verdict, verdict.reason) = censor(judgement, reason, objective, run);
    verdict
}

fn why_unknown(figure: &Measured) -> &'static str {
    let none = |value: &Value| value.value.is_none();
    match () {
        () if figure.withheld => "there is no steady state: the load is above a limit.",
        () if figure.path == COST_MONTH => "a price is not known.",
        () if figure.values.iter().all(none) => "nothing was measured.",
        () => "nothing was measured in some replications.",
    }
}

fn holds(test: Test, value: f64) -> bool {
    match test {
        Test::Max(bound) => value <= bound,
        Test::Min(bound) => value >= bound,
        Test::Equals(bound) => value == bound,
    }
}

fn by_interval(test: Test, interval: &Interval95) -> (Judgement, Option<String>) {
    let undecided = |reason: &str| (Judgement::Undecided, Some(reason.to_owned()));
    if !interval.sure {
        return undecided("too few records lie beyond the percentile; make the run longer.");
    }
    let Some((low, high)) = interval.ends() else {
        return undecided("one replication gives no interval; run more.");
    };
    match (holds(test, low), holds(test, high)) {
        (true, true) => (Judgement::Pass, None),
        (false, false) => (Judgement::Miss, None),
        _ => undecided("the interval holds values on both sides; run more replications."),
    }
}

/// Where measured writes had not arrived by the end, latencies are lower bounds: they can miss a greatest allowed
/// value, but not meet it. Where there is no steady state, losses, refusals and the bill depend on the length of the run; latencies
/// that depend on it are withheld already.
fn censor(
    judgement: Judgement,
    reason: Option<String>,
    objective: &Objective,
    run: Run,
) -> (Judgement, Option<String>) {
    let is_time = unit(&objective.path) == Unit::Milliseconds;
    if judgement == Judgement::Pass && !run.settled && !is_time {
        let reason =
            "there is no steady state: the load is above a limit, and a longer run may show another number.";
        return (Judgement::Undecided, Some(reason.into()));
    }
    let bound_holds = match objective.test {
        Test::Max(_) => judgement == Judgement::Miss,
        Test::Min(_) => judgement == Judgement::Pass,
        Test::Equals(_) => false,
    };
    let decided = matches!(judgement, Judgement::Pass | Judgement::Miss);
    if run.complete || !is_time || bound_holds || !decided {
        return (judgement, reason);
    }
    (Judgement::Undecided, Some("some measured writes had not arrived by the end of the run.".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLED: Run = Run { complete: true, settled: true };

    fn verdict(path: &str, test: Test, values: &[f64], sure: bool, complete: bool) -> Judgement {
        verdict_of(path, test, values, sure, Run { complete, ..SETTLED })
    }

    fn verdict_of(path: &str, test: Test, values: &[f64], sure: bool, run: Run) -> Judgement {
        let values = values.iter().map(|value| Value { value: Some(*value), sure }).collect();
        let extreme = path == "lost" || path.ends_with(".max");
        let figure = Measured { path: path.into(), extreme, values, stated: None, withheld: false };
        let unit = unit(path);
        judge(&Objective { path: path.into(), test, unit, written: String::new() }, &[figure], run).verdict
    }

    /// 1 and 3 have mean 2 and a half-width of 12.7: whatever is asked between -10 and 14 is open.
    #[test]
    fn means_are_judged_by_their_whole_interval() {
        let of = |test| verdict("consumers.a.latency.p99", test, &[1.0, 3.0], true, true);
        assert_eq!(of(Test::Max(15.0)), Judgement::Pass);
        assert_eq!(of(Test::Max(4.0)), Judgement::Undecided);
        assert_eq!(of(Test::Min(15.0)), Judgement::Miss);
        let one = verdict("consumers.a.latency.p99", Test::Max(15.0), &[1.0], true, true);
        let unsure = verdict("consumers.a.latency.p99", Test::Max(15.0), &[1.0, 1.0], false, true);
        assert_eq!((one, unsure), (Judgement::Undecided, Judgement::Undecided));
    }

    #[test]
    fn one_violating_replication_misses_a_greatest_value_or_a_count() {
        let lost = |values: &[f64]| verdict("lost", Test::Equals(0.0), values, true, true);
        assert_eq!((lost(&[0.0, 0.0]), lost(&[0.0, 1.0])), (Judgement::Pass, Judgement::Miss));
        let max = |values: &[f64]| verdict("firehose.a.freshness.max", Test::Max(9.0), values, true, true);
        assert_eq!((max(&[8.0]), max(&[8.0, 10.0])), (Judgement::Pass, Judgement::Miss));
    }

    #[test]
    fn a_lower_bound_can_miss_but_not_meet_a_greatest_allowed_value() {
        let of = |bound| verdict("consumers.a.latency.p99", Test::Max(bound), &[5.0, 5.0], true, false);
        assert_eq!((of(6.0), of(4.0)), (Judgement::Undecided, Judgement::Miss));
        assert_eq!(verdict("lost", Test::Equals(0.0), &[0.0], true, false), Judgement::Pass);
    }

    /// An overloaded table that still lives on saved units has lost nothing yet.
    #[test]
    fn above_a_limit_no_loss_so_far_and_no_bill_meets_an_objective() {
        let run = Run { settled: false, ..SETTLED };
        let lost = |values: &[f64]| verdict_of("lost", Test::Equals(0.0), values, true, run);
        assert_eq!((lost(&[0.0, 0.0]), lost(&[0.0, 1.0])), (Judgement::Undecided, Judgement::Miss));
        assert_eq!(verdict_of(COST_MONTH, Test::Max(9.0), &[8.0, 8.0], true, run), Judgement::Undecided);
        // A latency that is not withheld is one of a leg before the limit.
        let p99 = verdict_of("consumers.a.latency.p99", Test::Max(15.0), &[1.0, 1.0], true, run);
        assert_eq!(p99, Judgement::Pass);
    }

    #[test]
    fn an_objective_on_the_bill_shows_the_bill_that_the_report_shows() {
        // Two bills whose mean is half a cent off the bill of the mean usage.
        let values = [123_456.78, 123_456.79].map(|value| Value { value: Some(value), sure: true }).to_vec();
        let (path, stated) = (COST_MONTH.to_owned(), Some(123_456.79));
        let figure = Measured { path: path.clone(), extreme: false, values, stated, withheld: false };
        let test = Test::Max(200_000.0);
        let asked = Objective { path, test, unit: Unit::Usd, written: String::new() };
        let verdict = judge(&asked, &[figure], SETTLED);
        assert_eq!((verdict.value, verdict.verdict), (stated, Judgement::Pass));
    }

    #[test]
    fn a_miss_outweighs_what_is_open_in_the_exit_code() {
        let unknown = judge(
            &Objective {
                path: "x".into(),
                test: Test::Max(1.0),
                unit: Unit::Count,
                written: "max: 1".into(),
            },
            &[],
            SETTLED,
        );
        let miss = Verdict { verdict: Judgement::Miss, ..unknown.clone() };
        let pass = Verdict { verdict: Judgement::Pass, ..unknown.clone() };
        assert_eq!(exit_code(&[]), 0);
        assert_eq!(exit_code(&[pass.clone(), unknown.clone()]), 4);
        assert_eq!(exit_code(&[unknown, miss, pass]), 3);
    }
}
