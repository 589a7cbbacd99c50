//! What fleets use: their hosts or KPUs, their lease tables, what is pushed to them.

use rust_decimal::Decimal;

use super::{copies, on_demand, unit_seconds};
use crate::engine::time::SECOND;
use crate::pipeline::finish::Outcome;
use crate::pipeline::fleet::quantities::FleetQuantities;
use crate::pricing::{Cause, Usage, UsageError};
use crate::scenario::checked::Scenario;
use crate::systems::fleet::{ControlPlan, FleetPlan};

/// GB of running storage that each working KPU has (FLK-1).
const STORAGE_GB_PER_KPU: u64 = 50;

fn used<'a>(
    scenario: &'a Scenario,
    outcomes: &'a [Outcome],
) -> impl Iterator<Item = (&'a Outcome, &'a FleetPlan, &'a FleetQuantities)> {
    outcomes.iter().flat_map(|outcome| {
        let fleets = scenario.fleets.iter().zip(&outcome.quantities.fleets);
        fleets.map(move |(plan, used)| (outcome, plan, used))
    })
}

/// Requests: to lease tables, and of a table's stream.
pub(super) fn counted(
    usage: &mut Usage,
    scenario: &Scenario,
    outcomes: &[Outcome],
) -> Result<(), UsageError> {
    for (_, _, used) in used(scenario, outcomes) {
        let writes: u64 = used.writes.iter().sum();
        usage.add("ddb.od.wru", Cause::Checkpoints, Decimal::from(writes))?;
        let units = Decimal::from(used.half_reads) / Decimal::TWO;
        usage.add("ddb.od.rru", Cause::Checkpoints, units)?;
        let [calls, empty] = used.streams_reads;
        usage.add("ddb.streams.rru", Cause::Base, Decimal::from(calls))?;
        usage.add("ddb.streams.rru", Cause::EmptyPolls, Decimal::from(empty))?;
    }
    Ok(())
}

/// Bytes pushed.
pub(super) fn gigabytes(
    usage: &mut Usage,
    scenario: &Scenario,
    outcomes: &[Outcome],
) -> Result<(), UsageError> {
    for (outcome, plan, used) in used(scenario, outcomes).filter(|(_, plan, _)| plan.is_pushed_to()) {
        let on_demand = on_demand::pushed(&outcome.quantities, plan.stream, used.pushed_bytes);
        let id = if scenario.on_demand_advantage { "kds.adv.efo_gb" } else { "kds.od.efo_gb" };
        let copies = copies(&outcome.quantities, plan.stream);
        usage.add_split(id, Decimal::from(on_demand), Cause::FanOut, copies)?;
        let provisioned = Decimal::from(used.pushed_bytes - on_demand);
        usage.add_split("kds.prov.efo_gb", provisioned, Cause::FanOut, copies)?;
    }
    Ok(())
}

/// Seconds of hosts and KPUs, and of shards with a registered fleet.
pub(super) fn seconds(
    usage: &mut Usage,
    scenario: &Scenario,
    outcomes: &[Outcome],
) -> Result<(), UsageError> {
    for (_, plan, used) in used(scenario, outcomes) {
        for (id, units) in &plan.host.bill {
            let seconds = unit_seconds(id, used.host_nanos)?.checked_mul(*units);
            let seconds = seconds.ok_or_else(|| UsageError::TooLarge { id: id.clone() })?;
            usage.add(id, Cause::Base, seconds.normalize())?;
        }
        if matches!(plan.control, ControlPlan::Flink(_)) {
            let id = "flink.kpu_h";
            usage.add(id, Cause::Base, unit_seconds(id, used.kpu_nanos[1])?)?;
        }
        if plan.is_pushed_to() {
            let id = "kds.prov.efo_shard_h";
            usage.add(id, Cause::FanOut, unit_seconds(id, used.registered_nanos)?)?;
        }
    }
    Ok(())
}

/// GB of running storage times seconds.
pub(super) fn storage(scenario: &Scenario, outcomes: &[Outcome]) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    let id = "flink.run_storage_gbmo";
    for (_, _, used) in used(scenario, outcomes) {
        let seconds = unit_seconds(id, used.kpu_nanos[0] / u128::from(SECOND) * u128::from(SECOND))?;
        let stored = seconds.checked_mul(Decimal::from(STORAGE_GB_PER_KPU));
        usage.add(id, Cause::Base, stored.ok_or_else(|| UsageError::TooLarge { id: id.to_owned() })?)?;
    }
    Ok(usage)
}

/// The rules by which fleets are billed.
pub(super) fn rules(scenario: &Scenario) -> Vec<String> {
    let mut rules = Vec::new();
    let kcl = |plan: &&FleetPlan| matches!(plan.control, ControlPlan::Kcl(_));
    if scenario.fleets.iter().any(|plan| kcl(&plan)) {
        rules.push(
            "Lease tables: on-demand request units for renewals, checkpoints and what their workers read, under the cause \
             checkpoints. What the library writes to CloudWatch is not in this bill."
                .to_owned(),
        );
        rules.push(match scenario.fleets.iter().filter(kcl).all(|plan| plan.host.bill.is_empty()) {
            true => "The workers' hosts are not in this bill: `host` does not say what they are.".to_owned(),
            false => "The workers' hosts are billed for the whole time, busy or not, on demand.".to_owned(),
        });
    }
    if scenario.fleets.iter().any(|plan| !kcl(&plan)) {
        rules.push(
            "Flink: the KPUs that work, one more for orchestration, and 50 GB of running storage for each that works; \
             backups are left out."
                .to_owned(),
        );
    }
    rules
}
