//! What a delivered record costs where five consumers of different kinds read one stream: runs `benches/five_consumers.yaml` and prints
//! the work, what it cost for each record that reached a consumer, and the fingerprint, as one JSON object on one line.
//!
//! ```text
//! cargo bench --bench five_consumers -- reps=5 d=600
//! ```
//! A faster run with another fingerprint is a fault. Cost is CPU time of the process, set-up excluded.

mod cost;

use cost::{cpu_seconds, peak_kilobytes};
use std::path::Path;
use std::time::Instant;
use streamgauge::engine::fingerprint::Fingerprint;
use streamgauge::pipeline::Pipeline;
use streamgauge::pipeline::finish::Outcome;
use streamgauge::pipeline::wiring::Prepared;
use streamgauge::scenario::{LoadOptions, load};

fn main() {
    streamgauge::engine::memory::keep_freed();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let benching = words.iter().any(|word| word == "--bench");
    let value = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    let number = |key: &str, default: u64| value(key).map_or(default, |text| text.parse().expect("a number"));
    // Without --bench this is part of the test suite, with a tiny input.
    let duration = value("d").map(|seconds| format!("duration={seconds}s"));
    let sets = duration.or((!benching).then(|| "duration=1s".into())).into_iter().collect();
    let options = LoadOptions { sets, seed: Some(number("seed", 5)), ..LoadOptions::default() };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/five_consumers.yaml");
    let scenario = load(&path, &options).unwrap_or_else(|wrong| panic!("{wrong}")).base;
    let prepared = Prepared::new(&scenario);
    let (mut writes, mut records, mut delivered, mut events) = (0, 0, 0, 0);
    let mut fingerprint = Fingerprint::default();
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    for replication in 0..number("reps", 1) {
        let pipeline = Pipeline::<true>::new(&scenario, &prepared, replication);
        let outcome =
            pipeline.run(&scenario, |_| true).expect("the run succeeds").expect("nobody interrupts");
        let in_stream = outcome.tables[0].feed.as_ref().expect("a feed").ordering.records;
        let reached = reached(&outcome);
        assert_eq!(reached, [in_stream; 5], "each of the five gets every record");
        writes += outcome.producers[0].0.offered;
        records += in_stream;
        delivered += reached.iter().sum::<u64>();
        events += outcome.events.total();
        fingerprint.absorb(outcome.fingerprint);
    }
    let (wall_s, cpu_s) = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let line = serde_json::json!({
        "impl": "streamgauge", "scenario": scenario.name, "reps": number("reps", 1), "shards": scenario.streams[0].shards,
        "d": scenario.duration / 1_000_000_000, "writes": writes, "records": records, "delivered": delivered, "events": events,
        "wall_s": wall_s, "cpu_s": cpu_s, "ns_per_delivered_record": cpu_s * 1e9 / delivered as f64,
        "ns_per_write": cpu_s * 1e9 / writes as f64, "rss_kb": peak_kilobytes(), "fingerprint": fingerprint.to_string(),
    });
    println!("{line}");
}

/// Records that reached each of the five.
fn reached(outcome: &Outcome) -> [u64; 5] {
    [
        outcome.consumers[0].meter.processed,
        outcome.lambdas[0].meter.processed,
        outcome.fleets[0].meter.processed,
        outcome.fleets[1].meter.processed,
        outcome.deliveries[0].meter.delivered,
    ]
}
