//! What a month uses of everything that is billed, from what the measured span used.

mod firehose;
mod fleet;
mod on_demand;
mod sidelines;

use std::collections::BTreeSet;

pub use firehose::unpriced;

use rust_decimal::Decimal;

use crate::engine::time::{HOUR, SECOND};
use crate::pipeline::finish::Outcome;
use crate::pipeline::quantities::Quantities;
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
/// The largest record of a stream that does not allow for large ones.
const MEBIBYTE: u32 = 1 << 20;
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
    add_all(&mut month, &sidelines::of(scenario, outcomes)?)?;
    let mut provisioned = provisioned(scenario, outcomes)?;
    add_all(&mut provisioned, &on_demand::stream_seconds(scenario, outcomes)?)?;
    add_all(&mut provisioned, &firehose::zone_seconds(scenario, outcomes)?)?;
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
        of_tables(scenario, quantities, &mut usage)?;
        of_streams(scenario, quantities, &mut usage)?;
        of_functions(scenario, quantities, &mut usage)?;
        of_queues(scenario, quantities, &mut usage)?;
        firehose::counted(scenario, quantities, &mut usage)?;
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

/// Writes of tables, and changes that their feeds carry.
fn of_tables(scenario: &Scenario, quantities: &Quantities, usage: &mut Usage) -> Result<(), UsageError> {
    for (number, table) in quantities.tables.iter().enumerate() {
        let id = write_ids(scenario, number)[0];
        let rounding = unit_rounding(scenario, number);
        usage.add_split(id, Decimal::from(table.on_demand), Cause::Base, rounding)?;
        // Writes of indexes are ordinary ones, also in a global table.
        usage.add("ddb.od.wru", Cause::FanOut, Decimal::from(table.on_demand_indexes))?;
    }
    for (number, [first, copies, retries]) in quantities.feeds.iter().enumerate() {
        let rounding = unit_rounding(scenario, number);
        usage.add_split("ddb.cdc.kinesis", Decimal::from(*first), Cause::Base, rounding)?;
        usage.add("ddb.cdc.kinesis", Cause::Duplicates, Decimal::from(*copies))?;
        usage.add("ddb.cdc.kinesis", Cause::Retries, Decimal::from(*retries))?;
    }
    Ok(())
}

/// Reads of tables' streams, and puts into Kinesis.
fn of_streams(scenario: &Scenario, quantities: &Quantities, usage: &mut Usage) -> Result<(), UsageError> {
    let mut read = BTreeSet::new();
    for (plan, [calls, empty]) in scenario.consumers.iter().zip(&quantities.streams_reads) {
        let cause = if read.insert(plan.stream) { Cause::Base } else { Cause::FanOut };
        usage.add("ddb.streams.rru", cause, Decimal::from(*calls))?;
        usage.add("ddb.streams.rru", Cause::EmptyPolls, Decimal::from(*empty))?;
    }
    for (number, [units, _, bytes]) in quantities.streams.iter().enumerate() {
        let bytes = bytes - quantities.on_demand[number].bytes;
        // 25,600 divides a power of ten, so that the share that is not rounding is exact.
        let true_size = Decimal::from(bytes) / Decimal::from(PUT_PAYLOAD_UNIT_BYTES.get());
        let (id, copies) = ("kds.prov.put_unit", copies(quantities, number));
        usage.add_split(id, true_size, Cause::Base, copies)?;
        usage.add_split(id, Decimal::from(*units) - true_size, Cause::Rounding, copies)?;
    }
    Ok(())
}

/// Requests of functions and pipes that read streams.
fn of_functions(scenario: &Scenario, quantities: &Quantities, usage: &mut Usage) -> Result<(), UsageError> {
    for (plan, used) in scenario.lambdas.iter().zip(&quantities.lambdas) {
        let of_function = plan.role.runs_function().then_some(("lambda.req", used.requests));
        let of_pipe = plan.role.is_pipe().then_some(("pipes.req", used.pipe_requests));
        for (id, requests) in of_function.into_iter().chain(of_pipe) {
            usage.add(id, Cause::Base, Decimal::from(requests[0]))?;
            usage.add(id, Cause::Retries, Decimal::from(requests[1]))?;
        }
        match plan.mapping.retry.destination {
            Some(Destination::Sqs) => usage.add("sqs.std", Cause::Retries, Decimal::from(used.sent))?,
            Some(Destination::S3) => usage.add("s3.put", Cause::Retries, Decimal::from(used.sent))?,
            None => {}
        }
    }
    Ok(())
}

/// Requests at queues and of the functions that read them.
fn of_queues(scenario: &Scenario, quantities: &Quantities, usage: &mut Usage) -> Result<(), UsageError> {
    for (plan, used) in scenario.queues.iter().zip(&quantities.queues) {
        let id = if plan.queue.fifo.is_some() { "sqs.fifo" } else { "sqs.std" };
        usage.add(id, Cause::Base, Decimal::from(used.requests[0]))?;
        usage.add(id, Cause::Retries, Decimal::from(used.requests[1]))?;
        usage.add(id, Cause::EmptyPolls, Decimal::from(used.empty_receives))?;
        usage.add("lambda.req", Cause::Base, Decimal::from(used.function.requests[0]))?;
        usage.add("lambda.req", Cause::Retries, Decimal::from(used.function.requests[1]))?;
    }
    Ok(())
}

/// Price ids of a table's writes, on demand and provisioned: those of a replica of a global table are replicated writes, the
/// local ones among them.
fn write_ids(scenario: &Scenario, table: usize) -> [&'static str; 2] {
    match scenario.sidelines.contents(table).global {
        true => ["ddb.gt.rwru", "ddb.gt.rwcu_h"],
        false => ["ddb.od.wru", "ddb.prov.wcu_h"],
    }
}

/// What of a table's write units, and of its feed's capture units, is rounding of items up to whole KB (DDB-U1).
fn unit_rounding(scenario: &Scenario, table: usize) -> (Cause, u64, u64) {
    let filled = scenario.sidelines.contents.get(table).map_or(1.0, |contents| contents.unit_filled);
    let millionths = 1_000_000;
    (Cause::Rounding, millionths - ((filled * millionths as f64 + 0.5) as u64).min(millionths), millionths)
}

/// What of a stream's records, and of all that their bytes cost further down, are second copies.
fn copies(quantities: &Quantities, stream: usize) -> (Cause, u64, u64) {
    let [copies, _] = quantities.copies.get(stream).copied().unwrap_or_default();
    (Cause::Duplicates, copies, quantities.streams[stream][1])
}

/// Bytes of what is billed by the GB.
fn gigabytes(scenario: &Scenario, outcomes: &[Outcome]) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    for quantities in outcomes.iter().map(|outcome| &outcome.quantities) {
        for (plan, used) in scenario.lambdas.iter().zip(&quantities.lambdas) {
            let on_demand = on_demand::pushed(quantities, plan.stream, used.pushed_bytes);
            let id = if scenario.on_demand_advantage { "kds.adv.efo_gb" } else { "kds.od.efo_gb" };
            let copies = copies(quantities, plan.stream);
            usage.add_split(id, Decimal::from(on_demand), Cause::FanOut, copies)?;
            let provisioned = Decimal::from(used.pushed_bytes - on_demand);
            usage.add_split("kds.prov.efo_gb", provisioned, Cause::FanOut, copies)?;
        }
        firehose::gigabytes(scenario, quantities, &mut usage)?;
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
        let of_streams = scenario.lambdas.iter().zip(&quantities.lambdas);
        let of_streams = of_streams
            .filter(|(plan, _)| plan.role.runs_function())
            .map(|(plan, used)| (&plan.function, used));
        let of_queues = scenario.queues.iter().zip(&quantities.queues);
        let of_queues =
            of_queues.filter_map(|(plan, used)| Some((&plan.consumer.as_ref()?.function, &used.function)));
        for (function, used) in of_streams.chain(of_queues) {
            let id = if function.arm { "lambda.gbs.arm" } else { "lambda.gbs.x86" };
            let memory = Decimal::from(function.memory_mib);
            let ran = Decimal::new(i64::try_from(used.run_micros[0]).unwrap_or(i64::MAX), 3);
            usage.add(id, Cause::Base, ran * memory)?;
            usage.add(id, Cause::Rounding, (Decimal::from(used.billed_millis[0]) - ran) * memory)?;
            usage.add(id, Cause::Retries, Decimal::from(used.billed_millis[1]) * memory)?;
        }
        firehose::running_time(scenario, quantities, &mut usage)?;
    }
    Ok(usage)
}

/// Provisioned capacity of tables and open shards, times the seconds for which they were there; that of indexes is fan-out.
fn provisioned(scenario: &Scenario, outcomes: &[Outcome]) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    let tables = outcomes.iter().flat_map(|outcome| outcome.quantities.tables.iter().enumerate());
    for (number, table) in tables {
        let write = write_ids(scenario, number)[1];
        usage.add(write, Cause::Base, unit_seconds(write, table.provisioned)?)?;
        let write = "ddb.prov.wcu_h";
        usage.add(write, Cause::FanOut, unit_seconds(write, table.provisioned_indexes)?)?;
        let read = "ddb.prov.rcu_h";
        usage.add(read, Cause::Base, unit_seconds(read, table.provisioned_reads)?)?;
    }
    for quantities in outcomes.iter().map(|outcome| &outcome.quantities) {
        // Behind those of Kinesis come streams that have no shards to pay for: those of tables, and Direct PUT.
        let of_kinesis = quantities.kept.iter().zip(&quantities.shard_nanos).take(scenario.streams.len());
        for (number, (kept, nanos)) in of_kinesis.enumerate() {
            let shard = "kds.prov.shard_h";
            let seconds = unit_seconds(shard, *nanos)?;
            usage.add(shard, Cause::Base, seconds)?;
            if kept[0] > 0 {
                let id = "kds.prov.ext_ret_shard_h";
                usage.add(id, Cause::Retention, unit_seconds(id, kept[0])?)?;
            }
            for (plan, used) in scenario.lambdas.iter().zip(&quantities.lambdas) {
                if plan.stream == number && matches!(plan.via, Via::FanOut(_)) {
                    let id = "kds.prov.efo_shard_h";
                    usage.add(id, Cause::FanOut, unit_seconds(id, used.registered_nanos)?)?;
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
    if !scenario.streams.is_empty() {
        rules.push("Of a record both its data and its partition key are billed (PRICE-1).".to_owned());
    }
    if scenario.streams.iter().any(|plan| plan.record_bytes_max > MEBIBYTE && !plan.capacity.is_on_demand()) {
        rules.push(
            "Sensitive: a PUT payload unit is taken as 25,600 bytes; were it 25,000, records above about 1 MB would cost up to \
             2.4 % more (PRICE-2)."
                .to_owned(),
        );
    }
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
    if !scenario.queues.is_empty() {
        rules.push(
            "SQS: one request for each call to send, receive or delete, and one more for each further 64 KB of its payload; \
             receives that find nothing are billed too."
                .to_owned(),
        );
    }
    rules.extend(on_demand::rules(scenario));
    rules.extend(firehose::rules(scenario));
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
    if scenario.lambdas.iter().any(|plan| plan.function.sink.is_some())
        || scenario.consumers.iter().any(|plan| plan.sink.is_some())
        || scenario.fleets.iter().any(|plan| plan.sink.is_some())
    {
        rules.push("What consumers' sinks cost is not in this bill.".to_owned());
    }
    rules.extend(sidelines::rules(scenario));
    rules
}
