//! Planned changes of the capacity of tables and indexes.

use super::capacity;
use crate::scenario::checked::Scenario;
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::scenario::timeline::Action;
use crate::systems::dynamodb::capacity::CapacityPlan;
use crate::systems::dynamodb::capacity_settings::TableCapacity;
use crate::systems::dynamodb::on_demand::OnDemandPlan;
use crate::systems::dynamodb::table::TablePlan;
use crate::units::WriteUnits;

/// What a planned event asks for: an index by number, or the table itself, and its new capacity.
pub(super) struct Change {
    pub index: Option<usize>,
    pub to: CapacityPlan,
}

/// Resolves a new value at `tables.X.<rest>`, which stands at `path`; nothing, without an error, if `rest` cannot be set.
pub(super) fn resolve(
    resolver: &mut Resolver,
    path: &Path,
    scenario: &Scenario,
    table: &str,
    rest: &[&str],
) -> Option<Option<Change>> {
    let plan = scenario.tables.iter().enumerate().find(|(_, plan)| plan.name == table);
    let (index, rest) = match rest {
        ["global_secondary_indexes", index, rest @ ..] => (Some(*index), rest),
        rest => (None, rest),
    };
    if !matches!(
        rest,
        ["capacity"] | ["capacity", "provisioned", "write_units"] | ["capacity", "on_demand", "max"]
    ) {
        return None;
    }
    // After an error elsewhere the table may be missing.
    Some(plan.and_then(|(number, _)| change(resolver, path, scenario, number, index, rest)))
}

fn change(
    resolver: &mut Resolver,
    path: &Path,
    scenario: &Scenario,
    table: usize,
    index: Option<&str>,
    rest: &[&str],
) -> Option<Change> {
    let plan = scenario.tables.get(table)?;
    let index = match index {
        None => None,
        Some(name) => {
            let names: Vec<String> = plan.indexes.iter().map(|index| index.name.clone()).collect();
            Some(resolver.named(path, "global_secondary_indexes", name, &names)?)
        }
    };
    let throughput = index.map_or(&plan.throughput, |index| &plan.indexes[index].throughput);
    let to = match (rest, planned(scenario, table, index, throughput.capacity)) {
        (["capacity"], now) => {
            let settings: TableCapacity = resolver.value(path)?;
            let to = capacity::capacity(resolver, path, &settings, throughput.control.quota);
            check_mode(resolver, path, plan, index, &now, &to);
            to
        }
        (["capacity", "provisioned", ..], CapacityPlan::Provisioned(now)) => {
            let units: WriteUnits = resolver.value(path)?;
            capacity::within_quota(resolver, path, units, throughput.control.quota);
            CapacityPlan::Provisioned(crate::systems::dynamodb::capacity::ProvisionedPlan {
                write_units: units.get(),
                ..now
            })
        }
        (["capacity", "on_demand", ..], CapacityPlan::OnDemand(now)) => {
            let units: WriteUnits = resolver.value(path)?;
            CapacityPlan::OnDemand(OnDemandPlan { max: Some(units.get()), ..now })
        }
        _ => {
            let message = "the table is in the other capacity mode then; set its whole `capacity`";
            resolver.error(path, message);
            return None;
        }
    };
    Some(Change { index, to })
}

/// The capacity that earlier events ask for last; `start` if none does.
fn planned(scenario: &Scenario, table: usize, index: Option<usize>, start: CapacityPlan) -> CapacityPlan {
    scenario.timeline.iter().fold(start, |now, earlier| match (earlier.action.clone(), now) {
        (Action::TableCapacity(of, place, to), _) if (of, place) == (table, index) => to,
        // Indexes follow their table's mode.
        (Action::TableCapacity(of, None, CapacityPlan::OnDemand(_)), CapacityPlan::Provisioned(_))
            if of == table =>
        {
            CapacityPlan::OnDemand(OnDemandPlan::new_table())
        }
        _ => now,
    })
}

/// An index follows its table's mode, and a provisioned one needs units of its own.
fn check_mode(
    resolver: &mut Resolver,
    path: &Path,
    plan: &TablePlan,
    index: Option<usize>,
    now: &CapacityPlan,
    to: &CapacityPlan,
) {
    let is_provisioned = |plan: &CapacityPlan| matches!(plan, CapacityPlan::Provisioned(_));
    if is_provisioned(now) == is_provisioned(to) {
        return;
    }
    if index.is_some() {
        resolver.error(path, "an index has the capacity mode of its table; set the table's");
    } else if is_provisioned(to) && !plan.indexes.is_empty() {
        let message =
            "this table has indexes, which would need units of their own; the switch is not modelled";
        resolver.error(path, message);
    }
}
