//! Following one write through one replication.

use super::replicate::{Control, ExperimentError};
use crate::engine::time::{MICROSECOND, Nanos};
use crate::pipeline::Pipeline;
use crate::pipeline::follow::arrival::{Choice, Follower};
use crate::pipeline::follow::put::PutFollower;
use crate::pipeline::follow::slowest::{Leg, Slowest};
use crate::pipeline::follow::{Observer, Trail};
use crate::pipeline::wiring::Prepared;
use crate::scenario::checked::Scenario;

/// Writes of the same microsecond that are tried before one of them is taken for the slowest of a leg.
const TWINS_MAX: u64 = 100;

/// Follows the first write that is as asked, in one replication; nothing if there is none.
///
/// # Errors
/// A failure of the simulator, or an interruption.
pub fn follow(
    scenario: &Scenario,
    replication: u64,
    choice: Choice,
    control: &Control<'_>,
) -> Result<Option<Trail>, ExperimentError> {
    let prepared = Prepared::new(scenario);
    if choice.direct {
        let mut follower = PutFollower::new(scenario, choice);
        watch(scenario, &prepared, replication, &mut follower, control)?;
        return Ok(follower.finish());
    }
    let mut follower = Follower::new(scenario, &prepared, choice);
    watch(scenario, &prepared, replication, &mut follower, control)?;
    Ok(follower.finish())
}

/// Follows the measured write that took longest on a leg; nothing if none was measured there.
///
/// # Errors
/// As [`follow`].
pub fn slowest(
    scenario: &Scenario,
    replication: u64,
    leg: Leg,
    control: &Control<'_>,
) -> Result<Option<Trail>, ExperimentError> {
    let prepared = Prepared::new(scenario);
    let mut slowest = Slowest::of(leg);
    watch(scenario, &prepared, replication, &mut slowest, control)?;
    let Some(written) = slowest.written else { return Ok(None) };
    // Where a leg ends says of most legs not whose write came there: one to a table, or one put straight into a stream.
    let (writer, kinds) = match leg {
        Leg::Producer(number) => (Some(number), vec![false]),
        Leg::Direct(number) => (Some(number), vec![true]),
        _ => (None, vec![false, true]),
    };
    let exist =
        |direct: &bool| if *direct { !scenario.direct.is_empty() } else { !scenario.producers.is_empty() };
    let mut found = None;
    for direct in kinds.into_iter().filter(exist) {
        for skip in 0..TWINS_MAX {
            let choice = Choice { direct, writer, from: written, skip, ..Choice::default() };
            let Some(trail) = follow(scenario, replication, choice, control)? else { break };
            let micros = |at: Nanos| at / MICROSECOND;
            let start = micros(trail.subject.at);
            if start > micros(written) {
                break;
            }
            // Several writes may be of this microsecond: the one meant has a step after just that time.
            if trail.steps.iter().any(|step| micros(step.at) - start == slowest.longest()) {
                return Ok(Some(trail));
            }
            found = Some(trail);
        }
    }
    Ok(found)
}

fn watch(
    scenario: &Scenario,
    prepared: &Prepared,
    replication: u64,
    observer: &mut impl Observer,
    control: &Control<'_>,
) -> Result<(), ExperimentError> {
    let progress = |progress| {
        control.observer.progress(replication, progress);
        control.goes_on()
    };
    let watched =
        Pipeline::<true>::new(scenario, prepared, replication).watched(scenario, observer, progress);
    match watched.map_err(|error| ExperimentError::Run { replication, error })? {
        Some(_) => Ok(()),
        None => Err(ExperimentError::Interrupted),
    }
}
