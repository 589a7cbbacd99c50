//! Producers that put records straight into streams.

use super::arrivals::{self, Arrivals, Surroundings};
use super::{distribution, firehose, producer, table};
use crate::engine::sampler::Sampler;
use crate::engine::time::{HOUR, MILLISECOND, Nanos, SECOND};
use crate::retry::{Backoff, Client, Jitter, RetryProfile};
use crate::scenario::file::ScenarioFile;
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::settings::distribution::Time;
use crate::settings::parameter::Parameter;
use crate::systems::kinesis::plan::StreamPlan;
use crate::systems::kinesis::producer::plan::{AggregateMax, ClientPlan, DirectPlan, GatherPlan, KplPlan};
use crate::units::{Bytes, Duration, Percent};
use crate::workload::key_name::{KEY_CHARACTERS_MAX, KeyName};
use crate::workload::key_names::KeyNames;
use crate::workload::put_records::{DataPlan, Placement, PutPlan, RecordSource};
use crate::workload::settings::direct::*;
use crate::workload::settings::{KeysSettings, RETRIES, WorkloadSettings};

/// Bytes of a PutRecords call (KDS-W3), and of one of the agent.
const CALL_BYTES_MAX: u32 = 10 << 20;
const AGENT_CALL_BYTES_MAX: u64 = 5 << 20;
/// Bytes of a PutRecordBatch call (FH-Q7).
const BATCH_BYTES_MAX: u32 = 4 << 20;
/// Data drawn larger than this is as good as this: no stream takes half of it (KDS-W4).
const DATA_BYTES_MAX: u32 = 20 << 20;
/// Lengths of the agent's partition keys.
const RANDOM_KEY_BYTES: u32 = 17;
const HASHED_KEY_BYTES: u32 = 32;

/// Where a direct producer puts its records.
pub(super) struct Target {
    /// Number of the stream; nothing after an error.
    stream: Option<usize>,
    /// Whether it stands for a Firehose that takes Direct PUT.
    is_firehose: bool,
}

/// The stream, or the Firehose, that a direct producer names.
pub(super) fn target(
    resolver: &mut Resolver,
    path: &Path,
    to: &str,
    file: &ScenarioFile,
    streams: &[StreamPlan],
) -> Target {
    if to.starts_with("kinesis.") {
        let names: Vec<String> = streams.iter().map(|stream| stream.name.clone()).collect();
        return Target { stream: resolver.reference(path, "kinesis", to, &names), is_firehose: false };
    }
    let number = resolver.reference(path, "firehose", to, file.firehose.keys());
    let reads = number.and_then(|number| file.firehose[number].reads.as_ref());
    if let Some(reads) = reads {
        let message = format!("`{to}` reads `{}`, so it takes no Direct PUT (FH-S5)", reads.0);
        resolver.error_with_help(path, message, "give it `direct_put: {}` instead of `reads`");
    }
    let takes = number.filter(|_| reads.is_none());
    Target { stream: takes.map(|number| firehose::direct_put_number(file, number)), is_firehose: true }
}

/// Records for a Firehose have no partition keys.
fn without_keys(resolver: &mut Resolver, path: &Path, settings: &WorkloadSettings) -> Option<Placement> {
    let record = settings.record.as_ref();
    let keys = [
        ("partition_key", record.is_some_and(|it| it.partition_key.is_some())),
        ("explicit_hash_key", record.is_some_and(|it| it.explicit_hash_key.is_some())),
    ];
    for (key, _) in keys.into_iter().filter(|(_, written)| *written) {
        let message = "records that are put into a Firehose have no keys; take this out";
        resolver.error(&path.key("record").key(key), message);
    }
    Some(Placement::OwnKey(0))
}

/// Resolves a direct producer; nothing after an error.
pub(super) fn resolve(
    resolver: &mut Resolver,
    path: &Path,
    name: &str,
    settings: &WorkloadSettings,
    target: Target,
    around: &mut Surroundings,
) -> Option<PutPlan> {
    // Of a Firehose that takes no records there is nothing more to say.
    if target.is_firehose && target.stream.is_none() {
        return None;
    }
    if !refuse_of_tables(resolver, path, settings) {
        return None;
    }
    let arrivals = arrivals::resolve(resolver, &path.key("arrivals"), &settings.arrivals, around);
    let client = client(resolver, &path.key("client"), settings, target.is_firehose);
    let source = arrivals.and_then(|arrivals| source(resolver, path, settings, arrivals));
    let placement = match target.is_firehose {
        true => without_keys(resolver, path, settings),
        false => placement(resolver, path, settings),
    };
    let (source, names) = source?;
    let (direct, name) = (client?, name.to_owned());
    Some(PutPlan { name, stream: target.stream?, source, names, placement: placement?, direct })
}

/// Refuses what only producers of tables have. Whoever describes items alone has mistaken the kind of producer: that one
/// message will do, and the answer is no.
fn refuse_of_tables(resolver: &mut Resolver, path: &Path, settings: &WorkloadSettings) -> bool {
    let retries = settings.client.as_ref().is_some_and(|client| client.retries.is_some());
    let help = "it goes with `writes_to: tables.X`";
    if settings.item.is_some() {
        let message = "a stream takes records, not items: write `record: { size: 300 B }`";
        resolver.error_with_help(&path.key("item"), message, help);
        if settings.record.is_none() {
            return false;
        }
    }
    if settings.operations.is_some() {
        let message = "records that are put into a stream do nothing to items; take `operations` out";
        resolver.error_with_help(&path.key("operations"), message, help);
    }
    for path in of_tables(path, settings) {
        resolver.error_with_help(&path, "this is for producers that write to tables; take it out", help);
    }
    if retries {
        let message = "retries of a stream's client belong to its `sdk`";
        resolver.error_with_help(&path.key("client").key("retries"), message, help);
    }
    true
}

/// Where what clients of tables alone can do is written.
fn of_tables(path: &Path, settings: &WorkloadSettings) -> Vec<Path> {
    let client = settings.client.clone().unwrap_or_default();
    let at = path.key("client");
    let written = [
        (path.key("source"), settings.source.is_some()),
        (path.key("arrivals").key("closed"), settings.arrivals.closed.is_some()),
        (at.key("clients"), client.clients.is_some()),
        (at.key("batch"), client.batch.is_some()),
        (at.key("transaction"), client.transaction.is_some()),
        (at.key("resend"), client.resend.is_some()),
        (at.key("write_time"), client.write_time.is_some()),
        (at.key("server_errors"), client.server_errors.is_some()),
    ];
    written.into_iter().filter(|(_, written)| *written).map(|(path, _)| path).collect()
}

fn source(
    resolver: &mut Resolver,
    path: &Path,
    settings: &WorkloadSettings,
    arrivals: Arrivals,
) -> Option<(RecordSource, KeyNames)> {
    let record = settings.record.as_ref();
    match arrivals {
        Arrivals::Trace(trace) => {
            let keys = !matches!(settings.keys, None | Some(KeysSettings::Trace));
            let written = [
                (path.key("keys"), keys),
                (path.key("record").key("size"), record.is_some_and(|it| it.size.is_some())),
                (
                    path.key("record").key("partition_key"),
                    record.is_some_and(|it| it.partition_key.is_some()),
                ),
            ];
            for (path, _) in written.iter().filter(|(_, written)| *written) {
                resolver.error(path, "a trace brings its own; take this out");
            }
            if let Some(long) = trace.keys().iter().find(|key| key.chars().count() > KEY_CHARACTERS_MAX) {
                let start: String = long.chars().take(20).collect();
                let message =
                    format!("partition keys have at most 256 characters (KDS-H1); `{start}...` has more");
                resolver.error(&path.key("arrivals").key("trace"), message);
            }
            let names = KeyNames::Listed(trace.keys().into());
            Some((RecordSource::Trace(trace), names))
        }
        Arrivals::Drawn(arrivals) => {
            let keys = producer::keys(resolver, &path.key("keys"), settings.keys.as_ref());
            let key = record.and_then(|record| record.partition_key.as_ref());
            let name = table::key_name(resolver, &path.key("record").key("partition_key"), key);
            let Some(size) = record.and_then(|record| record.size.as_ref()) else {
                resolver.error(path, "the key `record` is missing, with the `size` of the records' data");
                return None;
            };
            let size = distribution::size(resolver, &path.key("record").key("size"), size)?;
            let bound = |bytes: Option<u64>, otherwise: u32| {
                bytes.map_or(otherwise, |bytes| u32::try_from(bytes).unwrap_or(u32::MAX).min(DATA_BYTES_MAX))
            };
            let (min, max) = (bound(size.min, 0), bound(size.max, DATA_BYTES_MAX));
            let sizes = DataPlan { sampler: size.sampler, min, max: max.max(min) };
            let names: KeyName = name?;
            Some((RecordSource::Drawn { arrivals, keys: keys?, sizes }, KeyNames::Made(names)))
        }
    }
}

/// Which hash keys the records go by.
fn placement(resolver: &mut Resolver, path: &Path, settings: &WorkloadSettings) -> Option<Placement> {
    let explicit = settings.record.as_ref().and_then(|record| record.explicit_hash_key.as_ref());
    let agent = settings.client.as_ref().and_then(|client| client.agent.as_ref());
    let path = path.key("record").key("explicit_hash_key");
    if let Some(agent) = agent {
        if explicit.is_some() {
            resolver.error(&path, "the Kinesis Agent gives no explicit hash keys; take this out");
        }
        let key = resolver.take(agent.partition_key_option, &AGENT_KEY);
        return Some(Placement::OwnKey(match key {
            AgentKeySettings::Random => RANDOM_KEY_BYTES,
            AgentKeySettings::Deterministic => HASHED_KEY_BYTES,
        }));
    }
    match explicit {
        None => Some(Placement::PartitionKey),
        Some(HashKeySettings::Spread) => Some(Placement::Spread),
        Some(HashKeySettings::Fixed(written)) => {
            let digits = !written.is_empty() && written.bytes().all(|byte| byte.is_ascii_digit());
            let hash = written.parse::<u128>().ok().filter(|_| digits);
            if hash.is_none() {
                let most = u128::MAX;
                resolver.error(
                    &path.key("fixed"),
                    format!("expected a decimal number from 0 to {most} (KDS-H3); found `{written}`"),
                );
            }
            hash.map(Placement::Fixed)
        }
    }
}

fn client(
    resolver: &mut Resolver,
    path: &Path,
    settings: &WorkloadSettings,
    to_firehose: bool,
) -> Option<DirectPlan> {
    let client = settings.client.as_ref();
    let sdk = client.and_then(|client| client.sdk.as_ref());
    let kpl = client.and_then(|client| client.kpl.as_ref());
    let agent = client.and_then(|client| client.agent.as_ref());
    let kinds = [("sdk", sdk.is_some()), ("kpl", kpl.is_some()), ("agent", agent.is_some())];
    if !resolver.exactly_one(path, &kinds) {
        return None;
    }
    resolver.assume(&HALFWAY);
    match (sdk, kpl, agent) {
        (Some(sdk), ..) => self::sdk(resolver, &path.key("sdk"), sdk, to_firehose),
        (_, Some(_), _) if to_firehose => {
            resolver
                .error(&path.key("kpl"), "the KPL puts records into Kinesis streams, not into a Firehose");
            None
        }
        (_, Some(kpl), _) => self::kpl(resolver, &path.key("kpl"), kpl),
        (_, _, Some(agent)) => self::agent(resolver, &path.key("agent"), agent, to_firehose),
        _ => None,
    }
}

/// What calls have in common.
struct Network {
    latency: Sampler,
    timeout: Nanos,
    lost_replies: f64,
}

fn network(
    resolver: &mut Resolver,
    path: &Path,
    latency: Option<&Time>,
    (timeout, parameter, least, most): (Option<Duration>, &Parameter, Nanos, Nanos),
    lost: Option<Percent>,
) -> Option<Network> {
    let latency: Time = resolver.take(latency.cloned(), &LATENCY);
    let latency = distribution::time(resolver, &path.key("latency"), &latency);
    let timeout = within(resolver, path, timeout, parameter, least, most);
    let lost: Percent = resolver.take(lost, &LOST_REPLIES);
    Some(Network { latency: latency?, timeout, lost_replies: lost.fraction() })
}

/// A span of time under the parameter's own key.
fn within(
    resolver: &mut Resolver,
    path: &Path,
    written: Option<Duration>,
    parameter: &Parameter,
    least: Nanos,
    most: Nanos,
) -> Nanos {
    let taken: Duration = resolver.take(written, parameter);
    let range = Duration::from_nanos(least)..=Duration::from_nanos(most);
    resolver.within(&path.key(parameter.key), taken, range, "");
    taken.nanos()
}

/// A count under the parameter's own key.
fn count(
    resolver: &mut Resolver,
    path: &Path,
    written: Option<u32>,
    parameter: &Parameter,
    most: u32,
) -> u32 {
    let taken: u32 = resolver.take(written, parameter);
    let fact = if parameter.published { parameter.id } else { "" };
    resolver.within(&path.key(parameter.key), taken, 1..=most, fact);
    taken
}

fn sdk(
    resolver: &mut Resolver,
    path: &Path,
    settings: &SdkSettings,
    to_firehose: bool,
) -> Option<DirectPlan> {
    let of_kinesis = settings.call == CallSettings::PutRecords;
    let of_firehose = settings.call == CallSettings::PutRecordBatch;
    if to_firehose && of_kinesis || !to_firehose && of_firehose {
        let (call, other) = if to_firehose {
            ("put_record_batch", "put_records")
        } else {
            ("put_records", "put_record_batch")
        };
        let message =
            format!("expected `put_record` or `{call}`; found `{other}`, which is another service's call");
        resolver.error(&path.key("call"), message);
    }
    let single = settings.call == CallSettings::PutRecord;
    let written = [
        ("records_per_call", single, settings.records_per_call.is_some()),
        ("linger", single, settings.linger.is_some()),
        ("sequence_number_for_ordering", !single, settings.sequence_number_for_ordering == Some(true)),
    ];
    for (key, refused, written) in written {
        if refused && written {
            let batch = if to_firehose { "put_record_batch" } else { "put_records" };
            let call = if single { batch } else { "put_record" };
            resolver.error(&path.key(key), format!("`{key}` goes with `call: {call}` only"));
        }
    }
    let (records_max, linger) = if single {
        (1, 0)
    } else {
        let linger = within(resolver, path, settings.linger, &LINGER, 0, HOUR);
        (count(resolver, path, settings.records_per_call, &RECORDS_PER_CALL, 500), linger)
    };
    let retries = resolver.take(settings.retries.clone(), &RETRIES);
    let resend = resolver.take(settings.resend.clone(), &RESEND);
    let timeout = (settings.timeout, &TIMEOUT, MILLISECOND, HOUR);
    let network = network(resolver, path, settings.latency.as_ref(), timeout, settings.lost_replies);
    let gather = GatherPlan {
        single,
        records_max,
        bytes_max: if to_firehose { BATCH_BYTES_MAX } else { CALL_BYTES_MAX },
        linger,
        retries: producer::retries(resolver, &path.key("retries"), &retries, Client::Other),
        resend: producer::retries(resolver, &path.key("resend"), &resend, Client::Other),
        sequence_numbers: resolver.take(settings.sequence_number_for_ordering, &SEQUENCE_NUMBERS),
        pick_up: 0,
    };
    let in_flight = count(resolver, path, settings.in_flight, &IN_FLIGHT, 10_000);
    Some(plan(ClientPlan::Gather(gather), network?, in_flight))
}

fn plan(client: ClientPlan, network: Network, in_flight: u32) -> DirectPlan {
    let Network { latency, timeout, lost_replies } = network;
    DirectPlan { client, latency, timeout, lost_replies, in_flight }
}

fn kpl(resolver: &mut Resolver, path: &Path, settings: &KplSettings) -> Option<DirectPlan> {
    let mut bytes = |written: Option<Bytes>, parameter: &Parameter, least: u64, most: u64| {
        let taken: Bytes = resolver.take(written, parameter);
        let range = Bytes::new(least)..=Bytes::new(most);
        resolver.within(&path.key(parameter.key), taken, range, parameter.id);
        taken.get()
    };
    let size = bytes(settings.aggregation_max_size, &AGGREGATION_MAX_SIZE, 64, 1 << 20);
    let collect_bytes = bytes(settings.collection_max_size, &COLLECTION_MAX_SIZE, 50 << 10, 10 << 20);
    let most = AggregateMax {
        bytes: u32::try_from(size).unwrap_or(u32::MAX),
        count: count(resolver, path, settings.aggregation_max_count, &AGGREGATION_MAX_COUNT, u32::MAX),
    };
    let aggregation: bool = resolver.take(settings.aggregation, &AGGREGATION);
    let timeout = (settings.request_timeout, &REQUEST_TIMEOUT, 100 * MILLISECOND, 600 * SECOND);
    let network = network(resolver, path, settings.latency.as_ref(), timeout, settings.lost_replies);
    if aggregation {
        resolver.assume(&COLLECTING);
    }
    let kpl = KplPlan {
        aggregate: aggregation.then_some(most),
        collect_records: count(resolver, path, settings.collection_max_count, &COLLECTION_MAX_COUNT, 500),
        collect_bytes,
        buffered: within(resolver, path, settings.record_max_buffered_time, &BUFFERED, MILLISECOND, HOUR),
        ttl: within(resolver, path, settings.record_ttl, &TTL, 100 * MILLISECOND, 24 * HOUR),
        rate_limit: f64::from(count(resolver, path, settings.rate_limit, &RATE_LIMIT, 10_000)) / 100.0,
    };
    let in_flight = count(resolver, path, settings.max_connections, &CONNECTIONS, 256);
    Some(plan(ClientPlan::Kpl(kpl), network?, in_flight))
}

fn agent(
    resolver: &mut Resolver,
    path: &Path,
    settings: &AgentSettings,
    to_firehose: bool,
) -> Option<DirectPlan> {
    let size: Bytes = resolver.take(settings.max_buffer_size, &BUFFER_SIZE);
    let most = if to_firehose { u64::from(BATCH_BYTES_MAX) } else { AGENT_CALL_BYTES_MAX };
    let size = if to_firehose && settings.max_buffer_size.is_none() { Bytes::new(most) } else { size };
    let range = Bytes::new(1)..=Bytes::new(most);
    resolver.within(&path.key("max_buffer_size"), size, range, if to_firehose { "FH-Q7" } else { "" });
    resolver.assume(&AGENT_RETRIES);
    let timeout = (settings.timeout, &TIMEOUT, MILLISECOND, HOUR);
    let network = network(resolver, path, settings.latency.as_ref(), timeout, settings.lost_replies);
    let gather = GatherPlan {
        single: false,
        records_max: count(resolver, path, settings.max_buffer_records, &BUFFER_RECORDS, 500),
        bytes_max: u32::try_from(size.get()).unwrap_or(u32::MAX),
        linger: within(resolver, path, settings.max_buffer_age, &BUFFER_AGE, SECOND, 900 * SECOND),
        retries: RetryProfile::none(),
        resend: agent_retries(),
        sequence_numbers: false,
        pick_up: within(resolver, path, settings.file_polls, &FILE_POLLS, MILLISECOND, HOUR),
    };
    let in_flight = count(resolver, path, settings.in_flight, &AGENT_IN_FLIGHT, 100);
    Some(plan(ClientPlan::Gather(gather), network?, in_flight))
}

/// It never gives up (AGENT-1).
fn agent_retries() -> RetryProfile {
    let base = 100 * MILLISECOND;
    RetryProfile {
        name: "agent",
        attempts_max: None,
        backoff: Backoff::Exponential { throttling_ns: base, transient_ns: base, cap_ns: 10 * SECOND },
        jitter: Jitter::None,
        quota: None,
    }
}
