//! Transformation by a function, and the backup of what was there before.

use super::super::lambda;
use super::destination;
use crate::engine::sampler::Sampler;
use crate::engine::time::{DAY, HOUR, SECOND};
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::systems::firehose::endpoint::EndpointKind;
use crate::systems::firehose::settings::destination::S3Settings;
use crate::systems::firehose::settings::transform::*;
use crate::systems::firehose::settings::{BUFFER_INTERVAL, BUFFER_SIZE};
use crate::systems::firehose::transform::{TIMEOUT_MAX, TransformPlan};
use crate::systems::firehose::{BufferPer, FirehosePlan};
use crate::systems::lambda::settings::{
    ARCHITECTURE, Architecture, BASE, KEEP_WARM, MEMORY, PER_RECORD, SPREAD,
};
use crate::units::{Bytes, Duration, Percent, Ratio};

fn seconds(count: u64) -> Duration {
    Duration::from_nanos(count * SECOND)
}

/// Invocations of one shard at a time (FH-Q12): of most destinations, and of Splunk.
const CONCURRENCY_MAX: u32 = 5;
const CONCURRENCY_MAX_SPLUNK: u32 = 10;

pub(super) fn resolve(
    resolver: &mut Resolver,
    path: &Path,
    settings: &TransformSettings,
    kind: Option<EndpointKind>,
) -> TransformPlan {
    let splunk = kind == Some(EndpointKind::Splunk);
    let hints = settings.buffer.clone().unwrap_or_default();
    let at = path.key("buffer");
    let size: Bytes = resolver.take(hints.size, if splunk { &SPLUNK_SIZE } else { &SIZE });
    resolver.within(&at.key("size"), size, Bytes::new(200 << 10)..=Bytes::new(3 << 20), "FH-T1");
    let interval: Duration = resolver.take(hints.interval, &INTERVAL);
    resolver.within(&at.key("interval"), interval, Duration::ZERO..=seconds(900), "FH-T1");
    let retries: u32 = resolver.take(settings.retries, &RETRIES);
    resolver.within(&path.key("retries"), retries, 0..=300, "FH-T3");
    let retry_wait: Duration = resolver.take(settings.retry_wait, &RETRY_WAIT);
    resolver.within(&path.key("retry_wait"), retry_wait, Duration::ZERO..=Duration::from_nanos(HOUR), "");
    let mut share = |written: Option<Percent>, parameter| resolver.take::<Percent>(written, parameter);
    let (errors, dropped) = (share(settings.errors, &ERRORS), share(settings.dropped, &DROPPED));
    let failed = share(settings.failed, &FAILED);
    let ratio: Ratio = resolver.take(settings.size_ratio, &SIZE_RATIO);
    if dropped.fraction() + failed.fraction() > 1.0 {
        resolver.error(&path.key("dropped"), "`dropped` and `failed` are more than 100% together");
    }
    let time = duration(resolver, path, settings);
    let written = (settings.cold_start.as_ref(), settings.runtime);
    let cold_start = lambda::cold_start(resolver, path, written);
    let keep_warm: Duration = resolver.take(settings.keep_warm, &KEEP_WARM);
    resolver.within(&path.key("keep_warm"), keep_warm, seconds(1)..=Duration::from_nanos(DAY), "");
    TransformPlan {
        size: size.get(),
        interval: interval.nanos(),
        retries,
        retry_wait: retry_wait.nanos(),
        concurrency: if splunk { CONCURRENCY_MAX_SPLUNK } else { CONCURRENCY_MAX },
        base: time.0.nanos(),
        per_record: time.1.nanos(),
        // With this median the mean is 1.
        spread: match time.2 > 0.0 {
            true => Sampler::LogNormal { log_median: -0.5 * time.2 * time.2, sigma: time.2 },
            false => Sampler::Constant(1.0),
        },
        timeout: time.3.nanos(),
        memory_mib: time.4,
        arm: resolver.take(settings.architecture, &ARCHITECTURE) == Architecture::Arm64,
        // Without one there is an error, and nothing runs.
        cold_start: cold_start.unwrap_or(Sampler::Constant(0.0)),
        keep_warm: keep_warm.nanos(),
        reserved: settings.reserved_concurrency,
        errors: errors.fraction(),
        poison_at: Vec::new(),
        dropped: dropped.fraction(),
        failed: failed.fraction(),
        size_ratio: ratio.times(),
    }
}

/// Running time whatever the records, for each record, its spread, the timeout; and the memory in MiB.
fn duration(
    resolver: &mut Resolver,
    path: &Path,
    settings: &TransformSettings,
) -> (Duration, Duration, f64, Duration, u32) {
    let written = settings.duration.clone().unwrap_or_default();
    let times = path.key("duration");
    let base: Duration = resolver.take(written.base, &BASE);
    let per_record: Duration = resolver.take(written.per_record, &PER_RECORD);
    for (key, time) in [("base", base), ("per_record", per_record)] {
        resolver.within(&times.key(key), time, Duration::ZERO..=seconds(900), "");
    }
    let sigma: f64 = resolver.take(written.spread, &SPREAD);
    resolver.within(&times.key("spread"), sigma, 0.0..=3.0, "");
    let timeout: Duration = resolver.take(settings.timeout, &TIMEOUT);
    resolver.within(&path.key("timeout"), timeout, seconds(1)..=Duration::from_nanos(TIMEOUT_MAX), "FH-T2");
    let memory: Bytes = resolver.take(settings.memory, &MEMORY);
    let mebibytes = |count: u64| Bytes::new(count << 20);
    resolver.within(&path.key("memory"), memory, mebibytes(128)..=mebibytes(10_240), "");
    (base, per_record, sigma, timeout, memory.get().div_ceil(1 << 20) as u32)
}

/// The backup of a delivery stream: a reader of the same source with buffers of its own (FH-S2, FH-T4).
pub(super) fn backup(
    resolver: &mut Resolver,
    path: &Path,
    (number, of): (usize, &FirehosePlan),
    settings: &BackupSettings,
) -> Option<FirehosePlan> {
    let hints = settings.buffer.clone().unwrap_or_default();
    let at = path.key("buffer");
    let size: Bytes = resolver.take(hints.size, &BUFFER_SIZE);
    resolver.within(&at.key("size"), size, Bytes::new(1 << 20)..=Bytes::new(128 << 20), "FH-B8");
    let interval: Duration = resolver.take(hints.interval, &BUFFER_INTERVAL);
    resolver.within(&at.key("interval"), interval, seconds(60)..=seconds(900), "FH-B8");
    let s3 = S3Settings {
        prefix: settings.prefix.clone(),
        error_output_prefix: Some(destination::NO_ERRORS.to_owned()),
        put: settings.put.clone(),
        ..S3Settings::default()
    };
    let bucket = destination::bucket(resolver, path, &s3);
    destination::not_partitioned(resolver, &path.key("prefix"), &bucket.prefix);
    Some(FirehosePlan {
        source: of.source.clone(),
        backup_of: Some(number),
        path: format!("{}.backup", of.path),
        size: size.get(),
        interval: interval.nanos(),
        per: BufferPer::Shard,
        prefix: bucket.prefix,
        put: bucket.put?,
        ..FirehosePlan::to_s3(&format!("{}.backup", of.name), of.stream)
    })
}
