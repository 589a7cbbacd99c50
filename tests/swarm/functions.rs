//! Functions on streams and on queues, pipes, and the section `sqs`.

use super::choice::{Choice, Map};
use super::plan::Plan;
use super::readers::{Reads, from};

/// What any function has.
fn function(map: Map<'_>, errors: Option<String>, duration: String) -> Map<'_> {
    map.must("duration", duration)
        .may(30, "timeout", &["1s", "10s"])
        .may(30, "memory", &["128 MiB", "2 GiB"])
        .may(30, "architecture", &["x86_64", "arm64"])
        .may(30, "runtime", &["node", "go", "java", "java_snap_start"])
        .may(30, "cold_start", &["0s", "2s"])
        .may(30, "keep_warm", &["1s", "10m"])
        // All of them together leave more of a small account than others take.
        .may(30, "reserved_concurrency", &["1", "3"])
        .may(40, "report_batch_item_failures", &["true", "false"])
        .may(20, "sink", &["{}", "{ latency: 20ms }", "{ limit: 30/s, records_per_call: 10 }"])
        .may(15, "logs", &["{}", "{ per_invocation: 1 KiB, per_record: 100 B, kept: 30d }"])
        .if_some("errors", errors)
}

fn duration(choice: &mut Choice) -> String {
    Map::new(choice)
        .may(60, "base", &["0s", "20ms", "2s"])
        .may(60, "per_record", &["0s", "150us", "20ms"])
        .may(40, "spread", &["0", "0.5"])
        .end()
}

fn errors(choice: &mut Choice) -> Option<String> {
    let errors = Map::new(choice)
        .may(60, "rate", &["1%", "50%"])
        .may(40, "poison", &["{ share: 0.5% }", "{ keys: [0] }"])
        .end();
    choice.chance(40).then_some(errors)
}

/// What mappings and pipes on streams have.
fn mapping<'a>(map: Map<'a>, plan: &Plan, reads: &Reads, pushed: bool) -> Map<'a> {
    // A batch that fails for ever is tried until it expires: for runs of days that takes long.
    let retries: &[&str] = if plan.is_long() { &["0", "3"] } else { &["0", "3", "unlimited"] };
    map.must("via", if pushed { "enhanced_fan_out" } else { "shared" })
        .may(30, "delivery", &["0s", "{ lognormal: { median: 100ms, sigma: 0.4 } }"])
        .may(40, "batch_window", &["0s", "1s", "30s"])
        .may(30, "filter", &["{ passes: 0% }", "{ passes: 40% }"])
        .may(100, "retries", retries)
        .may(40, "maximum_record_age", &["60s", "1h", "unlimited"])
        .may(40, "bisect", &["true", "false"])
        .may(30, "backoff", &["{ base: 100ms, cap: 10s }"])
        .may(40, "on_failure", &["sqs", "s3"])
        .may(30, "from", from(reads))
}

/// A function that reads a stream.
pub fn of_stream(choice: &mut Choice, plan: &Plan, name: &str, reads: &Reads) -> String {
    let pushed = !reads.of_table && choice.chance(40);
    let tumbles = choice.chance(20);
    let created = choice.chance(25).then(|| plan.moment(choice));
    let start_delay = if created.is_some() { 50 } else { 0 };
    let queues = plan.queues.iter().filter(|queue| queue.sender == *name);
    let queues: Vec<String> = queues.map(|queue| format!("sqs.{}", queue.name)).collect();
    let (duration, errors) = (duration(choice), errors(choice));
    let map = mapping(Map::new(choice), plan, reads, pushed)
        .may(60, "batch_size", &["1", "10", "1000", "10000"])
        .may(if pushed { 0 } else { 30 }, "phase", &["random", "{ stagger: 17ms }"])
        .if_some("created", created)
        .may(30, "turnaround", &["0s", "300ms"])
        .may(start_delay, "start_delay", &["0s", "1m"])
        .may(if reads.of_table { 40 } else { 0 }, "shard_discovery", &["0s", "10s"])
        .may(
            if tumbles { 100 } else { 0 },
            "tumbling_window",
            &["1s", "30s", "{ window: 5m, patience: 10s }"],
        )
        .may(if tumbles || reads.aggregates { 0 } else { 40 }, "parallelization_factor", &["1", "3", "10"])
        .if_some("sends_to", (!queues.is_empty()).then(|| format!("[{}]", queues.join(", "))));
    function(map, errors, duration).end()
}

/// A pipe to the queue that is there for it, or to a function that sends there.
pub fn pipe(choice: &mut Choice, plan: &Plan, name: &str, reads: &Reads) -> String {
    let pushed = !reads.of_table && choice.chance(40);
    let queue = plan.queues.iter().find(|queue| queue.sender == *name).map(|queue| &queue.name);
    let queue = format!("sqs.{}", queue.map_or("", |name| name.as_str()));
    let reading = mapping(Map::new(choice), plan, reads, pushed)
        .may(60, "batch_size", &["1", "10"])
        .may(if reads.aggregates { 0 } else { 40 }, "parallelization_factor", &["1", "10"])
        .end();
    // Drawn last, so that whether a function is there draws nothing else anew.
    let target = match choice.chance(40) {
        true => {
            let (duration, errors) = (duration(choice), errors(choice));
            let map = Map::new(choice).must("sends_to", format!("[{queue}]"));
            format!("{{ lambda: {} }}", function(map, errors, duration).end())
        }
        false => queue,
    };
    reading.replacen('{', &format!("{{ to: {target},"), 1)
}

/// The functions that read queues.
pub fn of_queues(seed: u64, plan: &Plan) -> impl Iterator<Item = String> {
    plan.queues.iter().filter_map(move |queue| {
        let name = queue.reader.as_ref()?;
        let choice = &mut Choice::new(seed, name);
        let (duration, errors) = (duration(choice), errors(choice));
        let windows = !is_fifo(seed, &queue.name) && choice.chance(40);
        let map = Map::new(choice)
            .may(60, "batch_size", if windows { &["1", "10", "500"] } else { &["1", "10"] })
            .may(if windows { 100 } else { 0 }, "batch_window", &["1s", "20s"])
            .may(30, "maximum_concurrency", &["2", "50"])
            .may(30, "turnaround", &["0s", "300ms"])
            .may(30, "delivery", &["0s", "{ lognormal: { median: 100ms, sigma: 0.4 } }"]);
        let settings = function(map, errors, duration).end();
        Some(format!("{name}: {{ reads: sqs.{}, lambda: {settings} }}", queue.name))
    })
}

/// Whether this queue of a seed is a FIFO queue.
fn is_fifo(seed: u64, name: &str) -> bool {
    Choice::new(seed, &format!("{name}.fifo")).chance(40)
}

/// The section `sqs`.
pub fn queues(seed: u64, plan: &Plan) -> Vec<String> {
    let queue = |name: &String| {
        let choice = &mut Choice::new(seed, name);
        let fifo =
            is_fifo(seed, name).then(|| choice.one_of(&["{}", "{ high_throughput: 9000/s }"]).to_owned());
        // What fails for ever is tried until it expires.
        let retention: &[&str] = if plan.is_long() { &["1h", "1d"] } else { &["1m", "1h"] };
        let queue = Map::new(choice)
            .if_some("fifo", fifo)
            .may(100, "retention", retention)
            .may(50, "visibility_timeout", &["10s", "2m"])
            .may(30, "delay", &["0s", "5s"])
            .may(60, "max_receive_count", &["1", "3"])
            .may(30, "send", &["0s", "{ lognormal: { median: 15ms, sigma: 0.5 } }"])
            .end();
        format!("{name}: {queue}")
    };
    plan.queues.iter().map(|it| queue(&it.name)).collect()
}
