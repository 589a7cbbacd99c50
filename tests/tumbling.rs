//! Functions with tumbling windows, and what goes with a shard's end.

use streamgauge::pipeline::finish::Outcome;
use streamgauge::pipeline::lambda::column;

mod support;

/// Ten records a second for ten minutes on two shards.
fn text(function: &str, more: &str) -> String {
    format!(
        "\
name: test
study: terminating
duration: 10m
workload:
  writer: {{ writes_to: tables.t, arrivals: {{ constant: {{ rate: 10/s }} }}, keys: {{ uniform: {{ items: 100 }} }}, item: {{ size: 300 B }} }}
tables:
  t: {{ capacity: {{ provisioned: {{ write_units: 1000 }} }}, kinesis: {{ stream: s, replication: {{ delay: 50ms, reorder: 0%, duplicates: 0% }} }} }}
kinesis:
  s: {{ capacity: {{ provisioned: {{ shards: 2 }} }} }}
consumers:
  f: {{ reads: kinesis.s, lambda: {{ duration: {{ base: 5ms }}, {function} }} }}
{more}
"
    )
}

fn run(function: &str, more: &str) -> Outcome {
    support::run::<true>(&support::scenario(&text(function, more), &[]), 0)
}

/// Ten minutes have ten windows of a minute, and a little of an eleventh that the last records reach: each ends once on each
/// of two shards.
#[test]
fn lam_w1_each_window_of_each_shard_ends_with_one_more_invocation() {
    let (plain, tumbling) = (run("batch_size: 100", ""), run("batch_size: 100, tumbling_window: 60s", ""));
    let (before, after) = (&plain.lambdas[0].meter, &tumbling.lambdas[0].meter);
    assert_eq!((before.processed, after.processed), (6_000, 6_000));
    assert!((20..=22).contains(&after.window_ends[0]), "{:?}", after.window_ends);
    assert_eq!((before.window_ends, after.window_ends[1]), ([0, 0], 0));
    // Of a poll that spans two windows each has a batch of its own: one more invocation for each of the ten seams at most.
    let more = after.invocations - before.invocations;
    assert!((20..=44).contains(&more), "{more}");
}

/// A state that each record makes 10 KiB larger is full after 102 records, and its window ends early.
#[test]
fn lam_w1_a_state_beyond_one_mebibyte_ends_its_window_early() {
    let settings = "batch_size: 10, tumbling_window: { window: 900s, state_per_record: 10 KiB }";
    let meter = run(settings, "").lambdas.swap_remove(0).meter;
    let early = meter.window_ends[1];
    // 6,000 records in batches of up to ten: a window has 103 to 112 of them.
    assert!((6_000 / 113..=6_000 / 103).contains(&early), "{early}");
}

/// A split closes a shard in the middle of a window: that ends with it, and the children begin windows of their own.
#[test]
fn lam_w1_a_window_ends_when_its_shard_closes() {
    let split = "events:\n  more: { at: 330s, set: { kinesis.s.capacity.provisioned.shards: 4 } }\n";
    let whole = run("batch_size: 100, tumbling_window: 300s", "").lambdas.swap_remove(0).meter;
    let cut = run("batch_size: 100, tumbling_window: 300s", split).lambdas.swap_remove(0).meter;
    assert_eq!((whole.processed, cut.processed), (6_000, 6_000));
    // Two windows on two shards; the last records come after ten minutes, in a third one.
    assert!((4..=6).contains(&whole.window_ends[0]), "{:?}", whole.window_ends);
    // Each shard's second window ends with the shard, and again on each of its two children.
    assert!((8..=12).contains(&cut.window_ends[0]), "{:?}", cut.window_ends);
}

/// A failing last invocation is tried again until it succeeds, and stops the shard meanwhile.
#[test]
fn lam_w1_a_failed_end_of_a_window_is_tried_again() {
    let settings = "batch_size: 100, tumbling_window: 60s, errors: { rate: 30% }";
    let meter = run(settings, "").lambdas.swap_remove(0).meter;
    assert_eq!(meter.processed, 6_000);
    assert!((20..=22).contains(&meter.window_ends[0]), "{:?}", meter.window_ends);
}

#[test]
fn windows_that_aws_refuses_are_refused() {
    let of = |function: &str| support::load(&text(function, "")).err().unwrap_or_default();
    assert!(of("tumbling_window: 901s").contains("LAM-W1"));
    assert!(of("tumbling_window: 1500ms").contains("LAM-W1"));
    assert!(of("tumbling_window: 60s, parallelization_factor: 2").contains("one state for each shard"));
}

/// Aggregates hold records of many keys, and a mapping with several batches at once does not keep them whole.
#[test]
fn lam_c5_parallel_batches_of_aggregates_are_refused() {
    let with = |factor: u32, aggregation: bool| {
        let direct = format!(
            "  kpl: {{ writes_to: kinesis.s, arrivals: {{ poisson: {{ rate: 10/s }} }}, keys: {{ uniform: {{ items: 9 }} }}, \
             record: {{ size: 100 B }}, client: {{ kpl: {{ aggregation: {aggregation} }} }} }}\ntables:"
        );
        let text = text(&format!("parallelization_factor: {factor}"), "");
        support::load(&text.replacen("tables:", &direct, 1)).err().unwrap_or_default()
    };
    assert!(with(2, true).contains("LAM-C5"), "{}", with(2, true));
    assert_eq!((with(1, true).as_str(), with(2, false).as_str()), ("", ""));
}

/// What was pushed, by CloudWatch's names, is what was processed; and a consumer that keeps up is less than a second behind.
#[test]
fn kds_m5_pushes_have_metrics_of_their_own() {
    let outcome = run("via: enhanced_fan_out", "");
    let function = &outcome.lambdas[0];
    let sum = |column: usize| function.series.bins().iter().map(|bin| bin[column]).sum::<u64>();
    assert_eq!(sum(column::PUSHED_RECORDS), 6_000);
    assert_eq!(sum(column::PUSHED_BYTES), function.fan_out.expect("it is pushed to").bytes);
    let behind = function.series.bins().iter().map(|bin| bin[column::PUSHED_BEHIND]).max().expect("bins");
    assert!((1_000..1_000_000).contains(&behind), "{behind}");
    // Two shards, renewed every five minutes.
    assert!(function.fan_out.expect("it is pushed to").subscriptions >= 4);
}
