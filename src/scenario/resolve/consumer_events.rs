//! What planned events do to consumers, apart from outages: they become slower, or go for good.

use super::timeline::Happening;
use crate::scenario::checked::{QueueUse, Scenario};
use crate::scenario::file::ScenarioFile;
use crate::scenario::path::{Path, resource};
use crate::scenario::resolver::Resolver;
use crate::scenario::timeline::{Action, EventSettings};
use crate::units::Duration;

/// One of these events as written: the consumer, and the factor by which it becomes slower; without one it goes.
pub(super) struct Written<'a> {
    of: &'a str,
    factor: Option<f64>,
}

/// The keys of these events, and which are there.
pub(super) fn kinds(settings: &EventSettings) -> [(&'static str, bool); 2] {
    [("slow_down", settings.slow_down.is_some()), ("remove", settings.remove.is_some())]
}

/// Which of them is written.
pub(super) fn written(settings: &EventSettings) -> Option<Written<'_>> {
    let slow_down = settings.slow_down.as_ref().map(|it| Written { of: &it.of.0, factor: Some(it.factor) });
    slow_down.or_else(|| settings.remove.as_ref().map(|of| Written { of: &of.0, factor: None }))
}

/// What it does; nothing after an error.
pub(super) fn happening(
    resolver: &mut Resolver,
    path: &Path,
    file: &ScenarioFile,
    scenario: &Scenario,
    Written { of, factor }: Written,
    lasts: Option<Duration>,
) -> Option<Happening> {
    let at = if factor.is_some() { path.key("slow_down").key("of") } else { path.key("remove") };
    match (factor, lasts) {
        (Some(_), None | Some(Duration::ZERO)) => {
            resolver.error(path, "`slow_down` needs `for`: how long it lasts");
        }
        (None, Some(_)) => {
            resolver.error(&path.key("for"), "`remove` is for good; take `for` out");
        }
        _ => {}
    }
    if let Some(factor) = factor.filter(|factor| !(1.0..=10_000.0).contains(factor)) {
        resolver.within(&path.key("slow_down").key("factor"), factor, 1.0..=10_000.0, "");
        return None;
    }
    let number = resolver.reference(&at, "consumers", of, file.consumers.keys())?;
    let (name, _) = file.consumers.get_index(number)?;
    let action = action(scenario, name, factor)?;
    let what = match factor {
        Some(factor) => format!("takes {factor} times as long"),
        None => "is removed: it reads no more".to_owned(),
    };
    Some(Happening { place: resource("consumers", name), what, action })
}

/// What it does to the consumer of this name; nothing where an error elsewhere has left that out.
fn action(scenario: &Scenario, name: &str, factor: Option<f64>) -> Option<Action> {
    let reads = |queue: &QueueUse| queue.consumer.as_ref().is_some_and(|plan| plan.name == *name);
    if let Some(number) = scenario.consumers.iter().position(|plan| plan.name == *name) {
        return Some(
            factor.map_or(Action::RemoveConsumer(number), |by| Action::ConsumerSlowDown(number, by)),
        );
    }
    if let Some(number) = scenario.lambdas.iter().position(|plan| plan.name == *name) {
        return Some(
            factor.map_or(Action::RemoveFunction(number), |by| Action::FunctionSlowDown(number, by)),
        );
    }
    if let Some(number) = scenario.fleets.iter().position(|plan| plan.name == *name) {
        return Some(factor.map_or(Action::RemoveFleet(number), |by| Action::FleetSlowDown(number, by)));
    }
    let number = scenario.queues.iter().position(reads)?;
    Some(factor.map_or(Action::RemoveQueueFunction(number), |by| Action::QueueFunctionSlowDown(number, by)))
}

/// The name of the event that has removed this consumer by then.
pub(super) fn removed_by<'a>(scenario: &'a Scenario, place: &str) -> Option<&'a str> {
    let it = scenario.timeline.iter().find(|it| it.place == place && it.action.removes())?;
    Some(&it.name)
}
