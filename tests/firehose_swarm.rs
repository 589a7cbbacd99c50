//! Random delivery streams: whatever their source, function, format, destination and misfortunes, every record ends in one fate.
//!
//! `SWARM_SEED=17 cargo test --test firehose_swarm` runs one seed alone; `SWARM_SEEDS=2000` runs that many.

use std::path::Path;

use streamgauge::engine::random::{Draws, Streams};
use streamgauge::scenario::checked::{Scenario, Study};
use streamgauge::scenario::{LoadOptions, load_text};
use streamgauge::systems::firehose::ErrorOutput;

mod support;

/// The scenario of a seed, in the scenario language.
fn draw(seed: u64) -> String {
    let mut draws = Streams::new(seed, 0).named("swarm");
    let direct = chance(&mut draws, 40);
    let rate = one_of(&mut draws, &["5/s", "20/s", "80/s"]);
    let size = one_of(&mut draws, &["200 B", "5000 B", "90 KiB"]);
    let study = one_of(&mut draws, &["steady", "terminating", "terminating", "terminating"]);
    let end = one_of(&mut draws, &["drain", "drain", "stop"]);
    let mut text = format!(
        "name: swarm\nseed: {seed}\nstudy: {study}\nduration: 2m\nend: {end}\nregion: eu-central-1\n"
    );
    let call = if direct { "put_record_batch" } else { "put_records" };
    let to = if direct { "firehose.lake" } else { "kinesis.changes" };
    let resend = one_of(&mut draws, &["none", "{ fixed: { delays: [500ms], attempts: 4 } }"]);
    text += &format!(
        "workload:\n  clicks: {{ writes_to: {to}, arrivals: {{ poisson: {{ rate: {rate} }} }}, keys: {{ uniform: {{ items: 50 }} }}, \
         record: {{ size: {size} }}, client: {{ sdk: {{ call: {call}, in_flight: 4, lost_replies: 1%, timeout: 1s, resend: {resend} }} }} }}\n"
    );
    if !direct {
        let capacity = one_of(&mut draws, &["provisioned: { shards: 3 }", "on_demand: {}"]);
        let channel = capacity.starts_with("on") && chance(&mut draws, 50);
        let delivery = if channel { ", delivery: { s3: {}, iceberg: { bad_records: 3% } }" } else { "" };
        text += &format!("kinesis:\n  changes: {{ capacity: {{ {capacity} }}{delivery} }}\n");
    }
    text += "firehose:\n  lake:\n";
    text += match direct {
        true => one_of(&mut draws, &["    direct_put: {}\n", "    direct_put: { scale: 3, ramp: 20s }\n"]),
        false => "    reads: kinesis.changes\n",
    };
    stages(&mut draws, &mut text);
    let outage = one_of(&mut draws, &["firehose.lake", "firehose.lake.transform", ""]);
    if !outage.is_empty() && (outage == "firehose.lake" || text.contains("transform:")) {
        let lasts = one_of(&mut draws, &["5s", "50s", "10m"]);
        text += &format!("events:\n  down: {{ at: 30s, for: {lasts}, outage: {outage} }}\n");
    }
    text
}

/// What happens to the records of the delivery stream.
fn stages(draws: &mut Draws, text: &mut String) {
    let hints = one_of(draws, &["{ interval: 5s }", "{ interval: 60s }", "{ size: 1 MiB, interval: 20s }"]);
    let to_s3 = chance(draws, 50);
    let partitioned = to_s3 && chance(draws, 40);
    let parquet = to_s3 && chance(draws, 40);
    if to_s3 && !partitioned && !parquet {
        *text += &format!("    buffer: {hints}\n");
    }
    if partitioned {
        *text += "    buffer: { interval: 10s }\n    dynamic_partitioning: { attribute: a, values: 30, of: change, active_partitions: 20, unparsable: 2% }\n";
    }
    if parquet {
        *text += "    format: { parquet: { failures: 2% } }\n";
    }
    if chance(draws, 50) {
        let duration = one_of(draws, &["{ base: 100ms }", "{ base: 30s, spread: 1 }"]);
        *text += &format!(
            "    transform: {{ duration: {duration}, timeout: 60s, errors: 20%, dropped: 5%, failed: 3%, size_ratio: 70%, \
             buffer: {{ interval: 5s }} }}\n"
        );
    }
    if chance(draws, 40) {
        *text += "    backup: { buffer: { interval: 60s } }\n";
    }
    let s3 = "s3: { late_success: 5%, retry_wait: 5s, request_rate: 2/s }";
    let to = one_of(
        draws,
        &["redshift", "opensearch", "opensearch_serverless", "splunk", "http", "iceberg", "snowflake"],
    );
    let retry = one_of(draws, &["0s", "20s", "7200s"]);
    *text += &match to_s3 {
        true => format!("    to: {{ {s3} }}\n"),
        false => format!("    to: {{ {to}: {{ throughput: 1 MiB/s, retry_duration: {retry}, {s3} }} }}\n"),
    };
}

fn chance(draws: &mut Draws, percent: u64) -> bool {
    draws.below(100) < percent
}

fn one_of<'a>(draws: &mut Draws, choices: &[&'a str]) -> &'a str {
    choices[draws.below(choices.len() as u64) as usize]
}

fn scenario(seed: u64) -> Scenario {
    let text = draw(seed);
    let loaded = load_text("swarm.yaml", &text, Path::new(""), &LoadOptions::default());
    loaded.unwrap_or_else(|errors| panic!("seed {seed}: {errors}\n{text}")).base
}

#[test]
fn every_record_of_a_random_delivery_stream_ends_in_one_fate() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("SWARM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SWARM_SEEDS").unwrap_or(60),
    };
    let (mut failed, mut undeliverable, mut repeated) = ([0; ErrorOutput::ALL.len()], 0, 0);
    let several = seeds.end - seeds.start >= 60;
    for seed in seeds {
        let repeat = format!("repeat it with: SWARM_SEED={seed} cargo test --test firehose_swarm");
        let scenario = scenario(seed);
        // A run whose ledger does not balance fails by itself.
        let outcome = support::run::<true>(&scenario, 0);
        let lean = support::run::<false>(&scenario, 0);
        assert_eq!(outcome.fingerprint, lean.fingerprint, "{repeat}");
        for (plan, delivery) in scenario.deliveries.iter().zip(&outcome.deliveries) {
            let path = &plan.path;
            let account = outcome.ledger.accounts.iter().find(|account| account.path == *path);
            let account = account.unwrap_or_else(|| panic!("no account of {path}; {repeat}"));
            let fates: u64 = account.fates.iter().map(|(_, count)| count).sum();
            assert_eq!(fates, account.total_entered(), "{path}; {repeat}");
            let listed: u64 = delivery.rows.iter().map(|row| row.records).sum();
            assert_eq!(listed, delivery.meter.delivered + delivery.meter.repeated, "{path}; {repeat}");
            if scenario.study == Study::Terminating && outcome.complete && plan.backup_of.is_some() {
                let taken: u64 = outcome.deliveries[plan.backup_of.unwrap_or(0)].reads.records;
                assert_eq!(delivery.reads.records, taken, "a backup reads what its delivery reads; {repeat}");
            }
            let sum = failed.iter_mut().zip(delivery.meter.failed);
            sum.for_each(|(sum, count)| *sum += count);
            undeliverable += delivery.meter.undeliverable;
            repeated += delivery.meter.repeated;
        }
    }
    let reached = failed.iter().all(|count| *count > 0) && repeated > 0;
    assert!(
        !several || reached,
        "the seeds do not reach everything: {failed:?}, {undeliverable}, {repeated}"
    );
}
