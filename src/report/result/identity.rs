//! What makes a run this run and no other, what it assumes, and what became of everything in it.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FORMAT;
use crate::engine::fingerprint::Fingerprint;
use crate::measure::ledger::Account;
use crate::pipeline::finish::Outcome;
use crate::pricing::{Date, PriceBook};
use crate::scenario::checked::{Assumption, Scenario, Study, WarmUpRule};
use crate::units::Timestamp;

/// Everything that a colleague needs to have the same bytes again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunIdentity {
    /// Version of Streamgauge.
    pub version: String,
    /// Version of this layout.
    pub format: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// The question it answers.
    pub about: String,
    /// Name of the variant, if it is one.
    pub variant: Option<String>,
    /// SHA-256 of the scenario after overrides, hex.
    pub scenario_digest: String,
    /// Input files by name, with the SHA-256 of their bytes.
    pub inputs: IndexMap<String, String>,
    /// Overrides in force, as written.
    pub overrides: Vec<String>,
    /// `steady` or `terminating`.
    pub study: StudyName,
    /// Simulated calendar at the start.
    pub start: String,
    /// Seed of all random streams.
    pub seed: u64,
    /// Independent replications.
    pub replications: u32,
    /// Span in which writes come in, seconds.
    pub duration_s: f64,
    /// The part of it at the start that is not measured, seconds.
    pub warm_up_s: f64,
    /// How the warm-up was chosen.
    pub warm_up_rule: WarmUpName,
    /// The hash of all outcomes of all replications, hex.
    pub fingerprint: String,
    /// The prices used.
    pub price_book: PriceBookIdentity,
}

/// The kind of study.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StudyName {
    /// How the pipeline behaves for ever under this load.
    Steady,
    /// What happens in one stretch of time.
    Terminating,
}

/// How a warm-up is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WarmUpName {
    /// As the scenario says.
    Fixed,
    /// By MSER-5 on pilot replications.
    Mser5,
}

/// Which prices were used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PriceBookIdentity {
    /// AWS Region.
    pub region: String,
    /// The day on which the book was compiled, and whose prices hold.
    pub as_of: Date,
    /// SHA-256 of the book, hex.
    pub digest: String,
}

impl RunIdentity {
    /// The identity of these replications.
    pub fn new(scenario: &Scenario, outcomes: &[Outcome], book: &PriceBook) -> Self {
        let mut fingerprint = Fingerprint::default();
        outcomes.iter().for_each(|outcome| fingerprint.absorb(outcome.fingerprint));
        let seconds = |nanos: u64| nanos as f64 / 1e9;
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            format: FORMAT,
            scenario: scenario.name.clone(),
            about: scenario.about.clone(),
            variant: scenario.identity.variant.clone(),
            scenario_digest: scenario.identity.digest.clone(),
            inputs: scenario.identity.inputs.iter().cloned().collect(),
            overrides: scenario.identity.overrides.clone(),
            study: match scenario.study {
                Study::Steady => StudyName::Steady,
                Study::Terminating => StudyName::Terminating,
            },
            start: Timestamp::from_unix_seconds(scenario.start)
                .map_or_else(|_| format!("{} s from 1970", scenario.start), |start| start.to_string()),
            seed: scenario.seed,
            replications: outcomes.len() as u32,
            duration_s: seconds(scenario.duration),
            warm_up_s: seconds(scenario.warm_up),
            warm_up_rule: match scenario.warm_up_rule {
                WarmUpRule::Fixed => WarmUpName::Fixed,
                WarmUpRule::Mser5 => WarmUpName::Mser5,
            },
            fingerprint: fingerprint.to_string(),
            price_book: PriceBookIdentity {
                region: scenario.region.clone(),
                as_of: book.as_of(),
                digest: book.digest().to_owned(),
            },
        }
    }

    /// The span that is measured, seconds.
    pub fn measured_s(&self) -> f64 {
        self.duration_s - self.warm_up_s
    }
}

/// Something that AWS does not publish and that the run assumes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AssumptionRow {
    /// Fact id.
    pub id: String,
    /// What is assumed, in words.
    pub what: String,
    /// Its value, in the scenario's language.
    pub value: String,
    /// Why this value.
    pub basis: String,
}

impl From<&Assumption> for AssumptionRow {
    fn from(assumption: &Assumption) -> Self {
        let Assumption { id, what, value, basis } = assumption.clone();
        Self { id, what, value, basis }
    }
}

/// One stretch of the pipeline: what entered it, and what became of that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccountRow {
    /// The stretch, such as `firehose.lake`.
    pub path: String,
    /// What entered, by origin.
    pub entered: IndexMap<String, u64>,
    /// What became of it; adds up to what entered.
    pub fates: IndexMap<String, u64>,
}

impl From<&Account> for AccountRow {
    fn from(account: &Account) -> Self {
        let named = |counts: &[(&str, u64)]| {
            counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
        };
        Self { path: account.path.clone(), entered: named(&account.entered), fates: named(&account.fates) }
    }
}
