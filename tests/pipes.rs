//! EventBridge Pipes to functions: they read as mappings do, and their functions run as any do (EBP-1 to EBP-4).

use streamgauge::pipeline::finish::Outcome;
use streamgauge::pricing::Cause;
use streamgauge::report::result::RunResult;
use streamgauge::scenario::checked::Scenario;
use streamgauge::systems::sqs::requests::requests;

mod support;

/// Writes of `rate` a second, a stream of two shards that is also read from the table itself, and one consumer.
fn text(rate: &str, consumer: &str, more: &str) -> String {
    format!(
        "\
name: test
study: terminating
duration: 5m
workload:
  writer: {{ writes_to: tables.t, arrivals: {{ constant: {{ rate: {rate} }} }}, keys: {{ uniform: {{ items: 500 }} }}, item: {{ size: 300 B }} }}
tables:
  t:
    capacity: {{ provisioned: {{ write_units: 20000 }} }}
    streams: {{ view: new_image }}
    kinesis: {{ stream: s, replication: {{ delay: 50ms, reorder: 0%, duplicates: 0% }} }}
kinesis:
  s: {{ capacity: {{ provisioned: {{ shards: 2 }} }} }}
consumers:
  f: {{ {consumer} }}
{more}
"
    )
}

fn scenario(rate: &str, consumer: &str, more: &str) -> Scenario {
    support::scenario(&text(rate, consumer, more), &[])
}

fn run(rate: &str, consumer: &str, more: &str) -> Outcome {
    support::run::<true>(&scenario(rate, consumer, more), 0)
}

/// What a pipe does beside a mapping with the same settings, and its target beside the mapping's function: the same, event by event.
/// AWS gives both the same knobs and polls, and batches of 100 where nothing is said.
#[test]
fn ebp_1_ebp_2_a_pipe_to_a_function_runs_it_as_a_mapping_does() {
    let reading = [
        "batch_size: 40, batch_window: 2s, parallelization_factor: 3",
        "via: enhanced_fan_out, filter: { passes: 30% }",
        "retries: 3, bisect: true, on_failure: sqs, maximum_record_age: 120s",
        "",
    ];
    let function = "duration: { base: 30ms, per_record: 1ms, spread: 0.5 }, runtime: java, memory: 1 GiB, \
                    errors: { rate: 20%, poison: { share: 1% } }, report_batch_item_failures: true";
    for of in ["kinesis.s", "tables.t.streams"] {
        for reading in reading.iter().filter(|it| of == "kinesis.s" || !it.contains("fan_out")) {
            let retries = if reading.contains("retries") { "" } else { "retries: 1, " };
            let pipe =
                format!("reads: {of}, pipe: {{ {retries}{reading}, to: {{ lambda: {{ {function} }} }} }}");
            let pipe = pipe.replace(", , ", ", ").replace("{ , ", "{ ");
            let mapping = format!("reads: {of}, lambda: {{ {retries}{function}, {reading} }}");
            let [pipe, mapping] = [pipe, mapping].map(|consumer| run("50/s", &consumer, ""));
            assert!(mapping.lambdas[0].meter.errors > 0 && mapping.lambdas[0].meter.cold_starts > 0);
            assert_eq!(pipe.fingerprint, mapping.fingerprint, "{of}: {reading}");
            let counts = |outcome: &Outcome| {
                let meter = &outcome.lambdas[0].meter;
                (meter.invocations, meter.processed, meter.on_failure, meter.discarded, meter.billed_millis)
            };
            assert_eq!(counts(&pipe), counts(&mapping), "{of}: {reading}");
        }
    }
}

/// A pipe is billed for each started 64 KB of what passes its filter, and its function as any function.
#[test]
fn ebp_4_a_pipe_pays_for_its_requests_and_for_those_of_its_function() {
    let pipe =
        "reads: kinesis.s, pipe: { batch_size: 1, filter: { passes: 40% }, to: { lambda: { logs: {} } } }";
    let scenario = scenario("40/s", pipe, "");
    let outcome = support::run::<true>(&scenario, 0);
    let passed = outcome.lambdas[0].meter.processed;
    assert!((4_400..=5_200).contains(&passed), "{passed} of 12,000");
    let result = RunResult::new(&scenario, &[outcome], scenario.billing.book()).expect("it can be billed");
    let month = 730.0 * 3_600.0 / 300.0;
    for id in ["pipes.req", "lambda.req"] {
        let billed: f64 = result.usage.0[id].quantity.to_string().parse().expect("a number");
        // Batches that end after the measured span are none of it.
        assert!((billed / (passed as f64 * month) - 1.0).abs() < 0.01, "{id}: {billed}");
    }
    for id in ["lambda.gbs.x86", "cwlogs.ingest_gb"] {
        assert!(result.usage.0.contains_key(id), "{id}");
    }
    assert!(
        result.usage.0.values().all(|line| line.causes.get(&Cause::Retries).is_none_or(|it| it.is_zero()))
    );
}

/// A whole batch goes in one request, however many records it has, up to 6 MB of JSON; a queue takes ten.
#[test]
fn ebp_3_a_function_gets_a_whole_batch_of_up_to_six_megabytes() {
    let pipe =
        |more: &str| format!("reads: kinesis.s, pipe: {{ batch_window: 60s, to: {{ lambda: {{}} }}{more} }}");
    let outcome = run("2000/s", &pipe(", batch_size: 10000"), "");
    let meter = &outcome.lambdas[0].meter;
    // 600,000 records in batches of 10,000 or of 6 MB, and what is left of each shard at the end.
    let mean = meter.processed as f64 / meter.invocations as f64;
    assert!((3_000.0..10_000.0).contains(&mean), "{mean}");
    let used = &outcome.quantities.lambdas[0];
    let billed = used.pipe_requests[0] as f64 / used.requests[0] as f64;
    assert!((94.0..=requests(6 << 20) as f64).contains(&billed), "{billed} for each batch");
    assert_eq!(run("1/s", &pipe(", batch_size: 100"), "").lambdas[0].meter.errors, 0);
}

/// Two shards whose batches take half a minute want two executions; the account has one left, for which they take turns.
#[test]
fn lam_c6_the_function_of_a_pipe_takes_the_accounts_concurrency() {
    let pipe =
        "reads: kinesis.s, pipe: { to: { lambda: { timeout: 60s, duration: { base: 30s, spread: 0 } } } }";
    let account = "account: { lambda_concurrency: 10, lambda_others: 9 }";
    let (scarce, free) = (run("20/s", pipe, account), run("20/s", pipe, ""));
    assert_eq!((scarce.lambdas[0].meter.concurrency_max, free.lambdas[0].meter.concurrency_max), (1, 2));
    assert!(scarce.lambdas[0].meter.throttled[0] > 0 && free.lambdas[0].meter.throttled == [0; 3]);
    // Refusals are tried again without end and use no retry: nothing is lost.
    assert_eq!(scarce.lambdas[0].meter.processed, free.lambdas[0].meter.processed);
}

/// What AWS's pipes can do and this one cannot is refused by name.
#[test]
fn targets_that_are_not_simulated_are_refused_by_name() {
    let of = |pipe: &str| {
        support::load(&text("1/s", &format!("reads: kinesis.s, pipe: {{ {pipe} }}"), "")).expect_err(pipe)
    };
    for (pipe, expected) in [
        ("to: kinesis.s", "AWS lets a pipe put into `kinesis.s`, which is not simulated"),
        ("to: firehose.lake", "AWS lets a pipe put into `firehose.lake`"),
        ("to: { step_functions: {} }", "step_functions"),
        ("to: { lambda: { bisect: true } }", "bisect"),
        ("to: { lambda: { timeout: 1h } }", "pipe.to.lambda.timeout"),
        ("to: { lambda: { sends_to: [sqs.q] } }", "pipe.to.lambda.sends_to[0]"),
        ("batch_size: 10001, to: { lambda: {} }", "LAM-B1"),
        ("enrichment: {}, to: { lambda: {} }", "enrichment"),
    ] {
        let error = of(pipe);
        assert!(error.contains(expected) && error.contains("s.yaml:"), "{pipe}\n{error}");
    }
}
