//! A sweep: what came of each point of a grid; `experiment.json` and `points.csv` of `sweep`, and its renderings.

mod best;
mod break_even;
pub mod csv;
pub mod folder;
pub mod markdown;
mod scale;
pub mod terminal;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use best::Best;
pub use break_even::BreakEven;

use super::comparison::VariantRow;
use super::number::Interval95;
use super::result::figure::{is_extreme, unit};
use super::result::{FORMAT, ReplicationRow, RunResult};
use crate::pricing::PriceBook;
use crate::scenario::checked::{Scenario, Unit};
use crate::scenario::sweep::Sweep;

/// What makes a sweep this one and no other: points of equal identity are the same to the byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SweepIdentity {
    /// Version of Streamgauge.
    pub version: String,
    /// Version of this layout.
    pub format: u32,
    /// What kind of experiment this is: `sweep`.
    #[schemars(extend("const" = "sweep"))]
    pub kind: String,
    /// Name of the scenario.
    pub scenario: String,
    /// The question it answers.
    pub about: String,
    /// SHA-256 of the swept values, of the scenario at every point and of its input files, hex.
    pub sweep_digest: String,
    /// Seed of all random streams, unless it is swept.
    pub seed: u64,
    /// SHA-256 of the price book, hex.
    pub price_book: String,
    /// How many points the grid has.
    pub point_count: usize,
    /// What is swept; the last one changes fastest from point to point.
    pub axes: Vec<AxisRow>,
}

/// One swept path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AxisRow {
    /// The path, or `variants`.
    pub path: String,
    /// Its values, as written.
    pub values: Vec<String>,
}

/// What came of one point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PointRow {
    /// Its number, from 0.
    pub point: usize,
    /// The values of the axes there, as written.
    pub values: Vec<String>,
    /// Identity, bill and verdicts.
    #[serde(flatten)]
    pub run: VariantRow,
    /// Its figures by path, in the unit of the path as in `result.json`.
    pub figures: IndexMap<String, FigureValue>,
}

/// A figure over the replications of a point.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FigureValue {
    /// What [`RunResult::figure`] says; null where it is not known.
    pub value: Option<f64>,
    /// Lower end of the 95 % interval of the mean; null for greatest values and counts of failures, with one replication, or when some replication has no such figure.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// A point with its replications: the file of a point that is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PointResult {
    /// [`SweepIdentity::sweep_digest`] of the sweep that it is a point of.
    pub sweep_digest: String,
    /// What came of it.
    pub row: PointRow,
    /// The named figures of each replication.
    pub replications: Vec<ReplicationRow>,
}

/// A whole sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SweepResult {
    /// What makes it this sweep and no other.
    #[serde(flatten)]
    pub identity: SweepIdentity,
    /// What came of each point.
    pub points: Vec<PointRow>,
    /// The cheapest point that meets every objective; null without objectives, or where none is known to meet them.
    pub best: Option<Best>,
    /// Where the bills of variants cross; empty unless the sweep goes over `variants` and a quantity.
    pub break_even: Vec<BreakEven>,
}

impl SweepResult {
    /// A whole sweep, from what came of all its points.
    pub fn new(identity: SweepIdentity, points: Vec<PointRow>) -> Self {
        let best = Best::of(&points);
        let break_even = break_even::find(&identity.axes, &points);
        Self { identity, points, best, break_even }
    }
}

impl SweepIdentity {
    /// The identity of a sweep over a scenario.
    pub fn new(base: &Scenario, sweep: &Sweep, book: &PriceBook) -> Self {
        let axis = |axis: &crate::scenario::sweep::Axis| AxisRow {
            path: axis.name.clone(),
            values: axis.values().map(str::to_owned).collect(),
        };
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            format: FORMAT,
            kind: "sweep".to_owned(),
            scenario: base.name.clone(),
            about: base.about.clone(),
            sweep_digest: sweep.digest.clone(),
            seed: base.seed,
            price_book: book.digest().to_owned(),
            point_count: sweep.points(),
            axes: sweep.axes.iter().map(axis).collect(),
        }
    }

    /// In what another identity differs, for whoever mixes them up; `None` if in nothing.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let texts = [
            ("version", &self.version, &other.version),
            ("scenario", &self.scenario, &other.scenario),
            ("seed", &self.seed.to_string(), &other.seed.to_string()),
        ]
        .map(|(what, a, b)| (a != b).then(|| format!("its {what} is {a}, not {b}")));
        let named = texts.into_iter().flatten().next();
        named.or_else(|| match () {
            () if self.price_book != other.price_book => Some("its price book is another one".to_owned()),
            () if self.axes != other.axes => Some("it goes over other values".to_owned()),
            () if self != other => Some("its scenario or an input file has changed since".to_owned()),
            () => None,
        })
    }
}

impl PointResult {
    /// What came of a point.
    pub fn new(sweep: &Sweep, point: usize, result: &RunResult) -> Self {
        let values: Vec<String> = sweep.values(point).into_iter().map(str::to_owned).collect();
        let paths = result.replications.first().map(|row| row.figures.keys()).into_iter().flatten();
        let figure = |path: &String| {
            let value = result.figure(path);
            if is_extreme(path) {
                return (path.clone(), FigureValue { value, low: None, high: None });
            }
            let samples = result.replications.iter().map(|row| row.figures.get(path).copied().flatten());
            let samples: Vec<Option<f64>> = samples.collect();
            let interval = match unit(path) {
                Unit::Usd => Interval95::of_money(&samples),
                _ => Interval95::of(&samples, true),
            };
            let value = FigureValue { value, low: interval.low, high: interval.high };
            (path.clone(), value)
        };
        Self {
            sweep_digest: sweep.digest.clone(),
            row: PointRow {
                point,
                values,
                run: VariantRow::new(&sweep.described(point), result),
                figures: paths.map(figure).collect(),
            },
            replications: result.replications.clone(),
        }
    }
}

impl PointRow {
    /// The verdict over all its objectives, in a word; none without objectives.
    pub fn verdict(&self) -> Option<&'static str> {
        use super::result::slo::{Judgement, exit_code};
        let word = match exit_code(&self.run.slo) {
            0 => Judgement::Pass,
            3 => Judgement::Miss,
            _ => Judgement::Undecided,
        };
        (!self.run.slo.is_empty()).then(|| word.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::result::slo::{Judgement, Verdict};
    use rust_decimal::Decimal;

    pub(super) fn axis(path: &str, values: &[&str]) -> AxisRow {
        AxisRow { path: path.to_owned(), values: values.iter().map(|value| (*value).to_owned()).collect() }
    }

    /// A point with a bill and figures.
    pub(super) fn point(number: usize, cost: f64, figures: &[(&str, Option<f64>)]) -> PointRow {
        let of = |value| FigureValue { value, low: None, high: None };
        let figures = figures.iter().map(|(path, value)| ((*path).to_owned(), of(*value)));
        let cost_month = Some(format!("{cost:.2}").parse().unwrap());
        PointRow {
            point: number,
            values: vec![],
            run: VariantRow { cost_month, ..VariantRow::new("p", &crate::report::example::result(1)) },
            figures: figures.chain([("cost.month".to_owned(), of(Some(cost)))]).collect(),
        }
    }

    #[test]
    fn the_best_point_is_the_cheapest_that_meets_every_objective() {
        let judged = |number, cost, verdict| {
            let mut point = point(number, cost, &[]);
            let asked = &point.run.slo[1];
            point.run.slo = vec![Verdict { verdict, path: "lost".into(), ..asked.clone() }];
            point
        };
        let points = [
            judged(0, 9.0, Judgement::Pass),
            judged(1, 5.0, Judgement::Undecided),
            judged(2, 7.0, Judgement::Pass),
            judged(3, 4.0, Judgement::Miss),
        ];
        let expected =
            Best { point: 2, runner_up: Some(0), next_cheaper: Some(1), fails: Some("lost".to_owned()) };
        assert_eq!(Best::of(&points), Some(expected));
        assert_eq!(Best::of(&points[1..2]), None);
        let mut without = points.to_vec();
        without.iter_mut().for_each(|point| point.run.slo.clear());
        assert_eq!(Best::of(&without), None);
        without[0].run.cost_month = None::<Decimal>;
        assert_eq!(Best::of(&without), None);
    }
}
