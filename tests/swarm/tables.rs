//! The sections `tables` and `kinesis`.

use super::choice::{Choice, Map};
use super::plan::{Plan, Stream, Table};

/// The section `tables`.
pub fn tables(seed: u64, plan: &Plan) -> Vec<String> {
    plan.tables.iter().map(|table| format!("{}: {}", table.name, self::table(seed, table))).collect()
}

fn table(seed: u64, table: &Table) -> String {
    let choice = &mut Choice::new(seed, &table.name);
    let capacity = capacity(choice, table.provisioned);
    // A DynamoDB stream has a shard for each partition.
    let off = !table.streams && choice.chance(30);
    let sorted = choice.chance(25);
    let partitions = match off {
        true => Some("off".to_owned()),
        false => choice.chance(50).then(|| partitions(choice)),
    };
    let sort_key = sorted.then(|| {
        let collections = choice.count(1, 500);
        // With a local index each collection holds 10 GiB at most (DDB-P2), of the 35 GiB that there may be.
        let local = if collections >= 4 { 30 } else { 0 };
        Map::new(choice).must("collections", collections).may(local, "local_index", &["true"]).end()
    });
    let indexes = self::indexes(seed, &table.name);
    let indexes: Vec<String> =
        (0..indexes).map(|number| format!("index-{number}: {}", index(choice, table.provisioned))).collect();
    let key = (!table.traced && choice.chance(20)).then(|| {
        Map::new(choice).may(50, "prefix", &["k", "customer/"]).may(50, "digits", &["6", "20"]).end()
    });
    let feed = table.feeds.as_ref().map(|stream| feed(choice, stream, sorted && !off));
    let streams = table.streams.then(|| dynamodb_stream(choice));
    let size =
        if off { None } else { choice.chance(15).then(|| choice.one_of(&["1 GiB", "35 GiB"]).to_owned()) };
    Map::new(choice)
        .must("capacity", capacity)
        .if_some("partitions", partitions)
        .if_some("size", size)
        .if_some("sort_key", sort_key.filter(|_| !off))
        .if_some(
            "global_secondary_indexes",
            (!indexes.is_empty()).then(|| format!("{{ {} }}", indexes.join(", "))),
        )
        .if_some("key", key)
        .if_some("kinesis", feed)
        .if_some("streams", streams)
        .may(20, "point_in_time_recovery", &["true", "false"])
        .end()
}

/// How many global secondary indexes this table of a seed has.
pub fn indexes(seed: u64, name: &str) -> u64 {
    Choice::new(seed, &format!("{name}.indexes")).below(3)
}

/// A table's or an index's capacity.
pub fn capacity(choice: &mut Choice, provisioned: bool) -> String {
    if !provisioned {
        let of = Map::new(choice)
            .may(20, "warm_throughput", &["4000 WRU/s", "12000 WRU/s"])
            .may(20, "previous_peak", &["500 WRU/s", "6000 WRU/s"])
            .may(20, "max", &["5 WRU/s", "300 WRU/s"])
            .end();
        return format!("{{ on_demand: {of} }}");
    }
    let units = choice.count(1, 5_000);
    let scaling = choice.chance(25).then(|| {
        let (min, max) = (choice.count(1, units), choice.count(units, 8_000));
        Map::new(choice).must("min", min).must("max", max).may(50, "target", &["20%", "70%", "90%"]).end()
    });
    let of = Map::new(choice)
        .must("write_units", units)
        .may(20, "read_units", &["10", "2000"])
        .may(50, "burst", &["1s", "20s", "300s"])
        .if_some("auto_scaling", scaling)
        .end();
    format!("{{ provisioned: {of} }}")
}

fn partitions(choice: &mut Choice) -> String {
    Map::new(choice)
        .may(60, "initial", &["1", "3", "16"])
        .may(50, "split_for_heat", &["off", "{ use: 90%, after: 1m }", "{ use: 5%, after: 1m }"])
        .end()
}

fn index(choice: &mut Choice, provisioned: bool) -> String {
    let own = (provisioned || choice.chance(30)).then(|| capacity(choice, provisioned));
    // Indexes have no read units and do not scale by themselves here.
    let own = own.map(|text| text.replace("read_units: 10, ", "").replace("read_units: 2000, ", ""));
    Map::new(choice)
        .if_some("capacity", own)
        .may(60, "values", &["1", "20", "100000"])
        .may(40, "items", &["5%", "60%"])
        .may(50, "projection", &["all", "keys_only"])
        .end()
}

fn feed(choice: &mut Choice, stream: &str, sorted: bool) -> String {
    let order = choice.one_of(&["per_item", "per_item", "independent"]);
    let keys: &[&str] = if sorted { &["hashed", "raw", "hashed_partition_key"] } else { &["hashed", "raw"] };
    let record = Map::new(choice).may(30, "size", &["json", "item"]).may(50, "partition_key", keys).end();
    let retry =
        Map::new(choice).must("base", "20ms").must("cap", "2s").may(50, "jitter", &["full", "none"]).end();
    let retry = choice.chance(40).then_some(retry);
    let late = "{ probability: 5%, delay: { exponential: { mean: 300ms } } }";
    let replication = Map::new(choice)
        .must("order", order)
        .may(
            60,
            "delay",
            &["0s", "200ms", "{ exponential: { mean: 100ms } }", "{ uniform: { low: 0s, high: 2s } }"],
        )
        .may(if order == "per_item" { 40 } else { 0 }, "reorder", &["0%", "1%", late])
        .may(40, "duplicates", &["0%", "100%", late])
        .if_some("retry", retry)
        .end();
    Map::new(choice)
        .must("stream", stream)
        .may(50, "timestamp_precision", &["millisecond", "microsecond"])
        .must("record", record)
        .must("replication", replication)
        .end()
}

fn dynamodb_stream(choice: &mut Choice) -> String {
    let view = choice.one_of(&["keys_only", "old_image", "new_image", "new_and_old_images"]);
    Map::new(choice)
        .must("view", view)
        .may(40, "delay", &["0s", "1s", "{ exponential: { mean: 50ms } }"])
        .may(50, "rollover", &["{ interval: 1m, jitter: 10s }", "{ interval: 4h, jitter: 0s }"])
        .may(30, "limits", &["{ get_records_calls: 2 }", "{ read_bytes: 1 MiB }"])
        .end()
}

/// The section `kinesis`.
pub fn streams(seed: u64, plan: &Plan) -> Vec<String> {
    let stream = |stream: &Stream| format!("{}: {}", stream.name, self::stream(seed, plan, stream));
    plan.streams.iter().map(stream).collect()
}

fn stream(seed: u64, plan: &Plan, stream: &Stream) -> String {
    let choice = &mut Choice::new(seed, &stream.name);
    let capacity = if stream.provisioned {
        let scaling = choice.chance(25).then(|| scaling(choice));
        let of = Map::new(choice).must("shards", stream.shards).if_some("scaling", scaling).end();
        format!("{{ provisioned: {of} }}")
    } else {
        let warm: &[&str] = if plan.advantage { &["1 MiB/s", "20 MiB/s"] } else { &[] };
        let warm_chance = if warm.is_empty() { 0 } else { 50 };
        let of = Map::new(choice)
            .may(40, "peak_30_days", &["1 MiB/s", "12 MiB/s"])
            .may(warm_chance, "warm_throughput", warm)
            .may(40, "split_delay", &["1m", "15m"])
            .may(40, "peak_kept", &["1h", "24h"])
            .end();
        format!("{{ on_demand: {of} }}")
    };
    Map::new(choice)
        .must("capacity", capacity)
        .must("retention", format!("{}h", stream.retention_hours))
        .may(40, "max_record", &["1 MiB", "1025 KiB", "10 MiB"])
        .may(50, "reshard_step", &["0s", "50ms", "30s", "5m"])
        .may(15, "history", &["10s", "1h", "20h"])
        .may(20, "limits", &["{ get_records_calls: false }"])
        .may(if stream.provisioned { 0 } else { 40 }, "delivery", &DELIVERIES)
        .may(15, "encryption", &["{}", "{ key: aws_managed, credentials: 20 }"])
        .may(15, "shard_level_metrics", &["[outgoing_bytes, iterator_age_milliseconds]"])
        .end()
}

/// What a stream delivers by itself.
const DELIVERIES: [&str; 3] = [
    "{ s3: {} }",
    "{ iceberg: { bad_records: 3%, freshness: 10m } }",
    "{ s3: { prefix: own/, put: 2s }, iceberg: { ratio: 10% } }",
];

fn scaling(choice: &mut Choice) -> String {
    if choice.chance(40) {
        let (first, second) = (choice.count(1, 60), choice.count(1, 60));
        return format!(
            "{{ scheduled: [{{ at: '00:01', shards: {first} }}, {{ at: '13:30', shards: {second} }}] }}"
        );
    }
    Map::new(choice)
        .may(50, "target_utilisation", &["60%", "90%"])
        .may(50, "cool_down", &["0s", "10m"])
        .may(50, "datapoints", &["1", "5"])
        .may(50, "scale_in_datapoints", &["1", "15"])
        .may(50, "lag", &["0m", "2m"])
        .may(50, "max", &["3", "60"])
        .end()
}
