//! Figures of the calls with which readers read: how many of them were refused.

use super::figure::Figure;
use crate::pipeline::finish::Outcome;
use crate::report::number::share;
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::kinesis::get_records::ReadMeter;
use crate::systems::lambda::mapping::Via;

/// Calls of a reader that were refused, and all that it made.
fn refused(meter: &ReadMeter) -> (u64, u64) {
    let refused = meter.refused_calls + meter.refused_bytes;
    (refused, meter.polls + meter.empty_polls + refused)
}

/// Refused reads of each reader that polls, and of all together.
pub fn figures(scenario: &Scenario, all: &mut Vec<Figure>) {
    type MeterOf = fn(&Outcome, usize) -> &ReadMeter;
    let consumers = scenario.consumers.iter().enumerate();
    let consumers = consumers.map(|(number, plan)| {
        let of: MeterOf = |outcome, number| &outcome.consumers[number].reads;
        (resource("consumers", &plan.name), number, of)
    });
    let functions = scenario.lambdas.iter().enumerate();
    let functions = functions.filter(|(_, plan)| matches!(plan.via, Via::Shared(_)));
    let functions = functions.map(|(number, plan)| {
        let of: MeterOf = |outcome, number| &outcome.lambdas[number].reads;
        (resource("consumers", &plan.name), number, of)
    });
    let fleets = scenario.fleets.iter().enumerate().filter(|(_, plan)| !plan.is_pushed_to());
    let fleets = fleets.map(|(number, plan)| {
        let of: MeterOf = |outcome, number| &outcome.fleets[number].reads;
        (resource("consumers", &plan.name), number, of)
    });
    let deliveries = scenario.deliveries.iter().enumerate().filter(|(_, plan)| plan.polls().is_some());
    let deliveries = deliveries.map(|(number, plan)| {
        let of: MeterOf = |outcome, number| &outcome.deliveries[number].reads;
        (plan.path.clone(), number, of)
    });
    let readers: Vec<_> = consumers.chain(functions).chain(fleets).chain(deliveries).collect();
    for (path, number, of) in readers.iter().cloned() {
        all.push(Figure::new(format!("{path}.refused_reads"), move |outcome| {
            Some(refused(of(outcome, number)).0 as f64)
        }));
        all.push(Figure::new(format!("{path}.refused_reads_share"), move |outcome| {
            let (refused, calls) = refused(of(outcome, number));
            share(refused, calls)
        }));
    }
    if !readers.is_empty() {
        all.push(Figure::new("refused_reads".into(), move |outcome| {
            Some(readers.iter().map(|(_, number, of)| refused(of(outcome, *number)).0).sum::<u64>() as f64)
        }));
    }
}
