//! `experiment.json`: one file for every kind of experiment, told apart by its `kind`.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use super::comparison::Comparison;
use super::sweep::SweepResult;

/// What came of an experiment.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Experiment {
    /// Variants, scenarios or stored results side by side.
    Compare(Comparison),
    /// The points of a grid.
    Sweep(SweepResult),
}

/// The JSON Schema of `experiment.json`, draft-07.
pub fn schema() -> Schema {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<Experiment>()
}
