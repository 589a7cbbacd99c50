//! Fleets of workers: those of the Kinesis Client Library, and Flink applications.

use super::{distribution, sink};
use crate::engine::sampler::Sampler;
use crate::engine::time::{DAY, HOUR, MILLISECOND, MINUTE, Nanos, SECOND};
use crate::scenario::checked::Scenario;
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::settings::distribution::Time;
use crate::settings::parameter::Parameter;
use crate::systems::dynamodb::streams::RECORDS_PER_CALL;
use crate::systems::fleet::checkpoint::{CheckpointPlan, Every};
use crate::systems::fleet::host::{FargateSize, Host, INSTANCES, OWN_HOST};
use crate::systems::fleet::progress::Prefetch;
use crate::systems::fleet::settings::*;
use crate::systems::fleet::worker::VCPU_MAX;
use crate::systems::fleet::{Cadence, ControlPlan, FleetPlan, Via};
use crate::systems::flink::job::{JobPlan, KPU_QUOTA, PARALLELISM_MAX, PER_KPU_MAX, VCPU_PER_KPU};
use crate::systems::flink::settings::{self as flink, FlinkSettings};
use crate::systems::kcl::leases::LeasePlan;
use crate::systems::kcl::settings::{self as kcl, BalanceSettings, KclSettings, ShutdownSettings};
use crate::systems::kcl::version::Version;
use crate::systems::kinesis::fan_out::{FanOutPlan, GROUPS, RENEWAL};
use crate::systems::kinesis::reader::{From, ReaderPlan};
use crate::systems::polling::settings::FromSettings;
use crate::units::{Duration, Percent};

/// The shortest time between two reads of one shard (KCL-1, KWK-9).
const IDLE_MIN: Nanos = 200 * MILLISECOND;
/// Bytes and records that wait for a worker at most before it stops fetching (KWK-10).
const PREFETCH_BYTES: u64 = 8 << 20;
const PREFETCH_RECORDS: u64 = 30_000;
/// Once the adapter is this far behind it may call so many times as often (ADP-2).
const CATCH_UP: (Nanos, u32) = (MINUTE, 3);

fn nanos(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

/// A span of time between two bounds.
fn span(
    resolver: &mut Resolver,
    path: &Path,
    key: &str,
    (written, parameter): (Option<Duration>, &Parameter),
    (least, most): (Nanos, Nanos),
) -> Nanos {
    let time: Duration = resolver.take(written, parameter);
    resolver.within(&path.key(key), time, nanos(least)..=nanos(most), "");
    time.nanos()
}

/// CPU times of a record and of a batch.
fn processing(
    resolver: &mut Resolver,
    path: &Path,
    per_record: Option<Duration>,
    per_batch: Option<Duration>,
) -> (Nanos, Nanos) {
    resolver.assume(&PROCESSORS);
    let bounds = (0, HOUR);
    (
        span(resolver, path, "per_record", (per_record, &PER_RECORD), bounds),
        span(resolver, path, "per_batch", (per_batch, &PER_BATCH), bounds),
    )
}

/// How records come from the stream, and how long they take.
fn access(
    resolver: &mut Resolver,
    path: &Path,
    pushed: bool,
    delivery: Option<Time>,
    cadence: Cadence,
) -> Option<(Via, Sampler)> {
    let delivery = resolver.take(delivery, if pushed { &PUSH } else { &DELIVERY });
    let delivery = distribution::time(resolver, &path.key("delivery"), &delivery)?;
    if !pushed {
        let refused_wait = super::reader::refused_wait(resolver, path, None);
        return Some((Via::Polling(Cadence { refused_wait, ..cadence }), delivery));
    }
    resolver.assume(&GROUPS);
    let renewal: Duration = resolver.take(None, &RENEWAL);
    let plan = FanOutPlan { push: delivery.clone(), renewal: renewal.nanos() };
    Some((Via::FanOut(plan), delivery))
}

/// Resolves workers of the Kinesis Client Library at `path`; nothing if there is no such stream.
pub(super) fn kcl(
    resolver: &mut Resolver,
    path: &Path,
    name: &str,
    settings: &KclSettings,
    (stream, of_table): (Option<usize>, bool),
    run: &Scenario,
) -> Option<FleetPlan> {
    let version: Version = resolver.take(settings.version, &kcl::VERSION);
    let pushed = is_pushed(resolver, path, settings, version, of_table);
    let reader = begins(resolver, path, (settings.from, &kcl::FROM), settings.starts, (stream, run));
    let cadence = cadence(resolver, path, settings, version, of_table, pushed);
    let via = access(resolver, path, pushed, settings.delivery.clone(), cadence);
    let (usual, most, fact) = match of_table {
        true => (&kcl::ADAPTER_MAX_RECORDS, RECORDS_PER_CALL, "ADP-1"),
        false => (&kcl::MAX_RECORDS, 10_000, "KCL-2"),
    };
    let records_max: u32 = resolver.take(settings.max_records, usual);
    resolver.within(&path.key("max_records"), records_max, 1..=most, fact);
    let prefetch = settings.prefetch.unwrap_or(version.prefetch());
    resolver.within(&path.key("prefetch"), prefetch, 0..=100, "");
    let workers: u32 = resolver.take(settings.workers, &kcl::WORKERS);
    resolver.within(&path.key("workers"), workers, 1..=1_000, "");
    let written: HostSettings = resolver.take(settings.host.clone(), &kcl::HOST);
    let host = host(resolver, &path.key("host"), name, &written);
    let (per_record, per_batch) = processing(resolver, path, settings.per_record, settings.per_batch);
    let checkpoints =
        checkpoints(resolver, &path.key("checkpoint"), &settings.checkpoint.clone().unwrap_or_default());
    let leases = leases(resolver, path, settings, version, of_table);
    let sink = sink::optional(resolver, path, settings.sink.as_ref());
    let (via, delivery) = via?;
    Some(FleetPlan {
        name: name.to_owned(),
        stream: stream?,
        via,
        reader,
        delivery,
        records_max,
        prefetch: Prefetch { batches: prefetch as usize, bytes: PREFETCH_BYTES, records: PREFETCH_RECORDS },
        workers,
        host: host?,
        per_record,
        per_batch,
        sink: sink?,
        errors: settings.errors.map_or(0.0, Percent::fraction),
        checkpoints: checkpoints?,
        control: ControlPlan::Kcl(leases),
    })
}

/// Whether records are pushed (KCL-3).
fn is_pushed(
    resolver: &mut Resolver,
    path: &Path,
    settings: &KclSettings,
    version: Version,
    of_table: bool,
) -> bool {
    let pushed = match settings.via {
        Some(via) => via == ViaSettings::EnhancedFanOut,
        None => version.fans_out() && !of_table,
    };
    if pushed && of_table {
        resolver.error(&path.key("via"), "a table's stream has no enhanced fan-out; it is polled");
    }
    if pushed && version.major() == 1 {
        let message = "version 1 of the library only polls; enhanced fan-out came with version 2 (KCL-3)";
        resolver.error(&path.key("via"), message);
    }
    if of_table && version.major() == 2 {
        let message = "the DynamoDB Streams adapter wraps version 1.14 of the library, or version 3 (ADP-3)";
        resolver.error(&path.key("version"), message);
    }
    if of_table && version.major() == 1 && settings.catch_up == Some(true) {
        let message = "catching up came with version 2.1 of the adapter, on version 3 of the library (ADP-2)";
        resolver.error(&path.key("catch_up"), message);
    }
    pushed
}

/// Where and when a fleet begins.
fn begins(
    resolver: &mut Resolver,
    path: &Path,
    (from, parameter): (Option<FromSettings>, &Parameter),
    starts: Option<Duration>,
    (stream, run): (Option<usize>, &Scenario),
) -> ReaderPlan {
    let history = stream.and_then(|stream| run.streams.get(stream)?.history.as_ref());
    let starts = starts.unwrap_or(Duration::ZERO);
    let latest = nanos(run.duration);
    resolver.within(&path.key("starts"), starts, Duration::ZERO..=latest, "the duration at most");
    let starts = starts.nanos();
    let Some(written) = from else {
        // Where a stream holds nothing from before, all positions are one.
        if history.is_some() || starts > 0 {
            resolver.assume(parameter);
        }
        return ReaderPlan { starts, ..ReaderPlan::default() };
    };
    let from = super::reader::begin(resolver, path, written, starts, run);
    let is_moment = matches!(from, From::AtTimestamp(_));
    if is_moment && stream.is_some_and(|stream| stream >= run.streams.len()) {
        resolver.error(&path.key("from"), "a DynamoDB stream is not read from a moment on (DDS-R8)");
    }
    ReaderPlan { from, starts, ..ReaderPlan::default() }
}

/// The time between two calls for one shard.
fn cadence(
    resolver: &mut Resolver,
    path: &Path,
    settings: &KclSettings,
    version: Version,
    of_table: bool,
    pushed: bool,
) -> Cadence {
    let idle_path = path.key("idle_time");
    if pushed && settings.idle_time.is_some() {
        let message = "`idle_time` is the time between two polls; a fleet that is pushed to makes none";
        resolver.error(&idle_path, message);
    }
    for (key, there) in
        [("catch_up", settings.catch_up.is_some()), ("shard_discovery", settings.shard_discovery.is_some())]
    {
        if there && !of_table {
            resolver.error(&path.key(key), format!("`{key}` is for readers of DynamoDB streams (ADP-1)"));
        }
    }
    if of_table {
        let idle: Duration = resolver.take(settings.idle_time, &kcl::ADAPTER_IDLE);
        resolver.within(&idle_path, idle, nanos(IDLE_MIN)..=nanos(HOUR), "KCL-1");
        let catch_up: bool = resolver.take(settings.catch_up, &kcl::CATCH_UP);
        let idle = idle.nanos();
        return Cadence {
            idle_after_empty: 2 * idle,
            catch_up: catch_up.then_some(CATCH_UP),
            ..Cadence::every(idle)
        };
    }
    let idle = settings.idle_time.unwrap_or(nanos(version.idle()));
    resolver.within(&idle_path, idle, nanos(IDLE_MIN)..=nanos(HOUR), "KCL-1");
    Cadence::every(idle.nanos())
}

fn host(resolver: &mut Resolver, path: &Path, name: &str, settings: &HostSettings) -> Option<Host> {
    match settings {
        HostSettings::Ec2(kind) => {
            let host = Host::ec2(kind);
            if host.is_none() {
                let known = INSTANCES.map(|(name, _)| format!("`{name}`")).join(", ");
                let message = format!("the price book has no instance `{kind}`");
                resolver.error_with_help(
                    &path.key("ec2"),
                    message,
                    format!(
                        "it has {known}; for another one, `own: {{ vcpu: 2, price_per_hour: 0.08 USD }}`"
                    ),
                );
            }
            host
        }
        HostSettings::Fargate(task) => {
            let path = path.key("fargate");
            let Some(size) = FargateSize::of(task.vcpu) else {
                let message = format!("expected 0.25, 0.5, 1, 2, 4, 8 or 16; found `{}`", task.vcpu);
                resolver.error(&path.key("vcpu"), message);
                return None;
            };
            let mebibytes = task.memory.get() >> 20;
            if !size.has(task.memory.get()) {
                let message = format!("a task with {} vCPU has {size}; found `{}`", task.vcpu, task.memory);
                resolver.error(&path.key("memory"), message);
            }
            Some(Host::fargate(task.vcpu, mebibytes, task.architecture == Architecture::Arm64))
        }
        HostSettings::Own(own) => {
            let vcpu = vcpu(resolver, &path.key("own"), own.vcpu)?;
            Some(Host::own(vcpu, format!("{OWN_HOST}{name}_h"), own.price_per_hour))
        }
        HostSettings::Vcpu(written) => vcpu(resolver, path, *written).map(Host::unpriced),
    }
}

fn vcpu(resolver: &mut Resolver, path: &Path, vcpu: f64) -> Option<f64> {
    let sound = (0.01..=VCPU_MAX).contains(&vcpu);
    if !sound {
        resolver.within(&path.key("vcpu"), vcpu, 0.01..=VCPU_MAX, "");
    }
    sound.then_some(vcpu)
}

fn checkpoints(
    resolver: &mut Resolver,
    path: &Path,
    settings: &CheckpointSettings,
) -> Option<CheckpointPlan> {
    let every = match settings.every {
        None | Some(EverySettings::Batch) => Every::Batch,
        Some(EverySettings::Records(records)) => {
            resolver.within(&path.key("every").key("records"), records, 1..=1_000_000_000, "");
            Every::Records(records)
        }
        Some(EverySettings::Interval(interval)) => {
            let path = path.key("every").key("interval");
            resolver.within(&path, interval, nanos(MILLISECOND)..=nanos(DAY), "");
            Every::Interval(interval.nanos())
        }
    };
    let latency: Time = resolver.take(settings.latency.clone(), &kcl::CHECKPOINT);
    let latency = distribution::time(resolver, &path.key("latency"), &latency);
    Some(CheckpointPlan { every, before: settings.order == Some(OrderSettings::Before), latency: latency? })
}

fn leases(
    resolver: &mut Resolver,
    path: &Path,
    settings: &KclSettings,
    version: Version,
    of_table: bool,
) -> LeasePlan {
    let failover =
        span(resolver, path, "failover_time", (settings.failover_time, &kcl::FAILOVER), (SECOND, HOUR));
    let shutdown: ShutdownSettings = resolver.take(settings.shutdown, &kcl::SHUTDOWN);
    let restart = span(resolver, path, "restart", (settings.restart, &kcl::RESTART), (SECOND, DAY));
    let discovery = match of_table {
        true => {
            let written = (settings.shard_discovery, &kcl::SHARD_DISCOVERY);
            span(resolver, path, "shard_discovery", written, (0, MINUTE))
        }
        false => 0,
    };
    resolver.assume(&kcl::LEASE_ITEMS);
    let balance: BalanceSettings = resolver.take(settings.balance, &kcl::BALANCE);
    if settings.balance.is_some() && !version.has_leader() {
        let message = "before version 3 the library balances the number of leases (KCL-6)";
        resolver.error(&path.key("balance"), message);
    }
    LeasePlan {
        version,
        failover,
        graceful_shutdown: shutdown == ShutdownSettings::Graceful,
        restart,
        by_cpu: balance == BalanceSettings::Cpu,
        discovery,
    }
}

/// Resolves a Flink application at `path`; nothing if there is no such stream.
pub(super) fn flink(
    resolver: &mut Resolver,
    path: &Path,
    name: &str,
    settings: &FlinkSettings,
    (stream, of_table): (Option<usize>, bool),
    run: &Scenario,
) -> Option<FleetPlan> {
    if of_table {
        resolver.error(path, "Flink applications are simulated on Kinesis streams, not on those of tables");
    }
    let job = job(resolver, path, settings);
    let reader = begins(resolver, path, (settings.from, &flink::FROM), settings.starts, (stream, run));
    let pushed = settings.via == Some(ViaSettings::EnhancedFanOut);
    if pushed && settings.poll_interval.is_some() {
        let message =
            "`poll_interval` is the time between two polls; an application that is pushed to makes none";
        resolver.error(&path.key("poll_interval"), message);
    }
    let idle = match pushed {
        true => SECOND,
        false => {
            let written = (settings.poll_interval, &flink::POLL);
            span(resolver, path, "poll_interval", written, (IDLE_MIN, HOUR))
        }
    };
    let cadence = Cadence::every(idle);
    let via = access(resolver, path, pushed, settings.delivery.clone(), cadence);
    let (per_record, per_batch) = processing(resolver, path, settings.per_record, settings.per_batch);
    let sink = sink::optional(resolver, path, settings.sink.as_ref());
    let (via, delivery) = via?;
    Some(FleetPlan {
        name: name.to_owned(),
        stream: stream?,
        via,
        reader,
        delivery,
        records_max: 10_000,
        // Flink holds its source back once its buffers are full; two answers of a shard stand for them.
        prefetch: Prefetch { batches: 2, bytes: PREFETCH_BYTES, records: PREFETCH_RECORDS },
        workers: job.kpus(job.parallelism),
        host: Host::unpriced(VCPU_PER_KPU),
        per_record,
        per_batch,
        sink: sink?,
        errors: 0.0,
        checkpoints: CheckpointPlan {
            every: Every::Elsewhere,
            before: false,
            latency: Sampler::Constant(0.0),
        },
        control: ControlPlan::Flink(job),
    })
}

fn job(resolver: &mut Resolver, path: &Path, settings: &FlinkSettings) -> JobPlan {
    resolver.within(&path.key("parallelism"), settings.parallelism, 1..=PARALLELISM_MAX, "FLK-2");
    let per_kpu: u32 = resolver.take(settings.parallelism_per_kpu, &flink::PER_KPU);
    resolver.within(&path.key("parallelism_per_kpu"), per_kpu, 1..=PER_KPU_MAX, "FLK-2");
    let interval = (settings.checkpoint_interval, &flink::INTERVAL);
    let checkpoint_interval = span(resolver, path, "checkpoint_interval", interval, (SECOND, HOUR));
    let takes = (settings.checkpoint_takes, &flink::TAKES);
    let checkpoint_takes = span(resolver, path, "checkpoint_takes", takes, (0, checkpoint_interval));
    let restart = span(resolver, path, "restart", (settings.restart, &flink::RESTART), (SECOND, HOUR));
    let looks = (settings.shard_discovery, &flink::DISCOVERY);
    let discovery = span(resolver, path, "shard_discovery", looks, (SECOND, HOUR));
    resolver.assume(&flink::SCALING);
    let job = JobPlan {
        parallelism: settings.parallelism.clamp(1, PARALLELISM_MAX),
        per_kpu: per_kpu.clamp(1, PER_KPU_MAX),
        keyed: resolver.take(settings.keyed, &flink::KEYED),
        autoscaling: resolver.take(settings.autoscaling, &flink::AUTOSCALING),
        checkpoint_interval,
        checkpoint_takes,
        restart,
        discovery,
    };
    let kpus = job.kpus(job.parallelism);
    if kpus > KPU_QUOTA {
        let message = format!("this takes {kpus} KPUs; an application has {KPU_QUOTA} at most (FLK-2)");
        resolver.error(&path.key("parallelism"), message);
    }
    job
}
