//! Tables over time: calls that change their capacity, and what they did by themselves, for the timeline.

use super::Pipeline;
use super::wiring::Route;
use crate::engine::time::Nanos;
use crate::measure::timeline::Entry;
use crate::scenario::checked::Scenario;
use crate::scenario::path::{index_path, resource};
use crate::systems::dynamodb::capacity::CapacityPlan;
use crate::systems::dynamodb::partition::{PARTITIONS_MAX, Partitions, Split, SplitReason, Stuck};
use crate::systems::dynamodb::throughput::Throughput;

impl<const FULL: bool> Pipeline<FULL> {
    /// A planned event asks for another capacity of a table, or of one of its indexes.
    pub(super) fn change_capacity(
        &mut self,
        now: Nanos,
        table: usize,
        index: Option<usize>,
        to: &CapacityPlan,
    ) {
        let table = &mut self.tables[table].table;
        match index {
            Some(index) => table.change_index_capacity(now, index, *to),
            None => table.change_capacity(now, *to),
        }
    }

    /// Enters into the timeline what tables and indexes did by themselves.
    pub(super) fn note_tables(&mut self, scenario: &Scenario) {
        let mut entries = Vec::new();
        for (plan, source) in scenario.tables.iter().zip(&self.tables) {
            let path = resource("tables", &plan.name);
            let name = |item: u32| source.route.name(item);
            note(&mut entries, &path, source.table.throughput(), &name);
            for (plan, index) in plan.indexes.iter().zip(source.table.indexes()) {
                let path = index_path(&path, &plan.name);
                note(&mut entries, &path, &index.throughput, &|value| format!("key value {value}"));
            }
        }
        self.timeline.merge(entries);
    }
}

fn note(entries: &mut Vec<Entry>, path: &str, throughput: &Throughput, name: &dyn Fn(u32) -> String) {
    let mut enter = |at: Nanos, what: String| {
        entries.push(Entry { at, place: path.to_owned(), what, event: None });
    };
    for action in &throughput.capacity().actions {
        enter(action.at, action.what.clone());
    }
    let Some(partitions) = throughput.partitions() else { return };
    partitions.splits().iter().for_each(|split| enter(split.at, describe(split, name)));
    for Stuck { at, partition, item, alone, reason, no_more } in partitions.stuck().iter().copied() {
        let why = match reason {
            _ if no_more => {
                let state = if reason == SplitReason::Size { "full" } else { "hot" };
                format!(
                    "is {state} and cannot be split: no more than {PARTITIONS_MAX} partitions are simulated"
                )
            }
            SplitReason::Size => {
                "is full and cannot be split: its items stay together, and new ones are refused \
                 (ItemCollectionSizeLimitExceededException, DDB-P4)"
                    .to_owned()
            }
            _ if alone => format!("is hot and cannot be split: all its writes go to {} (DDB-P8)", name(item)),
            _ => format!(
                "is hot and cannot be split: its writes go to one partition key, whose items stay together with a local index \
                 (DDB-P4); the busiest of them is {}",
                name(item)
            ),
        };
        enter(at, format!("partition {partition} {why}"));
    }
}

fn describe(split: &Split, name: &dyn Fn(u32) -> String) -> String {
    let [low, high] = split.children;
    let reason = match split.reason {
        SplitReason::Heat => "for heat",
        SplitReason::Size => "as it is full",
        SplitReason::Throughput => "for more throughput",
    };
    let hottest = split.hottest.map_or(String::new(), |(item, share)| {
        format!("; {} had {:.0} % of its writes", name(item), share * 100.0)
    });
    format!("partition {} is split {reason} into {low} and {high}{hottest}", split.parent)
}

/// The open partition on which each item lies, with the accepted changes of the busiest items of each.
pub fn busiest_items(
    route: &Route,
    partitions: &Partitions,
    versions: impl Iterator<Item = (u32, u32)>,
    most: usize,
) -> Vec<Vec<(String, u64)>> {
    let mut top: Vec<Vec<(u32, u32)>> = vec![Vec::new(); partitions.all().len()];
    for (item, changes) in versions.filter(|(_, changes)| *changes > 0) {
        let list = &mut top[usize::from(partitions.of(item))];
        let place = list.partition_point(|(_, other)| *other >= changes);
        if place < most {
            list.insert(place, (item, changes));
            list.truncate(most);
        }
    }
    let named = |list: Vec<(u32, u32)>| {
        list.into_iter().map(|(item, changes)| (route.name(item), u64::from(changes))).collect()
    };
    top.into_iter().map(named).collect()
}
