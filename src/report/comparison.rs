//! Variants side by side on the same draws: `experiment.json` of `compare`, and its renderings.

pub mod markdown;
pub mod side_by_side;
pub mod terminal;

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::number::{Interval95, cents, rounded};
use super::result::figure::{COST_MONTH, is_extreme, unit};
use super::result::identity::PriceBookIdentity;
use super::result::overload::Overload;
use super::result::slo::{Verdict, exit_code};
use super::result::{FORMAT, RunResult};
use super::words;
use crate::experiment::statistics::{Interval, LEVEL_DEFAULT};
use crate::scenario::checked::Unit;

/// Variants and how their figures differ from those of the first one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// Version of Streamgauge.
    pub version: String,
    /// Version of this layout.
    pub format: u32,
    /// What kind of experiment this is: `compare`.
    #[schemars(extend("const" = "compare"))]
    pub kind: String,
    /// Whether all variants had the same draws over the same span, replication by replication. Differences are judged
    /// only then.
    pub paired: bool,
    /// The price books that the bills are made from: one, unless variants are in different Regions or have prices of their own.
    pub price_book: Vec<PriceBookIdentity>,
    /// The variants; the first one is the baseline.
    pub variants: Vec<VariantRow>,
    /// All named figures.
    pub figures: Vec<FigureRow>,
}

/// One variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VariantRow {
    /// Its name.
    pub name: String,
    /// SHA-256 of its scenario after overrides, hex.
    pub scenario_digest: String,
    /// Overrides in force, as written.
    pub overrides: Vec<String>,
    /// Seed of all random streams.
    pub seed: u64,
    /// Independent replications.
    pub replications: u32,
    /// Span in which writes come in, seconds.
    pub duration_s: f64,
    /// The part of it at the start that is not measured, seconds.
    pub warm_up_s: f64,
    /// The hash of all its outcomes, hex.
    pub fingerprint: String,
    /// Whether all its measured writes were followed to their end; if not, its latencies are "at least".
    pub complete: bool,
    /// Limits that its load is above.
    pub overloaded: Vec<Overload>,
    /// Its month's bill, USD; null if a price is unknown.
    #[schemars(with = "Option<String>")]
    pub cost_month: Option<Decimal>,
    /// The part of it that is known, where a price is unknown: the bill is at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub cost_month_at_least: Option<Decimal>,
    /// The hours that its bill is for, where that is no month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill_hours: Option<f64>,
    /// The verdicts on its objectives.
    pub slo: Vec<Verdict>,
}

impl VariantRow {
    /// What its bill is for: "a month", or "for 1.33 h".
    pub fn bill_span(&self) -> String {
        self.bill_hours.map_or("a month".to_owned(), |hours| format!("for {} h", words::number(hours)))
    }

    /// Its bill in words.
    pub fn bill(&self) -> String {
        match (self.cost_month, self.cost_month_at_least) {
            (Some(cost), _) => words::usd(cost),
            (None, Some(least)) => format!("at least {}", words::usd(least)),
            (None, None) => "unknown".to_owned(),
        }
    }
}

/// One figure in all variants, in the unit of its path as in `result.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FigureRow {
    /// Its path.
    pub path: String,
    /// What its values are of the replications' values.
    pub statistic: Statistic,
    /// Its value by variant, as the variant's own report shows it (see [`RunResult::figure`]); null where it is not known.
    pub values: Vec<Option<f64>>,
    /// The 95 % interval of its mean over replications, by variant; of the mean also where the value is the worst.
    pub intervals95: Vec<Interval95>,
    /// How each variant after the first differs from it.
    pub differences: Vec<Difference>,
}

/// What one number for all replications is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// Their mean.
    Mean,
    /// The worst of them, for greatest values and counts of failures.
    Worst,
    /// The bill for their mean usage, to the cent.
    Bill,
}

impl Statistic {
    /// What a figure's values are.
    fn of(path: &str) -> Self {
        match () {
            () if path == COST_MONTH => Self::Bill,
            () if is_extreme(path) => Self::Worst,
            () => Self::Mean,
        }
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Worst => "worst",
            Self::Bill => "bill",
        }
    }
}

/// A variant's figure minus the baseline's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The mean of the differences replication by replication; that of worst values is not the difference of the two worst,
    /// which may come from different replications. Of bills the difference of the two. Null when either figure is not known.
    pub mean: Option<f64>,
    /// Lower end of the 95 % interval of the paired differences.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// What can be said.
    pub change: Change,
}

/// What can be said of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The figure is the same in every replication.
    Same,
    /// The whole interval lies above 0.
    Higher,
    /// The whole interval lies below 0.
    Lower,
    /// The interval includes 0.
    NoClearDifference,
    /// One replication, or variants with different draws: there is no interval to judge by.
    NotJudged,
    /// The figure is not known in one of the two.
    Unknown,
}

impl Change {
    /// The words for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "the same",
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::NoClearDifference => "no clear difference",
            Self::NotJudged => "not judged",
            Self::Unknown => "unknown",
        }
    }
}

impl Comparison {
    /// Compares named results with the first of them.
    pub fn new(results: &[(String, RunResult)]) -> Self {
        let variants = results.iter().map(|(name, result)| VariantRow::new(name, result)).collect();
        let results: Vec<&RunResult> = results.iter().map(|(_, result)| result).collect();
        let paired = results.windows(2).all(|pair| same_draws(pair[0], pair[1]));
        let mut seen = BTreeSet::new();
        let rows = results.iter().filter_map(|result| result.replications.first());
        let paths: Vec<&String> =
            rows.flat_map(|row| row.figures.keys()).filter(|path| seen.insert(*path)).collect();
        let figure = |path: &String| FigureRow {
            path: path.clone(),
            statistic: Statistic::of(path),
            values: results.iter().map(|result| result.figure(path)).collect(),
            intervals95: results.iter().map(|result| interval(result, path)).collect(),
            differences: results
                .iter()
                .skip(1)
                .map(|variant| Difference::between(results[0], variant, path, paired))
                .collect(),
        };
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            format: FORMAT,
            kind: "compare".to_owned(),
            paired,
            price_book: price_books(&results),
            variants,
            figures: paths.into_iter().map(figure).collect(),
        }
    }

    /// What the comparison exits with: as a run does, over the objectives of all variants.
    pub fn exit_code(&self) -> u8 {
        let verdicts: Vec<Verdict> = self.variants.iter().flat_map(|variant| variant.slo.clone()).collect();
        exit_code(&verdicts)
    }
}

/// The price books in use, each once.
fn price_books(results: &[&RunResult]) -> Vec<PriceBookIdentity> {
    let mut books: Vec<PriceBookIdentity> = Vec::new();
    for result in results {
        if !books.contains(&result.identity.price_book) {
            books.push(result.identity.price_book.clone());
        }
    }
    books
}

fn interval(result: &RunResult, path: &str) -> Interval95 {
    let values: Vec<Option<f64>> =
        result.replications.iter().map(|row| row.figures.get(path).copied().flatten()).collect();
    if unit(path) == Unit::Usd { Interval95::of_money(&values) } else { Interval95::of(&values, true) }
}

/// Whether two runs had common random numbers over the same span.
fn same_draws(a: &RunResult, b: &RunResult) -> bool {
    let (a, b) = (&a.identity, &b.identity);
    let of = |identity: &super::result::identity::RunIdentity| {
        (identity.seed, identity.replications, identity.duration_s.to_bits(), identity.warm_up_s.to_bits())
    };
    of(a) == of(b)
}

impl VariantRow {
    pub(super) fn new(name: &str, result: &RunResult) -> Self {
        let identity = &result.identity;
        Self {
            name: name.to_owned(),
            scenario_digest: identity.scenario_digest.clone(),
            overrides: identity.overrides.clone(),
            seed: identity.seed,
            replications: identity.replications,
            duration_s: identity.duration_s,
            warm_up_s: identity.warm_up_s,
            fingerprint: identity.fingerprint.clone(),
            complete: result.complete,
            overloaded: result.overloaded.clone(),
            cost_month: result.cost.bill.total,
            cost_month_at_least: result
                .cost
                .bill
                .total
                .is_none()
                .then_some(result.cost.bill.known_subtotal)
                .filter(|least| !least.is_zero()),
            bill_hours: result.cost.part_of_month(),
            slo: result.slo.clone(),
        }
    }
}

impl Difference {
    fn between(baseline: &RunResult, variant: &RunResult, path: &str, paired: bool) -> Self {
        let values = |result: &RunResult| -> Option<Vec<f64>> {
            let figures = result.replications.iter().map(|row| row.figures.get(path).copied().flatten());
            figures.collect::<Option<Vec<f64>>>().filter(|values| !values.is_empty())
        };
        let Some((before, after)) = values(baseline).zip(values(variant)) else {
            return Self { mean: None, low: None, high: None, change: Change::Unknown };
        };
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let kept = if unit(path) == Unit::Usd { cents } else { rounded };
        let difference = match Statistic::of(path) {
            Statistic::Bill => {
                variant.figure(path).zip(baseline.figure(path)).map(|(after, before)| after - before)
            }
            Statistic::Mean | Statistic::Worst => Some(mean(&after) - mean(&before)),
        };
        let difference = difference.and_then(kept);
        let interval = Interval::of_paired_differences(&before, &after, LEVEL_DEFAULT).filter(|_| paired);
        let change = match interval {
            _ if paired && before == after => Change::Same,
            None => Change::NotJudged,
            Some(interval) if interval.low > 0.0 => Change::Higher,
            Some(interval) if interval.high < 0.0 => Change::Lower,
            Some(_) => Change::NoClearDifference,
        };
        Self {
            mean: difference,
            low: interval.and_then(|interval| kept(interval.low)),
            high: interval.and_then(|interval| kept(interval.high)),
            change,
        }
    }

    /// Whether one is clearly above the other.
    pub fn is_clear(&self) -> bool {
        matches!(self.change, Change::Higher | Change::Lower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::sampler::Sampler;
    use crate::pricing::PriceBook;
    use crate::report::example;
    use crate::scenario::checked::Scenario;

    /// The small pipeline, and a variant whose uploads take 150 ms instead of 100 ms.
    pub(super) fn comparison(replications: u32) -> Comparison {
        let mut base = example::scenario(replications);
        base.deliveries[0].put = Sampler::Constant(100e6);
        let mut slow = base.clone();
        slow.deliveries[0].put = Sampler::Constant(150e6);
        Comparison::new(&[named("small", &base), named("slow", &slow)])
    }

    fn named(name: &str, scenario: &Scenario) -> (String, RunResult) {
        let outcomes = example::outcomes(scenario, 2);
        (name.to_owned(), RunResult::new(scenario, &outcomes, PriceBook::builtin()).unwrap())
    }

    fn difference<'a>(comparison: &'a Comparison, path: &str) -> &'a Difference {
        &comparison.figures.iter().find(|figure| figure.path == path).unwrap().differences[0]
    }

    #[test]
    fn what_a_variant_does_not_touch_is_the_same_and_what_it_slows_is_clearly_higher() {
        let comparison = comparison(4);
        let mean = difference(&comparison, "firehose.lake.freshness.mean");
        assert_eq!(mean.change, Change::Higher);
        // Every record is 50 ms later, up to the last digit that a result keeps.
        assert!((mean.mean.unwrap() - 50.0).abs() < 0.02, "{mean:?}");
        for path in
            ["tables.orders.kinesis.latency.p99", "consumers.search.latency.mean", "cost.month", "lost"]
        {
            assert_eq!(difference(&comparison, path).change, Change::Same, "{path}");
        }
    }

    #[test]
    fn nothing_is_judged_by_one_replication_or_by_different_draws() {
        let comparison = comparison(1);
        assert_eq!(difference(&comparison, "firehose.lake.freshness.p50").change, Change::NotJudged);
        let base = example::scenario(2);
        let other = Scenario { seed: 8, ..base.clone() };
        let comparison = Comparison::new(&[named("base", &base), named("other", &other)]);
        assert!(!comparison.paired);
        assert!(comparison.figures.iter().all(|figure| !figure.differences[0].is_clear()));
    }

    #[test]
    fn the_difference_of_worst_values_is_labelled_as_the_mean_that_it_is() {
        let mut base = example::result(2);
        let mut other = base.clone();
        let set = |result: &mut RunResult, values: [f64; 2]| {
            for (row, value) in result.replications.iter_mut().zip(values) {
                row.figures.insert("lost".into(), Some(value));
            }
        };
        // The worst are 10 and 10; on average 4 more are lost.
        set(&mut base, [0.0, 10.0]);
        set(&mut other, [8.0, 10.0]);
        let comparison = Comparison::new(&[("base".into(), base), ("other".into(), other)]);
        let row = comparison.figures.iter().find(|figure| figure.path == "lost").unwrap();
        assert_eq!((row.statistic, &row.values[..]), (Statistic::Worst, &[Some(10.0), Some(10.0)][..]));
        assert_eq!(row.differences[0].mean, Some(4.0));
        let text = markdown::render(&comparison);
        assert!(text.contains("| lost | worst | 10 | 10 | on average 4 ("), "{text}");
    }

    #[test]
    fn the_difference_of_two_bills_is_that_of_the_bills_shown() {
        let base = example::result(2);
        let mut other = base.clone();
        let bill = &mut other.cost.bill.total;
        *bill = bill.map(|total| total + Decimal::new(12_345_601, 2));
        let comparison = Comparison::new(&[("base".into(), base), ("other".into(), other)]);
        assert_eq!(difference(&comparison, COST_MONTH).mean, Some(123_456.01));
    }

    #[test]
    fn a_figure_that_only_one_variant_has_is_unknown() {
        let base = example::result(2);
        let mut other = base.clone();
        other.replications.iter_mut().for_each(|row| {
            row.figures.shift_remove("lost");
        });
        let comparison = Comparison::new(&[("base".into(), base), ("other".into(), other)]);
        assert_eq!(difference(&comparison, "lost").change, Change::Unknown);
        let json = serde_json::to_value(&comparison).unwrap();
        assert_eq!(serde_json::from_value::<Comparison>(json).unwrap(), comparison);
    }
}
