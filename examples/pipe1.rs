use std::sync::Arc;
use std::time::Instant;
use streamgauge::engine::math;
use streamgauge::engine::sampler::Sampler;
use streamgauge::engine::time::*;
use streamgauge::pipeline::Pipeline;
use streamgauge::pipeline::wiring::Prepared;
use streamgauge::scenario::checked::*;
use streamgauge::systems::dynamodb::replication::*;
use streamgauge::systems::dynamodb::table::TablePlan;
use streamgauge::systems::firehose::*;
use streamgauge::systems::kinesis::plan::StreamPlan;
use streamgauge::systems::kinesis::poll_grid::*;
use streamgauge::workload::arrivals::ArrivalPlan;
use streamgauge::workload::key_name::KeyName;
use streamgauge::workload::key_names::KeyNames;
use streamgauge::workload::keys::KeyPlan;
use streamgauge::workload::operation::OperationMix;
use streamgauge::workload::producer::*;
use streamgauge::workload::retry;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let get = |k: &str, d: u64| {
        args.iter().find_map(|a| a.strip_prefix(&format!("{k}="))).map_or(d, |v| v.parse().unwrap())
    };
    let (shards, d, keys, seed, reps) =
        (get("shards", 8) as u32, get("d", 60), get("keys", 100_000) as u32, get("seed", 1), get("reps", 1));
    let full = args.iter().any(|a| a == "full");
    let scenario = Scenario {
        identity: Identity::default(),
        warm_up_rule: WarmUpRule::Fixed,
        billing: Billing { month: 730 * HOUR, represents: 730 * HOUR, free_tier: false },
        objectives: vec![],
        assumptions: vec![],
        notes: vec![],
        name: "pipe-1".into(),
        about: String::new(),
        region: "us-east-1".into(),
        start: 0,
        seed,
        study: Study::Terminating,
        duration: d * SECOND,
        warm_up: 0,
        replications: 1,
        end: End::Drain,
        producers: vec![Arc::new(ProducerPlan {
            name: "w".into(),
            table: 0,
            source: Source::Drawn {
                arrivals: ArrivalPlan::poisson(5000.0).unwrap(),
                keys: KeyPlan::zipfian(keys, 0.99).unwrap(),
                sizes: SizePlan {
                    after: Sampler::LogNormal { log_median: math::ln(700.0), sigma: 0.6 },
                    before: None,
                    min: 64,
                    max: 65536,
                },
                operations: OperationMix::new(0.0, 1.0, 0.0).unwrap(),
            },
            retries: retry::RetryProfile::named("none", retry::Client::DynamoDb).unwrap(),
        })],
        tables: vec![TablePlan {
            name: "t".into(),
            write_units: 20000,
            burst: SECOND,
            replication: Some(ReplicationPlan {
                stream: 0,
                delay: lognormal(150 * MILLISECOND, 0.4),
                order: Order::Independent,
                disorder: None,
                duplicates: Some(Chance { probability: 0.001, delay: Sampler::Exponential { mean: 0.5e9 } }),
                backoff: Backoff { base: 50 * MILLISECOND, cap: SECOND, jitter: false },
                record: RecordSize::Item,
                partition_key: PartitionKey::Raw,
            }),
        }],
        items: vec![ItemSpace { items: keys, names: KeyNames::Made(KeyName::new("user#", 11).unwrap()) }],
        streams: vec![StreamPlan {
            name: "s".into(),
            shards,
            retention: DAY,
            record_bytes_max: 1_048_576,
            limit_calls: false,
        }],
        consumers: vec![],
        deliveries: vec![FirehosePlan {
            name: "lake".into(),
            stream: 0,
            polls: PollPlan { interval: SECOND, phase: PollPhase::Staggered(125 * MILLISECOND) },
            size: 5 * 1_048_576,
            interval: 60 * SECOND,
            per: BufferPer::Stream,
            delimiter_bytes: 0,
            compression: 1.0,
            prefix: String::new(),
            extension: String::new(),
            put: lognormal(300 * MILLISECOND, 0.3),
        }],
    };
    let prepared = Prepared::new(&scenario);
    let _ = Instant::now();
    let cpu = || {
        std::fs::read_to_string("/proc/self/schedstat")
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse::<f64>()
            .unwrap()
            / 1e9
    };
    let t = cpu();
    for rep in 0..reps {
        if full { go::<true>(&scenario, &prepared, rep) } else { go::<false>(&scenario, &prepared, rep) }
    }
    let s = cpu() - t;
    println!("{:.1} ns/write", s * 1e9 / (5000.0 * d as f64 * reps as f64));
}

fn go<const F: bool>(s: &Scenario, p: &Prepared, rep: u64) {
    let o = Pipeline::<F>::new(s, p, rep).run(s, |_| true).unwrap().unwrap();
    if rep > 0 {
        return;
    }
    let f = o.tables[0].feed.as_ref().unwrap();
    let q = |h: &streamgauge::engine::histogram::Histogram, x| h.quantile(x).unwrap() / 1e3;
    println!(
        "writes {} dups {} attempts {} thr {} delivered {} objects {} bytes {} ooo {} w2s {:.1} {:.1} w2s3 {:.1} {:.1} events {} {}",
        o.producers[0].0.offered,
        f.ordering.duplicates,
        f.meter.attempts(),
        f.meter.throttled,
        o.deliveries[0].meter.delivered,
        o.deliveries[0].s3.objects,
        o.deliveries[0].s3.bytes,
        f.ordering.late(),
        q(f.latency.histogram(), 0.5),
        q(f.latency.histogram(), 0.99),
        q(o.deliveries[0].latency.histogram(), 0.5),
        q(o.deliveries[0].latency.histogram(), 0.95),
        o.events.total(),
        o.fingerprint
    );
}
