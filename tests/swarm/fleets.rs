//! Fleets of workers among the consumers.

use super::choice::{Choice, Map};
use super::plan::Plan;
use super::readers::Reads;

/// How many workers this KCL fleet of a seed has.
pub fn workers(seed: u64, name: &str) -> u64 {
    Choice::new(seed, &format!("{name}.workers")).between(1, 5)
}

/// When this fleet of a seed is created, if that is within the run; milliseconds.
pub fn starts(seed: u64, plan: &Plan, name: &str) -> Option<u64> {
    let choice = &mut Choice::new(seed, &format!("{name}.starts"));
    choice.chance(25).then(|| choice.below(plan.duration * 1_000))
}

/// Workers of the Kinesis Client Library.
pub fn kcl(choice: &mut Choice, seed: u64, plan: &Plan, name: &str, reads: &Reads) -> String {
    // The adapter for tables' streams wraps two of the versions, and polls.
    let version = choice.one_of(if reads.of_table { &["1", "3"] } else { &["1", "2", "3"] });
    let pushed = version != "1" && !reads.of_table && choice.chance(50);
    let idle: &[&str] = if plan.is_long() { &["10s", "1m"] } else { &["250ms", "1s", "3s"] };
    let checkpoint = Map::new(choice)
        .may(60, "every", &["batch", "{ records: 70 }", "{ interval: 20s }"])
        .may(100, "order", &["after", "before"])
        .may(50, "latency", &["0s", "250ms", "{ exponential: { mean: 20ms } }"])
        .end();
    let catches_up = if reads.of_table && version == "3" { 50 } else { 0 };
    let idles = if pushed { 0 } else { 100 };
    Map::new(choice)
        .must("version", version)
        .must("via", if pushed { "enhanced_fan_out" } else { "polling" })
        .must("workers", workers(seed, name))
        .must("checkpoint", checkpoint)
        .may(idles, "idle_time", idle)
        .may(40, "from", &["trim_horizon", "latest"])
        .if_some("starts", starts(seed, plan, name).map(|at| format!("{at}ms")))
        .may(40, "max_records", &["1", "50", "1000"])
        .may(40, "prefetch", &["0", "1", "4"])
        // A worker that takes seconds has something in hand when it dies.
        .may(60, "per_record", &["0s", "2ms", "30ms", "3s", "3s"])
        .may(40, "per_batch", &["0s", "100ms"])
        .may(40, "errors", &["0.1%", "10%"])
        .may(
            50,
            "host",
            &[
                "{ vcpu: 1 }",
                "{ ec2: c6g.large }",
                "{ fargate: { vcpu: 0.5, memory: 1 GiB } }",
                "{ own: { vcpu: 4, price_per_hour: 0.17 USD } }",
            ],
        )
        .may(60, "failover_time", &["3s", "12s"])
        .may(50, "shutdown", &["graceful", "abrupt"])
        .may(40, "restart", &["5s", "2m"])
        .may(if version == "3" { 40 } else { 0 }, "balance", &["cpu", "throughput"])
        .may(catches_up, "catch_up", &["true", "false"])
        .may(if reads.of_table { 40 } else { 0 }, "shard_discovery", &["0s", "10s"])
        .may(30, "delivery", &["0s", "{ lognormal: { median: 100ms, sigma: 0.4 } }"])
        .may(30, "sink", &SINKS)
        .end()
}

/// What workers write to: some of it is so slow that a worker has part of a batch written when it dies.
pub const SINKS: [&str; 4] =
    ["{}", "{ latency: 3s, records_per_call: 3 }", "{ limit: 30/s, records_per_call: 10 }", "{ limit: 5/s }"];

/// A Flink application.
pub fn flink(choice: &mut Choice, seed: u64, plan: &Plan, name: &str) -> String {
    let pushed = choice.chance(40);
    let parallelism = choice.count(1, 12);
    let polls: &[&str] = if plan.is_long() { &["10s", "1m"] } else { &["250ms", "1s"] };
    Map::new(choice)
        .must("parallelism", parallelism)
        .must("via", if pushed { "enhanced_fan_out" } else { "polling" })
        .may(if pushed { 0 } else { 100 }, "poll_interval", polls)
        .may(40, "parallelism_per_kpu", &["1", "4"])
        .may(40, "keyed", &["true", "false"])
        .may(40, "from", &["trim_horizon", "latest"])
        .if_some("starts", starts(seed, plan, name).map(|at| format!("{at}ms")))
        .may(40, "autoscaling", &["true", "false"])
        .may(60, "checkpoint_interval", &["2s", "1m"])
        .may(40, "checkpoint_takes", &["0s", "1s"])
        .may(50, "restart", &["1s", "1m"])
        .may(60, "per_record", &["0s", "2ms", "12ms"])
        .may(40, "per_batch", &["0s", "100ms"])
        .may(40, "shard_discovery", &["1s", "10s"])
        .may(30, "delivery", &["0s", "{ lognormal: { median: 100ms, sigma: 0.4 } }"])
        .may(30, "sink", &SINKS)
        .end()
}
