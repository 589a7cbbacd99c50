//! Queues, those who send to them, and the functions that read them.

use super::{distribution, lambda};
use crate::engine::sampler::Sampler;
use crate::engine::time::{DAY, HOUR, MINUTE, SECOND};
use crate::scenario::checked::{QueueUse, Scenario};
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::settings::reference::Reference;
use crate::systems::lambda::function::SendPlan;
use crate::systems::lambda::settings::{BATCH_WINDOW, LambdaSettings, REPORT, TIMEOUT};
use crate::systems::sink::SinkPlan;
use crate::systems::sqs::consumer::QueueConsumerPlan;
use crate::systems::sqs::queue::{FIFO_CALLS, MESSAGE_MAX, MESSAGE_MAX_BEFORE, MESSAGE_MAX_SINCE, QueuePlan};
use crate::systems::sqs::requests::BATCH_MAX;
use crate::systems::sqs::settings::{
    DELAY, DELIVERY, DELIVERY_FIFO, HIGH_THROUGHPUT, MESSAGE_SIZE, POLLERS, QueueSettings, RETENTION, SEND,
    VISIBILITY,
};
use crate::units::{Duration, Rate};

fn nanos(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

/// Resolves a queue into the scenario; nothing after an error.
pub(super) fn queue(
    resolver: &mut Resolver,
    path: &Path,
    name: &str,
    settings: &QueueSettings,
    scenario: &mut Scenario,
) {
    let mut time = |key: &str, written, parameter, least: u64, most: u64| {
        let time: Duration = resolver.take(written, parameter);
        resolver.within(&path.key(key), time, nanos(least)..=nanos(most), "SQS-3");
        time.nanos()
    };
    let retention = time("retention", settings.retention, &RETENTION, MINUTE, 14 * DAY);
    let visibility = time("visibility_timeout", settings.visibility_timeout, &VISIBILITY, SECOND, 12 * HOUR);
    let delay = time("delay", settings.delay, &DELAY, 0, 15 * MINUTE);
    if let Some(most) = settings.max_receive_count {
        resolver.within(&path.key("max_receive_count"), most, 1..=1_000, "");
    }
    let send = resolver.take(settings.send.clone(), &SEND);
    let send = distribution::time(resolver, &path.key("send"), &send);
    let fifo = settings.fifo.map(|fifo| match fifo.high_throughput {
        None => FIFO_CALLS,
        Some(calls) => {
            resolver.assume(&HIGH_THROUGHPUT);
            let rate = |calls| Rate::new(calls).unwrap_or_default();
            let path = path.key("fifo").key("high_throughput");
            resolver.within(&path, calls, rate(FIFO_CALLS as f64)..=rate(70_000.0), "SQS-2");
            calls.per_second() as u64
        }
    });
    resolver.assume(&MESSAGE_SIZE);
    let large = scenario.start >= MESSAGE_MAX_SINCE;
    let queue = QueuePlan {
        fifo,
        retention,
        visibility,
        delay,
        receives_max: settings.max_receive_count,
        message_max: if large { MESSAGE_MAX } else { MESSAGE_MAX_BEFORE },
    };
    let send = send.unwrap_or(Sampler::Constant(0.0));
    scenario.queues.push(QueueUse { name: name.to_owned(), queue, send, consumer: None });
}

/// The queues that a consumer sends to, with what calls to them take (SQS-2).
pub(super) fn sends_to(
    resolver: &mut Resolver,
    path: &Path,
    written: &[Reference],
    scenario: &Scenario,
) -> Vec<SendPlan> {
    let names: Vec<String> = scenario.queues.iter().map(|queue| queue.name.clone()).collect();
    let mut sends: Vec<SendPlan> = Vec::new();
    for (at, reference) in written.iter().enumerate() {
        let path = path.index(at);
        let Some(number) = resolver.reference(&path, "sqs", &reference.0, &names) else { continue };
        if sends.iter().any(|other| other.queue == number) {
            resolver.error(&path, format!("`{}` is there twice", reference.0));
        }
        let queue = &scenario.queues[number];
        sends.push(SendPlan {
            queue: number,
            name: queue.name.clone(),
            calls: SinkPlan {
                // The queue's own limit is for all of its senders.
                picos_per_record: 0,
                latency: queue.send.clone(),
                records_per_call: BATCH_MAX as u32,
            },
        });
    }
    sends
}

/// Resolves a function that reads queue `number` into the scenario.
pub(super) fn consumer(
    resolver: &mut Resolver,
    path: &Path,
    name: &str,
    settings: &LambdaSettings,
    number: usize,
    scenario: &mut Scenario,
) {
    refuse(resolver, path, settings);
    let queue = scenario.queues[number].queue;
    let fifo = queue.fifo.is_some();
    let window: Duration = resolver.take(settings.batch_window, &BATCH_WINDOW);
    let most = if fifo || window == Duration::ZERO { BATCH_MAX as u32 } else { 10_000 };
    let size = settings.batch_size.unwrap_or(BATCH_MAX as u32);
    resolver.within(
        &path.key("batch_size"),
        size,
        1..=most,
        "SQS-3; more than 10 need a `batch_window` on a standard queue",
    );
    resolver.within(&path.key("batch_window"), window, Duration::ZERO..=nanos(300 * SECOND), "LAM-B2");
    if fifo && window > Duration::ZERO {
        resolver.error(&path.key("batch_window"), "a FIFO queue has no batching window");
    }
    if let Some(most) = settings.maximum_concurrency {
        resolver.within(&path.key("maximum_concurrency"), most, 2..=1_000, "LAM-M2");
    }
    let usual = if fifo { &DELIVERY_FIFO } else { &DELIVERY };
    let delivery = resolver.take(settings.delivery.clone(), usual);
    let delivery = distribution::time(resolver, &path.key("delivery"), &delivery);
    resolver.assume(&POLLERS);
    let turnaround = lambda::turnaround(resolver, path, settings);
    let timeout: Duration = settings.timeout.unwrap_or_else(|| {
        let most: Duration = resolver.take(None, &TIMEOUT);
        most.min(nanos(queue.visibility))
    });
    if timeout.nanos() > queue.visibility {
        let message = format!(
            "the function's timeout is {timeout}, and its queue shows messages again after {}; AWS refuses that",
            nanos(queue.visibility)
        );
        resolver.error(&path.key("timeout"), message);
    }
    let settings = &LambdaSettings { timeout: Some(timeout), ..settings.clone() };
    let function = lambda::function(resolver, path, settings, scenario);
    let (Some(delivery), Some(function)) = (delivery, function) else { return };
    let place = &mut scenario.queues[number];
    if let Some(other) = &place.consumer {
        let message = format!("`{}` reads this queue already; two would share its messages", other.name);
        return resolver.error(path, message);
    }
    place.consumer = Some(QueueConsumerPlan {
        name: name.to_owned(),
        batch_size: size.clamp(1, 10_000),
        window: window.nanos(),
        turnaround,
        delivery,
        concurrency_max: settings.maximum_concurrency,
        report_failures: resolver.take(settings.report_batch_item_failures, &REPORT),
        function,
    });
}

/// What mappings on streams have and those on queues do not.
fn refuse(resolver: &mut Resolver, path: &Path, settings: &LambdaSettings) {
    for (key, there) in [
        ("via", settings.via.is_some()),
        ("phase", settings.phase.is_some()),
        ("from", settings.from.is_some()),
        ("created", settings.created.is_some()),
        ("start_delay", settings.start_delay.is_some()),
        ("shard_discovery", settings.shard_discovery.is_some()),
        ("parallelization_factor", settings.parallelization_factor.is_some()),
        ("bisect", settings.bisect.is_some()),
        ("retries", settings.retries.is_some()),
        ("maximum_record_age", settings.maximum_record_age.is_some()),
        ("backoff", settings.backoff.is_some()),
        ("on_failure", settings.on_failure.is_some()),
        ("filter", settings.filter.is_some()),
        ("tumbling_window", settings.tumbling_window.is_some()),
        ("sends_to", settings.sends_to.is_some()),
    ] {
        if there {
            let message = format!(
                "`{key}` is for functions on streams; this one reads a queue, whose own settings say what follows a failure"
            );
            resolver.error(&path.key(key), message);
        }
    }
}

/// Checks that somebody sends to each queue.
pub(super) fn check(resolver: &mut Resolver, scenario: &Scenario) {
    for (number, place) in scenario.queues.iter().enumerate() {
        let senders = scenario.lambdas.iter().flat_map(|plan| &plan.function.sends_to);
        if senders.filter(|send| send.queue == number).count() == 0 {
            let path = Path::ROOT.key("sqs").key(&place.name);
            resolver
                .error(&path, "nobody sends to this queue: a consumer with `sends_to`, or a `pipe`, does");
        }
    }
}
