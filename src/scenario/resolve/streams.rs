//! DynamoDB Streams on tables.

use super::distribution;
use crate::engine::time::MINUTE;
use crate::scenario::checked::Scenario;
use crate::scenario::path::{Path, resource};
use crate::scenario::resolver::Resolver;
use crate::systems::dynamodb::change_record::RecordTemplate;
use crate::systems::dynamodb::streams::{READERS_MAX, READERS_MAX_GLOBAL, StreamsPlan};
use crate::systems::dynamodb::streams_settings::{
    CALLS, DELAY, READ_BYTES, ROLLOVER, ROLLOVER_JITTER, SIZE, StreamsSettings,
};
use crate::systems::dynamodb::throughput::ThroughputPlan;
use crate::units::{Bytes, Duration};
use crate::workload::producer::ProducerPlan;

/// Resolves a table's stream; nothing after an error. Its number follows later.
pub(super) fn resolve(
    resolver: &mut Resolver,
    path: &Path,
    settings: &StreamsSettings,
    template: RecordTemplate,
    throughput: &ThroughputPlan,
) -> Option<StreamsPlan> {
    if throughput.partitions.is_none() {
        resolver
            .error(path, "a DynamoDB stream has a shard for each partition (DDS-S2), and partitions are off");
    }
    let delay = resolver.take(settings.delay.clone(), &DELAY);
    let delay = distribution::time(resolver, &path.key("delay"), &delay);
    let rollover = settings.rollover.unwrap_or_default();
    let interval: Duration = resolver.take(rollover.interval, &ROLLOVER);
    let jitter: Duration = resolver.take(rollover.jitter, &ROLLOVER_JITTER);
    let of_rollover = path.key("rollover");
    let longest = Duration::from_nanos(8_760 * 60 * MINUTE);
    resolver.within(&of_rollover.key("interval"), interval, Duration::from_nanos(MINUTE)..=longest, "");
    if rollover.jitter.is_some() {
        resolver.within(
            &of_rollover.key("jitter"),
            jitter,
            Duration::ZERO..=interval,
            "the interval at most",
        );
    }
    let limits = settings.limits.unwrap_or_default();
    let of_limits = path.key("limits");
    let calls: u32 = resolver.take(limits.get_records_calls, &CALLS);
    resolver.within(&of_limits.key("get_records_calls"), calls, 1..=1_000, "");
    let bytes: Bytes = resolver.take(limits.read_bytes, &READ_BYTES);
    resolver.within(&of_limits.key("read_bytes"), bytes, Bytes::new(1 << 20)..=Bytes::new(1 << 30), "");
    resolver.assume(&SIZE);
    Some(StreamsPlan {
        stream: 0,
        view: settings.view.into(),
        template,
        delay: delay?,
        rollover: interval.nanos(),
        // A shorter life than usual leaves less to differ by.
        rollover_jitter: jitter.nanos().min(interval.nanos()),
        calls_per_second: calls.into(),
        bytes_per_second: bytes.get(),
    })
}

/// What is to be said of a stream with more readers than it is made for.
pub(super) fn too_many_readers(scenario: &Scenario, table: usize, readers: usize) -> Option<String> {
    let replicated = |plan: &ProducerPlan| {
        plan.table == table && plan.client.as_ref().is_some_and(|client| client.replicated_after.is_some())
    };
    let global = scenario.producers.iter().any(|plan| replicated(plan));
    let (most, why) = match global {
        true => {
            (READERS_MAX_GLOBAL, "1 on a global table, whose replication is another reader (DDS-R2, DDB-G2)")
        }
        false => (READERS_MAX, "2 (DDS-R1)"),
    };
    let path = resource("tables", &scenario.tables[table].name);
    (readers > most).then(|| {
        format!("{readers} readers poll each shard of {path}.streams; it is made for {why}, and further ones may be throttled.")
    })
}
