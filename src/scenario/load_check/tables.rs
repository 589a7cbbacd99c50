//! Tables and their indexes against every limit that they have.

use super::demand::{Count, Demand};
use super::{Load, LoadCheck, LoadRow, PARTITION_UNITS, TIGHT, Verdict, hottest};
use crate::engine::random::unit;
use crate::scenario::checked::Scenario;
use crate::scenario::path::Path;
use crate::scenario::timeline::Action;
use crate::systems::dynamodb::capacity::CapacityPlan;
use crate::systems::dynamodb::index::IndexPlan;
use crate::systems::dynamodb::partition::{PartitionPlan, Partitions};
use crate::systems::dynamodb::throughput::ThroughputPlan;

/// Values of an index key whose places are looked up; more of them are taken as evenly spread.
const VALUES_LOOKED_UP: u32 = 1 << 20;
const UNIT: &str = "write units/s";

impl LoadCheck {
    /// The rows of all tables, and for each that is not fine a sentence on which limit binds.
    pub(super) fn tables(&mut self, scenario: &Scenario, demands: &[Demand]) {
        for number in 0..scenario.tables.len() {
            let first = self.rows.len();
            self.table(scenario, number, demands);
            self.warnings.extend(binding(&self.rows[first..]));
        }
    }

    fn table(&mut self, scenario: &Scenario, number: usize, demands: &[Demand]) {
        let plan = &scenario.tables[number];
        let own: Vec<&Demand> = demands.iter().filter(|demand| demand.table == number).collect();
        let path = Path::ROOT.key("tables").key(&plan.name);
        self.capacity(&path, &plan.throughput, &own, |costs| costs.units, 1.0);
        if let Some(partitions) = &plan.throughput.partitions {
            self.partitions(&path, scenario, number, partitions, &own);
        }
        for index in &plan.indexes {
            self.index(&path, index, &own);
        }
    }

    /// The limit of each table that its mean load exceeds most, if it exceeds one that neither follows the load nor is
    /// changed by an event. Where capacity grows, partitions do so with it (DDB-P5).
    pub fn exceeded(scenario: &Scenario) -> Vec<Option<LoadRow>> {
        let demands = Demand::all(scenario);
        let of_table = |number: usize| {
            let changes =
                |action: &Action| matches!(action, Action::TableCapacity(table, ..) if *table == number);
            if scenario.timeline.iter().any(|event| changes(&event.action)) {
                return None;
            }
            let mut check = Self::default();
            check.table(scenario, number, &demands);
            let plan = &scenario.tables[number];
            let mut throughputs =
                plan.indexes.iter().map(|index| &index.throughput).chain([&plan.throughput]);
            let grows = throughputs.any(|plan| plan.capacity.follows_load());
            let over =
                |row: &LoadRow| row.verdict == Verdict::Overloaded && !(grows && row.limit == "DDB-P1");
            let over = check.rows.into_iter().filter(over);
            over.reduce(|a, b| if b.mean / b.allowed > a.mean / a.allowed { b } else { a })
        };
        (0..scenario.tables.len()).map(of_table).collect()
    }

    /// Capacity, and what may raise or cap it.
    fn capacity(&mut self, path: &Path, plan: &ThroughputPlan, own: &[&Demand], units: Count, share: f64) {
        let (mut second, mut window) = (Load::default(), Load::default());
        for demand in own {
            second.add(demand.load(units), share);
            window.add(demand.load_over_burst(units), share);
        }
        match &plan.capacity {
            CapacityPlan::Provisioned(capacity) => match &capacity.auto_scaling {
                None => {
                    self.row(path, "DDB-P6", UNIT, window, capacity.write_units as f64);
                    self.peak_second(second.peak);
                }
                Some(scaling) => {
                    // Capacity follows the mean; peaks meet what is there when they come.
                    let (start, most) = (capacity.write_units as f64, scaling.max as f64);
                    let mean = Load { mean: window.mean, peak: window.mean };
                    self.row(&path.key("auto_scaling"), "DDB-M19", UNIT, mean, most);
                    self.row(path, "DDB-P6", UNIT, Load { mean: 0.0, ..window }, start);
                    if let Some(row) = self.rows.last_mut() {
                        row.mean = window.mean;
                    }
                    self.peak_second(second.peak);
                }
            },
            CapacityPlan::OnDemand(capacity) => {
                let instant = capacity.warm.max(2 * capacity.previous_peak) as f64;
                // A mean above it is grown into, by doubling every half hour.
                self.row(path, "DDB-M2", UNIT, Load { mean: 0.0, ..second }, instant);
                if let Some(row) = self.rows.last_mut() {
                    row.mean = second.mean;
                }
                if let Some(max) = capacity.max {
                    self.row(path, "DDB-M9", UNIT, second, max as f64);
                }
                self.row(path, "DDB-M10", UNIT, second, plan.control.quota as f64);
            }
        }
    }

    /// The highest second of the last row, whose peak is over a longer window.
    fn peak_second(&mut self, peak: f64) {
        if let Some(row) = self.rows.last_mut() {
            row.peak_second = peak;
        }
    }

    /// The hottest partition at the start, and the hottest item, which stays a partition's limit for ever.
    fn partitions(
        &mut self,
        path: &Path,
        scenario: &Scenario,
        table: usize,
        plan: &PartitionPlan,
        own: &[&Demand],
    ) {
        let partitions = Partitions::new(plan, 0);
        let mut loads = vec![Load::default(); partitions.all().len()];
        let even: Vec<f64> = partitions.all().iter().map(|partition| partition.range_share()).collect();
        let mut items: Vec<(u32, Load)> = Vec::new();
        for demand in own {
            let place = |key| usize::from(partitions.find(plan.placement.of(key)));
            let more = demand.load_by_place(|costs| costs.units, &even, place);
            loads.iter_mut().zip(more).for_each(|(load, more)| load.add(more, 1.0));
            items.extend(demand.busy_items(|costs| costs.units));
        }
        let of_items: Vec<Load> = items.iter().map(|(_, load)| *load).collect();
        let single = items.get(hottest(&of_items, PARTITION_UNITS).0).copied();
        let (number, load) = hottest(&loads, PARTITION_UNITS);
        let path = path.clone();
        self.row(&path.key("partitions").index(number), "DDB-P1", UNIT, load, PARTITION_UNITS);
        let splits =
            plan.heat.is_some() && single.as_ref().is_none_or(|(_, load)| load.mean <= PARTITION_UNITS);
        if let Some(row) = self.rows.last_mut().filter(|row| splits && row.verdict == Verdict::Overloaded) {
            // It is hot until it is split.
            row.verdict = Verdict::PeakAbove;
        }
        if let Some((key, load)) = single {
            let mut buffer = crate::workload::key_name::KeyBuffer::default();
            let name = scenario.key_names(table);
            let name = String::from_utf8_lossy(name.write(key, &mut buffer)).into_owned();
            self.row(&path.key("items").key(name), "DDB-P8", UNIT, load, PARTITION_UNITS);
        }
    }

    fn index(&mut self, path: &Path, plan: &IndexPlan, own: &[&Demand]) {
        let path = path.key("global_secondary_indexes").key(&plan.name);
        let members = plan.members.map_or(1.0, unit);
        let units: Count = if plan.keys_only { |costs| costs.key_units } else { |costs| costs.index_units };
        self.capacity(&path, &plan.throughput, own, units, members);
        let Some(partitions) = &plan.throughput.partitions else { return };
        let mut load = Load::default();
        let share = hottest_share(partitions, plan.values);
        own.iter().for_each(|demand| load.add(demand.load(units), share * members));
        self.row(&path.key("partitions"), "DDB-P1", UNIT, load, PARTITION_UNITS);
    }
}

/// The share of evenly common values that the fullest partition has.
fn hottest_share(plan: &PartitionPlan, values: u32) -> f64 {
    let partitions = Partitions::new(plan, 0);
    if values > VALUES_LOOKED_UP {
        return 1.0 / partitions.all().len() as f64;
    }
    let mut counts = vec![0_u32; partitions.all().len()];
    (0..values).for_each(|value| counts[usize::from(partitions.find(plan.placement.of(value)))] += 1);
    f64::from(counts.into_iter().max().unwrap_or(0)) / f64::from(values)
}

/// Which of a table's limits its load comes closest to, or exceeds most, in words; nothing if all are far.
fn binding(rows: &[LoadRow]) -> Option<String> {
    let use_of = |row: &LoadRow| row.peak.max(row.mean) / row.allowed;
    let nearest = rows.iter().reduce(|a, b| if use_of(b) > use_of(a) { b } else { a })?;
    if use_of(nearest) <= TIGHT {
        return None;
    }
    let LoadRow { path, limit, peak, allowed, .. } = nearest;
    let how = if use_of(nearest) > 1.0 { "binds" } else { "is nearest" };
    Some(format!("{path} ({limit}) {how}: {peak:.0} of {allowed:.0} write units/s at the peak."))
}
