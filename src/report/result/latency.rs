//! Latency of each leg, with the parts that make it up.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::leg::{Leg, Place, QUANTILES, Sample, legs, sure};
use super::overload::{self, Overload};
use crate::pipeline::finish::Outcome;
use crate::report::number::{Interval95, mean, rounded};
use crate::scenario::checked::Scenario;

/// The latency of one leg over all replications, milliseconds. Null where nothing was measured or where there is no
/// steady state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LatencyRow {
    /// The leg, such as `consumers.search.latency`.
    pub path: String,
    /// Records measured in all replications.
    pub count: u64,
    /// Mean of the replications' means.
    pub mean_ms: Option<f64>,
    /// Mean of the replications' medians.
    pub p50_ms: Option<f64>,
    /// Mean of the replications' 90th percentiles.
    pub p90_ms: Option<f64>,
    /// Mean of the replications' 99th percentiles.
    pub p99_ms: Option<f64>,
    /// Mean of the replications' 99.9th percentiles.
    pub p999_ms: Option<f64>,
    /// The greatest of any replication.
    pub max_ms: Option<f64>,
    /// The parts, by name: of the mean, where they add up to it, and of the records near each percentile.
    pub parts: IndexMap<String, IndexMap<String, Option<f64>>>,
    /// The interval of each figure that has one.
    pub interval95: IndexMap<String, Interval95>,
    /// Whether some measured writes never came to the end of the leg, so that the figures are lower bounds.
    pub at_least: bool,
    /// Whether figures are withheld because what backs up has no steady state.
    pub withheld: bool,
}

/// The rows of all legs.
pub fn rows(scenario: &Scenario, outcomes: &[Outcome], overloads: &[(Place, Overload)]) -> Vec<LatencyRow> {
    let row = |leg: &Leg| LatencyRow::new(leg, outcomes, overload::spoils(overloads, leg.place));
    legs(scenario).iter().map(row).collect()
}

impl LatencyRow {
    fn new(leg: &Leg, outcomes: &[Outcome], withheld: bool) -> Self {
        let samples: Vec<Option<Sample>> = outcomes.iter().map(|outcome| leg.sample(outcome)).collect();
        let there = || samples.iter().flatten();
        let shown = |value: Option<f64>| value.filter(|_| !withheld).and_then(rounded);
        let each = |of: &dyn Fn(&Sample) -> Option<f64>| -> Vec<Option<f64>> {
            samples.iter().map(|sample| sample.as_ref().and_then(of)).collect()
        };
        let mut interval95 = IndexMap::new();
        let mut figure = |name: &str, values: Vec<Option<f64>>, sure: bool| {
            if !withheld {
                interval95.insert(name.to_owned(), Interval95::of(&values, sure));
            }
            shown(mean(values))
        };
        let mean_ms = figure("mean_ms", each(&|sample| sample.mean_ms), true);
        let [p50_ms, p90_ms, p99_ms, p999_ms] = std::array::from_fn(|which| {
            let sure = there().all(|sample| sure(sample.count, which));
            let name = format!("{}_ms", QUANTILES[which].0);
            figure(&name, each(&|sample| sample.quantiles_ms[which]), sure)
        });
        let parts = |of: &dyn Fn(&Sample) -> &Vec<f64>| -> IndexMap<String, Option<f64>> {
            let named = leg.parts.iter().enumerate();
            let part = |number: usize| shown(mean(there().map(|sample| of(sample).get(number).copied())));
            named.map(|(number, name)| ((*name).to_owned(), part(number))).collect()
        };
        let mut all_parts = IndexMap::from([("mean_ms".to_owned(), parts(&|sample| &sample.parts_ms))]);
        for (which, (name, _)) in QUANTILES.iter().enumerate() {
            all_parts.insert(format!("{name}_ms"), parts(&|sample| &sample.parts_near_ms[which]));
        }
        Self {
            path: leg.path.clone(),
            count: there().map(|sample| sample.count).sum(),
            mean_ms,
            p50_ms,
            p90_ms,
            p99_ms,
            p999_ms,
            max_ms: shown(there().filter_map(|sample| sample.max_ms).reduce(f64::max)),
            parts: if withheld || there().next().is_none() { IndexMap::new() } else { all_parts },
            interval95,
            at_least: leg.unfinished(outcomes),
            withheld,
        }
    }

    /// Its figures by name, in the order of tables.
    pub fn figures(&self) -> [(&'static str, Option<f64>); 6] {
        [
            ("mean_ms", self.mean_ms),
            ("p50_ms", self.p50_ms),
            ("p90_ms", self.p90_ms),
            ("p99_ms", self.p99_ms),
            ("p999_ms", self.p999_ms),
            ("max_ms", self.max_ms),
        ]
    }

    /// Whether enough records stand behind a figure.
    pub fn sure(&self, figure: &str) -> bool {
        self.interval95.get(figure).is_none_or(|interval| interval.sure)
    }
}
