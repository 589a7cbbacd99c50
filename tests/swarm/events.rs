//! The section `events`. A new kind of event is one line of `KINDS` and one arm.

use super::choice::Choice;
use super::plan::Plan;
use super::tables;

const KINDS: [&str; 14] = [
    "spike",
    "outage",
    "delivery_outage",
    "error_rate",
    "poison",
    "split",
    "merge",
    "shards",
    "retention",
    "stream_mode",
    "table_capacity",
    "disable",
    "lost_permission",
    "kms_throttling",
];

/// The section `events`: what of it does not fit the scenario is left out.
pub fn events(seed: u64, plan: &Plan) -> Vec<String> {
    let choice = &mut Choice::new(seed, "events");
    let count = choice.below(7);
    let event = |number: u64| {
        let kind = choice.one_of(&KINDS);
        let what = what(choice, seed, plan, kind)?;
        Some(format!("event-{number}: {{ at: {}, {what} }}", plan.moment(choice)))
    };
    (0..count).filter_map(event).collect()
}

fn what(choice: &mut Choice, seed: u64, plan: &Plan, kind: &str) -> Option<String> {
    let lasts = plan.part(choice);
    let of_kind = |wanted: &str| {
        let of = plan.consumers.iter().filter(|(_, kind)| *kind == wanted || wanted.is_empty());
        of.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let stream = choice.name(&plan.stream_names());
    let provisioned = plan.streams.iter().filter(|stream| stream.provisioned).map(|it| it.name.clone());
    let provisioned = choice.name(&provisioned.collect::<Vec<_>>());
    let feeds = plan.tables.iter().filter(|table| table.feeds.is_some());
    let feed = choice.name(&feeds.map(|table| format!("tables.{}.kinesis", table.name)).collect::<Vec<_>>());
    Some(match kind {
        "spike" => {
            let drawn = plan.writers.iter().filter(|(_, table)| !plan.tables[*table].traced);
            let names: Vec<String> = drawn.chain(&plan.direct).map(|(name, _)| name.clone()).collect();
            let factor = choice.one_of(&["0", "0.3", "4"]);
            format!("for: {lasts}, spike: {{ of: workload.{}, factor: {factor} }}", choice.name(&names)?)
        }
        "outage" => format!("for: {lasts}, outage: consumers.{}", choice.name(&of_kind(""))?),
        "delivery_outage" => format!("for: {lasts}, outage: firehose.{}", choice.name(&plan.deliveries)?),
        "error_rate" => {
            let rate = choice.one_of(&["10%", "100%"]);
            format!(
                "for: {lasts}, error_rate: {{ of: consumers.{}, rate: {rate} }}",
                choice.name(&of_kind("lambda"))?
            )
        }
        "poison" => format!("poison: consumers.{}", choice.name(&of_kind("lambda"))?),
        "split" => {
            let stream = stream?;
            let shard = choice.one_of(&["hottest", "0"]);
            format!("split: {{ stream: kinesis.{stream}, shard: {shard}, at: {}% }}", choice.between(1, 99))
        }
        "merge" => {
            let several = |name: &String| plan.streams.iter().any(|it| it.name == *name && it.shards > 1);
            format!("merge: {{ stream: kinesis.{}, shards: [0, 1] }}", provisioned.filter(several)?)
        }
        "shards" => {
            format!(
                "set: {{ kinesis.{}.capacity.provisioned.shards: {} }}",
                provisioned?,
                choice.count(1, 80)
            )
        }
        "retention" => {
            let hours = choice.one_of(&[24, 30, 100]);
            format!("set: {{ kinesis.{}.retention: {hours}h }}", stream?)
        }
        "stream_mode" => {
            let mode = choice.one_of(&[
                "{ on_demand: {} }",
                "{ provisioned: {} }",
                "{ provisioned: { shards: 9 } }",
            ]);
            format!("set: {{ kinesis.{}.capacity: {mode} }}", stream?)
        }
        "table_capacity" => {
            let names: Vec<String> = plan.tables.iter().map(|table| table.name.clone()).collect();
            let name = choice.name(&names)?;
            // A switch to provisioned mode needs capacities of indexes, and is not modelled.
            let provisioned = choice.chance(50) && tables::indexes(seed, &name) == 0;
            format!("set: {{ tables.{name}.capacity: {} }}", tables::capacity(choice, provisioned))
        }
        "disable" => format!("{}: {}", choice.one_of(&["disable", "enable"]), feed?),
        "lost_permission" => format!("for: {lasts}, lost_permission: {}", feed?),
        _ => format!("for: {lasts}, kms_throttling: {{ of: {}, share: 40% }}", feed?),
    })
}
