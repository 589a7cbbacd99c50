//! Scenarios put together by hand, for tests of whole pipelines.
#![allow(dead_code, reason = "each test file uses the parts it needs")]

use std::path::Path;
use std::sync::Arc;
use streamgauge::engine::backoff::Backoff;
use streamgauge::engine::sampler::Sampler;
use streamgauge::engine::time::{DAY, MILLISECOND, MINUTE, Nanos, SECOND};
use streamgauge::pipeline::Pipeline;
use streamgauge::pipeline::finish::Outcome;
use streamgauge::pipeline::wiring::Prepared;
use streamgauge::pricing::PriceBook;
use streamgauge::report::result::RunResult;
use streamgauge::retry::RetryProfile;
use streamgauge::scenario::checked::{Billing, End, Identity, ItemSpace, Scenario, Study, WarmUpRule};
use streamgauge::scenario::{LoadOptions, load_text};
use streamgauge::systems::dynamodb::contents::AtStart;
use streamgauge::systems::dynamodb::replication::{Order, PartitionKey, RecordSize, ReplicationPlan};
use streamgauge::systems::dynamodb::table::TablePlan;
use streamgauge::systems::dynamodb::throughput::ThroughputPlan;
use streamgauge::systems::firehose::{FirehosePlan, FirehoseSource};
use streamgauge::systems::kinesis::capacity::CapacityPlan;
use streamgauge::systems::kinesis::plan::StreamPlan;
use streamgauge::systems::kinesis::poll_grid::{PollPhase, PollPlan};
use streamgauge::systems::kinesis::reader::ReaderPlan;
use streamgauge::systems::lambda::concurrency::AccountPlan;
use streamgauge::systems::lambda::retry::RetryPlan;
use streamgauge::systems::polling::PollingPlan;
use streamgauge::workload::arrivals::ArrivalPlan;
use streamgauge::workload::key_name::KeyName;
use streamgauge::workload::key_names::KeyNames;
use streamgauge::workload::keys::KeyPlan;
use streamgauge::workload::operation::OperationMix;
use streamgauge::workload::producer::{ProducerPlan, SizePlan, Source};

/// The scenario that many tests begin with, as a text: 100 changes of 700 bytes a second by way of two shards. The first
/// argument goes on with the feed's settings, the second one with further sections.
#[allow(unused_macros, reason = "each test file uses the parts it needs")]
macro_rules! orders {
    ($feed:literal, $more:literal) => {
        concat!(
            "name: orders
study: terminating
duration: 10m
workload:
  checkout:
    writes_to: tables.orders
    arrivals: { constant: { rate: 100/s } }
    keys: { uniform: { items: 1_000 } }
    item: { size: 700 B }
tables:
  orders:
    capacity: { provisioned: { write_units: 1000 } }
    kinesis: { stream: changes",
            $feed,
            " }
kinesis:
  changes:
    capacity: { provisioned: { shards: 2 } }
",
            $more
        )
    };
}
#[allow(unused_imports, reason = "each test file uses the parts it needs")]
pub(crate) use orders;

/// The scenario that a text is about, or all that is wrong with it.
pub fn load(text: &str) -> Result<Scenario, String> {
    load_with(text, &[])
}

/// The same with values set over it, as by `--set`.
pub fn load_with(text: &str, sets: &[&str]) -> Result<Scenario, String> {
    load_in(Path::new(""), text, sets)
}

/// The same with its files in a folder.
pub fn load_in(folder: &Path, text: &str, sets: &[&str]) -> Result<Scenario, String> {
    let sets = sets.iter().map(|set| (*set).to_owned()).collect();
    let options = LoadOptions { sets, ..LoadOptions::default() };
    let loaded = load_text("s.yaml", text, folder, &options);
    loaded.map(|loaded| loaded.base).map_err(|errors| errors.to_string())
}

/// The scenario that a sound text is about.
#[track_caller]
pub fn scenario(text: &str, sets: &[&str]) -> Scenario {
    load_with(text, sets).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Writes that last for `duration`, and nobody who makes, takes or reads them.
pub fn empty(seed: u64, duration: Nanos) -> Scenario {
    Scenario {
        identity: Identity::default(),
        warm_up_rule: WarmUpRule::Fixed,
        billing: Billing::default(),
        objectives: vec![],
        assumptions: vec![],
        notes: vec![],
        name: "test".into(),
        about: String::new(),
        region: "us-east-1".into(),
        start: 0,
        seed,
        study: Study::Terminating,
        duration,
        warm_up: 0,
        replications: 1,
        end: End::Drain,
        producers: vec![],
        direct: vec![],
        tables: vec![],
        items: vec![],
        streams: vec![],
        on_demand_advantage: false,
        consumers: vec![],
        deliveries: vec![],
        queries: vec![],
        lambdas: vec![],
        queues: vec![],
        fleets: vec![],
        account: AccountPlan { concurrency: 1_000, others: 0 },
        timeline: vec![],
        alarms: vec![],
        sidelines: Default::default(),
    }
}

/// One producer, one table, one stream of `shards` shards: 500 small writes a second, far below every limit.
pub fn small(shards: u32, duration: Nanos) -> Scenario {
    let mut scenario = empty(1, duration);
    scenario.producers.push(Arc::new(producer("writer", 0)));
    add_table(&mut scenario, table("orders", Some(replication(0))), 1_000);
    scenario.streams.push(stream("changes", shards));
    scenario
}

/// Adds a table with this many items.
pub fn add_table(scenario: &mut Scenario, table: TablePlan, items: u32) {
    let names = KeyNames::Made(KeyName::new(&format!("{}#", table.name), 11).expect("a short prefix"));
    scenario.tables.push(table);
    scenario.items.push(ItemSpace { items, names, at_start: AtStart::All });
}

/// 500 writes a second as of many users, of 500 to 1,500 bytes, to any of 1,000 items; none is tried again.
pub fn producer(name: &str, table: usize) -> ProducerPlan {
    ProducerPlan {
        name: name.into(),
        table,
        source: Source::Drawn {
            arrivals: ArrivalPlan::poisson(500.0).expect("a rate"),
            keys: KeyPlan::uniform(1_000).expect("keys"),
            sizes: SizePlan {
                after: Sampler::Uniform { low: 500.0, high: 1_500.0 },
                before: None,
                min: 1,
                max: 400 * 1_024,
            },
            operations: OperationMix::new(0.1, 0.8, 0.1).expect("shares"),
        },
        retries: RetryProfile::none(),
        client: None,
    }
}

/// A table of 10,000 write units a second.
pub fn table(name: &str, replication: Option<ReplicationPlan>) -> TablePlan {
    TablePlan {
        name: name.into(),
        throughput: ThroughputPlan::provisioned(10_000, SECOND),
        indexes: vec![],
        replication,
        streams: None,
    }
}

/// A feed that takes 100 ms, in order, without chances.
pub fn replication(stream: usize) -> ReplicationPlan {
    ReplicationPlan {
        stream,
        delay: Sampler::Constant(100.0 * MILLISECOND as f64),
        order: Order::PerItem,
        disorder: None,
        duplicates: None,
        backoff: Backoff { base: 50 * MILLISECOND, cap: SECOND, jitter: true },
        record: RecordSize::Item,
        precision: streamgauge::systems::dynamodb::change_record::TimestampPrecision::Microsecond,
        partition_key: PartitionKey::Hashed,
    }
}

/// A stream with the usual limits.
pub fn stream(name: &str, shards: u32) -> StreamPlan {
    StreamPlan {
        name: name.into(),
        shards,
        retention: DAY,
        record_bytes_max: 1_048_576,
        limit_calls: true,
        reshard_step: 5 * SECOND,
        history: None,
        capacity: CapacityPlan::default(),
    }
}

/// A mapping's error handling that tries again as long as the records are there.
pub fn retries_without_end() -> RetryPlan {
    RetryPlan {
        retries: None,
        record_age_max: None,
        bisect: false,
        report_failures: false,
        backoff: Backoff { base: 100 * MILLISECOND, cap: MINUTE, jitter: false },
        refused_jitter: 0.0,
        destination: None,
    }
}

/// A consumer that polls once a second and processes in no time.
pub fn consumer(name: &str, stream: usize) -> PollingPlan {
    PollingPlan {
        name: name.into(),
        stream,
        polls: PollPlan::new(SECOND, PollPhase::Random),
        discovery: 0,
        batch_size: 10_000,
        per_batch: 0,
        per_record: 0,
        workers: 1,
        sink: None,
        reader: ReaderPlan::default(),
    }
}

/// A delivery stream of 1 MiB and 5 s.
pub fn firehose(name: &str, stream: usize) -> FirehosePlan {
    FirehosePlan {
        source: FirehoseSource::Polls(PollPlan::new(SECOND, PollPhase::Random)),
        size: 1_048_576,
        interval: 5 * SECOND,
        put: Sampler::Constant(120.0 * MILLISECOND as f64),
        retry_wait: SECOND,
        ..FirehosePlan::to_s3(name, stream)
    }
}

/// One replication from start to end.
pub fn run<const FULL: bool>(scenario: &Scenario, replication: u64) -> Outcome {
    let pipeline = Pipeline::<FULL>::new(scenario, &Prepared::new(scenario), replication);
    match pipeline.run(scenario, |_| true) {
        Ok(outcome) => outcome.expect("nobody asked to stop"),
        Err(error) => panic!("{error}"),
    }
}

/// `rate` small writes a second, evenly spaced, into a table with two shards behind it, and further sections.
pub fn fed_table(rate: &str, duration: &str, more: &str) -> String {
    format!(
        "\
name: test
study: terminating
duration: {duration}
workload:
  writer: {{ writes_to: tables.t, arrivals: {{ constant: {{ rate: {rate} }} }}, keys: {{ uniform: {{ items: 1_000 }} }}, item: {{ size: 300 B }} }}
tables:
  t:
    capacity: {{ provisioned: {{ write_units: 1000 }} }}
    kinesis: {{ stream: s, replication: {{ delay: 50ms, reorder: 0%, duplicates: 0% }} }}
kinesis:
  s: {{ capacity: {{ provisioned: {{ shards: 2 }} }} }}
{more}
"
    )
}

/// A scenario from its text, what a run of it came to, and the result of that.
pub fn reported(text: &str) -> (Scenario, Outcome, RunResult) {
    let scenario = scenario(text, &[]);
    let outcome = run::<true>(&scenario, 0);
    let result =
        RunResult::new(&scenario, std::slice::from_ref(&outcome), PriceBook::builtin()).expect("a bill");
    (scenario, outcome, result)
}
