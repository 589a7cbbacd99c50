//! The sections `consumers`, `firehose` and `athena`. A new kind of consumer is one function here, and its name among the
//! kinds of the plan.

use super::choice::{Choice, Map};
use super::plan::Plan;

/// The section `consumers`.
pub fn consumers(seed: u64, plan: &Plan) -> Vec<String> {
    let consumer = |(name, kind): &(String, &'static str)| {
        let choice = &mut Choice::new(seed, name);
        let reads = source(choice, plan, kind);
        let of_table = reads.ends_with(".streams");
        let settings = match *kind {
            "polling" => polling(choice, plan, of_table),
            _ => lambda(choice, plan),
        };
        format!("{name}: {{ reads: {reads}, {kind}: {settings} }}")
    };
    plan.consumers.iter().map(consumer).collect()
}

/// What a consumer of this kind can read.
fn source(choice: &mut Choice, plan: &Plan, kind: &str) -> String {
    let streams = plan.stream_names().into_iter().map(|name| format!("kinesis.{name}"));
    let tables = plan.tables.iter().filter(|table| table.streams && kind == "polling");
    let all: Vec<String> =
        streams.chain(tables.map(|table| format!("tables.{}.streams", table.name))).collect();
    choice.one_of(&all)
}

fn polling(choice: &mut Choice, plan: &Plan, of_table: bool) -> String {
    let starts = choice.chance(25).then(|| plan.moment(choice));
    let batch: &[&str] = if of_table { &["1", "50", "1000"] } else { &["1", "50", "1000", "10000"] };
    let from: &[&str] = match of_table {
        true => &["latest", "trim_horizon"],
        false => &["latest", "trim_horizon", "{ at_timestamp: '2026-01-04T23:30:00Z' }"],
    };
    // Many polls of an empty shard are cheap, but those of days at a tenth of a second are not.
    let interval: &[&str] =
        if plan.duration > 7_200 { &["1s", "1m"] } else { &["100ms", "250ms", "1s", "3s"] };
    Map::new(choice)
        .may(70, "interval", interval)
        .may(30, "phase", &["random", "{ stagger: 17ms }"])
        .may(60, "batch_size", batch)
        .may(if of_table { 40 } else { 0 }, "shard_discovery", &["0s", "10s"])
        .may(50, "per_record", &["50us", "1ms", "100ms"])
        .may(50, "per_batch", &["20ms", "300ms"])
        .may(50, "workers", &["1", "3", "50"])
        .may(50, "from", from)
        .if_some("starts", starts)
        .may(40, "parents_first", &["true", "false"])
        .may(40, "when_trimmed", &["skip", "stick", "restart"])
        .may(30, "refused_wait", &["50ms", "2s"])
        .end()
}

fn lambda(choice: &mut Choice, plan: &Plan) -> String {
    let pushed = choice.chance(40);
    let duration = Map::new(choice)
        .may(60, "base", &["0s", "20ms", "2s"])
        .may(60, "per_record", &["0s", "150us", "20ms"])
        .may(40, "spread", &["0", "0.5"])
        .end();
    let errors = Map::new(choice)
        .may(60, "rate", &["1%", "50%"])
        .may(40, "poison", &["{ share: 0.5% }", "{ keys: [0] }"])
        .end();
    let errors = choice.chance(40).then_some(errors);
    // A batch that fails for ever is tried until it expires: for runs of days that takes long.
    let retries: &[&str] = if plan.duration > 7_200 { &["0", "3"] } else { &["0", "3", "unlimited"] };
    Map::new(choice)
        .must("via", if pushed { "enhanced_fan_out" } else { "shared" })
        .may(if pushed { 0 } else { 30 }, "phase", &["random", "{ stagger: 17ms }"])
        .may(30, "delivery", &["0s", "{ lognormal: { median: 100ms, sigma: 0.4 } }"])
        .may(60, "batch_size", &["1", "10", "1000", "10000"])
        .may(40, "batch_window", &["0s", "1s", "30s"])
        .may(40, "parallelization_factor", &["1", "3", "10"])
        .may(30, "filter", &["{ passes: 0% }", "{ passes: 40% }"])
        .must("duration", duration)
        .may(30, "timeout", &["1s", "10s"])
        .may(30, "memory", &["128 MiB", "2 GiB"])
        .may(30, "architecture", &["x86_64", "arm64"])
        .may(30, "runtime", &["node", "go", "java", "java_snap_start"])
        .may(30, "cold_start", &["0s", "2s"])
        .may(30, "keep_warm", &["1s", "10m"])
        .may(30, "reserved_concurrency", &["1", "5"])
        .may(100, "retries", retries)
        .may(40, "maximum_record_age", &["60s", "1h", "unlimited"])
        .may(40, "bisect", &["true", "false"])
        .may(40, "report_batch_item_failures", &["true", "false"])
        .may(30, "backoff", &["{ base: 100ms, cap: 10s }"])
        .may(40, "on_failure", &["sqs", "s3"])
        .if_some("errors", errors)
        .end()
}

/// The section `firehose`.
pub fn firehose(seed: u64, plan: &Plan) -> Vec<String> {
    let delivery =
        |name: &String| format!("{name}: {}", delivery(&mut Choice::new(seed, name), plan, seed, name));
    plan.deliveries.iter().map(delivery).collect()
}

/// How a delivery stream makes its objects: what goes with what depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Objects {
    Plain,
    Columnar,
    Partitioned,
}

/// How this delivery stream of a seed makes its objects.
pub fn objects(seed: u64, name: &str) -> Objects {
    use Objects::{Columnar, Partitioned, Plain};
    Choice::new(seed, &format!("{name}.objects")).one_of(&[Plain, Plain, Columnar, Partitioned])
}

fn delivery(choice: &mut Choice, plan: &Plan, seed: u64, name: &str) -> String {
    let objects = objects(seed, name);
    let reads = choice.name(&plan.stream_names()).unwrap_or_default();
    let (sizes, intervals): (&[&str], &[&str]) = match objects {
        Objects::Plain => (&["1 MiB", "5 MiB", "128 MiB"], &["0s", "1s", "60s", "900s"]),
        Objects::Columnar => (&["64 MiB", "128 MiB"], &["1s", "60s", "900s"]),
        Objects::Partitioned => (&["64 MiB", "128 MiB"], &["1s", "60s", "900s"]),
    };
    let per = if objects == Objects::Partitioned { 0 } else { 30 };
    let buffer = Map::new(choice)
        .may(70, "size", sizes)
        .may(70, "interval", intervals)
        .may(per, "per", &["shard", "stream"])
        .end();
    let columnar = (objects == Objects::Columnar).then(|| {
        choice
            .one_of(&["{ parquet: {} }", "{ parquet: { ratio: 13% } }", "{ orc: { ratio: 10% } }"])
            .to_owned()
    });
    let partitioning = (objects == Objects::Partitioned).then(|| {
        Map::new(choice)
            .must("attribute", "customer")
            .must("values", "300")
            .may(50, "exponent", &["0", "1"])
            .may(50, "of", &["item", "change"])
            .may(50, "active_partitions", &["1", "20"])
            .may(40, "unparsable", &["0.1%", "30%"])
            .end()
    });
    let s3 = Map::new(choice)
        .may(30, "prefix", &["raw/"])
        .may(40, "put", &["0s", "{ lognormal: { median: 120ms, sigma: 0.5 } }"])
        .may(30, "retry_wait", &["1s", "1m"])
        .may(30, "late_success", &["1%", "40%"])
        .end();
    let compression = if objects == Objects::Columnar { 0 } else { 40 };
    Map::new(choice)
        .must("reads", format!("kinesis.{reads}"))
        .must("buffer", buffer)
        .may(30, "poll", &["{ interval: 1s }", "{ interval: 500ms, phase: random }"])
        .may(40, "delimiter", &["none", "newline"])
        .may(compression, "compression", &["none", "{ gzip: { ratio: 20% } }", "{ snappy: { ratio: 40% } }"])
        .if_some("format", columnar)
        .if_some("dynamic_partitioning", partitioning)
        .must("to", format!("{{ s3: {s3} }}"))
        .end()
}

/// The section `athena`.
pub fn athena(seed: u64, plan: &Plan) -> Vec<String> {
    let query = |number: u64| {
        let choice = &mut Choice::new(seed, &format!("query-{number}"));
        let lake = choice.name(&plan.deliveries).unwrap_or_default();
        let objects = objects(seed, &lake);
        let columnar = if objects == Objects::Columnar { 50 } else { 0 };
        let partitioned = if objects == Objects::Partitioned { 50 } else { 0 };
        let every = (plan.duration / choice.between(1, 10)).max(1);
        let query = Map::new(choice)
            .must("scans", format!("firehose.{lake}"))
            .must("every", format!("{every}s"))
            .may(40, "at_once", &["1", "30"])
            .may(40, "window", &["10s", "1h", "24h"])
            .may(partitioned, "partitions", &["1", "20"])
            .may(columnar, "columns", &["10%"])
            .may(columnar, "row_groups", &["30%"])
            .may(30, "deduplicate", &["{ columns: 2% }"])
            .may(30, "compaction", &["{}", "{ target: 1 MiB, after: 0s }"])
            .end();
        format!("query-{number}: {query}")
    };
    (0..plan.queries).map(query).collect()
}
