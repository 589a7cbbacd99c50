//! The sections `consumers` and `athena`. A new kind of consumer is one function, and its name among the kinds of the plan.

use super::choice::{Choice, Map};
use super::deliveries;
use super::plan::Plan;
use super::{fleets, functions};

/// What a consumer reads.
pub struct Reads {
    pub path: String,
    /// Whether it is a table's stream.
    pub of_table: bool,
    /// Whether records of several keys come in aggregates.
    pub aggregates: bool,
}

/// The section `consumers`.
pub fn consumers(seed: u64, plan: &Plan) -> Vec<String> {
    let consumer = |(name, kind): &(String, &'static str)| {
        let choice = &mut Choice::new(seed, name);
        let reads = reads(choice, plan, kind);
        let settings = match *kind {
            "polling" => polling(choice, plan, &reads),
            "lambda" => functions::of_stream(choice, plan, name, &reads),
            "pipe" => functions::pipe(choice, plan, name, &reads),
            "kcl" => fleets::kcl(choice, seed, plan, name, &reads),
            _ => fleets::flink(choice, seed, plan, name),
        };
        let network = matches!(*kind, "polling" | "kcl" | "flink") && choice.chance(20);
        let network =
            if network { format!(", network: {}", choice.one_of(&NETWORKS)) } else { String::new() };
        format!("{name}: {{ reads: {}, {kind}: {settings}{network} }}", reads.path)
    };
    let of_streams = plan.consumers.iter().map(consumer);
    of_streams.chain(functions::of_queues(seed, plan)).collect()
}

const NETWORKS: [&str; 3] = [
    "{ interface_endpoint: {} }",
    "{ interface_endpoint: { availability_zones: 2 }, across_zones: 0% }",
    "{ nat_gateway: { gateways: 2 }, across_zones: 66% }",
];

/// What a consumer of this kind can read.
fn reads(choice: &mut Choice, plan: &Plan, kind: &str) -> Reads {
    let of_streams = plan.streams.iter().map(|it| (format!("kinesis.{}", it.name), false, it.aggregates));
    let of_tables = plan.tables.iter().filter(|table| table.streams && kind != "flink");
    let of_tables = of_tables.map(|table| (format!("tables.{}.streams", table.name), true, false));
    let (path, of_table, aggregates) = choice.one_of(&of_streams.chain(of_tables).collect::<Vec<_>>());
    Reads { path, of_table, aggregates }
}

/// Where readers begin.
pub fn from(reads: &Reads) -> &'static [&'static str] {
    match reads.of_table {
        true => &["latest", "trim_horizon"],
        false => &["latest", "trim_horizon", "{ at_timestamp: '2026-01-04T23:30:00Z' }"],
    }
}

fn polling(choice: &mut Choice, plan: &Plan, reads: &Reads) -> String {
    let starts = choice.chance(25).then(|| plan.moment(choice));
    let batch: &[&str] = if reads.of_table { &["1", "50", "1000"] } else { &["1", "50", "1000", "10000"] };
    // Many polls of an empty shard are cheap, but those of days at a tenth of a second are not.
    let interval: &[&str] = if plan.is_long() { &["1s", "1m"] } else { &["100ms", "250ms", "1s", "3s"] };
    Map::new(choice)
        .may(70, "interval", interval)
        .may(30, "phase", &["random", "{ stagger: 17ms }"])
        .may(60, "batch_size", batch)
        .may(if reads.of_table { 40 } else { 0 }, "shard_discovery", &["0s", "10s"])
        .may(50, "per_record", &["50us", "1ms", "100ms"])
        .may(50, "per_batch", &["20ms", "300ms"])
        .may(50, "workers", &["1", "3", "50"])
        .may(50, "from", from(reads))
        .if_some("starts", starts)
        .may(40, "parents_first", &["true", "false"])
        .may(40, "when_trimmed", &["skip", "stick", "restart"])
        .may(30, "refused_wait", &["50ms", "2s"])
        .may(30, "sink", &fleets::SINKS)
        .end()
}

/// The section `athena`.
pub fn athena(seed: u64, plan: &Plan) -> Vec<String> {
    let query = |number: u64| {
        let choice = &mut Choice::new(seed, &format!("query-{number}"));
        let lake = choice.one_of(&plan.deliveries).name;
        let objects = deliveries::objects(seed, &lake);
        let columnar = if objects.columnar { 50 } else { 0 };
        let partitioned = if objects.partitioned { 50 } else { 0 };
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
