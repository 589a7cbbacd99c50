//! What delivery streams use: bytes taken in, objects, transformation, other destinations.

use rust_decimal::Decimal;

use super::{copies, unit_seconds};
use crate::pipeline::finish::Outcome;
use crate::pipeline::quantities::Quantities;
use crate::pricing::{Cause, Usage, UsageError};
use crate::scenario::checked::Scenario;
use crate::systems::firehose::FirehosePlan;
use crate::systems::firehose::endpoint::EndpointKind;

/// Requests: of S3, and of transforming functions.
pub(super) fn counted(
    scenario: &Scenario,
    quantities: &Quantities,
    usage: &mut Usage,
) -> Result<(), UsageError> {
    for (number, plan) in scenario.deliveries.iter().enumerate() {
        let [puts, _, objects] = quantities.s3[number];
        usage.add("s3.put", Cause::Base, Decimal::from(puts))?;
        if plan.partitioning.is_some() {
            usage.add("fh.dp_objects", Cause::Base, Decimal::from(objects))?;
        }
        let [first, again] = quantities.transforms[number].requests;
        usage.add("lambda.req", Cause::Base, Decimal::from(first))?;
        usage.add("lambda.req", Cause::Retries, Decimal::from(again))?;
    }
    Ok(())
}

/// Bytes. What a backup takes in is not billed once more: it is the same ingestion.
pub(super) fn gigabytes(
    scenario: &Scenario,
    quantities: &Quantities,
    usage: &mut Usage,
) -> Result<(), UsageError> {
    for (number, plan) in scenario.deliveries.iter().enumerate() {
        let ([bytes, billed], [_, taken, _]) = (quantities.deliveries[number], quantities.s3[number]);
        let copies = copies(quantities, plan.stream);
        if plan.is_channel() {
            if let Some(id) = channel_price(scenario, plan) {
                usage.add_split(id, Decimal::from(bytes), Cause::Base, copies)?;
            }
        } else if plan.backup_of.is_none() {
            ingested(plan, [bytes, billed], copies, usage)?;
        }
        if plan.endpoint.as_ref().is_some_and(|endpoint| endpoint.vpc_zones > 0) {
            usage.add("fh.vpc_gb", Cause::Base, Decimal::from(taken))?;
        }
        if plan.endpoint.as_ref().is_none_or(|endpoint| endpoint.kind.is_in_s3()) {
            // What one month takes in, kept for one month; delimiters, a byte a record, are left out.
            let stored = (stored_bytes(plan, quantities, number) as f64 * plan.compression + 0.5) as u64;
            usage.add_split("s3.std", Decimal::from(stored), Cause::Base, copies)?;
        }
    }
    Ok(())
}

/// Bytes before compression that come to lie in S3: what is taken in, unless a function changes it.
fn stored_bytes(plan: &FirehosePlan, quantities: &Quantities, number: usize) -> u64 {
    let [bytes, _] = quantities.deliveries[number];
    let Some(transform) = &plan.transform else { return bytes };
    (bytes as f64 * (1.0 - transform.dropped) * transform.size_ratio + 0.5) as u64
}

/// Ingestion, in whole steps of 5 KB a record; to Iceberg tables and Snowflake at a price of their own, unrounded.
fn ingested(
    plan: &FirehosePlan,
    [bytes, billed]: [u64; 2],
    copies: (Cause, u64, u64),
    usage: &mut Usage,
) -> Result<(), UsageError> {
    let rounding = Decimal::from(billed - bytes);
    let bytes = Decimal::from(bytes);
    match plan.endpoint.as_ref().map(|endpoint| endpoint.kind) {
        Some(EndpointKind::Iceberg) => return usage.add_split("fh.iceberg", bytes, Cause::Base, copies),
        Some(EndpointKind::Snowflake) => {
            return usage.add_split("fh.snowflake_gb", bytes, Cause::Base, copies);
        }
        _ => {}
    }
    usage.add_split("fh.put", bytes, Cause::Base, copies)?;
    usage.add_split("fh.put", rounding, Cause::Rounding, copies)?;
    if plan.partitioning.is_some() {
        usage.add_split("fh.dp_gb", bytes, Cause::Base, copies)?;
    }
    if plan.converts {
        // Billed on the bytes that ingestion is billed on, not on those of the columnar objects.
        usage.add_split("fh.dfc_gb", bytes, Cause::Base, copies)?;
        usage.add_split("fh.dfc_gb", rounding, Cause::Rounding, copies)?;
    }
    Ok(())
}

/// The price of a stream's own delivery, where one is known.
fn channel_price(scenario: &Scenario, plan: &FirehosePlan) -> Option<&'static str> {
    (plan.converts && scenario.on_demand_advantage).then_some("kds.adv.channel_s3tables_gb")
}

/// What is used and has no price in the book: an id of our own, what it is, its unit and how much of it, for the span that the
/// outcomes measured.
pub fn unpriced(scenario: &Scenario, outcomes: &[Outcome]) -> Vec<(&'static str, String, u64)> {
    let mut lines = Vec::new();
    for (number, plan) in scenario.deliveries.iter().enumerate().filter(|(_, plan)| plan.is_channel()) {
        if channel_price(scenario, plan).is_none() {
            let id = if plan.converts { "kds.channel_s3tables_gb" } else { "kds.channel_s3_gb" };
            let bytes = outcomes.iter().map(|outcome| outcome.quantities.deliveries[number][0]).sum();
            lines.push((id, format!("Delivery by {}", plan.path), bytes));
        }
    }
    lines
}

/// Milliseconds times MiB of memory for which transforming functions ran, each invocation rounded up to a millisecond.
pub(super) fn running_time(
    scenario: &Scenario,
    quantities: &Quantities,
    usage: &mut Usage,
) -> Result<(), UsageError> {
    for (plan, used) in scenario.deliveries.iter().zip(&quantities.transforms) {
        let Some(transform) = &plan.transform else { continue };
        let id = if transform.arm { "lambda.gbs.arm" } else { "lambda.gbs.x86" };
        let memory = Decimal::from(transform.memory_mib);
        let ran = Decimal::new(i64::try_from(used.run_micros[0]).unwrap_or(i64::MAX), 3);
        usage.add(id, Cause::Base, ran * memory)?;
        usage.add(id, Cause::Rounding, (Decimal::from(used.billed_millis[0]) - ran) * memory)?;
        usage.add(id, Cause::Retries, Decimal::from(used.billed_millis[1]) * memory)?;
    }
    Ok(())
}

/// Availability Zones of deliveries into a VPC, times the seconds for which they are there; every hour counts whole, and a
/// month has whole hours.
pub(super) fn zone_seconds(scenario: &Scenario, outcomes: &[Outcome]) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    let id = "fh.vpc_az_h";
    for outcome in outcomes {
        for endpoint in scenario.deliveries.iter().filter_map(|plan| plan.endpoint.as_ref()) {
            let zones = u128::from(endpoint.vpc_zones);
            usage.add(id, Cause::Base, unit_seconds(id, zones * u128::from(outcome.quantities.at))?)?;
        }
    }
    Ok(usage)
}

/// The rules that apply, in whole sentences.
pub(super) fn rules(scenario: &Scenario) -> Vec<String> {
    let mut rules = Vec::new();
    let any = |such: &dyn Fn(&FirehosePlan) -> bool| scenario.deliveries.iter().any(such);
    if any(&|plan| plan.backup_of.is_some()) {
        rules.push(
            "Backup of source records: no ingestion once more, but a reader and objects of its own."
                .to_owned(),
        );
    }
    if any(&|plan| plan.endpoint.is_some()) {
        rules.push(
            "Destinations other than S3: what they themselves cost (clusters, warehouses, licences) is not in this bill."
                .to_owned(),
        );
    }
    rules
}
