//! The section `firehose`.

use super::choice::{Choice, Map};
use super::plan::{Delivery, Plan};

/// How a delivery stream makes its objects, and where it sends records: what goes with what depends on it.
#[derive(Clone, Copy)]
pub struct Objects {
    pub columnar: bool,
    pub partitioned: bool,
    to: &'static str,
}

const ELSEWHERE: [&str; 7] =
    ["redshift", "opensearch", "opensearch_serverless", "splunk", "http", "iceberg", "snowflake"];

/// How this delivery stream of a seed makes its objects.
pub fn objects(seed: u64, name: &str) -> Objects {
    let choice = &mut Choice::new(seed, &format!("{name}.objects"));
    let to = if choice.chance(60) { "s3" } else { choice.one_of(&ELSEWHERE) };
    let mut only_s3 = |percent| to == "s3" && choice.chance(percent);
    Objects { columnar: only_s3(35), partitioned: only_s3(35), to }
}

/// The section `firehose`.
pub fn firehose(seed: u64, plan: &Plan) -> Vec<String> {
    let delivery = |it: &Delivery| format!("{}: {}", it.name, delivery(seed, plan, it));
    plan.deliveries.iter().map(delivery).collect()
}

/// Whether this delivery stream of a seed has a transforming function.
pub fn transforms(seed: u64, name: &str) -> bool {
    Choice::new(seed, &format!("{name}.transform")).chance(35)
}

fn delivery(seed: u64, plan: &Plan, it: &Delivery) -> String {
    let choice = &mut Choice::new(seed, &it.name);
    let objects = objects(seed, &it.name);
    let (source, polls) = match it.direct_put {
        true => (
            (
                "direct_put",
                choice
                    .one_of(&["{}", "{ scale: 3, ramp: 20s }", "{ quota: legacy, auto_scaling: false }"])
                    .to_owned(),
            ),
            0,
        ),
        false => (("reads", format!("kinesis.{}", choice.one_of(&plan.stream_names()))), 30),
    };
    let buffer = buffer(choice, objects);
    let columnar = objects.columnar.then(|| choice.one_of(&FORMATS).to_owned());
    let partitioning = objects.partitioned.then(|| partitioning(choice));
    let transform = transforms(seed, &it.name).then(|| transform(choice));
    let s3 = Map::new(choice)
        .may(30, "prefix", &["raw/"])
        .may(40, "put", &["0s", "{ lognormal: { median: 120ms, sigma: 0.5 } }"])
        .may(30, "retry_wait", &["1s", "1m"])
        .may(30, "late_success", &["1%", "40%"])
        .may(30, "request_rate", &["2/s"])
        .end();
    let to = if objects.to == "s3" { s3 } else { endpoint(choice, objects.to, &s3) };
    let compression = if objects.columnar { 0 } else { 40 };
    Map::new(choice)
        .must(source.0, source.1)
        .must("buffer", buffer)
        .may(polls, "poll", &["{ interval: 1s }", "{ interval: 500ms, phase: random }"])
        .may(40, "delimiter", &["none", "newline"])
        .may(compression, "compression", &["none", "{ gzip: { ratio: 20% } }", "{ snappy: { ratio: 40% } }"])
        .if_some("format", columnar)
        .if_some("dynamic_partitioning", partitioning)
        .if_some("transform", transform)
        .may(30, "backup", &["{}", "{ buffer: { size: 1 MiB, interval: 60s }, prefix: before/ }"])
        .must("to", format!("{{ {}: {to} }}", objects.to))
        .end()
}

const FORMATS: [&str; 3] =
    ["{ parquet: {} }", "{ parquet: { ratio: 13%, failures: 2% } }", "{ orc: { ratio: 10% } }"];

fn buffer(choice: &mut Choice, objects: Objects) -> String {
    let sizes: &[&str] = match objects.to {
        "s3" if objects.columnar || objects.partitioned => &["64 MiB", "128 MiB"],
        "splunk" => &["1 MiB", "5 MiB"],
        "http" | "opensearch" | "opensearch_serverless" => &["1 MiB", "64 MiB"],
        _ => &["1 MiB", "5 MiB", "128 MiB"],
    };
    let intervals: &[&str] = match objects.to {
        "splunk" => &["0s", "1s", "60s"],
        "s3" if objects.partitioned => &["1s", "60s", "900s"],
        _ => &["0s", "1s", "60s", "900s"],
    };
    let per = if objects.partitioned { 0 } else { 30 };
    Map::new(choice)
        .may(70, "size", sizes)
        .may(70, "interval", intervals)
        .may(per, "per", &["shard", "stream"])
        .end()
}

fn partitioning(choice: &mut Choice) -> String {
    Map::new(choice)
        .must("attribute", "customer")
        .must("values", "300")
        .may(50, "exponent", &["0", "1"])
        .may(50, "of", &["item", "change"])
        .may(50, "active_partitions", &["1", "20"])
        .may(40, "unparsable", &["0.1%", "30%"])
        .end()
}

fn transform(choice: &mut Choice) -> String {
    Map::new(choice)
        .may(70, "duration", &["{ base: 100ms }", "{ base: 30s, spread: 1 }", "{ per_record: 1ms }"])
        .may(40, "timeout", &["5s", "60s"])
        .may(40, "errors", &["5%", "60%"])
        .may(40, "dropped", &["5%"])
        .may(40, "failed", &["3%"])
        .may(40, "size_ratio", &["70%", "1%"])
        .may(40, "buffer", &["{ interval: 5s }", "{ size: 200 KiB }"])
        .may(30, "retries", &["0", "5"])
        .may(30, "retry_wait", &["0s", "10s"])
        .may(30, "runtime", &["node", "java"])
        .may(30, "cold_start", &["0s", "2s"])
        .may(30, "keep_warm", &["1s", "10m"])
        .end()
}

/// A destination other than S3.
fn endpoint(choice: &mut Choice, kind: &str, s3: &str) -> String {
    let takes = if kind == "redshift" { "copy" } else { "request" };
    Map::new(choice)
        .may(60, "throughput", &["20 KiB/s", "1 MiB/s"])
        .may(60, "retry_duration", &["0s", "20s", "7200s"])
        .may(40, takes, &["0s", "{ exponential: { mean: 2s } }"])
        .may(if kind.starts_with("opensearch") { 30 } else { 0 }, "vpc", &["{ zones: 3 }"])
        .must("s3", s3)
        .end()
}
