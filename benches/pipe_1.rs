//! The reference work for speed: runs `scenarios/pipe-1.yaml` or `pipe-1u.yaml` and prints what was done, what
//! it cost and the fingerprint, as one JSON object on one line.
//!
//! ```text
//! cargo bench --bench pipe_1 -- pipe-1u reps=5 measures=all set=kinesis.changes.capacity.provisioned.shards=1000
//! ```
//! A faster run with another fingerprint is a fault. Cost is CPU time of the process, set-up excluded.

mod cost;

use cost::{cpu_seconds, peak_kilobytes};
use std::path::Path;
use std::time::Instant;
use streamgauge::engine::fingerprint::Fingerprint;
use streamgauge::engine::histogram::Histogram;
use streamgauge::pipeline::Pipeline;
use streamgauge::pipeline::finish::Outcome;
use streamgauge::pipeline::wiring::Prepared;
use streamgauge::scenario::checked::Scenario;
use streamgauge::scenario::{LoadOptions, load};

fn main() {
    streamgauge::engine::memory::keep_freed();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let benching = words.iter().any(|word| word == "--bench");
    let value = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    let number = |key: &str, default: u64| value(key).map_or(default, |text| text.parse().expect("a number"));
    let name = words.iter().find(|word| word.starts_with("pipe-")).map_or("pipe-1", String::as_str);
    // Without --bench this is part of the test suite, with a tiny input.
    let duration = value("d").map(|seconds| format!("duration={seconds}s"));
    let mut sets: Vec<String> = duration.or((!benching).then(|| "duration=1s".into())).into_iter().collect();
    sets.extend(words.iter().filter_map(|word| word.strip_prefix("set=")).map(String::from));
    let options = LoadOptions { sets, seed: Some(number("seed", 1)), ..LoadOptions::default() };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{name}.yaml"));
    let scenario = load(&path, &options).unwrap_or_else(|wrong| panic!("{wrong}")).base;
    let replications = number("reps", 1);
    match value("measures") {
        Some("all") => report::<true>(name, &scenario, replications),
        _ => report::<false>(name, &scenario, replications),
    }
}

/// Everything that PIPE-1 asks to be reported, over all replications together.
#[derive(Default)]
struct Sums {
    writes: u64,
    copies: u64,
    duplicates: u64,
    attempts: u64,
    throttles: u64,
    delivered: u64,
    objects: u64,
    bytes: u64,
    late: u64,
    events: u64,
    to_shard: Histogram,
    to_object: Histogram,
    fingerprint: Fingerprint,
}

impl Sums {
    fn add(&mut self, outcome: &Outcome) {
        let feed = outcome.tables[0].feed.as_ref().expect("PIPE-1 has a feed");
        let lake = &outcome.deliveries[0];
        self.writes += outcome.producers[0].0.offered;
        self.copies += feed.meter.copies;
        self.duplicates += feed.ordering.duplicates;
        self.attempts += feed.meter.attempts();
        self.throttles += feed.meter.throttled;
        self.delivered += lake.meter.delivered;
        self.objects += lake.s3.objects;
        self.bytes += lake.s3.bytes;
        self.late += feed.ordering.late();
        self.events += outcome.events.total();
        self.to_shard.merge(feed.latency.histogram());
        self.to_object.merge(lake.latency.histogram());
        self.fingerprint.absorb(outcome.fingerprint);
    }
}

fn report<const FULL: bool>(name: &str, scenario: &Scenario, replications: u64) {
    let start = Instant::now();
    let prepared = Prepared::new(scenario);
    let setup_s = start.elapsed().as_secs_f64();
    let mut sums = Sums::default();
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    for replication in 0..replications {
        let pipeline = Pipeline::<FULL>::new(scenario, &prepared, replication);
        let outcome = pipeline.run(scenario, |_| true).expect("the run succeeds").expect("nobody interrupts");
        sums.add(&outcome);
    }
    let (wall_s, cpu_s) = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    assert_eq!(sums.delivered, sums.writes + sums.copies, "every write and every copy is delivered");
    let millis = |histogram: &Histogram, q: f64| histogram.quantile(q).unwrap_or(0.0) / 1e3;
    let line = serde_json::json!({
        "impl": "streamgauge", "scenario": name, "measures": if FULL { "all" } else { "pipe-1" }, "reps": replications,
        "shards": scenario.streams[0].shards, "d": scenario.duration / 1_000_000_000,
        "writes": sums.writes, "dups": sums.duplicates, "attempts": sums.attempts, "throttles": sums.throttles,
        "delivered": sums.delivered, "objects": sums.objects, "bytes": sums.bytes, "ooo": sums.late,
        "w2s_p50": millis(&sums.to_shard, 0.5), "w2s_p99": millis(&sums.to_shard, 0.99),
        "w2s3_p50": millis(&sums.to_object, 0.5), "w2s3_p95": millis(&sums.to_object, 0.95),
        "events": sums.events, "setup_s": setup_s, "wall_s": wall_s, "cpu_s": cpu_s,
        "ns_per_write": cpu_s * 1e9 / sums.writes as f64, "rss_kb": peak_kilobytes(),
        "fingerprint": sums.fingerprint.to_string(),
    });
    println!("{line}");
}
