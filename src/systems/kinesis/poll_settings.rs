//! How a scenario describes the clock of a polling reader.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::parameter::Parameter;
use crate::units::Duration;

/// Where a polling clock starts.
pub const PHASE: Parameter = Parameter::assumed(
    "OWN-3",
    "phase",
    "when polling of each shard starts",
    "random",
    "pollers of different shards know nothing of each other",
);

/// Where a reader's clock starts on each shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PhaseSettings {
    /// Anywhere within the first interval, drawn for each shard.
    Random,
    /// Shard after shard, this much apart; at most one interval.
    Stagger(Duration),
}
