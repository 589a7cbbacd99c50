//! What planned events do to the parts downstream of the streams: consumers, destinations, transforming functions. What makes no
//! sense for a part is refused, with what it does take.

use super::timeline::{Happening, needs_for};
use crate::scenario::checked::{QueueUse, Scenario};
use crate::scenario::file::ScenarioFile;
use crate::scenario::path::{Path, Segment, resource};
use crate::scenario::resolver::Resolver;
use crate::scenario::timeline::{Action, EventSettings, Fault, Occurrence, Part};
use crate::systems::firehose::settings::{GROWTH, RETRY_UNTIL};
use crate::systems::fleet::ControlPlan;
use crate::systems::kinesis::log::Micros;
use crate::systems::sqs::settings::REFUSED_POLLERS;
use crate::units::Duration;

/// One of these events as written.
pub(super) struct Written<'a> {
    key: &'static str,
    of: &'a str,
    /// Whether the part stands under `of`, beside a value.
    has_value: bool,
    fault: Fault,
    what: Option<String>,
}

/// The keys of these events, and which are there; but for `lost_permission`, which feeds have too.
pub(super) fn kinds(settings: &EventSettings) -> [(&'static str, bool); 5] {
    [
        ("outage", settings.outage.is_some()),
        ("error_rate", settings.error_rate.is_some()),
        ("poison", settings.poison.is_some()),
        ("slow_down", settings.slow_down.is_some()),
        ("remove", settings.remove.is_some()),
    ]
}

/// Which of them is written. That a feed has lost its permission is told [elsewhere](super::destination).
pub(super) fn written(settings: &EventSettings) -> Option<Written<'_>> {
    let lost = settings.lost_permission.as_ref().filter(|of| !of.0.starts_with("tables."));
    let plain = [
        ("outage", settings.outage.as_ref(), Fault::Outage),
        ("poison", settings.poison.as_ref(), Fault::Poison),
        ("remove", settings.remove.as_ref(), Fault::Removal),
        ("lost_permission", lost, Fault::LostPermission),
    ];
    for (key, of, fault) in plain {
        if let Some(of) = of {
            return Some(Written { key, of: &of.0, has_value: false, fault, what: None });
        }
    }
    if let Some(it) = &settings.slow_down {
        let what = Some(format!("takes {} times as long", it.factor));
        let fault = Fault::SlowDown(it.factor);
        return Some(Written { key: "slow_down", of: &it.of.0, has_value: true, fault, what });
    }
    let it = settings.error_rate.as_ref()?;
    let what = Some(format!("fails {} of the time", it.rate));
    let fault = Fault::ErrorRate(it.rate.fraction());
    Some(Written { key: "error_rate", of: &it.of.0, has_value: true, fault, what })
}

/// What it does; nothing after an error.
pub(super) fn happening(
    resolver: &mut Resolver,
    path: &Path,
    file: &ScenarioFile,
    scenario: &Scenario,
    written: Written,
    lasts: Option<Duration>,
) -> Option<Happening> {
    let Written { key, of, has_value, fault, what } = written;
    let at = if has_value { path.key(key).key("of") } else { path.key(key) };
    match (fault, lasts) {
        (Fault::Removal | Fault::Poison, None) => {}
        (Fault::Removal, _) => resolver.error(&path.key("for"), "`remove` is for good; take `for` out"),
        (Fault::Poison, _) => resolver.error(&path.key("for"), "`poison` is one record; take `for` out"),
        (_, None | Some(Duration::ZERO)) => {
            needs_for(resolver, path, key);
        }
        _ => {}
    }
    if let Fault::SlowDown(factor) = fault
        && !(1.0..=10_000.0).contains(&factor)
    {
        resolver.within(&path.key(key).key("factor"), factor, 1.0..=10_000.0, "");
        return None;
    }
    let (part, place) = part(resolver, &at, of, file, scenario)?;
    let (kind, takes) = kind(scenario, part);
    if !takes.contains(&key) {
        let message = format!("`{of}` is {kind}: no `{key}` of it can be planned");
        let takes: Vec<String> = takes.iter().map(|key| format!("`{key}`")).collect();
        resolver.error_with_help(&at, message, format!("what can be planned: {}", takes.join(", ")));
        return None;
    }
    if matches!((part, fault), (Part::Delivery(_), Fault::Outage)) {
        resolver.assume(&RETRY_UNTIL);
        resolver.assume(&GROWTH);
    }
    if matches!((part, fault), (Part::QueueFunction(_), Fault::LostPermission)) {
        resolver.assume(&REFUSED_POLLERS);
    }
    let what = what.unwrap_or_else(|| in_words(part, fault).to_owned());
    Some(Happening { place, what, action: Action::Fault(part, fault) })
}

/// The part of this name, and its path; an error if there is none, and nothing where an error elsewhere has left it out.
fn part(
    resolver: &mut Resolver,
    at: &Path,
    of: &str,
    file: &ScenarioFile,
    scenario: &Scenario,
) -> Option<(Part, String)> {
    if let Some((number, name)) = transforming(of, file) {
        return Some((Part::Transform(number), resource("firehose", name)));
    }
    if of.starts_with("firehose.") {
        let number = resolver.reference(at, "firehose", of, file.firehose.keys())?;
        let (name, _) = file.firehose.get_index(number)?;
        return Some((Part::Delivery(number), resource("firehose", name)));
    }
    let number = resolver.reference(at, "consumers", of, file.consumers.keys())?;
    let (name, _) = file.consumers.get_index(number)?;
    let reads = |queue: &QueueUse| queue.consumer.as_ref().is_some_and(|plan| plan.name == *name);
    let polling = scenario.consumers.iter().position(|plan| plan.name == *name).map(Part::Polling);
    let function = || scenario.lambdas.iter().position(|plan| plan.name == *name).map(Part::Function);
    let fleet = || scenario.fleets.iter().position(|plan| plan.name == *name).map(Part::Fleet);
    let of_queue = || scenario.queues.iter().position(reads).map(Part::QueueFunction);
    Some((polling.or_else(function).or_else(fleet).or_else(of_queue)?, resource("consumers", name)))
}

/// The Firehose whose function `firehose.X.transform` names.
fn transforming<'a>(of: &str, file: &'a ScenarioFile) -> Option<(usize, &'a String)> {
    let path = of.parse::<Path>().ok()?;
    let [Segment::Key(section), Segment::Key(name), Segment::Key(part)] = path.segments() else {
        return None;
    };
    let (number, name, settings) = file.firehose.get_full(name)?;
    let found = section == "firehose" && part == "transform" && settings.transform.is_some();
    found.then_some((number, name))
}

/// What a part is, in words, and the events that can be planned for it.
fn kind(scenario: &Scenario, part: Part) -> (&'static str, &'static [&'static str]) {
    const FUNCTION: &[&str] = &["outage", "error_rate", "poison", "slow_down", "lost_permission", "remove"];
    match part {
        Part::Polling(_) => ("a polling consumer", &["outage", "slow_down", "lost_permission", "remove"]),
        Part::Function(number) if scenario.lambdas[number].role.is_pipe() => ("a pipe", FUNCTION),
        Part::Function(_) | Part::QueueFunction(_) => ("a Lambda function", FUNCTION),
        Part::Fleet(number) => match scenario.fleets[number].control {
            ControlPlan::Kcl(_) => (
                "a fleet of workers",
                &["outage", "slow_down", "lost_permission", "crash", "deploy", "cut_off", "remove"],
            ),
            ControlPlan::Flink(_) => (
                "a Flink application",
                &["outage", "slow_down", "lost_permission", "crash", "deploy", "remove"],
            ),
        },
        // After an error elsewhere the delivery stream may be missing.
        Part::Delivery(number) => match scenario.deliveries.get(number).is_none_or(|it| it.polls().is_some())
        {
            true => ("a delivery stream", &["outage", "slow_down", "lost_permission"]),
            false => ("a delivery stream that makes no calls to read", &["outage", "slow_down"]),
        },
        Part::Transform(_) => ("a transforming function", &["outage", "error_rate", "poison", "slow_down"]),
    }
}

fn in_words(part: Part, fault: Fault) -> &'static str {
    match (part, fault) {
        (_, Fault::Removal) => "is removed: it reads no more",
        (_, Fault::LostPermission) => "may not read",
        (Part::Transform(_), Fault::Poison) => {
            "the next record makes its transforming function fail every time"
        }
        (_, Fault::Poison) => "the next record makes it fail every time",
        (Part::Polling(_), _) => "stops reading",
        (Part::Fleet(_), _) => "stops processing",
        (Part::Delivery(_), _) => "its destination takes nothing",
        (Part::Transform(_), _) => "its transforming function fails every time",
        (Part::Function(_) | Part::QueueFunction(_), _) => "fails every time",
    }
}

/// Tells a part that the first record written from `at` on makes it fail.
pub(super) fn poison(scenario: &mut Scenario, part: Part, at: Micros) {
    let moments = match part {
        Part::Function(number) => Some(&mut scenario.lambdas[number].function.errors.poison_at),
        Part::QueueFunction(number) => {
            scenario.queues[number].consumer.as_mut().map(|it| &mut it.function.errors.poison_at)
        }
        Part::Transform(number) => {
            let plan = scenario.deliveries.get_mut(number).and_then(|it| it.transform.as_mut());
            plan.map(|it| &mut it.poison_at)
        }
        Part::Polling(_) | Part::Fleet(_) | Part::Delivery(_) => None,
    };
    moments.into_iter().for_each(|moments| moments.push(at));
}

/// A part has one factor and one rate at a time: what two of them at once would come to is nowhere stated, so that is refused.
/// `earlier` are the events that begin no later.
pub(super) fn check_overlap(
    resolver: &mut Resolver,
    path: &Path,
    earlier: &[Occurrence],
    occurrence: &Occurrence,
) {
    let Action::Fault(part, fault) = occurrence.action else { return };
    let (key, same): (_, fn(Fault) -> bool) = match fault {
        Fault::SlowDown(_) => ("slow_down", |fault| matches!(fault, Fault::SlowDown(_))),
        Fault::ErrorRate(_) => ("error_rate", |fault| matches!(fault, Fault::ErrorRate(_))),
        _ => return,
    };
    let overlaps = |it: &&Occurrence| {
        let begun = matches!(it.action, Action::Fault(of, fault) if of == part && same(fault));
        begun && it.until.is_some_and(|until| until > occurrence.at)
    };
    let Some(other) = earlier.iter().find(overlaps) else { return };
    let until = Duration::from_nanos(other.until.unwrap_or_default());
    let message = format!(
        "the events `{}` and `{}` overlap: both are a `{key}` of the same part, which has one at a time",
        other.name, occurrence.name
    );
    let help = format!("`{}` is over at {until}; let `{}` begin then or later", other.name, occurrence.name);
    resolver.error_with_help(path, message, help);
}

/// The name of the event that has removed this consumer by then.
pub(super) fn removed_by<'a>(scenario: &'a Scenario, place: &str) -> Option<&'a str> {
    let it = scenario.timeline.iter().find(|it| it.place == place && it.action.removes())?;
    Some(&it.name)
}
