//! A small pipeline for tests: one producer, one table, one stream with a consumer and a delivery stream.

use crate::engine::backoff::Backoff;
use crate::engine::math;
use crate::engine::sampler::Sampler;
use crate::engine::time::{DAY, MILLISECOND, SECOND};
use crate::retry;
use crate::scenario::checked::*;
use crate::systems::dynamodb::contents::AtStart;
use crate::systems::dynamodb::replication::*;
use crate::systems::dynamodb::table::TablePlan;
use crate::systems::dynamodb::throughput::ThroughputPlan;
use crate::systems::firehose::prefix::ObjectPrefix;
use crate::systems::firehose::{FirehosePlan, FirehoseSource};
use crate::systems::kinesis::capacity::CapacityPlan;
use crate::systems::kinesis::plan::StreamPlan;
use crate::systems::kinesis::poll_grid::{PollPhase, PollPlan};
use crate::systems::lambda::concurrency::AccountPlan;
use crate::systems::polling::PollingPlan;
use crate::workload::arrivals::ArrivalPlan;
use crate::workload::key_name::KeyName;
use crate::workload::key_names::KeyNames;
use crate::workload::keys::KeyPlan;
use crate::workload::operation::OperationMix;
use crate::workload::producer::{ProducerPlan, SizePlan, Source};
use std::sync::Arc;

/// 1,000 writes a second for `seconds`, to 100 items.
pub fn scenario(seconds: u64) -> Scenario {
    Scenario {
        identity: Identity { digest: "d1".into(), ..Identity::default() },
        warm_up_rule: WarmUpRule::Fixed,
        billing: Billing::default(),
        objectives: vec![],
        assumptions: vec![],
        notes: vec![],
        name: "small".into(),
        about: "Does it work?".into(),
        region: "us-east-1".into(),
        start: 1_767_571_200,
        seed: 7,
        study: Study::Terminating,
        duration: seconds * SECOND,
        warm_up: 0,
        replications: 1,
        end: End::Drain,
        producers: vec![producer(1_000.0)],
        direct: vec![],
        tables: vec![table()],
        items: vec![ItemSpace {
            items: 100,
            names: KeyNames::Made(KeyName::new("user#", 4).unwrap()),
            at_start: AtStart::All,
        }],
        streams: vec![stream()],
        on_demand_advantage: false,
        consumers: vec![consumer()],
        timeline: Vec::new(),
        alarms: Vec::new(),
        sidelines: Default::default(),
        queries: vec![],
        deliveries: vec![delivery()],
        lambdas: vec![],
        queues: vec![],
        fleets: vec![],
        account: AccountPlan { concurrency: 1_000, others: 0 },
    }
}

fn table() -> TablePlan {
    TablePlan {
        name: "orders".into(),
        throughput: ThroughputPlan::provisioned(2_000, SECOND),
        indexes: vec![],
        replication: Some(replication()),
        streams: None,
    }
}

fn stream() -> StreamPlan {
    StreamPlan {
        name: "changes".into(),
        shards: 4,
        retention: DAY,
        record_bytes_max: 1_048_576,
        limit_calls: false,
        reshard_step: 30 * SECOND,
        history: None,
        capacity: CapacityPlan::default(),
    }
}

fn consumer() -> PollingPlan {
    PollingPlan {
        name: "search".into(),
        stream: 0,
        polls: PollPlan::new(250 * MILLISECOND, PollPhase::Staggered(10 * MILLISECOND)),
        discovery: 0,
        batch_size: 10_000,
        per_batch: 5 * MILLISECOND,
        per_record: 50_000,
        workers: 2,
        sink: None,
        reader: Default::default(),
    }
}

fn delivery() -> FirehosePlan {
    FirehosePlan {
        source: FirehoseSource::Polls(PollPlan::new(SECOND, PollPhase::Staggered(125 * MILLISECOND))),
        size: 1_048_576,
        interval: SECOND,
        delimiter_bytes: 1,
        compression: 0.5,
        prefix: ObjectPrefix::parse("raw/").unwrap_or_default(),
        extension: ".gz".into(),
        put: lognormal(100 * MILLISECOND, 0.3),
        retry_wait: SECOND,
        ..FirehosePlan::to_s3("lake", 0)
    }
}

/// A Poisson stream of modifications of items of about 700 bytes.
pub fn producer(rate: f64) -> Arc<ProducerPlan> {
    Arc::new(ProducerPlan {
        name: "checkout".into(),
        table: 0,
        source: Source::Drawn {
            arrivals: ArrivalPlan::poisson(rate).unwrap(),
            keys: KeyPlan::zipfian(100, 0.99).unwrap(),
            sizes: SizePlan {
                after: Sampler::LogNormal { log_median: math::ln(700.0), sigma: 0.4 },
                before: None,
                min: 64,
                max: 65_536,
            },
            operations: OperationMix::new(0.0, 1.0, 0.0).unwrap(),
        },
        retries: retry::RetryProfile::named("none", retry::Client::DynamoDb).unwrap(),
        client: None,
    })
}

fn replication() -> ReplicationPlan {
    ReplicationPlan {
        stream: 0,
        delay: lognormal(100 * MILLISECOND, 0.4),
        order: Order::Independent,
        disorder: None,
        duplicates: Some(Chance { probability: 0.01, delay: Sampler::Exponential { mean: 0.2e9 } }),
        backoff: Backoff { base: 50 * MILLISECOND, cap: SECOND, jitter: false },
        record: RecordSize::Item,
        precision: crate::systems::dynamodb::change_record::TimestampPrecision::Millisecond,
        partition_key: PartitionKey::Hashed,
    }
}
