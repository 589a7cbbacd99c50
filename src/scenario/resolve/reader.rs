//! Those that read streams: consumers and delivery streams.

use indexmap::IndexMap;

use super::{distribution, lambda, sqs, stream};
use crate::engine::sampler::Sampler;
use crate::engine::time::{MILLISECOND, Nanos, SECOND};
use crate::scenario::checked::Scenario;
use crate::scenario::file::ConsumerSettings;
use crate::scenario::path::{Path, Segment};
use crate::scenario::resolver::Resolver;
use crate::settings::distribution::Time;
use crate::systems::dynamodb::settings::TableSettings;
use crate::systems::dynamodb::streams::{RECORDS_PER_CALL, RETENTION, StreamsPlan};
use crate::systems::firehose::partitioning::{AttributeOf, PartitioningPlan};
use crate::systems::firehose::settings::{
    ACTIVE_PARTITIONS, AttributeOfSettings, BUFFER_INTERVAL, BUFFER_PER, BUFFER_SIZE, BufferSettings,
    COMPRESSION, Compression, DELIMITER, Delimiter, Destination, FORMAT_RATIO, FORMAT_SIZE,
    FirehosePollSettings, FirehoseSettings, Format, HOLD, PARTITION_DELAY, PARTITION_EXPONENT, PARTITION_OF,
    PARTITION_SIZE, POLL_INTERVAL, PREFIX, PUT, PartitioningSettings, PerSettings, REQUESTS, RETRY_WAIT,
    UNPARSABLE, UPLOADS,
};
use crate::systems::firehose::{BufferPer, FirehosePlan};
use crate::systems::kinesis::reader::{From, ReaderPlan, WhenTrimmed};
use crate::systems::kinesis::settings::StreamSettings;
use crate::systems::lambda::settings::LambdaSettings;
use crate::systems::polling::PollingPlan;
use crate::systems::polling::settings::{
    BATCH_SIZE, FROM, FromSettings, INTERVAL, PARENTS_FIRST, PER_BATCH, PER_RECORD, PollingSettings,
    REFUSED_WAIT, SHARD_DISCOVERY, STARTS, STREAMS_BATCH_SIZE, WHEN_TRIMMED, WORKERS, WhenTrimmedSettings,
};
use crate::units::{Bytes, Duration, Percent};

type Streams = IndexMap<String, StreamSettings>;

/// The longest prefix of object names: a key has at most 1,024 bytes.
const PREFIX_BYTES_MAX: usize = 512;

/// The longest name of a partitioning attribute; ours, that names of objects stay readable.
const ATTRIBUTE_BYTES_MAX: usize = 128;

/// What a consumer reads.
#[derive(Clone, Copy)]
pub(super) struct Reads<'a> {
    /// Number of the stream.
    pub stream: usize,
    /// How long it keeps records.
    pub retention: Nanos,
    /// The stream, if it is that of a table.
    pub of_table: Option<&'a StreamsPlan>,
    /// The scenario as far as it is resolved.
    pub run: &'a Scenario,
}

/// Resolves a consumer of any kind into the scenario; nothing if there is no such stream.
pub(super) fn consumer(
    resolver: &mut Resolver,
    path: &Path,
    name: &str,
    settings: &ConsumerSettings,
    of_tables: &IndexMap<String, TableSettings>,
    scenario: &mut Scenario,
) {
    let ConsumerSettings { reads, polling, lambda, pipe, network: _ } = settings;
    let kinds = [("polling", polling.is_some()), ("lambda", lambda.is_some()), ("pipe", pipe.is_some())];
    if reads.0.starts_with("sqs.") {
        if resolver.exactly_one(path, &kinds) {
            match lambda {
                Some(settings) => of_queue(resolver, path, name, (&reads.0, settings), scenario),
                None => resolver.error(&path.key("reads"), "only a `lambda` reads a queue"),
            }
        }
        return;
    }
    let streams: Vec<String> = scenario.streams.iter().map(|plan| plan.name.clone()).collect();
    let (stream, of_table) = source(resolver, &path.key("reads"), &settings.reads.0, &streams, of_tables);
    if !resolver.exactly_one(path, &kinds) {
        return;
    }
    if let Some(settings) = polling {
        let reads = (stream, of_table);
        let plan = self::polling(resolver, &path.key("polling"), name, settings, reads, scenario);
        scenario.consumers.extend(plan);
    }
    if lambda.is_some() || pipe.is_some() {
        // Without its stream the rest is still checked.
        let number = stream.unwrap_or_default();
        let of_table = scenario.table_of_stream(number).map(|(_, plan)| plan);
        let retention = scenario.streams.get(number).map_or(RETENTION, |plan| plan.retention);
        let reads = Reads { stream: number, retention, of_table, run: scenario };
        let plan = match (lambda, pipe) {
            (_, Some(settings)) => sqs::pipe(resolver, &path.key("pipe"), name, settings, &reads),
            (Some(settings), None) => lambda::resolve(resolver, &path.key("lambda"), name, settings, &reads),
            (None, None) => None,
        };
        scenario.lambdas.extend(plan.filter(|_| stream.is_some()));
    }
}

/// Resolves a function that reads a queue.
fn of_queue(
    resolver: &mut Resolver,
    path: &Path,
    name: &str,
    (reads, settings): (&str, &LambdaSettings),
    scenario: &mut Scenario,
) {
    let names: Vec<String> = scenario.queues.iter().map(|queue| queue.name.clone()).collect();
    if let Some(number) = resolver.reference(&path.key("reads"), "sqs", reads, &names) {
        sqs::consumer(resolver, &path.key("lambda"), name, settings, number, scenario);
    }
}

fn polling(
    resolver: &mut Resolver,
    path: &Path,
    name: &str,
    polling: &PollingSettings,
    (stream, of_table): (Option<usize>, bool),
    run: &Scenario,
) -> Option<PollingPlan> {
    let polls = stream::polls(resolver, path, (polling.interval, &INTERVAL), polling.phase);
    let (usual, most, fact) = match of_table {
        true => (&STREAMS_BATCH_SIZE, RECORDS_PER_CALL, "DDS-R3"),
        false => (&BATCH_SIZE, 10_000, "KDS-R2"),
    };
    let batch_size: u32 = resolver.take(polling.batch_size, usual);
    resolver.within(&path.key("batch_size"), batch_size, 1..=most, fact);
    let discovery = discovery(resolver, &path.key("shard_discovery"), polling.shard_discovery, of_table);
    let workers: u32 = resolver.take(polling.workers, &WORKERS);
    resolver.within(&path.key("workers"), workers, 1..=10_000, "");
    let mut processing = |key: &str, written, parameter| {
        let time: Duration = resolver.take(written, parameter);
        resolver.within(&path.key(key), time, Duration::ZERO..=Duration::from_nanos(3_600 * SECOND), "");
        time.nanos()
    };
    let per_record = processing("per_record", polling.per_record, &PER_RECORD);
    let per_batch = processing("per_batch", polling.per_batch, &PER_BATCH);
    let refused_wait: Duration = resolver.take(polling.refused_wait, &REFUSED_WAIT);
    let waits = Duration::from_nanos(MILLISECOND)..=Duration::from_nanos(60 * SECOND);
    resolver.within(&path.key("refused_wait"), refused_wait, waits, "");
    let reader = position(resolver, path, polling, run);
    if of_table && matches!(reader.from, From::AtTimestamp(_)) {
        resolver.error(&path.key("from"), "a DynamoDB stream is not read from a moment on (DDS-R8)");
    }
    Some(PollingPlan {
        name: name.to_owned(),
        stream: stream?,
        polls,
        discovery,
        batch_size,
        per_batch,
        per_record,
        workers,
        reader,
        refused_wait: refused_wait.nanos(),
    })
}

/// The number of the stream that a consumer reads, and whether it is that of a table.
fn source(
    resolver: &mut Resolver,
    path: &Path,
    written: &str,
    streams: &[String],
    tables: &IndexMap<String, TableSettings>,
) -> (Option<usize>, bool) {
    let parsed = written.parse::<Path>().ok();
    let (table, feed) = match parsed.as_ref().map(Path::segments) {
        Some([Segment::Key(section), Segment::Key(table)]) if section == "tables" => (table, None),
        Some([Segment::Key(section), Segment::Key(table), Segment::Key(feed)]) if section == "tables" => {
            (table, Some(feed.as_str()))
        }
        _ => return (resolver.reference(path, "kinesis", written, streams), false),
    };
    if feed != Some("streams") {
        let name = crate::scenario::path::resource("tables", table);
        let message = format!("a table's changes are read from `{name}.streams`; found `{written}`");
        resolver.error(path, message);
        return (None, true);
    }
    let Some(number) = resolver.named(path, "tables", table, tables.keys()) else { return (None, true) };
    let before = tables.values().take(number).filter(|table| table.streams.is_some()).count();
    if tables.get(table).is_some_and(|table| table.streams.is_none()) {
        resolver.error(path, format!("the table `{table}` has no `streams`, so there is nothing to read"));
        return (None, true);
    }
    (Some(streams.len() + before), true)
}

/// How long a reader of a DynamoDB stream looks for the children of a shard.
fn discovery(resolver: &mut Resolver, path: &Path, written: Option<Duration>, of_table: bool) -> u64 {
    if !of_table {
        if written.is_some() {
            resolver.error(path, "`shard_discovery` is for readers of DynamoDB streams (DDS-Y2)");
        }
        return 0;
    }
    let time: Duration = resolver.take(written, &SHARD_DISCOVERY);
    resolver.within(path, time, Duration::ZERO..=Duration::from_nanos(3_600 * SECOND), "");
    time.nanos()
}

/// Where a consumer begins, and how it reads.
fn position(resolver: &mut Resolver, path: &Path, settings: &PollingSettings, run: &Scenario) -> ReaderPlan {
    let starts: Duration = resolver.take(settings.starts, &STARTS);
    let latest = Duration::from_nanos(run.duration);
    resolver.within(&path.key("starts"), starts, Duration::ZERO..=latest, "the duration at most");
    let from = resolver.take(settings.from, &FROM);
    let from = begin(resolver, path, from, starts.nanos(), run);
    let when_trimmed = match resolver.take(settings.when_trimmed, &WHEN_TRIMMED) {
        WhenTrimmedSettings::Skip => WhenTrimmed::Skip,
        WhenTrimmedSettings::Stick => WhenTrimmed::Stick,
        WhenTrimmedSettings::Restart => WhenTrimmed::Restart,
    };
    let parents_first = resolver.take(settings.parents_first, &PARENTS_FIRST);
    ReaderPlan { from, starts: starts.nanos(), parents_first, when_trimmed }
}

/// The record with which a reader that starts at `starts` begins; `path` is where its `from` is.
pub(super) fn begin(
    resolver: &mut Resolver,
    path: &Path,
    from: FromSettings,
    starts: Nanos,
    run: &Scenario,
) -> From {
    match from {
        FromSettings::Latest => From::Latest,
        FromSettings::TrimHorizon => From::TrimHorizon,
        FromSettings::AtTimestamp(moment) => {
            let seconds = moment.unix_seconds() - run.start;
            let path = path.key("from").key("at_timestamp");
            if i128::from(seconds) * i128::from(SECOND) > i128::from(starts) {
                resolver.error(&path, "expected a moment no later than that at which it starts (KDS-R8)");
            }
            From::AtTimestamp(seconds.saturating_mul(1_000_000))
        }
    }
}

/// Resolves a delivery stream; nothing if there is no such stream to read.
pub(super) fn firehose(
    resolver: &mut Resolver,
    path: &Path,
    name: &str,
    settings: &FirehoseSettings,
    streams: &Streams,
) -> Option<FirehosePlan> {
    let stream = resolver.reference(&path.key("reads"), "kinesis", &settings.reads.0, streams.keys());
    let poll = settings.poll.clone().unwrap_or_default();
    let FirehosePollSettings { interval, phase } = poll;
    let polls = stream::polls(resolver, &path.key("poll"), (interval, &POLL_INTERVAL), phase);
    let converts = settings.format.is_some();
    let hints = settings.buffer.clone().unwrap_or_default();
    let partitioning = settings.dynamic_partitioning.as_ref();
    let contents = Contents { converts, partitioned: partitioning.is_some() };
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
    let delimiter = resolver.take(settings.delimiter, &DELIMITER);
    let compression = resolver.take(settings.compression.clone(), &COMPRESSION);
    let (compression, extension) = match &settings.format {
        Some(format) => {
            if compression != Compression::None {
                let message =
                    "objects of a columnar `format` are compressed inside (FH-F2); take `compression` out";
                resolver.error(&path.key("compression"), message);
            }
            formatted(resolver, &path.key("format"), format)
        }
        None => compressed(resolver, &path.key("compression"), &compression),
    };
    let bucket = destination(resolver, &path.key("to"), &settings.to);
    Some(FirehosePlan {
        name: name.to_owned(),
        stream: stream?,
        polls,
        size,
        interval,
        hold,
        per,
        delimiter_bytes: u32::from(delimiter == Delimiter::Newline),
        compression,
        converts,
        partitioning,
        prefix: bucket.prefix,
        extension: extension.to_owned(),
        put: bucket.put?,
        retry_wait: bucket.retry_wait,
        late_success: bucket.late_success,
    })
}

/// What is done to the records of a buffer.
#[derive(Clone, Copy)]
struct Contents {
    converts: bool,
    partitioned: bool,
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
        _ => (&BUFFER_SIZE, 1 << 20, "FH-B2"),
    };
    if contents.partitioned && settings.per.is_some() {
        resolver.error(&path.key("per"), "with dynamic partitioning a buffer is for a partition (FH-B3)");
    }
    let size: Bytes = resolver.take(settings.size, default);
    resolver.within(&path.key("size"), size, Bytes::new(least)..=Bytes::new(128 << 20), fact);
    let interval: Duration = resolver.take(settings.interval, &BUFFER_INTERVAL);
    if interval == Duration::ZERO && contents.partitioned {
        resolver.error(&path.key("interval"), "no zero buffering with dynamic partitioning (FH-B8)");
    } else if interval != Duration::ZERO {
        let seconds = |seconds| Duration::from_nanos(seconds * SECOND);
        resolver.within(&path.key("interval"), interval, seconds(1)..=seconds(900), "FH-B2");
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

/// A bucket, checked.
struct Bucket {
    prefix: String,
    put: Option<Sampler>,
    retry_wait: u64,
    late_success: f64,
}

fn destination(resolver: &mut Resolver, path: &Path, destination: &Destination) -> Bucket {
    let Destination::S3(settings) = destination;
    let path = path.key("s3");
    let prefix: String = resolver.take(settings.prefix.clone(), &PREFIX);
    if prefix.len() > PREFIX_BYTES_MAX {
        resolver.error(&path.key("prefix"), format!("expected at most {PREFIX_BYTES_MAX} bytes"));
    }
    resolver.assume(&UPLOADS);
    resolver.assume(&REQUESTS);
    let put = resolver.take(settings.put.clone(), &PUT);
    let put = distribution::time(resolver, &path.key("put"), &put);
    let retry_wait = settings.retry_wait.unwrap_or(RETRY_WAIT);
    let waits = Duration::from_nanos(SECOND)..=Duration::from_nanos(3_600 * SECOND);
    resolver.within(&path.key("retry_wait"), retry_wait, waits, "");
    let late_success = settings.late_success.unwrap_or_default();
    if late_success.fraction() >= 0.5 {
        resolver.error(&path.key("late_success"), "expected less than 50%");
    }
    Bucket { prefix, put, retry_wait: retry_wait.nanos(), late_success: late_success.fraction() }
}
