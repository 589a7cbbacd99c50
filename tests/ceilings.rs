//! What consumers can do at most, by the arithmetic of one thing after the other, and which limit is named when that is too little.

use streamgauge::engine::time::SECOND;
use streamgauge::report::result::RunResult;

mod support;

use support::reported as run;

/// Records put straight into a stream of so many shards, without chance, and these consumers.
fn text(rate: u32, items: u32, shards: u32, duration: &str, more: &str) -> String {
    format!(
        "name: test
study: terminating
end: stop
duration: {duration}
workload:
  p:
    writes_to: kinesis.s
    arrivals: {{ constant: {{ rate: {rate}/s }} }}
    keys: {{ uniform: {{ items: {items} }} }}
    record: {{ size: 300 B }}
    client: {{ sdk: {{ call: put_record, in_flight: 10000, latency: 1ms, lost_replies: 0% }} }}
kinesis:
  s: {{ capacity: {{ provisioned: {{ shards: {shards} }} }} }}
{more}
"
    )
}

/// The same as a steady study, which is where overloads are told.
fn steady(text: &str) -> String {
    text.replace("study: terminating\nend: stop", "study: steady\nwarm_up: 1m")
}

/// The limit that is named for a consumer.
fn limit(result: &RunResult, path: &str) -> Option<String> {
    result.overloaded.iter().find(|row| row.path == path).map(|row| row.limit.clone())
}

/// A lane waits for the answer and invokes again 10 ms later: a function of 1 ms runs 1 / (10 + 1 ms) = 91 times a second on a shard
/// with `parallelization_factor: 1`, and ten times as often with 10; without the 10 ms it would run 900 times in series.
#[test]
fn lam_l4_a_lane_invokes_a_short_function_once_in_the_time_that_its_poller_takes_for_an_answer() {
    let function = |more: &str| {
        let settings = format!(
            "batch_size: 1, delivery: 0s, duration: {{ base: 1ms, per_record: 0s, spread: 0 }}, cold_start: 0s{more}"
        );
        run(&text(
            900,
            100_000,
            1,
            "2m",
            &format!("consumers:\n  f: {{ reads: kinesis.s, lambda: {{ {settings} }} }}"),
        ))
    };
    let a_second = |more: &str| function(more).1.lambdas[0].meter.invocations as f64 / 120.0;
    for (more, expected) in
        [("", 1.0 / 0.011), (", turnaround: 19ms", 1.0 / 0.020), (", parallelization_factor: 5", 5.0 / 0.011)]
    {
        let found = a_second(more);
        // The first records come with the first poll, and one of five lanes may have none left while others have.
        assert!((found / expected - 1.0).abs() < 0.03, "{more}: {found} instead of {expected}");
    }
    let more = "consumers:\n  f: { reads: kinesis.s, lambda: { batch_size: 1, duration: { base: 1ms } } }";
    let (_, _, result) = run(&steady(&text(300, 100_000, 1, "5m", more)));
    assert_eq!(limit(&result, "consumers.f").as_deref(), Some("consumers.f: 1 batch a shard"));
    assert!(result.assumptions.iter().any(|it| it.id == "LAM-L4" && it.value == "10ms"));
    // Nobody waits where there is time between two batches, and the parts of a latency still add up to it.
    let (_, outcome, _) =
        run(&text(5, 100_000, 1, "2m", "consumers:\n  f: { reads: kinesis.s, lambda: { batch_size: 1 } }"));
    assert_eq!(outcome.lambdas[0].latency.totals().0, outcome.lambdas[0].meter.processed);
}

/// The messages of one group come one after the other: 1 / (4 + 10 ms) = 71 a second.
#[test]
fn lam_l4_sqs_2_a_group_of_a_fifo_queue_is_as_fast_as_one_answer_after_the_other() {
    let consumers = "consumers:
  fan: { reads: kinesis.s, lambda: { batch_size: 10, duration: { base: 5ms }, sends_to: [sqs.q] } }
  w: { reads: sqs.q, lambda: { batch_size: 1, duration: { base: 4ms, per_record: 0s, spread: 0 }, cold_start: 0s } }
sqs:
  q: { fifo: {} }";
    let (_, outcome, _) = run(&text(200, 1, 1, "2m", consumers));
    let processed = outcome.queues[0].function.as_ref().expect("a function").processed as f64;
    let expected = 1.0 / 0.014;
    assert!((processed / 119.0 / expected - 1.0).abs() < 0.03, "{processed}");
}

/// 10 ms of processor time for each of 400 records a second are four of eight vCPUs. Keyed, all subtasks take part and half of the
/// capacity is used (FLK-1); read and processed in one place, the two that have a shard can do half of the work.
#[test]
fn flk_1_a_keyed_job_works_with_all_subtasks_and_another_one_with_those_that_have_shards() {
    let job = |more: &str| {
        let flink = format!(
            "consumers:\n  f: {{ reads: kinesis.s, flink: {{ parallelism: 8, per_record: 10ms, autoscaling: false{more} }} }}"
        );
        run(&steady(&text(400, 1_000, 2, "10m", &flink)))
    };
    let (_, outcome, result) = job("");
    assert_eq!(limit(&result, "consumers.f"), None);
    let busy: u64 = outcome.quantities.fleets[0].busy.iter().sum();
    let share = busy as f64 / (8 * 540 * SECOND) as f64;
    assert!((share - 0.5).abs() < 0.01, "{share}");
    let (_, outcome, result) = job(", keyed: false");
    let busy: u64 = outcome.quantities.fleets[0].busy.iter().sum();
    let share = busy as f64 / (2 * 540 * SECOND) as f64;
    assert!((share - 1.0).abs() < 0.01, "{share}");
    assert_eq!(limit(&result, "consumers.f").as_deref(), Some("consumers.f: 2 of 8 subtasks have shards"));
}

/// A worker that comes back gets leases again although processing takes no processor time that would tell its load: then bytes do
/// (KCL-13). Twelve even shards are four to each of three workers, and 60 % of a surplus moves at a time.
#[test]
fn kcl_13_workers_without_load_are_balanced_by_bytes() {
    let more = "consumers:
  k: { reads: kinesis.s, kcl: { version: 3, via: polling, workers: 3 } }
events:
  a: { at: 10m, for: 60s, crash: consumers.k, worker: 1 }";
    let (_, outcome, _) = run(&text(200, 1_000, 12, "60m", more));
    let leases = outcome.fleets[0].leases.as_ref().expect("it has leases");
    assert!(leases.moved > 0);
    assert!(leases.held.iter().all(|held| (3..=5).contains(held)), "{:?}", leases.held);
}

#[test]
fn a_function_without_a_single_execution_is_named_as_such() {
    let more = "consumers:
  f: { reads: kinesis.s, lambda: { reserved_concurrency: 0 } }";
    let (_, _, result) = run(&steady(&text(100, 1_000, 1, "10m", more)));
    assert_eq!(limit(&result, "consumers.f").as_deref(), Some("consumers.f: 0 executions reserved"));
}

/// `rate` writes of one unit a second into a table of 500 write units/s, which saved 150,000 before (DDB-P6).
fn writes(rate: u32, more: &str) -> String {
    support::fed_table(&format!("{rate}/s"), "2m", more)
        .replace("study: terminating", "study: steady")
        .replace("write_units: 1000", "write_units: 500")
}

/// 120 s of 700 a second take 24,000 saved units of 150,000: nothing is refused, and yet there is no steady state. From twice the
/// capacity on, the one partition (1,000 units/s, DDB-P1) refuses writes first, and capacity is still what is exceeded most.
#[test]
fn ddb_p6_saved_units_do_not_make_a_steady_state_and_the_limit_exceeded_most_is_named() {
    for (rate, refuses) in [(700, false), (1_100, true), (3_000, true)] {
        let (scenario, outcome, result) = run(&writes(rate, ""));
        assert_eq!(outcome.tables[0].meter.throttled > 0, refuses, "{rate}");
        let named = limit(&result, "workload.writer");
        assert_eq!(named.as_deref(), Some("tables.t: 500 write units/s"), "{rate}");
        assert!(result.latency.iter().all(|row| row.withheld && row.p99_ms.is_none()), "{rate}");
        let check = streamgauge::scenario::load_check::LoadCheck::of(&scenario);
        assert_eq!(check.overloaded()[0], "tables.t (write units/s, DDB-P6)", "{rate}");
    }
    // An item of 1,300 a second exceeds its partition by 30 %, 1,500 of 1,400 the table by 7 %.
    let hot = writes(1_500, "")
        .replace("write_units: 500", "write_units: 1400")
        .replace("uniform: { items: 1_000 }", "hotspot: { items: 1_000, hot_items: 0.1%, hot_traffic: 87% }");
    let (_, _, result) = run(&hot);
    assert_eq!(
        limit(&result, "workload.writer").as_deref(),
        Some("tables.t: 1,000 write units/s a partition")
    );
}

/// All of the capacity may be used; what grows with the load, or was asked for by an event, ends the need for saved units.
#[test]
fn ddb_p6_m19_capacity_that_suffices_or_will_is_no_overload_while_nothing_is_refused() {
    let scaled = "capacity: { provisioned: { write_units: 500, auto_scaling: { min: 500, max: 2000 } } }";
    let raised = "events:\n  more: { at: 10s, set: { tables.t.capacity.provisioned.write_units: 2000 } }";
    let fixed = "capacity: { provisioned: { write_units: 500 } }";
    for text in [writes(500, ""), writes(700, "").replace(fixed, scaled), writes(700, raised)] {
        let (_, outcome, result) = run(&text);
        assert_eq!(outcome.tables[0].meter.throttled, 0);
        assert!(result.overloaded.is_empty(), "{:?}", result.overloaded);
    }
}
