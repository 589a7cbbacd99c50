//! Firehose delivery streams, and the channels by which Kinesis streams deliver without one.

mod channel;
mod destination;
mod transform;

use super::{distribution, stream};
use crate::engine::sampler::Sampler;
use crate::engine::time::{DAY, SECOND};
use crate::scenario::checked::Scenario;
use crate::scenario::file::ScenarioFile;
use crate::scenario::path::{Path, resource};
use crate::scenario::resolver::Resolver;
use crate::settings::distribution::Time;
use crate::systems::firehose::endpoint::EndpointKind;
use crate::systems::firehose::ingest::{IngestPlan, Quota, SCALE_MAX};
use crate::systems::firehose::partitioning::{AttributeOf, PartitioningPlan};
use crate::systems::firehose::prefix::ObjectPrefix;
use crate::systems::firehose::settings::direct_put::*;
use crate::systems::firehose::settings::{
    ACTIVE_PARTITIONS, AttributeOfSettings, BUFFER_INTERVAL, BUFFER_PER, BUFFER_SIZE, BufferSettings,
    COMPRESSION, CONVERSION_FAILURES, Compression, DELIMITER, Delimiter, FORMAT_RATIO, FORMAT_SIZE,
    FirehoseSettings, Format, HOLD, HTTP_INTERVAL, PARTITION_DELAY, PARTITION_EXPONENT, PARTITION_OF,
    PARTITION_SIZE, POLL_INTERVAL, PartitioningSettings, PerSettings, REFUSED, SNOWFLAKE_INTERVAL,
    SNOWFLAKE_SIZE, SPLUNK_INTERVAL, UNPARSABLE,
};
use crate::systems::firehose::{BufferPer, FirehosePlan, FirehoseSource};
use crate::systems::kinesis::poll_grid::CALL_TIME;
use crate::units::{Bytes, Duration, Percent};

/// The longest prefix of object names (FH-O4).
const PREFIX_BYTES_MAX: usize = 512;

/// The longest name of a partitioning attribute; ours, that names of objects stay readable.
const ATTRIBUTE_BYTES_MAX: usize = 128;

/// Resolves all of them into the scenario: Firehoses in file order, then their backups, then channels.
pub(super) fn resolve_all(resolver: &mut Resolver, file: &ScenarioFile, scenario: &mut Scenario) {
    let at = |section: &str, name: &str| Path::ROOT.key(section).key(name);
    let mut backups = Vec::new();
    for (number, (name, settings)) in file.firehose.iter().enumerate() {
        let path = at("firehose", name);
        let Some(plan) = resolve(resolver, &path, name, settings, file, scenario) else { continue };
        if let Some(backup) = &settings.backup {
            backups.extend(transform::backup(resolver, &path.key("backup"), (number, &plan), backup));
        }
        scenario.deliveries.push(plan);
    }
    scenario.deliveries.extend(backups);
    for (number, (name, settings)) in file.kinesis.iter().enumerate() {
        if let Some(delivery) = &settings.delivery {
            let path = at("kinesis", name).key("delivery");
            let plans = channel::resolve(resolver, &path, (number, name), settings, delivery);
            scenario.deliveries.extend(plans);
        }
    }
}

/// The number of the stream that stands for a Firehose's Direct PUT: behind those of Kinesis and of tables.
pub(super) fn direct_put_number(file: &ScenarioFile, firehose: usize) -> usize {
    let of_tables = file.tables.values().filter(|table| table.streams.is_some()).count();
    let before = file.firehose.values().take(firehose).filter(|it| it.direct_put.is_some()).count();
    file.kinesis.len() + of_tables + before
}

/// What a Firehose reads: the stream's number, and how it gets its records.
fn source(
    resolver: &mut Resolver,
    path: &Path,
    name: &str,
    settings: &FirehoseSettings,
    (file, scenario): (&ScenarioFile, &Scenario),
) -> Option<(usize, FirehoseSource)> {
    let kinds = [("reads", settings.reads.is_some()), ("direct_put", settings.direct_put.is_some())];
    if !resolver.exactly_one(path, &kinds) {
        return None;
    }
    let poll = settings.poll.clone().unwrap_or_default();
    if let Some(reads) = &settings.reads {
        let stream = resolver.reference(&path.key("reads"), "kinesis", &reads.0, file.kinesis.keys());
        let polls = stream::polls(resolver, &path.key("poll"), (poll.interval, &POLL_INTERVAL), poll.phase);
        resolver.assume(&REFUSED);
        resolver.assume(&CALL_TIME);
        return Some((stream?, FirehoseSource::Polls(polls)));
    }
    if settings.poll.is_some() {
        resolver.error(&path.key("poll"), "with `direct_put` nothing is polled; take this out");
    }
    let direct = settings.direct_put.clone().unwrap_or_default();
    let ingest = ingest(resolver, &path.key("direct_put"), &direct, &scenario.region);
    let number = file.firehose.get_index_of(name)?;
    Some((direct_put_number(file, number), FirehoseSource::DirectPut(ingest)))
}

fn ingest(resolver: &mut Resolver, path: &Path, settings: &DirectPutSettings, region: &str) -> IngestPlan {
    let legacy = resolver.take(settings.quota, &QUOTA) == QuotaSettings::Legacy;
    let scale: u32 = resolver.take(settings.scale, &SCALE);
    resolver.within(&path.key("scale"), scale, 1..=SCALE_MAX, "FH-Q4");
    let scales: bool = resolver.take(settings.auto_scaling, &AUTO_SCALING);
    if !scales && settings.ramp.is_some() {
        resolver.error(&path.key("ramp"), "nothing rises without `auto_scaling`; take this out");
    }
    let ramp = scales.then(|| resolver.take::<Duration>(settings.ramp, &RAMP));
    if let Some(ramp) = ramp {
        let range = Duration::from_nanos(SECOND)..=Duration::from_nanos(DAY);
        resolver.within(&path.key("ramp"), ramp, range, "");
        resolver.assume(&NEVER_DOWN);
    }
    resolver.assume(&CHANNELS);
    let scale = scale.clamp(1, SCALE_MAX);
    IngestPlan { quota: Quota::of(region, legacy), scale, ramp: ramp.map(Duration::nanos) }
}

/// Resolves a delivery stream; nothing if there is no such stream to read.
fn resolve(
    resolver: &mut Resolver,
    path: &Path,
    name: &str,
    settings: &FirehoseSettings,
    file: &ScenarioFile,
    scenario: &Scenario,
) -> Option<FirehosePlan> {
    let source = source(resolver, path, name, settings, (file, scenario));
    let converts = settings.format.is_some();
    let hints = settings.buffer.clone().unwrap_or_default();
    let partitioning = settings.dynamic_partitioning.as_ref();
    let to = destination::resolve(resolver, &path.key("to"), &settings.to);
    let kind = to.endpoint.as_ref().map(|endpoint| endpoint.kind);
    only_s3(resolver, path, settings, kind);
    let contents = Contents { converts, partitioned: partitioning.is_some(), kind };
    let (size, interval, per) = buffer(resolver, &path.key("buffer"), &hints, contents);
    let hold = match partitioning {
        Some(_) => {
            resolver.assume(&PARTITION_DELAY);
            Some(Sampler::Uniform { low: interval as f64, high: interval as f64 * 1.5 })
        }
        None => hold(resolver, &path.key("buffer").key("hold"), interval, hints.hold.clone()),
    };
    let partitioning =
        partitioning.map(|settings| partitioned(resolver, &path.key("dynamic_partitioning"), settings));
    partition_keys(resolver, &to.bucket.at.key("prefix"), &to.bucket.prefix, partitioning.as_ref());
    let transform = settings.transform.as_ref();
    let transform = transform.map(|it| transform::resolve(resolver, &path.key("transform"), it, kind));
    let delimiter = resolver.take(settings.delimiter, &DELIMITER);
    let (compression, extension) = encoding(resolver, path, settings);
    let conversion_failures = conversion_failures(resolver, settings.format.as_ref());
    let (stream, source) = source?;
    Some(FirehosePlan {
        name: name.to_owned(),
        path: resource("firehose", name),
        stream,
        source,
        backup_of: None,
        size,
        interval,
        hold,
        per,
        delimiter_bytes: u32::from(delimiter == Delimiter::Newline),
        compression,
        converts,
        conversion_failures,
        partitioning,
        transform,
        prefix: to.bucket.prefix,
        error_prefix: to.bucket.error_prefix,
        extension: extension.to_owned(),
        put: to.bucket.put?,
        prefix_limit: to.bucket.limit,
        endpoint: to.endpoint,
        retry_wait: to.bucket.retry_wait,
        late_success: to.bucket.late_success,
    })
}

/// How large objects are beside what is in them, and the end of their names.
fn encoding(resolver: &mut Resolver, path: &Path, settings: &FirehoseSettings) -> (f64, &'static str) {
    let compression = resolver.take(settings.compression.clone(), &COMPRESSION);
    match &settings.format {
        Some(format) => {
            if compression != Compression::None {
                let message =
                    "objects of a columnar `format` are compressed inside (FH-F2); take `compression` out";
                resolver.error(&path.key("compression"), message);
            }
            formatted(resolver, &path.key("format"), format)
        }
        None => compressed(resolver, &path.key("compression"), &compression),
    }
}

/// Formats and partitions are for objects in S3 (FH-F2, FH-D5).
fn only_s3(resolver: &mut Resolver, path: &Path, settings: &FirehoseSettings, kind: Option<EndpointKind>) {
    let Some(kind) = kind else { return };
    let refused = [
        ("format", settings.format.is_some(), "FH-F2"),
        ("dynamic_partitioning", settings.dynamic_partitioning.is_some(), "FH-D5"),
    ];
    for (key, _, fact) in refused.into_iter().filter(|(_, written, _)| *written) {
        let message = format!("`{key}` is for `to: {{ s3: {{}} }}`, not for `{}` ({fact})", kind.name());
        resolver.error(&path.key(key), message);
    }
}

fn conversion_failures(resolver: &mut Resolver, format: Option<&Format>) -> f64 {
    let Some(Format::Parquet(it) | Format::Orc(it)) = format else { return 0.0 };
    resolver.take::<Percent>(it.failures, &CONVERSION_FAILURES).fraction()
}

/// What is done to the records of a buffer, and where it goes.
#[derive(Clone, Copy)]
struct Contents {
    converts: bool,
    partitioned: bool,
    kind: Option<EndpointKind>,
}

impl Contents {
    /// The largest hints of size and of interval, in MiB and seconds, and whose they are (FH-B2, FH-B4, FH-B5, FH-B6).
    fn most(self) -> (u64, u64, &'static str) {
        match self.kind {
            None => (128, 900, "FH-B2"),
            Some(EndpointKind::Redshift | EndpointKind::Iceberg) => (128, 900, "FH-B4"),
            Some(EndpointKind::OpenSearch | EndpointKind::OpenSearchServerless) => (100, 900, "FH-B4"),
            Some(EndpointKind::Splunk) => (5, 60, "FH-B5"),
            Some(EndpointKind::Http) => (64, 900, "FH-B5"),
            Some(EndpointKind::Snowflake) => (128, 900, "FH-B6"),
        }
    }
}

/// A prefix names the attribute by which it partitions, and no other one.
fn partition_keys(
    resolver: &mut Resolver,
    path: &Path,
    prefix: &ObjectPrefix,
    partitioning: Option<&PartitioningPlan>,
) {
    for name in prefix.partition_keys() {
        match partitioning {
            Some(plan) if plan.attribute == name => {}
            Some(plan) => {
                let message = format!(
                    "expected the `attribute` of `dynamic_partitioning`, `{}`; found `{name}`",
                    plan.attribute
                );
                resolver.error(path, message);
            }
            None => resolver.error(path, "`!{partitionKeyFromQuery:...}` needs `dynamic_partitioning`"),
        }
    }
}

fn partitioned(resolver: &mut Resolver, path: &Path, settings: &PartitioningSettings) -> PartitioningPlan {
    resolver.within(&path.key("values"), settings.values, 1..=100_000, "");
    let exponent: f64 = resolver.take(settings.exponent, &PARTITION_EXPONENT);
    resolver.within(&path.key("exponent"), exponent, 0.0..=10.0, "");
    let of = match resolver.take(settings.of, &PARTITION_OF) {
        AttributeOfSettings::Item => AttributeOf::Item,
        AttributeOfSettings::Change => AttributeOf::Change,
    };
    let active: u32 = resolver.take(settings.active_partitions, &ACTIVE_PARTITIONS);
    resolver.within(&path.key("active_partitions"), active, 1..=5_000, "FH-D1");
    let unparsable: Percent = resolver.take(settings.unparsable, &UNPARSABLE);
    if settings.attribute.is_empty() || settings.attribute.len() > ATTRIBUTE_BYTES_MAX {
        let message = format!("expected a name of 1 to {ATTRIBUTE_BYTES_MAX} bytes");
        resolver.error(&path.key("attribute"), message);
    }
    let values = settings.values.clamp(1, 100_000);
    let exponent = if exponent.is_finite() { exponent.clamp(0.0, 10.0) } else { 0.0 };
    let mut plan = PartitioningPlan::new(&settings.attribute, of, values, exponent, active);
    plan.unparsable = unparsable.fraction();
    plan
}

fn buffer(
    resolver: &mut Resolver,
    path: &Path,
    settings: &BufferSettings,
    contents: Contents,
) -> (u64, u64, BufferPer) {
    let (default, least, fact) = match contents {
        Contents { converts: true, .. } => (&FORMAT_SIZE, 64 << 20, "FH-F1"),
        Contents { partitioned: true, .. } => (&PARTITION_SIZE, 64 << 20, "FH-D5"),
        Contents { kind: Some(EndpointKind::Snowflake), .. } => (&SNOWFLAKE_SIZE, 1 << 20, "FH-B6"),
        _ => (&BUFFER_SIZE, 1 << 20, contents.most().2),
    };
    let (most_mib, most_seconds, fact_of_most) = contents.most();
    if contents.partitioned && settings.per.is_some() {
        resolver.error(&path.key("per"), "with dynamic partitioning a buffer is for a partition (FH-B3)");
    }
    let size: Bytes = resolver.take(settings.size, default);
    resolver.within(&path.key("size"), size, Bytes::new(least)..=Bytes::new(most_mib << 20), fact);
    let usual = match contents.kind {
        Some(EndpointKind::Splunk) => &SPLUNK_INTERVAL,
        Some(EndpointKind::Http) => &HTTP_INTERVAL,
        Some(EndpointKind::Snowflake) => &SNOWFLAKE_INTERVAL,
        _ => &BUFFER_INTERVAL,
    };
    let interval: Duration = resolver.take(settings.interval, usual);
    if interval == Duration::ZERO && contents.partitioned {
        resolver.error(&path.key("interval"), "no zero buffering with dynamic partitioning (FH-B8)");
    } else if interval != Duration::ZERO {
        let seconds = |seconds| Duration::from_nanos(seconds * SECOND);
        resolver.within(&path.key("interval"), interval, seconds(1)..=seconds(most_seconds), fact_of_most);
    }
    let per = match resolver.take(settings.per, &BUFFER_PER) {
        PerSettings::Shard => BufferPer::Shard,
        PerSettings::Stream => BufferPer::Stream,
    };
    (size.get(), interval.nanos(), per)
}

/// How long a buffer is held where that is not its interval.
fn hold(resolver: &mut Resolver, path: &Path, interval: u64, written: Option<Time>) -> Option<Sampler> {
    if interval > 0 {
        if written.is_some() {
            resolver.error(path, "`hold` is for zero buffering, that is an `interval` of 0s (FH-B8)");
        }
        return None;
    }
    let hold = resolver.take(written, &HOLD);
    distribution::time(resolver, path, &hold)
}

/// The share of bytes that is left in a columnar format, and the end of object names.
fn formatted(resolver: &mut Resolver, path: &Path, format: &Format) -> (f64, &'static str) {
    let (kind, written, extension) = match format {
        Format::Parquet(it) => ("parquet", it.ratio, ".parquet"),
        Format::Orc(it) => ("orc", it.ratio, ".orc"),
    };
    let ratio: Percent = resolver.take(written, &FORMAT_RATIO);
    if ratio == Percent::default() {
        resolver.error(&path.key(kind).key("ratio"), "expected more than 0%, for no object is empty");
    }
    (ratio.fraction(), extension)
}

/// The share of bytes that is left, and the end of object names.
fn compressed(resolver: &mut Resolver, path: &Path, compression: &Compression) -> (f64, &'static str) {
    let (kind, ratio, extension) = match compression {
        Compression::None => return (1.0, ""),
        Compression::Gzip(it) => ("gzip", it.ratio, ".gz"),
        Compression::Zip(it) => ("zip", it.ratio, ".zip"),
        Compression::Snappy(it) => ("snappy", it.ratio, ".snappy"),
        Compression::HadoopSnappy(it) => ("hadoop_snappy", it.ratio, ".hsnappy"),
    };
    if ratio == Percent::default() {
        resolver.error(&path.key(kind).key("ratio"), "expected more than 0%, for no object is empty");
    }
    (ratio.fraction(), extension)
}
