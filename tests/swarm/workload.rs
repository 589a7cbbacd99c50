//! The section `workload`: producers of tables and of streams.

use super::choice::{Choice, Map};
use super::plan::Plan;
use std::sync::LazyLock;
use streamgauge::retry::RetryProfile;

/// The section `workload`.
pub fn workload(seed: u64, plan: &Plan) -> Vec<String> {
    let writers = plan.writers.iter().map(|(name, table)| {
        let choice = &mut Choice::new(seed, name);
        let table = &plan.tables[*table];
        let of = if table.traced { traced(choice, &table.name) } else { writer(choice, plan, &table.name) };
        format!("{name}: {of}")
    });
    let direct = plan.direct.iter().map(|(name, to)| {
        let choice = &mut Choice::new(seed, name);
        format!("{name}: {}", self::direct(choice, plan, to))
    });
    writers.chain(direct).collect()
}

/// What a producer is besides an ordinary one: each has rules of its own about what goes with it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Plain,
    Closed,
    Batch,
    Transaction,
    OtherRegion,
}

fn writer(choice: &mut Choice, plan: &Plan, table: &str) -> String {
    use Manner::{Batch, Closed, OtherRegion, Plain, Transaction};
    let manner = choice.one_of(&[Plain, Plain, Plain, Closed, Batch, Transaction, OtherRegion]);
    let arrivals = if manner == Closed { closed(choice, plan) } else { arrivals(choice, plan) };
    let keys = keys(choice);
    let item = item(choice);
    let operations = choice.chance(70).then(|| operations(choice, manner));
    let client = (manner != OtherRegion && (manner == Batch || manner == Transaction || choice.chance(60)))
        .then(|| client(choice, manner));
    let source = (manner == OtherRegion).then(|| {
        let of = Map::new(choice).may(60, "lag", &["0s", "1s", "{ exponential: { mean: 500ms } }"]).end();
        format!("{{ global_table: {of} }}")
    });
    Map::new(choice)
        .must("writes_to", format!("tables.{table}"))
        .must("arrivals", arrivals)
        .must("keys", keys)
        .must("item", item)
        .if_some("operations", operations)
        .if_some("client", client)
        .if_some("source", source)
        .end()
}

fn traced(choice: &mut Choice, table: &str) -> String {
    let trace = Map::new(choice)
        .must("file", "trace.csv")
        .may(40, "speed", &["0.5", "4"])
        .may(40, "repeat", &["2"])
        .end();
    let client = choice.chance(50).then(|| client(choice, Manner::Batch));
    Map::new(choice)
        .must("writes_to", format!("tables.{table}"))
        .must("arrivals", format!("{{ trace: {trace} }}"))
        .if_some("client", client)
        .end()
}

fn arrivals(choice: &mut Choice, plan: &Plan) -> String {
    let rate = plan.rate(choice);
    let span = plan.duration as f64;
    let some = |share: f64| format!("{:.3}s", (span * share).max(0.001));
    let shape = match choice.below(7) {
        0 | 1 => return format!("{{ poisson: {{ rate: {rate:.4}/s }} }}"),
        2 => return format!("{{ constant: {{ rate: {rate:.4}/s }} }}"),
        3 => format!(
            "stages: [{{ rate: {rate:.4}/s, for: {} }}, {{ rate: 0/s, ramp_to: {rate:.4}/s, for: {} }}, {{ rate: {:.4}/s }}]",
            some(0.3),
            some(0.3),
            rate / 2.0
        ),
        4 => format!("diurnal: {{ low: {:.4}/s, high: {rate:.4}/s, peak_at: '01:00' }}", rate / 3.0),
        5 => format!(
            "bursts: {{ base: {:.4}/s, burst: {:.4}/s, every: {}, for: {} }}",
            rate / 2.0,
            rate * 4.0,
            some(0.25),
            some(0.05)
        ),
        _ => {
            let value = choice.one_of(&["per_second", "per_period"]);
            let missing = choice.one_of(&["zero", "hold"]);
            format!(
                "profile: {{ file: profile.csv, value: {value}, missing: {missing}, peak: {rate:.4}/s, repeat: true }}"
            )
        }
    };
    let regular = if choice.chance(30) { ", regular: true" } else { "" };
    format!("{{ {shape}{regular} }}")
}

fn closed(choice: &mut Choice, plan: &Plan) -> String {
    let clients = choice.count(1, 30);
    let think = (1_000.0 * clients as f64 / plan.rate(choice)).max(1.0);
    let think =
        choice.one_of(&[format!("{think:.0}ms"), format!("{{ exponential: {{ mean: {think:.0}ms }} }}")]);
    format!("{{ closed: {{ clients: {clients}, think_time: {think} }} }}")
}

fn keys(choice: &mut Choice) -> String {
    let items = choice.count(1, 5_000);
    match choice.below(6) {
        0 => format!("{{ uniform: {{ items: {items} }} }}"),
        1 => format!("{{ sequential: {{ items: {items} }} }}"),
        2 => format!("{{ latest: {{ items: {items}, exponent: 0.8 }} }}"),
        3 => format!("{{ hotspot: {{ items: {}, hot_items: 10%, hot_traffic: 90% }} }}", items + 20),
        _ => format!("{{ zipfian: {{ items: {items}, exponent: 1.1 }} }}"),
    }
}

fn item(choice: &mut Choice) -> String {
    let size = choice.one_of(&[
        "300 B",
        "5 KiB",
        "{ lognormal: { median: 700 B, sigma: 1.0, max: 400 KiB } }",
        "{ uniform: { low: 100 B, high: 30 KiB } }",
        "{ uniform: { low: 200 KiB, high: 400 KiB } }",
        "{ exponential: { mean: 2 KiB } }",
    ]);
    format!("{{ size: {size} }}")
}

fn operations(choice: &mut Choice, manner: Manner) -> String {
    let mut kinds = vec!["insert", "modify", "remove"];
    if manner != Manner::OtherRegion {
        kinds.push("unchanged");
    }
    if !matches!(manner, Manner::OtherRegion | Manner::Batch) {
        kinds.push("conditional_failure");
    }
    let expires = matches!(manner, Manner::Plain | Manner::OtherRegion);
    if expires {
        kinds.push("ttl");
    }
    let mut left = 100;
    let mut keys = Vec::new();
    let mut ttl = false;
    for (number, kind) in kinds.iter().enumerate() {
        let share = if number + 1 == kinds.len() { left } else { choice.below(left + 1) };
        left -= share;
        ttl |= *kind == "ttl" && share > 0;
        keys.push(format!("{kind}: {share}%"));
    }
    if ttl && choice.chance(50) {
        keys.push("ttl_delay: { uniform: { low: 0s, high: 3h } }".to_owned());
    }
    format!("{{ {} }}", keys.join(", "))
}

static RETRIES: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let fixed = "{ fixed: { delays: [100ms, 1s], attempts: 5 } }";
    RetryProfile::NAMES.into_iter().chain([fixed]).collect()
});

fn client(choice: &mut Choice, manner: Manner) -> String {
    let several = match manner {
        Manner::Batch => Some(("batch", choice.between(2, 25))),
        Manner::Transaction => Some(("transaction", choice.between(1, 100))),
        _ => None,
    };
    let single = several.is_none();
    let clients = if manner == Manner::Closed { 0 } else { 30 };
    let mut map = Map::new(choice).may(60, "retries", &RETRIES).may(clients, "clients", &["1", "20"]).may(
        40,
        "write_time",
        &["5ms", "{ lognormal: { median: 5ms, sigma: 0.6 } }"],
    );
    if let Some((key, items)) = several {
        map = map.must(key, items).may(
            50,
            "resend",
            &["{ attempts: 3 }", "{ base: 10ms, cap: 1s, attempts: 20 }"],
        );
    }
    map.may(
        if single { 30 } else { 0 },
        "server_errors",
        &["{ share: 5%, applied: 50% }", "{ share: 20%, applied: 100%, repeat: modify }"],
    )
    .end()
}

fn direct(choice: &mut Choice, plan: &Plan, to: &str) -> String {
    let to_firehose = to.starts_with("firehose.");
    let aggregates = plan.streams.iter().any(|it| it.aggregates && to == format!("kinesis.{}", it.name));
    let arrivals = arrivals(choice, plan);
    let keys = keys(choice);
    let kind = choice.one_of(if to_firehose { &["sdk", "agent"] } else { &["sdk", "kpl", "agent"] });
    let client = match kind {
        "sdk" => sdk(choice, if to_firehose { "put_record_batch" } else { "put_records" }),
        "kpl" => kpl(choice, aggregates),
        _ => agent(choice),
    };
    let of_keys = if to_firehose { 0 } else { 30 };
    let record = Map::new(choice)
        .must("size", "{ lognormal: { median: 500 B, sigma: 1.5, max: 2 MiB } }")
        .may(of_keys, "partition_key", &["{ prefix: device-, digits: 9 }"])
        .may(if kind == "agent" { 0 } else { of_keys }, "explicit_hash_key", &["spread", "{ fixed: '7' }"])
        .end();
    Map::new(choice)
        .must("writes_to", to)
        .must("arrivals", arrivals)
        .must("keys", keys)
        .must("record", record)
        .must("client", format!("{{ {kind}: {client} }}"))
        .end()
}

const LATENCY: [&str; 3] = ["0s", "20ms", "{ lognormal: { median: 15ms, sigma: 0.8 } }"];

fn sdk(choice: &mut Choice, call_of_several: &str) -> String {
    let several = choice.chance(60);
    let map = Map::new(choice).must("call", if several { call_of_several } else { "put_record" });
    let map = match several {
        true => {
            map.may(60, "records_per_call", &["1", "40", "500"]).may(60, "linger", &["0s", "200ms", "3s"])
        }
        false => map.may(30, "sequence_number_for_ordering", &["true"]),
    };
    map.may(60, "in_flight", &["1", "8"])
        .may(50, "retries", &RETRIES)
        .may(50, "resend", &RETRIES)
        .may(60, "latency", &LATENCY)
        .may(40, "timeout", &["10ms", "1s"])
        .may(40, "lost_replies", &["2%", "30%"])
        .end()
}

fn kpl(choice: &mut Choice, aggregates: bool) -> String {
    let aggregation: &[&str] = if aggregates { &["true", "false"] } else { &["false"] };
    Map::new(choice)
        .may(if aggregates { 50 } else { 100 }, "aggregation", aggregation)
        .may(40, "aggregation_max_size", &["1 KiB", "50 KiB", "1 MiB"])
        .may(30, "aggregation_max_count", &["1", "30"])
        .may(30, "collection_max_count", &["1", "200"])
        .may(50, "record_max_buffered_time", &["1ms", "100ms", "5s"])
        .may(50, "record_ttl", &["500ms", "30s"])
        .may(40, "rate_limit", &["5", "150", "10000"])
        .may(40, "max_connections", &["1", "24"])
        .may(50, "latency", &LATENCY)
        .may(30, "request_timeout", &["100ms", "6s"])
        .may(40, "lost_replies", &["2%", "30%"])
        .end()
}

fn agent(choice: &mut Choice) -> String {
    Map::new(choice)
        .may(50, "max_buffer_age", &["1s", "30s"])
        .may(50, "max_buffer_records", &["1", "100"])
        .may(50, "max_buffer_size", &["10 KiB", "4 MiB"])
        .may(50, "file_polls", &["10ms", "1s"])
        .may(50, "partition_key_option", &["random", "deterministic"])
        .may(40, "in_flight", &["1", "5"])
        .may(50, "latency", &LATENCY)
        .may(40, "lost_replies", &["2%", "30%"])
        .end()
}
