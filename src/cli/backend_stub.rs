//! Stand-ins for the library's upper layers, module by module under their names: replace `backend_stub::` by
//! `streamgauge::` and delete this file. The pipeline behind them is a real one of fixed shape, so that a run takes
//! its time and can be interrupted; of the scenario file only the name, the duration, the replications and the names
//! of the variants count.

pub mod scenario {
    use std::path::Path;
    use std::sync::Arc;
    use streamgauge::engine::sampler::Sampler;
    use streamgauge::engine::time::{HOUR, MINUTE, SECOND};
    use streamgauge::scenario::checked::{Billing, End, Identity, ItemSpace, Scenario, Study, WarmUpRule};
    use streamgauge::scenario::diagnostic::{Diagnostic, Diagnostics};
    use streamgauge::scenario::overrides::Override;
    use streamgauge::scenario::source::Source;
    use streamgauge::scenario::tree::{Node, Value};
    use streamgauge::scenario::yaml;
    use streamgauge::systems::dynamodb::table::TablePlan;
    use streamgauge::units::Duration;
    use streamgauge::workload::arrivals::ArrivalPlan;
    use streamgauge::workload::key_name::KeyName;
    use streamgauge::workload::key_names::KeyNames;
    use streamgauge::workload::keys::KeyPlan;
    use streamgauge::workload::operation::OperationMix;
    use streamgauge::workload::producer::{self, ProducerPlan, SizePlan};
    use streamgauge::workload::retry::{Client, RetryProfile};

    pub struct LoadOptions {
        pub sets: Vec<String>,
        pub seed: Option<u64>,
        pub replications: Option<u32>,
    }

    pub struct Loaded {
        pub base: Scenario,
        pub variants: Vec<(String, Scenario)>,
    }

    pub fn load(path: &Path, options: &LoadOptions) -> Result<Loaded, Diagnostics> {
        let mut tree = yaml::parse(&Source::read(path)?)?;
        for set in &options.sets {
            Override::parse("--set", set)?.apply(&mut tree)?;
        }
        let base = scenario(&tree, options)?;
        let names = match tree.get(&at("variants")).map(|node| &node.value) {
            Some(Value::Map(map)) => map.keys().cloned().collect(),
            _ => Vec::new(),
        };
        let variants = names.into_iter().map(|name| (name, base.clone())).collect();
        Ok(Loaded { base, variants })
    }

    pub fn schema() -> serde_json::Value {
        serde_json::json!({ "$schema": "http://json-schema.org/draft-07/schema#", "title": "Scenario" })
    }

    fn at(key: &str) -> streamgauge::scenario::path::Path {
        key.parse().expect("a key is a path")
    }

    fn text<'a>(tree: &'a Node, key: &str) -> Option<&'a str> {
        match &tree.get(&at(key))?.value {
            Value::Plain(text) | Value::Quoted(text) => Some(text),
            _ => None,
        }
    }

    fn scenario(tree: &Node, options: &LoadOptions) -> Result<Scenario, Diagnostic> {
        let name = text(tree, "name").ok_or_else(|| Diagnostic::new("`name` is missing"))?.to_owned();
        let duration = match text(tree, "duration") {
            Some(text) => {
                text.parse::<Duration>().map_err(|error| Diagnostic::new(error.to_string()))?.nanos()
            }
            None => MINUTE,
        };
        let replications = text(tree, "replications").and_then(|text| text.parse().ok()).unwrap_or(1);
        Ok(Scenario {
            identity: Identity::default(),
            warm_up_rule: WarmUpRule::Fixed,
            billing: Billing { month: 730 * HOUR, represents: 730 * HOUR, free_tier: false },
            objectives: vec![],
            assumptions: vec![],
            notes: vec![],
            name,
            about: String::new(),
            region: "us-east-1".into(),
            start: 0,
            seed: options.seed.unwrap_or(7),
            study: Study::Steady,
            duration,
            warm_up: 0,
            replications: options.replications.unwrap_or(replications),
            end: End::Drain,
            producers: vec![Arc::new(producer().map_err(Diagnostic::new)?)],
            tables: vec![TablePlan {
                name: "orders".into(),
                write_units: 20_000,
                burst: SECOND,
                replication: None,
            }],
            items: vec![ItemSpace {
                items: 1000,
                names: KeyNames::Made(KeyName::new("user#", 11).expect("a short prefix")),
            }],
            streams: vec![],
            consumers: vec![],
            deliveries: vec![],
        })
    }

    fn producer() -> Result<ProducerPlan, String> {
        Ok(ProducerPlan {
            name: "checkout".into(),
            table: 0,
            source: producer::Source::Drawn {
                arrivals: ArrivalPlan::poisson(500.0).map_err(|error| error.to_string())?,
                keys: KeyPlan::zipfian(1000, 0.99).map_err(|error| error.to_string())?,
                sizes: SizePlan {
                    after: Sampler::Exponential { mean: 700.0 },
                    before: None,
                    min: 64,
                    max: 65_536,
                },
                operations: OperationMix::new(0.0, 1.0, 0.0).map_err(|error| error.to_string())?,
            },
            retries: RetryProfile::named("none", Client::DynamoDb).ok_or("a known profile")?,
        })
    }

    pub mod load_check {
        use serde::Serialize;
        use streamgauge::scenario::checked::Scenario;

        #[derive(Debug, Serialize)]
        pub struct LoadCheck {
            pub rows: Vec<Row>,
            pub warnings: Vec<String>,
        }

        #[derive(Debug, Serialize)]
        pub struct Row {
            pub path: String,
            pub limit: String,
            pub unit: String,
            pub mean: f64,
            pub peak: f64,
            pub allowed: f64,
            pub verdict: Verdict,
        }

        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Verdict {
            Below,
            Overloaded,
        }

        impl std::fmt::Display for Verdict {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(if *self == Self::Below { "below" } else { "overloaded" })
            }
        }

        impl LoadCheck {
            pub fn overloaded(&self) -> Vec<String> {
                let rows = self.rows.iter().filter(|row| row.verdict == Verdict::Overloaded);
                rows.map(|row| format!("{} {}", row.path, row.limit)).collect()
            }
        }

        pub fn check(scenario: &Scenario) -> LoadCheck {
            let row = |table: &streamgauge::systems::dynamodb::table::TablePlan| Row {
                path: format!("tables.{}", table.name),
                limit: "write capacity".into(),
                unit: "WRU/s".into(),
                mean: 500.0,
                peak: 561.3,
                allowed: table.write_units as f64,
                verdict: Verdict::Below,
            };
            LoadCheck { rows: scenario.tables.iter().map(row).collect(), warnings: vec![] }
        }
    }
}

pub mod pipeline {
    pub mod finish {
        use streamgauge::engine::time::Nanos;

        pub struct Progress {
            pub now: Nanos,
            pub events: u64,
        }
    }
}

pub mod experiment {
    pub mod replicate {
        use super::super::pipeline::finish::Progress;
        use std::sync::atomic::{AtomicBool, Ordering};
        use streamgauge::pipeline::Pipeline;
        use streamgauge::pipeline::finish::{Outcome, RunError};
        use streamgauge::pipeline::wiring::Prepared;
        use streamgauge::scenario::checked::Scenario;

        pub trait Observer: Sync {
            fn progress(&self, replication: u64, progress: Progress);
        }

        pub struct Silent;

        impl Observer for Silent {
            fn progress(&self, _: u64, _: Progress) {}
        }

        pub struct Control<'a> {
            pub threads: usize,
            pub cancelled: &'a AtomicBool,
            pub observer: &'a dyn Observer,
        }

        #[derive(Debug, thiserror::Error)]
        pub enum ExperimentError {
            #[error("replication {replication}: {error}")]
            Run { replication: u64, error: RunError },
            #[error("interrupted.")]
            Interrupted,
            #[error("the warm-up cannot be found.")]
            WarmUp(()),
        }

        pub fn run<const FULL: bool>(
            scenario: &Scenario,
            control: &Control<'_>,
        ) -> Result<Vec<Outcome>, ExperimentError> {
            assert!(control.threads > 0);
            let prepared = Prepared::new(scenario);
            let one = |replication: u64| {
                let outcome = Pipeline::<FULL>::new(scenario, &prepared, replication).run(scenario, |now| {
                    control.observer.progress(replication, Progress { now, events: 0 });
                    !control.cancelled.load(Ordering::Relaxed)
                });
                outcome
                    .map_err(|error| ExperimentError::Run { replication, error })?
                    .ok_or(ExperimentError::Interrupted)
            };
            (0..scenario.replications.into()).map(one).collect()
        }
    }

    pub mod verify {
        use super::replicate::{Control, ExperimentError};
        use streamgauge::scenario::checked::Scenario;

        pub enum Verification {
            Same(()),
            Differs {},
        }

        impl std::fmt::Display for Verification {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self {
                    Self::Same(()) => "two runs had the same outcomes.",
                    Self::Differs {} => "two runs differ.",
                })
            }
        }

        pub fn verify(scenario: &Scenario, control: &Control<'_>) -> Result<Verification, ExperimentError> {
            let prints = || -> Result<Vec<_>, _> {
                let outcomes = super::replicate::run::<true>(scenario, control)?;
                Ok(outcomes.into_iter().map(|outcome| outcome.fingerprint).collect())
            };
            Ok(if prints()? == prints()? { Verification::Same(()) } else { Verification::Differs {} })
        }
    }

    pub mod warm_up {
        use super::replicate::{Control, ExperimentError};
        use streamgauge::scenario::checked::{Scenario, WarmUpRule};

        pub fn settle(scenarios: &mut [Scenario], _: &Control<'_>) -> Result<(), ExperimentError> {
            match scenarios.iter().any(|scenario| scenario.warm_up_rule == WarmUpRule::Mser5) {
                true => Err(ExperimentError::WarmUp(())),
                false => Ok(()),
            }
        }
    }
}

pub mod report {
    pub mod result {
        use serde::{Deserialize, Serialize};
        use streamgauge::pipeline::finish::Outcome;
        use streamgauge::pricing::PriceBook;
        use streamgauge::scenario::checked::Scenario;

        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub struct RunResult {
            pub identity: Identity,
            pub slo: Vec<SloRow>,
        }

        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub struct Identity {
            pub scenario: String,
            pub fingerprint: String,
        }

        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub struct SloRow {
            pub verdict: Verdict,
        }

        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Verdict {
            Met,
            Missed,
            Undecided,
            Unknown,
        }

        impl RunResult {
            pub fn new(scenario: &Scenario, outcomes: &[Outcome], _: &PriceBook) -> Self {
                let fingerprint = outcomes.first().map(|outcome| outcome.fingerprint.to_string());
                let identity = Identity {
                    scenario: scenario.name.clone(),
                    fingerprint: fingerprint.unwrap_or_default(),
                };
                Self { identity, slo: vec![] }
            }
        }

        pub fn schema() -> serde_json::Value {
            serde_json::json!({ "$schema": "http://json-schema.org/draft-07/schema#", "title": "Result" })
        }
    }

    pub mod folder {
        use super::result::RunResult;
        use std::io::Write;
        use std::path::Path;
        use streamgauge::pipeline::finish::Outcome;

        pub fn write(
            folder: &Path,
            result: &RunResult,
            _: &[Outcome],
            _objects: bool,
        ) -> std::io::Result<()> {
            std::fs::create_dir_all(folder)?;
            write_file(&folder.join("result.json"), super::json::render(result).as_bytes())
        }

        /// By atomic rename.
        pub fn write_file(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
            let mut temporary = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
            temporary.write_all(bytes)?;
            temporary.persist(file)?;
            Ok(())
        }
    }

    pub mod terminal {
        pub fn render(result: &super::result::RunResult) -> String {
            format!("{} {}\n", result.identity.scenario, result.identity.fingerprint)
        }
    }

    pub mod markdown {
        pub fn render(result: &super::result::RunResult) -> String {
            format!("# {}\n", result.identity.scenario)
        }
    }

    pub mod json {
        pub fn render(result: &super::result::RunResult) -> String {
            serde_json::to_string_pretty(result).unwrap_or_default() + "\n"
        }
    }

    pub mod csv {
        pub fn tables(result: &super::result::RunResult) -> Vec<(&'static str, String)> {
            vec![("latency", format!("path\n{}\n", result.identity.scenario)), ("cost", "id\n".to_owned())]
        }
    }

    pub mod comparison {
        use super::result::RunResult;
        use serde::Serialize;

        #[derive(Debug, Serialize)]
        pub struct Comparison(Vec<(String, RunResult)>);

        impl Comparison {
            pub fn new(results: Vec<(String, RunResult)>) -> Self {
                Self(results)
            }
        }

        pub fn text(comparison: &Comparison) -> String {
            comparison.0.iter().map(|(name, _)| format!("{name}\n")).collect()
        }

        pub fn markdown(comparison: &Comparison) -> String {
            text(comparison)
        }

        pub fn json(comparison: &Comparison) -> String {
            serde_json::to_string_pretty(comparison).unwrap_or_default() + "\n"
        }

        pub fn schema() -> serde_json::Value {
            serde_json::json!({ "$schema": "http://json-schema.org/draft-07/schema#", "title": "Experiment" })
        }
    }
}
