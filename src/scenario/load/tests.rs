use super::*;
use crate::engine::math;
use crate::engine::sampler::Sampler;
use crate::engine::time::{DAY, HOUR, MILLISECOND, SECOND};
use crate::scenario::checked::{End, Study};
use crate::systems::dynamodb::replication::{Backoff, Chance, Order, PartitionKey, RecordSize, lognormal};
use crate::systems::firehose::BufferPer;
use crate::systems::kinesis::poll_grid::{PollPhase, PollPlan};
use crate::workload::arrivals::ArrivalPlan;
use crate::workload::key_names::KeyNames;
use crate::workload::keys::KeyPlan;
use crate::workload::operation::Operation;
use crate::workload::producer::{SizePlan, Source as Writes};

fn bundled(name: &str) -> Scenario {
    let path = format!("{}/scenarios/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    load(FilePath::new(&path), &LoadOptions::default()).unwrap_or_else(|errors| panic!("{errors}")).base
}

/// The parameters of the reference work, as its own page states them.
#[test]
fn pipe_1_says_what_the_reference_work_is() {
    for (name, shards) in [("pipe-1", 8), ("pipe-1u", 16)] {
        let scenario = bundled(name);
        assert_eq!((scenario.study, scenario.end), (Study::Terminating, End::Drain));
        assert_eq!((scenario.duration, scenario.warm_up), (60 * SECOND, 0));
        // Everything that can be set is written down.
        let assumed: Vec<&str> = scenario.assumptions.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(assumed, ["OPEN-10", "OPEN-8", "UNV-2"]);
        let producer = &scenario.producers[0];
        let Writes::Drawn { arrivals, keys, sizes, operations } = &producer.source else { panic!("drawn") };
        assert!(matches!(arrivals, ArrivalPlan::Poisson(rate) if rate.as_constant() == Some(5_000.0)));
        assert!(matches!(keys, KeyPlan::Zipfian { items: 100_000, .. }));
        let after = Sampler::LogNormal { log_median: math::ln(700.0), sigma: 0.6 };
        assert_eq!(*sizes, SizePlan { after, before: None, min: 64, max: 65_536 });
        assert_eq!(operations.share(Operation::Modify), 1.0);
        assert_eq!(producer.retries.name, "none");
        let table = &scenario.tables[0];
        assert_eq!((table.write_units, table.burst), (20_000, SECOND));
        let KeyNames::Made(key) = &scenario.items[0].names else { panic!("made") };
        assert_eq!(key.write(0, &mut [0; 64]), b"user#00000000001");
        let feed = table.replication.as_ref().unwrap();
        assert_eq!(feed.delay, lognormal(150 * MILLISECOND, 0.4));
        assert_eq!((feed.order, &feed.disorder), (Order::Independent, &None));
        let delay = Sampler::Exponential { mean: 0.5e9 };
        assert_eq!(feed.duplicates, Some(Chance { probability: 0.001, delay }));
        assert_eq!(feed.backoff, Backoff { base: 50 * MILLISECOND, cap: SECOND, jitter: false });
        assert_eq!(feed.partition_key, PartitionKey::Raw);
        assert!(matches!(feed.record, RecordSize::Item));
        let stream = &scenario.streams[0];
        assert_eq!((stream.shards, stream.retention), (shards, DAY));
        assert_eq!((stream.record_bytes_max, stream.limit_calls), (1_048_576, false));
        let lake = &scenario.deliveries[0];
        let phase = PollPhase::Staggered(125 * MILLISECOND);
        assert_eq!(lake.polls, PollPlan { interval: SECOND, phase });
        assert_eq!((lake.size, lake.interval, lake.per), (5_242_880, 60 * SECOND, BufferPer::Stream));
        assert_eq!((lake.delimiter_bytes, lake.compression), (0, 1.0));
        assert_eq!(lake.put, lognormal(300 * MILLISECOND, 0.3));
        assert_eq!(scenario.billing.month, 730 * HOUR);
    }
}
