use super::*;
use crate::engine::backoff::Backoff;
use crate::engine::math;
use crate::engine::sampler::Sampler;
use crate::engine::time::{DAY, HOUR, MILLISECOND, SECOND};
use crate::scenario::checked::{End, Study};
use crate::systems::dynamodb::replication::{Chance, Order, PartitionKey, RecordSize, lognormal};
use crate::systems::firehose::BufferPer;
use crate::systems::kinesis::poll_grid::{PollPhase, PollPlan};
use crate::workload::arrivals::ArrivalPlan;
use crate::workload::key_name::KeyBuffer;
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
        let expected = "DEF-6 FH-B9 FH-S7 OPEN-10 OPEN-7 OPEN-8 OWN-43 OWN-8 PRICE-1 S3-2 SDK-R4 UNV-2 UNV-2";
        assert_eq!(assumed.join(" "), expected);
        let producer = &scenario.producers[0];
        let Writes::Drawn { arrivals, keys, sizes, operations } = &producer.source else { panic!("drawn") };
        assert!(matches!(arrivals, ArrivalPlan::Poisson(rate) if rate.as_constant() == Some(5_000.0)));
        assert!(matches!(keys, KeyPlan::Zipfian { items: 100_000, .. }));
        let after = Sampler::LogNormal { log_median: math::ln(700.0), sigma: 0.6 };
        assert_eq!(*sizes, SizePlan { after, before: None, min: 64, max: 65_536 });
        assert_eq!(operations.share(Operation::Modify), 1.0);
        assert_eq!(producer.retries.name, "none");
        let table = &scenario.tables[0];
        let capacity = &table.throughput.capacity;
        assert_eq!((capacity.units_at_start(), capacity.window()), (20_000, SECOND));
        let KeyNames::Made(key) = &scenario.items[0].names else { panic!("made") };
        assert_eq!(key.write(0, &mut KeyBuffer::default()), b"user#00000000001");
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
        assert_eq!(lake.polls(), Some(&PollPlan::new(SECOND, phase)));
        assert_eq!((lake.size, lake.interval, lake.per), (5_242_880, 60 * SECOND, BufferPer::Stream));
        assert_eq!((lake.delimiter_bytes, lake.compression), (0, 1.0));
        assert_eq!(lake.put, lognormal(300 * MILLISECOND, 0.3));
        assert_eq!(scenario.billing.month, 730 * HOUR);
    }
}

/// A scenario that leaves open whatever it can.
const BARE: &str = "\
name: bare
duration: 10m
workload:
  checkout:
    writes_to: tables.orders
    arrivals: { poisson: { rate: 100/s } }
    keys: { uniform: { items: 1_000 } }
    item: { size: 700 B }
tables:
  orders:
    capacity: { provisioned: { write_units: 500 } }
    kinesis: { stream: changes }
kinesis:
  changes: { capacity: { provisioned: { shards: 2 } } }
consumers:
  search: { reads: kinesis.changes, polling: {} }
  audit: { reads: kinesis.changes, lambda: { parallelization_factor: 2 } }
  fraud: { reads: kinesis.changes, lambda: { via: enhanced_fan_out } }
firehose:
  lake: { reads: kinesis.changes, to: { s3: {} } }
";

fn read(text: &str, sets: &[&str]) -> Result<Loaded, Diagnostics> {
    let options =
        LoadOptions { sets: sets.iter().map(|set| (*set).to_owned()).collect(), ..LoadOptions::default() };
    load_text("s.yaml", text, FilePath::new(""), &options)
}

fn bare(sets: &[&str]) -> Scenario {
    read(BARE, sets).unwrap_or_else(|errors| panic!("{errors}")).base
}

/// "path: message" of each error.
fn refusals(text: &str, sets: &[&str]) -> Vec<String> {
    let errors = read(text, sets).expect_err("a refusal").into_errors();
    let line = |error: &Diagnostic| {
        let path = error.path.as_ref().map(Path::to_string).unwrap_or_default();
        format!("{path}: {}", error.message)
    };
    errors.iter().map(line).collect()
}

fn refusal(set: &str) -> String {
    refusals(BARE, &[set]).join("\n")
}

#[test]
fn what_is_left_open_is_as_aws_has_it_or_listed_as_assumed() {
    let scenario = bare(&[]);
    let lake = &scenario.deliveries[0];
    // FH-B2, FH-B3, FH-S2.
    assert_eq!((lake.size, lake.interval, lake.per), (5 << 20, 300 * SECOND, BufferPer::Shard));
    assert_eq!(lake.polls().unwrap().interval, SECOND);
    // DDB-P6, KDS-S1, KDS-W4, KDS-R1, KDS-R2.
    assert_eq!(scenario.tables[0].throughput.capacity.window(), 300 * SECOND);
    assert_eq!(scenario.streams[0].retention, DAY);
    assert_eq!((scenario.streams[0].record_bytes_max, scenario.streams[0].limit_calls), (1 << 20, true));
    assert_eq!(scenario.consumers[0].batch_size, 10_000);
    // LAM-B1, LAM-B2, LAM-E2, LAM-C6.
    let audit = &scenario.lambdas[0];
    assert_eq!((audit.mapping.batching.size, audit.mapping.batching.window), (100, 0));
    assert_eq!((audit.mapping.retry.retries, audit.mapping.retry.record_age_max), (None, None));
    assert_eq!(scenario.account.concurrency, 1_000);
    assert_eq!(scenario.producers[0].retries.name, "standard_2026");
    // KDC-Y1 and the suggested defaults of OPEN-6 and OPEN-7.
    let feed = scenario.tables[0].replication.as_ref().unwrap();
    assert_eq!(feed.delay, lognormal(240 * MILLISECOND, 0.55));
    let share = |chance: &Option<Chance>| chance.as_ref().unwrap().probability;
    assert_eq!((share(&feed.disorder), share(&feed.duplicates)), (1e-4, 1e-5));
    assert_eq!(feed.backoff, Backoff { base: 50 * MILLISECOND, cap: 5 * SECOND, jitter: true });
    let listed: std::collections::BTreeSet<&str> =
        scenario.assumptions.iter().map(|it| it.id.as_str()).collect();
    // What the feed, the buffer and the workload leave open is among it, and nothing that no room declares.
    let all = super::super::resolve::parameters();
    let declared =
        all.iter().filter(|parameter| !parameter.published).map(|parameter| parameter.id).collect();
    assert!(listed.is_subset(&declared), "{listed:?}");
    for id in ["DEF-8", "KDC-Y1", "OPEN-6", "OPEN-7", "OPEN-10", "OWN-1", "OWN-4"] {
        assert!(listed.contains(id), "{id} in {listed:?}");
    }
}

#[test]
fn assumptions_are_set_by_id_and_stay_listed() {
    let scenario = bare(&["assumptions={ DEF-8: 1s, OPEN-6: { duplicates: 0% } }"]);
    assert_eq!(scenario.deliveries[0].put, Sampler::Constant(1e9));
    assert_eq!(scenario.tables[0].replication.as_ref().unwrap().duplicates, None);
    let put = scenario.assumptions.iter().find(|it| it.id == "DEF-8").unwrap();
    assert_eq!(
        (put.value.as_str(), put.basis.as_str()),
        ("1s", "set in the scenario's section `assumptions`")
    );
    // What is written down is no assumption.
    let written = bare(&["firehose.lake.to.s3.put=1s"]);
    assert!(written.assumptions.iter().all(|it| it.id != "DEF-8"));
    assert_eq!(
        refusal("assumptions={ OPEN-66: 1s }"),
        "assumptions.OPEN-66: there is no assumption `OPEN-66`; did you mean `OPEN-6`?"
    );
    assert!(
        refusal("assumptions={ OPEN-6: 1% }").contains("stands for several values; give a map of `reorder`")
    );
    assert!(refusal("assumptions={ OPEN-8: no }").contains("is built in and cannot be set"));
    assert!(
        refusal("assumptions={ DEF-8: 5 }").starts_with("assumptions.DEF-8: expected a duration with a unit")
    );
}

#[test]
fn each_mistake_is_named_with_its_place() {
    for (set, expected) in [
        (
            "workload.checkout.writes_to=tables.ordres",
            "there is no `ordres` in `tables`; did you mean `orders`?",
        ),
        ("workload.checkout.writes_to=firehose.lake", "so it takes no Direct PUT (FH-S5)"),
        ("workload.checkout.writes_to=kinesis.changes", "a stream takes records, not items"),
        ("tables.orders.kinesis.stream=x", "there is no `x` in `kinesis`"),
        ("region=us-east-3", "the price book has no Region `us-east-3`; did you mean `us-east-1`?"),
        ("kinesis.changes.capacity.provisioned.shards=10_001", "expected 1 to 10000 (KDS-S8); found `10001`"),
        ("kinesis.changes.retention=12h", "expected 24h to 365d (KDS-S1); found `12h`"),
        ("kinesis.changes.max_record=11 MiB", "expected 1 MiB to 10 MiB (KDS-W4); found `11 MiB`"),
        ("firehose.lake.buffer.hold=2s", "`hold` is for zero buffering"),
        ("firehose.lake.buffer.size=129 MiB", "expected 1 MiB to 128 MiB (FH-B2)"),
        ("warm_up=10m", "expected less than the `duration` of 10m; found `10m`"),
        ("workload.checkout.operations={ insert: 10%, modify: 80% }", "must add up to 100%; found 90%"),
        (
            "workload.checkout.arrivals.constant={ rate: 1/s }",
            "expected exactly one of `constant`, `poisson`",
        ),
        ("workload.checkout.arrivals.regular=true", "`regular` goes with"),
        ("workload.checkout.keys=trace", "`keys: trace` goes with"),
        ("workload.checkout.item.size=401 KiB", "items have at most 400 KiB (DDB-U10)"),
        ("workload.checkout.item.size=10 B", "items have at least 22 B"),
        ("workload.checkout.item.size={ uniform: { low: 1 B, high: 2 B }, values: [1 B] }", "found several"),
        ("workload.checkout.keys={ uniform: { items: 0 } }", "expected 1 to 100000000; found `0`"),
        ("workload.checkout.arrivals={ trace: { file: no.csv } }", "there is no such file"),
        ("tables.orders.kinesis.replication={ order: independent, reorder: 1% }", "needs `order: per_item`"),
        (
            "consumers.search.polling.phase={ stagger: 2s }",
            "expected 0s to 1s (the interval at most); found `2s`",
        ),
        ("slo={ consumers.serch.latency.p99: { max: 2s } }", "did you mean `consumers.search.latency.p99`?"),
        ("slo={ lost: { max: 2s } }", "expected a whole number; found `2s`"),
        ("slo={ lost: {} }", "expected `max`, `min` or `equals`"),
        ("billing.represents=731h", "the month at most"),
        ("redshift={}", "unknown key `redshift`"),
        ("variants={}", "an override cannot change the variants"),
    ] {
        let found = refusal(set);
        assert!(found.contains(expected), "{set}: {found}");
    }
    let terminating = refusals(BARE, &["study=terminating", "warm_up=auto"]);
    assert_eq!(
        terminating,
        ["warm_up: `auto` looks for a steady state, which `study: terminating` does not have"]
    );
    // Mistakes are collected.
    let two = BARE.replace("10m", "801d").replace("tables.orders\n", "tables.x\n");
    assert_eq!(refusals(&two, &[]).len(), 2);
}

#[test]
fn variants_are_whole_scenarios_and_their_mistakes_are_theirs() {
    let text = format!(
        "{BARE}variants:\n  more: {{ kinesis.changes.capacity.provisioned.shards: 3, seed: 8 }}\n  none: {{ firehose: null }}\n"
    );
    let loaded = read(&text, &["seed=9", "duration=20m"]).unwrap();
    let (name, more) = &loaded.variants[0];
    assert_eq!((name.as_str(), more.streams[0].shards, more.seed), ("more", 3, 9));
    assert_eq!(
        more.identity.overrides,
        ["kinesis.changes.capacity.provisioned.shards=3", "seed=8", "seed=9", "duration=20m"]
    );
    assert_eq!(more.identity.variant.as_deref(), Some("more"));
    assert_eq!((loaded.base.streams[0].shards, loaded.variants[1].1.deliveries.len()), (2, 0));
    assert_ne!(loaded.base.identity.digest, more.identity.digest);
    // A variant is the scenario that one would have written instead.
    let instead = bare(&["kinesis.changes.capacity.provisioned.shards=3", "seed=9", "duration=20m"]);
    assert_eq!(instead.identity.digest, more.identity.digest);
    let wrong = format!("{BARE}variants:\n  less: {{ kinesis: {{}} }}\n");
    let errors = read(&wrong, &[]).unwrap_err().to_string();
    assert!(errors.contains("there is no `changes` in `kinesis`"), "{errors}");
    assert!(errors.contains("in variant `less`"), "{errors}");
}

#[test]
fn digests_do_not_depend_on_layout() {
    let plain = bare(&[]).identity.digest;
    let commented = BARE.replace("name: bare", "# A comment.\nname:   'bare'");
    assert_eq!(read(&commented, &[]).unwrap().base.identity.digest, plain);
    let with_variant = format!("{BARE}variants: {{ x: {{ seed: 2 }} }}\n");
    assert_eq!(read(&with_variant, &[]).unwrap().base.identity.digest, plain);
    assert_ne!(bare(&["seed=2"]).identity.digest, plain);
    let by_option = LoadOptions { seed: Some(2), replications: Some(3), ..LoadOptions::default() };
    let loaded = load_text("s.yaml", BARE, FilePath::new(""), &by_option).unwrap().base;
    assert_eq!((loaded.seed, loaded.replications), (2, 3));
    assert!(loaded.identity.overrides.is_empty());
}

#[test]
fn input_files_are_read_hashed_and_blamed_by_their_own_lines() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "rates.csv",
        "timestamp,value\n2026-01-05 00:00:00,600\n2026-01-05 00:01:00,1200\n2026-01-05 00:03:00,60\n",
    );
    write("bad.csv", "timestamp,value\n2026-01-05 00:00:00,600\nyesterday,1\n");
    write(
        "trace.csv",
        "timestamp_ms,key,op,bytes_before,bytes_after\n0,a,INSERT,0,100\n500,bc,INSERT,0,90\n",
    );
    let read = |arrivals: &str, sets: &[&str]| {
        let sets = sets.iter().map(|set| (*set).to_owned());
        let sets = [format!("workload.checkout.arrivals={arrivals}")].into_iter().chain(sets).collect();
        let options = LoadOptions { sets, ..LoadOptions::default() };
        load_text("s.yaml", BARE, folder.path(), &options)
    };
    let profile = "{ profile: { file: rates.csv, value: per_period, missing: zero, speed: 2 } }";
    let scenario = read(profile, &[]).unwrap().base;
    let Writes::Drawn { arrivals, .. } = &scenario.producers[0].source else { panic!("drawn") };
    // 600 in the first minute, at double speed.
    assert_eq!(arrivals.mean_rate(0, 30 * SECOND), 20.0);
    // SHA-256 by coreutils' sha256sum.
    let digest = "7ed7f6b45960a1432d2692ef604efe3b2b93b40dff7524aadc0cfbc8d7d67052";
    assert_eq!(scenario.identity.inputs, [("rates.csv".to_owned(), digest.to_owned())]);
    assert_eq!(scenario.notes.len(), 1, "{:?}", scenario.notes);
    let bad = read(&profile.replace("rates.csv", "bad.csv"), &[]).unwrap_err().to_string();
    assert!(bad.contains("bad.csv:3: "), "{bad}");
    let alone = ["workload.checkout.keys=null", "workload.checkout.item=null"];
    let scenario = read("{ trace: { file: trace.csv } }", &alone).unwrap().base;
    assert_eq!(scenario.items(0), 2, "those of the trace");
    let own = read("{ trace: { file: trace.csv } }", &[]).unwrap_err().to_string();
    assert!(own.contains("a trace brings its own `keys`"), "{own}");
    let other = "workload.other={ writes_to: tables.orders, arrivals: { constant: { rate: 1/s } }, keys: { uniform: { items: 5 } }, item: { size: 1 KiB } }";
    let two = read("{ trace: { file: trace.csv } }", &[alone[0], alone[1], other]).unwrap_err().to_string();
    assert!(two.contains("a table that a trace writes has no other producer"), "{two}");
}

/// DDB-U11 and KDC-J6 for an item written out by hand.
#[test]
fn a_shape_gives_exact_sizes() {
    let text = BARE.replace("orders", "kinesis-test");
    let shape = "workload.checkout.item={ shape: { key: { name: id }, attributes: { datetime: { string: 11 }, n: { number: 5 }, flag: boolean } } }";
    let sets = [shape, "region=ap-northeast-1", "tables.kinesis-test.key={ prefix: k, digits: 10 }"];
    let scenario = read(&text, &sets).unwrap_or_else(|errors| panic!("{errors}")).base;
    let Writes::Drawn { sizes, .. } = &scenario.producers[0].source else { panic!("drawn") };
    // DDB-U11: id + 11, datetime + 11, n + 4, flag + 1.
    let bytes = 13 + 19 + 5 + 5;
    assert_eq!((sizes.min, sizes.max), (bytes, bytes));
    let RecordSize::Json(template) = &scenario.tables[0].replication.as_ref().unwrap().record else {
        panic!("json")
    };
    // KDC-J6 by hand; `SizeBytes` counts the key again: 55.
    let (key, image) = (
        r#"{"id":{"S":"k0000000001"}}"#,
        r#"{"id":{"S":"k0000000001"},"datetime":{"S":"12345678901"},"n":{"N":"12345"},"flag":{"BOOL":false}}"#,
    );
    let expected = 268
        + "ap-northeast-1".len()
        + "kinesis-test".len()
        + "INSERT".len()
        + "55".len()
        + key.len()
        + image.len();
    assert_eq!(template.json_bytes(Operation::Insert, 0, bytes) as usize, expected);
    assert!(scenario.assumptions.iter().all(|it| it.id != "OWN-5"));
}
