//! What is billed beside the flow: what tables hold, keys, logs, metrics of shards, networks and transfer between Regions.

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use super::{GIGABYTE, add_all};
use crate::engine::time::{HOUR, MILLISECOND, Nanos, SECOND};
use crate::pipeline::finish::Outcome;
use crate::pipeline::quantities::Quantities;
use crate::pricing::{Cause, Usage, UsageError};
use crate::scenario::checked::Scenario;
use crate::systems::dynamodb::contents::Contents;
use crate::systems::kinesis::encryption::{CALLS, CALLS_EVERY, KeyOwner};
use crate::systems::lambda::logs::LogPlan;
use crate::systems::network::Network;

/// Metric-months of CloudWatch: a price that the book does not have, so that it shows as unknown unless the user states one.
const METRIC_MONTHS: &str = "cw.metric_mo";

/// The month's use of all of it.
pub(super) fn of(scenario: &Scenario, outcomes: &[Outcome]) -> Result<Usage, UsageError> {
    let represents = u128::from(scenario.billing.represents);
    let month = u128::from(scenario.billing.month);
    let spans: u128 = outcomes.iter().map(|outcome| u128::from(outcome.quantities.at)).sum();

    // What holds for the whole time, whatever flows: once, and not once a replication.
    let mut all = held(scenario, at_start)?.scale(represents, month * GIGABYTE)?;
    add_all(&mut all, &keys(scenario)?.scale(represents, month)?)?;
    add_all(&mut all, &key_calls(scenario)?.scale(represents, u128::from(CALLS_EVERY))?)?;
    add_all(&mut all, &doors(scenario)?.scale(represents, u128::from(HOUR))?)?;
    let grown = grown(scenario, outcomes)?.scale(1, outcomes.len().max(1) as u128)?;
    add_all(&mut all, &grown.scale(represents, month * GIGABYTE)?)?;
    add_all(&mut all, &moved(scenario, outcomes)?.scale(represents, spans * GIGABYTE)?)?;
    let stored = logs_kept(scenario, outcomes)?.scale(represents, spans * GIGABYTE)?;
    add_all(&mut all, &stored.scale(u128::from(SECOND), month)?)?;
    let metrics = shard_metrics(scenario, outcomes)?;
    add_all(&mut all, &metrics.scale(represents, month * outcomes.len().max(1) as u128)?)?;
    Ok(all)
}

/// Bytes billed of what tables hold, and of what is backed up.
fn held(scenario: &Scenario, bytes: fn(&Contents) -> u64) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    for contents in &scenario.sidelines.contents {
        add_held(&mut usage, contents, bytes(contents))?;
    }
    Ok(usage)
}

fn at_start(contents: &Contents) -> u64 {
    contents.billed_bytes()
}

fn add_held(usage: &mut Usage, contents: &Contents, bytes: u64) -> Result<(), UsageError> {
    usage.add("ddb.storage_gbmo", Cause::Base, Decimal::from(bytes))?;
    if contents.recovery {
        usage.add("ddb.pitr_gbmo", Cause::Base, Decimal::from(bytes))?;
    }
    Ok(())
}

/// Bytes of the items that come, as held on the average of what the run stands for, in all replications.
fn grown(scenario: &Scenario, outcomes: &[Outcome]) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    for (number, contents) in scenario.sidelines.contents.iter().enumerate() {
        let space = &scenario.items[number];
        let most = space.at_start.to_come(space.items);
        let spans = [scenario.duration.max(1), scenario.billing.represents];
        let new = outcomes.iter().map(|outcome| outcome.quantities.tables[number].new_items);
        let bytes = new.map(|new| held_of_new(new, most, spans, contents.billed_item_bytes()));
        let bytes = bytes.fold(0_u64, u64::saturating_add);
        add_held(&mut usage, contents, bytes)?;
    }
    Ok(usage)
}

/// Bytes held on the average while items come evenly, `new` of them in the first of two `spans`, through the second one:
/// half of those that come to be, or, if no more than `most` can come, those, less the half until all of them are there.
fn held_of_new(new: u64, most: Option<u64>, spans: [Nanos; 2], item_bytes: u64) -> u64 {
    // In milliseconds all products fit.
    let [run, represents] = spans.map(|span| u128::from(span.div_ceil(MILLISECOND)));
    let (scaled, item_bytes) = (u128::from(new) * represents, u128::from(item_bytes));
    let bytes = match most.map(u128::from) {
        // K - K^2 / 2N items, N = new x represents / run.
        Some(most) if most * run < scaled => {
            let whole = most * item_bytes;
            whole - whole * (most * run) / (2 * scaled)
        }
        _ => item_bytes * scaled / (2 * run),
    };
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn keys(scenario: &Scenario) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    let own = scenario.sidelines.encryption.iter().flatten();
    let own = own.filter(|encryption| encryption.key == KeyOwner::CustomerManaged).count();
    usage.add("kms.key_mo", Cause::Base, Decimal::from(own))?;
    Ok(usage)
}

/// Calls of all encrypted streams in the time in which each credential makes [`CALLS`].
fn key_calls(scenario: &Scenario) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    for encryption in scenario.sidelines.encryption.iter().flatten() {
        usage.add("kms.req", Cause::Base, Decimal::from(CALLS * u64::from(encryption.credentials)))?;
    }
    Ok(usage)
}

/// Endpoints and gateways.
fn doors(scenario: &Scenario) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    for door in scenario.sidelines.doors() {
        usage.add(door.price_ids()[0], Cause::Base, Decimal::from(door.count()))?;
    }
    Ok(usage)
}

/// Bytes that go through networks, to other Regions, into logs, and out of a stream long after they came.
fn moved(scenario: &Scenario, outcomes: &[Outcome]) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    for quantities in outcomes.iter().map(|outcome| &outcome.quantities) {
        for (network, bytes) in read_from_within(scenario, quantities) {
            usage.add(network.door.price_ids()[1], Cause::Base, Decimal::from(bytes))?;
            let share = Decimal::from_f64(network.across_zones).unwrap_or_default();
            // Each side pays.
            let across = (Decimal::from(bytes) * share).round() * Decimal::TWO;
            usage.add("dt.cross_az_gb", Cause::Base, across)?;
        }
        for (contents, table) in scenario.sidelines.contents.iter().zip(&quantities.tables) {
            if contents.global {
                let bytes = Decimal::from(table.local_writes) * whole(contents.item_bytes);
                usage.add("dt.inter_region_gb", Cause::Base, bytes)?;
            }
        }
        for (stream, [_, long_ago]) in quantities.copies.iter().enumerate() {
            debug_assert!(stream < scenario.streams.len() || *long_ago == 0, "tables' streams keep a day");
            usage.add("kds.prov.lt_read_gb", Cause::Retention, Decimal::from(*long_ago))?;
        }
    }
    add_all(&mut usage, &logged(scenario, outcomes)?)?;
    Ok(usage)
}

/// Bytes read from within private networks, by the consumers that stand there.
fn read_from_within<'a>(
    scenario: &'a Scenario,
    quantities: &'a Quantities,
) -> impl Iterator<Item = (Network, u64)> + 'a {
    let polling = scenario.consumers.iter().map(|plan| &plan.name);
    let polling = polling.zip(quantities.read.iter().map(|[bytes]| *bytes));
    let fleets = scenario.fleets.iter().map(|plan| &plan.name);
    let fleets = fleets.zip(quantities.fleets.iter().map(|used| used.read_bytes));
    polling.chain(fleets).filter_map(|(name, bytes)| Some((scenario.sidelines.network(name)?, bytes)))
}

fn whole(value: f64) -> Decimal {
    Decimal::from((value + 0.5) as u64)
}

/// Bytes that functions log.
fn logged(scenario: &Scenario, outcomes: &[Outcome]) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    for (_, bytes) in bytes_logged(scenario, outcomes) {
        usage.add("cwlogs.ingest_gb", Cause::LogsAndMetrics, bytes)?;
    }
    Ok(usage)
}

/// Bytes that functions log times the seconds for which they are kept: in the long run so much is always there.
fn logs_kept(scenario: &Scenario, outcomes: &[Outcome]) -> Result<Usage, UsageError> {
    let (mut usage, id) = (Usage::default(), "cwlogs.store_gbmo");
    for (logs, bytes) in bytes_logged(scenario, outcomes) {
        let stayed = bytes.checked_mul(Decimal::from(logs.kept / SECOND));
        let stayed = stayed.ok_or_else(|| UsageError::TooLarge { id: id.to_owned() })?;
        usage.add(id, Cause::LogsAndMetrics, stayed)?;
    }
    Ok(usage)
}

/// Bytes logged by each function that logs, of streams and of queues, in each replication.
fn bytes_logged<'a>(
    scenario: &'a Scenario,
    outcomes: &'a [Outcome],
) -> impl Iterator<Item = (LogPlan, Decimal)> + 'a {
    outcomes.iter().flat_map(move |outcome| {
        let used = &outcome.quantities;
        let of_streams = scenario.lambdas.iter().zip(&used.lambdas).map(|(plan, used)| (&plan.name, used));
        let of_queues = scenario.queues.iter().zip(&used.queues);
        let of_queues =
            of_queues.filter_map(|(plan, used)| Some((&plan.consumer.as_ref()?.name, &used.function)));
        of_streams.chain(of_queues).filter_map(move |(name, used)| {
            let logs = scenario.sidelines.logs(name)?;
            let invocations = Decimal::from(used.requests[0] + used.requests[1]);
            let of_records = Decimal::from(used.processed) * Decimal::from(logs.per_record);
            Some((logs, invocations * Decimal::from(logs.per_invocation) + of_records))
        })
    })
}

/// Metrics of the shards that are open at the end of the measured span.
fn shard_metrics(scenario: &Scenario, outcomes: &[Outcome]) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    for outcome in outcomes {
        for (metrics, shards) in scenario.sidelines.shard_metrics.iter().zip(&outcome.quantities.open_shards)
        {
            let metrics = Decimal::from(*metrics) * Decimal::from(*shards);
            usage.add(METRIC_MONTHS, Cause::LogsAndMetrics, metrics)?;
        }
    }
    Ok(usage)
}

/// The rules that apply, in whole sentences, and what is not in the bill.
pub(super) fn rules(scenario: &Scenario) -> Vec<String> {
    let beside = &scenario.sidelines;
    let mut rules = Vec::new();
    let mut left_out = vec!["reads of tables", "raised warm throughput", "polling consumers' computing time"];
    if !beside.contents.is_empty() && scenario.tables.iter().any(|table| !table.indexes.is_empty()) {
        left_out.push("storage of index entries");
    }
    if !beside.contents.is_empty() {
        rules.push(
            "Table storage: the items' bytes and 100 more for each (148 in a global table); items that come in the run come evenly through \
             what it stands for, until each key has one, so that they are held for half of that time or longer; what Kinesis Data Streams for DynamoDB adds to an item is not published and left out. What of write and \
             capture units is rounding follows from the sizes that the workload draws."
                .to_owned(),
        );
    }
    if beside.contents.iter().any(|contents| contents.global) {
        rules.push(
            "A replica of a global table: all its writes are billed as replicated writes, those of its indexes as ordinary ones; local \
             writes go out to one other Region, which pays for what comes from there."
                .to_owned(),
        );
    }
    match !beside.networks.is_empty() {
        true => rules.push(
            "Networks: endpoints and gateways by the hour, shared by consumers that state the same, and the bytes that those consumers \
             read."
                .to_owned(),
        ),
        false => left_out.push("private networks"),
    }
    match beside.encryption.iter().any(Option::is_some) {
        true => rules.push("Encryption: 12 KMS calls in five minutes for each credential of a stream, and a key a stream where it is your own.".to_owned()),
        false => left_out.push("encryption keys"),
    }
    match !beside.logs.is_empty() {
        true => rules.push(
            "Logs: what functions write, and in the long run the bytes that are always kept.".to_owned(),
        ),
        false => left_out.push("logs"),
    }
    match beside.shard_metrics.iter().any(|metrics| *metrics > 0) {
        true => rules
            .push("Metrics of shards: one for each shard open at the end of the measured span.".to_owned()),
        false => left_out.push("metrics of shards"),
    }
    left_out.push("taxes and discounts");
    rules.push(format!("Not in this bill: {}.", left_out.join(", ")));
    rules
}
