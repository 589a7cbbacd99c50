//! What a month uses of everything that is billed, from what the measured span used.

mod fleet;
mod on_demand;

use rust_decimal::Decimal;

use crate::engine::time::{HOUR, SECOND};
use crate::pipeline::finish::Outcome;
use crate::pipeline::source::LONG_TERM;
use crate::pricing::meter::PUT_PAYLOAD_UNIT_BYTES;
use crate::pricing::{Cause, Usage, UsageError};
use crate::scenario::checked::Scenario;
use crate::scenario::timeline::Action;
use crate::systems::lambda::mapping::Via;
use crate::systems::lambda::retry::Destination;

/// Milliseconds times MiB in one GB-second.
const MILLISECOND_MEBIBYTES: u128 = 1_000 * 1_024;
/// Bytes of the GB that AWS bills by.
const GIGABYTE: u128 = 1 << 30;
/// Bytes of the TB that Athena bills by.
const TERABYTE: u128 = 1 << 40;

/// The month's usage: what all replications used, divided by how many there are, times what the scenario stands for
/// over the measured span. Every step is exact but the last, which keeps 12 decimals.
///
/// # Errors
/// [`UsageError`] for numbers beyond 28 digits, and for a measured span of no length.
pub fn of(scenario: &Scenario, outcomes: &[Outcome]) -> Result<Usage, UsageError> {
    let represents = u128::from(scenario.billing.represents);
    let spans: u128 = outcomes.iter().map(|outcome| u128::from(outcome.quantities.at)).sum();
    let mut month = counted(scenario, outcomes)?.scale(represents, spans)?;
    add_all(&mut month, &gigabytes(scenario, outcomes)?.scale(represents, spans * GIGABYTE)?)?;
    add_all(&mut month, &scanned(outcomes)?.scale(represents, spans * TERABYTE)?)?;
    add_all(&mut month, &on_demand::gigabytes(scenario, outcomes)?.scale(represents, spans * GIGABYTE)?)?;
    add_all(
        &mut month,
        &running_time(scenario, outcomes)?.scale(represents, spans * MILLISECOND_MEBIBYTES)?,
    )?;
    let mut provisioned = provisioned(scenario, outcomes)?;
    add_all(&mut provisioned, &on_demand::stream_seconds(scenario, outcomes)?)?;
    let provisioned = provisioned.scale(represents, spans)?;
    add_all(&mut month, &provisioned.scale(1, u128::from(HOUR / SECOND))?)?;
    let storage = fleet::storage(scenario, outcomes)?.scale(represents, spans)?;
    add_all(&mut month, &storage.scale(u128::from(SECOND), u128::from(scenario.billing.month))?)?;
    // In two steps: nanoseconds, bytes and nanoseconds again do not fit one 128-bit product.
    let long_term = long_term(scenario, outcomes)?.scale(represents, spans * GIGABYTE)?;
    add_all(&mut month, &long_term.scale(u128::from(SECOND), u128::from(scenario.billing.month))?)?;
    month.0.retain(|_, line| !line.quantity.is_zero());
    Ok(month)
}

fn add_all(to: &mut Usage, from: &Usage) -> Result<(), UsageError> {
    for (id, line) in &from.0 {
        line.causes.iter().try_for_each(|(cause, quantity)| to.add(id, *cause, *quantity))?;
    }
    Ok(())
}

/// Requests and units.
fn counted(scenario: &Scenario, outcomes: &[Outcome]) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    for quantities in outcomes.iter().map(|outcome| &outcome.quantities) {
        for table in &quantities.tables {
            usage.add("ddb.od.wru", Cause::Base, Decimal::from(table.on_demand))?;
            usage.add("ddb.od.wru", Cause::FanOut, Decimal::from(table.on_demand_indexes))?;
        }
        for [first, copies, retries] in &quantities.feeds {
            usage.add("ddb.cdc.kinesis", Cause::Base, Decimal::from(*first))?;
            usage.add("ddb.cdc.kinesis", Cause::Duplicates, Decimal::from(*copies))?;
            usage.add("ddb.cdc.kinesis", Cause::Retries, Decimal::from(*retries))?;
        }
        for [calls, empty] in &quantities.streams_reads {
            usage.add("ddb.streams.rru", Cause::Base, Decimal::from(*calls))?;
            usage.add("ddb.streams.rru", Cause::EmptyPolls, Decimal::from(*empty))?;
        }
        for ([units, _, bytes], on_demand) in quantities.streams.iter().zip(&quantities.on_demand) {
            let bytes = bytes - on_demand.bytes;
            // 25,600 divides a power of ten, so that the share that is not rounding is exact.
            let true_size = Decimal::from(bytes) / Decimal::from(PUT_PAYLOAD_UNIT_BYTES.get());
            usage.add("kds.prov.put_unit", Cause::Base, true_size)?;
            usage.add("kds.prov.put_unit", Cause::Rounding, Decimal::from(*units) - true_size)?;
        }
        for (plan, used) in scenario.lambdas.iter().zip(&quantities.lambdas) {
            usage.add("lambda.req", Cause::Base, Decimal::from(used.requests[0]))?;
            usage.add("lambda.req", Cause::Retries, Decimal::from(used.requests[1]))?;
            match plan.mapping.retry.destination {
                Some(Destination::Sqs) => usage.add("sqs.std", Cause::Retries, Decimal::from(used.sent))?,
                Some(Destination::S3) => usage.add("s3.put", Cause::Retries, Decimal::from(used.sent))?,
                None => {}
            }
        }
        for (plan, [puts, _, objects]) in scenario.deliveries.iter().zip(&quantities.s3) {
            usage.add("s3.put", Cause::Base, Decimal::from(*puts))?;
            if plan.partitioning.is_some() {
                usage.add("fh.dp_objects", Cause::Base, Decimal::from(*objects))?;
            }
        }
    }
    fleet::counted(&mut usage, scenario, outcomes)?;
    for query in outcomes.iter().flat_map(|outcome| &outcome.queries) {
        let [read, written] = query.compacted;
        usage.add("s3.get", Cause::Base, Decimal::from(query.gets + read))?;
        usage.add("s3.put", Cause::Base, Decimal::from(query.lists + written))?;
    }
    debug_assert!(outcomes.iter().all(|outcome| outcome.quantities.feeds.len() == scenario.tables.len()));
    Ok(usage)
}

/// Bytes of what is billed by the GB.
fn gigabytes(scenario: &Scenario, outcomes: &[Outcome]) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    for quantities in outcomes.iter().map(|outcome| &outcome.quantities) {
        for [bytes, billed] in &quantities.deliveries {
            usage.add("fh.put", Cause::Base, Decimal::from(*bytes))?;
            usage.add("fh.put", Cause::Rounding, Decimal::from(*billed - *bytes))?;
        }
        for (plan, used) in scenario.lambdas.iter().zip(&quantities.lambdas) {
            let on_demand = on_demand::pushed(quantities, plan.stream, used.pushed_bytes);
            let id = if scenario.on_demand_advantage { "kds.adv.efo_gb" } else { "kds.od.efo_gb" };
            usage.add(id, Cause::FanOut, Decimal::from(on_demand))?;
            usage.add("kds.prov.efo_gb", Cause::FanOut, Decimal::from(used.pushed_bytes - on_demand))?;
        }
        for (plan, [bytes, billed]) in scenario.deliveries.iter().zip(&quantities.deliveries) {
            if plan.partitioning.is_some() {
                usage.add("fh.dp_gb", Cause::Base, Decimal::from(*bytes))?;
            }
            if plan.converts {
                // Billed on the bytes that ingestion is billed on, not on those of the columnar objects.
                usage.add("fh.dfc_gb", Cause::Base, Decimal::from(*bytes))?;
                usage.add("fh.dfc_gb", Cause::Rounding, Decimal::from(*billed - *bytes))?;
            }
            // What one month takes in, kept for one month; delimiters, a byte a record, are left out.
            let stored = (*bytes as f64 * plan.compression + 0.5) as u64;
            usage.add("s3.std", Cause::Base, Decimal::from(stored))?;
        }
    }
    fleet::gigabytes(&mut usage, scenario, outcomes)?;
    debug_assert!(outcomes.iter().all(|outcome| outcome.quantities.s3.len() == scenario.deliveries.len()));
    Ok(usage)
}

/// Bytes of queries.
fn scanned(outcomes: &[Outcome]) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    for query in outcomes.iter().flat_map(|outcome| &outcome.queries) {
        usage.add("athena.scan_tb", Cause::Base, Decimal::from(query.scanned))?;
        // Whole MB, and at least ten of them.
        usage.add("athena.scan_tb", Cause::Rounding, Decimal::from(query.billed - query.scanned))?;
    }
    Ok(usage)
}

/// Milliseconds times MiB of memory for which functions ran, each invocation rounded up to a millisecond.
fn running_time(scenario: &Scenario, outcomes: &[Outcome]) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    for quantities in outcomes.iter().map(|outcome| &outcome.quantities) {
        for (plan, used) in scenario.lambdas.iter().zip(&quantities.lambdas) {
            let id = if plan.function.arm { "lambda.gbs.arm" } else { "lambda.gbs.x86" };
            let memory = Decimal::from(plan.function.memory_mib);
            let ran = Decimal::new(i64::try_from(used.run_micros[0]).unwrap_or(i64::MAX), 3);
            usage.add(id, Cause::Base, ran * memory)?;
            usage.add(id, Cause::Rounding, (Decimal::from(used.billed_millis[0]) - ran) * memory)?;
            usage.add(id, Cause::Retries, Decimal::from(used.billed_millis[1]) * memory)?;
        }
    }
    Ok(usage)
}

/// Provisioned capacity of tables and open shards, times the seconds for which they were there; that of indexes is fan-out.
fn provisioned(scenario: &Scenario, outcomes: &[Outcome]) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    for table in outcomes.iter().flat_map(|outcome| &outcome.quantities.tables) {
        let write = "ddb.prov.wcu_h";
        usage.add(write, Cause::Base, unit_seconds(write, table.provisioned)?)?;
        usage.add(write, Cause::FanOut, unit_seconds(write, table.provisioned_indexes)?)?;
        let read = "ddb.prov.rcu_h";
        usage.add(read, Cause::Base, unit_seconds(read, table.provisioned_reads)?)?;
    }
    for quantities in outcomes.iter().map(|outcome| &outcome.quantities) {
        // The streams of tables come last, and their shards cost nothing (DDS-M1).
        let of_kinesis = quantities.kept.iter().zip(&quantities.shard_nanos).take(scenario.streams.len());
        for (number, (kept, nanos)) in of_kinesis.enumerate() {
            let shard = "kds.prov.shard_h";
            let seconds = unit_seconds(shard, *nanos)?;
            usage.add(shard, Cause::Base, seconds)?;
            if kept[0] > 0 {
                let id = "kds.prov.ext_ret_shard_h";
                usage.add(id, Cause::Retention, unit_seconds(id, kept[0])?)?;
            }
            for plan in scenario.lambdas.iter().filter(|plan| plan.stream == number) {
                if matches!(plan.via, Via::FanOut(_)) {
                    usage.add("kds.prov.efo_shard_h", Cause::FanOut, seconds)?;
                }
            }
        }
    }
    fleet::seconds(&mut usage, scenario, outcomes)?;
    Ok(usage)
}

fn unit_seconds(id: &str, unit_nanos: u128) -> Result<Decimal, UsageError> {
    let mantissa = i128::try_from(unit_nanos).ok();
    let seconds = mantissa.and_then(|mantissa| Decimal::try_from_i128_with_scale(mantissa, 9).ok());
    seconds.map(|seconds| seconds.normalize()).ok_or_else(|| UsageError::TooLarge { id: id.to_owned() })
}

/// Bytes written times the seconds for which they stay beyond seven days. In the long run a stream always holds
/// the bytes of that much time, so a month's GB-months are those of what a month writes.
fn long_term(scenario: &Scenario, outcomes: &[Outcome]) -> Result<Usage, UsageError> {
    let mut usage = on_demand::stored(scenario, outcomes)?;
    let id = "kds.prov.lt_ret_gbmo";
    for [_, byte_seconds] in outcomes.iter().flat_map(|outcome| &outcome.quantities.kept) {
        let stayed = i128::try_from(*byte_seconds).ok();
        let stayed = stayed.and_then(|stayed| Decimal::try_from_i128_with_scale(stayed, 0).ok());
        usage.add(id, Cause::Retention, stayed.ok_or_else(|| UsageError::TooLarge { id: id.to_owned() })?)?;
    }
    Ok(usage)
}

/// The rules by which usage was drawn up, for the reader of a bill: those that apply, in whole sentences.
pub fn rules(scenario: &Scenario) -> Vec<String> {
    let mut rules = vec![
        "Requests, units and bytes are those of the measured span, as the mean of the replications, scaled to the \
         time that the scenario stands for."
            .to_owned(),
        "Provisioned capacity and open shards are billed as they stood over the measured span, used or not."
            .to_owned(),
    ];
    if scenario.tables.iter().any(|table| table.streams.is_some()) {
        rules.push(
            "DynamoDB Streams: one read request unit for each GetRecords call of a consumer, empty answers included; \
             writing, refused calls and a stream that nobody reads cost nothing."
                .to_owned(),
        );
    }
    let raised = scenario
        .timeline
        .iter()
        .any(|planned| matches!(planned.action, Action::Retention(_, retention) if retention > LONG_TERM));
    if raised || scenario.streams.iter().any(|stream| stream.retention > LONG_TERM) {
        rules.push(
            "Retention beyond seven days: the bytes that a stream then always holds for the further days, besides \
             the shard-hours of extended retention."
                .to_owned(),
        );
    }
    rules.extend(on_demand::rules(scenario));
    rules.extend(fleet::rules(scenario));
    if !scenario.deliveries.is_empty() {
        rules.push(
            "S3 storage: the objects of one month, kept for one month. Each further month that they are kept adds \
             as much again."
                .to_owned(),
        );
    }
    if !scenario.queries.is_empty() {
        rules.push(
            "Queries: the bytes that they scan, a GET for each 128 MiB of an object, a LIST for each 1,000 objects of a \
             prefix. Of compaction only the requests are in this bill, not the computing."
                .to_owned(),
        );
    }
    rules.push(
        "Not in this bill: the table's storage, reads, raised warm throughput, polling consumers' computing time, data transfer, logs, metrics, \
         encryption keys, taxes and discounts."
            .to_owned(),
    );
    rules
}
