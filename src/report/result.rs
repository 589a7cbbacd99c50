//! What a run came to: `result.json`, of which all other files are renderings.

pub mod alarms;
pub mod concurrency;
pub mod cost;
pub mod direct;
pub mod events;
pub mod figure;
pub mod firehose;
pub mod fleet;
pub mod flow;
pub mod identity;
pub mod lambda;
pub mod latency;
pub mod leg;
pub mod losses;
pub mod objects;
pub mod ordering;
pub mod overload;
pub mod prefixes;
mod processed;
pub mod queries;
pub mod reads;
pub mod refused_reads;
pub mod repair;
pub mod shards;
pub mod sink;
pub mod slo;
pub mod sqs;
pub mod stalls;
pub mod stored;
pub mod stream_capacity;
pub mod streams;
pub mod throttles;
pub mod throughput;
pub mod usage;
pub mod waits;
pub mod writes;

use indexmap::IndexMap;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use crate::measure::ledger::Ledger;
use crate::pipeline::finish::Outcome;
use crate::pricing::{BillError, PriceBook, Usage};
use crate::report::number::rounded;
use crate::scenario::checked::Scenario;
use figure::{COST_MONTH, Value};

/// The layout of `result.json`; it grows when a key changes its meaning.
pub const FORMAT: u32 = 1;

/// What one run of a scenario came to. Counts are summed over all replications and cover the whole run, drain
/// included; latencies are those of the measured writes; shards, objects and series show replication 0; usage
/// and cost are replication means of the measured span, scaled to the month.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunResult {
    /// What makes it this run and no other.
    pub identity: identity::RunIdentity,
    /// What AWS does not publish and this run therefore assumes.
    pub assumptions: Vec<identity::AssumptionRow>,
    /// What was noted on the way here, in whole sentences.
    pub notes: Vec<String>,
    /// Planned events that were refused, whole sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<String>,
    /// Whether all measured writes were followed to their end; if not, latencies are "at least".
    pub complete: bool,
    /// Limits that the load of a steady study is above: what backs up there has no steady state.
    pub overloaded: Vec<overload::Overload>,
    /// Everything accounted for.
    pub ledger: Vec<identity::AccountRow>,
    /// What readers do not get by themselves, by fate and cause, and when that began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<losses::CauseRow>,
    /// What producers offered and what became of it at the table.
    pub producers: Vec<flow::ProducerRow>,
    /// Tables with their feeds.
    pub tables: Vec<flow::TableRow>,
    /// Latencies, each from the intended write on.
    pub latency: Vec<latency::LatencyRow>,
    /// What the records of each reader wait for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bottlenecks: Vec<waits::BottleneckRow>,
    /// Order and duplicates in the streams.
    pub ordering: Vec<ordering::OrderingRow>,
    /// Consumers that may process changes again or out of turn, of which that is not measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ordering_not_followed: Vec<ordering::NotFollowedRow>,
    /// Everything that was refused, by cause.
    pub throttles: Vec<throttles::ThrottleRow>,
    /// Streams with their worst shards.
    pub shards: Vec<shards::StreamRow>,
    /// Consumers.
    pub consumers: Vec<flow::ConsumerRow>,
    /// Delivery streams and the objects they made.
    pub objects: Vec<objects::DeliveryRow>,
    /// Queues.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<sqs::QueueRow>,
    /// Scheduled queries over objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<queries::QueryRow>,
    /// What happened to the pipeline itself in replication 0.
    pub events: Vec<events::EventRow>,
    /// Alarms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<alarms::AlarmRow>,
    /// The month's bill.
    pub cost: cost::Cost,
    /// The verdict on each objective.
    pub slo: Vec<slo::Verdict>,
    /// What the month uses, by price id.
    pub usage: Usage,
    /// The named figures of each replication.
    pub replications: Vec<ReplicationRow>,
}

/// One replication's figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplicationRow {
    /// Its number, from 0.
    pub replication: u64,
    /// The hash of its outcomes, hex.
    pub fingerprint: String,
    /// When its last event took place, simulated seconds.
    pub end_s: Option<f64>,
    /// Its figures by path: milliseconds where the path ends in a percentile, `mean` or `max`; shares where it ends
    /// in `share`; US dollars for `cost.month`; otherwise counts. Null where there was nothing to measure, or
    /// no steady state.
    pub figures: IndexMap<String, Option<f64>>,
}

/// A figure over all replications.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Its path.
    pub path: String,
    /// See [`figure::Figure::extreme`].
    pub extreme: bool,
    /// One value a replication.
    pub values: Vec<Value>,
    /// What the report says of it where that is not made from the values: the total of the bill.
    pub stated: Option<f64>,
    /// Whether it is withheld because there is no steady state.
    pub withheld: bool,
}

impl RunResult {
    /// Draws up the result of all replications of a scenario, at the prices of `book`.
    ///
    /// # Errors
    /// [`BillError`] when usage cannot be billed: numbers beyond 28 digits, or prices that the book lacks by name.
    pub fn new(scenario: &Scenario, outcomes: &[Outcome], book: &PriceBook) -> Result<Self, BillError> {
        let complete = outcomes.iter().all(|outcome| outcome.complete);
        let overloads = overload::find(scenario, outcomes);
        let run = slo::Run { complete, settled: overloads.is_empty() };
        let usage = usage::of(scenario, outcomes)?;
        let (cost, totals) = cost::Cost::new(scenario, outcomes, &usage, book)?;
        let measured = measure(scenario, outcomes, (cost.total(), totals), &overloads);
        let latency = latency::rows(scenario, outcomes, &overloads);
        let mut ledger = Ledger::default();
        outcomes.iter().for_each(|outcome| ledger.add(&outcome.ledger));
        Ok(Self {
            identity: identity::RunIdentity::new(scenario, outcomes, book),
            assumptions: scenario.assumptions.iter().map(identity::AssumptionRow::from).collect(),
            notes: scenario.notes.iter().cloned().chain(overload::unsettled(scenario, outcomes)).collect(),
            refusals: events::refusals(outcomes),
            complete,
            ledger: ledger.accounts.iter().map(identity::AccountRow::from).collect(),
            losses: losses::causes(outcomes),
            producers: flow::producers(scenario, outcomes),
            tables: flow::tables(scenario, outcomes),
            bottlenecks: waits::rows(scenario, outcomes, &latency),
            latency,
            ordering: ordering::rows(scenario, outcomes),
            ordering_not_followed: ordering::not_followed(scenario),
            throttles: throttles::rows(scenario, outcomes),
            shards: shards::rows(scenario, outcomes, book)?,
            consumers: flow::consumers(scenario, outcomes),
            objects: objects::rows(scenario, outcomes),
            queues: sqs::queues(scenario, outcomes),
            queries: queries::rows(scenario, outcomes, book)?,
            events: events::rows(outcomes),
            alarms: alarms::rows(scenario, outcomes),
            cost,
            slo: scenario.objectives.iter().map(|asked| slo::judge(asked, &measured, run)).collect(),
            usage,
            overloaded: overloads.into_iter().map(|(_, overload)| overload).collect(),
            replications: replications(outcomes, &measured),
        })
    }

    /// The JSON Schema of `result.json`, draft-07.
    pub fn schema() -> Schema {
        SchemaSettings::draft07().into_generator().into_root_schema_for::<Self>()
    }

    /// What a run of this result exits with: 0 when every objective is met, 3 when one is missed, 4 when one is
    /// undecided or unknown.
    pub fn exit_code(&self) -> u8 {
        slo::exit_code(&self.slo)
    }

    /// A figure as all reports and verdicts show it: the total of the bill; of greatest values and counts of failures, the
    /// greatest of any replication; of all others, the mean over the replications that have it.
    pub fn figure(&self, path: &str) -> Option<f64> {
        let values = self.replications.iter().map(|row| row.figures.get(path).copied().flatten());
        match path {
            // Every line is rounded to the cent already, and so is their sum.
            COST_MONTH => self.cost.total(),
            _ if figure::is_extreme(path) => values.flatten().reduce(f64::max).and_then(rounded),
            _ => crate::report::number::mean(values).and_then(rounded),
        }
    }
}

fn measure(
    scenario: &Scenario,
    outcomes: &[Outcome],
    (total, totals): (Option<f64>, Vec<Option<f64>>),
    overloads: &[(leg::Place, overload::Overload)],
) -> Vec<Measured> {
    let legs = leg::legs(scenario);
    let withheld = |path: &str| {
        let of_leg =
            |leg: &&leg::Leg| path.strip_prefix(leg.path.as_str()).is_some_and(|rest| rest.starts_with('.'));
        legs.iter().find(of_leg).is_some_and(|leg| overload::spoils(overloads, leg.place))
    };
    let measured = |figure: figure::Figure| {
        let withheld = withheld(&figure.path);
        let value = |outcome| {
            let Value { value, sure } = figure.value(outcome);
            Value { value: value.filter(|_| !withheld).and_then(rounded), sure }
        };
        Measured {
            values: outcomes.iter().map(value).collect(),
            stated: None,
            withheld,
            path: figure.path,
            extreme: figure.extreme,
        }
    };
    let mut all: Vec<Measured> = figure::figures(scenario).into_iter().map(measured).collect();
    let values = totals.into_iter().map(Value::from).collect();
    let path = COST_MONTH.to_owned();
    all.push(Measured { path, extreme: false, values, stated: total, withheld: false });
    all
}

fn replications(outcomes: &[Outcome], measured: &[Measured]) -> Vec<ReplicationRow> {
    let row = |(number, outcome): (usize, &Outcome)| ReplicationRow {
        replication: number as u64,
        fingerprint: outcome.fingerprint.to_string(),
        end_s: rounded(outcome.end as f64 / 1e9),
        figures: measured.iter().map(|figure| (figure.path.clone(), figure.values[number].value)).collect(),
    };
    outcomes.iter().enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{example, json};
    use rust_decimal::Decimal;

    #[test]
    fn two_threads_give_the_bytes_of_one() {
        let scenario = example::scenario(3);
        let bytes = |threads| {
            let outcomes = example::outcomes(&scenario, threads);
            json::render(&RunResult::new(&scenario, &outcomes, PriceBook::builtin()).unwrap()).unwrap()
        };
        let one = bytes(1);
        assert_eq!(one, bytes(2));
        // What was written can be read back: `report` renders from the file alone.
        let read: RunResult = serde_json::from_str(&one).unwrap();
        assert_eq!(json::render(&read).unwrap(), one);
    }

    #[test]
    fn the_keys_of_result_json_are_those_promised() {
        let value = serde_json::to_value(example::result(1)).unwrap();
        let keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        let promised = "identity assumptions ledger producers tables latency ordering throttles shards consumers \
                        objects cost slo usage replications";
        assert!(promised.split_whitespace().all(|key| keys.contains(&key)), "{keys:?}");
        for key in ["version", "scenario", "scenario_digest", "inputs", "overrides", "seed", "replications"] {
            assert!(value["identity"].get(key).is_some(), "{key}");
        }
        let row = &value["latency"][3];
        assert_eq!(row["path"], "firehose.lake.freshness");
        assert!(row["p99_ms"].is_f64() && row["interval95"]["p99_ms"]["low"].is_null());
        let schema = serde_json::to_value(RunResult::schema()).unwrap();
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
        assert!(schema["properties"]["cost"].is_object());
    }

    #[test]
    fn sums_agree_with_the_ledger_and_parts_add_up_to_means() {
        let result = example::result(2);
        for account in &result.ledger {
            assert_eq!(
                account.entered.values().sum::<u64>(),
                account.fates.values().sum::<u64>(),
                "{account:?}"
            );
        }
        assert_eq!(result.producers[0].offered, result.ledger[0].entered["offered"]);
        let per_replication = result.producers[0].measured as f64 / 2.0;
        assert!((per_replication - 3_000.0).abs() < 4.0 * 55.0, "1,000 writes/s for 3 s");
        for row in &result.latency {
            let parts: f64 = row.parts["mean_ms"].values().flatten().sum();
            let mean = row.mean_ms.unwrap();
            assert!((parts - mean).abs() <= 1e-5 * mean, "{row:?}");
            let firsts: Vec<f64> = result
                .replications
                .iter()
                .map(|replication| replication.figures[&format!("{}.p50", row.path)].unwrap())
                .collect();
            assert!((firsts.iter().sum::<f64>() / 2.0 - row.p50_ms.unwrap()).abs() <= 1e-5 * mean);
        }
        let ordering = &result.ordering[0];
        assert_eq!(ordering.causes.values().sum::<u64>(), ordering.out_of_order);
        let shares: f64 = result.shards[0].worst.iter().filter_map(|shard| shard.load_share).sum();
        assert!((shares - 1.0).abs() < 1e-4);
    }

    #[test]
    fn a_month_of_the_bill_is_done_by_hand() {
        let result = example::result(2);
        let amount = |id: &str| {
            let line = result.cost.bill.lines.iter().find(|line| line.id.starts_with(id)).unwrap();
            (line.quantity, line.amount.unwrap())
        };
        // 4 shards and 2,000 write units for 730 h.
        assert_eq!(amount("kds.prov.shard_h"), (Decimal::from(2_920), Decimal::new(4_380, 2)));
        assert_eq!(amount("ddb.prov.wcu_h"), (Decimal::from(1_460_000), Decimal::new(94_900, 2)));
        // Each of the records takes one PUT payload unit, and the month has 876,000 times 3 s.
        let (units, _) = amount("kds.prov.put_unit");
        let records: u64 = result.replications.len() as u64 * 3_000;
        let expected = Decimal::from(records / 2 * 876_000);
        let difference = ((units - expected) / expected).abs();
        assert!(difference < Decimal::new(7, 2), "{units} against {expected}");
        let sum: Decimal = result.cost.by_cause.values().sum();
        assert_eq!(Some(sum), result.cost.bill.total);
        assert_eq!(result.usage.0["kds.prov.put_unit"].quantity, units);
    }

    #[test]
    fn verdicts_follow_from_the_replications() {
        let result = example::result(2);
        assert_eq!(result.slo[1].verdict, slo::Judgement::Pass);
        assert_eq!(result.slo[0].value, result.figure("consumers.search.latency.p99"));
        // 3,000 records have 30 beyond their p99, and 3 beyond their p99.9.
        let row = &result.latency[2];
        assert!(row.sure("p99_ms") && !row.sure("p999_ms"));
        assert_eq!(result.exit_code(), slo::exit_code(&result.slo));
    }

    #[test]
    fn a_figure_is_the_same_wherever_it_is_shown() {
        let mut result = example::result(3);
        result.replications[1].figures.insert("lost".into(), Some(2.0));
        assert_eq!(result.figure("lost"), Some(2.0));
        for row in &result.latency {
            assert_eq!(result.figure(&format!("{}.max", row.path)), row.max_ms);
            assert_eq!(result.figure(&format!("{}.p99", row.path)), row.p99_ms);
        }
        let total = result.cost.bill.total.unwrap();
        assert_eq!(result.figure("cost.month"), total.to_string().parse().ok());
    }

    #[test]
    fn a_terminating_run_that_falls_behind_says_that_its_latencies_depend_on_its_length() {
        let mut scenario = example::scenario(2);
        scenario.consumers[0].per_record = 4_000_000;
        let notes = |scenario: &Scenario| {
            RunResult::new(scenario, &example::outcomes(scenario, 2), PriceBook::builtin()).unwrap().notes
        };
        let found = notes(&scenario);
        assert!(
            found.len() == 1 && found[0].contains("What waits at consumers.search was still growing"),
            "{found:?}"
        );
        scenario.consumers[0].per_record = 0;
        assert_eq!(notes(&scenario), Vec::<String>::new());
    }

    #[test]
    fn a_steady_overload_is_named_and_withholds_latencies() {
        let mut scenario = example::scenario(2);
        scenario.study = crate::scenario::checked::Study::Steady;
        scenario.objectives[0].test = crate::scenario::checked::Test::Max(1e9);
        scenario.consumers[0].per_record = 4_000_000;
        let result =
            RunResult::new(&scenario, &example::outcomes(&scenario, 2), PriceBook::builtin()).unwrap();
        let named: Vec<&str> = result.overloaded.iter().map(|overload| overload.path.as_str()).collect();
        assert_eq!(named, ["consumers.search"], "{:?}", result.overloaded);
        // Two workers process 250 records/s each.
        let growth = result.overloaded[0].growth_per_s.unwrap();
        assert!((growth - 500.0).abs() < 100.0, "{growth}");
        assert_eq!((result.latency[2].p99_ms, result.latency[2].withheld), (None, true));
        assert!(result.latency[1].p99_ms.is_some());
        assert_eq!(result.slo[0].verdict, slo::Judgement::Unknown);
    }
}
