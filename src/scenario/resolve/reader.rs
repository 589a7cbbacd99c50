//! Those that read streams: consumers.

use indexmap::IndexMap;

use super::{fleet, lambda, pipe, sink, sqs, stream};
use crate::engine::time::{MILLISECOND, Nanos, SECOND};
use crate::scenario::checked::Scenario;
use crate::scenario::file::ConsumerSettings;
use crate::scenario::path::{Path, Segment};
use crate::scenario::resolver::Resolver;
use crate::systems::dynamodb::settings::TableSettings;
use crate::systems::dynamodb::streams::{RECORDS_PER_CALL, RETENTION, StreamsPlan};
use crate::systems::kinesis::poll_grid::{CALL_TIME, REFUSED_WAIT};
use crate::systems::kinesis::reader::{From, ReaderPlan, WhenTrimmed};
use crate::systems::lambda::settings::LambdaSettings;
use crate::systems::polling::PollingPlan;
use crate::systems::polling::settings::{
    BATCH_SIZE, FROM, FromSettings, INTERVAL, PARENTS_FIRST, PER_BATCH, PER_RECORD, PollingSettings,
    SHARD_DISCOVERY, STARTS, STREAMS_BATCH_SIZE, WHEN_TRIMMED, WORKERS, WhenTrimmedSettings,
};
use crate::units::Duration;

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
    let ConsumerSettings { reads, polling, lambda, pipe, kcl, flink, network: _ } = settings;
    let kinds = [
        ("polling", polling.is_some()),
        ("lambda", lambda.is_some()),
        ("pipe", pipe.is_some()),
        ("kcl", kcl.is_some()),
        ("flink", flink.is_some()),
    ];
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
    if let Some(settings) = kcl {
        let plan = fleet::kcl(resolver, &path.key("kcl"), name, settings, (stream, of_table), scenario);
        scenario.fleets.extend(plan);
    }
    if let Some(settings) = flink {
        let plan = fleet::flink(resolver, &path.key("flink"), name, settings, (stream, of_table), scenario);
        scenario.fleets.extend(plan);
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
            (_, Some(settings)) => pipe::resolve(resolver, &path.key("pipe"), name, settings, &reads),
            (Some(settings), None) => {
                let at = path.key("lambda");
                lambda::resolve(resolver, (&at, &at), name, settings, &reads)
            }
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
    let mut polls = stream::polls(resolver, path, (polling.interval, &INTERVAL), polling.phase);
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
    polls.refused_wait = refused_wait(resolver, path, polling.refused_wait);
    let sink = sink::optional(resolver, path, polling.sink.as_ref());
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
        sink: sink?,
        reader,
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

/// How long a reader waits after a refused call, on the average (OWN-8).
pub(super) fn refused_wait(resolver: &mut Resolver, path: &Path, written: Option<Duration>) -> Nanos {
    let wait: Duration = resolver.take(written, &REFUSED_WAIT);
    let waits = Duration::from_nanos(MILLISECOND)..=Duration::from_nanos(60 * SECOND);
    resolver.within(&path.key("refused_wait"), wait, waits, "");
    resolver.assume(&CALL_TIME);
    wait.nanos()
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
