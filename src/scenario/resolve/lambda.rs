//! Functions that consume streams, and the account that they share.

use super::reader::Reads;
use super::{distribution, sink, sqs, stream};
use crate::engine::backoff::Backoff;
use crate::engine::sampler::Sampler;
use crate::engine::time::{DAY, HOUR, MILLISECOND, MINUTE, SECOND};
use crate::scenario::checked::Scenario;
use crate::scenario::file::AccountSettings;
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::settings::distribution::Time;
use crate::settings::one_or_map::OneOrMap;
use crate::settings::parameter::Parameter;
use crate::systems::dynamodb::replication::PartitionKey;
use crate::systems::kinesis::fan_out::{CONSUMERS_MAX, CONSUMERS_MAX_ADVANTAGE, FanOutPlan, GROUPS, RENEWAL};
use crate::systems::kinesis::producer::plan::ClientPlan;
use crate::systems::kinesis::reader::ReaderPlan;
use crate::systems::lambda::batch::{Batching, Payload};
use crate::systems::lambda::concurrency::AccountPlan;
use crate::systems::lambda::function::{Errors, FunctionPlan};
use crate::systems::lambda::mapping::{LambdaPlan, MappingPlan, Role, Via};
use crate::systems::lambda::retry::{Destination, RetryPlan};
use crate::systems::lambda::settings::*;
use crate::systems::lambda::tumbling::TumblingPlan;
use crate::systems::polling::settings::FromSettings;
use crate::units::{Bytes, Duration, Percent};
use crate::workload::put_records::PutPlan;
use std::num::NonZeroU32;
use std::sync::Arc;

/// Concurrency that is always left to functions without a reservation, as AWS keeps it.
const UNRESERVED_MIN: u32 = 100;

fn nanos(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

/// Resolves a function, which reads `from`; its mapping is at the first path, and what it runs at the second one.
pub(super) fn resolve(
    resolver: &mut Resolver,
    (path, function_path): (&Path, &Path),
    name: &str,
    settings: &LambdaSettings,
    from: &Reads,
) -> Option<LambdaPlan> {
    let (via, delivery) = via(resolver, path, settings, from);
    let (reader, created) = position(resolver, path, settings, from);
    let discovery = discovery(resolver, &path.key("shard_discovery"), settings.shard_discovery, from);
    let mapping = mapping(resolver, path, settings, from);
    let function = function(resolver, function_path, settings, from.run);
    if settings.maximum_concurrency.is_some() {
        let message = "`maximum_concurrency` is for functions that read queues; on a stream there is `reserved_concurrency`";
        resolver.error(&path.key("maximum_concurrency"), message);
    }
    Some(LambdaPlan {
        name: name.to_owned(),
        stream: from.stream,
        via: via?,
        reader,
        created,
        discovery,
        role: Role::Mapping,
        delivery: delivery?,
        mapping,
        function: function?,
    })
}

/// How the stream is read, and how long its records then take.
fn via(
    resolver: &mut Resolver,
    path: &Path,
    settings: &LambdaSettings,
    from: &Reads,
) -> (Option<Via>, Option<Sampler>) {
    let pushed = resolver.take(settings.via, &VIA) == ViaSettings::EnhancedFanOut;
    let (usual, interval) = match from.of_table {
        Some(_) => (&DELIVERY_STREAMS, &POLL_INTERVAL_STREAMS),
        None if pushed => (&DELIVERY_FAN_OUT, &POLL_INTERVAL),
        None => (&DELIVERY, &POLL_INTERVAL),
    };
    if pushed && from.of_table.is_some() {
        resolver
            .error(&path.key("via"), "DynamoDB Streams have no enhanced fan-out; they are polled (LAM-P2)");
    }
    let delivery = resolver.take(settings.delivery.clone(), usual);
    let delivery = distribution::time(resolver, &path.key("delivery"), &delivery);
    resolver.assume(&READ_AHEAD);
    if !pushed {
        let mut polls = stream::polls(resolver, path, (None, interval), settings.phase);
        polls.refused_wait = super::reader::refused_wait(resolver, path, None);
        return (Some(Via::Shared(polls)), delivery);
    }
    if settings.phase.is_some() {
        resolver.error(
            &path.key("phase"),
            "`phase` is for a mapping that polls; a registered consumer is pushed to",
        );
    }
    resolver.assume(&GROUPS);
    let renewal: Duration = resolver.take(None, &RENEWAL);
    let plan = delivery.clone().map(|push| FanOutPlan { push, renewal: renewal.nanos() });
    (plan.map(Via::FanOut), delivery)
}

/// Where a mapping begins, and when it was created if that is within the run.
fn position(
    resolver: &mut Resolver,
    path: &Path,
    settings: &LambdaSettings,
    from: &Reads,
) -> (ReaderPlan, Option<u64>) {
    let begins = resolver.take(settings.from, &FROM);
    if from.of_table.is_some() && matches!(begins, FromSettings::AtTimestamp(_)) {
        let message = "a DynamoDB stream is not read from a moment on; `latest` or `trim_horizon` (LAM-P6)";
        resolver.error(&path.key("from"), message);
    }
    if let Some(created) = settings.created {
        resolver.within(
            &path.key("created"),
            created,
            Duration::ZERO..=nanos(from.run.duration),
            "the duration at most",
        );
    }
    let delay = match settings.created {
        Some(_) => resolver.take(settings.start_delay, &START_DELAY),
        None => {
            if settings.start_delay.is_some() {
                let message = "`start_delay` is for a mapping that is `created` within the run (LAM-P5)";
                resolver.error(&path.key("start_delay"), message);
            }
            Duration::ZERO
        }
    };
    resolver.within(&path.key("start_delay"), delay, Duration::ZERO..=nanos(HOUR), "");
    let created = settings.created.map(Duration::nanos);
    let starts = created.map_or(0, |created| created.saturating_add(delay.nanos()));
    let begins = super::reader::begin(resolver, path, begins, starts, from.run);
    (ReaderPlan { from: begins, starts, ..ReaderPlan::default() }, created)
}

/// How long a mapping on a DynamoDB stream looks for the children of a shard.
fn discovery(resolver: &mut Resolver, path: &Path, written: Option<Duration>, from: &Reads) -> u64 {
    if from.of_table.is_none() {
        if written.is_some() {
            resolver.error(path, "`shard_discovery` is for readers of DynamoDB streams (DDS-Y2)");
        }
        return 0;
    }
    let time: Duration = resolver.take(written, &SHARD_DISCOVERY);
    resolver.within(path, time, Duration::ZERO..=nanos(HOUR), "");
    time.nanos()
}

fn mapping(resolver: &mut Resolver, path: &Path, settings: &LambdaSettings, from: &Reads) -> MappingPlan {
    let size: u32 = resolver.take(settings.batch_size, &BATCH_SIZE);
    resolver.within(&path.key("batch_size"), size, 1..=10_000, "LAM-B1");
    let window: Duration = resolver.take(settings.batch_window, &BATCH_WINDOW);
    let window_path = path.key("batch_window");
    resolver.within(&window_path, window, Duration::ZERO..=nanos(300 * SECOND), "LAM-B2");
    if !window.nanos().is_multiple_of(SECOND) {
        resolver.error(&window_path, format!("expected whole seconds (LAM-B2); found `{window}`"));
    }
    let turnaround = turnaround(resolver, path, settings);
    let factor: u32 = resolver.take(settings.parallelization_factor, &FACTOR);
    resolver.within(&path.key("parallelization_factor"), factor, 1..=10, "LAM-C1");
    if factor > 1 {
        resolver.assume(&LANES);
    }
    let tumbling = tumbling(resolver, &path.key("tumbling_window"), settings);
    if tumbling.is_some() && factor > 1 {
        let message =
            "tumbling windows keep one state for each shard: with them, no `parallelization_factor` above 1";
        resolver.error(&path.key("parallelization_factor"), message);
    }
    if factor > 1 {
        refuse_aggregates(resolver, path, from);
    }
    let payload = from.of_table.map_or(Payload::KINESIS, |plan| Payload::streams(plan.json_overhead()));
    MappingPlan {
        batching: Batching { size, window: window.nanos(), turnaround, payload },
        factor: factor.clamp(1, 10),
        partition_keys: partition_keys(from),
        tumbling,
        filter_passes: settings.filter.map(|filter| filter.passes.fraction()),
        retry: retry(resolver, path, settings),
        retention: from.retention,
    }
}

/// From an invocation to the next one of a lane, or of a poller, nanoseconds.
pub(super) fn turnaround(resolver: &mut Resolver, path: &Path, settings: &LambdaSettings) -> u64 {
    let turnaround: Duration = resolver.take(settings.turnaround, &TURNAROUND);
    resolver.within(&path.key("turnaround"), turnaround, Duration::ZERO..=nanos(SECOND), "");
    turnaround.nanos()
}

fn tumbling(resolver: &mut Resolver, path: &Path, settings: &LambdaSettings) -> Option<TumblingPlan> {
    let written = match settings.tumbling_window.as_ref()? {
        OneOrMap::One(window) => TumblingSettings { window: *window, patience: None, state_per_record: None },
        OneOrMap::Map(written) => *written,
    };
    let seconds = |seconds| nanos(seconds * SECOND);
    resolver.within(path, written.window, seconds(1)..=seconds(900), "LAM-W1");
    if !written.window.nanos().is_multiple_of(SECOND) {
        resolver.error(path, format!("expected whole seconds (LAM-W1); found `{}`", written.window));
    }
    let patience: Duration = resolver.take(written.patience, &PATIENCE);
    resolver.within(&path.key("patience"), patience, Duration::ZERO..=seconds(900), "");
    let state: Bytes = resolver.take(written.state_per_record, &STATE_PER_RECORD);
    Some(TumblingPlan {
        window: written.window.nanos().max(SECOND),
        patience: patience.nanos(),
        state_bytes_per_record: state.get(),
    })
}

/// With several batches of a shard at once, AWS drops or reorders what lies in one aggregate with records of other keys (LAM-C5).
/// That is not simulated, and so not allowed.
fn refuse_aggregates(resolver: &mut Resolver, path: &Path, from: &Reads) {
    let aggregates = |plan: &&Arc<PutPlan>| {
        let aggregates = matches!(&plan.direct.client, ClientPlan::Kpl(kpl) if kpl.aggregate.is_some());
        from.of_table.is_none() && plan.stream == from.stream && aggregates
    };
    if let Some(plan) = from.run.direct.iter().find(aggregates) {
        let message = format!(
            "`workload.{}` puts aggregates with records of several keys; batches at once then lose records if they are pushed, \
             and their order if they are polled (LAM-C5)",
            plan.name
        );
        let help = "take 1, or switch the producer's `aggregation` off";
        resolver.error_with_help(&path.key("parallelization_factor"), message, help);
    }
}

/// How many partition keys the items of a data stream's table share, where they share them. On a table's own stream the order
/// of an item is kept, whatever its partition key (LAM-C3).
fn partition_keys(from: &Reads) -> Option<NonZeroU32> {
    let feeds = from.run.tables.iter().filter_map(|table| table.replication.as_ref());
    let mut feeds = feeds.filter(|feed| from.of_table.is_none() && feed.stream == from.stream);
    match (feeds.next()?.partition_key, feeds.next()) {
        (PartitionKey::HashedCollection(keys), None) => Some(keys),
        _ => None,
    }
}

fn retry(resolver: &mut Resolver, path: &Path, settings: &LambdaSettings) -> RetryPlan {
    let retries = resolver.take(settings.retries, &RETRIES).limit();
    if let Some(retries) = retries {
        resolver.within(&path.key("retries"), retries, 0..=10_000, "LAM-E2");
    }
    let age: Option<Duration> = resolver.take(settings.maximum_record_age, &RECORD_AGE).limit();
    if let Some(age) = age {
        let range = nanos(MINUTE)..=nanos(7 * DAY);
        resolver.within(&path.key("maximum_record_age"), age, range, "LAM-E2");
    }
    let written = settings.backoff.unwrap_or_default();
    let mut wait = |key: &str, written, parameter: &Parameter| {
        let wait: Duration = resolver.take(written, parameter);
        resolver.within(&path.key("backoff").key(key), wait, nanos(MILLISECOND)..=nanos(HOUR), "");
        wait.nanos()
    };
    let backoff = Backoff {
        base: wait("base", written.base, &BACKOFF_BASE),
        cap: wait("cap", written.cap, &BACKOFF_CAP),
        jitter: false,
    };
    if backoff.cap < backoff.base {
        resolver.error(&path.key("backoff").key("cap"), "expected no less than `base`");
    }
    RetryPlan {
        retries,
        record_age_max: age.map(Duration::nanos),
        bisect: resolver.take(settings.bisect, &BISECT),
        report_failures: resolver.take(settings.report_batch_item_failures, &REPORT),
        backoff,
        refused_jitter: resolver.take::<Percent>(written.refused_jitter, &REFUSED_JITTER).fraction(),
        destination: settings.on_failure.map(|to| match to {
            OnFailure::Sqs => Destination::Sqs,
            OnFailure::S3 => Destination::S3,
        }),
    }
}

/// Resolves a function; `path` is where its settings are.
pub(super) fn function(
    resolver: &mut Resolver,
    path: &Path,
    settings: &LambdaSettings,
    run: &Scenario,
) -> Option<FunctionPlan> {
    let written = settings.duration.clone().unwrap_or_default();
    let times = path.key("duration");
    let base: Duration = resolver.take(written.base, &BASE);
    let per_record: Duration = resolver.take(written.per_record, &PER_RECORD);
    for (key, time) in [("base", base), ("per_record", per_record)] {
        resolver.within(&times.key(key), time, Duration::ZERO..=nanos(900 * SECOND), "LAM-C6");
    }
    let sigma: f64 = resolver.take(written.spread, &SPREAD);
    resolver.within(&times.key("spread"), sigma, 0.0..=3.0, "");
    let timeout: Duration = resolver.take(settings.timeout, &TIMEOUT);
    resolver.within(&path.key("timeout"), timeout, nanos(SECOND)..=nanos(900 * SECOND), "LAM-C6");
    let memory: Bytes = resolver.take(settings.memory, &MEMORY);
    let mebibytes = |count: u64| Bytes::new(count << 20);
    resolver.within(&path.key("memory"), memory, mebibytes(128)..=mebibytes(10_240), "");
    let keep_warm: Duration = resolver.take(settings.keep_warm, &KEEP_WARM);
    resolver.within(&path.key("keep_warm"), keep_warm, nanos(SECOND)..=nanos(DAY), "");
    let cold_start = cold_start(resolver, path, (settings.cold_start.as_ref(), settings.runtime));
    let sink = match &settings.sink {
        Some(written) => Some(sink::resolve(resolver, &path.key("sink"), written)?),
        None => None,
    };
    Some(FunctionPlan {
        base: base.nanos(),
        per_record: per_record.nanos(),
        // With this median the mean is 1.
        spread: match sigma > 0.0 {
            true => Sampler::LogNormal { log_median: -0.5 * sigma * sigma, sigma },
            false => Sampler::Constant(1.0),
        },
        timeout: timeout.nanos(),
        memory_mib: memory.get().div_ceil(1 << 20) as u32,
        arm: resolver.take(settings.architecture, &ARCHITECTURE) == Architecture::Arm64,
        cold_start: cold_start?,
        keep_warm: keep_warm.nanos(),
        reserved: settings.reserved_concurrency,
        errors: errors(&settings.errors.clone().unwrap_or_default()),
        sink,
        sends_to: sqs::sends_to(
            resolver,
            &path.key("sends_to"),
            settings.sends_to.as_deref().unwrap_or_default(),
            run,
        ),
    })
}

/// How long a new environment takes to start: as written, or by the runtime (LAM-L3).
pub(super) fn cold_start(
    resolver: &mut Resolver,
    path: &Path,
    (written, runtime): (Option<&Time>, Option<Runtime>),
) -> Option<Sampler> {
    if let Some(time) = written {
        return distribution::time(resolver, &path.key("cold_start"), time);
    }
    let runtime: Runtime = resolver.take(runtime, &RUNTIME);
    let (low, high) = runtime.cold_start_millis();
    let nanos = |millis: u64| (millis * MILLISECOND) as f64;
    Some(Sampler::Uniform { low: nanos(low), high: nanos(high) })
}

fn errors(settings: &ErrorSettings) -> Errors {
    let poison = settings.poison.clone().unwrap_or_default();
    Errors {
        rate: settings.rate.map_or(0.0, Percent::fraction),
        poison_share: poison.share.map_or(0.0, Percent::fraction),
        poison_keys: poison.keys.unwrap_or_default(),
        poison_at: Vec::new(),
    }
}

/// What each function has reserved, those that read queues and those that transform for Firehose too.
fn reservations(scenario: &Scenario) -> impl Iterator<Item = Option<u32>> {
    let of_streams =
        scenario.lambdas.iter().filter(|plan| plan.role.runs_function()).map(|plan| &plan.function);
    let of_queues = scenario.queues.iter().filter_map(|queue| queue.consumer.as_ref());
    let of_deliveries = scenario.deliveries.iter().filter_map(|plan| plan.transform.as_ref());
    let of_deliveries = of_deliveries.map(|plan| plan.reserved);
    of_streams.chain(of_queues.map(|plan| &plan.function)).map(|plan| plan.reserved).chain(of_deliveries)
}

/// The account, with what is reserved checked against it.
pub(super) fn account(
    resolver: &mut Resolver,
    settings: &AccountSettings,
    scenario: &Scenario,
) -> AccountPlan {
    let path = Path::ROOT.key("account");
    if reservations(scenario).next().is_none() {
        let concurrency = settings.lambda_concurrency.unwrap_or(1_000);
        return AccountPlan { concurrency, others: settings.lambda_others.unwrap_or(0) };
    }
    let concurrency: u32 = resolver.take(settings.lambda_concurrency, &CONCURRENCY);
    resolver.within(&path.key("lambda_concurrency"), concurrency, 10..=1_000_000, "LAM-C6");
    let others: u32 = resolver.take(settings.lambda_others, &OTHERS);
    let reserved: u64 = reservations(scenario).flatten().map(u64::from).sum();
    if reserved > 0 && reserved + u64::from(UNRESERVED_MIN) > u64::from(concurrency) {
        let message = format!(
            "{reserved} of {concurrency} concurrent executions are reserved; AWS keeps {UNRESERVED_MIN} for other functions"
        );
        resolver.error(&path.key("lambda_concurrency"), message);
    }
    let shared = u64::from(concurrency).saturating_sub(reserved);
    let unreserved = reservations(scenario).any(|reserved| reserved.is_none());
    if unreserved && u64::from(others) >= shared {
        resolver.error(
            &path.key("lambda_others"),
            format!("expected fewer than the {shared} that are not reserved"),
        );
    }
    AccountPlan { concurrency, others }
}

/// Checks how many registered consumers each stream has (KDS-E2).
pub(super) fn count_registered(resolver: &mut Resolver, scenario: &Scenario) {
    for (number, plan) in scenario.streams.iter().enumerate() {
        let registered = scenario.lambdas.iter().filter(|lambda| lambda.stream == number);
        let registered = registered.filter(|lambda| matches!(lambda.via, Via::FanOut(_))).count();
        let fleets = scenario.fleets.iter().filter(|fleet| fleet.stream == number);
        let registered = registered + fleets.filter(|fleet| fleet.is_pushed_to()).count();
        let advantage = scenario.on_demand_advantage && plan.capacity.is_on_demand();
        let most = if advantage { CONSUMERS_MAX_ADVANTAGE } else { CONSUMERS_MAX };
        if registered > most {
            let message =
                format!("{registered} registered consumers; a stream takes {most} at most (KDS-E2)");
            resolver.error(&Path::ROOT.key("kinesis").key(&plan.name), message);
        }
    }
}
