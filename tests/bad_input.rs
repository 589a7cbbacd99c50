//! Wrong scenarios are refused: each mistake with one message, in plain words, at the place where it is written.

use std::path::Path;

#[path = "bad_input/files.rs"]
mod files;
#[path = "bad_input/refusals.rs"]
mod refusals;

use refusals::{Refusals, read, with};

/// A sound scenario, each part on a line of its own.
const BASE: &str = "\
name: orders
about: One table, one stream, two readers.
seed: 7
duration: 10m
warm_up: 1m
replications: 2
workload:
  checkout:
    writes_to: tables.orders
    arrivals: { poisson: { rate: 100/s } }
    keys: { uniform: { items: 1_000 } }
    item: { size: 700 B }
    operations: { insert: 10%, modify: 85%, remove: 5% }
    client: { retries: standard_2026 }
tables:
  orders:
    capacity: { provisioned: { write_units: 500 } }
    kinesis: { stream: changes, timestamp_precision: microsecond }
kinesis:
  changes:
    capacity: { provisioned: { shards: 2 } }
    retention: 24h
consumers:
  search:
    reads: kinesis.changes
    polling: { interval: 1s, batch_size: 500 }
firehose:
  lake:
    reads: kinesis.changes
    buffer: { size: 5 MiB, interval: 60s }
    to: { s3: {} }
slo:
  consumers.search.latency.p99: { max: 3s }
  lost: { equals: 0 }
variants:
  more-shards: { kinesis.changes.capacity.provisioned.shards: 4 }
";

#[test]
fn the_scenario_without_mistakes_is_accepted() {
    read(BASE, Path::new(""), &[]).unwrap_or_else(|errors| panic!("{errors}"));
}

#[test]
fn wrong_events() {
    let event = |event: &str| format!("events:\n  sale: {event}\n");
    Refusals::default()
        .append(&event("{ §at: 10m, for: 1m, outage: consumers.search }"), &["within the `duration` of 10m"])
        .append(
            &event("§{ at: 1m, for: 1m }"),
            &["exactly one of `spike`, `outage`, `error_rate`, `poison`, `slow_down`, `remove`, `split`, `merge`, `set`"],
        )
        .append(&event("§{ at: 1m, outage: consumers.search }"), &["`outage` needs `for`"])
        .append(&event("{ at: 1m, for: 1m, §outage: consumers.serch }"), &["did you mean `search`?"])
        .append(
            &event("{ at: 1m, for: 1m, spike: { of: workload.checkout, §factor: -2 } }"),
            &["expected 0 to 1000"],
        )
        .append(
            &event("{ at: 1m, for: 1m, spike: { §of: tables.orders, factor: 2 } }"),
            &["expected a name in `workload`"],
        )
        .append(
            &event("{ at: 1m, set: { §kinesis.changes.nonsense: 48h } }"),
            &["cannot be changed while a run goes on"],
        )
        .append(
            &event("{ at: 1m, set: { §kinesis.changes.retention: 1h } }"),
            &["expected 24h to 365d (KDS-S1)"],
        )
        .append(&event("{ at: 1m, set: { kinesis.changes.retention: §soon } }"), &["soon"])
        .append(&event("{ at: 1m, §for: 1m, set: { kinesis.changes.retention: 48h } }"), &["take `for` out"])
        .end();
}

/// A part has one factor and one rate at a time. What follows at once, is of another part or is another fault does not overlap.
#[test]
fn events_of_one_kind_on_one_part_that_overlap() {
    let slow = |at: &str, lasts: &str, of: &str| {
        format!("{{ at: {at}, for: {lasts}, slow_down: {{ of: {of}, factor: 2 }} }}\n")
    };
    let (long, short) = (slow("2m", "5m", "consumers.search"), slow("3m", "1m", "consumers.search"));
    let both = "the events `long` and `short` overlap: both are a `slow_down` of the same part";
    let transform = with("to: { s3: {} }", "transform: {}\n    to: { s3: {} }");
    let failing = "error_rate: { of: firehose.lake.transform, rate: 5% }";
    Refusals::default()
        .append(&format!("events:\n  long: {long}  short: §{short}"), &[both])
        .append(&format!("events:\n  short: §{short}  long: {long}"), &[both])
        .append(&format!("events:\n  long: {long}  short: §{short}"), &["`long` is over at 7m"])
        .text(
            &format!(
                "{transform}events:\n  a: {{ at: 1m, for: 4m, {failing} }}\n  b: §{{ at: 1m, for: 1m, {failing} }}\n"
            ),
            &["the events `a` and `b` overlap: both are a `error_rate`"],
        )
        .end();
    let after = slow("7m", "1m", "consumers.search");
    let other = slow("3m", "1m", "firehose.lake");
    let down = "{ at: 3m, for: 1m, outage: consumers.search }";
    let sound = format!("{BASE}events:\n  long: {long}  after: {after}  other: {other}  down: {down}\n");
    read(&sound, Path::new(""), &[]).unwrap_or_else(|errors| panic!("{errors}"));
}

/// Keys of partitions are for the prefix of what is partitioned: not for errors, not for a backup, not for a stream's own delivery.
#[test]
fn keys_of_partitions_where_nothing_is_partitioned() {
    let key = "'x/!{partitionKeyFromQuery:customer}/'";
    let errors = "'e/!{firehose:error-output-type}/!{partitionKeyFromQuery:customer}/'";
    let refused = "not for this one";
    Refusals::default()
        .change("to: { s3: {} }", &format!("to: {{ s3: {{ §error_output_prefix: {errors} }} }}"), &[refused])
        .change(
            "to: { s3: {} }",
            &format!("backup: {{ §prefix: {key} }}\n    to: {{ s3: {{}} }}"),
            &[refused],
        )
        .change(
            "capacity: { provisioned: { shards: 2 } }",
            &format!("capacity: {{ on_demand: {{}} }}\n    delivery: {{ s3: {{ §prefix: {key} }} }}"),
            &[refused],
        )
        .change(
            "to: { s3: {} }",
            &format!("to: {{ http: {{ s3: {{ §prefix: {key}, error_output_prefix: e/ }} }} }}"),
            &["needs `dynamic_partitioning`"],
        )
        .end();
}

#[test]
fn kds_s5_splits_and_merges_that_can_never_succeed() {
    let split = |what: &str| {
        format!("events:\n  split: {{ at: 1m, split: {{ stream: kinesis.changes, {what} }} }}\n")
    };
    let merge = |what: &str| {
        format!("events:\n  merge: {{ at: 1m, merge: {{ stream: kinesis.changes, {what} }} }}\n")
    };
    let none = "no shardId-000000000002 by then: the last shard that there can be is shardId-000000000001";
    Refusals::default()
        .append(&split("§shard: 2"), &[none])
        .append(&split("§shard: shardId-000000000002"), &[none])
        .append(&merge("§shards: [1, 2]"), &[none])
        // Shard 1 begins at 2^127.
        .append(
            &split("shard: 1, §at: 5"),
            &["hash key 5 does not lie inside the range 170141183460469231731687303715884105728"],
        )
        .append(
            "events:
  a: { at: 1m, split: { stream: kinesis.changes, shard: 0 } }
  b: { at: 2m, split: { stream: kinesis.changes, §shard: 4 } }
",
            &["the last shard that there can be is shardId-000000000003"],
        )
        .end();
    let apart = with("shards: 2 }", "shards: 3 }") + &merge("§shards: [0, 2]");
    Refusals::default().text(&apart, &["are not adjacent, so they cannot be merged (KDS-S5)"]).end();
    // How many shards there are after these depends on the run.
    let later = "  later: { at: 2m, split: { stream: kinesis.changes, shard: 7 } }\n";
    let sound = |events: &str| read(&format!("{BASE}events:\n{events}{later}"), Path::new(""), &[]);
    sound("  more: { at: 1m, set: { kinesis.changes.capacity.provisioned.shards: 4 } }\n")
        .expect("shard 7 may be there");
    sound("  mode: { at: 1m, set: { kinesis.changes.capacity: { on_demand: {} } } }\n")
        .expect("shard 7 may be there");
}

#[test]
fn wrong_types() {
    Refusals::default()
        .change("orders\nabout", "§[a, b]\nabout", &["expected text; found a list"])
        .change("name: orders", "§name:", &["expected text; found nothing"])
        .change("seed: 7", "seed: §seven", &["expected a whole number; found `seven`"])
        .change("seed: 7", "seed: §'7'", &["expected a whole number"])
        .change("seed: 7", "seed: §1.5", &["expected a whole number; found `1.5`"])
        .change("seed: 7", "seed: §0x1F", &["expected a whole number; found `0x1F`"])
        .change("seed: 7", "seed: §007", &["begins with a zero"])
        .change("warm_up: 1m", "warm_up: §{ auto: 1 }", &["`auto` or a duration"])
        .change("tables.orders\n", "§[tables.orders]\n", &["expected text; found a list"])
        .change("{ poisson: { rate: 100/s } }", "§poisson", &["expected a map; found `poisson`"])
        .change("{ uniform: { items: 1_000 } }", "§[uniform]", &["exactly one of `uniform`"])
        .change("{ size: 700 B }", "{ §size: [700 B] }", &["expected a size with a unit"])
        .change(
            "{ size: 700 B }",
            "{ §size: {} }",
            &["expected a size with a unit, such as `700 B`, or one distribution"],
        )
        .change("{ size: 700 B }", "{ size: §true }", &["expected a size with a unit"])
        .change("{ shards: 2 }", "{ §shards: { count: 2 } }", &["expected a whole number; found a map"])
        .change("{ interval: 1s, batch_size: 500 }", "§often", &["expected a map; found `often`"])
        .change("{ max: 3s }", "{ §max: [3s] }", &["expected text; found a list"])
        .append("billing: { free_tier: §yes }\n", &["expected `true` or `false`; found `yes`"])
        .append("billing: §5\n", &["expected a map; found `5`"])
        .end();
}

#[test]
fn wrong_units() {
    Refusals::default()
        .change("duration: 10m", "duration: §10", &["such as `300s`; found the bare number 10"])
        .change("duration: 10m", "duration: §10 min", &["`min` in `10 min` is not a unit of time"])
        .change("duration: 10m", "duration: §10s 1m", &["from large to small"])
        .change("duration: 10m", "duration: §-10m", &["`-10m` is negative"])
        .change("duration: 10m", "duration: §.inf", &["expected a duration with a unit"])
        .change("duration: 10m", "duration: §1e999", &["`e` in `1e999` is not a unit of time"])
        .change("duration: 10m", "duration: §999999999999999999999d", &["too"])
        .change("rate: 100/s", "rate: §100", &["expected a rate, such as `5000/s`"])
        .change("rate: 100/s", "rate: §100/week", &["`/week` in `100/week` is not a span"])
        .change("rate: 100/s", "rate: §.nan", &["expected a rate"])
        .change("rate: 100/s", "rate: §99999999999999999999999999999999999999999/s", &["too many digits"])
        .change("700 B", "§700", &["expected a size with a unit, such as `5 MiB`; found the bare number 700"])
        .change("700 B", "§700 Mb", &["could mean bits or bytes"])
        .change("700 B", "§700 apples", &["`apples` in `700 apples` is not a unit of size"])
        .change("5 MiB", "§5 Mb", &["could mean bits or bytes"])
        .change("insert: 10%", "insert: §0.1", &["a percentage, such as `0.1%`; found the bare number 0.1"])
        .change("modify: 85%", "modify: §185%", &["between 0% and 100%; found `185%`"])
        .change("remove: 5%", "remove: §-5%", &["`-5%` is negative"])
        .change("write_units: 500", "write_units: §500 RCU", &["write units, such as `5000 WCU`"])
        .change("lost: { equals: 0 }", "cost.month: { max: §9000 }", &["such as `9000 USD`"])
        .change("lost: { equals: 0 }", "lost: §{ max: 5, equals: 0 }", &["`equals` leaves nothing"])
        .change(
            "lost: { equals: 0 }",
            "lost: §{ max: 5, min: 6 }",
            &["nothing can meet both `min: 6` and `max: 5`"],
        )
        .change("lost: { equals: 0 }", "cost.month: { max: §9000 EUR }", &["such as `9000 USD`"])
        .change("equals: 0", "equals: §0%", &["expected a whole number; found `0%`"])
        .change("max: 3s", "max: §3", &["expected a duration with a unit"])
        .append("start: §2026-02-30T00:00:00Z\n", &["no day of the calendar"])
        .append("start: §2026-01-05\n", &["such as `2026-01-05T00:00:00Z`"])
        .end();
}

#[test]
fn wrong_ranges() {
    Refusals::default()
        .change("duration: 10m\nwarm_up: 1m\n", "duration: §0s\n", &["expected 1us to 800d; found `0s`"])
        .change("duration: 10m", "duration: §801d", &["expected 1us to 800d"])
        .change("warm_up: 1m", "warm_up: §10m", &["expected less than the `duration` of 10m"])
        .change("warm_up: 1m", "warm_up: §11m", &["expected less than the `duration` of 10m; found `11m`"])
        .change("replications: 2", "replications: §0", &["expected 1 to 10000; found `0`"])
        .change("replications: 2", "replications: §10_001", &["expected 1 to 10000; found `10001`"])
        .change("replications: 2", "replications: §-1", &["expected a whole number from 0"])
        .change("seed: 7", "seed: §18446744073709551616", &["to 18446744073709551615"])
        .change("rate: 100/s", "rate: §2000G/s", &["a rate must be between 0/s and 1000G/s"])
        .change("items: 1_000", "items: §0", &["expected 1 to 100000000; found `0`"])
        .change("items: 1_000", "items: §100_000_001", &["expected 1 to 100000000"])
        .change(
            "{ uniform: { items: 1_000 } }",
            "{ §zipfian: { items: 9, exponent: 11 } }",
            &["exponent must lie between 0 and 10; found 11"],
        )
        .change(
            "{ uniform: { items: 1_000 } }",
            "{ zipfian: { items: 9, exponent: §.nan } }",
            &["expected a number; found `.nan`"],
        )
        .change(
            "{ uniform: { items: 1_000 } }",
            "{ zipfian: { items: 9, exponent: §1e999 } }",
            &["`1e999` is too large for a number"],
        )
        .change("700 B", "§401 KiB", &["items have at most 400 KiB (DDB-U10)"])
        .change("700 B", "§1 B", &["items have at least"])
        .change("size: 700 B", "§size: { lognormal: { median: 0 B, sigma: 1 } }", &["more than nothing"])
        .change(
            "size: 700 B",
            "§size: { lognormal: { median: 9 B, sigma: -1 } }",
            &["`sigma` must lie between"],
        )
        .change("size: 700 B", "§size: { uniform: { low: 90 B, high: 80 B } }", &["`low` is above `high`"])
        .change("size: 700 B", "§size: { values: [] }", &["needs at least one value"])
        .change("write_units: 500", "write_units: §0", &["expected 1 WCU to 10000000 WCU"])
        .change("write_units: 500", "write_units: 500, burst: §301s", &["expected 1s to 5m (DDB-P6)"])
        .change("shards: 2", "shards: §0", &["expected 1 to 10000 (KDS-S8); found `0`"])
        .change("shards: 2", "shards: §10001", &["expected 1 to 10000 (KDS-S8); found `10001`"])
        .change("retention: 24h", "retention: §1h", &["expected 24h to 365d (KDS-S1); found `1h`"])
        .change("retention: 24h", "retention: §9000h", &["expected 24h to 365d (KDS-S1)"])
        .change("retention: 24h", "max_record: §512 KiB", &["expected 1 MiB to 10 MiB (KDS-W4)"])
        .change("batch_size: 500", "batch_size: §0", &["expected 1 to 10000 (KDS-R2)"])
        .change("batch_size: 500", "batch_size: §10_001", &["expected 1 to 10000 (KDS-R2)"])
        .change("batch_size: 500", "workers: §0", &["expected 1 to 10000; found `0`"])
        .change("batch_size: 500", "phase: { stagger: §2s }", &["(the interval at most); found `2s`"])
        .change("interval: 1s", "interval: §0s", &["expected 1ms to 1h; found `0s`"])
        .change("5 MiB", "§512 KiB", &["expected 1 MiB to 128 MiB (FH-B2)"])
        .change("5 MiB", "§129 MiB", &["expected 1 MiB to 128 MiB (FH-B2)"])
        .change("interval: 60s", "interval: §0.5s", &["FH-B2"])
        .change("interval: 60s", "interval: §901s", &["expected 1s to 15m (FH-B2)"])
        .change(
            "to: { s3: {} }",
            "to: { s3: {} }\n    compression: { gzip: { ratio: §0% } }",
            &["more than 0%"],
        )
        .append("billing: { month: §27d }\n", &["expected 28d to 31d; found `27d`"])
        .append("billing: { represents: §31d }\n", &["the month at most"])
        .end();
}

#[test]
fn keys_unknown_missing_and_twice() {
    Refusals::default()
        .change("seed: 7", "§sed: 7", &["unknown key `sed`; did you mean `seed`?"])
        .change("duration: 10m", "§duratoin: 10m", &["unknown key `duratoin`; did you mean `duration`?"])
        .change("name: orders\n", "§", &["the key `name` is missing"])
        .change(
            "  checkout:\n    writes_to: tables.orders\n",
            "  §checkout:\n",
            &["the key `writes_to` is missing"],
        )
        .change("interval: 1s, batch", "§intervall: 1s, batch", &["did you mean `interval`?"])
        .change("{ shards: 2 }", "{ §shard: 2 }", &["did you mean `shards`?"])
        .change("{ shards: 2 }", "{ shards: 2, §ShardCount: 3 }", &["two names for one setting"])
        .change("seed: 7", "seed: 7\n§seed: 8", &["the key `seed` is there twice"])
        .change("  lake:", "  lake: {}\n  §lake:", &["the key `lake` is there twice"])
        .change("poisson: { rate: 100/s }", "§poison: { rate: 100/s }", &["did you mean `poisson`?"])
        .change("standard_2026", "§standard_2025", &["did you mean `standard_2026`?"])
        .change("microsecond", "§microseconds", &["did you mean `microsecond`?"])
        .change("seed: 7", "study: §stady", &["unknown value `stady`; did you mean `steady`?"])
        .end();
}

#[test]
fn sums_and_pairs_that_do_not_fit() {
    Refusals::default()
        .change(
            "operations: { insert: 10%, modify: 85%",
            "§operations: { insert: 10%, modify: 84%",
            &["must add up to 100%; found 99%"],
        )
        .change(
            "arrivals: { poisson: { rate: 100/s } }",
            "§arrivals: {}",
            &["expected exactly one of `constant`"],
        )
        .end();
}

#[test]
fn ddb_u14_numbers_have_38_digits_and_values_nest_32_deep_at_most() {
    let item = "item: { size: 700 B }";
    let number = |digits: &str| {
        format!("item: {{ shape: {{ key: {{ name: pk }}, attributes: {{ a: {{ number: {digits} }} }} }} }}")
    };
    read(&with(item, &number("38")), Path::new(""), &[]).unwrap_or_else(|errors| panic!("{errors}"));
    // A scenario cannot be written as deep as that, since each list takes two levels of it.
    let list = format!("{}boolean{}", "{ list: [".repeat(33), "] }".repeat(33));
    let nested = format!("item: {{ shape: {{ key: {{ name: pk }}, attributes: {{ a: {list} }} }} }}");
    Refusals::default()
        .change(item, &number("§39"), &["expected 1 to 38 (DDB-U14)"])
        .change(item, &format!("§{nested}"), &["maps and lists are more than 48 deep here"])
        .end();
}

#[test]
fn what_aws_does_not_allow() {
    Refusals::default()
        .change("size: 700 B", "size: §401 KiB", &["400 KiB"])
        .change("standard_2026", "§adaptive", &["unknown value `adaptive`"])
        .change(
            "timestamp_precision: microsecond",
            "record: { partition_key: §hashed_partition_key }",
            &["needs a table with a `sort_key`"],
        )
        .append(
            "events:\n  finer: { at: 1m, set: { §tables.orders.kinesis.timestamp_precision: millisecond } }\n",
            &["cannot be changed while a run goes on"],
        )
        .end();
}

#[test]
fn kdc_5_a_second_stream_and_another_region_are_refused() {
    let arn = "stream: §'arn:aws:kinesis:eu-west-1:111122223333:stream/changes'";
    Refusals::default()
        .change("stream: changes", "stream: §[changes, others]", &["a table feeds no second one (KDC-5)"])
        .change("stream: changes", arn, &["stays in its table's account and Region (KDC-5)"])
        .change(
            "stream: changes",
            "stream: changes, §region: eu-west-1",
            &["in its table's account and Region (KDC-5)"],
        )
        .change(
            "kinesis: { stream: changes, timestamp_precision: microsecond }",
            "kinesis: §[{ stream: changes }, { stream: others }]",
            &["a table feeds one stream, and no second one (KDC-5)"],
        )
        .end();
}

#[test]
fn references_to_nothing() {
    Refusals::default()
        .change("tables.orders", "§tables.order", &["no `order` in `tables`; did you mean `orders`?"])
        .change("tables.orders", "§orders", &["a name in `tables`, such as `tables.x`; found `orders`"])
        .change(
            "tables.orders",
            "§firehose.lake",
            &["`firehose.lake` reads `kinesis.changes`, so it takes no Direct PUT (FH-S5)"],
        )
        .change("tables.orders", "§tables..orders", &["such as `tables.x`"])
        .change("stream: changes", "stream: §chnages", &["did you mean `changes`?"])
        .change("stream: changes", "stream: §kinesis.changes", &["no `kinesis.changes` in `kinesis`"])
        .change(
            "    reads: kinesis.changes\n    poll",
            "    reads: §kinesis.change\n    poll",
            &["did you mean `changes`?"],
        )
        .change(
            "    reads: kinesis.changes\n    buff",
            "    reads: §tables.orders\n    buff",
            &["such as `kinesis.x`"],
        )
        .change(
            "  consumers.search.latency.p99:",
            "  §consumers.serch.latency.p99:",
            &["did you mean `consumers.search.latency.p99`?"],
        )
        .change(
            "  consumers.search.latency.p99:",
            "  §consumers.search.latency.p98:",
            &["did you mean `consumers.search.latency.p9"],
        )
        .change("  lost:", "  §losses:", &["there is no figure `losses`"])
        .change("{ max: 3s }", "{ §most: 3s }", &["unknown key `most`"])
        .append("sweep: { seed: §7 }\n", &["expected a list of values to sweep over; found `7`"])
        .append("region: §eu-west-9\n", &["no Region `eu-west-9`; did you mean `eu-west-1`?"])
        .append("assumptions: { OPEN-66: §1s }\n", &["no assumption `OPEN-66`; did you mean `OPEN-6`?"])
        .append("assumptions: { OPEN-6: §1% }\n", &["`OPEN-6` stands for several values"])
        .append("assumptions: { OPEN-6: { reoder: §1% } }\n", &["did you mean `reorder`?"])
        .append("assumptions: { OPEN-8: §none }\n", &["is built in and cannot be set"])
        .append("assumptions: { DEF-8: §5 }\n", &["expected a duration with a unit"])
        .append("assumptions: { OWN-2: { workers: §0 } }\n", &["expected 1 to 10000; found `0`"])
        // Two readers take it, and it is one mistake.
        .append("assumptions: { OWN-3: §{ stagger: 2s } }\n", &["(the interval at most); found `2s`"])
        .append("assumptions: §[OPEN-6]\n", &["expected a map; found a list"])
        .end();
}

#[test]
fn parts_that_are_not_built() {
    Refusals::default()
        .change("    polling: {", "    §streams_api: {}\n    polling: {", &["unknown key `streams_api`"])
        .change(
            "    to: { s3: {} }",
            "    §lambda: { batch_size: 5 }\n    to: { s3: {} }",
            &["unknown key `lambda`"],
        )
        .change("{ s3: {} }", "{ §datadog: {} }", &["unknown value `datadog`"])
        .append("athena: { dashboards: { §scan: firehose.lake } }\n", &["unknown key `scan`"])
        .end();
}

#[test]
fn broken_yaml() {
    let bomb: String = ('a'..='i').fold("b0: &a0 x\n".to_owned(), |text, name| {
        let inner = if name == 'a' { "a0".to_owned() } else { ((name as u8 - 1) as char).to_string() };
        // A million in the sixth of them, which is too many.
        let mark = if name == 'f' { "§" } else { "" };
        format!("{text}{mark}{name}: &{name} [{}]\n", vec![format!("*{inner}"); 10].join(", "))
    });
    let mut refusals = Refusals::default();
    refusals
        .text("§", &["the scenario is empty"])
        .text("# nothing\n§", &["the scenario is empty"])
        .text("§- a\n- b\n", &["expected a map; found a list"])
        .text("§just words\n", &["expected a map; found `just words`"])
        .text(&bomb, &["too large once its aliases are written out"])
        .text(&format!("§a: {}\n", "[".repeat(1_000)), &["more than 48 deep here"])
        .append("---\n§name: two\n", &["a second document begins here"])
        .change("  lake:\n", "\t§lake:\n", &["tab"])
        .change(
            "  lake:\n    reads: kinesis.changes\n    ",
            "  lake: [\n    reads: kinesis.changes\n    §",
            &["did not find expected"],
        )
        .change("700 B", "§!!str 700 B", &["YAML tags such as `!!str`"])
        .change("{ poisson:", "§!poisson {", &["YAML tags such as `!poisson`"])
        .change("  search:\n", "  search: §*other\n", &["this alias has no anchor before it"])
        .change("seed: 7", "§? [a]\n: 7", &["a key must be a name"])
        .change("seed: 7", "seed: §\u{0}7", &["unexpected character: `\\u{0}'"])
        .change("One table, one stream, two readers.\nseed", "\"One\n§seed", &["quoted"])
        .end();
}

#[test]
fn one_message_for_each_of_several_mistakes() {
    let text = with("seed: 7\nduration: 10m", "seed: §x\nduration: §10")
        .replace("24h", "§24")
        .replace("5 MiB", "§5");
    let several = ["whole number", "a duration with a unit", "a duration with a unit", "a size with a unit"];
    let resolved =
        with("shards: 2 }", "shards: §0 }").replace("tables.orders", "§tables.x").replace("60s", "§1h");
    Refusals::default()
        .text(&text, &several)
        .text(&resolved, &["there is no `x` in `tables`", "KDS-S8", "FH-B2"])
        .end();
}

#[test]
fn overrides_that_do_not_fit() {
    Refusals::default()
        .set("seed", "expected path=value, such as `seed=7`")
        .set("seed=", "write `seed=null` to remove it")
        .set("=7", "expected path=value, such as `seed=7`; found `=7`")
        .set("a..b=7", "`a..b` is not a path: a key is missing")
        .set("seed=[1", "unclosed bracket")
        .set("seed=x", "expected a whole number; found `x`")
        .set("sed=8", "did you mean `seed`?")
        .set("kinesis.chnages.retention=48h", "did you mean `changes`?")
        .set("kinesis.changes.capacity.provisioned.shard=3", "did you mean `shards`?")
        .set("kinesis.changes.capacity.provisioned.shards=0", "expected 1 to 10000 (KDS-S8)")
        .set("firehose.lake.to.s3[0]=1", "`firehose.lake.to.s3` is a map, which has no item [0]")
        .set("retention=null", "there is no")
        .set("variants.more-shards=null", "an override cannot change the variants")
        .clash("name=null", &format!("§{BASE}"), "the key `name` is missing")
        .clash("duration=30s", &with("1m", "§1m"), "expected less than the `duration` of 30s; found `1m`")
        .clash("consumers=null", &with("  consumers.search", "  §consumers.search"), "there is no figure")
        .end();
}

/// Whatever is wrong with an argument, its message can be read.
#[test]
fn long_arguments_are_not_echoed_whole() {
    let long = "x".repeat(5_000);
    for set in [long.clone(), format!("{long}=1"), format!("seed={long}"), format!("seed=[{long}")] {
        let shown = read(BASE, Path::new(""), &[&set]).unwrap_err().to_string();
        assert!(shown.contains("--set ") && shown.len() < 2_000, "{shown}");
    }
}

#[test]
fn variants_that_do_not_fit() {
    let old = "{ kinesis.changes.capacity.provisioned.shards: 4 }";
    let shards = "kinesis.changes.capacity.provisioned.shards";
    Refusals::default()
        .change(old, "§7", &["in variant `more-shards`"])
        .change(old, &format!("{{ {shards}: §0 }}"), &["in variant `more-shards`"])
        .change(old, "{ seed: §x }", &["expected a whole number; found `x`"])
        .change(old, "{ kinesis.chnages.retention: §48h }", &["did you mean `changes`?"])
        .change(old, "{ §a b: 1 }", &["put quotation marks around a key"])
        .change(old, "{ redshift: §none }", &["unknown key `redshift`"])
        .change(old, "{ variants: §{} }", &["an override cannot change the variants"])
        .change(old, "{ retention: §null }", &["there is no `retention` in the scenario"])
        .change("variants:\n  more-shards", "§variants:\n  - more-shards", &["expected a map; found a list"])
        .change("  more-shards", "  §base", &["the scenario without its variants is called `base`"])
        .end();
}
