//! The section `events`. A new kind of event is one line of `KINDS` and one arm.

use super::choice::Choice;
use super::plan::Plan;
use super::{deliveries, fleets, tables};

/// A kind that stands here twice is drawn twice as often.
const KINDS: [&str; 22] = [
    "spike",
    "outage",
    "delivery_outage",
    "transform_outage",
    "error_rate",
    "poison",
    "slow_down",
    "remove",
    "crash",
    "crash",
    "deploy",
    "cut_off",
    "split",
    "merge",
    "shards",
    "retention",
    "stream_mode",
    "table_capacity",
    "disable",
    "lost_permission",
    "unreadable",
    "kms_throttling",
];

/// The section `events`: what of it does not fit the scenario is left out.
pub fn events(seed: u64, plan: &Plan) -> Vec<String> {
    let choice = &mut Choice::new(seed, "events");
    let count = choice.below(7);
    let event = |number: u64| {
        let kind = choice.one_of(&KINDS);
        let what = what(choice, seed, plan, kind)?;
        let at = plan.moment(choice);
        let of_fleet = ["crash", "deploy", "cut_off"].contains(&kind);
        let begins = consumer_of(&what).and_then(|name| fleets::starts(seed, plan, name));
        let is_there =
            begins.is_none_or(|begins| at.trim_end_matches("ms").parse::<u64>().unwrap() >= begins);
        (is_there || !of_fleet).then(|| format!("event-{number}: {{ at: {at}, {what} }}"))
    };
    let events: Vec<String> = (0..count).filter_map(event).collect();
    // Nothing can happen to a consumer that is removed, be it before or after that.
    let mut removed: Vec<Option<&str>> = Vec::new();
    let (removals, others): (Vec<&String>, Vec<&String>) =
        events.iter().partition(|it| it.contains("remove: "));
    let mut kept = Vec::new();
    for event in removals.into_iter().chain(others) {
        let of = consumer_of(event);
        let overlaps = kept.iter().any(|other: &String| overlap(other, event));
        if !overlaps && (of.is_none() || !removed.contains(&of)) {
            kept.push(event.clone());
        }
        if event.contains("remove: ") {
            removed.push(of);
        }
    }
    kept
}

/// Whether two events are the same fault of the same part at the same time, which is refused.
fn overlap(one: &str, other: &str) -> bool {
    let fault = |event: &str| {
        let kind = ["slow_down: ", "error_rate: "].into_iter().find(|kind| event.contains(kind))?;
        let of = event.split_once("{ of: ")?.1.split(',').next()?.to_owned();
        Some((kind, of))
    };
    let number = |event: &str, key: &str| {
        let written = event.split_once(key).unwrap().1.split_once("ms").unwrap().0;
        written.parse::<u64>().unwrap()
    };
    let span = |event: &str| (number(event, "at: "), number(event, "at: ") + number(event, "for: "));
    fault(one).is_some() && fault(one) == fault(other) && {
        let ((from, until), (start, end)) = (span(one), span(other));
        from < end && start < until
    }
}

/// The consumer that an event is about.
fn consumer_of(event: &str) -> Option<&str> {
    let (_, rest) = event.split_once("consumers.")?;
    rest.split([' ', ',', '}']).next()
}

/// One of the delivery streams that are wanted.
fn lake(choice: &mut Choice, plan: &Plan, wanted: impl Fn(&str) -> bool) -> Option<String> {
    let names = plan.deliveries.iter().map(|it| it.name.clone()).filter(|name| wanted(name));
    choice.name(&names.collect::<Vec<_>>())
}

/// One of the transforming functions.
fn transforming(choice: &mut Choice, seed: u64, plan: &Plan) -> Option<String> {
    let name = lake(choice, plan, |name| deliveries::transforms(seed, name))?;
    Some(format!("firehose.{name}.transform"))
}

/// One of a fleet's workers.
fn worker(choice: &mut Choice, seed: u64, name: &str) -> String {
    format!(", worker: {}", choice.below(fleets::workers(seed, name)))
}

fn what(choice: &mut Choice, seed: u64, plan: &Plan, kind: &str) -> Option<String> {
    let lasts = plan.part(choice);
    let one_of = |choice: &mut Choice, of_streams: &[&str]| {
        let of_queues = plan.queues.iter().filter_map(|queue| queue.reader.clone());
        let names: Vec<String> = plan.of_kinds(of_streams).into_iter().chain(of_queues).collect();
        choice.name(&names).map(|name| format!("consumers.{name}"))
    };
    let any_consumer = |choice: &mut Choice| one_of(choice, &["polling", "lambda", "pipe", "kcl", "flink"]);
    let any_function = |choice: &mut Choice| one_of(choice, &["lambda", "pipe"]);
    let stream = choice.name(&plan.stream_names());
    let provisioned = plan.streams.iter().filter(|stream| stream.provisioned).map(|it| it.name.clone());
    let provisioned = choice.name(&provisioned.collect::<Vec<_>>());
    let feeds = plan.tables.iter().filter(|table| table.feeds.is_some());
    let feed = choice.name(&feeds.map(|table| format!("tables.{}.kinesis", table.name)).collect::<Vec<_>>());
    Some(match kind {
        "spike" => {
            let drawn = plan.writers.iter().filter(|(_, table)| !plan.tables[*table].traced);
            let drawn = drawn.map(|(name, _)| name).chain(plan.direct.iter().map(|(name, _)| name));
            let names: Vec<String> = drawn.cloned().collect();
            let factor = choice.one_of(&["0", "0.3", "4"]);
            format!("for: {lasts}, spike: {{ of: workload.{}, factor: {factor} }}", choice.name(&names)?)
        }
        "outage" => {
            format!("for: {lasts}, outage: {}", any_consumer(choice)?)
        }
        "delivery_outage" => {
            // What a producer has put waits for a day at most (FH-R1).
            let lasts = if choice.chance(20) { "30h".to_owned() } else { lasts };
            format!("for: {lasts}, outage: firehose.{}", lake(choice, plan, |_| true)?)
        }
        "transform_outage" => {
            let of = transforming(choice, seed, plan)?;
            match choice.below(3) {
                0 => format!("for: {lasts}, outage: {of}"),
                1 => format!("for: {lasts}, error_rate: {{ of: {of}, rate: 30% }}"),
                _ => format!("poison: {of}"),
            }
        }
        "error_rate" => {
            let rate = choice.one_of(&["10%", "100%"]);
            format!("for: {lasts}, error_rate: {{ of: {}, rate: {rate} }}", any_function(choice)?)
        }
        "poison" => format!("poison: {}", any_function(choice)?),
        "slow_down" => {
            let factor = choice.one_of(&["1.5", "100"]);
            let of = match choice.below(4) {
                0 => format!("firehose.{}", lake(choice, plan, |_| true)?),
                1 => transforming(choice, seed, plan)?,
                _ => any_consumer(choice)?,
            };
            format!("for: {lasts}, slow_down: {{ of: {of}, factor: {factor} }}")
        }
        "remove" => format!("remove: {}", any_consumer(choice)?),
        "crash" | "deploy" => {
            let passes = if choice.chance(70) { format!("for: {lasts}, ") } else { String::new() };
            let names = plan.of_kinds(&["kcl", "flink"]);
            let name = choice.name(&names)?;
            let of_kcl = kind == "crash" && plan.of_kinds(&["kcl"]).contains(&name);
            let worker = if of_kcl { worker(choice, seed, &name) } else { String::new() };
            format!("{passes}{kind}: consumers.{name}{worker}")
        }
        "cut_off" => {
            let name = choice.name(&plan.of_kinds(&["kcl"]))?;
            format!("for: {lasts}, cut_off: consumers.{name}{}", worker(choice, seed, &name))
        }
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
        "lost_permission" => {
            // A feed gives up after a week (KDC-R4).
            let lasts = if choice.chance(20) { "200h".to_owned() } else { lasts };
            format!("for: {lasts}, lost_permission: {}", feed?)
        }
        "unreadable" => {
            let polls = |name: &str| plan.deliveries.iter().any(|it| it.name == name && !it.direct_put);
            let of = match choice.chance(20) {
                true => format!("firehose.{}", lake(choice, plan, polls)?),
                false => any_consumer(choice)?,
            };
            format!("for: {lasts}, lost_permission: {of}")
        }
        _ => format!("for: {lasts}, kms_throttling: {{ of: {}, share: 40% }}", feed?),
    })
}
