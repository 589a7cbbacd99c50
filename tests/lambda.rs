//! Functions on streams: latencies against measurements, batches against theory, failures against AWS's rules.

use std::collections::{BTreeMap, BTreeSet};
use streamgauge::engine::math;
use streamgauge::engine::random::Streams;
use streamgauge::engine::sampler::Sampler;
use streamgauge::engine::time::{DAY, HOUR, MICROSECOND, MILLISECOND, MINUTE, Nanos, SECOND, round};
use streamgauge::pipeline::Pipeline;
use streamgauge::pipeline::finish::{LambdaOutcome, Outcome};
use streamgauge::pipeline::lambda::column;
use streamgauge::pipeline::wiring::Prepared;
use streamgauge::scenario::checked::Scenario;
use streamgauge::systems::kinesis::log::Record;
use streamgauge::systems::lambda::batch::{Batching, Payload};
use streamgauge::systems::lambda::function::{Errors, FunctionPlan};
use streamgauge::systems::lambda::mapping::{Mapping, MappingPlan, Next};
use streamgauge::systems::lambda::retry::RetryPlan;

mod support;

/// One producer of `rate` small writes a second, one stream, and one function `f` with these settings.
fn text(study: &str, rate: &str, shards: u32, function: &str, more: &str) -> String {
    format!(
        "\
name: test
study: {study}
workload:
  writer: {{ writes_to: tables.t, arrivals: {{ poisson: {{ rate: {rate} }} }}, keys: {{ uniform: {{ items: 1_000 }} }}, item: {{ size: 300 B }} }}
tables:
  t:
    capacity: {{ provisioned: {{ write_units: 20000 }} }}
    kinesis: {{ stream: s, replication: {{ delay: 50ms, reorder: 0%, duplicates: 0% }} }}
kinesis:
  s: {{ capacity: {{ provisioned: {{ shards: {shards} }} }} }}
consumers:
  f: {{ reads: kinesis.s, lambda: {{ {function} }} }}
{more}
"
    )
}

fn run(text: &str) -> Outcome {
    let scenario = support::scenario(text, &[]);
    support::run::<true>(&scenario, 0)
}

fn function(text: &str) -> LambdaOutcome {
    run(text).lambdas.swap_remove(0)
}

#[track_caller]
fn near(what: &str, simulated: f64, published: f64, share: f64) {
    let ratio = simulated / published;
    println!("| {what} | {simulated:.1} | {published} | {ratio:.2} |");
    assert!((ratio - 1.0).abs() <= share, "{what}: {simulated} against {published}");
}

fn calibration() -> (Scenario, Vec<Outcome>) {
    let text = include_str!("../scenarios/calibration.yaml");
    let scenario = support::scenario(text, &[]);
    let prepared = Prepared::new(&scenario);
    let run = |replication| {
        let pipeline = Pipeline::<true>::new(&scenario, &prepared, replication);
        pipeline.run(&scenario, |_| true).unwrap_or_else(|error| panic!("{error}")).expect("an end")
    };
    let outcomes = (0..2).map(run).collect();
    (scenario, outcomes)
}

#[test]
fn top_4_lat_1_lat_2_lat_3_lat_6_lat_7_def_1_def_2_def_3_def_4_def_5_def_7_kds_r11_latencies_are_as_measured()
{
    let (scenario, outcomes) = calibration();
    let lambda = |name: &str| scenario.lambdas.iter().position(|plan| plan.name == name).unwrap();
    let quantile = |name: &str, share: f64| {
        let number = lambda(name);
        let of = |outcome: &Outcome| outcome.lambdas[number].latency.histogram().quantile(share).unwrap();
        outcomes.iter().map(of).sum::<f64>() / outcomes.len() as f64 / 1e3
    };
    let shares = [("p10", 0.1), ("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];
    let of_table = ("of-table", [118.0, 213.0, 341.0, 552.0]);
    let measured =
        [of_table, ("polled", [267.0, 627.0, 965.0, 1_580.0]), ("pushed", [28.8, 49.4, 67.5, 109.0])];
    for (name, published) in measured {
        for ((quantile_name, share), published) in shares.into_iter().zip(published) {
            near(&format!("{name} {quantile_name}"), quantile(name, share), published, 0.15);
        }
    }
    let mean = |outcome: &Outcome| outcome.lambdas[lambda("registered")].latency.mean().unwrap() / 1e3;
    near("registered mean", outcomes.iter().map(mean).sum::<f64>() / 2.0, 70.0, 0.15);
    // AWS's "about 200 ms" and "about 1,000 ms" are the time between two polls. A record that comes at any moment waits
    // half of it on average, and then for the call.
    for (name, interval) in [("alone", 200.0), ("third", 1_000.0)] {
        let number = scenario.consumers.iter().position(|plan| plan.name == name).unwrap();
        let mean = |outcome: &Outcome| outcome.consumers[number].latency.mean().unwrap() / 1e3;
        let mean = outcomes.iter().map(mean).sum::<f64>() / 2.0;
        near(&format!("{name} mean"), mean, interval / 2.0 + 34.0, 0.05);
        let refused: u64 = outcomes.iter().map(|outcome| outcome.consumers[number].reads.refused_calls).sum();
        assert_eq!(refused, 0, "five calls a second are allowed");
    }
}

fn plan(size: u32, window: Nanos, factor: u32) -> MappingPlan {
    MappingPlan {
        batching: Batching { size, window, turnaround: 0, payload: Payload::KINESIS },
        factor,
        partition_keys: None,
        tumbling: None,
        filter_passes: None,
        retry: support::retries_without_end(),
        retention: DAY,
    }
}

fn instant() -> FunctionPlan {
    FunctionPlan {
        base: 0,
        per_record: 0,
        spread: Sampler::Constant(1.0),
        timeout: 900 * SECOND,
        memory_mib: 128,
        arm: false,
        cold_start: Sampler::Constant(0.0),
        keep_warm: DAY,
        reserved: None,
        errors: Errors::default(),
        sink: None,
        sends_to: Vec::new(),
    }
}

/// Drives a mapping of one shard with records that arrive one by one: the records of each successful invocation.
fn drive(mapping: &mut Mapping, arrivals: &[Record]) -> Vec<Vec<Record>> {
    let mut events: BTreeSet<(Nanos, u8, usize)> = BTreeSet::new();
    for (number, record) in arrivals.iter().enumerate() {
        events.insert((record.appended * MICROSECOND, 1, number));
    }
    let mut done = Vec::new();
    while let Some((now, kind, which)) = events.pop_first() {
        let lanes = match kind {
            0 => {
                let (range, _) = mapping.ended(now, which);
                if !range.is_empty() {
                    done.push(mapping.batch(which)[range].iter().map(|held| held.record).collect());
                }
                mapping.settle(now, which);
                which..which + 1
            }
            1 => {
                mapping.read(now, 0).push(arrivals[which]);
                mapping.arrive(now, 0)
            }
            _ => which..which + 1,
        };
        for lane in lanes {
            match mapping.next(now, lane) {
                Next::Nothing => {}
                Next::At(at) => _ = events.insert((at, 2, lane)),
                Next::Invoke => {
                    _ = events.insert((mapping.start(now, lane, false, &mut |_, at| at), 0, lane))
                }
            }
        }
    }
    done
}

/// Poisson arrivals of small records of many items.
fn poisson(rate: f64, count: u64, items: u64) -> Vec<Record> {
    let draws = Streams::new(5, 0);
    let (mut gaps, mut keys) = (draws.named("gaps"), draws.named("keys"));
    let gap = Sampler::Exponential { mean: SECOND as f64 / rate };
    let mut now = 0;
    let mut record = |_| {
        now += round(gap.sample(&mut gaps));
        let micros = now / MICROSECOND;
        Record { written: micros, appended: micros, bytes: 100, key: keys.below(items) as u32, flags: 0 }
    };
    (0..count).map(&mut record).collect()
}

/// Mean of min(limit, X) where X is Poisson with this mean.
fn mean_of_capped_poisson(mean: f64, limit: u32) -> f64 {
    let term = |k: u32| math::exp(f64::from(k) * math::ln(mean) - mean - math::ln_gamma(f64::from(k) + 1.0));
    f64::from(limit) - (0..limit).map(|k| f64::from(limit - k) * term(k)).sum::<f64>()
}

/// A window opens when the last invocation ended. With functions that take no time, a cycle is that window; if nothing came
/// in it (probability e^-aw), another one opens with the next record. Records of a batch are then
/// `E min(n, X) + e^-aw (1 + E min(n - 1, X))` on average, with X Poisson of mean aw.
#[test]
fn lam_b1_lam_b2_size_or_window_batches_are_as_large_as_theory_says() {
    for (rate, window, size) in
        [(2.0, SECOND, 10_000), (0.5, 2 * SECOND, 10_000), (5.0, 2 * SECOND, 8), (20.0, SECOND, 10)]
    {
        let draws = Streams::new(1, 0);
        let mut mapping = Mapping::new(&plan(size, window, 1), &instant(), &draws, "consumers.f", 1);
        let count = 200_000;
        let batches = drive(&mut mapping, &poisson(rate, count, 1_000));
        let records = count as f64 / batches.len() as f64;
        let mean = rate * window as f64 / SECOND as f64;
        let exact = mean_of_capped_poisson(mean, size.min(400))
            + math::exp(-mean) * (1.0 + mean_of_capped_poisson(mean, (size - 1).min(400)));
        assert!((records / exact - 1.0).abs() < 0.01, "{rate}/s {window} {size}: {records} against {exact}");
    }
}

/// Each item's records are processed in the order in which they came, whatever fails, with every factor and every way of
/// trying again; and none is lost.
#[test]
fn lam_c2_lam_e7_the_order_of_a_key_is_kept_through_parallel_batches_and_retries() {
    for (factor, bisect, report_failures) in
        [(1, false, false), (10, false, false), (10, true, false), (4, true, true)]
    {
        let mut plan = plan(50, 0, factor);
        plan.retry = RetryPlan { bisect, report_failures, ..plan.retry };
        let errors = Errors { rate: 0.3, ..Errors::default() };
        let slow = FunctionPlan { base: 20 * MILLISECOND, per_record: MILLISECOND, errors, ..instant() };
        let mut mapping = Mapping::new(&plan, &slow, &Streams::new(1, 0), "consumers.f", 1);
        let arrivals = poisson(200.0, 20_000, 40);
        let batches = drive(&mut mapping, &arrivals);
        let mut last: BTreeMap<u32, u64> = BTreeMap::new();
        let mut processed = 0;
        for record in batches.iter().flatten() {
            assert!(last.insert(record.key, record.appended).is_none_or(|before| before <= record.appended));
            processed += 1;
        }
        assert_eq!((processed, mapping.in_hand()), (arrivals.len(), 0));
        assert!(mapping.meter.errors > 100);
        assert_eq!(mapping.meter.repeated > 0, !report_failures);
    }
}

/// 3 records/s on one shard, polled once a second: an invocation for each poll that finds something.
#[test]
fn lam_p1_lam_b4_con_1_one_record_is_enough_and_a_shard_is_polled_once_a_second() {
    let settings = "delivery: 10ms, duration: { base: 1ms }";
    let outcome = function(&text("terminating\nduration: 1h", "0.5/s", 1, settings, ""));
    let full = HOUR / SECOND;
    let calls = outcome.reads.polls + outcome.reads.empty_polls;
    assert!(calls.abs_diff(full) < 5, "{calls}");
    assert_eq!(outcome.meter.invocations, outcome.reads.polls);
    // Of Poisson arrivals at 0.5/s, e^-0.5 of the seconds have none.
    let share = outcome.reads.polls as f64 / full as f64;
    assert!((share - (1.0 - math::exp(-0.5))).abs() < 0.03, "{share}");
}

#[test]
fn lam_p3_kds_e1_a_registered_consumer_takes_nothing_from_the_shared_limits() {
    let others = "  a: { reads: kinesis.s, polling: { interval: 200ms } }\n";
    let settings = |via: &str| format!("via: {via}, duration: {{ base: 1ms }}");
    let refused = |via: &str| {
        let outcome = run(&text("terminating\nduration: 5m", "20/s", 1, &settings(via), others));
        outcome.consumers[0].reads.refused_calls + outcome.lambdas[0].reads.refused_calls
    };
    assert_eq!(refused("enhanced_fan_out"), 0);
    assert!(refused("shared") > 100, "six calls a second are asked for");
}

/// 1,000 records/s on two shards need 8 batches of 100 at a time, but only 2 x 3 may run.
#[test]
fn lam_c1_at_most_factor_times_shards_batches_run_at_once() {
    let settings = "parallelization_factor: 3, duration: { base: 800ms }";
    let outcome = function(&text("terminating\nduration: 2m\nend: stop", "1000/s", 2, settings, ""));
    assert_eq!(outcome.meter.concurrency_max, 6);
}

#[test]
fn lam_c6_top_6_the_account_throttles_and_refusals_use_no_retry() {
    let settings = "parallelization_factor: 10, retries: 0, duration: { base: 500ms }";
    let more = "account: { lambda_concurrency: 100, lambda_others: 95 }\n";
    let outcome = function(&text("terminating\nduration: 1m", "300/s", 4, settings, more));
    assert_eq!(outcome.meter.concurrency_max, 5);
    assert!(outcome.meter.throttled[0] > 0);
    assert_eq!((outcome.meter.errors, outcome.meter.discarded), (0, 0));
}

/// One of a hundred lanes keeps the only execution for 15 minutes; the others are refused at the same moments, and soon once in their
/// longest wait: 60 s, or 45 s on the average where chance takes up to half of it. In nine minutes each tries nine times, and those of
/// one shard in the same second for ever, or twelve times; by the renewal theorem the tries of all then come evenly, and a second
/// hardly ever has a dozen (Poisson: 2 in 1,000,000).
#[test]
fn lam_e6_lanes_that_were_refused_together_do_not_come_back_together_for_ever() {
    let tries = |jitter: &str| {
        let settings = format!(
            "parallelization_factor: 10, duration: {{ base: 899s }}, backoff: {{ refused_jitter: {jitter} }}"
        );
        let more = "account: { lambda_concurrency: 100, lambda_others: 99 }\n";
        let outcome =
            function(&text("terminating\nduration: 890s\nend: stop", "1000/s", 10, &settings, more));
        assert_eq!(outcome.meter.invocations, 1);
        let seconds = outcome.series.bins().iter().skip(300).take(540).map(|bin| bin[column::THROTTLES]);
        (seconds.clone().sum::<u64>(), seconds.max().unwrap())
    };
    let (all, most) = tries("0%");
    assert!(all == 99 * 9 && most >= 10, "{all} {most}");
    let (all, most) = tries("50%");
    near("tries", all as f64, 99.0 * 12.0, 0.05);
    assert!(most < 12, "{most}");
}

const POISON: &str = "events: { bad: { at: 10m, poison: consumers.f } }\n";

fn poisoned(settings: &str) -> LambdaOutcome {
    let settings = format!("duration: {{ base: 5ms }}, {settings}");
    function(&text("terminating\nduration: 30m", "20/s", 1, &settings, POISON))
}

#[test]
fn lam_e1_con_2_by_default_one_bad_record_blocks_its_shard_until_it_expires() {
    let outcome = poisoned("batch_size: 10");
    let blocked = outcome.meter.blocked_max;
    assert!(blocked.abs_diff(DAY) < 5 * MINUTE, "{blocked}");
    assert_eq!((outcome.meter.blocks, outcome.meter.discarded, outcome.meter.on_failure), (1, 0, 0));
    assert!(outcome.meter.expired + outcome.reads.expired >= 1);
}

#[test]
fn lam_e2_lam_e3_lam_e5_error_handling_decides_what_one_bad_record_costs() {
    // The whole batch goes, good records too.
    let whole = poisoned("batch_size: 100, batch_window: 5s, retries: 3");
    assert!(whole.meter.good_given_up > 50 && whole.meter.discarded == whole.meter.good_given_up + 1);
    // Halving finds the one, and a destination keeps it.
    let halved = poisoned("batch_size: 100, batch_window: 5s, retries: 3, bisect: true, on_failure: sqs");
    assert_eq!((halved.meter.on_failure, halved.meter.discarded, halved.meter.sent), (1, 0, 1));
    assert_eq!(halved.meter.good_given_up, 0);
    // What was processed before the failure is processed again, unless the function says where it failed.
    let reported =
        poisoned("batch_size: 100, batch_window: 5s, retries: 3, report_batch_item_failures: true");
    assert!(whole.meter.repeated > 0);
    assert_eq!(reported.meter.repeated, 0);
    // Refused for so long that the record is an hour old.
    let aged = poisoned("batch_size: 10, maximum_record_age: 1h");
    assert!(aged.meter.blocked_max.abs_diff(HOUR) < 2 * MINUTE);
    assert!(aged.meter.discarded >= 1);
}

/// A batch that fails is given up when its youngest record is too old, not at the first try after that: the waits between tries
/// have grown to half a minute by then.
#[test]
fn lam_e2_records_are_given_up_when_they_are_too_old_and_not_later() {
    let settings = "batch_size: 100, batch_window: 5s, maximum_record_age: 1m";
    let outcome = poisoned(settings);
    // Its records came within 5 s, and the first try follows a poll later at most.
    assert_eq!(outcome.meter.blocks, 1);
    let blocked = outcome.meter.blocked_max;
    assert!((55 * SECOND..=MINUTE).contains(&blocked), "{} ms", blocked / MILLISECOND);
    // With the bad one go those of its batch, and those behind it that were as old: 20 a second of 5 s, and of 5 s more.
    assert!((50..=250).contains(&outcome.meter.good_given_up), "{:?}", outcome.meter);
}

#[test]
fn lam_f1_filtered_records_cost_no_invocation_but_are_read() {
    let settings = |filter: &str| format!("batch_size: 10, duration: {{ base: 1ms }}{filter}");
    let of = |filter: &str| function(&text("terminating\nduration: 10m", "200/s", 1, &settings(filter), ""));
    let (all, few) = (of(""), of(", filter: { passes: 10% }"));
    assert_eq!(all.reads.records, few.reads.records);
    let passed = few.meter.processed as f64 / few.reads.records as f64;
    assert!((passed - 0.1).abs() < 0.005, "{passed}");
    assert_eq!(few.meter.processed + few.meter.filtered, few.reads.records);
    assert!(few.meter.invocations * 5 < all.meter.invocations);
}

#[test]
fn lam_m1_one_iterator_age_ends_at_the_hand_off_and_the_other_at_the_end() {
    let settings = "delivery: 10ms, duration: { base: 3s }";
    let outcome = function(&text("terminating\nduration: 2m", "1/s", 1, settings, ""));
    let most = |column: usize| outcome.series.bins().iter().map(|bin| bin[column]).max().unwrap();
    assert_eq!(most(column::ITERATOR_AGE) + 3_000_000, most(column::ITERATOR_AGE_AT_END));
}

#[test]
fn lam_l2_lam_l3_lat_18_cold_starts_are_rare_and_take_what_the_runtime_takes() {
    let of = |runtime: &str| {
        let settings = format!("runtime: {runtime}, delivery: 0s, duration: {{ base: 100ms }}");
        function(&text("terminating\nduration: 1h", "5/s", 2, &settings, ""))
    };
    for (runtime, least, most) in [("python", 80.0, 300.0), ("java", 1_000.0, 3_000.0)] {
        let meter = of(runtime).meter;
        assert!(meter.cold_starts > 0 && meter.cold_starts * 100 < meter.invocations, "{meter:?}");
        let extra = meter.run_micros[0] as f64 / 1e3 - 100.0 * meter.invocations as f64;
        let each = extra / meter.cold_starts as f64;
        assert!((least..=most).contains(&each), "{each}");
    }
}

/// The billed time by hand: 10 invocations a second would be 864,000 a day; here one for each record.
#[test]
fn lambda_usage_counts_each_millisecond_begun() {
    let settings = "via: enhanced_fan_out, delivery: 50ms, duration: { base: 2ms }, cold_start: 0s";
    let meter = function(&text("terminating\nduration: 10m", "1/s", 1, settings, "")).meter;
    assert_eq!(meter.billed_millis, [2 * meter.invocations, 0]);
    assert_eq!(meter.run_micros, [2_000 * meter.invocations, 0]);
}

#[test]
fn kds_e2_a_stream_takes_twenty_registered_consumers() {
    let consumers = |count: usize| -> String {
        let one = |n| format!("  f{n}: {{ reads: kinesis.s, lambda: {{ via: enhanced_fan_out }} }}\n");
        (0..count).map(one).collect()
    };
    // With `f` itself, which is one more.
    let with = |count| {
        support::load(&text("steady\nduration: 1m", "1/s", 1, "via: enhanced_fan_out", &consumers(count)))
    };
    assert!(with(19).is_ok());
    assert!(with(20).unwrap_err().contains("KDS-E2"));
}

/// AWS's property names and values, as a template has them.
#[test]
fn aws_names_are_understood() {
    let aws = "BatchSize: 500, MaximumBatchingWindowInSeconds: 5, ParallelizationFactor: 2, MaximumRetryAttempts: -1, \
               MaximumRecordAgeInSeconds: 3600, BisectBatchOnFunctionError: true, MemorySize: 512";
    let scenario = support::load(&text("steady\nduration: 1m", "1/s", 1, aws, "")).unwrap();
    let plan = &scenario.lambdas[0];
    assert_eq!((plan.mapping.batching.size, plan.mapping.batching.window), (500, 5 * SECOND));
    assert_eq!((plan.mapping.factor, plan.mapping.retry.retries), (2, None));
    assert_eq!((plan.mapping.retry.record_age_max, plan.mapping.retry.bisect), (Some(HOUR), true));
    assert_eq!(plan.function.memory_mib, 512);
}

/// Whatever the language offers as a figure of a function is one, in the same unit.
#[test]
fn objectives_may_ask_for_figures_of_functions() {
    let figures = ["iterator_age.max", "blocked.max", "invocations", "errors", "throttled", "concurrency"];
    for figure in figures.into_iter().chain(["processed_again", "given_up"]) {
        let bound = if figure.ends_with("max") { "1s" } else { "5" };
        let slo = format!("slo: {{ consumers.f.{figure}: {{ max: {bound} }} }}\n");
        let scenario = support::load(&text("steady\nduration: 1m", "1/s", 1, "batch_size: 5", &slo)).unwrap();
        let known = streamgauge::report::result::figure::paths(&scenario);
        let asked = &scenario.objectives[0];
        assert!(known.contains(&(asked.path.clone(), asked.unit)), "{figure}");
    }
}
